//! Prints how many rows of the size of a notification one transaction inserts in a second, for the benchmarks: what the database
//! takes at best, with nothing to look up and nothing to decide.
//!
//! `cargo run --release -p tollhouse-store --features conformance --example rows -- URL`

#![expect(clippy::unwrap_used, reason = "an example: it panics to say what is wrong")]

use std::time::{Duration, Instant};

use rusqlite::params;

/// Rows in the transaction.
const ROWS: i64 = 200_000;
/// Bytes of a row: the body of a notification, its headers and its digest.
const ROW_BYTES: usize = 850;
/// Rows in a statement, where a statement takes many.
const STATEMENT_ROWS: usize = 1_000;

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).expect("URL");
    let elapsed = match url.strip_prefix("sqlite://") {
        Some(path) => sqlite(path),
        None => postgres(&url).await,
    };
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let rate = ROWS as f64 / elapsed.as_secs_f64();
    println!("{rate:.0}");
}

fn sqlite(path: &str) -> Duration {
    let mut connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full;
             CREATE TABLE notifications (id INTEGER NOT NULL PRIMARY KEY, payment_id INTEGER NOT NULL, body BLOB NOT NULL)",
        )
        .unwrap();
    let body = vec![b'x'; ROW_BYTES];
    let begun = Instant::now();
    let transaction = connection.transaction().unwrap();
    {
        let mut insert = transaction.prepare("INSERT INTO notifications VALUES (?1, ?2, ?3)").unwrap();
        for id in 0..ROWS {
            insert.execute(params![id, id / 5, body]).unwrap();
        }
    }
    transaction.commit().unwrap();
    begun.elapsed()
}

async fn postgres(url: &str) -> Duration {
    let (mut client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE TABLE notifications (id bigint NOT NULL PRIMARY KEY, payment_id bigint NOT NULL, body bytea NOT NULL)",
        )
        .await
        .unwrap();
    let bodies = vec![vec![b'x'; ROW_BYTES]; STATEMENT_ROWS];
    let ids: Vec<i64> = (0..ROWS).collect();
    let insert = "INSERT INTO notifications SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
    let begun = Instant::now();
    let transaction = client.transaction().await.unwrap();
    let insert = transaction.prepare(insert).await.unwrap();
    for ids in ids.chunks(STATEMENT_ROWS) {
        let payments: Vec<i64> = ids.iter().map(|id| id / 5).collect();
        transaction.execute(&insert, &[&ids, &payments, &bodies]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    begun.elapsed()
}
