//! The provider's API under `/v1`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::faults::{self, ApiCall, FaultKind};
use super::model::{NewPayment, SandboxInvoice};
use super::notice::{Number, json};
use super::request::{Input, Refusal, currency_unavailable};
use super::state::{self, SandboxError, State as World};
use super::wire::{CoinRow, InvoiceAnswer, PaymentAnswer, PaymentRow};
use super::{Shared, coins};
use crate::{ProviderInvoiceId, ProviderPaymentId};

pub(super) type Answer = Result<Response, Refusal>;
pub(super) type SharedState = State<Arc<Shared>>;

pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let v1 = Router::new()
        .route("/status", get(status))
        .route("/auth", post(auth))
        .route("/currencies", get(currencies))
        .route("/full-currencies", get(full_currencies))
        .route("/merchant/coins", get(merchant_coins))
        .route("/min-amount", get(min_amount))
        .route("/estimate", get(estimate))
        .route("/invoice", post(create_invoice))
        .route("/invoice-payment", post(invoice_payment))
        .route("/payment", post(create_payment).get(super::list::list_payments))
        .route("/payment/", get(super::list::list_payments))
        .route("/payment/{id}", get(get_payment))
        .fallback(|| async { Refusal::not_found("Endpoint not found") })
        .layer(middleware::from_fn_with_state(shared.clone(), count_and_fail));
    Router::new().nest("/v1", v1)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(serde::Serialize)]
        struct ErrorBody {
            status: bool,
            #[serde(rename = "statusCode")]
            status_code: u16,
            code: &'static str,
            message: String,
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body =
            ErrorBody { status: false, status_code: self.status, code: self.code, message: self.message };
        json_answer(status, json(&body))
    }
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NoPayment(_) | SandboxError::NoInvoice(_) => Self::not_found(error.to_string()),
            SandboxError::NoCurrency(currency) => currency_unavailable(&currency),
            SandboxError::BelowMinimum => Self::new(400, "AMOUNT_MINIMAL_ERROR", error.to_string()),
            SandboxError::PaymentExists(_) | SandboxError::NothingSent(_) | SandboxError::NotPositive => {
                Self::params(error.to_string())
            }
        }
    }
}

pub(super) fn json_answer(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// Asks the next GET /payment/:id to show another payment.
#[derive(Clone, Copy)]
struct ShowAnother;

/// Counts the call, and lets it fail where a fault is waiting for it.
async fn count_and_fail(State(shared): SharedState, mut request: Request, next: Next) -> Response {
    let Some(call) = ApiCall::of(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let fault = shared.change(|state, _| {
        *state.calls.entry(call).or_default() += 1;
        faults::take(&mut state.faults, call)
    });
    match fault {
        None => next.run(request).await,
        Some(FaultKind::Slow(time)) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Some(FaultKind::RateLimited { retry_after_seconds }) => {
            let refusal = Refusal::new(429, "TOO_MANY_REQUESTS", "Too many requests, please try again later");
            let mut response = refusal.into_response();
            if let Some(seconds) = retry_after_seconds {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Some(FaultKind::ServerError) => {
            Refusal::new(500, "INTERNAL_ERROR", "Internal server error").into_response()
        }
        Some(FaultKind::Html { status }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            let page = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>simulated proxy</body></html>";
            (status, axum::response::Html(page)).into_response()
        }
        Some(FaultKind::HalfABody) => cut(next.run(request).await).await,
        Some(FaultKind::BrokenOff) => broken_off(next.run(request).await).await,
        Some(FaultKind::AnotherPrice) => repriced(next.run(request).await).await,
        Some(FaultKind::Refused) => lost(),
        Some(FaultKind::AnswerLost) => {
            next.run(request).await;
            lost()
        }
        Some(FaultKind::AnotherPayment) => {
            request.extensions_mut().insert(ShowAnother);
            next.run(request).await
        }
    }
}

/// An answer's parts, without its length, and its body. Bodies of the simulator are whole and in memory.
async fn taken_apart(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, bytes)
}

async fn cut(response: Response) -> Response {
    let (parts, bytes) = taken_apart(response).await;
    Response::from_parts(parts, Body::from(bytes.slice(..bytes.len() / 2)))
}

/// Announces the whole body and ends the connection after half of it.
async fn broken_off(response: Response) -> Response {
    let (parts, bytes) = taken_apart(response).await;
    let half = Ok(bytes.slice(..bytes.len() / 2));
    let end = Err(std::io::Error::other("the connection was ended on purpose"));
    let mut response = Response::from_parts(parts, Body::from_stream(futures::stream::iter([half, end])));
    response.headers_mut().insert(header::CONTENT_LENGTH, bytes.len().into());
    response
}

/// Dollars become euros, and everything else dollars.
async fn repriced(response: Response) -> Response {
    const MEMBER: &str = "\"price_currency\":\"";
    let (parts, bytes) = taken_apart(response).await;
    let text = String::from_utf8_lossy(&bytes);
    let body = match text.split_once(MEMBER) {
        Some((before, rest)) => {
            let (currency, after) = rest.split_once('"').unwrap_or((rest, ""));
            let other = if currency.eq_ignore_ascii_case("usd") { "eur" } else { "usd" };
            format!("{before}{MEMBER}{other}\"{after}")
        }
        None => text.into_owned(),
    };
    Response::from_parts(parts, Body::from(body))
}

/// Announces a body and breaks off before its first byte; the server then closes the connection.
fn lost() -> Response {
    const BYTES_ANNOUNCED: u64 = 100;
    let broken =
        futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("the answer was lost on purpose"))]);
    let mut response = Response::new(Body::from_stream(broken));
    response.headers_mut().insert(header::CONTENT_LENGTH, BYTES_ANNOUNCED.into());
    response
}

