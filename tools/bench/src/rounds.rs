//! What several rounds of load found.

use crate::load::LoadResult;

/// One value of each kind for every round.
#[derive(Default)]
pub struct Rounds {
    /// Requests a second.
    pub rate: Vec<f64>,
    /// The median of a round's requests.
    pub p50_ms: Vec<f64>,
    /// The slowest hundredth of a round's requests took longer.
    pub p99_ms: Vec<f64>,
    /// Share of its core that the server used, in percent.
    pub server_percent: Vec<f64>,
    /// Share of its core that the generator used, in percent.
    pub generator_percent: Vec<f64>,
}

impl Rounds {
    /// Adds a round.
    pub fn add(&mut self, mut result: LoadResult) {
        self.rate.push(result.rate());
        self.p50_ms.push(result.percentile_ms(50.0));
        self.p99_ms.push(result.percentile_ms(99.0));
        self.server_percent.push(result.server_cpu_seconds / result.seconds * 100.0);
        self.generator_percent.push(result.generator_cpu_seconds / result.seconds * 100.0);
    }
}
