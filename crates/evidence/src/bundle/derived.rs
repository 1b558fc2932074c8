//! What follows from a bundle.

use std::fmt;

use event::{Application, Event, Fact, LogId, Number, ResourceType, Seq, Timestamp};
use tlog::TreeHead;

use super::form::Kind;
use super::opened::OpenedPart;
use crate::state::Since;

/// What a bundle shows.
#[derive(Clone, PartialEq, Debug)]
pub struct Derived {
    /// What was asked.
    pub kind: Kind,
    /// In which application.
    pub application: Application,
    /// About whom; [`Number::NOBODY`] if it is about all.
    pub number: Number,
    /// For which instant; none if the question names an event.
    pub instant: Option<Timestamp>,
    /// The log.
    pub log: LogId,
    /// The log up to the checkpoint.
    pub head: TreeHead,
    /// The key that signed the checkpoint, as text.
    pub signed_by: String,
    /// The witnesses that signed it, and when they say that was, in seconds since 1970.
    pub witnessed_by: Vec<(String, Option<u64>)>,
    /// The event that the answer stands at; none before the first one.
    pub at_seq: Option<Seq>,
    /// When it was recorded.
    pub recorded_at: Option<Timestamp>,
    /// The event of the state that the earlier commitment is about; none if there is none.
    pub earlier: Option<Seq>,
    /// The event of the state that the later commitment is about; none if the question needs none.
    pub later: Option<Seq>,
    /// The answer.
    pub answer: Answer,
    /// The times that were not recorded, as far as known at the later commitment; none if the question is about
    /// one event.
    pub gaps: Option<Vec<Gap>>,
    /// What is opened.
    pub opened: Vec<OpenedPart>,
}

/// An answer: numbers, and the events by which it is so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The direct members of a group.
    Members(Vec<Since>),
    /// The groups that a number is a direct member of.
    Groups(Vec<Since>),
    /// Whether a resource exists.
    User {
        /// Its type; [`ResourceType::NONE`] if it never existed.
        resource_type: ResourceType,
        /// Whether it exists.
        exists: bool,
        /// Whether it is active, or was when it last existed.
        active: bool,
        /// The event that last changed it.
        changed: Option<Seq>,
    },
    /// The users of an application.
    Users(Vec<UserSince>),
    /// One operation.
    Operation(Step),
    /// All events that changed a number, oldest first.
    Why(Vec<Step>),
}

/// A user that exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserSince {
    /// Their number.
    pub number: Number,
    /// The event since which they exist.
    pub since: Seq,
    /// The event since which they are active; none if they are not.
    pub active_since: Option<Seq>,
}

/// One event, in words that its header and structural facts give.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its place.
    pub seq: Seq,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whom it is about.
    pub number: Number,
    /// What it asked for or found.
    pub action: &'static str,
    /// What it did.
    pub effect: &'static str,
    /// The HTTP status that was answered; 0 if nothing was.
    pub status: u16,
}

impl Step {
    pub(super) fn of(event: &Event) -> Step {
        let (number, effect, status) = match &event.header.fact {
            Fact::Operation(operation) => {
                (operation.number, operation.effect.name(), operation.status)
            }
            Fact::Observation(seen) => (seen.number, "observed", 0),
            Fact::Imported(entry) => (entry.number, "imported", 0),
            _ => (Number::NOBODY, "other", 0),
        };
        Step {
            seq: event.seq,
            recorded_at: event.header.recorded_at,
            number,
            action: event.structure.action.map_or("other", event::Action::name),
            effect,
            status,
        }
    }
}

/// A stretch of time in which requests may have gone unrecorded; half-open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Why.
    pub reason: &'static str,
}

