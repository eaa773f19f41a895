//! Rows of SQLite in the terms of [`crate::layout`], and its errors in ours.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, Row, Statement};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::layout::{Columns, Sink};
use crate::writer::Failure;

/// What an error of SQLite means for a batch.
pub(crate) fn failure(error: rusqlite::Error) -> Failure {
    let what = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::Unavailable(format!("another process keeps the database locked ({what})"))
        }
        Some(ErrorCode::DiskFull) => Failure::Unavailable(format!("the disk is full ({what})")),
        Some(ErrorCode::ReadOnly) => Failure::Unavailable(format!("the database is read-only ({what})")),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory,
        ) => Failure::Unavailable(what),
        _ => Failure::Broken(what),
    }
}

/// A row, read from left to right.
pub(crate) struct SqliteRow<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl<'r, 's> SqliteRow<'r, 's> {
    pub(crate) fn new(row: &'r Row<'s>) -> Self {
        Self { row, next: 0 }
    }

    fn value(&mut self) -> Result<ValueRef<'r>, Failure> {
        let value = self.row.get_ref(self.next).map_err(failure);
        self.next += 1;
        value
    }

    fn wrong(&self, value: ValueRef<'_>) -> Failure {
        self.fault(&format!("is {}", value.data_type()))
    }
}

impl Columns for SqliteRow<'_, '_> {
    fn uuid(&mut self) -> Result<Option<Uuid>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => {
                Uuid::from_slice(bytes).map(Some).map_err(|_| self.fault("is not 16 bytes"))
            }
            other => Err(self.wrong(other)),
        }
    }

    fn int(&mut self) -> Result<Option<i64>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            other => Err(self.wrong(other)),
        }
    }

    fn text(&mut self) -> Result<Option<&str>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => {
                std::str::from_utf8(bytes).map(Some).map_err(|_| self.fault("is not UTF-8"))
            }
            other => Err(self.wrong(other)),
        }
    }

    fn bytes(&mut self) -> Result<Option<&[u8]>, Failure> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            other => Err(self.wrong(other)),
        }
    }

    fn time(&mut self) -> Result<Option<Timestamp>, Failure> {
        let time = self.int()?.map(Timestamp::from_microsecond).transpose();
        time.map_err(|error| self.fault(&error.to_string()))
    }

    fn amount(&mut self) -> Result<Option<Decimal>, Failure> {
        let amount = self.text()?.map(Decimal::from_str_exact).transpose();
        amount.map_err(|error| self.fault(&error.to_string()))
    }

    fn flag(&mut self) -> Result<Option<bool>, Failure> {
        match self.int()? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(_) => Err(self.fault("is neither 0 nor 1")),
        }
    }

    fn fault(&self, what: &str) -> Failure {
        let statement: &Statement<'_> = self.row.as_ref();
        let column = statement.column_name(self.next.saturating_sub(1)).unwrap_or("?");
        Failure::Broken(format!("a row cannot be read: column {column} {what}"))
    }
}

/// Binds a row's columns to a statement whose parameters have the columns' numbers.
pub(crate) struct Binder<'b, 's> {
    statement: &'b mut Statement<'s>,
    last: usize,
    next: usize,
    error: Option<rusqlite::Error>,
}

impl<'b, 's> Binder<'b, 's> {
    pub(crate) fn new(statement: &'b mut Statement<'s>) -> Self {
        let last = statement.parameter_count();
        Self { statement, last, next: 1, error: None }
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.error.map_or(Ok(()), |error| Err(failure(error)))
    }

    fn bind(&mut self, value: impl rusqlite::ToSql) {
        // An update leaves out what is fixed; it may well be the last columns.
        if self.next <= self.last && self.error.is_none() {
            self.error = self.statement.raw_bind_parameter(self.next, value).err();
        }
        self.next += 1;
    }
}

impl<'a> Sink<'a> for Binder<'_, '_> {
    fn uuid(&mut self, value: Option<Uuid>) {
        self.bind(value);
    }

    fn int(&mut self, value: Option<i64>) {
        self.bind(value);
    }

    fn text(&mut self, value: Option<Cow<'a, str>>) {
        self.bind(value.as_deref());
    }

    fn bytes(&mut self, value: Option<Cow<'a, [u8]>>) {
        self.bind(value.as_deref());
    }

    fn time(&mut self, value: Option<Timestamp>) {
        self.bind(value.map(Timestamp::as_microsecond));
    }

    fn amount(&mut self, value: Option<Decimal>) {
        self.bind(value.map(|amount| amount.to_string()));
    }

    fn flag(&mut self, value: bool) {
        self.bind(value);
    }
}
