//! The people of `bench pages`: each has an order's page open, as an event stream, and waits to be told. They live in a process of their own,
//! on one thread, beside somebody who sends the provider's notifications.
//!
//! From outside a commit is not seen, only the notification that leads to it and the answer that follows it. Both times are told: the time
//! from the sending has the commit in it, the time from the answer has not.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet, LocalSet};

use super::browser::Connection;
use super::notification::{self, LIFE};
use super::{loadgen, server};

/// After this time without a change, memory is called settled.
const SETTLE: Duration = Duration::from_secs(2);
/// Longer than any page may wait to be told; then the benchmark fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// Notifications under way at once, where all pages change at once.
const SENDERS: usize = 64;
/// The room for what a page was told last; it is never more than one event.
const EVENT_BYTES: usize = 2_048;
/// Streams that are opened at once: below the queue of connections that wait to be accepted.
const OPENED_AT_ONCE: usize = 100;
/// How often each order is looked at before the measurement: there are four readers of an SQLite file.
const LOOKS_BEFORE: usize = 8;
/// The first payment's id.
const FIRST_PAYMENT: u64 = 5_000_000_000;
/// Times are kept to three digits, from a microsecond to a minute.
const TIME_US_MAX: u64 = 60_000_000;
const TIME_DIGITS: u8 = 3;

/// Who looks at what.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The server
    #[arg(long)]
    pub(super) address: SocketAddr,
    /// Its process, whose memory is looked at
    #[arg(long)]
    pub(super) process: u32,
    /// The payment link by which orders are made
    #[arg(long)]
    pub(super) slug: String,
    /// Pages that are open at once
    #[arg(long)]
    pub(super) pages: usize,
    /// Of them, pages whose orders change one after the other
    #[arg(long)]
    pub(super) steady_pages: usize,
    /// Changes a second then
    #[arg(long)]
    pub(super) steady_rate: f64,
    /// All look at one order
    #[arg(long)]
    pub(super) one_order: bool,
    /// The secret to sign with
    #[arg(long)]
    pub(super) secret: String,
}

/// How soon pages were told, in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// How many times a page was told.
    pub(super) told: u64,
    /// Of how many changes.
    pub(super) changes: usize,
    /// From the sending of the notification.
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) max_us: u64,
    /// From its answer, which comes right after the commit.
    pub(super) after_answer_p50_us: u64,
    pub(super) after_answer_p99_us: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The server's memory with all orders looked at before, and no page open.
    pub(super) none_open_kib: u64,
    /// With all pages open.
    pub(super) all_open_kib: u64,
    /// The same after all of them were told of the changes.
    pub(super) all_told_kib: u64,
    /// Each order changes, one after the other, or the one order at which all look.
    pub(super) one_by_one: Told,
    /// All orders change at once; none if there is one only.
    pub(super) at_once: Option<Told>,
}

impl Summary {
    /// What an open page costs, in bytes.
    pub(super) fn bytes_per_page(&self, pages: usize) -> f64 {
        self.all_open_kib.saturating_sub(self.none_open_kib) as f64 * 1024.0 / pages.max(1) as f64
    }
}

/// Looks, and prints the summary as JSON.
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let summary = LocalSet::new().block_on(&runtime, look(options))?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

async fn look(options: &Options) -> Result<Summary> {
    let orders = make_orders(options)?;
    let changes: Vec<Change> =
        orders.iter().enumerate().map(|(page, order)| Change::of(page, order)).collect();
    let pages: Vec<String> = orders.iter().cycle().take(options.pages).cloned().collect();

    // What the first pages of all cost, the program keeps.
    drop(Audience::open(options, &pages[..OPENED_AT_ONCE.min(pages.len())]).await?);
    let none_open_kib = settled(options).await?;
    let audience = Audience::open(options, &pages).await?;
    let all_open_kib = settled(options).await?;

    let mut one_by_one = Times::new()?;
    if options.one_order {
        for stage in 1..LIFE.len() {
            audience.change(options, stage, &changes, 1, None).await?;
            one_by_one.add(&audience, |_| 0);
        }
        let all_told_kib = settled(options).await?;
        let one_by_one = one_by_one.told(LIFE.len() - 1);
        return Ok(Summary { none_open_kib, all_open_kib, all_told_kib, one_by_one, at_once: None });
    }
    let few = &changes[..options.steady_pages.min(changes.len())];
    audience.change(options, 1, few, 1, Some(options.steady_rate)).await?;
    one_by_one.add(&audience, |page| page);
    let mut at_once = Times::new()?;
    for stage in 2..LIFE.len() {
        audience.change(options, stage, &changes, SENDERS, None).await?;
        at_once.add(&audience, |page| page);
    }
    Ok(Summary {
        none_open_kib,
        all_open_kib,
        all_told_kib: settled(options).await?,
        one_by_one: one_by_one.told(few.len()),
        at_once: Some(at_once.told((LIFE.len() - 2) * changes.len())),
    })
}

