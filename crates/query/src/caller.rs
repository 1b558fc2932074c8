//! Who asks, and what they may see.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use event::{Application, Credential, Origin, Role, head};
use projector::{ApplicationRow, CredentialRow, View};

use crate::error::Error;
use crate::frame::RequestId;

/// What a request says of its sender. Nothing is believed yet, and it has no `Debug`: the token must
/// not get into a log.
pub(crate) struct Sender {
    token: Option<String>,
    origin: Origin,
}

impl Sender {
    /// The client's address is that of the connection; a server behind a proxy puts the right one
    /// into the request's `ConnectInfo` before.
    pub(crate) fn of(parts: &Parts) -> Sender {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let request_id = parts.extensions.get::<RequestId>();
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let user_agent = parts.headers.get(USER_AGENT).map(|value| value.as_bytes());
        Sender {
            token: text(AUTHORIZATION).and_then(head::bearer_token).map(str::to_owned),
            origin: Origin {
                credential: Credential::NONE,
                client: address.map(|address| address.0.ip().to_canonical()),
                user_agent: head::user_agent(user_agent.unwrap_or_default()),
                request_id: request_id.map(|id| id.0.clone()).unwrap_or_default(),
            },
        }
    }

    /// Who that is, whether or not they may ask here.
    pub(crate) fn identify(&self, view: &View<'_>) -> Result<Caller, Error> {
        let token = self.token.as_deref().ok_or(Error::Unauthenticated)?;
        let credential = view.credential_of_token(token)?.ok_or(Error::Unauthenticated)?;
        let origin = Origin { credential: credential.number, ..self.origin.clone() };
        Ok(Caller { credential, origin })
    }
}

/// Somebody whose token is one of ours.
#[derive(Clone)]
pub(crate) struct Caller {
    credential: CredentialRow,
    origin: Origin,
}

impl Caller {
    /// Whether the caller may ask here at all.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.credential.role {
            _ if self.credential.revoked_seq.is_some() => Err(Error::Unauthenticated),
            Role::Admin | Role::Auditor | Role::AppAuditor => Ok(()),
            Role::Scim => Err(Error::Forbidden(
                "this token provisions over SCIM; questions take one of an auditor",
            )),
        }
    }

    /// What the caller's request leaves in an event.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whose application the caller's token is, the recorder's when it is no single one, and what the
    /// request leaves in an event.
    pub(crate) fn into_parts(self) -> (Application, Origin) {
        (self.credential.application, self.origin)
    }

    /// The one application that the caller may see; `None` when it is all.
    pub(crate) fn scope(&self) -> Option<Application> {
        match self.credential.role {
            Role::Admin | Role::Auditor => None,
            Role::AppAuditor | Role::Scim => Some(self.credential.application),
        }
    }

    /// Whether the caller may see what is an application's.
    pub(crate) fn may_see(&self, application: Application) -> bool {
        self.scope().is_none_or(|scope| scope == application)
    }

    /// The application of a name. One that the caller may not see looks like one that is not there.
    pub(crate) fn application(&self, view: &View<'_>, slug: &str) -> Result<ApplicationRow, Error> {
        view.application(slug)?
            .filter(|application| self.may_see(application.number))
            .ok_or(Error::NotFound("there is no such application"))
    }

    /// What the caller's request leaves in an event, when the caller may configure.
    pub(crate) fn into_admin(self) -> Result<Origin, Error> {
        self.check_admin()?;
        Ok(self.origin)
    }

    /// Refuses whoever may not configure.
    pub(crate) fn check_admin(&self) -> Result<(), Error> {
        match self.credential.role {
            Role::Admin => Ok(()),
            Role::Auditor | Role::AppAuditor | Role::Scim => {
                Err(Error::Forbidden("only a token of the role admin may change the configuration"))
            }
        }
    }
}
