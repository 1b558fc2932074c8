//! A look at RocksDB's list of its files, the `MANIFEST`, before RocksDB opens it.
//!
//! A list whose end is gone reads as an older list. RocksDB would open it, and remove every file that it
//! does not name: tables with the only copy of the log among them. So the kept file says how long the
//! list was, and a shorter or older one is refused while all files are still there.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::is_hindered;
use crate::wal;

/// What every name of a list begins with; a number follows.
const PREFIX: &str = "MANIFEST-";

/// Which list there was, and how much of it was synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The number in its name. Each opening begins a new list of a higher number.
    pub number: u64,
    /// Its length. A list only grows.
    pub bytes: u64,
}

/// The list that counts now, once all of it survives a loss of power. `known` is one of which that is
/// sure already.
///
/// # Errors
/// When the operating system cannot, or when there is no list.
pub(crate) fn synced(database: &Path, known: Option<Manifest>) -> io::Result<Manifest> {
    let (number, path) =
        current(database)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let file = File::open(path)?;
    let found = Manifest { number, bytes: file.metadata()?.len() };
    if known != Some(found) {
        file.sync_all()?;
    }
    Ok(found)
}

/// Refuses a list that is not whole up to what was `known` of it. No list at all is none that lacks
/// something.
///
/// A record in the middle of it is looked at here too: some flipped bits keep RocksDB busy for ever.
///
/// # Errors
/// What is wrong with it; an [`io::Error`] when it could not be read.
pub(crate) fn check(
    database: &Path,
    known: Option<Manifest>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (number, path) = match current(database) {
        Ok(Some(current)) => current,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let looked = wal::is_whole(&path).and_then(|whole| Ok((whole, fs::metadata(&path)?.len())));
    match looked {
        Ok((false, _)) => Err(format!("its file {name} has a record that is not whole").into()),
        Ok((true, bytes)) => match known {
            Some(known) if number < known.number => {
                Err(format!("its file {name} is an older list of its tables").into())
            }
            Some(known) if number == known.number && bytes < known.bytes => {
                Err(format!("its file {name} has {bytes} bytes and had {}", known.bytes).into())
            }
            Some(_) | None => Ok(()),
        },
        Err(error) if is_hindered(&error) => Err(error.into()),
        Err(error) => Err(format!("its file {name} cannot be read: {error}").into()),
    }
}

/// The list that the file `CURRENT` names, and its number; none when there is no such file.
fn current(database: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let current = match fs::read(database.join("CURRENT")) {
        Ok(current) => current,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let name = std::str::from_utf8(&current).ok().and_then(|text| text.strip_suffix('\n'));
    let number = name.and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
    match name.zip(number) {
        Some((name, number)) => Ok(Some((number, database.join(name)))),
        None => Err(io::Error::other("its file CURRENT names no list of tables")),
    }
}
