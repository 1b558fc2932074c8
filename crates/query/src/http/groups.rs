//! Groups and their direct members as of an instant.

use std::borrow::Cow;

use answers::row::{self, GroupSeen, GroupState, Rests};
use answers::{EveryGroup, Members, OneGroup};
use event::{Application, Number, ResourceType};

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::as_of::{
    Existence, Group, Member, Page, groups_at, members_at, nested_members_at, scim_id,
};
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::error::Error;
use crate::imported_accounts::{Account, accounts_at, is_only_imported};
use crate::person::is_privileged;
use crate::record::Record;
use crate::standpoint::Standpoint;
use crate::type_names::TypeNames;

impl Answered for EveryGroup {
    /// By number.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<EveryGroup>, Error> {
        let row_of = asked.application(&self.app)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        if is_only_imported(record, application)? {
            return imported(record, &stand, application);
        }
        let page = groups_at(&record.view, application, stand.at_seq, stand.slice())?;
        let next = page.next.map(|number| stand.next(number.0.into()));
        let rows = page.rows.iter().map(|group| {
            let created_seq = group.version.created_seq;
            let start_known = resource::start_known(record, is_proxied, created_seq)?;
            let privileged = is_privileged(record, application, group.number, stand.at_seq)?;
            Ok(group_row(group, start_known, privileged))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let found = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        Ok(found.beside(Rests { basis: None }).rows(rows, page.count, next))
    }
}

fn group_row(group: &Group, start_known: bool, privileged: bool) -> row::Group {
    let version = &group.version;
    row::Group {
        group_id: version.id().map(Cow::into_owned),
        display_name: version.text("displayName"),
        external_id: version.text("externalId"),
        member_count: Some(group.member_count),
        created_at: Some(version.created_at.to_string().into()),
        created_seq: Some(version.created_seq),
        start_known,
        privileged,
    }
}

/// Groups known only from a provider's log, without their members.
fn imported(
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
) -> Result<Found<EveryGroup>, Error> {
    let groups = accounts_at(record, application, ResourceType::GROUP, stand.time)?;
    let all: Vec<Account> = groups.into_values().filter(|one| one.exists).collect();
    let (page, next) = stand.part_of(&all);
    let rows = page.iter().map(|group| row::Group {
        group_id: group.id.clone(),
        display_name: group.display_name().map(str::to_owned),
        external_id: None,
        member_count: None,
        created_at: group.created.map(|moment| moment.occurred_at.to_string().into()),
        created_seq: group.created.map(|moment| moment.seq),
        // The first imported entry need not be the first that the provider wrote.
        start_known: false,
        privileged: false,
    });
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let coverage = coverage.with(NO_MEMBERSHIPS);
    let found = Found::new(record, stand, &coverage).about(application, Number::NOBODY);
    let rests = Rests { basis: Some("imported".to_owned()) };
    Ok(found.beside(rests).rows(rows, all.len() as u64, next))
}

impl Answered for OneGroup {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneGroup>, Error> {
        let row = asked.application(&self.app)?;
        let application = row.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        if is_only_imported(record, application)? {
            return one_imported(&self, record, &stand, application);
        }
        let (view, named, at) = (&record.view, &self.group.0, stand.at_seq);
        let found = resource::named(view, application, ResourceType::GROUP, named, at)?;
        let (exists, exists_seq) = resource::existence(&found);
        let beside = GroupState {
            exists,
            exists_seq: Some(exists_seq),
            basis: None,
            start_known: resource::start_seen(record, &row, &found)?,
        };
        let base = asked.reading.query.tenant_url(&self.app.0);
        let coverage = Coverage::at(record, &stand, &[application])?;
        let answer = Found::new(record, &stand, &coverage).about(application, found.number);
        Ok(answer.beside(beside).resource(resource::representation(&found, &base)?))
    }
}

/// A group known only from a provider's log.
fn one_imported(
    question: &OneGroup,
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
) -> Result<Found<OneGroup>, Error> {
    let group = (ResourceType::GROUP, question.group.0.as_str());
    let imported = resource::imported(record, stand, application, group)?;
    let beside = GroupState {
        exists: imported.exists,
        exists_seq: imported.exists_seq,
        basis: Some("imported".to_owned()),
        // The group may be older than the log.
        start_known: Some(false),
    };
    let answer = Found::new(record, stand, &imported.coverage).about(application, imported.number);
    Ok(answer.beside(beside).resource(imported.resource))
}

impl Answered for Members {
    /// By number.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Members>, Error> {
        let row_of = asked.application(&self.app)?;
        let (application, is_proxied) = (row_of.number, row_of.upstream.is_some());
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let at = stand.at_seq;
        let named = &self.group.0;
        let group = resource::named(&record.view, application, ResourceType::GROUP, named, at)?;
        let id = scim_id(&record.view, application, group.number)?;
        let (name, page) = match &group.existence {
            Existence::Exists(version) => {
                let (view, slice) = (&record.view, stand.slice());
                let page = match self.nested {
                    true => nested_members_at(view, application, group.number, at, slice)?,
                    false => members_at(view, application, group.number, at, slice)?,
                };
                (version.text("displayName"), page)
            }
            Existence::NotYet { .. } | Existence::Deleted { .. } => (None, Page::empty()),
        };
        let next = page.next.map(|number| stand.next(number.0.into()));
        let types = TypeNames::read(&record.view)?;
        let rows = page.rows.iter().map(|member| {
            let start_known = resource::start_known(record, is_proxied, member.since)?;
            row(record, &types, application, member, start_known)
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let mut coverage = Coverage::at(record, &stand, &[application])?;
        if is_only_imported(record, application)? {
            coverage = coverage.with(NO_MEMBERSHIPS);
        }
        let (exists, exists_seq) = resource::existence(&group);
        let privileged = is_privileged(record, application, group.number, at)?;
        let beside = GroupSeen {
            group_id: id,
            group_name: name,
            nested: self.nested,
            exists,
            exists_seq,
            privileged,
        };
        let found = Found::new(record, &stand, &coverage).about(application, group.number);
        Ok(found.beside(beside).rows(rows, page.count, next))
    }
}

fn row(
    record: &Record<'_>,
    types: &TypeNames,
    application: Application,
    member: &Member,
    start_known: bool,
) -> Result<row::Member, Error> {
    let version = member.version.as_ref();
    let user = version.filter(|version| version.resource_type == ResourceType::USER);
    let text = |name: &str| version.and_then(|version| version.text(name));
    Ok(row::Member {
        user_id: member.id.clone(),
        member_type: version
            .and_then(|version| types.name(version.resource_type))
            .map(str::to_owned),
        user_name: text("userName"),
        external_id: text("externalId"),
        direct: member.via.is_empty(),
        member_since: record.recorded_at(member.since)?.to_string().into(),
        added_by_seq: member.since,
        added_by: None,
        account_active: user.map(|version| version.active),
        via: resource::via_ids(record, application, &member.via)?,
        display_name: text("displayName"),
        start_known,
        dangling: version.is_none(),
    })
}
