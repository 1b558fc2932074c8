//! What the answer to a forwarded write means: the one table.
//!
//! An answer is believed as far as it says something. What it does not say is in doubt, and the recorder
//! reads the resource back.

use event::{Effect, Method, ResourceType, UpstreamSet};
use serde_json::Value;

use crate::context::Context;
use crate::decide::Seen;
use crate::proxy::derive;

/// Messages of the protocol name a schema below this; no resource does (RFC 7644 §8.2).
const MESSAGE_URN: &str = "urn:ietf:params:scim:api:messages:";

/// What the body and the headers of an answer show.
pub(crate) enum Shown {
    /// There is no body, and no address of a resource.
    Nothing,
    /// An id, and nothing else of the resource.
    Id(String),
    /// A resource: that of the address, or that which a POST made.
    Resource(Box<Seen>),
    /// Something else: a page of HTML, a message, another resource.
    Other,
}

/// What the record makes of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meaning {
    /// What the operation is recorded with; of a resource that is shown, whether it changed anything is
    /// still to be seen.
    pub effect: Effect,
    pub state: State,
    /// Whether the recorder reads the resource back.
    pub reads_back: bool,
}

/// What the record takes for the state from here on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// What the answer shows.
    Shown,
    /// What the request makes of the state as it was known.
    Assumed,
    /// What it was.
    Kept,
}

/// The table. `status` is the answer's own; RFC 9110 §15 tells its classes apart.
pub(crate) fn meaning(method: Method, status: u16, shown: &Shown) -> Meaning {
    let doubt = |state| Meaning { effect: Effect::Unverified, state, reads_back: true };
    let believed = |state, reads_back| Meaning { effect: Effect::Applied, state, reads_back };
    match (method, status, shown) {
        (_, 400.., _) => {
            Meaning { effect: Effect::Rejected, state: State::Kept, reads_back: false }
        }
        // Neither done nor refused. A redirect is not followed: it would take the token elsewhere.
        (_, ..200 | 300..400, _) => doubt(State::Kept),
        (Method::Delete, 200 | 204, Shown::Nothing) => believed(State::Assumed, true),
        // Some show what they deleted, others what they have left; which one, a look tells.
        (Method::Delete, 200, Shown::Resource(_)) => believed(State::Shown, true),
        (Method::Delete, _, _) => doubt(State::Kept),
        // Accepted is not done (RFC 9110 §15.3.3), whatever is shown beside it.
        (Method::Put | Method::Patch, 202, _) => doubt(State::Assumed),
        (Method::Post, 202, _) => doubt(State::Kept),
        (_, _, Shown::Resource(_)) => believed(State::Shown, false),
        (Method::Put | Method::Patch, _, Shown::Nothing | Shown::Id(_)) => doubt(State::Assumed),
        (_, _, Shown::Nothing | Shown::Id(_) | Shown::Other) => doubt(State::Kept),
    }
}

/// What an answer shows to a write of the resource `id`, or with none to a POST. `location` is the
/// answer's header of this name.
pub(crate) fn shown(
    context: &Context,
    upstream: &UpstreamSet,
    (stored_type, id): (ResourceType, Option<&str>),
    (is_empty, body): (bool, Option<&Value>),
    location: Option<&str>,
    is_whole: bool,
) -> Shown {
    if is_empty {
        let located = location.filter(|_| id.is_none());
        return located
            .and_then(|text| id_of(context, stored_type, text))
            .map_or(Shown::Nothing, Shown::Id);
    }
    let Some(body) = body.and_then(Value::as_object) else { return Shown::Other };
    let mut schemas = body.get("schemas").and_then(Value::as_array).into_iter().flatten();
    let is_message = |urn: &Value| {
        urn.as_str().is_some_and(|urn| urn.to_ascii_lowercase().starts_with(MESSAGE_URN))
    };
    if schemas.any(is_message) {
        return Shown::Other;
    }
    let seen = derive::seen(context, upstream, stored_type, &Value::Object(body.clone()), is_whole);
    let Some(seen) = seen.filter(|seen| id.is_none_or(|id| seen.id == id)) else {
        return Shown::Other;
    };
    let of_every_resource = ["id", "schemas", "meta", "externalId"];
    if body.keys().all(|name| of_every_resource.contains(&name.as_str())) {
        return Shown::Id(seen.id);
    }
    let says_nothing =
        seen.resource.attributes.keys().all(|name| of_every_resource.contains(&name.as_str()));
    let shows_members = body.keys().any(|name| name.eq_ignore_ascii_case("members"));
    match says_nothing && !shows_members {
        true => Shown::Other,
        false => Shown::Resource(Box::new(seen)),
    }
}

/// The id at the end of an address of a resource of this type.
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
    fn an_answer_is_believed_as_far_as_it_says_something() {
        let resource = || {
            let attributes = serde_json::Map::new();
            let resource =
                Resource { attributes, members: None, unknown: std::collections::BTreeSet::new() };
            let seen = Seen {
                id: "a".into(),
                resource,
                members_are_all: true,
                misfits: vec![],
                is_whole: true,
            };
            Shown::Resource(Box::new(seen))
        };
        let (nothing, id, other) = (|| Shown::Nothing, || Shown::Id("a".into()), || Shown::Other);
        use Effect::{Applied, Rejected, Unverified};
        use Method::{Delete, Patch, Post, Put};
        let check = |method, statuses: &[u16], shown: &[Shown], expected: (Effect, State, bool)| {
            for status in statuses {
                for shown in shown {
                    let Meaning { effect, state, reads_back } = meaning(method, *status, shown);
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
                (Rejected, State::Kept, false),
            );
            let neither = [100, 101, 103, 300, 301, 302, 303, 304, 305, 307, 308, 399];
            check(method, &neither, &any, (Unverified, State::Kept, true));
            check(method, &[200, 201, 203, 206, 226], &[other()], (Unverified, State::Kept, true));
        }
        for method in [Post, Put, Patch] {
            check(method, &[200, 201, 203], &[resource()], (Applied, State::Shown, false));
        }
        for method in [Put, Patch] {
            let silent = [nothing(), id()];
            check(method, &[200, 201, 204, 205], &silent, (Unverified, State::Assumed, true));
            let any = [nothing(), id(), resource(), other()];
            check(method, &[202], &any, (Unverified, State::Assumed, true));
        }
        check(Post, &[200, 201, 204], &[nothing(), id()], (Unverified, State::Kept, true));
        check(
            Post,
            &[202],
            &[nothing(), id(), resource(), other()],
            (Unverified, State::Kept, true),
        );
        check(Delete, &[200, 204], &[nothing()], (Applied, State::Assumed, true));
        check(Delete, &[201, 202, 203, 205, 206], &[nothing()], (Unverified, State::Kept, true));
        check(Delete, &[200], &[resource()], (Applied, State::Shown, true));
        check(Delete, &[200, 202], &[id(), other()], (Unverified, State::Kept, true));
    }
}
