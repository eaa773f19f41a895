//! Pages that are open hear of changes: one keeper for each order that somebody looks at, however many look, and one listener to the commits
//! for all of them. A page that waits costs a receiver and its connection; a commit costs the pages of its orders and no others.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use tokio::sync::{Notify, broadcast, watch};
use tollhouse_core::id::OrderId;

use super::order::{Asked, OrderStory, ask};
use super::problem::Problem;
use super::stage::View;
use super::status::Status;
use crate::app::App;
use crate::coins::CoinList;

/// How often an order that somebody looks at is looked up though nothing was heard of it, in seconds: a command line that writes into the same
/// SQLite file is heard by nobody, and a message between processes may get lost. After each look a page that had nothing to hear is told that we
/// are still there: proxies close silent connections after about a minute.
const LOOK_AGAIN_SECONDS: u64 = 15;
/// Most pages that hear of changes at once in one process: at some 16 kB each less than 200 MB. Who comes after them is told to come
/// back, and its page asks by itself meanwhile.
pub(super) const STREAMS_MAX: usize = 10_000;
/// How long after the store failed it is asked again, in seconds.
const STORE_DOWN_SECONDS: u64 = 2;

/// What the pages of an order are told.
#[derive(Debug)]
struct Told {
    revision: String,
    status: Status,
    /// What the event is called: the same for the same page and the same document, in every process of this version, and another one for
    /// anything else. It begins with the page's revision, so that a page knows its own.
    id: String,
    /// The event, once for all who asked by the order's own id.
    event: Bytes,
}

impl Told {
    fn new(revision: String, status: Status) -> Self {
        let document = written(&status);
        let mut hasher = DefaultHasher::new();
        document.hash(&mut hasher);
        let id = format!("{revision}-{:016x}", hasher.finish());
        let event = event(&id, &document);
        Self { revision, status, id, event }
    }
}

/// The document of a status. What is in one can always be written; an empty one would have the page ask.
fn written(status: &Status) -> String {
    serde_json::to_string(status).unwrap_or_default()
}

/// One server-sent event.
fn event(id: &str, document: &str) -> Bytes {
    format!("event: state\nid: {id}\ndata: {document}\n\n").into()
}

/// A comment, which a page does not hear.
const STILL_THERE: Bytes = Bytes::from_static(b":\n\n");

/// An order that somebody looks at.
struct Watched {
    told: watch::Sender<Option<Arc<Told>>>,
    changed: Notify,
}

type Orders = Mutex<HashMap<OrderId, Arc<Watched>>>;

/// Everybody who looks.
#[derive(Default)]
pub struct Hub {
    orders: Arc<Orders>,
    listener: OnceLock<()>,
    seats: Arc<()>,
}

impl Hub {
    /// Looks at an order: what is true now comes first, then each change.
    fn watch(&self, app: &Arc<App>, id: OrderId) -> watch::Receiver<Option<Arc<Told>>> {
        self.listener.get_or_init(|| {
            tokio::spawn(listen(app.store.commits(), Arc::clone(&self.orders)));
        });
        let mut orders = lock(&self.orders);
        if let Some(watched) = orders.get(&id) {
            return watched.told.subscribe();
        }
        let (told, receiver) = watch::channel(None);
        let watched = Arc::new(Watched { told, changed: Notify::new() });
        orders.insert(id, Arc::clone(&watched));
        tokio::spawn(keep(Arc::downgrade(app), Arc::clone(&self.orders), id, watched));
        receiver
    }

    /// A place among the pages that hear of changes, for as long as it is held; `None` if all are taken.
    fn seat(&self) -> Option<Arc<()>> {
        let seat = Arc::clone(&self.seats);
        // The hub's own is no page.
        (Arc::strong_count(&self.seats) <= STREAMS_MAX + 1).then_some(seat)
    }

    /// How many orders are looked at.
    #[must_use]
    pub fn orders(&self) -> usize {
        lock(&self.orders).len()
    }
}

