//! What a member is told about the end: reminders before it, a farewell after it. Each once; who cannot be written to finds what is still
//! true at the next `/start`.

use jiff::{SignedDuration, Timestamp};

use super::Work;
use crate::id::MembershipId;
use crate::job::{Job, JobKind};
use crate::membership::{Membership, MembershipStatus, later};
use crate::stay;

/// How long a farewell waits for somebody who cannot be written to, in days. After a month it tells them nothing new.
const FAREWELL_WAITS_DAYS: i64 = 30;

/// Arms the reminders of a membership's present end. Called when the access has reached its member and not when it is granted: who could
/// not be told of the beginning cannot be told of the end, and a payment has one row less to write.
pub(super) fn arm(work: &mut Work<'_>, id: MembershipId) {
    let Some(membership) = work.snapshot.memberships.get(&id) else { return };
    let given = stay::newest_grant_at(work.snapshot, membership);
    arm_from(work, id, given);
}

/// The same for an end that has moved back: only what is still to come.
pub(super) fn arm_anew(work: &mut Work<'_>, id: MembershipId) {
    let now = work.now;
    arm_from(work, id, now);
}

fn arm_from(work: &mut Work<'_>, id: MembershipId, told_until: Timestamp) {
    let Some(membership) = work.snapshot.memberships.get(&id) else { return };
    let channel_id = membership.channel_id;
    let Some(end) = membership.ends_at.filter(|_| membership.status == MembershipStatus::Active) else {
        return;
    };
    let Some(channel) = work.snapshot.channels.get(&channel_id) else { return };
    let policies = &channel.policies.membership;
    let due = policies.reminder_due(end, told_until, work.now).map(|_| work.now);
    let Some(at) = due.or_else(|| policies.reminder_next(end, told_until, work.now)) else { return };
    let kind = JobKind::RemindMember { membership_id: id, for_end: end, told_until };
    work.arm(kind, format!("membership:{id}"), channel_id, at, true);
}

/// What follows a look at the reminders of a membership, up to `told` of which were told.
pub(super) fn next(
    work: &Work<'_>,
    job: &mut Job,
    id: MembershipId,
    for_end: Timestamp,
    told: Timestamp,
) -> Option<Timestamp> {
    let membership = work.snapshot.memberships.get(&id)?;
    let channel = work.snapshot.channels.get(&membership.channel_id)?;
    let (end, told_until) = stay::told_until(work.snapshot, membership, for_end, told)?;
    job.kind = JobKind::RemindMember { membership_id: id, for_end: end, told_until };
    if matches!(membership.status, MembershipStatus::Expired | MembershipStatus::Revoked) {
        return None;
    }
    let policies = &channel.policies.membership;
    // A renewal between the look and this step has a reminder of its own, which may be due.
    let due = policies.reminder_due(end, told_until, work.now).filter(|_| end != for_end).map(|_| work.now);
    due.or_else(|| policies.reminder_next(end, told_until, work.now))
}

/// Whether a message waits for a word of somebody who cannot be written to.
pub(super) fn waits_for_a_word(kind: &JobKind) -> bool {
    matches!(kind, JobKind::RemindMember { .. } | JobKind::SayFarewell { .. })
}

/// When to try again by ourselves; a `/start` brings it forward.
pub(super) fn unreachable(work: &Work<'_>, job: &mut Job) -> Option<Timestamp> {
    let at = match job.kind {
        JobKind::RemindMember { membership_id, for_end, told_until } => {
            let next = next(work, job, membership_id, for_end, told_until);
            next.or_else(|| {
                let membership = work.snapshot.memberships.get(&membership_id)?;
                let channel = work.snapshot.channels.get(&membership.channel_id)?;
                membership.removal_due(channel.policies.grace())
            })
        }
        JobKind::SayFarewell { removed_at, .. } => {
            Some(later(removed_at, SignedDuration::from_hours(24 * FAREWELL_WAITS_DAYS)))
        }
        _ => None,
    };
    at.filter(|at| *at > work.now)
}

/// Somebody can be written to again: brings forward what waits for that, and arms nothing that was told.
pub(super) fn word_of(work: &mut Work<'_>, membership: &Membership) {
    let id = membership.id;
    match (membership.status, membership.ends_at, membership.removed_at) {
        (MembershipStatus::Active | MembershipStatus::Grace, Some(end), _) => {
            let newest =
                work.snapshot.grants_of(id).into_iter().max_by_key(|grant| (grant.granted_at, grant.id));
            // Before the access is delivered there are no reminders, and afterwards there is a row, unless all are told.
            if newest.is_some_and(|grant| grant.delivered_at.is_some()) {
                let kind = JobKind::RemindMember { membership_id: id, for_end: end, told_until: end };
                work.arm(kind, format!("membership:{id}"), membership.channel_id, work.now, true);
            }
        }
        (_, _, Some(removed_at)) => {
            work.arm(
                farewell(id, removed_at),
                subject(id, removed_at),
                membership.channel_id,
                work.now,
                false,
            );
        }
        _ => {}
    }
}

/// Arms the farewell of a removal.
pub(super) fn say_farewell(work: &mut Work<'_>, membership: &Membership, removed_at: Timestamp) {
    let id = membership.id;
    work.arm(farewell(id, removed_at), subject(id, removed_at), membership.channel_id, work.now, false);
}

fn farewell(membership_id: MembershipId, removed_at: Timestamp) -> JobKind {
    JobKind::SayFarewell { membership_id, removed_at }
}

fn subject(id: MembershipId, removed_at: Timestamp) -> String {
    format!("membership:{id}:{removed_at}")
}
