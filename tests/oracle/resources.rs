//! Users and groups: the holders of names, their names, and their representations.

use std::collections::BTreeSet;

use event::{
    Application, Attribute, Changes, Content, Credential, Event, Fact, Number, ResourceType, Seq,
};
use serde_json::{Map, Value, json};

use super::known::Known;
use super::members::{Reached, groups_of};
use super::operations::operation_name;
use super::questions::{Expected, Parameters};
use super::values::{changed, name_of};
use super::{Resource, World};

/// The result of looking up a name.
pub enum Found {
    Nobody,
    One(Number),
    Several(Vec<Number>),
}

/// A holder of a name, between two counts of events.
struct NameHolder {
    number: Number,
    since: usize,
    until: Option<usize>,
}

/// Looks up `id`, `userName:…`, `externalId:…` or `displayName:…` after the first `at` events.
pub fn found(
    known: &Known<'_>,
    application: Application,
    kind: ResourceType,
    name: &str,
    at: usize,
) -> Found {
    let Some((attribute, value)) = name.split_once(':') else {
        let number = number_of_id(known.last(application), kind, name);
        return number.map_or(Found::Nobody, Found::One);
    };
    let holders = holders(known, application, kind, attribute, value);
    let then = holders
        .iter()
        .filter(|holder| holder.since <= at && holder.until.is_none_or(|until| at < until));
    let then: BTreeSet<Number> = then.map(|holder| holder.number).collect();
    if then.len() > 1 {
        return Found::Several(then.into_iter().collect());
    }
    let before = holders.iter().filter(|holder| holder.since <= at);
    let last_before = before.max_by_key(|holder| holder.until).map(|holder| holder.number);
    let first_after = holders.iter().min_by_key(|holder| holder.since).map(|holder| holder.number);
    let one = then.first().copied().or(last_before).or(first_after);
    one.map_or(Found::Nobody, Found::One)
}

/// Everybody who ever held a name or was mentioned by it.
pub fn ever(
    known: &Known<'_>,
    application: Application,
    kind: ResourceType,
    name: &str,
) -> BTreeSet<Number> {
    let (attribute, value) = name.split_once(':').unwrap_or(("id", name));
    let mut numbers: BTreeSet<Number> = match attribute {
        "id" => number_of_id(known.last(application), kind, name).into_iter().collect(),
        _ => holders(known, application, kind, attribute, value)
            .iter()
            .map(|holder| holder.number)
            .collect(),
    };
    for event in known.events_of(application) {
        let about = match &event.header.fact {
            Fact::Operation(operation) => operation.resource_type,
            Fact::Imported(entry) => entry.resource_type,
            _ => continue,
        };
        let is_of_a_client = matches!(event.header.fact, Fact::Operation(_));
        for (number, changes) in changes_of(event) {
            if let Some(mention) = &changes.mention
                // A list of members does not give the type of an unknown id.
                && (about == kind || (attribute == "id" && is_of_a_client))
                && mention.attribute.name() == attribute
                && same(attribute, name_of(mention), value)
            {
                numbers.insert(number);
            }
        }
    }
    numbers
}

fn number_of_id(world: &World, kind: ResourceType, id: &str) -> Option<Number> {
    let gone = world.gone.iter().map(|(number, (resource, _))| (number, resource));
    let all = world.resources.iter().chain(gone);
    let mut fitting =
        all.filter(|(_, resource)| resource.kind == kind && resource.attributes["id"] == id);
    fitting.next().map(|(number, _)| *number)
}

fn holders(
    known: &Known<'_>,
    application: Application,
    kind: ResourceType,
    attribute: &str,
    value: &str,
) -> Vec<NameHolder> {
    let bears = |world: &World, number: Number| {
        let resource = world.resources.get(&number).filter(|resource| resource.kind == kind);
        let text = resource.and_then(|resource| resource.attributes.get(attribute)?.as_str());
        text.is_some_and(|text| same(attribute, text, value))
    };
    let last = known.last(application);
    let mut holders = vec![];
    for number in last.resources.keys().chain(last.gone.keys()) {
        let runs = runs(known, |count| bears(known.world(application, count), *number));
        for (since, until) in runs {
            holders.push(NameHolder { number: *number, since, until });
        }
    }
    holders
}

