//! What an owner may decide about odd payments, and what a person decides about one of them.

mod world;

use rust_decimal::Decimal;
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::command::{Command, Member, Outcome, Refusal};
use tollhouse_core::event::Verdict;
use tollhouse_core::id::{AttentionId, OrderId};
use tollhouse_core::job::{Failure, JobKind, Outcome as JobOutcome, OwnerNotice};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::offer::Donations;
use tollhouse_core::order::OrderState;
use tollhouse_core::policy::{
    ChildPolicy, LatePolicy, OverpaidPolicy, Policies, PolicyChange, RefundPolicy, TopUpPolicy,
    UnmatchedPricePolicy,
};
use world::{BUYER, Note, OWNER, World, days, payment_id, user};

const LEGACY: &str = "PGP-6271402111|-1003016667267";

/// A part payment of 6 of 10 TRX.
fn part(id: i64, order: OrderId) -> Note {
    Note::for_order(id, "partially_paid", order).pay("10", "trx").paid("6")
}

fn item(world: &World, reason: Reason) -> AttentionId {
    let open = world.rows.attention.values().find(|item| item.is_open() && item.reason == reason);
    open.unwrap_or_else(|| panic!("no {reason:?} in {:?}", world.open_reasons())).id
}

fn resolve(world: &mut World, reason: Reason, resolution: Resolution) -> Result<Outcome, Refusal> {
    let attention_id = item(world, reason);
    world.try_run(Command::ResolveAttention {
        attention_id,
        resolution,
        reason: "decided".into(),
        actor: "cli:test".into(),
    })
}

fn set(world: &mut World, change: PolicyChange) {
    let channel_id = world.channel;
    world.run(Command::SetPolicies { channel_id, change: Box::new(change), actor: "cli:test".into() });
}

#[test]
fn f14_the_tolerance_and_the_floor_are_the_owners() {
    let generous = Policies {
        underpayment_tolerance: Decimal::new(50, 2),
        finished_floor: Decimal::new(50, 2),
        ..Policies::default()
    };
    let strict = Policies {
        underpayment_tolerance: Decimal::ZERO,
        finished_floor: Decimal::ONE,
        ..Policies::default()
    };
    for (status, paid, by_generous, by_strict) in [
        ("partially_paid", "10", true, true),
        ("partially_paid", "9.99", true, false),
        ("partially_paid", "5", true, false),
        ("partially_paid", "4.99", false, false),
        ("finished", "9.99", true, false),
        ("finished", "4.99", false, false),
    ] {
        for (policies, granted) in [(&generous, by_generous), (&strict, by_strict)] {
            let mut world = World::with(policies.clone());
            let order = world.order("Month", Some(BUYER));
            world.notify(&Note::for_order(1, status, order).pay("10", "trx").paid(paid));
            assert_eq!(world.membership(BUYER).is_some(), granted, "{status} {paid} {policies:?}");
            assert_eq!(world.open_reasons().is_empty(), granted);
        }
    }
}

