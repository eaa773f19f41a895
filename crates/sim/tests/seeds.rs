//! Runs from seeds: what holds, what repeats, and what would be noticed.

use tollhouse_core::safeguard::Safeguard;
use tollhouse_sim::world::rolls;
use tollhouse_sim::{Config, run};

const STEPS: usize = 200;

#[test]
fn hundreds_of_seeds_hold() {
    for seed in 0..100 {
        let (held, _) = run(&Config::hostile(seed), &rolls(seed, STEPS));
        if let Err(violation) = held {
            panic!("seed {seed}: {violation:?}");
        }
    }
}
