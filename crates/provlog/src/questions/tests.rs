//! Checks which address a command asks, and what its heading says.

use answers::{Kind, Place, Question as _};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::*;
use crate::readable::sample::answer as answer_of;

#[derive(Parser)]
struct Provlog {
    #[command(subcommand)]
    question: Question,
}

/// What a command asks; clap's error if the command is wrong.
fn plan(arguments: &[&str]) -> Result<Plan, String> {
    let arguments = [&["provlog"], arguments, &["--token", "t"]].concat();
    let matches = add_to(Provlog::command()).try_get_matches_from(arguments);
    let matches = matches.map_err(|error| error.to_string())?;
    if let Some(asked) = find(&matches).map_err(|error| error.to_string())? {
        return asked.plan().map_err(|failure| format!("{failure:?}"));
    }
    Err("it asks nothing".to_owned())
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_command_asks_its_address_with_what_was_given() {
    let check = |line: &str, expected: &str| {
        let path = match plan(&words(line)).map_err(|error| format!("{line}: {error}")).unwrap().ask
        {
            Ask::List(list, _) => list.path,
            Ask::One(one) => one.path,
        };
        assert_eq!(path, format!("/api/v1{expected}"), "{line}");
    };
    check("users --app a --active true --at -1d", "/apps/a/users?active=true&at=-1d");
    check(
        "users --app a --at 2026-03-31 --known-at 1900 --tz Europe/Oslo",
        "/apps/a/users?at=2026-03-31&knownAt=1900&tz=Europe%2FOslo",
    );
    check("user --app a mira", "/apps/a/users/userName%3Amira");
    check(
        "user --app a mira --include-groups --nested --at -90d",
        "/apps/a/users/userName%3Amira?include=groups&nested=true&at=-90d",
    );
    check("user --app a mira --include-groups", "/apps/a/users/userName%3Amira?include=groups");
    check(
        "timeline --app a mira --from -1d --tz -03:00",
        "/apps/a/users/userName%3Amira/timeline?from=-1d&tz=-03%3A00",
    );
    check("timeline --app a --group Crew", "/apps/a/groups/displayName%3ACrew/timeline");
    check("why --app a mira --at -1d", "/apps/a/users/userName%3Amira/why?at=-1d");
    check("blame --app a mira --path title", "/apps/a/users/userName%3Amira/blame?path=title");
    check("blame --app a --group Crew", "/apps/a/groups/displayName%3ACrew/blame");
    check("groups --app a --at -1d --known-at 9", "/apps/a/groups?at=-1d&knownAt=9");
    check("group --app a Crew --at -1d", "/apps/a/groups/displayName%3ACrew?at=-1d");
    check("members --app a Crew", "/apps/a/groups/displayName%3ACrew/members");
    check("members --app a Crew --nested", "/apps/a/groups/displayName%3ACrew/members?nested=true");
    check(
        "diff --app a Crew --from -2d --to -1d --known-at -1h",
        "/apps/a/groups/displayName%3ACrew/diff?from=-2d&to=-1d&knownAt=-1h",
    );
    check("intervals --app a --group Crew", "/apps/a/groups/displayName%3ACrew/intervals");
    check(
        "intervals --app a --group Crew --user mira --from -2d",
        "/apps/a/groups/displayName%3ACrew/intervals?user=userName%3Amira&from=-2d",
    );
    check("intervals --app a --user mira", "/apps/a/users/userName%3Amira/intervals");
    check("log --app a --status failure", "/operations?app=a&status=failure");
    check("log --log directoryAudit", "/operations?log=directoryAudit");
    check(
        "log --source imported --error-code E --skip-reason S --cycle-id c --change-id h",
        "/operations?source=imported&errorCode=E&skipReason=S&cycleId=c&changeId=h",
    );
    check("operation 4182", "/operations/4182");
    check("operation 4182 --known-at 9 --tz +02:00", "/operations/4182?knownAt=9&tz=%2B02%3A00");
    let Ask::One(one) = plan(&words("operation 4182 --known-at 9")).unwrap().ask else { panic!() };
    let evidence = one.below.map(|(path, _)| path);
    let expected = "/api/v1/operations/4182/evidence?knownAt=9&limit=1000";
    assert_eq!(evidence.as_deref(), Some(expected));
    check("coverage --app a --from -2d", "/coverage?app=a&from=-2d");
    check("access-log --credential 3 --to -1d", "/access-log?credential=3&to=-1d");
    check("job paperboat --at -1d", "/jobs/paperboat?at=-1d");
    check("evidence list 4182 --known-at 9", "/operations/4182/evidence?knownAt=9");
    check("list ls --known-at 9", "/reference-lists?knownAt=9");
    check("apps", "/apps");
    check("profiles", "/profiles");
    check("token list", "/tokens");

    check("report joiners --from -2d --to -1d", "/reports/joiners?from=-2d&to=-1d");
    check(
        "report leavers --list hr --within PT4H --app a --known-at 7",
        "/reports/leavers?list=hr&within=PT4H&app=a&knownAt=7",
    );
    check("report movers --on title --tz +02:00", "/reports/movers?on=title&tz=%2B02%3A00");
    check("report reactivated --app a", "/reports/reactivated?app=a");
    check("report unapproved", "/reports/unapproved");
    check("report orphans --list staff --at -1d", "/reports/orphans?list=staff&at=-1d");
    check(
        "report overlap --app a --groups Payers,displayName:Buyers",
        "/reports/overlap?groups=displayName%3APayers%2CdisplayName%3ABuyers&app=a",
    );
    check("report failing --app a --at -1d", "/reports/failing?app=a&at=-1d");
    check("report drift --limit 7", "/reports/drift");
}

#[test]
fn a_command_takes_what_its_question_takes_and_no_more() {
    let check = |line: &str, expected: &str| {
        let error = plan(&words(line)).err().unwrap_or_else(|| panic!("{line}"));
        assert!(error.contains(expected), "{line}: {error}");
    };
    check("report joiners --at -1d", "--at");
    check("report orphans --list staff --from -1d", "--from");
    check("report orphans", "--list");
    check("report overlap --groups A,B", "--app");
    check("report overlap --app a", "--groups");
    check("report joiners --list hr", "--list");
    check("report arrivals", "arrivals");
    check("intervals --app a", "--group");
    check("user --app a mira --nested", "--include-groups");
    check("user --app a mira --csv", "--csv");
    check("users --app a --csv --json", "--json");
    check("users --app a --csv --limit 3", "--limit");
    check("operation 4182 --at -1d", "--at");
    check("evidence add 4182 --kind ticket", "--ref");
}

#[test]
fn help_tells_first_what_people_ask_first() {
    let names = |command: &clap::Command| {
        let mut all: Vec<_> = command.get_subcommands().collect();
        all.sort_by_key(|one| one.get_display_order());
        all.iter().map(|one| one.get_name().to_owned()).collect::<Vec<_>>()
    };
    let command = add_to(crate::cli::command());
    let all = names(&command);
    let place =
        |name: &str| all.iter().position(|one| one == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(all[..3], ["serve", "apps", "overview"]);
    let asked = answers::all().iter().map(|one| one.name.split(' ').next().unwrap());
    let acts = ["evidence", "list", "app", "token", "privileged", "saved"];
    let places: Vec<usize> = asked.filter(|name| !acts.contains(name)).map(place).collect();
    assert!(places.is_sorted(), "{all:?}");
    let last = [
        "import",
        "export",
        "app",
        "token",
        "login-link",
        "checkpoint",
        "proof",
        "bundle",
        "verification",
        "config",
        "rebuild",
        "scrub",
        "verify",
        "verify-evidence",
        "digest",
        "witness",
    ];
    assert_eq!(all[all.len() - last.len()..], last);
    for (parent, first) in [
        ("token", "list"),
        ("evidence", "list"),
        ("list", "ls"),
        ("app", "show"),
        ("saved", "list"),
    ] {
        let parent = command.find_subcommand(parent).unwrap();
        assert_eq!(names(parent)[0], first);
    }
    let mut once = all.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), all.len(), "a command stands twice");

    let log = command.find_subcommand("log").unwrap().clone().render_long_help().to_string();
    assert!(log.contains("--credential <ID|none>"), "{log}");
}

