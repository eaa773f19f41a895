//! Writes what a batch decided into PostgreSQL: one statement, whose parameters are the columns of all the rows.

use deadpool_postgres::ClientWrapper;
use tollhouse_core::snapshot::Write;

use super::pipeline::{Call, run};
use super::rows::{Parameter, Transposer, failure};
use crate::batch::{Arm, Writes, seal};
use crate::layout::{ArmRow, Change, Kind, Record};
use crate::writer::Failure;

/// A column: its name, what it holds, whether it changes.
type Column = (&'static str, Kind, Change);

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

/// A job that waits is brought forward; with [`ARM_REVIVE`] one that is over runs again, and one that is held gets a later time, by
/// which its holder's outcome shows that it was asked for again meanwhile: later also if the asking process' clock is behind.
const ARM_CONFLICT: &str = " ON CONFLICT (kind, subject) DO UPDATE SET
  run_at = CASE WHEN jobs.state = 'leased'
    THEN greatest(excluded.run_at, jobs.run_at + interval '1 microsecond') ELSE excluded.run_at END,
  payload = CASE WHEN jobs.state IN ('done', 'dead') THEN excluded.payload ELSE jobs.payload END,
  attempt = CASE WHEN jobs.state IN ('done', 'dead') THEN 0 ELSE jobs.attempt END,
  last_error = CASE WHEN jobs.state IN ('done', 'dead') THEN NULL ELSE jobs.last_error END,
  finished_at = NULL,
  state = CASE WHEN jobs.state = 'leased' THEN 'leased' ELSE 'ready' END
WHERE (jobs.state = 'ready' AND excluded.run_at < jobs.run_at)";
/// What is added to [`ARM_CONFLICT`] for a job that may run again.
const ARM_REVIVE: &str = " OR jobs.state <> 'ready'";

/// The last lock that is taken, since every process takes it.
const LOCK_AUDIT_HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE id = 1 FOR NO KEY UPDATE";
const MOVE_AUDIT_HEAD: &str = "UPDATE audit_head SET sequence = $1, hash = $2 WHERE id = 1";

/// One statement that writes many tables. A statement costs a turn of the server and one of ours however little it does: one for each
/// table would cost more than the rows.
#[derive(Default)]
struct Combined<'a> {
    parts: Vec<String>,
    parameters: Vec<Parameter<'a>>,
    /// The parts that change rows which were loaded, and how many these are.
    updates: Vec<usize>,
    updated: i64,
}

impl<'a> Combined<'a> {
    /// The next places for the parameters of a statement, with their types.
    fn places<'t>(&self, columns: impl Iterator<Item = &'t Column>) -> String {
        let first = self.parameters.len() + 1;
        let places: Vec<String> = (first..)
            .zip(columns)
            .map(|(place, (_, kind, _))| format!("${place}::{}", array_type(*kind)))
            .collect();
        places.join(", ")
    }

    fn insert<R: Record + 'a>(&mut self, rows: Vec<&'a R>, conflict: &str) {
        if rows.is_empty() {
            return;
        }
        let table = R::table();
        let (name, columns, places) = (table.name, table.select_list(""), self.places(table.columns.iter()));
        self.parts.push(format!("INSERT INTO {name} ({columns}) SELECT * FROM unnest({places}){conflict}"));
        self.parameters.extend(Transposer::of(rows).parameters(|_| true));
    }

    fn update<R: Record + 'a>(&mut self, rows: Vec<&'a R>) {
        if rows.is_empty() {
            return;
        }
        let table = R::table();
        let is_updated = |place: usize| place == 0 || table.columns[place].2 != Change::Fixed;
        let columns: Vec<&Column> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(place, _)| is_updated(*place))
            .map(|(_, column)| column)
            .collect();
        let places = self.places(columns.iter().copied());
        let names: Vec<&str> = columns.iter().map(|(name, ..)| *name).collect();
        let sets: Vec<String> = names.iter().skip(1).map(|name| format!("{name} = new.{name}")).collect();
        let (name, key, sets, names) = (table.name, names[0], sets.join(", "), names.join(", "));
        self.updates.push(self.parts.len());
        self.updated += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.parts.push(format!(
            "UPDATE {name} SET {sets} FROM unnest({places}) AS new ({names}) WHERE {name}.{key} = new.{key} RETURNING 1"
        ));
        self.parameters.extend(Transposer::of(rows).parameters(is_updated));
    }

    fn write<R: Record + 'a>(&mut self, writes: &'a [Write<R>]) {
        let of_kind =
            |is_new| writes.iter().filter(move |write| write.is_new == is_new).map(|write| &write.row);
        self.insert(of_kind(true).collect(), "");
        self.update(of_kind(false).collect());
    }

    fn arm(&mut self, arms: &'a [Arm]) {
        let of_kind = |revive| arms.iter().filter(move |arm| arm.revive == revive).map(|arm| &arm.row);
        let revive = format!("{ARM_CONFLICT}{ARM_REVIVE}");
        self.insert::<ArmRow>(of_kind(true).collect(), &revive);
        self.insert::<ArmRow>(of_kind(false).collect(), ARM_CONFLICT);
    }

    /// The statement. It fails by a division by zero if an update did not find all its rows: then nothing is committed, without a turn in
    /// which we would look at the number.
    fn finish(mut self) -> Option<(String, Vec<Parameter<'a>>)> {
        if self.parts.is_empty() {
            return None;
        }
        let counts: Vec<String> =
            self.updates.iter().map(|part| format!("(SELECT count(*) FROM w{part})")).collect();
        let last = if counts.is_empty() {
            "SELECT 1".to_owned()
        } else {
            self.parameters.push(Box::new(self.updated));
            format!("SELECT 1 / ({} = ${}::bigint)::int", counts.join(" + "), self.parameters.len())
        };
        let parts: Vec<String> =
            self.parts.iter().enumerate().map(|(number, part)| format!("w{number} AS ({part})")).collect();
        Some((format!("WITH {} {last}", parts.join(", ")), self.parameters))
    }
}

