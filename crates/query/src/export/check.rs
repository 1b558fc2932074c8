//! Checks whether an export still matches its manifest.
//!
//! Finds damage and careless changes. Somebody who changes a file can also write a matching manifest;
//! only proofs about the log show whether a manifest is genuine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder,
};
use sha2::{Digest, Sha256};

use super::error::CheckError;
use super::limits::{BUFFER_BYTES, ENTRIES_MAX};
use super::manifest::{self, Listed};
use super::zip::io_error;

/// Longest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// How much of an unexpected name is shown.
const NAME_CHARS_MAX: usize = 100;

/// The findings: the files of the manifest in its order, then all others by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// One for each file.
    pub files: Vec<CheckedFile>,
}

impl CheckReport {
    /// Whether all listed files are present and unchanged, and there are no others.
    pub fn is_sound(&self) -> bool {
        self.files.iter().all(|file| file.finding == Finding::Same)
    }
}

/// A file and its comparison with the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedFile {
    /// Safe to show: short and without control characters.
    pub name: String,
    /// What was found.
    pub finding: Finding,
}

/// How a file compares with the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As listed.
    Same,
    /// Listed, but missing.
    Missing,
    /// Listed, but its bytes differ or cannot be unpacked.
    Differs,
    /// Several entries with one name in a zip; programs differ in which one they use.
    Repeated,
    /// Present, but not listed.
    NotListed,
}

/// Compares the files of an export (a folder or a zip) with its manifest. Reads each listed file once, up
/// to its listed length; follows no links.
pub fn check(path: &Path) -> Result<CheckReport, CheckError> {
    let source = Source::open(path)?;
    let manifest = source.manifest()?;
    let mut others = source.names();
    let mut files = vec![];
    for listed in manifest::read(&manifest)? {
        let finding = source.finding(&listed)?;
        others.remove(&listed.name);
        files.push(CheckedFile { name: listed.name, finding });
    }
    others.remove(manifest::NAME);
    let unlisted = |name| CheckedFile { name, finding: Finding::NotListed };
    files.extend(others.into_iter().map(unlisted));
    Ok(CheckReport { files })
}

/// An opened export.
enum Source {
    Folder { path: PathBuf, names: BTreeSet<String> },
    Zip { archive: ZipArchive<FileReader>, entries: BTreeMap<String, Vec<Entry>> },
}

/// The position of a file in a zip, and its compression.
type Entry = (ZipArchiveEntryWayfinder, CompressionMethod);

impl Source {
    fn open(path: &Path) -> Result<Source, CheckError> {
        let wrong = |source| CheckError::NotAnExport { path: path.to_owned(), source };
        if fs::metadata(path).map_err(wrong)?.is_dir() {
            let mut names = BTreeSet::new();
            for entry in fs::read_dir(path).map_err(wrong)? {
                let name = entry.map_err(wrong)?.file_name();
                names.insert(shown(&name.to_string_lossy()));
                bound(names.len())?;
            }
            return Ok(Source::Folder { path: path.to_owned(), names });
        }
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let file = File::open(path).map_err(wrong)?;
        let broken = |error| wrong(io_error(error));
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(broken)?;
        let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        let (mut records, mut count) = (archive.entries(&mut buffer), 0);
        while let Some(record) = records.next_entry().map_err(broken)? {
            let name = shown(&String::from_utf8_lossy(record.file_path().as_ref()));
            let entry = (record.wayfinder(), record.compression_method());
            entries.entry(name).or_default().push(entry);
            count += 1;
            bound(count)?;
        }
        Ok(Source::Zip { archive, entries })
    }

    /// The names of all files.
    fn names(&self) -> BTreeSet<String> {
        match self {
            Source::Folder { names, .. } => names.clone(),
            Source::Zip { entries, .. } => entries.keys().cloned().collect(),
        }
    }

    fn manifest(&self) -> Result<Vec<u8>, CheckError> {
        let read = self.read(manifest::NAME, |reader| {
            let mut bytes = vec![];
            reader.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        match read? {
            Ok(bytes) if bytes.len() as u64 > MANIFEST_BYTES_MAX => {
                Err(CheckError::Manifest { what: "it is too long" })
            }
            Ok(bytes) => Ok(bytes),
            Err(Finding::Missing) => Err(CheckError::NoManifest),
            Err(Finding::Repeated) => Err(CheckError::Manifest { what: "there are several" }),
            Err(_) => Err(CheckError::Manifest { what: "it cannot be unpacked" }),
        }
    }

    fn finding(&self, listed: &Listed) -> Result<Finding, CheckError> {
        let same = self.read(&listed.name, |reader| is_same(reader, listed))?;
        Ok(match same {
            Ok(true) => Finding::Same,
            Ok(false) => Finding::Differs,
            Err(finding) => finding,
        })
    }

    /// Passes the bytes of a file to `take`, or returns the finding. Fails if the system does.
    fn read<T>(
        &self,
        name: &str,
        take: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<Result<T, Finding>, CheckError> {
        let failed = |source| CheckError::Read { name: name.to_owned(), source };
        match self {
            Source::Folder { names, .. } if !names.contains(name) => Ok(Err(Finding::Missing)),
            Source::Folder { path, .. } => {
                let path = path.join(name);
                // A link leads out of the export, and a device or pipe may never end.
                if !fs::symlink_metadata(&path).map_err(failed)?.is_file() {
                    return Ok(Err(Finding::Differs));
                }
                File::open(path).and_then(|mut file| take(&mut file)).map(Ok).map_err(failed)
            }
            Source::Zip { archive, entries } => match entries.get(name).map(Vec::as_slice) {
                None | Some([]) => Ok(Err(Finding::Missing)),
                Some([(place, method)]) => match unpack(archive, *place, *method, take) {
                    Ok(taken) => Ok(Ok(taken)),
                    // An error of the operating system has a number; others mean broken bytes.
                    Err(error) if error.raw_os_error().is_none() => Ok(Err(Finding::Differs)),
                    Err(error) => Err(failed(error)),
                },
                Some(_) => Ok(Err(Finding::Repeated)),
            },
        }
    }
}

/// Unpacks a file of a zip. Its checksum is verified when it is read to the end.
fn unpack<T>(
    archive: &ZipArchive<FileReader>,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    take: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> io::Result<T> {
    let entry = archive.get_entry(place).map_err(io_error)?;
    match method {
        CompressionMethod::DEFLATE => {
            take(&mut entry.verifying_reader(DeflateDecoder::new(entry.reader())))
        }
        // The same file may have been repacked without compression.
        CompressionMethod::STORE => take(&mut entry.verifying_reader(entry.reader())),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "an unknown compression")),
    }
}

fn is_same(reader: &mut dyn Read, listed: &Listed) -> io::Result<bool> {
    // One byte more than listed shows that it is too long.
    let mut reader = reader.take(listed.bytes.saturating_add(1));
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(bytes == listed.bytes && HEXLOWER.encode(&hash.finalize()) == listed.sha256);
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

/// A name for display. Plain names stay unchanged, and no other name looks like one.
fn shown(name: &str) -> String {
    name.escape_debug().take(NAME_CHARS_MAX).collect()
}

fn bound(count: usize) -> Result<(), CheckError> {
    if count > ENTRIES_MAX { Err(CheckError::TooMany) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
