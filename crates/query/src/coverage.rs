//! How complete an answer is. A time without a recorder is reported, so that it never looks like "nothing
//! happened".

use std::collections::BTreeMap;

use event::{Application, Effect, Seq, Timestamp};
use projector::Doubt;

use crate::error::Error;
use crate::record::Record;
use crate::standpoint::Standpoint;

const BEFORE: &str = "before the record began";
const FUTURE: &str = "in the future";
const AFTER_KNOWN: &str = "after what was known then";
const OUTCOME: &str = "the outcome of a forwarded request is unknown";
const NOT_LISTED: &str = "the application did not list all that it has";
const UNVERIFIED: &str = "the answer to a forwarded request does not show what it did";
const REFUTED: &str = "a later look refuted what a forwarded request was answered";
/// What answers about an application lack if it is known only from imports.
pub(crate) const NO_MEMBERSHIPS: &str = "memberships are not observable: the imported log has none";
pub(crate) const NOT_IMPORTED: &str = "no imported log";
/// A longer time between two imports counts as a gap. A provider's log can be silent for hours when
/// nothing changes, but not for a day.
const IMPORT_HOLE_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// A stretch of time in which the record is not complete; `None` is an open end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hole {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) reason: &'static str,
    /// The application that it concerns; `None` for all.
    pub(crate) application: Option<Application>,
}

/// The gaps in the time that a question is about.
pub(crate) struct Coverage {
    holes: Vec<Hole>,
    /// The names of the applications, if the question is about several.
    slugs: Option<BTreeMap<Application, String>>,
}

impl Coverage {
    /// For answers that cannot have gaps: our own configuration, one event of the log.
    pub(crate) fn complete() -> Coverage {
        Coverage { holes: vec![], slugs: None }
    }

    /// For a question about one instant in some applications, and the one that it compares with.
    pub(crate) fn at(
        record: &Record<'_>,
        stand: &Standpoint,
        applications: &[Application],
    ) -> Result<Coverage, Error> {
        let mut holes = at_instant(record, stand, applications, (stand.time, stand.at_seq))?;
        if let Some(earlier) = stand.compare {
            let others = at_instant(record, stand, applications, earlier)?.into_iter();
            let others: Vec<Hole> = others.filter(|hole| !holes.contains(hole)).collect();
            holes.extend(others);
        }
        Coverage::of(record, applications, holes)
    }

    /// For a question about a stretch of time, or about the whole record if it names none.
    pub(crate) fn between(
        record: &Record<'_>,
        stand: &Standpoint,
        applications: &[Application],
    ) -> Result<Coverage, Error> {
        let since = stand.from.and(stand.seqs.start.checked_sub(1));
        let mut holes = recorded(record, stand, applications, since)?;
        holes.retain(|hole| hole.meets(stand.from, stand.to));
        if let Some(from) = stand.from {
            let began = began(record)?;
            if began.is_none_or(|began| from < began) {
                let hole = Hole { from: Some(from), to: began, reason: BEFORE, application: None };
                holes.insert(0, hole);
            }
        }
        holes.extend(stand.to.and_then(|to| ahead(stand, to)));
        Coverage::of(record, applications, holes)
    }

    /// For one application, from an instant up to that of the question.
    pub(crate) fn lately(
        record: &Record<'_>,
        stand: &Standpoint,
        application: Application,
        from: Timestamp,
    ) -> Result<Coverage, Error> {
        let since = record.seq_at(record.size, Timestamp(from.0.saturating_sub(1)))?;
        let mut holes = recorded(record, stand, &[application], since)?;
        holes.retain(|hole| hole.meets(Some(from), Some(stand.time)));
        let began = began(record)?;
        if began.is_none_or(|began| from < began) {
            let to = Some(began.map_or(stand.time, |began| began.min(stand.time)));
            holes.insert(0, Hole { from: Some(from), to, reason: BEFORE, application: None });
        }
        Coverage::of(record, &[application], holes)
    }

