//! TLS of the server itself: versions, refused files, and silent clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::harness::server::{Client, Server, provlog, run, user};
use crate::harness::tls::{Certificate, connect};

/// A server with its own certificate.
struct TlsServer {
    folder: tempfile::TempDir,
    certificate: Certificate,
    server: Server,
}

impl TlsServer {
    fn start() -> TlsServer {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::issue(folder.path());
        let data = folder.path().join("data");
        let server = Server::start_with(&data, &certificate.flags(), &[]).unwrap();
        TlsServer { folder, certificate, server }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn address(&self) -> &str {
        self.server.url.strip_prefix("https://").unwrap()
    }

    fn client(&self, base: &str, token: &str) -> Client {
        Client::trusting(base, token, &self.certificate.trusted())
    }

    fn admin(&self) -> Client {
        let token = std::fs::read_to_string(self.data().join("admin.token")).unwrap();
        self.client(&self.server.url, token.trim_end())
    }

    /// Adds an application, over TLS.
    fn add_app(&self) -> Client {
        let added = self.admin().post("/api/v1/apps", &json!({ "application": "boat" }));
        assert_eq!(added.status, 201, "{added:?}");
        let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
        self.client(&text("tenantUrl"), &text("secretToken"))
    }

    /// Whether a new connection gets this certificate.
    fn shows(&self, certificate: &CertificateDer<'static>) -> bool {
        connect(self.address(), certificate, &[&TLS13], &[]).is_ok()
    }
}

#[test]
fn requests_over_tls_are_answered_recorded_and_linked_as_https() {
    let shown = TlsServer::start();
    let scim = shown.add_app();
    assert_eq!(scim.base(), format!("{}/apps/boat/scim/v2", shown.server.url));
    let created = scim.post("/Users", &user("mira.lund@fjord.example"));
    assert_eq!(created.status, 201);
    assert!(created.header("location").starts_with(scim.base()), "{created:?}");
    let rows = shown.admin().rows("/api/v1/operations?app=boat");
    assert_eq!((rows.len(), &rows[0]["sourceIp"]), (1, &json!("127.0.0.1")));
    // A client that does not trust the certificate refuses.
    let doubtful = Client::new(scim.base(), &scim.token);
    assert!(doubtful.send("GET", "/Users", &[], b"").is_err());
    shown.server.stop();
}

#[test]
fn both_versions_of_tls_and_http_work() {
    let shown = TlsServer::start();
    let trusted = shown.certificate.trusted();
    for version in [&TLS12, &TLS13] {
        let check = |offered: &[&str], chosen: Option<&str>, say: &[u8], heard: &[u8]| {
            let mut stream = connect(shown.address(), &trusted, &[version], offered).unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            assert_eq!(stream.conn.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
            stream.write_all(say).unwrap();
            let mut answer = vec![0; heard.len()];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(answer, heard, "{offered:?}");
        };
        let http1 = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // The preface with empty settings (RFC 9113 §3.4). The answer starts with a settings frame,
        // type 4.
        let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let settings = [0, 0, 24, 4];
        check(&["h2", "http/1.1"], Some("h2"), http2, &settings);
        check(&["http/1.1"], Some("http/1.1"), http1, b"HTTP/1.1 200");
        check(&[], None, http1, b"HTTP/1.1 200");
    }
}

#[test]
fn older_key_formats_work_and_one_file_may_hold_key_and_certificate() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rsa-pkcs1.pem", "ec-sec1.pem"] {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tls").join(name);
        let file = fixture.to_str().unwrap();
        let data = folder.path().join(name);
        let server =
            Server::start_with(&data, &["--tls-cert", file, "--tls-key", file], &[]).unwrap();
        let trusted = CertificateDer::from_pem_file(&fixture).unwrap();
        let address = server.url.strip_prefix("https://").unwrap();
        connect(address, &trusted, &[&TLS12, &TLS13], &[]).unwrap();
    }
}

/// A failure before there is a request is counted and affects no other client.
#[test]
fn failed_handshakes_are_counted() {
    let shown = TlsServer::start();
    let trusted = shown.certificate.trusted();
    let mut plain = TcpStream::connect(shown.address()).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = vec![];
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(connect(shown.address(), &trusted, &[&TLS13], &["gopher"]).is_err());
    let other = tempfile::tempdir().unwrap();
    let other = Certificate::issue(other.path()).trusted();
    assert!(connect(shown.address(), &other, &[&TLS13], &[]).is_err());
    // A client that disconnects without sending anything is no failure.
    drop(TcpStream::connect(shown.address()).unwrap());

    let counted = |metrics: &str| metrics.contains("provlog_broken_requests_total 3\n");
    assert!((0..1000).any(|_| counted(&shown.admin().get("/metrics").text)));
    let (data, folder) = (shown.data(), shown.folder);
    shown.server.stop();
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(!log.contains("panic"), "{log}");
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let bytes = store.event_bytes(store.log_size().unwrap() - 1).unwrap().unwrap();
    let event::Fact::RecorderStopped(stopped) = event::codec::decode_header(&bytes).unwrap().fact
    else {
        panic!("the last event is the stop");
    };
    assert_eq!(stopped.broken_requests, 3);
    drop(folder);
}

