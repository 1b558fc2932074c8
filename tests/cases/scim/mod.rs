//! The SCIM protocol (RFC 7643, RFC 7644) over a socket, one file per subject.

use serde_json::{Value, json};

use crate::harness::server::{Answer, Client, Server};

mod attribute_characteristics;
mod bulk;
mod cursor_paging;
mod discovery;
mod errors;
mod etag_and_concurrency;
mod filters;
mod http_surface;
mod members;
mod names;
mod patch;
mod projection;
mod put;
mod schema_urns;
mod sorting_and_index_paging;

/// Tests against an application with default settings.
pub fn served(test: impl FnOnce(&Client)) {
    served_with(json!({}), test);
}

/// Tests against an application with these settings.
pub fn served_with(settings: Value, test: impl FnOnce(&Client)) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    test(&server.add_app_with("boat", settings));
    server.stop();
}

/// Asserts that an answer is an error in SCIM's form (RFC 7644 §3.12).
#[track_caller]
pub fn check_refused(answer: &Answer, status: u16, scim_type: Option<&str>) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    let mut expected = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.to_string(),
        "detail": answer.body["detail"],
    });
    if let Some(scim_type) = scim_type {
        expected["scimType"] = scim_type.into();
    }
    assert_eq!(answer.body, expected);
    assert!(answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
}

/// The ids of the resources of a list.
pub fn ids(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    resources.iter().map(|one| one["id"].as_str().unwrap()).collect()
}

/// Asserts that nothing in an answer is `null` or empty, except the members of an empty group:
/// unassigned attributes are omitted.
#[track_caller]
pub fn check_no_empty(value: &Value) {
    match value {
        Value::Object(object) => {
            assert!(!object.is_empty());
            let shown = object.iter().filter(|(name, value)| {
                *name != "members" || value.as_array().is_none_or(|list| !list.is_empty())
            });
            shown.for_each(|(_, value)| check_no_empty(value));
        }
        Value::Array(list) => {
            assert!(!list.is_empty());
            list.iter().for_each(check_no_empty);
        }
        Value::String(text) => assert!(!text.is_empty()),
        Value::Null => panic!("null in an answer"),
        Value::Bool(_) | Value::Number(_) => {}
    }
}
