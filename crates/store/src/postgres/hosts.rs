//! The servers that an address names, tried one after the other. tokio-postgres does that too, but it waits for ever for one that takes
//! the connection and then says nothing: a frozen primary would keep everybody from the standby that took its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Connection, Error, Socket};

use super::connect::{CONNECT_TIMEOUT, drive};
use super::rows::chain;

/// How long one server may take until it has let us in, encryption and password included, beyond the time to reach it.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(1);

/// The servers, and which one let us in last.
#[derive(Clone)]
pub(crate) struct Hosts {
    each: Arc<[Config]>,
    last: Arc<AtomicUsize>,
}

/// None of the servers let us in.
pub(crate) struct Unreached {
    /// What the last one said, if it said anything.
    pub(crate) error: Option<Error>,
    what: String,
}

impl Unreached {
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
}

impl Hosts {
    pub(crate) fn of(config: &Config) -> Self {
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        let each = if count > 1 {
            (0..count).map(|place| only(config, place)).collect()
        } else {
            vec![config.clone()]
        };
        Self { each: each.into(), last: Arc::default() }
    }

    /// Connects to the first server that lets us in, beginning with the one that did last.
    pub(crate) async fn connect<T>(
        &self,
        tls: &T,
    ) -> Result<(Client, Connection<Socket, T::Stream>), Unreached>
    where
        T: MakeTlsConnect<Socket> + Clone,
    {
        let (count, first) = (self.each.len(), self.last.load(Ordering::Relaxed));
        let mut unreached = Unreached { error: None, what: "no server is named".to_owned() };
        for place in (first..first + count).map(|place| place % count) {
            let config = &self.each[place];
            let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT) + WELCOME_TIMEOUT;
            match tokio::time::timeout(patience, config.connect(tls.clone())).await {
                Ok(Ok(connected)) => {
                    self.last.store(place, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(error)) => unreached = Unreached { what: chain(&error), error: Some(error) },
                Err(_) => {
                    unreached.what = format!("a server did not let us in within {} s", patience.as_secs());
                }
            }
        }
        Err(unreached)
    }
}

/// The settings for one of the servers alone.
fn only(config: &Config, place: usize) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    match config.get_hosts().get(place) {
        Some(Host::Tcp(name)) => _ = one.host(name),
        #[cfg(unix)]
        Some(Host::Unix(folder)) => _ = one.host_path(folder),
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(place) {
        one.hostaddr(*address);
    }
    if let Some(port) = config.get_ports().get(place).or_else(|| config.get_ports().first()) {
        one.port(*port);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs());
    one
}

/// The same for the pool of readers.
pub(crate) struct PoolConnect<T> {
    pub(crate) hosts: Hosts,
    pub(crate) tls: T,
}

impl<T> Connect for PoolConnect<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, _config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            match self.hosts.connect(&self.tls).await {
                Ok((client, connection)) => Ok((client, drive(connection))),
                Err(Unreached { error: Some(error), .. }) => Err(error),
                // Nobody said anything that could be handed on; the pool's own limit ends this.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_keeps_every_setting_of_the_address() {
        let all: Config =
            "postgres://u:p@one:5431,two:5432/d?target_session_attrs=read-write&connect_timeout=3\
                           &keepalives_idle=7&options=-c%20x%3D1&channel_binding=require&application_name=a"
                .parse()
                .unwrap();
        let hosts = Hosts::of(&all);
        for (place, (config, (name, port))) in
            hosts.each.iter().zip([("one", 5431), ("two", 5432)]).enumerate()
        {
            let mut expected = all.clone();
            // What `Debug` shows is every setting; only the hosts differ.
            let written = format!("{:?}", only(&all, place));
            assert_eq!(written, format!("{config:?}"));
            assert_eq!(
                (config.get_hosts(), config.get_ports()),
                (&[Host::Tcp(name.to_owned())][..], &[port][..])
            );
            expected.application_name("a");
            let strip = |text: String| {
                text.replace("host: [Tcp(\"one\"), Tcp(\"two\")]", "").replace("port: [5431, 5432]", "")
            };
            let own = format!("host: [Tcp(\"{name}\")]");
            assert_eq!(
                strip(format!("{expected:?}")),
                written.replace(&own, "").replace(&format!("port: [{port}]"), "")
            );
        }
    }
}
