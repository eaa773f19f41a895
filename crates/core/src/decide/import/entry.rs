//! What is written for one member who is carried over: the order, the payment, the grant and the membership.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::REASON;
use crate::channel::{Channel, PlanDuration};
use crate::decide::{Work, access, delivery, grants, notification, reminders};
use crate::id::{ChannelId, GrantId, MembershipId, OrderId, TelegramUserId};
use crate::import::{ImportMember, Imported, ImportedPayment, Origin, Remark};
use crate::membership::{
    Carried, Fold, Grant, Membership, MembershipStatus, Period, Revocation, fold, later,
};
use crate::money::{Currency, Money};
use crate::order::{Order, OrderSource, assess};
use crate::order_ref::OrderRef;
use crate::payment::Payment;

/// The currency of an order whose price the other system did not keep; the amount is then 0.
const PRICE_UNKNOWN_CURRENCY: &str = "usd";

/// What is entered for one member.
pub(super) struct Entry {
    pub(super) channel_id: ChannelId,
    pub(super) user: TelegramUserId,
    pub(super) granted_at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) duration: PlanDuration,
    pub(super) is_out: bool,
    pub(super) is_undelivered: bool,
    pub(super) invoice_id: Option<String>,
    pub(super) origin: Origin,
}

impl Entry {
    pub(super) fn new(work: &Work<'_>, channel: &Channel, member: &ImportMember) -> Self {
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
    pub(super) fn order(
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
    pub(super) fn pay(&self, work: &mut Work<'_>, order: Order, payment: &ImportedPayment) {
        self.note_payment(work, &order, payment);
        let granted_at = self.before_what_was_bought(work);
        let membership_id = self.membership(work);
        self.give(work, Some(order.id), granted_at, Some(membership_id));
        self.follow(work, membership_id);
        self.look_again(work, order, payment);
    }

    pub(super) fn note_payment(&self, work: &mut Work<'_>, order: &Order, said: &ImportedPayment) {
        let known = work.snapshot.payments.get(&said.id).cloned();
        let mut payment = Payment::carry(known.as_ref(), said, self.granted_at, work.now);
        payment.order_id = Some(order.id);
        payment.channel_id = Some(self.channel_id);
        work.snapshot.payments.put(said.id, payment);
        work.snapshot.orders.put(order.id, order.clone());
        notification::adopt_children(work, said.id, order.id);
    }

    /// Works out what the order has come to. Its state is set first: nobody is told of a sale that the other system made.
    pub(super) fn look_again(&self, work: &mut Work<'_>, mut order: Order, payment: &ImportedPayment) {
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
    pub(super) fn unnamed(&self, work: &mut Work<'_>, awaits_payment: bool, imported: &mut Imported) -> bool {
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
    pub(super) fn not_before(&self, work: &mut Work<'_>) -> bool {
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
    pub(super) fn raise(&self, work: &mut Work<'_>, mut grant: Grant) -> bool {
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

    pub(super) fn give(
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
    pub(super) fn take_back(&self, work: &mut Work<'_>, id: GrantId) {
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
