//! A small demo: its questions are answered with the facts of its script.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use company::{App, Cause, Ending, Expected, Gap, Plan, Played, Reason, Why, answer, play, table};
use event::{Clock, Timestamp};
use provlog::run::{Server, ServerConfig};
use serde_json::{Value, json};

/// 2026-03-20T17:00:00Z, a Friday.
const END: Timestamp = Timestamp(1_774_026_000_000_000);

fn plan(seed: u64) -> Plan {
    Plan { seed, days: 14, end: END, headcount: 50 }
}

/// A history that is played and served.
struct Demo {
    played: Played,
    url: String,
    token: String,
    runtime: tokio::runtime::Runtime,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Demo {
    fn start(seed: u64) -> Demo {
        let folder = tempfile::tempdir().unwrap();
        let played = play(folder.path(), &plan(seed), |_, _| {}).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (address, served) = runtime.block_on(async {
            let server = open(folder.path()).await;
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address: SocketAddr = listener.local_addr().unwrap();
            let shutdown = async {
                let _ = stopped.await;
            };
            (address, tokio::spawn(server.serve(listener, None, shutdown)))
        });
        let token = std::fs::read_to_string(folder.path().join("admin.token")).unwrap();
        let (url, token) = (format!("http://{address}"), token.trim_end().to_owned());
        Demo { played, url, token, runtime, stop, served, folder }
    }

    /// The answer to a command.
    fn answer(&self, command: &[String]) -> Value {
        answer(command, &self.url, &self.token).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let request = ureq::get(format!("{}{path}", self.url));
        let sent = request.header("Authorization", format!("Bearer {}", self.token)).call();
        sent.unwrap().body_mut().read_json().unwrap()
    }

    /// Every operation of an application, oldest first.
    fn log(&self, app: App) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/operations?app={}&limit=1000{cursor}", app.slug());
            let mut page = self.get(&path);
            rows.append(page["rows"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        rows.reverse();
        rows
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.runtime.block_on(self.served).unwrap();
        // What months of playing left is what was signed, links and rows too.
        let data = self.folder.path().to_str().unwrap();
        let arguments = ["provlog", "verify", "--data", data, "--deep"].map(Into::into);
        let (mut out, mut err) = (vec![], vec![]);
        let code = provlog::run(arguments, &mut out, &mut err);
        let told = String::from_utf8_lossy(&[out, err].concat()).into_owned();
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("All events are those that were signed ("), "{told}");
        assert!(told.contains("All rows are what the log says."), "{told}");
    }
}

async fn open(data: &Path) -> Server {
    let (registry, profiles) = scim::Profiles::built_in();
    let opened = Server::open(ServerConfig {
        pages: true,
        master: Default::default(),
        signing: provlog::signing::SigningKeys::default(),
        witnesses: vec![],
        witness_every: std::time::Duration::from_secs(60),
        sign_in: None,
        data: data.to_owned(),
        public_url: "http://audit.example".to_owned(),
        trusted_proxies: vec![],
        memtable_bytes: 1 << 20,
        registry,
        profiles,
        disk_reserve_bytes: 0,
        scrub_bytes_per_second: 0,
        clock: Clock::manual(END),
        accept_clock: false,
        clock_ahead_days_max: 365,
        upstream_secrets: None,
        read_back_after: vec![],
    });
    opened.await.unwrap()
}

/// An operation: time, name, status and flags.
#[derive(Clone, PartialEq, Debug)]
struct Fact {
    at: String,
    operation: String,
    status: u16,
    flags: Vec<String>,
}

fn facts<'a>(rows: impl IntoIterator<Item = &'a Value>) -> Vec<Fact> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let fact = |row: &Value| {
        let flags = row["flags"].as_array().unwrap().iter();
        Fact {
            at: text(row, "occurredAt"),
            operation: text(row, "operation"),
            status: row["httpStatus"].as_u64().unwrap().try_into().unwrap(),
            flags: flags.map(|one| text(one, "kind") + " " + &text(one, "path")).collect(),
        }
    };
    rows.into_iter().map(fact).collect()
}

