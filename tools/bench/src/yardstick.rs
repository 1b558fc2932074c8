//! A fixed piece of work that has nothing to do with provlog. How long it takes tells how fast the
//! machine was during a run, so that runs of different days can be compared.

use event::Stopwatch;

use crate::random::Random;
use crate::table::Row;

/// The row's name.
pub const NAME: &str = "yardstick: a fixed piece of work";
/// More numbers than the caches of a core hold.
const NUMBERS: usize = 1 << 20;

/// Milliseconds for sorting numbers and finding them again: both the processor and the memory count.
#[derive(Default)]
pub struct Yardstick(Vec<f64>);

impl Yardstick {
    /// Measures once.
    pub fn take(&mut self) {
        let mut random = Random::new(7);
        let mut numbers: Vec<u64> = (0..NUMBERS).map(|_| random.next()).collect();
        let wanted = numbers.clone();
        let watch = Stopwatch::start();
        numbers.sort_unstable();
        let found = wanted.iter().filter(|number| numbers.binary_search(number).is_ok()).count();
        std::hint::black_box(found); // or the compiler leaves the work out
        self.0.push(watch.elapsed().as_secs_f64() * 1e3);
    }

    /// Its row.
    pub fn row(&self) -> Row {
        Row::new(NAME, "ms", &self.0)
    }
}
