//! The buyer's pages in a real browser: each state is reached through the simulated provider and Telegram, and must be seen on the page without
//! a reload.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as other sites do")]

mod chromium;
mod clickable;
mod house;
mod screenshots;
mod served;
#[path = "../town/mod.rs"]
mod town;

use std::time::{Duration, Instant};

use chromium::{Browser, Looks};
use house::{BUYER, CHAT, House};
use nowpayments::Status;
use nowpayments::sandbox::BuyerAction;
use serde_json::json;
use tollhouse_telegram::{ChatId, UserId};
use town::Engine;

/// Marks the window, so that a reload cannot go unnoticed.
const MARK: &str = "window.marked = true";
/// Pages must look right down to this width, in pixels.
const NARROWEST: u32 = 320;

const NARROW: Looks = Looks { width: NARROWEST, height: 640, ..Looks::PHONE };

/// What must hold in every state.
async fn check(browser: &Browser, state: &str) {
    browser.check_accessibility(state).await;
    let overflow = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        .await;
    assert_eq!(overflow, json!(0), "{state}: nothing is wider than the window");
    // One page and one origin (F20), and nothing of it from anybody else (S36).
    let foreign = browser
        .run("return performance.getEntriesByType('resource').map((r) => r.name).filter((name) => !name.startsWith(location.origin + '/'))")
        .await;
    assert_eq!(foreign, json!([]), "{state}: everything comes from our own origin");
    for id in browser.run("return [...document.querySelectorAll('#qr')].map((qr) => qr.checkVisibility() ? qr.dataset.holds : null)").await.as_array().unwrap() {
        if let Some(holds) = id.as_str() {
            assert_eq!(browser.scan("#qr").await, holds, "{state}: a camera reads what the page says");
        }
    }
}

async fn has_stayed(browser: &Browser) {
    assert_eq!(
        browser.run("return window.marked === true").await,
        json!(true),
        "the page was never loaded again"
    );
}

fn order_in(url: &str) -> String {
    url.rsplit_once("/o/").unwrap().1.to_owned()
}

