//! `provlog import` with real-world files: empty, of another kind, compressed, with other separators,
//! of a whole tenant, through a pipe.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::server::{Server, provlog};

/// A running server, and a folder for files.
struct Setting {
    server: Server,
    folder: tempfile::TempDir,
}

/// How a command ended.
struct Ended {
    code: u8,
    out: String,
    err: String,
}

impl Setting {
    fn new() -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        Setting { server, folder }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, arguments: &[&str], files: &[&Path]) -> Ended {
        let mut all: Vec<std::ffi::OsString> = vec!["provlog".into()];
        all.extend(arguments.iter().map(Into::into));
        all.extend(files.iter().map(|file| file.as_os_str().to_owned()));
        all.extend(["--server", &self.server.url, "--token-file"].map(Into::into));
        all.push(self.folder.path().join("data/admin.token").into_os_string());
        let (mut out, mut err) = (vec![], vec![]);
        let code = provlog::run(all, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code, out: text(out), err: text(err) }
    }

    /// Imports into an application.
    fn import(&self, app: &str, flags: &[&str], files: &[&Path]) -> Ended {
        self.run(&[&["import", "--app", app], flags].concat(), files)
    }
}

fn entry(id: &str, principal: &str) -> String {
    json!({"id": id, "activityDateTime": "2026-02-14T08:02:11Z", "provisioningAction": "create",
        "provisioningStatusInfo": {"status": "success"},
        "servicePrincipal": {"id": principal, "displayName": format!("App {principal}")},
        "sourceIdentity": {"id": format!("s-{id}"), "identityType": "User",
            "details": {"UserPrincipalName": format!("{id}@tern.example")}},
        "targetIdentity": {"id": format!("t-{id}")}})
    .to_string()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn each_file_is_handled_separately() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    let good = setting.file("good.json", entry("a", "sp-a"));
    let gz = setting.file("more.json.gz", packed(entry("b", "sp-a").as_bytes()));
    let empty = setting.file("empty.json", "");
    let foreign = setting.file("package.json", r#"{"name":"x"}"#);
    let missing = setting.folder.path().join("missing.json");
    let table = "TenantId;TimeGenerated [UTC];Id;ProvisioningAction;ResultType\r\n\
        w;2026-02-15T08:02:11Z;c;create;Success\r\n";
    let table = setting.file("query_data.csv", table);
    let ended = setting.import("raft", &[], &[&empty, &good, &foreign, &gz, &missing, &table]);
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.out.starts_with("3 read: 3 new, 0 known, 0 refused\n"), "{}", ended.out);
    for (file, what) in [(&empty, "is empty"), (&foreign, "no log"), (&missing, "cannot be read")] {
        let told = ended.out.lines().find(|line| line.contains(&file.display().to_string()));
        assert!(told.unwrap().contains(what), "{}", ended.out);
    }
    assert!(ended.err.contains("3 of 6 files were not imported"), "{}", ended.err);
    let json = setting.import("raft", &["--json"], &[&empty, &good]);
    let told: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &told["known"]), (1, &json!(1)));
    assert_eq!(told["failedFiles"][0]["file"], empty.display().to_string());
    // Alone, it makes the command fail.
    let alone = setting.import("raft", &[], &[&empty]);
    assert_eq!((alone.code, alone.out.as_str()), (2, ""));
    assert!(alone.err.contains("the file is empty"), "{}", alone.err);
    setting.server.stop();
}

