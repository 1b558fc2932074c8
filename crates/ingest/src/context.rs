//! What every step knows of the application that a request is for.

use event::{Application, ResourceType};
use projector::ApplicationRow;
use scim::{Registry, Settings};

/// An application with what its configuration means.
#[derive(Clone)]
pub(crate) struct Context {
    /// Its number.
    pub application: Application,
    /// Its SCIM base address, without a slash at the end.
    pub base_url: String,
    /// How its clients want to be understood.
    pub settings: Settings,
    /// Its schemas and resource types.
    pub registry: &'static Registry,
}

impl Context {
    /// The context of a configured application. Settings were checked when they were configured;
    /// what cannot be read any more counts as not set.
    pub(crate) fn of(row: &ApplicationRow, public_url: &str) -> Context {
        Context {
            application: row.number,
            base_url: format!("{public_url}/apps/{}/scim/v2", row.slug),
            settings: serde_json::from_slice(&row.settings).unwrap_or_default(),
            registry: Registry::core(),
        }
    }

    /// The address of a resource.
    pub(crate) fn location(&self, resource_type: &scim::ResourceType, id: &str) -> String {
        format!("{}{}/{}", self.base_url, resource_type.endpoint, id)
    }

    /// The wire form of a stored type.
    pub(crate) fn resource_type(
        &self,
        stored: ResourceType,
    ) -> Option<&'static scim::ResourceType> {
        self.registry.resource_types().iter().find(|rt| stored_type(&rt.name) == stored)
    }
}

/// The stored number of a resource type's name.
pub(crate) fn stored_type(name: &str) -> ResourceType {
    match name {
        "User" => ResourceType::USER,
        "Group" => ResourceType::GROUP,
        _ => ResourceType::NONE,
    }
}
