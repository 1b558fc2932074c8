//! How a browser comes in and goes: with a token, a link, or an identity provider.

use std::sync::Arc;

use axum::http::Uri;
use event::{Application, Credential, Number};

use super::{Refusal, Visitor};
use crate::answer::Told;
use crate::caller::{Sender, origin_of};
use crate::error::Error;
use crate::http::Ask;
use crate::sign_in::{Brought, Proven, SignIn};

/// What a sign-in is recorded as. The address of a one-time link holds its secret.
const LOGIN: &str = "/login";

const NO_PROVIDER: &str =
    "people do not sign in with an identity provider here: sign in with a token at /login";
const REVOKED: &str = "the identity provider knows you, but your access to this server was revoked: ask one \
                       of its admins; it cannot be given back to the same account at the provider";

/// Where a browser goes to sign in.
pub struct ToProvider {
    /// The address.
    pub address: String,
    /// The cookie that it must bring back.
    pub cookie: String,
}

/// Somebody who signed in with the identity provider.
pub struct FromProvider {
    /// The page to go on to, as it was given when the sign-in began.
    pub next: String,
    /// The cookies to set.
    pub cookies: [String; 2],
}

impl Visitor {
    /// Begins a session with a token. Returns the cookie.
    ///
    /// # Errors
    /// [`Refusal`], when the token is unknown, may ask nothing, or the form comes from elsewhere.
    pub async fn sign_in(self, token: &str) -> Result<String, Refusal> {
        let sender = Sender::with_token(&self.parts, token.trim().to_owned());
        self.begin(sender).await
    }

    /// Begins a session with a one-time link, which is used up. Returns the cookie.
    ///
    /// # Errors
    /// [`Refusal`], when the link is unknown, used or too old, or the form comes from elsewhere.
    pub async fn sign_in_by_link(self, secret: &str) -> Result<String, Refusal> {
        if !self.is_own() {
            return Err(Refusal::foreign_form());
        }
        let query = &self.ask.query;
        let credential = query.sessions.take_link(secret, query.committer.now());
        let credential = credential.ok_or(Error::NotFound(
            "this link was used already, or is too old: ask for another one, or sign in with a token",
        ))?;
        let sender = Sender::proven(&self.parts, credential);
        self.begin(sender).await
    }

    /// Begins to sign in with the identity provider. `next` is the page to go on to.
    ///
    /// # Errors
    /// [`Refusal`], when there is none, or it does not answer as it should.
    pub async fn to_provider(self, next: &str) -> Result<ToProvider, Refusal> {
        let query = &self.ask.query;
        let sign_in = query.sign_in.as_ref().ok_or(Error::NotFound(NO_PROVIDER))?;
        let from = (next, origin_of(&self.parts).client);
        let begun = sign_in.begin(&query.public_url, from, &|| query.committer.now()).await;
        let (address, cookie) = begun.inspect_err(told)?;
        Ok(ToProvider { address, cookie: query.sessions.sign_in_cookie(&cookie) })
    }

    /// Begins a session for somebody who comes back from the identity provider.
    ///
    /// # Errors
    /// [`Refusal`], when what they bring does not prove who they are, gives no role, or they were revoked.
    pub async fn from_provider(self, brought: Brought) -> Result<FromProvider, Refusal> {
        let query = Arc::clone(&self.ask.query);
        let sign_in = query.sign_in.as_ref().ok_or(Error::NotFound(NO_PROVIDER))?;
        let cookie = query.sessions.sign_in_brought(&self.parts.headers);
        let now = || query.committer.now();
        let person = sign_in.finish(&query.public_url, cookie.as_deref(), brought, &now).await;
        let person = person.inspect_err(told)?;
        let number = match query.credential_of(&person, origin_of(&self.parts)).await? {
            Proven::Valid(number) | Proven::Revoked(number) => number,
            Proven::Refused(before, words) => {
                let error = Error::SignIn(words.to_owned());
                told(&error);
                let Some(before) = before else { return Err(error.into()) };
                query.sessions.end_all(before);
                let ask = self.signing_in(Sender::proven(&self.parts, before));
                return Err(match ask.answer::<Credentialed>(|_| Err(error)).await {
                    Err(error) => error.into(),
                    Ok(_) => Error::Defect.into(),
                });
            }
        };
        // No page of ours sent the browser here: the state and its cookie prove that it began here.
        let sender = Sender::proven(&self.parts, number);
        let session = self.begin_proven(sender).await;
        let session = session.map_err(|refusal| match refusal.0 {
            Error::Unauthenticated => Error::SignIn(REVOKED.to_owned()),
            error => error,
        })?;
        let cookies = [session, query.sessions.no_sign_in_cookie()];
        Ok(FromProvider { next: person.next, cookies })
    }

    /// The identity provider to sign in with, as people read it.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.ask.query.sign_in.as_ref().map(SignIn::provider_name)
    }

    async fn begin(self, sender: Sender) -> Result<String, Refusal> {
        if !self.is_own() {
            return Err(Refusal::foreign_form());
        }
        self.begin_proven(sender).await
    }

    /// Begins a session. Whether the browser wants it was checked before.
    async fn begin_proven(self, sender: Sender) -> Result<String, Refusal> {
        let ask = self.signing_in(sender);
        let query = Arc::clone(&ask.query);
        // A browser that was signed in before gets a new session, so that none can be planted.
        let before = query.sessions.brought(&self.parts.headers);
        let credential = ask.answer(|reading| Ok(Credentialed(reading.caller.credential.number)));
        let Credentialed(credential) = credential.await?;
        if let Some(before) = before {
            query.sessions.end(&before);
        }
        let secret = query.sessions.begin(credential, query.committer.now());
        Ok(query.sessions.cookie(&secret.map_err(Error::Random)?))
    }

    /// A sign-in as it is recorded.
    fn signing_in(&self, sender: Sender) -> Ask {
        let mut ask = Ask::of(&self.parts, &self.ask.query);
        ask.sender = sender;
        ask.uri = Uri::from_static(LOGIN);
        LOGIN.clone_into(&mut ask.route);
        ask
    }

    /// Ends the session. Returns the cookie that the browser forgets it by.
    ///
    /// # Errors
    /// [`Refusal`], when the form comes from elsewhere.
    pub fn sign_out(self, form_token: &str) -> Result<String, Refusal> {
        let session = self.session_of_form(form_token)?;
        let sessions = &self.ask.query.sessions;
        sessions.end(&session);
        Ok(sessions.no_cookie())
    }
}

/// Tells who runs the server why somebody does not come in. The words repeat nothing of what was sent.
fn told(error: &Error) {
    if let Error::SignIn(_) | Error::Provider(_) | Error::SignInBusy = error {
        tracing::info!(why = %error, "a sign-in was refused");
    }
}

/// The credential of a sign-in.
struct Credentialed(Credential);

impl Told for Credentialed {
    fn row_count(&self) -> u64 {
        0
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }
}
