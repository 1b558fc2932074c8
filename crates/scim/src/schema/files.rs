//! Reads further schemas and resource types from an operator's files.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    Attribute, Mutability, Registry, RegistryError, ResourceType, Returned, Schema, Uniqueness,
    extensions_from_wire, is_name, is_urn,
};
use crate::member::Member;

const FILES_MAX: usize = 64;
const FILE_BYTES_MAX: usize = 1024 * 1024;
const ATTRIBUTES_MAX: usize = 1_000;

/// Path segments below the base URL that the protocol uses (RFC 7644 §3.2, §4).
const PROTOCOL_SEGMENTS: [&str; 7] = [
    "Bulk",
    "Me",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "ServiceConfiguration",
    ".search",
];

/// What is wrong in a file of schemas, resource types or profiles, and where. Operators write these
/// files, so the detail may repeat names from them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {detail}")]
pub struct FileError {
    /// Name of the file, as given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub detail: String,
}

impl Registry {
    /// [`Registry::core`] with the schemas and resource types of files. Each file (a name and a text)
    /// is one JSON object as discovery shows it: a schema if it has `attributes` (RFC 7643 §7), a
    /// resource type if it has `endpoint` (§6). A schema may name the resource types that it extends:
    /// `"extends": ["User"]` or `[{"resourceType": "User", "required": true}]`; discovery shows that
    /// with the resource types.
    ///
    /// The order of the files does not matter. Refuses a second definition of what the core has,
    /// unknown members, and characteristics that we do not enforce (`uniqueness`). At most 64 files of
    /// 1 MiB, with 1,000 attributes and sub-attributes each.
    pub fn with_files(files: &[(String, String)]) -> Result<Registry, FileError> {
        check_sizes(files)?;
        Registry::assembled(files)
    }

