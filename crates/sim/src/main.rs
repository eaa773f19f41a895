//! Runs the simulator: `cargo xtask sim`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use tollhouse_sim::shrink::shrink;
use tollhouse_sim::world::rolls;
use tollhouse_sim::{Config, run};

/// How many steps a run has.
const STEPS: usize = 200;
/// Steps for each simulated day of the long run: each person buys, pays, comes in and is shown out.
const STEPS_PER_DAY: usize = 150;
/// Who buys in the long run, for how long, and over how many days.
const CHANNEL_PEOPLE: u32 = 100;
const CHANNEL_PLAN_DAYS: u32 = 30;

#[derive(Parser)]
#[command(about = "Runs the simulator")]
struct Options {
    /// How many seeds to run
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Run this seed only, and print what happens
    #[arg(long)]
    seed: Option<u64>,
    /// Steps of a run
    #[arg(long, default_value_t = STEPS, value_parser = at_least_one())]
    steps: usize,
    /// Days of a channel of 100 members to simulate besides
    #[arg(long, default_value_t = 30, value_parser = at_least_one())]
    days: usize,
}

/// Nothing that was run none of holds.
fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(seed) = options.seed {
        return one(seed, options.steps);
    }
    let begun = Instant::now();
    let (mut answered, mut deaths, mut days) = (0, 0, 0);
    for seed in 0..options.seeds {
        match run(&Config::hostile(seed), &rolls(seed, options.steps)).0 {
            Ok(summary) => {
                answered += summary.answered;
                deaths += summary.deaths;
                days += summary.days;
            }
            Err(violation) => {
                println!("seed {seed}: broken: {}: {}", violation.promise, violation.what);
                shortened(seed, options.steps, violation.promise);
                println!("`cargo xtask sim --seed {seed}` shows the whole run");
                return ExitCode::FAILURE;
            }
        }
    }
    let seeds_took = begun.elapsed();
    let rate = match channel_days(options.days) {
        Ok(rate) => rate,
        Err(what) => {
            println!("the channel of {CHANNEL_PEOPLE} members: {what}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "Every promise held after each of {} steps of {} seeds: {answered} notifications answered, {deaths} deaths, {days} days in {} s; \
         a channel of {CHANNEL_PEOPLE} members runs {rate:.0} days an hour.",
        options.seeds * u64::try_from(options.steps).unwrap_or(0),
        options.seeds,
        seeds_took.as_secs(),
    );
    ExitCode::SUCCESS
}

fn one(seed: u64, steps: usize) -> ExitCode {
    let config = Config { traces: true, ..Config::hostile(seed) };
    let (held, lines) = run(&config, &rolls(seed, steps));
    lines.iter().for_each(|line| println!("{line}"));
    match held {
        Ok(summary) => {
            println!("seed {seed} held: {summary:?}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {seed}: broken: {}: {}", violation.promise, violation.what);
            ExitCode::FAILURE
        }
    }
}

fn shortened(seed: u64, steps: usize, promise: &'static str) {
    let config = Config { traces: true, ..Config::hostile(seed) };
    let enough = shrink(&config, rolls(seed, steps), promise);
    println!("{} of {steps} steps are enough:", enough.len());
    for line in run(&config, &enough).1 {
        println!("  {line}");
    }
}

/// How many days of a channel with 100 members are simulated in an hour.
fn channel_days(days: usize) -> Result<f64, String> {
    let config = Config { people: CHANNEL_PEOPLE, plan_days: CHANNEL_PLAN_DAYS, ..Config::hostile(1) };
    let begun = Instant::now();
    match run(&config, &rolls(1, days * STEPS_PER_DAY)).0 {
        Ok(summary) => {
            let hours = begun.elapsed().max(Duration::from_millis(1)).as_secs_f64() / 3_600.0;
            Ok(f64::from(u32::try_from(summary.days).unwrap_or(u32::MAX)) / hours)
        }
        Err(violation) => Err(format!("broken: {}: {}", violation.promise, violation.what)),
    }
}
