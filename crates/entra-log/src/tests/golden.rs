//! What each form is read as, as files. `UPDATE_GOLDEN=1` writes them anew; what changes is reviewed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{JSON_FORMS, csv_files, entries, join, json, path, split, understand};
use crate::{Entry, Form, detect};

fn read(form: &str) -> Vec<Entry> {
    if form == "portal-csv" { entries(&join(&csv_files())) } else { entries(&split(&json(form))) }
}

/// The names in order, also in a build whose maps keep the order of insertion.
fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    let sorted: BTreeMap<String, Value> = map.into_iter().collect();
    sorted.into_iter().map(|(name, value)| (name, with_sorted(value))).collect()
}

fn with_sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(sorted(map)),
        Value::Array(all) => Value::Array(all.into_iter().map(with_sorted).collect()),
        other => other,
    }
}

fn check(form: &str) {
    let entries: Vec<Entry> =
        read(form).into_iter().map(|entry| Entry { body: sorted(entry.body), ..entry }).collect();
    let found = serde_json::to_string_pretty(&entries).unwrap() + "\n";
    let file = path(&format!("{form}.expected.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    // Not assert_eq: the two texts are long, and the first line that differs is enough.
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{form}, line {}", number + 1);
    }
    assert_eq!(found.len(), expected.len(), "{form}");
}

#[test]
fn every_form_is_read_as_it_was() {
    for form in JSON_FORMS.into_iter().chain(["portal-csv"]) {
        check(form);
    }
}

#[test]
fn every_form_is_told() {
    for form in JSON_FORMS {
        assert_eq!(detect("x", &json(form)).map(Form::name), Ok(form));
    }
    for (name, bytes) in csv_files() {
        assert_eq!(detect(&name, &bytes), Ok(Form::PortalCsv));
        assert_eq!(detect("x", &bytes), Ok(Form::PortalCsv), "{name} by its headings");
    }
}

#[test]
fn the_same_facts_give_the_same_typed_members_in_every_form() {
    let bare = |entry: Entry| Entry { body: Map::new(), ..entry };
    let graph: Vec<_> = read("graph").into_iter().map(bare).collect();
    assert_eq!(graph.len(), 7);
    for form in ["portal-json", "stream", "log-analytics", "portal-csv"] {
        let found: Vec<_> = read(form).into_iter().map(bare).collect();
        for (found, expected) in found.iter().zip(&graph) {
            assert_eq!(found, expected, "{form}");
        }
        assert_eq!(found.len(), graph.len(), "{form}");
    }
}

#[test]
fn a_body_is_itself_an_entry_that_says_the_same() {
    for form in JSON_FORMS.into_iter().chain(["portal-csv"]) {
        for entry in read(form) {
            assert_eq!(understand(Value::Object(entry.body.clone())), Ok(entry), "{form}");
        }
    }
}

#[test]
fn a_body_has_every_documented_member() {
    let names = [
        "id",
        "activityDateTime",
        "tenantId",
        "jobId",
        "cycleId",
        "changeId",
        "provisioningAction",
        "durationInMilliseconds",
        "provisioningStatusInfo",
        "provisioningSteps",
        "modifiedProperties",
        "servicePrincipal",
        "sourceSystem",
        "targetSystem",
        "initiatedBy",
        "sourceIdentity",
        "targetIdentity",
    ];
    for form in ["graph", "portal-json", "stream", "log-analytics", "portal-csv"] {
        for entry in read(form) {
            for name in names {
                assert!(entry.body.contains_key(name), "{form}: {name}");
            }
        }
    }
}
