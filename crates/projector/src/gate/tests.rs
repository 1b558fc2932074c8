//! What the gate keeps out of drafts, and what it lets pass.

use event::{Access, Application, FlagKind, Number, Origin, Part};

use super::*;

const UPSTREAM: &str = "upstream-token-1";

fn gate() -> Gate {
    let gate = Gate::default();
    gate.withhold(UPSTREAM);
    gate.withhold("short");
    gate.add_name("pin-code");
    gate
}

/// What becomes of a text in one place of a draft.
fn check(content: Content, expected: Content) {
    let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
    let parts = vec![Part { subject: Number::NOBODY, content }];
    let mut draft =
        Draft { application: Application::RECORDER, origin: None, fact, parts, passed: vec![] };
    gate().pass(&mut draft);
    assert_eq!(draft.parts[0].content, expected);
}

fn value(json: &str) -> Content {
    let path = Path { schema: None, attribute: "title".into(), element: None, sub: None };
    let values = vec![ValueChange { path, old: None, new: Some(json.as_bytes().to_vec()) }];
    Content::Changes(Changes { values, ..Changes::default() })
}

#[test]
fn a_word_is_found_as_in_the_squashed_text() {
    let texts = [
        "",
        "p",
        "password",
        "pass.word",
        "P-A S\u{2}S word",
        "ppassword",
        "passpassword",
        "passwor",
        "passwort",
        "xPassWordx",
        "pass\u{301}word",
        "paſsword",
        "ÅPASSWORD",
        "pin code",
        "PINİcode",
        "p\u{130}ncode",
        "\u{212a}ey",
        "k.e.y",
        "épée",
        "É-p É e",
        "PAS\u{17f}WORD",
        "pass{\"word",
    ];
    let words = ["password", "pincode", "key", "icode", "épée", "p", "1", "word"];
    for (text, word) in texts.iter().flat_map(|text| words.map(|word| (text, word))) {
        assert_eq!(holds(text, word), squashed(text).contains(word), "{text:?} {word}");
    }
}

