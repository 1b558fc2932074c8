//! Signing in and out: with a token, or with a one-time link.

use axum::Form;
use axum::extract::{Path, Query as Pairs};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use query::visit::{Brought, FromProvider, Refusal, ToProvider, Visitor};
use serde::Deserialize;

use crate::address::encoded;
use crate::error::rendered;
use crate::view::{Link, LoginPage, Shell};

/// Longer addresses of pages are not gone on to.
const NEXT_BYTES_MAX: usize = 2_048;

/// Where a browser goes after it signed in.
#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    /// A page of ours; anything else becomes the start page, so that no link can lead elsewhere.
    fn page(&self) -> &str {
        let is_ours = self.next.starts_with('/')
            && !self.next.starts_with("//")
            && !self.next.contains('\\')
            && self.next.len() <= NEXT_BYTES_MAX
            && self.next.bytes().all(|byte| byte.is_ascii_graphic());
        if is_ours { &self.next } else { "/" }
    }
}

/// `GET /login`
pub(crate) async fn form(visitor: Visitor, Pairs(next): Pairs<Next>) -> Response {
    login_page(&next, visitor.provider(), None, StatusCode::OK)
}

fn login_page(
    next: &Next,
    provider: Option<&str>,
    refused: Option<&str>,
    status: StatusCode,
) -> Response {
    let provider = provider.map(|name| {
        let next = encoded(next.page());
        Link::to(format!("Sign in with {name}"), format!("/login/oidc?next={next}"))
    });
    let page = LoginPage {
        shell: shell(),
        error: refused.map(str::to_owned),
        provider,
        next: Some(next.page()).filter(|page| *page != "/").unwrap_or_default().to_owned(),
        action: "/login".to_owned(),
        ..LoginPage::default()
    };
    let mut response = rendered(&page);
    *response.status_mut() = status;
    response
}

fn shell() -> Shell {
    Shell { title: "Sign in".to_owned(), ..Shell::default() }
}

/// What the form of the sign-in sends. It has no `Debug`: the token must not get into a log.
#[derive(Deserialize)]
pub(crate) struct Presented {
    token: String,
    #[serde(flatten)]
    next: Next,
}

/// `POST /login`
pub(crate) async fn sign_in(
    visitor: Visitor,
    Form(presented): Form<Presented>,
) -> Result<Response, Refusal> {
    let provider = visitor.provider().map(str::to_owned);
    match visitor.sign_in(&presented.token).await {
        Ok(cookie) => Ok(to(presented.next.page(), &cookie)),
        Err(refusal) if refusal.status() == StatusCode::UNAUTHORIZED => {
            let words = "This token is not known here, was revoked, or has expired.";
            let (next, provider) = (&presented.next, provider.as_deref());
            Ok(login_page(next, provider, Some(words), StatusCode::UNAUTHORIZED))
        }
        Err(refusal) => Err(refusal),
    }
}

/// `GET /login/{link}`: a page with a button. Opening it uses nothing up, because mail scanners and
/// previews open links too.
pub(crate) async fn link(Path(link): Path<String>) -> Response {
    let action = format!("/login/{}", encoded(&link));
    rendered(&LoginPage { shell: shell(), action, is_link: true, ..LoginPage::default() })
}

/// `POST /login/{link}`
pub(crate) async fn sign_in_by_link(
    visitor: Visitor,
    Path(link): Path<String>,
) -> Result<Response, Refusal> {
    Ok(to("/", &visitor.sign_in_by_link(&link).await?))
}

/// `GET /login/oidc`: sends the browser to the identity provider.
pub(crate) async fn to_provider(
    visitor: Visitor,
    Pairs(next): Pairs<Next>,
) -> Result<Response, Refusal> {
    let ToProvider { address, cookie } = visitor.to_provider(next.page()).await?;
    Ok(to(&address, &cookie))
}

/// What the identity provider lets the browser bring. It has no `Debug`: the code is a secret.
#[derive(Deserialize)]
pub(crate) struct FromThere {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /login/oidc/callback`
pub(crate) async fn from_provider(
    visitor: Visitor,
    Pairs(FromThere { state, code, error, iss }): Pairs<FromThere>,
) -> Result<Response, Refusal> {
    let brought = Brought { state, code, error, issuer: iss };
    let FromProvider { next, cookies: [session, ended] } = visitor.from_provider(brought).await?;
    let mut response = to(Next { next }.page(), &session);
    if let Ok(ended) = ended.parse() {
        response.headers_mut().append(SET_COOKIE, ended);
    }
    Ok(response)
}

/// What a form with nothing but a button sends.
#[derive(Deserialize)]
pub(crate) struct Button {
    csrf: String,
}

/// `POST /logout`
pub(crate) async fn sign_out(
    visitor: Visitor,
    Form(button): Form<Button>,
) -> Result<Response, Refusal> {
    Ok(to("/login", &visitor.sign_out(&button.csrf)?))
}

fn to(address: &str, cookie: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address), (SET_COOKIE, cookie)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_pages_of_ours_only() {
        let check = |next: &str, expected: &str| {
            assert_eq!(Next { next: next.to_owned() }.page(), expected, "{next:?}");
        };
        check("/apps/boat/users?at=-1d", "/apps/boat/users?at=-1d");
        let longest = format!("/{}", "x".repeat(NEXT_BYTES_MAX - 1));
        check(&longest, &longest);
        for next in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb: c",
            // What no header can hold.
            "/\t/evil.example",
            "/\u{1}",
            "/a\u{7f}",
            "/a b",
            "/é",
            &format!("{longest}x"),
        ] {
            check(next, "/");
        }
    }
}
