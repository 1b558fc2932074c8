//! The access matrix: its limits, what it says of times and of members that are no users, and its file.

use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};

const SECOND: i64 = 1_000_000;

pub(super) struct Boat {
    pub(super) server: InProcess,
    pub(super) token: String,
    _folder: tempfile::TempDir,
}

impl Boat {
    pub(super) async fn new() -> Boat {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        let token = server.add_app("boat").await;
        Boat { server, token, _folder: folder }
    }

    pub(super) async fn add(&self, kind: &str, body: Value) -> String {
        let path = format!("/apps/boat/scim/v2/{kind}");
        let answer = self.server.send("POST", &path, &self.token, &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn user(&self, name: &str) -> String {
        self.add("Users", json!({"userName": name, "active": true})).await
    }

    pub(super) async fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        self.add("Groups", json!({"displayName": name, "members": members})).await
    }

    pub(super) async fn patch(&self, group: &str, op: &str, member: &str) {
        let operation = match op {
            "add" => json!({"op": "add", "path": "members", "value": [{"value": member}]}),
            _ => json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")}),
        };
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                          "Operations": [operation]});
        let path = format!("/apps/boat/scim/v2/Groups/{group}");
        let answer = self.server.send("PATCH", &path, &self.token, &body).await;
        assert!(answer.status < 300, "{answer:?}");
    }

    /// Lets a second pass, and returns the instant before.
    pub(super) fn later(&self) -> String {
        let now = self.server.clock.now();
        self.server.clock.set(event::Timestamp(now.0 + SECOND));
        now.to_string()
    }

    pub(super) async fn ask(&self, path: &str) -> (u16, Value) {
        let answer = self.server.admin("GET", &format!("/api/v1{path}"), &Value::Null).await;
        (answer.status, answer.body)
    }

    pub(super) async fn matrix(&self, query: &str) -> Value {
        let (status, answer) = self.ask(&format!("/apps/boat/matrix?{query}")).await;
        assert_eq!(status, 200, "{answer:#}");
        answer
    }
}

/// A letter for each cell.
fn signs(row: &Value) -> String {
    let cells = row["cells"].as_array().unwrap().iter();
    let sign = |cell: &Value| match (cell.is_null(), cell["compared"].as_str()) {
        (true, _) => '.',
        (_, Some("added")) => '+',
        (_, Some("removed")) => '-',
        (_, Some("same")) => '=',
        _ => 'x',
    };
    cells.map(sign).collect()
}

