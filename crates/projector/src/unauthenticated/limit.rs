//! How many requests without a valid credential leave an event of their own, by application.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Application, Stopwatch, Timestamp, Unauthenticated};

/// Events of this kind for one application within a second.
const EVENTS_PER_SECOND_MAX: u32 = 50;
/// Bytes of these events for one application within a day (UTC): some thousands of events.
const BYTES_PER_DAY_MAX: u64 = 4 << 20;
/// Bytes an event takes on disk beside those its sender chose: header, rows and indexes.
const EVENT_BYTES: u64 = 512;
/// How long requests are counted before the summary is recorded: above the rate, and above the day's
/// bytes.
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// The use of the limits by application; addresses that name no application are under the recorder's
/// number. At most one entry for each application.
#[derive(Default)]
pub(crate) struct UnauthenticatedLimit(Mutex<BTreeMap<Application, Seen>>);

struct Seen {
    second: Stopwatch,
    recorded: u32,
    day: i64,
    day_bytes: u64,
    counted: Option<Unauthenticated>,
}

/// What becomes of an unauthenticated request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It leaves an event of its own.
    Recorded,
    /// It is counted. For the first one, `record_after` says when to record the count.
    Counted { record_after: Option<Duration> },
}

impl UnauthenticatedLimit {
    /// `bytes` is the length of the event's texts that the sender chose.
    pub(super) fn admit(
        &self,
        application: Application,
        bytes: usize,
        now: Timestamp,
    ) -> Admission {
        let day = now.0.div_euclid(DAY_US);
        let mut all = lock(&self.0);
        let seen = all.entry(application).or_insert_with(|| Seen {
            second: Stopwatch::start(),
            recorded: 0,
            day,
            day_bytes: 0,
            counted: None,
        });
        if seen.second.elapsed() >= SECOND {
            seen.second = Stopwatch::start();
            seen.recorded = 0;
        }
        if seen.day != day {
            seen.day = day;
            seen.day_bytes = 0;
        }
        let day_bytes = seen.day_bytes.saturating_add(bytes as u64 + EVENT_BYTES);
        let day_is_full = day_bytes > BYTES_PER_DAY_MAX;
        if seen.recorded < EVENTS_PER_SECOND_MAX && !day_is_full {
            seen.recorded += 1;
            seen.day_bytes = day_bytes;
            return Admission::Recorded;
        }
        if let Some(counted) = &mut seen.counted {
            counted.count += 1;
            counted.last = now;
            return Admission::Counted { record_after: None };
        }
        seen.counted = Some(Unauthenticated { count: 1, first: now, last: now });
        let record_after = Some(if day_is_full { MINUTE } else { SECOND });
        Admission::Counted { record_after }
    }

    pub(super) fn take(&self, application: Application) -> Option<Unauthenticated> {
        lock(&self.0).get_mut(&application)?.counted.take()
    }

    pub(super) fn take_all(&self) -> Vec<(Application, Unauthenticated)> {
        let mut all = lock(&self.0);
        let taken = all.iter_mut().filter_map(|(one, seen)| Some((*one, seen.counted.take()?)));
        taken.collect()
    }
}

/// A panic while the lock is held cannot leave the map half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Application = Application(1);
    const NOON: Timestamp = Timestamp(20_000 * DAY_US + DAY_US / 2);

    #[test]
    fn what_comes_too_fast_is_counted_once() {
        let unauthenticated = UnauthenticatedLimit::default();
        let (mut counted, mut firsts) = (0, 0);
        for time in 0..200 {
            match unauthenticated.admit(APP, 100, Timestamp(time)) {
                Admission::Recorded => {}
                Admission::Counted { record_after } => {
                    counted += 1;
                    firsts += u32::from(record_after == Some(SECOND));
                }
            }
        }
        let summary = unauthenticated.take(APP).unwrap();
        assert_eq!((summary.count, firsts), (counted, 1));
        assert!(counted >= 100, "{counted}");
        assert_eq!(summary.last, Timestamp(199));
        assert_eq!(unauthenticated.take(APP), None);
        assert_eq!(unauthenticated.take(Application(2)), None);
    }

    #[test]
    fn a_day_has_so_many_bytes_for_each_application() {
        let unauthenticated = UnauthenticatedLimit::default();
        let large = BYTES_PER_DAY_MAX as usize / 2;
        assert_eq!(unauthenticated.admit(APP, large, NOON), Admission::Recorded);
        let minute = Admission::Counted { record_after: Some(MINUTE) };
        assert_eq!(
            unauthenticated.admit(APP, large, NOON),
            minute,
            "the second half and two headers"
        );
        assert_eq!(
            unauthenticated.admit(APP, 100, NOON),
            Admission::Recorded,
            "a small one has room"
        );
        assert_eq!(unauthenticated.admit(Application(2), large, NOON), Admission::Recorded);
        let last = Timestamp(NOON.0 + DAY_US / 2 - 1);
        assert_eq!(
            unauthenticated.admit(APP, large, last),
            Admission::Counted { record_after: None }
        );
        let next = Timestamp(last.0 + 1);
        assert_eq!(unauthenticated.admit(APP, large, next), Admission::Recorded, "another day");
        let counted = unauthenticated.take_all();
        let expected = Unauthenticated { count: 2, first: NOON, last };
        assert_eq!(counted, [(APP, expected)]);
        assert_eq!(unauthenticated.take_all(), []);
    }
}
