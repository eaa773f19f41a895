//! Buying in the bot, and the one message that tells how the order stands.

use jiff::{SignedDuration, Timestamp};

use super::{Work, shop};
use crate::command::{OrderFrom, Outcome, Refusal};
use crate::id::{ChannelId, GrantId, MessageId, OrderId, PlanId, TelegramUserId};
use crate::job::JobKind;
use crate::link::LinkState;
use crate::membership::later;
use crate::order::{Order, OrderSource, OrderState};
use crate::progress::Face;

/// For how long the same wish of the same account leads back to the order that it made, in minutes: a double tap, an update that Telegram
/// tells twice, and whoever lost the message pay once. Later it is a new wish, whose invoice is fresh.
pub const SAME_WISH_MINUTES: i64 = 60;

/// Makes the order of a wish and shows it to its buyer, or shows the one that the same wish has made. UNIQUE (user, plan, number of the
/// wish) decides when two updates, or two processes, work at one wish.
pub(super) fn buy(
    work: &mut Work<'_>,
    from: &OrderFrom,
    plan_id: PlanId,
    user: TelegramUserId,
    wants_invoice: bool,
) -> Result<Outcome, Refusal> {
    let named = match from {
        OrderFrom::Plan { plan_id, .. } => Some(*plan_id),
        OrderFrom::Link { slug } => {
            work.snapshot.links.values().find(|link| link.slug == *slug).map(|link| link.plan_id)
        }
        OrderFrom::Donation { .. } => {
            return Err(Refusal::Invalid("a donation is no plan that could be bought".to_owned()));
        }
    };
    if named.is_some_and(|named| named != plan_id) {
        return Err(Refusal::Invalid(format!("what is opened sells another plan than {plan_id}")));
    }
    let newest = newest_wish(work, user, plan_id).cloned();
    if let Some(order) = newest.as_ref().filter(|order| is_same_wish(work.now, order)) {
        // Who has sent money is told about it, whatever became of the offer; who has not may still pay what took a link's last use.
        let has_paid = order.state_at(work.now) != OrderState::Open;
        if has_paid || is_still_sold(work, from, plan_id) {
            return show(work, order.id, user);
        }
    }
    if let Some(channel_id) = lasting(work, plan_id, user) {
        return Ok(Outcome::LastsForEver(channel_id));
    }
    let made = shop::create_order(work, from, Some(user), OrderSource::Bot, wants_invoice)?;
    if let Outcome::Order(id) = made
        && let Some(mut order) = work.snapshot.orders.get(&id).cloned()
    {
        order.wish = Some(newest.and_then(|order| order.wish).unwrap_or(0) + 1);
        work.snapshot.orders.put(id, order);
        arm(work, id);
    }
    Ok(made)
}

/// The plan's channel, if the buyer's access to it lasts for ever.
fn lasting(work: &Work<'_>, plan_id: PlanId, user: TelegramUserId) -> Option<ChannelId> {
    let channel = work.snapshot.channels.values().find(|channel| channel.plan(plan_id).is_some())?;
    let membership = work.snapshot.membership_of(channel.id, user)?;
    membership.ends_at.is_none().then_some(channel.id)
}

fn newest_wish<'a>(work: &'a Work<'_>, user: TelegramUserId, plan_id: PlanId) -> Option<&'a Order> {
    work.snapshot
        .orders
        .values()
        .filter(|order| order.user == Some(user) && order.plan_id == Some(plan_id) && order.wish.is_some())
        .max_by_key(|order| order.wish)
}

/// Whether an order is neither paid nor over, and was made just now.
fn is_same_wish(now: Timestamp, order: &Order) -> bool {
    matches!(order.state_at(now), OrderState::Open | OrderState::Seen | OrderState::PartiallyPaid)
        && now < later(order.created_at, SignedDuration::from_mins(SAME_WISH_MINUTES))
}

fn is_still_sold(work: &Work<'_>, from: &OrderFrom, plan_id: PlanId) -> bool {
    let is_open = match from {
        OrderFrom::Plan { .. } => true,
        OrderFrom::Donation { .. } => false,
        OrderFrom::Link { slug } => work
            .snapshot
            .links
            .values()
            .find(|link| link.slug == *slug)
            .is_some_and(|link| matches!(link.state(work.now), LinkState::Usable | LinkState::UsedUp)),
    };
    let mut channels = work.snapshot.channels.values();
    is_open
        && channels.any(|channel| {
            channel.archived_at.is_none() && channel.plan(plan_id).is_some_and(|plan| plan.active)
        })
}

/// Shows an order to its buyer anew, below everything that was said since. Somebody else's does not exist.
pub(super) fn show(work: &mut Work<'_>, id: OrderId, user: TelegramUserId) -> Result<Outcome, Refusal> {
    let Some(mut order) = work.snapshot.orders.get(&id).filter(|order| order.user == Some(user)).cloned()
    else {
        return Err(Refusal::NotFound(format!("no order {id}")));
    };
    if let Some(message_id) = order.message_id.take() {
        let kind = JobKind::FoldMessage { order_id: id, user, message_id };
        work.arm(kind, format!("order:{id}:{message_id}"), order.channel_id, work.now, false);
        work.snapshot.orders.put(id, order);
    }
    arm(work, id);
    Ok(Outcome::Order(id))
}

/// Something about an order may have changed: its message, if it has one, follows. However often this is called before the message is
/// edited, it is edited once.
pub(super) fn follow(work: &mut Work<'_>, id: OrderId) {
    if work.snapshot.orders.get(&id).is_some_and(|order| order.message_id.is_some()) {
        arm(work, id);
    }
}

/// The same for the order of a grant.
pub(super) fn follow_grant(work: &mut Work<'_>, id: GrantId) {
    if let Some(order_id) = work.snapshot.grants.get(&id).and_then(|grant| grant.order_id) {
        follow(work, order_id);
    }
}

fn arm(work: &mut Work<'_>, id: OrderId) {
    let Some(channel_id) = work.snapshot.orders.get(&id).map(|order| order.channel_id) else { return };
    work.arm(JobKind::ShowOrder { order_id: id }, format!("order:{id}"), channel_id, work.now, true);
}

/// The message was made or edited and shows `face`; when to look at it again.
pub(super) fn shown(
    work: &mut Work<'_>,
    id: OrderId,
    face: &Face,
    message_id: MessageId,
    is_new: bool,
) -> Option<Timestamp> {
    let mut order = work.snapshot.orders.get(&id).cloned()?;
    if is_new {
        order.message_id = Some(message_id);
        work.snapshot.orders.put(id, order.clone());
    }
    // While it was edited the order went on, or its buyer asked for it again.
    if Face::of(work.now, work.snapshot, id).as_ref() != Some(face) || order.message_id != Some(message_id) {
        return Some(work.now);
    }
    face.changes_at(&order)
}
