//! Entries of a provider's log: their claims, the request that each explains, and applications known
//! only from imports.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Action, Application, Content, Event, Fact, Imported, Number, ResourceType, Seq, Source, Status,
    Timestamp,
};
use serde_json::{Map, Value, json};

use super::known::{Known, gap};
use super::operations::{has_failed, is_write, operation_of, recorded_action};
use super::questions::{Expected, Parameters};
use super::resources::{changes_of, ever, id_of, identity, type_name};
use super::values;

const SECOND: i64 = 1_000_000;

pub fn imported_of(event: &Event) -> Option<&Imported> {
    match &event.header.fact {
        Fact::Imported(entry) => Some(entry),
        _ => None,
    }
}

/// The entry itself, in Graph's form.
pub fn said(event: &Event) -> Value {
    let text = event.parts.iter().find_map(|part| match &part.content {
        Content::Entry(text) => Some(text),
        _ => None,
    });
    serde_json::from_slice(text.expect("an entry has its text")).expect("JSON")
}

/// `GET /apps/{app}/imports`
pub fn list(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application(parameters.app.unwrap_or("boat"));
    let mut runs: Vec<(u64, Vec<&Event>)> = vec![];
    for event in known.events_of(application) {
        let Fact::ImportBatch(batch) = &event.header.fact else { continue };
        match runs.iter_mut().find(|(run, _)| *run == batch.run) {
            Some((_, events)) => events.push(event),
            None => runs.push((batch.run, vec![event])),
        }
    }
    runs.sort_by_key(|(_, events)| events.last().map(|last| std::cmp::Reverse(last.seq)));
    let row = |(run, events): &(u64, Vec<&Event>)| {
        let batches = || {
            events.iter().filter_map(|event| match &event.header.fact {
                Fact::ImportBatch(batch) => Some(batch),
                _ => None,
            })
        };
        let spans = || batches().filter_map(|batch| batch.span);
        let (first, last) = (events[0], events[events.len() - 1]);
        let origin = last.header.origin.as_ref().expect("somebody imported");
        json!({
            "run": format!("{run:x}"),
            "seq": last.seq,
            "beganAt": known.time(first.seq),
            "recordedAt": known.time(last.seq),
            "actorId": origin.credential.to_string(),
            "requests": events.len(),
            "new": batches().map(|batch| batch.new).sum::<u32>(),
            "known": batches().map(|batch| batch.known).sum::<u32>(),
            "refused": batches().map(|batch| batch.refused).sum::<u32>(),
            "firstEntryAt": spans().map(|(first, _)| first).min().map(|time| time.to_string()),
            "lastEntryAt": spans().map(|(_, last)| last).max().map(|time| time.to_string()),
        })
    };
    Expected::rows(runs.iter().map(row).collect())
}

/// `GET /apps/{app}/cycles`
pub fn cycles(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application(parameters.app.unwrap_or("raft"));
    let mut cycles: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in entries(known, application) {
        if let Some(cycle) = said(event)["cycleId"].as_str() {
            cycles.entry(cycle.to_owned()).or_default().push(event);
        }
    }
    let mut cycles: Vec<(String, Vec<&Event>)> = cycles.into_iter().collect();
    cycles.retain(|(_, events)| {
        let start = occurred(events[0]);
        parameters.from.is_none_or(|from| from <= start)
            && parameters.to.is_none_or(|to| start < to)
    });
    cycles.sort_by_key(|(_, events)| std::cmp::Reverse((occurred(events[0]), events[0].seq)));
    let rows = cycles.iter().map(|(id, events)| {
        let (first, last) = (events[0], events[events.len() - 1]);
        let ended = |status: &str| {
            let is_so = |event: &&&Event| row(known, event)["status"] == status;
            events.iter().filter(is_so).count()
        };
        json!({
            "cycleId": id,
            "startedAt": occurred(first).to_string(),
            "startedSeq": first.seq,
            "lastAt": occurred(last).to_string(),
            "seconds": (occurred(last).0 - occurred(first).0) / SECOND,
            "entries": events.len(),
            "success": ended("success"),
            "warning": ended("warning"),
            "failure": ended("failure"),
            "skipped": ended("skipped"),
        })
    });
    let holes = match entries(known, application).is_empty() {
        true => vec![gap(None, None, NOT_IMPORTED)],
        false => holes_between(known, application, parameters),
    };
    Expected::rows(rows.collect()).with_gaps(holes)
}

