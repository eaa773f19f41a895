//! What payments do to orders: statuses, amounts, re-deposits, refunds, legacy references (design section 6).

mod world;

use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Outcome, Refusal};
use tollhouse_core::event::Verdict;
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::policy::{ChildPolicy, LatePolicy, Policies, RefundPolicy};
use world::{BUYER, Note, World, at, days, orders_of, payment_id, user};

const LEGACY: &str = "PGP-6271402111|-1003016667267";

#[test]
fn f01_paid_order_that_nobody_recorded_gives_a_membership() {
    let mut world = World::new();
    assert_eq!(world.notify(&Note::new(4_479_119_533, "finished", LEGACY)).0, Verdict::Applied);
    let order = world.rows.orders.values().next().unwrap();
    assert_eq!((order.source, order.state), (OrderSource::Notification, OrderState::Paid));
    let membership = world.membership(BUYER).unwrap();
    assert_eq!(membership.ends_at, Some(world.now + days(30)));
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f02_each_tier_gives_its_own_days() {
    for (plan, price, length) in [("Week", "2", 7), ("Fortnight", "45.00", 13), ("Year", "99.99", 365)] {
        let mut world = World::new();
        let order = world.order(plan, Some(BUYER));
        world.notify(&Note::for_order(1, "finished", order).price(price, "USD"));
        assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(length)), "{plan}");
    }
    // A bought-by-price legacy order too, and a lifetime has no end.
    let mut world = World::new();
    world.notify(&Note::new(1, "finished", LEGACY).price("45", "usd"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(13)));
    world.notify(&Note::new(2, "finished", LEGACY).price("500", "usd"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, None);
}

#[test]
fn f02_plan_change_after_the_order_does_not_touch_it() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    let plan_id = world.get(order).plan_id.unwrap();
    world.run(Command::RetirePlan { channel_id: world.channel, plan_id, actor: "cli:test".into() });
    // No command changes a plan that was sold; somebody with a hand in the database could.
    let mut channel = world.rows.channels.get(&world.channel).unwrap().clone();
    let plan = channel.plans.iter_mut().find(|plan| plan.id == plan_id).unwrap();
    (plan.price, plan.duration) = ("99 USD".parse().unwrap(), PlanDuration::Days(3));
    world.rows.channels.put(world.channel, channel);
    world.notify(&Note::for_order(1, "finished", order));
    assert_eq!(world.get(order).state, OrderState::Paid, "what was asked was paid");
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn f03_renewal_extends_membership() {
    let mut world = World::new();
    let begin = world.now;
    world.notify(&Note::new(1, "finished", LEGACY));
    world.now = begin + days(20); // early
    world.notify(&Note::new(2, "finished", LEGACY));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(begin + days(60)));
    world.now = begin + days(100); // late
    world.notify(&Note::new(3, "finished", LEGACY));
    let membership = world.membership(BUYER).unwrap();
    assert_eq!((membership.ends_at, membership.status), (Some(begin + days(130)), MembershipStatus::Active));
}

#[test]
fn f04_unpaid_renewal_is_not_confirmed() {
    let mut world = World::new();
    let first = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", first));
    let second = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(2, "waiting", second));
    assert_eq!((world.get(first).state, world.get(second).state), (OrderState::Paid, OrderState::Open));
}

#[test]
fn f08_progress_never_grants() {
    for status in [
        "waiting",
        "confirming",
        "confirmed",
        "sending",
        "failed",
        "expired",
        "cancelled",
        "spending",
        "wrong_asset_confirmed",
    ] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, status, order));
        assert!(world.membership(BUYER).is_none(), "{status}");
        assert_ne!(world.get(order).state, OrderState::Paid, "{status}");
    }
}

#[test]
fn f09_every_status_is_kept_and_shown() {
    let mut world = World::new();
    for (status, state) in [
        ("waiting", OrderState::Open),
        ("confirming", OrderState::Seen),
        ("partially_paid", OrderState::PartiallyPaid),
        ("failed", OrderState::Failed),
        ("expired", OrderState::Expired),
        ("refunded", OrderState::Refunded),
        ("finished", OrderState::Paid),
    ] {
        let order = world.order("Month", Some(BUYER));
        let id = 100 + i64::from(state as u8);
        world.notify(&Note::for_order(id, status, order).paid("0.000004"));
        let short_finished = status == "finished";
        assert_eq!(
            world.get(order).state == state,
            !short_finished,
            "{status}: {:?}",
            world.get(order).state
        );
        assert_eq!(world.rows.payments.get(&payment_id(id)).unwrap().status.as_str(), status);
    }
}

