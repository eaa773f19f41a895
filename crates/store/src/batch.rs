//! What both engines do with a batch between loading and writing: let the rules work on it, and sort out what is to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use tollhouse_core::attention::Attention;
use tollhouse_core::audit::{AuditEntry, Sealed};
use tollhouse_core::bot_chat::BotChat;
use tollhouse_core::channel::Channel;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::decide::decide;
use tollhouse_core::dialogue::Dialogue;
use tollhouse_core::event::Received;
use tollhouse_core::id::{ChannelId, IdSource, OrderId};
use tollhouse_core::job::{ArmJob, Job, JobState};
use tollhouse_core::link::PayLink;
use tollhouse_core::membership::{END_LATEST_SECONDS, Grant, Membership};
use tollhouse_core::offer::Offer;
use tollhouse_core::order::{Order, OrderKind};
use tollhouse_core::payment::Payment;
use tollhouse_core::presence::Presence;
use tollhouse_core::removal::{RemovalRun, Switch};
use tollhouse_core::snapshot::{EventRecord, Needs, Snapshot, Write};
use tollhouse_core::status::PaymentStatus;

use crate::Committed;
use crate::layout::{ArmRow, AuditRow, PaymentRow, PlanRow, without_nul};
use crate::writer::Failure;

/// What the databases keep of a time: microseconds, and nothing of the very last second that there is, which jiff does not read back. The
/// rules work with the same, so that a row reads back as it was decided.
pub(crate) fn truncate(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond())
        .or_else(|_| Timestamp::from_second(END_LATEST_SECONDS))
        .unwrap_or(at)
}

/// Brings what a command carries to what the database can keep, before the rules see it.
pub(crate) fn normalize(command: &mut Command) {
    match command {
        Command::Notification(received) | Command::ParkNotification(received) => normalize_received(received),
        Command::CreateLink { expires_at: Some(at), .. } => *at = truncate(*at),
        Command::ClaimJobs { now, .. } => *now = truncate(*now),
        Command::ImportMember(member) => {
            member.ends_at = truncate(member.ends_at);
            member.granted_at = truncate(member.granted_at);
        }
        Command::ImportGranted(granted) => granted.granted_at = granted.granted_at.map(truncate),
        Command::MemberSeen { at, .. } => *at = truncate(*at),
        Command::BotSeen(seen) => {
            seen.at = truncate(seen.at);
            seen.title = without_nul(&seen.title).into_owned();
        }
        Command::GoOn { next, then, .. } => {
            if let Some(question) = next {
                question.kind = without_nul(&question.kind).into_owned();
                question.payload = without_nul(&question.payload).into_owned();
            }
            if let Some(command) = then {
                normalize(command);
            }
        }
        _ => {}
    }
}

fn normalize_received(received: &mut Received) {
    received.received_at = truncate(received.received_at);
    let facts = &mut received.facts;
    for text in [&mut facts.order_ref, &mut facts.invoice_id].into_iter().flatten() {
        *text = without_nul(text).into_owned();
    }
    if let PaymentStatus::Other(text) = &mut facts.status {
        *text = without_nul(text).into_owned();
    }
}

/// What all commands of a batch need.
pub(crate) fn needs(commands: &[Command]) -> Needs {
    let mut needs = Needs::default();
    for command in commands {
        needs.merge(command.needs());
    }
    needs
}

/// Lets the rules work the commands into the snapshot, one after another. A panic in the rules fails the batch, not the process.
pub(crate) fn decide_all(
    now: Timestamp,
    ids: &mut dyn IdSource,
    snapshot: &mut Snapshot,
    commands: &[Command],
) -> Result<Vec<Result<Outcome, Refusal>>, Failure> {
    let work =
        AssertUnwindSafe(|| commands.iter().map(|command| decide(now, ids, snapshot, command)).collect());
    catch_unwind(work).map_err(|panic| {
        let what = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Failure::Broken(format!("the rules panicked: {what}"))
    })
}

