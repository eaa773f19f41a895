//! Makes a failing run shorter: leaves steps out, in ever smaller pieces, for as long as the same promise stays broken.

use crate::world::{Config, run};

/// How many runs it may take.
const RUNS_MAX: u32 = 200;

/// The steps that are enough to break the same promise.
#[must_use]
pub fn shrink(config: &Config, mut rolls: Vec<u64>, promise: &'static str) -> Vec<u64> {
    let config = Config { traces: false, ..config.clone() };
    let still_fails =
        |rolls: &[u64]| matches!(run(&config, rolls).0, Err(violation) if violation.promise == promise);
    let mut runs = 0;
    let mut piece = rolls.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < rolls.len() && runs < RUNS_MAX {
            let mut fewer = rolls.clone();
            fewer.drain(start..(start + piece).min(rolls.len()));
            runs += 1;
            if still_fails(&fewer) {
                rolls = fewer;
            } else {
                start += piece;
            }
        }
        piece /= 2;
    }
    rolls
}
