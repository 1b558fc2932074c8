//! The caller of a question, and what they may see.

use answers::Who;
use axum::http::Method;
use axum::http::request::Parts;
use event::{Application, Credential, Origin, Role, Timestamp};
use incoming::Presented;
use projector::{ApplicationRow, CredentialRow, View};

use crate::error::Error;
use crate::frame::{RequestId, is_graph};
use crate::session::Sessions;

/// What a request says about its sender, unverified. Has no `Debug`, so that no secret can be logged.
pub(crate) struct Sender {
    claim: Claim,
    origin: Origin,
}

/// By what a sender wants to be known.
enum Claim {
    /// A token, if there is one.
    Token(Option<String>),
    /// The secret of a session.
    Session(String),
    /// The same where the request goes on without anybody using it.
    Watching(String),
    /// A credential that was proven in another way: by a link, or by an identity provider.
    Proven(Credential),
}

/// Marks a request that a form of ours sent: its session counts although it is no GET.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromForm {
    /// Somebody sent it now.
    Now,
    /// Somebody sent it before, and it goes on: that does not keep the session from ending.
    Before,
}

impl Sender {
    /// A token goes before a session. A session counts for reading only, so that no other site can make
    /// a browser change something.
    pub(crate) fn of(parts: &Parts, sessions: &Sessions) -> Sender {
        let form = parts.extensions.get::<FromForm>();
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        let counts = (is_read && !is_graph(parts.uri.path())) || form.is_some();
        let claim = match Presented::of(&parts.headers) {
            Presented::Nothing if counts => match sessions.brought(&parts.headers) {
                Some(secret) if form == Some(&FromForm::Before) => Claim::Watching(secret),
                Some(secret) => Claim::Session(secret),
                None => Claim::Token(None),
            },
            presented => Claim::Token(presented.into_token()),
        };
        Sender { claim, origin: origin_of(parts) }
    }

    /// The sender of a request that goes on, such as a live tail. It does not keep a session from ending.
    pub(crate) fn watching(parts: &Parts, sessions: &Sessions) -> Sender {
        let Sender { claim, origin } = Sender::of(parts, sessions);
        let claim = match claim {
            Claim::Session(secret) => Claim::Watching(secret),
            claim => claim,
        };
        Sender { claim, origin }
    }

    /// The sender of a token that did not come in the head of the request.
    pub(crate) fn with_token(parts: &Parts, token: String) -> Sender {
        Sender { claim: Claim::Token(Some(token)), origin: origin_of(parts) }
    }

    /// The sender whose credential was proven in another way.
    pub(crate) fn proven(parts: &Parts, credential: Credential) -> Sender {
        Sender { claim: Claim::Proven(credential), origin: origin_of(parts) }
    }

    /// Identifies the caller by a known credential. Does not check what it allows.
    pub(crate) fn identify(
        &self,
        view: &View<'_>,
        sessions: &Sessions,
        now: Timestamp,
    ) -> Result<Caller, Error> {
        let (credential, session) = match &self.claim {
            Claim::Token(Some(token)) => (view.credential_of_token(token)?, None),
            Claim::Token(None) => (None, None),
            Claim::Session(secret) | Claim::Watching(secret) => {
                let credential = match self.claim {
                    Claim::Watching(_) => sessions.seen(secret, now),
                    _ => sessions.used(secret, now),
                };
                let row = credential.map(|one| view.credential_of(one)).transpose()?.flatten();
                (row, Some(secret.clone()))
            }
            Claim::Proven(credential) => (view.credential_of(*credential)?, None),
        };
        let credential = credential.ok_or(Error::Unauthenticated)?;
        let origin = Origin { credential: credential.number, ..self.origin.clone() };
        Ok(Caller { credential, origin, session })
    }
}

/// Where a request comes from, without its credential.
pub(crate) fn origin_of(parts: &Parts) -> Origin {
    let request_id = parts.extensions.get::<RequestId>();
    let request_id = request_id.map(|id| id.0.clone()).unwrap_or_default();
    incoming::origin(parts, request_id)
}

const SCIM: Error =
    Error::Forbidden("this token provisions over SCIM; questions take one of an auditor");

/// The sender of a request with one of our tokens.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) credential: CredentialRow,
    origin: Origin,
    /// The secret of their session, if they came with one.
    pub(crate) session: Option<String>,
}

impl Caller {
    /// Checks that the token is valid at `now` and may ask questions.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        match self.credential.role {
            _ if !self.credential.is_valid_at(now) => Err(Error::Unauthenticated),
            Role::Admin | Role::Auditor | Role::AppAuditor => Ok(()),
            Role::Scim => Err(SCIM),
        }
    }

    /// The origin to store in an event.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The application that the token is limited to (the recorder if it is not limited), and the origin
    /// to store in an event.
    pub(crate) fn into_parts(self) -> (Application, Origin) {
        (self.credential.application, self.origin)
    }

    /// The only application that the caller may see; `None` for all.
    pub(crate) fn scope(&self) -> Option<Application> {
        self.credential.role.is_of_application().then_some(self.credential.application)
    }

    /// Whether the caller may see an application.
    pub(crate) fn may_see(&self, application: Application) -> bool {
        self.scope().is_none_or(|scope| scope == application)
    }

    /// The application with a slug. One that the caller may not see is reported as missing.
    pub(crate) fn application(&self, view: &View<'_>, slug: &str) -> Result<ApplicationRow, Error> {
        view.application(slug)?
            .filter(|application| self.may_see(application.number))
            .ok_or(Error::NotFound("there is no such application"))
    }

    /// Refuses callers who are not among those that may ask or act.
    pub(crate) fn check_may(&self, who: Who) -> Result<(), Error> {
        match (who, self.credential.role) {
            (_, Role::Admin) | (Who::Reader, Role::Auditor | Role::AppAuditor) => Ok(()),
            (Who::Reader, Role::Scim) => Err(SCIM),
            (Who::Admin, Role::Auditor | Role::AppAuditor | Role::Scim) => {
                Err(Error::Forbidden("only a token of the role admin may change the configuration"))
            }
        }
    }
}
