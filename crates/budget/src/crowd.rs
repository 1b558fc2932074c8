//! Room for entries of many owners, none of whom can drive out those of the others.

use std::collections::HashMap;
use std::hash::Hash;

/// The entry to drop when there is no room for another: of the owner with the most entries, the one that
/// comes first by `rank`.
pub fn first_of_largest<K: Copy, V, O: Eq + Hash, R: Ord>(
    entries: &HashMap<K, V>,
    owner: impl Fn(&V) -> O,
    rank: impl Fn(&V) -> R,
) -> Option<K> {
    let mut counts: HashMap<O, usize> = HashMap::new();
    for entry in entries.values() {
        *counts.entry(owner(entry)).or_default() += 1;
    }
    let most = counts.values().max()?;
    let of_largest = entries.iter().filter(|(_, entry)| counts.get(&owner(entry)) == Some(most));
    of_largest.min_by_key(|(_, entry)| rank(entry)).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_with_the_most_makes_room() {
        let check = |entries: &[(&str, u32)], expected: Option<usize>| {
            let entries = entries.iter().copied().enumerate().collect();
            let found = first_of_largest(&entries, |(owner, _)| *owner, |(_, age)| *age);
            assert_eq!(found, expected);
        };
        check(&[], None);
        check(&[("a", 1)], Some(0));
        check(&[("a", 1), ("b", 3), ("b", 2)], Some(2));
        check(&[("a", 2), ("b", 1), ("c", 3)], Some(1));
    }
}
