//! From our types to a row.

use std::borrow::Cow;

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::Sealed;
use tollhouse_core::bot_chat::{BotChat, BotRight};
use tollhouse_core::channel::{Channel, Plan, PlanDuration};
use tollhouse_core::dialogue::Dialogue;
use tollhouse_core::event::Parent;
use tollhouse_core::id::MessageId;
use tollhouse_core::job::{ArmJob, Job, JobKind, JobState};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::{Grant, Membership};
use tollhouse_core::money::Money;
use tollhouse_core::offer::Offer;
use tollhouse_core::order::{Checkout, Order, Ruling};
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::{Freeze, RemovalRun, Switch};
use tollhouse_core::snapshot::EventRecord;
use uuid::Uuid;

use super::Table;

/// Takes the columns of one row, from left to right.
pub(crate) trait Sink<'a> {
    fn uuid(&mut self, value: Option<Uuid>);
    fn int(&mut self, value: Option<i64>);
    fn text(&mut self, value: Option<Cow<'a, str>>);
    fn bytes(&mut self, value: Option<Cow<'a, [u8]>>);
    fn time(&mut self, value: Option<Timestamp>);
    fn amount(&mut self, value: Option<Decimal>);
    fn flag(&mut self, value: bool);
}

/// Something with a row in a table.
pub(crate) trait Record {
    /// Its table.
    fn table() -> &'static Table;
    /// Its columns, in the table's order.
    fn put<'a>(&'a self, sink: &mut impl Sink<'a>);
    /// Whether every column that stands in an index is as it was. `false` where it is not worth a look.
    fn leaves_indexes(&self, _before: &Self) -> bool {
        false
    }
}

fn words<'a>(sink: &mut impl Sink<'a>, text: &'a str) {
    maybe_words(sink, Some(text));
}

fn maybe_words<'a>(sink: &mut impl Sink<'a>, text: Option<&'a str>) {
    sink.text(text.map(without_nul));
}

/// PostgreSQL's `text` cannot hold the character NUL, and no text of ours has a use for it.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

fn money<'a>(sink: &mut impl Sink<'a>, money: Option<&'a Money>) {
    sink.amount(money.map(|money| money.amount));
    maybe_words(sink, money.map(|money| money.currency.as_str()));
}

/// Null is a lifetime.
fn days_of(duration: PlanDuration) -> Option<i64> {
    match duration {
        PlanDuration::Days(days) => Some(i64::from(days)),
        PlanDuration::Lifetime => None,
    }
}

/// Our own types are written by serde without a way to fail; an empty text would be refused when it is read.
fn json<'a>(value: &impl serde::Serialize) -> Option<Cow<'a, str>> {
    Some(Cow::Owned(serde_json::to_string(value).unwrap_or_default()))
}

impl Record for Channel {
    fn table() -> &'static Table {
        &super::CHANNELS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        sink.int(Some(self.private_chat.get()));
        sink.int(self.public_chat.map(|chat| chat.get()));
        words(sink, &self.title);
        sink.int(self.owner.map(|owner| owner.get()));
        maybe_words(sink, self.payout.as_ref().map(|payout| payout.address.as_str()));
        maybe_words(sink, self.payout.as_ref().map(|payout| payout.currency.as_str()));
        maybe_words(sink, self.payout.as_ref().and_then(|payout| payout.memo.as_deref()));
        sink.text(json(&self.policies));
        sink.time(self.archived_at);
        freeze(sink, self.frozen.as_ref());
        sink.time(Some(self.chat_since));
        sink.time(Some(self.created_at));
        sink.text(self.payout_change.as_ref().and_then(json));
    }
}

fn freeze<'a>(sink: &mut impl Sink<'a>, freeze: Option<&'a Freeze>) {
    sink.time(freeze.map(|freeze| freeze.at));
    maybe_words(sink, freeze.map(|freeze| freeze.by.as_str()));
    maybe_words(sink, freeze.map(|freeze| freeze.reason.as_str()));
}

impl Record for Presence {
    fn table() -> &'static Table {
        &super::PRESENCES
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let listed = self.listed.as_ref();
        sink.uuid(Some(self.id.0));
        sink.uuid(Some(self.channel_id.0));
        sink.int(Some(self.user.get()));
        maybe_words(sink, self.standing.map(|standing| standing.as_str()));
        sink.time(Some(self.since));
        sink.time(listed.map(|listed| listed.at));
        maybe_words(sink, listed.map(|listed| listed.by.as_str()));
        maybe_words(sink, listed.map(|listed| listed.reason.as_str()));
    }
}

