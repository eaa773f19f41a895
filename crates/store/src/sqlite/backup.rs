//! A whole copy of the database while it is in use, and the way back.
//!
//! A copy is made beside its place, looked at, brought to the disk and only then put there under its name: under that name there is never
//! half a copy, nor one that cannot be restored.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use tollhouse_core::audit::{GENESIS, verify};

use super::open::{LOG, applied, newest, opening_turn, private, unavailable};
use super::read;
use super::rows::failure;
use crate::backup::{BackupError, Copy};
use crate::layout;
use crate::listing::SQLITE as LISTS;
use crate::migrate::{SQLITE, pending};
use crate::{AuditFilter, PAGE_LENGTH_MAX};

/// What stands beside a database and belongs to it.
const COMPANIONS: [&str; 2] = [LOG, "-shm"];
/// Under which name a database that was replaced is kept. If that is taken, by the one that was replaced before, a number follows.
const REPLACED: &str = ".replaced";

/// Copies the database into a file.
pub(crate) fn backup(database: &Path, file: &Path, force: bool) -> Result<Copy, BackupError> {
    if !database.exists() {
        return Err(unavailable(database, "there is no such file").into());
    }
    if is_same(database, file) {
        return Err(BackupError::Refused(format!(
            "{} is the database itself; name another file",
            file.display()
        )));
    }
    if has_content(file) && !force {
        return Err(BackupError::Refused(format!(
            "{} is there already; name another file, or add --force to replace it",
            file.display()
        )));
    }
    let part = Part::beside(file)?;
    {
        let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| unavailable(database, &error.to_string()))?;
        let into = part.path.to_str().ok_or_else(|| wrong(file, "its name is not UTF-8 text"))?;
        // One read transaction: all of it is from one instant, while others write on.
        source
            .execute("VACUUM INTO ?1", [into])
            .map_err(|error| unavailable(database, &error.to_string()))?;
    }
    let copy = look(&part.path)?;
    part.place(file)?;
    Ok(copy)
}

/// Puts a copy in the place of the database.
pub(crate) fn restore(database: &Path, file: &Path, force: bool) -> Result<Copy, BackupError> {
    if !has_content(file) {
        return Err(wrong(file, "there is no such file, or it is empty"));
    }
    if is_same(database, file) {
        return Err(BackupError::Refused(format!("{} is the database itself", file.display())));
    }
    if has_content(&with(file, LOG)) {
        return Err(BackupError::Refused(format!(
            "{} has a log beside it: it is a database at work, not a backup, and copying it would lose what is in the log; make a backup of it",
            file.display()
        )));
    }
    // Looked at before anything is touched. Schema and seals are those of a Tollhouse that we know.
    look(file)?;
    // Nobody opens the database until this is done.
    let _turn =
        opening_turn(database).map_err(|error| unavailable(database, &format!("cannot lock it: {error}")))?;
    if has_content(database) {
        if !force {
            return Err(BackupError::Refused(format!(
                "there is a database at {}; add --force to replace it (it is kept beside, with {REPLACED} at the end of its name)",
                database.display()
            )));
        }
        require_unused(database)?;
    }
    let part = Part::beside(database)?;
    fs::copy(file, &part.path).map_err(|error| wrong(file, &error.to_string()))?;
    let copy = look(&part.path)?;
    let replaced = put_aside(database)?;
    part.place(database)?;
    Ok(Copy { replaced, ..copy })
}

/// A copy under way; removed unless it is placed.
struct Part {
    path: PathBuf,
}

impl Part {
    fn beside(file: &Path) -> Result<Self, BackupError> {
        let mut name = file.file_name().ok_or_else(|| wrong(file, "it has no name"))?.to_owned();
        name.push(format!(".part-{}", std::process::id()));
        let part = Self { path: file.with_file_name(name) };
        // One that was left by a process of the same number that was killed.
        remove(&part.path)?;
        // What is in it is nobody else's business: it lets people in.
        private(&part.path).map_err(|error| wrong(file, &error.to_string()))?;
        Ok(part)
    }

