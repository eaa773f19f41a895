//! The guard: what Telegram tells of who is inside, and what is done about those who should not be.

use jiff::{SignedDuration, Timestamp};

use super::access::{no_channel, person_reason};
use super::{SYSTEM, Work, attention, departure, offers};
use crate::attention::{Reason, Subject};
use crate::channel::Channel;
use crate::command::{Outcome, Refusal};
use crate::id::{ChannelId, MembershipId, PresenceId, PrivateChatId, PublicChatId, TelegramUserId};
use crate::job::{JobKind, Outcome as JobOutcome};
use crate::membership::later;
use crate::membership_policy::StrangerPolicy;
use crate::presence::{Listed, Presence, Standing};
use crate::removal::{HOLD_MINUTES, is_frozen};
use crate::stay;

/// Notes how somebody stands to a chat; whether that is new. Expects what is known of them to be loaded.
pub(super) fn note(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    user: TelegramUserId,
    standing: Standing,
    since: Timestamp,
) -> bool {
    let known = work.snapshot.presences.get(&(channel_id, user)).cloned();
    if known.as_ref().and_then(|presence| presence.standing) == Some(standing) {
        return false;
    }
    let presence = match known {
        Some(known) => Presence { standing: Some(standing), since, ..known },
        None => new(work, channel_id, user, Some(standing), since),
    };
    work.snapshot.presences.put((channel_id, user), presence);
    true
}

fn new(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    user: TelegramUserId,
    standing: Option<Standing>,
    since: Timestamp,
) -> Presence {
    Presence { id: PresenceId(work.ids.uuid()), channel_id, user, standing, since, listed: None }
}

/// Takes in what Telegram says about somebody, and deals with a stranger by the channel's policy.
pub(super) fn member_seen(
    work: &mut Work<'_>,
    chat: PrivateChatId,
    user: TelegramUserId,
    standing: Standing,
    at: Timestamp,
) -> Outcome {
    let Some(channel) = work.snapshot.channel_by_private_chat(chat).cloned() else {
        return Outcome::Done;
    };
    // The other side's clock may run ahead of ours.
    let at = at.min(work.now);
    let is_new = note(work, channel.id, user, standing, at);
    let inside = standing.is_inside();
    if let Some(mut membership) = work.snapshot.membership_of(channel.id, user).cloned() {
        if membership.joined_at.is_some() != inside {
            membership.joined_at = inside.then_some(at);
            membership.updated_at = work.now;
            work.snapshot.memberships.put(membership.id, membership.clone());
        }
        // Whose end could not be dealt with, as that of an administrator, may have become one that can.
        if !inside || (is_new && standing == Standing::Inside) {
            departure::look_if_due(work, &channel, &membership);
        }
    }
    if standing == Standing::Inside && stay::is_stranger(work.now, work.snapshot, &channel, user) {
        // Told again that they are inside they have not come again: what a person has decided holds until they do.
        let since = work.snapshot.presences.get(&(channel.id, user)).map_or(at, |presence| presence.since);
        stranger(work, &channel, user, since);
    } else {
        no_stranger(work, channel.id, user, "they are inside no more, or may be");
    }
    if standing != Standing::Admin {
        no_admin(work, channel.id, user, "they are no administrator any more");
    }
    if inside || standing == Standing::Outside {
        let subject = Subject::Member { channel_id: channel.id, user };
        attention::close(work, subject, Reason::MemberBanned, "the ban was lifted");
    }
    Outcome::Done
}

fn stranger(work: &mut Work<'_>, channel: &Channel, user: TelegramUserId, at: Timestamp) {
    match channel.policies.membership.strangers {
        StrangerPolicy::Report => {
            let subject = Subject::Member { channel_id: channel.id, user };
            let detail = format!("Telegram user {user}, inside since {at}");
            attention::open(work, subject, Reason::StrangerInside, detail, Some(channel.id));
        }
        StrangerPolicy::Remove => {
            let kind = JobKind::ExpelStranger { channel_id: channel.id, user };
            work.arm(kind, format!("stranger:{}:{user}", channel.id), channel.id, work.now, true);
        }
    }
}

