//! What a job's outcome does to what it was for, and which step comes next.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::command::{Command, Member, OrderFrom, Outcome};
use tollhouse_core::id::OrderId;
use tollhouse_core::job::{Action, Failure, Job, JobKind, JobState, Outcome as JobOutcome};
use tollhouse_core::membership_policy::{MembershipPolicies, StrangerPolicy};
use tollhouse_core::order::{InvoiceProblem, OrderSource};
use tollhouse_core::policy::Policies;
use tollhouse_core::presence::Standing;
use world::life::{chat, grant, hours, resolve, seen, work};
use world::{BUYER, Note, World, user};

/// The job of this kind that is held now.
fn held(world: &mut World, kind: &str) -> Job {
    world.claim().into_iter().find(|job| job.kind.name() == kind).unwrap()
}

fn row<'a>(world: &'a World, job: &Job) -> &'a Job {
    world.rows.jobs.get(&job.id).unwrap()
}

#[test]
fn a_notice_goes_to_each_of_its_readers_in_turn() {
    let mut world = World::new();
    world.notify(&Note::new(1, "finished", "PGP-6271402111|-1003016667267"));
    for (chat, more) in [(1001, true), (-77, true), (-78, false)] {
        let job = held(&mut world, "notify_owner");
        world.finish(&job, JobOutcome::Told { chat, more });
        let JobKind::NotifyOwner { told, .. } = &row(&world, &job).kind else { panic!() };
        assert_eq!(told.last(), Some(&chat), "nobody is told a second time");
        assert_eq!(row(&world, &job).state == JobState::Done, !more);
    }
}

fn order_with_invoice(world: &mut World) -> OrderId {
    let channel = world.rows.channels.get(&world.channel).unwrap();
    let plan_id = channel.plans[0].id;
    let from = OrderFrom::Plan { channel_id: world.channel, plan_id };
    let create = Command::CreateOrder { from, user: None, source: OrderSource::Api, wants_invoice: true };
    let Outcome::Order(id) = world.run(create) else { panic!() };
    id
}

#[test]
fn f39_an_invoice_that_cannot_be_made_is_on_the_list_with_what_stops_it() {
    let minimum = || Some("3 USD".parse().unwrap());
    let error = || "no".to_owned();
    for (failure, reason, problem) in [
        (Failure::Permanent { error: error() }, Reason::InvoiceNotMade, InvoiceProblem::GivenUp),
        (
            Failure::BelowMinimum { minimum: minimum(), error: error() },
            Reason::BelowMinimum,
            InvoiceProblem::BelowMinimum { minimum: minimum() },
        ),
    ] {
        let mut world = World::new();
        let order = order_with_invoice(&mut world);
        let job = held(&mut world, "create_invoice");
        world.finish(&job, JobOutcome::Failed(failure));
        assert_eq!((row(&world, &job).state, row(&world, &job).attempt), (JobState::Dead, 1));
        assert_eq!(world.open_reasons(), [reason]);
        assert_eq!(world.get(order).invoice_problem, Some(problem));
        // Run again, it settles what it had left on the list when it goes through.
        resolve(&mut world, Resolution::Grant).unwrap();
        assert_eq!(row(&world, &job).attempt, 0);
    }
}

#[test]
fn one_message_tells_the_end_of_every_period_that_was_given_before_it() {
    let mut world = World::new();
    let days = tollhouse_core::channel::PlanDuration::Days;
    let (first, second, third) =
        (grant(&world, BUYER, days(10)), grant(&world, BUYER, days(20)), grant(&world, BUYER, days(30)));
    world.run(first);
    work(&mut world);
    let told_at = world.now;
    // The second is taken back before it was delivered, the third is on its way when the fourth comes.
    world.now += hours(1);
    world.run(second);
    let member = Member::User { channel_id: world.channel, user: user(BUYER) };
    let revoke = Command::RevokeMembership { member, reason: "by mistake".into(), actor: "cli:x".into() };
    world.run(revoke);
    world.now += hours(1);
    world.run(third.clone());
    world.now += hours(1);
    world.run(third);
    world.now += hours(1);
    work(&mut world);
    let mut grants: Vec<_> = world.rows.grants.values().collect();
    grants.sort_by_key(|grant| grant.granted_at);
    let delivered: Vec<_> = grants.iter().map(|grant| grant.delivered_at).collect();
    let now = Some(world.now);
    assert_eq!(delivered, [Some(told_at), None, now, now]);
}

