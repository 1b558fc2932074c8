//! The demo: a company's history in a new log, five audit questions with their answers, and a server
//! for more.

mod stopped_clock;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use company::{Plan, Played, Reason, Why, answer, ask, table};
use event::{Clock, Stopwatch, Timestamp};
use indicatif::{ProgressBar, ProgressStyle};
use provlog::run::{Server, ServerConfig, shutdown_signal};
use store::with_causes;

/// A file that marks a folder as made by a demo, which may replace it.
const MARKER: &str = "made-by-demo";
const HOUR_US: i64 = 3_600_000_000;
/// People on the first day.
const HEADCOUNT: usize = 250;
/// The defaults of `provlog serve`.
const MEMTABLE_BYTES: usize = 64 << 20;
const DISK_RESERVE_BYTES: u64 = 512 << 20;

/// Plays an invented company's provisioning history into a new log, answers five questions of an
/// audit, and serves it until Ctrl-C.
#[derive(Parser, Debug)]
#[command(name = "demo", version, about, max_term_width = 100)]
struct Arguments {
    /// Length of the history; it ends with the last full hour
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(14..=365))]
    days: u32,
    /// Folder of the log; replaced when a demo made it
    #[arg(long, default_value = "demo-data")]
    data: PathBuf,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Another seed, another company
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Exit after the answers
    #[arg(long)]
    once: bool,
    /// Let the history end at this time, and serve with a clock that stands there; a line
    /// "clock +90m" on stdin moves it
    #[arg(long, value_name = "TIME", value_parser = stopped_clock::instant)]
    now: Option<Timestamp>,
}

