//! Opening and roles.

use tollhouse_core::id::{
    AttentionId, ChannelId, ClaimToken, GrantId, JobId, LinkId, MembershipId, OrderId, PlanId, PrivateChatId,
    ProviderPaymentId, PublicChatId, RunId, TelegramChatId, TelegramUserId,
};
use tollhouse_core::removal::SwitchName;
use tollhouse_core::snapshot::{DueJobs, Needs};
use uuid::Uuid;

use super::{Fresh, World};
use crate::layout::{
    ATTENTION, AUDIT, BOT_CHATS, CHANNELS, DIALOGUES, EVENTS, GRANTS, JOBS, LINKS, MEMBERSHIPS, OFFERS,
    ORDERS, PAYMENTS, PLANS, PRESENCES, RUNS, SWITCHES,
};
use crate::{
    AttentionFilter, AuditFilter, ChannelFilter, JobFilter, LinkFilter, MembershipFilter, OpenError,
    OpenOptions, OrderFilter, PaymentFilter, Ports, PresenceFilter, RunFilter, migrate, open_with,
};

/// No statement waits for its first use to turn out as wrong (F101), and no column is called otherwise than in the schema (F103).
pub async fn f101_f103_every_operation_is_known_to_an_empty_database(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    for table in [
        &CHANNELS,
        &PLANS,
        &LINKS,
        &ORDERS,
        &PAYMENTS,
        &EVENTS,
        &MEMBERSHIPS,
        &GRANTS,
        &PRESENCES,
        &RUNS,
        &SWITCHES,
        &BOT_CHATS,
        &DIALOGUES,
        &OFFERS,
        &JOBS,
        &ATTENTION,
        &AUDIT,
    ] {
        database.execute(&format!("SELECT {} FROM {}", table.select_list(""), table.name)).await;
    }
    let (store, now) = (&world.store, world.clock.now());
    let payment = ProviderPaymentId::new(1).unwrap();
    assert!(store.channels(ChannelFilter::default()).await.unwrap().is_empty());
    assert!(store.links(LinkFilter::default()).await.unwrap().is_empty());
    assert!(store.orders(OrderFilter::default()).await.unwrap().is_empty());
    assert!(store.payments(PaymentFilter::default()).await.unwrap().is_empty());
    let stuck = PaymentFilter { stuck_before: Some(now), ..PaymentFilter::default() };
    assert!(store.payments(stuck).await.unwrap().is_empty());
    assert!(store.memberships(MembershipFilter::default()).await.unwrap().is_empty());
    assert!(store.presences(PresenceFilter::default()).await.unwrap().is_empty());
    assert!(store.runs(RunFilter::default()).await.unwrap().is_empty());
    assert_eq!(store.count_members(ChannelId(Uuid::nil())).await.unwrap(), 0);
    assert!(store.attention(AttentionFilter::default()).await.unwrap().is_empty());
    assert!(store.jobs(JobFilter::default()).await.unwrap().is_empty());
    assert!(store.audit(AuditFilter::default()).await.unwrap().is_empty());
    assert!(store.events_of(payment, 1).await.unwrap().is_empty());
    assert_eq!(store.order_by_legacy_ref("PGP-1|-1").await.unwrap(), None);
    let nothing = crate::Stats { totals: Some(crate::JobTotals::default()), ..crate::Stats::default() };
    assert_eq!(store.stats(now).await.unwrap(), nothing);
    assert_eq!(store.get_state("x").await.unwrap(), None);
    store.check().await.unwrap();
    assert!(store.snapshot(everything(payment, now)).await.unwrap().payments.get(&payment).is_none());
}

