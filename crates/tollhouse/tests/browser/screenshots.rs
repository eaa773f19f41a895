//! A picture of every state of every page, phone and desktop, light and dark. Run by `cargo xtask screenshots`, which says where to.

mod demo;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use nowpayments::Status;
use nowpayments::sandbox::BuyerAction;
use serde_json::json;
use tollhouse_core::command::Command;
use tollhouse_core::id::{LinkId, OrderId};
use tollhouse_core::money::Currency;
use tollhouse_store::LinkFilter;
use tollhouse_telegram::UserId;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;

/// The folder that pictures are written to.
const FOLDER_VARIABLE: &str = "TOLLHOUSE_TEST_SCREENSHOTS";

/// The looks of which pictures are made, by name.
fn looks() -> Vec<(&'static str, Looks)> {
    let phone = Looks { scale: 2.0, ..Looks::PHONE };
    vec![
        ("phone-light", phone.clone()),
        ("phone-dark", Looks { is_dark: true, ..phone }),
        ("desktop-light", Looks::DESKTOP),
        ("desktop-dark", Looks { is_dark: true, ..Looks::DESKTOP }),
    ]
}

/// Writes what the browser shows, from top to bottom.
async fn shoot(browser: &Browser, path: &Path) {
    browser.run("document.fonts.ready").await;
    let shot = browser
        .devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}))
        .await;
    let data = base64::prelude::BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::write(path, data).unwrap();
    println!("{}", path.display());
}

struct Studio {
    house: House,
    states: Vec<(&'static str, String)>,
}

impl Studio {
    /// An order whose buyer has chosen a coin, and the payment that was made for it.
    async fn paying(&self, order: OrderId, coin: &str) -> nowpayments::ProviderPaymentId {
        let mut commits = self.house.app.store.commits();
        let coin = Currency::new(coin).unwrap();
        let choose = Command::ChooseCoin { order_id: order, coin: Some(coin.clone()) };
        self.house.app.submit(choose).await.unwrap();
        loop {
            let story =
                tollhouse::http::order::OrderStory::load(&self.house.app, order).await.unwrap().unwrap();
            if let Some(payment) = story.payments.iter().find(|p| p.pay_currency.as_ref() == Some(&coin)) {
                return nowpayments::ProviderPaymentId::parse(&payment.id.to_string()).unwrap();
            }
            commits.recv().await.unwrap();
        }
    }

    /// An order whose payment has come to a status.
    async fn come_to(&self, status: Status) -> OrderId {
        let order = self.house.order(None).await;
        let payment = self.paying(order, "ltc").await;
        self.house.set(payment, status.clone());
        self.house.provider.wait_delivered(payment, status).await;
        order
    }

    fn keep(&mut self, name: &'static str, order: OrderId) {
        self.states.push((name, self.house.page(order)));
    }

    /// Every state, each reached as a buyer reaches it.
    async fn play(&mut self) {
        let link = format!("{}/c/{}", self.house.url, self.house.slug);
        self.states.push(("link", link));
        self.states.push(("link-unknown", format!("{}/c/NoSuchLink1", self.house.url)));

        // First what the clock would spoil, since it only goes forward.
        let late = self.house.strict_order().await;
        let payment = self.paying(late, "ltc").await;
        let expired = self.house.order(None).await;
        self.house.nearly_expired(0);
        self.house.provider.buyer(payment, BuyerAction::Late).unwrap();
        self.house.provider.wait_delivered(payment, Status::Finished).await;
        self.keep("late", late);
        self.keep("expired", expired);

        let choice = self.house.order(None).await;
        self.keep("choice", choice);
        for (name, coin) in [("pay-bitcoin", "btc"), ("pay-token", "usdttrc20"), ("pay-memo", "xrp")] {
            let order = self.house.order(None).await;
            self.paying(order, coin).await;
            self.keep(name, order);
        }
        for (name, status) in [
            ("seen", Status::Confirming),
            ("confirmed", Status::Confirmed),
            ("paid-claim", Status::Finished),
            ("failed", Status::Failed),
        ] {
            let order = self.come_to(status).await;
            self.keep(name, order);
        }
        let partial = self.house.order(None).await;
        let payment = self.paying(partial, "btc").await;
        self.house.provider.buyer(payment, BuyerAction::Less).unwrap();
        self.house.provider.wait_delivered(payment, Status::PartiallyPaid).await;
        self.keep("partial", partial);

        let refunded = self.house.order(None).await;
        let payment = self.paying(refunded, "ltc").await;
        self.house.provider.pay_exactly(payment).unwrap();
        self.house.provider.refund(payment).unwrap();
        self.house.provider.wait_delivered(payment, Status::Refunded).await;
        self.keep("refunded", refunded);

        self.house.telegram.start(UserId(BUYER), "").unwrap();
        let invited = self.house.order(Some(BUYER)).await;
        let payment = self.paying(invited, "ltc").await;
        self.house.set(payment, Status::Finished);
        self.house
            .telegram
            .wait_for("the invite", |world| {
                let posts = world.bot_posts(UserId(BUYER));
                posts.iter().any(|post| post.buttons.iter().flatten().any(|b| b.url.is_some())).then_some(())
            })
            .await
            .unwrap();
        self.keep("paid-invite", invited);

        let refused = self.house.order(None).await;
        let mut commits = self.house.app.store.commits();
        let coin = Currency::new("usdterc20").unwrap();
        let choose = Command::ChooseCoin { order_id: refused, coin: Some(coin) };
        self.house.app.submit(choose).await.unwrap();
        while tollhouse::http::order::OrderStory::load(&self.house.app, refused)
            .await
            .unwrap()
            .unwrap()
            .order
            .checkout
            .refused
            .is_empty()
        {
            commits.recv().await.unwrap();
        }
        self.keep("choice-refused", refused);
        let invoices = self.house.provider.invoices();
        let invoice = invoices.last().unwrap().id;
        self.states.push(("sandbox-invoice", self.house.provider.invoice_url(invoice)));
        let payment = self.house.provider.choose_coin(invoice, "ltc").unwrap();
        self.states.push(("sandbox-payment", self.house.provider.invoice_url(invoice)));
        assert_eq!(payment.invoice_id, Some(invoice));
        let slug = crate::house::link(&self.house.app, self.house.channel).await;
        let links = self.house.app.store.links(LinkFilter::default()).await.unwrap();
        let id: LinkId = links.iter().find(|link| link.slug == slug).unwrap().id;
        self.house.app.submit(Command::RevokeLink { link_id: id, actor: "test".into() }).await.unwrap();
        self.states.push(("link-revoked", format!("{}/c/{slug}", self.house.url)));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes pictures: cargo xtask screenshots"]
async fn screenshots() {
    let folder = PathBuf::from(std::env::var_os(FOLDER_VARIABLE).expect("run `cargo xtask screenshots`"));
    let mut studio = Studio { house: House::new(Engine::Sqlite).await, states: Vec::new() };
    studio.play().await;
    for (name, looks) in looks() {
        let browser = Browser::open(&looks).await;
        for (state, url) in &studio.states {
            browser.go(url).await;
            shoot(&browser, &folder.join(format!("{state}-{name}.png"))).await;
        }
        browser.close().await;
    }
    studio.house.stop().await;
}
