//! Bulk (RFC 7644 §3.7): operations are carried out one after the other. Each has its own event, with
//! the request's id and the operation's index. There is no transaction: what was done before a failure
//! stays done.
//!
//! An operation runs after those that create the resources it refers to by `bulkId`. If references form
//! a circle, the first resource is created without them and gets them by a change once the others
//! exist; that change is one more event with the same index.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::{Content, Effect, Method, Number, ResourceType};
use scim::{BulkMethod, BulkOperation, BulkRequest, PatchOp, PatchOperation, ScimError, Selection};
use serde_json::{Map, Value, json};

use crate::address::Address;
use crate::conditions::Conditions;
use crate::context::Context;
use crate::cuts;
use crate::decide::{Intent, Write};
use crate::http::ambiguous;
use crate::http::provider::Ingest;
use crate::http::submission::Submission;
use crate::http::understand::{intent, refusal, selection};
use crate::limits::TARGET_BYTES_MAX;
use crate::outcome::{Body, Outcome, Reply};
use crate::record::{Arrival, ReceivedBody};

/// A Bulk request that can be carried out.
pub(crate) struct Bulk {
    pub context: Context,
    pub address: Address,
    pub request: BulkRequest,
}

/// The result of one operation.
struct Done {
    reply: Reply,
    location: Option<String>,
}

impl Done {
    fn succeeded(&self) -> bool {
        self.reply.status < 400
    }
}

/// The state of a Bulk request while its operations are carried out.
struct BulkRun<'a> {
    ingest: &'a Arc<Ingest>,
    arrival: &'a Arrival,
    context: &'a Context,
    address: &'a Address,
    /// The operations; those carried out have lost their data.
    operations: Vec<BulkOperation>,
    /// Which operation creates the resource of a `bulkId`.
    makers: BTreeMap<String, usize>,
    /// The ids of the created resources, by `bulkId`.
    made: BTreeMap<String, String>,
    done: BTreeMap<usize, Done>,
}

/// Carries out the operations. The answer lists their results in the order of the request.
pub(crate) async fn carry_out(ingest: &Arc<Ingest>, arrival: &Arrival, bulk: Bulk) -> Reply {
    let Bulk { context, address, request } = bulk;
    let order = request.order();
    let makers = request.operations.iter().enumerate().filter_map(|(place, one)| {
        let makes = one.verb == Some(BulkMethod::Post) && one.problem.is_none();
        one.bulk_id.clone().filter(|_| makes).map(|bulk_id| (bulk_id, place))
    });
    let makers = makers.collect();
    let mut run = BulkRun {
        ingest,
        arrival,
        context: &context,
        address: &address,
        operations: request.operations,
        makers,
        made: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    let mut held_back: Vec<(usize, Value)> = Vec::new();
    let mut errors = 0;
    for place in order {
        if request.fail_on_errors.is_some_and(|most| errors >= most) {
            run.skip(place).await;
            continue;
        }
        let (done, later) = run.one(place).await;
        errors += usize::from(!done.succeeded());
        held_back.extend(later.filter(|_| done.succeeded()).map(|value| (place, value)));
        run.done.insert(place, done);
    }
    for (place, value) in held_back {
        run.complete(place, &value).await;
    }
    let results: Vec<Value> =
        run.done.iter().map(|(place, done)| result(&run.operations[*place], done)).collect();
    Reply::json(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": results,
    }))
}

