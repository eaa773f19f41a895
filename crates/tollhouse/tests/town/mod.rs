//! A whole Tollhouse for a test: the real `serve` parts over a real database and real HTTP, a simulated Telegram and provider beside it.
#![allow(dead_code, reason = "each test file uses its own part of the town")]
#![expect(clippy::unwrap_used, reason = "a town that cannot be built is a failed test")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]

pub mod openapi;
pub mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use tollhouse::app::App;
use tollhouse::clock::{Clock, Ids};
use tollhouse::config::{Config, TelegramMode};
use tollhouse::serve::{Roles, Running};
use tollhouse_core::channel::PlanDuration;
use tollhouse_core::command::{Command, NewChannel, NewPlan, Outcome};
use tollhouse_core::id::{ChannelId, PrivateChatId, PublicChatId, TelegramUserId};
use tollhouse_core::policy::Policies;
use tollhouse_store::{Ports, Store};
use tollhouse_telegram::fake::{FakeConfig, FakeHandle, FakeTelegram};

pub const SECRET: &str = "a-test-secret";
pub const PUBLIC_CHAT: i64 = -1_003_016_667_267;
pub const PRIVATE_CHAT: i64 = -1_002_000_000_001;
pub const BUYER: i64 = 6_271_402_111;
pub const OWNER: i64 = 1_001;
pub const SEED_REF: &str = "PGP-6271402111|-1003016667267";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A fresh database of an engine. A folder is removed with the value; a PostgreSQL database goes with the test's cluster.
pub struct Database {
    pub url: String,
    folder: Option<std::path::PathBuf>,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Database {
    /// One that somebody else made and removes.
    pub fn at(url: String) -> Self {
        Self { url, folder: None }
    }

    /// An SQLite file in a folder, which is made, and removed with the value.
    pub fn in_folder(folder: std::path::PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        Self { url: format!("sqlite://{}/tollhouse.db", folder.display()), folder: Some(folder) }
    }

    pub async fn fresh(engine: Engine) -> Self {
        let name = format!("town_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        match engine {
            Engine::Sqlite => Self::in_folder(std::env::temp_dir().join(&name)),
            Engine::Postgres => {
                let base = std::env::var("TOLLHOUSE_TEST_POSTGRES_URL")
                    .expect("TOLLHOUSE_TEST_POSTGRES_URL is not set: run the tests with `cargo xtask test`, which starts a PostgreSQL");
                let (client, connection) =
                    tokio_postgres::connect(&base, tokio_postgres::NoTls).await.unwrap();
                let driver = tokio::spawn(connection);
                client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
                drop(client);
                driver.await.unwrap().unwrap();
                let (server, _) = base.rsplit_once('/').unwrap();
                Self { url: format!("{server}/{name}"), folder: None }
            }
        }
    }
}

pub struct Town {
    pub app: Arc<App>,
    pub clock: Clock,
    pub telegram: FakeHandle,
    pub url: String,
    pub http: reqwest::Client,
    pub channel: ChannelId,
    pub database: Database,
    running: Option<Running>,
}

pub fn user(id: i64) -> TelegramUserId {
    TelegramUserId::new(id).unwrap()
}

impl Town {
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, Roles::all()).await
    }

    pub async fn with(engine: Engine, roles: Roles) -> Self {
        Self::adjusted(engine, roles, |_| {}).await
    }

    /// The same with a part of the configuration as the test wants it.
    pub async fn adjusted(engine: Engine, roles: Roles, adjust: impl FnOnce(&mut Config)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::default();
        let telegram = FakeTelegram::start(FakeConfig::new(clock.as_fn())).await.unwrap();
        let database = Database::fresh(engine).await;
        let mut config = Config::load(
            Some(std::path::Path::new("/dev/null")),
            &[
                ("TOLLHOUSE_DATABASE_URL".into(), database.url.clone()),
                ("TOLLHOUSE_LISTEN".into(), "127.0.0.1:0".into()),
                ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".into(), SECRET.into()),
                ("TOLLHOUSE_TELEGRAM_BOT_TOKEN".into(), telegram.bot_token().to_owned()),
            ],
        )
        .unwrap();
        config.telegram.limits = tollhouse_telegram::Limits::NONE;
        config.telegram.limits_accounts = false;
        config.telegram.api_url = telegram.api_url().to_string().parse().unwrap();
        adjust(&mut config);
        let (app, running) = start(config, clock.clone(), roles).await;
        let url = format!("http://{}", running.addr.unwrap());
        let channel = add_channel(&app, PRIVATE_CHAT, Some(PUBLIC_CHAT)).await;
        let http = reqwest::Client::new();
        Self { app, clock, telegram, url, http, channel, database, running: Some(running) }
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.app.store
    }

    /// The database as another process would open it: after a stop, what was kept is what counts.
    pub async fn reopen(&self) -> Arc<dyn Store> {
        reopen(&self.database).await
    }

    /// POSTs a body as the provider would.
    pub async fn notify(&self, body: &str) -> (u16, serde_json::Value) {
        let signature = sign(SECRET, body.as_bytes()).unwrap();
        self.post("/webhooks/nowpayments", body.as_bytes().to_vec(), Some(&signature)).await
    }

    pub async fn post(&self, path: &str, body: Vec<u8>, signature: Option<&str>) -> (u16, serde_json::Value) {
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body);
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        let (status, text) = answer("POST", path, request).await;
        (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        answer("GET", path, self.http.get(format!("{}{path}", self.url))).await
    }

    /// One more process on the same database and the same bot.
    pub async fn another(&self, roles: Roles, adjust: impl FnOnce(&mut Config)) -> (Arc<App>, Running) {
        let mut config = self.app.config.clone();
        adjust(&mut config);
        start(config, self.clock.clone(), roles).await
    }

    /// Stops the parts as SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

