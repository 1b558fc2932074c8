//! Entries of a provider's logs come in.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::Value;

use super::ask::{Ask, Names};
use super::body::receive;
use crate::error::Error;
use crate::{ImportFailure, ImportRequest, Query};

/// A larger body is refused; an import is sent in several.
const IMPORT_BYTES_MAX: usize = 8 << 20;

/// Ids of service principals are far shorter.
const ID_BYTES_MAX: usize = 256;

/// `POST /api/v1/apps/{app}/imports?run=&dates=&servicePrincipal=&list=&check=`: one record in each line, in
/// any of the JSON forms.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    Names(slug): Names<String>,
    body: Body,
) -> Result<Json<Value>, Error> {
    let asked = ask.admin(move |reading| {
        let params = reading.params(&["run", "dates", "servicePrincipal", "list", "check"])?;
        let accepts = "1 to 16 hexadecimal digits, the same for all requests of one import";
        let run =
            |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+'));
        let run = params.read_as("run", accepts, run)?;
        let dates = params.read_as("dates", "dmy or mdy", |text| text.parse().ok())?;
        let accepts = "the id of a service principal, or its display name, 1 to 256 bytes";
        let id = |text: &str| (1..=ID_BYTES_MAX).contains(&text.len()).then(|| text.to_owned());
        let service_principal = params.read_as("servicePrincipal", accepts, id)?;
        let list = params.read_as("list", "others", |text| (text == "others").then_some(()))?;
        let is_check = params.flag("check")?.unwrap_or(false);
        let application = reading.caller.application(&reading.record.view, &slug)?.number;
        // Without a name for the import, a request is one of its own.
        let run = run.unwrap_or(reading.record.head);
        Ok((application, run, dates, service_principal, list.is_some(), is_check))
    });
    let (admin, (application, run, dates, service_principal, lists_others, is_check)) =
        asked.await?;
    admin.concerns(application);
    let body = receive(body, IMPORT_BYTES_MAX).await?;
    let origin = admin.origin().clone();
    let request = ImportRequest {
        application,
        origin,
        run,
        dates,
        service_principal,
        lists_others,
        is_check,
        body,
    };
    let done = (query.import)(request).await.map_err(|failure| match failure {
        ImportFailure::Records(detail, candidates) => Error::Records { detail, candidates },
        ImportFailure::Log(detail) => Error::Import(detail),
    });
    // A request that imports leaves an event also when it has nothing new.
    query.hand_over(admin, done, !is_check).await.map(Json)
}