#[test]
fn what_a_text_calls_a_password_is_cut_from_values() {
    let changed = |json: &str, expected: &str| check(value(json), value(expected));
    let same = |json: &str| check(value(json), value(json));
    changed(r#""{\"password\":\"hunter2\",\"x\":1}""#, r#""{\"password\":null,\"x\":1}""#);
    changed(r#""{\"pass\\u0077ord\":\"hunter2\"}""#, r#""{\"password\":null}""#);
    changed(r#""[{\"newPassword\":[\"a\"]}]""#, r#""[{\"newPassword\":null}]""#);
    changed(
        r#""{\"a\":\"{\\\"Password\\\":\\\"x\\\"}\"}""#,
        r#""{\"a\":\"{\\\"Password\\\":null}\"}""#,
    );
    changed(r#""{\"PIN-code\":1234}""#, r#""{\"PIN-code\":null}""#);
    changed(r#"{"type":"{\"password\":\"x\"}"}"#, r#"{"type":"{\"password\":null}"}"#);
    changed(r#""a=1&password=hunter2 b""#, r#""a=1&password=null""#);
    changed(r#""{\"password\": \"hunter2\",}""#, r#""{\"password\":null""#);
    changed(
        r#""[{\"path\":\"password\",\"value\":\"x\"}]""#,
        r#""[{\"path\":\"password\",\"value\":null}]""#,
    );
    changed(r#""user=1&pass%77ord=hunter2""#, r#""user=1&password=null""#);
    changed(r#""<u password='hunter2'/>""#, r#""<u password=null""#);
    changed(r#""<x:Password>hunter2</x:Password>""#, r#""<x:Password>null""#);
    changed(r#""a=1 password2=hunter2""#, r#""a=1 password2=null""#);
    changed(r#""user.password.value=hunter2""#, r#""user.password.value=null""#);
    changed(r#"{"{\"password\":\"hunter2\"}":1}"#, r#"{"{\"password\":null}":1}"#);
    same(r#""a <b> Password > x""#);
    same(r#""{\"passwordPolicies\":\"none\"}""#);
    same(r#""100%25 = all""#);
    same(r#""Password: admins""#);
    same(r#""Password admins [1]""#);
    same(r#""{\"passwordless\":true}""#);
    same(r#""password=""#);
    // As long as it takes when each sign is looked at once.
    let signs = format!("\"passwords {}{}\"", "=".repeat(200_000), " ".repeat(200_000));
    same(&signs);
    same(r#""{\"password\":null}""#);
}

/// Each text within a text needs its quotes escaped once more; however deep, the name is read.
#[test]
fn texts_within_texts_are_looked_through_at_any_depth() {
    let mut text = serde_json::json!({ "password": "hunter2" }).to_string();
    for depth in 0..9 {
        let json = serde_json::json!(text).to_string().into_bytes();
        let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
        let content = Content::Note(json);
        let parts = vec![Part { subject: Number::NOBODY, content }];
        let mut draft =
            Draft { application: Application::RECORDER, origin: None, fact, parts, passed: vec![] };
        gate().pass(&mut draft);
        let stored = String::from_utf8(bytes_of(&draft.parts[0])).unwrap();
        assert!(stored.contains("password") && !stored.contains("hunter2"), "{depth}: {stored}");
        text = serde_json::json!({ "a": text }).to_string();
    }
}

#[test]
fn addresses_lose_what_they_give_to_secret_attributes_and_compare_with_them() {
    let target = |text: &str| Content::Target(text.to_owned());
    let changed = |text: &str, expected: &str| check(target(text), target(expected));
    let same = |text: &str| check(target(text), target(text));
    changed("/Users/password=hunter2", "/Users/null");
    changed("/Users;pass%77ord=hunter2/x?a=1", "/null/x?a=1");
    changed("/x?$filter=password%20eq%20'hunter2'&a=1", "/x?$filter=null&a=1");
    changed("/x?filter=not+(a:Password+SW+%22h%22)", "/x?filter=null");
    changed("/x?filter=password%5Bvalue%20eq%20%22h%22%5D", "/x?filter=null");
    changed("/x?filter=emails%5Bpassword%20eq%20%22h%22%5D", "/x?filter=null");
    changed("/x?q=pin-code%3D1234", "/x?q=null");
    same("/x?filter=userName%20eq%20%22password%22");
    same("/Users/a=b?filter=title%20eq%20%22Password%20desk%22");
    same("/api/v1/apps/boat/groups/Password%20admins");
}

#[test]
fn no_place_of_a_draft_keeps_a_secret() {
    let token = format!("plg_{}", "0a".repeat(32));
    let escaped = token.replacen('p', "%70", 1);
    let text = |text: &str| format!("a {text} {UPSTREAM}");
    let json = serde_json::json!({ "a": text(&token), "b": 7 }).to_string().into_bytes();
    let note = BodyNote {
        reason: text(&token),
        length_bytes: None,
        media_type: Some(text(&escaped)),
        line: 0,
        column: 0,
    };
    let path = Path {
        schema: Some(text(&token)),
        attribute: text(&token),
        element: Some(Element::Value(text(&token))),
        sub: Some(text(&token)),
    };
    let mention = Mention {
        attribute: event::Attribute::UserName,
        value: text(&token),
        folded: text(&token),
        resource_type: event::ResourceType::NONE,
    };
    let values = vec![ValueChange { path, old: Some(json.clone()), new: Some(json.clone()) }];
    let contents = [
        Content::Target(format!("/Users/{escaped}?a={token}&access_token=abcdefgh")),
        Content::Body(json.clone()),
        Content::Changes(Changes { mention: Some(mention), values, ..Changes::default() }),
        Content::Detail(Detail {
            error: Some(text(&token)),
            method: Some(text(&token)),
            body: Some(note.clone()),
        }),
        Content::Flags(vec![event::Flag { kind: FlagKind::NoSchema, path: text(&token) }]),
        Content::Answer(Answer {
            intent: None,
            body: Some(json.clone()),
            body_note: Some(note),
            location: Some(format!("https://x.example/{token}?password=abcdefgh")),
            answered_after_us: 0,
        }),
        Content::Entry(json.clone()),
        Content::Note(json),
    ];
    let parts = contents.map(|content| Part { subject: Number::NOBODY, content }).to_vec();
    let origin = Origin { user_agent: text(&token), request_id: text(&token), ..Origin::default() };
    let access = Access {
        route: text(&token),
        exported: false,
        status: 200,
        rows: 0,
        saw_seq: None,
        number: Number::NOBODY,
        all_applications: true,
    };
    let mut draft = Draft {
        application: Application::RECORDER,
        origin: Some(origin),
        fact: Fact::Access(access),
        parts,
        passed: vec![],
    };
    gate().pass(&mut draft);
    let shown = format!("{draft:?}");
    let bytes: Vec<u8> = draft.parts.iter().flat_map(bytes_of).collect();
    let bytes = String::from_utf8(bytes).unwrap();
    for secret in [&token[10..], &escaped, UPSTREAM, "abcdefgh"] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!bytes.contains(secret), "{bytes}");
    }
    assert!(bytes.contains(r#""b":7"#), "{bytes}");
}

fn bytes_of(part: &Part) -> Vec<u8> {
    match &part.content {
        Content::Body(json) | Content::Entry(json) | Content::Note(json) => json.clone(),
        Content::Answer(answer) => answer.body.clone().unwrap(),
        Content::Changes(changes) => changes.values[0].new.clone().unwrap(),
        _ => vec![],
    }
}

#[test]
fn what_passed_before_passes_again_when_more_is_known() {
    let gate = gate();
    let body = |text: &str| Content::Body(format!("{{\"a\":\"{text}\"}}").into_bytes());
    let stored = |passed: Vec<Passed>| {
        let passed = passed.into_iter().map(|passed| (Number::NOBODY, passed)).collect();
        let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
        let application = Application::RECORDER;
        let mut draft = Draft { application, origin: None, fact, parts: vec![], passed };
        gate.pass(&mut draft);
        let passed = draft.passed.into_iter();
        passed.map(|(_, passed)| passed.into_content()).collect::<Vec<_>>()
    };
    let passed = [body("x upstream-token-1"), body("x upstream-token-2")];
    let passed = passed.map(|content| gate.passed(content)).to_vec();
    assert_eq!(stored(passed.clone()), [body("x null"), body("x upstream-token-2")]);
    gate.withhold("upstream-token-2");
    assert_eq!(stored(passed), [body("x null"), body("x null")]);
    let broken = Content::Body(format!("plg_{}", "0a".repeat(32)).into_bytes());
    assert_eq!(stored(vec![gate.passed(broken)]), [Content::Body(b"null".to_vec())]);
}

#[test]
fn entries_lose_the_values_of_secret_properties() {
    let entry = |new: &str| {
        let text =
            format!(r#"{{"modifiedProperties":[{{"displayName":"password","newValue":{new}}}]}}"#);
        Content::Entry(text.into_bytes())
    };
    check(entry(r#""hunter2""#), entry("null"));
}
