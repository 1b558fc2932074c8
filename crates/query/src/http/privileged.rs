//! Privileged groups: lists, marks and unmarks them.

use std::sync::Arc;

use answers::act::{Act, MarkGroup, MarkedGroup, UnmarkGroup};
use answers::{App, Group, PrivilegedGroups, row};
use axum::Json;
use axum::extract::State;
use event::{Application, Credential, Fact, GroupMarked, Number, Origin, ResourceType};
use projector::{Decision, Draft, Identity, Stamp, View};
use store::key::Set;

use super::admin::refusal;
use super::ask::{Ask, Reading};
use super::question::{Answered, Asked, NamesOf, read_act};
use super::reports::Scene;
use super::resource;
use crate::Query;
use crate::answer::Found;
use crate::error::Error;

impl Answered for PrivilegedGroups {
    /// By application and number; only groups that existed then.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<PrivilegedGroups>, Error> {
        let scene = Scene::of(asked, asked.narrowed_to(self.app.as_ref())?)?;
        let view = &scene.record.view;
        let mut all = vec![];
        if let Some(at) = scene.after() {
            for application in &scene.applications {
                for group in view.all_privileged(*application, at)? {
                    let state = view.version(*application, group.number, at)?;
                    if state.is_some_and(|version| version.state.is_some()) {
                        all.push((*application, group));
                    }
                }
            }
        }
        scene.found(&all, |(application, group)| {
            let Identity { id, display_name, .. } = scene.identity(*application, group.number)?;
            let header = scene.record.header(group.seq)?;
            let actor = header.origin.map(|origin| origin.credential);
            let at = scene.after().unwrap_or(0);
            let members = view.set_size(*application, Set::Members(group.number), at)?;
            Ok(row::PrivilegedGroup {
                application: scene.name_of(*application)?,
                group_id: id,
                group_name: display_name,
                member_count: members,
                marked_at: header.recorded_at.to_string().into(),
                marked_seq: group.seq,
                actor_id: actor.filter(|one| *one != Credential::NONE).map(|one| one.to_string()),
            })
        })
    }
}

/// `POST /api/v1/apps/{app}/groups/{group}/privileged`
pub(super) async fn mark(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<MarkedGroup>, Error> {
    let what = move |reading: &Reading<'_>| {
        let MarkGroup { app, group } = read_act(reading, &names)?;
        Ok((app, group))
    };
    set::<MarkGroup>(state, ask, what, true).await
}

/// `DELETE /api/v1/apps/{app}/groups/{group}/privileged`
pub(super) async fn unmark(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<MarkedGroup>, Error> {
    let what = move |reading: &Reading<'_>| {
        let UnmarkGroup { app, group } = read_act(reading, &names)?;
        Ok((app, group))
    };
    set::<UnmarkGroup>(state, ask, what, false).await
}

/// The group in the address.
struct Meant {
    application: Application,
    slug: String,
    number: Number,
    identity: Identity,
}

/// Marks a group as privileged or not. A repetition leaves no event.
async fn set<A: Act>(
    State(query): State<Arc<Query>>,
    ask: Ask,
    what: impl FnOnce(&Reading<'_>) -> Result<(App, Group), Error> + Send + 'static,
    privileged: bool,
) -> Result<Json<MarkedGroup>, Error> {
    let asked = ask.act::<A, _>(move |reading| {
        let (App(slug), Group(name)) = what(reading)?;
        let record = &reading.record;
        let application = reading.caller.application(&record.view, &slug)?.number;
        let now = record.head.checked_sub(1);
        let found = resource::named(&record.view, application, ResourceType::GROUP, &name, now)?;
        let number = found.number;
        let identity = crate::person::identity(record, application, number, now)?;
        Ok(Meant { application, slug, number, identity })
    });
    let (admin, Meant { application, slug, number, identity }) = asked.await?;
    admin.concerns(application);
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let before = view.mark(application, number, View::NOW)?;
        if before.is_some_and(|(_, privileged)| privileged) == privileged {
            let seq = before.map(|(seq, _)| seq);
            return Ok(Decision { events: vec![], reply: Ok(seq) });
        }
        let group = view.version(application, number, View::NOW)?;
        if privileged && group.is_none_or(|version| version.state.is_none()) {
            return refusal(Error::NotFound(
                "the group was deleted: only one that exists is marked",
            ));
        }
        let fact = Fact::GroupMarked(GroupMarked { number, privileged });
        let event =
            Draft { application, origin: Some(origin), fact, parts: vec![], passed: vec![] };
        Ok(Decision { events: vec![event], reply: Ok(Some(stamp.seq)) })
    };
    let seq = query.decide(admin, decide).await?;
    Ok(Json(MarkedGroup {
        application: slug,
        group_id: identity.id,
        group_name: identity.display_name,
        privileged,
        seq,
    }))
}
