//! Preconditions of a request (RFC 7644 §3.14, RFC 9110 §13.1).

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use scim::{EntityTags, ScimError};

/// The entity tags of `If-Match` and `If-None-Match`.
#[derive(Default)]
pub(crate) struct Conditions {
    pub if_match: Option<EntityTags>,
    pub if_none_match: Option<EntityTags>,
}

impl Conditions {
    /// Reads the headers; 400 `invalidVers` if one is not a list of entity tags.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Conditions, ScimError> {
        Ok(Conditions {
            if_match: tags(headers, &IF_MATCH)?,
            if_none_match: tags(headers, &IF_NONE_MATCH)?,
        })
    }

    /// The condition of one operation of a Bulk request (RFC 7644 §3.7).
    pub(crate) fn of_version(version: Option<&str>) -> Result<Conditions, ScimError> {
        let if_match = version.map(EntityTags::parse).transpose()?;
        Ok(Conditions { if_match, if_none_match: None })
    }

    /// Checks a write against the resource's current version; 412 if a condition fails.
    pub(crate) fn check(&self, etag: &str) -> Result<(), ScimError> {
        let unwanted = self.if_none_match.as_ref().is_some_and(|tags| tags.matches(etag));
        if unwanted { Err(other_version()) } else { self.check_match(etag) }
    }

    /// Checks `If-Match` alone; 412 if it does not list the current version.
    pub(crate) fn check_match(&self, etag: &str) -> Result<(), ScimError> {
        let changed = self.if_match.as_ref().is_some_and(|tags| !tags.matches(etag));
        if changed { Err(other_version()) } else { Ok(()) }
    }

    /// Whether the client has this version already, so that a read is answered 304.
    pub(crate) fn is_known(&self, etag: &str) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.matches(etag))
    }
}

fn other_version() -> ScimError {
    let detail = "the resource has another version than the request expects: read it again, and \
                  repeat the change";
    ScimError::new(412, None, detail)
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EntityTags>, ScimError> {
    let mut values = Vec::new();
    for value in headers.get_all(name) {
        // A value that is not ASCII is no tag; a lone quote makes the parser refuse it.
        values.push(value.to_str().unwrap_or("\""));
    }
    if values.is_empty() {
        return Ok(None);
    }
    EntityTags::parse(&values.join(", ")).map(Some)
}
