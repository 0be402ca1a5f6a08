use crate::config::{ConfigError, LogFormat};
use std::io::{self, IsTerminal as _};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What a filter looks like.
pub(crate) const FILTER: &str = "a level (error, warn, info, debug, trace) or a filter like info,relayer_engine=debug";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads a filter: levels, and levels of parts of the program. The library would take a misspelt level for a part.
pub(crate) fn filter(text: &str) -> Option<Targets> {
    let fits = |directive: &str| directive.rsplit('=').next().is_some_and(|level| LEVELS.contains(&level));
    text.split(',').all(fits).then(|| text.parse().ok())?
}

/// Sends log lines to standard error.
///
/// # Errors
/// When `level` is no filter.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), ConfigError> {
    let filter =
        filter(level).ok_or_else(|| ConfigError::one("command line", "--log-level", FILTER, format!("{level:?}")))?;
    // Colours are for people: not for a file or a pipe, and not for who asked for none (no-color.org).
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colours);
    let registry = tracing_subscriber::registry().with(filter);
    // Whoever has set up logging before, a test, keeps it.
    let _ = match format {
        LogFormat::Text => registry.with(lines.with_target(true)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for good in ["info", "debug,hyper=warn", "relayer_engine=trace"] {
            assert!(filter(good).is_some(), "{good}");
        }
        for bad in ["", "loud", "info,", "relayer_engine=loud", "relayer_engine"] {
            assert!(filter(bad).is_none(), "{bad:?}");
        }
    }
}