/// The words of a line as a POSIX shell reads them. It knows single quotes and backslashes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted, mut is_escaped) = (vec![], None, false, false);
    for one in line.chars() {
        if !is_quoted && !is_escaped && one == ' ' {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(String::new);
        match one {
            '\'' if !is_escaped => is_quoted = !is_quoted,
            '\\' if !is_quoted && !is_escaped => {
                is_escaped = true;
                continue;
            }
            one => word.push(one),
        }
        is_escaped = false;
    }
    words.extend(word);
    words
}

/// Texts that a parameter of a kind takes.
fn texts(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Text => vec!["it's a \"text\"", "-1"],
        Kind::Flag | Kind::Bool => vec!["true"],
        Kind::Choice(words) => words.iter().map(|one| one.word.as_str()).collect(),
        Kind::Number { .. } => vec!["200"],
        Kind::User | Kind::Group | Kind::Resource => {
            vec!["userName:mira lund", "id:26", "2819c223-7f76-453a-919d-413861904646"]
        }
        Kind::Groups => vec![r#"displayName:"Deck, Crew",displayName:Payers"#],
        Kind::Duration => vec!["PT4H"],
        Kind::Token => vec!["5"],
        Kind::App | Kind::ListName | Kind::QuestionName => vec!["boat"],
        Kind::AttributePath => vec!["emails[type eq \"work\"].value"],
        Kind::Instant(_) => vec!["-90d", "2026-03-31"],
        Kind::KnownAt => vec!["1842", "-1h"],
        Kind::Zone => vec!["-03:00"],
        Kind::Cursor => vec![],
    }
}

