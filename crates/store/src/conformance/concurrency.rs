//! Several at once: tasks of one process, and two processes on one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tollhouse_core::audit::{GENESIS, verify};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewPlan, OrderFrom, Outcome, Refusal};
use tollhouse_core::decide::SAME_WISH_MINUTES;
use tollhouse_core::event::Verdict;
use tollhouse_core::id::{ClaimToken, ProviderPaymentId, TelegramUserId};
use tollhouse_core::membership::{Fold, fold};
use tollhouse_core::order::{OrderSource, OrderState};
use tollhouse_core::snapshot::Needs;
use uuid::Uuid;

use super::Fresh;
use super::world::{Notice, World, legacy_ref};
use crate::{
    AuditFilter, ChannelFilter, Committed, JobFilter, LinkFilter, MembershipFilter, OrderFilter,
    PAGE_LENGTH_MAX, Store,
};

/// Two stores on one database: as two processes would be.
async fn two(database: &dyn Fresh) -> (World, World) {
    (World::open(database, 1).await, World::open(database, 2).await)
}

/// Submits commands all at once, to the stores in turn.
async fn all_at_once(stores: &[&Arc<dyn Store>], commands: Vec<Command>) -> Vec<Result<Outcome, Refusal>> {
    let mut tasks = JoinSet::new();
    for (number, command) in commands.into_iter().enumerate() {
        let store = Arc::clone(stores[number % stores.len()]);
        tasks.spawn(async move { store.submit(command).await.unwrap() });
    }
    tasks.join_all().await
}

fn granted(answers: &[Result<Outcome, Refusal>]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Ok(Outcome::Notification { granted: true, .. }))).count()
}

pub async fn f32_fifty_identical_at_once_give_one_grant(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let channel = world.channel().await;
    let notice = Notice::finished(4_479_119_533, legacy_ref(6_271_402_111));
    let answers = all_at_once(&[&world.store], vec![notice.command(); 50]).await;
    assert_eq!(granted(&answers), 1);
    let duplicates = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Outcome::Notification { verdict: Verdict::Duplicate, .. })))
        .count();
    assert_eq!(duplicates, 49);
    let payment = ProviderPaymentId::new(4_479_119_533).unwrap();
    assert_eq!(world.store.events_of(payment, 100).await.unwrap().len(), 50, "each is in the log");
    let orders = world.store.orders(OrderFilter::default()).await.unwrap();
    assert_eq!(orders.len(), 1);
    let snapshot = world.look(orders[0].id).await;
    let membership = snapshot.membership_of(channel, TelegramUserId::new(6_271_402_111).unwrap()).unwrap();
    assert_eq!(membership.ends_at, Some(world.clock.now() + SignedDuration::from_hours(30 * 24)));
    let deliveries = JobFilter { kind: Some("deliver_access".to_owned()), ..JobFilter::default() };
    assert_eq!(world.store.jobs(deliveries).await.unwrap().len(), 1);
}

pub async fn f32_s04_two_processes_with_the_same_payment_give_one_grant(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel = one.channel().await;
    for round in 0..20 {
        // Each is new to both: nothing is there yet that could be locked. One user a round, so that the memberships race as well.
        let commands = (0..8)
            .flat_map(|number| {
                let notice = Notice::finished(1 + round * 8 + number / 2, legacy_ref(1_000 + round));
                vec![notice.command(); 2]
            })
            .collect();
        let answers = all_at_once(&[&one.store, &two.store], commands).await;
        assert_eq!(granted(&answers), 4, "round {round}: one for each payment");
    }
    let memberships = one.store.memberships(MembershipFilter::default()).await.unwrap();
    assert_eq!(memberships.len(), 20);
    for membership in memberships {
        let mut needs = Needs::default();
        needs.memberships.insert(membership.id);
        let snapshot = one.store.snapshot(needs).await.unwrap();
        let grants = snapshot.grants_of(membership.id);
        assert_eq!(grants.len(), 4);
        assert_eq!(membership.ends_at, Some(one.clock.now() + SignedDuration::from_hours(4 * 30 * 24)));
        assert_eq!(membership.channel_id, channel);
    }
}

