//! Leavers: when their accounts were disabled, compared with when they left.

use std::collections::BTreeSet;

use answers::row::{self, ListSeen};
use answers::{Leavers, ListName};
use event::{Application, Number, Seq, Timestamp};
use projector::Identity;

use super::lists::people_of;
use super::question::{Answered, Asked};
use super::reports::Scene;
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::duration::{self, seconds};
use crate::error::Error;
use crate::history::groups_of;
use crate::reference::Person;
use crate::report::people::{ActiveStay, Ending, active_stays, leavers};

/// How long an account may stay active after its owner left, by default.
const WITHIN_SECONDS: u64 = 24 * 3_600;

/// The identity of somebody without an account.
const NOBODY: Identity =
    Identity { id: None, user_name: None, external_id: None, display_name: None };

/// Somebody who left, and their account.
struct Leaver {
    application: Option<Application>,
    number: Number,
    subject: Option<String>,
    terminated_at: Option<Timestamp>,
    disabled: Option<(Seq, bool)>,
    reactivated: Option<Seq>,
    /// Whether the account was never active before the end of the question.
    never_active: bool,
}

impl Answered for Leavers {
    /// Without a list: accounts that were disabled or deleted. With a list: when the accounts of the
    /// people on it were.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Leavers>, Error> {
        let accepts = duration::ACCEPTED;
        let within = self.within.as_ref().map_or(Some(WITHIN_SECONDS), |text| seconds(&text.0));
        let within = within.ok_or(Error::Parameter { name: "within", accepts })?;
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let (list_seq, all) = find(&scene, self.list.as_ref())?;
        let found = scene.found(&all, |one| row(&scene, one, within))?;
        Ok(found.beside(ListSeen { list_seq }))
    }
}

fn find(scene: &Scene<'_>, list: Option<&ListName>) -> Result<(Option<Seq>, Vec<Leaver>), Error> {
    let view = &scene.record.view;
    let mut all = vec![];
    let Some(list) = list else {
        for application in &scene.applications {
            for Ending { number, seq, deleted } in
                leavers(view, *application, scene.stand.seqs.clone())?
            {
                let stays = active_stays(view, *application, number)?;
                let within = |start: Seq| start > seq && start < scene.stand.seqs.end;
                let again = stays.iter().map(|stay| stay.start).find(|start| within(*start));
                all.push(Leaver {
                    application: Some(*application),
                    number,
                    subject: None,
                    terminated_at: None,
                    disabled: Some((seq, deleted)),
                    reactivated: again,
                    never_active: false,
                });
            }
        }
        all.sort_by_key(|one| one.disabled);
        return Ok((None, all));
    };
    let list = people_of(&scene.record, list, scene.one)?;
    let (from, to) = (scene.stand.from, scene.stand.to.unwrap_or(scene.stand.now));
    for person in &list.people {
        let Some(terminated_at) = person.terminated_at.map(Timestamp) else { continue };
        if from.is_some_and(|from| terminated_at < from) || terminated_at >= to {
            continue;
        }
        let before = all.len();
        for application in &scene.applications {
            for number in users_of(scene, person, *application, terminated_at)? {
                all.push(leaver(scene, person, *application, number, terminated_at)?);
            }
        }
        if all.len() == before && list.shows_strangers {
            all.push(Leaver {
                application: None,
                number: Number::NOBODY,
                subject: Some(person.subject().to_owned()),
                terminated_at: Some(terminated_at),
                disabled: None,
                reactivated: None,
                never_active: true,
            });
        }
    }
    Ok((Some(list.seq), all))
}

/// The accounts of a person: those that had one of the names when the person left; else the last before,
/// else the first after.
fn users_of(
    scene: &Scene<'_>,
    person: &Person,
    application: Application,
    terminated_at: Timestamp,
) -> Result<BTreeSet<Number>, Error> {
    let record = &scene.record;
    let until = scene.after();
    let mut holders = person.users(&record.view, application)?;
    holders.retain(|holder| until.is_some_and(|until| holder.since <= until));
    let then = record.seq_at(record.size, terminated_at)?;
    let bore = holders.iter().filter(|holder| {
        then.is_some_and(|then| holder.since <= then && holder.until.is_none_or(|end| then < end))
    });
    let bore: BTreeSet<Number> = bore.map(|holder| holder.number).collect();
    if !bore.is_empty() {
        return Ok(bore);
    }
    let before = holders.iter().filter(|holder| then.is_some_and(|then| holder.since <= then));
    let last = before.max_by_key(|holder| holder.until);
    let first = holders.iter().min_by_key(|holder| holder.since);
    Ok(last.or(first).map(|holder| holder.number).into_iter().collect())
}

