//! From a notification to an order, and from the order's payments to what it has come to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Work, attention, donations, grants, import, progress};
use crate::attention::{Reason, Subject};
use crate::channel::{Channel, LEGACY_DAYS_DEFAULT, PlanDuration};
use crate::command::{Outcome, Refusal};
use crate::event::{EventSource, Parent, Received, Verdict};
use crate::id::{OrderId, ProviderPaymentId, TelegramUserId};
use crate::membership::later;
use crate::money::Money;
use crate::order::{
    Checkout, ORDER_OPEN_HOURS, Order, OrderKind, OrderSource, OrderState, Ruling, assess, nothing_text,
};
use crate::order_ref::OrderRef;
use crate::payment::{Absorbed, Payment, event_pays_in_full};
use crate::policy::UnmatchedPricePolicy;
use crate::snapshot::EventRecord;
use crate::status::PaymentStatus;

/// To what a payment belongs.
enum Binding {
    /// To an order that is there.
    Order(OrderId),
    /// To an order that has to be made: the seed's incident.
    New(Box<Order>),
    /// To nothing that we know.
    Unmatched(Reason),
}

/// Takes a notification.
pub(super) fn receive(work: &mut Work<'_>, received: &Received) -> Outcome {
    let id = received.facts.payment_id;
    let known = work.snapshot.payments.get(&id).cloned();
    let inserted = known.is_none();
    let (mut payment, absorbed) = Payment::absorb(known.as_ref(), received);

    let mut unmatched = None;
    if payment.order_id.is_none() {
        match find_order(work, &payment) {
            Binding::Order(order_id) => bind(work, &mut payment, order_id),
            Binding::New(order) => {
                let order_id = order.id;
                work.snapshot.orders.put(order_id, *order);
                bind(work, &mut payment, order_id);
            }
            Binding::Unmatched(reason) => unmatched = Some(reason),
        }
    }
    if let Some(order) = payment.order_id.and_then(|id| work.snapshot.orders.get(&id)) {
        let floor = floor_of(work, order);
        payment.full |= event_pays_in_full(&received.facts, &order.price, floor);
    }
    let order_id = payment.order_id;
    let channel_id = payment.channel_id;
    work.snapshot.payments.put(id, payment);

    let mut is_recognised = false;
    if let Some(order_id) = order_id {
        adopt_children(work, id, order_id);
        is_recognised = import::recognise(work, id);
    }
    if let Some(reason) = unmatched {
        let wanted = unmatched_attention(work, id, reason);
        attention::settle(work, Subject::Payment(id), &wanted, channel_id, None);
    }
    let money = |payment: &Payment| (payment.order_id, payment.seen.has_credit(), payment.is_refunded());
    // Also where it is only now known for which access it paid.
    let money_moved =
        is_recognised || work.snapshot.payments.get(&id).map(money) != known.as_ref().map(money);
    let mut change = order_id.map(|order_id| reassess_as(work, order_id, money_moved)).unwrap_or_default();
    if money_after_refund(work, id, known.as_ref())
        && let Some(opened) = open_after_refund(work, id)
    {
        change.opened.push(opened);
    }

    if let Some(order_id) = order_id.filter(|_| absorbed.changed || change.granted) {
        progress::follow(work, order_id);
    }

    let (verdict, reason) = verdict_of(absorbed, unmatched, &change);
    if received.source != EventSource::Replay {
        work.snapshot.events.push(EventRecord {
            received: received.clone(),
            verdict,
            reason: reason.clone(),
            order_id,
            channel_id,
        });
    }
    let state = order_id.and_then(|id| work.snapshot.orders.get(&id)).map(|order| order.state);
    Outcome::Notification { verdict, reason, order_id, inserted, state, granted: change.granted }
}

/// Whether a payment has just brought money to an order whose refund a person has noted, or more of it after its own refund was noted.
fn money_after_refund(work: &Work<'_>, id: ProviderPaymentId, known: Option<&Payment>) -> bool {
    let Some(payment) = work.snapshot.payments.get(&id).filter(|payment| payment.seen.has_credit()) else {
        return false;
    };
    if payment.seen.contains(&PaymentStatus::Refunded) {
        return false;
    }
    let was_credited = known.is_some_and(|known| known.seen.has_credit());
    if payment.seen.is_refund_noted() {
        return !was_credited || known.is_some_and(|known| payment.actually_paid > known.actually_paid);
    }
    let order = payment.order_id.and_then(|id| work.snapshot.orders.get(&id));
    !was_credited && order.is_some_and(|order| order.ruling == Some(Ruling::Refund))
}

