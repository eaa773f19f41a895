//! The real program against what happens to programs: killed at any moment, out of disk, cut off from its database, replaced while it works.
//! Whatever got its 200 is there afterwards, each paid order is granted once and ends in access, and nothing needs a person (I1, I2, I3, I12).
//!
//! Each case runs short as a test; `cargo xtask crash` and `cargo xtask failover` run the long ones.
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod away;
mod failover;
mod hangup;
mod house;
mod load;
mod migration;
mod program;
mod room;
mod rounds;
#[path = "../town/mod.rs"]
mod town;
mod versions;
mod wire;

use std::io::Write as _;

/// Where `cargo xtask` wants the closing line of a long run.
const REPORT_VARIABLE: &str = "TOLLHOUSE_TEST_REPORT";

/// Where `cargo xtask test` wants the tests that this machine does not let run.
const NOT_SHOWN_VARIABLE: &str = "TOLLHOUSE_TEST_NOT_SHOWN";
/// Set to 1 where every test must run.
const COMPLETE_VARIABLE: &str = "TOLLHOUSE_TEST_COMPLETE";

/// Says that this machine does not let a test run, which then passes without having shown anything; where all must run it fails.
fn not_shown(test: &str, why: &str) {
    add_line(NOT_SHOWN_VARIABLE, &format!("{test}: {why}"));
    assert!(std::env::var_os(COMPLETE_VARIABLE).is_none_or(|value| value != "1"), "{test}: {why}");
}

/// Adds a line to the report of a long run, or shows it.
fn report(line: &str) {
    add_line(REPORT_VARIABLE, line);
}

/// Adds a line to the file that a variable names, or shows it where there is none.
fn add_line(variable: &str, line: &str) {
    match std::env::var_os(variable) {
        Some(path) => {
            let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
            writeln!(file, "{line}").unwrap();
        }
        None => println!("{line}"),
    }
}

/// A number of the environment, for a long run.
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}
