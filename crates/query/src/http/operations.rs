//! Operations: SCIM requests, imported entries, and their outcomes.

use std::collections::BTreeSet;

use answers::choice::{self, Source};
use answers::{OneOperation, OperationFilters};
use event::{
    Action, Application, CodeKind, Credential, Effect, Event, EventId, Number, ResourceType, Seq,
    Source as ImportSource, Status,
};
use projector::View;

use super::ask::Reading;
use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::log::{Filter, Log, Wanted};
use crate::name::Name;
use crate::operation::Operations;
use crate::shown::Shown;
use crate::type_names::TypeNames;

pub(super) const NO_OPERATION: Error = Error::NotFound("there is no such operation");

impl Answered for answers::Operations {
    /// Newest first. Filters use indexes and summaries; only events of the page are read.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<answers::Operations>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let (filters, source) = (self.filters(), self.source);
        let application = asked.narrowed_to(filters.app.as_ref())?.or(reading.caller.scope());
        let filter = filter(asked, &record.view, &filters, application)?;
        let log = Log::new(record.view, record.store);
        let applications = reading.applications(application)?;
        let wanted = wanted(filter, source);
        let page = log.page(&wanted, &stand.stretch_left(record)?, stand.limit)?;
        let count = log.count(&wanted, &stand.stretch())?;
        let last = page.rows.last().filter(|_| page.more);
        let next = last.map(|last| stand.next_after(last.moment()));
        let rows = Operations::new(record)?.rows(page.rows.iter().map(|item| item.moment().seq))?;
        let coverage = Coverage::between(record, &stand, &applications)?;
        let found = Found::new(record, &stand, &coverage);
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        Ok(found.rows(rows, count, next))
    }
}

/// What a filter selects of the operations from a source, or from both.
pub(super) fn wanted(filter: Filter, source: Option<Source>) -> Wanted {
    let mut wanted = Wanted::both(filter);
    match source {
        Some(Source::Recorded) => wanted.imported = None,
        Some(Source::Imported) => wanted.recorded = None,
        None => {}
    }
    wanted
}

/// The filter of a question in one application, or in all; the caller must be allowed to see it. `view` is
/// what the answer may know.
pub(super) fn filter(
    asked: &Asked<'_>,
    view: &View<'_>,
    wanted: &OperationFilters,
    application: Option<Application>,
) -> Result<Filter, Error> {
    let resources = match &wanted.resource {
        Some(name) => Some(resources(view, application, Name::parse(&name.0))?),
        None => None,
    };
    let credential = |text: &String| match text.as_str() {
        "none" => Ok(Credential::NONE),
        text => asked.credential(&answers::TokenId(text.to_owned())),
    };
    Ok(Filter {
        application,
        credential: wanted.credential.as_ref().map(credential).transpose()?,
        status: wanted.status.map(status),
        action: wanted.action.map(action),
        resource_type: resource_type(asked, view, wanted)?,
        effect: wanted.effect.map(effect),
        http_status: wanted.http_status,
        resources,
        request_id: wanted.request_id.clone(),
        log: wanted.log.map(log),
        code: code(asked, wanted)?,
    })
}

fn status(status: choice::Status) -> Status {
    match status {
        choice::Status::Success => Status::Success,
        choice::Status::Failure => Status::Failure,
        choice::Status::Skipped => Status::Skipped,
        choice::Status::Warning => Status::Warning,
    }
}

fn action(action: choice::Action) -> Action {
    match action {
        choice::Action::Create => Action::Create,
        choice::Action::Update => Action::Update,
        choice::Action::Disable => Action::Disable,
        choice::Action::Delete => Action::Delete,
        choice::Action::StagedDelete => Action::StagedDelete,
        choice::Action::Other => Action::Other,
    }
}

fn effect(effect: choice::Effect) -> Effect {
    match effect {
        choice::Effect::Applied => Effect::Applied,
        choice::Effect::NoOp => Effect::NoOp,
        choice::Effect::Read => Effect::Read,
        choice::Effect::Rejected => Effect::Rejected,
        choice::Effect::Skipped => Effect::Skipped,
        choice::Effect::Unknown => Effect::Unknown,
        choice::Effect::Unverified => Effect::Unverified,
        choice::Effect::Contradicted => Effect::Contradicted,
    }
}

