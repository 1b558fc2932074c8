//! Cells of answers as cells of a page: with links, in the context of the page.

use answers::{Lead, Look};

use crate::address::Given;
use crate::view::Cell;

/// The page around a cell.
pub(crate) struct Around<'a> {
    /// The application in the page's address.
    pub(crate) app: Option<&'a str>,
    /// The page's address: links keep its instant.
    pub(crate) given: &'a Given,
}

impl Around<'_> {
    /// A cell with its link.
    pub(crate) fn cell(&self, look: Look, cell: answers::Cell) -> Cell {
        let href = cell.lead.as_ref().and_then(|lead| self.href(lead));
        Cell { href, ..Cell::new(look, cell.text) }
    }

    /// The address of what a cell leads to; `None` if its application is not known. What has a state at
    /// each instant is shown at the page's own.
    pub(crate) fn href(&self, lead: &Lead) -> Option<String> {
        let address = lead.address(self.app)?;
        Some(match lead {
            Lead::User { .. } | Lead::Group { .. } => self.given.at_same_time(&address),
            _ => address,
        })
    }
}
