//! Limits on what all requests share: memory of bodies that arrive and are carried out, memory of
//! answers that are being made or written, the number of large answers made at once, threads, and
//! exports in progress.
//!
//! ```text
//!  Budget::request(owner)   before a request is read; counts until it was carried out
//!  Budget::body, work       while a body arrives, and while it is carried out
//!  Budget::reserve(owner)   before a large answer is made; waits, then refuses
//!    Share::made(bytes)     the answer is made; its bytes stay counted
//!  Budget::take(owner)      for an answer that exists already; never refuses
//!  Budget::thread()         while something runs that may wait for the disk
//!  drop(Share)              the last byte was written, or the client is gone
//! ```
//!
//! The limits of one owner are far below the total, so that no owner can use up what others need.

#![warn(unreachable_pub)]

mod crowd;
mod pool;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Application;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use self::pool::Pool;
use self::requests::Requests;

pub use self::crowd::first_of_largest;
pub use self::pool::Held;
pub use self::requests::UnderWay;

/// Total bytes of bodies that arrive or wait to be carried out, beside one body of each application.
/// Further ones wait.
pub const BODIES_BYTES_MAX: usize = 64 << 20;
/// Approximate total memory of the large bodies that are carried out at once. Further ones wait.
pub(crate) const WORK_BYTES_MAX: usize = 96 << 20;
/// How many large bodies of one application are carried out, or compete with those of others, at once.
const LARGE_AT_ONCE: usize = 2;
/// Total bytes of answers that are being made or written. Further large ones wait.
pub(crate) const ALL_BYTES_MAX: usize = 128 << 20;
/// The same for one owner.
pub(crate) const OWNER_BYTES_MAX: usize = 48 << 20;
/// What a large answer is charged until its size is known.
pub const UNMADE_BYTES: usize = 1 << 20;
/// Exports in progress.
pub const EXPORTS_MAX: usize = 16;
/// Those of one owner.
pub const OWNER_EXPORTS_MAX: usize = 4;
/// Threads for short work, beside those for large answers and exports. More would only take memory: each
/// thread keeps some MiB.
const SHORT_AT_ONCE: usize = 12;
/// A request that waits longer is refused.
pub const WAIT_MAX: Duration = Duration::from_secs(10);
/// Requests of one owner that may wait at once. Further ones are refused at once.
pub(crate) const OWNER_WAITING_MAX: usize = 1_024;

/// The budget of a server.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    freed: Notify,
    /// Identifies owners without storing tokens. Keyed at random, so that nobody can find a collision.
    hasher: RandomState,
    making_max: usize,
    requests: Requests,
    bodies: Pool,
    work: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    /// Limits the large bodies of each application. At most one entry for each application.
    places: Mutex<BTreeMap<Application, Arc<Semaphore>>>,
}

#[derive(Default)]
struct State {
    all: Used,
    owners: HashMap<Owner, Used>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    bytes: usize,
    making: usize,
    exports: usize,
    waiting: usize,
}

/// Who an answer is for: the token or the session that was presented, whether or not it is valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner(u64);

impl Owner {
    /// All requests without a token or a session.
    pub const UNAUTHENTICATED: Owner = Owner(0);
    /// The server itself, for its own requests to others.
    pub const SERVER: Owner = Owner(2);
}

/// A thread in use, until this is dropped.
#[derive(Debug)]
pub struct Thread {
    _place: Option<OwnedSemaphorePermit>,
}

/// How many large answers are made at once.
fn making_max(processors: usize) -> usize {
    (2 * processors).clamp(4, 32)
}

/// How many threads run work that may wait for the disk, on a machine with this many processors.
pub fn threads_max(processors: usize) -> usize {
    making_max(processors) + EXPORTS_MAX + SHORT_AT_ONCE
}

/// Why there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// The owner has reached its limit.
    Owner,
    /// All owners together have reached the limit.
    All,
}

impl Full {
    /// The `Retry-After` of such an answer, in seconds.
    pub const RETRY_AFTER_S: u32 = 5;

    /// The HTTP status: 429 if the owner caused it, else 503.
    pub fn status(self) -> u16 {
        match self {
            Full::Owner => 429,
            Full::All => 503,
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Owner => {
                "too many answers to this token are being made or wait to be read: read them, then ask \
                 again"
            }
            Full::All => {
                "too many answers are being made or wait to be read by their clients; ask again later"
            }
        })
    }
}