#[test]
fn f36_a_request_that_was_gone_says_so_at_its_job() {
    let mut world = World::new();
    world.run(Command::JoinRequest { chat: chat(), user: user(BUYER), update_id: 1 });
    let job = held(&mut world, "answer_join_request");
    world.finish(&job, JobOutcome::RequestGone);
    assert_eq!(row(&world, &job).state, JobState::Done);
    assert!(row(&world, &job).last_error.as_ref().unwrap().contains("withdrawn"));
}

/// A grant whose invite is there and whose message is about to be sent, 20 days after the link was made.
fn message_on_its_way(world: &mut World) -> Job {
    world.run(grant(world, BUYER, tollhouse_core::channel::PlanDuration::Days(90)));
    let job = held(world, "deliver_access");
    world.finish(&job, JobOutcome::InviteCreated { chat: chat(), link: "https://t.me/+first".into() });
    world.now += hours(20 * 24);
    held(world, "deliver_access")
}

#[test]
fn f37_a_new_link_that_is_asked_for_while_the_message_goes_out_is_sent_after_it() {
    let mut world = World::new();
    let job = message_on_its_way(&mut world);
    world.run(Command::ReissueInvites { user: user(BUYER) });
    world.finish(&job, JobOutcome::Done);
    assert_eq!(row(&world, &job).state, JobState::Ready);
    let sent: Vec<Action> = work(&mut world);
    let links = sent.iter().filter(|act| matches!(act, Action::SendAccess { .. })).count();
    assert_eq!((links, row(&world, &job).state), (1, JobState::Done), "{sent:?}");
    assert!(world.membership(BUYER).unwrap().invite.is_some());
}

#[test]
fn f42_who_starts_the_bot_while_the_message_goes_out_reads_it_once() {
    let mut world = World::new();
    let job = message_on_its_way(&mut world);
    world.run(Command::UserStarted { user: user(BUYER) });
    world.finish(&job, JobOutcome::Done);
    assert_eq!(row(&world, &job).state, JobState::Done);
    let sent = work(&mut world);
    assert!(!sent.iter().any(|act| matches!(act, Action::SendAccess { .. })), "{sent:?}");
}

#[test]
fn a_stranger_who_comes_back_while_they_are_shown_out_is_shown_out_again() {
    for outcome in [JobOutcome::Done, JobOutcome::Nothing, JobOutcome::NotRemovable] {
        let policies =
            MembershipPolicies { strangers: StrangerPolicy::Remove, ..MembershipPolicies::default() };
        let mut world = World::with(Policies { membership: policies, ..Policies::default() });
        seen(&mut world, 666, Standing::Inside);
        let job = held(&mut world, "expel_stranger");
        seen(&mut world, 666, Standing::Inside);
        world.finish(&job, outcome);
        let shown_out = work(&mut world);
        assert!(shown_out.iter().any(|act| matches!(act, Action::Remove { .. })), "{shown_out:?}");
        assert_eq!(row(&world, &job).state, JobState::Done);
    }
}

#[test]
fn f42_what_is_asked_for_while_its_job_is_given_up_is_tried_again() {
    let mut world = World::new();
    let job = message_on_its_way(&mut world);
    world.run(Command::UserStarted { user: user(BUYER) });
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error: "no".into() }));
    assert_eq!((row(&world, &job).state, world.open_reasons()), (JobState::Ready, vec![]));
    let again = held(&mut world, "deliver_access");
    world.finish(&again, JobOutcome::Failed(Failure::Permanent { error: "no".into() }));
    assert_eq!((row(&world, &job).state, world.open_reasons()), (JobState::Dead, vec![Reason::JobDead]));
}
