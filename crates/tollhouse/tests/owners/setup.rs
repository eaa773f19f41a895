//! From making the bot an administrator to a channel that is on sale.

use serde_json::json;
use tollhouse::bot::DOUBLE_TAP;
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::Command;
use tollhouse_core::dialogue::{QUESTION_HOURS, Question};
use tollhouse_telegram::fake::NewChat;
use tollhouse_telegram::{AdminRights, ChatId};

use crate::house::{ADAM, House, MALLORY, NEWS, OLGA, ROOM, WALLET};
use crate::town::{Engine, user};

async fn olga_sets_her_channel_up(engine: Engine) {
    let mut house = House::new(engine).await;
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert!(house.last(OLGA).text.contains("Olga's <Room> & Co"), "{:?}", house.last(OLGA));
    assert!(house.press(OLGA, "Set up").await.contains("What should buyers read"));
    assert!(house.press(OLGA, "Keep").await.contains("first plan"));
    assert!(house.say_once(OLGA, "Monthly").await.contains("What does Monthly cost"));
    assert!(house.say_once(OLGA, "4,50 eur").await.contains("how long"));
    assert!(house.press(OLGA, "30 days").await.contains("Monthly: €4.50, 30 days"));
    house.press(OLGA, "another plan").await;
    for text in ["Life", "$99"] {
        house.say_once(OLGA, text).await;
    }
    house.say_once(OLGA, "lifetime").await;
    assert!(house.press(OLGA, "Go on").await.contains("In which public channel"));
    // To make the bot an administrator of it is the answer; no second offer to set that one up comes.
    let before = house.posts(OLGA).len();
    house.make_admin(NEWS, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert_eq!(house.posts(OLGA).len(), before + 1);
    assert!(house.last(OLGA).text.contains("In which coin"), "{:?}", house.last(OLGA));
    house.press(OLGA, "USDTTRC20").await;
    let summary = house.say_once(OLGA, WALLET).await;
    for part in ["Olga's <Room> & Co", "Life: $99, for ever", "Olga's news", WALLET] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    assert!(house.room().await.is_none(), "nothing is made before the last button");
    house.press(OLGA, "Create").await;
    let channel = house.room().await.unwrap();
    assert_eq!((channel.title.as_str(), channel.owner), ("Olga's <Room> & Co", Some(user(OLGA.0))));
    assert_eq!(channel.public_chat.map(|chat| chat.get()), Some(NEWS));
    let payout = channel.payout.clone().unwrap();
    assert_eq!((payout.address.as_str(), payout.currency.as_str()), (WALLET, "usdttrc20"));
    let plans: Vec<_> = channel
        .plans
        .iter()
        .map(|plan| (plan.label.as_str(), plan.price.to_string(), plan.duration))
        .collect();
    assert_eq!(
        plans,
        [
            ("Monthly", "4.50 EUR".to_owned(), PlanDuration::Days(30)),
            ("Life", "99.00 USD".to_owned(), PlanDuration::Lifetime),
        ]
    );
    assert_eq!(channel.policies, house.app().config.policies, "as `channel add` does");
    assert_eq!(house.audited("channel.added").await.last().unwrap(), &format!("telegram:{OLGA}"));
    // The second half of a double tap makes no second channel, and says nothing of one either.
    let before = house.posts(OLGA);
    let (summary, _) = house.button(OLGA, "Create");
    assert_eq!(house.press(OLGA, "Create").await, summary.text, "nothing is said, and nothing changes");
    assert_eq!(house.posts(OLGA), before);
    // Another button of that question, and the same one much later, are of another time.
    assert!(house.press(OLGA, "Cancel").await.contains("another time"));
    house.town.clock.advance(DOUBLE_TAP);
    assert!(house.press(OLGA, "Create").await.contains("another time"));
    assert_eq!(house.channels().await.len(), 2);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f58_an_owner_sets_a_channel_up_without_typing_an_id_on_sqlite() {
    olga_sets_her_channel_up(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f58_an_owner_sets_a_channel_up_without_typing_an_id_on_postgres() {
    olga_sets_her_channel_up(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_private_channel_is_no_answer_to_where_the_offer_is_to_stand() {
    const CLUB: i64 = -1_002_000_000_502;
    let mut house = House::new(Engine::Sqlite).await;
    house.telegram().add_chat(NewChat::channel(CLUB, "Club", OLGA)).unwrap();
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.press(OLGA, "Set up").await;
    house.press(OLGA, "Keep").await;
    for text in ["Monthly", "5", "30"] {
        house.say_once(OLGA, text).await;
    }
    house.press(OLGA, "Go on").await;
    // She means to sell it next: it is offered like every other.
    let before = house.posts(OLGA).len();
    house.make_admin(CLUB, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert_eq!(house.posts(OLGA).len(), before + 1);
    assert!(
        house.last(OLGA).text.starts_with("I am now an administrator of Club."),
        "{:?}",
        house.last(OLGA)
    );
    house.button(OLGA, "Set up “Club”");
    // The question is open still, and she may name that channel if she means it.
    assert!(house.start(OLGA).await.last().unwrap().contains("In which public channel"));
    assert!(house.press(OLGA, "Club").await.contains("In which coin"));
    house.press(OLGA, "Later").await;
    house.press(OLGA, "Create").await;
    assert_eq!(house.room().await.unwrap().public_chat.map(|chat| chat.get()), Some(CLUB));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f19_what_was_answered_outlives_a_restart_and_so_do_the_buttons() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.restart().await;
    house.press(OLGA, "Set up").await;
    house.restart().await;
    assert!(house.press(OLGA, "Keep").await.contains("first plan"));
    house.say_once(OLGA, "Monthly").await;
    house.restart().await;
    assert!(house.say_once(OLGA, "5").await.contains("how long"));
    // `/start` asks again what is open.
    assert!(house.start(OLGA).await.last().unwrap().contains("how long"));
    house.press(OLGA, "30 days").await;
    for button in ["Go on", "Skip", "Later", "Create"] {
        house.press(OLGA, button).await;
    }
    assert_eq!(house.room().await.unwrap().plans.len(), 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f42_who_never_started_the_bot_finds_the_chat_at_the_first_start() {
    let mut house = House::new(Engine::Sqlite).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert!(house.posts(OLGA).is_empty(), "Telegram lets nobody write to her");
    house.pass(24 * 30).await;
    let said = house.start(OLGA).await;
    assert_eq!(said.len(), 2, "{said:?}");
    house.press(OLGA, "Set up “Olga's <Room> & Co”").await;
    assert!(house.press(OLGA, "Keep").await.contains("first plan"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f108_only_who_telegram_says_may_sell_registers_a_chat() {
    let mut house = House::new(Engine::Sqlite).await;
    let chat = ChatId(ROOM);
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    let (_, data) = house.button(OLGA, "Set up");
    // A stranger; then a member; then an administrator without the right to invite.
    let refused = |said: Vec<String>| {
        assert!(said.last().unwrap().contains("you may not set this chat up"), "{said:?}");
    };
    refused(house.forge(MALLORY, &data).await);
    house.telegram().add_member(chat, OLGA, MALLORY).unwrap();
    refused(house.forge(MALLORY, &data).await);
    let some = AdminRights { can_invite_users: false, ..AdminRights::all() };
    house.telegram().promote(chat, OLGA, MALLORY, Some(some)).unwrap();
    refused(house.forge(MALLORY, &data).await);
    // And of a chat that the bot has never seen.
    refused(house.forge(MALLORY, "setup:-1009999999999").await);
    // One who loses the right on the way makes nothing.
    house.telegram().add_member(chat, OLGA, ADAM).unwrap();
    house.telegram().promote(chat, OLGA, ADAM, Some(AdminRights::all())).unwrap();
    house.start(ADAM).await;
    house.forge(ADAM, &data).await;
    house.press(ADAM, "Keep").await;
    for text in ["Monthly", "1 USD", "lifetime"] {
        house.say_once(ADAM, text).await;
    }
    for button in ["Go on", "Skip", "Later"] {
        house.press(ADAM, button).await;
    }
    house.telegram().promote(chat, OLGA, ADAM, None).unwrap();
    assert!(house.press(ADAM, "Create").await.contains("you may not set this chat up"));
    assert!(house.room().await.is_none());
    // Who is first keeps it, also against another who may.
    house.telegram().promote(chat, OLGA, ADAM, Some(AdminRights::all())).unwrap();
    let channel = house.set_up().await;
    assert!(house.press(ADAM, "Create").await.contains("already been set up"));
    refused_as_taken(house.forge(ADAM, &data).await);
    assert_eq!(house.room().await.unwrap(), channel);
    assert_eq!(channel.owner, Some(user(OLGA.0)));
    house.stop().await;
}

fn refused_as_taken(said: Vec<String>) {
    assert!(said.last().unwrap().contains("already been set up"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_the_rights_says_which_and_goes_on_when_it_has_them() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    let some = AdminRights { can_restrict_members: false, ..AdminRights::gatekeeper() };
    house.make_admin(ROOM, OLGA, some);
    house.settle().await;
    assert!(house.last(OLGA).text.contains("ban users"), "{:?}", house.last(OLGA));
    assert!(house.forge(OLGA, &format!("setup:{ROOM}")).await.last().unwrap().contains("ban users"));
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.press(OLGA, "Set up").await;
    house.telegram().demote_bot(ChatId(ROOM), OLGA).unwrap();
    house.settle().await;
    house.press(OLGA, "Keep").await;
    for text in ["Monthly", "5", "30"] {
        house.say_once(OLGA, text).await;
    }
    for button in ["Go on", "Skip", "Later"] {
        house.press(OLGA, button).await;
    }
    assert!(house.press(OLGA, "Create").await.contains("be an administrator"));
    assert!(house.room().await.is_none());
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.press(OLGA, "Create").await;
    assert!(house.room().await.is_some(), "nothing that was answered is lost");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f66_whatever_is_typed_gets_an_answer_and_loses_nothing() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.press(OLGA, "Set up").await;
    let html = "<b>&".repeat(1_024);
    for title in [html.as_str(), "two\nlines"] {
        assert!(house.say_once(OLGA, title).await.contains("at most 255 characters"));
    }
    let title = "<script>&\"Signals_*{ $title }";
    house.say_once(OLGA, title).await;
    house.say_once(OLGA, "<b>Monthly</b>").await;
    for (price, answer) in
        [("free", "as a price"), ("0", "above zero"), ("-5 USD", "as a price"), (&html, "as a price")]
    {
        assert!(house.say_once(OLGA, price).await.contains(answer), "{price}");
    }
    house.say_once(OLGA, "5").await;
    for days in ["0", "never", "36501", &html] {
        assert!(house.say_once(OLGA, days).await.contains("as a duration"), "{days}");
    }
    // A button of an earlier question, pressed now.
    assert!(house.press(OLGA, "Keep").await.contains("another time"));
    house.press(OLGA, "30 days").await;
    house.press(OLGA, "another plan").await;
    assert!(house.say_once(OLGA, "<b>Monthly</b>").await.contains("already"));
    for text in ["Yearly", "50", "365"] {
        house.say_once(OLGA, text).await;
    }
    house.press(OLGA, "Go on").await;
    // The chat itself, one of others, one that is no chat, a post of a stranger's channel.
    for chat in [ROOM, -1_009_999_999_999] {
        let origin = json!({"type": "channel", "date": 0, "message_id": 7, "chat": {"id": chat, "type": "channel", "title": "X"}});
        let said = forward(&house, &origin).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(!said[0].contains("In which coin"), "{said:?}");
    }
    house.press(OLGA, "Skip").await;
    assert!(house.say_once(OLGA, "nocoin").await.contains("cannot check"));
    house.say_once(OLGA, "USDT-ERC20").await;
    for (address, answer) in [
        (WALLET, "address of Tron"),
        ("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "typing mistake"),
        ("my wallet", "no address of Ethereum"),
        (&html, "no address of Ethereum"),
    ] {
        assert!(house.say_once(OLGA, address).await.contains(answer), "{address}");
    }
    house.say_once(OLGA, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").await;
    house.press(OLGA, "Create").await;
    let channel = house.room().await.unwrap();
    assert_eq!((channel.title.as_str(), channel.plans.len()), (title, 2));
    house.stop().await;
}

async fn forward(house: &House, origin: &serde_json::Value) -> Vec<String> {
    let before = house.posts(OLGA).len();
    house.telegram().push_update(
        "message",
        &json!({
            "message_id": 9_000_000, "date": 0, "chat": {"id": OLGA.0, "type": "private"}, "text": "a post",
            "from": {"id": OLGA.0, "is_bot": false, "first_name": "Olga"}, "forward_origin": origin,
        }),
    );
    house.settle().await;
    house.posts(OLGA).split_off(before).into_iter().map(|post| post.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_forwarded_names_the_channel() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    house.make_admin(NEWS, OLGA, AdminRights::gatekeeper());
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.forge(OLGA, &format!("setup:{ROOM}")).await;
    house.press(OLGA, "Keep").await;
    for text in ["Monthly", "5", "30"] {
        house.say_once(OLGA, text).await;
    }
    house.press(OLGA, "Go on").await;
    // It is among the buttons, too.
    house.button(OLGA, "Olga's news");
    let origin = json!({"type": "channel", "date": 0, "message_id": 7, "chat": {"id": NEWS, "type": "channel", "title": "Olga's news"}});
    assert!(forward(&house, &origin).await[0].contains("In which coin"));
    house.press(OLGA, "Later").await;
    house.press(OLGA, "Create").await;
    assert_eq!(house.room().await.unwrap().public_chat.map(|chat| chat.get()), Some(NEWS));
    // A chat that is an offer's already cannot be another channel's.
    refused_or_shown(house.forge(OLGA, &format!("setup:{NEWS}")).await);
    house.stop().await;
}

fn refused_or_shown(said: Vec<String>) {
    assert!(said.last().unwrap().contains("Olga's <Room> & Co"), "her own channel is shown: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialogue_ends_by_cancel_by_time_and_by_another_version() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    assert!(house.say(OLGA, "hello").await.is_empty(), "nothing was asked, and the bot does not chat");
    assert!(house.say_once(OLGA, "/cancel").await.contains("nothing to cancel"));
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    house.press(OLGA, "Set up").await;
    assert!(house.say_once(OLGA, "/cancel").await.contains("Cancelled"));
    assert!(house.say(OLGA, "Signals").await.is_empty());
    assert!(house.press(OLGA, "Keep").await.contains("another time"));
    house.press(OLGA, "Set up").await;
    house.pass(QUESTION_HOURS).await;
    assert!(house.press(OLGA, "Keep").await.contains("another time"));
    assert!(house.say_once(OLGA, "Signals").await.contains("asked too long ago"));
    assert!(house.say(OLGA, "Signals").await.is_empty(), "said once");
    // What another version asked, or a payload that nobody can read.
    for question in [
        Question::new("tarot", &json!({"card": 1})).unwrap(),
        Question::new("setup", &json!({"v": 99})).unwrap(),
        Question::new("plan", &json!([])).unwrap(),
        Question { kind: "payout".to_owned(), payload: "not json".to_owned() },
    ] {
        let update_id = i64::MAX / 2;
        let put = Command::GoOn { user: user(OLGA.0), update_id, next: Some(question), then: None };
        house.app().submit(put).await.unwrap();
        assert!(house.say_once(OLGA, "Signals").await.contains("asked too long ago"));
    }
    assert!(house.room().await.is_none());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_chat_is_not_offered_for_sale() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    let open = NewChat {
        username: Some("olgas_open".to_owned()),
        ..NewChat::channel(-1_002_000_000_777, "Open", OLGA)
    };
    house.telegram().add_chat(open).unwrap();
    house.make_admin(-1_002_000_000_777, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    assert!(house.last(OLGA).text.contains("Anybody can read it"), "{:?}", house.last(OLGA));
    assert!(house.forge(OLGA, "setup:-1002000000777").await[0].contains("public name"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_sell_is_told_so_when_they_make_the_bot_an_administrator() {
    let mut house = House::new(Engine::Sqlite).await;
    let chat = ChatId(ROOM);
    house.start(ADAM).await;
    house.telegram().add_member(chat, OLGA, ADAM).unwrap();
    let some = AdminRights { can_invite_users: false, ..AdminRights::all() };
    house.telegram().promote(chat, OLGA, ADAM, Some(some)).unwrap();
    house.make_admin(ROOM, ADAM, AdminRights::gatekeeper());
    house.settle().await;
    let post = house.last(ADAM);
    assert!(post.text.contains("Only its owner"), "{post:?}");
    assert!(post.buttons.is_empty());
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f108_who_sets_up_an_archived_chat_is_told_who_can_sell_it_again() {
    let mut house = House::new(Engine::Sqlite).await;
    house.start(OLGA).await;
    house.make_admin(ROOM, OLGA, AdminRights::gatekeeper());
    house.settle().await;
    let channel = crate::town::add_channel(house.app(), ROOM, None).await;
    let give = Command::SetOwner {
        channel_id: channel,
        owner: None,
        reason: "x".to_owned(),
        actor: "cli:test".to_owned(),
    };
    house.app().submit(give).await.unwrap();
    house.settle().await;
    assert!(house.press(OLGA, "Set up").await.contains("has already been set up"));
    let archive = Command::ArchiveChannel { channel_id: channel, actor: "cli:test".to_owned() };
    house.app().submit(archive).await.unwrap();
    assert!(house.press(OLGA, "Set up").await.contains("can put it on sale again"));
    house.stop().await;
}
