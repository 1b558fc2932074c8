//! How a start treats an existing folder, and what a failed start leaves behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::server::{Client, Server, provlog, run, user};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The reasons of all gaps.
fn gaps(server: &Server) -> Vec<String> {
    let coverage = server.admin().get("/api/v1/operations").body["coverage"].clone();
    let gaps = coverage["gaps"].as_array().unwrap().clone();
    gaps.iter().map(|gap| gap["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn permissions_of_a_readable_folder_are_tightened() {
    let around = tempfile::tempdir().unwrap();
    let data = around.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(&data);
    server.add_app("boat").post("/Users", &user("mira"));
    server.stop();
    assert_eq!(mode(&data), 0o700);
    let tables: Vec<_> =
        fs::read_dir(data.join("db")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(tables.iter().any(|path| path.extension().is_some_and(|one| one == "sst")));
    for path in &tables {
        assert_eq!(mode(path) & 0o077, 0, "{}", path.display());
    }
    // The permissions of a copy made with other tools.
    fs::set_permissions(&data, Permissions::from_mode(0o775)).unwrap();
    for path in tables.iter().chain([&data.join("admin.token"), &data.join("db")]) {
        let more = mode(path) | 0o055;
        fs::set_permissions(path, Permissions::from_mode(more)).unwrap();
    }
    Server::start(&data).stop();
    assert_eq!((mode(&data), mode(&data.join("db"))), (0o700, 0o700));
    assert_eq!(mode(&data.join("admin.token")), 0o600);

    let shared = around.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o755)).unwrap();
    fs::write(shared.join("letter.txt"), "x").unwrap();
    let Err(refused) = Server::start_with(&shared, &[], &[]) else { panic!("it started") };
    assert!(refused.contains("run `chmod -R go-rwx"), "{refused}");
    assert_eq!((mode(&shared), fs::read_dir(&shared).unwrap().count()), (0o755, 1));
}

/// Wherever a process runs out of file descriptors, it says so and reports no damage.
#[test]
fn a_process_without_file_descriptors_reports_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_app("boat").post("/Users", &user("mira"));
    server.stop();
    let digest = run(provlog().arg("digest").arg("--data").arg(&data));
    assert_eq!(digest.status.code(), Some(0), "{digest:?}");
    let mut refused = 0;
    for files in 3..40 {
        for command in ["digest", "rebuild"] {
            let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
            let mut limited_run = Command::new("sh");
            limited_run.arg("-c").arg(limited).arg(provlog().get_program());
            let output = run(limited_run.arg(command).arg("--data").arg(&data));
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(!words.contains("damaged"), "{command} with {files} files: {words}");
            refused += usize::from(words.contains("Too many open files"));
        }
    }
    assert!(refused > 10, "{refused}");
    let after = run(provlog().arg("digest").arg("--data").arg(&data));
    assert_eq!(after.stdout, digest.stdout);
}

/// A link to another folder's database is refused.
#[test]
fn a_folder_that_links_to_another_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o700)).unwrap();
    symlink(data.join("db"), other.join("db")).unwrap();
    fs::copy(data.join("kept"), other.join("kept")).unwrap();
    fs::remove_file(data.join("db/LOCK")).unwrap();
    let Err(refused) = Server::start_with(&other, &[], &[]) else { panic!("two write one log") };
    assert!(refused.contains("is in use by another process"), "{refused}");
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    server.stop();
    Server::start(&data).stop();
}

#[test]
fn a_second_server_is_refused_even_without_the_lock_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    for remove in [false, true] {
        if remove {
            fs::remove_file(data.join("db/LOCK")).unwrap();
        }
        let Err(refused) = Server::start_with(&data, &[], &[]) else { panic!("it started") };
        assert!(refused.contains("is in use by another process"), "{refused}");
        for command in ["digest", "rebuild"] {
            let output = run(provlog().arg(command).arg("--data").arg(&data));
            assert_eq!(output.status.code(), Some(1));
            let words = String::from_utf8(output.stderr).unwrap();
            assert!(words.contains("is in use by another process"), "{words}");
        }
    }
    assert_eq!(scim.post("/Users", &user("mira")).status, 201);
    server.stop();
}

#[test]
fn a_server_stops_writing_when_its_folder_is_moved() {
    let around = tempfile::tempdir().unwrap();
    let data = around.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let admin = server.admin();
    fs::rename(&data, around.path().join("moved")).unwrap();
    let other = Server::start(&data);
    // The kept file is written a second later, which detects the move.
    while scim.post("/Users", &user("mira")).status != 503 {
        std::thread::yield_now();
    }
    assert_eq!(admin.get("/readyz").status, 503);
    assert!(server.log_lines().contains("was moved while it was in use"));
    server.kill();
    other.stop();
    // Both logs are intact.
    Server::start(&data).stop();
    Server::start(&around.path().join("moved")).stop();
}

const PROFILE: &str = r#"name = "paperboat"
title = "Paperboat"
[[versions]]
[versions.users]
attributes = ["userName"]
"#;

#[test]
fn a_failed_start_does_not_look_like_a_killed_recorder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, profiles) = (folder.path().join("data"), folder.path().join("profiles"));
    fs::create_dir(&profiles).unwrap();
    fs::write(profiles.join("paperboat.toml"), PROFILE).unwrap();
    let flags = ["--profiles", profiles.to_str().unwrap()];
    let server = Server::start_with(&data, &flags, &[]).unwrap();
    let body = json!({"application": "boat", "profile": "paperboat"});
    assert_eq!(server.admin().post("/api/v1/apps", &body).status, 201);
    server.stop();
    let size = || {
        let text = fs::read_to_string(data.join("kept")).unwrap();
        let size = text.lines().find_map(|line| line.strip_prefix("size ")).unwrap();
        size.parse::<u64>().unwrap()
    };
    let before = size();
    let Err(refused) = Server::start_with(&data, &[], &[]) else { panic!("it started") };
    assert!(refused.contains("uses the profile paperboat"), "{refused}");
    assert_eq!(size(), before);

    let server = Server::start_with(&data, &flags, &[]).unwrap();
    assert_eq!(gaps(&server), ["recorder stopped"]);
    server.stop();
}

#[test]
fn a_start_that_fails_after_it_was_recorded_records_its_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // A folder that is not empty is in the place of the first token.
    fs::create_dir_all(data.join("admin.token/full")).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    let Err(refused) = Server::start_with(&data, &[], &[]) else { panic!("it started") };
    assert!(refused.contains("admin.token: "), "the cause is told: {refused}");
    fs::remove_dir_all(data.join("admin.token")).unwrap();
    let server = Server::start(&data);
    assert_eq!(gaps(&server), ["recorder stopped"]);
    server.stop();

    // The first token is created once.
    let scim = Server::start(&data);
    let token = fs::read_to_string(data.join("admin.token")).unwrap();
    assert_eq!(Client::new(&scim.url, token.trim()).get("/api/v1/apps").status, 200);
    scim.stop();
}

/// A log of before the first release has another form.
#[test]
fn a_log_of_an_unreleased_form_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    Server::start(&data).stop();
    let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
    let size = store.log_size().unwrap();
    for seq in 0..size {
        let mut bytes = store.event_bytes(seq).unwrap().unwrap();
        bytes[0] = 1;
        store.append(&[(seq, bytes)], true).unwrap();
    }
    drop(store);
    let Err(refused) = Server::start_with(&data, &[], &[]) else { panic!("it started") };
    assert!(refused.contains("format version 1 was never released"), "{refused}");
    assert!(refused.contains("begin a new log in another folder"), "{refused}");
}