#[test]
fn a_top_up_completes_the_order_or_is_left_to_the_owner() {
    for (top_up, state) in
        [(TopUpPolicy::Complete, OrderState::Paid), (TopUpPolicy::Attention, OrderState::PartiallyPaid)]
    {
        let mut world = World::with(Policies { top_up, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.notify(&part(1, order));
        assert_eq!(world.get(order).remaining.is_some(), top_up == TopUpPolicy::Complete);
        world.notify(&Note::for_order(2, "partially_paid", order).pay("10", "trx").paid("4"));
        assert_eq!(world.get(order).state, state);
        assert_eq!(world.open_reasons().is_empty(), state == OrderState::Paid);
        // One part that is all but everything is no top-up.
        let other = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(3, "partially_paid", other).pay("10", "trx").paid("9.95"));
        assert_eq!(world.get(other).state, OrderState::Paid);
    }
}

#[test]
fn f28_a_re_deposit_adds_to_its_order_or_is_left_to_the_owner() {
    for (child_payment, state) in
        [(ChildPolicy::Add, OrderState::Paid), (ChildPolicy::Attention, OrderState::PartiallyPaid)]
    {
        let mut world = World::with(Policies { child_payment, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.notify(&part(1, order));
        world.notify(&Note::for_order(2, "finished", order).pay("4", "trx").paid("4").child_of(1));
        assert_eq!(world.get(order).state, state);
        if state == OrderState::PartiallyPaid {
            assert_eq!(world.get(order).remaining, None, "nobody is told to send what will not count");
            assert_eq!(world.open_reasons(), [Reason::Underpaid, Reason::ChildPayment]);
        }
        // The wrong coin is a person's matter either way (F13).
        let other = world.order("Month", Some(BUYER));
        world.notify(&part(3, other));
        world.notify(&Note::for_order(4, "finished", other).pay("4", "usdtbsc").paid("4").child_of(3));
        assert_eq!(world.get(other).state, OrderState::PartiallyPaid);
    }
}

#[test]
fn more_than_the_price_is_recorded_or_listed_as_well() {
    for (overpaid, listed) in [(OverpaidPolicy::Record, false), (OverpaidPolicy::Attention, true)] {
        let mut world = World::with(Policies { overpaid, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, "finished", order).pay("10", "trx").paid("12.5"));
        assert_eq!(world.get(order).overpaid.as_ref().unwrap().to_string(), "2.5 TRX");
        assert_eq!(world.open_reasons(), if listed { vec![Reason::Overpaid] } else { vec![] });
        assert!(world.membership(BUYER).is_some());
        // Dust calls nobody.
        let other = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(2, "finished", other).pay("10", "trx").paid("10.05"));
        assert_eq!(world.get(other).overpaid.as_ref().unwrap().to_string(), "0.05 TRX");
        assert_eq!(world.open_reasons().len(), usize::from(listed));
        if listed {
            resolve(&mut world, Reason::Overpaid, Resolution::Refund).unwrap();
            assert_eq!(world.get(order).state, OrderState::Paid, "only what was too much went back");
            assert!(world.open_reasons().is_empty());
        }
    }
}

#[test]
fn f27_an_order_paid_by_two_invoices_is_granted_once_and_the_second_money_is_seen() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order).pay("10", "trx").paid("10"));
    world.notify(&Note::for_order(2, "finished", order).pay("0.1", "btc").paid("0.1"));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
    assert_eq!(world.open_reasons(), [Reason::PaidTwice]);
    assert!(world.get(order).overpaid.is_some(), "the second is on record");
    resolve(&mut world, Reason::PaidTwice, Resolution::Refund).unwrap();
    assert_eq!(world.get(order).state, OrderState::Paid);
    world.notify(&Note::for_order(2, "finished", order).pay("0.1", "btc").paid("0.1"));
    assert!(world.open_reasons().is_empty(), "a repeat says nothing new");
    world.notify(&Note::for_order(3, "finished", order).pay("0.2", "eth").paid("0.2"));
    assert_eq!(world.open_reasons(), [Reason::PaidTwice], "a third payment is something new");
    assert_eq!(world.rows.grants.values().count(), 1);
}

/// The whole price is there twice, in whatever way each of the two came about.
#[test]
fn f27_what_was_paid_in_full_more_than_once_is_on_the_list_however_it_was_paid() {
    let trx =
        |id, status, order: OrderId, paid| Note::for_order(id, status, order).pay("10", "trx").paid(paid);
    let dear = |id, order: OrderId| {
        Note::for_order(id, "finished", order).price("99", "usd").pay("400", "trx").paid("400")
    };
    for (how, first, is_twice) in [
        ("in full", vec![("finished", "10")], true),
        ("all but the tolerance", vec![("partially_paid", "9.95")], true),
        ("in two parts", vec![("partially_paid", "6"), ("partially_paid", "4")], true),
        ("at another price", vec![("dear", "")], true),
        ("a part only", vec![("partially_paid", "6")], false),
        ("nothing", vec![("waiting", "")], false),
    ] {
        for last_first in [false, true] {
            let mut world = World::new();
            let order = world.order("Month", Some(BUYER));
            // A payment that was begun says what the price is in the coin.
            world.notify(&trx(1, "waiting", order, ""));
            let whole = trx(9, "finished", order, "10");
            let mut notes: Vec<Note> = (2..)
                .zip(&first)
                .map(|(id, (status, paid))| match *status {
                    "dear" => dear(id, order),
                    status => trx(id, status, order, paid),
                })
                .collect();
            notes.insert(if last_first { 0 } else { notes.len() }, whole);
            for note in &notes {
                world.notify(note);
            }
            assert_eq!(world.get(order).state, OrderState::Paid, "{how}");
            assert_eq!(world.open_reasons().contains(&Reason::PaidTwice), is_twice, "{how}, {last_first}");
            assert_eq!(world.rows.grants.values().count(), 1, "{how}");
            if is_twice {
                let id = item(&world, Reason::PaidTwice);
                let detail = world.rows.attention.get(&id).unwrap().detail.clone();
                let ids: Vec<String> = (2..).zip(&first).map(|(id, _)| id.to_string()).collect();
                assert_eq!(detail, format!("payments {}, 9", ids.join(", ")), "{how}");
            }
        }
    }
}

