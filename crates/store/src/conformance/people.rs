//! The time of members: runs of removals that two processes share, and the lists of who is inside.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, Outcome};
use tollhouse_core::id::{ChannelId, PrivateChatId, TelegramUserId};
use tollhouse_core::job::{Job, JobKind, Outcome as JobOutcome};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::membership_policy::REMOVALS_BELOW_SHARE;
use tollhouse_core::presence::Standing;
use tollhouse_core::removal::{RunState, SwitchName};
use tollhouse_core::snapshot::Needs;

use super::Fresh;
use super::world::{PRIVATE_CHAT, World};
use crate::{AttentionFilter, MembershipFilter, PAGE_LENGTH_MAX, PresenceFilter, RunFilter};

fn user(number: i64) -> TelegramUserId {
    TelegramUserId::new(number).unwrap()
}

async fn give_a_day(world: &World, channel_id: ChannelId, number: i64) {
    let give = Command::GrantMembership {
        member: Member::User { channel_id, user: user(number) },
        duration: PlanDuration::Days(1),
        reason: "test".to_owned(),
        actor: "cli:a".to_owned(),
    };
    world.run(give).await;
}

/// Claims what is due and takes the next step of every end, all at once and from both processes in turn.
async fn next_steps(one: &World, two: &World, members: u32) {
    let claim = Command::ClaimJobs { limit: PAGE_LENGTH_MAX, now: one.clock.now() };
    let Outcome::Jobs(jobs) = one.run(claim).await else { panic!() };
    let ends = jobs.into_iter().filter(|job| matches!(job.kind, JobKind::EndMembership { .. }));
    let mut tasks = JoinSet::new();
    for (number, job) in ends.enumerate() {
        let store = Arc::clone(if number % 2 == 0 { &one.store } else { &two.store });
        tasks.spawn(async move { store.submit(step(job, members)).await.unwrap().unwrap() });
    }
    tasks.join_all().await;
}

/// Telegram does what it is told, and the members were counted where they had to be.
fn step(job: Job, members: u32) -> Command {
    let outcome = match job.kind {
        JobKind::EndMembership { removing: true, .. } => JobOutcome::Done,
        _ => JobOutcome::Counted { members },
    };
    let token = job.lease.unwrap().token;
    Command::FinishJob { job: Box::new(job), token, outcome }
}

pub async fn two_processes_remove_no_more_than_one_run_may(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open_at(database, 2, one.clock.clone()).await;
    let channel = one.channel().await;
    for number in 1..=12 {
        give_a_day(&one, channel, number).await;
    }
    assert_eq!(one.store.count_members(channel).await.unwrap(), 12);
    one.clock.advance(SignedDuration::from_hours(72));
    for _ in 0..4 {
        next_steps(&one, &two, 12).await;
    }
    let runs = two.store.runs(RunFilter::default()).await.unwrap();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.members, run.limit, run.decided), (12, REMOVALS_BELOW_SHARE, REMOVALS_BELOW_SHARE));
    assert_eq!(run.state, RunState::Stopped);
    let of_run = MembershipFilter { run: Some(run.id), ..MembershipFilter::default() };
    let gone = two.store.memberships(of_run).await.unwrap();
    assert_eq!(gone.len(), REMOVALS_BELOW_SHARE as usize);
    assert!(gone.iter().all(|one| one.status == MembershipStatus::Expired && one.removed_at.is_some()));
    assert_eq!(one.store.count_members(channel).await.unwrap(), 7);
    let to_leave = MembershipFilter { leaves_before: Some(one.clock.now()), ..MembershipFilter::default() };
    assert_eq!(one.store.memberships(to_leave).await.unwrap().len(), 7);
    assert_eq!(one.store.attention(AttentionFilter::default()).await.unwrap().len(), 1);
}

/// The one who was the owner is named by nobody: the store finds them at the channel.
pub async fn what_is_known_of_a_former_owner_is_there_when_the_channel_is_given_away(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel_id = world.channel().await;
    let chat = PrivateChatId::new(PRIVATE_CHAT).unwrap();
    let give = |owner: Option<i64>| Command::SetOwner {
        channel_id,
        owner: owner.map(user),
        reason: "sold".to_owned(),
        actor: "cli:a".to_owned(),
    };
    world.run(give(Some(7))).await;
    let at = world.clock.now();
    world.run(Command::MemberSeen { chat, user: user(7), standing: Standing::Inside, at }).await;
    let strangers = async || {
        let filter = AttentionFilter::default();
        let items = world.store.attention(filter).await.unwrap();
        items.iter().filter(|item| item.reason == Reason::StrangerInside).count()
    };
    assert_eq!(strangers().await, 0);
    world.run(give(None)).await;
    assert_eq!(strangers().await, 1);
}

pub async fn who_is_inside_and_what_is_frozen_reads_back(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel = world.channel().await;
    let chat = PrivateChatId::new(PRIVATE_CHAT).unwrap();
    for (number, standing) in (1..).zip(Standing::ALL) {
        let at = world.clock.now();
        world.run(Command::MemberSeen { chat, user: user(number), standing, at }).await;
    }
    let (reason, actor) = ("друг ✓".to_owned(), "cli:ö".to_owned());
    let list = |number| Command::Whitelist {
        channel_id: channel,
        user: user(number),
        listed: true,
        reason: reason.clone(),
        actor: actor.clone(),
    };
    world.run(list(2)).await;
    world.run(list(9)).await;
    let found = async |filter: PresenceFilter| -> Vec<i64> {
        let found = world.store.presences(filter).await.unwrap();
        let mut users: Vec<i64> = found.iter().map(|presence| presence.user.get()).collect();
        users.sort_unstable();
        users
    };
    let all = PresenceFilter { channel: Some(channel), ..PresenceFilter::default() };
    assert_eq!(found(all.clone()).await, [1, 2, 3, 4, 9]);
    assert_eq!(found(PresenceFilter { listed: true, ..all.clone() }).await, [2, 9]);
    assert_eq!(found(PresenceFilter { standing: Some(Standing::Inside), ..all.clone() }).await, [2]);
    let newest = world.store.presences(PresenceFilter { limit: 1, ..all.clone() }).await.unwrap();
    let listed = newest[0].listed.clone().unwrap();
    assert_eq!((listed.at, listed.by, listed.reason), (world.clock.now(), actor.clone(), reason.clone()));
    assert_eq!(newest[0].standing, None, "nobody told");
    let behind = PresenceFilter { before: Some(newest[0].id), ..all };
    assert_eq!(found(behind).await, [1, 2, 3, 4]);

    for channel_id in [Some(channel), None] {
        let (reason, actor) = (reason.clone(), actor.clone());
        world.run(Command::FreezeRemovals { channel_id, freeze: true, reason, actor }).await;
    }
    let mut needs = Needs::default();
    needs.channels.insert(channel);
    needs.switches.insert(SwitchName::Removals);
    let snapshot = world.store.snapshot(needs).await.unwrap();
    let here = snapshot.channels.get(&channel).unwrap().frozen.clone().unwrap();
    let everywhere = snapshot.switches.get(&SwitchName::Removals).unwrap().freeze.clone().unwrap();
    assert_eq!(here, everywhere);
    assert_eq!((here.at, here.by, here.reason), (world.clock.now(), actor, reason));
}
