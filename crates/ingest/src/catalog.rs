//! What a server serves: its schemas and resource types, and the numbers under which the types are
//! stored.

use std::borrow::Cow;
use std::sync::Arc;

use event::{Application, Fact, ProfileChanged, ResourceType, ResourceTypeAdded};
use projector::{
    ApplicationRow, CommitError, Committer, Decision, Draft, Durability, ProjectorError, Version,
    View,
};
use scim::{Attribute, Kind, Profiles, Projection, Registry, Selection};
use store::ReadRows;

use crate::cuts::Secrets;

/// At start, at most this many accounts that share a userName are logged per application.
const REPORTED_MAX: usize = 20;

/// Schemas and resource types with what is derived from them once.
pub struct Catalog {
    registry: Registry,
    profiles: Arc<Profiles>,
    types: Vec<ServedType>,
    /// Every type that the log knows, including types whose schema file was removed.
    known_types: Vec<ResourceType>,
    secrets: Secrets,
}

/// A resource type as it is served.
struct ServedType {
    name: String,
    stored: ResourceType,
    has_members: bool,
    references: Vec<Reference>,
    /// What is shown when the client selects no attributes.
    projection: Projection,
}

/// An attribute whose value is the id of another resource. What follows from that id (RFC 7643 §2.3.7)
/// is derived when it is shown, and never stored.
pub(crate) struct Reference {
    /// The extension that the attribute belongs to.
    pub schema: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// Its readOnly part that shows the other resource's name.
    pub name: Option<String>,
}

impl Catalog {
    /// Opens the catalog of a registry and its profiles. Each type beyond `User` and `Group` that the
    /// log does not know yet gets a stored number, recorded as one event.
    ///
    /// # Errors
    /// If the events cannot be written, no numbers are left, or an application's profile is missing.
    pub async fn open(
        committer: &Committer,
        registry: Registry,
        profiles: Arc<Profiles>,
    ) -> Result<Catalog, CatalogError> {
        let snapshot = committer.store().snapshot();
        Catalog::check(&snapshot, &registry, &profiles)?;
        for row in View::new(&snapshot).applications()? {
            report_shared_names(&View::new(&snapshot), &row)?;
        }
        drop(snapshot);
        let (names, in_force) = (names(&registry), Arc::clone(&profiles));
        let numbered = committer
            .submit(Durability::Synced, move |view, _| {
                let changed = changed_profiles(view, &in_force)?;
                let known = view.resource_types()?;
                let numbers_known = known.iter().map(|(number, _)| *number).collect();
                Ok(match number(&names, known) {
                    Some((numbers, mut events)) => {
                        events.extend(changed);
                        Decision { events, reply: Some((numbers, numbers_known)) }
                    }
                    None => Decision { events: vec![], reply: None },
                })
            })
            .await?;
        let (numbers, known) = numbered.ok_or(CatalogError::NoNumberLeft)?;
        Ok(Catalog::of(registry, profiles, &numbers, known))
    }

    /// Checks that the log's applications and types can be served with this registry and these
    /// profiles. Records nothing.
    ///
    /// # Errors
    /// As [`Catalog::open`], except for errors of writing.
    pub fn check(
        rows: &dyn ReadRows,
        registry: &Registry,
        profiles: &Profiles,
    ) -> Result<(), CatalogError> {
        let view = View::new(rows);
        for row in view.applications()? {
            if profiles.get(&row.profile).is_none() {
                return Err(CatalogError::NoProfile {
                    application: row.slug,
                    profile: row.profile,
                });
            }
        }
        number(&names(registry), view.resource_types()?).ok_or(CatalogError::NoNumberLeft)?;
        Ok(())
    }

