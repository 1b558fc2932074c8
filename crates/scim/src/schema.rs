//! Schemas and resource types (RFC 7643 §6 and §7), in the form that discovery shows.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::path::AttrPath;

mod files;

pub use files::FileError;
pub(crate) use files::check_sizes as check_files;

const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// Attributes that every resource has (RFC 7643 §3.1); announced by no schema.
const COMMON: &str = include_str!("../schemas/common.json");

/// The known schemas and resource types.
#[derive(Clone, Debug)]
pub struct Registry {
    common: Vec<Attribute>,
    schemas: Vec<Schema>,
    resource_types: Vec<ResourceType>,
}

/// Why a set of schemas and resource types cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A text is not a schema or resource type.
    #[error("not a schema or resource type as discovery shows it")]
    Form(#[from] serde_json::Error),
    /// A schema id is not a URN, or is used twice.
    #[error("schema {0}: the id is not a URN or occurs twice")]
    SchemaId(String),
    /// An attribute whose name or kind cannot be used.
    #[error("schema {schema}: attribute {attribute} has a bad or repeated name, or a bad kind")]
    Attribute {
        /// Id of the schema.
        schema: String,
        /// Name of the attribute.
        attribute: String,
    },
    /// A resource type whose name or endpoint cannot be used.
    #[error("resource type {0}: name or endpoint is malformed or occurs twice")]
    ResourceType(String),
    /// A resource type uses a schema that does not exist.
    #[error("resource type {resource_type}: schema {schema} is unknown")]
    UnknownSchema {
        /// Name of the resource type.
        resource_type: String,
        /// The missing schema.
        schema: String,
    },
}

