//! Several statements at once: all are sent before the first answer is waited for, so that a batch costs a handful of round trips. The
//! server runs them one after another, and each sees what the ones before it did and locked.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use futures::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::rows::{Parameter, failure};
use crate::writer::Failure;

/// A statement to run.
pub(crate) enum Call<'a> {
    /// With parameters, for its rows.
    Rows { sql: &'a str, parameters: Vec<Parameter<'a>> },
    /// As it is: `BEGIN`, `COMMIT`.
    Plain(&'a str),
}

/// How many calls go into one pipeline at most. `join_all` polls up to 30 in their order, which is the order in which they are sent.
const CALLS_MAX: usize = 30;

type Answer<'f> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'f>>;

/// How long the answers may take. The server's own limits for a statement end it before; this is for a network that swallows everything,
/// in which a reader would wait for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// Runs the calls in their order; the rows of each. The first that failed is what the others failed of.
pub(crate) async fn run(client: &ClientWrapper, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
    let answers = tokio::time::timeout(ANSWER_TIMEOUT, answers(client, calls)).await;
    answers.unwrap_or_else(|_| {
        Err(Failure::Unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))
    })
}

async fn answers(client: &ClientWrapper, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
    debug_assert!(calls.len() <= CALLS_MAX, "{} calls would not be sent in order", calls.len());
    // Prepared once for each connection; those that are not yet are prepared together, since each costs a round trip.
    let prepared = calls.iter().map(|call| async move {
        match call {
            Call::Rows { sql, .. } => client.prepare_cached(sql).await.map(Some),
            Call::Plain(_) => Ok(None),
        }
    });
    let prepared: Result<Vec<Option<Statement>>, Error> = join_all(prepared).await.into_iter().collect();
    let statements = prepared.map_err(|error| failure(&error))?;
    let sent = calls.iter().zip(&statements).map(|(call, statement)| send(client, call, statement.as_ref()));
    join_all(sent).await.into_iter().map(|answer| answer.map_err(|error| failure(&error))).collect()
}

fn send<'f>(client: &'f ClientWrapper, call: &'f Call<'_>, statement: Option<&'f Statement>) -> Answer<'f> {
    match (call, statement) {
        (Call::Rows { parameters, .. }, Some(statement)) => {
            let parameters: Vec<&(dyn ToSql + Sync)> =
                parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect();
            Box::pin(async move { client.query(statement, &parameters).await })
        }
        (Call::Plain(sql) | Call::Rows { sql, .. }, _) => {
            Box::pin(async move { client.batch_execute(sql).await.map(|()| Vec::new()) })
        }
    }
}