/// The maximal ranges of counts for which a predicate holds: start and exclusive end.
pub fn runs(known: &Known<'_>, is: impl Fn(usize) -> bool) -> Vec<(usize, Option<usize>)> {
    let mut runs: Vec<(usize, Option<usize>)> = vec![];
    let mut was = false;
    for count in 0..=known.size {
        let now = is(count);
        match (was, now) {
            (false, true) => runs.push((count, None)),
            (true, false) => runs.last_mut().expect("it began").1 = Some(count),
            _ => {}
        }
        was = now;
    }
    runs
}

/// Whether, within the first `at` events, another account got the name of a subject that had none after
/// the event `seq`: its externalId, or if unknown, its first mention.
pub fn got_account(
    known: &Known<'_>,
    application: Application,
    (kind, number): (ResourceType, Number),
    (seq, at): (Seq, usize),
) -> bool {
    let last = known.last(application);
    if known.world(application, seq as usize + 1).is_or_was(number).is_some() {
        return false;
    }
    let said = last.mentions.get(&number);
    let said = said.map(|mention| (mention.attribute.name(), name_of(mention)));
    let own = last.own_names.get(&number).map(|own| ("externalId", own.as_str()));
    let Some((attribute, value)) = own.or(said) else { return false };
    let all = holders(known, application, kind, attribute, value);
    all.iter().any(|one| one.number != number && one.since > seq as usize + 1 && one.since <= at)
}

fn same(attribute: &str, one: &str, other: &str) -> bool {
    match attribute {
        "externalId" | "id" => one == other,
        _ => comparable(one) == comparable(other),
    }
}

/// A name in lower case, with the letter composed that histories write in two ways.
pub fn comparable(name: &str) -> String {
    name.to_lowercase().replace("u\u{308}", "\u{fc}")
}

/// The changes of an event, with their subjects.
pub fn changes_of(event: &Event) -> impl Iterator<Item = (Number, &Changes)> {
    event.parts.iter().filter_map(|part| match &part.content {
        Content::Changes(changes) => Some((part.subject, changes)),
        _ => None,
    })
}

/// An attribute of the resource's own schema, or null.
pub fn value(resource: Option<&Resource>, name: &str) -> Value {
    resource.and_then(|resource| resource.attributes.get(name).cloned()).unwrap_or(Value::Null)
}

/// The SCIM id of a number: its resource's, or the unknown id by which it was mentioned.
pub fn id_of(known: &Known<'_>, application: Application, number: Number) -> Value {
    let last = known.last(application);
    match (last.is_or_was(number), last.mentions.get(&number)) {
        (Some(resource), _) => value(Some(resource), "id"),
        (None, Some(mention)) if mention.attribute == Attribute::Id => name_of(mention).into(),
        (None, _) => Value::Null,
    }
}

/// The columns userId, userName, externalId and displayName after the first `at` events, or last before
/// a deletion; without a resource, the name by which the number was mentioned.
pub fn identity(
    known: &Known<'_>,
    application: Application,
    number: Number,
    at: usize,
) -> Map<String, Value> {
    let world = known.world(application, at);
    let resource = world.is_or_was(number);
    let mut row = Map::new();
    row.insert("userId".into(), id_of(known, application, number));
    for name in ["userName", "externalId", "displayName"] {
        let mention = known.last(application).mentions.get(&number);
        let mention = mention.filter(|mention| mention.attribute.name() == name);
        let mentioned = mention.map(|mention| Value::from(name_of(mention)));
        let own = known.last(application).own_names.get(&number).filter(|_| name == "externalId");
        let mentioned = own.map(|own| Value::from(own.as_str())).or(mentioned);
        let said = if resource.is_some() { None } else { mentioned };
        row.insert(name.into(), said.unwrap_or_else(|| value(resource, name)));
    }
    row
}

/// The name of a resource type.
pub fn type_name(kind: ResourceType) -> Option<&'static str> {
    match kind {
        ResourceType::USER => Some("User"),
        ResourceType::GROUP => Some("Group"),
        _ => None,
    }
}

/// The name of a group, or its last name before its deletion.
pub fn group_name(world: &World, group: Number) -> Value {
    value(world.is_or_was(group), "displayName")
}

