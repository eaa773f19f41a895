//! Channels and their plans.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::{Channel as CoreChannel, Payout as CorePayout, Plan as CorePlan, PlanDuration};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::payout::PayoutChange as CorePayoutChange;
use tollhouse_core::policy::Policies;

/// A channel that is sold, with all its plans.
#[derive(Debug, Clone, Serialize)]
pub struct Channel {
    /// Its id here.
    pub id: ChannelId,
    /// What a buyer reads.
    pub title: String,
    /// The chat that is sold.
    pub private_chat_id: PrivateChatId,
    /// The chat in which the offer stands.
    pub public_chat_id: Option<PublicChatId>,
    /// The Telegram account of who sells.
    pub owner: Option<TelegramUserId>,
    /// Where the owner is paid out.
    pub payout: Option<Payout>,
    /// What that is to become, once it has waited its time.
    pub payout_change: Option<PayoutChange>,
    /// What happens with odd payments.
    pub policies: Policies,
    /// Since when nothing new is sold.
    pub archived_at: Option<Timestamp>,
    /// Since when nobody is removed.
    pub frozen_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its plans, the oldest first; those that are no longer sold too.
    pub plans: Vec<Plan>,
}

/// Where an owner is paid out.
#[derive(Debug, Clone, Serialize)]
pub struct Payout {
    /// The wallet.
    pub address: String,
    /// Coin with its network.
    pub currency: Currency,
    /// The memo or tag that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
}

/// A change of the payout address that waits for its time.
#[derive(Debug, Clone, Serialize)]
pub struct PayoutChange {
    /// What it will be.
    #[serde(flatten)]
    pub payout: Payout,
    /// From when on it counts.
    pub counts_at: Timestamp,
    /// Who asked for it.
    pub asked_by: String,
}

/// One version of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Whose plan it is.
    pub channel_id: ChannelId,
    /// What a buyer reads.
    pub label: String,
    /// What it costs.
    pub price: Money,
    /// What it gives: `{"days":30}` or `"lifetime"`.
    pub duration: PlanDuration,
    /// Whether it can be bought.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<&CoreChannel> for Channel {
    fn from(channel: &CoreChannel) -> Self {
        Self {
            id: channel.id,
            title: channel.title.clone(),
            private_chat_id: channel.private_chat,
            public_chat_id: channel.public_chat,
            owner: channel.owner,
            payout: channel.payout.as_ref().map(Payout::from),
            payout_change: channel.payout_change.as_ref().map(PayoutChange::from),
            policies: channel.policies.clone(),
            archived_at: channel.archived_at,
            frozen_at: channel.frozen.as_ref().map(|freeze| freeze.at),
            created_at: channel.created_at,
            plans: channel.plans.iter().map(Plan::from).collect(),
        }
    }
}

impl From<&CorePayout> for Payout {
    fn from(payout: &CorePayout) -> Self {
        Self { address: payout.address.clone(), currency: payout.currency.clone(), memo: payout.memo.clone() }
    }
}

impl From<&CorePayoutChange> for PayoutChange {
    fn from(change: &CorePayoutChange) -> Self {
        Self {
            payout: Payout::from(&change.payout),
            counts_at: change.counts_at,
            asked_by: change.by.clone(),
        }
    }
}

impl From<&CorePlan> for Plan {
    fn from(plan: &CorePlan) -> Self {
        Self {
            id: plan.id,
            channel_id: plan.channel_id,
            label: plan.label.clone(),
            price: plan.price.clone(),
            duration: plan.duration,
            active: plan.active,
            created_at: plan.created_at,
        }
    }
}
