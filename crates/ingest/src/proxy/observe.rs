//! Records what is seen of the upstream's state as observations: events that set the state from their
//! own time on and settle earlier writes in doubt.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Action, Attribute, Content, Credential, Effect, Fact, Lifecycle, Number, Observation, Occasion,
    Origin, Part, ResourceType, Seq, Verdict,
};
use projector::{
    CommitError, Decision, Doubt, Draft, Durability, ProjectorError, Stamp, View, case_folded,
};
use serde_json::Value;
use store::key::Set;

use crate::context::Context;
use crate::decide::{self, Intent, ObservedResource};
use crate::http::Ingest;
use crate::members::spellings;
use crate::outcome::Outcome;
use crate::proxy::partial;
use crate::proxy::request::UpstreamRequest;

/// Something seen of the upstream's state.
pub(crate) enum UpstreamState {
    /// A resource.
    Resource(Box<ObservedResource>),
    /// There is no resource with this id.
    Gone { id: String },
    /// A lookup by this name found nobody.
    NoMatch { attribute: Attribute, value: String },
}

impl UpstreamState {
    /// The names by which its subject may have been mentioned.
    pub(crate) fn names(&self) -> Vec<(Attribute, String)> {
        match self {
            UpstreamState::Gone { id } => vec![(Attribute::Id, id.clone())],
            UpstreamState::NoMatch { attribute, value } => vec![(*attribute, value.clone())],
            UpstreamState::Resource(seen) => {
                let name = |attribute: Attribute| {
                    let value = seen.resource.attributes.get(attribute.name())?.as_str()?;
                    Some((attribute, value.to_owned()))
                };
                let names = [Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName];
                let names = names.into_iter().filter_map(name);
                std::iter::once((Attribute::Id, seen.id.clone())).chain(names).collect()
            }
        }
    }
}

/// What an observation proves, and when.
pub(crate) struct Evidence {
    /// The last event before it. Later writes are not covered.
    pub saw_seq: Option<Seq>,
    /// Whether a create is in flight that may have made what was seen.
    pub creating: bool,
    /// Whether it may contradict a write. Replicas lag, so an early observation may not.
    pub may_contradict: bool,
    /// For each write in doubt whose request is on record: whether the resource is as it wanted; `None`
    /// if unclear.
    pub fulfilled: BTreeMap<Seq, Option<bool>>,
}

/// An observation that was recorded.
pub(crate) struct RecordedObservation {
    /// The resource's number.
    pub number: Number,
    /// What it changed.
    pub parts: Vec<Part>,
}

/// The numbers of mentions by these names that no resource has had.
pub(crate) fn mentioned_numbers(
    context: &Context,
    stored_type: ResourceType,
    names: &[(Attribute, String)],
    view: &View<'_>,
) -> Result<BTreeSet<Number>, ProjectorError> {
    let mut numbers = BTreeSet::new();
    let ids = names.iter().filter(|(attribute, _)| *attribute == Attribute::Id);
    let others = ids.flat_map(|(_, id)| spellings(context, id)).map(|id| (Attribute::Id, id));
    for (attribute, value) in names.iter().cloned().chain(others) {
        let case_folded = case_folded(attribute, &value);
        let number = view.mention(context.application, stored_type, attribute, &case_folded)?;
        if let Some(number) = number
            && !view.was_resource(context.application, number)?
        {
            numbers.insert(number);
        }
    }
    Ok(numbers)
}

/// Whether a list shows less of a resource than the record has, or had before its deletion. Many
/// applications list few attributes and show the others only by id.
pub(crate) fn shows_less(
    context: &Context,
    stored_type: ResourceType,
    (seen, shown): (&ObservedResource, &Value),
    view: &View<'_>,
) -> Result<bool, ProjectorError> {
    let application = context.application;
    let number = view.number_of_id(application, stored_type, &seen.id)?;
    let Some(number) = number else { return Ok(false) };
    let Some(known) = partial::known(view, application, number)? else { return Ok(false) };
    let mut names = shown.as_object().into_iter().flatten().map(|(name, _)| name);
    let shows_members = names.any(|name| name.eq_ignore_ascii_case("members"));
    let has_members = || view.members(application, Set::Members(number), View::NOW);
    Ok(partial::lacks(context, stored_type, &known, (seen, shown))
        || (context.catalog.has_members(stored_type)
            && !shows_members
            && !has_members()?.is_empty()))
}

