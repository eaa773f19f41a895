//! The HTTP side. One file per thing that is served.

mod assets;
pub mod client;
mod form;
pub mod health;
pub mod ipn;
pub mod limits;
pub mod link;
pub mod live;
pub mod openapi;
pub mod order;
pub mod page;
pub mod problem;
mod reader;
mod stage;
pub mod status;
pub mod visit;
mod wallet;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use axum::middleware::{self, Next};
use axum::routing::{MethodRouter, get, post};

use crate::app::App;

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    let base = app.base().to_owned();
    let limits = limits::Limits::new(&app.config.trusted_proxies, &base);
    let secure_only = app.config.public_url.scheme() == "https";
    let mut all = Router::new();
    for (path, route) in routes() {
        all = all.route(path, route);
    }
    let all = all
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(limits, limits::guard))
        .layer(middleware::from_fn_with_state(secure_only, secure))
        .with_state(app);
    below(base, all)
}

/// Each path with what is served there. The OpenAPI document has the same paths (see [`openapi`]).
fn routes() -> [(&'static str, MethodRouter<Arc<App>>); 16] {
    let choose_coin = post(order::choose_coin).layer(DefaultBodyLimit::max(form::BYTES_MAX));
    // A page that answers a form stands at the form's address, and whoever loads it again is to come to the order.
    let coin = choose_coin.get(order::from_form);
    let again = post(order::again).get(order::from_form);
    [
        ("/", post(ipn::receive)),
        ("/webhooks/nowpayments", post(ipn::receive)),
        ("/webhooks/telegram", post(crate::bot::webhook::receive)),
        ("/api/payment-status", get(status::payment_status)),
        (visit::BY_QUERY_PATH, get(order::by_query)),
        ("/o/{order}", get(order::show)),
        ("/o/{order}/coin", coin),
        ("/o/{order}/again", again),
        ("/o/{order}/events", get(live::events)),
        ("/c/{slug}", get(link::show).post(link::buy)),
        ("/assets/{name}", get(assets::serve)),
        ("/health", get(health::health)),
        ("/livez", get(health::livez)),
        ("/readyz", get(health::readyz)),
        ("/metrics", get(health::metrics)),
        (openapi::PATH, get(openapi::serve)),
    ]
}

/// The same routes below the path of the public address, for a proxy that passes paths on as they are. One that takes the path away finds
/// them where they are without it.
fn below(base: String, routes: Router) -> Router {
    if base.is_empty() {
        return routes;
    }
    let base: Arc<str> = base.into();
    let strip = move |mut request: Request<Body>, next: Next| {
        let rest = rest_of(request.uri(), &base);
        async move {
            if let Some(rest) = rest {
                *request.uri_mut() = rest;
            }
            next.run(request).await
        }
    };
    // As a fallback: a layer of the routes themselves would come only after they were looked up.
    Router::new().fallback_service(routes).layer(middleware::from_fn(strip))
}

/// The address without the path that it begins with; `None` if it begins with something else.
fn rest_of(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    match rest.as_bytes().first() {
        Some(b'/') => rest.parse().ok(),
        None | Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

/// How browsers are told to come by HTTPS only, for a year: where that is how the world reaches us.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Headers that every answer carries (S16). Pages bring no script of others and send no address of ours to others (S36): to ourselves they
/// may, since a browser that may not names no origin with a form either, and our own form is then not to be told from another site's. None
/// of them lets a page of another origin read an answer (S17).
async fn secure(State(https_only): State<bool>, request: Request<Body>, next: Next) -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 4] = [
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("referrer-policy"), "same-origin"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_of_the_public_address_is_taken_away() {
        let rest = |text: &str| rest_of(&text.parse().unwrap(), "/pay/a%20b").map(|uri| uri.to_string());
        assert_eq!(rest("/pay/a%20b/o/ord_1?lang=ru").as_deref(), Some("/o/ord_1?lang=ru"));
        assert_eq!(rest("/pay/a%20b").as_deref(), Some("/"));
        assert_eq!(rest("/pay/a%20b?x=/").as_deref(), Some("/?x=/"));
        for other in ["/pay/a%20bc/o", "/o/ord_1", "/", "/pay", "/PAY/a%20b/"] {
            assert_eq!(rest(other), None, "{other}");
        }
    }
}
