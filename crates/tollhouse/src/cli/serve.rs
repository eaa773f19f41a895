//! `tollhouse serve` and `tollhouse demo`: what runs until it is told to end.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::Out;
use crate::config::Config;
use crate::demo;
use crate::serve::Roles;

/// Where the demo's pages are when nothing else is said: the same place as a real installation's.
const DEMO_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Without pages for people any free port will do.
const HEADLESS_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Run only this part, more than one if you like, to split the work over processes
    #[arg(long, value_name = "PART", value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Payment notifications and buyers' pages
    Http,
    /// Invites, removals, invoices, messages
    Worker,
    /// What people write to the bot, and requests to join
    Bot,
    /// The search for notifications that never came
    Reconcile,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Play the incidents without waiting for anybody, print a timeline, and end with 0 only if everything came out as promised
    #[arg(long)]
    headless: bool,
    /// Where the pages are [default: 127.0.0.1:8080; with --headless any free port]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Serves until the process is told to end.
pub(super) async fn serve(config: Config, args: &ServeArgs) -> Result<(), CliError> {
    Ok(crate::serve::run(config, roles(&args.only)).await?)
}

fn roles(only: &[Part]) -> Roles {
    if only.is_empty() {
        return Roles::all();
    }
    let has = |part| only.contains(&part);
    Roles {
        http: has(Part::Http),
        worker: has(Part::Worker),
        bot: has(Part::Bot),
        reconcile: has(Part::Reconcile),
    }
}

/// Shows the product; fails if it did not do what it promises.
pub(super) async fn demo(out: &Out, args: DemoArgs) -> Result<ExitCode, CliError> {
    let default = if args.headless { HEADLESS_LISTEN } else { DEMO_LISTEN };
    let options = demo::Options { headless: args.headless, listen: args.listen.unwrap_or(default) };
    let as_promised = if options.headless && out.is_for_programs() {
        match demo::play(options.listen).await? {
            None => false,
            Some(told) => {
                out.answer(&told, |_| String::new())?;
                told.as_promised
            }
        }
    } else {
        demo::run(options).await?
    };
    Ok(if as_promised { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_only_everything_runs_and_with_it_nothing_else() {
        assert_eq!(roles(&[]), Roles::all());
        let split = Roles { http: true, worker: false, bot: true, reconcile: false };
        assert_eq!(roles(&[Part::Http, Part::Bot]), split);
        let alone = Roles { http: false, worker: false, bot: false, reconcile: true };
        assert_eq!(roles(&[Part::Reconcile]), alone);
    }
}
