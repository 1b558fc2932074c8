//! The order of a list (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use caseless::case_folded;
use chrono::{DateTime, Utc};
use serde_json::{Map, Number, Value};

use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Mutability, Registry, ResourceType};
use crate::value::{instant, is_primary, is_unassigned};

/// The attribute to sort by, and the direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    path: AttrPath,
    /// The member of a resource that holds the attribute.
    top: String,
    descending: bool,
}

/// The sort key of a resource for one [`Sort`]. Compare it with that sort only.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey(Option<Key>);

/// A value in the form in which it is compared. Values of different kinds sort in this order.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Boolean(bool),
    /// The value as a float, and as an integer for those that a float cannot distinguish.
    Number(f64, i128),
    Instant(DateTime<Utc>),
    Text(String),
}

impl Sort {
    /// Reads `sortBy` for resources of one type, or of any type (a search at the root). A complex
    /// attribute is sorted by its `value`.
    ///
    /// An attribute that no schema has is no error; no resource has it. 400 `invalidPath` for a
    /// malformed path, for a complex attribute without `value`, and for `password`: the order would
    /// reveal something about it.
    pub fn parse(
        sort_by: &str,
        descending: bool,
        rt: Option<&ResourceType>,
        registry: &Registry,
    ) -> Result<Sort, ScimError> {
        let path = AttrPath::parse(sort_by, rt, registry)?;
        let attribute = registry.attribute(rt, &path);
        if let Some(attribute) = attribute {
            let part = path.sub.as_deref().and_then(|sub| attribute.sub(sub));
            if is_secret(attribute) || part.is_some_and(is_secret) {
                let detail = format!("{} cannot be sorted by", attribute.name);
                return Err(ScimError::invalid_path(detail));
            }
            if path.sub.is_none()
                && attribute.kind == Kind::Complex
                && attribute.sub("value").is_none()
            {
                return Err(ScimError::invalid_path(format!(
                    "{path} has parts: sort by one of them"
                )));
            }
        }
        let is_base = |urn: &String| registry.resource_types().iter().any(|rt| rt.schema == *urn);
        let top = match &path.schema {
            Some(urn) if !is_base(urn) => urn.clone(),
            _ => path.attribute.clone(),
        };
        Ok(Sort { path, top, descending })
    }

    /// The member of a resource that [`Sort::key`] needs: an attribute, or the URN of an extension.
    pub fn attribute(&self) -> &str {
        &self.top
    }

    /// The sort key of a resource. Of several values the primary one counts, else the first. Strings are
    /// compared [`case_folded`] unless the schema sets `caseExact`, dates and times as instants.
    pub fn key(
        &self,
        rt: &ResourceType,
        registry: &Registry,
        resource: &Map<String, Value>,
    ) -> SortKey {
        SortKey(self.read_key(rt, registry, resource))
    }

