//! Filters (RFC 7644 §3.4.2.2).

use serde_json::{Value, json};

use super::{check_refused, ids, served, served_with};
use crate::harness::server::{Client, encoded, group, user};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn lists_are_filtered_and_paged_in_a_stable_order() {
    served(|scim| {
        let ids: Vec<String> = (0..11)
            .map(|index| scim.post("/Users", &user(&format!("user-{index}"))).id())
            .collect();
        let mut seen = vec![];
        for start in [1, 6, 11, 16] {
            let body = scim.get(&format!("/Users?startIndex={start}&count=5")).body;
            assert_eq!(body["totalResults"], 11);
            assert_eq!(body["startIndex"], start);
            let page = body["Resources"].as_array().unwrap();
            assert_eq!(body["itemsPerPage"], page.len());
            seen.extend(page.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(seen, ids, "in the order of creation");
        let body = scim.get("/Users?count=0").body;
        assert_eq!((&body["totalResults"], &body["Resources"]), (&json!(11), &json!([])));
        let none = scim.get("/Users?filter=userName%20eq%20%22nobody%22");
        assert_eq!((none.status, &none.body["Resources"]), (200, &json!([])));
        let id = scim.post("/Groups", &group("Crew")).id();
        let found = scim.get("/groups?filter=displayName+eq+%22crew%22&excludedAttributes=members");
        assert_eq!(found.body["Resources"][0]["id"], id.as_str());
        assert_eq!(scim.get("/Users?filter=userName%20zz").body["scimType"], "invalidFilter");
    });
}

/// Three users and two groups to be found by filters.
struct Harbour<'a> {
    scim: &'a Client,
    /// Name and id, in the order of creation.
    ids: Vec<(&'static str, String)>,
}

impl<'a> Harbour<'a> {
    fn new(scim: &'a Client) -> Harbour<'a> {
        let mut harbour = Harbour { scim, ids: vec![] };
        harbour.add(
            "olga",
            "/Users",
            json!({
                "userName": "olga", "externalId": "O-9",
                "name": {"givenName": "Olga", "familyName": "Ek"},
                "x509Certificates": [{"value": "aGVq"}], "nickName": "a+b",
            }),
        );
        let manager = harbour.id("olga").to_owned();
        harbour.add(
            "mira",
            "/Users",
            json!({
                "userName": "mira@fjord.example", "externalId": "E-1", "title": "Straße 1",
                "nickName": "Ål", "profileUrl": "http://fjord.example/Mira",
                "emails": [
                    {"type": "work", "value": "mira@fjord.example", "primary": true},
                    {"type": "home", "value": "mira@lake.example"},
                ],
                ENT: {"department": "Quay", "manager": {"value": manager}},
            }),
        );
        harbour.add(
            "nils",
            "/Users",
            json!({
                "userName": "Nils@Fjord.example", "externalId": "e-1", "active": false,
                "emails": [
                    {"type": "home", "value": "nils@fjord.example"},
                    {"type": "Work", "value": "nils@lake.example"},
                ],
            }),
        );
        let member = json!([{"value": harbour.id("mira")}, {"value": "stranger"}]);
        harbour.add("crew", "/Groups", json!({"displayName": "Crew", "members": member}));
        let member = json!([{"value": harbour.id("crew")}, {"value": harbour.id("nils")}]);
        harbour.add("All", "/Groups", json!({"displayName": "All", "members": member}));
        harbour
    }

    fn add(&mut self, name: &'static str, endpoint: &str, body: Value) {
        let created = self.scim.post(endpoint, &body);
        assert_eq!(created.status, 201, "{created:?}");
        self.ids.push((name, created.id()));
    }

    fn id(&self, name: &str) -> &str {
        let found = self.ids.iter().find(|(one, _)| *one == name);
        found.map_or_else(|| panic!("nobody called {name}"), |(_, id)| id)
    }

    fn names(&self, list: &Value) -> String {
        let name = |id: &str| {
            let found = self.ids.iter().find(|(_, one)| one == id);
            found.map_or("?", |(name, _)| *name)
        };
        ids(list).into_iter().map(name).collect::<Vec<_>>().join(" ")
    }

    /// Checks what a filter finds, in the order of creation; also in a form that no index can answer.
    #[track_caller]
    fn check(&self, endpoint: &str, filter: &str, expected: &str) {
        let ask = |filter: &str| {
            let answer = self.scim.get(&format!("{endpoint}?filter={}", encoded(filter)));
            assert_eq!(answer.status, 200, "{filter}: {answer:?}");
            let found = self.names(&answer.body);
            let count = found.split_whitespace().count();
            assert_eq!(answer.body["totalResults"], count, "{filter}");
            found
        };
        assert_eq!(ask(filter), expected, "{filter}");
        assert_eq!(ask(&format!("not (not ({filter}))")), expected, "{filter}, one by one");
        assert_eq!(ask(&format!("id pr and ({filter})")), expected, "{filter}, and more");
        let search = format!("{}/.search", endpoint.trim_end_matches('/'));
        let searched = self.scim.post(&search, &json!({"filter": filter}));
        assert_eq!(self.names(&searched.body), expected, "{filter}, in a body");
    }

    #[track_caller]
    fn users(&self, filter: &str, expected: &str) {
        self.check("/Users", filter, expected);
    }

    #[track_caller]
    fn refused(&self, filter: &str) {
        for endpoint in ["/Users", "/"] {
            let answer = self.scim.get(&format!("{endpoint}?filter={}", encoded(filter)));
            check_refused(&answer, 400, Some("invalidFilter"));
        }
        let searched = self.scim.post("/Users/.search", &json!({"filter": filter}));
        check_refused(&searched, 400, Some("invalidFilter"));
    }
}

#[test]
fn every_operator() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        let users = |filter: &str, expected: &str| harbour.users(filter, expected);
        users("userName eq \"MIRA@fjord.EXAMPLE\"", "mira");
        users("userName eq \"mira\"", "");
        users("userName ne \"Olga\"", "mira nils");
        users("userName co \"FJORD\"", "mira nils");
        users("userName sw \"nils\"", "nils");
        users("userName sw \"ils\"", "");
        users("userName ew \".Example\"", "mira nils");
        users("userName ew \"\"", "olga mira nils");
        users("userName gt \"mira@fjord.example\"", "olga nils");
        users("userName ge \"mira@fjord.example\"", "olga mira nils");
        users("userName lt \"NILS@fjord.example\"", "mira");
        users("userName le \"nils@fjord.example\"", "mira nils");
        users("title pr", "mira");
        users("userName pr", "olga mira nils");
        users("roles pr", "");
        users("emails pr", "mira nils");
        users("emails.display pr", "");
        users("emails.primary pr", "mira");
        users("name pr", "olga");
        users("name.familyName pr", "olga");
        users(&format!("{ENT}:manager pr"), "mira");
        // An unassigned attribute equals null and nothing else.
        users("title ne \"Straße 1\"", "olga nils");
        users("title eq null", "olga nils");
        users("title ne null", "mira");
        users("emails eq null", "olga");
        users("title gt \"\"", "mira");
        users("title le \"z\"", "mira");
        // Names and operators in any letter case.
        users("USERNAME EQ \"olga\"", "olga");
        users("title PR Or username Sw \"NILS\"", "mira nils");
        users("userName Pr AND NOT (title pR)", "olga nils");
    });
}

