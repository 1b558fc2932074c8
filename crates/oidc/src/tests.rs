//! Providers, keys and tokens of our own making.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event::{Role, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use super::*;
use crate::attempt::ATTEMPTS_MAX;

const NOW_S: i64 = 1_775_000_000;
const ISSUER: &str = "https://id.example";
const CLIENT: &str = "provlog";
const NONCE: &str = "n-of-this-sign-in";

/// A key of nobody, for these tests only.
const RSA: &[u8] = include_bytes!("tests/rsa.pk8");

enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Signer {
        Signer::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    fn p256() -> Signer {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Signer::P256(EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap())
    }

    fn ed25519() -> Signer {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Signer::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    /// The public key.
    fn key(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Signer::Rsa(pair) => {
                let public: RsaPublic = pair.public().into();
                json!({"kty": "RSA", "kid": id, "use": "sig", "n": text(&public.n), "e": text(&public.e)})
            }
            Signer::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": text(x), "y": text(y)})
            }
            Signer::Ed25519(pair) => {
                let point = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": point})
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding: &dyn ring::signature::RsaEncoding =
                    if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, head: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(head), part(payload));
        let algorithm = head["alg"].as_str().unwrap_or_default();
        let signature = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

type RsaPublic = ring::signature::RsaPublicKeyComponents<Vec<u8>>;

fn keys(keys: &[Value]) -> Keys {
    Keys::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn payload() -> Value {
    json!({
        "iss": ISSUER, "sub": "248", "aud": CLIENT, "exp": NOW_S + 300, "iat": NOW_S, "nonce": NONCE,
        "name": "Mira Lund", "email": "mira@paper.example", "roles": ["readers", "auditors"],
    })
}

fn read(token: &str, keys: &Keys) -> Result<Claims, Untrusted> {
    let now = Timestamp(NOW_S * 1_000_000);
    let (issuer, client, nonce) = (ISSUER, CLIENT, NONCE);
    Claims::read(token, keys, &Expected { issuer, client, nonce, role_claim: "roles", now })
}

/// Reads a token whose payload was changed, signed with a good key.
fn read_changed(name: &str, value: Value) -> Result<Claims, Untrusted> {
    let signer = Signer::ed25519();
    let mut payload = payload();
    match value {
        Value::Null => drop(payload.as_object_mut().unwrap().remove(name)),
        value => payload[name] = value,
    }
    let token = signer.token(&json!({"alg": "EdDSA", "kid": "a"}), &payload);
    read(&token, &keys(&[signer.key("a")]))
}

#[test]
fn a_token_of_each_algorithm_is_believed_and_read() {
    let check = |signer: &Signer, algorithm: &str| {
        let token = signer.token(&json!({"alg": algorithm, "kid": "a"}), &payload());
        let others = [Signer::p256().key("x"), json!({"kty": "oct", "k": "AA"}), json!(7)];
        let all = [&[signer.key("a")], &others[..]].concat();
        let claims = read(&token, &keys(&all)).unwrap();
        assert_eq!(claims.subject, "248", "{algorithm}");
        assert_eq!(claims.name.as_deref(), Some("Mira Lund"));
        assert_eq!(claims.email.as_deref(), Some("mira@paper.example"));
        assert_eq!(claims.roles, ["readers", "auditors"]);

        // One bit of the signature, of the payload, and of the head.
        for part in 0..3 {
            let mut parts: Vec<Vec<u8>> =
                token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            let last = parts[part].len() - 3;
            parts[part][last] ^= 1;
            let forged: Vec<String> =
                parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
            assert!(read(&forged.join("."), &keys(&all)).is_err(), "{algorithm} {part}");
        }
    };
    check(&Signer::rsa(), "RS256");
    check(&Signer::rsa(), "PS256");
    check(&Signer::p256(), "ES256");
    check(&Signer::ed25519(), "EdDSA");
}

#[test]
fn a_token_without_a_signature_of_the_provider_is_refused() {
    let signer = Signer::rsa();
    let known = keys(&[signer.key("a")]);
    let check = |head: Value, expected: &Untrusted| {
        let token = signer.token(&head, &payload());
        assert_eq!(read(&token, &known).as_ref(), Err(expected), "{head}");
    };
    let algorithm = Untrusted::Token("it is not signed with RS256, PS256, ES256 or EdDSA");
    for name in ["none", "None", "NONE", "", "HS256", "RS512", "rs256"] {
        check(json!({"alg": name, "kid": "a"}), &algorithm);
    }
    // A key is used for its own kind only.
    check(json!({"alg": "ES256", "kid": "a"}), &Untrusted::UnknownKey);
    check(json!({"alg": "RS256", "kid": "b"}), &Untrusted::UnknownKey);
    let extension = Untrusted::Token("it asks for an extension that is not known here");
    check(json!({"alg": "RS256", "kid": "a", "crit": ["b64"]}), &extension);
    // The other padding of the same key.
    let ps = signer.token(&json!({"alg": "PS256", "kid": "a"}), &payload());
    let (_, signature) = ps.rsplit_once('.').unwrap();
    let rs = signer.token(&json!({"alg": "RS256", "kid": "a"}), &payload());
    let (message, _) = rs.rsplit_once('.').unwrap();
    let wrong = Untrusted::WrongSignature;
    assert_eq!(read(&format!("{message}.{signature}"), &known), Err(wrong.clone()));
    assert!(read(&format!("{message}."), &known).is_err());
    // Somebody else's key under the id of the provider's.
    let foreign = Signer::ed25519().token(&json!({"alg": "EdDSA", "kid": "a"}), &payload());
    assert_eq!(read(&foreign, &keys(&[Signer::ed25519().key("a")])), Err(wrong));

    for token in
        ["", ".", "..", "a.b.c", "e30.e30.", "e30.e30.AA", &"x".repeat(TOKEN_BYTES_MAX + 1)]
    {
        assert!(read(token, &known).is_err());
    }
}

#[test]
fn a_key_is_chosen_by_its_id_and_never_guessed() {
    let (one, other) = (Signer::p256(), Signer::p256());
    let token = one.token(&json!({"alg": "ES256"}), &payload());
    assert!(read(&token, &keys(&[one.key("a")])).is_ok(), "there is no choice");
    let several = Untrusted::Token("it does not say which of several keys signed it");
    assert_eq!(read(&token, &keys(&[one.key("a"), other.key("b")])), Err(several));

    let token = one.token(&json!({"alg": "ES256", "kid": "a"}), &payload());
    let with = |name: &str, value: Value| {
        let mut key = one.key("a");
        key[name] = value;
        read(&token, &keys(&[key]))
    };
    assert!(with("use", json!("sig")).is_ok());
    assert!(with("alg", json!("ES256")).is_ok());
    assert!(with("key_ops", json!(["verify"])).is_ok());
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["sign"])),
        ("crv", json!("P-384")),
    ] {
        assert_eq!(with(name, value.clone()), Err(Untrusted::UnknownKey), "{name}");
    }
    let many = vec![one.key("a"); KEYS_MAX + 1];
    assert!(Keys::read(json!({ "keys": many }).to_string().as_bytes()).is_err());
    assert!(Keys::read(b"[]").is_err());
}

