//! The provider's side for a person: what a merchant cannot press, and a page can. Refunds, repeats, lost and held notifications.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use maud::{Markup, html};
use serde::Deserialize;

use super::api::SharedState;
use super::model::{Change, SandboxPayment};
use super::page::{payment_path, refused};
use super::state::{SandboxError, State as World};
use super::{ReleaseOrder, Shared};
use crate::{ProviderPaymentId, Status};

/// A page of another program that this one's pages lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink {
    /// What it is called.
    pub label: String,
    /// Where it is.
    pub url: String,
}

/// "Many times" is this often.
const MANY_TIMES: u32 = 50;

/// Statuses that a person can set, in the order of a payment's life.
const STATUSES: [Status; 9] = [
    Status::Waiting,
    Status::Confirming,
    Status::Confirmed,
    Status::Sending,
    Status::Finished,
    Status::PartiallyPaid,
    Status::Failed,
    Status::Expired,
    Status::Refunded,
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/sandbox/steer", post(steer))
}

#[derive(Deserialize)]
struct SteerForm {
    action: String,
    payment_id: Option<String>,
    status: Option<String>,
}

async fn steer(State(shared): SharedState, Form(form): Form<SteerForm>) -> Response {
    let id = form.payment_id.as_deref().map(ProviderPaymentId::parse);
    let id = match id {
        Some(None) => return refused(StatusCode::NOT_FOUND, "There is no such payment."),
        Some(Some(id)) => Some(id),
        None => None,
    };
    let done = shared.change(|world, now| match (form.action.as_str(), id) {
        ("lose", _) => {
            world.drop_next = u64::MAX;
            Ok(true)
        }
        ("deliver", _) => {
            world.drop_next = 0;
            Ok(true)
        }
        ("hold", _) => {
            world.is_holding = true;
            Ok(true)
        }
        ("release", _) => {
            world.release(ReleaseOrder::Reversed, now);
            Ok(true)
        }
        ("refund", Some(id)) => {
            world.override_status(id, Status::Refunded, Change::default(), now).map(|_| true)
        }
        ("resend", Some(id)) => world.resend(id, 1, now).map(|()| true),
        ("resend_many", Some(id)) => world.resend(id, MANY_TIMES, now).map(|()| true),
        ("status", Some(id)) => {
            let status = Status::from_text(form.status.as_deref().unwrap_or_default());
            set(world, id, status, now).map(|()| true)
        }
        _ => Ok(false),
    });
    match (done, id) {
        (Ok(false), _) => refused(StatusCode::BAD_REQUEST, "There is no such action."),
        (Ok(true), Some(id)) => Redirect::to(&back(&shared, id)).into_response(),
        (Ok(true), None) => Redirect::to("/sandbox").into_response(),
        (Err(error), _) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// A status by hand. What ends well has been paid for.
fn set(
    world: &mut World,
    id: ProviderPaymentId,
    status: Status,
    now: jiff::Timestamp,
) -> Result<(), SandboxError> {
    let asked = world.payment(id)?.pay_amount;
    let actually_paid = (status == Status::Finished).then_some(asked);
    world.override_status(id, status, Change { actually_paid, ..Change::default() }, now).map(drop)
}

/// The page on which the payment is shown.
fn back(shared: &Shared, id: ProviderPaymentId) -> String {
    let invoice = shared.look().payments.get(&id).and_then(|payment| payment.invoice_id);
    invoice.map_or_else(|| payment_path(id), |invoice| super::wire::invoice_url("", invoice))
}

/// What NOWPayments can do with a payment, below what its payer can.
pub(super) fn payment_controls(world: &World, payment: &SandboxPayment) -> Markup {
    let can_be_refunded = matches!(payment.status, Status::Finished | Status::PartiallyPaid);
    let was_told = world.deliveries.values().any(|delivery| delivery.payment_id == Some(payment.id));
    let many = format!("Send it {MANY_TIMES} times more");
    html! {
        details id={ "steer-" (payment.id) } {
            summary { "What NOWPayments does" }
            form method="post" action="/sandbox/steer" {
                input type="hidden" name="payment_id" value=(payment.id);
                @if can_be_refunded { button name="action" value="refund" { "Refund the payer" } }
                @if was_told {
                    button name="action" value="resend" { "Send the last notification again" }
                    button name="action" value="resend_many" { (many) }
                }
            }
            form method="post" action="/sandbox/steer" {
                input type="hidden" name="payment_id" value=(payment.id);
                label { "Status by hand "
                    select name="status" { @for status in &STATUSES { option value=(status) selected[*status == payment.status] { (status) } } }
                }
                button name="action" value="status" { "Set it" }
            }
            (delivery_controls(world, Some(payment.id)))
        }
    }
}

/// What happens to notifications on their way.
pub(super) fn delivery_controls(world: &World, payment: Option<ProviderPaymentId>) -> Markup {
    html! {
        form method="post" action="/sandbox/steer" {
            @if let Some(id) = payment { input type="hidden" name="payment_id" value=(id); }
            @if world.drop_next > 0 { button.first name="action" value="deliver" { "Deliver notifications again" } }
            @else { button name="action" value="lose" { "Lose every notification from now on" } }
            @if world.is_holding { button.first name="action" value="release" { "Let go what is held, the last first" } }
            @else { button name="action" value="hold" { "Hold notifications back" } }
        }
        @if world.drop_next > 0 { p role="status" { "Every notification is lost." } }
        @if world.is_holding { p role="status" { "Notifications are held back." } }
    }
}

/// Links to other programs' pages.
pub(super) fn page_links(links: &[PageLink]) -> Markup {
    html! { @if !links.is_empty() { nav aria-label="The demonstration" { @for link in links { a href=(link.url) { (link.label) } " " } } } }
}
