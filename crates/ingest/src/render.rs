//! Renders a stored resource as SCIM shows it (RFC 7643 §3), as of one event.

use std::borrow::Cow;

use canonical::{Document, raw};
use event::{Attribute, Content, Number, Part, ResourceType, Seq};
use projector::{Mentioned, ProjectorError, Version, View};
use scim::{EmptyMembers, Projection};
use serde_json::{Map, Value, json};
use store::key::Set;

use crate::catalog::Reference;
use crate::context::Context;

/// The weak entity tag of a state (RFC 7644 §3.14).
pub(crate) fn etag(seq: Seq) -> String {
    format!("W/\"{seq}\"")
}

/// A resource that exists: its version, its number and its type's wire form.
pub(crate) struct Living<'a> {
    pub number: Number,
    pub resource_type: &'a scim::ResourceType,
    pub version: Version,
    /// It was just created with a new number, so no group can have it.
    pub is_new: bool,
}

impl Living<'_> {
    /// The SCIM id.
    pub(crate) fn id(&self) -> Cow<'_, str> {
        self.version.id().unwrap_or_default()
    }

    /// The ETag.
    pub(crate) fn etag(&self) -> String {
        etag(self.version.seq)
    }

    /// Its `meta` (RFC 7643 §3.1).
    fn meta(&self, context: &Context) -> Value {
        json!({
            "resourceType": self.resource_type.name,
            "created": self.version.created_at.to_string(),
            "lastModified": self.version.modified_at.to_string(),
            "location": context.location(self.resource_type, &self.id()),
            "version": self.etag(),
        })
    }

    /// Its JSON text if all of its state is shown and nothing is derived. `schemas` is the value of that
    /// attribute, as JSON.
    pub(crate) fn whole(
        &self,
        context: &Context,
        schemas: &[u8],
    ) -> Result<Vec<u8>, ProjectorError> {
        let meta = canonical::json(&self.meta(context));
        let state = self.version.state.clone().unwrap_or_default();
        let whole = state.with(&[("meta", Some(&meta)), ("schemas", Some(schemas))]);
        Ok(whole.map_err(|_| ProjectorError::damaged("a version"))?.into_bytes())
    }
}

/// What is not in a resource's version and is loaded only when needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    /// The members of a group.
    pub members: bool,
    /// The groups of a user.
    pub groups: bool,
}

/// Renders resources of one application as of the event at `seq`.
#[derive(Clone, Copy)]
pub(crate) struct Renderer<'a> {
    pub view: &'a View<'a>,
    pub context: &'a Context,
    pub seq: Seq,
}

