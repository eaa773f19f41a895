//! Single questions that something gave rise to: somebody opened an order's page, or a notification with a wrong signature named a payment
//! that we know. A look changes nothing by itself; what the provider answers may.
//!
//! Strangers can give rise to looks, so each kind is bounded for each subject and altogether, and they are done one after the other by one
//! task. What is beyond the bounds is dropped: the reconciler comes by anyway.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order::{Order, OrderState};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;

use super::Trouble;
use super::pass::{Tally, ask_for, asked_since};
use super::take::take;
use crate::app::App;
use crate::metrics;

/// How many looks of a kind may wait. More than the bounds below let through in a minute.
const WAITING_MAX: usize = 128;
/// Between two looks at the same order, and since we last heard of it, in seconds: who watches a page for half a minute wants news.
pub const ORDER_REST_SECONDS: i64 = 30;
/// Looks at orders altogether, a minute: half of what may be asked at the usual pace, so that the reconciler has the other half.
pub const ORDERS_PER_MINUTE_MAX: usize = 120;
/// Between two looks at the same payment for wrongly signed notifications, in seconds. Whoever sends them is a stranger or a proxy that
/// rewrites bodies; against the latter the provider's repeats come minutes apart.
pub const PAYMENT_REST_SECONDS: i64 = 60;
/// Looks for wrongly signed notifications altogether, a minute.
pub const PAYMENTS_PER_MINUTE_MAX: usize = 12;
/// How many subjects are remembered. Beyond that those whose rest is over are forgotten, and if there are none the look is dropped.
const REMEMBERED_MAX: usize = 10_000;

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Look {
    /// Somebody has its page open.
    Order(OrderId),
    /// A notification with a wrong signature named it.
    Payment(ProviderPaymentId),
}

/// Where looks are asked for.
#[derive(Debug)]
pub struct Looks {
    // A line for each kind: whoever floods us with wrong signatures keeps nobody's open page waiting.
    order_line: mpsc::Sender<OrderId>,
    payment_line: mpsc::Sender<ProviderPaymentId>,
    waiting: Mutex<Option<Waiting>>,
    orders: Mutex<Bound>,
    payments: Mutex<Bound>,
}

/// The ends of the lines.
#[derive(Debug)]
struct Waiting {
    orders: mpsc::Receiver<OrderId>,
    payments: mpsc::Receiver<ProviderPaymentId>,
}

impl Waiting {
    /// The next look, orders first: somebody waits for those.
    async fn next(&mut self) -> Option<Look> {
        tokio::select! {
            biased;
            Some(id) = self.orders.recv() => Some(Look::Order(id)),
            Some(id) = self.payments.recv() => Some(Look::Payment(id)),
            else => None,
        }
    }
}

impl Default for Looks {
    fn default() -> Self {
        let (order_line, orders) = mpsc::channel(WAITING_MAX);
        let (payment_line, payments) = mpsc::channel(WAITING_MAX);
        Self {
            order_line,
            payment_line,
            waiting: Mutex::new(Some(Waiting { orders, payments })),
            orders: Mutex::new(Bound::new(ORDER_REST_SECONDS, ORDERS_PER_MINUTE_MAX)),
            payments: Mutex::new(Bound::new(PAYMENT_REST_SECONDS, PAYMENTS_PER_MINUTE_MAX)),
        }
    }
}

impl Looks {
    /// Somebody has an order's page open. Returns at once; what the provider answers shows as any commit does.
    pub fn order_opened(&self, app: &App, id: OrderId) {
        if app.provider.is_some() {
            self.line_up(id, app.clock.now());
        }
    }

    fn line_up(&self, id: OrderId, now: Timestamp) {
        // Its place first: an order for which there is none was not looked at, and has nothing to rest from.
        if let Ok(place) = self.order_line.try_reserve()
            && locked(&self.orders).has_rested(Look::Order(id), now)
        {
            place.send(id);
        }
    }

    /// A notification with a wrong signature named a payment. Returns at once, whether the payment is known or not, so that the sender
    /// learns nothing.
    pub fn payment_named(&self, app: &App, id: ProviderPaymentId) {
        if app.provider.is_some() {
            let _ = self.payment_line.try_send(id);
        }
    }

    /// Does no look from now on, unless somebody does them already.
    pub fn close(&self) {
        drop(self.take_work());
    }

