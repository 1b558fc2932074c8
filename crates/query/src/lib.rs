//! Answers questions over HTTP about what the record holds, as of any instant.
//!
//! ```text
//!  request ──▶ frame      request id, log line, the body of problems
//!              Ask        who asks (caller), with which parameters (params)
//!              Reading    ONE snapshot: credential, application, rows, log
//!              as_of      the state right after an event, one page of it
//!              Answer     the envelope: which events it uses and how complete it is
//! ```
//!
//! Everything in one answer comes from one snapshot. Requests that change something (an application, a
//! token) are decided by the committer like any other. This crate does not know how SCIM requests are
//! served.

#![warn(unreachable_pub)]

mod answer;
pub mod as_of;
mod blame;
mod caller;
mod change;
mod coverage;
mod cursor;
mod duration;
mod entry;
mod erasure;
mod error;
pub mod export;
mod frame;
pub mod graph;
mod history;
mod http;
mod identity;
mod imported_accounts;
mod instant;
mod issue;
mod join;
pub mod log;
pub mod name;
mod operation;
mod params;
mod person;
mod pulse;
mod quarantine;
mod record;
mod reference;
mod report;
pub mod session;
mod shown;
pub mod sign_in;
mod standpoint;
mod token;
mod type_names;
mod values;
pub mod verification;
pub mod visit;
mod why;
pub mod witnessed;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use answers::act::{DriftReport, Imported};
use budget::Budget;
use entra_log::DateOrder;
use event::{Application, Occasion, Origin};
use projector::{CommitError, Committer, ProjectorError, StateCommitter};
use scim::{CursorKey, Profiles};
use store::SecretFolder;
use tokio::sync::Notify;

use crate::session::Sessions;
use crate::sign_in::SignIn;

pub use entra_log::said::REDACTED;
pub use erasure::{CarryOut, ErasureFailure, ErasureRequest};
pub use frame::Took;
pub use http::{Answered, MATRIX_GROUPS_MAX, framed, router};
pub use issue::{Issue, IssueError, Issued};
pub use token::{NoRandomBits, Token};
pub use why::advice_for_error;

/// Asks for a baseline or drift check: to list everything that an upstream has.
#[derive(Clone, Debug)]
pub struct LookRequest {
    /// The application's slug.
    pub slug: String,
    /// Where the request comes from.
    pub origin: Origin,
    /// Baseline or drift check.
    pub occasion: Occasion,
    /// Whether to believe a listing that lacks a large part of the recorded resources.
    pub accept_shrink: bool,
}

/// Why a [`LookRequest`] failed.
#[derive(Debug)]
pub enum LookFailure {
    /// The request cannot be carried out, such as for an application without an upstream.
    Request(String),
    /// The upstream failed.
    Upstream(String),
    /// The log cannot be written.
    Commit(CommitError),
    /// The rows cannot be read.
    Read(ProjectorError),
}

/// Carries out a [`LookRequest`].
pub type Look = Arc<
    dyn Fn(LookRequest) -> Pin<Box<dyn Future<Output = Result<DriftReport, LookFailure>> + Send>>
        + Send
        + Sync,
>;

/// One request of an import.
pub struct ImportRequest {
    /// The application that the log is about.
    pub application: Application,
    /// Where the request comes from.
    pub origin: Origin,
    /// The id of the import; the same for all of its requests.
    pub run: u64,
    /// The order of day and month in dates that can be read both ways.
    pub dates: Option<DateOrder>,
    /// The service principal whose entries to import.
    pub service_principal: Option<String>,
    /// Whether to list the entries of other applications.
    pub lists_others: bool,
    /// Check the records but record nothing.
    pub is_check: bool,
    /// The records, one on each line.
    pub body: Vec<u8>,
}

/// Why an import failed.
pub enum ImportFailure {
    /// The request must say more, such as which service principal is meant; with the ids to choose from.
    Records(String, Vec<String>),
    /// The log cannot be written.
    Log(String),
}

/// Carries out an [`ImportRequest`].
pub type Import = Arc<
    dyn Fn(ImportRequest) -> Pin<Box<dyn Future<Output = Result<Imported, ImportFailure>> + Send>>
        + Send
        + Sync,
>;

/// What the answers are made from. The binary wires it.
pub struct Query {
    /// The committer; questions read its store.
    pub committer: Committer,
    /// What the verification in the background found.
    pub verification: Arc<verification::Verification>,
    /// Commits to the states of applications.
    pub states: Arc<StateCommitter>,
    /// What witnesses have signed.
    pub witnessed: Arc<witnessed::Witnessed>,
    /// The address under which clients reach this server, without a slash at its end.
    pub public_url: String,
    /// The metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// How long requests took. Made after the registry of metrics was set.
    pub took: Took,
    /// The limits that questions share with all other requests.
    pub budget: Budget,
    /// The key that seals the cursors of lists.
    pub cursor_key: CursorKey,
    /// Who is signed in with a browser.
    pub sessions: Sessions,
    /// How people sign in with an identity provider, if they may.
    pub sign_in: Option<SignIn>,
    /// Version of the program.
    pub version: &'static str,
    /// Carries out baselines and drift checks.
    pub look: Look,
    /// Carries out imports.
    pub import: Import,
    /// The profiles that an application can have.
    pub profiles: Arc<Profiles>,
    /// The folder of the tokens and certificates of upstreams.
    pub secrets: SecretFolder,
    /// Carries out erasures.
    pub erase: CarryOut,
    /// Is told when a retention was set.
    pub retention: Arc<Notify>,
}

impl Query {
    /// The SCIM base URL of an application.
    fn tenant_url(&self, slug: &str) -> String {
        format!("{}/apps/{slug}/scim/v2", self.public_url)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("public_url", &self.public_url)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
