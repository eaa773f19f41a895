//! How fast a store takes notifications: pushes COUNT of them from TASKS tasks and prints the rate and the sizes of the batches.
//!
//! `cargo run --release -p tollhouse-store --features conformance --example throughput -- URL MIX COUNT TASKS`
//!
//! URL: a fresh `sqlite://…` or `postgres://…`. MIX: `finished` (each makes an order, a grant, a membership, jobs), `waiting` (each makes an
//! order and a payment), `duplicate` (the same bytes again and again, of a hundred payments).

#![expect(clippy::unwrap_used, reason = "an example: it panics to say what is wrong")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tollhouse_core::command::Command;
use tollhouse_store::conformance::{Clock, Notice, SeededIds, add_channel, legacy_ref};
use tollhouse_store::{Ports, Store, open};

#[derive(Default)]
struct Sizes {
    batches: AtomicU64,
    commands: AtomicU64,
    micros: AtomicU64,
    reruns: AtomicU64,
}

fn command(mix: &str, number: i64) -> Command {
    let number = if mix == "duplicate" { number % 100 } else { number };
    let notice = Notice::finished(1_000_000_000 + number, legacy_ref(1_000_000 + number));
    match mix {
        "finished" | "duplicate" => notice.command(),
        "waiting" => notice.status("waiting").command(),
        other => panic!("unknown mix {other}"),
    }
}

async fn push(store: Arc<dyn Store>, mix: String, next: Arc<AtomicI64>, count: i64) -> Vec<Duration> {
    let mut waits = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return waits;
        }
        let begun = Instant::now();
        store.submit(command(&mix, number)).await.unwrap().unwrap();
        waits.push(begun.elapsed());
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, mix, count, tasks] = &arguments[..] else { panic!("URL MIX COUNT TASKS") };
    let count: i64 = count.parse().unwrap();
    let sizes = Arc::new(Sizes::default());
    let clock = Clock::default();
    let ports = Ports {
        now: Arc::new(move || clock.now()),
        ids: Box::new(SeededIds::new(u64::from(std::process::id()))),
        on_batch: Arc::new({
            let sizes = Arc::clone(&sizes);
            move |report| {
                sizes.batches.fetch_add(1, Ordering::Relaxed);
                sizes.commands.fetch_add(report.commands as u64, Ordering::Relaxed);
                sizes
                    .micros
                    .fetch_add(u64::try_from(report.duration.as_micros()).unwrap(), Ordering::Relaxed);
                sizes.reruns.fetch_add(u64::from(report.reruns), Ordering::Relaxed);
            }
        }),
    };
    let store = open(url, ports).await.unwrap();
    // Another run may have made it.
    let _ = store.submit(add_channel(-1_003_202_734_748, Some(-1_003_016_667_267))).await.unwrap();
    let next = Arc::new(AtomicI64::new(0));
    let mut pushing = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..tasks.parse().unwrap() {
        pushing.spawn(push(Arc::clone(&store), mix.clone(), Arc::clone(&next), count));
    }
    let mut waits: Vec<Duration> = pushing.join_all().await.into_iter().flatten().collect();
    let seconds = begun.elapsed().as_secs_f64();
    waits.sort();
    let share = |permille: usize| waits[(waits.len() - 1) * permille / 1000];
    let (batches, commands) = (sizes.batches.load(Ordering::Relaxed), sizes.commands.load(Ordering::Relaxed));
    #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
    let (rate, size, milliseconds) = (
        count as f64 / seconds,
        commands as f64 / batches as f64,
        sizes.micros.load(Ordering::Relaxed) as f64 / 1000.0 / batches as f64,
    );
    println!(
        "{mix} x {count} from {tasks}: {rate:.0}/s, p50 {:?}, p99 {:?}; {batches} batches of {size:.1} in {milliseconds:.2} ms, {} run again",
        share(500),
        share(990),
        sizes.reruns.load(Ordering::Relaxed)
    );
    store.close().await;
}
