//! The configuration file of `serve`: precedence and errors.

use std::path::Path;
use std::process::Output;

use crate::harness::server::{Server, provlog, run};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The origin of a setting, and its line without the origin.
fn setting<'a>(check: &'a Output, name: &str) -> (&'a str, &'a str) {
    let line = text(&check.stdout).lines().find(|line| line.contains(name)).unwrap();
    let (setting, source) = line.rsplit_once("  # ").unwrap();
    (setting.trim_end(), source)
}

#[test]
fn a_file_that_cannot_be_used_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // If the server starts all the same, it ends at once, since its port is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refuses = |content: &[u8], words: &str| {
        std::fs::write(folder.path().join("deploy.toml"), content).unwrap();
        for command in [["serve"].as_slice(), &["config", "check"]] {
            let mut provlog = provlog();
            provlog.current_dir(folder.path()).env("PROVLOG_LISTEN", &address);
            let output = run(provlog.args(command).args(["--config", "deploy.toml"]));
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let line = text(&output.stderr);
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.starts_with(&format!("provlog: {words}")), "{line}");
            assert!(output.stdout.is_empty(), "{output:?}");
            assert!(!data.exists(), "nothing was opened");
        }
    };
    let known = "data, listen, public-url, tls-cert, tls-key, schemas, profiles, trusted-proxies, memtable-bytes, \
                 disk-reserve-bytes, scrub-bytes-per-second, accept-clock, clock-ahead-days-max, upstream-secrets, read-back-after-ms, master-key-file, master-key-command, signing-key, witness, witness-every-seconds, no-pages, oidc-issuer, \
                 oidc-client-id, oidc-client-secret-file, oidc-scopes, oidc-role-claim, oidc-role-map, log-format, log";
    let unknown = |line: u32, key: &str| {
        format!("deploy.toml:{line}: unknown key `{key}`; known are {known}")
    };
    refuses(b"# ours\n\nlisten = \"127.0.0.1:0\"\nlistn = 1\n", &unknown(4, "listn"));
    refuses(b"memtable_bytes = 65536", &unknown(1, "memtable_bytes"));
    refuses(b"config = \"other.toml\"", &unknown(1, "config"));
    refuses(b"help = true", &unknown(1, "help"));
    refuses(b"\n[serve]\nlisten = 1", &unknown(2, "serve"));
    refuses(b"listen = 8080", "deploy.toml:1: `listen` takes a text in quotes, and this is");
    refuses(b"memtable-bytes = \"1\"", "deploy.toml:1: `memtable-bytes` takes a whole number");
    refuses(b"accept-clock = \"yes\"", "deploy.toml:1: `accept-clock` takes true or false");
    refuses(b"trusted-proxies = \"::1\"", "deploy.toml:1: `trusted-proxies` takes an array");
    refuses(
        b"\nmemtable-bytes = 1",
        "deploy.toml:2: `memtable-bytes`: \"1\" is not possible: 1 is",
    );
    refuses(b"disk-reserve-bytes = -1", "deploy.toml:1: `disk-reserve-bytes`: \"-1\" is not");
    refuses(
        b"listen = \"nowhere\"",
        "deploy.toml:1: `listen`: \"nowhere\" is not possible: invalid",
    );
    refuses(
        b"log-format = \"xml\"",
        "deploy.toml:1: `log-format`: \"xml\" is not possible: possible",
    );
    refuses(b"log = \"a=b=c\"", "deploy.toml:1: `log`: \"a=b=c\" is not possible");
    refuses(
        b"trusted-proxies = [\"::1\", \"x\"]",
        "deploy.toml:1: `trusted-proxies`: \"x\" is not",
    );
    refuses(b"data = \"a\"\ndata = \"b\"", "deploy.toml:2: this is no TOML: duplicate key");
    refuses(b"data = \"a\xff\"", "deploy.toml:1: this is no UTF-8 text");
    let long = format!("# {}", "x".repeat(64 << 10));
    refuses(long.as_bytes(), "the configuration file deploy.toml: is longer than 65536 bytes");

    let absent = run(provlog().args(["serve", "--config", "/nowhere/deploy.toml"]));
    assert_eq!(absent.status.code(), Some(2));
    assert!(text(&absent.stderr).contains("/nowhere/deploy.toml: cannot be read"), "{absent:?}");
}

#[test]
fn flags_override_the_environment_which_overrides_the_file_which_overrides_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deploy.toml");
    let content = r#"
