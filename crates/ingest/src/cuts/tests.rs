//! What is cut out of bodies and addresses.

use super::*;

fn secrets() -> Secrets {
    Secrets::of(Registry::core())
}

fn check(body: &str, expected: &str) {
    let cut = cut_body(body.as_bytes(), &secrets());
    assert_eq!(std::str::from_utf8(&cut).unwrap(), expected);
    serde_json::from_slice::<Value>(&cut).expect("what remains is JSON");
}

fn unchanged(body: &str) {
    check(body, body);
    assert!(matches!(cut_body(body.as_bytes(), &secrets()), Cow::Borrowed(_)));
}

#[test]
fn names_that_hold_a_value_are_cut_too_and_other_words_for_passwords_count() {
    for (body, expected) in [
        (r#"{"{\"password\":\"x\"}":1,"b":2}"#, r#"{"null":null,"b":2}"#),
        (r#"{"password=x":1}"#, r#"{"null":null}"#),
        (r#"{"title":"a=1&pa%73%73word=x","b":"100%"}"#, r#"{"title":null,"b":"100%"}"#),
        (
            r#"{"unicodePwd":"x","a":{"Pwd":"x","pwdLastSet":7}}"#,
            r#"{"unicodePwd":null,"a":{"Pwd":null,"pwdLastSet":7}}"#,
        ),
        (r#"{"a":"<passphrase>x</passphrase>"}"#, r#"{"a":null}"#),
        (
            r#"{"path":"urn:x:2.0:User:passwd","value":"x"}"#,
            r#"{"path":"urn:x:2.0:User:passwd","value":null}"#,
        ),
    ] {
        let cut = cut_body(body.as_bytes(), &secrets());
        assert_eq!(std::str::from_utf8(&cut).unwrap(), expected);
    }
}

#[test]
fn passwords_are_cut_in_every_case_and_form() {
    check(r#"{"password":"hunter2"}"#, r#"{"password":null}"#);
    check(r#"{ "PassWord" : "a\"}b" , "x":1}"#, r#"{ "PassWord" : null , "x":1}"#);
    check(r#"{"p\u0061ssword":"x"}"#, r#"{"p\u0061ssword":null}"#);
    check(r#"{"password":{"value":["x",{"y":"]"}]}}"#, r#"{"password":null}"#);
    check(
        r#"{"urn:ietf:params:scim:schemas:core:2.0:User:password":"x"}"#,
        r#"{"urn:ietf:params:scim:schemas:core:2.0:User:password":null}"#,
    );
    check(
        r#"{"Operations":[{"op":"replace","value":"x","path":"password"},{"value":{"Password":"y"}}]}"#,
        r#"{"Operations":[{"op":"replace","value":null,"path":"password"},{"value":{"Password":null}}]}"#,
    );
    check(
        r#"{"Operations":[{"Path":"urn:ietf:params:scim:schemas:core:2.0:User:PASSWORD","Value":["x"]}]}"#,
        r#"{"Operations":[{"Path":"urn:ietf:params:scim:schemas:core:2.0:User:PASSWORD","Value":null}]}"#,
    );
    check(r#"{"path":"x[password eq \"s3\"]","a":1}"#, r#"{"path":"null","a":1}"#);
    check(r#"{"filter":"password sw \"s\" and a pr"}"#, r#"{"filter":"null"}"#);
}

#[test]
fn typing_errors_do_not_store_a_password() {
    for path in [" password", "password ", "\\u00a0password", "/password", "\\\"password\\\""] {
        let body = format!(r#"{{"path":"{path}","value":"hunter2"}}"#);
        let cut = cut_body(body.as_bytes(), &secrets()).into_owned();
        assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{path}");
    }
    for body in [
        r#"{"path":"password[x eq \"a:b\"]","value":"hunter2"}"#,
        r#"{"op":"remove","path":"password[value eq \"hunter2\"]"}"#,
        r#"{"op":"remove","path":"password=hunter2"}"#,
        r#"{"path":["password"],"value":"hunter2"}"#,
        r#"{" path ":"password"," value":"hunter2"}"#,
        r#"{" password":"hunter2","password\t":"hunter2"}"#,
        r#"{"password[x eq \"a:b\"]":"hunter2"}"#,
        r#"{"path":"members[value eq \"a:b\"]","value":{"display":"hunter2"}}"#,
        r#"{"members[value eq \"a:b\"]":[{"display":"hunter2"}]}"#,
    ] {
        let cut = cut_body(body.as_bytes(), &secrets()).into_owned();
        assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{body}");
    }
}

#[test]
fn names_of_secrets_may_hold_what_names_may_hold() {
    let schema = r#"{"id": "urn:x:1", "attributes": [
        {"name": "pin-code", "mutability": "writeOnly", "returned": "never"},
        {"name": "api_key", "mutability": "writeOnly", "returned": "never"}]}"#;
    let secrets = Secrets::of(&Registry::parse(&[schema], &[]).unwrap());
    for body in [
        r#"{"urn:x:1":{"PIN-code":"hunter2"}}"#,
        r#"{"path":"urn:x:1:api_key","value":"hunter2"}"#,
        r#"{"urn:x:1:Api_Key":"hunter2","newPassword":"hunter2","pass_word":"hunter2"}"#,
        r#"{"op":"replace","value":"{\"password\":\"hunter2\"}"}"#,
        r#"{"op":"replace","value":"{\"pass\\u0077ord\":\"hunter2\"}"}"#,
        r#"[{"name":"password","value":"hunter2"}]"#,
        r#"{"op":"password","value":"hunter2"}"#,
    ] {
        let cut = cut_body(body.as_bytes(), &secrets).into_owned();
        assert!(!String::from_utf8(cut).unwrap().contains("hunter2"), "{body}");
    }
    let target = "/Users?filter=urn:x:1:api_key%20eq%20%22hunter2%22";
    assert!(!cut_target(target, &secrets, &[], 200).contains("hunter2"));
    assert!(!secrets.names("shipping code"));
}

#[test]
fn tokens_are_known_by_their_shape() {
    let token = format!("plg_{}", "0a".repeat(32));
    let escaped = token.replace('p', "%70");
    let target = |text: &str| cut_target(text, &secrets(), &["Presented".into()], 200);
    assert_eq!(target(&format!("/Users/{token}")), "/Users/null");
    assert_eq!(target(&format!("/Users/{escaped}?x=1")), "/Users/null?x=1");
    let twice = escaped.replace('%', "%25");
    assert_eq!(target(&format!("/Users/{twice}?x={twice}")), "/Users/null?x=null");
    assert!(!target(&format!("/Users?filter=userName eq \"{token}\"")).contains("0a0a"));
    assert_eq!(target("/Users/Presented"), "/Users/null");
    assert!(json_holds_token(&serde_json::json!({"a": [{"b": token}]})));
    assert!(json_holds_token(&serde_json::json!({ token: 1 })));
    assert!(!json_holds_token(&serde_json::json!({"a": "plg_"})));
}

#[test]
fn the_secrets_of_a_body_are_found() {
    let check = |body: Value, expected: &[&str]| {
        assert_eq!(secrets_of(&body, &secrets()), expected, "{body}");
    };
    check(serde_json::json!({"userName": "mira", "password": "hunter2"}), &["hunter2"]);
    check(serde_json::json!({"userName": "mira", "password": "mira"}), &[]);
    check(serde_json::json!({"userName": "mira@x.example", "PassWord": "mira"}), &[]);
    check(serde_json::json!({"password": "abc"}), &[]);
    let patch = serde_json::json!({"Operations": [
        {"op": "replace", "path": "password", "value": "hunter2"},
        {"op": "add", "value": {"Password": ["hunter3"], "title": "x"}}]});
    check(patch, &["hunter2", "hunter3"]);
}

#[test]
fn display_names_of_members_are_cut_and_those_of_others_stay() {
    check(
        r#"{"displayName":"Crew","members":[{"value":"1","display":"Mira"},{"displayName":"Lund","value":"2"}]}"#,
        r#"{"displayName":"Crew","members":[{"value":"1","display":null},{"displayName":null,"value":"2"}]}"#,
    );
    check(
        r#"{"Operations":[{"op":"add","path":"members","value":[{"value":"1","display":"Mira"}]}]}"#,
        r#"{"Operations":[{"op":"add","path":"members","value":[{"value":"1","display":null}]}]}"#,
    );
    check(
        r#"{"Operations":[{"op":"Remove","path":"members[display eq \"Mira\"]"}]}"#,
        r#"{"Operations":[{"op":"Remove","path":"members[display eq null]"}]}"#,
    );
    check(
        r#"{"Operations":[{"op":"add","value":{"members":[{"display":"M"}],"displayName":"G"}}]}"#,
        r#"{"Operations":[{"op":"add","value":{"members":[{"display":null}],"displayName":"G"}}]}"#,
    );
    unchanged(r#"{"displayName":"Mira","emails":[{"display":"x"}]}"#);
}

#[test]
fn the_rest_stays_byte_for_byte() {
    unchanged(" { \"a\" : [ 1.50 , true , null , \"\\u00e9\\\\\" ] ,\n\"b\":{} } ");
    unchanged("[]");
    unchanged("17");
    unchanged(r#"{"passages":"no such attribute","path":"displayName"}"#);
    unchanged(r#"{"displayName":"Password admins","title":"a: b"}"#);
}

#[test]
fn queries_lose_tokens_and_secret_literals() {
    let check = |target: &str, expected: &str| {
        assert_eq!(cut_target(target, &secrets(), &[], 200), expected);
    };
    check("/Users?filter=userName%20eq%20%22m%22", "/Users?filter=userName%20eq%20%22m%22");
    check("/Users?filter=Password+eq+%22s3%22&count=1", "/Users?filter=null&count=1");
    check("/Users?filter=password=\"s3\"", "/Users?filter=null");
    check("/Users?access_token=abc&Auth-Token=x&a", "/Users?access_token=null&Auth-Token=null&a");
    check("/Users?%20password=s3", "/Users?%20password=null");
    check("/Users?count=1;password=s3", "/Users?count=null");
    assert_eq!(cut_target("/ääää", &secrets(), &[], 4), "/ä…");
}

#[test]
fn no_text_makes_the_scanners_panic() {
    for text in ["\"\\", "\"ä\\ä", "{", "{\"", "{\"a\"", "[1,", "{\"path\":\"", "%", "%4", "\\"] {
        let _ = cut_body(text.as_bytes(), &secrets());
        let _ = cut_target(text, &secrets(), &[], 9);
        let _ = cut_path(text, &secrets());
        let _ = cut_quoted(text);
    }
}

/// Where the quick check finds nothing, the full scan finds nothing either.
#[test]
fn the_quick_check_finds_every_body_with_something_to_cut() {
    let secrets = Secrets::of(Registry::core());
    let names = [
        "password",
        "PassWord",
        "pass-word",
        "p.a.s.s.w.o.r.d",
        "\u{ff50}assword",
        "userName",
        "members",
        "MEMBERS",
        "urn:x:Members[value eq \"a\"]",
        "member s",
        "m\u{e9}mbers",
        "display",
        "path",
        "value",
        "passw\\u006frd",
        "a=password",
        "stra\u{df}e",
        "",
    ];
    let mut random = 7_u64;
    let mut one = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        names[(random >> 33) as usize % names.len()].replace('"', "\\\"")
    };
    let mut cut = 0;
    for _ in 0..20_000 {
        let (a, b, c, d) = (one(), one(), one(), one());
        let json = format!(r#"{{"{a}":"{b}","{c}":[{{"{d}":"hunter2","display":"x"}}]}}"#);
        let mut scanner =
            Scanner { json: json.as_bytes(), at: 0, secrets: &secrets, cuts: Vec::new() };
        scanner.value(false);
        if !scanner.cuts.is_empty() {
            cut += 1;
            assert!(secrets.may_be_in(json.as_bytes()), "{json}");
        }
    }
    assert!(cut > 5_000, "{cut}");
}
