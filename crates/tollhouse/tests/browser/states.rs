//! What is not the straight way: parts, nothing, errors, too late, a provider and a Telegram that are not at hand.

use jiff::SignedDuration;
use nowpayments::Status;
use nowpayments::sandbox::{ApiCall, ApiFault, BuyerAction, FaultKind};
use tollhouse_core::command::Command;
use tollhouse_core::money::Currency;
use tollhouse_core::policy::{Policies, RefundPolicy, TopUpPolicy};
use tollhouse_telegram::UserId;
use tollhouse_telegram::fake::Fault;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;
use crate::{MARK, NARROW, check, check_simulated, has_stayed, order_in};

/// More failures than there are tries before somebody mends them.
const FAILURES: usize = 100;

/// Parts, nothing, errors, too late, and a way on from each.
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
    pay(order).await;
    house.nearly_expired(2);
    // Somebody who looks for another coin meanwhile: that is when the page learns how little time is left.
    let choose =
        Command::ChooseCoin { order_id: order, coin: Some(Currency::new("xrp").unwrap()), words: None };
    house.app.submit(choose).await.unwrap();
    browser.says("No payment came in time").await;
    check(&browser, "expired").await;
    has_stayed(&browser).await;
    browser.press("#again").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    assert_ne!(order_in(browser.client.current_url().await.unwrap().as_str()), order.to_string());
    browser.close().await;
    house.stop().await;
}

/// What the owner decides, what stays, and what was too much.
#[tokio::test(flavor = "multi_thread")]
async fn f09_what_waits_for_the_owner_and_what_stays_is_said() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    let pay = async |order| {
        browser.go(&house.page(order)).await;
        browser.press("#coin-ltc").await;
        browser.until("document.querySelector('#qr')").await;
        browser.run(MARK).await;
        house.payment_of(&order.to_string()).id
    };

    let payment = pay(house.order(None).await).await;
    house.provider.buyer(payment, BuyerAction::More).unwrap();
    browser.says("more than needed").await;
    check(&browser, "paid too much").await;
    has_stayed(&browser).await;

    let alone = Policies { top_up: TopUpPolicy::Attention, ..Policies::default() };
    let payment = pay(house.order_under(alone).await).await;
    house.provider.buyer(payment, BuyerAction::Less).unwrap();
    browser.says("has been told and decides").await;
    check(&browser, "partial, and the owner decides").await;
    has_stayed(&browser).await;

    let generous = Policies { refund: RefundPolicy::Keep, ..Policies::default() };
    let payment = pay(house.order_under(generous).await).await;
    house.set(payment, Status::Finished);
    browser.says("Paid. Thank you!").await;
    house.provider.refund(payment).unwrap();
    browser.says("Your access stays.").await;
    check(&browser, "refunded, and kept").await;
    has_stayed(&browser).await;

    // Late and in two parts: none of them alone was the price, all of it is there.
    let payment = pay(house.strict_order().await).await;
    house.nearly_expired(0);
    house.provider.buyer(payment, BuyerAction::Less).unwrap();
    browser.says("A part of the price has arrived").await;
    house.provider.buyer(payment, BuyerAction::Rest).unwrap();
    browser.says("Your payment has arrived").await;
    check(&browser, "arrived, and the owner decides").await;
    has_stayed(&browser).await;
    browser.close().await;
    house.stop().await;
}

/// The provider is away for a while, or makes no invoice at all: the page says so, and goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn f09_what_the_provider_does_not_make_is_said_and_comes_by_itself() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    // Until it is mended: the first tries follow each other within seconds.
    let fails = |call, kind| house.provider.fail(ApiFault { call: Some(call), kind, times: u64::MAX });

    fails(ApiCall::CreateInvoice, FaultKind::ServerError);
    let order = house.order(None).await;
    browser.go(&house.page(order)).await;
    browser.run(MARK).await;
    browser.says("gives no payment page at this moment").await;
    check(&browser, "choice, the provider's page fails").await;
    house.provider.mend();
    house.clock.advance(SignedDuration::from_mins(1));
    browser.until("document.querySelector('#hosted')").await;
    has_stayed(&browser).await;

    fails(ApiCall::CreatePayment, FaultKind::ServerError);
    browser.press("#coin-ltc").await;
    browser.says("Getting your address").await;
    browser.run(MARK).await;
    check(&browser, "the address is being made").await;
    house.provider.mend();
    house.clock.advance(SignedDuration::from_mins(1));
    browser.until("document.querySelector('#qr')").await;
    has_stayed(&browser).await;

    browser.go(&house.page(house.order_of(house.channel, "Penny", None).await)).await;
    browser.says("below the smallest amount").await;
    check(&browser, "a price that nobody can pay").await;
    browser.close().await;
    house.stop().await;
}

/// Telegram is away when the order is paid: the page says that the invite comes, and then has it.
#[tokio::test(flavor = "multi_thread")]
async fn f23_the_invite_that_is_not_there_yet_is_announced_and_comes() {
    let house = House::new(Engine::Sqlite).await;
    house.telegram.start(UserId(BUYER), "").unwrap();
    house.telegram.fault("createChatInviteLink", &Fault::server_error(), FAILURES);
    let browser = Browser::open(&Looks::PHONE).await;
    let order = house.order(Some(BUYER)).await;
    browser.go(&house.page(order)).await;
    browser.press("#coin-ltc").await;
    browser.until("document.querySelector('#qr')").await;
    browser.run(MARK).await;
    house.set(house.payment_of(&order.to_string()).id, Status::Finished);
    browser.says("Your invite is being made").await;
    check(&browser, "paid, the invite is being made").await;
    house.telegram.clear_faults();
    house.clock.advance(SignedDuration::from_mins(1));
    browser.until("document.querySelector('#open').href.startsWith('https://t.me/+')").await;
    has_stayed(&browser).await;
    browser.close().await;
    house.stop().await;
}

/// What is no order, and a database that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_shown_says_why() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::PHONE).await;
    for (path, words) in [
        ("/o/nonsense", "This is no order number"),
        ("/payment-processing", "This is no order number"),
        ("/o/ord_00000000000000000000000000000009", "There is no such order"),
    ] {
        browser.go(&format!("{}{path}", house.url)).await;
        browser.says(words).await;
        check(&browser, words).await;
    }
    let order = house.order(None).await;
    house.app.store.close().await;
    browser.go(&house.page(order)).await;
    browser.says("One moment, please").await;
    check(&browser, "the database is away").await;
    browser.close().await;
    house.stop().await;
}

/// The simulated provider's page: as good as ours, paid on in the end, and never taken for real.
#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_providers_page_is_as_good_and_says_that_it_is_no_real_one() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&NARROW).await;
    let order = house.order(None).await;
    browser.go(&house.page(order)).await;
    browser.until("document.querySelector('#hosted')").await;
    browser.press("#hosted").await;
    browser.says("Simulation, not real money.").await;
    check_simulated(&browser, "the simulated invoice").await;
    browser.press("button[value=ltc]").await;
    browser.says("Send exactly").await;
    check_simulated(&browser, "the simulated payment").await;
    browser.press("button[value=exactly]").await;
    browser.says("finished").await;
    check_simulated(&browser, "the simulated payment, paid").await;
    browser.press("a.back").await;
    browser.says("Paid. Thank you!").await;
    browser.close().await;
    house.stop().await;
}
