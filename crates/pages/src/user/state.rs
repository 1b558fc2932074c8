//! The values of a user at an instant, each with what set it; and at two instants side by side.

use std::collections::BTreeMap;

use answers::BlameOfUser;
use answers::row::Blamed;
use serde_json::Value;

use crate::around::Around;
use crate::question::Further;
use crate::text;
use crate::view::{Cell, DiffRow, DiffView, Heading, Html, Look, Row, TableView};

/// The values at an instant.
pub(super) struct Values {
    time: String,
    rows: Vec<Blamed>,
    /// The address of each membership's group.
    groups: Vec<Option<String>>,
}

impl Values {
    pub(super) fn of(blame: &Further<BlameOfUser>) -> Values {
        let around = Around { app: blame.given.app(), given: &blame.given };
        let rows = blame.answer.content.rows();
        let group = |row: &Blamed| {
            let name = |name: &str| row.value[name].as_str();
            let id = name("groupId")?;
            around.href(&answers::Lead::Group { application: None, name: id.to_owned() })
        };
        Values {
            time: blame.answer.envelope.asked("at").unwrap_or_default().to_owned(),
            groups: rows.iter().map(group).collect(),
            rows: rows.to_vec(),
        }
    }

    /// The text at a path.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let row = self.rows.iter().find(|row| row.path == path && !row.removed)?;
        row.value.as_str().map(str::to_owned)
    }

    /// What people call it.
    pub(super) fn name(&self) -> Option<String> {
        self.text("userName").or_else(|| self.text("displayName"))
    }

    /// Each value, since when, and what set it. Groups have their own table.
    pub(super) fn table(&self) -> TableView {
        let rows = self.rows.iter().filter(|row| row.path != "groups").map(|row| {
            let value = match row.removed {
                true => Cell::status("removed"),
                false => cell(&row.path, &row.value),
            };
            Row::new(vec![
                Cell::text(&row.path),
                value,
                Cell::time(&row.set_at.0),
                Cell::text(&row.operation),
                Cell::event(row.set_seq),
            ])
        });
        let headings = vec![
            Heading::new(Look::Text, "Attribute"),
            Heading::new(Look::Text, "Value"),
            Heading::new(Look::Time, "Since"),
            Heading::new(Look::Text, "Set by"),
            Heading::new(Look::Event, "Event"),
        ];
        TableView {
            caption: "Values".to_owned(),
            headings,
            rows: rows.collect(),
            empty: Some(crate::view::Empty {
                what: "There was no account, so there are no values.".to_owned(),
                hints: vec![],
            }),
            ..TableView::default()
        }
    }

    /// The values by what they are: a path, or the group of a membership.
    fn named(&self) -> BTreeMap<(&str, &str), (Cell, u64)> {
        let present = self.rows.iter().zip(&self.groups).filter(|(row, _)| !row.removed);
        let named = present.map(|(row, group)| {
            let id = row.value["groupId"].as_str().unwrap_or_default();
            let cell = match group {
                Some(href) => cell(&row.path, &row.value).linked(href),
                None => cell(&row.path, &row.value),
            };
            ((row.path.as_str(), id), (cell, row.set_seq))
        });
        named.collect()
    }
}

/// The state at two instants.
pub(super) struct State;

impl State {
    /// What differs, the earlier instant first.
    pub(super) fn compared(one: &Values, other: &Values) -> String {
        let (old, new) = if one.time <= other.time { (one, other) } else { (other, one) };
        let (before, after) = (old.named(), new.named());
        let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let all = names.len();
        let differ = names.into_iter().filter_map(|name| {
            let value = |side: &BTreeMap<_, (Cell, u64)>| side.get(name).cloned();
            let (old, new) = (value(&before), value(&after));
            let text = |one: &Option<(Cell, u64)>| one.as_ref().map(|(cell, _)| cell.text.clone());
            if text(&old) == text(&new) {
                return None;
            }
            let event = |(cell, seq): (Cell, u64)| cell.noted(format!("event {seq}"));
            Some(DiffRow {
                path: Cell::text(name.0),
                old: old.map(event),
                new: new.map(event),
                is_redacted: false,
            })
        });
        let rows: Vec<DiffRow> = differ.collect();
        let same = all - rows.len();
        let time = |values: &Values| format!("{} UTC", text::second(&values.time));
        let caption = format!(
            "What differs between two instants; {} {} the same",
            text::grouped(same as u64),
            if same == 1 { "value is" } else { "values are" },
        );
        let (old_heading, new_heading) = (time(old), time(new));
        DiffView { caption, rows, old_heading, new_heading }.html().0.to_string()
    }
}

