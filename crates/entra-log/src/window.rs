//! A buffered window on a file of any size.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// The bytes of a reader from the current place on, as far as they were read.
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The current place in the buffer.
    start: usize,
    chunk_bytes: usize,
    ended: bool,
    /// The current line, from 1.
    line: u64,
    is_at_line_start: bool,
    /// Bytes of the file up to the buffer's end.
    read_bytes: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(reader: R, chunk_bytes: usize) -> Window<R> {
        let buffer = Vec::new();
        Window {
            reader,
            buffer,
            start: 0,
            chunk_bytes,
            ended: false,
            line: 1,
            is_at_line_start: true,
            read_bytes: 0,
        }
    }

    /// The bytes read and not yet consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The current byte; `None` at the end of the file.
    pub(super) fn byte(&mut self) -> io::Result<Option<u8>> {
        while self.bytes().is_empty() && self.more()? {}
        Ok(self.bytes().first().copied())
    }

    /// Reads more: at least as much as is buffered. By this doubling, a caller that scans again after
    /// each read looks at each byte a bounded number of times. False at the end of the file.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let had = self.buffer.len();
        let wanted = self.chunk_bytes.max(had);
        self.buffer.resize(had + wanted, 0);
        let mut filled = had;
        while let Some(free) = self.buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.reader.read(free) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => filled = (filled + count).min(had + wanted),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Return the bytes read so far; the next read meets the error again.
                Err(_) if filled > had => break,
                Err(error) => {
                    self.buffer.truncate(had);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(filled);
        self.read_bytes += (filled - had) as u64;
        Ok(filled > had)
    }

    /// Skips this many bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let passed = self.bytes().get(..count).unwrap_or(self.bytes());
        let (lines, count) = (newlines(passed), passed.len());
        if let Some(last) = passed.last() {
            self.is_at_line_start = *last == b'\n';
        }
        self.line += lines;
        self.start += count;
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the current place is at the start of a line.
    pub(super) fn is_at_line_start(&self) -> bool {
        self.is_at_line_start
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// The current place in the file.
    pub(super) fn offset(&self) -> u64 {
        self.read_bytes - self.bytes().len() as u64
    }
}

impl<R: Read + Seek> Window<R> {
    /// Moves to another place, which is in this line.
    pub(super) fn seek(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.line = line;
        let buffer_at = self.read_bytes - self.buffer.len() as u64;
        let within = offset.checked_sub(buffer_at).and_then(|within| usize::try_from(within).ok());
        if let Some(within) = within.filter(|within| *within <= self.buffer.len()) {
            self.start = within;
            return Ok(());
        }
        self.reader.seek(SeekFrom::Start(offset))?;
        self.buffer.clear();
        (self.start, self.ended, self.read_bytes) = (0, false, offset);
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
