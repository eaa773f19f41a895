//! The lists' queries. They differ between the engines in a few spellings only, so that there is one text for both.

use tollhouse_core::id::ProviderPaymentId;
use tollhouse_core::job::JobState;
use uuid::Uuid;

use crate::layout::{
    ATTENTION, AUDIT, CHANNELS, EVENTS, JOBS, LINKS, MEMBERSHIPS, ORDERS, PAYMENTS, PRESENCES, RUNS, Table,
    known_reasons,
};
use crate::{
    AttentionFilter, AuditFilter, ChannelFilter, JobFilter, LinkFilter, MembershipFilter, OrderFilter,
    PAGE_LENGTH_MAX, PaymentFilter, PresenceFilter, RunFilter,
};

/// How an engine spells what the two spell differently.
pub(crate) struct Dialect {
    /// What stands before a parameter's number.
    pub(crate) parameter: char,
    /// Payments that are not settled, in the words of the partial index.
    pub(crate) unsettled: &'static str,
    /// Payments of which more is to be heard, in the words of the partial index.
    pub(crate) pending: &'static str,
    /// The hex digits of `payments.order_id`.
    pub(crate) order_hex: &'static str,
    /// What makes the planner take an index, before its name: SQLite's would rather group along the unique key of all jobs, of which those
    /// in one state are few (seconds among a million).
    pub(crate) indexed_by: Option<&'static str>,
}

pub(crate) static SQLITE: Dialect = Dialect {
    parameter: '?',
    unsettled: "payments.is_unsettled = 1",
    pending: "is_pending = 1",
    order_hex: "lower(hex(payments.order_id))",
    indexed_by: Some("INDEXED BY"),
};

pub(crate) static POSTGRES: Dialect = Dialect {
    parameter: '$',
    unsettled: "payments.is_unsettled",
    pending: "is_pending",
    order_hex: "replace(payments.order_id::text, '-', '')",
    indexed_by: None,
};

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Uuid(Uuid),
    Int(i64),
    Text(String),
    Time(jiff::Timestamp),
}

/// A query with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

struct Builder<'d> {
    dialect: &'d Dialect,
    conditions: Vec<String>,
    values: Vec<Value>,
    index: Option<&'static str>,
}

impl<'d> Builder<'d> {
    fn new(dialect: &'d Dialect) -> Self {
        Self { dialect, conditions: Vec::new(), values: Vec::new(), index: None }
    }

    /// Finds the rows by an index that holds few: where the newest come first, SQLite else walks through all there are.
    fn by(mut self, when: bool, index: &'static str) -> Self {
        if when {
            self.index = Some(index);
        }
        self
    }

    /// Takes a value and returns its place.
    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("{}{}", self.dialect.parameter, self.values.len())
    }

    /// Adds a condition in which `{}` stands for the value.
    fn with(mut self, condition: &str, value: Option<Value>) -> Self {
        if let Some(value) = value {
            let place = self.place(value);
            self.conditions.push(condition.replace("{}", &place));
        }
        self
    }

    fn only(mut self, when: bool, condition: &str) -> Self {
        if when {
            self.conditions.push(condition.to_owned());
        }
        self
    }

    fn finish(mut self, table: &Table, prefix: &str, order: &str, limit: i64) -> Listing {
        let limit = self.place(Value::Int(limit));
        let filter = if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        };
        let columns = table.select_list("");
        let by = match (self.dialect.indexed_by, self.index) {
            (Some(words), Some(index)) => format!(" {words} {index}"),
            _ => String::new(),
        };
        let sql = format!(
            "SELECT {prefix}{columns} FROM {}{by}{filter} ORDER BY {order} LIMIT {limit}",
            table.name
        );
        Listing { sql, values: self.values }
    }
}

