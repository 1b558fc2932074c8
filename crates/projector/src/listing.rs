//! Whether the listings of an upstream were complete.

use event::{Application, Event, Extent, Listed, Seq};
use store::key;

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::view::View;

/// From this event on, the newest listing of an upstream was complete, or was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The event of the listing.
    pub seq: Seq,
    /// Whether it was complete.
    pub is_whole: bool,
}

/// Writes a row only when completeness changes. A listing that failed says nothing, so it does not undo a
/// complete one before it.
pub(crate) fn fold_listed(
    rows: &mut Overlay<'_>,
    event: &Event,
    listed: &Listed,
) -> Result<(), ProjectorError> {
    let application = event.header.application;
    let before = View::new(rows).listings(application)?.pop().map(|last| last.is_whole);
    let is_whole = match listed.extent {
        Extent::Whole => true,
        Extent::Incomplete => false,
        Extent::Failed => before == Some(true),
    };
    if before != Some(is_whole) {
        rows.put(key::listing(application, event.seq), vec![u8::from(is_whole)]);
    }
    Ok(())
}

impl View<'_> {
    /// The listings of an upstream at which completeness changed, oldest first.
    pub fn listings(&self, application: Application) -> Result<Vec<Listing>, ProjectorError> {
        let damaged = || ProjectorError::row("a listing");
        let mut all = self.collect(&key::listings(application), |key, value| {
            let is_whole = match value {
                [0] => false,
                [1] => true,
                _ => return Err(damaged()),
            };
            Ok(Listing { seq: key::last_seq(key).ok_or_else(damaged)?, is_whole })
        })?;
        all.retain(|one| self.knows(one.seq));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use event::{Fact, Header, Occasion, Structure, Timestamp};

    use super::*;
    use crate::fold::fold;
    use crate::overlay::tests::MapRows;

    #[test]
    fn a_row_stands_for_each_change_of_what_listings_say() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let mut seq = 0;
        let mut check = |extent: Extent, expected: &[(Seq, bool)]| {
            let occasion = Occasion::Drift;
            let fact = Fact::Listed(Listed { occasion, extent, seen: 7, refused: 0 });
            let (application, now) = (Application(3), Timestamp(seq as i64));
            let header =
                Header { application, recorded_at: now, raw_clock: now, origin: None, fact };
            fold(&mut rows, &Event { seq, header, structure: Structure::default(), parts: vec![] })
                .unwrap();
            let all = View::new(&rows).listings(application).unwrap().into_iter();
            let all: Vec<_> = all.map(|one| (one.seq, one.is_whole)).collect();
            assert_eq!(all, expected, "at {seq}");
            seq += 1;
        };
        check(Extent::Failed, &[(0, false)]);
        check(Extent::Incomplete, &[(0, false)]);
        check(Extent::Whole, &[(0, false), (2, true)]);
        check(Extent::Whole, &[(0, false), (2, true)]);
        check(Extent::Failed, &[(0, false), (2, true)]);
        check(Extent::Incomplete, &[(0, false), (2, true), (5, false)]);
        check(Extent::Failed, &[(0, false), (2, true), (5, false)]);
        check(Extent::Whole, &[(0, false), (2, true), (5, false), (7, true)]);
        assert_eq!(View::new(&rows).listings(Application(4)).unwrap(), []);
    }
}
