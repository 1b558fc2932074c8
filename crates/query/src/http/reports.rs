//! Reports over whole applications, page by page. What a report finds is small and computed in full, so
//! that the count is exact; rows are made for the page only.

use answers::{
    Drifted, Failing, Joiners, Movers, Overlap, Question, Reactivated, Time, Unapproved, row,
};
use event::{Application, Number, ResourceType, Seq};
use projector::Identity;

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::history::groups_of;
use crate::name::parted;
use crate::operation::Operations;
use crate::person::{identity, is_privileged, member_type};
use crate::record::Record;
use crate::report::operations::{Move, drifted, failing, moves, unapproved};
use crate::report::people::{Reactivation, joiners, reactivated};
use crate::shown::json_value;
use crate::standpoint::Standpoint;
use crate::type_names::TypeNames;

/// The attribute whose changes make a mover, unless the question names another.
const MOVES_ON: &str = "department";
const PATH_BYTES_MAX: usize = 256;
/// Fewer groups cannot overlap; more are refused.
const GROUPS: std::ops::RangeInclusive<usize> = 2..=10;

/// What a report covers: its applications, instant and events.
pub(super) struct Scene<'a> {
    pub(super) record: Record<'a>,
    pub(super) stand: Standpoint,
    pub(super) applications: Vec<Application>,
    slugs: std::collections::BTreeMap<Application, String>,
    types: TypeNames,
    application: Application,
    /// The application that the question names.
    pub(super) one: Option<Application>,
    is_stretch: bool,
}

