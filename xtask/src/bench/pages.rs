//! `bench pages`: what the buyer's pages cost. Thousands of them open, each an event stream, and how soon each is told; what it costs to draw
//! one; and how many bytes a phone has to load.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use super::browser::Connection;
use super::ingest::{Environment, PRIVATE_CHAT, SECRET};
use super::machine::{self, Machine};
use super::server::{self, Server};
use super::viewers::{Summary, Told};
use crate::{process, repository};

/// The goals: pages are told so soon, in milliseconds (median), …
const TOLD_MS_MAX: f64 = 100.0;
/// … an open page costs so much memory, in bytes, …
const PAGE_MEMORY_BYTES_MAX: f64 = 30_000.0;
/// … drawing one takes so much of a processor, in milliseconds, …
const RENDER_MS_MAX: f64 = 1.0;
/// … and a phone loads so many bytes.
const WIRE_BYTES_MAX: usize = 60_000;
/// The simulated provider's key.
const API_KEY: &str = "bench-key";
/// How long the first payment address may take, and how often the page is asked for it.
const ADDRESS_SECONDS_MAX: u64 = 10;
const ADDRESS_POLL: Duration = Duration::from_millis(20);

/// `bench pages`: how many pages, how often.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pages that are open at once
    #[arg(long, default_value_t = 2_000)]
    pages: usize,
    /// Of them, pages whose orders change one after the other
    #[arg(long, default_value_t = 500)]
    steady_pages: usize,
    /// Changes a second then
    #[arg(long, default_value_t = 100.0)]
    steady_rate: f64,
    /// How often each page is drawn
    #[arg(long, default_value_t = 3_000)]
    renders: u32,
    /// Where the database is made, in a folder that is removed at the end; must be on a disk
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
}

/// What it costs to draw a page in one state.
#[derive(Debug, Serialize)]
struct Drawn {
    state: &'static str,
    /// Of the server's processor time, with the request, the reading of the order and the answer.
    cpu_us: f64,
    /// Of the page alone, with the head of the answer.
    page_bytes: usize,
    /// With everything that it loads.
    all_bytes: usize,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    pages: usize,
    /// Each page is of an order of its own.
    own_orders: Summary,
    /// All pages are of one order.
    one_order: Summary,
    drawn: Vec<Drawn>,
}

