//! How an order stands, as its buyer reads it in the chat with the bot. One message tells it from the order to the link: it is made once
//! and edited as the order goes on.

use jiff::Timestamp;

use crate::channel::PlanDuration;
use crate::id::{MessageId, OrderId, TelegramUserId};
use crate::job::Action;
use crate::membership::{Grant, Membership, usable_invite};
use crate::money::Money;
use crate::order::{InvoiceProblem, Order, OrderState};
use crate::payment::Payment;
use crate::snapshot::Snapshot;
use crate::stay;

/// Everything that the message's words depend on, but for the language. Two equal faces make the same message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Face {
    /// It waits for money.
    Waiting {
        /// The plan's label, where it came from a plan.
        label: String,
        /// What it costs.
        price: Money,
        /// What it gives.
        duration: PlanDuration,
        /// The provider's page, once there is one.
        pay_url: Option<String>,
        /// Whether the time is added to what the buyer has.
        renews: bool,
        /// Whether the channel sells other plans, and the buyer may rather want one of them: who opened a link to a plan chose it.
        others: bool,
    },
    /// The provider takes no payment as small as this. (Where only the invoice is missing one may pay on the page.)
    Unpayable,
    /// Money was seen on chain.
    Seen,
    /// All that was paid is there, and a person decides.
    WithOwner,
    /// A part of the price is there. The provider's page asks for the whole price anew, at another address: only the order's own page
    /// shows where the rest is to go.
    Partly {
        /// The exact rest.
        rest: Money,
    },
    /// Paid.
    Paid {
        /// Until when the access lasts; `None` for a lifetime.
        ends_at: Option<Timestamp>,
        /// When they are shown out, if the end has come.
        leaves_at: Option<Timestamp>,
        /// How they get in.
        way_in: WayIn,
    },
    /// It was paid, and the time that it gave is over.
    Over,
    /// Nothing came in time.
    Expired,
    /// The provider reported an error.
    Failed,
    /// The money went back.
    Refunded {
        /// Whether the access stays, by the channel's policy.
        kept: bool,
    },
}

/// How a buyer who has paid gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayIn {
    /// In a moment: the link is being made.
    Making,
    /// By this link.
    Link(String),
    /// By asking the bot for a link: the one that was sent led to a group that has moved (F51).
    Ask,
}

impl WayIn {
    /// Into a chat that has its number since a moment, with the membership that a grant gave.
    #[must_use]
    pub fn of(grant: &Grant, membership: &Membership, chat_since: Timestamp) -> Self {
        match usable_invite(membership, chat_since) {
            Some(invite) => Self::Link(invite.link.clone()),
            // Before a link is sent another is made by itself.
            None if membership.invite.is_some() && grant.delivered_at.is_some() => Self::Ask,
            None => Self::Making,
        }
    }
}

impl Face {
    /// How an order stands at a moment; `None` for a donation, and if it, or its channel, is not loaded.
    #[must_use]
    pub fn of(now: Timestamp, snapshot: &Snapshot, id: OrderId) -> Option<Self> {
        let order = snapshot.orders.get(&id)?;
        let channel = snapshot.channels.get(&order.channel_id)?;
        // A donation gives no access to follow to; it has words of its own.
        let duration = order.duration?;
        let pay_url = || order.invoice.as_ref().map(|invoice| invoice.url.clone());
        Some(match order.state_at(now) {
            OrderState::Open if is_below_minimum(order) => Self::Unpayable,
            OrderState::Open => {
                let plan = order.plan_id.and_then(|id| channel.plan(id));
                let known = order.user.and_then(|user| snapshot.membership_of(channel.id, user));
                let grace = channel.policies.grace();
                Self::Waiting {
                    label: plan.map_or_else(String::new, |plan| plan.label.clone()),
                    price: order.price.clone(),
                    duration,
                    pay_url: pay_url(),
                    // To what lasts for ever nothing is added.
                    renews: known.is_some_and(|membership| {
                        membership.ends_at.is_some() && membership.entitles(now, grace)
                    }),
                    others: known.is_some() && order.link_id.is_none() && channel.active_plans().count() > 1,
                }
            }
            OrderState::Seen if snapshot.payments_of(id).into_iter().any(Payment::has_money) => {
                Self::WithOwner
            }
            OrderState::Seen => Self::Seen,
            OrderState::PartiallyPaid => match &order.remaining {
                Some(rest) => Self::Partly { rest: rest.clone() },
                None => Self::WithOwner,
            },
            OrderState::Paid => {
                let given = snapshot.grant_of(id).and_then(|grant| {
                    let membership = snapshot.memberships.get(&grant.membership_id?)?;
                    membership.entitles(now, channel.policies.grace()).then_some((grant, membership))
                });
                match given {
                    Some((grant, membership)) => Self::Paid {
                        ends_at: membership.ends_at,
                        leaves_at: stay::leaves_at(now, channel, membership),
                        way_in: WayIn::of(grant, membership, channel.chat_since),
                    },
                    None => Self::Over,
                }
            }
            OrderState::Expired => Self::Expired,
            OrderState::Failed => Self::Failed,
            OrderState::Refunded => Self::Refunded {
                kept: snapshot.grant_of(id).is_some_and(|grant| {
                    // What was added to nothing is not missed either.
                    let membership = grant.membership_id.and_then(|id| snapshot.memberships.get(&id));
                    grant.revoked.is_none()
                        || membership.is_some_and(|membership| membership.ends_at.is_none())
                }),
            },
        })
    }

    /// When the clock alone makes another face of it.
    #[must_use]
    pub fn changes_at(&self, order: &Order) -> Option<Timestamp> {
        matches!(self, Self::Waiting { .. } | Self::Unpayable).then_some(order.expires_at)
    }
}

fn is_below_minimum(order: &Order) -> bool {
    order.invoice.is_none() && matches!(order.invoice_problem, Some(InvoiceProblem::BelowMinimum { .. }))
}

/// Makes the order's message, or edits it. Nothing for an order without a buyer: there is nobody to write to.
pub(crate) fn show(now: Timestamp, snapshot: &Snapshot, order_id: OrderId) -> Action {
    let Some(order) = snapshot.orders.get(&order_id) else { return Action::Nothing };
    let Some(user) = order.user else { return Action::Nothing };
    let Some(channel) = snapshot.channels.get(&order.channel_id) else { return Action::Nothing };
    let Some(face) = Face::of(now, snapshot, order_id) else { return Action::Nothing };
    Action::ShowOrder {
        order_id,
        channel_id: channel.id,
        user,
        title: channel.title.clone(),
        face: Box::new(face),
        message_id: order.message_id,
    }
}

/// Says in a message that was the order's that there is a newer one.
pub(crate) fn fold(
    snapshot: &Snapshot,
    order_id: OrderId,
    user: TelegramUserId,
    message_id: MessageId,
) -> Action {
    let Some(order) = snapshot.orders.get(&order_id) else { return Action::Nothing };
    let Some(channel) = snapshot.channels.get(&order.channel_id) else { return Action::Nothing };
    Action::FoldMessage { order_id, user, title: channel.title.clone(), message_id }
}
