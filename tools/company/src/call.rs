//! A step as the HTTP request of a provisioning client, and what its answer means.

use event::Timestamp;
use serde_json::{Value, json};

use crate::book::{Book, Operation};
use crate::company::{Matching, Person, user_name};
use crate::provider::{Edit, Refusal, Step};
use crate::random::Random;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// What such clients say beside the group's own schema; harmless.
const DIRECTORY_GROUP: &str =
    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A request that is about to be made.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Below the application's base address.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// Whether it bears the token that works.
    pub(crate) authenticated: bool,
    /// Method and resource type.
    pub(crate) name: &'static str,
    /// The status that the script has for it.
    pub(crate) expected: u16,
}

impl Call {
    fn new(method: &'static str, name: &'static str, path: String, expected: u16) -> Call {
        Call { method, path, body: None, authenticated: true, name, expected }
    }

    fn with(mut self, body: Value) -> Call {
        self.body = Some(body);
        self
    }
}

/// The request of a step; `None` when it names an account or group that was never made.
pub(crate) fn call(step: &Step, book: &Book, random: &mut Random) -> Option<Call> {
    let user = |person: &usize| Some(format!("/Users/{}", book.user_id(*person)?));
    let group = |group: &usize| Some(format!("/Groups/{}", book.group_id(*group)?));
    let found = match step {
        Step::Probe => Call::new("GET", "GET User", lookup("userName", &random.uuid()), 200),
        Step::ProbeRefused => Call {
            authenticated: false,
            ..Call::new("GET", "GET User", lookup("userName", &random.uuid()), 401)
        },
        Step::LookupUser { by, value } => {
            let attribute = match by {
                Matching::UserName => "userName",
                Matching::ExternalId => "externalId",
            };
            Call::new("GET", "GET User", lookup(attribute, value), 200)
        }
        Step::CreateUser { user, .. } => {
            Call::new("POST", "POST User", "/Users".to_owned(), 201).with(user_body(user, book))
        }
        Step::CreateRefused { user, refusal, .. } => {
            let mut body = user_body(user, book);
            let status = match refusal {
                Refusal::BadValue => {
                    body["active"] = "Enabled".into();
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
        Step::PatchUser { person, edits } => {
            let operations = edits.iter().map(|edit| operation(edit, book)).collect();
            Call::new("PATCH", "PATCH User", user(person)?, 200).with(patch(operations))
        }
        Step::DeleteUser { person } => Call::new("DELETE", "DELETE User", user(person)?, 204),
        Step::LookupGroup { name } => {
            let path = format!(
                "/Groups?excludedAttributes=members&filter={}",
                escaped(&format!("displayName eq \"{name}\""))
            );
            Call::new("GET", "GET Group", path, 200)
        }
        Step::CreateGroup { name, .. } => {
            let body = json!({
                "schemas": [GROUP, DIRECTORY_GROUP],
                "externalId": random.uuid(),
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

/// Notes an answer that came as the script has it.
pub(crate) fn note(step: &Step, call: &Call, answer: &Value, at: Timestamp, book: &mut Book) {
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
    let mut concerned = None;
    match step {
        Step::CreateUser { person, user } => {
            book.user_created(*person, id, user.user_name(), at);
            concerned = Some(*person);
        }
        Step::CreateRefused { person, .. } | Step::ReadUser { person } => concerned = Some(*person),
        Step::PatchUser { person, edits } => {
            for edit in edits {
                match edit {
                    Edit::Active(active) => book.user_switched(*person, *active, at),
                    Edit::UserName(user_name) => book.user_renamed(*person, user_name.clone(), at),
                    Edit::Family(_)
                    | Edit::FormattedName(_)
                    | Edit::DisplayName(_)
                    | Edit::Email(_)
                    | Edit::Title(_)
                    | Edit::Department(_)
                    | Edit::Manager(_) => {}
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
    let (name, status) = (call.name, call.expected);
    book.operations.push(Operation { at, name, status, person: concerned });
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

fn user_body(user: &Person, book: &Book) -> Value {
    let user_name = user_name(&user.local);
    let mut enterprise = json!({
        "department": user.department.name(),
        "employeeNumber": user.employee_number.to_string(),
    });
    if let Some(manager) = user.manager.and_then(|manager| book.user_id(manager)) {
        enterprise["manager"] = json!({ "value": manager });
    }
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": user.external_id(),
        "userName": user_name,
        "active": true,
        "displayName": user.display_name(),
        "emails": [{"primary": true, "type": "work", "value": user_name}],
        "meta": {"resourceType": "User"},
        "name": {
            "formatted": user.display_name(),
            "familyName": user.family,
            "givenName": user.given,
        },
        "title": user.title,
        "roles": [],
        ENTERPRISE: enterprise,
    })
}

fn patch(operations: Vec<Value>) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// One operation in the client's dialect: capital letters, `active` as a text, the manager as a list.
fn operation(edit: &Edit, book: &Book) -> Value {
    let replace = |path: &str, value: &str| json!({"op": "Replace", "path": path, "value": value});
    match edit {
        Edit::Active(active) => replace("active", if *active { "True" } else { "False" }),
        Edit::UserName(value) => replace("userName", value),
        Edit::Family(value) => replace("name.familyName", value),
        Edit::FormattedName(value) => replace("name.formatted", value),
        Edit::DisplayName(value) => replace("displayName", value),
        Edit::Email(value) => replace("emails[type eq \"work\"].value", value),
        Edit::Title(value) => replace("title", value),
        Edit::Department(value) => replace(&format!("{ENTERPRISE}:department"), value),
        Edit::Manager(person) => match book.user_id(*person) {
            Some(id) => {
                json!({"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": id}]})
            }
            // Out of scope here: there is nobody to refer to.
            None => json!({"op": "Remove", "path": format!("{ENTERPRISE}:manager")}),
        },
    }
}
