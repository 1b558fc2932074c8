//! Reports over whole applications, a page at a time. What a report finds is small and computed whole,
//! so that its count is exact; rows are made for the page alone.

use answers::{Joiners, Question, Time, row};
use event::{Application, Number, ResourceType, Seq};
use projector::Identity;
use serde_json::{Map, Value};

use super::ask::{Ask, Reading};
use super::question::{Answered, Asked, Found};
use super::resource;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::history::groups_of;
use crate::name::parted;
use crate::operation::Operations;
use crate::params::Params;
use crate::person::{columns, group_columns, identity, insert_moment, member_columns};
use crate::record::Record;
use crate::report::operations::{Failing, Move, drifted, failing, moves, unapproved};
use crate::report::people::{Reactivation, joiners, reactivated};
use crate::shown::json_value;
use crate::stand::Stand;
use crate::type_names::TypeNames;

/// The attribute whose changes make a mover, unless the question names another.
const MOVES_ON: &str = "department";
const PATH_BYTES_MAX: usize = 256;
/// Fewer groups are no overlap; more are refused.
const GROUPS: std::ops::RangeInclusive<usize> = 2..=10;

/// What a report is asked: over which applications, on what it stands.
pub(super) struct Scene<'a> {
    pub(super) record: Record<'a>,
    pub(super) stand: Stand,
    pub(super) applications: Vec<Application>,
    slugs: std::collections::BTreeMap<Application, String>,
    types: TypeNames,
    application: Application,
    /// The application that the question names.
    pub(super) one: Option<Application>,
    is_stretch: bool,
}

impl<'a> Scene<'a> {
    /// That of a question, about one application or all that the caller may see.
    pub(super) fn of(asked: &Asked<'a>, one: Option<Application>) -> Result<Scene<'a>, Error> {
        let reading = asked.reading;
        let stand = asked.stand()?;
        let record = reading.record.of_first(stand.size);
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

    pub(super) fn set(reading: &Reading<'a>, params: &Params) -> Result<Scene<'a>, Error> {
        let one = reading.application_in(params)?;
        let stand = Stand::of_page(&reading.record, params, &[], "report")?;
        let record = reading.record.of_first(stand.size);
        Ok(Scene {
            applications: reading.applications(one)?,
            slugs: reading.slugs()?,
            types: TypeNames::read(&record.view)?,
            application: reading.asked_application(one),
            one,
            is_stretch: !params.knows("at"),
            record,
            stand,
        })
    }

    /// The last event of the question's stretch, or up to its instant.
    pub(super) fn after(&self) -> Option<Seq> {
        if self.is_stretch { self.stand.ends().1 } else { self.stand.at_seq }
    }

    pub(super) fn slug(&self, application: Application) -> Value {
        self.slugs.get(&application).cloned().into()
    }

    /// The name of an application in addresses.
    pub(super) fn name_of(&self, application: Application) -> Result<String, Error> {
        // Both come from one snapshot.
        self.slugs.get(&application).cloned().ok_or(Error::Defect)
    }

    /// What somebody was called at the end of the question, or as they were last.
    pub(super) fn identity(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Identity, Error> {
        identity(&self.record, application, number, self.after())
    }

    /// The columns that name a user, with its application.
    pub(super) fn person(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Map<String, Value>, Error> {
        let mut row = columns(&self.record, application, number, self.after())?;
        row.insert("application".into(), self.slug(application));
        Ok(row)
    }

    /// What each application has, in the order in which they were added.
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

    /// Answers with the page of what was found.
    pub(super) fn answer<T>(
        &self,
        all: &[T],
        row: impl Fn(&T) -> Result<Map<String, Value>, Error>,
    ) -> Result<Answer, Error> {
        let (page, next) = self.stand.part_of(all);
        let rows = page.iter().map(|one| Ok(row(one)?.into())).collect::<Result<_, Error>>()?;
        self.answer_rows(rows, all.len() as u64, next)
    }

    /// Answers with the page of what was found.
    pub(super) fn found<Q: Question, T>(
        &self,
        all: &[T],
        row: impl Fn(&T) -> Result<Q::Row, Error>,
    ) -> Result<Found<Q>, Error> {
        let (page, next) = self.stand.part_of(all);
        let rows = page.iter().map(row).collect::<Result<Vec<_>, Error>>()?;
        let found = Found::new(&self.record, &self.stand, &self.coverage()?);
        found.about(self.application, Number::NOBODY).rows(rows, all.len() as u64, next)
    }

    fn coverage(&self) -> Result<Coverage, Error> {
        let Scene { record, stand, applications, .. } = self;
        match self.is_stretch {
            true => Coverage::between(record, stand, applications),
            false => Coverage::at(record, stand, applications),
        }
    }

    fn answer_rows(
        &self,
        rows: Vec<Value>,
        count: u64,
        next: Option<String>,
    ) -> Result<Answer, Error> {
        let answer = Answer::new(&self.record, &self.stand, &self.coverage()?);
        Ok(answer.about(self.application, Number::NOBODY).rows(rows, count, next))
    }

    /// Answers with the rows of operations, newest first.
    fn answer_operations(&self, mut all: Vec<Seq>) -> Result<Answer, Error> {
        all.sort_unstable_by(|one, other| other.cmp(one));
        let (page, next) = self.stand.part_of(&all);
        let rows = Operations::new(&self.record)?.rows(page.iter().copied())?.into_iter();
        let rows = rows.map(|row| serde_json::to_value(row).map_err(|_| Error::Defect));
        self.answer_rows(rows.collect::<Result<_, _>>()?, all.len() as u64, next)
    }
}

const STRETCH: &[&str] = &["app", "from", "to", "knownAt", "tz", "limit", "cursor"];

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
                start_known: !resource::was_seen(record, *seq)?,
            })
        })
    }
}