/// The entries of an application by the source's time, then in the order of import.
pub fn entries<'a>(known: &Known<'a>, application: Application) -> Vec<&'a Event> {
    let all = known.events_of(application);
    let mut entries: Vec<&Event> = all.filter(|event| imported_of(event).is_some()).collect();
    entries.sort_by_key(|event| (occurred(event), event.seq));
    entries
}

/// The entries up to a time.
pub fn entries_until<'a>(
    known: &Known<'a>,
    application: Application,
    time: Timestamp,
) -> Vec<&'a Event> {
    let mut entries = entries(known, application);
    entries.retain(|event| occurred(event) <= time);
    entries
}

pub fn occurred(event: &Event) -> Timestamp {
    imported_of(event).map_or(event.header.recorded_at, |entry| entry.occurred_at)
}

pub fn number_of(event: &Event) -> Number {
    imported_of(event).map_or(Number::NOBODY, |entry| entry.number)
}

/// A non-empty text of an entry.
pub fn text<'a>(said: &'a Value, path: &str) -> Option<&'a str> {
    said.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn steps(said: &Value) -> Vec<Value> {
    said["provisioningSteps"].as_array().cloned().unwrap_or_default()
}

/// What the source read in the application: the details of the last matching step that found something,
/// else only the id of an account without changes.
fn read_there(said: &Value) -> Option<Map<String, Value>> {
    let told = |details: &Map<String, Value>| {
        ["id", "userName", "externalId", "active"].iter().any(|name| {
            details.get(*name).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        })
    };
    let found = steps(said).into_iter().filter(|step| {
        step["provisioningStepType"] == "matching"
            && step["status"] == "success"
            && step["name"].as_str().is_some_and(|name| name.starts_with("EntryImport"))
    });
    let mut found = found.filter_map(|step| step["details"].as_object().cloned());
    if let Some(details) = found.rfind(told) {
        return Some(details);
    }
    let is_redundant = steps(said).iter().any(|step| {
        step["name"] == "EntrySynchronizationSkip"
            && step["details"]["SkipReason"] == "RedundantExport"
    });
    let id = text(said, "/targetIdentity/id").filter(|_| is_redundant)?;
    Some(Map::from_iter([("id".to_owned(), id.into())]))
}

/// Whether the source saw the account.
pub fn was_seen(said: &Value) -> bool {
    read_there(said).is_some()
}

/// The id of the account in the application.
fn target(said: &Value) -> Option<String> {
    let of_target = text(said, "/targetIdentity/id").map(str::to_owned);
    of_target.or_else(|| read_there(said)?.get("id")?.as_str().map(str::to_owned))
}

/// The source's name of a person: in the identity, else in a step, else as written.
fn called(said: &Value) -> Option<String> {
    let of_steps = |name: &str| {
        steps(said).iter().find_map(|step| {
            let text = step["details"][name].as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        })
    };
    if let Some(name) = text(said, "/sourceIdentity/details/UserPrincipalName") {
        return Some(name.to_owned());
    }
    if text(said, "/sourceIdentity/identityType") != Some("User") {
        return None;
    }
    let written = written(said).into_iter().find(|(path, ..)| path == "userName");
    let written = written.and_then(|(_, _, new)| new).filter(|name| !name.is_empty());
    of_steps("userPrincipalName")
        .or(written)
        .or_else(|| of_steps("userName"))
        .or_else(|| of_steps("ReportableIdentifier"))
}

type Modified = (String, Option<String>, Option<String>);

/// Path, old and new value of each written property.
pub fn written(said: &Value) -> Vec<Modified> {
    modified(&said["modifiedProperties"])
}

/// The same, or the targets of an audit entry.
pub fn shown_modified(said: &Value) -> Vec<Modified> {
    let targets = said["targetResources"].as_array().cloned().unwrap_or_default();
    let of_targets = targets.iter().flat_map(|target| modified(&target["modifiedProperties"]));
    written(said).into_iter().chain(of_targets).collect()
}

fn modified(list: &Value) -> Vec<Modified> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let all = list.as_array().cloned().unwrap_or_default();
    let one = |one: &Value| {
        let path = text(&one["displayName"])?;
        Some((path, text(&one["oldValue"]), text(&one["newValue"])))
    };
    all.iter().filter_map(one).collect()
}

