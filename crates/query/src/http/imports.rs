//! Entries of a provider's logs come in.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use projector::{Decision, View};
use serde_json::Value;

use super::{Ask, Names, receive};
use crate::Query;
use crate::error::Error;

/// A larger body is refused; an import is sent in several.
const IMPORT_BYTES_MAX: usize = 8 << 20;

/// `POST /api/v1/apps/{app}/imports?run=`: one record in each line, in any of the JSON forms.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    Names(slug): Names<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let asked = ask.admin(move |reading| {
        let params = reading.params(&["run"])?;
        let accepts = "1 to 16 hexadecimal digits, the same for all requests of one import";
        let run =
            |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+'));
        let run = params.read_as("run", accepts, run)?;
        let application = reading.caller.application(&reading.record.view, &slug)?.number;
        // Without a name for the import, a request is one of its own.
        Ok((application, run.unwrap_or(reading.record.head)))
    });
    let (admin, (application, run)) = asked.await?;
    let body = receive(body, IMPORT_BYTES_MAX).await?;
    let done = (query.import)(application, admin.origin().clone(), run, body).await;
    // Whatever came of it is for somebody who may still ask.
    let decide = move |_, _: &View<'_>, _| {
        Ok(Decision { events: vec![], reply: done.map_err(Error::Import) })
    };
    query.decide(admin, decide).await.map(Json)
}
