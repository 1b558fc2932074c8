//! What a forwarded write asked for, and of whom: all that a later look needs to find the resource and to
//! tell whether the write was carried out.

use std::collections::BTreeSet;

use event::{Attribute, Content, Event, Fact, Method, ResourceType, Route};
use scim::{Bounds, Member, MemberOperation, Resource, Settings};
use serde_json::{Map, Value};
use store::Store;

use crate::address::Address;
use crate::context::Context;
use crate::decide::Seen;
use crate::http::{BULK_OPERATIONS_MAX, OPERATIONS_MAX};

/// A longer name is not looked up by.
const NAME_BYTES_MAX: usize = 1 << 10;

/// One write, as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub method: Method,
    pub stored_type: ResourceType,
    /// The id of the address; none for a creation.
    pub id: Option<String>,
    /// The names of the resource that is to be created, the best one first.
    pub names: Vec<(Attribute, String)>,
    /// What was sent; only of a recorded request.
    body: Option<Value>,
}

impl Asked {
    /// A write of one resource.
    pub(crate) fn of(
        method: Method,
        stored_type: ResourceType,
        id: Option<&str>,
        body: Option<&Value>,
    ) -> Asked {
        let id = id.map(str::to_owned);
        let names = match (method, &id, body) {
            (Method::Post, None, Some(body)) => names(stored_type, body),
            _ => vec![],
        };
        Asked { method, stored_type, id, names, body: None }
    }

    /// The writes of a request: one, or those of a Bulk request; none where it names no resources.
    pub(crate) fn all(
        context: &Context,
        address: &Address,
        method: Method,
        body: Option<&Value>,
    ) -> Vec<Asked> {
        let stored_type = |address: &Address| {
            let name = address.resource_type.as_deref();
            name.map_or(ResourceType::NONE, |name| context.catalog.stored_type(name))
        };
        match address.route {
            Route::Collection | Route::Resource => {
                vec![Asked::of(method, stored_type(address), address.id.as_deref(), body)]
            }
            Route::Bulk => {
                let parsed =
                    body.and_then(|body| scim::parse_bulk(body.clone(), BULK_OPERATIONS_MAX).ok());
                let operations = parsed.map(|parsed| parsed.operations).unwrap_or_default();
                let asked = operations.into_iter().filter_map(|operation| {
                    let method = match operation.verb? {
                        scim::BulkMethod::Post => Method::Post,
                        scim::BulkMethod::Put => Method::Put,
                        scim::BulkMethod::Patch => Method::Patch,
                        scim::BulkMethod::Delete => Method::Delete,
                    };
                    let address = address.of_operation(&operation.path, context.registry());
                    let known = matches!(address.route, Route::Collection | Route::Resource);
                    // A reference to what the same request creates is no id yet.
                    let id = address.id.as_deref().filter(|id| !id.starts_with("bulkId:"));
                    (known && id.is_some() == (method != Method::Post)).then(|| {
                        Asked::of(method, stored_type(&address), id, operation.data.as_ref())
                    })
                });
                asked.collect()
            }
            _ => vec![],
        }
    }

    /// The writes of a recorded request; none when its body was not kept.
    pub(crate) fn recorded(context: &Context, store: &Store, seq: event::Seq) -> Vec<Asked> {
        sent(store, seq).map(|sent| Asked::of_event(context, &sent)).unwrap_or_default()
    }

    /// The writes of the request that an event holds.
    pub(crate) fn of_event(context: &Context, event: &Event) -> Vec<Asked> {
        let (Fact::Operation(operation) | Fact::Intent(operation)) = &event.header.fact else {
            return vec![];
        };
        let target = event.parts.iter().find_map(|part| match &part.content {
            Content::Target(target) => Some(target.as_str()),
            _ => None,
        });
        let address = Address::of_target(target.unwrap_or_default(), context.registry());
        Asked::all(context, &address, operation.method, body_of(event).as_ref())
    }

    /// The single write of a recorded request, with its body; none where it had several, or the body was
    /// not kept.
    pub(crate) fn recorded_with_body(
        context: &Context,
        store: &Store,
        seq: event::Seq,
    ) -> Option<Asked> {
        let sent = sent(store, seq)?;
        let [asked] = Asked::of_event(context, &sent).try_into().ok()?;
        Some(Asked { body: Some(body_of(&sent)?), ..asked })
    }

