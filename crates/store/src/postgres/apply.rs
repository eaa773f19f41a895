//! Writes what a batch decided into PostgreSQL: one statement for each table and manner, whose parameters are the columns.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tollhouse_core::snapshot::Write;

use super::pipeline::{Call, run};
use super::rows::{Transposer, failure};
use crate::batch::{Arm, Writes, seal};
use crate::layout::{
    ATTENTION, AUDIT, ArmRow, CHANNELS, Change, EVENTS, GRANTS, JOBS, Kind, LINKS, MEMBERSHIPS, ORDERS,
    PAYMENTS, PLANS, Record, Table,
};
use crate::writer::Failure;

/// The statements, made once.
pub(crate) struct Statements {
    tables: HashMap<&'static str, (String, String)>,
    arm: String,
    arm_and_revive: String,
}

impl Default for Statements {
    fn default() -> Self {
        let tables = [
            &CHANNELS,
            &PLANS,
            &LINKS,
            &ORDERS,
            &PAYMENTS,
            &MEMBERSHIPS,
            &GRANTS,
            &JOBS,
            &ATTENTION,
            &EVENTS,
            &AUDIT,
        ];
        let arm = |or: &str| format!("{}{ARM_CONFLICT}{or}", insert_into(&JOBS));
        Self {
            tables: tables
                .into_iter()
                .map(|table| (table.name, (insert_into(table), update(table))))
                .collect(),
            arm: arm(""),
            arm_and_revive: arm(ARM_REVIVE),
        }
    }
}

fn array_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Uuid => "uuid[]",
        Kind::Int => "bigint[]",
        Kind::Text => "text[]",
        Kind::Bytes => "bytea[]",
        Kind::Time => "timestamptz[]",
        Kind::Amount => "numeric[]",
        Kind::Flag => "boolean[]",
    }
}

fn insert_into(table: &Table) -> String {
    let places: Vec<String> = (1..)
        .zip(table.columns)
        .map(|(place, (_, kind, _))| format!("${place}::{}", array_type(*kind)))
        .collect();
    let names = table.select_list("");
    format!("INSERT INTO {} ({names}) SELECT * FROM unnest({})", table.name, places.join(", "))
}

/// Whether a column is a parameter of the update: the key, and what may change.
fn is_updated(table: &Table, place: usize) -> bool {
    place == 0 || table.columns.get(place).is_some_and(|(_, _, change)| *change == Change::Changes)
}

fn update(table: &Table) -> String {
    let columns = table.columns.iter().enumerate().filter(|(place, _)| is_updated(table, *place));
    let columns: Vec<_> = columns.map(|(_, column)| column).collect();
    let places: Vec<String> =
        (1..).zip(&columns).map(|(place, (_, kind, _))| format!("${place}::{}", array_type(*kind))).collect();
    let names: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
    let sets: Vec<String> = names.iter().skip(1).map(|name| format!("{name} = new.{name}")).collect();
    let (table, key) = (table.name, names[0]);
    format!(
        "UPDATE {table} SET {} FROM unnest({}) AS new ({}) WHERE {table}.{key} = new.{key}",
        sets.join(", "),
        places.join(", "),
        names.join(", ")
    )
}

/// A job that waits is brought forward; with [`ARM_REVIVE`] one that is over runs again, and one that is held gets the new time, by which
/// its holder's outcome shows that it was asked for again meanwhile.
const ARM_CONFLICT: &str = " ON CONFLICT (kind, subject) DO UPDATE SET
  run_at = excluded.run_at,
  payload = CASE WHEN jobs.state IN ('done', 'dead') THEN excluded.payload ELSE jobs.payload END,
  attempt = CASE WHEN jobs.state IN ('done', 'dead') THEN 0 ELSE jobs.attempt END,
  last_error = CASE WHEN jobs.state IN ('done', 'dead') THEN NULL ELSE jobs.last_error END,
  finished_at = NULL,
  state = CASE WHEN jobs.state = 'leased' THEN 'leased' ELSE 'ready' END
WHERE (jobs.state = 'ready' AND excluded.run_at < jobs.run_at)";
/// What is added to [`ARM_CONFLICT`] for a job that may run again.
const ARM_REVIVE: &str =
    " OR jobs.state IN ('done', 'dead') OR (jobs.state = 'leased' AND excluded.run_at > jobs.run_at)";

/// The last lock that is taken, since every process takes it.
const LOCK_AUDIT_HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE id = 1 FOR NO KEY UPDATE";
const MOVE_AUDIT_HEAD: &str = "UPDATE audit_head SET sequence = $1, hash = $2 WHERE id = 1";
const COMMIT: Call<'static> = Call::Plain("COMMIT");