#[test]
fn precedence() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        let users = |filter: &str, expected: &str| harbour.users(filter, expected);
        let (olga, mira) = ("userName eq \"olga\"", "externalId eq \"E-1\"");
        users(&format!("{olga} or {mira} and title eq \"no\""), "olga");
        users(&format!("title eq \"no\" and {mira} or {olga}"), "olga");
        users(&format!("({olga} or {mira}) and title pr"), "mira");
        users(&format!("({olga} or {mira}) and title eq \"no\""), "");
        users(&format!("not ({olga}) and title pr"), "mira");
        users(&format!("not ({olga}) or title eq \"no\""), "mira nils");
        users(&format!("not ({olga} or title pr)"), "nils");
        users(&format!("not({olga})"), "mira nils");
        users(&format!("not(not({olga}))"), "olga");
        users(&format!("(({olga}))"), "olga");
        users(&format!("{olga} or {mira} or active eq false"), "olga mira nils");
        users(&format!("title pr and not (active eq false) and {mira}"), "mira");
        harbour.refused("not title pr");
        harbour.refused("not not (title pr)");
    });
}

#[test]
fn attributes_with_several_values() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        let users = |filter: &str, expected: &str| harbour.users(filter, expected);
        // Any element matches, and each term may match another one.
        users("emails.type eq \"work\" and emails.value co \"@fjord\"", "mira nils");
        users("emails[type eq \"work\" and value co \"@fjord\"]", "mira");
        users("emails[type eq \"work\" and value eq \"mira@fjord.example\"]", "mira");
        users("emails[type eq \"home\" and value eq \"mira@fjord.example\"]", "");
        users("emails[value eq \"nils@lake.example\"]", "nils");
        users("emails[not (type eq \"work\") and value ew \"@lake.example\"]", "mira");
        users("emails[type eq \"fax\" or value sw \"nils@l\"]", "nils");
        users("emails[(type eq \"work\") and (primary eq true)]", "mira");
        users("emails[primary pr]", "mira");
        users("emails[display eq null]", "mira nils");
        users("emails[type eq \"fax\"] or title pr", "mira");
        users("not (emails[type eq \"work\" and value co \"@fjord\"])", "olga nils");
        users("emails.primary eq true", "mira");
        users("emails.type ne \"work\"", "olga mira nils");
        // The attribute without a sub-attribute means `value`.
        users("emails co \"@lake\"", "mira nils");
        users("emails eq \"NILS@lake.example\"", "nils");
        users("emails.value eq \"NILS@lake.example\"", "nils");
        users("x509Certificates eq \"aGVq\"", "olga");
        users(&format!("groups eq \"{}\"", harbour.id("crew")), "mira");
        users(&format!("groups.value eq \"{}\"", harbour.id("All")), "nils");
        users("groups.display eq \"crew\"", "mira");
        users("groups[display eq \"all\" and type eq \"direct\"]", "nils");
        harbour.refused("emails[emails[type eq \"work\"]]");
        harbour.refused("emails.value[type eq \"work\"]");
        harbour.refused("name eq \"Olga\"");

        let groups = |filter: &str, expected: &str| harbour.check("/Groups", filter, expected);
        let mira = harbour.id("mira");
        for filter in [
            format!("members.value eq \"{mira}\""),
            format!("members eq \"{mira}\""),
            format!("members[value eq \"{mira}\"]"),
            format!("members[type eq \"User\" and value eq \"{mira}\"]"),
            format!("members.$ref eq \"{}/Users/{mira}\"", scim.base()),
            format!("members.value eq \"{mira}\" and displayName eq \"crew\""),
            "members.value eq \"stranger\"".to_owned(),
            "members.display eq \"mira@fjord.example\"".to_owned(),
        ] {
            groups(&filter, "crew");
        }
        groups("members[type eq \"Group\" and display eq \"crew\"]", "All");
        // A member's id matches in any letter case; its other sub-attributes follow the schema.
        groups(&format!("members.value eq \"{}\"", mira.to_uppercase()), "crew");
        groups(&format!("members.value sw \"{}\"", mira[..35].to_uppercase()), "");
        groups(&format!("members[type eq \"Group\" and value eq \"{mira}\"]"), "");
        groups(&format!("members.value eq \"{mira}\" and displayName eq \"all\""), "");
        groups("members pr", "crew All");
        groups("displayName eq \"ALL\"", "All");
        groups("displayName sw \"c\" or members[value eq \"stranger\"]", "crew");
        groups("userName pr", "");
    });
}

