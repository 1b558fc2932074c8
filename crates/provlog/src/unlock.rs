//! The keys with which parts of events are sealed: where the master key is, and opening the keys of a log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use event::Application;
use keys::{KeyState, KeysError, MasterError, MasterSource, Vault, holds_keys, own_master_key};
use projector::{ProjectorError, View};
use sealing::{MasterKey, Owner};
use store::{Store, StoreError};

/// The variable that may hold the master key itself.
const VARIABLE: &str = "PROVLOG_MASTER_KEY";
/// The file of a master key of our own, in the data folder.
const NAME: &str = "master.key";
/// The folder of the keys, in the data folder.
const FOLDER: &str = "keys";
/// How long a command that prints the master key may take.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// Where the master key is; it wraps the keys of persons.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct MasterConfig {
    /// File of the master key, which wraps the keys of persons [default: DATA/master.key, made at the first
    /// start]
    #[arg(long, env = "PROVLOG_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// Command that prints the master key, such as the client of a key management service; run without a
    /// shell, its words separated by spaces
    #[arg(long, env = "PROVLOG_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    pub master_key_command: Option<String>,
}

/// Why the keys cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// Several places are configured.
    #[error("{0} and {1} both say where the master key is: give one of them")]
    Twice(&'static str, &'static str),
    /// The variable is not UTF-8.
    #[error("{VARIABLE} is not UTF-8 text")]
    NotText,
    /// There is no usable master key.
    #[error(transparent)]
    Master(#[from] MasterError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The log has events and there are no keys.
    #[error(
        "the keys in {} are missing, without which nothing in the log that concerns a person can be read: \
         restore them from a backup of the keys", folder.display()
    )]
    Missing {
        /// Where they should be.
        folder: PathBuf,
    },
    /// A key was destroyed, and the log does not say why.
    #[error(
        "the key of {owner} was destroyed, and the log has no erasure: the log is older than the keys, or \
         somebody destroyed it. Restore the newest log, or a backup of the keys"
    )]
    NotErased {
        /// Whose key.
        owner: Owner,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows cannot be read.
    #[error(transparent)]
    Projector(#[from] ProjectorError),
    /// A file of keys cannot be copied.
    #[error("cannot copy the keys to {}", path.display())]
    Copy {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl MasterConfig {
    /// Opens the keys in the folder of a log, with which its parts are then sealed and opened. Makes a master
    /// key of our own for a new log.
    ///
    /// # Errors
    /// When the master key or the keys are missing, damaged, or those of another log.
    pub fn unlock(&self, data: &Path, store: &Store) -> Result<Arc<Vault>, UnlockError> {
        let folder = data.join(FOLDER);
        let holds = holds_keys(&folder)?;
        if !holds && store.log_size()? > 0 {
            return Err(UnlockError::Missing { folder });
        }
        let master = self.read(data, !holds)?;
        let vault = Arc::new(Vault::open(&folder, store.log_id(), &master)?);
        store.set_parts(Arc::<Vault>::clone(&vault));
        Ok(vault)
    }

    fn read(&self, data: &Path, may_make: bool) -> Result<MasterKey, UnlockError> {
        let text = match env::var(VARIABLE) {
            Ok(text) => Some(text),
            Err(env::VarError::NotPresent) => None,
            Err(env::VarError::NotUnicode(_)) => return Err(UnlockError::NotText),
        };
        let places = [
            (self.master_key_file.is_some(), "--master-key-file"),
            (self.master_key_command.is_some(), "--master-key-command"),
            (text.is_some(), VARIABLE),
        ];
        let given: Vec<_> =
            places.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        if let [one, other, ..] = given[..] {
            return Err(UnlockError::Twice(one, other));
        }
        if let Some(path) = &self.master_key_file {
            return Ok(MasterSource::File(path.clone()).read()?);
        }
        if let Some(command) = &self.master_key_command {
            let mut words = command.split_ascii_whitespace().map(Into::into);
            let program = words.next().unwrap_or_default();
            let arguments = words.collect();
            return Ok(MasterSource::Command { program, arguments, time_max: COMMAND_MAX }.read()?);
        }
        match text {
            Some(text) => Ok(MasterSource::Text(text.into()).read()?),
            None => Ok(own_master_key(&data.join(NAME), may_make)?),
        }
    }
}

/// Checks that there are keys of all that the log has. Its rows have caught up.
pub(crate) fn check_keys(vault: &Vault, store: &Store) -> Result<(), UnlockError> {
    let snapshot = store.snapshot();
    let view = View::new(&snapshot);
    let applications = view.applications()?.into_iter().map(|application| application.number);
    for application in [Application::RECORDER].into_iter().chain(applications) {
        vault.require(application, view.next_number(application)?.0)?;
    }
    Ok(())
}

/// Checks each key: that it can be read, or that the log says that it was destroyed. Takes about a second for a
/// million people.
pub(crate) fn check_each_key(vault: &Vault, store: &Store, data: &Path) -> Result<(), UnlockError> {
    let snapshot = store.snapshot();
    let view = View::new(&snapshot);
    let mut found = Ok(());
    vault.keys().scan(|owner, state| {
        if found.is_ok() && state != KeyState::Live {
            found = check_destroyed(&view, owner, state, data);
        }
    })?;
    found
}

fn check_destroyed(
    view: &View<'_>,
    owner: Owner,
    state: KeyState,
    data: &Path,
) -> Result<(), UnlockError> {
    let is_erased = match (owner, state) {
        (_, KeyState::Damaged) => {
            return Err(KeysError::Damaged { owner, path: data.join(FOLDER) }.into());
        }
        (Owner::Person { application, number }, _) => view.erased(application, number)?.is_some(),
        (Owner::Sent { application, month }, _) => {
            view.retention(application)?.erased_through >= Some(month.0)
        }
        (Owner::Month { .. }, _) => false,
    };
    if is_erased { Ok(()) } else { Err(UnlockError::NotErased { owner }) }
}

/// Takes the keys of a data folder along to another one.
pub(crate) fn copy_keys(data: &Path, into: &Path) -> Result<(), UnlockError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| UnlockError::Copy { path, source }
    };
    let copy = |from: &Path, to: &Path| match fs::read(from) {
        Ok(bytes) => store::replace_file(to, &bytes).map_err(failed(to)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(from)(source)),
    };
    let folder = into.join(FOLDER);
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    for entry in fs::read_dir(data.join(FOLDER)).map_err(failed(&folder))? {
        let entry = entry.map_err(failed(&folder))?;
        copy(&entry.path(), &folder.join(entry.file_name()))?;
    }
    copy(&data.join(NAME), &into.join(NAME))
}
