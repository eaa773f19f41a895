//! What is committed reads back as it was.

use jiff::Timestamp;
use rust_decimal::Decimal;
use tollhouse_core::attention::Resolution;
use tollhouse_core::channel::{PLAN_DAYS_MAX, Payout, PlanDuration};
use tollhouse_core::command::{Command, Member, NewChannel, NewPlan, OrderFrom, Outcome, Refusal};
use tollhouse_core::event::{Parent, PaymentFacts, ReportedMoney, Verdict};
use tollhouse_core::id::{ChannelId, PlanId, PrivateChatId, ProviderPaymentId, PublicChatId, TelegramUserId};
use tollhouse_core::membership::END_LATEST_SECONDS;
use tollhouse_core::membership_policy::{MembershipPolicies, REMINDER_HOURS_MAX, StrangerPolicy};
use tollhouse_core::money::{CURRENCY_LENGTH_MAX, Currency, Money, Reported};
use tollhouse_core::order::{COINS_TRIED_MAX, CoinWords, OrderSource};
use tollhouse_core::policy::{
    ChildPolicy, LatePolicy, OverpaidPolicy, Policies, RefundPolicy, TopUpPolicy, UnmatchedPricePolicy,
};
use tollhouse_core::snapshot::Needs;
use uuid::Uuid;

use super::Fresh;
use super::model::Model;
use super::world::{Clock, Notice, World, add_channel, legacy_ref};
use crate::{AttentionFilter, AuditFilter, ChannelFilter, StoreError};

const SEED: u64 = 7;
/// The largest amount that can be held, the smallest step, and zeros at the end that must stay.
const AMOUNTS: [&str; 4] = [
    "79228162514264337593543950335",
    "0.0000000000000000000000000001",
    "7922816251426433759354395033.5",
    "5.00",
];

async fn both(world: &World, model: &mut Model, command: Command) -> Outcome {
    let mine = model.run(&command);
    let stored = world.store.submit(command).await.unwrap();
    assert_eq!(mine, stored);
    stored.unwrap()
}

/// With the longest memo that Stellar has.
fn payout(memo: &str) -> Payout {
    let address = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
    Payout::new(Currency::new("xlm").unwrap(), address, Some(memo)).unwrap()
}

fn extreme_channel() -> Command {
    Command::AddChannel(Box::new(NewChannel {
        private_chat: PrivateChatId::new(i64::MIN).unwrap(),
        public_chat: Some(PublicChatId::new(-1).unwrap()),
        title: "Сигналы 📈 \u{200f}عربى' \"; DROP TABLE orders; --".to_owned(),
        owner: Some(TelegramUserId::new(i64::MAX).unwrap()),
        payout: Some(payout(&"x".repeat(28))),
        plans: AMOUNTS
            .iter()
            .map(|amount| NewPlan {
                label: format!("価格 {amount}"),
                price: format!("{amount} usdttrc20").parse().unwrap(),
                duration: PlanDuration::Days(PLAN_DAYS_MAX),
            })
            .collect(),
        policies: Policies {
            underpayment_tolerance: AMOUNTS[1].parse().unwrap(),
            finished_floor: Decimal::ONE,
            late: LatePolicy::Attention,
            refund: RefundPolicy::Keep,
            grace_hours: u32::MAX,
            top_up: TopUpPolicy::Attention,
            overpaid: OverpaidPolicy::Attention,
            child_payment: ChildPolicy::Attention,
            unmatched_price: UnmatchedPricePolicy::Attention,
            membership: MembershipPolicies {
                reminder_hours: vec![REMINDER_HOURS_MAX, 0],
                strangers: StrangerPolicy::Remove,
                removals_max: u32::MAX,
                removals_share: AMOUNTS[1].parse().unwrap(),
            },
        },
        actor: "cli:test".to_owned(),
    }))
}

