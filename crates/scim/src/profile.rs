//! Profiles: what an application's clients are expected to send, and which resource types it serves. A
//! profile is a file that operators can read and write, with versions in time, because what clients send
//! changes.
//!
//! ```toml
//! name = "paperboat"
//! title = "Paperboat"
//!
//! [settings]                       # as in Settings, for all versions
//! patch_response = "empty"
//!
//! [extensions."urn:example:paperboat:2.0:User"]
//! berth = "string"                 # a kind of RFC 7643 §2.3, or `string[]` for several
//!
//! [[versions]]
//! from = 2024-03-01                # until the next version; the first holds before its date too
//! [versions.users]
//! attributes = ["userName", 'emails[type eq "work"].value', "urn:example:paperboat:2.0:User:berth"]
//! required = ["userName"]
//! filterable = ["userName"]
//! [versions.groups]                # without this there are no groups
//! ```
//!
//! A list that is left out sets no rule: without `attributes` all attributes are expected.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use canonical::{Document, raw};
use caseless::case_folded;
use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value};

use crate::diff::{Change, Element};
use crate::filter::Filter;
use crate::path::AttrPath;
use crate::schema::{FileError, Registry, ResourceType, Schema};
use crate::settings::Settings;

mod file;

/// The profiles that come with the program.
const BUILT_IN: [(&str, &str); 6] = [
    ("generic.toml", include_str!("../profiles/generic.toml")),
    ("strict.toml", include_str!("../profiles/strict.toml")),
    ("hootsuite.toml", include_str!("../profiles/hootsuite.toml")),
    ("hoxhunt.toml", include_str!("../profiles/hoxhunt.toml")),
    ("jostle.toml", include_str!("../profiles/jostle.toml")),
    ("howspace.toml", include_str!("../profiles/howspace.toml")),
];

/// Parts that only identify or describe an element of a list. They are always expected.
const BOOKKEEPING: [&str; 4] = ["type", "primary", "display", "$ref"];
/// Attributes that every resource has.
const COMMON: [&str; 3] = ["id", "schemas", "meta"];

/// All profiles that applications can have, by name.
#[derive(Clone, Debug)]
pub struct Profiles {
    all: BTreeMap<String, Profile>,
    /// Extensions that only profiles define. Discovery shows them only for profiles that list them.
    private: BTreeSet<String>,
}

/// A profile with its versions.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its name in configuration.
    pub name: String,
    /// The application's name for people.
    pub title: String,
    /// SHA-256 of its file: shows that it was changed.
    pub sha256: [u8; 32],
    /// Ascending by date; never empty.
    versions: Vec<Arc<ProfileVersion>>,
}

/// The rules of a profile from one day on.
#[derive(Clone, Debug)]
pub struct ProfileVersion {
    /// The first day, in UTC; the first version may have none.
    pub from: Option<NaiveDate>,
    /// Values that override the defaults of [`Settings`], by their names.
    settings: Map<String, Value>,
    users: Rules,
    groups: Option<Rules>,
}

/// What is expected of the resources of one type.
#[derive(Clone, Debug, Default)]
struct Rules {
    attributes: Option<Vec<Listed>>,
    required: Vec<AttrPath>,
    filterable: Option<Vec<Listed>>,
}

/// An attribute of a list.
#[derive(Clone, Debug)]
struct Listed {
    path: AttrPath,
    /// Only elements of this type, case-folded.
    element_type: Option<String>,
}

impl Profiles {
    /// The built-in profiles and those of further files, with the registry of all schemas that they and
    /// the schema files define ([`Registry::with_files`]). If a profile and a schema file define the
    /// same extension, the schema file counts.
    ///
    /// # Errors
    /// For the first mistake in a file, with its line.
    pub fn load(
        schema_files: &[(String, String)],
        profile_files: &[(String, String)],
    ) -> Result<(Registry, Profiles), FileError> {
        file::load(&BUILT_IN, schema_files, profile_files)
    }

    /// Only the built-in profiles.
    pub fn built_in() -> (Registry, Profiles) {
        Profiles::load(&[], &[]).expect("files of this crate, read by every test of it")
    }

    /// A profile by its name.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.all.get(name)
    }

    /// All profiles, by name.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        self.all.values()
    }

    /// Whether discovery shows a schema for a profile: the schemas of the types that it serves, and the
    /// extensions with an attribute that it lists. If it lists no attributes, all extensions except those
    /// that only other profiles define.
    pub fn shows(&self, version: &ProfileVersion, registry: &Registry, schema: &Schema) -> bool {
        let mut types = registry.resource_types().iter();
        if let Some(resource_type) = types.find(|one| one.schema == schema.id) {
            return version.serves(resource_type);
        }
        let mut rules = std::iter::once(&version.users).chain(&version.groups);
        rules.any(|rules| match &rules.attributes {
            None => !self.private.contains(&schema.id),
            Some(listed) => {
                listed.iter().any(|one| one.path.schema.as_deref() == Some(schema.id.as_str()))
            }
        })
    }
}

