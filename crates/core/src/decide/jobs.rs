//! The next step of a job, under lock. Only who holds the current lease may take it.

use jiff::{SignedDuration, Timestamp};

use super::{SYSTEM, Work, attention, delivery, shop};
use crate::attention::{Reason, Subject};
use crate::command::{Outcome, Refusal};
use crate::id::{ChannelId, GrantId, JobId, LeaseToken, MembershipId, TelegramUserId};
use crate::job::{
    ATTEMPTS_MAX, ERROR_LENGTH_MAX, Failure, Job, JobKind, JobState, LEASE_SECONDS, Lease,
    Outcome as JobOutcome, backoff,
};
use crate::membership::{Invite, Membership, MembershipStatus, later};
use crate::order::InvoiceProblem;

/// Takes due jobs, the longest due first.
pub(super) fn claim(work: &mut Work<'_>, limit: u32) -> Outcome {
    let now = work.now;
    let mut due: Vec<Job> = work
        .snapshot
        .jobs
        .values()
        .filter(|job| match job.state {
            JobState::Ready => job.run_at <= now,
            JobState::Leased => job.lease.is_none_or(|lease| lease.until <= now),
            JobState::Done | JobState::Dead => false,
        })
        .cloned()
        .collect();
    due.sort_by_key(|job| (job.run_at, job.id));
    due.truncate(limit as usize);
    for job in &mut due {
        // A lease that lapsed is an attempt that failed without a word: a job that kills its worker must not do so for ever (the
        // next action is then to give up).
        if job.state == JobState::Leased {
            job.attempt += 1;
        }
        job.state = JobState::Leased;
        job.lease = Some(Lease {
            token: LeaseToken(work.ids.uuid()),
            until: later(now, SignedDuration::from_secs(LEASE_SECONDS)),
        });
        work.snapshot.jobs.put(job.id, job.clone());
    }
    Outcome::Jobs(due)
}

/// Works in what came of a job.
pub(super) fn finish(work: &mut Work<'_>, claimed: &Job, token: LeaseToken, outcome: &JobOutcome) -> Outcome {
    let Some(mut job) = work.snapshot.jobs.get(&claimed.id).cloned() else {
        return Outcome::LeaseLost;
    };
    if job.state != JobState::Leased || job.lease.map(|lease| lease.token) != Some(token) {
        return Outcome::LeaseLost;
    }
    job.lease = None;
    match outcome {
        JobOutcome::Failed(failure) => {
            let asked_again = job.run_at > claimed.run_at;
            fail(work, job, failure, asked_again);
        }
        outcome => {
            job.last_error = None;
            let next = match job.kind.clone() {
                JobKind::CreateInvoice { order_id } => {
                    if let JobOutcome::InvoiceCreated { invoice } = outcome {
                        shop::note_invoice(work, order_id, invoice);
                    }
                    None
                }
                JobKind::DeliverAccess { grant_id, membership_id } => {
                    delivered(work, grant_id, membership_id, outcome)
                }
                JobKind::AnswerJoinRequest { channel_id, user, .. } => {
                    answered(work, channel_id, user, outcome)
                }
                JobKind::EndMembership { membership_id, removing } => {
                    ended(work, &mut job, membership_id, removing, outcome)
                }
                JobKind::NotifyOwner { .. } => None,
            };
            put(work, job, next);
        }
    }
    Outcome::Done
}

/// Runs a dead job again, or a waiting one now; what the list says of it is settled by that.
pub(super) fn retry(work: &mut Work<'_>, id: JobId) -> Result<Outcome, Refusal> {
    let is_done = work.snapshot.jobs.get(&id).is_some_and(|job| job.state == JobState::Done);
    if is_done {
        return Err(Refusal::Conflict(format!("{id} is done")));
    }
    revive(work, id)?;
    for reason in Reason::ALL.iter().filter(|reason| reason.is_about_a_job()) {
        attention::close(work, Subject::Job(id), *reason, "the job was run again");
    }
    Ok(Outcome::Done)
}

