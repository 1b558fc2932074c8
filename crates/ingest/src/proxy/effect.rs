//! What the answer to a forwarded write means: the only such table.
//!
//! An answer counts for what it shows. What it does not show is in doubt, and the recorder reads the
//! resource back.

use event::{Effect, Method, ResourceType, UpstreamSet};
use serde_json::Value;

use crate::context::Context;
use crate::decide::ObservedResource;
use crate::members::is_same_id;
use crate::proxy::derive;
use crate::proxy::request::{AsksFor, UpstreamRequest};

/// What body and headers of an answer show.
pub(crate) enum AnswerContent {
    /// No body, and no `Location` of a resource.
    Nothing,
    /// An id, but too little to tell the state of the resource.
    Id(String),
    /// A resource: that of the address, or the one that a POST created.
    Resource(Box<ObservedResource>),
    /// Something else: a page of HTML, a message, another resource.
    Other,
}

/// How the record treats an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meaning {
    /// The operation's effect. `Applied` becomes `NoOp` if a shown resource turns out unchanged.
    pub effect: Effect,
    pub state: NewState,
    /// Whether the recorder reads the resource back.
    pub reads_back: bool,
}

/// What the recorded state becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NewState {
    /// What the answer shows.
    FromAnswer,
    /// The known state, changed as requested.
    FromRequest,
    /// What it was before.
    Unchanged,
}

/// The meaning of an answer that shows nothing of the result.
pub(crate) const DOUBT: Meaning =
    Meaning { effect: Effect::Unverified, state: NewState::Unchanged, reads_back: true };

/// The table. `status` is the upstream's (classes: RFC 9110 §15).
pub(crate) fn meaning(method: Method, status: u16, content: &AnswerContent) -> Meaning {
    let doubt = |state| Meaning { state, ..DOUBT };
    let believed = |state, reads_back| Meaning { effect: Effect::Applied, state, reads_back };
    match (method, status, content) {
        (_, 400.., _) => {
            Meaning { effect: Effect::Rejected, state: NewState::Unchanged, reads_back: false }
        }
        // Neither done nor refused. A redirect is not followed: it would take the token elsewhere.
        (_, ..200 | 300..400, _) => doubt(NewState::Unchanged),
        (Method::Delete, 200 | 204, AnswerContent::Nothing) => {
            believed(NewState::FromRequest, true)
        }
        // Some show what they deleted, others what is left; a read-back tells which.
        (Method::Delete, 200, AnswerContent::Resource(_)) => believed(NewState::FromAnswer, true),
        (Method::Delete, _, _) => doubt(NewState::Unchanged),
        // Accepted is not done (RFC 9110 §15.3.3), whatever the body shows.
        (Method::Put | Method::Patch, 202, _) => doubt(NewState::FromRequest),
        (Method::Post, 202, _) => doubt(NewState::Unchanged),
        (
            Method::Post | Method::Put | Method::Patch,
            200 | 201 | 203,
            AnswerContent::Resource(_),
        ) => believed(NewState::FromAnswer, false),
        // A part (206), the state of several resources (207), or a change to an earlier answer (226) is
        // not the resource, even if it looks like one.
        (
            Method::Put | Method::Patch,
            _,
            AnswerContent::Nothing | AnswerContent::Id(_) | AnswerContent::Resource(_),
        ) => doubt(NewState::FromRequest),
        _ => doubt(NewState::Unchanged),
    }
}

/// What the recorder checks after the answer to a write.
pub(crate) enum FollowUp {
    None,
    /// What the write did.
    ReadBack,
    /// That a failed write did nothing: the upstream may have carried it out before it failed, or a
    /// gateway failed (RFC 9110 §15.6).
    CheckLater,
    /// Whether the resource with this id exists: it is on record, but the write was answered 404 or
    /// 410.
    Confirm(ResourceType, String),
}

impl FollowUp {
    pub(crate) fn of(asked: &[UpstreamRequest], reads_back: bool, status: u16) -> FollowUp {
        match (asked, status) {
            _ if reads_back => FollowUp::ReadBack,
            ([one], 404 | 410) => match &one.id {
                Some(id) => FollowUp::Confirm(one.stored_type, id.clone()),
                None => FollowUp::None,
            },
            ([_], 500 | 502..) => FollowUp::CheckLater,
            _ => FollowUp::None,
        }
    }
}

/// The write, as far as its answer should show it.
pub(crate) struct ExpectedAnswer<'a> {
    pub stored_type: ResourceType,
    /// `None` for a POST.
    pub id: Option<&'a str>,
    pub asks_for: AsksFor,
    /// Whether the request selected no attributes, so that all should be shown.
    pub is_whole: bool,
}

