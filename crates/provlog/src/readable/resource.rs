//! Renders one user or group, one attribute per line.

use std::cmp::Ordering;

use answers::Described;
use answers::row::{ScimResource, UserSeen};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, basis, grid, heading, sections};
use crate::table::{Column, Table};
use crate::text::{escaped, second, shown};

/// These attributes identify a resource, so they come first.
const FIRST: [&str; 5] = ["id", "userName", "displayName", "externalId", "active"];

/// Renders a user or group, given the parameters of the question.
pub(crate) fn resource(
    described: &'static Described,
    given: Vec<(&'static str, String)>,
) -> impl Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error> {
    move |members, columns| {
        let (kind, answer) = (described.thing(), Answer::of(members)?);
        let resource = answer.resource().map(ScimResource::deserialize).transpose()?;
        // An answer about a group has fewer members.
        let seen = UserSeen::deserialize(members)?;
        let name_attribute = if kind == "group" { "displayName" } else { "userName" };
        let name = resource.as_ref().and_then(|one| one.0.get(name_attribute)?.as_str());
        // The heading shows the resource's name even if the question gave its id.
        let asked = given.iter().map(|(parameter, text)| match name {
            Some(name) if *parameter == kind => (*parameter, name),
            _ => (*parameter, text.as_str()),
        });
        let table = described.table(&asked.collect::<Vec<_>>())?;
        let heading = format!("{}\n", heading(described, &table, &answer)?);
        let below = table.below(members, 1)?;
        let groups = match &below.table {
            Some(groups) => grid(groups, columns),
            None => below.lines.iter().map(|line| format!("{}\n", escaped(line))).collect(),
        };
        let created = answers::created(seen.exists_seq, seen.start_known);
        let existence = match created.filter(|_| resource.is_some()) {
            Some(created) => format!("{created}\n"),
            None => answer.existence(kind),
        };
        // The sentence about gaps continues this line.
        let end = answer.end_of_one();
        let last = match existence.is_empty() || end.is_empty() {
            true => existence + &end,
            false => format!("{} {end}", existence.trim_end()),
        };
        let attributes = resource.map(attributes).unwrap_or_default();
        let basis = basis(seen.basis.as_deref());
        Ok(sections([heading, attributes, groups, basis + &last]))
    }
}

fn attributes(ScimResource(resource): ScimResource) -> String {
    let mut keys: Vec<&String> = resource.keys().collect();
    keys.sort_by(|a, b| by_rank(a, b));
    let mut rows = vec![];
    for key in keys {
        // A colon separates the URN of an extension from its attribute (RFC 7644 §3.10).
        let sign = if key.contains(':') { ':' } else { '.' };
        flatten(key, sign, &resource[key], &mut rows);
    }
    let columns = [Column::whole("Attribute"), Column::whole("Value")];
    // No width is given, so no value is cut; the terminal wraps long ones.
    Table::new(&columns, None).page(rows)
}

/// Order: attributes that identify the user, others, those of extensions, those that the server adds.
fn by_rank(a: &str, b: &str) -> Ordering {
    let rank = |key: &str| match FIRST.iter().position(|first| *first == key) {
        Some(place) => place,
        None if key == "meta" || key == "schemas" => FIRST.len() + 2,
        None if key.contains(':') => FIRST.len() + 1,
        None => FIRST.len(),
    };
    rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
}

/// Flattens a value into rows of path and text, such as `emails[0].value`.
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
            let text = match value {
                Value::String(time) if path.starts_with("meta.") => second(time).into_owned(),
                value => shown(value),
            };
            rows.push(vec![escaped(path).into_owned(), text]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{self, GROUP_ID, USER_ID, same};
    use super::*;
    use serde_json::json;

    fn check<Q: answers::Question>(kind: &'static str, answer: Value, expected: &str) {
        let described = answers::described::<Q>().unwrap();
        let given = vec![("app", "paperboat".to_owned()), (kind, "asked".to_owned())];
        let text = resource(described, given)(&sample::answer(answer), None).unwrap();
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
        check::<answers::OneUser>(
            "user",
            answer.clone(),
            &format!("{head}\nCreated by event 26.\n"),
        );
        answer["groups"] = json!([]);
        check::<answers::OneUser>(
            "user",
            answer.clone(),
            &format!("{head}\nIn no group.\n\nCreated by event 26.\n"),
        );
        answer["groups"] = json!([
            {"groupId": GROUP_ID, "groupName": "Crew", "direct": true, "via": null,
             "memberSince": "2026-01-12T08:00:04.5Z", "addedBySeq": 311, "startKnown": true,
             "privileged": true},
            {"groupId": GROUP_ID, "groupName": "All hands", "direct": false, "via": [GROUP_ID, GROUP_ID],
             "memberSince": "2026-01-11T08:00:04.5Z", "addedBySeq": 7, "startKnown": false,
             "privileged": false},
        ]);
        let whole = format!(
            "{head}
Group              Member        Since                    Event  Id
Crew (privileged)  direct        2026-01-12T08:00:04Z       311  {GROUP_ID}
All hands          via 2 groups  by 2026-01-11T08:00:04Z      7  {GROUP_ID}

Created by event 26.
"
        );
        check::<answers::OneUser>("user", answer, &whole);
    }

    #[test]
    fn of_whom_imported_logs_alone_tell_no_groups_are_known() {
        let mut answer = json!({
            "query": {"at": "2026-03-31T23:59:59.999999Z"}, "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "exists": "yes", "existsSeq": 26, "basis": "imported", "startKnown": false,
            "groups": [], "nested": false, "resource": {"userName": "mira.lund", "active": true},
        });
        check::<answers::OneUser>(
            "user",
            answer.clone(),
            "\
User mira.lund in paperboat as of 2026-03-31T23:59:59Z (event 1842)

Attribute  Value
userName   mira.lund
active     true

Which groups it was in is not known.

This rests on imported logs alone, not on what was recorded here.
Event 26 is the first that tells of it.
",
        );
        answer["resource"] = json!(null);
        (answer["exists"], answer["existsSeq"]) = (json!("no"), json!(null));
        answer.as_object_mut().unwrap().remove("groups");
        check::<answers::OneUser>(
            "user",
            answer,
            "\
User asked in paperboat as of 2026-03-31T23:59:59Z (event 1842)

This rests on imported logs alone, not on what was recorded here.
The user was not there.
",
        );
    }

    #[test]
    fn of_a_group_imported_logs_alone_can_tell_too() {
        let answer = json!({
            "query": {"at": "2026-03-31T23:59:59.999999Z"}, "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "exists": "yes", "existsSeq": 26, "basis": "imported", "startKnown": false,
            "resource": {"id": GROUP_ID, "displayName": "Crew"},
        });
        let expected = format!(
            "\
Group Crew in paperboat as of 2026-03-31T23:59:59Z (event 1842)

Attribute    Value
id           {GROUP_ID}
displayName  Crew

This rests on imported logs alone, not on what was recorded here.
Event 26 is the first that tells of it.
"
        );
        check::<answers::OneGroup>("group", answer, &expected);
    }

    #[test]
    fn a_group_that_is_gone_says_so() {
        let gaps = json!([{"from": "2026-03-04T09:00:00.1Z", "to": "2026-03-05T10:00:00Z",
                           "reason": "recorder killed"}]);
        let answer = json!({
            "query": {"at": "2026-03-04T23:59:59.999999Z"}, "atSeq": 1842,
            "coverage": {"state": "partial", "gaps": gaps},
            "exists": "deleted", "existsSeq": 99, "resource": null,
        });
        check::<answers::OneGroup>(
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
