//! Forwarded operations whose outcome is in doubt, and the observations that settled them.
//!
//! In doubt are operations whose answer never came ([`Effect::Unknown`]) or did not show what they did
//! ([`Effect::Unverified`]), and all forwarded deletions: some applications acknowledge a deletion but
//! only disable the account.

use event::{
    Application, Effect, Event, Method, Number, Observation, Operation, Seq, Timestamp, Verdict,
};
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::view::View;

/// An operation whose outcome is or was in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// Its place in the log.
    pub seq: Seq,
    /// The resource or person it is about; nobody if that is not known.
    pub number: Number,
    /// The recorded effect.
    pub effect: Effect,
    /// When it was recorded.
    pub at: Timestamp,
    /// How it was settled; `None` while it is in doubt.
    pub settled: Option<Settled>,
}

/// How a later observation settled a doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The observation.
    pub by: Seq,
    /// What it says of the operation; [`Verdict::None`] if the state is known again but it cannot be told
    /// what the operation did.
    pub verdict: Verdict,
    /// When the observation was recorded.
    pub at: Timestamp,
    /// Whether it found a state that differs from the recorded one.
    pub changed: bool,
}

impl Doubt {
    /// The doubt that an operation leaves; `None` if its outcome is certain.
    fn of(event: &Event, operation: &Operation) -> Option<Doubt> {
        let is_forwarded = event.structure.forwarded;
        let is_in_doubt = match operation.effect {
            Effect::Unknown | Effect::Unverified => true,
            Effect::Applied | Effect::NoOp => is_forwarded && operation.method == Method::Delete,
            Effect::Read | Effect::Rejected | Effect::Skipped | Effect::Contradicted => false,
        };
        is_in_doubt.then_some(Doubt {
            seq: event.seq,
            number: operation.number,
            effect: operation.effect,
            at: event.header.recorded_at,
            settled: None,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = self.number.0.to_be_bytes().to_vec();
        out.push(self.effect as u8);
        out.extend(self.at.0.to_be_bytes());
        if let Some(settled) = &self.settled {
            out.extend(settled.by.to_be_bytes());
            out.push(settled.verdict as u8);
            out.push(u8::from(settled.changed));
            out.extend(settled.at.0.to_be_bytes());
        }
        out
    }

    fn decode(seq: Seq, value: &[u8]) -> Option<Doubt> {
        let (number, rest) = value.split_first_chunk()?;
        let ([effect], rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let settled = match rest {
            [] => None,
            rest => {
                let (by, rest) = rest.split_first_chunk()?;
                let ([verdict, changed], rest) = rest.split_first_chunk()?;
                let verdicts = [Verdict::None, Verdict::Confirmed, Verdict::Contradicted];
                let verdict = verdicts.into_iter().find(|one| *one as u8 == *verdict)?;
                let at = Timestamp(i64::from_be_bytes(rest.try_into().ok()?));
                let changed = *changed != 0;
                Some(Settled { by: Seq::from_be_bytes(*by), verdict, at, changed })
            }
        };
        Some(Doubt {
            seq,
            number: Number(u32::from_be_bytes(*number)),
            effect: Effect::from_code(*effect)?,
            at: Timestamp(i64::from_be_bytes(*at)),
            settled,
        })
    }
}

/// Writes the doubt that an operation leaves.
pub(crate) fn fold_doubt(rows: &mut Overlay<'_>, event: &Event, operation: &Operation) {
    if let Some(doubt) = Doubt::of(event, operation) {
        let application = event.header.application;
        rows.put(key::unsettled(application, doubt.number, doubt.seq), vec![]);
        rows.put(key::doubt(doubt.seq), doubt.encode());
    }
}

/// Settles the doubts that an observation names.
pub(crate) fn fold_settled(
    rows: &mut Overlay<'_>,
    event: &Event,
    seen: &Observation,
) -> Result<(), ProjectorError> {
    let application = event.header.application;
    let mut changes = event.parts.iter().filter_map(|part| part.content.changes());
    let changed = changes.any(|changes| changes.mention.is_none());
    for seq in &seen.settles {
        let Some(mut doubt) = View::new(rows).doubt(*seq)? else { continue };
        let at = event.header.recorded_at;
        doubt.settled = Some(Settled { by: event.seq, verdict: seen.verdict, at, changed });
        rows.put(key::doubt(*seq), doubt.encode());
        rows.delete(key::unsettled(application, doubt.number, *seq));
        rows.put(key::settled(application, event.seq, *seq), vec![]);
    }
    Ok(())
}

impl View<'_> {
    /// The operations on a resource or person that are in doubt now, oldest first.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
    pub fn unsettled(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Vec<Doubt>, ProjectorError> {
        self.doubts_in(&key::all_unsettled(application, number))
    }

    /// The operations of an application that are in doubt, or were settled after the event `since`: all
    /// that can have been in doubt at some time after it.
    pub fn doubts(
        &self,
        application: Application,
        since: Option<Seq>,
    ) -> Result<Vec<Doubt>, ProjectorError> {
        let by = since.map_or(0, |seq| seq.saturating_add(1)).min(self.size());
        let mut doubts = self.doubts_in(&key::all_unsettled_of(application))?;
        doubts.extend(self.doubts_in(&key::settled_since(application, by))?);
        doubts.retain(|doubt| self.knows(doubt.seq));
        doubts.sort_by_key(|doubt| doubt.seq);
        Ok(doubts)
    }

    /// The observation that settled an operation, and what it says.
    pub fn settled(&self, seq: Seq) -> Result<Option<(Seq, Verdict)>, ProjectorError> {
        let settled = self.doubt(seq)?.and_then(|doubt| doubt.settled);
        Ok(settled.map(|settled| (settled.by, settled.verdict)))
    }

    /// The doubt that an operation left.
    fn doubt(&self, seq: Seq) -> Result<Option<Doubt>, ProjectorError> {
        let Some(value) = self.rows().get(&key::doubt(seq))? else { return Ok(None) };
        let mut doubt = Doubt::decode(seq, &value).ok_or_else(|| ProjectorError::row("a doubt"))?;
        doubt.settled = doubt.settled.filter(|settled| self.knows(settled.by));
        Ok(Some(doubt))
    }

    fn doubts_in(&self, range: &key::KeyRange) -> Result<Vec<Doubt>, ProjectorError> {
        let damaged = || ProjectorError::row("what is unsettled");
        let seqs = self.collect(range, |key, _| key::last_seq(key).ok_or_else(damaged))?;
        let doubts = seqs.into_iter().map(|seq| self.doubt(seq)?.ok_or_else(damaged));
        doubts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_round_trips() {
        let open = Doubt {
            seq: 7,
            number: Number(u32::MAX),
            effect: Effect::Unverified,
            at: Timestamp(-5),
            settled: None,
        };
        let verdict = Verdict::Contradicted;
        let settled = Settled { by: 9, verdict, at: Timestamp(8), changed: true };
        for doubt in [open, Doubt { settled: Some(settled), ..open }] {
            let bytes = doubt.encode();
            assert_eq!(Doubt::decode(7, &bytes), Some(doubt));
            assert_eq!(Doubt::decode(7, &bytes[..bytes.len() - 1]), None);
        }
    }
}
