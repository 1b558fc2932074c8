//! Operations: their rows, and which of them a question selects.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Application, Content, Credential, Effect, Event, Fact, Lifecycle, Method, Number, Observation,
    Occasion, Operation, ResourceType, Route, Seq, Verdict,
};
use serde_json::{Map, Value, json};

use super::imports;
use super::known::Known;
use super::questions::{Expected, Parameters};
use super::resources::{changes_of, ever, got_account, group_name, id_of, identity, type_name};
use super::values::changed;

/// The SCIM error keywords by their stored numbers (RFC 7644 §3.12); 0 is none.
const SCIM_TYPES: [&str; 9] = [
    "",
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
];

/// The request of an event.
pub fn operation_of(event: &Event) -> Option<&Operation> {
    match &event.header.fact {
        Fact::Operation(operation) => Some(operation),
        _ => None,
    }
}

/// The observation of an event.
pub fn observation_of(event: &Event) -> Option<&Observation> {
    match &event.header.fact {
        Fact::Observation(seen) => Some(seen),
        _ => None,
    }
}

/// The subject of an operation.
fn number_of(event: &Event) -> Number {
    match (operation_of(event), observation_of(event)) {
        (Some(operation), _) => operation.number,
        (_, Some(seen)) => seen.number,
        (None, None) => imports::number_of(event),
    }
}

/// Method and type of resource.
pub fn operation_name(event: &Event) -> Option<String> {
    let operation = operation_of(event)?;
    let name = type_name(operation.resource_type).expect("users and groups only");
    Some(format!("{} {name}", operation.method.name()))
}

/// Whether it asked for a change.
pub fn is_write(operation: &Operation) -> bool {
    let methods = [Method::Post, Method::Put, Method::Patch, Method::Delete];
    let routes = [Route::Collection, Route::Resource];
    methods.contains(&operation.method)
        && routes.contains(&operation.route)
        && operation.effect != Effect::Read
}

pub fn has_failed(operation: &Operation) -> bool {
    operation.status >= 400
}

/// The action of a request, in Graph's terms.
pub fn recorded_action(event: &Event, operation: &Operation) -> &'static str {
    match operation.method {
        _ if !is_write(operation) => "other",
        Method::Post => "create",
        Method::Delete => "delete",
        _ if switches_off(event) => "disable",
        _ => "update",
    }
}

/// Whether an event deactivates its subject.
fn switches_off(event: &Event) -> bool {
    let number = number_of(event);
    changes_of(event).any(|(subject, changes)| {
        subject == number
            && changed(changes).iter().any(|change| {
                change.path.to_string() == "active"
                    && change.old.as_deref() != Some(b"false")
                    && change.new.as_deref() == Some(b"false")
            })
    })
}

/// The action of an observation, in Graph's terms.
fn seen_action(event: &Event, seen: &Observation) -> &'static str {
    let mut own = changes_of(event).filter(|(subject, _)| *subject == seen.number);
    match own.find_map(|(_, changes)| changes.lifecycle) {
        Some(Lifecycle::Created(_)) => "create",
        Some(Lifecycle::Deleted) => "delete",
        Some(Lifecycle::Restored) | None if switches_off(event) => "disable",
        Some(Lifecycle::Restored) => "update",
        // An observation without a change leaves no event.
        None => "update",
    }
}

fn reason(event: &Event) -> Option<&str> {
    event.parts.iter().find_map(|part| match &part.content {
        Content::Detail(detail) => detail.error.as_deref(),
        _ => None,
    })
}

/// The id and name of the holder of the name that a refused create asked for.
fn name_holder(known: &Known<'_>, event: &Event) -> (Value, Value) {
    let operation = operation_of(event).expect("a request");
    let holder = operation.touches.first().filter(|_| operation.status == 409);
    let Some(holder) = holder else { return (Value::Null, Value::Null) };
    let told = identity(known, event.header.application, *holder, event.seq as usize + 1);
    let name = if told["userName"].is_null() { "displayName" } else { "userName" };
    (told["userId"].clone(), told[name].clone())
}

fn scim_type(operation: &Operation) -> Option<&'static str> {
    let code = usize::from(operation.scim_type);
    (code > 0).then(|| SCIM_TYPES[code])
}

