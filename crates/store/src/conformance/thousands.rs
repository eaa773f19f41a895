//! Ten thousand orders of every kind, told of in any order, more than once and late: just the grants that a model predicts which looks
//! at each order's notifications as a set and knows nothing of the rules' code.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::event::Parent;
use tollhouse_core::id::{ChannelId, IdSource, ProviderPaymentId, TelegramUserId};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_core::status::PaymentStatus;

use super::Fresh;
use super::world::{Clock, Notice, SeededIds, World, legacy_ref};

/// How many orders are played. The number is the promise that is to be shown, and why this takes ten seconds: some 35,000 commands, each
/// committed, by a program that is not optimised.
const ORDERS: u64 = 10_000;
/// How many notifications are under way at once.
const AT_ONCE: usize = 512;
/// How many orders are looked at with one question.
const LOOKED_AT_ONCE: usize = 500;
/// The run can be played again with it.
const SEED: u64 = 0x0001_0000;
/// Payments that one order may have have numbers next to each other.
const PAYMENTS_EACH: u64 = 4;

/// One order: everything that is ever said of its payments.
struct Story {
    user: i64,
    notices: Vec<Notice>,
}

/// What is known of one payment, by the plainest reading.
#[derive(Default)]
struct Known {
    finished: bool,
    credited: bool,
    refunded: bool,
    has_parent: bool,
    right_price: bool,
    coin: String,
    asked: Decimal,
    paid: Decimal,
}

/// Whether an order with these notifications has a live grant at the end. The whole of the rules in one screen: money that went back does
/// not count; `finished` at the right price that is not short is enough; else what came in one coin must add up, and not from re-deposits
/// alone.
fn is_granted(notices: &[Notice]) -> bool {
    let short = |paid: Decimal, asked: Decimal| paid < asked * Decimal::new(99, 2);
    let mut payments: BTreeMap<i64, Known> = BTreeMap::new();
    for notice in notices {
        let known = payments.entry(notice.payment).or_default();
        known.finished |= notice.status == PaymentStatus::Finished;
        known.credited |= matches!(notice.status, PaymentStatus::Finished | PaymentStatus::PartiallyPaid);
        known.refunded |= notice.status == PaymentStatus::Refunded;
        known.has_parent |= notice.parent != Parent::None;
        known.right_price = notice.price.to_string() == "5.00 USD";
        if let (Some(asked), Some(paid)) = (&notice.asked, &notice.paid) {
            known.coin = asked.currency.to_string();
            known.asked = asked.amount;
            known.paid = known.paid.max(paid.amount);
        }
    }
    let live: Vec<&Known> = payments.values().filter(|known| known.credited && !known.refunded).collect();
    let own = |known: &&&Known| !known.has_parent;
    let in_full = live
        .iter()
        .filter(own)
        .any(|known| known.finished && known.right_price && !short(known.paid, known.asked));
    let adds_up = live.iter().filter(own).filter(|first| first.right_price).any(|first| {
        let sum: Decimal = live.iter().filter(|other| other.coin == first.coin).map(|other| other.paid).sum();
        !short(sum, first.asked)
    });
    in_full || adds_up
}

struct Author {
    random: SeededIds,
}

