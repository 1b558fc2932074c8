//! The paths of PATCH operations (RFC 7644 §3.5.2).

use crate::error::ScimError;
use crate::filter::{self, Filter};
use crate::path::AttrPath;
use crate::schema::{Registry, ResourceType, is_name};

/// The target of a PATCH operation.
#[derive(Clone, Debug, PartialEq)]
pub enum PatchPath {
    /// All attributes of one schema, by its registered URN: a whole extension, or the base schema.
    Schema(String),
    /// An attribute or sub-attribute.
    Attribute(AttrPath),
    /// The elements of a multi-valued attribute that match a filter, or one sub-attribute of them.
    Filtered {
        /// The attribute; `sub` is the name after the bracket.
        path: AttrPath,
        /// A filter whose paths name sub-attributes of the attribute.
        filter: Filter,
    },
}

impl PatchPath {
    /// Whether it names an attribute of an extension.
    pub(crate) fn is_of_extension(&self) -> bool {
        match self {
            PatchPath::Schema(_) => false,
            PatchPath::Attribute(path) | PatchPath::Filtered { path, .. } => path.schema.is_some(),
        }
    }

    /// Reads the `path` of an operation.
    ///
    /// Attributes that no schema has are no error, because clients map more attributes than a server
    /// knows, and stop altogether when refused. Applying the path then changes nothing.
    ///
    /// White space is an error, also around the path; inside a bracket it is allowed as in
    /// [`Filter::parse`].
    pub fn parse(
        rt: &ResourceType,
        registry: &Registry,
        text: &str,
    ) -> Result<PatchPath, ScimError> {
        if let Some(schema) = registry.schema(text) {
            return Ok(PatchPath::Schema(schema.id.clone()));
        }
        let Some((head, bracket)) = text.split_once('[') else {
            return AttrPath::parse(text, Some(rt), registry).map(PatchPath::Attribute);
        };
        let path = AttrPath::parse(head, Some(rt), registry)?;
        if path.sub.is_some() {
            return Err(ScimError::invalid_path(
                "a filter must follow an attribute, not a sub-attribute",
            ));
        }
        let attribute = registry.attribute(Some(rt), &path);
        let (filter, tail) = filter::parse_bracket(bracket, attribute, registry)?;
        let sub = match tail {
            "" => None,
            tail => match tail.strip_prefix('.') {
                Some(sub) if is_name(sub) => Some(sub),
                _ => {
                    return Err(ScimError::invalid_path(
                        "after a bracket only a dot and one sub-attribute can follow",
                    ));
                }
            },
        };
        let known = sub.and_then(|sub| attribute?.sub(sub));
        let sub = known.map_or(sub, |known| Some(known.name.as_str()));
        Ok(PatchPath::Filtered { path: path.with_sub(sub), filter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ScimType;
    use proptest::prelude::*;

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn user() -> &'static ResourceType {
        Registry::core().resource_type("User").unwrap()
    }

    #[test]
    fn patch_paths() {
        let parse = |text: &str| PatchPath::parse(user(), Registry::core(), text);
        assert_eq!(parse(&ENT.to_lowercase()).unwrap(), PatchPath::Schema(ENT.to_owned()));
        let PatchPath::Filtered { path, filter } =
            parse(r#"EMAILS[Type eq "wo]rk" and PRIMARY eq true].Value"#).unwrap()
        else {
            panic!("has a filter");
        };
        assert_eq!(path.to_string(), "emails.value");
        assert!(matches!(filter, Filter::And(terms) if terms.len() == 2));
    }

    #[test]
    fn refusals() {
        let check = |text: &str, scim_type| {
            let error = PatchPath::parse(user(), Registry::core(), text).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{text}");
            assert!(!error.detail.contains("secret"), "{}", error.detail);
        };
        check("", ScimType::InvalidPath);
        for space in [" ", "\u{a0}", "\t", "\u{2003}"] {
            check(space, ScimType::InvalidPath);
            for path in ["title", "name.givenName", ENT, r#"emails[type eq "work"].value"#] {
                check(&format!("{space}{path}"), ScimType::InvalidPath);
                check(&format!("{path}{space}"), ScimType::InvalidPath);
            }
            check(&format!("{ENT}:{space}department"), ScimType::InvalidPath);
            check(&format!("{ENT}{space}:department"), ScimType::InvalidPath);
            check(&format!(r#"emails{space}[type eq "work"]"#), ScimType::InvalidPath);
        }
        check("a.b.c", ScimType::InvalidPath);
        check("secret name", ScimType::InvalidPath);
        check(".value", ScimType::InvalidPath);
        check(&format!("{ENT}:"), ScimType::InvalidPath);
        check(r#"emails.value[type eq "work"]"#, ScimType::InvalidPath);
        check(r#"emails[type eq "work"]value"#, ScimType::InvalidPath);
        check(r#"emails[type eq "work"].a.b"#, ScimType::InvalidPath);
        check(r#"emails[type is "secret"]"#, ScimType::InvalidFilter);
        check(r#"emails[type eq "secret"#, ScimType::InvalidFilter);
        check("emails[]", ScimType::InvalidFilter);
        check(r#"emails[a[b eq "c"]]"#, ScimType::InvalidFilter);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[a-z.:\\[\\]\"$ åé]*") {
            let _ = PatchPath::parse(user(), Registry::core(), &text);
            let _ = PatchPath::parse(user(), Registry::core(), &format!("{ENT}{text}"));
            let _ = PatchPath::parse(user(), Registry::core(), &format!("emails[{text}"));
        }
    }
}
