//! How each thing lies in its table: the columns, their kinds, and the two ways between a row and our types. Both engines use
//! it, so that they cannot differ in what they keep. The queries are each engine's own.

mod indexed;
mod read;
mod write;

pub(crate) use indexed::are_indexes_left;
pub(crate) use read::{
    Columns, attention, bot_chat, channel, dialogue, due_job, event, grant, in_order, job, link, membership,
    offer, order, payment, plan, presence, run, sealed, switch,
};
pub(crate) use write::{ArmRow, AuditRow, PaymentRow, PlanRow, Record, Sink, without_nul};

use tollhouse_core::attention::Reason;
use tollhouse_core::job::JobKind;

use Change::{Changes, Fixed, Indexed};
use Kind::{Amount, Bytes, Flag, Int, Text, Time, Uuid};

/// What a column holds. SQLite keeps an amount as its exact text and a time as microseconds; PostgreSQL as `numeric` and `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 16 bytes.
    Uuid,
    /// 64 bits with a sign.
    Int,
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// An instant in UTC, in microseconds.
    Time,
    /// An exact decimal of up to 28 digits.
    Amount,
    /// Yes or no.
    Flag,
}

/// Whether a column is ever written again. What is fixed is left out of an update, so that its indexes are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Part of what the row is: its id, its unique key, what was frozen when it was made.
    Fixed,
    /// May change.
    Changes,
    /// May change, and stands in an index, as a key or in its condition. SQLite writes such an index anew at every update that names the
    /// column, also where the value is the same: so these are named only if one of them differs.
    Indexed,
}

/// A table. The first column is the key.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind, Change)],
}

impl Table {
    /// The columns as a select list; `alias` with its dot, or nothing.
    pub(crate) fn select_list(&self, alias: &str) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, ..)| format!("{alias}{name}")).collect();
        names.join(", ")
    }
}

/// Puts the kinds of jobs that this program knows into a query. Those of a newer one are left to it: they would fill the places of what a
/// worker takes at once, and be passed over again and again.
pub(crate) fn known_kinds(filter: &str) -> String {
    let names: Vec<String> = JobKind::NAMES.iter().map(|name| format!("'{name}'")).collect();
    filter.replace("KNOWN_KINDS", &names.join(", "))
}

/// The reasons for attention that this program knows, as a condition. Those of a newer one are left to it.
pub(crate) fn known_reasons() -> String {
    let words: Vec<String> = Reason::ALL.iter().map(|reason| format!("'{}'", reason.as_str())).collect();
    format!("reason IN ({})", words.join(", "))
}

pub(crate) static CHANNELS: Table = Table {
    name: "channels",
    columns: &[
        ("id", Uuid, Fixed),
        ("private_chat_id", Int, Indexed),
        ("public_chat_id", Int, Indexed),
        ("title", Text, Changes),
        ("owner", Int, Indexed),
        ("payout_address", Text, Changes),
        ("payout_currency", Text, Changes),
        ("payout_memo", Text, Changes),
        ("policies", Text, Changes),
        ("archived_at", Time, Changes),
        ("frozen_at", Time, Changes),
        ("frozen_by", Text, Changes),
        ("frozen_reason", Text, Changes),
        ("chat_since", Time, Changes),
        ("created_at", Time, Fixed),
        ("payout_change", Text, Changes),
    ],
};

