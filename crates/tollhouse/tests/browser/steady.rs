//! What a page outlives: no script, no network, a server that is killed, another process that does the work.

use std::time::{Duration, Instant};

use nowpayments::Status;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;
use crate::{MARK, check, has_stayed, order_in, served};

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_page_brings_itself_up_to_date() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks { has_script: false, ..Looks::PHONE }).await;
    browser.go(&format!("{}/c/{}", house.url, house.slug)).await;
    browser.press("#pay").await;
    browser.shows("#coin-ltc").await;
    let order = order_in(browser.client.current_url().await.unwrap().as_str());
    let refresh = async || {
        let page = reqwest::get(format!("{}/o/{order}", house.url)).await.unwrap().text().await.unwrap();
        let (_, after) = page.split_once("http-equiv=\"refresh\" content=\"")?;
        Some(after.split_once('"').unwrap().0.to_owned())
    };
    // Who chooses or copies is left alone for longer.
    assert_eq!(refresh().await.as_deref(), Some("30"));
    browser.press("#coin-ltc").await;
    browser.shows("#qr").await;
    assert!(!browser.is_displayed("#copy-address").await, "a button that could do nothing is not there");
    assert_eq!(refresh().await.as_deref(), Some("30"));
    let payment = house.payment_of(&order).id;
    house.set(payment, Status::Confirming);
    house.provider.wait_delivered(payment, Status::Confirming).await;
    assert_eq!(refresh().await.as_deref(), Some("5"));
    browser.client.refresh().await.unwrap();
    browser.shows(".state.wait").await;
    house.set(payment, Status::Finished);
    browser.shows(".state.good").await;
    house.provider.refund(payment).unwrap();
    house.provider.wait_delivered(payment, Status::Refunded).await;
    assert_eq!(refresh().await, None, "nothing comes any more");
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
    // There is no bot that could bind an account: a person must.
    served.notify("finished").await;
    browser.says("Ask the owner of the channel").await;
    check(&browser, "paid, and there is no bot").await;
    has_stayed(&browser).await;
    browser.close().await;
}

/// The page that says "one moment" stands at the form's address, and must not send the form again.
#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_the_database_did_not_take_leads_back_to_the_order() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    let order = house.order(None).await;
    browser.go(&house.page(order)).await;
    browser.until("document.querySelector('#coin-ltc')").await;
    let lock = rusqlite::Connection::open(house.database.url.strip_prefix("sqlite://").unwrap()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    browser.press("#coin-ltc").await;
    browser.says("One moment, please").await;
    check(&browser, "the database took no press").await;
    lock.execute_batch("ROLLBACK").unwrap();
    browser.until("document.querySelector('#coin-ltc')").await;
    assert_eq!(order_in(browser.client.current_url().await.unwrap().as_str()), order.to_string());
    browser.close().await;
    house.stop().await;
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
