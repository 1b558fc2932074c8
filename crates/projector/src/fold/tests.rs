//! The fold over events that are made by hand.

use std::ops::ControlFlow;

use event::{
    ConnectionsRefused, Content, Credential, Effect, Header, Method, Part, Path, ResourceTypeAdded,
    Role, Route, Structure, Unauthenticated, ValueChange,
};
use serde_json::{Value, json};
use store::Direction;
use store::key::KeyRange;

use super::*;
use crate::overlay::tests::MapRows;
use crate::structure::Completion;
use crate::text::LOOKUP_BYTES_MAX;

const APP: Application = Application(3);
const WHO: Number = Number(9);

/// Folds an event as the committer does, which completes it first.
fn fold(rows: &mut Overlay<'_>, event: &Event) -> Result<(), ProjectorError> {
    let mut event = event.clone();
    Completion::default().complete(&mut event, &View::new(rows))?;
    super::fold(rows, &event)
}

fn event_of(seq: Seq, application: Application, fact: Fact, parts: Vec<Part>) -> Event {
    let recorded_at = Timestamp(seq as i64);
    let header = Header { application, recorded_at, raw_clock: recorded_at, origin: None, fact };
    Event { seq, header, structure: Structure::default(), parts }
}

/// Sets one attribute of a user, or with a lifecycle creates or deletes the user.
fn changed(seq: Seq, attribute: &str, new: Option<Value>, lifecycle: Option<Lifecycle>) -> Event {
    changed_of(WHO, seq, attribute, new, lifecycle)
}

fn changed_of(
    number: Number,
    seq: Seq,
    attribute: &str,
    new: Option<Value>,
    lifecycle: Option<Lifecycle>,
) -> Event {
    let operation = Operation {
        route: Route::Resource,
        method: Method::Patch,
        resource_type: ResourceType::USER,
        number,
        touches: vec![],
        status: 200,
        scim_type: 0,
        effect: Effect::Applied,
        index: 0,
        saw_seq: None,
        results: None,
        decided_after_us: 0,
    };
    let path = Path { schema: None, attribute: attribute.into(), element: None, sub: None };
    let new = new.map(|value| serde_json::to_vec(&value).unwrap());
    let values = vec![ValueChange { path, old: None, new }];
    let changes = Changes { lifecycle, values: values.into(), ..Changes::default() };
    let part = Part::new(number, Content::Changes(changes));
    event_of(seq, APP, Fact::Operation(operation), vec![part])
}

/// In a log that is older than the way in which names are compared, or where an upstream decided.
#[test]
fn the_first_holder_of_a_name_keeps_it_and_the_next_one_follows() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let name = case_folded(Attribute::UserName, "j\u{fc}rgen");
    let [first, second, third] = [4, 2, 3].map(Number);
    let created = Some(Lifecycle::Created(ResourceType::USER));
    let deleted = Some(Lifecycle::Deleted);
    let mut seq = 0;
    let mut check = |number, user_name: Option<&str>, lifecycle, expected: &[Number]| {
        let new = user_name.map(Value::from);
        fold(&mut rows, &changed_of(number, seq, "userName", new, lifecycle)).unwrap();
        seq += 1;
        let view = View::new(&rows);
        let (kind, attribute) = (ResourceType::USER, Attribute::UserName);
        assert_eq!(view.lookup(APP, kind, attribute, &name).unwrap(), expected, "{seq}");
        let holders = view.name_holders(APP, kind, attribute, &name).unwrap();
        let mut lasting = holders.iter().filter(|holder| holder.until.is_none());
        assert!(lasting.by_ref().map(|holder| holder.number).eq(expected.iter().copied()));
        let keys = lookups(&rows).len();
        assert_eq!(keys, expected.len().saturating_sub(1), "one row each");
        let mut sharing = view.users_sharing_a_name(APP).unwrap();
        let mut others = expected.get(1..).unwrap_or_default().to_vec();
        sharing.sort_unstable();
        others.sort_unstable();
        assert_eq!(sharing, others, "all but the holder");
        holders.into_iter().map(|one| (one.number, one.since, one.until)).collect::<Vec<_>>()
    };
    check(first, Some("J\u{dc}RGEN"), created, &[first]);
    check(second, Some("ju\u{308}rgen"), created, &[first, second]);
    check(third, Some("j\u{fc}rgen"), created, &[first, second, third]);
    // The same name in another form is no other name.
    check(first, Some("ju\u{308}rgen"), None, &[first, second, third]);
    check(second, Some("mira"), None, &[first, third]);
    check(first, None, deleted, &[third]);
    check(second, Some("J\u{fc}rgen"), None, &[third, second]);
    check(third, Some("ole"), None, &[second]);
    let mut ever = check(second, None, deleted, &[]);
    ever.sort_unstable_by_key(|(_, since, _)| *since);
    let expected =
        [(first, 0, Some(5)), (second, 1, Some(4)), (third, 2, Some(7)), (second, 6, Some(8))];
    assert_eq!(ever, expected);
}

