//! The application behind us: one request there and its answer back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, Uri};
use budget::{Budget, Owner, Share};
use event::{Stopwatch, UpstreamSet};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::TokioExecutor;
use projector::Committer;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use scim::Bounds;
use serde_json::Value;
use store::{SecretFileError, SecretFolder, with_causes};
use tower::limit::ConcurrencyLimit;

use crate::proxy::coding::{self, Unread};

/// An answer with a larger body is not relayed.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// A page of groups with all of their members is more than one request may hold.
const ANSWER_BOUNDS: Bounds = Bounds { depth_max: 32, values_max: 2_000_000, operations_max: 0 };
/// So much of an answer is read before it needs a share of the memory of answers.
const UNSHARED_BYTES_MAX: usize = 256 << 10;
/// What an answer comes to in memory while it is understood, in its own lengths.
const COPIES: usize = 3;
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// From sending a request to the end of its answer. Identity providers wait about as long.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// A connection that was not used for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Headers that belong to one connection (RFC 9110 §7.6.1), and those that are ours to say. Of
/// `accept-encoding` nothing is sent on: whatever comes compressed nevertheless must be read to be
/// recorded. [`is_sent`] has those of which there is no constant.
const NOT_SENT: [HeaderName; 14] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::ACCEPT_ENCODING,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
];

/// What an upstream answered.
pub(crate) struct Answered {
    pub status: u16,
    /// Without those of the connection.
    pub headers: HeaderMap,
    /// Without its content codings, if they could be taken off.
    pub body: Bytes,
    /// Why not, to follow "it".
    pub unread: Option<String>,
    /// From sending to the end of the answer.
    pub after_us: u32,
    /// What a large body takes of the memory.
    pub share: Option<Share>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// Nothing was sent.
    NotSent(String),
    /// It was sent, and what became of it is not known.
    Unknown(String),
}

/// So many names of upstreams are looked up at once. The system's own lookup holds a thread until it has an
/// answer or gives up.
pub const LOOKUPS_MAX: usize = 16;

type Resolver = ConcurrencyLimit<GaiResolver>;
type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, Body>;

/// Connections to upstreams, kept alive, and the folder that has their tokens.
pub(crate) struct Upstreams {
    /// By the file of the authorities that are trusted.
    clients: Mutex<HashMap<Option<String>, Arc<HttpClient>>>,
    secrets: SecretFolder,
    /// Its gate is told the upstreams' tokens, which their answers could repeat.
    committer: Committer,
}

impl Upstreams {
    /// Upstreams whose tokens and certificates stand in a folder.
    pub(crate) fn new(secrets: SecretFolder, committer: Committer) -> Upstreams {
        Upstreams { clients: Mutex::default(), secrets, committer }
    }

