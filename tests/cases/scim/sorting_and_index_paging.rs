//! Sorting and paging by index (RFC 7644 §3.4.2.3, §3.4.2.4), and their cost.

use serde_json::{Value, json};

use super::projection::users;
use super::served;
use crate::harness::server::{Answer, Client, Server, group, user};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn names(list: &Answer) -> Vec<&str> {
    assert_eq!(list.status, 200, "{list:?}");
    let resources = list.body["Resources"].as_array().unwrap();
    resources.iter().map(|one| one["userName"].as_str().unwrap()).collect()
}

#[test]
fn lists_are_sorted_by_any_attribute_and_equal_ones_keep_their_order() {
    served(|scim| {
        for (name, more) in [
            ("cora", json!({"title": "Pilot", "active": false, "externalId": "b"})),
            ("Bo", json!({"name": {"familyName": "Åsen"}, "externalId": "B"})),
            (
                "ada",
                json!({"title": "clerk", "name": {"familyName": "Zander"},
                "emails": [{"value": "z@fjord.example"}, {"value": "m@fjord.example", "primary": true}]}),
            ),
            (
                "dag",
                json!({"title": "PILOT", ENT: {"department": "Dock"},
                "emails": [{"value": "n@fjord.example"}, {"value": "a@fjord.example"}]}),
            ),
            ("eli", json!({"title": "pilot", ENT: {"department": "boats"}})),
        ] {
            let mut body = user(name);
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(scim.post("/Users", &body).status, 201, "{name}");
        }
        let check = |sort_by: &str, order: Option<&str>, expected: [&str; 5]| {
            let mut parameters = vec![("sortBy", sort_by)];
            parameters.extend(order.map(|order| ("sortOrder", order)));
            assert_eq!(names(&scim.query("/Users", &parameters)), expected, "{parameters:?}");
            let search = scim.post("/.search", &json!({"sortBy": sort_by, "sortOrder": order}));
            assert_eq!(names(&search), expected, "{parameters:?} in a search");
        };
        let down = Some("descending");
        check("userName", None, ["ada", "Bo", "cora", "dag", "eli"]);
        check("USERNAME", Some("Ascending"), ["ada", "Bo", "cora", "dag", "eli"]);
        check("userName", down, ["eli", "dag", "cora", "Bo", "ada"]);
        // All resources are listed: without a title they come last, or first if descending. Equal ones
        // stay in the order of creation in both directions.
        check("title", None, ["ada", "cora", "dag", "eli", "Bo"]);
        check("title", down, ["Bo", "cora", "dag", "eli", "ada"]);
        check("externalId", None, ["Bo", "cora", "ada", "dag", "eli"]); // caseExact
        check("active", None, ["cora", "Bo", "ada", "dag", "eli"]);
        check("name.familyName", None, ["ada", "Bo", "cora", "dag", "eli"]);
        // The primary element, else the first.
        check("emails.value", None, ["ada", "dag", "cora", "Bo", "eli"]);
        check("emails", down, ["cora", "Bo", "eli", "dag", "ada"]);
        check(&format!("{ENT}:department"), None, ["eli", "dag", "cora", "Bo", "ada"]);
        check("meta.created", down, ["eli", "dag", "ada", "Bo", "cora"]);
        check("shoeSize", None, ["cora", "Bo", "ada", "dag", "eli"]);
        let refused = |sort_by: &str, order: &str, scim_type: &str| {
            let parameters = [("sortBy", sort_by), ("sortOrder", order)];
            let answer = scim.query("/Users", &parameters);
            assert_eq!(answer.status, 400, "{parameters:?}");
            assert_eq!(answer.body["scimType"], scim_type, "{parameters:?}");
        };
        refused("userName", "sideways", "invalidValue");
        refused("password", "ascending", "invalidPath"); // the order would reveal it
        refused("name", "ascending", "invalidPath");
        refused("user name", "ascending", "invalidPath");
    });
}

