//! `tollhouse reconcile`: what the provider knows and we do not, now; and the statement of both sides.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tollhouse_core::money::Money;

use super::args::MomentArg;
use super::error::CliError;
use super::output::{self, block, or_nothing, table, when};
use super::session::Session;
use crate::config::ConfigError;
use crate::reconcile::Trouble;
use crate::reconcile::pass::{Tally, Window, on_demand};
use crate::reconcile::statement::{Difference, Format, Row, Statement, Totals, statement};
use crate::reconcile::take::Finding;
use crate::view;

/// How many rows with a difference are shown; the file has them all.
const DIFFERENCES_SHOWN_MAX: usize = 50;

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Payments made since: a time before now (2d, 12h), a day in UTC (2026-11-01) or an instant
    #[arg(long, value_name = "WHEN", default_value = "2d")]
    since: MomentArg,
    /// Payments made before, in the same forms [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<MomentArg>,
    /// Only say what is missing; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Then write a statement of the period: every payment of the provider's against orders, grants and memberships
    #[arg(long, value_name = "FILE.csv|FILE.json")]
    report: Option<PathBuf>,
}

/// What a run came to.
#[derive(Debug, Serialize)]
struct Reconciled {
    since: Timestamp,
    until: Timestamp,
    dry_run: bool,
    /// Whether everything that was to be asked was answered.
    complete: bool,
    /// Whether the provider's list was read.
    lists_payments: bool,
    /// Payments in the list.
    listed: u64,
    /// Payments that were asked for one by one.
    asked: u64,
    /// Of which the provider knew more than we did.
    found: Vec<Finding>,
    /// That were asked for without an answer that can be used.
    unanswered: Vec<Unanswered>,
    /// In the list, and none of ours.
    foreign: u64,
    /// Rows of the list that name no payment.
    unreadable: u64,
    /// The statement, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
}

#[derive(Debug, Serialize)]
struct Unanswered {
    payment_id: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Report {
    file: String,
    totals: Totals,
    #[serde(skip)]
    different: Vec<Row>,
}

impl Report {
    /// The differences of all rows: one payment may have several.
    fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.different.iter().flat_map(|row| &row.differences)
    }

