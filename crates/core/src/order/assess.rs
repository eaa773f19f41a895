//! What a set of payments comes to: the order's state, whether its access is due, and what needs a person. A function of the set, never of
//! the order in which it became known (I4).

use rust_decimal::Decimal;

use super::{Order, OrderKind, OrderState, Ruling};
use crate::attention::{Reason, Subject};
use crate::id::ProviderPaymentId;
use crate::money::{Currency, Money};
use crate::payment::{Payment, at_least_share};
use crate::policy::{ChildPolicy, LatePolicy, OverpaidPolicy, Policies, RefundPolicy, TopUpPolicy};
use crate::status::PaymentStatus;

/// What a set of payments comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The state.
    pub state: OrderState,
    /// Whether the access is due: the order is paid, or it was and the policy leaves what was earned when the money goes back.
    pub earned: bool,
    /// The rest to pay, where some was paid and more would complete it.
    pub remaining: Option<Money>,
    /// What came beyond the price.
    pub overpaid: Option<Money>,
    /// What a person must look at.
    pub attention: Vec<(Subject, Reason, String)>,
}

/// The sum of what arrived in one coin for one order.
pub(super) struct CoinSum {
    coin: Currency,
    asked: Option<Decimal>,
    /// The same of payments that brought nothing.
    asked_in_vain: Option<Decimal>,
    paid: Decimal,
    /// The largest single part of it that is no re-deposit.
    largest: Decimal,
    /// Whether a payment that is no re-deposit brought some of it: a re-deposit never completes an order by itself.
    own: bool,
}

impl CoinSum {
    /// Whether it is as good as the whole price.
    fn is_enough(&self, policies: &Policies) -> bool {
        let paid = match policies.top_up {
            TopUpPolicy::Complete => self.paid,
            TopUpPolicy::Attention => self.largest,
        };
        let asked = self.asked.filter(|asked| !asked.is_zero());
        self.own && asked.is_some_and(|asked| at_least_share(paid, asked, policies.enough()))
    }
}

fn sum_by_coin(
    order: &Order,
    payments: &[&Payment],
    policies: &Policies,
    counts: impl Fn(&Payment) -> bool,
) -> Vec<CoinSum> {
    let mut sums: Vec<CoinSum> = Vec::new();
    for payment in payments {
        let Some(coin) = &payment.pay_currency else {
            continue;
        };
        let index = sums.iter().position(|sum| sum.coin == *coin).unwrap_or_else(|| {
            let zero = Decimal::ZERO;
            sums.push(CoinSum {
                coin: coin.clone(),
                asked: None,
                asked_in_vain: None,
                paid: zero,
                largest: zero,
                own: false,
            });
            sums.len() - 1
        });
        let sum = &mut sums[index];
        let asks_the_price =
            !payment.is_child() && payment.price.as_ref().is_some_and(|price| price.same_as(&order.price));
        if asks_the_price && let Some(asked) = payment.pay_amount {
            let least = |known: Option<Decimal>| Some(known.map_or(asked, |known| known.min(asked)));
            if counts(payment) {
                sum.asked = least(sum.asked);
            } else {
                sum.asked_in_vain = least(sum.asked_in_vain);
            }
        }
        let adds = !payment.is_child() || policies.child_payment == ChildPolicy::Add;
        if adds
            && counts(payment)
            && let Some(paid) = payment.actually_paid
        {
            sum.paid = sum.paid.checked_add(paid).unwrap_or(sum.paid);
            if !payment.is_child() {
                sum.largest = sum.largest.max(paid);
                sum.own = true;
            }
        }
    }
    // What an attempt asked for that nobody paid was another day's rate: it counts where there is no other.
    for sum in &mut sums {
        sum.asked = sum.asked.or(sum.asked_in_vain);
    }
    sums.sort_by(|a, b| a.coin.cmp(&b.coin));
    sums
}

/// Whether everything that ever came, money that went back included, was once the price.
fn was_enough(order: &Order, payments: &[&Payment], policies: &Policies) -> bool {
    payments.iter().any(|payment| payment.is_full())
        || sum_by_coin(order, payments, policies, |payment| payment.seen.has_credit())
            .iter()
            .any(|sum| sum.is_enough(policies))
}

