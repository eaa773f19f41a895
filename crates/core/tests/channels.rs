//! A channel's owner, and its archive: what changes hands, what comes back, and who is told.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod world;

use jiff::SignedDuration;
use tollhouse_core::attention::Reason;
use tollhouse_core::channel::{Channel, PlanDuration};
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome, Refusal};
use tollhouse_core::id::{PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::job::{JobKind, OwnerNotice};
use tollhouse_core::money::Currency;
use tollhouse_core::order::OrderSource;
use tollhouse_core::payout::{CHANGE_WAITS_HOURS, Payout};
use tollhouse_core::policy::Policies;
use tollhouse_core::presence::Standing;
use world::life::{chat, seen, work};
use world::{OWNER, PRIVATE_CHAT, PUBLIC_CHAT, World, user};

const HEIR: i64 = 77;

fn set_owner(world: &World, owner: Option<i64>) -> Command {
    Command::SetOwner {
        channel_id: world.channel,
        owner: owner.map(user),
        reason: "sold".into(),
        actor: "cli:alice".into(),
    }
}

fn channel(world: &World) -> &Channel {
    world.rows.channels.get(&world.channel).unwrap()
}

/// Who was told what.
fn told(world: &World) -> Vec<(TelegramUserId, OwnerNotice)> {
    let mut jobs: Vec<_> = world.rows.jobs.values().collect();
    jobs.sort_by_key(|job| (job.created_at, job.id));
    let notices = jobs.into_iter().filter_map(|job| match &job.kind {
        JobKind::NotifyOwner { owner: Some(owner), notice, .. } => Some((*owner, notice.clone())),
        _ => None,
    });
    notices.collect()
}

#[test]
fn a_channel_goes_to_another_owner_and_each_of_the_two_is_told_once() {
    let mut world = World::new();
    for _ in 0..2 {
        world.run(set_owner(&world, Some(HEIR)));
    }
    assert_eq!(channel(&world).owner, Some(user(HEIR)));
    let mut wanted = vec![(user(OWNER), OwnerNotice::ChannelTaken), (user(HEIR), OwnerNotice::ChannelGiven)];
    assert_eq!(told(&world), wanted);
    for _ in 0..2 {
        world.run(set_owner(&world, None));
    }
    assert_eq!(channel(&world).owner, None);
    wanted.push((user(HEIR), OwnerNotice::ChannelTaken));
    assert_eq!(told(&world), wanted);
    // The same way again is told again.
    world.run(set_owner(&world, Some(HEIR)));
    wanted.push((user(HEIR), OwnerNotice::ChannelGiven));
    assert_eq!(told(&world), wanted);
    let entries: Vec<_> =
        world.rows.audit.iter().filter(|entry| entry.action == "channel.owner_set").collect();
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry.reason == "sold" && entry.actor == "cli:alice"));
    assert_eq!(entries[0].detail, format!(r#"{{"from":"{OWNER}","to":"{HEIR}"}}"#));
}

#[test]
fn f109_what_the_former_owner_asked_for_the_wallet_does_not_outlive_their_ownership() {
    let mut world = World::new();
    let wallet = |coin, address| Payout::new(Currency::new(coin).unwrap(), address, None).unwrap();
    let (first, second) = (
        wallet("usdttrc20", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        wallet("btc", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    );
    let day = SignedDuration::from_hours(CHANGE_WAITS_HOURS);
    for payout in [&first, &second] {
        let set = Command::SetPayout {
            channel_id: world.channel,
            payout: payout.clone(),
            actor: "telegram:42".into(),
        };
        world.run(set);
        if payout == &first {
            world.now += day;
            work(&mut world);
        }
    }
    world.run(set_owner(&world, Some(HEIR)));
    assert_eq!(channel(&world).payout_change, None);
    let kept = (user(OWNER), OwnerNotice::PayoutKept { payout: second });
    assert!(told(&world).contains(&kept), "{:?}", told(&world));
    world.now += day;
    work(&mut world);
    assert_eq!(channel(&world).payout, Some(first), "what counted goes on to count");
}

#[test]
fn an_owner_is_set_with_a_reason_by_an_operator_only() {
    let mut world = World::new();
    let without = Command::SetOwner {
        channel_id: world.channel,
        owner: None,
        reason: " ".into(),
        actor: "cli:alice".into(),
    };
    assert!(matches!(world.try_run(without), Err(Refusal::Invalid(why)) if why.contains("reason")));
    for command in [
        set_owner(&world, Some(HEIR)),
        Command::UnarchiveChannel { channel_id: world.channel, actor: "x".into() },
    ] {
        let by = Command::ByOwner { owner: user(OWNER), command: Box::new(command) };
        assert!(matches!(world.try_run(by), Err(Refusal::Invalid(_))));
    }
    assert_eq!(channel(&world).owner, Some(user(OWNER)));
    assert_eq!(told(&world), []);
}

#[test]
fn who_becomes_the_owner_is_no_stranger_any_more() {
    let mut world = World::new();
    seen(&mut world, HEIR, Standing::Inside);
    assert_eq!(world.open_reasons(), [Reason::StrangerInside]);
    world.run(set_owner(&world, Some(HEIR)));
    assert!(world.open_reasons().is_empty());
}

#[test]
fn f50_an_archived_channel_is_sold_again_by_the_links_that_it_had() {
    let mut world = World::new();
    let (channel_id, plan_id) = (world.channel, channel(&world).plans[0].id);
    let actor = || "cli:alice".to_owned();
    let made = world.run(Command::CreateLink {
        channel_id,
        plan_id,
        expires_at: None,
        max_uses: None,
        actor: actor(),
    });
    let Outcome::Link(link) = made else { panic!("{made:?}") };
    let slug = world.rows.links.get(&link).unwrap().slug.clone();
    let buy = || Command::CreateOrder {
        from: OrderFrom::Link { slug: slug.clone() },
        user: None,
        source: OrderSource::DirectLink,
        wants_invoice: false,
    };
    world.run(Command::ArchiveChannel { channel_id, actor: actor() });
    assert!(matches!(world.try_run(buy()), Err(Refusal::Conflict(_))));
    // Whoever registers the chat again is told how to go on instead.
    let month =
        NewPlan { label: "Month".into(), price: "5 USD".parse().unwrap(), duration: PlanDuration::Days(30) };
    let add = |private_chat, public_chat: Option<i64>| {
        Command::AddChannel(Box::new(NewChannel {
            private_chat,
            public_chat: public_chat.map(|chat| PublicChatId::new(chat).unwrap()),
            title: "Again".into(),
            owner: None,
            payout: None,
            plans: vec![month.clone()],
            policies: Policies::default(),
            actor: "cli:alice".into(),
        }))
    };
    let another = PrivateChatId::new(PRIVATE_CHAT - 1).unwrap();
    let ways = [add(chat(), None), add(another, Some(PUBLIC_CHAT))];
    let way = format!("tollhouse channel unarchive {channel_id}");
    for add in ways.clone() {
        let refused = world.try_run(add);
        assert!(matches!(&refused, Err(Refusal::Conflict(why)) if why.contains(&way)), "{refused:?}");
    }
    for _ in 0..2 {
        world.run(Command::UnarchiveChannel { channel_id, actor: actor() });
    }
    assert_eq!(channel(&world).archived_at, None);
    assert!(matches!(world.run(buy()), Outcome::Order(_)));
    let unarchived = world.rows.audit.iter().filter(|entry| entry.action == "channel.unarchived").count();
    assert_eq!(unarchived, 1);
    for add in ways {
        let refused = world.try_run(add);
        assert!(matches!(&refused, Err(Refusal::Conflict(why)) if !why.contains("unarchive")), "{refused:?}");
    }
}
