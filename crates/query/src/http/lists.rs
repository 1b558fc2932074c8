//! Reference lists, the reports that use them, and evidence.

use std::sync::Arc;

use answers::act::{AddEvidence, AddList, AddedEvidence, AddedList, NewEvidence, UPLOAD_BYTES_MAX};
use answers::row::{self, ListSeen, OfOperation};
use answers::{AppFilter, EvidenceOf, ListName, Moment, Orphans, ReferenceLists};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use data_encoding::HEXLOWER;
use event::{
    Application, Content, Event, EvidenceAdded, Fact, Number, ReferenceListAdded, Seq, Timestamp,
};
use projector::{Decision, Draft, Identity, PassedPart, Stamp, View};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::admin::{Actor, refusal};
use super::apps::is_plain;
use super::ask::Ask;
use super::body::Upload;
use super::question::{Answered, Asked, NamesOf, read_act};
use super::{operations, reports::Scene, resource};
use crate::Query;
use crate::answer::Found;
use crate::as_of::{ERASED, Slice, users_at};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::instant::{self, Role, Zone};
use crate::record::Record;
use crate::reference::{Person, Roster, parse};

const TEXT_BYTES_MAX: usize = 1_024;

/// `POST /api/v1/reference-lists?name=&app=`: stores a new version of a list, for one application or for
/// the whole server.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<(StatusCode, Json<AddedList>), Error> {
    let asked = ask.act::<AddList, _>(move |reading| {
        let AddList { name: ListName(name), app } = read_act(reading, &names)?;
        if !is_plain(&name) {
            return Err(Error::Parameter { name: "name", accepts: NAME });
        }
        let view = &reading.record.view;
        let application = app.map(|AppFilter(slug)| reading.caller.application(view, &slug));
        let application = application.transpose()?.map(|row| row.number);
        Ok((name, application.unwrap_or(Application::RECORDER)))
    });
    let (actor, (name, application)) = asked.await?;
    actor.concerns(application);
    let bytes = body.bytes(UPLOAD_BYTES_MAX).await?;
    let upload = parse(&bytes).map_err(Error::Body)?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let rows = u32::try_from(upload.people.len()).unwrap_or(u32::MAX);
    let text = serde_json::to_vec(&upload.people).map_err(|_| Error::Defect)?;
    let fact = Fact::ReferenceListAdded(ReferenceListAdded { name: name.clone(), rows, sha256 });
    let seq = append(&query, application, actor, fact, (None, text)).await?;
    let ignored_columns = upload.ignored_columns as u64;
    let told = AddedList {
        name,
        seq,
        rows: rows.into(),
        sha256: HEXLOWER.encode(&sha256),
        ignored_columns,
    };
    Ok((StatusCode::CREATED, Json(told)))
}

const NAME: &str = "a name for the list: 1 to 63 of a-z, 0-9 and -";

/// Records what somebody adds, with its content as a note. What is about no number gets one of its own, by
/// which it can be erased.
async fn append(
    query: &Query,
    application: Application,
    actor: Actor,
    fact: Fact,
    (subject, note): (Option<Number>, Vec<u8>),
) -> Result<Seq, Error> {
    // A list may be long, so check it for secrets before the decision; other decisions do not wait.
    let committer = query.committer.clone();
    let passed = spawn_blocking(move || committer.gate().passed(Content::Note(note)));
    let passed = passed.await.map_err(|_| Error::Defect)?;
    let decide = move |origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let subject = match subject {
            Some(number) => number,
            None => view.next_number(application)?,
        };
        let passed = vec![PassedPart::new(subject, passed)];
        let event = Draft { application, origin: Some(origin), fact, parts: vec![], passed };
        Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
    };
    query.decide(actor, decide).await
}

impl Answered for ReferenceLists {
    /// Every upload, by name, newest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<ReferenceLists>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let mut all = record.view.reference_lists()?;
        all.retain(|list| reading.caller.may_see(list.application));
        let slugs = reading.slugs()?;
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|list| {
            let header = record.header(list.seq)?;
            let Fact::ReferenceListAdded(added) = &header.fact else {
                return Err(Error::Damaged("a reference list"));
            };
            Ok(row::ReferenceList {
                name: list.name.clone(),
                application: slugs.get(&list.application).cloned(),
                seq: list.seq,
                recorded_at: header.recorded_at.to_string().into(),
                actor_id: header.origin.as_ref().map(|origin| origin.credential.to_string()),
                rows: list.rows.into(),
                sha256: HEXLOWER.encode(&added.sha256),
            })
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(reading.asked_application(None), Number::NOBODY);
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

/// A reference list that a question names.
pub(super) struct NamedList {
    /// The event that stored it.
    pub(super) seq: Seq,
    pub(super) people: Vec<Person>,
    /// Whether the caller may see people on the list who have no account.
    pub(super) shows_strangers: bool,
}

/// The newest version of a list that the question knows: the application's own or the server-wide one. Of
/// the latter, a caller limited to one application sees only people with an account there.
pub(super) fn people_of(
    record: &Record<'_>,
    ListName(name): &ListName,
    application: Option<Application>,
) -> Result<NamedList, Error> {
    let list = record.view.reference_list(name, record.scope.or(application))?;
    let list = list.ok_or(Error::NotFound("there is no reference list of that name"))?;
    let event = record.event(list.seq)?;
    let erased = Error::NotFound("the list of that name was erased: upload it again");
    let people = people_in(&event)?.ok_or(erased)?;
    let shows_strangers = record.scope.is_none_or(|scope| scope == list.application);
    Ok(NamedList { seq: list.seq, people, shows_strangers })
}

/// The people of an uploaded list; `None` if it was erased.
pub(super) fn people_in(event: &Event) -> Result<Option<Vec<Person>>, Error> {
    if is_erased(event) {
        return Ok(None);
    }
    let note = event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    });
    let people = note.and_then(|note| serde_json::from_slice(note).ok());
    Ok(Some(people.ok_or(Error::Damaged("a reference list"))?))
}