    async fn client(&self, ca_file: Option<&str>) -> Result<Arc<HttpClient>, String> {
        let key = ca_file.map(str::to_owned);
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let authorities = match ca_file {
            None => None,
            Some(file) => Some((file, self.read("certificate", file, SecretFolder::read).await?)),
        };
        let client = Arc::new(client(authorities)?);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(clients.entry(key).or_insert(client)))
    }

    /// What is in a secret file, read where nobody's request waits for the disk.
    async fn read<T: Send + 'static>(
        &self,
        what: &str,
        file: &str,
        read: impl FnOnce(&SecretFolder, &Path) -> Result<T, SecretFileError> + Send + 'static,
    ) -> Result<T, String> {
        let (secrets, path) = (self.secrets.clone(), PathBuf::from(file));
        let read = tokio::task::spawn_blocking(move || read(&secrets, &path)).await;
        let unusable = |why: String| format!("the upstream's {what} file {file} {why}");
        let read = read.map_err(|_| unusable("cannot be read".to_owned()))?;
        read.map_err(|error| unusable(error.to_string()))
    }

    /// `Bearer` and the token of a file, which no answer may repeat from now on. No error repeats what is in
    /// it.
    async fn token(&self, file: &str) -> Result<HeaderValue, String> {
        let token = self.read("token", file, SecretFolder::read_token).await?;
        self.committer.gate().add_secret(&token);
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value =
            value.map_err(|_| format!("the upstream's token file {file} holds no token"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Sends a request to an upstream: `target` is the path below its base, and the query. The file of
    /// the token is read each time, so that a new token counts at once.
    pub(crate) async fn send(
        &self,
        upstream: &UpstreamSet,
        method: Method,
        target: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
        room: (&Budget, Owner),
    ) -> Result<Answered, Broken> {
        let not_sent = Broken::NotSent;
        let token = self.token(&upstream.token_file).await.map_err(not_sent)?;
        let client = self.client(upstream.ca_file.as_deref()).await.map_err(not_sent)?;
        let uri: Uri = format!("{}{target}", upstream.url)
            .parse()
            .map_err(|_| not_sent("the address cannot be sent on".to_owned()))?;
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let connection = of_connection(headers);
        for (name, value) in headers {
            if is_sent(name, &connection) && !says_where_from(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        request.headers_mut().insert(header::AUTHORIZATION, token);

        let watch = Stopwatch::start();
        let answering = async {
            let response = client.request(request).await.map_err(|error| {
                let words = with_causes(&error);
                if error.is_connect() { Broken::NotSent(words) } else { Broken::Unknown(words) }
            })?;
            let (head, incoming) = response.into_parts();
            // What comes compressed may come to as much as an answer may have.
            let is_coded = !coding::codings(&head.headers).is_empty();
            let read = read(Body::new(incoming), is_coded, room).await;
            let (body, share) = read.map_err(Broken::Unknown)?;
            Ok((head.status, head.headers, body, share))
        };
        let answered = tokio::time::timeout(ANSWER_MAX, answering).await;
        let (status, headers, body, share) = answered.map_err(|_| {
            let seconds = ANSWER_MAX.as_secs();
            Broken::Unknown(format!("it did not answer within {seconds} seconds"))
        })??;
        let after_us = watch.elapsed_us();
        let connection = of_connection(&headers);
        let mut relayed_headers = HeaderMap::new();
        for (name, value) in headers.iter().filter(|(name, _)| is_sent(name, &connection)) {
            relayed_headers.append(name, value.clone());
        }
        let (body, unread, share) = decoded(&mut relayed_headers, (body, share), room).await?;
        let (status, headers) = (status.as_u16(), relayed_headers);
        Ok(Answered { status, headers, body, unread, share, after_us })
    }
}

impl Answered {
    /// The body as JSON, and the bytes that are JSON; none when it is empty. Else why it is none, to
    /// follow "it".
    pub(crate) fn json(&self) -> Result<Option<(Value, Bytes)>, String> {
        if let Some(words) = &self.unread {
            return Err(words.clone());
        }
        let text = self.body.slice_ref(scim::without_mark(&self.body));
        if text.is_empty() {
            return Ok(None);
        }
        match scim::parse_json(&text, &ANSWER_BOUNDS) {
            Ok(value) => Ok(Some((value, text))),
            Err(error) => Err(format!("is no JSON that can be read: {error}")),
        }
    }

    /// The media type of the body, cut at 128 characters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.headers.get(header::CONTENT_TYPE)?;
        Some(value.to_str().ok()?.chars().take(128).collect())
    }
}

/// The headers that a message's `Connection` names: they are of that connection alone and end with it
/// (RFC 9110 §7.6.1).
fn of_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).into_iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let names = values.iter().flat_map(|value| value.split(','));
    names.map(|name| name.trim().to_lowercase()).collect()
}

/// Whether a header goes from one side to the other.
fn is_sent(name: &HeaderName, of_connection: &[String]) -> bool {
    let is_of_hop = matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings");
    !NOT_SENT.contains(name)
        && !is_of_hop
        && !of_connection.iter().any(|named| named == name.as_str())
}

/// Whether a header says where a request came from, or which address it had, before it came to us:
/// some applications believe such a header rather than the request's own line.
fn says_where_from(name: &HeaderName) -> bool {
    ["x-forwarded-", "x-original-", "x-rewrite-"]
        .iter()
        .any(|prefix| name.as_str().starts_with(prefix))
}

/// Takes the content codings off an answer; as it came, and why, when they cannot be. A small answer may
/// come to a large one, which needs memory as if it had come so; a large one has that already, for who
/// holds some and waits for more could wait for ever.
async fn decoded(
    headers: &mut HeaderMap,
    (body, mut share): (Bytes, Option<Share>),
    (budget, owner): (&Budget, Owner),
) -> Result<(Bytes, Option<String>, Option<Share>), Broken> {
    let codings = coding::codings(headers);
    if codings.is_empty() || body.is_empty() {
        return Ok((body, None, share));
    }
    let decode = |bytes_max: usize| {
        let (raw, codings) = (body.clone(), codings.clone());
        tokio::task::spawn_blocking(move || coding::decoded(&raw, &codings, bytes_max))
    };
    let mut read = match share {
        Some(_) => decode(ANSWER_BYTES_MAX).await,
        None => decode(UNSHARED_BYTES_MAX).await,
    };
    if share.is_none() && matches!(read, Ok(Err(Unread::TooLarge))) {
        let reserved = budget.reserve_bytes(owner, COPIES * ANSWER_BYTES_MAX).await;
        share =
            Some(reserved.map_err(|full| Broken::Unknown(format!("there is no room: {full}")))?);
        read = decode(ANSWER_BYTES_MAX).await;
    }
    if let Some(share) = &share {
        let length = match &read {
            Ok(Ok(decoded)) => decoded.len(),
            _ => body.len(),
        };
        share.made(COPIES * length);
    }
    match read {
        Ok(Ok(decoded)) => {
            headers.remove(header::CONTENT_ENCODING);
            Ok((decoded, None, share))
        }
        Ok(Err(Unread::Unreadable(words))) => Ok((body, Some(words), share)),
        Ok(Err(Unread::TooLarge)) => Err(Broken::Unknown(too_large())),
        Err(_) => {
            let words = "could not be decoded because of a defect".to_owned();
            Ok((body, Some(words), share))
        }
    }
}

fn too_large() -> String {
    format!("its answer has more than {ANSWER_BYTES_MAX} bytes")
}

/// Reads an answer. One that turns out to be large waits until there is memory for it and for what is
/// made of it: it may be relayed to a client that does not read. `is_coded` says that it is made larger.
async fn read(
    mut body: Body,
    is_coded: bool,
    (budget, owner): (&Budget, Owner),
) -> Result<(Bytes, Option<Share>), String> {
    let announced = body.size_hint().upper().filter(|_| !is_coded);
    let announced = announced.and_then(|bytes| usize::try_from(bytes).ok());
    let bytes_max = announced.unwrap_or(ANSWER_BYTES_MAX).min(ANSWER_BYTES_MAX);
    let mut bytes = Vec::new();
    let mut share = None;
    while let Some(piece) = incoming::next_piece(&mut body).await {
        let piece =
            piece.map_err(|error| format!("its answer broke off: {}", with_causes(&error)))?;
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(too_large());
        }
        if bytes.len() + piece.len() > UNSHARED_BYTES_MAX && share.is_none() {
            let reserved = budget.reserve_bytes(owner, COPIES * bytes_max).await;
            share = Some(reserved.map_err(|full| format!("there is no room: {full}"))?);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.into(), share))
}

