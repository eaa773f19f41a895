//! An order as its buyer sees it: the status for programs, the page for people, the events for the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tollhouse_core::channel::Channel;
use tollhouse_core::id::OrderId;
use tollhouse_core::membership::{Grant, Membership};
use tollhouse_core::order::{Order, OrderState};
use tollhouse_core::order_ref::{ORDER_REF_LENGTH_MAX, OrderRef};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::{Committed, StoreError};

use super::page;
use super::problem::Problem;
use crate::app::App;

/// How often an open page is told that we are still there, in seconds; proxies close silent connections after about a minute.
const KEEP_ALIVE_SECONDS: u64 = 20;
/// How often an open page looks by itself, in seconds: another process may have committed.
const LOOK_AGAIN_SECONDS: u64 = 5;

/// Everything that is to be said about one order.
#[derive(Debug, Clone)]
pub struct OrderStory {
    /// The order.
    pub order: Order,
    /// Its channel.
    pub channel: Channel,
    /// Its payments.
    pub payments: Vec<Payment>,
    /// Its grant.
    pub grant: Option<Grant>,
    /// The membership that the grant went to.
    pub membership: Option<Membership>,
}

/// How far the invite has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteStage {
    /// The link is made.
    Ready,
    /// It was sent.
    Sent,
    /// The member is inside.
    Joined,
}

impl OrderStory {
    /// Loads an order with all that belongs to it.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(app: &App, id: OrderId) -> Result<Option<Self>, StoreError> {
        let mut needs = Needs::default();
        needs.orders.insert(id);
        let snapshot = app.store.snapshot(needs).await?;
        let Some(order) = snapshot.orders.get(&id).cloned() else { return Ok(None) };
        let Some(channel) = snapshot.channels.get(&order.channel_id).cloned() else { return Ok(None) };
        let grant = snapshot.grant_of(id).cloned();
        let membership = grant
            .as_ref()
            .and_then(|grant| grant.membership_id)
            .and_then(|id| snapshot.memberships.get(&id))
            .cloned();
        let payments = snapshot.payments_of(id).into_iter().cloned().collect();
        Ok(Some(Self { order, channel, payments, grant, membership }))
    }

    /// The payment that has come furthest.
    #[must_use]
    pub fn leading_payment(&self) -> Option<&Payment> {
        self.payments.iter().max_by_key(|payment| (payment.status.rank(), payment.id))
    }

    /// How far the invite has come; `None` before there is one.
    #[must_use]
    pub fn invite(&self) -> Option<InviteStage> {
        let (grant, membership) = (self.grant.as_ref()?, self.membership.as_ref()?);
        if grant.revoked.is_some() {
            None
        } else if membership.joined_at.is_some() {
            Some(InviteStage::Joined)
        } else if grant.delivered_at.is_some() {
            Some(InviteStage::Sent)
        } else {
            membership.invite.as_ref().map(|_| InviteStage::Ready)
        }
    }
}

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
    fn error(message: &'static str) -> Self {
        Self { status: "error", message, data: None }
    }

    fn of(story: &OrderStory, asked: &str, now: jiff::Timestamp) -> Self {
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
                invite: story.invite(),
            }),
        }
    }
}

/// `?order_id=…`
#[derive(Debug, Deserialize)]
pub struct OrderQuery {
    order_id: Option<String>,
}

/// What an order id in a query or a path comes to.
enum Asked {
    Known(Box<OrderStory>),
    Bad,
    Unknown,
}

/// Ids of the predecessor can be guessed, so they answer in import mode only (S37).
async fn ask(app: &App, text: &str) -> Result<Asked, StoreError> {
    let id = match OrderRef::parse(text) {
        _ if text.len() > ORDER_REF_LENGTH_MAX => return Ok(Asked::Bad),
        Some(OrderRef::Ours(id)) => id,
        Some(reference @ OrderRef::Legacy { .. }) if app.config.import_mode => {
            match app.order_of_reference(reference).await? {
                Some(id) => id,
                None => return Ok(Asked::Unknown),
            }
        }
        Some(OrderRef::Legacy { .. }) => return Ok(Asked::Unknown),
        None => return Ok(Asked::Bad),
    };
    app.reconcile.looks.order_opened(app, id);
    Ok(OrderStory::load(app, id).await?.map_or(Asked::Unknown, |story| Asked::Known(Box::new(story))))
}

