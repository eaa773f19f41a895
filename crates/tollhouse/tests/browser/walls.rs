//! What a page keeps out, and what it keeps to itself.
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as other sites do")]

use serde_json::json;
use tollhouse_telegram::ChatId;

use crate::check;
use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, CHAT, House};
use crate::town::Engine;

/// Without encryption, and at a name that is not this machine's, a browser says of a form only its origin: and not even that if the page
/// asks it to keep its address to itself.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_buttons_work_without_encryption_too() {
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks { names: "MAP shop.test 127.0.0.1", ..Looks::PHONE }).await;
    let shop = house.url.replace("127.0.0.1", "shop.test");
    browser.go(&format!("{shop}/c/{}", house.slug)).await;
    let is_secure = browser.run("return window.isSecureContext").await;
    assert_eq!(is_secure, json!(false), "else the browser says more than the origin");
    browser.press("#pay").await;
    browser.until("document.querySelector('#coin-ltc')").await;
    browser.press("#coin-ltc").await;
    browser.says("Waiting for your payment").await;
    assert!(browser.client.current_url().await.unwrap().as_str().starts_with(&shop));
    browser.close().await;
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

/// The policy of the pages, held against a browser: what somebody smuggles into a page is not run, not shown and not sent.
#[tokio::test(flavor = "multi_thread")]
async fn s16_s36_the_browser_keeps_out_what_is_not_ours() {
    const SMUGGLED: &str = "const done = arguments[arguments.length - 1];
        const kept = new Set();
        addEventListener('securitypolicyviolation', (event) => {
          kept.add(event.effectiveDirective);
          if (kept.size === 6) done([...kept].sort());
        });
        const add = (name, values) => { const e = Object.assign(document.createElement(name), values); document.body.append(e); return e; };
        add('script', { textContent: 'window.smuggled = true' });
        add('img', { src: 'https://evil.example/1' });
        add('iframe', { src: 'https://evil.example/2' });
        add('p', {}).setAttribute('style', 'color: red');
        fetch('https://evil.example/3').catch(() => {});
        add('form', { action: 'https://evil.example/4', method: 'post' }).submit();";
    let house = House::new(Engine::Sqlite).await;
    let browser = Browser::open(&Looks::DESKTOP).await;
    browser.go(&house.page(house.order(None).await)).await;
    browser.until("document.querySelector('#coin-ltc')").await;
    let kept = browser.client.execute_async(SMUGGLED, Vec::new()).await.unwrap();
    assert_eq!(
        kept,
        json!(["connect-src", "form-action", "frame-src", "img-src", "script-src-elem", "style-src-attr"])
    );
    assert_eq!(browser.run("return window.smuggled === undefined").await, json!(true));

    // A page of somebody else presses our button: no order, and it is said.
    let trap = format!(
        "<form method=post action={}/c/{}><button id=trap>Win!</button></form>",
        house.url, house.slug
    );
    browser.go(&format!("data:text/html,{trap}")).await;
    browser.press("#trap").await;
    browser.says("This did not come from our page").await;
    check(&browser, "another site's form").await;
    let orders = house.app.store.orders(tollhouse_store::OrderFilter::default()).await.unwrap();
    assert_eq!(orders.len(), 1);
    browser.close().await;
    house.stop().await;
}