impl std::error::Error for Full {}

impl Budget {
    /// A budget for a machine with this many processors. Two large answers are made at once for each.
    pub fn new(processors: usize) -> Budget {
        let making_max = making_max(processors);
        Budget(Arc::new(Inner {
            state: Mutex::default(),
            freed: Notify::new(),
            hasher: RandomState::new(),
            making_max,
            requests: Requests::default(),
            bodies: Pool::new(BODIES_BYTES_MAX),
            work: Arc::new(Semaphore::new(WORK_BYTES_MAX)),
            threads: Arc::new(Semaphore::new(threads_max(processors))),
            places: Mutex::default(),
        }))
    }

    /// Waits until fewer than 512 requests of the owner are in progress.
    pub async fn request(&self, owner: Owner) -> UnderWay {
        self.0.requests.begin(owner).await
    }

    /// Waits for a thread for work that may wait for the disk; first come, first served. There are more
    /// threads than large answers and exports may use, so short work soon finds one.
    pub async fn thread(&self) -> Thread {
        // The semaphore is never closed.
        Thread { _place: Arc::clone(&self.0.threads).acquire_owned().await.ok() }
    }

    /// Begins to count a body of an application. Bodies of questions belong to the recorder.
    pub fn body(&self, application: Application) -> Held {
        self.0.bodies.begin(application)
    }