impl Author {
    fn below(&mut self, bound: u64) -> u64 {
        self.random.random() % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn story(&mut self, number: u64, reference: String, may_be_two: bool) -> Story {
        let user = i64::try_from(number).unwrap() + 1;
        let first = i64::try_from(number * PAYMENTS_EACH).unwrap() + 1;
        let note = |payment: i64, status: &str, paid: &str| Notice {
            asked: "1000 TRX".parse().ok(),
            paid: format!("{paid} TRX").parse().ok(),
            ..Notice::finished(payment, reference.clone()).status(status)
        };
        let more = |status: &str, paid: &str, coin: &str| Notice {
            asked: format!("{paid} {coin}").parse().ok(),
            paid: format!("{paid} {coin}").parse().ok(),
            ..note(first + 1, status, paid).child_of(first)
        };
        let mut notices = match self.below(14) {
            0 | 1 => vec![note(first, "finished", "1000")],
            2 => vec![note(first, "partially_paid", "995")],
            3 => vec![note(first, "partially_paid", "600")],
            4 => vec![note(first, "partially_paid", "600"), more("finished", "400", "TRX")],
            5 => vec![note(first, "finished", "1250")],
            6 => vec![note(first, "expired", "0"), note(first, "finished", "1000")],
            7 => vec![note(first, "expired", "0"), more("finished", "1000", "TRX")],
            8 => vec![note(first, "partially_paid", "600"), more("partially_paid", "100", "USDTBSC")],
            9 => vec![note(first, "wrong_asset_confirmed", "0")],
            10 => vec![note(first, "finished", "1000"), note(first, "refunded", "1000")],
            11 => vec![note(first, "finished", "500"), note(first, "failed", "0")],
            12 => vec![note(first, "finished", "1000").price("3.00 USD")],
            _ if may_be_two => {
                let second = note(first + 2, "finished", "1000");
                let refund = self.one_in(2).then(|| note(first, "refunded", "1000"));
                [Some(note(first, "finished", "1000")), Some(second), refund].into_iter().flatten().collect()
            }
            _ => vec![note(first, "expired", "0")],
        };
        for progress in ["waiting", "confirming", "sending"] {
            if self.one_in(4) {
                notices.push(Notice { price: notices[0].price.clone(), ..note(first, progress, "0") });
            }
        }
        Story { user, notices }
    }

    /// When each notification arrives: in time, or up to three days late; and every third one again.
    fn deliveries(&mut self, stories: &[Story]) -> Vec<(SignedDuration, Notice)> {
        let mut deliveries = Vec::new();
        for story in stories {
            let begun = self.below(5 * 86_400);
            for notice in &story.notices {
                let copies = if self.one_in(3) { 2 } else { 1 };
                for _ in 0..copies {
                    let late = if self.one_in(3) { self.below(3 * 86_400) } else { self.below(60) };
                    let at = SignedDuration::from_secs(i64::try_from(begun + late).unwrap());
                    deliveries.push((at, notice.clone()));
                }
            }
        }
        deliveries.sort_by_key(|(at, _)| *at);
        deliveries
    }
}

pub async fn f26_f28_ten_thousand_orders_of_every_kind_end_as_predicted(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let channel = world.channel().await;
    let mut author = Author { random: SeededIds::new(SEED + 1) };
    let stories = stories(&world, channel, &mut author).await;
    let begin = clock.now();
    let mut deliveries = author.deliveries(&stories).into_iter().peekable();
    while deliveries.peek().is_some() {
        let chunk: Vec<(SignedDuration, Notice)> = deliveries.by_ref().take(AT_ONCE).collect();
        let now = begin + chunk[0].0;
        clock.advance(now.duration_since(clock.now()));
        let answers =
            chunk.into_iter().map(|(_, notice)| world.store.submit(Notice { at: now, ..notice }.command()));
        for answer in futures::future::join_all(answers).await {
            answer.unwrap().unwrap();
        }
    }
    let mut granted = 0;
    for chunk in stories.chunks(LOOKED_AT_ONCE) {
        let needs = Needs { payments: chunk.iter().map(first_payment).collect(), ..Needs::default() };
        let found = world.store.snapshot(needs).await.unwrap();
        granted += chunk.iter().filter(|story| check(&found, channel, story)).count();
    }
    let all = usize::try_from(ORDERS).unwrap();
    assert!(granted > all / 3 && granted < all * 3 / 4, "{granted} of {all}: all kinds are played");
    let later = clock.now() + SignedDuration::from_hours(1);
    assert_eq!(world.store.stats(later).await.unwrap().stuck_payments, 0, "no money in silence (I3)");
}

/// Half of the orders are ours, the others come by a reference of the predecessor and are made by their notification.
async fn stories(world: &World, channel: ChannelId, author: &mut Author) -> Vec<Story> {
    let plan_id = world.plan(channel, "Monthly").await;
    let numbers: Vec<u64> = (0..ORDERS).collect();
    let mut stories = Vec::new();
    for chunk in numbers.chunks(AT_ONCE) {
        let made = chunk.iter().filter(|number| **number % 2 == 0).map(|number| {
            world.store.submit(Command::CreateOrder {
                from: OrderFrom::Plan { channel_id: channel, plan_id },
                user: TelegramUserId::new(i64::try_from(*number).unwrap() + 1).ok(),
                source: OrderSource::Api,
                wants_invoice: false,
            })
        });
        let mut made = futures::future::join_all(made).await.into_iter();
        for number in chunk {
            let user = i64::try_from(*number).unwrap() + 1;
            let story = if number % 2 == 0 {
                let Outcome::Order(id) = made.next().unwrap().unwrap().unwrap() else { panic!("no order") };
                author.story(*number, id.to_string(), true)
            } else {
                author.story(*number, legacy_ref(user), false)
            };
            stories.push(story);
        }
    }
    stories
}

fn first_payment(story: &Story) -> ProviderPaymentId {
    ProviderPaymentId::new(story.notices[0].payment).unwrap()
}

/// Whether the story ended in a grant, as it should have.
fn check(found: &Snapshot, channel: ChannelId, story: &Story) -> bool {
    let expected = is_granted(&story.notices);
    let said = || story.notices.iter().map(|notice| format!("{notice:?}")).collect::<Vec<_>>().join("\n");
    let order = found.payments.get(&first_payment(story)).and_then(|payment| payment.order_id);
    let grant = order.and_then(|id| found.grant_of(id));
    let live = grant.is_some_and(|grant| grant.revoked.is_none());
    assert_eq!(live, expected, "{}", said());
    let membership = found.membership_of(channel, TelegramUserId::new(story.user).unwrap());
    if let (true, Some(grant)) = (live, grant) {
        let membership = membership.unwrap_or_else(|| panic!("no membership: {}", said()));
        let month: Timestamp = grant.granted_at + SignedDuration::from_hours(30 * 24);
        assert_eq!(membership.ends_at, Some(month), "{}", said());
    } else {
        assert!(membership.is_none_or(|one| one.status == MembershipStatus::Revoked), "{}", said());
    }
    live
}