    /// The same without checking the number and sizes of the files.
    pub(crate) fn assembled(files: &[(String, String)]) -> Result<Registry, FileError> {
        let (mut schemas, mut resource_types) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let file = File { name, text };
            match file.read()? {
                Content::Schema(content) => schemas.push((file, content)),
                Content::ResourceType(content) => resource_types.push((file, content)),
            }
        }
        // Sort, so that the result and the error do not depend on the order of the files.
        schemas.sort_by(|(a, one), (b, other)| (&one.id, a.name).cmp(&(&other.id, b.name)));
        resource_types
            .sort_by(|(a, one), (b, other)| (&one.name, a.name).cmp(&(&other.name, b.name)));
        let mut registry = Registry::core().clone();
        let mut extends = Vec::new();
        for (file, content) in schemas {
            extends.push((file, content.id.clone(), content.extends));
            let schema = Schema {
                id: content.id,
                name: content.name,
                description: content.description,
                attributes: content.attributes,
            };
            registry.add_schema(file, schema)?;
        }
        for (file, content) in resource_types {
            let resource_type = ResourceType {
                name: content.name,
                endpoint: content.endpoint,
                description: content.description,
                schema: content.schema,
                extensions: content.extensions,
            };
            registry.add_resource_type(file, resource_type)?;
        }
        for (file, urn, extends) in extends {
            for one in extends {
                registry.extend(file, &urn, one)?;
            }
        }
        Ok(registry)
    }

    fn add_schema(&mut self, file: File<'_>, schema: Schema) -> Result<(), FileError> {
        let Schema { id, attributes, .. } = &schema;
        // Other characters of a URN could not be written in a filter.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if !is_urn(id) || !id.chars().all(is_plain) || id.ends_with(':') {
            return Err(file.error(
                id,
                format!(
                    "schema {id}: the id must be a URN of letters, digits, `-`, `.`, `_` and `:`"
                ),
            ));
        }
        if self.schema(id).is_some() {
            return Err(file.error(id, format!("schema {id} is defined already")));
        }
        if let Some(hidden) = self.hidden_attribute(&schema) {
            return Err(file.error(id, format!("schema {id} has the same name as {hidden}")));
        }
        super::check_attributes(id, attributes, true).map_err(|error| file.semantic(error))?;
        each(attributes, &mut |attribute| check_promises(file, attribute))?;
        self.schemas.push(schema);
        Ok(())
    }

    /// An attribute that would look like a schema: its schema's URN, a colon and its name are another
    /// schema's id.
    fn hidden_attribute(&self, schema: &Schema) -> Option<String> {
        let names = |one: &Schema, other: &Schema| {
            let tail = one.id.get(other.id.len()..)?.strip_prefix(':')?;
            let begins = one.id[..other.id.len()].eq_ignore_ascii_case(&other.id);
            let mut attributes = other.attributes.iter();
            let found = attributes.find(|attribute| attribute.name.eq_ignore_ascii_case(tail))?;
            begins.then(|| format!("the attribute {} of {}", found.name, other.id))
        };
        let mut known = self.schemas.iter();
        known.find_map(|known| names(schema, known).or_else(|| names(known, schema)))
    }

    fn add_resource_type(
        &mut self,
        file: File<'_>,
        mut resource_type: ResourceType,
    ) -> Result<(), FileError> {
        let name = resource_type.name.clone();
        let is_taken = |one: &ResourceType| one.name.eq_ignore_ascii_case(&name);
        if !is_name(&name) || name.starts_with('$') {
            return Err(file.error(&name, format!("resource type {name}: the name is malformed")));
        }
        if self.resource_types.iter().any(is_taken) {
            return Err(file.error(&name, format!("resource type {name} is defined already")));
        }
        let endpoint = &resource_type.endpoint;
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if PROTOCOL_SEGMENTS.iter().any(|one| one.eq_ignore_ascii_case(segment)) {
            return Err(file.error(endpoint, format!("the endpoint {endpoint} is the protocol's")));
        }
        if segment.is_empty() || !segment.chars().all(is_plain) {
            return Err(file.error(
                endpoint,
                format!("the endpoint {endpoint} must be a slash and letters, digits, `-` or `_`"),
            ));
        }
        if self.resource_type_at(segment).is_some() {
            return Err(file.error(endpoint, format!("the endpoint {endpoint} is taken")));
        }
        self.check_resource_type(&mut resource_type).map_err(|error| file.semantic(error))?;
        let mut used = vec![&resource_type.schema];
        for (urn, _) in &resource_type.extensions {
            if used.contains(&urn) {
                return Err(file.error(urn, format!("resource type {name} uses {urn} twice")));
            }
            used.push(urn);
        }
        // A base schema must not define the common attributes, nor `members`, which are stored
        // separately.
        let own = self.schema(&resource_type.schema).map(|schema| schema.attributes.as_slice());
        let members = Member::path().attribute;
        let taken = own.unwrap_or_default().iter().find(|attribute| {
            let mut common = self.common.iter().map(|one| &one.name);
            attribute.name.eq_ignore_ascii_case(&members)
                || common.any(|name| name.eq_ignore_ascii_case(&attribute.name))
        });
        if let Some(taken) = taken {
            return Err(file.error(
                &resource_type.schema,
                format!(
                    "resource type {name}: {} has an attribute {}, which means something else in a \
                     base schema",
                    resource_type.schema, taken.name
                ),
            ));
        }
        self.resource_types.push(resource_type);
        Ok(())
    }

    fn extend(&mut self, file: File<'_>, urn: &str, extends: Extends) -> Result<(), FileError> {
        let (name, required) = match extends {
            Extends::Name(name) => (name, false),
            Extends::Object(ExtendsObject { resource_type, required }) => (resource_type, required),
        };
        let Some(rt) = self.resource_types.iter_mut().find(|one| one.name == name) else {
            return Err(
                file.error(&name, format!("extends {name}: there is no such resource type"))
            );
        };
        if rt.schema == urn || rt.extension(urn).is_some() {
            return Err(file.error(&name, format!("extends {name}, which uses the schema already")));
        }
        rt.extensions.push((urn.to_owned(), required));
        Ok(())
    }
}

pub(crate) fn check_sizes(files: &[(String, String)]) -> Result<(), FileError> {
    let too_large =
        |file: &str, detail: String| Err(FileError { file: file.to_owned(), line: 1, detail });
    if let Some((name, _)) = files.get(FILES_MAX) {
        return too_large(name, format!("more than {FILES_MAX} files"));
    }
    match files.iter().find(|(_, text)| text.len() > FILE_BYTES_MAX) {
        Some((name, _)) => too_large(name, format!("more than {FILE_BYTES_MAX} bytes")),
        None => Ok(()),
    }
}

