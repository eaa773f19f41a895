//! What the payments of a donation come to: it counts as what it is, in full or in part, and never asks for access (F49).

use super::assess::{Assessment, nothing_text, paid_text, unpaid_state};
use super::{Order, OrderState, Ruling};
use crate::attention::{Reason, Subject};
use crate::money::Money;
use crate::payment::Payment;
use crate::status::PaymentStatus;

/// Works out what a donation has come to. Nothing is earned by it and nothing is missing from it: money that arrived is the donation,
/// whatever the donor had chosen.
pub(super) fn assess(order: &Order, payments: &[&Payment]) -> Assessment {
    let live: Vec<&Payment> = payments.iter().copied().filter(|payment| !payment.is_refunded()).collect();
    let has_arrived = live.iter().any(|payment| payment.is_credited());
    let state = match unpaid_state(&live, &[]) {
        _ if order.ruling == Some(Ruling::Refund) => OrderState::Refunded,
        _ if has_arrived => OrderState::Paid,
        OrderState::Open | OrderState::Expired | OrderState::Failed if live.len() < payments.len() => {
            OrderState::Refunded
        }
        state => state,
    };
    let attention = payments.iter().filter_map(|payment| {
        let odd = odd(payment);
        (!odd.is_empty()).then(|| (Subject::Payment(payment.id), Reason::DonationOdd, odd.join("; ")))
    });
    Assessment { state, earned: false, remaining: None, overpaid: None, attention: attention.collect() }
}

/// What of a payment a person should see.
fn odd(payment: &Payment) -> Vec<String> {
    let mut odd = Vec::new();
    if payment.contradicts() {
        odd.push("its notifications contradict each other".to_owned());
    }
    if payment.seen.has_unknown() {
        odd.push("a status that is not known here".to_owned());
    }
    if payment.is_refunded() {
        return odd;
    }
    if payment.seen.contains(&PaymentStatus::WrongAsset) && !payment.is_credited() {
        odd.push(format!("the wrong coin or network: {}", paid_text(payment)));
    }
    if payment.came_to_nothing() {
        odd.push(nothing_text(payment));
    }
    if payment.unusable_amount && payment.is_credited() {
        odd.push("an amount that cannot be used".to_owned());
    }
    odd
}

/// What has arrived of a donation, each coin once, by the coin's name. Where the provider reports no amount, what was asked counts: it says
/// that this was paid.
#[must_use]
pub fn received(payments: &[&Payment]) -> Vec<Money> {
    sums(payments, Payment::is_credited)
}

/// The same of some of its payments.
pub(crate) fn sums(payments: &[&Payment], counts: impl Fn(&Payment) -> bool) -> Vec<Money> {
    let mut sums: Vec<Money> = Vec::new();
    for payment in payments.iter().filter(|payment| counts(payment)) {
        let asked = payment.pay_amount.filter(|_| payment.seen.contains(&PaymentStatus::Finished));
        let (Some(amount), Some(coin)) = (payment.actually_paid.or(asked), &payment.pay_currency) else {
            continue;
        };
        match sums.iter_mut().find(|sum| sum.currency == *coin) {
            Some(sum) => sum.amount = sum.amount.checked_add(amount).unwrap_or(sum.amount),
            None => sums.push(Money::new(amount, coin.clone())),
        }
    }
    sums.sort_by(|a, b| a.currency.cmp(&b.currency));
    sums
}
