//! Time as a value: the binary decides which clock there is, everything else is handed it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant as chrono has it; the ends of chrono's range for what lies outside of it.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// The microseconds from `earlier` to this instant; negative when this one is earlier.
    pub fn micros_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with `Z` and six digits of fraction.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// The clock that the binary hands in. Nothing else may ask the operating system for the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A clock that stands where it was put; for tests and for made histories.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A manual clock that stands at `start`.
    pub fn manual(start: Timestamp) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(start.0)))
    }

    /// What the clock shows. It may go backwards: the wall clock can be set.
    #[allow(clippy::disallowed_methods)] // the one place that may ask
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => Timestamp(since.as_micros() as i64),
                Err(before) => Timestamp(-(before.duration().as_micros() as i64)),
            },
            Clock::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Puts a manual clock to `time`; a system clock cannot be put.
    pub fn set(&self, time: Timestamp) {
        if let Clock::Manual(micros) = self {
            micros.store(time.0, Ordering::SeqCst);
        }
    }
}

/// Measures how long something takes, untouched by changes of the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[allow(clippy::disallowed_methods)] // the one place that may ask
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since the start in whole microseconds, at most `u32::MAX` (71 minutes).
    pub fn elapsed_us(&self) -> u32 {
        u32::try_from(self.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_as_rfc_3339() {
        let check = |micros, text: &str| assert_eq!(Timestamp(micros).to_string(), text);
        check(0, "1970-01-01T00:00:00.000000Z");
        check(1_772_442_847_120_001, "2026-03-02T09:14:07.120001Z");
        check(-1, "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn timestamps_outside_the_calendar_do_not_panic() {
        let _ = Timestamp(i64::MAX).to_string();
        let _ = Timestamp(i64::MIN).to_string();
    }

    #[test]
    fn a_manual_clock_stands_where_it_was_put() {
        let clock = Clock::manual(Timestamp(5));
        let same = clock.clone();
        clock.set(Timestamp(3));
        assert_eq!(same.now(), Timestamp(3));
    }
}
