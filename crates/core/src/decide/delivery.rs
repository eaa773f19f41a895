//! Access on its way to the payer.

use super::Work;
use crate::id::MembershipId;
use crate::job::JobKind;
use crate::membership::Grant;

/// Arms the delivery of a grant: one per grant, so that a payment gives one message however often it is notified.
pub(super) fn deliver(work: &mut Work<'_>, grant: &Grant, membership_id: MembershipId) {
    let kind = JobKind::DeliverAccess { grant_id: grant.id, membership_id };
    work.arm(kind, format!("grant:{}", grant.id), grant.channel_id, work.now, true);
}