impl Answered for Orphans {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Orphans>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let record = &scene.record;
        let list = people_of(record, &self.list, scene.one)?;
        let roster = Roster::of(&list.people);
        let whole = Slice { after: None, limit: usize::MAX };
        let mut all = vec![];
        for application in &scene.applications {
            let at = scene.stand.at_seq;
            for user in users_at(&record.view, *application, Some(true), at, whole)?.rows {
                let state = user.version.state.as_ref();
                if !state.is_some_and(|state| roster.has(state)) {
                    all.push((*application, user.number, user.version.created_seq));
                }
            }
        }
        let found = scene.found(&all, |(application, number, created_seq)| {
            let Identity { id, user_name, external_id, display_name } =
                scene.identity(*application, *number)?;
            Ok(row::Orphan {
                application: scene.name_of(*application)?,
                user_id: id,
                user_name,
                external_id,
                display_name,
                created_at: record.moment(*created_seq)?,
                created_seq: *created_seq,
                start_known: resource::start_known(record, true, *created_seq)?,
            })
        })?;
        Ok(found.beside(ListSeen { list_seq: Some(list.seq) }))
    }
}

const EVIDENCE: &str =
    r#"{"kind": TEXT, "ref": TEXT, "url": TEXT, "approvedBy": TEXT, "approvedAt": TIME}"#;

/// `POST /api/v1/operations/{operation}/evidence`
pub(super) async fn add_evidence(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<(StatusCode, Json<AddedEvidence>), Error> {
    let asked = ask.act::<AddEvidence, _>(move |reading| {
        let AddEvidence { operation: id } = read_act(reading, &names)?;
        let (event, number) = operations::found(reading, &id)?;
        Ok((event.header.application, event.seq, number))
    });
    let (actor, (application, operation, number)) = asked.await?;
    actor.concerns(application);
    let evidence: NewEvidence = body.json(EVIDENCE).await?;
    let evidence = checked(evidence)?;
    let text = serde_json::to_vec(&evidence).map_err(|_| Error::Defect)?;
    let fact = Fact::EvidenceAdded(EvidenceAdded { operation });
    let seq = append(&query, application, actor, fact, (Some(number), text)).await?;
    Ok((StatusCode::CREATED, Json(AddedEvidence { seq, operation_seq: operation })))
}

/// Checks the lengths of evidence and normalizes its time.
fn checked(mut evidence: NewEvidence) -> Result<NewEvidence, Error> {
    let NewEvidence { kind, reference, url, approved_by, approved_at } = &evidence;
    let needed = [("kind", Some(kind)), ("ref", Some(reference))];
    let others = [("url", url.as_ref()), ("approvedBy", approved_by.as_ref())];
    for (name, text) in needed.into_iter().chain(others) {
        if text.is_some_and(|text| text.is_empty() || text.len() > TEXT_BYTES_MAX) {
            return Err(Error::Body(format!("`{name}` takes 1 to {TEXT_BYTES_MAX} bytes")));
        }
    }
    if let Some(text) = approved_at {
        let time = instant::parse(text, Role::At, Timestamp(0), Zone::UTC);
        let time = time.filter(|_| !text.starts_with('-'));
        let wrong = || Error::Body("`approvedAt` takes an RFC 3339 time or a date".into());
        evidence.approved_at = Some(time.ok_or_else(wrong)?.to_string());
    }
    Ok(evidence)
}

impl Answered for EvidenceOf {
    /// Who approved it, according to the evidence; oldest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<EvidenceOf>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let (event, number) = operations::found(reading, &self.operation)?;
        if event.seq >= record.size {
            return Err(operations::NO_OPERATION);
        }
        let all = record.view.evidence(event.seq)?;
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|seq| evidence_row(record, *seq));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(event.header.application, number);
        let found = found.beside(OfOperation { operation_seq: event.seq });
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

/// The evidence that an event stores.
fn said(event: &Event) -> Result<NewEvidence, Error> {
    if is_erased(event) {
        let erased = || ERASED.to_owned();
        let (kind, reference) = (erased(), erased());
        let (url, approved_by, approved_at) = (None, None, None);
        return Ok(NewEvidence { kind, reference, url, approved_by, approved_at });
    }
    let note = event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    });
    let evidence = note.and_then(|note| serde_json::from_slice(note).ok());
    evidence.ok_or(Error::Damaged("evidence"))
}

/// Whether the note of an event was erased.
pub(super) fn is_erased(event: &Event) -> bool {
    event.parts.iter().any(|part| matches!(part.content, Content::Unreadable(_)))
}

/// The references of all evidence of an operation, oldest first.
pub(super) fn evidence_refs(record: &Record<'_>, operation: Seq) -> Result<Vec<String>, Error> {
    let refs = record.view.evidence(operation)?.into_iter();
    let refs = refs.map(|seq| Ok(said(&record.event(seq)?)?.reference));
    refs.collect()
}

fn evidence_row(record: &Record<'_>, seq: Seq) -> Result<row::Evidence, Error> {
    let event = record.event(seq)?;
    let NewEvidence { kind, reference, url, approved_by, approved_at } = said(&event)?;
    let origin = event.header.origin.as_ref();
    Ok(row::Evidence {
        seq,
        recorded_at: event.header.recorded_at.to_string().into(),
        actor_id: origin.map(|origin| origin.credential.to_string()),
        source_ip: origin.and_then(|origin| origin.client).map(|client| client.to_string()),
        kind,
        reference,
        url,
        approved_by,
        approved_at: approved_at.map(Moment),
    })
}
