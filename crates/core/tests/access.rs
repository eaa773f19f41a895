//! From a grant to access and out again: delivery, join requests, renewal, grace, removal; leases, failures, dead letters.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::SignedDuration;
use tollhouse_core::attention::{Attention, PERSON_REASON_LENGTH_MAX, Reason, Resolution, Subject};
use tollhouse_core::bot_chat::{BotRight, HELD_JOBS_MAX, RIGHTS_WAIT_MINUTES};
use tollhouse_core::channel::{Channel, PlanDuration};
use tollhouse_core::command::{BotSeen, Command, Member, Outcome, Refusal};
use tollhouse_core::id::{PrivateChatId, TelegramChatId};
use tollhouse_core::job::{
    ATTEMPTS_MAX, Action, Failure, Job, JobKind, JobState, Outcome as JobOutcome, OwnerNotice, action,
};
use tollhouse_core::membership::MembershipStatus;
use world::{BUYER, Note, PRIVATE_CHAT, World, days, user};

const LEGACY: &str = "PGP-6271402111|-1003016667267";
const LINK: &str = "https://t.me/+abc";

/// Works every due job until none is due; answers each action as a healthy Telegram would, and returns what was done.
fn work(world: &mut World) -> Vec<Action> {
    let mut done = Vec::new();
    loop {
        let jobs = world.claim();
        if jobs.is_empty() {
            return done;
        }
        for job in jobs {
            let act = action(world.now, &world.rows, &job);
            let outcome = match &act {
                Action::Nothing => JobOutcome::Nothing,
                Action::CreateInvite { chat, .. } => {
                    JobOutcome::InviteCreated { chat: *chat, link: LINK.into() }
                }
                Action::Approve { .. } => JobOutcome::Approved,
                Action::Explain { .. } => JobOutcome::Explained,
                Action::Decline { why, .. } => JobOutcome::Declined { why: *why },
                Action::CountMembers { .. } => JobOutcome::Counted { members: 1 },
                _ => JobOutcome::Done,
            };
            let is_told =
                matches!(act, Action::Remind { .. } | Action::Farewell { .. } | Action::Explain { .. });
            if !is_told && !matches!(act, Action::Nothing | Action::CountMembers { .. }) {
                done.push(act);
            }
            world.finish(&job, outcome);
        }
    }
}

fn sends(actions: &[Action]) -> usize {
    actions.iter().filter(|act| matches!(act, Action::SendAccess { .. })).count()
}

fn paid(world: &mut World, payment: i64) {
    world.notify(&Note::new(payment, "finished", LEGACY));
}

fn ask(world: &mut World, who: i64, update_id: i64) -> Vec<Action> {
    world.run(Command::JoinRequest {
        chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
        user: user(who),
        update_id,
    });
    work(world)
}

#[test]
fn f30_f31_one_payment_notified_often_is_one_invite_and_one_message() {
    let mut world = World::new();
    for _ in 0..12 {
        paid(&mut world, 1);
    }
    let done = work(&mut world);
    assert_eq!(done.iter().filter(|act| matches!(act, Action::CreateInvite { .. })).count(), 1);
    assert_eq!(sends(&done), 1);
    paid(&mut world, 1);
    assert!(work(&mut world).is_empty());
}

#[test]
fn f35_a_repeat_after_a_failed_message_uses_the_same_link() {
    let mut world = World::new();
    paid(&mut world, 1);
    let mut invites = 0;
    for _ in 0..ATTEMPTS_MAX {
        for job in world.claim() {
            let outcome = match action(world.now, &world.rows, &job) {
                Action::CreateInvite { chat, .. } => {
                    invites += 1;
                    JobOutcome::InviteCreated { chat, link: LINK.into() }
                }
                Action::SendAccess { link, .. } => {
                    assert_eq!(link, LINK);
                    JobOutcome::Failed(Failure::Transient { error: "time-out".into() })
                }
                _ => JobOutcome::Done,
            };
            world.finish(&job, outcome);
        }
        world.now += days(1) / 4;
    }
    assert_eq!(invites, 1);
}

