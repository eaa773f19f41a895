//! Messages, buttons, and people who cannot be written to.

use tollhouse_telegram::fake::{NewChat, Refused};
use tollhouse_telegram::{
    AdminRights, Blocked, Button, ChatId, ChatKind, Done, Error, Html, Keyboard, Lack, MESSAGE_CHARS_MAX,
    MemberStatus, MessageId, Missing, Right, UpdateKind, UserId,
};

use crate::support::{BUYER, CHANNEL, GROUP, OWNER, STRANGER, World};

fn hello() -> Html {
    Html::text("Hello")
}

#[tokio::test]
async fn a_message_arrives_with_its_buttons_and_a_press_comes_back() {
    let world = World::new().await;
    let chat = BUYER.private_chat();
    let keyboard = Keyboard::column([
        Button::url("Pay", "https://pay.example.org/o/1"),
        Button::callback("Another plan", "plans:1"),
    ]);
    let mut text = Html::markup("<b>Order</b> for ");
    text.push_text("Signals <vip>");
    let id = world.gateway.send_message(chat, &text, Some(&keyboard)).await.unwrap();
    let post = world.fake.read(|state| state.bot_posts(BUYER)[0].clone());
    assert_eq!((post.id, post.text.as_str()), (id, "Order for Signals <vip>"));
    assert_eq!(post.buttons[0][0].url.as_deref(), Some("https://pay.example.org/o/1"));

    assert_eq!(world.fake.press(BUYER, chat, id, "forged"), Err(Refused::NoSuchButton));
    let press = world.fake.press(BUYER, chat, id, "plans:1").unwrap();
    let updates = world.updates().await;
    let [UpdateKind::Callback(callback)] = updates.as_slice() else { panic!("not a press: {updates:?}") };
    assert_eq!((callback.from.id, callback.data.as_deref()), (BUYER, Some("plans:1")));
    let pressed = callback.message.as_ref().unwrap();
    assert_eq!((pressed.id, pressed.chat.id, pressed.chat.kind), (id, chat, ChatKind::Private));

    world.gateway.answer_callback_query(&callback.id, Some("One moment"), false).await.unwrap();
    assert!(world.fake.read(|state| state.press_answer(&press) == Some(Some("One moment"))));
    let twice = world.gateway.answer_callback_query(&callback.id, None, false).await;
    assert_eq!(twice, Err(Error::NotFound(Missing::Callback)));
}

#[tokio::test]
async fn a_button_that_telegram_takes_from_nobody_stands_below_the_text() {
    let world = World::new().await;
    let chat = BUYER.private_chat();
    let keyboard = Keyboard {
        rows: vec![
            vec![Button::url("Pay <now>", "http://tollhouse:8080/o/1"), Button::callback("Stop", "stop")],
            vec![Button::url("Page", "http://localhost/o/1")],
            vec![Button::url("There", "http://127.0.0.1:8080/"), Button::url("Six", "http://[::1]/")],
        ],
    };
    let id = world.gateway.send_message(chat, &hello(), Some(&keyboard)).await.unwrap();
    let seen = || world.fake.read(|state| state.bot_posts(BUYER)[0].clone());
    let text = "Hello\n\nPay <now>: http://tollhouse:8080/o/1\n\nPage: http://localhost/o/1";
    assert_eq!(seen().text, text);
    let rows = |post: Vec<Vec<_>>| post.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(rows(seen().buttons), [1, 2]);
    let only = Keyboard::column([Button::url("Page", "http://localhost/o/1")]);
    world.gateway.edit_message_text(chat, id, &Html::text("Paid"), Some(&only)).await.unwrap();
    assert_eq!((seen().text.as_str(), seen().buttons.len()), ("Paid\n\nPage: http://localhost/o/1", 0));
}

