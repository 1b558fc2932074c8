//! What came of an import, in the words of the command line and of the page.

use serde_json::{Value, json};

use crate::pieces::{Counts, Place};

/// What came of an import.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// The names of its files, as their reader knows them.
    pub names: Vec<String>,
    /// What came of the records.
    pub counts: Counts,
    /// The files that were not imported, or only in part, and why.
    pub failed: Vec<(usize, String)>,
    /// Whether records are left out because nobody wanted the import to go on.
    pub is_cut: bool,
}

impl Report {
    /// The counts, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let counts = &self.counts;
        let mut told = format!(
            "{} read: {} new, {} known, {} refused",
            counts.read, counts.new, counts.known, counts.refused
        );
        for (what, count) in
            [("of other applications", counts.of_others), ("passed over", counts.passed_over)]
        {
            if count > 0 {
                told.push_str(&format!(", {what}: {count}"));
            }
        }
        told
    }

    /// What was not imported, one line each: files, other applications and their entries, refused records.
    /// They hold names that somebody else chose.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let counts = &self.counts;
        let mut lines = vec![];
        for (file, what) in &self.failed {
            lines.push(format!("{}: {what}", self.name(*file)));
        }
        for one in &counts.principals {
            lines.push(format!("kept out of {}: {}", one.shown(), one.entries));
        }
        let listed: u64 = counts.principals.iter().map(|one| one.entries).sum();
        let left = counts.of_others.saturating_sub(listed);
        if left > 0 {
            lines.push(format!("kept out of applications that are not listed: {left}"));
        }
        for (place, entry, principal) in &counts.others {
            let of = principal.as_deref().unwrap_or("no application that is named");
            lines.push(format!("{}: entry {entry} of {of}", self.at(*place)));
        }
        for (place, what) in &counts.refusals {
            lines.push(format!("{}: {what}", self.at(*place)));
        }
        let left = counts.refused.saturating_sub(counts.refusals.len() as u64);
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        lines
    }

    /// Whether no file was imported.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.names.is_empty() && self.failed.len() == self.names.len()
    }

    /// Whether records were read, and every one was refused.
    #[must_use]
    pub fn is_all_refused(&self) -> bool {
        self.counts.refused > 0 && self.counts.refused == self.counts.read
    }

    /// What went wrong, if anything did.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        let files = match self.failed.len() {
            0 => None,
            count if count == self.names.len() => {
                return Some("none of the files was imported".to_owned());
            }
            count => Some(format!("{count} of {} files were not imported", self.names.len())),
        };
        let records = match self.counts.refused {
            0 => None,
            1 => Some("one record was refused".to_owned()),
            count => Some(format!("{count} records were refused")),
        };
        let wrong: Vec<String> = files.into_iter().chain(records).collect();
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }

    /// The whole report for programs.
    #[must_use]
    pub fn json(&self, application: &str) -> Value {
        let counts = &self.counts;
        let refusals = counts.refusals.iter().map(
            |((file, line), what)| json!({"file": self.name(*file), "line": line, "what": what}),
        );
        let principals = counts.principals.iter().map(|one| {
            json!({"servicePrincipal": one.id, "displayName": one.name, "entries": one.entries})
        });
        let others = counts.others.iter().map(|((file, line), entry, principal)| {
            json!({"file": self.name(*file), "line": line, "entryId": entry,
                "servicePrincipal": principal})
        });
        let files =
            self.failed.iter().map(|(file, what)| json!({"file": self.name(*file), "what": what}));
        json!({
            "application": application,
            "read": counts.read,
            "new": counts.new,
            "known": counts.known,
            "refused": counts.refused,
            "refusals": refusals.collect::<Vec<_>>(),
            "passedOver": counts.passed_over,
            "ofOtherApplications": counts.of_others,
            "otherApplications": principals.collect::<Vec<_>>(),
            "others": others.collect::<Vec<_>>(),
            "failedFiles": files.collect::<Vec<_>>(),
        })
    }

    fn name(&self, file: usize) -> &str {
        self.names.get(file).map(String::as_str).unwrap_or_default()
    }

    fn at(&self, (file, line): Place) -> String {
        format!("{}:{line}", self.name(file))
    }
}
