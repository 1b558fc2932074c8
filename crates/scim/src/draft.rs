//! A resource under change: stores values for bodies and PATCH operations alike. A POST is a `replace`
//! without a path on an empty resource, so that both ways of writing give the same state.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::filter::{CompareOp, Filter};
use crate::limits::{Budget, check_length, check_parts};
use crate::member::Member;
use crate::patch::MemberOperation;
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Mutability, Registry, ResourceType, is_urn};
use crate::settings::{PatchMiss, Settings};
use crate::value::{
    Reading, check_primary, collapse, identity, is_kept, is_primary, is_unassigned, read,
    read_list, read_parts, wrong,
};

mod remove;
mod upstream;

pub use upstream::UpstreamResource;

/// How a new value combines with the old one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Lists are extended.
    Add,
    /// Lists are replaced.
    Replace,
}

pub(crate) struct Draft<'a> {
    rt: &'a ResourceType,
    registry: &'a Registry,
    pub(crate) reading: Reading<'a>,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) members: Vec<MemberOperation>,
    budget: Budget,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        rt: &'a ResourceType,
        registry: &'a Registry,
        settings: &'a Settings,
        attributes: Map<String, Value>,
    ) -> Draft<'a> {
        let (reading, members, budget) = (Reading::new(settings), Vec::new(), Budget::new());
        Draft { rt, registry, reading, attributes, members, budget }
    }

    /// A draft of an upstream's resource.
    pub(crate) fn of_upstream(
        rt: &'a ResourceType,
        registry: &'a Registry,
        settings: &'a Settings,
    ) -> Draft<'a> {
        let reading = Reading::of_upstream(settings, registry);
        Draft { reading, ..Draft::new(rt, registry, settings, Map::new()) }
    }

    /// The attributes, the changes of members, and the names ignored because no schema has them.
    pub(crate) fn into_parts(self) -> (Map<String, Value>, Vec<MemberOperation>, BTreeSet<String>) {
        (self.attributes, self.members, self.reading.into_notes().0)
    }

    /// Merges each member of an object as if its name were a path. What a client may not write is
    /// ignored, because clients send back what they read. An extension's attribute needs its URN here,
    /// because in a body it belongs inside the extension (RFC 7643 §3.3).
    pub(crate) fn merge(
        &mut self,
        mode: Mode,
        object: &Map<String, Value>,
    ) -> Result<(), ScimError> {
        let reading = &self.reading;
        let entries = object.iter().filter_map(|(name, value)| {
            match PatchPath::parse(self.rt, self.registry, name) {
                Ok(path) if is_urn(name) || !path.is_of_extension() => Some((path, value)),
                Ok(_) | Err(_) => {
                    reading.pass_over(|| name.clone());
                    None
                }
            }
        });
        // Whole attributes before their parts, so that `name` does not overwrite `name.givenName`.
        let (parts, wholes): (Vec<_>, Vec<_>) = entries.partition(|(path, _)| match path {
            PatchPath::Schema(_) => false,
            PatchPath::Attribute(path) => path.sub.is_some(),
            PatchPath::Filtered { .. } => true,
        });
        for (path, value) in wholes.into_iter().chain(parts) {
            if self.may_write(&path)
                && let Err(error) = self.set(mode, &path, value)
            {
                self.keep(&path, value, error)?;
            }
        }
        Ok(())
    }

    /// Whether a client may write what a path names.
    fn may_write(&self, path: &PatchPath) -> bool {
        let (PatchPath::Attribute(path) | PatchPath::Filtered { path, .. }) = path else {
            return true;
        };
        let Some(attribute) = self.registry.attribute(Some(self.rt), path) else {
            self.reading.pass_over(|| path.to_string());
            return false;
        };
        let part = path.sub.as_deref().and_then(|sub| attribute.sub(sub));
        is_kept(attribute) && part.is_none_or(is_kept)
    }

    /// Refuses a path that names nothing in a resource of this type, where the settings want that. By
    /// default it is passed over: one attribute too many must not keep an account from being disabled.
    pub(crate) fn check_known(&self, path: &PatchPath) -> Result<(), ScimError> {
        let known = match path {
            PatchPath::Schema(urn) => *urn == self.rt.schema || self.rt.extension(urn).is_some(),
            PatchPath::Attribute(path) | PatchPath::Filtered { path, .. } => {
                let attribute = self.registry.attribute(Some(self.rt), path);
                attribute
                    .is_some_and(|one| path.sub.as_deref().is_none_or(|sub| one.sub(sub).is_some()))
            }
        };
        match self.reading.settings.patch_miss {
            PatchMiss::Error if !known => {
                Err(ScimError::no_target("the path names no attribute of this resource type"))
            }
            PatchMiss::Error | PatchMiss::Create => Ok(()),
        }
    }

    /// `add` and `replace` with a path.
    pub(crate) fn set(
        &mut self,
        mode: Mode,
        path: &PatchPath,
        value: &Value,
    ) -> Result<(), ScimError> {
        let (path, filter) = match path {
            PatchPath::Schema(urn) => return self.set_schema(mode, urn, value),
            PatchPath::Attribute(path) => (path, None),
            PatchPath::Filtered { path, filter } => (path, Some(filter)),
        };
        let Some((attribute, part)) = self.target(path)? else {
            return Ok(());
        };
        if self.is_members(path) {
            return self.set_members(mode, path, filter, value);
        }
        if let (false, Some(filter)) = (attribute.multi_valued, filter) {
            return self.set_selected(mode, path, attribute, filter, value);
        }
        match (attribute.multi_valued, part) {
            (true, None) if filter.is_none() => self.set_list(mode, path, attribute, value),
            (true, _) => self.set_elements(mode, path, attribute, filter, value),
            (false, Some(part)) => {
                let value = read(&self.reading, path, part, value)?;
                self.set_parts(path, vec![(part.name.as_str(), value)])
            }
            (false, None) if attribute.kind == Kind::Complex && !is_clearing(value) => {
                let parts = read_parts(&self.reading, path, attribute, value)?;
                self.set_parts(path, parts)
            }
            (false, None) => {
                let value = read(&self.reading, path, attribute, value)?;
                self.store(path, attribute, value)
            }
        }
    }

    fn set_schema(&mut self, mode: Mode, urn: &str, value: &Value) -> Result<(), ScimError> {
        if urn == self.rt.schema {
            return match value {
                Value::Object(object) => self.merge(mode, object),
                _ => Err(ScimError::invalid_value("the value must be an object")),
            };
        }
        if self.rt.extension(urn).is_none() {
            self.reading.pass_over(|| urn.to_owned());
            return Ok(());
        }
        match value {
            Value::Object(object) => {
                let qualified = object
                    .iter()
                    .map(|(name, value)| (format!("{urn}:{name}"), value.clone()))
                    .collect();
                self.merge(mode, &qualified)
            }
            value if is_unassigned(value) => {
                if mode == Mode::Replace {
                    self.attributes.remove(urn);
                }
                Ok(())
            }
            _ => Err(ScimError::invalid_value(format!("{urn} must be an object"))),
        }
    }

    /// The attribute and part of a path, if clients may write them; `None` for what is ignored.
    fn target(
        &self,
        path: &AttrPath,
    ) -> Result<Option<(&'a Attribute, Option<&'a Attribute>)>, ScimError> {
        let Some(attribute) = self.registry.attribute(Some(self.rt), path) else {
            self.reading.pass_over(|| path.to_string());
            return Ok(None);
        };
        // `schemas` follows from the attributes, so what a client writes there is ignored.
        if path.schema.is_none() && path.attribute == "schemas" {
            return Ok(None);
        }
        let part = path.sub.as_deref().map(|sub| attribute.sub(sub));
        for one in std::iter::once(attribute).chain(part.flatten()) {
            match one.mutability {
                Mutability::ReadOnly => {
                    // An unknown part is the client's text, which errors must not repeat.
                    let known = path.with_sub(part.flatten().map(|part| part.name.as_str()));
                    return Err(ScimError::mutability(format!("{known} is read-only")));
                }
                Mutability::WriteOnly => return Ok(None),
                Mutability::ReadWrite | Mutability::Immutable => {}
            }
        }
        match part {
            // An unknown part, like an unknown attribute.
            Some(None) => {
                self.reading.pass_over(|| path.to_string());
                Ok(None)
            }
            Some(Some(part)) => Ok(Some((attribute, Some(part)))),
            None => Ok(Some((attribute, None))),
        }
    }

    fn is_members(&self, path: &AttrPath) -> bool {
        Member::is_at(path)
    }

    fn set_members(
        &mut self,
        mode: Mode,
        path: &AttrPath,
        filter: Option<&Filter>,
        value: &Value,
    ) -> Result<(), ScimError> {
        if filter.is_some() || path.sub.is_some() {
            return Err(members_are_values());
        }
        if self.reading.keeps_misfits() {
            self.read_upstream_members(path, value);
            return Ok(());
        }
        let members = Member::read_list(value, &mut self.budget)?;
        match mode {
            Mode::Add if members.is_empty() => {}
            Mode::Add => self.members.push(MemberOperation::Add(members)),
            Mode::Replace => self.members.push(MemberOperation::Replace(members)),
        }
        Ok(())
    }

    /// Merges parts into a single complex attribute.
    fn set_parts(
        &mut self,
        path: &AttrPath,
        parts: Vec<(&str, Option<Value>)>,
    ) -> Result<(), ScimError> {
        let whole = path.with_sub(None);
        let mut object = match self.take(&whole) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        merge_parts(&mut object, parts);
        let value = (!object.is_empty()).then_some(Value::Object(object));
        self.put(&whole, value);
        Ok(())
    }

    /// Replaces or extends a whole list.
    fn set_list(
        &mut self,
        mode: Mode,
        path: &AttrPath,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<(), ScimError> {
        let given = read_list(&self.reading, path, attribute, value)?;
        let mut list = match mode {
            Mode::Replace => Vec::new(),
            Mode::Add => self.take_list(path),
        };
        self.budget.look(&list)?;
        self.budget.look(&given)?;
        if list.is_empty() {
            // `read_list` left no duplicates, and at most one primary element.
            let primary = given.iter().position(is_primary);
            // An upstream may show several primary elements.
            let primary = primary.filter(|_| !self.reading.keeps_misfits());
            return self.put_distinct(path, attribute, given, primary);
        }
        let mut places = collapse(attribute, &mut list);
        let mut primary = None;
        for element in given {
            let place = *places.entry(identity(attribute, &element)).or_insert(list.len());
            if is_primary(&element) {
                primary = Some(place);
            }
            match (list.get_mut(place), element) {
                (None, element) => {
                    check_length(path, list.len() + 1)?;
                    list.push(element);
                }
                (Some(Value::Object(there)), Value::Object(parts)) => {
                    // `type` and `value` are equal already, perhaps in another letter case.
                    let is_new = |(name, _): &(String, Value)| {
                        !(name == "type" || name == "value") || !there.contains_key(name)
                    };
                    let parts: Vec<_> = parts.into_iter().filter(is_new).collect();
                    there.extend(parts);
                }
                (Some(_), _) => {}
            }
        }
        // Added parts do not change an element's identity, so no new duplicates can appear.
        self.put_distinct(path, attribute, list, primary)
    }

    /// Changes the matching elements, or one part of them.
    fn set_elements(
        &mut self,
        mode: Mode,
        path: &AttrPath,
        attribute: &Attribute,
        filter: Option<&Filter>,
        value: &Value,
    ) -> Result<(), ScimError> {
        let whole = path.with_sub(None);
        let value = match value.as_array().map(Vec::as_slice) {
            Some([only]) => only,
            _ => value,
        };
        // A simple value sets the part `value` and leaves the others.
        let exchanges = mode == Mode::Replace && path.sub.is_none() && value.is_object();
        let parts = match path.sub.as_deref().and_then(|sub| attribute.sub(sub)) {
            Some(part) => vec![(part.name.as_str(), read(&self.reading, path, part, value)?)],
            None if attribute.kind != Kind::Complex => return Err(no_parts(path)),
            None if is_clearing(value) => {
                let (Mode::Replace, Some(filter)) = (mode, filter) else { return Ok(()) };
                return self.remove_elements(&whole, attribute, filter);
            }
            None => read_parts(&self.reading, path, attribute, value)?,
        };
        let mut list = self.take_list(&whole);
        let matching = self.matching(attribute, &list, filter)?;
        let sets_primary = parts.contains(&("primary", Some(Value::Bool(true))));
        let clears = parts.iter().any(|(_, value)| value.is_none());
        let mut primary = match matching.as_slice() {
            [] => {
                let mut element = match filter {
                    None => Map::new(),
                    Some(_)
                        if mode == Mode::Replace
                            && self.reading.settings.patch_miss == PatchMiss::Error =>
                    {
                        return Err(no_match(&whole));
                    }
                    Some(filter) => {
                        self.values_of(filter, &whole, attribute).ok_or_else(|| no_match(&whole))?
                    }
                };
                // There is nothing to clear in an element that does not exist.
                if parts.iter().any(|(_, value)| value.is_some()) {
                    check_length(&whole, list.len() + 1)?;
                    merge_parts(&mut element, parts);
                    list.push(Value::Object(element));
                }
                list.last().is_some_and(is_primary).then(|| list.len() - 1)
            }
            [_, _, ..] if sets_primary => {
                return Err(ScimError::invalid_value(format!(
                    "{whole}: the filter makes more than one element primary"
                )));
            }
            matching => {
                check_parts(&parts, matching.len())?;
                for &index in matching {
                    if let Value::Object(element) = &mut list[index] {
                        if exchanges {
                            element.clear();
                        }
                        merge_parts(element, parts.clone());
                    }
                }
                sets_primary.then(|| matching[0])
            }
        };
        if clears || exchanges {
            drop_emptied(&mut list, &matching, &mut primary);
        }
        self.put_list(&whole, attribute, list, primary)
    }

    /// `add` and `replace` with a filter on a single-valued complex attribute, or on a part of it. If the
    /// value does not match, it is replaced by one that the filter describes, or refused
    /// ([`Settings::patch_miss`]).
    fn set_selected(
        &mut self,
        mode: Mode,
        path: &AttrPath,
        attribute: &Attribute,
        filter: &Filter,
        value: &Value,
    ) -> Result<(), ScimError> {
        if attribute.kind != Kind::Complex {
            return Err(no_list(path));
        }
        let whole = path.with_sub(None);
        let value = match value.as_array().map(Vec::as_slice) {
            Some([only]) => only,
            _ => value,
        };
        let parts = match path.sub.as_deref().and_then(|sub| attribute.sub(sub)) {
            Some(part) => vec![(part.name.as_str(), read(&self.reading, path, part, value)?)],
            None if is_clearing(value) => {
                return match mode {
                    Mode::Add => Ok(()),
                    Mode::Replace => self.remove_matching(&whole, attribute, filter),
                };
            }
            None => read_parts(&self.reading, path, attribute, value)?,
        };
        if self.matches_filter(&whole, attribute, filter)? {
            return self.set_parts(path, parts);
        }
        if mode == Mode::Replace && self.reading.settings.patch_miss == PatchMiss::Error {
            return Err(no_match(&whole));
        }
        let mut object =
            self.values_of(filter, &whole, attribute).ok_or_else(|| no_match(&whole))?;
        // There is nothing to clear in a value that does not exist.
        if parts.iter().any(|(_, value)| value.is_some()) {
            merge_parts(&mut object, parts);
            self.put(&whole, Some(Value::Object(object)));
        }
        Ok(())
    }

    /// Whether the value of a single-valued attribute matches a filter.
    fn matches_filter(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        filter: &Filter,
    ) -> Result<bool, ScimError> {
        let list: Vec<Value> = self.get(path).cloned().into_iter().collect();
        self.budget.filter(&list, Some(filter))?;
        Ok(list.iter().any(|value| filter.matches_element(Some(attribute), value)))
    }

    /// The parts of an element that matches a filter made only of `eq`; `None` for other filters, and for
    /// values that no element can have.
    fn values_of(
        &self,
        filter: &Filter,
        path: &AttrPath,
        attribute: &Attribute,
    ) -> Option<Map<String, Value>> {
        let terms = match filter {
            Filter::And(terms) => terms.as_slice(),
            single => std::slice::from_ref(single),
        };
        let mut element = Map::new();
        for term in terms {
            let Filter::Compare { path: name, op: CompareOp::Eq, value } = term else {
                return None;
            };
            let part = attribute
                .sub(&name.attribute)
                .filter(|one| is_kept(one) && !element.contains_key(&one.name))?;
            let path = path.with_sub(Some(&part.name));
            let value = read(&self.reading, &path, part, &value.to_json()).ok()??;
            element.insert(part.name.clone(), value);
        }
        Some(element)
    }

    fn store(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        if value.is_none() && attribute.required {
            return Err(wrong(path, "there and not empty"));
        }
        self.put(path, value);
        Ok(())
    }

    fn put_list(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        mut list: Vec<Value>,
        primary: Option<usize>,
    ) -> Result<(), ScimError> {
        new_primary(&mut list, primary);
        collapse(attribute, &mut list);
        self.put_distinct(path, attribute, list, None)
    }

    /// Stores a list without duplicates.
    fn put_distinct(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        mut list: Vec<Value>,
        primary: Option<usize>,
    ) -> Result<(), ScimError> {
        new_primary(&mut list, primary);
        check_primary(path, &list).or_else(|error| self.reading.tolerate(path, error))?;
        let value = (!list.is_empty()).then_some(Value::Array(list));
        self.store(path, attribute, value)
    }

    /// The indexes of the elements that match a filter; of all elements without one.
    fn matching(
        &mut self,
        attribute: &Attribute,
        list: &[Value],
        filter: Option<&Filter>,
    ) -> Result<Vec<usize>, ScimError> {
        self.budget.filter(list, filter)?;
        let is_meant = |index: &usize| {
            filter.is_none_or(|one| one.matches_element(Some(attribute), &list[*index]))
        };
        Ok((0..list.len()).filter(is_meant).collect())
    }

    fn take_list(&mut self, path: &AttrPath) -> Vec<Value> {
        match self.take(path) {
            Some(Value::Array(list)) => list,
            Some(single) => vec![single],
            None => Vec::new(),
        }
    }

    fn get(&self, path: &AttrPath) -> Option<&Value> {
        match &path.schema {
            None => self.attributes.get(&path.attribute),
            Some(urn) => self.attributes.get(urn)?.get(&path.attribute),
        }
    }

    fn has(&self, path: &AttrPath) -> bool {
        self.get(path).is_some()
    }

    fn take(&mut self, path: &AttrPath) -> Option<Value> {
        match &path.schema {
            None => self.attributes.remove(&path.attribute),
            Some(urn) => self.attributes.get_mut(urn)?.as_object_mut()?.remove(&path.attribute),
        }
    }

    fn put(&mut self, path: &AttrPath, value: Option<Value>) {
        let Some(urn) = &path.schema else {
            match value {
                Some(value) => self.attributes.insert(path.attribute.clone(), value),
                None => self.attributes.remove(&path.attribute),
            };
            return;
        };
        let mut extension = match self.attributes.remove(urn) {
            Some(Value::Object(extension)) => extension,
            _ => Map::new(),
        };
        match value {
            Some(value) => extension.insert(path.attribute.clone(), value),
            None => extension.remove(&path.attribute),
        };
        if !extension.is_empty() {
            self.attributes.insert(urn.clone(), Value::Object(extension));
        }
    }
}

