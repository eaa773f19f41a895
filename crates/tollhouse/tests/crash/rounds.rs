//! Killed while notifications come in, over and over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::house::{End, House};
use crate::load::send_all_telling;
use crate::program::Program;
use crate::town::Engine;
use crate::{number, report};

/// Buyers and lookers of each round: enough that a life ends before the load does more often than not.
const BUYERS: usize = 8;
const LOOKERS: usize = 150;
/// The longest life under load, in milliseconds.
const LIFE_MS_MAX: u64 = 600;
/// One start of so many is killed, too.
const STARTS_KILLED: u64 = 4;
/// The longest life of a start that is killed, in milliseconds: a start takes some tens.
const START_MS_MAX: u64 = 80;

async fn rounds(engine: Engine, rounds: u64, seed: u64, end: End) {
    let mut house = House::new(engine, seed).await;
    let (mut left, mut before) = (Vec::new(), Vec::new());
    let (mut kills, mut left_over, mut slowest) = (0, 0, Duration::ZERO);
    for round in 0..rounds {
        if house.random.below(STARTS_KILLED) == 0 {
            let mut starting =
                house.setup.command(&["serve"]).stderr(std::process::Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(house.random.below(START_MS_MAX))).await;
            starting.start_kill().unwrap();
            starting.wait().await.unwrap();
            kills += 1;
        }
        let program = Program::start(&house.setup).await;
        slowest = slowest.max(program.started_in);
        house.check_stored(&before).await;
        left.extend(house.notifications(BUYERS, LOOKERS));
        house.random.shuffle(&mut left);
        let life = Duration::from_millis(house.random.below(LIFE_MS_MAX));
        let (http, url) = (house.http.clone(), program.url("/webhooks/nowpayments"));
        let first_answer = Arc::new(Notify::new());
        let answered = Arc::clone(&first_answer);
        let sending = tokio::spawn(async move { send_all_telling(&http, &url, left, &answered).await });
        // The moment is the point: whatever happens to be under way is cut off. One life ends in the middle of the load, however
        // quick the machine is.
        if round == 0 {
            first_answer.notified().await;
        } else {
            tokio::time::sleep(life).await;
        }
        program.kill().await;
        kills += 1;
        let tally = sending.await.unwrap();
        house.stored(&tally.stored);
        left_over += tally.left.len();
        (left, before) = (tally.left, tally.stored);
    }
    assert!(left_over > 0, "no kill interrupted anything");
    house.check_stored(&before).await;
    house.finish(left, end).await;
    report(&format!(
        "crash on {engine:?} (seed {seed}): killed {kills} times, which left {left_over} notifications to be sent again; {} notifications were answered 200 and all of them are in the event log; \
         {} orders were paid, each gave its month once and let its buyer in; {} audit entries hold; slowest start {} ms",
        house.stored_count(),
        house.orders_count(),
        house.audit_entries(),
        slowest.as_millis(),
    ));
}

/// Rounds of the tests; the command runs as many as it is asked for.
const SHORT_ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_notifications_come_in_on_sqlite() {
    rounds(Engine::Sqlite, SHORT_ROUNDS, 1, End::Ahead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_notifications_come_in_on_postgres() {
    rounds(Engine::Postgres, SHORT_ROUNDS, 2, End::Ahead).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: cargo xtask crash"]
async fn many_rounds() {
    let (count, seed) = (number("TOLLHOUSE_TEST_ROUNDS", 5), number("TOLLHOUSE_TEST_SEED", 1));
    rounds(Engine::Sqlite, count, seed, End::InTime).await;
    rounds(Engine::Postgres, count, seed, End::InTime).await;
}
