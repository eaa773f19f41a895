//! Writes what a batch decided into SQLite, in the writer's transaction.

use std::collections::HashMap;
use std::fmt::Write as _;

use rusqlite::{Connection, params};
use tollhouse_core::snapshot::Write;

use super::rows::{Binder, failure};
use crate::batch::{Arm, Writes, seal};
use crate::layout::{
    ATTENTION, AUDIT, BOT_CHATS, CHANNELS, Change, DIALOGUES, EVENTS, GRANTS, JOBS, LINKS, MEMBERSHIPS,
    OFFERS, ORDERS, PAYMENTS, PLANS, PRESENCES, RUNS, Record, SWITCHES, Table, are_indexes_left,
};
use crate::writer::Failure;

/// The statements of a table.
struct OfTable {
    insert: String,
    update: String,
    /// Leaves every index as it is.
    update_unindexed: String,
}

/// The statements, made once.
pub(crate) struct Statements {
    tables: HashMap<&'static str, OfTable>,
    arm: String,
}

/// All that is written here.
static TABLES: [&Table; 17] = [
    &CHANNELS,
    &PLANS,
    &LINKS,
    &ORDERS,
    &PAYMENTS,
    &MEMBERSHIPS,
    &GRANTS,
    &PRESENCES,
    &RUNS,
    &SWITCHES,
    &BOT_CHATS,
    &DIALOGUES,
    &OFFERS,
    &JOBS,
    &ATTENTION,
    &EVENTS,
    &AUDIT,
];

impl Default for Statements {
    fn default() -> Self {
        Self {
            tables: TABLES.into_iter().map(|table| (table.name, OfTable::new(table))).collect(),
            arm: format!("{} ON CONFLICT (kind, subject) DO NOTHING", insert_into(&JOBS)),
        }
    }
}

fn insert_into(table: &Table) -> String {
    let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("?{place}")).collect();
    format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.select_list(""), places.join(", "))
}

impl OfTable {
    fn new(table: &Table) -> Self {
        Self {
            insert: insert_into(table),
            update: update(table, |change| change != Change::Fixed),
            update_unindexed: update(table, |change| change == Change::Changes),
        }
    }
}

fn update(table: &Table, is_set: impl Fn(Change) -> bool) -> String {
    let mut sql = format!("UPDATE {} SET ", table.name);
    let mut comma = "";
    for (place, (name, _, change)) in (1..).zip(table.columns) {
        if is_set(*change) {
            let _ = write!(sql, "{comma}{name} = ?{place}"); // a String takes everything
            comma = ", ";
        }
    }
    let _ = write!(sql, " WHERE {} = ?1", table.columns[0].0);
    sql
}

/// A job that waits is brought forward. If `?14` says so, one that is over runs again, and one that is held gets a later time, by which its
/// holder's outcome shows that it was asked for again meanwhile: later also if the asking process' clock is behind. Apart from the insert: most arms are new jobs, and an upsert costs
/// twice as much as an insert that does nothing when the job is there.
const ARM_AGAIN: &str = "UPDATE jobs SET
  payload = iif(state IN ('done', 'dead'), ?5, payload),
  run_at = iif(state = 'leased', max(?7, run_at + 1), ?7),
  attempt = iif(state IN ('done', 'dead'), 0, attempt),
  last_error = iif(state IN ('done', 'dead'), NULL, last_error),
  finished_at = NULL,
  state = iif(state = 'leased', 'leased', 'ready')
WHERE kind = ?2 AND subject = ?3 AND (
  (state = 'ready' AND ?7 < run_at) OR (?14 AND state <> 'ready')
)";
/// The number of the parameter `revive` in [`ARM_AGAIN`]: behind the columns of `jobs`.
const REVIVE_PARAMETER: usize = 14;

impl Statements {
    fn of(&self, table: &Table) -> Result<&OfTable, Failure> {
        self.tables.get(table.name).ok_or_else(|| Failure::Broken(format!("no statement for {}", table.name)))
    }

    fn insert<R: Record>(&self, connection: &Connection, rows: &[R]) -> Result<(), Failure> {
        self.run(connection, &self.of(R::table())?.insert, rows.iter())
    }

