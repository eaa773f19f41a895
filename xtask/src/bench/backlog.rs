//! `bench backlog`: a hundred thousand notifications that the provider has kept back come at once. How fast they are taken in, compared with
//! a steady load in the same run; how much memory that takes; and that none is lost: the program is killed right after the last answer,
//! started again and sent all of them once more, and must know every one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::ingest::{self, SECRET, Stand, Target};
use super::loadgen::{self, Summary};
use super::notification::Mix;
use super::server::Server;

/// Far from each other: what comes at once, and what is sent steadily.
const STORM_FIRST_ID: u64 = 7_000_000_000;
const STEADY_FIRST_ID: u64 = 6_000_000_000;
/// More than any target takes a second.
const STEADY_SUPPLY_PER_SECOND: f64 = 60_000.0;
/// The storm ends when everything was sent, long before that.
const STORM_SECONDS_MAX: f64 = 300.0;

/// `bench backlog`: how many, on what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many notifications come at once
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// On so many connections
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Length of the steady load
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// On what
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    targets: Vec<Target>,
    /// Where the databases are made, in a folder that is removed at the end; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What was measured on one engine.
#[derive(Debug, Serialize)]
struct Measured {
    target: Target,
    count: u64,
    steady_per_second: f64,
    storm_per_second: f64,
    peak_kib: u64,
    /// Of those that were answered 200, not known after the kill.
    lost: u64,
}

/// Runs the benchmark, prints its table and writes `target/bench/backlog.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let results = ingest::prepare(&options.folder)?;
    let mut measured = Vec::new();
    for &target in &options.targets {
        if target != Target::NoStore {
            measured.push(measure(options, target, &results)?);
        }
    }
    fs::write(results.join("backlog.json"), serde_json::to_string_pretty(&measured)?)?;
    println!(
        "\n| store | at once | steady/s | backlog/s | of steady | peak MB | lost |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    for one in &measured {
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.2} | {:.1} | {} |",
            one.target.name(),
            one.count,
            one.steady_per_second,
            one.storm_per_second,
            one.storm_per_second / one.steady_per_second,
            one.peak_kib as f64 * 1024.0 / 1e6,
            one.lost
        );
    }
    ensure!(measured.iter().all(|one| one.lost == 0), "notifications were lost");
    Ok(())
}

fn measure(options: &Options, target: Target, results: &Path) -> Result<Measured> {
    let stand = Stand::new(&options.folder, "backlog", target, results)?;
    let (environment, log) = (&stand.environment, &stand.log);
    let server = Server::start(&mut environment.command(target.command()), log)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred thousand")]
    let supply = (options.seconds * STEADY_SUPPLY_PER_SECOND) as usize;
    let steady = load(options, &server, STEADY_FIRST_ID, supply, options.seconds)?;
    let storm = load(options, &server, STORM_FIRST_ID, options.count, STORM_SECONDS_MAX)?;
    let peak_kib = server.memory()?.peak_kib;
    // Killed, not stopped.
    drop(server);
    let server = Server::start(&mut environment.command(target.command()), log)?;
    let again = load(options, &server, STORM_FIRST_ID, options.count, STORM_SECONDS_MAX)?;
    server.stop()?;
    ensure!(
        again.ok_with_warmup == options.count as u64 && storm.ok_with_warmup == options.count as u64,
        "{} of {} were answered 200, and {} the second time",
        storm.ok_with_warmup,
        options.count,
        again.ok_with_warmup
    );
    Ok(Measured {
        target,
        count: storm.ok_with_warmup,
        steady_per_second: steady.ok_per_second,
        storm_per_second: storm.ok_per_second,
        peak_kib,
        lost: again.applied,
    })
}

fn load(options: &Options, server: &Server, first_id: u64, supply: usize, seconds: f64) -> Result<Summary> {
    loadgen::load_from_outside(&loadgen::Options {
        address: server.address,
        connections: options.connections,
        warmup_seconds: 0.0,
        seconds,
        mix: Mix::Lifecycle,
        first_id,
        supply,
        secret: SECRET.into(),
    })
}
