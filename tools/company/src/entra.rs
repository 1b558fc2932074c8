//! The identity provider's own log: an entry for every write into an application, in the form of
//! Entra's provisioning log in Microsoft Graph.
//!
//! An application receives the same `active=false` whatever happened at the source. The log's scope
//! checks tell what did.

use std::collections::BTreeMap;

use event::Timestamp;
use serde_json::{Map, Value, json};

use crate::book::Book;
use crate::company::{App, Person};
use crate::mapping::{self, Values};
use crate::provider::{Edit, Refusal, Step};
use crate::random::Random;

/// Why an identity provider deactivates an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The assignment to the application ended.
    Unassigned,
    /// A scoping filter keeps the person out.
    FilteredOut,
    /// The person was deleted at the source and can still be restored.
    SoftDeleted,
    /// The account at the source is disabled.
    DisabledAtSource,
}

impl Cause {
    /// All four.
    pub const ALL: [Cause; 4] =
        [Cause::Unassigned, Cause::FilteredOut, Cause::SoftDeleted, Cause::DisabledAtSource];

    /// Its name in answers.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Unassigned => "unassigned",
            Cause::FilteredOut => "filteredOut",
            Cause::SoftDeleted => "softDeleted",
            Cause::DisabledAtSource => "disabledAtSource",
        }
    }
}

/// Who was skipped in 2020: the user name, and a date in that time.
pub(crate) const PASSED_OVER: (&str, &str) = ("tindra.kowalczyk@fjordlight.example", "2020-04-30");
/// When: 2020-04-06T08:02:11Z and 2020-05-11T08:01:40Z.
const PASSED_OVER_AT: [Timestamp; 2] =
    [Timestamp(1_586_160_131_000_000), Timestamp(1_589_184_100_000_000)];
/// The application that did not get the account.
pub(crate) const PASSED_OVER_APP: App = App::Hootsuite;

const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SOURCE: &str = "Microsoft Entra ID";

/// The values of an account, by attribute.
type Account = BTreeMap<String, String>;

/// One application's part of the log.
pub(crate) struct Log {
    random: Random,
    job: Job,
    cycle_id: String,
    /// The values of each person's account.
    accounts: BTreeMap<usize, Account>,
    /// The entries, oldest first, as lines of JSON.
    lines: Vec<String>,
}

/// What all entries of an application share.
struct Job {
    app: App,
    /// Decides the ids of people in the directory.
    seed: u64,
    tenant_id: String,
    job_id: String,
    service_principal_id: String,
    source_id: String,
    target_id: String,
}

/// A write, and the provider's reason for it.
struct Written<'a> {
    action: &'static str,
    /// The name of the first step: what happened at the source.
    import: &'static str,
    export: &'static str,
    /// Why it deactivates the account, if it does.
    cause: Option<Cause>,
    modified: Vec<Value>,
    /// Why it was refused, and the application's error text.
    refusal: Option<(Refusal, &'a str)>,
}

/// The parts of any entry.
struct Entry<'a> {
    at: Timestamp,
    action: &'a str,
    status: &'a str,
    error: Value,
    steps: Vec<Value>,
    modified: Vec<Value>,
    /// The person's ids in the directory and in the application; empty if there is none.
    object_id: &'a str,
    account_id: &'a str,
    name: &'a str,
    user_name: &'a str,
}

impl Log {
    pub(crate) fn new(app: App, seed: u64) -> Log {
        let mut company = Random::seeded(seed.rotate_left(29));
        let (tenant_id, source_id) = (company.uuid(), company.uuid());
        let mut random = Random::seeded(seed.rotate_left(31) ^ (app as u64 + 1));
        let job_id = format!("scim.{}.{}", tenant_id.replace('-', ""), random.uuid());
        let (service_principal_id, target_id) = (random.uuid(), random.uuid());
        let job = Job { app, seed, tenant_id, job_id, service_principal_id, source_id, target_id };
        let cycle_id = random.uuid();
        Log { random, job, cycle_id, accounts: BTreeMap::new(), lines: vec![] }
    }

    /// A new cycle has a new id.
    pub(crate) fn begin_cycle(&mut self) {
        self.cycle_id = self.random.uuid();
    }

