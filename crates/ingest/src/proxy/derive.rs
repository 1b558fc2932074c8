//! What a forwarded request did, from the upstream's answer or, where that says too little, from the
//! request.

use std::collections::BTreeSet;

use event::{Effect, Flag, FlagKind, Method, Number, ResourceType, UpstreamSet};
use projector::{ProjectorError, Stamp, View};
use scim::{ScimError, ScimType, Settings, ShownResource};
use serde_json::Value;

use crate::context::Context;
use crate::decide::{self, Intent, Seen};
use crate::outcome::{Outcome, Reply};

/// A longer id is not told from others: ids become part of keys.
const ID_BYTES_MAX: usize = 1 << 10;

/// A forwarded write and its answer.
pub(crate) struct Forwarded<'a> {
    pub context: &'a Context,
    pub upstream: &'a UpstreamSet,
    pub stored_type: ResourceType,
    pub method: Method,
    /// The id of the address.
    pub id: Option<&'a str>,
    /// What the request asks for, as if it were to be carried out here.
    pub intent: Intent,
    /// The answer's status.
    pub status: u16,
    /// The answer's body, if it is JSON.
    pub answer: Option<&'a Value>,
    /// Whether the answer shows only some attributes.
    pub is_partial: bool,
}

/// What the write did to the upstream's state, as far as that can be told.
pub(crate) fn outcome(
    forwarded: Forwarded<'_>,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    let Forwarded { context, upstream, stored_type, method, status, .. } = forwarded;
    let number = match forwarded.id {
        Some(id) => view.number_of_id(context.application, stored_type, id)?,
        None => None,
    };
    let plain = |effect: Effect| {
        let error = ScimError::new(status, None, "");
        let mut outcome = Outcome::refused(error, stored_type, number.unwrap_or(Number::NOBODY));
        outcome.reply = Reply::empty(status);
        outcome.effect = effect;
        outcome.error = None;
        outcome
    };
    if status >= 400 {
        let scim_type = forwarded.answer.and_then(|answer| answer.get("scimType")?.as_str());
        let scim_type = scim_type.and_then(ScimType::parse);
        // The upstream's own words may quote values; they stand in the stored answer.
        let detail = "the application refused it; its words are in the answer";
        let error = ScimError::new(status, scim_type, detail);
        let mut outcome =
            decide::refused(context, stored_type, &forwarded.intent, error, view, stamp)?;
        outcome.reply = Reply::empty(status);
        return Ok(outcome);
    }
    let seen = match forwarded.answer {
        Some(answer) if method != Method::Delete => {
            seen(context, upstream, stored_type, answer, !forwarded.is_partial)
        }
        Some(_) | None => None,
    };
    let mut outcome = match seen {
        Some(seen) => decide::take_over(context, stored_type, seen, view, stamp)?,
        // Who was created without a word of it is known when somebody reads it.
        None if method == Method::Post => plain(Effect::Unverified),
        None => {
            let assumed = decide::assume(context, stored_type, forwarded.intent, view, stamp)?;
            match assumed.effect {
                Effect::Applied if method == Method::Delete => assumed,
                Effect::Applied => Outcome { effect: Effect::Unverified, ..assumed },
                Effect::NoOp => assumed,
                // We did not know of it, or read the request otherwise than the application did.
                _ => plain(Effect::Unverified),
            }
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
