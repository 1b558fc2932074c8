//! One JSON record of any form becomes an entry.
//!
//! ```text
//!  Graph, portal JSON   the entry itself
//!  diagnostic stream    the entry under `properties`, an envelope around it
//!  Log Analytics        the entry's members as columns beside the envelope's
//! ```

use serde_json::{Map, Value};

use super::entry::{Entry, Refused};
use super::form::{Form, judge};
use super::settle::take;
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
pub fn understand(record: Value) -> Result<Entry, Refused> {
    let path = Path::Record;
    shape::weigh(&record, &path)?;
    let Value::Object(members) = record else {
        return Err(path.refused("expected a JSON object"));
    };
    let named = members.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("")));
    match judge(named) {
        Some(Form::Graph | Form::PortalJson) => provisioning::entry(Lifted::bare(members)),
        Some(Form::Stream) => enveloped(members),
        Some(Form::LogAnalytics) => row(members),
        Some(Form::Audit) if shape::get(&members, "properties").is_some() => enveloped(members),
        Some(Form::Audit) => audit::entry(Lifted::bare(members)),
        Some(Form::PortalCsv) | None => Err(path.refused(
            "expected an entry of the provisioning log or of the directory audit log, as Graph, the \
             portal, diagnostic settings or Log Analytics give it",
        )),
    }
}

/// An entry out of its envelope.
pub(super) struct Lifted {
    pub entry: Map<String, Value>,
    /// The envelope's other members.
    pub envelope: Map<String, Value>,
    /// The member of the record in which the entry stood.
    pub member: Option<String>,
}

impl Lifted {
    fn bare(entry: Map<String, Value>) -> Lifted {
        Lifted { entry, envelope: Map::new(), member: None }
    }

    /// Gives the entry the members of the table.
    pub(super) fn normalize(&mut self, table: &'static [Member]) -> Result<(), Refused> {
        match &self.member {
            None => shape::object(&mut self.entry, table, &Path::Record),
            Some(name) => shape::object(&mut self.entry, table, &Path::Name(&Path::Record, name)),
        }
    }
}

fn enveloped(mut envelope: Map<String, Value>) -> Result<Entry, Refused> {
    let here = Path::Record;
    let category = shape::text(&envelope, "category").unwrap_or("");
    let is_audit = category.eq_ignore_ascii_case("AuditLogs");
    if !is_audit && !category.eq_ignore_ascii_case("ProvisioningLogs") {
        let what = "expected `ProvisioningLogs`, or `AuditLogs` for the directory audit log";
        return Err(Path::Name(&here, "category").refused(what));
    }
    // Another product of the same maker writes records of the same category.
    if let Some(resource) = shape::text(&envelope, "resourceId")
        && !resource.to_ascii_lowercase().contains("microsoft.aadiam")
    {
        let path = Path::Name(&here, "resourceId");
        return Err(path.refused("expected a resource of the provider Microsoft.aadiam"));
    }
    let Some((member, mut held)) = take(&mut envelope, "properties") else {
        return Err(Path::Name(&here, "properties").refused("is missing"));
    };
    shape::value(&mut held, &Shape::Free, true, &Path::Name(&here, &member))?;
    let Value::Object(entry) = held else {
        return Err(Path::Name(&here, &member).refused("expected an object"));
    };
    let lifted = Lifted { entry, envelope, member: Some(member) };
    if is_audit { audit::entry(lifted) } else { provisioning::entry(lifted) }
}

fn row(members: Map<String, Value>) -> Result<Entry, Refused> {
    const TABLE: &str = "AADProvisioningLogs";
    if shape::text(&members, "Type").is_some_and(|table| !table.eq_ignore_ascii_case(TABLE)) {
        let path = Path::Name(&Path::Record, "Type");
        return Err(path.refused(format!("expected a row of the table {TABLE}")));
    }
    let (entry, envelope) = members.into_iter().partition(|(name, _)| is_of_entry(name));
    provisioning::entry(Lifted { entry, envelope, member: None })
}

/// Two columns have names that mislead: `TenantId` is the workspace, `SourceSystem` the collector.
fn is_of_entry(column: &str) -> bool {
    let misleads =
        ["TenantId", "SourceSystem"].iter().any(|name| name.eq_ignore_ascii_case(column));
    !misleads && provisioning::knows(column)
}
