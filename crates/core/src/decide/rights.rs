//! The bot's rights in chats: a chat that it may keep is offered to whoever gave it the rights; owner and operators hear of a right that is
//! gone, the list says so, and the jobs that need it wait until it is back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Work, attention};
use crate::attention::{Reason, Resolution, Subject};
use crate::bot_chat::{BotChat, BotRight, HELD_JOBS_MAX, RIGHTS_TOLD_AGAIN_HOURS, needed};
use crate::channel::Channel;
use crate::command::{BotSeen, Outcome};
use crate::id::{ChannelId, TelegramChatId};
use crate::job::{ArmJob, Job, JobKind, JobState, OwnerNotice};
use crate::membership::later;

/// Telegram says what the bot may do in a chat now.
pub(super) fn seen(work: &mut Work<'_>, seen: &BotSeen) -> Outcome {
    let known = work.snapshot.bot_chats.get(&seen.chat).cloned();
    // Telegram may tell what it told before, after a restart.
    if known.as_ref().is_some_and(|known| seen.at < known.since) {
        return Outcome::Done;
    }
    let mut now = BotChat {
        chat: seen.chat,
        title: seen.title.clone(),
        is_channel: seen.is_channel,
        is_public: seen.is_public,
        rights: seen.rights.clone(),
        set_by: seen.by.or_else(|| known.as_ref().and_then(|known| known.set_by)),
        since: seen.at,
        told_at: known.as_ref().and_then(|known| known.told_at),
    };
    let channels = channels_of(work, seen.chat);
    for channel in &channels {
        let wanted = needed(channel, &now);
        let (before, missing) =
            (known.as_ref().map(|known| known.missing(wanted)).unwrap_or_default(), now.missing(wanted));
        if missing == before {
            continue;
        }
        let subject = format!("rights:{}:{}", seen.chat, seen.update_id);
        if missing.is_empty() {
            now.told_at = None;
            tell(work, channel, subject, OwnerNotice::RightsBack { chat: now.title.clone() });
            // If its other chat lacks one, too, the next job that misses it says so again.
            settle(work, channel.id, "the bot has its rights again");
        } else {
            now.told_at = Some(work.now);
            list(work, channel, &now, &missing);
            tell(work, channel, subject, OwnerNotice::RightsLost { chat: now.title.clone(), missing });
        }
        // Which job needs which right only its next attempt shows.
        let kind = JobKind::WakeHeld { channel_id: channel.id };
        work.arm(kind, format!("channel:{}", channel.id), channel.id, work.now, true);
    }
    let is_more = known.is_none_or(|known| !known.rights.is_superset(&now.rights));
    if channels.is_empty()
        && seen.greets
        && is_more
        && now.rights.contains(&BotRight::Administrator)
        && let Some(user) = seen.by
    {
        let job = ArmJob {
            id: crate::id::JobId(work.ids.uuid()),
            kind: JobKind::OfferSetup { chat: seen.chat, user },
            subject: format!("setup:{}:{}", seen.chat, seen.update_id),
            channel_id: None,
            run_at: work.now,
            created_at: work.now,
            revive: false,
        };
        work.snapshot.arm.push(job);
    }
    work.snapshot.bot_chats.put(seen.chat, now);
    Outcome::Done
}

