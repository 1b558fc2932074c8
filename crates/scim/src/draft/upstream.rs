//! Reads the resource of an upstream. Nothing is refused: a value that does not fit the schema is kept
//! unchanged and noted, so that one odd attribute does not hide the whole resource.

use serde_json::{Map, Value};

use super::{Draft, Mode};
use crate::error::ScimError;
use crate::limits::check_size;
use crate::member::Member;
use crate::patch::MemberOperation;
use crate::patch_path::PatchPath;
use crate::path::AttrPath;
use crate::resource::{Resource, each_attribute, validate_one};
use crate::schema::{Registry, ResourceType, is_urn};
use crate::settings::Settings;
use crate::value::{Misfits, id_text, is_unassigned};

/// The resource of an upstream, as it shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamResource {
    /// Its attributes and members. Values that do not fit the schema are among the attributes, unchanged.
    pub resource: Resource,
    /// What does not fit the schema.
    pub misfits: Misfits,
    /// Whether these are all members. False if some of those shown have no readable id.
    pub members_are_all: bool,
}

impl UpstreamResource {
    /// Reads an upstream's resource. A value that the schema does not allow is kept unchanged. Such a
    /// value, and any string, is left out if it has more than 64 KiB; the largest attributes are left
    /// out until all together have at most [`crate::RESOURCE_BYTES_MAX`]. Takes all members with a
    /// readable id. `None` if it is not an object.
    pub fn read(
        rt: &ResourceType,
        registry: &Registry,
        settings: &Settings,
        shown: &Value,
    ) -> Option<UpstreamResource> {
        let mut draft = Draft::of_upstream(rt, registry, settings);
        draft.merge(Mode::Replace, shown.as_object()?).ok()?;
        let attributes = std::mem::take(&mut draft.attributes);
        let reading = &draft.reading;
        each_attribute(rt, registry, |path, attribute| {
            validate_one(rt, &attributes, path, attribute)
                .or_else(|error| reading.tolerate(path, error))
        })
        .ok()?;
        let mut attributes = attributes;
        while check_size(&attributes).is_err() {
            let Some(path) = drop_largest(&mut attributes) else { break };
            reading.leave_out(&path);
        }
        let Draft { reading, mut members, .. } = draft;
        let (unknown, misfits) = reading.into_notes();
        let (members, members_are_all) = match members.pop() {
            Some(MemberOperation::Replace(members)) => (Some(members), true),
            Some(MemberOperation::Add(members)) => (Some(members), false),
            _ => (None, true),
        };
        let resource = Resource { attributes, members, unknown };
        Some(UpstreamResource { resource, misfits, members_are_all })
    }
}

impl Draft<'_> {
    /// Keeps an upstream's value that does not fit at a path. Refuses a client's with `error`.
    pub(super) fn keep(
        &mut self,
        path: &PatchPath,
        value: &Value,
        error: ScimError,
    ) -> Result<(), ScimError> {
        let whole = |urn: &str| AttrPath { schema: None, attribute: urn.to_owned(), sub: None };
        match path {
            PatchPath::Schema(urn) if self.rt.extension(urn).is_some() => {
                let path = whole(urn);
                if let Some(kept) = self.reading.keep(&path, value, error)? {
                    self.attributes.insert(urn.clone(), kept);
                }
            }
            PatchPath::Attribute(path) if path.sub.is_none() && is_unassigned(value) => {
                self.reading.tolerate(path, error)?;
                self.put(path, None);
            }
            PatchPath::Attribute(path) if path.sub.is_none() => {
                let kept = self.reading.keep(path, value, error)?;
                self.put(path, kept);
            }
            // It is part of something that may not exist, so there is no place to keep it.
            PatchPath::Schema(_) | PatchPath::Attribute(_) | PatchPath::Filtered { .. } => {
                if !self.reading.keeps_misfits() {
                    return Err(error);
                }
                self.reading.leave_out(&match path {
                    PatchPath::Schema(urn) => whole(urn),
                    PatchPath::Attribute(path) | PatchPath::Filtered { path, .. } => path.clone(),
                });
            }
        }
        Ok(())
    }

    /// Takes the members with a readable id. Only if all have one, members not shown are known to have
    /// left.
    pub(super) fn read_upstream_members(&mut self, path: &AttrPath, value: &Value) {
        let given = match value {
            Value::Null => [].as_slice(),
            Value::Object(object) if object.is_empty() => [].as_slice(),
            Value::Array(items) => items,
            single => std::slice::from_ref(single),
        };
        let mut seen = std::collections::HashSet::with_capacity(given.len());
        let mut members = Vec::with_capacity(given.len());
        let mut all = true;
        for item in given {
            match Member::read_any(&with_text_id(item)) {
                Ok(member) if !member.value.is_empty() => {
                    if seen.insert(member.value.clone()) {
                        members.push(member);
                    }
                }
                Ok(_) | Err(_) => all = false,
            }
        }
        if !all {
            self.reading.note_kept(path);
        }
        self.members.push(match all {
            true => MemberOperation::Replace(members),
            false => MemberOperation::Add(members),
        });
    }
}