#[test]
fn the_departure_of_a_deleted_member_is_a_version_of_its_group() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let (group, gone) = (Number(2), Number(3));
    let created = |number, seq, attribute, kind| {
        let lifecycle = Some(Lifecycle::Created(kind));
        changed_of(number, seq, attribute, Some(json!("x")), lifecycle)
    };
    let with = |mut event: Event, joined: &[Number], left: &[Number]| {
        let (joined, left) = (joined.to_vec(), left.to_vec());
        let changes = Changes { joined, left, ..Changes::default() };
        event.parts.push(Part::new(group, Content::Changes(changes)));
        event
    };
    fold(&mut rows, &created(gone, 0, "userName", ResourceType::USER)).unwrap();
    let crew = created(group, 1, "displayName", ResourceType::GROUP);
    fold(&mut rows, &with(crew, &[gone], &[])).unwrap();
    let deletion = changed_of(gone, 2, "userName", None, Some(Lifecycle::Deleted));
    fold(&mut rows, &with(deletion, &[], &[gone])).unwrap();
    let view = View::new(&rows);
    let version = |number, seq| view.version(APP, number, seq).unwrap();
    let (before, after) = (version(group, 1).unwrap(), version(group, 2).unwrap());
    assert_eq!((before.seq, after.seq, after.modified_at), (1, 2, Timestamp(2)));
    assert_eq!((after.state, after.created_seq), (before.state, before.created_seq));
    assert_eq!(after.resource_type, before.resource_type);
    assert!(view.members(APP, Set::Members(group), View::NOW).unwrap().is_empty());
}

fn found(rows: &dyn ReadRows, attribute: Attribute, value: &str) -> bool {
    let folded = case_folded(attribute, value);
    let numbers = View::new(rows).lookup(APP, ResourceType::USER, attribute, &folded).unwrap();
    assert!(numbers.is_empty() || numbers == [WHO], "once each: {numbers:?}");
    !numbers.is_empty()
}