    fn of(
        registry: Registry,
        profiles: Arc<Profiles>,
        numbers: &[ResourceType],
        mut known_types: Vec<ResourceType>,
    ) -> Catalog {
        known_types.extend(numbers);
        known_types.sort_unstable();
        known_types.dedup();
        let types = registry.resource_types().iter().zip(numbers);
        let types = types.map(|(resource_type, stored)| ServedType {
            name: resource_type.name.clone(),
            stored: *stored,
            has_members: registry
                .schema(&resource_type.schema)
                .is_some_and(|schema| schema.attributes.iter().any(|one| one.name == "members")),
            references: references(&registry, resource_type),
            projection: Projection::of(&Selection::Default, resource_type, &registry),
        });
        let types = types.collect();
        let secrets = Secrets::of(&registry);
        Catalog { registry, profiles, types, known_types, secrets }
    }

    /// The schemas and resource types.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The profiles of applications.
    pub(crate) fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// The names of what must never be stored.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The stored number of a resource type's name, in any case.
    pub(crate) fn stored_type(&self, name: &str) -> ResourceType {
        let found = self.types.iter().find(|one| one.name.eq_ignore_ascii_case(name));
        found.map_or(ResourceType::NONE, |one| one.stored)
    }

    /// The wire form of a stored type.
    pub(crate) fn resource_type(&self, stored: ResourceType) -> Option<&scim::ResourceType> {
        let place = self.types.iter().position(|one| one.stored == stored)?;
        self.registry.resource_types().get(place)
    }

    /// Every stored type that is served.
    pub(crate) fn stored_types(&self) -> impl Iterator<Item = ResourceType> {
        self.types.iter().map(|one| one.stored)
    }

    /// Every type ever stored. Resources of a type whose file was removed are not served, but stay
    /// members of their groups.
    pub(crate) fn known_types(&self) -> impl Iterator<Item = ResourceType> {
        self.known_types.iter().copied()
    }

    /// Which attributes of a type are shown; `None` if the type is not served.
    pub(crate) fn projection(
        &self,
        stored: ResourceType,
        selection: &Selection,
    ) -> Option<Cow<'_, Projection>> {
        if *selection == Selection::Default {
            let served = self.types.iter().find(|one| one.stored == stored)?;
            return Some(Cow::Borrowed(&served.projection));
        }
        let resource_type = self.resource_type(stored)?;
        Some(Cow::Owned(Projection::of(selection, resource_type, &self.registry)))
    }

    /// Whether resources of a type have members.
    pub(crate) fn has_members(&self, stored: ResourceType) -> bool {
        self.types.iter().any(|one| one.stored == stored && one.has_members)
    }

    /// The attributes of a type that name other resources, members and groups excepted.
    pub(crate) fn references(&self, stored: ResourceType) -> &[Reference] {
        let found = self.types.iter().find(|one| one.stored == stored);
        found.map_or(&[], |one| &one.references)
    }
}

/// Why the catalog cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// New types cannot be recorded.
    #[error("cannot record the resource types")]
    Commit(#[from] CommitError),
    /// Which applications there are cannot be read.
    #[error("cannot read the applications")]
    Projector(#[from] ProjectorError),
    /// The profile of an application is missing.
    #[error(
        "the application {application} uses the profile {profile}, which no file defines: pass the \
         folder of its file with --profiles"
    )]
    NoProfile {
        /// The application's slug.
        application: String,
        /// The profile's name.
        profile: String,
    },
    /// No number is free: types keep theirs for ever, even when their file is removed.
    #[error("this log has had 253 further resource types; there are no numbers for more")]
    NoNumberLeft,
}

/// The events of applications whose profile is another one than was recorded last.
fn changed_profiles(view: &View<'_>, in_force: &Profiles) -> Result<Vec<Draft>, ProjectorError> {
    let mut changed = vec![];
    for row in view.applications()? {
        let now = in_force.get(&row.profile).map(|profile| profile.sha256);
        if let Some(sha256) = now.filter(|sha256| row.profile_sha256 != Some(*sha256)) {
            changed.push(Draft {
                application: row.number,
                origin: None,
                fact: Fact::ProfileChanged(ProfileChanged { sha256 }),
                parts: vec![],
                passed: vec![],
            });
        }
    }
    Ok(changed)
}

