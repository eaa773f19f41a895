//! A network between the program and PostgreSQL that delays, cuts, half-closes and swallows: no 200 without a commit, nobody waits for
//! longer than the limit, and it goes on by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testbed::proxy::{CutAt, Proxy, Weather};
use tollhouse_core::id::ProviderPaymentId;

use crate::away::until_stored;
use crate::house::House;
use crate::load::{Attempt, Notification, client, send, send_all};
use crate::program::{Program, Setup};
use crate::room::{add_channel, check};
use crate::town::{self, Database, Engine};

/// The longest that anybody may wait for an answer: our own limit of 2.5 s and what the machine takes.
const ANSWER_MAX: Duration = Duration::from_millis(2_800);
/// How long the program may take to go on after the network is well again: what hangs is given up after at most 10 s, for a batch, and 12 s,
/// for a read.
const MENDED_MAX: Duration = Duration::from_secs(20);

/// The word with its end, as both sides send it; a transaction that begins says `READ COMMITTED`.
const COMMIT: &[u8] = b"COMMIT\0";

fn finished(payment: i64) -> Notification {
    Notification::new(payment, 1_000 + payment, "finished")
}

/// The same database through a proxy. In plain text, so that the proxy can read it.
async fn through_proxy(database: &Database) -> (Proxy, String) {
    let mut url = url::Url::parse(&database.url).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let server: SocketAddr = server.parse().unwrap();
    let proxy = Proxy::start(server).await.unwrap();
    url.set_ip_host(proxy.address().ip()).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    url.set_query(Some("sslmode=disable"));
    (proxy, url.to_string())
}

struct Line {
    database: Database,
    proxy: Proxy,
    program: Program,
    http: reqwest::Client,
    url: String,
}

async fn line() -> Line {
    let database = Database::fresh(Engine::Postgres).await;
    add_channel(&Setup::new(&database.url)).await;
    let (proxy, through) = through_proxy(&database).await;
    let program = Program::start(&Setup::new(&through)).await;
    let url = program.url("/webhooks/nowpayments");
    let line = Line { database, proxy, program, http: client(), url };
    assert_eq!(line.send(1).await, Attempt::Stored);
    line
}

impl Line {
    /// Sends a notification; nobody waits too long for the answer.
    async fn send(&self, payment: i64) -> Attempt {
        let begun = Instant::now();
        let attempt = send(&self.http, &self.url, &finished(payment)).await;
        assert!(begun.elapsed() < ANSWER_MAX, "{attempt:?} after {:?}", begun.elapsed());
        attempt
    }

    /// Whether the database holds anything of a payment, as another process sees it.
    async fn holds(&self, payment: i64) -> bool {
        let store = town::reopen(&self.database).await;
        let events = store.events_of(ProviderPaymentId::new(payment).unwrap(), 10).await.unwrap();
        store.close().await;
        !events.is_empty()
    }

    /// Whether the parts of the program that read answer in time, whatever they say.
    async fn health(&self) -> u16 {
        let begun = Instant::now();
        let answer = self.http.get(self.program.url("/health")).send().await.unwrap();
        assert!(begun.elapsed() < 2 * ANSWER_MAX, "{:?}", begun.elapsed());
        answer.status().as_u16()
    }