pub async fn every_entity_reads_back_with_extreme_values(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let mut model = Model::new(SEED, clock);
    let Outcome::Channel(channel_id) = both(&world, &mut model, extreme_channel()).await else { panic!() };
    let plan_id = world.plan(channel_id, &format!("価格 {}", AMOUNTS[0])).await;
    let change =
        Command::SetPayout { channel_id, payout: payout("é'\"; -- \u{1f4c8}"), actor: "cli:ö".to_owned() };
    both(&world, &mut model, change).await;
    let last: Timestamp = "9999-12-30T21:59:59.999999Z".parse().unwrap();
    for (expires_at, max_uses) in [(Some(last), Some(u32::MAX)), (None, None)] {
        both(&world, &mut model, {
            let actor = "cli:ö".to_owned();
            Command::CreateLink { channel_id, plan_id, expires_at, max_uses, actor }
        })
        .await;
    }
    // Every payment with one of the amounts in each place; the ids as large as they come.
    for (number, amount) in (0..).zip(AMOUNTS) {
        let money: Money = format!("{amount} usdttrc20").parse().unwrap();
        let order = format!("PGP-{}|-1", i64::MAX - number);
        let mut notice = Notice::finished(999_999_999_999_999_999 - number, order);
        notice.price = money.clone();
        notice.asked = Some(money.clone());
        notice.paid = Some(money);
        notice.at = last;
        let mut received = notice.received();
        received.facts.pay_address = Some("bc1".repeat(85));
        received.facts.pay_extra_id = (number > 0).then(|| i64::MAX.to_string());
        both(&world, &mut model, Notice2(received).command()).await;
    }
    let from = OrderFrom::Plan { channel_id, plan_id };
    let create = Command::CreateOrder { from, user: None, source: OrderSource::Api, wants_invoice: true };
    let Outcome::Order(order_id) = both(&world, &mut model, create).await else { panic!() };
    for number in 0..COINS_TRIED_MAX {
        let coin = Some(Currency::new(&format!("{number:0>CURRENCY_LENGTH_MAX$}")).unwrap());
        let words = CoinWords {
            name: "Монета \"✓\"".to_owned(),
            ticker: format!("{number:0>CURRENCY_LENGTH_MAX$}"),
            network: "TON (Jetton)".to_owned(),
        };
        both(&world, &mut model, Command::ChooseCoin { order_id, coin, words: Some(words) }).await;
    }
    both(&world, &mut model, odd_notice().command()).await;
    // A hundred years a time, up to the last instant that is given.
    let member = Member::User { channel_id, user: TelegramUserId::new(1).unwrap() };
    for number in 0..81 {
        let command = Command::GrantMembership {
            member,
            duration: PlanDuration::Days(PLAN_DAYS_MAX),
            reason: format!("числo {number} ✓"),
            actor: "cli:ö".to_owned(),
        };
        both(&world, &mut model, command).await;
    }
    let end = model.snapshot.membership_of(channel_id, TelegramUserId::new(1).unwrap()).unwrap().ends_at;
    assert_eq!(end, Timestamp::from_second(END_LATEST_SECONDS).ok());
    let lifetime = Command::GrantMembership {
        member,
        duration: PlanDuration::Lifetime,
        reason: "x".repeat(1_000),
        actor: "cli:ö".to_owned(),
    };
    both(&world, &mut model, lifetime).await;
    model.compare(&*world.store).await;
}

/// A flow that leaves everything empty that may be empty meets no column that wants more (F103).
pub async fn f103_the_least_that_each_thing_may_hold_is_stored(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let mut model = Model::new(SEED, clock);
    let Command::AddChannel(mut channel) = add_channel(super::world::PRIVATE_CHAT, None) else { panic!() };
    channel.owner = None;
    let added = both(&world, &mut model, Command::AddChannel(channel)).await;
    let Outcome::Channel(channel_id) = added else { panic!("{added:?}") };
    let plan_id = world.plan(channel_id, "Monthly").await;
    let create = Command::CreateOrder {
        from: OrderFrom::Plan { channel_id, plan_id },
        user: None,
        source: OrderSource::Api,
        wants_invoice: true,
    };
    let Outcome::Order(order) = both(&world, &mut model, create).await else { panic!("no order") };
    let nothing = ReportedMoney { amount: Reported::Nothing, currency: None };
    for (number, order_ref) in [(1, None), (2, Some(order.to_string()))] {
        let mut received = Notice::finished(number, "").status("").received();
        received.signature_form = None;
        received.headers = String::new();
        received.body = Vec::new();
        received.facts = PaymentFacts {
            order_ref,
            invoice_id: None,
            parent: Parent::None,
            price: nothing.clone(),
            pay: nothing.clone(),
            pay_address: None,
            pay_extra_id: None,
            actually_paid: Reported::Nothing,
            outcome: nothing.clone(),
            updated_at_ms: None,
            ..received.facts
        };
        both(&world, &mut model, Command::Notification(Box::new(received))).await;
    }
    both(&world, &mut model, Notice::finished(3, order).command()).await;
    model.compare(&*world.store).await;
    assert_eq!(model.snapshot.grants.values().count(), 1);
}

