//! Money that went back, and what comes after it: paid again, found again, ruled on.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{ClaimToken, OrderId};
use tollhouse_core::job::{Action, OwnerNotice};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::policy::{Policies, PolicyChange, RefundPolicy, TopUpPolicy};
use world::life::{resolve, work};
use world::{BUYER, Note, World, days, orders_of, user};

/// An order that somebody pays before anybody knows whose Telegram account it is for.
fn unclaimed(world: &mut World) -> (OrderId, ClaimToken) {
    let order = world.order("Month", None);
    let claim = world.get(order).claim.unwrap();
    (order, claim)
}

fn accesses(actions: &[Action]) -> usize {
    actions.iter().filter(|act| matches!(act, Action::SendAccess { .. })).count()
}

#[test]
fn f01_an_order_that_is_paid_again_after_its_refund_gives_access_whenever_its_payer_claims_it() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Step {
        Paid,
        Refunded,
        PaidAgain,
        Claimed,
    }
    let steps = [Step::Paid, Step::Refunded, Step::PaidAgain, Step::Claimed];
    for order_of_steps in orders_of(&steps) {
        let mut world = World::new();
        let (order, claim) = unclaimed(&mut world);
        for step in &order_of_steps {
            world.now += days(1);
            match step {
                Step::Paid => _ = world.notify(&Note::for_order(1, "finished", order)),
                Step::Refunded => _ = world.notify(&Note::for_order(1, "refunded", order)),
                Step::PaidAgain => _ = world.notify(&Note::for_order(2, "finished", order)),
                Step::Claimed => _ = world.run(Command::ClaimOrder { claim, user: user(BUYER) }),
            }
        }
        assert_eq!(world.get(order).state, OrderState::Paid, "{order_of_steps:?}");
        let membership = world.membership(BUYER).unwrap_or_else(|| panic!("no access: {order_of_steps:?}"));
        assert_eq!(membership.status, MembershipStatus::Active, "{order_of_steps:?}");
        assert!(membership.ends_at > Some(world.now + days(26)), "{order_of_steps:?}");
        assert_eq!(accesses(&work(&mut world)), 1, "{order_of_steps:?}");
    }
}

#[test]
fn f01_a_payer_who_presses_the_button_again_gets_what_an_earlier_program_left_lying() {
    let mut world = World::new();
    let (order, claim) = unclaimed(&mut world);
    world.notify(&Note::for_order(1, "finished", order));
    // The order knows whose it is, its grant does not.
    let mut row = world.get(order).clone();
    row.user = Some(user(BUYER));
    world.rows.orders.put(order, row);
    world.run(Command::ClaimOrder { claim, user: user(BUYER) });
    world.run(Command::ClaimOrder { claim, user: user(BUYER) });
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
    assert_eq!(accesses(&work(&mut world)), 1);
}

#[test]
fn a_ruling_to_give_access_does_not_outlive_the_money_that_it_was_about() {
    let part = |id, status, order, paid| Note::for_order(id, status, order).pay("5", "trx").paid(paid);
    let ruled = || {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&part(1, "partially_paid", order, "4"));
        resolve(&mut world, Resolution::Grant).unwrap();
        assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
        (world, order)
    };
    // All of it went back: a cent more, as a re-deposit or by itself, gives no month.
    for child in [true, false] {
        let (mut world, order) = ruled();
        world.notify(&part(1, "refunded", order, "4"));
        let cent = part(2, "finished", order, "0.01");
        world.notify(&if child { cent.child_of(1) } else { cent });
        assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked, "child: {child}");
        assert_ne!(world.get(order).state, OrderState::Paid);
        assert!(!world.open_reasons().is_empty(), "somebody has to look at the cent");
    }
    // What came on top of it went back: that was not what it was given for.
    let (mut world, order) = ruled();
    world.notify(&part(2, "partially_paid", order, "1.5"));
    world.notify(&part(2, "refunded", order, "1.5"));
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
    // Paid anew as a whole it gives a month as any order does.
    let (mut world, order) = ruled();
    world.notify(&part(1, "refunded", order, "4"));
    world.now += days(3);
    world.notify(&part(2, "finished", order, "5"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn a_ruling_about_a_re_deposit_alone_holds_when_what_it_was_deposited_on_goes_back() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "wrong_asset_confirmed", order).paid(""));
    world.notify(&Note::for_order(2, "finished", order).pay("5", "trx").paid("5").child_of(1));
    while world.get(order).state != OrderState::Paid {
        resolve(&mut world, Resolution::Grant).unwrap();
    }
    world.notify(&Note::for_order(1, "refunded", order).paid(""));
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
}

