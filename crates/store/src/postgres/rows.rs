//! Rows of PostgreSQL in the terms of [`crate::layout`], and its errors in ours.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use uuid::Uuid;

use crate::layout::{Columns, Kind, Record, Sink};
use crate::writer::Failure;

/// A parameter that is sent while something else is as well.
pub(crate) type Parameter<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// An instant as tokio-postgres sends it.
pub(crate) fn system_time(at: Timestamp) -> SystemTime {
    let micros = at.as_microsecond();
    let distance = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// What an error of PostgreSQL means for a batch.
pub(crate) fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(database) = error.as_db_error() else {
        // No answer of the database: the connection is gone, or a value could not be encoded or decoded.
        let what = chain(error);
        return if error.is_closed() || source_is_io(error) {
            Failure::Disconnected(what)
        } else {
            Failure::Broken(what)
        };
    };
    let what = format!("{} ({})", database.message(), database.code().code());
    match *database.code() {
        SqlState::UNIQUE_VIOLATION => {
            Failure::Raced(format!("{what}: {}", database.constraint().unwrap_or("a unique key")))
        }
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Failure::Locked(what),
        SqlState::LOCK_NOT_AVAILABLE => {
            Failure::Blocked(format!("another session keeps locked what this needs: {what}"))
        }
        // Waited too long for the statement as a whole.
        SqlState::QUERY_CANCELED => Failure::Unavailable(what),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            Failure::Disconnected(format!("this server only reads, it is a standby: {what}"))
        }
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Failure::Disconnected(what),
        ref code => match code.code().get(..2) {
            Some("08") => Failure::Disconnected(what),
            // Resources, the operator, the system, a damaged file, authentication.
            Some("53" | "57" | "58" | "XX" | "28") => Failure::Unavailable(what),
            _ => Failure::Broken(what),
        },
    }
}

fn source_is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return true;
        }
        source = inner.source();
    }
    false
}

/// An error with what caused it; tokio-postgres by itself says little more than "db error".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

/// A row, read from left to right.
pub(crate) struct PostgresRow<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> PostgresRow<'r> {
    pub(crate) fn new(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// Whether the next column, an id, is null; it stays the next.
    pub(crate) fn is_null(&self) -> Result<bool, Failure> {
        let id: Option<Uuid> = self.row.try_get(self.next).map_err(|error| self.fault(&chain(&error)))?;
        Ok(id.is_none())
    }

    fn value<V: FromSql<'r>>(&mut self) -> Result<Option<V>, Failure> {
        let value = self.row.try_get(self.next);
        self.next += 1;
        value.map_err(|error| self.fault(&chain(&error)))
    }
}

impl Columns for PostgresRow<'_> {
    fn uuid(&mut self) -> Result<Option<Uuid>, Failure> {
        self.value()
    }

    fn int(&mut self) -> Result<Option<i64>, Failure> {
        self.value()
    }

    fn text(&mut self) -> Result<Option<&str>, Failure> {
        self.value()
    }

    fn bytes(&mut self) -> Result<Option<&[u8]>, Failure> {
        self.value()
    }

    fn time(&mut self) -> Result<Option<Timestamp>, Failure> {
        let time = self.value::<SystemTime>()?.map(Timestamp::try_from).transpose();
        time.map_err(|error| self.fault(&error.to_string()))
    }

    fn amount(&mut self) -> Result<Option<Decimal>, Failure> {
        self.value()
    }

    fn flag(&mut self) -> Result<Option<bool>, Failure> {
        self.value()
    }

    fn fault(&self, what: &str) -> Failure {
        let column = self.row.columns().get(self.next.saturating_sub(1)).map_or("?", |column| column.name());
        Failure::Broken(format!("a row cannot be read: column {column} {what}"))
    }
}

/// One column of many rows: one array parameter of an `unnest`.
enum Column<'a> {
    Uuid(Vec<Option<Uuid>>),
    Int(Vec<Option<i64>>),
    Text(Vec<Option<Cow<'a, str>>>),
    Bytes(Vec<Option<Cow<'a, [u8]>>>),
    Time(Vec<Option<SystemTime>>),
    Amount(Vec<Option<Decimal>>),
    Flag(Vec<bool>),
}

/// Turns rows into columns.
pub(crate) struct Transposer<'a> {
    columns: Vec<Column<'a>>,
    next: usize,
}

impl<'a> Transposer<'a> {
    pub(crate) fn of<R: Record + 'a>(rows: impl IntoIterator<Item = &'a R>) -> Self {
        let columns = R::table().columns.iter().map(|(_, kind, _)| match kind {
            Kind::Uuid => Column::Uuid(Vec::new()),
            Kind::Int => Column::Int(Vec::new()),
            Kind::Text => Column::Text(Vec::new()),
            Kind::Bytes => Column::Bytes(Vec::new()),
            Kind::Time => Column::Time(Vec::new()),
            Kind::Amount => Column::Amount(Vec::new()),
            Kind::Flag => Column::Flag(Vec::new()),
        });
        let mut transposer = Self { columns: columns.collect(), next: 0 };
        for row in rows {
            transposer.next = 0;
            row.put(&mut transposer);
        }
        transposer
    }

    /// The columns that are wanted, as parameters.
    pub(crate) fn parameters(self, wanted: impl Fn(usize) -> bool) -> Vec<Parameter<'a>> {
        let columns = self.columns.into_iter().enumerate().filter(|(place, _)| wanted(*place));
        columns
            .map(|(_, column)| -> Parameter<'a> {
                match column {
                    Column::Uuid(values) => Box::new(values),
                    Column::Int(values) => Box::new(values),
                    Column::Text(values) => Box::new(values),
                    Column::Bytes(values) => Box::new(values),
                    Column::Time(values) => Box::new(values),
                    Column::Amount(values) => Box::new(values),
                    Column::Flag(values) => Box::new(values),
                }
            })
            .collect()
    }

    fn column(&mut self) -> Option<&mut Column<'a>> {
        let column = self.columns.get_mut(self.next);
        self.next += 1;
        column
    }
}

/// A value of another kind than its column says leaves the arrays of unequal length, which the database refuses.
macro_rules! push {
    ($self:ident, $kind:ident, $value:expr) => {
        if let Some(Column::$kind(values)) = $self.column() {
            values.push($value);
        }
    };
}

impl<'a> Sink<'a> for Transposer<'a> {
    fn uuid(&mut self, value: Option<Uuid>) {
        push!(self, Uuid, value);
    }

    fn int(&mut self, value: Option<i64>) {
        push!(self, Int, value);
    }

    fn text(&mut self, value: Option<Cow<'a, str>>) {
        push!(self, Text, value);
    }

    fn bytes(&mut self, value: Option<Cow<'a, [u8]>>) {
        push!(self, Bytes, value);
    }

    fn time(&mut self, value: Option<Timestamp>) {
        push!(self, Time, value.map(system_time));
    }

    fn amount(&mut self, value: Option<Decimal>) {
        push!(self, Amount, value);
    }

    fn flag(&mut self, value: bool) {
        push!(self, Flag, value);
    }
}
