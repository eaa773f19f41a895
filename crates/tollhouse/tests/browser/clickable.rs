//! The demo in the hands of a person: everything by clicking, from the story's page to being inside, and from a new channel to a bot that guards it.
#![expect(clippy::unwrap_used, reason = "what cannot be clicked is a failed test")]

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tollhouse_telegram::{Button, ChatId, Html, Keyboard, UserId};

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, CHAT, House};
use crate::town::Engine;
use crate::{MARK, NARROW, check_simulated as check, has_stayed};

/// `tollhouse demo` in a process of its own, ended with the value.
pub struct Demo {
    _process: Child,
    pub story: String,
}

impl Demo {
    pub async fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tollhouse"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let story = loop {
            let line = lines.next_line().await.unwrap().expect("the demo says where it is");
            if line.trim_start().starts_with("http://") {
                break line.trim().to_owned();
            }
        };
        // What it says after that has to go somewhere.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { _process: process, story }
    }
}

impl Browser {
    /// Presses a link that opens another window, and goes there.
    pub async fn press_into_window(&self, selector: &str) {
        let before = self.client.windows().await.unwrap();
        self.press(selector).await;
        // A window that opens is no change of the document: the driver is asked until it knows it.
        let new = loop {
            let now = self.client.windows().await.unwrap();
            if let Some(new) = now.into_iter().find(|window| !before.contains(window)) {
                break new;
            }
        };
        self.client.switch_to_window(new).await.unwrap();
    }

    pub async fn window(&self) -> fantoccini::wd::WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Fills in a field as somebody who types.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.client.find(fantoccini::Locator::Css(selector)).await.unwrap();
        field.send_keys(text).await.unwrap();
    }
}

/// What a purchase has left behind.
pub struct Bought {
    /// Its page at the simulated provider.
    pub invoice: String,
}

/// From the story's page to being inside the channel, by pressing what is there; `see` looks at each page on the way. Ends in the window of the
/// simulated Telegram.
pub async fn buy(browser: &Browser, see: impl AsyncFn(&str)) -> Bought {
    // The offer, as Ben: a plan's button leads to the bot, which waits for a press on Start.
    browser.press_into_window("#step-offer a").await;
    let telegram = browser.window().await;
    browser.until("document.querySelector('.keys a.key')").await;
    see("the offer").await;
    browser.run(MARK).await;
    browser.press(".keys a.key").await;
    browser.until("document.querySelector('#foot button.go')?.textContent === 'Start'").await;
    browser.press("#foot button.go").await;
    browser.until("document.querySelector('.keys a.key[target=_blank]')").await;
    see("chat with the bot").await;

    // Pay, on the order's page and at the provider's.
    browser.press_into_window(".post:last-child .keys > :last-child a.key").await;
    browser.until("document.querySelector('#hosted')").await;
    browser.press("#hosted").await;
    browser.shows("button[value=ltc]").await;
    let invoice = browser.client.current_url().await.unwrap().to_string();
    browser.press("button[value=ltc]").await;
    browser.shows("button[value=exactly]").await;
    see("the simulated NOWPayments").await;
    browser.press("button[value=exactly]").await;

    // The invite comes by itself; who opens it asks to join and is let in.
    browser.client.switch_to_window(telegram).await.unwrap();
    browser.until("document.querySelector('a.key[href*=\"SIMULATED\"]')").await;
    browser.press("a.key[href*=\"SIMULATED\"]").await;
    browser.until("document.querySelector('#dialog button.go')").await;
    see("an invite").await;
    browser.press("#dialog button.go").await;
    browser.until("document.querySelector('#foot')?.textContent.includes('Only administrators post')").await;
    see("inside").await;
    Bought { invoice }
}

/// Takes as long as the simulated chain: three steps of a second, beside a dozen pages that the checker reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_plays_a_purchase_from_the_offer_to_being_inside() {
    let demo = Demo::start().await;
    let browser = Browser::open(&Looks::DESKTOP).await;
    browser.go(&demo.story).await;
    browser.says("Sell a channel, buy it, walk in").await;
    check(&browser, "story").await;
    browser.run(MARK).await;
    let story = browser.window().await;

    buy(&browser, async |state| check(&browser, state).await).await;
    has_stayed(&browser).await;

    browser.client.switch_to_window(story).await.unwrap();
    for step in ["offer", "pay", "join", "told"] {
        browser.until(&format!("document.querySelector('#step-{step}.done')")).await;
    }
    check(&browser, "story, half told").await;
    has_stayed(&browser).await;
    // Time passes for everybody, and the member is shown out.
    browser.press("#step-time form:last-child button").await;
    browser.until("document.querySelector('#step-time.done')").await;
    browser.press("a[href='/demo/operator']").await;
    browser.says("Needs a person").await;
    check(&browser, "operator").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_makes_a_channel_and_the_bot_its_administrator() {
    let demo = Demo::start().await;
    let browser = Browser::open(&Looks::DESKTOP).await;
    browser.go(&demo.story).await;
    browser.press_into_window("#step-own .ways a:first-child").await;
    browser.until("document.querySelector('#panel input[name=title]')").await;
    browser.run(MARK).await;
    check(&browser, "a new channel").await;
    browser.fill("#panel input[name=title]", "Evening <news>").await;
    browser.press("#panel button.go").await;
    browser.until("document.querySelector('#chat h2')?.textContent === 'Evening <news>'").await;
    check(&browser, "a channel of one's own").await;
    browser.press("#panel input[value=can_edit_messages]").await;
    browser.press("#promote").await;
    browser.until("document.querySelector('#rights').textContent.includes('is an administrator')").await;
    let boxes = browser
        .run("return [...document.querySelectorAll('#rights input[checked]')].map((box) => box.value)")
        .await;
    assert_eq!(
        boxes,
        json!(["can_invite_users", "can_restrict_members", "can_post_messages", "can_edit_messages"]),
        "what was chosen, and no more"
    );
    browser.fill("#text", "The first post").await;
    browser.press("#composer button").await;
    browser.until("document.querySelector('.post .text')?.textContent === 'The first post'").await;
    assert_eq!(browser.run("return document.querySelector('#text').value").await, json!(""));
    // The bot has written to her, and sets the channel up as she answers.
    browser.press("#list a[href='/user/1001?chat=1001']").await;
    browser
        .until(
            "document.querySelector('.post:last-child button.key')?.textContent.includes('Evening <news>')",
        )
        .await;
    check(&browser, "the bot offers to set the channel up").await;
    let asked = browser.run("return document.querySelectorAll('.post').length").await;
    browser.press(".post:last-child button.key").await;
    browser.until(&format!("document.querySelectorAll('.post').length > {asked} || document.querySelector('.post:last-child .meta').textContent.includes('edited')")).await;
    browser
        .press(
            "#list a[href^='/user/1001?chat=-']:not([href*='-1002400000001']):not([href*='-1003016667267'])",
        )
        .await;
    browser.until("document.querySelector('#chat h2')?.textContent === 'Evening <news>'").await;
    browser.press("#chat a[aria-label='About this chat']").await;
    browser.until("document.querySelector('#rights')").await;
    // Taken back: the bot is shown out of the channel.
    browser.press("#rights button.bad").await;
    browser.until("document.querySelector('#promote').textContent === 'Make the bot an administrator'").await;
    has_stayed(&browser).await;
    browser.close().await;
}

