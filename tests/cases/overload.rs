//! Clients that read nothing, send nothing, or send slowly. Other clients are still served, memory is
//! bounded, a stop is not delayed, and the record shows when clients may have been locked out.
//!
//! `PROVLOG_TEST_OVERLOAD` is the percentage of the full load.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::harness::repetitions;
use crate::harness::server::{Client, Server, bulk, user};
use crate::harness::unread::{get, http2, is_closed, narrow, push, raise_open_files, status};

const MIB: u64 = 1 << 20;
/// The most memory of the process under the full load.
const RESIDENT_MAX: u64 = 512 * MIB;
/// The longest time that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(20);
/// A client that takes longer than this was locked out: without making room, the server frees a place
/// only when it cuts an unread connection after 30 s. How fast it is, the documentation of performance
/// says; here other tests use the same processors.
const LOCKED_OUT: Duration = Duration::from_secs(10);
/// Half of the clients hardly wait.
const MEDIAN_MAX: Duration = Duration::from_secs(1);
/// File descriptors that the server reserves besides its connections.
const FILES_RESERVED: u32 = 256;
/// The server's limit of connections, and the full load.
const PLACES: u32 = 4_096;
const UNREAD: u32 = 4_100;
const EXPORTS: u32 = 530;
const SILENT: u32 = 50;
const SLOW: u32 = 64;

#[expect(clippy::print_stdout, reason = "tools/test shows what was measured")]
fn told(measured: String) {
    println!("{measured}");
}

fn percent() -> u32 {
    repetitions("PROVLOG_TEST_OVERLOAD", 10).clamp(5, 100)
}

fn part(full: u32) -> u32 {
    full * percent() / 100
}

/// One test at a time: each uses the whole machine.
static ALONE: Mutex<()> = Mutex::new(());

struct Loaded {
    server: Server,
    scim: Client,
    /// The token of an auditor of the application.
    auditor: String,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Loaded {
    /// A server with an application whose answers are larger than what sockets hold.
    fn start(users: usize) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let files = FILES_RESERVED + part(PLACES);
        let server = Server::start_with_files(&folder.path().join("data"), files);
        let scim = server.add_app("boat");
        for from in (0..users).step_by(500) {
            let create = |index: usize| {
                let mut body = user(&format!("user-{index}"));
                body["displayName"] = json!(noise(index, 980));
                json!({"method": "POST", "path": "/Users", "bulkId": format!("{index}"), "data": body})
            };
            let operations: Value = (from..users.min(from + 500)).map(create).collect();
            assert_eq!(scim.post("/Bulk", &bulk(&operations)).status, 200);
        }
        let token = server
            .admin()
            .post("/api/v1/tokens", &json!({"role": "app-auditor", "application": "boat"}));
        let auditor =
            token.body["token"].as_str().unwrap_or_else(|| panic!("{token:?}")).to_owned();
        let address = server.url.trim_start_matches("http://").parse().unwrap();
        Loaded { server, scim, auditor, address, folder }
    }

    /// Creates by successive clients, each over a new connection. None is locked out.
    fn creates(&self, what: &str, count: usize) {
        let mut taken: Vec<Duration> = (0..count)
            .map(|index| {
                let client = self.scim.with_token(&self.scim.token);
                let watch = Stopwatch::start();
                let created = client.post("/Users", &user(&format!("{what}-{index}")));
                assert_eq!(created.status, 201, "{created:?}");
                watch.elapsed()
            })
            .collect();
        taken.sort_unstable();
        let p99 = taken[(count * 99).div_ceil(100) - 1];
        told(format!(
            "{what}: p50 {:?}, p99 {p99:?}, worst {:?}",
            taken[count / 2],
            taken[count - 1]
        ));
        let (median, worst) = (taken[count / 2], taken[count - 1]);
        assert!(median < MEDIAN_MAX, "{what}: {median:?}");
        assert!(worst < LOCKED_OUT, "{what}: {worst:?}");
    }

    /// Stops the server; returns how long that took.
    fn stop(self) -> Duration {
        let Loaded { server, folder, .. } = self;
        let watch = Stopwatch::start();
        server.stop();
        drop(folder);
        watch.elapsed()
    }