/// Unreadable parent, unknown status, unusable amounts, an unknown order, bytes that are no text.
fn odd_notice() -> Notice2 {
    let mut received = Notice::finished(1, "кто?").status("Ünknown…").received();
    received.facts.parent = Parent::Unreadable;
    received.facts.pay.amount = Reported::Unusable;
    received.facts.invoice_id = Some("5824448584 é".to_owned());
    received.facts.updated_at_ms = Some(i64::MAX);
    received.body = vec![0xff, 0x00, 0xfe];
    received.digest = [0xff; 32];
    received.signature_form = None;
    Notice2(received)
}

struct Notice2(tollhouse_core::event::Received);

impl Notice2 {
    fn command(self) -> Command {
        Command::Notification(Box::new(self.0))
    }
}

pub async fn a_refusal_changes_nothing(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    let before = world.store.channels(ChannelFilter::default()).await.unwrap();
    let audit = world.store.audit(AuditFilter::default()).await.unwrap();
    let unknown = Command::RetirePlan {
        channel_id: channel,
        plan_id: PlanId(Uuid::from_u128(1)),
        actor: "cli:test".to_owned(),
    };
    let again = add_channel(super::world::PRIVATE_CHAT, None);
    let nobody =
        Command::ArchiveChannel { channel_id: ChannelId(Uuid::from_u128(1)), actor: "cli:a".to_owned() };
    // In one batch with one that is carried out.
    let fine = Command::AddPlan {
        channel_id: channel,
        plan: NewPlan {
            label: "Week".to_owned(),
            price: "2 USD".parse().unwrap(),
            duration: PlanDuration::Days(7),
        },
        actor: "cli:test".to_owned(),
    };
    world.hold().await;
    let answers = async {
        tokio::join!(
            world.store.submit(unknown),
            world.store.submit(again),
            world.store.submit(fine),
            world.store.submit(nobody)
        )
    };
    let open = async { world.gate.open() };
    let ((unknown, again, fine, nobody), ()) = tokio::join!(answers, open);
    assert!(matches!(unknown, Ok(Err(Refusal::NotFound(_)))), "{unknown:?}");
    assert!(matches!(again, Ok(Err(Refusal::Conflict(_)))), "{again:?}");
    assert!(matches!(nobody, Ok(Err(Refusal::NotFound(_)))), "{nobody:?}");
    assert!(matches!(fine, Ok(Ok(Outcome::Plan(_)))), "{fine:?}");
    assert_eq!(world.batches.lock().unwrap().last(), Some(&4), "all four were one batch");
    let mut after = world.store.channels(ChannelFilter::default()).await.unwrap();
    assert_eq!(after[0].plans.pop().unwrap().label, "Week");
    assert_eq!(after, before);
    let mut entries = world.store.audit(AuditFilter::default()).await.unwrap();
    assert_eq!(entries.pop().unwrap().entry.action, "plan.added", "the one that was carried out");
    assert_eq!(entries, audit);
}

pub async fn a_text_with_nul_is_stored_all_the_same(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    world.channel().await;
    let notice = Notice::finished(5, "PGP-\0").status("fini\0shed");
    for verdict in [Verdict::Parked, Verdict::Duplicate] {
        let outcome = world.run(notice.command()).await;
        assert!(matches!(outcome, Outcome::Notification { verdict: v, .. } if v == verdict), "{outcome:?}");
    }
    let events = world.store.events_of(ProviderPaymentId::new(5).unwrap(), 10).await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].body, notice.received().body);
    assert_eq!(events[0].status.as_str(), "fini\u{FFFD}shed");
}

