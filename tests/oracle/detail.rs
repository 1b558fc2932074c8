//! One operation in full: its row, changes, request and answer, and the entries that explain it.

use event::{Application, Content, Event, Number};
use serde_json::{Map, Value, json};

use super::imports;
use super::known::Known;
use super::operations::{any_row, observation_of, operation_of};
use super::questions::{Expected, Parameters};
use super::resources::{changes_of, id_of};
use super::values::changed;

/// `GET /operations/{id}`
pub fn operation(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let Some(event) = known.events().get(parameters.event as usize) else {
        return Expected::not_found();
    };
    let mut whole = if operation_of(event).is_some() {
        request(known, event)
    } else if let Some(seen) = observation_of(event) {
        let mut row = any_row(known, event);
        let changes = changes(known, event.header.application, event, seen.number);
        row.insert("changes".into(), changes.into());
        row.insert("steps".into(), json!([]));
        row.insert("request".into(), Value::Null);
        row.insert("response".into(), Value::Null);
        row
    } else if imports::imported_of(event).is_some() {
        entry(known, event)
    } else {
        return Expected::not_found();
    };
    whole.insert("eventHash".into(), known.event_hash(event).into());
    Expected::answer().with("resource", whole).with("rowCount", 1)
}

fn change(path: &str, (old, new): (Value, Value), op: &str) -> Map<String, Value> {
    let row = json!({"path": path, "op": op, "oldValue": old, "newValue": new});
    row.as_object().cloned().expect("an object")
}

fn op(has_old: bool, has_new: bool) -> &'static str {
    match (has_old, has_new) {
        (false, _) => "add",
        (true, false) => "remove",
        (true, true) => "replace",
    }
}

fn request(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    let operation = operation_of(event).expect("a request");
    let application = event.header.application;
    let mut row = any_row(known, event);
    row.insert("changes".into(), changes(known, application, event, operation.number).into());
    row.insert("steps".into(), json!([]));
    let (mut target, mut body) = (Value::Null, Value::Null);
    let (mut error, mut note) = (Value::Null, Value::Null);
    for part in &event.parts {
        match &part.content {
            Content::Target(text) => target = text.as_str().into(),
            Content::Body(bytes) => body = serde_json::from_slice(bytes).expect("JSON"),
            Content::Detail(detail) => {
                error = detail.error.as_deref().into();
                note = json!(detail.body.is_some());
            }
            _ => {}
        }
    }
    // In these histories every body is stored.
    assert_ne!(note, json!(true), "a body that was not kept");
    let method = operation.method.name();
    row.insert(
        "request".into(),
        json!({"method": method, "target": target, "body": body, "bodyNote": null}),
    );
    row.insert("response".into(), json!({"status": operation.status, "error": error}));
    let joined = match operation.number {
        Number::NOBODY => vec![],
        _ => imports::explaining(known, event),
    };
    for name in ["jobId", "cycleId", "changeId"] {
        let surest = joined.first().and_then(|(entry, _)| any_row(known, entry).remove(name));
        row.insert(name.into(), surest.unwrap_or_default());
    }
    let joined = joined.into_iter().map(|(entry, confidence)| {
        let told = any_row(known, entry);
        let mut one = Map::new();
        for name in ["seq", "entryId", "occurredAt", "action", "status"] {
            one.insert(name.into(), told[name].clone());
        }
        one.insert("confidence".into(), confidence.into());
        Value::from(one)
    });
    row.insert("explainedBy".into(), joined.collect());
    row
}

fn changes(
    known: &Known<'_>,
    application: Application,
    event: &Event,
    target: Number,
) -> Vec<Value> {
    let mut rows = vec![];
    for (subject, changes) in changes_of(event) {
        let json = |text: &Option<Vec<u8>>| -> Value {
            text.as_ref().map_or(Value::Null, |text| serde_json::from_slice(text).unwrap())
        };
        let mut own = vec![];
        for one in &changed(changes) {
            let word = op(one.old.is_some(), one.new.is_some());
            own.push(change(&one.path.to_string(), (json(&one.old), json(&one.new)), word));
        }
        for member in &changes.joined {
            own.push(change("members", (Value::Null, id_of(known, application, *member)), "add"));
        }
        for member in &changes.left {
            own.push(change(
                "members",
                (id_of(known, application, *member), Value::Null),
                "remove",
            ));
        }
        for mut row in own {
            if subject != target {
                row.insert("resourceId".into(), id_of(known, application, subject));
            }
            rows.push(row.into());
        }
    }
    rows
}

fn entry(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    let mut row = any_row(known, event);
    let said = imports::said(event);
    let changes = imports::shown_modified(&said).into_iter().map(|(path, old, new)| {
        let word = op(old.is_some(), new.is_some());
        Value::from(change(&path, (old.into(), new.into()), word))
    });
    row.insert("changes".into(), changes.collect());
    let steps = said["provisioningSteps"].as_array().cloned().unwrap_or_default();
    let steps = steps.iter().zip(1..).map(|(step, place)| {
        json!({
            "stepNo": place,
            "type": step["provisioningStepType"],
            "name": step["name"],
            "status": step["status"],
            "description": step["description"],
            "details": step["details"],
        })
    });
    row.insert("steps".into(), steps.collect());
    let explains = imports::explained(known, event);
    let explains = explains.map(|(seq, confidence)| json!({"seq": seq, "confidence": confidence}));
    row.insert("explains".into(), explains.into());
    row.insert("entry".into(), said);
    row.insert("request".into(), Value::Null);
    row.insert("response".into(), Value::Null);
    row
}
