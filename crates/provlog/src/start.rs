//! What whoever opens a log to write in it does first: look at the clock, and record since when nobody
//! was watching.

use event::{Application, Fact, RecorderStarted, Timestamp};
use projector::{Draft, ProjectorError, Stamp};
use store::Store;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// A clock with which nothing is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClockError {
    /// No date on the wire can say what it shows.
    #[error("the clock shows {shows}, which is not within the years 1970 to 9999: set it right")]
    Unwritable {
        /// What it shows.
        shows: Timestamp,
    },
    /// One event with a wrong time far ahead makes all later ones wait for that time.
    #[error(
        "the clock shows {shows}, more than {days_max} days after the recorder was last alive \
         ({last_alive}): set it right, or start with --accept-clock if it is"
    )]
    Ahead {
        /// What it shows.
        shows: Timestamp,
        /// The last moment at which a recorder is known to have run.
        last_alive: Timestamp,
        /// How many days are not too many.
        days_max: u64,
    },
}

/// Refuses a clock that is far ahead of the last moment at which a recorder ran, when only so many days
/// are accepted, and one that shows what cannot be.
pub(crate) fn check_clock(
    shows: Timestamp,
    last_alive: Option<Timestamp>,
    days_max: Option<u64>,
) -> Result<(), ClockError> {
    if !shows.is_writable() {
        return Err(ClockError::Unwritable { shows });
    }
    let (Some(last_alive), Some(days_max)) = (last_alive, days_max) else { return Ok(()) };
    let most_us = i64::try_from(days_max).unwrap_or(i64::MAX).saturating_mul(DAY_US);
    match shows.micros_since(last_alive) > most_us {
        true => Err(ClockError::Ahead { shows, last_alive, days_max }),
        false => Ok(()),
    }
}

/// The last moment at which a recorder is known to have run before this one.
pub(crate) fn last_alive(store: &Store) -> Result<Option<Timestamp>, ProjectorError> {
    if store.log_size()? == 0 {
        return Ok(None);
    }
    let recorded = projector::last_recorded_at(store)?;
    Ok(Some(store.last_alive().map_or(recorded, |alive| alive.max(recorded))))
}

/// The start of a recorder.
pub(crate) fn started(stamp: Stamp, last_alive: Option<Timestamp>) -> Fact {
    Fact::RecorderStarted(RecorderStarted {
        log: stamp.log.get(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // A clock that was set back must not make the gap end before it begins.
        last_alive: last_alive.map(|alive| alive.min(stamp.recorded_at)),
    })
}

/// An event of the recorder itself.
pub(crate) fn own(fact: Fact) -> Draft {
    Draft { application: Application::RECORDER, origin: None, fact, parts: vec![], passed: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_ahead_needs_to_be_accepted_and_one_that_cannot_be_is_refused() {
        let last = Timestamp(1_772_442_847_000_000);
        let after = |micros: i64| Timestamp(last.0.saturating_add(micros));
        let check = |shows, last_alive, days_max| check_clock(shows, last_alive, days_max);
        let year = Some(365);
        assert_eq!(check(after(365 * DAY_US), Some(last), year), Ok(()));
        let shows = after(365 * DAY_US + 1);
        let ahead = ClockError::Ahead { shows, last_alive: last, days_max: 365 };
        assert_eq!(check(shows, Some(last), year), Err(ahead));
        assert_eq!(check(shows, Some(last), None), Ok(()), "accepted");
        assert_eq!(check(shows, Some(last), Some(u64::MAX)), Ok(()));
        assert_eq!(check(shows, None, year), Ok(()), "a new log");
        assert_eq!(check(after(-3_600_000_000), Some(last), year), Ok(()), "seen by each event");
        for shows in [Timestamp(-1), Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            for days_max in [year, None] {
                assert_eq!(
                    check(shows, Some(last), days_max),
                    Err(ClockError::Unwritable { shows })
                );
                assert!(!ClockError::Unwritable { shows }.to_string().is_empty());
            }
        }
    }
}
