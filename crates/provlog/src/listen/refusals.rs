//! Connections that were closed or kept waiting for want of room: a request that was on its way on one
//! of them left no event, so the record must say when that could have been.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Clock, ConnectionsRefused};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A stretch has ended when nothing was refused for so long.
const QUIET: Duration = Duration::from_secs(1);
/// A longer stretch is recorded in parts.
const STRETCH_MAX: Duration = Duration::from_secs(60);

/// What was refused since it was last recorded.
pub(crate) struct Refusals {
    clock: Clock,
    stretch: Mutex<Option<(ConnectionsRefused, Instant)>>,
    noted: Notify,
}

impl Refusals {
    pub(crate) fn new(clock: Clock) -> Refusals {
        Refusals { clock, stretch: Mutex::default(), noted: Notify::new() }
    }

    /// A connection was closed, or a new one kept waiting.
    pub(super) fn note(&self) {
        let now = self.clock.now();
        let mut stretch = self.stretch();
        match &mut *stretch {
            Some((refused, noted)) => {
                refused.count += 1;
                refused.last = refused.last.max(now);
                *noted = Instant::now();
            }
            None => {
                let refused = ConnectionsRefused { count: 1, first: now, last: now };
                *stretch = Some((refused, Instant::now()));
                drop(stretch);
                tracing::warn!(
                    "every place for a connection is taken: those that say nothing are closed"
                );
                self.noted.notify_one();
            }
        }
    }

    /// What was refused and is not recorded.
    pub(crate) fn take(&self) -> Option<ConnectionsRefused> {
        let (refused, _) = self.stretch().take()?;
        let count = refused.count;
        tracing::warn!(count, "connections were closed or kept waiting for want of room");
        Some(refused)
    }

    /// What was refused in a stretch, once it has ended; `None` at a stop.
    pub(crate) async fn ended(&self, stopping: &CancellationToken) -> Option<ConnectionsRefused> {
        stopping.run_until_cancelled(self.noted.notified()).await?;
        let begun = Instant::now();
        loop {
            let noted = self.stretch().as_ref().map(|(_, noted)| *noted);
            let until = noted.unwrap_or(begun) + QUIET;
            if until <= Instant::now() || begun.elapsed() >= STRETCH_MAX {
                return self.take();
            }
            stopping.run_until_cancelled(tokio::time::sleep_until(until)).await?;
        }
    }

    fn stretch(&self) -> MutexGuard<'_, Option<(ConnectionsRefused, Instant)>> {
        // A panic while it was held leaves no half-made state.
        self.stretch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Timestamp;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn a_stretch_ends_when_nothing_is_refused_for_a_second() {
        let clock = Clock::manual(Timestamp(0));
        let refusals = Arc::new(Refusals::new(clock.clone()));
        let stopping = CancellationToken::new();
        let ending = tokio::spawn({
            let (refusals, stopping) = (Arc::clone(&refusals), stopping.clone());
            async move { refusals.ended(&stopping).await }
        });
        for index in 1..=5 {
            clock.set(Timestamp(index));
            refusals.note();
            tokio::time::sleep(QUIET / 2).await;
            assert!(!ending.is_finished());
        }
        let expected = ConnectionsRefused { count: 5, first: Timestamp(1), last: Timestamp(5) };
        assert_eq!(ending.await.unwrap(), Some(expected));
        assert_eq!(refusals.take(), None);
        stopping.cancel();
        refusals.note();
        assert!(refusals.take().is_some(), "what a stop leaves is taken by whoever stops");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stretch_that_does_not_end_is_recorded_in_parts() {
        let refusals = Arc::new(Refusals::new(Clock::manual(Timestamp(0))));
        let stopping = CancellationToken::new();
        let ending = tokio::spawn({
            let refusals = Arc::clone(&refusals);
            async move { refusals.ended(&stopping).await }
        });
        let begun = Instant::now();
        while !ending.is_finished() {
            assert!(begun.elapsed() <= STRETCH_MAX + QUIET);
            refusals.note();
            tokio::time::sleep(QUIET / 2).await;
        }
        assert!(begun.elapsed() >= STRETCH_MAX);
        assert!(ending.await.unwrap().is_some());
    }
}
