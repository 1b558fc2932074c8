//! Answers in the words and columns that people read. Every value goes through [`crate::text`].

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::table::{Column, Table};
use crate::text::{count, escaped, second, shown};

/// More changed paths than these are only counted.
const PATHS_MAX: usize = 12;
/// The attributes by which a user is known stand before the others.
const FIRST: [&str; 5] = ["id", "userName", "displayName", "externalId", "active"];

/// How people read the rows of a list.
pub(crate) struct Shape {
    /// Its columns.
    pub(crate) columns: &'static [Column],
    /// The cells of a row.
    pub(crate) row: fn(&Value) -> Vec<String>,
}

/// Of `members`.
pub(crate) const MEMBERS: Shape = Shape {
    columns: &[
        Column::text("User name"),
        Column::extra("Display name"),
        Column::whole("Account"),
        Column::whole("Member since"),
        Column::number("Event"),
        Column::whole("Id"),
    ],
    row: member,
};

/// The cells of a member.
fn member(row: &Value) -> Vec<String> {
    let account = match (&row["dangling"], &row["accountActive"]) {
        // The group names somebody whom no event created.
        (Value::Bool(true), _) => "unknown".to_owned(),
        (_, Value::Bool(active)) => activity(*active).to_owned(),
        _ => shown(&row["memberType"]).to_lowercase(),
    };
    vec![
        shown(&row["userName"]),
        shown(&row["displayName"]),
        account,
        time(&row["memberSince"]),
        shown(&row["addedBySeq"]),
        shown(&row["userId"]),
    ]
}

/// Of `users`.
pub(crate) const USERS: Shape = Shape {
    columns: &[
        Column::text("User name"),
        Column::extra("Display name"),
        Column::whole("Account"),
        Column::whole("Created"),
        Column::number("Event"),
        Column::whole("Id"),
    ],
    row: user_of_list,
};

/// The cells of a user.
fn user_of_list(row: &Value) -> Vec<String> {
    let active = row["active"].as_bool().map(activity).unwrap_or_default();
    vec![
        shown(&row["userName"]),
        shown(&row["displayName"]),
        active.to_owned(),
        time(&row["createdAt"]),
        shown(&row["createdSeq"]),
        shown(&row["userId"]),
    ]
}

/// Of `apps`.
pub(crate) const APPLICATIONS: Shape = Shape {
    columns: &[
        Column::whole("Application"),
        Column::whole("Profile"),
        Column::whole("Added"),
        Column::number("Event"),
        Column::whole("Tenant URL"),
    ],
    row: application,
};

/// The cells of an application.
fn application(row: &Value) -> Vec<String> {
    vec![
        shown(&row["application"]),
        shown(&row["profile"]),
        time(&row["addedAt"]),
        shown(&row["addedSeq"]),
        shown(&row["tenantUrl"]),
    ]
}

/// Of `profiles`.
pub(crate) const PROFILES: Shape = Shape {
    columns: &[
        Column::whole("Profile"),
        Column::text("Application"),
        Column::whole("Groups"),
        Column::text("Versions from"),
    ],
    row: profile,
};

