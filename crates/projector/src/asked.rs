//! Rows of what people did with the record: questions asked, evidence and reviews added, lists uploaded.

use std::ops::{ControlFlow, Range};

use event::{Access, Application, Credential, Event, ReferenceListAdded, Seq};
use store::Direction;
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::view::View;

/// The summary of a question that was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessSummary {
    /// The access event.
    pub seq: Seq,
    /// The application that was asked about; the recorder if it was no single one.
    pub application: Application,
    /// Whether all applications were asked about.
    pub all_applications: bool,
    /// The credential it was asked with.
    pub credential: Credential,
}

/// One upload of a reference list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReferenceList {
    /// The list's name.
    pub name: String,
    /// The event that holds it.
    pub seq: Seq,
    /// How many rows it has.
    pub rows: u32,
    /// The application it is for; the recorder if it is for the whole server.
    pub application: Application,
}

pub(crate) fn fold_reference_list(
    rows: &mut Overlay<'_>,
    event: &Event,
    added: &ReferenceListAdded,
) -> Result<(), ProjectorError> {
    let application = event.header.application;
    // An upload has a number of its own, by which it can be erased.
    for part in &event.parts {
        if rows.next_number(application)? <= part.subject {
            rows.put_last_number(application, part.subject);
        }
    }
    let value = [added.rows, event.header.application.0].map(u32::to_be_bytes).concat();
    rows.put(key::reference_list(&added.name, event.seq), value);
    Ok(())
}

pub(crate) fn fold_access(rows: &mut Overlay<'_>, event: &Event, access: &Access) {
    let origin = event.header.origin.as_ref();
    let credential = origin.map_or(Credential::NONE, |origin| origin.credential);
    let all = u32::from(access.all_applications);
    let value = [event.header.application.0, credential.0, all].map(u32::to_be_bytes).concat();
    rows.put(key::access(event.seq), value);
}

impl View<'_> {
    /// Visits the questions answered in a range of events, newest first, until `visit` breaks off.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
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

    /// The events that added evidence to an operation, oldest first.
    pub fn evidence(&self, operation: Seq) -> Result<Vec<Seq>, ProjectorError> {
        let mut seqs = self.collect(&key::all_evidence(operation), |key, _| {
            key::last_seq(key).ok_or_else(|| ProjectorError::row("evidence"))
        })?;
        seqs.retain(|seq| self.knows(*seq));
        Ok(seqs)
    }

    /// The events that reviewed answers about an application, in a range of events, newest first.
    pub fn reviews(
        &self,
        application: Application,
        seqs: Range<Seq>,
    ) -> Result<Vec<Seq>, ProjectorError> {
        let seqs = self.within(seqs);
        if seqs.is_empty() {
            return Ok(vec![]);
        }
        self.collect(&key::reviews(application, &seqs), |key, _| {
            key::index_seq(key).ok_or_else(|| ProjectorError::row("a review"))
        })
    }

    /// The newest upload of a list. With `scope`, only uploads for that application or the whole server.
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

    /// The last event that answers about an application may depend on: an operation, an import or a
    /// change of its configuration, but not a question.
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
    /// Whether it is for the whole server or for this application; `None` accepts any.
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
