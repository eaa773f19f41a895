//! Chromium and its driver, for the tests that look at pages as a buyer does.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::packages::{self, MissingTool};

/// Tells the tests where the driver is. Set by whoever starts `cargo xtask test`, it is passed on as it is.
pub(crate) const CHROMEDRIVER_VARIABLE: &str = "TOLLHOUSE_TEST_CHROMEDRIVER";

/// The path of a ChromeDriver, installed from Debian's packages if there is none.
pub(crate) fn ensure_chromium() -> Result<OsString> {
    if let Some(path) = std::env::var_os(CHROMEDRIVER_VARIABLE) {
        println!("ChromeDriver: {} (from {CHROMEDRIVER_VARIABLE})", path.display());
        return Ok(path);
    }
    let found =
        || packages::find_in_path("chromedriver").filter(|_| packages::find_in_path("chromium").is_some());
    if found().is_none() {
        let otherwise = format!("Or set {CHROMEDRIVER_VARIABLE} to the path of a ChromeDriver.");
        packages::install(&["chromium", "chromium-driver"], "Chromium with its driver", &otherwise)?;
    }
    let path =
        found().ok_or_else(|| MissingTool("chromedriver is not in PATH after its installation".into()))?;
    println!("ChromeDriver: {}", path.display());
    Ok(path.into())
}

/// Whether a crate of the workspace has browser tests: an entry of its `tests` folder with `browser` in its name.
pub(crate) fn is_needed(repository: &Path) -> Result<bool> {
    let crates = repository.join("crates");
    for package in list(&crates)? {
        let tests = package.join("tests");
        if tests.is_dir() && has_browser_tests(&tests)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_browser_tests(folder: &Path) -> Result<bool> {
    for path in list(folder)? {
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().contains("browser"));
        if named || (path.is_dir() && has_browser_tests(&path)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_test_is_found_at_any_depth_and_nothing_else_is_taken_for_one() {
        let repository = tempfile::tempdir().unwrap();
        let tests = repository.path().join("crates/shop/tests/pages");
        fs::create_dir_all(&tests).unwrap();
        fs::create_dir_all(repository.path().join("crates/shop/src/browser")).unwrap();
        fs::write(tests.join("order.rs"), "").unwrap();
        assert!(!is_needed(repository.path()).unwrap());

        fs::write(tests.join("order_browser.rs"), "").unwrap();
        assert!(is_needed(repository.path()).unwrap());
    }
}
