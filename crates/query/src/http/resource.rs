//! One user or group as of an instant.

use answers::Exists;
use answers::row::{GroupOf, OfGroup, OfUser, ScimResource};
use event::{Application, Number, ResourceType, Seq};
use projector::{ApplicationRow, Identity, Version, View};
use serde_json::{Map, Value, json};

use crate::as_of::{ERASED, Existence, Resource, resource_of, scim_id};
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::error::Error;
use crate::history::nested_groups;
use crate::imported_accounts::account_at;
use crate::name::{Found, Name};
use crate::person::{identity, is_privileged};
use crate::record::Record;
use crate::standpoint::Standpoint;
use crate::type_names::core_type_name;

/// The groups that a user was in, by number.
pub(super) fn groups(
    record: &Record<'_>,
    row: &ApplicationRow,
    number: Number,
    at: Seq,
    is_nested: bool,
) -> Result<Vec<GroupOf>, Error> {
    let application = row.number;
    let mut reached = nested_groups(&record.view, application, number, at)?;
    reached.retain(|one| is_nested || one.via.is_empty());
    let rows = reached.iter().map(|one| {
        let group = identity(record, application, one.number, Some(at))?;
        Ok(GroupOf {
            group_id: group.id,
            group_name: group.display_name,
            direct: one.via.is_empty(),
            via: via_ids(record, application, &one.via)?,
            member_since: record.recorded_at(one.since)?.to_string().into(),
            added_by_seq: one.since,
            start_known: start_known(record, row.upstream.is_some(), one.since)?,
            privileged: is_privileged(record, application, one.number, Some(at))?,
        })
    });
    rows.collect()
}

/// `Some(false)` for a resource that was there and whose creation was only seen at an upstream.
pub(super) fn start_seen(
    record: &Record<'_>,
    row: &ApplicationRow,
    found: &Resource,
) -> Result<Option<bool>, Error> {
    let Existence::Exists(version) = &found.existence else { return Ok(None) };
    let known = start_known(record, row.upstream.is_some(), version.created_seq)?;
    Ok((!known).then_some(false))
}

/// The user that an answer is about.
pub(super) fn of_user(named: Identity) -> OfUser {
    OfUser { user_id: named.id, user_name: named.user_name }
}

/// The group that an answer is about.
pub(super) fn of_group(named: Identity) -> OfGroup {
    OfGroup { group_id: named.id, group_name: named.display_name }
}

/// The ids of the intermediate groups; `None` when there are none.
pub(super) fn via_ids(
    record: &Record<'_>,
    application: Application,
    groups: &[Number],
) -> Result<Option<Vec<Option<String>>>, Error> {
    if groups.is_empty() {
        return Ok(None);
    }
    let ids = groups.iter().map(|group| scim_id(&record.view, application, *group));
    Ok(Some(ids.collect::<Result<Vec<_>, _>>()?))
}

/// The resource that a name in an address had at an instant.
pub(super) fn named(
    view: &View<'_>,
    application: Application,
    resource_type: ResourceType,
    name: &str,
    at: Option<Seq>,
) -> Result<Resource, Error> {
    match Name::parse(name).at(view, application, resource_type, at)? {
        Found::One(number) => Ok(resource_of(view, application, number, at)?),
        Found::Several(numbers) => Err(ambiguous(view, application, &numbers)?),
        Found::Nobody => Err(UNKNOWN),
    }
}

/// No event mentions the resource.
pub(super) const UNKNOWN: Error = Error::NotFound("no event has a resource of that id or name");

/// How many candidates an error lists for an ambiguous name.
const CANDIDATES_MAX: usize = 100;

/// The error for a name that several resources have.
pub(super) fn ambiguous(
    view: &View<'_>,
    application: Application,
    numbers: &[Number],
) -> Result<Error, Error> {
    let ids = numbers.iter().take(CANDIDATES_MAX).map(|number| scim_id(view, application, *number));
    let ids: Vec<Option<String>> = ids.collect::<Result<_, _>>()?;
    Ok(Error::Ambiguous { candidates: ids.into_iter().flatten().collect() })
}

/// Whether a resource existed, and the event that made it so.
pub(super) fn existence(resource: &Resource) -> (Exists, Seq) {
    match &resource.existence {
        Existence::Exists(version) => (Exists::Yes, version.created_seq),
        Existence::NotYet { created_seq } => (Exists::No, *created_seq),
        Existence::Deleted { seq } => (Exists::Deleted, *seq),
    }
}

/// The resource in the words of SCIM (RFC 7643 §3), without members and groups.
pub(super) fn representation(found: &Resource, base: &str) -> Result<Option<ScimResource>, Error> {
    Ok(match &found.existence {
        Existence::Exists(version) => Some(ScimResource(in_scim(version, base)?)),
        Existence::NotYet { .. } | Existence::Deleted { .. } => None,
    })
}

/// A user or group known only from a provider's log.
pub(super) struct Imported {
    pub(super) number: Number,
    pub(super) exists: Exists,
    /// The entry that first mentions it, or that deleted it; `None` if none does.
    pub(super) exists_seq: Option<Seq>,
    pub(super) resource: Option<ScimResource>,
    /// The coverage of the imported logs.
    pub(super) coverage: Coverage,
}

/// The user or group of a name, from the imported logs of its application.
pub(super) fn imported(
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
    (resource_type, name): (ResourceType, &str),
) -> Result<Imported, Error> {
    let numbers = Name::parse(name).ever(&record.view, application, resource_type)?;
    let number = *numbers.last().ok_or(UNKNOWN)?;
    let account = account_at(record, application, number, stand.time)?;
    let coverage = Coverage::at(record, stand, &[application])?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let (exists, moment) = match (account.exists, account.was_deleted) {
        (true, _) => (Exists::Yes, account.created),
        (false, true) => (Exists::Deleted, account.last),
        (false, false) => (Exists::No, None),
    };
    Ok(Imported {
        number,
        exists,
        exists_seq: moment.map(|moment| moment.seq),
        resource: account.exists.then(|| ScimResource(account.resource(resource_type))),
        coverage: coverage.with(NO_MEMBERSHIPS),
    })
}

fn in_scim(version: &Version, base: &str) -> Result<Map<String, Value>, Error> {
    let mut resource = version.attributes()?;
    // Every resource has an id, as long as it can be read.
    if resource.is_empty() {
        resource.insert("id".into(), ERASED.into());
    }
    let name = core_type_name(version.resource_type);
    let mut schemas: Vec<Value> = vec![];
    schemas.extend(name.map(|name| format!("urn:ietf:params:scim:schemas:core:2.0:{name}").into()));
    schemas.extend(resource.keys().filter(|key| is_urn(key)).map(|key| key.as_str().into()));
    let location = name.zip(version.id()).map(|(name, id)| format!("{base}/{name}s/{id}"));
    let meta = json!({
        "resourceType": name,
        "created": version.created_at.to_string(),
        "lastModified": version.modified_at.to_string(),
        "location": location,
        "version": format!("W/\"{}\"", version.seq),
    });
    resource.insert("schemas".into(), schemas.into());
    resource.insert("meta".into(), meta);
    Ok(resource)
}

fn is_urn(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// Whether the start is known. What was only observed at the upstream was so before the event. Without an
/// upstream (`is_proxied` is false) nothing is only observed.
pub(super) fn start_known(record: &Record<'_>, is_proxied: bool, seq: Seq) -> Result<bool, Error> {
    Ok(!is_proxied || !record.view.operation(seq)?.is_some_and(|summary| summary.is_observation()))
}