    /// The value of a metric, summed over its labels.
    fn metric(&self, name: &str) -> f64 {
        let metrics = self.server.admin().get("/metrics").text;
        let lines = metrics.lines().filter(|line| !line.starts_with('#'));
        let of_name = lines.filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        });
        of_name.sum()
    }
}

/// A text that does not compress.
fn noise(seed: usize, bytes: usize) -> String {
    let mut state = seed as u64 + 1;
    let next = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(
            b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
                [(state >> 58) as usize],
        )
    };
    (0..bytes).map(next).collect()
}

fn gaps(server: &Server) -> Vec<Value> {
    server.admin().rows("/api/v1/coverage")
}

/// The load of the whole file at once.
#[test]
fn others_get_in_while_all_of_it_goes_on() {
    let _alone = ALONE.lock();
    let wanted = u64::from(2 * part(UNREAD)) + 2_000;
    assert!(raise_open_files() >= wanted, "{wanted} open files are needed");
    let loaded = Loaded::start(3_000);
    let (address, auditor, token) = (loaded.address, &loaded.auditor, &loaded.scim.token);
    loaded.server.forget_memory_peak();
    loaded.creates("before", 50);

    let unread = |count: u32| -> Vec<TcpStream> {
        let many = get("/metrics", "").repeat(3_000);
        let open = |_| {
            let mut stream = narrow(address)?;
            push(&mut stream, &many);
            Some(stream)
        };
        (0..count).filter_map(open).collect()
    };
    let exports = || -> Vec<TcpStream> {
        let export = get("/api/v1/export?question=apps/boat/users&format=ndjson", auditor);
        let open = |_| {
            let mut stream = narrow(address)?;
            push(&mut stream, &export);
            Some(stream)
        };
        (0..part(EXPORTS)).filter_map(open).collect()
    };
    let silent = || -> Vec<TcpStream> {
        let open = |_| {
            let mut stream = narrow(address)?;
            push(&mut stream, &http2("/livez", "", 1));
            Some(stream)
        };
        (0..part(SILENT)).filter_map(open).collect()
    };
    let lists = || -> Vec<TcpStream> {
        let ask = http2("/apps/boat/scim/v2/Users?count=1000", token, 100);
        let open = |_| {
            let mut stream = narrow(address)?;
            push(&mut stream, &ask);
            Some(stream)
        };
        (0..4).filter_map(open).collect()
    };
    let slow = || -> Vec<TcpStream> {
        let mut body = format!(
            "POST /apps/boat/scim/v2/Users HTTP/1.1\r\nHost: audit.example\r\nAuthorization: Bearer \
             {token}\r\nContent-Type: application/scim+json\r\nContent-Length: 4000000\r\n\r\n"
        )
        .into_bytes();
        body.resize(body.len() + (20 << 10), b' ');
        let open = |_| {
            let mut stream = narrow(address)?;
            push(&mut stream, &body);
            Some(stream)
        };
        (0..part(SLOW)).filter_map(open).collect()
    };
    let held = thread::scope(|scope| {
        let parts = [
            scope.spawn(|| unread(part(UNREAD) / 2)),
            scope.spawn(|| unread(part(UNREAD) / 2)),
            scope.spawn(exports),
            scope.spawn(silent),
            scope.spawn(lists),
            scope.spawn(slow),
        ];
        loaded.creates("while they come", 100);
        parts.map(|part| part.join().unwrap())
    });
    loaded.creates("while they stay", 100);
    let peak = loaded.server.memory_bytes();
    told(format!("resident at most {} MiB", peak / MIB));
    assert!(peak < RESIDENT_MAX, "{} MiB", peak / MIB);

    // Three places show that clients may have been locked out.
    assert!(loaded.metric("provlog_connections_refused_total") >= 1.0);
    assert!(loaded.server.log_lines().contains("the limit of open connections is reached"));
    let is_refused = |gap: &Value| gap["reason"] == "connections refused";
    let watch = Stopwatch::start();
    while !gaps(&loaded.server).iter().any(is_refused) {
        assert!(watch.elapsed() < Duration::from_secs(70), "{:?}", gaps(&loaded.server));
    }
    let stop = loaded.stop();
    told(format!("stopped in {stop:?}"));
    assert!(stop <= STOP_MAX, "{stop:?}");
    drop(held);
}

