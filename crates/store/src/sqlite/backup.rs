//! A whole copy of the database while it is in use, and the way back.
//!
//! A copy is made beside its place, looked at, brought to the disk and only then put there under its name: under that name there is never
//! half a copy, nor one that cannot be restored.

use std::fs::{self, File};
use std::io;
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
    if is_same(database, file) || is_companion(database, file) {
        return Err(BackupError::Refused(format!(
            "{} is the database itself, or belongs to it; name another file",
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
    part.fill(file)?;
    let copy = look(&part.path)?;
    let replaced = replace(database, part, link)?;
    Ok(Copy { replaced, ..copy })
}

/// Gives a copy that is made the database's name, and keeps what had it; under which name, if there was anything.
fn replace(database: &Path, part: Part, link: Link) -> Result<Option<PathBuf>, BackupError> {
    // What can fail for want of room or for a bad disk comes first: the database is touched when only names are left to change.
    part.sync().map_err(|error| wrong(database, &error.to_string()))?;
    let aside = Aside::put(database, link)?;
    match part.place(database) {
        Ok(()) => Ok(aside.kept),
        Err(error) => {
            aside.take_back();
            Err(error)
        }
    }
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

    /// Copies a file into it: what the file holds, and not who may read it. A backup may be for everybody, or for nobody to write.
    fn fill(&self, file: &Path) -> Result<(), BackupError> {
        let copied = File::open(file).and_then(|mut from| {
            let mut into = File::options().write(true).truncate(true).open(&self.path)?;
            io::copy(&mut from, &mut into)
        });
        copied.map(|_| ()).map_err(|error| wrong(file, &error.to_string()))
    }

    /// Brings it to the disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Brings it to the disk and gives it its name, at once or not at all.
    fn place(self, file: &Path) -> Result<(), BackupError> {
        let placed = self.sync().and_then(|()| fs::rename(&self.path, file)).and_then(|()| sync_folder(file));
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

/// Gives a file a second name.
type Link = fn(&Path, &Path) -> io::Result<()>;

fn link(file: &Path, name: &Path) -> io::Result<()> {
    fs::hard_link(file, name)
}

/// What is replaced, with its companions, for the case that the wrong file was named.
struct Aside {
    /// Under which name it is kept, if there was anything.
    kept: Option<PathBuf>,
    /// From where to where, what belongs to the database's own name first.
    moved: Vec<(PathBuf, PathBuf)>,
}

impl Aside {
    /// Keeps it. What was kept before stays: it may be the only copy of what somebody looks for. The database keeps its name beside the
    /// new one until another has it (a start in between would make an empty one there); where the file system has no hard links it loses it
    /// for that moment. Its companions lose theirs: beside another database its log would ruin that one.
    fn put(database: &Path, link: Link) -> Result<Self, BackupError> {
        let whole = || [""].into_iter().chain(COMPANIONS);
        let mut aside = Self { kept: None, moved: Vec::new() };
        if !whole().any(|end| has_content(&with(database, end))) {
            return Ok(aside);
        }
        let names = (2_u32..).map(|number| with(database, &format!("{REPLACED}-{number}")));
        let is_free = |name: &PathBuf| !whole().any(|end| with(name, end).exists());
        let kept = std::iter::once(with(database, REPLACED)).chain(names).find(is_free);
        let Some(kept) = kept else {
            return Err(wrong(database, "every name for what is replaced is taken"));
        };
        for end in whole() {
            let (from, to) = (with(database, end), with(&kept, end));
            if !from.exists() {
                continue;
            }
            let is_linked = end.is_empty() && link(&from, &to).is_ok();
            if !is_linked && let Err(error) = fs::rename(&from, &to) {
                aside.take_back();
                return Err(wrong(&from, &error.to_string()));
            }
            aside.moved.push((from, to));
        }
        // A loss of power must not leave the new one and take the name under which the old one is kept.
        if let Err(error) = sync_folder(database) {
            aside.take_back();
            return Err(wrong(database, &error.to_string()));
        }
        aside.kept = Some(kept);
        Ok(aside)
    }

    /// Gives everything its own name back, and the database before its log.
    fn take_back(self) {
        for (from, to) in self.moved {
            if let Err(error) = fs::rename(&to, &from) {
                tracing::error!(%error, from = %to.display(), to = %from.display(), "restore.not_taken_back: move this file back by hand");
                return;
            }
            // Of two names of one file a move takes none away.
            let _ = fs::remove_file(&to);
        }
    }
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

/// Whether a file beside a database is SQLite's or one of our locks: writing it would lose what was stored last, or a lock.
fn is_companion(database: &Path, file: &Path) -> bool {
    let folder = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).canonicalize().ok()
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(database_name), Some(file_name)) = (name(database), name(file)) else { return false };
    let Some(rest) = file_name.strip_prefix(&database_name) else { return false };
    let is_ours = COMPANIONS.contains(&rest)
        || rest == "-journal"
        || (rest.starts_with('.') && rest.ends_with(".lock"));
    is_ours && folder(database) == folder(file)
}

fn wrong(file: &Path, what: &str) -> BackupError {
    BackupError::File { file: file.display().to_string(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::open::{connect, migrate};
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// A database in a folder that says which one it is.
    fn database(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        migrate(&path).unwrap();
        say(&path, name);
        path
    }

    fn say(path: &Path, text: &str) {
        let connection = connect(path).unwrap();
        let said = "INSERT INTO state (key, text) VALUES ('name', ?1) ON CONFLICT (key) DO UPDATE SET text = excluded.text";
        connection.execute(said, [text]).unwrap();
    }

    fn name(path: &Path) -> String {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.query_row("SELECT text FROM state WHERE key = 'name'", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn s32_a_backup_of_any_mode_becomes_a_database_that_its_owner_alone_reads_and_writes() {
        for of_backup in [0o400, 0o644] {
            let folder = tempfile::tempdir().unwrap();
            let (old, copy) = (database(folder.path(), "old.db"), folder.path().join("copy.db"));
            backup(&old, &copy, false).unwrap();
            say(&old, "changed since");
            fs::set_permissions(&copy, fs::Permissions::from_mode(of_backup)).unwrap();
            let kept = restore(&old, &copy, true).unwrap().replaced.unwrap();
            assert_eq!((mode(&old), mode(&copy)), (0o600, of_backup));
            assert_eq!((name(&old).as_str(), name(&kept).as_str()), ("old.db", "changed since"));
            say(&old, "written again");
            assert_eq!((name(&old).as_str(), name(&kept).as_str()), ("written again", "changed since"));
        }
    }

    /// What stands in a folder, apart from the locks.
    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".open.lock"))
            .collect();
        names.sort();
        names
    }

    /// A file system without hard links.
    fn no_link(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The new file goes when the old one is put aside.
    fn lost_meanwhile(file: &Path, name: &Path) -> io::Result<()> {
        let part = with(file, &format!(".part-{}", std::process::id()));
        fs::remove_file(part).unwrap();
        link(file, name)
    }

    fn lost_meanwhile_without_links(file: &Path, name: &Path) -> io::Result<()> {
        lost_meanwhile(file, name)?;
        fs::remove_file(name)?;
        no_link(file, name)
    }

    #[test]
    fn s32_a_copy_that_cannot_be_placed_leaves_the_database_where_it_was() {
        for link in [lost_meanwhile as Link, lost_meanwhile_without_links] {
            let folder = tempfile::tempdir().unwrap();
            let old = database(folder.path(), "old.db");
            let log = with(&old, LOG);
            fs::write(&log, "what was left of a log").unwrap();
            let failed = replace(&old, Part::beside(&old).unwrap(), link);
            assert!(matches!(failed, Err(BackupError::File { .. })), "{failed:?}");
            assert_eq!(files(folder.path()), ["old.db", "old.db-wal"]);
            assert_eq!(fs::read(&log).unwrap(), b"what was left of a log");
            fs::remove_file(&log).unwrap();
            assert_eq!(name(&old), "old.db");
        }
    }

    #[test]
    fn s32_while_one_database_replaces_another_its_name_is_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let old = database(folder.path(), "old.db");
        fs::write(with(&old, LOG), "what was left of a log").unwrap();
        let aside = Aside::put(&old, link).unwrap();
        // Here the power may fail. The log is no longer beside the name: with another database there it would ruin that one.
        assert_eq!(files(folder.path()), ["old.db", "old.db.replaced", "old.db.replaced-wal"]);
        fs::remove_file(with(&aside.kept.unwrap(), LOG)).unwrap();
        assert_eq!(name(&old), "old.db");
    }

    #[test]
    fn s32_without_hard_links_a_database_is_replaced_and_kept_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (database(folder.path(), "old.db"), database(folder.path(), "new.db"));
        let part = Part::beside(&old).unwrap();
        fs::rename(&new, &part.path).unwrap();
        let kept = replace(&old, part, no_link).unwrap().unwrap();
        assert_eq!(files(folder.path()), ["old.db", "old.db.replaced"]);
        assert_eq!((name(&old).as_str(), name(&kept).as_str()), ("new.db", "old.db"));
    }
}
