//! Turns a JSON record of any form into an entry.
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

/// The entry in a record of any JSON form; `None` if the record is of another log or kind. `dates` is the
/// order of day and month in its file.
///
/// Recognises the form by the record's members. Unknown words stay in the body and count as `Other` or
/// `Warning`; unknown members stay where they are; members of the envelope that the entry lacks are
/// stored under `envelope`. A documented member that cannot be read is stored as text under
/// `irregular`.
///
/// # Errors
///
/// When the record is not an object, is larger than 1 MiB or deeper than 32, or lacks its id or a
/// readable time.
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

/// An entry taken out of its envelope.
pub(super) struct Lifted {
    pub entry: Map<String, Value>,
    /// The envelope's other members.
    pub envelope: Map<String, Value>,
    /// The member of the record that held the entry.
    pub member: Option<String>,
}

impl Lifted {
    fn bare(entry: Map<String, Value>) -> Lifted {
        Lifted { entry, envelope: Map::new(), member: None }
    }

    /// Normalises the entry's members by the table.
    pub(super) fn normalize(
        &mut self,
        table: &'static [Member],
        reading: &mut Reading,
    ) -> Result<(), Refused> {
        let read = shape::object(&mut self.entry, table, &Path::Record, reading);
        read.map_err(|refused| self.placed(refused))
    }

    /// Makes a refusal name the member's path in the record.
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
    // Another Microsoft product writes records of the same category.
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
        // Without a category it may be a record of another log.
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
    // Rows of several tables may be mixed, each with the columns of all.
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

/// Whether a column holds a member of the entry. Two names mislead: `TenantId` is the workspace,
/// `SourceSystem` the collector.
fn is_of_entry(column: &str) -> bool {
    let misleads =
        ["TenantId", "SourceSystem"].iter().any(|name| name.eq_ignore_ascii_case(column));
    !misleads && provisioning::knows(column)
}
