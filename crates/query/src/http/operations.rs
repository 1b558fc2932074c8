//! Operations: what was asked of us, and what came of it.

use std::collections::BTreeSet;

use event::{
    Action, Application, CodeKind, Credential, Event, EventId, Number, ResourceType, Seq,
    Source as ImportSource, Status,
};
use projector::View;

use super::ask::{Ask, Names, Reading};
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::log::{Filter, Log, Wanted};
use crate::name::Name;
use crate::operation::Operations;
use crate::params::Params;
use crate::shown::Shown;
use crate::stand::Stand;

pub(super) const NO_OPERATION: Error = Error::NotFound("there is no such operation");

/// `GET /api/v1/operations`: newest first. Filters read indexes and summaries; only what is shown is
/// opened.
pub(super) async fn list(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params = reading.params(&[
            "app",
            "status",
            "action",
            "resource",
            "credential",
            "requestId",
            "source",
            "log",
            "errorCode",
            "skipReason",
            "cycleId",
            "changeId",
            "from",
            "to",
            "knownAt",
            "tz",
            "limit",
            "cursor",
        ])?;
        let stand = Stand::of_page(&reading.record, &params, &[], "operations")?;
        let record = &reading.record.of_first(stand.size);
        let filter = filter(&reading, &record.view, &params)?;
        let log = Log::new(record.view, record.store);
        let application = filter.application;
        let applications = reading.applications(application)?;
        let mut wanted = Wanted::both(filter);
        match params.read_as("source", "recorded or imported", kind)? {
            Some(Kind::Recorded) => wanted.imported = None,
            Some(Kind::Imported) => wanted.recorded = None,
            None => {}
        }
        let page = log.page(&wanted, &stand.stretch_left(record)?, stand.limit)?;
        let count = log.count(&wanted, &stand.stretch())?;
        let last = page.rows.last().filter(|_| page.more);
        let next = last.map(|last| stand.next_after(last.moment()));
        let rows = Operations::new(record)?.rows(page.rows.iter().map(|item| item.moment().seq))?;
        let coverage = Coverage::between(record, &stand, &applications)?;
        let answer = Answer::new(record, &stand, &coverage);
        let answer = answer.about(reading.asked_application(application), Number::NOBODY);
        Ok(answer.rows(rows, count, next))
    })
    .await
}

/// What is asked for, within what the caller may see; `view` is what the answer may know.
fn filter(reading: &Reading<'_>, view: &View<'_>, params: &Params) -> Result<Filter, Error> {
    let application = match params.get("app") {
        Some(slug) => Some(reading.caller.application(view, slug)?.number),
        None => reading.caller.scope(),
    };
    let resources = match params.get("resource") {
        Some(name) => Some(resources(view, application, Name::parse(name))?),
        None => None,
    };
    let status = |text: &str| Status::from_name(text);
    let action = |text: &str| Action::from_name(text);
    let credential = |text: &str| match text {
        "none" => Some(Credential::NONE),
        // A sign is no part of a number here.
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Credential),
        _ => None,
    };
    Ok(Filter {
        application,
        credential: params.read_as("credential", "the id of a token, or none", credential)?,
        status: params.read_as("status", "success, failure, skipped or warning", status)?,
        action: params.read_as(
            "action",
            "create, update, disable, delete, stagedDelete or other",
            action,
        )?,
        resources,
        request_id: params.get("requestId").map(str::to_owned),
        log: params.read_as("log", "provisioning or directoryAudit", ImportSource::from_name)?,
        code: code(params)?,
    })
}

/// Whether we saw it, or somebody says so.
enum Kind {
    Recorded,
    Imported,
}

fn kind(text: &str) -> Option<Kind> {
    match text {
        "recorded" => Some(Kind::Recorded),
        "imported" => Some(Kind::Imported),
        _ => None,
    }
}

/// The code of imported entries that is asked for; one at a time.
fn code(params: &Params) -> Result<Option<(CodeKind, String)>, Error> {
    let kinds = [
        ("errorCode", CodeKind::Error),
        ("skipReason", CodeKind::SkipReason),
        ("cycleId", CodeKind::Cycle),
        ("changeId", CodeKind::Change),
    ];
    let given = kinds.into_iter().filter_map(|(name, kind)| Some((name, kind, params.get(name)?)));
    let mut given = given.collect::<Vec<_>>().into_iter();
    let first = given.next();
    if let Some((name, ..)) = given.next() {
        let accepts =
            "its value alone: one of errorCode, skipReason, cycleId and changeId at a time";
        return Err(Error::Parameter { name, accepts });
    }
    Ok(first.map(|(_, kind, text)| (kind, text.to_owned())))
}

/// Everybody and everything that ever had a name, in one application or in all.
fn resources(
    view: &View<'_>,
    application: Option<Application>,
    name: Name<'_>,
) -> Result<BTreeSet<(Application, Number)>, Error> {
    let applications = match application {
        Some(application) => vec![application],
        None => view.applications()?.into_iter().map(|row| row.number).collect(),
    };
    let mut types = vec![ResourceType::USER, ResourceType::GROUP];
    types.extend(view.resource_types()?.into_iter().map(|(number, _)| number));
    let mut found = BTreeSet::new();
    for application in applications {
        for resource_type in &types {
            let numbers = name.ever(view, application, *resource_type)?;
            found.extend(numbers.into_iter().map(|number| (application, number)));
        }
    }
    Ok(found)
}

/// `GET /api/v1/operations/{id}`: one operation whole, by event id or seq.
pub(super) async fn one(ask: Ask, Names(id): Names<String>) -> Result<Answer, Error> {
    ask.answer(move |reading| {
        let params = reading.params(&["knownAt", "tz"])?;
        let stand = Stand::of_one(&reading.record, &params, &[("operation", &id)])?;
        let record = &reading.record.of_first(stand.size);
        let (event, number) = found(&reading, &id)?;
        if event.seq >= record.size {
            return Err(NO_OPERATION);
        }
        let shown = Shown::of(&event).ok_or(NO_OPERATION)?;
        let whole = Operations::new(record)?.whole(&shown)?;
        let answer = Answer::new(record, &stand, &Coverage::complete());
        let answer = answer.about(event.header.application, number);
        Ok(answer.resource(Some(whole.into())))
    })
    .await
}

/// The operation of an id that the caller may see, and whom it is about.
pub(super) fn found(reading: &Reading<'_>, id: &str) -> Result<(Event, Number), Error> {
    let record = &reading.record;
    let seq = seq_of(reading, id).filter(|seq| *seq < record.size).ok_or(NO_OPERATION)?;
    let event = record.event(seq)?;
    let number = Shown::of(&event).ok_or(NO_OPERATION)?.number();
    if !reading.caller.may_see(event.header.application) {
        return Err(NO_OPERATION);
    }
    Ok((event, number))
}

/// The place that an event id of this log, or a plain seq, names.
fn seq_of(reading: &Reading<'_>, id: &str) -> Option<Seq> {
    if let Ok(id) = id.parse::<EventId>() {
        let (log, seq) = id.parts()?;
        return (log == reading.record.log()).then_some(seq);
    }
    // A number has one name: no sign, and no zeros before it.
    id.parse().ok().filter(|seq: &Seq| seq.to_string() == id)
}