/// Exports are produced as they are read; a client that does not read delays nobody and is cut off.
#[test]
fn exports_that_nobody_reads_hold_no_questions_up() {
    let _alone = ALONE.lock();
    let loaded = Loaded::start(3_000);
    let other = loaded.server.add_app("kite");
    let export = get("/api/v1/export?question=apps/boat/users&format=ndjson", &loaded.auditor);
    let mut held: Vec<TcpStream> = (0..40).filter_map(|_| narrow(loaded.address)).collect();
    held.iter_mut().for_each(|stream| push(stream, &export));
    let mut statuses: Vec<Option<u16>> = held.iter_mut().map(status).collect();
    statuses.sort_unstable();
    let expected = [[Some(200)].repeat(4), [Some(429)].repeat(36)].concat();
    assert_eq!(statuses, expected, "four exports of one token at once");
    let refused = loaded.server.admin().with_token(&loaded.auditor);
    let refused = refused.get("/api/v1/export?question=apps/boat/users&format=csv");
    assert_eq!(refused.status, 429, "{refused:?}");
    assert_eq!(refused.body["type"], "/problems/too-many-at-once");
    assert!(!refused.header("retry-after").is_empty());
    for _ in 0..20 {
        assert_eq!(loaded.server.admin().get("/api/v1/apps").status, 200);
        assert_eq!(other.get("/Users").status, 200);
    }
    // Another token has its own limit.
    let whole = loaded.server.admin().send(
        "GET",
        "/api/v1/export?question=apps/boat/users&format=csv",
        &[],
        b"",
    );
    assert_eq!(whole.unwrap().status, 200);
    // They are cut off, and their places are free again.
    let watch = Stopwatch::start();
    while loaded.metric("provlog_exports_under_way") > 0.0 {
        assert!(watch.elapsed() < Duration::from_secs(50), "an unread export is not cut");
    }
    assert!(watch.elapsed() > Duration::from_secs(20), "{:?}", watch.elapsed());
    assert!(
        held.iter_mut().all(is_closed) || loaded.metric("provlog_connections_cut_total") >= 4.0
    );
    let again = get("/api/v1/export?question=apps/boat/users&format=ndjson", &loaded.auditor);
    let mut stream = narrow(loaded.address).unwrap();
    push(&mut stream, &again);
    assert_eq!(status(&mut stream), Some(200));
    let stop = loaded.stop();
    assert!(stop <= STOP_MAX, "{stop:?}");
}

/// Lists that nobody reads, over connections with many streams: their memory is bounded.
#[test]
fn answers_that_nobody_reads_have_a_budget() {
    let _alone = ALONE.lock();
    let loaded = Loaded::start(5_000);
    let other = loaded.server.add_app("kite");
    loaded.server.forget_memory_peak();
    let before = loaded.server.memory_bytes();
    let ask = http2("/apps/boat/scim/v2/Users?count=5000", &loaded.scim.token, 100);
    let mut held: Vec<TcpStream> = (0..4).filter_map(|_| narrow(loaded.address)).collect();
    held.iter_mut().for_each(|stream| push(stream, &ask));
    let watch = Stopwatch::start();
    while loaded.metric("provlog_answers_refused_total") < 1.0 {
        assert!(watch.elapsed() < Duration::from_secs(60), "nothing is refused");
        assert_eq!(other.get("/Users").status, 200, "others are answered");
    }
    // A list would be refused now; a lookup by name needs no room.
    let lookup = "/Users?filter=userName%20eq%20%22user-7%22";
    assert_eq!(loaded.scim.get(lookup).body["totalResults"], 1);
    let unread = loaded.metric("provlog_answers_unread_bytes");
    assert!(unread < 80.0 * MIB as f64, "{unread} bytes of one token");
    let growth = loaded.server.memory_bytes() - before;
    told(format!("400 unread lists take {} MiB", growth / MIB));
    assert!(growth < 300 * MIB, "{} MiB", growth / MIB);
    // Refused requests are recorded like all SCIM requests, once they are answered; the metric counts
    // them earlier.
    let watch = Stopwatch::start();
    loop {
        let failed = loaded.server.admin().rows("/api/v1/operations?app=boat&status=failure");
        if failed.iter().any(|row| row["httpStatus"] == 429) {
            break;
        }
        assert!(watch.elapsed() < Duration::from_secs(60), "{:?}", failed.first());
    }
    let watch = Stopwatch::start();
    while !held.iter_mut().all(is_closed) {
        let closed: Vec<bool> = held.iter_mut().map(is_closed).collect();
        let metrics = loaded.server.admin().get("/metrics").text;
        assert!(watch.elapsed() < Duration::from_secs(60), "{closed:?} {metrics}");
        assert_eq!(other.get("/Users").status, 200);
    }
    assert_eq!(loaded.scim.get("/Users?count=5000").status, 200, "the budget is free again");
    let stop = loaded.stop();
    assert!(stop <= STOP_MAX, "{stop:?}");
}

