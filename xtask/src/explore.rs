//! The long runs: `fuzz` changes inputs at random for as long as asked, `mutants` changes the rules and sees whether a
//! test notices. Both look for what nobody thought of, so neither is a part of `ci`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{cases, process, repository};

/// How long one changed build of the rules may test, in seconds; their tests take a few. A mutant that loops ends here.
const MUTANT_SECONDS_MAX: &str = "120";
/// Sets of notifications that the property tests try for each mutant: what matters shows in a few.
const MUTANT_CASES: &str = "64";

/// Tries each target of the fuzzing tests for so long.
pub(crate) fn fuzz(seconds: u32, target: Option<&str>) -> Result<()> {
    let targets: Vec<String> = target.map(str::to_owned).into_iter().collect();
    let listed = process::read(fuzzing_tests().args(["--list", "--format=terse"]))?;
    cases::check_filters(&listed, &targets)?;
    let mut command = fuzzing_tests();
    command
        .args(["--nocapture", "--test-threads=1"])
        .args(targets)
        .env("TOLLHOUSE_TEST_FUZZ_SECONDS", seconds.to_string());
    process::run(&mut command)
}

fn fuzzing_tests() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(repository());
    command.args(["test", "--locked", "--package", "tollhouse", "--all-features", "--test", "fuzz", "--"]);
    command
}

/// Changes the rules in these files of core, one place after the other, and runs core's tests on each. What survives is
/// listed in `target/mutants.out`.
pub(crate) fn mutants(files: &[String]) -> Result<()> {
    if !process::succeeds(Command::new("cargo").args(["mutants", "--version"])) {
        bail!("cargo-mutants is not installed; cargo install --locked cargo-mutants");
    }
    let mut command = Command::new("cargo");
    command
        .current_dir(repository())
        .args(["mutants", "--package", "tollhouse-core", "--test-package", "tollhouse-core", "--no-shuffle"])
        .args(["--timeout", MUTANT_SECONDS_MAX, "--output", "target"])
        .env("PROPTEST_CASES", MUTANT_CASES);
    for file in files {
        command.arg("--file").arg(file);
    }
    process::run(&mut command)
}
