//! The tree over the log: its hashes are rows of the fold, and its right edge is remembered.

use std::ops::{ControlFlow, Range};

use event::{Event, LogId, Seq};
use evidence::Entry;
use store::{Direction, ReadRows, Store, key};
use tlog::{Frontier, Hash, ProveError, ReadTile, TILE_WIDTH, Tile, read_frontier};

use crate::error::ProjectorError;
use crate::fold::fold;
use crate::overlay::Overlay;

/// Applies one event to the rows, those of the tree included; `stored` are its bytes.
///
/// # Errors
/// When a row that the event builds on cannot be read, or the bytes are not those of the event.
pub(crate) fn fold_stored(
    rows: &mut Overlay<'_>,
    log: LogId,
    event: &Event,
    stored: &[u8],
) -> Result<(), ProjectorError> {
    let entry = Entry::of_event(log, event, stored)
        .map_err(|source| ProjectorError::Event { seq: event.seq, source })?;
    fold(rows, event)?;
    rows.append_leaf(event.seq, entry.leaf())
}

/// The tiles of the tree, made of its rows.
pub struct TileRows<'a>(pub &'a dyn ReadRows);

impl ReadTile for TileRows<'_> {
    type Error = ProjectorError;

    fn read_tile(&self, tile: Tile, hashes: &mut [Hash]) -> Result<(), ProjectorError> {
        let first = tile.index() * u64::from(TILE_WIDTH);
        let indexes = first..first + hashes.len() as u64;
        let mut expected = indexes.clone();
        let mut places = hashes.iter_mut();
        let mut whole = true;
        self.0.scan(
            &key::tile_hashes(tile.level(), &indexes),
            Direction::Forward,
            &mut |key, value| {
                let is_next = expected
                    .next()
                    .is_some_and(|index| *key == *key::tile_hash(tile.level(), index));
                match (places.next(), <[u8; 32]>::try_from(value)) {
                    (Some(place), Ok(hash)) if is_next => *place = Hash::new(hash),
                    _ => whole = false,
                }
                if whole { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        )?;
        if whole && places.next().is_none() { Ok(()) } else { Err(ProjectorError::Tile { tile }) }
    }
}

/// The tiles of the tree, made of its rows past the block cache. Damage there stops nothing. Only for hashes
/// that never change any more, since there is no snapshot.
pub struct ScrubbedTiles<'a>(pub &'a Store);

impl ReadTile for ScrubbedTiles<'_> {
    type Error = ProjectorError;

    fn read_tile(&self, tile: Tile, places: &mut [Hash]) -> Result<(), ProjectorError> {
        let first = tile.index() * u64::from(TILE_WIDTH);
        let found = stored_hashes(self.0, tile.level(), first..first + places.len() as u64)?;
        for (place, hash) in places.iter_mut().zip(found) {
            *place = hash.ok_or(ProjectorError::Tile { tile })?;
        }
        Ok(())
    }
}

/// The hashes of a level in the rows, read past the block cache; `None` where there is no row.
pub(crate) fn stored_hashes(
    store: &Store,
    level: u8,
    indexes: Range<u64>,
) -> Result<Vec<Option<Hash>>, ProjectorError> {
    let mut hashes = vec![None; (indexes.end - indexes.start) as usize];
    store.scrub_range(&key::tile_hashes(level, &indexes), |key, value| {
        let index = key.last_chunk::<8>().map(|index| u64::from_be_bytes(*index));
        let place = index.and_then(|index| hashes.get_mut((index - indexes.start) as usize));
        if let Some(place) = place {
            *place = value.try_into().ok().map(Hash::new);
        }
    })?;
    Ok(hashes)
}

/// The right edge of the tree over the first `size` events, which the rows have.
pub(crate) fn frontier(rows: &dyn ReadRows, size: Seq) -> Result<Frontier, ProjectorError> {
    read_frontier(&TileRows(rows), size).map_err(|error| match error {
        ProveError::Read { source, .. } => source,
        _ => ProjectorError::TreeSize { size: 0, seq: size },
    })
}
