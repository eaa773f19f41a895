//! A page that is asked for, read from the request before anything is done. What cannot be read is answered by a page, too: axum's own
//! answer to it is plain text for programmers (F67, S07).

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::page::{self, Reader};
use super::reader;
use crate::app::App;

/// Where the seed had an order's page.
pub(super) const BY_QUERY_PATH: &str = "/payment-processing";

/// A page of an order: `/o/{order}` and what is below it.
#[derive(Debug)]
pub struct OrderVisit {
    /// By which name it was asked for.
    pub(super) order: String,
    /// By whom.
    pub(super) reader: Reader,
}

/// The same at the seed's address: `/payment-processing?order_id=…`.
#[derive(Debug)]
pub struct QueryVisit(pub(super) OrderVisit);

/// A page of a payment link: `/c/{slug}`.
#[derive(Debug)]
pub struct LinkVisit {
    /// Which link.
    pub(super) slug: String,
    /// By whom.
    pub(super) reader: Reader,
}

/// What the query of a page may say.
#[derive(Debug, Deserialize)]
struct Said {
    order_id: Option<String>,
    lang: Option<String>,
}

impl FromRequestParts<Arc<App>> for OrderVisit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let lang = query(parts, app).await?.lang;
        let reader = |path: &str| reader::of(app.base(), &parts.headers, lang.as_deref(), path);
        match Path::<String>::from_request_parts(&mut parts.clone(), app).await {
            Ok(Path(order)) => Ok(Self { reader: reader(&reader::order_path(&order)), order }),
            Err(_) => {
                let reader = reader(parts.uri.path());
                let l = reader.language;
                Err(refuse(StatusCode::BAD_REQUEST, &reader, &l.page_order_bad(), &l.page_order_open_again()))
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for QueryVisit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let said = query(parts, app).await?;
        // Without an order there is no page of one that the links to other languages could lead to.
        let path = said.order_id.as_deref().filter(|order| !order.is_empty());
        let path = path.map_or_else(|| BY_QUERY_PATH.to_owned(), reader::order_path);
        let reader = reader::of(app.base(), &parts.headers, said.lang.as_deref(), &path);
        Ok(Self(OrderVisit { order: said.order_id.unwrap_or_default(), reader }))
    }
}

impl FromRequestParts<Arc<App>> for LinkVisit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let lang = query(parts, app).await?.lang;
        let reader = |path: &str| reader::of(app.base(), &parts.headers, lang.as_deref(), path);
        match Path::<String>::from_request_parts(&mut parts.clone(), app).await {
            Ok(Path(slug)) => Ok(Self { reader: reader(&reader::link_path(&slug)), slug }),
            Err(_) => {
                let reader = reader(parts.uri.path());
                let l = reader.language;
                Err(refuse(
                    StatusCode::NOT_FOUND,
                    &reader,
                    &l.page_link_unknown(),
                    &l.page_link_copied_whole(),
                ))
            }
        }
    }
}

/// The query; one that says the same thing twice is not guessed at.
async fn query(parts: &mut Parts, app: &Arc<App>) -> Result<Said, Response> {
    match Query::<Said>::from_request_parts(parts, app).await {
        Ok(Query(said)) => Ok(said),
        Err(_) => {
            let reader = reader::of(app.base(), &parts.headers, None, parts.uri.path());
            let l = reader.language;
            Err(refuse(StatusCode::BAD_REQUEST, &reader, &l.page_address_bad(), &l.page_order_open_again()))
        }
    }
}

