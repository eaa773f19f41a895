//! The log: on standard error, as the configuration says.

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::config::{Config, LogFormat};

/// What the configuration says when nobody said anything: right for a service, too much beside a one-line answer.
const SERVICE_DEFAULT: &str = "info";
/// What a command logs when nobody said anything.
const COMMAND_DEFAULT: &str = "warn";
/// The key by which somebody says something.
const KEY: &str = "TOLLHOUSE_LOG";
/// Beginnings of the names of our own crates.
const OURS: [&str; 2] = ["tollhouse", "nowpayments"];

/// Starts the log. A second start in one process changes nothing.
pub(super) fn start(config: &Config, is_service: bool, environment: &[(String, String)]) {
    let said = environment.iter().any(|(name, _)| name == KEY) || config.log != SERVICE_DEFAULT;
    let wanted = if is_service || said { config.log.as_str() } else { COMMAND_DEFAULT };
    let named = named_targets(wanted);
    // Below `info` some libraries tell all that passes through them: the database's every value, with invite links and the text of
    // notifications (S10). They do so only for somebody who names them.
    let quiet =
        filter_fn(move |about| *about.level() <= LevelFilter::INFO || speaks_freely(about.target(), &named))
            // It has no say in what the configuration leaves out: that is skipped before anybody is asked.
            .with_max_level_hint(LevelFilter::TRACE);
    let filter = EnvFilter::new(wanted).and(quiet);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(may_colour(&std::io::stderr()));
    // An error says that there is a log already.
    let _ = match config.log_format {
        LogFormat::Text => registry().with(layer.with_filter(filter)).try_init(),
        LogFormat::Json => registry().with(layer.json().flatten_event(true).with_filter(filter)).try_init(),
    };
}

/// Whether colours help whoever reads this: only on a terminal, and not if `NO_COLOR` says something (no-color.org). In a journal or a file
/// they are letters that no search finds its words between.
pub(crate) fn may_colour(out: &impl IsTerminal) -> bool {
    out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty())
}

/// The parts of the program that a filter speaks of by name: `tokio_postgres` in `info,tokio_postgres=debug`.
fn named_targets(filter: &str) -> Vec<String> {
    let target = |directive: &str| {
        let (target, _) = directive.split_once(['=', '['])?;
        Some(target.trim().to_owned()).filter(|target| !target.is_empty())
    };
    filter.split(',').filter_map(target).collect()
}

fn speaks_freely(target: &str, named: &[String]) -> bool {
    OURS.iter().any(|ours| target.starts_with(ours)) || named.iter().any(|named| target.starts_with(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_libraries_tell_details_only_when_they_are_named() {
        for (filter, target, freely) in [
            ("trace", "tollhouse::worker", true),
            ("trace", "tollhouse_store::queue", true),
            ("trace", "tokio_postgres::query", false),
            ("debug,tollhouse=trace", "hyper::proto", false),
            ("info,tokio_postgres=debug", "tokio_postgres::query", true),
            ("info, hyper[span]=debug", "hyper::proto", true),
        ] {
            assert_eq!(speaks_freely(target, &named_targets(filter)), freely, "{filter} {target}");
        }
    }
}
