//! Replaces the upstream's addresses in its answers by ours, if the application is configured so.

use axum::body::Bytes;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// JSON members whose value is an address (RFC 7643 §2.3.7, §3.1).
const ADDRESSES: [&str; 2] = ["location", "$ref"];
const HEADERS: [HeaderName; 2] = [header::LOCATION, header::CONTENT_LOCATION];

/// From one base address to another; both without a slash at the end.
pub(crate) struct Rewrite<'a> {
    pub from: &'a str,
    pub to: &'a str,
}

impl Rewrite<'_> {
    /// The address below the other base; `None` if it is not below `from`.
    fn address(&self, address: &str) -> Option<String> {
        let below = address.strip_prefix(self.from)?;
        let is_below = below.is_empty() || below.starts_with(['/', '?', '#']);
        is_below.then(|| format!("{}{below}", self.to))
    }

    /// Rewrites the headers that hold addresses.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        for name in HEADERS {
            let rewritten = headers.get(&name).and_then(|value| self.address(value.to_str().ok()?));
            if let Some(value) = rewritten.and_then(|text| HeaderValue::from_str(&text).ok()) {
                headers.insert(name, value);
            }
        }
    }

    /// Rewrites the addresses in a body; without any, the bytes stay as received.
    pub(crate) fn body(&self, bytes: Bytes, parsed: Option<&Value>) -> Bytes {
        let Some(mut value) = parsed.cloned() else { return bytes };
        match self.value(&mut value) {
            true => canonical::json(&value).into(),
            false => bytes,
        }
    }

    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => {
                let mut changed = false;
                for (name, value) in object {
                    let address = value.as_str().filter(|_| ADDRESSES.contains(&name.as_str()));
                    match address.and_then(|address| self.address(address)) {
                        Some(rewritten) => {
                            *value = rewritten.into();
                            changed = true;
                        }
                        None => changed |= self.value(value),
                    }
                }
                changed
            }
            Value::Array(list) => {
                list.iter_mut().fold(false, |changed, one| self.value(one) | changed)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REWRITE: Rewrite<'static> =
        Rewrite { from: "http://app.example/scim/v2", to: "https://audit.example/apps/a/scim/v2" };

    #[test]
    fn addresses_below_the_base_are_rewritten_and_no_others() {
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(REWRITE.address(address).as_deref(), expected, "{address}");
        };
        check(
            "http://app.example/scim/v2/Users/1",
            Some("https://audit.example/apps/a/scim/v2/Users/1"),
        );
        check("http://app.example/scim/v2", Some("https://audit.example/apps/a/scim/v2"));
        check("http://app.example/scim/v21/Users/1", None);
        check("https://other.example/scim/v2/Users/1", None);
        check("/Users/1", None);
    }

    #[test]
    fn a_body_without_addresses_stays_as_it_came() {
        let raw = Bytes::from_static(br#"{ "b": 1, "a": "http://app.example/scim/v2/x" }"#);
        let parsed = serde_json::from_slice(&raw).unwrap();
        assert_eq!(REWRITE.body(raw.clone(), Some(&parsed)), raw);
        assert_eq!(REWRITE.body(raw.clone(), None), raw);
        let parsed = json!({"Resources": [{"meta": {"location": "http://app.example/scim/v2/Users/1"},
            "manager": {"$ref": "http://app.example/scim/v2/Users/2"}}]});
        let body: Value = serde_json::from_slice(&REWRITE.body(raw, Some(&parsed))).unwrap();
        let base = "https://audit.example/apps/a/scim/v2";
        assert_eq!(body["Resources"][0]["meta"]["location"], format!("{base}/Users/1"));
        assert_eq!(body["Resources"][0]["manager"]["$ref"], format!("{base}/Users/2"));
    }
}
