//! All files of keys of a data folder.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use event::{Application, LogId, Number, Seq};
use sealing::{DataKey, MasterKey, Month, Owner, WrapKey};

use crate::cache::Cache;
use crate::disk::{self, failed};
use crate::error::KeysError;
use crate::file::{KeyFile, KeyState, Wrapping};
use crate::layout::{Table, TableKind};

/// Unwrapped keys that are kept in memory: about 8 MB.
pub const CACHED_KEYS: usize = 1 << 16;

/// The data keys of one log. Usable from many threads; whoever has it is alone with the folder, which the lock
/// of the data folder sees to.
pub struct KeyStore {
    folder: PathBuf,
    wrapping: Wrapping,
    files: RwLock<BTreeMap<Table, Arc<KeyFile>>>,
    cache: Mutex<Cache>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The tables of a folder, by the names of its files; none if there is no folder. Removes what a crash left
/// of files that were being written: they may hold wrapped keys, which no erasure would find.
pub(crate) fn tables(folder: &Path) -> Result<Vec<(Table, PathBuf)>, KeysError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed("look into", folder)(error)),
    };
    let (mut tables, mut removed) = (Vec::new(), None);
    for entry in entries {
        let path = entry.map_err(failed("look into", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match (name.strip_suffix(".part").and_then(Table::of_file), Table::of_file(name)) {
            (Some(_), _) => {
                disk::remove(&path)?;
                removed = Some(path);
            }
            (None, Some(table)) => tables.push((table, path)),
            (None, None) => {}
        }
    }
    if let Some(path) = removed {
        disk::sync_folder_of(&path)?;
    }
    tables.sort_unstable();
    Ok(tables)
}

/// Whether there are keys in a folder, so that a missing master key is damage and not a first start.
///
/// # Errors
/// When the folder cannot be read.
pub fn holds_keys(folder: &Path) -> Result<bool, KeysError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_str().and_then(Table::of_file).is_some())
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("look into", folder)(error)),
    }
}

impl KeyStore {
    /// Opens the keys in a folder, which is made if it is missing, and checks every file's header.
    ///
    /// # Errors
    /// For a file of another log, another master key or a newer program, one that is shorter than its header
    /// says, and what the operating system refuses.
    pub fn open(folder: &Path, log: LogId, master: &MasterKey) -> Result<KeyStore, KeysError> {
        KeyStore::with_cache(folder, log, master, CACHED_KEYS)
    }