/// `GET /api/v1/reports/reactivated`: the users that were switched off and became active again.
pub(super) async fn came_back(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let scene = Scene::set(&reading, &reading.params(STRETCH)?)?;
        let (view, seqs) = (&scene.record.view, &scene.stand.seqs);
        let mut all = scene.of_each(|application| reactivated(view, application, seqs.clone()))?;
        all.sort_by_key(|(_, one)| one.reactivated);
        scene.answer(&all, |(application, one)| {
            let Reactivation { number, disabled, reactivated } = *one;
            let mut row = scene.person(*application, number)?;
            row.insert("kind".into(), "reactivated".into());
            let record = &scene.record;
            insert_moment(record, &mut row, ("disabledAt", "disabledSeq"), Some(disabled))?;
            let names = ("reactivatedAt", "reactivatedSeq");
            insert_moment(record, &mut row, names, Some(reactivated))?;
            Ok(row)
        })
    })
    .await
}

/// `GET /api/v1/reports/movers`: the users whose attribute changed, with the groups that they held
/// before and hold still.
pub(super) async fn moved(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params =
            reading.params(&["app", "on", "from", "to", "knownAt", "tz", "limit", "cursor"])?;
        let is_path = |text: &str| {
            !text.is_empty() && text.len() <= PATH_BYTES_MAX && !text.contains(char::is_control)
        };
        let accepts = "an attribute such as department, or its path";
        let on = params.read_as("on", accepts, |text| is_path(text).then_some(text))?;
        let on = on.unwrap_or(MOVES_ON);
        let mut scene = Scene::set(&reading, &params)?;
        scene.stand.question.insert("on".into(), on.into());
        let (view, store) = (&scene.record.view, scene.record.store);
        let seqs = &scene.stand.seqs;
        let mut all = scene.of_each(|application| moves(view, store, application, seqs, on))?;
        all.sort_by_key(|(_, one)| one.seq);
        scene.answer(&all, |(application, one)| move_row(&scene, *application, one))
    })
    .await
}

fn move_row(
    scene: &Scene<'_>,
    application: Application,
    one: &Move,
) -> Result<Map<String, Value>, Error> {
    let what = "a changed value";
    let mut row = scene.person(application, one.number)?;
    row.insert("path".into(), one.path.as_str().into());
    row.insert("oldValue".into(), json_value(Some(&one.old), what)?);
    row.insert("newValue".into(), json_value(Some(&one.new), what)?);
    insert_moment(&scene.record, &mut row, ("changedAt", "changedSeq"), Some(one.seq))?;
    let mut held = vec![];
    if let Some(after) = scene.after() {
        for group in groups_of(&scene.record.view, application, one.number, after)? {
            if group.since < one.seq {
                let record = &scene.record;
                let mut held_row = group_columns(record, application, group.member, Some(after))?;
                let since = record.recorded_at(group.since)?;
                held_row.insert("memberSince".into(), since.to_string().into());
                held.push(Value::from(held_row));
            }
        }
    }
    row.insert("heldGroups".into(), held.into());
    Ok(row)
}