/// Whether a group is marked as privileged after so many events, and the event that says so.
pub fn privileged(
    known: &Known<'_>,
    application: Application,
    group: Number,
    at: usize,
) -> Option<Seq> {
    let mark = known.events()[..at].iter().rev().find_map(|event| match &event.header.fact {
        Fact::GroupMarked(marked)
            if event.header.application == application && marked.number == group =>
        {
            Some((event.seq, marked.privileged))
        }
        _ => None,
    });
    mark.filter(|(_, privileged)| *privileged).map(|(seq, _)| seq)
}

/// `GET /privileged-groups`
pub fn privileged_groups(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let at = parameters.at_count(known);
    let mut rows = vec![];
    for application in known.applications(parameters.app) {
        let world = known.world(application, at);
        let groups = world.resources.iter().filter(|(_, one)| one.kind == ResourceType::GROUP);
        for (number, group) in groups {
            let Some(seq) = privileged(known, application, *number, at) else { continue };
            let origin = known.events()[seq as usize].header.origin.as_ref();
            rows.push(json!({
                "application": known.slug(application),
                "groupId": value(Some(group), "id"),
                "groupName": value(Some(group), "displayName"),
                "memberCount": world.members_of(*number).len(),
                "markedAt": known.time(seq),
                "markedSeq": seq,
                "actorId": origin.expect("an admin marked it").credential.to_string(),
            }));
        }
    }
    Expected::rows(rows)
}

/// `exists` and `existsSeq`.
pub fn existence(
    known: &Known<'_>,
    application: Application,
    number: Number,
    at: usize,
) -> (&'static str, Seq) {
    let world = known.world(application, at);
    if let Some(resource) = world.resources.get(&number) {
        return ("yes", resource.created);
    }
    match world.gone.get(&number) {
        Some((_, seq)) => ("deleted", *seq),
        None => ("no", known.last(application).is_or_was(number).expect("it came later").created),
    }
}

/// `GET /apps/{app}/users`
pub fn users(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let world = known.world(application, at);
    let rows = world.users(parameters.active).into_iter().map(|number| {
        let resource = &world.resources[&number];
        let mut row = identity(known, application, number, at);
        row.insert("active".into(), resource.active.into());
        row.insert("createdAt".into(), known.time(resource.created).into());
        row.insert("createdSeq".into(), resource.created.into());
        row.insert("startKnown".into(), true.into());
        Value::Object(row)
    });
    Expected::rows(rows.collect())
}

/// `GET /apps/{app}/groups`
pub fn groups(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let world = known.world(application, at);
    let all = world.resources.iter().filter(|(_, one)| one.kind == ResourceType::GROUP);
    let rows = all.map(|(number, group)| {
        json!({
            "groupId": value(Some(group), "id"),
            "displayName": value(Some(group), "displayName"),
            "externalId": value(Some(group), "externalId"),
            "memberCount": world.members_of(*number).len(),
            "createdAt": known.time(group.created),
            "createdSeq": group.created,
            "startKnown": true,
            "privileged": privileged(known, application, *number, at).is_some(),
        })
    });
    Expected::rows(rows.collect())
}

/// `GET /apps/{app}/users/{user}` and `GET /apps/{app}/groups/{group}`
pub fn one(known: &Known<'_>, parameters: &Parameters, kind: ResourceType) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let name = if kind == ResourceType::USER { &parameters.user } else { &parameters.group };
    let number = match found(known, application, kind, name, at) {
        Found::One(number) => number,
        other => return Expected::refused(known, application, other),
    };
    let world = known.world(application, at);
    let resource = world.resources.get(&number);
    let (exists, seq) = existence(known, application, number, at);
    let whole = resource.map(|resource| representation(known, application, resource));
    let expected = Expected::answer()
        .with("exists", exists)
        .with("existsSeq", seq)
        .with("resource", whole)
        .with("rowCount", u64::from(resource.is_some()));
    if kind != ResourceType::USER || !parameters.include_groups {
        return expected;
    }
    let groups = groups_of(world, number, parameters.nested).into_iter().map(|(group, reached)| {
        let Reached { via, since } = reached;
        json!({
            "groupId": id_of(known, application, group),
            "groupName": group_name(world, group),
            "direct": via.is_empty(),
            "via": via_ids(known, application, &via),
            "memberSince": known.time(since),
            "addedBySeq": since,
            "startKnown": true,
            "privileged": privileged(known, application, group, at).is_some(),
        })
    });
    let groups: Vec<Value> = groups.collect();
    expected.with("groups", groups)
}

