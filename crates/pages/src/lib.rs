//! The answers as HTML pages, for people who open a browser.
