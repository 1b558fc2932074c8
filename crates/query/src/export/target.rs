//! Where the files of an export go.

use std::io::{self, Write};

/// A place for the files of an export, written one after the other.
pub trait Target {
    /// A file being written.
    type Sink<'a>: Sink
    where
        Self: 'a;

    /// Begins a file, after the previous one was closed. The name is plain: no folder, no odd character.
    fn create(&mut self, name: &str) -> io::Result<Self::Sink<'_>>;

    /// Ends the export, after its last file was closed.
    fn finish(self) -> io::Result<()>;
}

/// A file being written. If it is dropped before it is closed, nothing that looks complete remains.
pub trait Sink: Write {
    /// Ends the file.
    fn close(self) -> io::Result<()>;
}
