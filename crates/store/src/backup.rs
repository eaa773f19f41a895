//! Copies of the whole database, and the way back. SQLite's is made here; for PostgreSQL we name its own tools: they must fit the
//! server's version, know its roles and settings, and can do more (continuous archiving) than we could offer around them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::postgres::Server;
use crate::{OpenError, sqlite, url};

/// The database that every server of PostgreSQL has, from which others are made and renamed.
const MAINTENANCE_DATABASE: &str = "postgres";

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Its size.
    pub bytes: u64,
    /// Its schema.
    pub schema: i64,
    /// How many entries its audit log has; each was looked at.
    pub audit_entries: i64,
    /// The seal of the last of them.
    pub last_seal: [u8; 32],
    /// Where the database is kept in whose place it was put.
    pub replaced: Option<PathBuf>,
}

/// Why there is no copy, or nothing was restored. The database is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It would destroy something, or disturb somebody.
    #[error("{0}")]
    Refused(String),
    /// The file cannot be used.
    #[error("{file}: {what}")]
    File {
        /// Which.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// The database cannot be used, or the copy has a schema that we do not know.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Copies a database into a file, while others work with it. An existing file is replaced only if `force` says so.
///
/// # Errors
/// What is in the way.
pub async fn backup(url: &str, file: PathBuf, force: bool) -> Result<Copy, BackupError> {
    match url::parse(url)? {
        url::Address::Sqlite(database) => {
            let shown = database.display().to_string();
            aside(shown, move || sqlite::backup(&database, &file, force)).await
        }
        url::Address::Postgres(server) => Err(BackupError::Refused(format!(
            "Tollhouse copies SQLite itself; for PostgreSQL use the server's own tool, of the server's version: \
             pg_dump --format=custom --file={} '{}' (or continuous archiving, see the book)",
            word(&file.display().to_string()),
            server.for_tools()
        ))),
    }
}

/// Puts a copy in the place of the database, which nobody may be using. One that is there is replaced only if `force` says so, and is kept
/// beside, under a name that nothing has.
///
/// # Errors
/// What is in the way.
pub async fn restore(url: &str, file: PathBuf, force: bool) -> Result<Copy, BackupError> {
    match url::parse(url)? {
        url::Address::Sqlite(database) => {
            let shown = database.display().to_string();
            aside(shown, move || sqlite::restore(&database, &file, force)).await
        }
        url::Address::Postgres(server) => Err(BackupError::Refused(format!(
            "Tollhouse restores SQLite itself; for PostgreSQL stop every `tollhouse serve`, then use the server's own tools:\n{}",
            way_back(&server, &file)
        ))),
    }
}

/// The way back with PostgreSQL's tools: into a database of its own, which takes the place of the one that is there only when all of it is
/// in. Put over a database that a later version has brought up to date, a copy cannot take away what that version has added: it fails, or
/// leaves tables behind that the next migration stumbles over.
fn way_back(server: &Server, file: &Path) -> String {
    let database = server.database();
    let (restored, replaced) = (format!("{database}_restored"), format!("{database}_replaced"));
    let others = server.for_tools_in(MAINTENANCE_DATABASE);
    let rename = |from: &str, to: &str| {
        let (from, to) = (from.replace('"', "\"\""), to.replace('"', "\"\""));
        word(&format!("ALTER DATABASE \"{from}\" RENAME TO \"{to}\""))
    };
    format!(
        "createdb --template=template0 --maintenance-db='{others}' {} &&\n\
         pg_restore --no-owner --single-transaction --dbname='{}' {} &&\n\
         psql --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction --dbname='{others}' --command={} --command={}",
        word(&restored),
        server.for_tools_in(&restored),
        word(&file.display().to_string()),
        rename(database, &replaced),
        rename(&restored, database),
    )
}

/// A text as one word of a shell's command.
fn word(text: &str) -> String {
    // Only a zero byte cannot be written, and no file's name has one.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
}

async fn aside(
    database: String,
    work: impl FnOnce() -> Result<Copy, BackupError> + Send + 'static,
) -> Result<Copy, BackupError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(OpenError::Unavailable { database, what: error.to_string() }.into()))
}