/// The row of an entry among the operations.
pub fn row(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    let entry = imported_of(event).expect("an entry");
    let said = said(event);
    let origin = event.header.origin.clone().expect("somebody imported it");
    let is_audit = entry.source == Source::DirectoryAudit;
    let log = if is_audit { "directoryAudit" } else { "provisioning" };
    let status = match (is_audit, text(&said, "/result")) {
        (true, result) => result,
        (false, _) => text(&said, "/provisioningStatusInfo/status"),
    };
    let action = text(&said, "/provisioningAction").unwrap_or("other");
    let error = "/provisioningStatusInfo/errorInformation";
    let skip_step =
        steps(&said).into_iter().find(|step| step["name"] == "EntrySynchronizationSkip");
    let reason = text(&said, &format!("{error}/reason")).or(text(&said, "/resultReason"));
    let reason = reason.map(str::to_owned).or_else(|| {
        let description = skip_step.as_ref()?["description"].as_str()?;
        Some(description.to_owned())
    });
    let change = if is_audit { "/correlationId" } else { "/changeId" };
    let paths: BTreeSet<String> =
        shown_modified(&said).into_iter().map(|(path, ..)| path).collect();
    let by = |paths: &[&str]| {
        paths.iter().find_map(|path| text(&said, &format!("/initiatedBy{path}"))).map(str::to_owned)
    };
    let row = json!({
        "seq": event.seq,
        "eventId": known.event_id(event.seq),
        "occurredAt": entry.occurred_at.to_string(),
        "recordedAt": known.time(event.seq),
        "source": "imported",
        "log": log,
        "application": known.slug(event.header.application),
        "operation": format!("imported entry ({log})"),
        "resourceType": type_name(entry.resource_type),
        "action": action,
        "status": status,
        "httpStatus": null,
        "scimType": null,
        "effect": (status == Some("skipped")).then_some("skipped"),
        "reason": reason,
        "actorType": "provider",
        "actorId": by(&["/id", "/user/id", "/app/servicePrincipalId", "/app/appId"]),
        "actorName": by(&[
            "/displayName",
            "/user/displayName",
            "/user/userPrincipalName",
            "/app/displayName",
        ]),
        "importedBy": origin.credential.to_string(),
        "sourceIp": null,
        "userAgent": null,
        "requestId": origin.request_id,
        "index": null,
        "durationMs": said["durationInMilliseconds"],
        "results": null,
        "sawSeq": null,
        "changedPaths": paths,
        "flags": [],
        "entryId": said["id"],
        "jobId": said["jobId"],
        "cycleId": said["cycleId"],
        "changeId": text(&said, change),
        "tenant": text(&said, "/tenantId"),
        "errorCode": text(&said, &format!("{error}/errorCode")),
        "errorCategory": text(&said, &format!("{error}/errorCategory")),
        "skipReason": skip_step.map(|step| step["details"]["SkipReason"].clone()),
    });
    let Value::Object(mut row) = row else { unreachable!() };
    let application = event.header.application;
    let mut who = Map::new();
    if entry.number != Number::NOBODY {
        who = identity(known, application, entry.number, event.seq as usize + 1);
    }
    let called = text(&said, "/sourceIdentity/displayName").or(text(&said, "/activityDisplayName"));
    for (from, to, claimed) in [
        ("userId", "resourceId", target(&said)),
        ("userName", "userName", self::called(&said)),
        ("externalId", "externalId", None),
        ("displayName", "displayName", called.map(str::to_owned)),
    ] {
        // The recorded name goes before the source's.
        let recorded = who.remove(from).filter(|value| !value.is_null());
        row.insert(to.into(), recorded.unwrap_or(claimed.into()));
    }
    row
}

