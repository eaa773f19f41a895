//! An order as its buyer sees it: the page, and the few things that one can do on it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{LinkId, OrderId};
use tollhouse_core::link::{LinkState, PayLink};
use tollhouse_core::membership::{Grant, Invite, Membership, usable_invite};
use tollhouse_core::money::Currency;
use tollhouse_core::order::{Order, OrderSource, OrderState};
use tollhouse_core::order_ref::{ORDER_REF_LENGTH_MAX, OrderRef};
use tollhouse_core::payment::Payment;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::StoreError;

use super::form;
use super::link;
use super::page::{self, Reader};
use super::reader;
use super::stage::View;
use super::visit::{OrderVisit, QueryVisit};
use crate::app::{App, SubmitError};
use crate::coins::{Coin, CoinList};

/// With this header an open page asks for the part that changes; its value is the revision that the page has.
const PART_HEADER: &str = "x-part";

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
    /// Whether it is over without access and the same can be bought again: by its link, if it came from one, else as its plan.
    pub can_repeat: bool,
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
        let can_repeat = is_over(&order, app.clock.now()) && is_sold(app, &order, &channel).await?;
        Ok(Some(Self { order, channel, payments, grant, membership, can_repeat }))
    }

    /// The payment that has come furthest. Money that went back is behind whatever else there is, unless that is what has become of the
    /// order.
    #[must_use]
    pub fn leading_payment(&self) -> Option<&Payment> {
        let is_refunded = self.order.state == OrderState::Refunded;
        self.payments
            .iter()
            .max_by_key(|payment| (is_refunded || !payment.is_refunded(), payment.status.rank(), payment.id))
    }

    /// Whether money is there, or another coin than was asked for, and it gives no access by itself: a person decides.
    #[must_use]
    pub fn waits_for_owner(&self) -> bool {
        match self.order.state {
            OrderState::Seen => self.payments.iter().any(Payment::has_money),
            OrderState::PartiallyPaid => self.order.remaining.is_none(),
            _ => false,
        }
    }

    /// The membership, for as long as its member may be inside: by the same rule as the bot's message.
    #[must_use]
    pub fn entitled(&self, now: Timestamp) -> Option<&Membership> {
        let grace = self.channel.policies.grace();
        self.membership.as_ref().filter(|membership| membership.entitles(now, grace))
    }

    /// The link that still leads in: not after the end, and not to a group that has moved (F51).
    #[must_use]
    pub fn link(&self, now: Timestamp) -> Option<&Invite> {
        usable_invite(self.entitled(now)?, self.channel.chat_since)
    }

    /// How far the invite has come; `None` before there is one that leads in, and after the end.
    #[must_use]
    pub fn invite(&self, now: Timestamp) -> Option<InviteStage> {
        let (grant, membership) = (self.grant.as_ref()?, self.entitled(now)?);
        if grant.revoked.is_some() {
            None
        } else if membership.joined_at.is_some() {
            Some(InviteStage::Joined)
        } else {
            let stage = if grant.delivered_at.is_some() { InviteStage::Sent } else { InviteStage::Ready };
            self.link(now).map(|_| stage)
        }
    }
}

/// Whether an order ended without what was to be bought.
fn is_over(order: &Order, now: Timestamp) -> bool {
    matches!(order.state_at(now), OrderState::Expired | OrderState::Failed | OrderState::Refunded)
}

/// Whether what was ordered is sold still, in the way in which it was ordered.
async fn is_sold(app: &App, order: &Order, channel: &Channel) -> Result<bool, StoreError> {
    let plan = order.plan_id.and_then(|id| channel.plan(id));
    if channel.archived_at.is_some() || !plan.is_some_and(|plan| plan.active) {
        return Ok(false);
    }
    Ok(match order.link_id {
        None => true,
        Some(id) => {
            link_of(app, id).await?.is_some_and(|link| link.state(app.clock.now()) == LinkState::Usable)
        }
    })
}

async fn link_of(app: &App, id: LinkId) -> Result<Option<PayLink>, StoreError> {
    let mut needs = Needs::default();
    needs.links.insert(id);
    Ok(app.store.snapshot(needs).await?.links.get(&id).cloned())
}

/// What an order id in a query or a path comes to.
pub(super) enum Asked {
    Known(Box<OrderStory>),
    Bad,
    Unknown,
}