/// Puts such a payment into the list.
fn open_after_refund(work: &mut Work<'_>, id: ProviderPaymentId) -> Option<(Subject, Reason)> {
    let payment = work.snapshot.payments.get(&id)?;
    let (order_id, channel_id) = (payment.order_id, payment.channel_id);
    let order = order_id.and_then(|id| work.snapshot.orders.get(&id));
    let reason = match order.map(Order::kind) {
        Some(OrderKind::Donation) => Reason::DonationAfterRefund,
        Some(OrderKind::Membership) | None => Reason::PaidAfterRefund,
    };
    let subject = Subject::Payment(id);
    attention::open(work, subject, reason, String::new(), channel_id).then_some((subject, reason))
}

/// Only stores a notification whose processing failed, and calls for a person.
pub(super) fn park(work: &mut Work<'_>, received: &Received) -> Outcome {
    let id = received.facts.payment_id;
    let known = work.snapshot.payments.get(&id);
    let (order_id, channel_id) = known.map_or((None, None), |payment| (payment.order_id, payment.channel_id));
    let reason = Reason::Internal.as_str().to_owned();
    work.snapshot.events.push(EventRecord {
        received: received.clone(),
        verdict: Verdict::Parked,
        reason: Some(reason.clone()),
        order_id,
        channel_id,
    });
    attention::open(work, Subject::Payment(id), Reason::Internal, String::new(), channel_id);
    Outcome::Notification {
        verdict: Verdict::Parked,
        reason: Some(reason),
        order_id,
        inserted: false,
        state: None,
        granted: false,
    }
}

/// Binds a payment to an order because a person said so.
pub(super) fn bind_by_hand(
    work: &mut Work<'_>,
    payment_id: ProviderPaymentId,
    order_id: OrderId,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let mut payment = work
        .snapshot
        .payments
        .get(&payment_id)
        .cloned()
        .ok_or_else(|| Refusal::NotFound(format!("no payment {payment_id} is recorded")))?;
    if work.snapshot.orders.get(&order_id).is_none() {
        return Err(Refusal::NotFound(format!("no order {order_id}")));
    }
    match payment.order_id {
        Some(bound) if bound == order_id => return Ok(Outcome::Order(order_id)),
        Some(bound) => {
            return Err(Refusal::Conflict(format!(
                "payment {payment_id} already pays order {bound}; a payment is bound once"
            )));
        }
        None => {}
    }
    let was_there: BTreeSet<ProviderPaymentId> =
        work.snapshot.payments_of(order_id).iter().map(|payment| payment.id).collect();
    bind(work, &mut payment, order_id);
    work.snapshot.payments.put(payment_id, payment);
    work.audit(
        actor,
        "payment.bound",
        Subject::Payment(payment_id).to_string(),
        "bound by hand",
        &serde_json::json!({"order_id": order_id}),
    );
    adopt_children(work, payment_id, order_id);
    reassess(work, order_id);
    // Whatever was adopted with it: money that comes to an order whose refund a person has noted is for a person (I3).
    let bound: Vec<ProviderPaymentId> =
        work.snapshot.payments_of(order_id).iter().map(|payment| payment.id).collect();
    for id in bound.into_iter().filter(|id| !was_there.contains(id)) {
        if money_after_refund(work, id, None) {
            open_after_refund(work, id);
        }
    }
    progress::follow(work, order_id);
    Ok(Outcome::Order(order_id))
}

fn find_order(work: &mut Work<'_>, payment: &Payment) -> Binding {
    let named = payment.order_ref.as_deref().and_then(OrderRef::parse);
    // Its own word goes first, also for a re-deposit: else it would matter whether its parent was known already (I4).
    if let Some(OrderRef::Ours(id)) = named
        && work.snapshot.orders.contains(&id)
    {
        return Binding::Order(id);
    }
    if let Parent::Payment(parent) = payment.parent
        && let Some(order_id) = work.snapshot.payments.get(&parent).and_then(|parent| parent.order_id)
    {
        return Binding::Order(order_id);
    }
    let Some(text) = payment.order_ref.as_deref() else {
        return Binding::Unmatched(Reason::NoOrderId);
    };
    match named {
        Some(OrderRef::Ours(_)) | None => Binding::Unmatched(Reason::UnknownOrder),
        // A re-deposit never makes an order of its own; it waits for its parent.
        Some(OrderRef::Legacy { .. }) if payment.is_child() => Binding::Unmatched(Reason::ChildPayment),
        Some(OrderRef::Legacy { user, public_chat }) => {
            let Some(channel) = work.snapshot.channel_by_public_chat(public_chat).cloned() else {
                return Binding::Unmatched(Reason::UnknownChannel);
            };
            legacy_order(work, payment, &channel, user, text)
        }
    }
}

