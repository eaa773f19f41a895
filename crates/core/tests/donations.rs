//! Donations: an order of their own kind that gives nothing, whatever is paid (F49), and that the owner hears of.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::SignedDuration;
use proptest::prelude::*;
use rust_decimal::Decimal;
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, OfferChange, OrderFrom, Outcome, Refusal};
use tollhouse_core::id::{OrderId, TelegramUserId};
use tollhouse_core::job::{Failure, JobKind, JobState, Outcome as JobOutcome, OwnerNotice};
use tollhouse_core::membership::Membership;
use tollhouse_core::offer::{DONOR_MESSAGE_LENGTH_MAX, Donations};
use tollhouse_core::order::{OrderKind, OrderSource, OrderState, received};
use tollhouse_core::policy::{OverpaidPolicy, Policies, TopUpPolicy};
use world::{BUYER, Note, World, days, payment_id, user};

fn donate(world: &mut World, amount: &str, donor: Option<i64>) -> Result<OrderId, Refusal> {
    let from = OrderFrom::Donation { channel_id: world.channel, amount: amount.parse().unwrap() };
    let user = donor.map(user);
    let create = Command::CreateOrder { from, user, source: OrderSource::Bot, wants_invoice: false };
    world.try_run(create).map(|outcome| match outcome {
        Outcome::Order(id) => id,
        other => panic!("{other:?}"),
    })
}

fn note(id: i64, status: &'static str, order: OrderId) -> Note {
    Note::for_order(id, status, order).price("5", "usd").pay("10", "trx").paid("10")
}

fn money(texts: &[&str]) -> Vec<tollhouse_core::money::Money> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn f21_f49_a_donation_has_its_order_before_any_payment_and_gives_nothing() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    assert_eq!(world.get(order).kind(), OrderKind::Donation);
    assert_eq!((world.get(order).duration, world.get(order).plan_id), (None, None));
    for status in ["waiting", "confirming", "confirmed", "sending", "finished"] {
        world.notify(&note(1, status, order));
    }
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.rows.grants.values().count(), 0);
    assert_eq!(world.membership(BUYER), None);
    assert_eq!(world.open_reasons(), []);
    let [
        OwnerNotice::Donation {
            price, received, whole: true, more: false, user: donor, message: None, ..
        },
    ] = &world.told()[..]
    else {
        panic!("{:?}", world.told())
    };
    assert_eq!((price.to_string().as_str(), &received[..]), ("5 USD", &money(&["10 TRX"])[..]));
    assert_eq!(*donor, Some(user(BUYER)));
}

#[test]
fn a_donation_that_never_arrived_is_not_told_to_have_gone_back() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    for status in ["confirming", "refunded"] {
        world.notify(&note(1, status, order));
    }
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert_eq!(world.told(), []);
}

#[test]
fn f49_a_donation_leaves_a_membership_as_it_is() {
    let mut world = World::new();
    let bought = world.order("Month", Some(BUYER));
    world.notify(&Note::for_order(1, "finished", bought));
    let before: Membership = world.membership(BUYER).unwrap().clone();
    world.now += days(3);
    for (number, status) in (10..).zip(["finished", "partially_paid", "refunded", "expired", "spending"]) {
        let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
        world.notify(&note(number, status, order));
        // Not even by hand can a donation be turned into time.
        for item in world.rows.attention.values().filter(|item| item.is_open()).cloned().collect::<Vec<_>>() {
            let resolve = Command::ResolveAttention {
                attention_id: item.id,
                resolution: Resolution::Grant,
                reason: "test".into(),
                actor: "cli:test".into(),
            };
            assert!(matches!(world.try_run(resolve), Err(Refusal::Invalid(_))), "{status}");
        }
    }
    assert_eq!(world.membership(BUYER), Some(&before));
    assert_eq!(world.rows.grants.values().count(), 1);
}

#[test]
fn f09_a_donation_that_was_seen_and_never_credited_is_odd() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    world.notify(&note(1, "failed", order).paid("4"));
    let item = world.rows.attention.values().find(|item| item.is_open()).unwrap();
    assert_eq!((item.reason, item.detail.as_str()), (Reason::DonationOdd, "failed, 4 of 10 TRX was seen"));
    world.notify(&note(1, "finished", order));
    assert_eq!(world.open_reasons(), []);
}

