//! The sheet, the script and the icon, from our own origin.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file that pages load.
pub(super) struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

pub(super) const SHEET: Asset =
    Asset { name: "app.css", media_type: "text/css; charset=utf-8", content: include_str!("assets/app.css") };
pub(super) const SCRIPT: Asset = Asset {
    name: "app.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("assets/app.js"),
};
pub(super) const ICON: Asset =
    Asset { name: "icon.svg", media_type: "image/svg+xml", content: include_str!("assets/icon.svg") };

/// The sheet of the simulation's pages, for pages that stand beside them.
pub const PAGE_SHEET: &str = SHEET.content;
/// Their script: it puts what the server sends by the address in the body's `data-events` into `#app`, and sends forms without a reload.
pub const PAGE_SCRIPT: &str = SCRIPT.content;
/// Their icon.
pub const PAGE_ICON: &str = ICON.content;

impl Asset {
    pub(super) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Serves a file by its name. It is asked for anew each time: the next version of the program may listen at the same address.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = [&SHEET, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, "no-cache")], asset.content)
        .into_response()
}
