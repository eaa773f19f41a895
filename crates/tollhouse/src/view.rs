//! How Tollhouse writes its things as JSON, on the command line and over HTTP.
//!
//! One shape everywhere: names in snake_case, ids as text, instants in RFC 3339 and UTC, amounts as text with their currency (the
//! provider's ticker, lower case: `usd`, `usdttrc20`) beside them. A list is an array. A member that is absent is not known or was not
//! asked for; `null` is known to be nothing. Members are only ever added.

mod attention;
mod audit;
mod census;
mod channel;
mod differences;
mod job;
mod link;
mod membership;
mod offer;
mod order;
mod payment;
mod removal;

pub use attention::Attention;
pub use audit::AuditEntry;
pub(crate) use audit::hex;
pub use census::{Census, Counted, Guest};
pub use channel::{Channel, Payout, PayoutChange, Plan};
pub use job::Job;
pub use link::{Link, LinkState};
pub use membership::{Grant, Membership};
pub use offer::Offer;
pub use order::{InvoiceProblem, NoInvoice, Order, OrderDetail};
pub use payment::{
    Amounts, Event, OtherPayment, PAYMENT_ID_PREFIX, Payment, open_items, parse_payment_id, payment_id,
};
pub use removal::{Freeze, Held, Leaver, LeftOut, Run, Undone};
