//! The envelope of every answer: what was asked, what the answer stands on, how complete it is.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::coverage::Coverage;
use crate::record::Record;
use crate::stand::Stand;

/// An answer under way to its client.
pub(crate) struct Answer(Map<String, Value>);

impl Answer {
    /// An answer with its envelope, without rows yet.
    pub(crate) fn new(record: &Record<'_>, stand: &Stand, coverage: &Coverage) -> Answer {
        let mut body = Map::new();
        body.insert("query".into(), stand.question.clone().into());
        body.insert("generatedAt".into(), record.now.to_string().into());
        body.insert("atSeq".into(), stand.at_seq.into());
        body.insert("coverage".into(), coverage.to_json());
        body.insert("head".into(), json!({"seq": record.size.checked_sub(1)}));
        Answer(body)
    }

    /// Adds a member beside the envelope's own.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Answer {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// One page of rows; `count` is that of all pages.
    pub(crate) fn rows(self, rows: Vec<Value>, count: u64, next: Option<String>) -> Answer {
        let answer = self.with("rows", rows).with("rowCount", count);
        match next {
            Some(next) => answer.with("next", next),
            None => answer,
        }
    }

    /// The one thing that was asked for, or null.
    pub(crate) fn resource(self, resource: Option<Value>) -> Answer {
        let count = u64::from(resource.is_some());
        self.with("resource", resource).with("rowCount", count)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        Json(Value::Object(self.0)).into_response()
    }
}
