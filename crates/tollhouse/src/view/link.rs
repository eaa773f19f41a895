//! Payment links.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::Channel;
use tollhouse_core::id::{ChannelId, LinkId, PlanId};
use tollhouse_core::link::{LinkState as CoreState, PayLink};

/// A payment link.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What stands in the address.
    pub slug: String,
    /// The address to share.
    pub url: String,
    /// What it sells.
    pub channel_id: ChannelId,
    /// By which plan.
    pub plan_id: PlanId,
    /// Whether it makes orders now.
    pub state: LinkState,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// How many orders it may make.
    pub max_uses: Option<u32>,
    /// How many it has made.
    pub uses: u32,
    /// Since when it is taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether a link makes orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It does.
    Usable,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
    /// It has made as many as it may.
    UsedUp,
    /// Its plan is off sale.
    PlanRetired,
    /// Its channel is sold no more.
    ChannelArchived,
}

impl LinkState {
    /// The word, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::PlanRetired => "plan_retired",
            Self::ChannelArchived => "channel_archived",
        }
    }
}

impl From<CoreState> for LinkState {
    fn from(state: CoreState) -> Self {
        match state {
            CoreState::Usable => Self::Usable,
            CoreState::Revoked => Self::Revoked,
            CoreState::Expired => Self::Expired,
            CoreState::UsedUp => Self::UsedUp,
        }
    }
}

impl Link {
    /// A link as it is at a moment, under the address that the world sees. `channel` is what it sells.
    #[must_use]
    pub fn new(link: &PayLink, channel: Option<&Channel>, url: String, now: Timestamp) -> Self {
        let state = match (link.state(now), channel) {
            (CoreState::Usable, Some(channel)) if channel.archived_at.is_some() => LinkState::ChannelArchived,
            (CoreState::Usable, Some(channel))
                if channel.plan(link.plan_id).is_none_or(|plan| !plan.active) =>
            {
                LinkState::PlanRetired
            }
            (state, _) => state.into(),
        };
        Self {
            id: link.id,
            slug: link.slug.clone(),
            url,
            channel_id: link.channel_id,
            plan_id: link.plan_id,
            state,
            expires_at: link.expires_at,
            max_uses: link.max_uses,
            uses: link.uses,
            revoked_at: link.revoked_at,
            created_at: link.created_at,
        }
    }
}
