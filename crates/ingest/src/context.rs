//! What every step knows of the application that a request is for.

use std::sync::Arc;

use event::{Application, ResourceType};
use projector::ApplicationRow;
use scim::{Registry, Settings};

use crate::catalog::Catalog;

/// An application with what its configuration means.
#[derive(Clone)]
pub(crate) struct Context {
    /// Its number.
    pub application: Application,
    /// Its SCIM base address, without a slash at the end.
    pub base_url: String,
    /// How its clients want to be understood.
    pub settings: Settings,
    /// The schemas and resource types that are served.
    pub catalog: Arc<Catalog>,
}

impl Context {
    /// The context of a configured application. Settings were checked when they were configured;
    /// what cannot be read any more counts as not set.
    pub(crate) fn of(row: &ApplicationRow, public_url: &str, catalog: &Arc<Catalog>) -> Context {
        Context {
            application: row.number,
            base_url: format!("{public_url}/apps/{}/scim/v2", row.slug),
            settings: serde_json::from_slice(&row.settings).unwrap_or_default(),
            catalog: Arc::clone(catalog),
        }
    }

    /// Schemas and resource types.
    pub(crate) fn registry(&self) -> &Registry {
        self.catalog.registry()
    }

    /// The address of a resource.
    pub(crate) fn location(&self, resource_type: &scim::ResourceType, id: &str) -> String {
        format!("{}{}/{}", self.base_url, resource_type.endpoint, id)
    }

    /// The wire form of a stored type.
    pub(crate) fn resource_type(&self, stored: ResourceType) -> Option<&scim::ResourceType> {
        self.catalog.resource_type(stored)
    }
}
