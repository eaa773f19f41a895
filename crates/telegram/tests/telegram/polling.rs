//! `getUpdates`.

use std::time::Duration;

use tollhouse_telegram::fake::NewUser;
use tollhouse_telegram::{Error, Topic, UpdateId, UpdateKind};

use crate::support::{BUYER, CHANNEL, OWNER, World};

/// Longer than any test takes: what comes back sooner came by its own.
const LONG_POLL: Duration = Duration::from_secs(50);

#[tokio::test]
async fn a_long_poll_answers_when_something_happens() {
    let world = World::new().await;
    let gateway = world.gateway.clone();
    let waiting = world.fake.read(|state| state.done("getUpdates"));
    let poll = tokio::spawn(async move { gateway.get_updates(None, LONG_POLL, &Topic::WANTED).await });
    world.fake.say(BUYER, "/plans").unwrap();
    let batch = poll.await.unwrap().unwrap();
    assert!(matches!(&batch.updates[0].kind, UpdateKind::Message(m) if m.command() == Some(("plans", ""))));
    world
        .fake
        .wait_for("the poll in the log", |state| (state.done("getUpdates") > waiting).then_some(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn updates_stay_until_they_are_confirmed() {
    let world = World::new().await;
    world.fake.say(BUYER, "one").unwrap();
    world.fake.say(BUYER, "two").unwrap();
    let poll =
        async |offset| world.gateway.get_updates(offset, Duration::ZERO, &Topic::WANTED).await.unwrap();
    let first = poll(None).await;
    assert_eq!(first.updates.len(), 2);
    assert_eq!(poll(None).await, first, "nothing was confirmed");
    let second = poll(Some(UpdateId(first.updates[0].id.0 + 1))).await;
    assert_eq!(second.updates, first.updates[1..]);
    assert_eq!(poll(second.next_offset).await.updates, []);
    assert_eq!(poll(None).await.updates, [], "what was confirmed is gone for good");
}

#[tokio::test]
async fn a_second_poller_ends_the_first() {
    let world = World::new().await;
    let gateway = world.gateway.clone();
    let begun = world.fake.read(|state| state.polls_begun());
    let first = tokio::spawn(async move { gateway.get_updates(None, LONG_POLL, &Topic::WANTED).await });
    // The first has to be waiting before the second comes, or it would be the one that wins.
    world
        .fake
        .wait_for("the first poller", |state| (state.polls_begun() > begun).then_some(()))
        .await
        .unwrap();
    let second = world.gateway.get_updates(None, Duration::ZERO, &Topic::WANTED).await;
    assert_eq!(second.unwrap().updates, []);
    let error = first.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Conflict { webhook: false, .. }), "{error:?}");
}

#[tokio::test]
async fn polling_while_a_webhook_is_set_is_a_conflict_until_it_is_deleted() {
    let world = World::new().await;
    // Nobody is behind the webhook, so its updates wait.
    let nobody = url::Url::parse("http://127.0.0.1:1/hook").unwrap();
    world.gateway.set_webhook(&nobody, &"s3cret".into(), &Topic::WANTED).await.unwrap();
    let error = world.gateway.get_updates(None, Duration::ZERO, &Topic::WANTED).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { webhook: true, .. }), "{error:?}");
    world.fake.say(BUYER, "kept").unwrap();
    world.gateway.delete_webhook().await.unwrap();
    assert_eq!(world.updates().await.len(), 1);
}

#[tokio::test]
async fn chat_member_comes_only_to_those_who_ask_for_it_by_name() {
    let world = World::new().await;
    let only_messages =
        async || world.gateway.get_updates(None, Duration::ZERO, &[Topic::Message]).await.unwrap();
    only_messages().await;
    world.fake.add_member(CHANNEL, OWNER, BUYER).unwrap();
    world.fake.say(BUYER, "hi").unwrap();
    let kinds: Vec<_> =
        only_messages().await.updates.iter().map(|update| update.kind.name().to_owned()).collect();
    assert_eq!(kinds, ["message"]);
}

#[tokio::test]
async fn updates_that_nobody_fetches_for_a_day_are_gone() {
    let world = World::new().await;
    world.fake.say(BUYER, "old").unwrap();
    world.wait_minutes(12 * 60);
    world.fake.say(BUYER, "new").unwrap();
    world.wait_minutes(13 * 60);
    world.fake.add_user(NewUser::new(5, "Eve")).unwrap();
    assert_eq!(world.fake.read(|state| state.updates_waiting()), 1);
    let updates = world.updates().await;
    assert!(matches!(&updates[..], [UpdateKind::Message(m)] if m.text.as_deref() == Some("new")));
}

#[tokio::test]
async fn the_end_of_telegram_ends_a_long_poll() {
    let world = World::new().await;
    let gateway = world.gateway.clone();
    let begun = world.fake.read(|state| state.polls_begun());
    let poll = tokio::spawn(async move { gateway.get_updates(None, LONG_POLL, &Topic::WANTED).await });
    world.fake.wait_for("the poller", |state| (state.polls_begun() > begun).then_some(())).await.unwrap();
    world.fake.stop().await;
    assert_eq!(poll.await.unwrap().unwrap().updates, []);
}
