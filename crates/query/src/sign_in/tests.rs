//! The flow against a provider of our own making.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::Role;
use percent_encoding::percent_decode_str;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;

const PUBLIC_URL: &str = "https://audit.example";
const START: Timestamp = Timestamp(1_775_000_000_000_000);

/// A provider: its key, and what it will say next.
#[derive(Clone)]
struct Fake(Arc<Mutex<State>>);

struct State {
    key: Ed25519KeyPair,
    key_id: String,
    /// Claims that the next token has beside the usual ones.
    claims: Value,
    nonce: String,
    challenge: String,
    calls: Vec<String>,
    is_down: bool,
}

fn new_key() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
}

fn pairs(form: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

impl Fake {
    fn new() -> Fake {
        Fake(Arc::new(Mutex::new(State {
            key: new_key(),
            key_id: "one".into(),
            claims: json!({"roles": ["auditors"], "name": "Mira Lund"}),
            nonce: String::new(),
            challenge: String::new(),
            calls: vec![],
            is_down: false,
        })))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn sign_in(&self) -> SignIn {
        let settings = Settings {
            issuer: "https://id.example".into(),
            client: "provlog".into(),
            secret: "s3cret".into(),
            scopes: "openid profile".into(),
            role_claim: "roles".into(),
            role_map: "admins=admin,auditors=auditor".parse().unwrap(),
        };
        let fake = self.clone();
        let call = move |call: Call| {
            let answer = fake.with(|state| state.answer(&call));
            Box::pin(async { answer }) as _
        };
        SignIn::new(settings, Arc::new(call))
    }
}

impl State {
    fn answer(&mut self, call: &Call) -> Result<Vec<u8>, String> {
        let path = call.url.strip_prefix("https://id.example").unwrap().to_owned();
        self.calls.push(path.clone());
        if self.is_down {
            return Err("its server cannot be reached".into());
        }
        let answer = match path.as_str() {
            "/.well-known/openid-configuration" => json!({
                "issuer": "https://id.example",
                "authorization_endpoint": "https://id.example/auth",
                "token_endpoint": "https://id.example/token",
                "jwks_uri": "https://id.example/jwks",
            }),
            "/jwks" => {
                let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.key_id, "x": x}]})
            }
            "/token" => self.token(call)?,
            other => panic!("{other}"),
        };
        Ok(answer.to_string().into_bytes())
    }

    fn token(&mut self, call: &Call) -> Result<Value, String> {
        let form = pairs(call.form.as_ref().unwrap());
        let digest = <sha2::Sha256 as sha2::Digest>::digest(form["code_verifier"].as_bytes());
        if form["code"] != "the code" || URL_SAFE_NO_PAD.encode(digest) != self.challenge {
            return Err("it answered 400 Bad Request".into());
        }
        assert_eq!(form["redirect_uri"], "https://audit.example/login/oidc/callback");
        assert_eq!(call.authorization.as_deref(), Some("Basic cHJvdmxvZzpzM2NyZXQ="));
        let now = START.0 / 1_000_000;
        let mut payload = json!({
            "iss": "https://id.example", "aud": "provlog", "sub": "248", "nonce": self.nonce,
            "iat": now, "exp": now + 300,
        });
        for (name, value) in self.claims.as_object().unwrap() {
            payload[name] = value.clone();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({"alg": "EdDSA", "kid": self.key_id});
        let message = format!("{}.{}", part(&head), part(&payload));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()));
        Ok(json!({"id_token": format!("{message}.{signature}")}))
    }
}

/// A browser that was sent to the provider and comes back.
async fn through(fake: &Fake, sign_in: &SignIn) -> (String, Brought) {
    let (address, cookie) = sign_in.begin(PUBLIC_URL, ("/apps", None), &|| START).await.unwrap();
    let asked = pairs(address.split_once('?').unwrap().1);
    fake.with(|state| {
        state.nonce.clone_from(&asked["nonce"]);
        state.challenge.clone_from(&asked["code_challenge"]);
    });
    let state = asked["state"].clone();
    (cookie, Brought { state, code: Some("the code".into()), ..Brought::default() })
}