#[test]
fn a_part_of_a_donation_is_a_donation_and_more_of_it_is_told_once() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    world.notify(&note(1, "partially_paid", order).paid("4"));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.get(order).remaining, None, "nothing is missing from a donation");
    for _ in 0..3 {
        world.notify(&note(1, "partially_paid", order).paid("4"));
    }
    let top_up = Note { number: 1, ..note(2, "finished", order).paid("3").child_of(1) };
    world.notify(&top_up);
    world.notify(&top_up);
    let told = world.told();
    let [
        OwnerNotice::Donation { received: first, whole: false, more: false, .. },
        OwnerNotice::Donation { received: all, whole: false, more: true, .. },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((first, all), (&money(&["4 TRX"]), &money(&["7 TRX"])));
    assert_eq!(world.open_reasons(), []);
}

#[test]
fn what_the_donor_says_reaches_the_owner_with_the_donation() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    let say = |who: i64, message: String| Command::NoteDonor { order_id: order, user: user(who), message };
    world.run(say(BUYER, "x".repeat(DONOR_MESSAGE_LENGTH_MAX)));
    world.run(say(BUYER, "  Great <b>work</b>!\n\u{7}Go on.  ".into()));
    assert_eq!(world.get(order).donor_message.as_deref(), Some("Great <b>work</b>!\nGo on."));
    for (who, text) in [(BUYER, " \n "), (BUYER, &*"x".repeat(DONOR_MESSAGE_LENGTH_MAX + 1))] {
        assert!(matches!(world.try_run(say(who, text.to_owned())), Err(Refusal::Invalid(_))));
    }
    assert!(matches!(world.try_run(say(7, "not mine".into())), Err(Refusal::NotFound(_))));
    let bought = world.order("Month", Some(BUYER));
    let on_a_sale = Command::NoteDonor { order_id: bought, user: user(BUYER), message: "x".into() };
    assert!(matches!(world.try_run(on_a_sale), Err(Refusal::NotFound(_))));
    world.notify(&note(1, "finished", order));
    let told = world.told();
    let [OwnerNotice::Donation { message: Some(message), .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(message, "Great <b>work</b>!\nGo on.");
    assert!(matches!(world.try_run(say(BUYER, "too late".into())), Err(Refusal::Conflict(_))));
}

#[test]
fn a_refund_is_told_and_takes_nothing_from_anybody() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    world.notify(&note(1, "finished", order));
    world.notify(&note(1, "refunded", order));
    assert_eq!(world.get(order).state, OrderState::Refunded);
    assert!(matches!(&world.told()[..], [OwnerNotice::Donation { .. }, OwnerNotice::DonationRefund { .. }]));
    // One of two payments that goes back leaves the other.
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    world.notify(&note(2, "finished", order));
    world.notify(&note(3, "finished", order));
    world.notify(&note(2, "refunded", order));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(received(&world.rows.payments_of(order)), money(&["10 TRX"]));
    assert_eq!(world.open_reasons(), [], "two payments are two donations, and nobody has paid twice");
}

#[test]
fn what_is_odd_about_a_donation_asks_for_a_look_and_never_for_access() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    world.notify(&note(1, "wrong_asset_confirmed", order));
    assert_eq!(world.open_reasons(), [Reason::DonationOdd]);
    let item = world.rows.attention_on(Subject::Payment(payment_id(1)), Reason::DonationOdd).unwrap().clone();
    assert!(!item.actions().contains(&Resolution::Grant));
    assert!(item.message().contains("the wrong coin"), "{}", item.message());
    world.notify(&note(1, "finished", order));
    assert_eq!(world.open_reasons(), [], "it arrived after all");

    let refund = |world: &mut World, attention_id| {
        let (reason, actor) = ("sent back".into(), "cli:test".into());
        world.run(Command::ResolveAttention { attention_id, resolution: Resolution::Refund, reason, actor })
    };
    world.notify(&note(1, "spending", order));
    let item = world.rows.attention_on(Subject::Payment(payment_id(1)), Reason::DonationOdd).unwrap().id;
    refund(&mut world, item);
    assert_eq!(world.get(order).state, OrderState::Refunded);
    // Money after the noted refund is not passed over.
    world.notify(&note(1, "finished", order).paid("12"));
    assert!(world.open_reasons().contains(&Reason::DonationAfterRefund), "{:?}", world.open_reasons());
    let item = world.rows.attention_on(Subject::Payment(payment_id(1)), Reason::DonationAfterRefund).unwrap();
    assert!(!item.actions().contains(&Resolution::Grant));
}

