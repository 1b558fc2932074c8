//! Entries of a provider's log about a random history. Some explain a request, more or less exactly;
//! some have no request. They arrive out of order, before and after their request, and repeatedly.

use event::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const SECOND: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * SECOND;

/// The content of one entry. Indexes choose among what exists then.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The request that it explains, if any.
    pub request: Option<u8>,
    /// Its subject, without a request.
    pub name: u8,
    pub time: When,
    /// How it deviates from the request.
    pub twist: u8,
    pub action: u8,
    pub status: u8,
    /// The scope checks, one bit each, and whether they are included.
    pub scope: u8,
    pub skip: u8,
    pub step: u8,
    pub modified: Vec<(u8, u8)>,
    pub cycle: u8,
    pub kind: u8,
}

/// The time of an entry.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Relative to its request, or to the last one.
    Near(i64),
    /// Relative to the import.
    Now(i64),
}

/// Around the limits of matching, on both sides of the request.
fn near() -> impl Strategy<Value = i64> {
    let bounds = [0, 1, 120 * SECOND, 120 * SECOND + 1, 900 * SECOND, 900 * SECOND + 1];
    prop_oneof![
        3 => (prop::sample::select(bounds.to_vec()), any::<bool>())
            .prop_map(|(micros, before)| if before { -micros } else { micros }),
        3 => -20 * SECOND..20 * SECOND,
        1 => -1_000 * SECOND..1_000 * SECOND,
    ]
}

pub fn seed() -> impl Strategy<Value = Seed> {
    let time = prop_oneof![
        5 => near().prop_map(When::Near),
        1 => near().prop_map(When::Now),
        2 => (-8..3_i64).prop_map(|halves| When::Now(halves * DAY_MICROS / 2)),
    ];
    let request = prop_oneof![2 => any::<u8>().prop_map(Some), 1 => Just(None)];
    let modified = prop::collection::vec((0..5_u8, 0..4_u8), 0..3);
    let what = (0..12_u8, 0..8_u8, 0..5_u8, any::<u8>(), 0..6_u8, 0..6_u8);
    let rest = (modified, 0..3_u8, 0..10_u8);
    (request, 0..9_u8, time, what, rest).prop_map(|(request, name, time, what, rest)| {
        let (twist, action, status, scope, skip, step) = what;
        let (modified, cycle, kind) = rest;
        Seed {
            request,
            name,
            time,
            twist,
            action,
            status,
            scope,
            skip,
            step,
            modified,
            cycle,
            kind,
        }
    })
}

/// A request to change a user.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Timestamp,
    pub method: String,
    pub id: Option<String>,
    pub name: Option<String>,
    pub status: u16,
    /// Paths and values, as a provider writes them.
    pub written: Vec<(String, Option<String>)>,
}

impl Sent {
    /// The paths and values in a request.
    pub fn written(body: &Value) -> Vec<(String, Option<String>)> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(true) => Some("True".to_owned()),
            Value::Bool(false) => Some("False".to_owned()),
            _ => None,
        };
        if let Some(operations) = body["Operations"].as_array() {
            let one = |operation: &Value| {
                let path = operation["path"].as_str()?.to_owned();
                let value = &operation["value"];
                (value.is_null() || text(value).is_some()).then(|| (path, text(value)))
            };
            return operations.iter().filter_map(one).collect();
        }
        let members = body.as_object().cloned().unwrap_or_default();
        members
            .iter()
            .filter_map(|(path, value)| Some((path.clone(), Some(text(value)?))))
            .collect()
    }

    fn action(&self) -> &'static str {
        let off = ("active".to_owned(), Some("False".to_owned()));
        match self.method.as_str() {
            "POST" => "create",
            "DELETE" => "delete",
            _ if self.written.contains(&off) => "disable",
            _ => "update",
        }
    }
}

fn word(bit: bool) -> &'static str {
    if bit { "True" } else { "False" }
}

