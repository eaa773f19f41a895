//! `bench expiry`: what it costs on PostgreSQL to find the memberships that end, among few and among many. Both databases are on one
//! server and are asked turn by turn, so that whatever else the machine does falls on both alike.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::postgres::{self, Cluster, Durability};
use crate::{process, repository};

/// Finding what is due among many may cost so much more than among few.
const RATIO_MAX: f64 = 1.5;

/// `bench expiry`: among how many, how often.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many memberships each database holds, the fewest first
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000", num_args = 1..)]
    sizes: Vec<u64>,
    /// How often each is asked; the median is told
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the databases are made, in a folder that is removed at the end
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What was measured among so many.
#[derive(Debug, Deserialize)]
struct Measured {
    memberships: u64,
    find_us: f64,
    step_us: f64,
}

/// Runs the benchmark and prints its table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.sizes.len() < 2 || !options.sizes.is_sorted_by(|few, more| few < more) {
        bail!("two sizes at least, the fewest first: one compared with itself shows nothing");
    }
    let results = repository().join("target/bench");
    fs::create_dir_all(&results)?;
    let server = Cluster::start(&options.folder, Durability::Disk, &results.join("expiry-postgres.log"))?;
    let psql = postgres::ensure_programs()?.join("psql");
    let (base, _) = server
        .url()
        .rsplit_once('/')
        .map(|(base, name)| (base.to_owned(), name.to_owned()))
        .context("no URL")?;
    let mut arguments = vec![options.rounds.to_string()];
    for size in &options.sizes {
        let create = format!("CREATE DATABASE members_{size}");
        process::read(Command::new(&psql).args(["-XAtqc", &create, &server.url()]))?;
        arguments.push(format!("{size}={base}/members_{size}"));
    }
    println!("Filling {:?} memberships, then {} rounds", options.sizes, options.rounds);
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository());
    cargo.args(["run", "--quiet", "--release", "--locked", "--package", "tollhouse-store"]);
    cargo.args(["--features", "conformance", "--example", "expiry", "--"]);
    let told = process::read(cargo.args(&arguments))?;
    let measured = told.lines().map(serde_json::from_str).collect::<Result<Vec<Measured>, _>>()?;
    println!("{:>12}  {:>10}  {:>22}", "memberships", "to find", "to find and to begin");
    for one in &measured {
        println!("{:>12}  {:>7.0} µs  {:>19.0} µs", one.memberships, one.find_us, one.step_us);
    }
    let (Some(few), Some(many)) = (measured.first(), measured.last()) else { bail!("nothing was measured") };
    let ratio = many.find_us / few.find_us;
    println!(
        "{ratio:.2} times as long among {} as among {}; at most {RATIO_MAX} is allowed",
        many.memberships, few.memberships
    );
    if ratio >= RATIO_MAX {
        bail!("finding what is due grows with the number of memberships");
    }
    Ok(())
}
