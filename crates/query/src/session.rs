//! Sessions of people who signed in with a browser, and one-time links that sign in.
//!
//! Both are kept in memory, as digests of their secrets: a restart ends them all, and nobody can read a
//! secret out of the process's files. A session stands for a credential, so whatever ends the credential
//! ends the session.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use budget::first_of_largest;
use data_encoding::HEXLOWER;
use event::{Credential, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use incoming::{SECURE_SESSION_COOKIE, SESSION_COOKIE, only_cookie};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::token::NoRandomBits;

const SECOND_US: i64 = 1_000_000;
/// A session that is not used for this long has ended.
pub const IDLE_MAX_S: i64 = 60 * 60;
/// A session ends after this time, however much it is used.
pub const SESSION_MAX_S: i64 = 12 * 60 * 60;
/// Above this many, the session ends that was not used for the longest time, of those of the credential with
/// the most.
const SESSIONS_MAX: usize = 10_000;
/// Above this many, the link that ends first is void, of those of the credential with the most.
const LINKS_MAX: usize = 1_000;

type Key = [u8; 32];
/// As long as a block of SHA-256.
type FormKey = [u8; 64];

/// The secret of a session or link: 64 hexadecimal digits (256 random bits). Show it once.
pub struct Secret(String);

impl Secret {
    fn new() -> Result<Secret, NoRandomBits> {
        let mut bits: Key = [0; 32];
        getrandom::fill(&mut bits).map_err(NoRandomBits::of)?;
        Ok(Secret(HEXLOWER.encode(&bits)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the secret, so that it cannot be logged.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// All sessions and links of a server.
pub struct Sessions {
    held: Mutex<Held>,
    form_key: FormKey,
    /// Whether clients reach the server over TLS.
    is_secure: bool,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<Key, Session>,
    links: HashMap<Key, Link>,
}

#[derive(Clone, Copy)]
struct Session {
    credential: Credential,
    begun_at: Timestamp,
    used_at: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.0 - self.used_at.0 >= IDLE_MAX_S * SECOND_US
            || now.0 - self.begun_at.0 >= SESSION_MAX_S * SECOND_US
    }
}

#[derive(Clone, Copy)]
struct Link {
    credential: Credential,
    until: Timestamp,
}

impl Sessions {
    /// No sessions yet. With `is_secure`, browsers keep the cookie to TLS.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub fn new(is_secure: bool) -> Result<Sessions, NoRandomBits> {
        let mut form_key: FormKey = [0; 64];
        getrandom::fill(&mut form_key).map_err(NoRandomBits::of)?;
        Ok(Sessions { held: Mutex::default(), form_key, is_secure })
    }

    /// Begins a session for a credential.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub fn begin(&self, credential: Credential, now: Timestamp) -> Result<Secret, NoRandomBits> {
        let secret = Secret::new()?;
        let session = Session { credential, begun_at: now, used_at: now };
        self.with(|held| {
            let sessions = &mut held.sessions;
            if sessions.len() >= SESSIONS_MAX {
                sessions.retain(|_, one| !one.is_over(now));
            }
            if sessions.len() >= SESSIONS_MAX
                && let Some(key) =
                    first_of_largest(sessions, |one| one.credential, |one| one.used_at)
            {
                sessions.remove(&key);
            }
            sessions.insert(key_of(secret.as_str()), session);
        });
        Ok(secret)
    }

    /// The credential of a session, which is used now.
    pub(crate) fn used(&self, secret: &str, now: Timestamp) -> Option<Credential> {
        self.found(secret, now, true)
    }

    /// The credential of a session that goes on. Looking does not keep it from ending.
    pub(crate) fn seen(&self, secret: &str, now: Timestamp) -> Option<Credential> {
        self.found(secret, now, false)
    }

    fn found(&self, secret: &str, now: Timestamp, is_use: bool) -> Option<Credential> {
        let key = key_of(secret);
        self.with(|held| {
            let session = held.sessions.get_mut(&key)?;
            if session.is_over(now) {
                held.sessions.remove(&key);
                return None;
            }
            if is_use {
                session.used_at = session.used_at.max(now);
            }
            Some(session.credential)
        })
    }

    /// Ends a session.
    pub fn end(&self, secret: &str) {
        self.with(|held| held.sessions.remove(&key_of(secret)));
    }

    /// Ends all sessions of a credential, and voids its links.
    pub(crate) fn end_all(&self, credential: Credential) {
        self.with(|held| {
            held.sessions.retain(|_, one| one.credential != credential);
            held.links.retain(|_, one| one.credential != credential);
        });
    }

    /// Makes a link that signs in once, until an instant.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub(crate) fn link(
        &self,
        credential: Credential,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Secret, NoRandomBits> {
        let secret = Secret::new()?;
        self.with(|held| {
            let links = &mut held.links;
            if links.len() >= LINKS_MAX {
                links.retain(|_, one| one.until > now);
            }
            if links.len() >= LINKS_MAX
                && let Some(key) = first_of_largest(links, |one| one.credential, |one| one.until)
            {
                links.remove(&key);
            }
            links.insert(key_of(secret.as_str()), Link { credential, until });
        });
        Ok(secret)
    }

    /// Uses a link up: its credential, if it was still valid.
    pub(crate) fn take_link(&self, secret: &str, now: Timestamp) -> Option<Credential> {
        let link = self.with(|held| held.links.remove(&key_of(secret)))?;
        (link.until > now).then_some(link.credential)
    }

    /// A text that a form of this session sends back, so that no other site can send the form. It is
    /// another one each time: pages are compressed, and the length of a page must not tell about a text
    /// that stays the same.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub(crate) fn form_token(&self, secret: &str) -> Result<String, NoRandomBits> {
        let mut mask: Key = [0; 32];
        getrandom::fill(&mut mask).map_err(NoRandomBits::of)?;
        let mut masked: Key = self.form_mac(secret).finalize().into_bytes().into();
        for (byte, mask) in masked.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        Ok(HEXLOWER.encode(&[mask, masked].concat()))
    }

    /// Whether a text is a form token of a session.
    pub(crate) fn is_form_token(&self, secret: &str, text: &str) -> bool {
        let Ok(bytes) = HEXLOWER.decode(text.as_bytes()) else { return false };
        let Some((mask, masked)) = bytes.split_at_checked(size_of::<Key>()) else { return false };
        let found: Vec<u8> = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect();
        let expected: Key = self.form_mac(secret).finalize().into_bytes().into();
        masked.len() == expected.len() && bool::from(found.ct_eq(&expected))
    }

    fn form_mac(&self, secret: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.form_key.into());
        mac.update(secret.as_bytes());
        mac
    }

    /// The name of the cookie.
    fn cookie_name(&self) -> &'static str {
        if self.is_secure { SECURE_SESSION_COOKIE } else { SESSION_COOKIE }
    }

    /// The session that a request brings. A browser that sends two gets none: one of them was planted.
    pub(crate) fn brought(&self, headers: &HeaderMap) -> Option<String> {
        let secret = only_cookie(headers, self.cookie_name());
        secret.filter(|secret| secret.len() == 64).map(str::to_owned)
    }

    /// The sign-in under way that a request brings, as a session is brought.
    pub(crate) fn sign_in_brought(&self, headers: &HeaderMap) -> Option<String> {
        only_cookie(headers, self.sign_in_cookie_name()).map(str::to_owned)
    }

    fn sign_in_cookie_name(&self) -> &'static str {
        if self.is_secure { "__Host-provlog_sign_in" } else { "provlog_sign_in" }
    }

    /// The value of `Set-Cookie` that binds a sign-in with an identity provider to a browser.
    pub(crate) fn sign_in_cookie(&self, value: &str) -> String {
        set_cookie(self.sign_in_cookie_name(), value, oidc::ATTEMPT_MAX_S, self.is_secure)
    }

    /// The value of `Set-Cookie` that makes a browser forget that.
    pub(crate) fn no_sign_in_cookie(&self) -> String {
        set_cookie(self.sign_in_cookie_name(), "", 0, self.is_secure)
    }

    /// The value of `Set-Cookie` that begins a session.
    pub fn cookie(&self, secret: &Secret) -> String {
        set_cookie(self.cookie_name(), secret.as_str(), SESSION_MAX_S, self.is_secure)
    }

    /// The value of `Set-Cookie` that makes a browser forget its session.
    pub fn no_cookie(&self) -> String {
        set_cookie(self.cookie_name(), "", 0, self.is_secure)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        // A panic under this lock leaves no half-made state.
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn set_cookie(name: &str, value: &str, seconds: i64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn key_of(secret: &str) -> Key {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::http::header::COOKIE;

    use super::*;

    const HOUR_US: i64 = 3_600 * SECOND_US;

    fn at(microseconds: i64) -> Timestamp {
        Timestamp(microseconds)
    }

    fn sessions() -> Sessions {
        Sessions::new(false).unwrap()
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let sessions = sessions();
        let idle = sessions.begin(Credential(1), at(0)).unwrap();
        assert_eq!(sessions.used(idle.as_str(), at(HOUR_US - 1)), Some(Credential(1)));
        // Looking is no use.
        assert_eq!(sessions.seen(idle.as_str(), at(2 * HOUR_US - 2)), Some(Credential(1)));
        assert_eq!(sessions.used(idle.as_str(), at(2 * HOUR_US - 1)), None);
        assert_eq!(sessions.used(idle.as_str(), at(HOUR_US)), None, "ended for good");

        let busy = sessions.begin(Credential(2), at(0)).unwrap();
        for half_hours in 1..24 {
            let now = at(half_hours * HOUR_US / 2);
            assert_eq!(sessions.used(busy.as_str(), now), Some(Credential(2)), "{half_hours}");
        }
        assert_eq!(sessions.used(busy.as_str(), at(12 * HOUR_US)), None);

        let ended = sessions.begin(Credential(3), at(0)).unwrap();
        sessions.end(ended.as_str());
        assert_eq!(sessions.used(ended.as_str(), at(1)), None);

        let [one, two, other] =
            [4, 4, 5].map(|number| sessions.begin(Credential(number), at(0)).unwrap());
        let link = sessions.link(Credential(4), at(0), at(10)).unwrap();
        sessions.end_all(Credential(4));
        assert_eq!(sessions.used(one.as_str(), at(1)), None);
        assert_eq!(sessions.used(two.as_str(), at(1)), None);
        assert_eq!(sessions.take_link(link.as_str(), at(1)), None);
        assert_eq!(sessions.used(other.as_str(), at(1)), Some(Credential(5)));
    }

    #[test]
    fn a_link_signs_in_once_and_in_time() {
        let sessions = sessions();
        let link = sessions.link(Credential(1), at(0), at(10)).unwrap();
        assert_eq!(sessions.take_link(link.as_str(), at(9)), Some(Credential(1)));
        assert_eq!(sessions.take_link(link.as_str(), at(9)), None);
        let late = sessions.link(Credential(1), at(0), at(10)).unwrap();
        assert_eq!(sessions.take_link(late.as_str(), at(10)), None);
        assert_eq!(sessions.used(link.as_str(), at(1)), None, "a link is no session");
    }

    #[test]
    fn as_many_as_there_is_room_for() {
        let sessions = sessions();
        let first = sessions.begin(Credential(1), at(0)).unwrap();
        let [second, third] =
            [1, 2].map(|moment| sessions.begin(Credential(9), at(moment)).unwrap());
        for number in 3..SESSIONS_MAX {
            sessions.begin(Credential(9), at(number as i64)).unwrap();
        }
        let now = at(SESSIONS_MAX as i64);
        assert_eq!(sessions.used(second.as_str(), now), Some(Credential(9)));
        sessions.begin(Credential(9), now).unwrap();
        assert_eq!(sessions.used(third.as_str(), now), None, "used longest ago");
        assert_eq!(sessions.used(second.as_str(), now), Some(Credential(9)));
        assert_eq!(sessions.used(first.as_str(), now), Some(Credential(1)), "of somebody else");
    }

    #[test]
    fn links_of_one_reader_leave_those_of_others() {
        let sessions = sessions();
        let theirs = sessions.link(Credential(1), at(0), at(1_000_000)).unwrap();
        for number in 0..=LINKS_MAX as i64 {
            sessions.link(Credential(9), at(0), at(2_000_000 + number)).unwrap();
        }
        assert_eq!(sessions.take_link(theirs.as_str(), at(1)), Some(Credential(1)));
    }

    #[test]
    fn a_form_belongs_to_its_session() {
        let sessions = sessions();
        let one = sessions.begin(Credential(1), at(0)).unwrap();
        let other = sessions.begin(Credential(1), at(0)).unwrap();
        let token = sessions.form_token(one.as_str()).unwrap();
        assert!(sessions.is_form_token(one.as_str(), &token));
        let again = sessions.form_token(one.as_str()).unwrap();
        assert_ne!(token, again);
        assert!(sessions.is_form_token(one.as_str(), &again));
        for wrong in ["00", &token[..64], &token[..126], &format!("{token}00"), "é"] {
            assert!(!sessions.is_form_token(one.as_str(), wrong), "{wrong}");
        }
        assert!(!sessions.is_form_token(other.as_str(), &token));
        assert!(!sessions.is_form_token(one.as_str(), ""));
        assert!(!Sessions::new(false).unwrap().is_form_token(one.as_str(), &token));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_must_be_the_only_one() {
        let secret = "ab".repeat(32);
        let check = |is_secure: bool, cookies: &[&str], expected: bool| {
            let sessions = Sessions::new(is_secure).unwrap();
            let headers =
                cookies.iter().map(|value| (COOKIE, value.parse().unwrap())).collect::<HeaderMap>();
            let found = sessions.brought(&headers);
            assert_eq!(found.as_ref(), expected.then_some(&secret), "{cookies:?}");
        };
        let (plain, host) =
            (format!("provlog_session={secret}"), format!("__Host-provlog_session={secret}"));
        check(false, &[&format!("a=b; {plain}; c")], true);
        check(false, &["a=b", &plain], true);
        check(false, &[&host], false);
        check(true, &[&plain], false);
        check(true, &[&host], true);
        check(true, &[&plain, &host], true);
        check(false, &[&plain, &plain], false);
        check(false, &["provlog_session=short"], false);
        check(false, &[], false);
    }

    #[test]
    fn secrets_do_not_show() {
        let secret = sessions().begin(Credential(1), at(0)).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.as_str().len(), 64);
    }
}