    fn take_work(&self) -> Option<Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn locked(bound: &Mutex<Bound>) -> MutexGuard<'_, Bound> {
    bound.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often something may happen: for each subject, and altogether.
#[derive(Debug)]
struct Bound {
    rest: SignedDuration,
    per_minute: usize,
    minute: Timestamp,
    in_minute: usize,
    last: HashMap<Look, Timestamp>,
}

impl Bound {
    fn new(rest_seconds: i64, per_minute: usize) -> Self {
        Self {
            rest: SignedDuration::from_secs(rest_seconds),
            per_minute,
            minute: Timestamp::MIN,
            in_minute: 0,
            last: HashMap::new(),
        }
    }

    /// Whether a subject's last time is long enough ago; if so this is its last time.
    fn has_rested(&mut self, look: Look, now: Timestamp) -> bool {
        let rest = self.rest;
        // What was looked at after now was so by a clock that was ahead.
        let rests = |at: Timestamp| at <= now && now.duration_since(at) < rest;
        if self.last.get(&look).copied().is_some_and(rests) {
            return false;
        }
        if self.last.len() >= REMEMBERED_MAX {
            self.last.retain(|_, at| rests(*at));
        }
        if self.last.len() >= REMEMBERED_MAX {
            return false;
        }
        self.last.insert(look, now);
        true
    }

    /// Whether there is still room in this minute; if so it is taken.
    fn has_room(&mut self, now: Timestamp) -> bool {
        if now < self.minute || now.duration_since(self.minute) >= SignedDuration::from_mins(1) {
            self.minute = now;
            self.in_minute = 0;
        }
        let has_room = self.in_minute < self.per_minute;
        self.in_minute += usize::from(has_room);
        has_room
    }
}

/// Does the looks until told to stop. The first who calls gets the work; nobody else is needed.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let waiting = app.reconcile.looks.take_work();
    let working = async {
        // Somebody else does the work, or nobody is to: this part is there all the same, until it is told to stop.
        let Some(mut waiting) = waiting else { return std::future::pending().await };
        while let Some(look) = waiting.next().await {
            match perform(&app, look).await {
                Ok(outcome) => metrics::look(look.as_str(), outcome),
                Err(trouble) => {
                    metrics::look(look.as_str(), "failed");
                    tracing::info!(?look, %trouble, "the provider was to be asked, and nothing came of it");
                }
            }
        }
    };
    tokio::select! {
        () = working => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

impl Look {
    fn as_str(self) -> &'static str {
        match self {
            Self::Order(_) => "page",
            Self::Payment(_) => "wrong_signature",
        }
    }
}

/// Does one look, and says what came of it.
async fn perform(app: &App, look: Look) -> Result<&'static str, Trouble> {
    let found = match look {
        Look::Order(id) => look_at_order(app, id).await?,
        Look::Payment(id) => look_at_payment(app, id).await?,
    };
    Ok(match found {
        None => "not_asked",
        Some(0) => "nothing_new",
        Some(_) => "taken_in",
    })
}

/// Asks for a payment that we know, if it was not asked for a moment ago. How many payments told something new; `None` if nothing was asked.
async fn look_at_payment(app: &App, id: ProviderPaymentId) -> Result<Option<usize>, Trouble> {
    let mut needs = Needs::default();
    needs.payments.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    let now = app.clock.now();
    let may = || {
        let mut bound = locked(&app.reconcile.looks.payments);
        bound.has_rested(Look::Payment(id), now) && bound.has_room(now)
    };
    if !snapshot.payments.contains(&id) || !may() {
        return Ok(None);
    }
    let mut tally = Tally::default();
    ask_for(app, id, &mut BTreeSet::new(), false, &mut tally).await?;
    Ok(Some(tally.found.len()))
}