/// Whether a value unassigns the whole attribute. `{}` does not: it names no part to clear.
fn is_clearing(value: &Value) -> bool {
    !value.is_object() && is_unassigned(value)
}

fn merge_parts(object: &mut Map<String, Value>, parts: Vec<(&str, Option<Value>)>) {
    for (name, value) in parts {
        match value {
            Some(value) => object.insert(name.to_owned(), value),
            None => object.remove(name),
        };
    }
}

/// Drops those of the `changed` elements (ascending indexes) that have nothing left but `type` and
/// `primary`, and adjusts the index in `primary`.
fn drop_emptied(list: &mut Vec<Value>, changed: &[usize], primary: &mut Option<usize>) {
    let is_label = |name: &String| name == "type" || name == "primary";
    let mut changed = changed.iter().peekable();
    let place = primary.take();
    let mut kept = Vec::with_capacity(list.len());
    for (index, element) in list.drain(..).enumerate() {
        let emptied = changed.next_if_eq(&&index).is_some()
            && element.as_object().is_some_and(|element| element.keys().all(is_label));
        if !emptied {
            if place == Some(index) {
                *primary = Some(kept.len());
            }
            kept.push(element);
        }
    }
    *list = kept;
}

/// Makes the other elements non-primary if there is a new primary one (RFC 7644 §3.5.2).
fn new_primary(list: &mut [Value], primary: Option<usize>) {
    let Some(primary) = primary else {
        return;
    };
    for (index, element) in list.iter_mut().enumerate() {
        if index != primary && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}

fn no_match(path: &AttrPath) -> ScimError {
    ScimError::no_target(format!("the filter matches no element of {path}"))
}

fn no_list(path: &AttrPath) -> ScimError {
    ScimError::invalid_path(format!("{path} is not a list and takes no filter"))
}

fn no_parts(path: &AttrPath) -> ScimError {
    ScimError::invalid_path(format!("the elements of {path} have no parts"))
}

fn members_are_values() -> ScimError {
    ScimError::mutability("a member cannot be changed: remove it and add another")
}