#[test]
fn f09_money_that_was_seen_and_never_credited_is_for_a_person() {
    let listed = [Reason::MoneyNotCredited];
    for (what, told, reasons) in [
        ("as the provider reports it", vec![("failed", "10")], &listed[..]),
        ("seen before", vec![("confirming", ""), ("failed", "")], &listed),
        ("seen and reported", vec![("waiting", ""), ("confirming", ""), ("failed", "10")], &listed),
        ("too late", vec![("confirmed", "10"), ("expired", "10")], &listed),
        ("given up", vec![("sending", "3"), ("cancelled", "3")], &listed),
        ("nothing came", vec![("waiting", ""), ("failed", "0")], &[]),
        ("nothing came in time", vec![("waiting", "0"), ("expired", "0")], &[]),
        ("it came after all", vec![("confirming", "10"), ("failed", "10"), ("finished", "10")], &[]),
        ("it went back", vec![("confirming", "10"), ("failed", "10"), ("refunded", "10")], &[]),
        ("it is under way", vec![("confirming", "10"), ("sending", "10")], &[]),
    ] {
        for has_order in [true, false] {
            let note = |(status, paid): (&'static str, &'static str)| {
                Note::new(1, status, "").pay("10", "trx").paid(paid)
            };
            let notes: Vec<Note> = told.iter().copied().map(note).collect();
            for notes in orders_of(&notes) {
                let mut world = World::new();
                let order = world.order("Month", Some(BUYER));
                for note in notes {
                    world.notify(&Note { order_ref: has_order.then(|| order.to_string()), ..note });
                }
                // Money without an order is for a person in any case.
                let open = world.open_reasons();
                let mine: Vec<Reason> =
                    open.iter().copied().filter(|reason| *reason != Reason::NoOrderId).collect();
                assert_eq!(mine, reasons, "{what}, with an order: {has_order}");
                let is_placed = has_order || what != "it came after all";
                assert_eq!(!open.contains(&Reason::NoOrderId), is_placed, "{what}");
                assert!(reasons.is_empty() || !world.told().is_empty(), "{what}, with an order: {has_order}");
                let is_paid = has_order && what == "it came after all";
                assert_eq!(world.membership(BUYER).is_some(), is_paid, "{what}");
            }
        }
    }
}

#[test]
fn f09_a_person_decides_about_money_that_was_never_credited() {
    for resolution in [Resolution::Grant, Resolution::Refund, Resolution::Dismiss] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, "failed", order).pay("10", "trx").paid("8"));
        let item = world.rows.attention.values().find(|item| item.is_open()).unwrap();
        assert_eq!(item.detail, "failed, 8 of 10 TRX was seen");
        let resolve = Command::ResolveAttention {
            attention_id: item.id,
            resolution,
            reason: "I have looked".into(),
            actor: "cli:test".into(),
        };
        world.run(resolve);
        world.notify(&Note::for_order(1, "failed", order).pay("10", "trx").paid("8"));
        assert_eq!(world.open_reasons(), [], "{resolution:?}: a repeat says nothing new");
        assert_eq!(world.membership(BUYER).is_some(), resolution == Resolution::Grant, "{resolution:?}");
    }
    // Beside a payment that paid it is the buyer's all the same, whichever came first.
    for ids in [[1, 2], [2, 1]] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        for id in ids {
            let status = if id == 1 { "failed" } else { "finished" };
            world.notify(&Note::for_order(id, status, order).pay("10", "trx").paid("10"));
        }
        assert_eq!(world.get(order).state, OrderState::Paid);
        assert_eq!(world.open_reasons(), [Reason::MoneyNotCredited]);
    }
}

#[test]
fn f09_refund_takes_back_exactly_that_orders_period() {
    let mut world = World::new();
    let begin = world.now;
    let (first, second) = (world.order("Month", Some(BUYER)), world.order("Week", Some(BUYER)));
    world.notify(&Note::for_order(1, "finished", first));
    world.notify(&Note::for_order(2, "finished", second).price("2", "usd"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(begin + days(37)));
    world.notify(&Note::for_order(1, "refunded", first));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(begin + days(7)));
    assert_eq!(world.notify(&Note::for_order(1, "finished", first)).0, Verdict::Duplicate);
    assert_eq!(world.get(first).state, OrderState::Refunded);
    world.now += days(1);
    world.notify(&Note::for_order(2, "refunded", second).price("2", "usd"));
    let membership = world.membership(BUYER).unwrap();
    assert_eq!((membership.status, membership.ends_at), (MembershipStatus::Revoked, Some(world.now)));
    let why = world.rows.audit.iter().filter(|entry| entry.action == "membership.shortened").count();
    assert_eq!(why, 2, "an end moves back only with an entry in the audit log");
}