/// A value as people read it: a group by its name, one of several values by itself.
fn cell(path: &str, value: &Value) -> Cell {
    match value {
        Value::String(text) if matches!(path, "id" | "externalId") => Cell::id(text),
        Value::String(text) => Cell::text(text),
        Value::Object(members) => {
            let shown = ["groupName", "groupId", "value"].into_iter().find_map(|name| {
                members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
            });
            let more = members.iter().filter(|(name, _)| {
                !matches!(name.as_str(), "value" | "type" | "groupId" | "groupName")
            });
            let more: Vec<String> = more.map(|(name, value)| format!("{name}: {value}")).collect();
            match shown {
                Some(text) if more.is_empty() => Cell::text(text),
                Some(text) => Cell::text(text).noted(more.join(", ")),
                None => Cell::text(value.to_string()),
            }
        }
        other => Cell::text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values(time: &str, rows: &[(&str, Value, u64)]) -> Values {
        let row = |(path, value, seq): &(&str, Value, u64)| Blamed {
            path: (*path).to_owned(),
            value: value.clone(),
            removed: value.is_null(),
            set_at: "2026-03-01T00:00:00.000000Z".to_owned().into(),
            set_seq: *seq,
            event_id: String::new(),
            actor_id: None,
            source_ip: None,
            operation: "PATCH User".to_owned(),
            request_id: None,
            old_value: Value::Null,
            actor_type: "token".to_owned(),
        };
        Values {
            time: time.to_owned(),
            groups: vec![None; rows.len()],
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn two_instants_stand_side_by_side_whichever_was_asked_first() {
        let crew = json!({"groupId": "7", "groupName": "Crew"});
        let old = values(
            "2026-03-01T00:00:00Z",
            &[("title", json!("Mate"), 1), ("userName", json!("mira"), 1), ("groups", crew, 2)],
        );
        let new = values(
            "2026-04-01T00:00:00Z",
            &[
                ("title", json!("Captain"), 5),
                ("userName", json!("mira"), 1),
                ("nickName", Value::Null, 6),
            ],
        );
        let shown = State::compared(&new, &old);
        assert_eq!(shown, State::compared(&old, &new));
        let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no {text}: {shown}"));
        assert!(place("2026-03-01 00:00:00 UTC") < place("2026-04-01 00:00:00 UTC"));
        assert!(place("<del><bdi>Mate") < place("<ins><bdi>Captain"));
        assert!(shown.contains("<del><bdi>Crew"), "{shown}");
        assert!(shown.contains("1 value is the same"), "{shown}");
        assert!(!shown.contains("mira") && !shown.contains("nickName"), "{shown}");
    }

    #[test]
    fn each_value_names_what_set_it() {
        let phone = json!({"type": "work", "value": "+47 1", "primary": true});
        let rows = [("phoneNumbers[type eq \"work\"]", phone, 4), ("title", Value::Null, 9)];
        let table = values("2026-04-01T00:00:00Z", &rows).table();
        let texts: Vec<Vec<&str>> = table
            .rows
            .iter()
            .map(|row| row.cells.iter().map(|cell| cell.text.as_str()).collect())
            .collect();
        assert_eq!(texts[0][1], "+47 1");
        assert_eq!(table.rows[0].cells[1].note.as_deref(), Some("primary: true"));
        assert_eq!(texts[1][1], "removed");
        assert_eq!(table.rows[0].cells[4].href.as_deref(), Some("/operations/4"));
    }
}
