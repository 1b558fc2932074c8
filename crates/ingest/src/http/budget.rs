//! The memory that bodies take while they arrive, in a fair share for each application.
//!
//! A body is charged for what has arrived of it, so one that comes slowly takes little. The oldest body
//! of each application may always go on: it has room of its own, which one body bounds. All others
//! share a pool, of which one application may have a quarter; what finds no room waits. So whatever
//! one application sends, another one's bodies arrive.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::Application;
use tokio::sync::Notify;

/// The pool, and who takes of it.
pub(crate) struct Budget {
    books: Mutex<Books>,
    /// Something was given back.
    freed: Notify,
    pool_bytes_max: usize,
}

#[derive(Default)]
struct Books {
    next: u64,
    /// Bytes by body, of each application that has any under way.
    applications: BTreeMap<Application, Bodies>,
    /// What all bodies but the oldest of each application take together.
    pool_bytes: usize,
}

#[derive(Default)]
struct Bodies {
    bytes: BTreeMap<u64, usize>,
    /// What all but the oldest take together.
    pool_bytes: usize,
}

/// What one body takes, until this is dropped.
pub(crate) struct Held<'b> {
    budget: &'b Budget,
    application: Application,
    body: u64,
}

impl Budget {
    /// A pool of so many bytes.
    pub(crate) fn new(pool_bytes_max: usize) -> Budget {
        Budget { books: Mutex::default(), freed: Notify::new(), pool_bytes_max }
    }

    /// Begins a body that takes nothing yet.
    pub(crate) fn begin(&self, application: Application) -> Held<'_> {
        let mut books = self.books();
        let body = books.next;
        books.next += 1;
        books.applications.entry(application).or_default().bytes.insert(body, 0);
        Held { budget: self, application, body }
    }

    /// A panic while this was held leaves no half-made state.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for a body to grow to `to` bytes; then it does.
    fn grows(&self, held: &Held<'_>, to: usize) -> bool {
        let mut books = self.books();
        let Books { applications, pool_bytes, .. } = &mut *books;
        let Some(bodies) = applications.get_mut(&held.application) else { return true };
        let is_oldest = bodies.bytes.keys().next() == Some(&held.body);
        let Some(bytes) = bodies.bytes.get_mut(&held.body) else { return true };
        let more = to.saturating_sub(*bytes);
        if !is_oldest {
            let of_application = bodies.pool_bytes + more;
            if of_application > self.pool_bytes_max / 4 || *pool_bytes + more > self.pool_bytes_max
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

impl Held<'_> {
    /// Waits until there is room for `to` bytes.
    pub(crate) async fn grow(&self, to: usize) {
        loop {
            let freed = self.budget.freed.notified();
            let mut freed = std::pin::pin!(freed);
            // Before looking: what is given back in between must not be missed.
            freed.as_mut().enable();
            if self.budget.grows(self, to) {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut books = self.budget.books();
        let Books { applications, pool_bytes, .. } = &mut *books;
        if let Some(bodies) = applications.get_mut(&self.application) {
            let was_oldest = bodies.bytes.keys().next() == Some(&self.body);
            let gone = bodies.bytes.remove(&self.body);
            // The next one leaves the pool for the room that is free now.
            let left = if was_oldest { bodies.bytes.values().next().copied() } else { gone };
            let left = left.unwrap_or_default();
            bodies.pool_bytes -= left;
            *pool_bytes -= left;
            if bodies.bytes.is_empty() {
                applications.remove(&self.application);
            }
        }
        drop(books);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POOL: usize = 400;

    async fn fits(held: &Held<'_>, to: usize) -> bool {
        tokio::time::timeout(Duration::from_secs(1), held.grow(to)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_application_cannot_take_the_room_of_another() {
        let budget = Budget::new(POOL);
        let (one, other) = (Application(1), Application(2));
        let oldest = budget.begin(one);
        assert!(fits(&oldest, 1_000).await, "it has room of its own");
        let (second, third) = (budget.begin(one), budget.begin(one));
        assert!(fits(&second, 60).await && fits(&third, 40).await);
        assert!(!fits(&third, 41).await, "a quarter of the pool");
        let elsewhere = [budget.begin(other), budget.begin(other)];
        assert!(fits(&elsewhere[0], 1_000).await && fits(&elsewhere[1], 100).await);

        drop(oldest);
        assert!(fits(&second, 1_000).await, "now this one is the oldest");
        assert!(fits(&third, 100).await && !fits(&third, 101).await);
        drop(second);
        assert!(fits(&third, 1_000).await);
        drop(third);
        drop(elsewhere);
        let books = budget.books();
        assert_eq!((books.pool_bytes, books.applications.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_pool_is_bounded_and_what_waits_goes_on() {
        let budget = Budget::new(POOL);
        let mut held = vec![];
        for application in 1..=5 {
            let oldest = budget.begin(Application(application));
            let next = budget.begin(Application(application));
            assert_eq!(fits(&next, 100).await, application <= 4);
            held.push((oldest, next));
        }
        let (_, waiting) = held.last().unwrap();
        let (grown, ()) =
            tokio::join!(fits(waiting, 100), async { drop(budget.begin(Application(9))) });
        assert!(!grown, "nothing of the pool was given back");
        let (oldest, next) = held.pop().unwrap();
        let given = held.remove(0);
        let (grown, ()) = tokio::join!(fits(&next, 100), async { drop(given) });
        assert!(grown);
        drop(oldest);
    }
}
