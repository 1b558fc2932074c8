//! Where the master key comes from.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use event::Stopwatch;
use sealing::MasterTextError;
use zeroize::Zeroizing;

use super::*;

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn file(path: &Path) -> MasterSource {
    MasterSource::File(path.to_owned())
}

fn shell(script: &str, time_max: Duration) -> MasterSource {
    let arguments = vec!["-c".into(), script.into()];
    MasterSource::Command { program: "sh".into(), arguments, time_max }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_master_key_comes_from_a_file_a_text_or_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master");
    let text = master().to_text();
    for mode in [0o600, 0o400] {
        write(&path, &format!("{}\n", *text), mode);
        assert_eq!(file(&path).read().unwrap().id(), master().id());
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(file(&link).read().unwrap().id(), master().id());
    let from_text = MasterSource::Text(Zeroizing::new(text.to_string()));
    assert_eq!(from_text.read().unwrap().id(), master().id());
    let printed = shell(&format!("cat '{}'", path.display()), LONG);
    assert_eq!(printed.read().unwrap().id(), master().id());
    for source in [file(&path), from_text, printed] {
        assert!(!format!("{source:?}").contains("0707"), "{source:?}");
        assert!(!format!("{source:?}").contains("cat"), "{source:?}");
    }
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master");
    for mode in [0o640, 0o604, 0o620, 0o601, 0o644] {
        write(&path, &master().to_text(), mode);
        let error = file(&path).read().unwrap_err();
        assert!(matches!(error, MasterError::NotPrivate { mode: found, .. } if found == mode));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn what_is_no_master_key_is_refused_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master");
    let text = master().to_text();
    let long = "secret".repeat(1000);
    for (written, expected) in [
        ("", MasterTextError::Empty),
        ("secret", MasterTextError::Other),
        (&long, MasterTextError::TooLong),
        (&text[..80], MasterTextError::Torn),
    ] {
        write(&path, written, 0o600);
        let printed = shell(&format!("cat '{}'", path.display()), LONG);
        let text = MasterSource::Text(Zeroizing::new(written.to_owned()));
        for source in [file(&path), printed, text] {
            let error = source.read().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("0707"), "{error:?}");
            let MasterError::Text { source, .. } = error else { panic!("{error:?}") };
            assert_eq!(source, expected);
        }
    }
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(file(&path).read(), Err(MasterError::NotText { .. })));
}

#[test]
fn a_path_to_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [folder.path().to_owned(), pipe, PathBuf::from("/dev/zero")] {
        assert!(matches!(file(&path).read(), Err(MasterError::NotPlain { .. })), "{path:?}");
    }
    let absent = file(&folder.path().join("absent")).read();
    assert!(matches!(absent, Err(MasterError::File { attempt: "read", .. })));
}

#[test]
fn a_command_has_limited_time_and_output() {
    let fails = shell("exit 3", LONG).read().unwrap_err();
    assert!(matches!(&fails, MasterError::Status { program, .. } if program == "sh"));
    assert!(fails.to_string().contains("exit status: 3"), "{fails}");
    let absent =
        MasterSource::Command { program: "/nowhere/kms".into(), arguments: vec![], time_max: LONG };
    assert!(matches!(absent.read(), Err(MasterError::Command { .. })));
    let endless = shell("yes", LONG).read().unwrap_err();
    assert!(matches!(endless, MasterError::Text { source: MasterTextError::TooLong, .. }));

    // What it started is ended with it: the file's lock, which the sleepers hold, is free long before they
    // would wake up.
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("lock");
    let script = format!("exec 9>'{}'; flock 9; sleep 60 & sleep 60", lock.display());
    let stopwatch = Stopwatch::start();
    let error = shell(&script, Duration::from_millis(300)).read().unwrap_err();
    assert!(matches!(error, MasterError::Time { .. }), "{error}");
    let lock = fs::File::options().create(true).append(true).open(lock).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(stopwatch.elapsed() < Duration::from_secs(50));
}

#[test]
fn our_own_master_key_is_made_once_and_only_when_there_are_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let refused = own_master_key(&path, false);
    assert!(matches!(refused, Err(MasterError::Missing { .. })));
    fs::write(folder.path().join("master.part"), "left by a killed start").unwrap();
    let made = own_master_key(&path, true).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    for may_make in [true, false] {
        assert_eq!(own_master_key(&path, may_make).unwrap().id(), made.id());
    }
    assert_eq!(file(&path).read().unwrap().id(), made.id());
    // A link that leads nowhere is not replaced.
    fs::remove_file(&path).unwrap();
    symlink(folder.path().join("absent"), &path).unwrap();
    assert!(matches!(own_master_key(&path, true), Err(MasterError::File { .. })));
}
