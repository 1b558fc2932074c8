//! `token add --data`: issues a token for a server that nobody can sign in to.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::server::{Client, Server, provlog, run};

fn add(data: &Path, arguments: &[&str]) -> (i32, String, String) {
    let command = ["token", "add", "--json", "--data", data.to_str().unwrap()];
    let output = run(provlog().args(command).args(arguments));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn added(data: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = add(data, arguments);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_token_for_a_stopped_server_does_not_shorten_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    server.add_app("boat");
    server.stop();
    std::fs::remove_file(data.join("admin.token")).unwrap();

    let admin = added(&data, &["--role", "admin"]);
    let scim = added(&data, &["--role", "scim", "--app", "boat"]);
    assert_eq!((&admin["id"], &admin["role"]), (&json!("3"), &json!("admin")));
    assert_eq!((&scim["id"], &scim["application"]), (&json!("4"), &json!("boat")));

    let server = Server::start(&data);
    let client = Client::new(&server.url, admin["token"].as_str().unwrap());
    let tokens = client.rows("/api/v1/tokens");
    assert_eq!(tokens.iter().map(|row| &row["id"]).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    assert_eq!(tokens[3]["application"], "boat");
    let boat = Client::new(&format!("{}/apps/boat/scim/v2", server.url), "");
    assert_eq!(boat.with_token(scim["token"].as_str().unwrap()).get("/Users").status, 200);

    // The whole time between stop and start is a gap.
    let answer = client.get("/api/v1/coverage").body;
    let gaps = answer["rows"].as_array().unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (&gap["from"], &gap["to"])).collect();
    let mut gaps = gaps;
    gaps.sort_by_key(|gap| gap.0.to_string());
    assert_eq!(gaps.len(), 3, "{answer}");
    assert_eq!((gaps[0].1, gaps[1].1), (gaps[1].0, gaps[2].0), "{answer}");
    server.stop();
    let digests: Vec<_> = ["digest", "rebuild"]
        .iter()
        .map(|command| run(provlog().args([command, "--data"]).arg(&data)))
        .collect();
    assert!(digests.iter().all(|output| output.status.success()), "{digests:?}");
}

#[test]
fn what_cannot_be_issued_offline_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let check = |arguments: &[&str], code: i32, words: &str| {
        let (got, out, err) = add(&data, arguments);
        assert_eq!((got, out.as_str()), (code, ""), "{err}");
        assert!(err.contains(words) && err.lines().count() == 1, "{err}");
    };
    check(&["--role", "admin"], 1, "holds no log");
    assert!(!data.exists());
    let server = Server::start(&data);
    server.add_app("boat");
    check(&["--role", "admin"], 1, "in use by another process");
    server.stop();
    let size = || {
        let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
        store.log_size().unwrap()
    };
    let before = size();
    check(&["--role", "scim"], 2, "needs an `application`");
    check(&["--role", "admin", "--app", "boat"], 2, "takes no `application`");
    check(&["--role", "scim", "--app", "kite"], 1, "no such application");
    assert_eq!(size(), before);
    added(&data, &["--role", "scim", "--app", "boat"]);
    check(&["--role", "scim", "--app", "boat"], 1, "two valid tokens already");
    assert_eq!(size(), before + 3, "a start, a token, a stop");
}
