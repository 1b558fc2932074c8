//! The keys that sign the log's checkpoints: from files, from the environment, or one that the first start
//! makes.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use event::LogId;
use projector::{Signer, SignerError};
use rustix::fs::OFlags;
use tlog::{KEY_BYTES, KEY_TEXT_BYTES_MAX, KeyError, KeyKind, KeyName, SignerKey, VerifierKey};

/// The key that a first start makes, in the data folder.
const NAME: &str = "signing.key";
/// The variable that may hold the key itself.
pub(crate) const VARIABLE: &str = "PROVLOG_SIGNING_KEY";
/// The variable that may name files of keys, with commas between them.
const FILES_VARIABLE: &str = "PROVLOG_SIGNING_KEY_FILE";
/// Who else than the owner may read or write a file.
const OTHERS: u32 = 0o077;

/// Where the keys are.
#[derive(Clone, Default)]
pub struct SigningKeys {
    /// Files with one key each.
    pub files: Vec<PathBuf>,
    /// A key itself.
    pub text: Option<OsString>,
}

/// Why the log cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// A file cannot be read or written.
    #[error("the signing key {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds no key.
    #[error(
        "the signing key {place} cannot be used: restore it from a backup, or give another one"
    )]
    Key {
        /// The file or the variable.
        place: String,
        /// Why not.
        #[source]
        source: KeyError,
    },
    /// Others than its user may read the file.
    #[error("the signing key {} can be read by others (mode {mode:o}): chmod 600", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is none to verify with.
    #[error(
        "there is no key to verify the last checkpoint with: give --key VKEY (the start of the server and \
         /integrity show it)"
    )]
    NoVerifier,
    /// The log was signed with a key that is not there any more.
    #[error(
        "the key that signed the log is missing: restore {}, or give another key of the same name with \
         --signing-key",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The keys do not fit together.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The file could not be put in place.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

impl SigningKeys {
    /// The keys of the log in `data`. If none is configured, that of the data folder, which is made of the
    /// random bytes `fresh` unless something was signed already.
    ///
    /// # Errors
    /// When one cannot be read or used, or the key is missing.
    pub(crate) fn signer(
        &self,
        data: &Path,
        log: LogId,
        is_signed: bool,
        fresh: [u8; KEY_BYTES],
    ) -> Result<Signer, SigningError> {
        let mut keys = self.given()?;
        if keys.is_empty() {
            keys.push(own(data, log, is_signed, fresh)?);
        }
        Ok(Signer::new(keys)?)
    }

    /// The keys that are configured.
    fn given(&self) -> Result<Vec<SignerKey>, SigningError> {
        let mut keys = Vec::new();
        for file in &self.files {
            keys.push(read(file)?);
        }
        if let Some(text) = &self.text {
            // What is not UTF-8 is no key, and refused as such.
            keys.push(parse(&text.to_string_lossy(), VARIABLE)?);
        }
        Ok(keys)
    }

    /// The keys that the environment names.
    fn of_environment() -> SigningKeys {
        let files = std::env::var_os(FILES_VARIABLE).unwrap_or_default();
        let files = files.as_bytes().split(|byte| *byte == b',').filter(|file| !file.is_empty());
        SigningKeys {
            files: files.map(|file| OsStr::from_bytes(file).into()).collect(),
            text: std::env::var_os(VARIABLE),
        }
    }
}

/// The keys of the environment, else of the data folder, to sign with while the server is stopped. Without
/// any, the next start of the server signs.
///
/// # Errors
/// When one cannot be read or used.
pub(crate) fn signer_if_there(data: &Path, log: LogId) -> Result<Option<Signer>, SigningError> {
    match SigningKeys::of_environment().signer(data, log, true, [0; KEY_BYTES]) {
        Err(SigningError::Missing { .. }) => Ok(None),
        signer => signer.map(Some),
    }
}

/// The keys to verify the last checkpoint of the log in `data` with: those of the environment, as for
/// `serve`, else the one of the data folder. So somebody who puts another key into the folder is not
/// believed where the environment names the key.
///
/// # Errors
/// When one cannot be read or used, or there is none.
pub(crate) fn own_verifiers(data: &Path) -> Result<Vec<VerifierKey>, SigningError> {
    let mut keys = SigningKeys::of_environment().given()?;
    if keys.is_empty() {
        keys.push(match read_own(data) {
            Err(SigningError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(SigningError::NoVerifier);
            }
            read => read?,
        });
    }
    Ok(keys.iter().map(|key| key.verifier().clone()).collect())
}