/// The account that the key belongs to.
pub(super) fn account(world: &World, headers: &HeaderMap) -> Result<String, Refusal> {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let is_known =
        key == world.config.api_key || world.config.other_api_keys.iter().any(|other| other == key);
    if is_known && !key.is_empty() {
        Ok(key.to_owned())
    } else {
        Err(Refusal::new(403, "INVALID_API_KEY", "Invalid api key"))
    }
}

async fn status() -> Response {
    json_answer(StatusCode::OK, r#"{"message":"OK"}"#.into())
}

async fn auth(State(shared): SharedState, body: Bytes) -> Answer {
    let input = Input::read(&body)?;
    shared.change(|world, now| {
        let is_right = input.text("email").as_deref() == Some(&*world.config.email)
            && input.text("password").as_deref() == Some(&*world.config.password);
        if !is_right {
            return Err(Refusal::new(403, "ACCESS_DENIED", "Access denied"));
        }
        let token = world.new_token(now);
        Ok(json_answer(StatusCode::OK, json(&serde_json::json!({ "token": token }))))
    })
}

async fn currencies(State(shared): SharedState, headers: HeaderMap) -> Answer {
    account(&shared.look(), &headers)?;
    let codes: Vec<_> = coins::COINS.iter().map(|coin| coin.code).collect();
    Ok(json_answer(StatusCode::OK, json(&serde_json::json!({ "currencies": codes }))))
}

async fn full_currencies(State(shared): SharedState, headers: HeaderMap) -> Answer {
    account(&shared.look(), &headers)?;
    let rows: Vec<_> = coins::COINS.iter().enumerate().map(|(i, coin)| CoinRow::new(i + 1, coin)).collect();
    Ok(json_answer(StatusCode::OK, json(&serde_json::json!({ "currencies": rows }))))
}

async fn merchant_coins(State(shared): SharedState, headers: HeaderMap) -> Answer {
    account(&shared.look(), &headers)?;
    let codes: Vec<_> = coins::COINS.iter().map(|coin| coin.code.to_ascii_uppercase()).collect();
    Ok(json_answer(StatusCode::OK, json(&serde_json::json!({ "selectedCurrencies": codes }))))
}

#[derive(Deserialize)]
struct PairQuery {
    currency_from: Option<String>,
    currency_to: Option<String>,
    fiat_equivalent: Option<String>,
    amount: Option<String>,
}

impl PairQuery {
    fn from(&self) -> Result<&str, Refusal> {
        self.currency_from.as_deref().ok_or_else(|| Refusal::params("currency_from is required"))
    }
}

#[derive(serde::Serialize)]
struct MinimumAnswer<'a> {
    currency_from: &'a str,
    currency_to: &'a str,
    min_amount: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    fiat_equivalent: Option<Number>,
}

async fn min_amount(
    State(shared): SharedState,
    headers: HeaderMap,
    Query(query): Query<PairQuery>,
) -> Answer {
    let world = shared.look();
    account(&world, &headers)?;
    let from = query.from()?;
    let coin = coins::find(from).ok_or_else(|| currency_unavailable(from))?;
    let to = query.currency_to.as_deref().unwrap_or(&world.config.payout_currency);
    let fiat = match query.fiat_equivalent.as_deref() {
        None => None,
        Some(fiat) => {
            Some(coins::convert(coin.minimum(), from, fiat).ok_or_else(|| currency_unavailable(fiat))?)
        }
    };
    let answer = MinimumAnswer {
        currency_from: from,
        currency_to: to,
        min_amount: Number::plain(coin.minimum()),
        fiat_equivalent: fiat.map(Number::plain),
    };
    Ok(json_answer(StatusCode::OK, json(&answer)))
}

#[derive(serde::Serialize)]
struct EstimateAnswer<'a> {
    currency_from: &'a str,
    amount_from: Number,
    currency_to: &'a str,
    estimated_amount: Number,
}

async fn estimate(State(shared): SharedState, headers: HeaderMap, Query(query): Query<PairQuery>) -> Answer {
    account(&shared.look(), &headers)?;
    let from = query.from()?;
    let to = query.currency_to.as_deref().ok_or_else(|| Refusal::params("currency_to is required"))?;
    let amount = query.amount.as_deref().map(crate::Amount::from_text).and_then(|amount| amount.exact());
    let amount = amount.ok_or_else(|| Refusal::params("amount must be a number"))?;
    let estimated = coins::convert(amount, from, to)
        .ok_or_else(|| currency_unavailable(if coins::usd_price(from).is_none() { from } else { to }))?;
    let answer = EstimateAnswer {
        currency_from: from,
        amount_from: Number::plain(amount),
        currency_to: to,
        estimated_amount: Number::plain(estimated),
    };
    Ok(json_answer(StatusCode::OK, json(&answer)))
}

