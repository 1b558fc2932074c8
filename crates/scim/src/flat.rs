//! The quick way of a body: plain bodies of POST and PUT are read in one pass, from the bytes of the
//! client to the canonical bytes that are stored.
//!
//! A [`Plan`] is made once for a resource type under the rules of an application. It knows each attribute
//! in its exact spelling. Whatever is not plain is left to the general way ([`crate::parse_json`],
//! [`crate::Resource::read`]), which accepts it or says what is wrong: another spelling, a wrong type, an
//! escape in a text, a name that occurs twice, a value too long, an unknown attribute, a text that could
//! hold a secret. What the quick way accepts, the general way accepts with the same result; a test of
//! random bodies holds them together.

use std::collections::BTreeSet;
use std::sync::Arc;

use canonical::Document;

use crate::member::Member;
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::profile::ProfileVersion;
use crate::schema::{Attribute, Kind, Mutability, Registry, ResourceType};
use crate::settings::Settings;
use crate::value::{bytes_max, is_kept};

mod patch;
mod read;
mod secrets;

pub use patch::FlatPatch;
use secrets::Marks;

/// A resource that a body describes, as [`crate::Resource::read`] gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flat {
    /// Its attributes, with the id and the `active` that were passed.
    pub state: Document,
    /// The value of `schemas` in an answer, as JSON.
    pub schemas: Vec<u8>,
    /// The members of a group; `None` if the body has none.
    pub members: Option<Vec<Member>>,
    /// The attributes that the profile does not list: see [`ProfileVersion::unexpected`].
    pub unexpected: BTreeSet<String>,
}

/// How plain bodies of one resource type are read under the rules of one application.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Ascending by name.
    slots: Vec<Slot>,
    rt: ResourceType,
    profile: Arc<ProfileVersion>,
    require_schemas: bool,
    marks: Marks,
    id: usize,
    active: Option<usize>,
}

/// One place in an object: an attribute, a part of one, or an extension.
#[derive(Clone, Debug)]
struct Slot {
    name: String,
    /// The name in quotes, with its colon.
    key: Vec<u8>,
    content: SlotContent,
    /// Without a value here the body is not plain: the schema or the profile requires one.
    required: bool,
    /// The profile may not list all of its values.
    asks_profile: bool,
}

#[derive(Clone, Debug)]
enum SlotContent {
    /// Clients may send it, but it does not count.
    Ignored,
    /// The URNs of schemas.
    Schemas,
    /// The members of a group.
    Members,
    Text(TextRule),
    Boolean,
    Integer,
    /// The parts of a single-valued complex attribute.
    Complex(Vec<Slot>),
    /// The parts of the elements of a multi-valued complex attribute.
    List(ListRule),
    /// The attributes of an extension.
    Extension(Vec<Slot>),
    /// Whatever has it is not plain.
    General,
}

#[derive(Clone, Copy, Debug)]
struct TextRule {
    kind: Kind,
    bytes_max: usize,
    /// Names something by which other values may become secret.
    is_naming: bool,
    /// The id or address of another resource; only ids are plain.
    is_reference: bool,
}

#[derive(Clone, Debug)]
struct ListRule {
    parts: Vec<Slot>,
    /// The places of the parts that identify an element.
    kind: Option<usize>,
    value: Option<usize>,
    primary: Option<usize>,
}

/// Attributes in an extension, or in the resource itself.
const SLOTS_MAX: usize = 64;
/// Parts of a complex attribute.
const PARTS_MAX: usize = 24;
/// Names by which requests say what a `value` belongs to; never plain.
const STEERING: [&str; 2] = ["path", "filter"];
/// Names of texts that may name the attribute that a `value` beside them belongs to.
const NAMING: [&str; 4] = ["name", "op", "attribute", "displayname"];

