//! What is on its way to an upstream: one write to a resource at a time, and no word of a resource that
//! is being written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::Application;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// From so many entries on those that nobody uses are thrown away.
const ENTRIES_MAX: usize = 1_024;

/// An application and a SCIM id; the empty id stands for all that are being created.
type Key = (Application, String);

/// The writes that were sent on and are not recorded yet.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashMap<Key, Arc<AsyncMutex<()>>>>);

/// A write that is under way as long as this lives.
pub(crate) struct Write {
    _counted: Arc<AsyncMutex<()>>,
    _alone: Option<OwnedMutexGuard<()>>,
}

impl UnderWay {
    /// Begins a write. Answers to two writes of one resource could be recorded in another order than the
    /// upstream carried them out in, so the second waits; creations do not wait for one another.
    pub(crate) async fn begin(&self, application: Application, id: Option<&str>) -> Write {
        let key = (application, id.unwrap_or_default().to_owned());
        let lock = {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if entries.len() >= ENTRIES_MAX {
                entries.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(entries.entry(key).or_default())
        };
        let alone = match id {
            Some(_) => Some(Arc::clone(&lock).lock_owned().await),
            None => None,
        };
        Write { _counted: lock, _alone: alone }
    }

    /// Whether a resource is being written, or with no id, whether any is being created.
    pub(crate) fn is_busy(&self, application: Application, id: Option<&str>) -> bool {
        let key = (application, id.unwrap_or_default().to_owned());
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&key).is_some_and(|lock| Arc::strong_count(lock) > 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_write_to_a_resource_at_a_time() {
        let (under_way, app) = (UnderWay::default(), Application(1));
        let first = under_way.begin(app, Some("a")).await;
        let creations = (under_way.begin(app, None).await, under_way.begin(app, None).await);
        let other = under_way.begin(app, Some("b")).await;
        let elsewhere = under_way.begin(Application(2), Some("a")).await;
        let second = tokio::time::timeout(Duration::from_secs(1), under_way.begin(app, Some("a")));
        assert!(second.await.is_err(), "it waits");
        assert!(under_way.is_busy(app, Some("a")) && under_way.is_busy(app, None));
        drop((first, creations));
        assert!(!under_way.is_busy(app, Some("a")) && !under_way.is_busy(app, None));
        assert!(under_way.is_busy(app, Some("b")), "that one still is");
        drop((other, elsewhere, under_way.begin(app, Some("a")).await));
        for number in 0..3 * ENTRIES_MAX {
            under_way.begin(app, Some(&number.to_string())).await;
        }
        assert!(under_way.0.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
