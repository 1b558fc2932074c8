//! PATCH on a document: parses only the members that the operations name, and those that must be checked
//! with the whole; applies the operations to these in the general way, and splices them in.

use std::collections::BTreeSet;

use canonical::{Damaged, Document, raw};
use serde_json::{Map, Value};

use super::{Plan, Slot, SlotContent};
use crate::diff::{Change, diff, settle};
use crate::draft::Draft;
use crate::error::ScimError;
use crate::limits::{RESOURCE_BYTES_MAX, check_size};
use crate::patch::{MemberOperation, PatchOperation, apply};
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::resource::{check_immutable, each_attribute, validate_one};
use crate::schema::{Registry, ResourceType};
use crate::settings::Settings;

/// A PATCH that was applied to the members of a document that it is about.
#[derive(Debug)]
pub struct FlatPatch<'d> {
    old: &'d Document,
    /// The parsed members as they were.
    pub(super) before: Map<String, Value>,
    /// The same members as they are now; those missing here are removed.
    pub after: Map<String, Value>,
    /// The changes of a group's members, as in [`crate::Patched::members`].
    pub members: Vec<MemberOperation>,
    /// Ignored names that no schema has, as in [`crate::Resource::unknown`].
    pub unknown: BTreeSet<String>,
}

impl FlatPatch<'_> {
    /// The new document in the order that [`settle`] gives to lists, and what [`diff`] says of the two.
    ///
    /// # Errors
    /// If the old document is damaged.
    pub fn finish(self) -> Result<(Document, Vec<Change>), Damaged> {
        let after = settle(&self.before, self.after);
        let changes = diff(&self.before, &after);
        let new: Vec<(&String, Vec<u8>)> =
            after.iter().map(|(name, value)| (name, canonical::json(value))).collect();
        let gone = self.before.keys().filter(|name| !after.contains_key(*name));
        let gone = gone.map(|name| (name.as_str(), None));
        let new = new.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice())));
        let spliced: Vec<_> = gone.chain(new).collect();
        Ok((self.old.with(&spliced)?, changes))
    }
}

/// Which members of a document are parsed.
enum Touched {
    These(BTreeSet<String>),
    All,
}

impl Touched {
    fn has(&self, name: &str) -> bool {
        match self {
            Touched::These(names) => names.contains(name),
            Touched::All => true,
        }
    }

    fn add(&mut self, name: &str) {
        if let Touched::These(names) = self
            && !names.contains(name)
        {
            names.insert(name.to_owned());
        }
    }

    fn add_path(&mut self, rt: &ResourceType, path: &PatchPath) {
        match path {
            // Its attributes are those of the resource.
            PatchPath::Schema(urn) if *urn == rt.schema => *self = Touched::All,
            PatchPath::Schema(urn) => self.add(urn),
            PatchPath::Attribute(path) | PatchPath::Filtered { path, .. } => {
                self.add(path.schema.as_deref().unwrap_or(&path.attribute));
            }
        }
    }
}

