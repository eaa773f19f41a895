//! `cargo xtask bench` without a name: everything, one after the other, and one table of what was to be reached.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::{access, backlog, expiry, growth, ingest, pages};
use crate::repository;

/// The parts of the limit without a store that are to be reached, at 64 and at 256 connections.
const SQLITE_OF_LIMIT: f64 = 0.45;
const POSTGRES_OF_LIMIT: f64 = 0.33;
/// How many times the rate of one transaction for each notification, at 64 connections; with a single one not slower than it.
const SQLITE_OF_ONE_BY_ONE: f64 = 5.0;
const POSTGRES_OF_ONE_BY_ONE: f64 = 3.0;
/// The slowest of a hundred answers at 64 connections, in milliseconds.
const INGEST_P99_MS: f64 = 25.0;
/// From a paid order to the invite call, in milliseconds.
const ACCESS_P50_MS: f64 = 20.0;
const ACCESS_P99_MS: f64 = 200.0;
/// A backlog's rate as a part of the steady one, and the memory that it may take, in bytes.
const BACKLOG_OF_STEADY: f64 = 0.8;
const BACKLOG_BYTES: f64 = 200e6;
/// Processor time of a notification among ten million memberships, as a multiple of that among ten thousand.
const GROWTH: f64 = 1.25;
/// An open page: memory in bytes, milliseconds until it is told.
const PAGE_BYTES: f64 = 30_000.0;
const PAGE_TOLD_MS: f64 = 100.0;
/// Memory of the program under load and idle, in bytes, and its start in milliseconds.
const LOADED_BYTES: f64 = 150e6;
const IDLE_BYTES: f64 = 40e6;
const START_MS: f64 = 300.0;

/// Something that is to be reached.
#[derive(Debug, Serialize)]
struct Goal {
    what: String,
    goal: f64,
    measured: f64,
    held: bool,
}

impl Goal {
    fn at_least(what: impl Into<String>, goal: f64, measured: f64) -> Self {
        Self { what: what.into(), goal, measured, held: measured >= goal }
    }

    fn below(what: impl Into<String>, goal: f64, measured: f64) -> Self {
        Self { what: what.into(), goal, measured, held: measured < goal }
    }
}

/// Runs every benchmark, then tells the goals: printed, and in `target/bench/table.md` and `table.json`.
pub(crate) fn run() -> Result<()> {
    use clap::Parser;

    #[derive(Parser)]
    struct Defaults<A: clap::Args> {
        #[command(flatten)]
        options: A,
    }
    fn defaults<A: clap::Args>(arguments: &[&str]) -> A {
        Defaults::parse_from(std::iter::once(&"bench").chain(arguments)).options
    }

    let targets = "no-store,sqlite,postgres,sqlite-one-by-one,postgres-one-by-one";
    ingest::run(&defaults(&["--mixes", "lifecycle", "--targets", targets]))?;
    access::run(&defaults(&[]))?;
    backlog::run(&defaults(&[]))?;
    growth::run(&defaults(&[]))?;
    expiry::run(&defaults(&[]))?;
    pages::run(&defaults(&[]))?;
    tell()
}

/// The table of the goals, from what the benchmarks measured when they last ran.
pub(crate) fn tell() -> Result<()> {
    let results = repository().join("target/bench");
    let goals = goals(&results)?;
    let held = goals.iter().filter(|goal| goal.held).count();
    let mut table = String::from("| what is to be reached | goal | measured | |\n|---|---:|---:|---|\n");
    for Goal { what, goal, measured, held } in &goals {
        let held = if *held { "reached" } else { "missed" };
        writeln!(table, "| {what} | {goal} | {measured:.2} | {held} |")?;
    }
    fs::write(results.join("table.md"), &table)?;
    fs::write(results.join("table.json"), serde_json::to_string_pretty(&goals)?)?;
    let missed: Vec<&str> = goals.iter().filter(|goal| !goal.held).map(|goal| goal.what.as_str()).collect();
    let missed = if missed.is_empty() {
        "none was missed".to_owned()
    } else {
        format!("missed: {}", missed.join("; "))
    };
    println!("\n{table}\n{held} of {} goals were reached; {missed}.", goals.len());
    Ok(())
}

