//! What all requests share, whichever interface they ask: the memory of bodies that arrive and are carried
//! out, that of answers that are being made or wait for their reader, the work of making large ones, and
//! the exports under way.
//!
//! ```text
//!  Budget::request(owner)   before a request is looked at; it counts until it was carried out
//!  Budget::body, work       while a body arrives, and while it is carried out
//!  Budget::reserve(owner)   before a large answer is made; waits, then refuses
//!    Share::made(bytes)     it is made: the work is done, the bytes stay counted
//!  Budget::take(owner)      for an answer that is there already; never refuses
//!  Budget::thread()         while something runs that may wait for the disk
//!  drop(Share)              the last byte was written, or the client is gone
//! ```
//!
//! The limits of one owner are far below those of all, so that nobody can use up what others need.

#![warn(unreachable_pub)]

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

pub use self::pool::Held;
pub use self::requests::UnderWay;

/// Bodies that are being received, or wait to be carried out, have together so many bytes beside one of
/// each application; further ones wait.
pub const BODIES_BYTES_MAX: usize = 64 << 20;
/// What is made of large bodies that are carried out at once comes together to about so many bytes;
/// further ones wait.
pub(crate) const WORK_BYTES_MAX: usize = 96 << 20;
/// So many large bodies of one application are carried out at once, or wait with those of others.
const LARGE_AT_ONCE: usize = 2;
/// Answers that are being made or were not written yet have together so many bytes before further
/// large ones wait.
pub(crate) const ALL_BYTES_MAX: usize = 128 << 20;
/// Those of one owner.
pub(crate) const OWNER_BYTES_MAX: usize = 48 << 20;
/// What a large answer counts for while nobody knows how large it will be.
pub const UNMADE_BYTES: usize = 1 << 20;
/// Exports under way.
pub const EXPORTS_MAX: usize = 16;
/// Those of one owner.
pub const OWNER_EXPORTS_MAX: usize = 4;
/// Beside the threads on which large answers and exports are made, so many do what is short. Each thread keeps
/// some MiB of its own, so they are no more than are of use.
const SHORT_AT_ONCE: usize = 12;
/// Whoever waits longer is refused.
pub const WAIT_MAX: Duration = Duration::from_secs(10);
/// So many requests of one owner wait at once; further ones are refused without waiting.
pub(crate) const OWNER_WAITING_MAX: usize = 1_024;

/// The budget of a server.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    freed: Notify,
    /// So that owners are told apart without keeping tokens, and nobody can choose to collide.
    hasher: RandomState,
    making_max: usize,
    requests: Requests,
    bodies: Pool,
    work: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    /// Who may wait for the work. Bounded by the number of applications.
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

/// Who an answer is for: the token that was presented, whether or not it is valid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owner(u64);

impl Owner {
    /// All who present no token.
    pub const UNAUTHENTICATED: Owner = Owner(0);
    /// The server itself, for what it asks of others.
    pub const SERVER: Owner = Owner(2);
}

/// The use of a thread, until this is dropped.
#[derive(Debug)]
pub struct Thread {
    _place: Option<OwnedSemaphorePermit>,
}

/// Large answers that are made at once.
fn making_max(processors: usize) -> usize {
    (2 * processors).clamp(4, 32)
}

/// Threads that run what may wait for the disk, on a machine with so many processors.
pub fn threads_max(processors: usize) -> usize {
    making_max(processors) + EXPORTS_MAX + SHORT_AT_ONCE
}

/// Why there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// The owner has its part already.
    Owner,
    /// All owners together have everything.
    All,
}

impl Full {
    /// When it is worth asking again, in seconds.
    pub const RETRY_AFTER_S: u32 = 5;

    /// The status of an answer that says so: 429 to whom it is due, else 503.
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
    /// A budget for a machine with so many processors: answers are made at most two for each of them.
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

    /// Begins a request, once fewer than [`OWNER_REQUESTS_MAX`] of its owner are under way.
    pub async fn request(&self, owner: Owner) -> UnderWay {
        self.0.requests.begin(owner).await
    }

    /// Waits for a thread that may wait for the disk; the first to come is the first to have one. Large answers
    /// and exports are fewer than there are threads, so what is short finds one soon.
    pub async fn thread(&self) -> Thread {
        // The semaphore is never closed.
        Thread { _place: Arc::clone(&self.0.threads).acquire_owned().await.ok() }
    }

    /// A body of an application that begins to arrive and takes nothing yet. Bodies of questions are
    /// the recorder's.
    pub fn body(&self, application: Application) -> Held {
        self.0.bodies.begin(application)
    }

    /// Waits until a body of so many bytes and objects can be carried out.
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

    /// Whose an answer to a request that presents this token is.
    pub fn owner(&self, token: Option<&str>) -> Owner {
        match token {
            // Even numbers are those that have names.
            Some(token) => Owner(self.0.hasher.hash_one(token) | 1),
            None => Owner::UNAUTHENTICATED,
        }
    }

    /// Room for a large answer that is going to be made, once there is some.
    ///
    /// # Errors
    /// When there is none after [`WAIT_MAX`], or too many of the owner's requests wait already.
    pub async fn reserve(&self, owner: Owner, bytes: usize) -> Result<Share, Full> {
        if let Ok(share) = self.try_reserve(owner, bytes, true) {
            return Ok(share);
        }
        self.wait(owner, || self.try_reserve(owner, bytes, true)).await
    }

    /// Room for bytes that come from elsewhere, once there is some: it takes no work to make them.
    ///
    /// # Errors
    /// As of [`Budget::reserve`].
    pub async fn reserve_bytes(&self, owner: Owner, bytes: usize) -> Result<Share, Full> {
        let bytes = bytes.min(OWNER_BYTES_MAX);
        self.wait(owner, || self.try_reserve(owner, bytes, false)).await
    }

    /// Counts an answer that is there already.
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

    /// Bytes of answers that are being made or were not written yet.
    pub fn bytes(&self) -> usize {
        self.state().all.bytes
    }

    /// Exports under way.
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
            // What is freed between the look and the wait counts too.
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
        // Whoever has nothing may have as much as there is for one owner.
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

/// What carrying out a body takes of the memory, and its place among those of its application, until this
/// is dropped.
#[derive(Debug)]
pub struct Work {
    _bytes: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

/// What a body of JSON comes to in memory while it is carried out, roughly: its text stands there several
/// times on its way into the log, and an object takes far more than its text.
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

    /// The answer is made, and has so many bytes. More than was reserved is counted all the same: it is
    /// there.
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

/// The share of an answer, handed on as an extension: of its request to whatever makes it, so that it counts
/// as long as it is made, whether or not anybody waits for it; of its response to whatever writes it.
#[derive(Clone, Debug)]
pub struct Counted(pub Arc<Share>);

/// A place of an export, kept until this is dropped.
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

/// A place in the line.
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
