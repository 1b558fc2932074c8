//! Imports entries of a provider's logs.

use std::sync::Arc;

use answers::act::{Import, Imported, UPLOAD_BYTES_MAX};
use axum::Json;
use axum::extract::State;
use entra_log::DateOrder;

use super::ask::Ask;
use super::body::Upload;
use super::question::{NamesOf, read_act};
use crate::error::Error;
use crate::{ImportFailure, ImportRequest, Query};

/// The accepted form of a service principal; real ids are far shorter.
pub(super) const SERVICE_PRINCIPAL: &str =
    "the id of a service principal, or its display name, 1 to 256 bytes";

/// `POST /api/v1/apps/{app}/imports?run=&dates=&servicePrincipal=&list=&check=`: one record in each
/// line, in any of the JSON forms.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<Imported>, Error> {
    let asked = ask.act::<Import, _>(move |reading| {
        let import: Import = read_act(reading, &names)?;
        let run = match &import.run {
            None => None,
            Some(text) => Some(run_of(text).ok_or(Error::Parameter {
                name: "run",
                accepts: "1 to 16 hexadecimal digits, the same for all requests of one import",
            })?),
        };
        if !import.service_principal.as_deref().is_none_or(is_service_principal) {
            return Err(Error::Parameter { name: "servicePrincipal", accepts: SERVICE_PRINCIPAL });
        }
        let dates = import.dates.map(|order| match order {
            answers::act::DateOrder::Dmy => DateOrder::DayFirst,
            answers::act::DateOrder::Mdy => DateOrder::MonthFirst,
        });
        let application = reading.caller.application(&reading.record.view, &import.app.0)?.number;
        // A request that names no import is an import of its own.
        let run = run.unwrap_or(reading.record.head);
        let lists_others = import.list.is_some();
        Ok((application, run, dates, import.service_principal, lists_others, import.check))
    });
    let (admin, (application, run, dates, service_principal, lists_others, is_check)) =
        asked.await?;
    admin.concerns(application);
    let body = body.bytes(UPLOAD_BYTES_MAX).await?;
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
    // An import leaves an event even when it has nothing new.
    query.hand_over(admin, done, !is_check).await.map(Json)
}

/// Whether a text can be a [`SERVICE_PRINCIPAL`].
pub(super) fn is_service_principal(id: &str) -> bool {
    (1..=event::Imported::CODE_BYTES_MAX).contains(&id.len())
}

fn run_of(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+'))
}
