//! Pay links: a stable, shareable address for a plan. Only the slug is in the link; price and duration are looked up (I6, F17).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, LinkId, PlanId};

/// A payment link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLink {
    /// Identifies the link.
    pub id: LinkId,
    /// What stands in the URL; unique, 8 to 32 characters of `[A-Za-z0-9]`.
    pub slug: String,
    /// The channel it sells.
    pub channel_id: ChannelId,
    /// The plan it sells.
    pub plan_id: PlanId,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// How many orders may be made from it.
    pub max_uses: Option<u32>,
    /// How many orders were made from it.
    pub uses: u32,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why a link makes no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It makes orders.
    Usable,
    /// The owner took it back.
    Revoked,
    /// Its time is over.
    Expired,
    /// It has made as many orders as it may.
    UsedUp,
}

impl PayLink {
    /// Whether the link makes orders at this moment.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> LinkState {
        if self.revoked_at.is_some() {
            LinkState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            LinkState::Expired
        } else if self.max_uses.is_some_and(|max| self.uses >= max) {
            LinkState::UsedUp
        } else {
            LinkState::Usable
        }
    }
}
