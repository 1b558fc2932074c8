//! Reads the whole log and all rows in the background, at a limited rate, and logs what is damaged.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use store::{Store, with_causes};

/// The pause between two rounds.
const AGAIN_AFTER: Duration = Duration::from_secs(6 * 3600);

/// The scrub's thread, which runs until `stop`.
pub(crate) struct Scrub {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Scrub {
    /// Starts the thread; `None` for a rate of zero.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        store: Arc<Store>,
        bytes_per_second: u64,
    ) -> std::io::Result<Option<Scrub>> {
        if bytes_per_second == 0 {
            return Ok(None);
        }
        let (stop, stopped) = channel::<()>();
        let wait = move |time: Duration| match stopped.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
        };
        let work = move || {
            loop {
                if round(&store, bytes_per_second, &wait).is_break() || wait(AGAIN_AFTER).is_break()
                {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("scrub".into()).spawn(work)?;
        Ok(Some(Scrub { stop, thread }))
    }

    /// Ends the thread, also in the middle of a round. It blocks until the current piece is read.
    pub(crate) fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

fn round(
    store: &Store,
    bytes_per_second: u64,
    wait: &impl Fn(Duration) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let done = projector::scrub(store, |bytes| {
        metrics::counter!("provlog_scrub_bytes_total").increment(bytes as u64);
        wait(Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64))
    });
    for error in done.log.iter().chain(&done.damaged_rows) {
        tracing::error!(error = with_causes(error), "the scrub found damage");
    }
    if done.broken_off {
        return ControlFlow::Break(());
    }
    metrics::counter!("provlog_scrub_rounds_total").increment(1);
    tracing::info!(events = done.events, rows = done.rows, "the scrub read everything");
    ControlFlow::Continue(())
}
