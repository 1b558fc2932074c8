//! Whether whoever sent a command may still have it carried out.
//!
//! A request is let in by its credential before its body has arrived, which may take half a minute, and
//! before it has waited for the requests ahead of it. So the decision looks at the credential again:
//! there, and only there, it stands in one order with the event that takes the credential back.

use event::Credential;

use crate::command::{Decision, Durability, Stamp};
use crate::committer::Committer;
use crate::error::CommitError;
use crate::error::ProjectorError;
use crate::view::View;

/// The credential of a command was revoked after its request was let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the token was taken back while its request was on the way")]
pub struct Revoked;

impl View<'_> {
    /// Whether a credential counts. [`Credential::NONE`] always does: a request without a credential
    /// is refused by what decides it.
    ///
    /// # Errors
    /// When its row cannot be read.
    pub fn authority(&self, credential: Credential) -> Result<Result<(), Revoked>, ProjectorError> {
        if credential == Credential::NONE {
            return Ok(Ok(()));
        }
        let row = self.credential_of(credential)?;
        Ok(row.filter(|row| row.revoked_seq.is_none()).map(|_| ()).ok_or(Revoked))
    }
}

impl Committer {
    /// [`Committer::submit`] for a decision that acts for a credential: `decide` is told whether that
    /// still counts. When it does not, nothing may be carried out; the refusal is recorded like any
    /// other.
    ///
    /// # Errors
    /// [`CommitError`], see there.
    pub async fn submit_for<R: Send + 'static>(
        &self,
        credential: Credential,
        durability: Durability,
        decide: impl FnOnce(
            Result<(), Revoked>,
            &View<'_>,
            Stamp,
        ) -> Result<Decision<R>, ProjectorError>
        + Send
        + 'static,
    ) -> Result<R, CommitError> {
        self.submit(durability, move |view, stamp| {
            let authority = view.authority(credential)?;
            decide(authority, view, stamp)
        })
        .await
    }
}