    /// Whether a resource as it was seen is as this write of it wanted; none when that cannot be told.
    /// It is when to carry the write out again would change nothing.
    pub(crate) fn is_fulfilled_by(&self, context: &Context, seen: &Seen) -> Option<bool> {
        let resource_type = context.resource_type(self.stored_type)?;
        let (registry, body) = (context.registry(), self.body.as_ref().filter(|_| seen.is_whole)?);
        let old = scim::settle(&Map::new(), seen.resource.attributes.clone());
        let (attributes, members) = match self.method {
            Method::Patch => {
                let operations = scim::parse_patch(body.clone(), OPERATIONS_MAX).ok()?;
                let settings = &context.settings;
                let patched =
                    scim::apply_patch(resource_type, registry, settings, &old, &operations).ok()?;
                (patched.attributes, patched.members)
            }
            Method::Put => {
                let sent =
                    Resource::read(resource_type, registry, &Settings::generic(), body).ok()?;
                // What a PUT leaves out, an application may well fill in by itself.
                let mut attributes = old.clone();
                attributes.extend(sent.attributes);
                (attributes, sent.members.map(MemberOperation::Replace).into_iter().collect())
            }
            _ => return None,
        };
        let new = scim::settle(&old, attributes);
        let mut differ = scim::diff(&old, &new);
        if !old.get("active").is_some_and(Value::is_boolean) {
            // Whoever never shows whether an account is switched off does not say that it is not.
            let before = differ.len();
            differ
                .retain(|change| change.path.schema.is_some() || change.path.attribute != "active");
            if differ.is_empty() && before > 0 {
                return None;
            }
        }
        if !differ.is_empty() {
            return Some(false);
        }
        if members.is_empty() {
            return Some(true);
        }
        let there = seen.resource.members.as_ref().filter(|_| seen.members_are_all)?;
        Some(is_as_after(there, &members, |filter, member| {
            filter.matches_member(resource_type, registry, member)
        }))
    }
}

/// What a write asks for that many applications leave out of their answers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct AsksFor {
    /// Whether an account is to be active. A creation that only repeats that a new one is does not ask.
    pub active: bool,
    /// Who is to be a member.
    pub members: bool,
}

impl AsksFor {
    /// Of a method and the body that was sent.
    pub(crate) fn of(method: Method, body: &Value) -> AsksFor {
        match method {
            Method::Post => AsksFor {
                active: named(body, "active").is_some_and(|active| *active != Value::Bool(true)),
                members: named(body, "members").is_some_and(|members| {
                    !members.is_null() && members.as_array().is_none_or(|all| !all.is_empty())
                }),
            },
            Method::Put => AsksFor {
                active: named(body, "active").is_some(),
                members: named(body, "members").is_some(),
            },
            Method::Patch => {
                let operations = named(body, "Operations").and_then(Value::as_array);
                let mut asks = AsksFor::default();
                for operation in operations.into_iter().flatten() {
                    let path = named(operation, "path").and_then(Value::as_str).unwrap_or_default();
                    // `URN:name[filter].sub`
                    let path = path.split('[').next().unwrap_or_default();
                    let name = path.rsplit(':').next().unwrap_or_default();
                    let name = name.split('.').next().unwrap_or_default().trim();
                    let value = named(operation, "value");
                    let sets = |wanted: &str| {
                        name.eq_ignore_ascii_case(wanted)
                            || value.is_some_and(|value| named(value, wanted).is_some())
                    };
                    asks.active |= sets("active");
                    asks.members |= sets("members");
                }
                asks
            }
            Method::Get | Method::Head | Method::Delete | Method::Other => AsksFor::default(),
        }
    }
}

/// A member of an object, whatever the case of its name.
fn named<'a>(value: &'a Value, wanted: &str) -> Option<&'a Value> {
    let mut members = value.as_object().into_iter().flatten();
    members.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// The event that has what a recorded operation was sent with: its intent, or itself.
fn sent(store: &Store, seq: event::Seq) -> Option<Event> {
    let read = |seq| {
        let bytes = store.event_bytes(seq).ok().flatten()?;
        event::codec::decode(seq, &bytes).ok()
    };
    let event = read(seq)?;
    let intent = event.parts.iter().find_map(|part| match &part.content {
        Content::Answer(answer) => answer.intent,
        _ => None,
    });
    match intent {
        Some(intent) => read(intent),
        None => Some(event),
    }
}

fn body_of(event: &Event) -> Option<Value> {
    event.parts.iter().find_map(|part| match &part.content {
        Content::Body(bytes) => scim::parse_json(bytes, &Bounds::default()).ok(),
        _ => None,
    })
}

/// Whether member operations would leave these members as they are.
fn is_as_after(
    members: &[Member],
    operations: &[MemberOperation],
    matches: impl Fn(&scim::Filter, &Member) -> bool,
) -> bool {
    let before: BTreeSet<&str> = members.iter().map(|member| member.value.as_str()).collect();
    let mut after = before.clone();
    for operation in operations {
        match operation {
            MemberOperation::Add(list) => {
                after.extend(list.iter().map(|member| member.value.as_str()));
            }
            MemberOperation::Remove(ids) => after.retain(|id| !ids.iter().any(|gone| gone == id)),
            MemberOperation::RemoveAll => after.clear(),
            MemberOperation::Replace(list) => {
                after = list.iter().map(|member| member.value.as_str()).collect();
            }
            MemberOperation::RemoveMatching(filter) => {
                for member in members.iter().filter(|member| matches(filter, member)) {
                    after.remove(member.value.as_str());
                }
            }
        }
    }
    before == after
}

