//! Everything that happened to one user or group.

use answers::{App, Question, TimelineOfGroup, TimelineOfUser, row};
use event::{Number, ResourceType};
use projector::Identity;

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::log::Log;
use crate::name::Name;
use crate::operation::Operations;
use crate::person::identity;

impl Answered for TimelineOfUser {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<TimelineOfUser>, Error> {
        timeline(asked, &self.app, (ResourceType::USER, &self.user.0), resource::of_user)
    }
}

impl Answered for TimelineOfGroup {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<TimelineOfGroup>, Error> {
        timeline(asked, &self.app, (ResourceType::GROUP, &self.group.0), resource::of_group)
    }
}

/// The operations on a resource, and those on others that concern it (a group that it joined or left, a
/// member that joined or left). Newest first. A name covers every resource that ever had it, so that the
/// timeline continues when an account is deleted and created again.
fn timeline<Q: Question<Row = row::Operation>>(
    asked: &Asked<'_>,
    app: &App,
    (resource_type, name): (ResourceType, &str),
    beside: fn(Identity) -> Q::Beside,
) -> Result<Found<Q>, Error> {
    let application = asked.application(app)?.number;
    let (reading, stand) = (asked.reading, asked.standpoint()?);
    let record = &reading.record.limited_to(stand.size);
    let numbers = Name::parse(name).ever(&record.view, application, resource_type)?;
    if numbers.is_empty() {
        return Err(resource::UNKNOWN);
    }
    let log = Log::new(record.view, record.store);
    // One more than the page tells whether a next page exists.
    let left = stand.stretch_left(record)?;
    let mut items = log.timeline(application, &numbers, &left, stand.limit + 1)?;
    let count = log.timeline_count(application, &numbers, &stand.stretch())?;
    let more = items.len() > stand.limit;
    items.truncate(stand.limit);
    let last = items.last().filter(|_| more);
    let next = last.map(|last| stand.next_after(last.moment()));
    let seqs = items.iter().map(|item| item.moment().seq);
    let rows = Operations::new(record)?.rows_about(&numbers, seqs)?;
    let coverage = Coverage::between(record, &stand, &[application])?;
    let found = Found::new(record, &stand, &coverage);
    let one = numbers.first().copied().unwrap_or(Number::NOBODY);
    let newest = numbers.last().copied().unwrap_or(Number::NOBODY);
    let named = identity(record, application, newest, stand.ends().1)?;
    Ok(found.about(application, one).beside(beside(named)).rows(rows, count, next))
}
