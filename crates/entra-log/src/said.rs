//! Reads what the body of an entry says about a person, an account and an application. Each fact can be
//! in one of several places; the functions here look in all of them.

use serde_json::{Map, Value};

use super::entry::Kind;
use super::shape::{is_type_name, text};

/// An application at the source. It has an id, a name or both, and neither is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// Its display name.
    pub name: Option<&'a str>,
}

/// An account that the source saw in the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its id there.
    pub id: Option<&'a str>,
    /// Its attributes there, as far as the entry has them.
    pub values: Vec<(&'a str, &'a str)>,
}

/// The service principal that an entry of either log is about.
pub fn service_principal(body: &Map<String, Value>) -> Option<ServicePrincipal<'_>> {
    let object = |name: &str| body.get(name).and_then(Value::as_object);
    let own = object("servicePrincipal");
    let details = details(object("targetSystem"));
    // In the audit log it is one of the targets.
    let is_one = |target: &&Map<String, Value>| {
        text(target, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("ServicePrincipal"))
    };
    let target = objects(body, "targetResources").find(is_one);
    let id = said(own, "id")
        .or_else(|| said(details, "ServicePrincipalId"))
        .or_else(|| said(target, "id"));
    let name = said(own, "displayName")
        .or_else(|| said(details, "ServicePrincipalDisplayName"))
        .or_else(|| said(target, "displayName"))
        .or_else(|| plain_name(body));
    (id.is_some() || name.is_some()).then_some(ServicePrincipal { id, name })
}

fn said<'a>(members: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a str> {
    members.and_then(|members| text(members, name))
}

/// The service principal if it is a plain string. A string that was an object or a list is ignored.
fn plain_name(body: &Map<String, Value>) -> Option<&str> {
    let irregular = body.get("irregular").and_then(Value::as_object)?;
    let name = text(irregular, "servicePrincipal").map(str::trim)?;
    let is_plain = !name.starts_with(['{', '[', '@']) && !is_type_name(name);
    (is_plain && !name.is_empty()).then_some(name)
}

/// What the source writes in place of a value that it hides.
pub const REDACTED: &str = "[Redact]";

/// The value, or `None` if the source hides it.
pub fn told(value: &str) -> Option<&str> {
    (value != REDACTED).then_some(value)
}

/// The paths of the parts that could not be read and are stored as text.
pub fn irregular(body: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let parts = body.get("irregular").and_then(Value::as_object);
    parts.into_iter().flatten().map(|(place, _)| place.as_str())
}

/// What kind of object an entry of the provisioning log is about.
pub fn kind(body: &Map<String, Value>) -> Kind {
    let (source, target) = (Identity::source(body), Identity::target(body));
    let said = [source.kind, source.detail("odatatype"), target.kind];
    let mut kinds = said.into_iter().flatten().map(kind_of);
    if let Some(kind) = kinds.find(|kind| *kind != Kind::Other) {
        return kind;
    }
    let is_silent = said.iter().all(Option::is_none);
    // If the entry does not say, an object with a sign-in name is a user.
    let signs_in = || source.detail("UserPrincipalName").or(of_steps(body, "userPrincipalName"));
    if is_silent && signs_in().is_some() { Kind::User } else { Kind::Other }
}

/// The sign-in name of the user of a provisioning log entry.
///
/// In this order: the principal name from the source's identity, or from a step that read the object
/// there; it is the same in every form, and administrators search by it. Then the `userName` that was
/// written to the application, or read from it. Last `ReportableIdentifier` and the matching value,
/// because the connector may show anything there, such as an external id.
pub fn user_name(body: &Map<String, Value>) -> Option<&str> {
    if let Some(name) = Identity::source(body).detail("UserPrincipalName") {
        return Some(name);
    }
    if kind(body) != Kind::User {
        // For a group these places hold the group's names.
        return None;
    }
    let written = || {
        let is_name = |one: &&Map<String, Value>| {
            text(one, "displayName").is_some_and(|path| path.eq_ignore_ascii_case("userName"))
        };
        let one = objects(body, "modifiedProperties").find(is_name);
        one.and_then(|one| text(one, "newValue")).and_then(told)
    };
    of_steps(body, "userPrincipalName")
        .or_else(written)
        .or_else(|| of_steps(body, "userName"))
        .or_else(|| of_steps(body, "ReportableIdentifier"))
        .or_else(|| of_steps(body, "JoiningProperty"))
        .or_else(|| of_steps(body, "MatchingProperty"))
}

/// The object's display name in the source system.
pub fn source_name(body: &Map<String, Value>) -> Option<&str> {
    let source = Identity::source(body);
    source.name.or_else(|| source.detail("DisplayName"))
}

/// The object's id in the source system.
pub fn source_id(body: &Map<String, Value>) -> Option<&str> {
    let source = Identity::source(body);
    source.id.or_else(|| source.detail("id")).or_else(|| of_steps(body, "objectId"))
}