/// A client that trusts the authorities of a file, by its name and bytes; those of the system without.
fn client(authorities: Option<(&str, Vec<u8>)>) -> Result<HttpClient, String> {
    let resolver = ConcurrencyLimit::new(GaiResolver::new(), LOOKUPS_MAX);
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_connect_timeout(Some(CONNECT_MAX));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    let provider = rustls::crypto::ring::default_provider();
    let builder = match authorities {
        None => HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| format!("the system's certificates cannot be read: {error}"))?,
        Some((file, pem)) => {
            let unusable = |why: String| format!("the upstream's certificate file {file} {why}");
            let certificates = CertificateDer::pem_slice_iter(&pem);
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|error| unusable(format!("is no PEM: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| unusable(format!("is not usable: {error}")))?;
            }
            if roots.is_empty() {
                return Err(unusable("has no certificate".to_owned()));
            }
            let config = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_timer(hyper_util::rt::TokioTimer::new())
        .build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_small_answer_that_comes_to_a_large_one_needs_room() {
        use std::io::Write;
        let gzip = |length: usize| {
            let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
            encoder.write_all(&vec![b' '; length]).unwrap();
            Bytes::from(encoder.finish().unwrap())
        };
        let budget = Budget::new(2);
        let owner = Owner::default();
        let decode = async |length: usize| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            let room = (&budget, owner);
            let decoded = decoded(&mut headers, (gzip(length), None), room).await;
            decoded.map(|(body, _, share)| (body.len(), share.is_some()))
        };
        let large = 2 * UNSHARED_BYTES_MAX;
        assert_eq!(decode(100).await, Ok((100, false)));
        assert_eq!(decode(large).await, Ok((large, true)));
        let _all = budget.take(owner, usize::MAX / 2);
        assert_eq!(decode(100).await, Ok((100, false)));
        let refused = decode(large).await;
        assert!(
            matches!(&refused, Err(Broken::Unknown(why)) if why.contains("no room")),
            "{refused:?}"
        );
    }

    /// A large answer that is larger still without its coding waits for memory once.
    #[tokio::test(start_paused = true)]
    async fn a_large_coded_answer_is_counted_while_it_is_read() {
        use std::io::Write;
        // It does not compress: each number is as good as any other.
        let mut number = 1_u32;
        let mut bytes = vec![0; 4 * UNSHARED_BYTES_MAX];
        for byte in &mut bytes {
            number ^= number << 13;
            number ^= number >> 17;
            number ^= number << 5;
            *byte = number.to_le_bytes()[0];
        }
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        let raw = encoder.finish().unwrap();
        let (budget, owner) = (Budget::new(2), Owner::default());
        let room = (&budget, owner);
        let coded = |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            headers
        };
        for (coding, counted) in [("gzip", bytes.len()), ("br", raw.len())] {
            let (body, share) = read(Body::from(raw.clone()), true, room).await.unwrap();
            assert!(budget.bytes() > COPIES * bytes.len(), "{} bytes", budget.bytes());
            // Meanwhile others take all that there is.
            let others = budget.take(Owner::SERVER, usize::MAX / 2);
            let (body, unread, share) =
                decoded(&mut coded(coding), (body, share), room).await.unwrap();
            drop(others);
            assert_eq!((body.len(), unread.is_some()), (counted, coding == "br"));
            assert_eq!(budget.bytes(), COPIES * counted);
            drop(share);
            assert_eq!(budget.bytes(), 0);
        }
    }

    #[test]
    fn headers_of_one_connection_end_with_it() {
        let headers = |all: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in all {
                headers.append(*name, HeaderValue::from_static(value));
            }
            headers
        };
        let all = headers(&[
            ("connection", "close, X-Foo"),
            ("connection", " x-bar ,,"),
            ("x-foo", "1"),
            ("x-bar", "2"),
            ("x-baz", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("content-type", "application/scim+json"),
        ]);
        let connection = of_connection(&all);
        let sent = all.keys().filter(|name| is_sent(name, &connection));
        let sent: Vec<&str> = sent.map(HeaderName::as_str).collect();
        assert_eq!(sent, ["x-baz", "content-type"]);
    }

    #[test]
    fn no_other_address_than_its_own_is_told_of_a_request() {
        let said = |name: &'static str| says_where_from(&HeaderName::from_static(name));
        for name in ["x-forwarded-for", "x-original-url", "x-original-uri", "x-rewrite-url"] {
            assert!(said(name), "{name}");
        }
        assert!(!said("x-request-id") && !said("if-match"));
    }
}
