//! Who holds a unique value.

use event::{Number, Seq};

use crate::error::ProjectorError;
use crate::row;

/// The holder of a unique value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holder {
    /// The resource.
    pub number: Number,
    /// The event that gave it the value.
    pub since: Seq,
    /// The event that gave it an e-mail with the same text, if it has one. Most users have, and need no
    /// lookup row for it then.
    pub email_since: Option<Seq>,
}

impl Holder {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = row::encode_holder(self.number, self.since);
        out.extend(self.email_since.map(Seq::to_be_bytes).into_iter().flatten());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Holder, ProjectorError> {
        let what = "a name";
        let (holder, email) =
            bytes.split_at_checked(12).ok_or_else(|| ProjectorError::row(what))?;
        let (number, since) = row::decode_holder(holder)?;
        let email_since = match email {
            [] => None,
            email => Some(row::decode_seq(what, email)?),
        };
        Ok(Holder { number, since, email_since })
    }
}
