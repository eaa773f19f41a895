//! A new plan: what is read as its price, and why there can be none.

use tollhouse_core::channel::{ACTIVE_PLANS_MAX, PlanDuration};
use tollhouse_core::command::{Command, NewPlan};
use tollhouse_telegram::UserId;
use tollhouse_telegram::fake::NewUser;

use crate::house::{House, OLGA};
use crate::town::{Engine, user};

/// Who speaks Russian, and owns the channel in her place.
const VERA: UserId = UserId(7_331);

/// As far as the question for the price.
async fn begin(house: &House, who: UserId, button: &str) {
    house.say_once(who, "/plans").await;
    house.press(who, button).await;
    house.say_once(who, "Gold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_in_money_that_is_known_and_never_guessed() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    begin(&house, OLGA, "Add a plan").await;
    for text in ["5 doubloons", "5 moons", "20 usdt"] {
        let said = house.say_once(OLGA, text).await;
        assert!(said.contains("as a price") && said.contains("4.50 EUR"), "{text}: {said}");
    }
    for (text, more, less) in [
        ("1.500 eur", "1500 EUR", "1.50 EUR"),
        ("50,000 cop", "50000 COP", "50.00 COP"),
        ("$2.125", "2125 USD", "2.1250 USD"),
        ("1,500 usdttrc20", "1500 USDTTRC20", "1.50 USDTTRC20"),
    ] {
        let said = house.say_once(OLGA, text).await;
        assert!(said.contains("two ways") && said.contains(more) && said.contains(less), "{text}: {said}");
    }
    assert!(house.say_once(OLGA, "5 dollars").await.contains("how long"));
    assert!(house.press(OLGA, "30 days").await.contains("Gold: $5, 30 days"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_an_archived_channel_is_refused_for_that_reason() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    begin(&house, OLGA, "Add a plan").await;
    house.say_once(OLGA, "5").await;
    let (_, add) = house.button(OLGA, "Add a plan");
    let archive = Command::ArchiveChannel { channel_id: house.town.channel, actor: "cli:test".to_owned() };
    house.app().submit(archive).await.unwrap();
    house.settle().await;
    let refused = house.press(OLGA, "30 days").await;
    assert!(refused.contains("is not sold any more, so it takes no new plan"), "{refused}");
    assert!(house.say(OLGA, "Silver").await.is_empty(), "nothing is asked any more");
    // A button from before.
    assert_eq!(house.forge(OLGA, &add).await, [refused]);
    assert!(house.say(OLGA, "Silver").await.is_empty());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_plan_more_than_there_can_be_is_refused_at_once_and_in_the_owners_language() {
    let mut house = House::new(Engine::Sqlite).await;
    house
        .telegram()
        .add_user(NewUser { language_code: Some("ru".to_owned()), ..NewUser::new(VERA.0, "Вера") })
        .unwrap();
    house.start(VERA).await;
    let channel_id = house.town.channel;
    let give = Command::SetOwner {
        channel_id,
        owner: Some(user(VERA.0)),
        reason: "x".to_owned(),
        actor: "cli:test".to_owned(),
    };
    house.app().submit(give).await.unwrap();
    house.settle().await;
    let add = async |number: usize| {
        let price = "5 USD".parse().unwrap();
        let plan = NewPlan { label: format!("Plan {number}"), price, duration: PlanDuration::Lifetime };
        house
            .app()
            .submit(Command::AddPlan { channel_id, plan, actor: "cli:test".to_owned() })
            .await
            .unwrap();
    };
    // Two are there already.
    for number in 3..ACTIVE_PLANS_MAX {
        add(number).await;
    }
    begin(&house, VERA, "Добавить тариф").await;
    house.say_once(VERA, "5 долларов").await;
    // Somebody was faster.
    add(ACTIVE_PLANS_MAX).await;
    let refused = house.press(VERA, "30 дней").await;
    assert!(refused.contains("Тарифов в продаже уже 20"), "{refused}");
    assert!(house.say(VERA, "Серебро").await.is_empty(), "nothing is asked any more");
    house.say_once(VERA, "/plans").await;
    assert_eq!(house.press(VERA, "Добавить тариф").await, refused);
    assert!(house.say(VERA, "Серебро").await.is_empty(), "nothing was asked");
    house.stop().await;
}