/// Whether there is anything that a person could rule to buy the access: not when all of the money went back.
pub(crate) fn can_be_ruled(payments: &[&Payment]) -> bool {
    !payments.iter().any(|payment| payment.is_refunded())
        || payments.iter().any(|payment| payment.has_money())
}

/// What a person ruled as `grant` holds for as long as the money that they saw has not all gone back: a cent that comes after it does not
/// buy what the whole has bought.
fn grant_holds(payments: &[&Payment]) -> bool {
    let has_marks = payments.iter().any(|payment| payment.seen.is_ruled());
    // An earlier program did not note which money it was. A re-deposit counted only where there was nothing else.
    let has_own = payments.iter().any(|payment| payment.seen.has_credit() && !payment.is_child());
    let is_meant = |payment: &Payment| {
        if has_marks { payment.seen.is_ruled() } else { !payment.is_child() || !has_own }
    };
    !payments.iter().any(|payment| payment.is_refunded())
        || payments.iter().any(|payment| payment.has_money() && is_meant(payment))
}

/// Whether money that may have counted went back. A re-deposit in a coin of its own never did.
fn lost_some(payments: &[&Payment]) -> bool {
    let counted = |payment: &Payment| {
        let is_own = |other: &&Payment| {
            !other.is_child() && other.seen.has_credit() && other.pay_currency == payment.pay_currency
        };
        !payment.is_child() || payments.iter().any(is_own)
    };
    payments.iter().any(|payment| payment.is_refunded() && counted(payment))
}

/// Works out what an order has come to. A function of its payments and rulings, but for one thing: an order that is paid stays so until
/// money goes back, so that a change of the policies takes nothing from anybody.
#[must_use]
pub fn assess(order: &Order, payments: &[&Payment], policies: &Policies) -> Assessment {
    if order.kind() == OrderKind::Donation {
        return super::donation::assess(order, payments);
    }
    let sums = sum_by_coin(order, payments, policies, Payment::is_credited);
    let full: Vec<&&Payment> =
        payments.iter().filter(|payment| payment.is_full() && !payment.is_refunded()).collect();
    let enough = !full.is_empty() || sums.iter().any(|sum| sum.is_enough(policies));
    let late = policies.late == LatePolicy::Attention && is_late(order, payments);
    let live: Vec<&Payment> = payments.iter().copied().filter(|payment| !payment.is_refunded()).collect();
    let stays = order.state == OrderState::Paid && !lost_some(payments);
    let paid = match order.ruling {
        Some(Ruling::Grant) => grant_holds(payments) || (enough && !late),
        Some(Ruling::Refund) => false,
        None => (enough && !late) || stays,
    };
    let kept = policies.refund == RefundPolicy::Keep
        && match order.ruling {
            Some(Ruling::Grant) => true,
            Some(Ruling::Refund) => false,
            None => !late && was_enough(order, payments, policies),
        };
    let ruled_refund = order.ruling == Some(Ruling::Refund);
    let state = match unpaid_state(&live, &sums) {
        _ if paid => OrderState::Paid,
        _ if ruled_refund => OrderState::Refunded,
        // Refunded, and nothing else is on its way: that is what there is to say of it.
        OrderState::Open | OrderState::Expired | OrderState::Failed if live.len() < payments.len() => {
            OrderState::Refunded
        }
        // The whole of it is there and waits for a person: nothing is missing.
        _ if enough => OrderState::Seen,
        state => state,
    };
    let completes = policies.top_up == TopUpPolicy::Complete && policies.child_payment == ChildPolicy::Add;
    let remaining = if state == OrderState::PartiallyPaid && completes { rest(&sums) } else { None };
    let excess = if paid { excess(&sums, &full, policies) } else { None };
    let mut attention = Vec::new();
    for payment in payments {
        let subject = Subject::Payment(payment.id);
        for (reason, detail) in payment_reasons(order, payment, paid || ruled_refund, &sums, policies) {
            attention.push((subject, reason, detail));
        }
    }
    if enough && late && !paid && !ruled_refund {
        attention.push((Subject::Order(order.id), Reason::Late, format!("expired {}", order.expires_at)));
    }
    let wholes = if paid { wholes(order, &live, policies) } else { Vec::new() };
    if wholes.len() > 1 {
        let mut ids: Vec<ProviderPaymentId> = wholes.concat().iter().map(|payment| payment.id).collect();
        ids.sort_unstable();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        attention.push((Subject::Order(order.id), Reason::PaidTwice, format!("payments {}", ids.join(", "))));
    } else if let Some(excess) = excess.as_ref().filter(|excess| excess.is_notable)
        && policies.overpaid == OverpaidPolicy::Attention
    {
        attention.push((Subject::Order(order.id), Reason::Overpaid, format!("{} too much", excess.money)));
    }
    Assessment {
        state,
        earned: paid || kept,
        remaining,
        overpaid: excess.map(|excess| excess.money),
        attention,
    }
}

