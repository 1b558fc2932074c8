//! Who asked: every question that somebody is known to ask leaves an event.

use std::ops::ControlFlow;

use axum::extract::Query as Pairs;
use axum::http::Uri;
use event::{Access, Application, Content, Credential, Fact, Number, Origin, Part, Seq, secret};
use projector::{AccessSummary, ApplicationRow, Decision, Draft, Durability, Revoked};
use serde_json::{Value, json};

use super::ask::Ask;
use crate::Query;
use crate::answer::{Answer, Told};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;
use crate::stand::Stand;

/// A longer address is cut here.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// What is kept of a question.
pub(super) struct Asked {
    route: String,
    target: String,
    exported: bool,
    /// Whether the question says what may be known.
    pub(super) names_known_at: bool,
}

impl Asked {
    pub(super) fn of(ask: &Ask) -> Asked {
        let target = ask.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let (route, names_known_at) = (ask.route.clone(), names_known_at(&ask.uri));
        Asked { route, target: kept(&target, TARGET_BYTES_MAX), exported: false, names_known_at }
    }

    /// The same for whole files of the answer to a question.
    pub(super) fn exporting(self, target: &str) -> Asked {
        Asked { target: kept(target, TARGET_BYTES_MAX), exported: true, ..self }
    }

    /// Records the question with what came of it.
    pub(super) async fn record<T: Told>(
        self,
        query: &Query,
        origin: Origin,
        head: Seq,
        answer: &Result<T, Error>,
    ) -> Result<(), Error> {
        let came = match answer {
            Ok(answer) => (answer.status(), answer.row_count(), answer.about()),
            Err(error) => (error.status().as_u16(), 0, None),
        };
        self.record_as(query, origin, head, came).await
    }

    /// The same by the status, how many rows were shown, and of whom.
    pub(super) async fn record_as(
        self,
        query: &Query,
        origin: Origin,
        head: Seq,
        (status, rows, about): (u16, u64, Option<(Application, Number)>),
    ) -> Result<(), Error> {
        let all_applications = about.is_some_and(|(one, _)| one == Application::RECORDER);
        let (application, number) = about.unwrap_or((Application::RECORDER, Number::NOBODY));
        let access = Access {
            route: self.route,
            exported: self.exported,
            status,
            rows,
            saw_seq: head.checked_sub(1),
            number,
            all_applications,
        };
        let part = Part { subject: number, content: Content::Target(self.target) };
        let credential = origin.credential;
        let decide = move |authority: Result<(), Revoked>, _: &projector::View<'_>, _| {
            let (access, reply) = match authority {
                Ok(()) => (access, Ok(())),
                // Nothing is shown to whoever lost the right to see it while we looked.
                Err(Revoked) => {
                    let error = Error::Unauthenticated;
                    let status = error.status().as_u16();
                    let denied = Access { status, rows: 0, exported: false, ..access };
                    (Access { all_applications: false, ..denied }, Err(error))
                }
            };
            let (origin, fact) = (Some(origin), Fact::Access(access));
            let event = Draft { application, origin, fact, parts: vec![part], passed: vec![] };
            Ok(Decision { events: vec![event], reply })
        };
        query.committer.submit_for(credential, Durability::Appended, decide).await?
    }
}

/// What is kept of an address: without tokens, and then cut.
pub(super) fn kept(target: &str, bytes_max: usize) -> String {
    let mut kept = secret::cut(target, &[]).into_owned();
    kept.truncate(kept.floor_char_boundary(bytes_max));
    kept
}

/// Whether a query has the parameter `knownAt`, however its name is written.
fn names_known_at(uri: &Uri) -> bool {
    let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
    // What cannot be read is refused later; until then it may name it.
    pairs.map_or(true, |pairs| pairs.0.iter().any(|(name, _)| name == "knownAt"))
}

