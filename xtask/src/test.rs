//! `cargo xtask test`: makes a bare Debian machine able to run every test, and runs them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::{self, Cluster, Durability};
use crate::steps::Steps;
use crate::{cases, chromium, named, process, repository};

/// Names to the tests a file for those that this machine does not let run. Such a test passes, so it is told apart.
const NOT_SHOWN_VARIABLE: &str = "TOLLHOUSE_TEST_NOT_SHOWN";
/// Makes them fail instead. Read by the tests.
const COMPLETE_VARIABLE: &str = "TOLLHOUSE_TEST_COMPLETE";

/// Runs the tests whose name contains one of `filters`, or all; the required cases are checked only with all.
pub(crate) fn run(filters: &[String], steps: &mut Steps) -> Result<()> {
    // Dropped at the end of this function, however it is left: that stops the server.
    let postgres = steps.step("PostgreSQL", TestServer::provide)?;
    let mut environment = vec![(postgres::URL_VARIABLE, postgres.url())];
    if chromium::is_needed(repository())? {
        let driver = steps.step("Chromium", chromium::ensure_chromium)?;
        environment.push((chromium::CHROMEDRIVER_VARIABLE, driver));
    }

    steps.step("build the tests", || process::run(cargo_test().arg("--no-run")))?;
    if !filters.is_empty() {
        let mut list = cargo_test();
        list.args(["--quiet", "--", "--list", "--format=terse"]);
        steps.step("tests of these names", || cases::check_filters(&process::read(&mut list)?, filters))?;
    }
    let not_shown = work_folder()?.join("not-shown");
    fs::write(&not_shown, "").with_context(|| format!("cannot write {}", not_shown.display()))?;
    environment.push((NOT_SHOWN_VARIABLE, not_shown.clone().into()));
    steps.check("run the tests", || {
        // A failing test does not keep the others from being run: one run shows all that is wrong.
        let mut tests = cargo_test();
        tests.arg("--no-fail-fast").envs(environment).arg("--").args(filters);
        process::run(&mut tests)
    })?;
    if filters.is_empty() {
        let list = |more: &[&str]| {
            let mut tests = cargo_test();
            tests
                .args(["--quiet", "--lib", "--bins", "--tests", "--", "--list", "--format=terse"])
                .args(more);
            process::read(&mut tests)
        };
        let listed = list(&[])?;
        steps.check("cases of the failure list", || cases::check(&listed, &list(&["--ignored"])?))?;
        steps.check("tests that the pages name", || named::check(&listed))?;
    } else {
        println!(
            "Only some tests were run: the cases of the failure list and the names in the pages are not checked."
        );
    }
    let not_shown = fs::read_to_string(&not_shown).context("which tests could not be run is gone")?;
    if !not_shown.is_empty() {
        println!(
            "\nNot shown, since this machine does not let these tests run ({COMPLETE_VARIABLE}=1 makes them fail):"
        );
        not_shown.lines().for_each(|test| println!("  {test}"));
    }
    Ok(())
}

/// `cargo test` for everything, always with the same features, so that nothing is built twice.
fn cargo_test() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(repository()).args(["test", "--locked", "--workspace", "--all-features"]);
    command
}

/// The PostgreSQL server for the tests: ours, or one that was handed to us.
enum TestServer {
    Own(Cluster),
    Given(OsString),
}

impl TestServer {
    fn provide() -> Result<Self> {
        if let Some(url) = env::var_os(postgres::URL_VARIABLE) {
            println!("PostgreSQL: the server of {}, nothing is started", postgres::URL_VARIABLE);
            return Ok(Self::Given(url));
        }
        let programs = postgres::ensure_programs()?;
        println!("PostgreSQL: programs in {}", programs.display());
        let log = work_folder()?.join("postgresql.log");
        let cluster = Cluster::start(&env::temp_dir(), Durability::ProcessOnly, &log)?;
        println!("PostgreSQL: private server at {}", cluster.url());
        println!("PostgreSQL: folder {}, stopped and removed at the end", cluster.folder().display());
        println!("PostgreSQL: log in {}", log.display());
        Ok(Self::Own(cluster))
    }

    fn url(&self) -> OsString {
        match self {
            Self::Own(cluster) => cluster.url().into(),
            Self::Given(url) => url.clone(),
        }
    }
}

/// A folder for what outlives a run but is not kept, such as logs.
fn work_folder() -> Result<PathBuf> {
    let folder = repository().join("target/xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
