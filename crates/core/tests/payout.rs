//! Where an owner is paid out: a change is told at once, counts a day later, and can be stopped until then.

mod world;

use jiff::SignedDuration;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, Refusal};
use tollhouse_core::id::{ChannelId, PrivateChatId};
use tollhouse_core::job::OwnerNotice;
use tollhouse_core::money::Currency;
use tollhouse_core::payout::{CHANGE_WAITS_HOURS, Payout};
use tollhouse_core::policy::Policies;
use world::life::work;
use world::{OWNER, World, user};

#[expect(clippy::unwrap_used, reason = "a wallet that cannot be is a failed test")]
fn wallet(coin: &str, address: &str) -> Payout {
    Payout::new(Currency::new(coin).unwrap(), address, None).unwrap()
}

fn first() -> Payout {
    wallet("usdttrc20", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
}

fn second() -> Payout {
    wallet("btc", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
}

fn set(world: &mut World, payout: &Payout) {
    let set =
        Command::SetPayout { channel_id: world.channel, payout: payout.clone(), actor: "cli:alice".into() };
    world.run(set);
}

#[expect(clippy::unwrap_used, reason = "a channel that is gone is a failed test")]
fn paid_to(world: &World, id: ChannelId) -> Option<Payout> {
    world.rows.channels.get(&id).unwrap().payout.clone()
}

#[test]
fn f109_a_change_counts_a_day_after_it_was_told_and_each_step_is_told_once() {
    let mut world = World::new();
    let id = world.channel;
    let counts_at = world.now + SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    for _ in 0..2 {
        set(&mut world, &first());
    }
    let asked = OwnerNotice::PayoutChange { payout: first(), counts_at };
    assert_eq!(world.told(), std::slice::from_ref(&asked));
    world.now = counts_at - SignedDuration::from_secs(1);
    work(&mut world);
    assert_eq!(paid_to(&world, id), None, "a second too early");
    world.now = counts_at;
    work(&mut world);
    assert_eq!(paid_to(&world, id), Some(first()));
    let counts = OwnerNotice::PayoutChanged { payout: first() };
    assert_eq!(world.told(), [asked.clone(), counts.clone()]);
    // What is so already is no change.
    set(&mut world, &first());
    assert_eq!(world.told(), [asked, counts]);
}

#[test]
fn f109_a_change_that_replaces_another_waits_its_own_day() {
    let mut world = World::new();
    let id = world.channel;
    let begun = world.now;
    set(&mut world, &first());
    world.now += SignedDuration::from_hours(CHANGE_WAITS_HOURS / 2);
    set(&mut world, &second());
    let counts_at = world.now + SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    // The job of the first looks at its own time, and looks again.
    world.now = begun + SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    work(&mut world);
    assert_eq!(paid_to(&world, id), None);
    world.now = counts_at;
    work(&mut world);
    assert_eq!(paid_to(&world, id), Some(second()));
}

#[test]
fn f109_a_change_is_stopped_by_asking_for_what_was_or_by_its_own_button_only() {
    let mut world = World::new();
    let id = world.channel;
    set(&mut world, &first());
    world.now += SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    work(&mut world);
    set(&mut world, &second());
    set(&mut world, &first());
    assert_eq!(world.told().last(), Some(&OwnerNotice::PayoutKept { payout: second() }));

    set(&mut world, &second());
    let counts_at = world.now + SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    let cancel = |counts_at| Command::CancelPayoutChange {
        channel_id: id,
        counts_at: Some(counts_at),
        actor: "telegram:42".into(),
    };
    let old = cancel(counts_at - SignedDuration::from_hours(1));
    assert!(matches!(world.try_run(old), Err(Refusal::Conflict(_))), "a button of an older change");
    world.run(cancel(counts_at));
    assert!(matches!(world.try_run(cancel(counts_at)), Err(Refusal::Conflict(_))), "it is stopped already");
    world.now = counts_at + SignedDuration::from_hours(1);
    work(&mut world);
    assert_eq!(paid_to(&world, id), Some(first()));
}

#[test]
fn a_channel_is_registered_with_its_wallet() {
    let mut world = World::new();
    let before: Vec<ChannelId> = world.rows.channels.keys().copied().collect();
    let plan = NewPlan {
        label: "Month".into(),
        price: "2.50 USD".parse().unwrap(),
        duration: PlanDuration::Days(30),
    };
    world.run(Command::AddChannel(Box::new(NewChannel {
        private_chat: PrivateChatId::new(-1_001_234_567).unwrap(),
        public_chat: None,
        title: "Paid".into(),
        owner: Some(user(OWNER)),
        payout: Some(first()),
        plans: vec![plan],
        policies: Policies::default(),
        actor: "cli:alice".into(),
    })));
    let id = world.rows.channels.keys().copied().find(|id| !before.contains(id)).unwrap();
    assert_eq!(paid_to(&world, id), Some(first()));
}
