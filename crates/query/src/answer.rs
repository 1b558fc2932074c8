//! The envelope of every answer: what was asked, what the answer stands on, how complete it is.

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

/// What an export has to know of a page and the page itself does not say to everybody.
#[derive(Clone, Copy)]
pub(crate) struct PageOf {
    /// Whom or what it is about.
    pub(crate) about: Option<(Application, Number)>,
    /// How many events there were.
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

    /// Says whom or what was asked about, for the record of who asked: a resource or person of an
    /// application, the application, or with the recorder all of them.
    pub(crate) fn about(mut self, application: Application, number: Number) -> Answer {
        self.about = Some((application, number));
        self
    }

    /// Adds a member beside the envelope's own.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Answer {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Adds all members of what stands beside the envelope's own.
    pub(crate) fn beside(mut self, beside: &impl Serialize) -> Result<Answer, Error> {
        match serde_json::to_value(beside) {
            Ok(Value::Object(members)) => self.body.extend(members),
            Ok(Value::Null) => {}
            Ok(_) | Err(_) => return Err(Error::Defect),
        }
        Ok(self)
    }

    /// One page of rows; `count` is that of all pages.
    pub(crate) fn rows(mut self, rows: Vec<Value>, count: u64, next: Option<String>) -> Answer {
        self.rows = rows.len() as u64;
        let answer = self.with("rows", rows).with("rowCount", count);
        match next {
            Some(next) => answer.with("next", next),
            None => answer,
        }
    }

    /// The one thing that was asked for, or null.
    pub(crate) fn resource(mut self, resource: Option<Value>) -> Answer {
        let count = u64::from(resource.is_some());
        self.rows = count;
        self.with("resource", resource).with("rowCount", count)
    }
}

/// A question as an answer repeats it: without tokens that do not belong there.
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

/// What is kept of an answer that somebody got.
pub(crate) trait Told {
    /// How many rows it has.
    fn row_count(&self) -> u64;

    /// Whom or what it is about; all applications where that is the recorder.
    fn about(&self) -> Option<(Application, Number)>;

    /// The status with which it leaves.
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
