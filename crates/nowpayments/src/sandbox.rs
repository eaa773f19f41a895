//! A simulated NOWPayments that speaks real HTTP: the API under `/v1`, the hosted invoice page, signed notifications with retries,
//! and a control surface, as methods of [`SandboxHandle`] and as HTTP under `/sandbox`. No money, no network but the notifications.
//!
//! Time comes from the caller's clock. What is planned for later (the next status, a retry, an expiry) happens when that clock
//! passes it: within [`AGENDA_POLL`] of real time, or at once after [`SandboxHandle::tick`].

mod agenda;
mod api;
mod buyer;
mod coins;
mod control;
mod faults;
mod handle;
mod list;
mod model;
mod notice;
mod page;
mod pump;
mod request;
mod state;
mod steer;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use tokio::sync::{Notify, watch};

pub use buyer::BuyerAction;
pub use faults::{ApiCall, ApiFault, FaultKind};
pub use handle::SandboxHandle;
pub use model::{
    Attempt, Change, Child, Delivery, DeliveryState, Fees, NewPayment, SandboxInvoice, SandboxPayment,
};
pub use notice::{BodyStyle, Spelling};
pub use state::SandboxError;
use state::State;
pub use steer::PageLink;

/// How often the agenda is looked at in real time, because a caller's clock cannot be waited on.
pub const AGENDA_POLL: Duration = Duration::from_millis(50);

/// Notifications under way at once, unless configured: enough to keep a receiver busy, few enough for its connections.
pub const DELIVERIES_AT_ONCE: usize = 32;

/// Reads the time. The simulator has no other.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often a refused notification is sent again, and how far apart (nowpayments.md section 5).
#[derive(Debug, Clone, Copy)]
pub struct RetryRule {
    /// Tries after the first.
    pub count: u32,
    /// Between two tries.
    pub interval: SignedDuration,
}

/// What goes wrong with notifications, by chance drawn from the seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFaults {
    /// In how many of a hundred a second copy is sent.
    pub duplicate_percent: u8,
    /// How many of a hundred are never sent.
    pub drop_percent: u8,
    /// Each is sent after a random part of this, so that later ones overtake earlier ones.
    pub delay_max: SignedDuration,
    /// Each is sent once more after this.
    pub repeat_after: Option<SignedDuration>,
}

/// The order in which held notifications go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseOrder {
    /// As they came.
    AsSent,
    /// The last one first.
    Reversed,
    /// In an order drawn from the seed.
    Shuffled,
}

/// The simulated account and the world around it.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that browsers and merchants reach it at, without a slash at the end; by default the one it listens on.
    pub public_url: Option<String>,
    /// The account's API key.
    pub api_key: String,
    /// Keys of other accounts, that see other payments.
    pub other_api_keys: Vec<String>,
    /// The secret that signs notifications; without one there are none.
    pub ipn_secret: Option<String>,
    /// For POST /auth.
    pub email: String,
    /// For POST /auth.
    pub password: String,
    /// Where notifications go when a payment names no address.
    pub default_ipn_url: Option<String>,
    /// The time.
    pub now: Clock,
    /// Ids, addresses and chances come from it.
    pub seed: u64,
    /// Between two statuses of a payment that was paid; zero runs through all of them at once.
    pub step: SignedDuration,
    /// Retries of notifications.
    pub retry: RetryRule,
    /// How notifications are written.
    pub style: BodyStyle,
    /// What goes wrong with them.
    pub delivery_faults: DeliveryFaults,
    /// What the merchant is paid out in.
    pub payout_currency: String,
    /// A payment short by no more than this many percent is finished all the same.
    pub covering_percent: Decimal,
    /// Notifications that may be under way at once; those of one payment always follow each other.
    pub deliveries_at_once: usize,
}

impl SandboxConfig {
    /// An account with a key and a secret, on a free port of this machine, without faults, at the speed of the clock's own: all
    /// statuses at once, three retries a minute apart.
    pub fn new(api_key: impl Into<String>, ipn_secret: impl Into<String>, now: Clock) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            api_key: api_key.into(),
            other_api_keys: Vec::new(),
            ipn_secret: Some(ipn_secret.into()),
            email: "merchant@sandbox.test".into(),
            password: "sandbox".into(),
            default_ipn_url: None,
            now,
            seed: 1,
            step: SignedDuration::ZERO,
            retry: RetryRule { count: 3, interval: SignedDuration::from_secs(60) },
            style: BodyStyle::default(),
            delivery_faults: DeliveryFaults::default(),
            payout_currency: "usdttrc20".into(),
            covering_percent: Decimal::ZERO,
            deliveries_at_once: DELIVERIES_AT_ONCE,
        }
    }
}

/// Starts simulators.
pub struct Sandbox;

impl Sandbox {
    /// Listens, and sends notifications, until the last handle is dropped. The process's TLS provider must be installed before, as
    /// for the client.
    ///
    /// # Errors
    /// Where the address cannot be listened on, or no HTTP client can be made.
    pub async fn start(config: SandboxConfig) -> std::io::Result<SandboxHandle> {
        let listener = tokio::net::TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{addr}"));
        let http = pump::http_client().map_err(std::io::Error::other)?;
        let shared = Arc::new(Shared {
            now: config.now.clone(),
            state: Mutex::new(State::new(config, base_url)),
            work: Notify::new(),
            changes: watch::Sender::new(0),
        });
        let router = axum::Router::new()
            .merge(api::routes(&shared))
            .merge(page::routes())
            .merge(control::routes())
            .merge(steer::routes())
            .layer(axum::extract::DefaultBodyLimit::max(crate::BODY_BYTES_MAX))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            // Serving ends only with the task; a connection's own failure ends that connection.
            let _ = axum::serve(listener, router).await;
        });
        let pump = tokio::spawn(pump::run(shared.clone(), http));
        Ok(SandboxHandle::new(addr, shared, [server, pump]))
    }
}

/// What the server, the sender and the handles have in common.
pub(crate) struct Shared {
    now: Clock,
    state: Mutex<State>,
    /// Rung when something may have become due.
    work: Notify,
    /// Counts changes, so that waiters look again.
    changes: watch::Sender<u64>,
}

impl Shared {
    fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Looks, without waking anybody.
    fn look(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves data that is still the best there is for looking into what happened.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, at the present time, and tells the sender and everybody who waits.
    fn change<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.now();
        let result = change(&mut self.look(), now);
        self.changes.send_modify(|count| *count += 1);
        self.work.notify_one();
        result
    }
}
