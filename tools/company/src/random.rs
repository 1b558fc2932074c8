//! Seeded random numbers: the same on every machine and in every release.

/// SplitMix64. Not a crate, whose numbers may change with its version.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// A number of `start..end`.
    pub(crate) fn between(&mut self, start: i64, end: i64) -> i64 {
        start + self.below(usize::try_from(end - start).unwrap_or(1)) as i64
    }

    /// True with a probability of `permille` in a thousand.
    pub(crate) fn chance(&mut self, permille: usize) -> bool {
        self.below(1000) < permille
    }

    /// One of several; `items` is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A random count with an average of `per_thousand` thousandths.
    pub(crate) fn times(&mut self, per_thousand: usize) -> usize {
        let draws = per_thousand / 250 + 1;
        (0..draws).filter(|_| self.chance(per_thousand / draws)).count()
    }

    /// The text of a version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let bits = u128::from(self.number()) << 64 | u128::from(self.number());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_every_number() {
        // The value of the published algorithm; other numbers would make another company.
        assert_eq!(Random::seeded(1_234_567).number(), 6_457_827_717_110_365_317);
        let (mut one, mut other) = (Random::seeded(1), Random::seeded(1));
        assert_eq!(one.uuid(), other.uuid());
        assert_ne!(one.uuid(), Random::seeded(2).uuid());
    }
}
