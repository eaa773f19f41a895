//! `tollhouse payment recover`: a payment whose notification never came, or that names no order.

use std::collections::BTreeSet;

use serde::Serialize;
use tollhouse_core::attention::Reason;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_core::id::{AttentionId, OrderId, ProviderPaymentId};
use tollhouse_core::order::OrderState;
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;

use super::error::CliError;
use super::output::{self, block, or_nothing};
use super::payment::{self, items_in_short};
use super::session::{Session, unexpected};
use crate::config::ConfigError;
use crate::intake::{self, Envelope};
use crate::provider::{Answer, ProviderError};
use crate::view;

/// What a recovery came to. A repeat gives the same, but for what this run did: `verdict`, `reason`, `changed` and `gave`.
#[derive(Debug, Serialize)]
struct Recovered {
    /// Our id.
    payment_id: String,
    /// The provider's number.
    provider_payment_id: ProviderPaymentId,
    /// The payment's status now.
    status: PaymentStatus,
    /// What became of the provider's answer, the binding included; `null` where it was not asked or gave none.
    verdict: Option<Verdict>,
    /// Why, where the verdict alone does not say.
    reason: Option<String>,
    /// The order that it pays; `null` if it pays none.
    order_id: Option<OrderId>,
    /// What the order has come to.
    order_state: Option<OrderState>,
    /// Whether the order has given access.
    granted: bool,
    /// Whether it was this run that gave it.
    gave: bool,
    /// Whether this run changed anything.
    changed: bool,
    /// What waits for a person about the payment or its order.
    attention: Vec<view::Attention>,
}

/// What there was before a run.
struct Before {
    bound: Option<OrderId>,
    /// Whether the order that the payment is to be bound to had its access.
    granted: bool,
    /// What waited for a person.
    open: BTreeSet<AttentionId>,
}

/// Carries the command out.
pub(super) async fn run(
    session: &Session,
    id: ProviderPaymentId,
    order: Option<OrderId>,
) -> Result<(), CliError> {
    let needs = Needs { payments: [id].into(), orders: order.into_iter().collect(), ..Needs::default() };
    let rows = session.app.store.snapshot(needs).await?;
    let is_known = rows.payments.contains(&id);
    let before = Before {
        bound: rows.payments.get(&id).and_then(|payment| payment.order_id),
        granted: order.is_some_and(|order_id| has_access(&rows, order_id)),
        open: rows.attention.values().filter(|item| item.is_open()).map(|item| item.id).collect(),
    };
    let taken = match ask(session, id).await {
        Ok(answer) => Some(take(session, answer, rows.payments.get(&id)).await?),
        // Binding needs nothing from the provider if the payment is known.
        Err(Silence::Mendable(why)) if order.is_some() && is_known => {
            output::hint(&format!("{why}; the payment is bound by what is stored of it"));
            None
        }
        Err(Silence::Mendable(error) | Silence::Final(error)) => return Err(error),
    };
    if let Some(order_id) = order {
        let bind = Command::BindPayment { payment_id: id, order_id, actor: session.actor.clone() };
        session.submit(bind).await?;
    }
    let recovered = sum_up(session, id, &before, taken).await?;
    Ok(session.out.answer(&recovered, text)?)
}

fn has_access(rows: &Snapshot, order_id: OrderId) -> bool {
    rows.grant_of(order_id).is_some_and(|grant| grant.revoked.is_none())
}

/// Why there is no answer.
enum Silence {
    /// The provider could not be asked; it may know the payment all the same.
    Mendable(CliError),
    /// It does not know the payment.
    Final(CliError),
}

async fn ask(session: &Session, id: ProviderPaymentId) -> Result<Answer, Silence> {
    let Some(provider) = &session.app.provider else {
        let problem = "missing; without it the provider cannot be asked for a payment".to_owned();
        let error = ConfigError { key: "TOLLHOUSE_NOWPAYMENTS_API_KEY".to_owned(), problem };
        return Err(Silence::Mendable(error.into()));
    };
    provider.payment(id).await.map_err(|error| {
        let sentence = CliError::Failed(format!("payment {id}: {error}"));
        match error {
            ProviderError::NotFound => Silence::Final(sentence),
            ProviderError::Client(_) => Silence::Mendable(sentence),
        }
    })
}