#[test]
fn f36_only_the_payer_is_let_in() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    assert!(matches!(ask(&mut world, 666, 1)[..], [Action::Decline { .. }]));
    assert!(matches!(ask(&mut world, BUYER, 2)[..], [Action::Approve { .. }]));
    assert!(world.membership(BUYER).unwrap().joined_at.is_some());
    assert!(ask(&mut world, BUYER, 2).is_empty(), "one update, one answer");
    // In a chat that nobody registered we have no say.
    world.run(Command::JoinRequest {
        chat: PrivateChatId::new(-5).unwrap(),
        user: user(BUYER),
        update_id: 3,
    });
    assert!(work(&mut world).is_empty());
}

#[test]
fn f36_f37_a_request_that_was_gone_lets_nobody_in_and_the_link_stays() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    for (update_id, outcome) in [(1, JobOutcome::RequestGone), (2, JobOutcome::Nothing)] {
        let chat = PrivateChatId::new(PRIVATE_CHAT).unwrap();
        world.run(Command::JoinRequest { chat, user: user(BUYER), update_id });
        let job = world.claim().remove(0);
        assert!(matches!(action(world.now, &world.rows, &job), Action::Approve { .. }));
        world.finish(&job, outcome);
        let membership = world.membership(BUYER).unwrap();
        assert_eq!((membership.joined_at, membership.invite.is_some()), (None, true));
    }
    assert!(matches!(ask(&mut world, BUYER, 3)[..], [Action::Approve { .. }]));
    assert!(world.membership(BUYER).unwrap().joined_at.is_some());
}

/// "I was declined" can be answered from the job's row.
#[test]
fn f36_a_declined_request_says_why_at_its_job() {
    let mut world = World::new();
    ask(&mut world, 666, 1);
    paid(&mut world, 1);
    work(&mut world);
    ask(&mut world, BUYER, 2);
    world.now += days(60);
    ask(&mut world, BUYER, 3);
    let member = Member::Membership(world.membership(BUYER).unwrap().id);
    let (reason, actor) = ("abuse".to_owned(), "cli:test".to_owned());
    world.run(Command::RevokeMembership { member, reason, actor });
    ask(&mut world, BUYER, 4);
    let said = |update_id: i64| {
        let is_it =
            |job: &&Job| job.subject.starts_with("join:") && job.subject.ends_with(&format!(":{update_id}"));
        let job = world.rows.jobs.values().find(is_it).unwrap();
        assert_eq!(job.state, JobState::Done);
        job.last_error.clone()
    };
    assert_eq!(said(1).as_deref(), Some("declined: no membership"));
    assert_eq!(said(2), None, "who was let in");
    assert_eq!(said(3).as_deref(), Some("declined: the membership is over"));
    assert_eq!(said(4).as_deref(), Some("declined: the membership was taken back"));
}

#[test]
fn f37_the_payer_gets_in_as_long_as_the_membership_lasts() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    world.now += days(29);
    assert!(matches!(ask(&mut world, BUYER, 1)[..], [Action::Approve { .. }]));
    world.now += days(30);
    assert!(ask(&mut world, BUYER, 2).iter().any(|act| matches!(act, Action::Decline { .. })));
}

#[test]
fn f42_who_cannot_be_written_to_is_told_at_the_next_start() {
    let mut world = World::new();
    paid(&mut world, 1);
    loop {
        let jobs = world.claim();
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            let outcome = match action(world.now, &world.rows, &job) {
                Action::CreateInvite { chat, .. } => JobOutcome::InviteCreated { chat, link: LINK.into() },
                Action::SendAccess { .. } => JobOutcome::Failed(Failure::Unreachable { error: "403".into() }),
                _ => JobOutcome::Done,
            };
            world.finish(&job, outcome);
        }
    }
    assert_eq!(world.membership(BUYER).unwrap().invite.as_ref().unwrap().link, LINK, "the page can show it");
    assert!(world.open_reasons().is_empty());
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(sends(&work(&mut world)), 1);
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(sends(&work(&mut world)), 0);
}

