//! From the provider's answers to our record: what adds something is taken in like a notification, the rest leaves no trace.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Parent, Received, Verdict};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order_ref::OrderRef;
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;

use super::Trouble;
use crate::app::App;
use crate::intake::{self, Envelope};
use crate::metrics;
use crate::provider::Answer;
use crate::view;

/// How many are submitted at once: what waits together is committed together, and the notifications' queue keeps its room.
const SUBMITS_AT_ONCE: usize = 64;

/// A payment of which the provider knew more than we did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Our id.
    #[serde(rename = "payment_id", serialize_with = "our_id")]
    pub id: ProviderPaymentId,
    /// Its status at the provider.
    pub status: PaymentStatus,
    /// Its status in our record; `null` where it was not in it.
    pub recorded_status: Option<PaymentStatus>,
    /// The order reference that the provider has.
    pub order_ref: Option<String>,
    /// What became of it; `null` where nothing was to be changed.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict alone does not say.
    pub reason: Option<String>,
    /// The order that it pays.
    pub order_id: Option<OrderId>,
    /// Whether it gave access.
    pub granted: bool,
}

fn our_id<S: Serializer>(id: &ProviderPaymentId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&view::payment_id(*id))
}

/// What became of some answers.
#[derive(Debug, Default)]
pub struct Taken {
    /// Those that told something new.
    pub found: Vec<Finding>,
    /// Payments that name nothing of ours, in an account that other programs use too.
    pub foreign: u64,
    /// Payments whose number is longer than any that can be kept.
    pub unreadable: u64,
}

/// Takes answers in; `dry_run` only looks.
///
/// # Errors
/// The store's; what was submitted by then stays.
pub async fn take(app: &App, answers: Vec<Answer>, dry_run: bool) -> Result<Taken, Trouble> {
    let mut taken = Taken::default();
    let now = app.clock.now();
    let mut received: Vec<Received> = Vec::with_capacity(answers.len());
    for answer in answers {
        match event_of(now, answer) {
            Some(event) => received.push(event),
            None => taken.unreadable += 1,
        }
    }
    let snapshot = app.store.snapshot(needs_of(&received)).await?;
    let mut news = Vec::new();
    for mut event in received {
        let known = snapshot.payments.get(&event.facts.payment_id);
        intake::keep_parent(&mut event, known);
        if app.config.nowpayments.shared_account && !is_ours(&event, &snapshot) {
            taken.foreign += 1;
        } else if tells_more(known, &event) {
            news.push((finding(&event, known), event));
        }
    }
    if dry_run {
        taken.found = news.into_iter().map(|(finding, _)| finding).collect();
        return Ok(taken);
    }
    let mut news = news.into_iter().peekable();
    while news.peek().is_some() {
        let together =
            news.by_ref().take(SUBMITS_AT_ONCE).map(|(finding, event)| submit(app, finding, event));
        for finding in join_all(together).await {
            taken.found.push(finding?);
        }
    }
    Ok(taken)
}

/// An answer as an event; `None` for a number that is longer than any that can be kept.
pub(super) fn event_of(now: Timestamp, answer: Answer) -> Option<Received> {
    let envelope = Envelope {
        received_at: now,
        source: EventSource::Poll,
        signature_form: None,
        headers: "{}".to_owned(),
    };
    let event = intake::received(envelope, answer.body, &answer.notification);
    event.inspect_err(|error| tracing::warn!(%error, "a payment of the provider's cannot be kept")).ok()
}

/// The payments that are told of, and their parents.
pub(super) fn needs_of(events: &[Received]) -> Needs {
    let mut payments: BTreeSet<ProviderPaymentId> = BTreeSet::new();
    for event in events {
        payments.insert(event.facts.payment_id);
        if let Parent::Payment(parent) = event.facts.parent {
            payments.insert(parent);
        }
    }
    Needs { payments, ..Needs::default() }
}

/// Whether a payment has to do with us: we know it, or its parent, or it carries a reference of ours or of the predecessor.
pub(super) fn is_ours(event: &Received, snapshot: &Snapshot) -> bool {
    let facts = &event.facts;
    let parent_is_ours = match facts.parent {
        Parent::Payment(parent) => snapshot.payments.contains(&parent),
        Parent::None | Parent::Unreadable => false,
    };
    parent_is_ours
        || snapshot.payments.contains(&facts.payment_id)
        || facts.order_ref.as_deref().is_some_and(|text| OrderRef::parse(text).is_some())
}

/// Whether an event would add to what is known. The bytes of two answers differ more easily than what they say, and what we learn by
/// asking every few minutes must not fill the log.
fn tells_more(known: Option<&Payment>, event: &Received) -> bool {
    let Some(known) = known else { return true };
    let (mut after, _) = Payment::absorb(Some(known), event);
    // How often and in which bytes it was said is nothing new.
    after.head_updated_at_ms = known.head_updated_at_ms;
    after.head_digest = known.head_digest;
    after.digests_seen.clone_from(&known.digests_seen);
    after.updated_at = known.updated_at;
    after != *known
}

fn finding(event: &Received, known: Option<&Payment>) -> Finding {
    Finding {
        id: event.facts.payment_id,
        status: event.facts.status.clone(),
        recorded_status: known.map(|known| known.status.clone()),
        order_ref: event.facts.order_ref.clone(),
        verdict: None,
        reason: None,
        order_id: known.and_then(|known| known.order_id),
        granted: false,
    }
}

async fn submit(app: &App, finding: Finding, event: Received) -> Result<Finding, Trouble> {
    let outcome = app.store.submit(Command::Notification(Box::new(event))).await??;
    let Outcome::Notification { verdict, reason, order_id, granted, .. } = outcome else {
        return Ok(finding);
    };
    metrics::reconciled(verdict.as_str());
    tracing::info!(
        payment_id = %finding.id, status = finding.status.as_str(), verdict = verdict.as_str(), granted,
        order_id = order_id.map(|id| id.to_string()), "the provider knew more of a payment than we did"
    );
    Ok(Finding { verdict: Some(verdict), reason, order_id, granted, ..finding })
}