impl Plan {
    /// The plan of a resource type under an application's rules; `None` if nothing of this type is plain.
    ///
    /// `secrets` are the names of attributes whose values must not be stored, beside those of the
    /// schemas. `leave` says which attributes (schema of an extension, name) are left to the general way.
    pub fn of(
        registry: &Registry,
        rt: &ResourceType,
        settings: &Settings,
        profile: &Arc<ProfileVersion>,
        secrets: &[&str],
        leave: impl Fn(Option<&str>, &str) -> bool,
    ) -> Option<Plan> {
        let marks = Marks::of(registry, secrets);
        let maker = Maker { registry, rt, profile, marks: &marks, leave: &leave };
        let mut slots = maker.attributes(None)?;
        for (urn, required) in &rt.extensions {
            slots.push(maker.extension(urn, *required));
        }
        sort(&mut slots);
        for path in profile.required(rt) {
            require(&mut slots, path)?;
        }
        let at = |name: &str| slots.iter().position(|slot| slot.name == name);
        let (id, active) = (at("id")?, at("active"));
        if slots.len() > SLOTS_MAX || marks.are_in(&rt.schema) {
            return None;
        }
        let active = active.filter(|at| matches!(slots[*at].content, SlotContent::Boolean));
        let (rt, profile) = (rt.clone(), Arc::clone(profile));
        let require_schemas = settings.require_schemas;
        Some(Plan { slots, rt, profile, require_schemas, marks, id, active })
    }

    /// Reads a body; `None` if it is not plain. The state gets the `id`, and `active` if the body has
    /// none.
    ///
    /// A plain body holds nothing that is secret by its form: it can be stored as it is, unless it repeats
    /// a secret that only the caller knows.
    pub fn read(&self, body: &[u8], id: Option<&str>, active: Option<bool>) -> Option<Flat> {
        read::read(self, body, id, active)
    }
}

struct Maker<'a, F> {
    registry: &'a Registry,
    rt: &'a ResourceType,
    profile: &'a ProfileVersion,
    marks: &'a Marks,
    leave: &'a F,
}

impl<F: Fn(Option<&str>, &str) -> bool> Maker<'_, F> {
    /// The slots of one schema; `None` if they are too many.
    fn attributes(&self, schema: Option<&str>) -> Option<Vec<Slot>> {
        let attributes = self.registry.attributes(self.rt, schema);
        let mut slots: Vec<Slot> = attributes.map(|one| self.attribute(schema, one)).collect();
        sort(&mut slots);
        mark_naming(&mut slots);
        (slots.len() <= SLOTS_MAX).then_some(slots)
    }

    fn extension(&self, urn: &str, required: bool) -> Slot {
        let is_known = PatchPath::parse(self.rt, self.registry, urn)
            .is_ok_and(|path| path == PatchPath::Schema(urn.to_owned()));
        let is_odd = self.marks.are_in(urn) || urn.to_lowercase().contains(":member");
        let content = match self.attributes(Some(urn)) {
            Some(slots) if is_known && urn != self.rt.schema && !is_odd => {
                SlotContent::Extension(slots)
            }
            _ => SlotContent::General,
        };
        // An extension that is left out can be missing only if nothing in it is required.
        let lacks = |slots: &[Slot]| slots.iter().any(|slot| slot.required);
        let required =
            required && matches!(&content, SlotContent::Extension(slots) if lacks(slots));
        Slot::new(urn, content, required)
    }

    fn attribute(&self, schema: Option<&str>, attribute: &Attribute) -> Slot {
        let name = attribute.name.as_str();
        let path =
            AttrPath { schema: schema.map(str::to_owned), attribute: name.to_owned(), sub: None };
        // Members of an extension's object are read as if their names were paths below its URN.
        let is_meant = PatchPath::parse(self.rt, self.registry, &path.to_string())
            .is_ok_and(|parsed| parsed == PatchPath::Attribute(path.clone()))
            && self
                .registry
                .attribute(Some(self.rt), &path)
                .is_some_and(|one| std::ptr::eq(one, attribute));
        let content = match is_meant && !(self.leave)(schema, name) {
            false => SlotContent::General,
            true if schema.is_none() && name == "schemas" => SlotContent::Schemas,
            true if schema.is_none() && name == "members" => match is_kept(attribute) {
                true => SlotContent::Members,
                false => SlotContent::General,
            },
            true => self.content(attribute, &path),
        };
        let required = attribute.required && is_kept(attribute);
        Slot {
            asks_profile: !self.profile.expects_all(self.rt, &path),
            ..Slot::new(name, content, required)
        }
    }

    fn content(&self, attribute: &Attribute, path: &AttrPath) -> SlotContent {
        let name = attribute.name.as_str();
        if self.marks.are_in(name)
            || STEERING.iter().any(|one| one.eq_ignore_ascii_case(name))
            || name.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("member"))
        {
            return SlotContent::General;
        }
        match (attribute.mutability, attribute.kind, attribute.multi_valued) {
            (Mutability::ReadOnly, _, _) => SlotContent::Ignored,
            (Mutability::WriteOnly, _, _) => SlotContent::General,
            (_, Kind::Complex, is_list) => match self.parts(attribute, path) {
                None => SlotContent::General,
                Some(parts) if is_list => {
                    let at = |name: &str| parts.iter().position(|part| part.name == name);
                    let (kind, value, primary) = (at("type"), at("value"), at("primary"));
                    SlotContent::List(ListRule { parts, kind, value, primary })
                }
                Some(parts) => SlotContent::Complex(parts),
            },
            (_, _, true) | (_, Kind::Decimal, _) => SlotContent::General,
            (_, Kind::Boolean, _) => SlotContent::Boolean,
            (_, Kind::Integer, _) => SlotContent::Integer,
            (_, kind @ (Kind::String | Kind::DateTime | Kind::Reference | Kind::Binary), _) => {
                SlotContent::Text(TextRule {
                    kind,
                    bytes_max: bytes_max(path),
                    is_naming: false,
                    is_reference: false,
                })
            }
        }
    }

    /// The slots of the parts of an attribute; `None` if they are too many.
    fn parts(&self, attribute: &Attribute, path: &AttrPath) -> Option<Vec<Slot>> {
        let refers = attribute.sub("$ref").is_some();
        let parts = attribute.sub_attributes.iter().map(|part| {
            let mut content = self.content(part, &path.with_sub(Some(&part.name)));
            match &mut content {
                _ if refers && part.name.eq_ignore_ascii_case("$ref") => {
                    content = SlotContent::General;
                }
                SlotContent::Text(rule) => {
                    rule.is_reference = refers && part.name.eq_ignore_ascii_case("value");
                }
                _ => {}
            }
            Slot::new(&part.name, content, part.required && is_kept(part))
        });
        let mut parts: Vec<Slot> = parts.collect();
        sort(&mut parts);
        mark_naming(&mut parts);
        (parts.len() <= PARTS_MAX).then_some(parts)
    }
}