#[test]
fn a_membership_goes_through_grace_and_ends_with_a_confirmed_removal() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    ask(&mut world, BUYER, 1);
    world.now += days(30);
    assert!(work(&mut world).is_empty(), "nobody is removed before the grace is over");
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Grace);
    world.now += days(1);
    assert!(matches!(work(&mut world)[..], [Action::Remove { .. }]));
    let membership = world.membership(BUYER).unwrap();
    assert_eq!(
        (membership.status, membership.removed_at, membership.joined_at),
        (MembershipStatus::Expired, Some(world.now), None)
    );
    // And in again with the next payment.
    paid(&mut world, 2);
    assert_eq!(sends(&work(&mut world)), 1);
    let membership = world.membership(BUYER).unwrap();
    assert_eq!(
        (membership.status, membership.ends_at),
        (MembershipStatus::Active, Some(world.now + days(30)))
    );
    world.now += days(31);
    assert!(
        work(&mut world).iter().any(|act| matches!(act, Action::Remove { .. })),
        "and out again after it"
    );
}

#[test]
fn f44_a_removal_that_telegram_did_not_do_is_not_recorded() {
    for failure in [
        Failure::Transient { error: "500".into() },
        Failure::Later { seconds: 30 },
        Failure::Permanent { error: "not enough rights".into() },
        Failure::Unreachable { error: "the account is deactivated".into() },
    ] {
        let mut world = World::new();
        paid(&mut world, 1);
        work(&mut world);
        ask(&mut world, BUYER, 1);
        world.now += days(32);
        let job = end_job(&mut world);
        world.finish(&job, JobOutcome::Failed(failure.clone()));
        let membership = world.membership(BUYER).unwrap();
        assert_eq!((membership.removed_at, membership.joined_at.is_some()), (None, true), "{failure:?}");
        let is_for_a_person = matches!(failure, Failure::Permanent { .. } | Failure::Unreachable { .. });
        assert_eq!(world.open_reasons() == [Reason::JobDead], is_for_a_person, "{failure:?}");
        let state = world.rows.jobs.get(&job.id).unwrap().state;
        assert_eq!(state, if is_for_a_person { JobState::Dead } else { JobState::Ready }, "{failure:?}");
    }
}

/// The job at the point where the worker is about to remove the member.
fn end_job(world: &mut World) -> Job {
    loop {
        for job in world.claim() {
            match action(world.now, &world.rows, &job) {
                Action::Remove { .. } => return job,
                Action::CountMembers { .. } => world.finish(&job, JobOutcome::Counted { members: 1 }),
                _ => world.finish(&job, JobOutcome::Nothing),
            };
        }
    }
}

#[test]
fn f46_a_renewal_in_the_second_of_the_removal_wins() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    ask(&mut world, BUYER, 1);
    world.now += days(32);
    // Before the call: the worker looks again and lets be.
    let job = end_job(&mut world);
    paid(&mut world, 2);
    assert_eq!(action(world.now, &world.rows, &job), Action::Nothing);
    // After the call: the member was shown out although renewed, and is asked in again.
    work(&mut world);
    world.finish(&job, JobOutcome::Done);
    let membership = world.membership(BUYER).unwrap();
    assert_eq!(
        (membership.status, membership.ends_at),
        (MembershipStatus::Active, Some(world.now + days(30)))
    );
    assert_eq!(sends(&work(&mut world)), 1);
}

#[test]
fn a_lost_lease_finishes_nothing() {
    let mut world = World::new();
    paid(&mut world, 1);
    let first = world.claim();
    assert!(world.claim().is_empty(), "a held job is not claimed twice");
    world.now += jiff::SignedDuration::from_secs(61);
    let second = world.claim();
    assert_eq!(first.len(), second.len(), "a lapsed lease is taken over");
    assert_eq!(world.finish(&first[0], JobOutcome::Done), Outcome::LeaseLost);
    assert_eq!(world.finish(&second[0], JobOutcome::Failed(Failure::Later { seconds: 5 })), Outcome::Done);
    assert_eq!(world.finish(&second[0], JobOutcome::Done), Outcome::LeaseLost);
}

#[test]
fn f39_f41_failures_are_bounded_and_end_in_the_list() {
    let mut world = World::new();
    paid(&mut world, 1);
    let mut attempts = 0;
    loop {
        let jobs: Vec<Job> = world
            .claim()
            .into_iter()
            .filter(|job| matches!(job.kind, JobKind::DeliverAccess { .. }))
            .collect();
        if world.rows.jobs.values().any(|job| job.state == JobState::Dead) {
            break;
        }
        for job in jobs {
            attempts += 1;
            world.finish(&job, JobOutcome::Failed(Failure::Transient { error: "500".into() }));
        }
        world.now += jiff::SignedDuration::from_hours(1);
    }
    assert_eq!(attempts, ATTEMPTS_MAX);
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
    // A person mends the cause and runs it again.
    let item = world.rows.attention.values().find(|item| item.is_open()).unwrap().id;
    let resolve = Command::ResolveAttention {
        attention_id: item,
        resolution: Resolution::Grant,
        reason: "bot is admin again".into(),
        actor: "cli:test".into(),
    };
    world.run(resolve);
    assert_eq!(sends(&work(&mut world)), 1);
}

