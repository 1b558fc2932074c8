//! The live tail: new operations as rows of the log explorer, sent as server-sent events.
//!
//! ```text
//!  (no name)   id: seq, data: the row as HTML
//!  many        more arrived at once than are sent: open the page again
//!  end         the session or the token has ended; data: a sentence
//! ```

use std::sync::Arc;
use std::time::Duration;

use answers::{OperationFacets, Operations, described};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, SecondsFormat, TimeDelta};
use query::Query;
use query::visit::{Refusal, Visit, Visitor, Watch};
use tokio::sync::mpsc::{self, Sender};

use super::rows::Rows;
use super::tokens;
use crate::address::Given;
use crate::question::Page;
use crate::stream::{Tails, data, streamed};
use crate::view::NewRows;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a tail looks for new events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A tail without rows says at every so many looks that it is still there.
const LOOKS_PER_BEAT: u32 = 15;
/// More new operations at once are not sent.
const ROWS_MAX: usize = 200;
const LIMIT: &str = "200";
/// Two events may be recorded in another order than their times were taken.
const OVERLAP_S: i64 = 10;

/// Adds the address of the tail.
pub(crate) fn serve(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    let tails = Tails::default();
    router.route("/operations/tail", get(move |visitor: Visitor| follow(tails, visitor)))
}

/// Where a tail stands.
#[derive(Clone, Debug)]
struct Stand {
    /// How many events the record had.
    size: u64,
    /// The last event that the reader may know of.
    last: Option<u64>,
    /// Operations before this time were seen; none if that is not known.
    since: Option<String>,
}

/// What a look found.
struct Found {
    stand: Stand,
    /// The new operations, oldest first: number and row.
    rows: Vec<(u64, String)>,
    /// Whether there were more than are sent.
    is_cut: bool,
}

async fn follow(tails: Tails, visitor: Visitor) -> Result<Response, Refusal> {
    // A test checks that every question has a page.
    let described = described::<Operations>().ok_or_else(Refusal::not_found)?;
    let given = Given::read(described, Operations::OWN, vec![], visitor.uri());
    let of_page = given.own("after").and_then(|seq| seq.parse().ok());
    let last = last_event_id(visitor.headers()).or(of_page);
    let own = Operations::OWN.iter().map(|name| (*name, None));
    let changes: Vec<_> = [("cursor", None), ("limit", None)].into_iter().chain(own).collect();
    let given = given.with(&changes);
    let first = {
        let given = given.clone();
        move |visit: &Visit<'_>| {
            let token = visit.signed_in()?.token;
            Ok((begin(visit, &given, last)?, token))
        }
    };
    let ((found, token), watch) = visitor.watch(Some(described.path), first).await?;
    let counted = tails.count(token)?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        send(sender, found, given, watch).await;
        drop(counted);
    });
    Ok(streamed(receiver))
}

/// The last event that a browser saw before its connection broke.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}

