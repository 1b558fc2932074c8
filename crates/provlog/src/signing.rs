//! The keys that sign the log's checkpoints: from files, from the environment, or one that the first start
//! makes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use event::LogId;
use projector::{Signer, SignerError};
use tlog::{KEY_BYTES, KEY_TEXT_BYTES_MAX, KeyError, KeyKind, KeyName, SignerKey, VerifierKey};

/// The key that a first start makes, in the data folder.
const NAME: &str = "signing.key";
/// The variable that may hold the key itself.
pub(crate) const VARIABLE: &str = "PROVLOG_SIGNING_KEY";

/// Where the keys are.
#[derive(Clone, Default)]
pub struct SigningKeys {
    /// Files with one key each.
    pub files: Vec<PathBuf>,
    /// A key itself.
    pub text: Option<String>,
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
        let mut keys = Vec::new();
        for file in &self.files {
            keys.push(read(file)?);
        }
        if let Some(text) = &self.text {
            keys.push(parse(text, VARIABLE)?);
        }
        if keys.is_empty() {
            keys.push(own(data, log, is_signed, fresh)?);
        }
        Ok(Signer::new(keys)?)
    }
}

/// The key of the data folder.
fn own(
    data: &Path,
    log: LogId,
    is_signed: bool,
    fresh: [u8; KEY_BYTES],
) -> Result<SignerKey, SigningError> {
    let path = data.join(NAME);
    match read(&path) {
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
    let place = |folder: &Path| folder.join(NAME);
    let failed = |path| move |source| SigningError::File { path, source };
    match std::fs::read(place(data)) {
        Ok(text) => store::replace_file(&place(into), &text).map_err(failed(place(into))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(place(data))(source)),
    }
}

/// The verifier key of a log whose key is in its data folder; `None` if there is none.
pub(crate) fn own_verifier(data: &Path) -> Option<VerifierKey> {
    read(&data.join(NAME)).ok().map(|key| key.verifier().clone())
}

fn read(path: &Path) -> Result<SignerKey, SigningError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(KEY_TEXT_BYTES_MAX as u64 + 2).read_to_string(&mut text))
        .map_err(|source| SigningError::File { path: path.to_owned(), source })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, place: &str) -> Result<SignerKey, SigningError> {
    SignerKey::parse(text.trim_end())
        .map_err(|source| SigningError::Key { place: place.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
        assert_eq!(own_verifier(folder.path()).as_ref(), made.verifiers().next());
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
        std::fs::write(&path, key(1).secret_text()).unwrap();
        let text = Some(key(2).secret_text());
        let keys = SigningKeys { files: vec![path.clone()], text };
        let signer = keys.signer(folder.path(), log(), true, [3; 32]).unwrap();
        let expected = [key(1), key(2)];
        assert!(signer.verifiers().eq(expected.iter().map(SignerKey::verifier)));

        std::fs::write(&path, "no key").unwrap();
        let error = keys.signer(folder.path(), log(), true, [3; 32]).unwrap_err();
        assert!(matches!(error, SigningError::Key { .. }), "{error:?}");
        let lost = SigningKeys { files: vec![folder.path().join("lost")], text: None };
        assert!(matches!(
            lost.signer(folder.path(), log(), false, [3; 32]),
            Err(SigningError::File { .. })
        ));
    }
}
