//! `tollhouse migrate`: the database's schema.

use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::error::CliError;
use super::output::Out;
use crate::config::Config;

/// What was done to the schema.
#[derive(Debug, Serialize)]
struct Migrated {
    /// Its number before; 0 for an empty database.
    from: i64,
    /// Its number now.
    to: i64,
    /// Whether anything was to be done.
    changed: bool,
}

/// Carries the command out.
pub(super) async fn run(out: &Out, config: &Config) -> Result<(), CliError> {
    let migrated = tollhouse_store::migrate(config.database_url.expose_secret()).await?;
    let migrated = Migrated { from: migrated.from, to: migrated.to, changed: migrated.from != migrated.to };
    Ok(out.answer(&migrated, |done| {
        if done.changed {
            format!("The database went from schema {} to {}.", done.from, done.to)
        } else {
            format!("The database has schema {}, which is the newest that this version knows.", done.to)
        }
    })?)
}