impl Plan {
    /// Applies a PATCH as [`crate::apply_patch`] does. The document may have an `id`, which stays.
    ///
    /// # Errors
    /// The outer error if the document is damaged; the inner one as of [`crate::apply_patch`].
    pub fn patch<'d>(
        &self,
        registry: &Registry,
        settings: &Settings,
        old: &'d Document,
        operations: &[PatchOperation],
    ) -> Result<Result<FlatPatch<'d>, ScimError>, Damaged> {
        let mut touched = self.touched(registry, operations);
        self.add_unchecked(old, &mut touched)?;
        let mut before = Map::new();
        for member in old.members() {
            let (name, value) = member?;
            let name = raw::name(name).ok_or(Damaged)?;
            if name != "id" && touched.has(&name) {
                before
                    .insert(name.into_owned(), serde_json::from_slice(value).map_err(|_| Damaged)?);
            }
        }
        let applied = self.applied(registry, settings, (old, before), &touched, operations);
        if let (Ok(patch), Touched::These(_)) = (&applied, &touched)
            && old.bytes().len() + canonical::object(&patch.after).len() > RESOURCE_BYTES_MAX
        {
            // Only all members together tell the size.
            let mut before = old.to_map().map_err(|_| Damaged)?;
            before.remove("id");
            return Ok(self.applied(registry, settings, (old, before), &Touched::All, operations));
        }
        Ok(applied)
    }

    fn applied<'d>(
        &self,
        registry: &Registry,
        settings: &Settings,
        (old, before): (&'d Document, Map<String, Value>),
        touched: &Touched,
        operations: &[PatchOperation],
    ) -> Result<FlatPatch<'d>, ScimError> {
        let rt = &self.rt;
        let mut draft = Draft::new(rt, registry, settings, before.clone());
        for (index, operation) in operations.iter().enumerate() {
            apply(&mut draft, rt, registry, operation)
                .map_err(|error| error.in_operation(index))?;
        }
        each_attribute(rt, registry, |path, attribute| match touched.has(holder(path)) {
            true => validate_one(rt, &draft.attributes, path, attribute),
            false => Ok(()),
        })?;
        check_immutable(rt, registry, &before, &draft.attributes)?;
        if let Touched::All = touched {
            check_size(&draft.attributes)?;
        }
        let (after, members, unknown) = draft.into_parts();
        Ok(FlatPatch { old, before, after, members, unknown })
    }

    /// The members that operations name.
    fn touched(&self, registry: &Registry, operations: &[PatchOperation]) -> Touched {
        let mut touched = Touched::These(BTreeSet::new());
        for operation in operations {
            match (&operation.path, &operation.value) {
                (Some(path), _) => {
                    // Applying it says what is wrong with a path.
                    if let Ok(path) = PatchPath::parse(&self.rt, registry, path) {
                        touched.add_path(&self.rt, &path);
                    }
                }
                (None, Some(Value::Object(object))) => {
                    for path in object.keys() {
                        if let Ok(path) = PatchPath::parse(&self.rt, registry, path) {
                            touched.add_path(&self.rt, &path);
                        }
                    }
                }
                (None, _) => {}
            }
        }
        touched
    }

    /// Adds the members whose check needs more than a look: the whole state is checked after a PATCH.
    fn add_unchecked(&self, old: &Document, touched: &mut Touched) -> Result<(), Damaged> {
        let mut slots = self.slots.iter().peekable();
        for member in old.members() {
            let (name, value) = member?;
            while let Some(slot) = slots.next_if(|slot| slot.name.as_bytes() < name) {
                if slot.required {
                    touched.add(&slot.name);
                }
            }
            if let Some(slot) = slots.next_if(|slot| slot.name.as_bytes() == name)
                && !slot.is_surely_valid(value)
            {
                touched.add(&slot.name);
            }
        }
        slots.filter(|slot| slot.required).for_each(|slot| touched.add(&slot.name));
        Ok(())
    }
}

impl Slot {
    /// Whether a stored value passes [`validate_one`] at a look.
    fn is_surely_valid(&self, value: &[u8]) -> bool {
        let lacks_nothing = |parts: &[Slot]| parts.iter().all(|part| !part.required);
        match (&self.content, value.first()) {
            // More than the two quotes.
            (SlotContent::Text(_), Some(b'"')) => {
                value.iter().filter(|byte| byte.is_ascii_graphic()).count() > 2
            }
            (SlotContent::Boolean | SlotContent::Integer, Some(byte)) => *byte != b'[',
            (SlotContent::Complex(parts), Some(b'{')) => lacks_nothing(parts),
            (SlotContent::List(rule), Some(b'[')) => {
                let primaries = value.windows(14).filter(|window| *window == b"\"primary\":true");
                lacks_nothing(&rule.parts) && primaries.count() < 2
            }
            (SlotContent::Extension(slots), Some(b'{')) => slots.iter().all(|slot| {
                let is_simple = matches!(
                    slot.content,
                    SlotContent::Text(_) | SlotContent::Boolean | SlotContent::Integer
                );
                let is_complex =
                    matches!(&slot.content, SlotContent::Complex(parts) if lacks_nothing(parts));
                // A list in place of a single value is possible only where an upstream sent it.
                let has_list = value.contains(&b'[');
                let is_ignored = matches!(slot.content, SlotContent::Ignored);
                is_ignored || (!slot.required && !has_list && (is_simple || is_complex))
            }),
            (SlotContent::Ignored | SlotContent::Schemas, _) => true,
            _ => false,
        }
    }
}

/// The member of a document that holds an attribute.
fn holder(path: &AttrPath) -> &str {
    path.schema.as_deref().unwrap_or(&path.attribute)
}