impl Registry {
    /// Users with the enterprise extension, and groups.
    pub fn core() -> &'static Registry {
        static CORE: LazyLock<Registry> = LazyLock::new(|| {
            let schemas = [
                include_str!("../schemas/user.json"),
                include_str!("../schemas/group.json"),
                include_str!("../schemas/enterprise_user.json"),
            ];
            let resource_types = [
                include_str!("../resource_types/user.json"),
                include_str!("../resource_types/group.json"),
            ];
            Registry::parse(&schemas, &resource_types)
                .expect("files of this crate, read by every test of it")
        });
        &CORE
    }

    /// Reads schemas and resource types, each text one object in the form of the discovery endpoints.
    /// Characteristics that a schema leaves out get the defaults of RFC 7643 §2.2.
    pub fn parse(schemas: &[&str], resource_types: &[&str]) -> Result<Registry, RegistryError> {
        let mut registry = Registry {
            common: serde_json::from_str(COMMON)?,
            schemas: Vec::new(),
            resource_types: Vec::new(),
        };
        for text in schemas {
            let schema: Schema = serde_json::from_str(text)?;
            // Where no schema is at hand, the prefix `urn:` distinguishes an extension from an attribute.
            if !is_urn(&schema.id) || registry.schema(&schema.id).is_some() {
                return Err(RegistryError::SchemaId(schema.id));
            }
            check_attributes(&schema.id, &schema.attributes, true)?;
            registry.schemas.push(schema);
        }
        for text in resource_types {
            let mut resource_type: ResourceType = serde_json::from_str(text)?;
            registry.check_resource_type(&mut resource_type)?;
            registry.resource_types.push(resource_type);
        }
        Ok(registry)
    }

    fn check_resource_type(&self, resource_type: &mut ResourceType) -> Result<(), RegistryError> {
        let ResourceType { name, endpoint, schema, extensions, .. } = resource_type;
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        if name.is_empty()
            || segment.is_empty()
            || segment.contains('/')
            || self.resource_type(name).is_some()
            || self.resource_type_at(segment).is_some()
        {
            return Err(RegistryError::ResourceType(name.clone()));
        }
        for urn in std::iter::once(schema).chain(extensions.iter_mut().map(|(urn, _)| urn)) {
            // Use the schema's spelling, because URNs are compared exactly later.
            match self.schema(urn) {
                Some(known) => urn.clone_from(&known.id),
                None => {
                    return Err(RegistryError::UnknownSchema {
                        resource_type: name.clone(),
                        schema: urn.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The resource type with exactly this name.
    pub fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        self.resource_types.iter().find(|one| one.name == name)
    }

    /// The resource type at a route segment such as `Users`, in any case.
    pub fn resource_type_at(&self, endpoint_segment: &str) -> Option<&ResourceType> {
        self.resource_types.iter().find(|one| {
            one.endpoint
                .strip_prefix('/')
                .is_some_and(|name| name.eq_ignore_ascii_case(endpoint_segment))
        })
    }

    /// Every resource type, in the order given.
    pub fn resource_types(&self) -> &[ResourceType] {
        &self.resource_types
    }

    /// The schema with a URN, in any case.
    pub fn schema(&self, urn: &str) -> Option<&Schema> {
        self.schemas.iter().find(|one| one.id.eq_ignore_ascii_case(urn))
    }

    /// Every schema, in the order given.
    pub fn schemas(&self) -> &[Schema] {
        &self.schemas
    }

    /// The attribute (not the sub-attribute) that a path names in resources of one type, or of any type;
    /// `None` if no schema has it.
    pub fn attribute(&self, rt: Option<&ResourceType>, path: &AttrPath) -> Option<&Attribute> {
        match rt {
            Some(rt) => self
                .attributes(rt, path.schema.as_deref())
                .find(|one| one.name.eq_ignore_ascii_case(&path.attribute)),
            None => self.resource_types.iter().find_map(|rt| self.attribute(Some(rt), path)),
        }
    }

    /// Whether an attribute or part with this name is writeOnly.
    pub(crate) fn is_secret(&self, name: &str) -> bool {
        let attributes = self.schemas.iter().flat_map(|schema| &schema.attributes);
        let mut all = attributes.flat_map(|one| std::iter::once(one).chain(&one.sub_attributes));
        all.any(|one| {
            one.mutability == Mutability::WriteOnly && one.name.eq_ignore_ascii_case(name)
        })
    }

    /// The only extension with an attribute of this name, for resources of one type or of any type;
    /// `None` if several have one.
    pub(crate) fn extension_with(&self, rt: Option<&ResourceType>, name: &str) -> Option<&str> {
        let types = rt.map_or(self.resource_types.as_slice(), std::slice::from_ref);
        let mut found = self.schemas.iter().filter(|schema| {
            types.iter().any(|rt| rt.extension(&schema.id).is_some())
                && schema.attributes.iter().any(|one| one.name.eq_ignore_ascii_case(name))
        });
        let first = found.next()?;
        found.next().is_none().then_some(first.id.as_str())
    }

    /// The attributes of a resource type: those of its schema and the common ones, or those of one of its
    /// extensions. None if the resource type does not use the schema.
    pub(crate) fn attributes(
        &self,
        rt: &ResourceType,
        schema: Option<&str>,
    ) -> impl Iterator<Item = &Attribute> {
        let (urn, common) = match schema {
            None => (Some(rt.schema.as_str()), self.common.as_slice()),
            Some(urn) if urn == rt.schema => (Some(urn), self.common.as_slice()),
            Some(urn) => (rt.extension(urn).map(|_| urn), [].as_slice()),
        };
        let own = urn.and_then(|urn| self.schema(urn));
        common.iter().chain(own.map_or([].as_slice(), |schema| &schema.attributes))
    }
}

/// Whether a name is the URN of a schema and not an attribute.
pub(crate) fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("urn:"))
}

/// Whether a name is allowed for an attribute (RFC 7643 §2.1; `$ref` is the RFC's own exception).
pub(crate) fn is_name(name: &str) -> bool {
    let name = name.strip_prefix('$').unwrap_or(name);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn check_attributes(
    schema: &str,
    attributes: &[Attribute],
    complex_allowed: bool,
) -> Result<(), RegistryError> {
    for (index, attribute) in attributes.iter().enumerate() {
        let repeated =
            attributes[..index].iter().any(|one| one.name.eq_ignore_ascii_case(&attribute.name));
        // A complex attribute inside a complex one is not allowed (RFC 7643 §2.3.8).
        let complex = attribute.kind == Kind::Complex;
        if repeated
            || !is_name(&attribute.name)
            || complex == attribute.sub_attributes.is_empty()
            || (complex && !complex_allowed)
        {
            return Err(RegistryError::Attribute {
                schema: schema.to_owned(),
                attribute: attribute.name.clone(),
            });
        }
        check_attributes(schema, &attribute.sub_attributes, false)?;
    }
    Ok(())
}

/// A kind of resource (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceType {
    /// Name, as in `meta.resourceType`.
    pub name: String,
    /// Route below the base URL, with its slash: `/Users`.
    pub endpoint: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// URN of the base schema.
    pub schema: String,
    /// URN of each extension, and whether every resource must have it.
    #[serde(default, rename = "schemaExtensions", deserialize_with = "extensions_from_wire")]
    pub extensions: Vec<(String, bool)>,
}

fn extensions_from_wire<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, bool)>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wire {
        schema: String,
        required: bool,
    }
    let list = Vec::<Wire>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|wire| (wire.schema, wire.required)).collect())
}

