//! The state of one connection: when bytes last moved, what it waits for, and whether it may be closed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::limits::{HEAD_BYTES_FREE, HEADS_BYTES_MAX, IDLE_MAX, UNREAD_MAX};
use crate::peer::Peer;

/// A connection is checked at least this often, because what it waits for may have begun since.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// A connection younger than this is not closed to make room, because its request may not have been
/// read yet. The grace is shorter if the client does not read. It counts from the opening, not from the
/// last byte: otherwise a client that sends a byte now and then would keep its place.
const SILENT_GRACE: Duration = Duration::from_millis(250);
const UNREAD_GRACE: Duration = Duration::from_millis(100);
/// How long a connection is kept whose client has sent what a busy server has not received yet.
const LATE_MAX: Duration = Duration::from_secs(1);

/// The order in which connections are closed to make room, the lowest first: the fields decide in their
/// order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct EvictionRank {
    /// A request is being handled on it.
    is_working: bool,
    /// A request with a valid token was answered on it.
    is_known: bool,
    /// Its client reads its answers.
    is_reading: bool,
    /// When bytes last moved on it.
    moved: Instant,
}

/// One connection, shared by its socket, its requests and its answers.
pub(super) struct Connection {
    /// The address block by which connections are counted.
    pub(super) block: IpAddr,
    state: Mutex<State>,
    /// Notified when part of an answer was written.
    written: Notify,
    /// Cancelled when the connection must close to make room.
    pub(super) evicted: CancellationToken,
    /// A request with a valid token was answered on it.
    is_known: AtomicBool,
    client: OnceLock<Peer>,
}

struct State {
    opened: Instant,
    /// When bytes were last received or sent.
    moved: Instant,
    /// When bytes were first seen that had arrived and were not received yet.
    unreceived: Option<Instant>,
    /// Since when the socket accepts no bytes.
    blocked: Option<Instant>,
    /// Since when there is no request; meaningless while `answers` has one.
    idle: Instant,
    /// Answers by number, from the arrival of their request's head until their last byte is written.
    answers: BTreeMap<u64, AnswerState>,
    next: u64,
    /// Requests that wait for more of their body.
    awaited: usize,
    /// Bytes of answers that were handed over and not written yet.
    unread_bytes: usize,
}

struct AnswerState {
    /// The memory of its request's head beyond [`HEAD_BYTES_FREE`].
    head_bytes: usize,
    /// Since when none of its unwritten bytes was written.
    moved: Instant,
    unread_bytes: usize,
}

/// Whether a connection may be closed to make room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Evictable {
    /// A request is being handled on it after one with a valid token, or it is being closed already.
    No,
    /// It was opened only just now.
    Soon,
    /// It may.
    Yes(EvictionRank),
}

/// What to do with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing now; check again at this time.
    CheckAgain(Instant),
    /// Close it: it has had no request for [`IDLE_MAX`].
    Idle,
    /// Cut it: its client has read nothing of an answer for [`UNREAD_MAX`].
    Unread,
}

impl EvictionRank {
    /// Whether nothing is under way on the connection that its client could be waiting for.
    pub(super) fn is_silent(&self) -> bool {
        !self.is_working && self.is_reading
    }
}

impl Connection {
    pub(super) fn new(block: IpAddr) -> Connection {
        let now = Instant::now();
        Connection {
            block,
            state: Mutex::new(State {
                opened: now,
                moved: now,
                unreceived: None,
                blocked: None,
                idle: now,
                answers: BTreeMap::new(),
                next: 0,
                awaited: 0,
                unread_bytes: 0,
            }),
            written: Notify::new(),
            evicted: CancellationToken::new(),
            is_known: AtomicBool::new(false),
            client: OnceLock::new(),
        }
    }

    /// Tells who is at the other end.
    pub(super) fn opened_by(&self, client: Peer) {
        let _ = self.client.set(client);
    }

    /// Bytes were received.
    pub(super) fn received(&self) {
        let mut state = self.state();
        state.moved = Instant::now();
        state.unreceived = None;
    }

    /// Bytes were sent.
    pub(super) fn sent(&self) {
        let mut state = self.state();
        state.moved = Instant::now();
        state.blocked = None;
    }

    /// The socket accepts no bytes now.
    pub(super) fn blocked(&self) {
        let mut state = self.state();
        if state.blocked.is_none() {
            state.blocked = Some(Instant::now());
        }
    }

