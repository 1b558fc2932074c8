//! Groups and their direct members as of an instant.

use event::{Application, Number, ResourceType};
use serde_json::{Value, json};

use super::ask::{Ask, Names, Reading};
use super::resource;
use crate::answer::Answer;
use crate::as_of::{
    Existence, Group, Member, Page, groups_at, members_at, nested_members_at, scim_id,
};
use crate::claimed::{Account, accounts_at, is_only_imported};
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::cursor::List;
use crate::error::Error;
use crate::record::Record;
use crate::stand::Stand;
use crate::type_names::TypeNames;

/// `GET /api/v1/apps/{app}/groups/{group}`
pub(super) async fn one(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| resource::one(&reading, ResourceType::GROUP, "group", &names)).await
}

/// `GET /api/v1/apps/{app}/groups`: which groups there were, by number.
pub(super) async fn list(ask: Ask, Names(slug): Names<String>) -> Result<Answer, Error> {
    ask.answer(move |reading| {
        let row_of = reading.caller.application(&reading.record.view, &slug)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let params = reading.params(&["at", "knownAt", "tz", "limit", "cursor"])?;
        let stand = Stand::of_page(&reading.record, &params, &[("app", &slug)], List::Groups)?;
        let record = &reading.record.of_first(stand.size);
        if is_only_imported(record, application)? {
            return imported(record, &stand, application);
        }
        let page = groups_at(&record.view, application, stand.at_seq, stand.slice())?;
        let next = page.next.map(|number| stand.next(List::Groups, number.0.into()));
        let rows = page.rows.iter().map(|group| {
            let created_seq = group.version.created_seq;
            let start_known = !is_proxied || !resource::was_seen(record, created_seq)?;
            Ok(group_row(group, start_known))
        });
        let rows = rows.collect::<Result<_, Error>>()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let answer = Answer::new(record, &stand, &coverage);
        Ok(answer.about(application, Number::NOBODY).rows(rows, page.count, next))
    })
    .await
}

fn group_row(group: &Group, start_known: bool) -> Value {
    let version = &group.version;
    let value = |name: &str| version.state.as_ref().and_then(|state| state.get(name));
    json!({
        "groupId": version.id(),
        "displayName": value("displayName"),
        "externalId": value("externalId"),
        "memberCount": group.member_count,
        "createdAt": version.created_at.to_string(),
        "createdSeq": version.created_seq,
        "startKnown": start_known,
    })
}

/// The groups that a provider's log tells of, where nothing was recorded; not who was in them.
fn imported(record: &Record<'_>, stand: &Stand, application: Application) -> Result<Answer, Error> {
    let groups = accounts_at(record, application, ResourceType::GROUP, stand.time)?;
    let all: Vec<Account> = groups.into_values().filter(|one| one.exists).collect();
    let (page, next) = stand.part_of(&all, List::Groups);
    let rows = page.iter().map(|group| {
        let created = group.created.map(|moment| (moment.occurred_at.to_string(), moment.seq));
        let (created_at, created_seq) = created.unzip();
        json!({
            "groupId": group.id,
            "displayName": group.display_name(),
            "externalId": null,
            "memberCount": null,
            "createdAt": created_at,
            "createdSeq": created_seq,
            // The first entry that was imported need not be the first that was written.
            "startKnown": false,
        })
    });
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let coverage = coverage.with(NO_MEMBERSHIPS);
    let answer = Answer::new(record, stand, &coverage).with("basis", "imported");
    let answer = answer.about(application, Number::NOBODY);
    Ok(answer.rows(rows.collect(), all.len() as u64, next))
}

/// `GET /api/v1/apps/{app}/groups/{group}/members`: who was in the group, by number.
pub(super) async fn members(
    ask: Ask,
    Names((slug, name)): Names<(String, String)>,
) -> Result<Answer, Error> {
    ask.answer(move |reading| members_of(&reading, &slug, &name)).await
}

fn members_of(reading: &Reading<'_>, slug: &str, named: &str) -> Result<Answer, Error> {
    let row_of = reading.caller.application(&reading.record.view, slug)?;
    let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
    let params = reading.params(&["at", "nested", "knownAt", "tz", "limit", "cursor"])?;
    let is_nested = params.flag("nested")?.unwrap_or(false);
    let names = [("app", slug), ("group", named)];
    let stand = Stand::of_page(&reading.record, &params, &names, List::Members)?;
    let record = &reading.record.of_first(stand.size);
    let at = stand.at_seq;
    let group = resource::named(&record.view, application, ResourceType::GROUP, named, at)?;
    let id = scim_id(&record.view, application, group.number)?;
    let (name, page) = match &group.existence {
        Existence::Exists(version) => {
            let name = version.state.as_ref().and_then(|state| state.get("displayName"));
            let (view, slice) = (&record.view, stand.slice());
            let page = match is_nested {
                true => nested_members_at(view, application, group.number, at, slice)?,
                false => members_at(view, application, group.number, at, slice)?,
            };
            (name.cloned(), page)
        }
        Existence::NotYet { .. } | Existence::Deleted { .. } => (None, Page::empty()),
    };
    let next = page.next.map(|number| stand.next(List::Members, number.0.into()));
    let types = TypeNames::read(&record.view)?;
    let rows = page.rows.iter().map(|member| {
        let start_known = !is_proxied || !resource::was_seen(record, member.since)?;
        row(record, &types, application, member, start_known)
    });
    let rows = rows.collect::<Result<_, _>>()?;
    let mut coverage = Coverage::at(record, &stand, &[application])?;
    if is_only_imported(record, application)? {
        coverage = coverage.with(NO_MEMBERSHIPS);
    }
    let answer = Answer::new(record, &stand, &coverage).with("groupId", id).with("groupName", name);
    let answer = answer.about(application, group.number).with("nested", is_nested);
    Ok(resource::with_existence(answer, &group).rows(rows, page.count, next))
}

fn row(
    record: &Record<'_>,
    types: &TypeNames,
    application: Application,
    member: &Member,
    start_known: bool,
) -> Result<Value, Error> {
    let version = member.version.as_ref();
    let state = version.and_then(|version| version.state.as_ref());
    let value = |name: &str| state.and_then(|state| state.get(name));
    let user = version.filter(|version| version.resource_type == ResourceType::USER);
    Ok(json!({
        "userId": member.id,
        "memberType": version.and_then(|version| types.name(version.resource_type)),
        "userName": value("userName"),
        "displayName": value("displayName"),
        "externalId": value("externalId"),
        "direct": member.via.is_empty(),
        "via": resource::via(record, application, &member.via)?,
        "memberSince": record.recorded_at(member.since)?.to_string(),
        "addedBySeq": member.since,
        "startKnown": start_known,
        "accountActive": user.map(|version| version.active),
        "dangling": version.is_none(),
    }))
}
