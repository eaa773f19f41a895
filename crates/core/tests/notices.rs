//! What the owner is told of orders: each thing once, and nothing that another system has told already.

mod world;

use tollhouse_core::attention::Reason;
use tollhouse_core::id::OrderId;
use tollhouse_core::job::OwnerNotice;
use tollhouse_core::money::Currency;
use tollhouse_core::order::OrderState;
use tollhouse_core::payout::Payout;
use tollhouse_core::policy::{Policies, RefundPolicy};
use world::{BUYER, Note, World, days, user};

/// What the owner was told of orders; what needs a person is told besides.
fn told(world: &World) -> Vec<OwnerNotice> {
    let is_of_order = |notice: &OwnerNotice| !matches!(notice, OwnerNotice::Attention { .. });
    world.told().into_iter().filter(is_of_order).collect()
}

fn pay(world: &mut World, payment: i64, status: &'static str, order: OrderId) {
    world.notify(&Note::for_order(payment, status, order));
}

#[test]
fn a_sale_is_told_once_and_says_whether_it_lengthened_a_membership() {
    let mut world = World::new();
    let orders = [world.order("Month", Some(BUYER)), world.order("Month", Some(BUYER))];
    let sale = |order_id, renewal| OwnerNotice::Sale {
        order_id,
        price: "2.50 USD".parse().unwrap(),
        user: Some(user(BUYER)),
        renewal,
    };
    for status in ["waiting", "confirming", "confirmed", "finished", "finished"] {
        pay(&mut world, 1, status, orders[0]);
    }
    assert_eq!(told(&world), [sale(orders[0], false)]);
    world.now += days(1);
    pay(&mut world, 2, "finished", orders[1]);
    assert_eq!(told(&world), [sale(orders[0], false), sale(orders[1], true)]);
}

#[test]
fn a_part_of_the_price_is_told_with_what_is_left() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).paid("0.000004"));
    // One message, although it stands in the list, too.
    let told = world.told();
    let [OwnerNotice::PartialPayment { order_id, remaining: Some(remaining) }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*order_id, order);
    assert_eq!(Some(remaining), world.get(order).remaining.as_ref());
    assert_eq!(world.open_reasons(), [Reason::Underpaid]);
    // A part of a second payment changes nothing in the order, and is told as what it is.
    world.notify(&Note::for_order(2, "partially_paid", order).paid("0.000001"));
    let told = world.told();
    assert!(matches!(&told[1..], [OwnerNotice::Attention { reason: Reason::Underpaid, .. }]), "{told:?}");
}

#[test]
fn a_refund_is_told_with_whether_the_access_stays_and_only_of_what_was_sold() {
    for (refund, kept) in [(RefundPolicy::Revoke, false), (RefundPolicy::Keep, true)] {
        let mut world = World::with(Policies { refund, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        pay(&mut world, 1, "finished", order);
        world.now += days(1);
        pay(&mut world, 1, "refunded", order);
        let told = told(&world);
        let [OwnerNotice::Sale { .. }, OwnerNotice::Refund { order_id, price, kept: said }] = &told[..]
        else {
            panic!("{told:?}")
        };
        assert_eq!((*order_id, price.to_string().as_str(), *said), (order, "2.50 USD", kept));
    }
    // Money that came in part and went back was no sale.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).paid("0.000004"));
    world.now += days(1);
    world.notify(&Note::for_order(1, "refunded", order).paid("0.000004"));
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert!(matches!(&told(&world)[..], [OwnerNotice::PartialPayment { .. }]), "{:?}", told(&world));
}

#[test]
fn a_sale_of_a_channel_without_an_owner_is_told_to_nobody() {
    let mut world = World::new();
    let channel = world.rows.channels.get(&world.channel).unwrap().clone();
    world.rows.channels.put(world.channel, tollhouse_core::channel::Channel { owner: None, ..channel });
    let order = world.order("Month", Some(BUYER));
    pay(&mut world, 1, "finished", order);
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(told(&world), []);
}

#[test]
fn only_what_grows_worse_by_the_hour_may_wake_somebody() {
    let payout = Payout { address: "x".into(), currency: Currency::new("usdttrc20").unwrap(), memo: None };
    let about = |reason| OwnerNotice::Attention { reason, subject: String::new(), detail: String::new() };
    for (notice, is_urgent) in [
        (about(Reason::RemovalsStopped), true),
        (about(Reason::Overpaid), false),
        (
            OwnerNotice::PayoutChange {
                payout: payout.clone(),
                counts_at: world::at("2026-01-01T00:00:00Z"),
            },
            true,
        ),
        (OwnerNotice::PayoutKept { payout }, false),
    ] {
        assert_eq!(notice.is_urgent(), is_urgent, "{notice:?}");
    }
}
