//! The proof of one event, checked offline.

use std::fmt;

use event::Timestamp;
use tlog::{Policy, ProofFile, ProofFileError, ProofFileRefusal, TreeHead};

use crate::entry::{Entry, EntryError};

/// What a proof file shows of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proven {
    /// What the log's tree holds of it.
    pub entry: Entry,
    /// The log up to the checkpoint of the proof.
    pub head: TreeHead,
    /// The key that signed the checkpoint, as text.
    pub signed_by: String,
    /// The witnesses that signed it, and when they say that was, in seconds since 1970.
    pub witnessed_by: Vec<(String, Option<u64>)>,
}

/// What it shows, for people: a line for each fact, and a sentence.
impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proven { entry, head, signed_by, witnessed_by } = self;
        writeln!(f, "log            {}", entry.log)?;
        writeln!(f, "event          {}", entry.seq)?;
        writeln!(f, "recorded       {}", entry.recorded_at)?;
        writeln!(f, "application    number {}", entry.application.0)?;
        writeln!(f, "kind           {}", entry.kind)?;
        writeln!(f, "hash           {}", entry.leaf())?;
        writeln!(f, "events         {}", head.size)?;
        writeln!(f, "root           {}", head.root)?;
        writeln!(f, "signed by      {signed_by}")?;
        for (name, time_s) in witnessed_by {
            let time_s = time_s.and_then(|time_s| i64::try_from(time_s).ok()).unwrap_or_default();
            let at = Timestamp(time_s.saturating_mul(1_000_000));
            writeln!(f, "witnessed by   {name} at {at}")?;
        }
        writeln!(f, "The event is in the log, and is what it was when the checkpoint was signed.")
    }
}

/// Checks a proof file whose extra data is the entry.
///
/// # Errors
/// See [`ProofRefusal`].
pub fn verify_proof(bytes: &[u8], policy: &Policy) -> Result<Proven, ProofRefusal> {
    let file = ProofFile::parse(bytes)?;
    let entry = Entry::parse(file.extra().ok_or(ProofRefusal::NoEntry)?)?;
    if entry.seq != file.index() {
        return Err(ProofRefusal::OtherPlace { entry: entry.seq, proof: file.index() });
    }
    let verified = file.verify(entry.leaf(), policy)?;
    let witnesses = verified.witnesses().iter();
    Ok(Proven {
        entry,
        head: *verified.head(),
        signed_by: verified.log_key().to_string(),
        witnessed_by: witnesses.map(|one| (one.key.name().to_string(), one.time_s)).collect(),
    })
}

/// Why a proof shows nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofRefusal {
    /// It is no proof file.
    #[error("this is no proof")]
    File(#[from] ProofFileError),
    /// The file has no entry.
    #[error("the proof has no entry with it")]
    NoEntry,
    /// What it has is no entry.
    #[error("the entry of the proof cannot be read")]
    Entry(#[from] EntryError),
    /// The entry is of another event.
    #[error("the entry is of event {entry}, and the proof of event {proof}")]
    OtherPlace {
        /// The event of the entry.
        entry: u64,
        /// The event of the proof.
        proof: u64,
    },
    /// The checkpoint is not to be believed, or the entry is not in its tree.
    #[error("the proof does not hold")]
    Refused(#[from] ProofFileRefusal),
}

#[cfg(test)]
mod tests;