/// `GET /api/v1/reports/unapproved`: the requests that changed something and have no evidence.
pub(super) async fn without_evidence(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let scene = Scene::set(&reading, &reading.params(STRETCH)?)?;
        let (view, seqs) = (&scene.record.view, &scene.stand.seqs);
        let all = scene.of_each(|application| unapproved(view, application, seqs))?;
        scene.answer_operations(all.into_iter().map(|(_, seq)| seq).collect())
    })
    .await
}

/// `GET /api/v1/reports/drift`: where looks and reads found upstreams to differ from the record.
pub(super) async fn drift(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let scene = Scene::set(&reading, &reading.params(STRETCH)?)?;
        let (view, seqs) = (&scene.record.view, &scene.stand.seqs);
        let store = scene.record.store;
        let all = scene.of_each(|application| drifted(view, store, application, seqs))?;
        scene.answer_operations(all.into_iter().map(|(_, seq)| seq).collect())
    })
    .await
}

/// `GET /api/v1/reports/failing`: whose last request to change something failed.
pub(super) async fn failed_last(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params = reading.params(&["app", "at", "knownAt", "tz", "limit", "cursor"])?;
        let scene = Scene::set(&reading, &params)?;
        let until = scene.stand.at_seq.map_or(0, |seq| seq + 1);
        let view = &scene.record.view;
        let mut all = scene.of_each(|application| failing(view, application, until))?;
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.seq));
        let operations = Operations::new(&scene.record)?;
        scene.answer(&all, |(application, one)| {
            let Failing { number, seq, failures } = *one;
            let mut row = scene.person(*application, number)?;
            insert_moment(&scene.record, &mut row, ("failedAt", "failedSeq"), Some(seq))?;
            row.insert("failures".into(), failures.into());
            let operation = operations.rows(std::iter::once(seq))?.pop().unwrap_or_default();
            row.insert("resourceType".into(), operation.resource_type.into());
            row.insert("operation".into(), operation.operation.into());
            row.insert("httpStatus".into(), operation.http_status.into());
            row.insert("scimType".into(), operation.scim_type.into());
            row.insert("reason".into(), operation.reason.into());
            row.insert("holderId".into(), operation.holder_id.flatten().into());
            row.insert("holderName".into(), operation.holder_name.flatten().into());
            Ok(row)
        })
    })
    .await
}

/// `GET /api/v1/reports/overlap`: who was in all of some groups at the same moment.
pub(super) async fn overlap(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let known = &["app", "groups", "from", "to", "knownAt", "tz", "limit", "cursor"];
        let params = reading.params(known)?;
        let needed = |name, accepts| Error::Parameter { name, accepts };
        let application = reading.application_in(&params)?;
        let application =
            application.ok_or(needed("app", "the application that has the groups"))?;
        let accepts = "2 to 10 groups by id or name, with commas between them; a name with a comma in \
                       double quotes";
        let names = parted(params.get("groups").unwrap_or_default());
        let names = names.ok_or(needed("groups", accepts))?;
        if !GROUPS.contains(&names.len()) || names.iter().any(|name| name.is_empty()) {
            return Err(needed("groups", accepts));
        }
        let scene = Scene::set(&reading, &params)?;
        let view = &scene.record.view;
        let group = |name: &String| -> Result<Number, Error> {
            let kind = ResourceType::GROUP;
            Ok(resource::named(view, application, kind, name, scene.after())?.number)
        };
        let groups = names.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        let all = crate::report::groups::overlaps(view, application, &groups, &scene.stand.seqs)?;
        scene.answer(&all, |one| {
            let (record, types) = (&scene.record, &scene.types);
            let mut row = member_columns(record, types, application, one.member, scene.after())?;
            row.insert("application".into(), scene.slug(application));
            insert_moment(record, &mut row, ("start", "startSeq"), Some(one.start))?;
            insert_moment(record, &mut row, ("end", "endSeq"), one.end)?;
            Ok(row)
        })
    })
    .await
}
