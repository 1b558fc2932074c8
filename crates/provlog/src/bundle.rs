//! Bundles of a running server: files from which anybody derives an answer offline.

use std::path::PathBuf;

use answers::act::{Act as _, MadeBundle, MakeBundle};
use evidence::bundle::Kind;

use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::questions::told;

/// What a bundle is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct BundleArgs {
    /// What is asked: users, members, groups, user, operation, why
    #[arg(value_parser = kind)]
    kind: Kind,
    /// Who or what it is about: a group, a user or an operation; by id or name. Nothing for `users`
    subject: Option<String>,
    /// The application's name in addresses
    #[arg(long)]
    app: String,
    /// The instant, which is past: 2026-03-31T17:00:00Z, 2026-03-31 (its last instant), -90d; without it, the
    /// last event
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// Also show the recorded values of the user, or the parts of the operation
    #[arg(long)]
    values: bool,
    /// Write it to this file, which must not exist; without it, print it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    client: ClientConfig,
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::of_name(word).ok_or_else(|| {
        let words: Vec<&str> = Kind::ALL.into_iter().map(Kind::name).collect();
        format!("one of {}", words.join(", "))
    })
}

/// Asks for a bundle, and prints or writes it.
pub(crate) fn bundle(args: &BundleArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let address =
        MakeBundle::PATH.replace("{app}", &encoded(&args.app)).replace("{kind}", args.kind.name());
    let subject = args.subject.as_deref().map(|subject| named(args.kind, subject));
    let given = [("subject", subject), ("at", args.at.clone())];
    let given = given.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let mut pairs: Vec<String> =
        given.map(|(name, text)| format!("{name}={}", encoded(&text))).collect();
    if args.values {
        pairs.push("values=true".to_owned());
    }
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    let answer = Client::new(&args.client)?.get(&format!("{address}{query}"))?;
    let Some(out) = &args.out else {
        return output.print(&told(&args.client, answer, |made: MadeBundle| made.bundle)?);
    };
    let made: MadeBundle = serde_json::from_value(answer.into())
        .map_err(|error| Failure::Failed(format!("the server answered something else: {error}")))?;
    let failed = |error| Failure::Failed(format!("cannot write {}: {error}", out.display()));
    let mut file = std::fs::File::create_new(out).map_err(failed)?;
    std::io::Write::write_all(&mut file, made.bundle.as_bytes()).map_err(failed)?;
    output.print(&format!("{}\n", out.display()))
}

/// A name on the command line, as the server takes it: another text than an id or `attribute:name` is a
/// displayName of a group, or a userName.
fn named(kind: Kind, text: &str) -> String {
    let attribute = match kind {
        Kind::Members => "displayName",
        Kind::Groups | Kind::User | Kind::Why => "userName",
        Kind::Users | Kind::Operation => return text.to_owned(),
    };
    let is_named =
        ["userName:", "externalId:", "displayName:"].iter().any(|prefix| text.starts_with(prefix));
    let is_id =
        text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_named || is_id { text.to_owned() } else { format!("{attribute}:{text}") }
}
