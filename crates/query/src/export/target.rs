//! Where the files of an export go.

use std::io::{self, Write};

/// Where the files of an export go, one after the other.
pub trait Target {
    /// A file under way.
    type Sink<'a>: Sink
    where
        Self: 'a;

    /// Begins a file; the one before it is closed. The name is plain: no folder, no odd character.
    fn create(&mut self, name: &str) -> io::Result<Self::Sink<'_>>;

    /// Ends the whole, once its last file is closed.
    fn finish(self) -> io::Result<()>;
}

/// A file under way. Dropped before it is closed, it leaves nothing that looks whole.
pub trait Sink: Write {
    /// Ends the file.
    fn close(self) -> io::Result<()>;
}
