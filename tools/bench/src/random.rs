//! Random numbers that are the same in every run with the same seed.

/// SplitMix64: short, and good enough to spread a workload.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins the sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in 0.0..1.0.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Any element of a list; `None` of an empty one.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// A number in 0..n that is `rank` with a probability in proportion to 1/(rank + 1), as Zipf has
    /// it.
    pub fn rank(&mut self, n: usize) -> usize {
        let log = self.unit() * (n as f64 + 1.0).ln();
        (log.exp() as usize).clamp(1, n.max(1)) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_bounds_and_repeat() {
        let (mut random, mut again) = (Random::new(7), Random::new(7));
        for bound in 1..2_000 {
            assert!(random.below(bound) < bound);
            assert!(random.rank(bound) < bound);
            let unit = random.unit();
            assert!((0.0..1.0).contains(&unit));
            again.below(bound);
            again.rank(bound);
            assert_eq!(again.unit(), unit);
        }
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn low_ranks_are_as_frequent_as_zipf_says() {
        let mut random = Random::new(1);
        let mut seen = [0_u32; 100];
        for _ in 0..100_000 {
            seen[random.rank(100)] += 1;
        }
        assert!(seen[0] > 10 * seen[19] && seen[0] < 40 * seen[19], "{seen:?}");
    }
}
