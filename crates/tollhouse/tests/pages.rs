//! The buyer's pages over HTTP: what a press leads to, what is announced, and what they say of an order.
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use nowpayments::sandbox::{Sandbox, SandboxConfig, SandboxHandle};
use reqwest::redirect::Policy;
use secrecy::SecretString;
use serde_json::Value;
use tollhouse::clock::Clock;
use tollhouse::serve::Roles;
use tollhouse::worker;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::{OrderId, PlanId, TelegramUserId};
use tollhouse_core::link::PayLink;
use tollhouse_core::money::Currency;
use tollhouse_core::order::{COINS_TRIED_MAX, ORDER_OPEN_HOURS, OrderSource};
use tollhouse_core::snapshot::Needs;
use town::{BUYER, Engine, SECRET, Town, body, openapi, user};

const KEY: &str = "the-key";
const HTTP_ONLY: Roles = Roles { http: true, worker: false, bot: false, reconcile: false };
const FORM: &str = "application/x-www-form-urlencoded";

/// A town with a simulated provider, whose worker works when the test says so.
struct Shop {
    town: Town,
    provider: SandboxHandle,
    /// Goes nowhere by itself.
    browser: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    code: u16,
    /// Where it leads.
    to: Option<String>,
    text: String,
}

impl Shop {
    async fn open(engine: Engine) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let provider =
            Sandbox::start(SandboxConfig::new(KEY, SECRET, Clock::default().as_fn())).await.unwrap();
        let town = Town::adjusted(engine, HTTP_ONLY, |config| {
            config.nowpayments.api_key = Some(SecretString::from(KEY));
            config.nowpayments.api_url = provider.api_url().parse().unwrap();
        })
        .await;
        let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { town, provider, browser }
    }

    async fn plan(&self) -> PlanId {
        let mut needs = Needs::default();
        needs.channels.insert(self.town.channel);
        let snapshot = self.town.store().snapshot(needs).await.unwrap();
        snapshot.channels.get(&self.town.channel).unwrap().plans[0].id
    }

    async fn order(&self, user: Option<TelegramUserId>) -> OrderId {
        let from = OrderFrom::Plan { channel_id: self.town.channel, plan_id: self.plan().await };
        let create = Command::CreateOrder { from, user, source: OrderSource::Api, wants_invoice: false };
        match self.town.app.submit(create).await.unwrap() {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn link(&self, max_uses: Option<u32>) -> PayLink {
        let create = Command::CreateLink {
            channel_id: self.town.channel,
            plan_id: self.plan().await,
            expires_at: None,
            max_uses,
            actor: "cli:test".to_owned(),
        };
        let Outcome::Link(id) = self.town.app.submit(create).await.unwrap() else { panic!("no link") };
        let needs = Needs { links: [id].into(), ..Needs::default() };
        self.town.store().snapshot(needs).await.unwrap().links.get(&id).unwrap().clone()
    }

    /// Sends a form, as the page of the form would.
    async fn press(&self, path: &str, form: &str) -> Answer {
        let request = self.browser.post(format!("{}{path}", self.town.url));
        answer("POST", path, request.header("content-type", FORM).body(form.to_owned())).await
    }

    async fn get(&self, path: &str) -> Answer {
        answer("GET", path, self.browser.get(format!("{}{path}", self.town.url))).await
    }
}

/// The number of the form on a page.
fn number(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap_or_else(|| panic!("no number: {page}"));
    format!("form={}", rest.split_once('"').unwrap().0)
}

async fn answer(method: &str, path: &str, request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let code = response.status().as_u16();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (to, media_type) = (header("location"), header("content-type"));
    let text = response.text().await.unwrap();
    openapi::check(method, path, code, media_type.as_deref(), &text);
    Answer { code, to, text }
}

/// The button of a coin, as far as its attributes go.
fn button(page: &str, coin: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("id=\"coin-{coin}\"")).unwrap_or_else(|| panic!("{coin}: {page}"));
    rest.split_once('>').unwrap().0.to_owned()
}