/// The resource type that a filter names.
fn resource_type(
    asked: &Asked<'_>,
    view: &View<'_>,
    wanted: &OperationFilters,
) -> Result<Option<ResourceType>, Error> {
    let Some(name) = &wanted.resource_type else { return Ok(None) };
    let found = TypeNames::read(view)?.number(name);
    found.map(Some).ok_or_else(|| asked.refusal("resourceType"))
}

fn log(log: choice::Log) -> ImportSource {
    match log {
        choice::Log::Provisioning => ImportSource::Provisioning,
        choice::Log::DirectoryAudit => ImportSource::DirectoryAudit,
    }
}

/// The code by which imported entries are filtered; at most one.
fn code(asked: &Asked<'_>, wanted: &OperationFilters) -> Result<Option<(CodeKind, String)>, Error> {
    let kinds = [
        ("errorCode", CodeKind::Error, &wanted.error_code),
        ("skipReason", CodeKind::SkipReason, &wanted.skip_reason),
        ("cycleId", CodeKind::Cycle, &wanted.cycle_id),
        ("changeId", CodeKind::Change, &wanted.change_id),
    ];
    let mut given =
        kinds.into_iter().filter_map(|(name, kind, code)| Some((name, kind, code.clone()?)));
    let first = given.next();
    if let Some((name, ..)) = given.next() {
        return Err(asked.refusal(name));
    }
    Ok(first.map(|(_, kind, code)| (kind, code)))
}

/// Every resource that ever had a name, in one application or in all.
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

impl Answered for OneOperation {
    /// By event id or seq.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneOperation>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let (event, number) = found(reading, &self.operation)?;
        if event.seq >= record.size {
            return Err(NO_OPERATION);
        }
        let shown = Shown::of(&event).ok_or(NO_OPERATION)?;
        let mut whole = Operations::new(record)?.whole(&shown)?;
        whole.row.event_hash = record.event_hash(event.seq)?;
        let found = Found::new(record, &stand, &Coverage::complete());
        Ok(found.about(event.header.application, number).resource(Some(whole)))
    }
}

/// The operation with an id that the caller may see, and the resource that it concerns.
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

/// The event with an id that the caller may see, an operation or not: its seq, and whom it is about.
pub(super) fn found_event(
    reading: &Reading<'_>,
    id: &str,
) -> Result<(Seq, (Application, Number)), Error> {
    let record = &reading.record;
    let seq = seq_of(reading, id).filter(|seq| *seq < record.size).ok_or(NO_EVENT)?;
    let event = record.event(seq)?;
    let application = event.header.application;
    if !reading.caller.may_see(application) {
        return Err(NO_EVENT);
    }
    let number = Shown::of(&event).map_or(Number::NOBODY, |shown| shown.number());
    Ok((seq, (application, number)))
}

const NO_EVENT: Error = Error::NotFound("there is no such event");

/// The seq of an event id of this log, or of a plain seq.
fn seq_of(reading: &Reading<'_>, id: &str) -> Option<Seq> {
    if let Ok(id) = id.parse::<EventId>() {
        let (log, seq) = id.parts()?;
        return (log == reading.record.log()).then_some(seq);
    }
    // A seq is written in one way only: no sign, no leading zeros.
    id.parse().ok().filter(|seq: &Seq| seq.to_string() == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::Kind;

    /// The words that the log takes for a parameter.
    fn words(name: &str) -> Vec<String> {
        let described = answers::described::<answers::Operations>().unwrap();
        match &described.parameter(name).unwrap().kind {
            Kind::Choice(words) => words.iter().map(|one| one.word.clone()).collect(),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn filters_take_the_words_of_the_record() {
        let read = |name: &str, word: &String| -> answers::Operations {
            serde_json::from_value(serde_json::json!({ name: word })).unwrap()
        };
        let statuses = words("status");
        assert_eq!(statuses.len(), Status::ALL.len());
        for word in statuses {
            assert_eq!(read("status", &word).status.map(status), Status::from_name(&word));
        }
        let actions = words("action");
        assert_eq!(actions.len(), Action::ALL.len());
        for word in actions {
            assert_eq!(read("action", &word).action.map(action), Action::from_name(&word));
        }
        let effects = words("effect");
        assert_eq!(effects.len(), 8);
        for word in effects {
            let read = read("effect", &word).effect.map(effect);
            assert_eq!(read.map(Effect::name), Some(word.as_str()));
        }
        for word in words("log") {
            assert_eq!(read("log", &word).log.map(log), ImportSource::from_name(&word));
        }
        assert_eq!(words("source"), ["recorded", "imported"]);
    }
}
