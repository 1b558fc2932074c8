//! How many requests are carried out in a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Application, Stopwatch};

/// What was seen of each application lately. Bounded by the number of applications.
#[derive(Default)]
pub(crate) struct Rates {
    buckets: Mutex<BTreeMap<Application, Bucket>>,
}

/// Permissions that fill up with time, at most those of one second.
struct Bucket {
    level: f64,
    filled: Stopwatch,
}

impl Rates {
    /// Takes a permission for one request of an application that may make `per_second`; otherwise how
    /// long the client should wait. 0 is no limit.
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

/// A panic while this was held leaves no half-made state.
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
        // So slow a bucket that the test's own time does not fill it.
        assert_eq!(rates.acquire(APP, 1), Ok(()));
        let wait = rates.acquire(APP, 1).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= SECOND, "{wait:?}");
        assert_eq!(rates.acquire(Application(2), 1), Ok(()), "applications do not share");
    }
}
