//! The suite on SQLite.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests panic to say what does not hold")]

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;
use tollhouse_store::conformance::Fresh;

struct Database(TempDir);

#[async_trait]
impl Fresh for Database {
    fn url(&self) -> String {
        format!("sqlite://{}", self.0.path().join("tollhouse.db").display())
    }

    async fn execute(&self, sql: &str) {
        let connection = Connection::open(self.0.path().join("tollhouse.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }
}

async fn fresh() -> Database {
    Database(tempfile::tempdir().unwrap())
}

tollhouse_store::conformance_suite!(fresh);
