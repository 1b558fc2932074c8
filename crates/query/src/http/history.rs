//! What happened to the members of a group, and to the groups of a user, in a stretch.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use event::{Application, Number, ResourceType, Seq};
use serde_json::{Map, Value};

use super::ask::{Ask, Names, Reading};
use super::resource;
use crate::answer::Answer;
use crate::as_of::Resource;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::history::{Difference, Interval, differences, intervals_of_group, intervals_of_member};
use crate::operation::change_row;
use crate::person::{group_columns, insert_moment, member_columns};
use crate::record::Record;
use crate::stand::Stand;
use crate::type_names::TypeNames;

/// `GET /api/v1/apps/{app}/groups/{group}/diff`: who joined and left, and what else changed.
pub(super) async fn diff(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| diff_of(&reading, &names)).await
}

fn diff_of(
    reading: &Reading<'_>,
    Names((slug, named)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let row_of = reading.caller.application(&reading.record.view, slug)?;
    let application = row_of.number;
    let params = reading.params(&["from", "to", "knownAt", "tz", "limit", "cursor"])?;
    let names = [("app", slug.as_str()), ("group", named)];
    let stand = Stand::of_page(&reading.record, &params, &names, "diff")?;
    let record = &reading.record.of_first(stand.size);
    let (before, after) = stand.ends();
    let group = resource::named(&record.view, application, ResourceType::GROUP, named, after)?;
    let all = differences(&record.view, application, group.number, stand.seqs.clone())?;
    let types = TypeNames::read(&record.view)?;
    let (page, next) = stand.part_of(&all);
    let rows = page.iter().map(|one| difference_row(record, &types, application, one, after));
    let rows = rows.collect::<Result<_, _>>()?;

    let state = |at: Option<Seq>| -> Result<Option<Map<String, Value>>, Error> {
        let Some(at) = at else { return Ok(None) };
        let version = record.view.version(application, group.number, at)?;
        Ok(version.and_then(|version| version.state))
    };
    let (old, new) = (state(before)?, state(after)?);
    let attributes = attributes(old.as_ref(), new.as_ref());
    let coverage = Coverage::between(record, &stand, &[application])?;
    let answer = Answer::new(record, &stand, &coverage).about(application, group.number);
    let answer = with_members(answer, group_columns(record, application, group.number, after)?);
    let answer = answer
        .with("existedBefore", old.is_some())
        .with("existsAfter", new.is_some())
        .with("attributes", attributes);
    Ok(answer.rows(rows, all.len() as u64, next))
}

fn with_members(answer: Answer, members: Map<String, Value>) -> Answer {
    members.into_iter().fold(answer, |answer, (name, value)| answer.with(&name, value))
}

fn difference_row(
    record: &Record<'_>,
    types: &TypeNames,
    application: Application,
    one: &Difference,
    after: Option<Seq>,
) -> Result<Value, Error> {
    let mut row = member_columns(record, types, application, one.member, after)?;
    row.insert("change".into(), one.change.name().into());
    insert_moment(record, &mut row, ("joinedAt", "joinedSeq"), one.joined)?;
    insert_moment(record, &mut row, ("leftAt", "leftSeq"), one.left)?;
    Ok(row.into())
}

/// How the attributes of a group differ, by name.
fn attributes(old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> Vec<Value> {
    let (old, new) = (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default());
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differ = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    let rows = differ.map(|name| {
        let (old, new) = (old.get(name), new.get(name));
        let op = match (old, new) {
            (None, _) => "add",
            (_, None) => "remove",
            _ => "replace",
        };
        let value = |value: Option<&Value>| value.cloned().unwrap_or_default();
        change_row(name, op, value(old), value(new))
    });
    rows.collect()
}

/// `GET /api/v1/apps/{app}/groups/{group}/intervals`
pub(super) async fn of_group(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| intervals(&reading, ResourceType::GROUP, &names)).await
}

/// `GET /api/v1/apps/{app}/users/{user}/intervals`
pub(super) async fn of_user(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| intervals(&reading, ResourceType::USER, &names)).await
}

