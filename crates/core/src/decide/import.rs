//! Carrying over from another system. A repeat changes nothing, in whatever order the rows come, after an interruption, and also when
//! this system has been at work in between: an end only moves forward (I8), and one payment gives one period (I2).

mod channel;
mod entry;
mod recognition;

use jiff::SignedDuration;

use super::Work;
use crate::channel::{Channel, PlanDuration};
use crate::command::{Outcome, Refusal};
use crate::id::{ChannelId, PrivateChatId, TelegramUserId};
use crate::import::{ImportChange, ImportGranted, ImportMember, Imported, ImportedPayment, Remark};
use crate::membership::{Grant, later};
use crate::money::Money;
use crate::order::{Order, OrderKind};
use crate::status::PaymentStatus;

pub(super) use channel::channel;
use entry::Entry;
pub(super) use recognition::{order_of_carried, recognise};

/// Why, in the audit log.
const REASON: &str = "carried over from another system";

/// How a payment of the other system stands here.
enum Standing {
    /// Not known, or known without an order.
    Free,
    /// Its order is this member's and has no grant yet.
    Ungranted(Box<Order>),
    /// It was carried over before.
    Carried(Grant),
    /// It was granted here, by a notification.
    GrantedHere(Grant),
    /// It pays for somebody else here.
    Another,
}

fn standing(
    work: &Work<'_>,
    channel: ChannelId,
    user: TelegramUserId,
    payment: &ImportedPayment,
) -> Standing {
    let known = work.snapshot.payments.get(&payment.id);
    let Some(order) = known.and_then(|known| known.order_id).and_then(|id| work.snapshot.orders.get(&id))
    else {
        return Standing::Free;
    };
    if order.channel_id != channel || order.user != Some(user) || order.kind() == OrderKind::Donation {
        return Standing::Another;
    }
    match work.snapshot.grant_of(order.id) {
        None => Standing::Ungranted(Box::new(order.clone())),
        Some(grant) if grant.carried.is_some() => Standing::Carried(grant.clone()),
        Some(grant) => Standing::GrantedHere(grant.clone()),
    }
}

/// Carries a member over, with the exact end.
pub(super) fn member(work: &mut Work<'_>, member: &ImportMember) -> Result<Outcome, Refusal> {
    let channel = channel_of(work, member.private_chat)?;
    let entry = Entry::new(work, &channel, member);
    let standing = member
        .payment
        .as_ref()
        .map_or(Standing::Another, |payment| standing(work, channel.id, member.user, payment));
    let had_membership = work.snapshot.membership_of(channel.id, member.user).is_some();
    let mut imported = Imported { change: ImportChange::Known, payment: false, remark: None };
    let changed = match (standing, &member.payment) {
        (Standing::Free, Some(payment)) => {
            imported.payment = true;
            let price = member.price.clone().or_else(|| payment.price.clone());
            let order = entry.order(work, &channel, payment, price);
            entry.pay(work, order, payment);
            true
        }
        (Standing::Ungranted(order), Some(payment)) => {
            entry.pay(work, *order, payment);
            true
        }
        (Standing::Carried(grant), _) if grant.revoked.is_some() => {
            imported.remark = Some(Remark::TakenBack);
            false
        }
        (Standing::GrantedHere(grant), _) if grant.revoked.is_some() => {
            imported.remark = Some(Remark::TakenBack);
            false
        }
        (Standing::Carried(grant), _) => entry.raise(work, grant),
        (Standing::GrantedHere(_), _) => entry.not_before(work),
        (_, None) => entry.unnamed(work, true, &mut imported),
        (Standing::Another, Some(_)) => {
            imported.remark = Some(Remark::PaymentOfAnother);
            entry.unnamed(work, false, &mut imported)
        }
    };
    if changed {
        imported.change = if had_membership { ImportChange::Changed } else { ImportChange::New };
    }
    Ok(Outcome::Imported(imported))
}

/// Notes a payment that the other system has granted, so that it is not granted again. It gives no time: the member's row has the end.
pub(super) fn granted(work: &mut Work<'_>, granted: &ImportGranted) -> Result<Outcome, Refusal> {
    let channel = channel_of(work, granted.private_chat)?;
    let mut imported = Imported { change: ImportChange::Known, payment: false, remark: None };
    let standing = standing(work, channel.id, granted.user, &granted.payment);
    let order = match standing {
        Standing::Free => None,
        Standing::Ungranted(order) => Some(*order),
        Standing::Another => {
            imported.remark = Some(Remark::PaymentOfAnother);
            return Ok(Outcome::Imported(imported));
        }
        Standing::Carried(_) | Standing::GrantedHere(_) => return Ok(Outcome::Imported(imported)),
    };
    let membership = work.snapshot.membership_of(channel.id, granted.user).cloned();
    // One of which nobody knows when it was comes before what the member's row stands for.
    let before = membership.as_ref().map(|known| later(known.starts_at, SignedDuration::from_micros(-1)));
    let at = granted.granted_at.or(before).unwrap_or(work.now).min(work.now);
    let entry = Entry {
        channel_id: channel.id,
        user: granted.user,
        granted_at: at,
        // No time of its own: it ends where the membership began.
        until: membership.as_ref().map_or(at, |membership| membership.starts_at),
        duration: duration_of(&channel, granted.payment.price.as_ref()),
        is_out: true,
        is_undelivered: false,
        invoice_id: None,
        origin: granted.origin.clone(),
    };
    let price = granted.payment.price.clone();
    let order = order.unwrap_or_else(|| entry.order(work, &channel, &granted.payment, price));
    imported.payment = true;
    imported.change = ImportChange::New;
    entry.note_payment(work, &order, &granted.payment);
    let id = entry.give(work, Some(order.id), at, membership.map(|membership| membership.id));
    if granted.payment.status == PaymentStatus::Refunded {
        entry.take_back(work, id);
    }
    entry.look_again(work, order, &granted.payment);
    Ok(Outcome::Imported(imported))
}

fn channel_of(work: &Work<'_>, chat: PrivateChatId) -> Result<Channel, Refusal> {
    work.snapshot
        .channel_by_private_chat(chat)
        .cloned()
        .ok_or_else(|| Refusal::NotFound(format!("no channel sells chat {chat}")))
}

fn duration_of(channel: &Channel, price: Option<&Money>) -> PlanDuration {
    let plan = price.and_then(|price| channel.plan_by_price(price));
    plan.map_or(PlanDuration::Days(crate::channel::LEGACY_DAYS_DEFAULT), |plan| plan.duration)
}
