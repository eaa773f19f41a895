//! The attention list: opened by what is wrong, closed by what mends it or by a person.

use super::{SYSTEM, Work, departure, guard, jobs, notification, progress};
use crate::attention::{Attention, Reason, Resolution, Resolved, Subject};
use crate::command::{Outcome, Refusal};
use crate::id::{AttentionId, ChannelId, OrderId};
use crate::job::{JobKind, OwnerNotice};
use crate::order::{OrderState, Ruling, can_be_ruled};
use crate::payment::Payment;
use crate::snapshot::Snapshot;

/// Makes the open items of a subject just those that are wanted; returns the reasons that are new. What a person has resolved stays
/// resolved for as long as no more is known. Money after a noted refund is another room's. Of a reason that is `announced` in another
/// message nobody is told a second time.
pub(super) fn settle(
    work: &mut Work<'_>,
    subject: Subject,
    wanted: &[(Reason, String)],
    channel_id: Option<ChannelId>,
    announced: Option<Reason>,
) -> Vec<Reason> {
    let stale: Vec<Attention> = work
        .snapshot
        .attention
        .values()
        .filter(|item| item.subject == subject && item.is_open())
        .filter(|item| !wanted.iter().any(|(reason, _)| *reason == item.reason))
        .filter(|item| !matches!(item.reason, Reason::PaidAfterRefund | Reason::DonationAfterRefund))
        .cloned()
        .collect();
    for item in stale {
        settle_item(work, item, "what caused it is no longer so");
    }
    let mut new = Vec::new();
    for (reason, detail) in wanted {
        let Some((item, again)) = opened(work, subject, *reason, detail.clone(), channel_id) else {
            continue;
        };
        if announced != Some(*reason) {
            tell(work, &item, again);
        }
        new.push(*reason);
    }
    new
}

/// Settles an open item, because its cause is gone.
pub(super) fn close(work: &mut Work<'_>, subject: Subject, reason: Reason, why: &str) {
    if let Some(item) = work.snapshot.attention_on(subject, reason).filter(|item| item.is_open()).cloned() {
        settle_item(work, item, why);
    }
}

fn settle_item(work: &mut Work<'_>, mut item: Attention, why: &str) {
    item.resolved = Some(Resolved {
        at: work.now,
        resolution: Resolution::Settled,
        by: SYSTEM.to_owned(),
        reason: why.to_owned(),
    });
    work.snapshot.attention.put(item.id, item);
}

/// Opens an item, or opens again one that had settled by itself or about which more is known than when a person resolved it; whether it
/// is newly open.
pub(super) fn open(
    work: &mut Work<'_>,
    subject: Subject,
    reason: Reason,
    detail: String,
    channel_id: Option<ChannelId>,
) -> bool {
    match opened(work, subject, reason, detail, channel_id) {
        Some((item, again)) => {
            tell(work, &item, again);
            true
        }
        None => false,
    }
}

/// The same without a word to owner and operators: they hear of it in another way, or could not be told at all.
pub(super) fn open_quietly(
    work: &mut Work<'_>,
    subject: Subject,
    reason: Reason,
    detail: String,
    channel_id: Option<ChannelId>,
) {
    let _ = opened(work, subject, reason, detail, channel_id);
}

