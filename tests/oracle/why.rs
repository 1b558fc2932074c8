//! Why somebody has an account or not: the steps, each with the events that prove it.

use std::collections::BTreeSet;

use event::{Action, Application, Effect, Event, Number, ResourceType, Seq, Source, Status};
use serde_json::{Map, Value, json};

use super::imports::{self, Account};
use super::known::Known;
use super::operations::{has_failed, is_write, operation_of, recorded_action};
use super::questions::{Expected, Parameters};
use super::resources::{Found, ever, found, identity, runs};

/// At most this many of the newest entries are used.
const ENTRIES_MAX: usize = 64;
/// At most this many changes of the configuration are listed.
const CONFIGURATION_MAX: usize = 5;

const ACTIVE: [&str; 2] = ["Active in the source system", "IsActive"];
const ASSIGNED: [&str; 2] = ["Assigned to the application", "Assigned"];
const ROLE: [&str; 1] = ["User has the required role"];
const SCOPE: [&str; 2] = ["Scoping filter evaluation passed", "IsInProvisioningScope"];

/// The evidence about somebody, newest first.
struct Evidence<'a> {
    entries: Vec<&'a Event>,
    writes: Vec<&'a Event>,
    lookups: Vec<&'a Event>,
}

/// A step, without its text.
fn node(name: &str, state: &str, seqs: &[Seq], nodes: Vec<Value>) -> Value {
    json!({"name": name, "state": state, "seqs": seqs, "nodes": nodes})
}

fn word(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn not_observable(name: &str) -> Value {
    node(name, "notObservable", &[], vec![])
}

/// `GET /apps/{app}/users/{user}/why`
pub fn why(known: &Known<'_>, parameters: &Parameters, slug: &str) -> Expected {
    let (application, at) = (known.application(slug), parameters.at_count(known));
    let time = parameters.at.unwrap_or(known.now);
    let numbers = ever(known, application, ResourceType::USER, &parameters.user);
    let number = match found(known, application, ResourceType::USER, &parameters.user, at) {
        Found::One(number) => number,
        // Without an account, a lookup, a refusal or an import may have mentioned them.
        Found::Nobody if !numbers.is_empty() => *numbers.last().expect("somebody"),
        other => return Expected::refused(known, application, other),
    };
    let evidence = evidence(known, parameters, application, &numbers);
    let world = known.world(application, at);
    let account = Account::at(known, application, number, time);
    let has_version = world.is_or_was(number).is_some();
    let is_recorded = has_version || evidence.entries.is_empty();
    let (exists, active, was_deleted) = match world.resources.get(&number) {
        Some(user) => (true, user.active, false),
        None if has_version => (false, false, true),
        None => (account.is_there, account.active, account.was_deleted && !account.is_there),
    };
    let mut nodes = vec![
        known_to_source(&evidence),
        check(&evidence, "assigned", &ASSIGNED, vec![]),
        role(&evidence),
        scope(&evidence),
        matched(&evidence),
    ];
    nodes.extend(requested(&evidence));
    let version = match world.resources.get(&number) {
        Some(user) => Some(user.version),
        None => world.gone.get(&number).map(|(_, seq)| *seq),
    };
    let last = version.or(evidence.entries.first().map(|event| event.seq));
    nodes.push(node("stillSo", word(exists && active), last.as_slice(), vec![]));
    nodes.extend(configuration(known, application, parameters));
    let mut cause = Value::Null;
    let mut says = vec![];
    let has_remedy = match (exists, active) {
        (true, true) => false,
        (true, false) => {
            let since = if has_version { None } else { account.off };
            let (kind, seqs) = cause_of(known, application, number, at, &evidence, since);
            let candidates = ["unassigned", "filteredOut", "softDeleted", "disabledAtSource"];
            cause = json!({
                "known": kind.is_some(),
                "kind": kind,
                "seqs": seqs,
                "candidates": if kind.is_some() { vec![] } else { candidates.to_vec() },
            });
            true
        }
        (false, _) if was_deleted => false,
        (false, _) => {
            says = why_not(known, &evidence);
            true
        }
    };
    let mut told = Map::new();
    told.insert("exists".into(), exists.into());
    told.insert("active".into(), exists.then_some(active).into());
    told.insert("basis".into(), if is_recorded { "recorded" } else { "imported" }.into());
    told.insert("cause".into(), cause);
    told.insert("nodes".into(), nodes.into());
    told.extend(identity(known, application, number, at));
    Expected::answer()
        .with("resource", told)
        .with("rowCount", 1)
        .with_gaps(imports::holes_at(known, application, time))
        .saying(says, has_remedy)
}

fn evidence<'a>(
    known: &Known<'a>,
    parameters: &Parameters,
    application: Application,
    numbers: &BTreeSet<Number>,
) -> Evidence<'a> {
    let time = parameters.at.unwrap_or(known.now);
    let mut entries = imports::entries_until(known, application, time);
    entries.retain(|event| {
        let entry = imports::imported_of(event).expect("an entry");
        entry.source == Source::Provisioning && numbers.contains(&entry.number)
    });
    entries.reverse();
    entries.truncate(ENTRIES_MAX);
    let (mut writes, mut lookups) = (vec![], vec![]);
    for event in known.events()[..parameters.at_count(known)].iter().rev() {
        let Some(operation) = operation_of(event) else { continue };
        if event.header.application != application || !numbers.contains(&operation.number) {
            continue;
        }
        if is_write(operation) {
            writes.push(event);
        } else if operation.effect == Effect::Read {
            lookups.push(event);
        }
    }
    Evidence { entries, writes, lookups }
}

