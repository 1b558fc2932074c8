//! What a bundle opens of the parts of its events.

use std::collections::BTreeMap;
use std::fmt;

use event::{Number, Seq};
use sha2::{Digest as _, Sha256};
use tlog::Hash;

use super::form::{Bundle, Opened, OpenedCommitment};
use super::{BundleRefusal, Proven, proof};
use crate::entry::{PartRecord, Rooted};
use crate::opening::{Salt, ValueOpening, WholeOpening};

/// A part, or a value of one, that was recorded with an event.
#[derive(Clone, PartialEq, Debug)]
pub struct OpenedPart {
    /// The event.
    pub seq: Seq,
    /// Which of its parts, from 0.
    pub part: u32,
    /// What kind of part; [`event::codec`] lists the numbers.
    pub kind: u8,
    /// Whom it is about.
    pub subjects: Vec<Number>,
    /// What the value is called, if it is one of several.
    pub name: Option<Vec<u8>>,
    /// The content, or the value.
    pub content: Vec<u8>,
}

/// The name of a kind of part.
#[must_use]
pub fn part_kind_name(kind: u8) -> &'static str {
    match kind {
        1 => "origin",
        2 => "address",
        3 => "body",
        4 => "changed values",
        5 => "state",
        6 => "name",
        7 => "detail",
        8 => "flags",
        9 => "answer",
        10 => "entry",
        11 => "note",
        _ => "part",
    }
}

/// What cannot be printed is written as an escape, so that a file cannot write to a terminal.
impl fmt::Display for OpenedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} recorded as {}", self.seq, part_kind_name(self.kind))?;
        if let Some(name) = &self.name {
            write!(f, ", {}", name.escape_ascii())?;
        }
        match std::str::from_utf8(&self.content) {
            Ok(text) if !text.chars().any(char::is_control) => write!(f, ": {text}"),
            _ => write!(f, ": {}", self.content.escape_ascii()),
        }
    }
}

pub(super) fn verify(
    bundle: &Bundle,
    events: &BTreeMap<Seq, Proven>,
) -> Result<Vec<OpenedPart>, BundleRefusal> {
    let mut all = vec![];
    for shown in &bundle.events {
        let (Some(openings), Some(proven)) = (&shown.openings, events.get(&shown.seq)) else {
            continue;
        };
        let seq = shown.seq;
        let wrong = |why| BundleRefusal::Opening { seq, why };
        let rooted = Rooted::over(openings.records.iter().map(|record| &record.0));
        if rooted != proven.entry.parts {
            return Err(wrong("the parts are others"));
        }
        for opened in &openings.opened {
            let record = openings.records.get(opened.part as usize);
            let record = record.and_then(|record| PartRecord::parse(&record.0));
            let record = record.ok_or_else(|| wrong("there is no such part"))?;
            let (name, content) = match opened {
                Opened { stored: Some(stored), committed: None, .. } => {
                    if Sha256::digest(&stored.0)[..] != record.sha256 {
                        return Err(wrong("the stored bytes are others"));
                    }
                    (None, stored.0.clone())
                }
                Opened { stored: None, committed: Some(committed), .. } => {
                    let commitment =
                        record.commitment.ok_or_else(|| wrong("it has no commitment"))?;
                    committed_content(committed, &Hash::new(commitment))?
                        .ok_or_else(|| wrong("the commitment is to something else"))?
                }
                _ => return Err(wrong("an opening shows one thing")),
            };
            let (kind, subjects) = (record.kind, record.subjects);
            all.push(OpenedPart { seq, part: opened.part, kind, subjects, name, content });
        }
    }
    Ok(all)
}

type NameAndContent = (Option<Vec<u8>>, Vec<u8>);

fn committed_content(
    opened: &OpenedCommitment,
    commitment: &Hash,
) -> Result<Option<NameAndContent>, BundleRefusal> {
    let Ok(salt) = opened.salt.0.as_slice().try_into().map(Salt) else { return Ok(None) };
    let content = opened.content.0.clone();
    let Some(value) = &opened.value else {
        let opening = WholeOpening { salt, content };
        return Ok(opening.verify(commitment).ok().map(|()| (None, opening.content)));
    };
    let opening = ValueOpening {
        salt,
        place: value.place,
        values: value.values,
        name: value.name.0.clone(),
        value: content,
        proof: proof(&value.proof, "a value")?,
    };
    Ok(opening.verify(commitment).ok().map(|()| (Some(opening.name), opening.value)))
}