/// The row of a request or an observation.
pub fn row(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    let application = event.header.application;
    let origin = event.header.origin.clone().expect("somebody parameters or looked");
    let mut paths = BTreeSet::new();
    for (_, changes) in changes_of(event) {
        paths.extend(changed(changes).iter().map(|change| change.path.to_string()));
        if !changes.joined.is_empty() || !changes.left.is_empty() {
            paths.insert("members".to_owned());
        }
    }
    let flags = event.parts.iter().find_map(|part| match &part.content {
        Content::Flags(flags) => Some(flags.clone()),
        _ => None,
    });
    let flags = flags.unwrap_or_default();
    let flags = flags.iter().map(|flag| json!({"kind": flag.kind.name(), "path": flag.path}));
    let is_known = origin.credential != Credential::NONE;
    let row = json!({
        "seq": event.seq,
        "eventId": known.event_id(event.seq),
        "occurredAt": known.time(event.seq),
        "recordedAt": known.time(event.seq),
        "application": known.slug(application),
        "source": "recorded",
        "reason": reason(event),
        "actorType": if is_known { "token" } else { "none" },
        "actorId": is_known.then(|| origin.credential.to_string()),
        "sourceIp": origin.client.map(|client| client.to_string()),
        "userAgent": origin.user_agent,
        "requestId": origin.request_id,
        "changedPaths": paths,
        "flags": flags.collect::<Vec<_>>(),
    });
    let Value::Object(mut row) = row else { unreachable!() };
    let own = match (operation_of(event), observation_of(event)) {
        (Some(operation), _) => json!({
            "action": recorded_action(event, operation),
            "operation": operation_name(event),
            "resourceType": type_name(operation.resource_type),
            "status": if has_failed(operation) { "failure" } else { "success" },
            "httpStatus": operation.status,
            "scimType": scim_type(operation),
            "effect": operation.effect.name(),
            "index": operation.index,
            "durationMs": f64::from(operation.decided_after_us) / 1e3,
            "results": operation.results,
            "sawSeq": operation.saw_seq,
        }),
        (_, Some(seen)) => json!({
            "action": seen_action(event, seen),
            "operation": format!("observation ({})", seen.occasion.name()),
            "resourceType": type_name(seen.resource_type),
            "status": "success",
            "httpStatus": null,
            "scimType": null,
            "effect": "applied",
            "index": null,
            "durationMs": null,
            "results": null,
            "sawSeq": null,
            // In these histories no outcome is unknown.
            "settles": [],
            "verdict": null,
        }),
        (None, None) => unreachable!("neither parameters nor seen"),
    };
    row.extend(own.as_object().cloned().expect("an object"));
    let (mut who, number) = (Map::new(), number_of(event));
    if number != Number::NOBODY {
        who = identity(known, application, number, event.seq as usize + 1);
    }
    for (from, to) in [
        ("userId", "resourceId"),
        ("userName", "userName"),
        ("externalId", "externalId"),
        ("displayName", "displayName"),
    ] {
        row.insert(to.into(), who.remove(from).unwrap_or_default());
    }
    row
}

/// The requests and observations of a period, newest first.
fn recorded<'a>(
    known: &Known<'a>,
    parameters: &Parameters,
    applications: &[Application],
) -> Vec<&'a Event> {
    let (start, end) = parameters.stretch(known);
    let events = known.events()[start..end].iter().rev();
    let fits = |event: &&Event| applications.contains(&event.header.application);
    let is_shown =
        |event: &&Event| operation_of(event).is_some() || observation_of(event).is_some();
    events.filter(fits).filter(is_shown).collect()
}

/// The recorded and imported operations of a period, newest first; entries by the source's time.
pub fn all<'a>(
    known: &Known<'a>,
    parameters: &Parameters,
    applications: &[Application],
) -> Vec<&'a Event> {
    let mut events = recorded(known, parameters, applications);
    for application in applications {
        events.extend(imports::entries(known, *application).into_iter().filter(|event| {
            let time = imports::occurred(event);
            parameters.from.is_none_or(|from| from <= time)
                && parameters.to.is_none_or(|to| time < to)
        }));
    }
    events.sort_by_key(|event| std::cmp::Reverse((imports::occurred(event), event.seq)));
    events
}

/// The row of any operation, recorded or imported.
pub fn any_row(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    match imports::imported_of(event) {
        Some(_) => imports::row(known, event),
        None => row(known, event),
    }
}

/// Whether a value of a row is that of a filter.
fn is(found: &Value, value: &str) -> bool {
    found.as_str() == Some(value) || found.as_u64().is_some_and(|one| one.to_string() == value)
}

/// `GET /operations`
pub fn list(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let rows = selected(known, parameters).into_iter();
    Expected::rows(rows.map(Value::from).collect())
}

/// The rows of the operations that the filters select, newest first.
pub fn selected(known: &Known<'_>, parameters: &Parameters) -> Vec<Map<String, Value>> {
    let applications = known.applications(parameters.app);
    let mut events = all(known, parameters, &applications);
    if let Some(name) = &parameters.resource {
        events.retain(|event| {
            let (application, number) = (event.header.application, number_of(event));
            let kinds = [ResourceType::USER, ResourceType::GROUP];
            kinds.into_iter().any(|kind| ever(known, application, kind, name).contains(&number))
        });
    }
    let rows = events.into_iter().map(|event| any_row(known, event));
    let fits = |row: &Map<String, Value>| {
        parameters
            .filters
            .iter()
            .all(|(name, value)| row.get(*name).is_some_and(|found| is(found, value)))
    };
    rows.filter(fits).collect()
}

