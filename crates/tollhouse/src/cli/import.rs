//! `tollhouse import paygateprime`: coming over from the predecessor.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde::Serialize;
use tollhouse_core::attention::Reason;
use tollhouse_store::paygateprime::Source;
use tollhouse_store::{OpenError, OpenOptions, Ports, Store};

use super::error::CliError;
use super::output::{self, Out, block, table};
use super::replay::{TakenUp, take_up};
use super::session::{Session, actor};
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::import::{Counts, Finding, Report, Target, Terms};
use crate::no_store::NoStore;

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Carry over channels, members and payments of PayGatePrime, the predecessor
    ///
    /// Its database is only read. Every member keeps the exact end; nobody is written to. It can be run again at any time, also
    /// after an interruption and while Tollhouse is at work: what is here already is never shortened and never doubled.
    Paygateprime(PaygateprimeArgs),
}

#[derive(Debug, Args)]
pub(super) struct PaygateprimeArgs {
    /// Its database: postgres://user:password@host/database
    #[arg(long, value_name = "URL", required_unless_present = "from_file", conflicts_with = "from_file")]
    from: Option<String>,
    /// The same, read from a file, so that the password is in no list of processes
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Write nothing, only say what would be carried over
    #[arg(long)]
    dry_run: bool,
    /// The time zone of the predecessor's server, for example America/New_York: its dates have none
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
}

/// An import, and the payments that had been waiting for it.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    report: Report,
    /// Payments that waited for a channel and have found their order now.
    taken_up: Vec<TakenUp>,
}

/// Carries a command out.
pub(super) async fn run(out: Out, config: Config, command: ImportCommand) -> Result<(), CliError> {
    let ImportCommand::Paygateprime(args) = command;
    let zone = TimeZone::get(args.zone.trim()).map_err(|_| {
        CliError::Usage(format!(
            "{:?} is no time zone; write it as in America/New_York, Europe/Berlin or UTC",
            args.zone
        ))
    })?;
    let source = Source::open(&address(&args)?).await.map_err(source_error)?;
    if !source.has_processed_payments() {
        output::hint(
            "there is no table processed_payments: which payments were granted is known from the members' rows only",
        );
    }
    if args.dry_run {
        let store = existing(&config).await?;
        let clock = Clock::default();
        let now = clock.now();
        let target = Target::dry(Arc::clone(&store), clock);
        let actor = actor();
        let terms = Terms { zone: &zone, policies: &config.policies, actor: &actor, now };
        let came = crate::import::run(&source, &target, terms).await;
        store.close().await;
        let done = Done { report: came.map_err(stopped)?, taken_up: Vec::new() };
        return Ok(out.answer(&done, in_full)?);
    }
    let session = Session::open(config, out, true).await?;
    let done = carry_over(&session, &source, &zone).await;
    session.close().await;
    Ok(out.answer(&done?, in_full)?)
}

async fn carry_over(session: &Session, source: &Source, zone: &TimeZone) -> Result<Done, CliError> {
    let target = Target::real(Arc::clone(&session.app.store));
    let policies = &session.app.config.policies;
    let terms = Terms { zone, policies, actor: &session.actor, now: session.now() };
    let report = crate::import::run(source, &target, terms).await.map_err(stopped)?;
    // Only now: what the predecessor granted is known, and is not granted again by a notification that waited.
    let mut taken_up = take_up(session, Reason::UnknownChannel).await?;
    taken_up.extend(take_up(session, Reason::NoPlan).await?);
    Ok(Done { report, taken_up })
}

fn address(args: &PaygateprimeArgs) -> Result<String, CliError> {
    match (&args.from, &args.from_file) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display()))),
        (None, None) => Err(CliError::Usage("name the database with --from or --from-file".to_owned())),
    }
}

/// The database as it is, without making one or changing its schema. One that is not there yet is empty.
async fn existing(config: &Config) -> Result<Arc<dyn Store>, CliError> {
    let ports = Ports { now: Clock::default().as_fn(), ids: Box::new(Ids), on_batch: Arc::new(|_| {}) };
    let url = secrecy::ExposeSecret::expose_secret(&config.database_url);
    match tollhouse_store::open_with(url, ports, OpenOptions { migrate: false, ..OpenOptions::default() })
        .await
    {
        Ok(store) => Ok(store),
        Err(OpenError::Older { found: 0, .. }) => Ok(NoStore::shared()),
        Err(error) => Err(error.into()),
    }
}

fn source_error(error: tollhouse_store::paygateprime::SourceError) -> CliError {
    use tollhouse_store::paygateprime::SourceError;
    match error {
        SourceError::Open(OpenError::Url(problem)) => CliError::Usage(format!("--from: {problem}")),
        other => CliError::Failed(format!("--from: {other}")),
    }
}

fn stopped(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!(
        "{error}. What was carried over until then stays; run the import again to go on"
    ))
}

fn in_full(done: &Done) -> String {
    let report = &done.report;
    let mut text = if report.dry_run {
        format!("Dry run, nothing was written. From {}, its times read as {}.\n\n", report.from, report.zone)
    } else {
        format!("Carried over from {}, its times read as {}.\n\n", report.from, report.zone)
    };
    let row = |name: &str, counts: &Counts| {
        [
            name.to_owned(),
            counts.read.to_string(),
            counts.new.to_string(),
            counts.changed.to_string(),
            counts.known.to_string(),
            counts.not_carried.to_string(),
        ]
    };
    text.push_str(&table(
        ["", "ROWS", "NEW", "CHANGED", "AS BEFORE", "NOT CARRIED"],
        vec![
            row("Channels", &report.channels),
            row("Members", &report.memberships),
            row("Payments", &report.payments),
        ],
        "",
    ));
    text.push('\n');
    findings(&mut text, "Not carried over", &report.not_carried, report);
    findings(&mut text, "Carried over, but worth a look", &report.notes, report);
    for one in &done.taken_up {
        let _ = write!(text, "\nA payment that was waiting for this was taken up: {}.\n", one.summary());
    }
    text
}

fn findings(text: &mut String, headline: &str, findings: &[Finding], report: &Report) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{headline}:");
    for finding in findings {
        text.push('\n');
        text.push_str(&block(&[
            ("Row", format!("{} {}", finding.table, finding.key)),
            ("Why", format!("{}: {}", finding.reason, finding.message)),
            ("What to do", finding.what_to_do.to_owned()),
        ]));
    }
    let mut reasons: Vec<&str> = findings.iter().map(|finding| finding.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let listed = findings.iter().filter(|finding| finding.reason == reason).count();
        let all = report.reasons.get(reason).copied().unwrap_or_default();
        let more = all.saturating_sub(u64::try_from(listed).unwrap_or(u64::MAX));
        if more > 0 {
            let _ = writeln!(text, "\nAnd {more} more for the reason {reason}.");
        }
    }
}