/// Every stay of a member in a group that meets a stretch: of one group, or of one user.
fn intervals(
    reading: &Reading<'_>,
    resource_type: ResourceType,
    Names((slug, named)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let row_of = reading.caller.application(&reading.record.view, slug)?;
    let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
    let is_group = resource_type == ResourceType::GROUP;
    let (own, other) = if is_group { ("group", "user") } else { ("user", "group") };
    let params = match is_group {
        true => reading.params(&["user", "from", "to", "knownAt", "tz", "limit", "cursor"])?,
        false => reading.params(&["group", "from", "to", "knownAt", "tz", "limit", "cursor"])?,
    };
    let names = [("app", slug.as_str()), (own, named)];
    let stand = Stand::of_page(&reading.record, &params, &names, "intervals")?;
    let record = &reading.record.of_first(stand.size);
    let (_, after) = stand.ends();
    let find = |resource_type, name: &str| -> Result<Resource, Error> {
        resource::named(&record.view, application, resource_type, name, after)
    };
    let found = find(resource_type, named)?;
    let other_type = if is_group { ResourceType::USER } else { ResourceType::GROUP };
    let other = params.get(other).map(|name| find(other_type, name)).transpose()?;
    let view = &record.view;
    let other = other.map(|other| other.number);
    let (member, group) = match is_group {
        true => (other, Some(found.number)),
        false => (Some(found.number), other),
    };
    let all = match member {
        Some(member) => intervals_of_member(view, application, member, group, &stand.seqs)?,
        None => intervals_of_group(view, application, found.number, &stand.seqs)?,
    };
    let types = TypeNames::read(view)?;
    let (page, next) = stand.part_of(&all);
    // The same few groups, or the one member, stand in every row.
    let (mut groups, mut members) = (Columns::new(), Columns::new());
    let rows = page.iter().map(|one| {
        let start_known = !is_proxied || !resource::was_seen(record, one.start)?;
        let mut row =
            once(&mut groups, one.group, |group| group_columns(record, application, group, after))?;
        row.append(&mut once(&mut members, one.member, |member| {
            member_columns(record, &types, application, member, after)
        })?);
        insert_stay(record, &mut row, application, one, start_known)?;
        Ok(row.into())
    });
    let rows = rows.collect::<Result<_, Error>>()?;
    let coverage = Coverage::between(record, &stand, &[application])?;
    let answer = Answer::new(record, &stand, &coverage).about(application, found.number);
    Ok(answer.rows(rows, all.len() as u64, next))
}

type Columns = BTreeMap<Number, Map<String, Value>>;

/// The columns that name somebody, read when they are first needed.
fn once(
    known: &mut Columns,
    number: Number,
    read: impl FnOnce(Number) -> Result<Map<String, Value>, Error>,
) -> Result<Map<String, Value>, Error> {
    Ok(match known.entry(number) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(free) => free.insert(read(number)?).clone(),
    })
}

/// Adds when a stay began and ended, and how.
fn insert_stay(
    record: &Record<'_>,
    row: &mut Map<String, Value>,
    application: Application,
    one: &Interval,
    start_known: bool,
) -> Result<(), Error> {
    insert_moment(record, row, ("start", "startSeq"), Some(one.start))?;
    row.insert("startKnown".into(), start_known.into());
    insert_moment(record, row, ("end", "endSeq"), one.end)?;
    let view = &record.view;
    let reason = match one.end {
        None => None,
        Some(end) if view.was_deleted_by(application, one.group, end)? => Some("groupDeleted"),
        Some(end) if view.was_deleted_by(application, one.member, end)? => Some("userDeleted"),
        Some(_) => Some("removed"),
    };
    row.insert("endReason".into(), reason.into());
    Ok(())
}