impl Record for RemovalRun {
    fn table() -> &'static Table {
        &super::RUNS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        sink.uuid(Some(self.channel_id.0));
        sink.int(Some(i64::from(self.number)));
        sink.time(Some(self.started_at));
        sink.time(Some(self.until));
        sink.int(Some(i64::from(self.members)));
        sink.int(Some(i64::from(self.limit)));
        sink.int(Some(i64::from(self.decided)));
        words(sink, self.state.as_str());
        sink.time(self.undone_at);
    }
}

impl Record for Switch {
    fn table() -> &'static Table {
        &super::SWITCHES
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        words(sink, self.name.as_str());
        freeze(sink, self.freeze.as_ref());
    }
}

impl Record for BotChat {
    fn table() -> &'static Table {
        &super::BOT_CHATS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let rights: Vec<&str> = self.rights.iter().copied().map(BotRight::as_str).collect();
        sink.int(Some(self.chat.get()));
        words(sink, &self.title);
        sink.flag(self.is_channel);
        sink.flag(self.is_public);
        sink.text(Some(Cow::Owned(rights.join(" "))));
        sink.int(self.set_by.map(|user| user.get()));
        sink.time(Some(self.since));
        sink.time(self.told_at);
    }
}

impl Record for Dialogue {
    fn table() -> &'static Table {
        &super::DIALOGUES
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.int(Some(self.user.get()));
        maybe_words(sink, self.question.as_ref().map(|question| question.kind.as_str()));
        maybe_words(sink, self.question.as_ref().map(|question| question.payload.as_str()));
        sink.time(Some(self.asked_at));
        sink.int(Some(self.update_id));
    }
}

/// A plan and its place among its channel's plans.
pub(crate) struct PlanRow {
    pub(crate) plan: Plan,
    pub(crate) position: i64,
}

impl Record for PlanRow {
    fn table() -> &'static Table {
        &super::PLANS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.plan.id.0));
        sink.uuid(Some(self.plan.channel_id.0));
        sink.int(Some(self.position));
        words(sink, &self.plan.label);
        money(sink, Some(&self.plan.price));
        sink.int(days_of(self.plan.duration));
        sink.flag(self.plan.active);
        sink.time(Some(self.plan.created_at));
    }
}

impl Record for PayLink {
    fn table() -> &'static Table {
        &super::LINKS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        words(sink, &self.slug);
        sink.uuid(Some(self.channel_id.0));
        sink.uuid(Some(self.plan_id.0));
        sink.time(self.expires_at);
        sink.int(self.max_uses.map(i64::from));
        sink.int(Some(i64::from(self.uses)));
        sink.time(self.revoked_at);
        sink.time(Some(self.created_at));
    }
}

/// What stands in the column of the days in the row of a donation: nothing reads it.
const DAYS_OF_A_DONATION: i64 = 1;

impl Record for Order {
    fn table() -> &'static Table {
        &super::ORDERS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        sink.uuid(Some(self.channel_id.0));
        sink.uuid(self.plan_id.map(|id| id.0));
        money(sink, Some(&self.price));
        // The column allows no zero and takes null for a lifetime, which a program of before there were donations would grant.
        sink.int(self.duration.map_or(Some(DAYS_OF_A_DONATION), days_of));
        sink.int(self.user.map(|user| user.get()));
        sink.uuid(self.claim.map(|claim| claim.0));
        words(sink, self.source.as_str());
        maybe_words(sink, self.legacy_ref.as_deref());
        sink.uuid(self.link_id.map(|id| id.0));
        maybe_words(sink, self.invoice.as_ref().map(|invoice| invoice.id.as_str()));
        maybe_words(sink, self.invoice.as_ref().map(|invoice| invoice.url.as_str()));
        sink.text(self.invoice_problem.as_ref().and_then(json));
        sink.time(Some(self.created_at));
        sink.time(Some(self.expires_at));
        words(sink, self.state.as_str());
        money(sink, self.remaining.as_ref());
        money(sink, self.overpaid.as_ref());
        maybe_words(
            sink,
            self.ruling.map(|ruling| match ruling {
                Ruling::Grant => "grant",
                Ruling::Refund => "refund",
            }),
        );
        sink.time(self.paid_at);
        sink.time(Some(self.updated_at));
        // Most orders are paid on the hosted page and never have a choice.
        sink.text((self.checkout != Checkout::default()).then(|| json(&self.checkout)).flatten());
        words(sink, self.kind().as_str());
        maybe_words(sink, self.donor_message.as_deref());
        sink.int(self.wish.map(i64::from));
        sink.int(self.message_id.map(MessageId::get));
    }

    fn leaves_indexes(&self, before: &Self) -> bool {
        self.user == before.user
    }
}