/// The item, if it is newly open, and whether a person had resolved it before.
fn opened(
    work: &mut Work<'_>,
    subject: Subject,
    reason: Reason,
    detail: String,
    channel_id: Option<ChannelId>,
) -> Option<(Attention, bool)> {
    let mut again = false;
    let item = match work.snapshot.attention_on(subject, reason).cloned() {
        Some(known) if known.is_open() => {
            work.snapshot.attention.put(known.id, Attention { detail, channel_id, ..known });
            return None;
        }
        Some(known) => {
            let by_person = known.resolved.as_ref().is_some_and(|r| r.resolution != Resolution::Settled);
            if by_person && known.detail == detail && !reason.comes_back() {
                return None;
            }
            // An offer is posted for as long as its channel lives: each time that it fails is worth a word.
            again = by_person || reason == Reason::OfferNotPosted;
            Attention { detail, channel_id, opened_at: work.now, resolved: None, ..known }
        }
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
    work.snapshot.attention.put(item.id, item.clone());
    Some((item, again))
}

/// One message for each item, and one more for each time that a person's decision was overtaken.
fn tell(work: &mut Work<'_>, item: &Attention, again: bool) {
    let channel = item.channel_id.and_then(|id| work.snapshot.channels.get(&id));
    let owner = channel.and_then(|channel| channel.owner);
    let channel_id = item.channel_id;
    let notice = OwnerNotice::Attention {
        reason: item.reason,
        subject: item.subject.to_string(),
        detail: item.detail.clone(),
    };
    let mut subject = format!("attention:{}:{}", item.subject, item.reason.as_str());
    if again {
        subject.push_str(&format!(":{}", item.opened_at.as_microsecond()));
    }
    let kind = JobKind::NotifyOwner { owner, channel_id, notice, told: Vec::new() };
    work.arm_for(kind, subject, channel_id, work.now, false);
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
    let order_id = order_of(work.snapshot, item.subject);
    if !item.reason.actions().contains(&resolution) {
        let fit: Vec<&str> = item.actions_in(work.snapshot).iter().map(|action| action.as_str()).collect();
        return Err(Refusal::Invalid(format!(
            "`{}` does not fit {}; what fits: {}. {}",
            resolution.as_str(),
            item.reason.as_str(),
            fit.join(", "),
            item.reason.sentence()
        )));
    }
    if resolution == Resolution::Grant {
        can_be_granted(work.snapshot, &item)?;
    }
    if let (Subject::Job(job_id), Resolution::Grant) = (item.subject, resolution) {
        jobs::revive(work, job_id)?;
    }
    match (item.subject, item.reason) {
        (Subject::Run(run_id), _) => departure::resolved(work, run_id, resolution, reason, actor)?,
        (Subject::Member { channel_id, user }, Reason::StrangerInside | Reason::AdminStays)
            if resolution == Resolution::Grant =>
        {
            guard::whitelist(work, channel_id, user, true, reason, actor)?;
        }
        _ => {}
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
    match resolution {
        Resolution::Grant => {
            take_back_note(work, item.subject);
            rule(work, order_id, Ruling::Grant);
        }
        Resolution::Refund => refunded(work, &item, order_id),
        Resolution::Dismiss | Resolution::Settled => {}
    }
    Ok(Outcome::Done)
}

impl Attention {
    /// The ways of resolving that make sense for this item now, with the rows of its order at hand: granting is none where it would be
    /// refused.
    #[must_use]
    pub fn actions_in(&self, rows: &Snapshot) -> Vec<Resolution> {
        let mut actions = self.actions();
        if self.is_open() && can_be_granted(rows, self).is_err() {
            actions.retain(|action| *action != Resolution::Grant);
        }
        actions
    }
}

/// Whether granting would give something: else the item would be closed, and nobody would have got anything.
fn can_be_granted(rows: &Snapshot, item: &Attention) -> Result<(), Refusal> {
    if !matches!(item.subject, Subject::Order(_) | Subject::Payment(_)) {
        return Ok(());
    }
    let order = order_of(rows, item.subject).and_then(|id| rows.orders.get(&id)).ok_or_else(|| {
        Refusal::Conflict(format!(
            "{} belongs to no order yet; bind it with `payment recover … --order …`",
            item.subject
        ))
    })?;
    let days = "days are given by `membership grant`";
    if order.state == OrderState::Paid {
        return Err(Refusal::Conflict(format!(
            "{} has its access already; dismiss, or note the refund. More {days}",
            order.id
        )));
    }
    let mut payments: Vec<Payment> = rows.payments_of(order.id).into_iter().cloned().collect();
    for payment in &mut payments {
        if item.subject == Subject::Payment(payment.id) {
            payment.seen.take_back_refund_note();
        }
    }
    if can_be_ruled(&payments.iter().collect::<Vec<_>>()) {
        Ok(())
    } else {
        Err(Refusal::Conflict(format!(
            "the money of {} went back; dismiss the item. All the same, {days}",
            order.id
        )))
    }
}

/// Who grants a payment whose refund was noted says that it was not refunded after all.
fn take_back_note(work: &mut Work<'_>, subject: Subject) {
    if let Subject::Payment(id) = subject
        && let Some(mut payment) = work.snapshot.payments.get(&id).cloned()
        && payment.seen.is_refund_noted()
    {
        payment.seen.take_back_refund_note();
        payment.updated_at = work.now;
        work.snapshot.payments.put(id, payment);
    }
}

/// Notes which money a person has ruled on.
fn mark_ruled(work: &mut Work<'_>, order_id: OrderId) {
    let there = work.snapshot.payments_of(order_id).into_iter();
    let ruled: Vec<Payment> =
        there.filter(|payment| payment.has_money() && !payment.seen.is_ruled()).cloned().collect();
    for mut payment in ruled {
        payment.seen.note_ruling();
        work.snapshot.payments.put(payment.id, payment);
    }
}

/// A person has ruled about an order.
fn rule(work: &mut Work<'_>, order_id: Option<OrderId>, ruling: Ruling) {
    if let Some(order_id) = order_id
        && let Some(mut order) = work.snapshot.orders.get(&order_id).cloned()
    {
        order.ruling = Some(ruling);
        work.snapshot.orders.put(order_id, order);
        if ruling == Ruling::Grant {
            mark_ruled(work, order_id);
        }
        notification::reassess(work, order_id);
        progress::follow(work, order_id);
    }
}

/// A person has given money back. What is known of a payment then is what `refunded` would say: its order may still be paid by another
/// one. Where the item is about an order as a whole, so is the refund, but for what came on top of the price: that pays nothing anyway.
fn refunded(work: &mut Work<'_>, item: &Attention, order_id: Option<OrderId>) {
    match item.subject {
        Subject::Payment(id) => {
            if let Some(mut payment) = work.snapshot.payments.get(&id).cloned() {
                payment.seen.note_refund();
                payment.updated_at = work.now;
                work.snapshot.payments.put(id, payment);
            }
            if let Some(order_id) = order_id {
                notification::reassess(work, order_id);
                progress::follow(work, order_id);
            }
        }
        Subject::Order(_) if !matches!(item.reason, Reason::PaidTwice | Reason::Overpaid) => {
            rule(work, order_id, Ruling::Refund);
        }
        Subject::Order(_)
        | Subject::Job(_)
        | Subject::Run(_)
        | Subject::Channel(_)
        | Subject::Member { .. } => {}
    }
}

fn order_of(rows: &Snapshot, subject: Subject) -> Option<OrderId> {
    match subject {
        Subject::Order(id) => Some(id),
        Subject::Payment(id) => rows.payments.get(&id).and_then(|payment| payment.order_id),
        Subject::Job(_) | Subject::Run(_) | Subject::Channel(_) | Subject::Member { .. } => None,
    }
}
