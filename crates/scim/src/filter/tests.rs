use super::*;
use proptest::prelude::*;
use serde_json::json;

fn resource() -> Map<String, Value> {
    let value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "Ab-1",
        "externalId": "jdoe",
        "userName": "Åsa@fjord.example",
        "name": {"familyName": "Lund"},
        "active": false,
        "title": "",
        "emails": [
            {"type": "work", "value": "asa@fjord.example", "primary": true},
            {"type": "home", "value": "asa@home.example"},
        ],
        "roles": [{"value": "7", "primary": true}],
        "phoneNumbers": [{"value": "+4755501"}],
        "meta": {"created": "2026-03-01T10:00:00Z", "version": "W/\"1842\""},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "department": "Pilots", "manager": {"value": "u-7"},
        },
    });
    value.as_object().unwrap().clone()
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let registry = Registry::core();
    let rt = registry.resource_type("User").unwrap();
    for scope in [Some(rt), None] {
        let filter = Filter::parse(text, scope, registry).unwrap();
        let got = filter.matches(rt, registry, &resource());
        assert_eq!(got, expected, "{text}: {filter:?}");
    }
}

#[test]
fn texts() {
    check(r#"userName eq "åSA@FJORD.example""#, true);
    check(r#"userName eq "\u00e5sa@fjord.example""#, true);
    check(r#"userName ne "åsa@fjord.example""#, false);
    check(r#"userName sw "ÅSA""#, true);
    check(r#"userName ew "EXAMPLE""#, true);
    check(r#"userName co "@FJORD""#, true);
    check(r#"name.familyName gt "luna""#, true);
    check(r#"name.familyName le "lund""#, true);
    check(r#"name.familyName lt "lund""#, false);
    check(r#"id eq "ab-1""#, false);
    check(r#"id eq "Ab-1""#, true);
    check(r#"externalId eq "JDOE""#, false);
    check("externalId eq jdoe", true);
    check("EXTERNALID+eq+jdoe", true);
    check("phoneNumbers.value eq +4755501", true);
    check("phoneNumbers.value+eq+4755501", false);
    check("phoneNumbers.value eq \"+4755501\"", true);
    check(r#"meta.version eq "W/\"1842\"""#, true);
}

#[test]
fn booleans_and_instants() {
    check("active eq false", true);
    check("active eq False", true);
    check(r#"active eq "False""#, true);
    check("active ne true", true);
    check(r#"roles[primary eq "True"].value eq "7""#, true);
    check("roles.value eq 7", true);
    check(r#"meta.created eq "2026-03-01T11:00:00+01:00""#, true);
    check(r#"meta.created gt "2026-03-01T10:30:00+01:00""#, true);
    check(r#"meta.created lt "2026-03-01T10:00:00.000Z""#, false);
    check(r#"meta.created sw "2026-03""#, true);
}

#[test]
fn several_values() {
    check(r#"emails eq "asa@home.example""#, true);
    check(r#"emails.type eq "work" and emails.value co "@home""#, true);
    check(r#"emails[type eq "work" and value co "@home"]"#, false);
    check(r#"emails[type eq "home" and value co "@home"]"#, true);
    check(r#"emails[type eq "WORK"].value ew "fjord.example""#, true);
    check(r#"emails[type eq "home"].primary pr"#, false);
    check(r#"emails[not (type eq "work")].value pr"#, true);
    check(r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#, true);
}

#[test]
fn extensions() {
    let urn = "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    check(&format!(r#"{urn}:department eq "pilots""#), true);
    check(&format!(r#"{urn}:manager eq "u-7""#), true);
    check(&format!(r#"{urn}:manager.value eq "U-7""#), false);
    check(r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "å""#, true);
    check(r#"department eq "pilots""#, true);
    check(r#"id eq "Ab-1" and manager eq "u-7""#, true);
    check(r#"manager eq "u-8""#, false);
    check(r#"urn:ietf:params:scim:schemas:core:2.0:User:department eq "Pilots""#, false);
}

#[test]
fn presence_and_unassigned() {
    check("emails pr", true);
    check("title pr", false);
    check("nickName pr", false);
    check("name PR", true);
    check("shoeSize pr", false);
    check(r#"shoeSize eq "44""#, false);
    check(r#"nickName ne "Bo""#, true);
    check("nickName eq null", true);
    check("userName eq null", false);
    check("userName ne null", true);
    check("nickName gt \"a\"", false);
}

#[test]
fn precedence() {
    check("active eq true and id pr or userName pr", true);
    check("active eq true and (id pr or userName pr)", false);
    check("not(active eq true) AND NOT (nickName pr)", true);
    check("not (active eq false) or id pr", true);
}

#[test]
fn members() {
    let registry = Registry::core();
    let rt = registry.resource_type("Group").unwrap();
    let members = registry.attribute(Some(rt), &Member::path());
    let check = |text: &str, expected: bool| {
        let (filter, _) = parse_bracket(text, members, registry).unwrap();
        let member =
            Member { value: "u-1".to_owned(), kind: Some("User".to_owned()), display: None };
        let got = filter.matches_member(rt, registry, &member);
        assert_eq!(got, expected, "{text}");
    };
    check(r#"type eq "user"]"#, true);
    check(r#"value sw "u-" and type ne "User"]"#, false);
    check(r#"value eq "U-1"]"#, false);
    check("display pr]", false);
}

#[test]
fn texts_in_either_normal_form() {
    let registry = Registry::core();
    let rt = registry.resource_type("User").unwrap();
    let composed = "J\u{fc}rgen@x.example";
    let decomposed = "ju\u{308}rgen@x.example";
    for name in [composed, decomposed] {
        let user = json!({"userName": name, "externalId": name, "emails": [{"value": name}]});
        let user = user.as_object().unwrap();
        let check = |text: String, expected: bool| {
            let filter = Filter::parse(&text, Some(rt), registry).unwrap();
            assert_eq!(filter.matches(rt, registry, user), expected, "{text} {name}");
        };
        for other in [composed, decomposed] {
            for attribute in ["userName", "emails.value"] {
                for op in ["eq", "sw", "co", "ew", "ge", "le"] {
                    check(format!("{attribute} {op} \"{other}\""), true);
                }
                check(format!("{attribute} ne \"{other}\""), false);
                check(format!("{attribute} gt \"{other}\""), false);
            }
            // The client's own name of somebody is compared as it is (caseExact).
            check(format!("externalId eq \"{other}\""), name == other);
        }
        for (text, expected) in [
            ("userName sw \"J\u{fc}\"", true),
            ("userName sw \"ju\u{308}\"", true),
            ("userName co \"\u{fc}RG\"", true),
            ("userName co \"u\u{308}r\"", true),
            ("userName ew \"\u{fc}rgen@x.example\"", true),
            // A letter with a mark is another letter.
            ("userName sw \"ju\"", false),
        ] {
            check(text.to_owned(), expected);
        }
    }
}

#[test]
fn integers_are_compared_exactly() {
    let schema = r#"{"id":"urn:x:Device","attributes":[
        {"name":"serial","type":"integer"},{"name":"weight","type":"decimal"}]}"#;
    let rt = r#"{"name":"Device","endpoint":"/Devices","schema":"urn:x:Device"}"#;
    let registry = Registry::parse(&[schema], &[rt]).unwrap();
    let rt = &registry.resource_types()[0];
    let check = |stored: &Value, text: &str, expected: bool| {
        let filter = Filter::parse(text, Some(rt), &registry).unwrap();
        let device = stored.as_object().unwrap();
        assert_eq!(filter.matches(rt, &registry, device), expected, "{text} of {stored}");
    };
    for (stored, others) in [
        ("9007199254740993", ["9007199254740992", "9007199254740994"]),
        ("9223372036854775808", ["9223372036854775807", "9223372036854775809"]),
        ("18446744073709551615", ["18446744073709551614", "18446744073709551616"]),
        ("-9223372036854775808", ["-9223372036854775809", "-9223372036854775807"]),
        ("7", ["6.999999999999999999", "7.000000000000000001"]),
    ] {
        let device: Value = serde_json::from_str(&format!(r#"{{"serial":{stored}}}"#)).unwrap();
        let [less, more] = others;
        for (op, of_less, of_equal, of_more) in [
            ("eq", false, true, false),
            ("ne", true, false, true),
            ("gt", true, false, false),
            ("ge", true, true, false),
            ("lt", false, false, true),
            ("le", false, true, true),
        ] {
            check(&device, &format!("serial {op} {less}"), of_less);
            check(&device, &format!("serial {op} {stored}"), of_equal);
            check(&device, &format!("serial {op} {more}"), of_more);
        }
    }
    check(&json!({"weight": 0.1}), "weight eq 0.10", true);
    check(&json!({"weight": 2.5}), "weight lt 25e-1", false);
}

#[test]
fn folding_is_by_character() {
    assert_eq!(case_folded("ÅSA Σ"), "åsa σ");
    assert!(case_folded("ΟΔΟΣ").starts_with(&case_folded("Οδοσ")));
    assert!(case_folded("οδος και").starts_with(&case_folded("ΟΔΟΣ")));
}

#[test]
fn folding_unites_cases_that_are_no_pairs() {
    for (one, other) in [
        ("ΟΔΟΣ", "οδος"),
        ("ſam", "SAM"),
        ("\u{b5}", "\u{3bc}"),
        ("straße", "STRASSE"),
        ("STRAẞE", "straße"),
        ("ﬁn", "FIN"),
    ] {
        assert_eq!(case_folded(one), case_folded(other));
        let filter = Filter::Compare {
            path: AttrPath { schema: None, attribute: "userName".to_owned(), sub: None },
            op: CompareOp::Eq,
            value: Literal::String(other.to_owned().into()),
        };
        let registry = Registry::core();
        let rt = registry.resource_type("User").unwrap();
        let user = json!({"userName": one});
        assert!(filter.matches(rt, registry, user.as_object().unwrap()), "{one} {other}");
    }
}

#[test]
fn folding_does_not_see_case() {
    for c in '\0'..=char::MAX {
        let form = case_folded(&c.to_string());
        assert_eq!(case_folded(&form), form, "{c:?}");
        assert_eq!(case_folded(&c.to_lowercase().to_string()), form, "{c:?}");
        assert_eq!(case_folded(&c.to_uppercase().to_string()), form, "{c:?}");
    }
}

proptest! {
    /// The quick way and the plain one agree.
    #[test]
    fn comparing_without_copies(value in "[abKİßſ]{0,5}", literal in "[abKﬁS\u{212a}]{0,3}") {
        let form = case_folded(&literal);
        for op in [
            CompareOp::Eq, CompareOp::Ne, CompareOp::Co, CompareOp::Sw, CompareOp::Ew,
            CompareOp::Gt, CompareOp::Ge, CompareOp::Lt, CompareOp::Le,
        ] {
            let expected = compare_exact(op, &case_folded(&value), &form);
            prop_assert_eq!(compare_case_folded(op, &value, &form), expected, "{:?}", op);
        }
    }
}
