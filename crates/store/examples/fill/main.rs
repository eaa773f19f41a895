//! Fills a database that has a channel with memberships, for `cargo xtask bench growth`.
//!
//! `cargo run --release -p tollhouse-store --features conformance --example fill -- URL SIZE`

#![expect(clippy::unwrap_used, reason = "an example: it panics to say what is wrong")]

mod memberships;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tollhouse_store::conformance::SeededIds;
use tollhouse_store::{ChannelFilter, Ports, open};

/// The first ends so much later: none is due while it is measured.
const FIRST_ENDS: SignedDuration = SignedDuration::from_hours(24);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, size] = &arguments[..] else { panic!("URL SIZE") };
    #[expect(clippy::disallowed_methods, reason = "the program that is measured goes by the real clock")]
    let now = Timestamp::now();
    let ports =
        Ports { now: Arc::new(move || now), ids: Box::new(SeededIds::new(1)), on_batch: Arc::new(|_| {}) };
    let store = open(url, ports).await.unwrap();
    let channels = store.channels(ChannelFilter::default()).await.unwrap();
    let channel = channels.first().unwrap().id;
    store.close().await;
    drop(store);
    memberships::fill(url, channel, size.parse().unwrap(), now + FIRST_ENDS).await;
}
