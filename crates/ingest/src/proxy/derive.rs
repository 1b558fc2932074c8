//! Derives what a forwarded request did: from the upstream's answer, or from the request if the answer
//! says too little.

use std::collections::BTreeSet;

use event::{Attribute, Effect, Flag, FlagKind, Method, Number, ResourceType, UpstreamSet};
use projector::{ProjectorError, Stamp, View, case_folded};
use scim::{ScimError, ScimType, Settings, UpstreamResource};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::decide::{self, Intent, ObservedResource};
use crate::outcome::{Outcome, Reply};
use crate::proxy::effect::{self, AnswerContent, Meaning, NewState};
use crate::proxy::partial;
use crate::proxy::request::UpstreamRequest;

/// The schemas of protocol messages begin with this; those of resources do not (RFC 7644 §8.2).
const MESSAGE_URN: &str = "urn:ietf:params:scim:api:messages:";
/// Resources with longer ids are ignored: ids become part of keys.
const ID_BYTES_MAX: usize = 1 << 10;

/// A forwarded write and its answer.
pub(crate) struct Forwarded<'a> {
    pub context: &'a Context,
    pub request: &'a UpstreamRequest,
    /// The request as if it were carried out here.
    pub intent: Intent,
    /// The status that the client gets.
    pub status: u16,
    pub meaning: Meaning,
    pub content: AnswerContent,
    /// The body of the answer.
    pub answer: Option<&'a Value>,
    /// The `scimType` of an error in the answer.
    pub scim_type: Option<ScimType>,
}

/// What the write did to the upstream's state, as far as known.
pub(crate) fn outcome(
    forwarded: Forwarded<'_>,
    view: &View<'_>,
    stamp: Stamp,
) -> Result<Outcome, ProjectorError> {
    let Forwarded { context, request, intent, status, meaning, content, answer, scim_type } =
        forwarded;
    let stored_type = request.stored_type;
    let plain = |effect: Effect, number: Number| {
        let error = ScimError::new(status, None, "");
        let mut outcome = Outcome::refused(error, stored_type, number);
        outcome.reply = Reply::empty(status);
        outcome.effect = effect;
        outcome.error = None;
        outcome
    };
    if meaning.effect == Effect::Rejected {
        // Do not repeat the upstream's text, which may quote values: the stored answer has it.
        let detail = "the upstream refused the request; its answer says why";
        let error = ScimError::new(status, scim_type, detail);
        let mut outcome =
            decide::record_refusal(context, stored_type, &intent, error, view, stamp)?;
        outcome.reply = Reply::empty(status);
        return Ok(outcome);
    }
    let (meaning, content) = match shows_other_resource(context, request, &content, view)? {
        true => (effect::DOUBT, AnswerContent::Other),
        false => limit_to_shown((context, request, &intent), (meaning, content), answer, view)?,
    };
    let made = match &content {
        AnswerContent::Id(id) => Some(id.clone()),
        AnswerContent::Resource(seen) => Some(seen.id.clone()),
        AnswerContent::Nothing | AnswerContent::Other => None,
    };
    let decided = match (meaning.state, content) {
        (NewState::FromAnswer, AnswerContent::Resource(seen)) => {
            Some(decide::apply_observed(context, stored_type, *seen, view, stamp)?)
        }
        (NewState::FromRequest, _) => {
            Some(decide::apply_assumed(context, stored_type, intent, view, stamp)?)
        }
        (NewState::FromAnswer | NewState::Unchanged, _) => None,
    };
    let is_certain = meaning.effect == Effect::Applied;
    let mut outcome = match decided {
        Some(decided) if matches!(decided.effect, Effect::Applied | Effect::NoOp) => {
            let effect = if is_certain { decided.effect } else { meaning.effect };
            Outcome { effect, ..decided }
        }
        // Nothing is assumed; or the resource is unknown to us, or the upstream read the request
        // differently.
        Some(_) | None => {
            let id = request.id.as_deref().or(made.as_deref());
            let (number, mentions) = decide::subject_of(context, request, id, view)?;
            Outcome { changes: mentions, ..plain(meaning.effect, number) }
        }
    };
    outcome.reply = Reply::empty(status);
    outcome.error = None;
    Ok(outcome)
}

/// Handles an answer that shows less of a resource than it should have after the write: it is partial
/// and says nothing about the rest. Attributes that the write removes may be missing.
fn limit_to_shown(
    (context, request, intent): (&Context, &UpstreamRequest, &Intent),
    (meaning, content): (Meaning, AnswerContent),
    answer: Option<&Value>,
    view: &View<'_>,
) -> Result<(Meaning, AnswerContent), ProjectorError> {
    let (mut seen, answer) = match (meaning.state, content, answer) {
        (NewState::FromAnswer, AnswerContent::Resource(seen), Some(answer)) => (seen, answer),
        (_, content, _) => return Ok((meaning, content)),
    };
    let number = view.number_of_id(context.application, request.stored_type, &seen.id)?;
    let known = match number {
        Some(number) => partial::known(view, context.application, number)?,
        None => None,
    };
    let wanted = decide::expected_attributes(context, request.stored_type, intent, known.as_ref());
    if !partial::lacks(context, request.stored_type, &wanted, (&seen, answer)) {
        return Ok((meaning, AnswerContent::Resource(seen)));
    }
    match request.method {
        // A deletion is read back anyway.
        Method::Delete => Ok((meaning, AnswerContent::Resource(Box::new(seen.into_partial())))),
        Method::Put | Method::Patch if known.is_some() => {
            let attributes = std::mem::take(&mut seen.resource.attributes);
            seen.resource.attributes = partial::merge(&wanted, attributes);
            let doubt = Meaning { state: NewState::FromAnswer, ..effect::DOUBT };
            Ok((doubt, AnswerContent::Resource(seen)))
        }
        _ => Ok((effect::DOUBT, AnswerContent::Id(seen.id))),
    }
}

