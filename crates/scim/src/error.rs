//! The error of this crate: what a SCIM client is answered (RFC 7644 §3.12).

use serde_json::{Value, json};

use crate::json::{JsonError, JsonErrorKind};

/// URN of the error message.
const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The detail keywords of RFC 7644 §3.12 and of cursor paging (RFC 9865).
///
/// The numbers are stored in events and never change; 0 means no keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the keywords of the RFCs")]
pub enum ScimType {
    InvalidFilter = 1,
    TooMany = 2,
    Uniqueness = 3,
    Mutability = 4,
    InvalidSyntax = 5,
    InvalidPath = 6,
    NoTarget = 7,
    InvalidValue = 8,
    InvalidVers = 9,
    Sensitive = 10,
    InvalidCursor = 11,
    ExpiredCursor = 12,
    InvalidCount = 13,
}

impl ScimType {
    /// Every keyword, in the order of its number.
    pub const ALL: [ScimType; 13] = [
        ScimType::InvalidFilter,
        ScimType::TooMany,
        ScimType::Uniqueness,
        ScimType::Mutability,
        ScimType::InvalidSyntax,
        ScimType::InvalidPath,
        ScimType::NoTarget,
        ScimType::InvalidValue,
        ScimType::InvalidVers,
        ScimType::Sensitive,
        ScimType::InvalidCursor,
        ScimType::ExpiredCursor,
        ScimType::InvalidCount,
    ];

    /// The keyword as it is written in `scimType`.
    pub fn as_str(self) -> &'static str {
        match self {
            ScimType::InvalidFilter => "invalidFilter",
            ScimType::TooMany => "tooMany",
            ScimType::Uniqueness => "uniqueness",
            ScimType::Mutability => "mutability",
            ScimType::InvalidSyntax => "invalidSyntax",
            ScimType::InvalidPath => "invalidPath",
            ScimType::NoTarget => "noTarget",
            ScimType::InvalidValue => "invalidValue",
            ScimType::InvalidVers => "invalidVers",
            ScimType::Sensitive => "sensitive",
            ScimType::InvalidCursor => "invalidCursor",
            ScimType::ExpiredCursor => "expiredCursor",
            ScimType::InvalidCount => "invalidCount",
        }
    }

    /// The stable number, from 1.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The keyword with this name.
    pub fn parse(text: &str) -> Option<ScimType> {
        ScimType::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// The keyword with this number; `None` for 0 and for unknown numbers.
    pub fn from_code(code: u8) -> Option<ScimType> {
        ScimType::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// A refusal as SCIM answers it.
///
/// Administrators read `detail` in their identity provider's console, and others read it in logs. It
/// names attributes (as the schema spells them) and operations, and never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {detail}")]
pub struct ScimError {
    /// HTTP status.
    pub status: u16,
    /// Keyword, if the RFC has one.
    pub scim_type: Option<ScimType>,
    /// What went wrong and what to do about it.
    pub detail: String,
}

impl ScimError {
    /// A refusal with any status.
    pub fn new(status: u16, scim_type: Option<ScimType>, detail: impl Into<String>) -> ScimError {
        ScimError { status, scim_type, detail: detail.into() }
    }

    /// 400: the filter cannot be read, or uses an attribute that filters may not use.
    pub fn invalid_filter(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::InvalidFilter), detail)
    }

    /// 400: the body does not have the form of the message.
    pub fn invalid_syntax(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::InvalidSyntax), detail)
    }

    /// 400: the attribute path cannot be read.
    pub(crate) fn invalid_path(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::InvalidPath), detail)
    }

    /// 400: the path selects nothing that the operation could work on.
    pub(crate) fn no_target(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::NoTarget), detail)
    }

    /// 400: a value is missing, too long or of the wrong type.
    pub fn invalid_value(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::InvalidValue), detail)
    }

    /// 400: the attribute may not be changed like this.
    pub fn mutability(detail: impl Into<String>) -> ScimError {
        ScimError::new(400, Some(ScimType::Mutability), detail)
    }

    /// 409: a value that must be unique is taken.
    pub fn uniqueness(detail: impl Into<String>) -> ScimError {
        ScimError::new(409, Some(ScimType::Uniqueness), detail)
    }

    /// 404: no such resource or endpoint.
    pub fn not_found(detail: impl Into<String>) -> ScimError {
        ScimError::new(404, None, detail)
    }

    /// 413: more than the server accepts in one request; `detail` names the limit.
    pub fn too_large(detail: impl Into<String>) -> ScimError {
        ScimError::new(413, None, detail)
    }

    /// The error message of RFC 7644 §3.12; `status` is a string there.
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_URN],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.as_str().into();
        }
        body
    }

    /// The same refusal with the index (from 0) of the PATCH or bulk operation that caused it.
    pub(crate) fn in_operation(self, index: usize) -> ScimError {
        ScimError { detail: format!("Operations[{index}]: {}", self.detail), ..self }
    }
}

impl From<JsonError> for ScimError {
    fn from(error: JsonError) -> ScimError {
        let detail = format!("the body cannot be read: {error}");
        match error.kind {
            JsonErrorKind::Syntax
            | JsonErrorKind::NotUtf8
            | JsonErrorKind::TooDeep
            | JsonErrorKind::DuplicateName => ScimError::invalid_syntax(detail),
            JsonErrorKind::TooMany => ScimError::too_large(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_string_and_absent_keyword_is_left_out() {
        assert_eq!(
            ScimError::uniqueness("userName is taken").to_json(),
            json!({"schemas": [ERROR_URN], "status": "409", "scimType": "uniqueness", "detail": "userName is taken"}),
        );
        assert_eq!(
            ScimError::not_found("no such User").to_json(),
            json!({"schemas": [ERROR_URN], "status": "404", "detail": "no such User"}),
        );
    }

    #[test]
    fn codes_are_one_to_thirteen_in_order() {
        assert_eq!(ScimType::from_code(0), None);
        assert_eq!(ScimType::from_code(14), None);
        for (index, one) in ScimType::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(one.code()), index + 1);
            assert_eq!(ScimType::from_code(one.code()), Some(one));
        }
    }
}
