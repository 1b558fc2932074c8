//! What a SCIM address names: the application, the route, the resource.

use event::{Method, Route};
use scim::Registry;

use crate::cuts::percent_decode;

/// A SCIM address, taken apart.
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
    /// A part of the protocol that this server does not have: 501 and not 404.
    pub unsupported: bool,
}

const PREFIX: &str = "/apps/";
const BASE: &str = "/scim/v2";

impl Address {
    /// Takes the address of a request apart. Segments are compared without regard to case, since
    /// clients differ.
    pub(crate) fn parse(path: &str, query: Option<&str>, registry: &Registry) -> Address {
        let below = path.strip_prefix(PREFIX).unwrap_or_default();
        let (slug, below) = below.split_once('/').unwrap_or((below, ""));
        // The router hands over nothing else than what lies below this base.
        let below = below.get(BASE.len() - 1..).unwrap_or_default();
        let query = query.unwrap_or_default().to_owned();
        let target = if query.is_empty() {
            if below.is_empty() { "/".to_owned() } else { below.to_owned() }
        } else {
            format!("{below}?{query}")
        };
        let mut address = Address {
            slug: percent_decode(slug),
            target,
            query,
            route: Route::Unknown,
            resource_type: None,
            id: None,
            unsupported: false,
        };
        // One trailing slash is forgiven: some clients join their addresses with one.
        let trimmed = below.strip_suffix('/').unwrap_or(below);
        let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
        address.route(&segments, registry);
        address
    }

    fn route(&mut self, segments: &[&str], registry: &Registry) {
        let [first, rest @ ..] = segments else {
            self.unsupported = true; // a search over all types (RFC 7644 §3.4.2.1)
            return;
        };
        let segment = first.to_lowercase();
        if let Some(resource_type) = registry.resource_type_at(&segment) {
            match rest {
                [] => self.route = Route::Collection,
                [search] if search.eq_ignore_ascii_case(".search") => self.unsupported = true,
                [id] => {
                    self.route = Route::Resource;
                    self.id = Some(percent_decode_path(id));
                }
                _ => return,
            }
            self.resource_type = Some(resource_type.name.clone());
            return;
        }
        self.route = match (segment.as_str(), rest) {
            // The alias is what a widely used client collection asks for.
            ("serviceproviderconfig" | "serviceconfiguration", []) => Route::ServiceProviderConfig,
            ("resourcetypes", [] | [_]) => Route::ResourceTypes,
            ("schemas", [] | [_]) => Route::Schemas,
            ("bulk" | "me" | ".search", []) => {
                self.unsupported = true;
                Route::Unknown
            }
            _ => Route::Unknown,
        };
        if self.route != Route::Unknown {
            self.id = rest.first().map(|id| percent_decode_path(id));
        }
    }

    /// The methods that the route understands, as an `Allow` header lists them.
    pub(crate) fn allowed(&self) -> &'static str {
        match self.route {
            Route::Unknown => "",
            Route::Collection => "GET, HEAD, POST",
            Route::Resource => "GET, HEAD, PUT, PATCH, DELETE",
            Route::ServiceProviderConfig | Route::ResourceTypes | Route::Schemas => "GET, HEAD",
        }
    }

    /// Whether the route understands a method.
    pub(crate) fn allows(&self, method: Method) -> bool {
        match (self.route, method) {
            (Route::Unknown, _) | (_, Method::Other) => false,
            (_, Method::Get | Method::Head) => true,
            (Route::Collection, Method::Post) => true,
            (Route::Resource, Method::Put | Method::Patch | Method::Delete) => true,
            (_, Method::Post | Method::Put | Method::Patch | Method::Delete) => false,
        }
    }
}

/// As in a query, but `+` is itself in a path.
fn percent_decode_path(segment: &str) -> String {
    percent_decode(&segment.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(path: &str) -> Address {
        Address::parse(path, None, Registry::core())
    }

    #[test]
    fn addresses_are_taken_apart() {
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
    fn parts_of_the_protocol_that_are_missing_are_known_as_such() {
        for path in ["", "/", "/Bulk", "/Me", "/.search", "/Users/.search"] {
            assert!(address(&format!("/apps/boat/scim/v2{path}")).unsupported, "{path}");
        }
        assert!(!address("/apps/boat/scim/v2/Cabins").unsupported);
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