/// Asks, and holds the answer against the OpenAPI document.
async fn answer(method: &str, path: &str, request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let media_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    openapi::check(method, path, status, media_type.as_deref(), &text);
    (status, text)
}

/// Starts a process. Where Telegram posts to it, its public address is the one at which it listens.
async fn start(mut config: Config, clock: Clock, roles: Roles) -> (Arc<App>, Running) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    if config.telegram.mode == TelegramMode::Webhook {
        config.public_url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    }
    let app = App::open(config, clock).await.unwrap();
    let door = roles.http.then(|| (listener, tollhouse::http::router(Arc::clone(&app))));
    let running = Running::start_at(Arc::clone(&app), roles, door).unwrap();
    (app, running)
}

pub async fn reopen(database: &Database) -> Arc<dyn Store> {
    let ports = Ports { now: Clock::default().as_fn(), ids: Box::new(Ids), on_batch: Arc::new(|_| {}) };
    tollhouse_store::open(&database.url, ports).await.unwrap()
}

pub async fn add_channel(app: &App, private_chat: i64, public_chat: Option<i64>) -> ChannelId {
    let plan = |label: &str, price: &str, duration| NewPlan {
        label: label.into(),
        price: price.parse().unwrap(),
        duration,
    };
    let channel = NewChannel {
        private_chat: PrivateChatId::new(private_chat).unwrap(),
        public_chat: public_chat.map(|chat| PublicChatId::new(chat).unwrap()),
        title: "Signals & <Co>".into(),
        owner: Some(user(OWNER)),
        payout: None,
        plans: vec![
            plan("Month", "2.50 USD", PlanDuration::Days(30)),
            plan("Year", "99.99 USD", PlanDuration::Days(365)),
        ],
        policies: Policies::default(),
        actor: "cli:test".into(),
    };
    match app.submit(Command::AddChannel(Box::new(channel))).await.unwrap() {
        Outcome::Channel(id) => id,
        other => panic!("{other:?}"),
    }
}

/// A notification's body, members sorted as the provider writes them.
pub fn body(payment_id: i64, status: &str, order_id: Option<&str>, price: &str) -> String {
    let order_id = serde_json::to_string(&order_id).unwrap();
    format!(
        r#"{{"actually_paid":0.000025,"invoice_id":null,"order_id":{order_id},"parent_payment_id":null,"pay_amount":0.000025,"pay_currency":"btc","payment_id":{payment_id},"payment_status":"{status}","price_amount":{price},"price_currency":"usd"}}"#
    )
}
