//! Programs that the tests need: where they are, and their installation from Debian's packages.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Something is missing that we may not or cannot install; says what to do.
#[derive(Debug)]
pub(crate) struct MissingTool(pub(crate) String);

impl fmt::Display for MissingTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MissingTool {}

/// Whether we are root, who may install packages.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The first file of that name in the folders of PATH.
pub(crate) fn find_in_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Installs Debian packages. `purpose` says what for, `otherwise` what a person can do instead.
pub(crate) fn install(packages: &[&str], purpose: &str, otherwise: &str) -> Result<()> {
    let list = packages.join(" ");
    let by_hand = format!("apt-get install --no-install-recommends {list}");
    if !is_root() {
        let advice = format!("{purpose} is missing. As root: {by_hand}. {otherwise}");
        return Err(MissingTool(advice).into());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        let advice =
            format!("{purpose} is missing, and this system has no apt-get to install it. {otherwise}");
        return Err(MissingTool(advice).into());
    }
    println!("{purpose}: not found, installing with apt-get: {list}");
    let apt_get = || {
        let mut command = Command::new("apt-get");
        // Quiet, and with no question that nobody would answer.
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run_undisturbed(apt_get().arg("update")).context("cannot read the package lists")?;
    process::run_undisturbed(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
        .with_context(|| format!("cannot install {list}"))
}
