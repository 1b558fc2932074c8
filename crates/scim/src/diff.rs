//! The difference between two states of a resource. It does not depend on how a client requested it.
//!
//! It uses the JSON structure alone and no schema, so that a later correction of a schema cannot change
//! an old diff: an object under a name that begins with `urn:` is an extension, any other object a
//! complex attribute, an array a multi-valued attribute.
//!
//! The elements of a multi-valued attribute are named by their `type` if that is unique in both states,
//! else by their `value` if that is, else the attribute changes as a whole.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;

use canonical::{Damaged, Document, raw};
use caseless::case_folded;
use serde_json::{Map, Value};

use crate::schema::is_urn;

/// Where a change is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangePath {
    /// URN of an extension; `None` for the base schema.
    pub schema: Option<String>,
    /// Name of the attribute.
    pub attribute: String,
    /// The element of a multi-valued attribute; `None` for the whole attribute.
    pub element: Option<Element>,
    /// The sub-attribute; `None` for all of them.
    pub sub: Option<String>,
}

/// The name of an element: its `type` or `value`, from the old state if it exists there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Unique by `type`; types that differ only in case are the same.
    Type(String),
    /// Unique by `value`, compared exactly.
    Value(String),
}

impl fmt::Display for ChangePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        // `Value` writes a string as JSON, with escapes.
        match &self.element {
            Some(Element::Type(text)) => write!(f, "[type eq {}]", Value::from(text.as_str()))?,
            Some(Element::Value(text)) => write!(f, "[value eq {}]", Value::from(text.as_str()))?,
            None => {}
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

impl ChangePath {
    /// The path as text, but the same for all elements of one attribute.
    fn sort_key(&self) -> String {
        let mut key = String::with_capacity(64);
        if let Some(schema) = &self.schema {
            key.push_str(schema);
            key.push(':');
        }
        key.push_str(&self.attribute);
        if let (None, Some(sub)) = (&self.element, &self.sub) {
            key.push('.');
            key.push_str(sub);
        }
        key
    }
}

/// One difference. The two values are never equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where it is.
    pub path: ChangePath,
    /// The old value; `None` if it was added.
    pub old: Option<Value>,
    /// The new value; `None` if it was removed.
    pub new: Option<Value>,
}

/// Compares two states in the form of [`crate::Resource::attributes`].
///
/// An added or removed element is one change; an element in both states has a change for each part that
/// differs; a different order is no change. Applying the changes in order to `old`, with new elements at
/// the end of their list, gives exactly [`settle`] of the two.
///
/// Sorted by path, but elements of one attribute keep their order, which is part of the state: first
/// those of `old`, then the new ones in the order of `new`.
pub fn diff(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, old, new) in union(Some(old), Some(new)) {
        match (old, new) {
            (None | Some(Value::Object(_)), None | Some(Value::Object(_))) if is_urn(name) => {
                for (attribute, old, new) in union(object(old), object(new)) {
                    diff_attribute(Some(name), attribute, old, new, &mut changes);
                }
            }
            _ => diff_attribute(None, name, old, new, &mut changes),
        }
    }
    // A stable sort, so that the elements of an attribute keep their order.
    changes.sort_by_cached_key(|change| change.path.sort_key());
    changes
}

/// What [`diff`] says of a state that was nothing before, from its canonical text.
///
/// # Errors
/// If the text is damaged.
pub fn diff_from_nothing(state: &Document) -> Result<Vec<Change>, Damaged> {
    let mut changes = Vec::new();
    for member in state.members() {
        let (name, value) = member?;
        let name = raw::name(name).ok_or(Damaged)?;
        match serde_json::from_slice(value).map_err(|_| Damaged)? {
            Value::Object(extension) if is_urn(&name) => {
                for (attribute, value) in sorted(extension) {
                    add_attribute(Some(&name), &attribute, value, &mut changes);
                }
            }
            value => add_attribute(None, &name, value, &mut changes),
        }
    }
    changes.sort_by_cached_key(|change| change.path.sort_key());
    Ok(changes)
}

/// The changes of an attribute that was not there.
fn add_attribute(schema: Option<&str>, attribute: &str, value: Value, changes: &mut Vec<Change>) {
    let mut push = |element: Option<Element>, sub: Option<String>, new: Value| {
        let (schema, attribute) = (schema.map(str::to_owned), attribute.to_owned());
        let path = ChangePath { schema, attribute, element, sub };
        changes.push(Change { path, old: None, new: Some(new) });
    };
    match value {
        Value::Object(parts) => {
            sorted(parts).into_iter().for_each(|(sub, value)| push(None, Some(sub), value));
        }
        Value::Array(list) => match Naming::of(&[], &list) {
            Some(naming) => {
                list.into_iter().for_each(|one| push(Some(naming.name(&one)), None, one));
            }
            None => push(None, None, Value::Array(list)),
        },
        plain => push(None, None, plain),
    }
}

/// The members of an object in the order of their names.
fn sorted(object: Map<String, Value>) -> Vec<(String, Value)> {
    let mut members: Vec<_> = object.into_iter().collect();
    members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    members
}