    pub(super) fn answered_known(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// Registers a request whose head takes `head_bytes`, and returns the number of its answer.
    pub(super) fn begin(&self, head_bytes: usize) -> u64 {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let head_bytes = head_bytes.saturating_sub(HEAD_BYTES_FREE);
        let answer = AnswerState { head_bytes, moved: Instant::now(), unread_bytes: 0 };
        state.answers.insert(number, answer);
        number
    }

    /// An answer was written whole, or given up.
    pub(super) fn end(&self, number: u64) {
        let mut state = self.state();
        state.answers.remove(&number);
        if state.answers.is_empty() {
            state.idle = Instant::now();
        }
    }

    /// Bytes of an answer were handed to the connection.
    pub(super) fn handed(&self, number: u64, bytes: usize) {
        let mut state = self.state();
        state.unread_bytes += bytes;
        if let Some(answer) = state.answers.get_mut(&number) {
            // These bytes are the first that wait.
            if answer.unread_bytes == 0 {
                answer.moved = Instant::now();
            }
            answer.unread_bytes += bytes;
        }
    }

    /// Those bytes were written, or dropped.
    pub(super) fn wrote(&self, number: u64, bytes: usize) {
        let mut state = self.state();
        state.unread_bytes = state.unread_bytes.saturating_sub(bytes);
        if let Some(answer) = state.answers.get_mut(&number) {
            answer.moved = Instant::now();
            answer.unread_bytes = answer.unread_bytes.saturating_sub(bytes);
        }
        drop(state);
        self.written.notify_waiters();
    }

    /// A request begins or stops waiting for more of its body.
    pub(super) fn awaits(&self, does: bool) {
        let mut state = self.state();
        state.awaited = if does { state.awaited + 1 } else { state.awaited.saturating_sub(1) };
    }

    /// Whether the heads of the current requests exceed [`HEADS_BYTES_MAX`]. Bodies and answers wait
    /// for the memory budget; a head is in memory before the budget can be asked.
    pub(super) fn has_too_large_heads(&self) -> bool {
        let state = self.state();
        let heads = state.answers.values().map(|answer| answer.head_bytes);
        heads.sum::<usize>() > HEADS_BYTES_MAX
    }

    /// Whether answers wait to be written.
    pub(super) fn has_unread(&self) -> bool {
        self.state().unread_bytes > 0
    }

    /// Waits until at most `bytes_max` of answers are unwritten.
    pub(super) async fn drained(&self, bytes_max: usize) {
        loop {
            let mut written = std::pin::pin!(self.written.notified());
            written.as_mut().enable();
            if self.state().unread_bytes <= bytes_max {
                return;
            }
            written.await;
        }
    }

    /// What to do with the connection now.
    pub(super) fn judge(&self) -> Verdict {
        let state = self.state();
        let now = Instant::now();
        let waiting = state.answers.values().filter(|answer| answer.unread_bytes > 0);
        let unread = waiting.map(|answer| answer.moved).chain(state.blocked).min();
        let unread = unread.map(|since| since + UNREAD_MAX);
        let idle = state.answers.is_empty().then(|| state.idle + IDLE_MAX);
        if unread.is_some_and(|until| until <= now) {
            Verdict::Unread
        } else if idle.is_some_and(|until| until <= now) {
            Verdict::Idle
        } else {
            let again = now + LOOK_AFTER;
            Verdict::CheckAgain(unread.into_iter().chain(idle).fold(again, Instant::min))
        }
    }

    /// Whether the connection may be closed to make room.
    pub(super) fn evictable(&self) -> Evictable {
        let state = self.state();
        let is_unread = state.unread_bytes > 0 || state.blocked.is_some();
        let is_working = state.answers.len() > state.awaited && !is_unread;
        let grace = if is_unread { UNREAD_GRACE } else { SILENT_GRACE };
        let is_known = self.is_known.load(Ordering::Relaxed);
        if is_working && is_known || self.evicted.is_cancelled() {
            return Evictable::No;
        }
        if state.opened.elapsed() < grace {
            return Evictable::Soon;
        }
        let is_reading = !is_unread;
        Evictable::Yes(EvictionRank { is_working, is_known, is_reading, moved: state.moved })
    }

    /// Whether its client has sent what was not received yet: then the server is late, not the client. It
    /// counts for [`LATE_MAX`], so that others do not wait longer for a place.
    pub(super) fn is_awaited(&self) -> bool {
        if !self.client.get().is_some_and(Peer::has_sent) {
            return false;
        }
        let now = Instant::now();
        now < *self.state().unreceived.get_or_insert(now) + LATE_MAX
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves no half-made state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    fn connection() -> Arc<Connection> {
        Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_idle_whatever_bytes_arrive() {
        let connection = connection();
        advance(IDLE_MAX - SECOND).await;
        connection.received(); // the answer to a PING
        assert_eq!(connection.judge(), Verdict::CheckAgain(Instant::now() + SECOND));
        advance(SECOND).await;
        assert_eq!(connection.judge(), Verdict::Idle);
        let answer = connection.begin(0);
        advance(IDLE_MAX * 2).await;
        assert!(
            matches!(connection.judge(), Verdict::CheckAgain(_)),
            "a request may take its time"
        );
        connection.end(answer);
        advance(IDLE_MAX - SECOND).await;
        assert!(matches!(connection.judge(), Verdict::CheckAgain(_)));
    }

    #[tokio::test]
    async fn large_heads_are_limited_together() {
        let connection = connection();
        for _ in 0..99 {
            connection.begin(HEAD_BYTES_FREE);
        }
        assert!(!connection.has_too_large_heads(), "usual ones are many");
        const LARGE: usize = 64 << 10;
        let mut large: Vec<u64> = (0..HEADS_BYTES_MAX / LARGE)
            .map(|_| connection.begin(LARGE + HEAD_BYTES_FREE))
            .collect();
        assert!(!connection.has_too_large_heads());
        let too_large = connection.begin(HEAD_BYTES_FREE + 1);
        assert!(connection.has_too_large_heads());
        connection.end(large.remove(0));
        assert!(!connection.has_too_large_heads());
        connection.end(too_large);
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_must_be_read_whatever_others_are() {
        let connection = connection();
        let (read, unread) = (connection.begin(0), connection.begin(0));
        connection.handed(read, 100);
        connection.handed(unread, 100);
        for _ in 0..UNREAD_MAX.as_secs() - 1 {
            advance(SECOND).await;
            connection.wrote(read, 10);
            connection.handed(read, 10);
            connection.received();
            assert!(matches!(connection.judge(), Verdict::CheckAgain(_)));
        }
        advance(SECOND).await;
        assert_eq!(connection.judge(), Verdict::Unread);
        connection.wrote(unread, 10);
        assert!(matches!(connection.judge(), Verdict::CheckAgain(_)), "it moves again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_accepts_no_bytes_is_cut() {
        let connection = connection();
        let _answer = connection.begin(0);
        connection.blocked();
        advance(UNREAD_MAX - SECOND).await;
        connection.blocked(); // is asked again and again
        assert!(matches!(connection.judge(), Verdict::CheckAgain(_)));
        advance(SECOND).await;
        assert_eq!(connection.judge(), Verdict::Unread);
        connection.sent();
        assert!(matches!(connection.judge(), Verdict::CheckAgain(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_handles_a_request_is_not_closed_to_make_room() {
        let connection = connection();
        assert_eq!(connection.evictable(), Evictable::Soon);
        let moved = Instant::now();
        advance(UNREAD_GRACE).await;
        assert_eq!(connection.evictable(), Evictable::Soon);
        connection.blocked();
        let unread = EvictionRank { is_working: false, is_known: false, is_reading: false, moved };
        assert_eq!(
            connection.evictable(),
            Evictable::Yes(unread),
            "who does not read has less time"
        );
        connection.sent();
        advance(SILENT_GRACE).await;
        connection.received();
        let silent = EvictionRank { is_reading: true, moved: Instant::now(), ..unread };
        assert_eq!(connection.evictable(), Evictable::Yes(silent), "it is idle, whatever moves");
        let answer = connection.begin(0);
        let works = EvictionRank { is_working: true, ..silent };
        assert_eq!(
            connection.evictable(),
            Evictable::Yes(works),
            "a stranger's request is carried out"
        );
        connection.awaits(true);
        assert_eq!(connection.evictable(), Evictable::Yes(silent), "its body does not come");
        connection.awaits(false);
        connection.handed(answer, 1);
        let unread = EvictionRank { is_reading: false, ..silent };
        assert_eq!(connection.evictable(), Evictable::Yes(unread), "its answer is not read");
        connection.answered_known();
        let known = EvictionRank { is_known: true, ..unread };
        assert_eq!(connection.evictable(), Evictable::Yes(known));
        assert!(unread < silent && silent < known && known < works, "the least first");
        connection.wrote(answer, 1);
        assert_eq!(connection.evictable(), Evictable::No, "a request is being carried out");
        connection.evicted.cancel();
        assert_eq!(connection.evictable(), Evictable::No, "it is being closed");
    }

    #[tokio::test(start_paused = true)]
    async fn further_requests_wait_until_earlier_answers_are_read() {
        let connection = connection();
        let answer = connection.begin(0);
        connection.handed(answer, 100);
        connection.drained(100).await;
        let waits = tokio::spawn({
            let connection = Arc::clone(&connection);
            async move { connection.drained(50).await }
        });
        tokio::task::yield_now().await;
        connection.wrote(answer, 40);
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        connection.wrote(answer, 40);
        waits.await.unwrap();
    }
}