fn leaver(
    scene: &Scene<'_>,
    person: &Person,
    application: Application,
    number: Number,
    terminated_at: Timestamp,
) -> Result<Leaver, Error> {
    let record = &scene.record;
    let until = scene.after().unwrap_or(0);
    let stays = active_stays(&record.view, application, number)?;
    let stays: Vec<ActiveStay> = stays.into_iter().filter(|stay| stay.start <= until).collect();
    let then = record.seq_at(record.size, terminated_at)?;
    let began = |stay: &&ActiveStay| then.is_some_and(|then| stay.start <= then);
    let last = stays.iter().rev().find(began);
    let ended = last.and_then(|stay| Some((stay.end.filter(|end| *end <= until)?, stay.deleted)));
    let again = match ended {
        Some((end, _)) => stays.iter().find(|stay| stay.start > end),
        // The account was inactive until they left, and active afterwards.
        None if last.is_none() => stays.first(),
        None => None,
    };
    Ok(Leaver {
        application: Some(application),
        number,
        subject: Some(person.subject().to_owned()),
        terminated_at: Some(terminated_at),
        disabled: ended,
        reactivated: again.map(|stay| stay.start),
        never_active: stays.is_empty(),
    })
}

fn row(scene: &Scene<'_>, one: &Leaver, within: u64) -> Result<row::Leaver, Error> {
    let record = &scene.record;
    let (application, who) = match one.application {
        Some(application) => {
            (Some(scene.name_of(application)?), scene.identity(application, one.number)?)
        }
        None => (None, NOBODY),
    };
    let disabled_by_seq = one.disabled.map(|(seq, _)| seq);
    let how = one.disabled.map(|(_, deleted)| if deleted { "deleted" } else { "deactivated" });
    let disabled_at = disabled_by_seq.map(|seq| record.recorded_at(seq)).transpose()?;
    let lag = one.terminated_at.zip(disabled_at).map(|(terminated, disabled)| {
        u64::try_from(disabled.0.saturating_sub(terminated.0) / 1_000_000).unwrap_or(0)
    });
    let is_within = match (one.terminated_at, one.application, lag) {
        (None, ..) => None,
        // There is no account to disable.
        (Some(_), None, _) => Some(true),
        (Some(_), Some(_), Some(lag)) => Some(lag <= within),
        // The account was never active.
        (Some(_), Some(_), None) if one.never_active => Some(true),
        (Some(terminated), Some(_), None) => {
            let within_us = i64::try_from(within).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            let deadline = Timestamp(terminated.0.saturating_add(within_us));
            let end = scene.stand.to.map_or(scene.stand.now, |to| to.min(scene.stand.now));
            // It may still be disabled in time.
            if deadline > end { None } else { Some(false) }
        }
    };
    let (from, to) = (one.terminated_at.or(disabled_at), disabled_at.unwrap_or(scene.stand.now));
    let holes = Coverage::over(record, &scene.stand, &scene.applications, (from, to))?;
    let (remaining_groups, privileged_groups) = remaining_groups(scene, one)?;
    Ok(row::Leaver {
        subject: one.subject.clone().or_else(|| who.user_name.clone()),
        user_name: who.user_name,
        terminated_at: one.terminated_at.map(|time| time.to_string().into()),
        disabled_at: disabled_at.map(|time| time.to_string().into()),
        disabled_by_seq,
        lag_seconds: lag,
        limit_seconds: one.terminated_at.map(|_| within),
        within: is_within,
        remaining_groups,
        reactivated_at: one.reactivated.map(|seq| record.moment(seq)).transpose()?,
        coverage: if holes { "partial" } else { "complete" }.to_owned(),
        application,
        how: how.map(str::to_owned),
        user_id: who.id,
        external_id: who.external_id,
        display_name: who.display_name,
        reactivated_seq: one.reactivated,
        privileged_groups,
    })
}

/// Groups by name, or by id where one has none.
type Groups = Vec<Option<String>>;

/// The account's groups at the end of the question, and the privileged ones among them.
fn remaining_groups(scene: &Scene<'_>, one: &Leaver) -> Result<(Groups, Groups), Error> {
    let (mut all, mut privileged) = (vec![], vec![]);
    let (Some(application), Some(after)) = (one.application, scene.after()) else {
        return Ok((all, privileged));
    };
    for group in groups_of(&scene.record.view, application, one.number, after)? {
        let identity = scene.identity(application, group.member)?;
        let name = identity.display_name.or(identity.id);
        if scene.is_privileged(application, group.member)? {
            privileged.push(name.clone());
        }
        all.push(name);
    }
    Ok((all, privileged))
}
