//! `bench growth`: what a notification costs in processor time, the program's and its database's, among few memberships and among very many.
//!
//! The memberships are put into the database past the program, each with its grant and its job, before the load begins. Those who pay are
//! new members, whose numbers lie between the others'.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::ingest::{self, SECRET, Stand, Target};
use super::loadgen;
use super::notification::Mix;
use super::server::{self, Server};
use crate::{process, repository};

/// Far from the ids of the other benchmarks.
const FIRST_ID: u64 = 4_000_000_000;
/// More than any target takes a second.
const SUPPLY_PER_SECOND: f64 = 60_000.0;
/// Caches fill and plans are made before the measurement.
const WARM_UP_SECONDS: f64 = 3.0;

/// `bench growth`: among how many, on what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many memberships the databases hold, the fewest first
    #[arg(long, value_delimiter = ',', default_value = "10000,10000000", num_args = 1..)]
    sizes: Vec<u64>,
    /// On so many connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Length of each measurement
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// On what
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    targets: Vec<Target>,
    /// Where the databases are made, in a folder that is removed at the end; must be on a disk, with 30 GB free for ten million memberships
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What was measured among so many.
#[derive(Debug, Serialize)]
struct Measured {
    target: Target,
    memberships: u64,
    per_second: f64,
    p99_us: u64,
    /// Processor time of the program and of its database for a notification.
    cpu_us: f64,
}

/// Runs the benchmark, prints its table and writes `target/bench/growth.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let results = ingest::prepare(&options.folder)?;
    let mut measured: Vec<Measured> = Vec::new();
    for &target in options.targets.iter().filter(|&&target| target != Target::NoStore) {
        for &size in &options.sizes {
            measured.push(measure(options, target, size, &results)?);
        }
    }
    fs::write(results.join("growth.json"), serde_json::to_string_pretty(&measured)?)?;
    println!(
        "\n| store | memberships | requests/s | p99 ms | CPU us/request, with the database | times |\n|---|---:|---:|---:|---:|---:|"
    );
    for one in &measured {
        let few =
            measured.iter().find(|other| other.target == one.target).map_or(one.cpu_us, |few| few.cpu_us);
        println!(
            "| {} | {} | {:.0} | {:.2} | {:.1} | {:.2} |",
            one.target.name(),
            one.memberships,
            one.per_second,
            one.p99_us as f64 / 1e3,
            one.cpu_us,
            one.cpu_us / few
        );
    }
    Ok(())
}

fn measure(options: &Options, target: Target, size: u64, results: &Path) -> Result<Measured> {
    let stand = Stand::new(&options.folder, "growth", target, results)?;
    println!("Filling {} with {size} memberships", target.name());
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository());
    cargo.args(["run", "--quiet", "--release", "--locked", "--package", "tollhouse-store"]);
    cargo.args(["--features", "conformance", "--example", "fill", "--"]);
    process::run(cargo.arg(&stand.environment.database).arg(size.to_string()))?;
    let server = Server::start(&mut stand.environment.command(target.command()), &stand.log)?;
    let cpu = || -> Result<Duration> {
        let database = match &stand.cluster {
            Some(cluster) => server::cpu_time_of_postgres(&cluster.data())?,
            None => Duration::ZERO,
        };
        Ok(server.cpu_time()? + database)
    };
    let before = cpu()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred thousand")]
    let supply = ((options.seconds + WARM_UP_SECONDS) * SUPPLY_PER_SECOND) as usize;
    let load = loadgen::load_from_outside(&loadgen::Options {
        address: server.address,
        connections: options.connections,
        warmup_seconds: WARM_UP_SECONDS,
        seconds: options.seconds,
        mix: Mix::Lifecycle,
        first_id: FIRST_ID,
        supply,
        secret: SECRET.into(),
    })?;
    let cpu = cpu()?.saturating_sub(before);
    server.stop()?;
    Ok(Measured {
        target,
        memberships: size,
        per_second: load.ok_per_second,
        p99_us: load.p99_us,
        cpu_us: cpu.as_secs_f64() * 1e6 / load.answered_with_warmup.max(1) as f64,
    })
}
