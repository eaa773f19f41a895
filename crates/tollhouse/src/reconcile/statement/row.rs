//! One line of the statement.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tollhouse_core::attention::Subject;
use tollhouse_core::event::ReportedMoney;
use tollhouse_core::id::{ChannelId, GrantId, MembershipId, OrderId, ProviderPaymentId, TelegramUserId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::money::{Money, Reported};
use tollhouse_core::order::{Order, OrderKind, OrderState};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Snapshot;
use tollhouse_core::status::PaymentStatus;

use super::Told;
use super::difference::{Difference, Sides, differences};
use crate::view;

/// A payment with what it came to, or an order that was paid without one. What is not there is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Our id of the payment.
    #[serde(rename = "payment_id", serialize_with = "our_id")]
    pub provider_payment_id: Option<ProviderPaymentId>,
    /// When it was made, by the provider's clock.
    pub created_at: Option<Timestamp>,
    /// Its status there.
    pub provider_status: Option<PaymentStatus>,
    /// Its status in our record.
    pub recorded_status: Option<PaymentStatus>,
    /// The payment to whose address this money came, where it came to an earlier one's.
    #[serde(serialize_with = "our_id")]
    pub parent_payment_id: Option<ProviderPaymentId>,
    /// The price that was asked.
    pub price: Option<Money>,
    /// What was paid, in the payment's coin.
    pub paid: Option<Money>,
    /// What you got, after the provider's fees.
    pub outcome: Option<Money>,
    /// The order reference that the payment carries.
    pub order_ref: Option<String>,
    /// The order that it pays.
    pub order_id: Option<OrderId>,
    /// What the order is for.
    pub order_kind: Option<OrderKind>,
    /// What the order has come to.
    pub order_state: Option<OrderState>,
    /// What the order costs.
    pub order_price: Option<Money>,
    /// The order's channel.
    pub channel_id: Option<ChannelId>,
    /// The channel's title.
    pub channel: Option<String>,
    /// The buyer.
    pub telegram_user: Option<TelegramUserId>,
    /// What the order gave.
    pub grant_id: Option<GrantId>,
    /// From when on.
    pub granted_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// To whom it was given.
    pub membership_id: Option<MembershipId>,
    /// What the membership has come to.
    pub membership_status: Option<MembershipStatus>,
    /// When it ends.
    pub membership_ends_at: Option<Timestamp>,
    /// What is on the attention list about the payment or its order, and what became of it: `underpaid (open)`.
    pub attention: Vec<String>,
    /// Where the two sides, or the parts of ours, do not agree.
    pub differences: Vec<Difference>,
}

fn our_id<S: Serializer>(id: &Option<ProviderPaymentId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.map(view::payment_id).serialize(serializer)
}

impl Row {
    /// A row about a payment that the provider tells of, that we know, or both; or about an order that nobody paid.
    pub(super) fn new(
        told: Option<&Told>,
        known: Option<&Payment>,
        order: Option<&Order>,
        snapshot: &Snapshot,
        now: Timestamp,
        is_foreign: bool,
    ) -> Self {
        let facts = told.map(|told| &told.event.facts);
        let order = order.or_else(|| snapshot.orders.get(&known?.order_id?));
        let grant = order.and_then(|order| snapshot.grant_of(order.id));
        let membership = grant.and_then(|grant| snapshot.memberships.get(&grant.membership_id?));
        let channel = order.and_then(|order| snapshot.channels.get(&order.channel_id));
        let id = facts.map(|facts| facts.payment_id).or(known.map(|known| known.id));
        let coin = known.and_then(|known| known.pay_currency.clone());
        let told_paid = facts
            .and_then(|facts| Some(Money::new(facts.actually_paid.positive()?, facts.pay.currency.clone()?)));
        let known_paid = known.and_then(|known| Some(Money::new(known.actually_paid?, coin?)));
        let subjects: Vec<Subject> =
            id.map(Subject::Payment).into_iter().chain(order.map(|order| Subject::Order(order.id))).collect();
        let attention =
            snapshot.attention.values().filter(|item| subjects.contains(&item.subject)).map(|item| {
                let end = item.resolved.as_ref().map_or("open", |resolved| resolved.resolution.as_str());
                format!("{} ({end})", item.reason.as_str())
            });
        Self {
            provider_payment_id: id,
            created_at: told.and_then(|told| told.created_at),
            provider_status: facts.map(|facts| facts.status.clone()),
            recorded_status: known.map(|known| known.status.clone()),
            parent_payment_id: known
                .and_then(|known| parent(known.parent))
                .or(facts.and_then(|facts| parent(facts.parent))),
            price: facts
                .and_then(|facts| money(&facts.price))
                .or(known.and_then(|known| known.price.clone())),
            paid: told_paid.or(known_paid),
            outcome: facts
                .and_then(|facts| money(&facts.outcome))
                .or(known.and_then(|known| known.outcome.clone())),
            order_ref: facts
                .and_then(|facts| facts.order_ref.clone())
                .or(known.and_then(|known| known.order_ref.clone())),
            order_id: order.map(|order| order.id),
            order_kind: order.map(Order::kind),
            order_state: order.map(|order| order.state_at(now)),
            order_price: order.map(|order| order.price.clone()),
            channel_id: order.map(|order| order.channel_id),
            channel: channel.map(|channel| channel.title.clone()),
            telegram_user: order.and_then(|order| order.user),
            grant_id: grant.map(|grant| grant.id),
            granted_at: grant.map(|grant| grant.granted_at),
            revoked_at: grant.and_then(|grant| Some(grant.revoked.as_ref()?.at)),
            membership_id: membership.map(|membership| membership.id),
            membership_status: membership.map(|membership| membership.status),
            membership_ends_at: membership.and_then(|membership| membership.ends_at),
            attention: attention.collect(),
            differences: differences(&Sides {
                told: facts,
                known,
                order,
                grant,
                membership,
                snapshot,
                now,
                is_foreign,
            }),
        }
    }

    /// Whether every difference is explained.
    #[must_use]
    pub fn is_explained(&self) -> bool {
        self.differences.iter().all(|difference| difference.explained)
    }
}

fn parent(parent: tollhouse_core::event::Parent) -> Option<ProviderPaymentId> {
    match parent {
        tollhouse_core::event::Parent::Payment(id) => Some(id),
        tollhouse_core::event::Parent::None | tollhouse_core::event::Parent::Unreadable => None,
    }
}

/// An amount as it was reported, zero included.
pub(super) fn money(said: &ReportedMoney) -> Option<Money> {
    match &said.amount {
        Reported::Exact(amount) => Some(Money::new(*amount, said.currency.clone()?)),
        Reported::Nothing | Reported::Unusable => None,
    }
}
