//! Reports about a period: joiners, leavers, movers, reactivated and others.

use event::{Application, Number, ResourceType, Seq, Timestamp};
use serde_json::{Map, Value, json};

use super::World;
use super::known::Known;
use super::operations::observation_of;
use super::questions::{Expected, Parameters};
use super::resources::{changes_of, group_name, id_of, identity, privileged, runs};
use super::values::changed;

/// The column `application`, and the user columns at the end of a period or last before.
fn columns(
    known: &Known<'_>,
    application: Application,
    number: Number,
    end: usize,
) -> Map<String, Value> {
    let mut row = identity(known, application, number, end);
    row.insert("application".into(), known.slug(application).into());
    row
}

fn insert(row: &mut Map<String, Value>, members: Value) {
    let Value::Object(members) = members else { unreachable!() };
    row.extend(members);
}

/// Whether a user exists, and is active.
fn state(world: &World, number: Number) -> Option<bool> {
    let resource = world.resources.get(&number);
    let user = resource.filter(|resource| resource.kind == ResourceType::USER);
    user.map(|user| user.active)
}

/// A user who became active or inactive, or was deleted.
struct Turn {
    application: Application,
    number: Number,
    seq: Seq,
    before: Option<bool>,
    after: Option<bool>,
}

/// All such turns between two counts of events, in order.
fn turns(known: &Known<'_>, parameters: &Parameters, (start, end): (usize, usize)) -> Vec<Turn> {
    let mut turns = vec![];
    for count in start..end {
        for application in known.applications(parameters.app) {
            let (old, new) = (known.world(application, count), known.world(application, count + 1));
            for number in old.resources.keys().chain(new.resources.keys()) {
                let (before, after) = (state(old, *number), state(new, *number));
                let is_known = turns.last().is_some_and(|last: &Turn| last.seq == count as Seq);
                if before != after && !is_known {
                    let (number, seq) = (*number, count as Seq);
                    turns.push(Turn { application, number, seq, before, after });
                }
            }
        }
    }
    turns
}

/// `GET /reports/joiners`
pub fn joiners(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let stretch = parameters.stretch(known);
    let mut rows = vec![];
    for turn in turns(known, parameters, stretch).iter().filter(|turn| turn.before.is_none()) {
        let then = known.world(turn.application, turn.seq as usize);
        if then.gone.contains_key(&turn.number) {
            continue; // it was recorded as deleted, and is the same account
        }
        let mut row = columns(known, turn.application, turn.number, stretch.1);
        let world = known.world(turn.application, stretch.1);
        let new = json!({
            "active": state(world, turn.number),
            "createdAt": known.time(turn.seq),
            "createdSeq": turn.seq,
            // A user observed at an upstream may have existed before.
            "startKnown": observation_of(&known.events()[turn.seq as usize]).is_none(),
        });
        insert(&mut row, new);
        rows.push(row.into());
    }
    Expected::rows(rows)
}

/// The names, or else ids, of the groups of a member.
fn remaining(
    known: &Known<'_>,
    application: Application,
    number: Number,
    end: usize,
    only_privileged: bool,
) -> Vec<Value> {
    let world = known.world(application, end);
    let groups = world.members.iter().filter(|(group, members)| {
        let is_wanted = !only_privileged || privileged(known, application, **group, end).is_some();
        is_wanted && members.contains_key(&number)
    });
    let names = groups.map(|(group, _)| match group_name(world, *group) {
        Value::Null => id_of(known, application, *group),
        name => name,
    });
    names.collect()
}

/// `GET /reports/leavers` without a list.
pub fn leavers(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let stretch = parameters.stretch(known);
    let mut seen = vec![];
    let mut rows = vec![];
    for turn in turns(known, parameters, stretch) {
        let how = match (turn.before, turn.after) {
            (Some(true), Some(false)) => "deactivated",
            (Some(_), None) => "deleted",
            _ => continue,
        };
        let Turn { application, number, seq, .. } = turn;
        if seen.contains(&(application, number)) {
            continue;
        }
        seen.push((application, number));
        let later = (seq as usize + 1, stretch.1);
        let back = turns(known, parameters, later).into_iter().find(|later| {
            let is_same = (later.application, later.number) == (application, number);
            is_same && later.after == Some(true)
        });
        let who = identity(known, application, number, stretch.1);
        rows.push(json!({
            "application": known.slug(application),
            "subject": who["userName"],
            "userId": who["userId"],
            "userName": who["userName"],
            "externalId": who["externalId"],
            "displayName": who["displayName"],
            "terminatedAt": null,
            "disabledAt": known.time(seq),
            "disabledBySeq": seq,
            "how": how,
            "lagSeconds": null,
            "limitSeconds": null,
            "within": null,
            "remainingGroups": remaining(known, application, number, stretch.1, false),
            "privilegedGroups": remaining(known, application, number, stretch.1, true),
            "reactivatedAt": back.as_ref().map(|back| known.time(back.seq)),
            "reactivatedSeq": back.map(|back| back.seq),
        }));
    }
    Expected::rows(rows).open("coverage")
}

