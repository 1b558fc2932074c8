//! Time: the binary creates the clock, and everything else gets it as an argument.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// The first instant of the year 10000.
const WRITABLE_END_US: i64 = 253_402_300_800_000_000;

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant as a chrono value; instants outside of chrono's range become its ends.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// Whether it lies in the years 1970 to 9999, which every date format on the wire can express.
    pub fn is_writable(self) -> bool {
        (0..WRITABLE_END_US).contains(&self.0)
    }

    /// The instant as in a `Date` header (RFC 9110 §5.6.7); `None` outside the years 1970 to 9999.
    pub fn to_http_date(self) -> Option<String> {
        let format = "%a, %d %b %Y %H:%M:%S GMT";
        self.is_writable().then(|| self.to_utc().format(format).to_string())
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

/// The clock that the binary creates. Nothing else may ask the operating system for the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// A clock that only moves when it is set; for tests and generated histories.
    Manual(Arc<ManualClock>),
}

/// The hands of a manual clock, in microseconds.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    running: AtomicI64,
}

impl Clock {
    /// A manual clock that shows `start`.
    pub fn manual(start: Timestamp) -> Clock {
        let hand = || AtomicI64::new(start.0);
        Clock::Manual(Arc::new(ManualClock { wall: hand(), running: hand() }))
    }

    /// What the clock shows. It may go backwards or jump ahead: the wall clock can be set.
    #[allow(clippy::disallowed_methods)] // the one place that may ask
    pub fn now(&self) -> Timestamp {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match self {
            Clock::System => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => Timestamp(micros(since)),
                Err(before) => Timestamp(-micros(before.duration())),
            },
            Clock::Manual(hands) => Timestamp(hands.wall.load(Ordering::SeqCst)),
        }
    }

    /// Microseconds since the machine was started, time in suspension included. Setting the wall clock
    /// does not change it, so comparing the two shows that the wall clock was set.
    pub fn running_us(&self) -> i64 {
        match self {
            Clock::System => {
                let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000)
            }
            Clock::Manual(hands) => hands.running.load(Ordering::SeqCst),
        }
    }

    /// Lets time pass on a manual clock until it shows `time`. Does nothing to the system clock.
    pub fn set(&self, time: Timestamp) {
        if let Clock::Manual(hands) = self {
            let before = hands.wall.swap(time.0, Ordering::SeqCst);
            hands.running.fetch_add(time.0.saturating_sub(before), Ordering::SeqCst);
        }
    }

    /// The same, unless the clock already shows a later time.
    pub fn advance_to(&self, time: Timestamp) {
        if let Clock::Manual(hands) = self {
            hands.wall.fetch_max(time.0, Ordering::SeqCst);
            hands.running.fetch_max(time.0, Ordering::SeqCst);
        }
    }

    /// Sets a manual clock to `time` without letting time pass, as when somebody sets a wall clock.
    pub fn jump(&self, time: Timestamp) {
        if let Clock::Manual(hands) = self {
            hands.wall.store(time.0, Ordering::SeqCst);
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
        assert_eq!((same.now(), same.running_us()), (Timestamp(3), 3));
        clock.jump(Timestamp(50));
        assert_eq!((same.now(), same.running_us()), (Timestamp(50), 3), "no time has passed");
        clock.set(Timestamp(60));
        assert_eq!((same.now(), same.running_us()), (Timestamp(60), 13));
    }

    #[test]
    fn the_machine_runs_whatever_its_wall_clock_shows() {
        let before = Clock::System.running_us();
        assert!(before > 0 && Clock::System.running_us() >= before);
    }

    #[test]
    fn dates_are_written_as_http_has_them_and_others_not_at_all() {
        let check = |micros, expected: Option<&str>| {
            assert_eq!(Timestamp(micros).to_http_date().as_deref(), expected, "{micros}");
        };
        check(784_111_777_000_000, Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        check(0, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        check(-1, None);
        check(WRITABLE_END_US - 1, Some("Fri, 31 Dec 9999 23:59:59 GMT"));
        for micros in [WRITABLE_END_US, i64::MAX, i64::MIN] {
            check(micros, None);
        }
    }
}
