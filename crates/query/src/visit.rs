//! Answers for pages: typed, over one snapshot, recorded like those of the API.
//!
//! A page may ask several questions. They see the same snapshot, and the page leaves one access event,
//! about the first question that it asks.

mod acting;
mod signing_in;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use answers::act::{SignedNow, UPLOAD_BYTES_MAX, VerificationState};
use answers::{Answer, Content, Place, described};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use budget::{Counted, Full, UnderWay};
use event::{Application, Number};

use crate::Query;
use crate::answer::{Seen, Told};
use crate::caller::{FromForm, Sender};
use crate::error::Error;
pub use crate::error::Problem;
use crate::http::{Answered, Ask, Kept, Reading, Upload, answer};
use crate::identity::name_of;
use crate::params::{LIMIT_MAX, Params};
pub use crate::sign_in::Brought;
use crate::witnessed::WitnessedState;

pub use self::acting::{Acting, Uploading};
pub use self::signing_in::{FromProvider, ToProvider};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The fields of an upload and what separates them may have so many bytes beside the file.
const FIELDS_BYTES_MAX: usize = 16 << 10;

/// Why a page is not made.
pub struct Refusal(Error);

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// An address without a page.
    #[must_use]
    pub fn not_found() -> Refusal {
        Refusal(Error::NotFound("there is nothing at this address"))
    }

    /// A form that came from elsewhere, or from a session that has ended.
    #[must_use]
    pub fn foreign_form() -> Refusal {
        Refusal(Error::Forbidden(
            "this form does not come from a page of this session: open the page again",
        ))
    }

    /// A page of forms that only admins may send.
    #[must_use]
    pub fn admins_only() -> Refusal {
        Refusal(Error::Forbidden("only a token of the role admin may change the configuration"))
    }

    /// Whether a matrix is asked for without naming groups, and there are more than it shows.
    #[must_use]
    pub fn is_too_many_groups(&self) -> bool {
        matches!(self.0, Error::TooManyGroups { .. })
    }

    /// Too many live tails go on: of this reader, or of all.
    #[must_use]
    pub fn too_many_tails(is_own: bool) -> Refusal {
        Refusal(Error::Full(if is_own { Full::Owner } else { Full::All }))
    }

    /// A field of a form that cannot be read; `what` repeats no value.
    #[must_use]
    pub fn form(what: &str) -> Refusal {
        Refusal(Error::Body(what.to_owned()))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// Who opens a page.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The id of the token.
    pub token: String,
    /// What the token is called, or its id.
    pub name: String,
    /// What it allows: `admin`, `auditor` or `app-auditor`.
    pub role: &'static str,
    /// The only application that it shows; `None` for all.
    pub application: Option<String>,
    /// What the forms of this session send back; `None` without a session.
    pub form_token: Option<String>,
}

impl SignedIn {
    /// Whether they may change the configuration.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role == event::Role::Admin.name()
    }
}

/// The request of somebody with a browser; not identified yet.
pub struct Visitor {
    ask: Ask,
    parts: Parts,
}

impl FromRequestParts<Arc<Query>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, query: &Arc<Query>) -> Result<Visitor, Refusal> {
        let ask = Ask::from_request_parts(parts, query).await?;
        Ok(Visitor { ask, parts: parts.clone() })
    }
}

impl Visitor {
    /// The address that was asked for.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The head of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// What the page is made from.
    #[must_use]
    pub fn query(&self) -> &Arc<Query> {
        &self.ask.query
    }

    /// Makes a page over one snapshot, on a blocking thread. It is recorded before it leaves, as the
    /// question at `route` if there is one.
    ///
    /// # Errors
    /// [`Refusal`], when the caller may not see the page or it cannot be made.
    pub async fn page<P: Send + 'static>(
        self,
        route: Option<&'static str>,
        make: impl FnOnce(&Visit<'_>) -> Result<P, Refusal> + Send + 'static,
    ) -> Result<P, Refusal> {
        let mut ask = self.ask;
        if let Some(route) = route {
            route.clone_into(&mut ask.route);
        }
        let made = ask.answer(move |reading| {
            let visit = Visit { reading, seen: RefCell::default() };
            let page = make(&visit).map_err(|refusal| refusal.0)?;
            Ok(Made { page, seen: visit.seen.into_inner() })
        });
        Ok(made.await?.page)
    }

