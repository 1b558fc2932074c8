//! What witnesses have signed of the log. The thread that asks them writes it.

use std::sync::{Arc, PoisonError, RwLock};

use event::Timestamp;
use tlog::SignedCheckpoint;

/// The last checkpoint with cosignatures, and how each witness fared.
#[derive(Default)]
pub struct Witnessed(RwLock<WitnessedState>);

/// See [`Witnessed`].
#[derive(Clone, Default, Debug)]
pub struct WitnessedState {
    /// The last checkpoint that a witness signed, with all cosignatures; `None` before the first.
    pub checkpoint: Option<Arc<SignedCheckpoint>>,
    /// Each configured witness.
    pub witnesses: Vec<WitnessState>,
}

/// How a witness fared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WitnessState {
    /// The name of its key.
    pub name: String,
    /// Events of the last checkpoint that it signed; `None` if it is not known to have signed any.
    pub size: Option<u64>,
    /// When it signed that.
    pub at: Option<Timestamp>,
    /// Why it did not sign the last time that it was asked, in words.
    pub trouble: Option<String>,
}

impl Witnessed {
    /// What is known.
    pub fn state(&self) -> WitnessedState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what is known.
    pub fn tell(&self, state: WitnessedState) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
