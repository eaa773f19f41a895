//! Payments and the log of what was said about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::attention::{Attention as CoreAttention, Subject};
use tollhouse_core::event::{EventSource, Parent, Verdict};
use tollhouse_core::id::{ChannelId, IdError, OrderId, ProviderPaymentId, TelegramUserId};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::payment::Payment as CorePayment;
use tollhouse_core::snapshot::Snapshot;
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::LoggedEvent;

use super::differences::differences;
use super::{Attention, Grant};

/// What our id of a payment begins with: its provider. What follows is the provider's own number.
pub const PAYMENT_ID_PREFIX: &str = "np_";

/// Our id of a payment.
#[must_use]
pub fn payment_id(id: ProviderPaymentId) -> String {
    format!("{PAYMENT_ID_PREFIX}{id}")
}

/// Reads a payment's id, ours (`np_4479119533`) or the provider's (`4479119533`).
///
/// # Errors
/// Neither of the two.
pub fn parse_payment_id(text: &str) -> Result<ProviderPaymentId, IdError> {
    let text = text.trim();
    text.strip_prefix(PAYMENT_ID_PREFIX).unwrap_or(text).parse()
}

/// A payment.
#[derive(Debug, Clone, Serialize)]
pub struct Payment {
    /// Our id.
    pub id: String,
    /// The provider's number.
    pub provider_payment_id: ProviderPaymentId,
    /// The order that it pays; `null` while it pays none.
    pub order_id: Option<OrderId>,
    /// The order's channel.
    pub channel_id: Option<ChannelId>,
    /// The furthest status that was seen of those that we know; one that we do not know only while there is no other.
    pub status: PaymentStatus,
    /// Whether a status came that we do not know; its events have it.
    pub unknown_status: bool,
    /// What it is about.
    pub amounts: Amounts,
    /// The coin to pay in; `null` before it was told.
    pub pay_currency: Option<Currency>,
    /// The provider's number of the payment to whose address more money came; `null` for a payment of its own, absent where a parent was
    /// named that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_payment_id: Option<Option<ProviderPaymentId>>,
    /// Whether a signed `finished` paid its order in full.
    pub paid_in_full: bool,
    /// Whether an amount came that cannot be used.
    pub unusable_amount: bool,
    /// Whether two signed events contradict each other.
    pub contradiction: bool,
    /// Whether a person has noted that the money was given back.
    pub refund_noted: bool,
    /// The order reference in the notifications.
    pub order_ref: Option<String>,
    /// The invoice at the provider.
    pub invoice_id: Option<String>,
    /// When we first heard of it.
    pub first_seen_at: Timestamp,
    /// When money was first seen on chain.
    pub on_chain_at: Option<Timestamp>,
    /// When money first arrived.
    pub credited_at: Option<Timestamp>,
    /// When we last learned something.
    pub updated_at: Timestamp,
    /// Who bought its order; `null` while that is not known, absent in a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telegram_user: Option<Option<TelegramUserId>>,
    /// What its order gave; `null` if it gave nothing, absent in a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Option<Grant>>,
    /// The other payments of its order, the lowest number first: a second attempt, a re-deposit in another coin. Absent in a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_payments: Option<Vec<OtherPayment>>,
    /// What waits for a person about it, its order or one of its order's other payments; absent in a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<Vec<Attention>>,
    /// In what its events contradict each other, with the values that were named; absent where they do not, and in a listing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub differences: BTreeMap<&'static str, BTreeSet<String>>,
    /// The log, the oldest first; absent in a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<Event>>,
}

/// Another payment of the same order.
#[derive(Debug, Clone, Serialize)]
pub struct OtherPayment {
    /// Our id of it.
    pub id: String,
    /// The provider's number.
    pub provider_payment_id: ProviderPaymentId,
    /// How it stands.
    pub status: PaymentStatus,
}

/// A payment's amounts, each with its currency; `null` where none was reported.
#[derive(Debug, Clone, Serialize)]
pub struct Amounts {
    /// The price that was asked.
    pub price: Option<Money>,
    /// The same in the coin of the payment.
    pub pay: Option<Money>,
    /// What was paid of it.
    pub actually_paid: Option<Money>,
    /// What the merchant gets.
    pub outcome: Option<Money>,
}