/// A payment, and whether its money still waits for a grant. The mark is wider than the truth (a grant that was given later by hand does
/// not take it off) and never narrower: grants are not deleted. It keeps the search for stuck payments away from the rest.
pub(crate) struct PaymentRow {
    pub(crate) payment: Payment,
    pub(crate) is_unsettled: bool,
}

impl Record for PaymentRow {
    fn table() -> &'static Table {
        &super::PAYMENTS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let payment = &self.payment;
        sink.int(Some(payment.id.get()));
        sink.uuid(payment.order_id.map(|id| id.0));
        sink.uuid(payment.channel_id.map(|id| id.0));
        maybe_words(sink, payment.order_ref.as_deref());
        maybe_words(sink, payment.invoice_id.as_deref());
        sink.int(match payment.parent {
            Parent::Payment(id) => Some(id.get()),
            Parent::None | Parent::Unreadable => None,
        });
        sink.flag(payment.parent == Parent::Unreadable);
        words(sink, payment.status.as_str());
        sink.int(Some(i64::from(payment.seen.0)));
        sink.int(Some(payment.head_updated_at_ms));
        sink.bytes(Some(Cow::Borrowed(&payment.head_digest)));
        money(sink, payment.price.as_ref());
        maybe_words(sink, payment.pay_currency.as_ref().map(|coin| coin.as_str()));
        sink.amount(payment.pay_amount);
        sink.amount(payment.actually_paid);
        money(sink, payment.outcome.as_ref());
        sink.flag(payment.full);
        sink.flag(payment.unusable_amount);
        sink.flag(payment.contradiction);
        sink.bytes(Some(payment.digests_seen.iter().flat_map(|digest| digest.to_be_bytes()).collect()));
        sink.time(Some(payment.first_seen_at));
        sink.time(payment.on_chain_at);
        sink.time(payment.credited_at);
        sink.time(Some(payment.updated_at));
        maybe_words(sink, payment.pay_address.as_deref());
        maybe_words(sink, payment.pay_extra_id.as_deref());
        sink.flag(self.is_unsettled);
        sink.flag(payment.status.is_pending());
    }

    fn leaves_indexes(&self, before: &Self) -> bool {
        let (now, then) = (&self.payment, &before.payment);
        now.order_id == then.order_id
            && now.parent == then.parent
            && now.credited_at == then.credited_at
            && self.is_unsettled == before.is_unsettled
            && now.status.is_pending() == then.status.is_pending()
    }
}

impl Record for Membership {
    fn table() -> &'static Table {
        &super::MEMBERSHIPS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        sink.uuid(Some(self.channel_id.0));
        sink.int(Some(self.user.get()));
        words(sink, self.status.as_str());
        sink.time(Some(self.starts_at));
        sink.time(self.ends_at);
        maybe_words(sink, self.invite.as_ref().map(|invite| invite.link.as_str()));
        sink.time(self.invite.as_ref().map(|invite| invite.created_at));
        sink.time(self.joined_at);
        sink.time(self.removed_at);
        sink.uuid(self.removal_run.map(|id| id.0));
        sink.time(Some(self.updated_at));
    }

    fn leaves_indexes(&self, before: &Self) -> bool {
        self.removal_run == before.removal_run
    }
}

impl Record for Grant {
    fn table() -> &'static Table {
        &super::GRANTS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        sink.uuid(self.order_id.map(|id| id.0));
        sink.uuid(Some(self.channel_id.0));
        sink.uuid(self.membership_id.map(|id| id.0));
        sink.int(days_of(self.duration));
        sink.time(Some(self.granted_at));
        sink.time(Some(self.period.starts_at));
        sink.time(self.period.ends_at);
        sink.time(self.revoked.as_ref().map(|revocation| revocation.at));
        maybe_words(sink, self.revoked.as_ref().map(|revocation| revocation.reason.as_str()));
        sink.time(self.delivered_at);
        sink.time(self.carried.as_ref().map(|carried| carried.until));
        maybe_words(sink, self.carried.as_ref().and_then(|carried| carried.invoice_id.as_deref()));
        sink.flag(self.carried.as_ref().is_some_and(|carried| carried.awaits_payment));
    }
}

