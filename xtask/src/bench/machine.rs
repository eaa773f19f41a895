//! The machine that a benchmark ran on: without it its numbers say little.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

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
        Ok(Self {
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