/// A row of an uploaded list: who left, and when.
#[derive(Clone, Debug)]
pub struct Termination {
    /// `userName`, `externalId` or `email`.
    pub attribute: &'static str,
    pub value: String,
    pub at: Timestamp,
}

impl Termination {
    fn is_of(&self, world: &World, number: Number) -> bool {
        let Some(resource) = world.resources.get(&number) else { return false };
        let text = |value: &Value, name: &str| value[name].as_str().map(str::to_lowercase);
        let attributes = Value::Object(resource.attributes.clone());
        let wanted = Some(self.value.to_lowercase());
        resource.kind == ResourceType::USER
            && match self.attribute {
                "email" => {
                    let emails = attributes["emails"].as_array().cloned().unwrap_or_default();
                    emails.iter().any(|email| text(email, "value") == wanted)
                }
                "externalId" => attributes["externalId"] == self.value.as_str(),
                name => text(&attributes, name) == wanted,
            }
    }
}

/// `GET /reports/leavers` with a list. `None` if the oracle cannot tell: the person was not active at
/// or before the termination.
pub fn leavers_of(
    known: &Known<'_>,
    parameters: &Parameters,
    list: &[Termination],
) -> Option<Expected> {
    let (_, end) = parameters.stretch(known);
    let limit = parameters.within_seconds.unwrap_or(86_400);
    let mut rows = vec![];
    for left in list {
        let is_early = parameters.from.is_some_and(|from| left.at < from);
        if is_early || left.at >= parameters.to.unwrap_or(known.now) {
            continue;
        }
        let mut is_anywhere = false;
        let latest = parameters.to.map_or(known.now, |to| to.min(known.now));
        for application in known.applications(parameters.app) {
            // The active times of all accounts of the person, up to the end of the period.
            let mut stays = vec![];
            let last = known.world(application, end);
            let (mut is_here, all) = (false, last.resources.keys().chain(last.gone.keys()));
            for number in all {
                let is_theirs =
                    |count: &usize| left.is_of(known.world(application, *count), *number);
                if !(0..=end).any(|count| is_theirs(&count)) {
                    continue;
                }
                is_here = true;
                let is_active = |count: usize| {
                    state(known.world(application, count.min(end)), *number) == Some(true)
                };
                for (since, until) in runs(known, is_active) {
                    let start = known.recorded(since as Seq - 1);
                    let stop = until.map(|until| until as Seq - 1);
                    stays.push((start, since, *number, stop));
                }
            }
            if !is_here {
                continue;
            }
            is_anywhere = true;
            // Each account has a row; their order is not specified.
            let numbers = last.resources.keys().chain(last.gone.keys());
            let is_theirs = |number: &&Number| {
                (0..=end).any(|count| left.is_of(known.world(application, count), **number))
            };
            let numbers: Vec<Number> = numbers.filter(is_theirs).copied().collect();
            let [only] = numbers.as_slice() else { return None };
            let is_never_on = stays.is_empty();
            stays.retain(|(start, ..)| *start <= left.at);
            stays.sort_unstable();
            let covers = |stop: Option<Seq>| stop.is_none_or(|seq| known.recorded(seq) > left.at);
            let covering = stays.iter().rev().find(|(.., stop)| covers(*stop));
            let (number, stop) = match covering.or(stays.last()) {
                Some((_, _, number, stop)) => (*number, *stop),
                None if is_never_on => (*only, None),
                None => return None,
            };
            let lag = stop.map(|seq| known.recorded(seq).micros_since(left.at).max(0) / 1_000_000);
            let how = stop.map(|seq| {
                let world = known.world(application, seq as usize + 1);
                if state(world, number).is_some() { "deactivated" } else { "deleted" }
            });
            let back = stop.and_then(|stop| {
                let later = turns(known, parameters, (stop as usize + 1, end));
                let mut of_them = later.into_iter().filter(|turn| turn.number == number);
                of_them.find(|turn| turn.after == Some(true) && turn.application == application)
            });
            let who = identity(known, application, number, end);
            rows.push(json!({
                "application": known.slug(application),
                "subject": left.value,
                "userId": who["userId"],
                "userName": who["userName"],
                "externalId": who["externalId"],
                "displayName": who["displayName"],
                "terminatedAt": left.at.to_string(),
                "disabledAt": stop.map(|seq| known.time(seq)),
                "disabledBySeq": stop,
                "how": how,
                "lagSeconds": lag,
                "limitSeconds": limit,
                "within": match lag {
                    Some(lag) => Some(lag <= limit),
                    // There was nothing to deactivate.
                    None if is_never_on => Some(true),
                    // There is still time to deactivate it.
                    None if left.at.0 + limit * 1_000_000 > latest.0 => None,
                    None => Some(false),
                },
                "remainingGroups": remaining(known, application, number, end, false),
                "privilegedGroups": remaining(known, application, number, end, true),
                "reactivatedAt": back.as_ref().map(|back| known.time(back.seq)),
            "reactivatedSeq": back.map(|back| back.seq),
            }));
        }
        if !is_anywhere {
            rows.push(json!({
                "application": null,
                "subject": left.value,
                "userId": null,
                "userName": null,
                "externalId": null,
                "displayName": null,
                "terminatedAt": left.at.to_string(),
                "disabledAt": null,
                "disabledBySeq": null,
                "how": null,
                "lagSeconds": null,
                "limitSeconds": limit,
                "within": true,
                "remainingGroups": [],
                "privilegedGroups": [],
                "reactivatedAt": null,
                "reactivatedSeq": null,
            }));
        }
    }
    Some(Expected::rows(rows).open("coverage"))
}