/// By what a resource that is to be created can be found.
fn names(stored_type: ResourceType, body: &Value) -> Vec<(Attribute, String)> {
    let candidates = [
        (Attribute::UserName, stored_type != ResourceType::GROUP),
        (Attribute::ExternalId, true),
        // Two people may have one name.
        (Attribute::DisplayName, stored_type != ResourceType::USER),
    ];
    let text = |attribute: Attribute| {
        let mut members = body.as_object()?.iter();
        let (_, value) = members.find(|(name, _)| name.eq_ignore_ascii_case(attribute.name()))?;
        let value =
            value.as_str().filter(|text| !text.is_empty() && text.len() <= NAME_BYTES_MAX)?;
        Some((attribute, value.to_owned()))
    };
    candidates.into_iter().filter(|(_, fits)| *fits).filter_map(|(one, _)| text(one)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_creation_is_found_by_the_names_of_its_type() {
        let body = json!({"USERNAME": "mira", "externalId": "7", "displayName": "Mira", "id": "x"});
        let check = |stored_type, expected: &[(Attribute, &str)]| {
            let asked = Asked::of(Method::Post, stored_type, None, Some(&body));
            let expected: Vec<_> =
                expected.iter().map(|(one, text)| (*one, (*text).to_owned())).collect();
            assert_eq!(asked.names, expected);
        };
        let (name, external) = ((Attribute::UserName, "mira"), (Attribute::ExternalId, "7"));
        check(ResourceType::USER, &[name, external]);
        check(ResourceType::GROUP, &[external, (Attribute::DisplayName, "Mira")]);
        assert!(
            Asked::of(Method::Put, ResourceType::USER, Some("a"), Some(&body)).names.is_empty()
        );
        for odd in [json!([]), json!({"userName": 7}), json!({"userName": ""})] {
            assert!(Asked::of(Method::Post, ResourceType::USER, None, Some(&odd)).names.is_empty());
        }
    }

    #[test]
    fn what_is_asked_for_is_found_however_it_is_written() {
        let check = |method, body: Value, active: bool, members: bool| {
            assert_eq!(AsksFor::of(method, &body), AsksFor { active, members }, "{body}");
        };
        check(Method::Post, json!({"userName": "mira", "active": true}), false, false);
        check(Method::Post, json!({"userName": "mira", "ACTIVE": "False"}), true, false);
        check(Method::Post, json!({"displayName": "Deck", "members": []}), false, false);
        check(
            Method::Post,
            json!({"displayName": "Deck", "members": [{"value": "1"}]}),
            false,
            true,
        );
        check(Method::Put, json!({"active": true}), true, false);
        check(Method::Put, json!({"members": []}), false, true);
        let patch =
            |path: &str, value: Value| json!({"operations": [{"Path": path, "Value": value}]});
        check(Method::Patch, patch("Active", json!(false)), true, false);
        check(Method::Patch, patch("urn:x:2.0:User:active", json!(false)), true, false);
        check(Method::Patch, patch("", json!({"active": "False"})), true, false);
        check(Method::Patch, patch("members[value eq \"urn:x\"]", Value::Null), false, true);
        check(Method::Patch, patch("members.value", Value::Null), false, true);
        check(Method::Patch, patch("title", json!("Mate")), false, false);
        check(Method::Patch, json!({"Operations": {"path": "active"}}), false, false);
        check(Method::Delete, json!({"active": false}), false, false);
    }

    #[test]
    fn members_are_as_a_write_wanted_when_it_would_change_nothing() {
        let member = |id: &str| Member { value: id.into(), kind: None, display: None };
        let list = |ids: &[&str]| ids.iter().map(|id| member(id)).collect::<Vec<_>>();
        let check = |operations: &[MemberOperation], expected: bool| {
            let never = |_: &scim::Filter, _: &Member| false;
            assert_eq!(is_as_after(&list(&["a", "b"]), operations, never), expected);
        };
        check(&[MemberOperation::Add(list(&["b"]))], true);
        check(&[MemberOperation::Add(list(&["c"]))], false);
        check(&[MemberOperation::Remove(vec!["c".into()])], true);
        check(&[MemberOperation::Remove(vec!["a".into()])], false);
        check(&[MemberOperation::RemoveAll, MemberOperation::Add(list(&["b", "a"]))], true);
        check(&[MemberOperation::Replace(list(&["a"]))], false);
    }
}