/// The key of the data folder.
fn own(
    data: &Path,
    log: LogId,
    is_signed: bool,
    fresh: [u8; KEY_BYTES],
) -> Result<SignerKey, SigningError> {
    let path = data.join(NAME);
    match read_own(data) {
        Err(SigningError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    if is_signed {
        return Err(SigningError::Missing { path });
    }
    let unusable = |source| SigningError::Key { place: path.display().to_string(), source };
    let name = KeyName::parse(&format!("provlog/{log}"));
    let name = name.map_err(|source| unusable(KeyError::Name(source)))?;
    let key = SignerKey::from_seed(name, KeyKind::Ed25519, fresh).map_err(unusable)?;
    store::replace_file(&path, format!("{}\n", key.secret_text()).as_bytes())
        .map_err(|source| SigningError::File { path: path.clone(), source })?;
    Ok(key)
}

/// Takes the key of a data folder along to another one, if there is one.
pub(crate) fn copy(data: &Path, into: &Path) -> Result<(), SigningError> {
    let path = into.join(NAME);
    match read_own(data) {
        Ok(key) => store::replace_file(&path, format!("{}\n", key.secret_text()).as_bytes())
            .map_err(|source| SigningError::File { path, source }),
        Err(SigningError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The key of the data folder. Whatever was put in its place: no link is followed.
fn read_own(data: &Path) -> Result<SignerKey, SigningError> {
    read_as(&data.join(NAME), OFlags::NOFOLLOW)
}

/// A key of a file that only its user may read. A link is followed, because secrets are often mounted so.
pub(crate) fn read(path: &Path) -> Result<SignerKey, SigningError> {
    read_as(path, OFlags::empty())
}

fn read_as(path: &Path, flags: OFlags) -> Result<SignerKey, SigningError> {
    let failed = |source| SigningError::File { path: path.to_owned(), source };
    // Not to wait for a pipe.
    let flags = (flags | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags).unwrap_or_default())
        .open(path);
    let file = opened.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("it is not a plain file")));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(SigningError::NotPrivate { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(KEY_TEXT_BYTES_MAX as u64 + 2).read_to_string(&mut text).map_err(failed)?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, place: &str) -> Result<SignerKey, SigningError> {
    SignerKey::parse(text.trim_end())
        .map_err(|source| SigningError::Key { place: place.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    use super::*;

    fn log() -> LogId {
        LogId::from_random(7)
    }

    fn none() -> SigningKeys {
        SigningKeys::default()
    }

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let made = none().signer(folder.path(), log(), false, [1; 32]).unwrap();
        let again = none().signer(folder.path(), log(), true, [2; 32]).unwrap();
        assert!(made.verifiers().eq(again.verifiers()));
        assert_eq!(made.origin(), format!("provlog/{}", log()));
        assert!(own_verifiers(folder.path()).unwrap().iter().eq(made.verifiers()));
        let mode = std::fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn no_key_is_made_for_a_log_that_was_signed() {
        let folder = tempfile::tempdir().unwrap();
        let missing = none().signer(folder.path(), log(), true, [1; 32]);
        assert!(matches!(missing, Err(SigningError::Missing { .. })), "{missing:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn keys_come_from_files_and_from_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let key = |seed| {
            let name = KeyName::parse("log.example/a").unwrap();
            SignerKey::from_seed(name, KeyKind::Ed25519, [seed; 32]).unwrap()
        };
        let path = folder.path().join("one.key");
        let private = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        std::fs::write(&path, key(1).secret_text()).unwrap();
        private(0o400);
        let text = Some(key(2).secret_text().into());
        let keys = SigningKeys { files: vec![path.clone()], text };
        let signer = keys.signer(folder.path(), log(), true, [3; 32]).unwrap();
        let expected = [key(1), key(2)];
        assert!(signer.verifiers().eq(expected.iter().map(SignerKey::verifier)));

        for mode in [0o640, 0o604, 0o620] {
            private(mode);
            let error = keys.signer(folder.path(), log(), true, [3; 32]).unwrap_err();
            assert!(
                matches!(&error, SigningError::NotPrivate { mode: found, .. } if *found == mode)
            );
        }
        private(0o600);
        std::fs::write(&path, "no key").unwrap();
        let error = keys.signer(folder.path(), log(), true, [3; 32]).unwrap_err();
        assert!(matches!(error, SigningError::Key { .. }), "{error:?}");
        let text = Some(OsStr::from_bytes(b"PRIVATE+KEY+\xff").to_owned());
        let unreadable = SigningKeys { files: vec![], text };
        let error = unreadable.signer(folder.path(), log(), false, [3; 32]).unwrap_err();
        assert!(matches!(error, SigningError::Key { .. }), "{error:?}");
        let lost = SigningKeys { files: vec![folder.path().join("lost")], text: None };
        assert!(matches!(
            lost.signer(folder.path(), log(), false, [3; 32]),
            Err(SigningError::File { .. })
        ));
    }

    /// Mounted secrets are links; in the data folder a link is none of ours.
    #[test]
    fn a_link_is_followed_where_somebody_named_it_and_a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        none().signer(folder.path(), log(), false, [1; 32]).unwrap();
        let (own, moved) = (folder.path().join(NAME), folder.path().join("moved"));
        std::fs::rename(&own, &moved).unwrap();
        symlink(&moved, &own).unwrap();
        let refused = none().signer(folder.path(), log(), true, [1; 32]);
        assert!(matches!(refused, Err(SigningError::File { .. })), "{refused:?}");
        let named = SigningKeys { files: vec![own.clone()], text: None };
        assert!(named.signer(folder.path(), log(), true, [1; 32]).is_ok());

        std::fs::remove_file(&own).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &own, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let refused = none().signer(folder.path(), log(), true, [1; 32]);
        assert!(matches!(refused, Err(SigningError::File { .. })), "{refused:?}");
    }
}