/// What the log calls given up is what is given up.
#[test]
fn f39_a_job_says_beforehand_whether_a_failure_ends_it() {
    let error = || "failed".to_owned();
    for failure in [
        Failure::Later { seconds: 5 },
        Failure::Transient { error: error() },
        Failure::Unreachable { error: error() },
        Failure::Permanent { error: error() },
    ] {
        for attempt in [0, ATTEMPTS_MAX - 2, ATTEMPTS_MAX - 1] {
            let mut world = World::new();
            paid(&mut world, 1);
            work(&mut world);
            world.now += days(32);
            let job = Job { attempt, ..end_job(&mut world) };
            world.rows.jobs.put(job.id, job.clone());
            world.finish(&job, JobOutcome::Failed(failure.clone()));
            let is_dead = world.rows.jobs.get(&job.id).unwrap().state == JobState::Dead;
            assert_eq!(job.ends_with(&failure), is_dead, "{attempt} {failure}");
        }
    }
}

#[test]
fn f39_a_permanent_error_is_not_retried() {
    let mut world = World::new();
    paid(&mut world, 1);
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap();
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error: "bot is not a member".into() }));
    world.now += days(2);
    assert!(world.claim().iter().all(|job| !matches!(job.kind, JobKind::DeliverAccess { .. })));
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
}

#[test]
fn being_told_to_wait_is_no_attempt() {
    let mut world = World::new();
    paid(&mut world, 1);
    for _ in 0..(ATTEMPTS_MAX * 3) {
        for job in world.claim() {
            world.finish(&job, JobOutcome::Failed(Failure::Later { seconds: 3 }));
        }
        world.now += jiff::SignedDuration::from_secs(4);
    }
    assert!(world.rows.jobs.values().all(|job| job.attempt == 0 && job.state != JobState::Dead));
}

#[test]
fn a_refund_shows_the_member_out_without_grace() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    ask(&mut world, BUYER, 1);
    world.now += days(3);
    world.notify(&Note::new(1, "refunded", LEGACY));
    assert!(work(&mut world).iter().any(|act| matches!(act, Action::Remove { .. })));
    assert!(ask(&mut world, BUYER, 2).iter().any(|act| matches!(act, Action::Decline { .. })));
}

#[test]
fn days_given_and_taken_by_hand_need_a_reason_and_are_in_the_audit_log() {
    let mut world = World::new();
    let member = Member::User { channel_id: world.channel, user: user(BUYER) };
    let give = |reason: &str| Command::GrantMembership {
        member,
        duration: PlanDuration::Days(5),
        reason: reason.into(),
        actor: "cli:x".into(),
    };
    let too_long = "r".repeat(PERSON_REASON_LENGTH_MAX + 1);
    for reason in ["  ", &too_long] {
        assert!(matches!(world.try_run(give(reason)), Err(Refusal::Invalid(_))));
    }
    assert!(world.membership(BUYER).is_none());
    world.run(give("sorry for the wait"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(5)));
    let longest = format!(" {} ", &too_long[1..]);
    world.run(Command::RevokeMembership { member, reason: longest, actor: "cli:x".into() });
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked);
    let reasons: Vec<&str> = world.rows.audit.iter().map(|entry| entry.reason.as_str()).collect();
    assert!(reasons.contains(&"sorry for the wait") && reasons.contains(&&too_long[1..]));
}

#[test]
fn each_grant_of_a_membership_says_which_time_it_bought() {
    let mut world = World::new();
    let begin = world.now;
    paid(&mut world, 1);
    world.now += days(12);
    paid(&mut world, 2);
    // After the end and its grace nothing is appended: the time begins anew.
    world.now += days(80);
    paid(&mut world, 3);
    let mut periods: Vec<_> = world.rows.grants.values().map(|grant| &grant.period).collect();
    periods.sort_by_key(|period| period.starts_at);
    let periods: Vec<_> = periods.iter().map(|period| (period.starts_at, period.ends_at)).collect();
    let again = begin + days(92);
    assert_eq!(
        periods,
        [
            (begin, Some(begin + days(30))),
            (begin + days(30), Some(begin + days(60))),
            (again, Some(again + days(30)))
        ]
    );
}

