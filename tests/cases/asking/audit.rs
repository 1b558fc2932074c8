//! Questions of an audit on the command line: what changed, who joined and left, what an operation was,
//! what was not watched.

use answers::{Described, Kind, Place};
use serde_json::{Value, json};

use super::{Asked, cells, second};
use crate::harness::samples::Samples;
use crate::harness::server::{Server, user};

#[test]
fn what_was_not_watched_and_who_looked_are_asked_too() {
    let mut asked = Asked::new();
    let text = asked.text(&["coverage"]);
    assert!(text.starts_with("Stretches that were not watched (event "), "{text}");
    assert!(text.ends_with("\n\nEverything was watched.\n"), "{text}");
    let data = asked.folder.path().join("data");
    asked.server.kill();
    asked.server = Server::start(&data);
    let text = asked.text(&["coverage", "--app", "paperboat"]);
    let lines: Vec<Vec<&str>> = text.lines().map(cells).collect();
    assert_eq!(lines[2], ["Application", "From", "To", "Reason"], "{text}");
    let gap = &asked.answer("/api/v1/coverage")["rows"][0];
    let ends = (second(&gap["from"]), second(&gap["to"]));
    assert_eq!(lines[4], ["all", &ends.0, &ends.1, "recorder killed"], "{text}");
    assert!(text.ends_with("\n\n1 row\n") && !text.contains("Not watched"), "{text}");

    asked.text(&["users", "--app", "paperboat"]);
    let text = asked.text(&["access-log", "--app", "paperboat", "--limit", "1"]);
    assert!(text.starts_with("Questions that were asked about paperboat, newest first (event "));
    let lines: Vec<Vec<&str>> = text.lines().map(cells).collect();
    let columns = [
        "Time",
        "Application",
        "Token",
        "Role",
        "Question",
        "HTTP",
        "Rows",
        "Export",
        "From",
        "Event",
    ];
    assert_eq!(lines[2], columns, "{text}");
    let target = "/api/v1/apps/paperboat/users?limit=100";
    assert_eq!(lines[4][3..9], ["admin", target, "200", "0", "no", "127.0.0.1"], "{text}");
    // A question about all applications is about this one too, and says so.
    asked.text(&["apps"]);
    let text = asked.text(&["access-log", "--app", "paperboat", "--limit", "1"]);
    assert_eq!(cells(text.lines().nth(4).unwrap())[1], "all", "{text}");
}

