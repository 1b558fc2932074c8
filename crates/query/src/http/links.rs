//! One-time links that sign in with a browser.

use std::net::IpAddr;
use std::sync::Arc;

use answers::act::{AddedLoginLink, LoginLink};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use event::{Application, Number, Timestamp};

use super::ask::Ask;
use super::question::{NamesOf, read_act};
use crate::Query;
use crate::answer::Told;
use crate::error::Error;

const MINUTE_US: i64 = 60_000_000;
/// How long a link is valid.
const MINUTES: i64 = 5;
/// The same where only this machine can open it, as in a demo.
const MINUTES_ON_LOOPBACK: i64 = 60;

/// `POST /api/v1/login-links`: makes a link that signs in once as the caller.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Made, Error> {
    ask.answer(move |reading| {
        let LoginLink {} = read_act(&reading, &names)?;
        let credential = reading.caller.credential.number;
        let now = reading.record.now;
        let minutes = if is_loopback(&query.public_url) { MINUTES_ON_LOOPBACK } else { MINUTES };
        let until = Timestamp(now.0 + minutes * MINUTE_US);
        let secret = query.sessions.link(credential, now, until)?;
        let url = format!("{}/login/{}", query.public_url, secret.as_str());
        Ok(Made(AddedLoginLink { url, expires_at: until.to_string().into() }))
    })
    .await
}

/// Whether an address leads to this machine alone.
fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A link that was made.
pub(super) struct Made(AddedLoginLink);

impl Told for Made {
    fn row_count(&self) -> u64 {
        0
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }

    fn status(&self) -> u16 {
        StatusCode::CREATED.as_u16()
    }
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_this_machine_alone_is_known() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://192.0.2.1", false),
            ("https://localhost.example", false),
            ("https://127.0.0.1.example", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_loopback(url), expected, "{url}");
        }
    }
}