#[test]
fn f50_an_archived_channel_sells_nothing_and_keeps_its_members() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.run(Command::ArchiveChannel { channel_id: world.channel, actor: "cli:x".into() });
    world.notify(&Note::for_order(1, "finished", order));
    assert!(world.membership(BUYER).is_some(), "what was ordered before is honoured");
    let plan_id = world.get(order).plan_id.unwrap();
    let from = tollhouse_core::command::OrderFrom::Plan { channel_id: world.channel, plan_id };
    let order = Command::CreateOrder {
        from,
        user: None,
        source: tollhouse_core::order::OrderSource::Api,
        wants_invoice: false,
    };
    assert!(matches!(world.try_run(order), Err(Refusal::Conflict(_))));
    work(&mut world);
    world.now += days(32);
    assert!(work(&mut world).iter().any(|act| matches!(act, Action::Remove { .. })));
}

#[test]
fn f42_a_start_that_comes_while_the_message_is_refused_is_not_lost() {
    let mut world = World::new();
    paid(&mut world, 1);
    loop {
        for job in world.claim() {
            let outcome = match action(world.now, &world.rows, &job) {
                Action::CreateInvite { chat, .. } => JobOutcome::InviteCreated { chat, link: LINK.into() },
                Action::SendAccess { .. } => {
                    world.now += jiff::SignedDuration::from_millis(5);
                    world.run(Command::UserStarted { user: user(BUYER) });
                    world.finish(&job, JobOutcome::Failed(Failure::Unreachable { error: "403".into() }));
                    assert_eq!(sends(&work(&mut world)), 1);
                    return;
                }
                _ => JobOutcome::Nothing,
            };
            world.finish(&job, outcome);
        }
    }
}

#[test]
fn a_dead_job_that_was_run_again_leaves_the_list_and_a_refusal_changes_nothing() {
    let mut world = World::new();
    paid(&mut world, 1);
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap();
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error: "no rights".into() }));
    let item = world.rows.attention.values().find(|item| item.is_open()).unwrap().id;
    world.run(Command::RetryJob { job_id: job.id });
    assert!(world.open_reasons().is_empty());
    assert!(matches!(world.try_run(Command::RetryJob { job_id: job.id }), Ok(Outcome::Done)));
    let held = world.claim().into_iter().find(|held| held.id == job.id).unwrap();
    world.finish(&held, JobOutcome::Failed(Failure::Permanent { error: "no rights".into() }));
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
    let resolve = Command::ResolveAttention {
        attention_id: item,
        resolution: Resolution::Grant,
        reason: "mended".into(),
        actor: "cli:test".into(),
    };
    world.run(resolve);
    assert_eq!(sends(&work(&mut world)), 1);
}

#[test]
fn f41_a_job_that_kills_its_worker_is_given_up() {
    let mut world = World::new();
    paid(&mut world, 1);
    for _ in 0..=ATTEMPTS_MAX {
        // The worker claims, and is never heard of again.
        assert!(world.claim().iter().any(|job| matches!(job.kind, JobKind::DeliverAccess { .. })));
        world.now += jiff::SignedDuration::from_secs(61);
    }
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap();
    let Action::GiveUp { error } = action(world.now, &world.rows, &job) else { panic!("{job:?}") };
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error }));
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
    world.now += days(1);
    assert!(world.claim().iter().all(|job| !matches!(job.kind, JobKind::DeliverAccess { .. })));
}

fn lacks(right: BotRight) -> JobOutcome {
    let chat = TelegramChatId::new(PRIVATE_CHAT).unwrap();
    JobOutcome::Failed(Failure::NoRights { chat, right })
}

/// Works what is due while the bot lacks a right for everything; how many calls were refused.
fn refused(world: &mut World) -> usize {
    let mut count = 0;
    for job in world.claim() {
        let is_call =
            !matches!(action(world.now, &world.rows, &job), Action::Nothing | Action::Notify { .. });
        count += usize::from(is_call);
        world.finish(&job, if is_call { lacks(BotRight::InviteUsers) } else { JobOutcome::Nothing });
    }
    count
}

