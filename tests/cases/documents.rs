//! What the written pages show works: every command is run, every file is read, every address and flag is
//! there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use answers::{Described, Kind, Parameter, Place};
use serde_json::{Value, json};

use crate::harness::pages::{self, Block, Page};
use crate::harness::server::{Client, Server, encoded, group, provlog, run, user};
use crate::harness::tls::Certificate;

/// How the line begins that says that a server is ready.
const READY: &str = "provlog listening on ";

/// Commands that are run elsewhere, by a script that names them as it is said here.
const ELSEWHERE: [(&str, &str, &str); 6] = [
    ("tools/demo", "tests/readme", "tools/demo --once"),
    ("tools/run", "tests/readme", "tools/run >"),
    ("tools/test", "tests/readme", ".ci/run"),
    ("eval \"$(tools/rocksdb)\"", "tools/test", "$(tools/rocksdb)"),
    ("cargo build", "tools/test", "cargo test"),
    ("cargo test", "tools/test", "cargo test"),
];

/// Blocks that are no commands, by page and language, and what reads them.
const FILES: [(&str, &str, Reader); 5] = [
    ("docs/operating.md", "toml", Reader::Settings),
    ("docs/profiles.md", "toml", Reader::Profile),
    ("docs/scim.md", "json", Reader::Schema),
    ("docs/answers.md", "json", Reader::Answer),
    ("docs/graph.md", "", Reader::GraphFilters),
];

#[derive(Clone, Copy, Debug)]
enum Reader {
    /// A configuration file of `serve`.
    Settings,
    Profile,
    Schema,
    /// The members of an answer.
    Answer,
    /// A `$filter` of Graph on each line.
    GraphFilters,
}

/// A server for the commands of a page, in a folder of their own.
struct Shell {
    folder: tempfile::TempDir,
    server: Server,
    /// Behind the proxy.
    upstream: Server,
    /// The application there that the block on a line is about.
    behind: Option<(usize, Client)>,
}

impl Shell {
    fn new() -> Shell {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("data"));
        let upstream = Server::start(&folder.path().join("upstream"));
        // For those that need a server that was stopped.
        Server::start(&folder.path().join("offline")).stop();
        let shell = Shell { folder, server, upstream, behind: None };
        let portal = "portal-csv.ProvisioningLogs";
        for (name, source) in [
            ("ProvisioningLogs.json", "portal-json.json".to_owned()),
            ("ProvisioningLogs.csv", format!("{portal}.csv")),
            ("ProvisioningLogs_ProvisioningSteps.csv", format!("{portal}_ProvisioningSteps.csv")),
            ("ProvisioningLogs_ModifiedProperties.csv", format!("{portal}_ModifiedProperties.csv")),
        ] {
            let source = pages::top().join("tests/data/import").join(source);
            // Which of the two numbers is the day has to be seen.
            let text = std::fs::read_to_string(source).unwrap().replace("3/9/2026", "3/19/2026");
            std::fs::write(shell.file(name), text).unwrap();
        }
        // What the demo leaves.
        let demo = shell.file("demo-data");
        std::fs::create_dir_all(demo.join("entra")).unwrap();
        std::fs::copy(shell.file("data/admin.token"), demo.join("admin.token")).unwrap();
        let log =
            std::fs::read_to_string(pages::top().join("tests/data/import/graph.json")).unwrap();
        let pages = serde_json::Deserializer::from_str(&log).into_iter::<Value>();
        let entries = pages.flat_map(|page| page.unwrap()["value"].as_array().unwrap().clone());
        let lines = entries.map(|entry| format!("{entry}\n"));
        std::fs::write(demo.join("entra/jostle.ndjson"), lines.collect::<String>()).unwrap();
        let people = "userName,terminatedAt\nmira.lund@fjord.example,2026-01-31T17:00:00Z\n";
        std::fs::write(shell.file("hr.csv"), people).unwrap();
        std::fs::write(shell.file("oidc.secret"), "the provider's secret for us\n").unwrap();
        shell
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The number of a name that nobody of the paperboat has.
    fn mention(&mut self) -> String {
        let name = format!("nobody-{}", self.admin().get("/api/v1/operations").body["head"]["seq"]);
        let filter = format!("userName eq \"{name}\"");
        let looked = self.application("paperboat").query("/Users", &[("filter", &filter)]);
        assert_eq!(looked.status, 200);
        let found = self.admin().post("/api/v1/subjects/find", &json!({"name": name})).body;
        found["subjects"][0]["number"].to_string()
    }

