//! The straight way, from the link to being inside.
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

use nowpayments::Status;
use serde_json::json;
use tollhouse_telegram::UserId;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;
use crate::{MARK, NARROW, check, has_stayed, order_in};

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
    // A browser that lets nobody copy: what is to be copied is marked, and nothing is said to have been.
    browser
        .run("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
        .await;
    browser.press("#copy-address").await;
    browser.until(&format!("getSelection().toString() === '{}'", payment.pay_address)).await;
    browser.press("#copy-amount").await;
    browser.until(&format!("getSelection().toString() === '{}'", payment.pay_amount)).await;
    assert_eq!(browser.run("return document.querySelector('#copy-amount').textContent").await, json!("Copy"));
    browser.run("document.execCommand = () => true").await;
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
