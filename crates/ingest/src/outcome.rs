//! What was decided about one request: the answer and what the event says of it.

use event::{Effect, Number, Part, ResourceType, Seq};
use scim::ScimError;
use serde_json::Value;

/// What the client gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body; none for 204.
    pub body: Option<Value>,
    /// `Location` and `ETag` and the like.
    pub headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// An error in SCIM's form (RFC 7644 §3.12).
    pub(crate) fn error(error: &ScimError) -> Reply {
        let mut headers = Vec::new();
        if error.status == 401 {
            headers.push(("www-authenticate", r#"Bearer realm="provlog""#.to_owned()));
        }
        if error.status == 503 {
            headers.push(("retry-after", "30".to_owned()));
        }
        Reply { status: error.status, body: Some(error.to_json()), headers }
    }
}

/// The answer and the decided part of the event.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// What the client gets.
    pub reply: Reply,
    /// What the request did to our state.
    pub effect: Effect,
    /// The type of resource that the address names.
    pub resource_type: ResourceType,
    /// The resource, or the person that was mentioned.
    pub number: Number,
    /// The other resources that are changed or concerned; ascending.
    pub touches: Vec<Number>,
    /// The resolved changes.
    pub changes: Vec<Part>,
    /// The error that was answered.
    pub error: Option<ScimError>,
    /// What a read saw: the last event, and how many resources it answered.
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
            error: Some(error),
            saw: None,
        }
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
            error: None,
            saw: Some((saw_seq, results)),
        }
    }
}
