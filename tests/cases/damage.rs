//! Every file of a data folder is damaged in turn: a bit flips, it is truncated, or removed. Each time
//! the start refuses with a remedy, `rebuild` repairs it, the scrub reports it, or it does no harm. No
//! answer ever differs from that of the undamaged folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::repetitions;
use crate::harness::server::{Client, Server, group, provlog, run, user};

/// So small that log and rows have several tables each, and that the scrub does not wait.
const FLAGS: [&str; 6] = [
    "--memtable-bytes",
    "65536",
    "--scrub-bytes-per-second",
    "1000000000000",
    "--public-url",
    "https://audit.example",
];
const USERS: usize = 240;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A data folder as a killed server leaves it, and its answers.
struct Whole {
    folder: tempfile::TempDir,
    token: String,
    questions: Vec<String>,
    answers: Vec<Value>,
}

/// The part of an answer that never changes; `atSeq` belongs to it if the question fixes it.
fn lasting(question: &str, body: &Value) -> Value {
    let names = ["rows", "resource", "exists", "rowCount", "coverage", "changes", "atSeq"];
    let names = &names[..if question.contains("knownAt") { 7 } else { 4 }];
    names.iter().map(|name| ((*name).to_owned(), body[*name].clone())).collect()
}

impl Whole {
    fn make() -> Whole {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("whole");
        let server = Server::start_with(&data, &FLAGS, &[]).unwrap();
        let scim = server.add_app("boat");
        let scim = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &scim.token);
        let mut random = Random(1);
        let mut ids = vec![];
        for index in 0..USERS {
            let mut user = user(&format!("user-{index}"));
            let noise = |random: &mut Random| char::from(b'a' + random.below(26) as u8);
            user["title"] = (0..120).map(|_| noise(&mut random)).collect::<String>().into();
            ids.push(scim.post("/Users", &user).id());
        }
        let crew = scim.post("/Groups", &group("Crew")).id();
        for some in ids.chunks(60) {
            let members: Vec<Value> = some.iter().map(|id| json!({ "value": id })).collect();
            let add = json!([{"op": "add", "path": "members", "value": members}]);
            assert_eq!(scim.patch(&format!("/Groups/{crew}"), &add).status, 204);
        }
        for id in ids.iter().step_by(7) {
            assert_eq!(scim.delete(&format!("/Users/{id}")).status, 204);
        }
        let admin = server.admin();
        let asked = admin.get("/api/v1/operations?limit=1");
        let (at, head) = (&asked.body["generatedAt"], asked.body["atSeq"].as_u64().unwrap());
        let at = at.as_str().unwrap();
        let mut questions = vec![
            format!("/api/v1/operations?limit=1000&knownAt={at}"),
            format!("/api/v1/apps/boat/users?limit=1000&at={at}&knownAt={at}"),
            format!("/api/v1/apps/boat/groups?at={at}&knownAt={at}"),
            format!("/api/v1/apps/boat/groups/{crew}/members?limit=1000&at={at}&knownAt={at}"),
        ];
        for id in ids.iter().step_by(9) {
            questions.push(format!("/api/v1/apps/boat/users/{id}?at={at}&knownAt={at}"));
        }
        for seq in (6..head).step_by(5) {
            questions.push(format!("/api/v1/operations/{seq}"));
        }
        // The kept file covers everything before the server is killed.
        let kept_size = || {
            let text = fs::read_to_string(data.join("kept")).unwrap();
            let size = text.lines().find_map(|line| line.strip_prefix("size ")).unwrap();
            size.parse::<u64>().unwrap()
        };
        // The question adds the last event.
        while kept_size() <= head + 1 {
            std::thread::yield_now();
        }
        let token = admin.token.clone();
        server.kill();
        let mut whole = Whole { folder, token, questions, answers: vec![] };
        let server = Server::start_with(&whole.copy("undamaged"), &FLAGS, &[]).unwrap();
        let answers = whole.ask(&server).into_iter().zip(&whole.questions);
        let answers = answers.map(|((status, body), question)| {
            assert_eq!(status, 200, "{question}: {body}");
            lasting(question, &body)
        });
        whole.answers = answers.collect();
        server.kill();
        whole
    }

    fn copy(&self, name: &str) -> PathBuf {
        let (from, to) = (self.folder.path().join("whole"), self.folder.path().join(name));
        fs::create_dir_all(to.join("db")).unwrap();
        fs::create_dir_all(to.join("keys")).unwrap();
        for folder in ["", "db", "keys"] {
            for entry in fs::read_dir(from.join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
                }
            }
        }
        to
    }

    fn files(&self) -> BTreeMap<&'static str, Vec<PathBuf>> {
        let data = self.folder.path().join("whole");
        let mut kinds = BTreeMap::<_, Vec<PathBuf>>::new();
        for folder in ["", "db", "keys"] {
            let mut paths: Vec<_> = fs::read_dir(data.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            paths.sort();
            for path in paths.iter().filter(|path| path.is_file()) {
                let name = path.file_name().unwrap().to_str().unwrap();
                let kind = match name {
                    "kept" | "admin.token" | "cursor.key" | "signing.key" | "master.key" => {
                        "beside the database"
                    }
                    _ if folder == "keys" => "keys/*",
                    _ if name.ends_with(".sst") => "*.sst",
                    _ if name.ends_with(".log") => "*.log",
                    _ if name.starts_with("MANIFEST") => "MANIFEST",
                    _ if name.starts_with("OPTIONS") => "OPTIONS",
                    _ if name.starts_with("LOG") => "LOG",
                    "LOCK" => "LOCK",
                    "CURRENT" => "CURRENT",
                    "IDENTITY" => "IDENTITY",
                    _ => panic!("a file of a kind that the table does not have: {name}"),
                };
                let kind = match name {
                    "kept" => "kept",
                    "admin.token" => "admin.token",
                    "cursor.key" => "cursor.key",
                    "signing.key" => "signing.key",
                    "master.key" => "master.key",
                    _ => kind,
                };
                kinds.entry(kind).or_default().push(path.strip_prefix(&data).unwrap().to_owned());
            }
        }
        kinds
    }

    fn ask(&self, server: &Server) -> Vec<(u16, Value)> {
        let client = Client::new(&server.url, &self.token);
        let answers = self.questions.iter().map(|question| client.get(question));
        answers.map(|answer| (answer.status, answer.body)).collect()
    }

    /// Whether every question is answered. Each answer must equal that of the undamaged folder; each
    /// error must say what is damaged.
    fn is_right(&self, server: &Server, harm: &str) -> bool {
        let mut all = true;
        for ((status, body), (expected, question)) in
            self.ask(server).iter().zip(self.answers.iter().zip(&self.questions))
        {
            if *status == 200 {
                assert_eq!(&lasting(question, body), expected, "{harm}: {question}");
            } else {
                assert!(matches!(status, 500 | 503), "{harm}: {question}: {status} {body}");
                let words = body["detail"].as_str().unwrap_or_default();
                assert!(words.contains("damaged"), "{harm}: {question}: {words}");
                all = false;
            }
        }
        all
    }

    /// A repaired folder answers everything like the undamaged one, and can be written.
    fn check_mended(&self, data: &Path, harm: &str) {
        let server = Server::start_with(data, &FLAGS, &[]);
        let server =
            server.unwrap_or_else(|log| panic!("{harm}: mended, and does not start: {log}"));
        assert!(self.is_right(&server, harm), "{harm}: mended, and not all is there");
        let body = json!({ "application": "second" });
        assert_eq!(Client::new(&server.url, &self.token).post("/api/v1/apps", &body).status, 201);
        server.kill();
    }

    fn rebuild(&self, data: &Path, into: Option<&Path>) -> Result<(), String> {
        let mut command = provlog();
        command.arg("rebuild").arg("--data").arg(data);
        if let Some(into) = into {
            command.arg("--into").arg(into);
        }
        let output = run(&mut command);
        match output.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(String::from_utf8(output.stderr).unwrap()),
            _ => panic!("{output:?}"),
        }
    }

    /// The outcome for a damaged folder, as the table names it.
    fn outcome(&self, data: &Path, harm: &str) -> &'static str {
        let into = data.with_extension("new");
        match Server::start_with(data, &FLAGS, &[]) {
            Err(log) => {
                assert!(log.contains("exit status: 1"), "{harm}: {log}");
                let reason = log.lines().rfind(|line| line.starts_with("provlog: ")).unwrap();
                if reason.contains("--into NEW") {
                    match self.rebuild(data, Some(&into)) {
                        Ok(()) => self.check_mended(&into, harm),
                        Err(words) => {
                            assert!(words.contains("the log is damaged"), "{harm}: {words}");
                            return "refused: restore a backup";
                        }
                    }
                    "refused: rebuild --into"
                } else if reason.contains("`provlog rebuild --data DIR`") {
                    let rebuilt = self.rebuild(data, None);
                    rebuilt.unwrap_or_else(|words| panic!("{harm}: {reason}: {words}"));
                    self.check_mended(data, harm);
                    "refused: rebuild"
                } else if reason.contains("remove it, and the next start makes a new one") {
                    fs::remove_file(data.join("cursor.key")).unwrap();
                    self.check_mended(data, harm);
                    "refused: remove the file"
                } else {
                    assert!(reason.contains("estore"), "{harm}: {log}");
                    "refused: restore a backup"
                }
            }
            Ok(server) => {
                let all = self.is_right(&server, harm);
                let client = Client::new(&server.url, &self.token);
                let (damaged_log, damaged_rows) = loop {
                    let metrics = client.get("/metrics").text;
                    let is = |line: &str| metrics.lines().any(|one| one == line);
                    if is("provlog_scrub_rounds_total 1") {
                        let is_damaged =
                            |part: &str| is(&format!("provlog_damaged{{part=\"{part}\"}} 1"));
                        break (is_damaged("log"), is_damaged("rows"));
                    }
                };
                let verbose = client.get("/readyz?verbose").text;
                assert_eq!(verbose.contains("log: damaged"), damaged_log, "{harm}: {verbose}");
                assert_eq!(verbose.contains("rows: damaged"), damaged_rows, "{harm}: {verbose}");
                server.kill();
                match (damaged_log, damaged_rows) {
                    (true, _) => "reported: restore a backup",
                    (false, true) => {
                        let rebuilt = self.rebuild(data, None);
                        rebuilt.unwrap_or_else(|words| panic!("{harm}: {words}"));
                        self.check_mended(data, harm);
                        "reported: rebuild"
                    }
                    (false, false) => {
                        assert!(all, "{harm}: an answer is missing and nothing was reported");
                        "harmless"
                    }
                }
            }
        }
    }
}