#[test]
fn refund_keeps_the_access_where_the_owner_says_so() {
    let mut world = World::with(Policies { refund: RefundPolicy::Keep, ..Policies::default() });
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(1, "refunded", order));
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn f14_what_the_buyer_paid_is_compared_to_what_was_asked() {
    for (status, paid, state) in [
        ("partially_paid", "10.0", OrderState::Paid),
        ("partially_paid", "9.99", OrderState::Paid),
        ("partially_paid", "9.90", OrderState::Paid),
        ("partially_paid", "9.8", OrderState::PartiallyPaid),
        ("partially_paid", "5", OrderState::PartiallyPaid),
        ("finished", "10", OrderState::Paid),
        ("finished", "9.99999986", OrderState::Paid),
        ("finished", "9.8", OrderState::PartiallyPaid),
        ("finished", "5", OrderState::PartiallyPaid),
        ("finished", "0", OrderState::Paid), // zero: not reported
        ("finished", "", OrderState::Paid),
        ("finished", "25", OrderState::Paid),
    ] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, status, order).pay("10", "usdttrc20").paid(paid));
        assert_eq!(world.get(order).state, state, "{status} {paid}");
        let granted = state == OrderState::Paid;
        assert_eq!(world.membership(BUYER).is_some(), granted, "{status} {paid}");
        assert_eq!(world.open_reasons().is_empty(), granted, "{status} {paid}");
    }
}

#[test]
fn f15_the_invoice_price_alone_is_no_payment() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    let (verdict, reason) =
        world.notify(&Note::for_order(1, "finished", order).pay("10", "xmr").paid("0.0001"));
    assert_eq!((verdict, reason.as_deref()), (Verdict::Parked, Some("finished_short")));
    assert!(world.membership(BUYER).is_none());
}

#[test]
fn f16_the_price_is_the_orders_not_the_notifications() {
    let mut world = World::new();
    let order = world.order("Year", Some(BUYER));
    for (id, note) in [
        (1, Note::for_order(1, "finished", order).price("1.00", "usd")),
        (2, Note::for_order(2, "finished", order).price("99.99", "eur")),
        (3, Note::for_order(3, "finished", order).price("", "usd")),
    ] {
        assert_eq!(world.notify(&note), (Verdict::Parked, Some("price_mismatch".into())), "{id}");
    }
    assert!(world.membership(BUYER).is_none());
    assert_eq!(world.open_reasons(), [Reason::PriceMismatch; 3]);
}

#[test]
fn f12_an_outcome_without_a_coin_stays_unknown() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    assert_eq!(world.rows.payments.get(&payment_id(1)).unwrap().outcome, None);
    assert_eq!(world.get(order).state, OrderState::Paid);
}

#[test]
fn a_top_up_in_the_same_coin_completes_the_order() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).pay("10", "trx").paid("6"));
    assert_eq!(world.get(order).remaining.as_ref().unwrap().to_string(), "4 TRX");
    assert_eq!(world.open_reasons(), [Reason::Underpaid]);
    let (verdict, _) =
        world.notify(&Note::for_order(2, "finished", order).pay("4", "trx").paid("4").child_of(1));
    assert_eq!((verdict, world.get(order).state), (Verdict::Applied, OrderState::Paid));
    assert!(world.open_reasons().is_empty(), "{:?}", world.open_reasons());
}

#[test]
fn f28_a_re_deposit_alone_buys_nothing() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    // Dust to the address of a payment that never came: the child repeats the order's price and calls itself finished.
    world.notify(&Note::for_order(1, "expired", order).pay("10", "trx").paid("0"));
    let dust = Note::for_order(2, "finished", order).pay("0.01", "trx").paid("0.01").child_of(1);
    assert_eq!(world.notify(&dust), (Verdict::Parked, Some("child_payment".into())));
    // In another coin it never adds up with the first.
    world.notify(&Note::for_order(1, "partially_paid", order).pay("10", "trx").paid("6"));
    world.notify(&Note::for_order(3, "finished", order).pay("4", "btc").paid("4").child_of(1));
    assert_eq!(world.get(order).state, OrderState::PartiallyPaid);
    assert_eq!(
        world.get(order).remaining.as_ref().unwrap().to_string(),
        "3.99 TRX",
        "its dust adds up with the first"
    );
    assert!(world.membership(BUYER).is_none());
}

