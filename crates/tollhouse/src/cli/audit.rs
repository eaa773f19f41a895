//! `tollhouse audit`: who did what, and whether somebody changed the record of it.

use clap::Subcommand;
use serde::Serialize;
use tollhouse_core::audit::{GENESIS, Sealed, verify};
use tollhouse_store::{AuditFilter, PAGE_LENGTH_MAX};

use super::args::Limit;
use super::error::CliError;
use super::output::{self, or_nothing, table, when};
use super::session::Session;
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Show the latest entries, in the order in which things were done
    List {
        #[command(flatten)]
        limit: Limit,
        /// Instead of the latest, those that follow this number
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
    },
    /// Check that no entry was changed, left out or put in since it was written
    Verify,
}

/// What a check of the chain came to.
#[derive(Debug, Serialize)]
struct Verified {
    /// How many entries were checked.
    entries: i64,
    /// Whether all of them hold.
    holds: bool,
    /// The number of the first one that does not; `null` if all hold.
    broken_at: Option<i64>,
    /// The hash of the last entry that holds: note it elsewhere, and a cut of the log's end shows too.
    head: String,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: AuditCommand) -> Result<(), CliError> {
    match command {
        AuditCommand::List { limit, after } => list(session, limit.limit, after).await,
        AuditCommand::Verify => check(session).await,
    }
}

async fn page(session: &Session, after: i64, limit: u32) -> Result<Vec<Sealed>, CliError> {
    Ok(session.app.store.audit(AuditFilter { after, limit }).await?)
}

async fn list(session: &Session, limit: u32, after: Option<i64>) -> Result<(), CliError> {
    let entries = match after {
        Some(after) => page(session, after, limit).await?,
        None => latest(session, limit).await?,
    };
    let rows: Vec<view::AuditEntry> = entries.iter().map(view::AuditEntry::from).collect();
    session.out.answer(&rows, |rows| {
        let cells = rows.iter().map(|entry| {
            [
                entry.sequence.to_string(),
                when(entry.at),
                entry.actor.clone(),
                entry.action.clone(),
                entry.subject.clone(),
                or_nothing(Some(&entry.reason).filter(|reason| !reason.is_empty())),
            ]
        });
        let nothing =
            if after.is_some() { "Nothing stands behind that number." } else { "The audit log is empty." };
        table(["NUMBER", "WHEN", "WHO", "WHAT", "TO", "WHY"], cells.collect(), nothing)
    })?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|length| length >= limit);
    match (rows.first(), rows.last()) {
        (_, Some(last)) if after.is_some() && is_full => {
            output::hint(&format!("there may be more: add --after {}", last.sequence));
        }
        (Some(first), _) if after.is_none() && first.sequence > 1 => {
            output::hint(
                "there are earlier ones: add --after 0 to begin with the first, or a larger --limit",
            );
        }
        _ => {}
    }
    Ok(())
}

/// The last entries. The log is walked from its start: it grows by what people and payments do, and is read rarely.
async fn latest(session: &Session, limit: u32) -> Result<Vec<Sealed>, CliError> {
    let keep = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut last: Vec<Sealed> = Vec::new();
    let mut after = 0;
    loop {
        let more = page(session, after, PAGE_LENGTH_MAX).await?;
        let Some(end) = more.last() else { return Ok(last) };
        after = end.sequence;
        last.extend(more);
        last.drain(..last.len().saturating_sub(keep));
    }
}

async fn check(session: &Session) -> Result<(), CliError> {
    let (mut hash, mut entries, mut broken_at) = (GENESIS, 0, None);
    while broken_at.is_none() {
        let more = page(session, entries, PAGE_LENGTH_MAX).await?;
        let Some(end) = more.last() else { break };
        match verify(hash, entries + 1, &more) {
            Ok(head) => (hash, entries) = (head, end.sequence),
            Err(sequence) => broken_at = Some(sequence),
        }
    }
    let head = view::hex(&hash);
    let verified = Verified { entries, holds: broken_at.is_none(), broken_at, head };
    session.out.answer(&verified, |verified| match verified.broken_at {
        None => format!("Every entry holds. Entries: {}. Last seal: {}", verified.entries, verified.head),
        Some(at) => format!("The entries before number {at} hold; number {at} does not."),
    })?;
    match broken_at {
        None => Ok(()),
        Some(at) => Err(CliError::Failed(format!(
            "audit entry {at} was changed, left out or put in after it was written; compare with a backup"
        ))),
    }
}