    /// Makes the first state of something that goes on, such as a live tail, and what makes its next
    /// states. Only the first is recorded.
    ///
    /// # Errors
    /// [`Refusal`], as for a page.
    pub async fn watch<P: Send + 'static>(
        self,
        route: Option<&'static str>,
        make: impl FnOnce(&Visit<'_>) -> Result<P, Refusal> + Send + 'static,
    ) -> Result<(P, Watch), Refusal> {
        let (query, mut parts) = (Arc::clone(&self.ask.query), self.parts.clone());
        // They count the request that is answered now, which ends.
        parts.extensions.remove::<Counted>();
        parts.extensions.remove::<UnderWay>();
        let first = self.page(route, make).await?;
        Ok((first, Watch { query, parts }))
    }

    /// Whether a form comes from a page of this server. Browsers say so in `Sec-Fetch-Site`, or name the
    /// page's origin.
    #[must_use]
    pub fn is_own(&self) -> bool {
        is_own(&self.parts.headers, &self.ask.query.public_url)
    }

    /// The session of a form; refused when the form may come from elsewhere.
    fn session_of_form(&self, form_token: &str) -> Result<String, Refusal> {
        let sessions = &self.ask.query.sessions;
        let session = sessions.brought(&self.parts.headers).ok_or(Error::Unauthenticated)?;
        if !self.is_own() || !sessions.is_form_token(&session, form_token) {
            return Err(Refusal::foreign_form());
        }
        Ok(session)
    }

    /// The same visitor, whose session also counts for the page that answers a form.
    ///
    /// # Errors
    /// [`Refusal`], when the form comes from elsewhere.
    pub fn of_form(mut self, form_token: &str) -> Result<Visitor, Refusal> {
        self.session_of_form(form_token)?;
        self.parts.extensions.insert(FromForm::Now);
        let ask = Ask::of(&self.parts, &self.ask.query);
        Ok(Visitor { ask, parts: self.parts })
    }

    /// Reads what a form uploads, within the bounds of all uploads. It is read only if a page of ours sent it
    /// in a session that lasts; whether the form is one of that session is known only from its fields.
    ///
    /// # Errors
    /// [`Refusal`], when it comes from elsewhere, is too large, or breaks off.
    pub async fn upload(&self, body: Body) -> Result<Vec<u8>, Refusal> {
        self.may_upload()?;
        let query = &self.ask.query;
        let kept = self.parts.extensions.get::<Kept>().cloned().unwrap_or_default();
        let upload = Upload::new(body, &query.budget, kept);
        Ok(upload.bytes(UPLOAD_BYTES_MAX + FIELDS_BYTES_MAX).await?)
    }

    /// Reads what a form uploads piece by piece, for what is too large for the memory. The same holds as for
    /// [`Visitor::upload`].
    ///
    /// # Errors
    /// [`Refusal`], when it comes from elsewhere.
    pub fn uploading(&self, body: Body) -> Result<Uploading, Refusal> {
        self.may_upload()?;
        Ok(Uploading::new(body))
    }

    fn may_upload(&self) -> Result<(), Refusal> {
        let query = &self.ask.query;
        let session = query.sessions.brought(&self.parts.headers);
        let credential = session.and_then(|one| query.sessions.seen(&one, query.committer.now()));
        credential.ok_or(Error::Unauthenticated)?;
        if !self.is_own() {
            return Err(Refusal::foreign_form());
        }
        Ok(())
    }

