//! The guard: who may be inside, what becomes of strangers, and a group that becomes another.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, Outcome, Refusal};
use tollhouse_core::id::{ChannelId, PrivateChatId, PublicChatId};
use tollhouse_core::job::{Action, Job, JobKind, JobState, Outcome as JobOutcome, OwnerNotice, action};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::membership_policy::{MembershipPolicies, StrangerPolicy};
use tollhouse_core::policy::{Policies, PolicyChange};
use tollhouse_core::presence::Standing;
use tollhouse_core::removal::HOLD_MINUTES;
use world::life::{chat, grant, hours, live, member, removed, resolve, seen, whitelist, work, work_with};
use world::{BUYER, OWNER, PRIVATE_CHAT, PUBLIC_CHAT, World, user};

#[test]
fn owners_and_the_white_list_are_never_removed() {
    let mut world = World::new();
    member(&mut world, OWNER, PlanDuration::Days(1));
    member(&mut world, 7, PlanDuration::Days(1));
    world.run(whitelist(&world, 7, true));
    assert_eq!(removed(&live(&mut world, 24 * 10)), []);
    assert_eq!(world.membership(7).unwrap().status, MembershipStatus::Expired);
    assert!(world.open_reasons().is_empty(), "nor are they strangers");
    world.run(whitelist(&world, 7, false));
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn who_is_on_the_white_list_is_let_in_when_they_ask() {
    let mut world = World::new();
    let ask = |world: &mut World, update_id| {
        world.run(Command::JoinRequest { chat: chat(), user: user(7), update_id });
        work(world)
    };
    assert!(matches!(ask(&mut world, 1)[..], [Action::Explain { .. }, Action::Decline { .. }]));
    world.run(whitelist(&world, 7, true));
    assert!(matches!(ask(&mut world, 2)[..], [Action::Approve { .. }]));
    world.run(whitelist(&world, 7, false));
    assert!(matches!(ask(&mut world, 3)[..], [Action::Explain { .. }, Action::Decline { .. }]));
}

#[test]
fn a_stranger_is_reported_and_the_report_settles_when_they_leave_pay_or_may_stay() {
    let leaves = |world: &mut World| seen(world, 666, Standing::Outside);
    let pays = |world: &mut World| {
        world.run(grant(world, 666, PlanDuration::Days(30)));
        work(world);
    };
    let may_stay = |world: &mut World| {
        resolve(world, Resolution::Grant).unwrap();
    };
    for end in [leaves as fn(&mut World), pays, may_stay] {
        let mut world = World::new();
        seen(&mut world, 666, Standing::Inside);
        assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
        seen(&mut world, 666, Standing::Inside);
        end(&mut world);
        assert!(world.open_reasons().is_empty());
        seen(&mut world, 666, Standing::Outside);
    }
    // Neither the owner nor an administrator nor a member is one.
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    seen(&mut world, OWNER, Standing::Inside);
    seen(&mut world, 5, Standing::Admin);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn a_stranger_who_was_dismissed_is_reported_again_when_they_come_again_and_not_before() {
    let mut world = World::new();
    seen(&mut world, 666, Standing::Inside);
    resolve(&mut world, Resolution::Dismiss).unwrap();
    world.now += hours(1);
    seen(&mut world, 666, Standing::Inside);
    assert!(world.open_reasons().is_empty());
    seen(&mut world, 666, Standing::Outside);
    world.now += hours(1);
    seen(&mut world, 666, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn by_policy_a_stranger_is_shown_out_unless_they_pay_first() {
    let policies = MembershipPolicies { strangers: StrangerPolicy::Remove, ..MembershipPolicies::default() };
    let mut world = World::with(Policies { membership: policies, ..Policies::default() });
    seen(&mut world, 666, Standing::Inside);
    seen(&mut world, 667, Standing::Inside);
    world.run(grant(&world, 667, PlanDuration::Days(30)));
    assert_eq!(removed(&work(&mut world)), [user(666)]);
    // And again, each time that they come.
    seen(&mut world, 666, Standing::Outside);
    seen(&mut world, 666, Standing::Inside);
    assert_eq!(removed(&work(&mut world)), [user(666)]);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn who_was_removed_and_comes_in_past_the_bot_is_a_stranger() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(1));
    assert_eq!(removed(&live(&mut world, 72)).len(), 1);
    seen(&mut world, BUYER, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn who_comes_back_is_unbanned_first_unless_a_person_has_banned_them() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(1));
    live(&mut world, 72);
    assert!(world.membership(BUYER).unwrap().removed_at.is_some());
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    assert_eq!(world.membership(BUYER).unwrap().removed_at, None, "they may be inside again");
    let lifted = |actions: &[Action]| -> Vec<Option<PrivateChatId>> {
        let sent = actions.iter().filter_map(|act| match act {
            Action::SendAccess { lift_ban, .. } => Some(*lift_ban),
            _ => None,
        });
        sent.collect()
    };
    assert_eq!(lifted(&work(&mut world)), [Some(chat())]);
    seen(&mut world, BUYER, Standing::Inside);
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    assert_eq!(lifted(&work(&mut world)), [None], "who is inside is not banned");
    seen(&mut world, BUYER, Standing::Banned);
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    assert_eq!(lifted(&work(&mut world)), [None]);
    assert_eq!(world.open_reasons(), [Reason::MemberBanned], "a person decides");
    seen(&mut world, BUYER, Standing::Outside);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f51_a_group_that_became_a_supergroup_is_followed_and_its_links_are_made_anew() {
    let mut world = World::new();
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    work(&mut world);
    let to = PrivateChatId::new(PRIVATE_CHAT - 1).unwrap();
    world.now += hours(2);
    // Found out by a call that was refused.
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    let moved = std::cell::Cell::new(false);
    let done = work_with(&mut world, |act| match act {
        Action::SendAccess { .. } if !moved.replace(true) => Some(JobOutcome::Migrated { to }),
        _ => None,
    });
    assert_eq!(world.rows.channels.get(&world.channel).unwrap().private_chat, to);
    assert_eq!(done.iter().filter(|act| matches!(act, Action::SendAccess { .. })).count(), 2);
    assert_eq!(world.membership(BUYER).unwrap().invite.as_ref().unwrap().created_at, world.now);
    // Told again by the update: nothing changes. A removal goes to the new number.
    world.run(Command::ChatMigrated { from: chat(), to });
    assert!(live(&mut world, 24 * 62).contains(&Action::Remove {
        chat: to,
        user: user(BUYER),
        keeps_ban: false
    }));
    assert!(world.rows.audit.iter().any(|entry| entry.action == "channel.migrated"));
}

#[test]
fn f51_a_link_counts_though_the_clock_that_saw_the_move_was_ahead_and_one_to_the_old_chat_does_not() {
    let mut world = World::new();
    let to = PrivateChatId::new(PRIVATE_CHAT - 1).unwrap();
    world.run(grant(&world, BUYER, PlanDuration::Days(30)));
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap();
    // Another process notes the move, and its clock is ahead by a minute and a half.
    world.now += SignedDuration::from_secs(90);
    world.run(Command::ChatMigrated { from: chat(), to });
    world.now -= SignedDuration::from_secs(90);
    world.finish(&job, JobOutcome::InviteCreated { chat: chat(), link: "https://t.me/+old".into() });
    assert_eq!(world.membership(BUYER).unwrap().invite, None);
    world.now += SignedDuration::from_secs(90);
    let job =
        world.claim().into_iter().find(|job| matches!(job.kind, JobKind::DeliverAccess { .. })).unwrap();
    world.now -= SignedDuration::from_secs(80);
    world.finish(&job, JobOutcome::InviteCreated { chat: to, link: "https://t.me/+new".into() });
    world.now += SignedDuration::from_secs(80);
    let done = work(&mut world);
    assert!(!done.iter().any(|act| matches!(act, Action::CreateInvite { .. })), "{done:?}");
    assert_eq!(done.iter().filter(|act| matches!(act, Action::SendAccess { .. })).count(), 1);
}

/// Another channel of the same seller.
fn second_channel(world: &mut World, private: i64, public: i64) -> ChannelId {
    let channel = NewChannel {
        private_chat: PrivateChatId::new(private).unwrap(),
        public_chat: Some(PublicChatId::new(public).unwrap()),
        title: "More signals".into(),
        owner: Some(user(OWNER)),
        payout: None,
        plans: vec![NewPlan {
            label: "Month".into(),
            price: "2.50 USD".parse().unwrap(),
            duration: PlanDuration::Days(30),
        }],
        policies: Policies::default(),
        actor: "cli:test".into(),
    };
    match world.run(Command::AddChannel(Box::new(channel))) {
        Outcome::Channel(id) => id,
        other => panic!("{other:?}"),
    }
}

/// A channel that shows strangers out, with the job that is to show 666 out.
fn about_to_show_out() -> (World, Job) {
    let policies = MembershipPolicies { strangers: StrangerPolicy::Remove, ..MembershipPolicies::default() };
    let mut world = World::with(Policies { membership: policies, ..Policies::default() });
    seen(&mut world, 666, Standing::Inside);
    let job = expulsion(&mut world).unwrap();
    (world, job)
}

fn expulsion(world: &mut World) -> Option<Job> {
    world.claim().into_iter().find(|job| matches!(job.kind, JobKind::ExpelStranger { .. }))
}

fn standing_of(world: &World, who: i64) -> Option<Standing> {
    world.rows.presences.get(&(world.channel, user(who))).unwrap().standing
}

fn state_of(world: &World, job: &Job) -> (JobState, Timestamp) {
    let job = world.rows.jobs.get(&job.id).unwrap();
    (job.state, job.run_at)
}

#[test]
fn a_stranger_who_was_shown_out_is_outside_and_stands_in_the_audit_log_and_on_no_list() {
    let mut world = World::new();
    seen(&mut world, 666, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside], "reported first");
    let change =
        Box::new(PolicyChange { strangers: Some(StrangerPolicy::Remove), ..PolicyChange::default() });
    world.run(Command::SetPolicies { channel_id: world.channel, change, actor: "cli:x".into() });
    seen(&mut world, 666, Standing::Inside);
    let job = expulsion(&mut world).unwrap();
    world.finish(&job, JobOutcome::Done);
    assert_eq!(standing_of(&world, 666), Some(Standing::Outside));
    assert_eq!(state_of(&world, &job).0, JobState::Done);
    assert!(world.open_reasons().is_empty());
    assert!(world.rows.audit.iter().any(|entry| entry.action == "stranger.removed"));
}

#[test]
fn a_stranger_whom_telegram_calls_an_administrator_is_noted_as_one() {
    let (mut world, job) = about_to_show_out();
    world.finish(&job, JobOutcome::NotRemovable);
    assert_eq!(standing_of(&world, 666), Some(Standing::Admin));
    assert_eq!(state_of(&world, &job).0, JobState::Done);
    assert!(world.rows.audit.iter().all(|entry| entry.action != "stranger.removed"));
}

#[test]
fn a_stranger_who_may_stay_is_on_the_white_list_from_then_on() {
    let mut world = World::new();
    seen(&mut world, 666, Standing::Inside);
    resolve(&mut world, Resolution::Grant).unwrap();
    let listed = world.rows.presences.get(&(world.channel, user(666))).unwrap().listed.clone();
    assert_eq!(listed.map(|listed| listed.by).as_deref(), Some("telegram:1001"));
}

/// Works until a member's time is over and Telegram has said that they are an administrator.
fn an_admin_whose_time_is_over() -> World {
    let mut world = World::new();
    member(&mut world, 7, PlanDuration::Days(1));
    for _ in 0..24 * 8 {
        world.now += hours(1);
        work_with(&mut world, |act| matches!(act, Action::Remove { .. }).then_some(JobOutcome::NotRemovable));
    }
    world
}

#[test]
fn f44_an_administrator_whose_time_is_over_is_told_of_once() {
    let mut world = an_admin_whose_time_is_over();
    assert_eq!(world.open_reasons(), [Reason::AdminStays]);
    let item = world.rows.attention.values().find(|item| item.is_open()).unwrap();
    assert_eq!(item.subject, Subject::Member { channel_id: world.channel, user: user(7) });
    assert_eq!(item.detail, "Telegram user 7, whose time ended 2025-11-08T12:00:00Z");
    let told = |world: &World| {
        let is_told = |notice: &OwnerNotice| {
            matches!(notice, OwnerNotice::Attention { reason: Reason::AdminStays, .. })
        };
        world.told().iter().filter(|notice| is_told(notice)).count()
    };
    assert_eq!(told(&world), 1);
    assert_eq!(standing_of(&world, 7), Some(Standing::Admin));
    assert_eq!(world.membership(7).unwrap().status, MembershipStatus::Expired);
    // Seen again as one: nothing new.
    seen(&mut world, 7, Standing::Admin);
    assert_eq!((world.open_reasons(), told(&world)), (vec![Reason::AdminStays], 1));
}

#[test]
fn f44_it_settles_when_the_administrator_goes_is_none_any_more_pays_or_may_stay() {
    let leaves = |world: &mut World| seen(world, 7, Standing::Outside);
    let pays = |world: &mut World| {
        world.run(grant(world, 7, PlanDuration::Days(30)));
        work(world);
    };
    let may_stay = |world: &mut World| {
        resolve(world, Resolution::Grant).unwrap();
        assert!(world.rows.presences.get(&(world.channel, user(7))).unwrap().listed.is_some());
    };
    for end in [leaves as fn(&mut World), pays, may_stay] {
        let mut world = an_admin_whose_time_is_over();
        end(&mut world);
        assert_eq!(world.open_reasons(), []);
    }
    // Without the rights they are somebody inside who has no membership.
    let mut world = an_admin_whose_time_is_over();
    seen(&mut world, 7, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn while_removals_are_frozen_a_stranger_waits_and_who_has_paid_meanwhile_does_not() {
    let freeze = |world: &World| Command::FreezeRemovals {
        channel_id: Some(world.channel),
        freeze: true,
        reason: "something is wrong".into(),
        actor: "cli:x".into(),
    };
    let (mut world, job) = about_to_show_out();
    world.run(freeze(&world));
    assert_eq!(action(world.now, &world.rows, &job), Action::Nothing);
    world.finish(&job, JobOutcome::Nothing);
    let again = world.now + SignedDuration::from_mins(HOLD_MINUTES);
    assert_eq!(state_of(&world, &job), (JobState::Ready, again));
    // Paid: there is nothing to wait for.
    let (mut world, job) = about_to_show_out();
    world.run(freeze(&world));
    world.run(grant(&world, 666, PlanDuration::Days(30)));
    world.finish(&job, JobOutcome::Nothing);
    assert_eq!(state_of(&world, &job).0, JobState::Done);
    // Paid, and nothing is frozen.
    let (mut world, job) = about_to_show_out();
    world.run(grant(&world, 666, PlanDuration::Days(30)));
    world.finish(&job, JobOutcome::Nothing);
    assert_eq!(state_of(&world, &job).0, JobState::Done);
    // Not frozen, and still a stranger: somebody looked a moment before they came; what brought them has armed it anew.
    let (mut world, job) = about_to_show_out();
    world.finish(&job, JobOutcome::Nothing);
    assert_eq!(state_of(&world, &job).0, JobState::Done);
}

#[test]
fn a_member_has_joined_when_they_came_in_whether_they_paid_before_or_after() {
    let mut world = World::new();
    seen(&mut world, 666, Standing::Inside);
    let came = world.now;
    world.now += hours(5);
    world.run(grant(&world, 666, PlanDuration::Days(30)));
    work(&mut world);
    assert_eq!(world.membership(666).unwrap().joined_at, Some(came));
    // Made an administrator later, and renewed: they have been in all the time.
    world.now += hours(5);
    seen(&mut world, 666, Standing::Admin);
    world.now += hours(5);
    world.run(grant(&world, 666, PlanDuration::Days(30)));
    work(&mut world);
    assert_eq!(world.membership(666).unwrap().joined_at, Some(came));
    // Who is not in has not joined.
    seen(&mut world, 667, Standing::Outside);
    world.run(grant(&world, 667, PlanDuration::Days(30)));
    work(&mut world);
    assert_eq!(world.membership(667).unwrap().joined_at, None);
}

#[test]
fn f51_a_group_does_not_become_one_that_another_channel_sells_or_is_offered_in() {
    let mut world = World::new();
    let (private, public) = (PRIVATE_CHAT - 7, PUBLIC_CHAT - 7);
    second_channel(&mut world, private, public);
    let to = |chat| PrivateChatId::new(chat).unwrap();
    let before = world.rows.channels.get(&world.channel).unwrap().clone();
    let sold = world.try_run(Command::ChatMigrated { from: chat(), to: to(private) });
    assert!(
        matches!(&sold, Err(Refusal::Conflict(why)) if why.contains("archive one of the two")),
        "{sold:?}"
    );
    let offered = world.try_run(Command::ChatMigrated { from: to(PUBLIC_CHAT), to: to(public) });
    assert!(matches!(&offered, Err(Refusal::Conflict(why)) if why.contains("is offered")), "{offered:?}");
    assert_eq!(world.rows.channels.get(&world.channel).unwrap(), &before);
    // To a number that nobody has both may go, and be told so again by what still calls the new one the old one.
    for (from, chat) in [(chat(), PRIVATE_CHAT - 9), (to(PUBLIC_CHAT), PUBLIC_CHAT - 9)] {
        let id = world.channel;
        assert_eq!(world.run(Command::ChatMigrated { from, to: to(chat) }), Outcome::Channel(id));
        assert_eq!(world.run(Command::ChatMigrated { from: to(chat), to: to(chat) }), Outcome::Channel(id));
    }
    let now = world.rows.channels.get(&world.channel).unwrap();
    assert_eq!(now.private_chat.get(), PRIVATE_CHAT - 9);
    assert_eq!(now.public_chat.map(PublicChatId::get), Some(PUBLIC_CHAT - 9));
}

/// Whether they are shown out by what is due now.
fn are_shown_out(world: &mut World, who: i64) -> bool {
    removed(&work(world)).contains(&user(who))
}

fn protected(act: &Action) -> Option<JobOutcome> {
    matches!(act, Action::Remove { .. }).then_some(JobOutcome::NotRemovable)
}

#[test]
fn f03_who_was_shown_out_is_not_let_in_by_a_longer_grace() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    let grace = 48;
    let gone = live(&mut world, 30 * 24 + i64::from(grace) + 1);
    assert_eq!(removed(&gone), [user(BUYER)]);
    let longer = PolicyChange { grace_hours: Some(grace + 72), ..PolicyChange::default() };
    world.run(Command::SetPolicies {
        channel_id: world.channel,
        change: Box::new(longer),
        actor: "cli:x".into(),
    });
    let answer = world.run(Command::ReissueInvites { user: user(BUYER) });
    assert_eq!(answer, Outcome::Reissued { sent: 0, rested: 0, making: 0 });
    // Whoever lets them in all the same has a stranger in the chat, and hears of it.
    seen(&mut world, BUYER, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn who_was_an_administrator_when_their_money_went_back_is_shown_out_when_they_are_none_any_more() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&world::Note::for_order(1, "finished", order));
    work(&mut world);
    seen(&mut world, BUYER, Standing::Admin);
    world.notify(&world::Note::for_order(1, "refunded", order));
    work_with(&mut world, protected);
    assert_eq!(world.open_reasons(), [Reason::AdminStays]);
    seen(&mut world, BUYER, Standing::Inside);
    assert!(are_shown_out(&mut world, BUYER));
    assert!(world.open_reasons().is_empty());
}

#[test]
fn whose_money_went_back_while_they_were_a_guest_is_shown_out_when_they_are_none_any_more() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&world::Note::for_order(1, "finished", order));
    work(&mut world);
    seen(&mut world, BUYER, Standing::Inside);
    world.run(whitelist(&world, BUYER, true));
    world.notify(&world::Note::for_order(1, "refunded", order));
    assert!(!are_shown_out(&mut world, BUYER));
    world.run(whitelist(&world, BUYER, false));
    assert!(are_shown_out(&mut world, BUYER));
}

#[test]
fn a_former_owner_without_a_membership_is_a_stranger() {
    let mut world = World::new();
    seen(&mut world, OWNER, Standing::Inside);
    assert!(world.open_reasons().is_empty());
    world.run(Command::SetOwner {
        channel_id: world.channel,
        owner: Some(user(1_002)),
        reason: "sold".into(),
        actor: "cli:x".into(),
    });
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
}

#[test]
fn f46_a_renewal_settles_what_a_removal_that_was_given_up_left_on_the_list() {
    for plan in [PlanDuration::Days(30), PlanDuration::Lifetime] {
        let mut world = World::new();
        member(&mut world, BUYER, PlanDuration::Days(30));
        world.now += hours(33 * 24);
        work_with(&mut world, |act| {
            let failure = tollhouse_core::job::Failure::Permanent { error: "no".into() };
            matches!(act, Action::Remove { .. }).then_some(JobOutcome::Failed(failure))
        });
        assert_eq!(world.open_reasons(), [Reason::JobDead]);
        world.run(grant(&world, BUYER, plan));
        work(&mut world);
        assert!(world.open_reasons().is_empty(), "{plan:?}");
        if plan != PlanDuration::Lifetime {
            assert_eq!(removed(&live(&mut world, 33 * 24)), [user(BUYER)], "and its end is followed");
        }
    }
}

/// The job that follows somebody's membership to its end.
fn end_of(world: &World, who: i64) -> Job {
    let id = world.membership(who).unwrap().id;
    let subject = format!("membership:{id}");
    world.rows.jobs.values().find(|job| job.kind.shows_out() && job.subject == subject).unwrap().clone()
}

#[test]
fn who_leaves_before_their_end_moves_nothing_forward() {
    let mut world = World::new();
    member(&mut world, BUYER, PlanDuration::Days(30));
    let before = end_of(&world, BUYER);
    world.now += hours(24);
    seen(&mut world, BUYER, Standing::Outside);
    assert_eq!(end_of(&world, BUYER).run_at, before.run_at);
}

#[test]
fn a_removal_that_is_held_looks_again_within_a_quarter_of_an_hour_and_not_all_at_once() {
    let mut world = World::new();
    for who in 1..=20 {
        member(&mut world, 10_000 + who, PlanDuration::Days(30));
    }
    world.run(Command::FreezeRemovals {
        channel_id: None,
        freeze: true,
        reason: "a look at what is wrong".into(),
        actor: "cli:x".into(),
    });
    world.now += hours(33 * 24);
    work(&mut world);
    let latest = world.now + SignedDuration::from_mins(HOLD_MINUTES);
    let waits: Vec<Timestamp> = (1..=20).map(|who| end_of(&world, 10_000 + who).run_at).collect();
    let earliest = latest - SignedDuration::from_mins(5);
    assert!(waits.iter().all(|at| (earliest..=latest).contains(at)), "{waits:?}");
    assert!(waits.iter().any(|at| *at != waits[0]), "{waits:?}");
}