/// Runs the benchmark, prints its tables and writes `target/bench/pages.json`.
pub(crate) fn run(options: &Options) -> Result<()> {
    machine::check_disk(&options.folder)?;
    println!("Building tollhouse with optimisations");
    let build = ["build", "--quiet", "--release", "--locked", "--package", "tollhouse"];
    process::run(Command::new("cargo").current_dir(repository()).args(build))?;

    let results = repository().join("target/bench");
    fs::create_dir_all(&results)?;
    let work = tempfile::Builder::new().prefix("tollhouse-bench-").tempdir_in(&options.folder)?;
    let bench = Bench {
        options,
        program: std::env::current_exe()?.with_file_name("tollhouse"),
        log: results.join("pages.log"),
        work: work.path(),
    };
    File::create(&bench.log)?;
    let machine = Machine::describe(work.path(), false)?;
    println!("{} pages open, each of an order of its own", options.pages);
    let own_orders = bench.open_pages(false)?;
    println!("{} pages open, all of one order", options.pages);
    let one_order = bench.open_pages(true)?;
    println!("Drawing pages, {} times each", options.renders);
    let drawn = bench.draw_pages()?;
    let report = Report { machine, pages: options.pages, own_orders, one_order, drawn };
    let json = results.join("pages.json");
    fs::write(&json, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", json.display()))?;
    print!("\n{}", report.markdown());
    println!("\nAll numbers: {}", json.display());
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    program: PathBuf,
    log: PathBuf,
    work: &'a Path,
}

impl Bench<'_> {
    /// A shop with one channel and one link, in a folder of its own.
    fn shop(&self, name: &str) -> Result<(Environment, String)> {
        let folder = self.work.join(name);
        fs::create_dir_all(&folder)?;
        let database = format!("sqlite://{}", folder.join("bench.db").display());
        let environment = Environment { program: self.program.clone(), folder, database };
        environment.add_channel()?;
        let read = |words: &[&str]| -> Result<Value> {
            let mut command = environment.command(words[0]);
            Ok(serde_json::from_str(&process::read(command.args(&words[1..]).arg("--json"))?)?)
        };
        let chat = format!("--channel={PRIVATE_CHAT}");
        let channels = read(&["channel", "list"])?;
        let plan = channels[0]["plans"][0]["id"].as_str().context("a channel without a plan")?.to_owned();
        let link = read(&["link", "create", &chat, &format!("--plan={plan}")])?;
        let url = link["url"].as_str().context("a link without an address")?;
        let slug = url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((environment, slug))
    }

    fn open_pages(&self, one_order: bool) -> Result<Summary> {
        let (environment, slug) = self.shop(if one_order { "one" } else { "own" })?;
        let server = Server::start(&mut environment.command("serve"), &self.log)?;
        let mut viewers = Command::new(std::env::current_exe()?);
        viewers.arg("viewers");
        for (name, value) in [
            ("--address", server.address.to_string()),
            ("--process", server.id()?.to_string()),
            ("--slug", slug),
            ("--pages", self.options.pages.to_string()),
            ("--steady-pages", self.options.steady_pages.to_string()),
            ("--steady-rate", self.options.steady_rate.to_string()),
            ("--secret", SECRET.into()),
        ] {
            viewers.arg(format!("{name}={value}"));
        }
        if one_order {
            viewers.arg("--one-order");
        }
        let summary = serde_json::from_str(&process::read(&mut viewers)?).context("the viewers' answer")?;
        server.stop()?;
        Ok(summary)
    }

    fn draw_pages(&self) -> Result<Vec<Drawn>> {
        let (environment, slug) = self.shop("renders")?;
        let provider = Server::start_sandbox(&self.program, &self.log, API_KEY, SECRET)?;
        let mut serve = environment.command("serve");
        serve
            .env("TOLLHOUSE_NOWPAYMENTS_API_URL", format!("http://{}/v1", provider.address))
            .env("TOLLHOUSE_NOWPAYMENTS_API_KEY", API_KEY);
        let server = Server::start(&mut serve, &self.log)?;
        let mut browser = Connection::open(server.address)?;
        let link = self.draw("link", &format!("/c/{slug}"), &server, &mut browser)?;
        let order = browser.buy(&slug)?;
        let page = format!("/o/{order}");
        wait_for(&mut browser, &page, "id=\"hosted\"")?;
        let choice = self.draw("choosing a coin", &page, &server, &mut browser)?;
        browser.post(&format!("{page}/coin"), "coin=ltc")?;
        wait_for(&mut browser, &page, "id=\"qr\"")?;
        let pay = self.draw("paying, with a QR code", &page, &server, &mut browser)?;
        drop(browser);
        server.stop()?;
        provider.stop()?;
        Ok(vec![link, choice, pay])
    }

    fn draw(
        &self,
        state: &'static str,
        path: &str,
        server: &Server,
        browser: &mut Connection,
    ) -> Result<Drawn> {
        let page = browser.get(path)?;
        ensure!(page.status == 200, "{path} answers {}", page.status);
        let mut all_bytes = page.bytes;
        for asset in assets(&page.body) {
            all_bytes += browser.get(asset)?.bytes;
        }
        let before = server.cpu_time()?;
        for _ in 0..self.options.renders {
            browser.get(path)?;
        }
        let cpu = server.cpu_time()?.saturating_sub(before);
        let cpu_us = cpu.as_secs_f64() * 1e6 / f64::from(self.options.renders.max(1));
        Ok(Drawn { state, cpu_us, page_bytes: page.bytes, all_bytes })
    }
}

/// What a page loads besides itself.
fn assets(page: &str) -> impl Iterator<Item = &str> {
    page.split('"').filter(|value| value.starts_with("/assets/"))
}

/// Asks for a page until it has what the provider is asked for meanwhile.
fn wait_for(browser: &mut Connection, path: &str, what: &str) -> Result<()> {
    let begun = Instant::now();
    while !browser.get(path)?.body.contains(what) {
        if begun.elapsed() > Duration::from_secs(ADDRESS_SECONDS_MAX) {
            bail!("{path} does not get {what} within {ADDRESS_SECONDS_MAX} s");
        }
        server::pause(ADDRESS_POLL);
    }
    Ok(())
}