/// Whether the answer to a POST shows a resource that is on record and has none of the requested names:
/// this request did not create it.
fn shows_other_resource(
    context: &Context,
    request: &UpstreamRequest,
    content: &AnswerContent,
    view: &View<'_>,
) -> Result<bool, ProjectorError> {
    let (id, attributes) = match content {
        AnswerContent::Id(id) => (id, None),
        AnswerContent::Resource(seen) => (&seen.id, Some(&seen.resource.attributes)),
        AnswerContent::Nothing | AnswerContent::Other => return Ok(false),
    };
    let names = request.lookups();
    if request.method != Method::Post || request.id.is_some() || names.is_empty() {
        return Ok(false);
    }
    let number = view.number_of_id(context.application, request.stored_type, id)?;
    let version = match number {
        Some(number) => view.version(context.application, number, View::NOW)?,
        None => None,
    };
    let Some(version) = version.filter(|version| version.state.is_some()) else { return Ok(false) };
    let recorded = version.attributes()?;
    let attributes = attributes.unwrap_or(&recorded);
    let has_name = |(attribute, value): &(Attribute, String)| {
        let text = attributes.get(attribute.name()).and_then(Value::as_str);
        text.is_some_and(|text| case_folded(*attribute, text) == case_folded(*attribute, value))
    };
    Ok(!names.iter().any(has_name))
}

/// Reads a resource in an answer; what our schema does not allow is kept and flagged. `None` if it is
/// not a resource of this type or has no usable id. Without an attribute that its schema requires (RFC
/// 7643 §2.2) it is partial, whatever was selected.
pub(crate) fn observed_resource(
    context: &Context,
    upstream: &UpstreamSet,
    stored_type: ResourceType,
    answer: &Value,
    is_whole: bool,
) -> Option<ObservedResource> {
    let resource_type = context.catalog.resource_type(stored_type)?;
    let id = id(answer).filter(|_| may_be_of_type(context, resource_type, answer))?;
    // The upstream's answer is read leniently, whatever the application's settings.
    let settings = Settings::generic();
    let UpstreamResource { mut resource, misfits, members_are_all } =
        UpstreamResource::read(resource_type, context.registry(), &settings, answer)?;
    let is_whole = is_whole && shows_required(context, resource_type, &resource.attributes);
    let has_members = context.catalog.has_members(stored_type);
    if has_members && is_whole && upstream.shows_members {
        resource.members.get_or_insert_default();
    }
    let flags =
        |kind, paths: BTreeSet<String>| paths.into_iter().map(move |path| Flag { kind, path });
    let kept = flags(FlagKind::SchemaViolation, misfits.kept);
    let misfits = kept.chain(flags(FlagKind::TooLarge, misfits.left_out)).collect();
    Some(ObservedResource { id, resource, members_are_all, misfits, is_whole })
}

/// Whether an answer may be a resource of this type: it is no protocol message, and names this type, or
/// no type that we know (RFC 7643 §3, §3.1).
fn may_be_of_type(context: &Context, resource_type: &scim::ResourceType, answer: &Value) -> bool {
    let schemas = answer.get("schemas").and_then(Value::as_array).into_iter().flatten();
    let schemas: Vec<&str> = schemas.filter_map(Value::as_str).collect();
    if schemas.iter().any(|urn| urn.to_ascii_lowercase().starts_with(MESSAGE_URN)) {
        return false;
    }
    let types = context.registry().resource_types();
    let said = answer.pointer("/meta/resourceType").and_then(Value::as_str);
    if let Some(said) = said
        && let Some(said) = types.iter().find(|one| one.name.eq_ignore_ascii_case(said))
    {
        return said.name == resource_type.name;
    }
    let names = |one: &scim::ResourceType| {
        let mut own = std::iter::once(&one.schema).chain(one.extensions.iter().map(|(urn, _)| urn));
        own.any(|own| schemas.iter().any(|urn| urn.eq_ignore_ascii_case(own)))
    };
    names(resource_type) || !types.iter().any(names)
}

/// Whether a resource has the attributes that its type's core schema requires.
fn shows_required(
    context: &Context,
    resource_type: &scim::ResourceType,
    attributes: &Map<String, Value>,
) -> bool {
    let schema = context.registry().schema(&resource_type.schema);
    let attributes_of = schema.map(|schema| schema.attributes.iter()).into_iter().flatten();
    let mut required = attributes_of.filter(|one| one.required && one.name != "id");
    required.all(|one| attributes.contains_key(&one.name))
}

/// The id of a resource in an answer: a text, or an integer as decimal text. `None` for other values,
/// and if it is too long.
fn id(answer: &Value) -> Option<String> {
    scim::id_text(answer.get("id")?).filter(|id| id.len() <= ID_BYTES_MAX)
}
