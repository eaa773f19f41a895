//! A direct payment link: looking makes nothing, paying makes an order of its own (so bots and previews make none).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tollhouse_core::command::{OrderFrom, Outcome};
use tollhouse_core::link::LinkState;
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::{Needs, Snapshot};

use super::form;
use super::page::{self, Reader};
use super::reader;
use super::visit::LinkVisit;
use crate::app::{App, SubmitError};

/// Longest slug that is looked up, in characters; ours have 11.
pub const SLUG_LENGTH_MAX: usize = 32;

async fn load(app: &App, slug: &str, reader: &Reader) -> Result<Snapshot, Response> {
    let mut needs = Needs::default();
    if slug.len() <= SLUG_LENGTH_MAX {
        needs.slugs.insert(slug.to_owned());
    }
    app.store.snapshot(needs).await.map_err(|error| {
        tracing::error!(%error, "a link could not be read");
        busy(reader)
    })
}

fn busy(reader: &Reader) -> Response {
    let l = reader.language;
    let page = page::again(reader, &l.page_busy(), &l.page_busy_text());
    (StatusCode::SERVICE_UNAVAILABLE, reader::HEADERS, page).into_response()
}

fn unknown(reader: &Reader) -> Response {
    let l = reader.language;
    let page = page::message(reader, &l.page_link_unknown(), &l.page_link_copied_whole());
    (StatusCode::NOT_FOUND, reader::HEADERS, page).into_response()
}

/// Shows what one buys.
pub async fn show(State(app): State<Arc<App>>, LinkVisit { slug, reader }: LinkVisit) -> Response {
    sold(&app, &slug, &reader).await
}

/// What a link sells at this moment, or why it sells nothing.
pub(super) async fn sold(app: &App, slug: &str, reader: &Reader) -> Response {
    match load(app, slug, reader).await {
        Ok(snapshot) => shown(app, &snapshot, slug, reader),
        Err(response) => response,
    }
}

fn shown(app: &App, snapshot: &Snapshot, slug: &str, reader: &Reader) -> Response {
    let Some(link) = snapshot.links.values().find(|link| link.slug == slug) else { return unknown(reader) };
    let Some(channel) = snapshot.channels.get(&link.channel_id) else { return unknown(reader) };
    let plan = channel.plan(link.plan_id).filter(|plan| plan.active && channel.archived_at.is_none());
    let (code, page) = match (link.state(app.clock.now()), plan) {
        (LinkState::Usable, Some(plan)) => (StatusCode::OK, page::link(reader, channel, plan, slug)),
        (state, _) => (StatusCode::GONE, page::link_over(reader, state)),
    };
    (code, reader::HEADERS, page).into_response()
}

/// Makes an order and goes to its page.
pub async fn buy(
    State(app): State<Arc<App>>,
    LinkVisit { slug, reader }: LinkVisit,
    request: Request,
) -> Response {
    if reader::is_foreign(&app, request.headers()) {
        return reader::foreign(&reader);
    }
    let from = OrderFrom::Link { slug: slug.clone() };
    let command = form::order(&app, request, from, None, OrderSource::DirectLink).await;
    match app.submit(command).await {
        Ok(Outcome::Order(id)) => reader::go(&reader, &format!("/o/{id}")),
        Ok(other) => {
            tracing::error!(?other, "an order came to something else");
            busy(&reader)
        }
        Err(SubmitError::Refused(refusal)) => {
            tracing::info!(%refusal, slug, "a link made no order");
            // The page of the link says why, in the reader's language.
            sold(&app, &slug, &reader).await
        }
        Err(SubmitError::Store(error)) => {
            tracing::error!(%error, "an order was not made");
            busy(&reader)
        }
    }
}