impl<'a> Scene<'a> {
    /// The scene of a question about one application or all that the caller may see.
    pub(super) fn of(asked: &Asked<'a>, one: Option<Application>) -> Result<Scene<'a>, Error> {
        let reading = asked.reading;
        let stand = asked.standpoint()?;
        let record = reading.record.limited_to(stand.size);
        Ok(Scene {
            applications: reading.applications(one)?,
            slugs: reading.slugs()?,
            types: TypeNames::read(&record.view)?,
            application: reading.asked_application(one),
            one,
            is_stretch: asked.described.time == Time::Stretch,
            record,
            stand,
        })
    }

    /// The last event of the question's time range, or at its instant.
    pub(super) fn after(&self) -> Option<Seq> {
        if self.is_stretch { self.stand.ends().1 } else { self.stand.at_seq }
    }

    /// The name of an application in addresses.
    pub(super) fn name_of(&self, application: Application) -> Result<String, Error> {
        // Both come from one snapshot, so the name exists.
        self.slugs.get(&application).cloned().ok_or(Error::Defect)
    }

    /// Somebody's names at the end of the question, or their last names before.
    pub(super) fn identity(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Identity, Error> {
        identity(&self.record, application, number, self.after())
    }

    /// Whether a group is marked as privileged at the end of the question.
    pub(super) fn is_privileged(
        &self,
        application: Application,
        group: Number,
    ) -> Result<bool, Error> {
        is_privileged(&self.record, application, group, self.after())
    }

    /// Collects the results of each application, in the order in which they were added.
    fn of_each<T>(
        &self,
        mut find: impl FnMut(Application) -> Result<Vec<T>, projector::ProjectorError>,
    ) -> Result<Vec<(Application, T)>, Error> {
        let mut all = vec![];
        for application in &self.applications {
            all.extend(find(*application)?.into_iter().map(|one| (*application, one)));
        }
        Ok(all)
    }

    /// Answers with one page of what was found.
    pub(super) fn found<Q: Question, T>(
        &self,
        all: &[T],
        row: impl Fn(&T) -> Result<Q::Row, Error>,
    ) -> Result<Found<Q>, Error> {
        let (page, next) = self.stand.part_of(all);
        let rows = page.iter().map(row).collect::<Result<Vec<_>, Error>>()?;
        let found = Found::new(&self.record, &self.stand, &self.coverage()?);
        Ok(found.about(self.application, Number::NOBODY).rows(rows, all.len() as u64, next))
    }

    fn coverage(&self) -> Result<Coverage, Error> {
        let Scene { record, stand, applications, .. } = self;
        match self.is_stretch {
            true => Coverage::between(record, stand, applications),
            false => Coverage::at(record, stand, applications),
        }
    }

    /// Answers with the rows of operations, newest first.
    fn operations<Q: Question<Row = row::Operation, Beside = answers::Nothing>>(
        &self,
        mut all: Vec<Seq>,
    ) -> Result<Found<Q>, Error> {
        all.sort_unstable_by(|one, other| other.cmp(one));
        let (page, next) = self.stand.part_of(&all);
        let rows = Operations::new(&self.record)?.rows(page.iter().copied())?;
        let found = Found::new(&self.record, &self.stand, &self.coverage()?);
        Ok(found.about(self.application, Number::NOBODY).rows(rows, all.len() as u64, next))
    }
}

impl Answered for Joiners {
    /// In the order in which they were created.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Joiners>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let (record, seqs) = (&scene.record, &scene.stand.seqs);
        let view = &record.view;
        let mut all = scene.of_each(|application| joiners(view, application, seqs.clone()))?;
        all.sort_by_key(|(_, (_, seq))| *seq);
        scene.found(&all, |(application, (number, seq))| {
            let Identity { id, user_name, external_id, display_name } =
                scene.identity(*application, *number)?;
            let version = match scene.after() {
                Some(after) => view.version(*application, *number, after)?,
                None => None,
            };
            let version = version.filter(|version| version.state.is_some());
            Ok(row::Joiner {
                application: scene.name_of(*application)?,
                user_id: id,
                user_name,
                external_id,
                display_name,
                active: version.map(|version| version.active),
                created_at: record.moment(*seq)?,
                created_seq: *seq,
                start_known: resource::start_known(record, true, *seq)?,
            })
        })
    }
}

impl Answered for Reactivated {
    /// In the order in which they became active again.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Reactivated>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let (record, seqs) = (&scene.record, &scene.stand.seqs);
        let view = &record.view;
        let mut all = scene.of_each(|application| reactivated(view, application, seqs.clone()))?;
        all.sort_by_key(|(_, one)| one.reactivated);
        scene.found(&all, |(application, one)| {
            let Reactivation { number, disabled, reactivated } = *one;
            let Identity { id, user_name, external_id, display_name } =
                scene.identity(*application, number)?;
            Ok(row::Reactivation {
                application: scene.name_of(*application)?,
                user_id: id,
                user_name,
                external_id,
                display_name,
                kind: "reactivated".to_owned(),
                disabled_at: record.moment(disabled)?,
                disabled_seq: disabled,
                reactivated_at: record.moment(reactivated)?,
                reactivated_seq: reactivated,
            })
        })
    }
}

impl Answered for Movers {
    /// In the order in which they changed.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Movers>, Error> {
        let is_path = |text: &str| {
            !text.is_empty() && text.len() <= PATH_BYTES_MAX && !text.contains(char::is_control)
        };
        let on = self.on.as_ref().map_or(MOVES_ON, |on| &on.0);
        if !is_path(on) {
            let accepts = "an attribute such as department, or its path";
            return Err(Error::Parameter { name: "on", accepts });
        }
        let mut scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        scene.stand.question.insert("on".into(), on.into());
        let (view, store) = (&scene.record.view, scene.record.store);
        let seqs = &scene.stand.seqs;
        let mut all = scene.of_each(|application| moves(view, store, application, seqs, on))?;
        all.sort_by_key(|(_, one)| one.seq);
        scene.found(&all, |(application, one)| mover(&scene, *application, one))
    }
}

