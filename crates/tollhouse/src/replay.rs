//! Working in again what the log holds: the rules may know more today than when it came.

use serde::Serialize;
use tollhouse_core::attention::{Attention, Reason, Subject};
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order::OrderState;
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::{AttentionFilter, LoggedEvent, PAGE_LENGTH_MAX, StoreError};

use crate::app::{App, SubmitError};
use crate::intake::{self, Envelope};
use crate::view;

/// What came of one event.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// When it had been received.
    pub received_at: jiff::Timestamp,
    /// The status that it reports.
    pub status: PaymentStatus,
    /// What became of it now.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub reason: Option<String>,
    /// The order that it is for.
    pub order_id: Option<OrderId>,
    /// The order's state afterwards.
    pub state: Option<OrderState>,
    /// Whether the order has given access, by this event or before.
    pub granted: bool,
    /// Whether it was this event that gave it, now.
    pub gave: bool,
}

/// A payment that has found its order.
#[derive(Debug, Clone, Serialize)]
pub struct TakenUp {
    /// The payment.
    payment_id: String,
    /// Its order.
    order_id: OrderId,
    /// What the order has come to.
    state: Option<OrderState>,
    /// Whether access was given.
    granted: bool,
}

impl TakenUp {
    /// One line for people.
    pub fn summary(&self) -> String {
        let state = self.state.map_or("unknown", OrderState::as_str);
        let access = if self.granted { ", access was given" } else { "" };
        format!("{} pays {} ({state}{access})", self.payment_id, self.order_id)
    }
}

/// Why it could not be done. Each is one sentence that says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be used for it.
    #[error("{0}")]
    Failed(String),
    /// The rules or the store did not do it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Works in every event of a payment again, the oldest first. Nothing is logged twice.
///
/// # Errors
/// Why it could not be done; what was worked in before stays so.
pub async fn replay(app: &App, id: ProviderPaymentId) -> Result<Vec<Replayed>, ReplayError> {
    let mut events = app.store.events_of(id, PAGE_LENGTH_MAX).await?;
    if events.is_empty() {
        return Err(ReplayError::Failed(format!(
            "no payment {id} is in the log; `tollhouse payment recover {id}` asks the provider"
        )));
    }
    events.reverse();
    let known = app.store.snapshot(Needs { payments: [id].into(), ..Needs::default() }).await?;
    let mut replayed = Vec::with_capacity(events.len());
    for event in events {
        replayed.push(replay_one(app, event, known.payments.get(&id)).await?);
    }
    let orders = replayed.iter().filter_map(|event| event.order_id).collect();
    let rows = app.store.snapshot(Needs { orders, ..Needs::default() }).await?;
    for event in &mut replayed {
        let grant = event.order_id.and_then(|order_id| rows.grant_of(order_id));
        event.granted = grant.is_some_and(|grant| grant.revoked.is_none());
    }
    Ok(replayed)
}

async fn replay_one(app: &App, event: LoggedEvent, known: Option<&Payment>) -> Result<Replayed, ReplayError> {
    let unreadable =
        |why: String| ReplayError::Failed(format!("event {} of the log cannot be read: {why}", event.id));
    let notification = match nowpayments::parse(&event.body) {
        Ok(nowpayments::Body::Payment(notification)) => notification,
        Ok(nowpayments::Body::NotAPayment(_)) => return Err(unreadable("it names no payment".to_owned())),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let envelope = Envelope {
        received_at: event.received_at,
        source: EventSource::Replay,
        signature_form: None,
        headers: event.headers.clone(),
    };
    let mut received = intake::received(envelope, event.body.clone(), &notification)
        .map_err(|error| unreadable(error.to_string()))?;
    if event.source != EventSource::Ipn {
        intake::keep_parent(&mut received, known);
    }
    let status = received.facts.status.clone();
    match app.submit(Command::Notification(Box::new(received))).await? {
        Outcome::Notification { verdict, reason, order_id, state, granted, .. } => {
            let received_at = event.received_at;
            Ok(Replayed { received_at, status, verdict, reason, order_id, state, granted, gave: granted })
        }
        other => Err(unreadable(format!("it came to {other:?}"))),
    }
}

/// Replays the payments that wait in the attention list for a reason that may just have gone away, and tells which have found their
/// order. The others wait on; `still` hears of those that could not be replayed.
///
/// # Errors
/// The list could not be read.
pub async fn take_up(
    app: &App,
    reason: Reason,
    mut still: impl FnMut(ProviderPaymentId, ReplayError),
) -> Result<Vec<TakenUp>, StoreError> {
    let mut open = Vec::new();
    loop {
        let before = open.last().map(|item: &Attention| item.id);
        let filter = AttentionFilter { before, limit: PAGE_LENGTH_MAX, ..AttentionFilter::default() };
        let page = app.store.attention(filter).await?;
        let is_last = page.len() < PAGE_LENGTH_MAX as usize;
        open.extend(page);
        if is_last {
            break;
        }
    }
    let mut taken_up = Vec::new();
    // The oldest first, so that periods follow each other in the order of the payments.
    for item in open.iter().rev().filter(|item| item.reason == reason) {
        let Subject::Payment(id) = item.subject else { continue };
        let replayed = match replay(app, id).await {
            Ok(replayed) => replayed,
            // What was asked for is done; this payment stays in the list.
            Err(error) => {
                still(id, error);
                continue;
            }
        };
        let granted = replayed.iter().any(|event| event.gave);
        if let Some(last) = replayed.last()
            && let Some(order_id) = last.order_id
        {
            taken_up.push(TakenUp { payment_id: view::payment_id(id), order_id, state: last.state, granted });
        }
    }
    Ok(taken_up)
}
