//! The access log: every question by a known caller leaves an event.

use axum::extract::Query as Pairs;
use axum::http::Uri;
use event::{Access, Application, Content, Fact, Number, Origin, Part, Seq, secret};
use projector::{Decision, Draft, Durability, Revoked};

use super::ask::Ask;
use crate::Query;
use crate::answer::Told;
use crate::error::Error;

/// A longer address is cut here.
const TARGET_BYTES_MAX: usize = 8 << 10;

/// What is recorded of a question.
pub(super) struct Asked {
    route: String,
    target: String,
    exported: bool,
    /// Whether the question has the parameter `knownAt`.
    pub(super) names_known_at: bool,
}

impl Asked {
    pub(super) fn of(ask: &Ask) -> Asked {
        let target = ask.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let (route, names_known_at) = (ask.route.clone(), names_known_at(&ask.uri));
        Asked { route, target: kept(&target, TARGET_BYTES_MAX), exported: false, names_known_at }
    }

    /// The same for an export of the question's whole answer.
    pub(super) fn exporting(self, target: &str) -> Asked {
        Asked { target: kept(target, TARGET_BYTES_MAX), exported: true, ..self }
    }

    /// Replaces the recorded question by another.
    pub(super) fn ask(&mut self, target: &str) {
        self.target = kept(target, TARGET_BYTES_MAX);
    }

    /// Records the question with its status, row count and subject.
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

    /// The same, from the status, the number of rows and the subject.
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
        let part = Part::new(number, Content::Target(self.target));
        let credential = origin.credential;
        let decide = move |authority: Result<(), Revoked>, _: &projector::View<'_>, _| {
            let (access, reply) = match authority {
                Ok(()) => (access, Ok(())),
                // The token was revoked while the question was answered: show nothing.
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

/// The part of an address that is recorded: tokens removed, then cut.
pub(super) fn kept(target: &str, bytes_max: usize) -> String {
    let mut kept = secret::cut(target, &[]).into_owned();
    kept.truncate(kept.floor_char_boundary(bytes_max));
    kept
}

/// Whether a query has the parameter `knownAt`, however its name is written.
fn names_known_at(uri: &Uri) -> bool {
    let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
    // A query that cannot be read is refused later; until then assume that it has `knownAt`.
    pairs.map_or(true, |pairs| pairs.0.iter().any(|(name, _)| name == "knownAt"))
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
