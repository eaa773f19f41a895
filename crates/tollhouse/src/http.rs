//! The HTTP side. One file per thing that is served.

mod assets;
pub mod client;
pub mod health;
pub mod ipn;
pub mod limits;
pub mod link;
pub mod live;
pub mod order;
pub mod page;
pub mod problem;
mod reader;
mod stage;
pub mod status;
mod wallet;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use axum::middleware::{self, Next};
use axum::routing::{get, post};

use crate::app::App;

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    let limits = limits::Limits::new(&app.config.trusted_proxies);
    let secure_only = app.config.public_url.scheme() == "https";
    Router::new()
        .route("/", post(ipn::receive))
        .route("/webhooks/nowpayments", post(ipn::receive))
        .route("/api/payment-status", get(status::payment_status))
        .route("/payment-processing", get(order::by_query))
        .route("/o/{order}", get(order::show))
        .route("/o/{order}/coin", post(order::choose_coin))
        .route("/o/{order}/again", post(order::again))
        .route("/o/{order}/events", get(live::events))
        .route("/c/{slug}", get(link::show).post(link::buy))
        .route("/assets/{name}", get(assets::serve))
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(limits, limits::guard))
        .layer(middleware::from_fn_with_state(secure_only, secure))
        .with_state(app)
}

/// How browsers are told to come by HTTPS only, for a year: where that is how the world reaches us.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Headers that every answer carries (S16). Pages bring no script of others and send no address of ours to others (S36). None of them
/// lets a page of another origin read an answer (S17).
async fn secure(
    State(https_only): State<bool>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Response<axum::body::Body> {
    const HEADERS: [(HeaderName, &str); 4] = [
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if https_only {
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    response
}
