//! The machine that a benchmark ran on: without it its numbers say little.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::ingest::start_cluster;
use crate::{postgres, process, repository};

/// Syncs that measure the disk: enough for a stable mean, less than a second on a good disk.
const SYNCS: u32 = 300;
/// What a sync writes: a page, as databases do.
const SYNC_BYTES: usize = 4096;
/// File systems in memory, by their magic numbers in statfs(2): tmpfs and ramfs.
const MEMORY_FILE_SYSTEMS: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Where the numbers come from.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) processor: String,
    pub(super) commit: String,
    /// Its version, if it is measured.
    pub(super) postgres: Option<String>,
    /// Of the folder with the databases.
    pub(super) syncs_per_second: f64,
    /// Rows of the size of a notification that a single transaction inserts in a second, its commit among it.
    pub(super) sqlite_rows_per_second: f64,
    /// The same, if PostgreSQL is measured.
    pub(super) postgres_rows_per_second: Option<f64>,
}

impl Machine {
    /// Looks at the machine, at the disk of `folder`, and at PostgreSQL if that is measured.
    pub(super) fn describe(folder: &Path, with_postgres: bool) -> Result<Self> {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named =
            |line: &str| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned());
        let postgres = if with_postgres {
            let program = postgres::ensure_programs()?.join("postgres");
            Some(process::read(Command::new(program).arg("--version"))?.trim().to_owned())
        } else {
            None
        };
        let mut git = Command::new("git");
        git.current_dir(repository()).args(["describe", "--always", "--dirty"]);
        let sqlite = format!("sqlite://{}", folder.join("rows.db").display());
        // Beside ours, which the server's user may not enter.
        let parent = folder.parent().unwrap_or(folder);
        let cluster = with_postgres.then(|| start_cluster(parent, folder)).transpose()?;
        Ok(Self {
            sqlite_rows_per_second: rows_per_second(&sqlite)?,
            postgres_rows_per_second: cluster
                .map(|cluster| rows_per_second(&cluster.socket_url()))
                .transpose()?,
            cores: std::thread::available_parallelism()?.get(),
            processor: processors.lines().find_map(named).unwrap_or_else(|| "unknown".into()),
            commit: process::read(&mut git).map_or_else(|_| "unknown".into(), |commit| commit.trim().into()),
            postgres,
            syncs_per_second: syncs_per_second(folder)?,
        })
    }
}

/// Fails if the folder is in memory.
pub(super) fn check_disk(folder: &Path) -> Result<()> {
    let kind =
        rustix::fs::statfs(folder).with_context(|| format!("cannot look at {}", folder.display()))?.f_type;
    ensure!(
        !MEMORY_FILE_SYSTEMS.contains(&kind),
        "{} is in memory, where a sync costs nothing; name a folder on a disk with --folder",
        folder.display()
    );
    Ok(())
}

/// How often a second the disk can make a written page safe.
fn syncs_per_second(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("syncs"))?;
    let start = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[0; SYNC_BYTES])?;
        file.sync_data()?;
    }
    Ok(f64::from(SYNCS) / start.elapsed().as_secs_f64())
}

/// What one transaction inserts a second at best: told by an example of the store's crate, which has both databases at hand.
fn rows_per_second(database: &str) -> Result<f64> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository()).args([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "tollhouse-store",
    ]);
    cargo.args(["--features", "conformance", "--example", "rows", "--", database]);
    let told = process::read(&mut cargo)?;
    told.trim().parse().with_context(|| format!("{told:?} is no number of rows a second"))
}

/// How often the disk under `folder` was told since the machine's start to make safe what it has; `None` where the kernel does not
/// count it. Others' count as well: measure on a quiet machine.
pub(super) fn syncs(folder: &Path) -> Option<u64> {
    let device = fs::metadata(folder).ok()?.dev();
    let device = (rustix::fs::major(device).to_string(), rustix::fs::minor(device).to_string());
    syncs_of(&fs::read_to_string("/proc/diskstats").ok()?, &device)
}

/// The number of completed flushes is the 19th field of a device's line (Documentation/admin-guide/iostats.rst of Linux, since 5.5). A
/// partition has none of its own.
fn syncs_of(diskstats: &str, device: &(String, String)) -> Option<u64> {
    let fields = diskstats.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let mut ours = fields.filter(|fields| fields.starts_with(&[&device.0, &device.1]));
    ours.next()?.get(18)?.parse().ok().filter(|syncs| *syncs > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syncs_of_a_disk_are_found_by_its_numbers() {
        let text = " 254       0 vda 92 89 11 11 848 48 107 343 0 54 470 21 62 34 3708 277 10\n \
                    254       1 vda1 92 89 11 11 848 48 107 343 0 54 470 21 62 34 3708 0 0\n \
                    253       0 old 92 89 11 11 848 48 107 343 0 54 470\n";
        let of = |major: &str, minor: &str| syncs_of(text, &(major.to_owned(), minor.to_owned()));
        assert_eq!(of("254", "0"), Some(277));
        assert_eq!(of("254", "1"), None, "a partition is not counted");
        assert_eq!(of("253", "0"), None, "an old kernel counts none");
        assert_eq!(of("8", "0"), None);
    }
}
