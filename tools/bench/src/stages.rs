//! Where the time of a create goes: the server's sums by stage, and the processor time of its threads.

use std::collections::BTreeMap;

use crate::child::Serving;
use crate::table::Row;
use crate::{Outcome, machine};

/// Total nanoseconds of each stage.
const STAGE: &str = "provlog_stage_nanoseconds_total{stage=\"";
/// Requests that were answered.
const REQUESTS: &str = "provlog_scim_request_duration_seconds_count{";

/// Microseconds a request, by stage and by thread, for each round.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    rounds: BTreeMap<String, Vec<f64>>,
}

/// A server's counters at one time.
#[derive(Debug, Default)]
pub struct Counted {
    microseconds: BTreeMap<String, f64>,
    requests: f64,
}

impl Counted {
    /// What a server has counted so far.
    pub fn of(server: &Serving) -> Outcome<Counted> {
        let mut counted = read(&server.metrics()?);
        for (thread, seconds) in machine::cpu_seconds_by_thread(server.process())? {
            counted.microseconds.insert(format!("processor time, {thread}"), seconds * 1e6);
        }
        Ok(counted)
    }
}

impl Stages {
    /// Adds the counts of one round.
    pub fn add(&mut self, before: &Counted, after: &Counted) {
        let requests = after.requests - before.requests;
        for (stage, us) in &after.microseconds {
            let us = us - before.microseconds.get(stage).copied().unwrap_or(0.0);
            if requests > 0.0 && us > 0.0 {
                self.rounds.entry(stage.clone()).or_default().push(us / requests);
            }
        }
    }

    /// A row for each stage.
    pub fn rows(&self) -> Vec<Row> {
        let row = |(stage, us): (&String, &Vec<f64>)| {
            Row::new(format!("of a create at 64: {stage}"), "µs", us)
        };
        self.rounds.iter().map(row).collect()
    }
}

fn read(metrics: &str) -> Counted {
    let mut counted = Counted::default();
    for line in metrics.lines() {
        let value = || line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        if let Some(rest) = line.strip_prefix(STAGE) {
            let stage = rest.split('"').next().unwrap_or_default();
            let microseconds = value().unwrap_or(0.0) / 1e3;
            counted.microseconds.insert(format!("wall time, {stage}"), microseconds);
        } else if line.starts_with(REQUESTS) {
            counted.requests += value().unwrap_or(0.0);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_from_the_text_of_the_metrics() {
        let counted = read(concat!(
            "# TYPE provlog_stage_nanoseconds_total counter\n",
            "provlog_stage_nanoseconds_total{stage=\"fold\"} 1500\n",
            "provlog_scim_request_duration_seconds_count{method=\"POST\",code=\"201\"} 40\n",
            "provlog_scim_request_duration_seconds_count{method=\"GET\",code=\"200\"} 2\n",
        ));
        assert_eq!(counted.microseconds.get("wall time, fold"), Some(&1.5));
        assert_eq!(counted.requests, 42.0);
    }
}
