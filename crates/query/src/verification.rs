//! The verification of the log in the background, as pages tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Seq, Timestamp};

/// What runs, and what was found last. The thread that verifies writes it.
#[derive(Default)]
pub struct Verification {
    state: Mutex<VerificationState>,
    wanted: Mutex<Option<Box<dyn Fn() + Send>>>,
}

/// See [`Verification`].
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerificationState {
    /// How far the one is that runs: events verified, and all there are.
    pub running: Option<(Seq, Seq)>,
    /// What the last one found.
    pub last: Option<Outcome>,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// When it ended.
    pub at: Timestamp,
    /// How many events it verified.
    pub events: Seq,
    /// How many of them a checkpoint covers.
    pub covered: Seq,
    /// What is wrong, in words.
    pub faults: Vec<String>,
}

impl Verification {
    /// What runs, and what was found last.
    pub fn state(&self) -> VerificationState {
        self.lock().clone()
    }

    /// Tells how far the one is that runs.
    pub fn reached(&self, events: Seq, size: Seq) {
        self.lock().running = Some((events, size));
    }

    /// Tells what one found; `None` if it was broken off.
    pub fn ended(&self, outcome: Option<Outcome>) {
        let mut state = self.lock();
        state.running = None;
        if outcome.is_some() {
            state.last = outcome;
        }
    }

    /// Sets how one is begun at once.
    pub fn on_wanted(&self, begin: impl Fn() + Send + 'static) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(begin));
    }

    /// Asks for one now.
    pub(crate) fn want(&self) {
        if let Some(begin) = &*self.wanted.lock().unwrap_or_else(PoisonError::into_inner) {
            begin();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VerificationState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