#[tokio::test]
async fn a_message_is_edited_in_place_and_taken_back() {
    let world = World::new().await;
    let chat = BUYER.private_chat();
    let keyboard = Keyboard::column([Button::callback("Stop", "stop")]);
    let id = world.gateway.send_message(chat, &hello(), Some(&keyboard)).await.unwrap();
    let same = world.gateway.edit_message_text(chat, id, &hello(), Some(&keyboard)).await;
    assert_eq!(same, Err(Error::AlreadyDone(Done::SameMessage)));
    world.gateway.edit_message_text(chat, id, &Html::text("Paid"), None).await.unwrap();
    let post = world.fake.read(|state| state.bot_posts(BUYER)[0].clone());
    assert_eq!((post.id, post.text.as_str(), post.buttons.len()), (id, "Paid", 0));
    world.gateway.delete_message(chat, id).await.unwrap();
    let gone = Err(Error::NotFound(Missing::Message));
    assert_eq!(world.gateway.delete_message(chat, id).await, gone);
    assert_eq!(world.gateway.edit_message_text(chat, id, &hello(), None).await, gone);
    assert_eq!(world.gateway.delete_message(chat, MessageId(i64::MAX)).await, gone);
}

#[tokio::test]
async fn who_blocked_never_started_or_left_telegram_cannot_be_written_to() {
    let world = World::new().await;
    let write =
        async |user: UserId| world.gateway.send_message(user.private_chat(), &hello(), None).await.map(drop);
    assert_eq!(write(BUYER).await, Ok(()));
    assert_eq!(write(STRANGER).await, Err(Error::Blocked(Blocked::NeverStarted)));
    assert_eq!(write(UserId(404)).await, Err(Error::Blocked(Blocked::NeverStarted)));
    world.fake.block(BUYER).unwrap();
    assert_eq!(write(BUYER).await, Err(Error::Blocked(Blocked::ByUser)));
    world.fake.start(BUYER, "o_1").unwrap();
    assert_eq!(write(BUYER).await, Ok(()));
    world.fake.deactivate(BUYER).unwrap();
    assert_eq!(write(BUYER).await, Err(Error::Blocked(Blocked::Deactivated)));

    let updates = world.updates().await;
    let [UpdateKind::MyChatMember(block), UpdateKind::MyChatMember(unblock), UpdateKind::Message(start)] =
        updates.as_slice()
    else {
        panic!("not a block, an unblock and a start: {updates:?}")
    };
    assert_eq!(block.chat.kind, ChatKind::Private);
    assert_eq!(block.after.status, MemberStatus::Kicked { until: None });
    assert_eq!(unblock.after.status, MemberStatus::Member);
    assert_eq!(start.command(), Some(("start", "o_1")));
}

#[tokio::test]
async fn who_asks_to_join_can_be_written_to_for_five_minutes() {
    let world = World::new().await;
    let link = world.link().await;
    world.fake.open_link(STRANGER, &link).unwrap();
    let write = async || world.gateway.send_message(STRANGER.private_chat(), &hello(), None).await.map(drop);
    assert_eq!(write().await, Ok(()));
    world.wait_minutes(5);
    assert_eq!(write().await, Err(Error::Blocked(Blocked::NeverStarted)));
}

#[tokio::test]
async fn markup_that_telegram_cannot_read_is_refused() {
    let world = World::new().await;
    let unescaped = Html::markup("Signals <vip>");
    let refused = world.gateway.send_message(BUYER.private_chat(), &unescaped, None).await.unwrap_err();
    let reason = "can't parse entities: Unsupported start tag \"vip\" at byte offset 8";
    assert_eq!(refused, Error::Permanent { description: format!("Bad Request: {reason}") });
}

#[tokio::test]
async fn the_longest_message_goes_and_one_character_more_does_not() {
    let world = World::new().await;
    let chat = BUYER.private_chat();
    let longest = Html::text(&"<".repeat(MESSAGE_CHARS_MAX));
    world.gateway.send_message(chat, &longest, None).await.unwrap();
    let too_long = Html::text(&"<".repeat(MESSAGE_CHARS_MAX + 1));
    let refused = world.gateway.send_message(chat, &too_long, None).await.unwrap_err();
    assert_eq!(refused, Error::Permanent { description: "Bad Request: message is too long".to_owned() });
    let empty = world.gateway.send_message(chat, &Html::text(" "), None).await.unwrap_err();
    assert_eq!(empty, Error::Permanent { description: "Bad Request: message text is empty".to_owned() });
}