    fn of(
        record: &Record<'_>,
        applications: &[Application],
        holes: Vec<Hole>,
    ) -> Result<Coverage, Error> {
        let slugs = match applications {
            [] | [_] => None,
            _ => {
                let all = record.whole.applications()?.into_iter();
                Some(all.map(|row| (row.number, row.slug)).collect())
            }
        };
        Ok(Coverage { holes, slugs })
    }

    /// Whether there is any gap between two instants.
    pub(crate) fn over(
        record: &Record<'_>,
        stand: &Standpoint,
        applications: &[Application],
        (from, to): (Option<Timestamp>, Timestamp),
    ) -> Result<bool, Error> {
        let since = match from {
            Some(from) => record.seq_at(record.size, from)?,
            None => None,
        };
        let holes = recorded(record, stand, applications, since)?;
        let began = began(record)?;
        Ok(from.zip(began).is_some_and(|(from, began)| from < began)
            || holes.iter().any(|hole| hole.meets(from, Some(to))))
    }

    /// Adds the times without an imported log, for a question that uses imports. `is_instant`: the
    /// question is about one instant and not about a stretch.
    pub(crate) fn with_imports(
        mut self,
        record: &Record<'_>,
        stand: &Standpoint,
        applications: &[Application],
        is_instant: bool,
    ) -> Result<Coverage, Error> {
        for application in applications {
            let mut holes = not_imported(record, *application)?;
            holes.retain(|hole| match is_instant {
                true => hole.covers(stand.time),
                false => hole.meets(stand.from, stand.to),
            });
            self.holes.append(&mut holes);
        }
        Ok(self)
    }

    /// Adds a gap over the whole time of the question.
    pub(crate) fn with(mut self, reason: &'static str) -> Coverage {
        self.holes.push(Hole { from: None, to: None, reason, application: None });
        self
    }

    pub(crate) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// The same in the form of answers.
    pub(crate) fn told(&self) -> answers::Coverage {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string().into());
        let gaps = self.holes.iter().map(|hole| answers::Gap {
            application: self
                .slugs
                .as_ref()
                .map(|slugs| hole.application.and_then(|one| slugs.get(&one).cloned())),
            from: time(hole.from),
            to: time(hole.to),
            reason: hole.reason.to_owned(),
        });
        let gaps: Vec<answers::Gap> = gaps.collect();
        let state = if gaps.is_empty() { "complete" } else { "partial" }.to_owned();
        answers::Coverage { state, gaps }
    }
}

