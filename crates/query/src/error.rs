//! Errors of questions, and their HTTP responses (RFC 9457).

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use budget::Full;
use incoming::{Missing, RECEIVE_MAX};
use projector::{ClockFault, CommitError, ProjectorError};
use store::{StoreError, with_causes};

use crate::LookFailure;
use crate::issue::IssueError;
use crate::token::NoRandomBits;

/// Why a question is not answered. Messages never repeat a value from the request. They repeat parameter
/// names; unknown ones only if they look like a name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a valid bearer token is needed")]
    Unauthenticated,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("{0}")]
    NotFound(&'static str),
    #[error("this address does not take that method; Allow lists those it takes")]
    Method,
    #[error("parameter `{name}` takes {accepts}")]
    Parameter { name: &'static str, accepts: &'static str },
    #[error("unknown parameter{}; {}", quoted(name.as_deref()), list(known))]
    UnknownParameter { name: Option<String>, known: &'static [&'static str] },
    #[error("parameter `{name}` is given more than once")]
    RepeatedParameter { name: &'static str },
    #[error("the query is longer than {bytes_max} bytes")]
    QueryTooLong { bytes_max: usize },
    #[error("the cursor belongs to another question: repeat all parameters of the first page")]
    CursorMismatch,
    #[error("several bear this name; ask with one of the ids in `candidates`")]
    Ambiguous { candidates: Vec<String> },
    #[error("{0}")]
    Body(String),
    #[error("the body is longer than {bytes_max} bytes")]
    BodyTooLarge { bytes_max: usize },
    #[error("the body did not arrive within {seconds} seconds")]
    BodyLate { seconds: u64 },
    #[error("an application of that name is already there")]
    SlugTaken,
    #[error("{0}")]
    Subject(String),
    #[error("{0}; it goes on, at the latest with the next start")]
    Erasure(#[from] crate::ErasureFailure),
    #[error("the token that asks cannot be taken back; ask with another one")]
    OwnToken,
    #[error(
        "this is the last token of an admin: issue another one first, for without any nobody could"
    )]
    LastAdmin,
    #[error("{saved_max} questions are saved, which is the most; remove one first")]
    SavedFull { saved_max: usize },
    #[error("{there} groups are too many for one matrix: name up to {groups_max} in `groups`")]
    TooManyGroups { there: usize, groups_max: usize },
    #[error(transparent)]
    Issue(#[from] IssueError),
    #[error("{0}")]
    Upstream(String),
    #[error("{0}")]
    NoUpstream(String),
    #[error("{0}")]
    SignIn(String),
    #[error("{0}")]
    Provider(String),
    #[error("too many people sign in at this moment: wait a little, then open the page again")]
    SignInBusy,
    #[error("what was sent cannot be read: something is missing, stands twice, or is not UTF-8")]
    Unreadable(StatusCode),
    #[error("{0}")]
    Import(String),
    #[error("{detail}")]
    Records { detail: String, candidates: Vec<String> },
    #[error("{0}")]
    Option(&'static str),
    #[error("$filter: {0}")]
    Filter(String),
    #[error(
        "none of the {items} entries that were looked at fits; narrow activityDateTime, or add a \
         comparison by eq"
    )]
    TooWide { items: usize },
    #[error(transparent)]
    Clock(#[from] ClockFault),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Read(#[from] ProjectorError),
    #[error("no checkpoint could be signed: the log lines of the server say why")]
    NotSigned,
    #[error("{0} in the log cannot be read")]
    Damaged(&'static str),
    #[error(transparent)]
    Random(#[from] NoRandomBits),
    #[error(transparent)]
    Full(#[from] Full),
    #[error("{}; wait until one has ended", exports(*.0))]
    Exports(Full),
    #[error("the answer could not be made because of a defect")]
    Defect,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Read(error.into())
    }
}

/// A name in backquotes, if it may be repeated.
fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}

/// How many exports are running.
fn exports(full: Full) -> String {
    match full {
        Full::Owner => format!("this token has {} exports under way", budget::OWNER_EXPORTS_MAX),
        Full::All => format!("{} exports are under way", budget::EXPORTS_MAX),
    }
}

/// The parameters that a question takes.
fn list(known: &[&str]) -> String {
    match known {
        [] => "this address takes none".to_owned(),
        known => format!("this address takes {}", known.join(", ")),
    }
}

/// The body of an error response. The frame adds the members that depend on the request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Last segment of the problem's type.
    pub slug: &'static str,
    /// The same for every problem of this type.
    pub title: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// What was wrong with this request. Repeats no value.
    pub detail: String,
    /// The ids that an ambiguous name may mean; otherwise empty.
    pub candidates: Vec<String>,
}

