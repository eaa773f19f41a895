//! A public address with a path: everything of ours is below it, whether the proxy in front takes the path away or not.

use nowpayments::Status;
use serde_json::json;
use tollhouse_telegram::UserId;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;
use crate::{MARK, check, has_stayed, order_in};

const PATH: &str = "/pay desk/of us";
/// The same in an address.
const ENCODED: &str = "/pay%20desk/of%20us";

#[tokio::test(flavor = "multi_thread")]
async fn f06_f20_below_a_path_of_a_host_everything_stays_below_it() {
    let house = House::below(Engine::Sqlite, PATH).await;
    let browser = Browser::open(&Looks::PHONE).await;
    let here = house.url.replace(PATH, ENCODED);
    let is_below = async || {
        let outside = format!(
            "return [location.href, ...performance.getEntriesByType('resource').map((r) => r.name)]
               .filter((name) => !name.startsWith({}))",
            json!(format!("{here}/"))
        );
        assert_eq!(browser.run(&outside).await, json!([]), "everything is below {here}");
    };
    browser.go(&format!("{}/c/{}", house.url, house.slug)).await;
    is_below().await;
    browser.press("footer [lang=es]").await;
    browser.says("Pagar").await;
    browser.press("footer [lang=en]").await;
    browser.until("document.documentElement.lang === 'en'").await;
    browser.press("#pay").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    browser.press("#coin-xrp").await;
    browser.until("document.querySelector('#copy-memo')").await;
    browser.press("#another").await;
    browser.press("#coin-ltc").await;
    browser.until("document.querySelector('#qr')").await;
    browser.run(MARK).await;
    is_below().await;
    check(&browser, "pay, below a path").await;
    let order = order_in(browser.client.current_url().await.unwrap().as_str());
    let order = order.split('?').next().unwrap();

    // What is told to others leads below it, too.
    let invoices = house.provider.invoices();
    let invoice = invoices.iter().find(|invoice| invoice.order_id.as_deref() == Some(order)).unwrap();
    assert_eq!(invoice.success_url.as_deref(), Some(format!("{here}/o/{order}").as_str()));
    assert_eq!(invoice.ipn_callback_url.as_deref(), Some(format!("{here}/webhooks/nowpayments").as_str()));
    let payment = house.payment_of(order).id;
    house.set(payment, Status::Finished);
    browser.says("Paid. Thank you!").await;
    has_stayed(&browser).await;
    is_below().await;
    house.telegram.start(UserId(BUYER), &format!("p_{}", house.slug)).unwrap();
    house
        .telegram
        .wait_for("the bot's button leads to the page", |world| {
            let posts = world.bot_posts(UserId(BUYER));
            let mut buttons = posts.iter().flat_map(|post| post.buttons.iter().flatten());
            buttons
                .any(|b| b.url.as_ref().is_some_and(|url| url.starts_with(&format!("{here}/o/"))))
                .then_some(())
        })
        .await
        .unwrap();

    // A proxy that takes the path away asks for the same without it, and the page's links have it all the same.
    let bare = house.url.strip_suffix(PATH).unwrap();
    let page = reqwest::get(format!("{bare}/o/{order}")).await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("href=\"{ENCODED}/assets/page-")), "{page}");
    assert!(page.contains(&format!("data-events=\"{ENCODED}/o/{order}/events\"")), "{page}");
    for (path, status) in
        [("/livez", 200), (&*format!("{ENCODED}/livez"), 200), (&*format!("{ENCODED}x/livez"), 404)]
    {
        assert_eq!(reqwest::get(format!("{bare}{path}")).await.unwrap().status().as_u16(), status, "{path}");
    }
    browser.close().await;
    house.stop().await;
}
