//! Carrying a channel over, with its plans.

use super::REASON;
use crate::channel::{Channel, Plan};
use crate::command::{NewPlan, Outcome, Refusal};
use crate::decide::{Work, offers, shop};
use crate::id::ChannelId;
use crate::import::{ImportChange, ImportChannel, Imported, Remark};

/// Carries a channel over. One that is here keeps its title, plans and policies; what it lacks is filled in.
pub(in crate::decide) fn channel(work: &mut Work<'_>, new: &ImportChannel) -> Result<Outcome, Refusal> {
    if let Some(public_chat) = new.public_chat {
        let other = work.snapshot.channel_by_public_chat(public_chat);
        if let Some(other) = other.filter(|other| other.private_chat != new.private_chat) {
            return Err(Refusal::Conflict(format!(
                "public chat {public_chat} already belongs to {}, which sells {}",
                other.id, other.private_chat
            )));
        }
        if public_chat.get() == new.private_chat.get() {
            return Err(Refusal::Invalid("the private and the public chat must be two chats".to_owned()));
        }
    }
    let known = work.snapshot.channel_by_private_chat(new.private_chat).cloned();
    let (change, remark) = match known {
        Some(known) => fill_in(work, known, new)?,
        None => {
            add(work, new)?;
            (ImportChange::New, None)
        }
    };
    Ok(Outcome::Imported(Imported { change, payment: false, remark }))
}

fn add(work: &mut Work<'_>, new: &ImportChannel) -> Result<(), Refusal> {
    new.policies.check().map_err(Refusal::Invalid)?;
    let id = ChannelId(work.ids.uuid());
    let mut channel = Channel {
        id,
        private_chat: new.private_chat,
        public_chat: new.public_chat,
        title: shop::words(&new.title, "a title")?,
        owner: new.owner,
        payout: new.payout.clone(),
        payout_change: None,
        policies: new.policies.clone(),
        archived_at: None,
        frozen: None,
        chat_since: work.now,
        created_at: work.now,
        plans: Vec::new(),
    };
    for plan in &new.plans {
        shop::push_plan(work, &mut channel, plan)?;
    }
    let detail = serde_json::json!({"from": new.origin.row, "private_chat": new.private_chat});
    work.audit(&new.origin.actor, "channel.imported", format!("channel:{id}"), REASON, &detail);
    work.snapshot.channels.put(id, channel);
    offers::begin(work, id);
    Ok(())
}

fn fill_in(
    work: &mut Work<'_>,
    known: Channel,
    new: &ImportChannel,
) -> Result<(ImportChange, Option<Remark>), Refusal> {
    if let Some(here) = known.public_chat
        && let Some(there) = new.public_chat
        && here != there
    {
        return Err(Refusal::Conflict(format!(
            "{} sells {} already, offered in public chat {here}; a channel has one public chat",
            known.id, known.private_chat
        )));
    }
    let missing = new.plans.iter().any(|plan| !known.plans.iter().any(|here| is_plan(here, plan)));
    let remark = missing.then_some(Remark::PlansLeft);
    let channel = Channel {
        public_chat: known.public_chat.or(new.public_chat),
        owner: known.owner.or(new.owner),
        payout: known.payout.clone().or_else(|| new.payout.clone()),
        ..known.clone()
    };
    if channel == known {
        return Ok((ImportChange::Known, remark));
    }
    let detail = serde_json::json!({
        "from": new.origin.row, "public_chat": channel.public_chat, "owner": channel.owner,
        "payout": channel.payout.as_ref().map(|payout| payout.currency.as_str()),
    });
    work.audit(&new.origin.actor, "channel.completed", format!("channel:{}", channel.id), REASON, &detail);
    work.snapshot.channels.put(channel.id, channel);
    Ok((ImportChange::Changed, remark))
}

fn is_plan(here: &Plan, there: &NewPlan) -> bool {
    here.price.same_as(&there.price) && here.duration == there.duration
}