#[test]
fn every_claim_is_checked() {
    let ok = |name: &str, value: Value| {
        assert!(read_changed(name, value.clone()).is_ok(), "{name} {value}");
    };
    let refused = |name: &str, value: Value, expected: &str| match read_changed(name, value.clone())
    {
        Err(Untrusted::Token(why)) => assert!(why.contains(expected), "{name} {value}: {why}"),
        other => panic!("{name} {value}: {other:?}"),
    };
    for issuer in ["https://id.example/", "https://evil.example", ""] {
        refused("iss", json!(issuer), "another issuer");
    }
    for audience in [json!("other"), json!(["other"]), json!([]), json!("provlog2")] {
        refused("aud", audience, "another client");
    }
    ok("aud", json!([CLIENT]));
    refused("aud", json!([CLIENT, "other"]), "for which client");
    ok("azp", json!(CLIENT));
    refused("azp", json!("other"), "given to another client");

    ok("exp", json!(NOW_S - LEEWAY_S + 1));
    ok("exp", json!(1.9e9));
    refused("exp", json!(NOW_S - LEEWAY_S), "expired");
    refused("exp", json!(-1), "expired");
    ok("iat", json!(NOW_S + LEEWAY_S));
    refused("iat", json!(NOW_S + LEEWAY_S + 1), "future");
    ok("nbf", json!(NOW_S + LEEWAY_S));
    refused("nbf", json!(NOW_S + LEEWAY_S + 1), "future");

    refused("nonce", Value::Null, "another sign-in");
    refused("nonce", json!(""), "another sign-in");
    refused("nonce", json!("another"), "another sign-in");
    refused("sub", json!(""), "subject");
    refused("sub", json!("x".repeat(256)), "subject");
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        refused(name, Value::Null, "lacks a claim");
    }
    refused("exp", json!("1900000000"), "lacks a claim");
}

