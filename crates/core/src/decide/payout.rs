//! Where an owner is paid out: a change is told at once and counts a day later, so that who did not ask for it can stop it (F109).

use jiff::{SignedDuration, Timestamp};

use super::access::no_channel;
use super::{SYSTEM, Work};
use crate::channel::Channel;
use crate::command::{Outcome, Refusal};
use crate::id::ChannelId;
use crate::job::{JobKind, OwnerNotice};
use crate::membership::later;
use crate::payout::{CHANGE_WAITS_HOURS, Payout, PayoutChange};

/// The address as it is kept, if it is one (S01).
pub(super) fn checked(payout: Option<&Payout>) -> Result<Option<Payout>, Refusal> {
    payout.map(Payout::checked).transpose().map_err(|error| Refusal::Invalid(error.to_string()))
}

/// Notes what is asked for, tells the owner, and arms the job that lets it count. A change that waits already is replaced, and the time
/// begins anew: else a harmless one could be asked for first, and the other put in its place at the last minute.
pub(super) fn set(
    work: &mut Work<'_>,
    id: ChannelId,
    payout: &Payout,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    let payout = payout.checked().map_err(|error| Refusal::Invalid(error.to_string()))?;
    let waits = channel.payout_change.as_ref().map(|change| &change.payout);
    if waits == Some(&payout) {
        return Ok(Outcome::Channel(id));
    }
    if channel.payout.as_ref() == Some(&payout) {
        return match waits {
            None => Ok(Outcome::Channel(id)),
            Some(_) => cancel(work, id, None, actor),
        };
    }
    let counts_at = later(work.now, SignedDuration::from_hours(CHANGE_WAITS_HOURS));
    let change = PayoutChange { payout: payout.clone(), asked_at: work.now, counts_at, by: actor.to_owned() };
    let detail = serde_json::json!({"from": channel.payout, "to": payout, "counts_at": counts_at});
    work.audit(actor, "payout.change_asked", format!("channel:{id}"), "", &detail);
    channel.payout_change = Some(change);
    tell(work, &channel, OwnerNotice::PayoutChange { payout, counts_at });
    work.snapshot.channels.put(id, channel);
    work.arm(JobKind::ApplyPayout { channel_id: id }, format!("channel:{id}"), id, counts_at, true);
    Ok(Outcome::Channel(id))
}

/// Takes back what waits. Naming another one than that changes nothing: a button of an old message must not stop a new change.
pub(super) fn cancel(
    work: &mut Work<'_>,
    id: ChannelId,
    counts_at: Option<Timestamp>,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut channel = channel(work, id)?;
    let Some(change) =
        channel.payout_change.take_if(|change| counts_at.is_none_or(|at| at == change.counts_at))
    else {
        return Err(Refusal::Conflict("there is no such change of the payout address any more".to_owned()));
    };
    let detail = serde_json::json!({"kept": channel.payout, "not": change.payout});
    work.audit(actor, "payout.change_cancelled", format!("channel:{id}"), "", &detail);
    tell(work, &channel, OwnerNotice::PayoutKept { payout: change.payout });
    work.snapshot.channels.put(id, channel);
    Ok(Outcome::Channel(id))
}

/// Lets a change count whose time has come; when to look again else.
pub(super) fn apply(work: &mut Work<'_>, id: ChannelId) -> Option<Timestamp> {
    let mut channel = work.snapshot.channels.get(&id).cloned()?;
    let change = channel.payout_change.take()?;
    if work.now < change.counts_at {
        return Some(change.counts_at);
    }
    let detail = serde_json::json!({"from": channel.payout, "to": change.payout, "asked_by": change.by});
    work.audit(SYSTEM, "payout.changed", format!("channel:{id}"), "", &detail);
    tell(work, &channel, OwnerNotice::PayoutChanged { payout: change.payout.clone() });
    channel.payout = Some(change.payout);
    work.snapshot.channels.put(id, channel);
    None
}

/// Each of these is told once, and each time that it happens.
fn tell(work: &mut Work<'_>, channel: &Channel, notice: OwnerNotice) {
    let Some(owner) = channel.owner else { return };
    let what = match notice {
        OwnerNotice::PayoutChange { .. } => "asked",
        OwnerNotice::PayoutChanged { .. } => "counts",
        _ => "kept",
    };
    let subject = format!("payout:{}:{what}:{}", channel.id, work.ids.uuid().simple());
    let kind =
        JobKind::NotifyOwner { owner: Some(owner), channel_id: Some(channel.id), notice, told: Vec::new() };
    work.arm(kind, subject, channel.id, work.now, false);
}

fn channel(work: &Work<'_>, id: ChannelId) -> Result<Channel, Refusal> {
    work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id))
}
