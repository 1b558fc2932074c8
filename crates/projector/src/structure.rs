//! Completes an event before it is stored: what is structural of it, so that sets, counts and classes
//! never need its values, and its links to the events that changed the same before.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical::Document;
use event::{
    Action, Answer, Application, Changes, Content, Effect, Event, Fact, Lifecycle, Method, Number,
    Operation, Part, Route, Seq, Values,
};

use crate::error::ProjectorError;
use crate::operation::request_id_hash;
use crate::view::View;

/// What a link is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    State(Application, Number),
    Members(Application, Number),
    Memberships(Application, Number),
    Population(Application),
    Recorder,
}

/// Completes the events of one command, in their order. None of them is folded before all are complete,
/// so what the earlier ones change is kept here.
#[derive(Default)]
pub(crate) struct Completion {
    changed: BTreeMap<Thing, Seq>,
}

impl Completion {
    /// Fills in what is structural of the next event.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub(crate) fn complete(
        &mut self,
        event: &mut Event,
        view: &View<'_>,
    ) -> Result<(), ProjectorError> {
        let (seq, application) = (event.seq, event.header.application);
        let mut population = false;
        for Part { subject: number, content, .. } in &mut event.parts {
            match content {
                Content::Answer(Answer { intent, .. }) => {
                    event.structure.forwarded = true;
                    event.structure.intent = *intent;
                }
                Content::Changes(changes) => {
                    if changes.active.is_none() {
                        changes.active = active_after(changes);
                    }
                    population |= changes.lifecycle.is_some() || changes.active.is_some();
                    self.link(changes, (application, *number), seq, view)?;
                }
                _ => {}
            }
        }
        event.structure.action = action_of(&event.header.fact, &event.parts);
        if let (Fact::Operation(_) | Fact::Observation(_), Some(origin)) =
            (&event.header.fact, &event.header.origin)
        {
            event.structure.request_hash = Some(request_id_hash(&origin.request_id));
        }
        if population {
            event.structure.population = self.before(Thing::Population(application), seq, view)?;
        }
        if event.header.fact.watches() {
            event.structure.recorder = self.before(Thing::Recorder, seq, view)?;
        }
        Ok(())
    }

    fn link(
        &mut self,
        changes: &mut Changes,
        (application, number): (Application, Number),
        seq: Seq,
        view: &View<'_>,
    ) -> Result<(), ProjectorError> {
        if changes.mention.is_some() {
            return Ok(());
        }
        let state = Thing::State(application, number);
        match changes.lifecycle {
            // A number belongs to one resource only: nothing was there before.
            Some(Lifecycle::Created(_)) => {
                self.changed.insert(state, seq);
            }
            None if changes.values.is_none() => {}
            _ => changes.links.state = self.before(state, seq, view)?,
        }
        if !changes.joined.is_empty() || !changes.left.is_empty() {
            changes.links.members = self.before(Thing::Members(application, number), seq, view)?;
            let mut memberships = Vec::with_capacity(changes.joined.len() + changes.left.len());
            for member in changes.joined.iter().chain(&changes.left) {
                memberships.push(self.before(
                    Thing::Memberships(application, *member),
                    seq,
                    view,
                )?);
            }
            if memberships.iter().any(Option::is_some) {
                changes.links.memberships = memberships;
            }
        }
        Ok(())
    }

    /// The event before `seq` that changed a thing. From now on that is `seq`.
    fn before(
        &mut self,
        thing: Thing,
        seq: Seq,
        view: &View<'_>,
    ) -> Result<Option<Seq>, ProjectorError> {
        match self.changed.insert(thing, seq) {
            // The event itself changes it twice: what was there before is said once.
            Some(before) if before == seq => Ok(None),
            Some(before) => Ok(Some(before)),
            None => match thing {
                Thing::State(application, number) => {
                    Ok(view.resource_head(application, number)?.state)
                }
                Thing::Memberships(application, number) => {
                    Ok(view.resource_head(application, number)?.memberships)
                }
                Thing::Members(application, number) => {
                    Ok(view.resource_head(application, number)?.members)
                }
                Thing::Population(application) => view.population(application),
                Thing::Recorder => view.coverage(),
            },
        }
    }
}

/// Whether the resource is active after these changes, if they say so. A new resource, or one that is there
/// again, is active unless its state says otherwise: identity providers rely on that. Removing the value is no
/// request to enable an account.
fn active_after(changes: &Changes) -> Option<bool> {
    if changes.mention.is_some() || changes.lifecycle == Some(Lifecycle::Deleted) {
        return None;
    }
    let said = match &changes.values {
        Values::State(state) => Document::from(Arc::clone(state)).flag("active"),
        Values::Changed(changed) => {
            let own = changed.iter().find(|change| {
                let path = &change.path;
                path.attribute == "active"
                    && path.schema.is_none()
                    && path.element.is_none()
                    && path.sub.is_none()
            });
            match own.and_then(|change| change.new.as_deref()) {
                Some(b"true") => Some(true),
                Some(b"false") => Some(false),
                _ => None,
            }
        }
        Values::None | Values::Unreadable => None,
    };
    let is_whole = matches!(changes.lifecycle, Some(Lifecycle::Created(_) | Lifecycle::Restored));
    said.or(is_whole.then_some(true))
}

/// What an operation asked for, or an observation found to have happened at the upstream; `None` for
/// other kinds of event.
fn action_of(fact: &Fact, parts: &[Part]) -> Option<Action> {
    match fact {
        Fact::Operation(operation) | Fact::Intent(operation) => {
            Some(action_of_operation(operation, parts))
        }
        Fact::Observation(seen) => Some(action_of_observation(seen.number, parts)),
        _ => None,
    }
}

fn action_of_observation(number: Number, parts: &[Part]) -> Action {
    let mut lifecycle = None;
    for one in changes_of(number, parts) {
        lifecycle = lifecycle.or(one.lifecycle);
    }
    match lifecycle {
        Some(Lifecycle::Created(_)) => Action::Create,
        Some(Lifecycle::Deleted) => Action::Delete,
        Some(Lifecycle::Restored) | None if disables(number, parts) => Action::Disable,
        Some(Lifecycle::Restored) => Action::Update,
        None if changes_of(number, parts).any(Changes::changes_resource) => Action::Update,
        None => Action::Other,
    }
}

/// `Other` for reads and for other addresses.
fn action_of_operation(operation: &Operation, parts: &[Part]) -> Action {
    let on_resources = matches!(operation.route, Route::Collection | Route::Resource);
    if !on_resources || operation.effect == Effect::Read {
        return Action::Other;
    }
    match operation.method {
        Method::Post => Action::Create,
        Method::Put | Method::Patch if disables(operation.number, parts) => Action::Disable,
        Method::Put | Method::Patch => Action::Update,
        Method::Delete => Action::Delete,
        Method::Get | Method::Head | Method::Other => Action::Other,
    }
}

fn changes_of(number: Number, parts: &[Part]) -> impl Iterator<Item = &Changes> {
    let own = parts.iter().filter(move |part| part.subject == number);
    own.filter_map(|part| part.content.changes())
}

/// Whether the resource that an event is about became inactive.
fn disables(number: Number, parts: &[Part]) -> bool {
    changes_of(number, parts).any(|changes| changes.active == Some(false))
}

#[cfg(test)]
mod tests;
