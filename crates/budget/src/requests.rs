//! Limits the requests of one owner that are in progress at once. Even a small request takes some
//! memory and time, on any connection and also after its client gave up, so further requests wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Owner;

/// Requests of one owner in progress at once.
pub(crate) const OWNER_REQUESTS_MAX: usize = 512;

/// The semaphores of all owners with requests in progress.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<HashMap<Owner, Arc<Semaphore>>>>);

/// A request in progress, from its head until it was carried out. Whatever works on the request keeps
/// this, so that it counts as long as it takes memory, even if its client gave up.
#[derive(Clone, Debug)]
pub struct UnderWay {
    _place: Arc<Place>,
}

impl Requests {
    /// Waits until fewer than [`OWNER_REQUESTS_MAX`] requests of the owner are in progress; first come,
    /// first served.
    pub(crate) async fn begin(&self, owner: Owner) -> UnderWay {
        let line = {
            let new = || Arc::new(Semaphore::new(OWNER_REQUESTS_MAX));
            Arc::clone(self.lines().entry(owner).or_insert_with(new))
        };
        let mut place = Place { requests: self.clone(), owner, line: Some(line), permit: None };
        if let Some(line) = &place.line {
            // The semaphores are never closed.
            place.permit = Arc::clone(line).acquire_owned().await.ok();
        }
        UnderWay { _place: Arc::new(place) }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Owner, Arc<Semaphore>>> {
        // A panic while it was held leaves no half-made state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of an owner, waiting or in progress.
struct Place {
    requests: Requests,
    owner: Owner,
    line: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.requests.lines();
        (self.permit, self.line) = (None, None);
        // Nobody else uses it; requests only get a semaphore while this lock is held.
        if lines.get(&self.owner).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn begun(requests: &Requests, owner: Owner) -> Option<UnderWay> {
        tokio::time::timeout(Duration::from_secs(1), requests.begin(owner)).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_owner_wait_for_each_other_and_not_those_of_others() {
        let requests = Requests::default();
        let (one, other) = (Owner(5), Owner(7));
        let mut under_way = vec![];
        for _ in 0..OWNER_REQUESTS_MAX {
            under_way.push(begun(&requests, one).await.unwrap());
        }
        assert!(begun(&requests, one).await.is_none(), "all places are taken");
        assert!(begun(&requests, other).await.is_some());
        let worked_on = under_way[0].clone();
        under_way.remove(0);
        assert!(
            begun(&requests, one).await.is_none(),
            "it is worked on, though nobody waits for it"
        );
        drop(worked_on);
        let (next, ()) = tokio::join!(begun(&requests, one), async { drop(under_way.pop()) });
        assert!(next.is_some());
        drop((under_way, next));
        assert!(requests.lines().is_empty(), "nobody is remembered");
    }
}
