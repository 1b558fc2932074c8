//! Sessions of identity providers from `tests/scripts`: against applications of every profile, in two
//! dialects of one provider, and several providers in parallel.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use crate::harness::script::{Script, Session, Write, first_difference};
use crate::harness::server::Server;

/// A profile by its name, whether its applications have groups, and whether the server knows it yet.
struct Profile {
    name: &'static str,
    has_groups: bool,
    is_served: bool,
}

const PROFILES: [Profile; 5] = [
    Profile { name: "generic", has_groups: true, is_served: true },
    Profile { name: "hootsuite", has_groups: true, is_served: true },
    Profile { name: "hoxhunt", has_groups: false, is_served: true },
    Profile { name: "jostle", has_groups: false, is_served: true },
    Profile { name: "howspace", has_groups: true, is_served: true },
];

/// The scripts; each has a test below.
const SCRIPTS: [&str; 8] = [
    "authentik",
    "entra",
    "entra-aadoptscim062020",
    "google-workspace",
    "jumpcloud",
    "okta",
    "onelogin",
    "ping",
];

/// Plays a script against an application of each profile that it names; returns all writes.
#[track_caller]
fn check(name: &str) -> Vec<Write> {
    let script = Script::load(name);
    for profile in &script.profiles {
        assert!(PROFILES.iter().any(|known| known.name == profile), "no profile {profile}");
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let mut writes = None::<Vec<Write>>;
    for profile in PROFILES.iter().filter(|profile| profile.is_served) {
        if !script.profiles.iter().any(|wanted| wanted == profile.name) {
            continue;
        }
        let application = format!("{name}-{}", profile.name);
        let mut session =
            Session::begin(&server, &script, &application, profile.name, profile.has_groups);
        session.run().unwrap_or_else(|failure| panic!("{}: {failure}", profile.name));
        writes.get_or_insert_default().append(&mut session.writes);
    }
    server.stop();
    writes.expect("a profile that is served")
}

#[test]
fn authentik() {
    check("authentik");
}

#[test]
fn google_workspace() {
    check("google-workspace");
}

#[test]
fn jumpcloud() {
    check("jumpcloud");
}

#[test]
fn okta() {
    check("okta");
}

#[test]
fn onelogin() {
    check("onelogin");
}

#[test]
fn ping() {
    check("ping");
}

#[test]
fn every_script_has_a_test() {
    assert_eq!(Script::all(), SCRIPTS);
}

/// Entra's two dialects are equivalent: each write of one makes the same changes as that of the other.
#[test]
fn both_dialects_of_entra_are_equivalent() {
    let (legacy, newer) = (check("entra"), check("entra-aadoptscim062020"));
    assert!(legacy.len() > 20, "the scripts say what their writes are for");
    let intents = |writes: &[Write]| -> Vec<String> {
        writes.iter().map(|write| write.intent.clone()).collect()
    };
    assert_eq!(intents(&legacy), intents(&newer));
    for (one, other) in legacy.iter().zip(&newer) {
        assert_eq!(one, other);
    }
}

/// Scripts that are played in parallel. All of them create an account with the same name, and three a
/// group.
const TOGETHER: [&str; 4] = ["entra", "okta", "authentik", "google-workspace"];
/// How often; each time the sessions start at different turns.
const ROUNDS: usize = 3;

/// Providers are isolated: four concurrent sessions on one server give the same answers and events as
/// each on its own server.
#[test]
fn concurrent_providers_are_isolated() {
    let scripts = TOGETHER.map(Script::load);
    let folder = tempfile::tempdir().unwrap();
    let begin = |server: &Server, place: usize| {
        let Profile { name, has_groups, .. } = PROFILES[0];
        Session::begin(server, &scripts[place], TOGETHER[place], name, has_groups)
    };
    let alone: [String; 4] = std::array::from_fn(|place| {
        let server = Server::start(&folder.path().join(format!("alone-{place}")));
        let mut session = begin(&server, place);
        session.run().unwrap_or_else(|failure| panic!("{failure}"));
        let story = session.story().unwrap();
        server.stop();
        story
    });

    for round in 0..ROUNDS {
        let server = Server::start(&folder.path().join(format!("together-{round}")));
        let mut sessions: Vec<Session<'_>> = (0..4).map(|place| begin(&server, place)).collect();
        play_together(&mut sessions, |place| place * round * 7);
        for (session, alone) in sessions.iter().zip(&alone) {
            if let Some(difference) = first_difference(alone, &session.story().unwrap()) {
                panic!("{} in round {round}: {difference}", session.application);
            }
        }
        check_isolated(&sessions);
        server.stop();
    }
}

/// Plays sessions in turns: in each turn every started session sends one request, all at the same time.
/// `begin` gives the turn in which a session starts.
fn play_together(sessions: &mut [Session<'_>], begin: impl Fn(usize) -> usize + Sync) {
    let last = sessions.iter().map(Session::steps).enumerate();
    let turns = last.map(|(place, steps)| begin(place) + steps).max().unwrap_or_default();
    let barrier = Barrier::new(sessions.len());
    thread::scope(|scope| {
        for (place, session) in sessions.iter_mut().enumerate() {
            let (barrier, begin) = (&barrier, &begin);
            scope.spawn(move || {
                // A failed session still waits at the barrier, so that the others can finish.
                let mut failed = None;
                for turn in 0..turns {
                    barrier.wait();
                    if turn >= begin(place) && failed.is_none() {
                        failed = session.step().err();
                    }
                }
                if let Some(failure) = failed {
                    panic!("{}: {failure}", session.application);
                }
            });
        }
    });
}

/// No id of one application exists in another, and no token works for another application.
fn check_isolated(sessions: &[Session<'_>]) {
    for (place, own) in sessions.iter().enumerate() {
        for other in sessions.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, one)| one)
        {
            let ids: BTreeMap<_, _> =
                other.kept.iter().filter(|(_, value)| value.len() == 36).collect();
            assert!(!ids.is_empty());
            for (name, id) in ids {
                for collection in ["Users", "Groups"] {
                    let answer = own.scim.get(&format!("/{collection}/{id}"));
                    assert_eq!(answer.status, 404, "{name} of {}", other.application);
                }
            }
            let stranger = other.scim.with_token(&own.scim.token).get("/Users");
            assert_eq!(stranger.status, 401, "{} at {}", own.application, other.application);
        }
    }
}

/// Runs a script that must fail, and checks the message.
#[track_caller]
fn check_failure(text: &str, has_groups: bool, expected: &[&str]) {
    let failure = match Script::parse("sample", text) {
        Err(failure) => failure,
        Ok(script) => {
            let folder = tempfile::tempdir().unwrap();
            let server = Server::start(&folder.path().join("data"));
            let mut session = Session::begin(&server, &script, "boat", "generic", has_groups);
            session.run().expect_err("this script must fail")
        }
    };
    for words in expected {
        assert!(failure.contains(words), "{failure}\nhas no: {words}");
    }
}

const HEAD: &str = "profiles generic\n== Section\n";
const CREATE: &str = r#"POST /Users
{"userName": "mira.holt@fjordline.example", "title": "Bosun"}
"#;

#[test]
fn an_invalid_script_fails() {
    let check = |text: &str, expected: &[&str]| check_failure(text, true, expected);
    check("", &["sample.txt:0", "profiles"]);
    check("profiles generic\n# nothing\n", &["no request"]);
    check("== Section\nGET /Users\nstatus 200\n", &["profiles"]);
    check(&format!("{HEAD}GET /Users\n"), &["line 3", "status"]);
    check(&format!("{HEAD}GET /Users\nstatus 200\nstatus 404\n"), &["line 3", "one `status`"]);
    check(&format!("{HEAD}{CREATE}status 201\n"), &["line 3", "event"]);
    check(&format!("{HEAD}GET /Users\nstatsu 200\n"), &["sample.txt:4", "statsu 200"]);
    check(&format!("{HEAD}GET /Users\nstatus 200\nexpect 1\n"), &["sample.txt:5", "expect 1"]);
    check(&format!("{HEAD}status 200\n"), &["sample.txt:3", "no request"]);
    check(&format!("{HEAD}GET /Users\nstatus 200\nbody /id is 3\n"), &["sample.txt:5", "absent"]);
    check(&format!("{HEAD}GET /Users\nstatus 200\nbody id = 3\n"), &["sample.txt:5", "pointer"]);
    check(&format!("{HEAD}GET /Users/{{mira}}\nstatus 200\n"), &["sample.txt:3", "{mira}"]);
    check(&format!("{HEAD}GET /Users?startIndex={{startIndex}}\nstatus 200\n"), &["pages"]);
    check(&format!("{HEAD}POST /Users\n{{\"a\": }}\n"), &["sample.txt:4", "no JSON"]);
    check(&format!("{HEAD}{CREATE}status 201\nevent create applied\n+ id\n"), &[".txt:7", "PATH"]);
    check("profiles generic\n== Section (group)\n", &["sample.txt:2", "(groups)"]);
    check(&format!("{HEAD}intent look\nGET /Users\nstatus 200\n"), &["line 4", "no `intent`"]);
    check(&format!("{HEAD}GET /Users\nstatus 200\nfor n in 1..2\n"), &["no request follows"]);
    // A name that only a section about groups keeps is missing without groups.
    let groups = "profiles generic\n== A (groups)\nGET /Groups\nstatus 200\nlet id = body /id\n";
    check(&format!("{groups}== B\nGET /Users/{{id}}\nstatus 200\n"), &["sample.txt:7", "{id}"]);
}

#[test]
fn an_unmet_expectation_is_reported_with_its_line() {
    let check = |expected_lines: &str, expected: &[&str]| {
        check_failure(&format!("{HEAD}{CREATE}{expected_lines}"), true, expected);
    };
    let rest = "event create applied\n";
    check(&format!("status 200\n{rest}"), &["sample.txt:5", "expected 200", "got      201"]);
    check(&format!("{rest}status 201\n"), &[":5: event", "+ title: \"Bosun\"", "+ active: true"]);
    check("status 201\nevent update applied\n", &[":6: event", "update applied", "create applied"]);
    let body = |line: &str| format!("status 201\n{line}\n{rest}");
    check(&body("body /title = \"Mate\""), &[":6: body /title", "\"Mate\"", "\"Bosun\""]);
    check(&body("body /nickName = \"Mio\""), &[":6: body /nickName", "(absent)"]);
    check(&body("body /title absent"), &[":6: body /title", "expected (absent)"]);
    check(&body("body /schemas has 2"), &[":6: body /schemas has", "expected 2", "got      1"]);
    check(&body("header Location = {base}/Users/7"), &[":6: header location", "{base}/Users/7"]);
    check(&body("recorded /title = \"Mate\""), &[":6: recorded /title", "\"Bosun\""]);
    check(&body("let etag = header X-Version"), &[":6: header x-version is not there"]);
}

#[test]
fn pages_must_hold_everything_once() {
    let created = "status 201\nlet mira = body /id\nevent create applied\n+ active: true\n\
                   + id: \"{mira}\"\n+ title: \"Bosun\"\n\
                   + userName: \"mira.holt@fjordline.example\"\n";
    let check = |address: &str, pages: &str, expected: &[&str]| {
        let walk = format!("GET /Users?startIndex={{startIndex}}{address}\nstatus 200\n");
        check_failure(&format!("{HEAD}{CREATE}{created}{walk}pages {pages}\n"), true, expected);
    };
    check("", "2", &["sample.txt:14: pages", "expected 2", "got      1"]);
    check("&filter=active eq false", "1", &["sample.txt:12", "missing [\"{mira}\"]"]);
    check("&count=0", "1", &["sample.txt:12", "0 of them", "missing [\"{mira}\"]"]);
}

#[test]
fn without_groups_the_first_request_for_one_must_find_nothing() {
    let sections = |address: &str| {
        format!(
            "profiles generic\n== A (groups)\nGET {address}\nstatus 200\nGET /nowhere\nstatus 200\n\
             == B\nGET /Users\nstatus 200\n== C (groups)\nGET /nowhere\nstatus 200\n"
        )
    };
    check_failure(&sections("/Groups"), false, &["sample.txt:3", "expected 404", "got      200"]);
    check_failure(&sections("/Users"), false, &["sample.txt:3", "begins at /Groups"]);

    // An address below /Groups that does not exist stands for an application without groups.
    let script = Script::parse("sample", &sections("/Groups/none")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let mut session = Session::begin(&server, &script, "boat", "generic", false);
    session.run().unwrap();
    let operations = server.admin().rows("/api/v1/operations?app=boat");
    let statuses: Vec<_> = operations.iter().rev().map(|row| row["httpStatus"].as_u64()).collect();
    assert_eq!(statuses, [Some(404), Some(200)], "the rest of the sections was left out");
    server.stop();
}