#[test]
fn f28_a_legacy_re_deposit_waits_for_its_parent() {
    let mut world = World::new();
    let child = Note::new(2, "finished", LEGACY).pay("4", "trx").paid("4").child_of(1);
    assert_eq!(world.notify(&child).0, Verdict::Parked);
    assert_eq!(world.open_reasons(), [Reason::ChildPayment]);
    assert!(world.rows.orders.values().next().is_none());
    world.notify(&Note::new(1, "partially_paid", LEGACY).pay("10", "trx").paid("6"));
    assert_eq!(world.rows.orders.values().count(), 1);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f28_several_payments_of_one_order_give_one_grant() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "waiting", order).pay("10", "trx").paid(""));
    world.notify(&Note::for_order(2, "finished", order).pay("0.1", "btc").paid("0.1"));
    world.notify(&Note::for_order(3, "finished", order).pay("0.2", "eth").paid("0.2"));
    assert_eq!(world.rows.grants.values().count(), 1);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
    assert_eq!(world.open_reasons(), [Reason::PaidTwice]);
}

/// The provider may estimate anew what a price comes to, and a second attempt has the rate of its own day.
#[test]
fn f14_a_part_of_the_newest_estimate_is_no_whole_and_the_whole_of_it_is_not_too_much() {
    let short = [
        (1, "waiting", "0.00010", ""),
        (1, "waiting", "0.00011", ""),
        (1, "partially_paid", "0.00011", "0.00010"),
    ];
    let second = [
        (1, "waiting", "0.00010", ""),
        (1, "expired", "0.00010", ""),
        (2, "waiting", "0.00020", ""),
        (2, "partially_paid", "0.00020", "0.00010"),
    ];
    let whole =
        [(1, "waiting", "0.00010", ""), (1, "waiting", "0.00011", ""), (1, "finished", "0.00011", "0.00011")];
    for (life, state, rest) in [
        (&short[..], OrderState::PartiallyPaid, Some("0.00001 BTC")),
        (&second[..], OrderState::PartiallyPaid, Some("0.00010 BTC")),
        (&whole[..], OrderState::Paid, None),
    ] {
        for order_of_arrival in orders_of(life) {
            let mut world = World::new();
            let order = world.order("Month", Some(BUYER));
            for (id, status, asked, paid) in &order_of_arrival {
                world.notify(&Note::for_order(*id, status, order).pay(asked, "btc").paid(paid));
            }
            let came_to = world.get(order);
            assert_eq!((came_to.state, &came_to.overpaid), (state, &None), "{order_of_arrival:?}");
            let remaining = came_to.remaining.as_ref().map(ToString::to_string);
            assert_eq!(remaining.as_deref(), rest, "{order_of_arrival:?}");
        }
    }
}

#[test]
fn f27_two_paid_orders_are_both_credited() {
    let mut world = World::new();
    let (first, second) = (world.order("Month", Some(BUYER)), world.order("Month", Some(BUYER)));
    world.notify(&Note::for_order(1, "finished", first));
    world.notify(&Note::for_order(2, "finished", second));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(60)));
}

#[test]
fn f26_late_arrivals_change_nothing_and_contradictions_are_shown() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    let end = world.membership(BUYER).unwrap().ends_at;
    assert_eq!(world.notify(&Note::for_order(1, "confirming", order)).0, Verdict::Stale);
    assert_eq!(world.notify(&Note::for_order(1, "expired", order)).0, Verdict::Stale);
    let other = Note::for_order(1, "finished", order).price("99.99", "usd");
    assert_eq!(world.notify(&other), (Verdict::Parked, Some("contradiction".into())));
    assert_eq!((world.membership(BUYER).unwrap().ends_at, world.get(order).state), (end, OrderState::Paid));
    assert_eq!(world.open_reasons(), [Reason::Contradiction]);
}

