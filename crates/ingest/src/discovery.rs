//! Discovery (RFC 7644 §4).

use scim::ScimError;
use serde_json::{Value, json};

use crate::context::Context;
use crate::limits::{BODY_BYTES_MAX, BULK_OPERATIONS_MAX};
use crate::list::{CURSOR_SECONDS_MAX, PAGE_DEFAULT, PAGE_MAX};

/// `/ServiceProviderConfig` (RFC 7643 §5).
pub(crate) fn service_provider_config(context: &Context) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        // Some clients cut their PATCH requests to this size too.
        "bulk": {
            "supported": true,
            "maxOperations": BULK_OPERATIONS_MAX,
            "maxPayloadSize": BODY_BYTES_MAX,
        },
        "filter": { "supported": true, "maxResults": PAGE_MAX },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": PAGE_DEFAULT,
            "maxPageSize": PAGE_MAX,
            "cursorTimeout": CURSOR_SECONDS_MAX,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The secret token of the application, in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", context.base_url),
        },
    })
}

/// `/ResourceTypes`, or one of them by its name.
pub(crate) fn resource_types(context: &Context, name: Option<&str>) -> Result<Value, ScimError> {
    let registry = context.registry();
    let mut all = registry.resource_types().iter().filter(|rt| context.profile.serves(rt));
    let shown = |rt: &scim::ResourceType| {
        let mut rt = rt.clone();
        let shows = |urn: &str| registry.schema(urn).is_some_and(|schema| context.shows(schema));
        rt.extensions.retain(|(urn, _)| shows(urn));
        rt.to_json(&context.base_url)
    };
    match name {
        None => Ok(list(all.map(shown).collect())),
        Some(name) => {
            all.find(|rt| rt.name.eq_ignore_ascii_case(name)).map(shown).ok_or_else(|| {
                ScimError::not_found("no resource type of this name; see /ResourceTypes")
            })
        }
    }
}

/// `/Schemas`, or one of them by its URN.
pub(crate) fn schemas(context: &Context, urn: Option<&str>) -> Result<Value, ScimError> {
    let registry = context.registry();
    match urn {
        None => {
            let all = registry.schemas().iter().filter(|schema| context.shows(schema));
            Ok(list(all.map(|schema| schema.to_json(&context.base_url)).collect()))
        }
        Some(urn) => registry
            .schema(urn)
            .filter(|schema| context.shows(schema))
            .map(|schema| schema.to_json(&context.base_url))
            .ok_or_else(|| ScimError::not_found("no schema of this URN; see /Schemas")),
    }
}

fn list(resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}
