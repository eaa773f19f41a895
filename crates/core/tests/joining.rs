//! What a payment is after everything that was said of it, one thing at a time: which word wins where two contradict each other, and
//! that the order does not matter.

#![expect(clippy::unwrap_used, reason = "a constant that cannot be read is a failed test")]

mod world;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::event::{Parent, Received};
use tollhouse_core::import::ImportedPayment;
use tollhouse_core::payment::{DIGESTS_SEEN_MAX, Payment};
use tollhouse_core::status::PaymentStatus;
use world::{Note, at, payment_id};

const REFERENCE: &str = "PGP-6271402111|-1003016667267";

fn hour(number: i64) -> Timestamp {
    at("2026-05-01T00:00:00Z") + SignedDuration::from_hours(number)
}

fn note(status: &'static str) -> Note {
    Note::new(1, status, REFERENCE)
}

/// Joins the events in both orders; what differs by the time of hearing is left out by hearing all of it at once.
fn joined(events: [Received; 2]) -> Payment {
    let [first, second] = events;
    let join = |first: &Received, second: &Received| {
        let mut payment = Payment::absorb(Some(&Payment::absorb(None, first).0), second).0;
        payment.digests_seen.sort_unstable();
        payment
    };
    let payment = join(&first, &second);
    assert_eq!(payment, join(&second, &first), "the order matters");
    payment
}

fn said(status: PaymentStatus) -> ImportedPayment {
    ImportedPayment {
        id: payment_id(1),
        order_ref: Some(REFERENCE.into()),
        invoice_id: Some("77".into()),
        status,
        price: Some("2.50 USD".parse().unwrap()),
        pay_currency: None,
        pay_amount: Some("0.5".parse().unwrap()),
        outcome: Some("2.40 USDTTRC20".parse().unwrap()),
    }
}

#[test]
fn a_repeat_with_other_bytes_is_not_called_late_and_a_lower_one_is() {
    let (payment, absorbed) = Payment::absorb(None, &note("confirmed").received(hour(0)));
    assert!(!absorbed.lower && !absorbed.same_bytes && absorbed.changed);
    let again = note("confirmed").paid("0.000009").received(hour(1));
    assert!(!Payment::absorb(Some(&payment), &again).1.lower);
    assert!(Payment::absorb(Some(&payment), &note("confirming").received(hour(1))).1.lower);
    let (same, absorbed) = Payment::absorb(Some(&payment), &note("confirmed").received(hour(1)));
    assert!(absorbed.same_bytes && !absorbed.changed);
    assert_eq!(same.updated_at, hour(0), "nothing was learned");
    assert_eq!(same.digests_seen.len(), 1, "the same bytes are kept once");
}

#[test]
fn only_so_many_bodies_of_a_payment_are_told_apart() {
    let mut payment = None;
    for number in 0..=i64::try_from(DIGESTS_SEEN_MAX).unwrap() {
        let mut event = note("waiting").received(hour(0));
        event.digest[0] = u8::try_from(number).unwrap();
        payment = Some(Payment::absorb(payment.as_ref(), &event).0);
    }
    assert_eq!(payment.unwrap().digests_seen.len(), DIGESTS_SEEN_MAX);
}

#[test]
fn money_is_credited_when_it_is_first_heard_of() {
    let (payment, _) = Payment::absorb(None, &note("confirming").received(hour(0)));
    assert_eq!(payment.credited_at, None);
    let (payment, _) = Payment::absorb(Some(&payment), &note("finished").received(hour(1)));
    let again = note("finished").paid("0.000011").received(hour(2));
    let (payment, _) = Payment::absorb(Some(&payment), &again);
    assert_eq!((payment.on_chain_at, payment.credited_at), (Some(hour(0)), Some(hour(1))));
    assert_eq!(payment.updated_at, hour(2));
}

#[test]
fn f13_two_coins_are_never_mixed_and_the_first_by_name_stays() {
    let ltc = note("finished").pay("0.2", "ltc").paid("0.3");
    let btc = note("finished").pay("0.00001", "btc").paid("0.00002");
    let payment = joined([ltc.received(hour(0)), btc.received(hour(0))]);
    assert!(payment.contradicts());
    assert_eq!(payment.pay_currency.unwrap().as_str(), "btc");
    assert_eq!(payment.pay_amount.unwrap().to_string(), "0.00001");
    assert_eq!(payment.actually_paid.unwrap().to_string(), "0.00002");
    let events = [btc.received(hour(0)), btc.paid("0.00001").received(hour(0))];
    assert!(!joined(events).contradicts());
}

