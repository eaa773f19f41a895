//! `tollhouse membership`: who has access.

use clap::{Args, Subcommand, ValueEnum};
use tollhouse_core::channel::{PLAN_DAYS_MAX, PlanDuration};
use tollhouse_core::command::{Command, Member, Outcome};
use tollhouse_core::id::{MembershipId, TelegramUserId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::snapshot::Needs;
use tollhouse_store::MembershipFilter;

use super::args::{ChannelArg, Limit, OneMembership};
use super::error::CliError;
use super::output::{block, or_nothing, table, when, when_or_nothing};
use super::session::{Session, unexpected};
use super::sweep::{self, RunsArgs, SweepArgs, UndoArgs};
use crate::view;

#[derive(Debug, Subcommand)]
pub(super) enum MembershipCommand {
    /// Show memberships, the newest first
    List {
        /// Only those of a member
        #[arg(long, value_name = "TELEGRAM_ID")]
        user: Option<TelegramUserId>,
        /// Only those in a channel
        #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
        channel: Option<ChannelArg>,
        /// Only those that have come to this
        #[arg(long, value_enum)]
        status: Option<Status>,
        #[command(flatten)]
        limit: Limit,
        /// Only those behind this one: the last of the page before
        #[arg(long, value_name = "MEMBERSHIP_ID")]
        before: Option<MembershipId>,
    },
    /// Show a membership with everything that it was given
    Show(OneMembership),
    /// Give days by hand, to a member or to somebody new
    Grant(GrantArgs),
    /// List who is to be shown out and why; without --dry-run also have those looked at who are due
    Sweep(SweepArgs),
    /// Show runs: what each day removed in a channel
    Runs(RunsArgs),
    /// Invite everybody of a run back
    Undo(UndoArgs),
    /// Take a membership back at once, all of it; the member is shown out
    Revoke {
        #[command(flatten)]
        member: OneMembership,
        /// Why; it goes into the audit log
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct GrantArgs {
    #[command(flatten)]
    member: OneMembership,
    /// How many days
    #[arg(long, value_name = "N", required_unless_present = "lifetime", value_parser = clap::value_parser!(u32).range(1..=i64::from(PLAN_DAYS_MAX)))]
    days: Option<u32>,
    /// Access without an end
    #[arg(long, conflicts_with = "days")]
    lifetime: bool,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
}

/// [`MembershipStatus`] as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Status {
    Active,
    Grace,
    Expired,
    Revoked,
}

/// Carries a command out.
pub(super) async fn run(session: &Session, command: MembershipCommand) -> Result<(), CliError> {
    let actor = session.actor.clone();
    match command {
        MembershipCommand::List { user, channel, status, limit, before } => {
            let channel = session.channel_id(channel.as_ref()).await?;
            let status = status.map(|status| match status {
                Status::Active => MembershipStatus::Active,
                Status::Grace => MembershipStatus::Grace,
                Status::Expired => MembershipStatus::Expired,
                Status::Revoked => MembershipStatus::Revoked,
            });
            list(
                session,
                MembershipFilter {
                    channel,
                    user,
                    status,
                    before,
                    limit: limit.limit,
                    ..MembershipFilter::default()
                },
            )
            .await
        }
        MembershipCommand::Show(which) => {
            let member = member(session, &which).await?;
            show(session, member).await
        }
        MembershipCommand::Grant(args) => {
            let member = member(session, &args.member).await?;
            let duration = args.days.map_or(PlanDuration::Lifetime, PlanDuration::Days);
            let grant = Command::GrantMembership { member, duration, reason: args.reason, actor };
            change(session, grant).await
        }
        MembershipCommand::Sweep(args) => sweep::sweep(session, args).await,
        MembershipCommand::Runs(args) => sweep::runs(session, args).await,
        MembershipCommand::Undo(args) => sweep::undo(session, args).await,
        MembershipCommand::Revoke { member: which, reason } => {
            let member = member(session, &which).await?;
            change(session, Command::RevokeMembership { member, reason, actor }).await
        }
    }
}

async fn member(session: &Session, which: &OneMembership) -> Result<Member, CliError> {
    match (which.id, &which.channel, which.user) {
        (Some(id), ..) => Ok(Member::Membership(id)),
        (None, Some(channel), Some(user)) => {
            Ok(Member::User { channel_id: session.channel(channel).await?.id, user })
        }
        _ => Err(CliError::Usage("name a membership (mem_…), or --channel and --user".to_owned())),
    }
}

async fn change(session: &Session, command: Command) -> Result<(), CliError> {
    let outcome = session.submit(command).await?;
    let Outcome::Membership(id) = outcome else { return Err(unexpected(&outcome)) };
    show(session, Member::Membership(id)).await
}

async fn show(session: &Session, member: Member) -> Result<(), CliError> {
    let mut needs = Needs::default();
    match member {
        Member::Membership(id) => needs.memberships.insert(id),
        Member::User { channel_id, user } => needs.members.insert((channel_id, user)),
    };
    let snapshot = session.app.store.snapshot(needs).await?;
    let found = match member {
        Member::Membership(id) => snapshot.memberships.get(&id),
        Member::User { channel_id, user } => snapshot.membership_of(channel_id, user),
    };
    let missing = || {
        let which = match member {
            Member::Membership(id) => id.to_string(),
            Member::User { channel_id, user } => format!("of user {user} in channel {channel_id}"),
        };
        CliError::Failed(format!("no membership {which}; `tollhouse membership list` shows them"))
    };
    let membership = found.ok_or_else(missing)?;
    let shown = view::Membership::new(membership, snapshot.grants_of(membership.id));
    Ok(session.out.answer(&shown, in_full)?)
}

async fn list(session: &Session, filter: MembershipFilter) -> Result<(), CliError> {
    let limit = filter.limit;
    let memberships = session.app.store.memberships(filter).await?;
    let mut needs = Needs::default();
    needs.memberships.extend(memberships.iter().map(|membership| membership.id));
    let snapshot = session.app.store.snapshot(needs).await?;
    let rows: Vec<view::Membership> = memberships
        .iter()
        .map(|membership| view::Membership::new(membership, snapshot.grants_of(membership.id)))
        .collect();
    let last = memberships.last().map(|membership| membership.id.to_string());
    session.list(&rows, limit, last, || {
        let cells = rows.iter().map(|membership| {
            [
                membership.id.to_string(),
                membership.telegram_user.to_string(),
                membership.status.as_str().to_owned(),
                end(membership),
                if membership.joined_at.is_some() { "inside" } else { "-" }.to_owned(),
                membership.channel_id.to_string(),
            ]
        });
        table(
            ["ID", "MEMBER", "STATUS", "ENDS", "IN THE CHAT", "CHANNEL"],
            cells.collect(),
            "No memberships.",
        )
    })
}

fn end(membership: &view::Membership) -> String {
    membership.ends_at.map_or_else(|| "never".to_owned(), when)
}

fn in_full(membership: &view::Membership) -> String {
    let mut text = block(&[
        ("Membership", membership.id.to_string()),
        ("Member", membership.telegram_user.to_string()),
        ("Channel", membership.channel_id.to_string()),
        ("Status", membership.status.as_str().to_owned()),
        ("Began", when(membership.starts_at)),
        ("Ends", end(membership)),
        ("Invite link", or_nothing(membership.invite_link.as_ref())),
        ("Joined", when_or_nothing(membership.joined_at)),
        ("Shown out", when_or_nothing(membership.removed_at)),
    ]);
    let grants =
        membership.grants.iter().map(|grant| {
            [
                when(grant.granted_at),
                if grant.carried_until.is_some() {
                    "carried over".to_owned()
                } else {
                    grant.duration.to_string()
                },
                or_nothing(grant.order_id),
                grant.ends_at.map_or_else(|| "never".to_owned(), when),
                or_nothing(grant.revoked_at.map(|at| {
                    format!("{}: {}", when(at), grant.revoked_reason.as_deref().unwrap_or_default())
                })),
            ]
        });
    text.push('\n');
    text.push_str(&table(
        ["GIVEN", "WHAT", "FOR", "UNTIL", "TAKEN BACK"],
        grants.collect(),
        "Nothing was given.",
    ));
    text.push('\n');
    text
}
