//! Buying in the bot, against the simulated Telegram: from a link's start payload to access, and everything that such a payload may say.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::time::Duration;

use jiff::SignedDuration;
use tollhouse::serve::Roles;
use tollhouse_core::command::Command;
use tollhouse_core::order::OrderSource;
use tollhouse_telegram::fake::{Author, NewChat, NewUser, Post, World};
use tollhouse_telegram::{AdminRights, Button, ChatId, ChatKind, Html, Keyboard, Limits, Rate, UserId};
use town::shop::{ANN, BEN, MONTH, Said, Shop, YEAR};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, Town, body, user};

const GROUP: ChatId = ChatId(-1_002_000_000_777);

async fn two_interleaved_buyers(engine: Engine) {
    let mut shop = Shop::open(engine).await;
    let (month, year) = (shop.link(MONTH, None, None).await, shop.link(YEAR, None, None).await);
    let to_ann = shop.buy(ANN, &month).await;
    let to_ben = shop.buy(BEN, &year).await;
    let (anns, bens) = (shop.order(ANN).await, shop.order(BEN).await);
    assert_eq!((anns.source, bens.source), (OrderSource::Bot, OrderSource::Bot));
    assert_eq!(to_ann.urls, [shop.page(anns.id)]);
    assert_eq!(to_ben.urls, [shop.page(bens.id)]);
    assert!(to_ann.text.starts_with("Signals & <Co>: Month, 30 days for $2.50."), "{}", to_ann.text);
    assert!(to_ben.text.starts_with("Signals & <Co>: Year, 365 days for $99.99."), "{}", to_ben.text);

    // To each the other's order is the same as one that does not exist, and it stays whose it is.
    let nothing = shop.start(ANN, "o_ord_00000000000070008000000000000001").await;
    assert_eq!(nothing.urls, Vec::<String>::new());
    for bens_name in [format!("o_{}", bens.id), format!("o_{}", bens.id.0.simple())] {
        assert_eq!(shop.start(ANN, &bens_name).await, nothing);
    }
    assert_eq!(shop.start(BEN, &format!("o_{}", anns.id)).await, nothing);
    assert_eq!((shop.order(ANN).await, shop.order(BEN).await), (anns.clone(), bens.clone()));

    // Ann pays hers: the access is hers, and Ben hears nothing of it.
    let ben_heard = shop.all_said(BEN).len();
    shop.notify(&body(1, "finished", Some(&anns.id.to_string()), "2.50")).await;
    assert!(shop.all_said(ANN).last().unwrap().text.starts_with("Thank you!"));
    assert_eq!(shop.all_said(BEN).len(), ben_heard);
    shop.notify(&body(2, "finished", Some(&bens.id.to_string()), "99.99")).await;
    for who in [ANN, BEN] {
        let links = shop.all_said(who).pop().unwrap().urls;
        let telegram = &shop.town.telegram;
        telegram.open_link(who, &links[0]).unwrap();
        shop.settle().await;
        assert!(telegram.read(|world| world.is_inside(ChatId(PRIVATE_CHAT), who)));
    }
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_two_interleaved_buyers_never_see_each_others_order_on_sqlite() {
    two_interleaved_buyers(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f18_two_interleaved_buyers_never_see_each_others_order_on_postgres() {
    two_interleaved_buyers(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_s38_no_payload_makes_a_price_and_each_has_an_answer() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(YEAR, None, None).await;
    let slug = &link.slug;
    for payload in [
        // The predecessor's: the channel in base 64, a price, days.
        "LTEwMDMwMTY2NjcyNjc_0d01_9999".to_owned(),
        "LTEwMDMwMTY2NjcyNjc=_1d00_9999".to_owned(),
        format!("p_{slug}_0d01_9999"),
        format!("p_{slug}?price=0.01"),
        format!("p_{slug} 0.01"),
        format!("p_{}", slug.to_lowercase() + "0"),
        format!("P_{slug}"),
        format!("p_{}", link.id),
        format!("p_{}", link.plan_id),
        format!("p_{}", "7".repeat(4_000)),
        "p_".to_owned(),
        "p_' OR 1=1 --".to_owned(),
        "o_".to_owned(),
        "o_PGP-6271402111|-1003016667267".to_owned(),
        format!("o_{slug}"),
        "r_1".to_owned(),
        "c_1".to_owned(),
        "<b>free</b>".to_owned(),
    ] {
        let said = shop.start(BEN, &payload).await;
        assert!(said.text.contains("link") || said.text.contains("order"), "{payload}: {}", said.text);
        assert_eq!(said.urls, Vec::<String>::new(), "{payload}");
        assert_eq!(shop.orders(None).await, [], "{payload}");
    }
    assert_eq!(shop.link_now(link.id).await.uses, 0);
    // The same town sells, at the plan's price.
    shop.buy(BEN, &link).await;
    assert_eq!(shop.order(BEN).await.price, "99.99 USD".parse().unwrap());
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_sells_nothing_says_why() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let in_an_hour = shop.town.clock.now() + SignedDuration::from_hours(1);
    let (revoked, expired) =
        (shop.link(MONTH, None, None).await, shop.link(MONTH, Some(in_an_hour), None).await);
    let (once, retired) = (shop.link(MONTH, None, Some(1)).await, shop.link(YEAR, None, None).await);
    let actor = "cli:test".to_owned();
    let revoke = Command::RevokeLink { link_id: revoked.id, actor: actor.clone() };
    shop.town.app.submit(revoke).await.unwrap();
    let retire = Command::RetirePlan { channel_id: shop.town.channel, plan_id: retired.plan_id, actor };
    shop.town.app.submit(retire).await.unwrap();
    shop.town.clock.advance(SignedDuration::from_hours(2));
    let bought = shop.buy(ANN, &once).await;
    assert_eq!(shop.link_now(once.id).await.uses, 1);

    for (link, words) in [
        (&revoked, "taken this payment link back"),
        (&expired, "has expired"),
        (&once, "as often as it may be"),
        (&retired, "not on sale any more"),
    ] {
        let said = shop.buy(BEN, link).await;
        assert!(said.text.contains(words), "{}", said.text);
        assert_eq!(said.urls, Vec::<String>::new());
    }
    assert_eq!(shop.orders(Some(user(BUYER))).await, []);
    // Whoever took the last use has it still.
    assert_eq!(shop.buy(ANN, &once).await, bought);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_tap_makes_one_order_and_a_later_wish_another() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    let payload = format!("p_{}", link.slug);
    shop.town.telegram.start(BEN, &payload).unwrap();
    shop.town.telegram.start(BEN, &payload).unwrap();
    shop.settle().await;
    let first = shop.order(BEN).await;
    let said = shop.all_said(BEN);
    assert_eq!(said.len(), 1, "and is answered by one message");
    assert_eq!(said[0].urls, [shop.page(first.id)]);
    assert_eq!(shop.link_now(link.id).await.uses, 1);

    // Who has sent money is told about that, and not asked for more.
    shop.town.clock.advance(SignedDuration::from_mins(59));
    shop.notify(&body(1, "confirming", Some(&first.id.to_string()), "2.50")).await;
    let said = shop.buy(BEN, &link).await;
    assert!(said.text.contains("is being confirmed"), "{}", said.text);
    assert_eq!(shop.order(BEN).await.id, first.id);

    shop.town.clock.advance(SignedDuration::from_mins(1));
    let said = shop.buy(BEN, &link).await;
    let orders = shop.orders(Some(user(BUYER))).await;
    assert_eq!(orders.len(), 2);
    let second = orders.iter().find(|order| order.id != first.id).unwrap();
    assert_eq!(said.urls, [shop.page(second.id)]);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_tells_its_buyer_how_it_stands() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    let offered = shop.buy(BEN, &link).await;
    let id = shop.order(BEN).await.id;
    let (payload, name, page) = (format!("o_{id}"), id.to_string(), shop.page(id));
    assert_eq!(shop.start(BEN, &payload).await, offered);

    let a_part = |status: &str| {
        let whole = body(1, status, Some(&name), "2.50");
        whole.replace(r#""actually_paid":0.000025"#, r#""actually_paid":0.00001"#)
    };
    shop.notify(&a_part("confirming")).await;
    let said = shop.start(BEN, &payload).await;
    assert!(said.text.contains("is being confirmed"), "{}", said.text);

    shop.notify(&a_part("partially_paid")).await;
    let said = shop.start(BEN, &payload).await;
    assert!(said.text.contains("exactly 0.000015\u{a0}BTC,"), "{}", said.text);

    shop.notify(&body(1, "finished", Some(&name), "2.50")).await;
    let said = shop.start(BEN, &payload).await;
    assert!(said.text.contains("paid, thank you! Your access lasts until"), "{}", said.text);
    assert!(said.urls[0].starts_with("https://t.me/+"), "the link: {:?}", said.urls);
    assert_eq!(said.urls[1..], [page.as_str()]);

    shop.notify(&body(1, "refunded", Some(&name), "2.50")).await;
    let said = shop.start(BEN, &payload).await;
    assert!(said.text.contains("was refunded"), "{}", said.text);

    // One for which nothing ever comes.
    shop.buy(ANN, &link).await;
    let id = shop.order(ANN).await.id;
    shop.town.clock.advance(SignedDuration::from_hours(25));
    let said = shop.start(ANN, &format!("o_{id}")).await;
    assert!(said.text.contains("no payment came in time"), "{}", said.text);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f54_in_a_group_the_answer_is_a_link_to_the_private_chat() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    let telegram = shop.town.telegram.clone();
    let room = NewChat::channel(GROUP.0, "Talk", UserId(OWNER));
    telegram.add_chat(NewChat { kind: ChatKind::Supergroup, ..room }).unwrap();
    telegram.make_bot_admin(GROUP, UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    telegram.add_member(GROUP, UserId(OWNER), BEN).unwrap();
    for text in ["/start", "/start p_ofanotherbot", "/mylink", "/help", "hello"] {
        telegram.say_in(BEN, GROUP, text).unwrap();
    }
    telegram.say_in(BEN, GROUP, &format!("/start p_{}", link.slug)).unwrap();
    shop.settle().await;
    let name = shop.town.app.bot_name.get().unwrap();
    let (said, web_apps) = telegram.read(|world| {
        let posts: Vec<&Post> = world
            .posts(GROUP)
            .iter()
            .filter(|post| post.author == tollhouse_telegram::fake::Author::Bot)
            .collect();
        let buttons = posts.iter().flat_map(|post| post.buttons.iter().flatten());
        let web_apps = buttons.filter(|button| button.web_app.is_some()).count();
        (posts.into_iter().map(Said::of).collect::<Vec<_>>(), web_apps)
    });
    let [said] = said.as_slice() else { panic!("{said:?}") };
    assert!(said.text.starts_with("Signals & <Co>: you buy in a private chat"), "{}", said.text);
    assert_eq!(said.urls, [format!("https://t.me/{name}?start=p_{}", link.slug)]);
    assert_eq!(web_apps, 0);
    assert_eq!(shop.orders(None).await, [], "nobody has an order before they open the private chat");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f53_a_button_or_a_command_that_means_nothing_is_answered() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let telegram = shop.town.telegram.clone();
    shop.start(BEN, "").await;
    let gateway = shop.town.app.gateway.clone().unwrap();
    let old = Keyboard::column([Button::callback("Tier 3", "tier:3:0.01")]);
    let message =
        gateway.send_message(BEN.private_chat(), &Html::text("Of another time"), Some(&old)).await.unwrap();
    let press = telegram.press(BEN, BEN.private_chat(), message, "tier:3:0.01").unwrap();
    shop.settle().await;
    let shown = telegram.read(|world| world.press_answer(&press).flatten().map(str::to_owned));
    assert!(shown.unwrap().starts_with("This button is of another time"));

    telegram.say(BEN, "/donate 5").unwrap();
    shop.settle().await;
    let said = telegram.read(|world| Said::of(world.bot_posts(BEN).last().unwrap()));
    assert!(said.text.contains("I do not know this command"), "{}", said.text);
    assert_eq!(shop.orders(None).await, []);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_reads_their_own_language() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    let vera = UserId(7_002);
    let russian = NewUser { language_code: Some("ru".to_owned()), ..NewUser::new(vera.0, "Вера") };
    shop.town.telegram.add_user(russian).unwrap();
    let said = shop.buy(vera, &link).await;
    assert!(said.text.starts_with("Signals & <Co>: Month, 30 дней за 2,50"), "{}", said.text);
    shop.town.stop().await;
}

/// Twenty times the same link into a group, from one account: the answers hold up nobody for long, and another account has its own.
#[tokio::test(flavor = "multi_thread")]
async fn who_floods_a_group_is_answered_as_often_as_one_account_may_ask() {
    const FLOOD: usize = 30;
    /// As in bot/pace.rs, and one more for each three seconds that the test takes.
    const ANSWERED: std::ops::RangeInclusive<usize> = 10..=20;
    let roles = Roles { worker: false, ..Roles::all() };
    let town = Town::adjusted(Engine::Sqlite, roles, |config| config.telegram.limits_accounts = true).await;
    let mut shop = Shop::in_town(town);
    let telegram = shop.town.telegram.clone();
    let group = NewChat::channel(GROUP.0, "Talk", UserId(OWNER));
    telegram.add_chat(NewChat { kind: ChatKind::Supergroup, ..group }).unwrap();
    telegram.add_member(GROUP, UserId(OWNER), telegram.read(|world| world.bot().id)).unwrap();
    for who in [BEN, ANN] {
        telegram.add_member(GROUP, UserId(OWNER), who).unwrap();
    }
    let link = shop.link(MONTH, None, None).await;
    let text = format!("/start p_{}", link.slug);
    let answers =
        || telegram.read(|world| world.posts(GROUP).iter().filter(|post| post.author == Author::Bot).count());
    for _ in 0..FLOOD {
        telegram.say_in(BEN, GROUP, &text).unwrap();
    }
    shop.settle().await;
    let flooded = answers();
    assert!(ANSWERED.contains(&flooded), "{flooded}");
    telegram.say_in(ANN, GROUP, &text).unwrap();
    shop.settle().await;
    assert!(answers() > flooded, "somebody else is answered");
    shop.town.stop().await;
}

/// A batch is confirmed, and the next one asked for, when all of it is handled: one chat's slow answers must not keep the others waiting.
#[tokio::test(flavor = "multi_thread")]
async fn the_answers_to_one_chat_hold_up_a_batch_for_three_seconds_at_most() {
    const EVERY: Duration = Duration::from_secs(2);
    const ASKED: usize = 10;
    let roles = Roles { worker: false, bot: false, ..Roles::all() };
    let town = Town::adjusted(Engine::Sqlite, roles, |config| {
        config.telegram.limits = Limits { chat: Rate { messages: 1, within: EVERY }, ..Limits::NONE };
    })
    .await;
    let mut shop = Shop::in_town(town);
    let telegram = shop.town.telegram.clone();
    telegram.start(BEN, "").unwrap();
    for _ in 1..ASKED {
        telegram.say(BEN, "/nothing").unwrap();
    }
    telegram.start(ANN, "").unwrap();
    // All of it waits in one batch when the bot begins to listen.
    let (_, bot) = shop.town.another(Roles { http: false, bot: true, ..roles }, |_| {}).await;
    let heard = |world: &World| (world.updates_waiting() == 0).then_some(());
    telegram.wait_for("a bot that has heard everything", heard).await.unwrap();
    assert_eq!(shop.all_said(BEN).len(), 2, "one at once, one in its turn, and nothing later is waited for");
    assert_eq!(shop.all_said(ANN).len(), 1);
    bot.stop().await;
    shop.town.stop().await;
}