#[test]
fn f27_two_payments_within_the_tolerance_are_the_price_twice() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    for id in [1, 2] {
        world.notify(&Note::for_order(id, "partially_paid", order).pay("10", "trx").paid("9.95"));
        let twice: &[Reason] = if id == 2 { &[Reason::PaidTwice] } else { &[] };
        assert_eq!(world.open_reasons(), twice);
    }
}

/// What a person binds is no more and no less than what came by itself.
#[test]
fn f27_payments_that_a_person_binds_are_on_the_list_when_they_pay_twice() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "waiting", order).pay("10", "trx").paid(""));
    let mut bind = |note: Note| {
        world.notify(&Note { order_ref: None, ..note });
        let payment_id = payment_id(note.id);
        world.run(Command::BindPayment { payment_id, order_id: order, actor: "cli:test".into() });
        (world.get(order).state, world.open_reasons(), world.get(order).overpaid.clone())
    };
    let dear = Note::new(2, "finished", "").price("99", "usd").pay("400", "trx").paid("400");
    let (state, reasons, overpaid) = bind(dear);
    assert_eq!((state, reasons), (OrderState::Paid, vec![]));
    assert_eq!(overpaid.unwrap().to_string(), "390 TRX", "what was too much is on the order");
    let (state, reasons, _) = bind(Note::new(3, "finished", "").pay("10", "trx").paid("10"));
    assert_eq!((state, reasons), (OrderState::Paid, vec![Reason::PaidTwice]));
}

#[test]
fn an_open_item_says_what_is_known_now() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    for id in 1..=3 {
        world.notify(&Note::for_order(id, "finished", order));
    }
    let id = item(&world, Reason::PaidTwice);
    assert_eq!(world.rows.attention.get(&id).unwrap().detail, "payments 1, 2, 3");
    let told = |world: &World| {
        world.told().iter().filter(|notice| matches!(notice, OwnerNotice::Attention { .. })).count()
    };
    assert_eq!(told(&world), 1, "one item, one word");
    // Closed by a person, and opened again by what is new: the same item, with what is new and since when.
    resolve(&mut world, Reason::PaidTwice, Resolution::Dismiss).unwrap();
    world.now += days(1);
    world.notify(&Note::for_order(4, "finished", order));
    let again = world.rows.attention.get(&id).unwrap();
    assert_eq!(again.detail, "payments 1, 2, 3, 4");
    assert_eq!((again.opened_at, again.resolved.is_none()), (world.now, true));
    assert_eq!(told(&world), 2);
}

#[test]
fn an_item_follows_its_payment_to_a_channel() {
    let unbound = || Note { order_ref: None, ..Note::new(1, "failed", "") };
    // Open while the payment is bound, and settled before.
    for is_refunded in [false, true] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        world.notify(&unbound());
        let id = item(&world, Reason::MoneyNotCredited);
        let actions = |world: &World| world.rows.attention.get(&id).unwrap().actions();
        assert_eq!(world.rows.attention.get(&id).unwrap().channel_id, None);
        assert_eq!(actions(&world), [Resolution::Refund, Resolution::Dismiss], "nothing to grant yet");
        if is_refunded {
            resolve(&mut world, Reason::MoneyNotCredited, Resolution::Refund).unwrap();
        }
        let bind = Command::BindPayment { payment_id: payment_id(1), order_id: order, actor: "cli:x".into() };
        world.run(bind);
        let bound = world.rows.attention.get(&id).unwrap();
        assert_eq!((bound.channel_id.is_some(), bound.is_open()), (!is_refunded, !is_refunded));
        if !is_refunded {
            assert_eq!(actions(&world), [Resolution::Grant, Resolution::Refund, Resolution::Dismiss]);
        }
    }
    // Closed by a person as nobody's, and opened again as a channel's.
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&unbound());
    let id = item(&world, Reason::MoneyNotCredited);
    resolve(&mut world, Reason::MoneyNotCredited, Resolution::Dismiss).unwrap();
    world.run(Command::BindPayment { payment_id: payment_id(1), order_id: order, actor: "cli:x".into() });
    assert_eq!(world.open_reasons(), [], "nothing more is known");
    world.notify(&unbound().paid("0.00002"));
    let again = world.rows.attention.get(&id).unwrap();
    assert_eq!((again.channel_id, again.is_open()), (Some(world.channel), true));
}

