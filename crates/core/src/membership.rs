//! Memberships and grants. A membership's end is the fold of its live grants: a grant starts when it was given or when the one
//! before it ends, whichever is later. Taking a grant out and folding again takes back exactly that order's period.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::channel::PlanDuration;
use crate::id::{ChannelId, GrantId, MembershipId, OrderId, RunId, TelegramUserId};

/// The last instant that is given as an end; a later one is written as this. The year 9999 is what every engine and format holds.
pub const END_LATEST_SECONDS: i64 = 253_402_207_200;

/// What a membership has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipStatus {
    /// Inside its time.
    Active,
    /// Past its end, not yet shown out.
    Grace,
    /// Over.
    Expired,
    /// Taken back.
    Revoked,
}

impl MembershipStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Grace, Self::Expired, Self::Revoked];

    /// The word in JSON and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Grace => "grace",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// The link by which one member gets in: only their join request is approved (I11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The link.
    pub link: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One person's access to one channel. Unique by channel and user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Identifies it.
    pub id: MembershipId,
    /// To which channel.
    pub channel_id: ChannelId,
    /// Whose.
    pub user: TelegramUserId,
    /// What it has come to.
    pub status: MembershipStatus,
    /// When it first began.
    pub starts_at: Timestamp,
    /// When it ends; `None` for a lifetime.
    pub ends_at: Option<Timestamp>,
    /// Its invite link, once made. Kept before it is sent, so that a repeat re-uses it (F35).
    pub invite: Option<Invite>,
    /// Since when the member is inside, as far as we know.
    pub joined_at: Option<Timestamp>,
    /// When Telegram confirmed that the member is out (I9).
    pub removed_at: Option<Timestamp>,
    /// The run in which their last removal was decided.
    pub removal_run: Option<RunId>,
    /// When something last changed.
    pub updated_at: Timestamp,
}

impl Membership {
    /// Whether the member may be inside at a moment. Grace counts: nobody is refused before they would be removed. Who was shown out has no
    /// grace left, also where the channel's has become longer since: nobody would show them out a second time.
    #[must_use]
    pub fn entitles(&self, now: Timestamp, grace: SignedDuration) -> bool {
        self.status != MembershipStatus::Revoked
            && !self.is_closed()
            && self.removal_due(grace).is_none_or(|at| now < at)
    }

    /// Whether its end was dealt with: its member was shown out, or may be inside without it. Until a renewal, nothing is left to be done.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.status == MembershipStatus::Expired || self.removed_at.is_some()
    }

    /// When the member is to be shown out; `None` for a lifetime. A revoked membership has no grace.
    #[must_use]
    pub fn removal_due(&self, grace: SignedDuration) -> Option<Timestamp> {
        let end = self.ends_at?;
        if self.status == MembershipStatus::Revoked { Some(end) } else { Some(later(end, grace)) }
    }
}

/// A link that still leads somewhere: one that was made for the chat's present number.
#[must_use]
pub fn usable_invite(membership: &Membership, chat_since: Timestamp) -> Option<&Invite> {
    membership.invite.as_ref().filter(|invite| invite.created_at >= chat_since)
}

/// A period that was given. Never deleted; what a refund takes back is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Identifies it.
    pub id: GrantId,
    /// For which order; unique. `None` if a person gave it.
    pub order_id: Option<OrderId>,
    /// In which channel.
    pub channel_id: ChannelId,
    /// To which membership; `None` until the payer's account is known.
    pub membership_id: Option<MembershipId>,
    /// What it gives.
    pub duration: PlanDuration,
    /// From when on it counts: when it was given, or when the payer's account became known.
    pub granted_at: Timestamp,
    /// The period as it was first added.
    pub period: Period,
    /// When it was taken back, and why.
    pub revoked: Option<Revocation>,
    /// When the access was sent to the member.
    pub delivered_at: Option<Timestamp>,
    /// Where it was given by another system and carried over: until when exactly.
    pub carried: Option<Carried>,
}

