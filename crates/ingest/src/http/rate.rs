//! How many requests are carried out in a second, and how many unauthenticated ones are worth an event
//! of their own.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Application, Stopwatch, Timestamp, Unauthenticated};

/// So many unauthenticated requests a second and application leave an event each; what comes above is
/// counted, and each such second leaves one event with the count. Otherwise whoever knows the address
/// could fill the disk.
pub(crate) const UNAUTHENTICATED_PER_SECOND_MAX: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);

/// What was seen of each application lately. Bounded by the number of applications.
#[derive(Default)]
pub(crate) struct Rates {
    buckets: Mutex<BTreeMap<Application, Bucket>>,
    windows: Mutex<BTreeMap<Application, Window>>,
}

/// Permissions that fill up with time, at most those of one second.
struct Bucket {
    level: f64,
    filled: Stopwatch,
}

struct Window {
    began: Stopwatch,
    recorded: u32,
    counted: Option<Unauthenticated>,
}

/// What becomes of an unauthenticated request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// It leaves an event of its own.
    Recorded,
    /// It is counted.
    Counted {
        /// It is the first that is; somebody has to record the count when the second is over.
        first: bool,
    },
}

impl Rates {
    /// Takes a permission for one request of an application that may make `per_second`; otherwise how
    /// long the client should wait. 0 is no limit.
    pub(crate) fn take(&self, application: Application, per_second: u32) -> Result<(), Duration> {
        if per_second == 0 {
            return Ok(());
        }
        let full = f64::from(per_second);
        let mut buckets = lock(&self.buckets);
        let bucket = buckets
            .entry(application)
            .or_insert_with(|| Bucket { level: full, filled: Stopwatch::start() });
        bucket.level = full.min(bucket.level + bucket.filled.elapsed().as_secs_f64() * full);
        bucket.filled = Stopwatch::start();
        if bucket.level < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.level) / full));
        }
        bucket.level -= 1.0;
        Ok(())
    }

    /// Counts an unauthenticated request.
    pub(crate) fn admit(&self, application: Application, now: Timestamp) -> Admission {
        let mut windows = lock(&self.windows);
        let window = windows.entry(application).or_insert_with(|| Window {
            began: Stopwatch::start(),
            recorded: 0,
            counted: None,
        });
        if window.began.elapsed() >= SECOND {
            window.began = Stopwatch::start();
            window.recorded = 0;
        }
        if window.recorded < UNAUTHENTICATED_PER_SECOND_MAX {
            window.recorded += 1;
            return Admission::Recorded;
        }
        match &mut window.counted {
            Some(counted) => {
                counted.count += 1;
                counted.last = now;
                Admission::Counted { first: false }
            }
            None => {
                window.counted = Some(Unauthenticated { count: 1, first: now, last: now });
                Admission::Counted { first: true }
            }
        }
    }

    /// What was counted since the last call.
    pub(crate) fn counted(&self, application: Application) -> Option<Unauthenticated> {
        lock(&self.windows).get_mut(&application)?.counted.take()
    }
}

/// A panic while these were held leaves no half-made state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Application = Application(1);

    #[test]
    fn a_second_has_so_many_permissions() {
        let rates = Rates::default();
        assert_eq!((0..1_000).filter(|_| rates.take(APP, 0).is_ok()).count(), 1_000);
        // So slow a bucket that the test's own time does not fill it.
        assert_eq!(rates.take(APP, 1), Ok(()));
        let wait = rates.take(APP, 1).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= SECOND, "{wait:?}");
        assert_eq!(rates.take(Application(2), 1), Ok(()), "applications do not share");
    }

    #[test]
    fn what_comes_too_fast_is_counted_once() {
        let rates = Rates::default();
        let mut counted = 0;
        let mut firsts = 0;
        for time in 0..200 {
            match rates.admit(APP, Timestamp(time)) {
                Admission::Recorded => {}
                Admission::Counted { first } => {
                    counted += 1;
                    firsts += u32::from(first);
                }
            }
        }
        let summary = rates.counted(APP).unwrap();
        assert_eq!((summary.count, firsts), (counted, 1));
        assert!(counted >= 100, "{counted}");
        assert_eq!(summary.last, Timestamp(199));
        assert_eq!(rates.counted(APP), None);
        assert_eq!(rates.counted(Application(2)), None);
    }
}