/// The order that a legacy reference stands for, one per payment: the plan with just this price; else 30 days, if the price is
/// not below the cheapest plan (design section 5) and the policy does not want to be asked. Else an order for the cheapest plan, which this payment does not pay: a
/// person decides.
fn legacy_order(
    work: &mut Work<'_>,
    payment: &Payment,
    channel: &Channel,
    user: TelegramUserId,
    reference: &str,
) -> Binding {
    // Without a price nothing can be matched yet; a later notification brings it.
    let Some(price) = payment.price.clone() else {
        return Binding::Unmatched(Reason::UnmatchedPrice);
    };
    if let Some(order) = import::order_of_carried(work, payment, channel, user, reference, &price) {
        return Binding::New(Box::new(order));
    }
    let Some(cheapest) = channel.cheapest_plan(&price.currency) else {
        return Binding::Unmatched(Reason::NoPlan);
    };
    let (plan_id, price, duration) = match channel.plan_by_price(&price) {
        Some(plan) => (Some(plan.id), price, plan.duration),
        None if channel.policies.unmatched_price == UnmatchedPricePolicy::DefaultDays
            && price.compare(&cheapest.price).is_some_and(std::cmp::Ordering::is_ge) =>
        {
            (None, price, PlanDuration::Days(LEGACY_DAYS_DEFAULT))
        }
        None => (Some(cheapest.id), cheapest.price.clone(), cheapest.duration),
    };
    let mut order = new_order(
        work.now,
        OrderId(work.ids.uuid()),
        channel,
        price,
        Some(duration),
        OrderSource::Notification,
    );
    order.plan_id = plan_id;
    order.user = Some(user);
    order.legacy_ref = Some(reference.to_owned());
    Binding::New(Box::new(order))
}

/// An order as it begins.
pub(super) fn new_order(
    now: Timestamp,
    id: OrderId,
    channel: &Channel,
    price: Money,
    duration: Option<PlanDuration>,
    source: OrderSource,
) -> Order {
    Order {
        id,
        channel_id: channel.id,
        plan_id: None,
        price,
        duration,
        donor_message: None,
        user: None,
        claim: None,
        source,
        legacy_ref: None,
        link_id: None,
        invoice: None,
        invoice_problem: None,
        checkout: Checkout::default(),
        created_at: now,
        expires_at: later(now, SignedDuration::from_hours(ORDER_OPEN_HOURS)),
        state: OrderState::Open,
        remaining: None,
        overpaid: None,
        ruling: None,
        paid_at: None,
        updated_at: now,
        wish: None,
        message_id: None,
    }
}

fn floor_of(work: &Work<'_>, order: &Order) -> rust_decimal::Decimal {
    work.snapshot
        .channels
        .get(&order.channel_id)
        .map_or(crate::policy::FINISHED_FLOOR_DEFAULT, |channel| channel.policies.finished_floor)
}

fn bind(work: &Work<'_>, payment: &mut Payment, order_id: OrderId) {
    let Some(order) = work.snapshot.orders.get(&order_id) else {
        return;
    };
    payment.order_id = Some(order_id);
    payment.channel_id = Some(order.channel_id);
    payment.full |= payment.pays_in_full(&order.price, floor_of(work, order));
}

/// Re-deposits that came before their parent was known belong to its order now.
pub(super) fn adopt_children(work: &mut Work<'_>, parent: ProviderPaymentId, order_id: OrderId) {
    let orphans: Vec<Payment> = work
        .snapshot
        .payments
        .values()
        .filter(|payment| payment.parent == Parent::Payment(parent) && payment.order_id.is_none())
        .cloned()
        .collect();
    for mut child in orphans {
        bind(work, &mut child, order_id);
        let id = child.id;
        work.snapshot.payments.put(id, child);
        adopt_children(work, id, order_id);
    }
}

