//! Failures on the way, and what they leave behind.

use std::time::Duration;

use secrecy::SecretString;
use tollhouse_telegram::fake::{CallOutcome, Fault};
use tollhouse_telegram::{Blocked, Cause, ChatId, Error, Gateway, GatewayConfig, Html, Method, Topic};

use crate::support::{BUYER, CHANNEL, World};

async fn write(world: &World) -> Result<(), Error> {
    world.gateway.send_message(BUYER.private_chat(), &Html::text("Hello"), None).await.map(drop)
}

fn arrived(world: &World) -> usize {
    world.fake.read(|state| state.bot_posts(BUYER).len())
}

#[tokio::test]
async fn too_many_requests_says_how_long_to_wait_and_only_as_often_as_scripted() {
    let world = World::new().await;
    world.fake.fault("sendMessage", &Fault::too_many_requests(7), 2);
    assert_eq!(write(&world).await, Err(Error::RetryAfter { seconds: 7 }));
    world.gateway.get_me().await.unwrap();
    assert_eq!(write(&world).await, Err(Error::RetryAfter { seconds: 7 }));
    assert_eq!(write(&world).await, Ok(()));
    assert_eq!(arrived(&world), 1);
    assert_eq!(world.fake.read(|state| (state.done("sendMessage"), state.failed("sendMessage"))), (1, 2));
}

#[tokio::test]
async fn a_server_error_is_transient_in_json_and_in_a_proxys_html() {
    let world = World::new().await;
    for (fault, code) in [(Fault::server_error(), 500), (Fault::bad_gateway(), 502)] {
        world.fake.fault("*", &fault, 1);
        let expected = Error::Transient { cause: Cause::Server(code), maybe_done: true };
        assert_eq!(write(&world).await, Err(expected));
    }
    assert_eq!(arrived(&world), 0);
}

#[tokio::test]
async fn s28_a_time_out_may_hide_that_it_was_done() {
    let world = World::new().await;
    let timed_out = Err(Error::Transient { cause: Cause::Timeout, maybe_done: true });
    for (fault, posts) in [(Fault::hang_before(), 0), (Fault::hang_after(), 1)] {
        world.fake.fault("sendMessage", &fault, 1);
        let gateway = world.gateway.clone();
        let call =
            async move { gateway.send_message(BUYER.private_chat(), &Html::text("Hello"), None).await };
        assert_eq!(world.time_out(call).await, timed_out);
        assert_eq!(arrived(&world), posts);
    }
    let outcomes: Vec<_> = world.fake.read(|state| {
        let sent = state.calls().filter(|call| call.method == "sendMessage");
        sent.map(|call| call.outcome.clone()).collect()
    });
    assert_eq!(outcomes, [CallOutcome::Hidden { done: false }, CallOutcome::Hidden { done: true }]);
}

#[tokio::test]
async fn a_broken_connection_may_hide_that_it_was_done() {
    let world = World::new().await;
    for (fault, posts) in [(Fault::close_before(), 0), (Fault::close_after(), 1)] {
        world.fake.fault("sendMessage", &fault, 1);
        let error = write(&world).await.unwrap_err();
        assert!(
            matches!(error, Error::Transient { cause: Cause::Interrupted(_), maybe_done: true }),
            "{error:?}"
        );
        assert_eq!(arrived(&world), posts);
    }
}

#[tokio::test]
async fn a_link_whose_answer_was_lost_exists_all_the_same() {
    let world = World::new().await;
    world.fake.fault("createChatInviteLink", &Fault::server_error().but_done(), 1);
    let error = world.gateway.create_chat_invite_link(CHANNEL, "membership 1", None).await.unwrap_err();
    assert_eq!(error, Error::Transient { cause: Cause::Server(500), maybe_done: true });
    assert_eq!(world.fake.read(|state| state.links(CHANNEL).len()), 1);
}

#[tokio::test]
async fn nobody_at_the_address_means_that_nothing_was_done() {
    let world = World::new().await;
    world.fake.stop().await;
    let error = write(&world).await.unwrap_err();
    assert!(matches!(error, Error::Transient { cause: Cause::Connect(_), maybe_done: false }), "{error:?}");
}

