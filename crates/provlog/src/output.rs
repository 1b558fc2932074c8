//! Where a command writes its answer.

use std::io::{ErrorKind, Write};

use crate::failure::Failure;

/// The standard output of a command, or the writer that another program passed in.
pub(crate) struct Output<'a> {
    out: &'a mut dyn Write,
    /// The width of the terminal; `None` if it is not one.
    pub(crate) columns: Option<usize>,
    /// Lines for stderr.
    told: String,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, columns: Option<usize>) -> Output<'a> {
        Output { out, columns, told: String::new() }
    }

    /// Prints and flushes, so that each page of a long answer is visible at once.
    ///
    /// # Errors
    /// [`Failure::Closed`] when the reader has closed the pipe; the command still succeeds.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(format!("cannot print: {error}")),
        })
    }

    /// Adds lines for stderr, printed after the answer. So they never end up in a file with the answer.
    pub(crate) fn tell(&mut self, lines: &str) {
        self.told.push_str(lines);
    }

    /// The lines for stderr.
    pub(crate) fn into_told(self) -> String {
        self.told
    }
}