/// From the link to being inside, with every state on the way.
async fn the_way_in(looks: Looks) {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&looks).await;
    browser.go(&format!("{}/c/{}", house.url, house.slug)).await;
    check(&browser, "link").await;
    browser.press("#pay").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    check(&browser, "choice").await;

    browser.press("#coin-usdterc20").await;
    browser.says("cannot be used for this amount").await;
    check(&browser, "refused coin").await;
    browser.press("#coin-xrp").await;
    browser.until("document.querySelector('#copy-memo')").await;
    check(&browser, "coin with a memo").await;
    browser.press("#another").await;
    browser.press("#coin-ltc").await;
    browser.until("document.querySelector('#qr')").await;
    browser.run(MARK).await;
    check(&browser, "pay").await;
    let order = order_in(browser.client.current_url().await.unwrap().as_str());
    let payment = house.payment_of(&order);
    let uri = format!("litecoin:{}?amount={}", payment.pay_address, payment.pay_amount);
    assert_eq!(browser.attribute("#qr", "data-holds").await.unwrap(), uri);
    assert_eq!(browser.attribute("#copy-amount", "data-copy").await.unwrap(), payment.pay_amount.to_string());
    assert_eq!(browser.attribute("#copy-address", "data-copy").await.unwrap(), payment.pay_address);
    browser.until("/^23:5\\d:\\d\\d$/.test(document.querySelector('#left').textContent)").await;
    browser.press("#copy-address").await;
    browser.until("document.querySelector('#said').textContent === 'Copied'").await;

    house.set(payment.id, Status::Confirming);
    browser.says("Your payment was seen").await;
    browser.until("!document.querySelector('#left')").await;
    check(&browser, "seen").await;
    house.set(payment.id, Status::Confirmed);
    browser.says("Your payment is confirmed").await;
    check(&browser, "confirmed").await;
    house.set(payment.id, Status::Finished);
    browser.says("Paid. Thank you!").await;
    browser.until("document.querySelector('#said').textContent.startsWith('Paid.')").await;
    check(&browser, "paid, to be claimed").await;

    let claim = browser.attribute("#open", "href").await.unwrap();
    let (_, start) = claim.split_once("?start=").unwrap();
    house.telegram.start(UserId(BUYER), start).unwrap();
    browser.until("document.querySelector('#open').href.startsWith('https://t.me/+')").await;
    check(&browser, "paid, with an invite").await;
    let invite = browser.attribute("#open", "href").await.unwrap();
    house.telegram.open_link(UserId(BUYER), &invite).unwrap();
    browser.says("You are inside the channel").await;
    check(&browser, "inside").await;
    has_stayed(&browser).await;

    house.provider.refund(payment.id).unwrap();
    browser.says("This payment was refunded").await;
    check(&browser, "refunded").await;
    has_stayed(&browser).await;
    // Whatever happens to an order, no message about it is ever taken away (F52).
    assert_eq!(house.telegram.read(|world| world.done("deleteMessage")), 0);
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f20_f23_f42_f52_from_the_link_to_inside_without_a_reload() {
    the_way_in(Looks::DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f20_f23_f42_the_same_on_the_narrowest_phone() {
    the_way_in(NARROW).await;
}

/// What is not the straight way: parts, nothing, errors, too late, and a way on from each.
#[tokio::test(flavor = "multi_thread")]
async fn f09_parts_expiry_failure_and_lateness_are_shown_as_they_happen() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    let pay = async |order| {
        browser.go(&house.page(order)).await;
        browser.press("#coin-ltc").await;
        browser.until("document.querySelector('#qr')").await;
        browser.run(MARK).await;
        house.payment_of(&order.to_string()).id
    };

    let order = house.order(Some(BUYER)).await;
    let payment = pay(order).await;
    house.provider.buyer(payment, BuyerAction::Less).unwrap();
    browser.says("A part of the price has arrived").await;
    check(&browser, "partial").await;
    let sent = house.provider.payment(payment).unwrap();
    let rest = (sent.pay_amount - sent.actually_paid).normalize();
    let uri = format!("litecoin:{}?amount={rest}", sent.pay_address);
    assert_eq!(
        browser.attribute("#qr", "data-holds").await.unwrap(),
        uri,
        "the exact rest to the same address"
    );
    house.provider.buyer(payment, BuyerAction::Rest).unwrap();
    browser.says("Paid. Thank you!").await;
    has_stayed(&browser).await;

    let payment = pay(house.order(None).await).await;
    house.set(payment, Status::Failed);
    browser.says("The payment failed").await;
    check(&browser, "failed").await;
    has_stayed(&browser).await;

    let strict = house.strict_order().await;
    let payment = pay(strict).await;
    house.nearly_expired(0);
    house.provider.buyer(payment, BuyerAction::Late).unwrap();
    browser.says("Your payment came late").await;
    check(&browser, "late").await;
    has_stayed(&browser).await;

    // The clock alone: nobody says anything, and the page knows all the same.
    let order = house.order(None).await;
    house.nearly_expired(2);
    pay(order).await;
    browser.says("No payment came in time").await;
    check(&browser, "expired").await;
    has_stayed(&browser).await;
    browser.press("#again").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    assert_ne!(order_in(browser.client.current_url().await.unwrap().as_str()), order.to_string());
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_sell_nothing_say_why_and_pages_speak_the_readers_language() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks { languages: "ru", is_dark: true, ..Looks::PHONE }).await;
    browser.go(&format!("{}/c/NoSuchLink1", house.url)).await;
    browser.says("Такой ссылки нет").await;
    check(&browser, "unknown link").await;
    browser.go(&house.page(house.order(None).await)).await;
    browser.says("Чем вы хотите заплатить?").await;
    check(&browser, "choice in Russian, dark").await;
    // A choice of language holds for what follows.
    browser.press("footer [lang=es]").await;
    browser.says("¿Cómo quieres pagar?").await;
    browser.press("#coin-ltc").await;
    browser.says("Esperando tu pago").await;
    check(&browser, "pay in Spanish, dark").await;
    // Written from right to left nothing leaves its place.
    browser.run("document.documentElement.dir = 'rtl'").await;
    check(&browser, "pay, from right to left").await;
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_page_brings_itself_up_to_date() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks { has_script: false, ..Looks::PHONE }).await;
    browser.go(&format!("{}/c/{}", house.url, house.slug)).await;
    browser.press("#pay").await;
    browser.shows("#coin-ltc").await;
    browser.press("#coin-ltc").await;
    browser.shows("#qr").await;
    let order = order_in(browser.client.current_url().await.unwrap().as_str());
    assert!(!browser.is_displayed("#copy-address").await, "a button that could do nothing is not there");
    house.set(house.payment_of(&order).id, Status::Finished);
    browser.shows(".state.good").await;
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_and_back_the_page_mends_itself() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    browser.go(&house.page(house.order(Some(BUYER)).await)).await;
    browser.press("#coin-ltc").await;
    browser.until("document.querySelector('#qr')").await;
    browser.run(MARK).await;
    let order = order_in(browser.client.current_url().await.unwrap().as_str());
    browser.network(false).await;
    browser.until("!document.querySelector('#offline').hidden").await;
    check(&browser, "offline").await;
    let payment = house.payment_of(&order).id;
    house.set(payment, Status::Finished);
    house.provider.wait_delivered(payment, Status::Finished).await;
    browser.network(true).await;
    browser.says("Paid. Thank you!").await;
    browser.until("document.querySelector('#offline').hidden").await;
    has_stayed(&browser).await;
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_outlives_the_server() {
    let mut served = served::Served::start().await;
    let browser = Browser::open(&Looks::PHONE).await;
    browser.go(&served.page()).await;
    browser.says("Waiting for your payment").await;
    browser.run(MARK).await;
    served.kill().await;
    browser.until("!document.querySelector('#offline').hidden").await;
    served.start_again().await;
    served.notify("confirming").await;
    browser.says("Your payment was seen").await;
    browser.until("document.querySelector('#offline').hidden").await;
    has_stayed(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_what_another_process_commits() {
    /// By itself an open page looks every 15 seconds: what comes sooner was told.
    const TOLD_WITHIN: Duration = Duration::from_secs(5);
    let house = House::new(Engine::Postgres).await;
    let (neighbour, running) = house.neighbour().await;
    let browser = Browser::open(&Looks::PHONE).await;
    let order = house.order(Some(BUYER)).await;
    browser.go(&format!("{neighbour}/o/{order}")).await;
    browser.press("#coin-ltc").await;
    browser.until("document.querySelector('#qr')").await;
    browser.run(MARK).await;
    let payment = house.payment_of(&order.to_string()).id;
    let begun = Instant::now();
    house.set(payment, Status::Confirming);
    browser.says("Your payment was seen").await;
    house.set(payment, Status::Finished);
    browser.says("Paid. Thank you!").await;
    assert!(begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
    has_stayed(&browser).await;
    browser.close().await;
    running.stop().await;
    house.stop().await;
}

/// Nothing that an address says leads away from us, nothing of an order can be guessed, and no other site can press our buttons.
#[tokio::test(flavor = "multi_thread")]
async fn s36_s37_an_address_leads_nowhere_and_tells_nothing() {
    let house = House::new(Engine::Sqlite).await;
    let order = house.order(Some(BUYER)).await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let evil = "telegram_url=https://evil.example&success_url=https://evil.example&next=//evil.example&lang=//evil.example";
    for path in [
        format!("/o/{order}?{evil}"),
        format!("/payment-processing?order_id={order}&{evil}"),
        format!("/c/{}?{evil}", house.slug),
    ] {
        let answer = http.get(format!("{}{path}", house.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self'"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("evil.example"), "{path}");
        // No account, no channel, no invite in any address (S37).
        for secret in
            [BUYER.to_string(), CHAT.to_string(), CHAT.unsigned_abs().to_string(), house.channel.to_string()]
        {
            assert!(!page.contains(&secret), "{path} tells {secret}");
        }
    }
    for (path, form) in [
        (format!("/c/{}", house.slug), ""),
        (format!("/o/{order}/coin"), "coin=ltc"),
        (format!("/o/{order}/again"), ""),
    ] {
        let post = || {
            http.post(format!("{}{path}?{evil}", house.url))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form)
        };
        let own = post().send().await.unwrap();
        let location = own.headers()["location"].to_str().unwrap();
        assert!(
            own.status().as_u16() == 303 && location.starts_with("/o/ord_") && !location.contains("evil"),
            "{location}"
        );
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let answer = post().header(name, value).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 403, "{path} with {name}: {value}");
        }
    }
    // Looking makes no orders: of the two there are one is ours and one was pressed for.
    let orders = house.app.store.orders(tollhouse_store::OrderFilter::default()).await.unwrap();
    assert_eq!(orders.len(), 2);
    // The predecessor's ids can be guessed, and tell nothing.
    for name in [
        format!("PGP-{BUYER}%7C{CHAT}"),
        format!("PGP-{BUYER}-{}", CHAT.unsigned_abs()),
        "ord_00000000000000000000000000000009".into(),
    ] {
        for path in [
            format!("/o/{name}"),
            format!("/o/{name}/events"),
            format!("/api/payment-status?order_id={name}"),
        ] {
            assert_eq!(
                http.get(format!("{}{path}", house.url)).send().await.unwrap().status().as_u16(),
                404,
                "{path}"
            );
        }
    }
    house.telegram.read(|world| assert!(world.room(ChatId(CHAT)).is_some()));
    house.stop().await;
}
