//! `cargo xtask bench`: measurements of the program as it is shipped. They need heavier libraries and an optimised
//! build, so that a plain `cargo xtask` has only the door to them.

use anyhow::Result;

#[cfg(feature = "bench")]
mod access;
#[cfg(feature = "bench")]
mod backlog;
#[cfg(feature = "bench")]
mod browser;
#[cfg(feature = "bench")]
mod expiry;
#[cfg(feature = "bench")]
mod growth;
#[cfg(feature = "bench")]
mod ingest;
#[cfg(feature = "bench")]
pub(crate) mod loadgen;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod notification;
#[cfg(feature = "bench")]
mod pages;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod server;
#[cfg(feature = "bench")]
mod table;
#[cfg(feature = "bench")]
pub(crate) mod viewers;

/// Builds ourselves again, with optimisations and with the benchmarks, and becomes that program.
#[cfg(not(feature = "bench"))]
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    use std::os::unix::process::CommandExt;

    println!("Building the benchmarks with optimisations");
    let mut cargo = std::process::Command::new("cargo");
    cargo.current_dir(crate::repository());
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "xtask",
        "--features",
        "bench",
        "--",
        "bench",
    ]);
    let error = cargo.args(arguments).exec();
    Err(anyhow::Error::new(error).context("cannot start cargo"))
}

/// Runs the benchmark that the arguments name.
#[cfg(feature = "bench")]
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    use clap::Parser;

    #[derive(Parser)]
    #[command(
        name = "cargo xtask bench",
        about = "Measure the program; without a name everything, with one table of what is to be reached",
        disable_help_subcommand = true
    )]
    enum Benchmark {
        /// Requests per second and latency of the notification endpoint: without a store, with SQLite, with PostgreSQL
        Ingest(ingest::Options),
        /// What it costs on PostgreSQL to find the memberships that end, among few and among many
        Expiry(expiry::Options),
        /// What a notification costs in processor time among few and among very many memberships
        Growth(growth::Options),
        /// From a paid order to the call that makes its invite link, at a steady rate
        Access(access::Options),
        /// Very many notifications at once: how fast they are taken in, with how much memory, and that none is lost
        Backlog(backlog::Options),
        /// Open pages: how soon each is told, the memory of each, what it costs to draw one
        Pages(pages::Options),
        /// Only the table of what is to be reached, from what was measured last; a goal that is missed is told and fails nothing
        Table,
    }

    if arguments.is_empty() {
        return table::run();
    }
    let name = String::from("cargo xtask bench");
    match Benchmark::parse_from(std::iter::once(&name).chain(arguments)) {
        Benchmark::Ingest(options) => ingest::run(&options),
        Benchmark::Expiry(options) => expiry::run(&options),
        Benchmark::Growth(options) => growth::run(&options),
        Benchmark::Access(options) => access::run(&options),
        Benchmark::Backlog(options) => backlog::run(&options),
        Benchmark::Pages(options) => pages::run(&options),
        Benchmark::Table => table::tell(),
    }
}