/// What a batch writes.
pub(crate) struct Writes {
    pub(crate) channels: Vec<Write<Channel>>,
    pub(crate) plans: Vec<Write<PlanRow>>,
    pub(crate) links: Vec<Write<PayLink>>,
    pub(crate) orders: Vec<Write<Order>>,
    pub(crate) payments: Vec<Write<PaymentRow>>,
    pub(crate) memberships: Vec<Write<Membership>>,
    pub(crate) grants: Vec<Write<Grant>>,
    pub(crate) presences: Vec<Write<Presence>>,
    pub(crate) runs: Vec<Write<RemovalRun>>,
    pub(crate) switches: Vec<Write<Switch>>,
    pub(crate) bot_chats: Vec<Write<BotChat>>,
    pub(crate) dialogues: Vec<Write<Dialogue>>,
    pub(crate) offers: Vec<Write<Offer>>,
    pub(crate) attention: Vec<Write<Attention>>,
    pub(crate) jobs: Vec<Write<Job>>,
    /// By kind and subject, each once.
    pub(crate) arm: Vec<Arm>,
    pub(crate) events: Vec<EventRecord>,
    pub(crate) audit: Vec<AuditEntry>,
    /// What to tell those who listen.
    pub(crate) committed: Committed,
}

/// A job to be armed.
pub(crate) struct Arm {
    pub(crate) row: ArmRow,
    pub(crate) revive: bool,
}

/// The channels as they were loaded, to tell what of them a batch changed.
pub(crate) fn channels_of(snapshot: &Snapshot) -> BTreeMap<ChannelId, Channel> {
    snapshot.channels.values().map(|channel| (channel.id, channel.clone())).collect()
}

/// Sorts out what is to be written.
pub(crate) fn writes(snapshot: &mut Snapshot, channels_before: &BTreeMap<ChannelId, Channel>) -> Writes {
    let (channels, plans) = split_channels(snapshot, channels_before);
    // Two processes that make the same rows at once wait for each other's keys: in one order, so that they do not for ever.
    let mut memberships = snapshot.memberships.take_writes();
    memberships.sort_by_key(|write| (write.row.channel_id, write.row.user));
    let mut attention = snapshot.attention.take_writes();
    attention.sort_by_key(|write| (write.row.subject, write.row.reason));
    let grants = snapshot.grants.take_writes();
    let orders = snapshot.orders.take_writes();
    let jobs = snapshot.jobs.take_writes();
    let arm = merge_arms(std::mem::take(&mut snapshot.arm));
    let payments = snapshot.payments.take_writes();
    let committed = Committed {
        orders: touched_orders(snapshot, &orders, &payments, &grants, &memberships),
        armed: !arm.is_empty() || jobs.iter().any(|job| job.row.state == JobState::Ready),
        ..Committed::default()
    };
    let granted: BTreeSet<OrderId> = snapshot.grants.values().filter_map(|grant| grant.order_id).collect();
    let payments = payments.into_iter().map(|Write { row: payment, is_new, before }| {
        // A donation has arrived with its money: no grant is to follow.
        let is_donation =
            |id: &OrderId| snapshot.orders.get(id).is_some_and(|order| order.kind() == OrderKind::Donation);
        let has_ended = payment.order_id.is_some_and(|id| granted.contains(&id) || is_donation(&id));
        let is_unsettled = payment.is_credited() && !has_ended;
        // What was written of one with money is not known here.
        let before = before.filter(|payment| !payment.is_credited());
        let before = before.map(|payment| PaymentRow { payment, is_unsettled: false });
        Write { row: PaymentRow { payment, is_unsettled }, is_new, before }
    });
    Writes {
        channels,
        plans,
        links: snapshot.links.take_writes(),
        orders,
        payments: payments.collect(),
        memberships,
        grants,
        presences: snapshot.presences.take_writes(),
        runs: snapshot.runs.take_writes(),
        switches: snapshot.switches.take_writes(),
        bot_chats: snapshot.bot_chats.take_writes(),
        dialogues: snapshot.dialogues.take_writes(),
        offers: snapshot.offers.take_writes(),
        attention,
        jobs,
        arm,
        events: std::mem::take(&mut snapshot.events),
        audit: std::mem::take(&mut snapshot.audit),
        committed,
    }
}

