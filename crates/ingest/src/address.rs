//! What a SCIM address names: the application, the route, the resource.

use event::{Method, Route};
use percent_encoding::percent_decode_str;
use scim::Registry;

use crate::cuts::{percent_bytes, percent_decode};

/// The parts of a SCIM address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    /// The application's slug, as it was sent.
    pub slug: String,
    /// Path below the application's base, and query; as sent.
    pub target: String,
    /// The query alone, as sent.
    pub query: String,
    /// Which template the path fits.
    pub route: Route,
    /// The name of the resource type that the path names.
    pub resource_type: Option<String>,
    /// The last segment: a resource's id, or one resource type or schema.
    pub id: Option<String>,
    /// The id before percent-decoding, if that differs: some clients do not encode ids, so `%2F` may be
    /// part of the id itself.
    pub raw_id: Option<String>,
}

const PREFIX: &str = "/apps/";
const BASE: &str = "/scim/v2";

impl Address {
    /// Parses the address of a request. Segments are compared without letter case, since clients
    /// differ.
    pub(crate) fn parse(path: &str, query: Option<&str>, registry: &Registry) -> Address {
        let below = path.strip_prefix(PREFIX).unwrap_or_default();
        let (slug, below) = below.split_once('/').unwrap_or((below, ""));
        // The router sends only paths below this base.
        let below = below.get(BASE.len() - 1..).unwrap_or_default();
        Address::below(percent_decode(slug), below, query.unwrap_or_default(), registry)
    }

    /// Parses the path of a Bulk operation, which is relative to the base (RFC 7644 §3.7).
    pub(crate) fn of_operation(&self, path: &str, registry: &Registry) -> Address {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Address::below(self.slug.clone(), path, query, registry)
    }

    /// Parses the path and query of a recorded request, which are relative to the base.
    pub(crate) fn of_target(target: &str, registry: &Registry) -> Address {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Address::below(String::new(), path, query, registry)
    }

    fn below(slug: String, path: &str, query: &str, registry: &Registry) -> Address {
        let target = match query {
            "" if path.is_empty() => "/".to_owned(),
            "" => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        let mut address = Address {
            slug,
            target,
            query: query.to_owned(),
            route: Route::Unknown,
            resource_type: None,
            id: None,
            raw_id: None,
        };
        // One trailing slash is forgiven: some clients join their addresses with one.
        let trimmed = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
        address.route(&segments, registry);
        address
    }

    /// The query's parameters, decoded, in order.
    ///
    /// If the query holds `%20` anywhere, `+` means a plus (RFC 3986); otherwise `+` means a space, as
    /// in HTML forms.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let decode = match self.query.contains("%20") {
            true => percent_decode_path,
            false => percent_decode,
        };
        self.encoded().map(|(name, value)| (decode(name), decode(value))).collect()
    }

    /// Whether a parameter of this name decodes to bytes that are not UTF-8 (RFC 3986 §2.5). Read as
    /// text it would change its meaning.
    pub(crate) fn is_garbled(&self, wanted: &str) -> bool {
        let is_text = |text: &str| std::str::from_utf8(&percent_bytes(text)).is_ok();
        let mut wanted =
            self.encoded().filter(|(name, _)| percent_decode(name).eq_ignore_ascii_case(wanted));
        wanted.any(|(_, value)| !is_text(value))
    }

    /// The parameters of the query as they were sent.
    fn encoded(&self) -> impl Iterator<Item = (&str, &str)> {
        let (flag, rest) = split_flag(&self.query);
        let parameters = std::iter::once(flag).chain(rest.split('&'));
        let parameters = parameters.filter(|one| !one.is_empty());
        parameters.map(|one| one.split_once('=').unwrap_or((one, "")))
    }

    fn route(&mut self, segments: &[&str], registry: &Registry) {
        let [first, rest @ ..] = segments else {
            self.route = Route::Root;
            return;
        };
        let segment = first.to_lowercase();
        if let Some(resource_type) = registry.resource_type_at(&segment) {
            match rest {
                [] => self.route = Route::Collection,
                [search] if search.eq_ignore_ascii_case(".search") => self.route = Route::Search,
                [id] => {
                    self.route = Route::Resource;
                    let decoded = percent_decode_path(id);
                    self.raw_id = (decoded != *id).then(|| (*id).to_owned());
                    self.id = Some(decoded);
                }
                _ => return,
            }
            self.resource_type = Some(resource_type.name.clone());
            return;
        }
        self.route = match (segment.as_str(), rest) {
            // The alias is what a widely used collection of client requests asks for.
            ("serviceproviderconfig" | "serviceconfiguration", []) => Route::ServiceProviderConfig,
            ("resourcetypes", [] | [_]) => Route::ResourceTypes,
            ("schemas", [] | [_]) => Route::Schemas,
            ("bulk", []) => Route::Bulk,
            (".search", []) => Route::Search,
            ("me", _) => Route::Me,
            _ => Route::Unknown,
        };
        if matches!(self.route, Route::ResourceTypes | Route::Schemas) {
            self.id = rest.first().map(|id| percent_decode_path(id));
        }
    }

    /// The methods that the route understands, as an `Allow` header lists them.
    pub(crate) fn allowed(&self) -> &'static str {
        match self.route {
            Route::Unknown | Route::Me => "",
            Route::Root => "GET, HEAD",
            Route::Search | Route::Bulk => "POST",
            Route::Collection => "GET, HEAD, POST",
            Route::Resource => "GET, HEAD, PUT, PATCH, DELETE",
            Route::ServiceProviderConfig | Route::ResourceTypes | Route::Schemas => "GET, HEAD",
        }
    }

    /// Whether the route understands a method.
    pub(crate) fn allows(&self, method: Method) -> bool {
        self.allowed().split(", ").any(|allowed| allowed == method.name())
    }
}

