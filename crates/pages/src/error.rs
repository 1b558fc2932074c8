//! Errors as pages: what was wrong, and what to do.

use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use query::visit::Problem;

use crate::address::encoded;
use crate::view::{ErrorPage, Link, Shell};

/// The page of a problem with the request to an address, for somebody who seems to be signed in or not.
pub(crate) fn page(problem: &Problem, uri: &Uri, is_signed_in: bool) -> Response {
    let meant = problem.candidates.iter().map(|id| {
        let words = format!("One of those meant is {id}");
        Link { text: words, href: with_id(uri, id) }
    });
    let mut hints: Vec<Link> = meant.collect();
    hints.extend(match problem.slug {
        "sign-in" | "identity-provider" => {
            vec![Link::to("Sign in again, or with a token", "/login")]
        }
        _ => hints_for(problem.status),
    });
    let page = ErrorPage {
        shell: Shell {
            title: problem.title.to_owned(),
            leads_on: is_signed_in,
            ..Shell::default()
        },
        status: problem.status.as_u16(),
        detail: sentence(&problem.detail),
        hints,
        request_id: String::new(),
    };
    let mut response = rendered(&page);
    *response.status_mut() = problem.status;
    response
}

/// The same address with an id in place of the ambiguous name in its path.
fn with_id(uri: &Uri, id: &str) -> Option<String> {
    let name = encoded(&format!("id:{id}"));
    let mut segments: Vec<&str> = uri.path().split('/').collect();
    let ["", "apps", _, "users" | "groups", named, ..] = segments.as_mut_slice() else {
        return None;
    };
    *named = &name;
    let path = segments.join("/");
    Some(uri.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}")))
}

/// What may help, by the kind of error.
fn hints_for(status: StatusCode) -> Vec<Link> {
    let start = Link::to("Go to the start page", "/");
    match status {
        StatusCode::BAD_REQUEST => vec![
            Link::text(
                "Go back and correct what is named above; the address shows what was asked.",
            ),
            start,
        ],
        StatusCode::FORBIDDEN => {
            vec![Link::text("Sign in with a token that may see this."), start]
        }
        StatusCode::NOT_FOUND => vec![
            Link::text("Look whether a name in the address is misspelt."),
            Link::to("See all applications", "/apps"),
            start,
        ],
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            vec![Link::text("Wait a little, then open the page again.")]
        }
        status if status.is_server_error() => {
            vec![Link::text("Tell the administrator: the server's log names the cause."), start]
        }
        _ => vec![start],
    }
}

/// A problem's detail as a sentence: it begins in lower case, and has no full stop.
pub(crate) fn sentence(detail: &str) -> String {
    let mut chars = detail.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if detail.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// A template as a response.
pub(crate) fn rendered(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_takes_the_place_of_an_ambiguous_name() {
        let check = |address: &str, expected: Option<&str>| {
            let uri: Uri = address.parse().unwrap();
            assert_eq!(with_id(&uri, "7/8").as_deref(), expected, "{address}");
        };
        let members = "/apps/boat/groups/displayName%3ACrew/members?at=2026-03-31";
        check(members, Some("/apps/boat/groups/id%3A7%2F8/members?at=2026-03-31"));
        check("/apps/boat/users/displayName%3AMira", Some("/apps/boat/users/id%3A7%2F8"));
        check("/apps/boat/matrix?groups=displayName%3ACrew", None);
        check("/operations?resource=displayName%3ACrew", None);
    }

    #[test]
    fn details_are_sentences() {
        assert_eq!(sentence("there is no such user"), "There is no such user.");
        assert_eq!(sentence("`at` takes a time"), "`at` takes a time.");
        assert_eq!(sentence(""), ".");
    }
}