/// Every lookup row, as the key's bytes.
fn lookups(rows: &dyn ReadRows) -> Vec<Vec<u8>> {
    let kind = key::lookup(APP, ResourceType::USER, Attribute::Email, "", WHO)[0];
    let mut keys = vec![];
    let range = KeyRange { from: vec![kind], to: vec![kind + 1] };
    rows.scan(&range, Direction::Forward, &mut |key, _| {
        keys.push(key.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    keys
}

#[test]
fn e_mail_values_are_looked_up_as_long_as_the_resource_has_them() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let mut seq = 0;
    let mut check = |event: Event, expected: &[&str]| {
        fold(&mut rows, &event).unwrap();
        let all = ["mira@fjord.test", "MIRA@boat.test", "straße@fjord.test", "ole@fjord.test"];
        for value in all {
            let is_found = found(&rows, Attribute::Email, value);
            assert_eq!(is_found, expected.contains(&value), "{value} at {}", event.seq);
        }
        assert_eq!(lookups(&rows).len(), expected.len(), "nothing else is there");
    };
    let mut set = |emails: Value, expected: &[&str]| {
        let created = (seq == 0).then_some(Lifecycle::Created(ResourceType::USER));
        check(changed(seq, "emails", Some(emails), created), expected);
        seq += 1;
    };
    set(
        json!([
            {"type": "work", "value": "Mira@Fjord.test"},
            {"type": "home", "value": "mira@fjord.TEST"},
            {"type": "other", "value": "mira@boat.test"},
            {"type": "odd"}, {"value": 7}, "x", null,
        ]),
        &["mira@fjord.test", "MIRA@boat.test"],
    );
    // The case alone changes, one goes, one comes.
    set(
        json!([{"value": "MIRA@FJORD.TEST"}, {"value": "STRASSE@fjord.test"}]),
        &["mira@fjord.test", "straße@fjord.test"],
    );
    // No list of objects: nothing to look up by.
    set(json!("mira@fjord.test"), &[]);
    set(json!([{"value": "ole@fjord.test"}]), &["ole@fjord.test"]);
    // Another attribute changes.
    check(changed(5, "title", Some(json!("Clerk")), None), &["ole@fjord.test"]);
    check(changed(6, "title", None, Some(Lifecycle::Deleted)), &[]);
}

/// Its e-mail needs no row of its own as long as it is the userName too.
#[test]
fn an_e_mail_that_is_the_name_too_is_found_by_both() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let mut seq = 0;
    let mut check = |attribute,
                     new: Option<Value>,
                     lifecycle,
                     by_name: &[&str],
                     by_email: &[&str],
                     lookup_rows| {
        fold(&mut rows, &changed(seq, attribute, new, lifecycle)).unwrap();
        for value in ["Mira@fjord.test", "ole@fjord.test"] {
            let is_named = found(&rows, Attribute::UserName, value);
            assert_eq!(is_named, by_name.contains(&value), "{value} as a name at {seq}");
            let is_found = found(&rows, Attribute::Email, value);
            assert_eq!(is_found, by_email.contains(&value), "{value} as an e-mail at {seq}");
        }
        assert_eq!(lookups(&rows).len(), lookup_rows, "at {seq}");
        seq += 1;
        let (kind, email) = (ResourceType::USER, case_folded(Attribute::Email, "mira@fjord.test"));
        let holders = View::new(&rows).name_holders(APP, kind, Attribute::Email, &email).unwrap();
        holders.into_iter().map(|one| (one.since, one.until)).collect::<Vec<_>>()
    };
    let (mira, ole) = ("Mira@fjord.test", "ole@fjord.test");
    let name = |name: &str| Some(json!(name));
    let emails = |emails: &[&str]| {
        Some(emails.iter().map(|email| json!({"value": email})).collect::<Value>())
    };
    let created = Some(Lifecycle::Created(ResourceType::USER));
    check("userName", name("MIRA@fjord.test"), created, &[mira], &[], 0);
    check("emails", emails(&[mira]), None, &[mira], &[mira], 0);
    check("emails", emails(&[mira, ole]), None, &[mira], &[mira, ole], 1);
    // The name changes and the e-mails stay, then the name becomes the other one.
    check("userName", name("x"), None, &[], &[mira, ole], 2);
    let stays = check("userName", name(ole), None, &[ole], &[mira, ole], 1);
    assert_eq!(stays, [(1, None)], "the same stay all the time");
    check("emails", emails(&[mira]), None, &[ole], &[mira], 1);
    check("emails", emails(&[]), None, &[ole], &[], 0);
    check("userName", name(mira), None, &[mira], &[], 0);
    let stays = check("emails", emails(&[mira]), None, &[mira], &[mira], 0);
    assert_eq!(stays, [(8, None), (1, Some(6))]);
    let stays = check("title", None, Some(Lifecycle::Deleted), &[], &[], 0);
    assert_eq!(stays, [(8, Some(9)), (1, Some(6))]);
}

#[test]
fn a_value_is_looked_up_by_the_length_of_its_folded_form() {
    let base = MapRows::default();
    for (text, expected) in [
        ("x".repeat(LOOKUP_BYTES_MAX), true),
        ("x".repeat(LOOKUP_BYTES_MAX + 1), false),
        ("\u{1d160}".repeat(256), true),
        ("\u{1d160}".repeat(257), false),
        ("x".repeat(70_000), false),
    ] {
        let mut rows = Overlay::new(&base);
        let created = Some(Lifecycle::Created(ResourceType::USER));
        let emails = json!([{"value": text}]);
        fold(&mut rows, &changed(0, "emails", Some(emails), created)).unwrap();
        fold(&mut rows, &changed(1, "displayName", Some(json!(text)), None)).unwrap();
        assert_eq!(found(&rows, Attribute::Email, &text), expected, "{}", text.len());
        assert_eq!(found(&rows, Attribute::DisplayName, &text), expected, "{}", text.len());
        assert_eq!(lookups(&rows).len(), if expected { 2 } else { 0 });
        fold(&mut rows, &changed(2, "title", None, Some(Lifecycle::Deleted))).unwrap();
        assert_eq!(lookups(&rows).len(), 0);
    }
}

/// Creates, renames or deletes a user at an upstream, which keeps no name unique.
fn called(seq: Seq, number: u32, name: Option<&str>, lifecycle: Option<Lifecycle>) -> Event {
    let mut event = changed(seq, "userName", name.map(Value::from), lifecycle);
    event.parts[0].subject = Number(number);
    if let Fact::Operation(operation) = &mut event.header.fact {
        operation.number = Number(number);
    }
    event
}

#[test]
fn a_name_is_taken_away_from_its_own_holder_alone() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let created = Some(Lifecycle::Created(ResourceType::USER));
    let deleted = Some(Lifecycle::Deleted);
    let mut check = |event: Event, bo: &[u32], li: &[u32]| {
        fold(&mut rows, &event).unwrap();
        for (name, expected) in [("bo", bo), ("li", li)] {
            let view = View::new(&rows);
            let kind = (ResourceType::USER, Attribute::UserName);
            let found = view.lookup(APP, kind.0, kind.1, name).unwrap();
            let found: Vec<u32> = found.into_iter().map(|number| number.0).collect();
            assert_eq!(found, expected, "{name} at {}", event.seq);
        }
    };
    check(called(0, 1, Some("Bo"), created), &[1], &[]);
    // Gone unseen, and there again as another.
    check(called(1, 2, Some("bo"), created), &[1, 2], &[]);
    check(called(2, 1, None, deleted), &[2], &[]);
    check(called(3, 3, Some("BO"), created), &[2, 3], &[]);
    check(called(4, 4, Some("li"), created), &[2, 3], &[4]);
    check(called(5, 4, Some("bo"), None), &[2, 3, 4], &[]);
    check(called(6, 4, Some("li"), None), &[2, 3], &[4]);
    check(called(7, 2, None, deleted), &[3], &[4]);
    check(called(8, 3, None, deleted), &[], &[4]);

    let view = View::new(&rows);
    let holders = view.name_holders(APP, ResourceType::USER, Attribute::UserName, "bo").unwrap();
    let mut stays: Vec<_> =
        holders.into_iter().map(|one| (one.number.0, one.since, one.until)).collect();
    stays.sort_unstable();
    let expected = [(1, 0, Some(2)), (2, 1, Some(7)), (3, 3, Some(8)), (4, 5, Some(6))];
    assert_eq!(stays, expected);
    assert_eq!(lookups(&rows), Vec::<Vec<u8>>::new(), "no row is left behind");
}