/// The names of the rows with their cells.
fn rows(answer: &Value) -> Vec<(String, String)> {
    let rows = answer["rows"].as_array().unwrap().iter();
    let name = |row: &Value| {
        let name = row["userName"].as_str().or(row["displayName"].as_str());
        name.unwrap_or_default().to_owned()
    };
    rows.map(|row| (name(row), signs(row))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, signs)| ((*name).to_owned(), (*signs).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_says_what_became_of_a_membership_since_an_earlier_instant() {
    let boat = Boat::new().await;
    let (mira, ole, ida) =
        (boat.user("mira").await, boat.user("ole").await, boat.user("ida").await);
    boat.user("idle").await;
    let crew = boat.group("Crew", &[&mira, &ole]).await;
    let before = boat.later();
    boat.patch(&crew, "remove", &ole).await;
    boat.patch(&crew, "add", &ida).await;
    let deck = boat.group("Deck", &[&mira]).await;
    let answer = boat.matrix(&format!("compare={before}")).await;
    let expected = pairs(&[("mira", "=+"), ("ole", "-."), ("ida", "+.")]);
    assert_eq!(rows(&answer), expected, "{answer:#}");
    assert_eq!(answer["query"]["compare"], before.as_str());
    let columns: Vec<_> =
        answer["groups"].as_array().unwrap().iter().map(|group| group["groupId"].clone()).collect();
    assert_eq!(columns, [crew.as_str(), deck.as_str()]);
    // Whose membership has ended is not in the group.
    assert_eq!(answer["rows"][1]["cells"][0]["memberSince"], Value::Null);
    assert_eq!(answer["groups"][0]["memberCount"], 2);
    // The groups keep the order in which they were named; other users are shown on request.
    let answer = boat.matrix("groups=displayName:Deck,displayName:Crew&allUsers=true").await;
    let expected = pairs(&[("mira", "xx"), ("ole", ".."), ("ida", ".x"), ("idle", "..")]);
    assert_eq!(rows(&answer), expected);
    // The instant to compare with is the earlier one.
    let path = format!("/apps/boat/matrix?at={before}&compare={}", boat.server.clock.now());
    let (status, refusal) = boat.ask(&path).await;
    assert_eq!((status, &refusal["type"]), (400, &json!("/problems/invalid-parameter")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_a_group_is_a_row_so_that_a_column_counts_its_members() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    let crew = boat.group("Crew", &[&mira, "nobody-knows"]).await;
    boat.group("All hands", &[&crew]).await;
    for (query, expected) in [("", vec!["x.", ".x", "x."]), ("nested=true", vec!["xx", ".x", "xx"])]
    {
        let answer = boat.matrix(query).await;
        let signs: Vec<String> = answer["rows"].as_array().unwrap().iter().map(signs).collect();
        assert_eq!(signs, expected, "{answer:#}");
        for (column, group) in answer["groups"].as_array().unwrap().iter().enumerate() {
            let filled = signs.iter().filter(|row| row.as_bytes()[column] == b'x').count();
            assert_eq!(group["memberCount"], filled, "{answer:#}");
        }
        let unknown = &answer["rows"][2];
        assert_eq!(
            (&unknown["userId"], &unknown["dangling"]),
            (&json!("nobody-knows"), &json!(true))
        );
        assert_eq!(answer["rows"][1]["memberType"], "Group");
    }
    let nested = boat.matrix("nested=true").await;
    let cells = &nested["rows"][0]["cells"];
    assert_eq!((&cells[0]["direct"], &cells[1]["direct"]), (&json!(true), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_groups_are_refused_with_their_number() {
    let boat = Boat::new().await;
    for n in 0..50 {
        boat.group(&format!("Group {n}"), &[]).await;
    }
    assert_eq!(boat.matrix("").await["groups"].as_array().unwrap().len(), 50);
    let last = boat.group("One more", &[]).await;
    let (status, refusal) = boat.ask("/apps/boat/matrix").await;
    assert_eq!((status, &refusal["type"]), (400, &json!("/problems/too-many-groups")));
    assert!(refusal["detail"].as_str().unwrap().starts_with("51 groups are too many"), "{refusal}");
    let named = boat.matrix(&format!("groups={last},{last}")).await;
    assert_eq!(named["groups"].as_array().unwrap().len(), 1, "{named}");
    let many = vec![last.as_str(); 51].join(",");
    let (status, refusal) = boat.ask(&format!("/apps/boat/matrix?groups={many}")).await;
    assert_eq!((status, &refusal["type"]), (400, &json!("/problems/invalid-parameter")));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_file_has_a_column_for_each_group() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    boat.group("=Crew", &[&mira, &ole]).await;
    boat.group("Deck, aft", &[&ole]).await;
    let query = format!("at={}", boat.later());
    let answer = boat.matrix(&query).await;
    let admin = &boat.server.admin_token;
    let files = boat.server.export(&format!("apps/boat/matrix?{query}"), admin).await;
    let mut lines = files["matrix.csv"].lines();
    let head = "at,atSeq,userId,userName,displayName,memberType,accountActive,dangling,'=Crew,\
                \"Deck, aft\",'=Crew addedBySeq,\"Deck, aft addedBySeq\",'=Crew startKnown,\
                \"Deck, aft startKnown\"";
    assert_eq!(lines.next(), Some(head));
    let (at, seq) = (&answer["query"]["at"].as_str().unwrap(), &answer["atSeq"]);
    let cell = |row: usize, column: usize, name: &str| {
        let value = &answer["rows"][row]["cells"][column][name];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let since = cell(0, 0, "memberSince");
    let expected = format!(
        "{at},{seq},{mira},mira,,User,true,false,{since},,{},,true,",
        cell(0, 0, "addedBySeq")
    );
    assert_eq!(lines.next(), Some(expected.as_str()));
    let expected = format!(
        "{at},{seq},{ole},ole,,User,true,false,{since},{},{},{},true,true",
        cell(1, 1, "memberSince"),
        cell(1, 0, "addedBySeq"),
        cell(1, 1, "addedBySeq"),
    );
    assert_eq!(lines.next(), Some(expected.as_str()));
    assert_eq!(lines.next(), None);
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["files"][0]["guardedCells"], 3, "{manifest:#}");
}
