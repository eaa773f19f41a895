//! What processes tell each other of their commits: which orders were touched. Sent after the commit, on a connection of its own, so that no
//! commit waits for it (a NOTIFY inside of a transaction takes a lock that all of them share). It is a hint: one that gets lost costs a
//! page some seconds, until it looks by itself.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Notification};
use tollhouse_core::id::OrderId;
use uuid::Uuid;

use super::connect::{PLAIN_SESSION, Server, Tls};
use super::hosts::Unreached;
use super::rows::failure;
use crate::Committed;
use crate::writer::Failure;

/// The channel on which they speak.
const CHANNEL: &str = "tollhouse_commits";
/// Orders named in one message. PostgreSQL takes less than 8,000 bytes, an order has 33.
const ORDERS_NAMED_MAX: usize = 200;
/// Instead of names: look at everything.
const EVERYTHING: &str = "*";
/// How long the server may take for a word; then the connection is taken for lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before a lost connection is made again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Tells the other processes and hears them, until the store is closed.
pub(crate) async fn run(
    server: Server,
    commits: broadcast::WeakSender<Committed>,
    mut finished: watch::Receiver<bool>,
) {
    let exchange = async {
        loop {
            let Some(sender) = commits.upgrade() else { return };
            let mine = sender.subscribe();
            drop(sender);
            match connect(&server).await {
                Ok((client, heard)) => {
                    let Err(trouble) = talk(&client, mine, heard, &commits).await else { return };
                    tracing::warn!(error = %trouble.what(), "store.bulletin_lost: what other processes commit is not heard until the connection is back");
                }
                Err(unreached) => {
                    tracing::debug!(error = %unreached.what(), "store.bulletin_unconnected: it is tried again");
                }
            }
            tokio::time::sleep(RECONNECT).await;
        }
    };
    tokio::select! {
        () = exchange => {}
        // An error is the end of the store, too.
        _ = finished.wait_for(|finished| *finished) => {}
    }
}

/// Returns when there are no commits any more.
async fn talk(
    client: &Client,
    mut mine: broadcast::Receiver<Committed>,
    mut heard: mpsc::UnboundedReceiver<Notification>,
    commits: &broadcast::WeakSender<Committed>,
) -> Result<(), Failure> {
    answered(client.batch_execute(PLAIN_SESSION)).await?;
    // Nothing is kept of a message: waiting for the disk would only make it late.
    answered(client.batch_execute(&format!("SET synchronous_commit = off; LISTEN {CHANNEL}"))).await?;
    let me: i32 = answered(client.query_one("SELECT pg_backend_pid()", &[])).await?.get(0);
    let say = answered(client.prepare("SELECT pg_notify($1, $2)")).await?;
    let tell = |committed: Committed| commits.upgrade().is_some_and(|sender| sender.send(committed).is_ok());
    // What was said before we listened is lost.
    tell(Committed { everything: true, from_elsewhere: true, ..Committed::default() });
    loop {
        tokio::select! {
            message = mine.recv() => {
                let Some(words) = gathered(message, &mut mine) else { return Ok(()) };
                if !words.is_empty() {
                    answered(client.execute(&say, &[&CHANNEL, &words])).await?;
                }
            }
            notification = heard.recv() => match notification {
                Some(notification) if notification.process_id() != me => {
                    tell(read(notification.payload()));
                }
                Some(_) => {}
                // The connection has ended: the next statement says why.
                None => answered(client.batch_execute("")).await?,
            },
        }
    }
}

/// What a statement comes to, or that nobody answers.
async fn answered<V>(
    statement: impl Future<Output = Result<V, tokio_postgres::Error>>,
) -> Result<V, Failure> {
    match tokio::time::timeout(ANSWER_TIMEOUT, statement).await {
        Ok(answer) => answer.map_err(|error| failure(&error)),
        Err(_) => Err(Failure::Unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))),
    }
}

/// What to say of a commit of ours and of those that wait behind it; `None` when there will be no more.
fn gathered(
    first: Result<Committed, broadcast::error::RecvError>,
    mine: &mut broadcast::Receiver<Committed>,
) -> Option<String> {
    let mut orders: Vec<OrderId> = Vec::new();
    let mut next = first;
    loop {
        match next {
            Ok(committed) if committed.from_elsewhere => {}
            Ok(committed) => orders.extend(committed.orders),
            Err(broadcast::error::RecvError::Lagged(_)) => return Some(EVERYTHING.to_owned()),
            Err(broadcast::error::RecvError::Closed) => return None,
        }
        if orders.len() > ORDERS_NAMED_MAX {
            return Some(EVERYTHING.to_owned());
        }
        next = match mine.try_recv() {
            Ok(committed) => Ok(committed),
            Err(broadcast::error::TryRecvError::Lagged(count)) => {
                Err(broadcast::error::RecvError::Lagged(count))
            }
            // Whether it is closed is asked again after this has been said.
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => {
                orders.sort_unstable();
                orders.dedup();
                let names: Vec<String> = orders.iter().map(|id| id.0.simple().to_string()).collect();
                return Some(names.join(","));
            }
        };
    }
}

/// A message that cannot be read, from another version for instance, means everything.
fn read(payload: &str) -> Committed {
    let orders: Option<Vec<OrderId>> =
        payload.split(',').map(|name| Uuid::try_parse(name).ok().map(OrderId)).collect();
    let everything = orders.is_none();
    Committed { orders: orders.unwrap_or_default(), armed: false, everything, from_elsewhere: true }
}

async fn connect(server: &Server) -> Result<(Client, mpsc::UnboundedReceiver<Notification>), Unreached> {
    let (tell, heard) = mpsc::unbounded_channel();
    let client = match &server.tls {
        Tls::Off => {
            let (client, connection) = server.hosts.connect(&NoTls).await?;
            tokio::spawn(follow(connection, tell));
            client
        }
        Tls::On(tls) => {
            let (client, connection) = server.hosts.connect(tls).await?;
            tokio::spawn(follow(connection, tell));
            client
        }
    };
    Ok((client, heard))
}

/// Drives the connection and hands on what others say.
async fn follow<S, T>(mut connection: Connection<S, T>, tell: mpsc::UnboundedSender<Notification>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = poll_fn(move |context| connection.poll_message(context));
    while let Some(message) = messages.next().await {
        match message {
            Ok(AsyncMessage::Notification(notification)) => {
                if tell.send(notification).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            // The client's next statement fails with it.
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_orders_or_means_everything() {
        let id = |number: u128| OrderId(Uuid::from_u128(number));
        let (sender, mut mine) = broadcast::channel(8);
        let of = |orders: Vec<OrderId>, from_elsewhere| Committed {
            orders,
            from_elsewhere,
            ..Committed::default()
        };
        sender.send(of(vec![id(3), id(1)], false)).unwrap();
        sender.send(of(vec![id(9)], true)).unwrap();
        let words = gathered(Ok(of(vec![id(1)], false)), &mut mine).unwrap();
        let said = read(&words);
        assert_eq!((said.orders, said.everything, said.from_elsewhere), (vec![id(1), id(3)], false, true));
        assert_eq!(gathered(Ok(of(vec![id(9)], true)), &mut mine).unwrap(), "", "hearsay is not passed on");
        let many = (0..=u128::try_from(ORDERS_NAMED_MAX).unwrap()).map(id).collect();
        assert!(read(&gathered(Ok(of(many, false)), &mut mine).unwrap()).everything);
        assert!(read("from a newer version").everything);
        drop(sender);
        assert_eq!(gathered(Err(broadcast::error::RecvError::Closed), &mut mine), None);
    }
}
