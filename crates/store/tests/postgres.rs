//! The suite on PostgreSQL. `cargo xtask test` brings a server; by hand, name one whose user may make databases.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests panic to say what does not hold")]

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio_postgres::{Client, NoTls};
use tollhouse_store::conformance::Fresh;

const URL_VARIABLE: &str = "TOLLHOUSE_TEST_POSTGRES_URL";

/// A database that is dropped with this.
struct Database {
    server: String,
    name: String,
}

fn server() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{URL_VARIABLE} is not set: these tests need a PostgreSQL server. `cargo xtask test` starts one; by hand, set it to \
             something like postgres://postgres@127.0.0.1:5432/postgres"
        )
    })
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test server answers");
    tokio::spawn(async move {
        // The tests cut connections on purpose.
        let _ = connection.await;
    });
    client
}

async fn fresh() -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = server();
    let name = format!("tollhouse_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    connect(&server).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    Database { server, name }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let drop_it = async move {
            let client = connect(&server).await;
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
        };
        let run =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(drop_it);
        if let Err(error) = std::thread::spawn(run).join().unwrap() {
            println!("the database {} was not dropped: {error}", self.name);
        }
    }
}

#[async_trait]
impl Fresh for Database {
    fn url(&self) -> String {
        let (base, options) =
            self.server.split_once('?').map_or((self.server.as_str(), None), |(b, o)| (b, Some(o)));
        let (host, _) = base.rsplit_once('/').expect("the URL names a database");
        options.map_or_else(
            || format!("{host}/{}", self.name),
            |options| format!("{host}/{}?{options}", self.name),
        )
    }

    async fn execute(&self, sql: &str) {
        connect(&self.url()).await.batch_execute(sql).await.unwrap();
    }
}

tollhouse_store::conformance_suite!(fresh);
