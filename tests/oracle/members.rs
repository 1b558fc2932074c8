//! Memberships and their starts, at a time and over a period.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use event::{Application, Lifecycle, Number, ResourceType, Seq, Timestamp};
use serde_json::{Map, Value, json};

use super::World;
use super::known::Known;
use super::operations::observation_of;
use super::questions::{Expected, Parameters};
use super::resources::{
    Found, changes_of, existence, found, group_name, id_of, identity, privileged, runs, type_name,
    value, via_ids,
};

/// How a group holds a member.
pub struct Reached {
    /// The groups in between, from the direct member of the group in question to the one that holds the
    /// member; empty for a direct member.
    pub via: Vec<Number>,
    /// The event since which the last of those groups holds the member.
    pub since: Seq,
}

/// The members of a group; with `nested` also those of its member groups, breadth first.
pub fn reached(world: &World, group: Number, nested: bool) -> BTreeMap<Number, Reached> {
    let mut found = BTreeMap::new();
    let mut paths = VecDeque::from([vec![]]);
    while let Some(via) = paths.pop_front() {
        let holder = via.last().copied().unwrap_or(group);
        for (member, since) in world.members_of(holder) {
            // A circle does not make the group a member of itself.
            let is_round = member == group && !via.is_empty();
            if is_round || found.contains_key(&member) {
                continue;
            }
            found.insert(member, Reached { via: via.clone(), since });
            if nested && member != group {
                paths.push_back([via.clone(), vec![member]].concat());
            }
        }
    }
    found
}

/// The groups of a member.
pub fn groups_of(world: &World, member: Number, nested: bool) -> Vec<(Number, Reached)> {
    let groups = world.members.keys();
    groups
        .filter_map(|group| Some((*group, reached(world, *group, nested).remove(&member)?)))
        .collect()
}

/// `GET /apps/{app}/groups/{group}/members`
pub fn members(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let group = match found(known, application, ResourceType::GROUP, &parameters.group, at) {
        Found::One(group) => group,
        other => return Expected::refused(known, application, other),
    };
    let world = known.world(application, at);
    let mut rows = vec![];
    for (member, Reached { via, since }) in reached(world, group, parameters.nested) {
        let resource = world.resources.get(&member);
        let user = resource.filter(|resource| resource.kind == ResourceType::USER);
        rows.push(json!({
            "userId": id_of(known, application, member),
            "memberType": resource.and_then(|resource| type_name(resource.kind)),
            "userName": value(resource, "userName"),
            "displayName": value(resource, "displayName"),
            "externalId": value(resource, "externalId"),
            "direct": via.is_empty(),
            "via": via_ids(known, application, &via),
            "memberSince": known.time(since),
            "addedBySeq": since,
            "startKnown": true,
            "accountActive": user.map(|user| user.active),
            "dangling": resource.is_none(),
        }));
    }
    let (exists, seq) = existence(known, application, group, at);
    Expected::rows(rows)
        .with("exists", exists)
        .with("existsSeq", seq)
        .with("groupId", id_of(known, application, group))
        .with("groupName", value(world.resources.get(&group), "displayName"))
        .with("nested", parameters.nested)
        .with("privileged", privileged(known, application, group, at).is_some())
}

