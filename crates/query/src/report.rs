//! Reports over whole applications: joiners, leavers, movers and returners; failed and unapproved
//! operations; members of several groups at once. Pure over rows and log. Each returns numbers and
//! seqs; names are read only for the rows of the page.

pub(crate) mod groups;
pub(crate) mod operations;
pub(crate) mod people;
