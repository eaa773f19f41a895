//! Access on its way to the payer.

use super::Work;
use crate::id::{MembershipId, PrivateChatId};
use crate::job::JobKind;
use crate::membership::{Grant, Invite, Membership};

/// Arms the delivery of a grant: one per grant, so that a payment gives one message however often it is notified.
pub(super) fn deliver(work: &mut Work<'_>, grant: &Grant, membership_id: MembershipId) {
    let kind = JobKind::DeliverAccess { grant_id: grant.id, membership_id };
    work.arm(kind, format!("grant:{}", grant.id), grant.channel_id, work.now, true);
}

/// Arms the end of a link that is not a member's any more, in the chat that it was made for.
pub(super) fn revoke(work: &mut Work<'_>, membership: &Membership, chat: PrivateChatId, invite: &Invite) {
    let kind = JobKind::RevokeInvite { chat, channel_id: membership.channel_id, link: invite.link.clone() };
    // Not named after the link: what a job is about stands in logs.
    let subject = format!("membership:{}:{}", membership.id, invite.created_at);
    work.arm(kind, subject, membership.channel_id, work.now, false);
}
