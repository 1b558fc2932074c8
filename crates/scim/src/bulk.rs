//! Bulk requests (RFC 7644 §3.7): reading them, the order of their operations, and references
//! (`bulkId`) to resources that the same request creates.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{ScimError, ScimType};
use crate::patch::{take, take_operations};
use crate::schema::is_urn;

mod order;
#[cfg(test)]
mod tests;

/// The URN in the `schemas` of a bulk request.
pub const BULK_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// Maximum length, because the answer repeats each bulkId.
const BULK_ID_BYTES_MAX: usize = 1024;
const REFERENCE_PREFIX: &str = "bulkId:";

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// Stop after this many errors; `None`: try everything.
    pub fail_on_errors: Option<usize>,
    /// At least one, in the order of the body.
    pub operations: Vec<BulkOperation>,
}

/// One operation of a bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct BulkOperation {
    /// The method in upper case; empty if it is not a short word.
    pub method: String,
    /// The known method; `None` only with a `problem`.
    pub verb: Option<BulkMethod>,
    /// Path below the base URL, beginning with a slash, as written; may hold references.
    pub path: String,
    /// The name by which other operations refer to the resource. Only used for a POST.
    pub bulk_id: Option<String>,
    /// Entity tag that the resource must have.
    pub version: Option<String>,
    /// The body of the operation, except for DELETE or with a `problem`; [`BulkOperation::resolve`] takes
    /// it. For a PATCH always an object, even if the client sent the list of operations alone.
    pub data: Option<Value>,
    /// Why this operation fails without being tried. The other operations go on.
    pub problem: Option<ScimError>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of HTTP")]
pub enum BulkMethod {
    Post,
    Put,
    Patch,
    Delete,
}

/// An operation in which references are replaced by ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The path; unknown references are left in it.
    pub path: String,
    /// The body. For a POST without the attributes that refer to unknown resources.
    pub data: Option<Value>,
    /// Those attributes of a POST, in the shape of a resource. Once [`resolve_value`] can replace the
    /// references, this is the value for a PATCH `add` without a path.
    pub held_back: Option<Value>,
    /// The unknown references, out of [`BulkOperation::references`].
    pub unresolved: Vec<String>,
}

/// Reads a bulk request. Letter case of names and methods does not matter. `schemas` is ignored, because
/// the route says what the body is; [`crate::check_schemas`] checks it where an application wants that.
///
/// 400 `invalidSyntax` if the body is not an object, or `Operations` is not a list of at least one
/// object; 400 `invalidValue` for a `failOnErrors` that is not an integer from 0 (0: no limit); 413
/// above `operations_max`. Anything else wrong with one operation becomes its
/// [`BulkOperation::problem`].
///
/// Takes the body by value, so that a large one is not in memory twice.
pub fn parse_bulk(body: Value, operations_max: usize) -> Result<BulkRequest, ScimError> {
    let (body, given) = take_operations(body, operations_max)?;
    let fail_on_errors = match get(&body, "failOnErrors") {
        None => None,
        Some(value) => match value.as_u64() {
            // Some clients send 0 to have everything tried, although the RFC begins at 1.
            Some(0) => None,
            Some(count) => Some(usize::try_from(count).unwrap_or(usize::MAX)),
            None => return Err(ScimError::invalid_value("failOnErrors must be an integer from 0")),
        },
    };
    let mut taken = HashSet::new();
    let mut operations = Vec::with_capacity(given.len());
    for (index, one) in given.into_iter().enumerate() {
        let Value::Object(one) = one else {
            let error = ScimError::invalid_syntax("an operation must be an object");
            return Err(error.in_operation(index));
        };
        let mut operation = BulkOperation::read(one);
        let name = operation.bulk_id.as_ref().filter(|_| operation.verb == Some(BulkMethod::Post));
        if let Some(name) = name
            && !taken.insert(name.clone())
        {
            operation.problem.get_or_insert_with(|| {
                ScimError::invalid_value("another operation of the request has the same bulkId")
            });
        }
        operation.problem = operation.problem.map(|error| error.in_operation(index));
        operations.push(operation);
    }
    Ok(BulkRequest { fail_on_errors, operations })
}

impl BulkRequest {
    /// The order in which to do the operations, as indexes into [`BulkRequest::operations`]: each after
    /// the POSTs it refers to, otherwise as in the body. If operations refer to each other in a circle,
    /// the first one comes first, without what refers to the others.
    pub fn order(&self) -> Vec<usize> {
        order::order(&self.operations)
    }
}