/// What an unmatched payment puts into the list: nothing while it is progress only, since only money needs a person (I3).
fn unmatched_attention(work: &Work<'_>, id: ProviderPaymentId, reason: Reason) -> Vec<(Reason, String)> {
    let Some(payment) = work.snapshot.payments.get(&id) else {
        return Vec::new();
    };
    let mut wanted = Vec::new();
    if payment.has_money() {
        let price = payment.price.as_ref().map_or_else(|| "no price".to_owned(), ToString::to_string);
        let reference = payment.order_ref.as_deref().unwrap_or("none");
        wanted.push((reason, format!("{price}, order reference {reference:?}")));
    }
    if payment.came_to_nothing() {
        wanted.push((Reason::MoneyNotCredited, nothing_text(payment)));
    }
    if payment.seen.has_unknown() {
        wanted.push((Reason::UnknownStatus, String::new()));
    }
    if payment.contradicts() {
        wanted.push((Reason::Contradiction, String::new()));
    }
    wanted
}

/// What a reassessment changed.
#[derive(Default)]
pub(super) struct Change {
    /// Whether the order was given its grant, or given it back.
    pub granted: bool,
    /// The reasons that were newly put into the list.
    pub opened: Vec<(Subject, Reason)>,
}

/// Works out anew what an order has come to after money came or went, or a person ruled, and does what follows from it.
pub(super) fn reassess(work: &mut Work<'_>, order_id: OrderId) -> Change {
    reassess_as(work, order_id, true)
}

fn reassess_as(work: &mut Work<'_>, order_id: OrderId, money_moved: bool) -> Change {
    let Some(mut order) = work.snapshot.orders.get(&order_id).cloned() else {
        return Change::default();
    };
    let Some(channel) = work.snapshot.channels.get(&order.channel_id).cloned() else {
        return Change::default();
    };
    let payments = work.snapshot.payments_of(order_id);
    let subjects: Vec<Subject> = payments.iter().map(|payment| Subject::Payment(payment.id)).collect();
    let assessment = assess(&order, &payments, &channel.policies);
    let before = order.state;
    order.state = assessment.state;
    order.remaining = assessment.remaining;
    order.overpaid = assessment.overpaid;
    if order.state == OrderState::Paid && order.paid_at.is_none() {
        order.paid_at = Some(work.now);
    }
    if work.snapshot.orders.get(&order_id) != Some(&order) {
        order.updated_at = work.now;
        work.snapshot.orders.put(order_id, order.clone());
    }
    let granted = grants::follow(work, &order, &channel, assessment.earned, before, money_moved);

    let in_vain = grants::in_vain(work, &order);

    let is_donation = order.kind() == OrderKind::Donation;
    let announces = !is_donation && before != order.state;
    // The message that tells of the part says what can be done about it.
    let announced = (announces && order.state == OrderState::PartiallyPaid).then_some(Reason::Underpaid);
    let mut opened = Vec::new();
    for subject in subjects.into_iter().chain([Subject::Order(order_id)]) {
        let wanted: Vec<(Reason, String)> = assessment
            .attention
            .iter()
            .filter(|(about, ..)| *about == subject)
            .map(|(_, reason, detail)| (*reason, detail.clone()))
            .chain(in_vain.clone().filter(|_| subject == Subject::Order(order_id)))
            .collect();
        let new = attention::settle(work, subject, &wanted, Some(order.channel_id), announced);
        opened.extend(new.into_iter().map(|reason| (subject, reason)));
    }
    if is_donation {
        donations::announce(work, &order, &channel, before);
    } else if announces {
        grants::announce(work, &order, &channel, before);
    }
    Change { granted, opened }
}

fn verdict_of(absorbed: Absorbed, unmatched: Option<Reason>, change: &Change) -> (Verdict, Option<String>) {
    if change.granted {
        return (Verdict::Applied, None);
    }
    if absorbed.same_bytes {
        return (Verdict::Duplicate, Some("same_bytes".to_owned()));
    }
    if !absorbed.changed {
        return if absorbed.lower {
            (Verdict::Stale, Some("lower_status".to_owned()))
        } else {
            (Verdict::Duplicate, Some("same_facts".to_owned()))
        };
    }
    // A partial payment waits for its top-up: that is the normal way of things, and was applied.
    let opened =
        change.opened.iter().map(|(_, reason)| *reason).filter(|reason| *reason != Reason::Underpaid).min();
    match unmatched.or(opened) {
        Some(reason) => (Verdict::Parked, Some(reason.as_str().to_owned())),
        None if absorbed.lower => (Verdict::Stale, Some("lower_status".to_owned())),
        None => (Verdict::Applied, None),
    }
}
