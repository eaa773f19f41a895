//! Offers and donations: what is posted is known once, and a donation is money that has arrived and nothing else.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use tollhouse_core::command::{Command, OfferChange, OrderFrom, Outcome};
use tollhouse_core::id::{ChannelId, OrderId, PublicChatId, TelegramUserId};
use tollhouse_core::job::{Job, JobKind, LEASE_SECONDS, Outcome as JobOutcome};
use tollhouse_core::offer::{DESCRIPTION_LENGTH_MAX, Donations, Offer, POST_EVERY_HOURS_MAX};
use tollhouse_core::order::{OrderKind, OrderSource, OrderState};
use tollhouse_core::snapshot::Needs;

use super::Fresh;
use super::model::Model;
use super::world::{Clock, Notice, PUBLIC_CHAT, World, add_channel};
use crate::AttentionFilter;

const SEED: u64 = 7;

async fn offer(world: &World, channel: ChannelId) -> Offer {
    let mut needs = Needs::default();
    needs.offers.insert(channel);
    world.store.snapshot(needs).await.unwrap().offers.get(&channel).unwrap().clone()
}

fn post(channel_id: ChannelId) -> Command {
    Command::PostOffer { channel_id, actor: "cli:test".to_owned() }
}

/// The jobs of the offer that this process gets.
async fn claim(world: &World) -> Vec<Job> {
    let Outcome::Jobs(jobs) = world.run(Command::ClaimJobs { limit: 10, now: world.clock.now() }).await
    else {
        panic!("no jobs")
    };
    jobs.into_iter().filter(|job| matches!(job.kind, JobKind::PostOffer { .. })).collect()
}

fn finish(job: &Job, outcome: JobOutcome) -> Command {
    Command::FinishJob { job: Box::new(job.clone()), token: job.lease.unwrap().token, outcome }
}

fn posted(message_id: i64) -> JobOutcome {
    let chat = PublicChatId::new(PUBLIC_CHAT).unwrap();
    JobOutcome::OfferPosted { chat, message_id, shows: "what it shows".to_owned() }
}

async fn donation(world: &World, channel_id: ChannelId, user: i64) -> OrderId {
    let amount = "5 USD".parse().unwrap();
    let create = Command::CreateOrder {
        from: OrderFrom::Donation { channel_id, amount },
        user: TelegramUserId::new(user).ok(),
        source: OrderSource::Bot,
        wants_invoice: true,
    };
    let Outcome::Order(id) = world.run(create).await else { panic!("no order") };
    id
}

pub async fn f57_the_number_of_a_post_and_the_end_of_its_job_are_one_commit(database: &dyn Fresh) {
    let one = World::open(database, 1).await;
    let two = World::open_at(database, 2, one.clock.clone()).await;
    let channel = one.channel().await;
    one.run(post(channel)).await;
    // The links behind the buttons are made first, by one of the two.
    let (mine, theirs) = (claim(&one).await, claim(&two).await);
    assert_eq!((mine.len(), theirs.len()), (1, 0));
    one.run(finish(&mine[0], JobOutcome::Nothing)).await;
    assert_eq!(offer(&two, channel).await.links.len(), 2);
    // One posts and is not heard of any more; the other takes over, and its number is the one that counts.
    let lost = claim(&one).await.remove(0);
    one.clock.advance(SignedDuration::from_secs(LEASE_SECONDS + 1));
    let taken = claim(&two).await.remove(0);
    two.run(finish(&taken, posted(8))).await;
    assert_eq!(one.run(finish(&lost, posted(7))).await, Outcome::LeaseLost);
    let now = offer(&one, channel).await;
    assert_eq!(now.post.as_ref().map(|post| post.message_id), Some(8));
    assert!(now.former.is_empty() && now.next_at.is_none());
    // The next one remembers the one before, in the same commit.
    one.run(post(channel)).await;
    let job = claim(&two).await.remove(0);
    two.run(finish(&job, posted(9))).await;
    let now = offer(&one, channel).await;
    assert_eq!(now.post.as_ref().map(|post| post.message_id), Some(9));
    assert_eq!(now.former.iter().map(|post| post.message_id).collect::<Vec<_>>(), [8]);
}

