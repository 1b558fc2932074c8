//! The head of a request: how much memory it takes, and whether it is valid.

use axum::http::header::HOST;
use axum::http::{Request, StatusCode, Version};

/// The most fields of a head. In HTTP/1, hyper itself refuses more.
pub(super) const FIELDS_MAX: usize = 100;
/// The memory of a field beside its name and value: its slot in the header map, which grows by
/// doubling, and the handles of two buffers.
const FIELD_BYTES: usize = 128;

/// Why a request is refused by its head alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It has more than [`FIELDS_MAX`] fields (RFC 6585 §5).
    Fields,
    /// The heads of the connection's requests are too large together (RFC 6585 §5).
    Heads,
    /// Its `Host` is missing, repeated or invalid (RFC 9112 §3.2).
    Host,
}

impl Fault {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Fault::Fields | Fault::Heads => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Fault::Host => StatusCode::BAD_REQUEST,
        }
    }

    /// The body of the answer: what the client can do.
    pub(super) fn message(self) -> &'static str {
        match self {
            Fault::Fields => "a request's head has at most 100 fields; send fewer\n",
            Fault::Heads => {
                "the heads of this connection's requests are too large together; send them one after the \
                 other, or with smaller heads\n"
            }
            Fault::Host => {
                "a request has one Host field with a host name and perhaps a port; send it\n"
            }
        }
    }
}

/// What is wrong with a head.
pub(super) fn fault<B>(request: &Request<B>) -> Option<Fault> {
    if request.headers().len() > FIELDS_MAX {
        return Some(Fault::Fields);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let is_right = match (hosts.next(), hosts.next()) {
        // HTTP/2 has `:authority` instead.
        (None, _) => request.version() != Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    (!is_right).then_some(Fault::Host)
}

/// Whether a value is `uri-host [ ":" port ]` (RFC 9110 §7.2). An empty one is.
fn is_host(value: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(value) else { return false };
    let port = text.rfind(':').filter(|_| !text.ends_with(']'));
    let (name, port) = port.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let (name, others) = match address {
        Some(address) => (address, &b":.%-_~"[..]),
        None => (name, &b"-._~%!$&'()*+,;="[..]),
    };
    is_port && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// The approximate memory of a request's head.
pub(super) fn bytes<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    fields.sum::<usize>() + target + authority + request.method().as_str().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for host in [
            "",
            "audit.example",
            "audit.example:8443",
            "audit.example:",
            "AUDIT_1.example",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "[fe80::1%25eth0]:80",
            "a%20b",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for other in [
            "audit example",
            "audit.example, other.example:x",
            "mira@audit.example",
            "http://audit.example",
            "audit.example/apps",
            "audit.example:80a",
            "::1",
            "[::1",
            "[::1]80",
            "a?b",
            "a#b",
            "sch\u{f6}n.example",
        ] {
            assert!(!is_host(other.as_bytes()), "{other}");
        }
        assert!(!is_host(b"\xff"));
    }

    #[test]
    fn every_part_that_a_client_can_make_long_counts() {
        let bytes_of = |request: Request<()>| bytes(&request);
        let plain = || Request::builder().uri("/").method("GET");
        let least = bytes_of(plain().body(()).unwrap());
        let long = "x".repeat(1_000);
        for longer in [
            plain().method(long.as_str()),
            plain().uri(format!("/{long}")),
            plain().uri(format!("/?{long}")),
            plain().uri(format!("http://{long}/")),
            plain().header(long.as_str(), ""),
            plain().header("a", long.as_str()),
        ] {
            let bytes = bytes_of(longer.body(()).unwrap());
            assert!((least + 990..least + 1_200).contains(&bytes), "{bytes}");
        }
        let fields = (0..50).fold(plain(), |head, index| head.header(format!("{index:x}"), ""));
        assert!(bytes_of(fields.body(()).unwrap()) > least + 50 * FIELD_BYTES);
        let same = (0..50).fold(plain(), |head, _| head.header("a", ""));
        assert!(bytes_of(same.body(()).unwrap()) > least + 50 * FIELD_BYTES);
    }
}
