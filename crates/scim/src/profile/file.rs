//! Reads profiles from files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use caseless::case_folded;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::value::Datetime;

use super::{Listed, Profile, ProfileVersion, Profiles, Rules};
use crate::filter::{CompareOp, Filter, Literal};
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::schema::{FileError, Registry, ResourceType, check_files};
use crate::settings::Settings;

const NAME_BYTES_MAX: usize = 63;
const VERSIONS_MAX: usize = 64;
const LISTED_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: Spanned<String>,
    #[serde(default)]
    title: String,
    settings: Option<Spanned<Map<String, Value>>>,
    #[serde(default)]
    extensions: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>>,
    versions: Spanned<Vec<Spanned<VersionForm>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionForm {
    from: Option<Spanned<Datetime>>,
    settings: Option<Spanned<Map<String, Value>>>,
    users: RulesForm,
    groups: Option<RulesForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesForm {
    attributes: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    required: Vec<Spanned<String>>,
    filterable: Option<Vec<Spanned<String>>>,
}

/// A parsed file, with its name and text for error messages.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    form: Form,
}

/// See [`Profiles::load`].
pub(super) fn load(
    built_in: &[(&str, &str)],
    schema_files: &[(String, String)],
    profile_files: &[(String, String)],
) -> Result<(Registry, Profiles), FileError> {
    check_files(profile_files)?;
    let further = profile_files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let mut files = Vec::new();
    for (name, text) in built_in.iter().copied().chain(further) {
        files.push(File::read(name, text)?);
    }
    // Schema files first: their extensions take precedence over those of profiles.
    let theirs = Registry::with_files(schema_files)?;
    let mut schemas = schema_files.to_vec();
    let mut lines = BTreeMap::new();
    let mut private = BTreeSet::new();
    for file in &files {
        for (urn, attributes) in &file.form.extensions {
            if theirs.schema(urn.get_ref()).is_some() {
                continue;
            }
            let line = file.line(&urn.span());
            lines.insert(file.name, line);
            schemas.push((file.name.to_owned(), file.schema(urn, attributes)?));
            private.insert(urn.get_ref().clone());
        }
    }
    let registry = Registry::assembled(&schemas).map_err(|error| {
        match lines.get(error.file.as_str()) {
            // For a schema made from a profile, name the profile's line.
            Some(line) => FileError { line: *line, ..error },
            None => error,
        }
    })?;
    let mut all = BTreeMap::new();
    for file in &files {
        let profile = file.profile(&registry)?;
        if all.contains_key(&profile.name) {
            let detail = format!("there is another profile {}", profile.name);
            return Err(file.error(&file.form.name.span(), detail));
        }
        all.insert(profile.name.clone(), profile);
    }
    Ok((registry, Profiles { all, private }))
}

