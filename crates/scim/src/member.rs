//! Reads the members of a group in all the forms that clients and upstreams use. Everything that reads
//! members does it here: POST, PUT, PATCH and its filters, Bulk, and the proxy.

use serde_json::{Value, json};

use crate::error::ScimError;
use crate::limits::Budget;
use crate::path::AttrPath;
use crate::schema::Registry;
use crate::value::{LOOKUP_BYTES_MAX, is_unassigned, wrong};

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The SCIM id of the member, or its address, as the client wrote it: see [`MemberId`].
    pub value: String,
    /// The resource type, if the client sent it.
    pub kind: Option<String>,
    /// The display name, if the client sent it. Only used for a member that does not exist.
    pub display: Option<String>,
}

impl Member {
    /// The member as in a SCIM body.
    pub fn to_json(&self) -> Value {
        let mut out = json!({"value": self.value});
        for (name, text) in [("type", &self.kind), ("display", &self.display)] {
            if let Some(text) = text {
                out[name] = text.as_str().into();
            }
        }
        out
    }

    pub(crate) fn path() -> AttrPath {
        AttrPath { schema: None, attribute: "members".to_owned(), sub: None }
    }

    /// Whether a path is that of `members` or of one of its parts.
    pub(crate) fn is_at(path: &AttrPath) -> bool {
        path.schema.is_none() && path.attribute == "members"
    }

    /// Reads a list of members, or a single one: each an object with `value` or only `$ref`, or a bare
    /// id. Duplicates are dropped; the first one counts.
    pub(crate) fn read_list(value: &Value, budget: &mut Budget) -> Result<Vec<Member>, ScimError> {
        let given = match value {
            Value::Null => [].as_slice(),
            Value::Object(object) if object.is_empty() => [].as_slice(),
            Value::Array(items) => items,
            single => std::slice::from_ref(single),
        };
        budget.members(given.len())?;
        let mut seen = std::collections::HashSet::with_capacity(given.len());
        let mut members = Vec::with_capacity(given.len());
        for item in given {
            let member = Member::read(item)?;
            if seen.insert(member.value.clone()) {
                members.push(member);
            }
        }
        Ok(members)
    }

    /// Reads a client's member.
    fn read(item: &Value) -> Result<Member, ScimError> {
        let member = Member::read_any(item)?;
        check_member_id(&member.value)?;
        Ok(member)
    }

    /// Reads a member without checking the form of its id, which may be empty.
    pub(crate) fn read_any(item: &Value) -> Result<Member, ScimError> {
        let path = Member::path();
        let (value, address, kind, display) = match item {
            Value::String(_) => (Some(item), None, None, None),
            Value::Object(object) => {
                let get = |wanted: &str| {
                    let mut entries = object.iter();
                    let found = entries.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                    found.map(|(_, value)| value).filter(|one| !is_unassigned(one))
                };
                // Some clients send `displayName`, as in the group itself.
                let display = get("display").or_else(|| get("displayName"));
                (get("value"), get("$ref"), get("type"), display)
            }
            _ => return Err(wrong(&path, "a list of objects with a value")),
        };
        let text = |sub: &str, value: &Value| match value {
            Value::String(text) if text.len() > LOOKUP_BYTES_MAX => {
                Err(wrong(&path.with_sub(Some(sub)), &format!("at most {LOOKUP_BYTES_MAX} bytes")))
            }
            Value::String(text) => Ok(text.clone()),
            _ => Err(wrong(&path.with_sub(Some(sub)), "a string")),
        };
        let value = match (value, address) {
            (None, Some(address)) => text("$ref", address)?,
            (Some(value), _) => text("value", value)?,
            (None, None) => String::new(),
        };
        let kind = kind.map(|kind| text("type", kind)).transpose()?;
        let display = display.and_then(Value::as_str);
        let display = display.filter(|text| !text.is_empty() && text.len() <= LOOKUP_BYTES_MAX);
        Ok(Member {
            value,
            kind: kind.filter(|kind| !kind.is_empty()),
            display: display.map(str::to_owned),
        })
    }
}

/// Refuses, with 400 `invalidValue`, what cannot be a member's id or address: an empty string, JSON
/// within a string, a string quoted twice, control or invisible characters, white space around it.
/// Recorded as an unknown member, it would hide whether the intended member is in the group.
pub fn check_member_id(text: &str) -> Result<(), ScimError> {
    let is_json = text.starts_with(['[', '{', '"']) || ["null", "true", "false"].contains(&text);
    let is_padded = text.trim() != text;
    if text.is_empty() || is_json || is_padded || text.contains(is_unseen) {
        let detail = "the id of the member, as its resource has it";
        return Err(wrong(&Member::path().with_sub(Some("value")), detail));
    }
    Ok(())
}

