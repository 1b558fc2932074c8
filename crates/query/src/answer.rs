//! The envelope of every answer: the question, the events that the answer uses, how complete it is.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use event::{Application, Number, Seq, secret};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;
use crate::standpoint::Standpoint;

/// An answer under way to its client.
pub(crate) struct Answer {
    body: Map<String, Value>,
    rows: u64,
    about: Option<(Application, Number)>,
    size: Seq,
}

/// What an export must know about a page beyond the page's own content.
#[derive(Clone, Copy)]
pub(crate) struct PageOf {
    /// The resource or person that it is about.
    pub(crate) about: Option<(Application, Number)>,
    /// How many events the log had.
    pub(crate) size: Seq,
}

impl Answer {
    /// An answer with its envelope, without rows yet.
    pub(crate) fn new(record: &Record<'_>, stand: &Standpoint, coverage: &Coverage) -> Answer {
        let mut body = Map::new();
        body.insert("query".into(), repeated(&stand.question).into());
        body.insert("generatedAt".into(), record.now.to_string().into());
        let (at_seq, head) = stand.told;
        body.insert("atSeq".into(), at_seq.into());
        body.insert("coverage".into(), coverage.to_json());
        body.insert("head".into(), json!({"seq": head}));
        Answer { body, rows: 0, about: None, size: record.head }
    }

    /// Sets what was asked about, for the access event: a resource or person of an application, the
    /// application itself, or all applications if that is the recorder.
    pub(crate) fn about(mut self, application: Application, number: Number) -> Answer {
        self.about = Some((application, number));
        self
    }

    /// Adds a member beside the envelope's own.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Answer {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Adds all members of an object beside the envelope's own.
    pub(crate) fn beside(mut self, beside: &impl Serialize) -> Result<Answer, Error> {
        match serde_json::to_value(beside) {
            Ok(Value::Object(members)) => self.body.extend(members),
            Ok(Value::Null) => {}
            Ok(_) | Err(_) => return Err(Error::Defect),
        }
        Ok(self)
    }

    /// Sets one page of rows. `count` is the number of rows on all pages.
    pub(crate) fn rows(mut self, rows: Vec<Value>, count: u64, next: Option<String>) -> Answer {
        self.rows = rows.len() as u64;
        let answer = self.with("rows", rows).with("rowCount", count);
        match next {
            Some(next) => answer.with("next", next),
            None => answer,
        }
    }

    /// Sets the one thing that was asked for, or null.
    pub(crate) fn resource(mut self, resource: Option<Value>) -> Answer {
        let count = u64::from(resource.is_some());
        self.rows = count;
        self.with("resource", resource).with("rowCount", count)
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

impl Told for Answer {
    fn row_count(&self) -> u64 {
        self.rows
    }

    fn about(&self) -> Option<(Application, Number)> {
        self.about
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let page = PageOf { about: self.about, size: self.size };
        (Extension(page), Json(Value::Object(self.body))).into_response()
    }
}
