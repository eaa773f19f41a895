//! A role as an advisory lock of a session of its own: the server lets go of it when the connection ends.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_postgres::NoTls;

use super::connect::{PLAIN_SESSION, Server, Tls};
use super::hosts::Unreached;
use super::rows::{chain, failure};
use crate::{RoleGuard, StoreError};

/// How long the server may take to say whether the role is free.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes the role, if no session has it.
pub(crate) async fn lock(server: &Server, name: &str) -> Result<Option<RoleGuard>, StoreError> {
    let (tell, lost) = watch::channel(false);
    let client = connect(server, tell).await?;
    let ask = async {
        client.batch_execute(PLAIN_SESSION).await?;
        client.query_one("SELECT pg_try_advisory_lock($1)", &[&number_of(name)]).await
    };
    let taken = match tokio::time::timeout(ASK_TIMEOUT, ask).await {
        Ok(taken) => taken.map_err(|error| StoreError::from(failure(&error)))?,
        Err(_) => return Err(unavailable(format!("no answer within {} s", ASK_TIMEOUT.as_secs()))),
    };
    Ok(taken.get::<_, bool>(0).then(|| RoleGuard::new(lost, Box::new(client))))
}

/// A negative number of a name: positive ones are payments.
fn number_of(name: &str) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first) | i64::MIN
}

async fn connect(server: &Server, tell: watch::Sender<bool>) -> Result<tokio_postgres::Client, StoreError> {
    let unreached = |unreached: Unreached| unavailable(unreached.what().to_owned());
    match &server.tls {
        Tls::Off => {
            let (client, connection) = server.hosts.connect(&NoTls).await.map_err(unreached)?;
            tokio::spawn(follow(connection, tell));
            Ok(client)
        }
        Tls::On(tls) => {
            let (client, connection) = server.hosts.connect(tls).await.map_err(unreached)?;
            tokio::spawn(follow(connection, tell));
            Ok(client)
        }
    }
}

fn unavailable(what: String) -> StoreError {
    StoreError::Unavailable { what }
}

/// Drives the connection to its end, and says so.
async fn follow(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>>,
    tell: watch::Sender<bool>,
) {
    if let Err(error) = connection.await {
        tracing::warn!(error = %chain(&error), "store.role_lost: the connection that held a role ended");
    }
    tell.send_replace(true);
}
