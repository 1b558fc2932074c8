//! A forwarded request: what a later read-back needs to find its resource and to tell whether the write
//! was carried out.

use std::collections::BTreeSet;

use event::{Attribute, Content, Event, Fact, Method, ResourceType, Route};
use projector::View;
use scim::{Bounds, Member, MemberId, MemberIds, MemberOperation, Resource, Settings};
use serde_json::{Map, Value};
use store::Store;

use crate::address::{Address, percent_decode_path};
use crate::context::Context;
use crate::decide::ObservedResource;
use crate::limits::{BULK_OPERATIONS_MAX, OPERATIONS_MAX};
use crate::members::{is_uuid, resolve_id};
use crate::numbers::Names;

/// One request for one resource, as it was sent to the upstream.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamRequest {
    pub method: Method,
    pub stored_type: ResourceType,
    /// The id of the address, as it is on record; `None` for a create.
    pub id: Option<String>,
    /// The names of the resource to be created.
    pub names: Names,
    /// The body; only if it was read from the record.
    body: Option<Value>,
}

impl UpstreamRequest {
    /// A GET of one resource.
    pub(crate) fn look(stored_type: ResourceType, id: &str) -> UpstreamRequest {
        let (id, names) = (Some(id.to_owned()), Names::default());
        UpstreamRequest { method: Method::Get, stored_type, id, names, body: None }
    }

    /// A write of one resource.
    fn of(
        context: &Context,
        view: &View<'_>,
        method: Method,
        address: &Address,
        body: Option<&Value>,
    ) -> UpstreamRequest {
        let name = address.resource_type.as_deref();
        let stored_type = name.map_or(ResourceType::NONE, |name| context.catalog.stored_type(name));
        let mut address = address.clone();
        resolve_id(context, view, stored_type, &mut address);
        let names = match (method, &address.id, body) {
            (Method::Post, None, Some(body)) => Names::of_new(context, stored_type, body),
            _ => Names::default(),
        };
        UpstreamRequest { method, stored_type, id: address.id, names, body: None }
    }

    /// The names by which a resource to be created can be looked up, the best first.
    pub(crate) fn lookups(&self) -> Vec<(Attribute, String)> {
        let own = self.names.external_id.as_deref();
        let own = own.map(|text| (Attribute::ExternalId, text.to_owned()));
        let name = self.names.name.clone();
        // Two groups may share a displayName; two accounts never share a userName.
        match &name {
            Some((Attribute::DisplayName, _)) => own.into_iter().chain(name).collect(),
            _ => name.into_iter().chain(own).collect(),
        }
    }

    /// The given name that identifies the resource best: the externalId, else the other name.
    pub(crate) fn surest_name(&self) -> Option<(Attribute, &str)> {
        let own = self.names.external_id.as_deref().map(|text| (Attribute::ExternalId, text));
        let name = self.names.name.as_ref();
        own.or_else(|| name.map(|(attribute, value)| (*attribute, value.as_str())))
    }

    /// The writes of a request: one, or those of a Bulk request; none if it names no resources.
    pub(crate) fn all(
        context: &Context,
        view: &View<'_>,
        address: &Address,
        method: Method,
        body: Option<&Value>,
    ) -> Vec<UpstreamRequest> {
        match address.route {
            Route::Collection | Route::Resource => {
                vec![UpstreamRequest::of(context, view, method, address, body)]
            }
            Route::Bulk => {
                let parsed =
                    body.and_then(|body| scim::parse_bulk(body.clone(), BULK_OPERATIONS_MAX).ok());
                let operations = parsed.map(|parsed| parsed.operations).unwrap_or_default();
                let request = operations.into_iter().filter_map(|operation| {
                    let method = match operation.verb? {
                        scim::BulkMethod::Post => Method::Post,
                        scim::BulkMethod::Put => Method::Put,
                        scim::BulkMethod::Patch => Method::Patch,
                        scim::BulkMethod::Delete => Method::Delete,
                    };
                    let address = address.of_operation(&operation.path, context.registry());
                    let known = matches!(address.route, Route::Collection | Route::Resource);
                    // A `bulkId` of the same request is not an id yet.
                    let names_one =
                        address.id.as_deref().is_some_and(|id| !id.starts_with("bulkId:"));
                    let is_new = address.id.is_none();
                    let fits = if method == Method::Post { is_new } else { names_one };
                    let data = operation.data.as_ref();
                    (known && fits)
                        .then(|| UpstreamRequest::of(context, view, method, &address, data))
                });
                request.collect()
            }
            _ => vec![],
        }
    }

    /// The writes of the request recorded at `seq`; none if its body was not stored.
    pub(crate) fn recorded(
        context: &Context,
        store: &Store,
        seq: event::Seq,
    ) -> Vec<UpstreamRequest> {
        sent(store, seq)
            .map(|sent| UpstreamRequest::of_event(context, store, &sent))
            .unwrap_or_default()
    }

