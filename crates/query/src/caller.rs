//! The caller of a question, and what they may see.

use answers::Who;
use axum::http::request::Parts;
use event::{Application, Origin, Role, Timestamp};
use incoming::Presented;
use projector::{ApplicationRow, CredentialRow, View};

use crate::error::Error;
use crate::frame::RequestId;

/// What a request says about its sender, unverified. Has no `Debug`, so that the token cannot be logged.
pub(crate) struct Sender {
    presented: Presented,
    origin: Origin,
}

impl Sender {
    pub(crate) fn of(parts: &Parts) -> Sender {
        let request_id = parts.extensions.get::<RequestId>();
        let request_id = request_id.map(|id| id.0.clone()).unwrap_or_default();
        Sender {
            presented: Presented::of(&parts.headers),
            origin: incoming::origin(parts, request_id),
        }
    }

    /// Identifies the caller by a known token. Does not check what the token allows.
    pub(crate) fn identify(&self, view: &View<'_>) -> Result<Caller, Error> {
        let token = self.presented.token().ok_or(Error::Unauthenticated)?;
        let credential = view.credential_of_token(token)?.ok_or(Error::Unauthenticated)?;
        let origin = Origin { credential: credential.number, ..self.origin.clone() };
        Ok(Caller { credential, origin })
    }
}

const SCIM: Error =
    Error::Forbidden("this token provisions over SCIM; questions take one of an auditor");

/// The sender of a request with one of our tokens.
#[derive(Clone)]
pub(crate) struct Caller {
    credential: CredentialRow,
    origin: Origin,
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
