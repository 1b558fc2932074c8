//! Stays in groups as bars: the same rows that the table beside them has.

use answers::row::Stay;
use answers::{Coverage, Envelope, Lead, Question, StaysInGroup, StaysOfUser};
use query::visit::Refusal;

use crate::around::Around;
use crate::charts::{Axis, Bar, BarRow, Bars, Figure, Gap, Time};
use crate::question::{Further, More, Page, Shown};
use crate::text::grouped;
use crate::view::{Cell, Tone};

impl Page for StaysInGroup {
    fn more(shown: &Shown<'_, StaysInGroup>) -> Result<More, Refusal> {
        Ok(of_rows(shown, "Member", member))
    }
}

impl Page for StaysOfUser {
    fn more(shown: &Shown<'_, StaysOfUser>) -> Result<More, Refusal> {
        Ok(of_rows(shown, "Group", group))
    }
}

/// Bars above the table: its rows give its numbers.
fn of_rows<Q: Question<Row = Stay>>(
    shown: &Shown<'_, Q>,
    names: &str,
    who: fn(&Stay, &Around<'_>) -> Cell,
) -> More {
    let rows = shown.answer.content.rows();
    let envelope = &shown.answer.envelope;
    let around = Around { app: shown.given.app(), given: shown.given };
    let bars = bars(rows, envelope, names, |stay| who(stay, &around));
    let above =
        bars.map(|bars| with_count(bars.figure().without_table(), rows, envelope).to_string());
    More { above: above.into_iter().collect(), ..More::default() }
}

/// The stays of a user with their table, on a page about something else at an instant.
pub(crate) fn of_user(stays: &Further<StaysOfUser>, page: &Envelope) -> String {
    let around = Around { app: stays.given.app(), given: &stays.given };
    let rows = stays.answer.content.rows();
    let bars = bars(rows, &stays.answer.envelope, "Group", |stay| group(stay, &around));
    let at = page.asked("at").and_then(Time::read);
    let bars = bars.map(|bars| {
        let mark = at.filter(|at| (bars.axis.from..=bars.axis.to).contains(at));
        Bars { mark, ..bars }
    });
    let envelope = &stays.answer.envelope;
    bars.map_or_else(String::new, |bars| with_count(bars.figure(), rows, envelope).to_string())
}

/// A picture that says so if it does not have all stays.
fn with_count(mut figure: Figure, rows: &[Stay], envelope: &Envelope) -> Figure {
    let shown = rows.len() as u64;
    if shown < envelope.row_count {
        let (shown, all) = (grouped(shown), grouped(envelope.row_count));
        figure.remark.push_str(&format!("; {shown} of {all} stays"));
    }
    figure
}

/// Who stayed.
fn member(stay: &Stay, around: &Around<'_>) -> Cell {
    let names = [&stay.user_name, &stay.display_name, &stay.user_id];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    let cell = Cell::text(name.cloned().unwrap_or_else(|| "unknown".to_owned()));
    let id = stay.user_id.clone().filter(|id| !id.is_empty());
    let lead = id.and_then(|name| match stay.member_type.as_deref() {
        Some("User") => Some(Lead::User { application: None, name }),
        Some("Group") => Some(Lead::Group { application: None, name }),
        _ => None,
    });
    linked(cell, lead, around)
}

/// Where they stayed.
fn group(stay: &Stay, around: &Around<'_>) -> Cell {
    let names = [&stay.group_name, &stay.group_id];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    let cell = Cell::text(name.cloned().unwrap_or_else(|| "unknown".to_owned()));
    let id = stay.group_id.clone().filter(|id| !id.is_empty());
    linked(cell, id.map(|name| Lead::Group { application: None, name }), around)
}

fn linked(cell: Cell, lead: Option<Lead>, around: &Around<'_>) -> Cell {
    match lead.and_then(|lead| around.href(&lead)) {
        Some(href) => cell.linked(href),
        None => cell,
    }
}

/// A group and a member, by their ids.
type Pair<'a> = (Option<&'a str>, Option<&'a str>);

/// A row for each who or where, in the order of the rows, and a bar for each stay. Nothing to draw without
/// stays.
fn bars(
    rows: &[Stay],
    envelope: &Envelope,
    names: &str,
    who: impl Fn(&Stay) -> Cell,
) -> Option<Bars> {
    let starts = rows.iter().filter_map(|stay| Time::read(&stay.start.0));
    let asked = |name: &str| envelope.asked(name).and_then(Time::read);
    let first = starts.min()?;
    let now = Time::read(&envelope.generated_at.0)?;
    let from = asked("from").map_or(first, |from| from.max(first));
    let to = asked("to").map_or(now, |to| to.min(now));
    let axis = Axis::new(from, to).with_gaps(gaps(&envelope.coverage));
    let mut list: Vec<(Pair<'_>, BarRow)> = vec![];
    for stay in rows {
        let Some(start) = Time::read(&stay.start.0) else { continue };
        let end = stay.end.as_ref().and_then(|end| Time::read(&end.0));
        let bar = Bar {
            from: start,
            is_start_known: stay.start_known,
            to: end,
            tone: if end.is_some() { Tone::Plain } else { Tone::Good },
            note: note(stay).to_owned(),
            href: Some(format!("/operations/{}", stay.start_seq)),
        };
        let key = (stay.group_id.as_deref(), stay.user_id.as_deref());
        match list.iter_mut().find(|(named, _)| *named == key) {
            Some((_, row)) => row.bars.push(bar),
            None => list.push((key, BarRow { name: who(stay), bars: vec![bar] })),
        }
    }
    let mut rows: Vec<BarRow> = list.into_iter().map(|(_, row)| row).collect();
    for row in &mut rows {
        row.bars.sort_by_key(|bar| bar.from);
    }
    Some(Bars { caption: "Stays".to_owned(), names: names.to_owned(), axis, rows, mark: None })
}

fn note(stay: &Stay) -> &str {
    match stay.end_reason.as_deref() {
        Some("groupDeleted") => "the group was deleted",
        Some("userDeleted") => "the user was deleted",
        other => other.unwrap_or_default(),
    }
}

/// What was not watched, for a time axis.
pub(crate) fn gaps(coverage: &Coverage) -> Vec<Gap> {
    let time =
        |moment: &Option<answers::Moment>| moment.as_ref().and_then(|moment| Time::read(&moment.0));
    let gap = |gap: &answers::Gap| Gap {
        from: time(&gap.from),
        to: time(&gap.to),
        reason: gap.reason.clone(),
    };
    coverage.gaps.iter().map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stay(user: &str, start: &str, end: Option<&str>) -> Stay {
        let time = |day: &str| format!("2026-03-{day}T00:00:00.000000Z");
        serde_json::from_value(json!({
            "groupId": "g", "userId": user, "userName": user, "start": time(start), "startSeq": 1,
            "end": end.map(time), "endSeq": null, "startKnown": start != "01",
            "endReason": end.map(|_| "removed"), "groupName": "Crew", "externalId": null,
            "displayName": null, "memberType": "User", "privileged": false,
        }))
        .unwrap()
    }

    #[test]
    fn who_comes_back_has_one_row_with_two_bars() {
        let envelope: Envelope = serde_json::from_value(json!({
            "query": {}, "generatedAt": "2026-03-31T00:00:00.000000Z", "atSeq": 1, "head": {"seq": 1},
            "coverage": {"state": "complete", "gaps": []}, "rowCount": 3,
        }))
        .unwrap();
        let rows =
            [stay("ana", "10", None), stay("bo", "01", Some("09")), stay("ana", "02", Some("05"))];
        let bars =
            bars(&rows, &envelope, "Member", |stay| Cell::text(stay.user_name.clone().unwrap()));
        let bars = bars.unwrap();
        let told: Vec<(&str, Vec<bool>)> = bars
            .rows
            .iter()
            .map(|row| {
                (row.name.text.as_str(), row.bars.iter().map(|bar| bar.to.is_none()).collect())
            })
            .collect();
        assert_eq!(told, [("ana", vec![false, true]), ("bo", vec![false])]);
        assert!(!bars.rows[1].bars[0].is_start_known);
        assert_eq!(bars.axis.from.moment(), "2026-03-01T00:00:00Z");
        assert!(!with_count(bars.figure(), &rows, &envelope).remark.contains("stays"));
        let part = with_count(bars.figure(), &rows[..2], &envelope).remark;
        assert!(part.ends_with("; 2 of 3 stays"), "{part}");
        // As many bars as there are rows in the table.
        let picture = bars.figure().picture;
        assert_eq!(picture.matches("<rect class=\"stay").count(), rows.len());
        assert_eq!(picture.matches("p-unknown").count(), 1);
    }

    #[test]
    fn without_stays_there_is_no_picture() {
        let envelope = serde_json::from_value(json!({
            "query": {}, "generatedAt": "2026-03-31T00:00:00.000000Z", "atSeq": 1, "head": {"seq": 1},
            "coverage": {"state": "complete", "gaps": []}, "rowCount": 0,
        }))
        .unwrap();
        assert!(bars(&[], &envelope, "Member", member_name).is_none());
    }

    fn member_name(stay: &Stay) -> Cell {
        Cell::text(stay.user_name.clone().unwrap_or_default())
    }
}
