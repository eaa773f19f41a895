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

mod engine {
    use rusqlite::Connection;
    use tollhouse_store::conformance::{Notice, World, legacy_ref};
    use tollhouse_store::{OpenError, StoreError, migrate};

    use super::fresh;

    /// Far above what the log may be, far below what these notifications write.
    const LOG_BYTES_MAX: u64 = 40 * 1024 * 1024;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_database_that_another_process_locks_is_out_of_reach_until_it_lets_go() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        let other = Connection::open(database.0.path().join("tollhouse.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let notice = Notice::finished(1, legacy_ref(7));
        let answer = world.store.submit(notice.command()).await;
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
        assert!(world.store.check().await.is_err(), "a store that could not write is not well");
        other.execute_batch("COMMIT").unwrap();
        world.store.check().await.unwrap();
        world.run(notice.command()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn the_write_ahead_log_stays_bounded() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        let log = database.0.path().join("tollhouse.db-wal");
        for round in 0..100 {
            let commands = (0..100).map(|number| {
                let user = 1 + round * 100 + number;
                world.store.submit(Notice::finished(user, legacy_ref(user)).command())
            });
            for answer in futures::future::join_all(commands).await {
                answer.unwrap().unwrap();
            }
            let length = log.metadata().unwrap().len();
            assert!(length < LOG_BYTES_MAX, "round {round}: {length} bytes");
        }
        world.store.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_log_that_cannot_be_synced_ends_the_store_rather_than_its_promise() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        // What is written to it now is gone with the file's last user.
        std::fs::remove_file(database.0.path().join("tollhouse.db-wal")).unwrap();
        let notice = Notice::finished(1, legacy_ref(7));
        let answer = world.store.submit(notice.command()).await;
        let Err(StoreError::Unavailable { what }) = answer else { panic!("called safe: {answer:?}") };
        assert!(what.contains("could not be synced"), "{what}");
        world.store.ended().await;
        assert!(world.store.check().await.is_err(), "a store that cannot write is not well");
        let answer = world.store.submit(notice.command()).await;
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_store_that_was_closed_is_one_whole_file_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        world.run(Notice::finished(1, legacy_ref(7)).command()).await;
        // Readers have connections of their own, and keep them.
        let reads =
            (0..8).map(|_| world.store.snapshot(Notice::finished(1, legacy_ref(7)).command().needs()));
        for read in futures::future::join_all(reads).await {
            read.unwrap();
        }
        let path = database.0.path().join("tollhouse.db");
        let log = database.0.path().join("tollhouse.db-wal");
        for file in [&path, &log] {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
        }
        world.store.close().await;
        assert!(!log.exists(), "what was stored last is in another file");
        let copy = database.0.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let payments: i64 = Connection::open(&copy)
            .unwrap()
            .query_row("SELECT count(*) FROM payments", [], |row| row.get(0))
            .unwrap();
        assert_eq!(payments, 1);
    }

    #[tokio::test]
    async fn what_cannot_be_opened_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let missing = migrate(&format!("sqlite://{}/no/t.db", folder.path().display())).await.unwrap_err();
        assert!(missing.to_string().contains("there is no folder"), "{missing}");
        std::fs::write(folder.path().join("text.db"), "this is no database, however long one looks at it")
            .unwrap();
        let text = migrate(&format!("sqlite://{}/text.db", folder.path().display())).await.unwrap_err();
        assert!(matches!(text, OpenError::Unavailable { .. }), "{text}");
        assert!(text.to_string().contains("not a database"), "{text}");
    }
}
