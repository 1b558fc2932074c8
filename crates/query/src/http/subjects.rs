//! People as data protection law sees them: finds all their numbers, shows what is held, erases them, puts a
//! legal hold on them; and for how long what is sent is kept.

mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use answers::act::{
    Act, EraseSubjects, Erased, ErasureOf, ExportSubject, FindSubjects, FoundSubjects, Held,
    HoldSubjects, NewRetention, ReleaseSubjects, RetentionOf, Retentions, SetRetention,
    ShowRetention, Subject, SubjectList, SubjectName, SubjectNumbers,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use event::{
    Application, Attribute, Content, Fact, LegalHold, Number, Origin, ResourceType, RetentionSet,
    SubjectsErased,
};
use projector::{
    ApplicationRow, Decision, Draft, PassedPart, ProjectorError, Stamp, View, case_folded, names_of,
};
use tokio::task::spawn_blocking;

use super::admin::refusal;
use super::ask::{Ask, Reading};
use super::body::Upload;
use super::lists::people_in;
use super::question::{NamesOf, read_act};
use crate::as_of::identity_at;
use crate::error::Error;
use crate::record::Record;
use crate::reference::Person;
use crate::{ErasureRequest, Query};

/// A name leads to at most so many numbers.
const FOUND_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 1_024;
const REASON_BYTES_MAX: usize = 1_024;
const MONTHS_MAX: u16 = 600;
const FORM: &str = r#"{"application": TEXT or null, "numbers": [NUMBER, …], "reason": TEXT}"#;

/// The kinds of name by which somebody is found.
const NAMES: [Attribute; 4] =
    [Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName, Attribute::Email];

/// `POST /api/v1/subjects/find`
pub(super) async fn find(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<FoundSubjects>, Error> {
    let acting = ask.act::<FindSubjects, _>(move |reading| read_act(reading, &names));
    let (_, FindSubjects {}) = acting.await?;
    let SubjectName { name, application } =
        body.json(r#"{"name": TEXT, "application": TEXT}"#).await?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::Body(format!("`name` takes 1 to {NAME_BYTES_MAX} bytes")));
    }
    // Only admins find people, and they may see all.
    let found = spawn_blocking(move || {
        let store = query.committer.store();
        let snapshot = store.snapshot();
        let record = &Record::new(store, &snapshot, query.committer.now(), &query.cursor_key)?;
        let view = &record.view;
        let all = match application {
            Some(slug) => vec![view.application(&slug)?.ok_or(NO_APPLICATION)?],
            None => view.applications()?,
        };
        let mut found = FoundSubjects { subjects: vec![], lists: vec![] };
        let mut known: Vec<(Attribute, String)> = vec![(Attribute::Id, name.clone())];
        known.extend(NAMES.map(|attribute| (attribute, case_folded(attribute, &name))));
        for application in all {
            let numbers = closure(view, application.number, &name)?;
            for (number, by) in &numbers {
                known.extend(names_ever(view, application.number, *number)?);
                found.subjects.push(subject(view, &application, (*number, *by))?);
            }
        }
        found.lists = lists_naming(record, &known)?;
        Ok::<_, Error>(found)
    });
    Ok(Json(found.await.map_err(|_| Error::Defect)??))
}

/// All numbers of an application that a name leads to, each with the kind of name that did: those that have
/// or had it, and those that have a name of one of them.
fn closure(
    view: &View<'_>,
    application: Application,
    name: &str,
) -> Result<BTreeMap<Number, Attribute>, Error> {
    let mut found: BTreeMap<Number, Attribute> = BTreeMap::new();
    for kind in kinds(view)? {
        let by_id = view.number_of_id(application, kind, name)?;
        let mentioned = view.mentions(application, kind, Attribute::Id, name)?;
        for number in by_id.into_iter().chain(mentioned) {
            found.entry(number).or_insert(Attribute::Id);
        }
    }
    let mut names: BTreeSet<(Attribute, String)> =
        NAMES.map(|attribute| (attribute, case_folded(attribute, name))).into();
    for number in found.keys() {
        names.extend(own_names(view, application, *number)?);
    }
    let mut next: Vec<(Attribute, String)> = names.iter().cloned().collect();
    while let Some((attribute, name)) = next.pop() {
        for number in bearers(view, application, attribute, &name)? {
            if found.contains_key(&number) {
                continue;
            }
            if found.len() == FOUND_MAX {
                let words = format!("more than {FOUND_MAX} bear this name: give a narrower one");
                return Err(Error::Subject(words));
            }
            found.insert(number, attribute);
            for name in own_names(view, application, number)? {
                if names.insert(name.clone()) {
                    next.push(name);
                }
            }
        }
    }
    Ok(found)
}

/// All types of resource.
fn kinds(view: &View<'_>) -> Result<Vec<ResourceType>, ProjectorError> {
    let further = view.resource_types()?.into_iter().map(|(kind, _)| kind);
    Ok([ResourceType::USER, ResourceType::GROUP].into_iter().chain(further).collect())
}

/// Everybody who has or had a name, or was mentioned by it.
fn bearers(
    view: &View<'_>,
    application: Application,
    attribute: Attribute,
    name: &str,
) -> Result<Vec<Number>, ProjectorError> {
    let mut all = vec![];
    for kind in kinds(view)? {
        let holders = view.name_holders(application, kind, attribute, name)?;
        all.extend(holders.into_iter().map(|holder| holder.number));
        all.extend(view.mentions(application, kind, attribute, name)?);
    }
    Ok(all)
}

/// The names of a number that lead to other numbers of the same person: not a display name, which many have.
fn own_names(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Vec<(Attribute, String)>, ProjectorError> {
    let mut names = names_ever(view, application, number)?;
    names.retain(|(attribute, _)| *attribute != Attribute::DisplayName);
    Ok(names)
}

/// Every name that a number has or had, or was mentioned by.
fn names_ever(
    view: &View<'_>,
    application: Application,
    number: Number,
) -> Result<Vec<(Attribute, String)>, ProjectorError> {
    let mut names: BTreeSet<(Attribute, String)> = BTreeSet::new();
    for seq in view.version_seqs(application, number, View::NOW)? {
        let version = view.version(application, number, seq)?;
        names.extend(version.and_then(|one| one.state).iter().flat_map(names_of));
    }
    let mentioned = view.names_mentioned(application, number)?.into_iter();
    names.extend(mentioned.filter(|(attribute, _)| NAMES.contains(attribute)));
    Ok(names.into_iter().collect())
}

fn subject(
    view: &View<'_>,
    application: &ApplicationRow,
    (number, by): (Number, Attribute),
) -> Result<Subject, Error> {
    let slug = application.slug.clone();
    let application = application.number;
    let identity = identity_at(view, application, number, View::NOW)?;
    let version = view.version(application, number, View::NOW)?;
    let state = match version {
        _ if view.erased(application, number)?.is_some() => "erased",
        Some(version) if version.state.is_some() => "exists",
        Some(_) => "deleted",
        None => "mentioned",
    };
    Ok(Subject {
        application: slug,
        number: number.0,
        state: state.to_owned(),
        id: identity.id,
        user_name: identity.user_name,
        external_id: identity.external_id,
        display_name: identity.display_name,
        found_by: by.name().to_owned(),
        held_by_seq: view.hold(application, number)?,
    })
}

/// The uploads of lists that have one of these names.
fn lists_naming(
    record: &Record<'_>,
    names: &[(Attribute, String)],
) -> Result<Vec<SubjectList>, Error> {
    let mut found = vec![];
    for list in record.view.reference_lists()? {
        let event = record.event(list.seq)?;
        let Some(people) = people_in(&event)? else { continue };
        let is_named = |person: &Person| {
            person
                .names()
                .any(|(attribute, name)| names.contains(&(attribute, case_folded(attribute, name))))
        };
        let number = event.parts.iter().map(|part| part.subject).find(|one| *one != Number::NOBODY);
        if let (true, Some(number)) = (people.iter().any(is_named), number) {
            found.push(SubjectList {
                name: list.name,
                application: record.view.application_of(list.application)?.map(|row| row.slug),
                seq: list.seq,
                number: number.0,
            });
        }
    }
    Ok(found)
}

/// The numbers of a request, checked and sorted.
fn numbers_of(asked: &SubjectNumbers) -> Result<Vec<Number>, Error> {
    let numbers: BTreeSet<Number> = asked.numbers.iter().copied().map(Number).collect();
    let most = SubjectsErased::NUMBERS_MAX;
    if numbers.is_empty() || numbers.len() > most || numbers.contains(&Number::NOBODY) {
        return Err(Error::Body(format!("`numbers` takes 1 to {most} numbers above 0")));
    }
    if asked.reason.as_ref().is_some_and(|text| text.len() > REASON_BYTES_MAX) {
        return Err(Error::Body(format!("`reason` takes at most {REASON_BYTES_MAX} bytes")));
    }
    Ok(numbers.into_iter().collect())
}

/// The application of a request; the recorder for lists of the whole server.
fn application_of(view: &View<'_>, slug: Option<&str>) -> Result<Option<Application>, Error> {
    let Some(slug) = slug else { return Ok(Some(Application::RECORDER)) };
    Ok(view.application(slug)?.map(|row| row.number))
}

const NO_APPLICATION: Error = Error::NotFound("there is no such application");

/// Why a number cannot be erased or held now, if so.
fn refused(
    view: &View<'_>,
    application: Application,
    number: Number,
    erases: bool,
) -> Result<Option<Error>, Error> {
    if number >= view.next_number(application)? {
        return Ok(Some(Error::NotFound("there is no such number in the application")));
    }
    if view.erased(application, number)?.is_some() {
        return Ok(Some(Error::Subject(format!("number {number} is erased already"))));
    }
    if !erases {
        return Ok(None);
    }
    if view.hold(application, number)?.is_some() {
        let words = format!("number {number} is under a legal hold: release it first");
        return Ok(Some(Error::Subject(words)));
    }
    let exists =
        view.version(application, number, View::NOW)?.is_some_and(|one| one.state.is_some());
    let member = || -> Result<bool, Error> {
        Ok(view.stays(application, number)?.iter().any(|stay| stay.end.is_none()))
    };
    let first = if exists {
        "still exists: delete the account first"
    } else if member()? {
        "is a member of a group: take it out first"
    } else {
        return Ok(None);
    };
    let words = format!("number {number} {first}, at the identity provider or with a SCIM request");
    Ok(Some(Error::Subject(words)))
}

/// `POST /api/v1/subjects/erase`
pub(super) async fn erase(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<Erased>, Error> {
    let acting = ask.act::<EraseSubjects, _>(move |reading| read_act(reading, &names));
    let (admin, EraseSubjects {}) = acting.await?;
    let asked: SubjectNumbers = body.json(FORM).await?;
    let numbers = numbers_of(&asked)?;
    let (slug, wanted) = (asked.application.clone(), numbers.clone());
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let decided = || -> Result<Application, Error> {
            let application = application_of(view, slug.as_deref())?.ok_or(NO_APPLICATION)?;
            for number in &wanted {
                if let Some(error) = refused(view, application, *number, true)? {
                    return Err(error);
                }
            }
            Ok(application)
        };
        let application = match decided() {
            Ok(application) => application,
            Err(Error::Read(error)) => return Err(error),
            Err(error) => return refusal(error),
        };
        let fact = Fact::SubjectsErased(SubjectsErased { numbers: wanted });
        let event =
            Draft { application, origin: Some(origin), fact, parts: vec![], passed: vec![] };
        let reply = Ok((application, stamp.seq, stamp.recorded_at));
        Ok(Decision { events: vec![event], reply })
    };
    // A task of its own: once it is ordered it is carried out, also if who asked has left.
    let ordered = tokio::spawn(async move {
        let (application, seq, recorded_at) = query.decide(admin, decide).await?;
        let request = ErasureRequest { seq, application, numbers };
        let completed_seq = (query.erase)(request).await?;
        Ok::<_, Error>((seq, recorded_at, completed_seq))
    });
    let (seq, recorded_at, completed_seq) = ordered.await.map_err(|_| Error::Defect)??;
    Ok(Json(Erased {
        application: asked.application,
        numbers: asked.numbers,
        seq,
        erased_at: recorded_at.to_string().into(),
        completed_seq,
    }))
}

/// `POST /api/v1/subjects/hold`
pub(super) async fn hold(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<Held>, Error> {
    let read = move |reading: &Reading<'_>| read_act(reading, &names).map(|HoldSubjects {}| ());
    set_hold::<HoldSubjects>(state, ask, read, body, true).await
}

/// `POST /api/v1/subjects/release`
pub(super) async fn release(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<Held>, Error> {
    let read = move |reading: &Reading<'_>| read_act(reading, &names).map(|ReleaseSubjects {}| ());
    set_hold::<ReleaseSubjects>(state, ask, read, body, false).await
}

async fn set_hold<A: Act>(
    State(query): State<Arc<Query>>,
    ask: Ask,
    read: impl FnOnce(&Reading<'_>) -> Result<(), Error> + Send + 'static,
    body: Upload,
    held: bool,
) -> Result<Json<Held>, Error> {
    let (admin, ()) = ask.act::<A, _>(read).await?;
    let asked: SubjectNumbers = body.json(FORM).await?;
    let numbers = numbers_of(&asked)?;
    let reason = asked.reason.clone().filter(|text| !text.trim().is_empty());
    if held && reason.is_none() {
        return Err(Error::Body(
            "a legal hold takes a `reason`, such as the number of a case".into(),
        ));
    }
    let note =
        reason.map(|text| serde_json::to_vec(&text).map_err(|_| Error::Defect)).transpose()?;
    let passed = note.map(|note| query.committer.gate().passed(Content::Note(note)));
    let slug = asked.application.clone();
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        let decided = || -> Result<Application, Error> {
            let application = application_of(view, slug.as_deref())?.ok_or(NO_APPLICATION)?;
            for number in &numbers {
                if let Some(error) = refused(view, application, *number, false)? {
                    return Err(error);
                }
                if view.hold(application, *number)?.is_some() == held {
                    let is = if held { "is held already" } else { "is not held" };
                    return Err(Error::Subject(format!("number {number} {is}")));
                }
            }
            Ok(application)
        };
        let application = match decided() {
            Ok(application) => application,
            Err(Error::Read(error)) => return Err(error),
            Err(error) => return refusal(error),
        };
        // The reason says why somebody cannot be erased, so it outlives them.
        let passed = passed.into_iter().map(|note| PassedPart::new(Number::NOBODY, note)).collect();
        let fact = Fact::LegalHold(LegalHold { numbers, held });
        let event = Draft { application, origin: Some(origin), fact, parts: vec![], passed };
        Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
    };
    let seq = query.decide(admin, decide).await?;
    Ok(Json(Held { application: asked.application, numbers: asked.numbers, held, seq }))
}

/// `GET /api/v1/apps/{app}/subjects/{number}/export`
pub(super) async fn export(
    State(_): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    let asked = ask.act::<ExportSubject, _>(move |reading| {
        let ExportSubject { app, number } = read_act(reading, &names)?;
        let application = reading.caller.application(&reading.record.view, &app.0)?;
        held::zip(reading, &application, Number(number))
    });
    let (admin, (application, zip)) = asked.await?;
    admin.concerns(application);
    let mut response = zip.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    let name = HeaderValue::from_static("attachment; filename=\"subject.zip\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// `PATCH /api/v1/apps/{app}/retention`
pub(super) async fn set_retention(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<RetentionOf>, Error> {
    let acting = ask.act::<SetRetention, _>(move |reading| {
        let SetRetention { app } = read_act(reading, &names)?;
        reading.caller.application(&reading.record.view, &app.0)
    });
    let (admin, application) = acting.await?;
    let number = application.number;
    admin.concerns(number);
    let NewRetention { months } = body.json(r#"{"months": NUMBER or null}"#).await?;
    if months.is_some_and(|months| !(1..=MONTHS_MAX).contains(&months)) {
        return Err(Error::Body(format!("`months` takes 1 to {MONTHS_MAX}, or null for ever")));
    }
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let before = view.retention(number)?;
        let held = view.holds(number)?.into_iter().map(|(number, _)| number.0).collect::<Vec<_>>();
        let reply = Ok((before.erased_through, held));
        if before.months == months {
            return Ok(Decision { events: vec![], reply });
        }
        let fact = Fact::RetentionSet(RetentionSet { months });
        let event = Draft {
            application: number,
            origin: Some(origin),
            fact,
            parts: vec![],
            passed: vec![],
        };
        Ok(Decision { events: vec![event], reply })
    };
    let (erased_through, held) = query.decide(admin, decide).await?;
    query.retention.notify_one();
    let erased_through = erased_through.map(month_of);
    Ok(Json(RetentionOf { application: application.slug, months, erased_through, held }))
}

/// A month, counted from January 1970 as 0.
pub(super) fn month_of(month: u32) -> String {
    format!("{}-{:02}", 1970 + month / 12, month % 12 + 1)
}

/// `GET /api/v1/retention`
pub(super) async fn retention(
    State(_): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<Retentions>, Error> {
    let asked = ask.act::<ShowRetention, _>(move |reading| {
        let ShowRetention {} = read_act(reading, &names)?;
        let record = &reading.record;
        let view = &record.view;
        let slugs = reading.slugs()?;
        let mut all = Retentions { applications: vec![], erasures: vec![] };
        for application in view.applications()? {
            if !reading.caller.may_see(application.number) {
                continue;
            }
            let retention = view.retention(application.number)?;
            let held = view.holds(application.number)?;
            all.applications.push(RetentionOf {
                application: application.slug,
                months: retention.months,
                erased_through: retention.erased_through.map(month_of),
                held: held.into_iter().map(|(number, _)| number.0).collect(),
            });
        }
        for erasure in view.erasures()? {
            if !reading.caller.may_see(erasure.application) {
                continue;
            }
            let header = record.header(erasure.seq)?;
            let Fact::SubjectsErased(erased) = &header.fact else {
                return Err(Error::Damaged("an erasure"));
            };
            all.erasures.push(ErasureOf {
                application: slugs.get(&erasure.application).cloned(),
                seq: erasure.seq,
                erased_at: header.recorded_at.to_string().into(),
                numbers: erased.numbers.iter().map(|number| number.0).collect(),
                completed_seq: erasure.completed_seq,
            });
        }
        Ok(all)
    });
    let (_, all) = asked.await?;
    Ok(Json(all))
}
