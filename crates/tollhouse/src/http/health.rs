//! Health, for people and for the machines that watch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

use super::problem::Problem;
use crate::app::{App, VERSION};
use crate::config::TelegramMode;
use crate::reconcile::place::{Place, Standing};
use crate::{bot, metrics, pulse};

/// How long a check of the database may take, in milliseconds.
const CHECK_MS_MAX: u64 = 2_000;
/// From when on a waiting outbox makes us degraded, in seconds.
const OUTBOX_DEGRADED_SECONDS: f64 = 120.0;

/// The process is there.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// The process can do its work: the database answers.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    match within(app.store.check()).await {
        Some(Ok(())) => "ok\n".into_response(),
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer").into_response(),
    }
}

/// Everything at a glance.
pub async fn health(State(app): State<Arc<App>>) -> Response {
    let now = app.clock.now();
    let database = matches!(within(app.store.check()).await, Some(Ok(())));
    let stats = match within(app.store.stats(now)).await {
        Some(Ok(stats)) => Some(stats),
        _ => None,
    };
    let oldest = stats.as_ref().map_or(0.0, |stats| metrics::oldest_seconds(stats, now));
    let silent = app.pulse.silent_seconds();
    let parts: BTreeMap<&str, &str> =
        silent.iter().map(|(part, silent)| (*part, pulse::word(*silent))).collect();
    let place = place(&app).await;
    let standing = place.as_ref().map(|place| place.standing(now, app.config.reconcile_interval));
    // Who does not know how much waits must not say that all is well.
    let healthy = database
        && stats.is_some()
        && app.verifier.is_some()
        && (oldest < OUTBOX_DEGRADED_SECONDS || !app.talks_to_telegram())
        && parts.values().all(|word| *word == "ok")
        && standing != Some(Standing::Late)
        && !app.trouble.is_telegram_out()
        && !app.trouble.did_write_fail();
    let body = json!({
        "service": "tollhouse",
        "version": VERSION,
        "status": if healthy { "healthy" } else { "degraded" },
        "components": {
            "database": match (database, app.trouble.did_write_fail()) {
                (false, _) => "unavailable",
                (true, true) => "failing",
                (true, false) => "ok",
            },
            "ipn_secret": if app.verifier.is_some() { "configured" } else { "missing" },
            "outbox": {"due": stats.as_ref().map_or(0, |stats| stats.outbox_due), "oldest_seconds": whole(oldest)},
            "parts": parts,
            "telegram": telegram(&app, silent.get(bot::PART).copied()),
            "provider": if app.provider.is_some() { "configured" } else { "not_configured" },
            "reconciler": reconciler(&app, place.as_ref(), standing),
        },
    });
    let status = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// How far the reconciler has come; `None` without a provider to ask, and while the database does not answer.
async fn place(app: &App) -> Option<Place> {
    app.provider.as_ref()?;
    within(Place::load(&*app.store)).await?.ok()
}

fn reconciler(app: &App, place: Option<&Place>, standing: Option<Standing>) -> serde_json::Value {
    let (Some(place), Some(standing)) = (place, standing) else {
        let status = if app.provider.is_some() { "unknown" } else { "off" };
        return json!({ "status": status });
    };
    json!({
        "status": standing,
        "last_done_at": place.done_at,
        "failing_since": place.failing_since,
        // Without it a payment of which no notification ever came is not found.
        "lists_payments": app.config.nowpayments.can_list(),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never negative, and no job waits 2^64 seconds"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// Whether Telegram answers; `silent` is for how many seconds it has not answered the bot, where that runs here.
fn telegram(app: &App, silent: Option<i64>) -> &'static str {
    let is_deaf = silent.is_some_and(|silent| silent > pulse::SILENT_SECONDS_MAX);
    match (&app.gateway, app.config.telegram.mode) {
        (None, _) => "not_configured",
        (Some(_), TelegramMode::Off) => "off",
        (Some(_), _) if is_deaf || app.trouble.telegram_failing_seconds().is_some() => "unreachable",
        (Some(_), _) if app.bot_name.get().is_some() => "ok",
        // Nobody in this process has asked it yet.
        (Some(_), _) => "unknown",
    }
}

/// The metrics.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    metrics::parts(&app.pulse.silent_seconds());
    metrics::telegram_failing(app.trouble.telegram_failing_seconds());
    let stats = within(app.store.stats(app.clock.now())).await;
    let answers = matches!(stats, Some(Ok(_)));
    if let Some(Ok(stats)) = stats {
        metrics::stats(&stats, app.clock.now());
    }
    if let Some(place) = place(&app).await {
        metrics::reconcile_age(place.done_at, app.clock.now());
    }
    match metrics::recorder() {
        Some(recorder) => {
            let text = recorder.render();
            let text = if answers { text } else { metrics::without_the_database(&text) };
            ([("content-type", "text/plain; version=0.0.4")], text).into_response()
        }
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "another recorder holds the metrics")
            .into_response(),
    }
}

async fn within<T>(check: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_millis(CHECK_MS_MAX), check).await.ok()
}
