//! What an export says of operations that no list shows: in their rows the evidence and what imported
//! entries tell of a request, beside them their steps and changes.

use std::collections::VecDeque;

use entra_log::said::REDACTED;
use event::{Action, Fact, Seq};
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
    size: Seq,
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
        let Some(mut row) = rows.pop_front() else { break };
        let seq = row.get("seq").and_then(Value::as_u64).ok_or(DAMAGED)?;
        let is_recorded = row.get("source").is_some_and(|source| source == "recorded");
        match part {
            Part::Rows => {
                insert_told(&record, &mut row, seq)?;
                insert_group(&mut row);
                row.insert("evidenceRefs".into(), evidence_refs(&record, seq)?.into());
                made.push(row);
            }
            // A request tells nothing of the steps before it.
            Part::Steps if is_recorded => {}
            Part::Steps | Part::Changes => {
                insert_told(&record, &mut row, seq)?;
                let event = record.event(seq).map_err(Error::from)?;
                let shown = Shown::of(&event).ok_or(DAMAGED)?;
                let parts = match (part, shown.what) {
                    (Part::Steps, _) => Entry::of(shown.entry()?).steps(),
                    (_, What::Imported(_)) => Entry::of(shown.entry()?).changes(),
                    _ => operations.changes(&shown)?,
                };
                for one in parts {
                    let Value::Object(mut one) = one else { return Err(Error::Defect.into()) };
                    for name in ["seq", "changeId"] {
                        one.insert(name.into(), row.get(name).cloned().unwrap_or_default());
                    }
                    if part == Part::Changes {
                        let hides = |name: &str| one.get(name).is_some_and(|it| it == REDACTED);
                        let redacted = !is_recorded && (hides("oldValue") || hides("newValue"));
                        one.insert("redacted".into(), redacted.into());
                        let own = || row.get("resourceId").cloned().unwrap_or_default();
                        one.entry("resourceId").or_insert_with(own);
                    }
                    made.push(one);
                }
            }
        }
    }
    Ok(made)
}

/// Adds what imported entries tell of a request. The change is named in any case, as Graph names it:
/// by it the files are joined.
fn insert_told(record: &Record<'_>, row: &mut Row, seq: Seq) -> Result<(), Error> {
    let summary = record.view.operation(seq)?;
    // Reads and looks are explained by nothing.
    let is_write =
        |one: &projector::OperationSummary| one.action != Action::Other && !one.is_observation();
    if let Some(one) = summary.filter(is_write) {
        let at = (seq, one.recorded_at);
        // The surest is believed.
        let joined = explaining(record, one.application, one.number, at)?;
        if let Some(joined) = joined.first() {
            let event = record.event(joined.entry)?;
            let shown = Shown::of(&event).ok_or(DAMAGED)?;
            let Fact::Imported(entry) = &event.header.fact else { return Err(DAMAGED) };
            let said = Entry::of(shown.entry()?);
            let told = [
                ("tenant", said.tenant_id()),
                ("jobId", entry.code(event::CodeKind::Job)),
                ("cycleId", entry.code(event::CodeKind::Cycle)),
                ("changeId", entry.code(event::CodeKind::Change)),
                ("errorCode", entry.code(event::CodeKind::Error)),
                ("errorCategory", said.error_category()),
            ];
            for (name, value) in told {
                row.insert(name.into(), value.into());
            }
        }
    }
    if row.get("changeId").is_none_or(Value::is_null) {
        let id = row.get("eventId").cloned().unwrap_or_default();
        row.insert("changeId".into(), id);
    }
    Ok(())
}

/// Names the group of an operation on a group as that of a membership is named.
fn insert_group(row: &mut Row) {
    let is_group = row.get("resourceType").is_some_and(|kind| kind == "Group");
    if is_group && row.get("groupId").is_none_or(Value::is_null) {
        for (name, from) in [("groupId", "resourceId"), ("groupName", "displayName")] {
            let value = row.get(from).cloned().unwrap_or_default();
            row.insert(name.into(), value);
        }
    }
}