#[test]
fn how_values_compare() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        let users = |filter: &str, expected: &str| harbour.users(filter, expected);
        let mira = scim.get(&format!("/Users/{}", harbour.id("mira"))).body;
        let text = |name: &str| mira["meta"][name].as_str().unwrap();
        // caseExact attributes compare with letter case.
        let id = harbour.id("mira");
        users(&format!("id eq \"{id}\""), "mira");
        users(&format!("id eq \"{}\"", id.to_uppercase()), "");
        users(&format!("id sw \"{}\"", &id[..13]), "mira");
        users("externalId eq \"E-1\"", "mira");
        users("externalId eq \"e-1\"", "nils");
        users("externalId sw \"e\"", "nils");
        users("externalId co \"-1\"", "mira nils");
        users(&format!("meta.version eq {}", json!(text("version"))), "mira");
        users(&format!("meta.version eq {}", json!(text("version").to_lowercase())), "");
        users("meta.resourceType eq \"User\"", "olga mira nils");
        users("meta.resourceType eq \"user\"", "");
        users(&format!("meta.location eq \"{}\"", text("location")), "mira");
        users("profileUrl eq \"http://fjord.example/Mira\"", "mira");
        users("profileUrl eq \"http://fjord.example/mira\"", "");
        let reference = format!("{}/Groups/{}", scim.base(), harbour.id("crew"));
        users(&format!("groups.$ref eq \"{reference}\""), "mira");
        users(&format!("groups.$ref eq \"{}\"", reference.to_uppercase()), "");
        // Others without, in any alphabet.
        users("title eq \"STRASSE 1\"", "mira");
        users("title sw \"straSSe\"", "mira");
        users("title co \"SSE\"", "mira");
        users("nickName eq \"ål\"", "mira");
        users("nickName sw \"\\u00e5\"", "mira");
        // Times, in any time zone.
        let created = text("created");
        for (op, expected) in [
            ("eq", "mira"),
            ("ne", "olga nils"),
            ("gt", "nils"),
            ("ge", "mira nils"),
            ("lt", "olga"),
            ("le", "olga mira"),
        ] {
            users(&format!("meta.created {op} \"{created}\""), expected);
            let other = created.replace('Z', "+00:00");
            users(&format!("meta.created {op} \"{other}\""), expected);
        }
        users("meta.lastModified gt \"2001-01-01T00:00:00+02:00\"", "olga mira nils");
        users("meta.lastModified lt \"2001-01-01T00:00:00Z\"", "");
        // Booleans can only be equal or not.
        for text in ["true", "True", "TRUE", "\"true\"", "\"True\""] {
            users(&format!("active eq {text}"), "olga mira");
            users(&format!("active ne {text}"), "nils");
        }
        users("active eq False", "nils");
        users("active pr", "olga mira nils");
        for op in ["gt", "ge", "lt", "le", "co", "sw", "ew"] {
            harbour.refused(&format!("active {op} true"));
            harbour.refused(&format!("emails[primary {op} true]"));
        }
        for op in ["gt", "ge", "lt", "le"] {
            harbour.refused(&format!("x509Certificates.value {op} \"aGVq\""));
            harbour.refused(&format!("meta.created {op} \"yesterday\""));
            harbour.refused(&format!("userName {op} null"));
        }
        users("x509Certificates.value eq \"aGVq\"", "olga");
        users("x509Certificates.value eq \"agvq\"", "");
        harbour.refused("active eq \"perhaps\"");
        harbour.refused("active eq 1");
    });
}

