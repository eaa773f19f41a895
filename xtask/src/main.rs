//! The developer's commands, run as `cargo xtask COMMAND`: what a person and the continuous integration both call,
//! so that a test passes in the one place if and only if it passes in the other.

mod bench;
mod cases;
mod chromium;
mod ci;
mod explore;
mod named;
mod packages;
mod postgres;
mod process;
mod screenshots;
mod steps;
mod test;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::packages::MissingTool;
use crate::process::Interrupted;
use crate::steps::Steps;

/// Exit code for a failed check.
const EXIT_FAILED: u8 = 1;
/// Exit code for "this machine lacks something that I may not install", as for bad usage.
const EXIT_BAD_USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer's commands", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make this machine able to run every test (PostgreSQL, Chromium), then run them
    Test {
        /// Run only tests whose name contains one of these; the required cases are then not checked
        filters: Vec<String>,
    },
    /// Everything that must hold before a change lands: format, lints, documentation, dependencies, tests
    Ci,
    /// Measure the program (`bench ingest`); builds with optimisations first
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to the benchmark; try `bench --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Change the inputs of the fuzzing tests' kept corpus at random, for so long
    Fuzz {
        /// How long each target is tried
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Only tests whose name contains this
        target: Option<String>,
    },
    /// Change the rules in crates/core, place by place, and see whether a test notices (needs cargo-mutants; takes hours)
    Mutants {
        /// Files, such as crates/core/src/money.rs; all if none is named
        files: Vec<String>,
    },
    /// Kill the program at random moments under load, on SQLite and on PostgreSQL, and check that nothing is lost
    Crash(trial::CrashOptions),
    /// Kill a PostgreSQL primary under three processes, promote its standby, replace the processes, and check that nothing is lost
    Failover,
    /// Run the simulator from many seeds, on an optimised build, and check every promise after every step
    #[command(disable_help_flag = true)]
    Sim {
        /// Passed on to the simulator; try `sim --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Write a picture of every state of the buyer's pages into a folder
    Screenshots {
        /// Where to
        #[arg(default_value = "target/screenshots")]
        folder: std::path::PathBuf,
    },
    /// Makes the load of a benchmark in a process of its own; started by `bench`
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    Loadgen(bench::loadgen::Options),
    /// Keeps pages open in a process of its own; started by `bench`
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    Viewers(bench::viewers::Options),
}

/// The folder of the workspace.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = process::watch_signals().and_then(|()| match arguments.command {
        Command::Test { filters } => Steps::report(|steps| test::run(&filters, steps)),
        Command::Ci => Steps::report(ci::run),
        Command::Fuzz { seconds, target } => explore::fuzz(seconds, target.as_deref()),
        Command::Mutants { files } => explore::mutants(&files),
        Command::Crash(options) => trial::crash(&options),
        Command::Failover => trial::failover(),
        Command::Sim { arguments } => trial::simulate(&arguments),
        Command::Screenshots { folder } => screenshots::run(&folder),
        Command::Bench { arguments } => bench::run(&arguments),
        #[cfg(feature = "bench")]
        Command::Loadgen(options) => bench::loadgen::run(&options),
        #[cfg(feature = "bench")]
        Command::Viewers(options) => bench::viewers::run(&options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
                interrupted.exit_code()
            } else if error.is::<MissingTool>() {
                EXIT_BAD_USAGE.into()
            } else {
                EXIT_FAILED.into()
            }
        }
    }
}
