//! The files of an import, each readable from its beginning more than once: gzip is unpacked, and UTF-16
//! becomes UTF-8, in temporary files without a name.

use std::fs;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use entra_log::{Form, HEAD_BYTES, detect};
use flate2::read::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1F, 0x8B];
/// A file may unpack to this many times its size plus [`UNPACKED_FREE_BYTES`].
const RATIO_MAX: u64 = 250;
const UNPACKED_FREE_BYTES: u64 = 64 << 20;
const UNPACKS_TOO_MUCH: &str =
    "unpacks to more than 250 times its size: unpack it first, if it is what it seems";
/// The disk is looked at after this many bytes.
const LOOK_AT_DISK_BYTES: u64 = 1 << 20;

/// Says whether the disk has room for more.
type HasRoom = Box<dyn Fn() -> bool + Send + Sync>;

/// Where temporary files are, and how much they may take together.
pub struct Room {
    folder: Option<PathBuf>,
    left_bytes: Mutex<u64>,
    /// What is said of a file that is too long.
    too_long: String,
    has_room: HasRoom,
}

impl Room {
    /// Room in the system's folder of temporary files.
    #[must_use]
    pub fn of_system(bytes_max: u64, too_long: &str) -> Room {
        Room {
            folder: None,
            left_bytes: Mutex::new(bytes_max),
            too_long: too_long.to_owned(),
            has_room: Box::new(|| true),
        }
    }

    /// Room in a folder whose disk others need too: `has_room` is asked again and again.
    pub fn in_folder(
        folder: PathBuf,
        bytes_max: u64,
        too_long: &str,
        has_room: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Room {
        let room = Room::of_system(bytes_max, too_long);
        Room { folder: Some(folder), has_room: Box::new(has_room), ..room }
    }

    /// A temporary file, which is deleted when its handle is closed, also by a crash.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn file(&self) -> Result<fs::File, String> {
        let made = match &self.folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        made.map_err(cannot_keep)
    }

    /// Takes room for so many bytes.
    ///
    /// # Errors
    /// When there is not so much, in words.
    pub fn take(&self, bytes: u64) -> Result<(), String> {
        // A number is never half written.
        let mut left = self.left_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(bytes).ok_or_else(|| self.too_long.clone())?;
        Ok(())
    }

    /// Whether the disk has room for more, in words if not.
    ///
    /// # Errors
    /// When it has not.
    pub fn look_at_disk(&self) -> Result<(), String> {
        match (self.has_room)() {
            true => Ok(()),
            false => Err("does not fit on the server's disk, which is almost full".to_owned()),
        }
    }

    /// Copies what is read into a temporary file. `bytes_max` bounds this one alone.
    ///
    /// # Errors
    /// Why it cannot be kept, in words.
    pub fn keep(
        &self,
        reader: impl Read,
        bytes_max: u64,
        too_long: Option<&str>,
    ) -> Result<fs::File, String> {
        let mut file = self.file()?;
        let mut reader = reader.take(bytes_max.saturating_add(1));
        let mut buffer = vec![0; 64 * 1024];
        let (mut kept_bytes, mut looked_at) = (0_u64, 0);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("cannot be read: {error}")),
            };
            kept_bytes += count as u64;
            if kept_bytes > bytes_max {
                return Err(too_long.unwrap_or(&self.too_long).to_owned());
            }
            self.take(count as u64)?;
            if kept_bytes - looked_at >= LOOK_AT_DISK_BYTES {
                self.look_at_disk()?;
                looked_at = kept_bytes;
            }
            file.write_all(buffer.get(..count).unwrap_or_default()).map_err(cannot_keep)?;
        }
        file.rewind().map_err(cannot_keep)?;
        Ok(file)
    }
}

fn cannot_keep(error: io::Error) -> String {
    format!("cannot be kept in a temporary file: {error}")
}

/// A file of an import.
pub struct File {
    /// The last part of its name, by which the portal's files are known.
    pub(crate) name: String,
    /// Uncompressed.
    file: fs::File,
    pub(crate) bytes: u64,
    pub(crate) form: Form,
}

