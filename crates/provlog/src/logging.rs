//! Writes log lines to stderr, and panics as log lines.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What writes every byte that a client of ours sends and gets, secrets too.
const SECRETIVE: [&str; 1] = ["ureq_proto::util"];

/// The filter that these directives describe, without the lines that would hold secrets.
///
/// # Errors
/// When a directive is not valid.
pub(crate) fn filter(directives: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::builder().parse(directives).map_err(|error| error.to_string())?;
    SECRETIVE.iter().try_fold(filter, |filter, target| {
        let never = format!("{target}=off").parse().map_err(|error| format!("{error}"))?;
        Ok(filter.add_directive(never))
    })
}

/// Sets up log lines for the whole process.
///
/// # Errors
/// When a directive is not valid.
pub(crate) fn init(directives: &str, format: LogFormat) -> Result<(), String> {
    let filter = filter(directives)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.map_err(|error| error.to_string())?;
    // A panic's message may quote personal data, so only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directive_writes_what_clients_send_and_get() {
        for directives in ["trace", "ureq_proto=trace", "ureq_proto::util=trace", "info"] {
            let lines = tracing_subscriber::fmt().with_env_filter(filter(directives).unwrap());
            tracing::subscriber::with_default(lines.finish(), || {
                let is_written =
                    tracing::enabled!(target: "ureq_proto::util", tracing::Level::TRACE);
                assert!(!is_written, "{directives}");
            });
        }
        let lines = tracing_subscriber::fmt().with_env_filter(filter("trace").unwrap());
        tracing::subscriber::with_default(lines.finish(), || {
            assert!(tracing::enabled!(target: "ureq::run", tracing::Level::TRACE));
        });
    }
}