/// `GET /apps/{app}/matrix`
pub fn matrix(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (application, at) = (known.application("boat"), parameters.at_count(known));
    let earlier = parameters.compare.map(|time| known.through(time));
    let worlds: Vec<&World> =
        [Some(at), earlier].into_iter().flatten().map(|n| known.world(application, n)).collect();
    let mut groups = vec![];
    for name in &parameters.groups {
        match found(known, application, ResourceType::GROUP, name, at) {
            Found::One(group) if groups.contains(&group) => {}
            Found::One(group) => groups.push(group),
            other => return Expected::refused(known, application, other),
        }
    }
    let existing = |kind: ResourceType| -> BTreeSet<Number> {
        let all = worlds.iter().flat_map(|world| &world.resources);
        all.filter(|(_, one)| one.kind == kind).map(|(number, _)| *number).collect()
    };
    if parameters.groups.is_empty() {
        groups = existing(ResourceType::GROUP).into_iter().collect();
    }
    let members = |world: &World| -> Vec<BTreeMap<Number, Reached>> {
        groups.iter().map(|group| reached(world, *group, parameters.nested)).collect()
    };
    let sides: Vec<_> = worlds.iter().map(|world| members(world)).collect();
    let mut numbers: BTreeSet<Number> =
        sides.iter().flatten().flat_map(|members| members.keys().copied()).collect();
    if parameters.all {
        numbers.extend(existing(ResourceType::USER));
    }
    let mut rows = vec![];
    for number in numbers {
        let cell = |column: usize| {
            let now = sides[0][column].get(&number);
            let before = sides.get(1).map(|side| side[column].contains_key(&number));
            let compared = match (before, now) {
                (None, Some(_)) => None,
                (Some(false), Some(_)) => Some("added"),
                (Some(true), Some(_)) => Some("same"),
                (Some(true), None) => Some("removed"),
                (None | Some(false), None) => return Value::Null,
            };
            let mut cell = json!({
                "memberSince": now.map(|now| known.time(now.since)),
                "addedBySeq": now.map(|now| now.since),
                "startKnown": now.map(|_| true),
                "direct": now.map(|now| now.via.is_empty()),
            });
            if let Some(compared) = compared {
                cell["compared"] = compared.into();
            }
            cell
        };
        let mut row = member_columns(known, application, number, at);
        row.remove("externalId");
        let resource = worlds[0].resources.get(&number);
        let user = resource.filter(|resource| resource.kind == ResourceType::USER);
        let is_member = sides[0].iter().any(|members| members.contains_key(&number));
        row.insert("accountActive".into(), user.map(|user| user.active).into());
        row.insert("dangling".into(), (resource.is_none() && is_member).into());
        row.insert("cells".into(), (0..groups.len()).map(cell).collect());
        rows.push(row.into());
    }
    let columns = groups.iter().zip(&sides[0]).map(|(group, members)| {
        json!({
            "groupId": id_of(known, application, *group),
            "groupName": identity(known, application, *group, at)["displayName"],
            "exists": existence(known, application, *group, at).0,
            "privileged": privileged(known, application, *group, at).is_some(),
            "memberCount": members.len(),
        })
    });
    let columns: Vec<Value> = columns.collect();
    let mut gaps = parameters.compare.map_or(vec![], |time| known.gaps_at(time));
    let own = known.gaps_at(parameters.at.unwrap_or(known.now));
    gaps.retain(|gap| !own.contains(gap));
    Expected::rows(rows).with("groups", columns).with("nested", parameters.nested).with_gaps(gaps)
}

