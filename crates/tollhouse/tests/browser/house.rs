//! A whole Tollhouse between a simulated provider and a simulated Telegram, at an address that a browser can open.
#![expect(clippy::unwrap_used, reason = "a house that cannot be built is a failed test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use nowpayments::sandbox::{Change, Sandbox, SandboxConfig, SandboxHandle, SandboxPayment};
use nowpayments::{ProviderPaymentId, Status};
use tokio::net::TcpListener;
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::http;
use tollhouse::serve::{Roles, Running};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, OrderFrom, Outcome};
use tollhouse_core::id::{ChannelId, OrderId, PlanId, PrivateChatId, TelegramUserId};
use tollhouse_core::order::OrderSource;
use tollhouse_core::policy::{LatePolicy, Policies};
use tollhouse_core::snapshot::Needs;
use tollhouse_telegram::fake::{FakeConfig, FakeHandle, FakeTelegram, NewChat, NewUser};
use tollhouse_telegram::{AdminRights, ChatId, UserId};

use crate::town::{Database, Engine};

pub const OWNER: i64 = 1_001;
pub const BUYER: i64 = 1_002;
pub const CHAT: i64 = -1_002_000_000_001;
/// The chats of further channels count on from here.
const OTHER_CHATS: i64 = -1_002_000_100_000;
const API_KEY: &str = "a-test-key";
const SECRET: &str = "a-test-secret";
const EVERYTHING: Roles = Roles { http: true, worker: true, bot: true, reconcile: false };

pub struct House {
    pub app: Arc<App>,
    pub clock: Clock,
    pub provider: SandboxHandle,
    pub telegram: FakeHandle,
    pub url: String,
    pub channel: ChannelId,
    pub slug: String,
    pub database: Database,
    running: Running,
    channels_added: AtomicI64,
}

/// What all processes of a house have in common.
fn config(database: &Database, url: &str, provider: &SandboxHandle, telegram: &FakeHandle) -> Config {
    let mut config = Config::from_values(&[
        ("TOLLHOUSE_DATABASE_URL".into(), database.url.clone()),
        ("TOLLHOUSE_PUBLIC_URL".into(), url.to_owned()),
        ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".into(), SECRET.into()),
        ("TOLLHOUSE_NOWPAYMENTS_API_KEY".into(), API_KEY.into()),
        ("TOLLHOUSE_NOWPAYMENTS_API_URL".into(), provider.api_url()),
        ("TOLLHOUSE_TELEGRAM_BOT_TOKEN".into(), telegram.bot_token().to_owned()),
    ])
    .unwrap();
    config.telegram.api_url = telegram.api_url().to_string().parse().unwrap();
    config
}

async fn start(config: Config, clock: &Clock, listener: TcpListener, roles: Roles) -> (Arc<App>, Running) {
    let app = App::open(config, clock.clone()).await.unwrap();
    let routes = http::router(Arc::clone(&app));
    let running = Running::start_at(Arc::clone(&app), roles, Some((listener, routes))).unwrap();
    (app, running)
}

impl House {
    pub async fn new(engine: Engine) -> Self {
        Self::below(engine, "").await
    }

