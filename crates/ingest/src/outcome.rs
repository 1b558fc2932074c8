//! The result of a decision about one request: the answer, and what the event records.

use axum::body::Bytes;
use axum::http::HeaderMap;
use event::{Effect, Flag, Number, Part, ResourceType, Seq};
use projector::{ProjectorError, Version};
use scim::{ScimError, Selection};

use crate::context::Context;

/// What the client gets.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Location` and `ETag` and the like.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// The body of a reply.
#[derive(Clone, Default)]
pub(crate) enum Body {
    /// None, as for 204.
    #[default]
    Empty,
    /// JSON text.
    Json(Vec<u8>),
    /// A resource that was written. It is rendered after its event is written, in the request's task
    /// rather than on the committer's thread.
    Written(Box<Written>),
    /// What an upstream answered: headers and body.
    Relayed(HeaderMap, Bytes),
}

/// A resource right after an event.
#[derive(Clone)]
pub(crate) struct Written {
    pub context: Context,
    pub number: Number,
    /// The event.
    pub seq: Seq,
    /// The state that the event made.
    pub version: Version,
    /// Its number was given by this event.
    pub is_new: bool,
    /// If nothing in the state is hidden or derived: the value of `schemas` in the answer, as JSON.
    pub schemas: Option<Vec<u8>>,
    pub selection: Selection,
}

impl Reply {
    /// A status without headers or body.
    pub(crate) fn empty(status: u16) -> Reply {
        Reply { status, headers: vec![], body: Body::Empty }
    }

    /// 200 with a JSON value.
    pub(crate) fn json(value: &serde_json::Value) -> Reply {
        Reply { status: 200, headers: vec![], body: Body::Json(canonical::json(value)) }
    }

    /// An error in SCIM's form (RFC 7644 §3.12).
    pub(crate) fn error(error: &ScimError) -> Reply {
        let mut headers = Vec::new();
        if error.status == 401 {
            headers.push(("www-authenticate", r#"Bearer realm="provlog""#.to_owned()));
        }
        if error.status == 503 {
            headers.push(("retry-after", "30".to_owned()));
        }
        let body = Body::Json(canonical::json(&error.to_json()));
        Reply { status: error.status, headers, body }
    }
}

/// Why a decision stops early.
pub(crate) enum Stop {
    /// The request is refused; the number is its subject.
    Refused(ScimError, Number),
    /// The rows cannot be read.
    Failed(ProjectorError),
}

impl From<ProjectorError> for Stop {
    fn from(error: ProjectorError) -> Stop {
        Stop::Failed(error)
    }
}

impl From<ScimError> for Stop {
    fn from(error: ScimError) -> Stop {
        Stop::Refused(error, Number::NOBODY)
    }
}

/// The answer, and what was decided of the event.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// What the client gets.
    pub reply: Reply,
    /// The effect on our state.
    pub effect: Effect,
    /// The resource type of the address.
    pub resource_type: ResourceType,
    /// The subject: the resource, or the mention.
    pub number: Number,
    /// The other resources that are changed or concerned, ascending.
    pub touches: Vec<Number>,
    /// The resolved changes.
    pub changes: Vec<Part>,
    /// Whom the request names as members, whether or not it changes anything for them.
    pub named: Vec<Number>,
    /// The error that was answered.
    pub error: Option<ScimError>,
    /// What the profile or the schema did not expect.
    pub flags: Vec<Flag>,
    /// Of a read: the last event that it saw, and how many resources it returned.
    pub saw: Option<(Option<Seq>, u32)>,
}

impl Outcome {
    /// A refusal: nothing changes.
    pub(crate) fn refused(
        error: ScimError,
        resource_type: ResourceType,
        number: Number,
    ) -> Outcome {
        Outcome {
            reply: Reply::error(&error),
            effect: Effect::Rejected,
            resource_type,
            number,
            touches: vec![],
            changes: vec![],
            named: vec![],
            error: Some(error),
            flags: vec![],
            saw: None,
        }
    }

    /// Whom the request's body names besides its subject, ascending.
    pub(crate) fn others(&self) -> Vec<Number> {
        let mut others: Vec<Number> = self.touches.iter().chain(&self.named).copied().collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|other| *other != self.number && *other != Number::NOBODY);
        others
    }

    /// The same with more flags.
    pub(crate) fn flagged(mut self, mut flags: Vec<Flag>) -> Outcome {
        flags.append(&mut self.flags);
        self.flags = flags;
        self
    }

    /// The answer to a read.
    pub(crate) fn read(
        reply: Reply,
        resource_type: ResourceType,
        number: Number,
        saw_seq: Option<Seq>,
        results: u32,
    ) -> Outcome {
        Outcome {
            reply,
            effect: Effect::Read,
            resource_type,
            number,
            touches: vec![],
            changes: vec![],
            named: vec![],
            error: None,
            flags: vec![],
            saw: Some((saw_seq, results)),
        }
    }
}