/// One stay in a group.
pub struct Stay {
    pub group: Number,
    pub member: Number,
    pub start: Seq,
    /// The event that ended it, and why.
    pub end: Option<(Seq, &'static str)>,
}

/// All stays of an application, in the order in which they began.
pub fn stays(known: &Known<'_>, application: Application) -> Vec<Stay> {
    let mut stays: Vec<Stay> = vec![];
    for event in known.events_of(application) {
        let ended = |number: Number| {
            changes_of(event).any(|(subject, changes)| {
                subject == number && changes.lifecycle == Some(Lifecycle::Deleted)
            })
        };
        for (group, changes) in changes_of(event) {
            for member in &changes.joined {
                stays.push(Stay { group, member: *member, start: event.seq, end: None });
            }
            for stay in &mut stays {
                let is_open = stay.group == group && stay.end.is_none();
                if is_open && changes.left.contains(&stay.member) {
                    let reason = match (ended(group), ended(stay.member)) {
                        (true, _) => "groupDeleted",
                        (false, true) => "userDeleted",
                        (false, false) => "removed",
                    };
                    stay.end = Some((event.seq, reason));
                }
            }
        }
    }
    stays
}

/// Whether something that lasted from one event to another overlaps a period.
pub fn meets((before, end): (usize, usize), start: Seq, until: Option<Seq>) -> bool {
    (start as usize) < end && until.is_none_or(|until| until as usize >= before)
}

/// The user columns and `memberType`, at the end of the period or last before.
fn member_columns(
    known: &Known<'_>,
    application: Application,
    member: Number,
    end: usize,
) -> Map<String, Value> {
    let mut row = identity(known, application, member, end);
    let resource = known.world(application, end).is_or_was(member);
    row.insert("memberType".into(), resource.and_then(|one| type_name(one.kind)).into());
    row
}

/// `GET /apps/{app}/groups/{group}/sizes`
pub fn sizes(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application("boat");
    let (start, end) = parameters.stretch(known);
    let group = match found(known, application, ResourceType::GROUP, &parameters.group, end) {
        Found::One(group) => group,
        other => return Expected::refused(known, application, other),
    };
    let count = |events: usize| known.world(application, events).members_of(group).len();
    // The events that changed the members, and how many there were after each.
    let mut changes = vec![];
    for event in &known.events()[..end] {
        let mut own = changes_of(event).filter(|(subject, _)| *subject == group);
        let is_own = event.header.application == application;
        if is_own && own.any(|(_, one)| !one.joined.is_empty() || !one.left.is_empty()) {
            changes.push((event.header.recorded_at, event.seq, count(event.seq as usize + 1)));
        }
    }
    let row = |at: Timestamp, (_, seq, count): (Timestamp, Seq, usize)| json!({"at": at.to_string(), "seq": seq, "count": count});
    let (before, within): (Vec<_>, Vec<_>) =
        changes.iter().copied().partition(|(_, seq, _)| (*seq as usize) < start);
    let first = before.last().filter(|_| parameters.from.is_some());
    let most = usize::from(parameters.buckets.unwrap_or(200));
    let is_sampled = within.len() + usize::from(first.is_some()) > most;
    let mut rows = vec![];
    if is_sampled {
        let begin = if first.is_some() { parameters.from.expect("a start") } else { within[0].0 };
        let end = parameters.to.map_or(known.now, |to| to.min(known.now));
        for place in 0..most {
            let part = (end.0 - begin.0) as i128 * place as i128 / (most as i128 - 1);
            let at = Timestamp(begin.0 + part as i64);
            let last = changes.iter().rfind(|(time, ..)| *time <= at).expect("the first change");
            rows.push(row(at, *last));
        }
    } else {
        rows.extend(first.map(|size| row(parameters.from.expect("a start"), *size)));
        rows.extend(within.into_iter().map(|size| row(size.0, size)));
    }
    Expected::rows(rows)
        .with("groupId", id_of(known, application, group))
        .with("groupName", group_name(known.world(application, end), group))
        .with("sampled", is_sampled)
}

/// `GET /apps/{app}/groups/{group}/diff`
pub fn diff(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application("boat");
    let (start, end) = parameters.stretch(known);
    let group = match found(known, application, ResourceType::GROUP, &parameters.group, end) {
        Found::One(group) => group,
        other => return Expected::refused(known, application, other),
    };
    let (before, after) = (known.world(application, start), known.world(application, end));
    let (had, has) = (before.members_of(group), after.members_of(group));
    let (mut joined, mut left) = (BTreeMap::new(), BTreeMap::new());
    for event in known.events()[start..end].iter() {
        for (subject, changes) in changes_of(event) {
            if subject == group && event.header.application == application {
                joined.extend(changes.joined.iter().map(|member| (*member, event.seq)));
                left.extend(changes.left.iter().map(|member| (*member, event.seq)));
            }
        }
    }
    let all: BTreeSet<Number> = [had.keys(), has.keys()].into_iter().flatten().copied().collect();
    let all: BTreeSet<Number> = all.into_iter().chain(joined.keys().copied()).collect();
    let mut rows = vec![];
    for member in all {
        let change = match (had.contains_key(&member), has.contains_key(&member)) {
            (false, true) => "added",
            (true, false) => "removed",
            (true, true) if left.contains_key(&member) => "returned",
            (true, true) => continue,
            (false, false) => "passed",
        };
        let mut row = member_columns(known, application, member, end);
        row.insert("change".into(), change.into());
        for (place, at, seq) in [(&joined, "joinedAt", "joinedSeq"), (&left, "leftAt", "leftSeq")] {
            let last = place.get(&member).copied();
            row.insert(at.into(), last.map(|last| known.time(last)).into());
            row.insert(seq.into(), last.into());
        }
        rows.push(row.into());
    }
    let (existed, exists) = (before.resources.get(&group), after.resources.get(&group));
    let names = [existed, exists].into_iter().flatten();
    let names: BTreeSet<&String> = names.flat_map(|one| one.attributes.keys()).collect();
    let mut attributes = vec![];
    for name in names {
        let (old, new) = (value(existed, name), value(exists, name));
        if old != new {
            let op = match (&old, &new) {
                (Value::Null, _) => "add",
                (_, Value::Null) => "remove",
                _ => "replace",
            };
            attributes.push(json!({"path": name, "op": op, "oldValue": old, "newValue": new}));
        }
    }
    Expected::rows(rows)
        .with("groupId", id_of(known, application, group))
        .with("groupName", group_name(after, group))
        .with("attributes", attributes)
        .with("existedBefore", existed.is_some())
        .with("existsAfter", exists.is_some())
}

/// `GET /apps/{app}/groups/{group}/intervals` and `GET /apps/{app}/users/{user}/intervals`
pub fn intervals(known: &Known<'_>, parameters: &Parameters, kind: ResourceType) -> Expected {
    let application = known.application("boat");
    let stretch = parameters.stretch(known);
    let is_group = kind == ResourceType::GROUP;
    let (name, other) = match is_group {
        true => (&parameters.group, (ResourceType::USER, &parameters.other_user)),
        false => (&parameters.user, (ResourceType::GROUP, &parameters.other_group)),
    };
    let one = match found(known, application, kind, name, stretch.1) {
        Found::One(one) => one,
        refused => return Expected::refused(known, application, refused),
    };
    let other = match other.1.as_ref().map(|id| found(known, application, other.0, id, stretch.1)) {
        None => None,
        Some(Found::One(other)) => Some(other),
        Some(refused) => return Expected::refused(known, application, refused),
    };
    let mut fitting = vec![];
    for stay in stays(known, application) {
        let (own, their) = match is_group {
            true => (stay.group, stay.member),
            false => (stay.member, stay.group),
        };
        if own == one
            && other.is_none_or(|other| other == their)
            && meets(stretch, stay.start, stay.end.map(|(seq, _)| seq))
        {
            fitting.push((their, stay));
        }
    }
    fitting.sort_by_key(|(their, stay)| (*their, stay.start));
    let world = known.world(application, stretch.1);
    let rows = fitting.into_iter().map(|(_, stay)| {
        let mut row = member_columns(known, application, stay.member, stretch.1);
        row.insert("groupId".into(), id_of(known, application, stay.group));
        row.insert("groupName".into(), group_name(world, stay.group));
        row.insert("start".into(), known.time(stay.start).into());
        row.insert("startSeq".into(), stay.start.into());
        row.insert("startKnown".into(), true.into());
        row.insert("end".into(), stay.end.map(|(seq, _)| known.time(seq)).into());
        row.insert("endSeq".into(), stay.end.map(|(seq, _)| seq).into());
        row.insert("endReason".into(), stay.end.map(|(_, reason)| reason).into());
        let is_privileged = privileged(known, application, stay.group, stretch.1).is_some();
        row.insert("privileged".into(), is_privileged.into());
        Value::Object(row)
    });
    let named = identity(known, application, one, stretch.1);
    Expected::rows(rows.collect()).about(kind, named)
}

/// `GET /reports/overlap`
pub fn overlap(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let application = known.application("boat");
    let stretch = parameters.stretch(known);
    let mut groups = vec![];
    for name in &parameters.groups {
        match found(known, application, ResourceType::GROUP, name, stretch.1) {
            Found::One(group) => groups.push(group),
            refused => return Expected::refused(known, application, refused),
        }
    }
    let all = stays(known, application);
    let members: BTreeSet<Number> = all.iter().map(|stay| stay.member).collect();
    let mut rows = vec![];
    for member in members {
        let in_all = |count: usize| {
            let world = known.world(application, count);
            groups.iter().all(|group| world.members_of(*group).contains_key(&member))
        };
        for (since, until) in runs(known, in_all) {
            // A count of n events means that event n - 1 made it so.
            let (start, end) = (since as Seq - 1, until.map(|until| until as Seq - 1));
            if !meets(stretch, start, end) {
                continue;
            }
            let mut row = member_columns(known, application, member, stretch.1);
            row.insert("application".into(), known.slug(application).into());
            row.insert("start".into(), known.time(start).into());
            row.insert("startSeq".into(), start.into());
            // Something observed at an upstream may have started earlier.
            let is_seen = observation_of(&known.events()[start as usize]).is_some();
            row.insert("startKnown".into(), (!is_seen).into());
            row.insert("end".into(), end.map(|end| known.time(end)).into());
            row.insert("endSeq".into(), end.into());
            rows.push(row.into());
        }
    }
    Expected::rows(rows)
}
