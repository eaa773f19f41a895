//! From a paid order to a grant, from grants to a membership's end. One order has at most one grant (I2); an end moves back only
//! by a revocation with a reason (I8).

use super::{SYSTEM, Work, delivery, reminders};
use crate::attention::{Reason, Subject};
use crate::channel::{Channel, PlanDuration};
use crate::id::{ChannelId, GrantId, MembershipId, OrderId, TelegramUserId};
use crate::job::{JobKind, OwnerNotice};
use crate::membership::{Fold, Grant, Membership, MembershipStatus, Revocation, fold, period_after};
use crate::order::{Order, OrderSource, OrderState, Ruling};
use crate::policy::RefundPolicy;
use crate::safeguard::Safeguard;

/// Makes the order's grant what the order's payments ask for; whether access was given (or given back). `before`: the state that the
/// order had until now. `money_moved`: whether money has come or gone; what an earlier policy has left somebody no later word about the
/// same money takes.
pub(super) fn follow(
    work: &mut Work<'_>,
    order: &Order,
    channel: &Channel,
    earned: bool,
    before: OrderState,
    money_moved: bool,
) -> bool {
    let known = work.snapshot.grant_of(order.id).filter(|_| Safeguard::UniqueGrant.stands());
    match known.cloned() {
        // A donation has no duration: there is nothing that could be given for it (F49).
        None if earned => order.duration.is_some_and(|duration| {
            give(work, channel.id, Some(order.id), order.user, duration, SYSTEM, "paid");
            true
        }),
        // Only where the order has just become paid again: what a person took back is not given back by a repeated notification.
        Some(mut grant)
            if grant.revoked.is_some() && order.state == OrderState::Paid && before != OrderState::Paid =>
        {
            grant.revoked = None;
            grant.granted_at = work.now;
            let reason = "paid again after it was taken back";
            audit_grant(work, "grant.restored", &grant, SYSTEM, reason);
            work.snapshot.grants.put(grant.id, grant.clone());
            match (grant.membership_id, order.user) {
                (Some(membership_id), _) => {
                    refold(work, membership_id, None);
                    delivery::deliver(work, &grant, membership_id);
                }
                // It was claimed after it had been taken back.
                (None, Some(user)) => {
                    place(work, grant, user, SYSTEM, reason);
                }
                (None, None) => {}
            }
            true
        }
        Some(grant)
            if !earned
                && grant.revoked.is_none()
                && money_moved
                && channel.policies.refund == RefundPolicy::Revoke
                && is_refunded(work, order) =>
        {
            take_back(work, grant, SYSTEM, "the order was refunded");
            false
        }
        _ => false,
    }
}

/// What a person must know of an order that was paid and gave its buyer nothing, since their access lasts for ever without it.
pub(super) fn in_vain(work: &Work<'_>, order: &Order) -> Option<(Reason, String)> {
    if order.state != OrderState::Paid {
        return None;
    }
    let grant = work.snapshot.grant_of(order.id).filter(|grant| grant.revoked.is_none())?;
    let (membership_id, user) = (grant.membership_id?, order.user?);
    let grants = work.snapshot.grants_of(membership_id);
    let before =
        grants.into_iter().filter(|other| (other.granted_at, other.id) < (grant.granted_at, grant.id));
    let lasted = fold(before) == Fold::Until(None);
    lasted.then(|| (Reason::NothingAdded, format!("Telegram user {user}, {}", order.price)))
}

/// Whether money of the order went back: then, unless something else pays it, its grant goes too.
fn is_refunded(work: &Work<'_>, order: &Order) -> bool {
    order.ruling == Some(Ruling::Refund)
        || work.snapshot.payments_of(order.id).iter().any(|payment| payment.is_refunded())
}

/// Gives a period. Without an account it waits for the payer to claim the order.
pub(super) fn give(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    order_id: Option<OrderId>,
    user: Option<TelegramUserId>,
    duration: PlanDuration,
    actor: &str,
    reason: &str,
) -> Option<MembershipId> {
    let period = period_after(Fold::Nothing, work.now, duration);
    let grant = Grant {
        id: GrantId(work.ids.uuid()),
        order_id,
        channel_id,
        membership_id: None,
        duration,
        granted_at: work.now,
        period,
        revoked: None,
        delivered_at: None,
        carried: None,
    };
    match user {
        Some(user) => Some(place(work, grant, user, actor, reason)),
        None => {
            audit_grant(work, "grant.created", &grant, actor, reason);
            work.snapshot.grants.put(grant.id, grant);
            None
        }
    }
}

/// Puts a grant onto the membership of an account, from now on.
pub(super) fn place(
    work: &mut Work<'_>,
    grant: Grant,
    user: TelegramUserId,
    actor: &str,
    reason: &str,
) -> MembershipId {
    let known = work.snapshot.membership_of(grant.channel_id, user).cloned();
    let membership_id =
        known.as_ref().map_or_else(|| MembershipId(work.ids.uuid()), |membership| membership.id);
    let so_far = fold(work.snapshot.grants_of(membership_id));
    let period = period_after(so_far, work.now, grant.duration);
    let grant = Grant { membership_id: Some(membership_id), granted_at: work.now, period, ..grant };
    if known.is_none() {
        work.snapshot.memberships.put(membership_id, begin(work, membership_id, grant.channel_id, user));
    }
    audit_grant(work, "grant.created", &grant, actor, reason);
    work.snapshot.grants.put(grant.id, grant.clone());
    refold(work, membership_id, None);
    delivery::deliver(work, &grant, membership_id);
    membership_id
}

