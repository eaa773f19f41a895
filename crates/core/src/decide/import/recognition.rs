//! Which payment it was that the other system gave access for, where it did not say.

use jiff::{SignedDuration, Timestamp};

use crate::channel::Channel;
use crate::decide::{SYSTEM, Work, grants, notification};
use crate::id::{ChannelId, OrderId, ProviderPaymentId, TelegramUserId};
use crate::import::{PAID_AFTER_HOURS_MAX, PAID_BEFORE_HOURS_MAX};
use crate::membership::{Grant, later};
use crate::money::Money;
use crate::order::{Order, OrderSource, Ruling, assess};
use crate::payment::Payment;
use crate::status::PaymentStatus;

/// The order of a payment for which the other system has given access without saying which payment it was: the same invoice, or finished
/// about when that access was given. The access then belongs to this order, and no second period is given for the same money.
pub(in crate::decide) fn order_of_carried(
    work: &mut Work<'_>,
    payment: &Payment,
    channel: &Channel,
    user: TelegramUserId,
    reference: &str,
    price: &Money,
) -> Option<Order> {
    let grant = carried_for(work, payment, channel.id, user)?;
    let id = OrderId(work.ids.uuid());
    let order = notification::new_order(
        grant.granted_at,
        id,
        channel,
        price.clone(),
        Some(grant.duration),
        OrderSource::Import,
    );
    name(work, grant, payment, id);
    Some(Order { user: Some(user), legacy_ref: Some(reference.to_owned()), updated_at: work.now, ..order })
}

/// The same of a payment that had got an order before it was finished, when nobody could know whether it ever would be. Only what was
/// finished was granted there: an attempt that was given up must not take the place of the payment that paid. Whether there was such access.
pub(in crate::decide) fn recognise(work: &mut Work<'_>, id: ProviderPaymentId) -> bool {
    let Some(payment) = work.snapshot.payments.get(&id).filter(|payment| !payment.is_child()) else {
        return false;
    };
    let order = payment.order_id.and_then(|id| work.snapshot.orders.get(&id));
    let is_open = |order: &&Order| {
        order.source == OrderSource::Notification
            && order.ruling.is_none()
            && work.snapshot.grant_of(order.id).is_none()
    };
    let Some((order, user)) = order.filter(is_open).and_then(|order| Some((order, order.user?))) else {
        return false;
    };
    let Some(grant) = carried_for(work, payment, order.channel_id, user) else { return false };
    let (payment, mut order) = (payment.clone(), order.clone());
    let granted_at = grant.granted_at;
    name(work, grant, &payment, order.id);
    // The other system has given the access for whatever it asked.
    if !payment.price.as_ref().is_some_and(|price| price.same_as(&order.price)) {
        order.ruling = Some(Ruling::Grant);
    }
    // Its state is set first: nobody is told of a sale that the other system made.
    let policies = work.snapshot.channels.get(&order.channel_id).map(|channel| channel.policies.clone());
    order.state = assess(&order, &work.snapshot.payments_of(order.id), &policies.unwrap_or_default()).state;
    order.paid_at.get_or_insert(granted_at);
    work.snapshot.orders.put(order.id, order);
    true
}

/// The access that waits for just this payment.
fn carried_for(
    work: &Work<'_>,
    payment: &Payment,
    channel: ChannelId,
    user: TelegramUserId,
) -> Option<Grant> {
    let membership = work.snapshot.membership_of(channel, user)?;
    work.snapshot.grants_of(membership.id).into_iter().find(|grant| fits(grant, payment)).cloned()
}

/// Gives the access that waited for a payment to that payment's order.
fn name(work: &mut Work<'_>, mut grant: Grant, payment: &Payment, order_id: OrderId) {
    grant.order_id = Some(order_id);
    if let Some(carried) = &mut grant.carried {
        carried.awaits_payment = false;
    }
    let reason = format!("payment {} is the one that the other system has granted", payment.id);
    grants::audit_grant(work, "grant.named", &grant, SYSTEM, &reason);
    work.snapshot.grants.put(grant.id, grant);
}

fn fits(grant: &Grant, payment: &Payment) -> bool {
    let Some(carried) = grant.carried.as_ref().filter(|carried| carried.awaits_payment) else {
        return false;
    };
    if grant.order_id.is_some() || grant.revoked.is_some() {
        return false;
    }
    if !payment.seen.contains(&PaymentStatus::Finished) {
        return false;
    }
    if let (Some(theirs), Some(ours)) = (&carried.invoice_id, &payment.invoice_id) {
        return theirs == ours;
    }
    let Some(at) = finished_at(payment) else {
        return false;
    };
    let earliest = later(grant.granted_at, SignedDuration::from_hours(-PAID_BEFORE_HOURS_MAX));
    let latest = later(grant.granted_at, SignedDuration::from_hours(PAID_AFTER_HOURS_MAX));
    (earliest..=latest).contains(&at)
}

/// When a payment was finished; none where the provider did not say when that was: then nothing speaks for it being the one.
fn finished_at(payment: &Payment) -> Option<Timestamp> {
    if payment.status == PaymentStatus::Finished {
        let at = Timestamp::from_millisecond(payment.head_updated_at_ms).ok();
        return at.filter(|at| at.as_second() > 0);
    }
    // Refunded since, and only the time of that is kept: the money was there about when it was first seen.
    payment.on_chain_at
}
