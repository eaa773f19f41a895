//! What it costs to find the memberships that end, among few and among many: the same, since each has a job of its own that is due when it
//! is due, and nothing looks through the others.
//!
//! `cargo run --release -p tollhouse-store --features conformance --example expiry -- ROUNDS SIZE=URL…`
//!
//! Each URL is a fresh `postgres://…`; it is filled with SIZE memberships, one of which ends in each second. Then, turn by turn, each
//! database is asked what is due, and the first step of what was found is taken. Prints one JSON line for each size.

#![expect(clippy::unwrap_used, reason = "an example: it panics to say what is wrong")]

#[path = "fill/memberships.rs"]
mod memberships;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::job::{CLAIM_BATCH_MAX, Outcome as JobOutcome};
use tollhouse_core::snapshot::{DueJobs, Needs};
use tollhouse_store::conformance::{Clock, SeededIds, add_channel};
use tollhouse_store::{Ports, Store, open};

/// Rounds before those that count: caches and plans are then as they stay.
const WARM_UP: usize = 20;

struct Subject {
    size: u64,
    store: Arc<dyn Store>,
    clock: Clock,
    finds: Vec<Duration>,
    steps: Vec<Duration>,
}

impl Subject {
    async fn prepare(argument: &str) -> Self {
        let (size, url) = argument.split_once('=').unwrap();
        let size = size.parse().unwrap();
        let clock = Clock::default();
        let ports = Ports {
            now: Arc::new({
                let clock = clock.clone();
                move || clock.now()
            }),
            ids: Box::new(SeededIds::new(size)),
            on_batch: Arc::new(|_| {}),
        };
        let store = open(url, ports).await.unwrap();
        let outcome = store.submit(add_channel(-1_003_202_734_748, None)).await.unwrap().unwrap();
        let Outcome::Channel(channel) = outcome else { panic!("{outcome:?}") };
        memberships::fill(url, channel, size, clock.now()).await;
        Self { size, store, clock, finds: Vec::new(), steps: Vec::new() }
    }

    /// A few seconds go by, in which a few memberships end.
    async fn round(&mut self, counts: bool) {
        self.clock.advance(SignedDuration::from_secs(i64::from(CLAIM_BATCH_MAX)));
        let due = DueJobs { now: self.clock.now(), limit: CLAIM_BATCH_MAX };
        let begun = Instant::now();
        let found = self.store.snapshot(Needs { due_jobs: Some(due), ..Needs::default() }).await.unwrap();
        let find = begun.elapsed();
        assert_eq!(found.jobs.values().count(), CLAIM_BATCH_MAX as usize, "one ends in each second");
        let begun = Instant::now();
        let claim = Command::ClaimJobs { limit: CLAIM_BATCH_MAX, now: self.clock.now() };
        let Outcome::Jobs(jobs) = self.store.submit(claim).await.unwrap().unwrap() else { panic!() };
        let finishes = jobs.into_iter().map(|job| {
            let token = job.lease.unwrap().token;
            self.store.submit(Command::FinishJob { job: Box::new(job), token, outcome: JobOutcome::Nothing })
        });
        for finished in futures::future::join_all(finishes).await {
            finished.unwrap().unwrap();
        }
        if counts {
            self.finds.push(find);
            self.steps.push(begun.elapsed());
        }
    }
}

fn median_micros(times: &mut [Duration]) -> u128 {
    times.sort();
    times[times.len() / 2].as_micros()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, sizes @ ..] = &arguments[..] else { panic!("ROUNDS SIZE=URL…") };
    let rounds: usize = rounds.parse().unwrap();
    let mut subjects = Vec::new();
    for argument in sizes {
        subjects.push(Subject::prepare(argument).await);
    }
    for round in 0..WARM_UP + rounds {
        for subject in &mut subjects {
            subject.round(round >= WARM_UP).await;
        }
    }
    for mut subject in subjects {
        let (find, step) = (median_micros(&mut subject.finds), median_micros(&mut subject.steps));
        println!("{{\"memberships\":{},\"find_us\":{find},\"step_us\":{step}}}", subject.size);
        subject.store.close().await;
    }
}
