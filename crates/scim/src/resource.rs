//! Resources in the form in which they are stored, and reading them from the body of a POST or PUT.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::draft::{Draft, Mode};
use crate::error::ScimError;
use crate::limits::check_size;
use crate::member::Member;
use crate::patch::MemberOperation;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Mutability, Registry, ResourceType};
use crate::settings::Settings;
use crate::value::{check_primary, is_kept};

/// One resource as a client wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Attributes spelled as in the schema, extensions as objects under their URN; no `null`, `[]`,
    /// `{}` or empty string. Without `id`, `meta`, `schemas`, `groups`, `members` and `password`.
    pub attributes: Map<String, Value>,
    /// The members of a group; `None` if the body has none.
    pub members: Option<Vec<Member>>,
    /// Ignored names that no schema has, as the client wrote them; parts with their attribute in front.
    /// Cut at 256 bytes; the first 64.
    pub unknown: BTreeSet<String>,
}

impl Resource {
    /// Reads the body of a POST or PUT (RFC 7644 §3.3, §3.5.1).
    ///
    /// Lenient where clients need it: names in any case, dotted (`name.givenName`) or with a URN, but not
    /// with white space around them; a single value for a list and a list of one for a single value;
    /// unknown and readOnly attributes are ignored; a `password` is dropped.
    ///
    /// Strict about types, sizes and required attributes: 400 `invalidValue`. 400 `invalidSyntax` if the
    /// body is not an object. 413 above [`crate::MEMBERS_MAX`], [`crate::LOOKED_AT_MAX`] and
    /// [`crate::RESOURCE_BYTES_MAX`].
    pub fn read(
        rt: &ResourceType,
        registry: &Registry,
        settings: &Settings,
        body: &Value,
    ) -> Result<Resource, ScimError> {
        let Value::Object(object) = body else {
            return Err(ScimError::invalid_syntax("the body must be a JSON object"));
        };
        check_schemas(settings, body, &rt.schema)?;
        let mut draft = Draft::new(rt, registry, settings, Map::new());
        draft.merge(Mode::Replace, object)?;
        validate(rt, registry, &draft.attributes)?;
        check_size(&draft.attributes)?;
        let (attributes, mut members, unknown) = draft.into_parts();
        let members = members.pop().and_then(|last| match last {
            MemberOperation::Replace(members) => Some(members),
            _ => None,
        });
        Ok(Resource { attributes, members, unknown })
    }
}

/// With [`Settings::require_schemas`], refuses a body that does not list `urn` in `schemas`: 400
/// `invalidValue`. The URN is the resource type's schema for POST and PUT, [`crate::PATCH_URN`] for
/// PATCH, [`crate::BULK_URN`] for Bulk.
pub fn check_schemas(settings: &Settings, body: &Value, urn: &str) -> Result<(), ScimError> {
    let listed = || {
        body.as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.eq_ignore_ascii_case("schemas"))
            .filter_map(|(_, value)| value.as_array())
            .flatten()
            .filter_map(Value::as_str)
            .any(|one| one.eq_ignore_ascii_case(urn))
    };
    if settings.require_schemas && !listed() {
        return Err(ScimError::invalid_value(format!("schemas must list {urn}")));
    }
    Ok(())
}

/// Refuses a change of an `immutable` attribute that is set (RFC 7643 §7): 400 `mutability`. Both
/// states are in the form of [`Resource::attributes`].
///
/// Parts of elements of lists are not checked, because a changed element cannot be told from a new one.
pub fn check_immutable(
    rt: &ResourceType,
    registry: &Registry,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) -> Result<(), ScimError> {
    each_attribute(rt, registry, |path, attribute| {
        let refused = |path: &AttrPath| {
            Err(ScimError::mutability(format!("{path} cannot change once it is set")))
        };
        let is_changed = |old: Option<&Value>, new: Option<&Value>| old.is_some() && old != new;
        let (old, new) = (get(old, path), get(new, path));
        if attribute.mutability == Mutability::Immutable && is_changed(old, new) {
            return refused(path);
        }
        let parts = attribute.sub_attributes.iter();
        for part in parts.filter(|one| one.mutability == Mutability::Immutable) {
            let old = old.and_then(|old| old.get(&part.name));
            if is_changed(old, new.and_then(|new| new.get(&part.name))) {
                return refused(&path.with_sub(Some(&part.name)));
            }
        }
        Ok(())
    })
}

/// Checks the state as a whole: required attributes exist, at most one element is primary.
pub(crate) fn validate(
    rt: &ResourceType,
    registry: &Registry,
    attributes: &Map<String, Value>,
) -> Result<(), ScimError> {
    each_attribute(rt, registry, |path, attribute| validate_one(rt, attributes, path, attribute))
}