/// The cells of a profile. Whether it has groups is said of its last version.
fn profile(row: &Value) -> Vec<String> {
    let versions = row["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let dates: Vec<String> = versions
        .iter()
        .map(|version| shown(&version["from"]))
        .filter(|from| !from.is_empty())
        .collect();
    let groups = versions.last().is_some_and(|version| version["groups"] == true);
    vec![
        shown(&row["profile"]),
        shown(&row["title"]),
        if groups { "yes" } else { "no" }.to_owned(),
        dates.join(", "),
    ]
}

const DIFFERENCES: &[Column] = &[
    Column::whole("Type"),
    Column::whole("Id"),
    Column::text("Path"),
    Column::text("Recorded"),
    Column::text("Seen"),
];

/// What a look at an upstream brought. A baseline takes over what there is, so its differences are only
/// counted.
pub(crate) fn looked(
    slug: &str,
    what: &str,
    answer: &Map<String, Value>,
    columns: Option<usize>,
) -> String {
    let seen = answer.get("seen").and_then(Value::as_object).into_iter().flatten();
    let seen = seen.map(|(name, number)| format!("{} {}", shown(number), name.to_lowercase()));
    let seen: Vec<String> = seen.map(|one| format!("{one} resources")).collect();
    let recorded = answer.get("recorded").map(shown).unwrap_or_default();
    let mut text = format!(
        "{} at the upstream of {}; {recorded} not as recorded before\n",
        seen.join(", "),
        escaped(slug)
    );
    let rows = answer.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if what == "drift" && !rows.is_empty() {
        let cell = |value: &Value| match value {
            Value::Null => "–".to_owned(),
            other => shown(other),
        };
        let cells = rows.iter().map(|row| {
            let path = shown(&row["path"]);
            vec![
                shown(&row["resourceType"]),
                shown(&row["resourceId"]),
                if path.is_empty() { "the resource".to_owned() } else { path },
                cell(&row["recorded"]),
                cell(&row["seen"]),
            ]
        });
        text.push('\n');
        text.push_str(&Table::new(DIFFERENCES, columns).page(cells.collect()));
    }
    text
}

/// Of `token list`.
pub(crate) const TOKENS: Shape = Shape {
    columns: &[
        Column::whole("Id"),
        Column::whole("Role"),
        Column::text("Application"),
        Column::whole("Issued"),
        Column::whole("Valid"),
        Column::number("Event"),
    ],
    row: token,
};

/// The cells of a token.
fn token(row: &Value) -> Vec<String> {
    let revoked = shown(&row["revokedSeq"]);
    vec![
        shown(&row["id"]),
        shown(&row["role"]),
        shown(&row["application"]),
        time(&row["addedAt"]),
        if revoked.is_empty() { "yes".to_owned() } else { format!("until event {revoked}") },
        shown(&row["addedSeq"]),
    ]
}

/// Of `timeline`, and of a `log` of one application.
pub(crate) const TIMELINE: Shape = Shape {
    columns: &[
        Column::whole("Time"),
        Column::whole("Action"),
        Column::whole("Status"),
        Column::number("HTTP"),
        Column::whole("Operation"),
        Column::text("Target"),
        Column::text("Reason or change"),
        Column::number("Event"),
    ],
    row: operation,
};

/// The cells of an operation in a timeline.
fn operation(row: &Value) -> Vec<String> {
    vec![
        time(&row["occurredAt"]),
        shown(&row["action"]),
        shown(&row["status"]),
        shown(&row["httpStatus"]),
        shown(&row["operation"]),
        target(row),
        outcome(row),
        shown(&row["seq"]),
    ]
}

/// Of a `log` of all applications.
pub(crate) const LOG: Shape = Shape {
    columns: &[
        Column::whole("Time"),
        Column::text("Application"),
        Column::whole("Action"),
        Column::whole("Status"),
        Column::number("HTTP"),
        Column::whole("Operation"),
        Column::text("Target"),
        Column::text("Reason or change"),
        Column::number("Event"),
    ],
    row: operation_of_any,
};

/// The cells of an operation in the log.
fn operation_of_any(row: &Value) -> Vec<String> {
    let mut cells = operation(row);
    cells.insert(1, shown(&row["application"]));
    cells
}

/// What an operation was about, by the name that it has for people.
fn target(row: &Value) -> String {
    let names = ["userName", "displayName", "resourceId"];
    let name = names.iter().find(|name| row[**name].is_string());
    name.map(|name| shown(&row[*name])).unwrap_or_default()
}

/// Why an operation was refused, which group it let join or leave, or which paths it changed; and what
/// of it the application's profile did not expect.
fn outcome(row: &Value) -> String {
    let mut text = result(row);
    let flags = row["flags"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (place, flag) in flags.iter().take(PATHS_MAX).enumerate() {
        let words = match flag["kind"].as_str() {
            Some("outsideProfile") => "not in the profile",
            Some("noSchema") => "in no schema",
            Some("notFilterable") => "not to be filtered by",
            _ => "unexpected",
        };
        let separator = if text.is_empty() || place > 0 { "" } else { " " };
        text.push_str(&format!("{separator}[{}: {words}]", shown(&flag["path"])));
    }
    text
}

fn result(row: &Value) -> String {
    if let Some(requests) = row["count"].as_u64() {
        return format!("{} requests", count(requests));
    }
    let reason = shown(&row["reason"]);
    if !reason.is_empty() {
        return reason;
    }
    if let Some(word) = row["membership"].as_str() {
        let group = if row["groupName"].is_null() { "groupId" } else { "groupName" };
        return format!("{} {}", escaped(word), shown(&row[group]));
    }
    let paths = row["changedPaths"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = paths.iter().take(PATHS_MAX).map(shown).collect();
    let mut text = named.join(", ");
    if paths.len() > PATHS_MAX {
        text.push_str(&format!(" and {} more", count((paths.len() - PATHS_MAX) as u64)));
    }
    text
}

fn activity(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

fn time(value: &Value) -> String {
    value.as_str().map(second).unwrap_or_default().into_owned()
}

/// `as of` the instant of an answer, and the event after which it stands.
pub(crate) fn as_of(answer: &Map<String, Value>) -> String {
    let at = asked(answer, "at").unwrap_or_else(|| "now".to_owned());
    format!("as of {at} ({})", event(answer))
}

/// The stretch of an answer, the newest of it first.
pub(crate) fn stretch(answer: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, word) in [("from", "from"), ("to", "before")] {
        if let Some(time) = asked(answer, name) {
            text.push_str(&format!(" {word} {time}"));
        }
    }
    format!("{text}, newest first ({})", event(answer))
}

/// The event after which an answer stands.
pub(crate) fn event(answer: &Map<String, Value>) -> String {
    match answer.get("atSeq") {
        Some(Value::Number(seq)) => format!("event {seq}"),
        _ => "before the first event".to_owned(),
    }
}

/// An instant of the question as the server understood it.
fn asked(answer: &Map<String, Value>, name: &str) -> Option<String> {
    let time = answer.get("query")?.get(name)?.as_str()?;
    Some(second(time).into_owned())
}

/// What stands below a list of `rows_shown`: how much of it was shown, and what was not watched.
pub(crate) fn footer(thing: &str, rows_shown: u64, answer: &Map<String, Value>) -> String {
    let all = answer.get("rowCount").and_then(Value::as_u64).unwrap_or(rows_shown);
    let mut text = existence(thing, answer);
    let rows = if all == 1 { "row" } else { "rows" };
    if rows_shown < all {
        let (shown, all) = (count(rows_shown), count(all));
        text.push_str(&format!("{shown} of {all} {rows} (--all shows the rest)"));
    } else {
        text.push_str(&format!("{} {rows}", count(rows_shown)));
    }
    text.push_str(if is_partial(answer) { "; not everything was watched\n" } else { "\n" });
    text + &gaps(answer)
}

/// Says plainly that something was not there. A list of what was there needs no such line.
fn existence(thing: &str, answer: &Map<String, Value>) -> String {
    let seq = answer.get("existsSeq").map(shown).unwrap_or_default();
    match answer.get("exists").and_then(Value::as_str) {
        Some("deleted") => format!("The {thing} was deleted by event {seq}.\n"),
        Some("no") => format!("The {thing} was not there yet; event {seq} created it.\n"),
        _ => String::new(),
    }
}

fn is_partial(answer: &Map<String, Value>) -> bool {
    answer.get("coverage").is_none_or(|coverage| coverage["state"] != "complete")
}

/// One line for each stretch that was not watched.
fn gaps(answer: &Map<String, Value>) -> String {
    let gaps = answer.get("coverage").and_then(|coverage| coverage["gaps"].as_array());
    let line = |gap: &Value| {
        let end = |name: &str, open: &str| {
            gap[name].as_str().map_or(open.to_owned(), |time| second(time).into_owned())
        };
        let (from, to) = (end("from", "the beginning"), end("to", "now"));
        format!("Not watched: {from} to {to} ({})\n", shown(&gap["reason"]))
    };
    gaps.into_iter().flatten().map(line).collect()
}

/// A user, one attribute a line; `asked` is how the question named it.
pub(crate) fn user(app: &str, asked: &str, answer: &Map<String, Value>) -> String {
    let resource = answer.get("resource").and_then(Value::as_object);
    let name = resource.and_then(|user| user.get("userName")?.as_str()).unwrap_or(asked);
    let mut text = format!("User {} in {} {}\n\n", escaped(name), escaped(app), as_of(answer));
    if let Some(resource) = resource {
        let mut keys: Vec<&String> = resource.keys().collect();
        keys.sort_by(|a, b| by_rank(a, b));
        let mut rows = vec![];
        for key in keys {
            // Attributes of an extension follow its URN after a colon (RFC 7644 §3.10).
            let sign = if key.contains(':') { ':' } else { '.' };
            flatten(key, sign, &resource[key], &mut rows);
        }
        let columns = [Column::whole("Attribute"), Column::whole("Value")];
        // Nothing is cut: the terminal breaks a long value.
        text.push_str(&Table::new(&columns, None).page(rows));
        text.push('\n');
        let seq = answer.get("existsSeq").map(shown).unwrap_or_default();
        text.push_str(&format!("Created by event {seq}."));
    } else {
        text.push_str(existence("user", answer).trim_end());
    }
    text.push_str(if is_partial(answer) { " Not everything was watched.\n" } else { "\n" });
    text + &gaps(answer)
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
    use super::*;
    use serde_json::json;

    fn below(rows_shown: u64, answer: Value) -> String {
        footer("group", rows_shown, answer.as_object().unwrap())
    }

    #[test]
    fn a_footer_counts_and_names_what_was_not_watched() {
        let complete = json!({"state": "complete", "gaps": []});
        let of = |count: u64| json!({"rowCount": count, "coverage": complete});
        assert_eq!(below(1, of(1)), "1 row\n");
        assert_eq!(below(12, of(33_012)), "12 of 33,012 rows (--all shows the rest)\n");
        assert_eq!(below(0, of(0)), "0 rows\n");
        let gaps = json!([
            {"from": null, "to": "2026-03-01T08:00:00.5Z", "reason": "before the record began"},
            {"from": "2026-03-04T09:00:00.1Z", "to": "2026-03-05T10:00:00Z",
             "reason": "recorder \u{1b}stopped"},
            {"from": "2026-03-06T10:00:00Z", "to": null, "reason": "recorder killed"},
        ]);
        let partial = json!({"rowCount": 0, "coverage": {"state": "partial", "gaps": gaps}});
        let expected = r"0 rows; not everything was watched
Not watched: the beginning to 2026-03-01T08:00:00Z (before the record began)
Not watched: 2026-03-04T09:00:00Z to 2026-03-05T10:00:00Z (recorder \u{1b}stopped)
Not watched: 2026-03-06T10:00:00Z to now (recorder killed)
";
        assert_eq!(below(0, partial), expected);
        let untold = "0 rows; not everything was watched\n";
        assert_eq!(below(0, json!({"rowCount": 0})), untold, "no word is no promise");
    }

    #[test]
    fn an_operation_tells_why_not_or_what_changed() {
        let check = |row: Value, expected: &str| assert_eq!(outcome(&row), expected, "{row}");
        check(json!({"reason": null, "changedPaths": ["active", "title"]}), "active, title");
        check(json!({"reason": "no\nsuch group", "changedPaths": []}), r"no\nsuch group");
        check(json!({"count": 1200, "changedPaths": []}), "1,200 requests");
        let paths: Vec<String> = (0..1_014).map(|place| format!("a{place}")).collect();
        let text = outcome(&json!({"reason": null, "changedPaths": paths}));
        assert!(text.ends_with("a10, a11 and 1,002 more"), "{text}");
        let joined =
            json!({"membership": "joined", "groupName": "Crew", "changedPaths": ["members"]});
        check(joined, "joined Crew");
        check(json!({"membership": "left", "groupName": null, "groupId": "7"}), "left 7");
        assert_eq!(
            target(&json!({"userName": "mira", "displayName": "M", "resourceId": "26"})),
            "mira"
        );
        let group = json!({"userName": null, "displayName": "Crew", "resourceId": "7"});
        assert_eq!(target(&group), "Crew");
        assert_eq!(target(&json!({"userName": null, "resourceId": "26"})), "26");
        assert_eq!(target(&json!({"resourceId": null})), "");
    }

    #[test]
    fn members_that_are_no_accounts_say_what_they_are() {
        let account = |row: Value| member(&row)[2].clone();
        assert_eq!(account(json!({"accountActive": false, "dangling": false})), "inactive");
        let group = json!({"memberType": "Group", "accountActive": null, "dangling": false});
        assert_eq!(account(group), "group");
        assert_eq!(account(json!({"accountActive": null, "dangling": true})), "unknown");
    }
}
