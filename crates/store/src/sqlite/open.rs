//! Opens the file and brings its schema up to date.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::checkpoint::Checkpoints;
use super::{STATEMENTS_CACHED_MAX, wait_patiently};
use crate::migrate::{Migrated, SCHEMA_MIGRATIONS, SQLITE, pending};
use crate::{OpenError, OpenOptions, WalSync};

/// From how many bytes on the write-ahead log is cut back when it is reset.
const WAL_BYTES_KEPT_MAX: i64 = 64 * 1024 * 1024;
/// The page cache of the writer, in KiB: holds the upper levels of every index at ten million rows.
const CACHE_KIB: i64 = 16 * 1024;

/// What is at the end of the name of a database's write-ahead log.
pub(crate) const LOG: &str = "-wal";

pub(crate) fn unavailable(path: &Path, what: &str) -> OpenError {
    OpenError::Unavailable { database: path.display().to_string(), what: what.to_owned() }
}

/// Opens the connection that writes.
pub(crate) fn open(path: &Path, options: OpenOptions) -> Result<(Connection, Checkpoints), OpenError> {
    if !options.migrate && !path.exists() {
        require_no_orphaned_log(path)?;
        // Whoever may not change the schema makes no file either.
        return Err(OpenError::Older { found: 0, known: newest_known() });
    }
    let mut connection = connect(path)?;
    if options.migrate {
        run_migrations(&mut connection, path)?;
    } else {
        let applied = applied(&connection).map_err(|error| unavailable(path, &error.to_string()))?;
        if let Some(next) = pending(SQLITE, &applied)?.last() {
            return Err(OpenError::Older { found: newest(&applied), known: next.number });
        }
    }
    if options.wal_sync == WalSync::Beside {
        let set = connection.pragma_update(None, "synchronous", "normal");
        set.map_err(|error| unavailable(path, &error.to_string()))?;
    }
    let checkpoints = Checkpoints::start(&mut connection, path);
    let checkpoints = checkpoints.map_err(|error| unavailable(path, &error))?;
    Ok((connection, checkpoints))
}

/// Only brings the schema up to date.
pub(crate) fn migrate(path: &Path) -> Result<Migrated, OpenError> {
    run_migrations(&mut connect(path)?, path)
}

pub(crate) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder
        && !folder.is_dir()
    {
        return Err(unavailable(path, &format!("there is no folder {}; make it first", folder.display())));
    }
    // The switch of a new file to the write-ahead log fails at once with "database is locked" if another process is about to do the same:
    // two that read wait for each other, so SQLite does not wait at all. Of several openers one goes after the other.
    let turn = opening_turn(path)
        .map_err(|error| unavailable(path, &format!("cannot lock it to open it: {error}")))?;
    require_no_orphaned_log(path)?;
    make_private(path).map_err(|error| unavailable(path, &format!("cannot make the file: {error}")))?;
    let connection = configured(path).map_err(|error| unavailable(path, &error.to_string()))?;
    drop(turn);
    Ok(connection)
}

/// Refuses a place from which the database was taken and its log was not. SQLite would make a new database there and empty the log, in
/// which there may be all that was stored since the last checkpoint, also that of a process which still works with the file.
fn require_no_orphaned_log(path: &Path) -> Result<(), OpenError> {
    let mut log = path.as_os_str().to_owned();
    log.push(LOG);
    let has_content = |path: &Path| std::fs::metadata(path).is_ok_and(|data| data.len() > 0);
    if has_content(path) || !has_content(Path::new(&log)) {
        return Ok(());
    }
    Err(unavailable(
        path,
        &format!(
            "the file is away from its place, but {} is there, and holds what was stored last: put the file back before anything else. \
             To begin a new database, move the log elsewhere, too",
            Path::new(&log).display()
        ),
    ))
}

/// Makes a file that is not there, readable for its owner only: it says who paid, and lets people in. SQLite gives its companions the same
/// rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    match private(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes an empty file that only its owner may read.
pub(crate) fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path).map(|_| ())
}

/// Waits until nobody else opens the database; the turn ends when the file is dropped, or with the process.
pub(crate) fn opening_turn(path: &Path) -> std::io::Result<File> {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".open.lock");
    let file = File::options().create(true).truncate(false).write(true).open(lock)?;
    file.lock()?;
    Ok(file)
}

fn configured(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    wait_patiently(&mut connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // What was answered 200 survives the loss of power (I1): every commit reaches the disk.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT_MAX)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

pub(crate) fn run_migrations(connection: &mut Connection, path: &Path) -> Result<Migrated, OpenError> {
    let database = |error: rusqlite::Error| unavailable(path, &error.to_string());
    // As a rule there is nothing to do: a look needs no lock, for which a command beside a busy program would have to wait.
    let found = applied(connection).map_err(database)?;
    if pending(SQLITE, &found)?.is_empty() {
        let found = newest(&found);
        return Ok(Migrated { from: found, to: found });
    }
    let mut from = None;
    loop {
        // The write lock first: of several processes one migrates, the others wait and find it done.
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let applied = applied(&transaction).map_err(database)?;
        let found = newest(&applied);
        let from = *from.get_or_insert(found);
        let Some(migration) = pending(SQLITE, &applied)?.first() else {
            return Ok(Migrated { from, to: found });
        };
        let number = migration.number;
        transaction
            .execute_batch(SCHEMA_MIGRATIONS)
            .and_then(|()| transaction.execute_batch(migration.sql))
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO schema_migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
                    params![number, migration.name, migration.checksum()],
                )
            })
            .and_then(|_| transaction.commit())
            .map_err(|error| OpenError::Migration { number, what: error.to_string() })?;
    }
}

pub(crate) fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let is_there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations')",
        [],
        |row| row.get(0),
    )?;
    if !is_there {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare("SELECT number, checksum FROM schema_migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn newest_known() -> i64 {
    SQLITE.last().map_or(0, |migration| migration.number)
}

pub(crate) fn newest(applied: &[(i64, String)]) -> i64 {
    applied.last().map_or(0, |(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_beside_a_program_that_writes_all_the_time_gets_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("busy.db");
        migrate(&path).unwrap();
        let mut busy = connect(&path).unwrap();
        let writing = busy.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        assert!(open(&path, OpenOptions::default()).is_ok());
        writing.rollback().unwrap();
    }
}