/// What the provider's answer came to when it was worked in.
struct Taken {
    verdict: Verdict,
    reason: Option<String>,
    order_id: Option<OrderId>,
    gave: bool,
}

async fn take(session: &Session, answer: Answer, known: Option<&Payment>) -> Result<Taken, CliError> {
    let envelope = Envelope {
        received_at: session.now(),
        source: EventSource::Recovery,
        signature_form: None,
        headers: "{}".to_owned(),
    };
    let mut received = intake::received(envelope, answer.body, &answer.notification)
        .map_err(|error| CliError::Failed(format!("the provider's answer cannot be used: {error}")))?;
    intake::keep_parent(&mut received, known);
    match session.submit(Command::Notification(Box::new(received))).await? {
        Outcome::Notification { verdict, reason, order_id, granted, .. } => {
            Ok(Taken { verdict, reason, order_id, gave: granted })
        }
        other => Err(unexpected(&other)),
    }
}

async fn sum_up(
    session: &Session,
    id: ProviderPaymentId,
    before: &Before,
    taken: Option<Taken>,
) -> Result<Recovered, CliError> {
    let rows = payment::story(session, id).await?;
    let payment = rows.payments.get(&id);
    let payment = payment.ok_or_else(|| CliError::Failed(format!("payment {id} is not recorded")))?;
    let order_id = payment.order_id;
    let order_state =
        order_id.and_then(|order_id| rows.orders.get(&order_id)).map(|order| order.state_at(session.now()));
    let granted = order_id.is_some_and(|order_id| has_access(&rows, order_id));
    let items = view::open_items(&rows, id, order_id);
    let news =
        taken.as_ref().is_some_and(|taken| matches!(taken.verdict, Verdict::Applied | Verdict::Parked));
    let by_answer = taken.as_ref().is_some_and(|taken| taken.gave);
    let is_bound_by_hand =
        order_id != before.bound && taken.as_ref().is_none_or(|taken| taken.order_id.is_none());
    let (verdict, reason) = match taken {
        // What the answer came to alone is overtaken: the payment has its order now.
        Some(_) if is_bound_by_hand => {
            let opened = items.iter().filter(|item| !before.open.contains(&item.id));
            match opened.map(|item| item.reason).filter(|reason| *reason != Reason::Underpaid).min() {
                Some(reason) => (Some(Verdict::Parked), Some(reason.as_str().to_owned())),
                None => (Some(Verdict::Applied), None),
            }
        }
        Some(taken) => (Some(taken.verdict), taken.reason),
        None => (None, None),
    };
    Ok(Recovered {
        payment_id: view::payment_id(id),
        provider_payment_id: id,
        status: payment.status.clone(),
        verdict,
        reason,
        order_id,
        order_state,
        granted,
        gave: by_answer || (is_bound_by_hand && granted && !before.granted),
        changed: news || order_id != before.bound,
        attention: items.into_iter().map(|item| view::Attention::among(item, &rows)).collect(),
    })
}

fn text(recovered: &Recovered) -> String {
    let order = match (recovered.order_id, recovered.order_state) {
        (Some(id), Some(state)) => format!("{id} ({})", state.as_str()),
        (id, _) => or_nothing(id),
    };
    let news = match (recovered.changed, recovered.order_id) {
        (true, Some(_)) if recovered.gave => "worked in: access was given",
        (true, Some(_)) if recovered.granted => {
            "worked in: it gave nothing, since the order had given access before"
        }
        (true, Some(_)) => "worked in: it gave no access",
        (true, None) => {
            "stored; it pays no order yet: see `tollhouse attention list`, or repeat with --order"
        }
        (false, _) => "nothing new: all of this was known already",
    };
    let mut lines = vec![
        ("Payment", recovered.payment_id.clone()),
        ("Status", recovered.status.to_string()),
        ("Order", order),
        ("Access", if recovered.granted { "given" } else { "not given" }.to_owned()),
        ("Result", news.to_owned()),
    ];
    if !recovered.attention.is_empty() {
        lines.push(("For a person", items_in_short(&recovered.attention)));
    }
    block(&lines)
}
