//! An open page hears of changes: after each one it is rendered again, and sent if it is another page than before.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;

use super::view::View;
use super::{Shown, overview, render, trouble};
use crate::fake::shared::Shared;
use crate::ids::UserId;

/// How often a silent stream shows that it lives, in seconds.
const KEEP_ALIVE_SECONDS: u64 = 15;
/// Changes that come within this time after one another are told together: a call of the bot makes several.
const TOGETHER: Duration = Duration::from_millis(30);

pub(super) async fn user(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<UserId>,
    Query(view): Query<View>,
) -> Response {
    follow(shared, move |shared| render(shared, id, &view).map(|page| page.into_string()))
}

pub(super) async fn overview(State(shared): State<Arc<Shared>>, Query(shown): Query<Shown>) -> Response {
    follow(shared, move |shared| Some(overview::page(shared, &shown).into_string()))
}

pub(super) async fn trouble(State(shared): State<Arc<Shared>>, Query(shown): Query<Shown>) -> Response {
    follow(shared, move |shared| Some(trouble::page(shared, shown.refused.as_deref()).into_string()))
}

fn follow(shared: Arc<Shared>, page: impl Fn(&Shared) -> Option<String> + Send + 'static) -> Response {
    let changes = shared.changes();
    let events =
        stream::unfold((shared, changes, page, None), |(shared, mut changes, page, told)| async move {
            loop {
                changes.borrow_and_update();
                let now = page(&shared)?;
                if told.as_ref() != Some(&now) {
                    // As JSON, since a page may hold what ends a line of the stream.
                    let event = Event::default().json_data(&now).unwrap_or_default();
                    return Some((Ok::<_, Infallible>(event), (shared, changes, page, Some(now))));
                }
                tokio::select! {
                    changed = changes.changed() => changed.ok()?,
                    () = shared.until_stopped() => return None,
                }
                tokio::time::sleep(TOGETHER).await;
            }
        });
    let alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    Sse::new(events).keep_alive(alive).into_response()
}