/// Refuses characteristics that we do not enforce.
fn check_promises(file: File<'_>, attribute: &Attribute) -> Result<(), FileError> {
    let name = &attribute.name;
    if attribute.uniqueness != Uniqueness::None {
        let detail = format!("attribute {name}: uniqueness must be none; only userName is unique");
        return Err(file.error(name, detail));
    }
    if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
        let detail = format!("attribute {name}: writeOnly needs `\"returned\": \"never\"`");
        return Err(file.error(name, detail));
    }
    Ok(())
}

fn each(
    attributes: &[Attribute],
    visit: &mut dyn FnMut(&Attribute) -> Result<(), FileError>,
) -> Result<(), FileError> {
    for attribute in attributes {
        visit(attribute)?;
        each(&attribute.sub_attributes, visit)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

enum Content {
    Schema(SchemaFile),
    ResourceType(ResourceTypeFile),
}

impl File<'_> {
    fn read(self) -> Result<Content, FileError> {
        let members: BTreeMap<String, IgnoredAny> = self.parse()?;
        match (members.contains_key("attributes"), members.contains_key("endpoint")) {
            (true, false) => {
                let content: SchemaFile = self.parse()?;
                let mut count = 0;
                each(&content.attributes, &mut |_| {
                    count += 1;
                    Ok(())
                })?;
                if count > ATTRIBUTES_MAX {
                    let detail = format!("more than {ATTRIBUTES_MAX} attributes");
                    return Err(self.error("attributes", detail));
                }
                Ok(Content::Schema(content))
            }
            (false, true) => self.parse().map(Content::ResourceType),
            (true, true) => {
                let detail =
                    "has both `attributes` and `endpoint`: a file is a schema or a resource type";
                Err(self.error("endpoint", detail.to_owned()))
            }
            (false, false) => Err(self.error(
                "",
                "has neither the `attributes` of a schema nor the `endpoint` of a resource type"
                    .to_owned(),
            )),
        }
    }

    fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, FileError> {
        serde_json::from_str(self.text).map_err(|error| {
            let (line, column) = (error.line().max(1), error.column());
            let detail = error.to_string();
            let place = format!(" at line {} column {column}", error.line());
            let detail = detail.strip_suffix(&place).unwrap_or(&detail).to_owned();
            FileError { file: self.name.to_owned(), line, detail }
        })
    }

    /// An error at the line where `culprit` first occurs in quotes.
    fn error(self, culprit: &str, detail: String) -> FileError {
        let quoted = format!("\"{culprit}\"");
        let line = match self.text.find(&quoted) {
            Some(at) => self.text[..at].matches('\n').count() + 1,
            None => 1,
        };
        FileError { file: self.name.to_owned(), line, detail }
    }

    fn semantic(self, error: RegistryError) -> FileError {
        let culprit = match &error {
            RegistryError::Form(_) => "",
            RegistryError::SchemaId(name) | RegistryError::ResourceType(name) => name,
            RegistryError::Attribute { attribute, .. } => attribute,
            RegistryError::UnknownSchema { schema, .. } => schema,
        };
        self.error(culprit, error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaFile {
    #[serde(default, rename = "schemas")]
    _schemas: IgnoredAny,
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    attributes: Vec<Attribute>,
    #[serde(default)]
    extends: Vec<Extends>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "an entry of `extends` must be a name, or an object with `resourceType` and `required`"
)]
enum Extends {
    Name(String),
    Object(ExtendsObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtendsObject {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceTypeFile {
    #[serde(default, rename = "schemas")]
    _schemas: IgnoredAny,
    #[serde(default, rename = "meta")]
    _meta: IgnoredAny,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
    name: String,
    endpoint: String,
    #[serde(default)]
    description: String,
    schema: String,
    #[serde(default, rename = "schemaExtensions", deserialize_with = "extensions_from_wire")]
    extensions: Vec<(String, bool)>,
}

#[cfg(test)]
mod tests;