#[test]
fn f41_a_notice_that_cannot_be_sent_is_on_the_list_and_nobody_is_told_of_it() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    let is_notice = |kind: &JobKind| matches!(kind, JobKind::NotifyOwner { .. });
    let job = world.claim().into_iter().find(|job| is_notice(&job.kind)).unwrap();
    let count = |world: &World| world.rows.jobs.values().filter(|job| is_notice(&job.kind)).count();
    let before = count(&world);
    world.finish(&job, JobOutcome::Failed(Failure::Permanent { error: "chat not found".into() }));
    assert_eq!(world.open_reasons(), [Reason::JobDead]);
    let detail = &world.rows.attention.get(&item(&world, Reason::JobDead)).unwrap().detail;
    assert_eq!(*detail, format!("notify_owner of sale:{order}: chat not found"));
    assert_eq!(count(&world), before);
}

#[test]
fn what_is_wrong_with_one_payment_does_not_settle_what_is_wrong_with_another() {
    let mut world = World::new();
    let orders = [world.order("Month", Some(BUYER)), world.order("Month", Some(7))];
    world.notify(&Note::for_order(1, "wrong_asset_confirmed", orders[0]));
    world.notify(&Note::for_order(2, "finished", orders[1]).price("9", "usd"));
    assert_eq!(world.open_reasons(), [Reason::PriceMismatch, Reason::WrongAsset]);
    world.notify(&Note::for_order(3, "finished", orders[0]));
    assert_eq!(world.open_reasons(), [Reason::PriceMismatch]);
}

#[test]
fn a_price_of_the_predecessor_that_no_plan_has_gets_its_days_or_is_left_to_the_owner() {
    for (unmatched_price, granted) in
        [(UnmatchedPricePolicy::DefaultDays, true), (UnmatchedPricePolicy::Attention, false)]
    {
        let mut world = World::with(Policies { unmatched_price, ..Policies::default() });
        world.notify(&Note::new(1, "finished", LEGACY).price("7.77", "usd"));
        assert_eq!(world.membership(BUYER).is_some(), granted);
        assert_eq!(world.open_reasons(), if granted { vec![] } else { vec![Reason::UnmatchedPrice] });
        // A price that a plan has is no question.
        world.notify(&Note::new(2, "finished", LEGACY).price("45", "usd"));
        assert!(world.membership(BUYER).is_some());
    }
}

#[test]
fn f09_whether_a_refund_keeps_the_access_does_not_depend_on_which_came_first() {
    let events = ["finished", "refunded", "confirming"];
    for (refund, live) in [(RefundPolicy::Keep, 1), (RefundPolicy::Revoke, 0)] {
        for turn in 0..3 {
            let mut world = World::with(Policies { refund, ..Policies::default() });
            let order = world.order("Month", Some(BUYER));
            let mut turned = events;
            turned.rotate_left(turn);
            for status in turned {
                world.notify(&Note::for_order(1, status, order));
            }
            assert_eq!(world.get(order).state, OrderState::Refunded, "{turned:?}");
            let grants = world.rows.grants.values().filter(|grant| grant.revoked.is_none()).count();
            assert_eq!(grants, live, "{refund} {turned:?}");
        }
    }
    // What was never earned is not kept.
    let mut world = World::with(Policies { refund: RefundPolicy::Keep, ..Policies::default() });
    let order = world.order("Month", Some(BUYER));
    world.notify(&part(1, order));
    world.notify(&Note { status: "refunded", ..part(1, order) });
    assert!(world.membership(BUYER).is_none());
}