impl BulkRun<'_> {
    /// Carries out one operation. Returns the part of its data that refers to resources that do not
    /// exist yet.
    async fn one(&mut self, place: usize) -> (Done, Option<Value>) {
        let made = &self.made;
        let resolved = self.operations[place].resolve(&|bulk_id| made.get(bulk_id).cloned());
        let operation = &self.operations[place];
        let address = self.address.of_operation(&resolved.path, self.context.registry());
        let arrival = self.arrival_of(place, operation, &address, resolved.data.as_ref());
        // A reference can wait only for a resource that is still to be created.
        let never = resolved.unresolved.iter().find(|bulk_id| !self.is_coming(bulk_id));
        let is_post = operation.verb == Some(BulkMethod::Post);
        let is_lost = never.is_some() || (!is_post && !resolved.unresolved.is_empty());
        let problem = operation.problem.clone().or_else(|| is_lost.then(unresolvable));
        let prepared = match problem {
            Some(problem) => Err(problem),
            None => self.prepare(&arrival, &address, operation),
        };
        let submission = match prepared {
            Ok((resource_type, conditions, selection)) => {
                let (context, method, id) = (self.context, arrival.method, address.id.clone());
                Submission::Write(Box::new(Write {
                    context: context.clone(),
                    resource_type: arrival.resource_type,
                    intent: intent(context, resource_type, method, id, Ok(resolved.data)),
                    conditions,
                    selection,
                }))
            }
            Err(error) => {
                let whom = (address.id.clone(), resolved.data.as_ref());
                self.refuse(&arrival, whom, error, Effect::Rejected)
            }
        };
        let arrival_type = arrival.resource_type;
        let (reply, _) = self.ingest.record(arrival, submission).await;
        let location = header(&reply, "location").map(str::to_owned).or_else(|| {
            // RFC 7644 §3.7 requires a location of all but a failed POST; the path has the id.
            let named = self.context.resource_type(arrival_type).zip(address.id.as_deref());
            named.map(|(resource_type, id)| {
                self.context.location(resource_type, &cuts::percent_encode(id))
            })
        });
        if let (true, Some(bulk_id), Some(location)) =
            (is_post && reply.status < 400, &operation.bulk_id, &location)
        {
            let id = location.rsplit('/').next().unwrap_or_default();
            self.made.insert(bulk_id.clone(), id.to_owned());
        }
        (Done { reply, location }, resolved.held_back)
    }

    /// Whether an operation that is still to run creates the resource of a `bulkId`.
    fn is_coming(&self, bulk_id: &str) -> bool {
        self.makers.get(bulk_id).is_some_and(|place| !self.done.contains_key(place))
    }

    /// Checks an operation's path and method, and reads its version and selection.
    fn prepare(
        &self,
        arrival: &Arrival,
        address: &Address,
        operation: &BulkOperation,
    ) -> Result<(&scim::ResourceType, Conditions, Selection), ScimError> {
        if ambiguous::has_dot_segment(&address.target) {
            return Err(ambiguous::dot_segment());
        }
        let resource_type = self.context.resource_type(arrival.resource_type);
        let writable = matches!(address.route, event::Route::Collection | event::Route::Resource);
        let Some(resource_type) = resource_type.filter(|_| writable) else {
            return Err(ScimError::not_found("no resource has this path; see /ResourceTypes"));
        };
        if !address.allows(arrival.method) || arrival.method == Method::Get {
            let detail = "this method cannot be used on this path";
            return Err(ScimError::new(405, None, detail));
        }
        let conditions = Conditions::of_version(operation.version.as_deref())?;
        Ok((resource_type, conditions, selection(address)?))
    }

    /// Refuses an operation; the committer only finds its subject.
    fn refuse(
        &self,
        arrival: &Arrival,
        (id, data): (Option<String>, Option<&Value>),
        error: ScimError,
        effect: Effect,
    ) -> Submission {
        let (context, resource_type) = (self.context, arrival.resource_type);
        if context.resource_type(resource_type).is_none() {
            let mut outcome = Outcome::refused(error, resource_type, Number::NOBODY);
            outcome.effect = effect;
            return Submission::Answered(Box::new(outcome));
        }
        let whom = (id, data);
        let intent = refusal(context, resource_type, arrival.method, whom, error, effect);
        Submission::Write(Box::new(Write {
            context: context.clone(),
            resource_type,
            intent,
            conditions: Conditions::default(),
            selection: Selection::Default,
        }))
    }

    /// The arrival of one operation, as if it were a request of its own.
    fn arrival_of(
        &self,
        place: usize,
        operation: &BulkOperation,
        address: &Address,
        data: Option<&Value>,
    ) -> Arrival {
        let catalog = &self.context.catalog;
        let resource_type = address.resource_type.as_deref();
        let (method, method_name) = match operation.verb {
            Some(BulkMethod::Post) => (Method::Post, None),
            Some(BulkMethod::Put) => (Method::Put, None),
            Some(BulkMethod::Patch) => (Method::Patch, None),
            Some(BulkMethod::Delete) => (Method::Delete, None),
            None => (Method::Other, Some(operation.method.chars().take(32).collect())),
        };
        let body = data.map(|data| {
            let text = canonical::json(data);
            let cut = cuts::cut_body(&text, catalog.secrets()).into_owned();
            ReceivedBody::Stored(self.ingest.committer.gate().passed(Content::Body(cut)))
        });
        Arrival {
            route: address.route,
            resource_type: resource_type
                .map_or(ResourceType::NONE, |name| catalog.stored_type(name)),
            method,
            method_name,
            target: cuts::cut_target(&address.target, catalog.secrets(), &[], TARGET_BYTES_MAX),
            body: body.unwrap_or(ReceivedBody::None),
            index: u32::try_from(place).unwrap_or(u32::MAX),
            watch: self.arrival.watch,
            application: self.arrival.application,
            origin: self.arrival.origin.clone(),
        }
    }

    /// Records an operation that is skipped because `failOnErrors` was reached.
    async fn skip(&self, place: usize) {
        let operation = &self.operations[place];
        let address = self.address.of_operation(&operation.path, self.context.registry());
        let arrival = self.arrival_of(place, operation, &address, operation.data.as_ref());
        let detail = "not carried out: the request's failOnErrors was reached before";
        let error = ScimError::new(424, None, detail);
        let whom = (address.id.clone(), operation.data.as_ref());
        let submission = self.refuse(&arrival, whom, error, Effect::Skipped);
        self.ingest.record(arrival, submission).await;
    }

    /// Adds the references that were held back when a resource was created, now that the others exist.
    /// If one does not, the resource stays without them and its operation fails.
    async fn complete(&mut self, place: usize, held_back: &Value) {
        let made = &self.made;
        let (value, missing) =
            scim::resolve_value(held_back, &|bulk_id| made.get(bulk_id).cloned());
        let Some(location) = self.done.get(&place).and_then(|done| done.location.clone()) else {
            return;
        };
        let id = location.rsplit('/').next().unwrap_or_default().to_owned();
        let operation = &self.operations[place];
        // Use the location: the operation's own path may end in a slash or a query.
        let path = location.strip_prefix(&*self.context.base_url).unwrap_or_default();
        let address = self.address.of_operation(path, self.context.registry());
        let mut arrival = self.arrival_of(place, operation, &address, Some(&value));
        arrival.method = Method::Patch;
        let submission = if missing.is_empty() {
            let add = PatchOperation { op: PatchOp::Add, path: None, value: Some(value) };
            Submission::Write(Box::new(Write {
                context: self.context.clone(),
                resource_type: arrival.resource_type,
                conditions: Conditions::default(),
                selection: Selection::Default,
                intent: Intent::Patch { id, operations: vec![add] },
            }))
        } else {
            let whom = (Some(id), None);
            self.refuse(&arrival, whom, unresolvable(), Effect::Rejected)
        };
        let (mut reply, _) = self.ingest.record(arrival, submission).await;
        if let Some(done) = self.done.get_mut(&place) {
            if reply.status < 400 {
                // To the client, creating and changing it are one operation: keep the status of the
                // creation.
                reply.status = done.reply.status;
            }
            done.reply = reply;
        }
    }
}

fn unresolvable() -> ScimError {
    let detail = "a bulkId that this operation refers to stands for no resource, because the \
                  operation that should make it failed or is not there";
    ScimError::new(409, None, detail)
}

/// One operation of a BulkResponse.
fn result(operation: &BulkOperation, done: &Done) -> Value {
    let mut out = Map::new();
    out.insert("method".to_owned(), operation.method.clone().into());
    if let Some(bulk_id) = &operation.bulk_id {
        out.insert("bulkId".to_owned(), bulk_id.clone().into());
    }
    if let Some(location) = &done.location {
        out.insert("location".to_owned(), location.clone().into());
    }
    if let Some(version) = header(&done.reply, "etag") {
        out.insert("version".to_owned(), version.into());
    }
    out.insert("status".to_owned(), done.reply.status.to_string().into());
    if let (false, Body::Json(error)) = (done.succeeded(), &done.reply.body) {
        let error = serde_json::from_slice(error).unwrap_or(Value::Null);
        out.insert("response".to_owned(), error);
    }
    Value::Object(out)
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str())
}
