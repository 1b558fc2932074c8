//! One JSON record of any form becomes an entry.
//!
//! ```text
//!  Graph, portal JSON   the entry itself
//!  diagnostic stream    the entry under `properties`, an envelope around it
//!  Log Analytics        the entry's members as columns beside the envelope's
//! ```

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::entry::{Entry, Refused};
use super::form::{Form, judge};
use super::shape::{self, Member, Path, Shape};
use super::{audit, provisioning};

/// What an entry of any JSON form says.
///
/// The form is told by the record's members. Words that no schema knows are kept in the body and taken
/// for `Other` or `Warning`; members that none knows are kept where they stood, and what the envelope
/// says that the entry does not is under `envelope`.
///
/// # Errors
///
/// The record is none of the forms, is larger than 1 MiB, deeper than 32, lacks its id or its time, or
/// one of its documented members holds what cannot be read.
pub fn understand(record: &Value) -> Result<Entry, Refused> {
    let path = Path::Record;
    shape::weigh(record, &path)?;
    let Value::Object(members) = record else {
        return Err(path.refused("expected a JSON object"));
    };
    let named = members.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("")));
    match judge(named) {
        Some(Form::Graph | Form::PortalJson) => provisioning::entry(Lifted::bare(members)),
        Some(Form::Stream) => enveloped(members),
        Some(Form::LogAnalytics) => row(members),
        Some(Form::Audit) if shape::get(members, "properties").is_some() => enveloped(members),
        Some(Form::Audit) => audit::entry(Lifted::bare(members)),
        Some(Form::PortalCsv) | None => Err(path.refused(
            "expected an entry of the provisioning log or of the directory audit log, as Graph, the \
             portal, diagnostic settings or Log Analytics give it",
        )),
    }
}

/// An entry out of its envelope.
pub(super) struct Lifted<'a> {
    pub entry: Cow<'a, Map<String, Value>>,
    /// The envelope's other members.
    pub envelope: Map<String, Value>,
    /// The member of the record in which the entry stands.
    pub member: Option<&'a str>,
}

impl<'a> Lifted<'a> {
    fn bare(members: &'a Map<String, Value>) -> Lifted<'a> {
        Lifted { entry: Cow::Borrowed(members), envelope: Map::new(), member: None }
    }

    /// The entry with the members of the table.
    pub(super) fn normal(&self, table: &'static [Member]) -> Result<Map<String, Value>, Refused> {
        match self.member {
            None => shape::object(&self.entry, table, &Path::Record),
            Some(name) => shape::object(&self.entry, table, &Path::Name(&Path::Record, name)),
        }
    }
}

fn enveloped(members: &Map<String, Value>) -> Result<Entry, Refused> {
    let here = Path::Record;
    let category = shape::text(members, "category").unwrap_or("");
    let is_audit = category.eq_ignore_ascii_case("AuditLogs");
    if !is_audit && !category.eq_ignore_ascii_case("ProvisioningLogs") {
        return Err(Path::Name(&here, "category").refused(expected_category()));
    }
    // Another product of the same maker writes records of the same category.
    if let Some(resource) = shape::text(members, "resourceId")
        && !resource.to_ascii_lowercase().contains("microsoft.aadiam")
    {
        let path = Path::Name(&here, "resourceId");
        return Err(path.refused("expected a resource of the provider Microsoft.aadiam"));
    }
    let held = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case("properties");
    let Some((member, held)) = members.iter().find(held) else {
        return Err(Path::Name(&here, "properties").refused("is missing"));
    };
    let Value::Object(entry) = shape::value(held, &Shape::Free, true, &Path::Name(&here, member))?
    else {
        return Err(Path::Name(&here, member).refused("expected an object"));
    };
    let mut envelope = members.clone();
    envelope.remove(member);
    let lifted = Lifted { entry: Cow::Owned(entry), envelope, member: Some(member) };
    if is_audit { audit::entry(lifted) } else { provisioning::entry(lifted) }
}

fn expected_category() -> &'static str {
    "expected `ProvisioningLogs`, or `AuditLogs` for the directory audit log"
}

/// The name of a table of Log Analytics, and the columns of it that hold the entry.
const TABLE: &str = "AADProvisioningLogs";

fn row(members: &Map<String, Value>) -> Result<Entry, Refused> {
    if shape::text(members, "Type").is_some_and(|table| !table.eq_ignore_ascii_case(TABLE)) {
        let path = Path::Name(&Path::Record, "Type");
        return Err(path.refused("expected a row of the table AADProvisioningLogs"));
    }
    let (mut entry, mut envelope) = (Map::new(), Map::new());
    for (name, value) in members {
        let side = if is_of_entry(name) { &mut entry } else { &mut envelope };
        side.insert(name.clone(), value.clone());
    }
    provisioning::entry(Lifted { entry: Cow::Owned(entry), envelope, member: None })
}

/// Two columns have names that mislead: `TenantId` is the workspace, `SourceSystem` the collector.
fn is_of_entry(column: &str) -> bool {
    let misleads =
        ["TenantId", "SourceSystem"].iter().any(|name| name.eq_ignore_ascii_case(column));
    !misleads && provisioning::knows(column)
}
