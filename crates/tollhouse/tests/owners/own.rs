//! One's own channels, and nobody else's: plans, members, sales, the wallet.

use jiff::SignedDuration;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, OfferChange, Refusal};
use tollhouse_core::id::ChannelId;
use tollhouse_core::offer::Offer;
use tollhouse_core::payout::{CHANGE_WAITS_HOURS, Payout};
use tollhouse_core::snapshot::Needs;
use tollhouse_store::LinkFilter;
use tollhouse_telegram::UserId;

use crate::house::{ADAM, House, MALLORY, OLGA, WALLET};
use crate::town::{BUYER, Engine, body, user};

const OTHER_WALLET: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_adds_and_retires_plans_and_shares_their_links() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    // With one channel its card comes at once.
    let card = house.say_once(OLGA, "/channels").await;
    assert!(card.contains("Signals & <Co>") && card.contains("Month: $2.50, 30 days"), "{card}");
    house.press(OLGA, "Plans").await;
    house.press(OLGA, "Add a plan").await;
    house.say_once(OLGA, "Month").await;
    house.say_once(OLGA, "7").await;
    assert!(house.press(OLGA, "7 days").await.contains("already"), "the label is on sale");
    for text in ["Week", "7"] {
        house.say_once(OLGA, text).await;
    }
    assert!(house.press(OLGA, "7 days").await.contains("Week: $7, 7 days"));
    assert!(house.press(OLGA, "Week").await.contains("Week: $7, 7 days"));
    let link = house.press(OLGA, "Payment link").await;
    let again = house.press(OLGA, "Payment link").await;
    assert_eq!(link, again, "one link, however often it is asked for");
    assert_eq!(house.app().store.links(LinkFilter::default()).await.unwrap().len(), 1);
    assert!(link.contains("/c/") && link.contains("?start=p_"), "{link}");
    let (_, old) = house.button(OLGA, "Payment link");
    assert!(house.press(OLGA, "Take off sale").await.contains("Who has bought it keeps it"));
    assert!(!house.press(OLGA, "Take off sale").await.contains("Week"));
    // A button from before it was retired.
    assert!(house.forge(OLGA, &old).await.concat().contains("not on sale any more"));
    assert_eq!(house.audited("plan.retired").await, [format!("telegram:{OLGA}")]);
    assert!(house.say_once(OLGA, "/plans").await.contains("Year: $99.99"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_and_sales_are_counted_and_named() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    assert!(house.say_once(OLGA, "/members").await.contains(": 0"));
    for (payment, price, hours) in [(1, "2.5", 24 * 20), (2, "2.5", 24 * 3), (3, "99.99", 0)] {
        let reference = format!("PGP-{}|{}", BUYER + payment, crate::town::PUBLIC_CHAT);
        let (code, answer) = house.town.notify(&body(payment, "finished", Some(&reference), price)).await;
        assert_eq!(code, 200, "{answer}");
        house.pass(hours).await;
    }
    let sales = house.say_once(OLGA, "/sales").await;
    assert!(sales.contains("Last 7 days: 2 paid orders, $102.49"), "{sales}");
    assert!(sales.contains("Last 30 days: 3 paid orders, $104.99"), "{sales}");
    for number in 0..25 {
        let member = Member::User { channel_id: house.town.channel, user: user(90_000 + number) };
        let (reason, actor) = ("test".to_owned(), "cli:test".to_owned());
        let give = Command::GrantMembership { member, duration: PlanDuration::Lifetime, reason, actor };
        house.app().submit(give).await.unwrap();
    }
    let first = house.say_once(OLGA, "/members").await;
    assert!(first.contains(": 28") && first.contains("90024, for ever, has not joined yet"), "{first}");
    assert!(house.press(OLGA, "More").await.contains("90014"));
    assert!(house.press(OLGA, "More").await.contains("90000"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f107_nobody_sees_or_edits_anothers_channel() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    // Every button that Olga has, from every card.
    house.say_once(OLGA, "/channels").await;
    let mut data = Vec::new();
    for (button, back) in
        [("Plans", true), ("Members", true), ("Sales", true), ("Offer", true), ("Payout address", true)]
    {
        house.press(OLGA, button).await;
        data.extend(buttons(&house));
        if back {
            house.press(OLGA, "Back").await;
        }
    }
    data.extend(buttons(&house));
    house.press(OLGA, "Plans").await;
    house.press(OLGA, "Month").await;
    data.extend(buttons(&house));
    house.press(OLGA, "Take off sale").await;
    data.extend(buttons(&house));
    // What anybody may press: to buy.
    data.retain(|data| !data.starts_with("b:"));
    data.sort();
    data.dedup();
    for card in ["own:pl:", "own:rn:", "own:ms:", "own:sl:", "own:pc:", "own:of:", "own:op:", "own:oe:"] {
        assert!(data.iter().any(|data| data.starts_with(card)), "{card}: {data:?}");
    }
    let before = (house.channels().await, offers(&house).await);
    for data in &data {
        let said = house.forge(MALLORY, data).await;
        assert_eq!(said, ["There is no such channel of yours. /channels shows yours."], "{data}");
    }
    for command in ["/channels", "/plans", "/members", "/sales"] {
        assert!(house.say_once(MALLORY, command).await.contains("You have no channel here yet"));
    }
    // The rules themselves refuse it, whatever the bot has let through.
    let id = before.0[0].id;
    let every_day = OfferChange { every_hours: Some(Some(24)), ..OfferChange::default() };
    for command in [
        Command::RetirePlan { channel_id: id, plan_id: before.0[0].plans[0].id, actor: "x".to_owned() },
        Command::SetPayout { channel_id: id, payout: wallet(), actor: "x".to_owned() },
        Command::CancelPayoutChange { channel_id: id, counts_at: None, actor: "x".to_owned() },
        Command::PostOffer { channel_id: id, actor: "x".to_owned() },
        Command::SetOffer { channel_id: id, change: Box::new(every_day), actor: "x".to_owned() },
    ] {
        let by = Command::ByOwner { owner: user(MALLORY.0), command: Box::new(command) };
        let refused = house.app().store.submit(by).await.unwrap();
        assert!(matches!(refused, Err(Refusal::NotFound(_))), "{refused:?}");
    }
    let all =
        Command::FreezeRemovals { channel_id: None, freeze: true, reason: "x".into(), actor: "x".into() };
    let by = Command::ByOwner { owner: user(OLGA.0), command: Box::new(all) };
    assert!(matches!(house.app().store.submit(by).await.unwrap(), Err(Refusal::Invalid(_))));
    assert_eq!((house.channels().await, offers(&house).await), before);
    assert_eq!(house.audited("offer.post_asked").await, Vec::<String>::new());
    house.stop().await;
}

/// How the offers of all channels stand.
async fn offers(house: &House) -> Vec<Option<Offer>> {
    let channels = house.channels().await;
    let mut needs = Needs::default();
    needs.offers.extend(channels.iter().map(|channel| channel.id));
    let offers = house.app().store.snapshot(needs).await.unwrap().offers;
    channels.iter().map(|channel| offers.get(&channel.id).cloned()).collect()
}

fn buttons(house: &House) -> Vec<String> {
    let posts = house.posts(OLGA);
    let rows = posts.iter().flat_map(|post| post.buttons.iter().flatten());
    rows.filter_map(|button| button.callback_data.clone()).collect()
}

fn wallet() -> Payout {
    Payout::new("usdttrc20".to_owned().try_into().unwrap(), WALLET, None).unwrap()
}

async fn ask_for_wallet(house: &House, coin: &str, address: &str) -> String {
    house.say_once(OLGA, "/channels").await;
    house.press(OLGA, "Payout address").await;
    house.press(OLGA, "Change the address").await;
    house.say_once(OLGA, coin).await;
    house.say_once(OLGA, address).await;
    house.press(OLGA, "Change it").await
}

async fn payouts(house: &House, id: ChannelId) -> (Option<String>, Option<String>) {
    let channel = house.channels().await.into_iter().find(|channel| channel.id == id).unwrap();
    let address = |payout: Payout| payout.address;
    (channel.payout.map(address), channel.payout_change.map(|change| change.payout.address))
}

async fn a_wallet_changes_a_day_later(engine: Engine) {
    let mut house = House::new(engine).await;
    let id = house.town.channel;
    house.start(OLGA).await;
    ask_for_wallet(&house, "usdttrc20", WALLET).await;
    let waits = (None, Some(WALLET.to_owned()));
    assert_eq!(payouts(&house, id).await, waits);
    assert!(house.last(OLGA).text.contains("If you did not ask for this"), "{:?}", house.last(OLGA));
    house.pass(CHANGE_WAITS_HOURS - 1).await;
    assert_eq!(payouts(&house, id).await, waits, "not before its time");
    house.pass(1).await;
    assert_eq!(payouts(&house, id).await, (Some(WALLET.to_owned()), None));
    assert!(house.last(OLGA).text.contains("is now"), "{:?}", house.last(OLGA));
    // Somebody else has her account, or the operator's: she stops it by the button under the message.
    let (currency, actor) = ("eth".to_owned().try_into().unwrap(), "cli:mallory".to_owned());
    let payout = Payout::new(currency, OTHER_WALLET, None).unwrap();
    house.app().submit(Command::SetPayout { channel_id: id, payout, actor }).await.unwrap();
    house.settle().await;
    assert!(house.last(OLGA).text.contains(OTHER_WALLET));
    house.pass(CHANGE_WAITS_HOURS - 1).await;
    house.press(OLGA, "Keep the old address").await;
    assert_eq!(payouts(&house, id).await, (Some(WALLET.to_owned()), None));
    house.pass(CHANGE_WAITS_HOURS).await;
    assert_eq!(payouts(&house, id).await, (Some(WALLET.to_owned()), None));
    // An old button stops no new change.
    let (_, old) = house.button(OLGA, "Keep the old address");
    house.town.clock.advance(SignedDuration::from_secs(1));
    ask_for_wallet(&house, "eth", OTHER_WALLET).await;
    assert!(house.forge(OLGA, &old).await.concat().contains("not waiting any more"));
    assert_eq!(payouts(&house, id).await.1.as_deref(), Some(OTHER_WALLET));
    // To ask again for what waits does not put it off; to ask for another begins anew.
    house.pass(CHANGE_WAITS_HOURS / 2).await;
    ask_for_wallet(&house, "eth", OTHER_WALLET).await;
    house.pass(CHANGE_WAITS_HOURS / 2).await;
    assert_eq!(payouts(&house, id).await, (Some(OTHER_WALLET.to_owned()), None));
    ask_for_wallet(&house, "btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").await;
    house.pass(CHANGE_WAITS_HOURS - 1).await;
    ask_for_wallet(&house, "usdttrc20", WALLET).await;
    house.pass(1).await;
    assert_eq!(payouts(&house, id).await, (Some(OTHER_WALLET.to_owned()), Some(WALLET.to_owned())));
    house.pass(CHANGE_WAITS_HOURS - 1).await;
    assert_eq!(payouts(&house, id).await, (Some(WALLET.to_owned()), None));
    assert_eq!(house.audited("payout.changed").await, ["system", "system", "system"]);
    assert_eq!(house.audited("payout.change_cancelled").await, [format!("telegram:{OLGA}")]);
    assert_eq!(house.audited("payout.change_asked").await[1], "cli:mallory");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f109_a_change_of_the_wallet_waits_and_can_be_stopped_on_sqlite() {
    a_wallet_changes_a_day_later(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f109_a_change_of_the_wallet_waits_and_can_be_stopped_on_postgres() {
    a_wallet_changes_a_day_later(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memo_is_asked_for_where_there_are_memos() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    house.say_once(OLGA, "/channels").await;
    house.press(OLGA, "Payout address").await;
    house.press(OLGA, "Change the address").await;
    house.say_once(OLGA, "xrp").await;
    let asked = house.say_once(OLGA, "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh").await;
    assert!(asked.contains("memo or tag"), "{asked}");
    assert!(house.say_once(OLGA, "not a tag").await.contains("no memo"));
    assert!(house.say_once(OLGA, "12345").await.contains("12345"));
    house.press(OLGA, "Change it").await;
    let change = house.channels().await[0].payout_change.clone().unwrap();
    assert_eq!(change.payout.memo.as_deref(), Some("12345"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f107_a_channel_that_was_given_away_is_the_new_owners_and_nothing_of_the_formers() {
    let mut house = House::new(Engine::Sqlite).await;
    let id = house.town.channel;
    for who in [OLGA, ADAM] {
        house.start(who).await;
    }
    let language = format!("language:{ADAM}");
    house.app().store.put_state(&language, "ru").await.unwrap();
    house.say_once(OLGA, "/channels").await;
    let (_, plans) = house.button(OLGA, "Plans");
    ask_for_wallet(&house, "usdttrc20", WALLET).await;
    let give = |owner: Option<UserId>| Command::SetOwner {
        channel_id: id,
        owner: owner.map(|owner| user(owner.0)),
        reason: "she sold it".to_owned(),
        actor: "cli:test".to_owned(),
    };
    house.app().submit(give(Some(ADAM))).await.unwrap();
    house.settle().await;
    assert!(house.posts(OLGA).iter().any(|post| post.text.contains("is not yours here any more")));
    assert!(house.last(ADAM).text.contains("теперь ваш"), "{}", house.last(ADAM).text);
    assert!(house.say_once(OLGA, "/channels").await.contains("You have no channel here yet"));
    assert!(house.forge(OLGA, &plans).await.concat().contains("no such channel of yours"));
    assert!(house.say_once(ADAM, "/channels").await.contains("Signals & <Co>"));
    assert_eq!(payouts(&house, id).await, (None, None));
    house.pass(CHANGE_WAITS_HOURS).await;
    assert_eq!(payouts(&house, id).await, (None, None), "what she asked for never counts");
    assert_eq!(house.audited("channel.owner_set").await, ["cli:test"]);

    let before = house.posts(OLGA).len();
    house.app().store.put_state(&language, "ru").await.unwrap();
    house.app().submit(give(None)).await.unwrap();
    house.settle().await;
    assert!(house.last(ADAM).text.contains("больше не ваш"), "{}", house.last(ADAM).text);
    assert_eq!(house.posts(OLGA).len(), before, "it is nothing to her any more");
    house.stop().await;
}