fn goals(results: &Path) -> Result<Vec<Goal>> {
    let read = |name: &str| -> Result<Value> {
        let file = results.join(name);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    };
    let number = |value: &Value| value.as_f64().context("a number is missing in the results");
    let ingest = read("ingest.json")?;
    let of_limit = |target: &str, connections: u64| {
        let is_it = |one: &&Value| one["target"] == target && one["connections"] == connections;
        let ratio = ingest["ratios"].as_array().and_then(|all| all.iter().find(is_it));
        number(&ratio.context("a ratio is missing")?["of_no_store"])
    };
    let mut goals = Vec::new();
    for (target, part, times) in [
        ("sqlite", SQLITE_OF_LIMIT, SQLITE_OF_ONE_BY_ONE),
        ("postgres", POSTGRES_OF_LIMIT, POSTGRES_OF_ONE_BY_ONE),
    ] {
        for connections in [64, 256] {
            goals.push(Goal::at_least(
                format!("{target}, {connections} connections, of the limit without a store"),
                part,
                of_limit(target, connections)?,
            ));
        }
        for (connections, times) in [(64, times), (1, 1.0)] {
            let one_by_one = of_limit(&format!("{target}_one_by_one"), connections)?;
            goals.push(Goal::at_least(
                format!("{target}, {connections} connections, times one transaction for each notification"),
                times,
                of_limit(target, connections)? / one_by_one,
            ));
        }
        let is_it = |one: &&Value| one["target"] == target && one["connections"] == 64;
        let point = ingest["run"]["points"].as_array().and_then(|all| all.iter().find(is_it));
        let p99 = number(&point.context("a point is missing")?["p99_us"])? / 1e3;
        goals.push(Goal::below(format!("{target}, 64 connections, p99 ms"), INGEST_P99_MS, p99));
        let footprint = ingest["run"]["footprints"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["target"] == target));
        let footprint = footprint.context("a footprint is missing")?;
        let bytes = |name: &str| number(&footprint[name]).map(|kib| kib * 1024.0);
        goals.push(Goal::below(
            format!("{target}, memory under load, bytes"),
            LOADED_BYTES,
            bytes("peak_kib")?,
        ));
        goals.push(Goal::below(format!("{target}, memory idle, bytes"), IDLE_BYTES, bytes("idle_kib")?));
        let starts = footprint["starts_ms"].as_array().context("no starts")?;
        let slowest = starts.last().map(number).transpose()?.unwrap_or_default();
        goals.push(Goal::below(format!("{target}, slowest start, ms"), START_MS, slowest));
    }
    for one in read("access.json")?.as_array().context("no access")? {
        let target = one["target"].as_str().unwrap_or_default();
        goals.push(Goal::below(
            format!("{target}, paid order to invite call, p50 ms"),
            ACCESS_P50_MS,
            number(&one["p50_us"])? / 1e3,
        ));
        goals.push(Goal::below(
            format!("{target}, paid order to invite call, p99 ms"),
            ACCESS_P99_MS,
            number(&one["p99_us"])? / 1e3,
        ));
    }
    for one in read("backlog.json")?.as_array().context("no backlog")? {
        let target = one["target"].as_str().unwrap_or_default();
        let rate = number(&one["storm_per_second"])? / number(&one["steady_per_second"])?;
        goals.push(Goal::at_least(
            format!("{target}, a backlog's rate of the steady one"),
            BACKLOG_OF_STEADY,
            rate,
        ));
        goals.push(Goal::below(
            format!("{target}, memory under a backlog, bytes"),
            BACKLOG_BYTES,
            number(&one["peak_kib"])? * 1024.0,
        ));
        goals.push(Goal::below(
            format!("{target}, notifications of a backlog that a kill lost"),
            1.0,
            number(&one["lost"])?,
        ));
    }
    let growth = read("growth.json")?;
    let growth = growth.as_array().context("no growth")?;
    for target in ["sqlite", "postgres"] {
        let mut costs = growth.iter().filter(|one| one["target"] == target).map(|one| number(&one["cpu_us"]));
        let (few, many) = costs.next().zip(costs.next_back()).context("nothing was measured among many")?;
        goals.push(Goal::below(
            format!("{target}, processor time of a notification among ten million memberships, times that among ten thousand"),
            GROWTH,
            many? / few?,
        ));
    }
    let pages = read("pages.json")?;
    let count = number(&pages["pages"])?;
    let own = &pages["own_orders"];
    let bytes = (number(&own["all_open_kib"])? - number(&own["none_open_kib"])?) * 1024.0 / count;
    goals.push(Goal::below("an open page, bytes", PAGE_BYTES, bytes));
    let told = number(&own["at_once"]["p50_us"])? / 1e3;
    goals.push(Goal::below("all pages told at once, p50 ms", PAGE_TOLD_MS, told));
    Ok(goals)
}
