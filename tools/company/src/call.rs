//! Turns a step into the HTTP request of a provisioning client, and notes its answer.

use event::{Flag, FlagKind, Timestamp};
use serde_json::{Value, json};

use crate::book::{Book, Operation};
use crate::company::Matching;
use crate::mapping::{self, Attribute, USER_NAME, body, value_of};
use crate::provider::{Edit, Refusal, Step};
use crate::random::Random;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// A schema that such clients add; harmless.
const DIRECTORY_GROUP: &str =
    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A request to be sent.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Below the application's base address.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// Whether it has the valid token.
    pub(crate) authenticated: bool,
    /// Method and resource type.
    pub(crate) name: &'static str,
    /// The status that the script expects.
    pub(crate) expected: u16,
    /// The flags that the script expects.
    pub(crate) flags: Vec<Flag>,
}

impl Call {
    fn new(method: &'static str, name: &'static str, path: String, expected: u16) -> Call {
        let (body, authenticated, flags) = (None, true, vec![]);
        Call { method, path, body, authenticated, name, expected, flags }
    }

    fn with(mut self, body: Value) -> Call {
        self.body = Some(body);
        self
    }

    fn flagged(mut self, kind: FlagKind, attribute: Attribute) -> Call {
        self.flags.push(Flag { kind, path: attribute.path() });
        self
    }

    /// Expects the flag of the old mapping, if a write still uses it.
    fn sets(self, mut attributes: impl Iterator<Item = Attribute>) -> Call {
        let (_, old) = mapping::OLD;
        match attributes.any(|attribute| attribute == old) {
            true => self.flagged(FlagKind::OutsideProfile, old),
            false => self,
        }
    }
}

/// The request of a step; `None` if it names an account or group that was never created.
pub(crate) fn call(step: &Step, book: &Book, random: &mut Random) -> Option<Call> {
    let user = |person: &usize| Some(format!("/Users/{}", book.user_id(*person)?));
    let group = |group: &usize| Some(format!("/Groups/{}", book.group_id(*group)?));
    let found = match step {
        Step::Probe => Call::new("GET", "GET User", lookup("userName", &random.uuid()), 200),
        Step::ProbeRefused => Call {
            authenticated: false,
            ..Call::new("GET", "GET User", lookup("userName", &random.uuid()), 401)
        },
        Step::LookupUser { by: Matching::UserName, value, .. } => {
            Call::new("GET", "GET User", lookup("userName", value), 200)
        }
        Step::LookupUser { by: Matching::ExternalId, value, .. } => {
            Call::new("GET", "GET User", lookup("externalId", value), 200)
                .flagged(FlagKind::NotFilterable, mapping::EXTERNAL_ID)
        }
        Step::CreateUser { values, .. } => Call::new("POST", "POST User", "/Users".to_owned(), 201)
            .with(body(values))
            .sets(values.iter().map(|(attribute, _)| *attribute)),
        // Refused requests have no flags.
        Step::CreateRefused { values, refusal, .. } => {
            let mut body = body(values);
            let status = match refusal {
                Refusal::BadValue => {
                    body["active"] = mapping::BAD_ACTIVE.into();
                    400
                }
                Refusal::Taken => 409,
            };
            Call::new("POST", "POST User", "/Users".to_owned(), status).with(body)
        }
        Step::ReadUser { person } => Call::new("GET", "GET User", user(person)?, 200),
        Step::ReadDeleted { person } => {
            Call::new("GET", "GET User", format!("/Users/{}", book.deleted_id(*person)?), 404)
        }
        Step::PatchUser { person, edits, .. } => {
            let operations = edits.iter().map(operation).collect();
            Call::new("PATCH", "PATCH User", user(person)?, 200).with(patch(operations)).sets(
                edits.iter().filter_map(|edit| match edit {
                    Edit::Set(attribute, _) => Some(*attribute),
                    Edit::Active(_) => None,
                }),
            )
        }
        Step::DeleteUser { person } => Call::new("DELETE", "DELETE User", user(person)?, 204),
        Step::LookupGroup { name } => {
            let path = format!(
                "/Groups?excludedAttributes=members&filter={}",
                escaped(&format!("displayName eq \"{name}\""))
            );
            Call::new("GET", "GET Group", path, 200)
        }
        Step::CreateGroup { name, external_id, .. } => {
            let body = json!({
                "schemas": [GROUP, DIRECTORY_GROUP],
                "externalId": external_id,
                "displayName": name,
                "meta": {"resourceType": "Group"},
            });
            Call::new("POST", "POST Group", "/Groups".to_owned(), 201).with(body)
        }
        Step::RenameGroup { group: number, name } => {
            let rename = json!({"op": "Replace", "path": "displayName", "value": name});
            Call::new("PATCH", "PATCH Group", group(number)?, 204).with(patch(vec![rename]))
        }
        Step::ReadGroup { group: number } => {
            let path = group(number)? + "?excludedAttributes=members";
            Call::new("GET", "GET Group", path, 200)
        }
        Step::AddMembers { group: number, people } => {
            let value = people
                .iter()
                .map(|person| Some(json!({"$ref": null, "value": book.user_id(*person)?})));
            let value: Option<Vec<Value>> = value.collect();
            let add = json!({"op": "Add", "path": "members", "value": value?});
            Call::new("PATCH", "PATCH Group", group(number)?, 204).with(patch(vec![add]))
        }
        Step::RemoveMembers { group: number, people } => {
            let value = people.iter().map(|person| Some(json!({"value": book.user_id(*person)?})));
            let value: Option<Vec<Value>> = value.collect();
            let remove = json!({"op": "Remove", "path": "members", "value": value?});
            Call::new("PATCH", "PATCH Group", group(number)?, 204).with(patch(vec![remove]))
        }
    };
    Some(found)
}

