//! Memberships and what they were given.

use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::id::{ChannelId, GrantId, MembershipId, OrderId, TelegramUserId};
use tollhouse_core::membership::{Grant as CoreGrant, Membership as CoreMembership, MembershipStatus};

/// One person's access to one channel.
#[derive(Debug, Clone, Serialize)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// To which channel.
    pub channel_id: ChannelId,
    /// Whose.
    pub telegram_user: TelegramUserId,
    /// What it has come to.
    pub status: MembershipStatus,
    /// When it first began.
    pub starts_at: Timestamp,
    /// When it ends; `null` for a lifetime.
    pub ends_at: Option<Timestamp>,
    /// What it was given, the oldest first.
    pub grants: Vec<Grant>,
    /// Its invite link, which lets in nobody else.
    pub invite_link: Option<String>,
    /// Since when the member is inside, as far as we know.
    pub joined_at: Option<Timestamp>,
    /// When Telegram confirmed that the member is out.
    pub removed_at: Option<Timestamp>,
    /// When something last changed.
    pub updated_at: Timestamp,
}

/// A period that was given.
#[derive(Debug, Clone, Serialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// For which order; `null` if a person gave it.
    pub order_id: Option<OrderId>,
    /// To which membership; `null` until the payer's account is known.
    pub membership_id: Option<MembershipId>,
    /// What it gives.
    pub duration: PlanDuration,
    /// When it was given.
    pub granted_at: Timestamp,
    /// Where the period begins that it added, as it was then; `null` while it waits for the payer's account, with which it begins.
    pub starts_at: Option<Timestamp>,
    /// Its end; `null` for a lifetime, and while it waits.
    pub ends_at: Option<Timestamp>,
    /// Until when exactly, where another system gave it and it was carried over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried_until: Option<Timestamp>,
    /// When the access was sent.
    pub delivered_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Why it was taken back.
    pub revoked_reason: Option<String>,
}

impl Membership {
    /// A membership with its grants, in whatever order they come.
    #[must_use]
    pub fn new<'a>(membership: &CoreMembership, grants: impl IntoIterator<Item = &'a CoreGrant>) -> Self {
        let mut grants: Vec<Grant> = grants.into_iter().map(Grant::from).collect();
        grants.sort_by_key(|grant| (grant.granted_at, grant.id));
        Self {
            id: membership.id,
            channel_id: membership.channel_id,
            telegram_user: membership.user,
            status: membership.status,
            starts_at: membership.starts_at,
            ends_at: membership.ends_at,
            grants,
            invite_link: membership.invite.as_ref().map(|invite| invite.link.clone()),
            joined_at: membership.joined_at,
            removed_at: membership.removed_at,
            updated_at: membership.updated_at,
        }
    }
}

impl From<&CoreGrant> for Grant {
    fn from(grant: &CoreGrant) -> Self {
        let period = grant.membership_id.is_some().then_some(&grant.period);
        Self {
            id: grant.id,
            order_id: grant.order_id,
            membership_id: grant.membership_id,
            duration: grant.duration,
            granted_at: grant.granted_at,
            starts_at: period.map(|period| period.starts_at),
            ends_at: period.and_then(|period| period.ends_at),
            carried_until: grant.carried.as_ref().map(|carried| carried.until),
            delivered_at: grant.delivered_at,
            revoked_at: grant.revoked.as_ref().map(|revoked| revoked.at),
            revoked_reason: grant.revoked.as_ref().map(|revoked| revoked.reason.clone()),
        }
    }
}
