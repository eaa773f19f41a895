//! The control surface over HTTP, under `/sandbox`: JSON in and out, and one page for people.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::SignedDuration;
use maud::html;
use serde::Serialize;

use super::api::{Answer, SharedState, json_answer};
use super::buyer::BuyerAction;
use super::faults::{ApiCall, ApiFault, FaultKind};
use super::model::{Change, Child, Delivery, Fees, NewPayment};
use super::notice::json;
use super::request::{Input, Refusal};
use super::state::{SandboxError, State as World};
use super::wire::{self, InvoiceAnswer, PaymentRow};
use super::{BodyStyle, DeliveryFaults, ReleaseOrder, Shared, Spelling};
use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(overview))
        .route("/sandbox", get(overview))
        .route("/sandbox/payments", get(payments).post(create_payment))
        .route("/sandbox/payments/{id}", get(payment))
        .route("/sandbox/payments/{id}/status", post(set_status))
        .route("/sandbox/payments/{id}/pay", post(pay))
        .route("/sandbox/payments/{id}/buyer", post(buyer))
        .route("/sandbox/payments/{id}/child", post(child))
        .route("/sandbox/payments/{id}/refund", post(refund))
        .route("/sandbox/payments/{id}/resend", post(resend))
        .route("/sandbox/invoices", get(invoices))
        .route("/sandbox/invoices/{id}/choose", post(choose))
        .route("/sandbox/deliveries", get(deliveries))
        .route("/sandbox/send", post(send_body))
        .route("/sandbox/hold", post(hold))
        .route("/sandbox/release", post(release))
        .route("/sandbox/drop", post(drop_next))
        .route("/sandbox/delivery-faults", post(delivery_faults))
        .route("/sandbox/style", post(style))
        .route("/sandbox/api-faults", post(api_fault).delete(mend))
}

fn ok(value: &impl Serialize) -> Answer {
    Ok(json_answer(StatusCode::OK, json(value)))
}

fn done() -> Answer {
    ok(&serde_json::json!({ "ok": true }))
}

fn payment_id(text: &str) -> Result<ProviderPaymentId, Refusal> {
    ProviderPaymentId::parse(text).ok_or_else(|| Refusal::params("the payment id must be 1 to 18 digits"))
}

/// A change of one payment, answered with the payment as it is then.
fn payment_change(
    shared: &Shared,
    id: &str,
    change: impl FnOnce(&mut World, ProviderPaymentId, jiff::Timestamp) -> Result<ProviderPaymentId, SandboxError>,
) -> Answer {
    let id = payment_id(id)?;
    let changed = shared.change(|world, now| {
        let shown = change(world, id, now)?;
        world.payment(shown).cloned()
    })?;
    ok(&PaymentRow::listed(&changed))
}

async fn payments(State(shared): SharedState) -> Answer {
    let world = shared.look();
    ok(&world.payments.values().map(PaymentRow::listed).collect::<Vec<_>>())
}

async fn payment(State(shared): SharedState, Path(id): Path<String>) -> Answer {
    let world = shared.look();
    ok(&PaymentRow::listed(world.payment(payment_id(&id)?)?))
}

async fn create_payment(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let price = input.amount("price_amount")?.ok_or_else(|| Refusal::params("price_amount is required"))?;
    let default = NewPayment::usd(price);
    let new = NewPayment {
        id: input.text("payment_id").map(|text| payment_id(&text)).transpose()?,
        invoice_id: input.text("invoice_id").as_deref().and_then(ProviderInvoiceId::parse),
        order_id: input.text("order_id"),
        order_description: input.text("order_description"),
        price_currency: input.text("price_currency").unwrap_or(default.price_currency),
        pay_amount: input.amount("pay_amount")?,
        pay_currency: input.text("pay_currency").unwrap_or(default.pay_currency),
        ipn_callback_url: input.text("ipn_callback_url"),
        is_fixed_rate: input.flag("is_fixed_rate"),
        price_amount: price,
    };
    let payment = shared.change(|world, now| {
        let api_key = world.config.api_key.clone();
        world.add_payment(api_key, new, false, now)
    })?;
    Ok(json_answer(StatusCode::CREATED, json(&PaymentRow::listed(&payment))))
}

async fn set_status(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let status = input.text("status").ok_or_else(|| Refusal::params("status is required"))?;
    let (deposit, service) = (input.amount("deposit_fee")?, input.amount("service_fee")?);
    let withdrawal = input.amount("withdrawal_fee")?;
    let has_fees = [deposit, service, withdrawal].iter().any(Option::is_some);
    let change = Change {
        actually_paid: input.amount("actually_paid")?,
        actually_paid_at_fiat: input.amount("actually_paid_at_fiat")?,
        outcome_amount: input.amount("outcome_amount")?,
        outcome_currency: input.text("outcome_currency"),
        fees: has_fees.then(|| Fees {
            deposit: deposit.unwrap_or_default(),
            service: service.unwrap_or_default(),
            withdrawal: withdrawal.unwrap_or_default(),
        }),
        without_notification: input.flag("without_notification"),
    };
    payment_change(&shared, &id, |world, id, now| {
        world.override_status(id, Status::from_text(&status), change, now).map(|payment| payment.id)
    })
}