#[test]
fn what_changed_in_a_group_is_asked_in_every_way() {
    let asked = Asked::new();
    let (mira, ole) = (asked.add_user("mira"), asked.add_user("ole"));
    let crew = asked.add_group("Crew", &[mira.clone(), ole.clone()]);
    asked.add_group("All hands", std::slice::from_ref(&crew));
    let left = json!([{"op": "remove", "path": format!("members[value eq \"{ole}\"]")}]);
    assert!(asked.scim.patch(&format!("/Groups/{crew}"), &left).status < 300);
    let titled = json!([{"op": "replace", "path": "title", "value": "Boatswain"}]);
    assert!(asked.scim.patch(&format!("/Users/{mira}"), &titled).status < 300);
    let row = |text: &str, place: usize| -> Vec<String> {
        let line = text.lines().nth(4 + place).unwrap_or_else(|| panic!("{text}"));
        cells(line).into_iter().map(str::to_owned).collect()
    };

    let diff = asked.text(&["diff", "--app", "paperboat", "Crew", "--from", "-1d"]);
    assert!(diff.starts_with("Changes of the members of Crew in paperboat from 20"), "{diff}");
    let first = row(&diff, 0);
    assert_eq!((first[0].as_str(), first[1].as_str(), &first[4]), ("added", "mira", &mira));
    assert_eq!(row(&diff, 1)[..2], ["passed", "ole"], "{diff}");
    assert!(diff.contains("displayName  "), "its own attributes\n{diff}");
    assert!(diff.contains("\nThe group was not there before; it is at the end.\n2 rows"), "{diff}");

    let stays = asked.text(&["intervals", "--app", "paperboat", "--group", "Crew"]);
    assert!(stays.starts_with("Stays in Crew of paperboat (event "), "{stays}");
    assert_eq!((&*row(&stays, 0)[3], &*row(&stays, 1)[5]), ("lasts", "removed"), "{stays}");
    let own = asked.text(&["intervals", "--app", "paperboat", "--user", "ole"]);
    assert!(own.starts_with("Stays of user ole in the groups of paperboat"), "{own}");
    assert_eq!((&row(&own, 0)[0], &row(&own, 0)[6]), (&"Crew".to_owned(), &crew), "{own}");

    let nested = asked.text(&["members", "--app", "paperboat", "All hands", "--nested"]);
    assert!(nested.starts_with("Direct and indirect members of All hands"), "{nested}");
    assert_eq!(row(&nested, 0)[..3], ["mira", "active", "via 1 group"], "{nested}");
    assert_eq!(row(&nested, 1)[..3], ["Crew", "group", "direct"], "{nested}");
    let user = asked.text(&["user", "--app", "paperboat", "mira", "--include-groups", "--nested"]);
    let groups = user.split_once("\n\nGroup ").unwrap_or_else(|| panic!("{user}")).1;
    assert!(groups.contains("Crew       direct ") && groups.contains("All hands  via 1 group  "));
    let user = asked.text(&["user", "--app", "paperboat", "ole", "--include-groups"]);
    assert!(user.contains("\n\nIn no group.\n\nCreated by event "), "{user}");

    let blame = asked.text(&["blame", "--app", "paperboat", "mira", "--path", "title"]);
    assert!(blame.starts_with("What set title of user mira in paperboat as of 20"), "{blame}");
    let cells = row(&blame, 0);
    assert_eq!((&*cells[0], &*cells[1], &*cells[3]), ("title", "Boatswain", "PATCH User"));
    let blame = asked.text(&["blame", "--app", "paperboat", "--group", "Crew"]);
    assert!(blame.contains("displayName  Crew "), "{blame}");
}

#[test]
fn an_operation_is_told_whole_with_its_evidence() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    let seq = asked.json(&["log"])["rows"][0]["seq"].to_string();
    let text = asked.text(&["operation", &seq]);
    assert!(text.starts_with(&format!("Operation {seq} (")), "{text}");
    for part in [
        "\n\nOperation    POST User\n".to_owned(),
        format!("\nAbout        mira ({mira})\n"),
        "\nStatus       success (HTTP 201)\n".to_owned(),
        "\n\nChanges\nPath ".to_owned(),
        "\n\nRequest\nPOST /Users\n{\n".to_owned(),
        "\n\nResponse\n201\n".to_owned(),
        "\n\nEvidence\nNone.\n".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let ticket = ["--kind", "ticket", "--ref", "OPS-7", "--approved-by", "Ole Brandt"];
    let added = asked.text(&[&["evidence", "add", &seq], &ticket[..]].concat());
    assert!(added.starts_with(&format!("Evidence was added to operation {seq} (event ")));
    let text = asked.text(&["evidence", "list", &seq]);
    assert!(text.starts_with(&format!("Evidence of operation {seq} (event ")), "{text}");
    let row = cells(text.lines().nth(4).unwrap());
    assert_eq!(row[2..5], ["ticket", "OPS-7", "Ole Brandt"], "{text}");
    assert!(asked.text(&["operation", &seq]).contains("  OPS-7  "));
    let read = asked.json(&["operation", &seq]);
    assert_eq!(read["resource"], asked.answer(&format!("/api/v1/operations/{seq}"))["resource"]);
    asked.refused(&["operation", "999999"], 2, "Not found");
}

