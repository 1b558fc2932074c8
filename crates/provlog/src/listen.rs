//! Accepts connections, with or without TLS, and hands their requests to the router.

mod answer;
mod connection;
mod head;
mod limits;
mod refusals;
mod room;
mod socket;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode, Version};
use axum::response::Response;
use budget::{Budget, Counted};
use event::Clock;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use incoming::{HasLeft, Presented};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use self::answer::{Answer, RequestBody};
use self::connection::{Connection, Verdict};
use self::head::Fault;
use self::limits::IDLE_MAX;
use self::room::Room;
use self::socket::Socket;
use crate::tls::Tls;

pub(crate) use self::refusals::Refusals;

/// How long the close of an idle connection may take (HTTP/2 sends GOAWAY and waits for an answer).
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// The largest head of a request, and so the most memory a connection takes before its request has
/// arrived.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Concurrent requests of one HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// Streams that a client reset before they were accepted; more of them close its connection.
const RESETS_MAX: usize = 20;
/// A further request of a connection is handled once at most this much of its earlier answers is
/// unwritten. HTTP/2 gets more, because its answers do not wait for each other.
const UNREAD_BYTES_MAX: usize = 16 << 10;
const UNREAD_BYTES_MAX_HTTP2: usize = 256 << 10;
/// Beyond this, a new connection evicts a silent one. The limit is lower if the process may open few
/// files.
const CONNECTIONS_MAX: u64 = 4096;
/// Open files that connections leave to the log.
const FILES_RESERVED: u64 = 256;
/// The length of the kernel's accept queue; the kernel may have a lower limit of its own.
const BACKLOG_MAX: i32 = 4096;
/// The pause after a failed accept, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What to serve, and within which limits.
pub struct Serving {
    pub(crate) router: Router,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Networks of proxies, whose addresses stand for many clients.
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) budget: Budget,
    /// Counts connections that were closed or delayed for want of room.
    pub(crate) refusals: Arc<Refusals>,
    /// Counts requests with an invalid head, and failed TLS handshakes.
    pub(crate) broken_requests: Arc<AtomicU64>,
}

