//! PATCH (RFC 7644 §3.5.2) as a function: what was stored and the operations give what is to be stored.

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

/// What the body of a PATCH is, in its `schemas` (RFC 7644 §3.5.2).
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// One operation as the client wrote it; its path means something only for a resource type.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchOperation {
    /// What to do.
    pub op: PatchOp,
    /// Where; `None` is the resource itself, and so is an empty path in a body.
    pub path: Option<String>,
    /// With what. `add` and `replace` need one, and `null` there unassigns; a `remove` means the same
    /// with `null` as without.
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

/// What a PATCH leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The new attributes, as in [`crate::Resource::attributes`].
    pub attributes: Map<String, Value>,
    /// What happens to the members of a group, in this order. They are no part of the attributes: a
    /// group may have more of them than one wants to load.
    pub members: Vec<MemberOperation>,
    /// What no schema has and was passed over; as in [`crate::Resource::unknown`].
    pub unknown: BTreeSet<String>,
}

/// A change of the members of a group. Ids are as the client wrote them; whether they are members is not
/// known here, and no error for any of these.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberOperation {
    /// These become members, if they are not.
    Add(Vec<Member>),
    /// These are members no longer.
    Remove(Vec<String>),
    /// Whoever matches is a member no longer; see [`Filter::matches_member`]. Never a filter that only
    /// names ids, which is a `Remove`.
    RemoveMatching(Filter),
    /// The group becomes empty.
    RemoveAll,
    /// These are all members.
    Replace(Vec<Member>),
}

/// Reads the envelope. Names and `op` in any case; `schemas` is not looked at, since the route says what
/// the body is ([`crate::check_schemas`] does, where an application wants it). 400 `invalidSyntax` for
/// what is no PATCH, 413 above `operations_max`.
///
/// Takes the body: a large one should not stand in memory twice.
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

/// Takes `Operations` out of the envelope that PATCH and Bulk have in common, and gives the rest of it too.
/// 400 `invalidSyntax` for what is none, 413 above `operations_max`.
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

/// Takes the member of a name, in any case, out of an object.
pub(crate) fn take(object: &mut Map<String, Value>, wanted: &str) -> Option<Value> {
    let name = object.keys().find(|name| name.eq_ignore_ascii_case(wanted))?.clone();
    object.remove(&name)
}

/// Applies the operations in order, each on the result of the one before; all of them or, on the first
/// error, none. Whether anything changed shows in [`crate::diff`].
///
/// Where the RFC leaves room, the reading is the one clients rely on:
/// - attributes that no schema has are passed over, unless [`Settings::patch_miss`] wants the letter of
///   the RFC; so is `password`, which is never kept;
/// - without a path, readOnly attributes are passed over too: clients send back what they read;
/// - a filter made of `eq` that matches nothing makes the element it describes
///   ([`Settings::patch_miss`] for `replace`), so that several operations with the same filter meet in
///   one element; it gets `primary` only if the client says so;
/// - `remove` of a list with a value removes just that;
/// - an element left with nothing but `type` and `primary` goes.
///
/// 400 `invalidValue` for a list that grows beyond [`crate::ELEMENTS_MAX`]; 413 above
/// [`crate::MEMBERS_MAX`] and [`crate::LOOKED_AT_MAX`], which hold for all operations together, and
/// [`crate::RESOURCE_BYTES_MAX`], which holds for the result.
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

fn apply(
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
