//! Reports of users: created, disabled or deleted, and active again.

use std::ops::{ControlFlow, Range};

use event::{Application, Number, ResourceType, Seq, Verdict};
use projector::{ProjectorError, Version, View};
use store::key::Set;

/// The users that were created in a range of events, in that order.
///
/// # Errors
/// Here and below, when the rows cannot be read.
pub(crate) fn joiners(
    view: &View<'_>,
    application: Application,
    seqs: Range<Seq>,
) -> Result<Vec<(Number, Seq)>, ProjectorError> {
    let existing = Set::Existing(ResourceType::USER);
    let mut joiners = vec![];
    for change in view.set_changes(application, existing, seqs)? {
        let is_new = || {
            // An account that was only believed to be gone was not created.
            let version = view.version(application, change.member, change.seq)?;
            let created = version.map(|version| version.created_seq);
            Ok::<_, ProjectorError>(created == Some(change.seq))
        };
        if change.joined && is_new()? {
            joiners.push((change.member, change.seq));
        }
    }
    Ok(joiners)
}

/// Whether a deletion was acknowledged, but a later observation found the account.
fn was_refuted(view: &View<'_>, seq: Seq) -> Result<bool, ProjectorError> {
    let settled = view.settled(seq)?;
    Ok(settled.is_some_and(|(_, verdict)| verdict == Verdict::Contradicted))
}

/// Whether a deletion was acknowledged, but a later observation found the account active: nothing had
/// happened to it.
fn did_nothing(
    view: &View<'_>,
    application: Application,
    number: Number,
    seq: Seq,
) -> Result<bool, ProjectorError> {
    let Some((by, Verdict::Contradicted)) = view.settled(seq)? else { return Ok(false) };
    let found = view.version(application, number, by)?;
    Ok(found.is_some_and(|version| version.state.is_some() && version.active))
}

/// How an account was deleted or disabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    /// Whose.
    pub number: Number,
    /// By which event.
    pub seq: Seq,
    /// Whether it was deleted; otherwise it was disabled.
    pub deleted: bool,
}

/// The users that were disabled or deleted in a range of events: the first such event of each, in that
/// order.
pub(crate) fn leavers(
    view: &View<'_>,
    application: Application,
    seqs: Range<Seq>,
) -> Result<Vec<Ending>, ProjectorError> {
    let mut endings = std::collections::BTreeMap::<Number, Ending>::new();
    for set in [Set::Existing(ResourceType::USER), Set::Active] {
        let deleted = set != Set::Active;
        for change in view.set_changes(application, set, seqs.clone())? {
            if change.joined || did_nothing(view, application, change.member, change.seq)? {
                continue;
            }
            let deleted = deleted && !was_refuted(view, change.seq)?;
            let ending = Ending { number: change.member, seq: change.seq, deleted };
            let first = endings.entry(change.member).or_insert(ending);
            // Deleting an active user removes it from both sets in one event; that is a deletion.
            if ending.seq < first.seq {
                *first = ending;
            }
        }
    }
    let mut endings: Vec<Ending> = endings.into_values().collect();
    endings.sort_unstable_by_key(|ending| (ending.seq, ending.number));
    Ok(endings)
}

/// A stretch in which an account existed and was active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ActiveStay {
    /// The event with which it began.
    pub start: Seq,
    /// The event with which it ended; none while it lasts.
    pub end: Option<Seq>,
    /// Whether that deleted the account.
    pub deleted: bool,
}

/// All stretches in which a user existed and was active, oldest first.
pub(crate) fn active_stays(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Vec<ActiveStay>, ProjectorError> {
    let mut states = vec![];
    view.versions(application, number, View::NOW, &mut |version| {
        states.push((
            version.seq,
            version.state.is_some() && version.active,
            version.state.is_none(),
        ));
        ControlFlow::Continue(())
    })?;
    let mut stays: Vec<ActiveStay> = vec![];
    let mut was_active = false;
    for (seq, is_active, deleted) in states.into_iter().rev() {
        match (was_active, is_active) {
            (false, true) => stays.push(ActiveStay { start: seq, end: None, deleted: false }),
            (true, false) if did_nothing(view, application, number, seq)? => continue,
            (true, false) => {
                let deleted = deleted && !was_refuted(view, seq)?;
                if let Some(last) = stays.last_mut() {
                    (last.end, last.deleted) = (Some(seq), deleted);
                }
            }
            (true, true) | (false, false) => {}
        }
        was_active = is_active;
    }
    Ok(stays)
}

/// A user that was disabled or deleted, and became active again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reactivation {
    /// Who.
    pub number: Number,
    /// The event that had disabled or deleted it.
    pub disabled: Seq,
    /// The event that made it active again.
    pub reactivated: Seq,
}

/// The users that became active again in a range of events, in that order.
pub(crate) fn reactivated(
    view: &View<'_>,
    application: Application,
    seqs: Range<Seq>,
) -> Result<Vec<Reactivation>, ProjectorError> {
    let mut found = vec![];
    for change in view.set_changes(application, Set::Active, seqs)? {
        if !change.joined {
            continue;
        }
        let number = change.member;
        let stays = active_stays(view, application, number)?;
        let before = stays.iter().rfind(|stay| stay.start < change.seq);
        if let Some(disabled) = before.and_then(|stay| stay.end) {
            found.push(Reactivation { number, disabled, reactivated: change.seq });
        }
    }
    Ok(found)
}

/// The state of a user right after an event, or its last state if it was deleted by then; `None` before
/// its creation.
pub(crate) fn last_state(
    view: &View<'_>,
    application: Application,
    number: Number,
    seq: Seq,
) -> Result<Option<Version>, ProjectorError> {
    let version = view.version(application, number, seq)?;
    match version {
        Some(Version { seq, state: None, .. }) => match seq.checked_sub(1) {
            Some(before) => view.version(application, number, before),
            None => Ok(None),
        },
        version => Ok(version),
    }
}