async fn finish(
    sign_in: &SignIn,
    cookie: &str,
    brought: Brought,
    now: Timestamp,
) -> Result<KnownPerson, String> {
    let done = sign_in.finish(PUBLIC_URL, Some(cookie), brought, &|| now).await;
    done.map_err(|error| error.to_string())
}

fn copy(brought: &Brought) -> Brought {
    let Brought { state, code, error, issuer } = brought;
    Brought {
        state: state.clone(),
        code: code.clone(),
        error: error.clone(),
        issuer: issuer.clone(),
    }
}

#[tokio::test]
async fn somebody_signs_in_once_with_what_the_provider_says() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    assert_eq!(sign_in.provider_name(), "id.example");
    let (cookie, brought) = through(&fake, &sign_in).await;
    let again = copy(&brought);
    let person = finish(&sign_in, &cookie, brought, START).await.unwrap();
    assert_eq!((person.claims.subject.as_str(), person.next.as_str()), ("248", "/apps"));
    assert_eq!(person.given, Some(Given { role: Role::Auditor, application: None }));
    let twice = finish(&sign_in, &cookie, again, START).await.err().unwrap();
    assert!(twice.contains("was used already"), "{twice}");

    let (cookie, brought) = through(&fake, &sign_in).await;
    finish(&sign_in, &cookie, brought, START).await.unwrap();
    let calls = fake.with(|state| state.calls.clone());
    assert_eq!(calls, ["/.well-known/openid-configuration", "/jwks", "/token", "/token"], "kept");
    let later = Timestamp(START.0 + KNOWN_MAX_S * 1_000_000);
    sign_in.begin(PUBLIC_URL, ("/", None), &|| later).await.unwrap();
    assert_eq!(fake.with(|state| state.calls.len()), 6, "read again");
}

#[tokio::test]
async fn nobody_signs_in_with_what_is_not_theirs() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    let refused = async |change: fn(&mut Brought), expected: &str| {
        let (cookie, mut brought) = through(&fake, &sign_in).await;
        change(&mut brought);
        let words = finish(&sign_in, &cookie, brought, START).await.err().unwrap();
        assert!(words.contains(expected), "{words}");
    };
    refused(|brought| brought.state.push('x'), "another browser").await;
    refused(|brought| brought.state.clear(), "another browser").await;
    refused(|brought| brought.code = Some("stolen".into()), "400").await;
    refused(|brought| brought.code = None, "could not sign you in").await;
    refused(|brought| brought.code = Some("x".repeat(5_000)), "too long").await;
    refused(|brought| brought.error = Some("access_denied".into()), "cancelled").await;
    refused(|brought| brought.error = Some("<b>".into()), "could not sign you in").await;
    refused(|brought| brought.error = Some("invalid_scope".into()), "could not sign you in").await;
    refused(|brought| brought.issuer = Some("https://evil.example".into()), "another").await;

    let (theirs, _) = through(&fake, &sign_in).await;
    let (_, mine) = through(&fake, &sign_in).await;
    assert!(finish(&sign_in, &theirs, mine, START).await.is_err(), "the cookie of another");
    let (_, brought) = through(&fake, &sign_in).await;
    assert!(sign_in.finish(PUBLIC_URL, None, brought, &|| START).await.is_err(), "no cookie");
    // A token of another sign-in.
    let (cookie, brought) = through(&fake, &sign_in).await;
    fake.with(|state| state.nonce = "another".into());
    let words = finish(&sign_in, &cookie, brought, START).await.err().unwrap();
    assert!(words.contains("belongs to another sign-in"), "{words}");
    let (cookie, brought) = through(&fake, &sign_in).await;
    let late = Timestamp(START.0 + oidc::ATTEMPT_MAX_S * 1_000_000);
    assert!(finish(&sign_in, &cookie, brought, late).await.err().unwrap().contains("ten minutes"));
}

