//! Reads what callgrind counted, and shares it among the stages of a request.
//!
//! A function of one of our modules belongs to that module's stage. Any other function, such as one
//! that copies bytes, belongs to the stages of those that call it, in proportion to what they spend in
//! it.

use std::collections::BTreeMap;

/// Stages, and the modules that belong to each.
const STAGES: [(&str, &[&str]); 7] = [
    ("parse", &["scim::", "canonical::", "ingest::http::", "ingest::cuts", "incoming::"]),
    ("decide", &["ingest::decide", "ingest::numbers", "projector::gate", "ingest::record"]),
    ("fold", &["projector::fold", "projector::row", "projector::view", "projector::overlay"]),
    ("encode", &["event::codec", "event::stored", "bincode::"]),
    ("append", &["store::log", "rocksdb::DBImpl::Write"]),
    ("publish", &["store::rows", "projector::committer"]),
    ("reply", &["ingest::outcome", "ingest::render"]),
];
/// What belongs to none: the runtime, the flush, the load itself.
const REST: usize = STAGES.len();
/// How often shares are handed down from callers; deeper chains of foreign functions are rare.
const PASSES: usize = 60;

type Shares = [f64; STAGES.len() + 1];

#[derive(Default)]
struct Function {
    name: String,
    own: f64,
    /// By caller: the instructions that it spends in this function.
    callers: BTreeMap<usize, f64>,
}

/// The instructions of a run.
pub struct Counts {
    functions: Vec<Function>,
}

impl Counts {
    /// Reads callgrind's file.
    pub fn read(text: &str) -> Counts {
        let mut counts = Counts { functions: vec![] };
        let mut places = BTreeMap::new();
        let (mut now, mut called, mut is_call) = (None, None, false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                now = Some(counts.place(&mut places, name));
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = Some(counts.place(&mut places, name));
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<f64>().ok());
                let (Some(now), Some(cost)) = (now, cost) else { continue };
                match called.filter(|_| is_call) {
                    Some(called) => {
                        *counts.functions[called].callers.entry(now).or_default() += cost;
                    }
                    None => counts.functions[now].own += cost,
                }
                is_call = false;
            }
        }
        counts
    }

    /// The place of a function. A name is written once, after its number: `(12) name`.
    fn place(&mut self, places: &mut BTreeMap<String, usize>, text: &str) -> usize {
        let (number, name) = text.split_once(' ').unwrap_or((text, ""));
        let place = *places.entry(number.to_owned()).or_insert_with(|| {
            self.functions.push(Function::default());
            self.functions.len() - 1
        });
        if !name.is_empty() {
            name.clone_into(&mut self.functions[place].name);
        }
        place
    }

    /// The instructions of each stage, then those of none; all of them together are the whole run.
    pub fn by_stage(&self) -> Vec<(&'static str, f64)> {
        let known: Vec<Option<usize>> = self.functions.iter().map(|f| stage(&f.name)).collect();
        let only = |stage: usize| {
            let mut shares = Shares::default();
            shares[stage] = 1.0;
            shares
        };
        let mut shares: Vec<Shares> =
            known.iter().map(|stage| only(stage.unwrap_or(REST))).collect();
        for _ in 0..PASSES {
            for (place, function) in self.functions.iter().enumerate() {
                let whole: f64 = function.callers.values().sum();
                if known[place].is_some() || whole <= 0.0 {
                    continue;
                }
                let mut mixed = Shares::default();
                for (caller, spent) in &function.callers {
                    for (mixed, share) in mixed.iter_mut().zip(shares[*caller]) {
                        *mixed += share * spent / whole;
                    }
                }
                shares[place] = mixed;
            }
        }
        let mut sums = Shares::default();
        for (function, shares) in self.functions.iter().zip(&shares) {
            for (sum, share) in sums.iter_mut().zip(shares) {
                *sum += share * function.own;
            }
        }
        let names = STAGES.iter().map(|(name, _)| *name).chain(["runtime, flush, and the load"]);
        names.zip(sums).collect()
    }
}

fn stage(name: &str) -> Option<usize> {
    let name = name.trim_start_matches('<');
    STAGES.iter().position(|(_, modules)| modules.iter().any(|module| name.starts_with(module)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_functions_belong_to_those_that_call_them() {
        let counts = Counts::read(concat!(
            "events: Ir\n",
            "fl=(1) a.rs\n",
            "fn=(1) main\n1 10\ncfn=(2) <scim::Body>::read\ncalls=1 5\n2 130\n",
            "cfn=(3) projector::fold::fold\ncalls=1 9\n3 70\n\n",
            "fn=(2)\n5 100\ncfn=(4) memcpy\ncalls=2 1\n6 30\n\n",
            "fn=(3)\n9 60\ncfn=(4)\ncalls=1 1\n10 10\n\n",
            "fn=(4)\n1 40\n",
            "summary: 210\n",
        ));
        let sums: BTreeMap<_, _> = counts.by_stage().into_iter().collect();
        assert_eq!(sums["parse"], 130.0);
        assert_eq!(sums["fold"], 70.0);
        assert_eq!(sums["runtime, flush, and the load"], 10.0);
        assert_eq!(sums.values().sum::<f64>(), 210.0);
    }
}
