//! Answers to reads, from one consistent view.

use event::{Attribute, Number, ResourceType, Route, Seq};
use projector::{ProjectorError, View, folded};
use scim::{Filter, ScimError};
use serde_json::{Value, json};
use store::key::Set;

use crate::address::Address;
use crate::context::{Context, stored_type};
use crate::cuts::{holds_token, percent_decode};
use crate::discovery;
use crate::outcome::{Outcome, Reply};
use crate::render::{self, Shown};

/// Resources in one page, when the client does not say; and at most.
const PAGE_DEFAULT: usize = 100;
pub(crate) const PAGE_MAX: usize = 1000;

/// A name by which a lookup found nobody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Missed {
    pub attribute: Attribute,
    pub value: String,
}

/// The answer to a read, and the name that it missed.
pub(crate) fn answer(
    view: &View<'_>,
    context: &Context,
    address: &Address,
    saw_seq: Option<Seq>,
) -> Result<(Outcome, Option<Missed>), ProjectorError> {
    let reading = Reading { view, context, address, saw_seq };
    let discovered = |found: Result<Value, ScimError>| match found {
        Ok(body) => {
            let reply = Reply { status: 200, body: Some(body), headers: vec![] };
            Outcome::read(reply, ResourceType::NONE, Number::NOBODY, saw_seq, 0)
        }
        Err(error) => reading.not_there(error, Number::NOBODY),
    };
    let id = address.id.as_deref();
    match address.route {
        Route::ServiceProviderConfig => {
            Ok((discovered(Ok(discovery::service_provider_config(context))), None))
        }
        Route::ResourceTypes => Ok((discovered(discovery::resource_types(context, id)), None)),
        Route::Schemas => Ok((discovered(discovery::schemas(context, id)), None)),
        Route::Resource => Ok((reading.one()?, None)),
        Route::Collection => reading.list(),
        // Refused before it comes here.
        Route::Unknown => Ok((discovered(Err(ScimError::not_found("no such address"))), None)),
    }
}

struct Reading<'a> {
    view: &'a View<'a>,
    context: &'a Context,
    address: &'a Address,
    saw_seq: Option<Seq>,
}

impl Reading<'_> {
    fn stored_type(&self) -> ResourceType {
        self.address.resource_type.as_deref().map_or(ResourceType::NONE, stored_type)
    }

    /// A read that found nothing was not refused: it is still a read.
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
        let Some(number) = number else {
            return Ok(self.not_there(no_such(stored_type), Number::NOBODY));
        };
        let version = self.view.version(self.context.application, number, View::NOW)?;
        let shown = version.as_ref().and_then(|version| Shown::of(self.context, number, version));
        let Some(shown) = shown else { return Ok(self.not_there(no_such(stored_type), number)) };
        let reply = Reply {
            status: 200,
            body: Some(render::whole(self.view, self.context, &shown)?),
            headers: vec![
                ("etag", shown.version()),
                ("location", self.context.location(shown.resource_type, shown.id())),
            ],
        };
        Ok(Outcome::read(reply, stored_type, number, self.saw_seq, 1))
    }

    fn list(&self) -> Result<(Outcome, Option<Missed>), ProjectorError> {
        let stored_type = self.stored_type();
        let refused = |error| Ok((Outcome::refused(error, stored_type, Number::NOBODY), None));
        let Some(resource_type) = self.context.resource_type(stored_type) else {
            return refused(no_such(stored_type));
        };
        let query = match ListQuery::parse(&self.address.query) {
            Ok(query) => query,
            Err(error) => return refused(error),
        };
        let filter = match &query.filter {
            None => None,
            Some(text) if holds_token(text) => {
                // A lookup that finds nobody mentions its literal, and a token is no mention.
                return refused(ScimError::invalid_filter("the filter holds a secret token"));
            }
            Some(text) => match Filter::parse(text, Some(resource_type), self.context.registry) {
                Ok(filter) => Some(filter),
                Err(error) => return refused(error),
            },
        };
        let lookup = filter.as_ref().and_then(indexed);
        let candidates = match &lookup {
            Some((attribute, value)) => self.find(stored_type, *attribute, value)?,
            None => self.all(stored_type)?,
        };
        let matching = match &filter {
            None => candidates,
            Some(filter) => self.matching(resource_type, filter, candidates)?,
        };

        let total = matching.len();
        let page = matching.iter().skip(query.start_index - 1).take(query.count);
        let mut resources = Vec::new();
        for number in page {
            let version = self.view.version(self.context.application, *number, View::NOW)?;
            let shown =
                version.as_ref().and_then(|version| Shown::of(self.context, *number, version));
            if let Some(shown) = shown {
                resources.push(render::whole(self.view, self.context, &shown)?);
            }
        }
        let results = resources.len() as u32;
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": query.start_index,
            "itemsPerPage": results,
            "Resources": resources,
        });
        let reply = Reply { status: 200, body: Some(body), headers: vec![] };
        let number = match (&lookup, matching.as_slice()) {
            (Some(_), [one]) => *one,
            _ => Number::NOBODY,
        };
        let missed = lookup
            .filter(|_| total == 0)
            .map(|(attribute, value)| Missed { attribute, value: value.to_owned() });
        Ok((Outcome::read(reply, stored_type, number, self.saw_seq, results), missed))
    }

    /// All living resources of a type in the order in which they were created.
    fn all(&self, stored_type: ResourceType) -> Result<Vec<Number>, ProjectorError> {
        let set = Set::Existing(stored_type);
        let mut existing = self.view.members(self.context.application, set, View::NOW)?;
        existing.sort_by_key(|standing| (standing.since, standing.member));
        Ok(existing.into_iter().map(|standing| standing.member).collect())
    }

    fn find(
        &self,
        stored_type: ResourceType,
        attribute: Attribute,
        value: &str,
    ) -> Result<Vec<Number>, ProjectorError> {
        let application = self.context.application;
        if attribute == Attribute::Id {
            let number = self.view.number_of_id(application, stored_type, value)?;
            return Ok(number.into_iter().collect());
        }
        self.view.lookup(application, stored_type, attribute, &folded(attribute, value))
    }

    fn matching(
        &self,
        resource_type: &scim::ResourceType,
        filter: &Filter,
        candidates: Vec<Number>,
    ) -> Result<Vec<Number>, ProjectorError> {
        let mut matching = Vec::new();
        for number in candidates {
            let version = self.view.version(self.context.application, number, View::NOW)?;
            let Some(version) = version else { continue };
            let Some(shown) = Shown::of(self.context, number, &version) else { continue };
            let Value::Object(whole) = render::whole(self.view, self.context, &shown)? else {
                continue;
            };
            if filter.matches(resource_type, self.context.registry, &whole) {
                matching.push(number);
            }
        }
        Ok(matching)
    }
}