#[test]
fn expired_and_failed_are_not_the_end() {
    for first in ["expired", "failed"] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, first, order).paid("0"));
        world.now += days(5);
        world.notify(&Note::for_order(1, "finished", order));
        assert_eq!(world.get(order).state, OrderState::Paid, "{first}");
    }
}

#[test]
fn a_late_payment_is_honoured_or_left_to_the_owner_by_policy() {
    for (late, state) in [(LatePolicy::Honour, OrderState::Paid), (LatePolicy::Attention, OrderState::Seen)] {
        let mut world = World::with(Policies { late, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.now += days(9);
        assert_eq!(world.get(order).state_at(world.now), OrderState::Expired);
        world.notify(&Note::for_order(1, "confirming", order));
        world.notify(&Note::for_order(1, "finished", order));
        if late == LatePolicy::Honour {
            assert_eq!(world.get(order).state, state);
        } else {
            assert_eq!(world.open_reasons(), [Reason::Late]);
            assert!(world.membership(BUYER).is_none());
        }
    }
}

#[test]
fn an_overpayment_is_granted_and_recorded() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order).pay("10", "trx").paid("12.5"));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.get(order).overpaid.as_ref().unwrap().to_string(), "2.5 TRX");
}

#[test]
fn legacy_orders_are_matched_by_price() {
    for (price, currency, want) in [
        ("2.00", "usd", Some(7)),
        ("2.5", "usd", Some(30)),
        ("7.77", "usd", Some(30)), // no such plan, not below the cheapest
        ("1.99", "usd", None),
        ("45", "eur", None),
        ("", "usd", None),
    ] {
        let mut world = World::new();
        let (verdict, _) = world.notify(&Note::new(1, "finished", LEGACY).price(price, currency));
        let got = world
            .membership(BUYER)
            .and_then(|m| m.ends_at)
            .map(|end| end.duration_since(world.now).as_hours() / 24);
        assert_eq!(got, want, "{price} {currency}");
        assert_eq!(verdict == Verdict::Parked, want.is_none(), "{price} {currency}");
        assert_eq!(world.open_reasons().is_empty(), want.is_some());
    }
}

#[test]
fn f05_both_legacy_formats_reach_the_same_member() {
    let mut world = World::new();
    world.notify(&Note::new(1, "finished", LEGACY));
    world.notify(&Note::new(2, "finished", "PGP-6271402111-1003016667267"));
    assert_eq!(world.rows.memberships.values().count(), 1);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(60)));
}

#[test]
fn money_that_cannot_be_placed_is_parked_with_a_reason() {
    for (order_ref, reason) in [
        (None, Reason::NoOrderId),
        (Some("donation_default"), Reason::UnknownOrder),
        (Some("ord_00000000000000000000000000000099"), Reason::UnknownOrder),
        (Some("PGP-6271402111|-1009999999999"), Reason::UnknownChannel),
    ] {
        let mut world = World::new();
        let note = Note { order_ref: order_ref.map(str::to_owned), ..Note::new(1, "finished", "") };
        assert_eq!(world.notify(&note), (Verdict::Parked, Some(reason.as_str().to_owned())));
        assert_eq!(world.open_reasons(), [reason]);
        assert_eq!(world.rows.events.len(), 1);
        // Progress of what is not ours is stored, but calls nobody.
        let mut world = World::new();
        assert_eq!(world.notify(&Note { status: "waiting", ..note }).0, Verdict::Parked);
        assert!(world.open_reasons().is_empty());
    }
}

#[test]
fn f24_a_sentinel_reference_is_parked_once_not_retried_for_ever() {
    let mut world = World::new();
    let note = Note::new(1, "finished", "donation_default");
    assert_eq!(world.notify(&note).0, Verdict::Parked);
    assert_eq!(world.notify(&note).0, Verdict::Duplicate);
    assert_eq!(world.open_reasons(), [Reason::UnknownOrder]);
}

#[test]
fn amounts_that_cannot_be_used_grant_nothing_and_lose_nothing() {
    for note in [
        Note::new(1, "finished", LEGACY).paid("1.234567890123456789012345678901"),
        Note::new(1, "finished", LEGACY).paid("-3"),
    ] {
        let mut world = World::new();
        assert_eq!(world.notify(&note), (Verdict::Parked, Some("amount_unusable".into())));
        assert!(world.membership(BUYER).is_none());
        assert_eq!(world.rows.events.len(), 1);
    }
    let mut world = World::new();
    world.notify(&Note::new(1, "finished", LEGACY).price("-2.50", "usd"));
    assert!(world.membership(BUYER).is_none());
    assert_eq!(world.open_reasons(), [Reason::UnmatchedPrice]);
}

