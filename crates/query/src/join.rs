//! Finds the operation that an imported entry explains. The join is made when a question needs it, from
//! what the question may know. So the order in which the two were recorded does not matter, and old
//! answers do not change.

use std::ops::ControlFlow;

use entra_log::said::told;
use event::{Action, Application, Content, Event, Number, Seq, Status, Timestamp};
use projector::{Claim, OperationSummary, ProjectorError};
use serde_json::Value;
use store::key::Moment;

use crate::as_of::scim_id;
use crate::entry::{Entry, truth};
use crate::error::Error;
use crate::record::Record;
use crate::shown::Shown;
use crate::values;

/// Maximum time between a provider's entry and the request that it is about.
const APART_MICROS_MAX: i64 = 15 * 60 * 1_000_000;
/// Maximum time for a certain join.
const CERTAIN_MICROS_MAX: i64 = 120 * 1_000_000;

/// How certain a join is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Confidence {
    /// Person and time match.
    Possible,
    /// The action matches too.
    Probable,
    /// The id in the application and the written values match too, within two minutes.
    Certain,
}

impl Confidence {
    /// The word in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Probable => "probable",
            Confidence::Certain => "certain",
        }
    }
}

/// An entry and the operation that it explains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Joined {
    pub(crate) entry: Seq,
    pub(crate) operation: Seq,
    pub(crate) confidence: Confidence,
}

/// The operation that an entry explains.
pub(crate) fn explained(record: &Record<'_>, claim: &Claim) -> Result<Option<Joined>, Error> {
    if claim.number == Number::NOBODY || claim.action == Action::Other {
        return Ok(None);
    }
    let event = record.event(claim.moment.seq)?;
    let shown = Shown::of(&event).ok_or(Error::Damaged("an imported entry"))?;
    let entry = Entry::of(shown.entry()?);
    let at = claim.moment.occurred_at.0;
    let mut best: Option<(Confidence, i64, Seq)> = None;
    for seq in writes_near(record, claim.application, claim.number, at)? {
        let summary = record.view.operation(seq)?;
        let Some(summary) = summary else { continue };
        let apart = summary.recorded_at.0.abs_diff(at);
        let apart = i64::try_from(apart).unwrap_or(i64::MAX);
        if apart > APART_MICROS_MAX {
            continue;
        }
        let confidence = confidence(record, claim, &entry, &summary, apart)?;
        let Some(confidence) = confidence else { continue };
        // Prefer the more certain, then the nearer, then the earlier.
        let is_better = best.is_none_or(|(sure, near, first)| {
            (confidence, -apart, std::cmp::Reverse(seq)) > (sure, -near, std::cmp::Reverse(first))
        });
        if is_better {
            best = Some((confidence, apart, seq));
        }
    }
    Ok(best.map(|(confidence, _, operation)| Joined {
        entry: claim.moment.seq,
        operation,
        confidence,
    }))
}

/// The entries that explain an operation: the most certain first, then the newest.
pub(crate) fn explaining(
    record: &Record<'_>,
    application: Application,
    number: Number,
    (seq, recorded_at): (Seq, Timestamp),
) -> Result<Vec<Joined>, Error> {
    if number == Number::NOBODY || !record.view.has_imports(application)? {
        return Ok(vec![]);
    }
    let from = Moment::start_of(Timestamp(recorded_at.0.saturating_sub(APART_MICROS_MAX)));
    let until = recorded_at.0.saturating_add(APART_MICROS_MAX + 1);
    let mut claims = vec![];
    let stretch = (from, Moment::start_of(Timestamp(until)));
    record.view.claims_about(application, number, stretch, &mut |claim| {
        claims.push(claim);
        ControlFlow::Continue(())
    })?;
    let mut found = vec![];
    for claim in &claims {
        found.extend(explained(record, claim)?.filter(|joined| joined.operation == seq));
    }
    // A stable sort; the claims come newest first.
    found.sort_by_key(|joined| std::cmp::Reverse(joined.confidence));
    Ok(found)
}