#[test]
fn reports_have_titles_and_rows() {
    let asked = Asked::new();
    let (mira, ole) = (asked.add_user("mira"), asked.add_user("ole"));
    asked.add_group("Payers", &[mira.clone(), ole.clone()]);
    asked.add_group("Buyers", &[mira.clone(), ole.clone()]);
    let set = |id: &str, path: &str, value: Value| {
        let patch = json!([{"op": "replace", "path": path, "value": value}]);
        assert!(asked.scim.patch(&format!("/Users/{id}"), &patch).status < 300);
    };
    set(&mira, "title", "Cook".into());
    set(&mira, "title", "Boatswain".into());
    set(&mira, "active", false.into());
    set(&mira, "active", true.into());
    set(&ole, "active", false.into());
    asked.scim.post("/Users", &user("mira"));
    let file = asked.folder.path().join("hr.csv");
    let list = "userName,terminatedAt,salary\r\nole,2026-01-31T17:00:00Z,1\r\n";
    std::fs::write(&file, list).unwrap();
    let added = asked.text(&["list", "add", "hr", file.to_str().unwrap()]);
    assert!(added.starts_with("List hr is there (event "), "{added}");
    assert!(added.contains("). Rows: 1\nColumns that no report reads: 1\nSHA-256 "), "{added}");

    let check = |line: &str, title: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let text = asked.text(&arguments);
        assert!(text.starts_with(title), "{text}");
        let answer = asked.json(&arguments);
        assert!(answer["rows"][0].is_object(), "{line}: {answer}");
    };
    check("report joiners", "Joiners (event ");
    check("report leavers", "Leavers (event ");
    check("report leavers --list hr --within P1D", "Leavers by list hr (event ");
    check("report movers --on title", "Movers by title (event ");
    check("report reactivated", "Accounts that became active again (event ");
    check("report unapproved --app paperboat", "Changes without evidence in paperboat, newest");
    check("report orphans --list hr", "Active accounts of nobody on list hr (event ");
    check(
        "report overlap --app paperboat --groups Payers,Buyers",
        "Members at once of Payers,Buyers in paperboat (event ",
    );
    check("report failing", "Those whose last write failed as of 20");
    check("users --app paperboat", "Users of paperboat");
    check("groups --app paperboat", "Groups of paperboat as of 20");
    check("members --app paperboat Payers --nested", "Direct and indirect members of Payers");
    check("diff --app paperboat Payers", "Changes of the members of Payers");
    check("intervals --app paperboat --group Payers", "Stays in Payers");
    check("blame --app paperboat mira", "What set the values of user mira");
    check("timeline --app paperboat mira", "Timeline of user mira");
    check("log", "Operations, newest first");
    check("list ls", "Reference lists (event ");
    check("apps", "Applications (event ");
    check("profiles", "Profiles");
    check("token list", "Tokens (event ");
    // The report is about all applications, so each row of its file names one.
    let csv = asked.text(&["report", "leavers", "--csv"]);
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    let added =
        ",coverage,application,how,userId,externalId,displayName,reactivatedSeq,privilegedGroups";
    assert!(lines[0].ends_with(added), "{csv}");
    assert_eq!(lines.len(), 3, "{csv}");
    let ending = ",complete,paperboat,deactivated,";
    assert!(lines[1..].iter().all(|line| line.contains(ending)), "{csv}");
    let drift = asked.text(&["report", "drift"]);
    assert!(drift.starts_with("Differences at the upstream, newest first (event "), "{drift}");
}

/// The words of a command that asks a question with no more than it needs.
fn command(one: &Described, samples: &Samples) -> Vec<String> {
    let mut words: Vec<String> = one.name.split(' ').map(str::to_owned).collect();
    for (parameter, value) in samples.needed(&one.parameters) {
        let names_one = one.path.ends_with(&format!("{{{}}}", parameter.name));
        let is_positional = parameter.place == Place::Path
            && (parameter.kind != Kind::App || names_one)
            && !one.flags.contains(&parameter.name);
        if !is_positional {
            words.push(format!("--{}", parameter.name));
        }
        words.push(value);
    }
    words
}

