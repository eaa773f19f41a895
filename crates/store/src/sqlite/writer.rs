//! The writer's thread: it owns the only connection that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::IdSource;
use tollhouse_core::safeguard::Safeguard;

use super::apply::Statements;
use super::checkpoint::Checkpoints;
use super::load;
use super::place::Place;
use super::rows::failure;
use super::sync::Syncs;
use crate::Committed;
use crate::batch::{channels_of, decide_all, needs, writes};
use crate::queue::{Intake, News};
use crate::writer::{Failure, Step};

/// What came of a batch.
pub(crate) struct Done {
    pub(crate) results: Vec<Result<Outcome, Refusal>>,
    committed: Committed,
}

/// What the thread works with.
pub(crate) struct Desk {
    pub(crate) connection: Connection,
    pub(crate) place: Place,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) syncs: Syncs,
}

/// Runs until the queue is closed and empty.
pub(crate) fn run(desk: Desk, mut intake: Intake) {
    let Desk { mut connection, place, mut checkpoints, mut syncs } = desk;
    let statements = Statements::default();
    let mut news = News::default();
    let mut copying = false;
    loop {
        let step = intake.machine.next_step();
        if let Step::Answer(ticket, answer) = step {
            news.answers.push((ticket, answer));
            continue;
        }
        if (!news.is_empty() || syncs.is_due()) && !syncs.hand_over(std::mem::take(&mut news)) {
            break;
        }
        if let Step::Run(batch) = step {
            let started = Instant::now();
            let mut ids = intake.ids();
            let mut before_commit = || {
                syncs.begin();
                Ok(())
            };
            let hands = Hands { now: &|| intake.now(), ids: &mut **ids, before_commit: &mut before_commit };
            let outcome = guarded(|| commit(&mut connection, &place, &statements, hands, &batch));
            drop(ids);
            match outcome {
                Ok(done) => {
                    news.batch = Some(intake.settled(done.results, done.committed, started));
                    copying = true;
                }
                Err(failure) => intake.failed(failure),
            }
            continue;
        }
        if std::mem::take(&mut copying) {
            checkpoints.after_commit(&connection);
        }
        for aside in std::mem::take(&mut intake.asides) {
            syncs.begin();
            let result = put_state(&connection, &place, &aside.key, &aside.text);
            news.asides.push((aside.reply, result.map_err(Into::into)));
        }
        // What was written besides is told before anything is waited for.
        if news.is_empty() && !intake.wait_blocking() {
            break;
        }
    }
    syncs.end();
    drop(checkpoints);
    if let Err((_, error)) = connection.close() {
        tracing::warn!(error = %error, "store.close_failed: the database was not closed cleanly; nothing is lost");
    }
}

/// A panic fails the batch, not the process: its transaction is rolled back when it is dropped.
fn guarded(run: impl FnOnce() -> Result<Done, Failure>) -> Result<Done, Failure> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::Broken("the writer panicked".to_owned())))
}

/// What a batch needs besides the database.
pub(crate) struct Hands<'a> {
    /// The time, asked when everything is loaded.
    pub(crate) now: &'a dyn Fn() -> Timestamp,
    pub(crate) ids: &'a mut dyn IdSource,
    /// Called when everything is written. Here the simulator lets a process die or a disk fail.
    pub(crate) before_commit: &'a mut dyn FnMut() -> Result<(), Failure>,
}

/// Runs a batch in one transaction.
pub(crate) fn commit(
    connection: &mut Connection,
    place: &Place,
    statements: &Statements,
    hands: Hands<'_>,
    batch: &[Command],
) -> Result<Done, Failure> {
    place.check()?;
    // The write lock first: what is read is then what will be there when it is written.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let mut snapshot = load::snapshot(&transaction, needs(batch))?;
    let channels = channels_of(&snapshot);
    let results = decide_all((hands.now)(), hands.ids, &mut snapshot, batch)?;
    if !snapshot.has_writes() {
        return Ok(Done { results, committed: Committed::default() });
    }
    let mut writes = writes(&mut snapshot, &channels);
    let committed = writes.committed.clone();
    let outside =
        if Safeguard::OutboxInTransaction.stands() { Vec::new() } else { std::mem::take(&mut writes.arm) };
    statements.apply(&transaction, writes)?;
    (hands.before_commit)()?;
    transaction.commit().map_err(failure)?;
    // It may have been moved away since; then nobody is told that it is stored.
    place.check()?;
    if !outside.is_empty() {
        // The predecessor's way, and what the simulator must notice: a process that dies here has decided and does nothing.
        (hands.before_commit)()?;
        statements.arm(connection, &outside)?;
    }
    Ok(Done { results, committed })
}

fn put_state(connection: &Connection, place: &Place, key: &str, text: &str) -> Result<(), Failure> {
    place.check()?;
    connection
        .prepare_cached("INSERT INTO state (key, text) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET text = excluded.text")
        .and_then(|mut statement| statement.execute(params![key, text]))
        .map(|_| ())
        .map_err(failure)
}
