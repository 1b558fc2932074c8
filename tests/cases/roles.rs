//! Who may ask what, and what that leaves: everything that `answers` describes and every other address,
//! with every kind of token.

use std::collections::BTreeSet;

use answers::act::Method;
use answers::{Kind, Who};
use event::{Fact, Header};
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::listing::Upstream;
use crate::harness::samples::Samples;

/// Somebody who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Without a token.
    Nobody,
    /// With one that was never issued.
    Unknown,
    /// With an admin's that was taken back.
    Revoked,
    Scim(&'static str),
    AppAuditor(&'static str),
    Auditor,
    Admin,
}

/// An admin comes last: what an act takes away is there for the others.
const ROLES: [Role; 9] = [
    Role::Nobody,
    Role::Unknown,
    Role::Revoked,
    Role::Scim("boat"),
    Role::Scim("kite"),
    Role::AppAuditor("boat"),
    Role::AppAuditor("kite"),
    Role::Auditor,
    Role::Admin,
];

/// So many questions are asked of one server with tokens that may not ask: of those, 50 in a second and for
/// an application leave an event each, and what comes above is counted.
const CHUNK: usize = 12;

/// What the description of an address says that a role is answered; `ok` is the status of an answer, and
/// `named` the application that the address names, or something of it.
fn expected(role: Role, who: Who, named: Option<&str>, ok: u16) -> u16 {
    match (role, who) {
        (Role::Nobody | Role::Unknown | Role::Revoked, _) => 401,
        (Role::Scim(_), _) => 403,
        (Role::AppAuditor(_) | Role::Auditor, Who::Admin) => 403,
        // Like one that is not there.
        (Role::AppAuditor(app), Who::Reader) if named.is_some_and(|named| named != app) => 404,
        (Role::AppAuditor(_) | Role::Auditor, Who::Reader) | (Role::Admin, _) => ok,
    }
}

/// They change nothing of the record, so that they were sent is recorded as for a question.
const CHANGE_NOTHING: [&str; 4] =
    ["/api/v1/login-links", "/api/v1/checkpoint", "/api/v1/verification", "/api/v1/subjects/find"];

/// Applications: one to ask about, one beside it, and one that has an upstream to act on.
pub(super) struct World {
    pub(super) server: InProcess,
    pub(super) tokens: Vec<(Role, String)>,
    /// A seq of the boat's.
    operation: String,
    /// A review of who is in the boat's groups.
    review: String,
    /// The id of a token to take back.
    sacrificial: String,
    _upstream: Upstream,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        let (boat, kite) = (server.add_app("boat").await, server.add_app("kite").await);
        let mira = json!({"userName": "mira", "active": true});
        let mira = server.send("POST", "/apps/boat/scim/v2/Users", &boat, &mira).await;
        assert_eq!(mira.status, 201, "{mira:?}");
        for name in ["Crew", "Deck"] {
            let members = [json!({"value": mira.body["id"]})];
            let group = json!({"displayName": name, "members": members});
            let group = server.send("POST", "/apps/boat/scim/v2/Groups", &boat, &group).await;
            assert_eq!(group.status, 201, "{group:?}");
        }
        let operations = server.admin("GET", "/api/v1/operations?app=boat", &Value::Null).await;
        let operation = operations.body["rows"][0]["seq"].to_string();
        // Names that nobody has, of which some are erased and held.
        for index in 0..10 {
            let path = format!("/apps/boat/scim/v2/Users?filter=userName%20eq%20%22x{index}%22");
            assert_eq!(server.send("GET", &path, &boat, &Value::Null).await.status, 200);
        }
        let held = json!({"application": "boat", "numbers": [10], "reason": "case 1"});
        assert_eq!(server.admin("POST", "/api/v1/subjects/hold", &held).await.status, 200);
        let list = "userName,terminatedAt\nmira,2026-01-01\n";
        let added = server.admin_text("POST", "/api/v1/reference-lists?name=staff", list).await;
        assert_eq!(added.status, 201, "{added:?}");
        let saved = json!({"name": "weekly", "question": "/api/v1/apps/boat/groups"});
        let saved = server.admin("POST", "/api/v1/saved-questions", &saved).await;
        assert_eq!(saved.status, 201, "{saved:?}");
        let review = json!({"question": "/api/v1/apps/boat/matrix", "outcome": "approved"});
        let review = server.admin("POST", "/api/v1/reviews", &review).await;
        assert_eq!(review.status, 201, "{review:?}");
        let review = review.body["seq"].to_string();
        let upstream = Upstream::start().await;
        let file = folder.path().join("upstream.token");
        std::fs::write(&file, "any").unwrap();
        let of_upstream = json!({"url": upstream.url, "tokenFile": file});
        let raft = json!({"application": "raft", "upstream": of_upstream});
        assert_eq!(server.admin("POST", "/api/v1/apps", &raft).await.status, 201);
        upstream.change(&[(0, 2)]);

        let issue = async |role: Value| {
            let issued = server.admin("POST", "/api/v1/tokens", &role).await.body;
            let text = |name: &str| issued[name].as_str().unwrap().to_owned();
            (text("token"), text("id"))
        };
        let mut tokens = vec![];
        for role in ROLES {
            tokens.push((
                role,
                match role {
                    Role::Nobody => String::new(),
                    Role::Unknown => "plg_nobody".to_owned(),
                    Role::Revoked => {
                        let (token, id) = issue(json!({"role": "admin"})).await;
                        let path = format!("/api/v1/tokens/{id}");
                        assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 200);
                        token
                    }
                    Role::Scim("boat") => boat.clone(),
                    Role::Scim(_) => kite.clone(),
                    Role::AppAuditor(app) => {
                        issue(json!({"role": "app-auditor", "application": app})).await.0
                    }
                    Role::Auditor => issue(json!({"role": "auditor"})).await.0,
                    Role::Admin => server.admin_token.clone(),
                },
            ));
        }
        let (_, sacrificial) = issue(json!({"role": "auditor"})).await;
        World {
            server,
            tokens,
            operation,
            review,
            sacrificial,
            _upstream: upstream,
            _folder: folder,
        }
    }

    pub(super) fn samples(&self, app: &'static str) -> Samples {
        Samples {
            app,
            user: "userName:mira",
            group: "displayName:Crew",
            groups: "displayName:Crew,displayName:Deck",
            list: "staff",
            saved: "weekly",
            token: self.sacrificial.clone(),
            operation: self.operation.clone(),
            review: self.review.clone(),
        }
    }

    /// What is answered, and the headers of the events that it leaves.
    async fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Vec<Header>) {
        let before = self.server.server.committer().store().log_size().unwrap();
        let answer = self.server.send_text(method, path, token, body).await;
        let left = self.server.events_from(before);
        (answer.status, left.into_iter().map(|event| event.header).collect())
    }

    /// Asks with every role, or with those that may read, and compares the status and what is left of a
    /// look.
    async fn check(&self, asked: &Asked<'_>, all_roles: bool) {
        let roles = self.tokens.iter().filter(|(role, _)| {
            all_roles || matches!(role, Role::AppAuditor(_) | Role::Auditor | Role::Admin)
        });
        for (role, token) in roles {
            let Asked { method, route, path, body, named, who, ok } = *asked;
            let at = format!("{role:?}: {method} {path}");
            let (status, left) = self.ask(method, path, token, body).await;
            assert_eq!(status, expected(*role, who, named, ok), "{at}");
            let accesses: Vec<_> = left
                .iter()
                .filter_map(|header| match &header.fact {
                    Fact::Access(access) => Some((access.route.as_str(), access.status)),
                    _ => None,
                })
                .collect();
            match role {
                // Nobody's token is in the record, so there is nobody to tell of.
                Role::Nobody | Role::Unknown => assert!(left.is_empty(), "{at}: {left:?}"),
                // A change is on record by itself.
                _ if !["GET", "HEAD"].contains(&method)
                    && status == ok
                    && !CHANGE_NOTHING.contains(&route) =>
                {
                    assert!(accesses.is_empty() && !left.is_empty(), "{at}: {left:?}");
                }
                _ => {
                    assert_eq!(accesses, [(route, status)], "{at}");
                    // That a bundle needed a commitment is the recorder's own event.
                    let own = |one: &&Header| matches!(one.fact, Fact::StateCommitted(_));
                    let others = left.iter().filter(|one| !own(one)).count();
                    assert_eq!(others, 1, "{at}: {left:?}");
                }
            }
        }
    }
}

