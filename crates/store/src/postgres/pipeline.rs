//! Several statements at once: all are sent before the first answer is waited for, so that a batch costs a handful of round trips. The
//! server runs them one after another, and each sees what the ones before it did and locked.

use std::future::Future;
use std::pin::Pin;

use deadpool_postgres::ClientWrapper;
use futures::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::rows::{Parameter, failure};
use crate::writer::Failure;

/// A statement to run.
pub(crate) enum Call<'a> {
    /// For its rows.
    Rows { sql: &'a str, parameters: Vec<Parameter<'a>> },
    /// For what it changes; the number of rows, where it must be just that.
    Change { sql: &'a str, parameters: Vec<Parameter<'a>>, rows: Option<usize> },
    /// As it is: `BEGIN`, `COMMIT`.
    Plain(&'a str),
}

impl Call<'_> {
    fn sql(&self) -> Option<&str> {
        match self {
            Self::Rows { sql, .. } | Self::Change { sql, .. } => Some(sql),
            Self::Plain(_) => None,
        }
    }
}

/// How many calls go into one pipeline at most. `join_all` polls up to 30 in their order, which is the order in which they are sent.
const CALLS_MAX: usize = 30;

type Answer<'f> = Pin<Box<dyn Future<Output = Result<(Vec<Row>, u64), Error>> + Send + 'f>>;

/// Runs the calls in their order; the rows of each. The first that failed is what the others failed of.
pub(crate) async fn run(client: &ClientWrapper, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
    debug_assert!(calls.len() <= CALLS_MAX, "{} calls would not be sent in order", calls.len());
    let mut statements = Vec::with_capacity(calls.len());
    for call in calls {
        statements.push(match call.sql() {
            // Prepared once for each connection.
            Some(sql) => Some(client.prepare_cached(sql).await.map_err(|error| failure(&error))?),
            None => None,
        });
    }
    let sent = calls.iter().zip(&statements).map(|(call, statement)| send(client, call, statement.as_ref()));
    let answers = join_all(sent).await;
    let mut found = Vec::with_capacity(calls.len());
    for (call, answer) in calls.iter().zip(answers) {
        let (rows, changed) = answer.map_err(|error| failure(&error))?;
        if let Call::Change { rows: Some(expected), sql, .. } = call
            && u64::try_from(*expected).ok() != Some(changed)
        {
            return Err(Failure::Broken(format!(
                "{changed} rows instead of {expected} were changed by {sql}"
            )));
        }
        found.push(rows);
    }
    Ok(found)
}

fn send<'f>(client: &'f ClientWrapper, call: &'f Call<'_>, statement: Option<&'f Statement>) -> Answer<'f> {
    match (call, statement) {
        (Call::Rows { parameters, .. }, Some(statement)) => {
            let parameters = borrow(parameters);
            Box::pin(async move { Ok((client.query(statement, &parameters).await?, 0)) })
        }
        (Call::Change { parameters, .. }, Some(statement)) => {
            let parameters = borrow(parameters);
            Box::pin(async move { Ok((Vec::new(), client.execute(statement, &parameters).await?)) })
        }
        (Call::Plain(sql), _) => {
            Box::pin(async move { client.batch_execute(sql).await.map(|()| (Vec::new(), 0)) })
        }
        (Call::Rows { .. } | Call::Change { .. }, None) => Box::pin(async { Ok((Vec::new(), 0)) }),
    }
}

fn borrow<'p>(parameters: &'p [Parameter<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
}
