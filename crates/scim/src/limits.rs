//! Limits on the work and the result of one request. [`crate::Bounds`] limits the body itself; this
//! limits what a small body can ask for.

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::path::AttrPath;

/// Elements of one multi-valued attribute, except members.
pub const ELEMENTS_MAX: usize = 1_000;
/// Members that one request names, in all its operations, repeated ones included.
pub const MEMBERS_MAX: usize = 50_000;
/// Attributes of one resource, in bytes of canonical JSON.
pub const RESOURCE_BYTES_MAX: usize = 1024 * 1024;
/// Elements of multi-valued attributes that one request looks at, in all its operations. Long elements
/// and filters count several times, by the amount of data to compare.
pub const LOOKED_AT_MAX: usize = 200_000;

/// An element counts once more for each of these bytes.
pub(crate) const ELEMENT_BYTES: usize = 128;

/// What is left of the limits for one request.
pub(crate) struct Budget {
    elements: usize,
    members: usize,
}

impl Budget {
    pub(crate) fn new() -> Budget {
        Budget { elements: LOOKED_AT_MAX, members: MEMBERS_MAX }
    }

    /// Charges for comparing each element of a list once.
    pub(crate) fn look(&mut self, list: &[Value]) -> Result<(), ScimError> {
        self.look_often(list, 1)
    }

    /// Charges for comparing each element of a list this many times.
    pub(crate) fn look_often(&mut self, list: &[Value], times: usize) -> Result<(), ScimError> {
        let once: usize = list.iter().map(|element| 1 + size(element) / ELEMENT_BYTES).sum();
        self.elements = self.elements.checked_sub(once.saturating_mul(times)).ok_or_else(|| {
            ScimError::too_large(format!(
                "the request looks at more than {LOOKED_AT_MAX} elements of multi-valued \
                     attributes: send its operations in several requests"
            ))
        })?;
        Ok(())
    }

    /// Charges for this many members.
    pub(crate) fn members(&mut self, count: usize) -> Result<(), ScimError> {
        self.members = self.members.checked_sub(count).ok_or_else(|| {
            ScimError::too_large(format!("more than {MEMBERS_MAX} members in one request"))
        })?;
        Ok(())
    }
}

/// Refuses a list with too many elements.
pub(crate) fn check_length(path: &AttrPath, length: usize) -> Result<(), ScimError> {
    if length > ELEMENTS_MAX {
        return Err(ScimError::invalid_value(format!(
            "{path} must have at most {ELEMENTS_MAX} elements"
        )));
    }
    Ok(())
}

/// Refuses parts that would make the resource too large once set in this many elements.
pub(crate) fn check_parts(
    parts: &[(&str, Option<Value>)],
    elements: usize,
) -> Result<(), ScimError> {
    let once: usize = parts.iter().filter_map(|(_, value)| value.as_ref()).map(size).sum();
    if once.saturating_mul(elements) > RESOURCE_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

/// Refuses a resource that is too large.
pub(crate) fn check_size(attributes: &Map<String, Value>) -> Result<(), ScimError> {
    let bytes = canonical::object(attributes).len();
    if bytes <= RESOURCE_BYTES_MAX { Ok(()) } else { Err(too_large()) }
}

fn too_large() -> ScimError {
    ScimError::too_large(format!(
        "the attributes of the resource are more than {RESOURCE_BYTES_MAX} bytes"
    ))
}

/// The approximate number of bytes to compare; never more than the value has as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(object) => object.iter().map(|(name, value)| name.len() + size(value)).sum(),
    }
}

#[cfg(test)]
mod tests;