#[test]
fn no_damaged_file_gives_a_wrong_answer() {
    let flips = repetitions("PROVLOG_TEST_FLIPS", 6) as usize;
    let whole = Whole::make();
    let files = whole.files();
    let kinds: Vec<&str> = files.keys().copied().collect();
    let mut random = Random(0x5eed);
    let mut table = BTreeMap::<(&str, &str, &str), usize>::new();
    // Tables are most of a folder, so they get half of the damage; the other files share the rest.
    let harms = (0..flips).map(|_| "a flipped bit");
    let harms = harms.chain((0..flips / 4 + 1).map(|_| "cut")).chain(kinds.iter().map(|_| "gone"));
    for (turn, harm) in harms.enumerate() {
        let kind = match harm {
            "gone" => kinds[turn - flips - (flips / 4 + 1)],
            _ if turn % 2 == 0 => "*.sst",
            _ => kinds[random.below(kinds.len())],
        };
        let path = &files[kind][random.below(files[kind].len())];
        let data = whole.copy(&format!("damaged-{turn}"));
        let mut bytes = fs::read(data.join(path)).unwrap();
        if bytes.is_empty() && harm != "gone" {
            continue;
        }
        let place = random.below(bytes.len().max(1) * 8);
        match harm {
            "a flipped bit" => bytes[place / 8] ^= 1 << (place % 8),
            "cut" => bytes.truncate(place / 8),
            _ => {}
        }
        match harm {
            "gone" => fs::remove_file(data.join(path)).unwrap(),
            _ => fs::write(data.join(path), bytes).unwrap(),
        }
        let named = format!("{harm}: {} at {}.{}", path.display(), place / 8, place % 8);
        let outcome = whole.outcome(&data, &named);
        let mut stderr = std::io::stderr();
        writeln!(stderr, "{named}: {outcome}").unwrap();
        *table.entry((kind, harm, outcome)).or_default() += 1;
        fs::remove_dir_all(&data).unwrap();
        let _ = fs::remove_dir_all(data.with_extension("new"));
    }
    let rows = table.iter().map(|((kind, harm, outcome), count)| {
        format!("| {kind:<12} | {harm:<13} | {outcome:<26} | {count:>3} |\n")
    });
    write!(std::io::stderr(), "{}", rows.collect::<String>()).unwrap();
    // Compare with the manual.
    for (kind, _, outcome) in table.keys() {
        let harmless = ["OPTIONS", "IDENTITY", "LOG", "LOCK", "admin.token"].contains(kind);
        assert!(!harmless || *outcome == "harmless", "{kind}: {outcome}");
        assert!(*kind != "kept" || *outcome == "refused: restore a backup", "{kind}: {outcome}");
        assert!(*kind != "*.log" || *outcome == "refused: restore a backup", "{kind}: {outcome}");
    }
}
