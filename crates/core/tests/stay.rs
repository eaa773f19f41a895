//! The time of members: reminders, farewells, safe removal, and the guard.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::job::{Action, Failure, Job, JobKind, JobState, Outcome as JobOutcome, action};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::membership_policy::MembershipPolicies;
use tollhouse_core::policy::{Policies, PolicyChange};
use tollhouse_core::presence::Standing;
use tollhouse_core::removal::RunState;
use world::life::{
    farewells, grant, hours, live, member, reminders, removed, resolve, seen, thaw, work, work_with,
};
use world::{BUYER, Note, World, days, user};

/// No reminder.
const NONE: [bool; 0] = [];

#[test]
fn a_member_is_reminded_three_days_and_a_day_before_and_at_the_end_once_each() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    assert_eq!(reminders(&live(&mut world, 27 * 24 - 1)), NONE, "not a day too early");
    assert_eq!(reminders(&live(&mut world, 1)), [false]);
    assert_eq!(reminders(&live(&mut world, 48)), [false]);
    let last = live(&mut world, 24);
    assert_eq!(reminders(&last), [true]);
    let Some(Action::Remind { ends_at, leaves_at, renews, .. }) =
        last.iter().find(|act| matches!(act, Action::Remind { .. }))
    else {
        panic!("{last:?}")
    };
    assert_eq!((*ends_at, *leaves_at), (world.now, world.now + days(1)));
    assert_eq!(*renews, Some(world.membership(BUYER).unwrap().id));
    let after = live(&mut world, 24 * 60);
    assert_eq!((reminders(&after).len(), removed(&after).len(), farewells(&after)), (0, 1, 1));
}

#[test]
fn a_renewal_takes_the_old_reminders_with_it() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    assert_eq!(reminders(&live(&mut world, 28 * 24)), [false]);
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    assert_eq!(
        reminders(&live(&mut world, 28 * 24)),
        NONE,
        "neither of the old end, nor too early of the new one"
    );
    assert_eq!(reminders(&live(&mut world, 5 * 24)), [false, false, true]);
    // Late, in the grace: the same.
    world.run(grant(&world, BUYER, PlanDuration::Days(7)));
    assert_eq!(reminders(&live(&mut world, 7 * 24)), [false, false, true]);
}

#[test]
fn a_short_membership_is_reminded_only_of_what_lies_in_it() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(2));
    assert_eq!(reminders(&live(&mut world, 72)), [false, true]);
    member(&mut world, 7, PlanDuration::Days(1));
    assert_eq!(reminders(&live(&mut world, 24)), [true]);
    member(&mut world, 8, PlanDuration::Lifetime);
    assert_eq!(reminders(&live(&mut world, 24 * 40)), NONE);
}

#[test]
fn who_was_away_is_told_the_present_state_once() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    // Nobody works for four weeks: two reminders were missed, one message says how it is.
    world.now += days(30) - hours(2);
    assert_eq!(reminders(&work(&mut world)), [false]);
    assert_eq!(reminders(&live(&mut world, 4)), [true]);
}

#[test]
fn f42_who_blocked_the_bot_finds_what_is_still_true_at_the_next_start() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    let blocked = |act: &Action| {
        let is_message = matches!(act, Action::Remind { .. } | Action::Farewell { .. });
        is_message.then(|| JobOutcome::Failed(Failure::Unreachable { error: "403".into() }))
    };
    world.now += days(27);
    assert_eq!(reminders(&work_with(&mut world, blocked)).len(), 1);
    world.now += hours(1);
    assert_eq!(reminders(&work(&mut world)), NONE, "it does not go on trying");
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(reminders(&work(&mut world)), [false]);
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(reminders(&work(&mut world)), NONE, "and is told once");
    world.now += days(4);
    work_with(&mut world, blocked);
    assert!(world.membership(BUYER).unwrap().removed_at.is_some());
    world.now += days(2);
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(farewells(&work(&mut world)), 1);
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(farewells(&work(&mut world)), 0);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f42_who_bought_twice_while_they_had_blocked_the_bot_gets_one_message_at_the_next_start() {
    let mut world = World::new();
    let blocked = |act: &Action| {
        let is_message = matches!(act, Action::SendAccess { .. });
        is_message.then(|| JobOutcome::Failed(Failure::Unreachable { error: "403".into() }))
    };
    for _ in 0..3 {
        world.run(grant(&world, BUYER, PlanDuration::Days(30)));
        work_with(&mut world, blocked);
        world.now += hours(1);
    }
    let ends = |actions: &[Action]| -> Vec<Option<jiff::Timestamp>> {
        let sent = actions.iter().filter_map(|act| match act {
            Action::SendAccess { ends_at, .. } => Some(*ends_at),
            _ => None,
        });
        sent.collect()
    };
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(ends(&work(&mut world)), [world.membership(BUYER).unwrap().ends_at]);
    world.run(Command::UserStarted { user: user(BUYER) });
    assert_eq!(ends(&work(&mut world)), []);
}

