//! The statement: the provider's payments of a period against our orders, grants and memberships, each difference with a name and a
//! sentence. It reads only.
//!
//! It covers the payments that were made in the period by the provider's clock, those that we first heard of in it and the provider does not
//! list, and the orders that were paid in it without any payment.

mod difference;
mod file;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Serialize;
use tollhouse_core::event::Received;
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::money::{Currency, Money};
use tollhouse_core::order::{Order, OrderState};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{OrderFilter, PAGE_LENGTH_MAX, PaymentFilter};

pub use difference::{Difference, Kind};
pub use file::{Format, UnknownFormat};
pub use row::Row;

use super::Trouble;
use super::ask::NoAnswer;
use super::pass::Pages;
use super::take::{event_of, needs_of};
use crate::app::App;
use crate::provider::{Answer, ProviderError};

/// Both sides of a period.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// The period's first instant.
    pub from: Timestamp,
    /// Its end, which is not in it.
    pub until: Timestamp,
    /// When the statement was made: what happened later is not in it.
    pub made_at: Timestamp,
    /// The numbers.
    pub totals: Totals,
    /// One line for each payment, the oldest first, and for each order that was paid without one.
    pub rows: Vec<Row>,
}

/// A statement in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Payments at the provider.
    pub payments: u64,
    /// Of these, those whose money arrived and was not returned.
    pub credited: u64,
    /// Of these, those that were returned.
    pub refunded: u64,
    /// Orders that these payments, or nobody, paid.
    pub paid_orders: u64,
    /// What these orders cost, one sum for each currency.
    pub sold: Vec<Money>,
    /// What the provider says that you got for the credited payments, after its fees, one sum for each coin.
    pub received: Vec<Money>,
    /// Rows with a difference.
    pub differences: u64,
    /// Of these, those of which nothing here says how they came about.
    pub unexplained: u64,
    /// Rows of the provider's list that name no payment. Each is a difference that is not explained, and has no row here.
    pub unreadable: u64,
}

impl Totals {
    /// Whether somebody has to look into something.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unexplained == 0 && self.unreadable == 0
    }
}

/// What a row is made from: what the provider says, if it says something.
pub(crate) struct Told {
    pub(crate) event: Received,
    pub(crate) created_at: Option<Timestamp>,
}

/// Makes the statement of a period. Needs the provider's list.
///
/// # Errors
/// One of the two sides gave no answer: half a statement would be taken for a whole one.
pub async fn statement(app: &App, from: Timestamp, until: Timestamp) -> Result<Statement, Trouble> {
    let made_at = app.clock.now();
    let mut work =
        Work { app, from, until, made_at, rows: Vec::new(), seen: BTreeSet::new(), orders: BTreeMap::new() };
    // The provider's end is included, ours is not; it keeps milliseconds.
    let mut pages = Pages::new(from, Some(until - SignedDuration::from_millis(1)));
    while let Some(answers) = pages.next(app).await? {
        work.listed(answers).await?;
    }
    work.recorded_only().await?;
    work.paid_by_nobody().await?;
    let Work { mut rows, orders, .. } = work;
    rows.sort_by_key(|row| (row.created_at, row.provider_payment_id, row.order_id));
    let mut totals = totals(&rows, &orders);
    totals.unreadable = pages.unreadable;
    Ok(Statement { from, until, made_at, totals, rows })
}

struct Work<'a> {
    app: &'a App,
    from: Timestamp,
    until: Timestamp,
    made_at: Timestamp,
    rows: Vec<Row>,
    seen: BTreeSet<ProviderPaymentId>,
    /// The orders that the rows are about.
    orders: BTreeMap<OrderId, Order>,
}

