//! Holds [`Record::leaves_indexes`] against the table: what it calls unchanged must be so for every column that stands in an index.

use std::borrow::Cow;

use jiff::Timestamp;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Change, Record, Sink};

#[derive(Debug, PartialEq)]
enum Value<'a> {
    Uuid(Option<Uuid>),
    Int(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Time(Option<Timestamp>),
    Amount(Option<Decimal>),
    Flag(bool),
}

/// The columns of a row that stand in an index and may change.
struct IndexedColumns<'a> {
    columns: &'static [(&'static str, super::Kind, Change)],
    next: usize,
    values: Vec<Value<'a>>,
}

/// Whether two states of a row are the same to its table's indexes, by a look at each column.
pub(crate) fn are_indexes_left<R: Record>(before: &R, after: &R) -> bool {
    IndexedColumns::of(before).values == IndexedColumns::of(after).values
}

impl<'a> IndexedColumns<'a> {
    fn of<R: Record>(row: &'a R) -> Self {
        let mut sink = Self { columns: R::table().columns, next: 0, values: Vec::new() };
        row.put(&mut sink);
        sink
    }

    fn column(&mut self, value: Value<'a>) {
        if matches!(self.columns.get(self.next), Some((_, _, Change::Indexed))) {
            self.values.push(value);
        }
        self.next += 1;
    }
}

impl<'a> Sink<'a> for IndexedColumns<'a> {
    fn uuid(&mut self, value: Option<Uuid>) {
        self.column(Value::Uuid(value));
    }

    fn int(&mut self, value: Option<i64>) {
        self.column(Value::Int(value));
    }

    fn text(&mut self, value: Option<Cow<'a, str>>) {
        self.column(Value::Text(value));
    }

    fn bytes(&mut self, value: Option<Cow<'a, [u8]>>) {
        self.column(Value::Bytes(value));
    }

    fn time(&mut self, value: Option<Timestamp>) {
        self.column(Value::Time(value));
    }

    fn amount(&mut self, value: Option<Decimal>) {
        self.column(Value::Amount(value));
    }

    fn flag(&mut self, value: bool) {
        self.column(Value::Flag(value));
    }
}
