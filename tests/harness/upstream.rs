//! Upstreams for tests: a public SCIM server, and a connection to it that can be cut.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::server::{Client, run};

/// scim2-server of PyPI, in its own virtual environment.
pub struct Scim2Server {
    child: Child,
    log: PathBuf,
    /// Its SCIM base address.
    pub url: String,
}

impl Scim2Server {
    pub fn start(folder: &Path, name: &str) -> Scim2Server {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");
        let venv = run(Command::new(format!("{scripts}/venv")).arg("scim2-server"));
        assert!(venv.status.success(), "{}", String::from_utf8_lossy(&venv.stderr));
        let commands = String::from_utf8(venv.stdout).unwrap();
        let log = folder.join(format!("{name}.log"));
        // It does not support port 0; a port that is free now is most likely free in a moment.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(format!("{}/scim2-server", commands.trim_end()))
            .args(["--port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        while TcpStream::connect(address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "{}", read(&log));
            thread::yield_now();
        }
        Scim2Server { child, log, url: format!("http://{address}/v2") }
    }

    /// It accepts every token.
    pub fn client(&self) -> Client {
        Client::new(&self.url, "any")
    }

    /// How many requests other than GET it logged; the recorder itself sends GETs.
    pub fn writes(&self) -> usize {
        read(&self.log)
            .lines()
            .filter(|relay| relay.contains("\" HTTP/1.1") || relay.contains(" HTTP/1.1\""))
            .filter(|relay| !relay.contains("GET /"))
            .count()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

impl Drop for Scim2Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// TLS in front of a plain server, with a self-signed certificate.
pub struct Tls {
    /// Where it listens; the certificate is for `localhost`.
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Tls {
    /// Writes the certificate to `ca`.
    pub fn before(target: SocketAddr, ca: &Path) -> Tls {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(ca, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = tokio::net::TcpStream::connect(target).await else {
                        return;
                    };
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Tls { address, _runtime: runtime }
    }
}

/// Runs before a connection is cut.
type Then = Box<dyn FnOnce() + Send>;

/// A relay between the proxy and its upstream.
pub struct Relay {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The upstream's address.
    pub target: Arc<Mutex<SocketAddr>>,
    cut: Arc<AtomicBool>,
    waits: Arc<AtomicBool>,
    answered: Arc<Mutex<Option<Then>>>,
}

impl Relay {
    pub fn to(target: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay {
            address: listener.local_addr().unwrap(),
            target: Arc::new(Mutex::new(target)),
            cut: Arc::default(),
            waits: Arc::default(),
            answered: Arc::default(),
        };
        let (target, cut) = (Arc::clone(&relay.target), Arc::clone(&relay.cut));
        let waits = Arc::clone(&relay.waits);
        let answered = Arc::clone(&relay.answered);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let target = *target.lock().unwrap();
                let Ok(server) = TcpStream::connect(target) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pump(from, to, || true));
                let (cut, answered) = (Arc::clone(&cut), Arc::clone(&answered));
                let waits = Arc::clone(&waits);
                thread::spawn(move || {
                    pump(server, client, || {
                        let cuts = cut.swap(false, Ordering::SeqCst);
                        let acts = cuts || waits.swap(false, Ordering::SeqCst);
                        // The function may use this relay itself, so release the lock first.
                        let then = if acts { answered.lock().unwrap().take() } else { None };
                        if let Some(then) = then {
                            then();
                        }
                        !cuts
                    });
                });
            }
        });
        relay
    }

    /// Holds the next answer until `then` has run.
    pub fn before_the_next_answer(&self, then: impl FnOnce() + Send + 'static) {
        *self.answered.lock().unwrap() = Some(Box::new(then));
        self.waits.store(true, Ordering::SeqCst);
    }

    /// Cuts the connection when the next answer arrives, after `then` has run: the request was carried
    /// out, and its answer is lost.
    pub fn cut_before_the_next_answer(&self, then: impl FnOnce() + Send + 'static) {
        *self.answered.lock().unwrap() = Some(Box::new(then));
        self.cut.store(true, Ordering::SeqCst);
    }
}

/// Relays bytes while `may` returns true.
fn pump(mut from: TcpStream, mut to: TcpStream, may: impl Fn() -> bool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || !may() || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A request that an [`Answering`] server got.
pub struct Received {
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// A server that answers one request after the other with a test's function.
pub struct Answering {
    /// Its address.
    pub url: String,
}

impl Answering {
    /// `answer` returns the status and a JSON body.
    pub fn start(mut answer: impl FnMut(&Received) -> (u16, String) + Send + 'static) -> Answering {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(mut client) = client else { return };
                let Some(received) = receive(&mut client) else { continue };
                let (status, body) = answer(&received);
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/scim+json\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = client.write_all(head.as_bytes()).and(client.write_all(body.as_bytes()));
            }
        });
        Answering { url }
    }
}

/// Reads one HTTP/1.1 request.
fn receive(client: &mut TcpStream) -> Option<Received> {
    let mut bytes = vec![];
    let end = loop {
        let mut buffer = [0; 4 << 10];
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.to_owned();
    let headers = lines.filter_map(|relay| relay.split_once(": "));
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut body = bytes.split_off(end + 4);
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
    let have = body.len();
    body.resize(length, 0);
    client.read_exact(&mut body[have..]).ok()?;
    Some(Received { method, headers, body })
}