fn is_late(order: &Order, payments: &[&Payment]) -> bool {
    let first = payments.iter().filter_map(|payment| payment.on_chain_at).min();
    first.is_some_and(|at| at > order.expires_at)
}

pub(super) fn unpaid_state(payments: &[&Payment], sums: &[CoinSum]) -> OrderState {
    let any = |test: fn(&Payment) -> bool| payments.iter().any(|payment| test(payment));
    if sums.iter().any(|sum| !sum.paid.is_zero())
        || any(|payment| payment.seen.contains(&PaymentStatus::PartiallyPaid))
    {
        return OrderState::PartiallyPaid;
    }
    if any(|payment| payment.status.is_on_chain()) {
        return OrderState::Seen;
    }
    let over = |payment: &Payment| {
        matches!(payment.status, PaymentStatus::Expired | PaymentStatus::Failed | PaymentStatus::Cancelled)
    };
    if payments.is_empty() || !payments.iter().all(|payment| over(payment)) {
        return OrderState::Open;
    }
    if any(|payment| payment.status == PaymentStatus::Failed) {
        OrderState::Failed
    } else {
        OrderState::Expired
    }
}

fn rest(sums: &[CoinSum]) -> Option<Money> {
    let sum = sums.iter().find(|sum| sum.own && !sum.paid.is_zero())?;
    let rest = sum.asked?.checked_sub(sum.paid)?;
    (rest > Decimal::ZERO).then(|| Money::new(rest, sum.coin.clone()))
}

/// How often the price is there, each time with the payments that make it up: each that is it by itself, and what is in the others together.
fn wholes<'a>(order: &Order, live: &[&'a Payment], policies: &Policies) -> Vec<Vec<&'a Payment>> {
    let asks_the_price = |payment: &Payment| {
        !payment.is_child() && payment.price.as_ref().is_some_and(|price| price.same_as(&order.price))
    };
    let is_whole = |payment: &Payment| {
        let reaches = || {
            let (paid, asked) =
                (payment.actually_paid?, payment.pay_amount.filter(|asked| !asked.is_zero())?);
            Some(at_least_share(paid, asked, policies.enough()))
        };
        payment.is_full() || (payment.is_credited() && asks_the_price(payment) && reaches().unwrap_or(false))
    };
    let (single, others): (Vec<&Payment>, Vec<&Payment>) =
        live.iter().copied().partition(|payment| is_whole(payment));
    let mut wholes: Vec<Vec<&Payment>> = single.into_iter().map(|payment| vec![payment]).collect();
    let rest = sum_by_coin(order, live, policies, |payment| payment.is_credited() && !is_whole(payment));
    if let Some(sum) = rest.iter().find(|sum| sum.is_enough(policies)) {
        let adds = |payment: &&Payment| {
            payment.is_credited()
                && payment.actually_paid.is_some()
                && payment.pay_currency.as_ref() == Some(&sum.coin)
        };
        wholes.push(others.into_iter().filter(adds).collect());
    }
    wholes
}

/// What came beyond the price.
struct Excess {
    money: Money,
    /// Whether it is more than the tolerance, in proportion.
    is_notable: bool,
}

