//! Canonical JSON text, with sorted names and no spaces. Values are stored, compared and hashed in this
//! form.
//!
//! Nothing here relies on `serde_json::Map` being sorted, because any crate of the build can turn that
//! off by the feature `serde_json/preserve_order`.
//!
//! A [`Document`] is an object kept as such text. [`raw`] reads the text where it lies.

#![warn(unreachable_pub)]

mod document;
pub mod raw;

pub use document::Document;
pub use raw::Damaged;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

/// A value as JSON text: names in the order of their bytes at every depth, no spaces.
#[must_use]
pub fn json(value: &Value) -> Vec<u8> {
    to_vec(&Sorted(value))
}

/// An object as JSON text; see [`json`].
#[must_use]
pub fn object(members: &Map<String, Value>) -> Vec<u8> {
    to_vec(&SortedObject(members))
}

/// A value as JSON text, as a string; see [`json`].
#[must_use]
pub fn text(value: &Value) -> String {
    serde_json::to_string(&Sorted(value)).unwrap_or_default()
}

/// The members of an object in the order of their names' bytes.
#[must_use]
pub fn members(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut members: Vec<_> = object.iter().map(|(name, value)| (name.as_str(), value)).collect();
    if !members.is_sorted_by_key(|(name, _)| *name) {
        members.sort_unstable_by_key(|(name, _)| *name);
    }
    members
}

/// A value that any serializer writes with sorted names.
#[derive(Clone, Copy, Debug)]
pub struct Sorted<'a>(pub &'a Value);

/// An object that any serializer writes with sorted names.
#[derive(Clone, Copy, Debug)]
pub struct SortedObject<'a>(pub &'a Map<String, Value>);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => SortedObject(members).serialize(serializer),
            Value::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Sorted(value))?;
                }
                list.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

impl Serialize for SortedObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        if self.0.keys().is_sorted() {
            for (name, value) in self.0 {
                map.serialize_entry(name, &Sorted(value))?;
            }
        } else {
            for (name, value) in members(self.0) {
                map.serialize_entry(name, &Sorted(value))?;
            }
        }
        map.end()
    }
}

fn to_vec(value: &impl Serialize) -> Vec<u8> {
    // Neither a JSON value nor writing to memory can fail.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects whose names come in an order that is not theirs.
    const SHUFFLED: &str = r#"{"b":[{"z":1.5,"a":"é\n"}],"a":{"2":null,"10":true},"":-0}"#;
    const SORTED: &str = r#"{"":-0,"a":{"10":true,"2":null},"b":[{"a":"é\n","z":1.5}]}"#;

    #[test]
    fn names_are_sorted_whatever_the_maps_do() {
        let value: Value = serde_json::from_str(SHUFFLED).unwrap();
        assert_eq!(text(&value), SORTED.replace("-0", "-0.0"));
        assert_eq!(json(&value), text(&value).into_bytes());
        let map = value.as_object().unwrap();
        assert_eq!(object(map), json(&value));
        let names: Vec<&str> = members(map).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["", "a", "b"]);
        let pretty = serde_json::to_string_pretty(&Sorted(&value)).unwrap();
        assert!(pretty.find("\"a\": {") < pretty.find("\"b\": ["), "{pretty}");
    }

    /// Says what the other test was run against, so that it is known to have had something to sort.
    #[test]
    fn the_feature_makes_maps_unsorted() {
        let value: Value = serde_json::from_str(SHUFFLED).unwrap();
        let is_sorted = value.as_object().unwrap().keys().is_sorted();
        assert_eq!(is_sorted, !cfg!(feature = "unsorted"));
    }
}
