//! Keys: derivation, wrapping, the text of the master key, and what is printed of them.

use super::*;

fn month(month: u32) -> Owner {
    Owner::Month { application: Application(1), month: Month(month) }
}

/// What a part key does, in bytes: nothing shows the key itself.
fn witness(key: &PartKey) -> Vec<u8> {
    seal(key, context(), &Nonce::new([3; 24]), b"short").unwrap().bytes
}

#[test]
fn every_data_key_and_every_owner_counts_and_their_order_does_not() {
    let (a, b, c) = (data_key(1), data_key(2), data_key(3));
    let derive = |owners: &[(Owner, &DataKey)]| witness(&PartKey::derive(owners).unwrap());
    let all = derive(&[(person(1), &a), (person(2), &b), (month(1), &c)]);
    assert_eq!(derive(&[(month(1), &c), (person(2), &b), (person(1), &a)]), all);
    let elsewhere = Owner::Person { application: Application(2), number: Number(2) };
    for other in [
        &[(person(1), &a), (person(2), &b)][..],
        &[(person(1), &a), (person(2), &b), (month(1), &a)],
        &[(person(1), &b), (person(2), &a), (month(1), &c)],
        &[(person(1), &a), (person(3), &b), (month(1), &c)],
        &[(person(1), &a), (elsewhere, &b), (month(1), &c)],
        &[(person(1), &a), (person(2), &b), (month(2), &c)],
        &[(month(0), &a), (person(2), &b), (month(1), &c)],
    ] {
        assert_ne!(derive(other), all, "{other:?}");
    }
}

#[test]
fn owners_are_at_least_one_and_each_once() {
    let key = data_key(1);
    let refused = |owners: &[(Owner, &DataKey)]| PartKey::derive(owners).unwrap_err();
    assert_eq!(refused(&[]), OwnersError::None);
    let twice = [(person(2), &key), (person(1), &key), (person(2), &key)];
    assert_eq!(refused(&twice), OwnersError::Twice { owner: person(2) });
}

#[test]
fn a_wrapped_key_opens_for_its_owner_in_its_log_under_its_master_key_alone() {
    let master = MasterKey::new(&[7; 32]);
    let (wrap, key) = (WrapKey::new(&master, log()), data_key(9));
    let wrapped = wrap.wrap(person(5), &Nonce::random().unwrap(), &key);
    assert_eq!(wrap.unwrap(person(5), &wrapped), Some(key));
    assert_eq!(wrap.unwrap(person(6), &wrapped), None);
    assert_eq!(wrap.unwrap(month(5), &wrapped), None);
    let other_log = WrapKey::new(&master, LogId::from_random(1));
    assert_eq!(other_log.unwrap(person(5), &wrapped), None);
    let other_master = WrapKey::new(&MasterKey::new(&[8; 32]), log());
    assert_eq!(other_master.unwrap(person(5), &wrapped), None);
    for bit in 0..wrapped.len() * 8 {
        let mut altered = wrapped;
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(wrap.unwrap(person(5), &altered), None, "bit {bit}");
    }
    assert!(!wrapped.windows(4).any(|bytes| bytes == [9; 4]), "the key stands in the wrapped one");
}

#[test]
fn a_mark_is_of_one_owner_and_seq_and_needs_the_master_key() {
    let wrap = WrapKey::new(&MasterKey::new(&[7; 32]), log());
    let mark = wrap.mark(person(5), 1000);
    assert!(wrap.is_mark(person(5), 1000, &mark));
    assert!(!wrap.is_mark(person(5), 1001, &mark));
    assert!(!wrap.is_mark(month(5), 1000, &mark));
    assert!(!WrapKey::new(&MasterKey::new(&[8; 32]), log()).is_mark(person(5), 1000, &mark));
    assert!(!WrapKey::new(&MasterKey::new(&[7; 32]), LogId::from_random(1)).is_mark(
        person(5),
        1000,
        &mark
    ));
    assert!(!wrap.is_mark(person(5), 1000, &[0; 16]));
}

#[test]
fn the_text_of_a_master_key_is_one_line_that_notices_a_changed_character() {
    let key = MasterKey::new(&[0xb1; 32]);
    let text = key.to_text();
    assert!(text.starts_with("provlog-master-key-1.b1b1") && !text.contains(char::is_whitespace));
    let read = MasterKey::parse(&format!(" \t{}\r\n", *text)).unwrap();
    assert_eq!(read.id(), key.id());
    assert_ne!(read.id(), MasterKey::new(&[0xb2; 32]).id());

    for at in 0..text.len() {
        for other in ["0", "z", "B", ".", "é", "\n", ""] {
            let mut altered = text[..at].to_owned() + other + &text[at + 1..];
            if altered == *text || altered.trim() == text.trim() {
                continue;
            }
            altered.push('\n');
            assert!(MasterKey::parse(&altered).is_err(), "{at} {other}");
        }
    }
    let check = |text: &str, error| assert_eq!(MasterKey::parse(text).unwrap_err(), error);
    check("", MasterTextError::Empty);
    check(" \n", MasterTextError::Empty);
    check("hunter2", MasterTextError::Other);
    check(&text.replace("key-1", "key-2"), MasterTextError::Version { version: 2 });
    check(&text.replace("key-1", "key-x"), MasterTextError::Other);
    check(&text[..text.len() - 1], MasterTextError::Torn);
    check(&format!("{}0", *text), MasterTextError::Torn);
    check(&text.replacen("b1", "B1", 1), MasterTextError::Torn);
    check(&text.replacen("b1", "b2", 1), MasterTextError::Check);
    check(&" ".repeat(257), MasterTextError::TooLong);
}

#[test]
fn nothing_prints_a_key() {
    let secret = [0xa5; 32];
    let (key, master) = (DataKey::new(&secret), MasterKey::new(&secret));
    let part = PartKey::derive(&[(person(1), &key)]).unwrap();
    let salts = Salts::new(&part, at(1), &Nonce::new([1; 24]));
    let error = MasterKey::parse(&master.to_text().replace("a5", "a6")).unwrap_err();
    for text in [
        format!("{key:?}"),
        format!("{:?}", DataKey::random().unwrap()),
        format!("{master:?}"),
        format!("{part:?} {salts:?}"),
        format!("{:?}", WrapKey::new(&master, log())),
        format!("{error} {error:?}"),
    ] {
        assert!(text.len() < 120 && !text.contains("165") && !text.contains("a5a5"), "{text}");
    }
    assert_eq!(format!("{master:?}"), format!("MasterKey({})", master.id()));
}

#[test]
fn new_keys_and_nonces_differ() {
    assert!(DataKey::random().unwrap() != DataKey::random().unwrap());
    assert!(Nonce::random().unwrap() != Nonce::random().unwrap());
    assert_ne!(MasterKey::random().unwrap().id(), MasterKey::random().unwrap().id());
}

#[test]
fn owners_are_named_in_words() {
    assert_eq!(person(7).to_string(), "number 7 of application 1");
    assert_eq!(month(0).to_string(), "month 1970-01 of application 1");
    assert_eq!(month(682).to_string(), "month 2026-11 of application 1");
}
