use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn file(name: &str, content: &Value) -> (String, String) {
    (name.to_owned(), serde_json::to_string_pretty(content).unwrap())
}

fn ship() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": "urn:fjord:1.0:Ship",
        "name": "Ship",
        "attributes": [
            {"name": "callSign", "required": true},
            {"name": "berths", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "type": "integer"},
                {"name": "$ref", "type": "reference", "mutability": "readOnly", "referenceTypes": ["User"]},
            ]},
        ],
        "meta": {"resourceType": "Schema"},
    })
}

fn ships() -> Value {
    json!({"id": "Ship", "name": "Ship", "endpoint": "/Ships", "schema": "URN:fjord:1.0:SHIP"})
}

fn sailor(extends: Value) -> Value {
    json!({"id": "urn:fjord:1.0:Sailor", "attributes": [{"name": "rank"}], "extends": extends})
}

/// An object with other members.
fn with(mut object: Value, changed: Value) -> Value {
    object.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    object
}

#[test]
fn any_order_gives_the_same() {
    let files = [
        file("1", &ships()),
        file("2", &sailor(json!(["User", {"resourceType": "Ship", "required": true}]))),
        file("3", &ship()),
    ];
    let show = |registry: &Registry| {
        let schemas = registry.schemas().iter().map(|one| one.to_json(""));
        schemas
            .chain(registry.resource_types().iter().map(|one| one.to_json("")))
            .collect::<Vec<_>>()
    };
    let first = Registry::with_files(&files).unwrap();
    let order = |list: [usize; 3]| {
        let files: Vec<_> = list.iter().map(|&one| files[one].clone()).collect();
        Registry::with_files(&files).unwrap()
    };
    for list in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(show(&order(list)), show(&first));
    }
    let sailor = "urn:fjord:1.0:Sailor";
    assert_eq!(first.resource_type("User").unwrap().extension(sailor), Some(false));
    assert_eq!(first.resource_type("Group").unwrap().extension(sailor), None);
    let ship = first.resource_type_at("ships").unwrap();
    assert_eq!((ship.schema.as_str(), ship.extension(sailor)), ("urn:fjord:1.0:Ship", Some(true)));
    assert_eq!(first.schema(sailor).unwrap().to_json("").get("extends"), None);
    assert_eq!(show(&Registry::with_files(&[]).unwrap()), show(Registry::core()));
}

