//! What people did to the record, as rows: who asked, evidence, lists of people.

use std::ops::{ControlFlow, Range};

use event::{Access, Application, Credential, Event, ReferenceListAdded, Seq};
use store::Direction;
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::view::View;

/// Who asked, in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessSummary {
    /// The event that tells of it.
    pub seq: Seq,
    /// What was asked about; the recorder when it was no single application.
    pub application: Application,
    /// Whether all applications were asked about.
    pub all_applications: bool,
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
    /// Whose it is; the recorder's when it is for the whole server.
    pub application: Application,
}

pub(crate) fn fold_reference_list(
    rows: &mut Overlay<'_>,
    event: &Event,
    added: &ReferenceListAdded,
) {
    let value = [added.rows, event.header.application.0].map(u32::to_be_bytes).concat();
    rows.put(key::reference_list(&added.name, event.seq), value);
}

pub(crate) fn fold_access(rows: &mut Overlay<'_>, event: &Event, access: &Access) {
    let origin = event.header.origin.as_ref();
    let credential = origin.map_or(Credential::NONE, |origin| origin.credential);
    let all = u32::from(access.all_applications);
    let value = [event.header.application.0, credential.0, all].map(u32::to_be_bytes).concat();
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
            (Some(seq), ([application, credential, all], [])) => visit(AccessSummary {
                seq,
                application: Application(u32::from_be_bytes(*application)),
                all_applications: u32::from_be_bytes(*all) != 0,
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

    /// The newest upload of a list; with an application, of its own and those for the whole server.
    pub fn reference_list(
        &self,
        name: &str,
        scope: Option<Application>,
    ) -> Result<Option<ReferenceList>, ProjectorError> {
        let Some(until) = self.until(Seq::MAX) else { return Ok(None) };
        let mut found = Ok(None);
        self.rows().scan(
            &key::reference_lists(name, until),
            Direction::Forward,
            &mut |key, value| match reference_list(key, value) {
                Ok(list) if !list.is_for(scope) => ControlFlow::Continue(()),
                read => {
                    found = read.map(Some);
                    ControlFlow::Break(())
                }
            },
        )?;
        found
    }

    /// The last event of an application, among those that the view knows, that its answers may rest on:
    /// an operation, an import, a change of its configuration. Questions are none of them.
    pub fn last_relevant_seq(
        &self,
        application: Application,
    ) -> Result<Option<Seq>, ProjectorError> {
        let known = self.within(0..Seq::MAX);
        let change = self.rows().first(&key::changes(application, &known), Direction::Forward)?;
        let mut last = change.and_then(|(key, _)| key::index_seq(&key));
        for (class, _) in self.classes()? {
            if class.application == application {
                last = last.max(self.by_class(class, known.clone(), 1)?.first().copied());
            }
        }
        Ok(last)
    }

    /// All uploads of all lists, by name, newest first.
    pub fn reference_lists(&self) -> Result<Vec<ReferenceList>, ProjectorError> {
        let mut lists = self.collect(&key::all_reference_lists(), reference_list)?;
        lists.retain(|list| self.knows(list.seq));
        Ok(lists)
    }
}

impl ReferenceList {
    /// Whether it is one for the whole server, or of this application; without one any is.
    fn is_for(&self, scope: Option<Application>) -> bool {
        let own = self.application;
        own == Application::RECORDER || scope.is_none_or(|scope| scope == own)
    }
}

fn reference_list(key: &[u8], value: &[u8]) -> Result<ReferenceList, ProjectorError> {
    let damaged = || ProjectorError::row("a reference list");
    let (name, seq) = key::reference_list_parts(key).ok_or_else(damaged)?;
    let ([rows, application], []) = value.as_chunks::<4>() else { return Err(damaged()) };
    Ok(ReferenceList {
        name: name.to_owned(),
        seq,
        rows: u32::from_be_bytes(*rows),
        application: Application(u32::from_be_bytes(*application)),
    })
}