pub async fn f58_a_channel_of_an_older_program_has_an_offer_too(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    database.execute("DELETE FROM offers").await;
    donation(&world, channel, 7).await;
    world.run(post(channel)).await;
    assert_eq!(offer(&world, channel).await.donations, Donations::default());
}

pub async fn what_an_offer_holds_reads_back(database: &dyn Fresh) {
    let clock = Clock::default();
    let world = World::open_at(database, SEED, clock.clone()).await;
    let mut model = Model::new(SEED, clock);
    let mut both = async |command: Command| {
        let mine = model.run(&command);
        let stored = world.store.submit(command).await.unwrap();
        assert_eq!(mine, stored);
        stored.unwrap()
    };
    let channel = add_channel(super::world::PRIVATE_CHAT, Some(PUBLIC_CHAT));
    let Outcome::Channel(channel_id) = both(channel).await else { panic!("no channel") };
    let donations = Donations {
        open: true,
        currency: "5 usdttrc20".parse::<tollhouse_core::money::Money>().unwrap().currency,
        amounts: vec![Decimal::new(100, 2), Decimal::new(5_000_000_000_001, 2)],
        least: Decimal::new(1, 2),
        most: Decimal::MAX,
    };
    let change = OfferChange {
        description: Some(Some("“й”\n<b>".repeat(DESCRIPTION_LENGTH_MAX / 7))),
        every_hours: Some(Some(POST_EVERY_HOURS_MAX)),
        donations: Some(donations),
    };
    both(Command::SetOffer { channel_id, change: Box::new(change), actor: "cli:ö".to_owned() }).await;
    for message_id in [i64::MAX, 1] {
        both(post(channel_id)).await;
        for outcome in [JobOutcome::Nothing, posted(message_id)] {
            let claim = Command::ClaimJobs { limit: 1, now: world.clock.now() };
            let Outcome::Jobs(jobs) = both(claim).await else { panic!("no jobs") };
            both(finish(&jobs[0], outcome)).await;
        }
    }
    let from = OrderFrom::Donation { channel_id, amount: "50000000000.01 usdttrc20".parse().unwrap() };
    let user = TelegramUserId::new(i64::MAX).unwrap();
    let create =
        Command::CreateOrder { from, user: Some(user), source: OrderSource::Bot, wants_invoice: false };
    let Outcome::Order(order_id) = both(create).await else { panic!("no order") };
    let message = "Спасибо\n\u{1f600} '; DROP TABLE offers; --".to_owned();
    both(Command::NoteDonor { order_id, user, message }).await;
    model.compare(&*world.store).await;
    let order = model.snapshot.orders.get(&order_id).unwrap();
    assert_eq!((order.kind(), order.duration), (OrderKind::Donation, None));
    assert_eq!(model.snapshot.offers.get(&channel_id).unwrap().former.len(), 1);
}

pub async fn f49_money_of_a_donation_is_neither_stuck_nor_granted(database: &dyn Fresh) {
    let world = World::open(database, SEED).await;
    let channel = world.channel().await;
    for (payment, status) in (1..).zip(["finished", "partially_paid"]) {
        let order = donation(&world, channel, 7).await;
        for _ in 0..2 {
            world.run(Notice::finished(payment, order).status(status).command()).await;
        }
        let found = world.look(order).await;
        assert_eq!(found.orders.get(&order).unwrap().state, OrderState::Paid);
        assert!(found.grants.values().next().is_none() && found.memberships.values().next().is_none());
    }
    let later = world.clock.now() + SignedDuration::from_hours(1);
    assert_eq!(world.store.stats(later).await.unwrap().stuck_payments, 0);
    assert!(world.store.attention(AttentionFilter::default()).await.unwrap().is_empty());
}