    /// A checkpoint of the stopped server.
    fn checkpoint(&self) -> PathBuf {
        let store = store::Store::open_existing(&self.file("offline"), &store::Options::default());
        let file = self.file("checkpoint");
        std::fs::write(&file, store.unwrap().kept_checkpoint().unwrap()).unwrap();
        file
    }

    /// A proof of an operation.
    fn proof(&self, seq: &str) -> PathBuf {
        let answer = self.admin().get(&format!("/api/v1/operations/{seq}/proof"));
        let file = self.file("proof");
        std::fs::write(&file, answer.body["proof"].as_str().unwrap()).unwrap();
        file
    }

    /// The key to verify it with.
    fn verifier(&self, folder: &str) -> String {
        let key = self.file(folder).join("signing.key");
        let key = std::fs::read_to_string(key).unwrap();
        tlog::SignerKey::parse(key.trim_end()).unwrap().verifier().to_string()
    }

    fn admin(&self) -> Client {
        self.server.admin()
    }

    /// Adds an application where it is not there yet, and returns a client of it.
    fn application(&self, slug: &str) -> Client {
        let added = self.admin().post("/api/v1/apps", &json!({"application": slug}));
        assert!([201, 409].contains(&added.status), "{added:?}");
        let token = match added.body["secretToken"].as_str() {
            Some(token) => token.to_owned(),
            None => return self.client(slug),
        };
        std::fs::write(self.file(&format!("{slug}.token")), &token).unwrap();
        self.client(slug)
    }

    fn client(&self, slug: &str) -> Client {
        let token = std::fs::read_to_string(self.file(&format!("{slug}.token"))).unwrap();
        Client::new(&format!("{}/apps/{slug}/scim/v2", self.server.url), &token)
    }

    /// Adds whom a command asks about.
    fn add(&self, slug: &str, path: &str, text: &str) {
        let (attribute, value) = text.split_once(':').unwrap_or(match path {
            "/Users" => ("userName", text),
            _ => ("displayName", text),
        });
        let mut body = if path == "/Users" { user(value) } else { group(value) };
        body[attribute] = value.into();
        let added = self.application(slug).post(path, &body);
        assert!([201, 409].contains(&added.status), "{added:?}");
    }

    /// Sees to it that there is what a parameter names.
    fn prepare(&self, slug: &str, parameter: &Parameter, value: &str) {
        match &parameter.kind {
            Kind::App => drop(self.application(value)),
            Kind::Text if parameter.name == "job" => drop(self.application(value)),
            Kind::User | Kind::Resource => self.add(slug, "/Users", value),
            Kind::Group => self.add(slug, "/Groups", value),
            Kind::Groups => value.split(',').for_each(|one| self.add(slug, "/Groups", one)),
            Kind::ListName => {
                let path = format!("/api/v1/reference-lists?name={value}");
                let rows = b"userName,terminatedAt\nmira.lund@fjord.example,2026-01-31T17:00:00Z\n";
                assert_eq!(self.admin().send("POST", &path, &[], rows).unwrap().status, 201);
            }
            _ => {}
        }
    }