/// Why the demo ends early: one line on stderr and the exit code.
enum Failure {
    /// The arguments cannot be used: 2.
    Wrong(String),
    /// It failed: 1.
    Failed(String),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = tracing::Level::WARN;
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
    let (message, code) = match run(&arguments) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Wrong(message)) => (message, 2),
        Err(Failure::Failed(message)) => (message, 1),
    };
    let _ = writeln!(io::stderr(), "demo: {message}");
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Before anything is replaced, so that a taken port changes nothing.
    let in_use = |error| Failure::Failed(format!("cannot listen on {}: {error}", arguments.listen));
    let listener = TcpListener::bind(arguments.listen).map_err(in_use)?;
    listener.set_nonblocking(true).map_err(in_use)?;
    let address = listener.local_addr().map_err(in_use)?;
    prepare(&arguments.data)?;

    let clock = arguments.now.map_or(Clock::System, Clock::manual);
    let now = clock.now();
    let end = Timestamp(now.0 - now.0.rem_euclid(HOUR_US));
    let (days, seed) = (arguments.days, arguments.seed);
    let plan = Plan { seed, days, end, headcount: HEADCOUNT };
    print(&format!(
        "Playing {days} days of an invented company into {} ...\n",
        arguments.data.display()
    ))?;
    let watch = Stopwatch::start();
    let mut bar = Progress::new();
    let played = company::play(&arguments.data, &plan, |done, total| bar.show(done, total));
    bar.end();
    let played = played.map_err(|error| Failure::Failed(with_causes(&error)))?;
    print(&format!(
        "{} SCIM requests for {} people and {} groups in 4 applications: {:.1} s\n",
        played.operation_count(),
        played.people,
        played.groups,
        watch.elapsed().as_secs_f64()
    ))?;

    let system = |error: io::Error| Failure::Failed(format!("cannot start: {error}"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(system)?;
    runtime.block_on(serve(arguments, listener, address, clock, played))
}

/// Creates the folder, or empties one that a demo made.
fn prepare(data: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::Failed(format!("cannot use {}: {error}", data.display()));
    let marker = data.join(MARKER);
    match fs::read_dir(data) {
        Ok(mut entries) => {
            if marker.exists() {
                if in_use(data) {
                    let data = data.display();
                    return Err(Failure::Failed(format!("another process has {data} open")));
                }
                fs::remove_dir_all(data).map_err(failed)?;
            } else if entries.next().is_some() {
                return Err(Failure::Wrong(format!(
                    "{} holds something that no demo made; name another folder with --data",
                    data.display()
                )));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(Failure::Wrong(format!("cannot use {}: {error}", data.display())));
        }
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
    fs::write(marker, "tools/demo made this folder and may replace it.\n").map_err(failed)
}

/// Whether a server still has the log of a folder open.
fn in_use(data: &Path) -> bool {
    let opened = store::Store::open_existing(data, &store::Options::default());
    matches!(opened, Err(store::StoreError::Locked { .. }))
}

async fn serve(
    arguments: &Arguments,
    listener: TcpListener,
    address: SocketAddr,
    clock: Clock,
    played: Played,
) -> Result<(), Failure> {
    let failed = |error: provlog::run::RunError| Failure::Failed(with_causes(&error));
    let url = format!("http://{address}");
    let (registry, profiles) = scim::Profiles::built_in();
    let server = Server::open(ServerConfig {
        pages: true,
        master: Default::default(),
        signing: provlog::signing::SigningKeys::default(),
        witnesses: vec![],
        witness_every: std::time::Duration::from_secs(60),
        sign_in: None,
        data: arguments.data.clone(),
        public_url: url.clone(),
        trusted_proxies: vec![],
        memtable_bytes: MEMTABLE_BYTES,
        registry,
        profiles,
        disk_reserve_bytes: DISK_RESERVE_BYTES,
        scrub_bytes_per_second: 0,
        clock: clock.clone(),
        accept_clock: false,
        clock_ahead_days_max: 365,
        upstream_secrets: None,
        read_back_after: vec![],
    });
    let server = server.await.map_err(failed)?;
    let signal = shutdown_signal().map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener)
        .map_err(|error| Failure::Failed(format!("cannot listen on {address}: {error}")))?;
    let (answered, once) = tokio::sync::oneshot::channel();
    let shutdown = async {
        tokio::select! {
            () = signal => {}
            Ok(()) = once => {}
        }
    };
    let (data, only_once) = (arguments.data.clone(), arguments.once);
    let talk = tokio::task::spawn_blocking(move || {
        let told = tell(&data, &url, &played, only_once);
        if only_once || told.is_err() {
            let _ = answered.send(());
        } else if matches!(clock, Clock::Manual(_)) {
            // A thread of its own: nothing waits for a line that never comes.
            std::thread::spawn(move || {
                stopped_clock::obey(&clock, io::stdin().lock(), io::stdout());
            });
        }
        told
    });
    server.serve(listener, None, shutdown).await;
    talk.await.map_err(|error| Failure::Failed(error.to_string()))?
}

/// Asks the questions and suggests what to try next.
fn tell(data: &Path, url: &str, played: &Played, once: bool) -> Result<(), Failure> {
    let path = data.join("admin.token");
    let token = fs::read_to_string(&path)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", path.display())))?;
    for (number, question) in (1..).zip(&played.questions) {
        print(&format!(
            "\n{number}. {}\n   {}\n\n$ {}\n{}",
            question.words,
            question.remark,
            typed(&question.command),
            ask(&question.command, url, token.trim_end(), &[])
        ))?;
    }
    tell_why(url, token.trim_end(), played)?;
    if once {
        return Ok(());
    }
    let link = answer(&["login-link".to_owned()], url, token.trim_end())
        .map_err(|refused| Failure::Failed(refused.printed))?;
    let link = link["url"].as_str().unwrap_or_default();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let program = std::env::current_exe().unwrap_or_default();
    let programs = program.parent().map(absolute).unwrap_or_default();
    print(&format!(
        "\nWhat to try next, in another terminal:\n\n\
         export PATH=\"{}:$PATH\" PROVLOG_SERVER={url} \\\n  PROVLOG_TOKEN_FILE=\"{}\"\n\
         provlog log --app howspace --status failure               # what was refused, and why\n\
         provlog members --app hootsuite Approvers                 # the same group today\n\
         provlog users --app jostle --active false --at -30d       # switched off a month ago\n\
         provlog log --app jostle --action create --to {}  # [what the profile does not expect]\n\
         provlog import --app howspace {}\n\
         provlog log --app howspace --source imported              # what the provider itself says\n\
         provlog report leavers --app hootsuite --from -30d        # whose accounts ended, and when\n\n\
         In a browser: open this link and press its button. It works once, within the hour.\n\n  \
         {link}\n\n\
         Serving on {url}. Ctrl-C stops the server; the log stays in {}.\n",
        programs.display(),
        absolute(&path).display(),
        played.tidied_at.to_utc().format("%Y-%m-%d"),
        absolute(&data.join("entra/howspace.ndjson")).display(),
        data.display()
    ))
}

/// Asks why accounts are inactive or were never created, before and after the import of the provider's
/// log.
fn tell_why(url: &str, token: &str, played: &Played) -> Result<(), Failure> {
    let is_off = |why: &&Why| matches!(why.expected, Reason::Off(_));
    let (off, passed_over): (Vec<&Why>, Vec<&Why>) = played.whys.iter().partition(is_off);
    let first = played.questions.len() + 1;
    let groups = [(off, played.off_at.as_str()), (passed_over, "")];
    for (number, (whys, off_at)) in (first..).zip(groups) {
        let Some(why) = whys.first() else { continue };
        let app = why.app.slug();
        match why.at {
            None => print(&format!(
                "\n{number}. Why were these {} accounts in {app} switched off on {off_at}?\n   \
                 The requests were the same, active=false: they tell what it can be, and the identity \
                 provider's log tells what it was.\n",
                whys.len()
            ))?,
            Some(at) => print(&format!(
                "\n{number}. Why did {} have no account in {app} on {at}?\n   \
                 That was years before there was a recorder: what was kept of the provider's log \
                 tells.\n",
                why.user_name
            ))?,
        }
        if why.at.is_none() {
            tell_answers(&whys, url, token)?;
        }
        let import = why.import();
        print(&format!("\n$ {}\n{}", typed(&import), ask(&import, url, token, &[])))?;
        tell_answers(&whys, url, token)?;
    }
    Ok(())
}

/// Asks, and prints short answers under the first command.
fn tell_answers(whys: &[&Why], url: &str, token: &str) -> Result<(), Failure> {
    let Some(first) = whys.first() else { return Ok(()) };
    let more = match whys.len() - 1 {
        0 => String::new(),
        others => format!("   # and {others} more"),
    };
    let answers = whys.iter().map(|why| answer(&why.command(), url, token));
    let answers = answers.collect::<Result<Vec<_>, company::Refused>>();
    let answers = answers.map_err(|refused| Failure::Failed(refused.printed))?;
    let answers: Vec<(&Why, &_)> = whys.iter().copied().zip(&answers).collect();
    print(&format!("\n$ {}{more}\n{}", typed(&first.command()), table(&answers)))
}

/// A command as one would type it.
fn typed(command: &[String]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._@:/".contains(&byte);
    let quoted = command.iter().map(|argument| {
        if argument.bytes().all(plain) { argument.clone() } else { format!("\"{argument}\"") }
    });
    format!("provlog {}", quoted.collect::<Vec<String>>().join(" "))
}

/// Prints to stdout; a closed pipe is not an error.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// The progress: a bar on a terminal, else a line for each quarter.
struct Progress {
    bar: Option<ProgressBar>,
    quarters: usize,
}

impl Progress {
    fn new() -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {wide_bar} {pos} of {len} requests");
            let bar = ProgressBar::new(0);
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar, quarters: 0 }
    }

    fn show(&mut self, done: usize, total: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            return;
        }
        let quarters = 4 * done / total.max(1);
        if quarters > self.quarters {
            self.quarters = quarters;
            let _ = writeln!(io::stderr(), "  {done} of {total} requests");
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
