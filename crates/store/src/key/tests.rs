//! Keys come back apart, sort as they should, and ranges hold what they say.

use std::collections::BTreeMap;

use event::{Attribute, CodeKind, Timestamp};

use super::*;

const APP: Application = Application(0x0102_0304);
const SOMEBODY: Number = Number(9);
const CLASS_OF_ONE: Class = Class {
    application: APP,
    credential: Credential(7),
    status: 1,
    action: 2,
    resource_type: ResourceType(3),
    effect: 4,
    http_status: 0x0506,
};
const CLAIMS: ClaimClass = ClaimClass {
    action: 2,
    status: 3,
    resource_type: ResourceType(4),
    credential: Credential(0x0506_0708),
};

const MOMENT: Moment = Moment { occurred_at: Timestamp(7), seq: 1 };

#[test]
fn every_kind_has_a_byte_of_its_own() {
    let members = Set::Members(SOMEBODY);
    let keys = [
        watermark(),
        application(APP),
        slug("x"),
        credential(Credential(1)),
        token(&[0; 32]),
        numbers(APP),
        id(APP, ResourceType::USER, "x"),
        mention(APP, ResourceType::USER, Attribute::Id, "x"),
        mentioned(APP, SOMEBODY),
        lookup(APP, ResourceType::USER, Attribute::UserName, "x", SOMEBODY),
        version(APP, SOMEBODY, 1),
        set_change(APP, members, 1, SOMEBODY),
        set_base(APP, members, 1),
        mirror(APP, SOMEBODY, members, 1),
        operation(1),
        second(1),
        recorder(),
        gap(1),
        resource_type(ResourceType(3)),
        identity_role(Credential(1), 1),
        class(CLASS_OF_ONE),
        by_class(CLASS_OF_ONE, 1),
        by_resource(APP, SOMEBODY, 1),
        by_request([0, 0, 0, 0, 0, 1], 1),
        named(APP, ResourceType::USER, Attribute::UserName, "x", (SOMEBODY, 1)),
        unique(APP, ResourceType::USER, Attribute::UserName, "x"),
        set_head(APP, members),
        intent(1),
        unsettled(APP, SOMEBODY, 1),
        doubt(1),
        entry(APP, "x"),
        claim(APP, MOMENT),
        claim_about(APP, SOMEBODY, MOMENT),
        claim_by_code(APP, CodeKind::Error, "x", MOMENT),
        claim_day(APP, 1, 1, CLAIMS),
        import(APP, 1),
        evidence(1, 2),
        reference_list("x", 1),
        access(1),
        claim_head(APP),
        mention_before(APP, ResourceType::USER, Attribute::Id, "x", 1),
        resource_head(APP, SOMEBODY),
        change(APP, 1),
        listing(APP, 1),
        settled(APP, 2, 1),
        configuration(1),
        configured(APP, 1, b"x"),
        token_use(Credential(1)),
        privileged(APP, SOMEBODY, 1),
        saved_question("x", 1),
        failing(APP, SOMEBODY),
        review(APP, 1),
        identity(&[0; 32]),
        population(APP),
        coverage(),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(usize::from(key[0]), index + 1);
        let all = KeyRange::all_rows();
        assert_eq!(*key >= all.from && *key < all.to, index > 0, "the digest covers it");
    }
}

#[test]
fn order_of_keys_is_order_of_what_they_name() {
    let set = Set::Members(SOMEBODY);
    assert!(set_change(APP, set, 255, Number(9)) < set_change(APP, set, 256, Number(0)));
    assert!(version(APP, SOMEBODY, 256) < version(APP, SOMEBODY, 255), "newest first");
    assert!(second(-1) < second(0) && second(0) < second(1));
    assert!(second(i64::MIN) < second(i64::MAX));
}

