//! Connections: where to, how safely, and with which settings.

use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::{Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hosts::Hosts;
use super::rows::{chain, failure};
use crate::OpenError;
use crate::writer::Failure;

/// How long one host may take to answer: a fraction of the 2.5 s in which a notification must be answered, so that the next host
/// can be tried.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How long a server that has just let us in may take for the settings of a session.
const SESSION_TIMEOUT: Duration = Duration::from_secs(2);
/// From when on a silent peer is asked whether it lives, and how long it may keep silent about data that was sent.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// See [`KEEPALIVE_IDLE`].
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
/// See [`KEEPALIVE_IDLE`].
pub(crate) const KEEPALIVE_RETRIES: u32 = 3;
/// See [`KEEPALIVE_IDLE`].
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Where a server listens that does not say.
const DEFAULT_PORT: u16 = 5432;

/// The session of the writer.
///
/// - `lock_timeout`: less than the 2.5 s in which a notification must be answered; a deadlock is found after one second;
/// - `statement_timeout`: nothing that the writer runs takes longer unless something is wrong;
/// - `idle_in_transaction_session_timeout`: a process that stopped in the middle lets go of its locks;
/// - the planner: every statement is a lookup by key. A plan is made once, and never from the time when the tables were empty;
/// - `synchronous_commit`: what was answered 200 survives a crash (I1), whatever the server's default. Stronger settings stay.
const WRITER_SESSION: &str = "
SET lock_timeout = '2s'; SET statement_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';
SET plan_cache_mode = force_generic_plan; SET jit = off;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// The session of a reader: a list or a count over a large table may take its time, but not for ever.
pub(crate) const READER_SESSION: &str =
    "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'; SET jit = off";

/// A session that migrates or holds a role: it waits as long as it must.
pub(crate) const PLAIN_SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0;
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";

/// Whether and how the connection is encrypted.
#[derive(Clone)]
pub(crate) enum Tls {
    Off,
    On(MakeRustlsConnect),
}

/// A database on a server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) hosts: Hosts,
    pub(crate) tls: Tls,
    /// How libpq is told the same of encryption.
    tls_options: Vec<(&'static str, String)>,
    /// Where it is, for people: without the password.
    pub(crate) shown: String,
}

impl Server {
    /// Its address for the server's own tools: as safe as ours, with the user, without the password, for which they ask.
    pub(crate) fn for_tools(&self) -> String {
        self.for_tools_in(self.database())
    }

    /// The address of another database on the same server.
    pub(crate) fn for_tools_in(&self, database: &str) -> String {
        let user = self.config.get_user().map(|user| format!("{}@", encoded(user)));
        let mut options = Vec::new();
        if !self.config.get_hostaddrs().is_empty() {
            let addresses: Vec<String> =
                self.config.get_hostaddrs().iter().map(ToString::to_string).collect();
            options.push(("hostaddr", addresses.join(",")));
            if self.config.get_hosts().is_empty() && !self.config.get_ports().is_empty() {
                let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
                options.push(("port", ports.join(",")));
            }
        }
        if self.config.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
            options.push(("target_session_attrs", "read-write".to_owned()));
        }
        options.extend(self.tls_options.iter().cloned());
        let options: Vec<String> =
            options.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        let mark = if options.is_empty() { "" } else { "?" };
        format!(
            "postgres://{}{}/{}{mark}{}",
            user.unwrap_or_default(),
            hosts(&self.config, encoded),
            encoded(database),
            options.join("&")
        )
    }

    /// The database's name.
    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }
}

/// A text as it may stand in any part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(byte)),
            other => url.push_str(&format!("%{other:02X}")),
        }
        url
    })
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Server {
    /// Fills in what every connection has.
    pub(crate) fn new(mut config: Config, tls: Tls, tls_options: Vec<(&'static str, String)>) -> Self {
        if config.get_application_name().is_none() {
            config.application_name("tollhouse");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES);
        config.tcp_user_timeout(UNACKNOWLEDGED);
        let (shown, hosts) = (shown(&config), Hosts::of(&config));
        Self { config, hosts, tls, tls_options, shown }
    }

    /// Connects to the first host that does, with these settings.
    pub(crate) async fn connect(&self, session: &str) -> Result<ClientWrapper, Failure> {
        let client = match &self.tls {
            Tls::Off => open(&self.hosts, &NoTls).await?,
            Tls::On(tls) => open(&self.hosts, tls).await?,
        };
        match tokio::time::timeout(SESSION_TIMEOUT, client.batch_execute(session)).await {
            Ok(set) => set.map_err(|error| failure(&error))?,
            Err(_) => return Err(Failure::Unavailable("a server let us in and says nothing".to_owned())),
        }
        Ok(client)
    }

    /// Connects for the writer.
    pub(crate) async fn connect_writer(&self) -> Result<ClientWrapper, Failure> {
        self.connect(WRITER_SESSION).await
    }

    pub(crate) fn unavailable(&self, what: &str) -> OpenError {
        OpenError::Unavailable { database: self.shown.clone(), what: what.to_owned() }
    }

    pub(crate) fn unopened(&self, failure: &Failure) -> OpenError {
        self.unavailable(failure.what())
    }
}

async fn open<T>(hosts: &Hosts, tls: &T) -> Result<ClientWrapper, Failure>
where
    T: tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket> + Clone,
    T::Stream: Send + 'static,
{
    // Whatever it is, a connection that cannot be made puts the database out of reach.
    let connected = hosts.connect(tls).await;
    let (client, connection) =
        connected.map_err(|unreached| Failure::Unavailable(unreached.what().to_owned()))?;
    Ok(ClientWrapper::new(client, drive(connection)))
}

/// Drives a connection to its end.
pub(crate) fn drive<S, T>(connection: Connection<S, T>) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // How it ended is told to whoever uses the client.
        if let Err(error) = connection.await {
            tracing::debug!(error = %chain(&error), "store.connection_lost: a connection to the database ended");
        }
    })
}

fn shown(config: &Config) -> String {
    let hosts = hosts(config, str::to_owned);
    format!("postgres://{hosts}/{}", config.get_dbname().unwrap_or_default())
}

/// The hosts with their ports; `spell` writes what is no address.
fn hosts(config: &Config, spell: impl Fn(&str) -> String) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or_else(|| ports.last()).copied().unwrap_or(DEFAULT_PORT);
        let host = match host {
            // An address of IPv6, whose colons would be taken for the port's.
            Host::Tcp(name) if name.contains(':') => format!("[{}]", name.replace('%', "%25")),
            Host::Tcp(name) => spell(name),
            #[cfg(unix)]
            Host::Unix(folder) => spell(&folder.display().to_string()),
        };
        format!("{host}:{port}")
    });
    hosts.collect::<Vec<String>>().join(",")
}