#[test]
fn silent_clients_delay_neither_others_nor_the_stop() {
    let shown = TlsServer::start();
    let trusted = shown.certificate.trusted();
    let begun = |first: &[u8]| {
        let mut client = TcpStream::connect(shown.address()).unwrap();
        client.write_all(first).unwrap();
        client
    };
    let silent: Vec<_> = (0..20).map(|_| begun(b"")).collect();
    // The header of a record that announces a ClientHello.
    let half: Vec<_> = (0..20).map(|_| begun(b"\x16\x03\x01\x00\xf0\x01\x00")).collect();
    let ready: Vec<_> = ["h2", "http/1.1"]
        .map(|protocol| connect(shown.address(), &trusted, &[&TLS13], &[protocol]).unwrap())
        .into();
    let scim = shown.add_app();
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    let (data, folder) = (shown.data(), shown.folder);
    shown.server.stop();
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(!log.contains("connections were still open"), "{log}");
    drop((silent, half, ready, folder));
}

/// A connection that ends without a TLS close_notify may have been cut.
#[test]
fn a_request_without_close_notify_is_recorded() {
    let shown = TlsServer::start();
    let scim = shown.add_app();
    let trusted = shown.certificate.trusted();
    let hang_up = |request_id: &str, announced: usize, body: &str| {
        let mut stream = connect(shown.address(), &trusted, &[&TLS12, &TLS13], &[]).unwrap();
        write!(
            stream,
            "POST /apps/boat/scim/v2/Users HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {}\r\nX-Request-Id: {request_id}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {announced}\r\n\r\n{body}",
            scim.token,
        )
        .unwrap();
        drop(stream.sock);
    };
    let mut expected = vec![];
    for index in 0..20 {
        let body = user(&format!("user-{index}")).to_string();
        let (whole, half) = (format!("whole-{index}"), format!("half-{index}"));
        hang_up(&whole, body.len(), &body);
        hang_up(&half, 5000, &body);
        expected.extend([(whole, 201), (half, 400)]);
    }
    let admin = shown.admin();
    for (request_id, status) in expected {
        // Poll until the server has noticed the end of the connection.
        let path = format!("/api/v1/operations?requestId={request_id}");
        let row = (0..1000).find_map(|_| admin.rows(&path).pop());
        let row = row.unwrap_or_else(|| panic!("{request_id} is not recorded"));
        assert_eq!(row["httpStatus"], status, "{row}");
    }
}

#[test]
fn a_renewed_certificate_is_used_after_sighup_and_a_bad_one_never() {
    let shown = TlsServer::start();
    let first = shown.certificate.trusted();
    let running = shown.admin();
    assert_eq!(running.get("/readyz").status, 200);

    let second = Certificate::issue(shown.folder.path()).trusted();
    assert!(shown.shows(&first) && !shown.shows(&second), "nobody said so yet");
    shown.server.hang_up();
    // Poll until the signal is handled.
    assert!((0..10_000).any(|_| shown.shows(&second)));
    assert!(!shown.shows(&first));
    assert_eq!(running.get("/readyz").status, 200, "what is open goes on");

    std::fs::write(&shown.certificate.key, "-----BEGIN PRIVATE KEY-----\nhalf").unwrap();
    shown.server.hang_up();
    let refused = |log: &str| {
        let lines = log.lines().filter(|line| line.contains("ERROR"));
        let lines: Vec<&str> = lines.collect();
        assert!(lines.len() < 2, "{log}");
        lines.iter().any(|line| line.contains("tls.key is no PEM: a section has no END line"))
    };
    assert!((0..10_000).any(|_| shown.shows(&second) && refused(&shown.server.log_lines())));
    assert!(shown.shows(&second));
    shown.server.stop();
}

