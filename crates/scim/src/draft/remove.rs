//! Removing values from a draft.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{Draft, drop_emptied, members_are_values, no_list, no_match};
use crate::error::ScimError;
use crate::filter::Filter;
use crate::member::{Member, check_member_id};
use crate::patch::MemberOperation;
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind};
use crate::settings::PatchMiss;
use crate::value::{identity, read_selection};

impl Draft<'_> {
    /// `remove` with a path.
    pub(crate) fn remove(
        &mut self,
        path: &PatchPath,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let (path, filter) = match path {
            PatchPath::Schema(urn) if *urn == self.rt.schema => {
                return Err(ScimError::no_target("remove needs the path of an attribute"));
            }
            PatchPath::Schema(urn) => {
                if self.rt.extension(urn) == Some(true) {
                    return Err(ScimError::mutability(format!("{urn} is required")));
                }
                self.attributes.remove(urn);
                return Ok(());
            }
            PatchPath::Attribute(path) => (path, None),
            PatchPath::Filtered { path, filter } => (path, Some(filter)),
        };
        let Some((attribute, part)) = self.target(path)? else {
            return Ok(());
        };
        // Whether a selection leaves any element is only known afterwards.
        let is_whole = filter.is_none()
            && !(attribute.multi_valued && value.is_some_and(|value| !value.is_null()));
        let required = match part {
            Some(part) => part.required,
            None => attribute.required && is_whole,
        };
        if required {
            return Err(ScimError::mutability(format!("{path} is required and cannot be removed")));
        }
        if self.is_members(path) {
            return self.remove_members(path, filter, value);
        }
        let whole = path.with_sub(None);
        let was_there = self.has(&whole);
        self.remove_values(path, attribute, part, filter, value)?;
        if attribute.required && was_there && !self.has(&whole) {
            return Err(ScimError::mutability(format!("{whole} is required: one must be left")));
        }
        Ok(())
    }

    /// `remove` of an attribute or part that may be removed, or of the selected elements.
    fn remove_values(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        part: Option<&Attribute>,
        filter: Option<&Filter>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        match (part, filter) {
            (None, None) => match value {
                Some(selection) if attribute.multi_valued && !selection.is_null() => {
                    self.remove_selected(path, attribute, selection)
                }
                _ => {
                    self.put(path, None);
                    Ok(())
                }
            },
            (_, Some(_)) if !attribute.multi_valued && attribute.kind != Kind::Complex => {
                Err(no_list(path))
            }
            (None, Some(filter)) if !attribute.multi_valued => {
                self.remove_matching(path, attribute, filter)
            }
            (Some(part), Some(filter)) if !attribute.multi_valued => {
                let whole = path.with_sub(None);
                let found = self.matches_filter(&whole, attribute, filter)?;
                self.check_found(&whole, found)?;
                if found { self.set_parts(path, vec![(part.name.as_str(), None)]) } else { Ok(()) }
            }
            (None, Some(filter)) => self.remove_elements(path, attribute, filter),
            (Some(part), _) if !attribute.multi_valued => {
                self.set_parts(path, vec![(part.name.as_str(), None)])
            }
            (Some(part), filter) => {
                let whole = path.with_sub(None);
                let mut list = self.take_list(&whole);
                let matching = self.matching(attribute, &list, filter)?;
                if filter.is_some() {
                    self.check_found(&whole, !matching.is_empty())?;
                }
                for &index in &matching {
                    if let Value::Object(element) = &mut list[index] {
                        element.remove(&part.name);
                    }
                }
                drop_emptied(&mut list, &matching, &mut None);
                if list.is_empty() {
                    self.put(&whole, None);
                    return Ok(());
                }
                self.put_list(&whole, attribute, list, None)
            }
        }
    }

    /// `remove` of members. A value selects the members to remove. The RFC does not say so, but every
    /// client that sends one means that, and emptying the group instead would be the worst reading.
    fn remove_members(
        &mut self,
        path: &AttrPath,
        filter: Option<&Filter>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if path.sub.is_some() {
            return Err(members_are_values());
        }
        let operation = match (filter, value) {
            (Some(filter), _) => match values_equal(filter) {
                Some(values) => {
                    self.budget.members(values.len())?;
                    values.iter().try_for_each(|value| check_member_id(value))?;
                    MemberOperation::Remove(values)
                }
                None => MemberOperation::RemoveMatching(filter.clone()),
            },
            (None, None | Some(Value::Null)) => MemberOperation::RemoveAll,
            (None, Some(selection)) => {
                let members = Member::read_list(selection, &mut self.budget)?;
                if members.is_empty() {
                    return Ok(());
                }
                MemberOperation::Remove(members.into_iter().map(|one| one.value).collect())
            }
        };
        self.members.push(operation);
        Ok(())
    }

    /// Refuses a filter that matched nothing, if the settings want that (RFC 7644 §3.12, `noTarget`). Not
    /// used for members: repeating the removal of a member must succeed.
    fn check_found(&self, path: &AttrPath, found: bool) -> Result<(), ScimError> {
        match self.reading.settings.patch_miss {
            PatchMiss::Error if !found => Err(no_match(path)),
            PatchMiss::Error | PatchMiss::Create => Ok(()),
        }
    }

    /// Removes the value of a single-valued attribute if it matches.
    pub(super) fn remove_matching(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        filter: &Filter,
    ) -> Result<(), ScimError> {
        let found = self.matches_filter(path, attribute, filter)?;
        self.check_found(path, found)?;
        if found {
            self.put(path, None);
        }
        Ok(())
    }

    /// Removes the matching elements.
    pub(super) fn remove_elements(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        filter: &Filter,
    ) -> Result<(), ScimError> {
        let mut list = self.take_list(path);
        self.budget.filter(&list, Some(filter))?;
        let before = list.len();
        list.retain(|element| !filter.matches_element(Some(attribute), element));
        let found = list.len() < before;
        self.put(path, (!list.is_empty()).then_some(Value::Array(list)));
        self.check_found(path, found)
    }

    /// Removes the elements that are equal to one of the selection in all parts that it has.
    fn remove_selected(
        &mut self,
        path: &AttrPath,
        attribute: &Attribute,
        selection: &Value,
    ) -> Result<(), ScimError> {
        let selection = read_selection(&self.reading, path, attribute, selection)?;
        // Group the selection by part names, so that each group is a hash lookup.
        let mut wanted: BTreeMap<Vec<&str>, HashSet<Vec<Vec<u8>>>> = BTreeMap::new();
        for one in &selection {
            let names = one
                .as_object()
                .map_or_else(Vec::new, |parts| parts.keys().map(String::as_str).collect());
            let values = compared_parts(attribute, one, &names);
            wanted.entry(names).or_default().extend(values);
        }
        let mut list = self.take_list(path);
        self.budget.look(&selection)?;
        self.budget.look_often(&list, wanted.len())?;
        list.retain(|element| {
            !wanted.iter().any(|(names, wanted)| {
                compared_parts(attribute, element, names)
                    .is_some_and(|values| wanted.contains(&values))
            })
        });
        self.put(path, (!list.is_empty()).then_some(Value::Array(list)));
        Ok(())
    }
}

/// The values of these parts of an element, or of the whole element if `names` is empty, in the form in
/// which they are compared; `None` if it lacks one of them.
fn compared_parts(attribute: &Attribute, element: &Value, names: &[&str]) -> Option<Vec<Vec<u8>>> {
    if names.is_empty() {
        return Some(vec![identity(attribute, element)]);
    }
    let value = |name: &&str| {
        let part = attribute.sub(name).unwrap_or(attribute);
        element.get(name).map(|value| identity(part, value))
    };
    names.iter().map(value).collect()
}

/// The ids in a filter over members, if it only compares ids by `eq`.
fn values_equal(filter: &Filter) -> Option<Vec<String>> {
    let terms = match filter {
        Filter::Or(terms) => terms.as_slice(),
        single => std::slice::from_ref(single),
    };
    terms
        .iter()
        .map(|term| match term.as_equality() {
            Some((path, value)) if path.attribute == "value" || path.attribute == "$ref" => {
                Some(value.to_owned())
            }
            _ => None,
        })
        .collect()
}
