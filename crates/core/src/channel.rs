//! Channels and plans: what is sold. A plan is never edited in place; a change makes a new version.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, PlanId, PrivateChatId, PublicChatId, TelegramUserId};
use crate::money::Money;
use crate::payout::PayoutChange;
use crate::policy::Policies;
use crate::removal::Freeze;

pub use crate::payout::Payout;

/// Longest title or label, in characters; Telegram's own limit for a chat's title is 255.
pub const TITLE_LENGTH_MAX: usize = 255;
/// Longest plan, in days: a hundred years. More is meant to be `lifetime`.
pub const PLAN_DAYS_MAX: u32 = 36_500;
/// Most plans that a channel may have on sale; a chooser with more is no help to a buyer.
pub const ACTIVE_PLANS_MAX: usize = 20;
/// Days that a legacy order gives when no plan has its price (design section 5).
pub const LEGACY_DAYS_DEFAULT: u32 = 30;

/// How long a plan gives access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanDuration {
    /// This many days of 24 hours (never calendar days: no zone, no DST, F45).
    Days(u32),
    /// No end.
    Lifetime,
}

impl PlanDuration {
    /// Checked constructor.
    ///
    /// # Errors
    /// Zero days (F40) or more than [`PLAN_DAYS_MAX`].
    pub fn days(days: u32) -> Result<Self, String> {
        if (1..=PLAN_DAYS_MAX).contains(&days) {
            Ok(Self::Days(days))
        } else {
            Err(format!("a plan lasts 1 to {PLAN_DAYS_MAX} days, or `lifetime`; not {days} days"))
        }
    }

    /// The exact length; `None` for a lifetime.
    #[must_use]
    pub fn length(self) -> Option<SignedDuration> {
        match self {
            Self::Days(days) => Some(SignedDuration::from_hours(i64::from(days) * 24)),
            Self::Lifetime => None,
        }
    }
}

impl std::fmt::Display for PlanDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Lifetime => f.write_str("lifetime"),
        }
    }
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Identifies this version.
    pub id: PlanId,
    /// Whose plan it is.
    pub channel_id: ChannelId,
    /// What a buyer reads: `Monthly`.
    pub label: String,
    /// The price.
    pub price: Money,
    /// What it gives.
    pub duration: PlanDuration,
    /// Whether it can still be bought. Orders made from it keep their snapshot.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A channel or group that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Identifies the channel here.
    pub id: ChannelId,
    /// The chat that is sold; unique.
    pub private_chat: PrivateChatId,
    /// The chat in which the offer is posted; unique where there is one.
    pub public_chat: Option<PublicChatId>,
    /// What a buyer reads.
    pub title: String,
    /// Who sells, and is told of sales.
    pub owner: Option<TelegramUserId>,
    /// Where the owner is paid out.
    pub payout: Option<Payout>,
    /// Where they will be, once that has waited its time (F109).
    pub payout_change: Option<PayoutChange>,
    /// What the owner decided about odd payments.
    pub policies: Policies,
    /// Since when nothing new is sold; members keep what they have (F50).
    pub archived_at: Option<Timestamp>,
    /// Who froze the removals of its members, if somebody did.
    pub frozen: Option<Freeze>,
    /// Since when the chat has its present number; links that are older lead nowhere (F51).
    pub chat_since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// All its plans, oldest first.
    pub plans: Vec<Plan>,
}

impl Channel {
    /// The plan with this id, active or not.
    #[must_use]
    pub fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The plans that can be bought.
    pub fn active_plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter(|plan| plan.active)
    }

    /// The plan that a legacy order of this price bought: the active plan with exactly this price, else one that was retired since (F02);
    /// the shortest if several.
    #[must_use]
    pub fn plan_by_price(&self, price: &Money) -> Option<&Plan> {
        self.plans
            .iter()
            .filter(|plan| plan.price.same_as(price))
            .min_by_key(|plan| (!plan.active, plan.duration.length().unwrap_or(SignedDuration::MAX), plan.id))
    }

    /// The cheapest active plan in a currency, or in any if none is in it.
    #[must_use]
    pub fn cheapest_plan(&self, currency: &crate::money::Currency) -> Option<&Plan> {
        let cheapest = |plans: Vec<&Plan>| -> Option<PlanId> {
            plans.into_iter().min_by_key(|plan| (plan.price.amount, plan.id)).map(|plan| plan.id)
        };
        let same: Vec<&Plan> = self.active_plans().filter(|plan| plan.price.currency == *currency).collect();
        let id = if same.is_empty() { cheapest(self.active_plans().collect()) } else { cheapest(same) };
        id.and_then(|id| self.plan(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f40_a_plan_of_no_days_cannot_be_made() {
        assert!(PlanDuration::days(0).is_err());
        assert!(PlanDuration::days(PLAN_DAYS_MAX + 1).is_err());
        assert_eq!(PlanDuration::days(1), Ok(PlanDuration::Days(1)));
    }
}
