//! Orders.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::id::{ChannelId, LinkId, OrderId, PlanId, TelegramUserId};
use tollhouse_core::money::Money;
use tollhouse_core::order::{
    InvoiceProblem as CoreInvoiceProblem, Order as CoreOrder, OrderKind, OrderSource, OrderState, Ruling,
};

use super::{Grant, Payment};

/// An order. The secret that claims it is in no listing.
#[derive(Debug, Clone, Serialize)]
pub struct Order {
    /// Its id, under the name that every thing has.
    pub id: OrderId,
    /// The same id, under the name by which others refer to it.
    pub order_id: OrderId,
    /// What it is for: `membership` or `donation`.
    pub kind: OrderKind,
    /// Of which channel.
    pub channel_id: ChannelId,
    /// By which plan; `null` where no plan had the price.
    pub plan_id: Option<PlanId>,
    /// Who buys; `null` until the buyer's account is known.
    pub telegram_user: Option<TelegramUserId>,
    /// Where it came from.
    pub source: OrderSource,
    /// What it has come to, the clock included.
    pub state: OrderState,
    /// The price, as it was when the order was made.
    pub price: Money,
    /// What it gives; `null` for a donation, which gives nothing.
    pub duration: Option<PlanDuration>,
    /// What a donor says.
    pub donor_message: Option<String>,
    /// The buyer's page.
    pub page_url: String,
    /// Where one pays; `null` while there is no invoice.
    pub invoice_url: Option<String>,
    /// The invoice at the provider.
    pub invoice_id: Option<String>,
    /// Why there is no invoice; `null` where there is one, or nothing is known to be wrong.
    pub invoice_problem: Option<InvoiceProblem>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it waits for money.
    pub expires_at: Timestamp,
    /// When it was first paid.
    pub paid_at: Option<Timestamp>,
    /// When something last changed.
    pub updated_at: Timestamp,
    /// The exact rest of a partial payment.
    pub remaining: Option<Money>,
    /// What came beyond the price.
    pub overpaid: Option<Money>,
    /// What a person ruled: `grant` or `refund`.
    pub ruling: Option<Ruling>,
    /// The link from which it was made.
    pub link_id: Option<LinkId>,
    /// The predecessor's reference.
    pub legacy_ref: Option<String>,
}

impl Order {
    /// An order as it is at a moment, with the address of its page.
    #[must_use]
    pub fn new(order: &CoreOrder, page_url: String, now: Timestamp) -> Self {
        Self {
            id: order.id,
            order_id: order.id,
            kind: order.kind(),
            channel_id: order.channel_id,
            plan_id: order.plan_id,
            telegram_user: order.user,
            source: order.source,
            state: order.state_at(now),
            price: order.price.clone(),
            duration: order.duration,
            donor_message: order.donor_message.clone(),
            page_url,
            invoice_url: order.invoice.as_ref().map(|invoice| invoice.url.clone()),
            invoice_id: order.invoice.as_ref().map(|invoice| invoice.id.clone()),
            invoice_problem: order.invoice_problem.as_ref().map(InvoiceProblem::from),
            created_at: order.created_at,
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            updated_at: order.updated_at,
            remaining: order.remaining.clone(),
            overpaid: order.overpaid.clone(),
            ruling: order.ruling,
            link_id: order.link_id,
            legacy_ref: order.legacy_ref.clone(),
        }
    }
}

/// Why an order has no invoice.
#[derive(Debug, Clone, Serialize)]
pub struct InvoiceProblem {
    /// The word for it.
    #[serde(flatten)]
    pub problem: NoInvoice,
    /// The same in words.
    pub message: String,
}

/// What stands between an order and its invoice: what is recorded of it, and what is seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum NoInvoice {
    /// The provider gave none so far; it is asked again.
    Unavailable,
    /// The price is too small in every coin.
    BelowMinimum {
        /// The smallest price that the provider takes, where it says so.
        minimum: Option<Money>,
    },
    /// Given up; a person has been called.
    GivenUp,
    /// The provider does not know the price's currency.
    UnknownCurrency,
    /// There is no API key, so nobody makes one.
    NotConfigured,
    /// `serve` has not made it yet.
    NotMadeYet,
}

impl From<&CoreInvoiceProblem> for InvoiceProblem {
    fn from(problem: &CoreInvoiceProblem) -> Self {
        let word = match problem {
            CoreInvoiceProblem::Unavailable => NoInvoice::Unavailable,
            CoreInvoiceProblem::BelowMinimum { minimum } => {
                NoInvoice::BelowMinimum { minimum: minimum.clone() }
            }
            CoreInvoiceProblem::GivenUp => NoInvoice::GivenUp,
        };
        Self { problem: word, message: problem.sentence() }
    }
}

/// An order with what belongs to it.
#[derive(Debug, Clone, Serialize)]
pub struct OrderDetail {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// Its payments, without their events.
    pub payments: Vec<Payment>,
    /// What it gave; `null` if it gave nothing.
    pub grant: Option<Grant>,
}
