//! Requests one resource from the upstream, by id or by name, and interprets the answer.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use event::{Attribute, ResourceType, Timestamp, UpstreamSet};
use projector::case_folded;
use serde_json::Value;

use crate::context::Context;
use crate::cuts::percent_encode;
use crate::decide::ObservedResource;
use crate::http::Ingest;
use crate::members::is_same_id;
use crate::proxy::derive;
use crate::proxy::upstream::Answered;

/// The schema of an error (RFC 7644 §3.12).
const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The least `Retry-After`, whatever the upstream says.
const LATER_MIN: Duration = Duration::from_secs(1);

/// What the upstream says about one resource.
pub(crate) enum ProbeResult {
    /// It exists, in this state.
    Found(Box<ObservedResource>),
    /// It does not exist.
    Absent,
    /// A 404 without a SCIM error, which no list confirms.
    Unconfirmed,
    /// No answer, or one about something else.
    Unknown,
    /// No answer; ask again after this.
    RetryAfter(Duration),
}

/// An upstream and one type of resource there.
pub(crate) struct Probe<'a> {
    pub ingest: &'a Ingest,
    pub context: &'a Context,
    pub upstream: &'a UpstreamSet,
    pub stored_type: ResourceType,
}

impl Probe<'_> {
    /// Requests a resource by id. A 404 counts as absent only with a SCIM error, or if a list filtered
    /// by that id is empty: a load balancer or a wrong path answers 404 too.
    pub(crate) async fn by_id(&self, id: &str) -> ProbeResult {
        let Some(endpoint) = self.endpoint() else { return ProbeResult::Unknown };
        // A slash in an id is part of it.
        let segment = percent_encode(id).replace('/', "%2F");
        let (status, body) = match self.get(&format!("{endpoint}/{segment}")).await {
            Ok(answer) => answer,
            Err(result) => return result,
        };
        match status {
            200 => {
                let seen = body.and_then(|body| self.seen(&body));
                match seen.filter(|seen| is_same_id(self.context, &seen.id, id)) {
                    Some(seen) => ProbeResult::Found(Box::new(seen)),
                    None => ProbeResult::Unknown,
                }
            }
            404 if is_not_found(body.as_ref()) => ProbeResult::Absent,
            404 => match self.list(Attribute::Id, id).await {
                Ok(Some(all)) if all.is_empty() => ProbeResult::Absent,
                Ok(_) => ProbeResult::Unconfirmed,
                Err(result) => result,
            },
            _ => ProbeResult::Unknown,
        }
    }

    /// Looks a resource up by name. It is absent if the list is empty.
    pub(crate) async fn by_name(&self, attribute: Attribute, value: &str) -> ProbeResult {
        let all = match self.list(attribute, value).await {
            Ok(Some(all)) => all,
            Ok(None) => return ProbeResult::Unknown,
            Err(result) => return result,
        };
        let is_empty = all.is_empty();
        let has_name = |seen: &ObservedResource| {
            let text = seen.resource.attributes.get(attribute.name()).and_then(Value::as_str);
            text.is_some_and(|text| case_folded(attribute, text) == case_folded(attribute, value))
        };
        let mut holders = all.iter().filter_map(|one| self.seen(one)).filter(has_name);
        match (holders.next(), holders.next()) {
            (Some(seen), None) => ProbeResult::Found(Box::new(seen)),
            (None, _) if is_empty => ProbeResult::Absent,
            // The filter was ignored, or several have the name.
            _ => ProbeResult::Unknown,
        }
    }

    fn endpoint(&self) -> Option<&str> {
        self.context.resource_type(self.stored_type).map(|one| one.endpoint.as_str())
    }

    fn seen(&self, body: &Value) -> Option<ObservedResource> {
        derive::observed_resource(self.context, self.upstream, self.stored_type, body, true)
    }

    /// The resources that a filter finds; `None` if the answer is not a list.
    async fn list(
        &self,
        attribute: Attribute,
        value: &str,
    ) -> Result<Option<Vec<Value>>, ProbeResult> {
        let Some(endpoint) = self.endpoint() else { return Ok(None) };
        let filter = format!("{} eq {}", attribute.name(), Value::from(value));
        let (status, body) =
            self.get(&format!("{endpoint}?filter={}", percent_encode(&filter))).await?;
        let Some(body) = body.filter(|body| status == 200 && !is_error(body)) else {
            return Ok(None);
        };
        let total = body.get("totalResults").and_then(Value::as_u64);
        let shown = body.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
        // RFC 7644 §3.4.2: `totalResults` is required, `Resources` only when it is not 0.
        Ok(total.filter(|total| *total == 0 || !shown.is_empty()).map(|_| shown))
    }

    async fn get(&self, path: &str) -> Result<(u16, Option<Value>), ProbeResult> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/scim+json"));
        let upstreams = &self.ingest.upstreams;
        let room = (&self.ingest.budget, budget::Owner::SERVER);
        let sent = upstreams.send(self.upstream, Method::GET, path, &headers, vec![], room).await;
        let answered: Answered = sent.map_err(|_| ProbeResult::Unknown)?;
        if let Some(after) = retry_after(&answered, self.ingest.committer.clock().now()) {
            return Err(ProbeResult::RetryAfter(after));
        }
        let read = answered.json().ok().flatten();
        Ok((answered.status, read.map(|(value, _)| value)))
    }
}

/// The `Retry-After` of a 429 or 503 (RFC 9110 §10.2.3): seconds, or a date.
pub(crate) fn retry_after(answered: &Answered, now: Timestamp) -> Option<Duration> {
    let text = answered
        .headers
        .get(header::RETRY_AFTER)
        .filter(|_| matches!(answered.status, 429 | 503))?;
    let text = text.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).max(LATER_MIN));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let after = date.timestamp_micros().saturating_sub(now.0);
    Some(Duration::from_micros(u64::try_from(after).unwrap_or(0)).max(LATER_MIN))
}

/// Whether the body of a 404 is a SCIM error with status 404. Another status inside was passed on from
/// elsewhere.
pub(crate) fn is_not_found(body: Option<&Value>) -> bool {
    let Some(body) = body else { return false };
    let is_status = match body.get("status") {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim() == "404",
        Some(other) => other.as_u64() == Some(404),
    };
    is_status && is_error(body)
}

/// Whether a body is a SCIM error.
pub(crate) fn is_error(body: &Value) -> bool {
    let schemas = body.get("schemas").and_then(Value::as_array);
    let mut schemas = schemas.into_iter().flatten().filter_map(Value::as_str);
    schemas.any(|urn| urn.eq_ignore_ascii_case(ERROR_URN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_404_counts_if_its_scim_error_says_404() {
        let check = |body: Value, expected: bool| {
            assert_eq!(is_not_found(Some(&body)), expected, "{body}");
        };
        for status in [json!("404"), json!(404), json!(" 404 "), Value::Null] {
            check(json!({"schemas": [ERROR_URN], "status": status}), true);
        }
        check(json!({"schemas": [ERROR_URN.to_uppercase()]}), true);
        for status in [json!("500"), json!(503), json!("not found"), json!(false)] {
            check(json!({"schemas": [ERROR_URN], "status": status}), false);
        }
        check(json!({"status": "404"}), false);
        check(json!({"schemas": ERROR_URN, "status": "404"}), false);
        assert!(!is_not_found(None));
    }
}