/// Ids of the predecessor can be guessed, so they answer in import mode only (S37).
pub(super) async fn ask(app: &App, text: &str) -> Result<Asked, StoreError> {
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

/// The page of an order.
pub async fn show(
    State(app): State<Arc<App>>,
    OrderVisit { order, reader }: OrderVisit,
    headers: HeaderMap,
) -> Response {
    page_of(&app, &order, &reader, &headers).await
}

/// The same at the seed's address.
pub async fn by_query(
    State(app): State<Arc<App>>,
    QueryVisit(OrderVisit { order, reader }): QueryVisit,
    headers: HeaderMap,
) -> Response {
    page_of(&app, &order, &reader, &headers).await
}

async fn page_of(app: &Arc<App>, text: &str, reader: &Reader, headers: &HeaderMap) -> Response {
    let l = reader.language;
    let (code, markup) = match ask(app, text).await {
        Ok(Asked::Known(story)) => {
            let now = app.clock.now();
            let coins = CoinList::offered(app).await;
            let view = View::of(app, &story, &coins, now);
            match headers.get(PART_HEADER) {
                Some(revision) if revision.as_bytes() == view.revision().as_bytes() => {
                    return StatusCode::NO_CONTENT.into_response();
                }
                Some(_) => (StatusCode::OK, page::order_part(reader, &view, now)),
                None => (StatusCode::OK, page::order(reader, &view, now)),
            }
        }
        Ok(Asked::Bad) => {
            (StatusCode::BAD_REQUEST, page::message(reader, &l.page_order_bad(), &l.page_order_open_again()))
        }
        Ok(Asked::Unknown) => (
            StatusCode::NOT_FOUND,
            page::message(reader, &l.page_order_unknown(), &l.page_order_open_again()),
        ),
        Err(error) => {
            tracing::error!(%error, "a page could not be read");
            return busy(reader);
        }
    };
    (reader::HEADERS, (code, markup)).into_response()
}

/// We cannot look at this moment.
fn busy(reader: &Reader) -> Response {
    let l = reader.language;
    let page = page::again(reader, &l.page_busy(), &l.page_busy_text());
    (StatusCode::SERVICE_UNAVAILABLE, reader::HEADERS, page).into_response()
}

/// What the form of the coins sends: a coin, or nothing to choose again.
#[derive(Debug, Deserialize)]
pub struct ChosenCoin {
    #[serde(default)]
    coin: String,
}

/// Chooses a coin, or goes back to the choice. Only a coin that is offered is taken.
pub async fn choose_coin(
    State(app): State<Arc<App>>,
    OrderVisit { order, reader }: OrderVisit,
    request: Request,
) -> Response {
    if reader::is_foreign(&app, request.headers()) {
        return reader::foreign(&reader);
    }
    let chosen = match form::read::<ChosenCoin>(request).await {
        Ok(chosen) => chosen,
        Err(code) => {
            let l = reader.language;
            let page = page::message(&reader, &l.page_form_bad(), &l.page_form_bad_text());
            return (code, reader::HEADERS, page).into_response();
        }
    };
    let story = match ask(&app, &order).await {
        Ok(Asked::Known(story)) => story,
        // The page itself says what is wrong.
        _ => return back_to(&reader),
    };
    let coins = CoinList::offered(&app).await;
    let coin = coins.iter().find(|coin| Currency::new(&chosen.coin).is_ok_and(|code| coin.code == code));
    let (coin, words) = (coin.map(|coin| coin.code.clone()), coin.map(Coin::words));
    match app.submit(Command::ChooseCoin { order_id: story.order.id, coin, words }).await {
        // What is refused now was allowed when the page was drawn; the page of this moment says how things stand.
        Ok(_) | Err(SubmitError::Refused(_)) => back_to(&reader),
        Err(SubmitError::Store(error)) => {
            tracing::error!(%error, "a coin was not chosen");
            busy(&reader)
        }
    }
}

/// A new order for the same thing, from an order that is over.
pub async fn again(
    State(app): State<Arc<App>>,
    OrderVisit { order, reader }: OrderVisit,
    request: Request,
) -> Response {
    if reader::is_foreign(&app, request.headers()) {
        return reader::foreign(&reader);
    }
    let Ok(Asked::Known(story)) = ask(&app, &order).await else { return back_to(&reader) };
    let old = &story.order;
    let from = match again_from(&app, old).await {
        Ok(from) => from,
        Err(error) => {
            tracing::error!(%error, "an order was not made again");
            return busy(&reader);
        }
    };
    let Some(from) = from.filter(|_| is_over(old, app.clock.now())) else { return back_to(&reader) };
    let slug = match &from {
        OrderFrom::Link { slug } => Some(slug.clone()),
        OrderFrom::Plan { .. } | OrderFrom::Donation { .. } => None,
    };
    let command = form::order(&app, request, from, old.user, again_source(old.source)).await;
    match app.submit(command).await {
        Ok(Outcome::Order(id)) => reader::go(&reader, &format!("/o/{id}")),
        Ok(other) => {
            tracing::error!(?other, "an order came to something else");
            busy(&reader)
        }
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, "an order could not be made again");
            // The same words as at the link itself.
            match slug {
                Some(slug) => link::sold(&app, &slug, &reader).await,
                None => (StatusCode::GONE, reader::HEADERS, page::link_over(&reader, LinkState::Usable))
                    .into_response(),
            }
        }
        Err(SubmitError::Store(error)) => {
            tracing::error!(%error, "an order was not made again");
            busy(&reader)
        }
    }
}

/// From what an order was made: its link, whose limits go on counting, or its plan.
async fn again_from(app: &App, old: &Order) -> Result<Option<OrderFrom>, StoreError> {
    if let Some(link_id) = old.link_id {
        return Ok(link_of(app, link_id).await?.map(|link| OrderFrom::Link { slug: link.slug }));
    }
    Ok(old.plan_id.map(|plan_id| OrderFrom::Plan { channel_id: old.channel_id, plan_id }))
}

/// Where an order comes from that is made again. What was carried over or made for a payment was not bought from us; what follows from
/// our page is: its owner hears of it, and nobody takes it for something that was granted elsewhere.
fn again_source(old: OrderSource) -> OrderSource {
    match old {
        OrderSource::Bot | OrderSource::DirectLink | OrderSource::Api => old,
        OrderSource::Notification | OrderSource::Recovery | OrderSource::Import => OrderSource::DirectLink,
    }
}

/// The address of a form, looked at: the page that said "one moment" after a press asks again here, and so does whoever takes it from the
/// history.
pub async fn from_form(OrderVisit { reader, .. }: OrderVisit) -> Response {
    back_to(&reader)
}

fn back_to(reader: &Reader) -> Response {
    reader::go(reader, &reader.path)
}
