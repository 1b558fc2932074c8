//! What changed in a group between two dates: who was added, who was removed, who left and came back.

use answers::row::Difference;
use answers::{Diff, Lead};
use askama::Template;
use query::visit::Refusal;

use crate::around::Around;
use crate::question::{More, Page, Shown};
use crate::text::grouped;
use crate::view::{Cell, Tone, tone};

/// More names than these are in the table alone.
const NAMES_MAX: usize = 50;

/// The kinds of change: the word of the API, the heading, and what a kind means.
const KINDS: [(&str, &str, &str); 4] = [
    ("added", "Added", "only at the end"),
    ("removed", "Removed", "only before"),
    ("returned", "Left and returned", "at both, and away in between"),
    ("passed", "Came and went", "only in between"),
];

/// Somebody in a list.
struct Name {
    who: Cell,
    time: Cell,
}

/// A list beside the others.
struct List {
    tone: Tone,
    mark: &'static str,
    heading: &'static str,
    meaning: &'static str,
    count: String,
    names: Vec<Name>,
    more: Option<String>,
}

/// The lists side by side.
#[derive(Template)]
#[template(path = "group/changes.html")]
struct Lists {
    lists: Vec<List>,
    remark: Option<String>,
}

impl Page for Diff {
    fn more(shown: &Shown<'_, Diff>) -> Result<More, Refusal> {
        let answer = shown.answer;
        let rows = answer.content.rows();
        let around = Around { app: shown.given.app(), given: shown.given };
        let is_part = answer.envelope.row_count > rows.len() as u64;
        let lists = Lists {
            lists: lists(rows, |row| who(row, &around)),
            remark: is_part.then(|| {
                let (shown, all) = (grouped(rows.len() as u64), grouped(answer.envelope.row_count));
                format!("These are the {shown} changes on this page, of {all} in all.")
            }),
        };
        let above = (!rows.is_empty()).then(|| lists.to_string());
        let below = shown.below("Values of the group");
        let has_below = below.table.is_some() || !below.lines.is_empty();
        Ok(More {
            above: above.into_iter().collect(),
            below: has_below.then(|| below.to_string()).into_iter().collect(),
            replaces_below: true,
            ..More::default()
        })
    }
}

fn lists(rows: &[Difference], who: impl Fn(&Difference) -> Cell) -> Vec<List> {
    let list = |(kind, heading, meaning): (&'static str, &'static str, &'static str)| {
        let of_kind: Vec<&Difference> = rows.iter().filter(|row| row.change == kind).collect();
        // Few groups have members that came and went: without them there is no empty list.
        if of_kind.is_empty() && kind == "passed" {
            return None;
        }
        let names = of_kind.iter().take(NAMES_MAX).map(|row| {
            let (time, seq) = match kind {
                "removed" | "passed" => (&row.left_at, row.left_seq),
                _ => (&row.joined_at, row.joined_seq),
            };
            let time = Cell::time(time.as_ref().map_or_else(String::new, |time| time.0.clone()));
            let time = match seq {
                Some(seq) => time.linked(format!("/operations/{seq}")),
                None => time,
            };
            Name { who: who(row), time }
        });
        let more = of_kind.len().saturating_sub(NAMES_MAX);
        let tone = match kind {
            "added" | "removed" => tone(kind),
            _ => Tone::Warn,
        };
        Some(List {
            tone,
            mark: match kind {
                "added" => "+",
                "removed" => "−",
                _ => "↺",
            },
            heading,
            meaning,
            count: grouped(of_kind.len() as u64),
            names: names.collect(),
            more: (more > 0).then(|| format!("{} more in the table below", grouped(more as u64))),
        })
    };
    KINDS.into_iter().filter_map(list).collect()
}

fn who(row: &Difference, around: &Around<'_>) -> Cell {
    let names = [&row.user_name, &row.display_name, &row.user_id];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    let cell = Cell::text(name.cloned().unwrap_or_else(|| "unknown".to_owned()));
    let lead = row.user_id.clone().and_then(|name| match row.member_type.as_deref() {
        Some("User") => Some(Lead::User { application: None, name }),
        Some("Group") => Some(Lead::Group { application: None, name }),
        _ => None,
    });
    match lead.and_then(|lead| around.href(&lead)) {
        Some(href) => cell.linked(href),
        None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_stands_in_its_list() {
        let row = |name: usize, change: &str| Difference {
            change: change.to_owned(),
            user_id: Some(name.to_string()),
            user_name: Some(format!("user {name}")),
            external_id: None,
            display_name: None,
            member_type: Some("User".to_owned()),
            joined_at: Some("2026-03-01T00:00:00Z".to_owned().into()),
            joined_seq: Some(1),
            left_at: Some("2026-03-02T00:00:00Z".to_owned().into()),
            left_seq: Some(2),
        };
        let mut rows = vec![row(0, "removed"), row(1, "returned")];
        rows.extend((2..62).map(|name| row(name, "added")));
        let name = |row: &Difference| Cell::text(row.user_name.clone().unwrap());
        let told: Vec<_> = lists(&rows, name)
            .into_iter()
            .map(|list| (list.heading, list.count, list.names.len(), list.more.is_some()))
            .collect();
        let expected = [
            ("Added", "60", 50, true),
            ("Removed", "1", 1, false),
            ("Left and returned", "1", 1, false),
        ];
        let expected =
            expected.map(|(heading, count, names, more)| (heading, count.to_owned(), names, more));
        assert_eq!(told, expected);
        let removed = &lists(&rows, name)[1].names[0];
        assert_eq!(removed.time.href.as_deref(), Some("/operations/2"));
        rows.push(row(99, "passed"));
        assert_eq!(lists(&rows, name).len(), 4);
    }
}