    /// The writes of the request in an event.
    pub(crate) fn of_event(
        context: &Context,
        store: &Store,
        event: &Event,
    ) -> Vec<UpstreamRequest> {
        let (Fact::Operation(operation) | Fact::Intent(operation)) = &event.header.fact else {
            return vec![];
        };
        let target = event.parts.iter().find_map(|part| match &part.content {
            Content::Target(target) => Some(target.as_str()),
            _ => None,
        });
        let address = Address::of_target(target.unwrap_or_default(), context.registry());
        let snapshot = store.snapshot();
        let view = View::new(&snapshot);
        UpstreamRequest::all(context, &view, &address, operation.method, body_of(event).as_ref())
    }

    /// The only write of a recorded request, with its body; `None` if it had several, or the body was
    /// not stored.
    pub(crate) fn recorded_with_body(
        context: &Context,
        store: &Store,
        seq: event::Seq,
    ) -> Option<UpstreamRequest> {
        let sent = sent(store, seq)?;
        let [request] = UpstreamRequest::of_event(context, store, &sent).try_into().ok()?;
        Some(UpstreamRequest { body: Some(body_of(&sent)?), ..request })
    }

    /// Whether an observed resource is as this write wanted, that is, whether repeating the write would
    /// change nothing. `None` if that cannot be told.
    pub(crate) fn is_fulfilled_by(
        &self,
        context: &Context,
        seen: &ObservedResource,
    ) -> Option<bool> {
        let resource_type = context.resource_type(self.stored_type)?;
        let (registry, body) = (context.registry(), self.body.as_ref().filter(|_| seen.is_whole)?);
        let ids = Ids { context, resource_type };
        let old = seen.resource.attributes.clone();
        let (mut attributes, members) = match self.method {
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
                // An upstream may fill in what a PUT leaves out.
                let mut attributes = old.clone();
                attributes.extend(sent.attributes);
                (attributes, sent.members.map(MemberOperation::Replace).into_iter().collect())
            }
            _ => return None,
        };
        let mut old = old;
        ids.normalize_references(&mut old);
        ids.normalize_references(&mut attributes);
        let old = scim::settle(&Map::new(), old);
        let new = scim::settle(&old, attributes);
        let mut differ = scim::diff(&old, &new);
        if !old.get("active").is_some_and(Value::is_boolean) {
            // An upstream that never shows `active` does not say whether the write changed it.
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
        let there = seen.resource.members.clone().filter(|_| seen.members_are_all)?;
        let members: Vec<_> = members.into_iter().map(|one| ids.normalize_operation(one)).collect();
        Some(is_as_after(&ids.normalize_members(there), &members, |filter, member| {
            filter.matches_member(resource_type, registry, member)
        }))
    }
}

/// Brings references into the form in which they are compared: an address of ours or the upstream's
/// becomes its id, and a UUID becomes lower case if the settings allow either case.
struct Ids<'a> {
    context: &'a Context,
    resource_type: &'a scim::ResourceType,
}

impl Ids<'_> {
    fn normalize(&self, text: &str) -> String {
        let id = match self.context.member_id(text) {
            MemberId::Addressed(id) => percent_decode_path(id),
            MemberId::Id(_) | MemberId::Elsewhere => text.to_owned(),
        };
        let in_any_case = self.context.settings.member_ids == MemberIds::AnyCase;
        if in_any_case && is_uuid(&id) { id.to_ascii_lowercase() } else { id }
    }

    fn normalize_references(&self, attributes: &mut Map<String, Value>) {
        let normalize = |text: &str| Some(self.normalize(text));
        self.context.change_references(self.resource_type, attributes, normalize);
    }

    fn normalize_members(&self, members: Vec<Member>) -> Vec<Member> {
        let normalize = |one: Member| Member { value: self.normalize(&one.value), ..one };
        members.into_iter().map(normalize).collect()
    }

    fn normalize_operation(&self, operation: MemberOperation) -> MemberOperation {
        match operation {
            MemberOperation::Add(members) => MemberOperation::Add(self.normalize_members(members)),
            MemberOperation::Replace(members) => {
                MemberOperation::Replace(self.normalize_members(members))
            }
            MemberOperation::Remove(ids) => {
                MemberOperation::Remove(ids.iter().map(|id| self.normalize(id)).collect())
            }
            MemberOperation::RemoveMatching(filter) => MemberOperation::RemoveMatching(
                filter.with_member_ids(&mut |text| Some(self.normalize(text))),
            ),
            MemberOperation::RemoveAll => MemberOperation::RemoveAll,
        }
    }
}

/// Whether a write sets `active` or members, which many applications leave out of their answers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct AsksFor {
    /// It sets `active`. A create with `active: true` does not count: that is the default.
    pub active: bool,
    /// It sets members.
    pub members: bool,
}

impl AsksFor {
    /// A body that could not be read may set anything.
    pub(crate) const ANYTHING: AsksFor = AsksFor { active: true, members: true };