    /// How many of them nothing explains, with the rows that name no payment.
    fn unexplained(&self) -> u64 {
        let count = self.differences().filter(|difference| !difference.explained).count();
        self.totals.unreadable.saturating_add(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

/// Carries the command out.
pub(super) async fn run(session: &Session, args: ReconcileArgs) -> Result<(), CliError> {
    let format = args.report.as_deref().map(Format::of).transpose();
    let format = format.map_err(|error| CliError::Usage(format!("--report: {error}")))?;
    let (since, until) = period(&args, session.now())?;
    can_ask(session, format.is_some())?;
    // Without an end that was asked for there is none: a clock that is behind must not leave the newest payments out.
    let end = args.until.is_some().then_some(until);
    let window = Window { from: since, until: end, dry_run: args.dry_run };
    let mut tally = Tally::default();
    let outcome = on_demand(&session.app, window, &mut tally).await;
    let mut done = summed_up(&args, since, until, tally, outcome.is_ok());
    let mut trouble = outcome.err();
    if let (Some(path), Some(format), None) = (&args.report, format, &trouble) {
        match statement(&session.app, since, until).await {
            Ok(made) => {
                made.save(path, format).map_err(|error| {
                    CliError::Failed(format!("the report cannot be written to {}: {error}", path.display()))
                })?;
                done.report = Some(report(path.display().to_string(), made));
            }
            Err(error) => trouble = Some(error),
        }
    }
    session.out.answer(&done, text)?;
    verdict(&done, trouble)
}

fn period(args: &ReconcileArgs, now: Timestamp) -> Result<(Timestamp, Timestamp), CliError> {
    let since = args.since.at(now);
    let until = args.until.map_or(now, |until| until.at(now));
    if since >= until {
        return Err(CliError::Usage(format!("--since {since} is not before --until {until}")));
    }
    Ok((since, until))
}

/// Names the setting without which nothing, or no statement, can be had.
fn can_ask(session: &Session, wants_report: bool) -> Result<(), CliError> {
    let missing = |key: &str, what: &str| {
        Err(ConfigError { key: key.to_owned(), problem: format!("missing; {what}") }.into())
    };
    if session.app.provider.is_none() {
        return missing("TOLLHOUSE_NOWPAYMENTS_API_KEY", "without it the provider cannot be asked");
    }
    // The configuration sees to it that there is no email without a password.
    const LOGIN: &str = "TOLLHOUSE_NOWPAYMENTS_EMAIL";
    match (session.app.config.nowpayments.can_list(), wants_report) {
        (true, _) => Ok(()),
        (false, true) => missing(
            LOGIN,
            "the provider's list, which a statement is made from, wants the account's email and password",
        ),
        (false, false) => {
            output::hint(&format!(
                "{LOGIN} is missing, so the provider's list cannot be read: only payments of which something was heard are asked for"
            ));
            Ok(())
        }
    }
}

fn summed_up(
    args: &ReconcileArgs,
    since: Timestamp,
    until: Timestamp,
    tally: Tally,
    is_done: bool,
) -> Reconciled {
    let unanswered: Vec<Unanswered> = tally
        .unanswered
        .into_iter()
        .map(|(id, why)| Unanswered { payment_id: view::payment_id(id), why })
        .collect();
    Reconciled {
        since,
        until,
        dry_run: args.dry_run,
        complete: is_done && unanswered.is_empty(),
        lists_payments: tally.lists,
        listed: tally.listed,
        asked: tally.asked,
        found: tally.found,
        unanswered,
        foreign: tally.foreign,
        unreadable: tally.unreadable,
        report: None,
    }
}

fn report(file: String, statement: Statement) -> Report {
    let mut different: Vec<Row> =
        statement.rows.into_iter().filter(|row| !row.differences.is_empty()).collect();
    // What nobody has explained comes first.
    different.sort_by_key(Row::is_explained);
    Report { file, totals: statement.totals, different }
}

fn verdict(done: &Reconciled, trouble: Option<Trouble>) -> Result<(), CliError> {
    if let Some(trouble) = trouble {
        return Err(CliError::Failed(format!(
            "{trouble}; what was taken in by then stays, run it again later"
        )));
    }
    if let Some(unanswered) = done.unanswered.first() {
        let count = done.unanswered.len();
        return Err(CliError::Failed(format!(
            "of {count} payment(s) the provider gave no answer that can be used; {}: {}",
            unanswered.payment_id, unanswered.why
        )));
    }
    match &done.report {
        Some(report) if !report.totals.is_clean() => Err(CliError::Failed(format!(
            "differences that nothing explains: {}; see {}",
            report.unexplained(),
            report.file
        ))),
        _ => Ok(()),
    }
}

fn text(done: &Reconciled) -> String {
    let verb = if done.dry_run { "would be taken in" } else { "taken in" };
    let mut text = block(&[
        ("Payments made", format!("{} to {}", when(done.since), when(done.until))),
        ("In the list", if done.lists_payments { done.listed.to_string() } else { "not read".to_owned() }),
        ("Asked for", done.asked.to_string()),
        ("Missing here", format!("{} {verb}", done.found.len())),
    ]);
    if done.foreign > 0 {
        text.push_str(&block(&[("None of ours", done.foreign.to_string())]));
    }
    if done.unreadable > 0 {
        text.push_str(&block(&[("Unreadable rows", done.unreadable.to_string())]));
    }
    if !done.found.is_empty() {
        let cells = done.found.iter().map(|found| {
            [
                view::payment_id(found.id),
                or_nothing(found.recorded_status.as_ref()),
                found.status.to_string(),
                or_nothing(found.verdict.map(|verdict| verdict.as_str())),
                or_nothing(found.reason.as_ref()),
                or_nothing(found.order_id),
                if found.granted { "access given" } else { "-" }.to_owned(),
            ]
        });
        let headline = ["PAYMENT", "HERE IT WAS", "THERE IT IS", "CAME TO", "WHY", "ORDER", "ACCESS"];
        text.push_str(&format!("\n{}\n", table(headline, cells.collect(), "")));
    }
    if let Some(report) = &done.report {
        text.push_str(&report_text(report));
    }
    text
}

fn report_text(report: &Report) -> String {
    let totals = &report.totals;
    let sums = |sums: &[Money]| {
        let sums: Vec<String> = sums.iter().map(ToString::to_string).collect();
        if sums.is_empty() { "-".to_owned() } else { sums.join(", ") }
    };
    let mut text = format!(
        "\n{}",
        block(&[
            ("Statement", report.file.clone()),
            (
                "Payments",
                format!("{}, {} with money, {} refunded", totals.payments, totals.credited, totals.refunded)
            ),
            ("Paid orders", format!("{}, for {}", totals.paid_orders, sums(&totals.sold))),
            ("You got", sums(&totals.received)),
            (
                "Differences",
                match report.differences().count() {
                    0 if totals.unreadable == 0 => "none".to_owned(),
                    count => format!(
                        "{count} (in {} rows), {} of them not explained",
                        totals.differences,
                        report.unexplained()
                    ),
                }
            ),
        ])
    );
    if report.different.is_empty() {
        return text;
    }
    let lines = report.different.iter().take(DIFFERENCES_SHOWN_MAX).flat_map(|row| {
        row.differences.iter().map(|difference| {
            [
                row.provider_payment_id.map_or_else(|| or_nothing(row.order_id), view::payment_id),
                difference.kind.as_str().to_owned(),
                if difference.explained { "yes" } else { "NO" }.to_owned(),
                difference.sentence.clone(),
            ]
        })
    });
    text.push_str(&format!(
        "\n{}\n",
        table(["PAYMENT", "DIFFERENCE", "EXPLAINED", "WHAT IT IS"], lines.collect(), "")
    ));
    let more = report.different.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!("… and {more} more in the file\n"));
    }
    text
}
