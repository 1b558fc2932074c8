//! The verification of the log by the running server.

use std::sync::Arc;

use answers::act::{
    Act, ShowVerification, VerificationEnded, VerificationRunning, VerificationState, Verify,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use event::{Application, Number};

use super::ask::Ask;
use super::question::{NamesOf, read_act};
use crate::Query;
use crate::answer::Told;
use crate::error::Error;

/// `POST /api/v1/verification`: begins one now, or lets the present one run without pauses.
pub(super) async fn begin(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    let asked = ask.answer(move |reading| {
        let Verify {} = read_act(&reading, &names)?;
        Ok(Asked(Verify::STATUS))
    });
    asked.await?;
    query.verification.want(query.committer.now());
    let status = StatusCode::from_u16(Verify::STATUS).unwrap_or(StatusCode::ACCEPTED);
    Ok((status, Json(told(&query))).into_response())
}

/// `GET /api/v1/verification`
pub(super) async fn show(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    let asked = ask.answer(move |reading| {
        let ShowVerification {} = read_act(&reading, &names)?;
        Ok(Asked(ShowVerification::STATUS))
    });
    asked.await?;
    Ok(Json(told(&query)).into_response())
}

/// The state as answers tell it.
pub(crate) fn told(query: &Query) -> VerificationState {
    let state = query.verification.state();
    VerificationState {
        round: state.round,
        running: state.running.map(|(events, size)| VerificationRunning { events, size }),
        last: state.last.map(|last| VerificationEnded {
            round: last.round,
            at: last.at.to_string().into(),
            events: last.events,
            covered: last.covered,
            faults: last.faults,
        }),
    }
}

/// The verification was asked about, or for; with the status of the answer.
struct Asked(u16);

impl Told for Asked {
    fn row_count(&self) -> u64 {
        0
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }

    fn status(&self) -> u16 {
        self.0
    }
}
