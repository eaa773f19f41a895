//! How an order comes by its invoice, on good days of the provider's and on bad ones. The worker's steps are taken one by one, on a clock
//! that the test moves.

#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use nowpayments::client::CALLS_AT_ONCE_MAX;
use nowpayments::sandbox::{
    ApiCall, ApiFault, DeliveryFaults, FaultKind, Sandbox, SandboxConfig, SandboxHandle,
};
use nowpayments::{ProviderInvoiceId, ProviderPaymentId, Status};
use rust_decimal::Decimal;
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::http;
use tollhouse::purchase::Bought;
use tollhouse::serve::{Roles, Running};
use tollhouse::texts::Language;
use tollhouse::worker::run_due;
use tollhouse::{progress, purchase};
use tollhouse_core::attention::{Attention, Reason, Resolution};
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::event::Verdict;
use tollhouse_core::id::{ChannelId, OrderId};
use tollhouse_core::job::{ATTEMPTS_MAX, CLAIM_BATCH_MAX, JobState};
use tollhouse_core::order::{InvoiceProblem, Order, OrderSource, OrderState};
use tollhouse_core::progress::Face;
use tollhouse_core::snapshot::{Needs, Snapshot};
use tollhouse_store::{AttentionFilter, JobFilter, OrderFilter};
use tollhouse_telegram::Action;
use town::{Database, Engine, SECRET, add_channel};

const KEY: &str = "the-key";

/// A shop with a simulated provider, without Telegram and without a worker of its own.
struct Shop {
    app: Arc<App>,
    clock: Clock,
    sandbox: SandboxHandle,
    channel: ChannelId,
    url: String,
    _running: Running,
    _database: Database,
}

impl Shop {
    async fn open(path: &str) -> Self {
        Self::with_key(path, KEY).await
    }

    async fn with_key(path: &str, key: &str) -> Self {
        Self::adjusted(path, key, |_| {}).await
    }