#[test]
fn files_that_cannot_be_used_are_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let good = Certificate::issue(folder.path());
    let (certificate, key) = (good.file.to_str().unwrap(), good.key.to_str().unwrap());
    let data = folder.path().join("data");
    // If the server starts all the same, it ends at once, since its port is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let refuses = |flags: &[&str], variables: &[(&str, &str)], line: &str| {
        let mut command = provlog();
        command.args(["serve", "--listen", &taken, "--data"]).arg(&data);
        let output = run(command.args(flags).envs(variables.iter().copied()));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told, format!("provlog: {line}\n"));
        assert!(output.stdout.is_empty() && !data.exists(), "nothing was opened");
    };
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pair = |certificate: &str, key: &str, line: &str| {
        refuses(&["--tls-cert", certificate, "--tls-key", key], &[], line);
    };

    let no_key = format!("--tls-cert is {certificate}, but --tls-key is missing: TLS needs both");
    let no_certificate = format!("--tls-key is {key}, but --tls-cert is missing: TLS needs both");
    refuses(&["--tls-cert", certificate], &[], &no_key);
    refuses(&[], &[("PROVLOG_TLS_KEY", key)], &no_certificate);
    let settings = file("deploy.toml", &format!("tls-key = \"{key}\"\n"));
    refuses(&["--config", &settings], &[], &no_certificate);
    let checked = run(provlog().args(["config", "check", "--config", &settings]));
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");

    let absent = folder.path().join("absent.pem");
    let absent = absent.to_str().unwrap();
    let why = "cannot be read: No such file or directory (os error 2)";
    pair(absent, key, &format!("the certificate file {absent} {why}"));
    pair(certificate, absent, &format!("the key file {absent} {why}"));
    let why = "has no certificate in it (PEM)";
    pair(key, key, &format!("the certificate file {key} {why}"));
    let why = "has no private key in it (PEM; PKCS#8, PKCS#1 or SEC1, without a passphrase)";
    pair(certificate, certificate, &format!("the key file {certificate} {why}"));
    let long = file("long.pem", &" ".repeat((1 << 20) + 1));
    pair(certificate, &long, &format!("the key file {long} is longer than 1048576 bytes"));

    // An error about a key repeats nothing of it.
    let text = std::fs::read_to_string(key).unwrap();
    let one_line = file("one-line.pem", &text.replace('\n', " "));
    let why = "is no PEM: a section has no END line";
    pair(certificate, &one_line, &format!("the key file {one_line} {why}"));
    let torn = file("torn.pem", &text.replacen("KEY-----", "KEY", 1));
    let why = "is no PEM: a BEGIN line is not whole";
    pair(certificate, &torn, &format!("the key file {torn} {why}"));
    let garbled = file("garbled.pem", &text.replace('M', "\u{e9}"));
    let why = "is no PEM: a section is no Base64";
    pair(certificate, &garbled, &format!("the key file {garbled} {why}"));
    let cut = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let cut = file("cut.pem", cut);
    let why = "has a key that cannot be used (RSA of 2,048 to 4,096 bits, P-256, P-384, Ed25519)";
    pair(certificate, &cut, &format!("the key file {cut} {why}"));
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let hollow = file("hollow.pem", hollow);
    let why = "cannot be used: invalid peer certificate: BadEncoding";
    pair(&hollow, key, &format!("the certificate file {hollow} {why}"));

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = Certificate::issue(&other).key;
    let other = other.to_str().unwrap();
    let why = format!("does not fit the first certificate of {certificate}");
    pair(certificate, other, &format!("the key file {other} {why}"));
}

#[test]
fn a_world_readable_key_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::issue(folder.path());
    // The same files in the configuration file.
    let settings = folder.path().join("deploy.toml");
    let (file, key) = (certificate.file.display(), certificate.key.display());
    std::fs::write(&settings, format!("tls-cert = \"{file}\"\ntls-key = \"{key}\"\n")).unwrap();
    let flags = ["--config", settings.to_str().unwrap()];
    for (mode, warned) in [(0o640, false), (0o644, true)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&certificate.key, permissions).unwrap();
        let data = folder.path().join(format!("{mode:o}"));
        let server = Server::start_with(&data, &flags, &[]).unwrap();
        assert!(server.url.starts_with("https://"), "{}", server.url);
        let lines = server.log_lines();
        let warning = lines.lines().find(|line| line.contains("everybody on this machine"));
        assert_eq!(warning.is_some_and(|line| line.contains("tls.key")), warned, "{lines}");
    }
}

#[test]
fn a_command_trusts_the_given_authorities() {
    let shown = TlsServer::start();
    let token = shown.data().join("admin.token");
    let ca = shown.certificate.file.to_str().unwrap();
    let apps = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = provlog();
        command.args(["apps", "--server", &shown.server.url]).args(flags);
        run(command.envs(variables.iter().copied()).env("PROVLOG_TOKEN_FILE", &token))
    };
    let check = |flags: &[&str], variables: &[(&str, &str)], code: i32, words: &str| {
        let output = apps(flags, variables);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(words) && told.lines().count() <= 1, "{told}");
    };
    check(&["--ca-file", ca], &[], 0, "");
    check(&[], &[("PROVLOG_CA_FILE", ca)], 0, "");
    check(&[], &[], 1, "UnknownIssuer");
    let other = tempfile::tempdir().unwrap();
    let other = Certificate::issue(other.path());
    let (other, key) = (other.file.to_str().unwrap(), other.key.to_str().unwrap());
    check(&["--ca-file", other], &[], 1, "invalid peer certificate");
    check(&["--ca-file", key], &[], 2, "tls.key has no certificate in it (PEM)");
    check(&["--ca-file", "/nowhere/ca.pem"], &[], 2, "/nowhere/ca.pem cannot be read");
    let hollow = shown.folder.path().join("hollow.pem");
    let section = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&hollow, section).unwrap();
    check(&["--ca-file", hollow.to_str().unwrap()], &[], 2, "hollow.pem cannot be used");
}
