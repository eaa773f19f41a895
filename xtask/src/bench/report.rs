//! What `bench ingest` prints and writes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::ingest::{Footprint, Point, Target};
use super::machine::Machine;
use super::notification::Mix;

const KIB_PER_MB: f64 = 1_000_000.0 / 1024.0;

/// A finished run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// Length of each measurement.
    pub(super) seconds: f64,
    pub(super) warmup_seconds: f64,
    pub(super) rounds: u32,
    pub(super) points: Vec<Point>,
    pub(super) footprints: Vec<Footprint>,
}

/// The requests per second of a target as a part of those without a store, at the same load.
#[derive(Serialize)]
struct Ratio {
    mix: Mix,
    connections: usize,
    target: Target,
    of_no_store: f64,
}

/// One line for a measurement that was just made.
pub(super) fn progress(point: &Point) {
    println!(
        "round {} {:>8} {:>8} {:>4} connections: {:>8.0} requests/s, p99 {:.2} ms{}",
        point.round,
        point.target.name(),
        point.mix.name(),
        point.connections,
        point.load.ok_per_second,
        milliseconds(point.load.p99_us),
        remarks(point).iter().map(|remark| format!("; {remark}")).collect::<String>(),
    );
}

impl Report {
    /// Writes all numbers, with the ratios, as one JSON document.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let ratios = medians(&self.points).into_iter().filter_map(|point| {
            let of_no_store = ratio(point, &self.points)?;
            Some(Ratio { mix: point.mix, connections: point.connections, target: point.target, of_no_store })
        });
        let document = serde_json::json!({ "run": self, "ratios": ratios.collect::<Vec<_>>() });
        let text = serde_json::to_string_pretty(&document)?;
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The tables.
    pub(super) fn markdown(&self) -> String {
        let Self { machine, points, footprints, .. } = self;
        let mut text = format!(
            "{} cores of {}, {:.0} syncs/s of 4 KiB, {}, commit {}.\n\
         Rows of a notification's size in one transaction: {}.\n\
         Each measurement {} s after {} s of warm-up; rounds: {}, the median one is shown.\n\
         The load comes from one thread of another process on the same cores; its notifications are signed before.\n",
            machine.cores,
            machine.processor,
            machine.syncs_per_second,
            machine.postgres.as_deref().unwrap_or("no PostgreSQL"),
            machine.commit,
            rows(machine),
            self.seconds,
            self.warmup_seconds,
            self.rounds,
        );
        text.push_str(
        "\n| notifications | connections | store | requests/s | of no-store | p50 ms | p99 ms | server CPU us/request \
         | database CPU us/request | syncs/request | generator CPU us/request | remarks |\n\
         |---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
        for point in medians(points) {
            let of_no_store = ratio(point, points).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
            line(
                &mut text,
                &[
                    point.mix.name().into(),
                    point.connections.to_string(),
                    point.target.name().into(),
                    format!("{:.0}", point.load.ok_per_second),
                    of_no_store,
                    format!("{:.2}", milliseconds(point.load.p50_us)),
                    format!("{:.2}", milliseconds(point.load.p99_us)),
                    format!("{:.1}", point.server_cpu_us_per_request),
                    maybe(point.database_cpu_us_per_request, 1),
                    maybe(point.syncs_per_request, 3),
                    format!("{:.1}", point.load.generator_cpu_us_per_request),
                    remarks(point).join("; "),
                ],
            );
        }
        text.push_str(
        "\n| store | idle MB | idle MB, filled database | peak MB under load | start to /livez ms, median | slowest |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
        for target in footprints.iter().map(|footprint| footprint.target).collect::<BTreeSet<_>>() {
            let rounds = || footprints.iter().filter(move |footprint| footprint.target == target);
            let worst =
                |kib: fn(&Footprint) -> u64| rounds().map(kib).max().unwrap_or_default() as f64 / KIB_PER_MB;
            let mut starts_ms: Vec<f64> =
                rounds().flat_map(|footprint| footprint.starts_ms.clone()).collect();
            starts_ms.sort_by(f64::total_cmp);
            line(
                &mut text,
                &[
                    target.name().into(),
                    format!("{:.1}", worst(|footprint| footprint.idle_kib)),
                    format!("{:.1}", worst(|footprint| footprint.idle_filled_kib)),
                    format!("{:.1}", worst(|footprint| footprint.peak_kib)),
                    format!("{:.0}", starts_ms.get(starts_ms.len() / 2).copied().unwrap_or_default()),
                    format!("{:.0}", starts_ms.last().copied().unwrap_or_default()),
                ],
            );
        }
        text
    }
}

fn line(text: &mut String, cells: &[String]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes any text");
}

fn rows(machine: &Machine) -> String {
    let postgres = machine.postgres_rows_per_second.map(|rows| format!(", {rows:.0}/s into PostgreSQL"));
    format!("{:.0}/s into SQLite{}", machine.sqlite_rows_per_second, postgres.unwrap_or_default())
}

fn maybe(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".into(), |number| format!("{number:.digits$}"))
}

fn milliseconds(us: u64) -> f64 {
    us as f64 / 1e3
}

/// For each load and target the round with the median rate, in the order of the table.
fn medians(points: &[Point]) -> Vec<&Point> {
    let key = |point: &Point| (point.mix, point.connections, point.target);
    let keys: BTreeSet<_> = points.iter().map(key).collect();
    let median = |wanted| {
        let mut rounds: Vec<_> = points.iter().filter(|point| key(point) == wanted).collect();
        rounds.sort_by(|a, b| a.load.ok_per_second.total_cmp(&b.load.ok_per_second));
        rounds.get(rounds.len() / 2).copied()
    };
    keys.into_iter().filter_map(median).collect()
}

/// None for the target without a store itself, and where that was not measured.
fn ratio(point: &Point, points: &[Point]) -> Option<f64> {
    let limit = medians(points).into_iter().find(|other| {
        (other.mix, other.connections, other.target) == (point.mix, point.connections, Target::NoStore)
    })?;
    let ratio = point.load.ok_per_second / limit.load.ok_per_second;
    (point.target != Target::NoStore && ratio.is_finite()).then_some(ratio)
}

/// What makes a measurement worth less than it looks.
fn remarks(point: &Point) -> Vec<String> {
    let mut remarks: Vec<_> =
        point.load.refused.iter().map(|(status, count)| format!("{count} answers {status}")).collect();
    if point.load.errors > 0 {
        remarks.push(format!("{} broken connections", point.load.errors));
    }
    let other = point.load.ok - point.load.applied;
    if other > 0 && point.target != Target::NoStore {
        remarks.push(format!("{other} stored but not applied"));
    }
    if point.load.supply_used_up {
        remarks.push(format!("notifications used up after {:.1} s", point.load.seconds));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::super::loadgen::Summary;
    use super::*;

    fn point(round: u32, target: Target, ok_per_second: f64) -> Point {
        let load = Summary { ok: 10, applied: 10, ok_per_second, ..Summary::default() };
        let (mix, connections) = (Mix::Finished, 64);
        Point {
            round,
            target,
            mix,
            connections,
            load,
            server_cpu_us_per_request: 1.0,
            database_cpu_us_per_request: None,
            syncs_per_request: None,
            resident_kib: 1,
        }
    }

    #[test]
    fn the_median_round_is_compared_with_the_median_round_without_a_store() {
        let rates = [(Target::NoStore, [100.0, 400.0, 200.0]), (Target::Sqlite, [10.0, 90.0, 100.0])];
        let points: Vec<_> = rates
            .iter()
            .flat_map(|(target, rates)| (1..).zip(rates).map(|(round, rate)| point(round, *target, *rate)))
            .collect();
        let medians = medians(&points);
        assert_eq!(medians.iter().map(|point| point.round).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(ratio(medians[1], &points), Some(0.45));
        assert_eq!(ratio(medians[0], &points), None);
        assert_eq!(ratio(medians[1], &points[3..]), None);
    }

    #[test]
    fn what_was_refused_or_not_applied_is_said() {
        let mut seen = point(1, Target::Postgres, 1.0);
        assert!(remarks(&seen).is_empty());
        seen.load.refused.insert(503, 7);
        seen.load.applied = 8;
        assert_eq!(remarks(&seen), ["7 answers 503", "2 stored but not applied"]);
    }
}