impl Hole {
    fn covers(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    fn meets(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        from.is_none_or(|from| self.to.is_none_or(|end| from < end))
            && to.is_none_or(|to| self.from.is_none_or(|begin| begin < to))
    }
}

/// The gaps at an instant, given the last event up to it.
fn at_instant(
    record: &Record<'_>,
    stand: &Standpoint,
    applications: &[Application],
    (time, seq): (Timestamp, Option<Seq>),
) -> Result<Vec<Hole>, Error> {
    let mut holes = recorded(record, stand, applications, seq)?;
    holes.retain(|hole| hole.covers(time));
    let began = began(record)?;
    if began.is_none_or(|began| time < began) {
        holes.insert(0, Hole { from: None, to: began, reason: BEFORE, application: None });
    }
    holes.extend(ahead(stand, time));
    Ok(holes)
}

fn began(record: &Record<'_>) -> Result<Option<Timestamp>, Error> {
    Ok(if record.size == 0 { None } else { Some(record.recorded_at(0)?) })
}

/// The part of the question's time that is after its present.
fn ahead(stand: &Standpoint, time: Timestamp) -> Option<Hole> {
    let reason = if stand.is_repeatable { AFTER_KNOWN } else { FUTURE };
    let hole = Hole { from: Some(stand.now), to: Some(time), reason, application: None };
    (time > stand.now).then_some(hole)
}

/// The times without a recorder, those in which an operation's outcome was in doubt, and those after an
/// incomplete listing of an upstream. Leaves out doubts that were settled by the event `since`.
fn recorded(
    record: &Record<'_>,
    stand: &Standpoint,
    applications: &[Application],
    since: Option<Seq>,
) -> Result<Vec<Hole>, Error> {
    // We learn of a gap only when the recorder next starts, which may be after the event this page is
    // pinned to. So use every gap known today, unless the caller set `knownAt`.
    let view = if stand.is_repeatable { record.view } else { record.whole };
    let gaps = view.gaps(projector::View::NOW)?.into_iter();
    let hole = |gap: projector::Gap| Hole {
        from: Some(gap.from),
        to: Some(gap.to),
        reason: gap.reason.name(),
        application: None,
    };
    let mut holes: Vec<Hole> = gaps.map(hole).collect();
    for application in applications {
        for doubt in record.view.doubts(*application, since)? {
            let Some(reason) = reason(&doubt) else { continue };
            holes.push(Hole {
                from: Some(doubt.at),
                to: doubt.settled.map(|settled| settled.at),
                reason,
                application: Some(*application),
            });
        }
    }
    for application in applications {
        // Without an incomplete listing there is no gap: forwarded requests show what the upstream has.
        let mut since = None;
        for listing in record.view.listings(*application)? {
            let at = record.recorded_at(listing.seq)?;
            match (listing.is_whole, since) {
                (false, None) => since = Some(at),
                (true, Some(from)) => {
                    holes.push(not_listed(*application, from, Some(at)));
                    since = None;
                }
                (false, Some(_)) | (true, None) => {}
            }
        }
        holes.extend(since.map(|from| not_listed(*application, from, None)));
    }
    Ok(holes)
}

/// The time from an incomplete listing of an upstream to the next complete one.
fn not_listed(application: Application, from: Timestamp, to: Option<Timestamp>) -> Hole {
    Hole { from: Some(from), to, reason: NOT_LISTED, application: Some(application) }
}

/// Why the record is not certain while an outcome was in doubt; `None` if a later observation found it
/// right.
fn reason(doubt: &Doubt) -> Option<&'static str> {
    let was_right = doubt.settled.map(|settled| !settled.changed);
    match (doubt.effect, was_right) {
        (_, Some(true)) => None,
        (Effect::Unknown, _) => Some(OUTCOME),
        (Effect::Unverified, _) => Some(UNVERIFIED),
        // An acknowledged operation is believed until an observation refutes it.
        (_, Some(false)) => Some(REFUTED),
        (_, None) => None,
    }
}

/// The times before, between and after the imports of an application, if it has any.
fn not_imported(record: &Record<'_>, application: Application) -> Result<Vec<Hole>, Error> {
    let imports = record.view.imports(application)?;
    // Join the requests of one import: there is no gap between their entries.
    let mut runs = BTreeMap::<u64, (Timestamp, Timestamp)>::new();
    for import in imports {
        if let Some((first, last)) = import.span {
            let run = runs.entry(import.run).or_insert((first, last));
            *run = (run.0.min(first), run.1.max(last));
        }
    }
    let mut spans: Vec<(Timestamp, Timestamp)> = runs.into_values().collect();
    spans.sort_unstable();
    let hole = |from, to| Hole { from, to, reason: NOT_IMPORTED, application: Some(application) };
    let Some(&(begin, mut end)) = spans.first() else {
        // It is not known what an unfinished import covers.
        let has_begun = record.view.has_imports(application)?;
        return Ok(if has_begun { vec![hole(None, None)] } else { vec![] });
    };
    let mut holes = vec![hole(None, Some(begin))];
    for (first, last) in spans {
        if first.0.saturating_sub(end.0) > IMPORT_HOLE_MICROS {
            holes.push(hole(Some(end), Some(first)));
        }
        end = end.max(last);
    }
    holes.push(hole(Some(end), None));
    Ok(holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_those_that_answers_describes() {
        let recorder = [
            projector::GapReason::Stopped,
            projector::GapReason::Killed,
            projector::GapReason::Refused,
        ];
        let mut ours = recorder.map(projector::GapReason::name).to_vec();
        ours.extend([BEFORE, FUTURE, AFTER_KNOWN, OUTCOME, NOT_LISTED, UNVERIFIED, REFUTED]);
        ours.extend([NO_MEMBERSHIPS, NOT_IMPORTED]);
        let mut described = answers::GAP_REASONS.map(|(reason, _)| reason);
        ours.sort_unstable();
        described.sort_unstable();
        assert_eq!(ours, described);
    }
}
