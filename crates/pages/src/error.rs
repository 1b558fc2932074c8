//! Errors as pages: what was wrong, and what to do.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use query::visit::Problem;

use crate::view::{ErrorPage, Link, Shell};

/// The page of a problem, for somebody who seems to be signed in or not.
pub(crate) fn page(problem: &Problem, is_signed_in: bool) -> Response {
    let mut hints: Vec<Link> = problem
        .candidates
        .iter()
        .map(|id| {
            Link::text(format!("One of those meant may be {id}: put it in the name's place."))
        })
        .collect();
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
    fn details_are_sentences() {
        assert_eq!(sentence("there is no such user"), "There is no such user.");
        assert_eq!(sentence("`at` takes a time"), "`at` takes a time.");
        assert_eq!(sentence(""), ".");
    }
}
