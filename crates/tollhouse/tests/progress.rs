//! An order's one message in its buyer's chat, the chooser of plans, and their buttons, against a Telegram that does what Telegram does.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use jiff::SignedDuration;
use tollhouse::purchase::channel_payload;
use tollhouse::serve::Roles;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, Member, NewPlan, Outcome};
use tollhouse_core::id::{OrderId, PlanId};
use tollhouse_telegram::fake::{Fault, Post, PostButton};
use tollhouse_telegram::{AdminRights, Button, ChatId, Html, Keyboard, MessageId, UserId};
use town::shop::{ANN, BEN, MONTH, Said, Shop, YEAR};
use town::{BUYER, Engine, OWNER, PRIVATE_CHAT, body, user};

fn posts(shop: &Shop, who: UserId) -> Vec<Post> {
    shop.town.telegram.read(|world| world.bot_posts(who).into_iter().cloned().collect())
}

fn buttons(post: &Post) -> Vec<PostButton> {
    post.buttons.iter().flatten().cloned().collect()
}

/// A notification of a part of the month's price.
fn part(status: &str, order: OrderId) -> String {
    let whole = body(1, status, Some(&order.to_string()), "2.50");
    whole.replace(r#""actually_paid":0.000025"#, r#""actually_paid":0.00001"#)
}

/// Ben's order of the month, and its message.
async fn ordered(shop: &Shop) -> (OrderId, MessageId) {
    let link = shop.link(MONTH, None, None).await;
    shop.buy(BEN, &link).await;
    (shop.order(BEN).await.id, posts(shop, BEN).last().unwrap().id)
}

fn text_of(shop: &Shop, message: MessageId) -> String {
    posts(shop, BEN).into_iter().find(|post| post.id == message).unwrap().text
}

async fn press(shop: &Shop, who: UserId, data: &str) -> Option<String> {
    let telegram = &shop.town.telegram;
    let message = posts(shop, who)
        .into_iter()
        .rev()
        .find(|post| buttons(post).iter().any(|button| button.callback_data.as_deref() == Some(data)));
    let press = telegram.press(who, who.private_chat(), message.unwrap().id, data).unwrap();
    shop.settle().await;
    telegram.read(|world| world.press_answer(&press).expect("every press is answered").map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn f52_one_message_tells_an_order_from_the_offer_to_the_link() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (order, message) = ordered(&shop).await;
    assert!(text_of(&shop, message).contains("for $2.50"));

    shop.notify(&part("confirming", order)).await;
    assert!(text_of(&shop, message).contains("is being confirmed"), "{}", text_of(&shop, message));
    shop.notify(&part("partially_paid", order)).await;
    assert!(text_of(&shop, message).contains("exactly 0.000015\u{a0}BTC,"), "{}", text_of(&shop, message));
    assert_eq!(posts(&shop, BEN).len(), 1, "an edit is no message");

    shop.notify(&body(1, "finished", Some(&order.to_string()), "2.50")).await;
    assert!(text_of(&shop, message).contains("paid, thank you!"), "{}", text_of(&shop, message));
    let told = posts(&shop, BEN);
    let link = told[0].buttons[0][0].url.clone().unwrap();
    assert_eq!(
        buttons(&told[1])[0].url.as_deref(),
        Some(link.as_str()),
        "the message that makes a sound has the same link"
    );
    shop.town.telegram.open_link(BEN, &link).unwrap();
    shop.settle().await;
    assert!(shop.town.telegram.read(|world| world.is_inside(ChatId(PRIVATE_CHAT), BEN)));

    // A week later nothing has been taken back.
    shop.town.clock.advance(SignedDuration::from_hours(7 * 24));
    shop.settle().await;
    assert_eq!(posts(&shop, BEN).len(), 2);
    assert_eq!(shop.town.telegram.read(|world| world.done("deleteMessage")), 0);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f52_an_order_for_which_nothing_comes_keeps_its_message_and_says_so() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (order, message) = ordered(&shop).await;
    shop.town.clock.advance(SignedDuration::from_hours(25));
    shop.settle().await;
    assert!(text_of(&shop, message).contains("no payment came in time"));
    shop.notify(&body(1, "finished", Some(&order.to_string()), "2.50")).await;
    assert!(text_of(&shop, message).contains("paid, thank you!"), "late money is told in the same place");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_its_reader_deleted_is_made_anew() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (order, message) = ordered(&shop).await;
    let gateway = shop.town.app.gateway.clone().unwrap();
    gateway.delete_message(BEN.private_chat(), message).await.unwrap();
    shop.notify(&part("partially_paid", order)).await;
    let told = posts(&shop, BEN);
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("exactly 0.000015\u{a0}BTC,"), "{}", told[0].text);
    shop.notify(&body(1, "finished", Some(&order.to_string()), "2.50")).await;
    assert!(text_of(&shop, told[0].id).contains("paid, thank you!"));
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_finds_the_order_below_and_the_former_message_says_so() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (order, first) = ordered(&shop).await;
    let said = shop.start(BEN, &format!("o_{order}")).await;
    assert!(said.text.contains("for $2.50"), "{}", said.text);
    let folded = posts(&shop, BEN).into_iter().find(|post| post.id == first).unwrap();
    assert!(folded.text.contains("goes on in a newer message"), "{}", folded.text);
    assert_eq!(folded.buttons.len(), 0);
    shop.notify(&part("partially_paid", order)).await;
    assert!(text_of(&shop, first).contains("goes on in a newer message"));
    assert!(posts(&shop, BEN)[1].text.contains("exactly"), "the newest follows");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f65_whatever_telegram_answers_the_message_tells_the_truth_in_the_end() {
    for (method, fault) in [
        ("editMessageText", Fault::too_many_requests(600)),
        ("editMessageText", Fault::server_error()),
        ("editMessageText", Fault::bad_gateway()),
        ("editMessageText", Fault::close_before()),
        // Done, and the answer lost: the next try is told that the message is not modified.
        ("editMessageText", Fault::close_after()),
        ("editMessageText", Fault::answer(400, "Bad Request: message can't be edited")),
        ("editMessageText", Fault::answer(400, "Bad Request: MESSAGE_ID_INVALID")),
        ("editMessageText", Fault::answer(403, "Forbidden: bot was blocked by the user")),
        ("sendMessage", Fault::too_many_requests(600)),
        ("sendMessage", Fault::server_error()),
        ("sendMessage", Fault::close_before()),
    ] {
        let mut shop = Shop::open(Engine::Sqlite).await;
        if method == "sendMessage" {
            shop.town.telegram.fault(method, &fault, 1);
            let payload = format!("p_{}", shop.link(MONTH, None, None).await.slug);
            shop.town.telegram.start(BEN, &payload).unwrap();
            shop.settle().await;
            shop.town.clock.advance(SignedDuration::from_mins(11));
            shop.settle().await;
        } else {
            ordered(&shop).await;
            shop.town.telegram.fault(method, &fault, 1);
        }
        let order = shop.order(BEN).await.id;
        shop.notify(&part("confirming", order)).await;
        shop.notify(&part("partially_paid", order)).await;
        shop.town.clock.advance(SignedDuration::from_mins(11));
        shop.settle().await;
        let last = posts(&shop, BEN).pop().unwrap();
        assert!(last.text.contains("exactly 0.000015"), "{method} {fault:?}: {}", last.text);
        assert!(posts(&shop, BEN).len() <= 2, "{method} {fault:?}");
        assert_eq!(shop.open_items().await, ["underpaid"], "{method} {fault:?}: nobody else is called");
        shop.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_rights_lets_the_buyer_know_that_they_have_paid_and_brings_the_link_when_it_may() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (order, message) = ordered(&shop).await;
    let telegram = shop.town.telegram.clone();
    telegram.demote_bot(ChatId(PRIVATE_CHAT), UserId(OWNER)).unwrap();
    shop.notify(&body(1, "finished", Some(&order.to_string()), "2.50")).await;
    assert!(text_of(&shop, message).contains("Your link comes in a moment"), "{}", text_of(&shop, message));
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
    shop.settle().await;
    assert!(text_of(&shop, message).contains("/mylink brings your link"), "{}", text_of(&shop, message));
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_with_several_plans_lets_its_buyer_choose() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let payload = channel_payload(shop.town.channel);
    shop.start(BEN, &payload).await;
    let chooser = posts(&shop, BEN).pop().unwrap();
    let labels: Vec<String> = buttons(&chooser).into_iter().map(|button| button.text).collect();
    assert_eq!(labels, ["Month · 30 days · $2.50", "Year · 365 days · $99.99"]);
    assert_eq!(shop.orders(None).await, [], "who looks has ordered nothing");

    let year = buttons(&chooser)[YEAR].callback_data.clone().unwrap();
    // A double press, and one more a minute later, are one wish.
    for _ in 0..3 {
        assert_eq!(press(&shop, BEN, &year).await, None);
        shop.town.clock.advance(SignedDuration::from_mins(1));
    }
    let order = shop.order(BEN).await;
    assert_eq!(order.price.to_string(), "99.99 USD");
    let said = Said::of(&posts(&shop, BEN).pop().unwrap());
    assert_eq!(said.urls, [shop.page(order.id)]);

    // The same from a bare /start where the bot sells this channel only; in a group it is a link to the private chat.
    shop.start(ANN, "").await;
    assert_eq!(buttons(&posts(&shop, ANN).pop().unwrap()).len(), 2);

    // A plan that is not sold any more is not sold by an old button.
    let (channel_id, plan_id) = (shop.town.channel, order.plan_id.unwrap());
    let retire = Command::RetirePlan { channel_id, plan_id, actor: "cli:test".into() };
    shop.town.app.submit(retire).await.unwrap();
    let answer = press(&shop, ANN, &year).await;
    assert_eq!(answer.as_deref(), Some("This is not on sale any more."));
    assert_eq!(shop.orders(Some(user(ANN.0))).await, []);
    // With one plan left there is nothing to choose: a link to the channel makes the order.
    let said = shop.start(ANN, &payload).await;
    assert!(said.text.contains("Month, 30 days for $2.50"), "{}", said.text);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_renews_may_choose_another_plan() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    shop.start(BEN, "").await;
    let member = Member::User { channel_id: shop.town.channel, user: user(BUYER) };
    let give = Command::GrantMembership {
        member,
        duration: PlanDuration::Days(30),
        reason: "test".into(),
        actor: "cli:test".into(),
    };
    let Outcome::Membership(id) = shop.town.app.submit(give).await.unwrap() else { panic!() };
    shop.settle().await;
    let said = shop.start(BEN, &tollhouse::renewal::payload(id)).await;
    assert!(said.text.contains("Month, 30 days for $2.50. The time is added"), "{}", said.text);
    let others = buttons(&posts(&shop, BEN).pop().unwrap()).pop().unwrap();
    assert_eq!(others.text, "Other plans");
    press(&shop, BEN, &others.callback_data.unwrap()).await;
    let year = buttons(&posts(&shop, BEN).pop().unwrap())[YEAR].callback_data.clone().unwrap();
    press(&shop, BEN, &year).await;
    let said = Said::of(&posts(&shop, BEN).pop().unwrap());
    assert!(said.text.contains("Year, 365 days for $99.99. The time is added"), "{}", said.text);

    // And a bare /start offers a member what they have.
    shop.start(BEN, "").await;
    assert_eq!(buttons(&posts(&shop, BEN).pop().unwrap())[0].text, "Signals & <Co>");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_a_button_from_before_a_restart_does_what_it_says() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    shop.start(BEN, &channel_payload(shop.town.channel)).await;
    let month = buttons(&posts(&shop, BEN)[0])[MONTH].callback_data.clone().unwrap();
    shop.town.stop().await;
    let roles = Roles { worker: false, ..Roles::all() };
    let (app, running) = shop.town.another(roles, |_| {}).await;
    shop.town.app = app;
    assert_eq!(press(&shop, BEN, &month).await, None);
    let order = shop.order(BEN).await;
    assert_eq!(order.price.to_string(), "2.50 USD");
    // And so does the order's message: it is edited by whoever runs now.
    let message = posts(&shop, BEN).pop().unwrap().id;
    running.stop().await;
    let (app, running) = shop.town.another(roles, |_| {}).await;
    shop.town.app = app;
    shop.town.url = format!("http://{}", running.addr.unwrap());
    shop.notify(&part("confirming", order.id)).await;
    assert!(text_of(&shop, message).contains("is being confirmed"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f17_a_forged_press_makes_no_order_and_is_answered() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    shop.start(BEN, "").await;
    let gateway = shop.town.app.gateway.clone().unwrap();
    let nobodys =
        tollhouse::bot::Press::Buy { channel: shop.town.channel, plan: PlanId(uuid::Uuid::from_u128(7)) };
    for data in [
        nobodys.to_data(),
        "b:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        "b:".into(),
        "s:AAAAAAAAAAAAAAAAAAAAAA".into(),
        "tier:3:0.01".into(),
        "<b>".into(),
    ] {
        let keys = Keyboard::column([Button::callback("Forged", data.as_str())]);
        gateway.send_message(BEN.private_chat(), &Html::text("x"), Some(&keys)).await.unwrap();
        assert!(press(&shop, BEN, &data).await.is_some(), "{data}");
    }
    assert_eq!(shop.orders(None).await, []);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f66_the_longest_texts_full_of_markup_reach_their_reader() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let label = "<b>&\"".repeat(51);
    let plan =
        NewPlan { label: label.clone(), price: "7 USD".parse().unwrap(), duration: PlanDuration::Days(7) };
    let channel_id = shop.town.channel;
    let add = Command::AddPlan { channel_id, plan, actor: "cli:test".into() };
    shop.town.app.submit(add).await.unwrap();
    shop.start(BEN, &channel_payload(channel_id)).await;
    let chooser = posts(&shop, BEN).pop().unwrap();
    let week = buttons(&chooser)[2].clone();
    assert!(week.text.starts_with("<b>&\"<b>&\"") && week.text.ends_with("7 days · $7"), "{}", week.text);
    press(&shop, BEN, &week.callback_data.unwrap()).await;
    assert!(posts(&shop, BEN).pop().unwrap().text.contains(&label));

    // What people write, however long and however much it looks like markup, is answered or nothing.
    for text in
        ["<".repeat(4_096), format!("/start {}", "<b>".repeat(1_363)), format!("/{}", "&".repeat(4_095))]
    {
        shop.town.telegram.say(BEN, &text).unwrap();
        shop.settle().await;
    }
    assert_eq!(shop.orders(None).await.len(), 1);
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_edited_afterwards_does_nothing_more() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(MONTH, None, None).await;
    shop.start(BEN, "").await;
    let said = posts(&shop, BEN).len();
    let from = serde_json::json!({"id": BEN.0, "is_bot": false, "first_name": "Ben"});
    let text = format!("/start p_{}", link.slug);
    let edited = serde_json::json!({
        "message_id": 1, "date": 1_700_000_000, "edit_date": 1_700_000_060, "from": from, "text": text,
        "chat": {"id": BEN.0, "type": "private", "first_name": "Ben"},
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    });
    shop.town.telegram.push_update("edited_message", &edited);
    shop.settle().await;
    assert_eq!((posts(&shop, BEN).len(), shop.orders(None).await.len()), (said, 0));
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_channel_for_ever_is_told_so_wherever_they_would_buy() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (payload, link) = (channel_payload(shop.town.channel), shop.link(MONTH, None, None).await);
    shop.start(BEN, &payload).await;
    let month = buttons(&posts(&shop, BEN)[0])[MONTH].callback_data.clone().unwrap();
    let member = Member::User { channel_id: shop.town.channel, user: user(BUYER) };
    let (duration, reason, actor) = (PlanDuration::Lifetime, "test".into(), "cli:test".into());
    let give = Command::GrantMembership { member, duration, reason, actor };
    let Outcome::Membership(id) = shop.town.app.submit(give).await.unwrap() else { panic!() };
    shop.settle().await;

    let told =
        "Your access to Signals & <Co> lasts for ever: there is nothing to buy. /mylink brings your link.";
    let renewal = tollhouse::renewal::payload(id);
    for payload in ["", &payload, &format!("p_{}", link.slug), &renewal] {
        let said = shop.start(BEN, payload).await;
        assert_eq!((said.text.as_str(), said.urls.len()), (told, 0), "{payload}");
    }
    let before = posts(&shop, BEN).len();
    assert_eq!(press(&shop, BEN, &month).await, None);
    assert_eq!(posts(&shop, BEN).len(), before + 1);
    assert_eq!(posts(&shop, BEN).pop().unwrap().text, told);
    assert_eq!(shop.orders(Some(user(BEN.0))).await, []);

    // With one plan left a link to the channel would make the order at once.
    let (channel_id, plan_id) = (shop.town.channel, shop.link(YEAR, None, None).await.plan_id);
    let retire = Command::RetirePlan { channel_id, plan_id, actor: "cli:test".into() };
    shop.town.app.submit(retire).await.unwrap();
    assert_eq!(shop.start(BEN, &payload).await.text, told);

    // Nobody else hears it.
    assert!(shop.start(ANN, "").await.text.contains("Choose a plan"));
    shop.town.stop().await;
}