/// `GET /reports/unapproved`
pub fn unapproved(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let approved: BTreeSet<Seq> = known
        .events()
        .iter()
        .filter_map(|event| match &event.header.fact {
            Fact::EvidenceAdded(added) => Some(added.operation),
            _ => None,
        })
        .collect();
    let mut rows = vec![];
    for event in recorded(known, parameters, &known.applications(parameters.app)) {
        let Some(operation) = operation_of(event) else { continue };
        let took_effect = is_write(operation) && operation.effect == Effect::Applied;
        if took_effect && !approved.contains(&event.seq) {
            rows.push(row(known, event).into());
        }
    }
    Expected::rows(rows)
}

/// `GET /reports/drift`
pub fn drift(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let events = recorded(known, parameters, &known.applications(parameters.app)).into_iter();
    // An observation that confirms an unknown outcome is no drift; one that shows a change or
    // contradicts an assumed outcome is.
    let differs = |seen: &Observation| {
        seen.occasion == Occasion::Drift
            || (matches!(seen.occasion, Occasion::Read | Occasion::ReadBack)
                && seen.verdict != Verdict::Confirmed)
    };
    let drifted = events.filter(|event| observation_of(event).is_some_and(differs));
    Expected::rows(drifted.map(|event| row(known, event).into()).collect())
}

/// `GET /apps/{app}/users/{user}/timeline` and that of a group.
pub fn timeline(
    known: &Known<'_>,
    parameters: &Parameters,
    kind: ResourceType,
    slug: &str,
) -> Expected {
    let application = known.application(slug);
    let name = if kind == ResourceType::USER { &parameters.user } else { &parameters.group };
    let numbers = ever(known, application, kind, name);
    if numbers.is_empty() {
        return Expected::not_found();
    }
    let mut rows = vec![];
    for event in all(known, parameters, &[application]) {
        let concerned = match operation_of(event) {
            Some(operation) => [operation.touches.clone(), vec![operation.number]].concat(),
            None => vec![number_of(event)],
        };
        if !concerned.iter().any(|number| numbers.contains(number)) {
            continue;
        }
        let mut row = any_row(known, event);
        let moved = changes_of(event).find_map(|(group, changes)| {
            let is_in = |list: &[Number]| list.iter().any(|member| numbers.contains(member));
            match (is_in(&changes.joined), is_in(&changes.left)) {
                (true, _) => Some(("joined", group)),
                (false, true) => Some(("left", group)),
                (false, false) => None,
            }
        });
        let group = moved.map(|(_, group)| group);
        let world = known.world(application, event.seq as usize + 1);
        row.insert("membership".into(), moved.map(|(word, _)| word).into());
        let id = group.map(|group| id_of(known, application, group));
        row.insert("groupId".into(), id.unwrap_or_default());
        row.insert("groupName".into(), group.map(|group| group_name(world, group)).into());
        rows.push(row.into());
    }
    let newest = numbers.last().copied().unwrap_or(Number::NOBODY);
    let end = parameters.stretch(known).1;
    Expected::rows(rows).about(kind, identity(known, application, newest, end))
}

/// `GET /reports/failing`
pub fn failing(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let at = parameters.at_count(known);
    let mut writes: BTreeMap<(Application, Number), Vec<&Event>> = BTreeMap::new();
    for event in &known.events()[..at] {
        let Some(operation) = operation_of(event) else { continue };
        let is_carried_out = is_write(operation) && operation.effect != Effect::Skipped;
        if is_carried_out && operation.number != Number::NOBODY {
            let key = (event.header.application, operation.number);
            writes.entry(key).or_default().push(event);
        }
    }
    let mut rows = vec![];
    for ((application, number), events) in writes {
        let failed = |event: &&&Event| operation_of(event).is_some_and(has_failed);
        let failures = events.iter().rev().take_while(failed).count();
        let last = *events.last().expect("at least one");
        let operation = operation_of(last).expect("an operation");
        let is_asked = known.applications(parameters.app).contains(&application);
        let kind = operation.resource_type;
        let whom = (kind, number);
        if failures == 0 || !is_asked || got_account(known, application, whom, (last.seq, at)) {
            continue;
        }
        let mut row = identity(known, application, number, at);
        row.insert("application".into(), known.slug(application).into());
        row.insert("resourceType".into(), type_name(operation.resource_type).into());
        row.insert("failedAt".into(), known.time(last.seq).into());
        row.insert("failedSeq".into(), last.seq.into());
        row.insert("operation".into(), operation_name(last).into());
        row.insert("httpStatus".into(), operation.status.into());
        row.insert("scimType".into(), scim_type(operation).into());
        row.insert("reason".into(), reason(last).into());
        let (id, name) = name_holder(known, last);
        row.insert("holderId".into(), id);
        row.insert("holderName".into(), name);
        row.insert("failures".into(), failures.into());
        rows.push((last.seq, row.into()));
    }
    rows.sort_by_key(|(seq, _): &(Seq, Value)| std::cmp::Reverse(*seq));
    Expected::rows(rows.into_iter().map(|(_, row)| row).collect())
}
