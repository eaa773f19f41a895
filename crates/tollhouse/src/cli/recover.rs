//! `tollhouse payment recover`: a payment whose notification never came, or that names no order.

use serde::Serialize;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_core::id::{OrderId, ProviderPaymentId};
use tollhouse_core::order::OrderState;
use tollhouse_core::status::PaymentStatus;

use super::error::CliError;
use super::output::{self, block, or_nothing};
use super::payment::load;
use super::session::{Session, unexpected};
use super::{order, payment};
use crate::config::ConfigError;
use crate::intake::{self, Envelope};
use crate::provider::{Answer, ProviderError};
use crate::view;

/// What a recovery came to. A repeat gives the same, but for `verdict` and `changed`.
#[derive(Debug, Serialize)]
struct Recovered {
    /// Our id.
    payment_id: String,
    /// The provider's number.
    provider_payment_id: ProviderPaymentId,
    /// The payment's status now.
    status: PaymentStatus,
    /// What became of the provider's answer; `null` where it was not asked or gave none.
    verdict: Option<Verdict>,
    /// Why, where the verdict alone does not say.
    reason: Option<String>,
    /// The order that it pays; `null` if it pays none.
    order_id: Option<OrderId>,
    /// What the order has come to.
    order_state: Option<OrderState>,
    /// Whether the order has given access.
    granted: bool,
    /// Whether this run changed anything.
    changed: bool,
}

/// Carries the command out.
pub(super) async fn run(
    session: &Session,
    id: ProviderPaymentId,
    order: Option<OrderId>,
) -> Result<(), CliError> {
    let before = load(session, id).await?;
    let bound_before = before.as_ref().and_then(|payment| payment.order_id);
    let (verdict, reason) = match ask(session, id).await {
        Ok(answer) => {
            let (verdict, reason) = take(session, answer).await?;
            (Some(verdict), reason)
        }
        // Binding needs nothing from the provider if the payment is known.
        Err(Silence::Mendable(why)) if order.is_some() && before.is_some() => {
            output::hint(&format!("{why}; the payment is bound by what is stored of it"));
            (None, None)
        }
        Err(Silence::Mendable(error) | Silence::Final(error)) => return Err(error),
    };
    if let Some(order_id) = order {
        let bind = Command::BindPayment { payment_id: id, order_id, actor: session.actor.clone() };
        session.submit(bind).await?;
    }
    let recovered = sum_up(session, id, bound_before, verdict, reason).await?;
    Ok(session.out.answer(&recovered, text)?)
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

async fn take(session: &Session, answer: Answer) -> Result<(Verdict, Option<String>), CliError> {
    let envelope = Envelope {
        received_at: session.now(),
        source: EventSource::Recovery,
        signature_form: None,
        headers: "{}".to_owned(),
    };
    let received = intake::received(envelope, answer.body, &answer.notification)
        .map_err(|error| CliError::Failed(format!("the provider's answer cannot be used: {error}")))?;
    match session.submit(Command::Notification(Box::new(received))).await? {
        Outcome::Notification { verdict, reason, .. } => Ok((verdict, reason)),
        other => Err(unexpected(&other)),
    }
}

async fn sum_up(
    session: &Session,
    id: ProviderPaymentId,
    bound_before: Option<OrderId>,
    verdict: Option<Verdict>,
    reason: Option<String>,
) -> Result<Recovered, CliError> {
    let payment = payment::load(session, id).await?;
    let payment = payment.ok_or_else(|| CliError::Failed(format!("payment {id} is not recorded")))?;
    let (order_state, granted) = match payment.order_id {
        None => (None, false),
        Some(order_id) => {
            let story = order::story(session, order_id).await?;
            let state = story.orders.get(&order_id).map(|order| order.state_at(session.now()));
            (state, story.grant_of(order_id).is_some_and(|grant| grant.revoked.is_none()))
        }
    };
    let news = matches!(verdict, Some(Verdict::Applied | Verdict::Parked));
    Ok(Recovered {
        payment_id: view::payment_id(id),
        provider_payment_id: id,
        status: payment.status,
        verdict,
        reason,
        order_id: payment.order_id,
        order_state,
        granted,
        changed: news || payment.order_id != bound_before,
    })
}

fn text(recovered: &Recovered) -> String {
    let order = match (recovered.order_id, recovered.order_state) {
        (Some(id), Some(state)) => format!("{id} ({})", state.as_str()),
        (id, _) => or_nothing(id),
    };
    let news = match (recovered.changed, recovered.order_id) {
        (true, Some(_)) => "worked in",
        (true, None) => {
            "stored; it pays no order yet: see `tollhouse attention list`, or repeat with --order"
        }
        (false, _) => "nothing new: all of this was known already",
    };
    block(&[
        ("Payment", recovered.payment_id.clone()),
        ("Status", recovered.status.to_string()),
        ("Order", order),
        ("Access", if recovered.granted { "given" } else { "not given" }.to_owned()),
        ("Result", news.to_owned()),
    ])
}
