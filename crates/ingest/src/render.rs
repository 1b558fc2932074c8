//! A stored resource as SCIM shows it (RFC 7643 §3).

use event::{Attribute, Changes, Content, Number, Part, ResourceType, Seq, Timestamp};
use projector::{ProjectorError, Version, View};
use serde_json::{Map, Value, json};
use store::key::Set;

use crate::context::Context;

/// What a resource looks like at one moment.
pub(crate) struct Shown<'a> {
    /// Its number.
    pub number: Number,
    /// Its type.
    pub resource_type: &'a scim::ResourceType,
    /// Its attributes with its id, without members.
    pub state: &'a Map<String, Value>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// The event that made this state.
    pub seq: Seq,
}

impl<'a> Shown<'a> {
    /// A version that is no deletion.
    pub(crate) fn of(context: &Context, number: Number, version: &'a Version) -> Option<Shown<'a>> {
        Some(Shown {
            number,
            resource_type: context.resource_type(version.resource_type)?,
            state: version.state.as_ref()?,
            created_at: version.created_at,
            modified_at: version.modified_at,
            seq: version.seq,
        })
    }

    /// The SCIM id.
    pub(crate) fn id(&self) -> &'a str {
        self.state.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// The ETag.
    pub(crate) fn version(&self) -> String {
        etag(self.seq)
    }

    /// The resource with `schemas` and `meta`, without members and groups.
    pub(crate) fn attributes(&self, context: &Context) -> Map<String, Value> {
        let mut out = self.state.clone();
        let mut schemas = vec![Value::from(self.resource_type.schema.clone())];
        schemas.extend(
            self.state.keys().filter(|name| name.starts_with("urn:")).cloned().map(Value::from),
        );
        out.insert("schemas".to_owned(), Value::Array(schemas));
        let location = context.location(self.resource_type, self.id());
        out.insert(
            "meta".to_owned(),
            json!({
                "resourceType": self.resource_type.name,
                "created": self.created_at.to_string(),
                "lastModified": self.modified_at.to_string(),
                "location": location,
                "version": self.version(),
            }),
        );
        out
    }
}

/// The weak entity tag of a state (RFC 7644 §3.14).
pub(crate) fn etag(seq: Seq) -> String {
    format!("W/\"{seq}\"")
}

/// The whole resource as it is now: a group with its members, a user with its groups.
pub(crate) fn whole(
    view: &View<'_>,
    context: &Context,
    shown: &Shown<'_>,
) -> Result<Value, ProjectorError> {
    let set = Set::Members(shown.number);
    let members = view.members(context.application, set, View::NOW)?;
    let members: Vec<Number> = members.into_iter().map(|standing| standing.member).collect();
    with_members(view, context, shown, &members, &[])
}

/// The whole resource with these members, which the view need not know yet: `mentions` are those of
/// the decision at hand.
pub(crate) fn with_members(
    view: &View<'_>,
    context: &Context,
    shown: &Shown<'_>,
    members: &[Number],
    mentions: &[Part],
) -> Result<Value, ProjectorError> {
    let mut out = shown.attributes(context);
    if !members.is_empty() {
        let members = members.iter().map(|member| reference(view, context, *member, mentions));
        out.insert("members".to_owned(), Value::Array(members.collect::<Result<_, _>>()?));
    }
    if shown.resource_type.name == "User" {
        let mut groups = Vec::new();
        for stay in view.stays(context.application, shown.number)? {
            if let (Set::Members(group), None) = (stay.set, stay.end) {
                let mut group = reference(view, context, group, &[])?;
                if let Value::Object(group) = &mut group {
                    group.insert("type".to_owned(), "direct".into());
                }
                groups.push(group);
            }
        }
        if !groups.is_empty() {
            out.insert("groups".to_owned(), Value::Array(groups));
        }
    }
    Ok(Value::Object(out))
}

/// A resource as another one refers to it: `value`, and for what exists `$ref`, `type`, `display`.
fn reference(
    view: &View<'_>,
    context: &Context,
    number: Number,
    mentions: &[Part],
) -> Result<Value, ProjectorError> {
    let own = mentions.iter().find(|part| part.subject == number);
    if let Some(Part { content: Content::Changes(Changes { mention: Some(own), .. }), .. }) = own {
        return Ok(json!({ "value": own.value }));
    }
    let version = view.version(context.application, number, View::NOW)?;
    let Some(version) = version else {
        return Ok(json!({ "value": dangling_id(view, context, number)? }));
    };
    let Some(shown) = Shown::of(context, number, &version) else {
        // Deleted: its id is all that a reference can still say.
        let id = last_id(view, context, number, version.seq)?;
        return Ok(json!({ "value": id }));
    };
    let mut out = json!({
        "value": shown.id(),
        "$ref": context.location(shown.resource_type, shown.id()),
        "type": shown.resource_type.name,
    });
    let name = [Attribute::DisplayName, Attribute::UserName]
        .iter()
        .find_map(|attribute| shown.state.get(attribute.name()));
    if let (Value::Object(out), Some(name)) = (&mut out, name) {
        out.insert("display".to_owned(), name.clone());
    }
    Ok(out)
}

fn dangling_id(
    view: &View<'_>,
    context: &Context,
    number: Number,
) -> Result<String, ProjectorError> {
    let mentioned = view.mentioned(context.application, number)?;
    Ok(mentioned.map(|(_, value)| value).unwrap_or_default())
}

/// The id that a resource had before its deletion at `deleted`.
fn last_id(
    view: &View<'_>,
    context: &Context,
    number: Number,
    deleted: Seq,
) -> Result<String, ProjectorError> {
    let before = deleted.saturating_sub(1);
    let version = view.version(context.application, number, before)?;
    Ok(version.as_ref().and_then(Version::id).unwrap_or_default().to_owned())
}

/// What a member is called on the wire, whether it exists, was deleted or never was.
pub(crate) fn member_of(
    view: &View<'_>,
    context: &Context,
    number: Number,
    mentions: &[Part],
) -> Result<scim::Member, ProjectorError> {
    let reference = reference(view, context, number, mentions)?;
    let text = |name: &str| reference.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(scim::Member { value: text("value").unwrap_or_default(), kind: text("type") })
}

/// The type's stored number of a living resource.
pub(crate) fn is_living(version: &Version, resource_type: ResourceType) -> bool {
    version.state.is_some() && version.resource_type == resource_type
}
