//! A private PostgreSQL server for the tests and the benchmarks; its programs are installed if they are not there.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
pub(crate) use testbed::postgres::Durability;
use testbed::postgres::find_programs;

use crate::packages;

/// Tells the tests where PostgreSQL is. Set by whoever starts `cargo xtask test`, that server is used as it is.
pub(crate) const URL_VARIABLE: &str = "TOLLHOUSE_TEST_POSTGRES_URL";

/// A running server. Dropping it stops it and removes its folder.
pub(crate) struct Cluster(testbed::postgres::Cluster);

impl Cluster {
    /// Makes and starts a server in a new folder under `parent`, its log in `log`.
    pub(crate) fn start(parent: &Path, durability: Durability, log: &Path) -> Result<Self> {
        ensure_programs()?;
        testbed::postgres::Cluster::start(parent, durability, log).map(Self)
    }
}

impl Deref for Cluster {
    type Target = testbed::postgres::Cluster;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// The folder with `initdb` and `postgres`, installed from Debian's packages if there is none.
pub(crate) fn ensure_programs() -> Result<PathBuf> {
    if let Some(programs) = find_programs() {
        return Ok(programs);
    }
    let otherwise = format!("Or set {URL_VARIABLE} to a server on which the tests may make databases.");
    packages::install(&["postgresql"], "The PostgreSQL server", &otherwise)?;
    find_programs().ok_or_else(|| anyhow!("there is no PostgreSQL server after its installation"))
}