/// Replaces a member's id that is a number by the number's decimal text.
fn with_text_id(item: &Value) -> Value {
    match item {
        Value::Number(_) => id_text(item).map_or_else(|| item.clone(), Value::String),
        Value::Object(object) => {
            let texts = object.iter().map(|(name, value)| {
                let is_id = name.eq_ignore_ascii_case("value") && value.is_number();
                let text = id_text(value).filter(|_| is_id).map(Value::String);
                (name.clone(), text.unwrap_or_else(|| value.clone()))
            });
            Value::Object(texts.collect())
        }
        other => other.clone(),
    }
}

/// Removes the largest attribute.
fn drop_largest(attributes: &mut Map<String, Value>) -> Option<AttrPath> {
    let bytes = |value: &Value| canonical::json(value).len();
    let (name, value) = attributes.iter().max_by_key(|(_, value)| bytes(value))?;
    let name = name.clone();
    let part = match value {
        Value::Object(extension) if is_urn(&name) => {
            extension.iter().max_by_key(|(_, value)| bytes(value)).map(|(part, _)| part.clone())
        }
        _ => None,
    };
    match (part, attributes.get_mut(&name)) {
        (Some(part), Some(Value::Object(extension))) => {
            extension.remove(&part);
            if extension.is_empty() {
                attributes.remove(&name);
            }
            Some(AttrPath { schema: Some(name), attribute: part, sub: None })
        }
        _ => {
            attributes.remove(&name);
            Some(AttrPath { schema: None, attribute: name, sub: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn shown(name: &str, body: &Value) -> UpstreamResource {
        let registry = Registry::core();
        let rt = registry.resource_type(name).unwrap();
        UpstreamResource::read(rt, registry, &Settings::generic(), body).unwrap()
    }

    /// A user with one more attribute is kept so, and this of it is noted.
    #[track_caller]
    fn check(name: &str, value: Value, expected: Option<Value>, kept: &[&str], left_out: &[&str]) {
        let read =
            shown("User", &json!({"id": "1", "userName": "bo", name: value, "title": "Mate"}));
        let mut attributes = read.resource.attributes;
        assert_eq!(attributes.remove("title"), Some(json!("Mate")), "the others are as ever");
        if name != "userName" {
            assert_eq!(attributes.remove("userName"), Some(json!("bo")));
        }
        assert_eq!(attributes.remove(name), expected, "{name}");
        assert!(attributes.is_empty(), "{attributes:?}");
        let names =
            |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(&read.misfits.kept), kept);
        assert_eq!(names(&read.misfits.left_out), left_out);
    }

    #[test]
    fn what_does_not_fit_is_kept_as_it_is_shown_and_noted() {
        let kept = |name: &str, value: Value, path: &str| {
            check(name, value.clone(), Some(value), &[path], &[]);
        };
        kept("active", json!("Yes"), "active");
        kept("active", json!(1), "active");
        kept("active", json!([true, false]), "active");
        kept("displayName", json!(7), "displayName");
        kept("displayName", json!({"en": "Bo"}), "displayName");
        kept("userName", json!("b".repeat(2_000)), "userName");
        kept("name", json!("Bo Ek"), "name");
        kept("name", json!({"givenName": 7, "familyName": "Ek"}), "name.givenName");
        kept("addresses", json!(["Quay 1"]), "addresses");
        kept("phoneNumbers", json!([{"type": "work", "value": 4711}]), "phoneNumbers.value");
        kept("x509Certificates", json!([{"value": "no base64!"}]), "x509Certificates.value");
        let two = json!([{"value": "a@x", "primary": true}, {"value": "b@x", "primary": true}]);
        kept("emails", two, "emails");
        let many: Vec<Value> = (0..1_001).map(|n| json!({"value": format!("{n}@x")})).collect();
        kept("emails", json!(many), "emails");
        kept(ENT, json!("Galley"), ENT);
        kept(ENT, json!({"department": ["a", "b"]}), &format!("{ENT}:department"));
        // What fits is read as ever, beside what does not.
        let odd = json!([{"VALUE": 4711, "Type": "work"}, "0815", {"value": ""}]);
        let read = json!([{"value": 4711, "type": "work"}, {"value": "0815"}]);
        check("phoneNumbers", odd, Some(read), &["phoneNumbers.value"], &[]);
        check("userName", json!("  "), Some(json!("  ")), &["userName"], &[]);
        check("userName", Value::Null, None, &["userName"], &[]);
    }

    #[test]
    fn what_is_too_large_is_left_out_and_noted() {
        let long = "x".repeat(65_537);
        check("displayName", json!(long), None, &[], &["displayName"]);
        check("name", json!({"givenName": long}), None, &[], &["name.givenName"]);
        check("name", json!([long, long]), None, &[], &["name"]);
        let list: Vec<Value> =
            (0..20).map(|n| json!({"value": format!("{n}{}", "x".repeat(60_000))})).collect();
        check("emails", json!(list), None, &[], &["emails"]);
    }

    #[test]
    fn nothing_that_is_never_given_out_hides_in_what_does_not_fit() {
        let odd = json!({"a": [{"PassWord": "hush", "b": 1}]});
        check("displayName", odd, Some(json!({"a": [{"b": 1}]})), &["displayName"], &[]);
        check("password", json!({"x": "hush"}), None, &[], &[]);
    }

    #[test]
    fn the_id_of_somebody_else_may_be_a_number() {
        let manager = |value: Value| json!({"manager": {"value": value}});
        check(ENT, manager(json!(26)), Some(manager(json!("26"))), &[], &[]);
        let path = format!("{ENT}:manager.value");
        check(ENT, manager(json!(2.5)), Some(manager(json!(2.5))), &[&path], &[]);

        let text = |text: &str| id_text(&serde_json::from_str(text).unwrap());
        assert_eq!(text("7").as_deref(), Some("7"));
        assert_eq!(text("-7").as_deref(), Some("-7"));
        assert_eq!(text("18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(text("\"07\"").as_deref(), Some("07"));
        for other in
            ["7.0", "7e2", "-0.0", "18446744073709551616", "\"\"", "null", "true", "[7]", "{}"]
        {
            assert_eq!(text(other), None, "{other}");
        }
    }

    #[test]
    fn members_are_those_whose_id_can_be_told() {
        let check = |members: Value, expected: Option<&[&str]>, all: bool| {
            let read = shown("Group", &json!({"displayName": "Crew", "members": members}));
            let ids = read.resource.members.map(|all| all.into_iter().map(|one| one.value));
            let ids = ids.map(|ids| ids.collect::<Vec<_>>());
            assert_eq!(
                ids.as_deref(),
                expected
                    .map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
                    .as_deref()
            );
            assert_eq!((read.members_are_all, read.misfits.kept.contains("members")), (all, !all));
        };
        check(
            json!([{"value": 7}, {"Value": "8"}, 9, "10", {"value": "8"}]),
            Some(&["7", "8", "9", "10"]),
            true,
        );
        check(json!([]), Some(&[]), true);
        check(Value::Null, Some(&[]), true);
        check(json!([{"value": "7"}, {"display": "Bo"}]), Some(&["7"]), false);
        check(json!([{"value": 7.5}]), Some(&[]), false);
        check(json!([{"value": "x".repeat(1_025)}, "7"]), Some(&["7"]), false);
        check(json!(false), Some(&[]), false);
        // What a client may not send is what it is where somebody else keeps it.
        check(json!(["{67e55044}", {"value": "[1]"}]), Some(&["{67e55044}", "[1]"]), true);
        assert_eq!(shown("Group", &json!({"displayName": "Crew"})).resource.members, None);
    }
}