fn scripted(operations: &[company::Operation]) -> Vec<Fact> {
    let fact = |operation: &company::Operation| {
        let flags = operation.flags.iter();
        Fact {
            at: operation.at.to_string(),
            operation: operation.name.to_owned(),
            status: operation.status,
            flags: flags.map(|flag| format!("{} {}", flag.kind.name(), flag.path)).collect(),
        }
    };
    operations.iter().map(fact).collect()
}

fn user_names(answer: &Value) -> BTreeSet<String> {
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(answer["rowCount"].as_u64(), Some(rows.len() as u64));
    rows.iter().map(|row| row["userName"].as_str().unwrap().to_owned()).collect()
}

fn shown(gap: &Gap) -> Value {
    let reason = match gap.ending {
        Ending::Stopped => "recorder stopped",
        Ending::Killed => "recorder killed",
    };
    json!({"from": gap.from.to_string(), "to": gap.to.to_string(), "reason": reason})
}

#[test]
fn the_questions_are_answered_with_the_facts_of_the_script() {
    let demo = Demo::start(1);
    let [members, timeline, unwatched] = &demo.played.questions[..] else { panic!("three") };
    let answer = |question: &company::Question| demo.answer(&question.command);

    let Expected::Members(expected) = &members.expected else { panic!("{members:?}") };
    let answered = answer(members);
    assert_eq!(&user_names(&answered), expected);
    assert!(expected.contains("mireille.okonkwo@fjordlight.example"), "{expected:?}");
    assert_eq!(answered["coverage"]["state"], "complete");

    let Expected::Timeline(expected) = &timeline.expected else { panic!("{timeline:?}") };
    let statuses: Vec<u16> = expected.iter().map(|operation| operation.status).collect();
    assert_eq!(statuses, [400, 400, 201, 200, 200, 204, 201], "the story is whole");
    let answered = answer(timeline);
    let rows = answered["rows"].as_array().unwrap();
    let (joined, mut own): (Vec<&Value>, Vec<&Value>) =
        rows.iter().partition(|row| row["resourceType"] == "Group");
    let joined: Vec<&str> =
        joined.iter().rev().filter_map(|row| row["groupName"].as_str()).collect();
    assert!(joined.starts_with(&["Customer Care"]), "{joined:?}");
    assert!(joined.contains(&"Customer Success"), "made again, the group has another name");
    let is_flagged = |row: &&Value| row["operation"] == "GET User" && row["flags"] != json!([]);
    assert!(own.iter().any(is_flagged), "and the lookups by hand: {own:?}");
    own.reverse(); // newest first
    own.retain(|row| row["operation"] != "GET User");
    assert_eq!(facts(own), scripted(expected));

    let Expected::UsersUnwatched(expected, gap) = &unwatched.expected else {
        panic!("{unwatched:?}")
    };
    let answered = answer(unwatched);
    assert_eq!(&user_names(&answered), expected);
    assert!(expected.contains("hakon.vaisanen@fjordlight.example"), "{expected:?}");
    assert_eq!(gap.ending, Ending::Killed);
    assert_eq!(answered["coverage"]["gaps"], json!([shown(gap)]));
    demo.stop();
}

/// The cause in an answer, and the candidates if it is unknown.
fn cause(answer: &Value) -> (Option<&str>, Vec<&str>) {
    let cause = &answer["resource"]["cause"];
    let candidates = cause["candidates"].as_array().unwrap().iter();
    (cause["kind"].as_str(), candidates.filter_map(Value::as_str).collect())
}