impl Profile {
    /// The version at an instant (microseconds since 1970), and the range of instants in which it
    /// holds. The first version also holds before its day.
    pub fn at(&self, time_us: i64) -> (&Arc<ProfileVersion>, Range<i64>) {
        let later = self.versions.partition_point(|one| one.begins_us() <= time_us);
        let place = later.saturating_sub(1);
        let from = if place == 0 { i64::MIN } else { self.versions[place].begins_us() };
        let until = self.versions.get(place + 1).map_or(i64::MAX, |next| next.begins_us());
        (&self.versions[place], from..until)
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[Arc<ProfileVersion>] {
        &self.versions
    }
}

impl ProfileVersion {
    fn begins_us(&self) -> i64 {
        let midnight = self.from.map(|from| from.and_time(NaiveTime::MIN).and_utc());
        midnight.map_or(i64::MIN, |midnight| midnight.timestamp_micros())
    }

    /// The settings of an application: its own (JSON) override the profile's. Both were checked when they
    /// were configured; a setting that this program can no longer read is ignored.
    pub fn settings(&self, own: &[u8]) -> Settings {
        let own: Map<String, Value> = serde_json::from_slice(own).unwrap_or_default();
        let (mut all, mut settings) = (Map::new(), Settings::default());
        for (name, value) in self.settings.iter().chain(&own) {
            let before = all.insert(name.clone(), value.clone());
            match serde_json::from_value(Value::Object(all.clone())) {
                Ok(read) => settings = read,
                Err(_) => {
                    all.remove(name);
                    all.extend(before.map(|before| (name.clone(), before)));
                }
            }
        }
        settings
    }

    /// Whether resources of a type are served: all types, except that a profile may have no groups.
    pub fn serves(&self, resource_type: &ResourceType) -> bool {
        resource_type.name != "Group" || self.has_groups()
    }

    /// Whether there are groups.
    pub fn has_groups(&self) -> bool {
        self.groups.is_some()
    }

    fn rules(&self, resource_type: &ResourceType) -> Option<&Rules> {
        match resource_type.name.as_str() {
            "User" => Some(&self.users),
            "Group" => self.groups.as_ref(),
            _ => None,
        }
    }

    /// The paths of changed attributes that the profile does not list, with the element's type.
    /// Removing a value is never unexpected.
    pub fn unexpected(&self, resource_type: &ResourceType, changes: &[Change]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let rules = self.rules(resource_type);
        let Some(listed) = rules.and_then(|rules| rules.attributes.as_ref()) else { return found };
        for change in changes {
            let (Some(new), path) = (&change.new, &change.path) else { continue };
            if path.schema.is_none() && COMMON.contains(&path.attribute.as_str()) {
                continue;
            }
            let element_type = match &path.element {
                Some(Element::Type(text)) => Some(text.as_str()),
                Some(Element::Value(_)) | None => None,
            };
            each_place(element_type, path.sub.as_deref(), new, &mut |element_type, sub| {
                let place = Place {
                    schema: path.schema.as_deref(),
                    attribute: &path.attribute,
                    element_type,
                    sub,
                };
                if !listed.iter().any(|one| one.covers(&place)) {
                    found.insert(place.text());
                }
            });
        }
        found
    }

    /// Whether the profile expects every value of an attribute.
    pub(crate) fn expects_all(&self, resource_type: &ResourceType, path: &AttrPath) -> bool {
        let rules = self.rules(resource_type);
        let Some(listed) = rules.and_then(|rules| rules.attributes.as_ref()) else { return true };
        let is_common = path.schema.is_none() && COMMON.contains(&path.attribute.as_str());
        is_common
            || listed.iter().any(|one| {
                let AttrPath { schema, attribute, sub } = &one.path;
                (schema, attribute, sub) == (&path.schema, &path.attribute, &None)
                    && one.element_type.is_none()
            })
    }

    /// Adds the place of a simple value as [`ProfileVersion::unexpected`] does: of an attribute, given by
    /// extension and name, the element's type and the part.
    pub(crate) fn note_unexpected(
        &self,
        resource_type: &ResourceType,
        (schema, attribute): (Option<&str>, &str),
        element_type: Option<&str>,
        sub: Option<&str>,
        found: &mut BTreeSet<String>,
    ) {
        let rules = self.rules(resource_type);
        let Some(listed) = rules.and_then(|rules| rules.attributes.as_ref()) else { return };
        let place = Place { schema, attribute, element_type, sub };
        if !listed.iter().any(|one| one.covers(&place)) {
            found.insert(place.text());
        }
    }

    /// The attributes that every state must have.
    pub(crate) fn required(&self, resource_type: &ResourceType) -> &[AttrPath] {
        self.rules(resource_type).map_or(&[], |rules| &rules.required)
    }