/// Asks for what there may be of an order: the payments that are on their way, and if there is none those of its invoice. How many payments
/// told something new; `None` if nothing was asked.
///
/// # Errors
/// Why nothing can be said.
pub async fn look_at_order(app: &App, id: OrderId) -> Result<Option<usize>, Trouble> {
    let mut needs = Needs::default();
    needs.orders.insert(id);
    let snapshot = app.store.snapshot(needs).await?;
    let Some(order) = snapshot.orders.get(&id) else { return Ok(None) };
    let payments = snapshot.payments_of(id);
    let now = app.clock.now();
    // Of orders that wait for nothing many pages may be open; they take no room from the others.
    if !is_worth_a_look(order, &payments, now) || !locked(&app.reconcile.looks.orders).has_room(now) {
        return Ok(None);
    }
    let mut tally = Tally::default();
    let mut seen = BTreeSet::new();
    for payment in payments.iter().filter(|payment| payment.status.is_pending()) {
        ask_for(app, payment.id, &mut seen, false, &mut tally).await?;
    }
    let invoice = order.invoice.as_ref().filter(|_| app.config.nowpayments.can_list());
    if let Some(invoice) = invoice.filter(|_| seen.is_empty()) {
        let listed = app.reconcile.asking.payments_of_invoice(app, &invoice.id).await?;
        tally.found.extend(take(app, listed.answers, false).await?.found);
    } else if seen.is_empty() {
        return Ok(None);
    }
    Ok(Some(tally.found.len()))
}

/// Whether money may have come of which we have not heard: the order waits for some, is not too old for it, and nothing was heard for a
/// moment.
fn is_worth_a_look(order: &Order, payments: &[&Payment], now: Timestamp) -> bool {
    let waits = match order.state {
        OrderState::Open | OrderState::Seen | OrderState::PartiallyPaid | OrderState::Expired => true,
        OrderState::Paid | OrderState::Failed | OrderState::Refunded => false,
    };
    let heard = payments.iter().map(|payment| payment.updated_at).chain([order.updated_at]).max();
    waits
        && order.created_at >= asked_since(now)
        // What was heard after now was heard by a clock that was ahead, and has been set back.
        && heard.is_none_or(|at| at > now || now.duration_since(at) >= SignedDuration::from_secs(ORDER_REST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn payment(id: i64) -> Look {
        Look::Payment(ProviderPaymentId::new(id).unwrap())
    }

    #[test]
    fn looks_are_bounded_for_each_subject_and_altogether() {
        let at = |seconds| start() + SignedDuration::from_secs(seconds);
        let mut bound = Bound::new(60, 3);
        assert!(bound.has_rested(payment(1), at(0)));
        assert!(!bound.has_rested(payment(1), at(59)), "it rests");
        assert!(bound.has_rested(payment(2), at(59)));
        assert!(bound.has_rested(payment(1), at(60)));
        assert_eq!((0..20).filter(|_| bound.has_room(at(61))).count(), 3);
        assert!(!bound.has_room(at(120)));
        assert!(bound.has_room(at(121)));
        // The clock was ahead, and is set back.
        assert!(bound.has_rested(payment(1), at(-3_600)));
        assert!(!bound.has_rested(payment(1), at(-3_600)));
        assert_eq!((0..20).filter(|_| bound.has_room(at(-3_600))).count(), 3);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut bound = Bound::new(60, 1);
        let many = i64::try_from(REMEMBERED_MAX).unwrap();
        assert!((1..=many).all(|id| bound.has_rested(payment(id), start())));
        assert!(!bound.has_rested(payment(many + 1), start()));
        assert!(bound.has_rested(payment(many + 1), start() + SignedDuration::from_secs(60)));
        assert_eq!(bound.last.len(), 1);
    }

    fn order(number: u128) -> OrderId {
        OrderId(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_flood_of_wrong_signatures_keeps_no_open_page_waiting() {
        let looks = Looks::default();
        for id in 1..=i64::try_from(10 * WAITING_MAX).unwrap() {
            let _ = looks.payment_line.try_send(ProviderPaymentId::new(id).unwrap());
        }
        looks.line_up(order(1), start());
        let mut waiting = looks.take_work().unwrap();
        drop(looks);
        assert_eq!(waiting.next().await, Some(Look::Order(order(1))));
        assert_eq!(waiting.next().await, Some(payment(1)));
    }

    #[tokio::test]
    async fn an_order_that_found_no_place_does_not_rest() {
        let looks = Looks::default();
        let many = u128::try_from(WAITING_MAX).unwrap();
        for number in 0..=many {
            looks.line_up(order(number), start());
        }
        let mut waiting = looks.take_work().unwrap();
        for number in 0..many {
            assert_eq!(waiting.next().await, Some(Look::Order(order(number))));
        }
        // The last one found the line full. Its page asks again; the first one's look is a moment ago.
        looks.line_up(order(0), start());
        looks.line_up(order(many), start());
        drop(looks);
        assert_eq!(waiting.next().await, Some(Look::Order(order(many))));
    }
}