#[test]
fn the_providers_log_tells_why_the_same_request_deactivated_accounts() {
    let demo = Demo::start(1);
    let answer = |why: &Why| demo.answer(&why.command());
    let is_off = |why: &&Why| matches!(why.expected, Reason::Off(_));
    let (off, passed_over): (Vec<&Why>, Vec<&Why>) = demo.played.whys.iter().partition(is_off);
    let words = ["unassigned", "filteredOut", "softDeleted", "disabledAtSource"];
    assert_eq!(off.len(), words.len());

    // The application received the same request for all four.
    let jostle = demo.log(App::Jostle);
    let mut bodies = BTreeSet::new();
    for why in &off {
        let last = jostle.iter().rev().find(|row| {
            row["userName"] == json!(why.user_name) && row["operation"] == "PATCH User"
        });
        let id = last.unwrap()["eventId"].as_str().unwrap().to_owned();
        let operation = demo.get(&format!("/api/v1/operations/{id}"));
        bodies.insert(operation["resource"]["request"]["body"].to_string());
        assert_eq!(cause(&answer(why)), (None, words.to_vec()), "{why:?}");
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies.iter().all(|body| body.contains("\"path\":\"active\"")), "{bodies:?}");

    let imported = demo.answer(&off[0].import());
    let read = imported["read"].as_u64().unwrap();
    assert!(read > 50 && imported["new"] == read && imported["refused"] == 0, "{imported}");
    let expected = [
        ("ottilie.ferreira", Cause::Unassigned, "unassigned"),
        ("bram.szymanski", Cause::FilteredOut, "filteredOut"),
        ("noor.hallgrimsdottir", Cause::SoftDeleted, "softDeleted"),
        ("ciaran.nystrom", Cause::DisabledAtSource, "disabledAtSource"),
    ];
    for (why, (local, kind, word)) in off.iter().zip(expected) {
        assert_eq!(why.user_name, format!("{local}@fjordlight.example"));
        assert_eq!(why.expected, Reason::Off(kind));
        let answered = answer(why);
        assert_eq!(cause(&answered), (Some(word), vec![]), "{answered:#}");
        let told = table(&[(why, &answered)]);
        assert!(told.starts_with(&format!("{}  {word}\n", why.user_name)), "{told}");
        let filter = "Not passed: Employees.department NOT EQUALS 'Consultants'";
        assert_eq!(told.contains(filter), kind == Cause::FilteredOut, "{told}");
    }

    let [passed_over] = passed_over[..] else { panic!("{passed_over:?}") };
    assert_eq!(passed_over.expected, Reason::DefaultAccess);
    let imported = demo.answer(&passed_over.import());
    let counts = ["read", "new", "refused"].map(|name| imported[name].as_u64().unwrap());
    assert_eq!(counts, [2, 2, 0]);
    let told = table(&[(passed_over, &answer(passed_over))]);
    assert!(told.contains("they had the role Default Access alone"), "{told}");
    assert!(told.contains("To do: Assign a role other than Default Access"), "{told}");
    demo.stop();
}

#[test]
fn the_log_equals_the_script_and_shows_the_gaps() {
    let demo = Demo::start(2);
    let mut refusals: BTreeMap<u16, usize> = BTreeMap::new();
    for app in App::ALL {
        let recorded = facts(&demo.log(app));
        assert_eq!(recorded, scripted(&demo.played.operations[app.slug()]), "{app:?}");
        for refused in recorded.iter().filter(|fact| fact.status >= 400) {
            *refusals.entry(refused.status).or_default() += 1;
        }
    }
    assert_eq!(refusals, demo.played.refusals());
    assert!(
        [400, 401, 404, 409].iter().all(|status| refusals.contains_key(status)),
        "{refusals:?}"
    );

    let [stopped, killed] = &demo.played.gaps[..] else { panic!("{:?}", demo.played.gaps) };
    assert_eq!((stopped.ending, killed.ending), (Ending::Stopped, Ending::Killed));
    let coverage = &demo.get("/api/v1/operations?limit=1")["coverage"];
    // The server stopped and started at the same time: a gap without length.
    let gaps = coverage["gaps"].as_array().unwrap();
    let gaps: Vec<&Value> = gaps.iter().filter(|gap| gap["from"] != gap["to"]).collect();
    // With several applications a gap names its own; these concern all.
    let of_all = |gap: &Gap| {
        let mut gap = shown(gap);
        gap["application"] = Value::Null;
        gap
    };
    assert_eq!(gaps, [&of_all(stopped), &of_all(killed)]);
    for app in App::ALL {
        let log = demo.log(app);
        let within = |gap: &Gap, row: &Value| {
            let at = row["occurredAt"].as_str().unwrap();
            gap.from.to_string().as_str() < at && at < gap.to.to_string().as_str()
        };
        assert!(!log.iter().any(|row| within(stopped, row) || within(killed, row)));
    }
    demo.stop();
}