/// Notes an answer that is as the script expects.
pub(crate) fn note(step: &Step, call: &Call, answer: &Value, at: Timestamp, book: &mut Book) {
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
    let mut concerned = None;
    match step {
        Step::CreateUser { person, values } => {
            let user_name = value_of(values, USER_NAME).unwrap_or_default();
            book.user_created(*person, id, user_name.to_owned(), at);
            concerned = Some(*person);
        }
        Step::CreateRefused { person, .. } | Step::ReadUser { person } => concerned = Some(*person),
        Step::PatchUser { person, edits, .. } => {
            for edit in edits {
                match edit {
                    Edit::Active(active) => book.user_switched(*person, *active, at),
                    Edit::Set(USER_NAME, value) => book.user_renamed(*person, value.clone(), at),
                    Edit::Set(..) => {}
                }
            }
            concerned = Some(*person);
        }
        Step::DeleteUser { person } => {
            book.user_deleted(*person, at);
            concerned = Some(*person);
        }
        Step::CreateGroup { group, .. } => book.group_created(*group, id),
        Step::AddMembers { group, people } => book.members_added(*group, people, at),
        Step::RemoveMembers { group, people } => book.members_removed(*group, people, at),
        Step::Probe
        | Step::ProbeRefused
        | Step::LookupUser { .. }
        | Step::ReadDeleted { .. }
        | Step::LookupGroup { .. }
        | Step::RenameGroup { .. }
        | Step::ReadGroup { .. } => {}
    }
    let (name, status, flags) = (call.name, call.expected, call.flags.clone());
    book.operations.push(Operation { at, name, status, flags, person: concerned });
}

fn lookup(attribute: &str, value: &str) -> String {
    format!("/Users?filter={}", escaped(&format!("{attribute} eq \"{value}\"")))
}

/// A value of a query, percent-encoded.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn patch(operations: Vec<Value>) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// One operation in the client's dialect: capital letters, `active` as a text.
fn operation(edit: &Edit) -> Value {
    let (path, value) = match edit {
        Edit::Active(true) => ("active".to_owned(), "True"),
        Edit::Active(false) => ("active".to_owned(), "False"),
        Edit::Set(attribute, value) => (attribute.path(), value.as_str()),
    };
    json!({"op": "Replace", "path": path, "value": value})
}
