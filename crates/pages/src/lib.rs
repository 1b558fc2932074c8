//! The answers as HTML pages, for people who open a browser.

pub mod assets;
pub mod charts;
#[cfg(test)]
mod gallery;
#[cfg(test)]
mod markup;
pub mod text;
pub mod view;