/// The entry of a seed in Graph's form, with this id.
pub fn record(seed: &Seed, id: usize, now: Timestamp, sent: &[Sent]) -> Value {
    let request = seed.request.and_then(|index| {
        let place = usize::from(index).checked_rem(sent.len())?;
        // Mostly the newest requests.
        sent.get(sent.len() - 1 - place)
    });
    let micros = match seed.time {
        When::Near(after) => request.or(sent.last()).map_or(now.0, |sent| sent.at.0) + after,
        When::Now(after) => now.0 + after,
    };
    let at = Timestamp(micros).to_string();
    if seed.kind == 0 {
        return audit(seed, id, &at);
    }
    let name = format!("user-{}", seed.name);
    let name = request.and_then(|sent| sent.name.clone()).unwrap_or(name);
    let actions =
        ["create", "update", "disable", "delete", "other", "stagedDelete", "create", "update"];
    let chosen = actions[usize::from(seed.action)];
    let mut action = request.map_or(chosen, Sent::action);
    let chosen = ["success", "failure", "skipped", "warning", "success"][usize::from(seed.status)];
    let answered = |sent: &Sent| if sent.status < 400 { "success" } else { "failure" };
    let mut status = request.map_or(chosen, answered);
    let known = request.and_then(|sent| sent.id.clone());
    // For an unknown subject, half of the entries have no id.
    let foreign = (seed.scope & 1 == 0).then(|| format!("target-{}", seed.name));
    let mut target = if request.is_some() { known } else { foreign };
    let attributes = ["active", "title", "userName", "name.givenName", "displayName"];
    let mut written: Vec<(String, Option<String>)> = match request {
        Some(sent) => sent.written.clone(),
        None => {
            let value = |(attribute, value): &(u8, u8)| {
                let path = attributes[usize::from(*attribute)];
                let text = match (path, value) {
                    (_, 3) => None,
                    ("active", value) => Some(word(*value == 0).to_owned()),
                    ("userName", value) => {
                        Some(format!("{name}{}", ["", "x", "y"][usize::from(*value)]))
                    }
                    (path, value) => Some(format!("{path}-{value}")),
                };
                (path.to_owned(), text)
            };
            seed.modified.iter().map(value).collect()
        }
    };
    match seed.twist {
        0 => action = actions[usize::from(seed.action)],
        1 => status = chosen,
        2 => target = None,
        3 => {
            if let Some((_, value)) = written.first_mut() {
                *value = Some("something-else".to_owned());
            }
        }
        4 => written.clear(),
        5 => {
            let other = sent.iter().rev().find_map(|other| other.id.clone());
            target = other.or(target);
        }
        _ => {}
    }
    let old = |value: &Option<String>| value.is_none().then_some("before");
    let modified: Vec<Value> = written
        .iter()
        .map(|(path, new)| json!({"displayName": path, "oldValue": old(new), "newValue": new}))
        .collect();
    let error = (status == "failure").then(|| {
        let code = ["EntryConflict", "InsufficientRights"][usize::from(seed.skip % 2)];
        json!({"errorCode": code, "reason": format!("reason-{}", seed.skip)})
    });
    let is_group = seed.kind == 1;
    let kind = if is_group { "Group" } else { "User" };
    let called = if is_group { format!("group-{}", seed.name % 4) } else { name.clone() };
    let mut source = json!({"UserPrincipalName": name});
    // Logs of some years name the person only in a step.
    if is_group || [6, 7].contains(&seed.twist) {
        source = json!({});
    }
    let steps = steps(seed, status, (&called, target.as_deref()));
    json!({
        "id": format!("6f0c9e0a-2f3d-4c55-9f0e-{id:012}"),
        "activityDateTime": at,
        "jobId": format!("scim.{}", seed.cycle % 2),
        "cycleId": format!("cycle-{}", seed.cycle),
        "changeId": format!("change-{}", id % 3),
        "provisioningAction": action,
        "durationInMilliseconds": 100 + id,
        "provisioningStatusInfo": {"status": status, "errorInformation": error},
        "provisioningSteps": steps,
        "modifiedProperties": modified,
        "sourceIdentity": {"id": format!("source-{called}"), "displayName": format!("{called} Ness"),
            "identityType": kind, "details": source},
        "targetIdentity": {"id": if is_group { None } else { target }, "displayName": "",
            "identityType": format!("urn:ietf:params:scim:schemas:core:2.0:{kind}"), "details": {}},
    })
}

