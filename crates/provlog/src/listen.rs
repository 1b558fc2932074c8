//! Accepts connections, with or without TLS, and hands their requests to the router.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::tls::Tls;

/// The head of a request has this long to arrive, that of the first from the beginning of its
/// connection on, TLS included; an idle connection ends then too.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// A request's head may be so large; a connection takes no more memory before its request is there.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Further connections wait in the operating system's queue; fewer when few files may be open.
const CONNECTIONS_MAX: u64 = 4096;
/// Open files that are left to the log, whatever connections there are.
const FILES_RESERVED: u64 = 256;
/// After a failed accept, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` ends; then takes no further connection and gives the open ones
/// `drain_max` to finish what is under way. Requests that break before they are requests, an
/// unreadable head or a TLS handshake that fails, are counted in `broken_requests`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    router: &Router,
    shutdown: impl Future<Output = ()>,
    drain_max: Duration,
    broken_requests: Arc<AtomicU64>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        // It panics when the clock shows what a date cannot say; the router adds the header.
        .auto_date_header(false)
        // A client that hangs up after its request must not get the request dropped before the
        // router has seen it: what arrived is recorded.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .keep_alive_interval(HEAD_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let graceful = GracefulShutdown::new();
    let closing = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(connections_max()));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and complete; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let asked = Arc::clone(&asked);
            move |request| {
                asked.store(true, Ordering::Relaxed);
                call(router.clone(), peer, request)
            }
        });
        let (builder, watcher, closing) = (builder.clone(), graceful.watcher(), closing.clone());
        let acceptor = tls.as_deref().map(Tls::acceptor);
        let broken_requests = Arc::clone(&broken_requests);
        tokio::spawn(async move {
            let _permit = permit;
            let served = async {
                let Some(acceptor) = acceptor else {
                    let connection = builder.serve_connection(TokioIo::new(stream), service);
                    return watcher.watch(connection.into_owned()).await;
                };
                let handshake = acceptor.accept(stream);
                let Some(stream) = closing.run_until_cancelled(handshake).await else {
                    return Ok(());
                };
                let connection = builder.serve_connection(TokioIo::new(stream?), service);
                watcher.watch(connection.into_owned()).await
            };
            if let Some(Err(error)) = until_asked(served, &asked).await {
                tracing::debug!(%error, "a connection broke");
                if is_broken(&*error) {
                    broken_requests.fetch_add(1, Ordering::Relaxed);
                    metrics::counter!("provlog_broken_requests_total").increment(1);
                }
            }
        });
    }
    drop(listener);
    closing.cancel();
    if tokio::time::timeout(drain_max, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open and are cut");
    }
}

/// Ends with the connection; `None` when its first request took too long. hyper's own limit begins
/// only with the first bytes, and until then a silent connection would keep its place for ever.
async fn until_asked<T>(connection: impl Future<Output = T>, asked: &AtomicBool) -> Option<T> {
    let mut connection = std::pin::pin!(connection);
    match tokio::time::timeout(HEAD_MAX, &mut connection).await {
        Ok(ended) => Some(ended),
        Err(_) if asked.load(Ordering::Relaxed) => Some(connection.await),
        Err(_) => None,
    }
}

/// Whether what came was wrong, and not only missing: no HTTP, or before HTTP no TLS.
fn is_broken(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(hyper::Error::is_parse)
        || error
            .downcast_ref()
            .is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::InvalidData)
}

/// How many connections may be open, so that they never take the files that the log needs. The soft
/// limit of open files is raised to the hard one first.
fn connections_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = files.unwrap_or(u64::MAX);
    let connections = files.saturating_sub(FILES_RESERVED).clamp(16, CONNECTIONS_MAX);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

async fn call(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use axum::routing::get;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;
    use tokio::time::Instant;
    use tokio_rustls::TlsConnector;

    use crate::tls;

    const CERTIFICATE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tls/ec-sec1.pem");

    /// Serves these routes for as long as the test runs.
    async fn serving(router: Router, tls: Option<Arc<Tls>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let forever = std::future::pending();
            serve(listener, tls, &router, forever, HEAD_MAX, Arc::default()).await;
        });
        address
    }

    /// A client that has said these bytes, over TLS when there is a connector for it.
    async fn begun(
        address: SocketAddr,
        connector: Option<&TlsConnector>,
        first: &[u8],
    ) -> Box<dyn AsyncRead + Unpin> {
        let mut client = TcpStream::connect(address).await.unwrap();
        let Some(connector) = connector else {
            client.write_all(first).await.unwrap();
            return Box::new(client);
        };
        let mut client = connector.connect("localhost".try_into().unwrap(), client).await.unwrap();
        client.write_all(first).await.unwrap();
        client.flush().await.unwrap();
        Box::new(client)
    }

    #[tokio::test]
    async fn a_connection_without_a_request_does_not_keep_its_place() {
        const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let plain = serving(Router::new(), None).await;
        let file = Path::new(CERTIFICATE);
        let secure = serving(Router::new(), Some(Arc::new(Tls::read(file, file).unwrap()))).await;
        let mut clients = vec![];
        for first in ["", "P", "PRI * HT", PREFACE, "POST", "G"] {
            clients.push((first, begun(plain, None, first.as_bytes()).await));
        }
        for first in ["", "\u{16}\u{3}\u{1}"] {
            clients.push((first, begun(secure, None, first.as_bytes()).await));
        }
        for protocol in ["h2", "http/1.1"] {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut roots = rustls::RootCertStore::empty();
            roots.add(tls::certificates(file).unwrap().remove(0)).unwrap();
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            let connector = TlsConnector::from(Arc::new(config));
            for first in ["", "P", PREFACE, "G"] {
                clients.push((first, begun(secure, Some(&connector), first.as_bytes()).await));
            }
        }
        // Everything is said: from now on the clock moves on while all wait, so nothing takes its time.
        tokio::time::pause();
        let begun = Instant::now();
        for (first, mut client) in clients {
            let mut answer = vec![];
            let ended = tokio::time::timeout(HEAD_MAX * 2, client.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{first:?}");
            assert!(begun.elapsed() < HEAD_MAX + HEAD_MAX / 10, "{first:?} {:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn a_request_may_take_longer_than_it_may_take_to_arrive() {
        static BEGUN: Notify = Notify::const_new();
        static GOES_ON: Notify = Notify::const_new();
        let slow = async || {
            BEGUN.notify_one();
            GOES_ON.notified().await;
            "at last"
        };
        let address = serving(Router::new().route("/", get(slow)), None).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: audit.example\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        BEGUN.notified().await;
        tokio::time::pause();
        tokio::time::sleep(HEAD_MAX * 2).await;
        GOES_ON.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("at last"), "{answer}");
    }
}