#[test]
fn f17_an_amount_outside_of_the_channels_limits_makes_no_order_and_a_plan_keeps_its_price() {
    let mut world = World::new();
    for amount in
        ["0 USD", "0.99 USD", "10000.01 USD", "5.001 USD", "5 EUR", "79228162514264337593543950335 USD"]
    {
        assert!(matches!(donate(&mut world, amount, Some(BUYER)), Err(Refusal::Invalid(_))), "{amount}");
    }
    assert_eq!(world.rows.orders.values().count(), 0);
    let donations = Donations { least: Decimal::TEN, amounts: vec![Decimal::TEN], ..Donations::default() };
    let set = |donations| Command::SetOffer {
        channel_id: world.channel,
        change: Box::new(OfferChange { donations: Some(donations), ..OfferChange::default() }),
        actor: "cli:test".into(),
    };
    let (raise, close) = (set(donations.clone()), set(Donations { open: false, ..donations }));
    world.run(raise);
    assert!(donate(&mut world, "9.99 USD", Some(BUYER)).is_err());
    let donation = donate(&mut world, "10 USD", Some(BUYER)).unwrap();
    let bought = world.order("Month", Some(BUYER));
    assert_eq!(world.get(donation).price.to_string(), "10 USD");
    assert_eq!(world.get(bought).price.to_string(), "2.50 USD");
    assert_eq!(world.get(bought).duration, Some(PlanDuration::Days(30)));
    world.run(close);
    assert!(matches!(donate(&mut world, "10 USD", Some(BUYER)), Err(Refusal::Conflict(_))));
    let archive = Command::ArchiveChannel { channel_id: world.channel, actor: "cli:test".into() };
    world.run(archive);
    assert!(matches!(donate(&mut world, "10 USD", Some(BUYER)), Err(Refusal::Conflict(_))));
}

#[test]
fn an_amount_too_small_for_the_provider_is_the_donors_affair() {
    let mut world = World::new();
    let from = OrderFrom::Donation { channel_id: world.channel, amount: "1 USD".parse().unwrap() };
    let create = Command::CreateOrder { from, user: None, source: OrderSource::Bot, wants_invoice: true };
    let Outcome::Order(order) = world.run(create) else { panic!("no order") };
    let jobs = world.claim();
    let failure = Failure::BelowMinimum { error: "too small".into(), minimum: "2 USD".parse().ok() };
    world.finish(&jobs[0], JobOutcome::Failed(failure));
    assert_eq!(world.rows.jobs.get(&jobs[0].id).unwrap().state, JobState::Done);
    assert!(world.get(order).invoice_problem.is_some());
    assert_eq!((world.open_reasons(), world.told()), (vec![], vec![]));
}

const STATUSES: [&str; 12] = [
    "waiting",
    "confirming",
    "confirmed",
    "sending",
    "finished",
    "finished",
    "partially_paid",
    "failed",
    "expired",
    "refunded",
    "wrong_asset_confirmed",
    "spending",
];

/// A notification of one of three payments, the third of them a re-deposit on the first.
fn event() -> impl Strategy<Value = (i64, &'static str, &'static str)> {
    let status = proptest::sample::select(&STATUSES[..]);
    (1_i64..4, status, proptest::sample::select(&["", "0", "4", "9.95", "10", "12"][..]))
}

fn policies() -> impl Strategy<Value = Policies> {
    let top_up = proptest::sample::select(&[TopUpPolicy::Complete, TopUpPolicy::Attention][..]);
    let overpaid = proptest::sample::select(&[OverpaidPolicy::Record, OverpaidPolicy::Attention][..]);
    (top_up, overpaid).prop_map(|(top_up, overpaid)| Policies { top_up, overpaid, ..Policies::default() })
}