#[test]
fn a_refund_moves_the_reminders_to_the_earlier_end() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    let order = world.order("Month", Some(BUYER));
    world.notify(&world::Note::for_order(1, "finished", order));
    work(&mut world);
    live(&mut world, 24);
    world.notify(&world::Note::for_order(1, "refunded", order));
    assert_eq!(reminders(&live(&mut world, 29 * 24)), [false, false, true]);
}

#[test]
fn a_refund_after_the_last_look_brings_the_next_one_forward() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    live(&mut world, 26 * 24);
    let order = world.order("Month", Some(BUYER));
    world.notify(&world::Note::for_order(1, "finished", order));
    // The reminder of the first end finds that it has moved, and waits for the second.
    assert_eq!(reminders(&live(&mut world, 2 * 24)), NONE);
    world.notify(&world::Note::for_order(1, "refunded", order));
    assert_eq!(reminders(&live(&mut world, 3 * 24)), [false, true]);
}

#[test]
fn f42_who_could_not_be_written_to_once_is_written_to_at_the_next_reminder() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    let blocked = |act: &Action| {
        let is_message = matches!(act, Action::Remind { .. });
        is_message.then(|| JobOutcome::Failed(Failure::Unreachable { error: "403".into() }))
    };
    world.now += days(27);
    assert_eq!(reminders(&work_with(&mut world, blocked)).len(), 1);
    // They have taken the bot back without a word.
    assert_eq!(reminders(&live(&mut world, 3 * 24)), [false, true]);
}

#[test]
fn each_of_those_who_go_at_once_is_told_good_bye() {
    let mut world = crowd(MembershipPolicies::default(), 3);
    world.now += days(31);
    let done = live(&mut world, 48);
    assert_eq!((removed(&done).len(), farewells(&done)), (3, 3));
}

#[test]
fn a_farewell_waits_a_month_for_somebody_who_cannot_be_written_to() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(1));
    world.now += days(4);
    let done = work_with(&mut world, |act| {
        let is_message = matches!(act, Action::Remind { .. } | Action::Farewell { .. });
        is_message.then(|| JobOutcome::Failed(Failure::Unreachable { error: "403".into() }))
    });
    assert_eq!(farewells(&done), 1);
    let removed_at = world.membership(BUYER).unwrap().removed_at.unwrap();
    let waits = world.rows.jobs.values().find(|job| matches!(job.kind, JobKind::SayFarewell { .. })).unwrap();
    assert_eq!((waits.state, waits.run_at), (JobState::Ready, removed_at + days(30)));
}

#[test]
fn a_removal_that_was_given_up_is_over_when_the_member_leaves_by_themselves() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    world.now += days(31);
    let error = || JobOutcome::Failed(Failure::Permanent { error: "CHAT_NOT_MODIFIED".into() });
    work_with(&mut world, |action| matches!(action, Action::Remove { .. }).then(error));
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
    seen(&mut world, BUYER, Standing::Outside);
    assert_eq!(removed(&work(&mut world)), [user(BUYER)], "that Telegram confirms it removes nobody");
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Expired);
    assert!(world.open_reasons().is_empty());
    // What Telegram says of it afterwards is nothing new.
    seen(&mut world, BUYER, Standing::Banned);
    seen(&mut world, BUYER, Standing::Outside);
    assert_eq!(work(&mut world), []);
}

