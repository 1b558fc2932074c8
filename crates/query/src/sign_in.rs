//! Signing in with an identity provider. What to ask and what to believe is in the crate `oidc`; here are
//! the calls, the browser's cookie, and the event that gives somebody a credential.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Application, Content, Credential, Fact, IdentitySet, Number, Origin, Part, Timestamp};
use oidc::{
    Attempt, Attempts, Claims, Expected, Given, Keys, Provider, RoleMap, TokenAnswer, Untrusted,
};
use projector::{Decision, Draft, Durability, ProjectorError, Stamp, View, identity_sha256};
use tokio::sync::{Mutex as InTurn, OwnedSemaphorePermit, Semaphore};

use crate::Query;
use crate::error::Error;
use crate::identity::Said;
use crate::token::NoRandomBits;

/// This many sign-ins may wait for the provider at once.
pub const WAITING_MAX: usize = 16;
/// Discovery and keys are read again after this time.
const KNOWN_MAX_S: i64 = 3_600;
/// When no known key fits, keys that are at least so old are read again.
const KEYS_AGAIN_S: i64 = 10;
/// A provider that could not be read is not asked again for so long.
const FAILED_AGAIN_S: i64 = 5;
/// A call that takes longer has failed. The one who calls must stop by then.
pub const CALL_MAX: Duration = Duration::from_secs(10);
/// Longer codes and states are refused unread.
const ANSWER_BYTES_MAX: usize = 4_096;
/// Where a browser goes to sign in, and what the address that it comes back to begins with.
pub(crate) const ADDRESS: &str = "/login/oidc";

/// A place among the sign-ins that may wait at once.
#[derive(Clone)]
pub struct Place {
    _held: Arc<OwnedSemaphorePermit>,
}

/// A request to the identity provider. Has no `Debug`: it holds secrets.
pub struct Call {
    /// The address.
    pub url: String,
    /// The value of `Authorization`.
    pub authorization: Option<String>,
    /// A form to post; without one it is a GET.
    pub form: Option<String>,
    /// A longer answer is refused.
    pub answer_bytes_max: u64,
    /// Keep it until the call has ended, even if nobody waits for it any more.
    pub place: Place,
}

/// Makes a [`Call`]: the body of an answer with a status of success, or what went wrong. It follows no
/// redirect and ends within [`CALL_MAX`].
pub type Caller = Arc<
    dyn Fn(Call) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>> + Send + Sync,
>;

/// How people sign in with an identity provider. Has no `Debug` of its secret.
#[derive(Clone)]
pub struct Settings {
    /// The provider.
    pub issuer: String,
    /// Our id there.
    pub client: String,
    /// Our secret there.
    pub secret: String,
    /// What is asked for, separated by spaces.
    pub scopes: String,
    /// The claim that gives roles.
    pub role_claim: String,
    /// Which of its values gives which role.
    pub role_map: RoleMap,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Signing in with an identity provider.
pub struct SignIn {
    settings: Settings,
    call: Caller,
    attempts: Mutex<Attempts>,
    waiting: Arc<Semaphore>,
    /// What was last read of the provider. Whoever reads it lets the others wait.
    read: InTurn<Read>,
}

/// What was last read of the provider.
#[derive(Default)]
struct Read {
    known: Option<Known>,
    /// When it could not be read, and why not; nothing since it could be.
    failed: Option<(Timestamp, String)>,
}

#[derive(Clone)]
struct Known {
    provider: Arc<Provider>,
    keys: Arc<Keys>,
    read_at: Timestamp,
}

/// What the provider gave the browser to bring. Has no `Debug`: the code is a secret.
#[derive(Default)]
pub struct Brought {
    /// The state.
    pub state: String,
    /// The code, if the person signed in.
    pub code: Option<String>,
    /// Why not, otherwise.
    pub error: Option<String>,
    /// The provider, if it names itself (RFC 9207).
    pub issuer: Option<String>,
}

/// Somebody who came back from the provider.
pub(crate) struct KnownPerson {
    pub(crate) claims: Claims,
    /// Nothing if no claim gives a role.
    pub(crate) given: Option<Given>,
    pub(crate) next: String,
}

/// The credential of somebody whom the provider proved.
pub(crate) enum Proven {
    Valid(Credential),
    Revoked(Credential),
    /// They may not come in, for these words. Their sessions end.
    Refused(Option<Credential>, &'static str),
}

const NO_ROLE: &str = "the identity provider knows you, but nothing that it says of you gives a role here: ask who runs \
                       this server to be put into one of the groups that may sign in";
const NO_APPLICATION: &str = "your role is for an application that is not there: ask who runs this server to look at \
                              --oidc-role-map";

fn refused(words: impl Into<String>) -> Error {
    Error::SignIn(words.into())
}

fn untrusted(error: Untrusted) -> Error {
    Error::Provider(error.to_string())
}

impl SignIn {
    /// Nobody signs in yet.
    #[must_use]
    pub fn new(settings: Settings, call: Caller) -> SignIn {
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        SignIn { settings, call, attempts: Mutex::default(), waiting, read: InTurn::default() }
    }

