//! Counts connections that were closed or delayed for want of room. A request that was on its way on
//! one of them left no event, so the log records the period in which that can have happened.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::{Clock, ConnectionsRefused};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A period ends when nothing was refused for this long.
const QUIET: Duration = Duration::from_secs(1);
/// A longer period is recorded in parts.
const PERIOD_MAX: Duration = Duration::from_secs(60);

/// The refusals since the last recorded ones.
pub(crate) struct Refusals {
    clock: Clock,
    period: Mutex<Option<(ConnectionsRefused, Instant)>>,
    noted: Notify,
}

impl Refusals {
    pub(crate) fn new(clock: Clock) -> Refusals {
        Refusals { clock, period: Mutex::default(), noted: Notify::new() }
    }

    /// Counts a connection that was closed or delayed.
    pub(super) fn note(&self) {
        let now = self.clock.now();
        let mut period = self.period();
        match &mut *period {
            Some((refused, noted)) => {
                refused.count += 1;
                refused.last = refused.last.max(now);
                *noted = Instant::now();
            }
            None => {
                let refused = ConnectionsRefused { count: 1, first: now, last: now };
                *period = Some((refused, Instant::now()));
                drop(period);
                tracing::warn!("the limit of open connections is reached: silent ones are closed");
                self.noted.notify_one();
            }
        }
    }

    /// Takes the refusals that are not recorded yet, for the caller to record.
    pub(crate) fn take(&self) -> Option<ConnectionsRefused> {
        let (refused, _) = self.period().take()?;
        let count = refused.count;
        tracing::warn!(count, "connections were closed or delayed because too many were open");
        Some(refused)
    }

    /// Waits for the end of a period and takes its refusals; `None` if `stopping` is cancelled first.
    pub(crate) async fn ended(&self, stopping: &CancellationToken) -> Option<ConnectionsRefused> {
        stopping.run_until_cancelled(self.noted.notified()).await?;
        let begun = Instant::now();
        loop {
            let noted = self.period().as_ref().map(|(_, noted)| *noted);
            let until = noted.unwrap_or(begun) + QUIET;
            if until <= Instant::now() || begun.elapsed() >= PERIOD_MAX {
                return self.take();
            }
            stopping.run_until_cancelled(tokio::time::sleep_until(until)).await?;
        }
    }

    fn period(&self) -> MutexGuard<'_, Option<(ConnectionsRefused, Instant)>> {
        // A panic while it was held leaves no half-made state.
        self.period.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Timestamp;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn a_period_ends_when_nothing_is_refused_for_a_second() {
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
        assert!(refusals.take().is_some(), "a shutdown takes what is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_period_is_recorded_in_parts() {
        let refusals = Arc::new(Refusals::new(Clock::manual(Timestamp(0))));
        let stopping = CancellationToken::new();
        let ending = tokio::spawn({
            let refusals = Arc::clone(&refusals);
            async move { refusals.ended(&stopping).await }
        });
        let begun = Instant::now();
        while !ending.is_finished() {
            assert!(begun.elapsed() <= PERIOD_MAX + QUIET);
            refusals.note();
            tokio::time::sleep(QUIET / 2).await;
        }
        assert!(begun.elapsed() >= PERIOD_MAX);
        assert!(ending.await.unwrap().is_some());
    }
}
