//! The OpenAPI document. It needs no token, because it contains nothing of the record.

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::Query;

/// `GET /openapi.json`
pub(super) async fn document(State(query): State<Arc<Query>>) -> impl IntoResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| canonical::text(&answers::openapi(query.version)));
    ([(CONTENT_TYPE, "application/json")], text.as_str())
}
