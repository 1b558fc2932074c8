//! One user or group, an attribute a line.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::people::way;
use super::{as_of, end_of_one, existence, list, sections, since, time};
use crate::table::{Column, Table};
use crate::text::{escaped, shown};

/// The attributes by which a resource is known stand before the others.
const FIRST: [&str; 5] = ["id", "userName", "displayName", "externalId", "active"];

const GROUPS: [Column; 5] = [
    Column::text("Group"),
    Column::whole("Member"),
    Column::whole("Since"),
    Column::number("Event"),
    Column::whole("Id"),
];

/// A user or group, by the attribute that names it for people; `asked` is how the question named it.
pub(crate) fn resource(
    kind: &str,
    name_attribute: &str,
    app: &str,
    asked: &str,
    answer: &Map<String, Value>,
    columns: Option<usize>,
) -> String {
    let resource = answer.get("resource").and_then(Value::as_object);
    let name = resource.and_then(|one| one.get(name_attribute)?.as_str()).unwrap_or(asked);
    let title = if kind == "group" { "Group" } else { "User" };
    let heading = format!("{title} {} in {} {}\n", escaped(name), escaped(app), as_of(answer));
    let mut attributes = String::new();
    if let Some(resource) = resource {
        let mut keys: Vec<&String> = resource.keys().filter(|key| *key != "groups").collect();
        keys.sort_by(|a, b| by_rank(a, b));
        let mut rows = vec![];
        for key in keys {
            // Attributes of an extension follow its URN after a colon (RFC 7644 §3.10).
            let sign = if key.contains(':') { ':' } else { '.' };
            flatten(key, sign, &resource[key], &mut rows);
        }
        let columns = [Column::whole("Attribute"), Column::whole("Value")];
        // Nothing is cut: the terminal breaks a long value.
        attributes = Table::new(&columns, None).page(rows);
    }
    // Where groups were not asked for there is no word of them.
    let groups = resource.and_then(|one| one.get("groups").or_else(|| answer.get("groups")));
    let groups = groups.filter(|groups| groups.is_array());
    let groups = groups.map(|groups| groups_of_user(list(groups), columns)).unwrap_or_default();
    let existence = match resource {
        Some(_) => {
            let seq = answer.get("existsSeq").map(shown).unwrap_or_default();
            format!("Created by event {seq}.\n")
        }
        None => existence(kind, answer),
    };
    // The words about what was not watched follow in the same line.
    let end = end_of_one(answer);
    let last = match end.is_empty() {
        true => existence,
        false => format!("{} {end}", existence.trim_end()),
    };
    sections([heading, attributes, groups, last])
}

fn groups_of_user(groups: &[Value], columns: Option<usize>) -> String {
    if groups.is_empty() {
        return "In no group.\n".to_owned();
    }
    let cells = groups.iter().map(|row| {
        vec![
            shown(&row["groupName"]),
            way(row),
            since(row, "memberSince"),
            shown(&row["addedBySeq"]),
            shown(&row["groupId"]),
        ]
    });
    Table::new(&GROUPS, columns).page(cells.collect())
}

/// What a user is known by, its other attributes, those of extensions, and what the server adds.
fn by_rank(a: &str, b: &str) -> Ordering {
    let rank = |key: &str| match FIRST.iter().position(|first| *first == key) {
        Some(place) => place,
        None if key == "meta" || key == "schemas" => FIRST.len() + 2,
        None if key.contains(':') => FIRST.len() + 1,
        None => FIRST.len(),
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// A value as lines of path and text. `emails[0].value` is a part of the first of several.
fn flatten(path: &str, sign: char, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                flatten(&format!("{path}{sign}{name}"), '.', value, rows);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for (place, value) in values.iter().enumerate() {
                flatten(&format!("{path}[{place}]"), '.', value, rows);
            }
        }
        _ => {
            let text = if path.starts_with("meta.") { time(value) } else { shown(value) };
            rows.push(vec![escaped(path).into_owned(), text]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{GROUP_ID, USER_ID, same};
    use super::*;
    use serde_json::json;

    fn check(kind: &str, answer: Value, expected: &str) {
        let name = if kind == "group" { "displayName" } else { "userName" };
        let text = resource(kind, name, "paperboat", "asked", answer.as_object().unwrap(), None);
        same(&text, expected);
    }

    #[test]
    fn a_user_is_shown_with_the_groups_that_were_asked_for() {
        let mut answer = json!({
            "query": {"at": "2026-03-31T23:59:59.999999Z"}, "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "exists": "yes", "existsSeq": 26,
            "resource": {"userName": "mira.lund", "id": USER_ID, "title": "Cook"},
        });
        let head = format!(
            "\
User mira.lund in paperboat as of 2026-03-31T23:59:59Z (event 1842)

Attribute  Value
id         {USER_ID}
userName   mira.lund
title      Cook
"
        );
        check("user", answer.clone(), &format!("{head}\nCreated by event 26.\n"));
        answer["groups"] = json!([]);
        check("user", answer.clone(), &format!("{head}\nIn no group.\n\nCreated by event 26.\n"));
        let groups = json!([
            {"groupId": GROUP_ID, "groupName": "Crew", "direct": true, "via": null,
             "memberSince": "2026-01-12T08:00:04.5Z", "addedBySeq": 311, "startKnown": true},
            {"groupId": GROUP_ID, "groupName": "All hands", "direct": false, "via": [GROUP_ID, GROUP_ID],
             "memberSince": "2026-01-11T08:00:04.5Z", "addedBySeq": 7, "startKnown": false},
        ]);
        answer["groups"] = groups.clone();
        let whole = format!(
            "{head}
Group      Member        Since                    Event  Id
Crew       direct        2026-01-12T08:00:04Z       311  {GROUP_ID}
All hands  via 2 groups  by 2026-01-11T08:00:04Z      7  {GROUP_ID}

Created by event 26.
"
        );
        check("user", answer.clone(), &whole);
        // As an attribute of the user they are the same groups.
        answer.as_object_mut().unwrap().remove("groups");
        answer["resource"]["groups"] = groups;
        check("user", answer, &whole);
    }

    #[test]
    fn a_group_that_is_gone_says_so() {
        let gaps = json!([{"from": "2026-03-04T09:00:00.1Z", "to": "2026-03-05T10:00:00Z",
                           "reason": "recorder killed"}]);
        let answer = json!({
            "query": {"at": "2026-03-04T23:59:59.999999Z"}, "atSeq": 1842,
            "coverage": {"state": "partial", "gaps": gaps},
            "exists": "deleted", "existsSeq": 99, "resource": null, "groups": [],
        });
        check(
            "group",
            answer,
            "\
Group asked in paperboat as of 2026-03-04T23:59:59Z (event 1842)

The group was deleted by event 99. Not everything was watched.
Not watched: 2026-03-04T09:00:00Z to 2026-03-05T10:00:00Z (recorder killed)
",
        );
    }
}