#[test]
fn the_standard_input_is_a_file_too() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    for (bytes, expected) in [
        (entry("a", "sp-a").into_bytes(), "1 read: 1 new, 0 known, 0 refused\n"),
        (packed(entry("a", "sp-a").as_bytes()), "1 read: 0 new, 1 known, 0 refused\n"),
    ] {
        let mut command = provlog();
        command.args(["import", "--app", "raft", "-", "--server", &setting.server.url]);
        command.arg("--token-file").arg(setting.folder.path().join("data/admin.token"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
        assert!(output.status.success());
    }
    setting.server.stop();
}

#[test]
fn a_file_of_several_applications_needs_a_choice() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    let lines = [entry("a", "sp-a"), entry("b", "sp-b"), entry("c", "sp-b")].join("\n");
    let tenant = setting.file("tenant.json", lines);
    let refused = setting.import("raft", &[], &[&tenant]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    for told in ["--service-principal", "sp-a (App sp-a): 1", "sp-b (App sp-b): 2"] {
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    let set = setting.run(&["app", "set", "raft", "--service-principal", "sp-a"], &[]);
    assert_eq!(set.code, 0, "{}", set.err);
    let done = setting.import("raft", &["--list-others"], &[&tenant]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let mut lines = done.out.lines();
    let first = "3 read: 1 new, 0 known, 0 refused, of other applications: 2";
    assert_eq!(lines.next(), Some(first));
    assert_eq!(lines.next(), Some("kept out of sp-b (App sp-b): 2"));
    let line = format!("{}:2: entry b of sp-b", tenant.display());
    assert_eq!(lines.next(), Some(line.as_str()));
    // One file after the other is as ambiguous as both together.
    setting.server.add_app("barge");
    let files =
        ["a", "b"].map(|id| setting.file(&format!("{id}.json"), entry(id, &format!("sp-{id}"))));
    let ended = setting.import("barge", &[], &[&files[0], &files[1]]);
    assert!(ended.out.starts_with("1 read: 1 new"), "{}", ended.out);
    assert!(ended.out.contains("sp-b (App sp-b): 1 entries, sp-a"), "{}", ended.out);
    let later = setting.import("barge", &[], &[&files[1]]);
    assert_eq!(later.code, 2);
    assert!(later.err.contains("sp-a: imported before"), "{}", later.err);
    // A choice is remembered.
    setting.server.add_app("ferry");
    let done = setting.import("ferry", &["--service-principal", "sp-b", "--json"], &[&tenant]);
    let told: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&told["new"], &told["ofOtherApplications"]), (&json!(2), &json!(1)));
    let again = setting.import("ferry", &[], &[&tenant]);
    assert!(again.out.starts_with("3 read: 0 new, 2 known"), "{}", again.out);
    setting.server.stop();
}

#[test]
fn the_order_of_dates_is_decided_from_the_whole_file() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    let row = |id: &str, date: &str| {
        format!(
            "{{\"Id\":\"{id}\",\"TimeGenerated\":\"{date} 08:00\",\"ProvisioningAction\":\"create\"}}\n"
        )
    };
    // The deciding row comes last, long after the first chunk.
    let mut many: String = (0..30_000).map(|id| row(&format!("r-{id}"), "05/01/2026")).collect();
    let open = setting.file("open.json", &many);
    many.push_str(&row("last", "25/01/2026"));
    let decided = setting.file("decided.json", &many);
    let ended = setting.import("raft", &[], &[&open]);
    assert_eq!(ended.code, 2, "{}", ended.out);
    assert!(ended.err.contains("--dates dmy or --dates mdy"), "{}", ended.err);
    let ended = setting.import("raft", &[], &[&decided]);
    assert_eq!(
        (ended.code, ended.out.lines().next()),
        (0, Some("30001 read: 30001 new, 0 known, 0 refused"))
    );
    let admin = setting.server.admin();
    let rows = admin.get("/api/v1/operations?source=imported&limit=2").body["rows"].clone();
    assert_eq!(rows[0]["occurredAt"], "2026-01-25T08:00:00.000000Z");
    assert_eq!(rows[1]["occurredAt"], "2026-01-05T08:00:00.000000Z");
    let ended = setting.import("raft", &["--dates", "dmy"], &[&open]);
    assert!(ended.out.starts_with("30000 read: 0 new, 30000 known"), "{}", ended.out);
    setting.server.stop();
}

#[test]
fn other_separators_and_headings_are_recognized() {
    let setting = Setting::new();
    for (separator, name) in [(";", "semicolon"), ("\t", "tab"), (",", "comma")] {
        for said in ["", "sep=\u{1}\r\n"] {
            let app = format!("{name}{}", said.len());
            setting.server.add_app(&app);
            let said = said.replace('\u{1}', separator);
            let logs = format!(
                "\u{feff}{said}Id;Date (UTC);Change ID;Action;Status;Source Identity Id;\
                Source Identity Type\r\n1;2026-02-14T08:02:11Z;c-1;Create;Success;\"s;1\";User\r\n"
            );
            let steps = format!("{said}Change ID;Name;Status\r\nc-1;EntryExportAdd;Success\r\n");
            let files = [("ProvisioningLogs.csv", logs), ("ProvisioningSteps.csv", steps)]
                .map(|(name, text)| setting.file(name, text.replace(';', separator)));
            let ended = setting.import(&app, &[], &[&files[0], &files[1]]);
            assert_eq!(ended.out, "1 read: 1 new, 0 known, 0 refused\n", "{name}: {}", ended.err);
        }
    }
    setting.server.add_app("raft");
    let foreign = setting.file("eksport.csv", "Tidspunkt;Hendelse;Resultat\r\n1;2;3\r\n");
    let refused = setting.import("raft", &[], &[&foreign]);
    assert_eq!(refused.code, 2);
    for told in ["changeId", "TimeGenerated", "found are Tidspunkt, Hendelse, Resultat"] {
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    setting.server.stop();
}

/// Logs from PowerShell and spreadsheets: cells with the name of a type, a line for the type, empty
/// rows, repeated headings, and cells beyond the last heading.
#[test]
fn files_that_went_through_other_programs_are_read() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    const TYPE: &str = "Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisionedIdentity";
    let exported = format!(
        "#TYPE Microsoft.Graph.PowerShell.Models.MicrosoftGraphProvisioningObjectSummary\r\n\
         \"ActivityDateTime\",\"ChangeId\",\"Id\",\"ProvisioningAction\",\"SourceIdentity\",\"ServicePrincipal\"\r\n\
         \"14.02.2026 08:02:11\",\"c1\",\"p1\",\"create\",\"{TYPE}\",\"{TYPE}\"\r\n"
    );
    let exported = setting.file("entries.csv", exported);
    let ended = setting.import("raft", &["--service-principal", "SP-A"], &[&exported]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (0, "1 read: 1 new, 0 known, 0 refused\n"),
        "{}",
        ended.err
    );
    let log = setting.run(&["log", "--app", "raft", "--json"], &[]);
    let log: Value = serde_json::from_str(&log.out).unwrap();
    let row = &log["rows"][0];
    assert_eq!((&row["displayName"], &row["status"]), (&Value::Null, &json!("warning")), "{row}");
    let places: Vec<_> =
        row["flags"].as_array().unwrap().iter().map(|flag| &flag["path"]).collect();
    assert_eq!(places, ["servicePrincipal.displayName", "sourceIdentity.displayName"]);

    let row = |id: &str| format!("{id};2026-02-14T08:02:11Z;c-{id};sp-a;;;\n");
    let head = "Id;Date (UTC);Change ID;Service Principal ID\n";
    let table =
        format!("\u{feff}{head}{}\u{feff}{head}{}{}", row("x1"), row("x2"), ";;;\n".repeat(3_000));
    let table = setting.file("ProvisioningLogs.csv", table);
    let ended = setting.import("raft", &[], &[&table]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (0, "2 read: 2 new, 0 known, 0 refused\n"),
        "{}",
        ended.err
    );
    setting.server.stop();
}