#[test]
fn claims_that_are_not_needed_may_be_missing() {
    let roles = |value| read_changed("roles", value).unwrap().roles;
    assert_eq!(roles(json!("auditors")), ["auditors"]);
    assert_eq!(roles(json!(["a", 7, null, "b"])), ["a", "b"]);
    for value in [Value::Null, json!({"a": "auditors"}), json!(true)] {
        assert!(roles(value).is_empty());
    }
    let many: Vec<String> = (0..5_000).map(|number| format!("group {number}")).collect();
    assert_eq!(roles(json!(many)), many, "none is left out");
    let name = |value| read_changed("name", value).unwrap().name;
    assert_eq!(name(json!("x".repeat(257))), None);
    assert_eq!(name(json!(" ")), None);
    assert_eq!(read_changed("email", Value::Null).unwrap().email, None);
}

fn document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example/auth",
        "token_endpoint": "https://id.example/token",
        "jwks_uri": "https://keys.example/jwks",
    })
}

#[test]
fn a_discovery_document_is_checked() {
    let changed = |name: &str, value: Value| {
        let mut document = document();
        document[name] = value;
        Provider::read(ISSUER, document.to_string().as_bytes())
    };
    assert!(changed("issuer", json!(ISSUER)).is_ok());
    for (name, value) in [
        ("issuer", json!("https://id.example/")),
        ("issuer", json!("https://evil.example")),
        ("token_endpoint", json!("http://id.example/token")),
        ("token_endpoint", json!("http://127.0.0.1/token")),
        ("token_endpoint", json!("https://user@id.example/token")),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("jwks_uri", json!("https:///jwks")),
        ("jwks_uri", Value::Null),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("https://id.example/\r\nx: y")),
        ("code_challenge_methods_supported", json!(["plain"])),
        ("token_endpoint_auth_methods_supported", json!(["none"])),
    ] {
        assert!(changed(name, value.clone()).is_err(), "{name} {value}");
    }
    assert!(Provider::read(ISSUER, b"<html>").is_err());
    assert!(issuer("https://id.example/tenant/v2.0").is_ok());
    assert!(issuer("http://127.0.0.1:3000").is_ok());
    assert!(issuer("http://localhost").is_ok());
    for wrong in [
        "http://id.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:x",
        "http://localhost@evil.example",
        "https://id.example?x",
        "https://id.example#x",
        "https://",
        "id.example",
        "",
    ] {
        assert!(issuer(wrong).is_err(), "{wrong}");
    }
    let at = Provider::document("https://id.example/tenant/");
    assert_eq!(at, "https://id.example/tenant/.well-known/openid-configuration");
}

fn begun(attempts: &mut Attempts, seed: u8, now: Timestamp) -> Started {
    let mut random = [seed; 128];
    for (index, byte) in random.iter_mut().enumerate() {
        *byte = byte.wrapping_add((index / 32) as u8);
    }
    attempts.begin(&random, ("/apps", None), now, |_, _| ()).0
}

#[test]
fn nobody_drives_out_the_sign_ins_of_others() {
    let mut attempts = Attempts::default();
    let mut begin = |number: usize, client: &str| {
        let mut random = [0; 128];
        random.chunks_mut(32).enumerate().for_each(|(part, bytes)| {
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            bytes[31] = part as u8;
        });
        let from = ("/", Some(client.parse().unwrap()));
        attempts.begin(&random, from, Timestamp(number as i64), |_, _| ()).0
    };
    let theirs = begin(0, "192.0.2.1");
    let first = begin(1, "2001:db8::1");
    // They have a whole network of addresses.
    let flood: Vec<_> = (2..ATTEMPTS_MAX + 2)
        .map(|number| begin(number, &format!("2001:db8::{number:x}")))
        .collect();
    let now = Timestamp(ATTEMPTS_MAX as i64 + 2);
    assert!(attempts.take(&theirs.state, &theirs.cookie, now).is_some());
    assert!(attempts.take(&first.state, &first.cookie, now).is_none());
    assert!(attempts.take(&flood[0].state, &flood[0].cookie, now).is_none());
    assert!(attempts.take(&flood[1].state, &flood[1].cookie, now).is_some());
}

