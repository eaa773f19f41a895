//! The writer: it owns the only connection that writes, and makes a new one when it is lost.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use futures::FutureExt;
use tollhouse_core::command::{Command, Outcome, Refusal};

use super::apply::apply;
use super::connect::Server;
use super::load::{Purpose, snapshot};
use super::rows::failure;
use crate::Committed;
use crate::batch::{channels_of, decide_all, needs, writes};
use crate::queue::Intake;
use crate::writer::{Failure, Step};

/// How long a batch may take in all. The server's own limits end it before; this is for a network that swallows everything.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a transaction that failed may take to end before its connection is thrown away; the server then ends it.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a text that is written besides may take: the batches wait behind it.
const ASIDE_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait after the first connection that could not be made; doubles up to [`RECONNECT_LONGEST`]. Meanwhile nobody waits for what
/// cannot be: they are told at once to come back.
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
/// Short enough that a failover costs little more than its own time.
const RECONNECT_LONGEST: Duration = Duration::from_millis(1_000);

type Done = (Vec<Result<Outcome, Refusal>>, Committed);

/// The connection, or when to try again.
struct Connection {
    server: Server,
    client: Option<ClientWrapper>,
    wait: Duration,
    not_before: Option<(Instant, String)>,
}

impl Connection {
    /// A client, and whether it was there before.
    async fn take(&mut self) -> Result<(ClientWrapper, bool), Failure> {
        if let Some(client) = self.client.take()
            && !client.is_closed()
        {
            return Ok((client, true));
        }
        if let Some((at, what)) = &self.not_before
            && Instant::now() < *at
        {
            return Err(Failure::Unavailable(what.clone()));
        }
        match self.server.connect_writer().await {
            Ok(client) => {
                self.not_before = None;
                self.wait = RECONNECT_FIRST;
                Ok((client, false))
            }
            Err(failure) => {
                let what = failure.what().to_owned();
                self.not_before = Some((Instant::now() + self.wait, what.clone()));
                self.wait = (self.wait * 2).min(RECONNECT_LONGEST);
                Err(Failure::Unavailable(what))
            }
        }
    }
}

/// Runs until the queue is closed and empty.
pub(crate) async fn run(server: Server, mut intake: Intake) {
    let mut connection = Connection { server, client: None, wait: RECONNECT_FIRST, not_before: None };
    loop {
        match intake.machine.next_step() {
            Step::Answer(ticket, answer) => {
                // Who asked may have hung up; the commit stands all the same.
                let _ = ticket.send(answer);
            }
            Step::Run(batch) => {
                let started = Instant::now();
                match commit(&mut connection, &intake, &batch).await {
                    Ok((results, committed)) => intake.committed(results, committed, started),
                    Err(failure) => intake.failed(failure),
                }
            }
            Step::Wait => {
                for aside in std::mem::take(&mut intake.asides) {
                    let result = put_state(&mut connection, &aside.key, &aside.text).await;
                    intake.aside_done(aside, result);
                }
                if !intake.wait().await {
                    break;
                }
            }
        }
    }
}

async fn commit(connection: &mut Connection, intake: &Intake, batch: &[Command]) -> Result<Done, Failure> {
    loop {
        let (client, was_there) = connection.take().await?;
        let mut committing = false;
        let attempt = AssertUnwindSafe(attempt(&client, intake, batch, &mut committing)).catch_unwind();
        let result = match tokio::time::timeout(BATCH_TIMEOUT, attempt).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::Broken("the writer panicked".to_owned())),
            Err(_) => Err(Failure::Unavailable(format!("no answer within {} s", BATCH_TIMEOUT.as_secs()))),
        };
        match result {
            Ok(done) => {
                connection.client = Some(client);
                return Ok(done);
            }
            // Cut while nobody used it, or since then a standby: nothing was done on it, and a new one may do.
            Err(Failure::Disconnected(_)) if was_there && !committing => {}
            Err(Failure::Unavailable(what) | Failure::Disconnected(what)) if committing => {
                return Err(Failure::Unavailable(format!(
                    "{what}; the change may have been committed all the same"
                )));
            }
            Err(failure @ (Failure::Unavailable(_) | Failure::Disconnected(_))) => return Err(failure),
            Err(failure) => {
                let rolled_back =
                    tokio::time::timeout(ROLLBACK_TIMEOUT, client.batch_execute("ROLLBACK")).await;
                if matches!(rolled_back, Ok(Ok(()))) {
                    connection.client = Some(client);
                }
                return Err(failure);
            }
        }
    }
}

async fn attempt(
    client: &ClientWrapper,
    intake: &Intake,
    batch: &[Command],
    committing: &mut bool,
) -> Result<Done, Failure> {
    let mut snapshot = snapshot(client, needs(batch), Purpose::Change).await?;
    let channels = channels_of(&snapshot);
    let now = intake.now();
    let results = decide_all(now, &mut **intake.ids(), &mut snapshot, batch)?;
    if !snapshot.has_writes() {
        client.batch_execute("ROLLBACK").await.map_err(|error| failure(&error))?;
        return Ok((results, Committed::default()));
    }
    let writes = writes(&mut snapshot, &channels);
    let committed = writes.committed.clone();
    apply(client, writes, committing).await?;
    Ok((results, committed))
}

async fn put_state(connection: &mut Connection, key: &str, text: &str) -> Result<(), Failure> {
    let put =
        "INSERT INTO state (key, text) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET text = excluded.text";
    loop {
        let (client, was_there) = connection.take().await?;
        let putting = tokio::time::timeout(ASIDE_TIMEOUT, client.execute(put, &[&key, &text])).await;
        let Ok(put) = putting else {
            // Nobody answers on this connection; the next one takes another.
            return Err(Failure::Unavailable(format!("no answer within {} s", ASIDE_TIMEOUT.as_secs())));
        };
        match put.map_err(|error| failure(&error)) {
            // To put it twice does no harm.
            Err(Failure::Disconnected(_)) if was_there => {}
            result => {
                connection.client = Some(client);
                return result.map(|_| ());
            }
        }
    }
}