pub async fn f28_the_same_bytes_are_kept_and_marked(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    world.channel().await;
    let notice = Notice::finished(5, legacy_ref(7));
    for _ in 0..3 {
        world.run(notice.command()).await;
    }
    let events = world.store.events_of(ProviderPaymentId::new(5).unwrap(), 10).await.unwrap();
    let verdicts: Vec<Verdict> = events.iter().map(|event| event.verdict).collect();
    assert_eq!(verdicts, [Verdict::Duplicate, Verdict::Duplicate, Verdict::Applied], "newest first");
    assert!(events.iter().all(|event| event.body == notice.received().body));
    let newest = world.store.events_of(ProviderPaymentId::new(5).unwrap(), 1).await.unwrap();
    assert_eq!(newest, events[..1]);
}

pub async fn f50_an_archived_channel_keeps_its_members(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    let order = world.order(channel, Some(7)).await;
    world.run(Notice::finished(5, order).command()).await;
    let before = world.look(order).await;
    world.run(Command::ArchiveChannel { channel_id: channel, actor: "cli:a".to_owned() }).await;
    let after = world.look(order).await;
    let member = TelegramUserId::new(7).unwrap();
    assert!(before.membership_of(channel, member).is_some());
    assert_eq!(before.membership_of(channel, member), after.membership_of(channel, member));
    assert!(after.channels.get(&channel).unwrap().archived_at.is_some());
    assert!(world.store.channels(ChannelFilter::default()).await.unwrap().is_empty());
    let all =
        world.store.channels(ChannelFilter { archived: true, ..ChannelFilter::default() }).await.unwrap();
    assert_eq!(all.len(), 1);
}

pub async fn small_texts_are_kept_under_their_keys(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    assert_eq!(world.store.get_state("telegram.offset").await.unwrap(), None);
    for text in ["1", "2 ✓", ""] {
        world.store.put_state("telegram.offset", text).await.unwrap();
        assert_eq!(world.store.get_state("telegram.offset").await.unwrap().as_deref(), Some(text));
    }
    assert_eq!(world.store.get_state("other").await.unwrap(), None);
    world.store.check().await.unwrap();
    let nothing = world.store.snapshot(Needs::default()).await.unwrap();
    assert!(!nothing.has_writes());
}

pub async fn a_row_that_cannot_be_read_is_named(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    let order = world.order(channel, Some(7)).await;
    database.execute("UPDATE orders SET price_currency = 'no ticker'").await;
    let notice = Notice::finished(5, order);
    let Err(StoreError::Internal { what }) = world.store.submit(notice.command()).await else {
        panic!("it was read")
    };
    assert!(what.contains("price_currency") && what.contains("no ticker"), "{what}");
    database.execute("UPDATE orders SET price_currency = 'usd'").await;
    let outcome = world.run(notice.command()).await;
    assert!(matches!(outcome, Outcome::Notification { granted: true, .. }), "{outcome:?}");
}

/// A newer program has put things into the list that this one does not know: they are left to it, and stand in the way of nothing.
pub async fn what_a_newer_program_put_into_the_list_is_left_to_it(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    for (payment, unknown) in
        [(5, "reason = 'to_come'"), (6, "reason = 'to_come', subject = 'to_come:' || subject")]
    {
        // Money without an order, and beside it an item of the same payment that only the newer program knows.
        let order = world.order(channel, Some(payment)).await;
        let notice = Notice { order: Some("nobody".to_owned()), ..Notice::finished(payment, order) };
        world.run(notice.command()).await;
        let items = async || world.store.attention(AttentionFilter::default()).await.unwrap();
        let item = items().await.remove(0);
        database.execute(&format!("UPDATE attention SET {unknown} WHERE reason = 'unknown_order'")).await;
        assert_eq!(items().await, []);
        let payment_id = ProviderPaymentId::new(payment).unwrap();
        let bind = Command::BindPayment { payment_id, order_id: order, actor: "cli:test".to_owned() };
        assert_eq!(world.run(bind).await, Outcome::Order(order));
        let resolve = Command::ResolveAttention {
            attention_id: item.id,
            resolution: Resolution::Dismiss,
            reason: "test".to_owned(),
            actor: "cli:test".to_owned(),
        };
        let refused = world.store.submit(resolve).await.unwrap();
        assert!(matches!(refused, Err(Refusal::NotFound(_))), "{refused:?}");
    }
}
