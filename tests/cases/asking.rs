//! Questions on the command line: output for people, output for programs, and errors.

mod audit;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, group, user};

/// A server with two applications; the questions are about the first.
struct Asked {
    server: Server,
    scim: Client,
    folder: tempfile::TempDir,
}

impl Asked {
    fn new() -> Asked {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        let scim = server.add_app("paperboat");
        server.add_app("dinghy");
        Asked { server, scim, folder }
    }

    /// The output of a command.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.server.command(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The server's answer over HTTP.
    fn answer(&self, path: &str) -> Value {
        self.server.admin().get(path).body
    }

    fn refused(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.server.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let line = std::str::from_utf8(&output.stderr).unwrap();
        assert!(line.contains(words), "{line}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }

    fn add_user(&self, name: &str) -> String {
        let mut body = user(name);
        body["displayName"] = format!("{name} of the boat").into();
        self.scim.post("/Users", &body).id()
    }

    fn add_group(&self, name: &str, members: &[String]) -> String {
        let mut body = group(name);
        body["members"] = members.iter().map(|id| json!({"value": id})).collect();
        self.scim.post("/Groups", &body).id()
    }
}

/// The cells of a line.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

/// An answer without what differs each time: every question adds an event.
fn lasting(mut answer: Value) -> Value {
    for name in ["generatedAt", "atSeq", "head"] {
        answer.as_object_mut().unwrap().remove(name);
    }
    answer["query"].as_object_mut().unwrap().remove("at");
    answer
}

/// A time in an answer, as tables show it.
fn second(time: &Value) -> String {
    format!("{}Z", time.as_str().unwrap().split('.').next().unwrap())
}

#[test]
fn members_are_read_as_a_table_and_as_json() {
    let asked = Asked::new();
    let (mira, ole) = (asked.add_user("mira"), asked.add_user("ole"));
    let inactive = json!([{"op": "replace", "path": "active", "value": false}]);
    assert!(asked.scim.patch(&format!("/Users/{ole}"), &inactive).status < 300);
    let crew = asked.add_group("Crew", &[mira.clone(), ole.clone()]);
    let path = format!("/api/v1/apps/paperboat/groups/{crew}/members");
    let answer = asked.answer(&path);

    let text = asked.text(&["members", "--app", "paperboat", &crew]);
    let lines: Vec<&str> = text.lines().collect();
    let head = lines[0].strip_prefix("Members of Crew in paperboat as of 20").expect(&text);
    // The previous question is an event too.
    let at_seq = answer["atSeq"].as_u64().unwrap() + 1;
    assert!(head.ends_with(&format!("Z (event {at_seq})")), "{text}");
    assert_eq!(lines[1], "");
    let columns = ["User name", "Display name", "Account", "Member since", "Event", "Id"];
    assert_eq!(cells(lines[2]), columns);
    assert!(lines[3].chars().all(|char| char == '─'), "{text}");
    let since = second(&answer["rows"][0]["memberSince"]);
    let seq = answer["rows"][0]["addedBySeq"].to_string();
    assert_eq!(cells(lines[4]), ["mira", "mira of the boat", "active", &since, &seq, &mira]);
    assert_eq!(cells(lines[5]), ["ole", "ole of the boat", "inactive", &since, &seq, &ole]);
    assert_eq!(lines[4].find(&mira), lines[5].find(&ole), "columns stand straight\n{text}");
    assert_eq!(lines[6..], ["", "2 rows"], "{text}");
    assert!(lines[2..].iter().all(|line| line.chars().count() <= 120), "{text}");

    let read = asked.json(&["members", "--app", "paperboat", &crew]);
    assert_eq!(lasting(read), lasting(asked.answer(&path)));

    // Before the recorder there is a gap, not "no access".
    let before = asked.text(&["members", "--app", "paperboat", &crew, "--at", "-90d"]);
    assert!(before.contains("(before the first event)"), "{before}");
    assert!(before.contains("The group was not there yet; event"), "{before}");
    assert!(before.contains("0 rows; not everything was watched\n"), "{before}");
    assert!(before.contains("\nNot watched: the beginning to 20"), "{before}");
    assert!(before.ends_with("Z (before the record began)\n"), "{before}");

    assert_eq!(asked.scim.delete(&format!("/Groups/{crew}")).status, 204);
    let after = asked.text(&["members", "--app", "paperboat", &crew]);
    assert!(after.contains("The group was deleted by event"), "{after}");
    assert!(after.ends_with("\n0 rows\n"), "{after}");
}

#[test]
fn users_are_paged_to_the_end_and_escaped_for_a_terminal() {
    let asked = Asked::new();
    let evil = "ev\u{1b}[2J\u{9b}il\r\nroot";
    let mut body = user("evil");
    body["displayName"] = evil.into();
    let id = asked.scim.post("/Users", &body).id();
    for number in 0..11 {
        asked.add_user(&format!("user-{number:02}"));
    }

    let some = asked.text(&["users", "--app", "paperboat", "--limit", "3"]);
    assert!(some.starts_with("Users of paperboat as of 20"), "{some}");
    assert!(some.ends_with("\n\n3 of 12 rows (--all shows the rest)\n"), "{some}");
    assert!(some.contains(r"ev\u{1b}[2J\u{9b}il\r\nroot"), "{some}");
    assert!(!some.contains(|char: char| char.is_control() && char != '\n'), "{some:?}");
    assert_eq!(some.lines().count(), 9, "{some}");
    let all = asked.text(&["users", "--app", "paperboat", "--all"]);
    assert!(all.ends_with("\n\n12 rows\n"), "{all}");
    assert_eq!(all.matches(" of the boat").count(), 11, "{all}");

    let raw = asked.server.command(&["users", "--app", "paperboat", "--json", "--limit", "1"]);
    let raw = String::from_utf8(raw.stdout).unwrap();
    assert!(!raw.trim_end().contains(char::is_control), "{raw:?}");
    let read: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(read["rows"][0]["displayName"], evil);
    assert!(read["next"].is_string() && read["rowCount"] == 12, "{read}");

    let shown = asked.text(&["user", "--app", "paperboat", &id]);
    assert!(shown.contains(r"displayName  "), "{shown}");
    assert!(shown.contains(r"ev\u{1b}[2J\u{9b}il\r\nroot"), "{shown}");
    // Text of the user and of the server is escaped too.
    asked.refused(&["users", "--app", "paperboat", "--at", "\u{1b}c"], 2, "Invalid parameter: ");

    let active = asked.text(&["users", "--app", "paperboat", "--active", "false"]);
    assert!(active.starts_with("Users that are not active of paperboat as of "), "{active}");
    assert!(active.ends_with("\n\n0 rows\n"), "{active}");
    let active = asked.json(&["users", "--app", "paperboat", "--active", "true"]);
    assert_eq!(active["rowCount"], 12);
}

#[test]
fn all_pages_are_one_answer() {
    let asked = Asked::new();
    // More than the server's largest page.
    let rows: Vec<Value> = (0..1_050)
        .map(|number| {
            let data = user(&format!("u{number}"));
            json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
        })
        .collect();
    for part in rows.chunks(350) {
        let answer = asked.scim.post("/Bulk", &crate::harness::server::bulk(&part.into()));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let all = asked.json(&["users", "--app", "paperboat", "--all"]);
    assert_eq!(all["rows"].as_array().unwrap().len(), 1_050);
    assert_eq!(all["rowCount"], 1_050);
    assert_eq!(all["next"], Value::Null);
    assert_eq!(all["query"]["cursor"], Value::Null);
    assert_eq!(all["coverage"]["state"], "complete");
    let ids: std::collections::BTreeSet<&str> =
        all["rows"].as_array().unwrap().iter().map(|row| row["userId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1_050, "every row once");
    let some = asked.json(&["users", "--app", "paperboat", "--limit", "1020"]);
    assert_eq!(some["rows"].as_array().unwrap()[..], all["rows"].as_array().unwrap()[..1_020]);
    assert!(some["next"].is_string(), "there is more");

    let text = asked.text(&["users", "--app", "paperboat", "--all"]);
    assert!(text.ends_with("\n\n1,050 rows\n"));
    assert_eq!(text.matches("User name").count(), 1, "one head over all pages");
    let id_at: std::collections::BTreeSet<usize> =
        text.lines().skip(4).take(1_050).map(|line| line.len() - 36).collect();
    assert_eq!(id_at.len(), 1, "columns stand straight over all pages");
    let text = asked.text(&["users", "--app", "paperboat", "--limit", "1020"]);
    assert!(text.ends_with("\n\n1,020 of 1,050 rows (--all shows the rest)\n"));
}

#[test]
fn a_user_is_shown_as_a_list_of_attributes() {
    let asked = Asked::new();
    let mut body = user("mira");
    body["name"] = json!({"givenName": "Mira", "familyName": "Lund"});
    body["emails"] = json!([{"value": "mira@fjord.example", "type": "work", "primary": true}]);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    body["schemas"].as_array_mut().unwrap().push(enterprise.into());
    body[enterprise] = json!({"department": "Rigging", "manager": {"value": "26"}});
    let created = asked.scim.post("/Users", &body);
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.id();

    let text = asked.text(&["user", "--app", "paperboat", &id]);
    assert!(text.starts_with("User mira in paperboat as of 20"), "{text}");
    let lines: Vec<Vec<&str>> = text.lines().map(cells).collect();
    let department = format!("{enterprise}:department");
    let manager = format!("{enterprise}:manager.value");
    let row = |path: &str, value: &str| {
        assert!(lines.iter().any(|line| *line == [path, value]), "{path}: {value}\n{text}");
    };
    row("Attribute", "Value");
    row("userName", "mira");
    row("active", "true");
    row("name.givenName", "Mira");
    row("emails[0].value", "mira@fjord.example");
    row("emails[0].primary", "true");
    row(&department, "Rigging");
    row(&manager, "26");
    assert_eq!(lines[4], ["id", &id], "what it is known by comes first\n{text}");
    assert!(text.contains("\n\nCreated by event "), "{text}");
    let path = format!("/api/v1/apps/paperboat/users/{id}");
    let read = asked.json(&["user", "--app", "paperboat", &id]);
    assert_eq!(lasting(read), lasting(asked.answer(&path)));

    let before = asked.text(&["user", "--app", "paperboat", &id, "--at", "2000-01-01"]);
    assert!(before.contains(" as of 2000-01-01T23:59:59Z (before the first event)\n"), "{before}");
    let told = "\nThe user was not there yet; event ";
    assert!(before.contains(told) && before.contains(" Not everything was watched.\n"), "{before}");
    assert_eq!(asked.scim.delete(&format!("/Users/{id}")).status, 204);
    let after = asked.text(&["user", "--app", "paperboat", &id]);
    assert!(after.contains("\nThe user was deleted by event "), "{after}");
    assert!(!after.contains("Attribute"), "{after}");
}

#[test]
fn the_log_shows_requests_and_gaps() {
    let mut asked = Asked::new();
    let mira = asked.add_user("mira");
    let headers = [("x-request-id", "asked-1")];
    asked.scim.send("POST", "/Users", &headers, user("mira").to_string().as_bytes()).unwrap();
    asked.scim.delete(&format!("/Users/{mira}"));
    asked.scim.with_token("plg_wrong").get("/Users");

    let text = asked.text(&["log", "--app", "paperboat"]);
    let lines: Vec<&str> = text.lines().collect();
    let rows = asked.answer("/api/v1/operations?app=paperboat")["rows"].clone();
    assert!(lines[0].starts_with("Operations in paperboat, newest first (event "), "{text}");
    let columns =
        ["Time", "Action", "Status", "HTTP", "Operation", "Target", "Reason or change", "Event"];
    assert_eq!(cells(lines[2]), columns, "{text}");
    let times: Vec<String> = (0..4).map(|row| second(&rows[row]["occurredAt"])).collect();
    let seqs: Vec<String> = (0..4).map(|row| rows[row]["seq"].to_string()).collect();
    let reason = rows[2]["reason"].as_str().unwrap();
    let refused = cells(lines[6]);
    assert_eq!(refused[..5], [&times[2], "create", "failure", "409", "POST User"], "{text}");
    assert_eq!(refused[refused.len() - 2..], [reason, &seqs[2]], "{text}");
    let created = cells(lines[7]);
    assert_eq!(created[..6], [&times[3], "create", "success", "201", "POST User", "mira"]);
    assert!(created[6].contains("userName"), "what changed\n{text}");
    assert_eq!(lines[8..], ["", "4 rows"], "{text}");
    let all = asked.text(&["log"]);
    assert!(all.starts_with("Operations, newest first (event "), "{all}");
    let all: Vec<&str> = all.lines().collect();
    assert_eq!(cells(all[2])[..3], ["Time", "Application", "Action"]);
    assert_eq!(cells(all[7])[..3], [&times[3], "paperboat", "create"]);

    let one = asked.text(&["log", "--request-id", "asked-1"]);
    assert!(one.starts_with("Operations of request asked-1, newest first"), "{one}");
    assert!(one.ends_with("\n\n1 row\n"), "{one}");
    let read = asked.json(&["log", "--app", "paperboat", "--request-id", "asked-1"]);
    assert_eq!((read["rowCount"].as_u64(), &read["rows"][0]["seq"]), (Some(1), &rows[2]["seq"]));
    let none = asked.text(&["log", "--app", "dinghy"]);
    assert_eq!(none.lines().skip(1).collect::<Vec<_>>(), ["", "0 rows"]);

    // A killed recorder leaves a gap that every log shows.
    let data = asked.folder.path().join("data");
    asked.server.kill();
    asked.server = Server::start(&data);
    let text = asked.text(&["log", "--limit", "1"]);
    assert!(text.contains("rows (--all shows the rest); not everything was watched\n"), "{text}");
    let gap = text.lines().last().unwrap();
    assert!(gap.starts_with("Not watched: 20") && gap.ends_with("Z (recorder killed)"), "{text}");
}

#[test]
fn applications_are_listed() {
    let asked = Asked::new();
    let text = asked.text(&["apps"]);
    assert!(text.starts_with("Applications (event "), "{text}");
    let tenant_url = format!("{}/apps/paperboat/scim/v2", asked.server.url);
    let row = cells(text.lines().nth(4).unwrap());
    assert_eq!((row[0], row[1], row[4]), ("paperboat", "generic", &*tenant_url));
    assert!(text.ends_with("\n\n2 rows\n"), "{text}");
    assert_eq!(asked.json(&["apps", "--limit", "1"])["rowCount"], 2);
}

#[test]
fn wrong_questions_end_with_one_line_and_exit_code_2() {
    let asked = Asked::new();
    let unknown = "2819c223-7f76-453a-919d-413861904646";
    asked.refused(&["users", "--app", "nowhere"], 2, "provlog: Not found: ");
    asked.refused(&["user", "--app", "paperboat", unknown], 2, "provlog: Not found: ");
    asked.refused(&["user", "--app", "paperboat", unknown, "--json"], 2, "provlog: Not found: ");
    asked.refused(&["members", "--app", "../apps", unknown], 2, "Not found");
    asked.refused(&["users", "--app", "paperboat", "--at", "soon"], 2, "parameter `at` takes");
    asked.refused(&["users", "--app", "paperboat", "--limit", "0"], 2, "--limit");
    asked.refused(&["users", "--app", "paperboat", "--limit", "3", "--all"], 2, "--all");
    asked.refused(&["users", "--app", "paperboat", "--active", "perhaps"], 2, "--active");
    asked.refused(&["users"], 2, "--app");
    asked.refused(&["timeline", "--app", "paperboat"], 2, "<USER|--group <GROUP>>");
    asked.refused(&["timeline", "--app", "paperboat", "mira", "--group", "crew"], 2, "--group");
    asked.refused(&["apps", "--token", "plg_wrong"], 2, "Unknown or missing token");
    let nobody = ["apps", "--server", "http://127.0.0.1:1"];
    asked.refused(&nobody, 1, "is the server running?");
}

#[test]
fn another_program_can_ask_in_process() {
    let asked = Asked::new();
    asked.add_user("mira");
    let token = asked.server.admin().token;
    let ask = |arguments: &[&str]| {
        let (mut out, mut err) = (vec![], vec![]);
        let client = ["--server", &asked.server.url, "--token", &token];
        let arguments = [&["provlog"], arguments, &client].concat();
        let code = provlog::run(arguments.into_iter().map(Into::into), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (code, out, err) = ask(&["users", "--app", "paperboat"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("Users of paperboat as of ") && out.ends_with("\n1 row\n"), "{out}");
    let (code, out, err) = ask(&["users", "--app", "nowhere"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("provlog: Not found: ") && err.lines().count() == 1, "{err}");
    assert_eq!(ask(&["fly"]).0, 2);
    let (code, out, _) = ask(&["--help"]);
    assert!(code == 0 && out.contains("members"), "{out}");

    // A reader that closes the pipe early causes no error.
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut err = vec![];
    let arguments = ["provlog", "apps", "--server", &asked.server.url, "--token", &token];
    let code = provlog::run(arguments.into_iter().map(Into::into), &mut Gone, &mut err);
    assert_eq!((code, err), (0, vec![]));
}

#[test]
fn users_and_groups_are_asked_about_by_name() {
    let asked = Asked::new();
    let mut body = user("Mira.Lund@fjord.example");
    body["externalId"] = "hr/26".into();
    let mira = asked.scim.post("/Users", &body).id();
    let crew = asked.add_group("Deck & Crew", std::slice::from_ref(&mira));
    let by_id = lasting(asked.answer(&format!("/api/v1/apps/paperboat/users/{mira}")));
    for name in ["Mira.Lund@fjord.example", "userName:Mira.Lund@fjord.example", "externalId:hr/26"]
    {
        let read = asked.json(&["user", "--app", "paperboat", name]);
        assert_eq!(read["resource"], by_id["resource"], "{name}");
    }
    for name in ["Deck & Crew", "displayName:Deck & Crew"] {
        let text = asked.text(&["members", "--app", "paperboat", name]);
        assert!(text.starts_with("Members of Deck & Crew in paperboat as of 20"), "{text}");
        assert!(text.contains(&mira) && text.ends_with("\n1 row\n"), "{text}");
    }
    asked.refused(&["user", "--app", "paperboat", "nobody"], 2, "Not found");

    // Display names are not unique: the error lists the candidates.
    let other = asked.add_group("Deck & Crew", &[]);
    let output = asked.server.command(&["members", "--app", "paperboat", "Deck & Crew"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(&crew) && line.contains(&other), "{line}");
}

#[test]
fn a_timeline_lists_the_operations_on_a_user_or_a_group() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    asked.add_user("ole");
    asked.add_group("Crew", std::slice::from_ref(&mira));
    let inactive = json!([{"op": "replace", "path": "active", "value": false}]);
    assert!(asked.scim.patch(&format!("/Users/{mira}"), &inactive).status < 300);

    let text = asked.text(&["timeline", "--app", "paperboat", "mira"]);
    assert!(text.starts_with("Timeline of user mira in paperboat, newest first (event "), "{text}");
    let lines: Vec<Vec<&str>> = text.lines().map(cells).collect();
    let columns =
        ["Time", "Action", "Status", "HTTP", "Operation", "Target", "Reason or change", "Event"];
    assert_eq!(lines[2], columns, "{text}");
    assert_eq!(lines[4][1..7], ["disable", "success", "200", "PATCH User", "mira", "active"]);
    let created =
        lines.iter().find(|line| line.get(1) == Some(&"create") && line[4] == "POST User");
    assert_eq!(created.unwrap()[5], "mira", "{text}");
    assert!(!text.contains("ole"), "{text}");

    let read = asked.json(&["timeline", "--app", "paperboat", &mira, "--all"]);
    let answer = asked.answer(&format!("/api/v1/apps/paperboat/users/{mira}/timeline"));
    assert_eq!(read["rows"], answer["rows"]);
    let past = asked.text(&["timeline", "--app", "paperboat", "mira", "--to", "2000-01-01"]);
    assert!(past.lines().next().unwrap().contains(" before 2000-01-02T00:00:00Z"), "{past}");
    assert!(past.contains("\n0 rows"), "{past}");

    let group = asked.text(&["timeline", "--app", "paperboat", "--group", "Crew"]);
    assert!(group.starts_with("Timeline of group Crew in paperboat, newest first"), "{group}");
    assert!(group.contains("POST Group") && group.contains("members"), "{group}");
}

#[test]
fn the_log_can_be_filtered() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    asked.scim.post("/Users", &user("mira"));
    asked.scim.get("/Users");
    assert_eq!(asked.scim.delete(&format!("/Users/{mira}")).status, 204);
    let rows = |arguments: &[&str]| {
        let answer = asked.json(&[&["log"], arguments].concat());
        let rows = answer["rows"].as_array().unwrap().clone();
        rows.into_iter()
            .map(|row| row["operation"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&["--status", "failure"]), ["POST User"]);
    assert_eq!(rows(&["--action", "delete"]), ["DELETE User"]);
    assert!(rows(&["--resource", &mira]).contains(&"DELETE User".to_owned()));
    let credential = asked.json(&["log"])["rows"][0]["actorId"].as_str().unwrap().to_owned();
    assert_eq!(rows(&["--credential", &credential]).len(), 4);
    assert_eq!(rows(&["--from", "-1h"]).len(), 4);
    assert_eq!(rows(&["--to", "-1h"]).len(), 0);
    asked.refused(
        &["log", "--status", "fine"],
        2,
        "possible values: success, failure, skipped, warning",
    );
}

#[test]
fn csv_has_every_row_and_the_gaps_go_to_stderr() {
    let asked = Asked::new();
    let mira = asked.add_user("=mira@fjord.example");
    for number in 0..5 {
        asked.add_user(&format!("user-{number}, crew"));
    }
    let csv = asked.text(&["users", "--app", "paperboat", "--csv"]);
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    let head = "at,atSeq,userId,userName,externalId,displayName,active,createdAt,createdSeq,\
                deletedAt,deletedSeq,startKnown";
    assert_eq!((lines[0], lines.len()), (head, 7), "{csv}");
    let rows = asked.answer("/api/v1/apps/paperboat/users")["rows"].clone();
    let (at, seq) = (rows[0]["createdAt"].as_str().unwrap(), &rows[0]["createdSeq"]);
    let first = format!(
        ",{mira},'=mira@fjord.example,,'=mira@fjord.example of the boat,true,{at},{seq},,,true"
    );
    assert!(lines[1].starts_with("20") && lines[1].ends_with(&first), "{csv}");
    assert!(lines[2].contains(",\"user-0, crew\",,\"user-0, crew of the boat\","), "{csv}");

    let crew = asked.add_group("Crew", &[mira]);
    let csv = asked.text(&["members", "--app", "paperboat", "Crew", "--csv"]);
    assert!(csv.lines().nth(1).unwrap().contains(&format!(",{crew},Crew,")), "{csv}");
    let output = asked.server.command(&["users", "--app", "paperboat", "--csv", "--at", "-90d"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, format!("{head}\r\n").into_bytes());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("Not everything was watched.\nNot watched: the beginning to 20"));
    assert!(told.ends_with("Z (before the record began)\n"), "{told}");
}

#[test]
fn an_answer_with_known_at_says_so() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    asked.add_group("Crew", std::slice::from_ref(&mira));
    let users = ["users", "--app", "paperboat"];
    let known = asked.json(&users)["rows"][0]["createdSeq"].to_string();
    asked.add_user("ole");
    let text = asked.text(&[&users[..], &["--known-at", &known]].concat());
    let words = format!("Z (event {known}), as known at event {known}");
    assert!(text.lines().next().unwrap().ends_with(&words), "{text}");
    assert!(text.ends_with("\n1 row\n") && !text.contains("ole"), "{text}");
    asked.refused(&["group", "--app", "paperboat", "Crew", "--known-at", &known], 2, "Not found");
    let day = ["timeline", "--app", "paperboat", "mira", "--from", "2026-03-29"];
    let oslo = asked.text(&[&day[..], &["--tz", "Europe/Oslo"]].concat());
    assert!(oslo.contains(" from 2026-03-28T23:00:00Z, newest first"), "{oslo}");
}

#[test]
fn a_group_is_shown_apart_from_its_members() {
    let asked = Asked::new();
    let mira = asked.add_user("mira");
    let crew = asked.add_group("Deck & Crew", std::slice::from_ref(&mira));
    let text = asked.text(&["group", "--app", "paperboat", "Deck & Crew"]);
    assert!(text.starts_with("Group Deck & Crew in paperboat as of 20"), "{text}");
    let lines: Vec<Vec<&str>> = text.lines().map(cells).collect();
    assert_eq!(lines[4], ["id", crew.as_str()], "{text}");
    assert!(!text.contains(&mira) && text.contains("\n\nCreated by event "), "{text}");
    let path = format!("/api/v1/apps/paperboat/groups/{crew}");
    let read = asked.json(&["group", "--app", "paperboat", &crew]);
    assert_eq!(lasting(read), lasting(asked.answer(&path)));
}