    /// The host of the provider, as people read it.
    #[must_use]
    pub fn provider_name(&self) -> &str {
        let issuer = &self.settings.issuer;
        let rest = issuer.split_once("://").map_or(issuer.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// Begins, for a browser at the address `browser`: the address to go to, and the value of the cookie. `now` tells the
    /// time.
    pub(crate) async fn begin(
        &self,
        public_url: &str,
        (next, browser): (&str, Option<IpAddr>),
        now: &(dyn Fn() -> Timestamp + Sync),
    ) -> Result<(String, String), Error> {
        let place = self.place()?;
        let known = self.known(&place, now, KNOWN_MAX_S).await?;
        let mut random = [0; 128];
        getrandom::fill(&mut random).map_err(NoRandomBits::of)?;
        let Settings { client, scopes, .. } = &self.settings;
        let redirect = redirect(public_url);
        let describe = |state: &str, attempt: &Attempt| {
            known.provider.authorization((client, scopes), &redirect, state, attempt)
        };
        let (started, address) = self
            .with_attempts(|attempts| attempts.begin(&random, (next, browser), now(), describe));
        Ok((address, started.cookie))
    }

    /// Exchanges what the browser brought for what the provider says of the person.
    pub(crate) async fn finish(
        &self,
        public_url: &str,
        cookie: Option<&str>,
        brought: Brought,
        now: &(dyn Fn() -> Timestamp + Sync),
    ) -> Result<KnownPerson, Error> {
        let Brought { state, code, error, issuer } = brought;
        let too_long = |text: &str| text.len() > ANSWER_BYTES_MAX;
        if too_long(&state) || code.as_deref().is_some_and(too_long) {
            return Err(refused("what the identity provider sent along is too long"));
        }
        // Before the attempt is used up, so that somebody without a place can open the page again.
        let place = self.place()?;
        let taken =
            cookie.and_then(|cookie| self.with_attempts(|all| all.take(&state, cookie, now())));
        let attempt = taken.ok_or_else(|| {
            refused(
                "this sign-in was begun in another browser, was used already, or took longer than ten \
                 minutes: begin again at /login",
            )
        })?;
        if issuer.as_ref().is_some_and(|issuer| *issuer != self.settings.issuer) {
            return Err(refused("the answer comes from another identity provider"));
        }
        let Some(code) = code.filter(|_| error.is_none()) else {
            let error = registered(error.as_deref().unwrap_or_default());
            tracing::info!(error, "the identity provider did not sign somebody in");
            return Err(refused(match error {
                "access_denied" => {
                    "the identity provider did not let you in, or you cancelled: begin again at /login"
                }
                _ => {
                    "the identity provider could not sign you in: begin again at /login, and if that \
                      does not help, ask who runs it"
                }
            }));
        };
        let known = self.known(&place, now, KNOWN_MAX_S).await?;
        if known.provider.names_itself && issuer.is_none() {
            return Err(refused("the answer does not say which identity provider it comes from"));
        }
        let Settings { client, secret, role_claim, .. } = &self.settings;
        let redirect = redirect(public_url);
        let auth = known.provider.exchange((client, secret), &redirect, &code, &attempt);
        let answer = self.call(Call {
            url: known.provider.token_endpoint.clone(),
            authorization: auth.header,
            form: Some(auth.body),
            answer_bytes_max: oidc::TOKEN_BYTES_MAX as u64 * 4,
            place: place.clone(),
        });
        let answer = TokenAnswer::read(&answer.await?).map_err(untrusted)?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client,
            nonce: &attempt.nonce,
            role_claim,
            // The calls took a while.
            now: now(),
        };
        let claims = match Claims::read(&answer.id_token, &known.keys, &expected) {
            Err(Untrusted::UnknownKey | Untrusted::WrongSignature) => {
                let known = self.known(&place, now, KEYS_AGAIN_S).await?;
                Claims::read(&answer.id_token, &known.keys, &expected)
            }
            read => read,
        };
        let claims = claims.map_err(untrusted)?;
        let given = self.settings.role_map.role(&claims.roles).cloned();
        Ok(KnownPerson { claims, given, next: attempt.next })
    }

    fn place(&self) -> Result<Place, Error> {
        let place = Arc::clone(&self.waiting).try_acquire_owned();
        Ok(Place { _held: Arc::new(place.map_err(|_| Error::SignInBusy)?) })
    }

    async fn call(&self, call: Call) -> Result<Vec<u8>, Error> {
        let failed =
            |words| Error::Provider(format!("the identity provider did not answer: {words}"));
        match tokio::time::timeout(CALL_MAX, (self.call)(call)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(format!("it took longer than {} seconds", CALL_MAX.as_secs()))),
        }
    }

