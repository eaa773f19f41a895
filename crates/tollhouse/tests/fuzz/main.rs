//! Whatever comes in from outside is read without a panic, and only as what it says: inputs of a kept corpus, changed at random.
//!
//! On the pinned stable toolchain there is no libFuzzer build with sanitizers, and `unsafe` is forbidden here, so what a sanitizer would
//! find cannot be: this mutates the corpus with proptest, which also shrinks what fails. A run of the tests tries some hundred changes of
//! each target; `cargo xtask fuzz --seconds N` goes on for so long. What fails is printed as a line to write into the corpus, and
//! stays there as a test.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod mutate;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// How long each target is tried, in seconds; without it only [`CASES`].
const SECONDS_KEY: &str = "TOLLHOUSE_TEST_FUZZ_SECONDS";
/// Changes that a run of the tests tries of each target: about a second in all.
const CASES: u32 = 400;

type Target = fn(&[u8]);

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn explore(name: &str, target: Target) {
    let corpus = corpus(name);
    for (path, input) in &corpus {
        println!("{}", path.display());
        target(input);
    }
    let inputs: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let seconds: Option<u64> = std::env::var(SECONDS_KEY).ok().map(|text| text.parse().unwrap());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut tried = 0_u64;
    loop {
        // A run of the tests tries the same everywhere; a long one tries something new each time.
        let rng_seed = if end.is_some() { RngSeed::Random } else { RngSeed::Fixed(1) };
        let config = Config { cases: CASES, rng_seed, failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&mutate::changed(inputs.clone()), |input| {
            let tried = std::panic::catch_unwind(|| target(&input));
            tried.map_err(|panic| TestCaseError::fail(said(&*panic)))
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(why, input)) => panic!(
                "{name}: {why}\nthe input, for a file in tests/fuzz/corpus/{name}/ (printf '%b' …):\n{}",
                input.escape_ascii()
            ),
            Err(TestError::Abort(why)) => panic!("{name}: {why}"),
        }
        tried += u64::from(CASES);
        if end.is_none_or(|end| Instant::now() >= end) {
            break;
        }
    }
    println!("{name}: {tried} inputs");
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

#[test]
fn notifications_are_read_as_they_are_and_no_changed_one_is_taken() {
    explore("notification", targets::notification);
}

#[test]
fn order_references_read_back_in_every_spelling() {
    explore("reference", targets::reference);
}

#[test]
fn start_payloads_name_one_thing_or_nothing() {
    explore("payload", targets::payload);
}

#[test]
fn configurations_are_taken_or_refused_without_a_secret() {
    explore("configuration", targets::configuration);
}

#[test]
fn updates_of_any_shape_are_kept_apart() {
    explore("update", targets::update);
}

#[test]
fn amounts_keep_every_digit_or_are_refused() {
    explore("amount", targets::amount);
}