data = "file"
listen = "127.0.0.1:3"
memtable-bytes = 0x1_0000
disk-reserve-bytes = 7
accept-clock = true
trusted-proxies = ["10.0.0.0/8", "::1"]
"#;
    std::fs::write(&file, content).unwrap();
    let check = run(provlog()
        .args(["config", "check", "--data", "a flag", "--disk-reserve-bytes", "9"])
        .env("PROVLOG_CONFIG", &file)
        .env("PROVLOG_DATA", "environment")
        .env("PROVLOG_LISTEN", "127.0.0.1:2"));
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    let check_line = |name: &str, expected: &str, source: &str| {
        assert_eq!(setting(&check, name), (expected, source));
    };
    let from_file = |line: u32| format!("file {}:{line}", file.display());
    check_line("data", "data = \"a flag\"", "flag");
    check_line("listen", "listen = \"127.0.0.1:2\"", "environment PROVLOG_LISTEN");
    check_line("memtable-bytes", "memtable-bytes = 65536", &from_file(4));
    check_line("disk-reserve-bytes", "disk-reserve-bytes = 9", "flag");
    check_line("accept-clock", "accept-clock = true", &from_file(6));
    let proxies = "trusted-proxies = [\"10.0.0.0/8\", \"::1\"]";
    check_line("trusted-proxies", proxies, &from_file(7));
    check_line("log-format", "log-format = \"text\"", "default");
    check_line("schemas", "# schemas is not set", "default");

    // The output is itself a valid configuration file with the same settings.
    std::fs::write(&file, &check.stdout).unwrap();
    let again = run(provlog().args(["config", "check", "--config"]).arg(&file));
    let values = |check: &Output| {
        let lines = text(&check.stdout).lines();
        lines.map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&check));
    assert_eq!(setting(&again, "data").1, from_file(1));

    let nothing = run(provlog().args(["config", "check"]));
    assert_eq!(setting(&nothing, "data"), ("data = \"data\"", "default"));
    assert!(!Path::new("data").exists());
}

#[test]
fn serve_uses_the_settings_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deploy.toml");
    std::fs::write(&file, "trusted-proxies = [\"127.0.0.0/8\"]\nlog-format = \"json\"\n").unwrap();
    let variables = [("PROVLOG_CONFIG", file.to_str().unwrap())];
    let server = Server::start_with(&folder.path().join("data"), &[], &variables).unwrap();
    let scim = server.add_app("boat");
    scim.send("GET", "/Users", &[("x-forwarded-for", "203.0.113.9")], b"").unwrap();
    assert_eq!(server.admin().rows("/api/v1/operations")[0]["sourceIp"], "203.0.113.9");
    assert!(server.log_lines().starts_with('{'), "{}", server.log_lines());
    server.stop();
}

/// The record says who sent what. The log says at `info` only what may need somebody's attention.
#[test]
fn requests_are_logged_at_debug_unless_they_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shown = |data: &str, variables: &[(&str, &str)]| {
        let server = Server::start_with(&folder.path().join(data), &[], variables).unwrap();
        let scim = server.add_app("boat");
        assert_eq!(scim.get("/Users").status, 200);
        assert_eq!(scim.get("/Users/absent").status, 404);
        assert_eq!(server.admin().get("/api/v1/apps").status, 200);
        assert_eq!(server.admin().get("/api/v1/apps/absent").status, 404);
        let lines = server.log_lines();
        server.stop();
        let count = |message: &str, status: &str| {
            let found = |line: &&str| line.contains(message) && line.contains(status);
            lines.lines().filter(found).count()
        };
        ["scim request", "answered"]
            .map(|what| ["status=200", "status=404"].map(|status| count(what, status)))
    };
    let plain = [("NO_COLOR", "1")];
    assert_eq!(shown("usual", &plain), [[0, 1], [0, 1]]);
    let [scim, answered] = shown("all", &[("NO_COLOR", "1"), ("PROVLOG_LOG", "debug")]);
    assert_eq!((scim, answered), ([1, 1], [1, 1]));
}

/// The registry of metrics is there before the first handle of a metric is made.
#[test]
fn every_request_and_event_is_counted_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    for _ in 0..3 {
        scim.get("/Users/absent");
        server.admin().get("/api/v1/tokens");
    }
    let metrics = server.admin().get("/metrics").text;
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
    };
    let scim =
        r#"provlog_scim_request_duration_seconds_count{method="GET",resource="User",code="404"}"#;
    assert_eq!(value(scim), 3.0, "{metrics}");
    let asked =
        r#"provlog_query_duration_seconds_count{method="GET",route="/api/v1/tokens",code="200"}"#;
    assert_eq!(value(asked), 3.0, "{metrics}");
    assert!(value("provlog_events_appended_total") >= 7.0, "{metrics}");
    assert!(value(r#"provlog_append_duration_seconds_count{kind="appended"}"#) > 0.0, "{metrics}");
    for stage in ["understand", "commit", "reply", "decide", "encode", "fold", "append", "publish"]
    {
        let name = format!(r#"provlog_stage_nanoseconds_total{{stage="{stage}"}}"#);
        assert!(value(&name) > 0.0, "{stage}: {metrics}");
    }
}
