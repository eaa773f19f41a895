//! A picture of every state of every page, phone and desktop, light and dark. Run by `cargo xtask screenshots`, which says where to.

mod demo;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use nowpayments::sandbox::{ApiCall, ApiFault, BuyerAction, FaultKind};
use nowpayments::{ProviderInvoiceId, Status};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tollhouse::http::order::OrderStory;
use tollhouse_core::command::Command;
use tollhouse_core::id::{LinkId, OrderId};
use tollhouse_core::money::Currency;
use tollhouse_store::{Committed, LinkFilter};
use tollhouse_telegram::UserId;
use tollhouse_telegram::fake::NewUser;

use crate::chromium::{Browser, Looks};
use crate::house::{BUYER, House};
use crate::town::Engine;

/// The folder that pictures are written to.
const FOLDER_VARIABLE: &str = "TOLLHOUSE_TEST_SCREENSHOTS";

/// Somebody who is inside already.
const NEIGHBOUR: i64 = 1_003;

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
        let choose = Command::ChooseCoin { order_id: order, coin: Some(coin.clone()), words: None };
        self.house.app.submit(choose).await.unwrap();
        self.until(order, &mut commits, |story| {
            let payment =
                story.payments.iter().find(|payment| payment.pay_currency.as_ref() == Some(&coin))?;
            nowpayments::ProviderPaymentId::parse(&payment.id.to_string())
        })
        .await
    }

    /// Looks at an order at each commit until there is what is looked for.
    async fn until<T>(
        &self,
        order: OrderId,
        commits: &mut Receiver<Committed>,
        look: impl Fn(&OrderStory) -> Option<T>,
    ) -> T {
        loop {
            let story = OrderStory::load(&self.house.app, order).await.unwrap().unwrap();
            if let Some(found) = look(&story) {
                return found;
            }
            commits.recv().await.unwrap();
        }
    }

    /// A person with a membership and its invite, which comes from the bot.
    async fn invited(&self, user: i64) -> (OrderId, String) {
        self.house.telegram.start(UserId(user), "").unwrap();
        let order = self.house.order(Some(user)).await;
        let payment = self.paying(order, "ltc").await;
        self.house.set(payment, Status::Finished);
        let mut commits = self.house.app.store.commits();
        let link = |story: &OrderStory| Some(story.membership.as_ref()?.invite.as_ref()?.link.clone());
        let link = self.until(order, &mut commits, link).await;
        (order, link)
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

        let (invited, _) = self.invited(BUYER).await;
        self.keep("paid-invite", invited);
        self.house.telegram.add_user(NewUser::new(NEIGHBOUR, "Ann")).unwrap();
        let mut commits = self.house.app.store.commits();
        let (inside, link) = self.invited(NEIGHBOUR).await;
        self.house.telegram.open_link(UserId(NEIGHBOUR), &link).unwrap();
        self.until(inside, &mut commits, |story| story.membership.as_ref()?.joined_at).await;
        self.keep("paid-inside", inside);

        let refused = self.house.order(None).await;
        let mut commits = self.house.app.store.commits();
        let choose = |order_id, coin| Command::ChooseCoin {
            order_id,
            coin: Some(Currency::new(coin).unwrap()),
            words: None,
        };
        self.house.app.submit(choose(refused, "usdterc20")).await.unwrap();
        self.until(refused, &mut commits, |story| story.order.checkout.refused.first().cloned()).await;
        self.keep("choice-refused", refused);
        let unpayable = self.house.order_of(self.house.channel, "Penny", None).await;
        self.until(unpayable, &mut commits, |story| story.order.invoice_problem.clone()).await;
        self.keep("choice-unpayable", unpayable);

        for (name, chosen) in [("sandbox-invoice", None), ("sandbox-payment", Some("ltc"))] {
            let order = self.house.order(None).await;
            let invoice = self.until(order, &mut commits, |story| story.order.invoice.clone()).await;
            let id = ProviderInvoiceId::parse(&invoice.id).unwrap();
            chosen.map(|coin| self.house.provider.choose_coin(id, coin).unwrap());
            self.states.push((name, self.house.provider.invoice_url(id)));
        }
        let fault =
            ApiFault { call: Some(ApiCall::CreatePayment), kind: FaultKind::ServerError, times: u64::MAX };
        self.house.provider.fail(fault);
        let preparing = self.house.order(None).await;
        self.house.app.submit(choose(preparing, "ltc")).await.unwrap();
        self.keep("preparing", preparing);
        self.states
            .push(("order-unknown", format!("{}/o/ord_00000000000000000000000000000009", self.house.url)));
        let slug = crate::house::link(&self.house.app, self.house.channel, "Month", None, None).await;
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
            browser.has_settled().await;
            shoot(&browser, &folder.join(format!("{state}-{name}.png"))).await;
        }
        browser.close().await;
    }
    studio.house.stop().await;
}