    /// Reads method and body, as leniently as any application might.
    pub(crate) fn of(method: Method, body: &Value) -> AsksFor {
        match method {
            Method::Get | Method::Head | Method::Delete | Method::Other => AsksFor::default(),
            Method::Post | Method::Put if !body.is_object() => AsksFor::ANYTHING,
            Method::Post => AsksFor {
                active: values_of(body, "active").iter().any(|one| **one != Value::Bool(true)),
                members: values_of(body, "members").iter().any(|members| {
                    !members.is_null() && members.as_array().is_none_or(|all| !all.is_empty())
                }),
            },
            Method::Put => AsksFor {
                active: !values_of(body, "active").is_empty(),
                members: !values_of(body, "members").is_empty(),
            },
            Method::Patch => {
                let Some(operations) = named(body, "Operations").and_then(Value::as_array) else {
                    return AsksFor::ANYTHING;
                };
                let mut asks = AsksFor::default();
                for operation in operations {
                    let path = named(operation, "path").and_then(Value::as_str).unwrap_or_default();
                    let value = named(operation, "value");
                    let sets = |wanted: &str| {
                        is_of(path, wanted)
                            || value.is_some_and(|value| !values_of(value, wanted).is_empty())
                    };
                    asks.active |= sets("active");
                    asks.members |= sets("members");
                }
                asks
            }
        }
    }
}

/// Whether a path, or a member's name that is a path, is of this attribute: `URN:name[filter].sub`, or
/// a part of that.
fn is_of(path: &str, wanted: &str) -> bool {
    let path = path.split('[').next().unwrap_or_default();
    let name = path.rsplit(':').next().unwrap_or_default();
    let name = name.split('.').next().unwrap_or_default().trim();
    name.eq_ignore_ascii_case(wanted)
}

/// The values that a body, or an operation's value, gives an attribute: its name may have a URN before
/// it, or stand in the object of a schema. Parsed JSON has a bounded depth, and so has this walk.
fn values_of<'a>(body: &'a Value, wanted: &str) -> Vec<&'a Value> {
    let mut found = vec![];
    let mut open = vec![body];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(all) => open.extend(all),
            Value::Object(members) => {
                for (name, value) in members {
                    if is_of(name, wanted) {
                        found.push(value);
                    } else if name.contains(':') {
                        open.push(value);
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// A member of an object; its name is compared without letter case.
fn named<'a>(value: &'a Value, wanted: &str) -> Option<&'a Value> {
    let mut members = value.as_object().into_iter().flatten();
    members.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// The event that holds a recorded request: the operation's intent, or the operation itself.
fn sent(store: &Store, seq: event::Seq) -> Option<Event> {
    let read = |seq| {
        let bytes = store.event_bytes(seq).ok().flatten()?;
        event::codec::decode(seq, &bytes, store.parts()).ok()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::numbers::GivenExternalId;

    #[test]
    fn a_creation_is_looked_up_by_its_surest_name() {
        use Attribute::{DisplayName, ExternalId, UserName};
        let user_name = || Some((UserName, "mira".to_owned()));
        let display_name = || Some((DisplayName, "Deck".to_owned()));
        let check = |name, external_id, expected: &[Attribute], surest| {
            let names = Names { name, external_id };
            let (method, stored_type) = (Method::Post, ResourceType::USER);
            let request = UpstreamRequest { method, stored_type, id: None, names, body: None };
            let lookups: Vec<_> = request.lookups().into_iter().map(|(one, _)| one).collect();
            assert_eq!(lookups, expected);
            assert_eq!(request.surest_name().map(|(one, _)| one), surest);
        };
        let own = || GivenExternalId::Given("7".to_owned());
        check(user_name(), own(), &[UserName, ExternalId], Some(ExternalId));
        check(display_name(), own(), &[ExternalId, DisplayName], Some(ExternalId));
        check(user_name(), GivenExternalId::Unusable, &[UserName], Some(UserName));
        check(None, own(), &[ExternalId], Some(ExternalId));
        check(None, GivenExternalId::Unusable, &[], None);
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
        check(Method::Delete, json!({"active": false}), false, false);
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        let qualified = json!({format!("{urn}:active"): false});
        let inside = json!({urn: {"Active": false}});
        let members = json!({format!("{urn}:members"): [{"value": "1"}]});
        for method in [Method::Post, Method::Put] {
            check(method, qualified.clone(), true, false);
            check(method, inside.clone(), true, false);
            check(method, members.clone(), false, true);
        }
        for path in ["", urn] {
            check(Method::Patch, patch(path, qualified.clone()), true, false);
            check(Method::Patch, patch(path, inside.clone()), true, false);
            check(Method::Patch, patch(path, members.clone()), false, true);
        }
        check(Method::Patch, patch("", json!({"members[value eq \"1\"]": null})), false, true);
        check(Method::Patch, patch("", json!({urn: {"title": "Mate"}})), false, false);
        // A more lenient reader may find anything in it.
        let odd = [json!([{"op": "replace", "path": "title"}]), json!("active"), Value::Null];
        for body in odd.into_iter().chain([json!({"Operations": {"path": "active"}}), json!({})]) {
            check(Method::Patch, body.clone(), true, true);
            if !body.is_object() {
                check(Method::Post, body.clone(), true, true);
                check(Method::Put, body.clone(), true, true);
            }
            check(Method::Delete, body, false, false);
        }
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
