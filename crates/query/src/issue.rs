//! Issues tokens: the request, and the event that records it.

use event::secret::holds_token;
use event::{Application, Credential, CredentialAdded, Fact, Origin, Role, Timestamp};
use projector::{CredentialRow, Draft, ProjectorError, View};

use crate::duration;
use crate::instant::{self, Zone};

/// An identity provider switches tokens while the old one still works, so two are enough.
const SCIM_TOKENS_MAX: usize = 2;

/// A request for a token.
#[derive(Clone, Debug)]
pub struct Issue {
    role: Role,
    application: Option<String>,
    name: Option<String>,
    expires: Option<Expiry>,
}

/// When a token expires.
#[derive(Clone, Copy, Debug)]
enum Expiry {
    At(Timestamp),
    AfterSeconds(u64),
}

/// An issued token.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    /// Its number.
    pub number: Credential,
    /// The token is refused from then on; `None` if it does not expire.
    pub expires_at: Option<Timestamp>,
}

/// Why no token is issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IssueError {
    /// The name is empty or too long.
    #[error("`name` takes 1 to {} bytes", CredentialAdded::NAME_BYTES_MAX)]
    Name,
    /// `expires` cannot be parsed.
    #[error(
        "`expires` takes a later RFC 3339 time, a date, or a length of time from now such as 90d, \
         12h or 1h30m (units s, m, h, d, w)"
    )]
    Expires,
    /// The name looks like a token.
    #[error("`name` holds what looks like a secret")]
    Secret,
    /// `expires` cannot be written as RFC 3339.
    #[error("`expires` is after the year 9999; leave it out for a token without an end")]
    TooLate,
    /// The token would never be valid.
    #[error("`expires` is not in the future")]
    Expired,
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
    /// A token with a role, for the application with a slug if the role is limited to one.
    ///
    /// # Errors
    /// [`IssueError`], when role and application do not match.
    pub fn new(role: &str, application: Option<String>) -> Result<Issue, IssueError> {
        let role = Role::of_name(role).ok_or(IssueError::Role)?;
        match (role.is_of_application(), &application) {
            (true, None) => Err(IssueError::NeedsApplication),
            (false, Some(_)) => Err(IssueError::TakesNoApplication),
            (true, Some(_)) | (false, None) => {
                Ok(Issue { role, application, name: None, expires: None })
            }
        }
    }

    /// Sets what the token is for.
    ///
    /// # Errors
    /// When the name is empty or too long, or looks like a token.
    pub fn named(self, name: Option<String>) -> Result<Issue, IssueError> {
        let fits = |name: &String| (1..=CredentialAdded::NAME_BYTES_MAX).contains(&name.len());
        if !name.as_ref().is_none_or(fits) {
            return Err(IssueError::Name);
        }
        if name.as_deref().is_some_and(holds_token) {
            return Err(IssueError::Secret);
        }
        Ok(Issue { name, ..self })
    }

    /// Sets when the token expires: an RFC 3339 time, a date (its last instant), or a duration from when
    /// it is issued.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn until(self, expires: Option<&str>) -> Result<Issue, IssueError> {
        let Some(text) = expires else { return Ok(self) };
        let is_time = !text.starts_with('-');
        let time = || instant::parse(text, instant::Role::At, Timestamp(0), Zone::UTC);
        let expires = match duration::seconds(text) {
            Some(seconds) => Some(Expiry::AfterSeconds(seconds)),
            None => time().filter(|_| is_time).map(Expiry::At),
        };
        Ok(Issue { expires: Some(expires.ok_or(IssueError::Expires)?), ..self })
    }

    /// What the token is for.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The role's name.
    pub fn role(&self) -> &'static str {
        self.role.name()
    }

    /// The application that the token is limited to.
    pub fn application(&self) -> Option<&str> {
        self.application.as_deref()
    }

    /// The token whose digest is `sha256`, and the event that issues it at `now`. `origin` is the request
    /// that asked for it, if any.
    ///
    /// # Errors
    /// When the rows cannot be read; inside, [`IssueError`].
    pub fn decide(
        &self,
        view: &View<'_>,
        origin: Option<Origin>,
        now: Timestamp,
        sha256: [u8; 32],
    ) -> Result<Result<(Issued, Draft), IssueError>, ProjectorError> {
        let application = match &self.application {
            None => Application::RECORDER,
            Some(slug) => match view.application(slug)? {
                Some(application) => application.number,
                None => return Ok(Err(IssueError::NoApplication)),
            },
        };
        let is_like = |one: &CredentialRow| {
            one.is_valid_at(now) && one.role == Role::Scim && one.application == application
        };
        if self.role == Role::Scim
            && view.credentials()?.iter().filter(|one| is_like(one)).count() >= SCIM_TOKENS_MAX
        {
            return Ok(Err(IssueError::TwoTokens));
        }
        let expires_at = match self.expires {
            None => None,
            Some(Expiry::At(time)) => Some(time),
            Some(Expiry::AfterSeconds(seconds)) => {
                let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                Some(Timestamp(now.0.saturating_add(micros)))
            }
        };
        // Answers could not write a time that RFC 3339 cannot write.
        if expires_at.is_some_and(|end| end > now && !end.is_writable()) {
            return Ok(Err(IssueError::TooLate));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Ok(Err(IssueError::Expired));
        }
        let number = view.next_credential()?;
        let fact = Fact::CredentialAdded(CredentialAdded {
            number,
            role: self.role,
            sha256,
            name: self.name.clone(),
            expires_at,
        });
        Ok(Ok((
            Issued { number, expires_at },
            Draft { application, origin, fact, parts: vec![], passed: vec![] },
        )))
    }
}
