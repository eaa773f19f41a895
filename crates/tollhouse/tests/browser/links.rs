//! Payment links, and the languages of the pages.

use jiff::SignedDuration;
use serde_json::json;
use tollhouse_core::command::{Command, OrderFrom};
use tollhouse_core::order::OrderSource;
use tollhouse_store::LinkFilter;

use crate::chromium::{Browser, Looks};
use crate::house::{House, link, plan_of};
use crate::town::Engine;
use crate::{check, order_in};

/// A link that is over says which way it is over, also to somebody who has its page open and presses the button.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_sells_nothing_says_why() {
    let house = House::new(Engine::Sqlite).await;
    let app = &house.app;
    let browser = Browser::open(&Looks::PHONE).await;
    let open = async |slug: &str| {
        browser.go(&format!("{}/c/{slug}", house.url)).await;
        browser.until("document.querySelector('#pay')").await;
    };
    let says = async |slug: &str, words: &str| {
        // By the button of a page that was open before, and by looking.
        browser.press("#pay").await;
        browser.says(words).await;
        browser.go(&format!("{}/c/{slug}", house.url)).await;
        browser.says(words).await;
        check(&browser, words).await;
    };
    let tomorrow = house.clock.now() + SignedDuration::from_hours(24);
    let expiring = link(app, house.channel, "Month", Some(tomorrow), None).await;
    let single = link(app, house.channel, "Month", None, Some(1)).await;
    let revoked = link(app, house.channel, "Month", None, None).await;
    let retired = link(app, house.channel, "For ever", None, None).await;

    let single_too = link(app, house.channel, "Month", None, Some(1)).await;
    open(&single_too).await;
    let order = async || order_in(browser.client.current_url().await.unwrap().as_str());
    browser.press("#pay").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    let first = order().await;
    // Back in the history stands the page with its button, which leads to the order that it has made.
    browser.client.back().await.unwrap();
    browser.until("document.querySelector('#pay')").await;
    browser.press("#pay").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    assert_eq!(order().await, first);

    open(&single).await;
    // Somebody else was first.
    let create = Command::CreateOrder {
        from: OrderFrom::Link { slug: single.clone() },
        user: None,
        source: OrderSource::DirectLink,
        wants_invoice: false,
    };
    app.submit(create).await.unwrap();
    says(&single, "This link is used up").await;

    open(&revoked).await;
    let links = app.store.links(LinkFilter::default()).await.unwrap();
    let link_id = links.iter().find(|link| link.slug == revoked).unwrap().id;
    app.submit(Command::RevokeLink { link_id, actor: "test".into() }).await.unwrap();
    says(&revoked, "This link was taken back").await;

    open(&retired).await;
    let plan_id = plan_of(app, house.channel, "For ever").await;
    let retire = Command::RetirePlan { channel_id: house.channel, plan_id, actor: "test".into() };
    app.submit(retire).await.unwrap();
    says(&retired, "This is not on sale any more").await;

    open(&expiring).await;
    house.clock.advance(SignedDuration::from_hours(24));
    says(&expiring, "This link has expired").await;
    browser.close().await;
    house.stop().await;
}

/// The second tap of two is not even sent, and what stands there again after a while can be pressed.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_tap_is_held_back() {
    const TAPS: &str = "const form = document.querySelector('#pay').form;
        const tap = () => {
          const event = new Event('submit', { bubbles: true, cancelable: true });
          form.dispatchEvent(event);
          return event.defaultPrevented;
        };
        const taps = [tap(), tap()];
        dispatchEvent(new Event('pageshow'));
        return [...taps, tap()];";
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    browser.go(&format!("{}/c/{}", house.url, house.slug)).await;
    browser.until("document.querySelector('#pay')").await;
    assert_eq!(browser.run(TAPS).await, json!([false, true, false]));
    browser.close().await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_readers_language() {
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
