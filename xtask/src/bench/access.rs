//! `bench access`: how long it takes from a paid order to the call that makes its invite link, at a steady rate of orders.
//!
//! The simulated Telegram runs in a process of its own and notes when each call came; the program notes when it granted. The time
//! between contains the commit, the worker's claim and its own commit, and the call's way.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use super::browser::Connection;
use super::ingest::{self, Environment, PRIVATE_CHAT, SECRET, Stand, Target};
use super::loadgen;
use super::notification::{LIFE, body, request};
use super::server::{self, Server};
use crate::process;

const BOT_TOKEN: &str = "7000000001:AAbenchbenchbenchbenchbenchbenchbench";
const OWNER: u64 = 42;
/// Far from the ids of the other benchmarks.
const FIRST_ID: u64 = 9_000_000_000;
/// Connections that share the rate: each is far from being the limit.
const SENDERS: usize = 32;
/// How long everybody's link may take at the end.
const LINKS_SECONDS_MAX: u64 = 60;
const LINKS_POLL: Duration = Duration::from_millis(200);
/// The most that the command line lists at once.
const LISTED_MAX: usize = 1_000;

/// `bench access`: how many, on what.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Paid orders a second
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// For how many seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// On what
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    targets: Vec<Target>,
    /// Where the databases are made, in a folder that is removed at the end; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What was measured on one engine.
#[derive(Debug, Serialize)]
struct Measured {
    target: Target,
    orders: usize,
    rate: u64,
    p50_us: i64,
    p99_us: i64,
    max_us: i64,
}

/// Runs the benchmark, prints its table and writes `target/bench/access.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let results = ingest::prepare(&options.folder)?;
    let mut measured = Vec::new();
    for &target in &options.targets {
        if target != Target::NoStore {
            measured.push(measure(options, target, &results)?);
        }
    }
    fs::write(results.join("access.json"), serde_json::to_string_pretty(&measured)?)?;
    println!(
        "\n| store | paid orders/s | orders | to the invite call, p50 ms | p99 ms | slowest ms |\n|---|---:|---:|---:|---:|---:|"
    );
    for one in &measured {
        let ms = |us: i64| us as f64 / 1e3;
        println!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.1} |",
            one.target.name(),
            one.rate,
            one.orders,
            ms(one.p50_us),
            ms(one.p99_us),
            ms(one.max_us)
        );
    }
    Ok(())
}

fn measure(options: &Options, target: Target, results: &Path) -> Result<Measured> {
    let stand = Stand::new(&options.folder, "access", target, results)?;
    let (environment, log) = (&stand.environment, &stand.log);
    let telegram = Server::start_telegram(&environment.program, log, BOT_TOKEN)?;
    let mut fake = Connection::open(telegram.address)?;
    for (act, fields) in [
        ("add-user", json!({"id": OWNER, "first_name": "Olga"})),
        ("add-chat", json!({"id": PRIVATE_CHAT, "kind": "channel", "title": "Bench", "owner": OWNER})),
        ("bot-admin", json!({"chat": PRIVATE_CHAT, "by": OWNER})),
    ] {
        let page = fake.post_json(&format!("/fake/{act}"), &fields.to_string())?;
        ensure!(page.status == 200, "the simulated Telegram refuses {act}: {}", page.body);
    }
    let mut serve = environment.command(target.command());
    serve
        .env("TOLLHOUSE_TELEGRAM_MODE", "polling")
        .env("TOLLHOUSE_TELEGRAM_API_URL", format!("http://{}", telegram.address))
        .env("TOLLHOUSE_TELEGRAM_BOT_TOKEN", BOT_TOKEN);
    let server = Server::start(&mut serve, log)?;
    let count = options.rate * options.seconds;
    pay(&server, options.rate, count)?;
    let called = links(&mut fake, usize::try_from(count)?)?;
    let granted = grants(environment)?;
    server.stop()?;
    telegram.stop()?;

    let mut times: Vec<i64> = granted
        .iter()
        .map(|(membership, at)| {
            let call = called.get(membership).with_context(|| format!("no link for {membership}"))?;
            Ok(call.as_microsecond() - at.as_microsecond())
        })
        .collect::<Result<_>>()?;
    ensure!(times.len() as u64 == count, "{} of {count} paid orders became a membership", times.len());
    times.sort_unstable();
    let quantile = |part: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let place = ((times.len() - 1) as f64 * part) as usize;
        times[place]
    };
    Ok(Measured {
        target,
        orders: times.len(),
        rate: options.rate,
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        max_us: quantile(1.0),
    })
}

/// Pays orders at that rate, whether the server keeps up or not (an open loop).
fn pay(server: &Server, rate: u64, count: u64) -> Result<()> {
    let address = server.address;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let finished = LIFE.len() - 1;
    LocalSet::new().block_on(&runtime, async {
        let begun = Instant::now();
        let refused = Rc::new(Cell::new(0_u64));
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS as u64 {
            let mut stream = loadgen::connect(address).await?;
            let refused = Rc::clone(&refused);
            senders.spawn_local(async move {
                let mut buffer = Vec::new();
                for number in (sender..count).step_by(SENDERS) {
                    let due = begun + Duration::from_micros(number * 1_000_000 / rate);
                    tokio::time::sleep_until(due.into()).await;
                    let bytes = request(address, SECRET, &body(finished, FIRST_ID + number));
                    let answer = loadgen::exchange(&mut stream, &bytes, &mut buffer).await?;
                    refused.set(refused.get() + u64::from(!answer.is_applied()));
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        ensure!(refused.get() == 0, "{} paid orders were not taken", refused.get());
        Ok(())
    })
}

/// When the link of each membership was asked for, by the membership's id.
fn links(fake: &mut Connection, count: usize) -> Result<BTreeMap<String, Timestamp>> {
    let begun = Instant::now();
    loop {
        let calls: Vec<Value> =
            serde_json::from_str(&fake.get("/fake/calls?method=createChatInviteLink")?.body)?;
        let mut called = BTreeMap::new();
        for call in &calls {
            let (name, at) = (call["params"]["name"].as_str(), call["at"].as_str());
            let (name, at) = name.zip(at).context("a call without a name or a time")?;
            called.entry(format!("mem_{name}")).or_insert(at.parse()?);
        }
        if called.len() >= count {
            return Ok(called);
        }
        if begun.elapsed() > Duration::from_secs(LINKS_SECONDS_MAX) {
            bail!("{} of {count} links were made within {LINKS_SECONDS_MAX} s", called.len());
        }
        server::pause(LINKS_POLL);
    }
}

/// When each membership was granted.
fn grants(environment: &Environment) -> Result<BTreeMap<String, Timestamp>> {
    let mut granted = BTreeMap::new();
    let mut before: Option<String> = None;
    loop {
        let mut command = environment.command("membership");
        command.args(["list", "--json", "--limit", &LISTED_MAX.to_string()]);
        if let Some(before) = &before {
            command.args(["--before", before]);
        }
        let page: Value = serde_json::from_str(&process::read(&mut command)?)?;
        let rows = page.as_array().or_else(|| page["items"].as_array()).context("no list of memberships")?;
        for row in rows {
            let (id, at) = (row["id"].as_str(), row["grants"][0]["granted_at"].as_str());
            let (id, at) = id.zip(at).context("a membership without a grant")?;
            granted.insert(id.to_owned(), at.parse()?);
            before = Some(id.to_owned());
        }
        if rows.len() < LISTED_MAX {
            return Ok(granted);
        }
    }
}
