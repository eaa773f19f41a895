//! The load: keep-alive connections that each send the next signed notification as soon as the last was answered.
//!
//! It runs in a process of its own, on one thread, and shares the machine with the server. So it does as little as
//! possible while the clock runs: requests are written and signed before, and answers are only looked at for their
//! status, length and verdict. What it used of the processor is in its summary.
//!
//! Each connection waits for its answer (a closed loop): latency is that at the rate which the server keeps up with.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::notification::{Mix, Requests};
use super::server;
use crate::process;

/// Latencies are kept to three digits, from a microsecond to a minute: longer than any answer can take.
const LATENCY_US_MAX: u64 = 60_000_000;
const LATENCY_DIGITS: u8 = 3;
/// An answer later than this after the end means that the server hangs.
const LAST_ANSWER_SECONDS_MAX: f64 = 30.0;
/// Our server sends about ten headers.
const ANSWER_HEADERS_MAX: usize = 32;
/// The room for an answer at first; it grows.
const ANSWER_BYTES: usize = 2048;

/// What load to make.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The server
    #[arg(long)]
    pub(super) address: SocketAddr,
    /// Connections at once
    #[arg(long)]
    pub(super) connections: usize,
    /// Load before the measurement
    #[arg(long)]
    pub(super) warmup_seconds: f64,
    /// Length of the measurement
    #[arg(long)]
    pub(super) seconds: f64,
    /// What the notifications say
    #[arg(long, value_enum)]
    pub(super) mix: Mix,
    /// Id of the first notification
    #[arg(long)]
    pub(super) first_id: u64,
    /// How many notifications to sign; when all are sent the measurement ends early
    #[arg(long)]
    pub(super) supply: usize,
    /// The secret to sign with
    #[arg(long)]
    pub(super) secret: String,
}

/// What came of it. Without the warm-up, but for `answered_with_warmup` and the processor time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Answers with status 200 in the measured time.
    pub(super) ok: u64,
    /// Of these, answers with the verdict `applied`.
    pub(super) applied: u64,
    /// Answers with another status.
    pub(super) refused: BTreeMap<u16, u64>,
    /// Connections that broke.
    pub(super) errors: u64,
    pub(super) seconds: f64,
    /// Answers with status 200 a second.
    pub(super) ok_per_second: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) max_us: u64,
    /// All answers with status 200.
    pub(super) ok_with_warmup: u64,
    /// All answers.
    pub(super) answered_with_warmup: u64,
    /// Processor time of this process for a request.
    pub(super) generator_cpu_us_per_request: f64,
    /// There were too few notifications for the time.
    pub(super) supply_used_up: bool,
}

/// Makes the load and prints the summary as JSON.
pub(crate) fn run(options: &Options) -> Result<()> {
    println!("{}", serde_json::to_string(&load(options)?)?);
    Ok(())
}

/// Makes the load from a process of its own: it signs, sends and reads without taking turns with what measures.
pub(super) fn load_from_outside(options: &Options) -> Result<Summary> {
    let mut loadgen = Command::new(std::env::current_exe()?);
    loadgen.arg("loadgen");
    for (name, value) in [
        ("--address", options.address.to_string()),
        ("--connections", options.connections.to_string()),
        ("--warmup-seconds", options.warmup_seconds.to_string()),
        ("--seconds", options.seconds.to_string()),
        ("--mix", options.mix.name().into()),
        ("--first-id", options.first_id.to_string()),
        ("--supply", options.supply.to_string()),
        ("--secret", options.secret.clone()),
    ] {
        loadgen.args([name, &value]);
    }
    serde_json::from_str(&process::read(&mut loadgen)?).context("loadgen's answer")
}

/// Makes the load.
pub(super) fn load(options: &Options) -> Result<Summary> {
    let requests =
        Requests::sign(options.address, &options.secret, options.mix, options.first_id, options.supply)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            streams.push(connect(options.address).await?);
        }
        let run = Rc::new(Run::start(requests, options)?);
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|stream| tokio::task::spawn_local(drive(Rc::clone(&run), options.address, stream)))
            .collect();
        let patience = options.warmup_seconds + options.seconds + LAST_ANSWER_SECONDS_MAX;
        let all = async {
            for task in tasks {
                task.await.context("a connection's task ended badly")??;
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(Duration::from_secs_f64(patience), all).await;
        ended.context("the server does not answer")??;
        run.finish()
    })
}

