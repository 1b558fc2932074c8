//! Answers to reads, from one consistent view.

use event::{Number, ResourceType, Route, Seq, Timestamp};
use projector::{ProjectorError, View};
use scim::{CursorKey, FilterOnDiscovery, ScimError, SearchRequest};
use serde_json::Value;

use crate::address::Address;
use crate::conditions::Conditions;
use crate::context::Context;
use crate::discovery;
use crate::errors::no_such;
use crate::list::{FailedLookup, Found, Query};
use crate::outcome::{Body, Outcome, Reply, Stop};
use crate::render::Renderer;

/// A read, and the view from which it is answered.
pub(crate) struct Reading<'a> {
    pub view: &'a View<'a>,
    pub context: &'a Context,
    pub address: &'a Address,
    pub request: &'a SearchRequest,
    pub conditions: &'a Conditions,
    pub key: &'a CursorKey,
    /// The last event that the view knows.
    pub saw_seq: Option<Seq>,
    pub now: Timestamp,
}

/// An answer, and the name by which a lookup found nobody.
pub(crate) type Answered = (Outcome, Option<FailedLookup>);

impl Reading<'_> {
    /// The answer.
    pub(crate) fn answer(&self) -> Result<Answered, ProjectorError> {
        let id = self.address.id.as_deref();
        let outcome = match self.address.route {
            Route::ServiceProviderConfig => {
                self.discovered(|| Ok(discovery::service_provider_config(self.context)))
            }
            Route::ResourceTypes => self.discovered(|| discovery::resource_types(self.context, id)),
            Route::Schemas => self.discovered(|| discovery::schemas(self.context, id)),
            Route::Resource => self.one()?,
            Route::Collection | Route::Root | Route::Search => {
                return self.listed(self.query().answer());
            }
            // Refused before they come here.
            Route::Unknown | Route::Bulk | Route::Me => {
                self.not_there(ScimError::not_found("no such address"), Number::NOBODY)
            }
        };
        Ok((outcome, None))
    }

    fn stored_type(&self) -> ResourceType {
        let name = self.address.resource_type.as_deref();
        name.map_or(ResourceType::NONE, |name| self.context.catalog.stored_type(name))
    }

    /// RFC 7644 §4 says to refuse a filter on discovery, so that no client takes the answer for
    /// filtered; most clients expect it to be ignored.
    fn discovered(&self, make: impl FnOnce() -> Result<Value, ScimError>) -> Outcome {
        let refuses = self.context.settings.filter_on_discovery == FilterOnDiscovery::Refuse;
        if refuses && self.request.filter.is_some() {
            let error = ScimError::new(
                403,
                None,
                "discovery cannot be filtered: send the request without a filter",
            );
            return Outcome::refused(error, ResourceType::NONE, Number::NOBODY);
        }
        match make() {
            Ok(body) => {
                let mut reply = Reply::json(&body);
                if let Some(location) = body["meta"]["location"].as_str() {
                    reply.headers.push(("content-location", location.to_owned()));
                }
                Outcome::read(reply, ResourceType::NONE, Number::NOBODY, self.saw_seq, 0)
            }
            Err(error) => self.not_there(error, Number::NOBODY),
        }
    }

    /// A 404 that is recorded as a read, not as a refusal.
    fn not_there(&self, error: ScimError, number: Number) -> Outcome {
        let reply = Reply::error(&error);
        let mut outcome = Outcome::read(reply, self.stored_type(), number, self.saw_seq, 0);
        outcome.error = Some(error);
        outcome
    }

    fn one(&self) -> Result<Outcome, ProjectorError> {
        let stored_type = self.stored_type();
        let id = self.address.id.as_deref().unwrap_or_default();
        let number = self.view.number_of_id(self.context.application, stored_type, id)?;
        let renderer = Renderer { view: self.view, context: self.context, seq: View::NOW };
        let living = match number {
            Some(number) => renderer.living(number)?,
            None => None,
        };
        let shown = living.and_then(|living| {
            let catalog = &self.context.catalog;
            let projection = catalog.projection(stored_type, &self.request.selection)?;
            Some((living, projection))
        });
        let Some((living, projection)) = shown else {
            let name = self.address.resource_type.as_deref().unwrap_or("resource");
            return Ok(self.not_there(no_such(name), number.unwrap_or(Number::NOBODY)));
        };
        let etag = living.etag();
        if let Err(error) = self.conditions.check_match(&etag) {
            return Ok(Outcome::refused(error, stored_type, living.number));
        }
        // The version does not cover what is derived from other resources.
        let known =
            self.conditions.is_known(&etag) && !renderer.shows_derived(&living, &projection);
        let mut reply = Reply::empty(if known { 304 } else { 200 });
        if !known {
            reply.body = Body::Json(renderer.bytes(&living, &projection)?);
        }
        reply.headers = vec![
            ("etag", etag),
            ("location", self.context.location(living.resource_type, &living.id())),
        ];
        Ok(Outcome::read(reply, stored_type, living.number, self.saw_seq, u32::from(!known)))
    }

    /// The answer to a query that takes only a few rows; `None` for others.
    pub(crate) fn lookup(&self) -> Result<Option<Answered>, ProjectorError> {
        let found = self.query().answer_few().transpose();
        found.map(|found| self.listed(found)).transpose()
    }

    fn query(&self) -> Query<'_> {
        let types = match self.stored_type() {
            ResourceType::NONE => self.context.stored_types().collect(),
            one => vec![one],
        };
        Query {
            view: self.view,
            context: self.context,
            types,
            request: self.request,
            key: self.key,
            seq: self.saw_seq.unwrap_or_default(),
            now: self.now,
        }
    }

    fn listed(&self, found: Result<Found, Stop>) -> Result<Answered, ProjectorError> {
        let stored_type = self.stored_type();
        match found {
            Ok(found) => {
                let reply = Reply { body: Body::Json(found.body), ..Reply::empty(200) };
                let outcome =
                    Outcome::read(reply, stored_type, found.number, self.saw_seq, found.results);
                Ok((outcome.flagged(found.flags), found.failed_lookup))
            }
            Err(Stop::Refused(error, number)) => {
                Ok((Outcome::refused(error, stored_type, number), None))
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}
