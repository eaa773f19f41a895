//! Lists and numbers.

use jiff::SignedDuration;
use tollhouse_core::attention::{Reason, Resolution};
use tollhouse_core::command::{Command, OrderFrom};
use tollhouse_core::id::{OrderId, ProviderPaymentId, TelegramUserId};
use tollhouse_core::job::{Failure, JobState, Outcome as JobOutcome};
use tollhouse_core::membership::MembershipStatus;
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::status::PaymentStatus;

use super::Fresh;
use super::world::{Notice, World, add_channel, legacy_ref};
use crate::{
    AttentionFilter, ChannelFilter, JobFilter, LinkFilter, MembershipFilter, OrderFilter, PaymentFilter,
    STUCK_AFTER_SECONDS,
};

pub async fn lists_are_bounded_and_go_on_where_they_ended(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel = world.channel().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(world.order(channel, Some(7)).await);
    }
    made.reverse();
    let mut seen: Vec<OrderId> = Vec::new();
    loop {
        let filter = OrderFilter { before: seen.last().copied(), limit: 3, ..OrderFilter::default() };
        let page = world.store.orders(filter).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        seen.extend(page.iter().map(|order| order.id));
    }
    assert_eq!(seen, made, "newest first, each once");
    for number in 0..5 {
        world.run(Notice::finished(10 + number, "nobody").command()).await;
    }
    let first = PaymentFilter { limit: 2, ..PaymentFilter::default() };
    let first = world.store.payments(first).await.unwrap();
    let next = PaymentFilter { limit: 2, before: Some(first[1].id), ..PaymentFilter::default() };
    let next = world.store.payments(next).await.unwrap();
    let ids: Vec<i64> = first.iter().chain(&next).map(|payment| payment.id.get()).collect();
    assert_eq!(ids, [14, 13, 12, 11]);
}

pub async fn lists_filter(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel = world.channel().await;
    let other = match world.run(add_channel(-5, None)).await {
        tollhouse_core::command::Outcome::Channel(id) => id,
        outcome => panic!("{outcome:?}"),
    };
    let plan_id = world.plan(channel, "Monthly").await;
    world
        .run(Command::CreateLink {
            channel_id: channel,
            plan_id,
            expires_at: None,
            max_uses: None,
            actor: "cli:test".to_owned(),
        })
        .await;
    let links = |channel| LinkFilter { channel, ..LinkFilter::default() };
    let all = world.store.links(links(None)).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(world.store.links(links(Some(channel))).await.unwrap(), all);
    assert!(world.store.links(links(Some(other))).await.unwrap().is_empty());
    let from = OrderFrom::Link { slug: all[0].slug.clone() };
    let order =
        Command::CreateOrder { from, user: None, source: OrderSource::DirectLink, wants_invoice: true };
    world.run(order).await;
    let paid = world.order(channel, Some(7)).await;
    world.order(other, Some(8)).await;
    world.run(Notice::finished(1, paid).command()).await;
    world.run(Notice::finished(2, "nobody").command()).await;
    let mut late = Notice::finished(3, legacy_ref(9)).status("waiting");
    late.at += SignedDuration::from_secs(1);
    world.run(late.command()).await;

    let orders = async |filter: OrderFilter| world.store.orders(filter).await.unwrap().len();
    let user = |user| TelegramUserId::new(user).ok();
    assert_eq!(orders(OrderFilter::default()).await, 4);
    assert_eq!(orders(OrderFilter { channel: Some(other), ..OrderFilter::default() }).await, 1);
    assert_eq!(orders(OrderFilter { user: user(7), ..OrderFilter::default() }).await, 1);
    assert_eq!(orders(OrderFilter { state: Some(OrderState::Paid), ..OrderFilter::default() }).await, 1);
    let none = OrderFilter { user: user(8), channel: Some(channel), ..OrderFilter::default() };
    assert_eq!(orders(none).await, 0);

    let payments = async |filter: PaymentFilter| world.store.payments(filter).await.unwrap().len();
    assert_eq!(
        payments(PaymentFilter { status: Some(PaymentStatus::Finished), ..PaymentFilter::default() }).await,
        2
    );
    assert_eq!(payments(PaymentFilter { channel: Some(channel), ..PaymentFilter::default() }).await, 2);
    let pending =
        world.store.payments(PaymentFilter { pending: true, ..PaymentFilter::default() }).await.unwrap();
    assert_eq!(
        pending.iter().map(|payment| payment.id.get()).collect::<Vec<_>>(),
        [3],
        "only it is on its way"
    );
    let seen = pending[0].first_seen_at;
    let between =
        |from, until| PaymentFilter { seen_from: from, seen_until: until, ..PaymentFilter::default() };
    assert_eq!(payments(between(Some(seen), None)).await, 1, "the instant itself is in it");
    assert_eq!(payments(between(None, Some(seen))).await, 2, "the end is not in it");
    let unheard = PaymentFilter { pending: true, seen_until: Some(seen), ..PaymentFilter::default() };
    assert_eq!(payments(unheard).await, 0);

    let members = async |filter: MembershipFilter| world.store.memberships(filter).await.unwrap().len();
    assert_eq!(members(MembershipFilter { user: user(7), ..MembershipFilter::default() }).await, 1);
    assert_eq!(members(MembershipFilter { channel: Some(other), ..MembershipFilter::default() }).await, 0);
    let active = MembershipFilter { status: Some(MembershipStatus::Active), ..MembershipFilter::default() };
    assert_eq!(members(active).await, 1);
    let counted = MembershipFilter { counted: true, ..MembershipFilter::default() };
    assert_eq!(members(counted).await, 1);

    let items = world.store.attention(AttentionFilter::default()).await.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].reason, Reason::UnknownOrder);
    let dismiss = Command::ResolveAttention {
        attention_id: items[0].id,
        resolution: Resolution::Dismiss,
        reason: "not ours".to_owned(),
        actor: "cli:a".to_owned(),
    };
    world.run(dismiss).await;
    assert!(world.store.attention(AttentionFilter::default()).await.unwrap().is_empty());
    let resolved = AttentionFilter { resolved: true, ..AttentionFilter::default() };
    assert_eq!(world.store.attention(resolved).await.unwrap().len(), 1);

    let invoices = JobFilter { kind: Some("create_invoice".to_owned()), ..JobFilter::default() };
    assert_eq!(world.store.jobs(invoices).await.unwrap().len(), 1);
    let dead = JobFilter { state: Some(JobState::Dead), ..JobFilter::default() };
    assert!(world.store.jobs(dead).await.unwrap().is_empty());
    let channels =
        world.store.channels(ChannelFilter { limit: 1, ..ChannelFilter::default() }).await.unwrap();
    assert_eq!((channels[0].id, channels[0].plans.len()), (other, 2));

    let legacy = world.store.order_by_legacy_ref(&legacy_ref(9)).await.unwrap().unwrap();
    assert_eq!(world.look(legacy).await.payments_of(legacy)[0].id, ProviderPaymentId::new(3).unwrap());
    assert_eq!(world.store.order_by_legacy_ref("PGP-1|-1").await.unwrap(), None);
    world.run(Notice::finished(4, legacy_ref(9)).command()).await;
    let newest = world.store.order_by_legacy_ref(&legacy_ref(9)).await.unwrap().unwrap();
    assert!(newest > legacy);
}

