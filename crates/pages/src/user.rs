//! A user: what it looked like at an instant and what set each value, its groups, what happened to it, and why.

mod events;
mod scrubber;
mod state;
mod story;
mod why;

use answers::{BlameOfUser, Content, Exists, OneUser, StaysOfUser};
use query::visit::Refusal;

use self::events::Events;
use self::scrubber::Scrubber;
use self::state::{State, Values};
use self::story::Story;
use crate::question::{Further, More, Page, Shown};
use crate::resource::attributes;
use crate::stays;
use crate::view::{Cell, Fact, Facts, Field, Kind};

/// The second instant, to compare with.
const AND: &str = "and";
/// The page shows at most so many stays; the tab has all.
const STAYS: usize = 1_000;
/// Nobody has so many attributes and groups.
const VALUES: usize = 10_000;

impl Page for OneUser {
    const OWN: &'static [&'static str] = &[AND];

    fn more(shown: &Shown<'_, OneUser>) -> Result<More, Refusal> {
        let values = |changes: &[(&str, Option<&str>)]| -> Result<Option<Values>, Refusal> {
            let blame: Option<Further<BlameOfUser>> = shown.further_whole(changes, VALUES)?;
            Ok(blame.map(|blame| Values::of(&blame)))
        };
        let here = values(&[])?;
        let there = match shown.given.own(AND) {
            Some(and) => values(&[("at", Some(and))])?,
            None => None,
        };
        let events = Events::around(shown)?;
        // Of the account that is shown: another one may have the name at another time.
        let id = here.as_ref().and_then(|values| values.text("id")).map(|id| format!("id:{id}"));
        let account: Vec<_> = id.as_deref().map(|id| ("user", Some(id))).into_iter().collect();
        let stays: Option<Further<StaysOfUser>> = shown.further_whole(&account, STAYS)?;
        let groups = match shown.question.include {
            Some(_) => Some(shown.below("Groups")),
            None => {
                let groups: Option<Further<OneUser>> =
                    shown.further(&[("include", Some("groups"))])?;
                groups.map(|groups| groups.below("Groups"))
            }
        };

        let envelope = &shown.answer.envelope;
        let mut above = vec![facts(shown, here.as_ref()).to_string()];
        above.extend(match (&here, &there) {
            (Some(here), Some(there)) => Some(State::compared(there, here)),
            (Some(here), None) => Some(here.table().to_string()),
            // Only logs are known: they say what was written, and not what set it.
            (None, _) => shown.answer.content.rows().first().map(|one| attributes(one).to_string()),
        });
        above.extend(groups.map(|groups| groups.to_string()));
        let mark = envelope.asked("at");
        let mut below = vec![];
        below.extend(
            stays
                .filter(|stays| !stays.answer.content.rows().is_empty())
                .map(|stays| stays::of_user(&stays, &shown.answer.envelope)),
        );
        if let Some(events) = &events {
            below.push(Story::of(events, shown.given).to_string());
        }
        let name = here.as_ref().and_then(Values::name).or_else(|| {
            let one = shown.answer.content.rows().first()?;
            one.0.get("userName")?.as_str().map(str::to_owned)
        });
        let scrubber = events.and_then(|events| Scrubber::of(&events, shown.given, mark, envelope));
        Ok(More {
            title: name.map(|name| format!("User {name} in {}", shown.question.app.0)),
            scrubber: scrubber.map(|scrubber| scrubber.to_string()),
            form: shown.form_with(fields(shown)),
            above,
            below,
            replaces_rows: true,
            replaces_below: true,
            ..More::default()
        })
    }
}

/// The second instant; and the groups, which the page shows in any case.
fn fields(shown: &Shown<'_, OneUser>) -> Vec<Field> {
    let and = Field {
        name: AND.to_owned(),
        label: "Compare with".to_owned(),
        help: "Another instant: both states stand side by side".to_owned(),
        kind: Kind::Date,
        value: shown.given.own(AND).unwrap_or_default().to_owned(),
        ..Field::default()
    };
    vec![Field::hidden("include", "groups"), and]
}

/// What is known at a glance.
fn facts(shown: &Shown<'_, OneUser>, values: Option<&Values>) -> Facts {
    let beside = &shown.answer.beside;
    let mut facts = vec![];
    let mut tell = |label: &str, cell: Cell| facts.push(Fact::new(label, cell));
    let resource = match &shown.answer.content {
        Content::One(Some(one)) => Some(&one.0),
        _ => None,
    };
    let active = resource.and_then(|one| one.get("active")).and_then(|active| match active {
        serde_json::Value::Bool(active) => Some(*active),
        serde_json::Value::String(active) => active.parse().ok(),
        _ => None,
    });
    let account = match (beside.exists, active) {
        (Exists::Yes, Some(true) | None) => "active",
        (Exists::Yes, Some(false)) => "inactive",
        (Exists::Deleted, _) => "deleted",
        (Exists::No, _) => "not yet",
    };
    tell("Account", Cell::status(account));
    let text = |path: &[&str]| {
        let mut value = serde_json::Value::Object(resource?.clone());
        for name in path {
            value = value.get_mut(name)?.take();
        }
        value.as_str().map(str::to_owned)
    };
    let stored = |path: &str| values.and_then(|values| values.text(path));
    if let Some(id) = text(&["id"]).or_else(|| stored("id")) {
        tell("Id", Cell::id(id));
    }
    if let Some(created) = text(&["meta", "created"]) {
        tell("Created", Cell::time(created));
    }
    if let Some(id) = text(&["externalId"]).or_else(|| stored("externalId")) {
        tell("External id", Cell::id(id));
    }
    if let Some(changed) = text(&["meta", "lastModified"]) {
        tell("Last change", Cell::time(changed));
    }
    if let Some(seq) = beside.exists_seq {
        let what = match beside.exists {
            // It may be older than what tells of it.
            Exists::Yes if beside.start_known == Some(false) => "First told by event",
            Exists::Yes => "Made by event",
            Exists::No => "Will be made by event",
            Exists::Deleted => "Deleted by event",
        };
        tell(what, Cell::event(seq));
    }
    Facts { caption: None, facts }
}