/// `GET /reports/orphans`; `list` is the newest one, with its event.
pub fn orphans(
    known: &Known<'_>,
    parameters: &Parameters,
    list: Option<(Seq, &[Termination])>,
) -> Expected {
    let Some((seq, list)) = list else { return Expected::not_found() };
    let at = parameters.at_count(known);
    let mut rows = vec![];
    for application in known.applications(parameters.app) {
        let world = known.world(application, at);
        for number in world.users(Some(true)) {
            if list.iter().any(|person| person.is_of(world, number)) {
                continue;
            }
            let created = world.resources[&number].created;
            let mut row = columns(known, application, number, at);
            let new = json!({
                "createdAt": known.time(created),
                "createdSeq": created,
                // A user observed at an upstream may have existed before.
                "startKnown": observation_of(&known.events()[created as usize]).is_none(),
            });
            insert(&mut row, new);
            rows.push(row.into());
        }
    }
    Expected::rows(rows).with("listSeq", seq)
}

/// `GET /reports/movers`
pub fn movers(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (start, end) = parameters.stretch(known);
    let on = parameters.on.unwrap_or("department");
    let mut rows = vec![];
    for event in &known.events()[start..end] {
        let application = event.header.application;
        if !known.applications(parameters.app).contains(&application) {
            continue;
        }
        let world = known.world(application, end);
        for (number, changes) in changes_of(event) {
            let after = known.world(application, event.seq as usize + 1);
            if state(after, number).is_none() {
                continue;
            }
            for change in &changed(changes) {
                let path = change.path.to_string();
                let (Some(old), Some(new)) = (&change.old, &change.new) else { continue };
                if path != on && change.path.attribute != on {
                    continue;
                }
                let held = world.members.iter().filter_map(|(group, members)| {
                    let since = *members.get(&number)?;
                    let row = json!({
                        "groupId": id_of(known, application, *group),
                        "groupName": group_name(world, *group),
                        "memberSince": known.time(since),
                        "privileged": privileged(known, application, *group, end).is_some(),
                    });
                    (since < event.seq).then_some(row)
                });
                let mut row = columns(known, application, number, end);
                let moved = json!({
                    "path": path,
                    "oldValue": serde_json::from_slice::<Value>(old).unwrap(),
                    "newValue": serde_json::from_slice::<Value>(new).unwrap(),
                    "changedAt": known.time(event.seq),
                    "changedSeq": event.seq,
                    "heldGroups": held.collect::<Vec<_>>(),
                });
                insert(&mut row, moved);
                rows.push(row.into());
            }
        }
    }
    Expected::rows(rows)
}

/// `GET /reports/reactivated`
pub fn reactivated(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let stretch = parameters.stretch(known);
    let mut rows = vec![];
    for turn in turns(known, parameters, stretch) {
        let Turn { application, number, seq, before, after } = turn;
        // A deleted and restored user was reactivated too.
        if before == Some(true) || after != Some(true) {
            continue;
        }
        let before = turns(known, parameters, (0, seq as usize)).into_iter().rev();
        let mut of_them = before.filter(|turn| turn.number == number);
        // A user who was never active before was not reactivated.
        let off = of_them.find(|turn| turn.application == application && turn.before == Some(true));
        let Some(off) = off else { continue };
        let mut row = columns(known, application, number, stretch.1);
        let back = json!({
            "kind": "reactivated",
            "disabledAt": known.time(off.seq),
            "disabledSeq": off.seq,
            "reactivatedAt": known.time(seq),
            "reactivatedSeq": seq,
        });
        insert(&mut row, back);
        rows.push(row.into());
    }
    Expected::rows(rows)
}
