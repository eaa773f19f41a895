//! Working in again what the log holds: the rules may know more today than when it came.

use serde::Serialize;
use tollhouse_core::attention::{Reason, Subject};
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order::OrderState;
use tollhouse_core::status::PaymentStatus;
use tollhouse_store::{AttentionFilter, LoggedEvent, PAGE_LENGTH_MAX};

use super::error::CliError;
use super::output;
use super::session::{Session, all_pages, unexpected};
use crate::intake::{self, Envelope};
use crate::view;

/// What came of one event.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Replayed {
    /// When it had been received.
    pub(super) received_at: jiff::Timestamp,
    /// The status that it reports.
    pub(super) status: PaymentStatus,
    /// What became of it now.
    pub(super) verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub(super) reason: Option<String>,
    /// The order that it is for.
    pub(super) order_id: Option<OrderId>,
    /// The order's state afterwards.
    pub(super) state: Option<OrderState>,
    /// Whether it gave a grant.
    pub(super) granted: bool,
}

/// A payment that has found its order.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TakenUp {
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
    pub(super) fn summary(&self) -> String {
        let state = self.state.map_or("unknown", OrderState::as_str);
        let access = if self.granted { ", access was given" } else { "" };
        format!("{} pays {} ({state}{access})", self.payment_id, self.order_id)
    }
}

/// Works in every event of a payment again, the oldest first. Nothing is logged twice.
pub(super) async fn replay(session: &Session, id: ProviderPaymentId) -> Result<Vec<Replayed>, CliError> {
    let mut events = session.app.store.events_of(id, PAGE_LENGTH_MAX).await?;
    if events.is_empty() {
        return Err(CliError::Failed(format!(
            "no payment {id} is in the log; `tollhouse payment recover {id}` asks the provider"
        )));
    }
    events.reverse();
    let mut replayed = Vec::with_capacity(events.len());
    for event in events {
        replayed.push(replay_one(session, event).await?);
    }
    Ok(replayed)
}

async fn replay_one(session: &Session, event: LoggedEvent) -> Result<Replayed, CliError> {
    let unreadable =
        |why: String| CliError::Failed(format!("event {} of the log cannot be read: {why}", event.id));
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
    let received = intake::received(envelope, event.body.clone(), &notification)
        .map_err(|error| unreadable(error.to_string()))?;
    let status = received.facts.status.clone();
    match session.submit(Command::Notification(Box::new(received))).await? {
        Outcome::Notification { verdict, reason, order_id, state, granted, .. } => {
            Ok(Replayed { received_at: event.received_at, status, verdict, reason, order_id, state, granted })
        }
        other => Err(unexpected(&other)),
    }
}

/// Replays the payments that wait in the attention list for a reason that may just have gone away, and tells which have found their
/// order. The others wait on.
pub(super) async fn take_up(session: &Session, reason: Reason) -> Result<Vec<TakenUp>, CliError> {
    let store = &session.app.store;
    let page = |before| {
        store.attention(AttentionFilter { before, limit: PAGE_LENGTH_MAX, ..AttentionFilter::default() })
    };
    let open = all_pages(|item| item.id, page).await?;
    let mut taken_up = Vec::new();
    // The oldest first, so that periods follow each other in the order of the payments.
    for item in open.iter().rev().filter(|item| item.reason == reason) {
        let Subject::Payment(id) = item.subject else { continue };
        let replayed = match replay(session, id).await {
            Ok(replayed) => replayed,
            // What was asked for is done; this payment stays in the list.
            Err(error) => {
                output::hint(&format!("payment {id} still waits: {error}"));
                continue;
            }
        };
        let granted = replayed.iter().any(|event| event.granted);
        if let Some(last) = replayed.last()
            && let Some(order_id) = last.order_id
        {
            taken_up.push(TakenUp { payment_id: view::payment_id(id), order_id, state: last.state, granted });
        }
    }
    Ok(taken_up)
}
