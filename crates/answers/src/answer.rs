//! An answer with its types: the envelope, the members beside the rows, and the rows or the one thing.

use serde::Serialize;

use crate::{Envelope, Question};

/// The answer to a question. It serializes to the one JSON object that the API sends.
#[derive(Serialize)]
#[serde(bound = "")]
pub struct Answer<Q: Question> {
    /// What was asked, what the answer stands on, and how complete it is.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The other members of the answer.
    #[serde(flatten)]
    pub beside: Q::Beside,
    /// What was found.
    #[serde(flatten)]
    pub content: Content<Q::Row>,
}

/// What an answer found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Content<Row> {
    /// One page of rows.
    Rows(Vec<Row>),
    /// The one thing that was asked for; `None` if it did not exist.
    #[serde(rename = "resource")]
    One(Option<Box<Row>>),
}

impl<Row> Content<Row> {
    /// The rows of this page, or the one thing as the only row.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        match self {
            Content::Rows(rows) => rows,
            Content::One(one) => one.as_deref().map(std::slice::from_ref).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::row::{GroupState, ScimResource};
    use crate::{EveryGroup, Exists, OneGroup};

    fn envelope() -> Value {
        json!({
            "query": {"app": "paperboat"}, "generatedAt": "2026-03-31T17:00:00.000000Z",
            "atSeq": 12, "head": {"seq": 14}, "coverage": {"state": "complete", "gaps": []},
            "rowCount": 1,
        })
    }

    fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// The members that the answer has beside those of the envelope.
    fn own<Q: Question>(answer: &Answer<Q>) -> Value {
        let mut members = serde_json::to_value(answer).unwrap();
        for (name, value) in envelope().as_object().unwrap() {
            assert_eq!(members.as_object_mut().unwrap().remove(name).as_ref(), Some(value));
        }
        members
    }

    #[test]
    fn a_list_has_rows_and_one_thing_is_a_resource() {
        let row = json!({
            "groupId": "7", "displayName": "Crew", "externalId": null, "memberCount": 3,
            "createdAt": null, "createdSeq": 4, "startKnown": true, "privileged": false,
        });
        let groups: Answer<EveryGroup> = Answer {
            envelope: read(&envelope()),
            beside: read(&json!({"basis": "imported"})),
            content: Content::Rows(vec![read(&row)]),
        };
        assert_eq!(own(&groups), json!({"basis": "imported", "rows": [row]}));
        assert_eq!(groups.content.rows().len(), 1);

        let one = |content| -> Answer<OneGroup> {
            let state = GroupState {
                exists: Exists::Yes,
                exists_seq: Some(4),
                basis: None,
                start_known: None,
            };
            Answer { envelope: read(&envelope()), beside: state, content }
        };
        let resource = json!({"id": "7", "displayName": "Crew"});
        let found = one(Content::One(Some(Box::new(read::<ScimResource>(&resource)))));
        let state = json!({"exists": "yes", "existsSeq": 4, "resource": resource});
        assert_eq!(own(&found), state);
        assert_eq!(found.content.rows().len(), 1);

        let none = one(Content::One(None));
        assert_eq!(own(&none)["resource"], Value::Null);
        assert!(own(&none).as_object().unwrap().contains_key("resource"));
        assert!(none.content.rows().is_empty());
    }
}
