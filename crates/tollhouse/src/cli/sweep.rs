//! `tollhouse membership sweep | runs | undo`: who is to be shown out, what was, and the way back.

use std::collections::BTreeMap;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use tollhouse_core::channel::{Channel, PLAN_DAYS_MAX, PlanDuration};
use tollhouse_core::command::{Command, Member};
use tollhouse_core::id::{ChannelId, MembershipId, RunId};
use tollhouse_core::membership::{Membership, MembershipStatus};
use tollhouse_core::removal::{RunState, SwitchName};
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::stay;
use tollhouse_store::{MembershipFilter, PAGE_LENGTH_MAX, RunFilter};

use super::args::{ChannelArg, Limit, SpanArg};
use super::error::CliError;
use super::output::{block, hint, or_nothing, table, when, when_or_nothing};
use super::session::{Session, all_pages};
use crate::view;
use crate::view::Held;

/// Days that somebody is given who is invited back: time to look at what went wrong, and to renew.
const UNDO_DAYS_DEFAULT: u32 = 7;
/// How many memberships are looked at in one question.
const LOOK_AT_ONCE: usize = 200;

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    /// Only list who would go and why; nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Only in a channel
    #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
    channel: Option<ChannelArg>,
    /// Those too whose time comes within this span: 24h, 7d
    #[arg(long, value_name = "TIME")]
    within: Option<SpanArg>,
}

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Only in a channel
    #[arg(long, value_name = "CHANNEL", allow_negative_numbers = true)]
    channel: Option<ChannelArg>,
    #[command(flatten)]
    limit: Limit,
    /// Only those behind this one: the last of the page before
    #[arg(long, value_name = "RUN_ID")]
    before: Option<RunId>,
}

#[derive(Debug, Args)]
pub(super) struct UndoArgs {
    /// The run (run_…); `membership runs` lists them
    #[arg(value_name = "RUN_ID")]
    run: RunId,
    /// Why; it goes into the audit log
    #[arg(long)]
    reason: String,
    /// Days that each of them is given
    #[arg(long, value_name = "N", default_value_t = UNDO_DAYS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(PLAN_DAYS_MAX)))]
    days: u32,
    /// Let removals in the channel go on meanwhile; else it is frozen until `channel unfreeze`
    #[arg(long)]
    no_freeze: bool,
}

/// Lists who is to go; without `--dry-run` has the worker look at those who are due now.
pub(super) async fn sweep(session: &Session, args: SweepArgs) -> Result<(), CliError> {
    let channel = session.channel_id(args.channel.as_ref()).await?;
    let now = session.now();
    let until = args.within.map_or(now, |span| tollhouse_core::membership::later(now, span.0));
    let leavers = leavers(session, channel, now, until).await?;
    if !args.dry_run {
        for leaver in leavers.iter().filter(|leaver| leaver.leaves_at <= now) {
            session.submit(Command::LookAtEnd { membership_id: leaver.membership_id }).await?;
        }
    }
    session.out.answer(&leavers, |leavers| {
        let cells = leavers.iter().map(|leaver| {
            let goes = match (leaver.stays, leaver.held, leaver.leaves_at <= now) {
                (true, ..) => "never",
                (_, Some(Held::Frozen), _) => "when the channel is thawed",
                (_, Some(Held::FrozenEverywhere), _) => "when all channels are thawed",
                (_, Some(Held::RunStopped), _) => "when the run may go on",
                (_, None, true) => "now",
                (_, None, false) => "then",
            };
            [
                leaver.telegram_user.to_string(),
                leaver.why.clone(),
                when(leaver.leaves_at),
                goes.to_owned(),
                leaver.membership_id.to_string(),
                leaver.channel_id.to_string(),
            ]
        });
        let headline = ["MEMBER", "WHY", "TIME OVER AT", "GOES", "MEMBERSHIP", "CHANNEL"];
        table(headline, cells.collect(), "Nobody is to be shown out.")
    })?;
    if !args.dry_run && !leavers.is_empty() {
        hint("the running `tollhouse serve` removes those who go now; nothing is removed from here");
    }
    Ok(())
}