/// The checks in an entry, by its own names.
fn checks(event: &Event) -> Vec<(String, bool)> {
    let said = imports::said(event);
    let steps = said["provisioningSteps"].as_array().cloned().unwrap_or_default();
    let mut checks = vec![];
    for name in ["EntrySynchronizationScoping", "EntrySynchronizationSkip"] {
        for step in steps.iter().filter(|step| step["name"] == name) {
            for (check, value) in step["details"].as_object().into_iter().flatten() {
                match value.as_str() {
                    Some("True") => checks.push((check.clone(), true)),
                    Some("False") => checks.push((check.clone(), false)),
                    Some(text) if check == "ScopeEvaluationResult" => {
                        let filters: Map<String, Value> = serde_json::from_str(text).expect("JSON");
                        let truth = |value: Value| value.as_bool().expect("true or false");
                        checks.extend(filters.into_iter().map(|(name, is)| (name, truth(is))));
                    }
                    _ => {}
                }
            }
        }
    }
    checks
}

fn told_by(event: &Event, names: &[&str]) -> Option<bool> {
    let checks = checks(event);
    checks.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, is)| *is)
}

/// The result of a check in the newest entry that has it.
fn told(evidence: &Evidence<'_>, names: &[&str]) -> Option<(Seq, bool)> {
    evidence.entries.iter().find_map(|event| Some((event.seq, told_by(event, names)?)))
}

fn check(evidence: &Evidence<'_>, name: &str, names: &[&str], nodes: Vec<Value>) -> Value {
    match told(evidence, names) {
        Some((seq, is)) => node(name, word(is), &[seq], nodes),
        None => node(name, "notObservable", &[], nodes),
    }
}

fn has_step(event: &Event, name: &str) -> bool {
    let said = imports::said(event);
    said["provisioningSteps"].as_array().into_iter().flatten().any(|step| step["name"] == name)
}

fn detail(event: &Event, name: &str) -> Option<String> {
    let said = imports::said(event);
    let mut steps = said["provisioningSteps"].as_array().into_iter().flatten();
    steps.find_map(|step| step["details"][name].as_str().map(str::to_owned))
}

fn known_to_source(evidence: &Evidence<'_>) -> Value {
    let name = "knownToSource";
    if let Some(newest) = evidence.entries.first() {
        let active = check(evidence, "activeInSource", &ACTIVE, vec![]);
        return node(name, "yes", &[newest.seq], vec![active]);
    }
    match evidence.writes.last().or(evidence.lookups.last()) {
        Some(first) => node(name, "yes", &[first.seq], vec![]),
        None => not_observable(name),
    }
}

fn role(evidence: &Evidence<'_>) -> Value {
    let newest = evidence.entries.first();
    let named = newest.filter(|event| detail(event, "appRoleAssignments").is_some());
    let nodes = named.map(|event| node("roleName", "yes", &[event.seq], vec![]));
    check(evidence, "role", &ROLE, nodes.into_iter().collect())
}

fn scope(evidence: &Evidence<'_>) -> Value {
    let mut nodes = vec![];
    if let Some(event) = evidence.entries.iter().find(|event| !checks(event).is_empty()) {
        let known = [&ACTIVE[..], &ASSIGNED, &ROLE, &SCOPE].concat();
        let others = checks(event).into_iter().filter(|(name, _)| !known.contains(&name.as_str()));
        nodes = others.map(|(_, is)| node("scopeFilter", word(is), &[event.seq], vec![])).collect();
    }
    check(evidence, "scopeFilters", &SCOPE, nodes)
}

fn matched(evidence: &Evidence<'_>) -> Value {
    let action = |event: &Event| recorded_action(event, operation_of(event).expect("a request"));
    let created = evidence.writes.iter().rev().find(|event| action(event) == "create");
    let mut before = evidence.lookups.iter();
    let before = before.find(|event| created.is_none_or(|created| event.seq < created.seq));
    if let Some(lookup) = before {
        let operation = operation_of(lookup).expect("a lookup");
        let is_there = operation.results != Some(0) || operation.status == 304;
        return node("matched", word(is_there), &[lookup.seq], vec![]);
    }
    for event in &evidence.entries {
        if imports::was_seen(&imports::said(event)) {
            return node("matched", "yes", &[event.seq], vec![]);
        }
        for (step, state) in
            [("EntrySynchronizationAdd", "no"), ("EntrySynchronizationUpdate", "yes")]
        {
            if has_step(event, step) {
                return node("matched", state, &[event.seq], vec![]);
            }
        }
    }
    not_observable("matched")
}

