//! The status of an order for programs.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use tollhouse_core::order::OrderState;

use super::order::{Asked, InviteStage, OrderStory, ask};
use super::problem::Problem;
use crate::app::App;

/// What a program is told about an order.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Status {
    status: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<StatusData>,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
struct StatusData {
    order_id: String,
    payment_status: String,
    confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    state: OrderState,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<tollhouse_core::money::Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<InviteStage>,
}

impl Status {
    /// The same for somebody who asked by another name of the order.
    pub(super) fn asked_as(mut self, asked: &str) -> Self {
        if let Some(data) = &mut self.data {
            data.order_id.replace_range(.., asked);
        }
        self
    }

    fn error(message: &'static str) -> Self {
        Self { status: "error", message, data: None }
    }

    /// What is to be told of an order, under the name by which it was asked for.
    pub(super) fn of(story: &OrderStory, asked: &str, now: jiff::Timestamp) -> Self {
        let state = story.order.state_at(now);
        let leading = story.leading_payment();
        Self {
            status: match state {
                OrderState::Paid => "confirmed",
                OrderState::Failed | OrderState::Expired | OrderState::Refunded => "failed",
                OrderState::Open | OrderState::Seen | OrderState::PartiallyPaid => "pending",
            },
            message: match state {
                OrderState::Open => "Waiting for the payment.",
                OrderState::Seen | OrderState::PartiallyPaid if story.waits_for_owner() => {
                    "Money has arrived, and not as the order asks for it. The owner of the channel has to decide."
                }
                OrderState::Seen => "The payment was seen on chain and is being confirmed.",
                OrderState::PartiallyPaid => "A part of the price has arrived; the rest is missing.",
                OrderState::Paid => "The payment is confirmed.",
                OrderState::Expired => {
                    "No payment came in time. If you paid all the same it is still honoured."
                }
                OrderState::Failed => "The payment failed at the provider.",
                OrderState::Refunded => "The payment was refunded.",
            },
            data: Some(StatusData {
                order_id: asked.to_owned(),
                payment_status: leading
                    .map_or_else(|| "waiting".to_owned(), |payment| payment.status.as_str().to_owned()),
                confirmed: state == OrderState::Paid,
                payment_id: leading.map(|payment| payment.id.to_string()),
                state,
                remaining: story.order.remaining.clone(),
                invite: story.invite(now),
            }),
        }
    }
}

/// `?order_id=…`
#[derive(Debug, Deserialize)]
pub struct StatusQuery {
    order_id: Option<String>,
}

/// The status for programs.
pub async fn payment_status(
    State(app): State<Arc<App>>,
    query: Result<Query<StatusQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else {
        return answer(StatusCode::BAD_REQUEST, Status::error("order_id has to be given once."));
    };
    let text = query.order_id.unwrap_or_default();
    match ask(&app, &text).await {
        Ok(Asked::Known(story)) => answer(StatusCode::OK, Status::of(&story, &text, app.clock.now())),
        Ok(Asked::Bad) => {
            answer(StatusCode::BAD_REQUEST, Status::error("order_id is missing or is no order id."))
        }
        Ok(Asked::Unknown) => answer(StatusCode::NOT_FOUND, Status::error("There is no such order.")),
        Err(error) => {
            tracing::error!(%error, "a status could not be read");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "please ask again").into_response()
        }
    }
}

fn answer(code: StatusCode, status: Status) -> Response {
    ([("cache-control", "no-store")], (code, Json(status))).into_response()
}
