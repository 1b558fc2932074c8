//! The files that pages load: embedded, with the hash of the content in the name, so that a browser may keep
//! them for ever.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// One sheet out of one file a subject; a later one may refine what an earlier one says.
const STYLE: &str = concat!(
    include_str!("assets/css/tokens.css"),
    include_str!("assets/css/frame.css"),
    include_str!("assets/css/words.css"),
    include_str!("assets/css/table.css"),
    include_str!("assets/css/form.css"),
    include_str!("assets/css/parts.css"),
    include_str!("assets/css/log.css"),
    include_str!("assets/css/charts.css"),
    include_str!("assets/css/pages.css"),
    include_str!("assets/css/narrow.css"),
    include_str!("assets/css/print.css"),
);

struct Asset {
    content: &'static str,
    media_type: &'static str,
    address: String,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, content: &'static str) -> Asset {
        let hash = HEXLOWER.encode(&Sha256::digest(content)[..6]);
        Asset { content, media_type, address: format!("/assets/{stem}-{hash}.{ending}") }
    }
}

static CSS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "css", "text/css; charset=utf-8", STYLE));
static JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("assets/app.js"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

/// The address of the style sheet.
#[must_use]
pub fn css() -> &'static str {
    &CSS.address
}

/// The address of the script.
#[must_use]
pub fn js() -> &'static str {
    &JS.address
}

/// The address of the icon.
#[must_use]
pub fn icon() -> &'static str {
    &ICON.address
}

/// Serves the files. They hold nothing secret, so nobody needs to be signed in.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let found = [&CSS, &JS, &ICON]
        .into_iter()
        .find(|asset| asset.address.strip_prefix("/assets/") == Some(name.as_str()));
    let Some(asset) = found else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.content).into_response()
}

/// Each file with its address.
#[cfg(test)]
pub(crate) fn every() -> [(&'static str, &'static str); 3] {
    [&CSS, &JS, &ICON].map(|asset| (asset.address.as_str(), asset.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_served_under_its_hash_alone() {
        for (address, media_type) in
            [(css(), "text/css"), (js(), "text/javascript"), (icon(), "image/svg")]
        {
            let name = address.strip_prefix("/assets/").unwrap();
            let answer = asset(Path(name.to_owned())).await;
            assert_eq!(answer.status(), StatusCode::OK, "{address}");
            let text = |name| answer.headers()[name].to_str().unwrap().to_owned();
            assert!(text(header::CONTENT_TYPE).starts_with(media_type), "{address}");
            assert!(text(header::CACHE_CONTROL).contains("immutable"));
            assert_eq!(text(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        }
        for name in ["app.css", "app-000000000000.css", "../lib.rs"] {
            assert_eq!(
                asset(Path(name.to_owned())).await.status(),
                StatusCode::NOT_FOUND,
                "{name}"
            );
        }
    }
}
