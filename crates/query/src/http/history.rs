//! Changes to the members of a group and to the groups of a user between two instants.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use answers::row::{AttributeChanged, Difference, GroupChanged, Stay};
use answers::{Diff, Question, StaysInGroup, StaysOfUser};
use event::{Application, Number, ResourceType, Seq};
use projector::Identity;
use serde_json::{Map, Value};

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::change::op;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::history::{self, Interval, differences, intervals_of_group, intervals_of_member};
use crate::person::{identity, is_privileged, member_type, moment};
use crate::record::Record;
use crate::type_names::TypeNames;

impl Answered for Diff {
    /// Who joined and left, by number, and which attributes changed.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Diff>, Error> {
        let application = asked.application(&self.app)?.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let (before, after) = stand.ends();
        let named = &self.group.0;
        let group = resource::named(&record.view, application, ResourceType::GROUP, named, after)?;
        let all = differences(&record.view, application, group.number, stand.seqs.clone())?;
        let types = TypeNames::read(&record.view)?;
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|one| difference(record, &types, application, one, after));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;

        let state = |at: Option<Seq>| -> Result<Option<Map<String, Value>>, Error> {
            let Some(at) = at else { return Ok(None) };
            let version = record.view.version(application, group.number, at)?;
            let version = version.filter(|version| version.state.is_some());
            Ok(version.map(|version| version.attributes()).transpose()?)
        };
        let (old, new) = (state(before)?, state(after)?);
        let who = identity(record, application, group.number, after)?;
        let beside = GroupChanged {
            group_id: who.id,
            group_name: who.display_name,
            existed_before: old.is_some(),
            exists_after: new.is_some(),
            attributes: attributes(old.unwrap_or_default(), new.unwrap_or_default()),
        };
        let coverage = Coverage::between(record, &stand, &[application])?;
        let found = Found::new(record, &stand, &coverage).about(application, group.number);
        Ok(found.beside(beside).rows(rows, all.len() as u64, next))
    }
}

fn difference(
    record: &Record<'_>,
    types: &TypeNames,
    application: Application,
    one: &history::Difference,
    after: Option<Seq>,
) -> Result<Difference, Error> {
    let who = identity(record, application, one.member, after)?;
    Ok(Difference {
        change: one.change.name().to_owned(),
        user_id: who.id,
        user_name: who.user_name,
        external_id: who.external_id,
        display_name: who.display_name,
        member_type: member_type(record, types, application, one.member, after)?,
        joined_at: moment(record, one.joined)?,
        joined_seq: one.joined,
        left_at: moment(record, one.left)?,
        left_seq: one.left,
    })
}

/// How the attributes of a group differ, by name.
fn attributes(old: Map<String, Value>, new: Map<String, Value>) -> Vec<AttributeChanged> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differ = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    let rows = differ.map(|name| {
        let (old, new) = (old.get(name), new.get(name));
        let value = |value: Option<&Value>| value.cloned().unwrap_or_default();
        AttributeChanged {
            path: name.clone(),
            op: op(old, new).to_owned(),
            old_value: value(old),
            new_value: value(new),
        }
    });
    rows.collect()
}

impl Answered for StaysInGroup {
    /// By group and member, earliest stay first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<StaysInGroup>, Error> {
        let group = (ResourceType::GROUP, self.group.0.as_str());
        let user = self.user.as_ref().map(|user| (ResourceType::USER, user.0.as_str()));
        stays(asked, &self.app, group, user, resource::of_group)
    }
}

impl Answered for StaysOfUser {
    /// By group, earliest stay first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<StaysOfUser>, Error> {
        let user = (ResourceType::USER, self.user.0.as_str());
        let group = self.group.as_ref().map(|group| (ResourceType::GROUP, group.0.as_str()));
        stays(asked, &self.app, user, group, resource::of_user)
    }
}

/// Every stay in a group that overlaps the question's time: of the group or user in the address
/// (`whose`), optionally limited to one user or group (`other`).
fn stays<Q: Question<Row = Stay>>(
    asked: &Asked<'_>,
    app: &answers::App,
    whose: (ResourceType, &str),
    other: Option<(ResourceType, &str)>,
    beside: fn(Identity) -> Q::Beside,
) -> Result<Found<Q>, Error> {
    let row_of = asked.application(app)?;
    let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
    let stand = asked.standpoint()?;
    let record = &asked.reading.record.limited_to(stand.size);
    let (view, (_, after)) = (&record.view, stand.ends());
    let find = |(resource_type, name): (ResourceType, &str)| -> Result<Number, Error> {
        Ok(resource::named(view, application, resource_type, name, after)?.number)
    };
    let found = find(whose)?;
    let other = other.map(find).transpose()?;
    let (member, group) = match whose.0 {
        ResourceType::GROUP => (other, Some(found)),
        _ => (Some(found), other),
    };
    let all = match member {
        Some(member) => intervals_of_member(view, application, member, group, &stand.seqs)?,
        None => intervals_of_group(view, application, found, &stand.seqs)?,
    };
    let types = TypeNames::read(view)?;
    let (page, next) = stand.part_of(&all);
    // Rows repeat the same few groups or the same member.
    let (mut groups, mut members) = (BTreeMap::new(), BTreeMap::new());
    let rows = page.iter().map(|one| {
        let start_known = resource::start_known(record, is_proxied, one.start)?;
        let (group, privileged) = once(&mut groups, one.group, |group| {
            let privileged = is_privileged(record, application, group, after)?;
            Ok((identity(record, application, group, after)?, privileged))
        })?;
        let (who, member_type) = once(&mut members, one.member, |member| {
            let kind = member_type(record, &types, application, member, after)?;
            Ok((identity(record, application, member, after)?, kind))
        })?;
        Ok(Stay {
            group_id: group.id,
            user_id: who.id,
            user_name: who.user_name,
            start: record.recorded_at(one.start)?.to_string().into(),
            start_seq: one.start,
            end: moment(record, one.end)?,
            end_seq: one.end,
            start_known,
            end_reason: end_reason(record, application, one)?.map(str::to_owned),
            group_name: group.display_name,
            external_id: who.external_id,
            display_name: who.display_name,
            member_type,
            privileged,
        })
    });
    let rows = rows.collect::<Result<Vec<_>, Error>>()?;
    let coverage = Coverage::between(record, &stand, &[application])?;
    let named = identity(record, application, found, after)?;
    let answer = Found::new(record, &stand, &coverage).about(application, found);
    Ok(answer.beside(beside(named)).rows(rows, all.len() as u64, next))
}

/// Reads what is known of a resource once, when first needed.
fn once<T: Clone>(
    known: &mut BTreeMap<Number, T>,
    number: Number,
    read: impl FnOnce(Number) -> Result<T, Error>,
) -> Result<T, Error> {
    Ok(match known.entry(number) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(free) => free.insert(read(number)?).clone(),
    })
}

/// How a stay ended; `None` while it lasts.
fn end_reason(
    record: &Record<'_>,
    application: Application,
    one: &Interval,
) -> Result<Option<&'static str>, Error> {
    let view = &record.view;
    Ok(match one.end {
        None => None,
        Some(end) if view.was_deleted_by(application, one.group, end)? => Some("groupDeleted"),
        Some(end) if view.was_deleted_by(application, one.member, end)? => Some("userDeleted"),
        Some(_) => Some("removed"),
    })
}
