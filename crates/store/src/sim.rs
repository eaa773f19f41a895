//! The writer of SQLite without its thread, for the simulator: the same loading, rules and statements on the same kind of file, one batch
//! at a time, with a place where the process may die or its disk fail. The simulator drives [`crate::writer::Machine`] around it, as
//! the thread does.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::id::IdSource;
use tollhouse_core::snapshot::{Needs, Snapshot};

use crate::OpenError;
use crate::batch::{normalize, truncate};
use crate::sqlite::apply::Statements;
use crate::sqlite::place::Place;
use crate::sqlite::writer::{Hands, commit};
use crate::sqlite::{load, open, rows};
use crate::writer::Failure;

/// The most pages that SQLite can be told to allow: room enough.
const PAGES_MAX: u32 = 0xffff_fffe;

/// Where the process dies in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// When everything is written, before the commit.
    BeforeCommit,
    /// Right after the commit.
    AfterCommit,
}

/// What came of a batch.
#[derive(Debug)]
pub enum Ran {
    /// The process lives and says so.
    Said(Result<Vec<Result<Outcome, Refusal>>, Failure>),
    /// It died. What was committed is committed; drop the writer.
    Died,
}

/// A process' connection that writes.
pub struct Writer {
    connection: Connection,
    place: Place,
    statements: Statements,
}

impl Writer {
    /// Opens the file, makes it if there is none, and brings its schema up to date. It never waits: a database that is busy fails at once.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut connection = open::connect(path)?;
        open::run_migrations(&mut connection, path)?;
        let broken = |error: &dyn std::fmt::Display| open::unavailable(path, &error.to_string());
        connection.busy_timeout(Duration::ZERO).map_err(|error| broken(&error))?;
        let place = Place::of(path).map_err(|error| broken(&error))?;
        Ok(Self { connection, place, statements: Statements::default() })
    }

    /// Runs a batch in one transaction, as the thread does. Give it commands that went through [`normalized`].
    pub fn run(
        &mut self,
        now: Timestamp,
        ids: &mut dyn IdSource,
        batch: &[Command],
        death: Option<Death>,
    ) -> Ran {
        let mut calls = 0;
        let dies_at = match death {
            Some(Death::BeforeCommit) => 1,
            // Only what is written apart from the commit comes after it.
            Some(Death::AfterCommit) => 2,
            None => 0,
        };
        let mut before_commit = || {
            calls += 1;
            if calls == dies_at { Err(Failure::Broken("the process died".to_owned())) } else { Ok(()) }
        };
        let now = truncate(now);
        let hands = Hands { now: &|| now, ids, before_commit: &mut before_commit };
        let outcome = commit(&mut self.connection, &self.place, &self.statements, hands, batch);
        if death.is_some() {
            return Ran::Died;
        }
        Ran::Said(outcome.map(|done| done.results))
    }

    /// Reads, as a worker does before it acts.
    ///
    /// # Errors
    /// The database's.
    pub fn snapshot(&self, needs: Needs) -> Result<Snapshot, Failure> {
        load::snapshot(&self.connection, needs)
    }

    /// Fills the disk (SQLite then finds no room for another page), or clears it.
    ///
    /// # Errors
    /// The database's.
    pub fn fill_disk(&self, full: bool) -> Result<(), Failure> {
        let pages = |name: &str| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
        let room: u32 = if full { pages("page_count").map_err(rows::failure)? } else { PAGES_MAX };
        self.connection
            .query_row(&format!("PRAGMA max_page_count = {room}"), [], |_| Ok(()))
            .map_err(rows::failure)
    }

    /// Takes the key away that lets an order have one grant only: the second half of that safeguard. Only on a database without grants.
    ///
    /// # Errors
    /// The database's.
    pub fn drop_unique_grants(&self) -> Result<(), Failure> {
        let sql: String = self
            .connection
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'grants'", [], |row| row.get(0))
            .map_err(rows::failure)?;
        let sql = sql.replacen("UNIQUE", "", 1);
        self.connection.execute_batch(&format!("DROP TABLE grants; {sql}")).map_err(rows::failure)
    }
}

/// A command as the queue in front of the writer passes it on.
#[must_use]
pub fn normalized(mut command: Command) -> Command {
    normalize(&mut command);
    command
}