impl ResourceType {
    /// Whether resources must have this extension; `None` if they cannot have it. The spelling must be
    /// exact.
    pub fn extension(&self, urn: &str) -> Option<bool> {
        self.extensions.iter().find(|(one, _)| one == urn).map(|(_, required)| *required)
    }

    /// The resource type as `/ResourceTypes` shows it, with `meta.location` below the base URL.
    pub fn to_json(&self, base_url: &str) -> Value {
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|(schema, required)| json!({"schema": schema, "required": required}))
            .collect();
        let location = format!("{}/ResourceTypes/{}", base_url.trim_end_matches('/'), self.name);
        json!({
            "schemas": [RESOURCE_TYPE_URN],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.schema,
            "schemaExtensions": extensions,
            "meta": {"resourceType": "ResourceType", "location": location},
        })
    }
}

/// A schema (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// URN.
    pub id: String,
    /// Name for people.
    #[serde(default)]
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The attributes it defines.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The schema as `/Schemas` shows it, with `meta.location` below the base URL.
    pub fn to_json(&self, base_url: &str) -> Value {
        let location = format!("{}/Schemas/{}", base_url.trim_end_matches('/'), self.id);
        json!({
            "schemas": [SCHEMA_URN],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": self.attributes,
            "meta": {"resourceType": "Schema", "location": location},
        })
    }
}

/// An attribute and its characteristics (RFC 7643 §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Its name; clients may use any case.
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type", default)]
    pub kind: Kind,
    /// Whether it holds a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; others are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether strings that differ only in case are different.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is shown.
    #[serde(default)]
    pub returned: Returned,
    /// Where its values must be unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute; empty for every other kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The sub-attribute with a name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }
}

/// Kinds of values (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum Kind {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Reference,
    Binary,
    Complex,
}

/// Who may write an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Only the server.
    ReadOnly,
    /// The client.
    #[default]
    ReadWrite,
    /// The client, but only once.
    Immutable,
    /// The client, but nobody may read it.
    WriteOnly,
}

/// When an attribute is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// Always, whatever the client asks for.
    Always,
    /// Never.
    Never,
    /// Unless the client excludes it.
    #[default]
    Default,
    /// Only if the client names it.
    Request,
}