/// Asks for something of every kind. Each field is named, so that one that is added must be thought of here.
fn everything(payment: ProviderPaymentId, now: jiff::Timestamp) -> Needs {
    let (id, user) = (Uuid::nil(), TelegramUserId::new(1).unwrap());
    let (channel, public_chat) = (ChannelId(id), PublicChatId::new(-1).unwrap());
    let (private_chat, chat) = (PrivateChatId::new(-2).unwrap(), TelegramChatId::new(-2).unwrap());
    Needs {
        payments: [payment].into(),
        orders: [OrderId(id)].into(),
        claims: [ClaimToken(id)].into(),
        changed_channels: [channel].into(),
        changed_chats: [chat].into(),
        wishes: [(user, PlanId(id))].into(),
        channels: [ChannelId(Uuid::max())].into(),
        private_chats: [private_chat].into(),
        public_chats: [public_chat].into(),
        links: [LinkId(id)].into(),
        slugs: ["x".to_owned()].into(),
        grants: [GrantId(id)].into(),
        memberships: [MembershipId(id)].into(),
        members: [(channel, user)].into(),
        legacy_members: [(public_chat, user)].into(),
        joiners: [(private_chat, user)].into(),
        owners_of: [channel].into(),
        users: [user].into(),
        presences: [(channel, user)].into(),
        presence_of: [MembershipId(id)].into(),
        departures: [MembershipId(id)].into(),
        runs: [RunId(id)].into(),
        switches: [SwitchName::Removals].into(),
        bot_chats: [chat].into(),
        bot_chats_by: [user].into(),
        rights_of: [channel].into(),
        held_jobs: [channel].into(),
        dialogues: [user].into(),
        offers: [channel].into(),
        attention: [AttentionId(id)].into(),
        jobs: [JobId(id)].into(),
        due_jobs: Some(DueJobs { now, limit: 1 }),
    }
}

pub async fn eight_openers_at_once_migrate_once(database: &dyn Fresh) {
    let worlds = futures::future::join_all((0..8).map(|seed| World::open(database, seed))).await;
    let channel = worlds[0].channel().await;
    for world in &worlds {
        world.order(channel, Some(7)).await;
    }
    let again = migrate(&database.url()).await.unwrap();
    assert_eq!(again.from, again.to, "nothing is left to do");
}

fn ports() -> Ports {
    let clock = super::Clock::default();
    Ports {
        now: std::sync::Arc::new(move || clock.now()),
        ids: Box::new(super::SeededIds::new(9)),
        on_batch: std::sync::Arc::new(|_| {}),
    }
}

pub async fn a_newer_or_older_schema_is_refused(database: &dyn Fresh) {
    let options = OpenOptions { migrate: false, ..OpenOptions::default() };
    let Err(older) = open_with(&database.url(), ports(), options).await else {
        panic!("an empty database was taken")
    };
    assert!(matches!(older, OpenError::Older { found: 0, .. }), "{older}");
    assert!(older.to_string().contains("tollhouse migrate"), "{older}");
    let migrated = migrate(&database.url()).await.unwrap();
    assert_eq!(migrated.from, 0);
    let store = open_with(&database.url(), ports(), options).await.unwrap();
    store.close().await;
    database
        .execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (999, '0999_future', 'x')")
        .await;
    let Err(newer) = open_with(&database.url(), ports(), options).await else {
        panic!("a newer schema was taken")
    };
    assert!(matches!(newer, OpenError::Newer { found: 999, .. }), "{newer}");
}

pub async fn one_process_has_a_role(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open(database, 2).await;
    let guard = one.store.role_lock("telegram_polling").await.unwrap().unwrap();
    assert!(guard.is_held());
    for world in [&one, &two] {
        assert!(world.store.role_lock("telegram_polling").await.unwrap().is_none());
    }
    let other = two.store.role_lock("reconcile").await.unwrap();
    assert!(other.is_some(), "another role is another matter");
    drop(guard);
    // Letting go of it may take the database a moment: a role is asked for again and again.
    let mut taken = None;
    while taken.is_none() {
        taken = two.store.role_lock("telegram_polling").await.unwrap();
        tokio::task::yield_now().await;
    }
}
