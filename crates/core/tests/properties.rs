//! What must hold for every set of notifications: the end depends on the set, not on order, number or timing (I4); one order grants
//! at most once (I2); an end never moves back without a revocation (I8); money keeps every digit (I7).

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rust_decimal::Decimal;
use tollhouse_core::attention::{Reason, Resolution, Subject};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, OrderFrom};
use tollhouse_core::id::OrderId;
use tollhouse_core::job::JobKind;
use tollhouse_core::membership::Fold;
use tollhouse_core::money::{Money, exact_amount};
use tollhouse_core::order::OrderState;
use tollhouse_core::policy::{ChildPolicy, OverpaidPolicy, Policies, RefundPolicy, TopUpPolicy};
use tollhouse_core::presence::Standing;
use world::{Note, World, user};

/// One payment as the provider may tell of it: what stays the same in all its notifications.
#[derive(Debug, Clone)]
struct Told {
    reference: usize,
    price: (&'static str, &'static str),
    pay: (&'static str, &'static str),
    parent: Option<i64>,
    events: Vec<(&'static str, &'static str, Option<i64>)>,
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

/// References: two orders of ours, the legacy ones of two buyers, an unknown order, an unknown channel.
const REFERENCES: [&str; 6] =
    ["A", "B", "PGP-7|-1003016667267", "PGP-8-1003016667267", "donation_default", "PGP-7|-1009"];

fn told(index: usize) -> impl Strategy<Value = Told> {
    let event = (
        proptest::sample::select(&STATUSES[..]),
        proptest::sample::select(&["", "0", "4", "6", "9.95", "10", "12"][..]),
        proptest::option::of(0_i64..4),
    );
    (
        0..REFERENCES.len(),
        proptest::sample::select(
            &[("2.50", "usd"), ("2.50", "usd"), ("2.5", "usd"), ("1.00", "usd"), ("2.50", "eur")][..],
        ),
        proptest::sample::select(&[("10", "trx"), ("10", "trx"), ("10", "btc")][..]),
        proptest::option::weighted(0.3, 0..4_i64),
        proptest::collection::vec(event, 1..5),
    )
        .prop_map(move |(reference, price, pay, parent, events)| Told {
            reference,
            price,
            pay,
            // A parent is told of by a smaller number, so that nothing is its own ancestor.
            parent: parent.map(|p| p + 1).filter(|p| usize::try_from(*p).unwrap() <= index),
            events,
        })
}

/// What an owner may have decided. Late payments are honoured: whether one is late is about time by its meaning.
fn policies() -> impl Strategy<Value = Policies> {
    let refund = proptest::sample::select(&[RefundPolicy::Revoke, RefundPolicy::Keep][..]);
    let top_up = proptest::sample::select(&[TopUpPolicy::Complete, TopUpPolicy::Attention][..]);
    let child = proptest::sample::select(&[ChildPolicy::Add, ChildPolicy::Attention][..]);
    let overpaid = proptest::sample::select(&[OverpaidPolicy::Record, OverpaidPolicy::Attention][..]);
    let tolerance = proptest::sample::select(&[0_i64, 1, 50][..]);
    (refund, top_up, child, overpaid, tolerance).prop_map(
        |(refund, top_up, child_payment, overpaid, hundredths)| Policies {
            refund,
            top_up,
            child_payment,
            overpaid,
            underpayment_tolerance: Decimal::new(hundredths, 2),
            ..Policies::default()
        },
    )
}

fn set() -> impl Strategy<Value = Vec<Told>> {
    (told(0), told(1), told(2), told(3)).prop_map(|(a, b, c, d)| vec![a, b, c, d])
}

/// Notifications of three payments that agree in nothing.
fn contradictory() -> impl Strategy<Value = Vec<(i64, Told)>> {
    proptest::collection::vec((1_i64..4, told(2)), 1..8).prop_map(|set| {
        let fit = |(id, told): (i64, Told)| {
            let parent = told.parent.filter(|parent| *parent < id);
            (id, Told { parent, events: told.events.into_iter().take(1).collect(), ..told })
        };
        set.into_iter().map(fit).collect()
    })
}

/// Their notes, each with a reference of its own.
fn named(set: &[(i64, Told)], orders: &[String]) -> Vec<Note> {
    let mut all = Vec::new();
    for (id, told) in set {
        for mut note in notes(std::slice::from_ref(told), orders) {
            note.id = *id;
            note.number = all.len();
            all.push(note);
        }
    }
    all
}

fn notes(set: &[Told], orders: &[String]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (index, told) in set.iter().enumerate() {
        let id = i64::try_from(index).unwrap() + 1;
        for (status, paid, updated) in &told.events {
            let reference = match REFERENCES[told.reference] {
                "A" => orders[0].clone(),
                "B" => orders[1].clone(),
                other => other.to_owned(),
            };
            let mut note = Note::new(id, status, reference)
                .price(told.price.0, told.price.1)
                .pay(told.pay.0, told.pay.1)
                .paid(paid);
            note.parent = told.parent;
            note.updated_at_ms = *updated;
            note.number = notes.len();
            notes.push(note);
        }
    }
    notes
}

/// Status, order, what was paid, whether in full, whether contradictory.
type PaymentEnd = (String, Option<String>, Option<String>, bool, bool);

/// What a world has come to, without ids that were drawn and without instants.
#[derive(Debug, PartialEq)]
struct End {
    orders: BTreeSet<(String, OrderState, Option<String>, Option<String>)>,
    payments: BTreeMap<i64, PaymentEnd>,
    grants: BTreeMap<String, (PlanDuration, bool)>,
    attention: BTreeSet<(String, &'static str)>,
}

fn end(world: &World, orders: &[String]) -> End {
    // An order that a legacy reference made is known by the payments that it was made for.
    let name = |id: tollhouse_core::id::OrderId| {
        let text = id.to_string();
        if orders.contains(&text) {
            return text;
        }
        let own = world
            .rows
            .payments_of(id)
            .into_iter()
            .filter(|payment| !payment.is_child())
            .map(|payment| payment.id.get());
        format!("legacy of {:?}", own.min())
    };
    let money =
        |money: &Option<Money>| money.as_ref().map(|m| format!("{} {}", m.amount.normalize(), m.currency));
    End {
        orders: world
            .rows
            .orders
            .values()
            .map(|o| (name(o.id), o.state, money(&o.remaining), money(&o.overpaid)))
            .collect(),
        payments: world
            .rows
            .payments
            .values()
            .map(|p| {
                let paid = p.actually_paid.map(|amount| amount.normalize().to_string());
                (p.id.get(), (p.status.to_string(), p.order_id.map(name), paid, p.full, p.contradiction))
            })
            .collect(),
        grants: world
            .rows
            .grants
            .values()
            .filter(|g| g.revoked.is_none())
            .map(|g| (name(g.order_id.unwrap()), (g.duration, g.membership_id.is_some())))
            .collect(),
        attention: world
            .rows
            .attention
            .values()
            .filter(|item| item.is_open())
            .map(|item| {
                let subject = match item.subject {
                    tollhouse_core::attention::Subject::Order(id) => name(id),
                    other => other.to_string(),
                };
                (subject, item.reason.as_str())
            })
            .collect(),
    }
}

/// Plays notifications, each `gap` seconds after the one before; checks after every step what must hold at every moment.
fn play(
    order: impl Iterator<Item = (Note, i64)>,
    base: &[Told],
    policies: &Policies,
) -> Result<End, TestCaseError> {
    let (world, orders) = watch(order, |orders| notes(base, orders), policies)?;
    Ok(end(&world, &orders))
}

/// The same, and gives the world. `named`: the notes as they are for the orders that this world has drawn.
fn watch(
    order: impl Iterator<Item = (Note, i64)>,
    named: impl Fn(&[String]) -> Vec<Note>,
    policies: &Policies,
) -> Result<(World, [String; 2]), TestCaseError> {
    let mut world = World::with(policies.clone());
    let orders = [world.order("Month", Some(7)).to_string(), world.order("Month", Some(8)).to_string()];
    let named = named(&orders);
    let mut ends: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
    for (mut note, gap) in order {
        // References to our own orders are put in here, since each world draws its own ids.
        note.order_ref = named.iter().find(|n| n.number == note.number).and_then(|n| n.order_ref.clone());
        world.now += SignedDuration::from_secs(gap);
        let shortened =
            world.rows.audit.iter().filter(|entry| entry.action == "membership.shortened").count();
        world.notify(&note);
        let mut per_order = BTreeMap::new();
        for grant in world.rows.grants.values() {
            *per_order.entry(grant.order_id).or_insert(0) += 1;
        }
        prop_assert!(per_order.values().all(|count| *count == 1), "one order, one grant (I2)");
        let excused = world.rows.audit.iter().filter(|entry| entry.action == "membership.shortened").count()
            > shortened;
        for membership in world.rows.memberships.values() {
            let key = membership.id.to_string();
            let later = |end: Option<Timestamp>| end.unwrap_or(Timestamp::MAX);
            if let Some(before) = ends.insert(key, membership.ends_at) {
                prop_assert!(excused || later(membership.ends_at) >= later(before), "an end moved back (I8)");
            }
            let folded = tollhouse_core::membership::fold(world.rows.grants_of(membership.id));
            if let Fold::Until(folded) = folded {
                prop_assert_eq!(membership.ends_at, folded);
            }
        }
        for order in world.rows.orders.values().filter(|order| order.state == OrderState::Paid) {
            prop_assert!(
                world.rows.grant_of(order.id).is_some_and(|g| g.revoked.is_none()),
                "paid without a grant (I3)"
            );
        }
        for payment in world.rows.payments.values().filter(|p| p.is_credited()) {
            let placed = payment.order_id.and_then(|id| world.rows.orders.get(&id));
            let settled = placed.is_some_and(|o| matches!(o.state, OrderState::Paid | OrderState::Refunded));
            let listed = world.rows.attention.values().any(|item| {
                item.is_open() && item.subject.to_string().ends_with(&format!(":{}", payment.id))
            });
            // A re-deposit that counts towards a partly paid order is listed with the payment that it adds to.
            let counted = payment.is_child() && placed.is_some_and(|o| o.state == OrderState::PartiallyPaid);
            prop_assert!(settled || listed || counted, "money in silence (I3): {payment:?}");
        }
    }
    Ok((world, orders))
}

/// What anybody may do who pays nothing: buyers, strangers, Telegram, the provider, the clock, and an operator who gives nothing.
#[derive(Debug, Clone)]
enum Idle {
    Notified { id: i64, status: &'static str, paid: &'static str, reference: usize, parent: Option<i64> },
    Ordered { buyer: Option<i64> },
    Bought { buyer: i64 },
    Shown { buyer: i64 },
    Claimed { buyer: i64 },
    Asked { buyer: i64, update_id: i64 },
    Started { buyer: i64 },
    Reissued { buyer: i64 },
    Seen { buyer: i64, standing: Standing },
    Listed { buyer: i64, listed: bool },
    Bound { id: i64 },
    Resolved { resolution: Resolution },
    Worked { hours: i64 },
}

fn idle() -> impl Strategy<Value = Idle> {
    // Everything that is no word of money at the merchant.
    let status = proptest::sample::select(
        &[
            "waiting",
            "confirming",
            "confirmed",
            "sending",
            "failed",
            "expired",
            "cancelled",
            "refunded",
            "wrong_asset_confirmed",
            "spending",
        ][..],
    );
    let standing = proptest::sample::select(
        &[Standing::Inside, Standing::Outside, Standing::Banned, Standing::Admin][..],
    );
    let paid = proptest::sample::select(&["", "0", "10", "12"][..]);
    let resolution = proptest::sample::select(&[Resolution::Dismiss, Resolution::Refund][..]);
    let buyer = || 7_i64..9;
    prop_oneof![
        6 => (1_i64..5, status, paid, 0..REFERENCES.len(), proptest::option::weighted(0.2, 1_i64..3))
            .prop_map(|(id, status, paid, reference, parent)| Idle::Notified { id, status, paid, reference, parent: parent.filter(|parent| *parent < id) }),
        1 => proptest::option::of(buyer()).prop_map(|buyer| Idle::Ordered { buyer }),
        1 => buyer().prop_map(|buyer| Idle::Bought { buyer }),
        1 => buyer().prop_map(|buyer| Idle::Shown { buyer }),
        1 => buyer().prop_map(|buyer| Idle::Claimed { buyer }),
        1 => (buyer(), 1_i64..9).prop_map(|(buyer, update_id)| Idle::Asked { buyer, update_id }),
        1 => buyer().prop_map(|buyer| Idle::Started { buyer }),
        1 => buyer().prop_map(|buyer| Idle::Reissued { buyer }),
        1 => (buyer(), standing).prop_map(|(buyer, standing)| Idle::Seen { buyer, standing }),
        1 => (buyer(), any::<bool>()).prop_map(|(buyer, listed)| Idle::Listed { buyer, listed }),
        2 => (1_i64..5).prop_map(|id| Idle::Bound { id }),
        2 => resolution.prop_map(|resolution| Idle::Resolved { resolution }),
        2 => (0_i64..40).prop_map(|hours| Idle::Worked { hours }),
    ]
}

/// Does it. What is refused is as good: it changes nothing.
fn idle_away(world: &mut World, orders: &mut Vec<OrderId>, act: &Idle) {
    let (channel_id, chat) = (world.channel, world::life::chat());
    let plan_id = world.rows.channels.get(&channel_id).unwrap().plans[0].id;
    let newest = *orders.last().unwrap();
    let command = match act {
        Idle::Notified { id, status, paid, reference, parent } => {
            let reference = match REFERENCES[*reference] {
                "A" => orders[0].to_string(),
                "B" => newest.to_string(),
                other => other.to_owned(),
            };
            let note = Note::new(*id, status, reference).pay("10", "trx").paid(paid);
            world.notify(&Note { parent: *parent, ..note });
            return;
        }
        Idle::Worked { hours } => {
            world.now += SignedDuration::from_hours(*hours);
            world::life::work(world);
            return;
        }
        Idle::Ordered { buyer } => {
            orders.push(world.order("Month", *buyer));
            return;
        }
        Idle::Bought { buyer } => {
            let from = OrderFrom::Plan { channel_id, plan_id };
            Command::Buy { from, plan_id, user: user(*buyer), wants_invoice: true }
        }
        Idle::Shown { buyer } => Command::ShowOrder { order_id: newest, user: user(*buyer) },
        Idle::Claimed { buyer } => match world.get(newest).claim {
            Some(claim) => Command::ClaimOrder { claim, user: user(*buyer) },
            None => return,
        },
        Idle::Asked { buyer, update_id } => {
            Command::JoinRequest { chat, user: user(*buyer), update_id: *update_id }
        }
        Idle::Started { buyer } => Command::UserStarted { user: user(*buyer) },
        Idle::Reissued { buyer } => Command::ReissueInvites { user: user(*buyer) },
        Idle::Seen { buyer, standing } => {
            Command::MemberSeen { chat, user: user(*buyer), standing: *standing, at: world.now }
        }
        Idle::Listed { buyer, listed } => world::life::whitelist(world, *buyer, *listed),
        Idle::Bound { id } => Command::BindPayment {
            payment_id: world::payment_id(*id),
            order_id: newest,
            actor: "cli:test".into(),
        },
        Idle::Resolved { resolution } => {
            let Some(item) = world.rows.attention.values().find(|item| item.is_open()) else { return };
            Command::ResolveAttention {
                attention_id: item.id,
                resolution: *resolution,
                reason: "test".into(),
                actor: "cli:test".into(),
            }
        }
    };
    let _ = world.try_run(command);
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

    /// Notifications of one payment that name different orders, prices, coins or parents. A payment is bound once, so which order got
    /// its grant may depend on which came first; nothing else may, and a person is called in either case.
    #[test]
    fn contradictions_are_shown_whichever_came_first(set in contradictory(), seed in any::<u64>(), gap in 0_i64..100_000) {
        let blank = [String::new(), String::new()];
        let straight = named(&set, &blank);
        let other = shuffled(&straight, seed);
        let policies = Policies::default();
        let known = |notes: Vec<Note>, gap| -> Result<_, TestCaseError> {
            let notes = notes.into_iter().map(|note| (note, gap));
            let (world, _) = watch(notes, |orders| named(&set, orders), &policies)?;
            let mut known = BTreeMap::new();
            for payment in world.rows.payments.values() {
                let listed = world.rows.attention_on(Subject::Payment(payment.id), Reason::Contradiction);
                let is_listed = listed.is_some_and(tollhouse_core::attention::Attention::is_open);
                prop_assert!(is_listed || !payment.contradiction, "a contradiction in silence: {payment:?}");
                let paid = payment.actually_paid.map(|amount| amount.normalize());
                let price = payment.price.as_ref().map(|price| (price.amount.normalize(), price.currency.clone()));
                known.insert(payment.id, (payment.status.clone(), payment.seen, payment.parent, paid, price, payment.contradiction));
            }
            Ok(known)
        };
        let first = known(straight, 1)?;
        prop_assert_eq!(first, known(other, gap)?);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_end_depends_on_the_set_only(set in set(), policies in policies(), seed in any::<u64>(), gap in 0_i64..100_000) {
        let blank = [String::new(), String::new()];
        let straight = notes(&set, &blank);
        let other = shuffled(&straight, seed);
        let first = play(straight.into_iter().map(|note| (note, 1)), &set, &policies)?;
        let second = play(other.into_iter().map(|note| (note, gap)), &set, &policies)?;
        prop_assert_eq!(first, second);
    }

    /// The predecessor had a door beside the till: a request that wrote a paid subscription without a payment (F43).
    #[test]
    fn f43_without_money_or_a_persons_word_nothing_that_happens_makes_a_grant(acts in proptest::collection::vec(idle(), 1..30), policies in policies()) {
        let mut world = World::with(policies);
        let mut orders = vec![world.order("Month", Some(7))];
        for act in &acts {
            idle_away(&mut world, &mut orders, act);
            prop_assert_eq!(world.rows.grants.values().count(), 0, "{:?}", act);
            prop_assert_eq!(world.rows.memberships.values().count(), 0, "{:?}", act);
        }
        let in_vain = world.rows.jobs.values().any(|job| matches!(job.kind, JobKind::DeliverAccess { .. }));
        prop_assert!(!in_vain, "an invite without a membership");
        // The same world does give access for money.
        let order = world.order("Month", Some(7));
        world.notify(&Note::for_order(99, "finished", order));
        prop_assert_eq!(world.rows.grants.values().count(), 1);
    }

    #[test]
    fn s30_money_never_loses_a_digit(digits in "[1-9][0-9]{0,27}", point in 0_usize..28) {
        let cut = digits.len().saturating_sub(point);
        let text = match point.min(digits.len()) {
            0 => digits,
            p if cut == 0 => format!("0.{}", &digits[digits.len() - p..]),
            _ => format!("{}.{}", &digits[..cut], &digits[cut..]),
        };
        // Up to 28 digits always fit: refusing them would lose them all.
        prop_assert_eq!(exact_amount(&text).unwrap().to_string(), text);
    }

    #[test]
    fn the_fold_does_not_care_about_the_order_of_grants(gives in proptest::collection::vec((0_i64..400, 1_u32..60, any::<bool>()), 0..8), seed in any::<u64>()) {
        use tollhouse_core::id::{ChannelId, GrantId, MembershipId};
        use tollhouse_core::membership::{Grant, Period, Revocation, fold, later};
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let grants: Vec<Grant> = gives.iter().enumerate().map(|(i, (day, length, revoked))| {
            let at = later(begin, SignedDuration::from_hours(24 * day));
            Grant {
                id: GrantId(uuid::Uuid::from_u128(i as u128)),
                order_id: None,
                channel_id: ChannelId(uuid::Uuid::nil()),
                membership_id: Some(MembershipId(uuid::Uuid::nil())),
                duration: PlanDuration::Days(*length),
                granted_at: at,
                period: Period { starts_at: at, ends_at: Some(at) },
                revoked: revoked.then(|| Revocation { at, reason: String::new() }),
                delivered_at: None,
                carried: None,
            }
        }).collect();
        let mut turned: Vec<&Grant> = grants.iter().collect();
        let by = usize::try_from(seed % 8).unwrap().min(turned.len());
        turned.rotate_left(by);
        turned.reverse();
        prop_assert_eq!(fold(&grants), fold(turned));
        // Every day that is live was paid for: the whole is never longer than its parts.
        let live: Vec<&Grant> = grants.iter().filter(|g| g.revoked.is_none()).collect();
        if let (Fold::Until(Some(end)), Some(first)) = (fold(&grants), live.iter().map(|g| g.granted_at).min()) {
            let paid: i64 = live.iter().map(|g| g.duration.length().unwrap().as_hours()).sum();
            prop_assert!(end >= later(first, SignedDuration::from_hours(paid)));
            prop_assert!(end <= later(begin, SignedDuration::from_hours(24 * 400 + paid)));
        }
    }
}