pub async fn two_processes_on_one_order_and_one_membership_lose_nothing(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel = one.channel().await;
    let order = one.order(channel, Some(7)).await;
    // Ten parts of one order, each told five times, between renewals of the same member by twenty other payments.
    let part = |number: i64| {
        Notice::finished(100 + number, order).status("partially_paid").paid("0.0001 BTC").command()
    };
    let renewal = |number: i64| Notice::finished(200 + number, legacy_ref(7)).command();
    let mut commands = Vec::new();
    for repeat in 0..5 {
        for number in 0..10 {
            commands.push(part((number + repeat) % 10));
            commands.push(renewal(2 * number + repeat % 2));
        }
    }
    all_at_once(&[&one.store, &two.store], commands).await;
    let snapshot = two.look(order).await;
    let stored = snapshot.orders.get(&order).unwrap();
    assert_eq!(stored.state, OrderState::Paid, "ten tenths are the whole");
    assert_eq!(snapshot.payments_of(order).len(), 10);
    let membership = snapshot.membership_of(channel, TelegramUserId::new(7).unwrap()).unwrap();
    let grants = snapshot.grants_of(membership.id);
    assert_eq!(grants.len(), 21);
    assert_eq!(fold(grants.into_iter()), Fold::Until(membership.ends_at));
    assert_eq!(membership.ends_at, Some(one.clock.now() + SignedDuration::from_hours(21 * 30 * 24)));
}

pub async fn a_re_deposit_and_its_parent_find_each_other(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel = one.channel().await;
    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(one.order(channel, Some(7)).await);
    }
    for (number, order) in (0..).zip(&orders) {
        let parent = Notice::finished(1_000 + number, order).status("partially_paid").paid("0.0005 BTC");
        let mut child = Notice::finished(2_000 + number, "").paid("0.0005 BTC").child_of(1_000 + number);
        child.order = None;
        all_at_once(&[&one.store, &two.store], vec![parent.command(), child.command()]).await;
    }
    for order in orders {
        let snapshot = one.look(order).await;
        assert_eq!(snapshot.payments_of(order).len(), 2, "whichever came first");
        assert_eq!(snapshot.orders.get(&order).unwrap().state, OrderState::Paid);
    }
}

pub async fn two_processes_add_one_plan_once(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel_id = one.channel().await;
    let plan = |label: &str| Command::AddPlan {
        channel_id,
        plan: NewPlan {
            label: label.to_owned(),
            price: "9 USD".parse().unwrap(),
            duration: PlanDuration::Days(90),
        },
        actor: "cli:test".to_owned(),
    };
    for label in ["a", "b", "c", "d"] {
        let answers = all_at_once(&[&one.store, &two.store], vec![plan(label); 6]).await;
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        let refused = answers.iter().filter(|answer| matches!(answer, Err(Refusal::Conflict(_)))).count();
        assert_eq!((made, refused), (1, 5));
    }
    let channel = &one.store.channels(ChannelFilter::default()).await.unwrap()[0];
    let labels: Vec<&str> = channel.plans.iter().map(|plan| plan.label.as_str()).collect();
    assert_eq!(labels, ["Monthly", "Life", "a", "b", "c", "d"]);
}

pub async fn f27_two_processes_make_one_order_of_one_wish(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel_id = one.channel().await;
    let plan_id = one.plan(channel_id, "Monthly").await;
    let wish = |user: i64| Command::Buy {
        from: OrderFrom::Plan { channel_id, plan_id },
        plan_id,
        user: TelegramUserId::new(user).unwrap(),
        wants_invoice: false,
    };
    for user in 1..=10 {
        let mut made = BTreeSet::new();
        for answer in all_at_once(&[&one.store, &two.store], vec![wish(user); 6]).await {
            let Ok(Outcome::Order(id)) = answer else { panic!("{answer:?}") };
            made.insert(id);
        }
        assert_eq!(made.len(), 1);
        let order = one.look(*made.first().unwrap()).await.orders.values().next().unwrap().clone();
        assert_eq!((order.wish, order.message_id), (Some(1), None));
    }
    // A later wish is a new order, on whichever process, and the newest of them is what a repeat finds.
    one.clock.advance(SignedDuration::from_mins(SAME_WISH_MINUTES));
    two.clock.advance(SignedDuration::from_mins(SAME_WISH_MINUTES));
    let second = two.run(wish(1)).await;
    assert_eq!(one.run(wish(1)).await, second);
    let Outcome::Order(id) = second else { panic!("{second:?}") };
    assert_eq!(one.look(id).await.orders.get(&id).unwrap().wish, Some(2));
}