fn rights(world: &World, rights: &[BotRight], update_id: i64) -> Command {
    Command::BotSeen(Box::new(BotSeen {
        chat: TelegramChatId::new(PRIVATE_CHAT).unwrap(),
        title: "Signals".into(),
        is_channel: true,
        is_public: false,
        rights: rights.iter().copied().collect(),
        by: None,
        at: world.now,
        update_id,
        greets: true,
    }))
}

fn lost(world: &World) -> usize {
    world.told().iter().filter(|notice| matches!(notice, OwnerNotice::RightsLost { .. })).count()
}

fn rights_missing(world: &World) -> Option<Attention> {
    world.rows.attention_on(Subject::Channel(world.channel), Reason::RightsMissing).cloned()
}

/// The job that waits for the right to make a link, held.
fn held_link(world: &mut World) -> Job {
    world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap()
}

/// The right is there after all.
fn make_link(world: &mut World, job: &Job) {
    let Action::CreateInvite { chat, .. } = action(world.now, &world.rows, job) else { panic!("{job:?}") };
    world.finish(job, JobOutcome::InviteCreated { chat, link: LINK.into() });
}

/// Nobody sells here in particular, so there are only the operators to hear of it.
fn without_owner() -> World {
    let mut world = World::new();
    let channel = world.rows.channels.get(&world.channel).cloned().unwrap();
    world.rows.channels.put(channel.id, Channel { owner: None, ..channel });
    world
}

#[test]
fn f41_f44_f104_a_right_that_stops_jobs_is_on_the_list_and_told_once_whoever_sells() {
    for mut world in [World::new(), without_owner()] {
        let owner = world.rows.channels.get(&world.channel).unwrap().owner;
        paid(&mut world, 1);
        assert_eq!(refused(&mut world), 1);
        assert_eq!(world.open_reasons(), [Reason::RightsMissing], "{owner:?}");
        let item = rights_missing(&world).unwrap();
        assert_eq!(item.channel_id, Some(world.channel));
        assert_eq!(item.detail, format!("invite_users in chat {PRIVATE_CHAT} (Signals)"));
        assert_eq!(lost(&world), 1, "{owner:?}");
        let whom = world.rows.jobs.values().find_map(|job| match &job.kind {
            JobKind::NotifyOwner { owner, notice: OwnerNotice::RightsLost { .. }, .. } => Some(*owner),
            _ => None,
        });
        assert_eq!(whom, Some(owner), "operators are told where nobody owns it");
        // Refused again and again: the same item, no further word, no attempt.
        for _ in 0..5 {
            world.now += SignedDuration::from_mins(RIGHTS_WAIT_MINUTES);
            assert_eq!(refused(&mut world), 1);
        }
        assert_eq!((rights_missing(&world).unwrap(), lost(&world)), (item, 1), "{owner:?}");
        // The right is back: settled, and everything goes on.
        world.run(rights(&world, &BotRight::GATE, 7));
        assert_eq!(world.open_reasons(), [], "{owner:?}");
        assert_eq!(rights_missing(&world).unwrap().resolved.unwrap().resolution, Resolution::Settled);
        world.now += SignedDuration::from_secs(1);
        assert_eq!(sends(&work(&mut world)), 1, "{owner:?}");
    }
}

#[test]
fn f44_what_telegram_tells_of_rights_counts_by_its_own_time() {
    let mut world = without_owner();
    world.run(rights(&world, &BotRight::GATE, 1));
    let none = rights(&world, &[], 2);
    world.now += SignedDuration::from_secs(1);
    world.run(rights(&world, &BotRight::GATE, 3));
    world.run(none);
    assert_eq!(world.open_reasons(), [], "told late, after the right was back");
    world.run(rights(&world, &[], 4));
    assert_eq!(world.open_reasons(), [Reason::RightsMissing], "in the same second the later word counts");
}