pub async fn the_numbers_are_those_of_the_rows(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    let empty = world.store.stats(world.clock.now()).await.unwrap();
    let nothing = crate::Stats { totals: Some(crate::JobTotals::default()), ..crate::Stats::default() };
    assert_eq!(empty, nothing);
    let begun = world.clock.now();
    world.run(Notice::finished(1, legacy_ref(7)).command()).await;
    world.run(Notice::finished(2, "nobody").command()).await;
    world.clock.advance(SignedDuration::from_mins(5));
    let stats = world.store.stats(world.clock.now()).await.unwrap();
    assert_eq!(stats.outbox_oldest, Some(begun));
    assert_eq!(stats.attention_open.get(&Reason::UnknownOrder), Some(&1));
    assert_eq!(stats.stuck_payments, 0, "one has its grant, one is in the list");
    let jobs = world.store.jobs(JobFilter::default()).await.unwrap();
    let due = jobs.iter().filter(|job| job.run_at <= world.clock.now()).count();
    assert_eq!(stats.outbox_due, u64::try_from(due).unwrap());
    let count = |stats: &crate::Stats, kind: &str, state: JobState| {
        stats.all_jobs().find(|job| job.kind == kind && job.state == state).map_or(0, |job| job.count)
    };
    assert_eq!(count(&stats, "deliver_access", JobState::Ready), 1);
    world.run(Command::ClaimJobs { limit: 100, now: world.clock.now() }).await;
    let stats = world.store.stats(world.clock.now()).await.unwrap();
    assert_eq!(count(&stats, "deliver_access", JobState::Leased), 1);
    assert_eq!((stats.outbox_due, stats.outbox_oldest), (0, None));

    // One that has failed and waits for its next attempt is counted as such.
    let retrying = |stats: &crate::Stats| stats.totals.clone().unwrap().retrying;
    assert!(retrying(&stats).values().all(|count| *count == 0), "{stats:?}");
    let held = world.store.jobs(JobFilter::default()).await.unwrap();
    let job = held.into_iter().find(|job| job.kind.name() == "deliver_access").unwrap();
    let outcome = JobOutcome::Failed(Failure::Transient { error: "502".to_owned() });
    let token = job.lease.unwrap().token;
    world.run(Command::FinishJob { job: Box::new(job), token, outcome }).await;
    let stats = world.store.stats(world.clock.now()).await.unwrap();
    assert_eq!(retrying(&stats).get("deliver_access"), Some(&1), "{stats:?}");
}

pub async fn money_that_ended_nowhere_is_stuck(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    world.channel().await;
    world.run(Notice::finished(2, "nobody").command()).await;
    let stuck = |before| PaymentFilter { stuck_before: Some(before), ..PaymentFilter::default() };
    let later = world.clock.now() + SignedDuration::from_secs(STUCK_AFTER_SECONDS + 1);
    assert!(world.store.payments(stuck(later)).await.unwrap().is_empty(), "it is in the list");
    let item = world.store.attention(AttentionFilter::default()).await.unwrap().remove(0);
    let dismiss = Command::ResolveAttention {
        attention_id: item.id,
        resolution: Resolution::Dismiss,
        reason: "not ours".to_owned(),
        actor: "cli:a".to_owned(),
    };
    world.run(dismiss).await;
    assert!(world.store.payments(stuck(later)).await.unwrap().is_empty(), "a person has dealt with it");
    world.run(Notice::finished(3, legacy_ref(7)).command()).await;
    assert!(world.store.payments(stuck(later)).await.unwrap().is_empty(), "it gave its grant");
    // The rules let nothing end nowhere; by hand it can be done.
    database.execute("DELETE FROM attention").await;
    let found = world.store.payments(stuck(later)).await.unwrap();
    assert_eq!(found.iter().map(|payment| payment.id.get()).collect::<Vec<_>>(), [2]);
    assert!(world.store.payments(stuck(world.clock.now())).await.unwrap().is_empty(), "not yet");
    assert_eq!(world.store.stats(later).await.unwrap().stuck_payments, 1);
}
