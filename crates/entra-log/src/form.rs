//! The forms in which Microsoft Entra's logs are exported, told apart by their members.

use std::fmt;
use std::str::FromStr;

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `auditLogs/provisioning` of Microsoft Graph, v1.0 or beta.
    Graph,
    /// The JSON download of the portal; its entries are those of Graph.
    PortalJson,
    /// The three CSV files of the portal.
    PortalCsv,
    /// Diagnostic settings to an event hub or a storage account, category `ProvisioningLogs`.
    Stream,
    /// Rows of the table `AADProvisioningLogs` of Log Analytics.
    LogAnalytics,
    /// The same rows as its CSV download.
    LogAnalyticsCsv,
    /// The directory audit log, from Graph or diagnostic settings.
    Audit,
}

/// No form has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the format is one of {}", Form::NAMES)]
pub struct NoSuchForm;

impl Form {
    /// The names of all forms, for messages.
    pub const NAMES: &'static str = "`graph`, `portal-json`, `portal-csv`, `stream`, `log-analytics`, `log-analytics-csv` and `audit`";

    const ALL: [Form; 7] = [
        Form::Graph,
        Form::PortalJson,
        Form::PortalCsv,
        Form::Stream,
        Form::LogAnalytics,
        Form::LogAnalyticsCsv,
        Form::Audit,
    ];

    /// Its name for `--format`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Graph => "graph",
            Form::PortalJson => "portal-json",
            Form::PortalCsv => "portal-csv",
            Form::Stream => "stream",
            Form::LogAnalytics => "log-analytics",
            Form::LogAnalyticsCsv => "log-analytics-csv",
            Form::Audit => "audit",
        }
    }

    /// Whether a record of the form `found` may be in a file of this form.
    pub(super) fn takes(self, found: Form) -> bool {
        let family = |form| match form {
            Form::PortalJson => Form::Graph,
            Form::LogAnalyticsCsv => Form::LogAnalytics,
            form => form,
        };
        family(self) == family(found)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Form {
    type Err = NoSuchForm;

    fn from_str(name: &str) -> Result<Form, NoSuchForm> {
        Form::ALL.into_iter().find(|form| form.name() == name).ok_or(NoSuchForm)
    }
}

/// Members that only records of the provisioning log have.
const OF_PROVISIONING: [&str; 11] = [
    "provisioningaction",
    "provisioningsteps",
    "provisioningstatusinfo",
    "statusinfo",
    "changeid",
    "cycleid",
    "jobid",
    "sourceidentity",
    "targetidentity",
    "sourcesystem",
    "targetsystem",
];

/// The form of a record with these members, given as name and value; only the value of `category` is
/// used.
pub(super) fn judge<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Form> {
    let (mut enveloped, mut audit, mut provisioning, mut row) = (false, false, false, false);
    let (mut action, mut words) = (false, false);
    let mut category_is_audit = false;
    for (name, text) in members {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        enveloped |= is("properties");
        audit |= is("activityDisplayName") || is("targetResources");
        row |= is("TimeGenerated");
        action |= is("action");
        words |= is("provisioningAction");
        category_is_audit |= is("category") && text.eq_ignore_ascii_case("AuditLogs");
        provisioning |= OF_PROVISIONING.iter().any(|member| is(member));
    }
    if enveloped {
        Some(if category_is_audit { Form::Audit } else { Form::Stream })
    } else if row {
        Some(Form::LogAnalytics)
    } else if audit {
        Some(Form::Audit)
    } else if action && !words {
        Some(Form::PortalJson)
    } else if provisioning || action {
        Some(Form::Graph)
    } else {
        None
    }
}