impl<'a> File<'a> {
    fn read(name: &'a str, text: &'a str) -> Result<File<'a>, FileError> {
        let form = toml::from_str(text).map_err(|error| FileError {
            file: name.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            detail: error.message().replace('\n', " "),
        })?;
        Ok(File { name, text, form })
    }

    fn line(&self, span: &Range<usize>) -> usize {
        line_of(self.text, span.start)
    }

    fn error(&self, span: &Range<usize>, detail: String) -> FileError {
        FileError { file: self.name.to_owned(), line: self.line(span), detail }
    }

    /// An extension's schema as discovery shows it.
    fn schema(
        &self,
        urn: &Spanned<String>,
        attributes: &BTreeMap<Spanned<String>, Spanned<String>>,
    ) -> Result<String, FileError> {
        const KINDS: [&str; 7] =
            ["string", "boolean", "integer", "decimal", "dateTime", "reference", "binary"];
        let mut shown = Vec::new();
        for (name, kind) in attributes {
            let (base, several) = match kind.get_ref().strip_suffix("[]") {
                Some(base) => (base, true),
                None => (kind.get_ref().as_str(), false),
            };
            if !KINDS.contains(&base) {
                let known = KINDS.join(", ");
                let detail = format!("the kind of an attribute is one of {known}, or that and []");
                return Err(self.error(&kind.span(), detail));
            }
            let mut attribute =
                json!({"name": name.get_ref(), "type": base, "multiValued": several});
            if base == "reference" {
                attribute["referenceTypes"] = json!(["external"]);
            }
            shown.push(attribute);
        }
        let title = match self.form.title.as_str() {
            "" => self.form.name.get_ref(),
            title => title,
        };
        let schema = json!({
            "id": urn.get_ref(),
            "name": title,
            "description": format!("What {title} adds to a user"),
            "attributes": shown,
            "extends": ["User"],
        });
        Ok(schema.to_string())
    }

    fn profile(&self, registry: &Registry) -> Result<Profile, FileError> {
        let name = &self.form.name;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let text = name.get_ref();
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(is_plain) {
            let detail = "a name takes 1 to 63 of a-z, 0-9 and -".to_owned();
            return Err(self.error(&name.span(), detail));
        }
        let given = &self.form.versions;
        if !(1..=VERSIONS_MAX).contains(&given.get_ref().len()) {
            let detail = format!("a profile has 1 to {VERSIONS_MAX} versions");
            return Err(self.error(&given.span(), detail));
        }
        let mut versions: Vec<Arc<ProfileVersion>> = Vec::new();
        for one in given.get_ref() {
            let version = self.version(one, registry)?;
            let before = versions.last().map(|before| before.from);
            if before.is_some_and(|before| version.from.is_none() || version.from <= before) {
                let detail = "`from` must be later than that of the version before".to_owned();
                return Err(self.error(&one.span(), detail));
            }
            versions.push(Arc::new(version));
        }
        let sha256 = Sha256::digest(self.text.as_bytes()).into();
        Ok(Profile { name: text.clone(), title: self.form.title.clone(), sha256, versions })
    }

    fn version(
        &self,
        given: &Spanned<VersionForm>,
        registry: &Registry,
    ) -> Result<ProfileVersion, FileError> {
        let form = given.get_ref();
        let from = form.from.as_ref().map(|from| {
            let date = from.get_ref().date.filter(|_| from.get_ref().time.is_none());
            let date = date.and_then(|date| {
                NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())
            });
            date.ok_or_else(|| {
                self.error(&from.span(), "`from` takes a day such as 2024-03-01".to_owned())
            })
        });
        let mut settings = self.settings(self.form.settings.as_ref())?;
        settings.extend(self.settings(form.settings.as_ref())?);
        let rules = |name: &str, form: &RulesForm| match registry.resource_type(name) {
            Some(resource_type) => self.rules(resource_type, registry, form),
            None => Ok(Rules::default()),
        };
        Ok(ProfileVersion {
            from: from.transpose()?,
            settings,
            users: rules("User", &form.users)?,
            groups: form.groups.as_ref().map(|form| rules("Group", form)).transpose()?,
        })
    }

    fn settings(
        &self,
        given: Option<&Spanned<Map<String, Value>>>,
    ) -> Result<Map<String, Value>, FileError> {
        let Some(given) = given else { return Ok(Map::new()) };
        let read = serde_json::from_value::<Settings>(Value::Object(given.get_ref().clone()));
        match read {
            Ok(_) => Ok(given.get_ref().clone()),
            Err(error) => Err(self.error(&given.span(), format!("settings: {error}"))),
        }
    }

    fn rules(
        &self,
        resource_type: &ResourceType,
        registry: &Registry,
        form: &RulesForm,
    ) -> Result<Rules, FileError> {
        let listed = |list: &Option<Vec<Spanned<String>>>| {
            let Some(list) = list else { return Ok(None) };
            if let Some(beyond) = list.get(LISTED_MAX) {
                let detail = format!("more than {LISTED_MAX} attributes");
                return Err(self.error(&beyond.span(), detail));
            }
            let listed = list.iter().map(|text| self.listed(resource_type, registry, text));
            listed.collect::<Result<Vec<_>, _>>().map(Some)
        };
        let mut required = Vec::new();
        for text in form.required.iter().take(LISTED_MAX) {
            match self.listed(resource_type, registry, text)? {
                Listed { path, element_type: None } if path.attribute != "members" => {
                    required.push(path);
                }
                Listed { .. } => {
                    let detail = "what is required is an attribute or a part of one, not an \
                                  element of a list or the members";
                    return Err(self.error(&text.span(), detail.to_owned()));
                }
            }
        }
        Ok(Rules {
            attributes: listed(&form.attributes)?,
            required,
            filterable: listed(&form.filterable)?,
        })
    }

    fn listed(
        &self,
        resource_type: &ResourceType,
        registry: &Registry,
        text: &Spanned<String>,
    ) -> Result<Listed, FileError> {
        let wrong =
            |detail: &str| self.error(&text.span(), format!("{}: {detail}", text.get_ref()));
        let parsed = PatchPath::parse(resource_type, registry, text.get_ref())
            .map_err(|error| wrong(&error.detail))?;
        let (path, element_type) = match parsed {
            PatchPath::Attribute(path) => (path, None),
            PatchPath::Filtered { path, filter } => (path, Some(type_of(&filter))),
            PatchPath::Schema(_) => {
                return Err(wrong("this is a schema; its attributes are listed one by one"));
            }
        };
        let element_type = match element_type {
            Some(None) => return Err(wrong("an element is told by [type eq \"…\"]")),
            Some(Some(name)) => Some(name),
            None => None,
        };
        let known = registry.attribute(Some(resource_type), &path).is_some_and(|attribute| {
            path.sub.as_deref().is_none_or(|sub| attribute.sub(sub).is_some())
        });
        if !known {
            let name = &resource_type.name;
            return Err(wrong(&format!("no schema has this attribute for a {name}")));
        }
        Ok(Listed { path, element_type })
    }
}

/// The element type in a filter `type eq "…"`.
fn type_of(filter: &Filter) -> Option<String> {
    match filter {
        Filter::Compare {
            path: AttrPath { schema: None, attribute, sub: None },
            op: CompareOp::Eq,
            value: Literal::String(text),
        } if attribute == "type" => Some(case_folded(text.as_str())),
        _ => None,
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}
