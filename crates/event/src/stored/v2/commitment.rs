//! The stored form of commitments to a state.

use serde::{Deserialize, Serialize};

use crate::codec::CodecError;
use crate::commitment::{StateCommitted, StateRoot, StateSecret};

/// Exactly one of the two stands in it.
#[derive(Serialize, Deserialize)]
pub(super) struct StateCommittedV2 {
    secret: Option<[u8; 32]>,
    root: Option<StateRootV2>,
}

#[derive(Serialize, Deserialize)]
struct StateRootV2 {
    at: u64,
    numbers: u32,
    root: [u8; 32],
    secret: u64,
}

impl From<&StateCommitted> for StateCommittedV2 {
    fn from(committed: &StateCommitted) -> StateCommittedV2 {
        match committed {
            StateCommitted::Secret(StateSecret(secret)) => {
                StateCommittedV2 { secret: Some(*secret), root: None }
            }
            StateCommitted::Root(StateRoot { at, numbers, root, secret }) => StateCommittedV2 {
                secret: None,
                root: Some(StateRootV2 {
                    at: *at,
                    numbers: *numbers,
                    root: *root,
                    secret: *secret,
                }),
            },
        }
    }
}

impl TryFrom<StateCommittedV2> for StateCommitted {
    type Error = CodecError;

    fn try_from(stored: StateCommittedV2) -> Result<StateCommitted, CodecError> {
        match (stored.secret, stored.root) {
            (Some(secret), None) => Ok(StateCommitted::Secret(StateSecret(secret))),
            (None, Some(StateRootV2 { at, numbers, root, secret })) => {
                Ok(StateCommitted::Root(StateRoot { at, numbers, root, secret }))
            }
            _ => Err(CodecError::Length),
        }
    }
}
