//! Entity tags in `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §8.8.3 and §13.1).

use crate::error::{ScimError, ScimType};

const LENGTH_BYTES_MAX: usize = 8 * 1024;
const TAGS_MAX: usize = 100;

/// The versions that a precondition names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`: any version.
    Any,
    /// One of these tags, without quotes and `W/`; at least one.
    Tags(Vec<String>),
}

impl EntityTags {
    /// Reads the value of the header: `*`, or tags such as `W/"1842"` and `"1842"` separated by commas.
    /// Also accepts tags without quotes, such as `1842`.
    ///
    /// At most 8 KiB and 100 tags; 400 `invalidVers` for more, and for anything else.
    pub fn parse(header: &str) -> Result<EntityTags, ScimError> {
        if header.len() > LENGTH_BYTES_MAX {
            return Err(malformed(&format!("at most {LENGTH_BYTES_MAX} bytes")));
        }
        if header.trim() == "*" {
            return Ok(EntityTags::Any);
        }
        let mut tags = Vec::new();
        let mut rest = header;
        loop {
            // Commas without a tag between them are allowed (RFC 9110 §5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            if tags.len() == TAGS_MAX {
                return Err(malformed(&format!("at most {TAGS_MAX} tags")));
            }
            let (tag, after) = read_tag(rest).ok_or_else(no_tag)?;
            tags.push(tag.to_owned());
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(no_tag());
            }
        }
        if tags.is_empty() { Err(no_tag()) } else { Ok(EntityTags::Tags(tags)) }
    }

    /// Whether the tag of a version, such as `W/"1842"`, is among these. Uses weak comparison for
    /// `If-Match` too, because our tags are weak although no two states of a resource share one.
    pub fn matches(&self, etag: &str) -> bool {
        match self {
            EntityTags::Any => true,
            EntityTags::Tags(tags) => {
                read_tag(etag).is_some_and(|(tag, _)| tags.iter().any(|one| one == tag))
            }
        }
    }
}

/// The tag that the text begins with, and what follows it.
fn read_tag(text: &str) -> Option<(&str, &str)> {
    let opaque = text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")).unwrap_or(text);
    if let Some(quoted) = opaque.strip_prefix('"') {
        let (tag, rest) = quoted.split_once('"')?;
        return tag.chars().all(is_tag_character).then_some((tag, rest));
    }
    let end = opaque.find([',', ' ', '\t']).unwrap_or(opaque.len());
    let (tag, rest) = opaque.split_at(end);
    let bare = !tag.is_empty()
        && tag.chars().all(|c| is_tag_character(c) && !matches!(c, '"' | '*' | '/'));
    bare.then_some((tag, rest))
}

/// Non-ASCII characters are allowed too; the RFC keeps them for old clients.
fn is_tag_character(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_graphic()
}

fn no_tag() -> ScimError {
    malformed("* or a list of entity tags such as W/\"1842\"")
}

fn malformed(expected: &str) -> ScimError {
    let detail = format!("the version of a precondition must be {expected}");
    ScimError::new(400, Some(ScimType::InvalidVers), detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&[&str]>) {
        match (EntityTags::parse(header), expected) {
            (Ok(EntityTags::Tags(tags)), Some(expected)) => assert_eq!(tags, expected),
            (Err(error), None) => {
                assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidVers)));
                assert!(!error.detail.contains("secret"), "{error}");
            }
            (got, expected) => panic!("{header}: {got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn lists() {
        assert_eq!(EntityTags::parse(" * "), Ok(EntityTags::Any));
        check(r#"W/"1842""#, Some(&["1842"]));
        check(r#" "a,b" ,W/"c",, d , w/"" "#, Some(&["a,b", "c", "d", ""]));
        check(r#""a\","b""#, Some(&["a\\", "b"]));
        check("1842", Some(&["1842"]));
        check("W/1842,7", Some(&["1842", "7"]));
        check("\"é\"", Some(&["é"]));
        for bad in [
            "",
            " , ",
            "\"secret",
            "W/",
            "secret\"",
            "\"a\" \"b\"",
            "\"a\"b",
            "*, \"a\"",
            "\"a b\"",
            "\"a\u{7f}\"",
            "a b",
            "**",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn comparison_is_weak_and_exact_in_case() {
        let check = |header: &str, etag: &str, expected: bool| {
            assert_eq!(EntityTags::parse(header).unwrap().matches(etag), expected, "{header}");
        };
        for header in ["*", "W/\"1842\"", "\"1842\"", "1842", "\"7\", W/\"1842\""] {
            check(header, "W/\"1842\"", true);
        }
        check("\"1842\"", "\"1842\"", true);
        check("W/\"184\"", "W/\"1842\"", false);
        check("\"a\"", "W/\"A\"", false);
        check("\"W/\"", "W/\"1842\"", false);
    }

    #[test]
    fn bounds() {
        let many = |count: usize| vec!["\"1\""; count].join(",");
        assert!(EntityTags::parse(&many(100)).is_ok());
        check(&many(101), None);
        check(&",".repeat(LENGTH_BYTES_MAX + 1), None);
    }

    proptest! {
        #[test]
        fn never_panics(header in "\\PC*|[W/\"*, aé\t]{0,20}", etag in "[W/\"aé]{0,6}") {
            if let Ok(tags) = EntityTags::parse(&header) {
                let _ = tags.matches(&etag);
            }
        }
    }
}
