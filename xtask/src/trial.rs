//! `cargo xtask crash` and `cargo xtask failover`: the program as it is shipped, killed and cut off under load for as long as one asks; and
//! `cargo xtask sim`, which is a program of its own.
//!
//! The trials are tests of `crates/tollhouse/tests/crash`, which run short with all the others. Here they run long, on an optimised build
//! of the program, and end with one line that says what held.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::postgres::{self, Cluster, Durability};
use crate::{process, repository};

/// Names the program under trial to the tests.
const PROGRAM_VARIABLE: &str = "TOLLHOUSE_TEST_PROGRAM";
/// Where the tests leave their closing line.
const REPORT_VARIABLE: &str = "TOLLHOUSE_TEST_REPORT";
const ROUNDS_VARIABLE: &str = "TOLLHOUSE_TEST_ROUNDS";
const SEED_VARIABLE: &str = "TOLLHOUSE_TEST_SEED";

#[derive(Args)]
pub(crate) struct CrashOptions {
    /// How often the program is killed on each engine; a round takes about a second
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Picks the moments, the buyers and the order of what is sent
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Kills the program over and over on SQLite and on PostgreSQL.
pub(crate) fn crash(options: &CrashOptions) -> Result<()> {
    postgres::ensure_programs()?;
    let folder = tempfile::tempdir().context("no folder for the server's log")?;
    let cluster = Cluster::start(&env::temp_dir(), Durability::Disk, &folder.path().join("postgresql.log"))?;
    run("rounds::many_rounds", |test| {
        test.env(postgres::URL_VARIABLE, cluster.url());
        test.env(ROUNDS_VARIABLE, options.rounds.to_string()).env(SEED_VARIABLE, options.seed.to_string());
    })
}

/// Kills a primary under three processes, lets its standby take over, and replaces the processes one by one.
pub(crate) fn failover() -> Result<()> {
    postgres::ensure_programs()?;
    run("failover::long_failover", |_| {})
}

/// Runs the simulator, optimised.
pub(crate) fn simulate(arguments: &[String]) -> Result<()> {
    let mut simulator = Command::new("cargo");
    simulator.current_dir(repository()).args([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "tollhouse-sim",
        "--",
    ]);
    process::run(simulator.args(arguments))
}

fn run(test: &str, set: impl FnOnce(&mut Command)) -> Result<()> {
    println!("Building the program with optimisations");
    let build = ["build", "--quiet", "--release", "--locked", "--package", "tollhouse"];
    process::run(Command::new("cargo").current_dir(repository()).args(build))?;
    let target = env::current_exe().context("where am I?")?;
    // We run from a folder of cargo's target folder, beside which it has just put the program.
    let target = target.ancestors().nth(2).context("no target folder")?;
    let folder = tempfile::tempdir().context("no folder for the report")?;
    let report = folder.path().join("report");
    let mut tests = Command::new("cargo");
    tests
        .current_dir(repository())
        .args(["test", "--quiet", "--locked", "--workspace", "--all-features", "--test", "crash"])
        .args(["--", "--ignored", "--exact", test, "--nocapture"])
        .env(PROGRAM_VARIABLE, target.join("release/tollhouse"))
        .env(REPORT_VARIABLE, &report);
    set(&mut tests);
    process::run(&mut tests)?;
    print!("{}", fs::read_to_string(report).context("the trial left no report")?);
    Ok(())
}
