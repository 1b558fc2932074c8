//! Operations: what was asked of us, and what came of it.

use std::ops::ControlFlow;

use event::{EventId, Seq};
use projector::{OperationSummary, request_id_hash};
use serde_json::Value;

use super::{Ask, Names, Reading};
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::cursor::List;
use crate::error::Error;
use crate::operation::{Operations, Shown};
use crate::stand::Stand;

const NO_OPERATION: Error = Error::NotFound("there is no such operation");

/// `GET /api/v1/operations`: newest first. Filters read summaries; only what is shown is opened.
pub(super) async fn list(ask: Ask) -> Result<Answer, Error> {
    ask.read(|reading| {
        let record = &reading.record;
        let params = reading.params(&["app", "requestId", "limit", "cursor"])?;
        let application = match params.get("app") {
            Some(slug) => Some(reading.caller.application(&record.view, slug)?.number),
            None => reading.caller.scope(),
        };
        let request_id = params.get("requestId").map(|id| (request_id_hash(id), id));
        let stand = Stand::of_page(record, &params, &[], List::Operations)?;

        let matches = |summary: &OperationSummary| -> Result<bool, Error> {
            if application.is_some_and(|application| summary.application != application) {
                return Ok(false);
            }
            let Some((hash, id)) = request_id else { return Ok(true) };
            if summary.request_id_hash != hash {
                return Ok(false);
            }
            let origin = record.header(summary.seq)?.origin;
            Ok(origin.is_some_and(|origin| origin.request_id == id))
        };
        let (mut count, mut seqs, mut more, mut failed) = (0, Vec::new(), false, None);
        record.view.operations(Some(stand.size), &mut |summary| {
            match matches(&summary) {
                Ok(false) => {}
                Ok(true) => {
                    count += 1;
                    if stand.after.is_none_or(|after| summary.seq < after) {
                        if seqs.len() < stand.limit {
                            seqs.push(summary.seq);
                        } else {
                            more = true;
                        }
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let last = seqs.last().filter(|_| more);
        let next = last.map(|seq| stand.next(List::Operations, *seq));
        let operations = Operations::new(record)?;
        let mut rows: Vec<Value> = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let event = record.event(seq)?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            rows.push(operations.row(&shown)?.into());
        }
        let coverage = Coverage::whole(record, &stand)?;
        Ok(Answer::new(record, &stand, &coverage).rows(rows, count, next))
    })
    .await
}

/// `GET /api/v1/operations/{id}`: one operation whole, by event id or seq.
pub(super) async fn one(ask: Ask, Names(id): Names<String>) -> Result<Answer, Error> {
    ask.read(move |reading| {
        let params = reading.params(&[])?;
        let record = &reading.record;
        let seq = seq_of(&reading, &id).filter(|seq| *seq < record.size).ok_or(NO_OPERATION)?;
        let event = record.event(seq)?;
        let shown = Shown::of(&event).ok_or(NO_OPERATION)?;
        if !reading.caller.may_see(event.header.application) {
            return Err(NO_OPERATION);
        }
        let stand = Stand::of_one(record, &params, &[("operation", &id)])?;
        let whole = Operations::new(record)?.whole(&shown)?;
        let answer = Answer::new(record, &stand, &Coverage::complete());
        Ok(answer.resource(Some(whole.into())))
    })
    .await
}

/// The place that an event id of this log, or a plain seq, names.
fn seq_of(reading: &Reading<'_>, id: &str) -> Option<Seq> {
    if let Ok(id) = id.parse::<EventId>() {
        let (log, seq) = id.parts()?;
        return (log == reading.record.log()).then_some(seq);
    }
    id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok())?
}