/// The request that an entry explains, and how certain that is.
pub fn explained(known: &Known<'_>, event: &Event) -> Option<(Seq, &'static str)> {
    let entry = imported_of(event)?;
    if entry.number == Number::NOBODY || entry.action == Action::Other {
        return None;
    }
    let told = target(&said(event));
    let id = id_of(known, event.header.application, entry.number);
    // It is about another account of the same person.
    if told.as_deref().is_some_and(|told| id.as_str().is_some_and(|id| id != told)) {
        return None;
    }
    let mut best: Option<(u8, i64, Seq)> = None;
    for request in known.events_of(event.header.application) {
        let Some(operation) = operation_of(request) else { continue };
        let apart = request.header.recorded_at.0 - entry.occurred_at.0;
        let apart = apart.abs();
        if operation.number != entry.number || !is_write(operation) || apart > 900 * SECOND {
            continue;
        }
        let ends_fit = match entry.status {
            Status::Success => !has_failed(operation),
            Status::Failure => has_failed(operation),
            Status::Warning => true,
            // Nothing was written, so it explains no request.
            Status::Skipped => continue,
        };
        let action = recorded_action(request, operation);
        let changes = ["update", "disable"];
        let word = entry.action.name();
        let actions_fit = action == word
            || (changes.contains(&action) && changes.contains(&word))
            || (action == "delete" && word == "stagedDelete");
        let is_near = apart <= 120 * SECOND;
        let sure = match (ends_fit, actions_fit, is_near) {
            (false, ..) => continue,
            (true, false, false) => continue,
            (true, false, true) => 1,
            (true, true, _) if is_near && is_certain(known, event, request) => 3,
            (true, true, _) => 2,
        };
        // Prefer the more certain, then the nearer, then the earlier.
        let is_better =
            best.is_none_or(|(most, least, _)| sure > most || (sure == most && apart < least));
        if is_better {
            best = Some((sure, apart, request.seq));
        }
    }
    let (sure, _, seq) = best?;
    Some((seq, ["", "possible", "probable", "certain"][usize::from(sure)]))
}

/// Whether id and values agree.
fn is_certain(known: &Known<'_>, entry: &Event, request: &Event) -> bool {
    let said = said(entry);
    let number = number_of(entry);
    let id = id_of(known, entry.header.application, number);
    if target(&said).as_deref() != id.as_str() || id.is_null() {
        return false;
    }
    let mut changed = BTreeMap::new();
    for (_, changes) in changes_of(request).filter(|(subject, _)| *subject == number) {
        for change in &values::changed(changes) {
            let new = change.new.as_ref().map(|new| {
                let new: Value = serde_json::from_slice(new).expect("JSON");
                new.as_str().map_or(new.to_string(), str::to_owned)
            });
            changed.insert(change.path.to_string().to_lowercase(), new);
        }
    }
    let written = written(&said);
    let both: Vec<bool> = written
        .iter()
        .filter_map(|(path, _, new)| {
            let ours = changed.get(&path.to_lowercase())?;
            // Providers write True and False.
            let boolean = |text: &String| match text.to_lowercase().as_str() {
                "true" | "false" => text.to_lowercase(),
                _ => text.clone(),
            };
            Some(ours.as_ref().map(boolean) == new.as_ref().map(boolean))
        })
        .collect();
    let is_gone = changed.values().all(Option::is_none);
    match both.is_empty() {
        true => is_gone && written.is_empty(),
        false => both.iter().all(|same| *same),
    }
}

/// The entries that explain a request: the most certain first, then the newest.
pub fn explaining<'a>(known: &Known<'a>, request: &Event) -> Vec<(&'a Event, &'static str)> {
    let entries = entries(known, request.header.application).into_iter();
    let of_it = entries.filter_map(|entry| {
        let (seq, confidence) = explained(known, entry)?;
        (seq == request.seq).then_some((entry, confidence))
    });
    let mut of_it: Vec<_> = of_it.collect();
    of_it.reverse();
    let rank =
        |confidence| ["certain", "probable", "possible"].iter().position(|one| *one == confidence);
    of_it.sort_by_key(|(_, confidence)| rank(*confidence));
    of_it
}

/// An account as a provider's log describes it.
#[derive(Clone, Default)]
pub struct Account {
    values: BTreeMap<String, String>,
    id: Option<String>,
    /// The source's name, if no userName was written.
    user_name: Option<String>,
    display_name: Option<String>,
    pub is_there: bool,
    pub was_deleted: bool,
    pub active: bool,
    /// The entry that deactivated it, while it is inactive.
    pub off: Option<(Timestamp, Seq)>,
    /// The first entry that wrote it, and the last that wrote or removed it.
    created: Option<(Timestamp, Seq)>,
    deleted: Option<Seq>,
}

