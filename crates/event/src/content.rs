//! The parts of an event: what was sent, and what it changed.

use std::fmt;
use std::sync::Arc;

use crate::event::ResourceType;
use crate::id::{Attribute, Number, Seq};

/// One piece of an event's content.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// The person or resource that the content is about; [`Number::NOBODY`] if it is about none.
    pub subject: Number,
    /// The others that the content names: ascending, without `subject`. Each of them may have it erased.
    pub others: Vec<Number>,
    /// The content.
    pub content: Content,
}

impl Part {
    /// A part about one person or resource.
    pub fn new(subject: Number, content: Content) -> Part {
        Part { subject, others: vec![], content }
    }
}

/// The kinds of part; [`crate::codec`] has their stored numbers. "With cuts" means that secrets and
/// member display names were removed.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// Path and query as received, with cuts; for a SCIM request relative to the application's base.
    Target(String),
    /// The received body, with cuts.
    Body(Vec<u8>),
    /// What changed for the part's subject.
    Changes(Changes),
    /// What we say about the request; no received bytes.
    Detail(Detail),
    /// Anything unexpected in the request or observation; never empty.
    Flags(Vec<Flag>),
    /// The answer of the upstream.
    Answer(Answer),
    /// An imported entry: canonical JSON with the members of Microsoft Graph.
    Entry(Vec<u8>),
    /// Evidence, or the rows of a reference list: canonical JSON.
    Note(Vec<u8>),
    /// A part whose bytes cannot be read: its kind as a stored number. Changes have their own form of this
    /// ([`Values::Unreadable`]), because what is structural of them stays readable.
    Unreadable(u8),
}

impl Content {
    /// The changes, if that is what it is.
    pub fn changes(&self) -> Option<&Changes> {
        match self {
            Content::Changes(changes) => Some(changes),
            _ => None,
        }
    }
}

/// Something in a request that the application's profile did not expect, or in an upstream's resource
/// that the schema does not allow. The request was not refused for it; `kind` says what was done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flag {
    /// What is unusual.
    pub kind: FlagKind,
    /// The attribute as a PATCH path; if no schema has it, the name that was sent, cut at 256 bytes.
    pub path: String,
}

/// How something is unusual. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum FlagKind {
    /// A schema has the attribute but the profile does not list it. It was stored in the state.
    OutsideProfile = 1,
    /// No schema has the attribute. It is only in the stored body.
    NoSchema = 2,
    /// A filter uses an attribute that the profile does not list as filterable.
    NotFilterable = 3,
    /// An upstream's value is not what the schema allows. It was stored in the state unchanged.
    SchemaViolation = 4,
    /// An upstream's value is too large. It was not stored.
    TooLarge = 5,
}

impl FlagKind {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            FlagKind::OutsideProfile => "outsideProfile",
            FlagKind::NoSchema => "noSchema",
            FlagKind::NotFilterable => "notFilterable",
            FlagKind::SchemaViolation => "schemaViolation",
            FlagKind::TooLarge => "tooLarge",
        }
    }
}

/// What changed for one resource or person: all that the fold needs, and nothing else. Values and the
/// name of a mention are stored in a part; all else are structural facts, which stay readable for ever.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    /// Whether the resource was created, deleted or restored.
    pub lifecycle: Option<Lifecycle>,
    /// That a number without a resource was mentioned by a name.
    pub mention: Option<Mention>,
    /// Whether the resource is active afterwards, if this event says so. The committer fills it in.
    pub active: Option<bool>,
    /// The values that changed.
    pub values: Values,
    /// Members that this resource gained, ascending.
    pub joined: Vec<Number>,
    /// Members that this resource lost, ascending.
    pub left: Vec<Number>,
    /// The events that changed the same before. The committer fills them in.
    pub links: NumberLinks,
}

impl Changes {
    /// Whether the resource itself changed: its values, its members, or whether it exists. A mention
    /// changes none.
    pub fn changes_resource(&self) -> bool {
        self.lifecycle.is_some()
            || !self.values.is_none()
            || !self.joined.is_empty()
            || !self.left.is_empty()
    }
}

/// The values that an event changes, as canonical JSON text.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Values {
    /// None.
    #[default]
    None,
    /// Changed attribute values, sorted by path; never empty.
    Changed(Vec<ValueChange>),
    /// The whole state of a resource that begins. The changed values are its difference from nothing.
    State(Arc<Vec<u8>>),
    /// Values changed, but their part cannot be read.
    Unreadable,
}

impl Values {
    /// Whether no value changed.
    pub fn is_none(&self) -> bool {
        *self == Values::None
    }

    /// The changed values. A whole state has none of its own: it is compared with nothing by whoever
    /// knows how states are compared.
    pub fn changed(&self) -> &[ValueChange] {
        match self {
            Values::Changed(changed) => changed,
            Values::None | Values::State(_) | Values::Unreadable => &[],
        }
    }
}

