//! Answers and views over HTTP: what the record holds, as of any instant.
//!
//! ```text
//!  request ──▶ frame      request id, log line, the body of problems
//!              Ask        who asks (caller), in which words (params)
//!              Reading    ONE snapshot: credential, application, rows, log
//!              as_of      the state right after an event, one page of it
//!              Answer     the envelope: what it stands on and how complete it is
//! ```
//!
//! Everything in one answer comes from one snapshot. What a question changes (an application, a
//! token) is a decision that goes through the committer like any other. This crate knows nothing of
//! how SCIM requests are served.

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
mod error;
pub mod export;
mod frame;
pub mod graph;
mod history;
mod http;
mod imported_accounts;
mod instant;
mod issue;
mod join;
pub mod log;
pub mod name;
mod operation;
mod params;
mod person;
mod quarantine;
mod record;
mod reference;
mod report;
mod shown;
mod standpoint;
mod token;
mod type_names;
mod why;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use answers::act::{DriftReport, Imported};
use budget::Budget;
use entra_log::DateOrder;
use event::{Application, Occasion, Origin};
use projector::{CommitError, Committer, ProjectorError};
use scim::{CursorKey, Profiles};
use store::SecretFolder;

pub use http::router;
pub use issue::{Issue, IssueError};
pub use token::{NoRandomBits, Token};

/// A look at everything that an upstream has.
#[derive(Clone, Debug)]
pub struct LookRequest {
    /// The application's slug.
    pub slug: String,
    /// Who asks.
    pub origin: Origin,
    /// Why.
    pub occasion: Occasion,
    /// Whether it is believed that a large part of what the record has is gone.
    pub accept_shrink: bool,
}

/// Why there is no answer to a [`LookRequest`].
#[derive(Debug)]
pub enum LookFailure {
    /// The request asks for what cannot be: the client's mistake.
    Request(String),
    /// The application behind us is at fault.
    Upstream(String),
    /// The log takes nothing, for this reason.
    Commit(CommitError),
    /// The rows cannot be read.
    Read(ProjectorError),
}

/// What a look brought; else what went wrong.
pub type Look = Arc<
    dyn Fn(LookRequest) -> Pin<Box<dyn Future<Output = Result<DriftReport, LookFailure>> + Send>>
        + Send
        + Sync,
>;

/// What is to be imported.
pub struct ImportRequest {
    /// The application that the log is about.
    pub application: Application,
    /// Who imports.
    pub origin: Origin,
    /// What the requests of one import have in common.
    pub run: u64,
    /// Whether day or month is first in dates that can be read both ways.
    pub dates: Option<DateOrder>,
    /// The service principal whose entries are the application's.
    pub service_principal: Option<String>,
    /// Whether to list the entries of other applications.
    pub lists_others: bool,
    /// Look and record nothing.
    pub is_check: bool,
    /// Records in lines.
    pub body: Vec<u8>,
}

/// Why nothing more is imported.
pub enum ImportFailure {
    /// The records do not tell what has to be known of them; and the ids among which one can choose.
    Records(String, Vec<String>),
    /// The log takes nothing.
    Log(String),
}

/// Records the entries of a provider's log, and says what came of them.
pub type Import = Arc<
    dyn Fn(ImportRequest) -> Pin<Box<dyn Future<Output = Result<Imported, ImportFailure>> + Send>>
        + Send
        + Sync,
>;

/// What the answers are made from. The binary wires it.
pub struct Query {
    /// The one writer; its store is what is read.
    pub committer: Committer,
    /// The address under which clients reach this server, without a slash at its end.
    pub public_url: String,
    /// The metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The memory that questions and their answers share with everything else.
    pub budget: Budget,
    /// Seals the cursors of lists.
    pub cursor_key: CursorKey,
    /// Version of the program.
    pub version: &'static str,
    /// Looks at everything that an application's upstream has, and says what was seen.
    pub look: Look,
    /// Records the entries of a provider's log.
    pub import: Import,
    /// The profiles that an application can have.
    pub profiles: Arc<Profiles>,
    /// The folder of the tokens and certificates of upstreams.
    pub secrets: SecretFolder,
}

impl Query {
    /// Where an identity provider reaches the SCIM resources of an application.
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