impl Record for Job {
    fn table() -> &'static Table {
        &super::JOBS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.id.0));
        words(sink, self.kind.name());
        words(sink, &self.subject);
        sink.uuid(self.channel_id.map(|id| id.0));
        sink.text(json(&self.kind));
        words(sink, self.state.as_str());
        sink.time(Some(self.run_at));
        sink.int(Some(i64::from(self.attempt)));
        sink.uuid(self.lease.map(|lease| lease.token.0));
        sink.time(self.lease.map(|lease| lease.until));
        maybe_words(sink, self.last_error.as_deref());
        sink.time(Some(self.created_at));
        sink.time(self.finished_at);
    }
}

/// A job as it is made when it is armed.
pub(crate) struct ArmRow(pub(crate) ArmJob);

impl Record for ArmRow {
    fn table() -> &'static Table {
        &super::JOBS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let arm = &self.0;
        let kind: &JobKind = &arm.kind;
        sink.uuid(Some(arm.id.0));
        words(sink, kind.name());
        words(sink, &arm.subject);
        sink.uuid(arm.channel_id.map(|id| id.0));
        sink.text(json(kind));
        words(sink, JobState::Ready.as_str());
        sink.time(Some(arm.run_at));
        sink.int(Some(0));
        sink.uuid(None);
        sink.time(None);
        sink.text(None);
        sink.time(Some(arm.created_at));
        sink.time(None);
    }
}

impl Record for Offer {
    fn table() -> &'static Table {
        &super::OFFERS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        sink.uuid(Some(self.channel_id.0));
        maybe_words(sink, self.description.as_deref());
        sink.int(self.every_hours.map(i64::from));
        sink.time(self.next_at);
        sink.text(json(&self.donations));
        sink.text(json(&self.links));
        sink.text(self.post.as_ref().and_then(json));
        sink.text(json(&self.former));
        sink.time(Some(self.updated_at));
    }
}

impl Record for Attention {
    fn table() -> &'static Table {
        &super::ATTENTION
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let resolved = self.resolved.as_ref();
        sink.uuid(Some(self.id.0));
        sink.text(Some(Cow::Owned(self.subject.to_string())));
        words(sink, self.reason.as_str());
        words(sink, &self.detail);
        sink.uuid(self.channel_id.map(|id| id.0));
        sink.time(Some(self.opened_at));
        sink.time(resolved.map(|resolved| resolved.at));
        maybe_words(sink, resolved.map(|resolved| resolved.resolution.as_str()));
        maybe_words(sink, resolved.map(|resolved| resolved.by.as_str()));
        maybe_words(sink, resolved.map(|resolved| resolved.reason.as_str()));
    }
}

impl Record for EventRecord {
    fn table() -> &'static Table {
        &super::EVENTS
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let received = &self.received;
        sink.int(Some(received.facts.payment_id.get()));
        sink.uuid(self.order_id.map(|id| id.0));
        sink.uuid(self.channel_id.map(|id| id.0));
        sink.time(Some(received.received_at));
        words(sink, received.source.as_str());
        maybe_words(sink, received.signature_form);
        words(sink, received.facts.status.as_str());
        words(sink, self.verdict.as_str());
        maybe_words(sink, self.reason.as_deref());
        words(sink, &received.headers);
        sink.bytes(Some(Cow::Borrowed(&received.body)));
        sink.bytes(Some(Cow::Borrowed(&received.digest)));
    }
}

/// An audit entry in its place.
pub(crate) struct AuditRow(pub(crate) Sealed);

impl Record for AuditRow {
    fn table() -> &'static Table {
        &super::AUDIT
    }

    fn put<'a>(&'a self, sink: &mut impl Sink<'a>) {
        let Sealed { sequence, entry, hash } = &self.0;
        sink.int(Some(*sequence));
        sink.time(Some(entry.at));
        words(sink, &entry.actor);
        words(sink, &entry.action);
        words(sink, &entry.subject);
        words(sink, &entry.reason);
        words(sink, &entry.detail);
        sink.bytes(Some(Cow::Borrowed(hash)));
    }
}