/// What the first file shows holds for the second: the server finds its own service principal from
/// entries that match its requests, even during an import.
#[test]
fn a_later_file_uses_what_an_earlier_one_showed() {
    let setting = Setting::new();
    let boat = setting.server.add_app("boat");
    let account = boat.post("/Users", &crate::harness::server::user("wren@tern.example"));
    let id = account.body["id"].as_str().unwrap().to_owned();
    let at = account.body["meta"]["created"].as_str().unwrap();
    let mut joined: Value = serde_json::from_str(&entry("a", "sp-a")).unwrap();
    joined["activityDateTime"] = at.into();
    joined["targetIdentity"]["id"] = id.into();
    let a = setting.file("a.json", joined.to_string());
    let b = setting.file("b.json", [entry("b", "sp-b"), entry("c", "sp-b")].join("\n"));
    let unnamed = json!({"id": "d", "activityDateTime": "2026-02-14T08:02:11Z",
        "provisioningAction": "create", "jobId": "j", "changeId": "x"});
    let unnamed = setting.file("unnamed.json", unnamed.to_string());
    let ended = setting.import("boat", &[], &[&a, &b, &a, &unnamed]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let told = "5 read: 2 new, 1 known, 0 refused, of other applications: 2\n";
    assert!(ended.out.starts_with(told), "{}", ended.out);
    assert!(ended.out.contains("kept out of sp-b (App sp-b): 2"), "{}", ended.out);
    // Without such entries the second file is refused, whichever comes first.
    setting.server.add_app("raft");
    let c = setting.file("c.json", entry("a", "sp-c"));
    setting.server.add_app("kite");
    for (app, files) in [("raft", [&*c, &*b]), ("kite", [&*b, &*c])] {
        let ended = setting.import(app, &[], &files);
        assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
        assert!(ended.out.contains("of several applications"), "{}", ended.out);
    }
    setting.server.stop();
}

/// Messages never repeat the content of a record.
#[test]
fn a_file_of_something_else_is_not_repeated() {
    let setting = Setting::new();
    setting.server.add_app("raft");
    for (text, secret) in [
        ("Dear Mira Lund, the password is tern-4711, and the code 0815.\nBye, Ole\n", "tern-4711"),
        ("mira@fjord.example;Finance;47\nole@fjord.example;Sales;11\n", "fjord"),
        ("4711,0815,2026-02-14T08:02:11Z\n4712,0816,2026-02-14T08:02:11Z\n", "4711"),
        (&format!("a,{}\nb,c\n", "long words ".repeat(9)), "long words"),
    ] {
        let file = setting.file("other.txt", text);
        let ended = setting.import("raft", &[], &[&file]);
        assert_eq!(ended.code, 2, "{text}");
        assert!(!ended.err.contains(secret) && ended.err.contains("known"), "{}", ended.err);
    }
    let file = setting.file("other.csv", "Zeitpunkt;Wer;Was (UTC)\n1;2;3\n");
    let ended = setting.import("raft", &[], &[&file]);
    assert!(ended.err.contains("found are Zeitpunkt, Wer, Was (UTC)"), "{}", ended.err);
    setting.server.stop();
}
