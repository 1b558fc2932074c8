//! The files of an import, each readable from its beginning more than once: gzip is unpacked, UTF-16
//! becomes UTF-8, and standard input is copied, into temporary files without a name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write, stdin};
use std::path::{Path, PathBuf};

use entra_log::{Form, HEAD_BYTES, detect};
use flate2::read::MultiGzDecoder;

/// The file name that means standard input.
const STDIN: &str = "-";
const GZIP: [u8; 2] = [0x1F, 0x8B];
/// A file may unpack to this many times its size plus [`UNPACKED_FREE_BYTES`].
const RATIO_MAX: u64 = 250;
const UNPACKED_FREE_BYTES: u64 = 64 << 20;
/// The most that is copied from a pipe.
const STDIN_BYTES_MAX: u64 = 64 << 30;
const TOO_LONG: &str = "is longer than 64 GiB";

/// A file of an import.
pub(super) struct Source {
    /// The last part of its name, by which the portal's files are known.
    pub(super) name: String,
    /// Uncompressed.
    file: File,
    pub(super) bytes: u64,
    pub(super) form: Form,
}

impl Source {
    /// Opens a file and detects its form, unless that is given.
    ///
    /// # Errors
    /// The reason why the file cannot be imported.
    pub(super) fn open(path: &Path, form: Option<Form>) -> Result<Source, String> {
        let cannot = |error: io::Error| format!("cannot be read: {error}");
        let is_stdin = path == Path::new(STDIN);
        let mut file = match is_stdin {
            true => kept(stdin().lock(), STDIN_BYTES_MAX, TOO_LONG)?,
            false => regular(File::open(path).map_err(cannot)?)?,
        };
        let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if head(&mut file, GZIP.len()).map_err(cannot)? == GZIP {
            let packed_bytes = file.metadata().map_err(cannot)?.len();
            let bytes_max =
                packed_bytes.saturating_mul(RATIO_MAX).saturating_add(UNPACKED_FREE_BYTES);
            let unpacked = MultiGzDecoder::new(BufReader::new(file));
            let what =
                "unpacks to more than 250 times its size: unpack it first, if it is what it seems";
            file = kept(unpacked, bytes_max, what)?;
            name = name.strip_suffix(".gz").map(str::to_owned).unwrap_or(name);
        }
        if let Some(is_big_endian) = utf16(&head(&mut file, 2).map_err(cannot)?) {
            file =
                kept(Utf16::new(BufReader::new(file), is_big_endian), STDIN_BYTES_MAX, TOO_LONG)?;
        }
        let bytes = file.metadata().map_err(cannot)?.len();
        let head = head(&mut file, HEAD_BYTES).map_err(cannot)?;
        let form = match form {
            // An empty file has no form, even if one was given.
            Some(form) if !head.trim_ascii().is_empty() => form,
            _ => detect(&name, &head).map_err(|error| error.to_string())?,
        };
        Ok(Source { name, file, bytes, form })
    }

    /// The file from its beginning. A further call invalidates the earlier readers, which share their
    /// position.
    pub(super) fn reader(&self) -> io::Result<BufReader<File>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(BufReader::new(file))
    }
}

/// The name of a file in messages.
pub(super) fn shown(path: &PathBuf) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() }
}

/// A pipe can be read only once, so it is copied like standard input.
fn regular(file: File) -> Result<File, String> {
    let kind = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    match kind.is_file() {
        true => Ok(file),
        false if kind.is_dir() => Err("is a folder".to_owned()),
        false => kept(file, STDIN_BYTES_MAX, TOO_LONG),
    }
}

/// The first bytes of a file, which is rewound afterwards.
fn head(file: &mut File, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![];
    file.rewind()?;
    Read::by_ref(file).take(bytes as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

/// Copies what is read into a temporary file, which is deleted when its handle is closed.
fn kept(reader: impl Read, bytes_max: u64, too_long: &str) -> Result<File, String> {
    let cannot_keep = |error: io::Error| format!("cannot be kept in a temporary file: {error}");
    let mut file = tempfile::tempfile().map_err(cannot_keep)?;
    let mut reader = reader.take(bytes_max.saturating_add(1));
    let mut buffer = vec![0; 64 * 1024];
    let mut kept_bytes: u64 = 0;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("cannot be read: {error}")),
        };
        kept_bytes += count as u64;
        if kept_bytes > bytes_max {
            return Err(too_long.to_owned());
        }
        file.write_all(buffer.get(..count).unwrap_or_default()).map_err(cannot_keep)?;
    }
    file.rewind().map_err(cannot_keep)?;
    Ok(file)
}