impl Serving {
    /// Serves a router without TLS and without trusted proxies.
    pub fn new(router: Router, clock: Clock) -> Serving {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Serving {
            router,
            tls: None,
            trusted_proxies: vec![],
            budget: Budget::new(processors),
            refusals: Arc::new(Refusals::new(clock)),
            broken_requests: Arc::default(),
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// Serves until `shutdown` completes. Then it accepts no further connection and gives the open ones
/// `drain_max` to finish their requests.
pub async fn serve(
    listener: TcpListener,
    serving: Serving,
    shutdown: impl Future<Output = ()>,
    drain_max: Duration,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        // hyper panics if the clock's time has no HTTP date. The router adds the header.
        .auto_date_header(false)
        // A request whose client closes the connection must still reach the router: what arrived is
        // recorded.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .keep_alive_interval(IDLE_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let Serving { router, tls, trusted_proxies, budget, refusals, broken_requests } = serving;
    let room = Arc::new(Room::new(connections_max(), trusted_proxies, refusals));
    let (closing, cutting) = (CancellationToken::new(), CancellationToken::new());
    let connections = TaskTracker::new();
    // The default accept queue is short, and a client that finds it full retries only a second later.
    let _ = rustix::net::listen(&listener, BACKLOG_MAX);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
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
        let place = tokio::select! {
            place = room.enter(peer.ip()) => place,
            () = &mut shutdown => break,
        };
        let Some(place) = place else { continue };
        let connection = Arc::clone(&place.connection);
        let (socket, client) = Socket::new(stream, Arc::clone(&connection));
        // Whatever waits or takes long checks whether the client is still there.
        let has_left = HasLeft::new(move || client.has_left());
        let service = service_fn({
            let (router, budget) = (router.clone(), budget.clone());
            let (connection, broken) = (Arc::clone(&connection), Arc::clone(&broken_requests));
            move |request| {
                let (router, budget, broken) =
                    (router.clone(), budget.clone(), Arc::clone(&broken));
                let (connection, has_left) = (Arc::clone(&connection), has_left.clone());
                call(router, budget, broken, connection, has_left, peer, request)
            }
        });
        let (builder, closing, cutting) = (builder.clone(), closing.clone(), cutting.clone());
        let acceptor = tls.as_deref().map(Tls::acceptor);
        let broken_requests = Arc::clone(&broken_requests);
        connections.spawn(async move {
            let _place = place;
            let farewell = CancellationToken::new();
            let served = async {
                let Some(acceptor) = acceptor else {
                    let served = builder.serve_connection(TokioIo::new(socket), service);
                    return ended(pin!(served), &closing, &farewell).await;
                };
                let handshake = acceptor.accept(socket);
                let Some(stream) = closing.run_until_cancelled(handshake).await else {
                    return Ok(());
                };
                let served = builder.serve_connection(TokioIo::new(stream?), service);
                ended(pin!(served), &closing, &farewell).await
            };
            let served = cutting.run_until_cancelled(bounded(served, &connection, &farewell));
            if let Some(Some(Err(error))) = served.await {
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
    connections.close();
    if tokio::time::timeout(drain_max, connections.wait()).await.is_err() {
        tracing::warn!("connections were still open and are cut");
        cutting.cancel();
        connections.wait().await;
    }
}

/// Serves a connection to its end. At a shutdown, or when it is idle, it accepts no further request.
async fn ended<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    closing: &CancellationToken,
    farewell: &CancellationToken,
) -> C::Output {
    tokio::select! {
        ended = &mut connection => return ended,
        () = closing.cancelled() => {}
        () = farewell.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// Serves until the connection ends. `None` if it was cut: idle, unread, or evicted for another.
async fn bounded<T>(
    served: impl Future<Output = T>,
    connection: &Connection,
    farewell: &CancellationToken,
) -> Option<T> {
    let mut served = pin!(served);
    loop {
        let look_again = match connection.judge() {
            Verdict::CheckAgain(at) => at,
            Verdict::Idle => {
                count_cut("idle");
                farewell.cancel();
                return tokio::time::timeout(FAREWELL_MAX, served).await.ok();
            }
            Verdict::Unread => {
                count_cut("unread");
                return None;
            }
        };
        tokio::select! {
            ended = &mut served => return Some(ended),
            () = connection.evicted.cancelled() => return None,
            () = tokio::time::sleep_until(look_again) => {}
        }
    }
}

fn count_cut(reason: &'static str) {
    metrics::counter!("provlog_connections_cut_total", "reason" => reason).increment(1);
}

/// Whether the client sent invalid HTTP or TLS, rather than nothing more.
fn is_broken(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(hyper::Error::is_parse)
        || error
            .downcast_ref()
            .is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::InvalidData)
}

/// How many connections may be open, so that enough open files are left for the log. Raises the soft
/// limit of open files to the hard one first.
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

/// Hands a request to the router, once the client has read the earlier answers on its connection.
async fn call(
    mut router: Router,
    budget: Budget,
    broken_requests: Arc<AtomicU64>,
    connection: Arc<Connection>,
    has_left: HasLeft,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, std::convert::Infallible> {
    let is_http2 = request.version() == Version::HTTP_2;
    let mut fault = head::fault(&request);
    let head_bytes = if fault.is_none() { head::bytes(&request) } else { 0 };
    let answer = Answer::begin(&connection, head_bytes);
    if connection.has_too_large_heads() {
        fault = fault.or(Some(Fault::Heads));
    }
    if let Some(fault) = fault {
        broken_requests.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("provlog_broken_requests_total").increment(1);
        return Ok(refusal(fault, is_http2));
    }
    connection.drained(if is_http2 { UNREAD_BYTES_MAX_HTTP2 } else { UNREAD_BYTES_MAX }).await;
    if connection.has_unread() {
        // Pipelined requests must not keep the thread from other connections.
        tokio::task::yield_now().await;
    }
    let presented = Presented::of(request.headers());
    let owner = budget.owner(incoming::told_by(&presented, request.headers()));
    let is_open = is_open(request.uri().path());
    let shows_token = presented.token().is_some() && !answers_anybody(request.uri().path());
    if !is_open {
        // Health checks do not wait for other requests without a token.
        let under_way = budget.request(owner).await;
        request.extensions_mut().insert(under_way);
    }
    let body_of = Arc::clone(&connection);
    let mut request = request.map(|body| axum::body::Body::new(RequestBody::new(body, body_of)));
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(has_left);
    request.extensions_mut().insert(owner);
    let mut response = router.call(request).await?;
    if shows_token && is_known(response.status()) {
        connection.answered_known();
    }
    let share = match response.extensions_mut().remove::<Counted>() {
        Some(Counted(share)) => share,
        None => {
            let bytes = response.body().size_hint().lower();
            Arc::new(budget.take(owner, usize::try_from(bytes).unwrap_or(usize::MAX)))
        }
    };
    Ok(response.map(|body| answer.body(body, share)))
}

/// The answer to an invalid request. In HTTP/1 it closes the connection, because what follows may not
/// be a request either.
fn refusal(fault: Fault, is_http2: bool) -> Response {
    let mut response = Response::new(axum::body::Body::from(fault.message()));
    *response.status_mut() = fault.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if !is_http2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether a path answers without checking a token.
fn is_open(path: &str) -> bool {
    ["/livez", "/readyz", "/metrics", "/openapi.json"].contains(&path)
}

/// Whether a path answers a request without a valid token as it answers one with.
fn answers_anybody(path: &str) -> bool {
    is_open(path) || ["/login", "/assets/"].iter().any(|start| path.starts_with(start))
}

/// Whether a status shows that the token was valid.
fn is_known(status: StatusCode) -> bool {
    !status.is_server_error()
        && ![
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use axum::routing::get;
    use hyper::client::conn::http2::{SendRequest, handshake};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::{Notify, Semaphore};
    use tokio::task::JoinSet;
    use tokio::time::Instant;
    use tokio_rustls::TlsConnector;

    use super::limits::{HEAD_BYTES_FREE, HEADS_BYTES_MAX, UNREAD_MAX};
    use crate::tls;

    const CERTIFICATE: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tls/ec-sec1.pem");

    /// Serves routes for as long as the test runs.
    async fn serving(router: Router, tls: Option<Arc<Tls>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Serving { tls, ..Serving::new(router, Clock::System) };
        tokio::spawn(serve(listener, serving, std::future::pending(), IDLE_MAX));
        address
    }

    /// A client that has sent these bytes, over TLS if there is a connector.
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
    async fn a_connection_without_a_request_is_closed() {
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
        // All bytes are sent. From now on the clock advances whenever all tasks wait, so the test is
        // fast.
        tokio::time::pause();
        let begun = Instant::now();
        for (first, mut client) in clients {
            let mut answer = vec![];
            let ended = tokio::time::timeout(IDLE_MAX * 2, client.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{first:?}");
            assert!(begun.elapsed() < IDLE_MAX + IDLE_MAX / 10, "{first:?} {:?}", begun.elapsed());
        }
    }

    /// A request with that many fields of different names, without values.
    fn with_fields(count: usize) -> Request<axum::body::Body> {
        let head = Request::get("http://audit.example/");
        let head = (0..count).fold(head, |head, index| head.header(format!("{index:x}"), ""));
        head.body(axum::body::Body::empty()).unwrap()
    }

    /// An HTTP/2 connection that runs as long as the test.
    async fn http2(address: SocketAddr) -> SendRequest<axum::body::Body> {
        let client = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = handshake(TokioExecutor::new(), client).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    #[tokio::test]
    async fn a_head_has_at_most_100_fields() {
        let address = serving(Router::new().route("/", get("here")), None).await;
        let mut sender = http2(address).await;
        for (count, status) in [(head::FIELDS_MAX, 200), (head::FIELDS_MAX + 1, 431), (1_800, 431)]
        {
            let response = sender.send_request(with_fields(count)).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{count} fields in HTTP/2");
        }
        for (count, status) in [(head::FIELDS_MAX, 200), (head::FIELDS_MAX + 1, 431)] {
            let fields = (1..count).map(|index| format!("{index:x}:\r\n")).collect::<String>();
            let text = format!("GET / HTTP/1.1\r\nHost: audit.example\r\n{fields}\r\n");
            assert_eq!(answered(address, text.as_bytes()).await, Some(status), "{count} fields");
        }
    }

    /// Most of the memory of such a head is not its text.
    #[tokio::test]
    async fn few_requests_with_large_heads_are_handled_at_once() {
        const REQUESTS: usize = 60;
        static GO_ON: Semaphore = Semaphore::const_new(0);
        let slow = async || GO_ON.acquire().await.map(|_| ()).is_ok().to_string();
        let address = serving(Router::new().route("/", get(slow)), None).await;
        let mut sender = http2(address).await;
        let mut answers = JoinSet::new();
        for _ in 0..REQUESTS {
            let answer = sender.send_request(with_fields(head::FIELDS_MAX));
            answers.spawn(async move { answer.await.unwrap().status().as_u16() });
        }
        let held =
            HEADS_BYTES_MAX / (head::bytes(&with_fields(head::FIELDS_MAX)) - HEAD_BYTES_FREE);
        assert!((10..REQUESTS).contains(&held), "{held}");
        for _ in held..REQUESTS {
            let refused = tokio::time::timeout(UNREAD_MAX, answers.join_next()).await;
            assert_eq!(refused.expect("it is held").unwrap().unwrap(), 431);
        }
        GO_ON.add_permits(REQUESTS);
        while let Some(answered) = answers.join_next().await {
            assert_eq!(answered.unwrap(), 200);
        }
        assert_eq!(sender.send_request(with_fields(1)).await.unwrap().status(), 200, "it goes on");
    }

    /// The status of the answer to a request on its own connection.
    async fn answered(address: SocketAddr, text: &[u8]) -> Option<u16> {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(text).await.unwrap();
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        str::from_utf8(&head).ok()?.split(' ').nth(1)?.parse().ok()
    }

    #[tokio::test]
    async fn a_request_must_have_one_host() {
        let router = Router::new().route("/", get("here"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Serving::new(router, Clock::System);
        let broken = Arc::clone(&serving.broken_requests);
        tokio::spawn(serve(listener, serving, std::future::pending(), IDLE_MAX));
        let host = "Host: audit.example\r\n";
        let two = format!("{host}{host}");
        let mut expected = 0;
        for (target, fields, status) in [
            ("/ HTTP/1.1", host, 200),
            ("/ HTTP/1.1", "host:\r\n", 200),
            ("http://audit.example/ HTTP/1.1", host, 200),
            ("/ HTTP/1.0", "", 200),
            ("/ HTTP/1.1", "", 400),
            ("/ HTTP/1.1", "Hosts: audit.example\r\n", 400),
            ("http://audit.example/ HTTP/1.1", "", 400),
            ("/ HTTP/1.1", &two, 400),
            ("/ HTTP/1.0", &two, 400),
            ("/ HTTP/1.1", "Host: audit.example\r\nHOST:\r\n", 400),
            ("/ HTTP/1.1", "Host: a b\r\n", 400),
            ("/ HTTP/1.1", "Host: mira@audit.example\r\n", 400),
        ] {
            let text = format!("GET {target}\r\n{fields}\r\n");
            assert_eq!(answered(address, text.as_bytes()).await, Some(status), "{target} {fields}");
            expected += u64::from(status == 400);
            assert_eq!(broken.load(Ordering::Relaxed), expected, "{target} {fields}");
        }
        // Nothing that follows on the connection of such a request is handled.
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("connection: close") && answer.contains("one Host"), "{answer}");
    }

    /// A request whose token the interfaces do not accept shares the budget of requests without one.
    #[tokio::test]
    async fn a_request_with_a_token_or_a_session_has_a_budget_of_its_own() {
        let seen = async |request: axum::extract::Request| {
            let owner = incoming::owner(request.extensions());
            let is_stranger = owner == budget::Owner::UNAUTHENTICATED;
            let presented = Presented::of(request.headers());
            format!("{} {}", presented.token().unwrap_or("nothing"), is_stranger)
        };
        let address = serving(Router::new().route("/", get(seen)), None).await;
        for (lines, expected) in [
            ("", "nothing true"),
            ("Authorization: Bearer abc\r\n", "abc false"),
            ("authorization: BEARER \t abc \r\n", "abc false"),
            ("Authorization: Bearer\r\n", "nothing true"),
            ("Authorization: Bearer \t\r\n", "nothing true"),
            ("Authorization: Basic abc\r\n", "nothing true"),
            ("Authorization: Bearer t\u{f6}ken\r\n", "nothing true"),
            ("Authorization: Bearer abc\r\nAuthorization: Basic def\r\n", "abc false"),
            ("Authorization: Basic abc\r\nAuthorization: Bearer def\r\n", "nothing true"),
            ("Cookie: a=b; provlog_session=cd\r\n", "nothing false"),
            ("Cookie: __Host-provlog_session=cd\r\n", "nothing false"),
            ("Authorization: Basic abc\r\nCookie: provlog_session=cd\r\n", "nothing true"),
            ("Cookie: provlog_session=c; provlog_session=d\r\n", "nothing true"),
            ("Cookie: provlog_sign_in=cd\r\n", "nothing true"),
        ] {
            let text = format!(
                "GET / HTTP/1.1\r\nHost: audit.example\r\nConnection: close\r\n{lines}\r\n"
            );
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(text.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            let told = answer.split_once("\r\n\r\n").map(|(_, body)| body);
            assert_eq!(told, Some(expected), "{lines:?}");
        }
    }

    #[tokio::test]
    async fn answering_a_request_may_take_longer_than_its_arrival() {
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
        tokio::time::sleep(IDLE_MAX * 2).await;
        GOES_ON.notify_one();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("at last"), "{answer}");
    }
}