    async fn adjusted(path: &str, key: &str, adjust: impl FnOnce(&mut Config)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::default();
        let sandbox = Sandbox::start(SandboxConfig::new(KEY, SECRET, clock.as_fn())).await.unwrap();
        let database = Database::fresh(Engine::Sqlite).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let url = format!("{address}{path}");
        let values = [
            ("TOLLHOUSE_DATABASE_URL", database.url.as_str()),
            ("TOLLHOUSE_PUBLIC_URL", &url),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET),
            ("TOLLHOUSE_NOWPAYMENTS_API_KEY", key),
            ("TOLLHOUSE_NOWPAYMENTS_API_URL", &sandbox.api_url()),
            ("TOLLHOUSE_TELEGRAM_MODE", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut config = Config::from_values(&values).unwrap();
        adjust(&mut config);
        let app = App::open(config, clock.clone()).await.unwrap();
        let roles = Roles { worker: false, bot: false, ..Roles::all() };
        let door = (listener, http::router(Arc::clone(&app)));
        let running = Running::start_at(Arc::clone(&app), roles, Some(door)).unwrap();
        let channel = add_channel(&app, town::PRIVATE_CHAT, None).await;
        Self { app, clock, sandbox, channel, url: address, _running: running, _database: database }
    }

    async fn look(&self, needs: Needs) -> Snapshot {
        self.app.store.snapshot(needs).await.unwrap()
    }

    async fn order_of(&self, label: &str) -> OrderId {
        let snapshot = self.look(Needs { channels: [self.channel].into(), ..Needs::default() }).await;
        let channel = snapshot.channels.get(&self.channel).unwrap();
        let plan_id = channel.plans.iter().find(|plan| plan.label == label).unwrap().id;
        let command = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id: self.channel, plan_id },
            user: Some(town::user(town::BUYER)),
            source: OrderSource::Api,
            wants_invoice: true,
        };
        match self.app.submit(command).await.unwrap() {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn story(&self, id: OrderId) -> Snapshot {
        self.look(Needs { orders: [id].into(), ..Needs::default() }).await
    }

    async fn order(&self, id: OrderId) -> Order {
        self.story(id).await.orders.get(&id).unwrap().clone()
    }

    async fn attention(&self) -> Vec<Attention> {
        self.app.store.attention(AttentionFilter::default()).await.unwrap()
    }

    async fn page(&self, id: OrderId) -> String {
        reqwest::get(format!("{}/o/{id}", self.url)).await.unwrap().text().await.unwrap()
    }

    fn fail(&self, kind: FaultKind) {
        self.sandbox.fail(ApiFault { call: Some(ApiCall::CreateInvoice), kind, times: 1 });
    }

    /// Does what is due after a time.
    async fn after(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
        run_due(&self.app).await.unwrap();
    }

    /// A buyer pays an invoice; its notifications have arrived.
    async fn pay(&self, invoice: ProviderInvoiceId, coin: &str) -> ProviderPaymentId {
        let payment = self.sandbox.choose_coin(invoice, coin).unwrap().id;
        self.sandbox.pay_exactly(payment).unwrap();
        self.sandbox.wait_delivered(payment, Status::Finished).await;
        payment
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f06_an_order_gets_its_invoice_and_every_address_in_it_is_ours_and_valid() {
    // The router serves at the root; a path in front is a proxy's matter, and must be in every address all the same.
    let shop = Shop::open("/a shop/|").await;
    let id = shop.order_of("Month").await;
    shop.after(0).await;
    let order = shop.order(id).await;
    let [made] = &shop.sandbox.invoices()[..] else { panic!("{:?}", shop.sandbox.invoices()) };
    let invoice = order.invoice.unwrap();
    assert_eq!((invoice.id, invoice.url), (made.id.to_string(), shop.sandbox.invoice_url(made.id)));
    assert_eq!((made.order_id.clone(), made.price_amount), (Some(id.to_string()), order.price.amount));
    let page = format!("{}/a%20shop/%7C/o/{id}", shop.url);
    for address in [&made.success_url, &made.cancel_url, &made.partially_paid_url] {
        assert_eq!(address.as_deref(), Some(page.as_str()));
    }
    let hook = format!("{}/a%20shop/%7C/webhooks/nowpayments", shop.url);
    assert_eq!(made.ipn_callback_url.as_deref(), Some(hook.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f27_a_lost_answer_leaves_one_invoice_shown_and_money_on_both_is_seen() {
    let shop = Shop::open("").await;
    let id = shop.order_of("Month").await;
    shop.fail(FaultKind::AnswerLost);
    shop.after(0).await;
    let order = shop.order(id).await;
    assert_eq!((order.invoice, order.invoice_problem), (None, Some(InvoiceProblem::Unavailable)));
    assert!(shop.page(id).await.contains("gives no payment page at this moment"));
    shop.after(2).await;
    let all: Vec<ProviderInvoiceId> = shop.sandbox.invoices().iter().map(|invoice| invoice.id).collect();
    assert_eq!(all.len(), 2, "the provider made both");
    let order = shop.order(id).await;
    let shown = order.invoice.clone().unwrap();
    assert_eq!(order.invoice_problem, None);
    let hidden = all.iter().find(|invoice| invoice.to_string() != shown.id).unwrap();
    let page = shop.page(id).await;
    assert!(page.contains(&shown.url) && !page.contains(&shop.sandbox.invoice_url(*hidden)));

    // Whoever found the other one and pays it is no less a buyer; and money on both is seen.
    shop.pay(*hidden, "trx").await;
    assert_eq!(shop.order(id).await.state, OrderState::Paid);
    let shown = all.iter().find(|invoice| *invoice != hidden).unwrap();
    shop.pay(*shown, "eth").await;
    let story = shop.story(id).await;
    assert_eq!(story.payments_of(id).len(), 2);
    assert_eq!(story.grants.values().count(), 1);
    let reasons: Vec<Reason> = shop.attention().await.iter().map(|item| item.reason).collect();
    assert_eq!(reasons, [Reason::PaidTwice]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bot_leads_to_the_page_and_to_the_invoice_as_soon_as_there_is_one() {
    let shop = Shop::open("").await;
    let month = shop.order(shop.order_of("Month").await).await;
    let actor = "cli:test".to_owned();
    let link = Command::CreateLink {
        channel_id: shop.channel,
        plan_id: month.plan_id.unwrap(),
        expires_at: None,
        max_uses: None,
        actor,
    };
    let Outcome::Link(link) = shop.app.submit(link).await.unwrap() else { panic!("no link") };
    let links = shop.look(Needs { links: [link].into(), ..Needs::default() }).await;
    let slug = links.links.get(&link).unwrap().slug.clone();
    let buyer = town::user(7_001);
    let from = OrderFrom::Link { slug };
    let bought = purchase::buy(&shop.app, buyer, from, month.plan_id.unwrap()).await.unwrap();
    let Bought::Order(made) = bought else { panic!("{bought:?}") };
    let offer = async || {
        let face = Face::of(shop.clock.now(), &shop.story(made).await, made).unwrap();
        let order = progress::Order { id: made, channel: shop.channel, title: "Signals", face: &face };
        let keyboard = progress::buttons(&shop.app, &order, Language::English);
        keyboard.rows.into_iter().flatten().map(|button| button.action).collect::<Vec<_>>()
    };
    let first = offer().await;
    let filter = OrderFilter { user: Some(buyer), ..OrderFilter::default() };
    let [order] = &shop.app.store.orders(filter).await.unwrap()[..] else { panic!("not one order") };
    let page = Action::Url(format!("{}/o/{}", shop.url, order.id));
    assert_eq!(first, std::slice::from_ref(&page));
    shop.after(0).await;
    let invoice = shop.order(order.id).await.invoice.unwrap();
    assert_eq!(offer().await, [Action::Url(invoice.url), page.clone()]);

    // The invoice asks whoever comes back for the whole price, at another address. Where the rest is to go the page shows.
    let of_invoice =
        shop.sandbox.invoices().iter().find(|made| made.id.to_string() == invoice.id).unwrap().id;
    let payment = shop.sandbox.choose_coin(of_invoice, "btc").unwrap();
    shop.sandbox.pay(payment.id, payment.pay_amount / Decimal::TWO).unwrap();
    shop.sandbox.wait_delivered(payment.id, Status::PartiallyPaid).await;
    assert_eq!(shop.order(order.id).await.state, OrderState::PartiallyPaid);
    assert_eq!(offer().await, [page]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_a_notification_that_is_repeated_weeks_later_changes_nothing() {
    let shop = Shop::open("").await;
    let id = shop.order_of("Month").await;
    shop.after(0).await;
    let invoice = shop.sandbox.invoices()[0].id;
    let weeks = DeliveryFaults {
        repeat_after: Some(SignedDuration::from_hours(40 * 24)),
        ..DeliveryFaults::default()
    };
    shop.sandbox.set_delivery_faults(weeks);
    let payment = shop.pay(invoice, "trx").await;
    shop.sandbox.set_delivery_faults(DeliveryFaults::default());
    let before = shop.story(id).await;
    let heard = shop.app.store.events_of(core_id(payment), 100).await.unwrap().len();
    // The month is over by then; the provider says once more that it was paid, and everything before that.
    shop.clock.advance(SignedDuration::from_hours(41 * 24));
    shop.sandbox.tick().await;
    let events = shop.app.store.events_of(core_id(payment), 100).await.unwrap();
    assert_eq!(events.len(), 2 * heard, "all of them came again");
    assert!(events.iter().take(heard).all(|event| event.verdict == Verdict::Duplicate));
    let after = shop.story(id).await;
    assert_eq!(before.grant_of(id), after.grant_of(id));
    assert_eq!(before.orders.get(&id), after.orders.get(&id));
    assert!(before.memberships.values().eq(after.memberships.values()));
}

fn core_id(payment: ProviderPaymentId) -> tollhouse_core::id::ProviderPaymentId {
    payment.to_string().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_at_the_provider_costs_only_time() {
    let shop = Shop::open("").await;
    for kind in [
        FaultKind::ServerError,
        FaultKind::Html { status: 502 },
        FaultKind::Html { status: 403 },
        FaultKind::Html { status: 200 },
        FaultKind::HalfABody,
        FaultKind::BrokenOff,
        FaultKind::Refused,
        FaultKind::AnotherPrice,
        FaultKind::RateLimited { retry_after_seconds: Some(7) },
    ] {
        let id = shop.order_of("Month").await;
        shop.fail(kind.clone());
        shop.after(0).await;
        let order = shop.order(id).await;
        assert_eq!(order.invoice, None, "{kind:?}");
        assert_eq!(order.invoice_problem, Some(InvoiceProblem::Unavailable), "{kind:?}");
        assert_eq!(order.state, OrderState::Open, "{kind:?}");
        if matches!(kind, FaultKind::RateLimited { .. }) {
            shop.after(5).await;
            assert_eq!(shop.order(id).await.invoice, None, "the provider said when to come back");
        }
        shop.after(8).await;
        assert!(shop.order(id).await.invoice.is_some(), "{kind:?}");
    }
    // A slow answer is an answer.
    let id = shop.order_of("Month").await;
    shop.fail(FaultKind::Slow(Duration::from_millis(50)));
    shop.after(0).await;
    assert!(shop.order(id).await.invoice.is_some());
    assert!(shop.attention().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s28_many_orders_at_a_slow_provider_get_one_invoice_each() {
    let orders = usize::try_from(CLAIM_BATCH_MAX).unwrap();
    let rounds = orders / CALLS_AT_ONCE_MAX;
    // A call takes longer than the others wait for their turn.
    let turn = Duration::from_millis(100);
    let shop = Shop::adjusted("", KEY, |config| config.nowpayments.timeouts.turn = turn).await;
    let (slow, times) = (FaultKind::Slow(3 * turn), u64::from(CLAIM_BATCH_MAX));
    shop.sandbox.fail(ApiFault { call: Some(ApiCall::CreateInvoice), kind: slow, times });
    let mut ids = Vec::new();
    for _ in 0..orders {
        ids.push(shop.order_of("Month").await);
    }
    for round in 1..=rounds {
        shop.after(5).await;
        let jobs = shop.app.store.jobs(JobFilter::default()).await.unwrap();
        let invoices: Vec<_> = jobs.iter().filter(|job| job.kind.name() == "create_invoice").collect();
        assert_eq!(invoices.len(), orders);
        assert!(invoices.iter().all(|job| job.attempt == 0), "nobody tried and failed: {invoices:?}");
        let done = invoices.iter().filter(|job| job.state == JobState::Done).count();
        assert_eq!(done, round * CALLS_AT_ONCE_MAX, "the others went back into the line");
        assert_eq!(shop.sandbox.invoices().len(), done, "nothing was sent for those");
    }
    for id in ids {
        assert!(shop.order(id).await.invoice.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f39_f41_an_invoice_that_never_comes_is_given_up_shown_and_can_be_tried_again() {
    let shop = Shop::with_key("", "another-key").await;
    let id = shop.order_of("Month").await;
    for _ in 0..ATTEMPTS_MAX {
        assert!(shop.attention().await.is_empty(), "a key can be mended: it is tried like an outage");
        // Within the order's own time: the longest wait is an hour.
        shop.after(3_600).await;
    }
    assert_eq!(shop.order(id).await.invoice_problem, Some(InvoiceProblem::GivenUp));
    assert!(shop.page(id).await.contains("The owner has been told"));
    let items = shop.attention().await;
    let [item] = &items[..] else { panic!("{items:?}") };
    assert_eq!(item.reason, Reason::InvoiceNotMade);
    assert!(item.detail.contains("API key"), "{}", item.detail);
    let resolve = Command::ResolveAttention {
        attention_id: item.id,
        resolution: Resolution::Grant,
        reason: "the key is mended".to_owned(),
        actor: "cli:test".to_owned(),
    };
    shop.app.submit(resolve).await.unwrap();
    let jobs = shop.app.store.jobs(JobFilter::default()).await.unwrap();
    assert!(jobs.iter().any(|job| job.kind.name() == "create_invoice" && job.state == JobState::Ready));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_below_every_minimum_is_told_and_nobody_is_sent_to_pay() {
    let shop = Shop::open("").await;
    let plan = Command::AddPlan {
        channel_id: shop.channel,
        plan: tollhouse_core::command::NewPlan {
            label: "Day".to_owned(),
            price: "0.30 USD".parse().unwrap(),
            duration: tollhouse_core::channel::PlanDuration::Days(1),
        },
        actor: "cli:test".to_owned(),
    };
    shop.app.submit(plan).await.unwrap();
    let id = shop.order_of("Day").await;
    shop.after(0).await;
    let minimum = "0.5 USD".parse().ok();
    let order = shop.order(id).await;
    assert_eq!(order.invoice_problem, Some(InvoiceProblem::BelowMinimum { minimum }));
    assert_eq!(shop.sandbox.calls(ApiCall::CreateInvoice), 0);
    let page = shop.page(id).await;
    assert!(page.contains("below the smallest amount") && page.contains("$0.50"), "{page}");
    let items = shop.attention().await;
    assert_eq!(items.iter().map(|item| item.reason).collect::<Vec<_>>(), [Reason::BelowMinimum]);
    // What the provider said is used for a while: ten more orders ask nothing more.
    let asked = shop.sandbox.calls(ApiCall::MinAmount);
    for _ in 0..10 {
        shop.order_of("Month").await;
    }
    shop.after(0).await;
    assert_eq!(shop.sandbox.invoices().len(), 10);
    assert_eq!(shop.sandbox.calls(ApiCall::MinAmount), asked);
    // Each of these questions shows.
    let metrics = reqwest::get(format!("{}/metrics", shop.url)).await.unwrap().text().await.unwrap();
    for call in ["merchant_coins", "min_amount", "estimate"] {
        let line = format!("tollhouse_provider_requests_total{{call=\"{call}\",outcome=\"ok\"}} ");
        let count = metrics.lines().find_map(|known| known.strip_prefix(&line));
        let is_asked = count.unwrap_or_else(|| panic!("no {line}")) != "0";
        // The simulated provider says each minimum in dollars, too.
        assert_eq!(is_asked, call != "estimate", "{line}");
    }
    // A provider that does not tell its minimums does not stand in the way.
    shop.clock.advance(SignedDuration::from_hours(1));
    let kind = FaultKind::ServerError;
    shop.sandbox.fail(ApiFault { call: Some(ApiCall::Currencies), kind, times: 1 });
    let id = shop.order_of("Month").await;
    shop.after(0).await;
    assert!(shop.order(id).await.invoice.is_some());
}
