//! Operations whose outcome was not known, or not confirmed, and what later looks said of them.

use event::{Application, Effect, Number, Seq, Verdict};
use store::key;

use crate::error::ProjectorError;
use crate::row;
use crate::view::View;

/// An operation whose outcome was not known, or not confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsettled {
    /// Its place.
    pub seq: Seq,
    /// On which resource or person; nobody when that is not known either.
    pub number: Number,
    /// [`Effect::Unknown`] or [`Effect::Unverified`].
    pub effect: Effect,
    /// The later look that settled it.
    pub settled_by: Option<Seq>,
}

impl Unsettled {
    pub(crate) fn encode(effect: u8, settled_by: Option<Seq>) -> Vec<u8> {
        let mut out = vec![effect];
        out.extend(settled_by.map(Seq::to_be_bytes).into_iter().flatten());
        out
    }

    fn decode(key: &[u8], value: &[u8]) -> Result<Unsettled, ProjectorError> {
        let damaged = || ProjectorError::row("what is unsettled");
        let number = key.get(5..9).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
        let (code, settled_by) = value.split_first().ok_or_else(damaged)?;
        let effect = [Effect::Unknown, Effect::Unverified];
        let effect = effect.into_iter().find(|effect| *code == *effect as u8);
        let settled_by = match settled_by {
            [] => None,
            seq => Some(row::decode_seq("what is unsettled", seq)?),
        };
        Ok(Unsettled {
            seq: key::last_seq(key).ok_or_else(damaged)?,
            number: Number(u32::from_be_bytes(number)),
            effect: effect.ok_or_else(damaged)?,
            settled_by,
        })
    }
}

impl View<'_> {
    /// The operations on a resource or person whose outcome is not known or not confirmed, oldest first.
    pub fn unsettled(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Vec<(Seq, Effect)>, ProjectorError> {
        let range = key::all_unsettled(application, number);
        let all = self.collect(&range, Unsettled::decode)?.into_iter();
        let is_settled = |one: &Unsettled| one.settled_by.is_some_and(|by| self.knows(by));
        let left = all.filter(|one| self.knows(one.seq) && !is_settled(one));
        Ok(left.map(|one| (one.seq, one.effect)).collect())
    }

    /// The operations of an application whose outcome was not known or not confirmed for some time.
    pub fn all_unsettled(
        &self,
        application: Application,
    ) -> Result<Vec<Unsettled>, ProjectorError> {
        let range = key::all_unsettled_of(application);
        let mut all = self.collect(&range, Unsettled::decode)?;
        all.retain(|one| self.knows(one.seq));
        for one in &mut all {
            one.settled_by = one.settled_by.filter(|by| self.knows(*by));
        }
        Ok(all)
    }

    /// What a later look said of an operation, and the event of that look.
    pub fn settled(&self, seq: Seq) -> Result<Option<(Seq, Verdict)>, ProjectorError> {
        let Some(value) = self.rows().get(&key::settled(seq))? else { return Ok(None) };
        let damaged = || ProjectorError::row("what was settled");
        let (by, code) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
        let verdicts = [Verdict::Confirmed, Verdict::Contradicted];
        let verdict = verdicts.into_iter().find(|verdict| code == [*verdict as u8]);
        let by = Seq::from_be_bytes(*by);
        if !self.knows(by) {
            return Ok(None);
        }
        Ok(Some((by, verdict.ok_or_else(damaged)?)))
    }
}