impl Work<'_> {
    /// A page of the provider's list.
    async fn listed(&mut self, answers: Vec<Answer>) -> Result<(), Trouble> {
        let mut told = Vec::with_capacity(answers.len());
        for answer in answers {
            // A provider that takes its own bounds less seriously than we do.
            let is_inside = answer.created_at.is_none_or(|at| self.from <= at && at < self.until);
            let created_at = answer.created_at;
            if let Some(event) = event_of(self.made_at, answer).filter(|_| is_inside)
                && self.seen.insert(event.facts.payment_id)
            {
                told.push(Told { event, created_at });
            }
        }
        self.compare(told).await
    }

    async fn compare(&mut self, told: Vec<Told>) -> Result<(), Trouble> {
        let events: Vec<Received> = told.iter().map(|told| told.event.clone()).collect();
        let snapshot = self.app.store.snapshot(needs_of(&events)).await?;
        for told in told {
            let known = snapshot.payments.get(&told.event.facts.payment_id);
            let is_foreign =
                self.app.config.nowpayments.shared_account && !super::take::is_ours(&told.event, &snapshot);
            self.remember_order(known.and_then(|known| snapshot.orders.get(&known.order_id?)));
            self.rows.push(Row::new(Some(&told), known, None, &snapshot, self.made_at, is_foreign));
        }
        Ok(())
    }

    /// Payments that we heard of in the period and that the list does not have.
    async fn recorded_only(&mut self) -> Result<(), Trouble> {
        let mut before = None;
        loop {
            let filter = PaymentFilter {
                seen_from: Some(self.from),
                seen_until: Some(self.until),
                before,
                limit: PAGE_LENGTH_MAX,
                ..PaymentFilter::default()
            };
            let page = self.app.store.payments(filter).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.id);
            for payment in page {
                if !self.seen.contains(&payment.id) {
                    self.unlisted(&payment).await?;
                }
            }
        }
    }

    /// Asks for a payment that is not in the list. It may have been made before the period; else it should have been in it.
    async fn unlisted(&mut self, payment: &Payment) -> Result<(), Trouble> {
        match self.app.reconcile.asking.payment(self.app, payment.id).await {
            Ok(answer) if answer.created_at.is_some_and(|at| at < self.from || at >= self.until) => Ok(()),
            Ok(answer) => self.listed(vec![answer]).await,
            Err(NoAnswer::Provider(ProviderError::NotFound)) => {
                let mut needs = Needs::default();
                needs.payments.insert(payment.id);
                let snapshot = self.app.store.snapshot(needs).await?;
                let known = snapshot.payments.get(&payment.id);
                self.remember_order(known.and_then(|known| snapshot.orders.get(&known.order_id?)));
                self.rows.push(Row::new(None, known, None, &snapshot, self.made_at, false));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Orders that were paid in the period and have no payment.
    async fn paid_by_nobody(&mut self) -> Result<(), Trouble> {
        let mut before = None;
        loop {
            let filter = OrderFilter {
                state: Some(OrderState::Paid),
                before,
                limit: PAGE_LENGTH_MAX,
                ..OrderFilter::default()
            };
            let page = self.app.store.orders(filter).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.id);
            let inside = |order: &&Order| order.paid_at.is_some_and(|at| self.from <= at && at < self.until);
            let mut needs = Needs::default();
            needs.orders.extend(page.iter().filter(inside).map(|order| order.id));
            needs.orders.retain(|id| !self.orders.contains_key(id));
            let snapshot = self.app.store.snapshot(needs.clone()).await?;
            for id in needs.orders {
                let Some(order) = snapshot.orders.get(&id).filter(|_| snapshot.payments_of(id).is_empty())
                else {
                    continue;
                };
                self.remember_order(Some(order));
                self.rows.push(Row::new(None, None, Some(order), &snapshot, self.made_at, false));
            }
        }
    }

    fn remember_order(&mut self, order: Option<&Order>) {
        if let Some(order) = order {
            self.orders.entry(order.id).or_insert_with(|| order.clone());
        }
    }
}

fn totals(rows: &[Row], orders: &BTreeMap<OrderId, Order>) -> Totals {
    let count =
        |test: &dyn Fn(&Row) -> bool| u64::try_from(rows.iter().filter(|row| test(row)).count()).unwrap_or(0);
    let paid: Vec<&Order> = orders.values().filter(|order| order.state == OrderState::Paid).collect();
    let credited = |row: &Row| row.provider_status.as_ref().is_some_and(|status| status.is_credited());
    Totals {
        payments: count(&|row| row.provider_status.is_some()),
        credited: count(&credited),
        refunded: count(&|row| row.provider_status == Some(tollhouse_core::status::PaymentStatus::Refunded)),
        paid_orders: u64::try_from(paid.len()).unwrap_or(0),
        sold: sums(paid.iter().map(|order| &order.price)),
        received: sums(rows.iter().filter(|row| credited(row)).filter_map(|row| row.outcome.as_ref())),
        differences: count(&|row| !row.differences.is_empty()),
        unexplained: count(&|row| !row.is_explained()),
        unreadable: 0,
    }
}

/// One sum for each currency; two currencies are never added up (I7). A sum that cannot be held exactly is left out rather than rounded.
fn sums<'a>(amounts: impl Iterator<Item = &'a Money>) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Option<Decimal>> = BTreeMap::new();
    for money in amounts {
        let sum = sums.entry(money.currency.clone()).or_insert(Some(Decimal::ZERO));
        *sum = sum.and_then(|sum| sum.checked_add(money.amount));
    }
    sums.into_iter().filter_map(|(currency, sum)| Some(Money::new(sum?, currency))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_sums_are_kept_apart_by_currency() {
        let amounts: Vec<Money> =
            ["1.10 USD", "0.5 BTC", "2.20 USD"].iter().map(|text| text.parse().unwrap()).collect();
        let shown: Vec<String> = sums(amounts.iter()).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["0.5 BTC", "3.30 USD"]);
    }
}