    /// What is known of the provider, read again if it is older than `age_max_s`. If that failed just now,
    /// those who waited meanwhile are told the same.
    async fn known(
        &self,
        place: &Place,
        now: &(dyn Fn() -> Timestamp + Sync),
        age_max_s: i64,
    ) -> Result<Known, Error> {
        let mut read = self.read.lock().await;
        let begun_at = now();
        let is_within = |at: Timestamp, seconds: i64| begun_at.0 - at.0 < seconds * 1_000_000;
        if let Some(known) = read.known.as_ref().filter(|one| is_within(one.read_at, age_max_s)) {
            return Ok(known.clone());
        }
        if let Some((at, words)) = &read.failed
            && is_within(*at, FAILED_AGAIN_S)
        {
            return Err(Error::Provider(words.clone()));
        }
        match self.read_again(place, begun_at).await {
            Ok(known) => {
                *read = Read { known: Some(known.clone()), failed: None };
                Ok(known)
            }
            Err(error) => {
                read.failed = Some((now(), error.to_string()));
                Err(error)
            }
        }
    }

    async fn read_again(&self, place: &Place, read_at: Timestamp) -> Result<Known, Error> {
        let get = |url| Call {
            url,
            authorization: None,
            form: None,
            answer_bytes_max: oidc::DOCUMENT_BYTES_MAX,
            place: place.clone(),
        };
        let issuer = &self.settings.issuer;
        let document = self.call(get(Provider::document(issuer))).await?;
        let provider = Provider::read(issuer, &document).map_err(untrusted)?;
        let keys = self.call(get(provider.jwks_uri.clone())).await?;
        let keys = Keys::read(&keys).map_err(untrusted)?;
        Ok(Known { provider: Arc::new(provider), keys: Arc::new(keys), read_at })
    }

    fn with_attempts<T>(&self, change: impl FnOnce(&mut Attempts) -> T) -> T {
        // A panic under this lock leaves no half-made state.
        change(&mut self.attempts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn redirect(public_url: &str) -> String {
    format!("{public_url}{ADDRESS}/callback")
}

/// An error that is registered (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). Others are not repeated:
/// whoever made the address chose them.
fn registered(error: &str) -> &'static str {
    const CODES: [&str; 15] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_scope",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    CODES.into_iter().find(|code| *code == error).unwrap_or("another error")
}

impl Query {
    /// The credential of somebody whom the provider proved. Somebody new gets one, and one whose role is
    /// another than before is changed; each leaves an event. Who has no role any more keeps the credential,
    /// but nobody comes in with it.
    pub(crate) async fn credential_of(
        &self,
        person: &KnownPerson,
        origin: Origin,
    ) -> Result<Proven, Error> {
        let sign_in = self.sign_in.as_ref().ok_or(Error::Defect)?;
        let issuer = sign_in.settings.issuer.clone();
        let sha256 = identity_sha256(&issuer, &person.claims.subject);
        let given = person.given.clone();
        let Claims { subject, name, email, .. } = person.claims.clone();
        let note = serde_json::to_vec(&Said { subject, name, email }).map_err(|_| Error::Defect)?;
        let decide = move |view: &View<'_>, stamp: Stamp| -> Result<_, ProjectorError> {
            let told = |reply| Ok(Decision { events: vec![], reply });
            let before = view.credential_of_identity(&sha256)?;
            let refuse = |words| {
                let number = before.as_ref().map(|row| row.number);
                told(Ok(Proven::Refused(number, words)))
            };
            if let Some(row) = before.as_ref().filter(|row| row.revoked_seq.is_some()) {
                return told(Ok(Proven::Revoked(row.number)));
            }
            let Some(Given { role, application }) = given else { return refuse(NO_ROLE) };
            let application = match &application {
                None => Application::RECORDER,
                Some(slug) => match view.application(slug)? {
                    Some(row) => row.number,
                    None => return refuse(NO_APPLICATION),
                },
            };
            let number = match &before {
                Some(row) if (row.role, row.application) == (role, application) => {
                    return told(Ok(Proven::Valid(row.number)));
                }
                Some(row) => row.number,
                None => view.next_credential()?,
            };
            if let Some(fault) = stamp.clock_fault {
                return told(Err(Error::from(fault)));
            }
            let fact = Fact::IdentitySet(IdentitySet { number, role, sha256, issuer });
            let part = Part::new(Number::NOBODY, Content::Note(note));
            let origin = Some(origin);
            let event = Draft { application, origin, fact, parts: vec![part], passed: vec![] };
            Ok(Decision { events: vec![event], reply: Ok(Proven::Valid(number)) })
        };
        self.committer.submit(Durability::Synced, decide).await?
    }
}

#[cfg(test)]
mod tests;