/// The object's id in the application.
pub fn target_id(body: &Map<String, Value>) -> Option<&str> {
    Identity::target(body).id.or_else(|| matched(body).and_then(|step| text(step, "id")))
}

/// The account that the source saw in the application before it wrote anything: a step read it there,
/// or the source found that nothing had to be changed.
pub fn seen(body: &Map<String, Value>) -> Option<Seen<'_>> {
    let id = Identity::target(body).id;
    if let Some(found) = matched(body) {
        let values = found.iter().filter(|(name, _)| !NO_ATTRIBUTES.contains(&name.as_str()));
        let values = values
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str().and_then(told)?)));
        return Some(Seen { id: text(found, "id").or(id), values: values.collect() });
    }
    let is_redundant = skip_reason(body) == Some("RedundantExport");
    (is_redundant && id.is_some()).then_some(Seen { id, values: vec![] })
}

/// Why the source skipped the object: from the skip step, or in old entries from another step.
pub fn skip_reason(body: &Map<String, Value>) -> Option<&str> {
    let mut steps = objects(body, "provisioningSteps");
    let skip = steps.find(|step| text(step, "name") == Some("EntrySynchronizationSkip"));
    let skip = details(skip).and_then(|details| text(details, "SkipReason"));
    skip.or_else(|| of_steps(body, "SkipReason"))
}

/// The skip reasons of all steps, in order, with repetitions.
pub fn skip_reasons(body: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let reason = |step| details(Some(step)).and_then(|details| text(details, "SkipReason"));
    objects(body, "provisioningSteps").filter_map(reason).filter_map(told)
}

/// The error code; `None` for an empty string and the word `None`.
pub fn error_code(code: &str) -> Option<&str> {
    (!code.is_empty() && code != "None").then_some(code)
}

/// Details of a step that read an account which are not attributes of it.
const NO_ATTRIBUTES: [&str; 4] =
    ["id", "ReportableIdentifier", "JoiningProperty", "MatchingProperty"];

/// The details of the last step that found the object in the application.
fn matched(body: &Map<String, Value>) -> Option<&Map<String, Value>> {
    let found = objects(body, "provisioningSteps").filter(|step| {
        let name = text(step, "name").unwrap_or_default();
        let is_by = ["EntryImportByMatchingProperty", "EntryImportByJoiningProperty"]
            .iter()
            .any(|by| name.eq_ignore_ascii_case(by));
        let reads_target = match text(step, "provisioningStepType") {
            Some("matching") => is_by || name.eq_ignore_ascii_case("EntryImport"),
            Some("import") => false,
            _ => is_by,
        };
        reads_target && text(step, "status").is_none_or(|status| status == "success")
    });
    let told = found.filter_map(|step| details(Some(step)));
    // A step that did not find the object has none of these.
    told.filter(|details| {
        ["id", "userName", "externalId", "active"].iter().any(|name| text(details, name).is_some())
    })
    .last()
}

/// An object in one of the systems.
struct Identity<'a> {
    id: Option<&'a str>,
    name: Option<&'a str>,
    kind: Option<&'a str>,
    details: Option<&'a Map<String, Value>>,
}

impl<'a> Identity<'a> {
    fn source(body: &'a Map<String, Value>) -> Identity<'a> {
        Identity::of(body, "sourceIdentity")
    }

    fn target(body: &'a Map<String, Value>) -> Identity<'a> {
        Identity::of(body, "targetIdentity")
    }

    fn of(body: &'a Map<String, Value>, name: &str) -> Identity<'a> {
        let members = body.get(name).and_then(Value::as_object);
        let of_members = |name: &str| members.and_then(|members| text(members, name));
        Identity {
            id: of_members("id"),
            name: of_members("displayName"),
            kind: of_members("identityType"),
            details: details(members),
        }
    }

    fn detail(&self, name: &str) -> Option<&'a str> {
        self.details.and_then(|details| text(details, name))
    }
}

fn details(members: Option<&Map<String, Value>>) -> Option<&Map<String, Value>> {
    members?.get("details")?.as_object()
}

/// The first value of this detail in any step.
fn of_steps<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let mut steps = objects(body, "provisioningSteps");
    let said = |step| details(Some(step)).and_then(|details| text(details, name));
    steps.find_map(|step| said(step).and_then(told))
}

pub(super) fn objects<'a>(
    body: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + Clone + use<'a> {
    let items = body.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_object)
}

/// `User`, `Group`, or a schema address that ends in one of these.
pub(super) fn kind_of(text: &str) -> Kind {
    let last = text.rsplit([':', '.']).next().unwrap_or(text);
    if last.eq_ignore_ascii_case("user") {
        Kind::User
    } else if last.eq_ignore_ascii_case("group") {
        Kind::Group
    } else {
        Kind::Other
    }
}
