//! The time of a user as a strip: a mark for each event, and a slider that moves the page along it.

use answers::Envelope;
use answers::row::Operation;
use askama::Template;

use super::events::Events;
use crate::address::Given;
use crate::charts::{Axis, Time};
use crate::stays::gaps;
use crate::text::{self, grouped};
use crate::view::Tone;

const DAY: i64 = 86_400;
/// The height of the strip.
const PLOT: u32 = 22;

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    x: String,
    href: String,
    words: String,
    is_bad: bool,
}

/// A way to another instant.
struct Step {
    href: String,
    time: String,
    what: String,
}

/// The change before or after the instant.
enum Neighbour {
    Known(Step),
    /// There is none.
    Nothing,
    /// The page does not know so many events: the address of those that it leaves out.
    LeftOut(String),
}

impl Neighbour {
    fn of(found: Option<Step>, is_whole: bool, others: Given) -> Neighbour {
        match found {
            Some(step) => Neighbour::Known(step),
            None if is_whole => Neighbour::Nothing,
            None => Neighbour::LeftOut(others.page()),
        }
    }
}

/// The strip and the slider.
#[derive(Template)]
#[template(path = "user/scrubber.html")]
pub(super) struct Scrubber {
    chart: Strip,
    plot: u32,
    min: i64,
    max: i64,
    value: i64,
    ticks: String,
    marks: Vec<Mark>,
    at: String,
    shown: String,
    previous: Neighbour,
    next: Neighbour,
    now: Option<String>,
    summary: String,
}

struct Strip {
    axis: Axis,
}

/// An event that may have changed the user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    moment: String,
    time: Time,
    what: String,
    is_bad: bool,
}

impl Scrubber {
    /// `None` if nothing is known that happened.
    pub(super) fn of(
        events: &Events,
        given: &Given,
        at: Option<&str>,
        envelope: &Envelope,
    ) -> Option<Scrubber> {
        let known = events.known();
        let list = changes(&known);
        let now = Time::read(&envelope.generated_at.0)?;
        let first = list.first()?.time;
        // From the beginning of the first day.
        let from = Time(first.0 - first.0.rem_euclid(DAY));
        let axis = Axis::new(from, now).with_gaps(gaps(events.coverage()));
        let is_now = given.get("at").is_none();
        let at = at.unwrap_or(&envelope.generated_at.0).to_owned();
        let value = Time::read(&at).unwrap_or(now).0.clamp(axis.from.0, axis.to.0);
        let to = |moment: &str| given.with(&[("at", Some(moment))]).page();
        let step = |event: &Event| Step {
            href: to(&event.moment),
            time: event.moment.clone(),
            what: event.what.clone(),
        };
        let shown = match known.len() as u64 {
            shown if shown == events.count() => String::new(),
            shown => format!("Marks of {} of {} events", grouped(shown), grouped(events.count())),
        };
        let (before, after) = events.are_whole();
        let previous = list.iter().rev().find(|event| event.moment < at).map(step);
        // Among those after the instant, some of the nearest may be missing.
        let next = list.iter().find(|event| event.moment > at).filter(|_| after).map(step);
        let timeline = events.timeline();
        Some(Scrubber {
            plot: PLOT,
            min: axis.from.0,
            max: axis.to.0,
            value,
            // A second later: a slider knows no parts of a second, and the event has to be over.
            ticks: list
                .iter()
                .map(|event| (event.time.0 + 1).to_string())
                .collect::<Vec<_>>()
                .join(" "),
            marks: marks(&list, &axis, to),
            previous: Neighbour::of(previous, before, timeline.with(&[("to", Some(&at))])),
            next: Neighbour::of(next, after, timeline.with(&[("from", Some(&at))])),
            now: (!is_now).then(|| given.with(&[("at", None)]).page()),
            summary: format!("{}: {} changes", axis.words(), list.len()),
            at,
            shown,
            chart: Strip { axis },
        })
    }

    fn mark(&self) -> String {
        self.chart.axis.x(Time(self.value))
    }
}

/// What may have changed the user, oldest first. Reads change nothing.
fn changes(rows: &[&Operation]) -> Vec<Event> {
    let changes = rows.iter().rev().filter(|row| row.effect.as_deref() != Some("read"));
    let mut events: Vec<Event> = changes
        .filter_map(|row| {
            // An imported entry counts from when it happened; what was recorded here, from then.
            let moment = if row.source == "imported" { &row.occurred_at } else { &row.recorded_at };
            Some(Event {
                moment: moment.0.clone(),
                time: Time::read(&moment.0)?,
                what: super::story::what(row),
                is_bad: crate::view::tone(&row.status) == Tone::Bad,
            })
        })
        .collect();
    events.sort_by(|one, other| one.moment.cmp(&other.moment));
    events
}

/// One mark for the events of each place that can be told apart; it leads to the last of them.
fn marks(events: &[Event], axis: &Axis, to: impl Fn(&str) -> String) -> Vec<Mark> {
    let mut marks: Vec<(i64, Mark, usize)> = vec![];
    for event in events {
        let place = (axis.place(event.time) * 5.0) as i64;
        let words = format!("{} {}", text::second(&event.moment), event.what);
        let mark =
            Mark { x: axis.x(event.time), href: to(&event.moment), words, is_bad: event.is_bad };
        match marks.last_mut() {
            Some((at, last, count)) if *at == place => {
                *count += 1;
                let is_bad = last.is_bad || mark.is_bad;
                let words = format!("{}; {count} events here", mark.words);
                *last = Mark { is_bad, words, ..mark };
            }
            _ => marks.push((place, mark, 1)),
        }
    }
    marks.into_iter().map(|(_, mark, _)| mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(moment: &str, effect: &str, status: &str) -> Operation {
        Operation {
            recorded_at: moment.to_owned().into(),
            effect: Some(effect.to_owned()),
            status: status.to_owned(),
            operation: "PATCH User".to_owned(),
            source: "recorded".to_owned(),
            ..Operation::default()
        }
    }

    #[test]
    fn marks_are_changes_and_those_too_near_are_one() {
        let rows = [
            row("2026-03-31T00:00:02.500000Z", "rejected", "failure"),
            row("2026-03-31T00:00:01.000000Z", "applied", "success"),
            row("2026-03-15T00:00:00.000000Z", "read", "success"),
            row("2026-03-01T00:00:00.000000Z", "applied", "success"),
        ];
        let events = changes(&rows.iter().collect::<Vec<_>>());
        let axis = Axis::new(events[0].time, Time::read("2026-04-01T00:00:00Z").unwrap());
        let marks = marks(&events, &axis, |moment| format!("/x?at={moment}"));
        let told: Vec<(&str, bool)> =
            marks.iter().map(|mark| (mark.href.as_str(), mark.is_bad)).collect();
        let last = "/x?at=2026-03-31T00:00:02.500000Z";
        assert_eq!(told, [("/x?at=2026-03-01T00:00:00.000000Z", false), (last, true)]);
        assert!(marks[1].words.ends_with("; 2 events here"), "{}", marks[1].words);
    }
}
