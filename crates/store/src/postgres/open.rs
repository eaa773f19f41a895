//! Brings the schema up to date.

use deadpool_postgres::ClientWrapper;

use super::connect::{PLAIN_SESSION, Server};
use super::rows::failure;
use crate::migrate::{Migrated, POSTGRES, SCHEMA_MIGRATIONS, pending};
use crate::writer::Failure;
use crate::{OpenError, OpenOptions};

/// The lock of those who migrate. Negative, so that it is no payment's number.
const MIGRATION_LOCK: i64 = -7_011_400_501;

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
        let number = migration.number;
        // One simple query is one transaction: all of it, or nothing.
        let sql = format!(
            "BEGIN; {SCHEMA_MIGRATIONS}; {} INSERT INTO schema_migrations (number, name, checksum) VALUES ({number}, '{}', '{}'); COMMIT;",
            migration.sql,
            migration.name,
            migration.checksum()
        );
        client.batch_execute(&sql).await.map_err(|error| {
            let what = failure(&error).what().to_owned();
            OpenError::Migration { number, what }
        })?;
        applied.push((number, migration.checksum()));
    }
    Ok(Migrated { from, to: newest(&applied) })
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
