//! Checks at decision time that a command's credential is still valid.
//!
//! A request is authenticated before its body arrives and before it waits in the queue, which may take
//! half a minute. So the decision checks the credential again: only there is the check ordered against
//! the event that revokes the credential, and against its end.

use event::{Credential, Timestamp};

use crate::command::{Decision, Durability, Stamp};
use crate::committer::Committer;
use crate::error::CommitError;
use crate::error::ProjectorError;
use crate::view::View;

/// The credential of a command was revoked or expired after its request was authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the token was revoked, or expired, while its request was on the way")]
pub struct Revoked;

impl View<'_> {
    /// Whether a credential is valid at `now`. [`Credential::NONE`] passes: the decision itself refuses a
    /// request without a credential.
    ///
    /// # Errors
    /// When its row cannot be read.
    pub fn authority(
        &self,
        credential: Credential,
        now: Timestamp,
    ) -> Result<Result<(), Revoked>, ProjectorError> {
        if credential == Credential::NONE {
            return Ok(Ok(()));
        }
        let row = self.credential_of(credential)?;
        Ok(row.filter(|row| row.is_valid_at(now)).map(|_| ()).ok_or(Revoked))
    }
}

impl Committer {
    /// [`Committer::submit`] for a decision that acts for a credential. `decide` is told whether the
    /// credential is still valid. If not, it must refuse, and record the refusal like any other.
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
            let authority = view.authority(credential, stamp.recorded_at)?;
            decide(authority, view, stamp)
        })
        .await
    }
}
