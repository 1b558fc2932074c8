//! Discovery (RFC 7644 §4, RFC 7643 §5 to §7).

use serde_json::{Value, json};

use super::{served, served_with};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn the_configuration_announces_what_is_served() {
    served(|scim| {
        let answer = scim.get("/ServiceProviderConfig");
        assert_eq!(answer.status, 200);
        let config = answer.body;
        let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
        assert_eq!(config["schemas"], json!([urn]), "one object, no list");
        assert_eq!(config["meta"]["resourceType"], "ServiceProviderConfig");
        let location = format!("{}/ServiceProviderConfig", scim.base());
        assert_eq!(config["meta"]["location"], location);
        for (feature, supported) in [
            ("patch", true),
            ("bulk", true),
            ("filter", true),
            ("sort", true),
            ("etag", true),
            ("changePassword", false),
        ] {
            assert_eq!(config[feature]["supported"], json!(supported), "{feature}");
        }
        // Some clients limit their PATCH requests to this; 0 would stop them.
        assert_eq!(config["bulk"]["maxOperations"], json!(1_000));
        assert_eq!(config["bulk"]["maxPayloadSize"], json!(8 << 20));
        assert_eq!(config["filter"]["maxResults"], json!(1_000));
        let pagination = json!({
            "cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": 100, "maxPageSize": 1_000, "cursorTimeout": 3_600,
        });
        assert_eq!(config["pagination"], pagination);
        let schemes = config["authenticationSchemes"].as_array().unwrap();
        assert_eq!(schemes.len(), 1);
        assert_eq!(schemes[0]["type"], "oauthbearertoken");
        for name in ["name", "description", "specUri"] {
            assert!(!schemes[0][name].as_str().unwrap().is_empty(), "{name}");
        }
        for alias in ["/serviceproviderconfig", "/serviceConfiguration", "/ServiceProviderConfig/"]
        {
            assert_eq!(scim.get(alias).body, config, "{alias}");
        }
    });
}

#[test]
fn resource_types_and_schemas_are_lists_and_each_is_found_by_its_name() {
    served(|scim| {
        for (path, resource_type, key) in
            [("/ResourceTypes", "ResourceType", "name"), ("/Schemas", "Schema", "id")]
        {
            let answer = scim.get(path);
            let list = answer.body;
            let urn = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
            assert_eq!((answer.status, &list["schemas"]), (200, &json!([urn])), "{path}");
            let all = list["Resources"].as_array().unwrap();
            assert_eq!(list["totalResults"], json!(all.len()), "{path}");
            assert_eq!(list["itemsPerPage"], json!(all.len()), "{path}");
            assert_eq!(list["startIndex"], json!(1), "{path}");
            for one in all {
                let own = format!("urn:ietf:params:scim:schemas:core:2.0:{resource_type}");
                assert_eq!(one["schemas"], json!([own]), "{one}");
                let meta = &one["meta"];
                assert_eq!(meta["resourceType"], resource_type);
                let name = one[key].as_str().unwrap();
                let location = meta["location"].as_str().unwrap();
                assert_eq!(location, format!("{}{path}/{name}", scim.base()));
                let below = location.strip_prefix(scim.base()).unwrap();
                for spelling in [below.to_owned(), below.to_lowercase(), below.to_uppercase()] {
                    let found = scim.get(&spelling);
                    assert_eq!((found.status, &found.body), (200, one), "{spelling}");
                }
            }
            assert_eq!(scim.get(&format!("{path}/urn:x")).status, 404);
        }
        let types = scim.get("/ResourceTypes").body["Resources"].clone();
        let expected = |name: &str, endpoint: &str| {
            let schema = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
            json!({"id": name, "name": name, "endpoint": endpoint, "schema": schema})
        };
        for (index, expected) in
            [expected("User", "/Users"), expected("Group", "/Groups")].iter().enumerate()
        {
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(types[index][name], *value);
            }
        }
        assert_eq!(types[0]["schemaExtensions"], json!([{"schema": ENT, "required": false}]));
    });
}

