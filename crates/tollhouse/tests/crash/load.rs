//! Notifications as the provider sends them, and what became of each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::town::{PUBLIC_CHAT, SECRET, body};

/// How many connections the provider has.
const CONNECTIONS: usize = 16;
/// After how long the provider gives up, in milliseconds; our own limit is 2,500.
const PATIENCE_MS: u64 = 3_000;
/// What every monthly plan of these tests costs.
pub const PRICE: &str = "2.50";

/// A random number generator that a seed repeats (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for place in (1..list.len()).rev() {
            let other = self.below(u64::try_from(place + 1).unwrap());
            list.swap(place, usize::try_from(other).unwrap());
        }
    }
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notification {
    pub payment: i64,
    pub body: String,
}

impl Notification {
    /// Of a payment for a month, by a reference of the predecessor: each such payment makes its own order.
    pub fn new(payment: i64, user: i64, status: &str) -> Self {
        let reference = format!("PGP-{user}|{PUBLIC_CHAT}");
        let mut body = body(payment, status, Some(&reference), PRICE);
        if matches!(status, "waiting" | "expired") {
            // Nobody has paid, and what was paid and then given up would be for a person.
            body = body.replacen(r#""actually_paid":0.000025"#, r#""actually_paid":0"#, 1);
        }
        Self { payment, body }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// 200.
    Stored,
    /// 503 with `Retry-After`.
    Unavailable,
    /// Nobody listened.
    Refused,
    /// The connection ended before the answer, or the answer never came.
    Cut,
}

/// The provider's side.
pub fn client() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Sends one notification. Anything that a provider would not repeat, and that is no 200, fails the test.
pub async fn send(http: &reqwest::Client, url: &str, notification: &Notification) -> Attempt {
    let request = http
        .post(url)
        .timeout(Duration::from_millis(PATIENCE_MS))
        .header("content-type", "application/json")
        .header(SIGNATURE_HEADER, sign(SECRET, notification.body.as_bytes()).unwrap())
        .body(notification.body.clone());
    match request.send().await {
        Ok(response) => match response.status().as_u16() {
            200 => Attempt::Stored,
            503 => {
                assert!(response.headers().contains_key("retry-after"), "a 503 says when to come back");
                Attempt::Unavailable
            }
            other => panic!("{other} is no answer to {notification:?}: {:?}", response.text().await),
        },
        Err(error) if error.is_connect() => Attempt::Refused,
        Err(_) => Attempt::Cut,
    }
}

/// What became of a load.
#[derive(Default)]
pub struct Tally {
    /// Each that got its 200.
    pub stored: Vec<Notification>,
    /// Those that did not.
    pub left: Vec<Notification>,
}

/// Sends each notification once, over all connections; a connection whose attempt was refused or cut stops.
pub async fn send_all(http: &reqwest::Client, url: &str, notifications: Vec<Notification>) -> Tally {
    send_all_telling(http, url, notifications, &Arc::new(Notify::new())).await
}

/// The same; tells when the first has got its 200.
pub async fn send_all_telling(
    http: &reqwest::Client,
    url: &str,
    notifications: Vec<Notification>,
    first_answer: &Arc<Notify>,
) -> Tally {
    let waiting = Arc::new(Mutex::new(VecDeque::from(notifications)));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (waiting, http, url) = (Arc::clone(&waiting), http.clone(), url.to_owned());
        let first_answer = Arc::clone(first_answer);
        connections.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let Some(next) = waiting.lock().unwrap().pop_front() else { return tally };
                match send(&http, &url, &next).await {
                    Attempt::Stored => {
                        tally.stored.push(next);
                        first_answer.notify_one();
                    }
                    Attempt::Unavailable => tally.left.push(next),
                    Attempt::Refused | Attempt::Cut => {
                        tally.left.push(next);
                        return tally;
                    }
                }
            }
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = connections.join_next().await {
        let tally = tally.unwrap();
        all.stored.extend(tally.stored);
        all.left.extend(tally.left);
    }
    all.left.extend(waiting.lock().unwrap().drain(..));
    all
}