#[test]
fn whom_a_person_has_banned_is_not_written_down_as_free_to_come() {
    for (before, after) in [(Standing::Inside, Standing::Outside), (Standing::Banned, Standing::Banned)] {
        let mut world = World::new();
        member(&mut world, BUYER, PlanDuration::Days(30));
        seen(&mut world, BUYER, before);
        world.now += days(31);
        let done = work(&mut world);
        let keeps = done.iter().find_map(|act| match act {
            Action::Remove { keeps_ban, .. } => Some(*keeps_ban),
            _ => None,
        });
        assert_eq!(keeps, Some(before == Standing::Banned));
        assert!(world.membership(BUYER).unwrap().removed_at.is_some());
        let known = world.rows.presences.get(&(world.channel, user(BUYER))).unwrap();
        assert_eq!(known.standing, Some(after));
    }
}

/// What Telegram tells of a removal may be worked in beside the removal's own outcome, and then asks for the job once more.
#[test]
fn f44_an_end_that_was_dealt_with_is_not_dealt_with_again() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    world.now += days(31);
    let done = work(&mut world);
    assert_eq!((removed(&done).len(), farewells(&done)), (1, 1));
    world.now += hours(1);
    let membership_id = world.membership(BUYER).unwrap().id;
    world.run(Command::LookAtEnd { membership_id });
    assert!(
        world
            .rows
            .jobs
            .values()
            .any(|job| job.kind.name() == "end_membership" && job.state == JobState::Ready)
    );
    assert_eq!(work(&mut world), []);
}

/// A refund of the last of two periods leaves an end that lies further back; who is out already is out.
#[test]
fn f44_who_was_shown_out_is_not_shown_out_again_for_a_refund() {
    let mut world = World::new();
    for payment in [1, 2] {
        world.notify(&Note::new(payment, "finished", "PGP-6271402111|-1003016667267"));
    }
    work(&mut world);
    seen(&mut world, BUYER, Standing::Inside);
    world.now += days(61);
    assert_eq!(removed(&work(&mut world)).len(), 1);
    let removed_at = world.membership(BUYER).unwrap().removed_at;
    world.now += days(1);
    world.notify(&Note::new(2, "refunded", "PGP-6271402111|-1003016667267"));
    let done = work(&mut world);
    assert_eq!((removed(&done).len(), farewells(&done)), (0, 0));
    let membership = world.membership(BUYER).unwrap();
    assert_eq!((membership.status, membership.removed_at), (MembershipStatus::Expired, removed_at));
}

/// A channel with so many members whose time ends at once.
fn crowd(policies: MembershipPolicies, count: i64) -> World {
    let mut world = World::with(Policies { membership: policies, ..Policies::default() });
    for who in 1..=count {
        member(&mut world, 10_000 + who, PlanDuration::Days(30));
    }
    world
}

fn run_of(world: &World) -> (RunState, u32, u32, u32) {
    let run = world.rows.runs.values().max_by_key(|run| run.number).unwrap();
    (run.state, run.members, run.limit, run.decided)
}

#[test]
fn a_run_that_would_remove_too_many_stops_and_asks_and_goes_on_when_told() {
    let mut world = crowd(MembershipPolicies::default(), 40);
    world.now += days(31);
    assert_eq!(removed(&work(&mut world)).len(), 8, "20 % of 40");
    assert_eq!(run_of(&world), (RunState::Stopped, 40, 8, 8));
    assert_eq!(world.open_reasons(), [Reason::RemovalsStopped]);
    assert!(world.rows.jobs.values().any(|job| matches!(
        &job.kind,
        JobKind::NotifyOwner { notice: tollhouse_core::job::OwnerNotice::Attention { reason, .. }, .. }
            if *reason == Reason::RemovalsStopped
    )));
    assert_eq!(removed(&live(&mut world, 72)), [], "and it waits for its answer, however long");
    let held = world.rows.memberships.values().filter(|one| one.status == MembershipStatus::Grace).count();
    assert_eq!(held, 32, "who is held is not marked as gone");
    resolve(&mut world, Resolution::Grant).unwrap();
    assert_eq!(removed(&live(&mut world, 1)).len(), 32);
    assert!(world.open_reasons().is_empty());
    assert!(world.rows.jobs.values().all(|job| job.attempt == 0), "waiting is no attempt");
}

