//! What every page has around it: security headers, and errors in the dress of a page.

use axum::extract::Request;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use query::visit::Problem;

use crate::address::encoded;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Answers a browser's requests in the dress of a page. Other clients see what they saw before.
pub(crate) async fn dressed(request: Request, next: Next) -> Response {
    let is_page = is_page(request.method(), request.uri(), request.headers());
    let has_cookie = request.headers().contains_key(COOKIE);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    if is_page && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = match problem.status {
            StatusCode::UNAUTHORIZED => to_login(&method, &uri, response),
            _ => keeping_headers(response, crate::error::page(&problem, &uri, has_cookie)),
        };
    }
    if is_html(&response) {
        let headers = response.headers_mut();
        let mut set = |name, text| headers.insert(name, HeaderValue::from_static(text));
        set(CONTENT_SECURITY_POLICY, POLICY);
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(PERMISSIONS, "camera=(), geolocation=(), microphone=()");
        // With `no-referrer` a browser names no origin when it sends a form, so a page with one says
        // `same-origin` itself.
        headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    }
    response
}

/// Whether a browser asks for a page: it takes HTML, and the address belongs to no other interface.
fn is_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let takes = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = uri.path();
    let lower = path.to_ascii_lowercase();
    let is_of_others =
        ["/api/", "/v1.0", "/beta", "/metrics", "/livez", "/readyz", "/openapi.json"]
            .iter()
            .any(|start| lower.starts_with(start))
            || lower.split('/').nth(3) == Some("scim");
    matches!(*method, Method::GET | Method::POST) && takes.contains("text/html") && !is_of_others
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Sends a browser to sign in, and back to where it was.
fn to_login(method: &Method, uri: &Uri, response: Response) -> Response {
    let target = uri.path_and_query().map(|target| target.as_str()).unwrap_or_default();
    let address = match (method, target) {
        (&Method::GET, "/" | "") | (&Method::POST, _) => "/login".to_owned(),
        (_, target) => format!("/login?next={}", encoded(target)),
    };
    let Ok(address) = HeaderValue::from_str(&address) else { return response };
    let told = (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response();
    keeping_headers(response, told)
}

/// Copies the headers of a response to another, except those that describe its body.
fn keeping_headers(response: Response, mut told: Response) -> Response {
    for (name, value) in response.headers() {
        if ![CONTENT_TYPE, axum::http::header::CONTENT_LENGTH].contains(name)
            && !told.headers().contains_key(name)
        {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_what_browsers_ask_for() {
        let check = |target: &str, accept: &str, expected: bool| {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            let uri: Uri = target.parse().unwrap();
            assert_eq!(is_page(&Method::GET, &uri, &headers), expected, "{target}");
        };
        const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        check("/", BROWSER, true);
        check("/apps/boat/users", BROWSER, true);
        check("/nonsense", BROWSER, true);
        check("/apps/boat/users", "*/*", false);
        check("/api/v1/apps", BROWSER, false);
        check("/apps/boat/scim/v2/Users", BROWSER, false);
        check("/apps/boat/SCIM/v2/Users", BROWSER, false);
        check("/V1.0/auditLogs", BROWSER, false);
        check("/metrics", BROWSER, false);
    }
}
