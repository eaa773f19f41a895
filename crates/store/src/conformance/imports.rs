//! Coming over from another system.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tollhouse_core::channel::{Payout, PlanDuration};
use tollhouse_core::command::{Command, NewPlan, Outcome};
use tollhouse_core::id::{PrivateChatId, ProviderPaymentId, PublicChatId, TelegramUserId};
use tollhouse_core::import::{
    ImportChange, ImportChannel, ImportGranted, ImportMember, Imported, ImportedPayment, Origin,
};
use tollhouse_core::money::Currency;
use tollhouse_core::policy::Policies;
use tollhouse_core::snapshot::Needs;
use tollhouse_core::status::PaymentStatus;

use super::Fresh;
use super::model::Model;
use super::world::{Clock, Notice, PRIVATE_CHAT, PUBLIC_CHAT, World, legacy_ref};

const SEED: u64 = 23;

fn origin(row: &str) -> Origin {
    Origin { actor: "cli:ö".to_owned(), row: row.to_owned() }
}

fn channel() -> Command {
    let plan = |label: &str, price: &str, days| NewPlan {
        label: label.to_owned(),
        price: price.parse().unwrap(),
        duration: PlanDuration::Days(days),
    };
    Command::ImportChannel(Box::new(ImportChannel {
        private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
        public_chat: Some(PublicChatId::new(PUBLIC_CHAT).unwrap()),
        title: "Сигналы".to_owned(),
        owner: Some(TelegramUserId::new(42).unwrap()),
        payout: Some(Payout {
            address: "T1".to_owned(),
            currency: Currency::new("usdttrc20").unwrap(),
            memo: None,
        }),
        plans: vec![plan("30 days", "5.00 USD", 30), plan("365 days", "50 USD", 365)],
        policies: Policies::default(),
        origin: origin("main_clients_database open_channel_id=-1003016667267"),
    }))
}

fn payment(id: i64, status: &str) -> ImportedPayment {
    ImportedPayment {
        id: ProviderPaymentId::new(id).unwrap(),
        order_ref: Some(legacy_ref(7)),
        invoice_id: Some("5745 é".to_owned()),
        status: PaymentStatus::new(status),
        price: Some("5.00 USD".parse().unwrap()),
        pay_currency: Some(Currency::new("btc").unwrap()),
        pay_amount: Some("0.001".parse().unwrap()),
        outcome: Some("4.75 USDTTRC20".parse().unwrap()),
    }
}

fn member(user: i64, end: &str, paid_by: Option<i64>) -> ImportMember {
    let ends_at: Timestamp = end.parse().unwrap();
    ImportMember {
        private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
        user: TelegramUserId::new(user).unwrap(),
        ends_at,
        granted_at: ends_at - SignedDuration::from_hours(30 * 24),
        duration: PlanDuration::Days(30),
        price: Some("5.00 USD".parse().unwrap()),
        is_out: false,
        is_undelivered: user == 8,
        payment: paid_by.map(|id| payment(id, "finished")),
        invoice_id: paid_by.is_none().then(|| "777".to_owned()),
        origin: origin("private_channel_users_database id=17"),
    }
}

fn of(member: ImportMember) -> Command {
    Command::ImportMember(Box::new(member))
}

fn granted(user: i64, id: i64, status: &str) -> Command {
    Command::ImportGranted(Box::new(ImportGranted {
        private_chat: PrivateChatId::new(PRIVATE_CHAT).unwrap(),
        user: TelegramUserId::new(user).unwrap(),
        payment: payment(id, status),
        granted_at: None,
        origin: origin("processed_payments payment_id=1"),
    }))
}

fn rows() -> Vec<Command> {
    vec![
        channel(),
        of(member(7, "2026-01-20T00:00:00.123456Z", Some(1))),
        of(member(7, "2026-01-25T00:00:00Z", Some(2))),
        of(member(7, "2026-01-27T09:00:01Z", None)),
        of(member(8, "2026-02-01T00:00:00Z", Some(3))),
        of(member(9, "2025-12-01T00:00:00Z", Some(4))),
        of(ImportMember { is_out: true, ..member(10, "2025-12-01T00:00:00Z", None) }),
        of(member(11, "9999-12-30T21:59:59.999999Z", Some(1))),
        granted(7, 5, "finished"),
        granted(12, 6, "finished"),
        granted(7, 7, "refunded"),
    ]
}

fn change(outcome: &Outcome) -> ImportChange {
    match outcome {
        Outcome::Imported(Imported { change, .. }) => *change,
        other => panic!("{other:?}"),
    }
}

pub async fn what_is_carried_over_reads_back_and_a_repeat_changes_nothing(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let mut model = Model::new(SEED, clock.clone());
    for command in rows() {
        let mine = model.run(&command);
        let stored = world.store.submit(command).await.unwrap();
        assert_eq!(mine, stored);
        assert_ne!(change(&stored.unwrap()), ImportChange::Known);
    }
    model.compare(&*world.store).await;
    clock.advance(SignedDuration::from_hours(1));
    for command in rows() {
        assert_eq!(change(&world.run(command).await), ImportChange::Known);
    }
    model.compare(&*world.store).await;
    // The access that came without its payment finds it, which changes its grant's order.
    let mut notice = Notice::finished(50, legacy_ref(7)).received();
    notice.facts.invoice_id = Some("777".to_owned());
    let notice = Command::Notification(Box::new(notice));
    assert_eq!(model.run(&notice), world.store.submit(notice).await.unwrap());
    model.compare(&*world.store).await;
}

pub async fn f31_a_carried_payment_is_not_granted_again(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    for command in rows() {
        world.run(command).await;
    }
    let end = end_of(&world, 7).await;
    for id in [1, 2, 5] {
        for status in ["waiting", "finished", "finished"] {
            world.run(Notice::finished(id, legacy_ref(7)).status(status).command()).await;
        }
    }
    assert_eq!(end_of(&world, 7).await, end);
    world.run(Notice::finished(60, legacy_ref(7)).command()).await;
    assert_eq!(end_of(&world, 7).await, end + SignedDuration::from_hours(30 * 24));
}

async fn end_of(world: &World, user: i64) -> Timestamp {
    let mut needs = Needs::default();
    needs.users.insert(TelegramUserId::new(user).unwrap());
    let snapshot = world.store.snapshot(needs).await.unwrap();
    snapshot.memberships.values().next().unwrap().ends_at.unwrap()
}

pub async fn two_processes_carry_one_member_over_once(database: &dyn Fresh) {
    let one = Arc::new(World::open(database, SEED).await);
    let two = Arc::new(World::open(database, SEED + 1).await);
    one.run(channel()).await;
    let mut tasks = Vec::new();
    for world in [&one, &two] {
        for command in rows() {
            let world = Arc::clone(world);
            tasks.push(tokio::spawn(async move { world.run(command).await }));
        }
    }
    let mut new = 0;
    for task in tasks {
        new += usize::from(change(&task.await.unwrap()) == ImportChange::New);
    }
    let mut needs = Needs::default();
    needs.users.extend([7, 8, 9, 10, 11].map(|user| TelegramUserId::new(user).unwrap()));
    let snapshot = one.store.snapshot(needs).await.unwrap();
    assert_eq!(snapshot.memberships.values().count(), 5);
    assert_eq!(end_of(&one, 7).await, "2026-01-27T09:00:01Z".parse().unwrap());
    // Five members, and three payments that only were noted.
    assert_eq!(new, 8);
    for command in rows() {
        assert_eq!(change(&one.run(command).await), ImportChange::Known);
    }
}