impl BulkOperation {
    fn read(mut operation: Map<String, Value>) -> BulkOperation {
        let data = take(&mut operation, "data").filter(|data| !data.is_null());
        let operation = &operation;
        let mut problem = None;
        let mut refuse = |error: ScimError| {
            problem.get_or_insert(error);
        };
        let text = |name: &str| match get(operation, name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{name} must be a string")),
        };
        let method = get(operation, "method").and_then(Value::as_str).unwrap_or_default();
        let is_word = method.len() <= 16 && method.bytes().all(|c| c.is_ascii_alphabetic());
        let method = if is_word { method.to_ascii_uppercase() } else { String::new() };
        let verb = match method.as_str() {
            "POST" => Some(BulkMethod::Post),
            "PUT" => Some(BulkMethod::Put),
            "PATCH" => Some(BulkMethod::Patch),
            "DELETE" => Some(BulkMethod::Delete),
            _ => None,
        };
        if verb.is_none() {
            refuse(ScimError::invalid_syntax("method must be one of POST, PUT, PATCH and DELETE"));
        }
        let path = match text("path") {
            Ok(path) => path.unwrap_or_default(),
            Err(detail) => {
                refuse(ScimError::invalid_syntax(detail));
                String::new()
            }
        };
        // Two slashes begin a host name.
        if !path.starts_with('/') || path.starts_with("//") {
            refuse(ScimError::invalid_syntax("path must be relative to the base, such as /Users"));
        }
        let bulk_id = match text("bulkId") {
            Ok(Some(name)) if name.len() > BULK_ID_BYTES_MAX => {
                refuse(ScimError::invalid_value(format!(
                    "bulkId must be at most {BULK_ID_BYTES_MAX} bytes"
                )));
                None
            }
            Ok(name) => name.filter(|name| !name.is_empty()),
            Err(detail) => {
                refuse(ScimError::invalid_syntax(detail));
                None
            }
        };
        if verb == Some(BulkMethod::Post) && bulk_id.is_none() {
            refuse(ScimError::invalid_syntax("POST needs a bulkId"));
        }
        let version = text("version").unwrap_or_else(|detail| {
            refuse(ScimError::new(400, Some(ScimType::InvalidVers), detail));
            None
        });
        // The data of a DELETE is ignored.
        let takes_data = verb != Some(BulkMethod::Delete);
        // RFC 7644 §3.7 shows the operations of a PATCH without the object around them.
        let data = data.filter(|_| takes_data).map(|data| match data {
            list @ Value::Array(_) if verb == Some(BulkMethod::Patch) => {
                Value::Object(Map::from_iter([("Operations".to_owned(), list)]))
            }
            data => data,
        });
        if takes_data && data.is_none() {
            refuse(ScimError::invalid_syntax("POST, PUT and PATCH need data"));
        }
        BulkOperation { method, verb, path, bulk_id, version, data, problem }
    }

    /// The bulkIds that the operation refers to, each once. A reference is `bulkId:` (in any case) and
    /// the id, as a segment of the path or as a string in the data.
    pub fn references(&self) -> Vec<&str> {
        let mut found = Found::default();
        for segment in segments(&self.path) {
            found.add(segment);
        }
        if let Some(data) = &self.data {
            found.add_all(data);
            for name in self.patch_paths(data).into_iter().flat_map(quoted) {
                found.add_name(name);
            }
        }
        found.names
    }

    /// The paths of a PATCH, whose filters may hold references: `members[value eq "bulkId:x"]`.
    fn patch_paths<'a>(&self, data: &'a Value) -> Vec<&'a str> {
        let operations = data.as_object().and_then(|data| get(data, "Operations"));
        let operations = operations.and_then(Value::as_array).filter(|_| self.is_patch());
        let operations = operations.into_iter().flatten().filter_map(Value::as_object);
        operations.filter_map(|one| get(one, "path")?.as_str()).collect()
    }

    fn is_patch(&self) -> bool {
        self.verb == Some(BulkMethod::Patch)
    }

    /// Takes the data and replaces references by ids. For a POST, what refers to a resource that does not
    /// exist yet is held back: elements of a list, or else the whole attribute. Other operations keep
    /// their unknown references.
    pub fn resolve(&mut self, id_of: &dyn Fn(&str) -> Option<String>) -> Resolved {
        let mut unresolved = Vec::new();
        for name in self.references() {
            if id_of(name).is_none() {
                unresolved.push(name.to_owned());
            }
        }
        let (address, query) = split_query(&self.path);
        let segments: Vec<String> = address
            .split('/')
            .map(|segment| reference(segment).and_then(id_of).unwrap_or_else(|| segment.to_owned()))
            .collect();
        let path = segments.join("/") + query;
        let mut data = self.data.take();
        if let Some(data) = data.as_mut().filter(|_| self.is_patch()) {
            replace_in_paths(data, id_of);
        }
        if let Some(data) = &mut data {
            replace_in(data, id_of);
        }
        let mut held_back = None;
        if self.verb == Some(BulkMethod::Post)
            && let Some(Value::Object(resource)) = &mut data
        {
            let held = hold_back(resource, id_of);
            held_back = (!held.is_empty()).then_some(Value::Object(held));
        }
        Resolved { path, data, held_back, unresolved }
    }
}

