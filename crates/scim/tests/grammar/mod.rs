//! How the filters of this comparison are made, and how they are brought to the strict grammar.

pub mod generate;
pub mod strict_form;
