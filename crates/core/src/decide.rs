//! Decides what a command changes. Pure: the same snapshot, command, time and ids give the same changes.

mod access;
mod attention;
mod delivery;
mod departure;
mod dialogue;
mod donations;
mod grants;
mod guard;
mod import;
mod jobs;
mod notification;
mod offers;
mod owner;
mod payout;
mod progress;
mod reminders;
mod rights;
mod shop;

use jiff::Timestamp;

use crate::audit::AuditEntry;
use crate::command::{Command, Outcome, Refusal};
use crate::id::{ChannelId, IdSource, JobId};
use crate::job::{ArmJob, JobKind};
use crate::snapshot::Snapshot;

pub use progress::SAME_WISH_MINUTES;

/// Who acts when nobody in particular does.
pub const SYSTEM: &str = "system";

/// Works a command into the snapshot.
///
/// # Errors
/// A [`Refusal`] that says what to mend; the snapshot is then as it was.
pub fn decide(
    now: Timestamp,
    ids: &mut dyn IdSource,
    snapshot: &mut Snapshot,
    command: &Command,
) -> Result<Outcome, Refusal> {
    let mut work = Work { now, ids, snapshot };
    match command {
        Command::Notification(received) => Ok(notification::receive(&mut work, received)),
        Command::ParkNotification(received) => Ok(notification::park(&mut work, received)),
        Command::BindPayment { payment_id, order_id, actor } => {
            notification::bind_by_hand(&mut work, *payment_id, *order_id, actor)
        }
        Command::AddChannel(channel) => shop::add_channel(&mut work, channel),
        Command::AddChannelAndPost(channel) => offers::add_and_post(&mut work, channel),
        Command::ArchiveChannel { channel_id, actor } => shop::archive_channel(&mut work, *channel_id, actor),
        Command::UnarchiveChannel { channel_id, actor } => {
            shop::unarchive_channel(&mut work, *channel_id, actor)
        }
        Command::SetOwner { channel_id, owner, reason, actor } => {
            owner::set(&mut work, *channel_id, *owner, reason, actor)
        }
        Command::SetPolicies { channel_id, change, actor } => {
            shop::set_policies(&mut work, *channel_id, change, actor)
        }
        Command::SetPayout { channel_id, payout, actor } => {
            payout::set(&mut work, *channel_id, payout, actor)
        }
        Command::CancelPayoutChange { channel_id, counts_at, actor } => {
            payout::cancel(&mut work, *channel_id, *counts_at, actor)
        }
        Command::ByOwner { owner, command } => owner::carry_out(&mut work, *owner, command),
        Command::AddPlan { channel_id, plan, actor } => shop::add_plan(&mut work, *channel_id, plan, actor),
        Command::RetirePlan { channel_id, plan_id, actor } => {
            shop::retire_plan(&mut work, *channel_id, *plan_id, actor)
        }
        Command::SetOffer { channel_id, change, actor } => offers::set(&mut work, *channel_id, change, actor),
        Command::PostOffer { channel_id, actor } => offers::post(&mut work, *channel_id, actor),
        Command::NoteDonor { order_id, user, message } => {
            offers::note_donor(&mut work, *order_id, *user, message)
        }
        Command::CreateLink { channel_id, plan_id, expires_at, max_uses, actor } => {
            let limits = shop::LinkLimits { expires_at: *expires_at, max_uses: *max_uses };
            shop::create_link(&mut work, *channel_id, *plan_id, limits, actor)
        }
        Command::RevokeLink { link_id, actor } => shop::revoke_link(&mut work, *link_id, actor),
        Command::CreateOrder { from, user, source, wants_invoice } => {
            shop::create_order(&mut work, from, *user, *source, *wants_invoice)
        }
        Command::OrderByForm { from, user, source, form, wants_invoice } => {
            shop::order_by_form(&mut work, from, *user, *source, *form, *wants_invoice)
        }
        Command::Buy { from, plan_id, user, wants_invoice } => {
            progress::buy(&mut work, from, *plan_id, *user, *wants_invoice)
        }
        Command::ShowOrder { order_id, user } => progress::show(&mut work, *order_id, *user),
        Command::ChooseCoin { order_id, coin, words } => {
            shop::choose_coin(&mut work, *order_id, coin.as_ref(), words.as_ref())
        }
        Command::ClaimOrder { claim, user } => access::claim_order(&mut work, *claim, *user),
        Command::BindOrder { order_id, user, reason, actor } => {
            access::bind_order(&mut work, *order_id, *user, reason, actor)
        }
        Command::GrantMembership { member, duration, reason, actor } => {
            access::grant_by_hand(&mut work, *member, *duration, reason, actor)
        }
        Command::RevokeMembership { member, reason, actor } => {
            access::revoke_by_hand(&mut work, *member, reason, actor)
        }
        Command::ResolveAttention { attention_id, resolution, reason, actor } => {
            attention::resolve(&mut work, *attention_id, *resolution, reason, actor)
        }
        Command::JoinRequest { chat, user, update_id } => {
            Ok(access::join_request(&mut work, *chat, *user, *update_id))
        }
        Command::UserStarted { user } => Ok(access::user_started(&mut work, *user)),
        Command::MemberSeen { chat, user, standing, at } => {
            Ok(guard::member_seen(&mut work, *chat, *user, *standing, *at))
        }
        Command::BotSeen(seen) => Ok(rights::seen(&mut work, seen)),
        Command::ChatMigrated { from, to } => guard::chat_migrated(&mut work, *from, *to),
        Command::ReissueInvites { user } => Ok(access::reissue(&mut work, *user)),
        Command::FreezeRemovals { channel_id, freeze, reason, actor } => {
            departure::freeze(&mut work, *channel_id, *freeze, reason, actor)
        }
        Command::Whitelist { channel_id, user, listed, reason, actor } => {
            guard::whitelist(&mut work, *channel_id, *user, *listed, reason, actor)
        }
        Command::LookAtEnd { membership_id } => departure::look(&mut work, *membership_id),
        Command::NoteRunUndone { run_id, reason, actor } => {
            departure::note_undone(&mut work, *run_id, reason, actor)
        }
        Command::ClaimJobs { limit, .. } => Ok(jobs::claim(&mut work, *limit)),
        Command::FinishJob { job, token, outcome } => Ok(jobs::finish(&mut work, job, *token, outcome)),
        Command::RetryJob { job_id } => jobs::retry(&mut work, *job_id),
        Command::GoOn { user, update_id, next, then } => {
            dialogue::go_on(&mut work, *user, *update_id, next.as_ref(), then.as_deref())
        }
        Command::ImportChannel(channel) => import::channel(&mut work, channel),
        Command::ImportMember(member) => import::member(&mut work, member),
        Command::ImportGranted(granted) => import::granted(&mut work, granted),
    }
}