fn diff_attribute(
    schema: Option<&str>,
    attribute: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    changes: &mut Vec<Change>,
) {
    let mut push = |element: Option<Element>, sub: Option<&str>, old, new| {
        if old != new {
            changes.push(Change {
                path: ChangePath {
                    schema: schema.map(str::to_owned),
                    attribute: attribute.to_owned(),
                    element,
                    sub: sub.map(str::to_owned),
                },
                old: Option::<&Value>::cloned(old),
                new: Option::<&Value>::cloned(new),
            });
        }
    };
    match (old, new) {
        (None | Some(Value::Object(_)), None | Some(Value::Object(_))) => {
            for (sub, old, new) in union(object(old), object(new)) {
                push(None, Some(sub), old, new);
            }
        }
        (None | Some(Value::Array(_)), None | Some(Value::Array(_))) => {
            let (old_list, new_list) = (array(old), array(new));
            let Some(naming) = Naming::of(old_list, new_list) else {
                if !same_elements(old_list, new_list) {
                    push(None, None, old, new);
                }
                return;
            };
            let mut left: HashMap<String, &Value> =
                new_list.iter().map(|element| (naming.key(element), element)).collect();
            for element in old_list {
                let name = naming.name(element);
                match left.remove(&naming.key(element)) {
                    None => push(Some(name), None, Some(element), None),
                    Some(new) => {
                        for (sub, old, new) in union(object(Some(element)), object(Some(new))) {
                            push(Some(name.clone()), Some(sub), old, new);
                        }
                    }
                }
            }
            for element in new_list {
                if left.contains_key(&naming.key(element)) {
                    push(Some(naming.name(element)), None, None, Some(element));
                }
            }
        }
        _ => push(None, None, old, new),
    }
}

/// The new state with the elements of each list in the order of their first appearance: first those of
/// `old` in their old order, then the new ones in the order of `new`. A list whose elements have no names
/// keeps its old order if it has the same elements.
pub fn settle(old: &Map<String, Value>, mut new: Map<String, Value>) -> Map<String, Value> {
    for (name, new) in &mut new {
        match (old.get(name), new) {
            (Some(Value::Object(old)), Value::Object(new)) if is_urn(name) => {
                for (name, new) in new {
                    if let Some(old) = old.get(name) {
                        settle_attribute(old, new);
                    }
                }
            }
            (Some(old), new) => settle_attribute(old, new),
            (None, _) => {}
        }
    }
    new
}

fn settle_attribute(old: &Value, new: &mut Value) {
    let (Value::Array(old), Value::Array(new)) = (old, new) else {
        return;
    };
    match Naming::of(old, new) {
        Some(naming) => {
            let places: HashMap<String, usize> = old
                .iter()
                .enumerate()
                .map(|(place, element)| (naming.key(element), place))
                .collect();
            // A stable sort: new elements keep their order, behind the old ones.
            new.sort_by_cached_key(|element| {
                places.get(&naming.key(element)).copied().unwrap_or(usize::MAX)
            });
        }
        None if same_elements(old, new) => new.clone_from(old),
        None => {}
    }
}

/// What identifies the elements of a list.
#[derive(Clone, Copy)]
enum Naming {
    Type,
    Value,
}

impl Naming {
    fn of(old: &[Value], new: &[Value]) -> Option<Naming> {
        [Naming::Type, Naming::Value]
            .into_iter()
            .find(|naming| naming.is_unique(old) && naming.is_unique(new))
    }

    fn is_unique(self, list: &[Value]) -> bool {
        let mut seen = HashSet::with_capacity(list.len());
        list.iter().all(|element| {
            let text = element.get(self.part());
            text.is_some_and(Value::is_string) && seen.insert(self.key(element))
        })
    }

    fn part(self) -> &'static str {
        match self {
            Naming::Type => "type",
            Naming::Value => "value",
        }
    }

    fn text(self, element: &Value) -> &str {
        let text = element.get(self.part()).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    fn key(self, element: &Value) -> String {
        match self {
            Naming::Type => case_folded(self.text(element)),
            Naming::Value => self.text(element).to_owned(),
        }
    }

    fn name(self, element: &Value) -> Element {
        let text = self.text(element).to_owned();
        match self {
            Naming::Type => Element::Type(text),
            Naming::Value => Element::Value(text),
        }
    }
}

fn same_elements(old: &[Value], new: &[Value]) -> bool {
    let sorted = |list: &[Value]| {
        let mut list: Vec<Vec<u8>> = list.iter().map(canonical::json).collect();
        list.sort_unstable();
        list
    };
    old.len() == new.len() && sorted(old) == sorted(new)
}

/// The sorted names of two objects, each with its value in either.
fn union<'a>(
    old: Option<&'a Map<String, Value>>,
    new: Option<&'a Map<String, Value>>,
) -> impl Iterator<Item = (&'a str, Option<&'a Value>, Option<&'a Value>)> {
    let members = |object: Option<&'a _>| object.map(canonical::members).unwrap_or_default();
    let mut old = members(old).into_iter().peekable();
    let mut new = members(new).into_iter().peekable();
    std::iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let old = if order.is_le() { old.next() } else { None };
        let new = if order.is_ge() { new.next() } else { None };
        let (name, _) = old.or(new)?;
        Some((name, old.map(|(_, value)| value), new.map(|(_, value)| value)))
    })
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn array(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], |list| list.as_slice())
}

#[cfg(test)]
mod tests;
