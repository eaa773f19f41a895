//! The next step of a job, under lock. Only who holds the current lease may take it.

use jiff::{SignedDuration, Timestamp};

use super::{
    Work, attention, delivery, departure, guard, notification, offers, payout, progress, reminders, rights,
    shop,
};
use crate::attention::{Reason, Subject};
use crate::bot_chat::{HELD_ERROR, RIGHTS_WAIT_MINUTES};
use crate::command::{Outcome, Refusal};
use crate::id::{ChannelId, GrantId, JobId, LeaseToken, MembershipId, PrivateChatId, TelegramUserId};
use crate::job::{
    ERROR_LENGTH_MAX, Failure, Job, JobKind, JobState, LEASE_SECONDS, Lease, Outcome as JobOutcome, backoff,
};
use crate::membership::{Grant, Invite, MembershipStatus, later, usable_invite};
use crate::order::{InvoiceProblem, OrderKind};
use crate::safeguard::Safeguard;

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
    let is_held = job.state == JobState::Leased && job.lease.map(|lease| lease.token) == Some(token);
    if !is_held && Safeguard::LeaseFence.stands() {
        return Outcome::LeaseLost;
    }
    job.lease = None;
    // Arming a job that is held only moves its time on.
    let asked_again = job.run_at > claimed.run_at;
    // A message needs no right in the chat, and shows none.
    if claimed.is_held()
        && !matches!(
            outcome,
            JobOutcome::Failed(_) | JobOutcome::Migrated { .. } | JobOutcome::Nothing | JobOutcome::Explained
        )
    {
        rights::worked(work, claimed);
    }
    match outcome {
        JobOutcome::Failed(failure) => fail(work, job, failure, asked_again),
        JobOutcome::Migrated { to } => migrated(work, job, *to),
        outcome => {
            job.last_error = None;
            let next = match job.kind.clone() {
                JobKind::CreateInvoice { order_id } => {
                    if let JobOutcome::InvoiceCreated { invoice } = outcome {
                        shop::note_invoice(work, order_id, invoice);
                    }
                    None
                }
                JobKind::CreatePayment { order_id, coin } => {
                    match outcome {
                        // The answer is a statement about a payment like any other: same rules, same log.
                        JobOutcome::PaymentCreated { answer } => {
                            notification::receive(work, answer);
                        }
                        JobOutcome::CoinRefused => shop::refuse_coin(work, order_id, &coin),
                        _ => {}
                    }
                    None
                }
                JobKind::DeliverAccess { grant_id, membership_id } => {
                    delivered(work, grant_id, membership_id, outcome, asked_again)
                }
                JobKind::RevokeInvite { .. } => None,
                JobKind::AnswerJoinRequest { channel_id, user, .. } => {
                    // Whoever was turned away asks why: the row is what is left of it.
                    job.last_error = turned_away(outcome);
                    if *outcome == JobOutcome::Explained {
                        note_told(&mut job);
                        Some(work.now)
                    } else {
                        answered(work, channel_id, user, outcome)
                    }
                }
                JobKind::EndMembership { membership_id, removing } => {
                    departure::ended(work, &mut job, membership_id, removing, outcome)
                }
                JobKind::RemindMember { membership_id, for_end, told_until } => {
                    let told = if *outcome == JobOutcome::Done { work.now } else { told_until };
                    reminders::next(work, &mut job, membership_id, for_end, told)
                }
                JobKind::SayFarewell { .. } => None,
                JobKind::ExpelStranger { channel_id, user } => {
                    guard::expelled(work, channel_id, user, outcome, asked_again)
                }
                JobKind::OfferSetup { .. } => None,
                JobKind::WakeHeld { channel_id } => rights::wake(work, channel_id),
                JobKind::ApplyPayout { channel_id } => payout::apply(work, channel_id),
                JobKind::PostOffer { channel_id } => offers::looked(work, &mut job, channel_id, outcome),
                JobKind::ShowOrder { order_id } => match outcome {
                    JobOutcome::OrderShown { face, message_id, is_new } => {
                        progress::shown(work, order_id, face, *message_id, *is_new)
                    }
                    _ => None,
                },
                JobKind::NotifyOwner { owner, channel_id, notice, mut told } => match outcome {
                    JobOutcome::Told { chat, more } => {
                        told.push(*chat);
                        job.kind = JobKind::NotifyOwner { owner, channel_id, notice, told };
                        more.then_some(work.now)
                    }
                    _ => None,
                },
                JobKind::FoldMessage { .. } => None,
            };
            // It may have been given up, and asked for again by what happened since. One that goes on at once has not come to its end yet; a
            // post settles by itself what was said of it.
            let is_through = match next {
                None => true,
                Some(at) => at > work.now && !matches!(job.kind, JobKind::PostOffer { .. }),
            };
            if is_through {
                no_trouble(work, job.id, "the job went through");
            }
            if next.is_some() {
                // Attempts are those of one step: a job that follows a membership for years has some that fail, and each was mended.
                job.attempt = 0;
            }
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
    no_trouble(work, id, "the job was run again");
    Ok(Outcome::Done)
}

fn no_trouble(work: &mut Work<'_>, id: JobId, why: &str) {
    for reason in Reason::ALL.iter().filter(|reason| reason.is_about_a_job()) {
        attention::close(work, Subject::Job(id), *reason, why);
    }
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
    if asked_again {
        // As for one that had been given up just before: what was asked for meanwhile may be what mends it.
        job.attempt = 0;
    }
    let is_over = job.ends_with(failure);
    let wait = match failure {
        Failure::Later { seconds } => {
            job.last_error = Some(format!("told to wait {seconds} s"));
            note_problem(work, &job, InvoiceProblem::Unavailable);
            return put(work, job, Some(later(work.now, SignedDuration::from_secs(i64::from(*seconds)))));
        }
        Failure::NoRights { chat, right } => {
            job.last_error = Some(HELD_ERROR.to_owned());
            rights::missed(work, &job, *chat, *right);
            return put(work, job, Some(later(work.now, SignedDuration::from_mins(RIGHTS_WAIT_MINUTES))));
        }
        Failure::Unreachable { error } if reminders::waits_for_a_word(&job.kind) => {
            job.last_error = Some(bounded(error));
            let next = if asked_again { Some(work.now) } else { reminders::unreachable(work, &mut job) };
            return put(work, job, next);
        }
        Failure::Unreachable { error } if !is_over => {
            // Nobody to write to: the page shows the link, and the next /start arms the job again (F42), also one that came
            // while we were finding out.
            job.last_error = Some(bounded(error));
            let next = asked_again.then_some(work.now);
            return put(work, job, next);
        }
        Failure::Transient { error } | Failure::TooManyChats { error } => {
            if matches!(failure, Failure::TooManyChats { .. }) {
                note_told(&mut job);
            }
            job.last_error = Some(bounded(error));
            job.attempt += 1;
            (!is_over).then(|| backoff(job.attempt, work.ids.random()))
        }
        Failure::Permanent { error }
        | Failure::BelowMinimum { error, .. }
        | Failure::Unreachable { error } => {
            job.last_error = Some(bounded(error));
            job.attempt += 1;
            asked_again.then_some(SignedDuration::ZERO)
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

/// The chat has another number now: the job goes on with that one, at once.
fn migrated(work: &mut Work<'_>, mut job: Job, to: PrivateChatId) {
    if let JobKind::PostOffer { channel_id } = job.kind {
        return match guard::public_chat_migrated(work, channel_id, to) {
            Ok(_) => put(work, job, Some(work.now)),
            Err(refusal) => fail(work, job, &Failure::Permanent { error: refusal.to_string() }, false),
        };
    }
    let from =
        job.channel_id.and_then(|id| work.snapshot.channels.get(&id)).map(|channel| channel.private_chat);
    let moved = from.map(|from| guard::chat_migrated(work, from, to));
    match moved {
        Some(Ok(_)) => {
            job.last_error = Some(format!("the group is now {to}"));
            put(work, job, Some(work.now));
        }
        Some(Err(refusal)) => fail(work, job, &Failure::Permanent { error: refusal.to_string() }, false),
        None => fail(work, job, &Failure::Permanent { error: format!("the group is now {to}") }, false),
    }
}

/// A dead letter, in the attention list.
fn die(work: &mut Work<'_>, mut job: Job, failure: &Failure) {
    if let (JobKind::CreateInvoice { order_id }, Failure::BelowMinimum { .. }) = (&job.kind, failure)
        && work.snapshot.orders.get(order_id).is_some_and(|order| order.kind() == OrderKind::Donation)
    {
        // The donor chose too small an amount, reads so, and may choose another: nothing for the owner to mend.
        return put(work, job, None);
    }
    job.state = JobState::Dead;
    job.finished_at = Some(work.now);
    if let JobKind::CreatePayment { order_id, coin } = &job.kind {
        // A person looks at it later; the buyer is here now, and takes another coin.
        shop::refuse_coin(work, *order_id, coin);
    }
    let error = job.last_error.clone().unwrap_or_default();
    let detail = format!("{} of {}: {error}", job.kind.name(), job.subject);
    let (id, channel_id) = (job.id, job.channel_id);
    let about_owner = matches!(job.kind, JobKind::NotifyOwner { .. });
    let reason = match (&job.kind, failure) {
        (JobKind::CreateInvoice { .. }, Failure::BelowMinimum { .. }) => Reason::BelowMinimum,
        (JobKind::CreateInvoice { .. }, _) => Reason::InvoiceNotMade,
        (JobKind::PostOffer { .. }, _) => Reason::OfferNotPosted,
        _ => Reason::JobDead,
    };
    let goes_on = match job.kind {
        JobKind::PostOffer { channel_id } => offers::gave_up(work, channel_id),
        _ => None,
    };
    match goes_on {
        Some(at) => {
            job.attempt = 0;
            put(work, job, Some(at));
        }
        None => work.snapshot.jobs.put(id, job),
    }
    if about_owner {
        // They must not be told that they could not be told.
        attention::open_quietly(work, Subject::Job(id), reason, detail, None);
    } else {
        attention::open(work, Subject::Job(id), reason, detail, channel_id);
    }
}

fn bounded(error: &str) -> String {
    error.chars().take(ERROR_LENGTH_MAX).collect()
}

fn delivered(
    work: &mut Work<'_>,
    grant_id: GrantId,
    membership_id: MembershipId,
    outcome: &JobOutcome,
    asked_again: bool,
) -> Option<Timestamp> {
    match outcome {
        JobOutcome::InviteCreated { chat, link } => {
            if let Some(mut membership) = work.snapshot.memberships.get(&membership_id).cloned()
                && let Some(channel) = work.snapshot.channels.get(&membership.channel_id)
                // A link to the chat before leads nowhere.
                && channel.private_chat == *chat
            {
                // Whoever noted the chat's move may have a clock that is ahead of ours; to the link it must not look older than the chat.
                let created_at = work.now.max(channel.chat_since);
                let made = Invite { link: link.clone(), created_at };
                if has_usable_invite(work, membership_id) {
                    // Another delivery was faster.
                    delivery::revoke(work, &membership, *chat, &made);
                    return Some(work.now);
                }
                membership.invite = Some(made);
                membership.updated_at = work.now;
                work.snapshot.memberships.put(membership_id, membership);
                progress::follow_grant(work, grant_id);
            }
            Some(work.now)
        }
        JobOutcome::Done => {
            told(work, grant_id, membership_id);
            reminders::arm(work, membership_id);
            guard::access_delivered(work, membership_id);
            // A new link was asked for while the message with the one before was on its way: it is made and sent. Without that, who asked
            // for what they were just being sent, as with /start, would read it twice.
            (asked_again && !has_usable_invite(work, membership_id)).then_some(work.now)
        }
        _ => asked_again.then_some(work.now),
    }
}

/// A grant was delivered, and with it those before it that had not been: the message told the end of all.
fn told(work: &mut Work<'_>, grant_id: GrantId, membership_id: MembershipId) {
    let Some(grant) = work.snapshot.grants.get(&grant_id).cloned() else { return };
    let mut told: Vec<Grant> = work
        .snapshot
        .grants_of(membership_id)
        .into_iter()
        .filter(|other| other.revoked.is_none() && other.delivered_at.is_none())
        .filter(|other| (other.granted_at, other.id) < (grant.granted_at, grant.id))
        .cloned()
        .collect();
    told.push(grant);
    for mut grant in told {
        grant.delivered_at = Some(work.now);
        work.snapshot.grants.put(grant.id, grant);
    }
}

fn has_usable_invite(work: &Work<'_>, id: MembershipId) -> bool {
    let Some(membership) = work.snapshot.memberships.get(&id) else { return false };
    let channel = work.snapshot.channels.get(&membership.channel_id);
    channel.is_some_and(|channel| usable_invite(membership, channel.chat_since).is_some())
}

/// Who asks to join has been told what keeps them out.
fn note_told(job: &mut Job) {
    if let JobKind::AnswerJoinRequest { told, .. } = &mut job.kind {
        *told = true;
    }
}

/// What stands at the job of a join request that let nobody in.
fn turned_away(outcome: &JobOutcome) -> Option<String> {
    match outcome {
        JobOutcome::Declined { why } => Some(format!("declined: {why}")),
        JobOutcome::RequestGone => {
            Some("not answered: no request is open; it was withdrawn, an administrator declined it, or there was none".to_owned())
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
        let id = membership.id;
        work.snapshot.memberships.put(id, membership);
        reminders::arm(work, id);
    }
    None
}