/// A page shows the command that asks its question. The two must ask the same.
#[test]
fn the_command_of_a_question_asks_that_question() {
    let mut checked = 0;
    for one in answers::all() {
        // A text in a path never begins with a dash.
        let needed = |one: &&answers::Parameter| one.is_required;
        let needed = one.parameters.iter().filter(needed);
        let needed: Vec<(&'static str, &str)> =
            needed.map(|one| (one.name, texts(&one.kind)[0])).collect();
        for parameter in one.parameters.iter().filter(|one| one.place != Place::Page) {
            let is_in_path = parameter.place == Place::Path;
            for text in texts(&parameter.kind) {
                // Of a user and a group the command asks the group, which has the same stays.
                let asks_group =
                    one.path == answers::StaysOfUser::PATH && parameter.name == "group";
                if is_in_path && text.starts_with('-') || asks_group {
                    continue;
                }
                let mut given = needed.clone();
                match given.iter_mut().find(|(name, _)| *name == parameter.name) {
                    Some(pair) => pair.1 = text,
                    None => given.push((parameter.name, text)),
                }
                if let Some(other) = &parameter.requires {
                    let other = one.parameter(other).unwrap();
                    given.push((other.name, texts(&other.kind)[0]));
                }
                let line = one.command_line(&given);
                let words = split(&line);
                let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
                let ask = plan(&words).map_err(|error| format!("{line}: {error}")).unwrap().ask;
                let asked = match ask {
                    Ask::List(list, _) => list.path,
                    Ask::One(one) => one.path,
                };
                let set = |address: &str| -> Vec<String> {
                    let (path, query) = address.split_once('?').unwrap_or((address, ""));
                    let mut all: Vec<String> = query.split('&').map(str::to_owned).collect();
                    all.sort_unstable();
                    [vec![path.to_owned()], all].concat()
                };
                let expected = described::address(one, &given);
                assert_eq!(set(&asked), set(&expected), "{line}");
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn headings_repeat_what_was_asked() {
    let check = |line: &[&str], answer: Value, expected: &str| {
        let Ask::List(list, _) = plan(line).unwrap().ask else { panic!("{line:?}") };
        assert_eq!((list.heading)(&answer_of(answer)).unwrap(), expected);
    };
    let stretch = json!({"query": {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"},
                         "atSeq": 1842, "groupName": "Deck & Crew", "attributes": [],
                         "existedBefore": true, "existsAfter": true});
    let instant = json!({"query": {"at": "2026-03-31T23:59:59.999999Z", "knownAt": "1900"},
                         "atSeq": 1842, "groupName": "Deck & Crew", "nested": true,
                         "exists": "yes", "existsSeq": 7, "privileged": true});
    let of = |words: &str| format!("{words} from 2026-03-01T00:00:00Z before 2026-04-01T00:00:00Z");
    let as_of = "as of 2026-03-31T23:59:59Z (event 1842), as known at event 1900";
    check(
        &["members", "--app", "a", "crew", "--nested"],
        instant.clone(),
        &format!("Direct and indirect members of Deck & Crew (privileged) in a {as_of}"),
    );
    check(
        &["diff", "--app", "a", "crew"],
        stretch.clone(),
        &format!("{} (event 1842)", of("Changes of the members of Deck & Crew in a")),
    );
    check(
        &["intervals", "--app", "a", "--group", "crew", "--user", "mira"],
        stretch.clone(),
        &format!("{} (event 1842)", of("Stays of user mira in Deck & Crew of a")),
    );
    check(
        &["intervals", "--app", "a", "--user", "mira"],
        stretch.clone(),
        &format!("{} (event 1842)", of("Stays of user mira in the groups of a")),
    );
    check(
        &["blame", "--app", "a", "mira", "--path", "title\u{1b}"],
        instant.clone(),
        &format!(r"What set title\u{{1b}} of user mira in a {as_of}"),
    );
    check(
        &["report", "leavers", "--list", "hr", "--within", "PT4H"],
        stretch.clone(),
        &format!("{} (event 1842)", of("Leavers by list hr within PT4H")),
    );
    let mut listed = instant.clone();
    listed["listSeq"] = json!(977);
    check(
        &["report", "orphans", "--list", "staff", "--app", "a"],
        listed,
        &format!("Active accounts of nobody on list staff (event 977) in a {as_of}"),
    );
    check(
        &["report", "overlap", "--groups", "Payers,Buyers", "--app", "a"],
        stretch.clone(),
        &format!("{} (event 1842)", of("Members at once of Payers,Buyers in a")),
    );
    check(
        &["report", "unapproved"],
        stretch.clone(),
        &format!("{}, newest first (event 1842)", of("Changes without evidence")),
    );
    check(
        &["access-log", "--app", "a"],
        stretch,
        &format!("{}, newest first (event 1842)", of("Questions that were asked about a")),
    );
}

#[test]
fn rows_name_the_application_unless_the_heading_does() {
    let check = |line: &str, expected: bool| {
        let Ask::List(list, _) = plan(&words(line)).unwrap().ask else { panic!("{line}") };
        assert_eq!(list.is_of_application, expected, "{line}");
    };
    check("log --status failure", false);
    check("log --app a", true);
    check("timeline --app a mira", true);
    check("report leavers --list hr", false);
    check("report leavers --list hr --app a", true);
    // Rows of these lists may concern all applications, so the application's column is never hidden.
    for line in ["coverage --app a", "access-log --app a"] {
        let Ask::List(list, _) = plan(&words(line)).unwrap().ask else { panic!("{line}") };
        assert_eq!(list.application, None, "{line}");
    }
}