/// Starts a server that answers every request with one body; returns its address.
fn always(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n",
        body.len()
    );
    let answer: Arc<[u8]> = [head.into_bytes(), body.into_bytes()].concat().into();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                let mut head = [0; 8 << 10];
                // The head of a GET arrives in one piece; ignore clients that disconnect.
                let _ = stream.read(&mut head).and_then(|_| stream.write_all(&answer));
            });
        }
    });
    format!("http://{address}/scim")
}

/// The same for answers of an upstream.
#[test]
fn answers_of_an_upstream_that_nobody_reads_have_a_budget() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let list = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "Resources": [],
        "padding": "x".repeat(20 << 20),
    });
    let large = always(list.to_string());
    std::fs::write(folder.path().join("upstream.token"), "for-the-application\n").unwrap();
    let body = json!({"application": "boat", "upstream": {
        "url": large, "tokenFile": folder.path().join("upstream.token"),
    }});
    let added = server.admin().post("/api/v1/apps", &body);
    assert_eq!(added.status, 201, "{added:?}");
    let token = added.body["secretToken"].as_str().unwrap();
    let address = server.url.trim_start_matches("http://").parse().unwrap();
    server.forget_memory_peak();
    let before = server.memory_bytes();
    let ask = get("/apps/boat/scim/v2/Users?count=1", token);
    let mut held: Vec<TcpStream> = (0..60).filter_map(|_| narrow(address)).collect();
    held.iter_mut().for_each(|stream| push(stream, &ask));
    let watch = Stopwatch::start();
    let refused = || {
        let rows = server.admin().rows("/api/v1/operations?app=boat");
        rows.iter().any(|row| row["httpStatus"].as_u64().is_some_and(|status| status >= 500))
    };
    while !refused() {
        assert!(watch.elapsed() < Duration::from_secs(60), "nothing is refused");
    }
    let growth = server.memory_bytes() - before;
    told(format!("60 unread answers of 20 MiB take {} MiB", growth / MIB));
    assert!(growth < 350 * MIB, "{} MiB", growth / MIB);
    let watch = Stopwatch::start();
    server.stop();
    assert!(watch.elapsed() <= STOP_MAX, "{:?}", watch.elapsed());
    drop(held);
}

/// Bodies of every interface share one budget.
#[test]
fn imports_at_once_share_the_memory_of_bodies() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    server.add_app("boat");
    let line = |index: usize| {
        let entry = json!({
            "id": format!("{index:08x}-0000-4000-8000-000000000000"),
            "activityDateTime": "2026-03-01T00:00:00Z",
            "provisioningAction": "create",
            "provisioningStatusInfo": {"status": "success"},
            "modifiedProperties": [{"displayName": "title", "newValue": "x".repeat(400)}],
            "provisioningSteps": [{"name": "x", "details": {}}, {"name": "y", "details": {}}],
            "targetIdentity": {"id": "1", "displayName": "Mira", "details": {}},
        });
        format!("{entry}\n")
    };
    let mut text = String::new();
    let mut index = 0;
    while text.len() < (8 << 20) - 2_000 {
        text.push_str(&line(index));
        index += 1;
    }
    server.forget_memory_peak();
    let before = server.memory_bytes();
    thread::scope(|scope| {
        for _ in 0..16 {
            let admin = server.admin();
            let text = text.as_bytes();
            // A client that waits too long is refused, which is fine here.
            scope.spawn(move || drop(admin.send("POST", "/api/v1/apps/boat/imports", &[], text)));
        }
    });
    let growth = server.memory_bytes() - before;
    told(format!("16 imports of 8 MiB take {} MiB", growth / MIB));
    assert!(growth < 400 * MIB, "{} MiB", growth / MIB);
    assert_eq!(server.admin().get("/readyz").status, 200);
    server.stop();
}