fn no_stranger(work: &mut Work<'_>, channel_id: ChannelId, user: TelegramUserId, why: &str) {
    attention::close(work, Subject::Member { channel_id, user }, Reason::StrangerInside, why);
}

/// Somebody's time is over, and Telegram removes no administrator.
pub(super) fn admin_stays(work: &mut Work<'_>, channel_id: ChannelId, user: TelegramUserId, end: Timestamp) {
    note(work, channel_id, user, Standing::Admin, work.now);
    let detail = format!("Telegram user {user}, whose time ended {end}");
    attention::open(work, Subject::Member { channel_id, user }, Reason::AdminStays, detail, Some(channel_id));
}

fn no_admin(work: &mut Work<'_>, channel_id: ChannelId, user: TelegramUserId, why: &str) {
    attention::close(work, Subject::Member { channel_id, user }, Reason::AdminStays, why);
}

/// What came of showing a stranger out.
pub(super) fn expelled(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    user: TelegramUserId,
    outcome: &JobOutcome,
    asked_again: bool,
) -> Option<Timestamp> {
    let channel = work.snapshot.channels.get(&channel_id).cloned()?;
    match outcome {
        // They were seen inside while they were being shown out: perhaps after that. Once more does no harm to who is outside.
        _ if asked_again => Some(work.now),
        JobOutcome::Done => {
            note(work, channel_id, user, Standing::Outside, work.now);
            let subject = Subject::Member { channel_id, user }.to_string();
            work.audit(SYSTEM, "stranger.removed", subject, "no membership", &serde_json::json!({}));
            no_stranger(work, channel_id, user, "they were shown out");
            None
        }
        JobOutcome::NotRemovable => {
            note(work, channel_id, user, Standing::Admin, work.now);
            None
        }
        _ if is_frozen(work.snapshot, channel_id)
            && stay::is_stranger(work.now, work.snapshot, &channel, user) =>
        {
            Some(later(work.now, SignedDuration::from_mins(HOLD_MINUTES)))
        }
        _ => None,
    }
}

/// Access has been sent: who was a stranger is none any more, and who was banned by a person needs one.
pub(super) fn access_delivered(work: &mut Work<'_>, id: MembershipId) {
    let Some(mut membership) = work.snapshot.memberships.get(&id).cloned() else { return };
    let (channel_id, user) = (membership.channel_id, membership.user);
    let Some(presence) = work.snapshot.presences.get(&(channel_id, user)).cloned() else { return };
    no_stranger(work, channel_id, user, "they have a membership now");
    no_admin(work, channel_id, user, "they have a membership now");
    match presence.standing {
        Some(Standing::Inside | Standing::Admin) if membership.joined_at.is_none() => {
            membership.joined_at = Some(presence.since);
            work.snapshot.memberships.put(id, membership);
        }
        Some(Standing::Banned) => {
            let subject = Subject::Member { channel_id, user };
            let detail = format!("Telegram user {user}, banned since {}", presence.since);
            attention::open(work, subject, Reason::MemberBanned, detail, Some(channel_id));
        }
        _ => {}
    }
}

/// Lets somebody be inside without paying, or no longer. Who is inside then without a membership is a stranger.
pub(super) fn whitelist(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    user: TelegramUserId,
    listed: bool,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let channel = work.snapshot.channels.get(&channel_id).cloned().ok_or_else(|| no_channel(channel_id))?;
    let known = work.snapshot.presences.get(&(channel_id, user)).cloned();
    if known.as_ref().is_some_and(|presence| presence.listed.is_some()) == listed {
        return Ok(Outcome::Done);
    }
    let since = work.now;
    let mut presence = known.unwrap_or_else(|| new(work, channel_id, user, None, since));
    presence.listed = listed.then(|| Listed { at: work.now, by: actor.to_owned(), reason: reason.clone() });
    work.snapshot.presences.put((channel_id, user), presence);
    let subject = Subject::Member { channel_id, user };
    let action = if listed { "whitelist.added" } else { "whitelist.removed" };
    work.audit(actor, action, subject.to_string(), &reason, &serde_json::json!({}));
    if listed {
        no_stranger(work, channel_id, user, "they are on the white list");
        no_admin(work, channel_id, user, "they are on the white list");
    } else {
        no_guest(work, &channel, user);
    }
    Ok(Outcome::Done)
}