fn steps(seed: &Seed, status: &str, (called, target): (&str, Option<&str>)) -> Vec<Value> {
    let import = ["EntryImportAdd", "EntryImportUpdate", "EntryImportDelete"];
    let mut imported = Map::new();
    if seed.step < 4 {
        imported.insert("accountEnabled".into(), word(!seed.skip.is_multiple_of(3)).into());
    }
    if let Some(role) = ["Default Access", "Crew"].get(usize::from(seed.twist)) {
        imported.insert("appRoleAssignments".into(), (*role).into());
    }
    if seed.twist == 6 {
        imported.insert("userPrincipalName".into(), called.into());
    }
    let mut steps = vec![json!({
        "name": import[usize::from(seed.step % 3)], "provisioningStepType": "import",
        "status": "success", "description": "It came.", "details": imported,
    })];
    // Logs of different years name the checks differently.
    let bit = |place: u8| word(seed.scope >> place & 1 == 1);
    let details = match seed.scope % 4 {
        0 => None,
        1 => Some(json!({"IsActive": bit(2), "Assigned": bit(3), "IsInProvisioningScope": bit(5)})),
        _ => Some(json!({
            "Active in the source system": bit(2),
            "Assigned to the application": bit(3),
            "User has the required role": bit(4),
            "Scoping filter evaluation passed": bit(5),
            "ScopeEvaluationResult": json!({"Staff.country EQUALS 'NO'": seed.scope & 32 != 0}).to_string(),
        })),
    };
    steps.extend(details.map(|details| {
        json!({"name": "EntrySynchronizationScoping", "provisioningStepType": "scoping",
            "status": "success", "description": "Checks ran.", "details": details})
    }));
    if seed.twist == 7 {
        steps.push(json!({"name": "EntryExportUpdate", "provisioningStepType": "export",
            "status": "success", "description": "", "details": {"ReportableIdentifier": called}}));
    }
    // The account was looked up in the application, and found or not.
    let there = match (seed.step, target) {
        (4, _) => Some(json!({})),
        (5, Some(id)) => Some(json!({"id": id, "title": "seen", "active": bit(6)})),
        (5, None) => Some(json!({"userName": called})),
        _ => None,
    };
    steps.extend(there.map(|details| {
        let name = ["EntryImport", "EntryImportByMatchingProperty"][usize::from(seed.status % 2)];
        json!({"name": name, "provisioningStepType": "matching", "status": "success",
            "description": "It was looked for.", "details": details})
    }));
    let matched = ["EntrySynchronizationAdd", "EntrySynchronizationUpdate"];
    if let Some(name) = matched.get(usize::from(seed.skip)) {
        steps.push(json!({"name": name, "provisioningStepType": "matching", "status": "success",
            "description": "It was looked for.", "details": {}}));
    }
    if status == "skipped" {
        let reasons = [
            "NotEffectivelyEntitled",
            "RedundantExport",
            "AttributeValidationFailed",
            "JoinNotFound",
        ];
        let reason = reasons[usize::from(seed.skip % 4)];
        steps.push(
            json!({"name": "EntrySynchronizationSkip", "provisioningStepType": "processing",
            "status": "skipped", "description": "It was passed over.",
            "details": {"SkipReason": reason}}),
        );
    }
    steps
}

/// A change of the provider's configuration.
fn audit(seed: &Seed, id: usize, at: &str) -> Value {
    let what =
        ["Quarantine", "Update attribute mappings or scope", "Restart provisioning configuration"];
    json!({
        "id": format!("Sync_{id:012}"),
        "category": "ProvisioningManagement",
        "correlationId": format!("change-{}", id % 3),
        "result": if seed.status == 1 { "failure" } else { "success" },
        "resultReason": format!("reason-{}", seed.skip),
        "activityDisplayName": what[usize::from(seed.action % 3)],
        "activityDateTime": at,
        "loggedByService": "Account Provisioning",
        "targetResources": [{"id": "sp-1", "displayName": "Paperboat", "type": "ServicePrincipal",
            "userPrincipalName": null, "modifiedProperties": []}],
        "additionalDetails": [],
    })
}