#[test]
fn a_run_that_is_dismissed_freezes_the_channel_until_the_thaw() {
    let mut world = crowd(MembershipPolicies { removals_max: 0, ..MembershipPolicies::default() }, 2);
    world.now += days(31);
    assert_eq!(removed(&work(&mut world)), []);
    resolve(&mut world, Resolution::Dismiss).unwrap();
    let frozen = world.rows.channels.get(&world.channel).unwrap().frozen.clone().unwrap();
    assert_eq!((frozen.by.as_str(), frozen.reason.as_str()), ("telegram:1001", "I have looked"));
    assert_eq!(removed(&live(&mut world, 48)), []);
    let change = Box::new(PolicyChange { removals_max: Some(50), ..PolicyChange::default() });
    world.run(Command::SetPolicies { channel_id: world.channel, change, actor: "cli:x".into() });
    thaw(&mut world, Some(()));
    assert_eq!(removed(&live(&mut world, 1)).len(), 2);
}

#[test]
fn nobody_is_removed_while_removals_are_frozen_here_or_everywhere() {
    for here in [true, false] {
        let mut world = crowd(MembershipPolicies::default(), 3);
        let channel_id = here.then_some(world.channel);
        let freeze = |reason: &str| Command::FreezeRemovals {
            channel_id,
            freeze: true,
            reason: reason.into(),
            actor: "cli:x".into(),
        };
        assert!(matches!(world.try_run(freeze(" ")), Err(Refusal::Invalid(_))), "why?");
        // One is decided already; the freeze holds them all the same.
        world.now += days(31);
        let job = loop {
            let held: Vec<Job> = world.claim();
            let ready =
                held.iter().find(|job| matches!(action(world.now, &world.rows, job), Action::Remove { .. }));
            if let Some(job) = ready {
                break job.clone();
            }
            for job in &held {
                let outcome = match action(world.now, &world.rows, job) {
                    Action::CountMembers { .. } => JobOutcome::Counted { members: 3 },
                    _ => JobOutcome::Nothing,
                };
                world.finish(job, outcome);
            }
        };
        world.run(freeze("something is wrong"));
        assert_eq!(action(world.now, &world.rows, &job), Action::Nothing);
        world.now += hours(1);
        assert_eq!(removed(&live(&mut world, 48)), []);
        thaw(&mut world, here.then_some(()));
        assert_eq!(removed(&live(&mut world, 1)).len(), 3);
        let run = run_of(&world);
        assert_eq!(run.0, RunState::Running);
        let words: Vec<&str> = world.rows.audit.iter().map(|entry| entry.action.as_str()).collect();
        assert!(words.contains(&"removals.frozen") && words.contains(&"removals.thawed"));
    }
}

#[test]
fn f41_failures_that_were_mended_do_not_count_against_a_job_that_goes_on() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(1));
    world.run(Command::FreezeRemovals {
        channel_id: None,
        freeze: true,
        reason: "looking".to_owned(),
        actor: "owner".to_owned(),
    });
    world.now += days(3);
    for _ in 0..40 {
        // The worker dies, another one takes over a minute later, and looks.
        assert!(!world.claim().is_empty());
        world.now += hours(1);
        assert!(removed(&work(&mut world)).is_empty());
        world.now += hours(1);
    }
    assert!(world.open_reasons().is_empty(), "{:?}", world.open_reasons());
    thaw(&mut world, None);
    world.now += hours(1);
    assert_eq!(removed(&work(&mut world)), [user(BUYER)]);
}

#[test]
fn a_renewal_while_removals_are_held_is_not_removed_afterwards() {
    let mut world = crowd(MembershipPolicies { removals_max: 0, ..MembershipPolicies::default() }, 3);
    world.now += days(31);
    work(&mut world);
    world.run(grant(&world, 10_001, PlanDuration::Days(30)));
    resolve(&mut world, Resolution::Grant).unwrap();
    let mut gone = removed(&live(&mut world, 1));
    gone.sort_unstable();
    assert_eq!(gone, [user(10_002), user(10_003)]);
}