#[tokio::test]
async fn a_scripted_refusal_is_sorted_like_a_real_one() {
    let world = World::new().await;
    world.fake.fault("sendMessage", &Fault::answer(403, "Forbidden: user is deactivated"), 1);
    assert_eq!(write(&world).await, Err(Error::Blocked(Blocked::Deactivated)));
    world.fake.fault("sendMessage", &Fault::server_error(), 3);
    world.fake.clear_faults();
    assert_eq!(write(&world).await, Ok(()));
}

#[tokio::test]
async fn a_wrong_token_is_told_from_everything_else() {
    let world = World::new().await;
    for token in ["700000001:another", "1:x"] {
        let config = GatewayConfig::new(token.into(), world.fake.api_url());
        let stranger = Gateway::new(config).unwrap();
        assert_eq!(stranger.get_me().await, Err(Error::InvalidToken), "{token}");
    }
    let mut elsewhere = world.fake.api_url();
    elsewhere.set_path("/api/v1");
    let lost = Gateway::new(GatewayConfig::new(world.fake.bot_token().into(), elsewhere)).unwrap();
    assert_eq!(lost.get_me().await, Err(Error::InvalidToken));
}

#[tokio::test]
async fn s10_no_error_shows_the_token() {
    let world = World::new().await;
    let secret = "SIMULATED-bot_token";
    assert!(world.fake.bot_token().contains(secret), "the test looks for the right thing");
    let mut errors = Vec::new();
    let faults =
        [Fault::close_before(), Fault::server_error(), Fault::bad_gateway(), Fault::too_many_requests(1)];
    for fault in faults {
        world.fake.fault("getMe", &fault, 1);
        errors.push(world.gateway.get_me().await.unwrap_err());
    }
    // Something in between that repeats the address that it was asked at.
    for code in [400, 403, 409] {
        let echo =
            Fault::answer(code, &format!("Bad Request: no route /bot{}/getMe", world.fake.bot_token()));
        world.fake.fault("getMe", &echo, 1);
        errors.push(world.gateway.get_me().await.unwrap_err());
    }
    errors.push(world.gateway.get_chat(ChatId(-404)).await.unwrap_err());
    world.fake.fault("getMe", &Fault::hang_before(), 1);
    let gateway = world.gateway.clone();
    errors.push(world.time_out(async move { gateway.get_me().await }).await.unwrap_err());
    world.fake.stop().await;
    errors.push(world.gateway.get_me().await.unwrap_err());
    assert!(matches!(errors.last(), Some(Error::Transient { cause: Cause::Connect(_), .. })));
    for error in errors {
        assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn the_observer_hears_of_every_call_and_of_what_cannot_be_read() {
    let world = World::empty().await;
    world.gateway.get_me().await.unwrap();
    world.fake.fault("getMe", &Fault::too_many_requests(1), 1);
    world.gateway.get_me().await.unwrap_err();
    assert_eq!(*world.seen.calls.lock().unwrap(), [(Method::GetMe, "ok"), (Method::GetMe, "retry_after")]);
    world.fake.push_update("edited_message", &serde_json::json!({"message_id": 1}));
    world.fake.push_update("message", &serde_json::json!({"a shape": "of the future"}));
    world.fake.push_update("telepathy", &serde_json::json!("hm"));
    assert_eq!(world.updates().await.len(), 3, "each is confirmed like the others");
    let unread = world.seen.unread.lock().unwrap();
    assert_eq!(*unread, ["edited_message", "message", "telepathy"]);
}

#[tokio::test]
async fn a_webhook_secret_that_telegram_would_refuse_is_refused() {
    let world = World::empty().await;
    let url = world.fake.api_url();
    let refused = world
        .gateway
        .set_webhook(&url, &SecretString::from("not allowed!"), &Topic::WANTED)
        .await
        .unwrap_err();
    let reason = "Bad Request: secret token contains unallowed characters";
    assert_eq!(refused, Error::Permanent { description: reason.to_owned() });
    let updates = world.gateway.get_updates(None, Duration::ZERO, &Topic::WANTED).await.unwrap();
    assert_eq!(updates.updates, [], "no webhook was set");
}