    /// Waits until a body with this many bytes and JSON objects can be carried out.
    pub async fn work(&self, application: Application, length: usize, objects: usize) -> Work {
        let places = {
            // A panic while this was held leaves no half-made state.
            let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(LARGE_AT_ONCE));
            Arc::clone(places.entry(application).or_insert_with(new))
        };
        let share = u32::try_from(work_bytes(length, objects)).unwrap_or(u32::MAX);
        // The semaphores are never closed.
        let place = places.acquire_owned().await.ok();
        let bytes = Arc::clone(&self.0.work).acquire_many_owned(share).await.ok();
        Work { _bytes: bytes, _place: place }
    }

    /// The owner of a request with this token or session.
    pub fn owner(&self, token: Option<&str>) -> Owner {
        match token {
            // Even numbers are those that have names.
            Some(token) => Owner(self.0.hasher.hash_one(token) | 1),
            None => Owner::UNAUTHENTICATED,
        }
    }

    /// Waits for room for a large answer that is going to be made.
    ///
    /// # Errors
    /// When there is none after [`WAIT_MAX`], or too many of the owner's requests wait already.
    pub async fn reserve(&self, owner: Owner, bytes: usize) -> Result<Share, Full> {
        if let Ok(share) = self.try_reserve(owner, bytes, true) {
            return Ok(share);
        }
        self.wait(owner, || self.try_reserve(owner, bytes, true)).await
    }

    /// Waits for room for bytes that come from elsewhere and need no work to make.
    ///
    /// # Errors
    /// As of [`Budget::reserve`].
    pub async fn reserve_bytes(&self, owner: Owner, bytes: usize) -> Result<Share, Full> {
        let bytes = bytes.min(OWNER_BYTES_MAX);
        self.wait(owner, || self.try_reserve(owner, bytes, false)).await
    }

    /// Counts an answer that exists already.
    pub fn take(&self, owner: Owner, bytes: usize) -> Share {
        self.change(owner, |used| used.bytes += bytes);
        Share::new(self, owner, bytes, false)
    }

    /// A place for an export.
    ///
    /// # Errors
    /// When there is none.
    pub fn export(&self, owner: Owner) -> Result<Export, Full> {
        let mut state = self.state();
        if state.owner(owner).exports >= OWNER_EXPORTS_MAX {
            return Err(refused(Full::Owner, "export"));
        }
        if state.all.exports >= EXPORTS_MAX {
            return Err(refused(Full::All, "export"));
        }
        state.change(owner, |used| used.exports += 1);
        Ok(Export { budget: self.clone(), owner })
    }

    /// Bytes of answers that are being made or written.
    pub fn bytes(&self) -> usize {
        self.state().all.bytes
    }

    /// Exports in progress.
    pub fn exports(&self) -> usize {
        self.state().all.exports
    }

    async fn wait(
        &self,
        owner: Owner,
        take: impl Fn() -> Result<Share, Full>,
    ) -> Result<Share, Full> {
        let _waiting = self.stand_in_line(owner)?;
        let mut over = std::pin::pin!(tokio::time::sleep(WAIT_MAX));
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // Register first, so that room freed while looking is not missed.
            freed.as_mut().enable();
            let full = match take() {
                Ok(share) => return Ok(share),
                Err(full) => full,
            };
            tokio::select! {
                () = freed => {}
                () = &mut over => return Err(refused(full, "answer")),
            }
        }
    }

    fn stand_in_line(&self, owner: Owner) -> Result<Waiting<'_>, Full> {
        let mut state = self.state();
        if state.owner(owner).waiting >= OWNER_WAITING_MAX {
            return Err(refused(Full::Owner, "answer"));
        }
        state.change(owner, |used| used.waiting += 1);
        Ok(Waiting { budget: self, owner })
    }

    fn try_reserve(&self, owner: Owner, bytes: usize, is_making: bool) -> Result<Share, Full> {
        let mut state = self.state();
        let (own, all) = (state.owner(owner), state.all);
        let made = usize::from(is_making);
        // An owner without any answer may get one of any size.
        if own.bytes > 0 && own.bytes + bytes > OWNER_BYTES_MAX
            || is_making && own.making >= self.0.making_max / 2
        {
            return Err(Full::Owner);
        }
        if all.bytes + bytes > ALL_BYTES_MAX || is_making && all.making >= self.0.making_max {
            return Err(Full::All);
        }
        state.change(owner, |used| {
            used.bytes += bytes;
            used.making += made;
        });
        Ok(Share::new(self, owner, bytes, is_making))
    }

    fn change(&self, owner: Owner, change: impl Fn(&mut Used)) {
        self.state().change(owner, change);
    }

    fn free(&self, owner: Owner, change: impl Fn(&mut Used)) {
        let mut state = self.state();
        state.change(owner, change);
        let waits = state.all.waiting > 0;
        drop(state);
        if waits {
            self.0.freed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves no half-made state.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl State {
    fn owner(&self, owner: Owner) -> Used {
        self.owners.get(&owner).copied().unwrap_or_default()
    }

    fn change(&mut self, owner: Owner, change: impl Fn(&mut Used)) {
        change(&mut self.all);
        let own = self.owners.entry(owner).or_default();
        change(own);
        if *own == Used::default() {
            self.owners.remove(&owner);
        }
    }
}

/// The memory for carrying out a body, and its place among those of its application, until this is
/// dropped.
#[derive(Debug)]
pub struct Work {
    _bytes: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

/// The approximate memory of a JSON body while it is carried out: several copies of its text exist on
/// the way into the log, and an object takes far more than its text.
fn work_bytes(length: usize, objects: usize) -> usize {
    const COPIES: usize = 6;
    const OBJECT_BYTES: usize = 640;
    (COPIES * length + OBJECT_BYTES * objects).min(WORK_BYTES_MAX)
}

fn refused(full: Full, what: &'static str) -> Full {
    let whose = match full {
        Full::Owner => "token",
        Full::All => "all",
    };
    metrics::counter!("provlog_answers_refused_total", "what" => what, "limit" => whose)
        .increment(1);
    full
}

/// The bytes of an answer, counted until this is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    owner: Owner,
    /// Its bytes, and whether it is being made.
    counted: Mutex<(usize, bool)>,
}

impl Share {
    fn new(budget: &Budget, owner: Owner, bytes: usize, is_making: bool) -> Share {
        Share { budget: budget.clone(), owner, counted: Mutex::new((bytes, is_making)) }
    }

    /// The answer is made and has this many bytes, which may be more than was reserved.
    pub fn made(&self, bytes: usize) {
        // A panic while this was held leaves no half-made state.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, making) = (counted.0, usize::from(counted.1));
        self.budget.free(self.owner, |used| {
            used.bytes = used.bytes + bytes - before;
            used.making -= making;
        });
        *counted = (bytes, false);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.made(0);
    }
}

/// The share of an answer as an HTTP extension. In the request it goes to whatever makes the answer, so
/// that it counts even if the client gave up; in the response it goes to whatever writes it.
#[derive(Clone, Debug)]
pub struct Counted(pub Arc<Share>);

/// An export in progress, until this is dropped.
#[derive(Debug)]
pub struct Export {
    budget: Budget,
    owner: Owner,
}

impl Drop for Export {
    fn drop(&mut self) {
        self.budget.free(self.owner, |used| used.exports -= 1);
    }
}

/// A waiting request.
struct Waiting<'a> {
    budget: &'a Budget,
    owner: Owner,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.change(self.owner, |used| used.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn bearer(budget: &Budget, token: &str) -> Owner {
        budget.owner(Some(token))
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_owner_does_not_read_leaves_room_for_others() {
        let budget = Budget::new(64);
        let (one, other) = (bearer(&budget, "one"), bearer(&budget, "other"));
        let mut unread = vec![];
        for _ in 0..3 {
            let share = budget.reserve(one, UNMADE_BYTES).await.unwrap();
            share.made(17 * MIB);
            unread.push(share);
        }
        assert_eq!(budget.reserve(one, UNMADE_BYTES).await.unwrap_err(), Full::Owner);
        assert!(budget.reserve(other, UNMADE_BYTES).await.is_ok());
        let waits = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(one, UNMADE_BYTES).await.is_ok() }
        });
        tokio::task::yield_now().await;
        unread.pop();
        assert!(waits.await.unwrap(), "what is freed goes to whoever waits");
        drop(unread);
        assert_eq!(budget.bytes(), 0);
        assert!(budget.0.state.lock().unwrap().owners.is_empty(), "nobody is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn all_owners_together_are_bounded() {
        let budget = Budget::new(1);
        let owner = |index: usize| bearer(&budget, &index.to_string());
        let making: Vec<_> =
            (0..2).map(|index| budget.try_reserve(owner(index), MIB, true)).collect();
        assert!(making.iter().all(Result::is_ok));
        let again: Vec<_> =
            (0..3).map(|index| budget.try_reserve(owner(index), MIB, true)).collect();
        assert!(again[0].is_ok() && again[1].is_ok(), "{again:?}");
        assert_eq!(again[2].as_ref().err(), Some(&Full::All), "four are made at once");
        drop((making, again));
        let taken: Vec<_> = (0..4).map(|index| budget.take(owner(index), 40 * MIB)).collect();
        assert_eq!(budget.reserve(owner(9), MIB).await.unwrap_err(), Full::All);
        drop(taken);
        assert!(budget.reserve(owner(9), MIB).await.is_ok());
    }

    #[test]
    fn exports_are_bounded_by_token_and_in_all() {
        let budget = Budget::new(2);
        let owner = |index: usize| bearer(&budget, &index.to_string());
        let mut exports = vec![];
        for index in 0..EXPORTS_MAX / OWNER_EXPORTS_MAX {
            for _ in 0..OWNER_EXPORTS_MAX {
                exports.push(budget.export(owner(index)).unwrap());
            }
            assert_eq!(budget.export(owner(index)).unwrap_err(), Full::Owner);
        }
        assert_eq!(budget.export(owner(99)).unwrap_err(), Full::All);
        drop(exports.pop());
        assert!(budget.export(owner(99)).is_ok());
        assert_eq!((Full::Owner.status(), Full::All.status()), (429, 503));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_short_finds_a_thread_beside_all_large_answers_and_exports() {
        let budget = Budget::new(2);
        let mut large = vec![];
        for _ in 0..4 + EXPORTS_MAX {
            large.push(budget.thread().await);
        }
        let mut short = vec![];
        for _ in 0..SHORT_AT_ONCE {
            short.push(budget.thread().await);
        }
        let further = tokio::time::timeout(Duration::from_secs(1), budget.thread());
        assert!(further.await.is_err(), "threads are bounded");
        let (further, ()) = tokio::join!(budget.thread(), async { drop(short.pop()) });
        drop((further, large));
    }

    #[test]
    fn each_token_is_an_owner_and_whoever_has_none_is_a_stranger() {
        let budget = Budget::new(2);
        let one = bearer(&budget, "a");
        assert_eq!(bearer(&budget, "a"), one);
        assert_ne!(bearer(&budget, "b"), one);
        assert_eq!(budget.owner(None), Owner::UNAUTHENTICATED);
        assert!(![Owner::UNAUTHENTICATED, Owner::SERVER].contains(&one));
    }
}
