//! The end of a membership: grace, removal, and what keeps a removal from going wrong at scale: runs with a limit, and the freeze.

use jiff::{SignedDuration, Timestamp};

use super::access::{no_channel, person_reason};
use super::{SYSTEM, Work, attention, delivery, reminders};
use crate::attention::{Reason, Resolution, Subject};
use crate::channel::Channel;
use crate::command::{Outcome, Refusal};
use crate::id::{ChannelId, MembershipId, RunId};
use crate::job::{Job, JobKind, Outcome as JobOutcome};
use crate::membership::{Membership, MembershipStatus, later};
use crate::presence::Standing;
use crate::removal::{Freeze, HOLD_MINUTES, RemovalRun, RunState, Switch, SwitchName, is_frozen, run_ends};
use crate::stay;

/// What is to become of a removal that is due.
enum Permit {
    /// It is done now.
    Go,
    /// Not now; look again then.
    Wait(Timestamp),
    /// The channel's members must be counted first.
    Count,
    /// Never: they may be inside without a membership.
    Stay,
}

/// The next step of a membership's end: at its end into grace, after the grace into the removal, after the removal done. Every step looks
/// at the end as it is now, under lock, so that a renewal in that second wins (F46).
pub(super) fn ended(
    work: &mut Work<'_>,
    job: &mut Job,
    membership_id: MembershipId,
    removing: bool,
    outcome: &JobOutcome,
) -> Option<Timestamp> {
    let mut membership = work.snapshot.memberships.get(&membership_id).cloned()?;
    let channel = work.snapshot.channels.get(&membership.channel_id).cloned()?;
    let end = membership.ends_at;
    let due = membership.removal_due(channel.policies.grace());
    let is_due = due.is_some_and(|at| at <= work.now);
    let mut keep = |removing: bool| job.kind = JobKind::EndMembership { membership_id, removing };
    if is_due && membership.is_closed() {
        // Asked for again in the moment in which it was done, or its end was moved back by a refund: once is enough, and nobody is told
        // goodbye twice.
        keep(false);
        if membership.status == MembershipStatus::Grace {
            membership.status = MembershipStatus::Expired;
            membership.updated_at = work.now;
            work.snapshot.memberships.put(membership_id, membership);
        }
        return None;
    }
    if removing && matches!(outcome, JobOutcome::Done | JobOutcome::NotRemovable) {
        keep(false);
        if is_due {
            let why = match outcome {
                JobOutcome::Done => Left::Removed,
                _ => Left::Protected,
            };
            closed(work, &mut membership, why);
            return None;
        }
        came_back(work, membership);
        return end;
    }
    if end.is_some_and(|end| end <= work.now) && membership.status == MembershipStatus::Active {
        membership.status = MembershipStatus::Grace;
        membership.updated_at = work.now;
        work.snapshot.memberships.put(membership_id, membership.clone());
    }
    if is_due {
        return match permit(work, &mut membership, &channel, outcome) {
            Permit::Go => {
                keep(true);
                Some(work.now)
            }
            Permit::Count => {
                keep(false);
                Some(work.now)
            }
            Permit::Wait(until) => {
                keep(false);
                Some(until)
            }
            Permit::Stay => {
                keep(false);
                closed(work, &mut membership, Left::Guest);
                None
            }
        };
    }
    keep(false);
    if end.is_some_and(|end| end <= work.now) { due } else { end }
}

/// Renewed while Telegram was showing the member out: let them back in, and say so.
fn came_back(work: &mut Work<'_>, mut membership: Membership) {
    let id = membership.id;
    membership.joined_at = None;
    work.snapshot.memberships.put(id, membership);
    let newest = work
        .snapshot
        .grants_of(id)
        .into_iter()
        .filter(|grant| grant.revoked.is_none())
        .max_by_key(|grant| grant.granted_at)
        .cloned();
    if let Some(grant) = newest {
        delivery::deliver(work, &grant, id);
    }
}

