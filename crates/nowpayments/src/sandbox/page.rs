//! The hosted invoice page, where a person picks a coin and pays in one of the ways that people pay. It says that it is no real one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::api::SharedState;
use super::buyer::BuyerAction;
use super::coins;
use super::model::{SandboxInvoice, SandboxPayment};
use super::state::{SandboxError, State as World};
use super::steer::{PageLink, page_links, payment_controls};
use super::{Shared, wire};
use crate::{ProviderInvoiceId, ProviderPaymentId, Status};

/// While statuses still move the page looks again after this.
const REFRESH_SECONDS: u8 = 2;

const STYLE: &str = include_str!("page.css");

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/payment", get(show))
        .route("/payment/", get(show))
        .route("/payment/choose", post(choose))
        .route("/payment/act", post(act))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InvoiceQuery {
    iid: Option<String>,
    payment_id: Option<String>,
}

async fn show(State(shared): SharedState, Query(query): Query<InvoiceQuery>) -> Response {
    let world = shared.look();
    if let Some(text) = &query.payment_id {
        return match ProviderPaymentId::parse(text).and_then(|id| world.payments.get(&id)) {
            Some(payment) => wallet_page(&world, payment).into_response(),
            None => refused(StatusCode::NOT_FOUND, "There is no such payment."),
        };
    }
    let id = query.iid.as_deref().and_then(ProviderInvoiceId::parse);
    match id.and_then(|id| world.invoices.get(&id)) {
        Some(invoice) => invoice_page(&world, invoice).into_response(),
        None => refused(StatusCode::NOT_FOUND, "There is no such invoice."),
    }
}

#[derive(Deserialize)]
struct ChooseForm {
    iid: String,
    coin: String,
}

