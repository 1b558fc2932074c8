//! Which names there are: a filter in memory that saves asking the rows for a name that nobody has.
//!
//! A create asks for half a dozen names, and nearly always there are none. The filter may say "perhaps" of
//! a name that no row has; that costs one needless read. It never says "no" of one that a row has.
//!
//! It is filled from the rows a piece at a time, from the lowest key to the highest, while the committer
//! already works. Of keys that the filling has not reached it says "perhaps".

use std::hash::BuildHasher;
use std::ops::ControlFlow;

use foldhash::fast::RandomState;
use store::key::{self, KeyRange};
use store::{Direction, ReadRows, StoreError};

/// Bits of the filter for each name. With twelve about one absent name in a hundred is asked for in vain.
const BITS_PER_NAME: usize = 12;
/// The first part has room for so many names, each further part for twice as many as the part before.
const NAMES_IN_FIRST_PART: usize = 64 << 10;
/// So many bytes at most; that is room for more than 40 million names. When they are full, the filter is
/// given up, and every name is asked for as if there were none.
const BYTES_MAX: usize = 64 << 20;

/// The names that rows have. Names are those of [`key::name`].
pub(crate) struct Names {
    parts: Vec<Part>,
    hasher: RandomState,
    /// The filter knows every name in keys below this one.
    filled_to: Vec<u8>,
    bytes_max: usize,
}

impl Default for Names {
    /// A filter that knows nothing of the rows yet.
    fn default() -> Names {
        let hasher = RandomState::default();
        Names { parts: vec![], hasher, filled_to: vec![], bytes_max: BYTES_MAX }
    }
}

impl Names {
    /// The filter of a store without rows.
    pub(crate) fn of_no_rows() -> Names {
        Names { filled_to: vec![u8::MAX], ..Names::default() }
    }

    /// A filter that knows nothing and takes in nothing.
    pub(crate) fn given_up() -> Names {
        Names { bytes_max: 0, ..Names::default() }
    }

    /// Whether it was filled to the end.
    fn is_filled(&self) -> bool {
        self.filled_to == [u8::MAX]
    }

    /// Whether there is certainly no row with this name.
    pub(crate) fn lacks(&self, name: &[u8]) -> bool {
        let is_filled = self.filled_to.as_slice() > name && !self.filled_to.starts_with(name);
        if !is_filled {
            return false;
        }
        let hash = self.hasher.hash_one(name);
        !self.parts.iter().any(|part| part.holds(hash))
    }

