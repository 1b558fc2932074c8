//! Erasing people: what has to be done after the decision is recorded.

use std::pin::Pin;
use std::sync::Arc;

use event::{Application, Number, Seq};

/// An erasure that is recorded and has to be carried out.
#[derive(Clone, Debug)]
pub struct ErasureRequest {
    /// The event that ordered it.
    pub seq: Seq,
    /// The application.
    pub application: Application,
    /// Whom.
    pub numbers: Vec<Number>,
}

/// Why an erasure is not complete. It goes on, at the latest with the next start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ErasureFailure(pub String);

/// Carries out an erasure: destroys the keys, removes what is left in files, and records that this was done.
/// Gives the seq of that event.
pub type CarryOut = Arc<
    dyn Fn(ErasureRequest) -> Pin<Box<dyn Future<Output = Result<Seq, ErasureFailure>> + Send>>
        + Send
        + Sync,
>;
