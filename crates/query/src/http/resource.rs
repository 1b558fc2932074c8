//! One user or group as it was at an instant.

use answers::Exists;
use event::{Application, Number, ResourceType, Seq};
use projector::{ApplicationRow, Version, View};
use serde_json::{Map, Value, json};

use super::ask::{Names, Reading};
use crate::answer::Answer;
use crate::as_of::{Existence, Resource, resource_of, scim_id};
use crate::claimed::{account_at, is_only_imported};
use crate::coverage::{Coverage, NO_MEMBERSHIPS};
use crate::error::Error;
use crate::history::nested_groups;
use crate::name::{Found, Name};
use crate::person::group_columns;
use crate::record::Record;
use crate::stand::Stand;
use crate::type_names::core_type_name;

/// Answers with the resource of a type that the address names.
pub(super) fn one(
    reading: &Reading<'_>,
    resource_type: ResourceType,
    what: &'static str,
    Names((slug, name)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let application = reading.caller.application(&reading.record.view, slug)?;
    let params = match resource_type {
        ResourceType::USER => reading.params(&["at", "include", "nested", "knownAt", "tz"])?,
        _ => reading.params(&["at", "knownAt", "tz"])?,
    };
    let includes_groups =
        params.read_as("include", "groups", |text| (text == "groups").then_some(()))?;
    let is_nested = params.flag("nested")?.unwrap_or(false);
    let names = [("app", slug.as_str()), (what, name)];
    let stand = Stand::of_one(&reading.record, &params, &names)?;
    let record = &reading.record.of_first(stand.size);
    let view = &record.view;
    let coverage = Coverage::at(record, &stand, &[application.number])?;
    if resource_type == ResourceType::USER && is_only_imported(record, application.number)? {
        return imported(record, &stand, (application.number, name), coverage);
    }
    let found = named(view, application.number, resource_type, name, stand.at_seq)?;
    let answer = with_existence(Answer::new(record, &stand, &coverage), &found);
    let answer = answer.about(application.number, found.number);
    let answer = match (includes_groups, stand.at_seq) {
        (None, _) => answer,
        (Some(()), None) => answer.with("groups", json!([])).with("nested", is_nested),
        (Some(()), Some(at)) => {
            let groups = groups(record, &application, found.number, at, is_nested)?;
            answer.with("groups", groups).with("nested", is_nested)
        }
    };
    let base = reading.query.tenant_url(slug);
    Ok(answer.resource(match &found.existence {
        Existence::Exists(version) => Some(representation(version, &base)),
        Existence::NotYet { .. } | Existence::Deleted { .. } => None,
    }))
}

/// A user as a provider's log tells of them, where nothing was recorded.
fn imported(
    record: &Record<'_>,
    stand: &Stand,
    (application, name): (Application, &str),
    coverage: Coverage,
) -> Result<Answer, Error> {
    let numbers = Name::parse(name).ever(&record.view, application, ResourceType::USER)?;
    let number = *numbers.last().ok_or(UNKNOWN)?;
    let account = account_at(record, application, number, stand.time)?;
    let coverage = coverage.with_imports(record, stand, &[application], true)?;
    let coverage = coverage.with(NO_MEMBERSHIPS);
    let answer = Answer::new(record, stand, &coverage).about(application, number);
    let (exists, moment) = match (account.exists, account.was_deleted) {
        (true, _) => ("yes", account.created),
        (false, true) => ("deleted", account.last),
        (false, false) => ("no", None),
    };
    // Whoever the log tells of may have been there before it begins.
    let answer = answer.with("exists", exists).with("basis", "imported").with("startKnown", false);
    let answer = answer.with("existsSeq", moment.map(|moment| moment.seq));
    Ok(answer.resource(account.exists.then(|| account.resource().into())))
}

/// The groups that a user was in, by number.
fn groups(
    record: &Record<'_>,
    row: &ApplicationRow,
    number: Number,
    at: Seq,
    is_nested: bool,
) -> Result<Vec<Value>, Error> {
    let application = row.number;
    let mut reached = nested_groups(&record.view, application, number, at)?;
    reached.retain(|one| is_nested || one.via.is_empty());
    let rows = reached.iter().map(|one| {
        let start_known = row.upstream.is_none() || !was_seen(record, one.since)?;
        let mut row = group_columns(record, application, one.number, Some(at))?;
        row.insert("direct".into(), one.via.is_empty().into());
        row.insert("via".into(), via(record, application, &one.via)?);
        row.insert("memberSince".into(), record.recorded_at(one.since)?.to_string().into());
        row.insert("addedBySeq".into(), one.since.into());
        row.insert("startKnown".into(), start_known.into());
        Ok(row.into())
    });
    rows.collect()
}

/// The ids of the groups between; null when there are none.
pub(super) fn via(
    record: &Record<'_>,
    application: Application,
    groups: &[Number],
) -> Result<Value, Error> {
    Ok(json!(via_ids(record, application, groups)?))
}

/// The same; `None` when there are none.
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

/// The resource that a name in an address means at an instant.
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

/// What no event tells of.
pub(super) const UNKNOWN: Error = Error::NotFound("no event has a resource of that id or name");

/// A refusal names so many of those that a name may mean.
const CANDIDATES_MAX: usize = 100;

/// The refusal of a name that several bear.
pub(super) fn ambiguous(
    view: &View<'_>,
    application: Application,
    numbers: &[Number],
) -> Result<Error, Error> {
    let ids = numbers.iter().take(CANDIDATES_MAX).map(|number| scim_id(view, application, *number));
    let ids: Vec<Option<String>> = ids.collect::<Result<_, _>>()?;
    Ok(Error::Ambiguous { candidates: ids.into_iter().flatten().collect() })
}

/// Says whether a resource was there, and which event made it so.
pub(super) fn with_existence(answer: Answer, resource: &Resource) -> Answer {
    let (exists, seq) = existence(resource);
    let word = match exists {
        Exists::Yes => "yes",
        Exists::No => "no",
        Exists::Deleted => "deleted",
    };
    answer.with("exists", word).with("existsSeq", seq)
}

/// Whether a resource was there, and which event made it so.
pub(super) fn existence(resource: &Resource) -> (Exists, Seq) {
    match &resource.existence {
        Existence::Exists(version) => (Exists::Yes, version.created_seq),
        Existence::NotYet { created_seq } => (Exists::No, *created_seq),
        Existence::Deleted { seq } => (Exists::Deleted, *seq),
    }
}

/// The resource in the words of SCIM (RFC 7643 §3), without members and groups.
fn representation(version: &Version, base: &str) -> Value {
    let mut resource: Map<String, Value> = version.state.clone().unwrap_or_default();
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
    resource.into()
}

fn is_urn(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"))
}

/// Whether an event only saw that something was so: since when is not known.
pub(super) fn was_seen(record: &Record<'_>, seq: Seq) -> Result<bool, Error> {
    Ok(record.view.operation(seq)?.is_some_and(|summary| summary.is_observation()))
}
