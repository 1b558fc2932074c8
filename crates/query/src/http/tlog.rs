//! The log's tree in the layout of C2SP tlog-tiles, so that public tools read it.
//!
//! The checkpoint and the hashes need no token and leave no event: they tell no more than how many events
//! there are, which nobody is kept from. Entries tell when something of which kind happened in which application, so they need a
//! token that may read everything, and reading them is recorded. Nothing beyond the last checkpoint is
//! shown.

use std::sync::Arc;

use answers::act::{Checkpoint, SignedNow};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use event::{Application, Number, Seq};
use evidence::Entry;
use projector::{ProjectorError, ScrubbedTiles, Signer};
use tlog::{EntryBundle, Hash, ReadTile as _, SignedCheckpoint, TILE_WIDTH, Tile, push_entry};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::ask::Ask;
use super::question::{NamesOf, read_act};
use crate::Query;
use crate::answer::Told;
use crate::error::Error;

/// Where the tree is below the server's address.
const PREFIX: &str = "/tlog/";
/// Tiles that are read at once. They need no token, so they are not let in front of questions.
static TILES: Semaphore = Semaphore::const_new(2);

/// Events that are read at once for a bundle of entries: each may be large.
const EVENTS_AT_ONCE: usize = 16;
/// How long tiles may be stored by others, in seconds. They never change, but their addresses do not name
/// the log, and another one may be served there one day.
const TILE_STORED: &str = "max-age=3600";

const NO_CHECKPOINT: Error = Error::NotFound("no checkpoint has been signed yet");
const NO_TILE: Error = Error::NotFound("the tree of the last checkpoint has no such tile");

/// `GET /tlog/checkpoint`: the checkpoint that witnesses signed last, else the last one.
pub(super) async fn checkpoint(State(query): State<Arc<Query>>) -> Result<Response, Error> {
    query.committer.check()?;
    let witnessed = query.witnessed.state().checkpoint;
    let signed = witnessed.or_else(|| query.committer.checkpoint()).ok_or(NO_CHECKPOINT)?;
    let head = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "max-age=1")];
    Ok((head, signed.to_string()).into_response())
}

/// `GET /tlog/tile/…`: the hashes of a tile, or a bundle of entries.
pub(super) async fn tile(
    State(query): State<Arc<Query>>,
    uri: Uri,
    ask: Ask,
) -> Result<Response, Error> {
    query.committer.check()?;
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let size = size(&query)?;
    if let Ok(bundle) = EntryBundle::parse(path) {
        return Ok(entries(ask, bundle).await?.into_response());
    }
    let tile = Tile::parse(path).ok().filter(|tile| tile.is_of(size)).ok_or(NO_TILE)?;
    // The semaphore is never closed.
    let turn = TILES.acquire().await;
    let read = spawn_blocking(move || {
        // Held to the end of the reading, also when the client has left.
        let _held = (turn, ask);
        let mut hashes = vec![Hash::EMPTY_TREE; usize::from(tile.width())];
        // Past the block cache, and without stopping the server when rows are damaged: nobody has to have a
        // token for this.
        ScrubbedTiles(query.committer.store()).read_tile(tile, &mut hashes)?;
        Ok::<_, ProjectorError>(hashes)
    });
    let read = read.await.map_err(|_| Error::Defect)?;
    let bytes: Vec<u8> = read?.iter().flat_map(|hash| *hash.as_bytes()).collect();
    Ok(stored(bytes, "public").into_response())
}

async fn entries(ask: Ask, bundle: EntryBundle) -> Result<Entries, Error> {
    ask.answer(move |reading| {
        if reading.caller.scope().is_some() {
            return Err(Error::Forbidden("entries are of all applications: ask as an auditor"));
        }
        if !bundle.is_of(size(reading.query)?) {
            return Err(NO_TILE);
        }
        let store = reading.query.committer.store();
        let first = bundle.index() * u64::from(TILE_WIDTH);
        let seqs: Vec<Seq> = (first..first + u64::from(bundle.width())).collect();
        let mut bytes = Vec::with_capacity(seqs.len() * (2 + evidence::ENTRY_BYTES));
        for seqs in seqs.chunks(EVENTS_AT_ONCE) {
            store.read_events(seqs, |seq, stored| -> Result<(), Error> {
                let entry = Entry::of_stored(store.log_id(), seq, stored)
                    .map_err(|source| ProjectorError::Event { seq, source })?;
                push_entry(&mut bytes, &entry.to_bytes()).map_err(|_| Error::Defect)
            })?;
        }
        Ok(Entries { bytes, count: seqs.len() as u64 })
    })
    .await
}

/// `POST /api/v1/checkpoint`: signs all that was recorded so far.
pub(super) async fn sign(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    // Recorded first, so that the checkpoint covers that it was asked for.
    let asked = ask.answer(move |reading| {
        let Checkpoint {} = read_act(&reading, &names)?;
        Ok(Asked)
    });
    let Asked = asked.await?;
    let signed = signed_now(&query).await?;
    Ok(Json(told(&query, &signed)).into_response())
}

/// A checkpoint of all that was recorded so far.
pub(super) async fn signed_now(query: &Query) -> Result<Arc<SignedCheckpoint>, Error> {
    let failed = if query.committer.signer().is_some() { Error::NotSigned } else { NO_CHECKPOINT };
    query.committer.sign().await?.ok_or(failed)
}

/// The checkpoint that was signed last.
pub(crate) fn last_checkpoint(query: &Query) -> Option<SignedNow> {
    Some(told(query, &*query.committer.checkpoint()?))
}

/// A checkpoint as answers tell it.
fn told(query: &Query, signed: &SignedCheckpoint) -> SignedNow {
    let keys = query.committer.signer().map(Signer::verifiers);
    let keys = keys.into_iter().flatten().map(ToString::to_string).collect();
    let (checkpoint, head) = (signed.unverified(), signed.unverified().head());
    SignedNow {
        keys,
        origin: checkpoint.origin().to_owned(),
        size: head.size,
        root: head.root.to_string(),
        checkpoint: signed.to_string(),
    }
}

/// How many events the last checkpoint has.
fn size(query: &Query) -> Result<u64, Error> {
    Ok(query.committer.checkpoint().ok_or(NO_CHECKPOINT)?.unverified().head().size)
}

/// Bytes that never change, for whom they may be stored.
fn stored(bytes: Vec<u8>, whom: &str) -> impl IntoResponse {
    let cache = format!("{whom}, {TILE_STORED}");
    ([(CONTENT_TYPE, "application/octet-stream".to_owned()), (CACHE_CONTROL, cache)], bytes)
}

/// A bundle of entries that was read.
struct Entries {
    bytes: Vec<u8>,
    count: u64,
}

impl Told for Entries {
    fn row_count(&self) -> u64 {
        self.count
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }
}

impl IntoResponse for Entries {
    fn into_response(self) -> Response {
        stored(self.bytes, "private").into_response()
    }
}

/// A checkpoint was asked for.
struct Asked;

impl Told for Asked {
    fn row_count(&self) -> u64 {
        0
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }
}
