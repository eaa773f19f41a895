//! What owners find in the lists: every channel of theirs, however many, and everybody who is inside.

use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, NewChannel, NewPlan};
use tollhouse_core::id::PrivateChatId;
use tollhouse_telegram::{AdminRights, UserId};

use crate::house::{ADAM, House, OLGA};
use crate::town::{Engine, PRIVATE_CHAT, user};

async fn add_channel(house: &House, number: i64) {
    let plan =
        NewPlan { label: "Month".into(), price: "5 USD".parse().unwrap(), duration: PlanDuration::Days(30) };
    let channel = NewChannel {
        private_chat: PrivateChatId::new(-1_002_000_001_000 - number).unwrap(),
        public_chat: None,
        title: format!("Room {number}"),
        owner: Some(user(OLGA.0)),
        payout: None,
        plans: vec![plan],
        policies: house.app().config.policies.clone(),
        actor: "cli:test".into(),
    };
    house.app().submit(Command::AddChannel(Box::new(channel))).await.unwrap();
}

async fn archive(house: &House) {
    let archive = Command::ArchiveChannel { channel_id: house.town.channel, actor: "cli:test".to_owned() };
    house.app().submit(archive).await.unwrap();
    house.settle().await;
}

/// The words on the buttons of the newest message.
fn buttons(house: &House, who: UserId) -> Vec<String> {
    house.last(who).buttons.into_iter().flatten().map(|button| button.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_inside_in_grace_is_listed_as_well_as_counted() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    for (number, duration) in [(ADAM.0, PlanDuration::Days(1)), (90_002, PlanDuration::Days(30))] {
        let member = Member::User { channel_id: house.town.channel, user: user(number) };
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        house.app().submit(Command::GrantMembership { member, duration, reason, actor }).await.unwrap();
    }
    house.pass(25).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains(": 2") && members.contains("90002, until"), "{members}");
    let in_grace =
        |members: &str| members.contains("2002, time is over since") && members.contains("in grace until");
    assert!(in_grace(&members), "{members}");
    // The bot may remove nobody there.
    house.pass(24 * 7).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains("not shown out yet") && !in_grace(&members), "{members}");
    house.make_admin(PRIVATE_CHAT, OLGA, AdminRights::gatekeeper());
    house.pass(24).await;
    let members = house.say_once(OLGA, "/members").await;
    assert!(members.contains(": 1") && !members.contains("2002"), "{members}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_many_channels_is_reached_by_every_command() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    for number in 2..=20 {
        add_channel(&house, number).await;
    }
    for (command, card) in [
        ("/channels", "Signals & <Co>\n"),
        ("/plans", "Plans of Signals & <Co>"),
        ("/members", "Members of Signals & <Co>"),
        ("/sales", "Sales of Signals & <Co>"),
        ("/post", "The offer of Signals & <Co>"),
    ] {
        house.say_once(OLGA, command).await;
        let first = buttons(&house, OLGA);
        assert_eq!((first[0].as_str(), first.len()), ("Room 20", 9), "{first:?}");
        house.press(OLGA, "More").await;
        assert_eq!(buttons(&house, OLGA)[0], "Room 12", "{command}");
        house.press(OLGA, "More").await;
        let said = house.press(OLGA, "Signals & <Co>").await;
        assert!(said.starts_with(card), "{command}: {said}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_channel_is_still_its_owners_and_comes_last() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    archive(&house).await;
    for command in ["/channels", "/plans", "/post"] {
        let card = house.say_once(OLGA, command).await;
        assert!(card.contains("Signals & <Co>") && card.contains("not sold any more"), "{command}: {card}");
    }
    assert!(house.say_once(OLGA, "/members").await.contains("Members of Signals & <Co>"));
    // Ten that are sold, and were made after it.
    for number in 1..=10 {
        add_channel(&house, number).await;
    }
    house.say_once(OLGA, "/channels").await;
    house.press(OLGA, "More").await;
    assert_eq!(buttons(&house, OLGA), ["Room 2", "Room 1", "Signals & <Co> (not sold)"]);
    // One that is older than some of them, and is put on sale again.
    let back = Command::UnarchiveChannel { channel_id: house.town.channel, actor: "cli:test".to_owned() };
    house.app().submit(back).await.unwrap();
    house.say_once(OLGA, "/channels").await;
    house.press(OLGA, "More").await;
    assert_eq!(buttons(&house, OLGA), ["Room 2", "Room 1", "Signals & <Co>"]);
    house.stop().await;
}
