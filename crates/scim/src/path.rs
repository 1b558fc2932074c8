//! Attribute paths (RFC 7644 §3.10).

use std::fmt;

use crate::error::ScimError;
use crate::schema::{Registry, ResourceType, is_name, is_urn};

/// One attribute or sub-attribute. Known names are spelled as in their schema, others as given;
/// [`Registry::attribute`] says which are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttrPath {
    /// URN of an extension, in the registry's spelling; `None` for the base schema.
    pub schema: Option<String>,
    /// Name of the attribute.
    pub attribute: String,
    /// Name of the sub-attribute.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Reads `[URN ":"] name ["." name]`, for resources of one type or of any type.
    ///
    /// URNs are found in the registry and not by punctuation, because `2.0` contains a dot. An
    /// extension's attribute needs no URN if no other attribute has its name: RFC 7644 §3.10 only
    /// recommends it, and Entra sends `manager`. Unknown attributes are no error; white space is.
    pub fn parse(
        text: &str,
        rt: Option<&ResourceType>,
        registry: &Registry,
    ) -> Result<AttrPath, ScimError> {
        let (urn, rest) = split_urn(text, registry);
        let (attribute, sub) = match rest.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (rest, None),
        };
        let spaced = urn.is_some_and(|urn| urn.contains(char::is_whitespace));
        if spaced || !is_name(attribute) || !sub.is_none_or(is_name) {
            return Err(ScimError::invalid_path(
                "not an attribute path: expected a name, optionally after a schema URN and a colon, \
                 optionally followed by a dot and a sub-attribute",
            ));
        }
        let base = rt.map(|rt| rt.schema.as_str());
        let mut path = AttrPath {
            schema: urn.filter(|urn| Some(*urn) != base).map(str::to_owned),
            attribute: attribute.to_owned(),
            sub: sub.map(str::to_owned),
        };
        if path.schema.is_none() && registry.attribute(rt, &path).is_none() {
            let extension = registry.extension_with(rt, attribute);
            // With the base schema's URN no extension is meant, so keep that URN in the path.
            path.schema = extension.map(|extension| urn.unwrap_or(extension).to_owned());
        }
        if let Some(known) = registry.attribute(rt, &path) {
            path.attribute.clone_from(&known.name);
            if let Some(sub) = &mut path.sub
                && let Some(known) = known.sub(sub)
            {
                sub.clone_from(&known.name);
            }
        }
        Ok(path)
    }

    /// The same attribute with another sub-attribute, or none.
    pub(crate) fn with_sub(&self, sub: Option<&str>) -> AttrPath {
        AttrPath { sub: sub.map(str::to_owned), ..self.clone() }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

/// The longest registered URN that the text begins with, in the registry's spelling, and the text after
/// its colon. An unregistered URN ends at the last colon.
fn split_urn<'a>(text: &'a str, registry: &'a Registry) -> (Option<&'a str>, &'a str) {
    let registered = registry
        .schemas()
        .iter()
        .filter_map(|schema| {
            let head = text.get(..schema.id.len())?;
            let tail = &text[schema.id.len()..];
            let rest = if tail.is_empty() { tail } else { tail.strip_prefix(':')? };
            head.eq_ignore_ascii_case(&schema.id).then_some((schema.id.as_str(), rest))
        })
        .max_by_key(|(urn, _)| urn.len());
    match registered {
        Some((urn, rest)) => (Some(urn), rest),
        None if is_urn(text) => match text.rsplit_once(':') {
            Some((urn, rest)) => (Some(urn), rest),
            None => (None, text),
        },
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

    fn user() -> &'static ResourceType {
        Registry::core().resource_type("User").unwrap()
    }

    #[track_caller]
    fn check(text: &str, schema: Option<&str>, attribute: &str, sub: Option<&str>) {
        let expected = AttrPath {
            schema: schema.map(str::to_owned),
            attribute: attribute.to_owned(),
            sub: sub.map(str::to_owned),
        };
        let got = AttrPath::parse(text, Some(user()), Registry::core()).unwrap();
        assert_eq!(got, expected);
    }

    #[test]
    fn attribute_paths() {
        check("USERNAME", None, "userName", None);
        check("Name.GivenName", None, "name", Some("givenName"));
        check("meta.LastModified", None, "meta", Some("lastModified"));
        check("groups.$REF", None, "groups", Some("$ref"));
        check(&format!("{CORE}:emails.value"), None, "emails", Some("value"));
        check(
            &format!("{}:manager.DisplayName", ENT.to_uppercase()),
            Some(ENT),
            "manager",
            Some("displayName"),
        );
        // Unknown ones stay as they came.
        check("Shoe.Size", None, "Shoe", Some("Size"));
        check("urn:x:1.5:Shoe.size", Some("urn:x:1.5"), "Shoe", Some("size"));
        // An extension's attribute may go without its URN, but not under that of another schema.
        check("Department", Some(ENT), "department", None);
        check("MANAGER.value", Some(ENT), "manager", Some("value"));
        check(&format!("{CORE}:manager"), Some(CORE), "manager", None);
    }

    #[test]
    fn longest_urn_counts() {
        let schema = |urn: &str| format!(r#"{{"id":"{urn}","attributes":[{{"name":"a"}}]}}"#);
        let (short, long) = (schema("urn:x"), schema("urn:x:y"));
        let registry = Registry::parse(&[&short, &long], &[]).unwrap();
        let path = AttrPath::parse("urn:X:Y:a", None, &registry).unwrap();
        assert_eq!(path.schema.as_deref(), Some("urn:x:y"));
    }

    #[test]
    fn a_name_of_two_extensions_is_that_of_neither() {
        let schema = |urn: &str, name: &str| {
            format!(r#"{{"id":"{urn}","attributes":[{{"name":"{name}"}},{{"name":"both"}}]}}"#)
        };
        let (base, one, other) = (schema("urn:b", "x"), schema("urn:1", "y"), schema("urn:2", "z"));
        let base = base.replace("both", "alone");
        let extensions =
            r#"[{"schema":"urn:1","required":false},{"schema":"urn:2","required":false}]"#;
        let boat = format!(
            r#"{{"name":"Boat","endpoint":"/Boats","schema":"urn:b","schemaExtensions":{extensions}}}"#
        );
        let registry = Registry::parse(&[&base, &one, &other], &[&boat]).unwrap();
        for rt in [registry.resource_type("Boat"), None] {
            let schema_of = |name: &str| AttrPath::parse(name, rt, &registry).unwrap().schema;
            assert_eq!(schema_of("z").as_deref(), Some("urn:2"));
            assert_eq!(schema_of("both"), None);
            assert_eq!(schema_of("x"), None);
        }
    }
}