fn refuse(code: StatusCode, reader: &Reader, title: &str, text: &str) -> Response {
    (code, reader::HEADERS, page::message(reader, title, text)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Method, Request, header};
    use futures::StreamExt as _;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::no_store::NoStore;

    const ORDER: &str = "ord_00000000000000000000000000000007";
    const FORM: &str = "application/x-www-form-urlencoded";

    /// The answer to a request: its status, its media type and its body.
    async fn ask(method: Method, path: &str, media_type: Option<&str>, body: &str) -> (u16, String, String) {
        let app = App::with_store(Config::from_values(&[]).unwrap(), Clock::default(), NoStore::shared());
        let mut request = Request::builder().method(method).uri(path);
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = crate::http::router(app.unwrap()).oneshot(request).await.unwrap();
        let media_type = response.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap());
        let (code, media_type) = (response.status().as_u16(), media_type.unwrap_or_default().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (code, media_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn f67_s07_a_page_that_is_asked_for_badly_is_answered_by_a_page() {
        let again = format!("/o/{ORDER}/again?lang=en&lang=ru");
        let coin = format!("/o/{ORDER}/coin");
        let coin_in_two = format!("{coin}?lang=en&lang=ru");
        let order_in_two = format!("/o/{ORDER}?lang=en&lang=ru");
        for (method, path, form, code, says) in [
            (Method::GET, "/payment-processing?order_id=a&order_id=b", None, 400, "not as we gave it"),
            (Method::GET, "/payment-processing?order_id=%ff", None, 400, "no order number"),
            (Method::GET, order_in_two.as_str(), None, 400, "not as we gave it"),
            (Method::GET, "/o/%ff", None, 400, "no order number"),
            (Method::POST, "/o/%ff/again", None, 400, "no order number"),
            (Method::POST, "/o/%ff/coin", Some((FORM, "coin=btc")), 400, "no order number"),
            (Method::POST, &again, None, 400, "not as we gave it"),
            (Method::POST, &coin_in_two, Some((FORM, "coin=btc")), 400, "not as we gave it"),
            (Method::GET, "/c/x?lang=a&lang=b", None, 400, "not as we gave it"),
            (Method::POST, "/c/x?lang=a&lang=b", None, 400, "not as we gave it"),
            (Method::GET, "/c/%ff", None, 404, "no such link"),
            (Method::POST, "/c/%ff", None, 404, "no such link"),
            (Method::POST, &coin, None, 415, "could not be read"),
            (Method::POST, &coin, Some(("application/json", "{\"coin\":\"btc\"}")), 415, "could not be read"),
            (Method::POST, &coin, Some((FORM, "coin=a&coin=b")), 422, "could not be read"),
        ] {
            let (media_type, body) = form.map_or((None, ""), |(media_type, body)| (Some(media_type), body));
            let (status, kind, said) = ask(method.clone(), path, media_type, body).await;
            assert_eq!(
                (status, kind.as_str()),
                (code, "text/html; charset=utf-8"),
                "{method} {path}: {said}"
            );
            assert!(said.contains("<main>") && said.contains(says), "{method} {path}: {said}");
        }
        let large = format!("coin={}", "b".repeat(crate::http::form::BYTES_MAX));
        let (status, kind, _) = ask(Method::POST, &coin, Some(FORM), &large).await;
        assert_eq!((status, kind.as_str()), (413, "text/html; charset=utf-8"));
    }

    /// Whoever sends a form letter by letter holds a connection and a place among the requests.
    #[tokio::test(start_paused = true)]
    async fn s26_a_form_that_does_not_come_to_its_end_is_answered_by_a_page() {
        let app = App::with_store(Config::from_values(&[]).unwrap(), Clock::default(), NoStore::shared());
        let begun = futures::stream::iter([Ok::<_, std::io::Error>("coin=bt")]);
        let body = Body::from_stream(begun.chain(futures::stream::pending()));
        let request = Request::post(format!("/o/{ORDER}/coin")).header(header::CONTENT_TYPE, FORM);
        let answer = crate::http::router(app.unwrap()).oneshot(request.body(body).unwrap());
        let minute = std::time::Duration::from_secs(60);
        let response =
            tokio::time::timeout(minute, answer).await.expect("an answer within a minute").unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        let said = response.into_body().collect().await.unwrap().to_bytes();
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.contains("<main>") && said.contains("could not be read"), "{said}");
    }

    #[tokio::test]
    async fn f67_s07_what_programs_ask_for_badly_is_answered_in_their_form() {
        for (path, code) in
            [("/o/%ff/events", 400), ("/assets/%ff", 404), ("/nothing/here", 404), ("/health/%ff", 404)]
        {
            let (status, kind, said) = ask(Method::GET, path, None, "").await;
            assert_eq!((status, kind.as_str()), (code, "application/problem+json"), "{path}: {said}");
            let problem: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(problem["status"], code, "{path}");
            for member in ["type", "title", "detail"] {
                assert!(problem[member].is_string(), "{path}: {said}");
            }
        }
        for query in ["", "?", "?order_id=a&order_id=b", "?order_id=%ff", "?order_id="] {
            let path = format!("/api/payment-status{query}");
            let (status, kind, said) = ask(Method::GET, &path, None, "").await;
            assert_eq!((status, kind.as_str()), (400, "application/json"), "{path}: {said}");
            let answer: Value = serde_json::from_str(&said).unwrap();
            assert_eq!(answer["status"], "error", "{path}");
            assert!(answer["message"].is_string(), "{path}: {said}");
        }
        // What the status does not ask for does not matter to it.
        let path = format!("/api/payment-status?order_id={ORDER}&lang=a&lang=b");
        assert_eq!(ask(Method::GET, &path, None, "").await.0, 404);
    }

    /// A link that leads nowhere is no link.
    #[tokio::test]
    async fn the_page_without_an_order_leads_to_itself_in_other_languages() {
        let (status, _, said) = ask(Method::GET, "/payment-processing", None, "").await;
        assert_eq!(status, 400);
        assert!(said.contains("href=\"/payment-processing?lang=ru\""), "{said}");
        let (status, _, said) = ask(Method::GET, "/payment-processing?lang=ru", None, "").await;
        assert_eq!(status, 400);
        assert!(
            said.contains("lang=\"ru\"") && said.contains("href=\"/payment-processing?lang=en\""),
            "{said}"
        );
        let (_, _, said) = ask(Method::GET, "/payment-processing?order_id=a/b", None, "").await;
        assert!(said.contains("href=\"/o/a%2Fb?lang=ru\""), "{said}");
    }
}
