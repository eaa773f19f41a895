//! `cargo xtask ci`: everything that must hold before a change lands.

use std::process::Command;

use anyhow::{Result, bail};

use crate::steps::Steps;
use crate::{process, repository, test};

/// Runs every check, also after one has failed: a run can take long, and should show all that is wrong.
pub(crate) fn run(steps: &mut Steps) -> Result<()> {
    steps.check("Cargo.lock is committed and current", lock_file)?;
    steps.check("format", || process::run(cargo().args(["fmt", "--all", "--check"])))?;
    steps.check("lints", || {
        let everything = ["--workspace", "--all-targets", "--all-features", "--locked"];
        process::run(cargo().arg("clippy").args(everything).args(["--", "-D", "warnings"]))
    })?;
    steps.check("documentation", || {
        let everything = ["--workspace", "--no-deps", "--all-features", "--locked"];
        process::run(cargo().arg("doc").args(everything).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.check("dependencies", dependencies)?;
    test::run(&[], steps)
}

/// Whoever clones the project must get the dependencies that were tested.
fn lock_file() -> Result<()> {
    process::read(cargo().args(["metadata", "--locked", "--format-version=1"]))?;
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(repository()).args(arguments);
        command
    };
    if !process::succeeds(&mut git(&["rev-parse", "--is-inside-work-tree"])) {
        println!("Not a git work tree: whether Cargo.lock is committed cannot be seen.");
        return Ok(());
    }
    let state = process::read(&mut git(&["status", "--porcelain", "--", "Cargo.lock"]))?;
    if !state.is_empty() {
        bail!("Cargo.lock differs from what is committed (git status: {})", state.trim_end());
    }
    Ok(())
}

/// Licences, bans and sources, as deny.toml has them. Advisories are left out: they change without a change here.
fn dependencies() -> Result<()> {
    if !process::succeeds(cargo().args(["deny", "--version"])) {
        println!("cargo-deny is not installed: licences, bans and sources of dependencies are not checked.");
        println!("To check them: cargo install --locked cargo-deny");
        return Ok(());
    }
    process::run(cargo().args(["deny", "--locked", "--all-features", "check", "bans", "licenses", "sources"]))
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(repository());
    command
}
