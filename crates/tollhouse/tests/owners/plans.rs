//! A new plan: what is read as its price, and why there can be none.

use tollhouse_telegram::UserId;

use crate::house::{House, OLGA};
use crate::town::Engine;

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