/// A channel is loaded without a lock, since every notification reads it and hardly anybody changes it. So that two changes at once do
/// not undo each other, only what changed is written: the channel's own row, or the plans that are new or retired.
fn split_channels(
    snapshot: &mut Snapshot,
    before: &BTreeMap<ChannelId, Channel>,
) -> (Vec<Write<Channel>>, Vec<Write<PlanRow>>) {
    let mut channels = Vec::new();
    let mut plans = Vec::new();
    for Write { row, is_new, .. } in snapshot.channels.take_writes() {
        let old = before.get(&row.id);
        for (position, plan) in (0..).zip(&row.plans) {
            let known = old.and_then(|channel| channel.plan(plan.id));
            if known != Some(plan) {
                let row = PlanRow { plan: plan.clone(), position };
                plans.push(Write { row, is_new: known.is_none(), before: None });
            }
        }
        let own = |channel: &Channel| Channel { plans: Vec::new(), ..channel.clone() };
        if is_new || old.map(own) != Some(own(&row)) {
            channels.push(Write { row, is_new, before: None });
        }
    }
    (channels, plans)
}

fn touched_orders(
    snapshot: &Snapshot,
    orders: &[Write<Order>],
    payments: &[Write<Payment>],
    grants: &[Write<Grant>],
    memberships: &[Write<Membership>],
) -> Vec<OrderId> {
    let mut touched: BTreeSet<OrderId> = orders.iter().map(|write| write.row.id).collect();
    // Confirming becomes confirmed without a change of the order; its page shows it all the same.
    touched.extend(payments.iter().filter_map(|write| write.row.order_id));
    touched.extend(grants.iter().filter_map(|write| write.row.order_id));
    let changed: BTreeSet<_> = memberships.iter().map(|write| write.row.id).collect();
    let theirs =
        snapshot.grants.values().filter(|grant| grant.membership_id.is_some_and(|id| changed.contains(&id)));
    touched.extend(theirs.filter_map(|grant| grant.order_id));
    touched.into_iter().collect()
}

/// One row cannot be written twice in a statement: several arms of one job become one. The earliest time holds; what is run is what
/// the first one says that may revive. That is as if they had come one after another, but for a job that is held: it then shows the
/// earliest of the times and not the latest, which is as good a sign that it was asked for again.
fn merge_arms(arms: Vec<ArmJob>) -> Vec<Arm> {
    let mut merged: BTreeMap<(&'static str, String), ArmJob> = BTreeMap::new();
    for arm in arms {
        let key = (arm.kind.name(), arm.subject.clone());
        match merged.get_mut(&key) {
            None => {
                merged.insert(key, arm);
            }
            Some(known) => {
                let run_at = known.run_at.min(arm.run_at);
                if arm.revive && !known.revive {
                    *known = arm;
                }
                known.run_at = run_at;
            }
        }
    }
    merged.into_values().map(|arm| Arm { revive: arm.revive, row: ArmRow(arm) }).collect()
}

/// Seals entries behind the head of the log.
pub(crate) fn seal(sequence: i64, hash: [u8; 32], entries: Vec<AuditEntry>) -> Vec<AuditRow> {
    let mut previous = hash;
    (sequence.saturating_add(1)..)
        .zip(entries)
        .map(|(sequence, entry)| {
            previous = entry.seal(&previous, sequence);
            AuditRow(Sealed { sequence, entry, hash: previous })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_that_is_kept_reads_back() {
        let now: Timestamp = "2026-01-01T00:00:00.123456789Z".parse().unwrap();
        assert_eq!(truncate(now).to_string(), "2026-01-01T00:00:00.123456Z");
        for extreme in [Timestamp::MAX, Timestamp::MIN, Timestamp::UNIX_EPOCH] {
            let kept = truncate(extreme).as_microsecond();
            assert!(Timestamp::from_microsecond(kept).is_ok(), "{extreme}");
        }
    }
}
