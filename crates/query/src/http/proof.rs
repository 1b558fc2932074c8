//! Proofs that an operation is in the log.

use std::sync::Arc;

use answers::act::{Proof, Prove};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use event::{Application, Number, Seq};
use evidence::Entry;
use projector::{ProjectorError, Signer, TileRows};
use tlog::{ProofFile, ProveError, SignedCheckpoint, prove_inclusion};
use tokio::task::spawn_blocking;

use super::ask::Ask;
use super::operations::found_event;
use super::question::{NamesOf, read_act};
use super::tlog::signed_now;
use crate::Query;
use crate::answer::Told;
use crate::error::Error;

/// `GET /api/v1/operations/{operation}/proof`
pub(super) async fn prove(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    let asked = ask.answer(move |reading| {
        let Prove { operation } = read_act(&reading, &names)?;
        let (seq, about) = found_event(&reading, &operation)?;
        Ok(Asked { seq, about })
    });
    let Asked { seq, .. } = asked.await?;
    let signed = checkpoint(&query, seq).await?;
    let thread = query.budget.thread().await;
    let made = spawn_blocking(move || {
        let _thread = thread;
        made(&query, seq, &signed)
    });
    Ok(Json(made.await.map_err(|_| Error::Defect)??).into_response())
}

/// A checkpoint that covers an event: the one that witnesses signed last, else the last one, else one that
/// is signed for it.
pub(super) async fn checkpoint(query: &Query, seq: Seq) -> Result<Arc<SignedCheckpoint>, Error> {
    let covers = |signed: &Arc<SignedCheckpoint>| signed.unverified().head().size > seq;
    let witnessed = query.witnessed.state().checkpoint.filter(covers);
    if let Some(signed) = witnessed.or_else(|| query.committer.checkpoint().filter(covers)) {
        return Ok(signed);
    }
    Some(signed_now(query).await?).filter(covers).ok_or(Error::NotSigned)
}

fn made(query: &Query, seq: Seq, signed: &SignedCheckpoint) -> Result<Proof, Error> {
    let store = query.committer.store();
    let stored = store.event_bytes(seq)?.ok_or(Error::Damaged("the event"))?;
    let entry = Entry::of_stored(store.log_id(), seq, &stored)
        .map_err(|source| ProjectorError::Event { seq, source })?;
    let size = signed.unverified().head().size;
    let snapshot = store.snapshot();
    let proof = prove_inclusion(&TileRows(&snapshot), seq, size).map_err(|error| match error {
        ProveError::Read { source, .. } => Error::Read(source),
        _ => Error::Defect,
    })?;
    let file = ProofFile::new(seq, proof, signed.clone())
        .with_extra(entry.to_bytes().to_vec())
        .map_err(|_| Error::Defect)?;
    let keys = query.committer.signer().map(Signer::verifiers);
    Ok(Proof {
        seq,
        event_hash: entry.leaf().to_string(),
        size,
        keys: keys.into_iter().flatten().map(ToString::to_string).collect(),
        proof: file.to_string(),
    })
}

/// A proof was asked for.
struct Asked {
    seq: Seq,
    about: (Application, Number),
}

impl Told for Asked {
    fn row_count(&self) -> u64 {
        1
    }

    fn about(&self) -> Option<(Application, Number)> {
        Some(self.about)
    }
}