#[test]
fn a_sign_in_works_once_in_time_and_in_the_browser_that_began_it() {
    let mut attempts = Attempts::default();
    let at = Timestamp;
    let end = ATTEMPT_MAX_S * 1_000_000;

    let one = begun(&mut attempts, 10, at(0));
    let attempt = attempts.take(&one.state, &one.cookie, at(end - 1)).unwrap();
    assert_eq!(attempt.next, "/apps");
    assert!(attempts.take(&one.state, &one.cookie, at(1)).is_none(), "once");
    let late = begun(&mut attempts, 20, at(0));
    assert!(attempts.take(&late.state, &late.cookie, at(end)).is_none());
    let (mine, theirs) = (begun(&mut attempts, 30, at(0)), begun(&mut attempts, 40, at(0)));
    assert!(attempts.take(&theirs.state, &mine.cookie, at(1)).is_none(), "another browser");
    assert!(attempts.take(&mine.state, "", at(1)).is_none());
    assert!(attempts.take("", &mine.cookie, at(1)).is_none());
    assert!(!format!("{attempt:?}").contains(&attempt.nonce));
}

#[test]
fn the_addresses_hold_what_the_flow_needs_and_no_secret() {
    let provider = Provider::read(ISSUER, document().to_string().as_bytes()).unwrap();
    let redirect = "https://audit.example/login/oidc/callback";
    let mut attempts = Attempts::default();
    let describe = |state: &str, attempt: &Attempt| {
        provider.authorization((CLIENT, "openid profile"), redirect, state, attempt)
    };
    let (started, address) = attempts.begin(&[7; 128], ("", None), Timestamp(0), describe);
    let attempt = attempts.take(&started.state, &started.cookie, Timestamp(1)).unwrap();
    let challenge = attempt.challenge();
    assert_eq!(
        address,
        format!(
            "https://id.example/auth?response_type=code&client_id=provlog&redirect_uri=https%3A%2F%2F\
             audit.example%2Flogin%2Foidc%2Fcallback&scope=openid%20profile&state={}&nonce={}&\
             code_challenge={challenge}&code_challenge_method=S256",
            started.state, attempt.nonce
        )
    );
    // RFC 7636, appendix B.
    let known =
        Attempt { verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(), ..attempt };
    assert_eq!(known.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");

    let auth = provider.exchange(("a:b", "s&c"), redirect, "the code", &known);
    assert_eq!(auth.header.as_deref(), Some("Basic YSUzQWI6cyUyNmM="));
    assert!(auth.body.starts_with("grant_type=authorization_code&code=the%20code&redirect_uri="));
    assert!(auth.body.ends_with(&format!("&code_verifier={}", known.verifier)));
    let mut in_body = document();
    in_body["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    let provider = Provider::read(ISSUER, in_body.to_string().as_bytes()).unwrap();
    let auth = provider.exchange(("a:b", "s&c"), redirect, "the code", &known);
    assert_eq!(auth.header, None);
    assert!(auth.body.ends_with("&client_id=a%3Ab&client_secret=s%26c"));
}

#[test]
fn only_a_value_that_the_map_names_gives_a_role() {
    let map: RoleMap =
        "provlog-admins=admin, auditors=auditor,cn=boat=app-auditor:boat".parse().unwrap();
    let check = |values: &[&str], expected: Option<(Role, Option<&str>)>| {
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let found = map.role(&values).map(|given| (given.role, given.application.as_deref()));
        assert_eq!(found, expected, "{values:?}");
    };
    check(&["auditors"], Some((Role::Auditor, None)));
    check(&["cn=boat", "x"], Some((Role::AppAuditor, Some("boat"))));
    check(&["cn=boat", "auditors", "provlog-admins"], Some((Role::Admin, None)));
    for none in [&[][..], &["Auditors"], &["admin"], &["auditor"], &["auditors "], &[""]] {
        check(none, None);
    }
    for wrong in [
        "",
        ",",
        "a",
        "a=",
        "=admin",
        "a=root",
        "a=scim",
        "a=scim:boat",
        "a=admin:boat",
        "a=app-auditor",
        "a=app-auditor:",
        "a=admin,",
        "a=admin,a=auditor",
    ] {
        assert!(wrong.parse::<RoleMap>().is_err(), "{wrong}");
    }
}
