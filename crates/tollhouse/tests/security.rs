//! What strangers try: each test names its number in the list of security cases. Secrets have a file of their own (secrets.rs), and so
//! have the limits per address (limits.rs).
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::sync::Arc;

use jiff::SignedDuration;
use nowpayments::BODY_BYTES_MAX;
use nowpayments::verify::sign;
use reqwest::{Client, Method, Response};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::serve::{Roles, Running};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, PlanId, PrivateChatId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::OrderSource;
use tollhouse_core::policy::Policies;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{
    AttentionFilter, ChannelFilter, LinkFilter, MembershipFilter, OrderFilter, PaymentFilter,
};
use town::{BUYER, Database, Engine, SECRET, SEED_REF, Town, body, user};

const HTTP_ONLY: Roles = Roles { http: true, worker: false, bot: false, reconcile: false };
/// At PostgreSQL: eight readers, two writers, the bulletin and the roles.
const SESSIONS_MAX: i64 = 13;

/// A Tollhouse with these settings, its HTTP side only.
struct Served {
    url: String,
    http: Client,
    app: Arc<App>,
    running: Running,
    _database: Database,
}

impl Served {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = Database::fresh(Engine::Sqlite).await;
        let mut values = vec![
            ("TOLLHOUSE_DATABASE_URL".to_owned(), database.url.clone()),
            ("TOLLHOUSE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ];
        values.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let app = App::open(Config::from_values(&values).unwrap(), Clock::default()).await.unwrap();
        let running = Running::start(Arc::clone(&app), HTTP_ONLY).await.unwrap();
        let url = format!("http://{}", running.addr.unwrap());
        Self { url, http: Client::new(), app, running, _database: database }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Posts a notification with this signature; gives the status.
    async fn notify(&self, body: &str, signature: &str) -> u16 {
        let headers = [("content-type", "application/json"), ("x-nowpayments-sig", signature)];
        let mut request = self.http.post(format!("{}/webhooks/nowpayments", self.url)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

async fn plan(town: &Town, label: &str) -> PlanId {
    let mut needs = Needs::default();
    needs.channels.insert(town.channel);
    let snapshot = town.store().snapshot(needs).await.unwrap();
    let channel = snapshot.channels.get(&town.channel).unwrap();
    channel.plans.iter().find(|plan| plan.label == label).unwrap().id
}

async fn order(town: &Town, buyer: i64) -> OrderId {
    let from = OrderFrom::Plan { channel_id: town.channel, plan_id: plan(town, "Month").await };
    let command = Command::CreateOrder {
        from,
        user: Some(user(buyer)),
        source: OrderSource::Api,
        wants_invoice: false,
    };
    match town.app.submit(command).await.unwrap() {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn link(town: &Town) -> String {
    let plan_id = plan(town, "Month").await;
    let command = Command::CreateLink {
        channel_id: town.channel,
        plan_id,
        expires_at: None,
        max_uses: None,
        actor: "cli:test".into(),
    };
    town.app.submit(command).await.unwrap();
    town.store().links(LinkFilter::default()).await.unwrap()[0].slug.clone()
}

/// Whoever has recorded what the provider once signed sends it again, a day or a year later, as often as they like.
#[tokio::test(flavor = "multi_thread")]
async fn s02_what_was_signed_once_gives_nothing_when_it_is_sent_again() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let order = order(&town, BUYER).await.to_string();
    let finished = body(1, "finished", Some(&order), "2.50");
    let legacy = body(2, "finished", Some(SEED_REF), "2.50");
    let ends = async |town: &Town| {
        let memberships = town.store().memberships(MembershipFilter::default()).await.unwrap();
        memberships.into_iter().map(|membership| (membership.status, membership.ends_at)).collect::<Vec<_>>()
    };
    assert_eq!(town.notify(&finished).await.1["verdict"], "applied");
    assert_eq!(town.notify(&legacy).await.1["verdict"], "applied");
    let once = ends(&town).await;
    for hours in [1, 24, 365 * 24] {
        town.clock.advance(SignedDuration::from_hours(hours));
        for old in [&finished, &legacy, &finished] {
            assert_eq!(town.notify(old).await.1["verdict"], "duplicate");
        }
        assert_eq!(ends(&town).await, once, "after {hours} hours");
    }
    // Money that went back takes the access with it, and the old notification does not bring it back.
    for (payment, reference) in [(1, order.as_str()), (2, SEED_REF)] {
        town.notify(&body(payment, "refunded", Some(reference), "2.50")).await;
    }
    let taken = ends(&town).await;
    assert!(taken.iter().all(|(status, _)| *status == MembershipStatus::Revoked), "{taken:?}");
    for old in [&finished, &legacy] {
        assert_eq!(town.notify(old).await.1["verdict"], "duplicate");
    }
    assert_eq!(ends(&town).await, taken);
    // Nor does its signature fit anything else.
    let signature = sign(SECRET, finished.as_bytes()).unwrap();
    let other = finished.replace("\"payment_id\":1", "\"payment_id\":3");
    assert_eq!(town.post("/", other.into_bytes(), Some(&signature)).await.0, 403);
    town.stop().await;
}

/// Texts that would do something if they ever became a part of a query.
const HOSTILE: [&str; 6] =
    ["'; DROP TABLE orders; --", "\" OR 1=1 --", "%", "_", "$1", "?1); DELETE FROM payments; --"];

async fn s06_text_that_looks_like_sql_is_text(engine: Engine) {
    let mut town = Town::with(engine, HTTP_ONLY).await;
    let slug = link(&town).await;
    for (number, text) in (1..).zip(HOSTILE) {
        let plan =
            NewPlan { label: text.into(), price: "1 USD".parse().unwrap(), duration: PlanDuration::Days(1) };
        let channel = NewChannel {
            private_chat: PrivateChatId::new(-100_777_000 - number).unwrap(),
            public_chat: None,
            title: text.into(),
            owner: None,
            payout: None,
            plans: vec![plan],
            policies: Policies::default(),
            actor: text.into(),
        };
        town.app.submit(Command::AddChannel(Box::new(channel))).await.unwrap();
        let mut notice: serde_json::Value =
            serde_json::from_str(&body(number, "finished", None, "1")).unwrap();
        notice["order_id"] = text.into();
        notice["pay_address"] = text.into();
        assert_eq!(town.notify(&notice.to_string()).await.0, 200, "{text}");
        for path in ["/api/payment-status?order_id=", "/o/", "/c/", "/payment-processing?order_id="] {
            let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let (status, said) = town.get(&format!("{path}{}", escaped.replace('+', "%20"))).await;
            assert!(matches!(status, 400 | 404), "{path}{text}: {status} {said}");
        }
        town.store().put_state(text, text).await.unwrap();
    }
    for text in HOSTILE {
        assert_eq!(town.store().get_state(text).await.unwrap().as_deref(), Some(text));
    }
    let channels = town.store().channels(ChannelFilter::default()).await.unwrap();
    let mut titles: Vec<&str> = channels.iter().map(|channel| channel.title.as_str()).collect();
    titles.reverse();
    assert_eq!(titles, [&["Signals & <Co>"], &HOSTILE[..]].concat());
    let payments = town.store().payments(PaymentFilter::default()).await.unwrap();
    assert_eq!(payments.len(), HOSTILE.len());
    let parked = town.store().attention(AttentionFilter::default()).await.unwrap();
    assert_eq!(parked.len(), HOSTILE.len(), "each is money that a person has to place");
    assert_eq!(town.get(&format!("/c/{slug}")).await.0, 200, "what was there still is");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_text_that_looks_like_sql_is_text_on_sqlite() {
    s06_text_that_looks_like_sql_is_text(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_text_that_looks_like_sql_is_text_on_postgres() {
    s06_text_that_looks_like_sql_is_text(Engine::Postgres).await;
}

/// The tables are gone under a running program: every answer says that it did not work, and none says why.
#[tokio::test(flavor = "multi_thread")]
async fn s07_s29_a_broken_database_shows_in_the_health_and_nothing_of_it_in_any_answer() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let order = order(&town, BUYER).await.to_string();
    let slug = link(&town).await;
    let file = town.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let connection = rusqlite::Connection::open(file).unwrap();
    let tables: Vec<String> = {
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            .unwrap();
        let rows = names.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert!(tables.len() > 10);
    for table in &tables {
        connection.execute_batch(&format!("ALTER TABLE \"{table}\" RENAME TO \"gone_{table}\"")).unwrap();
    }
    let mut answers = Vec::new();
    for path in [
        format!("/api/payment-status?order_id={order}"),
        format!("/payment-processing?order_id={order}"),
        format!("/o/{order}"),
        format!("/o/{order}/events"),
        format!("/c/{slug}"),
        "/health".to_owned(),
        "/readyz".to_owned(),
    ] {
        let (status, said) = town.get(&path).await;
        assert_eq!(status, 503, "{path}: {said}");
        answers.push((path, said));
    }
    for path in [format!("/c/{slug}"), format!("/o/{order}/coin"), format!("/o/{order}/again")] {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let request = town.http.post(format!("{}{path}", town.url)).header(form.0, form.1).body("coin=btc");
        let response = town.http.execute(request.build().unwrap()).await.unwrap();
        assert!(!response.status().is_success(), "{path}");
        answers.push((path, response.text().await.unwrap()));
    }
    let (status, said) = town.notify(&body(1, "finished", Some(&order), "2.50")).await;
    assert_eq!(status, 503, "{said}");
    answers.push(("the notification".to_owned(), said.to_string()));
    answers.push(("/metrics".to_owned(), town.get("/metrics").await.1));
    for (what, said) in answers {
        for inside in ["no such table", "gone_", "SELECT", "sqlite", "SQL", ".rs:", "panicked", ".db"] {
            assert!(!said.contains(inside), "{what} tells {inside:?}: {said}");
        }
    }
    town.stop().await;
}

/// What is not a page, the interface or the health does not answer; looking changes nothing; a notification wants its signature.
#[tokio::test(flavor = "multi_thread")]
async fn f106_s11_nothing_is_done_for_somebody_who_only_asks() {
    let mut town = Town::with(Engine::Sqlite, HTTP_ONLY).await;
    let slug = link(&town).await;
    let order = order(&town, BUYER).await.to_string();
    for path in [
        "/process-validated-payment",
        "/send-notification",
        "/check-threshold",
        "/process",
        "/api/broadcast/execute",
        "/swap-executed",
        "/admin",
        "/console",
        "/api/orders",
        "/api/payments",
        "/sandbox/payments",
        "/fake/users",
        "/.env",
        "/tollhouse.toml",
        "/assets/..%2f..%2ftollhouse.db",
        "/assets/%2e%2e/tollhouse.db",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let request = town.http.request(method.clone(), format!("{}{path}", town.url)).body("{}");
            let status = town.http.execute(request.build().unwrap()).await.unwrap().status().as_u16();
            assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
        }
    }
    let before = everything(&town).await;
    for path in [
        "/".to_owned(),
        "/webhooks/nowpayments".to_owned(),
        "/api/payment-status".to_owned(),
        format!("/c/{slug}"),
        format!("/o/{order}"),
        format!("/o/{order}/coin"),
        format!("/o/{order}/again"),
        "/health".to_owned(),
        "/metrics".to_owned(),
    ] {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::PATCH, Method::DELETE]
        {
            let request = town.http.request(method, format!("{}{path}", town.url));
            town.http.execute(request.build().unwrap()).await.unwrap();
        }
    }
    for path in ["/", "/webhooks/nowpayments"] {
        let body = body(1, "finished", Some(&order), "2.50");
        assert_eq!(town.post(path, body.clone().into_bytes(), None).await.0, 403);
        let foreign = sign("another", body.as_bytes()).unwrap();
        assert_eq!(town.post(path, body.into_bytes(), Some(&foreign)).await.0, 403);
    }
    assert_eq!(everything(&town).await, before);
    town.stop().await;
}

/// What there is, in numbers.
async fn everything(town: &Town) -> [usize; 4] {
    let store = town.store();
    [
        store.orders(OrderFilter::default()).await.unwrap().len(),
        store.payments(PaymentFilter::default()).await.unwrap().len(),
        store.memberships(MembershipFilter::default()).await.unwrap().len(),
        store.attention(AttentionFilter::default()).await.unwrap().len(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_s17_every_answer_has_its_headers_and_no_other_origin_reads_it() {
    const EVIL: &str = "https://evil.example";
    let secure = Served::with(&[
        ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET),
        ("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org"),
    ])
    .await;
    let paths = [
        "/",
        "/webhooks/nowpayments",
        "/api/payment-status",
        "/payment-processing",
        "/o/x",
        "/o/x/events",
        "/c/NoSuchLink1",
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/assets/none",
        "/nothing/here",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let headers = [("origin", EVIL), ("access-control-request-method", "POST")];
            let response = secure.ask(method.clone(), path, &headers).await;
            let header = |name: &str| {
                let value = response.headers().get(name);
                value.unwrap_or_else(|| panic!("{method} {path} lacks {name}")).to_str().unwrap()
            };
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("x-frame-options"), "DENY");
            assert_eq!(header("referrer-policy"), "same-origin");
            assert_eq!(header("strict-transport-security"), "max-age=31536000");
            let policy = header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
            let opens = response.headers().keys().find(|name| name.as_str().starts_with("access-control"));
            assert_eq!(opens, None, "{method} {path} opens itself to other origins");
        }
    }
    // A form of another site makes no order, whatever the link.
    for path in ["/c/NoSuchLink1", "/o/x/coin", "/o/x/again"] {
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(secure.ask(Method::POST, path, &[("origin", EVIL), form]).await.status(), 403, "{path}");
    }
    secure.running.stop().await;
    // Where the world reaches us without encryption, a promise to the contrary would lock it out.
    let plain = Served::with(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET)]).await;
    let response = plain.ask(Method::GET, "/livez", &[]).await;
    assert!(!response.headers().contains_key("strict-transport-security"));
    plain.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s18_a_secret_is_changed_without_losing_a_notification() {
    let rotating = Served::with(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-old-one, the-new-one")]).await;
    let signed = |secret: &str, number: i64| {
        let body = body(number, "waiting", None, "2.50");
        (body.clone(), sign(secret, body.as_bytes()).unwrap())
    };
    for (number, secret, status) in
        [(1, "the-old-one", 200), (2, "the-new-one", 200), (3, "the-old-one,the-new-one", 403)]
    {
        let (body, signature) = signed(secret, number);
        assert_eq!(rotating.notify(&body, &signature).await, status, "{secret}");
    }
    rotating.running.stop().await;
    let done = Served::with(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "the-new-one")]).await;
    for (number, secret, status) in [(4, "the-old-one", 403), (5, "the-new-one", 200)] {
        let (body, signature) = signed(secret, number);
        assert_eq!(done.notify(&body, &signature).await, status, "{secret}");
    }
    done.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s21_any_number_of_readers_and_writers_shares_a_few_sessions() {
    let mut town = Town::with(Engine::Postgres, HTTP_ONLY).await;
    let order = order(&town, BUYER).await.to_string();
    let address = format!("/api/payment-status?order_id={order}");
    let reads = futures::future::join_all((0..60).map(|_| town.get(&address)));
    let bodies: Vec<_> = (1..=60).map(|number| body(number, "waiting", Some(&order), "2.50")).collect();
    let writes = futures::future::join_all(bodies.iter().map(|body| town.notify(body)));
    let (reads, writes) = tokio::join!(reads, writes);
    assert!(writes.iter().all(|(status, _)| *status == 200), "{writes:?}");
    assert!(reads.iter().all(|(status, _)| *status == 200), "{reads:?}");
    let (client, connection) =
        tokio_postgres::connect(&town.database.url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    // A session stays open for the next use, so that what is open now is the most that ever were.
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tollhouse'";
    let sessions: i64 = client.query_one(count, &[]).await.unwrap().get(0);
    assert!((2..=SESSIONS_MAX).contains(&sessions), "{sessions}");
    drop(client);
    driver.await.unwrap().unwrap();
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_a_body_that_does_not_end_is_refused_where_the_bound_is() {
    let served = Served::with(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET)]).await;
    // Without a length, in pieces, and never at its end.
    let address = served.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /webhooks/nowpayments HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("{:x}\r\n{}\r\n", BODY_BYTES_MAX, " ".repeat(BODY_BYTES_MAX));
    stream.write_all(piece.as_bytes()).await.unwrap();
    stream.write_all(b"1\r\n \r\n").await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    assert!(line.contains(" 413 "), "{line}");
    let form = "coin=".to_owned() + &"b".repeat(2 * 1024 * 1024);
    let request = served
        .http
        .post(format!("{}/o/ord_00000000000000000000000000000001/coin", served.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(request.send().await.unwrap().status(), 413);
    served.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s39_a_part_of_a_signature_is_none() {
    let served = Served::with(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET)]).await;
    let body = body(1, "finished", Some(SEED_REF), "2.50");
    let whole = sign(SECRET, body.as_bytes()).unwrap();
    for length in 0..whole.len() {
        assert_eq!(served.notify(&body, &whole[..length]).await, 403, "{length} digits");
    }
    let padded = format!("{}{}", &whole[..32], "0".repeat(96));
    for wrong in [padded, format!("{whole}00"), format!("sha512={whole}"), format!("{whole}, {whole}")] {
        assert_eq!(served.notify(&body, &wrong).await, 403, "{wrong}");
    }
    assert_eq!(served.notify(&body, &whole).await, 200);
    served.running.stop().await;
}

/// The HTTP side without a secret, which `serve` does not start: what has no key is closed, not open.
#[tokio::test(flavor = "multi_thread")]
async fn s40_without_a_secret_no_notification_is_taken() {
    let served = Served::with(&[]).await;
    let body = body(1, "finished", Some(SEED_REF), "2.50");
    for signature in [String::new(), "0".repeat(128), sign(SECRET, body.as_bytes()).unwrap()] {
        assert_eq!(served.notify(&body, &signature).await, 403);
    }
    assert!(served.app.store.payments(PaymentFilter::default()).await.unwrap().is_empty());
    assert_eq!(
        served.ask(Method::GET, "/health", &[]).await.json::<serde_json::Value>().await.unwrap()["status"],
        "degraded"
    );
    served.running.stop().await;
}