    /// Adds the name of a row, if the key has one.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let Some(name) = key::name(key) else { return };
        let hash = self.hasher.hash_one(name);
        if self.bytes_max == 0 || self.parts.iter().any(|part| part.holds(hash)) {
            return;
        }
        if self.parts.last().is_none_or(|part| part.room == 0) {
            let names = NAMES_IN_FIRST_PART << self.parts.len();
            let next = Part::of(names);
            let bytes: usize = self.parts.iter().chain([&next]).map(Part::bytes).sum();
            if bytes > self.bytes_max {
                tracing::warn!(bytes, "too many names for the filter in memory: it is given up");
                *self = Names::given_up();
                return;
            }
            self.parts.push(next);
        }
        if let Some(part) = self.parts.last_mut() {
            part.add(hash);
        }
    }

    /// Fills it from up to `limit` further rows.
    pub(crate) fn fill(&mut self, rows: &dyn ReadRows, limit: usize) -> Result<(), StoreError> {
        let mut left = limit;
        for range in key::names_after(&self.filled_to) {
            if self.is_filled() || self.bytes_max == 0 {
                break;
            }
            self.fill_from(rows, &range, &mut left)?;
            if left == 0 {
                return Ok(());
            }
        }
        if self.bytes_max > 0 {
            self.filled_to = vec![u8::MAX];
        }
        Ok(())
    }

    fn fill_from(
        &mut self,
        rows: &dyn ReadRows,
        range: &KeyRange,
        left: &mut usize,
    ) -> Result<(), StoreError> {
        let mut last = None;
        rows.scan(range, Direction::Forward, &mut |key, _| {
            self.add(key);
            *left -= 1;
            last = (*left == 0).then(|| key.to_vec());
            if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if self.bytes_max == 0 {
            return Ok(());
        }
        self.filled_to = match last {
            // Just above the last key.
            Some(mut last) => {
                last.push(0);
                last
            }
            None => range.to.clone(),
        };
        Ok(())
    }

    /// Whether there is anything left to fill it from.
    pub(crate) fn wants_filling(&self) -> bool {
        self.bytes_max > 0 && !self.is_filled()
    }
}

/// A split block Bloom filter: a name sets one bit in each of the eight words of one block, so that asking
/// for it reads one cache line.
struct Part {
    blocks: Vec<[u32; 8]>,
    /// How many more names may be added.
    room: usize,
}

impl Part {
    fn of(names: usize) -> Part {
        let blocks = (names * BITS_PER_NAME).div_ceil(256);
        Part { blocks: vec![[0; 8]; blocks], room: names }
    }

    fn bytes(&self) -> usize {
        self.blocks.len() * 32
    }

    fn block(&self, hash: u64) -> usize {
        // The upper half of the product spreads the upper half of the hash over the blocks.
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }

    /// One bit for each word, from the lower half of the hash.
    fn bits(hash: u64) -> [u32; 8] {
        // Odd numbers that were drawn at random.
        const FACTORS: [u32; 8] = [
            0x6c07_8965,
            0x9908_b0df,
            0xd16b_54a3,
            0x2c1b_3c6d,
            0x297a_2d39,
            0x85eb_ca6b,
            0xc2b2_ae35,
            0x27d4_eb2f,
        ];
        FACTORS.map(|factor| 1 << ((hash as u32).wrapping_mul(factor) >> 27))
    }

    fn holds(&self, hash: u64) -> bool {
        let block = self.blocks[self.block(hash)];
        block.iter().zip(Part::bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    fn add(&mut self, hash: u64) {
        let place = self.block(hash);
        for (word, bit) in self.blocks[place].iter_mut().zip(Part::bits(hash)) {
            *word |= bit;
        }
        self.room = self.room.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use event::{Application, Attribute, Number, ResourceType};

    use super::*;
    use crate::overlay::tests::MapRows;

    const APP: Application = Application(1);

    /// Keys of all three kinds of row with names.
    fn key_of(index: u32) -> Vec<u8> {
        let (user, text) = (ResourceType::USER, format!("name-{index}"));
        match index % 3 {
            0 => key::mention(APP, user, Attribute::UserName, &text),
            1 => key::unique(APP, user, Attribute::UserName, &text),
            _ => key::lookup(APP, user, Attribute::ExternalId, &text, Number(index)),
        }
    }

    fn lacks(names: &Names, index: u32) -> bool {
        names.lacks(key::name(&key_of(index)).unwrap())
    }

    #[test]
    fn no_name_that_was_added_is_lacking_and_few_others_are_asked_for() {
        let mut names = Names::of_no_rows();
        for index in 0..300_000 {
            names.add(&key_of(index));
        }
        assert!(names.parts.len() > 2, "over several parts");
        assert!((0..300_000).all(|index| !lacks(&names, index)));
        let asked = (300_000..400_000).filter(|index| !lacks(&names, *index)).count();
        assert!(asked < 3_000, "{asked} of 100,000 in vain");
        let bytes: usize = names.parts.iter().map(Part::bytes).sum();
        assert!(bytes < 300_000 * 3, "{bytes} bytes");
    }

    #[test]
    fn what_the_filling_has_not_reached_is_never_lacking() {
        let mut rows = MapRows::default();
        // Rows without a name lie between those with one.
        for index in 0..900 {
            rows.0.insert(key_of(index), vec![]);
            let text = format!("{index}@x.example");
            let email =
                key::lookup(APP, ResourceType::USER, Attribute::Email, &text, Number(index));
            rows.0.insert(email, vec![]);
        }
        let mut names = Names::default();
        let mut pieces = 0;
        while names.wants_filling() {
            assert!((0..900).all(|index| !lacks(&names, index)), "after {pieces} pieces");
            // What is published meanwhile is added by the committer.
            rows.0.insert(key_of(1_000 + pieces), vec![]);
            names.add(&key_of(1_000 + pieces));
            names.fill(&rows, 70).unwrap();
            pieces += 1;
        }
        assert!(pieces > 20, "{pieces}");
        assert!((0..900).chain(1_000..1_000 + pieces).all(|index| !lacks(&names, index)));
        let asked = (5_000..6_000).filter(|index| !lacks(&names, *index)).count();
        assert!(asked < 50, "{asked} of 1,000 in vain");
    }

    #[test]
    fn a_filter_that_is_full_is_given_up() {
        let mut names = Names { bytes_max: 128 << 10, ..Names::of_no_rows() };
        (0..70_000).for_each(|index| names.add(&key_of(index)));
        assert!((0..100_000).all(|index| !lacks(&names, index)), "it says of none that it lacks");
        assert!(names.parts.is_empty() && !names.wants_filling());
        names.fill(&MapRows::default(), 10).unwrap();
        assert!(!lacks(&names, 1));
    }
}