#[test]
fn names_with_urns_and_unknown_names() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        let users = |filter: &str, expected: &str| harbour.users(filter, expected);
        users(&format!("{CORE}:userName eq \"olga\""), "olga");
        users(&format!("{CORE}:name.familyName eq \"ek\""), "olga");
        users(&format!("{CORE}:emails[type eq \"work\" and value co \"@fjord\"]"), "mira");
        users(&format!("{}:Department eq \"quay\"", ENT.to_uppercase()), "mira");
        let olga = harbour.id("olga");
        users(&format!("{ENT}:manager.value eq \"{olga}\""), "mira");
        users(&format!("{ENT}:manager eq \"{olga}\""), "mira");
        users(&format!("{ENT}:manager.displayName eq \"OLGA\""), "mira");
        users(&format!("{ENT}:manager.$ref eq \"{}/Users/{olga}\"", scim.base()), "mira");
        users(&format!("{ENT}:department pr or userName eq \"nils@fjord.example\""), "mira nils");
        // Unknown attributes are unassigned in every resource.
        for name in
            ["colour", "name.colour", "urn:example:2.0:User:colour", "displayname2", "members"]
        {
            users(&format!("{name} eq \"red\""), "");
            users(&format!("{name} pr"), "");
            users(&format!("not ({name} pr)"), "olga mira nils");
            users(&format!("{name} ne \"red\""), "olga mira nils");
            users(&format!("{name} eq null"), "olga mira nils");
            users(&format!("{name} gt 7 or title pr"), "mira");
        }
        users("emails[colour eq \"red\"]", "");
        users("colours[shade eq \"red\"]", "");

        let root = |filter: &str, expected: &str| harbour.check("/", filter, expected);
        root("userName eq \"olga\" or displayName eq \"crew\"", "olga crew");
        root("userName ne \"olga\"", "mira nils crew All");
        root("members pr", "crew All");
        root("members.value eq \"stranger\"", "crew");
        root(&format!("members eq \"{}\"", harbour.id("crew")), "All");
        root(&format!("{ENT}:department eq \"quay\""), "mira");
        root(&format!("{CORE}:userName sw \"nils\""), "nils");
        root("urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr", "crew All");
        root(&format!("id eq \"{}\"", harbour.id("All")), "All");
        root("emails.value eq \"nils@lake.example\"", "nils");
        root("active eq false", "nils");
        root("externalId pr", "olga mira nils");
    });
}