/// An event of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When it was received.
    pub received_at: Timestamp,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub reason: Option<String>,
    /// The status that it reported.
    pub status: PaymentStatus,
    /// How it came.
    pub source: EventSource,
    /// The order for which it was, as it was known then.
    pub order_id: Option<OrderId>,
    /// Which canonical form the signature matched; `null` for an answer to our own question.
    pub signature_form: Option<String>,
    /// SHA-256 of the body, in hexadecimal digits.
    pub digest: String,
    /// The exact body, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl From<&CorePayment> for Payment {
    fn from(payment: &CorePayment) -> Self {
        let coin =
            |amount: Option<rust_decimal::Decimal>| Some(Money::new(amount?, payment.pay_currency.clone()?));
        Self {
            id: payment_id(payment.id),
            provider_payment_id: payment.id,
            order_id: payment.order_id,
            channel_id: payment.channel_id,
            status: payment.status.clone(),
            unknown_status: payment.seen.has_unknown(),
            amounts: Amounts {
                price: payment.price.clone(),
                pay: coin(payment.pay_amount),
                actually_paid: coin(payment.actually_paid),
                outcome: payment.outcome.clone(),
            },
            pay_currency: payment.pay_currency.clone(),
            parent_payment_id: match payment.parent {
                Parent::None => Some(None),
                Parent::Payment(id) => Some(Some(id)),
                Parent::Unreadable => None,
            },
            paid_in_full: payment.is_full(),
            unusable_amount: payment.unusable_amount,
            contradiction: payment.contradicts(),
            refund_noted: payment.seen.is_refund_noted(),
            order_ref: payment.order_ref.clone(),
            invoice_id: payment.invoice_id.clone(),
            first_seen_at: payment.first_seen_at,
            on_chain_at: payment.on_chain_at,
            credited_at: payment.credited_at,
            updated_at: payment.updated_at,
            telegram_user: None,
            grant: None,
            other_payments: None,
            attention: None,
            differences: BTreeMap::new(),
            events: None,
        }
    }
}

/// The open items about a payment, its order or one of the order's other payments, the oldest first.
#[must_use]
pub fn open_items(rows: &Snapshot, id: ProviderPaymentId, order_id: Option<OrderId>) -> Vec<&CoreAttention> {
    let mut about = vec![Subject::Payment(id)];
    if let Some(order_id) = order_id {
        about.push(Subject::Order(order_id));
        about.extend(rows.payments_of(order_id).into_iter().map(|payment| Subject::Payment(payment.id)));
    }
    let is_about = |item: &&CoreAttention| item.is_open() && about.contains(&item.subject);
    let mut items: Vec<&CoreAttention> = rows.attention.values().filter(is_about).collect();
    items.sort_by_key(|item| (item.opened_at, item.id));
    items
}

/// The other payments of an order, the lowest number first.
fn others(rows: &Snapshot, id: ProviderPaymentId, order_id: Option<OrderId>) -> Vec<OtherPayment> {
    let all = order_id.map(|order_id| rows.payments_of(order_id)).unwrap_or_default();
    let others = all.into_iter().filter(|payment| payment.id != id).map(|payment| OtherPayment {
        id: payment_id(payment.id),
        provider_payment_id: payment.id,
        status: payment.status.clone(),
    });
    let mut others: Vec<OtherPayment> = others.collect();
    others.sort_by_key(|payment| payment.provider_payment_id);
    others
}

impl Payment {
    /// Adds what came of it, from the rows of its order.
    #[must_use]
    pub fn with_standing(mut self, rows: &Snapshot) -> Self {
        let order = self.order_id.and_then(|id| rows.orders.get(&id));
        self.telegram_user = Some(order.and_then(|order| order.user));
        self.grant = Some(self.order_id.and_then(|id| rows.grant_of(id)).map(Grant::from));
        self.other_payments = Some(others(rows, self.provider_payment_id, self.order_id));
        let items = open_items(rows, self.provider_payment_id, self.order_id);
        self.attention = Some(items.into_iter().map(|item| Attention::among(item, rows)).collect());
        self
    }

    /// Adds the log, which the store gives with the newest first.
    #[must_use]
    pub fn with_events(mut self, newest_first: &[LoggedEvent], with_body: bool) -> Self {
        if self.contradiction {
            self.differences = differences(newest_first);
        }
        self.events = Some(newest_first.iter().rev().map(|event| Event::new(event, with_body)).collect());
        self
    }
}

impl Event {
    fn new(event: &LoggedEvent, with_body: bool) -> Self {
        Self {
            received_at: event.received_at,
            verdict: event.verdict,
            reason: event.reason.clone(),
            status: event.status.clone(),
            source: event.source,
            order_id: event.order_id,
            signature_form: event.signature_form.clone(),
            digest: super::audit::hex(&event.digest),
            body: with_body.then(|| String::from_utf8_lossy(&event.body).into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_payment_id_name_the_same_payment() {
        let id = parse_payment_id("4479119533").unwrap();
        assert_eq!(payment_id(id), "np_4479119533");
        assert_eq!(parse_payment_id("np_4479119533"), Ok(id));
        for bad in ["np_", "np_0", "NP_1", "np_np_1", "4479119533x", ""] {
            assert!(parse_payment_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parent_that_cannot_be_read_is_not_the_same_as_none() {
        #[derive(Serialize)]
        struct Only {
            #[serde(skip_serializing_if = "Option::is_none")]
            parent: Option<Option<ProviderPaymentId>>,
        }
        let written = |parent| serde_json::to_string(&Only { parent }).unwrap();
        assert_eq!(written(Some(None)), r#"{"parent":null}"#);
        assert_eq!(written(None), "{}");
        assert_eq!(written(Some(ProviderPaymentId::new(7).ok())), r#"{"parent":"7"}"#);
    }
}
