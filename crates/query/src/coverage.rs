//! How complete an answer is: what was not watched is said, and never reads as "nothing there".

use event::{Seq, Timestamp};
use serde_json::{Value, json};

use crate::error::Error;
use crate::record::Record;
use crate::stand::Stand;

const BEFORE: &str = "before the record began";
const FUTURE: &str = "in the future";

/// A stretch that was not watched; an end that is `None` is open.
struct Hole {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    reason: &'static str,
}

/// The stretches of a question's time that were not watched.
pub(crate) struct Coverage(Vec<Hole>);

impl Coverage {
    /// Of what does not depend on watching: our own configuration, one event of the log.
    pub(crate) fn complete() -> Coverage {
        Coverage(vec![])
    }

    /// Of a question about the instant of its stand.
    pub(crate) fn at(record: &Record<'_>, stand: &Stand) -> Result<Coverage, Error> {
        // All that are known by now: a stretch comes to light only when the next recorder starts,
        // and a page of a list may stand on the events before that.
        let mut holes = known(record, record.size.checked_sub(1))?;
        holes.retain(|hole| {
            hole.from.is_some_and(|from| from <= stand.time)
                && hole.to.is_some_and(|to| stand.time < to)
        });
        let began = if stand.size == 0 { None } else { Some(record.recorded_at(0)?) };
        if began.is_none_or(|began| stand.time < began) {
            holes.insert(0, Hole { from: None, to: began, reason: BEFORE });
        }
        if stand.time > stand.now {
            holes.push(Hole { from: Some(stand.now), to: Some(stand.time), reason: FUTURE });
        }
        Ok(Coverage(holes))
    }

    /// Of a question about the stretch of its stand, or without one about the whole record.
    pub(crate) fn between(record: &Record<'_>, stand: &Stand) -> Result<Coverage, Error> {
        let mut holes = known(record, record.size.checked_sub(1))?;
        holes.retain(|hole| {
            stand.from.is_none_or(|from| hole.to.is_none_or(|end| from < end))
                && stand.to.is_none_or(|to| hole.from.is_none_or(|begin| begin < to))
        });
        if let Some(from) = stand.from {
            let began = if stand.size == 0 { None } else { Some(record.recorded_at(0)?) };
            if began.is_none_or(|began| from < began) {
                holes.insert(0, Hole { from: Some(from), to: began, reason: BEFORE });
            }
        }
        if let Some(to) = stand.to.filter(|to| *to > stand.now) {
            holes.push(Hole { from: Some(stand.now), to: Some(to), reason: FUTURE });
        }
        Ok(Coverage(holes))
    }

    pub(crate) fn to_json(&self) -> Value {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let gaps = self.0.iter().map(
            |hole| json!({"from": time(hole.from), "to": time(hole.to), "reason": hole.reason}),
        );
        let gaps: Vec<Value> = gaps.collect();
        json!({"state": if gaps.is_empty() { "complete" } else { "partial" }, "gaps": gaps})
    }
}

/// The stretches without a recorder that the events up to `head` tell of.
fn known(record: &Record<'_>, head: Option<Seq>) -> Result<Vec<Hole>, Error> {
    let Some(head) = head else { return Ok(vec![]) };
    let gaps = record.view.gaps(head)?.into_iter();
    Ok(gaps
        .map(|gap| Hole { from: Some(gap.from), to: Some(gap.to), reason: gap.reason.name() })
        .collect())
}