fn set(world: &mut World, change: PolicyChange) {
    let change = Box::new(change);
    world.run(Command::SetPolicies { channel_id: world.channel, change, actor: "cli:x".into() });
}

#[test]
fn access_that_a_refund_left_is_not_taken_by_the_next_word_about_it_after_a_change_of_the_policy() {
    let mut world = World::with(Policies { refund: RefundPolicy::Keep, ..Policies::default() });
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(1, "refunded", order));
    set(&mut world, PolicyChange { refund: Some(RefundPolicy::Revoke), ..PolicyChange::default() });
    for again in ["refunded", "finished", "expired"] {
        world.notify(&Note { updated_at_ms: Some(9), ..Note::for_order(1, again, order) });
    }
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
    // Of what is refunded from now on the new policy speaks.
    let next = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(2, "finished", next));
    world.notify(&Note::for_order(2, "refunded", next));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn an_order_stays_paid_when_a_re_deposit_that_never_counted_goes_back_after_a_change_of_the_policy() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    for id in [1, 2] {
        world.notify(&Note::for_order(id, "partially_paid", order).pay("10", "trx").paid("5"));
    }
    world.notify(&Note::for_order(3, "finished", order).pay("1", "doge").paid("1").child_of(1));
    assert_eq!(world.get(order).state, OrderState::Paid);
    set(&mut world, PolicyChange { top_up: Some(TopUpPolicy::Attention), ..PolicyChange::default() });
    world.notify(&Note::for_order(3, "refunded", order).pay("1", "doge").paid("1").child_of(1));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
    world.notify(&Note::for_order(2, "refunded", order).pay("10", "trx").paid("5"));
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked);
}

#[test]
fn f65_each_sale_and_each_refund_of_an_order_that_is_paid_again_is_told() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    for id in [1, 2] {
        for status in ["finished", "finished", "refunded", "refunded"] {
            world.now += days(1);
            world.notify(&Note::for_order(id, status, order));
        }
    }
    let words: Vec<&str> = world
        .told()
        .iter()
        .map(|notice| match notice {
            OwnerNotice::Sale { .. } => "sale",
            OwnerNotice::Refund { .. } => "refund",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(words, ["sale", "refund", "sale", "refund"]);
}

#[test]
fn a_donation_of_which_a_part_goes_back_is_told_as_that() {
    let mut world = World::new();
    let from = OrderFrom::Donation { channel_id: world.channel, amount: "10 USD".parse().unwrap() };
    let user = Some(user(BUYER));
    let create = Command::CreateOrder { from, user, source: OrderSource::Bot, wants_invoice: false };
    let Outcome::Order(order) = world.run(create) else { panic!() };
    for (id, amount, status) in [(2, "5", "finished"), (1, "10", "finished"), (2, "5", "refunded")] {
        world.notify(&Note::for_order(id, status, order).price("10", "usd").pay("10", "trx").paid(amount));
    }
    let told = world.told();
    let sums: Vec<String> = told
        .iter()
        .map(|notice| match notice {
            OwnerNotice::Donation { more, received, .. } => format!("{more} {}", received[0]),
            OwnerNotice::DonationRefund { price, .. } => format!("back {price}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sums, ["false 5 TRX", "true 15 TRX", "back 5 TRX"]);
}

#[test]
fn f02_a_legacy_payment_of_a_retired_plans_price_gives_that_plans_time() {
    let mut world = World::new();
    let year = world.rows.channels.get(&world.channel).unwrap().plans.iter().find(|p| p.label == "Year");
    let (plan_id, price) = year.map(|plan| (plan.id, plan.price.clone())).unwrap();
    world.run(Command::RetirePlan { plan_id, channel_id: world.channel, actor: "cli:x".into() });
    let amount: &'static str = price.amount.to_string().leak();
    world.notify(&Note::new(1, "finished", "PGP-6271402111|-1003016667267").price(amount, "usd"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(365)));
    assert_eq!(world.open_reasons(), Vec::<Reason>::new());
}
