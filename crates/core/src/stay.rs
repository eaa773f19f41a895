//! What is to be done about a member at a moment, read from the present state: whether they may stay, what they are told.

use jiff::Timestamp;

use crate::channel::Channel;
use crate::id::{ChannelId, MembershipId, TelegramUserId};
use crate::job::Action;
use crate::membership::{Membership, MembershipStatus};
use crate::presence::Standing;
use crate::removal::{RemovalRun, is_frozen};
use crate::snapshot::Snapshot;

/// Whether somebody may be inside whatever they paid: the owner, and who is on the white list. Administrators are protected by Telegram
/// itself, which is asked just before a removal.
#[must_use]
pub fn is_guest(snapshot: &Snapshot, channel: &Channel, user: TelegramUserId) -> bool {
    channel.owner == Some(user)
        || snapshot.presences.get(&(channel.id, user)).is_some_and(|presence| presence.listed.is_some())
}

/// Whether Telegram has told that somebody is not inside.
#[must_use]
pub fn is_known_outside(snapshot: &Snapshot, channel: ChannelId, user: TelegramUserId) -> bool {
    let standing = snapshot.presences.get(&(channel, user)).and_then(|presence| presence.standing);
    matches!(standing, Some(Standing::Outside | Standing::Banned))
}

/// Whether a person has banned somebody.
#[must_use]
pub fn is_banned(snapshot: &Snapshot, channel: ChannelId, user: TelegramUserId) -> bool {
    let presence = snapshot.presences.get(&(channel, user));
    presence.is_some_and(|presence| presence.standing == Some(Standing::Banned))
}

/// Whether somebody who is inside has no right to be: they never had a membership, or it is over and was closed.
#[must_use]
pub fn is_stranger(now: Timestamp, snapshot: &Snapshot, channel: &Channel, user: TelegramUserId) -> bool {
    if is_guest(snapshot, channel, user) {
        return false;
    }
    match snapshot.membership_of(channel.id, user) {
        None => true,
        // Whose removal is still to come is shown out by it, not by the guard.
        Some(membership) => !membership.entitles(now, channel.policies.grace()) && membership.is_closed(),
    }
}

/// The newest run of a channel, of those that are loaded.
#[must_use]
pub fn newest_run(snapshot: &Snapshot, channel: ChannelId) -> Option<&RemovalRun> {
    snapshot.runs.values().filter(|run| run.channel_id == channel).max_by_key(|run| run.number)
}

/// Whether the channel's members must be counted before this one can be removed: a new run begins with that.
#[must_use]
pub fn needs_count(now: Timestamp, snapshot: &Snapshot, channel: &Channel, user: TelegramUserId) -> bool {
    !is_frozen(snapshot, channel.id)
        && !is_guest(snapshot, channel, user)
        && !is_known_outside(snapshot, channel.id, user)
        && !newest_run(snapshot, channel.id).is_some_and(|run| run.covers(now))
}

/// The reminders of a membership's present end that were told, as the instant up to which they were; `None` if it has no end.
///
/// A reminder that lay before the newest period was given is none: it was not yet time, or it was for an earlier end.
#[must_use]
pub fn told_until(
    snapshot: &Snapshot,
    membership: &Membership,
    for_end: Timestamp,
    told_until: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let end = membership.ends_at?;
    let told =
        if for_end == end { told_until } else { told_until.max(newest_grant_at(snapshot, membership)) };
    Some((end, told))
}

/// When the newest live period of a membership was given.
#[must_use]
pub fn newest_grant_at(snapshot: &Snapshot, membership: &Membership) -> Timestamp {
    let live = snapshot.grants_of(membership.id).into_iter().filter(|grant| grant.revoked.is_none());
    live.map(|grant| grant.granted_at).max().unwrap_or(membership.starts_at)
}

/// The reminder that is due, if the member still has something to lose.
pub(crate) fn remind(
    now: Timestamp,
    snapshot: &Snapshot,
    id: MembershipId,
    for_end: Timestamp,
    told: Timestamp,
) -> Action {
    let Some((membership, channel)) = with_channel(snapshot, id) else { return Action::Nothing };
    let Some((end, told)) = told_until(snapshot, membership, for_end, told) else { return Action::Nothing };
    let over = matches!(membership.status, MembershipStatus::Expired | MembershipStatus::Revoked);
    let policies = &channel.policies;
    if over
        || !membership.entitles(now, policies.grace())
        || policies.membership.reminder_due(end, told, now).is_none()
    {
        return Action::Nothing;
    }
    Action::Remind {
        user: membership.user,
        title: channel.title.clone(),
        ends_at: end,
        is_over: end <= now,
        leaves_at: membership.removal_due(policies.grace()).unwrap_or(end),
        renews: renews(channel, id),
    }
}

/// When a member is shown out, if their end has come: until then they may be inside.
pub(crate) fn leaves_at(now: Timestamp, channel: &Channel, membership: &Membership) -> Option<Timestamp> {
    membership.ends_at.filter(|end| *end <= now)?;
    membership.removal_due(channel.policies.grace())
}

/// The farewell of a removal, unless the member has come back since.
pub(crate) fn farewell(snapshot: &Snapshot, id: MembershipId, removed_at: Timestamp) -> Action {
    let Some((membership, channel)) = with_channel(snapshot, id) else { return Action::Nothing };
    if membership.removed_at != Some(removed_at) || membership.status == MembershipStatus::Active {
        return Action::Nothing;
    }
    Action::Farewell { user: membership.user, title: channel.title.clone(), renews: renews(channel, id) }
}

/// Whether a stranger is to be shown out at this moment: nobody who has paid or was let stay since, and nobody while removals are
/// frozen.
pub(crate) fn expel(
    now: Timestamp,
    snapshot: &Snapshot,
    channel_id: ChannelId,
    user: TelegramUserId,
) -> Action {
    let Some(channel) = snapshot.channels.get(&channel_id) else { return Action::Nothing };
    let inside = snapshot
        .presences
        .get(&(channel_id, user))
        .is_none_or(|presence| presence.standing == Some(Standing::Inside));
    if inside && !is_frozen(snapshot, channel_id) && is_stranger(now, snapshot, channel, user) {
        Action::Remove { chat: channel.private_chat, user, keeps_ban: false }
    } else {
        Action::Nothing
    }
}

/// By what a member can buy again, where there is something on sale.
fn renews(channel: &Channel, id: MembershipId) -> Option<MembershipId> {
    (channel.archived_at.is_none() && channel.active_plans().next().is_some()).then_some(id)
}

fn with_channel(snapshot: &Snapshot, id: MembershipId) -> Option<(&Membership, &Channel)> {
    let membership = snapshot.memberships.get(&id)?;
    Some((membership, snapshot.channels.get(&membership.channel_id)?))
}
