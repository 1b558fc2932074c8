//! Where the time of a create goes, from the sums that the server keeps by stage.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::child::Serving;
use crate::table::Row;

/// Seconds that each stage took in all.
const SECONDS: &str = "provlog_stage_seconds_total{stage=\"";
/// Requests that were answered.
const REQUESTS: &str = "provlog_scim_request_duration_seconds_count{";

/// Sums by stage, and the requests for which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// Microseconds a request by stage, for each round.
    rounds: BTreeMap<String, Vec<f64>>,
}

/// What a server had counted at some moment.
pub struct Counted {
    seconds: BTreeMap<String, f64>,
    requests: f64,
}

impl Stages {
    /// What a server has counted so far.
    pub fn of(&self, server: &Serving) -> Outcome<Counted> {
        Ok(read(&server.metrics()?))
    }

    /// Takes up what was counted in one round.
    pub fn add(&mut self, before: &Counted, after: &Counted) {
        let requests = after.requests - before.requests;
        for (stage, seconds) in &after.seconds {
            let seconds = seconds - before.seconds.get(stage).copied().unwrap_or(0.0);
            if requests > 0.0 {
                self.rounds.entry(stage.clone()).or_default().push(seconds / requests * 1e6);
            }
        }
    }

    /// A row for each stage; none when the server keeps no such sums.
    pub fn rows(&self) -> Vec<Row> {
        let rows = self.rounds.iter();
        rows.map(|(stage, us)| Row::new(format!("a create at 64 connections: {stage}"), "µs", us))
            .collect()
    }
}

fn read(metrics: &str) -> Counted {
    let mut counted = Counted { seconds: BTreeMap::new(), requests: 0.0 };
    for line in metrics.lines() {
        let value = || line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        if let Some(rest) = line.strip_prefix(SECONDS) {
            let stage = rest.split('"').next().unwrap_or_default();
            counted.seconds.insert(stage.to_owned(), value().unwrap_or(0.0));
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
            "# TYPE provlog_stage_seconds_total counter\n",
            "provlog_stage_seconds_total{stage=\"fold\"} 1.5\n",
            "provlog_scim_request_duration_seconds_count{method=\"POST\",code=\"201\"} 40\n",
            "provlog_scim_request_duration_seconds_count{method=\"GET\",code=\"200\"} 2\n",
        ));
        assert_eq!(counted.seconds.get("fold"), Some(&1.5));
        assert_eq!(counted.requests, 42.0);
    }
}