impl Slot {
    fn new(name: &str, content: SlotContent, required: bool) -> Slot {
        let key = [b"\"", &*canonical::raw::escaped(name), b"\":"].concat();
        Slot { name: name.to_owned(), key, content, required, asks_profile: false }
    }
}

/// Sorts slots; of two with one name the first counts.
fn sort(slots: &mut Vec<Slot>) {
    slots.sort_by(|one, other| one.name.cmp(&other.name));
    slots.dedup_by(|one, first| one.name == first.name);
}

/// Marks the texts that may name what a `value` beside them belongs to.
fn mark_naming(slots: &mut [Slot]) {
    let is_value = |slot: &Slot| slot.name.to_lowercase().ends_with("value");
    if !slots.iter().any(is_value) {
        return;
    }
    for slot in slots {
        if let SlotContent::Text(rule) = &mut slot.content {
            rule.is_naming = NAMING.contains(&slot.name.to_lowercase().as_str());
        }
    }
}

/// Marks what a profile requires; `None` if that cannot be told by presence alone.
fn require(slots: &mut [Slot], path: &AttrPath) -> Option<()> {
    let slot_of = |slots: &mut [Slot], name: &str| slots.iter().position(|slot| slot.name == name);
    let mut slots = slots;
    if let Some(urn) = &path.schema {
        let at = slot_of(slots, urn)?;
        slots[at].required = true;
        match &mut slots[at].content {
            SlotContent::Extension(inner) => slots = inner,
            SlotContent::General => return Some(()),
            _ => return None,
        }
    }
    let at = slot_of(slots, &path.attribute)?;
    let slot = &mut slots[at];
    slot.required = true;
    match (&mut slot.content, &path.sub) {
        (SlotContent::General, _) => Some(()),
        (SlotContent::Complex(parts), Some(sub)) => {
            let at = slot_of(parts, sub)?;
            parts[at].required = true;
            Some(())
        }
        (
            SlotContent::Text(_)
            | SlotContent::Boolean
            | SlotContent::Integer
            | SlotContent::Complex(_)
            | SlotContent::List(_),
            None,
        ) => Some(()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