#[test]
fn a_change_of_policies_counts_from_then_on_and_takes_nothing_back() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "partially_paid", order).pay("10", "trx").paid("9.95"));
    let end = world.membership(BUYER).unwrap().ends_at;
    set(&mut world, PolicyChange { underpayment_tolerance: Some(Decimal::ZERO), ..PolicyChange::default() });
    world.notify(&Note::for_order(1, "confirming", order).pay("10", "trx").paid("9.95"));
    assert_eq!((world.get(order).state, world.membership(BUYER).unwrap().ends_at), (OrderState::Paid, end));
    assert!(world.open_reasons().is_empty());
    let next = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(2, "partially_paid", next).pay("10", "trx").paid("9.95"));
    assert_eq!(world.get(next).state, OrderState::PartiallyPaid);

    let entry = world.rows.audit.iter().find(|entry| entry.action == "channel.policies_set").unwrap();
    assert_eq!(entry.actor, "cli:test");
    assert!(entry.detail.contains(r#""from""#) && entry.detail.contains("underpayment_tolerance"));
    let wrong = PolicyChange { finished_floor: Some(Decimal::TEN), ..PolicyChange::default() };
    let command =
        Command::SetPolicies { channel_id: world.channel, change: Box::new(wrong), actor: "cli:test".into() };
    assert!(matches!(world.try_run(command), Err(Refusal::Invalid(_))));
}

#[test]
fn what_a_person_took_back_a_late_repeat_does_not_give_back() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    let member = Member::User { channel_id: world.channel, user: world::user(BUYER) };
    world.run(Command::RevokeMembership { member, reason: "spam".into(), actor: "cli:test".into() });
    world.now += days(20);
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note { updated_at_ms: Some(7), ..Note::for_order(1, "finished", order) });
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked);
    // New money for it is another matter: it went back, and came again.
    world.notify(&Note::for_order(1, "refunded", order));
    world.notify(&Note::for_order(2, "finished", order));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn after_a_noted_refund_of_a_part_the_order_can_still_be_paid() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&part(1, order));
    resolve(&mut world, Reason::Underpaid, Resolution::Refund).unwrap();
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert!(world.open_reasons().is_empty());
    // The provider says the same, later: nothing new.
    world.notify(&Note { status: "refunded", ..part(1, order) });
    assert_eq!(world.get(order).state, OrderState::Refunded);
    let (verdict, _) = world.notify(&Note::for_order(2, "finished", order));
    assert_eq!((verdict, world.get(order).state), (Verdict::Applied, OrderState::Paid));
    assert_eq!(world.membership(BUYER).unwrap().ends_at, Some(world.now + days(30)));
}

#[test]
fn a_noted_refund_takes_the_access_back_by_the_channels_policy() {
    for (refund, status) in
        [(RefundPolicy::Revoke, MembershipStatus::Revoked), (RefundPolicy::Keep, MembershipStatus::Active)]
    {
        let mut world = World::with(Policies { refund, ..Policies::default() });
        let order = world.order("Month", Some(BUYER));
        world.notify(&Note::for_order(1, "finished", order));
        world.notify(&Note::for_order(1, "spending", order));
        resolve(&mut world, Reason::UnknownStatus, Resolution::Refund).unwrap();
        assert_eq!(world.get(order).state, OrderState::Refunded);
        assert_eq!(world.membership(BUYER).unwrap().status, status);
    }
}

#[test]
fn more_money_on_a_payment_whose_refund_was_noted_is_not_silent() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&part(1, order));
    resolve(&mut world, Reason::Underpaid, Resolution::Refund).unwrap();
    world.notify(&part(1, order));
    assert!(world.open_reasons().is_empty(), "a repeat is no money");
    let more = Note { status: "finished", ..part(1, order) }.paid("10");
    assert_eq!(world.notify(&more), (Verdict::Parked, Some("paid_after_refund".into())));
    assert!(world.membership(BUYER).is_none());
    resolve(&mut world, Reason::PaidAfterRefund, Resolution::Grant).unwrap();
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert!(world.membership(BUYER).is_some(), "granting it says that it was not given back after all");
}

#[test]
fn a_payment_in_time_is_not_late_because_its_notification_was() {
    for (paid_after_days, late) in [(0, false), (9, true)] {
        for first in ["confirming", "finished"] {
            let mut world = World::with(Policies { late: LatePolicy::Attention, ..Policies::default() });
            let order = world.order("Month", Some(BUYER));
            let paid_at = world.now + days(paid_after_days);
            let at = |note: Note| Note { updated_at_ms: Some(paid_at.as_millisecond()), ..note };
            world.now += days(20);
            world.notify(&at(Note::for_order(1, first, order)));
            world.notify(&at(Note::for_order(1, "finished", order)));
            assert_eq!(world.membership(BUYER).is_none(), late, "{first}");
            let state = if late { OrderState::Seen } else { OrderState::Paid };
            assert_eq!(world.get(order).state, state, "nothing is missing");
        }
    }
    // A time that cannot be is none.
    let mut world = World::with(Policies { late: LatePolicy::Attention, ..Policies::default() });
    let order = world.order("Month", Some(BUYER));
    world.now += days(9);
    world.notify(&Note { updated_at_ms: Some(0), ..Note::for_order(1, "finished", order) });
    assert_eq!(world.open_reasons(), [Reason::Late]);
}