#[test]
fn a_person_can_grant_dismiss_or_note_a_refund_once() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).pay("10", "trx").paid("6"));
    let item = world.rows.attention.values().next().unwrap().id;
    let resolve = |resolution, reason: &str| Command::ResolveAttention {
        attention_id: item,
        resolution,
        reason: reason.into(),
        actor: "cli:test".into(),
    };
    assert!(matches!(world.try_run(resolve(Resolution::Grant, " ")), Err(Refusal::Invalid(_))));
    world.run(resolve(Resolution::Grant, "a regular"));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.run(resolve(Resolution::Grant, "again")), Outcome::Done);
    assert!(matches!(world.try_run(resolve(Resolution::Refund, "no")), Err(Refusal::Conflict(_))));
    assert_eq!(world.rows.grants.values().count(), 1);
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f17_price_and_duration_come_from_the_plan_only() {
    let mut world = World::new();
    let order = world.order("Year", None);
    let order = world.get(order);
    assert_eq!(
        (order.price.to_string().as_str(), order.duration),
        ("99.99 USD", Some(PlanDuration::Days(365)))
    );
    // A forged legacy reference cannot carry a price or a duration at all.
    let mut world = World::new();
    world.notify(&Note::new(1, "finished", "PGP-6271402111|-1003016667267_1d00_9999"));
    assert_eq!(world.open_reasons(), [Reason::UnknownOrder]);
}

#[test]
fn an_order_without_an_account_is_granted_and_waits_for_its_claim() {
    let mut world = World::new();
    let order = world.order("Month", None);
    world.notify(&Note::for_order(1, "finished", order));
    assert_eq!((world.get(order).state, world.rows.grants.values().count()), (OrderState::Paid, 1));
    assert_eq!(world.rows.memberships.values().count(), 0);
    let claim = world.get(order).claim.unwrap();
    world.now += days(3);
    world.run(Command::ClaimOrder { claim, user: user(BUYER) });
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)), "no day is lost");
    assert!(matches!(world.try_run(Command::ClaimOrder { claim, user: user(5) }), Err(Refusal::Conflict(_))));
    world.run(Command::ClaimOrder { claim, user: user(BUYER) });
    assert_eq!(world.rows.grants.values().count(), 1);
}

#[test]
fn a_person_binds_what_its_payer_cannot_claim_and_the_claim_gives_nothing_more() {
    let mut world = World::new();
    let order = world.order("Month", None);
    world.notify(&Note::for_order(1, "finished", order));
    let claim = world.get(order).claim.unwrap();
    world.now += days(3);
    let bind = |user_id: i64, reason: &str| Command::BindOrder {
        order_id: order,
        user: user(user_id),
        reason: reason.to_owned(),
        actor: "cli:alice".to_owned(),
    };
    assert!(matches!(world.try_run(bind(BUYER, " ")), Err(Refusal::Invalid(_))), "without a reason");
    for _ in 0..2 {
        world.run(bind(BUYER, "ticket 12"));
        assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
    }
    let bound: Vec<_> = world.rows.audit.iter().filter(|entry| entry.action == "order.bound").collect();
    assert!(matches!(&bound[..], [entry] if entry.actor == "cli:alice" && entry.reason == "ticket 12"));
    // Whoever has the page can do no more with it; whoever was bound may press it all the same.
    assert!(matches!(world.try_run(Command::ClaimOrder { claim, user: user(5) }), Err(Refusal::Conflict(_))));
    assert!(matches!(world.try_run(bind(5, "ticket 13")), Err(Refusal::Conflict(_))));
    world.run(Command::ClaimOrder { claim, user: user(BUYER) });
    assert_eq!(world.rows.grants.values().count(), 1);
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn f45_a_month_is_thirty_times_24_hours_across_a_clock_change() {
    let mut world = World::new();
    world.now = at("2025-10-20T23:30:00Z");
    world.notify(&Note::new(1, "finished", LEGACY));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(at("2025-11-19T23:30:00Z")));
}

#[test]
fn f110_large_amounts_with_cents_are_nothing_special() {
    let mut world = World::new();
    let (verdict, _) = world.notify(&Note::new(1, "finished", LEGACY).price("9999.99", "usd"));
    assert_eq!(verdict, Verdict::Applied);
    let order = world.rows.orders.values().next().unwrap();
    assert_eq!(order.price.to_string(), "9999.99 USD");
}

