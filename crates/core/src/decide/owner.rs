//! Whose a channel is; what an owner may do with their own channel, and nobody with another's (F107).

use super::access::{no_channel, person_reason};
use super::{Work, decide, guard, payout};
use crate::command::{Command, Outcome, Refusal};
use crate::id::{ChannelId, TelegramUserId};
use crate::job::{JobKind, OwnerNotice};

/// Gives a channel to another owner, or to none, and tells both. A change of the payout address that waits was the former owner's wish,
/// and is taken back with it (F109).
pub(super) fn set(
    work: &mut Work<'_>,
    id: ChannelId,
    owner: Option<TelegramUserId>,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?;
    let known = |work: &Work<'_>| work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id));
    let mut channel = known(work)?;
    let former = channel.owner;
    if former == owner {
        return Ok(Outcome::Channel(id));
    }
    if channel.payout_change.is_some() {
        payout::cancel(work, id, None, actor)?;
        channel = known(work)?;
    }
    channel.owner = owner;
    work.snapshot.channels.put(id, channel.clone());
    let detail = serde_json::json!({"from": former, "to": owner});
    work.audit(actor, "channel.owner_set", format!("channel:{id}"), reason, &detail);
    if let Some(former) = former {
        guard::no_guest(work, &channel, former);
        tell(work, id, former, OwnerNotice::ChannelTaken);
    }
    if let Some(owner) = owner {
        guard::is_owner(work, id, owner);
        tell(work, id, owner, OwnerNotice::ChannelGiven);
    }
    Ok(Outcome::Channel(id))
}

/// Each time that it happens.
fn tell(work: &mut Work<'_>, id: ChannelId, to: TelegramUserId, notice: OwnerNotice) {
    let subject = format!("owner:{id}:{to}:{}", work.ids.uuid().simple());
    let kind = JobKind::NotifyOwner { owner: Some(to), channel_id: Some(id), notice, told: Vec::new() };
    work.arm(kind, subject, id, work.now, false);
}

/// Carries a command out if the channel that it is about belongs to `owner`. Somebody else's channel is answered like one that does not
/// exist, so that the answer tells nothing.
pub(super) fn carry_out(
    work: &mut Work<'_>,
    owner: TelegramUserId,
    command: &Command,
) -> Result<Outcome, Refusal> {
    let Some(id) = command.for_owners() else {
        return Err(Refusal::Invalid("this is not for owners to do".to_owned()));
    };
    let is_theirs = work.snapshot.channels.get(&id).is_some_and(|channel| channel.owner == Some(owner));
    if !is_theirs {
        return Err(no_channel(id));
    }
    decide(work.now, work.ids, work.snapshot, command)
}