pub(crate) static PLANS: Table = Table {
    name: "plans",
    columns: &[
        ("id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("position", Int, Fixed),
        ("label", Text, Fixed),
        ("price_amount", Amount, Fixed),
        ("price_currency", Text, Fixed),
        ("duration_days", Int, Fixed),
        ("is_active", Flag, Indexed),
        ("created_at", Time, Fixed),
    ],
};

pub(crate) static LINKS: Table = Table {
    name: "links",
    columns: &[
        ("id", Uuid, Fixed),
        ("slug", Text, Fixed),
        ("channel_id", Uuid, Fixed),
        ("plan_id", Uuid, Fixed),
        ("expires_at", Time, Changes),
        ("max_uses", Int, Changes),
        ("uses", Int, Changes),
        ("revoked_at", Time, Changes),
        ("created_at", Time, Fixed),
    ],
};

pub(crate) static ORDERS: Table = Table {
    name: "orders",
    columns: &[
        ("id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("plan_id", Uuid, Fixed),
        ("price_amount", Amount, Fixed),
        ("price_currency", Text, Fixed),
        ("duration_days", Int, Fixed),
        ("telegram_user", Int, Indexed),
        ("claim", Uuid, Fixed),
        ("source", Text, Fixed),
        ("legacy_ref", Text, Fixed),
        ("link_id", Uuid, Fixed),
        ("invoice_id", Text, Changes),
        ("invoice_url", Text, Changes),
        ("invoice_problem", Text, Changes),
        ("created_at", Time, Fixed),
        ("expires_at", Time, Changes),
        ("state", Text, Changes),
        ("remaining_amount", Amount, Changes),
        ("remaining_currency", Text, Changes),
        ("overpaid_amount", Amount, Changes),
        ("overpaid_currency", Text, Changes),
        ("ruling", Text, Changes),
        ("paid_at", Time, Changes),
        ("updated_at", Time, Changes),
        ("checkout", Text, Changes),
        ("kind", Text, Fixed),
        ("donor_message", Text, Changes),
        ("wish", Int, Fixed),
        ("message_id", Int, Changes),
    ],
};

pub(crate) static PAYMENTS: Table = Table {
    name: "payments",
    columns: &[
        ("id", Int, Fixed),
        ("order_id", Uuid, Indexed),
        ("channel_id", Uuid, Changes),
        ("order_ref", Text, Changes),
        ("invoice_id", Text, Changes),
        ("parent_payment_id", Int, Indexed),
        ("parent_unreadable", Flag, Changes),
        ("status", Text, Changes),
        ("seen", Int, Changes),
        ("head_updated_at_ms", Int, Changes),
        ("head_digest", Bytes, Changes),
        ("price_amount", Amount, Changes),
        ("price_currency", Text, Changes),
        ("pay_currency", Text, Changes),
        ("pay_amount", Amount, Changes),
        ("actually_paid", Amount, Changes),
        ("outcome_amount", Amount, Changes),
        ("outcome_currency", Text, Changes),
        ("is_full", Flag, Changes),
        ("unusable_amount", Flag, Changes),
        ("contradiction", Flag, Changes),
        ("digests_seen", Bytes, Changes),
        ("first_seen_at", Time, Fixed),
        ("on_chain_at", Time, Changes),
        ("credited_at", Time, Indexed),
        ("updated_at", Time, Changes),
        ("pay_address", Text, Changes),
        ("pay_extra_id", Text, Changes),
        ("is_unsettled", Flag, Indexed),
        ("is_pending", Flag, Indexed),
    ],
};

pub(crate) static MEMBERSHIPS: Table = Table {
    name: "memberships",
    columns: &[
        ("id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("telegram_user", Int, Fixed),
        ("status", Text, Changes),
        ("starts_at", Time, Changes),
        ("ends_at", Time, Changes),
        ("invite_link", Text, Changes),
        ("invite_created_at", Time, Changes),
        ("joined_at", Time, Changes),
        ("removed_at", Time, Changes),
        ("removal_run_id", Uuid, Indexed),
        ("updated_at", Time, Changes),
    ],
};

pub(crate) static GRANTS: Table = Table {
    name: "grants",
    columns: &[
        ("id", Uuid, Fixed),
        ("order_id", Uuid, Indexed),
        ("channel_id", Uuid, Fixed),
        ("membership_id", Uuid, Indexed),
        ("duration_days", Int, Changes),
        ("granted_at", Time, Changes),
        ("period_starts_at", Time, Changes),
        ("period_ends_at", Time, Changes),
        ("revoked_at", Time, Changes),
        ("revoked_reason", Text, Changes),
        ("delivered_at", Time, Changes),
        ("carried_until", Time, Indexed),
        ("carried_invoice", Text, Changes),
        ("awaits_payment", Flag, Changes),
    ],
};

pub(crate) static JOBS: Table = Table {
    name: "jobs",
    columns: &[
        ("id", Uuid, Fixed),
        ("kind", Text, Fixed),
        ("subject", Text, Fixed),
        ("channel_id", Uuid, Fixed),
        ("payload", Text, Changes),
        ("state", Text, Indexed),
        ("run_at", Time, Indexed),
        ("attempt", Int, Changes),
        ("lease_token", Uuid, Changes),
        ("lease_until", Time, Indexed),
        ("last_error", Text, Indexed),
        ("created_at", Time, Fixed),
        ("finished_at", Time, Changes),
    ],
};

pub(crate) static PRESENCES: Table = Table {
    name: "presences",
    columns: &[
        ("id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("telegram_user", Int, Fixed),
        ("standing", Text, Changes),
        ("since", Time, Changes),
        ("listed_at", Time, Changes),
        ("listed_by", Text, Changes),
        ("listed_reason", Text, Changes),
    ],
};

pub(crate) static RUNS: Table = Table {
    name: "removal_runs",
    columns: &[
        ("id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("number", Int, Fixed),
        ("started_at", Time, Fixed),
        ("until_at", Time, Changes),
        ("members", Int, Fixed),
        ("removals_max", Int, Fixed),
        ("decided", Int, Changes),
        ("state", Text, Changes),
        ("undone_at", Time, Changes),
    ],
};

pub(crate) static SWITCHES: Table = Table {
    name: "switches",
    columns: &[
        ("name", Text, Fixed),
        ("frozen_at", Time, Changes),
        ("frozen_by", Text, Changes),
        ("frozen_reason", Text, Changes),
    ],
};

pub(crate) static BOT_CHATS: Table = Table {
    name: "bot_chats",
    columns: &[
        ("chat_id", Int, Fixed),
        ("title", Text, Changes),
        ("is_channel", Flag, Changes),
        ("is_public", Flag, Changes),
        ("rights", Text, Changes),
        ("set_by", Int, Indexed),
        ("since", Time, Changes),
        ("told_at", Time, Changes),
    ],
};

pub(crate) static DIALOGUES: Table = Table {
    name: "dialogues",
    columns: &[
        ("telegram_user", Int, Fixed),
        ("kind", Text, Changes),
        ("payload", Text, Changes),
        ("asked_at", Time, Changes),
        ("update_id", Int, Changes),
    ],
};
pub(crate) static OFFERS: Table = Table {
    name: "offers",
    columns: &[
        ("channel_id", Uuid, Fixed),
        ("description", Text, Changes),
        ("every_hours", Int, Changes),
        ("next_at", Time, Changes),
        ("donations", Text, Changes),
        ("links", Text, Changes),
        ("post", Text, Changes),
        ("former", Text, Changes),
        ("updated_at", Time, Changes),
    ],
};

pub(crate) static ATTENTION: Table = Table {
    name: "attention",
    columns: &[
        ("id", Uuid, Fixed),
        ("subject", Text, Fixed),
        ("reason", Text, Fixed),
        ("detail", Text, Changes),
        ("channel_id", Uuid, Changes),
        ("opened_at", Time, Changes),
        ("resolved_at", Time, Indexed),
        ("resolution", Text, Changes),
        ("resolved_by", Text, Changes),
        ("resolved_reason", Text, Changes),
    ],
};

/// Without its number, which the database gives.
pub(crate) static EVENTS: Table = Table {
    name: "ipn_events",
    columns: &[
        ("payment_id", Int, Fixed),
        ("order_id", Uuid, Fixed),
        ("channel_id", Uuid, Fixed),
        ("received_at", Time, Fixed),
        ("source", Text, Fixed),
        ("signature_form", Text, Fixed),
        ("status", Text, Fixed),
        ("verdict", Text, Fixed),
        ("reason", Text, Fixed),
        ("headers", Text, Fixed),
        ("body", Bytes, Fixed),
        ("digest", Bytes, Fixed),
    ],
};

pub(crate) static AUDIT: Table = Table {
    name: "audit",
    columns: &[
        ("sequence", Int, Fixed),
        ("at", Time, Fixed),
        ("actor", Text, Fixed),
        ("action", Text, Fixed),
        ("subject", Text, Fixed),
        ("reason", Text, Fixed),
        ("detail", Text, Fixed),
        ("hash", Bytes, Fixed),
    ],
};
