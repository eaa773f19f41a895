//! `tollhouse job`: steps towards the outside.

use clap::{Subcommand, ValueEnum};
use tollhouse_core::command::Command;
use tollhouse_core::id::JobId;
use tollhouse_core::job::JobState;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::JobFilter;

use super::args::Limit;
use super::error::CliError;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::session::Session;
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum JobCommand {
    /// Show steps, the newest first
    List {
        /// Only those that stand here; dead ones were given up and are in the attention list
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only those of a kind: deliver_access, end_membership, create_invoice, …
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "JOB_ID")]
        before: Option<JobId>,
    },
    /// Show a step, with the order and the buyer that it is about
    Show {
        /// The step (job_…)
        job: JobId,
    },
    /// Try a step that failed again, or one that waits at once
    Retry {
        /// The step (job_…)
        job: JobId,
    },
}

/// [`JobState`] as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    Ready,
    Leased,
    Done,
    Dead,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: JobCommand) -> Result<(), CliError> {
    match command {
        JobCommand::List { state, kind, limit, before } => {
            let state = state.map(|state| match state {
                State::Ready => JobState::Ready,
                State::Leased => JobState::Leased,
                State::Done => JobState::Done,
                State::Dead => JobState::Dead,
            });
            list(session, JobFilter { state, kind, before, limit: limit.limit }).await
        }
        JobCommand::Show { job } => show(session, job).await,
        JobCommand::Retry { job } => {
            session.submit(Command::RetryJob { job_id: job }).await?;
            show(session, job).await
        }
    }
}

async fn list(session: &Session, filter: JobFilter) -> Result<(), CliError> {
    let limit = filter.limit;
    let jobs = session.app.store.jobs(filter).await?;
    let about = session.app.store.snapshot(view::Job::needs(&jobs)).await?;
    let rows: Vec<view::Job> = jobs.iter().map(|job| view::Job::among(job, &about)).collect();
    let last = jobs.last().map(|job| job.id.to_string());
    session.list(&rows, limit, last, || {
        let cells = rows.iter().map(|job| {
            [
                job.id.to_string(),
                job.kind.to_owned(),
                job.state.as_str().to_owned(),
                when(job.run_at),
                job.attempt.to_string(),
                job.subject.clone(),
                or_nothing(job.order_id),
                or_nothing(job.telegram_user),
                or_nothing(job.last_error.as_ref()),
            ]
        });
        let headline = ["ID", "KIND", "STATE", "DUE", "FAILURES", "ABOUT", "ORDER", "BUYER", "LAST ERROR"];
        table(headline, cells.collect(), "No jobs.")
    })
}

async fn show(session: &Session, id: JobId) -> Result<(), CliError> {
    let needs = Needs { jobs: [id].into(), ..Needs::default() };
    let snapshot = session.app.store.snapshot(needs).await?;
    let job = snapshot.jobs.get(&id);
    let job = job.ok_or_else(|| CliError::Failed(format!("no job {id}; `tollhouse job list` shows them")))?;
    let about = session.app.store.snapshot(view::Job::needs([job])).await?;
    Ok(session.out.answer(&view::Job::among(job, &about), |job| {
        block(&[
            ("Job", job.id.to_string()),
            ("Kind", job.kind.to_owned()),
            ("About", job.subject.clone()),
            ("Order", or_nothing(job.order_id)),
            ("Buyer", or_nothing(job.telegram_user)),
            ("State", job.state.as_str().to_owned()),
            ("Due", when(job.run_at)),
            ("Failures", job.attempt.to_string()),
            ("Last error", or_nothing(job.last_error.as_ref())),
            ("Ended", when_or_nothing(job.finished_at)),
        ])
    })?)
}