#[tokio::test]
async fn without_a_value_that_the_map_names_there_is_no_role() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    for claims in
        [json!({}), json!({"roles": []}), json!({"roles": "admin"}), json!({"groups": "admins"})]
    {
        fake.with(|state| state.claims = claims);
        let (cookie, brought) = through(&fake, &sign_in).await;
        let person = finish(&sign_in, &cookie, brought, START).await.unwrap();
        assert_eq!(person.given, None);
    }
}

#[tokio::test]
async fn new_keys_are_read_when_the_known_ones_do_not_fit() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    let (cookie, brought) = through(&fake, &sign_in).await;
    finish(&sign_in, &cookie, brought, START).await.unwrap();
    fake.with(|state| (state.key, state.key_id) = (new_key(), "two".into()));
    let (cookie, brought) = through(&fake, &sign_in).await;
    let words = finish(&sign_in, &cookie, brought, START).await.err().unwrap();
    assert!(words.contains("unknown key"), "not more often than every ten seconds: {words}");
    let (cookie, brought) = through(&fake, &sign_in).await;
    let later = Timestamp(START.0 + KEYS_AGAIN_S * 1_000_000);
    finish(&sign_in, &cookie, brought, later).await.unwrap();
    // Another key under the same id.
    fake.with(|state| state.key = new_key());
    let (cookie, brought) = through(&fake, &sign_in).await;
    let later = Timestamp(later.0 + KEYS_AGAIN_S * 1_000_000);
    finish(&sign_in, &cookie, brought, later).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_and_asked_again() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    let begin = async |at: Timestamp| sign_in.begin(PUBLIC_URL, ("/", None), &|| at).await;
    fake.with(|state| state.is_down = true);
    let down = "did not answer: its server cannot be reached";
    let just_before = Timestamp(START.0 + FAILED_AGAIN_S * 1_000_000 - 1);
    for at in [START, START, just_before] {
        let words = begin(at).await.err().unwrap().to_string();
        assert!(words.contains(down), "{words}");
    }
    assert_eq!(fake.with(|state| state.calls.len()), 1, "not for everybody who asks");
    fake.with(|state| state.is_down = false);
    assert!(begin(just_before).await.is_err());
    let then = Timestamp(just_before.0 + 1);
    begin(then).await.unwrap();
    begin(then).await.unwrap();

    let (cookie, brought) = through(&fake, &sign_in).await;
    let again = copy(&brought);
    let places: Vec<_> = (0..WAITING_MAX).map(|_| sign_in.place().unwrap()).collect();
    assert!(matches!(begin(then).await, Err(Error::SignInBusy)));
    let words = finish(&sign_in, &cookie, brought, START).await.err().unwrap();
    assert!(words.contains("too many people"), "{words}");
    drop(places);
    finish(&sign_in, &cookie, again, START).await.unwrap();
}

#[tokio::test]
async fn a_call_keeps_its_place_though_nobody_waits_for_it() {
    let (begun, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let call = move |call: Call| {
        begun.send(call).unwrap();
        Box::pin(std::future::pending()) as _
    };
    let sign_in = SignIn::new(Fake::new().sign_in().settings, Arc::new(call));
    for _ in 0..WAITING_MAX {
        // The browser leaves while the provider is asked.
        let begin = sign_in.begin(PUBLIC_URL, ("/", None), &|| START);
        assert!(polled_once(begin).is_none());
    }
    assert!(matches!(
        sign_in.begin(PUBLIC_URL, ("/", None), &|| START).await,
        Err(Error::SignInBusy)
    ));
    drop(calls.recv().await);
    assert!(sign_in.place().is_ok(), "one call has ended");
}

/// What a future gives at once, if it does. It is dropped.
fn polled_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_token_is_judged_at_the_time_at_which_it_came() {
    let fake = Fake::new();
    let sign_in = fake.sign_in();
    let (cookie, brought) = through(&fake, &sign_in).await;
    // It waits for minutes; the provider's token is issued after that.
    let elapsed = std::sync::atomic::AtomicI64::new(-120_000_000);
    let now = || Timestamp(START.0 + elapsed.fetch_add(60_000_000, Ordering::Relaxed));
    sign_in.finish(PUBLIC_URL, Some(&cookie), brought, &now).await.unwrap();
}