/// Every line that a page shows, without the markup.
fn lines(page: &str) -> String {
    let texts = page.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_found_the_database_away_comes_to_the_orders_page_when_it_is_back() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let order = shop.order(Some(user(BUYER))).await;
    let file = shop.town.database.url.strip_prefix("sqlite://").unwrap();
    let lock = rusqlite::Connection::open(file).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let coin = format!("/o/{order}/coin?lang=ru");
    let away = shop.press(&coin, "coin=ltc").await;
    assert_eq!(away.code, 503, "{away:?}");
    // The page asks again at its own address, which is the form's.
    assert!(away.text.contains("data-build=\"none\"") && away.text.contains("http-equiv=\"refresh\""));
    lock.execute_batch("ROLLBACK").unwrap();
    for path in [&coin, &format!("/o/{order}/again?lang=ru")] {
        let back = shop.get(path).await;
        assert_eq!((back.code, back.to), (303, Some(format!("/o/{order}?lang=ru"))), "{path}");
    }
    let page = shop.town.http.get(format!("{}{coin}", shop.town.url)).send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, format!("/o/{order}").as_str()));
    assert_eq!(shop.press(&coin, "coin=ltc").await.code, 303);
    worker::run_due(&shop.town.app).await.unwrap();
    assert_eq!(shop.provider.payments().len(), 1, "of the two presses the second was taken");
    shop.town.stop().await;
}

