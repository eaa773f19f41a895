//! `tollhouse attention`: what needs a person.

use clap::{Args, Subcommand, ValueEnum};
use tollhouse_core::attention::Resolution;
use tollhouse_core::command::Command;
use tollhouse_core::id::AttentionId;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::AttentionFilter;

use super::args::{ChannelArg, Limit};
use super::error::CliError;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::session::Session;
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum AttentionCommand {
    /// Show what waits for you, and what helps
    List {
        /// What is resolved as well
        #[arg(long, alias = "resolved")]
        all: bool,
        /// Only what is about a channel
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: Option<ChannelArg>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "ATTENTION_ID")]
        before: Option<AttentionId>,
    },
    /// Decide about an item
    Resolve(ResolveArgs),
}

#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// The item (att_…)
    #[arg(value_name = "ATTENTION_ID")]
    id: AttentionId,
    /// What you decide
    #[arg(long = "as", value_name = "DECISION", value_enum)]
    decision: Decision,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
}

/// The ways in which a person resolves.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Decision {
    /// Give what the order bought; for a step that failed, try it again
    Grant,
    /// Nothing is to be done
    Dismiss,
    /// You have given the money back
    Refund,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: AttentionCommand) -> Result<(), CliError> {
    match command {
        AttentionCommand::List { all, channel, limit, before } => {
            let channel = session.channel_id(channel.as_ref()).await?;
            list(session, AttentionFilter { resolved: all, channel, before, limit: limit.limit }).await
        }
        AttentionCommand::Resolve(args) => resolve(session, args).await,
    }
}

async fn resolve(session: &Session, args: ResolveArgs) -> Result<(), CliError> {
    let id = args.id;
    let resolution = match args.decision {
        Decision::Grant => Resolution::Grant,
        Decision::Dismiss => Resolution::Dismiss,
        Decision::Refund => Resolution::Refund,
    };
    let actor = session.actor.clone();
    let resolve = Command::ResolveAttention { attention_id: id, resolution, reason: args.reason, actor };
    session.submit(resolve).await?;
    let mut needs = Needs::default();
    needs.attention.insert(id);
    let snapshot = session.app.store.snapshot(needs).await?;
    let missing = || CliError::Failed(format!("the item {id} is gone"));
    let item = view::Attention::among(snapshot.attention.get(&id).ok_or_else(missing)?, &snapshot);
    Ok(session.out.answer(&item, in_full)?)
}

async fn list(session: &Session, filter: AttentionFilter) -> Result<(), CliError> {
    let limit = filter.limit;
    let items = session.app.store.attention(filter).await?;
    // What fits an item hangs on its order.
    let open = items.iter().filter(|item| item.is_open()).map(|item| item.id);
    let needs = Needs { attention: open.collect(), ..Needs::default() };
    let about = session.app.store.snapshot(needs).await?;
    let rows: Vec<view::Attention> = items.iter().map(|item| view::Attention::among(item, &about)).collect();
    let last = items.last().map(|item| item.id.to_string());
    session.list(&rows, limit, last, || {
        if rows.is_empty() {
            return table(["ID"], Vec::new(), "Nothing needs you.");
        }
        rows.iter().map(in_full).collect::<Vec<_>>().join("\n")
    })
}

fn in_full(item: &view::Attention) -> String {
    let actions: Vec<&str> = item.actions.iter().map(|action| action.as_str()).collect();
    let mut lines = vec![
        ("Item", item.id.to_string()),
        ("About", item.subject.clone()),
        ("Why", item.reason.as_str().to_owned()),
        ("What helps", item.message.clone()),
        ("Resolve as", actions.join(", ")),
        ("Channel", or_nothing(item.channel_id)),
        ("Since", when(item.opened_at)),
    ];
    if item.resolved_at.is_some() {
        let by = item.resolved_by.as_deref().unwrap_or_default();
        let resolution = item.resolved_as.map_or("", Resolution::as_str);
        lines.push(("Resolved", format!("{} as {resolution} by {by}", when_or_nothing(item.resolved_at))));
        lines.push(("Because", or_nothing(item.resolved_reason.as_ref())));
    }
    block(&lines)
}