    /// Compares two keys. Resources without the attribute come last, or first in descending order. The
    /// caller must order equal ones.
    pub fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let ascending = match (&a.0, &b.0) {
            (Some(a), Some(b)) => a.compare(b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        if self.descending { ascending.reverse() } else { ascending }
    }

    fn read_key(
        &self,
        rt: &ResourceType,
        registry: &Registry,
        resource: &Map<String, Value>,
    ) -> Option<Key> {
        let attribute = registry.attribute(Some(rt), &self.path)?;
        let value = match &self.path.schema {
            Some(urn) if *urn != rt.schema => resource.get(urn)?.get(&attribute.name)?,
            _ => resource.get(&attribute.name)?,
        };
        let value = chosen(value)?;
        let (attribute, value) = match (&self.path.sub, attribute.kind) {
            (Some(sub), _) => part(attribute, sub, value)?,
            (None, Kind::Complex) => part(attribute, "value", value)?,
            (None, _) => (attribute, value),
        };
        if is_secret(attribute) || is_unassigned(value) {
            return None;
        }
        match value {
            Value::Bool(value) => Some(Key::Boolean(*value)),
            Value::Number(number) => Key::number(number),
            Value::String(text) => Some(Key::text(attribute, text)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Key {
    fn number(number: &Number) -> Option<Key> {
        let exact = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
        let float = number.as_f64()?;
        // `+ 0.0` turns -0.0 into 0.0; beyond 64 bits the conversions saturate.
        Some(Key::Number(float + 0.0, exact.unwrap_or(float as i128)))
    }

    fn text(attribute: &Attribute, text: &str) -> Key {
        if attribute.kind == Kind::DateTime
            && let Some(instant) = instant(text)
        {
            return Key::Instant(instant);
        }
        Key::Text(if attribute.case_exact { text.to_owned() } else { case_folded(text) })
    }

    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Boolean(a), Key::Boolean(b)) => a.cmp(b),
            (Key::Number(a, a_exact), Key::Number(b, b_exact)) => {
                a.total_cmp(b).then(a_exact.cmp(b_exact))
            }
            (Key::Instant(a), Key::Instant(b)) => a.cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Key::Boolean(_) => 0,
            Key::Number(..) => 1,
            Key::Instant(_) => 2,
            Key::Text(_) => 3,
        }
    }
}

fn is_secret(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::WriteOnly
}

/// The primary element of a list, else the first; a single value itself.
fn chosen(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(list) => list.iter().find(|one| is_primary(one)).or(list.first()),
        single => Some(single),
    }
}

fn part<'a>(
    attribute: &'a Attribute,
    sub: &str,
    value: &'a Value,
) -> Option<(&'a Attribute, &'a Value)> {
    let part = attribute.sub(sub)?;
    Some((part, chosen(value.get(&part.name)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ScimType;
    use proptest::prelude::*;
    use serde_json::json;

    const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    /// The users are in this order, each greater than the one before, also with others in between.
    #[track_caller]
    fn check(sort_by: &str, users: &[Value]) {
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        for scope in [Some(rt), None] {
            for descending in [false, true] {
                let sort = Sort::parse(sort_by, descending, scope, registry).unwrap();
                let keys: Vec<SortKey> = users
                    .iter()
                    .map(|user| sort.key(rt, registry, user.as_object().unwrap()))
                    .collect();
                for (i, a) in keys.iter().enumerate() {
                    for (j, b) in keys.iter().enumerate() {
                        let expected = if descending { j.cmp(&i) } else { i.cmp(&j) };
                        assert_eq!(sort.compare(a, b), expected, "{sort_by}: {a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check_equal(sort_by: &str, users: &[Value]) {
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        let sort = Sort::parse(sort_by, true, None, registry).unwrap();
        let key = |user: &Value| sort.key(rt, registry, user.as_object().unwrap());
        for user in users {
            assert!(sort.compare(&key(user), &key(&users[0])).is_eq(), "{sort_by}: {user}");
        }
    }

    #[test]
    fn texts_and_missing_ones() {
        check(
            "USERNAME",
            &[
                json!({"userName": "Al"}),
                json!({"userName": "bo"}),
                json!({"userName": "Carl"}),
                json!({}),
            ],
        );
        check_equal("userName", &[json!({"userName": "STRASSE"}), json!({"userName": "straße"})]);
        check_equal("title", &[json!({"title": ""}), json!({"title": null}), json!({})]);
        check("externalId", &[json!({"externalId": "B"}), json!({"externalId": "a"})]);
        check(
            "name.givenName",
            &[json!({"name": {"givenName": "A"}}), json!({"name": {"familyName": "A"}})],
        );
        check(
            &format!("{ENT}:manager"),
            &[json!({ENT: {"manager": {"value": "1"}}}), json!({ENT: {}})],
        );
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            &[json!({"title": "A"}), json!({"title": "b"})],
        );
    }

    #[test]
    fn instants_and_booleans() {
        check(
            "meta.created",
            &[
                json!({"meta": {"created": "2026-03-01T11:00:00+02:00"}}),
                json!({"meta": {"created": "2026-03-01T10:00:00Z"}}),
                json!({"meta": {"created": "2026-03-01T10:00:00.1Z"}}),
            ],
        );
        check("active", &[json!({"active": false}), json!({"active": true}), json!({})]);
    }

    #[test]
    fn several_values() {
        let first = json!({"emails": [{"value": "b"}, {"value": "a"}]});
        let primary = json!({"emails": [{"value": "b"}, {"value": "c", "primary": true}]});
        let empty = json!({"emails": []});
        for path in ["emails", "emails.value"] {
            check(path, &[first.clone(), primary.clone(), empty.clone()]);
        }
    }

    #[test]
    fn unknown_attributes_are_missing() {
        let users = [json!({"userName": "b", "shoe": 2}), json!({"userName": "a", "shoe": 1})];
        for path in ["shoe", "userName.x", "members.value", "urn:x:y"] {
            check_equal(path, &users);
        }
    }

    #[test]
    fn which_member_it_looks_at() {
        let registry = Registry::core();
        for rt in [registry.resource_type("Group"), None] {
            let of = |path: &str| Sort::parse(path, false, rt, registry).unwrap().top;
            assert_eq!(of("MEMBERS.value"), "members");
            assert_eq!(of("urn:ietf:params:scim:schemas:core:2.0:Group:members"), "members");
            assert_eq!(of(&format!("{ENT}:members")), ENT);
        }
        let sort = Sort::parse("userName", false, None, registry).unwrap();
        assert_eq!(sort.attribute(), "userName");
    }

    #[test]
    fn refusals() {
        let registry = Registry::core();
        for path in
            ["", "a b", "emails[type eq \"secret\"].value", "name", "PASSWORD", "password.x"]
        {
            for rt in [registry.resource_type("User"), None] {
                let error = Sort::parse(path, false, rt, registry).unwrap_err();
                assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidPath)));
                assert!(!error.detail.contains("secret"), "{error}");
            }
        }
    }

    fn number() -> impl Strategy<Value = Number> {
        let near = (-3..3_i64).prop_map(|n| (1_i64 << 53) + n);
        prop_oneof![
            near.clone().prop_map(Number::from),
            near.prop_filter_map("finite", |n| Number::from_f64(n as f64)),
            any::<u64>().prop_map(Number::from),
            any::<f64>().prop_filter_map("finite", Number::from_f64),
            Just(Number::from(0)),
            Just(Number::from_f64(-0.0).unwrap()),
        ]
    }

    fn key() -> impl Strategy<Value = Key> {
        prop_oneof![
            any::<bool>().prop_map(Key::Boolean),
            number().prop_map(|number| Key::number(&number).unwrap()),
            (0..3_i64).prop_map(|s| Key::Instant(DateTime::from_timestamp(s, 0).unwrap())),
            "[ab]{0,2}".prop_map(Key::Text),
        ]
    }

    proptest! {
        /// Sorting panics on an order that is none.
        #[test]
        fn keys_have_a_total_order(a in key(), b in key(), c in key()) {
            prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
            prop_assert!(a.compare(&a).is_eq());
            if a.compare(&b).is_le() && b.compare(&c).is_le() {
                prop_assert!(a.compare(&c).is_le());
            }
        }

        #[test]
        fn numbers_are_compared_as_numbers(a in any::<i64>(), b in any::<i64>()) {
            let key = |number: i64| Key::number(&Number::from(number)).unwrap();
            prop_assert_eq!(key(a).compare(&key(b)), a.cmp(&b));
        }

        #[test]
        fn floats_are_compared_as_numbers(a in any::<f32>(), b in -2..2_i64) {
            let Some(number) = Number::from_f64(f64::from(a)) else { return Ok(()) };
            let (key, whole) = (Key::number(&number).unwrap(), Key::number(&b.into()).unwrap());
            prop_assert_eq!(Some(key.compare(&whole)), f64::from(a).partial_cmp(&(b as f64)));
            let negative = Key::number(&Number::from_f64(-0.0).unwrap()).unwrap();
            prop_assert!(negative.compare(&Key::number(&0.into()).unwrap()).is_eq());
        }

        #[test]
        fn never_panics(path in "\\PC*|[a-z.:\\[\\]\"$ åé]*") {
            let _ = Sort::parse(&path, false, None, Registry::core());
        }
    }
}