async fn a_press_twice_buys_once(engine: Engine) {
    let mut shop = Shop::open(engine).await;
    let link = shop.link(Some(2)).await;
    let path = format!("/c/{}", link.slug);
    let [form, others] = [shop.get(&path).await, shop.get(&path).await].map(|page| number(&page.text));
    assert_ne!(form, others, "each who looks has a form of their own");
    let first = shop.press(&path, &form).await;
    let second = shop.press(&path, &form).await;
    assert_eq!((first.code, second.code), (303, 303), "{second:?}");
    assert_eq!(first.to, second.to);
    let other = shop.press(&path, &others).await;
    assert_eq!(other.code, 303);
    assert_ne!(other.to, first.to, "the second use is still somebody else's");
    assert_eq!(shop.press(&path, "").await.code, 410);
    assert_eq!(shop.press(&path, &form).await.to, first.to, "used up, and their order all the same");

    // The same where an order that is over is ordered again.
    let link = shop.link(Some(2)).await;
    let made = shop.press(&format!("/c/{}", link.slug), "").await;
    let order = made.to.unwrap();
    shop.town.clock.advance(SignedDuration::from_hours(ORDER_OPEN_HOURS));
    let form = number(&shop.get(&order).await.text);
    let again = format!("{order}/again");
    let [first, second] = [shop.press(&again, &form).await, shop.press(&again, &form).await];
    assert_eq!((first.code, second.code, &first.to), (303, 303, &second.to), "{second:?}");
    assert_ne!(first.to, Some(order));
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_twice_buys_once_on_sqlite() {
    a_press_twice_buys_once(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_twice_buys_once_on_postgres() {
    a_press_twice_buys_once(Engine::Postgres).await;
}

/// What a page from before there were numbers sends, and what a program may.
#[tokio::test(flavor = "multi_thread")]
async fn a_press_without_a_number_of_ours_makes_an_order_of_its_own() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let link = shop.link(None).await;
    let path = format!("/c/{}", link.slug);
    let version_4 = "form=6b0c0c6e3a5f4f0d9a3c0f5a52d0b0aa";
    let twice = "form=01a220ede3f874198807fd9b9e6ce1e2&form=01a220ede3f874198807fd9b9e6ce1e2";
    let mut made = BTreeSet::new();
    for form in ["", "", "form=", "form=7", "form=7", version_4, version_4, twice, twice] {
        let pressed = shop.press(&path, form).await;
        assert_eq!(pressed.code, 303, "{form}");
        assert!(made.insert(pressed.to), "{form}: an order of its own");
    }
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_coin_keeps_its_network_when_the_providers_list_is_gone() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let order = shop.order(None).await;
    shop.press(&format!("/o/{order}/coin"), "coin=usdttrc20").await;
    // This one comes from before there were words, or from a program.
    let bare = shop.order(None).await;
    let choose = Command::ChooseCoin { order_id: bare, coin: Currency::new("usdttrc20").ok(), words: None };
    shop.town.app.submit(choose).await.unwrap();
    worker::run_due(&shop.town.app).await.unwrap();
    // A process that has just begun, and no provider that would tell it anything.
    let (_, later) = shop.town.another(HTTP_ONLY, |config| config.nowpayments.api_key = None).await;
    let later_url = format!("http://{}", later.addr.unwrap());
    for url in [&shop.town.url, &later_url] {
        let page = shop.browser.get(format!("{url}/o/{order}")).send().await.unwrap().text().await.unwrap();
        let lines = lines(&page);
        assert!(lines.contains("Send only USDT on the Tron (TRC20) network."), "{url}: {lines}");
        assert!(lines.contains("To this address · Tron (TRC20)\n"), "{url}: {lines}");
    }
    let page = shop.browser.get(format!("{later_url}/o/{bare}")).send().await.unwrap().text().await.unwrap();
    let lines = lines(&page);
    assert!(
        lines.contains("Send only USDTTRC20, on the network that your wallet names for exactly this"),
        "{lines}"
    );
    assert!(lines.contains("\nTo this address\n"), "{lines}");
    later.stop().await;
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_coin_that_was_just_refused_is_announced() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let order = shop.order(None).await;
    let page = format!("/o/{order}");
    let choose = async |coin: &str| {
        shop.press(&format!("{page}/coin"), &format!("coin={coin}")).await;
        worker::run_due(&shop.town.app).await.unwrap();
        shop.get(&page).await.text
    };
    let refused = choose("usdterc20").await;
    assert!(
        lines(&refused).contains("Tether USD, Ethereum (ERC20) cannot be used for this amount."),
        "{refused}"
    );
    choose("btc").await;
    let again = choose("").await;
    assert!(!again.contains("role=\"alert\""), "they chose another since: {again}");
    assert!(button(&again, "usdterc20").contains(" disabled"), "{again}");

    // One that they had left already when the provider refused it is not announced either.
    let elsewhere = shop.order(None).await;
    let coin = format!("/o/{elsewhere}/coin");
    for chosen in ["coin=usdterc20", "coin="] {
        shop.press(&coin, chosen).await;
    }
    worker::run_due(&shop.town.app).await.unwrap();
    let left = shop.get(&format!("/o/{elsewhere}")).await.text;
    assert!(!left.contains("role=\"alert\"") && button(&left, "usdterc20").contains(" disabled"), "{left}");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_more_coins_can_be_tried_it_is_said_and_only_those_can_be_pressed() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let order = shop.order(None).await;
    let page = format!("/o/{order}");
    let choose = async |coin: &str| {
        shop.press(&format!("{page}/coin"), &format!("coin={coin}")).await;
        worker::run_due(&shop.town.app).await.unwrap();
        shop.get(&page).await.text
    };
    let tried = ["usdterc20", "eth", "ltc", "trx", "usdttrc20", "usdtbsc", "usdc", "bnbbsc"];
    assert_eq!(tried.len(), COINS_TRIED_MAX);
    for coin in tried {
        let before = choose("").await;
        assert!(!before.contains("You have tried"), "{coin}: {before}");
        choose(coin).await;
    }
    // The second is of somebody whose page is older.
    for pressed in ["", "xrp"] {
        let full = choose(pressed).await;
        assert!(lines(&full).contains("You have tried 8 coins for this order"), "{pressed}: {full}");
        assert!(!full.contains("role=\"alert\""), "{pressed}: {full}");
        for coin in ["xrp", "btc", "usdterc20"] {
            assert!(button(&full, coin).contains(" disabled"), "{coin}: {full}");
        }
        assert!(!button(&full, "ltc").contains(" disabled"), "{full}");
    }
    assert!(choose("ltc").await.contains("id=\"copy-address\""), "one of them can still be paid in");
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_order_is_offered_only_where_there_is_one_and_else_the_reason_is_the_links() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let (once, often) = (shop.link(Some(1)).await, shop.link(None).await);
    let failed = async |link: &PayLink, payment| {
        let order = shop.press(&format!("/c/{}", link.slug), "").await.to.unwrap();
        let id = order.strip_prefix("/o/");
        shop.town.notify(&body(payment, "failed", id, "2.50")).await;
        order
    };
    let (of_once, of_often) = (failed(&once, 1).await, failed(&often, 2).await);
    let plain = shop.order(None).await;
    shop.town.notify(&body(3, "failed", Some(&plain.to_string()), "2.50")).await;
    let plain = format!("/o/{plain}");

    let used_up = shop.get(&of_once).await.text;
    assert!(lines(&used_up).contains("The payment failed") && !used_up.contains("id=\"again\""), "{used_up}");
    let refused = shop.press(&format!("{of_once}/again"), "").await;
    assert_eq!(refused.code, 410);
    assert!(lines(&refused.text).contains("This link is used up"), "{refused:?}");
    for open in [&of_often, &plain] {
        assert!(shop.get(open).await.text.contains("id=\"again\""), "{open}");
        assert_eq!(shop.press(&format!("{open}/again"), "").await.code, 303, "{open}");
    }

    let revoke = Command::RevokeLink { link_id: often.id, actor: "cli:test".to_owned() };
    shop.town.app.submit(revoke).await.unwrap();
    let retire = Command::RetirePlan {
        channel_id: shop.town.channel,
        plan_id: shop.plan().await,
        actor: "cli:test".to_owned(),
    };
    let over = [(&of_often, "This link was taken back"), (&plain, "This is not on sale any more")];
    shop.town.app.submit(retire).await.unwrap();
    for (order, why) in over {
        assert!(!shop.get(order).await.text.contains("id=\"again\""), "{order}");
        let refused = shop.press(&format!("{order}/again"), "").await;
        assert_eq!(refused.code, 410);
        assert!(lines(&refused.text).contains(why), "{refused:?}");
    }
    shop.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_paid_again_after_a_refund_tells_of_the_payment_that_counts() {
    let mut shop = Shop::open(Engine::Sqlite).await;
    let order = shop.order(Some(user(BUYER))).await.to_string();
    let told = async |payment: i64, status: &str| {
        shop.town.notify(&body(payment, status, Some(&order), "2.50")).await;
        let said = shop.get(&format!("/api/payment-status?order_id={order}")).await.text;
        let page = shop.get(&format!("/o/{order}")).await.text;
        let data = serde_json::from_str::<Value>(&said).unwrap()["data"].take();
        let id = data["payment_id"].as_str().unwrap().to_owned();
        assert!(page.contains(&format!("<code>{id}</code>")), "the page names the same: {page}");
        let word = |name: &str| data[name].as_str().unwrap().to_owned();
        (word("state"), word("payment_status"), id)
    };
    let is = |state: &str, status: &str, id: &str| (state.to_owned(), status.to_owned(), id.to_owned());
    assert_eq!(told(11, "finished").await, is("paid", "finished", "11"));
    assert_eq!(told(11, "refunded").await, is("refunded", "refunded", "11"));
    assert_eq!(told(12, "finished").await, is("paid", "finished", "12"));
    assert_eq!(told(12, "refunded").await, is("refunded", "refunded", "12"));
    shop.town.stop().await;
}
