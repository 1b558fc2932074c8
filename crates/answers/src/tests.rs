//! Tests that every question of the list must pass.

mod cells;
mod pages;

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::{Described, Kind, Members, Operations, Place, StaysInGroup, all, described};

/// The question's name and path, for messages of tests.
fn at(one: &Described) -> String {
    format!("{} ({})", one.name, one.path)
}

/// The properties of a row's schema.
fn row_of(one: &Described) -> serde_json::Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator =
        settings.with(|settings| settings.inline_subschemas = true).into_generator();
    let row = one.schemas(&mut generator).row;
    row.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

#[test]
fn every_question_has_an_address_and_words() {
    let mut paths = BTreeSet::new();
    for one in all() {
        let at = at(one);
        assert!(paths.insert(one.path), "{at}: the address is another one's");
        assert!(!one.about.is_empty() && !one.about.ends_with('.'), "{at}: {}", one.about);
        assert!(one.path.starts_with("/api/v1/"), "{at}");
        let in_path: Vec<&str> = one.path.split(['{', '}']).skip(1).step_by(2).collect();
        let named = one.parameters.iter().filter(|one| one.place == Place::Path);
        assert_eq!(named.map(|one| one.name).collect::<Vec<_>>(), in_path, "{at}");
        for parameter in &one.parameters {
            let name = parameter.name;
            assert!(!parameter.help.is_empty(), "{at}: `{name}` has no words");
            assert!(!parameter.help.ends_with('.'), "{at}: `{name}` ends with a full stop");
            let label = &parameter.label;
            let is_capital = label.starts_with(char::is_uppercase);
            let is_plain = !label.chars().skip(1).any(char::is_uppercase);
            assert!(is_capital && is_plain && label.len() < 32, "{at}: `{name}`: {label}");
            assert!(!parameter.accepts.is_empty(), "{at}: `{name}` refuses without a word");
        }
        let mut names: Vec<&str> = one.parameters.iter().map(|one| one.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), one.parameters.len(), "{at}: a name stands twice");
    }
}

#[test]
fn forms_have_labels_in_plain_words() {
    let log = described::<Operations>().unwrap();
    let label = |name: &str| log.parameter(name).unwrap().label.as_str();
    let names = ["app", "resource", "credential", "requestId", "at", "knownAt", "tz"];
    let names = names.into_iter().filter(|name| log.parameter(name).is_some());
    let labels: Vec<&str> = names.map(label).collect();
    let expected = ["Application", "User or group", "Token", "Request id", "Known at", "Time zone"];
    assert_eq!(labels, expected);
    let Kind::Choice(actions) = &log.parameter("action").unwrap().kind else { panic!() };
    let staged = actions.iter().find(|one| one.word == "stagedDelete").unwrap();
    assert_eq!(staged.label, "Staged delete");
    let Kind::Choice(effects) = &log.parameter("effect").unwrap().kind else { panic!() };
    assert!(effects.iter().any(|one| one.label == "No change"), "{effects:?}");
}

#[test]
fn json_and_csv_have_the_same_members() {
    for one in all().iter().filter(|one| one.is_list()) {
        let at = at(one);
        let row = row_of(one);
        let members: BTreeSet<&str> = one.members.iter().copied().collect();
        assert_eq!(members, row.keys().map(String::as_str).collect(), "{at}");
        let columns: BTreeSet<&str> = one.columns.iter().copied().collect();
        assert_eq!(columns.len(), one.columns.len(), "{at}: a column stands twice");
        assert!(members.is_subset(&columns), "{at}");
    }
}

#[test]
fn people_are_shown_every_member_or_it_is_said_why_not() {
    for one in all() {
        let at = at(one);
        let row = row_of(one);
        let members: BTreeSet<&str> = row.keys().map(String::as_str).collect();
        for (name, schema) in &row {
            let has_words = schema.get("description").is_some_and(|words| words != "");
            assert!(has_words, "{at}: `{name}` has no words");
        }
        // A member may be shown only when certain parameters are given.
        let mut shown = BTreeSet::new();
        for asked in forms(one) {
            let asked: Vec<(&str, &str)> =
                asked.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let table = one.table(&asked).unwrap_or_else(|error| panic!("{at}: {error}"));
            for heading in &table.headings {
                for member in heading.members {
                    assert!(members.contains(member), "{at}: no row has `{member}`");
                    shown.insert(*member);
                }
            }
        }
        for (name, reason) in one.not_shown {
            assert!(members.contains(name), "{at}: no row has `{name}`");
            assert!(!shown.contains(name), "{at}: `{name}` is shown");
            assert!(!reason.is_empty(), "{at}: `{name}`");
            shown.insert(name);
        }
        let hidden: Vec<&&str> = members.difference(&shown).collect();
        assert!(hidden.is_empty(), "{at}: neither shown nor said why not: {hidden:?}");
    }
}