#[test]
fn parts_come_back_out_of_keys() {
    for set in [Set::Members(Number(u32::MAX)), Set::Existing(ResourceType(7)), Set::Active] {
        let key = mirror(APP, SOMEBODY, set, 77);
        assert_eq!(mirror_parts(&key), Some((set, Some(77))));
        assert_eq!(mirror_parts(&mirror_open(APP, SOMEBODY, set)), Some((set, None)));
        let key = set_change(APP, set, 78, SOMEBODY);
        assert_eq!(set_change_parts(&key), Some((78, SOMEBODY)));
        assert_eq!(set_base_seq(&set_base(APP, set, 79)), Some(79));
    }
    assert_eq!(version_seq(&version(APP, SOMEBODY, 80)), Some(80));
    assert_eq!(operation_seq(&operation(81)), Some(81));
    assert_eq!(class_parts(&class(CLASS_OF_ONE)), Some(CLASS_OF_ONE));
    assert_eq!(index_seq(&by_class(CLASS_OF_ONE, 82)), Some(82));
    assert_eq!(last_seq(&intent(84)), Some(84));
    assert_eq!(last_seq(&unsettled(APP, SOMEBODY, 85)), Some(85));
    assert_eq!(last_seq(&settled(APP, 87, 86)), Some(86));
    let key = named(APP, ResourceType::USER, Attribute::UserName, "x", (SOMEBODY, 83));
    assert_eq!(named_parts(&key), Some((SOMEBODY, 83)));
    assert_eq!(resource_type_number(&resource_type(ResourceType(5))), Some(ResourceType(5)));
}

#[test]
fn ranges_hold_what_they_say() {
    let inside = |range: &KeyRange, key: &[u8]| range.from[..] <= *key && *key < range.to[..];
    let set = Set::Members(SOMEBODY);
    let range = set_changes(APP, set, Some(3), 5);
    for seq in 0..9 {
        let key = set_change(APP, set, seq, Number(u32::MAX));
        assert_eq!(inside(&range, &key), seq == 4 || seq == 5);
    }
    assert!(inside(&set_changes(APP, set, None, u64::MAX), &set_change(APP, set, 0, SOMEBODY)));
    let last = set_change(APP, set, u64::MAX, SOMEBODY);
    assert!(inside(&set_changes(APP, set, None, u64::MAX), &last));
    assert!(!inside(&set_changes(APP, set, Some(u64::MAX), u64::MAX), &last));
    let other = set_change(APP, Set::Members(Number(10)), 4, SOMEBODY);
    assert!(!inside(&range, &other));

    let bases = set_bases(APP, set, 5);
    for seq in 0..9 {
        assert_eq!(inside(&bases, &set_base(APP, set, seq)), seq <= 5);
    }
    let (last, other) = (set_base(APP, set, u64::MAX), Set::Members(Number(10)));
    assert!(inside(&set_bases(APP, set, u64::MAX), &last));
    assert!(!inside(&set_bases(APP, set, u64::MAX), &set_base(APP, other, 1)));

    let range = versions_until(APP, SOMEBODY, 5);
    for seq in 0..9 {
        assert_eq!(inside(&range, &version(APP, SOMEBODY, seq)), seq <= 5);
    }
    assert!(!inside(&range, &version(APP, Number(10), 1)));

    for (start, end) in [(0, 9), (3, 6), (0, 0), (4, 4), (8, u64::MAX), (0, u64::MAX)] {
        let range = all_by_resource(APP, SOMEBODY, &(start..end));
        for seq in (0..9).chain([u64::MAX - 1, u64::MAX]) {
            let expected = (start..end).contains(&seq);
            assert_eq!(inside(&range, &by_resource(APP, SOMEBODY, seq)), expected);
        }
        assert!(!inside(&range, &by_resource(APP, Number(10), 4)));
        assert!(!inside(&range, &by_resource(APP, Number(8), 4)));
    }
    let range = by_class_before(CLASS_OF_ONE, 5);
    for seq in 0..9 {
        assert_eq!(inside(&range, &by_class(CLASS_OF_ONE, seq)), seq < 5);
    }
    assert!(inside(&operations(&(3..6)), &operation(5)));
    assert!(!inside(&operations(&(3..6)), &operation(6)));

    let range = lookups(APP, ResourceType::USER, Attribute::UserName, "ab");
    let key = |text| lookup(APP, ResourceType::USER, Attribute::UserName, text, SOMEBODY);
    assert!(inside(&resource_types(), &resource_type(ResourceType(u8::MAX))));
    assert!(inside(&range, &key("ab")));
    assert!(!inside(&range, &key("abc")) && !inside(&range, &key("a")));
}