    async fn end(self, last: i64) {
        self.program.terminate().await;
        let store = town::reopen(&self.database).await;
        check(&*store, last).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_heard_of_is_no_200() {
    let line = line().await;
    // Cut before the server hears of the commit: nothing is there.
    line.proxy.cut_once(COMMIT, COMMIT, CutAt::Word);
    assert_eq!(line.send(2).await, Attempt::Unavailable);
    line.proxy.has_cut(1).await;
    assert!(!line.holds(2).await);
    until_stored(&line.http, &line.url, &finished(2), MENDED_MAX).await;
    // Cut when the server has done it, before we hear: it is there, and nobody was told so.
    line.proxy.cut_once(COMMIT, COMMIT, CutAt::Answer);
    assert_eq!(line.send(3).await, Attempt::Unavailable);
    line.proxy.has_cut(2).await;
    assert!(line.holds(3).await);
    until_stored(&line.http, &line.url, &finished(3), MENDED_MAX).await;
    line.end(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_or_half_closed_are_made_anew() {
    let line = line().await;
    for (at, way) in [(2, Proxy::cut as fn(&Proxy)), (3, Proxy::half_close)] {
        way(&line.proxy);
        // What was open is found dead and made anew; who comes at that moment may be told to come back.
        until_stored(&line.http, &line.url, &finished(at), Duration::from_secs(3)).await;
        assert_eq!(line.health().await, 200);
    }
    line.proxy.set(Weather::Refusing);
    line.proxy.cut();
    for payment in 4..10 {
        assert_eq!(line.send(payment).await, Attempt::Unavailable);
    }
    assert_eq!(line.health().await, 503);
    line.proxy.set(Weather::Fair);
    for payment in 4..10 {
        until_stored(&line.http, &line.url, &finished(payment), Duration::from_secs(3)).await;
    }
    line.end(9).await;
}

/// Every packet comes later by as much as from another country, and then by so much that no answer is in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_network_is_waited_for_and_one_that_is_too_slow_is_not() {
    let line = line().await;
    line.proxy.set(Weather::Slow(Duration::from_millis(40)));
    assert_eq!(line.send(2).await, Attempt::Stored);
    line.proxy.set(Weather::Slow(Duration::from_millis(1_400)));
    assert_eq!(line.send(3).await, Attempt::Unavailable);
    line.proxy.set(Weather::Fair);
    until_stored(&line.http, &line.url, &finished(3), MENDED_MAX).await;
    line.end(3).await;
}

/// Longer than 5 s: what hangs in a network that swallows everything is found by nothing but the time that it takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything_holds_nobody_and_is_left_behind() {
    let database = Database::fresh(Engine::Postgres).await;
    let (proxy, through) = through_proxy(&database).await;
    let mut house = House::on(database, 11).await;
    house.setup = house.setup.clone().with("TOLLHOUSE_DATABASE_URL", &through);
    let program = Program::start(&house.setup).await;
    let url = program.url("/webhooks/nowpayments");
    let notifications = house.notifications(2, 0);
    house.stored(&send_all(&house.http, &url, notifications).await.stored);
    house.all_inside(Duration::from_secs(30)).await;

    proxy.set(Weather::BlackHole);
    let notifications = house.notifications(2, 20);
    let refused = futures::future::join_all(notifications.iter().map(async |notification| {
        let begun = Instant::now();
        let attempt = send(&house.http, &url, notification).await;
        assert!(begun.elapsed() < ANSWER_MAX, "{:?}", begun.elapsed());
        attempt
    }));
    assert!(refused.await.iter().all(|attempt| *attempt == Attempt::Unavailable));
    let health = house.http.get(program.url("/health")).send().await.unwrap();
    assert_eq!(health.status().as_u16(), 503);

    proxy.set(Weather::Fair);
    until_stored(&house.http, &url, &notifications[0], MENDED_MAX).await;
    let tally = send_all(&house.http, &url, notifications).await;
    house.stored(&tally.stored);
    assert!(tally.left.is_empty(), "{:?}", tally.left);
    // The worker and the bot are back as well: who paid meanwhile is let in.
    house.all_inside(Duration::from_secs(30)).await;
    program.terminate().await;
    house.setup = house.setup.clone().with("TOLLHOUSE_DATABASE_URL", &house.database.url);
    house.check_all().await;
}

/// The first server of the address takes connections and says nothing, as a frozen machine does: the second is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_keeps_nobody_from_the_next_one() {
    let database = Database::fresh(Engine::Postgres).await;
    let (frozen, _) = through_proxy(&database).await;
    let (other, _) = through_proxy(&database).await;
    let (server, name) = (url::Url::parse(&database.url).unwrap(), database.url.rsplit_once('/').unwrap().1);
    let both = format!(
        "postgres://{}@{},{}/{name}?sslmode=disable",
        server.username(),
        frozen.address(),
        other.address()
    );
    let setup = Setup::new(&both);
    let program = Program::start(&setup).await;
    add_channel(&setup).await;
    let (http, url) = (client(), program.url("/webhooks/nowpayments"));
    assert_eq!(send(&http, &url, &finished(1)).await, Attempt::Stored);
    frozen.set(Weather::BlackHole);
    frozen.cut();
    until_stored(&http, &url, &finished(2), Duration::from_secs(6)).await;
    let ready = http.get(program.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status().as_u16(), 200);
    program.terminate().await;
    let store = town::reopen(&database).await;
    check(&*store, 2).await;
    store.close().await;
}
