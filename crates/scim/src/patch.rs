//! PATCH (RFC 7644 §3.5.2) as a function from the stored resource and the operations to the new resource.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::draft::{Draft, Mode};
use crate::error::ScimError;
use crate::filter::Filter;
use crate::limits::check_size;
use crate::member::Member;
use crate::patch_path::PatchPath;
use crate::resource::{check_immutable, validate};
use crate::schema::{Registry, ResourceType};
use crate::settings::Settings;

/// The URN in the `schemas` of a PATCH body (RFC 7644 §3.5.2).
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// One operation as the client wrote it. Its path is not parsed yet, which needs the resource type.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchOperation {
    /// What to do.
    pub op: PatchOp,
    /// The target; `None`, or an empty path in the body, is the resource itself.
    pub path: Option<String>,
    /// The value. `add` and `replace` need one, and `null` unassigns. For `remove`, `null` is the same as
    /// no value.
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum PatchOp {
    Add,
    Remove,
    Replace,
}

/// The result of a PATCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The new attributes, as in [`crate::Resource::attributes`].
    pub attributes: Map<String, Value>,
    /// The changes of a group's members, in order. Members are not among the attributes, because a group
    /// may have too many to load.
    pub members: Vec<MemberOperation>,
    /// Ignored names that no schema has; as in [`crate::Resource::unknown`].
    pub unknown: BTreeSet<String>,
}

/// A change of the members of a group. Ids are as the client wrote them. Adding a member that is one
/// already or removing one that is not is no error.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberOperation {
    /// Add these members.
    Add(Vec<Member>),
    /// Remove these members.
    Remove(Vec<String>),
    /// Remove the members that match; see [`Filter::matches_member`]. A filter that only names ids
    /// becomes a `Remove` instead.
    RemoveMatching(Filter),
    /// Remove all members.
    RemoveAll,
    /// Replace all members by these.
    Replace(Vec<Member>),
}

/// Reads a PATCH body. Letter case of names and `op` does not matter. `schemas` is ignored, because the
/// route says what the body is; [`crate::check_schemas`] checks it where an application wants that. 400
/// `invalidSyntax` if it is not a PATCH, 413 above `operations_max`.
///
/// Takes the body by value, so that a large one is not in memory twice.
pub fn parse_patch(body: Value, operations_max: usize) -> Result<Vec<PatchOperation>, ScimError> {
    let (_, operations) = take_operations(body, operations_max)?;
    operations
        .into_iter()
        .enumerate()
        .map(|(index, one)| read_operation(one).map_err(|error| error.in_operation(index)))
        .collect()
}

fn read_operation(operation: Value) -> Result<PatchOperation, ScimError> {
    let Value::Object(mut operation) = operation else {
        return Err(ScimError::invalid_syntax("an operation must be an object"));
    };
    let op = match take(&mut operation, "op").as_ref().and_then(Value::as_str) {
        Some(op) if op.eq_ignore_ascii_case("add") => PatchOp::Add,
        Some(op) if op.eq_ignore_ascii_case("remove") => PatchOp::Remove,
        Some(op) if op.eq_ignore_ascii_case("replace") => PatchOp::Replace,
        _ => {
            return Err(ScimError::invalid_syntax("op must be one of add, remove and replace"));
        }
    };
    let path = match take(&mut operation, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.is_empty() => None,
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err(ScimError::invalid_syntax("path must be a string")),
    };
    Ok(PatchOperation { op, path, value: take(&mut operation, "value") })
}

/// Splits the body of a PATCH or Bulk request into the rest and its `Operations`. 400 `invalidSyntax` if
/// there are none, 413 above `operations_max`.
pub(crate) fn take_operations(
    body: Value,
    operations_max: usize,
) -> Result<(Map<String, Value>, Vec<Value>), ScimError> {
    let Value::Object(mut body) = body else {
        return Err(ScimError::invalid_syntax("the body must be a JSON object"));
    };
    let operations = match take(&mut body, "Operations") {
        Some(Value::Array(operations)) if !operations.is_empty() => operations,
        _ => {
            return Err(ScimError::invalid_syntax(
                "Operations must be a list of at least one operation",
            ));
        }
    };
    if operations.len() > operations_max {
        return Err(ScimError::too_large(format!(
            "more than {operations_max} operations in one request"
        )));
    }
    Ok((body, operations))
}

/// Removes the member with a name, in any case, from an object.
pub(crate) fn take(object: &mut Map<String, Value>, wanted: &str) -> Option<Value> {
    let name = object.keys().find(|name| name.eq_ignore_ascii_case(wanted))?.clone();
    object.remove(&name)
}

/// Applies the operations in order, each to the result of the one before: all of them, or none if one
/// fails. [`crate::diff`] tells whether anything changed.
///
/// Where the RFC leaves room, this does what clients rely on:
/// - attributes that no schema has are ignored, unless [`Settings::patch_miss`] says to refuse them;
///   `password` is ignored too, and never stored;
/// - without a path, readOnly attributes are ignored, because clients send back what they read;
/// - if a filter made only of `eq` matches nothing, the element that it describes is created (for `replace`
///   depending on [`Settings::patch_miss`]), so that several operations with the same filter change the
///   same element; it is `primary` only if the client says so;
/// - `remove` of a list with a value removes only that value;
/// - an element with nothing left but `type` and `primary` is removed.
///
/// 400 `invalidValue` for a list that grows beyond [`crate::ELEMENTS_MAX`]; 413 above
/// [`crate::MEMBERS_MAX`] and [`crate::LOOKED_AT_MAX`], for all operations together, and above
/// [`crate::RESOURCE_BYTES_MAX`], for the result.
pub fn apply_patch(
    rt: &ResourceType,
    registry: &Registry,
    settings: &Settings,
    attributes: &Map<String, Value>,
    operations: &[PatchOperation],
) -> Result<Patched, ScimError> {
    let mut draft = Draft::new(rt, registry, settings, attributes.clone());
    for (index, operation) in operations.iter().enumerate() {
        apply(&mut draft, rt, registry, operation).map_err(|error| error.in_operation(index))?;
    }
    validate(rt, registry, &draft.attributes)?;
    check_immutable(rt, registry, attributes, &draft.attributes)?;
    check_size(&draft.attributes)?;
    let (attributes, members, unknown) = draft.into_parts();
    Ok(Patched { attributes, members, unknown })
}

/// Applies one operation.
pub(crate) fn apply(
    draft: &mut Draft<'_>,
    rt: &ResourceType,
    registry: &Registry,
    operation: &PatchOperation,
) -> Result<(), ScimError> {
    let path = match &operation.path {
        Some(path) => Some(PatchPath::parse(rt, registry, path)?),
        None => None,
    };
    if let Some(path) = &path {
        draft.check_known(path)?;
    }
    let mode = match operation.op {
        PatchOp::Add => Mode::Add,
        PatchOp::Replace => Mode::Replace,
        PatchOp::Remove => {
            return match path {
                Some(path) => draft.remove(&path, operation.value.as_ref()),
                None => Err(ScimError::no_target("remove needs a path")),
            };
        }
    };
    match (path, &operation.value) {
        (_, None) => Err(ScimError::invalid_value("add and replace need a value")),
        (Some(path), Some(value)) => draft.set(mode, &path, value),
        (None, Some(Value::Object(object))) => draft.merge(mode, object),
        (None, Some(_)) => {
            Err(ScimError::invalid_value("without a path the value must be an object"))
        }
    }
}

#[cfg(test)]
mod tests;