#[test]
fn claims_come_newest_first_and_stretches_hold_what_they_say() {
    let moments: Vec<Moment> = [(-5, 3), (-5, 9), (0, 1), (7, 0), (7, 8), (i64::MAX - 1, 2)]
        .into_iter()
        .map(|(time, seq)| Moment { occurred_at: Timestamp(time), seq })
        .collect();
    let keys: Vec<Vec<u8>> = moments.iter().map(|moment| claim(APP, *moment)).collect();
    assert!(keys.is_sorted_by(|one, next| one > next));
    for (moment, key) in moments.iter().zip(&keys) {
        assert_eq!(claim_moment(key), Some(*moment));
    }
    for from in &moments {
        for before in &moments {
            let range = claims(APP, *from, *before);
            for (moment, key) in moments.iter().zip(&keys) {
                let is_in = *key >= range.from && *key < range.to;
                assert_eq!(
                    is_in,
                    moment >= from && moment < before,
                    "{moment:?} {from:?} {before:?}"
                );
            }
        }
    }
    let all = claims(APP, Moment::start_of(Timestamp(i64::MIN)), Moment::END);
    assert!(keys.iter().all(|key| *key >= all.from && *key < all.to));
    let code = |text: &str| claims_by_code(APP, CodeKind::Error, text, moments[0], Moment::END);
    let key = claim_by_code(APP, CodeKind::Error, "xy", moments[2]);
    assert!(key >= code("xy").from && key < code("xy").to);
    assert!(key < code("x").from || key >= code("x").to, "another code");
}

#[test]
fn days_and_lists_come_back_apart() {
    assert!(claim_day(APP, 1, -1, CLAIMS) < claim_day(APP, 1, 0, CLAIMS));
    assert_eq!(claim_day_parts(&claim_day(APP, 1, -1, CLAIMS)), Some((-1, CLAIMS)));
    let key = claim_by_code(APP, CodeKind::Error, "x y", MOMENT);
    assert_eq!(claim_code(&key), Some("x y"));
    let range = all_claims_by_code(APP, CodeKind::Error);
    assert!(key >= range.from && key < range.to);
    assert_eq!(failing_number(&failing(APP, SOMEBODY)), Some(SOMEBODY));
    let key = reference_list("leavers", 7);
    assert_eq!(reference_list_parts(&key), Some(("leavers", 7)));
    let range = reference_lists("leavers", 7);
    assert!(key >= range.from && key < range.to);
    let later = reference_list("leavers", 8);
    assert!(later < range.from, "a later one is not among those");
}

/// A kind that is not in the table cannot be read off the disk by anybody who has only the page.
#[test]
fn the_table_has_every_kind_once_with_how_often_it_is_written() {
    let page = include_str!("../key.rs");
    let mut constants = BTreeMap::new();
    for line in page.lines() {
        let kind = line.strip_prefix("const ").and_then(|rest| rest.split_once(": u8 = "));
        if let Some((name, number)) = kind {
            let number: u8 = number.trim_end_matches(';').parse().unwrap();
            constants.insert(number, name.to_lowercase().replace('_', " "));
        }
    }
    let mut table = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [number, name, _, _, written, ""] = cells[..] else { panic!("{line}") };
        let Ok(number) = number.parse::<u8>() else { continue };
        let known = ["once", "rewritten", "removed", "rewritten, removed"];
        assert!(known.contains(&written), "{line}");
        table.insert(number, name.to_owned());
    }
    assert!(table.len() > 40, "the table was found");
    assert_eq!(table, constants);
}

#[test]
fn marks_and_saved_questions_are_found_newest_first() {
    let key = privileged(APP, SOMEBODY, 7);
    assert_eq!(privileged_parts(&key), Some((SOMEBODY, 7)));
    let range = privileged_until(APP, SOMEBODY, 7);
    assert!(key >= range.from && key < range.to);
    assert!(privileged(APP, SOMEBODY, 8) < range.from, "a later one is not among those");
    let all = all_privileged(APP);
    assert!(key >= all.from && key < all.to);
    let question = saved_question("failed-today", 7);
    assert_eq!(saved_question_parts(&question), Some(("failed-today", 7)));
    assert!(saved_question("failed-today", 8) < question);
    let within = configurations(&(3..8));
    let is_in = |seq| configuration(seq) >= within.from && configuration(seq) < within.to;
    assert_eq!([2, 3, 7, 8].map(is_in), [false, true, true, false]);
}
