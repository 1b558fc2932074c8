//! The envelope of every answer: the question, the events that the answer uses, how complete it is.

use answers::{Answer, Content, Envelope, Head, Question, SignedHead};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use event::{Application, Number, Seq, secret};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tlog::TreeHead;

use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;
use crate::standpoint::Standpoint;

/// The answer to a question of type `Q` under way to its client. Its rows and other members have the
/// types that describe them.
pub struct Found<Q: Question> {
    envelope: Envelope,
    beside: Option<Q::Beside>,
    content: Option<Content<Q::Row>>,
    seen: Seen,
}

fn told(head: &TreeHead) -> SignedHead {
    SignedHead { size: head.size, root: head.root.to_string() }
}

/// What the access event keeps of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// How many rows it shows.
    pub(crate) rows: u64,
    /// The resource or person that it is about.
    pub(crate) about: Option<(Application, Number)>,
    /// How many events the log had.
    pub(crate) size: Seq,
}

impl<Q: Question> Found<Q> {
    /// An answer with its envelope, without rows yet.
    pub(crate) fn new(record: &Record<'_>, stand: &Standpoint, coverage: &Coverage) -> Found<Q> {
        let (at_seq, head) = stand.told;
        let envelope = Envelope {
            query: repeated(&stand.question),
            generated_at: record.now.to_string().into(),
            at_seq,
            head: Head { seq: head, checkpoint: record.signed.as_ref().map(told) },
            coverage: coverage.told(),
            row_count: 0,
            next: None,
        };
        let seen = Seen { rows: 0, about: None, size: record.head };
        Found { envelope, beside: None, content: None, seen }
    }

    /// Sets what was asked about, for the access event: a resource or person of an application, the
    /// application itself, or all applications if that is the recorder.
    pub(crate) fn about(mut self, application: Application, number: Number) -> Found<Q> {
        self.seen.about = Some((application, number));
        self
    }

    /// Sets the members beside the rows.
    pub(crate) fn beside(mut self, beside: Q::Beside) -> Found<Q> {
        self.beside = Some(beside);
        self
    }

    /// Sets one page of rows. `count` is the number of rows on all pages.
    pub(crate) fn rows(
        mut self,
        rows: impl IntoIterator<Item = Q::Row>,
        count: u64,
        next: Option<String>,
    ) -> Found<Q> {
        let rows: Vec<Q::Row> = rows.into_iter().collect();
        self.seen.rows = rows.len() as u64;
        (self.envelope.row_count, self.envelope.next) = (count, next);
        self.content = Some(Content::Rows(rows));
        self
    }

    /// Sets the one thing that was asked for, or null.
    pub(crate) fn resource(mut self, resource: Option<Q::Row>) -> Found<Q> {
        self.seen.rows = u64::from(resource.is_some());
        self.envelope.row_count = self.seen.rows;
        self.content = Some(Content::One(resource.map(Box::new)));
        self
    }

    /// The whole answer, and what the access event keeps of it.
    pub(crate) fn done(self) -> Result<(Answer<Q>, Seen), Error> {
        let content = self.content.ok_or(Error::Defect)?;
        let beside = match self.beside {
            Some(beside) => beside,
            // A question has nothing beside its rows, or says what.
            None => Q::Beside::deserialize(json!({})).map_err(|_| Error::Defect)?,
        };
        Ok((Answer { envelope: self.envelope, beside, content }, self.seen))
    }
}

/// The question as the answer repeats it, with tokens cut out.
fn repeated(question: &Map<String, Value>) -> Map<String, Value> {
    let pairs = question.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => Value::String(secret::cut(text, &[]).into_owned()),
            other => other.clone(),
        };
        (name.clone(), value)
    });
    pairs.collect()
}

/// What the access event stores about an answer.
pub(crate) trait Told {
    /// How many rows it has.
    fn row_count(&self) -> u64;

    /// The resource or person that it is about; all applications if the application is the recorder.
    fn about(&self) -> Option<(Application, Number)>;

    /// The HTTP status of the answer.
    fn status(&self) -> u16 {
        200
    }
}

/// An answer as JSON, for the API.
pub(crate) struct Written {
    body: Value,
    seen: Seen,
}

impl Written {
    /// The members are in the order of their names.
    pub(crate) fn of<Q: Question>(found: Found<Q>) -> Result<Written, Error> {
        let (answer, seen) = found.done()?;
        let body = serde_json::to_value(&answer).map_err(|_| Error::Defect)?;
        Ok(Written { body, seen })
    }

    /// The JSON object.
    pub(crate) fn into_body(self) -> Value {
        self.body
    }
}

impl Told for Written {
    fn row_count(&self) -> u64 {
        self.seen.rows
    }

    fn about(&self) -> Option<(Application, Number)> {
        self.seen.about
    }
}

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        (Extension(self.seen), Json(self.body)).into_response()
    }
}
