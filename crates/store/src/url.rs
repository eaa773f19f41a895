//! The database's address: `sqlite://relative.db`, `sqlite:///absolute/file.db`, `postgres://…`.

use std::path::PathBuf;

use crate::OpenError;

/// Where the database is.
#[derive(Debug)]
pub(crate) enum Address {
    /// A file.
    Sqlite(PathBuf),
}

/// Reads an address.
pub(crate) fn parse(url: &str) -> Result<Address, OpenError> {
    let url = url.trim();
    if let Some(path) = url.strip_prefix("sqlite://") {
        return sqlite(path);
    }
    Err(OpenError::Url(
        "the database URL must begin with `sqlite://` (for example sqlite://tollhouse.db) or `postgres://`"
            .to_owned(),
    ))
}

fn sqlite(path: &str) -> Result<Address, OpenError> {
    let wrong = |what: &str| Err(OpenError::Url(format!("the database URL sqlite://{path} {what}")));
    if path.is_empty() || path.ends_with('/') {
        return wrong("names no file; write sqlite://tollhouse.db or sqlite:///folder/tollhouse.db");
    }
    if path.starts_with(':') {
        return wrong("is not a file: a database in memory would lose every payment at the next start");
    }
    if path.contains(['?', '#', '\0']) {
        return wrong(
            "has a `?` or `#` in it: there are no options for SQLite, and a file must not have these in its name",
        );
    }
    Ok(Address::Sqlite(PathBuf::from(path)))
}