/// Whether a removal that is due may be done now. Counts it in the channel's run, once.
fn permit(
    work: &mut Work<'_>,
    membership: &mut Membership,
    channel: &Channel,
    outcome: &JobOutcome,
) -> Permit {
    if stay::is_guest(work.snapshot, channel, membership.user) {
        return Permit::Stay;
    }
    if is_frozen(work.snapshot, channel.id) {
        return Permit::Wait(hold(work));
    }
    if stay::is_known_outside(work.snapshot, channel.id, membership.user) {
        // They left by themselves: that Telegram confirms it removes nobody, so it counts for nothing.
        return Permit::Go;
    }
    let newest = stay::newest_run(work.snapshot, channel.id).cloned();
    let mut run = match (newest, outcome) {
        (Some(run), _) if run.covers(work.now) => run,
        (before, JobOutcome::Counted { members }) => begin(work, channel, before.as_ref(), *members),
        _ => return Permit::Count,
    };
    if membership.removal_run == Some(run.id) {
        return Permit::Go;
    }
    if run.state == RunState::Running && run.decided >= run.limit {
        stop(work, &mut run);
    }
    if run.state == RunState::Stopped {
        work.snapshot.runs.put(run.id, run);
        return Permit::Wait(hold(work));
    }
    run.decided += 1;
    membership.removal_run = Some(run.id);
    membership.updated_at = work.now;
    work.snapshot.memberships.put(membership.id, membership.clone());
    work.snapshot.runs.put(run.id, run);
    Permit::Go
}

fn begin(work: &mut Work<'_>, channel: &Channel, before: Option<&RemovalRun>, members: u32) -> RemovalRun {
    RemovalRun {
        id: RunId(work.ids.uuid()),
        channel_id: channel.id,
        number: before.map_or(1, |run| run.number + 1),
        started_at: work.now,
        until: run_ends(work.now),
        members,
        limit: channel.policies.membership.removals_limit(members),
        decided: 0,
        state: RunState::Running,
        undone_at: None,
    }
}

fn stop(work: &mut Work<'_>, run: &mut RemovalRun) {
    run.state = RunState::Stopped;
    let detail = format!(
        "{} of {} members removed since {}, which is the limit; {} holds the others",
        run.decided, run.members, run.started_at, run.id
    );
    attention::open(
        work,
        Subject::Run(run.id),
        Reason::RemovalsStopped,
        detail.clone(),
        Some(run.channel_id),
    );
    let numbers = serde_json::json!({"members": run.members, "limit": run.limit, "decided": run.decided});
    work.audit(SYSTEM, "run.stopped", format!("run:{}", run.id), &detail, &numbers);
}

/// When a removal that is held looks again; spread, so that thousands do not look at once.
fn hold(work: &mut Work<'_>) -> Timestamp {
    let whole = HOLD_MINUTES * 60;
    let drawn = i64::try_from(work.ids.random() % 300).unwrap_or(0);
    later(work.now, SignedDuration::from_secs(whole - drawn))
}

/// How a membership was closed.
#[derive(Clone, Copy)]
enum Left {
    /// Telegram has confirmed that the member is out.
    Removed,
    /// Telegram removes no owner and no administrator.
    Protected,
    /// They may be inside without paying.
    Guest,
}

fn closed(work: &mut Work<'_>, membership: &mut Membership, how: Left) {
    if membership.status != MembershipStatus::Revoked {
        membership.status = MembershipStatus::Expired;
    }
    let is_out = matches!(how, Left::Removed);
    if is_out {
        membership.joined_at = None;
        membership.removed_at = Some(work.now);
        // Whom a person has banned is out, and more than that.
        if !stay::is_banned(work.snapshot, membership.channel_id, membership.user) {
            super::guard::note(work, membership.channel_id, membership.user, Standing::Outside, work.now);
        }
        reminders::say_farewell(work, membership, work.now);
    }
    if matches!(how, Left::Protected) {
        let end = membership.ends_at.unwrap_or(work.now);
        super::guard::admin_stays(work, membership.channel_id, membership.user, end);
    }
    let subject = Subject::Member { channel_id: membership.channel_id, user: membership.user };
    attention::close(work, subject, Reason::MemberBanned, "their time is over");
    membership.updated_at = work.now;
    let id = membership.id;
    work.snapshot.memberships.put(id, membership.clone());
    let reason = match how {
        Left::Removed => "its time is over",
        Left::Protected => "its time is over; an owner or admin is never removed",
        Left::Guest => "its time is over; who is on the white list is never removed",
    };
    work.audit(
        SYSTEM,
        "membership.removed",
        format!("membership:{id}"),
        reason,
        &serde_json::json!({"confirmed": is_out, "status": membership.status.as_str(), "run": membership.removal_run}),
    );
}

