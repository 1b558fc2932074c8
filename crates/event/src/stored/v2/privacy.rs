//! The headers of erasures, legal holds and retention in version 2.

use serde::{Deserialize, Serialize};

use super::{numbers_from_stored, numbers_to_stored};
use crate::id::Seq;
use crate::privacy::{ErasureCompleted, LegalHold, RetentionSet, SentErased, SubjectsErased};

#[derive(Serialize, Deserialize)]
pub(super) struct SubjectsErasedV2 {
    numbers: Vec<u32>,
}

impl From<&SubjectsErased> for SubjectsErasedV2 {
    fn from(erased: &SubjectsErased) -> SubjectsErasedV2 {
        SubjectsErasedV2 { numbers: numbers_to_stored(&erased.numbers) }
    }
}

impl From<SubjectsErasedV2> for SubjectsErased {
    fn from(stored: SubjectsErasedV2) -> SubjectsErased {
        SubjectsErased { numbers: numbers_from_stored(stored.numbers) }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ErasureCompletedV2 {
    erasure: Seq,
}

impl From<&ErasureCompleted> for ErasureCompletedV2 {
    fn from(completed: &ErasureCompleted) -> ErasureCompletedV2 {
        ErasureCompletedV2 { erasure: completed.erasure }
    }
}

impl From<ErasureCompletedV2> for ErasureCompleted {
    fn from(stored: ErasureCompletedV2) -> ErasureCompleted {
        ErasureCompleted { erasure: stored.erasure }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LegalHoldV2 {
    numbers: Vec<u32>,
    held: bool,
}

impl From<&LegalHold> for LegalHoldV2 {
    fn from(hold: &LegalHold) -> LegalHoldV2 {
        LegalHoldV2 { numbers: numbers_to_stored(&hold.numbers), held: hold.held }
    }
}

impl From<LegalHoldV2> for LegalHold {
    fn from(stored: LegalHoldV2) -> LegalHold {
        LegalHold { numbers: numbers_from_stored(stored.numbers), held: stored.held }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct RetentionSetV2 {
    months: Option<u16>,
}

impl From<&RetentionSet> for RetentionSetV2 {
    fn from(set: &RetentionSet) -> RetentionSetV2 {
        RetentionSetV2 { months: set.months }
    }
}

impl From<RetentionSetV2> for RetentionSet {
    fn from(stored: RetentionSetV2) -> RetentionSet {
        RetentionSet { months: stored.months }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SentErasedV2 {
    through: u32,
}

impl From<&SentErased> for SentErasedV2 {
    fn from(erased: &SentErased) -> SentErasedV2 {
        SentErasedV2 { through: erased.through }
    }
}

impl From<SentErasedV2> for SentErased {
    fn from(stored: SentErasedV2) -> SentErased {
        SentErased { through: stored.through }
    }
}