    /// Sends what a form asks for to the address of the API that does it, as the session's caller. The
    /// request leaves the same event as one of the API.
    ///
    /// # Errors
    /// [`Refusal`], when the form comes from elsewhere. What the API refuses is its response.
    pub async fn act(
        self,
        form_token: &str,
        method: Method,
        path: &str,
        body: Body,
        content_type: &'static str,
    ) -> Result<Response, Refusal> {
        self.session_of_form(form_token)?;
        let mut extensions = acting::of_connection(&self.parts.extensions);
        extensions.insert(FromForm::Now);
        acting::act(self.parts.headers, extensions, (method, path, body, content_type)).await
    }

    /// Sends what a form asks for in several requests, which go on after the form was answered. Sending the
    /// form is a use of the session; those requests are none.
    ///
    /// # Errors
    /// [`Refusal`], when the form comes from elsewhere.
    pub fn acting(&self, form_token: &str) -> Result<Acting, Refusal> {
        let session = self.session_of_form(form_token)?;
        let query = &self.ask.query;
        query.sessions.used(&session, query.committer.now());
        Ok(Acting::of(&self.parts, query))
    }
}

/// Something that goes on after its first answer. It ends with the session or the token.
pub struct Watch {
    query: Arc<Query>,
    parts: Parts,
}

impl Watch {
    /// Makes the next state.
    ///
    /// # Errors
    /// [`Refusal`], when the session has ended, the token was revoked, or the state cannot be read.
    pub async fn look<P: Send + 'static>(
        &self,
        make: impl FnOnce(&Visit<'_>) -> Result<P, Refusal> + Send + 'static,
    ) -> Result<P, Refusal> {
        let mut ask = Ask::of(&self.parts, &self.query);
        ask.sender = Sender::watching(&self.parts, &self.query.sessions);
        let made = ask.read(move |reading| {
            let visit = Visit { reading, seen: RefCell::default() };
            make(&visit).map_err(|refusal| refusal.0)
        });
        Ok(made.await?)
    }
}

/// Whether the page that sent a form is ours.
fn is_own(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(&FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        // A browser that does not say the site names the origin, which is ours if it is where the request
        // went or where we are reached.
        (None, Some(origin)) => {
            let host = text(&HOST).unwrap_or_default();
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            let is_public = public_url
                .strip_prefix(origin)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            is_public || (!host.is_empty() && authority == Some(host))
        }
        (None, None) => false,
    }
}

/// A page, and what the access event keeps of it.
struct Made<P> {
    page: P,
    seen: Option<Seen>,
}

impl<P> Told for Made<P> {
    fn row_count(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.rows)
    }

    fn about(&self) -> Option<(Application, Number)> {
        self.seen?.about
    }
}

/// A page under way: its caller, and the snapshot that answers its questions.
pub struct Visit<'a> {
    reading: Reading<'a>,
    seen: RefCell<Option<Seen>>,
}

