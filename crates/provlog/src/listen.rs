//! Accepts connections and hands their requests to the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service;

/// The head of a request has this long to arrive; an idle connection ends then too.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// A request's head may be so large; a connection takes no more memory before its request is there.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Between two looks at a connection that has begun to say that it speaks HTTP/2.
const PREFACE_PAUSE: Duration = Duration::from_millis(100);
/// Further connections wait in the operating system's queue; fewer when few files may be open.
const CONNECTIONS_MAX: u64 = 4096;
/// Open files that are left to the log, whatever connections there are.
const FILES_RESERVED: u64 = 256;
/// After a failed accept, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` ends; then takes no further connection and gives the open ones
/// `drain_max` to finish what is under way. Requests that break before they are requests, an
/// unreadable head say, are counted in `broken_requests`.
pub async fn serve(
    listener: TcpListener,
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
        // A client that hangs up after its request must not get the request dropped before the
        // router has seen it: what arrived is recorded.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let graceful = GracefulShutdown::new();
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
        let service = service_fn(move |request| call(router.clone(), peer, request));
        let (builder, watcher) = (builder.clone(), graceful.watcher());
        let broken_requests = Arc::clone(&broken_requests);
        tokio::spawn(async move {
            let _permit = permit;
            if !speaks(&stream).await {
                return;
            }
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection broke");
                if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
                    broken_requests.fetch_add(1, Ordering::Relaxed);
                    metrics::counter!("provlog_broken_requests_total").increment(1);
                }
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(drain_max, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open and are cut");
    }
}

/// Waits until a connection shows which protocol it speaks; false when it stays silent. hyper's own
/// limit begins only then, and until then a silent connection would keep its place for ever.
async fn speaks(stream: &TcpStream) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; // RFC 9113 §3.4
    let mut first = [0; PREFACE.len()];
    let seen = async {
        loop {
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return false,
                Ok(length) if length == first.len() => return true,
                Ok(length) if !PREFACE.starts_with(&first[..length]) => return true,
                // The beginning of the preface: the rest is about to come.
                Ok(_) => tokio::time::sleep(PREFACE_PAUSE).await,
            }
        }
    };
    tokio::time::timeout(HEAD_MAX, seen).await.unwrap_or(false)
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
    use tokio::io::AsyncWriteExt;

    /// The clock stands still but for waiting, so nothing here takes its time.
    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_does_not_keep_its_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = async |first: &[u8], expected: bool| {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            client.write_all(first).await.unwrap();
            // What was written is there before the clock moves on.
            if !first.is_empty() {
                server.readable().await.unwrap();
            }
            assert_eq!(speaks(&server).await, expected, "{first:?}");
        };
        check(b"", false).await;
        check(b"PRI * HT", false).await;
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true).await;
        check(b"P", false).await;
        check(b"POST", true).await;
        check(b"G", true).await;
    }
}