/// `Some` if a file begins with the byte order mark of UTF-16; true if that is big-endian.
fn utf16(head: &[u8]) -> Option<bool> {
    match head {
        [0xFE, 0xFF] => Some(true),
        [0xFF, 0xFE] => Some(false),
        _ => None,
    }
}

/// Converts UTF-16, as PowerShell and spreadsheets write it, to UTF-8. Unpaired surrogates become
/// U+FFFD.
struct Utf16<R> {
    reader: R,
    is_big_endian: bool,
    /// A high surrogate whose other half comes with the next read.
    half: Option<u16>,
    ready: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf16<R> {
    fn new(reader: R, is_big_endian: bool) -> Utf16<R> {
        Utf16 { reader, is_big_endian, half: None, ready: vec![], given: 0 }
    }

    /// Reads on; `ready` stays empty at the end.
    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = vec![];
        self.reader.by_ref().take(32 * 1024).read_to_end(&mut bytes)?;
        let is_end = bytes.len() < 32 * 1024;
        let big_endian = self.is_big_endian;
        let unit = |pair: &[u8]| {
            let pair = [pair[0], pair.get(1).copied().unwrap_or_default()];
            if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let mut units: Vec<u16> = self.half.take().into_iter().collect();
        units.extend(bytes.chunks(2).map(unit));
        if !is_end && let Some(last @ 0xD800..=0xDBFF) = units.last().copied() {
            self.half = Some(last);
            units.pop();
        }
        self.ready = String::from_utf16_lossy(&units).into_bytes();
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.fill()?;
        }
        let left = self.ready.get(self.given..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::path::Path;

    use entra_log::Form;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::Source;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Source, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Source::open(file.path(), None)
    }

    const ENTRY: &[u8] =
        br#"{"id":"e","activityDateTime":"2026-09-14T08:02:11Z","provisioningAction":"create"}"#;

    #[test]
    fn a_compressed_file_is_unpacked_and_can_be_read_more_than_once() {
        // Parts of a log that were compressed one by one may be concatenated.
        let parts = [packed(ENTRY), packed(b"\n"), packed(ENTRY)].concat();
        for (bytes, times) in [(ENTRY.to_vec(), 1), (packed(ENTRY), 1), (parts, 2)] {
            let source = open(&bytes).unwrap();
            assert_eq!(source.form, Form::Graph);
            for _ in 0..2 {
                let mut read = vec![];
                source.reader().unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read.len(), times * ENTRY.len() + times - 1);
            }
        }
    }

    #[test]
    fn utf_16_is_read_as_utf_8() {
        // So long that reads cut characters in two.
        let entry = str::from_utf8(ENTRY).unwrap();
        let text = format!("\u{feff}{entry}{}\u{1f980}", " \u{1f980}".repeat(40_000));
        for big in [true, false] {
            let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
            let bytes: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            let source = open(&bytes).unwrap();
            let mut read = String::new();
            source.reader().unwrap().read_to_string(&mut read).unwrap();
            assert_eq!(read.len(), text.len());
            assert_eq!((read == text, source.form), (true, Form::Graph));
        }
    }

    #[test]
    fn a_file_that_unpacks_to_far_more_or_not_at_all_is_refused() {
        let check = |bytes: &[u8], what: &str| {
            let refused = open(bytes).err().unwrap();
            assert!(refused.contains(what), "{refused}");
        };
        let whole = packed(ENTRY);
        check(&whole[..whole.len() - 9], "cannot be read");
        check(&packed(&vec![b' '; 128 << 20]), "more than 250 times");
        check(b"", "empty");
        check(&packed(b" \n"), "empty");
        check(b"PK\x03\x04rest of it", "unpack it first");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::open(folder.path(), None).err().unwrap(), "is a folder");
        let missing = Source::open(Path::new("/nowhere/at/all.json"), None);
        assert!(missing.err().unwrap().starts_with("cannot be read"));
    }
}
