//! A file of evidence, whichever it is.

use std::fmt;

use tlog::Policy;

use crate::bundle::{self, BundleRefusal, Derived};
use crate::proof::{ProofRefusal, Proven, verify_proof};

/// What a file shows.
#[derive(Clone, PartialEq, Debug)]
pub enum Evidence {
    /// That one event is in the log.
    Proof(Box<Proven>),
    /// An answer.
    Bundle(Box<Derived>),
}

/// For people.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Proof(proven) => proven.fmt(f),
            Evidence::Bundle(derived) => derived.fmt(f),
        }
    }
}

/// Why a file shows nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// It is a proof that does not hold, or no evidence at all.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// It is a bundle that does not hold.
    #[error("the bundle does not hold")]
    Bundle(#[from] BundleRefusal),
}

/// Checks a proof or a bundle.
///
/// # Errors
/// See [`Refusal`].
pub fn verify_file(bytes: &[u8], trust: &Policy) -> Result<Evidence, Refusal> {
    // A proof begins with the name of its form.
    match bytes.first() {
        Some(b'{') => Ok(Evidence::Bundle(Box::new(bundle::verify(bytes, trust)?))),
        _ => Ok(Evidence::Proof(Box::new(verify_proof(bytes, trust)?))),
    }
}
