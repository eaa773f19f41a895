//! Runs from seeds: what holds, what repeats, and what would be noticed.

use tollhouse_core::safeguard::Safeguard;
use tollhouse_sim::shrink::shrink;
use tollhouse_sim::world::rolls;
use tollhouse_sim::{Config, run};

const STEPS: usize = 200;
/// How many seeds may pass before a missing safeguard is noticed.
const SEEDS_TO_NOTICE: u64 = 150;

fn hold(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let (held, _) = run(&Config::hostile(seed), &rolls(seed, STEPS));
        if let Err(violation) = held {
            panic!("seed {seed}: {violation:?}; `cargo xtask sim --seed {seed}` shows the run");
        }
    }
}

// In two halves, for two cores.

#[test]
fn every_promise_holds_after_every_step_of_one_hundred_seeds() {
    hold(0..100);
}

#[test]
fn every_promise_holds_after_every_step_of_another_hundred_seeds() {
    hold(100..200);
}

#[test]
fn a_seed_gives_the_same_run_to_the_byte() {
    let digest = |seed| run(&Config::hostile(seed), &rolls(seed, STEPS)).0.unwrap().digest;
    assert_eq!(digest(3), digest(3));
    assert_ne!(digest(3), digest(4));
}

/// The seed with which the simulator notices that a safeguard is missing, and what it says.
fn noticed(safeguard: Safeguard) -> (u64, &'static str) {
    let found = (0..SEEDS_TO_NOTICE).find_map(|seed| {
        let config = Config { without: Some(safeguard), ..Config::hostile(seed) };
        run(&config, &rolls(seed, STEPS)).0.err().map(|violation| (seed, violation.promise))
    });
    found.unwrap_or_else(|| panic!("{safeguard:?} is not missed in {SEEDS_TO_NOTICE} seeds"))
}

#[test]
fn a_second_grant_for_an_order_is_noticed() {
    assert_eq!(noticed(Safeguard::UniqueGrant).1, "I2 one order, at most one grant");
}

#[test]
fn a_worker_that_reports_after_its_lease_is_noticed() {
    assert_eq!(noticed(Safeguard::LeaseFence).1, "I5 who lost the lease changes nothing");
}

#[test]
fn a_status_that_falls_back_is_noticed() {
    assert_eq!(noticed(Safeguard::RankRule).1, "I4 the order of arrival does not matter");
}

#[test]
fn a_removal_that_is_not_looked_at_again_is_noticed() {
    assert_eq!(noticed(Safeguard::RemovalRecheck).1, "I9 no removal before the end and the grace");
}

#[test]
fn a_job_that_is_tried_for_ever_is_noticed() {
    assert_eq!(noticed(Safeguard::AttemptsBound).1, "I5 a job is tried a bounded number of times");
}

#[test]
fn a_notice_that_never_arrives_is_tried_to_the_last_time_and_given_up() {
    let config = Config { owner_is_deaf: true, ..Config::hostile(1) };
    let summary = run(&config, &rolls(1, STEPS)).0.unwrap();
    assert_eq!(summary.notice_failures_max, 16);
}

#[test]
fn jobs_written_apart_from_what_decided_them_are_noticed_and_the_run_made_short() {
    let (seed, promise) = noticed(Safeguard::OutboxInTransaction);
    assert_eq!(promise, "who has paid is inside, who has not is out");
    let config = Config { without: Some(Safeguard::OutboxInTransaction), ..Config::hostile(seed) };
    let enough = shrink(&config, rolls(seed, STEPS), promise);
    assert!(enough.len() < STEPS / 4, "{} steps are left", enough.len());
    assert_eq!(run(&config, &enough).0.unwrap_err().promise, promise);
}