impl File {
    /// Reads the beginning of a file, unpacks it if it is compressed, and detects its form, unless that is
    /// given. The file is one that can be read more than once. `goes_on` is asked while it is unpacked.
    ///
    /// # Errors
    /// The reason why the file cannot be imported, in words.
    pub fn of(
        mut name: String,
        mut file: fs::File,
        form: Option<Form>,
        room: &Room,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<File, String> {
        let cannot = |error: io::Error| format!("cannot be read: {error}");
        if head(&mut file, GZIP.len()).map_err(cannot)? == GZIP {
            let packed_bytes = file.metadata().map_err(cannot)?.len();
            let bytes_max =
                packed_bytes.saturating_mul(RATIO_MAX).saturating_add(UNPACKED_FREE_BYTES);
            let reader = MultiGzDecoder::new(BufReader::new(file));
            let unpacked = Wanted { reader, goes_on };
            file = room.keep(unpacked, bytes_max, Some(UNPACKS_TOO_MUCH))?;
            name = name.strip_suffix(".gz").map(str::to_owned).unwrap_or(name);
        }
        if let Some(is_big_endian) = utf16(&head(&mut file, 2).map_err(cannot)?) {
            let reader = Utf16::new(BufReader::new(file), is_big_endian);
            let text = Wanted { reader, goes_on };
            file = room.keep(text, u64::MAX - 1, None)?;
        }
        let bytes = file.metadata().map_err(cannot)?.len();
        let head = head(&mut file, HEAD_BYTES).map_err(cannot)?;
        let form = match form {
            // An empty file has no form, even if one was given.
            Some(form) if !head.trim_ascii().is_empty() => form,
            _ => detect(&name, &head).map_err(|error| error.to_string())?,
        };
        Ok(File { name, file, bytes, form })
    }

    /// The file from its beginning. A further call invalidates the earlier readers, which share their
    /// position.
    pub(crate) fn reader(&self) -> io::Result<BufReader<fs::File>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(BufReader::new(file))
    }
}

/// Reads as long as somebody wants it.
struct Wanted<'a, R> {
    reader: R,
    goes_on: &'a dyn Fn() -> bool,
}

impl<R: Read> Read for Wanted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.goes_on)() {
            true => self.reader.read(buffer),
            false => Err(io::Error::other("the import was stopped")),
        }
    }
}

/// The first bytes of a file, which is rewound afterwards.
fn head(file: &mut fs::File, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![];
    file.rewind()?;
    Read::by_ref(file).take(bytes as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
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
    use std::io::{Read, Seek, Write};

    use entra_log::Form;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{File, Room};

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<File, String> {
        within(bytes, &Room::of_system(u64::MAX, "too long"))
    }

    fn within(bytes: &[u8], room: &Room) -> Result<File, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        File::of("log".to_owned(), file, None, room, &|| true)
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
    }

    #[test]
    fn a_file_is_unpacked_only_while_somebody_wants_it() {
        let asked = std::cell::Cell::new(0);
        let goes_on = || asked.replace(asked.get() + 1) < 3;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&packed(&vec![b' '; 4 << 20])).unwrap();
        let room = Room::of_system(u64::MAX, "too long");
        let stopped = File::of("log".to_owned(), file, None, &room, &goes_on).err().unwrap();
        assert_eq!((&*stopped, asked.get()), ("cannot be read: the import was stopped", 4));
    }

    #[test]
    fn temporary_files_stay_within_their_room_and_leave_nothing() {
        let spread = [ENTRY, " ".repeat(3 << 20).as_bytes()].concat();
        let folder = tempfile::tempdir().unwrap();
        let room = |bytes_max, has_room: bool| {
            Room::in_folder(folder.path().into(), bytes_max, "too long", move || has_room)
        };
        let roomy = room(8 << 20, true);
        let file = within(&packed(&spread), &roomy).unwrap();
        assert_eq!(file.bytes, spread.len() as u64);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it has no name");
        within(&packed(&spread), &roomy).unwrap();
        let refused = |room: &Room| within(&packed(&spread), room).err().unwrap();
        assert_eq!(refused(&roomy), "too long", "all files together count");
        assert_eq!(refused(&room(1 << 20, true)), "too long");
        assert!(refused(&room(8 << 20, false)).contains("almost full"));
        // What needs no temporary file needs no room.
        within(&spread, &room(0, false)).unwrap();
    }
}
