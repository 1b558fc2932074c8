//! Reports over whole applications: who came, left, moved and came back; what failed, what nobody
//! approved, who is in two groups at once. Pure over rows and log; each gives what a row is made from,
//! and names are joined for the page alone.

pub(crate) mod groups;
pub(crate) mod operations;
pub(crate) mod people;
