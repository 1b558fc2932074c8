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

    /// The resource type with a name, in any case.
    pub(crate) fn number(&self, name: &str) -> Option<ResourceType> {
        let core = [ResourceType::USER, ResourceType::GROUP].into_iter();
        let mut all = core.chain(self.0.keys().copied());
        all.find(|one| self.name(*one).is_some_and(|known| known.eq_ignore_ascii_case(name)))
    }

    /// A resource type's name; `None` if the type is unknown.
    pub(crate) fn name(&self, resource_type: ResourceType) -> Option<&str> {
        core_type_name(resource_type).or_else(|| self.0.get(&resource_type).map(String::as_str))
    }
}