#[test]
fn money_for_an_order_that_was_refunded_as_a_whole_is_not_silent() {
    let mut world = World::with(Policies { late: LatePolicy::Attention, ..Policies::default() });
    let order = world.order("Month", Some(BUYER));
    world.now += days(9);
    world.notify(&Note::for_order(1, "finished", order));
    resolve(&mut world, Reason::Late, Resolution::Refund).unwrap();
    assert_eq!(world.get(order).state, OrderState::Refunded);
    let second = Note::for_order(2, "finished", order);
    assert_eq!(world.notify(&second), (Verdict::Parked, Some("paid_after_refund".into())));
    world.notify(&second);
    assert_eq!(world.open_reasons(), [Reason::PaidAfterRefund]);
}

/// The same when the money named no order, and a person has said for which it is; a re-deposit on it comes with it.
#[test]
fn money_that_is_bound_to_an_order_that_was_refunded_is_not_silent() {
    let mut world = World::with(Policies { late: LatePolicy::Attention, ..Policies::default() });
    let order_id = world.order("Month", Some(BUYER));
    world.now += days(9);
    world.notify(&Note::for_order(1, "finished", order_id));
    resolve(&mut world, Reason::Late, Resolution::Refund).unwrap();
    world.notify(&Note { order_ref: None, ..Note::for_order(2, "finished", order_id) });
    world.notify(&Note { order_ref: None, ..Note::for_order(3, "finished", order_id).child_of(2) });
    let bind = Command::BindPayment { payment_id: payment_id(2), order_id, actor: "cli:x".into() };
    world.run(bind);
    let after: Vec<Reason> =
        world.open_reasons().into_iter().filter(|reason| *reason == Reason::PaidAfterRefund).collect();
    assert_eq!(after.len(), 2, "{:?}", world.open_reasons());
}

#[test]
fn a_refund_noted_before_the_channel_was_known_stays_noted() {
    let mut world = World::new();
    let note = Note::new(1, "finished", "PGP-6271402111|-1009999999999");
    world.notify(&note);
    let id = item(&world, Reason::UnknownChannel);
    let waiting = world.rows.attention.get(&id).unwrap();
    assert_eq!(waiting.actions(), [Resolution::Refund, Resolution::Dismiss]);
    resolve(&mut world, Reason::UnknownChannel, Resolution::Refund).unwrap();
    // Registered later; the provider repeats itself weeks after.
    let mut channel = world.rows.channels.get(&world.channel).unwrap().clone();
    channel.public_chat = tollhouse_core::id::PublicChatId::new(-1_009_999_999_999).ok();
    world.rows.channels.put(channel.id, channel);
    world.notify(&note);
    assert_eq!(world.rows.payments.get(&payment_id(1)).unwrap().status.as_str(), "finished");
    assert!(world.membership(BUYER).is_none() && world.open_reasons().is_empty());
}

#[test]
fn a_grant_that_would_give_nothing_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", order));
    world.notify(&Note::for_order(1, "finished", order).price("99.99", "usd"));
    let contradiction = item(&world, Reason::Contradiction);
    let actions = |world: &World| world.rows.attention.get(&contradiction).unwrap().actions_in(&world.rows);
    // What would be refused is not offered.
    assert_eq!(actions(&world), [Resolution::Refund, Resolution::Dismiss]);
    assert!(matches!(
        resolve(&mut world, Reason::Contradiction, Resolution::Grant),
        Err(Refusal::Conflict(text)) if text.contains("has its access already")
    ));
    world.notify(&Note::for_order(1, "refunded", order));
    assert!(matches!(
        resolve(&mut world, Reason::Contradiction, Resolution::Grant),
        Err(Refusal::Conflict(text)) if text.contains("went back")
    ));
    assert!(!actions(&world).contains(&Resolution::Grant));
    resolve(&mut world, Reason::Contradiction, Resolution::Dismiss).unwrap();
}

