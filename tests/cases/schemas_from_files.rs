//! Schemas and resource types that an operator adds as files (docs/scim.md).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, bulk, group, provlog, run};

const HARBOUR: &str = "urn:example:params:scim:schemas:extension:harbour:2.0:User";
const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";
const DOOR_CODE: &str = "four-seven-one-one";

fn write(folder: &Path, name: &str, content: &Value) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), serde_json::to_string_pretty(content).unwrap()).unwrap();
}

fn harbour() -> Value {
    json!({
        "id": HARBOUR,
        "name": "HarbourUser",
        "extends": ["User"],
        "attributes": [
            {"name": "berth", "type": "string"},
            {"name": "draught", "type": "decimal"},
            {"name": "doorCode", "type": "string", "mutability": "writeOnly", "returned": "never"},
            {"name": "licences", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "type": "string"}, {"name": "type", "type": "string"},
            ]},
        ],
    })
}

fn device() -> Value {
    json!({
        "id": DEVICE,
        "name": "Device",
        "attributes": [{"name": "displayName", "type": "string", "required": true}],
    })
}

fn devices() -> Value {
    json!({"id": "Device", "name": "Device", "endpoint": "/Devices", "schema": DEVICE})
}

fn start(data: &Path, schemas: &Path) -> Server {
    let flags = ["--schemas", schemas.to_str().unwrap()];
    Server::start_with(data, &flags, &[]).unwrap_or_else(|log| panic!("no start:\n{log}"))
}

/// The same application after a restart, at the new address.
fn again(server: &Server, scim: &Client) -> Client {
    let below = scim.base().split("/apps/").nth(1).unwrap();
    Client::new(&format!("{}/apps/{below}", server.url), &scim.token)
}

