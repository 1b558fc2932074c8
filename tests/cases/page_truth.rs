//! Pages tell nothing of the whole that is true of a part only, and nothing of an instant that is true of another.

use axum::body::Body;
use axum::http::{Request, Response};
use serde_json::{Value, json};

use super::imports::{IN_SCOPE, Imports, entry};
use super::matrix::Boat;
use crate::harness::in_process::InProcess;

impl Boat {
    async fn page(&self, path: &str) -> String {
        page_of(&self.server, path).await
    }

    async fn rename(&self, user: &str, title: &str) {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                          "Operations": [{"op": "replace", "path": "title", "value": title}]});
        let path = format!("/apps/boat/scim/v2/Users/{user}");
        let answer = self.server.send("PATCH", &path, &self.token, &body).await;
        assert!(answer.status < 300, "{answer:?}");
    }
}

/// What a browser gets at a path.
async fn open(server: &InProcess, path: &str) -> Response<String> {
    let request = Request::get(path).header("accept", "text/html");
    let token = format!("Bearer {}", server.admin_token);
    server.request(request.header("authorization", token).body(Body::empty()).unwrap()).await
}

/// The page at a path, which is there.
async fn page_of(server: &InProcess, path: &str) -> String {
    let page = open(server, path).await;
    assert_eq!(page.status(), 200, "{path}: {}", page.body());
    page.into_body()
}

fn check(page: &str, there: &[&str], missing: &[&str]) {
    for text in there {
        assert!(page.contains(text), "no {text}: {page}");
    }
    for text in missing {
        assert!(!page.contains(text), "{text}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_matrix_counts_what_differs_on_it() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[]).await;
    let before = boat.later();
    boat.patch(&crew, "add", &mira).await;
    boat.patch(&crew, "add", &ole).await;
    let path = format!("/apps/boat/matrix?compare={before}");
    let page = boat.page(&path).await;
    check(&page, &["UTC: 2</span>"], &["on this page"]);
    let page = boat.page(&format!("{path}&limit=1")).await;
    check(&page, &["on this page: 1</span>"], &["UTC: 1</span>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_too_many_groups_chooses_some_of_them() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    for n in 0..51 {
        boat.group(&format!("Group {n}"), &[&mira]).await;
    }
    let page = boat.page("/apps/boat/matrix?nested=true").await;
    assert_eq!(page.matches("type=\"checkbox\" name=\"group\"").count(), 51, "{page}");
    check(&page, &["Group 50", "name=\"nested\" value=\"true\""], &["mira"]);
    let value = |page: &str, group: &str| -> String {
        let before = page.split(&format!("> <bdi>{group}</bdi>")).next().unwrap();
        before.rsplit("value=\"").next().unwrap().split('"').next().unwrap().to_owned()
    };
    let (one, other) = (value(&page, "Group 7"), value(&page, "Group 50"));
    let ticked = format!("/apps/boat/matrix?nested=true&group={one}&group={other}");
    let led = open(&boat.server, &ticked).await;
    assert_eq!(led.status(), 303);
    let page = boat.page(led.headers()["location"].to_str().unwrap()).await;
    assert_eq!(page.matches("<th scope=\"col\" class=\"group\">").count(), 2, "{page}");
    check(&page, &["Group 7<", "Group 50<", "mira"], &["Group 8<"]);
    // They are ticked when others are chosen.
    let link = page.split("\">Choose groups").next().unwrap().rsplit("href=\"").next().unwrap();
    let page = boat.page(&link.replace("&#38;", "&")).await;
    assert_eq!(page.matches(" checked> <bdi>").count(), 2, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_at_some_instants_are_not_told_as_changes() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    let crew = boat.group("Crew", &[]).await;
    let path = format!("/apps/boat/groups/{crew}");
    boat.later();
    boat.patch(&crew, "add", &mira).await;
    boat.later();
    check(&boat.page(&path).await, &["Before: <time", "No change after"], &["because it changed"]);
    for _ in 0..100 {
        boat.later();
        boat.patch(&crew, "remove", &mira).await;
        boat.later();
        boat.patch(&crew, "add", &mira).await;
    }
    let page = boat.page(&path).await;
    check(&page, &["because it changed more often"], &["Before: <time", "No change after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_group_is_about_the_one_that_had_the_name_then() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[&mira, &ole]).await;
    let then = boat.later();
    let path = format!("/apps/boat/scim/v2/Groups/{crew}");
    let answer = boat.server.send("DELETE", &path, &boat.token, &Value::Null).await;
    assert_eq!(answer.status, 204);
    boat.later();
    boat.group("Crew", &[]).await;
    let page = boat.page(&format!("/apps/boat/groups/displayName:Crew?at={then}")).await;
    check(&page, &["2 at first, 0 at last", "2 members"], &["0 at first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_user_does_not_take_what_it_leaves_out_for_nothing() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    let path = format!("/apps/boat/users/{mira}");
    let early = {
        boat.later();
        boat.rename(&mira, "first").await;
        boat.later()
    };
    for n in 0..120 {
        boat.later();
        boat.rename(&mira, &format!("title {n}")).await;
    }
    let page = boat.page(&format!("{path}?at={early}")).await;
    let until = ["Change before:", "What happened until then", "2, newest first"];
    check(&page, &until, &["No change before", "Change after:", "What happened lately"]);
    check(&page, &["What happened after", "Marks of 102 of 122 events"], &[]);
    let page = boat.page(&path).await;
    check(&page, &["Change before:", "No change after", "What happened lately"], &[]);
    let first = boat.page(&format!("{path}?at=2020-01-01")).await;
    check(&first, &["No change before", "What happened after"], &["Change after:"]);
    check(&first, &["As of <b>before the first event</b>"], &["<b>event 0</b>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_from_imported_logs_alone_says_so() {
    let imports = Imports::new().await;
    let entries = [entry(1, &imports.now(), "mira", ("create", "success"), IN_SCOPE)];
    imports.import(&entries).await;
    let told = "This rests on imported logs alone";
    for path in ["users", "users/userName:mira", "groups"] {
        let path = format!("/apps/paperboat/{path}");
        check(&page_of(&imports.server, &path).await, &[told], &["Made by event"]);
    }
    imports.create("ole").await;
    let path = "/apps/paperboat/users";
    check(&page_of(&imports.server, path).await, &["ole"], &[told]);
    let path = "/apps/paperboat/users/userName:ole";
    check(&page_of(&imports.server, path).await, &["Made by event"], &[told]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_creation_leads_to_what_is_known_of_it() {
    let boat = Boat::new().await;
    boat.user("mira").await;
    let body = json!({"userName": "mira", "externalId": "e-2", "active": true});
    let refused = boat.server.send("POST", "/apps/boat/scim/v2/Users", &boat.token, &body).await;
    assert_eq!(refused.status, 409);
    let (_, answer) = boat.ask("/operations?status=failure").await;
    let (seq, id) = (&answer["rows"][0]["seq"], answer["rows"][0]["resourceId"].as_str().unwrap());
    let timeline = format!("/apps/boat/users/{id}/timeline");
    let page = boat.page(&format!("/operations/{seq}")).await;
    check(&page, &[&format!("href=\"{timeline}\"")], &[&format!("href=\"/apps/boat/users/{id}\"")]);
    check(&boat.page(&timeline).await, &["POST User", "failure"], &[]);
}
