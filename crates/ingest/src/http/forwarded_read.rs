//! What the answer to a forwarded read shows of the upstream's state.

use std::sync::Arc;

use event::{ResourceType, Route};
use projector::View;
use scim::Filter;
use serde_json::Value;

use crate::address::Address;
use crate::decide::ObservedResource;
use crate::http::forward::SentRequest;
use crate::http::provider::Ingest;
use crate::list::lookup;
use crate::members::is_same_id;
use crate::proxy::observe::{UpstreamState, is_partial_of_deleted, shows_less};
use crate::proxy::{derive, probe};
use crate::record::Arrival;

impl SentRequest {
    /// The resources that the answer to a read shows.
    pub(super) fn states(
        &self,
        ingest: &Arc<Ingest>,
        arrival: &Arrival,
        value: &Value,
        is_whole: bool,
    ) -> Vec<(ResourceType, UpstreamState)> {
        let is_list = match arrival.route {
            Route::Collection | Route::Root | Route::Search => true,
            Route::Resource => false,
            _ => return vec![],
        };
        let empty = Vec::new();
        let shown = match is_list {
            true => value.get("Resources").and_then(Value::as_array).unwrap_or(&empty),
            false => std::slice::from_ref(value),
        };
        let states: Vec<_> = shown
            .iter()
            .filter_map(|one| {
                let stored_type = self.type_of(arrival, one);
                let seen = derive::observed_resource(
                    &self.context,
                    &self.upstream,
                    stored_type,
                    one,
                    is_whole,
                )?;
                // Ignore an answer about another resource than the requested one.
                let is_asked_for = is_list
                    || self
                        .address
                        .id
                        .as_ref()
                        .is_none_or(|id| is_same_id(&self.context, id, &seen.id));
                let seen = match is_list && is_whole {
                    true => {
                        self.partial_if_less(ingest, stored_type, (seen, one), shown.len() == 1)
                    }
                    false => seen,
                };
                if is_asked_for && self.is_partial_of_deleted(ingest, stored_type, &seen) {
                    ingest.confirm(&self.context, stored_type, &seen.id);
                }
                is_asked_for.then(|| (stored_type, UpstreamState::Resource(Box::new(seen))))
            })
            .collect();
        match states.is_empty() && is_list {
            true => self.lookup_without_match(arrival, value),
            false => states,
        }
    }

    /// Marks a listed resource as partial if the list shows less than the record has. A resource that
    /// was looked up `alone` is then requested by id; for a page that would take many requests.
    fn partial_if_less(
        &self,
        ingest: &Arc<Ingest>,
        stored_type: ResourceType,
        (seen, shown): (ObservedResource, &Value),
        alone: bool,
    ) -> ObservedResource {
        let shows_less = {
            let snapshot = ingest.committer.store().snapshot();
            let view = View::new(&snapshot);
            shows_less(&self.context, stored_type, (&seen, shown), &view)
        };
        // If rows cannot be read, the decision reports it.
        if !shows_less.unwrap_or_default() {
            return seen;
        }
        if alone {
            ingest.confirm(&self.context, stored_type, &seen.id);
        }
        seen.into_partial()
    }

    /// Whether a partial view shows a resource that is on record as deleted.
    fn is_partial_of_deleted(
        &self,
        ingest: &Ingest,
        stored_type: ResourceType,
        seen: &ObservedResource,
    ) -> bool {
        if seen.is_whole {
            return false;
        }
        let snapshot = ingest.committer.store().snapshot();
        let view = View::new(&snapshot);
        // If rows cannot be read, the decision reports it.
        is_partial_of_deleted(&self.context, stored_type, seen, &view).unwrap_or_default()
    }

    fn type_of(&self, arrival: &Arrival, shown: &Value) -> ResourceType {
        if arrival.resource_type != ResourceType::NONE {
            return arrival.resource_type;
        }
        let name = shown.pointer("/meta/resourceType").and_then(Value::as_str);
        name.map_or(ResourceType::NONE, |name| self.context.catalog.stored_type(name))
    }

    /// The observation that a lookup found nobody, if the request was a lookup.
    fn lookup_without_match(
        &self,
        arrival: &Arrival,
        value: &Value,
    ) -> Vec<(ResourceType, UpstreamState)> {
        let stored_type = arrival.resource_type;
        let resource_type = self.context.catalog.resource_type(stored_type);
        let parameters = self.address.parameters();
        let filter = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("filter"));
        let is_empty = value.get("totalResults").and_then(Value::as_u64) == Some(0);
        let (Some((_, text)), Some(resource_type), true) = (filter, resource_type, is_empty) else {
            return vec![];
        };
        let parsed = Filter::parse(text, Some(resource_type), self.context.registry()).ok();
        match parsed.as_ref().and_then(lookup) {
            Some(failed_lookup) => {
                let (attribute, value) = (failed_lookup.attribute, failed_lookup.value);
                vec![(stored_type, UpstreamState::NoMatch { attribute, value })]
            }
            None => vec![],
        }
    }

    /// What a 404 says about the resource of the address. One without a SCIM error may come from a load
    /// balancer or a wrong path, so the recorder asks again.
    pub(super) fn not_found(
        &self,
        ingest: &Arc<Ingest>,
        arrival: &Arrival,
        parsed: Option<&Value>,
    ) -> Vec<(ResourceType, UpstreamState)> {
        let stored_type = arrival.resource_type;
        // If we replaced the id by the one on record, the upstream did not look for that one.
        let sent = Address::of_target(&self.address.target, self.context.registry());
        let is_as_sent = [sent.id, sent.raw_id].contains(&self.address.id);
        match (&self.address.id, arrival.route) {
            (Some(id), Route::Resource) if is_as_sent && probe::is_not_found(parsed) => {
                vec![(stored_type, UpstreamState::Gone { id: id.clone() })]
            }
            (Some(id), Route::Resource) => {
                let snapshot = ingest.committer.store().snapshot();
                let number =
                    View::new(&snapshot).number_of_id(self.context.application, stored_type, id);
                if let Ok(Some(_)) = number {
                    ingest.confirm(&self.context, stored_type, id);
                }
                vec![]
            }
            _ => vec![],
        }
    }
}