#[test]
fn forms_that_clients_send() {
    for settings in [json!({}), json!({"lenient_booleans": false, "patch_miss": "error"})] {
        served_with(settings, |scim| {
            let harbour = Harbour::new(scim);
            let users = |filter: &str, expected: &str| harbour.users(filter, expected);
            users("emails[type eq \"work\"].value eq \"mira@fjord.example\"", "mira");
            users("emails[type eq \"home\"].value eq \"mira@fjord.example\"", "");
            users("emails[type eq \"work\"].value eq \"nils@LAKE.example\"", "nils");
            users("emails[type eq \"work\"].value co \"@fjord\"", "mira");
            users("emails[type eq \"work\"].primary eq \"True\"", "mira");
            users("emails[type eq \"home\"].primary pr", "");
            users("emails[type eq \"work\" or primary pr].value sw \"n\"", "nils");
            users("emails[type eq \"work\"].value co \"@fjord\" and active eq True", "mira");
            users("externalId eq E-1", "mira");
            users("userName eq olga", "olga");
            users("(userName eq olga)", "olga");
            users("userName  eq   \"olga\"", "olga");
            users("  ( title pr )  or(userName eq \"olga\")  ", "olga mira");
            users("emails[ type eq \"work\" and value co \"@fjord\" ]", "mira");
            users("nickName eq \"a+b\"", "olga");
            users("userName eq \"o\\u006cga\"", "olga");
            // As they are written in a URL.
            for query in [
                "userName+eq+%22olga%22",
                "userName%20eq%20%22olga%22",
                "userName%09eq%20+%22olga%22",
                "userName%2Beq%2B%22olga%22",
                "nickName+eq+%22a%2Bb%22",
            ] {
                let found = scim.get(&format!("/Users?filter={query}"));
                assert_eq!(harbour.names(&found.body), "olga", "{query}");
            }
            // A tenant URL that ends in a flag, with the query appended.
            let found = scim.get("/Users?aadOptscim062020?filter=userName%20eq%20%22olga%22");
            assert_eq!(harbour.names(&found.body), "olga");
            // If spaces are `%20`, a plus is a plus.
            for query in ["nickName%20eq%20%22a+b%22", "nickName%20eq%20%22a%2Bb%22"] {
                let found = scim.get(&format!("/Users?filter={query}"));
                assert_eq!(harbour.names(&found.body), "olga", "{query}");
            }
            let none = scim.get("/Users?filter=nickName+eq+%22a+b%22");
            assert_eq!(harbour.names(&none.body), "");
            for (query, status) in [
                ("meta.created%20gt%20%222026-01-01T00:00:00+00:00%22", 200),
                ("meta.created+gt+%222026-01-01T00:00:00%2B00:00%22", 200),
                ("meta.created+gt+%222026-01-01T00:00:00+00:00%22", 400),
            ] {
                assert_eq!(scim.get(&format!("/Users?filter={query}")).status, status, "{query}");
            }
            // Empty filters.
            for query in ["?filter=", "?filter=+", "?filter", ""] {
                let found = scim.get(&format!("/Users{query}"));
                assert_eq!(harbour.names(&found.body), "olga mira nils");
            }
        });
    }
}