impl<'a> Renderer<'a> {
    /// The resource of a number, if it exists and its type is served.
    pub(crate) fn living(&self, number: Number) -> Result<Option<Living<'a>>, ProjectorError> {
        let version = self.view.version(self.context.application, number, self.seq)?;
        let Some(version) = version.filter(|version| version.state.is_some()) else {
            return Ok(None);
        };
        let resource_type = self.context.resource_type(version.resource_type);
        Ok(resource_type.map(|resource_type| Living {
            number,
            resource_type,
            version,
            is_new: false,
        }))
    }

    /// The resource as JSON text, limited to the projection.
    pub(crate) fn bytes(
        &self,
        living: &Living<'_>,
        projection: &Projection,
    ) -> Result<Vec<u8>, ProjectorError> {
        let mut out = Vec::new();
        self.write(&mut out, living, projection, usize::MAX)?;
        Ok(out)
    }

    /// Appends what [`Renderer::bytes`] returns to `out`; returns `false` if it takes more than `room`
    /// bytes. Members are written one by one, so that a large group is never in memory as a tree.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        living: &Living<'_>,
        projection: &Projection,
        room: usize,
    ) -> Result<bool, ProjectorError> {
        let end_max = out.len().saturating_add(room);
        self.write_attributes(out, living, projection)?;
        if !projection.shows("members") || !self.has_members(living) {
            return Ok(out.len() <= end_max);
        }
        let set = Set::Members(living.number);
        let members = self.view.members(self.context.application, set, self.seq)?;
        if members.is_empty() && self.context.settings.empty_members == EmptyMembers::Show {
            // Some clients keep the members they know when the attribute is missing.
            out.pop();
            out.extend_from_slice(br#","members":[]}"#);
            return Ok(out.len() <= end_max);
        }
        let mut any = false;
        for one in members {
            if out.len() > end_max {
                return Ok(false);
            }
            let member = self.reference(one.member)?;
            let mut alone = Map::from_iter([("members".to_owned(), Value::Array(vec![member]))]);
            projection.apply(&mut alone);
            let Some(Value::Array(members)) = alone.remove("members") else { continue };
            for member in members {
                if any {
                    out.push(b',');
                } else {
                    // `id` and `schemas` are always shown, so the object is not empty.
                    out.pop();
                    out.extend_from_slice(br#","members":["#);
                    any = true;
                }
                out.extend_from_slice(&canonical::json(&member));
            }
        }
        if any {
            out.extend_from_slice(b"]}");
        }
        Ok(out.len() <= end_max)
    }

    /// Appends the resource without its members. What is shown whole is copied from the stored text; only
    /// the rest becomes a tree.
    fn write_attributes(
        &self,
        out: &mut Vec<u8>,
        living: &Living<'_>,
        projection: &Projection,
    ) -> Result<(), ProjectorError> {
        let damaged = |_| ProjectorError::damaged("a version");
        let version = &living.version;
        let empty = Document::default();
        let state = version.state.as_ref().unwrap_or(&empty);
        let references = self.context.catalog.references(version.resource_type);
        let mut schemas = vec![Value::from(living.resource_type.schema.as_str())];
        let mut changes: Vec<(Cow<'_, str>, Option<Vec<u8>>)> = vec![];
        for member in state.members() {
            let (name, value) = member.map_err(damaged)?;
            let name = raw::name(name).ok_or_else(|| ProjectorError::damaged("a version"))?;
            let is_extension = name.starts_with("urn:");
            if is_extension {
                schemas.push(Value::from(&*name));
            }
            let refers = |one: &Reference| *one.schema.as_ref().unwrap_or(&one.attribute) == *name;
            if projection.shows_whole(&name) && !references.iter().any(refers) && value != b"{}" {
                continue;
            }
            let value = serde_json::from_slice(value);
            let value: Value = value.map_err(|_| ProjectorError::damaged("a version"))?;
            let mut alone = Map::from_iter([(name.clone().into_owned(), value)]);
            self.derive_references(living, &mut alone)?;
            projection.apply(&mut alone);
            let shown = alone.remove(&*name).map(|value| canonical::json(&value));
            changes.push((name, shown));
        }
        let mut derive = |name: &'static str, value: Value| {
            let mut alone = Map::from_iter([(name.to_owned(), value)]);
            if !projection.shows_whole(name) {
                projection.apply(&mut alone);
            }
            changes.push((name.into(), alone.remove(name).map(|value| canonical::json(&value))));
        };
        derive("schemas", Value::Array(schemas));
        derive("meta", living.meta(self.context));
        if projection.shows("groups") && self.has_groups(living) {
            let groups = self.groups(living.number)?;
            if !groups.is_empty() {
                derive("groups", Value::Array(groups));
            }
        }
        let changes: Vec<(&str, Option<&[u8]>)> =
            changes.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        raw::with(state.bytes(), &changes, out).map_err(damaged)
    }

    /// Whether groups can have it.
    fn has_groups(&self, living: &Living<'_>) -> bool {
        living.version.resource_type == ResourceType::USER && !living.is_new
    }

    /// Whether the projection shows anything that is derived from other resources, such as the names of
    /// members. It can change while the version does not.
    pub(crate) fn shows_derived(&self, living: &Living<'_>, projection: &Projection) -> bool {
        let references = self.context.catalog.references(living.version.resource_type);
        let is_set = |reference: &&Reference| {
            let state = living.version.state.as_ref().map(Document::bytes);
            let holder = match &reference.schema {
                None => state,
                Some(urn) => state.and_then(|state| raw::get(state, urn)),
            };
            holder.is_some_and(|holder| raw::get(holder, &reference.attribute).is_some())
        };
        projection.shows("groups")
            || (self.has_members(living) && projection.shows_beside(None, "members", "value"))
            || references
                .iter()
                .filter(is_set)
                .any(|one| projection.shows_beside(one.schema.as_deref(), &one.attribute, "value"))
    }

    /// The resource as a tree, for filters and sorting.
    pub(crate) fn attributes(
        &self,
        living: &Living<'_>,
        load: Load,
    ) -> Result<Map<String, Value>, ProjectorError> {
        let version = &living.version;
        let mut out = version.attributes()?;
        let mut schemas = vec![Value::from(living.resource_type.schema.clone())];
        schemas
            .extend(out.keys().filter(|name| name.starts_with("urn:")).cloned().map(Value::from));
        out.insert("schemas".to_owned(), Value::Array(schemas));
        out.insert("meta".to_owned(), living.meta(self.context));
        self.derive_references(living, &mut out)?;
        if load.groups && self.has_groups(living) {
            let groups = self.groups(living.number)?;
            if !groups.is_empty() {
                out.insert("groups".to_owned(), Value::Array(groups));
            }
        }
        if load.members && self.has_members(living) {
            let set = Set::Members(living.number);
            let members = self.view.members(self.context.application, set, self.seq)?;
            let members = members.iter().map(|one| self.reference(one.member));
            let members: Vec<Value> = members.collect::<Result<_, _>>()?;
            if !members.is_empty() {
                out.insert("members".to_owned(), Value::Array(members));
            }
        }
        Ok(out)
    }

    fn has_members(&self, living: &Living<'_>) -> bool {
        self.context.catalog.has_members(living.version.resource_type)
    }

    fn groups(&self, number: Number) -> Result<Vec<Value>, ProjectorError> {
        let mut groups = Vec::new();
        for stay in self.view.stays(self.context.application, number)? {
            let Set::Members(group) = stay.set else { continue };
            if !stay.covers(self.seq) {
                continue;
            }
            let mut group = self.reference(group)?;
            if let Value::Object(group) = &mut group {
                group.insert("type".to_owned(), "direct".into());
            }
            groups.push(group);
        }
        Ok(groups)
    }

    /// Adds what follows from the id of another resource, such as a manager's `$ref`.
    fn derive_references(
        &self,
        living: &Living<'_>,
        out: &mut Map<String, Value>,
    ) -> Result<(), ProjectorError> {
        for reference in self.context.catalog.references(living.version.resource_type) {
            let holder = match &reference.schema {
                None => Some(&mut *out),
                Some(urn) => out.get_mut(urn).and_then(Value::as_object_mut),
            };
            let value = holder.and_then(|holder| holder.get_mut(&reference.attribute));
            let elements = match value {
                Some(Value::Array(elements)) => elements.as_mut_slice(),
                Some(single) => std::slice::from_mut(single),
                None => continue,
            };
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                let Some(id) = element.get("value").and_then(Value::as_str) else { continue };
                let Some(other) = self.by_id(id)? else { continue };
                let location = self.context.location(other.resource_type, &other.id());
                if let (Some(part), Some(name)) = (&reference.name, name_of(&other.version)) {
                    element.insert(part.clone(), name);
                }
                element.insert("$ref".to_owned(), location.into());
            }
        }
        Ok(())
    }

    fn by_id(&self, id: &str) -> Result<Option<Living<'a>>, ProjectorError> {
        for stored in self.context.stored_types() {
            let number = self.view.number_of_id(self.context.application, stored, id)?;
            if let Some(number) = number {
                return self.living(number);
            }
        }
        Ok(None)
    }

    /// A resource as others refer to it: `value`; if it exists, also `$ref`, `type` and `display`.
    fn reference(&self, number: Number) -> Result<Value, ProjectorError> {
        let version = self.view.version(self.context.application, number, self.seq)?;
        let Some(version) = version else {
            return self.dangling_member(number);
        };
        let resource_type = self.context.resource_type(version.resource_type);
        // A reference to a deleted resource, or to a type that is no longer served, has only the id.
        let Some(id) = version.id() else {
            return Ok(json!({ "value": self.last_id(number, version.seq)? }));
        };
        let Some(resource_type) = resource_type else { return Ok(json!({ "value": id })) };
        let mut out = json!({
            "value": id,
            "$ref": self.context.location(resource_type, &id),
            "type": resource_type.name,
        });
        if let (Value::Object(out), Some(name)) = (&mut out, name_of(&version)) {
            out.insert("display".to_owned(), name);
        }
        Ok(out)
    }

    /// A member without a resource, as the client named it.
    fn dangling_member(&self, number: Number) -> Result<Value, ProjectorError> {
        let Some(mentioned) = self.view.mentioned(self.context.application, number)? else {
            return Ok(json!({ "value": "" }));
        };
        let kind = self.context.resource_type(mentioned.resource_type);
        let kind = kind.map(|resource_type| resource_type.name.clone());
        let Mentioned { value, display, .. } = mentioned;
        Ok(scim::Member { value, kind, display }.to_json())
    }

    /// The id that a resource had before its deletion at `deleted`.
    fn last_id(&self, number: Number, deleted: Seq) -> Result<String, ProjectorError> {
        let before = deleted.saturating_sub(1);
        let version = self.view.version(self.context.application, number, before)?;
        Ok(version.as_ref().and_then(Version::id).unwrap_or_default().into_owned())
    }

    /// A member as SCIM shows it, whether it exists, was deleted or never existed. `mentions` are those
    /// of the current decision, which the rows lack.
    pub(crate) fn member_of(
        &self,
        number: Number,
        mentions: &[Part],
    ) -> Result<scim::Member, ProjectorError> {
        let own = mentions.iter().find(|part| part.subject == number);
        if let Some(Part { content: Content::Changes(changes), .. }) = own
            && let Some(mention) = &changes.mention
        {
            let kind = self.context.resource_type(mention.resource_type);
            let kind = kind.map(|resource_type| resource_type.name.clone());
            let value = mention.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
            return Ok(scim::Member { value, kind, display: None });
        }
        let reference = self.reference(number)?;
        let text = |name: &str| reference.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(scim::Member {
            value: text("value").unwrap_or_default(),
            kind: text("type"),
            display: text("display"),
        })
    }
}

/// The name that references to a resource show.
fn name_of(version: &Version) -> Option<Value> {
    let state = version.state.as_ref()?;
    let mut names = [Attribute::DisplayName, Attribute::UserName].into_iter();
    let value = names.find_map(|attribute| state.get(attribute.name()))?;
    serde_json::from_slice(value).ok()
}
