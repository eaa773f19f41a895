//! Updates that are posted to the bot.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tollhouse_telegram::{Topic, Update, UpdateKind};

use crate::support::{BUYER, World};

/// Bodies and secrets that were posted.
type Posted = Arc<Mutex<Vec<(Bytes, String)>>>;

/// A bot that fails the first time.
async fn bot() -> (url::Url, Posted) {
    async fn take(State(posted): State<Posted>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let secret = headers.get("x-telegram-bot-api-secret-token").unwrap().to_str().unwrap().to_owned();
        let mut posted = posted.lock().unwrap();
        posted.push((body, secret));
        if posted.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    }
    let posted = Posted::default();
    let app = Router::new().route("/hook", post(take)).with_state(Arc::clone(&posted));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::Url::parse(&format!("http://{}/hook", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, posted)
}

#[tokio::test]
async fn an_update_is_posted_with_the_secret_until_the_bot_takes_it() {
    let world = World::new().await;
    let (url, posted) = bot().await;
    world.gateway.set_webhook(&url, &"s3cret".into(), &Topic::WANTED).await.unwrap();
    world.fake.say(BUYER, "/plans").unwrap();
    world.fake.say(BUYER, "/mylink").unwrap();
    world
        .fake
        .wait_for("an empty queue", |state| (state.updates_waiting() == 0).then_some(()))
        .await
        .unwrap();
    let posted = posted.lock().unwrap();
    let texts: Vec<_> = posted
        .iter()
        .map(|(body, secret)| {
            assert_eq!(secret, "s3cret");
            match Update::decode(body).unwrap().kind {
                UpdateKind::Message(message) => message.text.unwrap(),
                other => panic!("not a message: {other:?}"),
            }
        })
        .collect();
    assert_eq!(texts, ["/plans", "/plans", "/mylink"], "the first was posted again, before the second");
}
