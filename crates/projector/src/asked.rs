//! What people did to the record, as rows: who asked, evidence, lists of people.

use std::ops::{ControlFlow, Range};

use event::{Application, Credential, Event, Seq};
use store::Direction;
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row;
use crate::view::View;

/// Who asked, in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessSummary {
    /// The event that tells of it.
    pub seq: Seq,
    /// What was asked about; the recorder when it was no single application.
    pub application: Application,
    /// With which credential.
    pub credential: Credential,
}

/// A list of people as it was uploaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceList {
    /// Its name.
    pub name: String,
    /// The event that has it.
    pub seq: Seq,
    /// How many rows it has.
    pub rows: u32,
}

pub(crate) fn fold_access(rows: &mut Overlay<'_>, event: &Event) {
    let origin = event.header.origin.as_ref();
    let credential = origin.map_or(Credential::NONE, |origin| origin.credential);
    let value = [event.header.application.0, credential.0].map(u32::to_be_bytes).concat();
    rows.put(key::access(event.seq), value);
}

impl View<'_> {
    /// Shows who asked in a range of events, newest first, until `visit` breaks off.
    ///
    /// # Errors
    /// Here and in the following, when the rows cannot be read.
    pub fn accesses(
        &self,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(AccessSummary) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let seqs = self.within(seqs);
        if seqs.is_empty() {
            return Ok(());
        }
        let mut damaged = false;
        self.rows().scan(&key::accesses(&seqs), Direction::Forward, &mut |key, value| match (
            key::index_seq(key),
            value.as_chunks::<4>(),
        ) {
            (Some(seq), ([application, credential], [])) => visit(AccessSummary {
                seq,
                application: Application(u32::from_be_bytes(*application)),
                credential: Credential(u32::from_be_bytes(*credential)),
            }),
            _ => {
                damaged = true;
                ControlFlow::Break(())
            }
        })?;
        if damaged { Err(ProjectorError::row("an access")) } else { Ok(()) }
    }

    /// The events that have evidence of an operation, oldest first.
    pub fn evidence(&self, operation: Seq) -> Result<Vec<Seq>, ProjectorError> {
        let mut seqs = self.collect(&key::all_evidence(operation), |key, _| {
            key::last_seq(key).ok_or_else(|| ProjectorError::row("evidence"))
        })?;
        seqs.retain(|seq| self.knows(*seq));
        Ok(seqs)
    }

    /// The newest upload of a list.
    pub fn reference_list(&self, name: &str) -> Result<Option<ReferenceList>, ProjectorError> {
        let Some(until) = self.until(Seq::MAX) else { return Ok(None) };
        let range = key::reference_lists(name, until);
        let found = self.rows().first(&range, Direction::Forward)?;
        found.map(|(key, value)| reference_list(&key, &value)).transpose()
    }

    /// All uploads of all lists, by name, newest first.
    pub fn reference_lists(&self) -> Result<Vec<ReferenceList>, ProjectorError> {
        let mut lists = self.collect(&key::all_reference_lists(), reference_list)?;
        lists.retain(|list| self.knows(list.seq));
        Ok(lists)
    }
}

fn reference_list(key: &[u8], value: &[u8]) -> Result<ReferenceList, ProjectorError> {
    let what = "a reference list";
    let (name, seq) = key::reference_list_parts(key).ok_or_else(|| ProjectorError::row(what))?;
    Ok(ReferenceList { name: name.to_owned(), seq, rows: row::decode_number(what, value)? })
}
