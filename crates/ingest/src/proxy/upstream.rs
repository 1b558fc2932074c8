//! The application behind us: one request there and its answer back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, StatusCode, Uri};
use event::{Stopwatch, UpstreamSet};
use http_body::Body as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use store::{SecretFolder, with_causes};

/// An answer with a larger body is not relayed.
const ANSWER_BYTES_MAX: usize = 32 << 20;
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// From sending a request to the end of its answer. Identity providers wait about as long.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// A connection that was not used for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Headers that belong to one connection (RFC 9110 §7.6.1), and those that are ours to say. Of
/// `accept-encoding` nothing is sent on: a compressed answer could not be recorded.
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
    pub body: Bytes,
    /// From sending to the end of the answer.
    pub after_us: u32,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// Nothing was sent.
    NotSent(String),
    /// It was sent, and what became of it is not known.
    Unknown(String),
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// Connections to upstreams, kept alive, and the folder that has their tokens.
pub(crate) struct Upstreams {
    /// By the file of the authorities that are trusted.
    clients: Mutex<HashMap<Option<String>, Arc<HttpClient>>>,
    secrets: SecretFolder,
}

impl Upstreams {
    /// Upstreams whose tokens and certificates stand in a folder.
    pub(crate) fn new(secrets: SecretFolder) -> Upstreams {
        Upstreams { clients: Mutex::default(), secrets }
    }

    async fn client(&self, ca_file: Option<&str>) -> Result<Arc<HttpClient>, String> {
        let key = ca_file.map(str::to_owned);
        let known = self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(client) = known {
            return Ok(client);
        }
        let authorities = match ca_file {
            None => None,
            Some(file) => Some((file, self.read("certificate", file).await?)),
        };
        let client = Arc::new(client(authorities)?);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(clients.entry(key).or_insert(client)))
    }

    /// A secret file's bytes, read where nobody's request waits for the disk.
    async fn read(&self, what: &str, file: &str) -> Result<Vec<u8>, String> {
        let (secrets, path) = (self.secrets.clone(), PathBuf::from(file));
        let bytes = tokio::task::spawn_blocking(move || secrets.read(&path)).await;
        let unusable = |why: String| format!("the upstream's {what} file {file} {why}");
        let bytes = bytes.map_err(|_| unusable("cannot be read".to_owned()))?;
        bytes.map_err(|error| unusable(error.to_string()))
    }

    /// `Bearer` and the token of a file. No error repeats what is in it.
    async fn token(&self, file: &str) -> Result<HeaderValue, String> {
        let unusable = || format!("the upstream's token file {file} holds no token");
        let bytes = self.read("token", file).await?;
        let token = str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        if token.is_empty() {
            return Err(unusable());
        }
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| unusable())?;
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
        for (name, value) in headers {
            let forwarded = name.as_str().starts_with("x-forwarded-");
            if !NOT_SENT.contains(name) && !forwarded && name != "keep-alive" {
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
            let body = read(Body::new(incoming)).await.map_err(Broken::Unknown)?;
            Ok((head.status, head.headers, body))
        };
        let answered = tokio::time::timeout(ANSWER_MAX, answering).await;
        let (status, headers, body) = answered.map_err(|_| {
            let seconds = ANSWER_MAX.as_secs();
            Broken::Unknown(format!("it did not answer within {seconds} seconds"))
        })??;
        Ok(Answered {
            status: relayed(status),
            headers: headers
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value)))
                .filter(|(name, _)| !NOT_SENT.contains(name) && name != "keep-alive")
                .collect(),
            body,
            after_us: watch.elapsed_us(),
        })
    }
}

/// A status that says something of the connection alone is not to be relayed as one of the request.
fn relayed(status: StatusCode) -> u16 {
    if status.is_informational() { 502 } else { status.as_u16() }
}

async fn read(body: Body) -> Result<Bytes, String> {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    loop {
        match std::future::poll_fn(|task| body.as_mut().poll_frame(task)).await {
            None => return Ok(bytes.into()),
            Some(Err(error)) => {
                return Err(format!("its answer broke off: {}", with_causes(&error)));
            }
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                if bytes.len() + data.len() > ANSWER_BYTES_MAX {
                    return Err(format!("its answer has more than {ANSWER_BYTES_MAX} bytes"));
                }
                bytes.extend_from_slice(&data);
            }
        }
    }
}

/// A client that trusts the authorities of a file, by its name and bytes; those of the system without.
fn client(authorities: Option<(&str, Vec<u8>)>) -> Result<HttpClient, String> {
    let mut connector = HttpConnector::new();
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