#[track_caller]
fn check(files: &[Value], expected: &str) {
    let names = ["a.json", "b.json"];
    let files: Vec<_> = names.iter().zip(files).map(|(name, one)| file(name, one)).collect();
    let error = Registry::with_files(&files).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn attribute(attribute: Value) -> Value {
    with(ship(), json!({"attributes": [{"name": "callSign"}, attribute]}))
}

#[test]
fn refusals_of_schemas() {
    check(&[json!({"id": "urn:x"})], "a.json:1: has neither");
    check(&[with(ship(), json!({"endpoint": "/X"}))], "has both");
    check(&[json!([])], "a.json:1: invalid type");
    check(&[with(ship(), json!({"atributes": []}))], "unknown field `atributes`");
    check(&[attribute(json!({"name": "x", "mutabilty": "readOnly"}))], "unknown field `mutabilty`");
    check(&[attribute(json!({"name": "x", "type": "text"}))], "unknown variant `text`");
    check(
        &[attribute(json!({"name": "a b"}))],
        "a.json:7: schema urn:fjord:1.0:Ship: attribute a b",
    );
    check(&[attribute(json!({"name": "CALLSIGN"}))], "attribute CALLSIGN");
    check(&[attribute(json!({"name": "x", "type": "complex"}))], "attribute x");
    let part = json!({"name": "y", "uniqueness": "server"});
    check(
        &[attribute(json!({"name": "x", "type": "complex", "subAttributes": [part]}))],
        "attribute y: uniqueness must be none",
    );
    check(&[attribute(json!({"name": "x", "mutability": "writeOnly"}))], "attribute x: writeOnly");
    let secret = json!({"name": "x", "mutability": "writeOnly", "returned": "never"});
    assert!(Registry::with_files(&[file("a", &attribute(secret))]).is_ok());
    for id in ["x:y", "urn:x y", "urn:x[1]", "urn:x:"] {
        check(&[with(ship(), json!({"id": id}))], "must be a URN");
    }
    check(&[ship(), with(ship(), json!({"id": "urn:FJORD:1.0:ship"}))], "is defined already");
    check(&[with(ship(), json!({"id": USER.to_lowercase()}))], "is defined already");
    check(&[with(ship(), json!({"id": format!("{USER}:USERNAME")}))], "the attribute userName of");
    let shadow = with(sailor(json!([])), json!({"id": "urn:fjord:1.0:Ship:berths"}));
    check(&[shadow, ship()], "the attribute berths of");
}

#[test]
fn refusals_of_resource_types() {
    check(&[ships()], "a.json:5: resource type Ship: schema URN:fjord:1.0:SHIP is unknown");
    check(&[ship(), with(ships(), json!({"endpont": "/X"}))], "b.json:3: unknown field `endpont`");
    for endpoint in ["/bulk", "/ME", "/.Search", "/schemas", "/ServiceConfiguration"] {
        check(&[ship(), with(ships(), json!({"endpoint": endpoint}))], "is the protocol's");
    }
    for endpoint in ["Ships", "/", "/a/b", "/a b", "/a?", "/é"] {
        check(&[ship(), with(ships(), json!({"endpoint": endpoint}))], "must be a slash");
    }
    check(&[ship(), with(ships(), json!({"endpoint": "/USERS"}))], "/USERS is taken");
    check(&[ship(), with(ships(), json!({"name": "user"}))], "user is defined already");
    for name in ["", "a/b", "$a"] {
        check(&[ship(), with(ships(), json!({"name": name}))], "name is malformed");
    }
    let extension = json!([{"schema": "urn:fjord:1.0:ship", "required": false}]);
    check(&[ship(), with(ships(), json!({"schemaExtensions": extension}))], "twice");
    let typo = json!([{"schema": "urn:fjord:1.0:ship", "required": false, "requird": 1}]);
    check(&[ship(), with(ships(), json!({"schemaExtensions": typo}))], "unknown field `requird`");
    for name in ["Members", "ID", "externalId"] {
        check(&[attribute(json!({"name": name})), ships()], &format!("has an attribute {name}"));
    }
}

#[test]
fn refusals_of_extends() {
    check(&[sailor(json!(["Boat"]))], "a.json:8: extends Boat: there is no such");
    check(&[sailor(json!(["User", "User"]))], "extends User, which uses the schema already");
    check(&[sailor(json!([7]))], "an entry of `extends` must be");
    check(&[sailor(json!([{"resourceType": "User", "requird": true}]))], "must be");
    check(&[with(ship(), json!({"extends": ["Ship"]})), ships()], "uses the schema already");
}

#[test]
fn places() {
    let of = |text: &str| {
        let files = [("dir/x.json".to_owned(), text.to_owned())];
        Registry::with_files(&files).unwrap_err()
    };
    let error = of("{\n\"attributes\": [\n}");
    assert_eq!((error.line, error.to_string().as_str()), (3, "dir/x.json:3: expected value"));
    assert_eq!(of("").line, 1);
    assert_eq!(of("{\"id\":\"urn:x\",\n\"attributes\":[\n{\"name\":\"a\",\n\"x\":1}]}").line, 4);
    // The name is escaped in the file and cannot be found.
    assert_eq!(of("{\"id\":\"urn:x\",\n\"attributes\":[{\"name\":\"a\\u0020b\"}]}").line, 1);
}

#[test]
fn bounds() {
    let many = |count: usize| -> Vec<(String, String)> {
        let one =
            |n: usize| file(&n.to_string(), &with(ship(), json!({"id": format!("urn:fjord:{n}")})));
        (0..count).map(one).collect()
    };
    assert!(Registry::with_files(&many(FILES_MAX)).is_ok());
    let error = Registry::with_files(&many(FILES_MAX + 1)).unwrap_err();
    assert_eq!(error.to_string(), "64:1: more than 64 files");
    let padded = |bytes: usize| {
        let (name, mut text) = file("x", &ship());
        text.extend(std::iter::repeat_n(' ', bytes - text.len()));
        Registry::with_files(&[(name, text)])
    };
    assert!(padded(FILE_BYTES_MAX).is_ok());
    assert!(padded(FILE_BYTES_MAX + 1).unwrap_err().detail.contains("1048576 bytes"));
    let wide = |count: usize| {
        let attributes: Vec<Value> = (0..count).map(|n| json!({"name": format!("a{n}")})).collect();
        let parts = json!([{"name": "all", "type": "complex", "subAttributes": attributes}]);
        Registry::with_files(&[file("x", &with(ship(), json!({"attributes": parts})))])
    };
    assert!(wide(ATTRIBUTES_MAX - 1).is_ok());
    assert!(wide(ATTRIBUTES_MAX).unwrap_err().detail.contains("1000 attributes"));
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC*", name in "\\PC{0,4}|[a-zé:/]{0,8}", id in "urn:[a-zé:.\\[ ]{0,9}") {
        let _ = Registry::with_files(&[("x".to_owned(), text)]);
        let schema = with(ship(), json!({"id": id, "attributes": [{"name": name}], "extends": [name]}));
        let ships = with(ships(), json!({"name": name, "endpoint": name, "schema": id}));
        let _ = Registry::with_files(&[file("a", &schema), file("b", &ships)]);
    }
}
