//! The bot's rights in chats: a chat that it may keep is offered to whoever gave it the rights; an owner hears of a right that is gone, and
//! the jobs that need it wait until it is back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Work;
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
        } else {
            now.told_at = Some(work.now);
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

/// A call has failed for want of a right. The owner is told, once in a while for as long as it stops jobs.
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
    if !is_told {
        row.told_at = Some(work.now);
        let subject = format!("rights:{chat}:{}:{}", right.as_str(), work.now.as_microsecond());
        let missing = row.missing(&[BotRight::Administrator, right]);
        tell(work, &channel, subject, OwnerNotice::RightsLost { chat: row.title.clone(), missing });
    }
    work.snapshot.bot_chats.put(chat, row);
}

/// Lets waiting jobs try again, some at a time; when to go on with the next.
pub(super) fn wake(work: &mut Work<'_>, id: ChannelId) -> Option<Timestamp> {
    let is_held = |job: &&Job| {
        job.channel_id == Some(id)
            && job.state == JobState::Ready
            && job.last_error.as_deref() == Some(crate::bot_chat::HELD_ERROR)
    };
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

fn tell(work: &mut Work<'_>, channel: &Channel, subject: String, notice: OwnerNotice) {
    let Some(owner) = channel.owner else {
        return;
    };
    let subject = format!("{subject}:{}", channel.id);
    work.arm(
        JobKind::NotifyOwner { owner: Some(owner), channel_id: Some(channel.id), notice, told: Vec::new() },
        subject,
        channel.id,
        work.now,
        false,
    );
}
