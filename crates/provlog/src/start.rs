//! The first steps of whoever opens a log for writing: check the clock, and record since when no
//! recorder ran.

use event::{Application, Fact, RecorderStarted, Timestamp};
use projector::{Draft, ProjectorError, Stamp};
use store::Store;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// A clock that goes back by at most this much was corrected.
const CORRECTED_MAX_US: i64 = 60_000_000;

/// A clock that no event may be stamped with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClockError {
    /// Dates in JSON and HTTP cannot express its time.
    #[error("the clock shows {shows}, which is not within the years 1970 to 9999: set it right")]
    Unwritable {
        /// The time of the clock.
        shows: Timestamp,
    },
    /// After one event with a time far in the future, all later events keep that time until the clock
    /// reaches it.
    #[error(
        "the clock shows {shows}, more than {days_max} days after the recorder was last alive \
         ({last_alive}): set it right, or start with --accept-clock if it is"
    )]
    Ahead {
        /// The time of the clock.
        shows: Timestamp,
        /// The last moment at which a recorder is known to have run.
        last_alive: Timestamp,
        /// The accepted number of days.
        days_max: u64,
    },
}

/// When a recorder last ran before this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LastAlive {
    /// When the last event was recorded.
    pub recorded_at: Timestamp,
    /// The time in the file `kept`, which is written without an event; never before `recorded_at`.
    pub alive: Timestamp,
}

/// Refuses a clock that is more than `days_max` days ahead of the last moment at which a recorder ran,
/// and one whose time cannot be written.
///
/// A time in the file `kept` that is itself so far ahead of the last event is ignored: nobody confirmed
/// the clock that wrote it.
pub(crate) fn check_clock(
    shows: Timestamp,
    last: Option<LastAlive>,
    days_max: Option<u64>,
) -> Result<(), ClockError> {
    if !shows.is_writable() {
        return Err(ClockError::Unwritable { shows });
    }
    let (Some(last), Some(days_max)) = (last, days_max) else { return Ok(()) };
    let most_us = i64::try_from(days_max).unwrap_or(i64::MAX).saturating_mul(DAY_US);
    let is_far = |time: Timestamp, from: Timestamp| time.micros_since(from) > most_us;
    let last_alive = match is_far(last.alive, last.recorded_at) {
        true => last.recorded_at,
        false => last.alive,
    };
    match is_far(shows, last_alive) {
        true => Err(ClockError::Ahead { shows, last_alive, days_max }),
        false => Ok(()),
    }
}

/// When a recorder last ran before this one; `None` for an empty log.
pub(crate) fn last_alive(store: &Store) -> Result<Option<LastAlive>, ProjectorError> {
    if store.log_size()? == 0 {
        return Ok(None);
    }
    let recorded_at = projector::last_recorded_at(store)?;
    let alive = store.last_alive().map_or(recorded_at, |alive| alive.max(recorded_at));
    Ok(Some(LastAlive { recorded_at, alive }))
}

/// The event for the start of a recorder.
///
/// If the file `kept` has a time after the start, the clock was wrong then or is wrong now. Nobody
/// knows for how long the recorder ran after the last event, so the gap begins with that event. Small
/// corrections of the clock are usual: the gap is empty then.
pub(crate) fn started(stamp: Stamp, last: Option<LastAlive>) -> Fact {
    let from = |last: LastAlive| match last.alive.micros_since(stamp.recorded_at) > CORRECTED_MAX_US
    {
        true => last.recorded_at,
        false => last.alive,
    };
    Fact::RecorderStarted(RecorderStarted {
        log: stamp.log.get(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // It must not end before it begins.
        last_alive: last.map(|last| from(last).min(stamp.recorded_at)),
    })
}

/// An event of the recorder itself.
pub(crate) fn own(fact: Fact) -> Draft {
    Draft { application: Application::RECORDER, origin: None, fact, parts: vec![], passed: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Timestamp = Timestamp(1_772_442_847_000_000);

    fn after(micros: i64) -> Timestamp {
        Timestamp(LAST.0.saturating_add(micros))
    }

    /// The last event at [`LAST`], and a file `kept` written so much later.
    fn alive(micros: i64) -> Option<LastAlive> {
        Some(LastAlive { recorded_at: LAST, alive: after(micros) })
    }

    #[test]
    fn a_clock_far_ahead_must_be_accepted_and_an_unwritable_time_is_refused() {
        let year = Some(365);
        for days in [0, 1, 365] {
            let last = alive(days * DAY_US);
            assert_eq!(check_clock(after((days + 365) * DAY_US), last, year), Ok(()));
            let shows = after((days + 365) * DAY_US + 1);
            let last_alive = after(days * DAY_US);
            let ahead = ClockError::Ahead { shows, last_alive, days_max: 365 };
            assert_eq!(check_clock(shows, last, year), Err(ahead));
            assert_eq!(check_clock(shows, last, None), Ok(()), "accepted");
            assert_eq!(check_clock(shows, last, Some(u64::MAX)), Ok(()));
        }
        let shows = after(366 * DAY_US);
        assert_eq!(check_clock(shows, None, year), Ok(()), "a new log");
        assert_eq!(
            check_clock(after(-3_600_000_000), alive(0), year),
            Ok(()),
            "seen by each event"
        );
        for shows in [Timestamp(-1), Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            for days_max in [year, None] {
                let refused = check_clock(shows, alive(0), days_max);
                assert_eq!(refused, Err(ClockError::Unwritable { shows }));
                assert!(!ClockError::Unwritable { shows }.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_kept_time_far_ahead_of_the_last_event_is_ignored() {
        let year = Some(365);
        for kept in [365 * DAY_US + 1, 50 * 365 * DAY_US, i64::MAX] {
            for shows in [after(366 * DAY_US), after(50 * 365 * DAY_US)] {
                let ahead = ClockError::Ahead { shows, last_alive: LAST, days_max: 365 };
                assert_eq!(check_clock(shows, alive(kept), year), Err(ahead));
                assert_eq!(check_clock(shows, alive(kept), None), Ok(()), "accepted");
            }
            assert_eq!(check_clock(after(3 * DAY_US), alive(kept), year), Ok(()));
        }
    }

    #[test]
    fn a_gap_begins_at_the_last_plausible_time() {
        let gap = |kept: i64, started_at: i64| {
            let stamp = Stamp {
                log: event::LogId::from_random(7),
                seq: 9,
                recorded_at: after(started_at),
                raw_clock: after(started_at),
                clock_fault: None,
                disk_full: false,
            };
            let Fact::RecorderStarted(started) = started(stamp, alive(kept)) else { panic!() };
            started.last_alive
        };
        assert_eq!(gap(5 * DAY_US, 8 * DAY_US), Some(after(5 * DAY_US)));
        // The clock was corrected while no recorder ran.
        for back in [0, 1, CORRECTED_MAX_US] {
            assert_eq!(gap(8 * DAY_US, 8 * DAY_US - back), Some(after(8 * DAY_US - back)));
        }
        // The clock was wrong before, or is wrong now.
        for kept in [3 * DAY_US + CORRECTED_MAX_US + 1, 50 * 365 * DAY_US, i64::MAX] {
            assert_eq!(gap(kept, 3 * DAY_US), Some(LAST), "{kept}");
        }
    }
}
