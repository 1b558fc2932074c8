//! What an event holds beside its header: what was sent, and what it changed.

use std::fmt;

use crate::event::ResourceType;
use crate::id::{Attribute, Number, Seq};

/// One piece of an event's content, about one subject.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Whose values these are; [`Number::NOBODY`] when they are nobody's.
    pub subject: Number,
    /// The values.
    pub content: Content,
}

/// The kinds of part. Their stored numbers are in the codec.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// Path and query, of a SCIM request below the application's base, as received, with cuts.
    Target(String),
    /// The received body's bytes, with cuts.
    Body(Vec<u8>),
    /// What changed for the part's subject.
    Changes(Changes),
    /// Words about the request that are no received bytes.
    Detail(Detail),
    /// What was not to be expected of the request, or of what was seen; never empty.
    Flags(Vec<Flag>),
    /// What the upstream answered.
    Answer(Answer),
    /// An imported entry: canonical JSON, in the words of Microsoft Graph.
    Entry(Vec<u8>),
    /// What a person added: canonical JSON.
    Note(Vec<u8>),
}

/// Something in a request that the application's profile did not expect, or in what an upstream showed
/// that our schema does not allow. It was carried out, kept, or passed over, nevertheless.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flag {
    /// What is unusual.
    pub kind: FlagKind,
    /// The attribute, as a PATCH path; of what no schema has, the name that was sent, cut at 256 bytes.
    pub path: String,
}

/// How something is unusual.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum FlagKind {
    /// A schema has the attribute and the profile does not list it: it went into the state.
    OutsideProfile = 1,
    /// No schema has it: it stays in the stored body alone.
    NoSchema = 2,
    /// The profile does not list the attribute among those that are filtered by.
    NotFilterable = 3,
    /// An upstream shows a value that the schema does not allow: it went into the state as it is.
    SchemaViolation = 4,
    /// An upstream shows a value that is too large to be kept: nothing of it is.
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

/// What changed for one resource or person: everything that the fold needs to know, and nothing
/// else. Values are canonical JSON text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    /// Whether the resource began or ended here.
    pub lifecycle: Option<Lifecycle>,
    /// What a person was first called by, before any resource of theirs existed.
    pub mention: Option<Mention>,
    /// Attribute values, in the order of their paths. Beside a mention: `display`, the name for people
    /// that the client gave somebody unknown.
    pub values: Vec<ValueChange>,
    /// Members that this resource gained: ascending.
    pub joined: Vec<Number>,
    /// Members that this resource lost: ascending.
    pub left: Vec<Number>,
}

/// The ends of a resource's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifecycle {
    /// The resource began, with this type.
    Created(ResourceType),
    /// The resource ended.
    Deleted,
    /// The resource was on record as deleted and is there: the same one, for an id is never given to
    /// another (RFC 7643 §3.1). The changes hold its whole state, as at a creation.
    Restored,
}

/// The word by which a person without a resource was named: the literal of a lookup that found
/// nobody, the userName of a refused create, the id of an unknown member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// What kind of name it is.
    pub attribute: Attribute,
    /// The name as it was sent.
    pub value: String,
    /// The name as names of this kind are compared.
    pub folded: String,
    /// What the client said it is the name of; none when it did not say.
    pub resource_type: ResourceType,
}

/// One attribute value's change.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueChange {
    /// Which value.
    pub path: Path,
    /// Canonical JSON before; `None` when there was no value.
    pub old: Option<Vec<u8>>,
    /// Canonical JSON after; `None` when there is no value any more.
    pub new: Option<Vec<u8>>,
}

/// A resolved attribute path: no filter to evaluate, one place in the resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Path {
    /// The extension schema that the attribute belongs to; `None` for the resource's own.
    pub schema: Option<String>,
    /// The attribute, in its schema's spelling.
    pub attribute: String,
    /// Which element of a multi-valued attribute.
    pub element: Option<Element>,
    /// The sub-attribute.
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

/// As a PATCH path reads (RFC 7644 §3.5.2): `emails[type eq "work"].value`.
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

/// Words about a request that are no received bytes. None of them quotes a value.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Detail {
    /// The error's text, as it was answered.
    pub error: Option<String>,
    /// The method, where [`Method::Other`](crate::Method::Other) stands for it; at most 32 bytes.
    pub method: Option<String>,
    /// Why a body that came, or was announced, is not stored.
    pub body: Option<BodyNote>,
}

/// Describes a body that is not stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyNote {
    /// Why it is not stored, in our words.
    pub reason: String,
    /// Its length as far as it is known.
    pub length_bytes: Option<u64>,
    /// The announced media type, at most 128 bytes.
    pub media_type: Option<String>,
    /// Where it stops being JSON; from 1, 0 when that does not apply.
    pub line: u32,
    /// See `line`.
    pub column: u32,
}

/// What an upstream answered to a forwarded request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The intent that this settles; none for a read.
    pub intent: Option<Seq>,
    /// The answer's body, with cuts; none when there was none, or when it could not be kept.
    pub body: Option<Vec<u8>>,
    /// Why a body that came is not kept.
    pub body_note: Option<BodyNote>,
    /// The `Location` as the upstream wrote it.
    pub location: Option<String>,
    /// From sending the request to the end of the answer, in microseconds.
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
