//! Carrying over from another system. A repeat changes nothing, in whatever order the rows come, after an interruption, and also when
//! this system has been at work in between: an end only moves forward (I8), and one payment gives one period (I2).

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::{Work, access, delivery, grants, notification, offers, reminders, shop};
use crate::channel::{Channel, Plan, PlanDuration};
use crate::command::{NewPlan, Outcome, Refusal};
use crate::id::{
    ChannelId, GrantId, MembershipId, OrderId, PrivateChatId, ProviderPaymentId, TelegramUserId,
};
use crate::import::{
    ImportChange, ImportChannel, ImportGranted, ImportMember, Imported, ImportedPayment, Origin,
    PAID_AFTER_HOURS_MAX, PAID_BEFORE_HOURS_MAX, Remark,
};
use crate::membership::{
    Carried, Fold, Grant, Membership, MembershipStatus, Period, Revocation, fold, later,
};
use crate::money::{Currency, Money};
use crate::order::{Order, OrderKind, OrderSource, Ruling, assess};
use crate::order_ref::OrderRef;
use crate::payment::Payment;
use crate::status::PaymentStatus;

/// Why, in the audit log.
const REASON: &str = "carried over from another system";
/// The currency of an order whose price the other system did not keep; the amount is then 0.
const PRICE_UNKNOWN_CURRENCY: &str = "usd";

