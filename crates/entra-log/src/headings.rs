//! The column headings of the portal's three CSV files.
//!
//! They are not documented. They are compared by letters and digits only, in any case, with Graph's
//! names and the portal's own column names.

/// What one of the three files holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// One row per entry.
    Entries,
    Steps,
    Modified,
}

/// A member, and the headings that it can have.
pub(super) struct Column {
    /// The path to the member from the entry, step or modified property.
    pub place: &'static [&'static str],
    /// Letters and digits only, in lower case.
    headings: &'static [&'static str],
    is_needed: bool,
}

const fn column(place: &'static [&'static str], headings: &'static [&'static str]) -> Column {
    Column { place, headings, is_needed: false }
}

const fn needed(place: &'static [&'static str], headings: &'static [&'static str]) -> Column {
    Column { place, headings, is_needed: true }
}

/// The member by which the files are joined.
pub(super) const CHANGE_ID: &str = "changeId";
const CHANGE: Column = needed(&[CHANGE_ID], &["changeid", "correlationid"]);

const ENTRIES: &[Column] = &[
    needed(&["id"], &["id", "logid", "entryid", "recordid", "provisioninglogid", "requestid"]),
    needed(
        &["activityDateTime"],
        &["activitydatetime", "activitydatetimeutc", "activitydate", "date", "dateutc", "datetime"],
    ),
    CHANGE,
    column(&["tenantId"], &["tenantid"]),
    column(&["jobId"], &["jobid"]),
    column(&["cycleId"], &["cycleid"]),
    column(&["provisioningAction"], &["provisioningaction", "action"]),
    column(
        &["durationInMilliseconds"],
        &["durationinmilliseconds", "durationms", "durationmilliseconds", "duration"],
    ),
    column(
        &["provisioningStatusInfo", "status"],
        &["provisioningstatusinfo", "provisioningstatusinfostatus", "status", "statusinfostatus"],
    ),
    column(
        &["provisioningStatusInfo", "errorInformation", "errorCode"],
        &["errorcode", "errorinformationerrorcode", "statuserrorcode", "statusinfoerrorcode"],
    ),
    column(
        &["provisioningStatusInfo", "errorInformation", "reason"],
        &["reason", "errorreason", "statusreason", "failurereason", "errorinformationreason"],
    ),
    column(
        &["provisioningStatusInfo", "errorInformation", "additionalDetails"],
        &["additionaldetails", "erroradditionaldetails", "errorinformationadditionaldetails"],
    ),
    column(
        &["provisioningStatusInfo", "errorInformation", "errorCategory"],
        &["errorcategory", "errorinformationerrorcategory"],
    ),
    column(
        &["provisioningStatusInfo", "errorInformation", "recommendedAction"],
        &["recommendedaction", "recommendation", "errorinformationrecommendedaction"],
    ),
    column(&["servicePrincipal", "id"], &["serviceprincipalid"]),
    column(
        &["servicePrincipal", "displayName"],
        &["serviceprincipal", "serviceprincipalname", "serviceprincipaldisplayname", "application"],
    ),
    column(&["sourceSystem", "id"], &["sourcesystemid"]),
    column(
        &["sourceSystem", "displayName"],
        &["sourcesystem", "sourcesystemname", "sourcesystemdisplayname"],
    ),
    column(&["sourceSystem", "details"], &["sourcesystemdetails"]),
    column(&["targetSystem", "id"], &["targetsystemid"]),
    column(
        &["targetSystem", "displayName"],
        &["targetsystem", "targetsystemname", "targetsystemdisplayname"],
    ),
    column(&["targetSystem", "details"], &["targetsystemdetails"]),
    column(&["initiatedBy", "id"], &["initiatedbyid", "initiatorid"]),
    column(
        &["initiatedBy", "displayName"],
        &["initiatedby", "initiatedbyname", "initiatedbydisplayname", "initiator"],
    ),
    column(
        &["initiatedBy", "initiatorType"],
        &["initiatedbytype", "initiatedbyinitiatortype", "initiatortype"],
    ),
    column(&["sourceIdentity", "id"], &["sourceidentityid", "sourceid", "identityid"]),
    column(
        &["sourceIdentity", "displayName"],
        &["sourceidentity", "sourceidentityname", "sourceidentitydisplayname", "identity"],
    ),
    column(
        &["sourceIdentity", "identityType"],
        &["sourceidentitytype", "sourceidentityidentitytype", "identitytype"],
    ),
    column(&["sourceIdentity", "details"], &["sourceidentitydetails"]),
    column(&["targetIdentity", "id"], &["targetidentityid", "targetid"]),
    column(
        &["targetIdentity", "displayName"],
        &["targetidentity", "targetidentityname", "targetidentitydisplayname"],
    ),
    column(
        &["targetIdentity", "identityType"],
        &["targetidentitytype", "targetidentityidentitytype"],
    ),
    column(&["targetIdentity", "details"], &["targetidentitydetails"]),
];

