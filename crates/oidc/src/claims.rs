//! What an ID token says, once it is proven (OpenID Connect Core §2, §3.1.3.7; RFC 7519; RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::keys::Algorithm;
use crate::{Keys, Untrusted};

/// Longer tokens are refused.
pub const TOKEN_BYTES_MAX: usize = 128 << 10;
/// The provider's clock may differ from ours by this.
pub const LEEWAY_S: i64 = 60;
/// The longest subject (OpenID Connect Core §2).
const SUBJECT_BYTES_MAX: usize = 255;
/// Longer names and addresses are left out.
const NAME_BYTES_MAX: usize = 256;

/// What an ID token must fit.
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Our id at the provider.
    pub client: &'a str,
    /// What was sent when the sign-in began.
    pub nonce: &'a str,
    /// The claim that gives roles.
    pub role_claim: &'a str,
    /// The present time.
    pub now: Timestamp,
}

/// What a valid ID token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// The person's id at the provider, which is never given to somebody else.
    pub subject: String,
    /// What they are called.
    pub name: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// The values of the claim of roles.
    pub roles: Vec<String>,
}

/// What the token endpoint answers (RFC 6749 §5.1); we use nothing but the ID token.
#[derive(Deserialize)]
pub struct TokenAnswer {
    /// The token as it was sent.
    pub id_token: String,
}

impl TokenAnswer {
    /// Reads the answer.
    ///
    /// # Errors
    /// When it has no ID token.
    pub fn read(bytes: &[u8]) -> Result<TokenAnswer, Untrusted> {
        serde_json::from_slice(bytes).map_err(|_| Untrusted::Document {
            document: "answer to the code",
            fault: "it has no ID token",
        })
    }
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: serde_json::Number,
    iat: serde_json::Number,
    nbf: Option<serde_json::Number>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Several(several) => several,
        }
    }
}

impl Claims {
    /// Checks an ID token and reads it.
    ///
    /// # Errors
    /// When anything of it is not as it must be; [`Untrusted::UnknownKey`] and
    /// [`Untrusted::WrongSignature`] when newer keys may help.
    pub fn read(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Untrusted> {
        let form = Untrusted::Token("it is no signed JSON web token");
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Untrusted::Token("it is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(form.clone())?;
        let (head, payload) = message.split_once('.').ok_or(form.clone())?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| form.clone());
        let head: Head = serde_json::from_slice(&decoded(head)?).map_err(|_| form.clone())?;
        let algorithm = Algorithm::of_name(&head.alg)
            .ok_or(Untrusted::Token("it is not signed with RS256, PS256, ES256 or EdDSA"))?;
        if head.crit.is_some() {
            return Err(Untrusted::Token("it asks for an extension that is not known here"));
        }
        // Nothing is read of the payload before the signature is known to be right.
        let (payload, signature) = (decoded(payload)?, decoded(signature)?);
        keys.verify(algorithm, head.kid.as_deref(), message.as_bytes(), &signature)?;
        let claims: Payload = serde_json::from_slice(&payload)
            .map_err(|_| Untrusted::Token("it lacks a claim that OpenID Connect asks for"))?;
        check(&claims, expected)?;
        let all: Map<String, Value> = serde_json::from_slice(&payload).map_err(|_| form.clone())?;
        let text = |name: &str| {
            let text = all.get(name)?.as_str()?.trim();
            (1..=NAME_BYTES_MAX).contains(&text.len()).then(|| text.to_owned())
        };
        Ok(Claims {
            name: text("name").or_else(|| text("preferred_username")),
            email: text("email"),
            roles: all.get(expected.role_claim).map(values).unwrap_or_default(),
            subject: claims.sub,
        })
    }
}

fn check(claims: &Payload, expected: &Expected<'_>) -> Result<(), Untrusted> {
    let refused = |why| Err(Untrusted::Token(why));
    if claims.iss != expected.issuer {
        return refused("it is of another issuer");
    }
    let audience = claims.aud.all();
    if !audience.iter().any(|one| one == expected.client) {
        return refused("it is meant for another client");
    }
    let is_ours = |party: &String| party == expected.client;
    match &claims.azp {
        None if audience.len() > 1 => return refused("it does not say for which client it is"),
        Some(party) if !is_ours(party) => return refused("it was given to another client"),
        None | Some(_) => {}
    }
    // Whole seconds suffice; a time that is no number of seconds is none.
    let seconds = |number: &serde_json::Number| {
        number.as_i64().or_else(|| number.as_f64().map(|number| number.floor() as i64))
    };
    let (Some(expires), Some(issued)) = (seconds(&claims.exp), seconds(&claims.iat)) else {
        return refused("its times cannot be read");
    };
    let now = expected.now.0.div_euclid(1_000_000);
    if now >= expires.saturating_add(LEEWAY_S) {
        return refused("it has expired; look whether the clocks of both servers are right");
    }
    let begins = claims.nbf.as_ref().and_then(seconds).unwrap_or(issued).max(issued);
    if begins > now.saturating_add(LEEWAY_S) {
        return refused("it is from the future; look whether the clocks of both servers are right");
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return refused("it belongs to another sign-in");
    }
    if !(1..=SUBJECT_BYTES_MAX).contains(&claims.sub.len()) {
        return refused("its subject is empty or too long");
    }
    Ok(())
}

/// A text, or a list of texts.
fn values(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![],
    }
}
