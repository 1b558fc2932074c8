//! Limits the memory of bodies while they arrive, with a fair share for each application.
//!
//! A body is charged for the bytes that have arrived, so a slow one takes little. The oldest body of
//! each application may always grow, limited by the maximum size of a body. All others share a pool, of
//! which one application may use a quarter; a body that finds no room waits. So no application can
//! block the bodies of another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::Application;
use tokio::sync::Notify;

/// The pool.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    books: Mutex<Books>,
    /// Notified when memory is given back.
    freed: Notify,
    pool_bytes_max: usize,
}

#[derive(Default)]
struct Books {
    next: u64,
    /// The arriving bodies of each application that has any.
    applications: BTreeMap<Application, Bodies>,
    /// Bytes of all bodies except the oldest of each application.
    pool_bytes: usize,
}

#[derive(Default)]
struct Bodies {
    /// Bytes by body, the oldest first.
    bytes: BTreeMap<u64, usize>,
    /// Bytes of all except the oldest.
    pool_bytes: usize,
}

/// The memory of one body, charged until this is dropped.
#[derive(Debug)]
pub struct Held {
    pool: Pool,
    application: Application,
    body: u64,
}

impl Pool {
    /// A pool of this many bytes.
    pub(crate) fn new(pool_bytes_max: usize) -> Pool {
        let (books, freed) = (Mutex::default(), Notify::new());
        Pool(Arc::new(Inner { books, freed, pool_bytes_max }))
    }

    /// Begins a body, with no bytes yet.
    pub(crate) fn begin(&self, application: Application) -> Held {
        let mut books = self.books();
        let body = books.next;
        books.next += 1;
        books.applications.entry(application).or_default().bytes.insert(body, 0);
        Held { pool: self.clone(), application, body }
    }

    /// A panic while the lock is held cannot leave the books half changed.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a body grow to `to` bytes if there is room. Returns whether there was.
    fn grows(&self, held: &Held, to: usize) -> bool {
        let mut books = self.books();
        let Books { applications, pool_bytes, .. } = &mut *books;
        let Some(bodies) = applications.get_mut(&held.application) else { return true };
        let is_oldest = bodies.bytes.keys().next() == Some(&held.body);
        let Some(bytes) = bodies.bytes.get_mut(&held.body) else { return true };
        let more = to.saturating_sub(*bytes);
        if !is_oldest {
            let of_application = bodies.pool_bytes + more;
            if of_application > self.0.pool_bytes_max / 4
                || *pool_bytes + more > self.0.pool_bytes_max
            {
                return false;
            }
            bodies.pool_bytes = of_application;
            *pool_bytes += more;
        }
        *bytes += more;
        true
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Held {
    /// Waits until there is room for `to` bytes.
    pub async fn grow(&self, to: usize) {
        loop {
            let freed = self.pool.0.freed.notified();
            let mut freed = std::pin::pin!(freed);
            // Register first, so that memory given back while looking is not missed.
            freed.as_mut().enable();
            if self.pool.grows(self, to) {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut books = self.pool.books();
        let Books { applications, pool_bytes, .. } = &mut *books;
        if let Some(bodies) = applications.get_mut(&self.application) {
            let was_oldest = bodies.bytes.keys().next() == Some(&self.body);
            let gone = bodies.bytes.remove(&self.body);
            // If this was the oldest, the next oldest no longer counts in the pool.
            let left = if was_oldest { bodies.bytes.values().next().copied() } else { gone };
            let left = left.unwrap_or_default();
            bodies.pool_bytes -= left;
            *pool_bytes -= left;
            if bodies.bytes.is_empty() {
                applications.remove(&self.application);
            }
        }
        drop(books);
        self.pool.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POOL: usize = 400;

    async fn fits(held: &Held, to: usize) -> bool {
        tokio::time::timeout(Duration::from_secs(1), held.grow(to)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_application_cannot_take_the_room_of_another() {
        let pool = Pool::new(POOL);
        let (one, other) = (Application(1), Application(2));
        let oldest = pool.begin(one);
        assert!(fits(&oldest, 1_000).await, "it has room of its own");
        let (second, third) = (pool.begin(one), pool.begin(one));
        assert!(fits(&second, 60).await && fits(&third, 40).await);
        assert!(!fits(&third, 41).await, "a quarter of the pool");
        let elsewhere = [pool.begin(other), pool.begin(other)];
        assert!(fits(&elsewhere[0], 1_000).await && fits(&elsewhere[1], 100).await);

        drop(oldest);
        assert!(fits(&second, 1_000).await, "now this one is the oldest");
        assert!(fits(&third, 100).await && !fits(&third, 101).await);
        drop(second);
        assert!(fits(&third, 1_000).await);
        drop(third);
        drop(elsewhere);
        let books = pool.books();
        assert_eq!((books.pool_bytes, books.applications.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_pool_is_bounded_and_what_waits_goes_on() {
        let pool = Pool::new(POOL);
        let mut held = vec![];
        for application in 1..=5 {
            let oldest = pool.begin(Application(application));
            let next = pool.begin(Application(application));
            assert_eq!(fits(&next, 100).await, application <= 4);
            held.push((oldest, next));
        }
        let (_, waiting) = held.last().unwrap();
        let (grown, ()) =
            tokio::join!(fits(waiting, 100), async { drop(pool.begin(Application(9))) });
        assert!(!grown, "nothing of the pool was given back");
        let (oldest, next) = held.pop().unwrap();
        let given = held.remove(0);
        let (grown, ()) = tokio::join!(fits(&next, 100), async { drop(given) });
        assert!(grown);
        drop(oldest);
    }
}