/// Replaces references by ids anywhere in a value. Also returns the bulkIds that are still unknown, each
/// once.
pub fn resolve_value(
    value: &Value,
    id_of: &dyn Fn(&str) -> Option<String>,
) -> (Value, Vec<String>) {
    let mut found = Found::default();
    found.add_all(value);
    let unknown = found.names.into_iter().filter(|name| id_of(name).is_none());
    let unresolved = unknown.map(str::to_owned).collect();
    let mut value = value.clone();
    replace_in(&mut value, id_of);
    (value, unresolved)
}

fn get<'a>(object: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    let found = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// The bulkId that a text refers to.
fn reference(text: &str) -> Option<&str> {
    let (prefix, name) = text.split_at_checked(REFERENCE_PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(REFERENCE_PREFIX) && !name.is_empty()).then_some(name)
}

/// Distinct references in the order in which they are found.
#[derive(Default)]
struct Found<'a> {
    names: Vec<&'a str>,
    seen: HashSet<&'a str>,
}

impl<'a> Found<'a> {
    fn add(&mut self, text: &'a str) {
        if let Some(name) = reference(text) {
            self.add_name(name);
        }
    }

    fn add_name(&mut self, name: &'a str) {
        if self.seen.insert(name) {
            self.names.push(name);
        }
    }

    /// The recursion is as deep as the value, which [`crate::Bounds`] limits.
    fn add_all(&mut self, value: &'a Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(list) => list.iter().for_each(|one| self.add_all(one)),
            Value::Object(object) => object.values().for_each(|one| self.add_all(one)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The address, and the query with its question mark.
fn split_query(path: &str) -> (&str, &str) {
    path.split_at(path.find('?').unwrap_or(path.len()))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    split_query(path).0.split('/')
}

/// The references among the quoted strings of a filter.
fn quoted(path: &str) -> impl Iterator<Item = &str> {
    path.split('"').skip(1).step_by(2).filter_map(reference)
}

fn replace_in_paths(data: &mut Value, id_of: &dyn Fn(&str) -> Option<String>) {
    let operations = data.as_object_mut().into_iter().flatten();
    let operations = operations.filter(|(name, _)| name.eq_ignore_ascii_case("Operations"));
    for operation in operations.filter_map(|(_, list)| list.as_array_mut()).flatten() {
        for (name, path) in operation.as_object_mut().into_iter().flatten() {
            if let (true, Value::String(path)) = (name.eq_ignore_ascii_case("path"), path) {
                let texts: Vec<String> = path
                    .split('"')
                    .enumerate()
                    .map(|(place, text)| {
                        let id = reference(text).filter(|_| place % 2 == 1).and_then(id_of);
                        id.unwrap_or_else(|| text.to_owned())
                    })
                    .collect();
                *path = texts.join("\"");
            }
        }
    }
}

fn replace_in(value: &mut Value, id_of: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(id) = reference(text).and_then(id_of) {
                *text = id;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| replace_in(one, id_of)),
        Value::Object(object) => object.values_mut().for_each(|one| replace_in(one, id_of)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Removes the attributes, and the elements of lists, that hold unknown references from a resource or an
/// extension, and returns them.
fn hold_back(
    object: &mut Map<String, Value>,
    id_of: &dyn Fn(&str) -> Option<String>,
) -> Map<String, Value> {
    let is_held = |value: &Value| refers_to_unknown(value, id_of);
    let mut held = Map::new();
    object.retain(|name, value| {
        if !is_held(value) {
            return true;
        }
        let taken = match &mut *value {
            Value::Object(extension) if is_urn(name) => Value::Object(hold_back(extension, id_of)),
            Value::Array(list) => {
                let (taken, left) = std::mem::take(list).into_iter().partition(&is_held);
                *list = left;
                Value::Array(taken)
            }
            // Hold a complex value back as a whole: some of its parts may be required.
            whole => whole.take(),
        };
        held.insert(name.clone(), taken);
        !crate::value::is_unassigned(value)
    });
    held
}

fn refers_to_unknown(value: &Value, id_of: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut found = Found::default();
    found.add_all(value);
    found.names.into_iter().any(|name| id_of(name).is_none())
}
