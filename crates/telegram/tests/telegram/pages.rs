//! The pages on which a person is somebody.

use tollhouse_telegram::{Button, Html, Keyboard, UpdateKind};

use crate::support::{BUYER, CHANNEL, OWNER, STRANGER, World};

/// A browser that follows redirects and sees one page.
#[expect(clippy::disallowed_methods, reason = "a test plays the browser")]
async fn see(request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.text().await.unwrap()
}

async fn open(world: &World, path: &str) -> String {
    see(reqwest::Client::new().get(format!("{}{path}", world.fake.api_url()))).await
}

/// Sends a form of a person's page, and sees the page that follows.
async fn act(world: &World, me: i64, fields: &[(&str, &str)]) -> String {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let url = format!("{}user/{me}/act", world.fake.api_url());
    let request =
        reqwest::Client::new().post(url).header("content-type", "application/x-www-form-urlencoded");
    see(request.body(form)).await
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

    let page = open(&world, &format!("user/{BUYER}")).await;
    assert!(page.contains("Simulated Telegram: nobody here is real"));
    assert!(page.contains("<b>Your access</b> to Signals &lt;vip&gt;"), "{page}");
    let opens = format!("/user/{BUYER}?open=https%3A%2F%2Ft.me%2F%2BSIMULATED");
    assert_eq!(page.matches(&opens).count(), 3, "the link, the bare address and the button all open here");

    let (chat, id) = (BUYER.to_string(), message.to_string());
    act(&world, BUYER.0, &[("act", "press"), ("chat", &chat), ("message", &id), ("data", "link:new")]).await;
    let updates = world.updates().await;
    let [UpdateKind::Callback(press)] = updates.as_slice() else { panic!("{updates:?}") };
    world.gateway.answer_callback_query(&press.id, Some("One moment"), false).await.unwrap();
    assert!(open(&world, &format!("user/{BUYER}")).await.contains("The bot says: One moment"));

    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("open", &link).finish();
    let dialog = open(&world, &format!("user/{BUYER}?{query}")).await;
    assert!(dialog.contains("Request to join") && dialog.contains("Signals &lt;vip&gt;"), "{dialog}");
    let page = act(&world, BUYER.0, &[("act", "open_link"), ("link", &link)]).await;
    assert!(page.contains("You asked to join, and wait for an answer."));
    world.gateway.approve_chat_join_request(CHANNEL, BUYER).await.unwrap();
    assert!(open(&world, &format!("user/{BUYER}")).await.contains("Leave</button>"));
    act(&world, BUYER.0, &[("act", "leave"), ("chat", &CHANNEL.to_string())]).await;
    assert!(!world.fake.read(|state| state.is_inside(CHANNEL, BUYER)));
}

#[tokio::test]
async fn a_start_link_asks_and_then_starts_the_bot() {
    let world = World::new().await;
    let query = "open=https%3A%2F%2Ft.me%2Ftollhouse_demo_bot%3Fstart%3Dp_1";
    let dialog = open(&world, &format!("user/{STRANGER}?{query}")).await;
    assert!(dialog.contains("name=\"payload\" value=\"p_1\""), "{dialog}");
    act(&world, STRANGER.0, &[("act", "start"), ("payload", "p_1")]).await;
    assert_eq!(world.fake.read(|state| state.posts(STRANGER.private_chat())[0].text.clone()), "/start p_1");
    act(&world, STRANGER.0, &[("act", "say"), ("text", "25")]).await;
    act(&world, STRANGER.0, &[("act", "block")]).await;
    assert!(world.fake.read(|state| state.person(STRANGER).unwrap().blocked));
    let page = act(&world, STRANGER.0, &[("act", "say"), ("text", "still there?")]).await;
    assert!(page.contains("Telegram says: start the bot first"), "{page}");
}

#[tokio::test]
async fn an_owner_makes_the_bot_an_administrator_and_takes_it_back() {
    let world = World::new().await;
    let chat = CHANNEL.to_string();
    let bot = world.fake.read(|state| state.bot().id);
    act(&world, OWNER.0, &[("act", "demote_bot"), ("chat", &chat)]).await;
    assert!(!world.fake.read(|state| state.status(CHANNEL, bot).is_admin()));
    let page = act(&world, OWNER.0, &[("act", "bot_admin"), ("chat", &chat)]).await;
    assert!(world.fake.read(|state| state.status(CHANNEL, bot).is_admin()));
    assert!(page.contains("Take the bot&#39;s rights") || page.contains("Take the bot's rights"), "{page}");
    let stranger = act(&world, STRANGER.0, &[("act", "demote_bot"), ("chat", &chat)]).await;
    assert!(stranger.contains("only an administrator"), "{stranger}");
    assert_eq!(world.updates().await.len(), 2, "two changes of the bot's rights, and no third");
}

#[tokio::test]
async fn people_and_channels_are_made_on_the_first_page() {
    let world = World::empty().await;
    let make = async |fields: &[(&str, &str)]| {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = reqwest::Client::new().post(format!("{}act", world.fake.api_url()));
        see(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
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
}
