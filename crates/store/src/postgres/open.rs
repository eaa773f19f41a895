//! Brings the schema up to date.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;

use super::connect::{PLAIN_SESSION, Server};
use super::rows::failure;
use crate::migrate::{Migrated, Migration, POSTGRES, SCHEMA_MIGRATIONS, pending};
use crate::writer::Failure;
use crate::{OpenError, OpenOptions};

/// The lock of those who migrate. Negative, so that it is no payment's number.
const MIGRATION_LOCK: i64 = -7_011_400_501;
/// How long a migration waits for a table at a time, in milliseconds. Whoever asks for the table after it waits behind it, also the processes
/// of the version before, which are at work: a second they bear, an hour behind a copy that somebody makes they do not.
const LOCK_WAIT_MS: u64 = 1_000;
/// How long it then leaves the table to the others, in milliseconds, before it asks again.
const LOCK_AGAIN_MS: u64 = 3_000;

/// Sees to the schema, as the options say.
pub(crate) async fn prepare(server: &Server, options: OpenOptions) -> Result<(), OpenError> {
    if options.migrate {
        return migrate(server).await.map(|_| ());
    }
    let client = server.connect(PLAIN_SESSION).await.map_err(|failure| server.unopened(&failure))?;
    let applied = applied(&client).await.map_err(|failure| server.unopened(&failure))?;
    match pending(POSTGRES, &applied)?.last() {
        Some(next) => Err(OpenError::Older { found: newest(&applied), known: next.number }),
        None => Ok(()),
    }
}

/// Only brings the schema up to date.
pub(crate) async fn migrate(server: &Server) -> Result<Migrated, OpenError> {
    let database = |failure: Failure| server.unopened(&failure);
    let client = server.connect(PLAIN_SESSION).await.map_err(database)?;
    // Of several processes one migrates, the others wait and find it done. The lock ends with the connection.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(|error| database(failure(&error)))?;
    let mut applied = applied(&client).await.map_err(database)?;
    let from = newest(&applied);
    for migration in pending(POSTGRES, &applied)? {
        run(&client, migration).await.map_err(|failure| {
            let what = failure.what().to_owned();
            OpenError::Migration { number: migration.number, what }
        })?;
        applied.push((migration.number, migration.checksum()));
    }
    Ok(Migrated { from, to: newest(&applied) })
}

/// Runs a migration; while somebody keeps a table from it, again and again.
async fn run(client: &ClientWrapper, migration: &Migration) -> Result<(), Failure> {
    // One simple query is one transaction: all of it, or nothing.
    let sql = format!(
        "BEGIN; SET LOCAL lock_timeout = {LOCK_WAIT_MS}; {SCHEMA_MIGRATIONS}; {} \
         INSERT INTO schema_migrations (number, name, checksum) VALUES ({}, '{}', '{}'); COMMIT;",
        migration.sql,
        migration.number,
        migration.name,
        migration.checksum()
    );
    loop {
        let what = match client.batch_execute(&sql).await.map_err(|error| failure(&error)) {
            Err(Failure::Blocked(what)) => what,
            done => return done,
        };
        client.batch_execute("ROLLBACK").await.map_err(|error| failure(&error))?;
        let others = others(client).await?;
        tracing::warn!(
            migration = migration.name, error = %what, %others,
            "store.migration_waits: a table is kept from a migration, most likely by one of these transactions; it is tried again until they are over"
        );
        tokio::time::sleep(Duration::from_millis(LOCK_AGAIN_MS)).await;
    }
}

/// The transactions of others that are under way, the longest first, for people. What they run may hold secrets.
async fn others(client: &ClientWrapper) -> Result<String, Failure> {
    let others = "SELECT 'process ' || pid || ' (' || coalesce(nullif(application_name, ''), 'no name') || ') since ' || xact_start
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
        ORDER BY xact_start LIMIT 5";
    let rows = client.query(others, &[]).await.map_err(|error| failure(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join(", "))
}

async fn applied(client: &ClientWrapper) -> Result<Vec<(i64, String)>, Failure> {
    let is_there = client.query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await;
    if !is_there.map_err(|error| failure(&error))?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client.query("SELECT number, checksum FROM schema_migrations ORDER BY number", &[]).await;
    Ok(rows.map_err(|error| failure(&error))?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn newest(applied: &[(i64, String)]) -> i64 {
    applied.last().map_or(0, |(number, _)| *number)
}
