//! Which event set each value and membership of a resource, or removed it. Pure over rows and log.

use std::collections::BTreeMap;

use event::{Application, Changes, Content, Number, Path, Seq, ValueChange};
use projector::ProjectorError;
use store::key::Set;

use crate::record::Record;
use crate::values::changed;

/// The event that set or removed a value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Cause {
    /// What was set or removed.
    pub(crate) what: What,
    /// The event.
    pub(crate) seq: Seq,
}

/// What an event set or removed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum What {
    /// An attribute's value; removed if there is no new one.
    Value(ValueChange),
    /// A membership in a group.
    Membership {
        /// The group.
        group: Number,
        /// Whether it began; otherwise it ended.
        joined: bool,
    },
}

impl What {
    /// The path by which a question names it.
    pub(crate) fn path(&self) -> String {
        match self {
            What::Value(change) => change.path.to_string(),
            What::Membership { .. } => "groups".to_owned(),
        }
    }

    /// Whether a question's name matches it: its path, or the attribute in any schema.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match self {
            What::Value(change) => change.path.attribute == name || change.path.to_string() == name,
            What::Membership { .. } => name == "groups",
        }
    }

    /// Whether the resource has it.
    pub(crate) fn is_present(&self) -> bool {
        match self {
            What::Value(change) => change.new.is_some(),
            What::Membership { joined, .. } => *joined,
        }
    }
}

/// The last cause of each value that a resource had up to an event, by path.
///
/// # Errors
/// Here and below, when the rows or the log cannot be read.
pub(crate) fn values(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Seq,
) -> Result<Vec<Cause>, ProjectorError> {
    let seqs = record.view.version_seqs(application, number, at)?;
    let mut causes: Vec<Cause> = vec![];
    for event in record.events(&seqs) {
        let event = event?;
        let seq = event.seq;
        let own = event.parts.into_iter().filter(|part| part.subject == number);
        let values = own.filter_map(|part| match part.content {
            Content::Changes(Changes { values, .. }) => Some(values),
            _ => None,
        });
        for values in values {
            for change in changed(&values)?.into_owned() {
                // Events come newest first, so skip what a newer event has set.
                if !causes.iter().any(|cause| replaces(cause, &change.path)) {
                    causes.push(Cause { what: What::Value(change), seq });
                }
            }
        }
    }
    causes.sort_by_cached_key(|cause| cause.what.path());
    Ok(causes)
}

/// Whether a cause set the value of a path, or the whole of which it is a part.
fn replaces(cause: &Cause, path: &Path) -> bool {
    let What::Value(ValueChange { path: set, .. }) = &cause.what else { return false };
    let same_attribute = set.schema == path.schema && set.attribute == path.attribute;
    let same_element = set.element.is_none() || set.element == path.element;
    let same_sub = set.sub.is_none() || set.sub == path.sub;
    same_attribute && same_element && same_sub
}

/// For each group that somebody was in up to an event: the last joining or leaving. By group.
pub(crate) fn memberships(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Seq,
) -> Result<Vec<Cause>, ProjectorError> {
    let mut last = BTreeMap::<Number, Cause>::new();
    for stay in record.view.stays(application, number)? {
        let Set::Members(group) = stay.set else { continue };
        if stay.start > at {
            continue;
        }
        let ended = stay.end.filter(|end| *end <= at);
        let joined = ended.is_none();
        let seq = ended.unwrap_or(stay.start);
        let cause = Cause { what: What::Membership { group, joined }, seq };
        let known = last.entry(group).or_insert_with(|| cause.clone());
        if known.seq < seq {
            *known = cause;
        }
    }
    Ok(last.into_values().collect())
}