#[test]
fn invalid_filters() {
    served(|scim| {
        let harbour = Harbour::new(scim);
        for filter in [
            "userName",
            "userName eq",
            "eq \"olga\"",
            "userName is \"olga\"",
            "userName = \"olga\"",
            "userName eq \"olga",
            "userName eq \"ol\\ga\"",
            "userName eq \"olga\" and",
            "userName eq \"olga\" or or title pr",
            "userName eq \"olga\" title pr",
            "userName eq \"olga\" xor title pr",
            "(userName eq \"olga\"",
            "userName eq \"olga\")",
            "()",
            "emails[]",
            "emails[type eq \"work\"",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\"].x.y pr",
            "name..givenName pr",
            "a.b.c pr",
            "userName pr \"x\"",
            "\"userName\" pr",
            "userName eq (\"olga\")",
            "ñame pr",
            "userName eq 'olga'",
            "userName eq \u{201c}olga\u{201d}",
            "externalId eq '007'",
        ] {
            harbour.refused(filter);
        }
        for query in ["%zz", "%ff", "%00", "userName%20eq%20%22%ff%ZZ", "%22%22", "%C3"] {
            let answer = scim.get(&format!("/Users?filter={query}"));
            check_refused(&answer, 400, Some("invalidFilter"));
        }
        // Bounds: just within is answered.
        let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        let many = |count: usize| vec!["a pr"; count].join(" or ");
        let long = |bytes: usize| format!("title eq \"{}\"", "x".repeat(bytes - 11));
        let found = |filter: String| {
            let answer = scim.post("/Users/.search", &json!({"filter": filter}));
            assert_eq!(answer.status, 200, "{answer:?}");
            harbour.names(&answer.body)
        };
        assert_eq!(found(nested(32)), "mira");
        assert_eq!(found(many(1_000)), "");
        assert_eq!(found(long(8192)), "");
        harbour.refused(&nested(33));
        harbour.refused(&format!("{}title pr{}", "not (".repeat(40), ")".repeat(40)));
        harbour.refused(&many(1_001));
        harbour.refused(&long(8193));
    });
}

/// The index must reflect changes, deletions and creates.
#[test]
fn filters_see_the_current_state() {
    served(|scim| {
        let mut harbour = Harbour::new(scim);
        let mira = format!("/Users/{}", harbour.id("mira"));
        let operations = json!([
            {"op": "replace", "path": "userName", "value": "m.lund"},
            {"op": "replace", "path": "externalId", "value": "E-2"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "m@sea.example"},
        ]);
        assert_eq!(scim.patch(&mira, &operations).status, 200);
        for gone in [
            "userName eq \"mira@fjord.example\"",
            "externalId eq \"E-1\"",
            "emails.value eq \"mira@fjord.example\"",
            "emails[type eq \"work\"].value eq \"mira@fjord.example\"",
        ] {
            harbour.users(gone, "");
        }
        for new in [
            "userName eq \"M.LUND\"",
            "externalId eq \"E-2\"",
            "emails.value eq \"m@sea.example\"",
            "emails[type eq \"work\"].value eq \"m@sea.example\"",
        ] {
            harbour.users(new, "mira");
        }
        let crew = format!("/Groups/{}", harbour.id("crew"));
        let of_mira = format!("members.value eq \"{}\"", harbour.id("mira"));
        harbour.check("/Groups", &of_mira, "crew");
        let all = format!("/Groups/{}", harbour.id("All"));
        let join = json!([{"op": "add", "path": "members", "value": [harbour.id("mira")]}]);
        assert_eq!(scim.patch(&all, &join).status, 204);
        harbour.check("/Groups", &of_mira, "crew All");
        assert_eq!(scim.patch(&crew, &json!([{"op": "remove", "path": "members"}])).status, 204);
        harbour.check("/Groups", &of_mira, "All");
        harbour.check("/Groups", "members.value eq \"stranger\"", "");
        let by_id = format!("id eq \"{}\"", harbour.id("mira"));
        harbour.users(&by_id, "mira");
        assert_eq!(scim.delete(&mira).status, 204);
        harbour.users(&by_id, "");
        harbour.users("userName eq \"m.lund\"", "");
        harbour.check("/Groups", &of_mira, "");
        // Another user with the same name.
        harbour.add("other", "/Users", json!({"userName": "m.lund", "externalId": "E-2"}));
        harbour.users("userName eq \"m.lund\"", "other");
        harbour.users("externalId eq \"E-2\"", "other");
        harbour.users("emails.value eq \"m@sea.example\"", "");
    });
}