/// Splits a query such as `aadOptscim062020?filter=…` into the flag of the tenant URL and the query
/// that the client appended with a second question mark. Elsewhere a question mark is an ordinary
/// character (RFC 3986 §3.4).
fn split_flag(query: &str) -> (&str, &str) {
    let end = query.find(['=', '&', '?']).filter(|at| query[*at..].starts_with('?'));
    end.map_or(("", query), |at| (&query[..at], &query[at + 1..]))
}

/// Decodes `%XX` in a path, where `+` is an ordinary character.
pub(crate) fn percent_decode_path(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(path: &str) -> Address {
        Address::parse(path, None, Registry::core())
    }

    #[test]
    fn addresses_are_parsed() {
        let check = |path: &str, route: Route, resource_type: Option<&str>, id: Option<&str>| {
            let address = address(path);
            assert_eq!(address.slug, "boat");
            assert_eq!(address.route, route, "{path}");
            assert_eq!(address.resource_type.as_deref(), resource_type, "{path}");
            assert_eq!(address.id.as_deref(), id, "{path}");
        };
        check("/apps/boat/scim/v2/Users", Route::Collection, Some("User"), None);
        check("/apps/boat/scim/v2/users/", Route::Collection, Some("User"), None);
        check("/apps/boat/scim/v2/GROUPS/a%20b+c", Route::Resource, Some("Group"), Some("a b+c"));
        check("/apps/boat/scim/v2/Users/1/x", Route::Unknown, None, None);
        check("/apps/boat/scim/v2/Schemas/urn:x", Route::Schemas, None, Some("urn:x"));
        check("/apps/boat/scim/v2/ServiceConfiguration", Route::ServiceProviderConfig, None, None);
        check("/apps/boat/scim/v2/Cabins", Route::Unknown, None, None);
        check("/apps/boat/scim/v2//Users", Route::Unknown, None, None);
    }

    #[test]
    fn an_id_is_decoded_and_kept_as_it_was_sent() {
        let check = |sent: &str, id: &str, raw: Option<&str>| {
            let address = address(&format!("/apps/boat/scim/v2/Users/{sent}"));
            assert_eq!(address.id.as_deref(), Some(id), "{sent}");
            assert_eq!(address.raw_id.as_deref(), raw, "{sent}");
        };
        check("7", "7", None);
        check("a+b,c=d", "a+b,c=d", None);
        check("a%3Db", "a=b", Some("a%3Db"));
        check("a%253Db", "a%3Db", Some("a%253Db"));
        check("a%2Fb", "a/b", Some("a%2Fb"));
        check("%C3%B8%20", "ø ", Some("%C3%B8%20"));
    }

    #[test]
    fn parts_of_the_protocol_have_addresses_of_their_own() {
        let check = |path: &str, route: Route, resource_type: Option<&str>| {
            let address = address(&format!("/apps/boat/scim/v2{path}"));
            assert_eq!(address.route, route, "{path}");
            assert_eq!(address.resource_type.as_deref(), resource_type, "{path}");
            assert_eq!(address.id, None, "{path}");
        };
        check("", Route::Root, None);
        check("/", Route::Root, None);
        check("/.search", Route::Search, None);
        check("/users/.Search", Route::Search, Some("User"));
        check("/Bulk", Route::Bulk, None);
        check("/Bulk/1", Route::Unknown, None);
        check("/me", Route::Me, None);
        check("/Me/x", Route::Me, None);
    }

    #[test]
    fn methods_are_those_that_the_route_allows() {
        let users = address("/apps/boat/scim/v2/Users");
        assert!(users.allows(Method::Post) && users.allows(Method::Get));
        assert!(!users.allows(Method::Put) && !users.allows(Method::Other));
        let bulk = address("/apps/boat/scim/v2/Bulk");
        assert!(bulk.allows(Method::Post) && !bulk.allows(Method::Get));
    }

    #[test]
    fn an_operation_of_a_bulk_request_is_addressed_below_the_base() {
        let registry = Registry::core();
        let one = address("/apps/boat/scim/v2/Bulk").of_operation("/Users/7?x=a%20b", registry);
        assert_eq!((one.route, one.id.as_deref()), (Route::Resource, Some("7")));
        assert_eq!(one.target, "/Users/7?x=a%20b");
        assert_eq!(one.parameters(), [("x".to_owned(), "a b".to_owned())]);
        assert_eq!(one.of_operation("Users", registry).route, Route::Root);
    }

    fn parameters(query: &str) -> Vec<(String, String)> {
        Address::parse("/apps/boat/scim/v2/Users", Some(query), Registry::core()).parameters()
    }

    #[track_caller]
    fn check_parameters(query: &str, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        assert_eq!(parameters(query), expected.collect::<Vec<(String, String)>>(), "{query}");
    }

    #[test]
    fn a_plus_is_a_plus_where_a_space_is_written_otherwise() {
        let found = [("filter", "userName eq \"mira+lund@x.example\"")];
        check_parameters("filter=userName%20eq%20%22mira+lund@x.example%22", &found);
        check_parameters("filter=userName%20eq%20%22mira%2Blund@x.example%22", &found);
        check_parameters("filter=userName+eq+%22mira%2Blund@x.example%22", &found);
        check_parameters("filter=userName+eq+%22mira%2blund@x.example%22", &found);
        check_parameters(
            "filter=meta.created%20gt%20%222026-01-01T00:00:00+00:00%22&count=1",
            &[("filter", "meta.created gt \"2026-01-01T00:00:00+00:00\""), ("count", "1")],
        );
        // The rule is one for the whole query.
        check_parameters("a+b=c+d&x=%20", &[("a+b", "c+d"), ("x", " ")]);
        check_parameters("a+b=c+d&x=%2520", &[("a b", "c d"), ("x", "%20")]);
        check_parameters("a=1+2", &[("a", "1 2")]);
    }

    #[test]
    fn a_parameter_that_is_not_utf_8_is_found() {
        let check = |query: &str, expected: bool| {
            let path = "/apps/boat/scim/v2/Users";
            let address = Address::parse(path, Some(query), Registry::core());
            assert_eq!(address.is_garbled("filter"), expected, "{query}");
        };
        check("filter=userName%20eq%20%22j%FCrgen%22", true);
        check("count=1&FILTER=%22j%fcrgen%22", true);
        check("flag?filter=%C3", true);
        check("filter=userName%20eq%20%22j%C3%BCrgen%22", false);
        check("other=%FC&filter=%25FC", false);
        check("", false);
    }

    #[test]
    fn a_query_may_be_glued_to_the_flag_of_a_tenant_url() {
        let glued = [("aadOptscim062020", ""), ("filter", "id pr"), ("count", "1")];
        check_parameters("aadOptscim062020?filter=id%20pr&count=1", &glued);
        check_parameters("aadOptscim062020&filter=id%20pr&count=1", &glued);
        check_parameters("?filter=id+pr", &[("filter", "id pr")]);
        check_parameters("flag?", &[("flag", "")]);
        // Elsewhere it is a character like others.
        check_parameters("filter=a?b&c?d=e", &[("filter", "a?b"), ("c?d", "e")]);
        check_parameters("flag&a?filter=x", &[("flag", ""), ("a?filter", "x")]);
        check_parameters("flag?a?b=c", &[("flag", ""), ("a?b", "c")]);
        check_parameters("flag=1?filter=x", &[("flag", "1?filter=x")]);
    }

    #[test]
    fn the_target_is_what_was_sent_below_the_base() {
        let check = |path: &str, query: Option<&str>, target: &str| {
            assert_eq!(Address::parse(path, query, Registry::core()).target, target);
        };
        check("/apps/boat/scim/v2/Users", Some("count=1"), "/Users?count=1");
        check("/apps/boat/scim/v2", None, "/");
    }
}