/// A call has failed for want of a right. Owner and operators are told, once in a while for as long as it stops jobs; the list says it all
/// the time, or, where a person has dismissed that, from the next telling on.
pub(super) fn missed(work: &mut Work<'_>, job: &Job, chat: TelegramChatId, right: BotRight) {
    let Some(channel) = job.channel_id.and_then(|id| work.snapshot.channels.get(&id)).cloned() else {
        return;
    };
    let mut row = work.snapshot.bot_chats.get(&chat).cloned().unwrap_or_else(|| BotChat {
        chat,
        title: channel.title.clone(),
        is_channel: false,
        is_public: false,
        rights: BotRight::ALL.into(),
        set_by: None,
        since: channel.chat_since,
        told_at: None,
    });
    let had = row.rights.contains(&right);
    if right == BotRight::Administrator {
        row.rights = BTreeSet::new();
    } else {
        row.rights.remove(&right);
    }
    let again = SignedDuration::from_hours(RIGHTS_TOLD_AGAIN_HOURS);
    let is_told = !had && row.told_at.is_some_and(|at| work.now < later(at, again));
    let missing = row.missing(&[BotRight::Administrator, right]);
    if !is_told || !is_dismissed(work, channel.id) {
        list(work, &channel, &row, &missing);
    }
    if !is_told {
        row.told_at = Some(work.now);
        let subject = format!("rights:{chat}:{}:{}", right.as_str(), work.now.as_microsecond());
        tell(work, &channel, subject, OwnerNotice::RightsLost { chat: row.title.clone(), missing });
    }
    work.snapshot.bot_chats.put(chat, row);
}

/// A job that had waited for a right has done its work: the right is back, though no update said so.
pub(super) fn worked(work: &mut Work<'_>, job: &Job) {
    if let Some(id) = job.channel_id {
        settle(work, id, "what waited for the right went through");
    }
}

fn list(work: &mut Work<'_>, channel: &Channel, chat: &BotChat, missing: &[BotRight]) {
    let rights: Vec<&str> = missing.iter().map(|right| right.as_str()).collect();
    let detail = format!("{} in chat {} ({})", rights.join(", "), chat.chat, chat.title);
    let subject = Subject::Channel(channel.id);
    attention::open_quietly(work, subject, Reason::RightsMissing, detail, Some(channel.id));
}

fn settle(work: &mut Work<'_>, id: ChannelId, why: &str) {
    attention::close(work, Subject::Channel(id), Reason::RightsMissing, why);
}

fn is_dismissed(work: &Work<'_>, id: ChannelId) -> bool {
    let item = work.snapshot.attention_on(Subject::Channel(id), Reason::RightsMissing);
    let resolved = item.and_then(|item| item.resolved.as_ref());
    resolved.is_some_and(|resolved| resolved.resolution != Resolution::Settled)
}

/// Lets waiting jobs try again, some at a time; when to go on with the next.
pub(super) fn wake(work: &mut Work<'_>, id: ChannelId) -> Option<Timestamp> {
    let is_held = |job: &&Job| job.channel_id == Some(id) && job.state == JobState::Ready && job.is_held();
    let held: Vec<Job> = work.snapshot.jobs.values().filter(is_held).cloned().collect();
    let is_all = held.len() < HELD_JOBS_MAX as usize;
    for mut job in held {
        job.run_at = work.now;
        job.last_error = None;
        work.snapshot.jobs.put(job.id, job);
    }
    (!is_all).then_some(work.now)
}

/// A group's new number is the same chat.
pub(super) fn migrated(work: &mut Work<'_>, from: TelegramChatId, to: TelegramChatId) {
    let Some(known) = work.snapshot.bot_chats.get(&from).cloned() else { return };
    if !work.snapshot.bot_chats.contains(&to) {
        work.snapshot.bot_chats.put(to, BotChat { chat: to, ..known.clone() });
    }
    // The old number leads nowhere: nobody is to be offered it.
    work.snapshot.bot_chats.put(from, BotChat { rights: BTreeSet::new(), ..known });
}

/// The channels that have to do with a chat.
fn channels_of(work: &Work<'_>, chat: TelegramChatId) -> Vec<Channel> {
    let sold = work.snapshot.channel_by_private_chat(chat.as_private());
    let offered = work.snapshot.channel_by_public_chat(chat.as_public());
    sold.into_iter().chain(offered).filter(|channel| channel.archived_at.is_none()).cloned().collect()
}

/// Tells the owner, where there is one, and the operators.
fn tell(work: &mut Work<'_>, channel: &Channel, subject: String, notice: OwnerNotice) {
    let subject = format!("{subject}:{}", channel.id);
    let kind =
        JobKind::NotifyOwner { owner: channel.owner, channel_id: Some(channel.id), notice, told: Vec::new() };
    work.arm(kind, subject, channel.id, work.now, false);
}
