//! Finds the service principal of a record without parsing the whole entry, so that a file of one
//! application can cheaply be told from one of several.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shape::{is_type_name, text};

/// The id of a record's service principal, if it is in the usual place: in the `servicePrincipal` of
/// the record or of its `properties`, as an object or as JSON in a string. `None` for other records,
/// which may still name one elsewhere.
pub fn service_principal_id(record: &RawValue) -> Option<String> {
    const NAME: &str = "servicePrincipal";
    let members = members(record.get())?;
    let own = one(&members, NAME)?;
    let held = match (one(&members, "properties")?, own) {
        (Some(_), Some(_)) => return None,
        (Some(inner), None) => {
            let inner = unfolded(inner)?;
            unfolded(one(&self::members(&inner)?, NAME)??)?.into_owned()
        }
        (None, own) => unfolded(own?)?.into_owned(),
    };
    let held: Map<String, Value> = serde_json::from_str(&held).ok()?;
    text(&held, "id").filter(|id| !is_type_name(id)).map(str::to_owned)
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn members(object: &str) -> Option<Members<'_>> {
    serde_json::from_str(object).ok()
}

/// The member with a name in any letter case, if there is one; `None` if there are several.
fn one<'a>(members: &Members<'a>, name: &str) -> Option<Option<&'a RawValue>> {
    let mut named = members.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let first = named.next().map(|(_, held)| *held);
    named.next().is_none().then_some(first)
}

/// The JSON in a string, or the value itself.
fn unfolded(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().starts_with('"') {
        true => serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(value.get())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::service_principal_id;

    #[test]
    fn the_usual_places_tell_and_all_others_are_left_to_who_reads_the_entry() {
        let id = |record: Value| service_principal_id(&to_raw_value(&record).unwrap());
        let own = json!({"Id": "sp-a", "Name": "A"});
        for record in [
            json!({"id": "e", "servicePrincipal": {"id": "sp-a"}}),
            json!({"ServicePrincipal": own.to_string()}),
            json!({"time": "t", "properties": {"servicePrincipal": own}}),
            json!({"properties": json!({"servicePrincipal": own}).to_string()}),
        ] {
            assert_eq!(id(record.clone()).as_deref(), Some("sp-a"), "{record}");
        }
        for record in [
            json!({"id": "e"}),
            json!([own]),
            json!({"servicePrincipal": "App A"}),
            json!({"servicePrincipal": [own]}),
            json!({"servicePrincipal": null}),
            json!({"servicePrincipal": {"id": "", "displayName": "A"}}),
            json!({"servicePrincipal": {"id": "System.Object[]"}}),
            json!({"servicePrincipal": own, "ServicePrincipal": own}),
            json!({"servicePrincipal": own, "properties": {"servicePrincipal": own}}),
            json!({"properties": "cut off {"}),
            json!({"targetSystem": {"details": {"ServicePrincipalId": "sp-a"}}}),
        ] {
            assert_eq!(id(record.clone()), None, "{record}");
        }
    }
}