/// Makes a job due now; one that is done already needs nothing.
pub(super) fn revive(work: &mut Work<'_>, id: JobId) -> Result<(), Refusal> {
    let Some(mut job) = work.snapshot.jobs.get(&id).cloned() else {
        return Err(Refusal::NotFound(format!("no job {id}")));
    };
    match job.state {
        JobState::Leased => {
            Err(Refusal::Conflict(format!("{id} is being worked on; look again in a minute")))
        }
        JobState::Done => Ok(()),
        JobState::Ready | JobState::Dead => {
            job.attempt = 0;
            put(work, job, Some(work.now));
            Ok(())
        }
    }
}

/// Writes a job that goes on at `next`, or is done.
fn put(work: &mut Work<'_>, mut job: Job, next: Option<Timestamp>) {
    match next {
        Some(at) => {
            job.state = JobState::Ready;
            job.run_at = at;
            job.finished_at = None;
        }
        None => {
            job.state = JobState::Done;
            job.finished_at = Some(work.now);
        }
    }
    work.snapshot.jobs.put(job.id, job);
}

fn fail(work: &mut Work<'_>, mut job: Job, failure: &Failure, asked_again: bool) {
    let wait = match failure {
        Failure::Later { seconds } => {
            job.last_error = Some(format!("told to wait {seconds} s"));
            note_problem(work, &job, InvoiceProblem::Unavailable);
            return put(work, job, Some(later(work.now, SignedDuration::from_secs(i64::from(*seconds)))));
        }
        Failure::Unreachable { error } => {
            // Nobody to write to: the page shows the link, and the next /start arms the job again (F42), also one that came
            // while we were finding out.
            job.last_error = Some(bounded(error));
            let next = asked_again.then_some(work.now);
            return put(work, job, next);
        }
        Failure::Transient { error } => {
            job.last_error = Some(bounded(error));
            job.attempt += 1;
            (job.attempt < ATTEMPTS_MAX).then(|| backoff(job.attempt, work.ids.random()))
        }
        Failure::Permanent { error } | Failure::BelowMinimum { error, .. } => {
            job.last_error = Some(bounded(error));
            job.attempt += 1;
            None
        }
    };
    let problem = match (wait, failure) {
        (Some(_), _) => InvoiceProblem::Unavailable,
        (None, Failure::BelowMinimum { minimum, .. }) => {
            InvoiceProblem::BelowMinimum { minimum: minimum.clone() }
        }
        (None, _) => InvoiceProblem::GivenUp,
    };
    note_problem(work, &job, problem);
    match wait {
        Some(wait) => put(work, job, Some(later(work.now, wait))),
        None => die(work, job, failure),
    }
}

/// The order says what is known of its invoice.
fn note_problem(work: &mut Work<'_>, job: &Job, problem: InvoiceProblem) {
    if let JobKind::CreateInvoice { order_id } = job.kind {
        shop::note_invoice_problem(work, order_id, problem);
    }
}

/// A dead letter, in the attention list.
fn die(work: &mut Work<'_>, mut job: Job, failure: &Failure) {
    job.state = JobState::Dead;
    job.finished_at = Some(work.now);
    let error = job.last_error.clone().unwrap_or_default();
    let detail = format!("{} of {}: {error}", job.kind.name(), job.subject);
    let (id, channel_id) = (job.id, job.channel_id);
    let about_owner = matches!(job.kind, JobKind::NotifyOwner { .. });
    let reason = match (&job.kind, failure) {
        (JobKind::CreateInvoice { .. }, Failure::BelowMinimum { .. }) => Reason::BelowMinimum,
        (JobKind::CreateInvoice { .. }, _) => Reason::InvoiceNotMade,
        _ => Reason::JobDead,
    };
    work.snapshot.jobs.put(id, job);
    // An owner who cannot be told must not be told that he could not be told.
    attention::open(work, Subject::Job(id), reason, detail, channel_id.filter(|_| !about_owner));
}

fn bounded(error: &str) -> String {
    error.chars().take(ERROR_LENGTH_MAX).collect()
}