/// `via`: null for a direct member.
pub fn via_ids(known: &Known<'_>, application: Application, via: &[Number]) -> Value {
    if via.is_empty() {
        return Value::Null;
    }
    via.iter().map(|group| id_of(known, application, *group)).collect()
}

/// The SCIM representation, without members and groups.
fn representation(known: &Known<'_>, application: Application, resource: &Resource) -> Value {
    let name = type_name(resource.kind).expect("users and groups only");
    let mut schemas = vec![format!("urn:ietf:params:scim:schemas:core:2.0:{name}")];
    let keys = resource.attributes.keys();
    schemas.extend(keys.filter(|key| key.starts_with("urn:")).cloned());
    let (slug, id) = (known.slug(application), value(Some(resource), "id"));
    let id = id.as_str().expect("an id is a text");
    let mut whole = resource.attributes.clone();
    whole.insert("schemas".into(), schemas.into());
    let meta = json!({
        "resourceType": name,
        "created": known.time(resource.created),
        "lastModified": known.time(resource.version),
        "location": format!("http://audit.example/apps/{slug}/scim/v2/{name}s/{id}"),
        "version": format!("W/\"{}\"", resource.version),
    });
    whole.insert("meta".into(), meta);
    whole.into()
}

/// `GET /apps/{app}/users/{user}/blame`
pub fn blame(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let number = match found(known, application, ResourceType::USER, &parameters.user, at) {
        Found::One(number) => number,
        other => return Expected::refused(known, application, other),
    };
    // The attributes of a deleted user.
    let deleted = known.world(application, at).gone.get(&number);
    let at = deleted.map_or(at, |(_, seq)| *seq as usize);
    let fits = |path: &str, attribute: &str| {
        parameters.path.is_none_or(|parameters| parameters == path || parameters == attribute)
    };
    // The last change of each path and of each group.
    let mut rows = std::collections::BTreeMap::new();
    for event in known.events_of(application).filter(|event| event.seq < at as Seq) {
        for (subject, changes) in changes_of(event) {
            if subject == number && changes.mention.is_none() {
                for change in &changed(changes) {
                    let path = change.path.to_string();
                    // The naming of a list's elements can change with the list.
                    let is_list = change.path.attribute == "emails";
                    if !is_list && fits(&path, &change.path.attribute) {
                        let json = |text: &Option<Vec<u8>>| -> Value {
                            let text = text.as_ref();
                            text.map_or(Value::Null, |text| serde_json::from_slice(text).unwrap())
                        };
                        let said = (json(&change.new), change.new.is_none(), json(&change.old));
                        rows.insert((path.clone(), Number(0)), set_row(known, event, &path, said));
                    }
                }
            }
            if !fits("groups", "groups") {
                continue;
            }
            let id = id_of(known, application, subject);
            let name = group_name(known.world(application, at), subject);
            let group = json!({"groupId": id, "groupName": name});
            let key = ("groups".to_owned(), subject);
            if changes.joined.contains(&number) {
                let said = (group.clone(), false, Value::Null);
                rows.insert(key.clone(), set_row(known, event, "groups", said));
            }
            if changes.left.contains(&number) {
                rows.insert(key, set_row(known, event, "groups", (Value::Null, true, group)));
            }
        }
    }
    let named = identity(known, application, number, at);
    let expected = Expected::rows(rows.into_values().collect()).about(ResourceType::USER, named);
    expected.unordered().without_rows_of("emails")
}

fn set_row(
    known: &Known<'_>,
    event: &Event,
    path: &str,
    (value, removed, old): (Value, bool, Value),
) -> Value {
    let origin = event.header.origin.clone().unwrap_or_default();
    let actor = (origin.credential != Credential::NONE).then(|| origin.credential.to_string());
    json!({
        "path": path,
        "value": value,
        "removed": removed,
        "setAt": known.time(event.seq),
        "setSeq": event.seq,
        "eventId": known.event_id(event.seq),
        "actorType": if actor.is_some() { "token" } else { "none" },
        "actorId": actor,
        "sourceIp": origin.client.map(|client| client.to_string()),
        "operation": operation_name(event),
        "requestId": origin.request_id,
        "oldValue": old,
    })
}
