//! A new token: what can be asked for, and the event that issues it.

use event::{Application, Credential, CredentialAdded, Fact, Origin, Role};
use projector::{CredentialRow, Draft, ProjectorError, View};

/// An identity provider changes its token while the old one still works; there is no use for a third.
const SCIM_TOKENS_MAX: usize = 2;

/// A token that is asked for.
#[derive(Clone, Debug)]
pub struct Issue {
    role: Role,
    application: Option<String>,
}

/// Why no token is issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such role.
    #[error("`role` takes admin, auditor, app-auditor or scim")]
    Role,
    /// The role is limited to an application, and none is named.
    #[error("a token of that role needs an `application`")]
    NeedsApplication,
    /// The role is not limited to an application.
    #[error("a token of that role takes no `application`")]
    TakesNoApplication,
    /// The application is not there.
    #[error("there is no such application")]
    NoApplication,
    /// Both secret tokens of the application are valid.
    #[error("the application has two valid tokens already; revoke one first")]
    TwoTokens,
}

impl Issue {
    /// A token of a role, for the application of a slug when the role is limited to one.
    ///
    /// # Errors
    /// [`IssueError`], when role and application do not go together.
    pub fn new(role: &str, application: Option<String>) -> Result<Issue, IssueError> {
        let role = Role::of_name(role).ok_or(IssueError::Role)?;
        match (role.is_of_application(), &application) {
            (true, None) => Err(IssueError::NeedsApplication),
            (false, Some(_)) => Err(IssueError::TakesNoApplication),
            (true, Some(_)) | (false, None) => Ok(Issue { role, application }),
        }
    }

    /// The role's name.
    pub fn role(&self) -> &'static str {
        self.role.name()
    }

    /// The application that the token is limited to.
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The number of the token whose digest is `sha256`, and the event that issues it. `origin` is the
    /// request behind it, if there is one.
    ///
    /// # Errors
    /// When the rows cannot be read; within, [`IssueError`].
    pub fn decide(
        &self,
        view: &View<'_>,
        origin: Option<Origin>,
        sha256: [u8; 32],
    ) -> Result<Result<(Credential, Draft), IssueError>, ProjectorError> {
        let application = match &self.application {
            None => Application::RECORDER,
            Some(slug) => match view.application(slug)? {
                Some(application) => application.number,
                None => return Ok(Err(IssueError::NoApplication)),
            },
        };
        let is_like = |one: &CredentialRow| {
            let valid = one.revoked_seq.is_none();
            valid && one.role == Role::Scim && one.application == application
        };
        if self.role == Role::Scim
            && view.credentials()?.iter().filter(|one| is_like(one)).count() >= SCIM_TOKENS_MAX
        {
            return Ok(Err(IssueError::TwoTokens));
        }
        let number = view.next_credential()?;
        let fact = Fact::CredentialAdded(CredentialAdded { number, role: self.role, sha256 });
        Ok(Ok((number, Draft { application, origin, fact, parts: vec![], passed: vec![] })))
    }
}
