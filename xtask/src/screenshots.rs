//! `cargo xtask screenshots`: a picture of every state of every page, phone and desktop, light and dark.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{chromium, process, repository};

/// Tells the test that makes the pictures where to write them.
const FOLDER_VARIABLE: &str = "TOLLHOUSE_TEST_SCREENSHOTS";

/// Writes the pictures into a folder, which is made if it is not there.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let driver = chromium::ensure_chromium()?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    // The test runs in a folder of its own.
    let folder: PathBuf = env::current_dir().context("no current folder")?.join(folder);
    let mut test = Command::new("cargo");
    test.current_dir(repository())
        .args(["test", "--locked", "--workspace", "--all-features", "--test", "browser"])
        .args(["--", "--ignored", "screenshots::"])
        .env(chromium::CHROMEDRIVER_VARIABLE, driver)
        .env(FOLDER_VARIABLE, &folder);
    process::run(&mut test)?;
    println!("The pictures are in {}", folder.display());
    Ok(())
}
