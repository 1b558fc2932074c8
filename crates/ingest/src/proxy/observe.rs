//! What is seen of the upstream's state becomes observations: events that set the state from their own
//! time on, and settle what was not known before.

use event::{
    Action, Attribute, Content, Effect, Fact, Number, Observation, Occasion, Origin, Part,
    ResourceType, Seq, Verdict,
};
use projector::{Decision, Draft, ProjectorError, Stamp, View, folded};

use crate::context::Context;
use crate::decide::{self, Intent, Seen};
use crate::outcome::Outcome;

/// Something that was seen.
pub(crate) enum Sight {
    /// A resource.
    Resource(Box<Seen>),
    /// There is no resource of this id.
    Gone { id: String },
    /// Nobody is called so.
    Nobody { attribute: Attribute, value: String },
}

/// When it was seen.
pub(crate) struct Look {
    /// The last event before.
    pub saw_seq: Option<Seq>,
    /// Whether a creation is under way, which may be what was seen.
    pub creating: bool,
}

/// What an observation brought.
pub(crate) struct Observed {
    /// The resource.
    pub number: Number,
    /// What of it was new to us.
    pub parts: Vec<Part>,
}

/// Decides an observation. What says nothing new and settles nothing leaves no event.
pub(crate) fn observe(
    context: &Context,
    stored_type: ResourceType,
    sight: Sight,
    (occasion, origin): (Occasion, Option<Origin>),
    look: &Look,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Decision<Option<Observed>>, ProjectorError> {
    let application = context.application;
    let is_gone = matches!(sight, Sight::Gone { .. });
    let outcome = match sight {
        Sight::Resource(seen) => decide::take_over(context, stored_type, *seen, view, stamp)?,
        Sight::Gone { id } => {
            let intent = Intent::Delete { id };
            decide::assume(context, stored_type, intent, view, stamp)?
        }
        Sight::Nobody { attribute, value } => {
            let folded = folded(attribute, &value);
            let number = view.mention(application, stored_type, attribute, &folded)?;
            nothing(stored_type, number.unwrap_or(Number::NOBODY))
        }
    };
    let nothing = Decision { events: vec![], reply: None };
    let changed = match outcome.effect {
        Effect::Applied => true,
        Effect::NoOp => false,
        // Gone, and we never knew of it; or it cannot be kept.
        _ => return Ok(nothing),
    };
    let written = view.version(application, outcome.number, View::NOW)?;
    let is_stale = match written {
        Some(version) => Some(version.seq) > look.saw_seq,
        None => look.creating,
    };
    if is_stale {
        return Ok(nothing);
    }
    let unsettled = view.unsettled(application, outcome.number)?;
    if !changed && unsettled.is_empty() {
        return Ok(nothing);
    }
    let verdict = match unsettled.last() {
        None => Verdict::None,
        Some((seq, effect)) => {
            let summary = view.operation(*seq)?;
            let deletes = summary.is_some_and(|summary| summary.action == Action::Delete);
            let happened = match effect {
                // What was not known to have happened shows, or does not.
                Effect::Unknown if deletes => is_gone,
                Effect::Unknown => changed && !is_gone,
                // What was taken to have happened is as we took it, or is not.
                _ => !changed,
            };
            if happened { Verdict::Confirmed } else { Verdict::Contradicted }
        }
    };
    let seen = Observation {
        resource_type: stored_type,
        number: outcome.number,
        touches: outcome.touches,
        occasion,
        settles: unsettled.into_iter().map(|(seq, _)| seq).collect(),
        verdict,
    };
    let mut parts = outcome.changes;
    let observed = Observed { number: outcome.number, parts: parts.clone() };
    if !outcome.flags.is_empty() {
        let content = Content::Flags(outcome.flags);
        parts.push(Part { subject: outcome.number, content });
    }
    let event = Draft { application, origin, fact: Fact::Observation(seen), parts };
    Ok(Decision { events: vec![event], reply: Some(observed) })
}

fn nothing(stored_type: ResourceType, number: Number) -> Outcome {
    let reply = crate::outcome::Reply::empty(200);
    let mut outcome = Outcome::read(reply, stored_type, number, None, 0);
    outcome.effect = Effect::NoOp;
    outcome
}
