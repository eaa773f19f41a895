//! The attention list: opened by what is wrong, closed by what mends it or by a person.

use super::{SYSTEM, Work, jobs, notification};
use crate::attention::{Attention, Reason, Resolution, Resolved, Subject};
use crate::command::{Outcome, Refusal};
use crate::id::{AttentionId, ChannelId, OrderId};
use crate::job::{JobKind, OwnerNotice};
use crate::order::Ruling;

/// Makes the open items of a subject just those that are wanted; returns the reasons that are new. What a person has resolved stays
/// resolved. Items with the reasons of the other rooms (a job that died, a fault of ours) are left alone.
pub(super) fn settle(
    work: &mut Work<'_>,
    subject: Subject,
    wanted: &[(Reason, String)],
    channel_id: Option<ChannelId>,
) -> Vec<Reason> {
    let stale: Vec<Attention> = work
        .snapshot
        .attention
        .values()
        .filter(|item| item.subject == subject && item.is_open())
        .filter(|item| !wanted.iter().any(|(reason, _)| *reason == item.reason))
        .filter(|item| !matches!(item.reason, Reason::JobDead | Reason::PaidAfterRefund))
        .cloned()
        .collect();
    for item in stale {
        close(work, subject, item.reason, "what caused it is no longer so");
    }
    wanted
        .iter()
        .filter(|(reason, detail)| open(work, subject, *reason, detail.clone(), channel_id))
        .map(|(reason, _)| *reason)
        .collect()
}

/// Settles an open item, because its cause is gone.
pub(super) fn close(work: &mut Work<'_>, subject: Subject, reason: Reason, why: &str) {
    let Some(mut item) = work.snapshot.attention_on(subject, reason).filter(|item| item.is_open()).cloned()
    else {
        return;
    };
    item.resolved = Some(Resolved {
        at: work.now,
        resolution: Resolution::Settled,
        by: SYSTEM.to_owned(),
        reason: why.to_owned(),
    });
    work.snapshot.attention.put(item.id, item);
}

/// Opens an item, or opens again one that had settled by itself; whether it is newly open.
pub(super) fn open(
    work: &mut Work<'_>,
    subject: Subject,
    reason: Reason,
    detail: String,
    channel_id: Option<ChannelId>,
) -> bool {
    let item = match work.snapshot.attention_on(subject, reason).cloned() {
        Some(known) if known.is_open() => {
            if known.detail != detail {
                work.snapshot.attention.put(known.id, Attention { detail, ..known });
            }
            return false;
        }
        Some(known)
            if known.resolved.as_ref().is_some_and(|r| r.resolution != Resolution::Settled)
                && reason != Reason::JobDead =>
        {
            return false;
        }
        Some(known) => Attention { detail, channel_id, opened_at: work.now, resolved: None, ..known },
        None => Attention {
            id: AttentionId(work.ids.uuid()),
            subject,
            reason,
            detail,
            channel_id,
            opened_at: work.now,
            resolved: None,
        },
    };
    tell_owner(work, &item);
    work.snapshot.attention.put(item.id, item);
    true
}

fn tell_owner(work: &mut Work<'_>, item: &Attention) {
    let Some(channel) = item.channel_id.and_then(|id| work.snapshot.channels.get(&id)) else {
        return;
    };
    let Some(owner) = channel.owner else { return };
    let channel_id = channel.id;
    let notice = OwnerNotice::Attention {
        reason: item.reason,
        subject: item.subject.to_string(),
        detail: item.detail.clone(),
    };
    let subject = format!("attention:{}:{}", item.subject, item.reason.as_str());
    work.arm(JobKind::NotifyOwner { owner, channel_id, notice }, subject, channel_id, work.now, false);
}

/// Resolves an item because a person said so. Resolving it again in the same way is no error.
pub(super) fn resolve(
    work: &mut Work<'_>,
    id: AttentionId,
    resolution: Resolution,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let item = work
        .snapshot
        .attention
        .get(&id)
        .cloned()
        .ok_or_else(|| Refusal::NotFound(format!("no attention item {id}")))?;
    let reason = super::access::person_reason(reason)?;
    if let Some(resolved) = &item.resolved {
        if resolved.resolution == resolution {
            return Ok(Outcome::Done);
        }
        return Err(Refusal::Conflict(format!(
            "{id} was already resolved as {} by {}",
            resolved.resolution.as_str(),
            resolved.by
        )));
    }
    if !item.reason.actions().contains(&resolution) {
        let fit: Vec<&str> = item.reason.actions().iter().map(|action| action.as_str()).collect();
        return Err(Refusal::Invalid(format!(
            "`{}` does not fit {}; what fits: {}. {}",
            resolution.as_str(),
            item.reason.as_str(),
            fit.join(", "),
            item.reason.sentence()
        )));
    }
    let order_id = order_of(work, item.subject);
    let ruling = match resolution {
        Resolution::Grant => Some(Ruling::Grant),
        Resolution::Refund => Some(Ruling::Refund),
        Resolution::Dismiss | Resolution::Settled => None,
    };
    if resolution == Resolution::Grant && order_id.is_none() && !matches!(item.subject, Subject::Job(_)) {
        return Err(Refusal::Invalid(format!(
            "{} belongs to no order yet; bind it with `payment recover … --order …`",
            item.subject
        )));
    }
    if let (Subject::Job(job_id), Resolution::Grant) = (item.subject, resolution) {
        jobs::revive(work, job_id)?;
    }
    work.snapshot.attention.put(
        id,
        Attention {
            resolved: Some(Resolved {
                at: work.now,
                resolution,
                by: actor.to_owned(),
                reason: reason.to_owned(),
            }),
            ..item.clone()
        },
    );
    work.audit(
        actor,
        "attention.resolved",
        item.subject.to_string(),
        reason,
        &serde_json::json!({"reason": item.reason.as_str(), "as": resolution.as_str()}),
    );
    if let (Some(order_id), Some(ruling)) = (order_id, ruling)
        && item.reason != Reason::PaidTwice
        && let Some(mut order) = work.snapshot.orders.get(&order_id).cloned()
    {
        order.ruling = Some(ruling);
        work.snapshot.orders.put(order_id, order);
        notification::reassess(work, order_id);
    }
    Ok(Outcome::Done)
}

fn order_of(work: &Work<'_>, subject: Subject) -> Option<OrderId> {
    match subject {
        Subject::Order(id) => Some(id),
        Subject::Payment(id) => work.snapshot.payments.get(&id).and_then(|payment| payment.order_id),
        Subject::Job(_) => None,
    }
}