    /// The log as a file: one entry per line, oldest first.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// Writes an entry for a step that writes an account. `people` are those of the history, `book`
    /// already has the step, `answer` is the application's answer.
    pub(crate) fn note(
        &mut self,
        step: &Step,
        people: &[Person],
        book: &Book,
        answer: &Value,
        at: Timestamp,
    ) {
        match step {
            Step::CreateUser { person, values } => {
                let account = created(values);
                let written = Written::create(&account, None);
                let account_id = book.user_id(*person).unwrap_or_default();
                self.write(*person, &account, account_id, at, written);
                self.accounts.insert(*person, account);
            }
            Step::CreateRefused { person, values, refusal } => {
                let mut account = created(values);
                if *refusal == Refusal::BadValue {
                    account.insert("active".to_owned(), mapping::BAD_ACTIVE.to_owned());
                }
                let words = answer.get("detail").and_then(Value::as_str).unwrap_or_default();
                let written = Written::create(&account, Some((*refusal, words)));
                // The source has the person's own name, whatever the application receives.
                account.insert("userName".to_owned(), people[*person].user_name());
                self.write(*person, &account, "", at, written);
            }
            Step::PatchUser { person, edits, cause } => {
                let mut account = self.accounts.remove(person).unwrap_or_default();
                let written = Written::patch(&mut account, edits, *cause);
                let account_id = book.user_id(*person).unwrap_or_default();
                self.write(*person, &account, account_id, at, written);
                self.accounts.insert(*person, account);
            }
            Step::DeleteUser { person } => {
                let account = self.accounts.remove(person).unwrap_or_default();
                let account_id = book.deleted_id(*person).unwrap_or_default();
                self.write(*person, &account, account_id, at, Written::delete());
            }
            Step::Probe
            | Step::ProbeRefused
            | Step::LookupUser { .. }
            | Step::ReadUser { .. }
            | Step::ReadDeleted { .. }
            | Step::LookupGroup { .. }
            | Step::CreateGroup { .. }
            | Step::RenameGroup { .. }
            | Step::ReadGroup { .. }
            | Step::AddMembers { .. }
            | Step::RemoveMembers { .. } => {}
        }
    }

    fn write(
        &mut self,
        person: usize,
        account: &Account,
        account_id: &str,
        at: Timestamp,
        written: Written<'_>,
    ) {
        let object_id = object_id(self.job.seed, person);
        let value = |path: &str| account.get(path).map(String::as_str).unwrap_or_default();
        let name = format!("{} {}", value("name.givenName"), value("name.familyName"));
        let (user_name, cause) = (value("userName"), written.cause);
        let is_gone = written.action == "delete";
        let is = |word: bool| if word { "True" } else { "False" };
        let mut source = json!({
            "objectId": object_id,
            "accountEnabled": is(cause != Some(Cause::DisabledAtSource)),
            "displayName": name,
            "userPrincipalName": user_name,
            // The source of the mapping to `active`: true for each of the causes.
            "IsSoftDeleted": is(cause.is_some() || is_gone),
        });
        if cause != Some(Cause::Unassigned) {
            source["appRoleAssignments"] = "User".into();
        }
        let mut steps = vec![step(written.import, "import", "success", source)];
        if !account_id.is_empty() && written.action != "create" {
            let there = json!({"id": account_id, "userName": user_name});
            steps.push(step("EntryImport", "matching", "success", there));
        }
        if !is_gone {
            let checks = self.job.checks(cause);
            steps.push(step("EntrySynchronizationScoping", "scoping", "success", checks));
        }
        let decision = match written.action {
            "create" => "EntrySynchronizationAdd",
            "delete" => "EntrySynchronizationDelete",
            _ => "EntrySynchronizationUpdate",
        };
        steps.push(step(decision, "processing", "success", json!({})));
        let status = if written.refusal.is_none() { "success" } else { "failure" };
        let exported = written.modified.iter().filter_map(|one| {
            // The log writes names of attributes without dots.
            let name = one["displayName"].as_str()?.replace('.', "");
            Some((name, one["newValue"].clone()))
        });
        let mut exported: Map<String, Value> = exported.collect();
        exported.insert("ReportableIdentifier".to_owned(), user_name.into());
        steps.push(step(written.export, "export", status, exported.into()));
        let entry = Entry {
            at,
            action: written.action,
            status,
            error: written.refusal.map_or(Value::Null, |(kind, words)| error(kind, words)),
            steps,
            modified: written.modified,
            object_id: &object_id,
            account_id,
            name: &name,
            user_name,
        };
        let entry = self.job.entry(&mut self.random, &self.cycle_id, SOURCE, &entry);
        self.lines.push(entry.to_string());
    }
}

