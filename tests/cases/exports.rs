//! Exports on the command line: the files of each question, and the content of the files of operations.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use event::Clock;
use serde_json::{Value, json};

use crate::harness::server::{Client, Server, group, user};

/// A server, and the folder for exports.
struct Exports {
    server: Server,
    scim: Client,
    folder: tempfile::TempDir,
}

impl Exports {
    fn new() -> Exports {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        let scim = server.add_app("paperboat");
        Exports { server, scim, folder }
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.server.command(arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The files of a question in the order of the zip.
    fn files(&self, question: &str, format: &str) -> Vec<(String, String)> {
        let path = self.folder.path().join(format!("{format}.zip"));
        let _ = std::fs::remove_file(&path);
        let out = path.to_str().unwrap();
        self.text(&["export", question, "--out", out, "--format", format]);
        let checked = self.text(&["export", "--check", out]);
        let files = unzipped(&path);
        let names = files.iter().map(|(name, _)| name).filter(|name| *name != "manifest.json");
        let expected: String = names.map(|name| format!("{name}: same\n")).collect();
        assert_eq!(checked, expected, "a check covers every file");
        files
    }

    /// The rows of each file of a question, and the manifest.
    fn rows(&self, question: &str) -> (BTreeMap<String, Vec<Value>>, Value) {
        let mut files: BTreeMap<String, String> =
            self.files(question, "ndjson").into_iter().collect();
        let manifest = serde_json::from_str(&files.remove("manifest.json").unwrap()).unwrap();
        let rows = |text: String| -> Vec<Value> {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        (files.into_iter().map(|(name, text)| (name, rows(text))).collect(), manifest)
    }

    /// Imports entries of a provider's log.
    fn import(&self, entries: &[Value]) {
        let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
        let path = self.folder.path().join("log.ndjson");
        std::fs::write(&path, lines.join("\n")).unwrap();
        self.text(&["import", "--app", "paperboat", path.to_str().unwrap()]);
    }
}

fn unzipped(path: &Path) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let files = (0..archive.len()).map(|place| {
        let mut file = archive.by_index(place).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    });
    files.collect()
}

/// An entry of the provisioning log about a user of the application, as of now.
fn entry(name: &str, target: &str, (action, status): (&str, &str), error: Value) -> Value {
    json!({
        "id": format!("6f0c9e0a-2f3d-4c55-9f0e-{action}"),
        "activityDateTime": Clock::System.now().to_string(),
        "tenantId": "tenant-1",
        "jobId": "scim.1.2",
        "cycleId": "cycle-1",
        "changeId": format!("change-{action}"),
        "provisioningAction": action,
        "provisioningStatusInfo": {"status": status, "errorInformation": error},
        "provisioningSteps": [
            {"name": "EntryImportAdd", "provisioningStepType": "import", "status": "success",
             "description": "It came.", "details": {"accountEnabled": "True"}},
            {"name": "EntryExportAdd", "provisioningStepType": "export", "status": status,
             "description": "It was sent.", "details": {}},
        ],
        "modifiedProperties": [
            {"displayName": "userName", "oldValue": null, "newValue": name},
            {"displayName": "nickName", "oldValue": null, "newValue": "[Redact]"},
        ],
        "initiatedBy": {"id": "", "displayName": "Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {"id": format!("source-{name}"), "displayName": name,
            "identityType": "User", "details": {"UserPrincipalName": name}},
        "targetIdentity": {"id": target, "displayName": "", "identityType":
            "urn:ietf:params:scim:schemas:core:2.0:User", "details": {}},
    })
}

#[test]
fn operations_have_their_steps_and_changes_beside_them() {
    let exports = Exports::new();
    let mira = exports.scim.post("/Users", &user("mira@fjord.example")).id();
    let mut crew = group("Crew");
    crew["members"] = json!([{"value": mira}]);
    let crew = exports.scim.post("/Groups", &crew).id();
    exports.scim.post("/Users", &user("mira@fjord.example"));
    let log = exports.server.admin().get("/api/v1/operations").body;
    let created = log["rows"][2].clone();
    let (seq, id) = (created["seq"].to_string(), &created["eventId"]);
    for reference in ["OPS-7", "OPS-8"] {
        let what = ["--kind", "ticket", "--ref", reference];
        exports.text(&[&["evidence", "add", &seq], &what[..]].concat());
    }
    let error = json!({"errorCode": "EntryConflict", "errorCategory": "nonServiceFailure",
                       "reason": "Somebody has the name.", "additionalDetails": null,
                       "recommendedAction": null});
    exports.import(&[
        entry("mira@fjord.example", &mira, ("create", "success"), Value::Null),
        entry("mira@fjord.example", "", ("update", "failure"), error),
    ]);
    assert_eq!(exports.scim.delete(&format!("/Users/{mira}")).status, 204);

    let (rows, manifest) = exports.rows("operations");
    let names: Vec<&str> = rows.keys().map(String::as_str).collect();
    assert_eq!(names, ["changes.ndjson", "operations.ndjson", "steps.ndjson"]);
    let [changes, operations, steps] = [0, 1, 2].map(|place| rows.values().nth(place).unwrap());
    assert_eq!((operations.len(), &manifest["rowCount"]), (6, &json!(6)));
    for listed in manifest["files"].as_array().unwrap() {
        let name = listed["name"].as_str().unwrap();
        assert_eq!(listed["rows"], json!(rows[name].len()), "{listed}");
    }

    // The rows name the user by what is on record.
    let of = |operation: &str, source: &str| {
        let fits = |row: &&Value| row["operation"] == operation && row["source"] == source;
        operations.iter().rfind(fits).unwrap_or_else(|| panic!("{operation}: {operations:#?}"))
    };
    let row = of("POST User", "recorded");
    assert_eq!(row["evidenceRefs"], json!(["OPS-7", "OPS-8"]));
    let told = ["tenant", "jobId", "cycleId", "changeId"].map(|name| row[name].as_str().unwrap());
    assert_eq!(told, ["tenant-1", "scim.1.2", "cycle-1", "change-create"], "by the entry");
    let row = of("POST Group", "recorded");
    assert_eq!((&row["groupId"], &row["groupName"]), (&json!(crew), &json!("Crew")));
    assert_eq!((&row["evidenceRefs"], &row["jobId"]), (&json!([]), &Value::Null));
    assert_eq!(row["changeId"], row["eventId"], "a change that nothing else names");
    let failed = operations.iter().find(|row| row["errorCode"] == "EntryConflict").unwrap();
    assert_eq!(failed["errorCategory"], "nonServiceFailure");
    assert_eq!((&failed["source"], &failed["tenant"]), (&json!("imported"), &json!("tenant-1")));
    assert_eq!(failed["actorName"], "Provisioning Service");

    // Only imported entries have steps; they are in order.
    let told: Vec<(&Value, &Value, &Value)> =
        steps.iter().map(|row| (&row["changeId"], &row["stepNo"], &row["name"])).collect();
    let (update, create) = (json!("change-update"), json!("change-create"));
    let (first, second) = (json!("EntryImportAdd"), json!("EntryExportAdd"));
    let one = |change| [(change, &json!(1), &first), (change, &json!(2), &second)].map(own);
    assert_eq!(
        told.into_iter().map(own).collect::<Vec<_>>(),
        [one(&update), one(&create)].concat()
    );
    assert_eq!(steps[0]["details"], json!({"accountEnabled": "True"}));

    // All operations have changes; a deletion also ends memberships of groups.
    let change = |fits: &dyn Fn(&&Value) -> bool| changes.iter().find(fits).unwrap().clone();
    let place = created["seq"].clone();
    let created = change(&|row| row["seq"] == place && row["path"] == "userName");
    assert_eq!(
        created,
        json!({"seq": place, "changeId": "change-create",
        "path": "userName", "op": "add", "oldValue": null, "newValue": "mira@fjord.example",
        "redacted": false, "resourceId": mira})
    );
    let left = change(&|row| row["path"] == "members" && row["op"] == "remove");
    assert_eq!((&left["resourceId"], &left["oldValue"]), (&json!(crew), &json!(mira)));
    let hidden = change(&|row| row["path"] == "nickName");
    assert_eq!((&hidden["newValue"], &hidden["redacted"]), (&json!("[Redact]"), &json!(true)));
    assert!(changes.iter().all(|row| row["seq"].is_u64() && row["changeId"].is_string()));
    assert!(id.is_string() && !changes.iter().any(|row| row["changeId"] == *id));

    let files = exports.files("operations", "csv");
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["operations.csv", "steps.csv", "changes.csv", "manifest.json"]);
    let heads: Vec<&str> =
        files[1..3].iter().map(|(_, text)| text.lines().next().unwrap()).collect();
    assert_eq!(
        heads,
        [
            "seq,changeId,stepNo,type,name,status,description,details",
            "seq,changeId,path,op,oldValue,newValue,redacted,resourceId",
        ]
    );
    assert!(files[0].1.contains("\"[\"\"OPS-7\"\",\"\"OPS-8\"\"]\""), "{}", files[0].1);
    assert_eq!(files[2].1.lines().count(), changes.len() + 1);
}

fn own((change, place, name): (&Value, &Value, &Value)) -> [Value; 3] {
    [change, place, name].map(Value::clone)
}

#[test]
fn every_question_of_operations_has_their_changes() {
    let exports = Exports::new();
    let mira = exports.scim.post("/Users", &user("mira")).id();
    exports.scim.post("/Users", &user("ole"));
    let names = |question: &str| {
        let (rows, _) = exports.rows(question);
        let seqs: Vec<(String, usize)> =
            rows.into_iter().map(|(name, rows)| (name, rows.len())).collect();
        seqs
    };
    let one = |name: &str, changes: usize, rows: usize| {
        let mut files = vec![
            ("changes.ndjson".to_owned(), changes),
            (format!("{name}.ndjson"), rows),
            ("steps.ndjson".to_owned(), 0),
        ];
        files.sort();
        files
    };
    let (_, all) = exports.rows("operations");
    let changes = all["files"][2]["rows"].as_u64().unwrap() as usize;
    assert!(changes >= 4, "{all}");
    assert_eq!(names("reports/unapproved"), one("unapproved", changes, 2));
    assert_eq!(names("reports/drift"), one("drift", 0, 0));
    let timeline = format!("apps/paperboat/users/{mira}/timeline");
    assert_eq!(names(&timeline), one("operations", changes / 2, 1));
    assert_eq!(names("apps/paperboat/users"), [("users.ndjson".to_owned(), 2)]);
}
