//! Writes log lines to stderr, and panics as log lines.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// The filter that these directives describe.
///
/// # Errors
/// When a directive is not valid.
pub(crate) fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(directives).map_err(|error| error.to_string())
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