impl Derived {
    /// The titles of the columns of the answer.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        match &self.answer {
            Answer::Members(_) => &["member", "since event"],
            Answer::Groups(_) => &["group", "since event"],
            Answer::User { .. } => &["number", "exists", "active", "changed by event"],
            Answer::Users(_) => &["user", "since event", "active since event"],
            Answer::Operation(_) | Answer::Why(_) => {
                &["event", "recorded", "number", "action", "effect", "status"]
            }
        }
    }

    /// The rows of the answer.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<String>> {
        let dash = |seq: Option<Seq>| seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let step = |step: &Step| {
            let status = if step.status == 0 { "-".to_owned() } else { step.status.to_string() };
            let (action, effect) = (step.action.to_owned(), step.effect.to_owned());
            let (seq, number) = (step.seq.to_string(), step.number.to_string());
            vec![seq, step.recorded_at.to_string(), number, action, effect, status]
        };
        match &self.answer {
            Answer::Members(list) | Answer::Groups(list) => {
                list.iter().map(|one| vec![one.number.to_string(), one.since.to_string()]).collect()
            }
            Answer::User { exists, active, changed, .. } => {
                vec![vec![
                    self.number.to_string(),
                    yes(*exists),
                    yes(*exists && *active),
                    dash(*changed),
                ]]
            }
            Answer::Users(users) => {
                let row = |one: &UserSince| {
                    vec![one.number.to_string(), one.since.to_string(), dash(one.active_since)]
                };
                users.iter().map(row).collect()
            }
            Answer::Operation(one) => vec![step(one)],
            Answer::Why(steps) => steps.iter().map(step).collect(),
        }
    }

    /// What was asked, in words.
    #[must_use]
    pub fn question(&self) -> String {
        let (number, application) = (self.number, self.application);
        let what = match self.kind {
            Kind::Members => format!("direct members of group {number}"),
            Kind::Groups => format!("groups that user {number} is a direct member of"),
            Kind::User => format!("whether user {number} exists and is active"),
            Kind::Users => "users".to_owned(),
            Kind::Operation => "one operation".to_owned(),
            Kind::Why => format!("all events that changed user {number}"),
        };
        format!("{what}, application {application}")
    }

    /// What this shows and what it does not, a sentence each.
    #[must_use]
    pub fn shows(&self) -> Vec<String> {
        let mut shows = vec![];
        match (self.later, self.earlier) {
            (Some(later), Some(earlier)) => shows.push(format!(
                "Complete: no change is missing between the states at events {earlier} and {later}, to which the log \
                 is committed."
            )),
            (Some(later), None) => shows.push(format!(
                "Complete: no change is missing from the first one to the state at event {later}, to which the log is \
                 committed."
            )),
            (None, _) => {
                shows.push("The event is in the log, and is what it was when the checkpoint was signed.".into());
            }
        }
        let is_about_users = !matches!(self.answer, Answer::Operation(_));
        if is_about_users {
            shows.push("It shows numbers. A name is shown only where it is opened.".into());
            shows.push(
                "The recorder committed to this answer when it signed. That links and states were true then is shown \
                 by `provlog verify --deep` over the whole log."
                    .into(),
            );
        }
        match &self.gaps {
            None => {}
            Some(gaps) if gaps.is_empty() => {
                shows.push("The recorder ran without a gap.".into());
            }
            Some(gaps) => {
                let during = self.instant.or(self.recorded_at);
                let inside =
                    during.is_some_and(|at| gaps.iter().any(|gap| gap.from <= at && at < gap.to));
                shows.push(format!(
                    "The recorder has {} gap{}; the instant is {}in one. What happened in a gap is not recorded.",
                    gaps.len(),
                    if gaps.len() == 1 { "" } else { "s" },
                    if inside { "" } else { "not " }
                ));
            }
        }
        if self.witnessed_by.is_empty() {
            shows.push("No witness signed: whether others see the same log is not shown.".into());
        }
        shows
    }
}

/// For people: what was asked, what it rests on, the answer as a table, and what it shows.
impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dash = || "-".to_owned();
        writeln!(f, "log            {}", self.log)?;
        writeln!(f, "question       {}", self.question())?;
        if let Some(instant) = self.instant {
            writeln!(f, "instant        {instant}")?;
        }
        writeln!(f, "at event       {}", self.at_seq.map_or_else(dash, |seq| seq.to_string()))?;
        writeln!(f, "recorded       {}", self.recorded_at.map_or_else(dash, |at| at.to_string()))?;
        writeln!(f, "events         {}", self.head.size)?;
        writeln!(f, "root           {}", self.head.root)?;
        writeln!(f, "signed by      {}", self.signed_by)?;
        for (name, time_s) in &self.witnessed_by {
            let time_s = time_s.and_then(|time_s| i64::try_from(time_s).ok()).unwrap_or_default();
            writeln!(
                f,
                "witnessed by   {name} at {}",
                Timestamp(time_s.saturating_mul(1_000_000))
            )?;
        }
        for gap in self.gaps.iter().flatten() {
            writeln!(f, "gap            {} to {}: {}", gap.from, gap.to, gap.reason)?;
        }
        writeln!(f)?;
        let (columns, rows) = (self.columns(), self.rows());
        let width = |place: usize| {
            let cells = rows.iter().filter_map(|row| row.get(place)).map(String::len);
            cells.chain([columns[place].len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let mut line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for (cell, width) in cells.zip(&widths) {
                text += &format!("{cell:<width$}  ");
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(&mut columns.iter().copied())?;
        for row in &rows {
            line(&mut row.iter().map(String::as_str))?;
        }
        writeln!(f, "\n{} rows", rows.len())?;
        for opened in &self.opened {
            writeln!(f, "{opened}")?;
        }
        writeln!(f)?;
        for sentence in self.shows() {
            writeln!(f, "{sentence}")?;
        }
        Ok(())
    }
}