async fn choose(State(shared): SharedState, Form(form): Form<ChooseForm>) -> Response {
    let Some(id) = ProviderInvoiceId::parse(&form.iid) else {
        return refused(StatusCode::NOT_FOUND, "There is no such invoice.");
    };
    match shared.change(|world, now| world.choose_coin(id, &form.coin, now)) {
        Ok(_) => back_to(&shared, Some(id)),
        Err(SandboxError::BelowMinimum) => refused(
            StatusCode::BAD_REQUEST,
            "The price is below the smallest amount in this coin. Choose another one.",
        ),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct ActForm {
    payment_id: String,
    action: String,
}

async fn act(State(shared): SharedState, Form(form): Form<ActForm>) -> Response {
    let parsed = ProviderPaymentId::parse(&form.payment_id).zip(BuyerAction::from_name(&form.action));
    let Some((id, action)) = parsed else {
        return refused(StatusCode::BAD_REQUEST, "There is no such payment or action.");
    };
    match shared.change(|world, now| world.buyer(id, action, now)) {
        Ok(()) => {
            let invoice = shared.look().payments.get(&id).and_then(|payment| payment.invoice_id);
            match invoice {
                Some(_) => back_to(&shared, invoice),
                None => Redirect::to(&payment_path(id)).into_response(),
            }
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// The invoice's page again, or the list of everything for a payment without one.
fn back_to(shared: &Shared, invoice: Option<ProviderInvoiceId>) -> Response {
    match invoice {
        Some(id) => Redirect::to(&wire::invoice_url("", id)).into_response(),
        None => {
            let base_url = shared.look().base_url.clone();
            Redirect::to(&format!("{base_url}/sandbox")).into_response()
        }
    }
}

/// Where a payment without an invoice is paid: the merchant shows its address on a page of its own.
pub(super) fn payment_path(id: ProviderPaymentId) -> String {
    format!("/payment/?paymentId={id}")
}

pub(super) fn page(title: &str, is_moving: bool, links: &[PageLink], content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                @if is_moving { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                title { (title) " · simulation" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                div.page {
                    header.top {
                        (page_links(links))
                        p.note role="note" { strong { "Simulation, not real money." } " Nothing that you do here costs or earns anything." }
                    }
                    main { h1 { (title) } (content) }
                }
            }
        }
    }
}

pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    (status, page("Invoice", false, &[], &html! { p { (message) } })).into_response()
}

/// What a wallet would show that was given the payment's address.
fn wallet_page(world: &World, payment: &SandboxPayment) -> Markup {
    let content = html! {
        p.soft { "A wallet that has scanned this payment, so that it can be tried without one." }
        (payment_section(world, payment))
        @for child in payment.children.iter().filter_map(|id| world.payments.get(id)) { (payment_section(world, child)) }
        p { a href="/" { "Everything at the simulated provider" } }
    };
    page("Pay as a wallet does", is_moving(&[payment]), &world.page_links, &content)
}

/// Whether statuses are still to come by themselves.
fn is_moving(payments: &[&SandboxPayment]) -> bool {
    payments
        .iter()
        .any(|payment| matches!(payment.status, Status::Confirming | Status::Confirmed | Status::Sending))
}

fn invoice_page(world: &World, invoice: &SandboxInvoice) -> Markup {
    let payments: Vec<&SandboxPayment> =
        invoice.payments.iter().filter_map(|id| world.payments.get(id)).collect();
    let content = html! {
        div.price {
            strong { (invoice.price_amount) " " (invoice.price_currency.to_uppercase()) }
            @if let Some(description) = &invoice.order_description { span { (description) } }
            small { "Invoice " (invoice.id) }
        }
        @for payment in &payments { (payment_section(world, payment)) }
        @if payments.is_empty() {
            section { h2 { "Choose a coin" } (coin_choice(invoice)) }
        } @else {
            details { summary { "Pay in another coin" } (coin_choice(invoice)) }
        }
        (ways_back(invoice, &payments))
    };
    page("Pay an invoice", is_moving(&payments), &world.page_links, &content)
}

fn payment_section(world: &World, payment: &SandboxPayment) -> Markup {
    let missing = world.missing(payment.id).unwrap_or_default();
    let is_offered = |action: BuyerAction| match action {
        _ if payment.parent.is_some() => false,
        BuyerAction::Rest => {
            payment.status == Status::PartiallyPaid && missing.is_sign_positive() && !missing.is_zero()
        }
        BuyerAction::Exactly => matches!(payment.status, Status::Waiting | Status::Expired),
        _ => payment.status == Status::Waiting,
    };
    html! {
        section {
            header {
                h2 { @if payment.parent.is_some() { "Further deposit " } @else { "Payment " } (payment.id) }
                strong.badge.(payment.status) id={ "status-" (payment.id) } { (payment.status) }
            }
            dl {
                dt { "Send exactly" } dd.amount { (payment.pay_amount) " " (payment.pay_currency.to_uppercase()) }
                dt { "To" } dd.wide { code { (payment.pay_address) } }
                @if let Some(memo) = &payment.payin_extra_id { dt { "With memo" } dd { code { (memo) } } }
                dt { "Arrived" } dd { (payment.actually_paid) " " (payment.pay_currency.to_uppercase()) }
            }
            @if BuyerAction::ALL.iter().any(|(action, ..)| is_offered(*action)) {
                form method="post" action="/payment/act" {
                    input type="hidden" name="payment_id" value=(payment.id);
                    @for (action, name, words) in BuyerAction::ALL {
                        @if is_offered(action) {
                            button.first[matches!(action, BuyerAction::Exactly | BuyerAction::Rest)] name="action" value=(name) { (words) }
                        }
                    }
                }
            }
            @if payment.parent.is_none() { (payment_controls(world, payment)) }
        }
    }
}

fn ways_back(invoice: &SandboxInvoice, payments: &[&SandboxPayment]) -> Markup {
    let has = |status: Status| payments.iter().any(|payment| payment.status == status);
    let link = if has(Status::Finished) {
        invoice.success_url.as_ref().map(|url| (url, "Back to the merchant"))
    } else if has(Status::PartiallyPaid) {
        invoice.partially_paid_url.as_ref().map(|url| (url, "Back to the merchant, partially paid"))
    } else {
        invoice.cancel_url.as_ref().map(|url| (url, "Cancel and go back"))
    };
    html! { @if let Some((url, words)) = link { a.back href=(url) { (words) } } }
}

fn coin_choice(invoice: &SandboxInvoice) -> Markup {
    let choices = coins::COINS.iter().filter(|coin| {
        invoice.pay_currency.as_ref().is_none_or(|fixed| fixed.eq_ignore_ascii_case(coin.code))
    });
    html! {
        form method="post" action="/payment/choose" {
            input type="hidden" name="iid" value=(invoice.id);
            @for coin in choices {
                @if let Some(amount) = coins::convert(invoice.price_amount, &invoice.price_currency, coin.code) {
                    button name="coin" value=(coin.code) { (coin.name) small { (amount) " " (coin.code.to_uppercase()) } }
                }
            }
        }
    }
}
