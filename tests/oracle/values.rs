//! The values that an event changes; of a resource that begins, every value of its state.

use std::collections::BTreeSet;

use event::{Changes, Element, Mention, Path, ValueChange, Values};
use serde_json::{Map, Value};

/// The changed values.
pub fn changed(changes: &Changes) -> Vec<ValueChange> {
    let state = match &changes.values {
        Values::None => return vec![],
        Values::Changed(changed) => return changed.clone(),
        Values::State(state) => state,
        Values::Unreadable => panic!("every part can be read"),
    };
    let state: Map<String, Value> = serde_json::from_slice(state).expect("a state");
    let mut all = vec![];
    for (name, value) in &state {
        match value.as_object() {
            Some(extension) if name.starts_with("urn:") => {
                for (attribute, value) in extension {
                    begun(Some(name), attribute, value, &mut all);
                }
            }
            _ => begun(None, name, value, &mut all),
        }
    }
    all.sort_by_key(|(key, _)| key.clone());
    all.into_iter().map(|(_, change)| change).collect()
}

/// The name of a mention.
pub fn name_of(mention: &Mention) -> &str {
    &mention.name.as_ref().expect("every part can be read").value
}

fn begun(
    schema: Option<&String>,
    attribute: &str,
    value: &Value,
    all: &mut Vec<(String, ValueChange)>,
) {
    let key = match schema {
        Some(schema) => format!("{schema}:{attribute}"),
        None => attribute.to_owned(),
    };
    let change = |element, sub: Option<&String>, value: &Value| ValueChange {
        path: Path {
            schema: schema.cloned(),
            attribute: attribute.to_owned(),
            element,
            sub: sub.cloned(),
        },
        old: None,
        new: Some(canonical::json(value)),
    };
    match value {
        Value::Object(parts) => {
            for (sub, value) in parts {
                all.push((format!("{key}.{sub}"), change(None, Some(sub), value)));
            }
        }
        Value::Array(list) => {
            let texts = |part: &str| -> Option<Vec<&str>> {
                list.iter().map(|one| one.get(part)?.as_str()).collect()
            };
            let once =
                |texts: &Vec<String>| texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
            let folded = |texts: &Vec<&str>| texts.iter().map(|text| text.to_lowercase()).collect();
            let exact = |texts: &Vec<&str>| texts.iter().map(|text| (*text).to_owned()).collect();
            let by_type = texts("type").filter(|texts| once(&folded(texts)));
            let by_value = texts("value").filter(|texts| once(&exact(texts)));
            for (place, one) in list.iter().enumerate() {
                let element = match (&by_type, &by_value) {
                    (Some(types), _) => Element::Type(types[place].to_owned()),
                    (None, Some(values)) => Element::Value(values[place].to_owned()),
                    (None, None) => {
                        all.push((key, change(None, None, value)));
                        return;
                    }
                };
                all.push((key.clone(), change(Some(element), None, one)));
            }
        }
        _ => all.push((key, change(None, None, value))),
    }
}
