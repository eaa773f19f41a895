//! The database goes away, or only reads, and comes back, under a program at work.

use std::time::{Duration, Instant};

use crate::house::House;
use crate::load::{Attempt, Notification, client, send, send_all};
use crate::program::{Program, Setup};
use crate::room::{add_channel, check};
use crate::town::{self, Database, Engine};

/// The longest that a notification may wait for its 503, in milliseconds: our own limit and what the machine takes.
const REFUSED_MS_MAX: u128 = 2_800;
/// Notifications that come while the database is away.
const MEANWHILE: i64 = 20;

fn finished(payment: i64) -> Notification {
    Notification::new(payment, 1_000 + payment, "finished")
}

/// Each of these is told in time to come back.
pub async fn all_refused(http: &reqwest::Client, url: &str, payments: std::ops::Range<i64>) {
    let begun = Instant::now();
    let attempts = payments.map(|payment| {
        let (http, url) = (http.clone(), url.to_owned());
        async move { send(&http, &url, &finished(payment)).await }
    });
    for attempt in futures::future::join_all(attempts).await {
        assert_eq!(attempt, Attempt::Unavailable);
    }
    assert!(begun.elapsed().as_millis() < REFUSED_MS_MAX, "{:?}", begun.elapsed());
}

async fn status(http: &reqwest::Client, url: String) -> u16 {
    http.get(url).send().await.unwrap().status().as_u16()
}

/// Sends a notification until it is stored, as the provider does, only faster; how long that took.
pub async fn until_stored(
    http: &reqwest::Client,
    url: &str,
    notification: &Notification,
    patience: Duration,
) -> Duration {
    let begun = Instant::now();
    while send(http, url, notification).await != Attempt::Stored {
        assert!(begun.elapsed() < patience, "{notification:?} is not taken after {patience:?}");
        tokio::task::yield_now().await;
    }
    begun.elapsed()
}

/// A server of its own is killed, and starts again a while later. Buyers who paid before and after get in; nothing is restarted by hand.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_dies_and_comes_back() {
    let log = std::env::temp_dir().join(format!("tollhouse-away-{}.log", std::process::id()));
    let started = tokio::task::spawn_blocking({
        let log = log.clone();
        move || {
            use testbed::postgres::{Cluster, Durability};
            Cluster::start(&std::env::temp_dir(), Durability::ProcessOnly, &log)
        }
    });
    let mut cluster = started.await.unwrap().unwrap();
    let mut house = House::on(Database::at(cluster.url()), 7).await;
    let program = Program::start(&house.setup).await;
    let url = program.url("/webhooks/nowpayments");
    let notifications = house.notifications(4, 10);
    let tally = send_all(&house.http, &url, notifications).await;
    house.stored(&tally.stored);

    // In the middle of a load.
    let notifications = house.notifications(4, 60);
    let load = tokio::spawn({
        let (http, url) = (house.http.clone(), url.clone());
        async move { send_all(&http, &url, notifications).await }
    });
    cluster.kill();
    let tally = load.await.unwrap();
    house.stored(&tally.stored);
    let left = tally.left;
    assert!(!left.is_empty(), "the database died too late to matter");
    all_refused(&house.http, &url, 1..MEANWHILE).await;
    assert_eq!(status(&house.http, program.url("/health")).await, 503);
    assert_eq!(status(&house.http, program.url("/livez")).await, 200);

    tokio::task::block_in_place(|| cluster.start_again()).unwrap();
    until_stored(&house.http, &url, &left[0], Duration::from_secs(5)).await;
    let tally = send_all(&house.http, &url, left).await;
    house.stored(&tally.stored);
    assert!(tally.left.is_empty(), "it goes on by itself: {:?}", tally.left);
    // What the worker held when the database died comes free after a minute, so a test waits for those only who paid since.
    let late = house.notifications(2, 0);
    house.stored(&send_all(&house.http, &url, late).await.stored);
    house.newest_inside(2, Duration::from_secs(30)).await;
    program.terminate().await;
    house.check_all().await;
    drop(cluster);
    let _ = std::fs::remove_file(log);
}

/// An operator, or a full disk of a managed server, lets the database only be read for a while.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_only_reads_for_a_while() {
    let database = Database::fresh(Engine::Postgres).await;
    let setup = Setup::new(&database.url);
    let program = Program::start(&setup).await;
    add_channel(&setup).await;
    let (http, url) = (client(), program.url("/webhooks/nowpayments"));
    assert_eq!(send(&http, &url, &finished(1)).await, Attempt::Stored);

    let (admin, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let name = database.url.rsplit_once('/').unwrap().1;
    let only_reads = format!(
        "ALTER DATABASE {name} SET default_transaction_read_only = on;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    admin.batch_execute(&only_reads).await.unwrap();
    all_refused(&http, &url, 2..MEANWHILE).await;
    assert_eq!(status(&http, program.url("/readyz")).await, 503);
    admin
        .batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = off"))
        .await
        .unwrap();
    until_stored(&http, &url, &finished(2), Duration::from_secs(5)).await;
    assert_eq!(status(&http, program.url("/readyz")).await, 200);
    for payment in 3..MEANWHILE {
        assert_eq!(send(&http, &url, &finished(payment)).await, Attempt::Stored);
    }
    program.terminate().await;
    let store = town::reopen(&database).await;
    check(&*store, MEANWHILE - 1).await;
    store.close().await;
}

/// SQLite goes on to write into a file that was moved away, or deleted, under it; then 200 would mean nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_is_moved_away_or_replaced_takes_nothing() {
    let database = Database::fresh(Engine::Sqlite).await;
    let path = database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let setup = Setup::new(&database.url);
    let program = Program::start(&setup).await;
    add_channel(&setup).await;
    let (http, url) = (client(), program.url("/webhooks/nowpayments"));
    assert_eq!(send(&http, &url, &finished(1)).await, Attempt::Stored);

    std::fs::rename(&path, format!("{path}.away")).unwrap();
    all_refused(&http, &url, 2..MEANWHILE).await;
    assert_eq!(status(&http, program.url("/readyz")).await, 503);
    program.says("is gone from its place").await;
    // What was stored last is in the log, which stands there alone. A look at it must not cost it.
    let log = || std::fs::metadata(format!("{path}-wal")).unwrap().len();
    let before = log();
    assert!(before > 0, "nothing is at stake");
    for looks in [&["payment", "list"][..], &["attention", "list"], &["migrate"], &["doctor"]] {
        let output = setup.run(looks).await;
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{looks:?}: {said}");
        assert!(said.contains("put the file back"), "{looks:?}: {said}");
    }
    let Err(said) = Program::try_start(&setup).await else { panic!("started beside a log without its file") };
    assert!(said.contains("put the file back"), "{said}");
    assert!(!std::path::Path::new(&path).exists(), "a new one in its place");
    assert_eq!(log(), before);
    std::fs::write(&path, "").unwrap();
    all_refused(&http, &url, 2..MEANWHILE).await;
    program.says("is another file than the one that was opened").await;
    std::fs::rename(format!("{path}.away"), &path).unwrap();
    for payment in 2..MEANWHILE {
        assert_eq!(send(&http, &url, &finished(payment)).await, Attempt::Stored, "back in its place");
    }
    assert_eq!(status(&http, program.url("/readyz")).await, 200);
    program.terminate().await;
    let store = town::reopen(&database).await;
    check(&*store, MEANWHILE - 1).await;
    store.close().await;
}
