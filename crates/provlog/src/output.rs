//! Where a command writes its answer.

use std::io::{ErrorKind, Write};

use crate::failure::Failure;

/// The standard output of a command, or what stands for it in another program.
pub(crate) struct Output<'a> {
    out: &'a mut dyn Write,
    /// How wide the terminal is; `None` where it is none.
    pub(crate) columns: Option<usize>,
    /// What is to be said beside the answer.
    told: String,
}

impl<'a> Output<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, columns: Option<usize>) -> Output<'a> {
        Output { out, columns, told: String::new() }
    }

    /// Prints at once: who follows a long answer sees each page when it comes.
    ///
    /// # Errors
    /// [`Failure::Closed`] when nobody reads any more, which is no failure of ours.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(format!("cannot print: {error}")),
        })
    }

    /// Says lines beside the answer, once it has ended: where it is a file they are no part of it.
    pub(crate) fn tell(&mut self, lines: &str) {
        self.told.push_str(lines);
    }

    /// All that was to be said beside the answer.
    pub(crate) fn into_told(self) -> String {
        self.told
    }
}