/// Whether a character is invisible: a control or format character, as text copied from a document or
/// table may contain.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What a member's `value` or `$ref` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberId<'a> {
    /// An id.
    Id(&'a str),
    /// The id at the end of the address of one of our resources; still percent-encoded.
    Addressed(&'a str),
    /// Another address.
    Elsewhere,
}

impl<'a> MemberId<'a> {
    /// Distinguishes ids from addresses. `base_url` is the application's, without a slash at its end. An
    /// address is absolute, begins with the path of the base, or is relative to the base or to one of its
    /// resources (RFC 7643 §2.3.7, RFC 3986 §4.2). The base and the resource type's part of the path are
    /// compared without letter case.
    pub fn of(text: &'a str, base_url: &str, registry: &Registry) -> MemberId<'a> {
        let has_scheme = text.contains("://");
        let below = match text.get(..base_url.len()) {
            Some(head) if head.eq_ignore_ascii_case(base_url) => &text[base_url.len()..],
            _ if has_scheme => return MemberId::Elsewhere,
            _ => match strip_prefix_in_any_case(text, path_of(base_url)) {
                Some(below) if below.starts_with('/') => below,
                _ => text.strip_prefix("..").unwrap_or(text),
            },
        };
        let path = below.strip_prefix('/').unwrap_or(below);
        match path.split_once('/') {
            None if has_scheme => MemberId::Elsewhere,
            None => MemberId::Id(text),
            Some((segment, id)) => {
                let id = id.strip_suffix('/').unwrap_or(id);
                let is_served = registry.resource_type_at(&segment.to_lowercase()).is_some();
                let is_id = !id.is_empty() && !id.contains(['/', '?', '#']);
                match is_served && is_id {
                    true => MemberId::Addressed(id),
                    false if has_scheme || text.starts_with(['/', '.']) => MemberId::Elsewhere,
                    false => MemberId::Id(text),
                }
            }
        }
    }
}

/// The path of an absolute URL, beginning with its slash; empty if it has none.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

fn strip_prefix_in_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    (!prefix.is_empty() && head.eq_ignore_ascii_case(prefix)).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["u-1", "42", "7f0c 3", "Ærlig", "a[b]", "it's", "nullable", "x{y}"] {
            assert_eq!(check_member_id(id), Ok(()), "{id}");
        }
        for text in [
            "",
            " ",
            " u-1",
            "u-1 ",
            "u-1\n",
            "\u{a0}u-1",
            "u\0-1",
            "u\u{7f}",
            "u-1\u{85}",
            "u-1\u{200b}",
            "\u{feff}u-1",
            "\u{200e}u-1",
            "u\u{ad}-1",
            r#"[{"value":"u-1"}]"#,
            r#"{"value":"u-1"}"#,
            r#"["u-1"]"#,
            r#""u-1""#,
            "[u-1",
            "['u-1']",
            "{u-1}",
            "null",
            "[]",
        ] {
            let error = check_member_id(text).unwrap_err();
            assert_eq!(error.status, 400, "{text:?}");
            assert!(error.detail.starts_with("members.value"), "{error}");
        }
    }

    #[test]
    fn ids_are_taken_out_of_addresses_of_ours() {
        #[track_caller]
        fn check(text: &str, expected: MemberId<'_>) {
            let base = "https://log.example/apps/boat/scim/v2";
            assert_eq!(MemberId::of(text, base, Registry::core()), expected, "{text}");
        }
        for text in [
            "https://log.example/apps/boat/scim/v2/Users/u-1",
            "HTTPS://LOG.example/apps/boat/scim/v2/users/u-1",
            "https://log.example/apps/boat/scim/v2/Groups/u-1/",
            "../Users/u-1",
            "/apps/boat/scim/v2/Users/u-1",
            "/APPS/boat/scim/v2/users/u-1",
            "/Users/u-1",
            "Users/u-1",
            "groups/u-1",
        ] {
            check(text, MemberId::Addressed("u-1"));
        }
        check("../Users/a%20b", MemberId::Addressed("a%20b"));
        for text in [
            "https://other.example/apps/boat/scim/v2/Users/u-1",
            "https://log.example/apps/ship/scim/v2/Users/u-1",
            "https://log.example/apps/boat/scim/v2/Boats/u-1",
            "https://log.example/apps/boat/scim/v2/Users",
            "https://log.example/apps/boat/scim/v2/Users/",
            "https://log.example/apps/boat/scim/v2/Users/u-1/x",
            "https://log.example/apps/boat/scim/v2/Users?filter=x",
            "https://log.example/apps/boat/scim/v2",
            "../Boats/u-1",
            "/Users/",
            "/Users/u-1/x",
        ] {
            check(text, MemberId::Elsewhere);
        }
        for text in ["u-1", "a/b", "Boats/1", "urn:x:1", "", "..", "mira@fjord.example"] {
            check(text, MemberId::Id(text));
        }
    }
}