#[test]
fn what_was_granted_by_a_person_goes_back_with_the_money() {
    let mut world = World::new();
    let order = world.order("Month", Some(BUYER));
    world.notify(&part(1, order));
    resolve(&mut world, Reason::Underpaid, Resolution::Grant).unwrap();
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Active);
    world.notify(&Note { status: "refunded", ..part(1, order) });
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert_eq!(world.membership(BUYER).unwrap().status, MembershipStatus::Revoked);
}

#[test]
fn one_payment_called_the_whole_and_a_re_deposit_is_shown_whichever_came_first() {
    for turn in [false, true] {
        let mut world = World::new();
        let order = world.order("Month", Some(BUYER));
        let mut notes =
            vec![Note::for_order(2, "finished", order), Note::for_order(2, "finished", order).child_of(1)];
        if turn {
            notes.reverse();
        }
        for note in &notes {
            world.notify(note);
        }
        assert!(world.open_reasons().contains(&Reason::Contradiction), "{:?}", world.open_reasons());
    }
}

#[test]
fn every_reason_says_what_helps_and_what_fits() {
    for reason in Reason::ALL {
        assert!(reason.sentence().ends_with('.') && reason.sentence().len() > 40, "{reason:?}");
        assert!(reason.actions().contains(&Resolution::Dismiss), "{reason:?}");
        assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
    }
}

#[test]
fn s22_who_sells_what_is_in_the_audit_log() {
    let mut world = World::new();
    let channel_id = world.channel;
    let plan_id = world.rows.channels.get(&channel_id).unwrap().plans[0].id;
    let actor = || "cli:olga".to_owned();
    let link =
        Command::CreateLink { channel_id, plan_id, expires_at: None, max_uses: Some(3), actor: actor() };
    let Outcome::Link(link_id) = world.run(link) else { panic!() };
    world.run(Command::RevokeLink { link_id, actor: actor() });
    world.run(Command::RetirePlan { channel_id, plan_id, actor: actor() });
    let done: Vec<&str> = world
        .rows
        .audit
        .iter()
        .filter(|entry| entry.actor == "cli:olga")
        .map(|entry| entry.action.as_str())
        .collect();
    assert_eq!(done, ["link.created", "link.revoked", "plan.retired"]);
    let before = world.rows.audit.iter().filter(|entry| entry.actor == "cli:test");
    assert_eq!(
        before.map(|entry| entry.action.as_str()).collect::<Vec<_>>(),
        ["channel.added", "plan.added", "plan.added", "plan.added", "plan.added", "plan.added"]
    );
    assert!(world.rows.attention.values().all(|item| !matches!(item.subject, Subject::Order(_))));
}

/// During an upgrade an older version reads what a newer one has written.
#[test]
fn a_setting_that_only_a_newer_version_knows_is_passed_over() {
    let known = Policies { grace_hours: 7, ..Policies::default() };
    let mut newer = serde_json::to_value(&known).unwrap();
    newer["an_invention"] = true.into();
    newer["membership"]["another"] = 5.into();
    assert_eq!(serde_json::from_value::<Policies>(newer).unwrap(), known);

    let known = Donations { open: false, ..Donations::default() };
    let mut newer = serde_json::to_value(&known).unwrap();
    newer["an_invention"] = true.into();
    assert_eq!(serde_json::from_value::<Donations>(newer).unwrap(), known);
}

#[test]
fn f107_an_owner_changes_their_own_channel_and_hears_of_no_other() {
    let mut world = World::new();
    let retire = |world: &World| {
        let plan_id = world.rows.channels.get(&world.channel).unwrap().plans[0].id;
        Command::RetirePlan { channel_id: world.channel, plan_id, actor: "telegram:1".into() }
    };
    let by = |owner, command| Command::ByOwner { owner: user(owner), command: Box::new(command) };
    let others = by(BUYER, retire(&world));
    assert!(matches!(world.try_run(others), Err(Refusal::NotFound(_))));
    assert!(world.rows.channels.get(&world.channel).unwrap().plans[0].active);
    let own = by(OWNER, retire(&world));
    world.run(own);
    assert!(!world.rows.channels.get(&world.channel).unwrap().plans[0].active);
    let not_for_owners = by(OWNER, Command::UserStarted { user: user(BUYER) });
    assert!(matches!(world.try_run(not_for_owners), Err(Refusal::Invalid(_))));
}