/// The status for programs.
pub async fn payment_status(State(app): State<Arc<App>>, Query(query): Query<OrderQuery>) -> Response {
    let text = query.order_id.unwrap_or_default();
    let (code, status) = match ask(&app, &text).await {
        Ok(Asked::Known(story)) => (StatusCode::OK, Status::of(&story, &text, app.clock.now())),
        Ok(Asked::Bad) => (StatusCode::BAD_REQUEST, Status::error("order_id is missing or is no order id.")),
        Ok(Asked::Unknown) => (StatusCode::NOT_FOUND, Status::error("There is no such order.")),
        Err(error) => {
            tracing::error!(%error, "a status could not be read");
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "please ask again").into_response();
        }
    };
    ([("cache-control", "no-store")], (code, Json(status))).into_response()
}

/// The page of an order.
pub async fn show(State(app): State<Arc<App>>, Path(order): Path<String>) -> Response {
    page_of(&app, &order).await
}

/// The same at the seed's address.
pub async fn by_query(State(app): State<Arc<App>>, Query(query): Query<OrderQuery>) -> Response {
    page_of(&app, &query.order_id.unwrap_or_default()).await
}

async fn page_of(app: &App, text: &str) -> Response {
    let (code, markup) = match ask(app, text).await {
        Ok(Asked::Known(story)) => (StatusCode::OK, page::order(app, &story)),
        Ok(Asked::Bad) => (
            StatusCode::BAD_REQUEST,
            page::message("This is no order number", "Please open the link again just as you got it."),
        ),
        Ok(Asked::Unknown) => (
            StatusCode::NOT_FOUND,
            page::message("There is no such order", "Please open the link again just as you got it."),
        ),
        Err(error) => {
            tracing::error!(%error, "a page could not be read");
            let text = "We cannot look at your order at this moment. Nothing is lost; this page tries again by itself.";
            (StatusCode::SERVICE_UNAVAILABLE, page::again("One moment, please", text))
        }
    };
    ([("cache-control", "no-store")], (code, markup)).into_response()
}

/// The states of an order as they come, one JSON document each.
pub async fn events(State(app): State<Arc<App>>, Path(order): Path<String>) -> Response {
    // Listening begins before looking, so that no commit falls between the two.
    let commits = app.store.commits();
    match ask(&app, &order).await {
        Ok(Asked::Known(story)) => {
            let id = story.order.id;
            Sse::new(states(app, id, order, commits))
                .keep_alive(KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS)))
                .into_response()
        }
        Ok(Asked::Bad) => Problem::new(StatusCode::BAD_REQUEST, "this is no order id").into_response(),
        Ok(Asked::Unknown) => Problem::new(StatusCode::NOT_FOUND, "there is no such order").into_response(),
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "please ask again").into_response(),
    }
}

struct Watch {
    app: Arc<App>,
    id: OrderId,
    asked: String,
    commits: broadcast::Receiver<Committed>,
    last: Option<Status>,
}

fn states(
    app: Arc<App>,
    id: OrderId,
    asked: String,
    commits: broadcast::Receiver<Committed>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Watch { app, id, asked, commits, last: None }, |mut watch| async move {
        loop {
            if let Ok(Some(story)) = OrderStory::load(&watch.app, watch.id).await {
                let status = Status::of(&story, &watch.asked, watch.app.clock.now());
                if watch.last.as_ref() != Some(&status) {
                    let event = Event::default().event("state").json_data(&status).ok()?;
                    watch.last = Some(status);
                    return Some((Ok(event), watch));
                }
            }
            if !watch.wait().await {
                return None;
            }
            watch.app.reconcile.looks.order_opened(&watch.app, watch.id);
        }
    })
}

impl Watch {
    /// Waits until the order may have changed; false when the store is closed.
    async fn wait(&mut self) -> bool {
        let mine = self.id;
        let heard = async {
            loop {
                match self.commits.recv().await {
                    Ok(committed) if committed.orders.contains(&mine) => return true,
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return true,
                    Err(broadcast::error::RecvError::Closed) => return false,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(LOOK_AGAIN_SECONDS), heard).await.unwrap_or(true)
    }
}