    /// Sees to it that there is what a command asks about.
    fn prepare_question(&self, one: &[&'static Described], words: &[String]) {
        let of_flag = |flag: &str| {
            let flag = flag.strip_prefix("--")?;
            let mut parameters = one.iter().flat_map(|one| &one.parameters);
            parameters.find(|parameter| parameter.name == flag)
        };
        let mut positional = one[0].parameters.iter().filter(|parameter| {
            let names_one = one[0].path.ends_with(&format!("{{{}}}", parameter.name));
            parameter.place == Place::Path
                && (parameter.kind != Kind::App || names_one)
                && !one[0].flags.contains(&parameter.name)
        });
        let mut pairs = vec![];
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match of_flag(word) {
                Some(parameter) if parameter.kind == Kind::Flag => {}
                Some(parameter) => pairs.extend(words.next().map(|value| (parameter, value))),
                // `--limit`, `--all` and what all commands take have nothing to prepare.
                None if word.starts_with('-') => {}
                None => pairs.extend(positional.next().map(|parameter| (parameter, word))),
            }
        }
        let slug = pairs.iter().find(|(parameter, _)| parameter.kind == Kind::App);
        let slug = slug.map_or("paperboat", |(_, value)| value.as_str());
        for (parameter, value) in &pairs {
            self.prepare(slug, parameter, value);
        }
    }