/// What the answer to a write shows. `location` is its `Location` header.
pub(crate) fn answer_content(
    context: &Context,
    upstream: &UpstreamSet,
    wanted: &ExpectedAnswer<'_>,
    (is_empty, body): (bool, Option<&Value>),
    location: Option<&str>,
) -> AnswerContent {
    let ExpectedAnswer { stored_type, id, asks_for, is_whole } = *wanted;
    if is_empty {
        let located = location.filter(|_| id.is_none());
        return located
            .and_then(|text| id_of(context, stored_type, text))
            .map_or(AnswerContent::Nothing, AnswerContent::Id);
    }
    let Some(body) = body.and_then(Value::as_object) else { return AnswerContent::Other };
    let seen = derive::observed_resource(
        context,
        upstream,
        stored_type,
        &Value::Object(body.clone()),
        is_whole,
    );
    let Some(mut seen) = seen.filter(|seen| id.is_none_or(|id| is_same_id(context, &seen.id, id)))
    else {
        return AnswerContent::Other;
    };
    let of_every_resource = ["id", "schemas", "meta", "externalId"];
    if body.keys().all(|name| of_every_resource.contains(&name.as_str())) {
        return AnswerContent::Id(seen.id);
    }
    let says_nothing =
        seen.resource.attributes.keys().all(|name| of_every_resource.contains(&name.as_str()));
    let mut members = body.iter().filter(|(name, _)| name.eq_ignore_ascii_case("members"));
    let shows_members = members.any(|(_, members)| !members.is_null());
    if says_nothing && !shows_members {
        return AnswerContent::Other;
    }
    let active = seen.resource.attributes.get("active");
    let has_members = context.catalog.has_members(stored_type);
    let is_silent = (asks_for.active && !active.is_some_and(Value::is_boolean))
        || (asks_for.members && has_members && !shows_members);
    if !seen.is_whole || is_silent {
        // What the write set may be among what is left out.
        return AnswerContent::Id(seen.id);
    }
    if !shows_members {
        // Many applications leave members out of the answer to a write.
        seen.resource.members = None;
    }
    AnswerContent::Resource(Box::new(seen))
}

/// The id in the address of a resource of this type.
fn id_of(context: &Context, stored_type: ResourceType, location: &str) -> Option<String> {
    let resource_type = context.resource_type(stored_type)?;
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let (before, id) = path.rsplit_once('/')?;
    let is_below = before.to_lowercase().ends_with(&resource_type.endpoint.to_lowercase());
    let id = crate::address::percent_decode_path(id);
    (is_below && !id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use scim::Resource;

    use super::*;

    #[test]
    fn an_answer_counts_for_what_it_shows() {
        let resource = || {
            let attributes = serde_json::Map::new();
            let resource =
                Resource { attributes, members: None, unknown: std::collections::BTreeSet::new() };
            let seen = ObservedResource {
                id: "a".into(),
                resource,
                members_are_all: true,
                misfits: vec![],
                is_whole: true,
            };
            AnswerContent::Resource(Box::new(seen))
        };
        let (nothing, id, other) =
            (|| AnswerContent::Nothing, || AnswerContent::Id("a".into()), || AnswerContent::Other);
        use Effect::{Applied, Rejected, Unverified};
        use Method::{Delete, Patch, Post, Put};
        let check = |method,
                     statuses: &[u16],
                     content: &[AnswerContent],
                     expected: (Effect, NewState, bool)| {
            for status in statuses {
                for content in content {
                    let Meaning { effect, state, reads_back } = meaning(method, *status, content);
                    assert_eq!((effect, state, reads_back), expected, "{method:?} {status}");
                }
            }
        };
        for method in [Post, Put, Patch, Delete] {
            let any = [nothing(), id(), resource(), other()];
            check(
                method,
                &[400, 401, 404, 409, 412, 429, 500, 503, 599],
                &any,
                (Rejected, NewState::Unchanged, false),
            );
            let neither = [100, 101, 103, 300, 301, 302, 303, 304, 305, 307, 308, 399];
            check(method, &neither, &any, (Unverified, NewState::Unchanged, true));
            check(
                method,
                &[200, 201, 203, 206, 226],
                &[other()],
                (Unverified, NewState::Unchanged, true),
            );
        }
        for method in [Post, Put, Patch] {
            check(method, &[200, 201, 203], &[resource()], (Applied, NewState::FromAnswer, false));
            let kept = if method == Post { NewState::Unchanged } else { NewState::FromRequest };
            check(method, &[202, 206, 207, 208, 226], &[resource()], (Unverified, kept, true));
        }
        for method in [Put, Patch] {
            let silent = [nothing(), id()];
            check(
                method,
                &[200, 201, 204, 205],
                &silent,
                (Unverified, NewState::FromRequest, true),
            );
            let any = [nothing(), id(), resource(), other()];
            check(method, &[202], &any, (Unverified, NewState::FromRequest, true));
        }
        check(Post, &[200, 201, 204], &[nothing(), id()], (Unverified, NewState::Unchanged, true));
        check(
            Post,
            &[202],
            &[nothing(), id(), resource(), other()],
            (Unverified, NewState::Unchanged, true),
        );
        check(Delete, &[200, 204], &[nothing()], (Applied, NewState::FromRequest, true));
        check(
            Delete,
            &[201, 202, 203, 205, 206],
            &[nothing()],
            (Unverified, NewState::Unchanged, true),
        );
        check(Delete, &[200], &[resource()], (Applied, NewState::FromAnswer, true));
        check(Delete, &[200, 202], &[id(), other()], (Unverified, NewState::Unchanged, true));
    }
}