/// An address as it is asked.
struct Asked<'a> {
    method: &'a str,
    route: &'a str,
    path: &'a str,
    body: &'a str,
    /// The application that it names.
    named: Option<&'static str>,
    who: Who,
    ok: u16,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered_to_whom_its_description_says_and_leaves_one_event() {
    for some in answers::all().chunks(CHUNK) {
        let world = World::new().await;
        let samples = world.samples("boat");
        for one in some {
            for (place, address) in samples.forms(one.path, &one.parameters).iter().enumerate() {
                for method in ["GET", "HEAD"] {
                    let asked = Asked {
                        method,
                        route: one.path,
                        path: &address.text,
                        body: "",
                        named: address.is_of_application.then_some("boat"),
                        who: one.who,
                        ok: 200,
                    };
                    world.check(&asked, place == 0).await;
                }
            }
        }
        world.server.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_carried_out_for_whom_its_description_says() {
    // A new world now and then: of many refused requests at once, some are only counted.
    // What is marked or saved first is unmarked and removed in the same one.
    for some in answers::act::acts().chunks(15) {
        carried_out(some).await;
    }
}

async fn carried_out(acts: &[answers::act::DescribedAct]) {
    let world = World::new().await;
    for one in acts {
        // Only the raft has an upstream to look at, and only the boat has groups, saved questions and the
        // operation that is asked about.
        let needs = |kind| one.parameters.iter().any(|parameter| parameter.kind == kind);
        let names_operation = one.parameters.iter().any(|one| one.name == "operation");
        let is_of_boat = needs(Kind::Group)
            || needs(Kind::QuestionName)
            || names_operation
            || one.path.contains("/subjects/");
        let app = if is_of_boat { "boat" } else { "raft" };
        let samples = world.samples(app);
        let address = samples.smallest(one.path, &one.parameters);
        let body = one.examples.first().map_or("", |(_, body)| body);
        let methods: &[&str] = match one.method {
            Method::Get => &["GET", "HEAD"],
            other => &[other.name()],
        };
        for method in methods {
            let asked = Asked {
                method,
                route: one.path,
                path: &address.text,
                body,
                named: address
                    .is_of_application
                    .then_some(app)
                    .or(body.contains("/apps/boat/").then_some("boat")),
                who: one.who,
                ok: one.status,
            };
            world.check(&asked, true).await;
        }
    }
    world.server.close().await;
}

/// To whom an address that nothing describes is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    /// To everybody; it leaves nothing.
    All,
    /// To nobody, whoever asks; it leaves nothing.
    Nobody,
    /// To those who read, like a question.
    Readers,
    /// To the application's own client; whatever is asked leaves an operation.
    Client,
}

/// Each as it stands in the router, and as it is asked.
const OTHERS: [(&str, &str, Open); 13] = [
    ("/tlog/checkpoint", "/tlog/checkpoint", Open::All),
    ("/tlog/tile/{*tile}", "/tlog/tile/0/000.p/1", Open::All),
    ("/livez", "/livez", Open::All),
    ("/readyz", "/readyz", Open::All),
    ("/metrics", "/metrics", Open::All),
    ("/openapi.json", "/openapi.json", Open::All),
    ("/v1.0", "/v1.0", Open::Nobody),
    ("/v1.0/{*rest}", "/v1.0/auditLogs/provisioning", Open::Readers),
    ("/beta", "/beta", Open::Nobody),
    ("/beta/{*rest}", "/beta/auditLogs/provisioning", Open::Readers),
    ("/apps/{app}/scim/v2", "/apps/kite/scim/v2", Open::Client),
    ("/apps/{app}/scim/v2/", "/apps/kite/scim/v2/", Open::Client),
    ("/apps/{app}/scim/v2/{*rest}", "/apps/kite/scim/v2/Users", Open::Client),
];

#[test]
fn every_address_of_the_routers_is_described_or_in_the_list_of_others() {
    let sources = [
        include_str!("../../crates/query/src/http/mod.rs"),
        include_str!("../../crates/ingest/src/http/mod.rs"),
    ];
    let routes = sources.iter().flat_map(|text| text.split(".route(").skip(1));
    let routed: BTreeSet<&str> = routes.filter_map(|rest| rest.split('"').nth(1)).collect();
    let questions = answers::all().iter().map(|one| one.path);
    let described: BTreeSet<&str> =
        questions.chain(answers::act::acts().iter().map(|one| one.path)).collect();
    let others: BTreeSet<&str> = OTHERS.iter().map(|(route, ..)| *route).collect();
    assert_eq!(others.len(), OTHERS.len());
    let left: Vec<&&str> = routed.iter().filter(|one| !described.contains(**one)).collect();
    assert_eq!(
        left,
        others.iter().collect::<Vec<_>>(),
        "neither described nor in the list of others"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_address_is_open_to_whom_it_is_for() {
    for (_, path, open) in OTHERS {
        // For the same reason as above.
        let world = World::new().await;
        // Nothing is shown of the tree before it was signed.
        world.server.admin("POST", "/api/v1/checkpoint", &json!({})).await;
        for (role, token) in &world.tokens {
            for method in ["GET", "HEAD"] {
                let at = format!("{role:?}: {method} {path}");
                let (status, left) = world.ask(method, path, token, "").await;
                match open {
                    Open::Nobody => assert_eq!((status, left.len()), (404, 0), "{at}"),
                    Open::All => assert_eq!((status, left.len()), (200, 0), "{at}"),
                    Open::Readers => {
                        assert_eq!(status, expected(*role, Who::Reader, None, 200), "{at}");
                        let is_known = !matches!(role, Role::Nobody | Role::Unknown);
                        assert_eq!(left.len(), usize::from(is_known), "{at}: {left:?}");
                        let is_look = |one: &Header| {
                            matches!(&one.fact, Fact::Access(look) if
                            look.status == status)
                        };
                        assert!(left.iter().all(is_look), "{at}: {left:?}");
                    }
                    Open::Client => {
                        let is_own = *role == Role::Scim("kite");
                        assert_eq!(status, if is_own { 200 } else { 401 }, "{at}");
                        let [Header { fact: Fact::Operation(operation), .. }] = left.as_slice()
                        else {
                            panic!("{at}: {left:?}");
                        };
                        assert_eq!(operation.status, status, "{at}");
                    }
                }
            }
        }
        world.server.close().await;
    }
}