#[test]
fn a_chat_is_offered_to_whoever_gave_the_bot_more_rights_and_not_to_who_took_some() {
    let mut world = World::new();
    let mut offered = 0;
    for (rights, is_more) in [
        (&[BotRight::Administrator][..], true),
        (&BotRight::GATE[..], true),
        (&BotRight::GATE[..], false),
        (&[BotRight::Administrator][..], false),
        (&[][..], false),
        (&BotRight::GATE[..], true),
    ] {
        world.now += SignedDuration::from_secs(1);
        world.run(Command::BotSeen(Box::new(BotSeen {
            chat: TelegramChatId::new(-1_009_999).unwrap(),
            title: "Another".into(),
            is_channel: true,
            is_public: false,
            rights: rights.iter().copied().collect(),
            by: Some(user(BUYER)),
            at: world.now,
            update_id: world.now.as_second(),
            greets: true,
        })));
        offered += usize::from(is_more);
        let setups = world.rows.jobs.values().filter(|job| job.kind.name() == "offer_setup").count();
        assert_eq!(setups, offered, "{rights:?}");
    }
}

#[test]
fn f44_a_right_that_telegram_took_is_on_the_list_before_anything_needs_it() {
    let mut world = without_owner();
    world.run(rights(&world, &BotRight::GATE, 1));
    assert_eq!(world.open_reasons(), []);
    world.now += SignedDuration::from_secs(1);
    world.run(rights(&world, &[BotRight::Administrator, BotRight::InviteUsers], 2));
    assert_eq!(world.open_reasons(), [Reason::RightsMissing]);
    assert!(rights_missing(&world).unwrap().detail.starts_with("restrict_members in chat "));
    assert_eq!(lost(&world), 1);
}

#[test]
fn f44_a_right_whose_return_nobody_told_is_off_the_list_when_a_job_went_through() {
    let mut world = World::new();
    paid(&mut world, 1);
    refused(&mut world);
    world.now += SignedDuration::from_mins(RIGHTS_WAIT_MINUTES);
    let job = held_link(&mut world);
    assert_eq!(world.open_reasons(), [Reason::RightsMissing]);
    make_link(&mut world, &job);
    assert_eq!(world.open_reasons(), []);
    // And it is gone again.
    paid(&mut world, 2);
    world.run(rights(&world, &[BotRight::Administrator], 9));
    assert_eq!(world.open_reasons(), [Reason::RightsMissing]);
}

#[test]
fn f44_a_dismissed_lack_of_a_right_comes_back_with_the_next_word_about_it() {
    let mut world = World::new();
    paid(&mut world, 1);
    refused(&mut world);
    let dismiss = Command::ResolveAttention {
        attention_id: rights_missing(&world).unwrap().id,
        resolution: Resolution::Dismiss,
        reason: "I know".into(),
        actor: "cli:test".into(),
    };
    world.run(dismiss);
    for minutes in [0, RIGHTS_WAIT_MINUTES, 24 * 60 - RIGHTS_WAIT_MINUTES] {
        let told = lost(&world);
        world.now += SignedDuration::from_mins(minutes);
        refused(&mut world);
        let is_open = rights_missing(&world).unwrap().is_open();
        assert_eq!(is_open, lost(&world) > told, "{minutes}");
        assert_eq!(is_open, minutes > RIGHTS_WAIT_MINUTES, "{minutes}");
    }
}

/// A right that comes and goes within the day is told of once, and is on the list each time.
#[test]
fn f44_a_right_that_is_gone_again_before_it_is_told_again_is_on_the_list() {
    let mut world = World::new();
    paid(&mut world, 1);
    refused(&mut world);
    world.now += SignedDuration::from_mins(RIGHTS_WAIT_MINUTES);
    let job = held_link(&mut world);
    make_link(&mut world, &job);
    assert_eq!(world.open_reasons(), []);
    let told = lost(&world);
    refused(&mut world);
    assert_eq!((world.open_reasons(), lost(&world)), (vec![Reason::RightsMissing], told));
}

