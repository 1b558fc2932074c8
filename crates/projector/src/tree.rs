//! The tree over the log: its hashes are rows of the fold, and its right edge is remembered.

use std::ops::ControlFlow;

use event::{Event, LogId, Seq};
use evidence::Entry;
use store::{Direction, ReadRows, key};
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

/// The right edge of the tree over the first `size` events, which the rows have.
pub(crate) fn frontier(rows: &dyn ReadRows, size: Seq) -> Result<Frontier, ProjectorError> {
    read_frontier(&TileRows(rows), size).map_err(|error| match error {
        ProveError::Read { source, .. } => source,
        _ => ProjectorError::TreeSize { size: 0, seq: size },
    })
}