fn requested(evidence: &Evidence<'_>) -> Vec<Value> {
    let Some(last) = evidence.writes.first() else {
        let status = |event: &&Event| imports::imported_of(event).map(|entry| entry.status);
        let wrote = evidence.entries.iter().any(|event| status(event) == Some(Status::Success));
        return vec![node("requested", if wrote { "unknown" } else { "no" }, &[], vec![])];
    };
    let operation = operation_of(last).expect("a request");
    let took = matches!(operation.effect, Effect::Applied | Effect::NoOp);
    let states = [true, !has_failed(operation), took];
    let names = ["requested", "answered", "applied"];
    let all = names.into_iter().zip(states);
    all.map(|(name, is)| node(name, word(is), &[last.seq], vec![])).collect()
}

fn configuration(
    known: &Known<'_>,
    application: Application,
    parameters: &Parameters,
) -> Option<Value> {
    let mut entries =
        imports::entries_until(known, application, parameters.at.unwrap_or(known.now));
    entries.retain(|event| {
        imports::imported_of(event).is_some_and(|entry| entry.source == Source::DirectoryAudit)
    });
    entries.reverse();
    entries.truncate(CONFIGURATION_MAX);
    let seqs: Vec<Seq> = entries.iter().map(|event| event.seq).collect();
    let nodes = seqs.iter().map(|seq| node("change", "yes", &[*seq], vec![])).collect();
    (!seqs.is_empty()).then(|| node("configuration", "yes", &seqs, nodes))
}

/// Why an account is inactive, and the proof. `since` is the entry that deactivated it, if only imports
/// are known.
fn cause_of(
    known: &Known<'_>,
    application: Application,
    number: Number,
    at: usize,
    evidence: &Evidence<'_>,
    since: Option<(event::Timestamp, Seq)>,
) -> (Option<&'static str>, Vec<Seq>) {
    let is_active = |count: usize| {
        let user = known.world(application, count.min(at)).resources.get(&number);
        user.is_some_and(|user| user.active)
    };
    // The count of events after which it was inactive; the last of them deactivated it.
    let off = runs(known, is_active).last().and_then(|(_, until)| *until);
    let off = off.map(|count| count as Seq - 1);
    let mut entries = evidence.entries.clone();
    if let Some(since) = since {
        entries.retain(|event| (imports::occurred(event), event.seq) >= since);
        entries.reverse();
    }
    if off.is_some() {
        let how_sure = |event: &&Event| {
            let sure = imports::explained(known, event).map(|(_, confidence)| confidence);
            ["certain", "probable", "possible"]
                .iter()
                .position(|one| Some(*one) == sure)
                .unwrap_or(3)
        };
        entries.sort_by_key(how_sure);
    }
    for event in entries {
        let entry = imports::imported_of(event).expect("an entry");
        let writes = match entry.action {
            Action::Update | Action::Disable | Action::Delete => true,
            Action::Create => off.is_none(),
            _ => false,
        };
        if entry.status != Status::Success || !writes {
            continue;
        }
        if let Some(off) = off
            && imports::explained(known, event).map(|(seq, _)| seq) != Some(off)
        {
            continue;
        }
        let is_gone = has_step(event, "EntryImportDelete");
        let is_off = detail(event, "accountEnabled").as_deref() == Some("False");
        let fails = |names: &[&str]| told_by(event, names) == Some(false);
        let kinds = [
            (is_gone, "softDeleted"),
            (is_off, "disabledAtSource"),
            (fails(&ASSIGNED), "unassigned"),
            (fails(&SCOPE), "filteredOut"),
            (fails(&ACTIVE), "softDeleted"),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
            return (Some(kind), off.into_iter().chain([event.seq]).collect());
        }
    }
    (None, off.into_iter().collect())
}

/// What the conclusion must name for somebody without an account.
fn why_not(known: &Known<'_>, evidence: &Evidence<'_>) -> Vec<String> {
    let second = |text: String| text.split('.').next().map(str::to_owned).expect("a time");
    if let Some(event) = evidence.entries.first() {
        let entry = imports::imported_of(event).expect("an entry");
        let when = second(entry.occurred_at.to_string());
        let error = "/provisioningStatusInfo/errorInformation/errorCode";
        let said = imports::said(event);
        match entry.status {
            Status::Skipped => return vec![when],
            Status::Failure => {
                return [Some(when), imports::text(&said, error).map(str::to_owned)]
                    .into_iter()
                    .flatten()
                    .collect();
            }
            _ => {}
        }
    }
    if let Some(event) = evidence.writes.first() {
        return vec![operation_of(event).expect("a request").status.to_string()];
    }
    let lookup = evidence.lookups.first();
    lookup.map(|event| second(known.time(event.seq))).into_iter().collect()
}
