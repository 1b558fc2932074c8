//! The parts of an event in version 1.

use serde::{Deserialize, Serialize};

use super::{numbers_from_stored, numbers_to_stored, unknown};
use crate::codec::CodecError;
use crate::content::{
    Answer, BodyNote, Changes, Detail, Element, Flag, FlagKind, Lifecycle, Mention, Path,
    ValueChange,
};
use crate::event::ResourceType;
use crate::id::Attribute;

#[derive(Serialize, Deserialize)]
pub(crate) struct ChangesV1 {
    /// 0 neither, 1 created, 2 deleted.
    lifecycle: u8,
    /// Of what was created; else of what is mentioned, 0 when that was not said.
    resource_type: u8,
    mention: Option<MentionV1>,
    values: Vec<ValueChangeV1>,
    joined: Vec<u32>,
    left: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct MentionV1 {
    attribute: u8,
    value: String,
    folded: String,
}

#[derive(Serialize, Deserialize)]
struct ValueChangeV1 {
    schema: Option<String>,
    attribute: String,
    /// 0 none, 1 by type, 2 by value.
    element_kind: u8,
    element: String,
    sub: Option<String>,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DetailV1 {
    error: Option<String>,
    method: Option<String>,
    body: Option<BodyNoteV1>,
}

#[derive(Serialize, Deserialize)]
struct BodyNoteV1 {
    reason: String,
    length_bytes: Option<u64>,
    media_type: Option<String>,
    line: u32,
    column: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AnswerV1 {
    intent: Option<u64>,
    body: Option<Vec<u8>>,
    body_note: Option<BodyNoteV1>,
    location: Option<String>,
    answered_after_us: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FlagV1 {
    kind: u8,
    path: String,
}

impl From<&Changes> for ChangesV1 {
    fn from(changes: &Changes) -> ChangesV1 {
        let (lifecycle, resource_type) = match changes.lifecycle {
            None => (0, changes.mention.as_ref().map_or(0, |mention| mention.resource_type.0)),
            Some(Lifecycle::Created(resource_type)) => (1, resource_type.0),
            Some(Lifecycle::Deleted) => (2, 0),
            Some(Lifecycle::Restored) => (3, 0),
        };
        ChangesV1 {
            lifecycle,
            resource_type,
            mention: changes.mention.as_ref().map(|mention| MentionV1 {
                attribute: mention.attribute as u8,
                value: mention.value.clone(),
                folded: mention.folded.clone(),
            }),
            values: changes
                .values
                .iter()
                .map(|change| {
                    let (element_kind, element) = match &change.path.element {
                        None => (0, String::new()),
                        Some(Element::Type(text)) => (1, text.clone()),
                        Some(Element::Value(text)) => (2, text.clone()),
                    };
                    ValueChangeV1 {
                        schema: change.path.schema.clone(),
                        attribute: change.path.attribute.clone(),
                        element_kind,
                        element,
                        sub: change.path.sub.clone(),
                        old: change.old.clone(),
                        new: change.new.clone(),
                    }
                })
                .collect(),
            joined: numbers_to_stored(&changes.joined),
            left: numbers_to_stored(&changes.left),
        }
    }
}

impl TryFrom<ChangesV1> for Changes {
    type Error = CodecError;

    fn try_from(stored: ChangesV1) -> Result<Changes, CodecError> {
        let mention = match stored.mention {
            None => None,
            Some(mention) => Some(Mention {
                attribute: Attribute::from_code(mention.attribute)
                    .ok_or_else(|| unknown("attribute", mention.attribute))?,
                value: mention.value,
                folded: mention.folded,
                resource_type: match stored.lifecycle {
                    0 => ResourceType(stored.resource_type),
                    _ => ResourceType::NONE,
                },
            }),
        };
        let mut values = Vec::with_capacity(stored.values.len());
        for change in stored.values {
            values.push(ValueChange {
                path: Path {
                    schema: change.schema,
                    attribute: change.attribute,
                    element: match change.element_kind {
                        0 => None,
                        1 => Some(Element::Type(change.element)),
                        2 => Some(Element::Value(change.element)),
                        code => return Err(unknown("naming of an element", code)),
                    },
                    sub: change.sub,
                },
                old: change.old,
                new: change.new,
            });
        }
        Ok(Changes {
            lifecycle: match stored.lifecycle {
                0 => None,
                1 => Some(Lifecycle::Created(ResourceType(stored.resource_type))),
                2 => Some(Lifecycle::Deleted),
                3 => Some(Lifecycle::Restored),
                code => return Err(unknown("lifecycle", code)),
            },
            mention,
            values,
            joined: numbers_from_stored(stored.joined),
            left: numbers_from_stored(stored.left),
        })
    }
}

impl From<&Detail> for DetailV1 {
    fn from(detail: &Detail) -> DetailV1 {
        DetailV1 {
            error: detail.error.clone(),
            method: detail.method.clone(),
            body: detail.body.as_ref().map(BodyNoteV1::from),
        }
    }
}

impl From<&BodyNote> for BodyNoteV1 {
    fn from(note: &BodyNote) -> BodyNoteV1 {
        BodyNoteV1 {
            reason: note.reason.clone(),
            length_bytes: note.length_bytes,
            media_type: note.media_type.clone(),
            line: note.line,
            column: note.column,
        }
    }
}

impl From<BodyNoteV1> for BodyNote {
    fn from(stored: BodyNoteV1) -> BodyNote {
        BodyNote {
            reason: stored.reason,
            length_bytes: stored.length_bytes,
            media_type: stored.media_type,
            line: stored.line,
            column: stored.column,
        }
    }
}

impl From<&Answer> for AnswerV1 {
    fn from(answer: &Answer) -> AnswerV1 {
        AnswerV1 {
            intent: answer.intent,
            body: answer.body.clone(),
            body_note: answer.body_note.as_ref().map(BodyNoteV1::from),
            location: answer.location.clone(),
            answered_after_us: answer.answered_after_us,
        }
    }
}

impl From<AnswerV1> for Answer {
    fn from(stored: AnswerV1) -> Answer {
        Answer {
            intent: stored.intent,
            body: stored.body,
            body_note: stored.body_note.map(BodyNote::from),
            location: stored.location,
            answered_after_us: stored.answered_after_us,
        }
    }
}

impl From<DetailV1> for Detail {
    fn from(stored: DetailV1) -> Detail {
        Detail { error: stored.error, method: stored.method, body: stored.body.map(BodyNote::from) }
    }
}

impl From<&Flag> for FlagV1 {
    fn from(flag: &Flag) -> FlagV1 {
        FlagV1 { kind: flag.kind as u8, path: flag.path.clone() }
    }
}

impl TryFrom<FlagV1> for Flag {
    type Error = CodecError;

    fn try_from(stored: FlagV1) -> Result<Flag, CodecError> {
        let kind = match stored.kind {
            1 => FlagKind::OutsideProfile,
            2 => FlagKind::NoSchema,
            3 => FlagKind::NotFilterable,
            4 => FlagKind::SchemaViolation,
            5 => FlagKind::TooLarge,
            code => return Err(unknown("kind of flag", code)),
        };
        Ok(Flag { kind, path: stored.path })
    }
}