async fn leavers(
    session: &Session,
    channel: Option<ChannelId>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<view::Leaver>, CliError> {
    let store = &session.app.store;
    let page = |before| {
        store.memberships(MembershipFilter {
            channel,
            // The list leaves out the instant itself.
            leaves_before: Some(tollhouse_core::membership::later(until, SignedDuration::from_micros(1))),
            before,
            limit: PAGE_LENGTH_MAX,
            ..MembershipFilter::default()
        })
    };
    let ended = all_pages(|membership| membership.id, page).await?;
    let mut leavers = Vec::new();
    for part in ended.chunks(LOOK_AT_ONCE) {
        let mut needs = Needs::default();
        needs.memberships.extend(part.iter().map(|membership| membership.id));
        needs.departures.extend(part.iter().map(|membership| membership.id));
        let snapshot = store.snapshot(needs).await?;
        let known = snapshot.memberships.values().filter_map(|membership| {
            let channel = snapshot.channels.get(&membership.channel_id)?;
            leaver(&snapshot, channel, membership, now, until)
        });
        leavers.extend(known);
    }
    leavers.sort_by_key(|leaver| (leaver.leaves_at, leaver.membership_id));
    Ok(leavers)
}

fn leaver(
    snapshot: &Snapshot,
    channel: &Channel,
    membership: &Membership,
    now: Timestamp,
    until: Timestamp,
) -> Option<view::Leaver> {
    let leaves_at = membership.removal_due(channel.policies.grace()).filter(|at| *at <= until)?;
    let everywhere =
        snapshot.switches.get(&SwitchName::Removals).is_some_and(|switch| switch.freeze.is_some());
    let run = stay::newest_run(snapshot, channel.id).filter(|run| run.covers(now));
    let held = if everywhere {
        Some(Held::FrozenEverywhere)
    } else if channel.frozen.is_some() {
        Some(Held::Frozen)
    } else {
        run.filter(|run| run.state == RunState::Stopped).map(|_| Held::RunStopped)
    };
    let why = match (membership.status, membership.ends_at) {
        (MembershipStatus::Revoked, _) => "taken back".to_owned(),
        (_, Some(end)) if end <= now => {
            format!("ended {}, grace of {} h", when(end), channel.policies.grace_hours)
        }
        (_, end) => format!("ends {}, grace of {} h", when_or_nothing(end), channel.policies.grace_hours),
    };
    Some(view::Leaver {
        membership_id: membership.id,
        channel_id: channel.id,
        telegram_user: membership.user,
        status: membership.status,
        ends_at: membership.ends_at,
        leaves_at,
        why,
        stays: stay::is_guest(snapshot, channel, membership.user),
        held,
    })
}

/// Lists runs.
pub(super) async fn runs(session: &Session, args: RunsArgs) -> Result<(), CliError> {
    let channel = session.channel_id(args.channel.as_ref()).await?;
    let filter = RunFilter { channel, before: args.before, limit: args.limit.limit };
    let runs = session.app.store.runs(filter).await?;
    let rows: Vec<view::Run> = runs.iter().map(view::Run::from).collect();
    let last = runs.last().map(|run| run.id.to_string());
    session.list(&rows, args.limit.limit, last, || {
        let cells = rows.iter().map(|run| {
            [
                run.id.to_string(),
                when(run.started_at),
                format!("{} of {}", run.decided, run.members),
                run.limit.to_string(),
                run.state.as_str().to_owned(),
                when_or_nothing(run.undone_at),
                run.channel_id.to_string(),
            ]
        });
        let headline = ["RUN", "BEGAN", "REMOVED", "LIMIT", "STATE", "UNDONE", "CHANNEL"];
        table(headline, cells.collect(), "Nobody was removed yet.")
    })
}

/// Invites everybody of a run back.
pub(super) async fn undo(session: &Session, args: UndoArgs) -> Result<(), CliError> {
    let store = &session.app.store;
    let run = run_of(session, args.run).await?;
    let actor = session.actor.clone();
    let reason = format!("undo of {}: {}", args.run, args.reason.trim());
    // First of all nobody else goes: the cause is most likely still there.
    if !args.no_freeze {
        let channel_id = Some(run.channel_id);
        let freeze = Command::FreezeRemovals {
            channel_id,
            freeze: true,
            reason: reason.clone(),
            actor: actor.clone(),
        };
        session.submit(freeze).await?;
    }
    let page = |before| {
        store.memberships(MembershipFilter {
            run: Some(args.run),
            before,
            limit: PAGE_LENGTH_MAX,
            ..MembershipFilter::default()
        })
    };
    let members = all_pages(|membership| membership.id, page).await?;
    let mut undone: BTreeMap<MembershipId, Option<&'static str>> = BTreeMap::new();
    for membership in &members {
        let why_not = match (membership.status, membership.removed_at) {
            (MembershipStatus::Expired, Some(_)) => None,
            (MembershipStatus::Revoked, _) => Some("it was taken back, by a refund or by hand"),
            (MembershipStatus::Active, _) => Some("it runs again"),
            _ => Some("they were not shown out"),
        };
        if why_not.is_none() {
            let back = Command::GrantMembership {
                member: Member::Membership(membership.id),
                duration: PlanDuration::Days(args.days),
                reason: reason.clone(),
                actor: actor.clone(),
            };
            session.submit(back).await?;
        }
        undone.insert(membership.id, why_not);
    }
    session.submit(Command::NoteRunUndone { run_id: args.run, reason: args.reason, actor }).await?;
    let run = run_of(session, args.run).await?;
    let answer = view::Undone {
        run,
        invited_back: undone.iter().filter(|(_, why)| why.is_none()).map(|(id, _)| *id).collect(),
        left_out: undone
            .iter()
            .filter_map(|(id, why)| why.map(|why| view::LeftOut { membership_id: *id, why }))
            .collect(),
    };
    session.out.answer(&answer, |undone| in_full(undone, args.days))?;
    if !args.no_freeze {
        hint("removals in this channel are frozen now; `tollhouse channel unfreeze` lets them go on");
    }
    Ok(())
}

async fn run_of(session: &Session, id: RunId) -> Result<view::Run, CliError> {
    let mut needs = Needs::default();
    needs.runs.insert(id);
    let snapshot = session.app.store.snapshot(needs).await?;
    let missing = || CliError::Failed(format!("no run {id}; `tollhouse membership runs` shows them"));
    snapshot.runs.get(&id).map(view::Run::from).ok_or_else(missing)
}

fn in_full(undone: &view::Undone, days: u32) -> String {
    let mut text = block(&[
        ("Run", undone.run.id.to_string()),
        ("Channel", undone.run.channel_id.to_string()),
        ("Invited back", format!("{}, for {days} days each", undone.invited_back.len())),
        ("Left out", undone.left_out.len().to_string()),
        ("Undone", or_nothing(undone.run.undone_at.map(when))),
    ]);
    if !undone.left_out.is_empty() {
        let cells = undone.left_out.iter().map(|left| [left.membership_id.to_string(), left.why.to_owned()]);
        text.push('\n');
        text.push_str(&table(["LEFT OUT", "WHY"], cells.collect(), ""));
        text.push('\n');
    }
    text
}