impl Account {
    /// The account of a number, folded from the entries up to a time.
    pub fn at(
        known: &Known<'_>,
        application: Application,
        number: Number,
        time: Timestamp,
    ) -> Account {
        let mut account = Account::default();
        for event in entries_until(known, application, time) {
            if number_of(event) == number {
                account.take(event);
            }
        }
        account
    }

    fn take(&mut self, event: &Event) {
        let (entry, said) = (imported_of(event).expect("an entry"), said(event));
        let owned = |path| text(&said, path).map(str::to_owned);
        if entry.source != Source::Provisioning {
            return;
        }
        self.user_name = called(&said).or(self.user_name.take());
        self.display_name = owned("/sourceIdentity/displayName").or(self.display_name.take());
        if let Some(mut there) = read_there(&said) {
            self.id = there
                .remove("id")
                .and_then(|id| id.as_str().map(str::to_owned))
                .or(target(&said))
                .or(self.id.take());
            // An unknown account counts as active.
            self.active = self.active || !self.is_there;
            self.is_there = true;
            self.created = self.created.or(Some((entry.occurred_at, event.seq)));
            self.deleted = None;
            match there.remove("active").as_ref().and_then(Value::as_str) {
                Some("True") => self.active = true,
                Some("False") => self.active = false,
                _ => {}
            }
            for (path, value) in there {
                if let Some(value) = value.as_str() {
                    self.values.insert(path, value.to_owned());
                }
            }
            let off = (entry.occurred_at, event.seq);
            self.off = if self.active { None } else { self.off.or(Some(off)) };
        }
        let writes = [Action::Create, Action::Update, Action::Disable];
        if entry.status != Status::Success {
            return;
        }
        self.id = target(&said).or(self.id.take());
        if entry.action == Action::Delete {
            (self.is_there, self.active) = (false, false);
            (self.created, self.deleted) = (None, Some(event.seq));
            (self.was_deleted, self.off) = (true, None);
            self.values.clear();
        }
        if !writes.contains(&entry.action) {
            return;
        }
        // The log may begin after the account was created, which was active then.
        self.active = self.active || !self.is_there;
        self.is_there = true;
        self.created = self.created.or(Some((entry.occurred_at, event.seq)));
        if entry.action != Action::Update {
            self.active = entry.action == Action::Create;
        }
        for (path, _, new) in written(&said) {
            match (path.as_str(), new.as_deref()) {
                ("active", Some("True")) => self.active = true,
                ("active", Some("False")) => self.active = false,
                _ => {}
            }
            match new {
                Some(new) => self.values.insert(path, new),
                None => self.values.remove(&path),
            };
        }
        let off = (entry.occurred_at, event.seq);
        self.off = if self.active { None } else { self.off.or(Some(off)) };
    }

    fn value(&self, name: &str, else_called: &Option<String>) -> Value {
        self.values.get(name).or(else_called.as_ref()).cloned().into()
    }

    fn resource(&self) -> Value {
        let mut resource: Map<String, Value> =
            self.values.iter().map(|(path, value)| (path.clone(), value.clone().into())).collect();
        resource.insert("id".into(), self.id.clone().into());
        resource.insert("userName".into(), self.value("userName", &self.user_name));
        resource.insert("displayName".into(), self.value("displayName", &self.display_name));
        resource.insert("active".into(), self.active.into());
        resource.into()
    }
}

/// Whether an application is known only from imports.
fn is_only_imported(known: &Known<'_>, application: Application) -> bool {
    let last = known.last(application);
    let resources = last.resources.values().chain(last.gone.values().map(|(gone, _)| gone));
    let has_users = resources.into_iter().any(|one| one.kind == ResourceType::USER);
    !has_users && !entries(known, application).is_empty()
}

