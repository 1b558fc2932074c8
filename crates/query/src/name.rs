//! Names of users and groups in questions: a SCIM id, userName, externalId or displayName.

use std::collections::BTreeSet;

use event::{Application, Attribute, Number, ResourceType, Seq};
use projector::{NameHolder, ProjectorError, View, case_folded};

/// How a question names a user or a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'a> {
    /// The kind of name.
    pub attribute: Attribute,
    /// The name itself.
    pub value: &'a str,
}

/// The prefixes of a name, before its first colon. A name without a prefix is a SCIM id.
const PREFIXES: [Attribute; 4] =
    [Attribute::Id, Attribute::UserName, Attribute::ExternalId, Attribute::DisplayName];

/// Splits a list of names at commas. A name that contains a comma must be in double quotes, as a whole or
/// after its prefix (`displayName:"A, B"`); quotes inside are doubled. `None` if a quote is not closed,
/// or something follows it.
pub fn parted(text: &str) -> Option<Vec<String>> {
    let mut names = vec![];
    let mut rest = text;
    loop {
        let prefix = PREFIXES.iter().map(|attribute| attribute.name());
        let prefix = prefix.filter(|name| rest.starts_with(&format!("{name}:\""))).max();
        let (before, quoted) = rest.split_at(prefix.map_or(0, |prefix| prefix.len() + 1));
        let mut name = before.to_owned();
        if let Some(mut inside) = quoted.strip_prefix('"') {
            loop {
                let (text, after) = inside.split_once('"')?;
                name.push_str(text);
                match after.strip_prefix('"') {
                    Some(after) => {
                        name.push('"');
                        inside = after;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
        } else {
            let (text, _) = rest.split_once(',').unwrap_or((rest, ""));
            name = text.to_owned();
            rest = &rest[text.len()..];
        }
        names.push(name);
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(names),
        }
    }
}

/// Joins names into a list for [`parted`].
pub fn joined(names: &[String]) -> String {
    let quoted = names.iter().map(|name| match name.contains([',', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.clone(),
    });
    quoted.collect::<Vec<_>>().join(",")
}

/// Who had a name at an instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nobody ever had it.
    Nobody,
    /// Exactly one had it.
    One(Number),
    /// Several had it at that instant.
    Several(Vec<Number>),
}

impl<'a> Name<'a> {
    /// Reads `userName:…`, `externalId:…`, `displayName:…`, `id:…`, or an id alone.
    pub fn parse(text: &'a str) -> Name<'a> {
        let named = text.split_once(':').and_then(|(prefix, value)| {
            let attribute = PREFIXES.into_iter().find(|attribute| attribute.name() == prefix)?;
            Some(Name { attribute, value })
        });
        named.unwrap_or(Name { attribute: Attribute::Id, value: text })
    }

    /// Who had this name at an instant. If nobody did, the last who had it before; else the first who had
    /// it later.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
    pub fn at(
        self,
        view: &View<'_>,
        application: Application,
        resource_type: ResourceType,
        at: Option<Seq>,
    ) -> Result<Found, ProjectorError> {
        if self.attribute == Attribute::Id {
            let number = view.number_of_id(application, resource_type, self.value)?;
            return Ok(number.map_or(Found::Nobody, Found::One));
        }
        let holders = self.name_holders(view, application, resource_type)?;
        let at_once: BTreeSet<Number> = holders
            .iter()
            .filter(|holder| {
                at.is_some_and(|at| holder.since <= at && holder.until.is_none_or(|end| at < end))
            })
            .map(|holder| holder.number)
            .collect();
        if at_once.len() > 1 {
            return Ok(Found::Several(at_once.into_iter().collect()));
        }
        let before = holders.iter().filter(|holder| at.is_some_and(|at| holder.since <= at));
        let last_before = before.max_by_key(|holder| holder.until).map(|holder| holder.number);
        let first_after = holders.iter().min_by_key(|holder| holder.since);
        let found = at_once.first().copied().or(last_before);
        let found = found.or(first_after.map(|holder| holder.number));
        Ok(found.map_or(Found::Nobody, Found::One))
    }

    /// Everybody who ever had this name, or was only mentioned by it: in a lookup that found nothing or a
    /// refused creation.
    pub fn ever(
        self,
        view: &View<'_>,
        application: Application,
        resource_type: ResourceType,
    ) -> Result<BTreeSet<Number>, ProjectorError> {
        let mut numbers = BTreeSet::new();
        if self.attribute == Attribute::Id {
            numbers.extend(view.number_of_id(application, resource_type, self.value)?);
        } else {
            let holders = self.name_holders(view, application, resource_type)?;
            numbers.extend(holders.iter().map(|holder| holder.number));
        }
        let case_folded = case_folded(self.attribute, self.value);
        numbers.extend(view.mentions(application, resource_type, self.attribute, &case_folded)?);
        Ok(numbers)
    }

    fn name_holders(
        self,
        view: &View<'_>,
        application: Application,
        resource_type: ResourceType,
    ) -> Result<Vec<NameHolder>, ProjectorError> {
        let case_folded = case_folded(self.attribute, self.value);
        view.name_holders(application, resource_type, self.attribute, &case_folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_are_quoted() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(parted(text).unwrap(), expected, "{text}");
            let names: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(parted(&joined(&names)).unwrap(), names);
        };
        check("g-1,displayName:Crew", &["g-1", "displayName:Crew"]);
        check(r#""displayName:A, B",g-1"#, &["displayName:A, B", "g-1"]);
        check(r#"displayName:"A, B",displayName:"C""#, &["displayName:A, B", "displayName:C"]);
        check(r#"displayName:"a ""b"", c",x"#, &["displayName:a \"b\", c", "x"]);
        check(r#"displayName:12" pipes,x"#, &["displayName:12\" pipes", "x"]);
        check("a,,b", &["a", "", "b"]);
        check("", &[""]);
        for text in ["\"a,b", "\"a\"b", "displayName:\"a"] {
            assert_eq!(parted(text), None, "{text}");
        }
    }

    #[test]
    fn a_known_prefix_before_the_first_colon_says_what_kind_of_name_it_is() {
        let check = |text: &str, attribute: Attribute, value: &str| {
            assert_eq!(Name::parse(text), Name { attribute, value }, "{text}");
        };
        check("2819c223", Attribute::Id, "2819c223");
        check("id:2819c223", Attribute::Id, "2819c223");
        check("userName:mira@fjord.test", Attribute::UserName, "mira@fjord.test");
        check("externalId:a:b", Attribute::ExternalId, "a:b");
        check("displayName:", Attribute::DisplayName, "");
        check("username:x", Attribute::Id, "username:x");
        check("urn:x:y", Attribute::Id, "urn:x:y");
    }
}