/// Sets of parameters: only the required ones, and these with one optional parameter each.
fn forms(one: &Described) -> Vec<Vec<(&'static str, String)>> {
    let text = |parameter: &crate::Parameter| match &parameter.kind {
        Kind::Flag | Kind::Bool => "true".to_owned(),
        Kind::Number { min, .. } => min.to_string(),
        Kind::Choice(words) => words[0].word.clone(),
        _ => "x".to_owned(),
    };
    let own = |one: &&crate::Parameter| matches!(one.place, Place::Path | Place::Query);
    let own: Vec<_> = one.parameters.iter().filter(own).collect();
    let needed: Vec<_> =
        own.iter().filter(|one| one.is_required).map(|one| (one.name, text(one))).collect();
    let mut all = vec![needed.clone()];
    for parameter in own.iter().filter(|one| !one.is_required) {
        let mut more = needed.clone();
        more.push((parameter.name, text(parameter)));
        all.push(more);
    }
    all
}

#[test]
fn columns_that_programs_read_stay_and_what_is_added_comes_last() {
    let golden = include_str!("columns.txt");
    for line in golden.lines() {
        let (path, before) = line.split_once(' ').unwrap();
        let one = all().iter().find(|one| one.path == path).unwrap();
        let before: Vec<&str> = before.split(',').collect();
        assert!(one.columns.starts_with(&before), "{}: {:?}", at(one), one.columns);
    }
}

#[test]
fn openapi_names_every_address() {
    let document = crate::openapi("0.0.0");
    let paths = document["paths"].as_object().unwrap();
    for one in all() {
        let operation = &paths[one.path]["get"];
        assert_eq!(operation["summary"], one.about.as_str(), "{}", at(one));
    }
    for one in crate::act::acts() {
        let operation = &paths[one.path][one.method.name().to_ascii_lowercase().as_str()];
        assert_eq!(operation["summary"], one.about.as_str(), "{}", one.name);
    }
    let text = document.to_string();
    let targets = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for target in targets {
        assert!(document.pointer(target).is_some(), "{target}");
    }
}

#[test]
fn a_row_of_a_file_says_what_its_answer_says_of_all_rows() {
    let answer = json!({"query": {"at": "2026-03-31T17:00:00.000000Z", "limit": 100},
                        "atSeq": 1842, "groupId": "7", "nested": true});
    let members = described::<Members>().unwrap();
    let mut row = json!({"userId": "26"}).as_object().unwrap().clone();
    members.with_context(&mut row, answer.as_object().unwrap());
    let expected = json!({"userId": "26", "at": "2026-03-31T17:00:00.000000Z", "atSeq": 1842,
                          "groupId": "7", "groupName": null});
    assert_eq!(Value::from(row), expected);

    let stays = described::<StaysInGroup>().unwrap();
    let mut row = json!({"groupId": "26"}).as_object().unwrap().clone();
    stays.with_context(&mut row, answer.as_object().unwrap());
    assert_eq!(Value::from(row), json!({"groupId": "26"}), "its own");
}

/// Bodies and answers have separate generators, which could give the same name to different schemas.
#[test]
fn no_body_has_the_name_of_an_answer() {
    let mut answers = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut bodies = SchemaSettings::draft2020_12().into_generator();
    for one in all() {
        one.schemas(&mut answers);
    }
    for one in crate::act::acts() {
        one.reply(&mut answers);
        one.body(&mut bodies);
    }
    let names = |generator: &schemars::SchemaGenerator| -> BTreeSet<String> {
        generator.definitions().keys().cloned().collect()
    };
    let both: Vec<String> = names(&answers).intersection(&names(&bodies)).cloned().collect();
    assert!(both.is_empty() || both == ["Nothing"], "{both:?}");
}

/// `UPDATE_GOLDEN=1` writes the page again.
#[test]
fn the_reference_page_is_that_of_the_descriptions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let page = crate::reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/api.md is old: UPDATE_GOLDEN=1 cargo test -p answers writes it");
}
