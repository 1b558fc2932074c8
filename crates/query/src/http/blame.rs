//! Why a user has each value and membership: the event, the credential, the address, the time.

use std::collections::{BTreeMap, BTreeSet};

use event::{ResourceType, Seq, Verdict};
use serde_json::{Map, Value};

use super::ask::{Ask, Names, Reading};
use super::resource;
use crate::answer::Answer;
use crate::as_of::Existence;
use crate::blame::{Cause, What, memberships, values};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::operation::{Operations, verdict_name};
use crate::person::group_columns;
use crate::shown::json_value;
use crate::stand::Stand;

/// `GET /api/v1/apps/{app}/users/{user}/blame`
pub(super) async fn of_user(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| blame(&reading, ResourceType::USER, "user", &names)).await
}

/// `GET /api/v1/apps/{app}/groups/{group}/blame`
pub(super) async fn of_group(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| blame(&reading, ResourceType::GROUP, "group", &names)).await
}

/// What gave a resource its values as of an instant; of one that was deleted by then, the values that
/// it had.
fn blame(
    reading: &Reading<'_>,
    resource_type: ResourceType,
    what: &'static str,
    Names((slug, named)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let application = reading.caller.application(&reading.record.view, slug)?.number;
    let params = reading.params(&["at", "path", "knownAt", "tz", "limit", "cursor"])?;
    let names = [("app", slug.as_str()), (what, named)];
    let stand = Stand::of_page(&reading.record, &params, &names, "blame")?;
    let record = &reading.record.of_first(stand.size);
    let view = &record.view;
    let found = resource::named(view, application, resource_type, named, stand.at_seq)?;
    let until = match &found.existence {
        Existence::Exists(_) => stand.at_seq,
        Existence::Deleted { seq } => seq.checked_sub(1),
        Existence::NotYet { .. } => None,
    };
    let mut causes = vec![];
    if let Some(until) = until {
        causes = values(record, application, found.number, until)?;
        causes.append(&mut memberships(record, application, found.number, until)?);
    }
    if let Some(path) = params.get("path") {
        causes.retain(|cause| cause.what.is_named(path));
    }
    let (page, next) = stand.part_of(&causes);
    // One event gives a user most of its values.
    let seqs: BTreeSet<Seq> = page.iter().map(|cause| cause.seq).collect();
    let read = Operations::new(record)?;
    let operations = read.rows(seqs.iter().copied())?;
    let mut operations: BTreeMap<Seq, Value> = seqs.into_iter().zip(operations).collect();
    // What a look found of a request whose outcome was in doubt, that request did.
    let behind: BTreeMap<Seq, Seq> = operations
        .iter()
        .filter(|(_, row)| row["verdict"] == verdict_name(Verdict::Confirmed))
        .filter_map(|(seq, row)| Some((*seq, row["settles"].as_array()?.last()?.as_u64()?)))
        .collect();
    let requests = read.rows(behind.values().copied())?;
    operations.extend(behind.values().copied().zip(requests));
    let rows = page.iter().map(|Cause { what, seq }| {
        let seq = behind.get(seq).unwrap_or(seq);
        let (old, new) = match what {
            What::Value(change) => (
                json_value(change.old.as_deref(), "a changed value")?,
                json_value(change.new.as_deref(), "a changed value")?,
            ),
            What::Membership { group, joined } => {
                let group = Value::from(group_columns(record, application, *group, until)?);
                if *joined { (Value::Null, group) } else { (group, Value::Null) }
            }
        };
        let mut row = Map::new();
        row.insert("path".into(), what.path().into());
        row.insert("value".into(), new);
        row.insert("oldValue".into(), old);
        row.insert("removed".into(), (!what.is_present()).into());
        let operation = operations.get(seq).ok_or(Error::Damaged("an operation"))?;
        row.insert("setAt".into(), operation["recordedAt"].clone());
        row.insert("setSeq".into(), (*seq).into());
        for name in ["eventId", "operation", "actorType", "actorId", "sourceIp", "requestId"] {
            row.insert(name.into(), operation[name].clone());
        }
        Ok(row.into())
    });
    let rows = rows.collect::<Result<_, Error>>()?;
    let coverage = Coverage::at(record, &stand, &[application])?;
    let answer = Answer::new(record, &stand, &coverage).about(application, found.number);
    Ok(resource::with_existence(answer, &found).rows(rows, causes.len() as u64, next))
}
