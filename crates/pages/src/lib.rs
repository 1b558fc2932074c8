//! The answers as HTML pages, for people who open a browser.

pub mod assets;
pub mod text;
pub mod view;
