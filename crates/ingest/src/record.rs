//! Makes the event of a request from its arrival and outcome.

use event::{
    Application, BodyNote, Content, Detail, Fact, Method, Number, Operation, Origin, Part,
    ResourceType, Route, Stopwatch,
};
use projector::{Draft, Passed, PassedPart};
use scim::ScimType;

use crate::outcome::Outcome;

/// At most this much of path and query is stored for a request without a valid credential.
const UNAUTHENTICATED_TARGET_BYTES_MAX: usize = 256;

/// What is known of a request before it is decided.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Started when its head arrived.
    pub watch: Stopwatch,
    /// The application of the address; the recorder if that is unknown.
    pub application: Application,
    /// Its origin; with the credential once that is known.
    pub origin: Origin,
    /// The route of the address.
    pub route: Route,
    /// The type of resource that the address names.
    pub resource_type: ResourceType,
    /// Its method.
    pub method: Method,
    /// The method's name if SCIM does not use it.
    pub method_name: Option<String>,
    /// Path and query below the application's base, without secrets.
    pub target: String,
    /// What is stored of the body.
    pub body: ReceivedBody,
    /// Its index within a Bulk request; else 0.
    pub index: u32,
}

/// What is stored of a received body.
#[derive(Clone, Debug)]
pub(crate) enum ReceivedBody {
    /// There was none.
    None,
    /// The bytes, without secrets.
    Stored(Passed),
    /// Only a description.
    Described(BodyNote),
}

impl Arrival {
    /// Shortens what a client without a valid credential chose.
    pub(crate) fn cut_for_unauthenticated(&mut self) {
        let end = self.target.floor_char_boundary(UNAUTHENTICATED_TARGET_BYTES_MAX);
        self.target.truncate(end);
    }

    /// How many bytes that the sender chose the event stores of the head.
    pub(crate) fn chosen_bytes(&self) -> usize {
        let method = self.method_name.as_deref().unwrap_or_default();
        [self.target.as_str(), &self.origin.user_agent, &self.origin.request_id, method]
            .iter()
            .map(|text| text.len())
            .sum()
    }

    /// The event of this request with this outcome.
    pub(crate) fn into_draft(self, outcome: &Outcome) -> Draft {
        let subject = outcome.number;
        let (saw_seq, results) = match outcome.saw {
            Some((seq, results)) => (seq, Some(results)),
            None => (None, None),
        };
        let operation = Operation {
            route: self.route,
            method: self.method,
            resource_type: self.resource_type,
            number: subject,
            touches: outcome.touches.clone(),
            status: outcome.reply.status,
            scim_type: outcome
                .error
                .as_ref()
                .and_then(|error| error.scim_type)
                .map_or(0, ScimType::code),
            effect: outcome.effect,
            index: self.index,
            saw_seq,
            results,
            decided_after_us: self.watch.elapsed_us(),
        };
        let part = |content| Part::new(subject, content);
        let mut parts = vec![part(Content::Target(self.target))];
        let mut detail = Detail {
            error: outcome.error.as_ref().map(|error| error.detail.clone()),
            method: self.method_name,
            body: None,
        };
        let mut passed = vec![];
        match self.body {
            ReceivedBody::None => {}
            ReceivedBody::Stored(content) => {
                passed.push(PassedPart { subject, others: outcome.others(), content });
            }
            ReceivedBody::Described(note) => detail.body = Some(note),
        }
        parts.extend(outcome.changes.iter().cloned());
        if !outcome.flags.is_empty() {
            parts.push(part(Content::Flags(outcome.flags.clone())));
        }
        if detail != Detail::default() {
            parts.push(Part::new(Number::NOBODY, Content::Detail(detail)));
        }
        Draft {
            application: self.application,
            origin: Some(self.origin),
            fact: Fact::Operation(operation),
            parts,
            passed,
        }
    }
}
