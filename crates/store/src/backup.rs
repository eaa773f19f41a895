//! Copies of the whole database, and the way back. SQLite's is made here; for PostgreSQL we name its own tools: they must fit the
//! server's version, know its roles and settings, and can do more (continuous archiving) than we could offer around them.

use std::path::PathBuf;

use crate::{OpenError, sqlite, url};

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
            file.display(),
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
            "Tollhouse restores SQLite itself; for PostgreSQL stop every `tollhouse serve`, then use the server's own tool: \
             pg_restore --clean --if-exists --no-owner --single-transaction --dbname='{}' {}",
            server.for_tools(),
            file.display()
        ))),
    }
}

async fn aside(
    database: String,
    work: impl FnOnce() -> Result<Copy, BackupError> + Send + 'static,
) -> Result<Copy, BackupError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(OpenError::Unavailable { database, what: error.to_string() }.into()))
}