/// What somebody decided about a run that has stopped.
pub(super) fn resolved(
    work: &mut Work<'_>,
    id: RunId,
    resolution: Resolution,
    reason: &str,
    actor: &str,
) -> Result<(), Refusal> {
    let mut run =
        work.snapshot.runs.get(&id).cloned().ok_or_else(|| Refusal::NotFound(format!("no run {id}")))?;
    if run.state != RunState::Stopped {
        return Ok(());
    }
    run.state = if resolution == Resolution::Grant { RunState::Released } else { RunState::Closed };
    run.until = run_ends(work.now);
    let (word, channel_id) = (run.state.as_str(), run.channel_id);
    work.snapshot.runs.put(id, run);
    work.audit(actor, &format!("run.{word}"), format!("run:{id}"), reason, &serde_json::json!({}));
    if resolution != Resolution::Grant {
        freeze(work, Some(channel_id), true, reason, actor)?;
    }
    Ok(())
}

/// Freezes the removals of a channel, or of all, or lets them go on.
pub(super) fn freeze(
    work: &mut Work<'_>,
    channel_id: Option<ChannelId>,
    on: bool,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let freeze = on.then(|| Freeze { at: work.now, by: actor.to_owned(), reason: reason.clone() });
    let subject = match channel_id {
        Some(id) => {
            let mut channel = work.snapshot.channels.get(&id).cloned().ok_or_else(|| no_channel(id))?;
            if channel.frozen.is_some() == on {
                return Ok(Outcome::Channel(id));
            }
            channel.frozen = freeze;
            work.snapshot.channels.put(id, channel);
            format!("channel:{id}")
        }
        None => {
            let known = work.snapshot.switches.get(&SwitchName::Removals);
            if known.is_some_and(|switch| switch.freeze.is_some()) == on {
                return Ok(Outcome::Done);
            }
            work.snapshot.switches.put(SwitchName::Removals, Switch { name: SwitchName::Removals, freeze });
            "every channel".to_owned()
        }
    };
    let action = if on { "removals.frozen" } else { "removals.thawed" };
    work.audit(actor, action, subject, &reason, &serde_json::json!({}));
    Ok(channel_id.map_or(Outcome::Done, Outcome::Channel))
}

/// Looks at an end that is due and was not dealt with, as something about its member has changed: they left or were banned by hand, so that
/// a removal, also one that was given up, has only to note it; or they are an administrator or a guest no more, so that it can be done.
pub(super) fn look_if_due(work: &mut Work<'_>, channel: &Channel, membership: &Membership) {
    let due = membership.removal_due(channel.policies.grace());
    if !membership.is_closed() && due.is_some_and(|at| at <= work.now) {
        arm(work, membership.id, membership.channel_id);
    }
}

fn arm(work: &mut Work<'_>, id: MembershipId, channel_id: ChannelId) {
    let kind = JobKind::EndMembership { membership_id: id, removing: false };
    work.arm(kind, format!("membership:{id}"), channel_id, work.now, true);
}

/// Looks at a membership's end now.
pub(super) fn look(work: &mut Work<'_>, id: MembershipId) -> Result<Outcome, Refusal> {
    let membership = work.snapshot.memberships.get(&id);
    let channel_id = membership
        .map(|membership| membership.channel_id)
        .ok_or_else(|| Refusal::NotFound(format!("no membership {id}")))?;
    arm(work, id, channel_id);
    Ok(Outcome::Membership(id))
}

/// Notes that everybody of a run was invited back. What is left of it removes nobody any more.
pub(super) fn note_undone(
    work: &mut Work<'_>,
    id: RunId,
    reason: &str,
    actor: &str,
) -> Result<Outcome, Refusal> {
    let reason = person_reason(reason)?.to_owned();
    let mut run =
        work.snapshot.runs.get(&id).cloned().ok_or_else(|| Refusal::NotFound(format!("no run {id}")))?;
    if run.undone_at.is_none() {
        run.undone_at = Some(work.now);
        run.state = RunState::Closed;
        work.snapshot.runs.put(id, run);
        work.audit(actor, "run.undone", format!("run:{id}"), &reason, &serde_json::json!({}));
        attention::close(work, Subject::Run(id), Reason::RemovalsStopped, "the run was undone");
    }
    Ok(Outcome::Done)
}