#[test]
fn each_day_has_a_run_of_its_own_and_who_left_by_themselves_counts_in_none() {
    let mut world = World::new();
    for day in 0..3 {
        for who in 0..5 {
            member(&mut world, 10_000 + 10 * day + who, PlanDuration::Days(30));
        }
        world.now += hours(25);
    }
    for who in 0..5 {
        seen(&mut world, 10_020 + who, Standing::Outside);
    }
    let gone = removed(&live(&mut world, 40 * 24));
    assert_eq!(gone.len(), 15);
    let mut decided: Vec<(i64, u32)> =
        world.rows.runs.values().map(|run| (i64::from(run.number), run.decided)).collect();
    decided.sort_unstable();
    assert_eq!(decided, [(1, 5), (2, 5)]);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f37_s27_a_member_asks_for_a_link_and_gets_one_as_long_as_the_membership_lasts() {
    let mut world = World::new();
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    let link = |actions: Vec<Action>| {
        actions.into_iter().find_map(|act| match act {
            Action::SendAccess { link, .. } => Some(link),
            _ => None,
        })
    };
    let first = link(work(&mut world)).unwrap();
    // The test's links carry the job's id, so a new one shows in when it was made.
    let made_at = |world: &World| world.membership(BUYER).unwrap().invite.as_ref().unwrap().created_at;
    let (begin, later) = (world.now, world.now + days(20) + jiff::SignedDuration::from_secs(60));
    let ask = || Command::ReissueInvites { user: user(BUYER) };
    let answer = |sent, rested| Outcome::Reissued { sent, rested, making: 0 };
    assert_eq!(world.run(ask()), answer(0, 1), "it stands just above");
    world.now += jiff::SignedDuration::from_secs(60);
    assert_eq!(world.run(ask()), answer(1, 0));
    assert_eq!(link(work(&mut world)).as_ref(), Some(&first), "soon: the same again");
    assert_eq!(made_at(&world), begin);
    // However often they ask: not more than one link an hour.
    for _ in 0..29 {
        world.now += jiff::SignedDuration::from_secs(120);
        assert_eq!(world.run(ask()), answer(1, 0));
        assert_eq!(link(work(&mut world)).as_ref(), Some(&first));
    }
    assert_eq!((made_at(&world), world.now), (begin, begin + jiff::SignedDuration::from_mins(59)));
    world.now += days(20) - jiff::SignedDuration::from_mins(58);
    assert_eq!(world.run(ask()), Outcome::Reissued { sent: 1, rested: 0, making: 1 });
    let second = link(work(&mut world)).unwrap();
    assert_eq!((made_at(&world), world.now), (later, later), "a new one was made");
    assert_eq!(second, world.membership(BUYER).unwrap().invite.as_ref().unwrap().link);
    // Who is inside needs no new one; theirs leads to the chat.
    seen(&mut world, BUYER, Standing::Inside);
    world.now += hours(2);
    assert_eq!(world.run(ask()), answer(1, 0));
    assert_eq!(link(work(&mut world)), Some(second));
    assert_eq!(made_at(&world), later);
    world.now += days(20);
    assert_eq!(world.run(ask()), answer(0, 0));
    assert_eq!(world.run(Command::ReissueInvites { user: user(666) }), answer(0, 0));
}

#[test]
fn a_run_is_undone_once_and_removes_nobody_any_more() {
    let mut world = crowd(MembershipPolicies::default(), 7);
    world.now += days(31);
    assert_eq!(removed(&work(&mut world)).len(), 5);
    let run_id = world.rows.runs.values().next().unwrap().id;
    let of_run: Vec<i64> = world
        .rows
        .memberships
        .values()
        .filter(|one| one.removal_run == Some(run_id) && one.removed_at.is_some())
        .map(|one| one.user.get())
        .collect();
    assert_eq!(of_run.len(), 5);
    for who in of_run {
        world.run(grant(&world, who, PlanDuration::Days(7)));
    }
    let note = || Command::NoteRunUndone { run_id, reason: "wrong import".into(), actor: "cli:x".into() };
    world.run(note());
    world.run(note());
    assert_eq!(run_of(&world).0, RunState::Closed);
    assert!(world.open_reasons().is_empty(), "there is nothing to decide any more");
    assert_eq!(world.rows.audit.iter().filter(|entry| entry.action == "run.undone").count(), 1);
    let lifted = work(&mut world);
    assert_eq!(
        lifted.iter().filter(|act| matches!(act, Action::SendAccess { lift_ban: Some(_), .. })).count(),
        5
    );
}
