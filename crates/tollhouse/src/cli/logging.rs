//! The log: on standard error, as the configuration says.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat};

/// What the configuration says when nobody said anything: right for a service, too much beside a one-line answer.
const SERVICE_DEFAULT: &str = "info";
/// What a command logs when nobody said anything.
const COMMAND_DEFAULT: &str = "warn";
/// The key by which somebody says something.
const KEY: &str = "TOLLHOUSE_LOG";

/// Starts the log. A second start in one process changes nothing.
pub(super) fn start(config: &Config, is_service: bool, environment: &[(String, String)]) {
    let said = environment.iter().any(|(name, _)| name == KEY) || config.log != SERVICE_DEFAULT;
    let wanted = if is_service || said { config.log.as_str() } else { COMMAND_DEFAULT };
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(wanted)).with_writer(std::io::stderr);
    // An error says that there is a log already.
    let _ = match config.log_format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    };
}