fn lock(orders: &Orders) -> std::sync::MutexGuard<'_, HashMap<OrderId, Arc<Watched>>> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes commits on to the orders that they are about.
async fn listen(mut commits: broadcast::Receiver<tollhouse_store::Committed>, orders: Arc<Orders>) {
    loop {
        match commits.recv().await {
            Ok(committed) if !committed.everything => {
                let orders = lock(&orders);
                let about = committed.orders.iter().filter_map(|id| orders.get(id));
                about.for_each(|watched| watched.changed.notify_one());
            }
            // Whoever missed something looks at everything.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {
                lock(&orders).values().for_each(|watched| watched.changed.notify_one());
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Keeps what is told of an order true for as long as somebody looks.
async fn keep(app: Weak<App>, orders: Arc<Orders>, id: OrderId, watched: Arc<Watched>) {
    loop {
        let Some(strong) = app.upgrade() else { return };
        // Boxed, so that what a look needs is there only while it looks: a page that waits is to be small.
        let wait = Box::pin(look(&strong, id, &watched)).await;
        // The provider is asked as well, as often as that is allowed: what was not notified shows all the same (F29).
        strong.reconcile.looks.order_opened(&strong, id);
        // A page that hangs on an order must not keep the program from closing.
        drop(strong);
        tokio::select! {
            () = watched.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = watched.told.closed() => {
                let mut orders = lock(&orders);
                // Under the lock nobody can come in between the look and the removal.
                if watched.told.receiver_count() == 0 {
                    orders.remove(&id);
                    return;
                }
            }
        }
    }
}

/// Looks an order up and tells what changed; how long to wait for the next look.
async fn look(app: &Arc<App>, id: OrderId, watched: &Watched) -> Duration {
    let story = match OrderStory::load(app, id).await {
        Ok(Some(story)) => story,
        Ok(None) => return Duration::from_secs(LOOK_AGAIN_SECONDS),
        Err(error) => {
            // One for each page and every two seconds: that the database is away the writer says once.
            tracing::debug!(%error, order = %id, "an open page could not be brought up to date");
            // It knows no better, and keeps its connection.
            watched.told.send_modify(|_| {});
            return Duration::from_secs(STORE_DOWN_SECONDS);
        }
    };
    let now = app.clock.now();
    let coins = CoinList::offered(app).await;
    let revision = View::of(app, &story, &coins, now).revision();
    let status = Status::of(&story, &id.to_string(), now);
    watched.told.send_modify(|told| {
        // Programs are told of steps, too, that the page does not show. Who has heard all this already hears that we are still there.
        if told.as_ref().is_none_or(|told| told.revision != revision || told.status != status) {
            *told = Some(Arc::new(Told::new(revision, status)));
        }
    });
    // The clock changes the page, too: an order expires.
    let until = story.order.expires_at.duration_since(now);
    let until = Duration::try_from(until).ok().filter(|left| !left.is_zero());
    let longest = Duration::from_secs(LOOK_AGAIN_SECONDS);
    until.map_or(longest, |left| left.min(longest))
}

/// The states of an order as they come, one JSON document each. The event's id stands for the page and the document, so that whoever comes
/// back with the last one that they heard hears only what is new, and all of that.
pub async fn events(
    State(app): State<Arc<App>>,
    order: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "this is no order id").into_response();
    let Ok(Path(order)) = order else { return bad() };
    match ask(&app, &order).await {
        Ok(Asked::Known(story)) => {
            let Some(seat) = app.live.seat() else { return busy() };
            let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            let id = story.order.id;
            let told = app.live.watch(&app, id);
            // The predecessor's names of an order are told as they were asked for.
            let asked = (order != id.to_string()).then_some(order);
            let headers = [
                ("content-type", "text/event-stream"),
                ("cache-control", "no-store"),
                // A proxy that collects an answer before it passes it on would hold back what is for now.
                ("x-accel-buffering", "no"),
            ];
            (headers, Body::from_stream(events_of(Listener { told, seen, asked, heard: None, _seat: seat })))
                .into_response()
        }
        Ok(Asked::Bad) => bad(),
        Ok(Asked::Unknown) => Problem::new(StatusCode::NOT_FOUND, "there is no such order").into_response(),
        Err(_) => busy(),
    }
}

fn busy() -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "please ask again").into_response()
}

/// A page that is open.
struct Listener {
    told: watch::Receiver<Option<Arc<Told>>>,
    /// The event that the page had heard when it came.
    seen: Option<String>,
    /// By which name it asked, if by another than the order's own.
    asked: Option<String>,
    /// What it was told last.
    heard: Option<Arc<Told>>,
    _seat: Arc<()>,
}

impl Listener {
    /// What to send now; nothing before the order was looked up.
    fn next(&mut self) -> Option<Bytes> {
        let now = self.told.borrow_and_update().clone()?;
        let is_known = self.heard.as_ref().is_some_and(|heard| Arc::ptr_eq(heard, &now));
        // Only what comes first may be what the page had before.
        let was_seen = self.seen.take().is_some_and(|seen| seen == now.id);
        let bytes = match &self.asked {
            _ if is_known || was_seen => STILL_THERE,
            None => now.event.clone(),
            Some(name) => event(&now.id, &written(&now.status.clone().asked_as(name))),
        };
        self.heard = Some(now);
        Some(bytes)
    }
}

fn events_of(listener: Listener) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(listener, |mut listener| async move {
        // What was looked up for another page of the order is there at once.
        let first = if listener.heard.is_none() { listener.next() } else { None };
        let bytes = match first {
            Some(bytes) => bytes,
            None => loop {
                listener.told.changed().await.ok()?;
                if let Some(bytes) = listener.next() {
                    break bytes;
                }
            },
        };
        Some((Ok(bytes), listener))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_after_the_last_seat_waits_for_one() {
        let hub = Hub::default();
        let mut seats: Vec<_> = (0..STREAMS_MAX).map(|_| hub.seat().unwrap()).collect();
        assert!(hub.seat().is_none());
        seats.pop();
        assert!(hub.seat().is_some());
    }
}