    pub(crate) fn with_cache(
        folder: &Path,
        log: LogId,
        master: &MasterKey,
        keys_max: usize,
    ) -> Result<KeyStore, KeysError> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("create", folder)(error)),
        }
        // Also if it was there: whoever made it may have been killed before this.
        disk::sync_folder_of(folder)?;
        let wrapping = Wrapping { log, master: master.id(), wrap: WrapKey::new(master, log) };
        let mut files = BTreeMap::new();
        for (table, path) in tables(folder)? {
            files.insert(table, Arc::new(KeyFile::open(&path, table, &wrapping)?));
        }
        Ok(KeyStore {
            folder: folder.to_owned(),
            wrapping,
            files: RwLock::new(files),
            cache: Mutex::new(Cache::new(keys_max)),
        })
    }

    /// Makes the files of an application, which still have no keys. Nothing happens to files that are there.
    /// To be called before the event that adds the application is appended, and for application 0 at the
    /// first start; never for an application that the log has already, because then a missing file is damage.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn add_application(&self, application: Application) -> Result<(), KeysError> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        for kind in [TableKind::Persons, TableKind::Months, TableKind::Sent] {
            let table = Table { application, kind };
            if let Entry::Vacant(place) = files.entry(table) {
                let file = KeyFile::create(&self.folder, table, &self.wrapping)?;
                place.insert(Arc::new(file));
            }
        }
        Ok(())
    }

    fn file(&self, table: Table) -> Result<Arc<KeyFile>, KeysError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let application = table.application;
        files.get(&table).cloned().ok_or(KeysError::Missing { application })
    }

    /// The table and slot of an owner who can have a key.
    fn place(owner: Owner) -> Result<(Table, u32), KeysError> {
        match owner {
            Owner::Person { number: Number::NOBODY, .. } => Err(KeysError::Nobody),
            _ => Ok(Table::of(owner)),
        }
    }

    /// For how many numbers of an application there are keys, from 0: number `n` has one if `n` is below.
    ///
    /// # Errors
    /// [`KeysError::Missing`] if the application has no files.
    pub fn numbers_made(&self, application: Application) -> Result<u32, KeysError> {
        Ok(self.file(Table { application, kind: TableKind::Persons })?.slots())
    }

    /// Makes keys, in blocks of 256, until there is one for `through`. When this returns they survive a loss of
    /// power. Two syncs for all that are missing, none if there is none; so ask ahead of need, and on another
    /// thread than the one that must not wait.
    ///
    /// # Errors
    /// [`KeysError::Missing`], [`KeysError::Full`], and what the operating system refuses.
    pub fn make_numbers(&self, application: Application, through: Number) -> Result<(), KeysError> {
        let file = self.file(Table { application, kind: TableKind::Persons })?;
        let erasures = self.cache().erasures();
        // They are needed soon, and reading one back takes longer than to keep it.
        for (owner, key) in file.make(&self.wrapping, through.0)? {
            self.remember(owner, &Arc::new(key), erasures);
        }
        Ok(())
    }

    /// The same for months.
    ///
    /// # Errors
    /// As [`KeyStore::make_numbers`].
    pub fn make_months(&self, application: Application, through: Month) -> Result<(), KeysError> {
        self.file(Table { application, kind: TableKind::Months })?
            .make(&self.wrapping, through.0)
            .map(|_| ())
    }

    /// The same for what was sent in a month.
    ///
    /// # Errors
    /// As [`KeyStore::make_numbers`].
    pub fn make_sent(&self, application: Application, through: Month) -> Result<(), KeysError> {
        self.file(Table { application, kind: TableKind::Sent })?
            .make(&self.wrapping, through.0)
            .map(|_| ())
    }

    /// Checks that there are keys for as many numbers as the log uses, which are `used` with 0. To be called at
    /// the start for each application that the log has.
    ///
    /// # Errors
    /// [`KeysError::Missing`] or [`KeysError::TooFew`]: the files were lost, or are older than the log.
    pub fn require_numbers(&self, application: Application, used: u32) -> Result<(), KeysError> {
        for kind in [TableKind::Months, TableKind::Sent] {
            self.file(Table { application, kind })?;
        }
        let made = self.numbers_made(application)?;
        // 0 is nobody, and needs no key.
        match used <= 1 || used <= made {
            true => Ok(()),
            false => Err(KeysError::TooFew { application, made, used }),
        }
    }

    /// The key of an owner.
    ///
    /// # Errors
    /// [`KeysError::NeverMade`], [`KeysError::Erased`], and each kind of damage.
    pub fn key(&self, owner: Owner) -> Result<Arc<DataKey>, KeysError> {
        let (table, slot) = KeyStore::place(owner)?;
        let erasures = {
            let mut cache = self.cache();
            if let Some(key) = cache.get(owner) {
                return Ok(key);
            }
            cache.erasures()
        };
        let key = Arc::new(self.file(table)?.key(&self.wrapping, slot)?);
        self.remember(owner, &key, erasures);
        Ok(key)
    }

    /// Puts a key into the cache that was read after so many erasures. Not if there was one meanwhile: it may
    /// have destroyed this key.
    pub(crate) fn remember(&self, owner: Owner, key: &Arc<DataKey>, erasures: u64) {
        let mut cache = self.cache();
        if cache.erasures() == erasures {
            cache.put(owner, key.clone());
        }
    }

    pub(crate) fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A cache that a panic left is still a cache.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Destroys the keys of owners, for the event at `seq`, which must be synced. When this returns, no file has
    /// a byte of them, also after a loss of power. A key that was destroyed before keeps its seq, so this can be
    /// repeated. Keys that somebody holds, and part keys made of them, are gone when they are dropped.
    ///
    /// # Errors
    /// [`KeysError::NeverMade`], before anything is destroyed, and what the operating system refuses.
    pub fn erase(&self, owners: &[Owner], seq: Seq) -> Result<(), KeysError> {
        let mut tables: BTreeMap<Table, (Arc<KeyFile>, Vec<u32>)> = BTreeMap::new();
        for owner in owners {
            let (table, slot) = KeyStore::place(*owner)?;
            let file = self.file(table)?;
            if slot >= file.slots() {
                return Err(KeysError::NeverMade { owner: *owner });
            }
            tables.entry(table).or_insert((file, vec![])).1.push(slot);
        }
        for (table, (file, slots)) in tables {
            let erased = file.erase(&self.wrapping, &slots, seq);
            // Also when it failed: some of them may be destroyed.
            let mut cache = self.cache();
            for slot in slots {
                cache.forget(table.owner(slot));
            }
            erased?;
        }
        Ok(())
    }

    /// Visits every key that was made, in the order of applications and numbers, and says in which state it is.
    /// Each is unwrapped, so this checks all of them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn scan(&self, mut visit: impl FnMut(Owner, KeyState)) -> Result<(), KeysError> {
        let files: Vec<Arc<KeyFile>> = {
            let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
            files.values().cloned().collect()
        };
        for file in files {
            file.visit(0, file.slots(), |slot, at| {
                let owner = file.table().owner(at);
                let state = match self.wrapping.open(owner, slot) {
                    Ok(_) => KeyState::Live,
                    Err(state) => state,
                };
                visit(owner, state);
                Ok(true)
            })?;
        }
        Ok(())
    }
}
