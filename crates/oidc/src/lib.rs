//! Signing in with an identity provider (OpenID Connect Core 1.0, authorization code flow with PKCE):
//! what to ask, and what to believe. Pure: no network, no clock, no random bits of its own.
//!
//! ```text
//!  Provider  what its discovery document says
//!  Attempts  the sign-ins under way: state, nonce, PKCE verifier, the cookie they are bound to
//!  Keys      the keys that it signs with
//!  Claims    what a valid ID token says of somebody
//!  RoleMap   which role that gives
//! ```
//!
//! Signatures are checked by `ring`, which the server's TLS brings. RS256, PS256, ES256 and EdDSA are
//! taken; a token that is not signed, or signed with a shared secret, is not.

#![warn(unreachable_pub)]

mod attempt;
mod claims;
mod keys;
mod provider;
mod role;
#[cfg(test)]
mod tests;

pub use attempt::{ATTEMPT_MAX_S, Attempt, Attempts, Started};
pub use claims::{Claims, Expected, LEEWAY_S, TOKEN_BYTES_MAX, TokenAnswer};
pub use keys::{KEYS_MAX, Keys};
pub use provider::{Auth, DOCUMENT_BYTES_MAX, Provider, issuer};
pub use role::{Given, RoleMap};

/// Why somebody is not signed in. The words are for the page that they see, and repeat no secret.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Untrusted {
    /// The discovery document or the keys cannot be used.
    #[error("the identity provider's {document} cannot be used: {fault}")]
    Document {
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The ID token is refused.
    #[error("the identity provider's ID token is refused: {0}")]
    Token(&'static str),
    /// The token was signed with a key that is not among the known ones; they may have changed.
    #[error("the identity provider's ID token is refused: it is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit the key that it should; the provider may have given its id to another one.
    #[error("the identity provider's ID token is refused: its signature is wrong")]
    WrongSignature,
}
