//! What an identity provider says of itself (OpenID Connect Discovery 1.0 §3, §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::{Attempt, Untrusted};

/// Longer documents are refused: discovery, and the set of keys.
pub const DOCUMENT_BYTES_MAX: u64 = 512 << 10;
/// Longer addresses are refused.
const URL_BYTES_MAX: usize = 2_048;
/// What need not be encoded in a form (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The discovery document, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
    /// As configured; every ID token must name it.
    pub issuer: String,
    /// Where browsers are sent.
    authorization_endpoint: String,
    /// Where a code is exchanged.
    pub token_endpoint: String,
    /// Where the keys are.
    pub jwks_uri: String,
    /// Whether its answers name the issuer (RFC 9207).
    pub names_itself: bool,
    /// Whether the client's secret goes into the body, because the head is not taken.
    secret_in_body: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// How a client proves itself at the token endpoint.
pub struct Auth {
    /// The value of `Authorization`, if the secret goes into the head.
    pub header: Option<String>,
    /// The body, a form.
    pub body: String,
}

/// Checks the address of an identity provider: https, or http on this machine; no query, no fragment.
///
/// # Errors
/// What is wrong with it.
pub fn issuer(text: &str) -> Result<String, String> {
    let fits = is_protected(text, true) && !text.contains(['?', '#']);
    match fits {
        true => Ok(text.to_owned()),
        false => Err("it must look like https://id.example; http is for this machine only".into()),
    }
}

/// Whether what is sent to an address is protected: over TLS, or without leaving the machine.
fn is_protected(url: &str, takes_loopback: bool) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\');
    if url.len() > URL_BYTES_MAX || !url.bytes().all(is_plain) {
        return false;
    }
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if let Some(rest) = url.strip_prefix("https://") {
        let authority = authority(rest);
        return !authority.is_empty() && !authority.contains('@');
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = authority(rest);
    let port = ["127.0.0.1", "[::1]", "localhost"].iter().find_map(|host| {
        let port = authority.strip_prefix(host)?;
        if port.is_empty() { Some("0") } else { port.strip_prefix(':') }
    });
    takes_loopback && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

impl Provider {
    /// The address of the discovery document.
    #[must_use]
    pub fn document(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads the discovery document of an issuer.
    ///
    /// # Errors
    /// When it is of another issuer, lacks an address, names one that is not protected, or says that it
    /// does not take PKCE with SHA-256.
    pub fn read(issuer: &str, bytes: &[u8]) -> Result<Provider, Untrusted> {
        let fault = |fault| Untrusted::Document { document: "discovery document", fault };
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|_| fault("it is not of the form that OpenID Connect Discovery describes"))?;
        if document.issuer != issuer {
            return Err(fault("it names another issuer than the one that is configured"));
        }
        let takes_loopback = issuer.starts_with("http://");
        let addresses =
            [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
        if !addresses.iter().all(|url| is_protected(url, takes_loopback) && !url.contains('#')) {
            return Err(fault("it names an address that is not https"));
        }
        let methods = document.code_challenge_methods_supported;
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(fault("it does not take PKCE with SHA-256"));
        }
        let takes = |methods: &Vec<String>, wanted: &str| methods.iter().any(|one| one == wanted);
        let secret_in_body = match &document.token_endpoint_auth_methods_supported {
            // Without the list the head is taken (Discovery §3).
            None => false,
            Some(methods) if takes(methods, "client_secret_basic") => false,
            Some(methods) if takes(methods, "client_secret_post") => true,
            Some(_) => return Err(fault("it does not take a client with a secret")),
        };
        Ok(Provider {
            issuer: document.issuer,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            names_itself: document.authorization_response_iss_parameter_supported,
            secret_in_body,
        })
    }

    /// Where a browser is sent to sign in.
    #[must_use]
    pub fn authorization(
        &self,
        (client, scopes): (&str, &str),
        redirect: &str,
        state: &str,
        attempt: &Attempt,
    ) -> String {
        let query = form(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("scope", scopes),
            ("state", state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &attempt.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &self.authorization_endpoint;
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        format!("{endpoint}{sign}{query}")
    }

    /// What exchanges a code at the token endpoint (RFC 6749 §4.1.3, §2.3.1).
    #[must_use]
    pub fn exchange(
        &self,
        (client, secret): (&str, &str),
        redirect: &str,
        code: &str,
        attempt: &Attempt,
    ) -> Auth {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", &attempt.verifier),
        ];
        if self.secret_in_body {
            fields.extend([("client_id", client), ("client_secret", secret)]);
            return Auth { header: None, body: form(&fields) };
        }
        let pair = STANDARD.encode(format!("{}:{}", encoded(client), encoded(secret)));
        Auth { header: Some(format!("Basic {pair}")), body: form(&fields) }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