/// The same of one attribute.
pub(crate) fn validate_one(
    rt: &ResourceType,
    attributes: &Map<String, Value>,
    path: &AttrPath,
    attribute: &Attribute,
) -> Result<(), ScimError> {
    let value = get(attributes, path);
    let expected = match &path.schema {
        None => true,
        Some(urn) => attributes.contains_key(urn) || rt.extension(urn) == Some(true),
    };
    // White space alone counts as empty (RFC 7643 §4.1.1 requires a non-empty userName).
    let is_blank = value.and_then(Value::as_str).is_some_and(|text| text.trim().is_empty());
    if (value.is_none() || is_blank) && attribute.required && expected {
        return Err(ScimError::invalid_value(format!("{path} is required")));
    }
    let elements = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => [].as_slice(),
    };
    check_primary(path, elements)?;
    if attribute.kind == Kind::Complex {
        // Parts that only the server writes cannot be missing.
        let required = |one: &&Attribute| one.required && is_kept(one);
        for part in attribute.sub_attributes.iter().filter(required) {
            if elements.iter().any(|one| one.get(&part.name).is_none()) {
                let path = path.with_sub(Some(&part.name));
                return Err(ScimError::invalid_value(format!("{path} is required")));
            }
        }
    }
    Ok(())
}

/// Visits the attributes that clients may write, except members.
pub(crate) fn each_attribute(
    rt: &ResourceType,
    registry: &Registry,
    mut visit: impl FnMut(&AttrPath, &Attribute) -> Result<(), ScimError>,
) -> Result<(), ScimError> {
    let extensions = rt.extensions.iter().map(|(urn, _)| Some(urn.as_str()));
    for schema in std::iter::once(None).chain(extensions) {
        for attribute in registry.attributes(rt, schema) {
            let path = AttrPath {
                schema: schema.map(str::to_owned),
                attribute: attribute.name.clone(),
                sub: None,
            };
            if is_kept(attribute) && path != Member::path() {
                visit(&path, attribute)?;
            }
        }
    }
    Ok(())
}