fn mover(scene: &Scene<'_>, application: Application, one: &Move) -> Result<row::Mover, Error> {
    let (record, what) = (&scene.record, "a changed value");
    let Identity { id, user_name, external_id, display_name } =
        scene.identity(application, one.number)?;
    let mut held_groups = vec![];
    if let Some(after) = scene.after() {
        for group in groups_of(&record.view, application, one.number, after)? {
            if group.since < one.seq {
                let Identity { id, display_name, .. } =
                    scene.identity(application, group.member)?;
                let member_since = record.moment(group.since)?;
                held_groups.push(row::HeldGroup {
                    group_id: id,
                    group_name: display_name,
                    member_since,
                    privileged: scene.is_privileged(application, group.member)?,
                });
            }
        }
    }
    Ok(row::Mover {
        application: scene.name_of(application)?,
        user_id: id,
        user_name,
        external_id,
        display_name,
        path: one.path.clone(),
        old_value: json_value(Some(&one.old), what)?,
        new_value: json_value(Some(&one.new), what)?,
        changed_at: record.moment(one.seq)?,
        changed_seq: one.seq,
        held_groups,
    })
}

impl Answered for Unapproved {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Unapproved>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let (view, seqs) = (&scene.record.view, &scene.stand.seqs);
        let all = scene.of_each(|application| unapproved(view, application, seqs))?;
        scene.operations(all.into_iter().map(|(_, seq)| seq).collect())
    }
}

impl Answered for Drifted {
    /// Where baselines, drift checks and reads found that an upstream differed from the record.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Drifted>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let (view, seqs) = (&scene.record.view, &scene.stand.seqs);
        let store = scene.record.store;
        let all = scene.of_each(|application| drifted(view, store, application, seqs))?;
        scene.operations(all.into_iter().map(|(_, seq)| seq).collect())
    }
}

impl Answered for Failing {
    /// The newest failure first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Failing>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let until = scene.stand.at_seq.map_or(0, |seq| seq + 1);
        let record = &scene.record;
        let mut all = scene.of_each(|application| failing(record, application, until))?;
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.seq));
        let operations = Operations::new(record)?;
        scene.found(&all, |(application, one)| {
            let Identity { id, user_name, external_id, display_name } =
                scene.identity(*application, one.number)?;
            let last = operations.rows(std::iter::once(one.seq))?.pop().ok_or(Error::Defect)?;
            Ok(row::Failed {
                application: scene.name_of(*application)?,
                user_id: id,
                user_name,
                external_id,
                display_name,
                resource_type: last.resource_type,
                failed_at: record.moment(one.seq)?,
                failed_seq: one.seq,
                operation: last.operation,
                http_status: last.http_status,
                scim_type: last.scim_type,
                reason: last.reason,
                holder_id: last.holder_id.flatten(),
                holder_name: last.holder_name.flatten(),
                failures: one.failures,
            })
        })
    }
}

impl Answered for Overlap {
    /// By member, then by start.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Overlap>, Error> {
        let application = asked.application(&self.app)?.number;
        let names = parted(&self.groups.0).filter(|names| {
            GROUPS.contains(&names.len()) && names.iter().all(|name| !name.is_empty())
        });
        let accepts = "2 to 10 groups by id or name, with commas between them; a name with a comma in \
                       double quotes";
        let names = names.ok_or(Error::Parameter { name: "groups", accepts })?;
        let scene = Scene::of(asked, Some(application))?;
        let record = &scene.record;
        let view = &record.view;
        let group = |name: &String| -> Result<Number, Error> {
            let kind = ResourceType::GROUP;
            Ok(resource::named(view, application, kind, name, scene.after())?.number)
        };
        let groups = names.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        let all = crate::report::groups::overlaps(view, application, &groups, &scene.stand.seqs)?;
        scene.found(&all, |one| {
            let Identity { id, user_name, external_id, display_name } =
                scene.identity(application, one.member)?;
            let (types, after) = (&scene.types, scene.after());
            Ok(row::Together {
                application: scene.name_of(application)?,
                user_id: id,
                user_name,
                external_id,
                display_name,
                member_type: member_type(record, types, application, one.member, after)?,
                start: record.moment(one.start)?,
                start_seq: one.start,
                end: one.end.map(|seq| record.moment(seq)).transpose()?,
                end_seq: one.end,
                start_known: resource::start_known(record, true, one.start)?,
            })
        })
    }
}
