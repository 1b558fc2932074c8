//! Names of resource types.

use std::collections::BTreeMap;

use event::ResourceType;
use projector::{ProjectorError, View};

/// The name of `User` or `Group`.
pub(crate) fn core_type_name(resource_type: ResourceType) -> Option<&'static str> {
    match resource_type {
        ResourceType::USER => Some("User"),
        ResourceType::GROUP => Some("Group"),
        _ => None,
    }
}

/// The names of all resource types, including configured ones.
pub(crate) struct TypeNames(BTreeMap<ResourceType, String>);

impl TypeNames {
    /// Reads the names once, for many rows.
    pub(crate) fn read(view: &View<'_>) -> Result<TypeNames, ProjectorError> {
        Ok(TypeNames(view.resource_types()?.into_iter().collect()))
    }

    /// A resource type's name; `None` if the type is unknown.
    pub(crate) fn name(&self, resource_type: ResourceType) -> Option<&str> {
        core_type_name(resource_type).or_else(|| self.0.get(&resource_type).map(String::as_str))
    }
}
