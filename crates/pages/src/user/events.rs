//! What happened to a user around an instant. A page shows so many events; where some are left out, it is known
//! on which side of the instant they are, so that the page does not say that there are none.

use answers::row::Operation;
use answers::{OneUser, TimelineOfUser};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use query::visit::Refusal;

use crate::address::Given;
use crate::question::{Further, Shown};

/// The page shows at most so many of the latest, and of those until its instant.
const EVENTS: &str = "100";

/// The events, of any time and until the instant.
pub(super) struct Events {
    latest: Further<TimelineOfUser>,
    /// Those until the instant, if it is a past one.
    until: Option<Further<TimelineOfUser>>,
}

impl Events {
    /// `None` if nothing is recorded that could tell.
    pub(super) fn around(shown: &Shown<'_, OneUser>) -> Result<Option<Events>, Refusal> {
        let Some(latest) = shown.further::<TimelineOfUser>(&[("limit", Some(EVENTS))])? else {
            return Ok(None);
        };
        let at = shown.given.get("at").and(shown.answer.envelope.asked("at"));
        let until = match at.and_then(just_after) {
            Some(end) => {
                shown.further::<TimelineOfUser>(&[("limit", Some(EVENTS)), ("to", Some(&end))])?
            }
            None => None,
        };
        Ok(Some(Events { latest, until }))
    }

    /// Those until the instant, the newest first.
    pub(super) fn until(&self) -> &[Operation] {
        self.until.as_ref().unwrap_or(&self.latest).answer.content.rows()
    }

    /// How many there are until the instant.
    pub(super) fn count_until(&self) -> u64 {
        self.until.as_ref().unwrap_or(&self.latest).answer.envelope.row_count
    }

    /// How many there are at any time.
    pub(super) fn count(&self) -> u64 {
        self.latest.answer.envelope.row_count
    }

    /// Whether the instant is a past one.
    pub(super) fn is_past(&self) -> bool {
        self.until.is_some()
    }

    /// All that the page knows, newest first.
    pub(super) fn known(&self) -> Vec<&Operation> {
        let until = self.until();
        let latest = self.latest.answer.content.rows().iter();
        let later = latest.filter(|one| self.until.is_some() && !contains(until, one));
        later.chain(until).collect()
    }

    /// Whether the page knows all until the instant, and all after it.
    pub(super) fn are_whole(&self) -> (bool, bool) {
        let until = self.until().len();
        let later = (self.known().len() - until) as u64;
        let (all, all_until) = (self.count(), self.count_until());
        (until as u64 == all_until, later == all.saturating_sub(all_until))
    }

    /// The address of the whole timeline.
    pub(super) fn timeline(&self) -> Given {
        self.latest.given.with(&[("limit", None)])
    }

    /// The times of the record that were not watched.
    pub(super) fn coverage(&self) -> &answers::Coverage {
        &self.latest.answer.envelope.coverage
    }
}

fn contains(rows: &[Operation], one: &Operation) -> bool {
    rows.iter().any(|row| (row.seq, row.index) == (one.seq, one.index))
}

/// The instant after a moment: what happened until the moment is before it.
fn just_after(moment: &str) -> Option<String> {
    let moment = DateTime::parse_from_rfc3339(moment).ok()?;
    let after = moment.checked_add_signed(TimeDelta::microseconds(1))?;
    Some(after.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_moment_comes_the_next_microsecond() {
        let check = |moment: &str, expected: &str| {
            assert_eq!(just_after(moment).as_deref(), Some(expected));
        };
        check("2026-03-31T17:00:00.500000Z", "2026-03-31T17:00:00.500001Z");
        check("2026-12-31T23:59:59.999999Z", "2027-01-01T00:00:00.000000Z");
    }
}