#[test]
fn resource_types_have_their_names() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    assert_eq!(View::new(&rows).resource_types().unwrap(), []);
    for (seq, number, name) in [(0, 4, "Berth"), (1, 3, "Boat"), (2, 255, "Överlast")] {
        let number = ResourceType(number);
        let fact = Fact::ResourceTypeAdded(ResourceTypeAdded { number, name: name.into() });
        fold(&mut rows, &event_of(seq, Application::RECORDER, fact, vec![])).unwrap();
    }
    let expected = [(3, "Boat"), (4, "Berth"), (255, "Överlast")];
    let expected = expected.map(|(number, name)| (ResourceType(number), name.to_owned()));
    assert_eq!(View::new(&rows).resource_types().unwrap(), expected);
}

#[test]
fn refused_connections_are_a_gap() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    for (seq, first, last) in [(3, 100, 200), (4, 300, 300), (5, 500, 400)] {
        let (first, last) = (Timestamp(first), Timestamp(last));
        let fact = Fact::ConnectionsRefused(ConnectionsRefused { count: 7, first, last });
        fold(&mut rows, &event_of(seq, Application::RECORDER, fact, vec![])).unwrap();
    }
    let gaps = View::new(&rows).gaps(View::NOW).unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.from.0, gap.to.0, gap.reason)).collect();
    let refused = GapReason::Refused;
    assert_eq!(gaps, [(100, 201, refused), (300, 301, refused), (500, 501, refused)]);
    assert_eq!(View::new(&rows).gaps(3).unwrap().len(), 1, "known from its event on");
}

