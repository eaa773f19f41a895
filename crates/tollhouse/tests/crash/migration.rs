//! A migration that is cut short: the next start completes it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use crate::load::{Attempt, Notification, Random, client, send};
use crate::program::{Program, Setup};
use crate::room::{add_channel, check};
use crate::town::{self, Database, Engine};

/// By how many bytes the place of the next death is further on: five pages and a little, so that it is in the middle of one as often as
/// at its end.
const STEP_BYTES: usize = 5 * 4_096 + 777;
/// What the system kills a program with whose file grows past its limit.
const SIGXFSZ: i32 = 25;
/// How often a migration of PostgreSQL is killed at a random moment, and when at the latest, in milliseconds.
const KILLS: usize = 6;
const KILLED_MS_MAX: u64 = 60;

/// The schema is whole: everything works on it.
async fn is_whole(database: &Database, setup: &Setup) {
    let program = Program::start(setup).await;
    add_channel(setup).await;
    let notification = Notification::new(1, 1_001, "finished");
    let url = program.url("/webhooks/nowpayments");
    assert_eq!(send(&client(), &url, &notification).await, Attempt::Stored);
    program.terminate().await;
    let store = town::reopen(database).await;
    check(&*store, 1).await;
    store.close().await;
}

/// Killed by the system in the middle of a write, at one place after another until it gets through.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_of_sqlite_is_killed_at_every_so_many_bytes() {
    let mut deaths = 0;
    loop {
        let database = Database::fresh(Engine::Sqlite).await;
        let setup = Setup::new(&database.url);
        let limit = format!("--fsize={}", 1 + deaths * STEP_BYTES);
        let killed = setup.clone().inside(&["prlimit", "--core=0", &limit]).run(&["migrate"]).await;
        if killed.status.success() {
            break;
        }
        assert_eq!(killed.status.signal(), Some(SIGXFSZ), "{killed:?}");
        deaths += 1;
        setup.json(&["migrate"]).await;
        setup.json(&["audit", "verify"]).await;
        if deaths % 8 == 1 {
            is_whole(&database, &setup).await;
        }
    }
    assert!(deaths >= 5, "a migration writes more than that: {deaths}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_of_postgres_is_killed_at_random_and_while_it_waits() {
    let database = Database::fresh(Engine::Postgres).await;
    let setup = Setup::new(&database.url);
    let (admin, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // A table of the same name that is about to be made holds the migration up in the middle.
    admin.batch_execute("BEGIN; CREATE TABLE jobs (x int)").await.unwrap();
    let mut migrating =
        setup.command(&["migrate"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND locktype <> 'advisory' AND pid <> pg_backend_pid()
                   AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))";
    while !admin.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
        // What is active is read anew only outside of the statement before.
        admin.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
    }
    migrating.start_kill().unwrap();
    migrating.wait().await.unwrap();
    admin.batch_execute("ROLLBACK").await.unwrap();
    is_whole(&database, &setup).await;

    let mut random = Random::new(3);
    let database = Database::fresh(Engine::Postgres).await;
    let setup = Setup::new(&database.url);
    for _ in 0..KILLS {
        let mut migrating =
            setup.command(&["migrate"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(random.below(KILLED_MS_MAX))).await;
        migrating.start_kill().unwrap();
        migrating.wait().await.unwrap();
    }
    is_whole(&database, &setup).await;
}
