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
        verification.on_wanted(move || now.send(Told::Now).is_ok());
        let pauses = Pauses { waiting, hurries: Cell::new(false), bytes_per_second };
        let work = move || {
            if bytes_per_second == 0 && pauses.between_rounds(&verification).is_break() {
                return;
            }
            loop {
                let round = round(&committer, &verification, &pauses);
                if round.is_break() || pauses.between_rounds(&verification).is_break() {
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
    /// Until it is time for the next round, or somebody wants one. Who asked during the last one does not:
    /// it was theirs.
    fn between_rounds(&self, verification: &Verification) -> ControlFlow<()> {
        self.hurries.set(false);
        loop {
            if verification.is_wanted() {
                self.hurries.set(true);
                return ControlFlow::Continue(());
            }
            match self.waiting.recv_timeout(AGAIN_AFTER) {
                Err(RecvTimeoutError::Timeout) if self.bytes_per_second > 0 => {
                    return ControlFlow::Continue(());
                }
                Err(RecvTimeoutError::Timeout) | Ok(Told::Now) => {}
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    return ControlFlow::Break(());
                }
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
    let round = verification.begins();
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
            let error = with_causes(&error);
            tracing::error!(error, "the scrub could not begin");
            metrics::counter!("provlog_verify_failures_total").increment(1);
            let (at, faults) = (committer.now(), vec![error]);
            verification.ended(Some(Outcome { at, events: 0, covered: 0, faults, round }));
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
    verification.ended(Some(Outcome { at: committer.now(), events, covered, faults, round }));
    ControlFlow::Continue(())
}

/// What is wrong, in words.
fn words(done: &Scrubbed) -> Vec<String> {
    let faults = done.faults().iter().map(Fault::to_string);
    faults.chain(done.damaged_rows.as_ref().map(|error| with_causes(error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_during_a_round_causes_no_further_one() {
        let (told, waiting) = channel();
        let pauses = Pauses { waiting, hurries: Cell::new(true), bytes_per_second: 0 };
        let verification = Verification::default();
        for told_as in [Told::Now, Told::Now, Told::Now, Told::Stop] {
            told.send(told_as).unwrap();
        }
        assert!(pauses.between_rounds(&verification).is_break());
        assert!(!pauses.hurries.get());
    }
}