/// Looks and sends until the reader leaves, the session ends, or the record cannot be read.
async fn send(sender: Sender<Bytes>, found: Found, given: Given, watch: Watch) {
    let mut stand = found.stand.clone();
    let mut text = events(&found);
    // The number alone says where to go on if the connection breaks before the first row.
    text.push_str(&beat(&stand));
    let mut quiet = 0;
    loop {
        if !text.is_empty() {
            quiet = 0;
            if sender.send(Bytes::from(std::mem::take(&mut text))).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let looked = {
            let (given, stand) = (given.clone(), stand.clone());
            watch.look(move |visit| look(visit, &given, stand)).await
        };
        match looked {
            Ok(found) => {
                text = events(&found);
                stand = found.stand;
            }
            Err(refusal) => {
                let _ = sender.send(Bytes::from(end(refusal.status()))).await;
                return;
            }
        }
        quiet += 1;
        if text.is_empty() && quiet >= LOOKS_PER_BEAT {
            text = beat(&stand);
        }
    }
}

/// The first look: what came after the last event that the reader saw, or nothing.
fn begin(visit: &Visit<'_>, given: &Given, last: Option<u64>) -> Result<Found, Refusal> {
    let stand = Stand { size: 0, last, since: None };
    match last {
        Some(_) => look(visit, given, stand),
        None => {
            let mut asked = given.pairs();
            asked.push(("limit", "1"));
            let answer = visit.ask::<Operations>(&asked)?;
            let last = answer.envelope.head.seq;
            let stand = Stand { size: visit.size(), last, since: since(&visit.now().0) };
            Ok(Found { stand, rows: vec![], is_cut: false })
        }
    }
}

/// Looks for operations that are newer than where the tail stands.
fn look(visit: &Visit<'_>, given: &Given, stand: Stand) -> Result<Found, Refusal> {
    let size = visit.size();
    if size == stand.size {
        return Ok(Found { stand, rows: vec![], is_cut: false });
    }
    let now = since(&visit.now().0);
    let narrowed = match &stand.since {
        Some(since) => given.with(&[("from", Some(since))]),
        None => given.clone(),
    };
    let mut asked = narrowed.pairs();
    asked.push(("limit", LIMIT));
    let answer = visit.ask::<Operations>(&asked)?;
    let is_new = |seq: u64| stand.last.is_none_or(|last| seq > last);
    let mut new: Vec<_> = answer.content.rows().iter().filter(|row| is_new(row.seq)).collect();
    new.sort_by_key(|row| row.seq);
    let is_cut = new.len() >= ROWS_MAX && answer.envelope.next.is_some();
    let last = answer.envelope.head.seq.max(stand.last);
    let stand = Stand { size, last, since: now };
    if new.is_empty() || is_cut {
        return Ok(Found { stand, rows: vec![], is_cut });
    }
    let mut asked = narrowed.pairs();
    asked.push(("limit", LIMIT));
    let named = visit.ask::<OperationFacets>(&asked)?;
    let question: Operations = visit.read(&given.pairs())?;
    let rows = Rows::new(&question, given, tokens(named.content.rows()));
    let row = |seq, row| (seq, NewRows { rows: vec![row] }.to_string());
    let rows = new.into_iter().map(|one| row(one.seq, rows.row(one))).collect();
    Ok(Found { stand, rows, is_cut })
}

/// A little before a time.
fn since(now: &str) -> Option<String> {
    let now = DateTime::parse_from_rfc3339(now).ok()?.to_utc();
    let before = now.checked_sub_signed(TimeDelta::seconds(OVERLAP_S))?;
    Some(before.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// What was found, as events.
fn events(found: &Found) -> String {
    let mut text = String::new();
    for (seq, row) in &found.rows {
        text.push_str(&format!("id: {seq}\n"));
        text.push_str(&data(row));
    }
    if found.is_cut {
        text.push_str("event: many\n");
        text.push_str(&data("more than is sent at once"));
    }
    text
}

/// Says that the tail goes on, and after which event.
fn beat(stand: &Stand) -> String {
    match stand.last {
        Some(last) => format!("id: {last}\n\n"),
        None => ": nothing yet\n\n".to_owned(),
    }
}

/// Why a tail ends.
fn end(status: StatusCode) -> String {
    let words = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "Following has ended: the session is over, or its token was revoked"
        }
        _ => "Following has ended: the record cannot be read now",
    };
    format!("event: end\n{}", data(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_events_with_their_numbers() {
        let stand = Stand { size: 9, last: Some(8), since: None };
        let rows = vec![(7, "<tr>\n<td>".to_owned()), (8, "<tr>".to_owned())];
        let mut found = Found { stand, rows, is_cut: false };
        assert_eq!(events(&found), "id: 7\ndata: <tr>\ndata: <td>\n\nid: 8\ndata: <tr>\n\n");
        found.rows.clear();
        assert_eq!(events(&found), "");
        found.is_cut = true;
        assert!(events(&found).starts_with("event: many\ndata: "));
        assert_eq!(beat(&found.stand), "id: 8\n\n");
        assert!(end(StatusCode::UNAUTHORIZED).starts_with("event: end\ndata: Following has ended"));
    }

    #[test]
    fn a_look_goes_back_a_little() {
        assert_eq!(since("2026-03-31T17:00:05Z").as_deref(), Some("2026-03-31T16:59:55.000000Z"));
        assert_eq!(since("nonsense"), None);
    }
}
