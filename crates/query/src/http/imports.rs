//! Imports entries of a provider's logs, and lists the imports.

use std::collections::BTreeMap;
use std::sync::Arc;

use answers::act::{Import, Imported, UPLOAD_BYTES_MAX};
use answers::{Imports, row};
use axum::Json;
use axum::extract::State;
use entra_log::DateOrder;
use event::{Credential, Fact, Number, Seq, Timestamp};

use super::ask::Ask;
use super::body::Upload;
use super::question::{Answered, Asked, NamesOf, read_act};
use crate::answer::Found;
use crate::coverage::Coverage;
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

/// The requests of one import.
struct Run {
    number: u64,
    began_at: Timestamp,
    recorded_at: Timestamp,
    seq: Seq,
    credential: Option<Credential>,
    requests: u64,
    new: u64,
    known: u64,
    refused: u64,
    span: Option<(Timestamp, Timestamp)>,
}

impl Answered for Imports {
    /// Every import of an application, newest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Imports>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let application = reading.caller.application(&record.view, &self.app.0)?.number;
        let mut runs = BTreeMap::<u64, Run>::new();
        for import in record.view.imports(application)? {
            let header = record.header(import.seq)?;
            let Fact::ImportBatch(batch) = &header.fact else {
                return Err(Error::Damaged("an import"));
            };
            let run = runs.entry(batch.run).or_insert(Run {
                number: batch.run,
                began_at: header.recorded_at,
                recorded_at: header.recorded_at,
                seq: import.seq,
                credential: None,
                requests: 0,
                new: 0,
                known: 0,
                refused: 0,
                span: None,
            });
            (run.recorded_at, run.seq) = (header.recorded_at, import.seq);
            run.credential = header.origin.as_ref().map(|origin| origin.credential);
            run.requests += 1;
            run.new += u64::from(batch.new);
            run.known += u64::from(batch.known);
            run.refused += u64::from(batch.refused);
            run.span = match (run.span, batch.span) {
                (Some(all), Some(one)) => Some((all.0.min(one.0), all.1.max(one.1))),
                (all, one) => all.or(one),
            };
        }
        let mut runs: Vec<Run> = runs.into_values().collect();
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.seq));
        let (page, next) = stand.part_of(&runs);
        let rows = page.iter().map(|run| row::ImportRun {
            run: format!("{:x}", run.number),
            seq: run.seq,
            began_at: run.began_at.to_string().into(),
            recorded_at: run.recorded_at.to_string().into(),
            actor_id: run.credential.map(|credential| credential.to_string()),
            requests: run.requests,
            new: run.new,
            known: run.known,
            refused: run.refused,
            first_entry_at: run.span.map(|(first, _)| first.to_string().into()),
            last_entry_at: run.span.map(|(_, last)| last.to_string().into()),
        });
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(application, Number::NOBODY);
        Ok(found.rows(rows, runs.len() as u64, next))
    }
}
