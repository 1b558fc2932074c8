//! What happened to a user lately, or until the instant of the page, by provisioning cycle where one is known, else by day.

use answers::row::Operation;
use askama::Template;

use super::events::Events;
use crate::address::Given;
use crate::text::grouped;
use crate::view::Cell;

/// The page shows so many; the timeline has all.
const SHOWN: usize = 30;

/// An event.
struct Line {
    time: Cell,
    status: Cell,
    what: Cell,
    event: Cell,
}

/// The events of a cycle or day.
struct Chapter {
    title: String,
    lines: Vec<Line>,
}

/// The latest events until the instant of the page.
#[derive(Template)]
#[template(path = "user/story.html")]
pub(super) struct Story {
    title: &'static str,
    chapters: Vec<Chapter>,
    count: String,
    all: Option<String>,
}

impl Story {
    pub(super) fn of(events: &Events, given: &Given) -> Story {
        let rows = events.until();
        let shown = &rows[..rows.len().min(SHOWN)];
        let all = events.count_until();
        let count = match shown.len() as u64 {
            shown if shown == all => format!("{}, newest first", grouped(all)),
            shown => format!("{} of {}, newest first", grouped(shown), grouped(all)),
        };
        let is_cut = (shown.len() as u64) < events.count();
        Story {
            title: if events.is_past() {
                "What happened until then"
            } else {
                "What happened lately"
            },
            chapters: chapters(shown, given),
            count,
            all: is_cut.then(|| events.timeline().page()),
        }
    }
}

/// Neighbours of the same cycle or day.
fn chapters(rows: &[Operation], given: &Given) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = vec![];
    for row in rows {
        let day = row.occurred_at.0.get(..10).unwrap_or_default();
        let title = match row.cycle_id.iter().flatten().next() {
            Some(cycle) => format!("Cycle {cycle}"),
            None => day.to_owned(),
        };
        if chapters.last().is_none_or(|last| last.title != title) {
            chapters.push(Chapter { title, lines: vec![] });
        }
        if let Some(last) = chapters.last_mut() {
            last.lines.push(line(row, given));
        }
    }
    chapters
}

fn line(row: &Operation, given: &Given) -> Line {
    let at = if row.source == "imported" { &row.occurred_at } else { &row.recorded_at };
    let status = match (row.status.as_str(), row.http_status) {
        ("failure", Some(code)) => format!("failure ({code})"),
        (status, _) => status.to_owned(),
    };
    let mut what = Cell::text(what(row));
    what.note = row.reason.clone();
    Line {
        time: Cell::time(&row.occurred_at.0).linked(given.with(&[("at", Some(&at.0))]).page()),
        status: Cell::status(status),
        what,
        event: Cell::event(row.seq),
    }
}

/// What an event was, in a few words.
pub(super) fn what(row: &Operation) -> String {
    let group = row.group_name.iter().flatten().next().map_or("a group", String::as_str);
    match row.membership.iter().flatten().next().map(String::as_str) {
        Some("joined") => return format!("joined {group}"),
        // A user that is deleted leaves its groups, too.
        Some("left") if row.action != "delete" => return format!("left {group}"),
        _ => {}
    }
    const PATHS: usize = 3;
    let paths = &row.changed_paths;
    let is_update = row.action == "update" || row.action == "disable";
    match paths.len() {
        0 => row.operation.clone(),
        _ if !is_update => row.operation.clone(),
        count if count <= PATHS => format!("{}: {}", row.operation, paths.join(", ")),
        count => {
            format!("{}: {} and {} more", row.operation, paths[..PATHS].join(", "), count - PATHS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::{OneUser, described};

    #[test]
    fn neighbours_of_a_cycle_or_day_are_together() {
        let row = |day: u8, cycle: Option<&str>, membership: Option<&str>| Operation {
            occurred_at: format!("2026-03-{day:02}T10:00:00.000000Z").into(),
            operation: "PATCH Group".to_owned(),
            status: "success".to_owned(),
            cycle_id: Some(cycle.map(str::to_owned)),
            membership: Some(membership.map(str::to_owned)),
            group_name: Some(Some("Crew".to_owned())),
            action: "update".to_owned(),
            ..Operation::default()
        };
        let rows = [
            row(3, None, Some("left")),
            row(3, None, Some("joined")),
            row(2, Some("c7"), None),
            row(1, Some("c7"), None),
            row(1, None, None),
        ];
        let described = described::<OneUser>().unwrap();
        let given = Given::read(described, &[], vec![], &"/x".parse().unwrap());
        let told = chapters(&rows, &given);
        let told: Vec<_> = told.iter().map(|one| (one.title.as_str(), one.lines.len())).collect();
        assert_eq!(told, [("2026-03-03", 2), ("Cycle c7", 2), ("2026-03-01", 1)]);
        assert_eq!(what(&rows[0]), "left Crew");
        assert_eq!(what(&rows[4]), "PATCH Group");
    }
}
