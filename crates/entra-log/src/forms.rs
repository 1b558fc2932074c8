//! One JSON record of any form becomes an entry.
//!
//! ```text
//!  Graph, portal JSON   the entry itself
//!  diagnostic stream    the entry under `properties`, an envelope around it
//!  Log Analytics        the entry's members as columns beside the envelope's, of either log
//! ```

use serde_json::{Map, Value};

use super::dates::DateOrder;
use super::entry::{Entry, Refused};
use super::form::{Form, judge};
use super::settle::take;
use super::shape::{self, Member, Path, Reading, Shape};
use super::{audit, provisioning};

/// What an entry of any JSON form says; nothing when the record is no entry of these logs, but one of
/// another log or another kind. `dates` is the order of day and month in the file that it is of.
///
/// The form is told by the record's members. Words that no schema knows are kept in the body and taken
/// for `Other` or `Warning`; members that none knows are kept where they stood, and what the envelope
/// says that the entry does not is under `envelope`. A documented member that holds what cannot be read
/// is kept as text under `irregular`.
///
/// # Errors
///
/// The record is no object, is larger than 1 MiB or deeper than 32, or lacks its id or a time that can
/// be read.
pub fn understand(record: Value, dates: Option<DateOrder>) -> Result<Option<Entry>, Refused> {
    let path = Path::Record;
    shape::weigh(&record, &path)?;
    let Value::Object(members) = record else {
        return Err(path.refused("expected a JSON object"));
    };
    let named = members.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("")));
    match judge(named) {
        Some(Form::Graph | Form::PortalJson) if provisioning::is_like(&members) => {
            provisioning::entry(Lifted::bare(members), dates).map(Some)
        }
        Some(Form::Stream) => enveloped(members, dates),
        Some(Form::LogAnalytics | Form::LogAnalyticsCsv) => row(members, dates),
        Some(Form::Audit) if shape::get(&members, "properties").is_some() => {
            enveloped(members, dates)
        }
        Some(Form::Audit) => audit::entry(Lifted::bare(members), dates),
        Some(Form::Graph | Form::PortalJson | Form::PortalCsv) | None => Ok(None),
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
    pub(super) fn normalize(
        &mut self,
        table: &'static [Member],
        reading: &mut Reading,
    ) -> Result<(), Refused> {
        let read = shape::object(&mut self.entry, table, &Path::Record, reading);
        read.map_err(|refused| self.placed(refused))
    }

    /// A refusal names the member as it stands in the record.
    pub(super) fn placed(&self, refused: Refused) -> Refused {
        match &self.member {
            None => refused,
            Some(name) => Refused { path: format!("{name}.{}", refused.path), ..refused },
        }
    }
}

fn enveloped(
    mut envelope: Map<String, Value>,
    dates: Option<DateOrder>,
) -> Result<Option<Entry>, Refused> {
    let here = Path::Record;
    let is_called = |name: &str| {
        shape::text(&envelope, "category").is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    let (is_audit, is_provisioning) = (is_called("AuditLogs"), is_called("ProvisioningLogs"));
    let has_category = shape::text(&envelope, "category").is_some();
    if has_category && !is_audit && !is_provisioning {
        return Ok(None);
    }
    // Another product of the same maker writes records of the same category.
    if let Some(resource) = shape::text(&envelope, "resourceId")
        && !resource.to_ascii_lowercase().contains("microsoft.aadiam")
    {
        return Ok(None);
    }
    let Some((member, mut held)) = take(&mut envelope, "properties") else {
        return Err(Path::Name(&here, "properties").refused("is missing"));
    };
    let read = shape::value(
        &mut held,
        &Shape::Free,
        true,
        &Path::Name(&here, &member),
        &mut Reading::default(),
    );
    let entry = match (read, held) {
        (Ok(()), Value::Object(entry)) => entry,
        // Without a category nobody said that it is one of ours.
        _ if !has_category => return Ok(None),
        (Err(refused), _) => return Err(refused),
        (Ok(()), _) => return Err(Path::Name(&here, &member).refused("expected an object")),
    };
    if !has_category && !provisioning::is_like(&entry) {
        return Ok(None);
    }
    let lifted = Lifted { entry, envelope, member: Some(member) };
    match is_audit {
        true => audit::entry(lifted, dates),
        false => provisioning::entry(lifted, dates).map(Some),
    }
}

fn row(members: Map<String, Value>, dates: Option<DateOrder>) -> Result<Option<Entry>, Refused> {
    let is_said = |name: &str, expected: &str| {
        shape::text(&members, name).map(|found| found.eq_ignore_ascii_case(expected))
    };
    // The rows of several tables may stand together, each with the columns of all.
    let table = is_said("Type", "AADProvisioningLogs");
    let is_audit = match is_said("Type", "AuditLogs") {
        Some(is_audit) => is_audit,
        None => is_said("Category", audit::CATEGORY) == Some(true),
    };
    if is_audit {
        let (entry, envelope) = members.into_iter().partition(|(name, _)| audit::knows(name));
        return audit::entry(Lifted { entry, envelope, member: None }, dates);
    }
    if table == Some(false) || is_said("Category", "ProvisioningLogs") == Some(false) {
        return Ok(None);
    }
    if table.is_none() && !provisioning::is_like(&members) {
        return Ok(None);
    }
    let (entry, envelope) = members.into_iter().partition(|(name, _)| is_of_entry(name));
    provisioning::entry(Lifted { entry, envelope, member: None }, dates).map(Some)
}

/// Two columns have names that mislead: `TenantId` is the workspace, `SourceSystem` the collector.
fn is_of_entry(column: &str) -> bool {
    let misleads =
        ["TenantId", "SourceSystem"].iter().any(|name| name.eq_ignore_ascii_case(column));
    !misleads && provisioning::knows(column)
}
