//! Reports of operations: without evidence, last failures, drift, changes of one attribute.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use event::codec::decode;
use event::{
    Action, Application, Attribute, Changes, Content, Effect, Event, Fact, Number, Occasion, Seq,
    Status, Verdict,
};
use projector::{Failing, OperationSummary, Order, ProjectorError, View, case_folded};
use store::{Store, StoreError};

use crate::record::Record;
use crate::values::changed;

/// The operations of an application in a range that asked for a change and ended with a status, newest
/// first.
fn writes(
    view: &View<'_>,
    application: Application,
    status: Status,
    seqs: &Range<Seq>,
) -> Result<Vec<Seq>, ProjectorError> {
    let mut found = vec![];
    for (class, _) in view.classes()? {
        let asks = Action::from_code(class.action).is_some_and(|action| action != Action::Other);
        if class.application == application && class.status == status as u8 && asks {
            found.append(&mut view.by_class(class, seqs.clone(), usize::MAX)?);
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

fn summary(view: &View<'_>, seq: Seq) -> Result<OperationSummary, ProjectorError> {
    view.operation(seq)?.ok_or(ProjectorError::Row { what: "an operation", source: None })
}

fn event(store: &Store, seq: Seq) -> Result<Event, ProjectorError> {
    let bytes = store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
    decode(seq, &bytes, store.parts()).map_err(ProjectorError::event(seq))
}

/// The requests of a range that changed something and have no evidence, newest first.
///
/// # Errors
/// Here and below, when the rows or the log cannot be read.
pub(crate) fn unapproved(
    view: &View<'_>,
    application: Application,
    seqs: &Range<Seq>,
) -> Result<Vec<Seq>, ProjectorError> {
    let mut found = vec![];
    for seq in writes(view, application, Status::Success, seqs)? {
        let summary = summary(view, seq)?;
        let is_applied = summary.effect == Effect::Applied && !summary.is_observation();
        if is_applied && view.evidence(seq)?.is_empty() {
            found.push(seq);
        }
    }
    Ok(found)
}

/// The observations in a range that differ from the record, newest first: from drift checks, and from
/// reads, except reads that only confirm an operation whose outcome was in doubt. Not from baselines,
/// because there is no record before them.
pub(crate) fn drifted(
    view: &View<'_>,
    store: &Store,
    application: Application,
    seqs: &Range<Seq>,
) -> Result<Vec<Seq>, ProjectorError> {
    let mut found = vec![];
    for seq in writes(view, application, Status::Success, seqs)? {
        if !summary(view, seq)?.is_observation() {
            continue;
        }
        if let Fact::Observation(seen) = event(store, seq)?.header.fact
            && match seen.occasion {
                Occasion::Baseline => false,
                Occasion::Read | Occasion::ReadBack => seen.verdict != Verdict::Confirmed,
                Occasion::Drift => true,
            }
        {
            found.push(seq);
        }
    }
    Ok(found)
}

/// The persons and resources whose last write, among all events before `until`, failed, the newest failure
/// first. Leaves out those whose create was refused but whose name an existing account got later.
pub(crate) fn failing(
    record: &Record<'_>,
    application: Application,
    until: Seq,
) -> Result<Vec<Failing>, ProjectorError> {
    let view = &record.view;
    let all = match until == record.rows_until {
        true => view.failing_now(application)?,
        false => failing_then(view, application, until)?,
    };
    let mut found = vec![];
    for one in all {
        if !got_account(view, application, &one, until)? {
            found.push(one);
        }
    }
    found.sort_unstable_by_key(|one| std::cmp::Reverse(one.seq));
    Ok(found)
}

/// The same with those who got an account, from all writes before `until`.
fn failing_then(
    view: &View<'_>,
    application: Application,
    until: Seq,
) -> Result<Vec<Failing>, ProjectorError> {
    let mut seen = BTreeSet::new();
    let mut found = vec![];
    for seq in writes(view, application, Status::Failure, &(0..until))? {
        let number = summary(view, seq)?.number;
        if number == Number::NOBODY || !seen.insert(number) {
            continue;
        }
        let (mut failures, mut last) = (0, None);
        view.operations_of(
            application,
            number,
            0..until,
            Order::NewestFirst,
            &mut |one| match one.write_failed().filter(|_| one.number == number) {
                None => ControlFlow::Continue(()),
                Some(false) => ControlFlow::Break(()),
                Some(true) => {
                    last = last.or(Some(one.seq));
                    failures += 1;
                    ControlFlow::Continue(())
                }
            },
        )?;
        found.extend(last.map(|seq| Failing { number, seq, failures }));
    }
    Ok(found)
}

/// Whether another account got the name of somebody without an account, after the last failure and before
/// `until`.
fn got_account(
    view: &View<'_>,
    application: Application,
    &Failing { number, seq, .. }: &Failing,
    until: Seq,
) -> Result<bool, ProjectorError> {
    let Some(mentioned) = view.mentioned(application, number)? else { return Ok(false) };
    let (attribute, value) = match mentioned.external_id {
        Some((external_id, _)) => (Attribute::ExternalId, external_id),
        None => (mentioned.attribute, mentioned.value),
    };
    let case_folded = case_folded(attribute, &value);
    let kind = summary(view, seq)?.resource_type;
    let holders = view.name_holders(application, kind, attribute, &case_folded)?;
    let is_taken =
        holders.iter().any(|one| one.number != number && (seq..until).contains(&one.since));
    // A version is far larger than a name, and few names were taken.
    Ok(is_taken && view.version(application, number, seq)?.is_none())
}

/// A changed attribute value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Move {
    /// The person or resource.
    pub number: Number,
    /// The event that changed it.
    pub seq: Seq,
    /// The attribute's path.
    pub path: String,
    /// Canonical JSON before.
    pub old: Vec<u8>,
    /// Canonical JSON after.
    pub new: Vec<u8>,
}

/// The changes of an attribute of users from one value to another in a range, oldest first. `on` is a
/// path, or the name of an attribute in any schema.
pub(crate) fn moves(
    view: &View<'_>,
    store: &Store,
    application: Application,
    seqs: &Range<Seq>,
    on: &str,
) -> Result<Vec<Move>, ProjectorError> {
    let mut found = vec![];
    for seq in writes(view, application, Status::Success, seqs)?.into_iter().rev() {
        if !matches!(summary(view, seq)?.action, Action::Update | Action::Disable) {
            continue;
        }
        for part in event(store, seq)?.parts {
            let Content::Changes(Changes { values, .. }) = part.content else { continue };
            for change in changed(&values)?.into_owned() {
                let path = change.path.to_string();
                let is_named = change.path.attribute == on
                    && change.path.element.is_none()
                    && change.path.sub.is_none();
                if let (Some(old), Some(new)) = (change.old, change.new)
                    && (is_named || path == on)
                {
                    found.push(Move { number: part.subject, seq, path, old, new });
                }
            }
        }
    }
    Ok(found)
}
