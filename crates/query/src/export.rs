//! Files for auditors: rows as CSV or NDJSON, in a zip or a folder, with a manifest at the end.
//!
//! ```text
//!  Export::new(target, version, question)
//!    file("members.csv", form)  row … row  finish      any number of times, one after the other
//!  finish(envelope)                                    manifest.json, last
//! ```
//!
//! Memory holds only one row and a buffer of 64 KiB. An export without a manifest is not complete: one
//! that breaks off leaves a zip without its directory, or a folder without `manifest.json`. Equal rows
//! give equal files, and with the same build equal zips.

use std::io::{self, Write};

use answers::FileColumn;
use canonical::SortedObject;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

mod check;
pub mod columns;
mod csv;
mod error;
mod folder;
mod limits;
mod manifest;
mod target;
mod zip;

pub use check::{CheckReport, CheckedFile, Finding, check};
pub use error::{CheckError, ExportError};
pub use folder::Folder;
pub use limits::FILES_MAX;
pub use manifest::Signed;
pub use target::{Sink, Target};
pub use zip::Zip;

use limits::BUFFER_BYTES;
use manifest::Written;

/// The names of columns as a line of CSV, as an export writes it.
pub fn csv_head(columns: &[FileColumn]) -> String {
    let mut out = vec![];
    csv::header(&mut out, columns, false);
    String::from_utf8(out).unwrap_or_default()
}

/// A row as a line of CSV, as an export writes it.
pub fn csv_record(columns: &[FileColumn], row: &Map<String, Value>) -> String {
    let mut out = vec![];
    // Writing to memory cannot fail.
    let _ = csv::record(&mut out, columns, row);
    String::from_utf8(out).unwrap_or_default()
}

/// How the rows of a file are written. UTF-8 in both.
#[derive(Clone, Debug)]
pub enum Form {
    /// RFC 4180: CRLF, a header, then one record for each row. A text that a spreadsheet could take for a
    /// formula gets a leading `'`.
    Csv {
        /// The columns, in order.
        columns: Vec<FileColumn>,
        /// Whether to begin with a byte order mark, by which Excel recognises UTF-8.
        bom: bool,
    },
    /// One JSON object with all members for each row, names sorted, each followed by LF.
    Ndjson,
}

/// An export in progress.
#[derive(Debug)]
pub struct Export<T> {
    target: T,
    generator: String,
    question: Value,
    reviews: Option<Signed>,
    files: Vec<Written>,
    /// The file in progress.
    open: Option<String>,
}

impl<T: Target> Export<T> {
    /// Begins an export of the answer to a question; `version` is that of the program.
    pub fn new(target: T, version: &str, question: Value) -> Export<T> {
        let generator = format!("provlog {version}");
        Export { target, generator, question, reviews: None, files: vec![], open: None }
    }

    /// Adds the reviews of the answer.
    pub fn reviewed(self, reviews: Option<Signed>) -> Export<T> {
        Export { reviews, ..self }
    }

    /// Begins a file. It must be finished before the next file or the export. After an error neither
    /// can be finished.
    pub fn file(&mut self, name: &str, form: Form) -> Result<ExportFile<'_, T>, ExportError> {
        self.finished()?;
        let owned = || name.to_owned();
        if !manifest::is_plain(name) {
            return Err(ExportError::Name { name: owned() });
        }
        if self.files.iter().any(|file| file.name == name) {
            return Err(ExportError::Repeated { name: owned() });
        }
        if self.files.len() == FILES_MAX {
            return Err(ExportError::TooManyFiles);
        }
        self.open = Some(owned());
        let sink = self.target.create(name);
        let sink = sink.map_err(|source| ExportError::Write { name: owned(), source })?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut written = Written { name: owned(), ..Written::default() };
        if let Form::Csv { columns, bom } = &form {
            written.guarded_cells = csv::header(&mut buffer, columns, *bom);
        }
        let (files, open) = (&mut self.files, &mut self.open);
        Ok(ExportFile { sink, form, buffer, hash: Sha256::new(), written, files, open })
    }

    /// Writes the manifest. `envelope` is the answer's: an object with `generatedAt`, `atSeq`, `head`,
    /// `coverage` and `rowCount`; other members are ignored.
    pub fn finish(mut self, envelope: &Value) -> Result<(), ExportError> {
        self.finished()?;
        let text =
            manifest::text(&self.generator, self.question, envelope, self.reviews, &self.files)?;
        let written = self.target.create(manifest::NAME).and_then(|mut sink| {
            sink.write_all(&text)?;
            sink.close()
        });
        written
            .and_then(|()| self.target.finish())
            .map_err(|source| ExportError::Write { name: manifest::NAME.to_owned(), source })
    }

    fn finished(&self) -> Result<(), ExportError> {
        match &self.open {
            Some(name) => Err(ExportError::Unfinished { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// A file of an export in progress.
#[derive(Debug)]
pub struct ExportFile<'a, T: Target + 'a> {
    sink: T::Sink<'a>,
    form: Form,
    /// Bytes not yet hashed and written.
    buffer: Vec<u8>,
    hash: Sha256,
    written: Written,
    files: &'a mut Vec<Written>,
    open: &'a mut Option<String>,
}

impl<T: Target> ExportFile<'_, T> {
    /// Adds a row.
    pub fn row(&mut self, row: &Map<String, Value>) -> Result<(), ExportError> {
        let encoded = match &self.form {
            Form::Csv { columns, .. } => csv::record(&mut self.buffer, columns, row),
            Form::Ndjson => serde_json::to_writer(&mut self.buffer, &SortedObject(row)).map(|()| {
                self.buffer.push(b'\n');
                0
            }),
        };
        self.written.guarded_cells += encoded.map_err(|error| self.error(error.into()))?;
        self.written.rows += 1;
        if let Some(seq) = row.get("seq").and_then(Value::as_u64) {
            self.written.add_seqs((seq, seq));
        }
        if self.buffer.len() >= BUFFER_BYTES { self.hand_on() } else { Ok(()) }
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), ExportError> {
        self.hand_on()?;
        self.written.sha256 = HEXLOWER.encode(&self.hash.finalize());
        if let Err(source) = self.sink.close() {
            return Err(ExportError::Write { name: self.written.name, source });
        }
        self.files.push(self.written);
        *self.open = None;
        Ok(())
    }

    fn hand_on(&mut self) -> Result<(), ExportError> {
        self.hash.update(&self.buffer);
        self.written.bytes += self.buffer.len() as u64;
        let handed = self.sink.write_all(&self.buffer);
        self.buffer.clear();
        handed.map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> ExportError {
        ExportError::Write { name: self.written.name.clone(), source }
    }
}

#[cfg(test)]
mod tests;