impl Written<'_> {
    fn create<'a>(account: &Account, refusal: Option<(Refusal, &'a str)>) -> Written<'a> {
        let modified = account.iter().map(|(path, new)| modified(path, None, new)).collect();
        let (import, export) = ("EntryImportAdd", "EntryExportAdd");
        Written { action: "create", import, export, cause: None, modified, refusal }
    }

    fn patch(account: &mut Account, edits: &[Edit], cause: Option<Cause>) -> Written<'static> {
        let mut changed = vec![];
        for edit in edits {
            let (path, new) = match edit {
                Edit::Active(true) => ("active".to_owned(), "True".to_owned()),
                Edit::Active(false) => ("active".to_owned(), "False".to_owned()),
                Edit::Set(attribute, value) => (attribute.path(), value.clone()),
            };
            let old = account.insert(path.clone(), new.clone());
            if old.as_ref() != Some(&new) {
                changed.push(modified(&path, old.as_deref(), &new));
            }
        }
        let (action, export) = match cause {
            Some(_) => ("disable", "EntryExportUpdateSoftDelete"),
            None => ("update", "EntryExportUpdate"),
        };
        let import = "EntryImportUpdate";
        Written { action, import, export, cause, modified: changed, refusal: None }
    }

    fn delete() -> Written<'static> {
        Written {
            action: "delete",
            import: "EntryImportDelete",
            export: "EntryExportDelete",
            cause: None,
            modified: vec![],
            refusal: None,
        }
    }
}

impl Job {
    /// The details of the scoping step.
    fn checks(&self, cause: Option<Cause>) -> Value {
        let is = |word: bool| if word { "True" } else { "False" };
        let is_active = !matches!(cause, Some(Cause::SoftDeleted | Cause::DisabledAtSource));
        let is_assigned = cause != Some(Cause::Unassigned);
        let passes = cause != Some(Cause::FilteredOut);
        let filters: Map<String, Value> =
            filter(self.app).map(|filter| (filter.to_owned(), passes.into())).into_iter().collect();
        json!({
            "Active in the source system": is(is_active),
            "Assigned to the application": is(is_assigned),
            "User has the required role": is(is_assigned),
            "Scoping filter evaluation passed": is(passes),
            "ScopeEvaluationResult": Value::Object(filters).to_string(),
        })
    }

    fn entry(&self, random: &mut Random, cycle: &str, source: &str, entry: &Entry<'_>) -> Value {
        let app = self.app.slug();
        json!({
            "id": random.uuid(),
            // Graph gives whole seconds.
            "activityDateTime": entry.at.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "tenantId": self.tenant_id,
            "jobId": self.job_id,
            "cycleId": cycle,
            "changeId": random.uuid(),
            "provisioningAction": entry.action,
            "durationInMilliseconds": random.between(80, 2400),
            "provisioningStatusInfo": {"status": entry.status, "errorInformation": entry.error},
            "provisioningSteps": entry.steps,
            "modifiedProperties": entry.modified,
            "servicePrincipal": {"id": self.service_principal_id, "displayName": app},
            "sourceSystem": {"id": self.source_id, "displayName": source, "details": {}},
            "targetSystem": {
                "id": self.target_id,
                "displayName": app,
                "details": {
                    "ServicePrincipalId": self.service_principal_id,
                    "ServicePrincipalDisplayName": app,
                },
            },
            "initiatedBy": {
                "id": "",
                "displayName": "Azure AD Provisioning Service",
                "initiatorType": "system",
            },
            "sourceIdentity": {
                "id": entry.object_id,
                "displayName": entry.name,
                "identityType": "User",
                "details": {
                    "id": entry.object_id,
                    "odatatype": "User",
                    "DisplayName": entry.name,
                    "UserPrincipalName": entry.user_name,
                },
            },
            "targetIdentity": {
                "id": entry.account_id,
                "displayName": "",
                "identityType": ENTERPRISE_USER,
                "details": {},
            },
        })
    }
}