/// `GET /apps/{app}/users` of an application that is known only from imports.
pub fn users(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application("raft");
    if !is_only_imported(known, application) {
        return Expected::rows(vec![]);
    }
    let time = parameters.at.unwrap_or(known.now);
    let of_users = entries_until(known, application, time).into_iter().filter(|event| {
        imported_of(event).is_some_and(|entry| entry.resource_type == ResourceType::USER)
    });
    let numbers: BTreeSet<Number> =
        of_users.map(number_of).filter(|number| *number != Number::NOBODY).collect();
    let mut rows = vec![];
    for number in numbers {
        let account = Account::at(known, application, number, time);
        if !account.is_there || parameters.active.is_some_and(|active| active != account.active) {
            continue;
        }
        let (created_at, created_seq) = account.created.expect("it was written");
        rows.push(json!({
            "userId": account.id,
            "userName": account.value("userName", &account.user_name),
            "externalId": account.values.get("externalId"),
            "displayName": account.value("displayName", &account.display_name),
            "active": account.active,
            "createdAt": created_at.to_string(),
            "createdSeq": created_seq,
            "startKnown": false,
        }));
    }
    let holes = holes_at(known, application, time);
    Expected::rows(rows).with("basis", "imported").with_gaps(holes)
}

/// `GET /apps/{app}/users/{user}` of an application that is known only from imports.
pub fn user(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application("raft");
    let numbers = ever(known, application, ResourceType::USER, &parameters.user);
    let Some(number) = numbers.last() else { return Expected::not_found() };
    let time = parameters.at.unwrap_or(known.now);
    let account = Account::at(known, application, *number, time);
    let (exists, seq) = match (account.is_there, account.was_deleted) {
        (true, _) => ("yes", account.created.map(|(_, seq)| seq)),
        (false, true) => ("deleted", account.deleted),
        (false, false) => ("no", None),
    };
    let mut holes = holes_at(known, application, time);
    holes.push(gap(None, None, "memberships are not observable: the imported log has none"));
    Expected::answer()
        .with("exists", exists)
        .with("existsSeq", seq)
        .with("basis", "imported")
        .with("startKnown", false)
        .with("resource", account.is_there.then(|| account.resource()))
        .with("rowCount", u64::from(account.is_there))
        .with_gaps(holes)
}

type Hole = (Option<Timestamp>, Option<Timestamp>);

/// The times without an imported log: before, between and after the imports. Between two imports only
/// if longer than a day.
pub fn holes(known: &Known<'_>, application: Application) -> Vec<Hole> {
    let mut spans: BTreeMap<u64, (Timestamp, Timestamp)> = BTreeMap::new();
    for event in known.events_of(application) {
        if let Fact::ImportBatch(batch) = &event.header.fact
            && let Some((first, last)) = batch.span
        {
            let span = spans.entry(batch.run).or_insert((first, last));
            *span = (span.0.min(first), span.1.max(last));
        }
    }
    if spans.is_empty() {
        // The extent of an unfinished import is unknown.
        let is_empty = entries(known, application).is_empty();
        return if is_empty { vec![] } else { vec![(None, None)] };
    }
    let begin = spans.values().map(|(first, _)| *first).min();
    let end = spans.values().map(|(_, last)| *last).max();
    let mut holes = vec![(None, begin)];
    // From here nothing is covered until the next import starts.
    for (_, last) in spans.values() {
        let is_covered = spans.values().any(|(from, to)| from <= last && last < to);
        let next = spans.values().map(|(first, _)| *first).filter(|first| first > last).min();
        if let Some(next) = next.filter(|next| !is_covered && next.0 - last.0 > 86_400 * SECOND) {
            holes.push((Some(*last), Some(next)));
        }
    }
    holes.push((end, None));
    holes.sort_unstable();
    holes.dedup();
    holes
}

const NOT_IMPORTED: &str = "no imported log";

/// The holes at a time.
pub fn holes_at(known: &Known<'_>, application: Application, time: Timestamp) -> Vec<Value> {
    let covers =
        |(from, to): &Hole| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time < to);
    let holes = holes(known, application).into_iter().filter(covers);
    holes.map(|(from, to)| gap(from, to, NOT_IMPORTED)).collect()
}

/// The holes in a period.
pub fn holes_between(
    known: &Known<'_>,
    application: Application,
    parameters: &Parameters,
) -> Vec<Value> {
    let meets = |(from, to): &Hole| {
        let begins = parameters.to.is_none_or(|end| from.is_none_or(|from| from < end));
        begins && parameters.from.is_none_or(|begin| to.is_none_or(|to| begin < to))
    };
    let holes = holes(known, application).into_iter().filter(meets);
    holes.map(|(from, to)| gap(from, to, NOT_IMPORTED)).collect()
}