const STEPS: &[Column] = &[
    CHANGE,
    needed(&["name"], &["name", "stepname", "step", "provisioningstepname"]),
    column(&["provisioningStepType"], &["provisioningsteptype", "steptype", "type"]),
    column(&["status"], &["status", "stepstatus", "result"]),
    column(&["description"], &["description", "stepdescription"]),
    column(&["details"], &["details", "stepdetails"]),
];

const MODIFIED: &[Column] = &[
    CHANGE,
    needed(
        &["displayName"],
        &[
            "displayname",
            "name",
            "property",
            "propertyname",
            "attribute",
            "attributename",
            "modifiedproperty",
            "modifiedpropertyname",
        ],
    ),
    column(&["oldValue"], &["oldvalue", "old", "previousvalue"]),
    column(&["newValue"], &["newvalue", "new", "currentvalue"]),
];

impl Role {
    /// Which of the three files this is, by its name and headings; `None` for another file.
    pub(super) fn of(file_name: &str, headings: &[String]) -> Option<Role> {
        let name = normal(file_name);
        let has = |heading: &str| headings.iter().any(|other| normal(other) == heading);
        let is_joined = CHANGE.headings.iter().any(|heading| has(heading));
        if name.contains("provisioningsteps") {
            Some(Role::Steps)
        } else if name.contains("modifiedproperties") {
            Some(Role::Modified)
        } else if name.contains("provisioninglogs") {
            Some(Role::Entries)
        } else if is_joined && (has("oldvalue") || has("newvalue")) {
            Some(Role::Modified)
        } else if is_joined && (has("id") || has("action") || has("provisioningaction")) {
            Some(Role::Entries)
        } else if is_joined && (has("name") || has("stepname") || has("step")) {
            Some(Role::Steps)
        } else {
            None
        }
    }

    fn columns(self) -> &'static [Column] {
        match self {
            Role::Entries => ENTRIES,
            Role::Steps => STEPS,
            Role::Modified => MODIFIED,
        }
    }

    /// The column of each heading; `None` for an unknown heading, or if an earlier one has the column.
    ///
    /// # Errors
    /// The names of missing columns that are needed.
    pub(super) fn columns_of(
        self,
        headings: &[String],
    ) -> Result<Vec<Option<&'static Column>>, Vec<&'static str>> {
        let mut taken = vec![false; self.columns().len()];
        let found = headings.iter().map(|heading| {
            let heading = normal(heading);
            let mut columns = self.columns().iter().zip(&mut taken);
            let (column, taken) =
                columns.find(|(column, _)| column.headings.contains(&heading.as_str()))?;
            (!std::mem::replace(taken, true)).then_some(column)
        });
        let found: Vec<_> = found.collect();
        let missing = self.columns().iter().zip(&taken);
        let missing = missing.filter(|(column, taken)| column.is_needed && !**taken);
        let missing: Vec<_> =
            missing.filter_map(|(column, _)| column.place.last().copied()).collect();
        if missing.is_empty() { Ok(found) } else { Err(missing) }
    }

    /// The names of the columns that are needed.
    pub(super) fn needs(self) -> Vec<&'static str> {
        let needed = self.columns().iter().filter(|column| column.is_needed);
        needed.filter_map(|column| column.place.last().copied()).collect()
    }
}

/// The column by which the CSV download of Log Analytics is recognised. Its heading may have a time
/// zone too.
pub(super) const TIME_GENERATED: &str = "TimeGenerated";

/// Whether these are the headings of a Log Analytics table.
pub(super) fn is_table(headings: &[String]) -> bool {
    headings.iter().any(|heading| without_zone(heading).0.eq_ignore_ascii_case(TIME_GENERATED))
}

/// Splits a heading such as `TimeGenerated [UTC]` into its name and time zone.
pub(super) fn without_zone(heading: &str) -> (&str, Option<&str>) {
    let zoned = heading.trim().strip_suffix(']').and_then(|rest| rest.rsplit_once(" ["));
    zoned.map_or((heading.trim(), None), |(name, zone)| (name, Some(zone)))
}

/// How many headings a message shows, and how many characters of each.
const SHOWN_MAX: usize = 20;
const SHOWN_CHARS_MAX: usize = 40;

/// The headings of a file, for a message.
pub(super) fn shown(headings: &[String]) -> String {
    let cut = |heading: &String| heading.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    let mut shown: Vec<String> = headings.iter().take(SHOWN_MAX).map(cut).collect();
    if let Some(more) = headings.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// The letters and digits of a heading, in lower case.
fn normal(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::{ENTRIES, MODIFIED, STEPS};

    #[test]
    fn no_heading_means_two_columns() {
        for columns in [ENTRIES, STEPS, MODIFIED] {
            let mut headings: Vec<_> =
                columns.iter().flat_map(|column| column.headings.iter().copied()).collect();
            let count = headings.len();
            headings.sort_unstable();
            headings.dedup();
            assert_eq!(headings.len(), count, "{headings:?}");
        }
    }
}