/// What is left of the log of 2020, as a file: somebody who had only the role Default Access, which did
/// not count as an assignment then, is skipped in two cycles.
pub(crate) fn log_of_2020(seed: u64) -> String {
    let mut random = Random::seeded(seed.rotate_left(37));
    let Log { job, .. } = Log::new(PASSED_OVER_APP, seed);
    let object_id = random.uuid();
    let (user_name, name) = (PASSED_OVER.0, "Tindra Kowalczyk");
    let mut text = String::new();
    for at in PASSED_OVER_AT {
        let skipped = json!({
            "SkipReason": "NotEffectivelyEntitled",
            "IsActive": "True",
            "Assigned to the application": "True",
            "IsInProvisioningScope": "True",
            "ScopeEvaluationResult": "{}",
            "ReportableIdentifier": user_name,
        });
        let source = json!({
            "objectId": object_id,
            "accountEnabled": "True",
            "displayName": name,
            "userPrincipalName": user_name,
            "IsSoftDeleted": "False",
            "appRoleAssignments": "Default Access",
        });
        let checks = json!({
            "Active in the source system": "True",
            "Assigned to the application": "True",
            "User has the required role": "False",
            "Scoping filter evaluation passed": "True",
            "ScopeEvaluationResult": "{}",
        });
        let steps = vec![
            step("EntryImportAdd", "import", "success", source),
            step("EntrySynchronizationScoping", "scoping", "success", checks),
            step("EntrySynchronizationSkip", "processing", "skipped", skipped),
        ];
        let entry = Entry {
            at,
            action: "create",
            status: "skipped",
            error: Value::Null,
            steps,
            modified: vec![],
            object_id: &object_id,
            account_id: "",
            name,
            user_name,
        };
        let cycle_id = random.uuid();
        // The directory's name then.
        let entry = job.entry(&mut random, &cycle_id, "Azure Active Directory", &entry);
        text.push_str(&entry.to_string());
        text.push('\n');
    }
    text
}

/// An application's scoping filter as the log writes it: by department, like [`App::serves`].
fn filter(app: App) -> Option<&'static str> {
    match app {
        App::Hootsuite => {
            Some("Social media.department REGEX MATCH '^(Communications|Marketing)$'")
        }
        App::Hoxhunt => None,
        App::Jostle => Some("Employees.department NOT EQUALS 'Consultants'"),
        App::Howspace => Some(
            "Workshops.department NOT REGEX MATCH '^(Communications|Legal|Logistics|Marketing|Sales)$'",
        ),
    }
}

/// A person's id in the directory, which is the same for every application.
fn object_id(seed: u64, person: usize) -> String {
    Random::seeded(seed.rotate_left(41).wrapping_add(person as u64)).uuid()
}

/// The values of a new account.
fn created(values: &Values) -> Account {
    let account = values.iter().map(|(attribute, value)| (attribute.path(), value.clone()));
    account.chain([("active".to_owned(), "True".to_owned())]).collect()
}

fn modified(path: &str, old: Option<&str>, new: &str) -> Value {
    json!({"displayName": path, "oldValue": old, "newValue": new})
}

fn step(name: &str, kind: &str, status: &str, details: Value) -> Value {
    json!({
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": "",
        "details": details,
    })
}

/// How the log describes a refusal; it quotes the application's error text.
fn error(kind: Refusal, words: &str) -> Value {
    let code = match kind {
        Refusal::BadValue => "SystemForCrossDomainIdentityManagementBadRequest",
        Refusal::Taken => "EntryConflict",
    };
    json!({
        "errorCode": code,
        "reason": format!("The application answered: {words}"),
        "additionalDetails": null,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": null,
    })
}
