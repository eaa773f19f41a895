//! The stage: Tollhouse as it is served, a simulated NOWPayments and a simulated Telegram, one clock, one folder.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use jiff::SignedDuration;
use nowpayments::sandbox::{Sandbox, SandboxConfig, SandboxHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollhouse_core::id::IdSource as _;
use tollhouse_store::Ports;
use tollhouse_telegram::Limits;
use tollhouse_telegram::fake::{FakeConfig, FakeHandle, FakeTelegram};

use crate::app::App;
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::serve::{Roles, Running};
use crate::{http, metrics};

/// The simulated provider knows one account, and that is not a secret.
const API_KEY: &str = "demo-api-key";

/// Everything that runs.
pub(super) struct Stage {
    /// The clock of all three.
    pub(super) clock: Clock,
    /// The simulated provider.
    pub(super) nowpayments: SandboxHandle,
    /// The simulated Telegram.
    pub(super) telegram: FakeHandle,
    /// What the parts of Tollhouse share.
    pub(super) app: Arc<App>,
    /// Where Tollhouse is, without a slash at the end.
    pub(super) url: String,
    /// The database's address.
    pub(super) database_url: String,
    /// Changes with each commit, those too that the program itself is not told of.
    pub(super) committed: watch::Receiver<()>,
    running: Running,
    folder: Folder,
}

/// What stands before the pages may know.
pub(super) struct Front<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) clock: &'a Clock,
    pub(super) telegram: &'a FakeHandle,
    pub(super) nowpayments: &'a SandboxHandle,
    pub(super) committed: &'a watch::Receiver<()>,
}

impl Stage {
    /// Starts all three. `step` is the time between two statuses of a payment; `asks` is whether the provider is asked for what it did not
    /// tell; `front` stands between the pages and their readers.
    pub(super) async fn start(
        clock: Clock,
        listen: SocketAddr,
        step: SignedDuration,
        asks: bool,
        front: impl FnOnce(Router, &Front<'_>) -> Router,
    ) -> anyhow::Result<Self> {
        let cannot = || format!("cannot listen on {listen}; choose another address with --listen");
        let listener = TcpListener::bind(listen).await.with_context(cannot)?;
        let url = format!("http://{}", reachable(listener.local_addr()?));
        let secret = format!("{:016x}{:016x}", Ids.random(), Ids.random());
        let mut sandbox = SandboxConfig::new(API_KEY, &secret, clock.as_fn());
        sandbox.step = step;
        sandbox.default_ipn_url = Some(format!("{url}/webhooks/nowpayments"));
        let (email, password) = (sandbox.email.clone(), sandbox.password.clone());
        let nowpayments = Sandbox::start(sandbox).await.context("the simulated NOWPayments")?;
        let fake = FakeConfig::new(clock.as_fn());
        let telegram = FakeTelegram::start(fake).await.context("the simulated Telegram")?;
        let folder = Folder::fresh()?;
        let database_url = format!("sqlite://{}", folder.path().join("tollhouse.db").display());
        let mut values = vec![
            ("TOLLHOUSE_DATABASE_URL".to_owned(), database_url.clone()),
            ("TOLLHOUSE_LISTEN".to_owned(), listen.to_string()),
            ("TOLLHOUSE_PUBLIC_URL".to_owned(), url.clone()),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".to_owned(), secret),
            ("TOLLHOUSE_NOWPAYMENTS_API_KEY".to_owned(), API_KEY.to_owned()),
            ("TOLLHOUSE_NOWPAYMENTS_API_URL".to_owned(), nowpayments.api_url()),
            ("TOLLHOUSE_TELEGRAM_BOT_TOKEN".to_owned(), telegram.bot_token().to_owned()),
            ("TOLLHOUSE_TELEGRAM_API_URL".to_owned(), telegram.api_url().to_string()),
            // The seed's buyer still has the page of the old system open; it must find its order.
            ("TOLLHOUSE_IMPORT_MODE".to_owned(), "true".to_owned()),
        ];
        if asks {
            values.push(("TOLLHOUSE_NOWPAYMENTS_EMAIL".to_owned(), email));
            values.push(("TOLLHOUSE_NOWPAYMENTS_PASSWORD".to_owned(), password));
        }
        let mut config = Config::from_values(&values)?;
        // Nobody is flooded here, and a story of a month must not take minutes.
        config.telegram.limits = Limits::NONE;
        config.telegram.limits_accounts = false;
        let (batches, committed) = watch::channel(());
        let on_batch = Arc::new(move |report| {
            metrics::batch(report);
            batches.send_replace(());
        });
        let ports = Ports { now: clock.as_fn(), ids: Box::new(Ids), on_batch };
        let store = tollhouse_store::open(&database_url, ports).await?;
        let app = App::with_store(config, clock.clone(), store)?;
        let all = Front {
            app: &app,
            clock: &clock,
            telegram: &telegram,
            nowpayments: &nowpayments,
            committed: &committed,
        };
        let routes = front(http::router(Arc::clone(&app)), &all);
        if !asks {
            app.reconcile.looks.close();
        }
        let roles = Roles { reconcile: asks, ..Roles::all() };
        let running = Running::start_at(Arc::clone(&app), roles, Some((listener, routes)))?;
        // Whoever is told of members from the first one on must have asked for it before.
        telegram
            .wait_for("the bot's first question", |world| (world.polls_begun() > 0).then_some(()))
            .await?;
        Ok(Self { clock, nowpayments, telegram, app, url, database_url, committed, running, folder })
    }

    /// Stops everything and removes the folder.
    pub(super) async fn stop(self) {
        self.running.stop().await;
        self.telegram.stop().await;
        drop(self.folder);
    }
}

/// Where somebody on this machine finds what listens there.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// A folder that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn fresh() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tollhouse-demo-{:016x}", Ids.random()));
        // On a shared machine the folder for temporary files is everybody's; what is in this one is not.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the demo's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_an_open_address_are_reached_on_this_machine() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.1.2.3:80"), "10.1.2.3:80");
    }

    #[test]
    fn the_folder_goes_with_its_value() {
        let folder = Folder::fresh().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
