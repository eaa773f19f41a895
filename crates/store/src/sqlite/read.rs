//! Lists and numbers.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension, ToSql};
use tollhouse_core::attention::Reason;
use tollhouse_core::id::{ChannelId, OrderId};
use tollhouse_core::job::JobState;

use super::load::query;
use super::rows::{SqliteRow, failure};
use crate::layout::Columns;
use crate::listing::{
    ATTENTION_OPEN, Listing, SQLITE, Value, count_members as count_members_sql,
    order_by_legacy_ref as by_legacy_ref, outbox,
};
use crate::writer::Failure;
use crate::{JobCount, JobTotals, STUCK_AFTER_SECONDS, Stats};

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

/// All but what takes as long as there are many jobs.
pub(crate) fn stats(connection: &Connection, now: Timestamp) -> Result<Stats, Failure> {
    let c = connection;
    let mut stats = Stats::default();
    let (due, oldest): (i64, Option<i64>) = c
        .query_row(&outbox(&SQLITE), [now.as_microsecond()], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failure)?;
    stats.outbox_due = positive(due);
    stats.outbox_oldest = oldest.and_then(|at| Timestamp::from_microsecond(at).ok());
    for state in [JobState::Leased, JobState::Dead] {
        for (kind, count) in counts(c, &SQLITE.jobs_by_kind(state))? {
            stats.jobs.push(JobCount { kind, state, count });
        }
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

/// The rest.
pub(crate) fn totals(connection: &Connection) -> Result<JobTotals, Failure> {
    let mut totals = JobTotals::default();
    for (kind, count) in counts(connection, &SQLITE.jobs_by_kind(JobState::Done))? {
        totals.jobs.push(JobCount { kind, state: JobState::Done, count });
    }
    let mut waiting = Vec::new();
    let read = |row: &mut SqliteRow<'_, '_>| {
        let kind = row.text()?.unwrap_or_default().to_owned();
        Ok((kind, positive(row.int()?.unwrap_or(0)), positive(row.int()?.unwrap_or(0))))
    };
    query(connection, &SQLITE.jobs_waiting(), &[], read, &mut waiting)?;
    for (kind, count, retrying) in waiting {
        totals.retrying.insert(kind.clone(), retrying);
        totals.jobs.push(JobCount { kind, state: JobState::Ready, count });
    }
    Ok(totals)
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
