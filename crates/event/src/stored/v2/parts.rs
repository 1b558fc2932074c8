//! The parts of an event in version 2.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::unknown;
use crate::codec::CodecError;
use crate::content::{
    Answer, BodyNote, Detail, Element, Flag, FlagKind, MentionedName, Path, ValueChange,
};

/// The name of a mention.
#[derive(Serialize, Deserialize)]
pub(crate) struct NameV2 {
    value: String,
    display: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ValueChangeV2<'a> {
    schema: Option<Cow<'a, str>>,
    attribute: Cow<'a, str>,
    /// 0 none, 1 by type, 2 by value.
    element_kind: u8,
    element: Cow<'a, str>,
    sub: Option<Cow<'a, str>>,
    #[serde(borrow, with = "serde_bytes")]
    old: Option<Cow<'a, [u8]>>,
    #[serde(borrow, with = "serde_bytes")]
    new: Option<Cow<'a, [u8]>>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct DetailV2 {
    error: Option<String>,
    method: Option<String>,
    body: Option<BodyNoteV2>,
}

#[derive(Serialize, Deserialize)]
struct BodyNoteV2 {
    reason: String,
    length_bytes: Option<u64>,
    media_type: Option<String>,
    line: u32,
    column: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AnswerV2 {
    #[serde(with = "serde_bytes")]
    body: Option<Vec<u8>>,
    body_note: Option<BodyNoteV2>,
    location: Option<String>,
    answered_after_us: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FlagV2 {
    kind: u8,
    path: String,
}

impl From<&MentionedName> for NameV2 {
    fn from(name: &MentionedName) -> NameV2 {
        NameV2 { value: name.value.clone(), display: name.display.clone() }
    }
}

impl From<NameV2> for MentionedName {
    fn from(stored: NameV2) -> MentionedName {
        MentionedName { value: stored.value, display: stored.display }
    }
}

impl<'a> From<&'a ValueChange> for ValueChangeV2<'a> {
    fn from(change: &'a ValueChange) -> ValueChangeV2<'a> {
        let (element_kind, element) = match &change.path.element {
            None => (0, ""),
            Some(Element::Type(text)) => (1, text.as_str()),
            Some(Element::Value(text)) => (2, text.as_str()),
        };
        ValueChangeV2 {
            schema: change.path.schema.as_deref().map(Cow::from),
            attribute: change.path.attribute.as_str().into(),
            element_kind,
            element: element.into(),
            sub: change.path.sub.as_deref().map(Cow::from),
            old: change.old.as_deref().map(Cow::from),
            new: change.new.as_deref().map(Cow::from),
        }
    }
}

impl TryFrom<ValueChangeV2<'_>> for ValueChange {
    type Error = CodecError;

    fn try_from(stored: ValueChangeV2<'_>) -> Result<ValueChange, CodecError> {
        let element = stored.element.into_owned();
        Ok(ValueChange {
            path: Path {
                schema: stored.schema.map(Cow::into_owned),
                attribute: stored.attribute.into_owned(),
                element: match stored.element_kind {
                    0 => None,
                    1 => Some(Element::Type(element)),
                    2 => Some(Element::Value(element)),
                    code => return Err(unknown("naming of an element", code)),
                },
                sub: stored.sub.map(Cow::into_owned),
            },
            old: stored.old.map(Cow::into_owned),
            new: stored.new.map(Cow::into_owned),
        })
    }
}

impl From<&Detail> for DetailV2 {
    fn from(detail: &Detail) -> DetailV2 {
        DetailV2 {
            error: detail.error.clone(),
            method: detail.method.clone(),
            body: detail.body.as_ref().map(BodyNoteV2::from),
        }
    }
}

impl From<&BodyNote> for BodyNoteV2 {
    fn from(note: &BodyNote) -> BodyNoteV2 {
        BodyNoteV2 {
            reason: note.reason.clone(),
            length_bytes: note.length_bytes,
            media_type: note.media_type.clone(),
            line: note.line,
            column: note.column,
        }
    }
}

impl From<BodyNoteV2> for BodyNote {
    fn from(stored: BodyNoteV2) -> BodyNote {
        BodyNote {
            reason: stored.reason,
            length_bytes: stored.length_bytes,
            media_type: stored.media_type,
            line: stored.line,
            column: stored.column,
        }
    }
}

impl From<&Answer> for AnswerV2 {
    fn from(answer: &Answer) -> AnswerV2 {
        AnswerV2 {
            body: answer.body.clone(),
            body_note: answer.body_note.as_ref().map(BodyNoteV2::from),
            location: answer.location.clone(),
            answered_after_us: answer.answered_after_us,
        }
    }
}

impl From<AnswerV2> for Answer {
    fn from(stored: AnswerV2) -> Answer {
        Answer {
            intent: None,
            body: stored.body,
            body_note: stored.body_note.map(BodyNote::from),
            location: stored.location,
            answered_after_us: stored.answered_after_us,
        }
    }
}

impl From<DetailV2> for Detail {
    fn from(stored: DetailV2) -> Detail {
        Detail { error: stored.error, method: stored.method, body: stored.body.map(BodyNote::from) }
    }
}

impl From<&Flag> for FlagV2 {
    fn from(flag: &Flag) -> FlagV2 {
        FlagV2 { kind: flag.kind as u8, path: flag.path.clone() }
    }
}

impl TryFrom<FlagV2> for Flag {
    type Error = CodecError;

    fn try_from(stored: FlagV2) -> Result<Flag, CodecError> {
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