pub async fn a_change_of_a_channel_is_not_undone_by_another(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    for chat in 1..=10 {
        let Outcome::Channel(channel_id) = one.run(super::world::add_channel(-chat, None)).await else {
            panic!()
        };
        let plan_id = one.plan(channel_id, "Monthly").await;
        let retire = Command::RetirePlan { channel_id, plan_id, actor: "cli:test".to_owned() };
        let archive = Command::ArchiveChannel { channel_id, actor: "cli:a".to_owned() };
        all_at_once(&[&one.store, &two.store], vec![retire, archive]).await;
    }
    let channels =
        two.store.channels(ChannelFilter { archived: true, ..ChannelFilter::default() }).await.unwrap();
    assert_eq!(channels.len(), 10);
    for channel in channels {
        assert!(channel.archived_at.is_some());
        assert_eq!(channel.active_plans().count(), 1);
    }
}

pub async fn two_processes_make_one_order_of_one_form(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    let channel_id = one.channel().await;
    let plan_id = one.plan(channel_id, "Monthly").await;
    let actor = "cli:test".to_owned();
    let link = Command::CreateLink { channel_id, plan_id, expires_at: None, max_uses: Some(1), actor };
    one.run(link).await;
    let once = one.store.links(LinkFilter::default()).await.unwrap().remove(0).slug;
    let plan = OrderFrom::Plan { channel_id, plan_id };
    // A link is locked and a plan is not: there the unique claim decides alone.
    for (number, from) in (1..).zip([OrderFrom::Link { slug: once }, plan.clone(), plan]) {
        let press = Command::OrderByForm {
            from,
            user: None,
            source: OrderSource::DirectLink,
            form: ClaimToken(Uuid::from_u128(number)),
            wants_invoice: false,
        };
        let answers = all_at_once(&[&one.store, &two.store], vec![press; 6]).await;
        assert!(matches!(answers[0], Ok(Outcome::Order(_))), "{number}: {:?}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{number}: {answers:?}");
    }
    assert_eq!(two.store.orders(OrderFilter::default()).await.unwrap().len(), 3);
}

pub async fn the_audit_chain_holds_after_concurrent_writers(database: &dyn Fresh) {
    let (one, two) = two(database).await;
    one.channel().await;
    let commands =
        (0..200).map(|number| Notice::finished(1 + number, legacy_ref(1 + number % 9)).command()).collect();
    all_at_once(&[&one.store, &two.store], commands).await;
    let mut hash = GENESIS;
    let mut count = 0;
    loop {
        let entries = one.store.audit(AuditFilter { after: count, limit: 100 }).await.unwrap();
        if entries.is_empty() {
            break;
        }
        hash = verify(hash, count + 1, &entries).unwrap();
        count += i64::try_from(entries.len()).unwrap();
    }
    assert!(count >= 200, "{count}: at least one entry for each grant");
    let page = one.store.audit(AuditFilter { after: 0, limit: u32::MAX }).await.unwrap();
    assert!(page.len() <= PAGE_LENGTH_MAX as usize);
}

/// The next commit of this process. That it may have missed some of other processes' is told when it begins to hear them, whenever that is.
async fn heard_here(commits: &mut tokio::sync::broadcast::Receiver<Committed>) -> Committed {
    loop {
        let heard = commits.recv().await.unwrap();
        if !heard.from_elsewhere {
            return heard;
        }
    }
}

pub async fn a_commit_is_told_to_those_who_listen(database: &dyn Fresh) {
    let world = World::open(database, 1).await;
    let mut commits = world.store.commits();
    let channel = world.channel().await;
    let order = world.order(channel, Some(7)).await;
    let heard = heard_here(&mut commits).await;
    assert_eq!((heard.orders, heard.armed), (vec![order], false));
    world.run(Notice::finished(1, order).status("waiting").command()).await;
    let heard = heard_here(&mut commits).await;
    assert_eq!((heard.orders, heard.armed), (vec![order], false), "the order's page shows the payment");
    world.run(Notice::finished(1, order).status("waiting").command()).await;
    world.run(Notice::finished(1, order).command()).await;
    let heard = heard_here(&mut commits).await;
    assert_eq!((heard.orders, heard.armed), (vec![order], true), "a repeat changed nothing");
}
