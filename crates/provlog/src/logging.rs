//! Log lines on stderr, and panics as log lines.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Which log lines the directives mean.
///
/// # Errors
/// When they cannot be understood.
pub(crate) fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(directives).map_err(|error| error.to_string())
}

/// Sets the log lines up for the whole process.
///
/// # Errors
/// When the directives cannot be understood.
pub(crate) fn init(directives: &str, format: LogFormat) -> Result<(), String> {
    let filter = filter(directives)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.map_err(|error| error.to_string())?;
    // A panic's message may quote what was being worked on, which may be a person's: only the place
    // is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}