/// What the bot says, changes and takes back is there without a reload, in whatever is open; also on a narrow phone, and in the dark.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_follows_what_the_bot_does() {
    let house = House::new(Engine::Sqlite).await;
    let gateway = house.app.gateway.as_ref().unwrap();
    let chat = ChatId(BUYER);
    house.telegram.start(UserId(BUYER), "").unwrap();
    house
        .telegram
        .wait_for("an answer", |world| world.bot_posts(UserId(BUYER)).first().map(|_| ()))
        .await
        .unwrap();
    let browser = Browser::open(&Looks { is_dark: true, ..NARROW }).await;
    browser.go(&house.telegram.user_page(UserId(BUYER))).await;
    browser.until("document.querySelector('#list')").await;
    check(&browser, "the list, narrow and dark").await;
    browser.press(&format!("#line{BUYER} a")).await;
    browser.until("document.querySelector('#composer')").await;
    browser.run(MARK).await;

    let text = Html::markup("<b>bold</b> <a href=\"javascript:alert(1)\">not a link</a>");
    let keyboard = Keyboard::column([Button::callback("Press me", "of-another-time")]);
    let message = gateway.send_message(chat, &text, Some(&keyboard)).await.unwrap();
    browser
        .until("[...document.querySelectorAll('.text b')].some((text) => text.textContent === 'bold')")
        .await;
    assert_eq!(browser.run("return document.querySelector('a[href^=javascript]')").await, json!(null));
    // Half a message is not lost when another comes.
    browser.fill("#text", "half a mes").await;
    browser.press(".post:last-child button.key").await;
    browser.until("document.querySelector('dialog[open]')").await;
    check(&browser, "an alert").await;
    browser.press("dialog button").await;
    browser.until("!document.querySelector('dialog')").await;
    gateway.edit_message_text(chat, message, &Html::text("changed"), None).await.unwrap();
    browser
        .until("[...document.querySelectorAll('.text')].some((text) => text.textContent === 'changed')")
        .await;
    browser.until("document.querySelector('.post:last-child .meta').textContent.includes('edited')").await;
    gateway.delete_message(chat, message).await.unwrap();
    browser
        .until("![...document.querySelectorAll('.text')].some((text) => text.textContent === 'changed')")
        .await;
    assert_eq!(browser.run("return document.querySelector('#text').value").await, json!("half a mes"));
    check(&browser, "a chat, narrow and dark").await;

    // Somebody who is shown out sees it.
    house.telegram.add_member(ChatId(CHAT), UserId(crate::house::OWNER), UserId(BUYER)).unwrap();
    browser.press(".back").await;
    // The line of the room comes with the page's next look.
    browser.until(&format!("document.querySelector(\"[id='line{CHAT}'] a\")")).await;
    browser.press(&format!("[id='line{CHAT}'] a")).await;
    browser.until("document.querySelector('#foot')?.textContent.includes('Only administrators')").await;
    house.telegram.ban(ChatId(CHAT), UserId(crate::house::OWNER), UserId(BUYER)).unwrap();
    browser.says("You were banned").await;
    check(&browser, "banned, narrow and dark").await;
    has_stayed(&browser).await;
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_set_on_a_page() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    browser.go(&format!("{}trouble", house.telegram.api_url())).await;
    browser.run(MARK).await;
    check(&browser, "trouble").await;
    browser.run("document.querySelector('[name=kind]').value = 'close_after'").await;
    browser.press("form button.go").await;
    browser.until("document.querySelector('#waiting').textContent.includes('but it is done')").await;
    check(&browser, "trouble to come").await;
    browser.press("#waiting button").await;
    browser.until("document.querySelector('#waiting').textContent.includes('every call is answered')").await;
    browser.go(house.telegram.api_url().as_str()).await;
    check(&browser, "everybody").await;
    browser.close().await;
    house.stop().await;
}
