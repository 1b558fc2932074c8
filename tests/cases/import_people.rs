//! The subject of an imported entry: the externalId goes before any other name, and a different one
//! means somebody else.

use serde_json::{Value, json};

use super::imports::{IN_SCOPE, Imports, entry};

/// An entry with a userName that writes an externalId.
fn told(imports: &Imports, id: u32, name: &str, external_id: &str) -> Value {
    let mut told = entry(id, &imports.now(), name, ("update", "success"), IN_SCOPE);
    told["sourceIdentity"]["id"] = json!(format!("source-{id}"));
    told["modifiedProperties"] =
        json!([{"displayName": "externalId", "oldValue": null, "newValue": external_id}]);
    told
}

/// Creates an account; returns its id.
async fn account(imports: &Imports, name: &str, external_id: Option<&str>) -> String {
    let mut body = json!({"userName": name, "active": true});
    if let Some(external_id) = external_id {
        body["externalId"] = external_id.into();
    }
    imports.scim("POST", "/Users", &body).await["id"].as_str().unwrap().to_owned()
}

/// How many imported entries a user has.
async fn entries(imports: &Imports, user: &str) -> usize {
    let path = format!("/api/v1/apps/paperboat/users/{user}/timeline");
    let rows = imports.ask(&path).await["rows"].clone();
    rows.as_array().unwrap().iter().filter(|row| row["source"] == "imported").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_decides_among_several_with_the_same_external_id() {
    let imports = Imports::new().await;
    let mira = account(&imports, "mira@tern.example", Some("e-1")).await;
    let ole = account(&imports, "ole@tern.example", Some("e-1")).await;
    let none = account(&imports, "ida@tern.example", None).await;
    let other = account(&imports, "kai@tern.example", Some("e-2")).await;
    let records = [
        told(&imports, 1, "Mira@tern.example", "e-1"),
        told(&imports, 2, "ole@tern.example", "e-1"),
        told(&imports, 3, "ole@tern.example", "e-1"),
        // A user without a known externalId may be meant; one with another externalId is not.
        told(&imports, 4, "ida@tern.example", "e-1"),
        told(&imports, 5, "kai@tern.example", "e-1"),
    ];
    assert_eq!(imports.import(&records).await["new"], 5);
    for (user, expected) in [(&mira, 1), (&ole, 2), (&none, 1), (&other, 0)] {
        assert_eq!(entries(&imports, user).await, expected);
    }
    imports.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_keeps_its_external_id() {
    let imports = Imports::new().await;
    let filter = "/Users?filter=userName%20eq%20%22mira%40tern.example%22";
    // The name is mentioned before anybody holds it.
    imports.scim("GET", filter, &Value::Null).await;
    let mira = account(&imports, "mira@tern.example", Some("e-1")).await;
    // Likewise for a user without an externalId, and for an existing account.
    imports.scim("GET", &filter.replace("mira", "ole"), &Value::Null).await;
    let ole = account(&imports, "ole@tern.example", None).await;
    imports.scim("GET", &filter.replace("mira", "kai"), &Value::Null).await;
    let kai = account(&imports, "kai@tern.example", Some("e-4")).await;
    for id in [&mira, &ole, &kai] {
        imports.scim("DELETE", &format!("/Users/{id}"), &Value::Null).await;
    }
    let other = told(&imports, 1, "mira@tern.example", "e-2");
    let unknown = told(&imports, 2, "ole@tern.example", "e-3");
    let own = told(&imports, 3, "kai@tern.example", "e-4");
    assert_eq!(imports.import(&[other, unknown, own]).await["new"], 3);
    assert_eq!(entries(&imports, &mira).await, 0, "e-2 is somebody else");
    assert_eq!(entries(&imports, &ole).await, 1, "nothing tells them apart");
    assert_eq!(entries(&imports, &kai).await, 1, "the own externalId is theirs still");
    imports.server.close().await;
}

/// An entry sees what earlier entries of the same request said.
#[tokio::test(flavor = "multi_thread")]
async fn one_name_with_two_external_ids_is_two_people() {
    for together in [true, false] {
        let imports = Imports::new().await;
        let records = [
            told(&imports, 1, "mira@tern.example", "e-1"),
            told(&imports, 2, "mira@tern.example", "e-2"),
            told(&imports, 3, "mira@tern.example", "e-1"),
        ];
        if together {
            imports.import(&records).await;
        } else {
            for one in records {
                imports.import(&[one]).await;
            }
        }
        assert_eq!(entries(&imports, "externalId:e-1").await, 2, "together: {together}");
        assert_eq!(entries(&imports, "externalId:e-2").await, 1, "together: {together}");
        imports.server.close().await;
    }
}