fn names(registry: &Registry) -> Vec<String> {
    registry.resource_types().iter().map(|one| one.name.clone()).collect()
}

/// The number of each name, and the events that give the new ones; none when the numbers do not suffice.
fn number(
    names: &[String],
    known: Vec<(ResourceType, String)>,
) -> Option<(Vec<ResourceType>, Vec<Draft>)> {
    let mut highest =
        known.iter().map(|(number, _)| number.0).max().unwrap_or(ResourceType::GROUP.0);
    let mut numbers = Vec::with_capacity(names.len());
    let mut events = Vec::new();
    for name in names {
        let stored = match name.as_str() {
            "User" => ResourceType::USER,
            "Group" => ResourceType::GROUP,
            _ => match known.iter().find(|(_, one)| one == name) {
                Some((number, _)) => *number,
                None => {
                    highest = highest.checked_add(1)?;
                    let number = ResourceType(highest);
                    let added = ResourceTypeAdded { number, name: name.clone() };
                    events.push(Draft {
                        application: Application::RECORDER,
                        origin: None,
                        fact: Fact::ResourceTypeAdded(added),
                        parts: vec![],
                        passed: vec![],
                    });
                    number
                }
            },
        };
        numbers.push(stored);
    }
    Some((numbers, events))
}

/// Logs the accounts that share a userName, by SCIM id, so that the log names no person.
fn report_shared_names(view: &View<'_>, row: &ApplicationRow) -> Result<(), ProjectorError> {
    let sharing = view.users_sharing_a_name(row.number)?;
    if sharing.is_empty() {
        return Ok(());
    }
    let mut ids = Vec::new();
    for number in sharing.iter().take(REPORTED_MAX) {
        let version = view.version(row.number, *number, View::NOW)?;
        ids.extend(version.as_ref().and_then(Version::id).map(Cow::into_owned));
    }
    let count = sharing.len();
    tracing::warn!(
        app = row.number.0,
        count,
        ids = ids.join(" "),
        "these accounts share a userName with an older account, which keeps it"
    );
    Ok(())
}

fn references(registry: &Registry, resource_type: &scim::ResourceType) -> Vec<Reference> {
    let extensions = resource_type.extensions.iter().map(|(urn, _)| Some(urn.clone()));
    let mut found = Vec::new();
    for urn in std::iter::once(None).chain(extensions) {
        let Some(schema) = registry.schema(urn.as_deref().unwrap_or(&resource_type.schema)) else {
            continue;
        };
        for attribute in schema.attributes.iter().filter(|one| refers(registry, one)) {
            let name = ["displayName", "display"].into_iter().find(|name| {
                attribute
                    .sub(name)
                    .is_some_and(|part| part.mutability == scim::Mutability::ReadOnly)
            });
            found.push(Reference {
                schema: urn.clone(),
                attribute: attribute.name.clone(),
                name: name.map(str::to_owned),
            });
        }
    }
    found
}

/// Whether an attribute's `value` is the id of a resource: its `$ref` points at resource types.
fn refers(registry: &Registry, attribute: &Attribute) -> bool {
    let derived = attribute.name == "members" || attribute.name == "groups";
    !derived
        && attribute.kind == Kind::Complex
        && attribute.sub("value").is_some()
        && attribute.sub("$ref").is_some_and(|part| {
            part.reference_types.iter().any(|name| registry.resource_type(name).is_some())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_keep_their_numbers_and_there_are_253_of_them() {
        let known =
            vec![(ResourceType(3), "Boat".to_owned()), (ResourceType(254), "Pier".to_owned())];
        let names = |names: &[&str]| names.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let (numbers, events) = number(&names(&["User", "Pier", "Crane"]), known.clone()).unwrap();
        assert_eq!(numbers, [ResourceType::USER, ResourceType(254), ResourceType(255)]);
        assert_eq!(events.len(), 1);
        assert!(number(&names(&["Crane", "Buoy"]), known).is_none(), "no two share a number");
    }
}
