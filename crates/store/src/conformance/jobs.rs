//! Claims, leases and arms.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, Outcome};
use tollhouse_core::id::{JobId, PrivateChatId, TelegramUserId};
use tollhouse_core::job::{Job, JobState, LEASE_SECONDS, Outcome as JobOutcome};

use super::Fresh;
use super::world::{Notice, PRIVATE_CHAT, World, legacy_ref};
use crate::{JobFilter, PAGE_LENGTH_MAX};

async fn claim(world: &World, limit: u32) -> Vec<Job> {
    match world.run(Command::ClaimJobs { limit, now: world.clock.now() }).await {
        Outcome::Jobs(jobs) => jobs,
        other => panic!("{other:?}"),
    }
}

async fn all(world: &World) -> Vec<Job> {
    world.store.jobs(JobFilter { limit: PAGE_LENGTH_MAX, ..JobFilter::default() }).await.unwrap()
}

fn finish(job: &Job, outcome: JobOutcome) -> Command {
    Command::FinishJob { job: Box::new(job.clone()), token: job.lease.unwrap().token, outcome }
}

pub async fn no_job_is_claimed_twice(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open(database, 2).await;
    one.channel().await;
    for number in 0..100 {
        one.run(Notice::finished(1 + number, legacy_ref(1 + number)).command()).await;
    }
    let now = one.clock.now();
    let due: BTreeSet<JobId> =
        all(&one).await.iter().filter(|job| job.run_at <= now).map(|job| job.id).collect();
    assert!(due.len() >= 100, "{}", due.len());
    let mut tasks = JoinSet::new();
    for number in 0..80 {
        let store = Arc::clone(if number % 2 == 0 { &one.store } else { &two.store });
        tasks
            .spawn(async move { store.submit(Command::ClaimJobs { limit: 7, now }).await.unwrap().unwrap() });
    }
    let mut claimed = Vec::new();
    for outcome in tasks.join_all().await {
        let Outcome::Jobs(jobs) = outcome else { panic!("{outcome:?}") };
        assert!(jobs.len() <= 7);
        claimed.extend(jobs.into_iter().map(|job| job.id));
    }
    let distinct: BTreeSet<JobId> = claimed.iter().copied().collect();
    assert_eq!(distinct.len(), claimed.len(), "none twice");
    // A claim passes over what another process has locked just then; nothing is left for the next one.
    claimed.extend(claim(&one, PAGE_LENGTH_MAX).await.iter().map(|job| job.id));
    assert_eq!(claimed.into_iter().collect::<BTreeSet<JobId>>(), due, "none left out");
    assert!(claim(&two, 100).await.is_empty());
}

fn invite(link: &str) -> JobOutcome {
    JobOutcome::InviteCreated { chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(), link: link.to_owned() }
}

pub async fn a_lapsed_lease_is_taken_over_and_the_old_holder_changes_nothing(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open_at(database, 2, one.clock.clone()).await;
    one.channel().await;
    one.run(Notice::finished(1, legacy_ref(7)).command()).await;
    let first = claim(&one, 100).await;
    let deliver = first.iter().find(|job| job.kind.name() == "deliver_access").unwrap();
    one.clock.advance(SignedDuration::from_secs(LEASE_SECONDS - 1));
    assert!(claim(&two, 100).await.is_empty(), "still held");
    one.clock.advance(SignedDuration::from_secs(1));
    let second = claim(&two, 100).await;
    let taken = second.iter().find(|job| job.id == deliver.id).unwrap();
    assert_eq!(taken.attempt, deliver.attempt + 1);
    let before = all(&one).await;
    let late = invite("https://t.me/+late");
    assert_eq!(one.run(finish(deliver, late)).await, Outcome::LeaseLost);
    assert_eq!(all(&one).await, before);
    let memberships = one.store.memberships(crate::MembershipFilter::default()).await.unwrap();
    assert_eq!(memberships[0].invite, None);
    let present = invite("https://t.me/+now");
    assert_eq!(two.run(finish(taken, present)).await, Outcome::Done);
    let memberships = one.store.memberships(crate::MembershipFilter::default()).await.unwrap();
    assert_eq!(memberships[0].invite.as_ref().unwrap().link, "https://t.me/+now");
}

pub async fn a_job_that_cannot_be_read_is_passed_over(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.run(Notice::finished(1, legacy_ref(7)).command()).await;
    let due = all(&world).await.iter().filter(|job| job.run_at <= world.clock.now()).count();
    let newer =
        r#"UPDATE jobs SET kind = 'newer', payload = '{"kind":"newer"}' WHERE kind = 'deliver_access'"#;
    database.execute(newer).await;
    assert_eq!(claim(&world, 100).await.len(), due - 1);
}

pub async fn arming_follows_the_state_of_the_job(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel = world.channel().await;
    let user = TelegramUserId::new(7).unwrap();
    world.run(Notice::finished(1, legacy_ref(7)).command()).await;
    let find = async |kind: &str| {
        let jobs = all(&world).await;
        jobs.into_iter().find(|job| job.kind.name() == kind).unwrap()
    };
    let end = find("end_membership").await;
    assert_eq!(
        (end.state, end.run_at),
        (JobState::Ready, world.clock.now() + SignedDuration::from_hours(720))
    );
    // Ready: brought forward, never back.
    let member = Member::User { channel_id: channel, user };
    let grant = Command::GrantMembership {
        member,
        duration: PlanDuration::Days(30),
        reason: "more".to_owned(),
        actor: "cli:a".to_owned(),
    };
    world.run(grant).await;
    assert_eq!(find("end_membership").await.run_at, end.run_at);
    let revoke = Command::RevokeMembership { member, reason: "less".to_owned(), actor: "cli:a".to_owned() };
    world.run(revoke).await;
    let forward = find("end_membership").await;
    assert_eq!((forward.id, forward.run_at), (end.id, world.clock.now()));
    // Held: it stays with its holder. Over: run again.
    world.run(Notice::finished(2, legacy_ref(8)).command()).await;
    let held = claim(&world, 100).await;
    let mine: Vec<&Job> = held.iter().filter(|job| job.kind.name() == "deliver_access").collect();
    let newest = mine.iter().max_by_key(|job| job.created_at.max(job.run_at)).unwrap();
    let start = Command::UserStarted { user: TelegramUserId::new(8).unwrap() };
    world.run(start.clone()).await;
    let leased: Vec<Job> = all(&world).await.into_iter().filter(|job| job.id == newest.id).collect();
    assert_eq!(leased[0].lease, newest.lease);
    assert!(
        leased[0].run_at > newest.run_at,
        "its holder sees that it was asked for again, in the same instant"
    );
    for job in &mine {
        world.run(finish(job, JobOutcome::Nothing)).await;
    }
    // The one that was asked for again had its way to the end, without effect.
    let again: Vec<Job> = claim(&world, 100).await;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), [newest.id]);
    world.run(finish(&again[0], JobOutcome::Nothing)).await;
    world.clock.advance(SignedDuration::from_secs(5));
    world.run(start).await;
    let revived: Vec<Job> =
        all(&world).await.into_iter().filter(|job| mine.iter().any(|old| old.id == job.id)).collect();
    let ready: Vec<&Job> = revived.iter().filter(|job| job.state == JobState::Ready).collect();
    assert_eq!(ready.len(), 1, "only the one that was not delivered and still holds: {revived:?}");
    assert_eq!((ready[0].run_at, ready[0].finished_at, ready[0].attempt), (world.clock.now(), None, 0));
}