    fn write<R: Record>(&self, connection: &Connection, writes: &[Write<R>]) -> Result<(), Failure> {
        let statements = self.of(R::table())?;
        let (new, old): (Vec<_>, Vec<_>) = writes.iter().partition(|write| write.is_new);
        let (unindexed, indexed): (Vec<_>, Vec<_>) = old.into_iter().partition(|write| {
            let Some(before) = &write.before else { return false };
            let leaves = write.row.leaves_indexes(before);
            debug_assert!(
                !leaves || are_indexes_left(before, &write.row),
                "an index of {} would be left behind",
                R::table().name
            );
            leaves
        });
        // A plan that is retired makes room for one of the same name.
        for (sql, writes) in [
            (&statements.update_unindexed, unindexed),
            (&statements.update, indexed),
            (&statements.insert, new),
        ] {
            self.run(connection, sql, writes.into_iter().map(|write| &write.row))?;
        }
        Ok(())
    }

    /// Runs a statement for each row; each changes one.
    fn run<'r, R: Record + 'r>(
        &self,
        connection: &Connection,
        sql: &str,
        rows: impl Iterator<Item = &'r R>,
    ) -> Result<(), Failure> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(sql).map_err(failure)?;
        for row in rows {
            let mut binder = Binder::new(&mut statement);
            row.put(&mut binder);
            binder.finish()?;
            if statement.raw_execute().map_err(failure)? != 1 {
                return Err(Failure::Broken(format!("a row of {} has vanished", R::table().name)));
            }
        }
        Ok(())
    }

    /// Arms jobs.
    pub(crate) fn arm(&self, connection: &Connection, arms: &[Arm]) -> Result<(), Failure> {
        let mut insert = connection.prepare_cached(&self.arm).map_err(failure)?;
        let mut again = connection.prepare_cached(ARM_AGAIN).map_err(failure)?;
        for arm in arms {
            let mut binder = Binder::new(&mut insert);
            arm.row.put(&mut binder);
            binder.finish()?;
            if insert.raw_execute().map_err(failure)? == 1 {
                continue;
            }
            let mut binder = Binder::new(&mut again);
            arm.row.put(&mut binder);
            binder.finish()?;
            again.raw_bind_parameter(REVIVE_PARAMETER, arm.revive).map_err(failure)?;
            again.raw_execute().map_err(failure)?;
        }
        Ok(())
    }

    /// Writes everything. What others refer to goes first.
    pub(crate) fn apply(&self, connection: &Connection, writes: Writes) -> Result<(), Failure> {
        let c = connection;
        self.write(c, &writes.channels)?;
        self.write(c, &writes.plans)?;
        self.write(c, &writes.links)?;
        self.write(c, &writes.orders)?;
        self.write(c, &writes.payments)?;
        self.write(c, &writes.memberships)?;
        self.write(c, &writes.grants)?;
        self.write(c, &writes.presences)?;
        self.write(c, &writes.runs)?;
        self.write(c, &writes.switches)?;
        self.write(c, &writes.bot_chats)?;
        self.write(c, &writes.dialogues)?;
        self.write(c, &writes.offers)?;
        self.write(c, &writes.attention)?;
        self.write(c, &writes.jobs)?;
        self.arm(c, &writes.arm)?;
        self.insert(c, &writes.events)?;
        if writes.audit.is_empty() {
            return Ok(());
        }
        let (sequence, hash) = c
            .prepare_cached("SELECT sequence, hash FROM audit_head WHERE id = 1")
            .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
            .map_err(failure)?;
        let rows = seal(sequence, hash, writes.audit);
        self.insert(c, &rows)?;
        if let Some(last) = rows.last() {
            c.prepare_cached("UPDATE audit_head SET sequence = ?1, hash = ?2 WHERE id = 1")
                .and_then(|mut statement| statement.execute(params![last.0.sequence, last.0.hash]))
                .map_err(failure)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::SQLITE;

    #[test]
    fn an_update_that_leaves_the_indexes_names_no_column_of_one() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in SQLITE {
            connection.execute_batch(migration.sql).unwrap();
        }
        let mut seen = 0;
        for table in TABLES {
            let mut indexes = connection
                .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1")
                .unwrap();
            let indexes: Vec<(String, String)> = indexes
                .query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            for (index, sql) in indexes {
                let mut keys = connection.prepare("SELECT name FROM pragma_index_info(?1)").unwrap();
                let mut names: Vec<String> =
                    keys.query_map([&index], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
                let condition = sql.split_once(" WHERE ").map_or("", |(_, condition)| condition);
                names
                    .extend(condition.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_owned));
                for (name, _, change) in
                    table.columns.iter().filter(|(name, ..)| names.iter().any(|n| n == name))
                {
                    assert_ne!(*change, Change::Changes, "{}.{name} stands in {index}", table.name);
                    seen += usize::from(*change == Change::Indexed);
                }
            }
        }
        assert!(seen > 10, "only {seen} columns were found in indexes");
    }
}
