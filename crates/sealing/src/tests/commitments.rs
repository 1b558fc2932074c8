//! Commitments and openings.

use proptest::prelude::*;
use tlog::Hash;

use super::*;

fn salts(number: u32, seq: u64) -> Salts {
    Salts::new(&part_key(number), at(seq), &Nonce::new([6; 24]))
}

type Pair = (Vec<u8>, Vec<u8>);

fn borrowed(values: &[Pair]) -> Vec<(&[u8], &[u8])> {
    values.iter().map(|(name, value)| (&name[..], &value[..])).collect()
}

fn numbered(count: usize) -> Vec<Pair> {
    let number = |number: usize| number.to_string().into_bytes();
    (0..count).map(|place| (number(place), number(place * 7))).collect()
}

#[test]
fn a_salt_is_of_one_part_key_event_part_nonce_place_and_use() {
    let key = part_key(1);
    let nonce = Nonce::new([6; 24]);
    let mut seen = std::collections::HashSet::new();
    let mut check = |salts: &Salts| {
        let one = [(&b""[..], &b"x"[..])];
        let two = [one[0], one[0]];
        let tree = ValueTree::new(salts, two.to_vec());
        let openings = [tree.open(0).unwrap().salt, tree.open(1).unwrap().salt];
        let whole = open_whole(salts, b"x".to_vec()).salt;
        for salt in [openings[0], openings[1], whole] {
            assert!(seen.insert(salt.0));
        }
    };
    check(&Salts::new(&key, at(1), &nonce));
    check(&Salts::new(&part_key(2), at(1), &nonce));
    check(&Salts::new(&key, at(2), &nonce));
    check(&Salts::new(&key, PartAt { part: 3, ..at(1) }, &nonce));
    check(&Salts::new(&key, PartAt { log: LogId::from_random(1), ..at(1) }, &nonce));
    check(&Salts::new(&key, at(1), &Nonce::new([7; 24])));
}

#[test]
fn a_whole_content_opens_and_another_does_not() {
    let salts = salts(1, 5);
    let commitment = commit_whole(&salts, b"{\"userName\":\"a\"}");
    let opening = open_whole(&salts, b"{\"userName\":\"a\"}".to_vec());
    opening.verify(&commitment).unwrap();
    let mut other = opening.clone();
    other.content.push(b' ');
    assert_eq!(other.verify(&commitment), Err(OpeningError::OtherContent));
    let mut other = opening.clone();
    other.salt.0[31] ^= 1;
    assert_eq!(other.verify(&commitment), Err(OpeningError::OtherContent));
    assert_eq!(opening.verify(&Hash::EMPTY_TREE), Err(OpeningError::OtherContent));
}

#[test]
fn the_tree_gives_the_same_commitment_and_every_value_opens() {
    let salts = salts(1, 5);
    // 256 and 257 values fill a tile and begin another.
    for count in [0, 1, 2, 3, 5, 20, 255, 256, 257, 600] {
        let values = numbered(count);
        let commitment = commit_values(&salts, borrowed(&values));
        let tree = ValueTree::new(&salts, borrowed(&values));
        assert_eq!(tree.commitment(), commitment);
        for (place, (name, value)) in values.iter().enumerate() {
            let opening = tree.open(place as u32).unwrap();
            assert_eq!((&opening.name, &opening.value), (name, value));
            opening.verify(&commitment).unwrap();
        }
        assert_eq!(tree.open(count as u32), None);
    }
}

#[test]
fn an_opening_shows_one_value_under_one_name() {
    let salts = salts(1, 5);
    let values = numbered(5);
    let tree = ValueTree::new(&salts, borrowed(&values));
    let (commitment, opening) = (tree.commitment(), tree.open(3).unwrap());
    let refused = |change: &dyn Fn(&mut ValueOpening)| {
        let mut other = opening.clone();
        change(&mut other);
        assert!(matches!(other.verify(&commitment), Err(OpeningError::Inclusion(_))), "{other:?}");
    };
    refused(&|opening| opening.value.push(b'0'));
    refused(&|opening| opening.name = b"4".to_vec());
    refused(&|opening| opening.salt.0[0] ^= 1);
    refused(&|opening| opening.place = 2);
    refused(&|opening| opening.place = 5);
    refused(&|opening| opening.values = 3);
    refused(&|opening| opening.values = 0);
    refused(&|opening| opening.proof = tree.open(2).unwrap().proof);
    // The bytes are the same, the border between name and value is another.
    refused(&|opening| {
        let value = std::mem::take(&mut opening.value);
        opening.name.extend(value);
    });
    assert!(opening.verify(&commit_values(&salts, borrowed(&numbered(6)))).is_err());
}

/// Else a value could be shown as a whole content, or an inner node as either.
#[test]
fn whole_contents_values_and_nodes_are_kept_apart() {
    let salts = salts(1, 5);
    let values = numbered(1);
    let value = ValueTree::new(&salts, borrowed(&values));
    let opening = value.open(0).unwrap();
    // All that was hashed behind the byte for its use.
    let length = (opening.name.len() as u32).to_be_bytes();
    let content = [&length[..], &opening.name, &opening.value].concat();
    let whole = WholeOpening { salt: opening.salt, content };
    assert_eq!(whole.verify(&value.commitment()), Err(OpeningError::OtherContent));

    let pair = numbered(2);
    let tree = ValueTree::new(&salts, borrowed(&pair));
    let leaves: Vec<Hash> = (0..2)
        .map(|place| {
            let ValueOpening { salt, name, value, .. } = tree.open(place).unwrap();
            let length = (name.len() as u32).to_be_bytes();
            Hash::of_leaf(&[&[2][..], &salt.0, &length, &name, &value].concat())
        })
        .collect();
    assert_eq!(tree.commitment(), Hash::of_node(&leaves[0], &leaves[1]));
    let salt = Salt(
        leaves[0].as_bytes()[1..]
            .iter()
            .chain([&0])
            .copied()
            .collect::<Vec<u8>>()
            .try_into()
            .unwrap(),
    );
    let node = WholeOpening { salt, content: leaves[1].as_bytes().to_vec() };
    assert_eq!(node.verify(&tree.commitment()), Err(OpeningError::OtherContent));
}

proptest! {
    /// Values that differ anywhere, in number, order, name or content, have different commitments.
    #[test]
    fn other_values_have_another_commitment(
        one in proptest::collection::vec(("[a-b]{0,3}", "[a-b]{0,3}"), 0..6),
        two in proptest::collection::vec(("[a-b]{0,3}", "[a-b]{0,3}"), 0..6),
    ) {
        let commit = |values: &[(String, String)]| {
            let values = values.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            commit_values(&salts(1, 5), values)
        };
        prop_assert_eq!(commit(&one) == commit(&two), one == two);
    }
}
