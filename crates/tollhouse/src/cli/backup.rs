//! `tollhouse backup` and `tollhouse restore`: a whole copy of the database, and the way back.

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tollhouse_store::backup::{BackupError, Copy};
use tollhouse_store::{OpenError, backup};

use super::error::CliError;
use super::output::{Out, block};
use crate::config::Config;
use crate::view;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the database that is there; it is kept beside, with .replaced and if need be a number at the end of its name
    #[arg(long)]
    force: bool,
}

/// What was copied, and from or to which file.
#[derive(Debug, Serialize)]
struct Done {
    file: String,
    bytes: u64,
    schema: i64,
    audit_entries: i64,
    /// Keep it in another place: an audit log that somebody made anew ends with another one.
    last_seal: String,
    /// Where the database is now in whose place it was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
}

/// Makes a backup, beside a running `serve`.
pub(super) async fn back_up(out: &Out, config: &Config, args: BackupArgs) -> Result<(), CliError> {
    let shown = args.file.display().to_string();
    let copy = backup::backup(config.database_url.expose_secret(), args.file, args.force).await;
    let done = done(shown, &copy.map_err(told)?);
    Ok(out.answer(&done, |done| in_full("Backup", done))?)
}

/// Puts a backup in the place of the database.
pub(super) async fn restore(out: &Out, config: &Config, args: RestoreArgs) -> Result<(), CliError> {
    let shown = args.file.display().to_string();
    let copy = backup::restore(config.database_url.expose_secret(), args.file, args.force).await;
    let done = done(shown, &copy.map_err(told)?);
    Ok(out.answer(&done, |done| {
        in_full("Restored from", done)
            + "\nWhat came since is at the provider: `serve` asks for it at its start, or look with `tollhouse reconcile`.\n"
    })?)
}

fn done(file: String, copy: &Copy) -> Done {
    Done {
        file,
        bytes: copy.bytes,
        schema: copy.schema,
        audit_entries: copy.audit_entries,
        last_seal: view::hex(&copy.last_seal),
        replaced: copy.replaced.as_ref().map(|path| path.display().to_string()),
    }
}

fn in_full(what: &str, done: &Done) -> String {
    let mut lines = vec![
        (what, done.file.clone()),
        ("Size", format!("{} bytes, every page read and found whole", done.bytes)),
        ("Schema", done.schema.to_string()),
        ("Audit log", format!("{} entries, every seal holds", done.audit_entries)),
        ("Last seal", done.last_seal.clone()),
    ];
    if let Some(replaced) = &done.replaced {
        lines.push(("Kept", format!("{replaced}: the database that was there")));
    }
    block(&lines)
}

fn told(error: BackupError) -> CliError {
    match error {
        BackupError::Open(error @ OpenError::Url(_)) => error.into(),
        other => CliError::Failed(other.to_string()),
    }
}
