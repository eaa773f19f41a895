//! The pages on which a person is somebody.

use tollhouse_telegram::fake::{NewChat, PageLink};
use tollhouse_telegram::{AdminRights, Button, ChatId, ChatKind, Html, Keyboard, UpdateKind, UserId};

use crate::support::{BUYER, CHANNEL, OWNER, STRANGER, World};

/// A browser that follows redirects and sees one page: where it ended, and what stands there.
#[expect(clippy::disallowed_methods, reason = "a test plays the browser")]
async fn see(request: reqwest::RequestBuilder) -> (String, String) {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let url = answer.url().clone();
    let place = format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default());
    (place, answer.text().await.unwrap())
}

async fn open(world: &World, path: &str) -> String {
    see(reqwest::Client::new().get(format!("{}{path}", world.fake.api_url()))).await.1
}

async fn post(world: &World, path: &str, fields: &[(&str, &str)]) -> (String, String) {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = reqwest::Client::new().post(format!("{}{path}", world.fake.api_url()));
    see(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

/// Sends a form of a person's page on which a chat is open, and sees the page that follows.
async fn act(world: &World, me: UserId, chat: ChatId, fields: &[(&str, &str)]) -> (String, String) {
    post(world, &format!("user/{me}/act?chat={chat}"), fields).await
}

fn query(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

#[tokio::test]
async fn a_buyer_reads_presses_and_asks_to_join_in_a_browser() {
    let world = World::new().await;
    let link = world.link().await;
    let mut text = Html::markup("<b>Your access</b> to ");
    text.push_text("Signals <vip>");
    text.push_markup(&format!(": <a href=\"{link}\">join</a> or {link}"));
    let keyboard =
        Keyboard::column([Button::url("Join", link.as_str()), Button::callback("Another link", "link:new")]);
    let message = world.gateway.send_message(BUYER.private_chat(), &text, Some(&keyboard)).await.unwrap();
    let bot_chat = BUYER.private_chat();

    let list = open(&world, &format!("user/{BUYER}")).await;
    assert!(list.contains("nobody here is real"));
    assert!(list.contains("1<span class=\"hush\"> new</span>"), "{list}");
    let page = open(&world, &format!("user/{BUYER}?chat={BUYER}")).await;
    assert!(page.contains("<b>Your access</b> to Signals &lt;vip&gt;"), "{page}");
    assert!(!page.contains("hush\"> new</span>"), "what is open has been seen: {page}");
    let opens = format!("/user/{BUYER}?chat={BUYER}&amp;open=https%3A%2F%2Ft.me%2F%2BSIMULATED");
    assert_eq!(page.matches(&opens).count(), 3, "the link, the bare address and the button all open here");

    let (chat, id) = (BUYER.to_string(), message.to_string());
    let press = [("act", "press"), ("chat", &*chat), ("message", &*id), ("data", "link:new")];
    let (_, page) = act(&world, BUYER, bot_chat, &press).await;
    assert!(page.contains("waits for the bot"), "{page}");
    let updates = world.updates().await;
    let [UpdateKind::Callback(press)] = updates.as_slice() else { panic!("{updates:?}") };
    world.gateway.answer_callback_query(&press.id, Some("One <moment>"), true).await.unwrap();
    let page = open(&world, &format!("user/{BUYER}?chat={BUYER}")).await;
    assert!(page.contains("<dialog") && page.contains("One &lt;moment&gt;"), "an alert: {page}");
    let (_, page) = act(&world, BUYER, bot_chat, &[("act", "dismiss")]).await;
    assert!(!page.contains("One &lt;moment&gt;") && !page.contains("waits for the bot"), "{page}");

    let dialog = open(&world, &format!("user/{BUYER}?{}", query("open", &link))).await;
    assert!(dialog.contains("Request to join") && dialog.contains("Signals &lt;vip&gt;"), "{dialog}");
    let (place, page) = act(&world, BUYER, bot_chat, &[("act", "open_link"), ("link", &link)]).await;
    assert_eq!(place, format!("/user/{BUYER}?chat={CHANNEL}"));
    assert!(page.contains("An administrator decides"), "{page}");
    world.gateway.approve_chat_join_request(CHANNEL, BUYER).await.unwrap();
    let page = open(&world, &format!("user/{BUYER}?chat={CHANNEL}&panel=info")).await;
    assert!(page.contains("Leave</button>"), "{page}");
    let (_, page) = act(&world, BUYER, CHANNEL, &[("act", "leave"), ("chat", &CHANNEL.to_string())]).await;
    assert!(page.contains("You left") && !world.fake.read(|state| state.is_inside(CHANNEL, BUYER)), "{page}");
}

#[tokio::test]
async fn who_is_declined_or_removed_sees_it() {
    let world = World::new().await;
    let link = world.link().await;
    act(&world, STRANGER, CHANNEL, &[("act", "open_link"), ("link", &link)]).await;
    world.gateway.decline_chat_join_request(CHANNEL, STRANGER).await.unwrap();
    let page = open(&world, &format!("user/{STRANGER}?chat={CHANNEL}")).await;
    assert!(page.contains("Your request was declined"), "{page}");
    world.let_in(BUYER).await;
    world.gateway.send_message(CHANNEL, &Html::text("a secret"), None).await.unwrap();
    assert!(open(&world, &format!("user/{BUYER}?chat={CHANNEL}")).await.contains("a secret"));
    world.gateway.ban_chat_member(CHANNEL, BUYER).await.unwrap();
    world.gateway.unban_chat_member(CHANNEL, BUYER).await.unwrap();
    let page = open(&world, &format!("user/{BUYER}?chat={CHANNEL}")).await;
    assert!(page.contains("You were removed") && !page.contains("a secret"), "{page}");
}

#[tokio::test]
async fn a_start_link_leads_to_a_start_button_and_then_starts_the_bot() {
    let world = World::new().await;
    let link = query("open", "https://t.me/tollhouse_demo_bot?start=p_1");
    let page = open(&world, &format!("user/{STRANGER}?{link}")).await;
    assert!(page.contains("name=\"payload\" value=\"p_1\""), "{page}");
    let chat = STRANGER.private_chat();
    act(&world, STRANGER, chat, &[("act", "start"), ("payload", "p_1")]).await;
    assert_eq!(world.fake.read(|state| state.posts(chat)[0].text.clone()), "/start p_1");
    act(&world, STRANGER, chat, &[("act", "say"), ("text", "25")]).await;
    let (_, page) = act(&world, STRANGER, chat, &[("act", "say"), ("text", "<b>not bold</b>")]).await;
    assert!(page.contains("&lt;b&gt;not bold&lt;/b&gt;") && !page.contains("<b>not bold</b>"), "{page}");
    act(&world, STRANGER, chat, &[("act", "block")]).await;
    assert!(world.fake.read(|state| state.person(STRANGER).unwrap().blocked));
    let (_, page) = act(&world, STRANGER, chat, &[("act", "say"), ("text", "still there?")]).await;
    assert!(page.contains("Telegram says: start the bot first"), "{page}");
}

/// Who was played last opens a link that another page leads to; nobody yet is asked who.
#[tokio::test]
async fn a_link_from_elsewhere_is_opened_by_who_was_played_last() {
    let world = World::new().await;
    let path = format!("open?{}", query("link", "https://t.me/tollhouse_demo_bot?start=c_1"));
    let page = open(&world, &path).await;
    assert!(
        page.contains("Who opens this link?") && page.contains(&format!("/user/{BUYER}?open=")),
        "{page}"
    );
    let request = reqwest::Client::new().get(format!("{}{path}", world.fake.api_url()));
    let (place, _) = see(request.header("cookie", format!("a=b; simulated_telegram_player={BUYER}"))).await;
    assert_eq!(place, format!("/user/{BUYER}?chat={BUYER}&start=c_1"));
}

#[tokio::test]
async fn an_owner_makes_a_channel_and_the_bot_an_administrator_with_chosen_rights() {
    let world = World::new().await;
    let bot = world.fake.read(|state| state.bot().id);
    let make = [
        ("act", "add_chat"),
        ("kind", "channel"),
        ("title", "Evening <news>"),
        ("username", "@evening_news"),
    ];
    let (place, page) = post(&world, &format!("user/{OWNER}/act"), &make).await;
    assert!(page.contains("Evening &lt;news&gt;") && page.contains("public channel"), "{page}");
    let id: i64 = place.split_once("chat=").unwrap().1.split('&').next().unwrap().parse().unwrap();
    let chat = ChatId(id);
    let text = chat.to_string();
    let rights = [
        ("act", "bot_admin"),
        ("chat", &*text),
        ("right", "can_invite_users"),
        ("right", "can_post_messages"),
    ];
    act(&world, OWNER, chat, &rights).await;
    let held = AdminRights {
        can_manage_chat: true,
        can_invite_users: true,
        can_post_messages: true,
        ..AdminRights::default()
    };
    let status = world.fake.read(|state| state.status(chat, bot));
    assert_eq!(status, tollhouse_telegram::MemberStatus::Administrator(held));
    // A post of it that is forwarded tells the bot which channel it is.
    let news = world.fake.say_in(OWNER, chat, "news").unwrap().to_string();
    world.fake.start(OWNER, "").unwrap();
    let forward = [("act", "forward"), ("chat", &*text), ("message", &*news)];
    let (place, page) = act(&world, OWNER, chat, &forward).await;
    assert!(
        place.ends_with(&format!("?chat={OWNER}")) && page.contains("Forwarded from Evening &lt;news&gt;"),
        "{page}"
    );
    let told = world.fake.read(|state| state.posts(OWNER.private_chat()).last().unwrap().forwarded.clone());
    assert_eq!(told.unwrap().chat, chat);
    // Somebody finds it by its name, and joins.
    let page = open(&world, &format!("user/{STRANGER}?{}", query("open", "@evening_news"))).await;
    assert!(page.contains("Join</button>"), "{page}");
    act(&world, STRANGER, chat, &[("act", "join_public"), ("chat", &text)]).await;
    assert!(world.fake.read(|state| state.is_inside(chat, STRANGER)));
    let (_, page) = act(&world, STRANGER, chat, &[("act", "kick_bot"), ("chat", &text)]).await;
    assert!(page.contains("only an administrator"), "{page}");
    act(&world, OWNER, chat, &[("act", "kick_bot"), ("chat", &text)]).await;
    assert!(!world.fake.read(|state| state.is_inside(chat, bot)));
    let changes =
        world.updates().await.into_iter().filter(|kind| matches!(kind, UpdateKind::MyChatMember(_)));
    assert_eq!(changes.count(), 2, "the bot was told of both changes, and of no third");
    let (_, page) = post(&world, &format!("user/{OWNER}/act"), &make).await;
    assert!(page.contains("this public name is taken"), "{page}");
}

/// A bot's link that asks to be made administrator leads to the channels that one owns.
#[tokio::test]
async fn a_link_that_adds_the_bot_asks_where_to() {
    let world = World::new().await;
    let link = "https://t.me/tollhouse_demo_bot?startchannel&admin=invite_users+restrict_members";
    let page = open(&world, &format!("user/{OWNER}?{}", query("open", link))).await;
    assert!(
        page.contains("Add the bot to a channel") && page.contains("value=\"can_restrict_members\""),
        "{page}"
    );
    let page = open(&world, &format!("user/{STRANGER}?{}", query("open", link))).await;
    assert!(page.contains("You own no channel yet"), "{page}");
}

#[tokio::test]
async fn people_and_channels_are_made_on_the_first_page() {
    let world = World::empty().await;
    let make = async |fields: &[(&str, &str)]| post(&world, "act", fields).await.1;
    let page =
        make(&[("act", "add_user"), ("id", "1001"), ("first_name", "<i>Ann"), ("language_code", "ru")]).await;
    assert!(page.contains("/user/1001") && page.contains("&lt;i&gt;Ann"), "{page}");
    let channel = [
        ("act", "add_chat"),
        ("id", "-1000000001001"),
        ("kind", "channel"),
        ("title", "Signals"),
        ("owner", "1001"),
    ];
    assert!(make(&channel).await.contains("1 inside"));
    assert!(make(&channel).await.contains("Telegram says: the id -1000000001001 is taken"));
    world.fake.set_page_links(vec![PageLink { label: "The shop".into(), url: "http://127.0.0.1:1/".into() }]);
    assert!(open(&world, "").await.contains("<a href=\"http://127.0.0.1:1/\">The shop</a>"));
}

#[tokio::test]
async fn what_fails_next_is_set_on_a_page() {
    let world = World::new().await;
    let fail = |kind, method| {
        [("act", "fail"), ("kind", kind), ("method", method), ("times", "1"), ("seconds", "7")]
    };
    let (_, page) = post(&world, "trouble", &fail("429", "sendMessage")).await;
    assert!(page.contains("Too Many Requests: retry after 7"), "{page}");
    let refused = world.gateway.send_message(BUYER.private_chat(), &Html::text("x"), None).await.unwrap_err();
    assert!(refused.to_string().contains('7'), "{refused}");
    world.gateway.send_message(BUYER.private_chat(), &Html::text("x"), None).await.unwrap();
    let page = open(&world, "trouble").await;
    assert!(page.contains("every call is answered") && page.contains("429 Too Many Requests"), "{page}");
    post(&world, "trouble", &fail("close_after", "*")).await;
    let (_, page) = post(&world, "trouble", &[("act", "clear")]).await;
    assert!(page.contains("every call is answered"), "{page}");
    let (_, page) = post(&world, "trouble", &fail("429", "noSuchMethod")).await;
    assert!(page.contains("there is no method noSuchMethod"), "{page}");
}

/// A page that is open is told of each change, and of nothing else.
#[tokio::test]
async fn an_open_page_is_told_of_edits_and_deletions() {
    let world = World::new().await;
    let message = world.gateway.send_message(BUYER.private_chat(), &Html::text("first"), None).await.unwrap();
    let mut page = Follow::page(&world, &format!("user/{BUYER}/events?chat={BUYER}")).await;
    assert!(page.next().await.contains(">first<"));
    world
        .gateway
        .edit_message_text(BUYER.private_chat(), message, &Html::text("second"), None)
        .await
        .unwrap();
    let told = page.next().await;
    assert!(told.contains(">second<") && !told.contains(">first<"), "{told}");
    world.gateway.delete_message(BUYER.private_chat(), message).await.unwrap();
    assert!(!page.next().await.contains(">second<"));
}

/// A stream of pages.
struct Follow {
    answer: reqwest::Response,
    unread: String,
}

impl Follow {
    #[expect(clippy::disallowed_methods, reason = "a test plays the browser")]
    async fn page(world: &World, path: &str) -> Self {
        let answer =
            reqwest::Client::new().get(format!("{}{path}", world.fake.api_url())).send().await.unwrap();
        Self { answer, unread: String::new() }
    }

    async fn next(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.unread.clone().split_once("\n\n") {
                rest.clone_into(&mut self.unread);
                if let Some(data) = event.strip_prefix("data: ").or_else(|| event.strip_prefix("data:")) {
                    return serde_json::from_str(data).unwrap();
                }
            } else {
                let chunk = self.answer.chunk().await.unwrap().expect("the stream goes on");
                self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn the_bots_commands_stand_beside_the_field() {
    let world = World::new().await;
    world
        .fake
        .add_chat(NewChat { kind: ChatKind::Supergroup, ..NewChat::channel(-1_009, "Readers", OWNER) })
        .unwrap();
    let call = async |body: serde_json::Value| {
        let url = format!("{}bot{}/setMyCommands", world.fake.api_url(), world.fake.bot_token());
        see(reqwest::Client::new()
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string()))
        .await
    };
    let command = |name: &str| serde_json::json!([{ "command": name, "description": "Does it" }]);
    call(serde_json::json!({ "commands": command("mylink") })).await;
    let scope = serde_json::json!({ "type": "all_private_chats" });
    call(serde_json::json!({ "commands": command("channels"), "scope": scope })).await;
    let page = open(&world, &format!("user/{BUYER}?chat={BUYER}")).await;
    assert!(page.contains("value=\"/channels\"") && !page.contains("value=\"/mylink\""), "{page}");
}