/// Somebody may not be inside any more whatever they paid. Who is inside then without a membership is a stranger, and an end that was left
/// open for their sake is dealt with now.
pub(super) fn no_guest(work: &mut Work<'_>, channel: &Channel, user: TelegramUserId) {
    if let Some(membership) = work.snapshot.membership_of(channel.id, user).cloned() {
        departure::look_if_due(work, channel, &membership);
    }
    let inside = work
        .snapshot
        .presences
        .get(&(channel.id, user))
        .filter(|presence| presence.standing == Some(Standing::Inside))
        .map(|presence| presence.since);
    if let Some(since) = inside
        && stay::is_stranger(work.now, work.snapshot, channel, user)
    {
        stranger(work, channel, user, since);
    }
}

/// Somebody owns a channel from now on: neither a stranger there nor one whose time is over.
pub(super) fn is_owner(work: &mut Work<'_>, channel_id: ChannelId, user: TelegramUserId) {
    no_stranger(work, channel_id, user, "they are the channel's owner");
    no_admin(work, channel_id, user, "they are the channel's owner");
}

/// Follows a group that became a supergroup. Its links are dead; members get new ones when they need one.
pub(super) fn chat_migrated(
    work: &mut Work<'_>,
    from: PrivateChatId,
    to: PrivateChatId,
) -> Result<Outcome, Refusal> {
    super::rights::migrated(work, from.into(), to.into());
    let Some(mut channel) = work.snapshot.channel_by_private_chat(from).cloned() else {
        let offers =
            PublicChatId::new(from.get()).ok().and_then(|chat| work.snapshot.channel_by_public_chat(chat));
        return match offers.map(|channel| channel.id) {
            Some(id) => public_chat_migrated(work, id, to),
            None => Ok(Outcome::Done),
        };
    };
    if let Some(other) = work.snapshot.channel_by_private_chat(to).filter(|other| other.id != channel.id) {
        return Err(Refusal::Conflict(format!(
            "the group of {} became {to}, which is registered as {}; archive one of the two",
            channel.id, other.id
        )));
    }
    let id = channel.id;
    channel.private_chat = to;
    channel.chat_since = work.now;
    work.snapshot.channels.put(id, channel);
    let numbers = serde_json::json!({"from": from, "to": to});
    work.audit(
        SYSTEM,
        "channel.migrated",
        format!("channel:{id}"),
        "the group became a supergroup",
        &numbers,
    );
    Ok(Outcome::Channel(id))
}

/// Follows the group in which a channel's offer stands. What stands in the old one is out of reach; the offer is posted in the new one.
pub(super) fn public_chat_migrated(
    work: &mut Work<'_>,
    id: ChannelId,
    to: PrivateChatId,
) -> Result<Outcome, Refusal> {
    let to = PublicChatId::new(to.get()).map_err(|error| Refusal::Invalid(error.to_string()))?;
    let mut channel = work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id))?;
    if let Some(other) = work.snapshot.channel_by_public_chat(to).filter(|other| other.id != id) {
        return Err(Refusal::Conflict(format!(
            "the public chat of {id} became {to}, in which {} is offered; archive one of the two",
            other.id
        )));
    }
    let numbers = serde_json::json!({"from": channel.public_chat, "to": to});
    channel.public_chat = Some(to);
    work.snapshot.channels.put(id, channel);
    let reason = "the group became a supergroup";
    work.audit(SYSTEM, "channel.public_chat_migrated", format!("channel:{id}"), reason, &numbers);
    offers::arm(work, id);
    Ok(Outcome::Channel(id))
}