#[test]
fn an_extension_from_a_file_is_served_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let (data, schemas) = (folder.path().join("data"), folder.path().join("schemas"));
    write(&schemas, "harbour.json", &harbour());
    let server = start(&data, &schemas);
    let scim = server.add_app("boat");

    // Announced.
    let schema = scim.get(&format!("/Schemas/{}", HARBOUR.to_uppercase()));
    assert_eq!((schema.status, &schema.body["name"]), (200, &json!("HarbourUser")));
    assert_eq!(schema.body["attributes"][0]["mutability"], "readWrite", "the default");
    let extensions = scim.get("/ResourceTypes/User").body["schemaExtensions"].clone();
    let expected = json!({"schema": HARBOUR, "required": false});
    assert!(extensions.as_array().unwrap().contains(&expected), "{extensions}");

    // Stored and shown.
    let sailor = |name: &str, berth: &str, draught: f64, licence: &str| {
        let licences = json!([{"value": licence, "type": "sail"}, {"value": "B", "type": "motor"}]);
        let body = json!({"userName": name, HARBOUR: {
            "BERTH": berth, "draught": draught, "doorCode": DOOR_CODE, "licences": licences,
        }});
        let created = scim.post("/Users", &body);
        assert_eq!(created.status, 201, "{created:?}");
        let shown = json!({"berth": berth, "draught": draught, "licences": licences});
        assert_eq!(created.body[HARBOUR], shown);
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        assert_eq!(created.body["schemas"], json!([core, HARBOUR]));
        created.id()
    };
    let ada = sailor("ada", "North 4", 2.5, "S1");
    let bo = sailor("bo", "East 1", 10.25, "S2");
    assert_eq!(scim.post("/Users", &json!({"userName": "cora"})).status, 201);
    let path = format!("/Users/{ada}");

    // Filtered and sorted.
    let found = |parameters: &[(&str, &str)]| -> Vec<String> {
        let list = scim.query("/Users", parameters);
        assert_eq!(list.status, 200, "{parameters:?}: {list:?}");
        let all = list.body["Resources"].as_array().unwrap();
        all.iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect()
    };
    for (filter, expected) in [
        ("HARBOUR:berth eq \"NORTH 4\"", vec!["ada"]),
        ("HARBOUR:berth sw \"e\"", vec!["bo"]),
        ("HARBOUR:draught gt 9", vec!["bo"]),
        ("HARBOUR:licences[type eq \"sail\" and value eq \"s1\"]", vec!["ada"]),
        ("HARBOUR:licences.value eq \"b\"", vec!["ada", "bo"]),
        ("HARBOUR:licences eq \"S2\"", vec!["bo"]),
        ("not (HARBOUR:berth pr)", vec!["cora"]),
    ] {
        let filter = filter.replace("HARBOUR", HARBOUR);
        assert_eq!(found(&[("filter", &filter)]), expected, "{filter}");
    }
    let by = |name: &str| format!("{HARBOUR}:{name}");
    assert_eq!(found(&[("sortBy", &by("berth"))]), ["bo", "ada", "cora"]);
    assert_eq!(found(&[("sortBy", &by("draught"))]), ["ada", "bo", "cora"]);
    let secret = scim.query("/Users", &[("filter", &format!("{HARBOUR}:doorCode sw \"f\""))]);
    assert_eq!((secret.status, &secret.body["scimType"]), (400, &json!("invalidFilter")));
    let secret = scim.query("/Users", &[("sortBy", &by("doorCode"))]);
    assert_eq!((secret.status, &secret.body["scimType"]), (400, &json!("invalidPath")));

    // Projected.
    let shown = |parameter: &str, names: &str| {
        scim.query(&path, &[(parameter, names)]).body.get(HARBOUR).cloned().unwrap_or_default()
    };
    assert_eq!(shown("attributes", &by("berth")), json!({"berth": "North 4"}));
    assert_eq!(shown("attributes", &by("doorCode")), Value::Null);
    assert_eq!(shown("attributes", "userName"), Value::Null);
    assert_eq!(shown("excludedAttributes", HARBOUR), Value::Null);
    let licences = json!([{"value": "S1"}, {"value": "B"}]);
    assert_eq!(shown("attributes", &by("licences.value")), json!({"licences": licences}));

    // Patched.
    let patched = |operation: Value| {
        let answer = scim.patch(&path, &json!([operation]));
        assert_eq!(answer.status, 200, "{operation}: {answer:?}");
        assert_eq!(scim.get(&path).body, answer.body);
        answer.body.get(HARBOUR).cloned().unwrap_or_default()
    };
    let set =
        |op: &str, name: &str, value: Value| json!({"op": op, "path": by(name), "value": value});
    assert_eq!(patched(set("replace", "berth", json!("West 2")))["berth"], "West 2");
    let flat = json!({"op": "replace", "value": {by("draught"): 3}});
    assert_eq!(patched(flat)["draught"], 3);
    let grown = patched(set("add", "licences", json!([{"value": "G", "type": "glider"}])));
    assert_eq!(grown["licences"].as_array().unwrap().len(), 3);
    let renewed = patched(set("replace", "licences[type eq \"sail\"].value", json!("S9")));
    assert_eq!(renewed["licences"][0], json!({"value": "S9", "type": "sail"}));
    let made = patched(set("replace", "licences[type eq \"tug\"].value", json!("T")));
    assert_eq!(made["licences"][3], json!({"value": "T", "type": "tug"}), "created on a miss");
    let left = patched(json!({"op": "remove", "path": by("licences[type ne \"glider\"]")}));
    assert_eq!(left["licences"], json!([{"value": "G", "type": "glider"}]));
    let secret = patched(set("replace", "doorCode", json!(format!("{DOOR_CODE}-2"))));
    assert_eq!(secret, left, "never returned");
    assert_eq!(patched(json!({"op": "remove", "path": HARBOUR})), Value::Null);
    assert_eq!(scim.get(&path).body["schemas"].as_array().unwrap().len(), 1);
    let refused = scim.patch(&path, &json!([set("add", "draught", json!("deep"))]));
    assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidValue")));

    // Secrets are in no answer and in no file.
    let put = json!({"userName": "bo", HARBOUR: {"doorcode": DOOR_CODE, "berth": "East 1"}});
    assert_eq!(scim.put(&format!("/Users/{bo}"), &put).status, 200);
    let many = json!([{"method": "PUT", "path": format!("/Users/{bo}"), "data": put}]);
    assert_eq!(scim.post("/Bulk", &bulk(&many)).body["Operations"][0]["status"], "200");
    let mut cut = 0;
    for row in server.admin().rows("/api/v1/operations?app=boat") {
        let operation = server.admin().get(&format!("/api/v1/operations/{}", row["seq"]));
        assert!(!operation.text.contains(DOOR_CODE), "{}", operation.text);
        let body = operation.body["resource"]["request"]["body"].to_string().to_lowercase();
        cut += usize::from(body.contains("\"doorcode\":null"));
    }
    assert!(cut >= 4, "stored bodies show that something was cut: {cut}");
    server.stop();
    for entry in
        fs::read_dir(&data).unwrap().chain(fs::read_dir(data.join("db")).into_iter().flatten())
    {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(DOOR_CODE.len()).any(|at| at == DOOR_CODE.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
}

#[test]
fn a_resource_type_from_a_file_is_served_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let (data, schemas) = (folder.path().join("data"), folder.path().join("schemas"));
    write(&schemas, "device.json", &device());
    write(&schemas, "devices.json", &devices());
    let server = start(&data, &schemas);
    let scim = server.add_app("boat");

    let announced = scim.get("/ResourceTypes/Device").body;
    assert_eq!(
        (&announced["endpoint"], &announced["schema"]),
        (&json!("/Devices"), &json!(DEVICE))
    );
    let body = json!({"schemas": [DEVICE], "displayName": "Radar", "externalId": "d-1"});
    let created = scim.post("/devices", &body);
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/Devices/{}", created.id());
    assert_eq!(created.header("location"), format!("{}{path}", scim.base()));
    assert_eq!(created.body["meta"]["resourceType"], "Device");
    assert_eq!(created.body["schemas"], json!([DEVICE]));
    assert_eq!(created.body.get("active"), None, "a device has none");
    assert_eq!(scim.get(&path).body, created.body);
    assert_eq!(scim.post("/Devices", &json!({"externalId": "x"})).status, 400, "required");
    let sonar = scim.post("/Devices", &json!({"displayName": "Sonar"})).id(); // never changed
    assert_eq!(scim.get("/Devices?count=1").body["totalResults"], 2);
    for filter in ["displayName eq \"RADAR\"", "externalId eq \"d-1\"", "displayName co \"ada\""] {
        let list = scim.query("/Devices", &[("filter", filter)]).body;
        assert_eq!(list["Resources"], json!([created.body]), "{filter}");
        assert_eq!(scim.query("/Users", &[("filter", filter)]).body["totalResults"], 0);
        let root = scim.post("/.search", &json!({ "filter": filter })).body;
        assert_eq!(root["Resources"], json!([created.body]), "{filter} over all types");
    }
    let rename = json!([{"op": "replace", "path": "displayName", "value": "Radar 2"}]);
    assert_eq!(scim.patch(&path, &rename).body["displayName"], "Radar 2");
    let put = scim.put(&path, &body);
    assert_eq!((put.status, &put.body["displayName"]), (200, &json!("Radar")));

    // Any resource can be a member of a group.
    let both = json!([{"value": created.id()}, {"value": sonar}]);
    let crew = scim.post("/Groups", &json!({"displayName": "Bridge", "members": both}));
    let member = json!({"value": created.id(), "type": "Device", "display": "Radar",
        "$ref": created.header("location")});
    assert_eq!(crew.body["members"][0], member);
    let crew_path = format!("/Groups/{}", crew.id());
    let filter = format!("members.value eq \"{}\"", created.id());
    assert_eq!(scim.query("/Groups", &[("filter", &filter)]).body["totalResults"], 1);

    // Operations name the type.
    let operations = |server: &Server| -> Vec<Value> {
        let rows = server.admin().rows("/api/v1/operations?app=boat");
        let rows = rows.iter().filter(|row| row["operation"].as_str().unwrap().contains("Device"));
        rows.map(|row| json!([row["seq"], row["operation"], row["httpStatus"]])).collect()
    };
    let recorded = operations(&server);
    let names: Vec<&str> = recorded.iter().rev().map(|row| row[1].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["POST Device", "GET Device"], "{names:?}");
    for name in ["PATCH Device", "PUT Device"] {
        assert!(names.contains(&name), "{names:?}");
    }
    server.stop();

    // A restart with one more type that comes before it: the numbers stay.
    write(
        &schemas,
        "anchor.json",
        &json!({"id": "urn:example:Anchor", "name": "Anchor",
        "attributes": [{"name": "weight", "type": "integer"}]}),
    );
    write(
        &schemas,
        "anchors.json",
        &json!({"id": "Anchor", "name": "Anchor",
        "endpoint": "/Anchors", "schema": "urn:example:Anchor"}),
    );
    let server = start(&data, &schemas);
    let scim = again(&server, &scim);
    let etag = put.header("etag");
    assert_eq!(scim.get(&path).header("etag"), etag);
    let anchor = scim.post("/Anchors", &json!({"weight": 300}));
    assert_eq!(anchor.status, 201, "{anchor:?}");
    assert_eq!(scim.get("/Devices").body["totalResults"], 2);
    assert_eq!(scim.get("/Anchors").body["totalResults"], 1);
    let after = operations(&server);
    assert!(after.ends_with(&recorded), "{after:?} ends with {recorded:?}");
    assert_eq!(scim.get("/").body["totalResults"], 4, "devices, the group and the anchor");
    server.stop();

    // Without the file the type is not served, but its operations stay on record.
    fs::remove_file(schemas.join("devices.json")).unwrap();
    let server = start(&data, &schemas);
    let scim = again(&server, &scim);
    assert_eq!(scim.get(&path).status, 404);
    assert_eq!(scim.get("/Devices").status, 404);
    assert_eq!(scim.post("/Devices", &body).status, 404);
    assert_eq!(scim.get("/ResourceTypes/Device").status, 404);
    assert_eq!(scim.get("/").body["totalResults"], 2, "the group and the anchor");
    assert!(operations(&server).ends_with(&recorded), "the history stays");
    let crew = scim.get(&crew_path).body;
    assert_eq!(crew["members"], both, "their ids are all one can say");
    // It is still the same member, which can be removed and added.
    let value = json!([{"value": created.id()}]);
    for (op, expected) in [("add", 2), ("remove", 1), ("add", 2), ("add", 2)] {
        let change = json!([{"op": op, "path": "members", "value": value}]);
        assert_eq!(scim.patch(&crew_path, &change).status, 204, "{op}");
        let members = scim.get(&crew_path).body["members"].as_array().map_or(0, Vec::len);
        assert_eq!(members, expected, "{op}");
    }
    server.stop();

    // With the file again.
    write(&schemas, "devices.json", &devices());
    let server = start(&data, &schemas);
    let scim = again(&server, &scim);
    assert_eq!(scim.get(&path).header("etag"), etag);
    let shown = scim.get(&crew_path).body["members"].clone();
    assert_eq!((&shown[0]["type"], &shown[0]["display"]), (&json!("Device"), &json!("Radar")));
    assert_eq!(shown[0]["$ref"], format!("{}{path}", scim.base()));
    assert_eq!(scim.delete(&path).status, 204);
    assert_eq!(scim.get(&path).status, 404);
    let left = scim.get(&crew_path).body["members"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1, "gone with it: {left}");
    let rows = server.admin().rows("/api/v1/operations?app=boat");
    assert!(rows.iter().any(|row| row["operation"] == "DELETE Device"));
    assert_eq!(scim.post("/Groups", &group("Other")).status, 201);
    server.stop();
}