    /// Whether the profile lists attributes of groups, but not `members`.
    pub fn members_are_unexpected(&self, resource_type: &ResourceType) -> bool {
        let rules = self.rules(resource_type);
        let listed = rules.and_then(|rules| rules.attributes.as_ref());
        listed.is_some_and(|listed| !listed.iter().any(|one| one.path.attribute == "members"))
    }

    /// The first required attribute that a state lacks.
    pub fn missing(
        &self,
        resource_type: &ResourceType,
        state: &Map<String, Value>,
    ) -> Option<&AttrPath> {
        let required = &self.rules(resource_type)?.required;
        required.iter().find(|path| {
            let attributes = match &path.schema {
                None => Some(state),
                Some(urn) => state.get(urn).and_then(Value::as_object),
            };
            let value = attributes.and_then(|attributes| attributes.get(&path.attribute));
            match &path.sub {
                None => value.is_none(),
                Some(sub) => value.is_none_or(|value| value.get(sub).is_none()),
            }
        })
    }

    /// The same of a state as a document.
    pub fn missing_in(&self, resource_type: &ResourceType, state: &Document) -> Option<&AttrPath> {
        let is_object = |value: &&[u8]| value.first() == Some(&b'{');
        let required = &self.rules(resource_type)?.required;
        required.iter().find(|path| {
            let value = match &path.schema {
                None => state.get(&path.attribute),
                Some(urn) => {
                    let attributes = state.get(urn).filter(is_object);
                    attributes.and_then(|one| raw::get(one, &path.attribute))
                }
            };
            match &path.sub {
                None => value.is_none(),
                Some(sub) => {
                    value.filter(is_object).and_then(|value| raw::get(value, sub)).is_none()
                }
            }
        })
    }

    /// The attributes that a filter uses and the profile does not list as filterable.
    pub fn unfilterable(&self, resource_type: &ResourceType, filter: &Filter) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let rules = self.rules(resource_type);
        let Some(listed) = rules.and_then(|rules| rules.filterable.as_ref()) else { return found };
        each_path(filter, &mut |path| {
            let is_common = path.schema.is_none() && COMMON.contains(&path.attribute.as_str());
            let known = |one: &Listed| {
                (&one.path.schema, &one.path.attribute) == (&path.schema, &path.attribute)
            };
            if !is_common && !listed.iter().any(known) {
                found.insert(AttrPath { sub: None, ..path.clone() }.to_string());
            }
        });
        found
    }
}

/// The place of a simple value.
struct Place<'a> {
    schema: Option<&'a str>,
    attribute: &'a str,
    element_type: Option<&'a str>,
    sub: Option<&'a str>,
}

impl Place<'_> {
    fn text(&self) -> String {
        let path = AttrPath {
            schema: self.schema.map(str::to_owned),
            attribute: self.attribute.to_owned(),
            sub: None,
        };
        let mut text = path.to_string();
        if let Some(name) = self.element_type {
            text.push_str(&format!("[type eq {}]", Value::from(name)));
        }
        if let Some(sub) = self.sub {
            text.push_str(&format!(".{sub}"));
        }
        text
    }
}

impl Listed {
    fn covers(&self, place: &Place<'_>) -> bool {
        let of_type = match (&self.element_type, place.element_type) {
            (None, _) => true,
            (Some(listed), Some(name)) => *listed == case_folded(name),
            // An element without a type is not of the listed type.
            (Some(_), None) => false,
        };
        let of_part = match (&self.path.sub, place.sub) {
            (None, _) | (_, None) => true,
            (Some(listed), Some(sub)) => listed == sub || BOOKKEEPING.contains(&sub),
        };
        self.path.schema.as_deref() == place.schema
            && self.path.attribute == place.attribute
            && of_type
            && of_part
    }
}

/// Visits the type and the part of every simple value of a change.
fn each_place(
    element_type: Option<&str>,
    sub: Option<&str>,
    value: &Value,
    visit: &mut impl FnMut(Option<&str>, Option<&str>),
) {
    match (sub, value) {
        (None, Value::Array(elements)) => {
            elements.iter().for_each(|one| each_place(element_type, None, one, visit));
        }
        (None, Value::Object(object)) => {
            let own = object.get("type").and_then(Value::as_str);
            object.keys().for_each(|name| visit(own.or(element_type), Some(name)));
        }
        (sub, _) => visit(element_type, sub),
    }
}

fn each_path(filter: &Filter, visit: &mut impl FnMut(&AttrPath)) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => {
            terms.iter().for_each(|term| each_path(term, visit));
        }
        Filter::Not(inner) => each_path(inner, visit),
        Filter::Compare { path, .. } | Filter::Present(path) | Filter::ValuePath { path, .. } => {
            visit(path);
        }
    }
}

#[cfg(test)]
mod tests;