#[test]
fn counted_requests_stand_among_the_operations() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    for (seq, count) in [(0, 70_000), (1, u64::MAX)] {
        let fact = Fact::Unauthenticated(Unauthenticated {
            count,
            first: Timestamp(-5),
            last: Timestamp(5),
        });
        fold(&mut rows, &event_of(seq, APP, fact, vec![])).unwrap();
    }
    fold(&mut rows, &changed(2, "title", None, None)).unwrap();
    let mut seen = vec![];
    View::new(&rows)
        .operations(0..9, &mut |summary| {
            seen.push((summary.ordinal, summary.http_status, summary.count));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, [(3, 200, 1), (2, 401, u32::MAX), (1, 401, 70_000)]);
}

fn identity(seq: Seq, application: Application, number: u32, role: Role) -> Event {
    let sha256 = crate::identity_sha256("https://id.example", &number.to_string());
    let (number, issuer) = (Credential(number), "https://id.example".to_owned());
    let fact = Fact::IdentitySet(IdentitySet { number, role, sha256, issuer });
    event_of(seq, application, fact, vec![])
}

#[test]
fn an_identity_keeps_its_number_and_its_past_roles() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let number = Credential(7);
    for event in [
        identity(0, Application::RECORDER, 7, Role::Auditor),
        identity(1, Application::RECORDER, 8, Role::Admin),
        identity(2, APP, 7, Role::AppAuditor),
        event_of(3, APP, Fact::CredentialRevoked(CredentialRevoked { number }), vec![]),
    ] {
        fold(&mut rows, &event).unwrap();
    }
    let view = View::new(&rows);
    let sha256 = crate::identity_sha256("https://id.example", "7");
    let row = view.credential_of_identity(&sha256).unwrap().unwrap();
    assert_eq!((row.number, row.role, row.application), (number, Role::AppAuditor, APP));
    assert_eq!((row.added_seq, row.revoked_seq), (0, Some(3)));
    assert_eq!(
        row.identity.map(|one| (one.issuer, one.seq)),
        Some(("https://id.example".into(), 2))
    );
    let roles: Vec<_> = (0..4).map(|seq| view.role_at(number, seq).unwrap()).collect();
    let (auditor, narrow) = (Some(Role::Auditor), Some(Role::AppAuditor));
    assert_eq!(roles, [auditor, auditor, narrow, narrow]);
    assert_eq!(view.role_at(Credential(8), 0).unwrap(), None, "not there yet");
    assert_eq!(view.next_credential().unwrap(), Credential(9));

    let mut before = vec![];
    view.configurations(0..4, &mut |one| {
        before.push((one.seq, one.before));
        ControlFlow::Continue(())
    })
    .unwrap();
    before.sort_unstable();
    assert_eq!(before, [(0, None), (1, None), (2, Some(0)), (3, Some(2))], "across applications");
}

#[test]
fn an_identity_cannot_be_presented_as_a_token() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    fold(&mut rows, &identity(0, Application::RECORDER, 7, Role::Admin)).unwrap();
    // What is digested for an identity, presented as it is: its SHA-256 is that of the credential.
    let issuer = "https://id.example";
    let length = String::from_utf8((issuer.len() as u64).to_be_bytes().to_vec()).unwrap();
    let preimage = format!("provlog identity of OpenID Connect\0{length}{issuer}7");
    let sha256 = crate::token_sha256(&preimage);
    assert_eq!(sha256, crate::identity_sha256(issuer, "7"), "the worst case");
    assert_eq!(View::new(&rows).credential_of_token(&preimage).unwrap(), None);
    // Not even if its digest stood among those of tokens.
    rows.put(key::token(&sha256), row::encode_number(7));
    assert_eq!(View::new(&rows).credential_of_token(&preimage).unwrap(), None);

    let of = crate::identity_sha256;
    assert_ne!(of("https://id.example", "/a"), of("https://id.example/", "a"));
    assert!(View::new(&rows).credential_of_identity(&of(issuer, "8")).unwrap().is_none());
}