fn no_such(stored_type: ResourceType) -> ScimError {
    let name = if stored_type == ResourceType::GROUP { "group" } else { "user" };
    ScimError::not_found(format!("no {name} with this id exists in this application"))
}

/// The attribute and the value of a filter that an index answers.
fn indexed(filter: &Filter) -> Option<(Attribute, &str)> {
    let (path, value) = filter.as_equality()?;
    if path.schema.is_some() || path.sub.is_some() {
        return None;
    }
    let attributes =
        [Attribute::Id, Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName];
    let attribute = attributes.into_iter().find(|attribute| attribute.name() == path.attribute)?;
    Some((attribute, value))
}

/// The parameters of a list (RFC 7644 §3.4.2). Unknown ones are passed over: an identity provider
/// may add its own to every address.
struct ListQuery {
    filter: Option<String>,
    start_index: usize,
    count: usize,
}

impl ListQuery {
    fn parse(query: &str) -> Result<ListQuery, ScimError> {
        let mut parsed = ListQuery { filter: None, start_index: 1, count: PAGE_DEFAULT };
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode(value);
            let number = |name: &str| {
                value.trim().parse::<i64>().map_err(|_| {
                    ScimError::invalid_value(format!("the parameter {name} must be an integer"))
                })
            };
            match percent_decode(name).to_lowercase().as_str() {
                "filter" => parsed.filter = Some(value).filter(|text| !text.trim().is_empty()),
                "startindex" => {
                    let index = number("startIndex")?.max(1);
                    parsed.start_index = usize::try_from(index).unwrap_or(usize::MAX);
                }
                "count" => {
                    let count = number("count")?.max(0);
                    parsed.count = usize::try_from(count).unwrap_or(usize::MAX).min(PAGE_MAX);
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_parameters_are_lenient_in_range_and_strict_in_kind() {
        let check = |query: &str, start_index: usize, count: usize| {
            let parsed = ListQuery::parse(query).unwrap();
            assert_eq!((parsed.start_index, parsed.count), (start_index, count), "{query}");
        };
        check("", 1, 100);
        check("startIndex=0&count=-4", 1, 0);
        check("STARTINDEX=7&Count=5000", 7, 1000);
        check("aadOptscim062020&x=y", 1, 100);
        assert!(ListQuery::parse("count=many").is_err());
    }

    #[test]
    fn only_whole_lookups_are_answered_by_an_index() {
        let check = |text: &str, expected: Option<(Attribute, &str)>| {
            let rt = scim::Registry::core().resource_type("User").unwrap();
            let filter = Filter::parse(text, Some(rt), scim::Registry::core()).unwrap();
            assert_eq!(indexed(&filter), expected, "{text}");
        };
        check(r#"USERNAME Eq "m""#, Some((Attribute::UserName, "m")));
        check(r#"externalId eq "7""#, Some((Attribute::ExternalId, "7")));
        check(r#"userName sw "m""#, None);
        check(r#"name.givenName eq "m""#, None);
        check(r#"userName eq "m" and active eq true"#, None);
    }
}