impl Statements {
    fn of(&self, table: &Table) -> Result<&(String, String), Failure> {
        self.tables.get(table.name).ok_or_else(|| Failure::Broken(format!("no statement for {}", table.name)))
    }

    fn insert<'a, R: Record>(&'a self, rows: Vec<&'a R>, calls: &mut Vec<Call<'a>>) -> Result<(), Failure> {
        if !rows.is_empty() {
            let parameters = Transposer::of(rows).parameters(|_| true);
            calls.push(Call::Change { sql: &self.of(R::table())?.0, parameters, rows: None });
        }
        Ok(())
    }

    fn write<'a, R: Record>(
        &'a self,
        writes: &'a [Write<R>],
        calls: &mut Vec<Call<'a>>,
    ) -> Result<(), Failure> {
        self.insert(writes.iter().filter(|write| write.is_new).map(|write| &write.row).collect(), calls)?;
        let changed: Vec<&R> = writes.iter().filter(|write| !write.is_new).map(|write| &write.row).collect();
        if !changed.is_empty() {
            let count = changed.len();
            let parameters = Transposer::of(changed).parameters(|place| is_updated(R::table(), place));
            calls.push(Call::Change { sql: &self.of(R::table())?.1, parameters, rows: Some(count) });
        }
        Ok(())
    }

    fn arm<'a>(&'a self, arms: &'a [Arm], revive: bool, calls: &mut Vec<Call<'a>>) {
        let rows: Vec<&ArmRow> = arms.iter().filter(|arm| arm.revive == revive).map(|arm| &arm.row).collect();
        if !rows.is_empty() {
            let parameters = Transposer::of(rows).parameters(|_| true);
            let sql = if revive { &self.arm_and_revive } else { &self.arm };
            calls.push(Call::Change { sql, parameters, rows: None });
        }
    }

    /// Writes everything, what others refer to first, and commits. `committing` turns true just before it cannot be told any more whether
    /// the commit was carried out.
    pub(crate) async fn apply(
        &self,
        client: &ClientWrapper,
        mut writes: Writes,
        committing: &mut bool,
    ) -> Result<(), Failure> {
        let audit = std::mem::take(&mut writes.audit);
        let mut calls = Vec::new();
        self.write(&writes.channels, &mut calls)?;
        self.write(&writes.plans, &mut calls)?;
        self.write(&writes.links, &mut calls)?;
        self.write(&writes.orders, &mut calls)?;
        self.write(&writes.payments, &mut calls)?;
        self.write(&writes.memberships, &mut calls)?;
        self.write(&writes.grants, &mut calls)?;
        self.write(&writes.attention, &mut calls)?;
        self.write(&writes.jobs, &mut calls)?;
        self.arm(&writes.arm, true, &mut calls);
        self.arm(&writes.arm, false, &mut calls);
        self.insert(writes.events.iter().collect(), &mut calls)?;
        if audit.is_empty() {
            // An update must have found its rows before the commit is sent; an insert fails by itself.
            if calls.iter().any(|call| matches!(call, Call::Change { rows: Some(_), .. })) {
                run(client, &calls).await?;
                calls.clear();
            }
            calls.push(COMMIT);
            *committing = true;
            return run(client, &calls).await.map(|_| ());
        }
        calls.push(Call::Rows { sql: LOCK_AUDIT_HEAD, parameters: Vec::new() });
        let answers = run(client, &calls).await?;
        let head = answers
            .last()
            .and_then(|rows| rows.first())
            .ok_or_else(|| Failure::Broken("no audit head".to_owned()))?;
        let sequence: i64 = head.try_get(0).map_err(|error| failure(&error))?;
        let hash: &[u8] = head.try_get(1).map_err(|error| failure(&error))?;
        let hash =
            hash.try_into().map_err(|_| Failure::Broken("the audit head is not 32 bytes".to_owned()))?;
        let rows = seal(sequence, hash, audit);
        let mut calls = Vec::new();
        self.insert(rows.iter().collect(), &mut calls)?;
        if let Some(last) = rows.last() {
            let parameters: Vec<super::rows::Parameter<'_>> =
                vec![Box::new(last.0.sequence), Box::new(last.0.hash.to_vec())];
            calls.push(Call::Change { sql: MOVE_AUDIT_HEAD, parameters, rows: None });
        }
        calls.push(COMMIT);
        *committing = true;
        run(client, &calls).await.map(|_| ())
    }
}