impl Report {
    fn markdown(&self) -> String {
        let Self { machine, pages, own_orders, one_order, drawn } = self;
        let at_once = own_orders.at_once.as_ref().unwrap_or(&own_orders.one_by_one);
        let mut text = format!(
            "{} cores of {}, {:.0} syncs/s of 4 KiB, SQLite, commit {}.\n\
             {pages} pages are open, each an event stream. Who looks at them and who sends the notifications is one thread of another process \
             on the same cores.\n",
            machine.cores, machine.processor, machine.syncs_per_second, machine.commit,
        );
        text.push_str(
            "\n| told of | changes | times told | after the sending ms, p50 | p99 | slowest | after the answer ms, p50 | p99 |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for (what, told) in [
            ("a change of each order, one after the other", &own_orders.one_by_one),
            ("a change of one order, at which all look", &one_order.one_by_one),
            ("a change of every order at once", at_once),
        ] {
            let ms = |us: u64| format!("{:.1}", us as f64 / 1e3);
            let Told { told, changes, p50_us, p99_us, max_us, after_answer_p50_us, after_answer_p99_us } =
                told;
            let times = [p50_us, p99_us, max_us, after_answer_p50_us, after_answer_p99_us].map(|us| ms(*us));
            let _ = writeln!(text, "| {what} | {changes} | {told} | {} |", times.join(" | "));
        }
        let dearest_page = own_orders.bytes_per_page(*pages).max(one_order.bytes_per_page(*pages));
        text.push_str("\n| open pages | memory before MB | all open MB | after the changes MB | of a page kB |\n|---|---:|---:|---:|---:|\n");
        for (what, summary) in [("each of an order of its own", own_orders), ("all of one order", one_order)]
        {
            let mb = |kib: u64| format!("{:.1}", kib as f64 * 1024.0 / 1e6);
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {} | {:.1} |",
                mb(summary.none_open_kib),
                mb(summary.all_open_kib),
                mb(summary.all_told_kib),
                summary.bytes_per_page(*pages) / 1e3
            );
        }
        text.push_str("\n| page | server CPU to draw it, ms | page kB | with all that it loads kB |\n|---|---:|---:|---:|\n");
        for Drawn { state, cpu_us, page_bytes, all_bytes } in drawn {
            let (page_kb, all_kb) = (*page_bytes as f64 / 1e3, *all_bytes as f64 / 1e3);
            let _ = writeln!(text, "| {state} | {:.3} | {page_kb:.1} | {all_kb:.1} |", cpu_us / 1e3);
        }
        text.push_str("\n| goal | |\n|---|---|\n");
        let slowest_median = [&own_orders.one_by_one, &one_order.one_by_one, at_once].map(|told| told.p50_us);
        let slowest_median = slowest_median.into_iter().max().unwrap_or_default() as f64 / 1e3;
        let dearest = drawn.iter().map(|drawn| drawn.cpu_us / 1e3).fold(0.0, f64::max);
        let heaviest = drawn.iter().map(|drawn| drawn.all_bytes).max().unwrap_or_default();
        for (what, reached) in [
            (format!("told within {TOLD_MS_MAX} ms, median"), slowest_median < TOLD_MS_MAX),
            (
                format!("an open page below {} kB", PAGE_MEMORY_BYTES_MAX / 1e3),
                dearest_page < PAGE_MEMORY_BYTES_MAX,
            ),
            (format!("drawn in less than {RENDER_MS_MAX} ms"), dearest < RENDER_MS_MAX),
            (format!("less than {} kB on the wire", WIRE_BYTES_MAX / 1000), heaviest < WIRE_BYTES_MAX),
        ] {
            let _ = writeln!(text, "| {what} | {} |", if reached { "reached" } else { "missed" });
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_loads_is_found_in_it() {
        let page =
            r#"<link href="/assets/page-1.css"><script src="/assets/page-2.js"></script><a href="/o/x">"#;
        assert_eq!(assets(page).collect::<Vec<_>>(), ["/assets/page-1.css", "/assets/page-2.js"]);
    }
}