#[test]
fn f41_what_waits_for_a_right_is_woken_some_at_a_time_and_nothing_else_is() {
    let mut world = World::new();
    let count = i64::from(HELD_JOBS_MAX);
    for who in 0..count {
        let member = Member::User { channel_id: world.channel, user: user(50_000 + who) };
        let (reason, actor) = ("test".into(), "cli:x".into());
        let duration = PlanDuration::Days(30);
        world.run(Command::GrantMembership { member, duration, reason, actor });
    }
    assert_eq!(refused(&mut world), usize::try_from(count).unwrap());
    let at = |world: &World, kind: &str| -> Vec<_> {
        world.rows.jobs.values().filter(|job| job.kind.name() == kind).map(|job| job.run_at).collect()
    };
    let ends = at(&world, "end_membership");
    world.now += SignedDuration::from_secs(1);
    world.run(rights(&world, &BotRight::GATE, 7));
    let wake = |world: &mut World| {
        let jobs = world.claim();
        let job = jobs.into_iter().find(|job| matches!(job.kind, JobKind::WakeHeld { .. })).unwrap();
        world.finish(&job, JobOutcome::Nothing);
        world.rows.jobs.get(&job.id).unwrap().state
    };
    assert_eq!(wake(&mut world), JobState::Ready, "as many as are woken at once: there may be more");
    assert!(at(&world, "deliver_access").iter().all(|run_at| *run_at == world.now));
    assert_eq!(at(&world, "end_membership"), ends, "whose time is not yet");
    assert_eq!(wake(&mut world), JobState::Done);
}

#[test]
fn f51_a_groups_new_number_has_its_rights_unless_telegram_has_told_of_them() {
    let chat = |number| TelegramChatId::new(number).unwrap();
    for told_first in [false, true] {
        let mut world = World::new();
        world.run(rights(&world, &BotRight::GATE, 1));
        let (from, to) = (chat(PRIVATE_CHAT), chat(-1_009_999));
        let own = [BotRight::Administrator];
        if told_first {
            let Command::BotSeen(seen) = rights(&world, &own, 2) else { panic!() };
            world.run(Command::BotSeen(Box::new(BotSeen { chat: to, ..*seen })));
        }
        world.run(Command::ChatMigrated { from: from.as_private(), to: to.as_private() });
        let has = |chat: TelegramChatId| world.rows.bot_chats.get(&chat).cloned().unwrap();
        assert_eq!(has(to).chat, to);
        let expected: &[BotRight] = if told_first { &own } else { &BotRight::GATE };
        assert_eq!(has(to).rights, expected.iter().copied().collect());
        assert!(has(from).rights.is_empty(), "the old number is nobody's to be offered");
    }
}

/// `/mylink` and a renewal at the same moment: each has a link made, and one of them is nobody's.
#[test]
fn f35_of_two_links_that_were_made_at_once_one_is_kept_and_the_other_revoked() {
    let mut world = World::new();
    paid(&mut world, 1);
    work(&mut world);
    let old = world.membership(BUYER).unwrap().invite.clone().unwrap().link;
    world.now += SignedDuration::from_hours(2);
    let deliveries = |world: &mut World| {
        let is_it = |job: &Job| matches!(job.kind, JobKind::DeliverAccess { .. });
        let jobs: Vec<Job> = world.claim().into_iter().filter(is_it).collect();
        for job in &jobs {
            assert!(matches!(action(world.now, &world.rows, job), Action::CreateInvite { .. }));
        }
        jobs
    };
    world.run(Command::ReissueInvites { user: user(BUYER) });
    let mut both = deliveries(&mut world);
    paid(&mut world, 2);
    both.extend(deliveries(&mut world));
    assert_eq!(both.len(), 2);
    let chat = PrivateChatId::new(PRIVATE_CHAT).unwrap();
    for (job, link) in both.iter().zip(["https://t.me/+first", "https://t.me/+second"]) {
        world.finish(job, JobOutcome::InviteCreated { chat, link: link.into() });
    }
    assert_eq!(world.membership(BUYER).unwrap().invite.as_ref().unwrap().link, "https://t.me/+first");
    let revoked = world.rows.jobs.values().filter_map(|job| match &job.kind {
        JobKind::RevokeInvite { link, .. } => Some(link.clone()),
        _ => None,
    });
    let mut revoked: Vec<String> = revoked.collect();
    revoked.sort_unstable();
    assert_eq!(revoked, [old, "https://t.me/+second".to_owned()]);

    // A group that has another number by now has links of its own.
    let to = PrivateChatId::new(-1_009_999_999_999).unwrap();
    world.run(Command::ChatMigrated { from: chat, to });
    let is_it = |job: &&Job| matches!(job.kind, JobKind::RevokeInvite { .. });
    let actions = world.rows.jobs.values().filter(is_it).map(|job| action(world.now, &world.rows, job));
    assert_eq!(actions.collect::<Vec<_>>(), [Action::Nothing, Action::Nothing]);
}