async fn create_invoice(State(shared): SharedState, headers: HeaderMap, body: Bytes) -> Answer {
    let api_key = account(&shared.look(), &headers)?;
    let input = Input::read(&body)?;
    let (price_amount, price_currency) = input.price()?;
    let pay_currency = input.text("pay_currency");
    if let Some(unknown) = pay_currency.as_deref().filter(|code| coins::find(code).is_none()) {
        return Err(currency_unavailable(unknown));
    }
    let (ipn_callback_url, success_url) = (input.uri("ipn_callback_url")?, input.uri("success_url")?);
    let (cancel_url, partially_paid_url) = (input.uri("cancel_url")?, input.uri("partially_paid_url")?);
    shared.change(|world, now| {
        let invoice = world.add_invoice(|id| SandboxInvoice {
            id,
            api_key,
            order_id: input.text("order_id"),
            order_description: input.text("order_description"),
            price_amount,
            price_currency,
            pay_currency,
            ipn_callback_url,
            success_url,
            cancel_url,
            partially_paid_url,
            is_fixed_rate: input.flag("is_fixed_rate") || input.flag("is_fee_paid_by_user"),
            is_fee_paid_by_user: input.flag("is_fee_paid_by_user"),
            created_at: now,
            payments: Vec::new(),
        });
        Ok(json_answer(StatusCode::CREATED, json(&InvoiceAnswer::new(&invoice, &world.base_url))))
    })
}

async fn create_payment(State(shared): SharedState, headers: HeaderMap, body: Bytes) -> Answer {
    let api_key = account(&shared.look(), &headers)?;
    let input = Input::read(&body)?;
    let (price_amount, price_currency) = input.price()?;
    let pay_currency =
        input.text("pay_currency").ok_or_else(|| Refusal::params("pay_currency is required"))?;
    let coin = coins::find(&pay_currency).ok_or_else(|| currency_unavailable(&pay_currency))?;
    let new = NewPayment {
        order_id: input.text("order_id"),
        order_description: input.text("order_description"),
        price_amount,
        price_currency,
        pay_amount: input.amount("pay_amount")?,
        pay_currency: coin.code.to_owned(),
        ipn_callback_url: input.uri("ipn_callback_url")?,
        is_fixed_rate: input.flag("is_fixed_rate") || input.flag("is_fee_paid_by_user"),
        ..NewPayment::usd(price_amount)
    };
    let is_fee_paid_by_user = input.flag("is_fee_paid_by_user");
    state::check_minimum(&new)?;
    let case = input.text("case").unwrap_or_default();
    let payment = shared.change(|world, now| {
        let payment = world.add_payment(api_key, new, is_fee_paid_by_user, now)?;
        world.play_case(payment.id, &case, now).map(|()| payment)
    })?;
    Ok(json_answer(StatusCode::CREATED, json(&PaymentAnswer::new(&payment))))
}

async fn invoice_payment(State(shared): SharedState, headers: HeaderMap, body: Bytes) -> Answer {
    let api_key = account(&shared.look(), &headers)?;
    let input = Input::read(&body)?;
    let iid = input.text("iid").ok_or_else(|| Refusal::params("iid is required"))?;
    let pay_currency =
        input.text("pay_currency").ok_or_else(|| Refusal::params("pay_currency is required"))?;
    let payment = shared.change(|world, now| {
        let id = ProviderInvoiceId::parse(&iid)
            .filter(|id| world.invoices.get(id).is_some_and(|invoice| invoice.api_key == api_key));
        let id = id.ok_or_else(|| Refusal::not_found("Invoice not found"))?;
        world.choose_coin(id, &pay_currency, now).map_err(Refusal::from)
    })?;
    Ok(json_answer(StatusCode::CREATED, json(&PaymentAnswer::new(&payment))))
}

async fn get_payment(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    another: Option<Extension<ShowAnother>>,
) -> Answer {
    let world = shared.look();
    let api_key = account(&world, &headers)?;
    let own = |payment: &&super::SandboxPayment| payment.api_key == api_key;
    let id =
        ProviderPaymentId::parse(&id).ok_or_else(|| Refusal::params("paymentId should be a valid number"))?;
    let payment =
        world.payments.get(&id).filter(own).ok_or_else(|| Refusal::not_found("Payment not found"))?;
    let mut shown = payment.clone();
    if another.is_some() {
        let other = world.payments.values().filter(own).find(|other| other.id != id).cloned();
        shown = other.unwrap_or_else(|| {
            let neighbour = ProviderPaymentId::new(id.get() ^ 1).unwrap_or(id);
            super::SandboxPayment { id: neighbour, ..payment.clone() }
        });
    }
    Ok(json_answer(StatusCode::OK, json(&PaymentRow::new(&shown).hiding_parent(world.hides_parents))))
}
