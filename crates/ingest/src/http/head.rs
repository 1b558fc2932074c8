//! What the head of a request tells.

use axum::http::request::Parts;
use event::{Application, Method, ResourceType, Stopwatch, secret};

use crate::address::Address;
use crate::catalog::Catalog;
use crate::cuts;
use crate::limits::TARGET_BYTES_MAX;
use crate::record::{Arrival, ReceivedBody};

/// Longer names of methods that SCIM does not use are stored cut.
const METHOD_NAME_BYTES_MAX: usize = 32;

/// The arrival that the head makes; application, credential and body are not known yet.
pub(crate) fn arrival(
    watch: Stopwatch,
    parts: &Parts,
    address: &Address,
    catalog: &Catalog,
) -> Arrival {
    let (method, method_name) = method(parts.method.as_str());
    let presented = incoming::presented_texts(&parts.headers);
    let resource_type = address.resource_type.as_deref();
    let target = cuts::cut_target(&address.target, catalog.secrets(), &presented, TARGET_BYTES_MAX);
    Arrival {
        watch,
        application: Application::RECORDER,
        origin: incoming::origin(parts, incoming::request_id(&parts.headers)),
        route: address.route,
        resource_type: resource_type.map_or(ResourceType::NONE, |name| catalog.stored_type(name)),
        method,
        method_name,
        target,
        body: ReceivedBody::None,
        index: 0,
    }
}

fn method(name: &str) -> (Method, Option<String>) {
    let known =
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head];
    match known.into_iter().find(|method| method.name() == name) {
        Some(method) => (method, None),
        None => {
            let name = secret::cut(name, &[]);
            // Methods are ASCII (RFC 9110 §9.1), so any byte is a boundary.
            let end = name.len().min(METHOD_NAME_BYTES_MAX);
            (Method::Other, Some(name.get(..end).unwrap_or_default().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_scim_does_not_use_keep_their_name() {
        assert_eq!(method("PATCH"), (Method::Patch, None));
        assert_eq!(method("patch"), (Method::Other, Some("patch".to_owned())));
        assert_eq!(method(&"X".repeat(99)).1.map(|name| name.len()), Some(32));
        let token = format!("plg_{}", "0a".repeat(32));
        assert_eq!(method(&token).1.as_deref(), Some("null"));
    }
}