/// A refused create belongs to the person it was meant for, not to the holder of the name.
#[test]
fn the_failing_report_lists_refused_creates() {
    let demo = Demo::start(1);
    let (mut last, mut refused) = (BTreeMap::<String, u64>::new(), 0);
    for row in demo.log(App::Howspace).iter().filter(|row| row["operation"] == "POST User") {
        let operation = demo.get(&format!("/api/v1/operations/{}", row["seq"]));
        let body = &operation["resource"]["request"]["body"];
        let external_id = body["externalId"].as_str().unwrap().to_owned();
        let status = row["httpStatus"].as_u64().unwrap();
        refused += usize::from(status == 409);
        last.insert(external_id, status);
    }
    let expected: BTreeSet<&str> =
        last.iter().filter(|(_, status)| **status >= 400).map(|(name, _)| name.as_str()).collect();
    assert!(refused > 0);
    let failing = demo.get("/api/v1/reports/failing?app=howspace");
    let rows = failing["rows"].as_array().unwrap();
    let named: BTreeSet<&str> =
        rows.iter().map(|row| row["externalId"].as_str().unwrap()).collect();
    assert_eq!((named, rows.len()), (expected, last.values().filter(|one| **one >= 400).count()));
    for row in rows {
        assert_eq!((&row["userId"], &row["httpStatus"]), (&Value::Null, &json!(409)), "{row}");
        assert!(row["holderId"].is_string() && row["holderName"].is_string(), "{row}");
    }
    let rows = demo.get("/api/v1/reports/failing")["rows"].clone();
    assert!(rows.as_array().unwrap().iter().all(|row| row["userId"].is_null()), "{rows}");
    demo.stop();
}

#[test]
fn only_the_manual_mapping_and_the_old_mapping_are_flagged() {
    let demo = Demo::start(5);
    let mut flagged: BTreeSet<(&str, String, String)> = BTreeSet::new();
    for app in App::ALL {
        let recorded = facts(&demo.log(app));
        for fact in &recorded {
            for flag in &fact.flags {
                flagged.insert((app.slug(), fact.operation.clone(), flag.clone()));
            }
        }
        assert_eq!(recorded, scripted(&demo.played.operations[app.slug()]), "{app:?}");
        let has_groups = recorded.iter().any(|fact| fact.operation.ends_with(" Group"));
        assert_eq!(has_groups, matches!(app, App::Hootsuite | App::Howspace), "{app:?}");
    }
    let seen: Vec<(&str, &str, &str)> = flagged
        .iter()
        .map(|(app, operation, flag)| (*app, operation.as_str(), flag.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("howspace", "GET User", "notFilterable externalId"),
            ("jostle", "PATCH User", "outsideProfile title"),
            ("jostle", "POST User", "outsideProfile title"),
        ]
    );

    // Every account that was created under the old mapping has the flag; the last one does not.
    let tidied_at = demo.played.tidied_at.to_string();
    let jostle = facts(&demo.log(App::Jostle));
    let made = jostle.iter().filter(|fact| fact.operation == "POST User" && fact.status == 201);
    let (early, late): (Vec<&Fact>, Vec<&Fact>) = made.partition(|fact| fact.at < tidied_at);
    assert!(early.len() >= 30 && early.iter().all(|fact| !fact.flags.is_empty()), "{early:?}");
    let last = late.last().unwrap();
    assert!(last.flags.is_empty(), "{late:?}");
    demo.stop();
}

#[test]
fn a_seed_decides_the_log() {
    let logs = |seed: u64| {
        let demo = Demo::start(seed);
        let logs = App::ALL.map(|app| facts(&demo.log(app)));
        demo.stop();
        logs
    };
    let first = logs(3);
    assert_eq!(first, logs(3));
    assert_ne!(first, logs(4));
}
