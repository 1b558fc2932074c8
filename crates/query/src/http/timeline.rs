//! Everything that happened to one user or group.

use event::{Application, Number, ResourceType};
use projector::View;

use super::{Ask, Names, Reading, resource};
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::cursor::List;
use crate::error::Error;
use crate::log::Log;
use crate::name::{Found, Name};
use crate::operation::Operations;
use crate::stand::Stand;

/// `GET /api/v1/apps/{app}/users/{user}/timeline`
pub(super) async fn of_user(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.read(move |reading| timeline(&reading, ResourceType::USER, "user", &names)).await
}

/// `GET /api/v1/apps/{app}/groups/{group}/timeline`
pub(super) async fn of_group(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.read(move |reading| timeline(&reading, ResourceType::GROUP, "group", &names)).await
}

/// The operations on a resource, and those on others that concern it: a group that it joined or left,
/// a member that joined or left it. Newest first.
fn timeline(
    reading: &Reading<'_>,
    resource_type: ResourceType,
    what: &'static str,
    Names((slug, name)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let record = &reading.record;
    let application = reading.caller.application(&record.view, slug)?.number;
    let params = reading.params(&["from", "to", "limit", "cursor"])?;
    let names = [("app", slug.as_str()), (what, name)];
    let stand = Stand::of_page(record, &params, &names, List::Timeline)?;
    let number = number_of(&record.view, application, resource_type, name)?;
    let log = Log::new(record.view, record.store);
    // One more than is shown tells whether there are more.
    let mut seqs = log.timeline(application, number, stand.seqs_left(), stand.limit + 1)?;
    let count = log.timeline(application, number, stand.seqs.clone(), usize::MAX)?.len();
    let more = seqs.len() > stand.limit;
    seqs.truncate(stand.limit);
    let next = seqs.last().filter(|_| more).map(|seq| stand.next(List::Timeline, *seq));
    let rows = Operations::new(record)?.rows_about(number, seqs.into_iter())?;
    let coverage = Coverage::between(record, &stand)?;
    Ok(Answer::new(record, &stand, &coverage).rows(rows, count as u64, next))
}

/// Who a name means: who bears it, else who bore it last, else whom it only mentions, a person whose
/// creation was refused.
fn number_of(
    view: &View<'_>,
    application: Application,
    resource_type: ResourceType,
    name: &str,
) -> Result<Number, Error> {
    let name = Name::parse(name);
    match name.at(view, application, resource_type, Some(View::NOW))? {
        Found::One(number) => Ok(number),
        Found::Several(numbers) => Err(resource::ambiguous(view, application, &numbers)?),
        Found::Nobody => name.mentioned(view, application, resource_type)?.ok_or(resource::UNKNOWN),
    }
}
