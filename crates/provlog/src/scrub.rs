//! Verifies the whole log and reads all rows in the background, at a limited rate, and logs what is wrong.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use projector::{Committer, Fault, Scrubbed};
use query::verification::{Outcome, Verification};
use store::with_causes;

/// The pause between two rounds.
const AGAIN_AFTER: Duration = Duration::from_secs(6 * 3600);

/// The scrub's thread, which runs until `stop`.
pub(crate) struct Scrub {
    told: Sender<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Scrub {
    fn drop(&mut self) {
        let _ = self.told.send(Told::Stop);
    }
}

/// What the thread is told.
enum Told {
    /// Begin a round now, or finish the present one without pauses.
    Now,
    Stop,
}

impl Scrub {
    /// Starts the thread. With a rate of zero it works only when it is asked to.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        committer: Committer,
        verification: Arc<Verification>,
        bytes_per_second: u64,
    ) -> std::io::Result<Scrub> {
        let (told, waiting) = channel();
        let now = told.clone();
        verification.on_wanted(move || drop(now.send(Told::Now)));
        let pauses = Pauses { waiting, hurries: Cell::new(false), bytes_per_second };
        let work = move || {
            if bytes_per_second == 0 && pauses.between_rounds().is_break() {
                return;
            }
            loop {
                let round = round(&committer, &verification, &pauses);
                if round.is_break() || pauses.between_rounds().is_break() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("scrub".into()).spawn(work)?;
        Ok(Scrub { told, thread: Some(thread) })
    }

    /// Ends the thread, also in the middle of a round. It blocks until the current piece is read.
    pub(crate) fn stop(mut self) {
        let thread = self.thread.take();
        drop(self);
        let _ = thread.map(JoinHandle::join);
    }
}

/// When the thread waits.
struct Pauses {
    waiting: Receiver<Told>,
    /// Whether somebody waits for the round.
    hurries: Cell<bool>,
    bytes_per_second: u64,
}

impl Pauses {
    fn between_rounds(&self) -> ControlFlow<()> {
        self.hurries.set(false);
        loop {
            let flow = self.wait(AGAIN_AFTER);
            if self.bytes_per_second > 0 || flow.is_break() || self.hurries.get() {
                return flow;
            }
        }
    }

    /// Waits as long as so many bytes may take.
    fn after(&self, bytes: usize) -> ControlFlow<()> {
        let time = match self.hurries.get() {
            true => Duration::ZERO,
            false => Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64),
        };
        self.wait(time)
    }

    fn wait(&self, time: Duration) -> ControlFlow<()> {
        match self.waiting.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
            Ok(Told::Now) => {
                self.hurries.set(true);
                ControlFlow::Continue(())
            }
            Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
        }
    }
}

fn round(committer: &Committer, verification: &Verification, pauses: &Pauses) -> ControlFlow<()> {
    let signed = committer.checkpoint().map(|signed| *signed.unverified().head());
    let store = committer.store();
    let done = projector::scrub(store, signed.into_iter().collect(), |reached| {
        metrics::counter!("provlog_scrub_bytes_total").increment(reached.bytes as u64);
        verification.reached(reached.events, reached.size);
        pauses.after(reached.bytes)
    });
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(error = with_causes(&error), "the scrub could not begin");
            verification.ended(None);
            return ControlFlow::Continue(());
        }
    };
    if done.broken_off {
        verification.ended(None);
        return ControlFlow::Break(());
    }
    let faults = words(&done);
    for error in &faults {
        tracing::error!(error, "the scrub found damage");
    }
    metrics::counter!("provlog_verify_failures_total").increment(done.faults().len() as u64);
    metrics::counter!("provlog_scrub_rounds_total").increment(1);
    let (events, covered) = done.log.as_ref().map_or((0, 0), |log| (log.head.size, log.covered));
    tracing::info!(events, covered, rows = done.rows, "the scrub read everything");
    verification.ended(Some(Outcome { at: committer.now(), events, covered, faults }));
    ControlFlow::Continue(())
}

/// What is wrong, in words.
fn words(done: &Scrubbed) -> Vec<String> {
    let faults = done.faults().iter().map(Fault::to_string);
    faults.chain(done.damaged_rows.as_ref().map(|error| with_causes(error))).collect()
}
