//! What an application's state was committed to.

use std::fmt;

use crate::id::Seq;

/// A step of committing to the state of the event's application. Whoever shows a root shows the header of
/// its event, so the secret that hides what lies beside the shown things stands in an event of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StateCommitted {
    /// A secret was drawn, for the commitments after it.
    Secret(StateSecret),
    /// The root of a state.
    Root(StateRoot),
}

/// 32 random bytes. They keep others from guessing what a proof does not show; they open nothing, and
/// whoever has the log has them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateSecret(pub [u8; 32]);

/// Never prints the bytes.
impl fmt::Debug for StateSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateSecret(…)")
    }
}

/// The root of the tree over the state of the event's application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateRoot {
    /// The state right after this event, which is before the one that holds the root.
    pub at: Seq,
    /// The numbers in the tree: 0 up to the highest that was given by then.
    pub numbers: u32,
    /// The root.
    pub root: [u8; 32],
    /// The event with the secret that the tree is keyed by.
    pub secret: Seq,
}
