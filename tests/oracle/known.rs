//! What a question may use of a history, and the common parts of every answer.

use std::collections::BTreeMap;

use event::{Application, Event, Fact, LogId, Seq, Timestamp};
use serde_json::{Value, json};

use super::World;

/// A played history: its events, and the state after each.
pub struct History {
    pub events: Vec<Event>,
    stored: Vec<Vec<u8>>,
    /// The time of the questions; after the last event.
    pub now: Timestamp,
    log: LogId,
    slugs: BTreeMap<Application, String>,
    /// By application: before the first event, and after each.
    worlds: BTreeMap<Application, Vec<World>>,
}

impl History {
    /// `stored` are the bytes of the events: their hashes are of those, sealed as they are.
    pub fn new(events: Vec<Event>, stored: Vec<Vec<u8>>, now: Timestamp) -> History {
        let (mut log, mut slugs) = (LogId::from_random(0), BTreeMap::new());
        for event in &events {
            match &event.header.fact {
                Fact::RecorderStarted(started) => log = LogId::from_random(started.log),
                Fact::ApplicationAdded(added) => {
                    slugs.insert(added.number, added.slug.clone());
                }
                _ => {}
            }
        }
        let mut worlds = BTreeMap::new();
        for application in slugs.keys() {
            let mut all = vec![World::default()];
            for event in &events {
                let mut world = all[all.len() - 1].clone();
                if event.header.application == *application {
                    world.apply(event);
                }
                all.push(world);
            }
            worlds.insert(*application, all);
        }
        History { events, stored, now, log, slugs, worlds }
    }

    /// Knows everything.
    pub fn whole(&self) -> Known<'_> {
        Known { history: self, size: self.events.len(), now: self.now, is_repeatable: false }
    }

    /// Knows what was recorded up to and with an event.
    pub fn known_at_seq(&self, seq: Seq) -> Known<'_> {
        let now = self.events[seq as usize].header.recorded_at;
        Known { history: self, size: seq as usize + 1, now, is_repeatable: true }
    }

    /// Knows what was recorded by an instant.
    pub fn known_at(&self, now: Timestamp) -> Known<'_> {
        let size = self.whole().through(now);
        Known { history: self, size, now, is_repeatable: true }
    }
}

/// The first events of a history. Positions are counts: 0 is before the first event, 1 after it.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    history: &'a History,
    /// How many events are known.
    pub size: usize,
    /// The current time for the question.
    pub now: Timestamp,
    /// Whether the question sets `knownAt`.
    pub is_repeatable: bool,
}

impl<'a> Known<'a> {
    pub fn events(&self) -> &'a [Event] {
        &self.history.events[..self.size]
    }

    /// All events, those that are not known too: configuration is shown as it is now.
    pub fn ever(&self) -> &'a [Event] {
        &self.history.events
    }

    /// The same history when it had `size` events.
    pub fn limited_to(&self, size: usize) -> Known<'a> {
        Known { size, ..*self }
    }

    /// The known events of an application.
    pub fn events_of(&self, application: Application) -> impl Iterator<Item = &'a Event> {
        self.events().iter().filter(move |event| event.header.application == application)
    }

    /// How many of the known events were recorded at `time` or before.
    pub fn through(&self, time: Timestamp) -> usize {
        self.events().iter().filter(|event| event.header.recorded_at <= time).count()
    }

    /// How many of the known events were recorded before `time`.
    pub fn before(&self, time: Timestamp) -> usize {
        self.events().iter().filter(|event| event.header.recorded_at < time).count()
    }

    /// The state after the first `count` events.
    pub fn world(&self, application: Application, count: usize) -> &'a World {
        assert!(count <= self.size, "beyond what is known");
        &self.history.worlds[&application][count]
    }

    /// The state after all known events.
    pub fn last(&self, application: Application) -> &'a World {
        self.world(application, self.size)
    }

    /// The application of a name.
    pub fn application(&self, slug: &str) -> Application {
        let found = self.history.slugs.iter().find(|(_, name)| *name == slug);
        *found.expect("the application was added").0
    }

    /// One application, or all.
    pub fn applications(&self, slug: Option<&str>) -> Vec<Application> {
        match slug {
            Some(slug) => vec![self.application(slug)],
            None => self.history.slugs.keys().copied().collect(),
        }
    }

    pub fn slug(&self, application: Application) -> &'a str {
        &self.history.slugs[&application]
    }

    pub fn event_id(&self, seq: Seq) -> String {
        event::EventId::new(self.history.log, seq).to_string()
    }

    /// The hash of an event's leaf in the tree, from the event alone.
    pub fn event_hash(&self, event: &Event) -> String {
        let stored = &self.history.stored[event.seq as usize];
        let entry = evidence::Entry::of_stored(self.history.log, event.seq, stored);
        entry.expect("it was stored").leaf().to_string()
    }

    /// When an event was recorded.
    pub fn recorded(&self, seq: Seq) -> Timestamp {
        self.events()[seq as usize].header.recorded_at
    }

    /// The same as text.
    pub fn time(&self, seq: Seq) -> String {
        self.recorded(seq).to_string()
    }

    /// The gaps at a time.
    pub fn gaps_at(&self, time: Timestamp) -> Vec<Value> {
        let began = self.recorded(0);
        let mut gaps = vec![];
        if time < began {
            gaps.push(gap(None, Some(began), "before the record began"));
        }
        gaps.extend(self.ahead(time));
        gaps
    }

    /// The gaps in a period.
    pub fn gaps_between(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Vec<Value> {
        let began = self.recorded(0);
        let early = from.filter(|from| *from < began);
        let mut gaps: Vec<Value> = vec![];
        gaps.extend(early.map(|from| gap(Some(from), Some(began), "before the record began")));
        gaps.extend(to.and_then(|to| self.ahead(to)));
        gaps
    }

    fn ahead(&self, time: Timestamp) -> Option<Value> {
        let reason = if self.is_repeatable { "after what was known then" } else { "in the future" };
        (time > self.now).then(|| gap(Some(self.now), Some(time), reason))
    }
}

/// A coverage gap.
pub fn gap(from: Option<Timestamp>, to: Option<Timestamp>, reason: &str) -> Value {
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({"from": text(from), "to": text(to), "reason": reason})
}

/// The `coverage` of an answer.
pub fn coverage(gaps: Vec<Value>) -> Value {
    json!({"state": if gaps.is_empty() { "complete" } else { "partial" }, "gaps": gaps})
}
