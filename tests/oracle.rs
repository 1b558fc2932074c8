//! The naive oracle: a plain fold over a `Vec` of events, as slow and as obvious as possible. It
//! shares no code with the projector; what both agree on is what the product promises.

use std::collections::BTreeMap;

use event::{Content, Element, Event, Fact, Lifecycle, Number, ResourceType, Seq, ValueChange};
use serde_json::{Map, Value};

/// All resources of one application right after some event.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct World {
    /// Resources that exist, by number: type and attributes.
    pub resources: BTreeMap<Number, (ResourceType, Map<String, Value>)>,
    /// Members by group, with the event since which they are.
    pub members: BTreeMap<Number, BTreeMap<Number, Seq>>,
    /// Whether a resource was last said to be active; new ones are.
    active: BTreeMap<Number, bool>,
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

    fn apply(&mut self, event: &Event) {
        let Fact::Operation(_) = &event.header.fact else { return };
        for part in &event.parts {
            let Content::Changes(changes) = &part.content else { continue };
            let number = part.subject;
            if let Some(Lifecycle::Created(resource_type)) = changes.lifecycle {
                self.resources.insert(number, (resource_type, Map::new()));
            }
            if let Some((_, attributes)) = self.resources.get_mut(&number) {
                for change in &changes.values {
                    *attributes = with(attributes, change);
                }
                let said = attributes.get("active").and_then(Value::as_bool);
                let before = self.active.get(&number).copied().unwrap_or(true);
                self.active.insert(number, said.unwrap_or(before));
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
            }
        }
    }

    /// The numbers of the users; all, or those that are active or not.
    pub fn users(&self, active: Option<bool>) -> Vec<Number> {
        let users = self.resources.iter().filter(|(number, (kind, _))| {
            let is_active = self.active.get(number).copied().unwrap_or(true);
            *kind == ResourceType::USER && active.is_none_or(|active| active == is_active)
        });
        users.map(|(number, _)| *number).collect()
    }
}

/// The attributes with one change: rebuilt piece by piece, nothing in place.
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
