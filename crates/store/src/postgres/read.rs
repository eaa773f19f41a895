//! Reads: lists and numbers, from a pool of connections.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{NoTls, Row};
use tollhouse_core::attention::Reason;
use tollhouse_core::id::{ChannelId, OrderId};
use tollhouse_core::job::JobState;

use super::connect::{READER_SESSION, Server, Tls};
use super::hosts::PoolConnect;
use super::pipeline::{Call, run};
use super::rows::{Parameter, PostgresRow, chain, failure, system_time};
use crate::layout::Columns;
use crate::listing::{
    ATTENTION_OPEN, Listing, POSTGRES, Value, count_members as count_members_sql,
    order_by_legacy_ref as by_legacy_ref, outbox,
};
use crate::writer::Failure;
use crate::{JobCount, JobTotals, OpenError, STUCK_AFTER_SECONDS, Stats};

/// How many may read at once in this process. With the writer, the bulletin and two roles that is twelve sessions of the hundred that a server has by default.
const READERS_MAX: usize = 8;
/// How long a read waits for a connection: less than anybody waits for a page.
const READER_WAIT: Duration = Duration::from_secs(2);
/// How long a new connection for a read may take: one server that says nothing, and then the one that took its place.
const READER_CONNECT: Duration = Duration::from_secs(4);
/// How long a connection of the pool may take to say that it lives. One that does not is thrown away, and a network that swallowed
/// everything leaves as many of them as the pool has.
const READER_ALIVE: Duration = Duration::from_secs(1);

/// Makes the pool; nothing is connected yet.
pub(crate) fn pool(server: &Server) -> Result<Pool, OpenError> {
    // A question before each use: after a failover every connection of the pool is dead, and no page should find out.
    let config = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    let manager = match &server.tls {
        Tls::Off => {
            let connect = PoolConnect { hosts: server.hosts.clone(), tls: NoTls };
            Manager::from_connect(server.config.clone(), connect, config)
        }
        Tls::On(tls) => {
            let connect = PoolConnect { hosts: server.hosts.clone(), tls: tls.clone() };
            Manager::from_connect(server.config.clone(), connect, config)
        }
    };
    Pool::builder(manager)
        .max_size(READERS_MAX)
        .wait_timeout(Some(READER_WAIT))
        .create_timeout(Some(READER_CONNECT))
        .recycle_timeout(Some(READER_ALIVE))
        .runtime(Runtime::Tokio1)
        .post_create(Hook::async_fn(|client: &mut ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(READER_SESSION).await.map_err(HookError::Backend) })
        }))
        .build()
        .map_err(|error| server.unavailable(&error.to_string()))
}

/// A connection of the pool.
pub(crate) async fn reader(pool: &Pool) -> Result<Object, Failure> {
    pool.get().await.map_err(|error| Failure::Unavailable(chain(&error)))
}

/// A connection on which a read transaction may be open: it is ended before anybody else gets the connection, also if the reader
/// is dropped in the middle.
pub(crate) struct Reading(Option<Object>);

impl Reading {
    pub(crate) async fn begin(pool: &Pool) -> Result<Self, Failure> {
        Ok(Self(Some(reader(pool).await?)))
    }

    /// The connection.
    pub(crate) fn client(&self) -> Result<&ClientWrapper, Failure> {
        self.0.as_deref().ok_or_else(|| Failure::Broken("the reader is gone".to_owned()))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some(object) = self.0.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    // If this fails the connection is of no use to anybody.
                    let ended = tokio::time::timeout(READER_ALIVE, object.batch_execute("COMMIT")).await;
                    if !matches!(ended, Ok(Ok(()))) {
                        drop(Object::take(object));
                    }
                });
            }
            Err(_) => drop(Object::take(object)),
        }
    }
}

fn parameter(value: &Value) -> Parameter<'_> {
    match value {
        Value::Uuid(id) => Box::new(*id),
        Value::Int(number) => Box::new(*number),
        Value::Text(text) => Box::new(text.as_str()),
        Value::Time(at) => Box::new(system_time(*at)),
    }
}