/// What another system gave. Its end is known to the second and counts as it is: nothing is added to what was there before, since the
/// other system has counted that in, and what is bought here later begins at this end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The end.
    pub until: Timestamp,
    /// The invoice at the provider by which it was paid, where that is all that the other system knows of the payment.
    pub invoice_id: Option<String>,
    /// Whether the other system did not say which payment paid for it. One that fits is then taken for it, instead of giving a second
    /// period for the same money (I2).
    pub awaits_payment: bool,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub starts_at: Timestamp,
    /// Its end; `None` for a lifetime.
    pub ends_at: Option<Timestamp>,
}

/// Why a grant was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What the live grants of a membership come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// No live grant.
    Nothing,
    /// Access until this instant; `None` for a lifetime.
    Until(Option<Timestamp>),
}

/// Folds grants into an end. The order of the slice does not matter; revoked grants do not count.
#[must_use]
pub fn fold<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> Fold {
    let mut live: Vec<&Grant> = grants.into_iter().filter(|grant| grant.revoked.is_none()).collect();
    live.sort_by_key(|grant| (grant.granted_at, grant.id));
    live.into_iter().fold(Fold::Nothing, |so_far, grant| match &grant.carried {
        Some(carried) => so_far.at_least(carried.until),
        None => Fold::Until(period_after(so_far, grant.granted_at, grant.duration).ends_at),
    })
}

impl Fold {
    /// Not less than until an instant.
    #[must_use]
    fn at_least(self, until: Timestamp) -> Self {
        match self {
            Self::Nothing => Self::Until(Some(until)),
            Self::Until(end) => Self::Until(end.map(|end| end.max(until))),
        }
    }
}

/// The period that a grant adds after what is there: from now, or from the end of what is there (F03).
#[must_use]
pub fn period_after(so_far: Fold, granted_at: Timestamp, duration: PlanDuration) -> Period {
    match (so_far, duration.length()) {
        (Fold::Until(None), _) => Period { starts_at: granted_at, ends_at: None },
        (Fold::Until(Some(end)), length) => {
            let starts_at = end.max(granted_at);
            Period { starts_at, ends_at: length.map(|length| later(starts_at, length)) }
        }
        (Fold::Nothing, length) => {
            Period { starts_at: granted_at, ends_at: length.map(|length| later(granted_at, length)) }
        }
    }
}

/// A moment later; capped at [`END_LATEST_SECONDS`] rather than failing.
#[must_use]
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    let latest = Timestamp::from_second(END_LATEST_SECONDS).unwrap_or(Timestamp::MAX);
    at.checked_add(by).map_or(latest, |end| end.min(latest))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn membership(status: MembershipStatus, ends_at: Option<Timestamp>) -> Membership {
        let at = Timestamp::UNIX_EPOCH;
        Membership {
            id: MembershipId(Uuid::nil()),
            channel_id: ChannelId(Uuid::nil()),
            user: TelegramUserId::new(7).unwrap(),
            status,
            starts_at: at,
            ends_at,
            invite: None,
            joined_at: None,
            removed_at: None,
            removal_run: None,
            updated_at: at,
        }
    }

    #[test]
    fn the_words_in_the_database_stay_what_they_are() {
        let words = MembershipStatus::ALL.map(MembershipStatus::as_str);
        assert_eq!(words, ["active", "grace", "expired", "revoked"]);
        assert_eq!(words.map(MembershipStatus::from_word), MembershipStatus::ALL.map(Some));
        assert_eq!(MembershipStatus::from_word("Active"), None);
    }

    #[test]
    fn a_member_may_be_inside_until_the_moment_of_their_removal_and_not_in_it() {
        let (end, grace) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(48));
        let (due, moment) = (end + grace, SignedDuration::from_micros(1));
        let member = membership(MembershipStatus::Grace, Some(end));
        assert_eq!(member.removal_due(grace), Some(due));
        assert!(member.entitles(due - moment, grace));
        assert!(!member.entitles(due, grace));
        let revoked = membership(MembershipStatus::Revoked, Some(end));
        assert_eq!(revoked.removal_due(grace), Some(end));
        assert!(!revoked.entitles(end - moment, grace));
        assert!(membership(MembershipStatus::Active, None).entitles(due, grace));
    }
}