#[test]
fn schemas_show_every_characteristic_of_every_attribute() {
    fn check(schema: &str, attribute: &Value) {
        let name = attribute["name"].as_str().unwrap();
        let what = format!("{schema}:{name}");
        let one_of = |key: &str, words: &[&str]| {
            let word = attribute[key].as_str().unwrap_or_else(|| panic!("{what} {key}"));
            assert!(words.contains(&word), "{what} {key}: {word}");
        };
        one_of(
            "type",
            &[
                "string",
                "boolean",
                "decimal",
                "integer",
                "dateTime",
                "reference",
                "complex",
                "binary",
            ],
        );
        one_of("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"]);
        one_of("returned", &["always", "never", "default", "request"]);
        one_of("uniqueness", &["none", "server", "global"]);
        for key in ["multiValued", "required", "caseExact"] {
            assert!(attribute[key].is_boolean(), "{what} {key}");
        }
        assert!(attribute["description"].is_string(), "{what}");
        let parts = attribute.get("subAttributes").and_then(Value::as_array);
        assert_eq!(parts.is_some(), attribute["type"] == "complex", "{what}");
        parts.into_iter().flatten().for_each(|part| check(&what, part));
    }
    served(|scim| {
        let answer = scim.get("/Schemas");
        assert!(!answer.text.contains(":null"), "what is not there is left out");
        let schemas = answer.body["Resources"].as_array().unwrap().clone();
        for schema in &schemas {
            let id = schema["id"].as_str().unwrap();
            for attribute in schema["attributes"].as_array().unwrap() {
                check(id, attribute);
            }
        }
        let attribute = |schema: &str, name: &str| -> Value {
            let schema = schemas.iter().find(|one| one["id"].as_str().unwrap().ends_with(schema));
            let attributes = schema.unwrap()["attributes"].as_array().unwrap();
            attributes.iter().find(|one| one["name"] == name).unwrap().clone()
        };
        for (schema, name, key, value) in [
            ("core:2.0:User", "userName", "required", json!(true)),
            ("core:2.0:User", "userName", "uniqueness", json!("server")),
            ("core:2.0:User", "userName", "caseExact", json!(false)),
            ("core:2.0:User", "password", "mutability", json!("writeOnly")),
            ("core:2.0:User", "password", "returned", json!("never")),
            ("core:2.0:User", "active", "type", json!("boolean")),
            ("core:2.0:User", "groups", "mutability", json!("readOnly")),
            ("core:2.0:User", "emails", "multiValued", json!(true)),
            ("core:2.0:Group", "displayName", "required", json!(true)),
            ("enterprise:2.0:User", "department", "type", json!("string")),
        ] {
            assert_eq!(attribute(schema, name)[key], value, "{schema}:{name}");
        }
        let manager = attribute("enterprise:2.0:User", "manager");
        let parts = manager["subAttributes"].as_array().unwrap();
        let name = parts.iter().find(|part| part["name"] == "displayName").unwrap();
        assert_eq!(name["mutability"], "readOnly");
        let names: Vec<&Value> = parts.iter().map(|part| &part["name"]).collect();
        for name in ["value", "$ref", "displayName"] {
            assert!(names.contains(&&json!(name)), "{name}");
        }
    });
}

const PATHS: [&str; 5] =
    ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", "/Schemas/x"];

/// Parameters for paging and sorting are ignored here (RFC 7644 §4), even if invalid.
#[test]
fn parameters_of_lists_are_ignored_in_discovery() {
    served(|scim| {
        for path in PATHS {
            let plain = scim.get(path);
            for query in [
                "startIndex=2&count=1",
                "count=0",
                "count=many&startIndex=x",
                "sortBy=na+me&sortOrder=sideways",
                "cursor=x",
                "filter=name+xx+7",
                "filter=",
                "attributes=id&excludedAttributes=name",
                "aadOptscim062020",
            ] {
                let answer = scim.get(&format!("{path}?{query}"));
                assert_eq!(
                    (answer.status, &answer.body),
                    (plain.status, &plain.body),
                    "{path} {query}"
                );
            }
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let refused = scim.send(method, path, &[], b"").unwrap();
                assert_eq!(refused.status, 405, "{method} {path}");
                assert_eq!(refused.header("allow"), "GET, HEAD", "{method} {path}");
            }
        }
    });
}

#[test]
fn a_setting_refuses_filters_on_discovery() {
    served_with(json!({"filter_on_discovery": "refuse"}), |scim| {
        for path in PATHS {
            let plain = scim.get(path);
            let refused = scim.get(&format!("{path}?filter=name%20eq%20%22User%22"));
            assert_eq!(refused.status, 403, "{path}");
            assert_eq!(refused.body["status"], "403", "{path}");
            for query in ["count=many", "filter="] {
                let answer = scim.get(&format!("{path}?{query}"));
                assert_eq!(
                    (answer.status, &answer.body),
                    (plain.status, &plain.body),
                    "{path} {query}"
                );
            }
        }
    });
}