/// Without an amount, exactly what was asked for.
async fn pay(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    let amount = Input::read(&body)?.amount("amount")?;
    payment_change(&shared, &id, |world, id, now| {
        let amount = amount.unwrap_or(world.payment(id)?.pay_amount);
        world.deposit(id, amount, now)
    })
}

async fn buyer(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    let action = Input::read(&body)?.text("action");
    let action = action.as_deref().and_then(BuyerAction::from_name);
    let action = action.ok_or_else(|| {
        let names: Vec<_> = BuyerAction::ALL.iter().map(|(_, name, _)| *name).collect();
        Refusal::params(format!("action must be one of {}", names.join(", ")))
    })?;
    payment_change(&shared, &id, |world, id, now| world.buyer(id, action, now).map(|()| id))
}

async fn child(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let child = Child {
        amount: input.amount("amount")?.ok_or_else(|| Refusal::params("amount is required"))?,
        pay_currency: input.text("pay_currency"),
        status: input.text("status").map_or(Status::Finished, |text| Status::from_text(&text)),
    };
    payment_change(&shared, &id, |world, id, now| world.add_child(id, child, now).map(|child| child.id))
}

async fn refund(State(shared): SharedState, Path(id): Path<String>) -> Answer {
    payment_change(&shared, &id, |world, id, now| {
        world.override_status(id, Status::Refunded, Change::default(), now).map(|payment| payment.id)
    })
}

async fn resend(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    /// More at once is a mistake in a script.
    const RESEND_TIMES_MAX: u32 = 10_000;
    let times = Input::read(&body)?.number::<u32>("times")?.unwrap_or(1).min(RESEND_TIMES_MAX);
    payment_change(&shared, &id, |world, id, now| world.resend(id, times, now).map(|()| id))
}

async fn invoices(State(shared): SharedState) -> Answer {
    let world = shared.look();
    ok(&world
        .invoices
        .values()
        .map(|invoice| InvoiceAnswer::new(invoice, &world.base_url))
        .collect::<Vec<_>>())
}

async fn choose(State(shared): SharedState, Path(id): Path<String>, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let id = ProviderInvoiceId::parse(&id).ok_or_else(|| Refusal::params("the invoice id must be digits"))?;
    let coin = input.text("pay_currency").ok_or_else(|| Refusal::params("pay_currency is required"))?;
    let payment = shared.change(|world, now| world.choose_coin(id, &coin, now))?;
    Ok(json_answer(StatusCode::CREATED, json(&PaymentRow::listed(&payment))))
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    number: u64,
    payment_id: Option<u64>,
    payment_status: Option<&'a str>,
    url: &'a str,
    state: &'static str,
    body: &'a str,
    signature: Option<&'a str>,
    attempts: Vec<AttemptRow<'a>>,
}

#[derive(Serialize)]
struct AttemptRow<'a> {
    at: String,
    status: Option<u16>,
    error: Option<&'a str>,
    answer: &'a str,
}

impl<'a> DeliveryRow<'a> {
    fn new(delivery: &'a Delivery) -> Self {
        let attempts = delivery.attempts.iter().map(|attempt| AttemptRow {
            at: wire::iso(attempt.at),
            status: attempt.outcome.as_ref().ok().copied(),
            error: attempt.outcome.as_ref().err().map(String::as_str),
            answer: &attempt.answer,
        });
        Self {
            number: delivery.number,
            payment_id: delivery.payment_id.map(|id| id.get()),
            payment_status: delivery.status.as_ref().map(Status::as_str),
            url: &delivery.url,
            state: delivery.state.as_str(),
            body: &delivery.body,
            signature: delivery.signature.as_deref(),
            attempts: attempts.collect(),
        }
    }
}

async fn deliveries(State(shared): SharedState) -> Answer {
    let world = shared.look();
    ok(&world.deliveries.values().map(DeliveryRow::new).collect::<Vec<_>>())
}

/// Any body, given as text, signed with the account's secret unless a signature is given.
async fn send_body(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let text = input.text("body").ok_or_else(|| Refusal::params("body is required"))?;
    let signature = input.text("signature");
    let number = shared.change(|world, now| {
        let url = input.text("url").or_else(|| world.config.default_ipn_url.clone());
        let url = url.ok_or_else(|| Refusal::params("url is required"))?;
        Ok::<_, Refusal>(world.send_body(url, text, signature, now))
    })?;
    ok(&serde_json::json!({ "number": number }))
}

async fn hold(State(shared): SharedState) -> Answer {
    shared.change(|world, _| world.is_holding = true);
    done()
}

async fn release(State(shared): SharedState, body: Bytes) -> Answer {
    let order = match Input::read(&body)?.text("order").as_deref() {
        None | Some("as_sent") => ReleaseOrder::AsSent,
        Some("reversed") => ReleaseOrder::Reversed,
        Some("shuffled") => ReleaseOrder::Shuffled,
        Some(_) => return Err(Refusal::params("order must be as_sent, reversed or shuffled")),
    };
    let released = shared.change(|world, now| world.release(order, now));
    ok(&serde_json::json!({ "released": released }))
}

