//! What a forwarded request did, from the upstream's answer or, where that says too little, from the
//! request.

use std::collections::BTreeSet;

use event::{Effect, Flag, FlagKind, Number, ResourceType, UpstreamSet};
use projector::{ProjectorError, Stamp, View};
use scim::{ScimError, ScimType, Settings, ShownResource};
use serde_json::Value;

use crate::context::Context;
use crate::decide::{self, Intent, Seen};
use crate::outcome::{Outcome, Reply};
use crate::proxy::asked::Asked;
use crate::proxy::effect::{Meaning, Shown, State};

/// A longer id is not told from others: ids become part of keys.
const ID_BYTES_MAX: usize = 1 << 10;

/// A forwarded write and its answer.
pub(crate) struct Forwarded<'a> {
    pub context: &'a Context,
    pub asked: &'a Asked,
    /// What the request asks for, as if it were to be carried out here.
    pub intent: Intent,
    /// The status that the client gets.
    pub status: u16,
    pub meaning: Meaning,
    pub shown: Shown,
    /// The error's kind in the answer.
    pub scim_type: Option<ScimType>,
}

/// What the write did to the upstream's state, as far as that can be told.
pub(crate) fn outcome(
    forwarded: Forwarded<'_>,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    let Forwarded { context, asked, intent, status, meaning, shown, scim_type } = forwarded;
    let stored_type = asked.stored_type;
    let plain = |effect: Effect, number: Number| {
        let error = ScimError::new(status, None, "");
        let mut outcome = Outcome::refused(error, stored_type, number);
        outcome.reply = Reply::empty(status);
        outcome.effect = effect;
        outcome.error = None;
        outcome
    };
    if meaning.effect == Effect::Rejected {
        // The upstream's own words may quote values; they stand in the stored answer.
        let detail = "the application refused it; its words are in the answer";
        let error = ScimError::new(status, scim_type, detail);
        let mut outcome = decide::refused(context, stored_type, &intent, error, view, stamp)?;
        outcome.reply = Reply::empty(status);
        return Ok(outcome);
    }
    let made = match &shown {
        Shown::Id(id) => Some(id.clone()),
        Shown::Resource(seen) => Some(seen.id.clone()),
        Shown::Nothing | Shown::Other => None,
    };
    let decided = match (meaning.state, shown) {
        (State::Shown, Shown::Resource(seen)) => {
            Some(decide::take_over(context, stored_type, *seen, view, stamp)?)
        }
        (State::Assumed, _) => Some(decide::assume(context, stored_type, intent, view, stamp)?),
        (State::Shown | State::Kept, _) => None,
    };
    let is_certain = meaning.effect == Effect::Applied;
    let mut outcome = match decided {
        Some(decided) if matches!(decided.effect, Effect::Applied | Effect::NoOp) => {
            let effect = if is_certain { decided.effect } else { meaning.effect };
            Outcome { effect, ..decided }
        }
        // Nothing is assumed; or we did not know of it, or read the request otherwise than the
        // application did.
        Some(_) | None => {
            let id = asked.id.as_deref().or(made.as_deref());
            let (number, mentions) = decide::whom(context, asked, id, view)?;
            Outcome { changes: mentions, ..plain(meaning.effect, number) }
        }
    };
    outcome.reply = Reply::empty(status);
    outcome.error = None;
    Ok(outcome)
}

/// A resource in an answer, taken as it is shown: what our schema does not allow is kept and flagged.
/// None when it is none, not one of a type that we know, or has no id that can be told.
pub(crate) fn seen(
    context: &Context,
    upstream: &UpstreamSet,
    stored_type: ResourceType,
    answer: &Value,
    is_whole: bool,
) -> Option<Seen> {
    let resource_type = context.catalog.resource_type(stored_type)?;
    let id = id(answer)?;
    // Whatever the application's own choices are, the upstream's answer is read as leniently as can be.
    let settings = Settings::generic();
    let ShownResource { mut resource, misfits, members_are_all } =
        ShownResource::read(resource_type, context.registry(), &settings, answer)?;
    let has_members = context.catalog.has_members(stored_type);
    if has_members && is_whole && upstream.shows_members {
        resource.members.get_or_insert_default();
    }
    let flags =
        |kind, paths: BTreeSet<String>| paths.into_iter().map(move |path| Flag { kind, path });
    let kept = flags(FlagKind::SchemaViolation, misfits.kept);
    let misfits = kept.chain(flags(FlagKind::TooLarge, misfits.left_out)).collect();
    Some(Seen { id, resource, members_are_all, misfits, is_whole })
}

/// The id of a resource in an answer: a text, or an integer's decimal text. None of other values, and of
/// longer ones than a resource is looked up by.
fn id(answer: &Value) -> Option<String> {
    scim::id_text(answer.get("id")?).filter(|id| id.len() <= ID_BYTES_MAX)
}