impl Error {
    /// A body that did not arrive whole, in time, and within its bound.
    pub(crate) fn upload(missing: Missing, bytes_max: usize) -> Error {
        match missing {
            Missing::TooLarge { .. } => Error::BodyTooLarge { bytes_max },
            Missing::Broken => Error::Body("the body broke off before its end".into()),
            Missing::Late => Error::BodyLate { seconds: RECEIVE_MAX.as_secs() },
        }
    }

    /// The HTTP status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind().2
    }

    /// Whether the caller is not allowed to ask.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Error::Unauthenticated | Error::Forbidden(_))
    }

    /// The only place for slug, title and status of every error.
    fn kind(&self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Error::Unauthenticated => {
                ("unauthenticated", "Unknown or missing token", StatusCode::UNAUTHORIZED)
            }
            Error::Forbidden(_) => ("forbidden", "Not allowed", StatusCode::FORBIDDEN),
            Error::NotFound(_) => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Error::Method => {
                ("method-not-allowed", "Method not allowed", StatusCode::METHOD_NOT_ALLOWED)
            }
            Error::Parameter { .. } => {
                ("invalid-parameter", "Invalid parameter", StatusCode::BAD_REQUEST)
            }
            Error::UnknownParameter { .. } => {
                ("unknown-parameter", "Unknown parameter", StatusCode::BAD_REQUEST)
            }
            Error::RepeatedParameter { .. } => {
                ("repeated-parameter", "Repeated parameter", StatusCode::BAD_REQUEST)
            }
            Error::QueryTooLong { .. } => {
                ("query-too-long", "Query too long", StatusCode::URI_TOO_LONG)
            }
            Error::CursorMismatch => {
                ("cursor-mismatch", "Cursor of another question", StatusCode::BAD_REQUEST)
            }
            Error::Ambiguous { .. } => {
                ("ambiguous-name", "Name of several", StatusCode::BAD_REQUEST)
            }
            Error::Body(_) => ("invalid-body", "Invalid body", StatusCode::BAD_REQUEST),
            Error::BodyTooLarge { .. } => {
                ("body-too-large", "Body too large", StatusCode::PAYLOAD_TOO_LARGE)
            }
            Error::BodyLate { .. } => ("body-late", "Body too slow", StatusCode::REQUEST_TIMEOUT),
            Error::SlugTaken => ("name-taken", "Name taken", StatusCode::CONFLICT),
            Error::Subject(_) => ("subject", "Not possible for this person", StatusCode::CONFLICT),
            Error::Erasure(_) => {
                ("erasure-unfinished", "Erasure not finished", StatusCode::SERVICE_UNAVAILABLE)
            }
            Error::OwnToken => ("token-in-use", "Token in use", StatusCode::CONFLICT),
            Error::LastAdmin => ("last-admin", "Last admin", StatusCode::CONFLICT),
            Error::SavedFull { .. } => ("saved-full", "Too many saved", StatusCode::CONFLICT),
            Error::TooManyGroups { .. } => {
                ("too-many-groups", "Too many groups", StatusCode::BAD_REQUEST)
            }
            Error::Issue(IssueError::TwoTokens) => {
                ("two-tokens", "Two tokens already", StatusCode::CONFLICT)
            }
            Error::Issue(IssueError::NoApplication) => {
                ("not-found", "Not found", StatusCode::NOT_FOUND)
            }
            Error::Issue(
                IssueError::Name
                | IssueError::Secret
                | IssueError::TooLate
                | IssueError::Expires
                | IssueError::Expired
                | IssueError::Role
                | IssueError::NeedsApplication
                | IssueError::TakesNoApplication,
            ) => ("invalid-body", "Invalid body", StatusCode::BAD_REQUEST),
            Error::Upstream(_) => {
                ("upstream", "The application did not answer as it should", StatusCode::BAD_GATEWAY)
            }
            Error::NoUpstream(_) => {
                ("no-upstream", "The application has no upstream", StatusCode::CONFLICT)
            }
            Error::SignIn(_) => ("sign-in", "Not signed in", StatusCode::FORBIDDEN),
            Error::Provider(_) => (
                "identity-provider",
                "The identity provider did not answer as it should",
                StatusCode::BAD_GATEWAY,
            ),
            Error::SignInBusy => ("busy", "Too busy", StatusCode::SERVICE_UNAVAILABLE),
            Error::Unreadable(status) => ("unreadable", "Cannot be read", *status),
            Error::Option(_) => ("invalid-option", "Invalid query option", StatusCode::BAD_REQUEST),
            Error::Filter(_) => ("invalid-filter", "Invalid filter", StatusCode::BAD_REQUEST),
            Error::TooWide { .. } => ("too-wide", "Filter too wide", StatusCode::BAD_REQUEST),
            Error::Import(_) => {
                ("import", "The import was not taken", StatusCode::SERVICE_UNAVAILABLE)
            }
            Error::Records { .. } => {
                ("unclear-import", "The import is not clear", StatusCode::BAD_REQUEST)
            }
            Error::Full(full) | Error::Exports(full) => match full {
                Full::Owner => {
                    ("too-many-at-once", "Too many at once", StatusCode::TOO_MANY_REQUESTS)
                }
                Full::All => ("busy", "Too busy", StatusCode::SERVICE_UNAVAILABLE),
            },
            Error::Clock(ClockFault::Behind) => {
                ("clock-behind", "Clock far behind", StatusCode::SERVICE_UNAVAILABLE)
            }
            Error::Clock(ClockFault::Ahead) => {
                ("clock-ahead", "Clock jumped ahead", StatusCode::SERVICE_UNAVAILABLE)
            }
            Error::Commit(
                CommitError::Poisoned
                | CommitError::RowsDamaged
                | CommitError::LogDamaged
                | CommitError::Stopped,
            )
            | Error::NotSigned => ("unavailable", "Not available", StatusCode::SERVICE_UNAVAILABLE),
            Error::Commit(CommitError::Defect)
            | Error::Read(_)
            | Error::Damaged(_)
            | Error::Random(_)
            | Error::Defect => ("internal", "Internal error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl Error {
    /// The error for a failed baseline or drift check.
    pub(crate) fn of_look(failure: LookFailure) -> Error {
        match failure {
            LookFailure::Request(words) => Error::NoUpstream(words),
            LookFailure::Upstream(words) => Error::Upstream(words),
            LookFailure::Commit(error) => Error::Commit(error),
            LookFailure::Read(error) => Error::Read(error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (slug, title, status) = self.kind();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = with_causes(&self), "a question could not be answered");
        }
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static(r#"Bearer realm="provlog""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, realm);
        }
        if let Error::Full(_) | Error::Exports(_) | Error::SignInBusy = self {
            let seconds = HeaderValue::from(Full::RETRY_AFTER_S);
            response.headers_mut().insert(RETRY_AFTER, seconds);
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
        let detail = self.to_string();
        let candidates = match self {
            Error::Ambiguous { candidates } | Error::Records { candidates, .. } => candidates,
            _ => vec![],
        };
        let problem = Problem { slug, title, status, detail, candidates };
        response.extensions_mut().insert(problem);
        response
    }
}