#[test]
fn pages_by_index_are_clamped_and_show_the_true_total() {
    served(|scim| {
        for index in 0..7 {
            let mut body = user(&format!("user-{index}"));
            body["active"] = json!(index != 3);
            scim.post("/Users", &body);
        }
        let check = |start: Option<&str>, count: Option<&str>, index: i64, page: &[usize]| {
            let mut parameters = vec![];
            parameters.extend(start.map(|start| ("startIndex", start)));
            parameters.extend(count.map(|count| ("count", count)));
            let list = scim.query("/Users", &parameters);
            let expected: Vec<String> = page.iter().map(|one| format!("user-{one}")).collect();
            assert_eq!(names(&list), expected, "{parameters:?}");
            // Integers, not texts.
            assert_eq!(list.body["totalResults"], json!(7), "{parameters:?}");
            assert_eq!(list.body["startIndex"], json!(index), "{parameters:?}");
            assert_eq!(list.body["itemsPerPage"], json!(page.len()), "{parameters:?}");
            let urn = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
            assert_eq!(list.body["schemas"], json!([urn]));
            assert_eq!(list.body.get("nextCursor"), None, "index is the default");
            let body = json!({"startIndex": start, "count": count});
            assert_eq!(scim.post("/Users/.search", &body).body, list.body, "{body}");
        };
        let all = [0, 1, 2, 3, 4, 5, 6];
        check(None, None, 1, &all); // user-3 is inactive and listed
        check(Some("1"), Some("3"), 1, &all[..3]);
        check(Some("4"), Some("3"), 4, &all[3..6]);
        check(Some("7"), Some("3"), 7, &all[6..]);
        check(Some("8"), Some("3"), 8, &[]);
        check(Some("100000000000"), None, 100_000_000_000, &[]);
        check(Some("0"), Some("2"), 1, &all[..2]);
        check(Some("-9223372036854775808"), Some("2"), 1, &all[..2]);
        check(None, Some("0"), 1, &[]);
        check(Some("3"), Some("0"), 3, &[]);
        check(None, Some("-5"), 1, &[]);
        check(None, Some("9223372036854775807"), 1, &all);
        for (name, value) in [("startIndex", "one"), ("count", "1.5"), ("count", "1e3")] {
            let refused = scim.query("/Users", &[(name, value)]);
            assert_eq!(refused.status, 400, "{name}={value}");
            assert_eq!(refused.body["scimType"], "invalidValue", "{name}={value}");
        }
        let off = scim.query("/Users", &[("filter", "active eq false"), ("sortBy", "userName")]);
        assert_eq!((names(&off), &off.body["totalResults"]), (vec!["user-3"], &json!(1)));
        let none = scim.query("/Users", &[("filter", "title pr"), ("sortBy", "title")]);
        assert_eq!((names(&none), &none.body["totalResults"]), (vec![], &json!(0)));
    });
}

#[test]
fn a_page_above_the_maximum_is_clipped() {
    served(|scim| {
        let ids = users(scim, 1_005);
        let page = |parameters: &[(&str, &str)]| {
            let list = scim.query("/Users", parameters).body;
            assert_eq!(list["totalResults"], 1_005, "{parameters:?}");
            let page = list["Resources"].as_array().unwrap();
            page.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(page(&[("attributes", "id")]), ids[..100], "the default");
        assert_eq!(page(&[("attributes", "id"), ("count", "1001")]), ids[..1_000]);
        let rest = page(&[("attributes", "id"), ("count", "5000"), ("startIndex", "1001")]);
        assert_eq!(rest, ids[1_000..], "in the order of creation");
    });
}

/// Providers look a user up before each write. The cost must not grow with the number of users.
#[test]
fn lookups_by_name_cost_the_same_in_a_large_application() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let few = lookups(&server, &server.add_app("boat"), 50);
    let many = lookups(&server, &server.add_app("fleet"), 2_000);
    for ((filter, few), (_, many)) in few.iter().zip(&many) {
        assert!(*few > 0, "{filter}: the metric does not count");
        assert!(*many <= few + 16, "{filter}: {few} rows of 50 users, {many} of 2,000");
    }
    server.stop();
}

/// The rows read by each lookup.
fn lookups(server: &Server, scim: &Client, count: usize) -> Vec<(String, u64)> {
    let ids = users(scim, count);
    let crew = json!({"displayName": "Crew", "externalId": "g-1", "members": [{"value": ids[7]}]});
    assert_eq!(scim.post("/Groups", &crew).status, 201);
    for index in 0..count / 10 {
        assert_eq!(scim.post("/Groups", &group(&format!("Group {index}"))).status, 201);
    }
    let (seven, mail) = (&ids[7], "user-7@fjord.example");
    let lookups = [
        ("/Users", format!("userName eq \"{}\"", mail.to_uppercase())),
        ("/Users", "externalId eq \"x-7\"".to_owned()),
        ("/Users", "displayName eq \"user 7\"".to_owned()),
        ("/Users", format!("emails.value eq \"{mail}\"")),
        ("/Users", format!("emails eq \"{mail}\"")),
        ("/Users", format!("emails[type eq \"work\"].value eq \"{mail}\"")),
        ("/Users", format!("emails[type eq \"work\" and value eq \"{mail}\"]")),
        ("/Users", format!("id eq \"{seven}\"")),
        ("/Users", format!("active eq true and userName eq \"{mail}\" and title ne \"x\"")),
        ("/Users", "userName eq \"nobody\"".to_owned()),
        ("/Groups", "displayName eq \"CREW\"".to_owned()),
        ("/Groups", "externalId eq \"g-1\"".to_owned()),
        ("/Groups", format!("members.value eq \"{seven}\"")),
        ("/Groups", format!("members eq \"{seven}\"")),
        ("/Groups", format!("members[value eq \"{seven}\"]")),
        ("", format!("userName eq \"{mail}\"")),
        ("", format!("id eq \"{seven}\"")),
    ];
    let cost = |path: &str, filter: &String| {
        let before = server.rows_read();
        let path = if path.is_empty() { "/" } else { path };
        let list = scim.query(path, &[("filter", filter)]);
        let cost = server.rows_read() - before;
        let expected = usize::from(!filter.contains("nobody"));
        let found: &Vec<Value> = list.body["Resources"].as_array().unwrap();
        assert_eq!(found.len(), expected, "{filter}: {list:?}");
        cost
    };
    lookups
        .into_iter()
        .map(|(path, filter)| (format!("{path}?{filter}"), cost(path, &filter)))
        .collect()
}