/// A question that is added later is a command with a table, JSON and CSV without a further word.
#[test]
fn every_question_is_a_command_with_a_table_json_and_csv_of_the_same_members() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    for name in ["Crew", "Deck"] {
        asked.add_group(name, std::slice::from_ref(&mira));
    }
    let file = asked.folder.path().join("staff.csv");
    std::fs::write(&file, "userName,terminatedAt\nmira,2026-01-31T17:00:00Z\n").unwrap();
    asked.text(&["list", "add", "staff", file.to_str().unwrap()]);
    asked.text(&["saved", "add", "weekly", "groups", "--app", "paperboat"]);
    asked.text(&["review", "add", "--outcome", "approved", "matrix", "--app", "paperboat"]);
    let samples = Samples {
        app: "paperboat",
        user: "userName:mira",
        group: "displayName:Crew",
        groups: "displayName:Crew,displayName:Deck",
        list: "staff",
        saved: "weekly",
        token: "1".to_owned(),
        operation: asked.json(&["log"])["rows"][0]["seq"].to_string(),
        review: asked.json(&["reviews"])["rows"][0]["seq"].to_string(),
    };
    for one in answers::all() {
        let words = command(one, &samples);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = asked.text(&words);
        assert!(text.lines().next().is_some_and(|title| !title.is_empty()), "{words:?}: {text}");
        let answer = asked.json(&words);
        if !one.is_list() {
            continue;
        }
        for row in answer["rows"].as_array().unwrap() {
            for member in row.as_object().unwrap().keys() {
                assert!(one.members.contains(&member.as_str()), "{words:?}: `{member}` in {row}");
            }
        }
        let output = asked.server.command(&[&words[..], &["--csv"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        // A file cannot say that it is not complete, so the terminal does.
        let is_told = output.stderr.starts_with(b"Not everything was watched.\n");
        let is_partial = answer["coverage"]["state"] == "partial";
        assert_eq!((is_told, output.stderr.is_empty()), (is_partial, !is_partial), "{output:?}");
        let csv = String::from_utf8(output.stdout).unwrap();
        let columns = one.file_columns(answer.as_object().unwrap());
        let headings: Vec<&str> = columns.iter().map(|column| column.heading.as_str()).collect();
        assert_eq!(csv.lines().next().unwrap().split(',').collect::<Vec<_>>(), headings);
        // What asks who asked has a row more each time.
        let again = asked.json(&words);
        let [before, after] = [&answer, &again].map(|one| one["rowCount"].as_u64().unwrap());
        let rows = before + (after - before) / 2;
        assert_eq!(csv.matches("\r\n").count() as u64, 1 + rows, "{words:?}: {csv}");
    }
}

#[test]
fn why_and_jobs_are_told_in_words() {
    let asked = Asked::new();
    let text = asked.text(&["job", "paperboat"]);
    assert!(text.starts_with("Provisioning of paperboat as of 20"), "{text}");
    assert!(text.contains("\n\nState              never: no request has ever arrived\n"), "{text}");
    asked.add_user("mira");
    let text = asked.text(&["job", "paperboat"]);
    assert!(text.contains("\n\nState              active: requests arrive"), "{text}");
    assert!(text.contains("\nRequests in a day  1\n"), "{text}");

    let text = asked.text(&["why", "--app", "paperboat", "mira"]);
    let answer = asked.answer("/api/v1/apps/paperboat/users/userName:mira/why")["resource"].clone();
    assert!(text.starts_with("Why user mira in paperboat as of 20"), "{text}");
    assert_eq!(text.lines().nth(2), answer["conclusion"].as_str(), "{text}");
    let nodes = answer["nodes"].as_array().unwrap();
    assert!(!nodes.is_empty(), "{answer}");
    for node in nodes {
        let word = match node["state"].as_str().unwrap() {
            "yes" => "✓ {}: yes",
            "no" => "✗ {}: no",
            "unknown" => "? {}: unknown",
            "notObservable" => "· {}: Not observable",
            other => panic!("{other}"),
        };
        let name = match node["name"].as_str().unwrap() {
            "knownToSource" => "known to the source",
            "scopeFilters" => "scope filters",
            "stillSo" => "still so",
            name => name,
        };
        let start = word.replace("{}", name);
        assert!(text.lines().any(|line| line.starts_with(&start)), "{start} in\n{text}");
    }
}