/// Runs a list's query.
pub(crate) async fn rows(client: &ClientWrapper, listing: &Listing) -> Result<Vec<Row>, Failure> {
    let parameters = listing.values.iter().map(parameter).collect();
    let answers = run(client, &[Call::Rows { sql: &listing.sql, parameters }]).await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Runs a list's query and reads its rows.
pub(crate) async fn list<V>(
    pool: &Pool,
    listing: Listing,
    read: impl Fn(&mut PostgresRow<'_>) -> Result<V, Failure>,
) -> Result<Vec<V>, Failure> {
    let client = reader(pool).await?;
    let rows = rows(&client, &listing).await?;
    super::load::each(&rows, read)
}

async fn first(
    client: &ClientWrapper,
    sql: &str,
    parameters: Vec<Parameter<'_>>,
) -> Result<Option<Row>, Failure> {
    let answers = run(client, &[Call::Rows { sql, parameters }]).await?;
    Ok(answers.into_iter().flatten().next())
}

pub(crate) async fn order_by_legacy_ref(pool: &Pool, reference: &str) -> Result<Option<OrderId>, Failure> {
    let client = reader(pool).await?;
    let row = first(&client, &by_legacy_ref(&POSTGRES), vec![Box::new(reference)]).await?;
    row.map(|row| row.try_get(0).map(OrderId).map_err(|error| failure(&error))).transpose()
}

pub(crate) async fn count_members(pool: &Pool, channel: ChannelId) -> Result<u64, Failure> {
    let client = reader(pool).await?;
    let row = first(&client, &count_members_sql(&POSTGRES), vec![Box::new(channel.0)]).await?;
    let count = row.map(|row| row.try_get(0)).transpose().map_err(|error| failure(&error))?;
    Ok(positive(count))
}

pub(crate) async fn state(pool: &Pool, key: &str) -> Result<Option<String>, Failure> {
    let client = reader(pool).await?;
    let row = first(&client, "SELECT text FROM state WHERE key = $1", vec![Box::new(key)]).await?;
    row.map(|row| row.try_get(0).map_err(|error| failure(&error))).transpose()
}

pub(crate) async fn check(pool: &Pool) -> Result<(), Failure> {
    let client = reader(pool).await?;
    first(&client, "SELECT sequence FROM audit_head", Vec::new()).await.map(|_| ())
}

/// All but what takes as long as there are many jobs.
pub(crate) async fn stats(pool: &Pool, now: Timestamp) -> Result<Stats, Failure> {
    let client = reader(pool).await?;
    let since = now - SignedDuration::from_secs(STUCK_AFTER_SECONDS);
    let by_kind = [JobState::Leased, JobState::Dead].map(|state| (state, POSTGRES.jobs_by_kind(state)));
    let (outbox, stuck) = (outbox(&POSTGRES), POSTGRES.count_stuck());
    let rows = |sql, parameters| Call::Rows { sql, parameters };
    let mut calls = vec![
        rows(outbox.as_str(), vec![Box::new(system_time(now)) as Parameter<'_>]),
        rows(stuck.as_str(), vec![Box::new(system_time(since))]),
        rows(ATTENTION_OPEN, Vec::new()),
    ];
    calls.extend(by_kind.iter().map(|(_, sql)| rows(sql, Vec::new())));
    let answers = run(&client, &calls).await?;
    let mut stats = Stats::default();
    if let Some(row) = answers[0].first() {
        let mut row = PostgresRow::new(row);
        stats.outbox_due = positive(row.int()?);
        stats.outbox_oldest = row.time()?;
    }
    if let Some(row) = answers[1].first() {
        stats.stuck_payments = positive(PostgresRow::new(row).int()?);
    }
    for (reason, count) in counts(&answers[2])? {
        if let Some(reason) = Reason::from_word(&reason) {
            stats.attention_open.insert(reason, count);
        }
    }
    for ((state, _), answer) in by_kind.iter().zip(&answers[3..]) {
        for (kind, count) in counts(answer)? {
            stats.jobs.push(JobCount { kind, state: *state, count });
        }
    }
    Ok(stats)
}

fn positive(count: Option<i64>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// The rest.
pub(crate) async fn totals(pool: &Pool) -> Result<JobTotals, Failure> {
    let client = reader(pool).await?;
    let done = POSTGRES.jobs_by_kind(JobState::Done);
    let rows = |sql| Call::Rows { sql, parameters: Vec::new() };
    let waiting = POSTGRES.jobs_waiting();
    let answers = run(&client, &[rows(&done), rows(&waiting)]).await?;
    let mut totals = JobTotals::default();
    for (kind, count) in counts(&answers[0])? {
        totals.jobs.push(JobCount { kind, state: JobState::Done, count });
    }
    let read = |row: &mut PostgresRow<'_>| {
        let kind = row.text()?.unwrap_or_default().to_owned();
        Ok((kind, positive(row.int()?), positive(row.int()?)))
    };
    for (kind, count, retrying) in super::load::each(&answers[1], read)? {
        totals.retrying.insert(kind.clone(), retrying);
        totals.jobs.push(JobCount { kind, state: JobState::Ready, count });
    }
    Ok(totals)
}

fn counts(rows: &[Row]) -> Result<BTreeMap<String, u64>, Failure> {
    let read = |row: &mut PostgresRow<'_>| {
        let name = row.text()?.unwrap_or_default().to_owned();
        Ok((name, positive(row.int()?)))
    };
    Ok(super::load::each(rows, read)?.into_iter().collect())
}
