//! The queue and the writer.

use std::sync::Arc;

use tokio::task::JoinSet;
use tollhouse_core::attention::Reason;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::Verdict;
use tollhouse_core::id::{ProviderPaymentId, TelegramUserId};

use super::Fresh;
use super::world::{Notice, World, legacy_ref};
use crate::writer::BATCH_LENGTH_MAX;
use crate::{AttentionFilter, QUEUE_LENGTH_MAX, StoreError};

/// Submits from tasks of their own and waits until all of them are in the queue.
async fn submit_all(world: &World, commands: Vec<Command>) -> JoinSet<Result<Outcome, StoreError>> {
    let mut tasks = JoinSet::new();
    for command in commands {
        let store = Arc::clone(&world.store);
        let (sent, is_sent) = tokio::sync::oneshot::channel();
        tasks.spawn(async move {
            let mut submit = store.submit(command);
            // The first poll puts the command into the queue.
            let first =
                std::future::poll_fn(|context| std::task::Poll::Ready(submit.as_mut().poll(context))).await;
            sent.send(()).unwrap();
            match first {
                std::task::Poll::Ready(answer) => answer.map(Result::unwrap),
                std::task::Poll::Pending => submit.await.map(Result::unwrap),
            }
        });
        is_sent.await.unwrap();
    }
    tasks
}

pub async fn a_full_queue_says_so_at_once(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.hold().await;
    let start = Command::UserStarted { user: TelegramUserId::new(1).unwrap() };
    let waiting = submit_all(&world, vec![start.clone(); QUEUE_LENGTH_MAX]).await;
    assert_eq!(world.store.submit(start).await, Err(StoreError::Full));
    world.gate.open();
    for answer in waiting.join_all().await {
        assert_eq!(answer, Ok(Outcome::Done));
    }
    let largest = world.batches.lock().unwrap().iter().copied().max();
    assert_eq!(largest, Some(BATCH_LENGTH_MAX));
}

pub async fn f33_a_poison_is_parked_and_the_others_commit(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.hold().await;
    // The rules panic when the batch begins, and again when the first of the three is run by itself.
    world.script.lock().unwrap().extend([true, true]);
    let commands = (1..=3).map(|number| Notice::finished(number, legacy_ref(number)).command()).collect();
    let answers = submit_all(&world, commands).await;
    world.gate.open();
    let answers = answers.join_all().await;
    let with = |verdict: Verdict| {
        let is_it = |answer: &&Result<Outcome, StoreError>| matches!(answer, Ok(Outcome::Notification { verdict: v, .. }) if *v == verdict);
        answers.iter().filter(is_it).count()
    };
    assert_eq!((with(Verdict::Parked), with(Verdict::Applied)), (1, 2), "{answers:?}");
    let items = world.store.attention(AttentionFilter::default()).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].reason, Reason::Internal);
    for number in 1..=3 {
        let events = world.store.events_of(ProviderPaymentId::new(number).unwrap(), 10).await.unwrap();
        assert_eq!(events.len(), 1, "each was stored, and once");
    }
}

pub async fn closing_commits_what_is_held(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.hold().await;
    let commands = (1..=300).map(|number| Notice::finished(number, legacy_ref(number)).command()).collect();
    let answers = submit_all(&world, commands).await;
    let closing = tokio::spawn({
        let store = Arc::clone(&world.store);
        async move { store.close().await }
    });
    world.gate.open();
    closing.await.unwrap();
    for answer in answers.join_all().await {
        assert!(matches!(answer, Ok(Outcome::Notification { granted: true, .. })), "{answer:?}");
    }
    let late = world.store.submit(Notice::finished(301, legacy_ref(301)).command()).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
    world.store.close().await;
    let again = World::open(database, 2).await;
    for number in [1, 150, 300] {
        let events = again.store.events_of(ProviderPaymentId::new(number).unwrap(), 10).await.unwrap();
        assert_eq!(events.len(), 1);
    }
}

pub async fn a_caller_who_hangs_up_changes_nothing(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.hold().await;
    let mut waiting = submit_all(&world, vec![Notice::finished(1, legacy_ref(7)).command()]).await;
    waiting.shutdown().await;
    world.gate.open();
    world.run(Notice::finished(2, legacy_ref(8)).command()).await;
    let events = world.store.events_of(ProviderPaymentId::new(1).unwrap(), 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].verdict, Verdict::Applied);
}