/// In the coin that paid, what is above the price; in another coin, all that came in it: two coins do not add up.
fn excess(sums: &[CoinSum], full: &[&&Payment], policies: &Policies) -> Option<Excess> {
    let pays = |sum: &CoinSum| {
        sum.is_enough(policies) || full.iter().any(|payment| payment.pay_currency.as_ref() == Some(&sum.coin))
    };
    let paying = sums.iter().find(|sum| pays(sum))?;
    let beyond = |sum: &CoinSum, over: Decimal, is_notable| {
        (over > Decimal::ZERO).then(|| Excess { money: Money::new(over, sum.coin.clone()), is_notable })
    };
    let same = paying.asked.filter(|asked| paying.paid > *asked).and_then(|asked| {
        let is_notable = !at_least_share(asked, paying.paid, policies.enough());
        beyond(paying, paying.paid.checked_sub(asked)?, is_notable)
    });
    let others = sums.iter().filter(|sum| sum.coin != paying.coin && sum.own);
    same.or_else(|| others.filter_map(|sum| beyond(sum, sum.paid, true)).next())
}

/// Why a payment needs a person. `settled`: the order is paid or its refund was noted, so that only what is odd in itself is left.
fn payment_reasons(
    order: &Order,
    payment: &Payment,
    settled: bool,
    sums: &[CoinSum],
    policies: &Policies,
) -> Vec<(Reason, String)> {
    let mut reasons = Vec::new();
    if payment.contradicts() {
        reasons.push((Reason::Contradiction, String::new()));
    }
    if payment.seen.has_unknown() {
        reasons.push((Reason::UnknownStatus, String::new()));
    }
    if payment.is_refunded() {
        return reasons;
    }
    let coin = payment.pay_currency.as_ref();
    let foreign_child = payment.is_child()
        && payment.is_credited()
        && (policies.child_payment == ChildPolicy::Attention
            || !sums.iter().any(|sum| sum.own && Some(&sum.coin) == coin && payment.actually_paid.is_some()));
    if foreign_child {
        reasons.push((Reason::ChildPayment, paid_text(payment)));
    }
    if payment.seen.contains(&PaymentStatus::WrongAsset) && !payment.is_credited() && !settled {
        reasons.push((Reason::WrongAsset, paid_text(payment)));
    }
    // Also beside another payment that paid: it is the buyer's all the same.
    if payment.came_to_nothing() && order.ruling.is_none() {
        reasons.push((Reason::MoneyNotCredited, nothing_text(payment)));
    }
    if settled || !payment.is_credited() || payment.is_child() {
        return reasons;
    }
    if payment.unusable_amount {
        reasons.push((Reason::AmountUnusable, String::new()));
    } else if !payment.price.as_ref().is_some_and(|price| price.same_as(&order.price)) {
        let asked = payment.price.as_ref().map_or_else(|| "no price".to_owned(), ToString::to_string);
        let reason = if order.legacy_ref.is_some() { Reason::UnmatchedPrice } else { Reason::PriceMismatch };
        reasons.push((reason, format!("{asked} instead of {}", order.price)));
    } else if payment.seen.contains(&PaymentStatus::Finished) {
        // Not what the amounts come to together: no single event has said that it was paid in full.
        if !payment.is_full() {
            reasons.push((Reason::FinishedShort, paid_text(payment)));
        }
    } else {
        reasons.push((Reason::Underpaid, paid_text(payment)));
    }
    reasons
}

pub(crate) fn nothing_text(payment: &Payment) -> String {
    format!("{}, {} was seen", payment.status, paid_text(payment))
}

pub(super) fn paid_text(payment: &Payment) -> String {
    let text = |amount: Option<Decimal>| amount.map_or_else(|| "?".to_owned(), |amount| amount.to_string());
    let coin =
        payment.pay_currency.as_ref().map_or_else(|| "?".to_owned(), |coin| coin.as_str().to_uppercase());
    format!("{} of {} {coin}", text(payment.actually_paid), text(payment.pay_amount))
}