fn get<'a>(attributes: &'a Map<String, Value>, path: &AttrPath) -> Option<&'a Value> {
    match &path.schema {
        None => attributes.get(&path.attribute),
        Some(urn) => attributes.get(urn)?.get(&path.attribute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::error::ScimType;

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn read(rt: &str, settings: &Settings, body: &Value) -> Result<Resource, ScimError> {
        let registry = Registry::core();
        Resource::read(registry.resource_type(rt).unwrap(), registry, settings, body)
    }

    /// The body is a user named `bo` with more attributes.
    #[track_caller]
    fn check(mut body: Value, expected: Result<Value, &str>) {
        let name = json!("bo");
        body.as_object_mut().unwrap().insert("userName".to_owned(), name.clone());
        match (read("User", &Settings::generic(), &body), expected) {
            (Ok(got), Ok(mut expected)) => {
                expected.as_object_mut().unwrap().insert("userName".to_owned(), name);
                assert_eq!(Value::Object(got.attributes), expected, "{body}");
                assert_eq!(got.members, None);
            }
            (Err(error), Err(detail)) => {
                assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidValue)));
                assert!(error.detail.contains(detail), "{}", error.detail);
                assert!(!error.detail.contains("secret"), "{}", error.detail);
            }
            (got, expected) => panic!("{body}: {got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn names_in_any_form() {
        let expected =
            json!({"name": {"givenName": "Bo", "familyName": "Ek"}, ENT: {"department": "Galley"}});
        check(
            json!({"NAME": {"GivenName": "Bo", "familyname": "Ek"}, ENT.to_uppercase(): {"Department": "Galley"}}),
            Ok(expected.clone()),
        );
        check(
            json!({"Name.givenName": "Bo", "name": {"familyName": "Ek"}, format!("{ENT}:DEPARTMENT"): "Galley"}),
            Ok(expected),
        );
        check(
            json!({"urn:ietf:params:scim:schemas:core:2.0:User:title": "Cook", "emails.value": "b@x"}),
            Ok(json!({"title": "Cook", "emails": [{"value": "b@x"}]})),
        );
    }

    #[test]
    fn schemas_where_they_are_required() {
        let check = |settings: &Settings, body: Value, expected: Result<(), &str>| {
            let got = check_schemas(settings, &body, crate::PATCH_URN);
            assert_eq!(got.map_err(|error| error.detail), expected.map_err(str::to_owned));
        };
        let missing = Err("schemas must list urn:ietf:params:scim:api:messages:2.0:PatchOp");
        for body in [json!({}), json!({"schemas": []}), json!({"schemas": [ENT]}), json!([])] {
            check(&Settings::generic(), body.clone(), Ok(()));
            check(&Settings::strict(), body, missing);
        }
        check(&Settings::strict(), json!({"schemas": crate::PATCH_URN}), missing);
        check(&Settings::strict(), json!({"Schemas": [ENT, crate::PATCH_URN]}), Ok(()));
        check(&Settings::strict(), json!({"schemas": [crate::PATCH_URN.to_uppercase()]}), Ok(()));
    }

    #[test]
    fn wholes_come_before_parts() {
        check(
            json!({"EMAILS.display": "B", "emails": "b@x", "NAME.givenName": "Bo", "name": null}),
            Ok(json!({"emails": [{"value": "b@x", "display": "B"}], "name": {"givenName": "Bo"}})),
        );
    }

    #[test]
    fn what_is_passed_over() {
        check(
            json!({
                "id": "u-1", "schemas": ["urn:x"], "meta": {"version": "1"}, "groups": [{"value": "g"}],
                "password": "secret", "shoeSize": 44, "urn:x": {"y": 1}, "members": ["u-2"], "a b": 1,
                "title": null, "nickName": "", "roles": [], "name": {}, "emails": [null, {}, {"value": ""}],
                ENT: {"manager": {"displayName": "Al"}, "department": null, "shoe": 1},
                "department": "Galley", "manager.value": "u-7", "costCenter": ["7"],
            }),
            Ok(json!({})),
        );
    }

    #[test]
    fn shapes_of_values() {
        for manager in
            [json!("u-7"), json!(["u-7"]), json!({"value": "u-7"}), json!([{"value": "u-7"}])]
        {
            check(
                json!({ENT: {"manager": manager}}),
                Ok(json!({ENT: {"manager": {"value": "u-7"}}})),
            );
        }
        for manager in [json!({"$REF": "u-7"}), json!({"displayName": "Al", "$ref": "u-7"})] {
            check(
                json!({ENT: {"manager": manager}}),
                Ok(json!({ENT: {"manager": {"value": "u-7"}}})),
            );
        }
        let cleared = [json!({"$ref": "u-7", "value": ""}), json!({"$ref": ""})];
        for cleared in [json!(""), json!({"value": ""}), json!([])].into_iter().chain(cleared) {
            check(json!({ENT: {"manager": cleared}}), Ok(json!({})));
        }
        check(
            json!({"title": ["Cook"], "emails": "a@x", "roles": ["r", {"value": "s"}], "active": "FALSE"}),
            Ok(
                json!({"title": "Cook", "emails": [{"value": "a@x"}], "roles": [{"value": "r"}, {"value": "s"}], "active": false}),
            ),
        );
        check(json!({"externalId": 1042}), Ok(json!({"externalId": "1042"})));
        check(
            json!({"emails": [
                {"type": "work", "value": "a@x"}, {"type": "Work", "value": "A@x", "primary": true}, {"value": "a@x"},
            ]}),
            Ok(
                json!({"emails": [{"type": "work", "value": "a@x", "primary": true}, {"value": "a@x"}]}),
            ),
        );
    }

    #[test]
    fn refusals() {
        let long = |bytes: usize| "secret".repeat(bytes / 6 + 1);
        check(json!({"title": 7}), Err("title must be a string"));
        check(json!({"title": {"a": "secret"}}), Err("title must be a string"));
        check(json!({"name": "secret"}), Err("name must be an object"));
        check(json!({"name": {"givenName": true}}), Err("name.givenName must be"));
        check(json!({"emails": [{"primary": "secret"}]}), Err("emails.primary must be"));
        check(json!({ENT: {"department": 1}}), Err(&format!("{ENT}:department must be")));
        check(json!({ENT: "secret"}), Err(ENT));
        check(
            json!({"emails": [{"value": "secret", "primary": true}, {"value": "b", "primary": true}]}),
            Err("emails has more than one"),
        );
        check(json!({"title": long(65_536)}), Err("title must be at most 65536"));
        check(json!({"externalId": long(1024)}), Err("externalId must be at most 1024"));
        check(json!({"displayName": long(1024)}), Err("displayName must be at most 1024"));
        check(json!({"x509Certificates": [{"value": "secret!"}]}), Err("base64"));
    }

    #[test]
    fn required() {
        let refused = |rt: &str, body: Value, scim_type: ScimType| {
            let error = read(rt, &Settings::generic(), &body).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{body}");
        };
        refused("User", json!([]), ScimType::InvalidSyntax);
        refused("User", json!({}), ScimType::InvalidValue);
        refused("User", json!({"userName": ""}), ScimType::InvalidValue);
        refused("User", json!({"userName": null}), ScimType::InvalidValue);
        refused("User", json!({"userName": " \u{a0}\t"}), ScimType::InvalidValue);
        refused("Group", json!({"members": []}), ScimType::InvalidValue);
        let body = json!({"userName": "bo"});
        assert!(read("User", &Settings::strict(), &body).is_err());
        let body =
            json!({"userName": "bo", "Schemas": ["urn:ietf:params:scim:schemas:CORE:2.0:User"]});
        assert!(read("User", &Settings::strict(), &body).is_ok());
    }

    #[test]
    fn members() {
        type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
        let check = |members: Value, expected: Option<&[Parts<'_>]>| {
            let body = json!({"displayName": "Crew", "Members": members});
            let got = read("Group", &Settings::generic(), &body).ok().map(|one| {
                assert_eq!(one.attributes.len(), 1);
                one.members.unwrap()
            });
            let expected = expected.map(|list| {
                let member = |(value, kind, display): &Parts<'_>| Member {
                    value: (*value).to_owned(),
                    kind: kind.map(str::to_owned),
                    display: display.map(str::to_owned),
                };
                list.iter().map(member).collect::<Vec<_>>()
            });
            assert_eq!(got, expected);
        };
        check(
            json!(["b", {"value": "a", "type": "User", "display": "x", "displayName": "y"}, {"value": "b"}]),
            Some(&[("b", None, None), ("a", Some("User"), Some("x"))]),
        );
        let long =
            json!([{"value": "a", "displayName": "x".repeat(1025)}, {"value": "b", "display": 7}]);
        check(long, Some(&[("a", None, None), ("b", None, None)]));
        check(json!([{"value": "a", "displayName": "y"}]), Some(&[("a", None, Some("y"))]));
        check(json!(null), Some(&[]));
        check(json!([]), Some(&[]));
        check(json!([{"display": "x"}]), None);
        check(json!([{"value": ""}]), None);
        check(json!([7]), None);
        check(json!(["x".repeat(1025)]), None);
        let body = json!({"displayName": "Crew"});
        assert_eq!(read("Group", &Settings::generic(), &body).unwrap().members, None);
    }

    #[test]
    fn immutable_is_set_once() {
        let schema =
            r#"{"id":"urn:x:Device","attributes":[{"name":"serial","mutability":"immutable"}]}"#;
        let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"urn:x:Device"}"#;
        let registry = Registry::parse(&[schema], &[rt]).unwrap();
        let check = |old: Value, new: Value, expected: bool| {
            let [old, new] = [old, new].map(|one| one.as_object().unwrap().clone());
            let got = check_immutable(&registry.resource_types()[0], &registry, &old, &new);
            assert_eq!(got.is_ok(), expected);
        };
        check(json!({}), json!({"serial": "1"}), true);
        check(json!({"serial": "1"}), json!({"serial": "1"}), true);
        check(json!({"serial": "1"}), json!({"serial": "2"}), false);
        check(json!({"serial": "1"}), json!({}), false);
    }

    #[test]
    fn parts_of_other_schemas() {
        let schema = r#"{"id":"urn:x:Device","attributes":[
            {"name":"chip","type":"complex","subAttributes":[
                {"name":"serial","mutability":"immutable"},
                {"name":"note"},
                {"name":"seen","required":true,"mutability":"readOnly"}]}]}"#;
        let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"urn:x:Device"}"#;
        let registry = Registry::parse(&[schema], &[rt]).unwrap();
        let rt = &registry.resource_types()[0];
        let check = |old: Value, new: Value, expected: bool| {
            let read = |one| {
                let body = json!({"chip": one});
                Resource::read(rt, &registry, &Settings::generic(), &body).unwrap().attributes
            };
            let got = check_immutable(rt, &registry, &read(old), &read(new));
            assert_eq!(got.is_ok(), expected, "{got:?}");
        };
        check(json!({"note": "a"}), json!({"serial": "1"}), true);
        check(json!({"serial": "1"}), json!({"serial": "1", "note": "a"}), true);
        check(json!({"serial": "1"}), json!({"serial": "2"}), false);
        check(json!({"serial": "1", "note": "a"}), json!({"note": "a"}), false);
        check(json!({"serial": "1"}), json!(null), false);
    }
}