/// The requests to change a person or resource around an instant.
fn writes_near(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: i64,
) -> Result<Vec<Seq>, Error> {
    let size_until = |us: i64| -> Result<Seq, ProjectorError> {
        Ok(record.seq_at(record.size, Timestamp(us))?.map_or(0, |seq| seq + 1))
    };
    let from = size_until(at.saturating_sub(APART_MICROS_MAX + 1))?;
    let to = size_until(at.saturating_add(APART_MICROS_MAX))?;
    if from >= to {
        return Ok(vec![]);
    }
    let mut seqs = record.view.by_resource(application, number, from..to, usize::MAX)?;
    let mut failed = None;
    seqs.retain(|seq| match record.view.operation(*seq) {
        Ok(summary) => summary.is_some_and(|one| {
            one.number == number && one.action != Action::Other && !one.is_observation()
        }),
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    failed.map_or(Ok(seqs), |error| Err(error.into()))
}

fn confidence(
    record: &Record<'_>,
    claim: &Claim,
    entry: &Entry,
    summary: &OperationSummary,
    apart: i64,
) -> Result<Option<Confidence>, Error> {
    let id = scim_id(&record.view, claim.application, claim.number)?;
    if let (Some(told), Some(id)) = (entry.target_id(), &id)
        && told != id
    {
        // It is about another account, perhaps of the same person.
        return Ok(None);
    }
    let same_action = match (claim.action, summary.action) {
        (one, other) if one == other => true,
        // What the provider calls an update may be a disable here, and the other way round.
        (Action::Update, Action::Disable) | (Action::Disable, Action::Update) => true,
        (Action::StagedDelete, Action::Delete) => true,
        _ => false,
    };
    let same_end = match claim.status {
        Status::Success => summary.status == Status::Success,
        Status::Failure => summary.status == Status::Failure,
        Status::Warning => true,
        // A skipped entry wrote nothing, so it explains nothing.
        Status::Skipped => return Ok(None),
    };
    if !same_action || !same_end {
        return Ok((apart <= CERTAIN_MICROS_MAX && same_end).then_some(Confidence::Possible));
    }
    let same_target = entry.target_id().is_some() && entry.target_id() == id.as_deref();
    if same_target && apart <= CERTAIN_MICROS_MAX {
        let event = record.event(summary.seq)?;
        if agrees(entry, &event, claim.number) {
            return Ok(Some(Confidence::Certain));
        }
    }
    Ok(Some(Confidence::Probable))
}

/// Whether the values written according to an entry are those that an event changed. At least one
/// attribute must be in both, unless neither wrote any.
fn agrees(entry: &Entry, event: &Event, number: Number) -> bool {
    let mut changed = std::collections::BTreeMap::<String, Option<String>>::new();
    for part in event.parts.iter().filter(|part| part.subject == number) {
        if let Content::Changes(changes) = &part.content {
            // A damaged state agrees with nothing.
            let values = values::changed(&changes.values).unwrap_or_default();
            for change in values.iter() {
                let new = change.new.as_deref().and_then(|text| serde_json::from_slice(text).ok());
                changed
                    .insert(change.path.to_string().to_ascii_lowercase(), new.as_ref().map(text));
            }
        }
    }
    let mut agreed = 0;
    for (path, _, new) in entry.modified() {
        // A hidden value neither agrees nor contradicts.
        if new.is_some_and(|new| told(new).is_none()) {
            continue;
        }
        let Some(ours) = changed.get(&path.to_ascii_lowercase()) else { continue };
        let same = match (ours.as_deref(), new) {
            (Some(ours), Some(new)) => {
                ours == new || truth(ours).is_some_and(|ours| Some(ours) == truth(new))
            }
            (None, None | Some("")) => true,
            _ => false,
        };
        if !same {
            return false;
        }
        agreed += 1;
    }
    // A deletion writes no values.
    let is_gone = changed.values().all(Option::is_none);
    agreed > 0 || (is_gone && entry.modified().next().is_none())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
