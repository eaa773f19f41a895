//! Programs that the tests need: where they are, and their installation from Debian's packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
pub(crate) use testbed::{MissingTool, find_in_path, is_root};

use crate::process;

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