#[test]
fn f108_s38_a_chat_is_registered_once() {
    use tollhouse_core::command::{NewChannel, NewPlan};
    let mut world = World::new();
    let channel = world.rows.channels.get(&world.channel).unwrap().clone();
    let again = NewChannel {
        private_chat: channel.private_chat,
        public_chat: None,
        title: "Squat".into(),
        owner: Some(user(666)),
        payout: None,
        plans: vec![NewPlan {
            label: "x".into(),
            price: "1 USD".parse().unwrap(),
            duration: PlanDuration::Days(1),
        }],
        policies: Policies::default(),
        actor: "cli:test".into(),
    };
    assert!(matches!(world.try_run(Command::AddChannel(Box::new(again))), Err(Refusal::Conflict(_))));
}

#[test]
fn a_part_payment_beside_a_refunded_one_stays_visible() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(1, "refunded", order));
    world.notify(&Note::for_order(2, "partially_paid", order).pay("10", "trx").paid("6"));
    assert_eq!(world.get(order).state, OrderState::PartiallyPaid);
    assert_eq!(world.open_reasons(), [Reason::Underpaid]);
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked);
    world.notify(&Note::for_order(2, "finished", order).pay("10", "trx").paid("10"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

/// A payment that named no order is bound by a person; what it said by itself counts then.
#[test]
fn a_payment_that_is_bound_by_hand_pays_if_it_said_so_by_itself() {
    let bind = |note: Note| {
        let mut world = World::new();
        let order_id = world.order("Month", Some(BUYER));
        let payment_id = payment_id(note.id);
        assert_eq!(world.notify(&Note { order_ref: None, ..note }).0, Verdict::Parked);
        world.run(Command::BindPayment { payment_id, order_id, actor: "cli:test".into() });
        (world.get(order_id).state, world.membership(BUYER).is_some())
    };
    let told = || Note::new(1, "finished", "");
    assert_eq!(bind(told()), (OrderState::Paid, true));
    assert_eq!(bind(told().pay("", "btc").paid("")), (OrderState::Paid, true), "no amounts: its word counts");
    for note in [
        told().price("2.49", "usd").pay("", "btc").paid(""),
        told().pay("", "btc").paid("").child_of(7),
        Note { status: "confirmed", ..told() }.pay("", "btc").paid(""),
        told().paid("0.000004"),
    ] {
        let shown = format!("{note:?}");
        let (state, member) = bind(note);
        assert!(state != OrderState::Paid && !member, "{shown}: {state:?}");
    }
}

#[test]
fn a_payment_is_bound_to_one_order_however_often_a_person_says_so() {
    let mut world = World::new();
    let orders = [world.order("Month", Some(BUYER)), world.order("Week", Some(BUYER))];
    world.notify(&Note { order_ref: None, ..Note::new(1, "finished", "") });
    let bind =
        |order_id| Command::BindPayment { payment_id: payment_id(1), order_id, actor: "cli:test".into() };
    for _ in 0..2 {
        assert_eq!(world.try_run(bind(orders[0])), Ok(Outcome::Order(orders[0])));
    }
    let to_another = world.try_run(bind(orders[1]));
    assert!(
        matches!(&to_another, Err(Refusal::Conflict(why)) if why.contains("bound once")),
        "{to_another:?}"
    );
    assert_eq!(world.rows.grants.values().count(), 1);
}

#[test]
fn money_of_a_wrong_coin_without_an_order_is_for_a_person_until_it_has_gone_back() {
    let mut world = World::new();
    let note = |status| Note { order_ref: None, ..Note::new(1, status, "") };
    world.notify(&note("wrong_asset_confirmed"));
    assert_eq!(world.open_reasons(), [Reason::NoOrderId]);
    world.notify(&note("refunded"));
    assert!(world.open_reasons().is_empty());
}

#[test]
fn an_order_was_paid_when_its_whole_price_had_come_and_stays_so() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).paid("0.000004"));
    assert_eq!(world.get(order).paid_at, None);
    world.now += days(1);
    let paid_at = world.now;
    world.notify(&Note::for_order(1, "finished", order));
    assert_eq!(world.get(order).paid_at, Some(paid_at));
    world.now += days(1);
    world.notify(&Note::for_order(2, "finished", order));
    assert_eq!(world.get(order).paid_at, Some(paid_at));
}