    /// Brings it to the disk and gives it its name, at once or not at all.
    fn place(self, file: &Path) -> Result<(), BackupError> {
        let placed = File::open(&self.path)
            .and_then(|part| part.sync_all())
            .and_then(|()| fs::rename(&self.path, file))
            .and_then(|()| sync_folder(file));
        placed.map_err(|error| wrong(file, &error.to_string()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(with(&self.path, "-journal"));
    }
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Looks whether a file is a whole database of ours: its pages, its schema, the seals of its audit log.
fn look(file: &Path) -> Result<Copy, BackupError> {
    let broken = |error: &rusqlite::Error| wrong(file, &error.to_string());
    let connection = open_still(file)?;
    let integrity: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| broken(&error))?;
    if integrity != "ok" {
        return Err(wrong(file, &format!("it is damaged: {integrity}")));
    }
    let applied = applied(&connection).map_err(|error| broken(&error))?;
    if applied.is_empty() {
        return Err(wrong(file, "it is no database of Tollhouse"));
    }
    pending(SQLITE, &applied)?;
    let (entries, seal) = seals(&connection, file)?;
    let bytes = fs::metadata(file).map_err(|error| wrong(file, &error.to_string()))?.len();
    Ok(Copy { bytes, schema: newest(&applied), audit_entries: entries, last_seal: seal, replaced: None })
}

/// Opens a file that nobody changes: nothing is locked, and nothing is put beside it.
fn open_still(file: &Path) -> Result<Connection, BackupError> {
    let broken = |what: &str| wrong(file, what);
    let whole = file.canonicalize().map_err(|error| broken(&error.to_string()))?;
    let mut address = url::Url::from_file_path(whole).map_err(|()| broken("its name cannot be used"))?;
    address.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(address.as_str(), flags).map_err(|error| broken(&error.to_string()))
}

fn seals(connection: &Connection, file: &Path) -> Result<(i64, [u8; 32]), BackupError> {
    let (mut entries, mut seal) = (0, GENESIS);
    loop {
        let listing = LISTS.audit(AuditFilter { after: entries, limit: PAGE_LENGTH_MAX });
        let page = read::list(connection, &listing, |row| layout::sealed(row));
        let page = page.map_err(|failure| wrong(file, failure.what()))?;
        let Some(last) = page.last() else { break };
        let sequence = last.sequence;
        seal = verify(seal, entries + 1, &page).map_err(|broken| {
            wrong(
                file,
                &format!("its audit log does not hold: entry {broken} was changed, left out or put in"),
            )
        })?;
        entries = sequence;
    }
    let head: Option<(i64, Vec<u8>)> = connection
        .query_row("SELECT sequence, hash FROM audit_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|error| wrong(file, failure(error).what()))?;
    match head {
        Some((sequence, hash)) if sequence == entries && hash == seal => Ok((entries, seal)),
        _ => Err(wrong(file, "its audit log does not hold: entries are missing at its end")),
    }
}

/// Whether nobody has the database open: only then can its log be taken away, which is also what makes it one file again.
fn require_unused(database: &Path) -> Result<(), BackupError> {
    let alone = Connection::open(database).and_then(|connection| {
        connection.query_row("PRAGMA journal_mode = delete", [], |row| row.get::<_, String>(0))
    });
    match alone.as_ref().map_err(rusqlite::Error::sqlite_error_code) {
        // Damaged, and perhaps just therefore to be replaced. Whoever has it open cannot work with it either.
        Ok(_) | Err(Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)) => Ok(()),
        Err(Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => Err(BackupError::Refused(format!(
            "{} is in use, by `tollhouse serve` or another command; stop it first",
            database.display()
        ))),
        Err(_) => {
            let what = alone.err().map(|error| error.to_string()).unwrap_or_default();
            Err(unavailable(database, &what).into())
        }
    }
}

/// Keeps what is replaced, with its companions, for the case that the wrong file was named; under which name, if there was anything.
/// What was kept before stays: it may be the only copy of what somebody looks for.
fn put_aside(database: &Path) -> Result<Option<PathBuf>, BackupError> {
    let whole = || [""].into_iter().chain(COMPANIONS);
    if !whole().any(|end| has_content(&with(database, end))) {
        return Ok(None);
    }
    let names = (2_u32..).map(|number| with(database, &format!("{REPLACED}-{number}")));
    let is_free = |name: &PathBuf| !whole().any(|end| with(name, end).exists());
    let kept = std::iter::once(with(database, REPLACED)).chain(names).find(is_free);
    let Some(kept) = kept else { return Err(wrong(database, "every name for what is replaced is taken")) };
    for end in whole() {
        let (from, to) = (with(database, end), with(&kept, end));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| wrong(&from, &error.to_string()))?;
        }
    }
    Ok(Some(kept))
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(wrong(path, &error.to_string())),
        _ => Ok(()),
    }
}

fn has_content(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0 || !metadata.is_file())
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn wrong(file: &Path, what: &str) -> BackupError {
    BackupError::File { file: file.display().to_string(), what: what.to_owned() }
}
