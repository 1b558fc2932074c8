//! What the gate keeps out of drafts, and what it lets pass.

use event::{
    Access, Answer, Application, BodyNote, Changes, Detail, Element, Fact, FlagKind, Mention,
    Number, Origin, Part, Path, ValueChange,
};

use super::*;

const UPSTREAM: &str = "upstream-token-1";

fn gate() -> Gate {
    let gate = Gate::default();
    gate.add_secret(UPSTREAM);
    gate.add_secret("short");
    for name in ["pin-code", "securityAnswer1", "pin2", "secretValue"] {
        gate.add_name(name);
    }
    gate
}

/// What becomes of a text in one place of a draft.
fn check(content: Content, expected: Content) {
    let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
    let parts = vec![Part::new(Number::NOBODY, content)];
    let mut draft =
        Draft { application: Application::RECORDER, origin: None, fact, parts, passed: vec![] };
    gate().pass(&mut draft);
    assert_eq!(draft.parts[0].content, expected);
}

fn value(json: &str) -> Content {
    let path = Path { schema: None, attribute: "title".into(), element: None, sub: None };
    let values = vec![ValueChange { path, old: None, new: Some(json.as_bytes().to_vec()) }];
    Content::Changes(Changes { values: values.into(), ..Changes::default() })
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
    changed(r#""password=nullpointer1""#, r#""password=null""#);
    changed(r#""password=null-pointer1""#, r#""password=null""#);
    changed(r#""password=null&password=hunter2""#, r#""password=null&password=null""#);
    same(r#""password=null&a=1 <password>null</password> password=null""#);
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

/// A name may itself end as the value of another, or one of several, does.
#[test]
fn names_are_known_with_digits_and_words_at_their_ends() {
    for name in [
        "securityAnswer1",
        "SECURITY-answer-1",
        "securityAnswer1.value",
        "securityAnswer12",
        "pin2",
        "pin2value",
        "pin2.value3",
        "secretValue",
        "secret.value",
        "secretValue2",
        "secretValueValue",
        "password1value2",
        "xPassword",
    ] {
        let secret = serde_json::json!({ name: "rex" }).to_string();
        let json = serde_json::json!(secret).to_string();
        let cut = serde_json::json!(serde_json::json!({ name: null }).to_string()).to_string();
        check(value(&json), value(&cut));
        let target = |text: String| Content::Target(text);
        check(target(format!("/x?{name}=rex")), target(format!("/x?{name}=null")));
        check(target(format!("/{name}=rex/x")), target("/null/x".to_owned()));
    }
    for name in ["securityAnswer", "pin", "pin3", "secretValues", "value", "2", "passwordless1"] {
        let json = serde_json::json!(serde_json::json!({ name: "rex" }).to_string()).to_string();
        check(value(&json), value(&json));
    }
}

/// A text in so many layers of the escapes of addresses, each around the one before.
fn layered(text: &str, layers: usize) -> String {
    let once = format!("%{:02x}{}", text.as_bytes()[0], &text[1..]);
    (1..layers).fold(once, |text, _| text.replacen('%', "%25", 1))
}

/// Every text of a draft that holds one in each place where a sender's words may stand.
fn everywhere(text: &str) -> Draft {
    let json = serde_json::json!({ "a": text, text: [text] }).to_string().into_bytes();
    let note = BodyNote {
        reason: text.to_owned(),
        length_bytes: None,
        media_type: Some(text.to_owned()),
        line: 0,
        column: 0,
    };
    let path = Path {
        schema: Some(text.to_owned()),
        attribute: text.to_owned(),
        element: Some(Element::Value(text.to_owned())),
        sub: Some(text.to_owned()),
    };
    let mention = Mention {
        attribute: event::Attribute::UserName,
        resource_type: event::ResourceType::NONE,
        name: Some(event::MentionedName { value: text.to_owned(), display: Some(text.to_owned()) }),
    };
    let state = Values::State(std::sync::Arc::new(json.clone()));
    let values = vec![ValueChange { path, old: Some(json.clone()), new: Some(json.clone()) }];
    let contents = [
        Content::Target(format!("/Users/{text}?a={text}")),
        Content::Body(json.clone()),
        Content::Changes(Changes {
            mention: Some(mention),
            values: values.into(),
            ..Changes::default()
        }),
        Content::Changes(Changes { values: state, ..Changes::default() }),
        Content::Detail(Detail {
            error: Some(text.to_owned()),
            method: Some(text.to_owned()),
            body: Some(note.clone()),
        }),
        Content::Flags(vec![event::Flag { kind: FlagKind::NoSchema, path: text.to_owned() }]),
        Content::Answer(Answer {
            intent: None,
            body: Some(json.clone()),
            body_note: Some(note),
            location: Some(format!("https://x.example/{text}")),
            answered_after_us: 0,
        }),
        Content::Entry(json.clone()),
        Content::Note(json),
    ];
    let parts = contents.map(|content| Part::new(Number::NOBODY, content)).to_vec();
    let user_agent = text.to_owned();
    let origin = Origin { user_agent, request_id: text.to_owned(), ..Origin::default() };
    let id = Some(text.to_owned());
    let fact = Fact::ServicePrincipalSet(event::ServicePrincipalSet { id });
    Draft { application: Application::RECORDER, origin: Some(origin), fact, parts, passed: vec![] }
}

/// The facts with texts of others.
fn facts(text: &str) -> Vec<Fact> {
    let access = Access {
        route: text.to_owned(),
        exported: false,
        status: 200,
        rows: 0,
        saw_seq: None,
        number: Number::NOBODY,
        all_applications: true,
    };
    let imported = event::Imported {
        source: event::Source::Provisioning,
        occurred_at: event::Timestamp(0),
        resource_type: event::ResourceType::USER,
        number: Number::NOBODY,
        action: event::Action::Create,
        status: event::Status::Success,
        entry: text.to_owned(),
        codes: vec![(event::CodeKind::Error, text.to_owned())],
    };
    let list = event::ReferenceListAdded { name: text.to_owned(), rows: 0, sha256: [0; 32] };
    let set = event::UpstreamSet {
        url: text.to_owned(),
        token_file: text.to_owned(),
        ca_file: Some(text.to_owned()),
        rewrites_locations: true,
        shows_members: true,
    };
    let added = event::ApplicationAdded {
        number: Application(1),
        slug: "boat".to_owned(),
        profile: "generic".to_owned(),
        settings: serde_json::json!({ "a": text }).to_string().into_bytes(),
        profile_sha256: None,
    };
    let principal = event::ServicePrincipalSet { id: Some(text.to_owned()) };
    vec![
        Fact::Access(access),
        Fact::Imported(imported),
        Fact::ReferenceListAdded(list),
        Fact::UpstreamSet(set),
        Fact::ApplicationAdded(added),
        Fact::ServicePrincipalSet(principal),
    ]
}

fn event_of(draft: Draft) -> Event {
    let Draft { application, origin, fact, parts, .. } = draft;
    let (recorded_at, raw_clock) = (event::Timestamp(0), event::Timestamp(0));
    let header = event::Header { application, recorded_at, raw_clock, origin, fact };
    Event { seq: 0, header, structure: event::Structure::default(), parts }
}

fn holds_token(draft: Draft) -> bool {
    let event = event_of(draft);
    event::codec::holds_token(&event, &event::codec::encode(&event).unwrap())
}

/// What is taken out of escapes, because these hid a name, may show what stood in more of them.
#[test]
fn no_decoding_brings_a_token_to_light() {
    let token = format!("plg_{}", "0a".repeat(32));
    let named = ["pass%77ord=x", "pass%2577ord=x", "pass%25252577ord=x pass%77ord=x"];
    for layers in 1..=9 {
        let token = layered(&token, layers);
        for text in named.map(|named| format!("{token} {named}")) {
            for fact in facts(&text) {
                let mut draft = Draft { fact, ..everywhere(&text) };
                gate().pass(&mut draft);
                assert!(!holds_token(draft), "{layers}: {text}");
            }
        }
    }
    // Nor a name that stood in more of them, and its value.
    let twice = Content::Flags(vec![event::Flag {
        kind: FlagKind::NoSchema,
        path: "pass%25252577ord=hunter2 pass%77ord=x".to_owned(),
    }]);
    let once = event::Flag { kind: FlagKind::NoSchema, path: "password=null".to_owned() };
    check(twice, Content::Flags(vec![once]));
}

/// Whatever a text consists of: what has passed holds no secret, and passes as it is.
#[test]
fn what_has_passed_is_clean() {
    const PIECES: [&str; 24] = [
        "%",
        "25",
        "%25",
        "%2525",
        "70",
        "lg_",
        "plg_",
        "%70lg_",
        "\\u0070lg_",
        "\\",
        "password",
        "pass%77ord",
        "=",
        "=x",
        ":",
        "\"",
        "{",
        "}",
        "<",
        ">",
        "null",
        " ",
        "/",
        "&",
    ];
    let (gate, digits) = (gate(), "0a".repeat(32));
    // A linear congruential generator (Knuth, MMIX), of which the upper bits are taken.
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut changed = 0;
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..draw(24) {
            text.push_str(PIECES[draw(PIECES.len())]);
            if text.ends_with("lg_") {
                text.push_str(&digits);
            }
        }
        let mut draft = everywhere(&text);
        gate.pass(&mut draft);
        changed += usize::from(draft.parts != everywhere(&text).parts);
        let user_agent = &draft.origin.as_ref().unwrap().user_agent;
        assert!(gate.lets_pass(user_agent), "{text}: {user_agent}");
        assert!(!holds_token(draft), "{text}");
    }
    assert!(changed > 1_000, "{changed} texts held something");
}

/// The last look at an event takes whatever the gate left, and leaves the rest.
#[test]
fn the_last_look_cuts_tokens_everywhere() {
    let token = format!("plg_{}", "0a".repeat(32));
    for layers in 1..=3 {
        let text = format!("agent {}", layered(&token, layers));
        for fact in facts(&text) {
            let mut event = event_of(Draft { fact, ..everywhere(&text) });
            assert!(secret::stands_in(&event::codec::encode(&event).unwrap(), &[]));
            cut_tokens(&mut event);
            assert!(!secret::stands_in(&event::codec::encode(&event).unwrap(), &[]));
            assert_eq!(event.header.origin.unwrap().user_agent, "agent null");
        }
    }
}

/// Each text within a text needs its quotes escaped once more; however deep, the name is read.
#[test]
fn texts_within_texts_are_looked_through_at_any_depth() {
    let mut text = serde_json::json!({ "password": "hunter2" }).to_string();
    for depth in 0..9 {
        let json = serde_json::json!(text).to_string().into_bytes();
        let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
        let content = Content::Note(json);
        let parts = vec![Part::new(Number::NOBODY, content)];
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
    let address = format!("/Users/{escaped}?a={token}&access_token=abcdefgh&password=abcdefgh");
    let location = Some(format!("https://x.example{address}"));
    let answer =
        Answer { intent: None, body: None, body_note: None, location, answered_after_us: 0 };
    for text in [&token, &escaped].map(|secret| format!("a {secret} {UPSTREAM}")) {
        let json = serde_json::json!({ "a": text, "b": 7 }).to_string().into_bytes();
        let further = [
            Content::Target(address.clone()),
            Content::Answer(answer.clone()),
            Content::Note(json),
        ];
        let further = further.map(|content| Part::new(Number::NOBODY, content));
        for fact in facts(&text) {
            let mut draft = everywhere(&text);
            draft.fact = fact;
            draft.parts.extend_from_slice(&further);
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
    }
}

fn bytes_of(part: &Part) -> Vec<u8> {
    match &part.content {
        Content::Body(json) | Content::Entry(json) | Content::Note(json) => json.clone(),
        Content::Answer(answer) => answer.body.clone().unwrap_or_default(),
        Content::Changes(Changes { values: Values::State(state), .. }) => state.to_vec(),
        Content::Changes(changes) => changes.values.changed()[0].new.clone().unwrap(),
        _ => vec![],
    }
}

#[test]
fn what_passed_before_passes_again_when_more_is_known() {
    let gate = gate();
    let body = |text: &str| Content::Body(format!("{{\"a\":\"{text}\"}}").into_bytes());
    let stored = |passed: Vec<Passed>| {
        let passed =
            passed.into_iter().map(|passed| PassedPart::new(Number::NOBODY, passed)).collect();
        let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
        let application = Application::RECORDER;
        let mut draft = Draft { application, origin: None, fact, parts: vec![], passed };
        gate.pass(&mut draft);
        let passed = draft.passed.into_iter();
        passed.map(|part| part.content.into_content()).collect::<Vec<_>>()
    };
    let passed = [body("x upstream-token-1"), body("x upstream-token-2")];
    let passed = passed.map(|content| gate.passed(content)).to_vec();
    assert_eq!(stored(passed.clone()), [body("x null"), body("x upstream-token-2")]);
    gate.add_secret("upstream-token-2");
    assert_eq!(stored(passed), [body("x null"), body("x null")]);
    let broken = Content::Body(format!("plg_{}", "0a".repeat(32)).into_bytes());
    assert_eq!(stored(vec![gate.passed(broken)]), [Content::Body(b"null".to_vec())]);
}

/// More upstreams than are remembered, in turn: those that were used last are.
#[test]
fn known_secrets_are_those_that_were_used_last() {
    let gate = Gate::default();
    let secret = |place: usize| format!("upstream-{place:04}");
    (0..KNOWN_MAX).for_each(|place| gate.add_secret(&secret(place)));
    let passed = gate.passed(Content::Body(b"{}".to_vec()));
    (0..KNOWN_MAX).for_each(|place| gate.add_secret(&secret(place)));
    assert_eq!(passed.learnt, gate.learnt.load(Ordering::SeqCst), "nothing new was learnt");
    gate.add_secret(&secret(0));
    gate.add_secret(&secret(KNOWN_MAX));
    assert!(!gate.lets_pass(&secret(0)), "it was used just now");
    assert!(gate.lets_pass(&secret(1)), "nobody was unused for longer");
    assert_eq!(gate.known().len(), KNOWN_MAX);
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

#[test]
fn the_state_of_a_plain_body_is_looked_at_when_more_is_known() {
    let gate = gate();
    let text = br#"{"title":"upstream-token-2"}"#.to_vec();
    let body = gate.passed_plain(Content::Body(text.clone())).unwrap();
    let after = |gate: &Gate, passed: Passed| {
        let values = Values::State(std::sync::Arc::new(text.clone()));
        let changes = Content::Changes(Changes { values, ..Changes::default() });
        let fact = Fact::EvidenceAdded(event::EvidenceAdded { operation: 0 });
        let mut draft = Draft {
            application: Application::RECORDER,
            origin: None,
            fact,
            parts: vec![Part::new(Number::NOBODY, changes)],
            passed: vec![PassedPart::new(Number::NOBODY, passed)],
        };
        gate.pass(&mut draft);
        let Content::Changes(Changes { values: Values::State(state), .. }) =
            &draft.parts[0].content
        else {
            panic!("it stays a state")
        };
        state.to_vec()
    };
    assert_eq!(after(&gate, body.clone()), text);
    gate.add_secret("upstream-token-2");
    assert_eq!(after(&gate, body), br#"{"title":"null"}"#);
    assert!(gate.passed_plain(Content::Body(text.clone())).is_none(), "it is known now");
    // Without a plain body the state is always looked at.
    let other = gate.passed(Content::Body(b"{}".to_vec()));
    assert_eq!(after(&gate, other), br#"{"title":"null"}"#);
}