/// Whether a partial view shows a resource that is on record as deleted: it exists, but its full state
/// is unknown.
pub(crate) fn is_partial_of_deleted(
    context: &Context,
    stored_type: ResourceType,
    seen: &ObservedResource,
    view: &View<'_>,
) -> Result<bool, ProjectorError> {
    let application = context.application;
    let number = view.number_of_id(application, stored_type, &seen.id)?;
    let Some(number) = number.filter(|_| !seen.is_whole) else { return Ok(false) };
    let version = view.version(application, number, View::NOW)?;
    Ok(version.is_some_and(|version| version.state.is_none()))
}

/// Decides an observation. One that changes and settles nothing leaves no event.
pub(crate) fn observe(
    context: &Context,
    stored_type: ResourceType,
    state: UpstreamState,
    (occasion, origin): (Occasion, Option<Origin>),
    evidence: &Evidence,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Decision<Option<RecordedObservation>>, ProjectorError> {
    let application = context.application;
    let mentioned = mentioned_numbers(context, stored_type, &state.names(), view)?;
    let kind = StateKind::of(&state);
    let outcome = match state {
        UpstreamState::Resource(seen) => {
            decide::apply_observed(context, stored_type, *seen, view, stamp)?
        }
        UpstreamState::Gone { id } => {
            let number = view.number_of_id(application, stored_type, &id)?;
            let intent = Intent::Delete { id };
            let gone = decide::apply_assumed(context, stored_type, intent, view, stamp)?;
            match gone.effect {
                Effect::Applied => gone,
                // It was already on record as gone, or never existed.
                _ => no_change(stored_type, number.or(mentioned.first().copied())),
            }
        }
        UpstreamState::NoMatch { .. } => no_change(stored_type, mentioned.first().copied()),
    };
    let nothing = Decision { events: vec![], reply: None };
    let changed = match outcome.effect {
        Effect::Applied => true,
        Effect::NoOp => false,
        // It cannot be applied.
        _ => return Ok(nothing),
    };
    if outcome.number == Number::NOBODY {
        return Ok(nothing);
    }
    let written = view.version(application, outcome.number, View::NOW)?;
    let is_stale = match &written {
        Some(version) => Some(version.seq) > evidence.saw_seq,
        None => evidence.creating,
    };
    if is_stale {
        return Ok(nothing);
    }
    let mut doubts = view.unsettled(application, outcome.number)?;
    for number in mentioned.into_iter().filter(|number| *number != outcome.number) {
        doubts.append(&mut view.unsettled(application, number)?);
    }
    doubts.retain(|doubt| Some(doubt.seq) <= evidence.saw_seq);
    let input = VerdictInput {
        view,
        evidence,
        kind,
        outcome: &outcome,
        changed,
        written_seq: written.map(|one| one.seq),
    };
    let mut verdicts = BTreeMap::<Seq, Verdict>::new();
    for doubt in &doubts {
        if let Some(verdict) = input.verdict(doubt)? {
            verdicts.insert(doubt.seq, verdict);
        }
    }
    let confirms = verdicts.values().any(|verdict| *verdict == Verdict::Confirmed);
    let contradicts = verdicts.values().any(|verdict| *verdict == Verdict::Contradicted);
    let is_early = !evidence.may_contradict && (contradicts || !confirms);
    if is_early || (!changed && verdicts.is_empty()) {
        return Ok(nothing);
    }
    let is_believed = |doubt: &Doubt| doubt.effect != Effect::Unknown;
    let refuted = doubts.iter().any(|doubt| {
        is_believed(doubt) && verdicts.get(&doubt.seq) == Some(&Verdict::Contradicted)
    });
    // One event for each verdict; the changes go with the first.
    let order = match refuted {
        true => [Verdict::Contradicted, Verdict::Confirmed, Verdict::None],
        false => [Verdict::Confirmed, Verdict::Contradicted, Verdict::None],
    };
    let mut parts = outcome.changes;
    let observed = RecordedObservation { number: outcome.number, parts: parts.clone() };
    if !outcome.flags.is_empty() {
        let content = Content::Flags(outcome.flags);
        parts.push(Part::new(outcome.number, content));
    }
    let mut touches = outcome.touches;
    let mut events = vec![];
    for verdict in order {
        let of = verdicts.iter().filter(|(_, one)| **one == verdict);
        let settles: Vec<Seq> = of.map(|(seq, _)| *seq).collect();
        if !settles.is_empty() {
            let parts = std::mem::take(&mut parts);
            let touches = std::mem::take(&mut touches);
            events.push((settles, verdict, touches, parts));
        }
    }
    if events.is_empty() {
        events.push((vec![], Verdict::None, touches, parts));
    }
    let events = events.into_iter().map(|(settles, verdict, touches, parts)| {
        let number = outcome.number;
        let resource_type = stored_type;
        let seen = Observation { resource_type, number, touches, occasion, settles, verdict };
        Draft {
            application,
            origin: origin.clone(),
            fact: Fact::Observation(seen),
            parts,
            passed: vec![],
        }
    });
    Ok(Decision { events: events.collect(), reply: Some(observed) })
}

impl Ingest {
    /// The seq of the last event; `None` if there is none.
    pub(crate) fn last_seq(&self) -> Option<Seq> {
        let watermark = self.committer.store().snapshot().watermark().ok().flatten();
        watermark.and_then(|(next, _)| next.checked_sub(1))
    }

    /// Records what was seen, if it changes or settles anything. `saw_seq` is the last event before the
    /// request: writes since then, or in flight, are newer than what was seen, so nothing is recorded
    /// then.
    pub(crate) async fn observe(
        &self,
        context: &Context,
        stored_type: ResourceType,
        state: UpstreamState,
        occasion: (Occasion, Option<Origin>),
        saw_seq: Option<Seq>,
        may_contradict: bool,
    ) -> Result<Option<RecordedObservation>, CommitError> {
        let application = context.application;
        let id = match &state {
            UpstreamState::Resource(seen) => Some(seen.id.as_str()),
            UpstreamState::Gone { id } => Some(id.as_str()),
            UpstreamState::NoMatch { .. } => None,
        };
        if id.is_some_and(|id| self.in_flight.is_busy(application, id)) {
            return Ok(None);
        }
        let names = state.names();
        // A read-back looks for one resource by name; any other resource may be made by any create.
        let names = Some(names.as_slice()).filter(|_| occasion.0 == Occasion::ReadBack);
        let creating = self.in_flight.is_creating(application, names);
        let fulfilled = self.fulfilled(context, stored_type, &state).unwrap_or_default();
        let evidence = Evidence { saw_seq, creating, may_contradict, fulfilled };
        let context = context.clone();
        let credential = occasion.1.as_ref().map_or(Credential::NONE, |origin| origin.credential);
        self.committer
            .of(application)
            .submit_for(credential, Durability::Appended, move |authority, view, stamp| {
                if authority.is_err() {
                    return Ok(Decision { events: vec![], reply: None });
                }
                observe(&context, stored_type, state, occasion, &evidence, view, stamp)
            })
            .await
    }

    /// For each write in doubt of a resource: whether the resource is as it wanted.
    fn fulfilled(
        &self,
        context: &Context,
        stored_type: ResourceType,
        state: &UpstreamState,
    ) -> Result<BTreeMap<Seq, Option<bool>>, ProjectorError> {
        let mut fulfilled = BTreeMap::new();
        let UpstreamState::Resource(seen) = state else { return Ok(fulfilled) };
        let store = self.committer.store();
        let snapshot = store.snapshot();
        let view = View::new(&snapshot);
        let number = view.number_of_id(context.application, stored_type, &seen.id)?;
        let mut numbers = mentioned_numbers(context, stored_type, &state.names(), &view)?;
        numbers.extend(number);
        for number in numbers {
            for doubt in view.unsettled(context.application, number)? {
                if let Some(request) =
                    UpstreamRequest::recorded_with_body(context, store, doubt.seq)
                {
                    fulfilled.insert(doubt.seq, request.is_fulfilled_by(context, seen));
                }
            }
        }
        Ok(fulfilled)
    }
}

/// The kind of state that was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StateKind {
    /// A resource, complete or partial.
    Present {
        is_whole: bool,
    },
    Gone,
    NoMatch,
}

