//! GET /payment/: every payment of the account, by pages.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;

use super::api::{Answer, SharedState, account, json_answer};
use super::model::SandboxPayment;
use super::notice::json;
use super::request::Refusal;
use super::wire::{PaymentPage, PaymentRow};
use crate::ProviderInvoiceId;

/// Rows of a page, if the caller does not say.
const PAGE_ROWS_DEFAULT: usize = 10;

/// Most rows of a page (nowpayments.md section 6).
const PAGE_ROWS_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListQuery {
    limit: Option<String>,
    page: Option<String>,
    sort_by: Option<String>,
    order_by: Option<String>,
    date_from: Option<String>,
    date_to: Option<String>,
    invoice_id: Option<String>,
}

pub(super) async fn list_payments(
    State(shared): SharedState,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    let now = shared.now();
    let world = shared.look();
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    if token.is_empty() {
        let message = "Authorization header is empty (Bearer JWTtoken is required)";
        return Err(Refusal::new(401, "AUTH_REQUIRED", message));
    }
    if !world.is_token_valid(token, now) {
        return Err(Refusal::new(401, "AUTH_REQUIRED", "Bearer JWTtoken is invalid or expired"));
    }
    let api_key = account(&world, &headers)?;

    let limit = whole(query.limit.as_deref(), "limit", PAGE_ROWS_DEFAULT)?;
    let page = whole(query.page.as_deref(), "page", 0)?;
    if !(1..=PAGE_ROWS_MAX).contains(&limit) {
        return Err(Refusal::params(format!("limit must be from 1 to {PAGE_ROWS_MAX}")));
    }
    let from = query.date_from.as_deref().map(|text| instant(text, "dateFrom")).transpose()?;
    let to = query.date_to.as_deref().map(|text| instant(text, "dateTo")).transpose()?;
    let invoice = match query.invoice_id.as_deref() {
        None => None,
        Some(text) => Some(
            ProviderInvoiceId::parse(text).ok_or_else(|| Refusal::params("invoiceId must be a number"))?,
        ),
    };

    let mut rows: Vec<&SandboxPayment> = world
        .payments
        .values()
        .filter(|payment| payment.api_key == api_key)
        .filter(|payment| from.is_none_or(|from| payment.created_at >= from))
        .filter(|payment| to.is_none_or(|to| payment.created_at <= to))
        .filter(|payment| invoice.is_none_or(|invoice| payment.invoice_id == Some(invoice)))
        .collect();
    sort(&mut rows, query.sort_by.as_deref().unwrap_or("created_at"))?;
    if query.order_by.as_deref().is_none_or(|order| order.eq_ignore_ascii_case("desc")) {
        rows.reverse();
    }
    let total = rows.len();
    let answer = PaymentPage {
        data: rows
            .into_iter()
            .skip(page.saturating_mul(limit))
            .take(limit)
            .map(|payment| PaymentRow::listed(payment).hiding_parent(world.hides_parents))
            .collect(),
        limit,
        page,
        pages_count: total.div_ceil(limit),
        total,
    };
    Ok(json_answer(StatusCode::OK, json(&answer)))
}

/// Rows are in the order of their ids, which decides among equals.
fn sort(rows: &mut [&SandboxPayment], by: &str) -> Result<(), Refusal> {
    match by {
        "created_at" => rows.sort_by_key(|payment| payment.created_at),
        "updated_at" => rows.sort_by_key(|payment| payment.updated_at),
        "payment_id" => {}
        "payment_status" => rows.sort_by(|a, b| a.status.as_str().cmp(b.status.as_str())),
        "pay_amount" => rows.sort_by_key(|payment| payment.pay_amount),
        "price_amount" => rows.sort_by_key(|payment| payment.price_amount),
        "outcome_amount" => rows.sort_by_key(|payment| payment.outcome_amount),
        "actually_paid" => rows.sort_by_key(|payment| payment.actually_paid),
        _ => return Err(Refusal::params("sortBy is not a known column")),
    }
    Ok(())
}

fn whole(text: Option<&str>, name: &str, default: usize) -> Result<usize, Refusal> {
    text.map_or(Ok(default), |text| {
        text.parse().map_err(|_| Refusal::params(format!("{name} must be a whole number")))
    })
}

/// An instant, or a day, which stands for its first instant in UTC.
fn instant(text: &str, name: &str) -> Result<Timestamp, Refusal> {
    text.parse::<Timestamp>()
        .or_else(|_| format!("{text}T00:00:00Z").parse::<Timestamp>())
        .map_err(|_| Refusal::params(format!("{name} must be a date")))
}
