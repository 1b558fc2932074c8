//! Who was in which groups, as a table of people and groups: what an access review is made of.

mod choice;

use answers::row::{Compared, MatrixCell, MatrixGroup};
use answers::{AccessMatrix, Exists, Lead};
use askama::Template;
use query::visit::{Refusal, Visit};

use crate::address::Given;
use crate::around::Around;
use crate::question::{More, Page, Shown};
use crate::text;
use crate::view::{Cell, Choice, Field, Kind, Row, TableView};

/// Whether cells show dates instead of signs.
const SHOW: &str = "show";
const DATES: &str = "dates";

impl Page for AccessMatrix {
    const OWN: &'static [&'static str] = &[SHOW, choice::GROUP, choice::CHOOSE];

    /// Ticked groups become the parameter of the question.
    fn elsewhere(given: &Given) -> Option<String> {
        choice::with_ticked(given)
    }

    /// The groups to choose from: where the address asks for them, and where there are too many for all.
    fn choice(
        visit: &Visit<'_>,
        given: &Given,
        refused: Option<&Refusal>,
    ) -> Result<Option<String>, Refusal> {
        let is_asked_for = match refused {
            None => given.own(choice::CHOOSE).is_some(),
            Some(refused) => refused.is_too_many_groups(),
        };
        is_asked_for.then(|| choice::choice(visit, given)).transpose()
    }

    fn more(shown: &Shown<'_, AccessMatrix>) -> Result<More, Refusal> {
        let rows = shown.answer.content.rows();
        let show = shown.given.own(SHOW).unwrap_or_default();
        let form = shown.form_with(vec![Field {
            name: SHOW.to_owned(),
            label: "In the cells".to_owned(),
            kind: Kind::Select(vec![Choice::new("", "signs"), Choice::new(DATES, "since when")]),
            value: show.to_owned(),
            ..Field::default()
        }]);
        // A table without rows says what to relax.
        if rows.is_empty() {
            return Ok(More { form, ..More::default() });
        }
        let around = Around { app: shown.given.app(), given: shown.given };
        let has_dates = show == DATES;
        let lines = rows.iter().zip(shown.table("").rows).map(|(holder, row)| Line {
            cells: holder.cells.iter().map(|cell| Access::of(cell.as_ref(), has_dates)).collect(),
            row,
        });
        let lines: Vec<Line> = lines.collect();
        let beside = &shown.answer.beside;
        let count = |what: Compared| {
            let cells = rows.iter().flat_map(|row| row.cells.iter().flatten());
            text::grouped(cells.filter(|cell| cell.compared == Some(what)).count() as u64)
        };
        let compared = shown.answer.envelope.asked("compare").map(|instant| Difference {
            since: text::second(instant),
            added: count(Compared::Added),
            removed: count(Compared::Removed),
            is_part: shown.answer.envelope.row_count > rows.len() as u64,
        });
        let grid = Grid {
            table: shown.table("Access"),
            groups: beside.groups.iter().map(|group| Column::of(group, &around)).collect(),
            lines,
            compared,
            has_indirect: beside.nested,
            has_dates,
            choose: choice::address(shown.given),
        };
        Ok(More {
            form,
            above: vec![grid.to_string()],
            below: vec![crate::reviews::of_matrix(shown)?],
            replaces_rows: true,
            replaces_below: true,
            ..More::default()
        })
    }
}

/// The table.
#[derive(Template)]
#[template(path = "matrix/grid.html")]
struct Grid {
    table: TableView,
    groups: Vec<Column>,
    lines: Vec<Line>,
    compared: Option<Difference>,
    has_indirect: bool,
    has_dates: bool,
    /// Where other groups can be chosen.
    choose: String,
}

/// How often this page differs from an earlier instant.
struct Difference {
    since: String,
    added: String,
    removed: String,
    /// Whether there are other pages.
    is_part: bool,
}

/// A group.
struct Column {
    name: String,
    href: Option<String>,
    members: String,
    is_privileged: bool,
    is_gone: bool,
}

impl Column {
    fn of(group: &MatrixGroup, around: &Around<'_>) -> Column {
        let names = [&group.group_name, &group.group_id];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        let id = group.group_id.clone().filter(|id| !id.is_empty());
        let lead = id.map(|name| Lead::Group { application: None, name });
        Column {
            name: name.cloned().unwrap_or_else(|| "unknown".to_owned()),
            href: lead.and_then(|lead| around.href(&lead)),
            members: text::grouped(group.member_count),
            is_privileged: group.privileged,
            is_gone: group.exists != Exists::Yes,
        }
    }
}

/// Somebody, and whether they were in each group.
struct Line {
    row: Row,
    cells: Vec<Access>,
}

impl Line {
    fn name(&self) -> &Cell {
        &self.row.cells[0]
    }

    fn account(&self) -> &Cell {
        &self.row.cells[1]
    }
}

/// Whether somebody was in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Access {
    class: &'static str,
    sign: &'static str,
    /// The date, if it is shown.
    date: String,
    words: String,
    href: Option<String>,
}

impl Access {
    fn of(cell: Option<&MatrixCell>, has_dates: bool) -> Access {
        let Some(cell) = cell else { return Access::default() };
        let (class, sign, what) = match (cell.compared, cell.direct) {
            (Some(Compared::Added), _) => ("added", "+", "added"),
            (Some(Compared::Removed), _) => ("removed", "−", "removed"),
            (_, Some(false)) => ("yes", "○", "member through another group"),
            _ => ("yes", "●", "member"),
        };
        let since = cell.member_since.as_ref().map(|since| text::second(&since.0));
        let seen = if cell.start_known == Some(false) { "seen since" } else { "since" };
        let words = match (&since, cell.added_by_seq) {
            (Some(since), Some(seq)) => format!("{what}, {seen} {since} UTC, event {seq}"),
            (Some(since), None) => format!("{what}, {seen} {since} UTC"),
            (None, _) => what.to_owned(),
        };
        let date = since.filter(|_| has_dates).and_then(|since| Some(since.get(..10)?.to_owned()));
        Access {
            class,
            sign,
            date: date.unwrap_or_default(),
            words,
            href: cell.added_by_seq.map(|seq| format!("/operations/{seq}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_it_is_without_its_colour() {
        let cell = |compared, direct, since: Option<&str>| MatrixCell {
            member_since: since.map(|since| since.to_owned().into()),
            added_by_seq: since.map(|_| 7),
            start_known: since.map(|_| true),
            direct: Some(direct),
            compared,
        };
        let check = |cell: Option<MatrixCell>, sign: &str, words: &str, date: &str| {
            let access = Access::of(cell.as_ref(), true);
            let told = (access.sign, access.words.as_str(), access.date.as_str());
            assert_eq!(told, (sign, words, date));
        };
        let since = Some("2026-03-31T17:00:00.500000Z");
        let told = |what: &str| format!("{what}, since 2026-03-31 17:00:00 UTC, event 7");
        check(None, "", "", "");
        check(Some(cell(None, true, since)), "●", &told("member"), "2026-03-31");
        let indirect = told("member through another group");
        check(Some(cell(Some(Compared::Same), false, since)), "○", &indirect, "2026-03-31");
        check(Some(cell(Some(Compared::Added), true, since)), "+", &told("added"), "2026-03-31");
        check(Some(cell(Some(Compared::Removed), true, None)), "−", "removed", "");
        let member = Access::of(Some(&cell(None, true, since)), false);
        assert_eq!((member.date.as_str(), member.href.as_deref()), ("", Some("/operations/7")));
    }
}
