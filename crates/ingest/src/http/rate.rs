//! The limit of requests per second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Application, Stopwatch};

/// One token bucket per application.
#[derive(Default)]
pub(crate) struct Rates {
    buckets: Mutex<BTreeMap<Application, Bucket>>,
}

/// A token bucket that holds at most the permits of one second.
struct Bucket {
    level: f64,
    filled: Stopwatch,
}

impl Rates {
    /// Takes a permit for one request. `per_second` is the application's limit, 0 for none. The error
    /// is how long the client should wait.
    pub(crate) fn acquire(
        &self,
        application: Application,
        per_second: u32,
    ) -> Result<(), Duration> {
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
}

/// A panic under this lock leaves no half-made state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const APP: Application = Application(1);

    #[test]
    fn a_second_has_so_many_permissions() {
        let rates = Rates::default();
        assert_eq!((0..1_000).filter(|_| rates.acquire(APP, 0).is_ok()).count(), 1_000);
        // One permit a second: the test is faster than the bucket fills.
        assert_eq!(rates.acquire(APP, 1), Ok(()));
        let wait = rates.acquire(APP, 1).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= SECOND, "{wait:?}");
        assert_eq!(rates.acquire(Application(2), 1), Ok(()), "applications do not share");
    }
}