fn delivered(
    work: &mut Work<'_>,
    grant_id: GrantId,
    membership_id: MembershipId,
    outcome: &JobOutcome,
) -> Option<Timestamp> {
    match outcome {
        JobOutcome::InviteCreated { link } => {
            if let Some(mut membership) = work.snapshot.memberships.get(&membership_id).cloned()
                && membership.invite.is_none()
            {
                membership.invite = Some(Invite { link: link.clone(), created_at: work.now });
                membership.updated_at = work.now;
                work.snapshot.memberships.put(membership_id, membership);
            }
            Some(work.now)
        }
        JobOutcome::Done => {
            if let Some(mut grant) = work.snapshot.grants.get(&grant_id).cloned() {
                grant.delivered_at = Some(work.now);
                work.snapshot.grants.put(grant_id, grant);
            }
            None
        }
        _ => None,
    }
}

fn answered(
    work: &mut Work<'_>,
    channel_id: ChannelId,
    user: TelegramUserId,
    outcome: &JobOutcome,
) -> Option<Timestamp> {
    if *outcome == JobOutcome::Approved
        && let Some(mut membership) = work.snapshot.membership_of(channel_id, user).cloned()
        && membership.status != MembershipStatus::Revoked
        && membership.joined_at.is_none()
    {
        membership.joined_at = Some(work.now);
        membership.removed_at = None;
        membership.updated_at = work.now;
        work.snapshot.memberships.put(membership.id, membership);
    }
    None
}

/// The end of a membership: at its end into grace, after the grace into the removal, after the removal done. Every step looks at
/// the end as it is now, under lock, so that a renewal in that second wins (F46).
fn ended(
    work: &mut Work<'_>,
    job: &mut Job,
    membership_id: MembershipId,
    removing: bool,
    outcome: &JobOutcome,
) -> Option<Timestamp> {
    let mut membership = work.snapshot.memberships.get(&membership_id).cloned()?;
    let grace = work.snapshot.channels.get(&membership.channel_id)?.policies.grace();
    let end = membership.ends_at;
    let due = membership.removal_due(grace);
    let is_due = due.is_some_and(|at| at <= work.now);
    let mut keep = |removing: bool| job.kind = JobKind::EndMembership { membership_id, removing };
    if removing && matches!(outcome, JobOutcome::Done | JobOutcome::NotRemovable) {
        keep(false);
        if is_due {
            removed(work, &mut membership, *outcome == JobOutcome::Done);
            return None;
        }
        // Renewed while Telegram was showing the member out: let them back in, and say so.
        membership.joined_at = None;
        work.snapshot.memberships.put(membership_id, membership);
        let newest = work
            .snapshot
            .grants_of(membership_id)
            .into_iter()
            .filter(|grant| grant.revoked.is_none())
            .max_by_key(|grant| grant.granted_at)
            .cloned();
        if let Some(grant) = newest {
            delivery::deliver(work, &grant, membership_id);
        }
        return end;
    }
    if is_due {
        keep(true);
        return Some(work.now);
    }
    keep(false);
    match end {
        Some(end) if end <= work.now => {
            if membership.status == MembershipStatus::Active {
                membership.status = MembershipStatus::Grace;
                membership.updated_at = work.now;
                work.snapshot.memberships.put(membership_id, membership);
            }
            due
        }
        later_end => later_end,
    }
}

fn removed(work: &mut Work<'_>, membership: &mut Membership, is_out: bool) {
    if membership.status != MembershipStatus::Revoked {
        membership.status = MembershipStatus::Expired;
    }
    if is_out {
        membership.joined_at = None;
        membership.removed_at = Some(work.now);
    }
    membership.updated_at = work.now;
    let id = membership.id;
    work.snapshot.memberships.put(id, membership.clone());
    let reason =
        if is_out { "its time is over" } else { "its time is over; an owner or admin is never removed" };
    work.audit(
        SYSTEM,
        "membership.removed",
        format!("membership:{id}"),
        reason,
        &serde_json::json!({"confirmed": is_out, "status": membership.status.as_str()}),
    );
}
