//! The same of the demo: its story, the simulated Telegram of each of its people, the simulated provider.

use std::path::PathBuf;

use super::{FOLDER_VARIABLE, looks, shoot};
use crate::chromium::{Browser, Looks};
use crate::clickable::{Demo, buy};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes pictures: cargo xtask screenshots"]
async fn screenshots() {
    let folder = PathBuf::from(std::env::var_os(FOLDER_VARIABLE).expect("run `cargo xtask screenshots`"));
    let demo = Demo::start().await;
    let browser = Browser::open(&Looks::DESKTOP).await;
    browser.go(&demo.story).await;
    let telegram = browser.attribute(".sim a[target=telegram]", "href").await.unwrap();
    let nowpayments = browser.attribute(".sim a[target=nowpayments]", "href").await.unwrap();
    let offer = browser.attribute("#step-offer a", "href").await.unwrap();
    let order = buy(&browser, async |_| {}).await;
    let channel = browser.client.current_url().await.unwrap();
    let invoice = order.invoice.clone();
    let private = channel.query_pairs().find(|(name, _)| name == "chat").unwrap().1.into_owned();
    browser.close().await;
    let states = [
        ("demo-story", demo.story.clone()),
        ("demo-operator", format!("{}/operator", demo.story)),
        ("demo-offer", offer),
        ("demo-people", telegram.clone()),
        ("demo-list", format!("{telegram}user/1002")),
        ("demo-bot", format!("{telegram}user/1002?chat=1002")),
        ("demo-channel", format!("{telegram}user/1002?chat={private}")),
        ("demo-owner", format!("{telegram}user/1001?chat={private}&panel=info")),
        ("demo-owner-told", format!("{telegram}user/1001?chat=1001")),
        ("demo-invite", format!("{telegram}user/1003?open=https%3A%2F%2Ft.me%2F%2BSIMULATED00000001")),
        ("demo-new-channel", format!("{telegram}user/1001?panel=new_chat")),
        ("demo-trouble", format!("{telegram}trouble")),
        ("demo-invoice", invoice),
        ("demo-nowpayments", nowpayments),
    ];
    for (name, looks) in looks() {
        let browser = Browser::open(&looks).await;
        for (state, url) in &states {
            browser.go(url).await;
            shoot(&browser, &folder.join(format!("{state}-{name}.png"))).await;
        }
        browser.close().await;
    }
}