impl Dialect {
    pub(crate) fn channels(&self, filter: &ChannelFilter) -> Listing {
        Builder::new(self)
            .only(!filter.archived, "archived_at IS NULL")
            .with("owner = {}", filter.owner.map(|owner| Value::Int(owner.get())))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&CHANNELS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn links(&self, filter: &LinkFilter) -> Listing {
        Builder::new(self)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&LINKS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn orders(&self, filter: &OrderFilter) -> Listing {
        Builder::new(self)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("telegram_user = {}", filter.user.map(|user| Value::Int(user.get())))
            .with("state = {}", filter.state.map(|state| Value::Text(state.as_str().to_owned())))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&ORDERS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn payments(&self, filter: &PaymentFilter) -> Listing {
        let status = filter.status.as_ref().map(|status| Value::Text(status.as_str().to_owned()));
        Builder::new(self)
            .by(filter.stuck_before.is_some(), "payments_unsettled")
            .by(filter.pending, "payments_pending")
            .only(filter.stuck_before.is_some(), &self.stuck())
            .with("credited_at < {}", filter.stuck_before.map(Value::Time))
            .only(filter.pending, self.pending)
            .with("first_seen_at >= {}", filter.seen_from.map(Value::Time))
            .with("first_seen_at < {}", filter.seen_until.map(Value::Time))
            .with("status = {}", status)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("id < {}", filter.before.map(|id| Value::Int(id.get())))
            .finish(&PAYMENTS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn memberships(&self, filter: &MembershipFilter) -> Listing {
        Builder::new(self)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("telegram_user = {}", filter.user.map(|user| Value::Int(user.get())))
            .with("status = {}", filter.status.map(|status| Value::Text(status.as_str().to_owned())))
            .only(filter.counted, COUNTED)
            .with("removal_run_id = {}", filter.run.map(|id| Value::Uuid(id.0)))
            .only(filter.leaves_before.is_some(), "removed_at IS NULL AND status <> 'expired'")
            .with("ends_at < {}", filter.leaves_before.map(Value::Time))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&MEMBERSHIPS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn presences(&self, filter: &PresenceFilter) -> Listing {
        let standing = filter.standing.map(|standing| Value::Text(standing.as_str().to_owned()));
        Builder::new(self)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("standing = {}", standing)
            .only(filter.listed, "listed_at IS NOT NULL")
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&PRESENCES, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn runs(&self, filter: &RunFilter) -> Listing {
        Builder::new(self)
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&RUNS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn attention(&self, filter: &AttentionFilter) -> Listing {
        Builder::new(self)
            .only(!filter.resolved, "resolved_at IS NULL")
            // What a newer program put there would make a page shorter, as if it were the last.
            .only(true, &known_reasons())
            .with("channel_id = {}", filter.channel.map(|id| Value::Uuid(id.0)))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&ATTENTION, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn jobs(&self, filter: &JobFilter) -> Listing {
        let state = filter.state.map(|state| format!("state = '{}'", state.as_str()));
        Builder::new(self)
            .by(filter.state == Some(JobState::Dead), "jobs_dead")
            .by(filter.state == Some(JobState::Leased), "jobs_leased")
            .only(state.is_some(), &state.unwrap_or_default())
            .with("kind = {}", filter.kind.clone().map(Value::Text))
            .with("id < {}", filter.before.map(|id| Value::Uuid(id.0)))
            .finish(&JOBS, "", "id DESC", filter.rows_max())
    }

    pub(crate) fn audit(&self, filter: AuditFilter) -> Listing {
        Builder::new(self).with("sequence > {}", Some(Value::Int(filter.after))).finish(
            &AUDIT,
            "",
            "sequence",
            filter.rows_max(),
        )
    }

    pub(crate) fn events(&self, payment: ProviderPaymentId, limit: u32) -> Listing {
        Builder::new(self).with("payment_id = {}", Some(Value::Int(payment.get()))).finish(
            &EVENTS,
            "id, ",
            "id DESC",
            i64::from(limit.min(PAGE_LENGTH_MAX)),
        )
    }

    /// Jobs by kind, in one state.
    pub(crate) fn jobs_by_kind(&self, state: JobState) -> String {
        let jobs = self.jobs_in(state);
        format!("SELECT kind, count(*) FROM {jobs} WHERE state = '{}' GROUP BY kind", state.as_str())
    }

    /// Jobs that wait, by kind, and how many of them have failed at what they are to do.
    pub(crate) fn jobs_waiting(&self) -> String {
        let jobs = self.jobs_in(JobState::Ready);
        format!(
            "SELECT kind, count(*), count(*) FILTER (WHERE attempt > 0) FROM {jobs} WHERE state = 'ready' GROUP BY kind"
        )
    }

    fn jobs_in(&self, state: JobState) -> String {
        self.indexed_by
            .map_or_else(|| "jobs".to_owned(), |words| format!("jobs {words} jobs_{}", state.as_str()))
    }

    /// How many payments are stuck since before parameter 1.
    pub(crate) fn count_stuck(&self) -> String {
        format!("SELECT count(*) FROM payments WHERE credited_at < {}1 AND {}", self.parameter, self.stuck())
    }

    /// Money that has ended in neither a grant nor the attention list (I3). A grant that was taken back was an end, too, and so is an item
    /// that a person has closed as dismissed or refunded.
    fn stuck(&self) -> String {
        let ended = "(attention.resolved_at IS NULL OR attention.resolution IN ('dismiss', 'refund'))";
        format!(
            "{} AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.order_id = payments.order_id) \
             AND NOT EXISTS (SELECT 1 FROM attention WHERE attention.subject = 'payment:' || payments.id AND {ended}) \
             AND NOT EXISTS (SELECT 1 FROM attention WHERE attention.subject = 'order:ord_' || {} AND {ended})",
            self.unsettled, self.order_hex
        )
    }
}

/// The newest order of a reference; parameter 1. By when it was made: the ids of carried-over orders say when they were carried over. They
/// are few, one for each time that somebody bought.
pub(crate) fn order_by_legacy_ref(dialect: &Dialect) -> String {
    format!(
        "SELECT id FROM orders WHERE legacy_ref = {}1 ORDER BY created_at DESC, id DESC LIMIT 1",
        dialect.parameter
    )
}

/// Memberships whose time lasts or that are in grace.
const COUNTED: &str = "status IN ('active', 'grace')";

/// How many members a channel has whose time is not over or who are in grace; parameter 1 is the channel.
pub(crate) fn count_members(dialect: &Dialect) -> String {
    format!("SELECT count(*) FROM memberships WHERE channel_id = {}1 AND {COUNTED}", dialect.parameter)
}

/// Jobs that are due, and since when the longest of them waits; parameter 1 is now.
pub(crate) fn outbox(dialect: &Dialect) -> String {
    format!(
        "SELECT count(*), min(run_at) FROM jobs WHERE state = 'ready' AND run_at <= {}1",
        dialect.parameter
    )
}

/// Open attention items by reason.
pub(crate) const ATTENTION_OPEN: &str =
    "SELECT reason, count(*) FROM attention WHERE resolved_at IS NULL GROUP BY reason";