/// Makes the orders, and looks at each often enough that every reader of the database has seen it: what the database keeps in memory is not
/// to be taken for what a page costs.
fn make_orders(options: &Options) -> Result<Vec<String>> {
    let mut shop = Connection::open(options.address)?;
    let count = if options.one_order { 1 } else { options.pages };
    let orders = (0..count).map(|_| shop.buy(&options.slug)).collect::<Result<Vec<_>>>()?;
    for _ in 0..LOOKS_BEFORE {
        for order in &orders {
            let status = shop.get(&format!("/o/{order}"))?.status;
            ensure!(status == 200, "the page of {order} answers {status}");
        }
    }
    Ok(orders)
}

async fn settled(options: &Options) -> Result<u64> {
    tokio::time::sleep(SETTLE).await;
    Ok(server::memory_of(options.process)?.resident_kib)
}

/// Something that is to happen to an order.
#[derive(Clone)]
struct Change {
    /// The first of the pages that are told of it.
    page: usize,
    payment: u64,
    order: String,
}

impl Change {
    fn of(page: usize, order: &str) -> Self {
        Self { page, payment: FIRST_PAYMENT + page as u64, order: order.to_owned() }
    }
}

/// All who look, and what they wait for.
struct Audience {
    shared: Rc<Shared>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

struct Shared {
    /// What an event must say to count.
    awaited: RefCell<Vec<u8>>,
    told: RefCell<Vec<Option<Instant>>>,
    /// How many are still to be told.
    left: Cell<usize>,
    progress: Notify,
    /// When the notification about a page's order was sent and answered.
    sent: RefCell<Vec<Option<(Instant, Instant)>>>,
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Audience {
    /// Opens a stream for each order and waits until each was told how its order stands.
    async fn open(options: &Options, orders: &[String]) -> Result<Self> {
        let shared = Rc::new(Shared {
            awaited: RefCell::default(),
            told: RefCell::new(vec![None; orders.len()]),
            left: Cell::new(0),
            progress: Notify::new(),
            sent: RefCell::new(vec![None; orders.len()]),
        });
        let mut audience = Self { shared, tasks: Vec::with_capacity(orders.len()) };
        // Whatever is said first.
        audience.expect(b"event: state", orders.len());
        for some in orders.chunks(OPENED_AT_ONCE) {
            for order in some {
                let stream = TcpStream::connect(options.address).await.context("cannot open a page")?;
                let request = format!(
                    "GET /o/{order}/events HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\n\r\n",
                    options.address
                );
                let (shared, page) = (Rc::clone(&audience.shared), audience.tasks.len());
                audience.tasks.push(tokio::task::spawn_local(view(shared, page, stream, request)));
            }
            // The next come when these were served.
            audience.wait_until_left(orders.len() - audience.tasks.len()).await?;
        }
        Ok(audience)
    }

    fn expect(&self, awaited: &[u8], pages: usize) {
        *self.shared.awaited.borrow_mut() = awaited.to_vec();
        self.shared.told.borrow_mut().fill(None);
        self.shared.sent.borrow_mut().fill(None);
        self.shared.left.set(pages);
    }

    async fn wait_until_left(&self, left: usize) -> Result<()> {
        let enough = async {
            while self.shared.left.get() > left {
                self.shared.progress.notified().await;
            }
        };
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            bail!("{} pages were not told within {} s", self.shared.left.get(), PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Brings orders to a stage of [`LIFE`], so many at once, as fast as they are answered or at a rate, and waits until all of their pages
    /// were told.
    async fn change(
        &self,
        options: &Options,
        stage: usize,
        changes: &[Change],
        senders: usize,
        rate: Option<f64>,
    ) -> Result<()> {
        let pages = if changes.len() == 1 { self.tasks.len() } else { changes.len() };
        self.expect(format!("\"payment_status\":\"{}\"", LIFE[stage].0).as_bytes(), pages);
        let requests = changes.iter().map(|change| {
            let body = notification::body_about(stage, change.payment, &change.order);
            (change.page, notification::request(options.address, &options.secret, &body))
        });
        let queue =
            Rc::new(Queue { requests: requests.collect(), next: Cell::new(0), rate, begun: Instant::now() });
        let mut sending = JoinSet::new();
        for _ in 0..senders.min(changes.len()) {
            sending.spawn_local(send(Rc::clone(&queue), Rc::clone(&self.shared), options.address));
        }
        while let Some(ended) = sending.join_next().await {
            ended??;
        }
        self.wait_until_left(0).await
    }
}

/// Reads a stream for ever and notes when it said what is awaited.
async fn view(shared: Rc<Shared>, page: usize, mut stream: TcpStream, request: String) -> Result<()> {
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(EVENT_BYTES);
    while stream.read_buf(&mut buffer).await? > 0 {
        let now = Instant::now();
        let is_said = {
            let awaited = shared.awaited.borrow();
            buffer.windows(awaited.len()).any(|window| window == *awaited)
        };
        if is_said && shared.told.borrow()[page].is_none() {
            shared.told.borrow_mut()[page] = Some(now);
            shared.left.set(shared.left.get().saturating_sub(1));
            shared.progress.notify_one();
        }
        // The end of an event in its chunk.
        if buffer.ends_with(b"\n\n\r\n") {
            buffer.clear();
        }
    }
    bail!("the server closed a stream")
}

/// Notifications that are to be sent.
struct Queue {
    requests: Vec<(usize, Vec<u8>)>,
    next: Cell<usize>,
    rate: Option<f64>,
    begun: Instant,
}

async fn send(queue: Rc<Queue>, shared: Rc<Shared>, address: SocketAddr) -> Result<()> {
    let mut stream = loadgen::connect(address).await?;
    let mut buffer = Vec::with_capacity(EVENT_BYTES);
    loop {
        let at = queue.next.replace(queue.next.get() + 1);
        let Some((page, request)) = queue.requests.get(at) else { return Ok(()) };
        if let Some(rate) = queue.rate {
            let due = queue.begun + Duration::from_secs_f64(at as f64 / rate);
            tokio::time::sleep_until(due.into()).await;
        }
        let sent = Instant::now();
        let is_applied = loadgen::exchange(&mut stream, request, &mut buffer).await?.is_applied();
        ensure!(is_applied, "a notification was not applied");
        shared.sent.borrow_mut()[*page] = Some((sent, Instant::now()));
    }
}

/// How long pages waited.
struct Times {
    after_sending: Histogram<u64>,
    after_answer: Histogram<u64>,
}

impl Times {
    fn new() -> Result<Self> {
        let new = || Histogram::new_with_max(TIME_US_MAX, TIME_DIGITS);
        Ok(Self { after_sending: new()?, after_answer: new()? })
    }

    /// Adds those who were told; `cause` says at which page the notification is noted that a page was told of.
    fn add(&mut self, audience: &Audience, cause: fn(usize) -> usize) {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let sent = audience.shared.sent.borrow();
        for (page, told) in audience.shared.told.borrow().iter().enumerate() {
            if let (Some(told), Some((from, answered))) = (told, sent[cause(page)]) {
                self.after_sending.saturating_record(us(told.saturating_duration_since(from)));
                self.after_answer.saturating_record(us(told.saturating_duration_since(answered)));
            }
        }
    }

    fn told(&self, commits: usize) -> Told {
        Told {
            told: self.after_sending.len(),
            changes: commits,
            p50_us: self.after_sending.value_at_quantile(0.50),
            p99_us: self.after_sending.value_at_quantile(0.99),
            max_us: self.after_sending.max(),
            after_answer_p50_us: self.after_answer.value_at_quantile(0.50),
            after_answer_p99_us: self.after_answer.value_at_quantile(0.99),
        }
    }
}
