//! What every column must say of its cells, tried with sample rows that have every member.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{at, forms};
use crate::{API, Cell, Described, Heading, Look, Table, Who, all, question_at};

const TIME: &str = "2026-03-31T17:00:00.000000Z";

/// Events that are no operations, so that their numbers lead nowhere: by member, and by path where others
/// have the same member.
const NO_OPERATIONS: [(&str, &str); 9] = [
    ("addedSeq", "/api/v1/apps"),
    ("seq", "/api/v1/access-log"),
    ("seq", "/api/v1/configuration-log"),
    ("seq", "/api/v1/operations/{operation}/evidence"),
    ("seq", "/api/v1/reference-lists"),
    ("seq", "/api/v1/apps/{app}/imports"),
    ("markedSeq", "/api/v1/privileged-groups"),
    ("savedSeq", "/api/v1/saved-questions"),
    ("sawSeq", "/api/v1/operations/{operation}"),
];

/// A value as the schema wants it. Texts are such that leads follow from them.
fn sample(name: &str, schema: &Value) -> Value {
    if let Some(one) = schema.get("const") {
        return one.clone();
    }
    for several in ["anyOf", "oneOf", "enum"] {
        let Some(Value::Array(all)) = schema.get(several) else { continue };
        let is_null = |one: &&Value| one.is_null() || one["type"] == "null";
        let first = all.iter().find(|one| !is_null(one)).unwrap();
        return if first.is_object() { sample(name, first) } else { first.clone() };
    }
    let kind = match &schema["type"] {
        Value::Array(all) => all.iter().find(|one| *one != "null").unwrap().clone(),
        one => one.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let none = Map::new();
            let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
            properties.iter().map(|(name, schema)| (name.clone(), sample(name, schema))).collect()
        }
        // What refers to itself is left empty.
        Some("array") if schema["items"].to_string().contains("$ref") => json!([]),
        Some("array") => json!([sample(name, &schema["items"])]),
        Some("boolean") => json!(true),
        Some("integer") => json!(7),
        Some("number") => json!(1.5),
        _ if schema["format"] == "date-time" => json!(TIME),
        _ => match name {
            "memberType" | "resourceType" => json!("User"),
            "question" | "target" => json!("/api/v1/apps?limit=1"),
            "membership" => json!("joined"),
            _ => json!("x"),
        },
    }
}

/// The schemas of a question's row and of the members beside its rows.
fn schemas(one: &Described) -> (Value, Value) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator =
        settings.with(|settings| settings.inline_subschemas = true).into_generator();
    let schemas = one.schemas(&mut generator);
    (schemas.row.to_value(), schemas.beside.to_value())
}

/// Every table of a question: with the required parameters only, and with one more each.
fn tables(one: &Described) -> Vec<Table> {
    let table = |asked: Vec<(&str, String)>| {
        let asked: Vec<(&str, &str)> =
            asked.iter().map(|(name, text)| (*name, text.as_str())).collect();
        one.table(&asked).unwrap()
    };
    forms(one).into_iter().map(table).collect()
}

#[test]
fn times_events_and_numbers_look_like_what_they_are() {
    let mut seen = BTreeSet::new();
    for one in all() {
        let (row, _) = schemas(one);
        for heading in tables(one).iter().flat_map(|table| &table.headings) {
            let Some(first) = heading.members.first() else { continue };
            let at = format!("{}: {}", at(one), heading.text);
            let is_time = row["properties"][first]["format"] == "date-time";
            assert_eq!(is_time, heading.look == Look::Time && *first != "quarantine", "{at}");
            let is_seq = *first == "seq" || first.ends_with("Seq");
            assert_eq!(is_seq, heading.look == Look::Event, "{at}");
            let is_id = ["userId", "groupId", "externalId", "requestId", "eventId"].contains(first);
            assert!(!is_id || heading.look == Look::Id, "{at}");
            seen.insert(format!("{:?}", heading.look));
        }
    }
    let looks = ["Event", "Id", "Number", "Status", "Text", "Time"];
    assert_eq!(seen, looks.map(str::to_owned).into());
}

/// Checks that the cells fit below their headings, and that each lead is the address of a question.
/// Returns how many leads there are.
fn follow(at: &str, headings: &[Heading], cells: &[Cell]) -> usize {
    assert_eq!(headings.len(), cells.len(), "{at}");
    let mut leads = 0;
    for (heading, cell) in headings.iter().zip(cells) {
        let Some(lead) = &cell.lead else { continue };
        let at = format!("{at}: {}", heading.text);
        let address = lead.address(Some("paperboat")).unwrap_or_else(|| panic!("{at}: {lead:?}"));
        let path = address.split('?').next().unwrap();
        let question = question_at(&format!("{API}{path}"));
        assert!(question.is_some_and(|one| one.who == Who::Reader), "{at}: {address}");
        leads += 1;
    }
    leads
}

#[test]
fn every_lead_is_the_address_of_a_question() {
    let (mut of_rows, mut of_grids) = (0, 0);
    for one in all() {
        let (row, beside) = schemas(one);
        let (row, beside) = (sample("", &row), sample("", &beside));
        for table in tables(one) {
            let at = at(one);
            let cells = table.cells(row.clone()).unwrap_or_else(|error| panic!("{at}: {error}"));
            of_rows += follow(&at, &table.headings, &cells);
            let below = table.below(beside.as_object().unwrap(), 1).unwrap().table;
            let parts = table.parts(row.clone()).unwrap().into_iter().map(|part| part.table);
            for grid in parts.chain([below]).flatten() {
                for cells in &grid.rows {
                    of_grids += follow(&at, &grid.headings, cells);
                }
            }
        }
    }
    assert!(of_rows > 100 && of_grids > 0, "{of_rows} {of_grids}");
}

#[test]
fn who_is_named_has_a_lead() {
    for one in all() {
        let row = sample("", &schemas(one).0);
        for table in tables(one) {
            let cells = table.cells(row.clone()).unwrap();
            for (heading, cell) in table.headings.iter().zip(&cells) {
                let Some(first) = heading.members.first() else { continue };
                let at = format!("{}: {}", at(one), heading.text);
                let is_named = ["userName", "userId", "groupName", "groupId", "application"];
                let is_event = heading.look == Look::Event;
                let is_other = NO_OPERATIONS.contains(&(*first, one.path))
                    || (*first == "savedSeq" && one.path.starts_with("/api/v1/saved-questions"));
                let leads = is_named.contains(first) || (is_event && !is_other);
                assert!(!leads || cell.lead.is_some(), "{at} leads nowhere");
                assert!(!is_other || cell.lead.is_none(), "{at} leads to no operation");
            }
        }
    }
}

#[test]
fn a_row_of_nulls_leads_nowhere() {
    for one in all() {
        let (row, _) = schemas(one);
        let mut sample = sample("", &row);
        for (name, value) in sample.as_object_mut().unwrap() {
            let schema = &row["properties"][name];
            let is_null = |one: &Value| one == "null" || one["type"] == "null";
            let several = ["type", "anyOf"].map(|name| schema[name].as_array());
            if several.into_iter().flatten().flatten().any(is_null) {
                *value = Value::Null;
            }
        }
        for table in tables(one) {
            let cells = table.cells(sample.clone()).unwrap();
            follow(&at(one), &table.headings, &cells);
            let is_empty = |cell: &&Cell| cell.text.is_empty();
            assert!(cells.iter().filter(is_empty).all(|cell| cell.lead.is_none()), "{}", at(one));
        }
    }
}