#[test]
fn of_two_prices_the_first_by_currency_and_amount_stays_and_it_is_a_contradiction() {
    let priced = |amount, currency| note("waiting").price(amount, currency).received(hour(0));
    let price = |payment: &Payment| payment.price.clone().unwrap().to_string();
    let payment = joined([priced("2.50", "usd"), priced("2.40", "usd")]);
    assert!(payment.contradicts());
    assert_eq!(price(&payment), "2.40 USD");
    let payment = joined([priced("2.50", "usd"), priced("2.60", "eur")]);
    assert!(payment.contradicts());
    assert_eq!(price(&payment), "2.60 EUR");
    assert!(!joined([priced("2.50", "usd"), priced("2.5", "USD")]).contradicts(), "the same price");
}

#[test]
fn of_two_parents_the_lower_stays_and_it_is_a_contradiction() {
    let child = |parent| note("finished").child_of(parent).received(hour(0));
    let payment = joined([child(7), child(5)]);
    assert_eq!((payment.parent, payment.contradicts()), (Parent::Payment(payment_id(5)), true));
    let payment = joined([child(5), note("waiting").child_of(5).received(hour(0))]);
    assert_eq!((payment.parent, payment.contradicts()), (Parent::Payment(payment_id(5)), false));
    let mut unreadable = child(5);
    unreadable.facts.parent = Parent::Unreadable;
    let payment = joined([unreadable, note("waiting").child_of(9).received(hour(0))]);
    assert_eq!((payment.parent, payment.contradicts()), (Parent::Payment(payment_id(9)), false));
}

#[test]
fn two_addresses_contradict_each_other_unless_they_differ_in_case_only() {
    let told = |status, address: &str, memo: Option<&str>| {
        let mut event = note(status).received(hour(0));
        event.facts.pay_address = Some(address.into());
        event.facts.pay_extra_id = memo.map(str::to_owned);
        event
    };
    let payment = joined([told("waiting", "0xAb", None), told("confirming", "0xab", None)]);
    assert!(!payment.contradicts());
    assert_eq!(payment.pay_address.as_deref(), Some("0xAb"));
    let payment = joined([told("waiting", "0xab", None), told("confirming", "0xcd", None)]);
    assert!(payment.contradicts());
    assert_eq!(payment.pay_address.as_deref(), Some("0xab"));
    // A memo belongs to its address: another one is somebody else's account.
    assert!(joined([told("waiting", "r1", Some("1")), told("confirming", "r1", Some("2"))]).contradicts());
    assert!(!joined([told("waiting", "r1", Some("1")), told("confirming", "r1", None)]).contradicts());
}

#[test]
fn what_was_carried_over_yields_to_nothing_lower() {
    let carried = Payment::carry(None, &said(PaymentStatus::Finished), hour(0), hour(5));
    assert_eq!((carried.on_chain_at, carried.credited_at), (Some(hour(0)), Some(hour(0))));
    assert!(carried.is_full() && carried.is_credited());
    assert_eq!(
        (carried.pay_currency.clone(), carried.pay_amount),
        (None, None),
        "an amount without its coin"
    );
    let (payment, absorbed) = Payment::absorb(Some(&carried), &note("waiting").received(hour(6)));
    assert!(absorbed.lower);
    assert_eq!(payment.status, PaymentStatus::Finished);
    assert_eq!(payment.outcome, carried.outcome);

    let again = Payment::carry(Some(&carried), &said(PaymentStatus::Finished), hour(0), hour(9));
    assert_eq!(again, carried, "nothing was learned, also not when");
}

#[test]
fn carrying_over_raises_what_is_known_and_never_lowers_it() {
    let waits = Payment::carry(None, &said(PaymentStatus::Waiting), hour(0), hour(5));
    assert_eq!((waits.is_credited(), waits.is_full(), waits.on_chain_at), (false, false, None));
    let raised = Payment::carry(Some(&waits), &said(PaymentStatus::Finished), hour(1), hour(6));
    assert_eq!((raised.status.clone(), raised.updated_at), (PaymentStatus::Finished, hour(6)));
    let without = ImportedPayment { outcome: None, ..said(PaymentStatus::Finished) };
    for known in [
        Payment::carry(Some(&raised), &said(PaymentStatus::Waiting), hour(0), hour(7)),
        Payment::carry(Some(&raised), &without, hour(0), hour(7)),
    ] {
        assert_eq!(known, raised);
    }
    assert_eq!(raised.outcome, said(PaymentStatus::Finished).outcome);
}

#[test]
fn a_refund_that_was_carried_over_had_been_paid() {
    let refunded = Payment::carry(None, &said(PaymentStatus::Refunded), hour(0), hour(5));
    assert!(refunded.seen.contains(&PaymentStatus::Finished));
    assert!(refunded.is_refunded() && refunded.is_full() && !refunded.is_credited());
    assert_eq!(refunded.credited_at, Some(hour(0)));
    let failed = Payment::carry(None, &said(PaymentStatus::Failed), hour(0), hour(5));
    assert!(!failed.seen.contains(&PaymentStatus::Finished));
}