    /// A command as it is run: with what its words in capitals stand for, and what it asks about there.
    fn prepared(&mut self, page: &str, block: &Block, command: &str) -> String {
        let slug = format!("app-{}", block.line);
        let mut words = split(command);
        if words.iter().any(|word| word == "SLUG") {
            let adds = |command: &String| command.starts_with("provlog app add SLUG");
            if !block.commands().iter().any(adds) {
                self.application(&slug);
            }
        }
        let issued = ["ID", "id"].map(|name| words.iter().any(|word| word == name));
        let id = issued.contains(&true).then(|| {
            let issued = self.admin().post("/api/v1/tokens", &json!({"role": "auditor"}));
            issued.body["id"].as_str().unwrap().to_owned()
        });
        let behind = match self.behind.take().filter(|(line, _)| *line == block.line) {
            Some((_, behind)) => behind,
            None => self.upstream.add_app(&slug),
        };
        std::fs::write(self.file("app.token"), &behind.token).unwrap();
        self.behind = Some((block.line, behind.clone()));
        let certificate = Certificate::issue(self.folder.path());
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        // A number of an event is another one here.
        let told = ["operation", "evidence", "proof"]
            .iter()
            .any(|name| words.iter().any(|word| word == name));
        self.add("paperboat", "/Users", "mira.lund@fjord.example");
        if words.iter().any(|word| word == "bundle") {
            self.add("paperboat", "/Groups", "Finance");
        }
        let seq = self.admin().rows("/api/v1/operations?app=paperboat")[0]["seq"].to_string();
        let of_subject = words.iter().any(|word| word == "subject");
        let is_of_proof = words.iter().any(|word| word == "PROOF");
        for word in &mut words {
            *word = match word.as_str() {
                "SLUG" => slug.clone(),
                "APP" => "paperboat".to_owned(),
                "NAME" => "generic".to_owned(),
                "USER" => "mira.lund@fjord.example".to_owned(),
                "GROUP" => "Finance".to_owned(),
                "ROLE" => "auditor".to_owned(),
                "DATE" => "2026-03-31".to_owned(),
                "ID" => id.clone().unwrap_or_default(),
                "DATA" | "DIR" => path(&self.file("offline")),
                "NEW" => path(&self.file("new")),
                "FILE" => path(&self.file("hr.csv")),
                "CHECKPOINT" => path(&self.checkpoint()),
                "VKEY" => self.verifier(if is_of_proof { "data" } else { "offline" }),
                "PROOF" => path(&self.proof(&seq)),
                "https://app.example/scim/v2" => behind.base().to_owned(),
                "/var/lib/provlog/app.token" => path(&self.file("app.token")),
                "0.0.0.0:8080" | "0.0.0.0:8090" | "0.0.0.0:8443" => "127.0.0.1:0".to_owned(),
                "/etc/provlog/tls.crt" => path(&certificate.file),
                "/etc/provlog/tls.key" => path(&certificate.key),
                // So is the number of somebody, who is erased only once.
                number if of_subject && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                    self.mention()
                }
                number if told && number.bytes().all(|byte| byte.is_ascii_digit()) => seq.clone(),
                other => other.replace("http://127.0.0.1:8080", &self.server.url),
            };
            let is_placeholder = word.len() > 1
                && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            assert!(!is_placeholder, "{page}: `{command}`: nobody says what {word} stands for");
        }
        if words[0] == "provlog" {
            let one = described(&words[1..]);
            if let Some((count, one)) = one {
                self.prepare_question(&one, &words[1 + count..]);
            } else if let ["import", "--app", slug, ..] | ["app", "rotate", slug] =
                words[1..].iter().map(String::as_str).collect::<Vec<_>>()[..]
            {
                self.application(slug);
            } else if let ["export", question, ..] =
                words[1..].iter().map(String::as_str).collect::<Vec<_>>()[..]
            {
                let names: Vec<&str> = question.split(['/', '?']).collect();
                for pair in names.windows(2) {
                    match pair {
                        ["apps", slug] => drop(self.application(slug)),
                        ["users", name] => self.add(names[1], "/Users", name),
                        ["groups", name] => self.add(names[1], "/Groups", name),
                        _ => {}
                    }
                }
            }
        }
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn bash(&self, line: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_provlog")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", line]).current_dir(self.folder.path());
        for (name, _) in provlog().get_envs() {
            command.env_remove(name);
        }
        command.env("PATH", path).env("PROVLOG_SERVER", &self.server.url);
        command.env("PROVLOG_TOKEN_FILE", self.file("data/admin.token"));
        command.env("PROVLOG_UPSTREAM_SECRETS", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Starts a server as a page says, until it is ready, and stops it.
    fn serve(&self, page: &str, line: &str) {
        let mut command = self.bash(&format!("exec {line}"));
        command.env("PROVLOG_DATA", self.file("served"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().is_ok());
        let output = child.wait_with_output().unwrap();
        assert!(ready.starts_with(READY), "{page}: {line}: {output:?}");
        assert!(output.status.success(), "{page}: {line}: {output:?}");
    }

    /// Runs the commands of a block; what does not work.
    fn run(&mut self, page: &Page, block: &Block) -> Vec<String> {
        let mut wrong = vec![];
        let mut before = String::new();
        for command in block.commands() {
            let at = format!("{}:{}: {command}", page.name, block.line);
            if is_elsewhere(&command) {
                continue;
            }
            // It holds for the commands below.
            if command.starts_with("export ") {
                before.push_str(&format!("{command}; "));
                continue;
            }
            let known = command.starts_with("provlog ") || command.starts_with("curl ");
            assert!(known, "{at}: nobody says how it is run");
            let line = self.prepared(&page.name, block, &command);
            if ["provlog serve ", "provlog witness serve "]
                .iter()
                .any(|one| command.starts_with(one))
            {
                self.serve(&at, &line);
                continue;
            }
            // So that a refusal ends the command, too.
            let line = match line.strip_prefix("'curl' ") {
                Some(rest) => format!("curl --silent --show-error --fail-with-body {rest}"),
                None => line,
            };
            let output = run(&mut self.bash(&format!("{before}{line}")));
            if !output.status.success() {
                wrong.push(format!("{at}\n{line}\n{}", told(&output)));
            }
        }
        wrong
    }

    /// Reads a block that is a file.
    fn read(&self, page: &Page, block: &Block, reader: Reader) {
        let at = format!("{}:{}", page.name, block.line);
        let text = block.lines.join("\n") + "\n";
        let folder = self.file("read");
        std::fs::create_dir_all(&folder).unwrap();
        let serve = |flag: &str| {
            let line = format!("provlog serve --listen 127.0.0.1:0 {flag} {}", folder.display());
            self.serve(&at, &line);
        };
        match reader {
            Reader::Settings => {
                let file = self.file("provlog.toml");
                std::fs::write(&file, &text).unwrap();
                let line = format!("provlog config check --config {}", file.display());
                let output = run(&mut self.bash(&line));
                assert!(output.status.success(), "{at}\n{}", told(&output));
            }
            Reader::Profile => {
                let name = text.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
                let name = name.trim_end_matches('"');
                std::fs::write(folder.join(format!("{name}.toml")), &text).unwrap();
                serve("--profiles");
            }
            Reader::Schema => {
                std::fs::write(folder.join("schema.json"), &text).unwrap();
                serve("--schemas");
            }
            Reader::Answer => {
                let client = self.application("paperboat");
                let ids = ["ana", "bo"].map(|name| client.post("/Users", &user(name)).id());
                let mut crew = group("Crew");
                crew["members"] = ids.iter().map(|id| json!({"value": id})).collect();
                assert_eq!(client.post("/Groups", &crew).status, 201);
                let shown: Value = serde_json::from_str(&text).unwrap();
                // The first of two pages of members, which the page shows.
                let path = "/api/v1/apps/paperboat/groups/displayName:Crew/members?limit=1";
                let answer = self.admin().get(path).body;
                for (name, value) in shown.as_object().unwrap() {
                    let same = match (value, &answer[name]) {
                        (Value::Object(shown), Value::Object(answered)) => {
                            shown.keys().all(|name| answered.contains_key(name))
                        }
                        (_, Value::Null) => false,
                        (one, other) => {
                            std::mem::discriminant(one) == std::mem::discriminant(other)
                        }
                    };
                    assert!(same, "{at}: `{name}` is {}", answer[name]);
                }
            }
            Reader::GraphFilters => {
                for line in &block.lines {
                    let path = "/v1.0/auditLogs/provisioning?$filter=";
                    let answer = self.admin().get(&format!("{path}{}", encoded(line)));
                    assert_eq!(answer.status, 200, "{at}: {line}: {}", answer.text);
                }
            }
        }
    }
}

fn all_right(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// The words of a line, without their quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for char in line.chars() {
        match (quote, char) {
            (Some(open), char) if open == char => quote = None,
            (None, '"' | '\'') => quote = Some(char),
            (None, ' ') => words.push(String::new()),
            (_, char) => words.last_mut().unwrap().push(char),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A word as the shell takes it; what it is to fill in stays.
fn quoted(word: &str) -> String {
    match word.contains("$(") {
        true => format!("\"{word}\""),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn is_elsewhere(command: &str) -> bool {
    let first = command.split("&&").next().unwrap_or_default().trim();
    ELSEWHERE.iter().any(|(start, ..)| first.starts_with(start))
}

/// The questions that a command asks, and of how many words its name is.
fn described(words: &[String]) -> Option<(usize, Vec<&'static Described>)> {
    [2, 1].into_iter().find_map(|count| {
        let name = words.get(..count)?.join(" ");
        let found: Vec<_> = answers::all().iter().filter(|one| one.name == name).collect();
        (!found.is_empty()).then_some((count, found))
    })
}

#[test]
fn every_command_of_a_page_works_and_every_file_is_read() {
    let (mut commands, mut wrong) = (0, vec![]);
    let mut read = BTreeSet::new();
    for page in pages::all() {
        let mut shell = None;
        for block in &page.blocks {
            commands += block.commands().len();
            let reader = FILES.iter().find(|(name, language, _)| {
                *name == page.name && *language == block.language && block.commands().is_empty()
            });
            let is_file = ["toml", "json"].contains(&block.language.as_str());
            match reader {
                Some((name, _, reader)) => {
                    read.insert(*name);
                    shell.get_or_insert_with(Shell::new).read(&page, block, *reader);
                }
                None if is_file => panic!("{}:{}: nobody reads it", page.name, block.line),
                None if block.commands().is_empty() => {}
                None => wrong.extend(shell.get_or_insert_with(Shell::new).run(&page, block)),
            }
        }
    }
    assert!(commands > 25, "{commands}");
    assert_eq!(read.len(), FILES.len(), "{read:?}");
    all_right(wrong);
}

#[test]
fn what_is_run_elsewhere_is_run_there() {
    for (command, script, words) in ELSEWHERE {
        let text = std::fs::read_to_string(pages::top().join(script)).unwrap();
        assert!(text.contains(words), "{script} does not run {command}");
    }
}

/// What a command prints as its help.
fn help(words: &[&str]) -> Option<String> {
    let output = run(provlog().args(words).arg("--help"));
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// Checks a command that is only named: whether there is one, with these flags. What it needs may be left
/// out.
fn check_named(span: &str) -> Result<(), String> {
    let words = split(span);
    let name: Vec<&str> = words[1..]
        .iter()
        .map(String::as_str)
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let name = if name.first() == Some(&"help") { &name[1..] } else { &name[..] };
    let Some(help) = help(name) else {
        return Err(format!("there is no command `{}`", name.join(" ")));
    };
    for word in words.iter().filter(|word| word.starts_with("--")) {
        let flag: String =
            word.chars().take_while(|char| char.is_ascii_lowercase() || *char == '-').collect();
        let is_there = [' ', '\n'].iter().any(|end| help.contains(&format!("{flag}{end}")));
        if !is_there {
            return Err(format!("`{}` has no flag {flag}", name.join(" ")));
        }
    }
    Ok(())
}

#[test]
fn every_command_that_is_named_is_there_with_its_flags() {
    let mut named = BTreeSet::new();
    for page in pages::all() {
        for (line, span) in &page.spans {
            if span.starts_with("provlog ") && !span.contains('…') {
                named.insert((format!("{}:{line}", page.name), span.clone()));
            }
        }
    }
    // What commands say themselves, and what is said of them.
    let top = pages::top();
    let sources = pages::files(&top.join("crates"), &|path| {
        path.extension().is_some_and(|end| end == "rs" || end == "toml")
    });
    for path in sources {
        for (place, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            for span in pages::spans(line).filter(|span| span.starts_with("provlog ")) {
                named.insert((format!("{}:{}", path.display(), place + 1), span));
            }
        }
    }
    assert!(named.len() > 30, "{named:?}");
    let wrong = named.iter().filter_map(|(at, span)| {
        // What the server prints begins with its name, too.
        let error = check_named(span).err().filter(|_| !span.starts_with(READY))?;
        Some(format!("{at}: `{span}`: {error}"))
    });
    all_right(wrong.collect());
}

/// The names and the query of an address as pages write it.
fn is_described(method: &str, address: &str) -> bool {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template["/api/v1".len()..].split('/').collect();
        template.len() == segments.len()
            && template
                .iter()
                .zip(&segments)
                .all(|(one, other)| one == other || (one.starts_with('{') && !other.is_empty()))
    };
    let takes = |parameters: &[Parameter]| {
        let names = query.split('&').filter_map(|pair| pair.split('=').next());
        names
            .filter(|name| !name.is_empty())
            .all(|name| parameters.iter().any(|one| one.name == name && one.place != Place::Path))
    };
    let questions = answers::all().iter().filter(|_| ["", "GET"].contains(&method));
    let mut questions = questions.map(|one| (one.path, &one.parameters));
    let acts = answers::act::acts().iter();
    let mut acts = acts
        .filter(|one| method.is_empty() || one.method.name() == method)
        .map(|one| (one.path, &one.parameters));
    let fits = |(path, parameters): (&str, &Vec<Parameter>)| fits(path) && takes(parameters);
    questions.any(fits) || acts.any(fits)
}

/// Where addresses begin.
const ROOTS: [&str; 2] = ["/api/v1", "/openapi.json"];

#[test]
fn every_address_of_a_page_is_described_with_its_parameters() {
    let (mut count, mut wrong) = (0, vec![]);
    for page in pages::all().iter().filter(|page| page.name.starts_with("docs/")) {
        for (line, span) in &page.spans {
            let (method, address) = match span.split_once(' ') {
                Some((method @ ("GET" | "POST" | "PATCH" | "DELETE"), rest)) => (method, rest),
                _ => ("", span.as_str()),
            };
            let is_ours = address.starts_with("/api/v1/")
                || (page.name == "docs/answers.md" && address.starts_with('/'));
            if !is_ours || ROOTS.contains(&address) || address.contains(['…', ' ']) {
                continue;
            }
            count += 1;
            if !is_described(method, address) {
                wrong.push(format!("{}:{line}: `{span}`", page.name));
            }
        }
    }
    assert!(count > 60, "{count}");
    all_right(wrong);
}