#[test]
fn a_bad_file_is_named_with_its_line_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &str, line: u32, said: &str| {
        let schemas = folder.path().join(name);
        fs::create_dir_all(&schemas).unwrap();
        write(&schemas, "device.json", &device());
        let file = schemas.join("extra.json");
        fs::write(&file, content).unwrap();
        let data = folder.path().join("data");
        let mut serve = provlog();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let output = run(serve.arg("--schemas").arg(&schemas));
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let place = format!("{}:{line}: ", file.display());
        assert!(stderr.contains(&place) && stderr.contains(said), "{name}: {stderr}");
        assert!(output.stdout.is_empty(), "{name}");
        assert!(!data.exists(), "{name}: no log is begun");
    };
    check("syntax", "{\n  \"id\": \"urn:x\",\n  oops\n}", 3, "");
    check("empty", "", 1, "");
    check("neither", "{\"id\": \"urn:x\"}", 1, "neither");
    let typo = "{\n\"id\": \"urn:x:y\",\n\"name\": \"X\",\n\"attributes\": [\n{\"name\": \"a\",\n\"typ\": \"string\"}]}";
    check("typo", typo, 6, "typ");
    let taken = format!("{{\n\"name\": \"X\",\n\"id\": \"{DEVICE}\",\n\"attributes\": []}}");
    check("taken", &taken, 3, "defined already");
    let protocol = format!(
        "{{\"id\": \"X\",\n\"name\": \"X\",\n\"endpoint\": \"/Bulk\",\n\"schema\": \"{DEVICE}\"}}"
    );
    check("protocol", &protocol, 3, "/Bulk");
    let unique =
        "{\"id\": \"urn:x:y\", \"attributes\": [\n{\"name\": \"a\",\n\"uniqueness\": \"server\"}]}";
    check("promise", unique, 2, "uniqueness");
    let leak = "{\"id\": \"urn:x:y\", \"attributes\": [\n{\"name\": \"a\",\n\"mutability\": \"writeOnly\"}]}";
    check("leak", leak, 2, "returned");
}
