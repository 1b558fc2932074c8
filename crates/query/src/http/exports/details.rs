//! What an export says of operations that no list shows: in their rows the evidence and what imported
//! entries tell of a request, beside them their steps and changes.

use std::collections::VecDeque;

use answers::row;
use entra_log::said::REDACTED;
use event::{Action, CodeKind, Fact};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::lists::evidence_refs;
use super::{Broken, Part};
use crate::Query;
use crate::entry::Entry;
use crate::error::Error;
use crate::join::explaining;
use crate::operation::Operations;
use crate::record::Record;
use crate::shown::{Shown, What};

const DAMAGED: Error = Error::Damaged("an operation");

type Row = Map<String, Value>;

/// Rows that are made at a time, unless one operation has more.
const ROWS_MAX: usize = 1_000;

/// What a file has of the next operations of a page, until it is enough; those that it is made of are
/// taken from `rows`. `size` is how many events the page stands on.
pub(super) fn next(
    query: &Query,
    size: event::Seq,
    part: Part,
    rows: &mut VecDeque<Row>,
) -> Result<Vec<Row>, Broken> {
    let mut made = vec![];
    // One snapshot each time: held for a whole export, it would keep the disk from being tidied.
    let store = query.committer.store();
    let snapshot = store.snapshot();
    let record = Record::new(store, &snapshot, query.committer.now(), &query.cursor_key);
    let record = record.map_err(Error::from)?.limited_to(size);
    let operations = Operations::new(&record)?;
    while made.len() < ROWS_MAX {
        let Some(row) = rows.pop_front() else { break };
        let row: row::Operation = serde_json::from_value(row.into()).map_err(|_| Error::Defect)?;
        // A request tells nothing of the steps before it.
        if part == Part::Steps && is_recorded(&row) {
            continue;
        }
        let row = told(&record, row)?;
        match part {
            Part::Rows => {
                let refs = evidence_refs(&record, row.seq)?;
                let event_hash = record.event_hash(row.seq).map_err(Error::from)?;
                let evidence_refs = Some(refs);
                let row = row::Operation { evidence_refs, event_hash, ..of_group(row) };
                made.push(object(&row)?);
            }
            Part::Steps => {
                let event = record.event(row.seq).map_err(Error::from)?;
                let shown = Shown::of(&event).ok_or(DAMAGED)?;
                for step in Entry::of(shown.entry()?).steps() {
                    made.push(object(&step_of(&row, step))?);
                }
            }
            Part::Changes => {
                let event = record.event(row.seq).map_err(Error::from)?;
                let shown = Shown::of(&event).ok_or(DAMAGED)?;
                let changes = match shown.what {
                    What::Imported(_) => Entry::of(shown.entry()?).changes(),
                    _ => operations.changes(&shown)?,
                };
                for change in changes {
                    made.push(object(&change_of(&row, change))?);
                }
            }
        }
    }
    Ok(made)
}

fn is_recorded(row: &row::Operation) -> bool {
    row.source == "recorded"
}

/// A row as files have it.
fn object(row: &impl Serialize) -> Result<Row, Error> {
    match serde_json::to_value(row) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) | Err(_) => Err(Error::Defect),
    }
}

fn step_of(row: &row::Operation, step: row::Step) -> row::ExportedStep {
    let row::Step { step_no, kind, name, status, description, details } = step;
    let change_id = row.change_id.clone().flatten();
    row::ExportedStep { seq: row.seq, change_id, step_no, kind, name, status, description, details }
}

fn change_of(row: &row::Operation, change: row::Change) -> row::ExportedChange {
    let row::Change { path, op, old_value, new_value, resource_id } = change;
    let hides = |value: &Value| value == REDACTED;
    row::ExportedChange {
        seq: row.seq,
        change_id: row.change_id.clone().flatten(),
        redacted: !is_recorded(row) && (hides(&old_value) || hides(&new_value)),
        path,
        op,
        old_value,
        new_value,
        resource_id: resource_id.unwrap_or_else(|| row.resource_id.clone()),
    }
}

/// A row with what imported entries tell of a request. The change is named in any case, as Graph names
/// it: by it the files are joined.
fn told(record: &Record<'_>, mut row: row::Operation) -> Result<row::Operation, Error> {
    let summary = record.view.operation(row.seq)?;
    // Reads and looks are explained by nothing.
    let is_write =
        |one: &projector::OperationSummary| one.action != Action::Other && !one.is_observation();
    if let Some(one) = summary.filter(is_write) {
        let at = (row.seq, one.recorded_at);
        // The surest is believed.
        let joined = explaining(record, one.application, one.number, at)?;
        if let Some(joined) = joined.first() {
            let event = record.event(joined.entry)?;
            let shown = Shown::of(&event).ok_or(DAMAGED)?;
            let Fact::Imported(entry) = &event.header.fact else { return Err(DAMAGED) };
            let said = Entry::of(shown.entry()?);
            let owned = |text: Option<&str>| Some(text.map(str::to_owned));
            row.tenant = owned(said.tenant_id());
            row.job_id = owned(entry.code(CodeKind::Job));
            row.cycle_id = owned(entry.code(CodeKind::Cycle));
            row.change_id = owned(entry.code(CodeKind::Change));
            row.error_code = owned(entry.code(CodeKind::Error));
            row.error_category = owned(said.error_category());
        }
    }
    let change_id = row.change_id.take().flatten();
    row.change_id = Some(Some(change_id.unwrap_or_else(|| row.event_id.clone())));
    Ok(row)
}

/// A row that names the group of an operation on a group as that of a membership is named.
fn of_group(row: row::Operation) -> row::Operation {
    let is_group = row.resource_type.as_deref() == Some("Group");
    if !is_group || row.group_id.iter().flatten().next().is_some() {
        return row;
    }
    row::Operation {
        group_id: Some(row.resource_id.clone()),
        group_name: Some(row.display_name.clone()),
        ..row
    }
}