/// What a donation has come to, without ids and instants.
type End = (OrderState, Vec<String>, Vec<(String, &'static str)>);

/// Plays notifications of a donation beside a membership; checks after every step what must hold at every moment.
fn play(notes: &[Note], gap: i64, policies: &Policies) -> Result<End, TestCaseError> {
    let mut world = World::with(policies.clone());
    let member = Member::User { channel_id: world.channel, user: user(BUYER) };
    let (duration, reason, actor) = (PlanDuration::Days(30), "test".into(), "cli:test".into());
    world.run(Command::GrantMembership { member, duration, reason, actor });
    let before = world.membership(BUYER).cloned();
    let order = donate(&mut world, "5 USD", Some(BUYER)).unwrap();
    for note in notes {
        world.now += SignedDuration::from_secs(gap);
        world.notify(&Note { order_ref: Some(order.to_string()), ..note.clone() });
        prop_assert_eq!(world.rows.grants.values().count(), 1, "a donation never grants (F49)");
        prop_assert_eq!(world.membership(BUYER), before.as_ref(), "nor changes a membership (F49)");
        prop_assert!(world.rows.grant_of(order).is_none());
        for item in world.rows.attention.values() {
            prop_assert!(!item.actions().contains(&Resolution::Grant), "{item:?} asks for access");
        }
        let payments = world.rows.payments_of(order);
        let state = world.get(order).state;
        let has_money = payments.iter().any(|payment| payment.is_credited());
        prop_assert_eq!(
            state == OrderState::Paid,
            has_money,
            "money that is there is the donation, and no other is"
        );
        prop_assert!(state != OrderState::PartiallyPaid, "nothing is missing from a donation");
        prop_assert_eq!(&world.get(order).remaining, &None);
    }
    let access = |job: &tollhouse_core::job::Job| {
        matches!(&job.kind, JobKind::DeliverAccess { .. }) || job.subject.starts_with("sale:")
    };
    let deliveries = world.rows.jobs.values().filter(|job| access(job)).count();
    prop_assert_eq!(deliveries, 1, "of the membership that was given by hand");
    let sums = received(&world.rows.payments_of(order));
    let mut open: Vec<(String, &'static str)> = world
        .rows
        .attention
        .values()
        .filter(|item| item.is_open())
        .map(|item| (item.subject.to_string(), item.reason.as_str()))
        .collect();
    open.sort();
    let sums = sums.iter().map(|sum| format!("{} {}", sum.amount.normalize(), sum.currency)).collect();
    Ok((world.get(order).state, sums, open))
}

fn shuffled(notes: &[Note], seed: u64) -> Vec<Note> {
    let mut state = seed | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out = notes.to_vec();
    for note in notes {
        if draw() % 3 == 0 {
            out.push(note.clone());
        }
    }
    for i in (1..out.len()).rev() {
        out.swap(i, usize::try_from(draw() % (i as u64 + 1)).unwrap());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is told of a donation, in whatever order and however often: never a grant, and the end depends on the set only.
    #[test]
    fn f49_no_set_of_notifications_turns_a_donation_into_access(events in proptest::collection::vec(event(), 1..9), seed in any::<u64>(), gap in 0_i64..100_000, policies in policies()) {
        let straight: Vec<Note> = events
            .iter()
            .enumerate()
            .map(|(number, (id, status, paid))| {
                let note = Note::new(*id, status, "").price("5", "usd").pay("10", "trx").paid(paid);
                Note { number, parent: (*id == 3).then_some(1), ..note }
            })
            .collect();
        let first = play(&straight, 1, &policies)?;
        let second = play(&shuffled(&straight, seed), gap, &policies)?;
        prop_assert_eq!(first, second);
    }
}

#[test]
fn a_donation_of_nobody_in_particular_cannot_be_claimed() {
    let mut world = World::new();
    let order = donate(&mut world, "5 USD", None).unwrap();
    assert_eq!((world.get(order).user, world.get(order).claim), (None::<TelegramUserId>, None));
    world.notify(&note(1, "finished", order));
    assert_eq!(world.get(order).state, OrderState::Paid);
    assert_eq!(world.rows.grants.values().count(), 0);
}
