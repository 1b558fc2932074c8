//! Sign-ins under way. They are kept in memory, and none of their secrets can be read out of the keys
//! under which they are kept.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use budget::first_of_largest;
use event::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A sign-in that takes longer has to begin again.
pub const ATTEMPT_MAX_S: i64 = 600;
/// Above this many, the one that ends first of the network that began the most is void.
pub(crate) const ATTEMPTS_MAX: usize = 10_000;
/// Longer pages to go on to are left out.
const NEXT_BYTES_MAX: usize = 2_048;

/// A sign-in under way. Its `Debug` shows no secret.
pub struct Attempt {
    /// What the ID token must repeat.
    pub nonce: String,
    /// Proves at the token endpoint that the code is ours (RFC 7636).
    pub(crate) verifier: String,
    /// The page to go on to.
    pub next: String,
    /// The digest of the cookie of the browser that began.
    pub(crate) cookie: [u8; 32],
    pub(crate) until: Timestamp,
    /// The network of the browser that began.
    pub(crate) network: Option<IpAddr>,
}

impl Attempt {
    /// The PKCE challenge (RFC 7636 §4.2).
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What a browser gets when it begins.
pub struct Started {
    /// What the provider hands back in the address.
    pub state: String,
    /// The value of the cookie.
    pub cookie: String,
}

/// All sign-ins under way.
#[derive(Default)]
pub struct Attempts(HashMap<[u8; 32], Attempt>);

impl Attempts {
    /// Begins one for a browser at `client`. `random` is used for nothing else. `describe` sees it before it is
    /// kept.
    pub fn begin<T>(
        &mut self,
        random: &[u8; 128],
        (next, client): (&str, Option<IpAddr>),
        now: Timestamp,
        describe: impl FnOnce(&str, &Attempt) -> T,
    ) -> (Started, T) {
        let part = |index: usize| URL_SAFE_NO_PAD.encode(&random[index * 32..(index + 1) * 32]);
        let (state, cookie) = (part(0), part(1));
        let attempt = Attempt {
            nonce: part(2),
            verifier: part(3),
            next: if next.len() <= NEXT_BYTES_MAX { next.to_owned() } else { String::new() },
            cookie: digest(&cookie),
            until: Timestamp(now.0.saturating_add(ATTEMPT_MAX_S * 1_000_000)),
            network: client.map(network),
        };
        let described = describe(&state, &attempt);
        if self.0.len() >= ATTEMPTS_MAX {
            self.0.retain(|_, one| one.until > now);
        }
        if self.0.len() >= ATTEMPTS_MAX
            && let Some(key) = first_of_largest(&self.0, |one| one.network, |one| one.until)
        {
            self.0.remove(&key);
        }
        self.0.insert(digest(&state), attempt);
        (Started { state, cookie }, described)
    }

    /// Ends the one of a state, which works once: `None` if there is none, it is too old, or another
    /// browser began it.
    pub fn take(&mut self, state: &str, cookie: &str, now: Timestamp) -> Option<Attempt> {
        let attempt = self.0.remove(&digest(state))?;
        let is_same = bool::from(attempt.cookie.ct_eq(&digest(cookie)));
        (is_same && attempt.until > now).then_some(attempt)
    }
}

/// What one client has of IPv6 is at least 64 bits of addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(client) => client.into(),
        IpAddr::V6(client) => Ipv6Addr::from_bits(client.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
