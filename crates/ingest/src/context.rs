//! The application of a request and what its configuration means.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use canonical::Document;
use event::{Application, Flag, FlagKind, ResourceType, Timestamp, UpstreamSet};
use projector::ApplicationRow;
use scim::{
    AttrPath, Change, MemberId, Plan, ProfileVersion, Registry, Schema, ScimError, Settings,
};
use serde_json::{Map, Value};

use crate::address::percent_decode_path;
use crate::catalog::Catalog;

/// At most this many flags are kept for one request.
const FLAGS_MAX: usize = 128;

/// An application with what its configuration means.
#[derive(Clone)]
pub(crate) struct Context {
    /// Its number.
    pub application: Application,
    /// Its SCIM base address, without a slash at the end.
    pub base_url: Arc<str>,
    /// The name of its profile.
    pub profile_name: Arc<str>,
    /// The version of its profile that applies now.
    pub profile: Arc<ProfileVersion>,
    /// When that version applies, in microseconds since 1970.
    pub profile_times: Range<i64>,
    /// Where its requests are forwarded to; `None` if they are carried out here.
    pub upstream: Option<Arc<UpstreamSet>>,
    /// How its clients' requests are interpreted.
    pub settings: Settings,
    /// The schemas and resource types that are served.
    pub catalog: Arc<Catalog>,
    /// How plain bodies of each served type are read.
    plans: Arc<[(ResourceType, Plan)]>,
}

impl Context {
    /// The context of a configured application at an instant; none without its profile.
    pub(crate) fn of(
        row: &ApplicationRow,
        public_url: &str,
        catalog: &Arc<Catalog>,
        now: Timestamp,
    ) -> Option<Context> {
        let (profile, profile_times) = catalog.profiles().get(&row.profile)?.at(now.0);
        let settings = profile.settings(&row.settings);
        let secrets: Vec<&str> = catalog.secrets().attribute_names().collect();
        let plans = catalog.stored_types().filter_map(|stored| {
            let resource_type = catalog.resource_type(stored)?;
            let registry = catalog.registry();
            let plan =
                Plan::of(registry, resource_type, &settings, profile, &secrets, |_, _| false)?;
            Some((stored, plan))
        });
        Some(Context {
            application: row.number,
            base_url: format!("{public_url}/apps/{}/scim/v2", row.slug).into(),
            plans: plans.collect(),
            settings,
            profile_name: row.profile.as_str().into(),
            profile: Arc::clone(profile),
            profile_times,
            upstream: row.upstream.clone().map(Arc::new),
            catalog: Arc::clone(catalog),
        })
    }

    /// Schemas and resource types.
    pub(crate) fn registry(&self) -> &Registry {
        self.catalog.registry()
    }

    /// How plain bodies of a type are read; `None` if none of them is plain.
    pub(crate) fn plan(&self, stored: ResourceType) -> Option<&Plan> {
        self.plans.iter().find(|(one, _)| *one == stored).map(|(_, plan)| plan)
    }

    /// The address of a resource.
    pub(crate) fn location(&self, resource_type: &scim::ResourceType, id: &str) -> String {
        format!("{}{}/{}", self.base_url, resource_type.endpoint, id)
    }

    /// The wire form of a stored type, if the application serves it.
    pub(crate) fn resource_type(&self, stored: ResourceType) -> Option<&scim::ResourceType> {
        self.catalog.resource_type(stored).filter(|one| self.profile.serves(one))
    }

    /// The stored types that the application serves.
    pub(crate) fn stored_types(&self) -> impl Iterator<Item = ResourceType> {
        self.catalog.stored_types().filter(|stored| self.resource_type(*stored).is_some())
    }

    /// Whether discovery shows a schema.
    pub(crate) fn shows(&self, schema: &Schema) -> bool {
        self.catalog.profiles().shows(&self.profile, self.registry(), schema)
    }

    /// Refuses a state that lacks an attribute which the profile requires in addition to the schema.
    pub(crate) fn check_required(
        &self,
        resource_type: &scim::ResourceType,
        state: &Map<String, Value>,
    ) -> Result<(), ScimError> {
        self.require_all(self.profile.missing(resource_type, state))
    }

    /// The same of a state as it is stored.
    pub(crate) fn check_required_in(
        &self,
        resource_type: &scim::ResourceType,
        state: &Document,
    ) -> Result<(), ScimError> {
        self.require_all(self.profile.missing_in(resource_type, state))
    }

    fn require_all(&self, missing: Option<&AttrPath>) -> Result<(), ScimError> {
        match missing {
            None => Ok(()),
            Some(path) => {
                let name = &self.profile_name;
                let detail =
                    format!("{path} is required by the profile {name} of this application");
                Err(ScimError::invalid_value(detail))
            }
        }
    }

    /// Reads a reference to a resource: its id, or its address below our base or the upstream's.
    pub(crate) fn member_id<'t>(&self, text: &'t str) -> MemberId<'t> {
        let upstream = self.upstream.as_ref().map(|upstream| upstream.url.as_str());
        let bases = [&*self.base_url].into_iter().chain(upstream);
        let mut read = bases.map(|base_url| MemberId::of(text, base_url, self.registry()));
        read.find(|one| *one != MemberId::Elsewhere).unwrap_or(MemberId::Elsewhere)
    }

    /// Replaces addresses of our resources by ids in attributes that refer to resources, such as
    /// `manager` (RFC 7643 §2.4: they have the parts `value` and `$ref`). Other addresses stay as sent.
    pub(crate) fn resolve_references(
        &self,
        resource_type: &scim::ResourceType,
        attributes: &mut Map<String, Value>,
    ) {
        self.change_references(resource_type, attributes, |text| match self.member_id(text) {
            MemberId::Addressed(id) => Some(percent_decode_path(id)),
            MemberId::Id(_) | MemberId::Elsewhere => None,
        });
    }

    /// Replaces the `value` of each attribute that refers to a resource by what `replacement` returns
    /// for it, if anything.
    pub(crate) fn change_references(
        &self,
        resource_type: &scim::ResourceType,
        attributes: &mut Map<String, Value>,
        replacement: impl Fn(&str) -> Option<String>,
    ) {
        let registry = self.registry();
        let replace = |schema: Option<&str>, name: &str, value: &mut Value| {
            let path = AttrPath {
                schema: schema.map(str::to_owned),
                attribute: name.to_owned(),
                sub: None,
            };
            let attribute = registry.attribute(Some(resource_type), &path);
            if attribute.is_some_and(|one| one.sub("$ref").is_some())
                && let Some(text) = value.get("value").and_then(Value::as_str)
                && let Some(id) = replacement(text)
            {
                value["value"] = id.into();
            }
        };
        for (name, value) in attributes.iter_mut() {
            match value {
                Value::Object(parts) if resource_type.extension(name).is_some() => {
                    parts.iter_mut().for_each(|(part, value)| replace(Some(name), part, value));
                }
                value => replace(None, name, value),
            }
        }
    }

    /// Flags for attributes that a request sets outside the profile or names without a schema.
    pub(crate) fn flags(
        &self,
        resource_type: &scim::ResourceType,
        changes: &[Change],
        unknown: BTreeSet<String>,
    ) -> Vec<Flag> {
        let outside = self.profile.unexpected(resource_type, changes).into_iter();
        let outside = outside.map(|path| Flag { kind: FlagKind::OutsideProfile, path });
        let unknown = unknown.into_iter().map(|path| Flag { kind: FlagKind::NoSchema, path });
        outside.chain(unknown).take(FLAGS_MAX).collect()
    }
}