/// Without a count, all notifications from now on.
async fn drop_next(State(shared): SharedState, body: Bytes) -> Answer {
    let count = Input::read(&body)?.number("count")?.unwrap_or(u64::MAX);
    shared.change(|world, _| world.drop_next = count);
    done()
}

/// What is not named is off.
async fn delivery_faults(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let percent = |name: &str| input.number::<u8>(name).map(|percent| percent.unwrap_or(0).min(100));
    let faults = DeliveryFaults {
        duplicate_percent: percent("duplicate_percent")?,
        drop_percent: percent("drop_percent")?,
        delay_max: SignedDuration::from_secs(input.number("delay_seconds_max")?.unwrap_or(0)),
        repeat_after: input.number("repeat_after_seconds")?.map(SignedDuration::from_secs),
    };
    shared.change(|world, _| world.delivery_faults = faults);
    done()
}

/// What is not named is as in production.
async fn style(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let in_transit = match input.text("in_transit").as_deref() {
        None | Some("javascript") => Spelling::JavaScript,
        Some("text") => Spelling::Text,
        Some("trailing_zeros") => Spelling::TrailingZeros,
        Some("exponent") => Spelling::Exponent,
        Some(_) => {
            return Err(Refusal::params("in_transit must be javascript, text, trailing_zeros or exponent"));
        }
    };
    let style = BodyStyle {
        amounts_as_text: input.flag("amounts_as_text"),
        fees_as_text: input.flag("fees_as_text"),
        updated_at: !input.flag("without_updated_at"),
        in_transit,
    };
    shared.change(|world, _| world.style = style);
    done()
}

async fn api_fault(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    let kind = match input.text("fault").unwrap_or_default().as_str() {
        "slow" => FaultKind::Slow(Duration::from_millis(input.number("milliseconds")?.unwrap_or(5_000))),
        "rate_limited" => {
            FaultKind::RateLimited { retry_after_seconds: input.number("retry_after_seconds")? }
        }
        "server_error" => FaultKind::ServerError,
        "html" => FaultKind::Html { status: input.number("status")?.unwrap_or(502) },
        "half_a_body" => FaultKind::HalfABody,
        "broken_off" => FaultKind::BrokenOff,
        "answer_lost" => FaultKind::AnswerLost,
        "refused" => FaultKind::Refused,
        "another_price" => FaultKind::AnotherPrice,
        "another_payment" => FaultKind::AnotherPayment,
        _ => {
            let known = "slow, rate_limited, server_error, html, half_a_body, broken_off, answer_lost, refused, another_price or another_payment";
            return Err(Refusal::params(format!("fault must be {known}")));
        }
    };
    let call = match input.text("call") {
        None => None,
        Some(name) => {
            let known = ApiCall::from_name(&name);
            Some(known.ok_or_else(|| Refusal::params(format!("there is no call {name}")))?)
        }
    };
    let times = input.number("times")?.unwrap_or(1);
    shared.change(|world, _| world.faults.push(ApiFault { call, kind, times }));
    done()
}

async fn mend(State(shared): SharedState) -> Answer {
    shared.change(|world, _| world.faults.clear());
    done()
}

/// The newest of each kind on the overview.
const OVERVIEW_ROWS_MAX: usize = 50;

async fn overview(State(shared): SharedState) -> Response {
    let world = shared.look();
    let content = html! {
        p { "The API is at " code { (world.base_url) "/v1" } "; the controls are under " code { "/sandbox/" } "." }
        h2 { "Invoices" }
        ul {
            @for invoice in world.invoices.values().rev().take(OVERVIEW_ROWS_MAX) {
                li {
                    a href=(wire::invoice_url("", invoice.id)) { (invoice.id) } " "
                    (invoice.price_amount) " " (invoice.price_currency) " " code { (invoice.order_id.as_deref().unwrap_or("")) }
                }
            }
        }
        h2 { "Payments" }
        ul {
            @for payment in world.payments.values().rev().take(OVERVIEW_ROWS_MAX) {
                li {
                    a href=(super::page::payment_path(payment.id)) { (payment.id) } " " strong { (payment.status) } " "
                    (payment.price_amount) " " (payment.price_currency) " " code { (payment.order_id.as_deref().unwrap_or("")) } " "
                    a href={ "/sandbox/payments/" (payment.id) } { "raw" }
                }
            }
        }
        h2 { "Notifications" }
        (super::steer::delivery_controls(&world, None))
        ul {
            @for delivery in world.deliveries.values().rev().take(OVERVIEW_ROWS_MAX) {
                li {
                    (delivery.number) " "
                    (delivery.status.as_ref().map_or("", |status| status.as_str())) " " strong { (delivery.state.as_str()) } " to "
                    code { (delivery.url) } " (" (delivery.attempts.len()) ")"
                }
            }
        }
        p { a href="/sandbox/deliveries" { "All notifications, with their bodies" } }
    };
    super::page::page("Simulated NOWPayments", false, &world.page_links, &content).into_response()
}