impl Visit<'_> {
    /// Answers a question, given the names in its path and its parameters. The first question of a page is
    /// what its access event is about.
    ///
    /// # Errors
    /// [`Refusal`], as the API refuses the same question.
    pub fn ask<Q: Answered>(&self, given: &[(&str, &str)]) -> Result<Answer<Q>, Refusal> {
        let described = described::<Q>().ok_or(Error::Defect)?;
        let is_in_path = |name: &str| {
            described.parameter(name).is_some_and(|parameter| parameter.place == Place::Path)
        };
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let (names, params): (Vec<_>, Vec<_>) =
            given.iter().map(owned).partition(|(name, _)| is_in_path(name));
        let params = Params::of(params, &described.known)?;
        let (answer, seen) = answer::<Q>(&self.reading, described, names, params)?.done()?;
        self.seen.borrow_mut().get_or_insert(seen);
        Ok(answer)
    }

    /// Answers a list with the rows of all its pages, up to about `rows_max`; if there are more, it has a
    /// `next`. The names of paging are not among those given.
    ///
    /// # Errors
    /// [`Refusal`], as the API refuses the same question.
    pub fn whole<Q: Answered>(
        &self,
        given: &[(&str, &str)],
        rows_max: usize,
    ) -> Result<Answer<Q>, Refusal> {
        let limit = LIMIT_MAX.to_string();
        let page = [given, &[("limit", limit.as_str())]].concat();
        let mut answer = self.ask::<Q>(&page)?;
        while answer.content.rows().len() < rows_max
            && let Some(cursor) = answer.envelope.next.take()
        {
            let next = self.ask::<Q>(&[&page[..], &[("cursor", &cursor)]].concat())?;
            answer.envelope.next = next.envelope.next;
            if let (Content::Rows(all), Content::Rows(more)) = (&mut answer.content, next.content) {
                all.extend(more);
            }
        }
        Ok(answer)
    }

    /// The question with these parameters, which were answered.
    ///
    /// # Errors
    /// [`Refusal`], when they are not those of the question.
    pub fn read<Q: Answered>(&self, given: &[(&str, &str)]) -> Result<Q, Refusal> {
        let described = described::<Q>().ok_or(Error::Defect)?;
        Ok(answers::read(&described.parameters, given.iter().copied()).map_err(Error::from)?)
    }

    /// Who opens the page.
    ///
    /// # Errors
    /// [`Refusal`], when the rows cannot be read.
    pub fn signed_in(&self) -> Result<SignedIn, Refusal> {
        let Reading { caller, record, query, .. } = &self.reading;
        let credential = &caller.credential;
        let application = match caller.scope() {
            Some(scope) => {
                record.view.application_of(scope).map_err(Error::from)?.map(|row| row.slug)
            }
            None => None,
        };
        let session = caller.session.as_deref();
        Ok(SignedIn {
            token: credential.number.to_string(),
            name: name_of(record, credential)?
                .unwrap_or_else(|| format!("token {}", credential.number)),
            role: credential.role.name(),
            application,
            form_token: session
                .map(|session| query.sessions.form_token(session))
                .transpose()
                .map_err(Error::from)?,
        })
    }

    /// How many events the record has. Answers to readers of one application do not depend on it, although
    /// checkpoints tell it to everybody.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.reading.record.size
    }

    /// The checkpoint that was signed last.
    #[must_use]
    pub fn checkpoint(&self) -> Option<SignedNow> {
        crate::http::last_checkpoint(self.reading.query)
    }

    /// What witnesses have signed.
    #[must_use]
    pub fn witnessed(&self) -> WitnessedState {
        self.reading.query.witnessed.state()
    }

    /// How far the verification of the log is, and what the last one found.
    #[must_use]
    pub fn verification(&self) -> VerificationState {
        crate::http::told_verification(self.reading.query)
    }

    /// The present time as answers write it.
    #[must_use]
    pub fn now(&self) -> answers::Moment {
        self.reading.record.now.to_string().into()
    }

    /// The address under which clients reach this server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.reading.query.public_url
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_is_ours_if_its_browser_says_so() {
        let check = |given: &[(&str, &str)], expected: bool| {
            let header = |(name, value): &(&str, &str)| {
                (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
            };
            let headers: HeaderMap = given.iter().map(header).collect();
            assert_eq!(is_own(&headers, "https://audit.example"), expected, "{given:?}");
        };
        let host = ("host", "127.0.0.1:8080");
        check(&[host, ("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check(&[host, ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")], false);
        check(&[host, ("sec-fetch-site", "cross-site")], false);
        check(&[host, ("sec-fetch-site", "none")], false);
        check(&[host, ("origin", "http://127.0.0.1:8080")], true);
        check(&[host, ("origin", "https://audit.example")], true);
        check(&[host, ("origin", "https://audit.example.evil.example")], false);
        check(&[host, ("origin", "https://audit")], false);
        check(&[host, ("origin", "")], false);
        check(&[host, ("origin", "http://evil.example")], false);
        check(&[host, ("origin", "null")], false);
        check(&[("origin", "http://")], false);
        check(&[host], false);
    }
}