/// Where a value must be unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Among the resources of its type in one application.
    Server,
    /// Everywhere.
    Global,
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = include_str!("../schemas/user.json");

    fn each(attributes: &[Attribute], visit: &mut impl FnMut(&Attribute)) {
        for attribute in attributes {
            visit(attribute);
            each(&attribute.sub_attributes, visit);
        }
    }

    #[test]
    fn core_is_found_in_any_case() {
        let registry = Registry::core();
        let user = registry.resource_type_at("uSERS").unwrap();
        assert_eq!(user.name, "User");
        assert_eq!(registry.resource_type("Group").unwrap().endpoint, "/Groups");
        assert!(registry.resource_type_at("/Users").is_none());
        let urn = &user.extensions[0].0;
        assert_eq!(&registry.schema(&urn.to_uppercase()).unwrap().id, urn);
    }

    #[test]
    fn wire_form_has_every_characteristic_and_no_null() {
        for schema in Registry::core().schemas() {
            let wire = schema.to_json("https://scim.example/v2/");
            assert_eq!(
                wire["meta"]["location"],
                format!("https://scim.example/v2/Schemas/{}", schema.id)
            );
            assert!(!wire.to_string().contains("null"));
            assert_eq!(
                &serde_json::from_value::<Schema>(wire).unwrap(),
                schema,
                "what is shown can be read"
            );
        }
        let written: Value = serde_json::from_str(USER).unwrap();
        let shown = Registry::core().schemas()[0].to_json("");
        assert_eq!(written["attributes"], shown["attributes"]);
        let wire = Registry::core().resource_types()[0].to_json("https://scim.example");
        assert_eq!(wire["meta"]["location"], "https://scim.example/ResourceTypes/User");
        assert_eq!(wire["schemaExtensions"][0]["required"], false);
    }

    #[test]
    fn derived_parts_are_announced_read_only() {
        let mut references = 0;
        for schema in Registry::core().schemas() {
            each(&schema.attributes, &mut |attribute| {
                assert!(!attribute.description.is_empty(), "{}", attribute.name);
                if attribute.name == "$ref" {
                    references += 1;
                    assert_eq!(attribute.mutability, Mutability::ReadOnly);
                }
            });
        }
        assert_eq!(references, 3);
        let group = Registry::core().schemas()[1].attributes.last().unwrap();
        assert_eq!(group.sub("DISPLAY").unwrap().mutability, Mutability::ReadOnly);
    }

    #[test]
    fn further_resource_types() {
        let schema = r#"{"id":"urn:x:Device","attributes":[{"name":"serial","required":true}]}"#;
        let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"URN:X:device"}"#;
        let registry = Registry::parse(&[schema], &[rt]).unwrap();
        let rt = registry.resource_type_at("devices").unwrap();
        assert_eq!(rt.schema, "urn:x:Device");
        let serial = &registry.schemas()[0].attributes[0];
        assert_eq!((serial.kind, serial.required), (Kind::String, true));
    }

    #[track_caller]
    fn check_refused(schemas: &[&str], resource_types: &[&str], expected: &str) {
        let error = Registry::parse(schemas, resource_types).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn refuses_what_cannot_work() {
        let with = |attributes: &str| format!(r#"{{"id":"urn:x","attributes":{attributes}}}"#);
        check_refused(&["{}"], &[], "not a schema or resource type");
        check_refused(&[r#"{"id":"x","attributes":[]}"#], &[], "not a URN");
        check_refused(&[USER, USER], &[], "twice");
        check_refused(&[&with(r#"[{"name":"a b"}]"#)], &[], "a b");
        check_refused(&[&with(r#"[{"name":"a"},{"name":"A"}]"#)], &[], "A");
        check_refused(&[&with(r#"[{"name":"a","type":"complex"}]"#)], &[], "a");
        let rt = r#"{"name":"X","endpoint":"/Xs","schema":"urn:y"}"#;
        check_refused(&[], &[rt], "urn:y is unknown");
        let rt = r#"{"name":"X","endpoint":"Xs","schema":"urn:y"}"#;
        check_refused(&[], &[rt], "malformed");
    }
}
