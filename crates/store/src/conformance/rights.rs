//! What the bot may do in a chat, and the jobs that wait for it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use tollhouse_core::attention::{Reason, Subject};
use tollhouse_core::bot_chat::{BotChat, BotRight, HELD_ERROR, HELD_JOBS_MAX, RIGHTS_WAIT_MINUTES};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{BotSeen, Command, Member, Outcome};
use tollhouse_core::id::{TelegramChatId, TelegramUserId};
use tollhouse_core::job::{Failure, Job, JobKind, Outcome as JobOutcome};
use tollhouse_core::snapshot::Needs;

use super::Fresh;
use super::world::{PRIVATE_CHAT, World};
use crate::{AttentionFilter, JobFilter, PAGE_LENGTH_MAX};

fn user(number: i64) -> TelegramUserId {
    TelegramUserId::new(number).unwrap()
}

fn chat(number: i64) -> TelegramChatId {
    TelegramChatId::new(number).unwrap()
}

fn seen(world: &World, number: i64, rights: impl Into<BTreeSet<BotRight>>, update_id: i64) -> BotSeen {
    BotSeen {
        chat: chat(number),
        title: "Сигналы 📈 <b>'\"; --".to_owned(),
        is_channel: true,
        is_public: false,
        rights: rights.into(),
        by: Some(user(i64::MAX)),
        at: world.clock.now(),
        update_id,
        greets: true,
    }
}

pub async fn what_the_bot_may_do_reads_back(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let whole = seen(&world, i64::MIN, BotRight::ALL, 1);
    let nothing = BotSeen { by: None, is_public: true, is_channel: false, ..seen(&world, -1, [], 2) };
    for seen in [&whole, &nothing] {
        world.run(Command::BotSeen(Box::new(seen.clone()))).await;
    }
    let row = |seen: &BotSeen| BotChat {
        chat: seen.chat,
        title: seen.title.clone(),
        is_channel: seen.is_channel,
        is_public: seen.is_public,
        rights: seen.rights.clone(),
        set_by: seen.by,
        since: seen.at,
        told_at: None,
    };
    let mut needs = Needs::default();
    needs.bot_chats.extend([whole.chat, nothing.chat, chat(-7)]);
    let snapshot = world.store.snapshot(needs).await.unwrap();
    let rows: Vec<BotChat> = snapshot.bot_chats.values().cloned().collect();
    assert_eq!(rows, [row(&whole), row(&nothing)]);
    let mut needs = Needs::default();
    needs.bot_chats_by.insert(user(i64::MAX));
    let mine = world.store.snapshot(needs).await.unwrap();
    assert_eq!(mine.bot_chats.values().cloned().collect::<Vec<_>>(), [row(&whole)]);
    // What Telegram tells late changes nothing.
    let late = BotSeen { at: whole.at - SignedDuration::from_secs(1), ..seen(&world, i64::MIN, [], 3) };
    world.run(Command::BotSeen(Box::new(late))).await;
    let mut needs = Needs::default();
    needs.bot_chats.insert(whole.chat);
    assert_eq!(world.store.snapshot(needs).await.unwrap().bot_chats.get(&whole.chat), Some(&row(&whole)));
}

pub async fn f51_a_groups_new_number_has_its_rights_and_the_old_one_none(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.run(Command::BotSeen(Box::new(seen(&world, -5, BotRight::GATE, 1)))).await;
    for _ in 0..2 {
        let (from, to) = (chat(-5).as_private(), chat(-1005).as_private());
        world.run(Command::ChatMigrated { from, to }).await;
    }
    let mut needs = Needs::default();
    needs.bot_chats.extend([chat(-5), chat(-1005)]);
    let rows = world.store.snapshot(needs).await.unwrap();
    assert_eq!(rows.bot_chats.get(&chat(-5)).unwrap().rights, [].into());
    assert_eq!(rows.bot_chats.get(&chat(-1005)).unwrap().rights, BotRight::GATE.into());
}

async fn claim(world: &World) -> Vec<Job> {
    let claim = Command::ClaimJobs { limit: PAGE_LENGTH_MAX, now: world.clock.now() };
    let Outcome::Jobs(jobs) = world.run(claim).await else { panic!() };
    jobs
}

async fn finish(world: &World, job: &Job, outcome: JobOutcome) {
    let token = job.lease.unwrap().token;
    world.run(Command::FinishJob { job: Box::new(job.clone()), token, outcome }).await;
}

pub async fn jobs_that_wait_for_a_right_are_woken_together(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel_id = world.channel().await;
    let count = HELD_JOBS_MAX + 10;
    for number in 1..=i64::from(count) {
        let give = Command::GrantMembership {
            member: Member::User { channel_id, user: user(number) },
            duration: PlanDuration::Days(30),
            reason: "test".to_owned(),
            actor: "cli:test".to_owned(),
        };
        world.run(give).await;
    }
    let delivers = |job: &&Job| matches!(job.kind, JobKind::DeliverAccess { .. });
    let lack =
        || JobOutcome::Failed(Failure::NoRights { chat: chat(PRIVATE_CHAT), right: BotRight::InviteUsers });
    for job in claim(&world).await.iter().filter(delivers) {
        finish(&world, job, lack()).await;
    }
    let held = async || -> Vec<Job> {
        let jobs =
            world.store.jobs(JobFilter { limit: PAGE_LENGTH_MAX, ..JobFilter::default() }).await.unwrap();
        jobs.into_iter().filter(|job| job.last_error.as_deref() == Some(HELD_ERROR)).collect()
    };
    let jobs = held().await;
    assert_eq!(jobs.len(), count as usize);
    let again = world.clock.now() + SignedDuration::from_mins(RIGHTS_WAIT_MINUTES);
    assert!(jobs.iter().all(|job| job.attempt == 0 && job.run_at == again));
    let listed = async || {
        let items = world.store.attention(AttentionFilter::default()).await.unwrap();
        items.iter().map(|item| (item.subject, item.reason)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [(Subject::Channel(channel_id), Reason::RightsMissing)]);
    let told = claim(&world).await;
    let told: Vec<&Job> = told.iter().filter(|job| matches!(job.kind, JobKind::NotifyOwner { .. })).collect();
    assert_eq!(told.len(), 1, "however many jobs miss it");
    world.clock.advance(SignedDuration::from_secs(1));
    world.run(Command::BotSeen(Box::new(seen(&world, PRIVATE_CHAT, BotRight::ALL, 9)))).await;
    assert_eq!(listed().await, [], "the right is back");
    // Some at a time: the job that wakes them goes on at once.
    for left in [10, 0] {
        let jobs = claim(&world).await;
        let wakes: Vec<&Job> =
            jobs.iter().filter(|job| matches!(job.kind, JobKind::WakeHeld { .. })).collect();
        assert_eq!(wakes.len(), 1);
        finish(&world, wakes[0], JobOutcome::Nothing).await;
        assert_eq!(held().await.len(), left);
    }
    let jobs = claim(&world).await;
    assert!(jobs.iter().any(|job| matches!(job.kind, JobKind::DeliverAccess { .. })));
}
