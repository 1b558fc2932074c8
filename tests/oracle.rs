//! The naive oracle: a fold over a `Vec` of events, as slow and as obvious as possible. It shares no
//! code with the projector; both must agree.

use std::collections::BTreeMap;

use event::{
    Attribute, Content, Element, Event, Fact, Lifecycle, Mention, Number, ResourceType, Seq,
    ValueChange,
};
use serde_json::{Map, Value};

use values::{changed, name_of};

pub mod counts;
pub mod detail;
pub mod imports;
pub mod jobs;
pub mod known;
pub mod members;
pub mod operations;
pub mod overview;
pub mod questions;
pub mod record;
pub mod reports;
pub mod resources;
pub mod reviews;
pub mod values;
pub mod why;

/// A resource right after some event.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub kind: ResourceType,
    pub attributes: Map<String, Value>,
    /// Whether it is active; new resources are.
    pub active: bool,
    /// The event that created it.
    pub created: Seq,
    /// The event that last changed it or its members.
    pub version: Seq,
}

/// All resources of one application right after some event.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct World {
    /// Resources that exist, by number.
    pub resources: BTreeMap<Number, Resource>,
    /// Resources that were deleted: as they were before, and the event that deleted them.
    pub gone: BTreeMap<Number, (Resource, Seq)>,
    /// Members by group, with the event since which they are members.
    pub members: BTreeMap<Number, BTreeMap<Number, Seq>>,
    /// The first mention of each number.
    pub mentions: BTreeMap<Number, Mention>,
    /// The externalId by which each number was first mentioned.
    pub own_names: BTreeMap<Number, String>,
}

impl World {
    /// The world of an application after the first events up to and with `until`.
    pub fn at(events: &[Event], application: event::Application, until: Option<Seq>) -> World {
        let mut world = World::default();
        let Some(until) = until else { return world };
        for event in events {
            if event.seq <= until && event.header.application == application {
                world.apply(event);
            }
        }
        world
    }

    /// Applies one event of the application.
    pub fn apply(&mut self, event: &Event) {
        // An imported entry changes nothing, but may mention somebody.
        match &event.header.fact {
            Fact::Operation(_) | Fact::Imported(_) | Fact::Observation(_) => {}
            _ => return,
        }
        for part in &event.parts {
            let Content::Changes(changes) = &part.content else { continue };
            let number = part.subject;
            if let Some(mention) = &changes.mention {
                // A source id in a provider's log is not a name that a client gave.
                if mention.attribute != Attribute::SourceId {
                    self.mentions.entry(number).or_insert(mention.clone());
                }
                if mention.attribute == Attribute::ExternalId {
                    self.own_names.entry(number).or_insert(name_of(mention).to_owned());
                }
                continue;
            }
            if let Some(Lifecycle::Created(kind)) = changes.lifecycle {
                let attributes = Map::new();
                let (created, version) = (event.seq, event.seq);
                let new = Resource { kind, attributes, active: true, created, version };
                assert!(self.resources.insert(number, new).is_none(), "created twice");
            }
            if changes.lifecycle == Some(Lifecycle::Restored) {
                // The same account again, without its recorded attributes.
                let (mut again, _) = self.gone.remove(&number).expect("it was gone");
                (again.attributes, again.version, again.active) = (Map::new(), event.seq, true);
                assert!(self.resources.insert(number, again).is_none(), "it was never gone");
            }
            let before = self.resources.get(&number).cloned();
            if let Some(resource) = self.resources.get_mut(&number) {
                for change in &changed(changes) {
                    resource.attributes = with(&resource.attributes, change);
                }
                let said = resource.attributes.get("active").and_then(Value::as_bool);
                resource.active = said.unwrap_or(resource.active);
                // Changes of members count, also a member that was deleted.
                let counts = [changed(changes).len(), changes.joined.len(), changes.left.len()];
                if counts != [0; 3] {
                    resource.version = event.seq;
                }
            }
            let members = self.members.entry(number).or_default();
            for joined in &changes.joined {
                assert!(members.insert(*joined, event.seq).is_none(), "joined twice");
            }
            for left in &changes.left {
                assert!(members.remove(left).is_some(), "left without being a member");
            }
            if changes.lifecycle == Some(Lifecycle::Deleted) {
                assert!(self.resources.remove(&number).is_some(), "deleted twice");
                self.gone.insert(number, (before.expect("it was there"), event.seq));
            }
        }
    }

    /// The numbers of all users, or only of active or inactive ones.
    pub fn users(&self, active: Option<bool>) -> Vec<Number> {
        let users = self.resources.iter().filter(|(_, resource)| {
            resource.kind == ResourceType::USER && active.is_none_or(|is| is == resource.active)
        });
        users.map(|(number, _)| *number).collect()
    }

    /// The members of a group, with the event since which they are members.
    pub fn members_of(&self, group: Number) -> BTreeMap<Number, Seq> {
        self.members.get(&group).cloned().unwrap_or_default()
    }

    /// A resource, or its last state before its deletion.
    pub fn is_or_was(&self, number: Number) -> Option<&Resource> {
        let gone = self.gone.get(&number).map(|(resource, _)| resource);
        self.resources.get(&number).or(gone)
    }
}

/// The attributes with one change applied.
fn with(attributes: &Map<String, Value>, change: &ValueChange) -> Map<String, Value> {
    let new: Option<Value> = change.new.as_ref().map(|text| serde_json::from_slice(text).unwrap());
    let mut out = attributes.clone();
    let holder = change.path.schema.as_ref();
    let mut inner: Map<String, Value> = match holder {
        Some(urn) => out.get(urn).and_then(|value| value.as_object().cloned()).unwrap_or_default(),
        None => out.clone(),
    };
    let name = &change.path.attribute;
    let before = inner.remove(name);
    let after = match (&change.path.element, &change.path.sub) {
        (None, None) => new,
        (None, Some(sub)) => member_set(before, sub, new),
        (Some(element), sub) => {
            let list = before.and_then(|value| value.as_array().cloned()).unwrap_or_default();
            let at = list.iter().position(|item| match element {
                Element::Type(text) => item["type"]
                    .as_str()
                    .is_some_and(|kind| kind.to_lowercase() == text.to_lowercase()),
                Element::Value(text) => item["value"].as_str() == Some(text),
            });
            let mut items: Vec<Option<Value>> = list.into_iter().map(Some).collect();
            let place = at.unwrap_or_else(|| {
                items.push(None);
                items.len() - 1
            });
            items[place] = match sub {
                None => new,
                Some(sub) => member_set(items[place].take(), sub, new),
            };
            let items: Vec<Value> = items.into_iter().flatten().collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
    };
    if let Some(after) = after {
        inner.insert(name.clone(), after);
    }
    match holder {
        None => inner,
        Some(urn) => {
            out.remove(urn);
            if !inner.is_empty() {
                out.insert(urn.clone(), Value::Object(inner));
            }
            out
        }
    }
}

fn member_set(object: Option<Value>, sub: &str, new: Option<Value>) -> Option<Value> {
    let mut object = object.and_then(|value| value.as_object().cloned()).unwrap_or_default();
    object.remove(sub);
    if let Some(new) = new {
        object.insert(sub.to_owned(), new);
    }
    (!object.is_empty()).then_some(Value::Object(object))
}