/// Writes everything, what others refer to first, and commits. `committing` turns true just before it cannot be told any more whether
/// the commit was carried out.
pub(crate) async fn apply(
    client: &ClientWrapper,
    mut writes: Writes,
    committing: &mut bool,
) -> Result<(), Failure> {
    let audit = std::mem::take(&mut writes.audit);
    let mut statements = Vec::new();
    let mut first = Combined::default();
    first.write(&writes.channels);
    first.write(&writes.plans);
    first.write(&writes.links);
    first.write(&writes.orders);
    first.write(&writes.payments);
    first.write(&writes.memberships);
    first.write(&writes.grants);
    first.write(&writes.presences);
    first.write(&writes.runs);
    first.write(&writes.switches);
    first.write(&writes.bot_chats);
    first.write(&writes.dialogues);
    first.write(&writes.offers);
    first.write(&writes.attention);
    first.write(&writes.jobs);
    first.insert(writes.events.iter().collect(), "");
    // A statement must not touch a row twice: a job that was finished may be armed again at once.
    let mut second = Combined::default();
    if writes.jobs.is_empty() {
        first.arm(&writes.arm);
    } else {
        second.arm(&writes.arm);
    }
    statements.extend(first.finish());
    statements.extend(second.finish());
    if audit.is_empty() {
        return commit(client, statements, committing).await;
    }
    let mut calls: Vec<Call<'_>> = calls(&mut statements);
    calls.push(Call::Rows { sql: LOCK_AUDIT_HEAD, parameters: Vec::new() });
    let answers = run(client, &calls).await?;
    let head = answers
        .last()
        .and_then(|rows| rows.first())
        .ok_or_else(|| Failure::Broken("no audit head".to_owned()))?;
    let sequence: i64 = head.try_get(0).map_err(|error| failure(&error))?;
    let hash: &[u8] = head.try_get(1).map_err(|error| failure(&error))?;
    let hash = hash.try_into().map_err(|_| Failure::Broken("the audit head is not 32 bytes".to_owned()))?;
    let rows = seal(sequence, hash, audit);
    let mut entries = Combined::default();
    entries.insert(rows.iter().collect(), "");
    let mut statements: Vec<(String, Vec<Parameter<'_>>)> = entries.finish().into_iter().collect();
    if let Some(last) = rows.last() {
        let parameters: Vec<Parameter<'_>> = vec![Box::new(last.0.sequence), Box::new(last.0.hash.to_vec())];
        statements.push((MOVE_AUDIT_HEAD.to_owned(), parameters));
    }
    commit(client, statements, committing).await
}

fn calls<'c>(statements: &'c mut [(String, Vec<Parameter<'_>>)]) -> Vec<Call<'c>> {
    statements
        .iter_mut()
        .map(|(sql, parameters)| Call::Rows { sql, parameters: std::mem::take(parameters) })
        .collect()
}

async fn commit(
    client: &ClientWrapper,
    mut statements: Vec<(String, Vec<Parameter<'_>>)>,
    committing: &mut bool,
) -> Result<(), Failure> {
    let mut calls = calls(&mut statements);
    calls.push(Call::Plain("COMMIT"));
    *committing = true;
    run(client, &calls).await.map(|_| ())
}
