//! Everything that happened to one user or group.

use event::{Number, ResourceType};

use super::ask::{Ask, Names, Reading};
use super::resource;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::log::Log;
use crate::name::Name;
use crate::operation::Operations;
use crate::stand::Stand;

/// `GET /api/v1/apps/{app}/users/{user}/timeline`
pub(super) async fn of_user(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| timeline(&reading, ResourceType::USER, "user", &names)).await
}

/// `GET /api/v1/apps/{app}/groups/{group}/timeline`
pub(super) async fn of_group(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| timeline(&reading, ResourceType::GROUP, "group", &names)).await
}

/// The operations on a resource, and those on others that concern it: a group that it joined or left,
/// a member that joined or left it. Newest first. A name means everybody who ever bore it, so that an
/// account's story goes on after it was deleted and made anew.
fn timeline(
    reading: &Reading<'_>,
    resource_type: ResourceType,
    what: &'static str,
    Names((slug, name)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let application = reading.caller.application(&reading.record.view, slug)?.number;
    let params = reading.params(&["from", "to", "knownAt", "tz", "limit", "cursor"])?;
    let names = [("app", slug.as_str()), (what, name)];
    let stand = Stand::of_page(&reading.record, &params, &names, "timeline")?;
    let record = &reading.record.of_first(stand.size);
    let numbers = Name::parse(name).ever(&record.view, application, resource_type)?;
    if numbers.is_empty() {
        return Err(resource::UNKNOWN);
    }
    let log = Log::new(record.view, record.store);
    // One more than is shown tells whether there are more.
    let left = stand.stretch_left(record)?;
    let mut items = log.timeline(application, &numbers, &left, stand.limit + 1)?;
    let count = log.timeline_count(application, &numbers, &stand.stretch())?;
    let more = items.len() > stand.limit;
    items.truncate(stand.limit);
    let last = items.last().filter(|_| more);
    let next = last.map(|last| stand.next_after(last.moment()));
    let seqs = items.iter().map(|item| item.moment().seq);
    let rows = Operations::new(record)?.rows_about(&numbers, seqs)?.into_iter();
    let rows = rows.map(|row| serde_json::to_value(row).map_err(|_| Error::Defect));
    let rows = rows.collect::<Result<_, _>>()?;
    let coverage = Coverage::between(record, &stand, &[application])?;
    let answer = Answer::new(record, &stand, &coverage);
    let one = numbers.first().copied().unwrap_or(Number::NOBODY);
    Ok(answer.about(application, one).rows(rows, count, next))
}