    /// With a public address that has a path, as behind a proxy that serves more than us.
    pub async fn below(engine: Engine, path: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::default();
        let telegram = FakeTelegram::start(FakeConfig::new(clock.as_fn())).await.unwrap();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        // Nothing moves by itself: each status is set by the test.
        let mut sandbox = SandboxConfig::new(API_KEY, SECRET, clock.as_fn());
        sandbox.default_ipn_url = Some(format!("{url}/webhooks/nowpayments"));
        let provider = Sandbox::start(sandbox).await.unwrap();
        let database = Database::fresh(engine).await;
        let (app, running) =
            start(config(&database, &url, &provider, &telegram), &clock, listener, EVERYTHING).await;
        let channel = channel(&app, CHAT, Policies::default()).await;
        let slug = link(&app, channel, "Month", None, None).await;
        telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
        telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
        telegram.add_chat(NewChat::channel(CHAT, "Signals", UserId(OWNER))).unwrap();
        telegram.make_bot_admin(ChatId(CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
        telegram.wait_for("the bot listens", |world| (world.polls_begun() > 0).then_some(())).await.unwrap();
        let channels_added = AtomicI64::new(0);
        Self { app, clock, provider, telegram, url, channel, slug, database, running, channels_added }
    }

    /// Another process on the same database, that only serves pages; its address.
    pub async fn neighbour(&self) -> (String, Running) {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = config(&self.database, &self.url, &self.provider, &self.telegram);
        let roles = Roles { http: true, worker: false, bot: false, reconcile: false };
        let (_, running) = start(config, &self.clock, listener, roles).await;
        (url, running)
    }

    /// An order of the month, for an account or none.
    pub async fn order(&self, user: Option<i64>) -> OrderId {
        self.order_of(self.channel, "Month", user).await
    }

    /// An order of a channel whose owner wants to look at what comes late.
    pub async fn strict_order(&self) -> OrderId {
        self.order_under(Policies { late: LatePolicy::Attention, ..Policies::default() }).await
    }

    /// An order of a channel with these policies.
    pub async fn order_under(&self, policies: Policies) -> OrderId {
        let count = self.channels_added.fetch_add(1, Ordering::Relaxed);
        let channel = channel(&self.app, OTHER_CHATS - count, policies).await;
        self.order_of(channel, "Month", None).await
    }

    /// An order of one of a channel's plans.
    pub async fn order_of(&self, channel_id: ChannelId, plan: &str, user: Option<i64>) -> OrderId {
        let plan_id = plan_of(&self.app, channel_id, plan).await;
        let command = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id, plan_id },
            user: user.map(|user| TelegramUserId::new(user).unwrap()),
            source: OrderSource::Bot,
            wants_invoice: true,
        };
        match self.app.submit(command).await.unwrap() {
            Outcome::Order(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn page(&self, order: OrderId) -> String {
        format!("{}/o/{order}", self.url)
    }

    /// The payment in Litecoin that was made for an order.
    pub fn payment_of(&self, order: &str) -> SandboxPayment {
        let payments = self.provider.payments();
        let is_it = |payment: &SandboxPayment| {
            payment.order_id.as_deref() == Some(order) && payment.pay_currency == "ltc"
        };
        payments.into_iter().find(is_it).unwrap()
    }

    /// The provider's word about a payment, as it is sent to us.
    pub fn set(&self, id: ProviderPaymentId, status: Status) {
        let paid = match status {
            Status::Finished => self.provider.payment(id).map(|payment| payment.pay_amount),
            _ => None,
        };
        self.provider.set_status(id, status, Change { actually_paid: paid, ..Change::default() }).unwrap();
    }

    /// Lets an order's time pass but for so many seconds.
    pub fn nearly_expired(&self, seconds_left: i64) {
        self.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(seconds_left));
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }
}

async fn channel(app: &App, chat: i64, policies: Policies) -> ChannelId {
    let plan = |label: &str, price: &str, duration| NewPlan {
        label: label.into(),
        price: price.parse().unwrap(),
        duration,
    };
    let channel = NewChannel {
        actor: "test".into(),
        private_chat: PrivateChatId::new(chat).unwrap(),
        public_chat: None,
        title: "Signals & <Co>".into(),
        owner: Some(TelegramUserId::new(OWNER).unwrap()),
        payout: None,
        plans: vec![
            plan("Month", "2.50 USD", PlanDuration::Days(30)),
            plan("For ever", "49 USD", PlanDuration::Lifetime),
            // Less than the provider takes in any coin.
            plan("Penny", "0.05 USD", PlanDuration::Days(1)),
        ],
        policies,
    };
    match app.submit(Command::AddChannel(Box::new(channel))).await.unwrap() {
        Outcome::Channel(id) => id,
        other => panic!("{other:?}"),
    }
}

pub async fn plan_of(app: &App, channel: ChannelId, label: &str) -> PlanId {
    let mut needs = Needs::default();
    needs.channels.insert(channel);
    let snapshot = app.store.snapshot(needs).await.unwrap();
    snapshot.channels.get(&channel).unwrap().plans.iter().find(|plan| plan.label == label).unwrap().id
}

/// A link to a plan; its slug.
pub async fn link(
    app: &App,
    channel_id: ChannelId,
    plan: &str,
    expires_at: Option<Timestamp>,
    max_uses: Option<u32>,
) -> String {
    let plan_id = plan_of(app, channel_id, plan).await;
    let command = Command::CreateLink { channel_id, plan_id, expires_at, max_uses, actor: "test".into() };
    let Outcome::Link(id) = app.submit(command).await.unwrap() else { panic!("a link") };
    let mut needs = Needs::default();
    needs.links.insert(id);
    let snapshot = app.store.snapshot(needs).await.unwrap();
    snapshot.links.get(&id).unwrap().slug.clone()
}