/// A command at work: the time, the ids and the rows.
struct Work<'a> {
    now: Timestamp,
    ids: &'a mut dyn IdSource,
    snapshot: &'a mut Snapshot,
}

impl Work<'_> {
    fn audit(
        &mut self,
        actor: &str,
        action: &str,
        subject: String,
        reason: &str,
        detail: &serde_json::Value,
    ) {
        self.snapshot.audit.push(AuditEntry {
            at: self.now,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject,
            reason: reason.to_owned(),
            detail: detail.to_string(),
        });
    }

    /// Arms a job. `revive`: whether one that is over runs again.
    fn arm(
        &mut self,
        kind: JobKind,
        subject: String,
        channel_id: ChannelId,
        run_at: Timestamp,
        revive: bool,
    ) {
        self.arm_for(kind, subject, Some(channel_id), run_at, revive);
    }

    /// The same for a job that may be about no channel.
    fn arm_for(
        &mut self,
        kind: JobKind,
        subject: String,
        channel_id: Option<ChannelId>,
        run_at: Timestamp,
        revive: bool,
    ) {
        self.snapshot.arm.push(ArmJob {
            id: JobId(self.ids.uuid()),
            kind,
            subject,
            channel_id,
            run_at,
            created_at: self.now,
            revive,
        });
    }
}
