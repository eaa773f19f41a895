//! Who looks at a page: the language, and whether a form was sent from a page of ours.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::page::{self, Reader};
use crate::app::App;
use crate::texts::Language;

/// What every page of a buyer's carries: it is one person's, of this moment, and in one of several languages.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::VARY, HeaderValue::from_static("accept-language, x-part")),
];

/// The reader of a page at this path, below the path of our public address.
pub(super) fn of(base: &str, headers: &HeaderMap, asked: Option<&str>, path: &str) -> Reader {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let asked = asked.and_then(Language::of_tag);
    Reader {
        language: asked.unwrap_or_else(|| Language::accepted(accepted)),
        is_asked: asked.is_some(),
        path: path.to_owned(),
        base: base.to_owned(),
    }
}

/// Whether a form was sent by a page of another site. Browsers say so; a program that says nothing is not a buyer who was tricked.
pub(super) fn is_foreign(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let ours = app.config.public_url.origin().ascii_serialization();
    let here = text("host").map(|host| (format!("http://{host}"), format!("https://{host}")));
    let is_here = here.is_some_and(|(plain, secure)| origin == plain || origin == secure);
    origin != ours && !is_here
}

/// The answer to a form of another site.
pub(super) fn foreign(reader: &Reader) -> Response {
    let l = reader.language;
    let page = page::message(reader, &l.page_foreign_heading(), &l.page_foreign_text());
    (StatusCode::FORBIDDEN, HEADERS, page).into_response()
}

/// The path of an order's page under the name by which it was asked for, safe to stand in an address.
pub(super) fn order_path(name: &str) -> String {
    path(["o", name])
}

/// The path of a link.
pub(super) fn link_path(slug: &str) -> String {
    path(["c", slug])
}

fn path(segments: [&str; 2]) -> String {
    // The host is ours and is left away again; what counts is the escaping.
    let Ok(mut url) = url::Url::parse("http://localhost") else { return "/".to_owned() };
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(segments);
    }
    url.path().to_owned()
}

/// Sends the reader on, to a path of ours; nothing that a query says leads anywhere (S36).
pub(super) fn go(reader: &Reader, path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, reader.keep(path))]).into_response()
}
