//! A direct payment link: looking makes nothing, paying makes an order of its own (so bots and previews make none).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tollhouse_core::command::{Command, OrderFrom, Outcome, Refusal};
use tollhouse_core::link::LinkState;
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::{Needs, Snapshot};

use super::page;
use crate::app::{App, SubmitError};

/// Longest slug that is looked up, in characters; ours have 11.
const SLUG_LENGTH_MAX: usize = 32;

async fn load(app: &App, slug: &str) -> Result<Snapshot, Response> {
    let mut needs = Needs::default();
    if slug.len() <= SLUG_LENGTH_MAX {
        needs.slugs.insert(slug.to_owned());
    }
    app.store.snapshot(needs).await.map_err(|error| {
        tracing::error!(%error, "a link could not be read");
        busy()
    })
}

fn busy() -> Response {
    let page = page::again(
        "One moment, please",
        "We cannot look at this link at this moment. This page tries again by itself.",
    );
    (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, page::message("There is no such link", "Please check that you copied it whole."))
        .into_response()
}

/// Shows what one buys.
pub async fn show(State(app): State<Arc<App>>, Path(slug): Path<String>) -> Response {
    let snapshot = match load(&app, &slug).await {
        Ok(snapshot) => snapshot,
        Err(response) => return response,
    };
    let Some(link) = snapshot.links.values().find(|link| link.slug == slug) else { return unknown() };
    let Some(channel) = snapshot.channels.get(&link.channel_id) else { return unknown() };
    let state = link.state(app.clock.now());
    let plan = channel.plan(link.plan_id).filter(|plan| plan.active && channel.archived_at.is_none());
    match (state, plan) {
        (LinkState::Usable, Some(plan)) => page::link(channel, plan, &slug).into_response(),
        (state, _) => (StatusCode::GONE, page::link_over(state)).into_response(),
    }
}

/// Makes an order and goes to its page.
pub async fn buy(State(app): State<Arc<App>>, Path(slug): Path<String>) -> Response {
    let command = Command::CreateOrder {
        from: OrderFrom::Link { slug: slug.clone() },
        user: None,
        source: OrderSource::DirectLink,
        wants_invoice: app.provider.is_some(),
    };
    match app.submit(command).await {
        Ok(Outcome::Order(id)) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/o/{id}"))]).into_response()
        }
        Ok(other) => {
            tracing::error!(?other, "an order came to something else");
            busy()
        }
        Err(SubmitError::Refused(Refusal::NotFound(_))) => unknown(),
        Err(SubmitError::Refused(refusal)) => {
            (StatusCode::GONE, page::message("This link cannot be used", &refusal.to_string()))
                .into_response()
        }
        Err(SubmitError::Store(error)) => {
            tracing::error!(%error, "an order was not made");
            busy()
        }
    }
}
