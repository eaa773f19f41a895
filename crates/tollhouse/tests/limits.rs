//! Limits per client address, over real HTTP behind a proxy that the configuration names, or does not.
#![expect(clippy::unwrap_used, reason = "a test panics to say what does not hold")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside")]

mod town;

use std::sync::Arc;

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use reqwest::{Client, Response};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::serve::{Roles, Running};
use town::{Database, Engine, SECRET, body};

/// As in http/limits.rs.
const READS_AT_ONCE_MAX: usize = 100;
/// As in http/limits.rs.
const ORDERS_AT_ONCE_MAX: usize = 20;

struct House {
    url: String,
    http: Client,
    running: Running,
    _database: Database,
}

impl House {
    async fn open(trusted: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = Database::fresh(Engine::Sqlite).await;
        let mut values = vec![
            ("TOLLHOUSE_DATABASE_URL".to_owned(), database.url.clone()),
            ("TOLLHOUSE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".to_owned(), SECRET.to_owned()),
            ("TOLLHOUSE_TELEGRAM_MODE".to_owned(), "off".to_owned()),
        ];
        values.extend(trusted.map(|networks| ("TOLLHOUSE_TRUSTED_PROXIES".to_owned(), networks.to_owned())));
        let app = App::open(Config::from_values(&values).unwrap(), Clock::default()).await.unwrap();
        let mut roles = Roles::all();
        (roles.worker, roles.bot) = (false, false);
        let running = Running::start(Arc::clone(&app), roles).await.unwrap();
        let url = format!("http://{}", running.addr.unwrap());
        Self { url, http: Client::new(), running, _database: database }
    }

    /// Presses the button of a payment link that there is not, from an address.
    async fn buy(&self, address: &str) -> Response {
        let request =
            self.http.post(format!("{}/c/NoSuchLink1", self.url)).header("x-forwarded-for", address);
        request.send().await.unwrap()
    }

    async fn ask(&self, address: &str) -> Response {
        let url = format!("{}/api/payment-status?order_id=ord_00000000000000000000000000000001", self.url);
        self.http.get(url).header("x-forwarded-for", address).send().await.unwrap()
    }

    async fn notify(&self, payment_id: i64, secret: &str) -> u16 {
        let body = body(payment_id, "waiting", None, "2.50");
        let request = self
            .http
            .post(format!("{}/webhooks/nowpayments", self.url))
            .header("content-type", "application/json")
            .header("x-forwarded-for", "203.0.113.9")
            .header(SIGNATURE_HEADER, sign(secret, body.as_bytes()).unwrap())
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }
}

fn retry_after(response: &Response) -> u64 {
    response.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s03_s14_one_address_is_slowed_down_and_the_others_are_not() {
    let house = House::open(Some("127.0.0.0/8")).await;
    for _ in 0..ORDERS_AT_ONCE_MAX {
        assert_eq!(house.buy("203.0.113.9").await.status(), 404);
    }
    // On a slow machine one or another is due again by now. What stands in front of the proxy's own word is the caller's invention.
    let mut refused = house.buy("198.51.100.77, 203.0.113.9").await;
    for _ in 0..ORDERS_AT_ONCE_MAX {
        if refused.status() == 404 {
            refused = house.buy("198.51.100.78, 203.0.113.9").await;
        }
    }
    assert_eq!(refused.status(), 429);
    assert!((1..=4).contains(&retry_after(&refused)));
    assert!(refused.text().await.unwrap().contains("try again"));
    assert_eq!(house.buy("203.0.113.10").await.status(), 404, "a neighbour may");
    assert_eq!(house.ask("203.0.113.9").await.status(), 404, "and looking is counted apart");

    for _ in 0..READS_AT_ONCE_MAX * 3 {
        house.ask("203.0.113.11").await;
    }
    let refused = house.ask("203.0.113.11").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(retry_after(&refused), 1);

    // Whoever has used up all of that: what the provider has signed is always taken, and what it has not is refused as ever.
    for _ in 0..=ORDERS_AT_ONCE_MAX {
        house.buy("203.0.113.9").await;
    }
    for number in 1..=30 {
        assert_eq!(house.notify(number, SECRET).await, 200);
        assert_eq!(house.notify(number, "another-secret").await, 403);
    }
    let metrics =
        house.http.get(format!("{}/metrics", house.url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tollhouse_requests_limited_total{kind=\"order\"}"), "{metrics}");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_nobody_named_slows_nobody_down() {
    let house = House::open(None).await;
    for _ in 0..ORDERS_AT_ONCE_MAX * 2 {
        assert_eq!(house.buy("203.0.113.9").await.status(), 404);
    }
    house.running.stop().await;
}