#[tokio::test]
async fn a_channel_is_posted_in_only_with_the_right() {
    let world = World::new().await;
    let offer = Keyboard::column([Button::url("Join", "https://t.me/tollhouse_demo_bot?start=p_1")]);
    world.gateway.send_message(CHANNEL, &hello(), Some(&offer)).await.unwrap();
    assert_eq!(world.fake.read(|state| state.posts(CHANNEL).len()), 1);
    let silent = AdminRights { can_post_messages: false, ..AdminRights::gatekeeper() };
    world.fake.make_bot_admin(CHANNEL, OWNER, silent).unwrap();
    let refused = world.gateway.send_message(CHANNEL, &hello(), None).await.unwrap_err();
    let description = "Bad Request: need administrator rights in the channel chat".to_owned();
    assert_eq!(refused, Error::NoRights { lack: Lack::Right(Right::PostMessages), description });
}

#[tokio::test]
async fn a_chat_that_the_bot_does_not_know_is_not_found_and_one_that_it_left_says_so() {
    let world = World::new().await;
    let nowhere = world.gateway.get_chat(ChatId(-1_000_000_000_404)).await;
    assert_eq!(nowhere, Err(Error::NotFound(Missing::Chat)));
    let never_inside = NewChat::channel(-1_000_000_000_005, "Elsewhere", OWNER);
    world.fake.add_chat(never_inside).unwrap();
    let unseen = world.gateway.get_chat(ChatId(-1_000_000_000_005)).await;
    assert_eq!(unseen, Err(Error::NotFound(Missing::Chat)));
    let public = NewChat {
        username: Some("lobby".to_owned()),
        ..NewChat::channel(-1_000_000_000_006, "Lobby", OWNER)
    };
    world.fake.add_chat(public).unwrap();
    let outside = world.gateway.send_message(ChatId(-1_000_000_000_006), &hello(), None).await.unwrap_err();
    let description = "Forbidden: bot is not a member of the channel chat".to_owned();
    assert_eq!(outside, Error::NoRights { lack: Lack::NotMember, description });
    let known = world.gateway.get_chat(CHANNEL).await.unwrap();
    assert_eq!((known.kind, known.title.as_deref()), (ChatKind::Channel, Some("Signals <vip>")));
}

#[tokio::test]
async fn f51_a_group_that_became_a_supergroup_is_followed() {
    let world = World::new().await;
    world.add_group(AdminRights::gatekeeper());
    world.fake.add_member(GROUP, OWNER, BUYER).unwrap();
    world.listen().await;
    let supergroup = world.fake.migrate(GROUP).unwrap();
    let refused = world.gateway.send_message(GROUP, &hello(), None).await;
    assert_eq!(refused.unwrap_err(), Error::Migrated { to: supergroup });
    world.gateway.send_message(supergroup, &hello(), None).await.unwrap();
    assert!(world.gateway.get_chat_member(supergroup, BUYER).await.unwrap().status.is_inside());
    let updates = world.updates().await;
    let [UpdateKind::Message(old), UpdateKind::Message(new)] = updates.as_slice() else {
        panic!("{updates:?}")
    };
    assert_eq!((old.chat.id, old.migrated_to), (GROUP, Some(supergroup)));
    assert_eq!((new.chat.id, new.migrated_from), (supergroup, Some(GROUP)));
}

#[tokio::test]
async fn in_a_group_the_bot_reads_commands_and_as_an_administrator_everything() {
    let world = World::new().await;
    world.add_group(AdminRights::gatekeeper());
    world.fake.add_member(GROUP, OWNER, BUYER).unwrap();
    assert_eq!(world.fake.say_in(STRANGER, GROUP, "hi"), Err(Refused::NotMember));
    world.listen().await;
    let texts = async || -> Vec<String> {
        let text = |kind: UpdateKind| match kind {
            UpdateKind::Message(message) => message.text,
            _ => None,
        };
        world.updates().await.into_iter().filter_map(text).collect()
    };
    world.fake.say_in(BUYER, GROUP, "good morning").unwrap();
    assert_eq!(texts().await, ["good morning"]);
    world.fake.demote_bot(GROUP, OWNER).unwrap();
    world.fake.say_in(BUYER, GROUP, "only among us").unwrap();
    world.fake.say_in(BUYER, GROUP, "/plans@tollhouse_demo_bot").unwrap();
    assert_eq!(texts().await, ["/plans@tollhouse_demo_bot"]);
}
