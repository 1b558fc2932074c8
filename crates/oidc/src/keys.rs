//! The keys that a provider signs with (RFC 7517, RFC 7518, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Untrusted;

/// More keys are refused.
pub const KEYS_MAX: usize = 100;

/// An algorithm that we take. There is none for tokens that are not signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(crate) fn of_name(name: &str) -> Option<Algorithm> {
        match name {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// The keys of a provider.
#[derive(Clone, Debug)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct StoredKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a set of keys. Keys of kinds that we do not know, or for other uses, are left out.
    ///
    /// # Errors
    /// When it is no set of keys, or too large.
    pub fn read(bytes: &[u8]) -> Result<Keys, Untrusted> {
        let fault = |fault| Untrusted::Document { document: "set of keys", fault };
        let set: KeySet = serde_json::from_slice(bytes)
            .map_err(|_| fault("it is not of the form that RFC 7517 describes"))?;
        if set.keys.len() > KEYS_MAX {
            return Err(fault("it has too many keys"));
        }
        Ok(Keys(set.keys.into_iter().filter_map(key).collect()))
    }

    /// Checks a signature. A token that names no key must leave no choice (OpenID Connect Core §10.1).
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Untrusted> {
        let fits =
            |key: &&Key| key.is_for(algorithm) && id.is_none_or(|id| key.id.as_deref() == Some(id));
        let mut fitting = self.0.iter().filter(fits);
        let key = fitting.next().ok_or(Untrusted::UnknownKey)?;
        if fitting.next().is_some() {
            return Err(Untrusted::Token("it does not say which of several keys signed it"));
        }
        match key.verify(algorithm, message, signature) {
            true => Ok(()),
            false => Err(Untrusted::WrongSignature),
        }
    }
}

fn key(value: Value) -> Option<Key> {
    let key: StoredKey = serde_json::from_value(value).ok()?;
    let is_for_signing = key.usage.is_none_or(|usage| usage == "sig")
        && key.key_ops.is_none_or(|uses| uses.iter().any(|one| one == "verify"));
    if !is_for_signing {
        return None;
    }
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let material = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", _) => {
            // Leading zeros are no part of the number; `ring` refuses them.
            let number = |text| {
                let bytes = bytes(text)?;
                let start = bytes.iter().position(|byte| *byte != 0)?;
                Some(bytes[start..].to_vec())
            };
            Material::Rsa { n: number(key.n)?, e: number(key.e)? }
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(key.x)?, bytes(key.y)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            Material::P256([&[4], &x[..], &y[..]].concat())
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(key.x)?),
        _ => return None,
    };
    Some(Key { id: key.kid, algorithm: key.alg, material })
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match (&self.material, algorithm) {
            (Material::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
            | (Material::P256(_), Algorithm::Es256)
            | (Material::Ed25519(_), Algorithm::EdDsa) => true,
            (Material::Rsa { .. } | Material::P256(_) | Material::Ed25519(_), _) => false,
        };
        is_of_kind && self.algorithm.as_deref().is_none_or(|name| name == algorithm.name())
    }

    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |n: &[u8], e: &[u8], parameters: &'static RsaParameters| {
            RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
        };
        let checked = match (&self.material, algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => rsa(n, e, &RSA_PKCS1_2048_8192_SHA256),
            (Material::Rsa { n, e }, Algorithm::Ps256) => rsa(n, e, &RSA_PSS_2048_8192_SHA256),
            (Material::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Material::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            (Material::Rsa { .. } | Material::P256(_) | Material::Ed25519(_), _) => return false,
        };
        checked.is_ok()
    }
}
