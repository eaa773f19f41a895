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

/// The databases, as the benchmarks name them in their results.
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

/// Something that is to be reached.
#[derive(Debug, Serialize)]
struct Goal {
    what: String,
    goal: f64,
    /// Nothing where the last run left it out.
    measured: Option<f64>,
    held: bool,
}

impl Goal {
    fn at_least(what: impl Into<String>, goal: f64, measured: impl Into<Option<f64>>) -> Self {
        let measured = measured.into();
        Self { what: what.into(), goal, measured, held: measured.is_some_and(|measured| measured >= goal) }
    }

    fn below(what: impl Into<String>, goal: f64, measured: impl Into<Option<f64>>) -> Self {
        let measured = measured.into();
        Self { what: what.into(), goal, measured, held: measured.is_some_and(|measured| measured < goal) }
    }

    /// What the table says of it: what was measured, and whether that is enough.
    fn told(&self) -> (String, &'static str) {
        match self.measured {
            None => ("-".to_owned(), "not measured"),
            Some(measured) => (format!("{measured:.2}"), if self.held { "reached" } else { "missed" }),
        }
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

/// The table of the goals, from what the benchmarks measured when they last ran. A goal that is missed is told and fails nothing: it
/// depends on the machine as much as on the program.
pub(crate) fn tell() -> Result<()> {
    let results = repository().join("target/bench");
    let goals = goals(&results)?;
    let held = goals.iter().filter(|goal| goal.held).count();
    let mut table = String::from("| what is to be reached | goal | measured | |\n|---|---:|---:|---|\n");
    for one in &goals {
        let (measured, verdict) = one.told();
        writeln!(table, "| {} | {} | {measured} | {verdict} |", one.what, one.goal)?;
    }
    fs::write(results.join("table.md"), &table)?;
    fs::write(results.join("table.json"), serde_json::to_string_pretty(&goals)?)?;
    let of = |verdict: &str| {
        let names: Vec<&str> =
            goals.iter().filter(|goal| goal.told().1 == verdict).map(|goal| goal.what.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join("; ") }
    };
    println!(
        "\n{table}\n{held} of {} goals were reached; missed: {}; not measured: {}.",
        goals.len(),
        of("missed"),
        of("not measured")
    );
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
    // These two are run for one database alone, too; then the other's goals are there and not measured.
    let access = read("access.json")?;
    let backlog = read("backlog.json")?;
    let of = |all: &'_ Value, target: &str| -> Result<Option<Value>> {
        let all = all.as_array().context("no list of what was measured")?;
        Ok(all.iter().find(|one| one["target"] == target).cloned())
    };
    for target in ENGINES {
        let one = of(&access, target)?;
        let measured = |name: &str| one.as_ref().map(|one| number(&one[name])).transpose();
        goals.push(Goal::below(
            format!("{target}, paid order to invite call, p50 ms"),
            ACCESS_P50_MS,
            measured("p50_us")?.map(|us| us / 1e3),
        ));
        goals.push(Goal::below(
            format!("{target}, paid order to invite call, p99 ms"),
            ACCESS_P99_MS,
            measured("p99_us")?.map(|us| us / 1e3),
        ));
    }
    for target in ENGINES {
        let one = of(&backlog, target)?;
        let measured = |name: &str| one.as_ref().map(|one| number(&one[name])).transpose();
        let rate = measured("storm_per_second")?
            .zip(measured("steady_per_second")?)
            .map(|(storm, steady)| storm / steady);
        goals.push(Goal::at_least(
            format!("{target}, a backlog's rate of the steady one"),
            BACKLOG_OF_STEADY,
            rate,
        ));
        goals.push(Goal::below(
            format!("{target}, memory under a backlog, bytes"),
            BACKLOG_BYTES,
            measured("peak_kib")?.map(|kib| kib * 1024.0),
        ));
        goals.push(Goal::below(
            format!("{target}, notifications of a backlog that a kill lost"),
            1.0,
            measured("lost")?,
        ));
    }
    let growth = read("growth.json")?;
    let growth = growth.as_array().context("no growth")?;
    for target in ENGINES {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The results of all benchmarks but for PostgreSQL's in two of them.
    fn results() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, value: Value| fs::write(folder.path().join(name), value.to_string()).unwrap();
        let ratio = |target: &str, connections: u64| json!({"target": target, "connections": connections, "of_no_store": 0.5});
        let ratios: Vec<Value> = ["sqlite", "postgres", "sqlite_one_by_one", "postgres_one_by_one"]
            .iter()
            .flat_map(|target| [1, 64, 256].map(|connections| ratio(target, connections)))
            .collect();
        let points = ENGINES.map(|target| json!({"target": target, "connections": 64, "p99_us": 9_000}));
        let footprints = ENGINES
            .map(|target| json!({"target": target, "peak_kib": 9_000, "idle_kib": 9_000, "starts_ms": [9]}));
        write("ingest.json", json!({"ratios": ratios, "run": {"points": points, "footprints": footprints}}));
        write("access.json", json!([{"target": "sqlite", "p50_us": 9_000, "p99_us": 900_000}]));
        let backlog = json!({"target": "sqlite", "storm_per_second": 9, "steady_per_second": 10, "peak_kib": 9_000, "lost": 0});
        write("backlog.json", json!([backlog]));
        let growth = ENGINES.map(|target| [10, 10].map(|us| json!({"target": target, "cpu_us": us})));
        write("growth.json", json!(growth.concat()));
        let own = json!({"all_open_kib": 9_000, "none_open_kib": 8_000, "at_once": {"p50_us": 9}});
        write("pages.json", json!({"pages": 1_000, "own_orders": own}));
        folder
    }

    #[test]
    fn what_was_left_out_is_not_measured_and_not_forgotten() {
        let folder = results();
        let goals = goals(folder.path()).unwrap();
        let of = |verdict: &str| -> Vec<&str> {
            goals.iter().filter(|goal| goal.told().1 == verdict).map(|goal| goal.what.as_str()).collect()
        };
        let left_out = [
            "postgres, paid order to invite call, p50 ms",
            "postgres, paid order to invite call, p99 ms",
            "postgres, a backlog's rate of the steady one",
            "postgres, memory under a backlog, bytes",
            "postgres, notifications of a backlog that a kill lost",
        ];
        assert_eq!(of("not measured"), left_out);
        assert!(of("missed").contains(&"sqlite, paid order to invite call, p99 ms"));
        assert!(of("reached").contains(&"sqlite, a backlog's rate of the steady one"));
    }
}
