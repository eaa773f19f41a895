//! `tollhouse serve`: everything in one process, or a part of it. Stops in order: takes nothing new, answers what it holds, and ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollhouse_store::{OpenOptions, WalSync};

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, TelegramMode};
use crate::no_store::NoStore;
use crate::urls::is_local;
use crate::{bot, http, listen, metrics, reconcile, worker};

/// How long a stop may take, in seconds; what is not done by then is done after the next start.
pub const STOP_SECONDS_MAX: u64 = 10;

/// How many files and connections the process asks to be allowed at once: an open page holds one, and most systems give a program 1,024 unless
/// it asks for more. Notifications must find a place beside them.
const FILES_WANTED: u64 = 65_536;

/// Which parts run in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Notifications and pages.
    pub http: bool,
    /// Jobs.
    pub worker: bool,
    /// Updates from Telegram.
    pub bot: bool,
    /// The search for notifications that never came.
    pub reconcile: bool,
}

impl Roles {
    /// Every part.
    #[must_use]
    pub fn all() -> Self {
        Self { http: true, worker: true, bot: true, reconcile: true }
    }
}

/// A running process' parts.
pub struct Running {
    /// What they share.
    pub app: Arc<App>,
    /// Where HTTP is served.
    pub addr: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    parts: JoinSet<()>,
}

impl Running {
    /// Starts the parts.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(app: Arc<App>, roles: Roles) -> anyhow::Result<Self> {
        let door = if roles.http {
            let listener = TcpListener::bind(app.config.listen).await.with_context(|| {
                format!("configuration: TOLLHOUSE_LISTEN: cannot listen on {}", app.config.listen)
            })?;
            Some((listener, http::router(Arc::clone(&app))))
        } else {
            None
        };
        Self::start_at(app, roles, door)
    }

    /// Starts the parts, with HTTP at a listener that is there already and with these routes; `roles.http` has no say.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn start_at(
        app: Arc<App>,
        roles: Roles,
        door: Option<(TcpListener, axum::Router)>,
    ) -> anyhow::Result<Self> {
        metrics::recorder();
        let (stop, stopped) = watch::channel(false);
        let mut parts = JoinSet::new();
        let mut addr = None;
        if let Some((listener, routes)) = door {
            addr = Some(listener.local_addr()?);
            parts.spawn(listen::serve(listener, routes, stopped.clone()));
            parts.spawn(reconcile::looks::run(Arc::clone(&app), stopped.clone()));
        }
        if app.provider.is_some()
            && app.config.nowpayments.is_the_real_one()
            && is_local(&app.config.public_url)
        {
            tracing::warn!(
                "TOLLHOUSE_PUBLIC_URL is {}, which NOWPayments cannot reach: every invoice asks it to notify us there, and no notification \
                 will come. Set the https address under which the world reaches this program",
                app.config.public_url
            );
        }
        let talks = app.config.telegram.mode != TelegramMode::Off;
        // Without anybody to call, claiming jobs only to put them off would cost a write each, over and over: they wait as they are.
        if roles.worker && (app.talks_to_telegram() || app.provider.is_some()) {
            parts.spawn(worker::run(Arc::clone(&app), stopped.clone()));
        }
        if roles.reconcile && app.provider.is_some() {
            if !app.config.nowpayments.can_list() {
                tracing::warn!(
                    "no TOLLHOUSE_NOWPAYMENTS_EMAIL and TOLLHOUSE_NOWPAYMENTS_PASSWORD: payments of which a first notification came are \
                     followed to their end; one of which none ever came is not found"
                );
            }
            parts.spawn(reconcile::run(Arc::clone(&app), stopped.clone()));
        }
        parts.spawn(metrics::keep(stopped.clone()));
        parts.spawn(watch_store(Arc::clone(&app), stopped.clone()));
        if roles.bot && talks {
            if app.gateway.is_none() {
                tracing::warn!(
                    "no TOLLHOUSE_TELEGRAM_BOT_TOKEN: paid orders are granted, but invites wait until there is one"
                );
            } else {
                parts.spawn(bot::run(Arc::clone(&app), stopped));
            }
        }
        Ok(Self { app, addr, stop, parts })
    }

    /// Returns when a part has ended by itself, which none should: a process that goes on without one would do half of its work, and
    /// nobody would know (F104).
    pub async fn part_ended(&mut self) {
        if self.parts.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops the parts in order, within [`STOP_SECONDS_MAX`].
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let all = async {
            while self.parts.join_next().await.is_some() {}
            self.app.store.close().await;
        };
        if tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), all).await.is_err() {
            tracing::warn!(
                "not everything ended in {STOP_SECONDS_MAX} s; what was left is done after the next start"
            );
        }
    }
}

/// Ends when the store can write no more: the process is then of no use, and a new start may be (F104).
async fn watch_store(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = app.store.ended() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Serves until the process is told to end.
///
/// # Errors
/// A configuration or a database with which it does not start.
pub async fn run(config: Config, roles: Roles) -> anyhow::Result<()> {
    if roles.http {
        config.require_ipn_secret()?;
    }
    let app = App::open(config, Clock::default()).await?;
    until_told(app, roles).await
}

/// The HTTP side over a store that keeps nothing: what the benchmark measures us against.
///
/// # Errors
/// A configuration with which it does not start.
pub async fn run_without_store(config: Config) -> anyhow::Result<()> {
    config.require_ipn_secret()?;
    let app = App::with_store(config, Clock::default(), NoStore::shared())?;
    until_told(app, Roles { http: true, worker: false, bot: false, reconcile: false }).await
}

/// The whole service with a transaction for each command: the simplest way to be right, against which the benchmark measures group commit.
///
/// # Errors
/// A configuration or a database with which it does not start.
pub async fn run_one_by_one(config: Config) -> anyhow::Result<()> {
    config.require_ipn_secret()?;
    let options = OpenOptions { batch_length_max: 1, wal_sync: WalSync::InCommit, ..OpenOptions::default() };
    let app = App::open_with(config, Clock::default(), options).await?;
    until_told(app, Roles { http: true, worker: true, bot: true, reconcile: true }).await
}

/// Asks for as many files and connections as the system lets us have. Having fewer keeps nobody from starting.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(FILES_WANTED, |most| most.min(FILES_WANTED));
    if now.current.is_none_or(|current| current >= wanted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum }) {
        tracing::warn!(%error, limit = now.current, "the number of connections at once could not be raised");
    }
}

async fn until_told(app: Arc<App>, roles: Roles) -> anyhow::Result<()> {
    let told = signalled();
    allow_many_files();
    let mut running = Running::start(app, roles).await?;
    if let Some(addr) = running.addr {
        tracing::info!(%addr, public_url = %running.app.config.public_url, "listening");
    }
    let as_told = tokio::select! {
        () = told => true,
        () = running.part_ended() => false,
    };
    tracing::info!("stopping");
    running.stop().await;
    anyhow::ensure!(as_told, "a part of the program ended by itself; the log says why. Start it again");
    Ok(())
}

/// Returns when the process is told to end: SIGTERM or ctrl-c. It listens from this call on, not from the first poll: whoever is told to end
/// in the moment of its start must end in order, too.
pub fn signalled() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    // Hung up: the terminal in which it was started is closed. There is nothing to be read anew without a restart.
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    async move {
        let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
