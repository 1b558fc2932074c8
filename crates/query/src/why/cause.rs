//! Why an account is switched off. `active=false` looks the same whatever is behind it; only the
//! provider's log tells the causes apart.

use std::ops::ControlFlow;

use answers::row;
use event::{Action, Seq, Status};
use store::key::Moment;

use super::evidence::{self, About, Evidence};
use crate::entry::{Entry, truth};
use crate::error::Error;
use crate::join::explained;

/// What a provider means by switching an account off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The assignment to the application ended.
    Unassigned,
    /// A scoping filter keeps the person out.
    FilteredOut,
    /// The person was deleted at the source, and can be restored there.
    SoftDeleted,
    /// The account at the source is switched off.
    DisabledAtSource,
}

impl Kind {
    const ALL: [Kind; 4] =
        [Kind::Unassigned, Kind::FilteredOut, Kind::SoftDeleted, Kind::DisabledAtSource];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Unassigned => "unassigned",
            Kind::FilteredOut => "filteredOut",
            Kind::SoftDeleted => "softDeleted",
            Kind::DisabledAtSource => "disabledAtSource",
        }
    }
}

/// Why an account is switched off, as far as anything tells.
pub(crate) struct Cause {
    pub(crate) kind: Option<Kind>,
    /// The event that switched it off, and the entry that tells why.
    pub(crate) seqs: Vec<Seq>,
}

impl Cause {
    /// The cause as the answer has it, with its events.
    pub(super) fn into_row(self) -> row::Cause {
        row::Cause {
            known: self.kind.is_some(),
            kind: self.kind.map(|kind| kind.name().to_owned()),
            candidates: self.candidates().into_iter().map(str::to_owned).collect(),
            seqs: self.seqs,
        }
    }

    /// What it can be, when nothing tells.
    fn candidates(&self) -> Vec<&'static str> {
        match self.kind {
            Some(_) => vec![],
            None => Kind::ALL.map(Kind::name).to_vec(),
        }
    }

    pub(crate) fn conclusion(&self) -> String {
        let off = "The account is switched off";
        match self.kind {
            Some(Kind::Unassigned) => {
                format!("{off}: the person was no longer assigned to the application.")
            }
            Some(Kind::FilteredOut) => {
                format!("{off}: the person was assigned, and fell out of a scoping filter.")
            }
            Some(Kind::SoftDeleted) => {
                format!("{off}: the person was deleted at the source, and can be restored there.")
            }
            Some(Kind::DisabledAtSource) => {
                format!("{off}: the person's account at the source is switched off.")
            }
            None => format!(
                "{off}. Nothing tells why: the person was unassigned, filtered out, deleted at the \
                 source, or switched off there."
            ),
        }
    }

    pub(crate) fn remedy(&self) -> &'static str {
        match self.kind {
            Some(Kind::Unassigned) => {
                "Assign the person, or a group that they are a direct member of, to the application."
            }
            Some(Kind::FilteredOut) => {
                "Correct the attribute that the filter asks for, or the filter itself."
            }
            Some(Kind::SoftDeleted) => "Restore the person at the source.",
            Some(Kind::DisabledAtSource) => "Switch the person's account at the source on.",
            None => "Import the provider's log of that time: it tells the four causes apart.",
        }
    }
}

/// Finds the event that switched the account off and the entry that explains it. `off` is the entry that
/// did so where nothing was recorded: what was written before tells of another time.
pub(super) fn cause_of(
    about: &About<'_>,
    evidence: &Evidence,
    off: Option<Moment>,
) -> Result<Cause, Error> {
    let record = about.record;
    let until = about.at.unwrap_or(0);
    let (mut ended, mut was_active) = (None, false);
    record.view.versions(about.application, about.number, until, &mut |version| {
        was_active = version.state.is_some() && version.active;
        match was_active {
            true => ControlFlow::Break(()),
            false => {
                ended = Some(version.seq);
                ControlFlow::Continue(())
            }
        }
    })?;
    // An account that was never on was not switched off either.
    let ended = ended.filter(|_| was_active);
    let mut seqs: Vec<Seq> = ended.into_iter().collect();
    let mut entries = vec![];
    for one in evidence.entries.iter().filter(|(claim, ..)| Some(claim.moment) >= off) {
        let joined = if ended.is_some() { explained(record, &one.0)? } else { None };
        entries.push((one, joined));
    }
    if off.is_some() {
        entries.reverse();
    }
    // The surest is believed, of equally sure ones the newest.
    entries.sort_by_key(|(_, joined)| std::cmp::Reverse(joined.map(|joined| joined.confidence)));
    for ((claim, entry, _), joined) in entries {
        let writes = match claim.action {
            Action::Disable | Action::Update | Action::Delete => true,
            // An account that was never on was made so.
            Action::Create => ended.is_none(),
            Action::StagedDelete | Action::Other => false,
        };
        if claim.status != Status::Success || !writes {
            continue;
        }
        // An entry that explains another request tells of another change.
        let is_this = match (ended, joined) {
            (Some(ended), Some(joined)) => joined.operation == ended,
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !is_this {
            continue;
        }
        if let Some(kind) = kind_of(entry) {
            seqs.push(claim.moment.seq);
            return Ok(Cause { kind: Some(kind), seqs });
        }
    }
    Ok(Cause { kind: None, seqs })
}

/// What an entry that switched an account off says of the reason.
fn kind_of(entry: &Entry) -> Option<Kind> {
    let is_enabled = entry.detail("accountEnabled").and_then(truth);
    let is_gone = entry.steps_named("EntryImportDelete").next().is_some();
    if is_gone {
        return Some(Kind::SoftDeleted);
    }
    if is_enabled == Some(false) {
        return Some(Kind::DisabledAtSource);
    }
    if entry.check(evidence::ASSIGNED) == Some(false) {
        return Some(Kind::Unassigned);
    }
    if entry.check(evidence::SCOPE) == Some(false) {
        return Some(Kind::FilteredOut);
    }
    // Assigned and in scope, enabled, and yet not active at the source.
    (entry.check(evidence::ACTIVE) == Some(false)).then_some(Kind::SoftDeleted)
}
