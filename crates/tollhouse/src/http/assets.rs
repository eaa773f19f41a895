//! What pages are made of besides their words: one sheet, one script, one icon, from our own origin. A file's name holds the digest of what is in
//! it, so that it is kept for ever and never stale.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem;

/// Bytes of the digest in a name; two versions of a file only have to differ.
const NAME_DIGEST_BYTES: usize = 6;

/// A file that pages load.
pub(super) struct Asset {
    /// Its address.
    pub(super) path: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        use std::fmt::Write as _;
        let mut name = String::new();
        for byte in &Sha256::digest(content)[..NAME_DIGEST_BYTES] {
            // Writing to a String does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        Self { path: format!("/assets/{stem}-{name}.{extension}"), media_type, content }
    }
}

/// The sheet.
pub(super) static SHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("page", "css", "text/css; charset=utf-8", include_str!("../../assets/page.css"))
});
/// The script.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("page", "js", "text/javascript; charset=utf-8", include_str!("../../assets/page.js"))
});
/// The icon.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")));

/// Serves a file by its name.
pub async fn serve(name: Result<Path<String>, PathRejection>) -> Response {
    // A name that is no text is the name of nothing.
    let path = name.map_or_else(|_| String::new(), |Path(name)| format!("/assets/{name}"));
    let Some(asset) = [&SHEET, &SCRIPT, &ICON].into_iter().find(|asset| asset.path == path) else {
        return problem::not_found().await.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content).into_response()
}
