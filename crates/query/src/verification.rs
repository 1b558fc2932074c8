//! The verification of the log in the background, as pages tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Seq, Timestamp};

/// What runs, and what was found last. The thread that verifies writes it.
#[derive(Default)]
pub struct Verification {
    state: Mutex<VerificationState>,
    poke: Mutex<Option<Box<dyn Fn() -> bool + Send>>>,
}

/// See [`Verification`].
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerificationState {
    /// The number of the round that was begun or asked for last, from 1 at the start of the server on; 0
    /// before that. Whoever asks waits until [`Outcome::round`] is as large.
    pub round: u64,
    /// How many rounds were begun.
    begun: u64,
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
    /// What is wrong, or why it could not be verified, in words.
    pub faults: Vec<String>,
    /// The number of its round.
    pub round: u64,
}

impl Verification {
    /// What runs, and what was found last.
    pub fn state(&self) -> VerificationState {
        self.lock().clone()
    }

    /// Tells that a round begins, and returns its number.
    pub fn begins(&self) -> u64 {
        let mut state = self.lock();
        state.begun += 1;
        state.round = state.round.max(state.begun);
        state.running = Some((0, 0));
        state.begun
    }

    /// Tells how far the one is that runs.
    pub fn reached(&self, events: Seq, size: Seq) {
        self.lock().running = Some((events, size));
    }

    /// Tells what one found; `None` if it was broken off because the server stops.
    pub fn ended(&self, outcome: Option<Outcome>) {
        let mut state = self.lock();
        state.running = None;
        if outcome.is_some() {
            state.last = outcome;
        }
    }

    /// Whether somebody asked for a round that has not begun.
    pub fn is_wanted(&self) -> bool {
        let state = self.lock();
        state.round > state.begun
    }

    /// Sets how the thread is told that somebody waits for a round; false if it has ended.
    pub fn on_wanted(&self, poke: impl Fn() -> bool + Send + 'static) {
        *self.poke.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(poke));
    }

    /// Asks for a round: the one that runs, else one now. All that ask meanwhile wait for the same. Without a
    /// thread that verifies it fails at once.
    pub(crate) fn want(&self, now: Timestamp) {
        {
            let mut state = self.lock();
            if state.running.is_none() {
                state.round = state.begun + 1;
            }
        }
        let poke = self.poke.lock().unwrap_or_else(PoisonError::into_inner);
        if !poke.as_ref().is_some_and(|poke| poke()) {
            let mut state = self.lock();
            (state.begun, state.running) = (state.round, None);
            let faults = vec!["the thread that verifies has ended: restart the server".to_owned()];
            let round = state.round;
            state.last = Some(Outcome { at: now, events: 0, covered: 0, faults, round });
        }
    }

    fn lock(&self) -> MutexGuard<'_, VerificationState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(round: u64) -> Outcome {
        Outcome { at: Timestamp(0), events: 0, covered: 0, faults: vec![], round }
    }

    #[test]
    fn all_that_ask_for_a_round_wait_for_the_same() {
        let verification = Verification::default();
        verification.on_wanted(|| true);
        assert!(!verification.is_wanted());
        for _ in 0..3 {
            verification.want(Timestamp(0));
            assert_eq!((verification.state().round, verification.is_wanted()), (1, true));
        }
        assert_eq!(verification.begins(), 1);
        for _ in 0..3 {
            verification.want(Timestamp(0));
            assert_eq!((verification.state().round, verification.is_wanted()), (1, false));
        }
        verification.ended(Some(outcome(1)));
        assert!(!verification.is_wanted(), "the round that ended was theirs");
        verification.want(Timestamp(0));
        assert_eq!((verification.state().round, verification.is_wanted()), (2, true));

        // One that nobody asked for has a number too.
        assert_eq!(verification.begins(), 2);
        verification.ended(Some(outcome(2)));
        assert_eq!(verification.begins(), 3);
        assert_eq!(verification.state().round, 3);
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_ended() {
        let verification = Verification::default();
        for round in 1..3 {
            verification.want(Timestamp(7));
            let state = verification.state();
            let last = state.last.unwrap();
            assert_eq!((state.round, last.round, last.faults.len()), (round, round, 1));
        }
    }
}