/// Carries a channel over. One that is here keeps its title, plans and policies; what it lacks is filled in.
pub(super) fn channel(work: &mut Work<'_>, new: &ImportChannel) -> Result<Outcome, Refusal> {
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
    let at = granted.granted_at.unwrap_or(work.now).min(work.now);
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

/// What is entered for one member.
struct Entry {
    channel_id: ChannelId,
    user: TelegramUserId,
    granted_at: Timestamp,
    until: Timestamp,
    duration: PlanDuration,
    is_out: bool,
    is_undelivered: bool,
    invoice_id: Option<String>,
    origin: Origin,
}

impl Entry {
    fn new(work: &Work<'_>, channel: &Channel, member: &ImportMember) -> Self {
        Self {
            channel_id: channel.id,
            user: member.user,
            granted_at: member.granted_at.min(work.now),
            until: member.ends_at,
            duration: member.duration,
            is_out: member.is_out,
            is_undelivered: member.is_undelivered,
            invoice_id: member.invoice_id.clone(),
            origin: member.origin.clone(),
        }
    }

    /// The order that a payment of the other system paid.
    fn order(
        &self,
        work: &mut Work<'_>,
        channel: &Channel,
        payment: &ImportedPayment,
        price: Option<Money>,
    ) -> Order {
        let price = price.unwrap_or_else(unknown_price);
        let id = OrderId(work.ids.uuid());
        let said = payment.order_ref.clone().filter(|text| OrderRef::parse(text).is_some());
        let legacy_ref = said.or_else(|| {
            let public_chat = channel.public_chat?;
            OrderRef::Legacy { user: self.user, public_chat }.spellings().into_iter().next()
        });
        let plan_id =
            channel.plan_by_price(&price).filter(|plan| plan.duration == self.duration).map(|plan| plan.id);
        let order = notification::new_order(
            self.granted_at,
            id,
            channel,
            price,
            Some(self.duration),
            OrderSource::Import,
        );
        Order { plan_id, user: Some(self.user), legacy_ref, updated_at: work.now, ..order }
    }

    /// Enters the payment, its order and what they gave.
    fn pay(&self, work: &mut Work<'_>, order: Order, payment: &ImportedPayment) {
        self.note_payment(work, &order, payment);
        let granted_at = self.before_what_was_bought(work);
        let membership_id = self.membership(work);
        self.give(work, Some(order.id), granted_at, Some(membership_id));
        self.follow(work, membership_id);
        self.look_again(work, order, payment);
    }

    fn note_payment(&self, work: &mut Work<'_>, order: &Order, said: &ImportedPayment) {
        let known = work.snapshot.payments.get(&said.id).cloned();
        let mut payment = Payment::carry(known.as_ref(), said, self.granted_at, work.now);
        payment.order_id = Some(order.id);
        payment.channel_id = Some(self.channel_id);
        work.snapshot.payments.put(said.id, payment);
        work.snapshot.orders.put(order.id, order.clone());
        notification::adopt_children(work, said.id, order.id);
    }

    /// Works out what the order has come to. Its state is set first: nobody is told of a sale that the other system made.
    fn look_again(&self, work: &mut Work<'_>, mut order: Order, payment: &ImportedPayment) {
        let policies = work.snapshot.channels.get(&self.channel_id).map(|channel| channel.policies.clone());
        let assessment = assess(&order, &work.snapshot.payments_of(order.id), &policies.unwrap_or_default());
        order.state = assessment.state;
        if work.snapshot.payments.get(&payment.id).is_some_and(|payment| payment.full) {
            order.paid_at.get_or_insert(self.granted_at);
        }
        let id = order.id;
        work.snapshot.orders.put(id, order);
        notification::reassess(work, id);
    }

    /// Access that no payment of ours stands for.
    fn unnamed(&self, work: &mut Work<'_>, awaits_payment: bool, imported: &mut Imported) -> bool {
        let carried = self.carried(work);
        if carried.iter().any(|(_, carried)| carried.until >= self.until) {
            if carried.iter().all(|(grant, _)| grant.revoked.is_some()) {
                imported.remark = Some(Remark::TakenBack);
            }
            return false;
        }
        match carried.into_iter().find(|(grant, _)| grant.order_id.is_none()) {
            Some((grant, _)) if grant.revoked.is_some() => {
                imported.remark = Some(Remark::TakenBack);
                false
            }
            Some((grant, _)) => self.raise(work, grant),
            None => {
                let membership_id = self.membership(work);
                let granted_at = self.before_what_was_bought(work);
                let id = self.give(work, None, granted_at, Some(membership_id));
                self.await_payment(work, id, awaits_payment);
                self.follow(work, membership_id);
                true
            }
        }
    }

    /// The payment was granted here, and the other system gave time for it as well: not twice, but not less than either.
    fn not_before(&self, work: &mut Work<'_>) -> bool {
        let Some(membership_id) =
            work.snapshot.membership_of(self.channel_id, self.user).map(|known| known.id)
        else {
            return false;
        };
        let is_enough = match fold(work.snapshot.grants_of(membership_id)) {
            Fold::Until(end) => end.is_none_or(|end| end >= self.until),
            Fold::Nothing => true,
        };
        if is_enough {
            return false;
        }
        match self.carried(work).into_iter().find(|(grant, _)| grant.order_id.is_none()) {
            Some((grant, _)) if grant.revoked.is_some() => false,
            Some((grant, _)) => self.raise(work, grant),
            None => {
                // Behind what was granted here, so that it is not added to it.
                self.give(work, None, work.now, Some(membership_id));
                self.follow(work, membership_id);
                true
            }
        }
    }

    /// Moves a carried end forward. A grant that was noted for its payment alone has no member and no time yet: it gets both.
    fn raise(&self, work: &mut Work<'_>, mut grant: Grant) -> bool {
        let is_placed = grant.membership_id.is_some();
        let Some(carried) = grant.carried.as_mut().filter(|carried| !is_placed || carried.until < self.until)
        else {
            return false;
        };
        carried.until = self.until;
        grant.period.ends_at = Some(self.until);
        if !is_placed {
            grant.granted_at = self.before_what_was_bought(work);
            grant.period.starts_at = grant.granted_at.min(self.until);
        }
        let membership_id = grant.membership_id.unwrap_or_else(|| self.membership(work));
        grant.membership_id = Some(membership_id);
        self.audit(work, "grant.moved", &grant);
        work.snapshot.grants.put(grant.id, grant);
        self.follow(work, membership_id);
        true
    }

    fn carried(&self, work: &Work<'_>) -> Vec<(Grant, Carried)> {
        let Some(membership) = work.snapshot.membership_of(self.channel_id, self.user) else {
            return Vec::new();
        };
        let grants = work.snapshot.grants_of(membership.id).into_iter();
        grants.filter_map(|grant| Some((grant.clone(), grant.carried.clone()?))).collect()
    }

    /// When it counts as given: before all that was bought here, so that this is added to it and no paid day is lost in between.
    fn before_what_was_bought(&self, work: &Work<'_>) -> Timestamp {
        let Some(membership) = work.snapshot.membership_of(self.channel_id, self.user) else {
            return self.granted_at;
        };
        let bought = work.snapshot.grants_of(membership.id).into_iter();
        let first = bought.filter(|grant| grant.carried.is_none()).map(|grant| grant.granted_at).min();
        match first {
            Some(first) if first <= self.granted_at => later(first, SignedDuration::from_micros(-1)),
            _ => self.granted_at,
        }
    }

    /// The membership, made if there is none: ending where it begins, until its grants are folded.
    fn membership(&self, work: &mut Work<'_>) -> MembershipId {
        let starts_at = self.granted_at.min(self.until);
        let known = work.snapshot.membership_of(self.channel_id, self.user).cloned();
        let membership = match known {
            Some(known) => Membership { starts_at: known.starts_at.min(starts_at), ..known },
            None => Membership {
                id: MembershipId(work.ids.uuid()),
                channel_id: self.channel_id,
                user: self.user,
                status: MembershipStatus::Active,
                starts_at,
                ends_at: Some(starts_at),
                invite: None,
                joined_at: None,
                removed_at: None,
                removal_run: None,
                updated_at: work.now,
            },
        };
        let id = membership.id;
        work.snapshot.memberships.put(id, membership);
        id
    }

    fn give(
        &self,
        work: &mut Work<'_>,
        order_id: Option<OrderId>,
        granted_at: Timestamp,
        membership_id: Option<MembershipId>,
    ) -> GrantId {
        let id = GrantId(work.ids.uuid());
        let grant = Grant {
            id,
            order_id,
            channel_id: self.channel_id,
            membership_id,
            duration: self.duration,
            granted_at,
            period: Period { starts_at: granted_at.min(self.until), ends_at: Some(self.until) },
            revoked: None,
            delivered_at: (!self.is_undelivered).then_some(granted_at),
            carried: Some(Carried {
                until: self.until,
                invoice_id: self.invoice_id.clone(),
                awaits_payment: false,
            }),
        };
        self.audit(work, "grant.imported", &grant);
        work.snapshot.grants.put(id, grant);
        id
    }

    /// The money went back, so this payment gives nothing; what else the other system gave stands in the member's row.
    fn take_back(&self, work: &mut Work<'_>, id: GrantId) {
        if let Some(mut grant) = work.snapshot.grants.get(&id).cloned() {
            let reason = "the other system saw its payment refunded".to_owned();
            grant.revoked = Some(Revocation { at: work.now, reason });
            work.snapshot.grants.put(id, grant);
        }
    }

    fn await_payment(&self, work: &mut Work<'_>, id: GrantId, awaits_payment: bool) {
        if let Some(mut grant) = work.snapshot.grants.get(&id).cloned()
            && let Some(carried) = &mut grant.carried
        {
            carried.awaits_payment = awaits_payment;
            work.snapshot.grants.put(id, grant);
        }
    }

    /// Gives the membership its end, and sends what was never sent.
    fn follow(&self, work: &mut Work<'_>, id: MembershipId) {
        // The other system knows only of what it gave itself.
        let is_out = self.is_out && work.snapshot.grants_of(id).iter().all(|grant| grant.carried.is_some());
        let over = if is_out { MembershipStatus::Expired } else { MembershipStatus::Grace };
        grants::refold_as(work, id, None, over);
        // A membership that begins and ends in the same instant has not moved, but is over all the same.
        if let Some(mut membership) = work.snapshot.memberships.get(&id).cloned()
            && is_out
            && membership.status != MembershipStatus::Revoked
            && membership.ends_at.is_some_and(|end| end <= work.now)
        {
            membership.status = MembershipStatus::Expired;
            work.snapshot.memberships.put(id, membership);
        }
        let is_live = work
            .snapshot
            .memberships
            .get(&id)
            .is_some_and(|membership| membership.ends_at.is_none_or(|end| end > work.now));
        if is_live {
            // Only what is still to come: the other system has reminded of the rest.
            reminders::arm_anew(work, id);
        }
        if self.is_undelivered && is_live {
            let waiting: Vec<Grant> = work
                .snapshot
                .grants_of(id)
                .into_iter()
                .filter(|grant| grant.delivered_at.is_none() && grant.carried.is_some())
                .cloned()
                .collect();
            for grant in waiting {
                delivery::deliver(work, &grant, id);
            }
        }
    }

    fn audit(&self, work: &mut Work<'_>, action: &str, grant: &Grant) {
        let reason = format!("{REASON}: {}", self.origin.row);
        let reason = access::person_reason(&reason).unwrap_or(REASON);
        grants::audit_grant(work, action, grant, &self.origin.actor, reason);
    }
}

/// The other system did not keep the price; unknown money is never guessed (F12).
fn unknown_price() -> Money {
    #[expect(clippy::unwrap_used, reason = "a constant that the tests read")]
    Money::new(Decimal::ZERO, Currency::new(PRICE_UNKNOWN_CURRENCY).unwrap())
}

/// The order of a payment for which the other system has given access without saying which payment it was: the same invoice, or finished
/// about when that access was given. The access then belongs to this order, and no second period is given for the same money.
pub(super) fn order_of_carried(
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
/// finished was granted there: an attempt that was given up must not take the place of the payment that paid.
pub(super) fn recognise(work: &mut Work<'_>, id: ProviderPaymentId) {
    let Some(payment) = work.snapshot.payments.get(&id).filter(|payment| !payment.is_child()) else { return };
    let order = payment.order_id.and_then(|id| work.snapshot.orders.get(&id));
    let is_open = |order: &&Order| {
        order.source == OrderSource::Notification
            && order.ruling.is_none()
            && work.snapshot.grant_of(order.id).is_none()
    };
    let Some((order, user)) = order.filter(is_open).and_then(|order| Some((order, order.user?))) else {
        return;
    };
    let Some(grant) = carried_for(work, payment, order.channel_id, user) else { return };
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
    grants::audit_grant(work, "grant.named", &grant, super::SYSTEM, &reason);
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
