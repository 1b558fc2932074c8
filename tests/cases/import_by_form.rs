//! A browser imports a provider's log by a form: what it sends, what the page says, and who may.

use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use event::{Fact, Seq, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::imports::FORMS;
use crate::harness::in_process::{InProcess, START};

const OWN: &str = "http://audit.example";
const BOUNDARY: &str = "-----------------------------7";

/// A browser with a session.
struct Browser<'a> {
    server: &'a InProcess,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn new(server: &'a InProcess, token: &str) -> Browser<'a> {
        let request = Request::post("/login")
            .header("origin", OWN)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("token={token}")));
        let response = server.request(request.unwrap()).await;
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        Browser { server, cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    async fn get(&self, path: &str) -> Response<String> {
        let request =
            Request::get(path).header("accept", "text/html").header("cookie", &self.cookie);
        self.server.request(request.body(Body::empty()).unwrap()).await
    }

    /// The token of the forms of a page; none if it has no form that acts.
    async fn form_token(&self, path: &str) -> Option<String> {
        let page = self.get(path).await;
        let (_, rest) = page.body().split_once("enctype=\"multipart/form-data\"")?;
        let (_, rest) = rest.split_once("name=\"csrf\" value=\"")?;
        Some(rest.split('"').next().unwrap().to_owned())
    }

    fn posting(&self, app: &str, body: Body) -> Request<Body> {
        Request::post(format!("/apps/{app}/imports"))
            .header("accept", "text/html")
            .header("cookie", &self.cookie)
            .header("origin", OWN)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)
            .unwrap()
    }

    async fn post(&self, app: &str, parts: &[Part<'_>]) -> Response<String> {
        self.server.request(self.posting(app, Body::from(form(parts)))).await
    }

    /// Sends the form of the page with files, and returns the page of the import.
    async fn send(&self, app: &str, fields: &[Part<'_>], files: &[(&str, Vec<u8>)]) -> String {
        let csrf = self.form_token(&format!("/apps/{app}/imports")).await.unwrap();
        let mut parts = vec![("csrf", None, csrf.as_bytes())];
        parts.extend(files.iter().map(|(name, bytes)| ("file", Some(*name), &bytes[..])));
        parts.extend(fields);
        let sent = self.post(app, &parts).await;
        assert_eq!(sent.status(), 303, "{}", sent.body());
        sent.headers()["location"].to_str().unwrap().to_owned()
    }

    /// The page of an import once that has ended.
    async fn ended(&self, page: &str) -> String {
        let told = self.get(&format!("{page}/progress")).await;
        assert_eq!(told.headers()["content-type"], "text/event-stream");
        let ended = told.body().ends_with("event: end\ndata: ended\n\n");
        assert!(ended, "{}", told.body());
        let page = self.get(page).await;
        assert_eq!(page.status(), 200);
        assert!(!page.body().contains("data-stream"), "{}", page.body());
        page.into_body()
    }

    /// Imports files and returns the page that tells what came of them.
    async fn import(&self, app: &str, fields: &[Part<'_>], files: &[(&str, Vec<u8>)]) -> String {
        let page = self.send(app, fields, files).await;
        self.ended(&page).await
    }
}

/// A field of a form: its name, that of the file, and its content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = vec![];
    for (name, file, bytes) in parts {
        let file = file.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = "Content-Disposition: form-data; name=";
        body.extend(format!("--{BOUNDARY}\r\n{head}\"{name}\"{file}\r\n\r\n").into_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    body
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn entry(id: &str, principal: &str) -> String {
    json!({"id": id, "activityDateTime": "2026-02-14T08:02:11Z", "provisioningAction": "create",
        "provisioningStatusInfo": {"status": "success"},
        "servicePrincipal": {"id": principal},
        "sourceIdentity": {"id": format!("s-{id}"), "identityType": "User"},
        "targetIdentity": {"id": format!("t-{id}")}})
    .to_string()
        + "\n"
}

fn entries(count: usize) -> Vec<u8> {
    (0..count).map(|at| entry(&format!("e{at}"), "sp")).collect::<String>().into_bytes()
}

/// The one sentence with the counts on a page.
fn summary(page: &str) -> &str {
    page.split_once("<p class=\"count\">").unwrap().1.split('<').next().unwrap()
}

async fn open(folder: &tempfile::TempDir) -> InProcess {
    InProcess::open(&folder.path().join("data"), START).await
}

/// The requests of imports since an event.
fn batches(server: &InProcess, since: Seq) -> usize {
    let is_batch = |event: &&event::Event| matches!(event.header.fact, Fact::ImportBatch(_));
    server.events_from(since).iter().filter(is_batch).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_is_imported_once_by_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    // After the entries of the files.
    let now = Timestamp(START.0 + 250 * 86_400_000_000);
    let server = InProcess::open(&folder.path().join("data"), now).await;
    let browser = Browser::new(&server, &server.admin_token).await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/import");
    let table = "TenantId;TimeGenerated [UTC];Id;ProvisioningAction;ResultType\r\n\
         t;2026-02-14 08:02:11;one;Create;Success\r\n\
         t;2026-02-14 08:02:12;two;Update;Success\r\n\
         t;2026-02-14 08:02:13;three;Update;Success\r\n";
    let read = |name: &&'static str| (*name, std::fs::read(data.join(name)).unwrap());
    let forms = FORMS.map(|(form, files)| (form, files.iter().map(read).collect::<Vec<_>>()));
    let table = ("log-analytics-csv", vec![("query_data.csv", table.as_bytes().to_vec())]);
    for (form, files) in forms.into_iter().chain([table]) {
        server.add_app(form).await;
        // The entries of this file are all of 3/9/2026, which may be in March or in September.
        let fields: &[Part<'_>] =
            if form == "portal-csv" { &[("dates", None, b"mdy")] } else { &[] };
        let page = browser.import(form, fields, &files).await;
        let read: u64 = summary(&page).split(' ').next().unwrap().parse().unwrap();
        assert!(page.contains("done") && read >= 3, "{form}: {page}");
        assert_eq!(
            summary(&page),
            format!("{read} read: {read} new, 0 known, 0 refused"),
            "{form}"
        );

        let path = format!("/api/v1/apps/{form}/imports");
        let imports = server.admin("GET", &path, &Value::Null).await.body;
        assert_eq!(imports["rows"][0]["new"], json!(read), "{form}: {imports}");

        let packed: Vec<_> = files.iter().map(|(name, bytes)| (*name, packed(bytes))).collect();
        let again = browser.import(form, fields, &packed).await;
        assert_eq!(
            summary(&again),
            format!("{read} read: 0 new, {read} known, 0 refused"),
            "{form}"
        );
        let imports = server.admin("GET", &path, &Value::Null).await.body;
        assert_eq!((&imports["rowCount"], &imports["rows"][0]["known"]), (&json!(2), &json!(read)));
    }
    let page = browser.import("portal-csv", &[], &[("a.csv", read_portal(&data))]).await;
    assert!(page.contains("say which with the field Order of dates"), "{page}");
    server.close().await;
    assert_eq!(folder.path().join("data").read_dir().unwrap().filter(is_temporary).count(), 0);
}

fn read_portal(data: &Path) -> Vec<u8> {
    std::fs::read(data.join("portal-csv.ProvisioningLogs.csv")).unwrap()
}

fn is_temporary(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let browser = Browser::new(&server, &server.admin_token).await;
    let set = json!({"servicePrincipal": "sp"});
    assert_eq!(server.admin("PATCH", "/api/v1/apps/raft", &set).await.status, 200);

    let mixed = entry("a", "sp") + &entry("b", "other") + "{\"id\": broken}\n" + &entry("c", "sp");
    let name = "C:\\logs\\<script>alert(1)<b>\u{202e}.ndjson";
    let page = browser
        .import("raft", &[], &[(name, mixed.into_bytes()), ("x.txt", b"hello".into())])
        .await;
    assert!(!page.contains("<script>alert") && !page.contains("C:\\logs"), "{page}");
    assert_eq!(summary(&page), "4 read: 2 new, 0 known, 1 refused, of other applications: 1");
    let shown = html(&page);
    for told in [
        "in part 1 of 2 files were not imported, one record was refused.",
        "kept out of other: 1",
        "&#60;script&#62;alert(1)&#60;b&#62;\\u{202e}.ndjson:3: ",
        "x.txt: this is no log of Microsoft Entra that is known",
        "A refused record stays out.",
        "provlog app set raft --service-principal ID",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }

    let page = browser.import("raft", &[], &[("hello.txt", b"hello".into())]).await;
    assert!(html(&page).contains("failed None of the files was imported."), "{page}");
    let bomb = packed(&vec![b' '; 128 << 20]);
    let page = browser.import("raft", &[], &[("bomb.gz", bomb)]).await;
    assert!(page.contains("unpacks to more than 250 times its size"), "{page}");
    let page = browser.import("raft", &[("form", None, b"audit")], &[("e", entries(1))]).await;
    assert!(summary(&page).starts_with("1 read: 0 new, 0 known, 1 refused"), "{page}");
    assert!(html(&page).contains("failed One record was refused."), "{page}");
    server.close().await;
}

/// A page without its tags and without marks that do not show.
fn html(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push(' ');
    }
    let text = text.replace('\u{202e}', "");
    text.split_whitespace()
        .filter(|word| !["✓", "✗", "!", "○"].contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_says_too_little_or_too_much_is_shown_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let browser = Browser::new(&server, &server.admin_token).await;
    let csrf = browser.form_token("/apps/raft/imports").await.unwrap();
    let csrf = ("csrf", None, csrf.as_bytes());
    let head = server.events().len() as Seq;
    let file: Part<'_> = ("file", Some("a.ndjson"), &entries(1));
    let check = async |parts: &[Part<'_>], wrong: &str| {
        let told = browser.post("raft", parts).await;
        assert_eq!(told.status(), 200);
        assert!(told.body().contains(wrong), "{wrong}: {}", told.body());
        assert!(told.body().contains("enctype=\"multipart/form-data\""), "the form is shown again");
    };
    check(&[csrf], "Choose a file.").await;
    check(&[csrf, ("file", Some(""), b"")], "Choose a file.").await;
    check(&[&[csrf][..], &[file; 21]].concat(), "The form takes 20 files at once").await;
    check(&[csrf, file, ("form", None, b"xml")], "The format is one of").await;
    check(&[csrf, file, ("dates", None, b"ymd")], "The order of dates is").await;

    let mut large = browser.posting("raft", Body::from(form(&[csrf, file])));
    large.headers_mut().insert("content-length", (2_u64 << 30).into());
    let told = server.request(large).await;
    assert!(
        told.body().contains("too large for the form, which takes 1 GiB at most"),
        "{}",
        told.body()
    );
    assert!(told.body().contains("provlog import --app raft FILE"), "{}", told.body());

    let nowhere = browser.post("nowhere", &[csrf, file]).await;
    assert_eq!(nowhere.status(), 404);
    assert_eq!(batches(&server, head), 0);
    let unknown = browser.get("/apps/raft/imports/1f").await;
    assert_eq!(unknown.headers()["location"], "/apps/raft/imports");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_from_an_admin_and_from_our_own_page_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let admin = Browser::new(&server, &server.admin_token).await;
    let csrf = admin.form_token("/apps/raft/imports").await.unwrap();
    let csrf: Part<'_> = ("csrf", None, csrf.as_bytes());
    let file: Part<'_> = ("file", Some("a.ndjson"), &entries(1));
    let head = server.events().len() as Seq;
    for parts in [&[file][..], &[("csrf", None, b"x"), file], &[file, csrf]] {
        assert_eq!(admin.post("raft", parts).await.status(), 403);
    }
    let mut foreign = admin.posting("raft", Body::from(form(&[csrf, file])));
    foreign.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
    assert_eq!(server.request(foreign).await.status(), 403);
    let mut nobody = admin.posting("raft", Body::from(form(&[csrf, file])));
    nobody.headers_mut().remove("cookie");
    nobody.headers_mut().insert("accept", "*/*".parse().unwrap());
    assert_eq!(server.request(nobody).await.status(), 401);
    assert_eq!(batches(&server, head), 0);

    let job = admin.send("raft", &[], &[("a.ndjson", entries(3))]).await;
    admin.ended(&job).await;
    let head = server.events().len() as Seq;
    for (role, of) in [("auditor", Value::Null), ("app-auditor", json!("raft"))] {
        let mut token = json!({"role": role});
        if !of.is_null() {
            token["application"] = of;
        }
        let token = server.admin("POST", "/api/v1/tokens", &token).await.body["token"].clone();
        let reader = Browser::new(&server, token.as_str().unwrap()).await;
        let list = reader.get("/apps/raft/imports").await;
        assert!(list.status() == 200 && list.body().contains("Imports into raft"), "{role}");
        assert!(list.body().contains("1 row"), "{role}: {}", list.body());
        assert_eq!(reader.form_token("/apps/raft/imports").await, None, "{role}");
        // A form of another page of the session has a token, too.
        let page = reader.get("/").await;
        let (_, rest) = page.body().split_once("name=\"csrf\" value=\"").unwrap();
        let own = rest.split('"').next().unwrap();
        let sent = reader.post("raft", &[("csrf", None, own.as_bytes()), file]).await;
        assert_eq!(sent.status(), 403, "{role}");
        for page in [job.clone(), format!("{job}/progress")] {
            assert_eq!(reader.get(&page).await.status(), 403, "{role}: {page}");
        }
    }
    assert_eq!(batches(&server, head), 0);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_stops_with_its_session_and_when_somebody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let all = 60_000;
    let log = packed(&entries(all));
    let token = server.admin("POST", "/api/v1/tokens", &json!({"role": "admin"})).await.body;
    let other = Browser::new(&server, token["token"].as_str().unwrap()).await;
    let job = other.send("raft", &[], &[("a.ndjson.gz", log.clone())]).await;
    let path = format!("/api/v1/tokens/{}", token["id"].as_str().unwrap());
    assert!(server.admin("DELETE", &path, &Value::Null).await.status < 300);
    let admin = Browser::new(&server, &server.admin_token).await;
    let page = admin.ended(&job).await;
    assert!(page.contains("The session has ended, or its token was revoked."), "{page}");

    let job = admin.send("raft", &[], &[("a.ndjson.gz", log.clone())]).await;
    let page = admin.get(&job).await;
    assert!(page.body().contains("http-equiv=\"refresh\""), "without a script it is loaded anew");
    let (_, rest) = page.body().split_once("/stop\" method=\"post\"").unwrap();
    let csrf = rest.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap();
    let stop = |csrf: &str| {
        Request::post(format!("{job}/stop"))
            .header("cookie", &admin.cookie)
            .header("origin", OWN)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("csrf={csrf}")))
            .unwrap()
    };
    assert_eq!(server.request(stop("x")).await.status(), 403);
    assert_eq!(server.request(stop(csrf)).await.status(), 303);
    let page = admin.ended(&job).await;
    assert!(page.contains("Somebody stopped it. What was imported before stays"), "{page}");
    let path = "/api/v1/apps/raft/imports";
    let imports = server.admin("GET", path, &Value::Null).await.body;
    let new = |row: &Value| row["new"].as_u64().unwrap();
    let so_far: u64 = imports["rows"].as_array().unwrap().iter().map(new).sum();
    assert!(so_far < all as u64, "{imports}");

    // What was imported is recognised.
    let page = admin.import("raft", &[], &[("a.ndjson.gz", log)]).await;
    let left = all as u64 - so_far;
    assert_eq!(summary(&page), format!("{all} read: {left} new, {so_far} known, 0 refused"));
    server.close().await;
}

/// A body that arrives as a test sends it.
struct Arriving(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_form_is_a_use_of_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let browser = Browser::new(&server, &server.admin_token).await;
    let csrf = browser.form_token("/apps/raft/imports").await.unwrap();
    let csrf: Part<'_> = ("csrf", None, csrf.as_bytes());
    let whole = Bytes::from(form(&[csrf, ("file", Some("a.ndjson"), &entries(2))]));
    let (begun, rest) = (whole.slice(..whole.len() - 40), whole.slice(whole.len() - 40..));
    let later = |minutes: i64| Timestamp(server.clock.now().0 + minutes * 60_000_000);
    // The page was open for long when its form was sent.
    server.clock.set(later(50));
    let (sender, receiver) = mpsc::channel(1);
    let sent = server.begun(browser.posting("raft", Body::new(Arriving(receiver))));
    let arriving = async {
        sender.send(Ok(begun)).await.unwrap();
        // It is taken once all before it was read.
        sender.send(Ok(Bytes::new())).await.unwrap();
        sender.reserve().await.unwrap();
        server.clock.set(later(45));
        sender.send(Ok(rest)).await.unwrap();
        drop(sender);
    };
    let (sent, ()) = tokio::join!(sent, arriving);
    assert_eq!(sent.status(), 303);
    // From here on the session has its hour.
    server.clock.set(later(45));
    let page = sent.headers()["location"].to_str().unwrap();
    assert!(summary(&browser.ended(page).await).starts_with("2 read: 2 new"));
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_leaves_nothing_and_few_arrive_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(&folder).await;
    server.add_app("raft").await;
    let browser = Browser::new(&server, &server.admin_token).await;
    let csrf = browser.form_token("/apps/raft/imports").await.unwrap();
    let csrf: Part<'_> = ("csrf", None, csrf.as_bytes());
    let log = entries(2);
    let whole = Bytes::from(form(&[csrf, ("file", Some("a.ndjson"), &log)]));
    let begun = whole.slice(..whole.len() - 40);
    let head = server.events().len() as Seq;

    let mut arriving = vec![];
    for _ in 0..2 {
        let (sender, receiver) = mpsc::channel(1);
        let sent = server.begun(browser.posting("raft", Body::new(Arriving(receiver))));
        let sent = Box::pin(sent);
        arriving.push((sender, sent));
    }
    let [(one, first), (other, second)] = <[_; 2]>::try_from(arriving).ok().unwrap();
    let third = async {
        for sender in [&one, &other] {
            sender.send(Ok(begun.clone())).await.unwrap();
            // It is taken once all before it was read.
            sender.send(Ok(Bytes::new())).await.unwrap();
            sender.reserve().await.unwrap();
        }
        let third = browser.post("raft", &[csrf, ("file", Some("a.ndjson"), &log)]).await;
        assert!(third.body().contains("Other files are being imported"), "{}", third.body());
        let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "gone");
        one.send(Err(broken)).await.unwrap();
        other.send(Ok(whole.slice(whole.len() - 40..))).await.unwrap();
        drop((one, other));
    };
    let (first, second, ()) = tokio::join!(first, second, third);
    assert_eq!(first.status(), 400);
    let page = second.headers()["location"].to_str().unwrap();
    assert!(summary(&browser.ended(page).await).starts_with("2 read: 2 new"));
    assert_eq!(batches(&server, head), 1, "what broke off was not imported");
    let page = browser.import("raft", &[], &[("a.ndjson", log.clone())]).await;
    assert_eq!(summary(&page), "2 read: 0 new, 2 known, 0 refused");
    server.close().await;
}
