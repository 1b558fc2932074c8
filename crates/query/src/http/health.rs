//! Whether the server runs, whether it can work, and its numbers. No token is needed.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::Query;

/// Lets one request at a time write the metrics.
static METRICS: Semaphore = Semaphore::const_new(1);

/// The process serves requests. Reads nothing, so that a full or slow disk does not get it killed.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Events can be written and rows read. With `verbose` one line per check.
pub(super) async fn ready(
    State(query): State<Arc<Query>>,
    RawQuery(parameters): RawQuery,
) -> impl IntoResponse {
    let log = query.committer.check().is_ok();
    let damage = query.committer.store().damage();
    let store = Arc::clone(query.committer.store());
    // Rows are complete unless the log is poisoned. Comparing their watermark with the log here would
    // fail for every batch between append and publish.
    let rows = spawn_blocking(move || store.snapshot().watermark());
    let rows = matches!(rows.await, Ok(Ok(_)));
    let ready = log && rows;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |ok| if ok { "ok" } else { "failed" };
    let verbose = parameters.is_some_and(|text| text.split('&').any(is_verbose));
    let text = if verbose {
        let (version, free) = (query.version, query.committer.disk_free_bytes() >> 20);
        // Our own words without a path: the caller has no token.
        let log = match &damage.log {
            Some(_) => "damaged: restore the data folder from a backup; the server's log says more",
            None => word(log),
        };
        let rows = match &damage.rows {
            Some(_) => "damaged: stop the server and run `provlog rebuild`",
            None => word(rows),
        };
        format!("log: {log}\nrows: {rows}\ndisk: {free} MiB free\nversion: {version}\n")
    } else {
        (if ready { "ok" } else { "not ready" }).to_owned()
    };
    (status, text)
}

fn is_verbose(parameter: &str) -> bool {
    parameter == "verbose" || parameter.starts_with("verbose=")
}

/// The metrics in Prometheus' text form.
pub(super) async fn metrics(State(query): State<Arc<Query>>) -> impl IntoResponse {
    // Needs no token, so limit it: one text at a time, on a blocking thread. The semaphore is never
    // closed.
    let turn = METRICS.acquire().await;
    let text = spawn_blocking(move || (query.metrics)()).await;
    drop(turn);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text.unwrap_or_default())
}