/// A membership that ends as it begins; folding its first grant moves the end forward.
fn begin(work: &Work<'_>, id: MembershipId, channel_id: ChannelId, user: TelegramUserId) -> Membership {
    Membership {
        id,
        channel_id,
        user,
        status: MembershipStatus::Active,
        starts_at: work.now,
        ends_at: Some(work.now),
        invite: None,
        joined_at: None,
        removed_at: None,
        removal_run: None,
        updated_at: work.now,
    }
}

/// Takes a grant back, with a reason, and folds what is left.
pub(super) fn take_back(work: &mut Work<'_>, mut grant: Grant, actor: &str, reason: &str) {
    grant.revoked = Some(Revocation { at: work.now, reason: reason.to_owned() });
    audit_grant(work, "grant.revoked", &grant, actor, reason);
    work.snapshot.grants.put(grant.id, grant.clone());
    if let Some(membership_id) = grant.membership_id {
        refold(work, membership_id, Some((actor, reason)));
    }
}

/// Works out a membership's end from its grants. `revocation` says who moves it back and why: without it the end never does.
fn refold(work: &mut Work<'_>, id: MembershipId, revocation: Option<(&str, &str)>) {
    refold_as(work, id, revocation, MembershipStatus::Grace);
}

/// The same; `over` is what a membership is whose end has passed. One that is `Expired` needs nobody to follow it to its end.
pub(super) fn refold_as(
    work: &mut Work<'_>,
    id: MembershipId,
    revocation: Option<(&str, &str)>,
    over: MembershipStatus,
) {
    let Some(mut membership) = work.snapshot.memberships.get(&id).cloned() else {
        return;
    };
    let before = (membership.status, membership.ends_at);
    let was_over = membership.status != MembershipStatus::Active;
    match fold(work.snapshot.grants_of(id)) {
        Fold::Nothing => {
            membership.status = MembershipStatus::Revoked;
            membership.ends_at = Some(work.now);
        }
        Fold::Until(end) => {
            membership.status = match end {
                Some(end) if end <= work.now => over,
                _ => MembershipStatus::Active,
            };
            membership.ends_at = end;
        }
    }
    if membership.status == MembershipStatus::Active {
        membership.removed_at = None;
    }
    if before == (membership.status, membership.ends_at) {
        return;
    }
    membership.updated_at = work.now;
    if let Some((actor, reason)) = revocation {
        work.audit(
            actor,
            "membership.shortened",
            format!("membership:{id}"),
            reason,
            &serde_json::json!({"from": before.1, "to": membership.ends_at, "status": membership.status.as_str()}),
        );
    }
    // Whoever was over may have a removal under way, or given up and on the list: it looks at once, and finds that there is nothing to do.
    let at = if was_over && membership.status == MembershipStatus::Active {
        Some(work.now)
    } else {
        membership.ends_at
    };
    if let Some(end) = at
        && membership.status != MembershipStatus::Expired
    {
        let kind = JobKind::EndMembership { membership_id: id, removing: false };
        work.arm(kind, format!("membership:{id}"), membership.channel_id, end, true);
    }
    work.snapshot.memberships.put(id, membership);
    if revocation.is_some() {
        reminders::arm_anew(work, id);
    }
}

/// Tells the owner what became of an order.
pub(super) fn announce(work: &mut Work<'_>, order: &Order, channel: &Channel, before: OrderState) {
    // The other system has told of it, or the sale is long past.
    if order.source == OrderSource::Import && order.state == OrderState::Paid {
        return;
    }
    let (subject, notice) = match order.state {
        // Without an owner nobody in particular sells, and a payment has one row less to write.
        OrderState::Paid if channel.owner.is_none() => return,
        OrderState::Paid => {
            // One that is paid again after its refund is sold again.
            let subject = match before {
                OrderState::Refunded => format!("sale:{}:{}", order.id, work.now.as_microsecond()),
                _ => format!("sale:{}", order.id),
            };
            let renewal = work
                .snapshot
                .grant_of(order.id)
                .and_then(|grant| grant.membership_id)
                .is_some_and(|id| work.snapshot.grants_of(id).len() > 1);
            (
                subject,
                OwnerNotice::Sale {
                    order_id: order.id,
                    price: order.price.clone(),
                    user: order.user,
                    renewal,
                },
            )
        }
        OrderState::PartiallyPaid => (
            format!("partial:{}", order.id),
            OwnerNotice::PartialPayment { order_id: order.id, remaining: order.remaining.clone() },
        ),
        OrderState::Refunded if before == OrderState::Paid => {
            let kept = work.snapshot.grant_of(order.id).is_some_and(|grant| grant.revoked.is_none());
            // An order that is paid goes back once, until it is paid again.
            let subject = format!("refund:{}:{}", order.id, work.now.as_microsecond());
            (subject, OwnerNotice::Refund { order_id: order.id, price: order.price.clone(), kept })
        }
        _ => return,
    };
    let kind =
        JobKind::NotifyOwner { owner: channel.owner, channel_id: Some(channel.id), notice, told: Vec::new() };
    work.arm(kind, subject, channel.id, work.now, false);
}

pub(super) fn audit_grant(work: &mut Work<'_>, action: &str, grant: &Grant, actor: &str, reason: &str) {
    let subject =
        grant.order_id.map_or_else(|| format!("grant:{}", grant.id), |id| Subject::Order(id).to_string());
    let detail = serde_json::json!({
        "grant_id": grant.id, "membership_id": grant.membership_id, "duration": grant.duration,
        "from": grant.period.starts_at, "to": grant.period.ends_at,
    });
    work.audit(actor, action, subject, reason, &detail);
}