#[test]
fn what_is_told_in_its_order_is_applied_and_what_comes_after_its_successor_is_stale() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    let mut told = |status| world.notify(&Note::for_order(1, status, order));
    let lower = Some("lower_status".to_owned());
    assert_eq!(told("waiting"), (Verdict::Applied, None));
    assert_eq!(told("confirmed"), (Verdict::Applied, None));
    assert_eq!(told("confirming"), (Verdict::Stale, lower));
    assert_eq!(told("sending"), (Verdict::Applied, None));
}

#[test]
fn two_parts_in_one_coin_make_a_whole_though_neither_is_a_re_deposit() {
    for child_payment in [ChildPolicy::Add, ChildPolicy::Attention] {
        let mut world = World::with(Policies { child_payment, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, "partially_paid", order).paid("0.000004"));
        assert_eq!(world.get(order).state, OrderState::PartiallyPaid);
        world.notify(&Note::for_order(2, "partially_paid", order).paid("0.000006"));
        assert_eq!(world.get(order).state, OrderState::Paid, "{child_payment:?}");
        assert!(world.membership(BUYER).is_some());
    }
}

#[test]
fn what_a_person_has_granted_holds_until_the_last_of_its_money_has_gone_back() {
    for second in ["partially_paid", "wrong_asset_confirmed"] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        let part = |id, status| Note::for_order(id, status, order).paid("0.000002");
        world.notify(&part(1, "partially_paid"));
        world.notify(&part(2, second));
        let attention_id = world.rows.attention.values().find(|item| item.is_open()).unwrap().id;
        world.run(Command::ResolveAttention {
            attention_id,
            resolution: Resolution::Grant,
            reason: "a regular".into(),
            actor: "cli:test".into(),
        });
        world.notify(&part(1, "refunded"));
        assert_eq!(world.get(order).state, OrderState::Paid, "{second}: some of it is here");
        world.notify(&part(2, "refunded"));
        assert_eq!(world.get(order).state, OrderState::Refunded, "{second}");
    }
}

#[test]
fn money_in_another_coin_beside_the_whole_price_is_all_too_much() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(2, "partially_paid", order).pay("10", "trx").paid("6"));
    let too_much = |world: &World| world.get(order).overpaid.as_ref().map(ToString::to_string);
    assert_eq!(too_much(&world).as_deref(), Some("6 TRX"));
    // The same where only its word says that the first is the whole price.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order).paid(""));
    world.notify(&Note::for_order(2, "partially_paid", order).pay("10", "trx").paid("6"));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(too_much(&world).as_deref(), Some("6 TRX"));
    // Nothing is not too much.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(2, "partially_paid", order).pay("10", "trx").paid("0"));
    assert_eq!(too_much(&world), None);
    // A re-deposit in a coin of its own is nobody's mistake about the price.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(2, "finished", order).pay("4", "trx").paid("4").child_of(1));
    assert_eq!(world.get(order).overpaid, None);
}

#[test]
fn a_wrong_coin_for_an_order_is_for_a_person_until_the_order_is_paid() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "wrong_asset_confirmed", order).pay("10", "trx").paid("6"));
    assert_eq!(world.open_reasons(), [Reason::WrongAsset]);
    let item = world.rows.attention.values().next().unwrap();
    assert_eq!(item.detail, "6 of 10 TRX");
    world.notify(&Note::for_order(2, "finished", order));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert!(world.open_reasons().is_empty());
    // Credited after all, it is no wrong coin any more, but less than the price.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    let note = |status| Note::for_order(1, status, order).pay("10", "trx").paid("6");
    world.notify(&note("wrong_asset_confirmed"));
    world.notify(&note("partially_paid"));
    assert!(!world.open_reasons().contains(&Reason::WrongAsset), "{:?}", world.open_reasons());
}

#[test]
fn money_of_the_last_moment_is_not_late_and_of_the_next_one_is() {
    for (late_by_ms, reasons) in [(0, &[][..]), (1, &[Reason::Late][..])] {
        let mut world = World::with(Policies { late: LatePolicy::Attention, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        let at = world.get(order).expires_at.as_millisecond() + late_by_ms;
        world.now += days(2);
        world.notify(&Note { updated_at_ms: Some(at), ..Note::for_order(1, "finished", order) });
        assert_eq!(world.open_reasons(), reasons, "{late_by_ms} ms");
    }
}