impl From<Vec<ValueChange>> for Values {
    fn from(changed: Vec<ValueChange>) -> Values {
        if changed.is_empty() { Values::None } else { Values::Changed(changed) }
    }
}

/// For each kind of thing that an event changes of a number, the event that changed it before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NumberLinks {
    /// The values, or whether the resource exists.
    pub state: Option<Seq>,
    /// The members.
    pub members: Option<Seq>,
    /// The groups of each member that joined, then of each that left. Empty when there is none for any.
    pub memberships: Vec<Option<Seq>>,
}

/// The beginning or end of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifecycle {
    /// The resource was created, with this type.
    Created(ResourceType),
    /// The resource was deleted.
    Deleted,
    /// The upstream shows a resource that was recorded as deleted. It is the same resource, because an id
    /// is never reassigned (RFC 7643 §3.1). The changes hold its whole state, as for a creation.
    Restored,
}

/// A name by which a person or resource was mentioned that no resource has: the literal of a lookup that
/// found nobody, the userName of a refused create, the id of an unknown member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// What kind of name it is.
    pub attribute: Attribute,
    /// The resource type that the client said it names; none if it did not say.
    pub resource_type: ResourceType,
    /// The name; `None` when its part cannot be read.
    pub name: Option<MentionedName>,
}

/// The name of a mention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MentionedName {
    /// As it was sent.
    pub value: String,
    /// The `display` that the client sent with it.
    pub display: Option<String>,
}

/// One attribute value's change.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueChange {
    /// Where the value is.
    pub path: Path,
    /// The old value as canonical JSON; `None` if there was none.
    pub old: Option<Vec<u8>>,
    /// The new value as canonical JSON; `None` if it was removed.
    pub new: Option<Vec<u8>>,
}

/// A resolved attribute path: it names one place in the resource and has no filter to evaluate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Path {
    /// The URN of the extension schema that has the attribute; `None` for the resource type's own schema.
    pub schema: Option<String>,
    /// The attribute, spelled as in its schema.
    pub attribute: String,
    /// The element of a multi-valued attribute; `None` for the whole attribute.
    pub element: Option<Element>,
    /// The sub-attribute; `None` for the whole value.
    pub sub: Option<String>,
}

/// How an element of a multi-valued attribute is named.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Element {
    /// By its `type`.
    Type(String),
    /// By its `value`.
    Value(String),
}

/// Writes it as a PATCH path (RFC 7644 §3.5.2): `emails[type eq "work"].value`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        let (name, literal) = match &self.element {
            Some(Element::Type(text)) => ("type", text),
            Some(Element::Value(text)) => ("value", text),
            None => ("", &self.attribute),
        };
        if !name.is_empty() {
            write!(f, "[{name} eq \"")?;
            for c in literal.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"]")?;
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// What we say about a request. No text quotes a value from the request.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Detail {
    /// The text of the answered error.
    pub error: Option<String>,
    /// The name of a method that is recorded as [`Method::Other`](crate::Method::Other); at most 32
    /// bytes.
    pub method: Option<String>,
    /// Why a received or announced body is not stored.
    pub body: Option<BodyNote>,
}

/// Describes a body that is not stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyNote {
    /// Why it is not stored.
    pub reason: String,
    /// Its length, if known.
    pub length_bytes: Option<u64>,
    /// Its media type according to its header, at most 128 bytes.
    pub media_type: Option<String>,
    /// The line, from 1, where it stops being valid JSON; 0 if that is not the reason.
    pub line: u32,
    /// The column there, from 1; 0 if that is not the reason.
    pub column: u32,
}

/// What an upstream answered to a forwarded request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The seq of the request's intent; `None` for a read. It is stored as a structural fact.
    pub intent: Option<Seq>,
    /// The answer's body, with cuts; `None` if there was none or it is not stored.
    pub body: Option<Vec<u8>>,
    /// Why a received body is not stored.
    pub body_note: Option<BodyNote>,
    /// The `Location` header as the upstream sent it.
    pub location: Option<String>,
    /// Time from sending the request to the end of the answer, in microseconds.
    pub answered_after_us: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_patch_paths() {
        let check = |schema: Option<&str>, element: Option<Element>, sub: Option<&str>, text| {
            let path = Path {
                schema: schema.map(str::to_owned),
                attribute: "emails".to_owned(),
                element,
                sub: sub.map(str::to_owned),
            };
            assert_eq!(path.to_string(), text);
        };
        check(None, None, None, "emails");
        check(None, None, Some("x"), "emails.x");
        check(Some("urn:a:2.0:User"), None, None, "urn:a:2.0:User:emails");
        check(
            None,
            Some(Element::Type("work".into())),
            Some("value"),
            r#"emails[type eq "work"].value"#,
        );
        check(
            None,
            Some(Element::Value("a\"\\\n".into())),
            None,
            "emails[value eq \"a\\\"\\\\\\u000a\"]",
        );
    }
}