/// `GET /api/v1/access-log`: who asked what, newest first.
pub(super) async fn log(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let known = &["app", "credential", "from", "to", "knownAt", "tz", "limit", "cursor"];
        let params = reading.params(known)?;
        let application = reading.application_in(&params)?.or(reading.caller.scope());
        let credential = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().ok().map(Credential),
            false => None,
        };
        let credential = params.read_as("credential", "the id of a token", credential)?;
        let stand = Stand::of_page(&reading.record, &params, &[], "access-log")?;
        let record = &reading.record.of_first(stand.size);
        let wanted = application.map(|number| record.view.application_of(number)).transpose()?;
        // Whoever asked about all applications was shown each that there was.
        let shows = |one: &AccessSummary, wanted: &ApplicationRow| {
            one.application == wanted.number || (one.all_applications && wanted.added_seq < one.seq)
        };
        let fits = |one: &AccessSummary| {
            wanted.as_ref().is_none_or(|wanted| wanted.as_ref().is_some_and(|row| shows(one, row)))
                && credential.is_none_or(|wanted| one.credential == wanted)
        };
        let (mut count, mut page) = (0, vec![]);
        let begin = stand.after.unwrap_or(Seq::MAX);
        record.view.accesses(stand.seqs.clone(), &mut |one| {
            if fits(&one) {
                count += 1;
                // One more than is shown tells whether there are more.
                if one.seq < begin && page.len() <= stand.limit {
                    page.push(one.seq);
                }
            }
            ControlFlow::Continue(())
        })?;
        let more = page.len() > stand.limit;
        page.truncate(stand.limit);
        let next = page.last().filter(|_| more).map(|seq| stand.next(*seq));
        let rows = page.iter().map(|seq| row(record, *seq));
        let rows = rows.collect::<Result<_, _>>()?;
        let coverage = Coverage::between(record, &stand, &[])?;
        let answer = Answer::new(record, &stand, &coverage);
        let answer = answer.about(reading.asked_application(application), Number::NOBODY);
        Ok(answer.rows(rows, count, next))
    })
    .await
}

fn row(record: &Record<'_>, seq: Seq) -> Result<Value, Error> {
    let event = record.event(seq)?;
    let Fact::Access(access) = &event.header.fact else { return Err(Error::Damaged("an access")) };
    let origin = event.header.origin.clone().unwrap_or_default();
    let credential = record.view.credential_of(origin.credential)?;
    let application = event.header.application;
    let slug = record.view.application_of(application)?.map(|row| row.slug);
    // What somebody asked of all applications may name people of others, and its rows count theirs.
    let is_own = record.scope.is_none_or(|scope| scope == application);
    let saw_seq = match access.saw_seq {
        Some(saw) => record.last_told(saw + 1)?,
        None => None,
    };
    let target = event.parts.iter().find_map(|part| match &part.content {
        Content::Target(target) => Some(target.as_str()),
        _ => None,
    });
    Ok(json!({
        "seq": seq,
        "recordedAt": event.header.recorded_at.to_string(),
        "application": slug,
        "allApplications": access.all_applications,
        "actorId": origin.credential.to_string(),
        "role": credential.map(|credential| credential.role.name()),
        "route": access.route,
        "target": target.filter(|_| is_own),
        "status": access.status,
        "rows": is_own.then_some(access.rows),
        "exported": access.exported,
        "sawSeq": saw_seq,
        "sourceIp": origin.client.map(|client| client.to_string()),
        "userAgent": origin.user_agent,
        "requestId": origin.request_id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_instant_is_seen_however_its_name_is_written() {
        let check = |query: &str, expected: bool| {
            assert_eq!(
                names_known_at(&format!("/x?{query}").parse().unwrap()),
                expected,
                "{query}"
            );
        };
        check("at=1&knownAt=2", true);
        check("known%41t=2", true);
        check("%6bnown%41%74=2", true);
        check("knownAt", true);
        check("a=knownAt", false);
        check("knownat=2", false);
        assert!(!names_known_at(&"/knownAt".parse().unwrap()));
    }

    #[test]
    fn addresses_lose_tokens_before_they_are_cut() {
        let token = format!("plg_{}", "0a".repeat(32));
        let kept = |target: &str| kept(target, TARGET_BYTES_MAX);
        assert_eq!(kept(&format!("/x?a={token}&b=%70{}", &token[1..])), "/x?a=null&b=null");
        let late = format!("/x?{}{token}", "a".repeat(TARGET_BYTES_MAX - 40));
        assert!(kept(&late).ends_with("anull"));
        assert_eq!(kept(&"a".repeat(9_000)).len(), TARGET_BYTES_MAX);
    }
}