impl StateKind {
    fn of(state: &UpstreamState) -> StateKind {
        match state {
            UpstreamState::Resource(seen) => StateKind::Present { is_whole: seen.is_whole },
            UpstreamState::Gone { .. } => StateKind::Gone,
            UpstreamState::NoMatch { .. } => StateKind::NoMatch,
        }
    }
}

/// What the verdict on a write in doubt depends on.
struct VerdictInput<'a> {
    view: &'a View<'a>,
    evidence: &'a Evidence,
    kind: StateKind,
    outcome: &'a Outcome,
    changed: bool,
    /// The seq of the resource's last write.
    written_seq: Option<Seq>,
}

impl VerdictInput<'_> {
    /// The verdict on a write in doubt; `None` if unclear.
    fn verdict(&self, doubt: &Doubt) -> Result<Option<Verdict>, ProjectorError> {
        let action = self.view.operation(doubt.seq)?.map(|summary| summary.action);
        let happened = match action {
            Some(Action::Delete) => match self.kind {
                StateKind::Gone => Some(true),
                StateKind::Present { .. } => Some(false),
                StateKind::NoMatch => None,
            },
            Some(Action::Create) => self.was_created(doubt),
            Some(Action::Update | Action::Disable) => match self.kind {
                // A later write deleted it, so whether this one happened stays unknown.
                StateKind::Gone if !self.changed && self.written_seq > Some(doubt.seq) => {
                    return Ok(Some(Verdict::None));
                }
                StateKind::Gone => Some(false),
                StateKind::Present { is_whole } => match self.evidence.fulfilled.get(&doubt.seq) {
                    Some(fulfilled) => *fulfilled,
                    None if !is_whole => None,
                    // The request's body is not on record, so this stays unknown.
                    None => return Ok(Some(Verdict::None)),
                },
                StateKind::NoMatch => None,
            },
            // Only the upstream knows what it does; but the state is known again.
            Some(Action::Other) if self.kind != StateKind::NoMatch => {
                return Ok(Some(Verdict::None));
            }
            Some(Action::StagedDelete | Action::Other) | None => None,
        };
        Ok(happened.map(|happened| match happened {
            true => Verdict::Confirmed,
            false => Verdict::Contradicted,
        }))
    }

    fn was_created(&self, doubt: &Doubt) -> Option<bool> {
        let began = self.outcome.changes.iter().any(|part| match &part.content {
            Content::Changes(changes) => {
                matches!(changes.lifecycle, Some(Lifecycle::Created(_) | Lifecycle::Restored))
            }
            _ => false,
        });
        match self.kind {
            // The upstream acknowledged it, although the resource existed before.
            StateKind::Present { .. } => Some(began || doubt.effect != Effect::Unknown),
            StateKind::Gone => Some(false),
            // A lookup that finds nobody does not prove that a resource seen before is gone.
            StateKind::NoMatch => self.written_seq.is_none().then_some(false),
        }
    }
}

fn no_change(stored_type: ResourceType, number: Option<Number>) -> Outcome {
    let reply = crate::outcome::Reply::empty(200);
    let number = number.unwrap_or(Number::NOBODY);
    let mut outcome = Outcome::read(reply, stored_type, number, None, 0);
    outcome.effect = Effect::NoOp;
    outcome
}
