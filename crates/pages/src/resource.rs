//! The attributes of a SCIM resource as lines.

use answers::row::ScimResource;
use serde_json::Value;

use crate::text::grouped;
use crate::view::{Cell, Fact, Facts};

/// More lines than this are not shown, but counted; the JSON has them.
const LINES_MAX: usize = 1_000;

/// Every attribute that has a value, in the order of their paths: `name.givenName`, `emails[work]`.
pub(crate) fn attributes(resource: &ScimResource) -> Facts {
    let mut facts = vec![];
    for (name, value) in resource.0.iter().filter(|(name, _)| *name != "schemas") {
        add(name, value, &mut facts);
    }
    let left_out = facts.len().saturating_sub(LINES_MAX);
    facts.truncate(LINES_MAX);
    if left_out > 0 {
        let words = format!("{} more values are in the JSON", grouped(left_out as u64));
        facts.push(Fact::new("Not shown", Cell::text(words)));
    }
    Facts { caption: Some("Attributes".to_owned()), facts }
}

fn add(path: &str, value: &Value, facts: &mut Vec<Fact>) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members {
                // The URN of an extension ends in its name, and holds dots.
                let separator = if path.starts_with("urn:") { ":" } else { "." };
                add(&format!("{path}{separator}{name}"), value, facts);
            }
        }
        Value::Array(elements) => {
            for (place, element) in elements.iter().enumerate() {
                let kind = element.get("type").and_then(Value::as_str);
                let name = kind.map_or_else(|| (place + 1).to_string(), str::to_owned);
                let path = format!("{path}[{name}]");
                match element.get("value") {
                    Some(value) if !value.is_null() => add(&path, value, facts),
                    _ => add(&path, element, facts),
                }
            }
        }
        Value::String(text) => facts.push(Fact::new(path, cell(path, text))),
        Value::Bool(_) | Value::Number(_) => {
            facts.push(Fact::new(path, Cell::text(value.to_string())));
        }
    }
}

fn cell(path: &str, text: &str) -> Cell {
    match path.rsplit(['.', ':']).next() {
        Some("id" | "externalId" | "$ref" | "location" | "version") => Cell::id(text),
        Some("created" | "lastModified") => Cell::time(text),
        _ => Cell::text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attributes_are_named_by_their_paths() {
        let user = json!({
            "schemas": ["urn:x"], "userName": "mira", "active": true, "title": null,
            "name": {"givenName": "Mira"},
            "emails": [{"type": "work", "value": "mira@fjord.example", "primary": true}, {"value": "m"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Deck"},
        });
        let resource = |value| serde_json::from_value(value).unwrap();
        let facts = attributes(&resource(user)).facts;
        let told: Vec<_> =
            facts.iter().map(|one| (one.label.as_str(), one.cell.text.as_str())).collect();
        let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        assert_eq!(
            told,
            [
                ("active", "true"),
                ("emails[work]", "mira@fjord.example"),
                ("emails[2]", "m"),
                ("name.givenName", "Mira"),
                (department, "Deck"),
                ("userName", "mira"),
            ]
        );
        let many = json!({"x": (0..1_007).collect::<Vec<_>>()});
        let facts = attributes(&resource(many)).facts;
        assert_eq!(facts.len(), LINES_MAX + 1);
        assert_eq!(facts[LINES_MAX].cell.text, "7 more values are in the JSON");
    }
}
