//! Lists and numbers.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension, ToSql};
use tollhouse_core::attention::Reason;
use tollhouse_core::id::{ChannelId, OrderId};
use tollhouse_core::job::JobState;

use super::load::query;
use super::rows::{SqliteRow, failure};
use crate::counts::DoneCounts;
use crate::layout::Columns;
use crate::listing::{
    ATTENTION_OPEN, Listing, SQLITE, Value, count_members as count_members_sql, jobs_by_kind,
    order_by_legacy_ref as by_legacy_ref, outbox,
};
use crate::writer::Failure;
use crate::{JobCount, STUCK_AFTER_SECONDS, Stats};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Uuid(id) => id.to_sql(),
            Self::Int(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Time(at) => Ok(at.as_microsecond().into()),
        }
    }
}

/// Reads in one transaction, so that all of it is from one instant.
pub(crate) fn at_one_instant<V>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<V, Failure>,
) -> Result<V, Failure> {
    let transaction = connection.unchecked_transaction().map_err(failure)?;
    read(&transaction)
}

pub(crate) fn list<V>(
    connection: &Connection,
    listing: &Listing,
    read: impl Fn(&mut SqliteRow<'_, '_>) -> Result<V, Failure>,
) -> Result<Vec<V>, Failure> {
    let parameters: Vec<&dyn ToSql> = listing.values.iter().map(|value| value as &dyn ToSql).collect();
    let mut found = Vec::new();
    query(connection, &listing.sql, &parameters, read, &mut found)?;
    Ok(found)
}

pub(crate) fn order_by_legacy_ref(
    connection: &Connection,
    reference: &str,
) -> Result<Option<OrderId>, Failure> {
    let found = connection.query_row(&by_legacy_ref(&SQLITE), [reference], |row| row.get(0)).optional();
    Ok(found.map_err(failure)?.map(OrderId))
}

pub(crate) fn count_members(connection: &Connection, channel: ChannelId) -> Result<u64, Failure> {
    let sql = count_members_sql(&SQLITE);
    let count = connection.query_row(&sql, [channel.0], |row| row.get(0)).map_err(failure)?;
    Ok(positive(count))
}

pub(crate) fn state(connection: &Connection, key: &str) -> Result<Option<String>, Failure> {
    let found =
        connection.query_row("SELECT text FROM state WHERE key = ?1", [key], |row| row.get(0)).optional();
    found.map_err(failure)
}

pub(crate) fn check(connection: &Connection) -> Result<(), Failure> {
    let found = connection.query_row("SELECT sequence FROM audit_head", [], |row| row.get::<_, i64>(0));
    found.map(|_| ()).map_err(failure)
}

pub(crate) fn stats(connection: &Connection, now: Timestamp, done: &DoneCounts) -> Result<Stats, Failure> {
    let c = connection;
    let mut stats = Stats::default();
    let (due, oldest): (i64, Option<i64>) = c
        .query_row(&outbox(&SQLITE), [now.as_microsecond()], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failure)?;
    stats.outbox_due = positive(due);
    stats.outbox_oldest = oldest.and_then(|at| Timestamp::from_microsecond(at).ok());
    for state in [JobState::Ready, JobState::Leased, JobState::Dead] {
        for (kind, count) in counts(c, &jobs_by_kind(state.as_str()))? {
            stats.jobs.push(JobCount { kind, state, count });
        }
    }
    for (kind, count) in done_by_kind(c, done)? {
        stats.jobs.push(JobCount { kind, state: JobState::Done, count });
    }
    for (reason, count) in counts(c, ATTENTION_OPEN)? {
        if let Some(reason) = Reason::from_word(&reason) {
            stats.attention_open.insert(reason, count);
        }
    }
    let since = now - SignedDuration::from_secs(STUCK_AFTER_SECONDS);
    let stuck =
        c.query_row(&SQLITE.count_stuck(), [since.as_microsecond()], |row| row.get(0)).map_err(failure)?;
    stats.stuck_payments = positive(stuck);
    Ok(stats)
}

fn positive(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn done_by_kind(connection: &Connection, done: &DoneCounts) -> Result<BTreeMap<String, u64>, Failure> {
    if let Some(kept) = done.get() {
        return Ok(kept);
    }
    let begun = Instant::now();
    let counted = counts(connection, &jobs_by_kind(JobState::Done.as_str()))?;
    done.keep(&counted, begun);
    Ok(counted)
}

fn counts(connection: &Connection, sql: &str) -> Result<BTreeMap<String, u64>, Failure> {
    let mut found = Vec::new();
    let read = |row: &mut SqliteRow<'_, '_>| {
        let name = row.text()?.unwrap_or_default().to_owned();
        let count = positive(row.int()?.unwrap_or(0));
        Ok((name, count))
    };
    query(connection, sql, &[], read, &mut found)?;
    Ok(found.into_iter().collect())
}
