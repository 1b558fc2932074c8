//! Filters (RFC 7644 §3.4.2.2).

use serde_json::json;

use super::served;
use crate::harness::server::{group, user};

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