/// A run, shared by its connections, all on one thread.
struct Run {
    requests: Requests,
    next: Cell<usize>,
    measure_from: Instant,
    measure_until: Instant,
    cpu_before: Duration,
    supply_used_up: Cell<bool>,
    last_answer: Cell<Instant>,
    latencies: RefCell<Histogram<u64>>,
    counts: RefCell<Summary>,
}

impl Run {
    fn start(requests: Requests, options: &Options) -> Result<Self> {
        let cpu_before = server::cpu_time(std::process::id())?;
        let now = Instant::now();
        let measure_from = now + Duration::from_secs_f64(options.warmup_seconds);
        Ok(Self {
            requests,
            next: Cell::new(0),
            measure_from,
            measure_until: measure_from + Duration::from_secs_f64(options.seconds),
            cpu_before,
            supply_used_up: Cell::new(false),
            last_answer: Cell::new(now),
            latencies: RefCell::new(Histogram::new_with_max(LATENCY_US_MAX, LATENCY_DIGITS)?),
            counts: RefCell::default(),
        })
    }

    fn next_request(&self, now: Instant) -> Option<&[u8]> {
        if now >= self.measure_until {
            return None;
        }
        let index = self.next.get();
        let request = self.requests.get(index);
        self.next.set(index + 1);
        self.supply_used_up.set(request.is_none());
        request
    }

    fn record(&self, sent: Instant, answer: &Answer) {
        let now = Instant::now();
        let mut counts = self.counts.borrow_mut();
        counts.answered_with_warmup += 1;
        counts.ok_with_warmup += u64::from(answer.status == 200);
        if now < self.measure_from || now >= self.measure_until {
            return;
        }
        self.last_answer.set(now);
        if answer.status == 200 {
            counts.ok += 1;
            counts.applied += u64::from(answer.applied);
            let latency_us = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
            self.latencies.borrow_mut().saturating_record(latency_us);
        } else {
            *counts.refused.entry(answer.status).or_default() += 1;
        }
    }

    fn finish(&self) -> Result<Summary> {
        let mut summary = self.counts.take();
        let latencies = self.latencies.borrow();
        let end = if self.supply_used_up.get() { self.last_answer.get() } else { self.measure_until };
        let cpu = server::cpu_time(std::process::id())?.saturating_sub(self.cpu_before);
        summary.seconds = end.saturating_duration_since(self.measure_from).as_secs_f64();
        summary.ok_per_second = if summary.ok == 0 { 0.0 } else { summary.ok as f64 / summary.seconds };
        summary.p50_us = latencies.value_at_quantile(0.50);
        summary.p99_us = latencies.value_at_quantile(0.99);
        summary.max_us = latencies.max();
        summary.supply_used_up = self.supply_used_up.get();
        summary.generator_cpu_us_per_request =
            cpu.as_secs_f64() * 1e6 / summary.answered_with_warmup.max(1) as f64;
        Ok(summary)
    }
}

pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection: the next request as soon as the last is answered, until the time is over.
async fn drive(run: Rc<Run>, address: SocketAddr, mut stream: TcpStream) -> Result<()> {
    let mut buffer = Vec::with_capacity(ANSWER_BYTES);
    loop {
        let sent = Instant::now();
        let Some(request) = run.next_request(sent) else {
            return Ok(());
        };
        let closed = match exchange(&mut stream, request, &mut buffer).await {
            Ok(answer) => {
                run.record(sent, &answer);
                answer.closes
            }
            Err(error) => {
                let first = run.counts.borrow().errors == 0;
                if first {
                    eprintln!("loadgen: {error:#}");
                }
                run.counts.borrow_mut().errors += 1;
                true
            }
        };
        if closed {
            stream = connect(address).await?;
        }
    }
}

/// What matters of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    applied: bool,
    closes: bool,
}

impl Answer {
    /// Whether the notification was stored and worked in.
    pub(super) fn is_applied(&self) -> bool {
        self.status == 200 && self.applied
    }
}

pub(super) async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<Answer> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection after {} bytes of an answer", buffer.len());
        }
        if let Some(answer) = parse(buffer)? {
            return Ok(answer);
        }
    }
}

/// Reads an answer; none while it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; ANSWER_HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_length) = response.parse(bytes)? else {
        return Ok(None);
    };
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let body_length: usize = header("content-length")
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
        .context("an answer without a length")?;
    let Some(body) = bytes.get(head_length..head_length + body_length) else {
        return Ok(None);
    };
    let applied = br#""verdict":"applied""#;
    Ok(Some(Answer {
        status: response.code.unwrap_or_default(),
        applied: body.windows(applied.len()).any(|window| window == applied),
        closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close")),
    }))
}

#[cfg(test)]
mod tests;
