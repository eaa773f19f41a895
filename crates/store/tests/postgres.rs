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

mod engine {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use tokio_postgres::Client;
    use tollhouse_core::command::{Command, Outcome};
    use tollhouse_core::id::PrivateChatId;
    use tollhouse_core::job::Outcome as JobOutcome;
    use tollhouse_store::conformance::{Fresh, Notice, PRIVATE_CHAT, World, legacy_ref};
    use tollhouse_store::{ChannelFilter, MembershipFilter, OpenError, StoreError, migrate};

    use super::{connect, fresh};

    /// Waits until some session of the database waits for a lock. Each look is a question to the server, which takes the time that it takes.
    async fn until_somebody_waits(client: &Client) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn submit(world: &World, notice: &Notice) -> tokio::task::JoinHandle<Result<Outcome, StoreError>> {
        let (store, command) = (Arc::clone(&world.store), notice.command());
        tokio::spawn(async move { store.submit(command).await.map(Result::unwrap) })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn f32_a_unique_key_that_objects_makes_the_batch_look_again() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        // Another process makes the membership, and has not committed yet.
        let other = connect(&database.url()).await;
        let make = "BEGIN; INSERT INTO memberships (id, channel_id, telegram_user, status, starts_at, ends_at, updated_at)
            SELECT '00000000-0000-0000-0000-00000000abcd', id, 7, 'active', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z' FROM channels";
        other.batch_execute(make).await.unwrap();
        let answer = submit(&world, &Notice::finished(1, legacy_ref(7)));
        until_somebody_waits(&connect(&database.url()).await).await;
        other.batch_execute("COMMIT").await.unwrap();
        let answer = answer.await.unwrap();
        assert!(matches!(answer, Ok(Outcome::Notification { granted: true, .. })), "{answer:?}");
        assert_eq!(world.reruns.load(Ordering::SeqCst), 1);
        let memberships = world.store.memberships(MembershipFilter::default()).await.unwrap();
        assert_eq!(memberships.len(), 1, "the grant went to the membership that was there first");
        assert_eq!(memberships[0].id.0.as_u128(), 0xabcd);
        assert!(memberships[0].ends_at.unwrap() > memberships[0].starts_at);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_deadlock_makes_the_batch_run_again() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        let order = world.order(channel, Some(7)).await;
        world.run(Notice::finished(1, legacy_ref(7)).command()).await;
        let other = connect(&database.url()).await;
        // It locks the other way round, and lets the store find the deadlock.
        let lock = "SET deadlock_timeout = '1min'; BEGIN; SELECT 1 FROM memberships FOR UPDATE";
        other.batch_execute(lock).await.unwrap();
        let answer = submit(&world, &Notice::finished(2, order));
        until_somebody_waits(&connect(&database.url()).await).await;
        other.batch_execute("SELECT 1 FROM orders FOR UPDATE").await.unwrap();
        other.batch_execute("COMMIT").await.unwrap();
        let answer = answer.await.unwrap();
        assert!(matches!(answer, Ok(Outcome::Notification { granted: true, .. })), "{answer:?}");
        assert!(world.reruns.load(Ordering::SeqCst) >= 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_lock_that_nobody_lets_go_of_is_not_waited_for_for_ever() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        let order = world.order(channel, Some(7)).await;
        let other = connect(&database.url()).await;
        other.batch_execute("BEGIN; SELECT 1 FROM orders FOR UPDATE").await.unwrap();
        let notice = Notice::finished(1, order);
        let answer = world.store.submit(notice.command()).await;
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
        other.batch_execute("COMMIT").await.unwrap();
        world.run(notice.command()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn f09_what_was_taken_back_while_its_delivery_waits_for_the_lock_stays_taken_back() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        world.run(Notice::finished(1, legacy_ref(7)).command()).await;
        let Outcome::Jobs(jobs) = world.run(Command::ClaimJobs { limit: 100, now: world.clock.now() }).await
        else {
            panic!()
        };
        let job = jobs.into_iter().find(|job| job.kind.name() == "deliver_access").unwrap();
        // Another process takes the grant back under the membership's lock, and has not committed yet.
        let other = connect(&database.url()).await;
        let take_back = "BEGIN; SELECT 1 FROM memberships FOR UPDATE;
            UPDATE grants SET revoked_at = '2026-01-02Z', revoked_reason = 'abuse'";
        other.batch_execute(take_back).await.unwrap();
        let (token, store) = (job.lease.unwrap().token, Arc::clone(&world.store));
        let finish = Command::FinishJob { job: Box::new(job), token, outcome: JobOutcome::Done };
        let answer = tokio::spawn(async move { store.submit(finish).await });
        until_somebody_waits(&connect(&database.url()).await).await;
        other.batch_execute("COMMIT").await.unwrap();
        answer.await.unwrap().unwrap().unwrap();
        let grants =
            "SELECT count(*) FROM grants WHERE revoked_reason = 'abuse' AND delivered_at IS NOT NULL";
        let kept: i64 = other.query_one(grants, &[]).await.unwrap().get(0);
        assert_eq!(kept, 1, "it was delivered, and is taken back");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn f51_the_move_of_a_group_does_not_undo_what_an_operator_changes_meanwhile() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        let other = connect(&database.url()).await;
        // Another process freezes the removals under the channel's lock, and has not committed yet.
        let freeze = "BEGIN; SELECT 1 FROM channels FOR UPDATE;
            UPDATE channels SET frozen_at = '2026-01-02Z', frozen_by = 'cli:a', frozen_reason = 'look'";
        other.batch_execute(freeze).await.unwrap();
        let (from, to) = (PrivateChatId::new(PRIVATE_CHAT).unwrap(), PrivateChatId::new(-1_009).unwrap());
        let store = Arc::clone(&world.store);
        let moved = tokio::spawn(async move { store.submit(Command::ChatMigrated { from, to }).await });
        until_somebody_waits(&connect(&database.url()).await).await;
        other.batch_execute("COMMIT").await.unwrap();
        moved.await.unwrap().unwrap().unwrap();
        let found = world.store.channels(ChannelFilter::default()).await.unwrap().remove(0);
        assert_eq!((found.id, found.private_chat), (channel, to));
        assert_eq!(found.frozen.map(|freeze| freeze.by), Some("cli:a".to_owned()));
    }

    /// The server's processes that work for a store.
    async fn sessions(client: &Client) -> BTreeSet<i32> {
        let sessions = "SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'tollhouse'";
        client.query(sessions, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn f33_a_row_that_somebody_keeps_locked_holds_up_its_own_notification_only() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        let mut orders = Vec::new();
        for user in 1..=11 {
            orders.push(world.order(channel, Some(user)).await);
        }
        let other = connect(&database.url()).await;
        let before = sessions(&other).await;
        let lock = format!("BEGIN; SELECT 1 FROM orders WHERE id = '{}' FOR UPDATE", orders[4].0);
        other.batch_execute(&lock).await.unwrap();
        // All in one batch.
        world.hold().await;
        let notices = (1..).zip(&orders).map(|(payment, order)| Notice::finished(payment, *order));
        let notices: Vec<Notice> = notices.collect();
        let answers: Vec<_> = notices.iter().map(|notice| submit(&world, notice)).collect();
        world.gate.open();
        for (place, answer) in answers.into_iter().enumerate() {
            let answer = answer.await.unwrap();
            if place == 4 {
                assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
            } else {
                assert!(matches!(answer, Ok(Outcome::Notification { granted: true, .. })), "{answer:?}");
            }
        }
        assert!(before.is_subset(&sessions(&other).await), "no connection was thrown away");
        other.batch_execute("COMMIT").await.unwrap();
        let answer = world.run(notices[4].command()).await;
        assert!(matches!(answer, Outcome::Notification { granted: true, .. }), "{answer:?}");
    }

    /// Cuts every connection of the database but this one.
    async fn cut(client: &Client) {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.batch_execute(cut).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_cut_connection_is_made_again_and_a_role_is_known_to_be_lost() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        let mut role = world.store.role_lock("telegram_polling").await.unwrap().unwrap();
        let other = connect(&database.url()).await;
        for number in 1..5 {
            let order = world.order(channel, Some(number)).await;
            cut(&other).await;
            let answer = world.run(Notice::finished(number, order).command()).await;
            assert!(matches!(answer, Outcome::Notification { granted: true, .. }), "{answer:?}");
            cut(&other).await;
            assert_eq!(world.look(order).await.payments_of(order).len(), 1);
        }
        role.lost().await;
        assert!(!role.is_held());
        drop(role);
        assert!(world.store.role_lock("telegram_polling").await.unwrap().is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn f33_a_database_that_is_gone_is_out_of_reach_until_it_is_back() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        let server = connect(&database.server).await;
        let admit = async |yes: bool| {
            server
                .batch_execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {yes}", database.name))
                .await
                .unwrap();
        };
        admit(false).await;
        let cut = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            database.name
        );
        server.batch_execute(&cut).await.unwrap();
        let notice = Notice::finished(1, legacy_ref(7));
        for _ in 0..3 {
            let answer = world.store.submit(notice.command()).await;
            assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
        }
        assert!(world.store.check().await.is_err());
        admit(true).await;
        // The writer waits a little before it tries again, and says so at once meanwhile.
        let mut answer = world.store.submit(notice.command()).await;
        while answer.is_err() {
            tokio::task::yield_now().await;
            answer = world.store.submit(notice.command()).await;
        }
        assert!(matches!(answer, Ok(Ok(Outcome::Notification { granted: true, .. }))), "{answer:?}");
        world.store.check().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_migration_behind_somebodys_long_transaction_holds_up_nobody() {
        let database = fresh().await;
        let newest = migrate(&database.url()).await.unwrap().to;
        let world = World::open(&database, 1).await;
        let channel = world.channel().await;
        world.order(channel, Some(7)).await;
        world.store.close().await;
        // Back to the schema before.
        let (holder, old) = (connect(&database.url()).await, connect(&database.url()).await);
        let undo = "ALTER TABLE orders DROP COLUMN wish, DROP COLUMN message_id;
            DELETE FROM schema_migrations WHERE number >= 6";
        old.batch_execute(undo).await.unwrap();
        // A pg_dump, or a person who looks.
        holder.batch_execute("BEGIN; SELECT 1 FROM orders").await.unwrap();
        let url = database.url();
        let migrating = tokio::spawn(async move { migrate(&url).await });
        until_somebody_waits(&connect(&database.url()).await).await;
        // What a process of the version before does: it waits two seconds for a lock, as long as a notification can wait.
        old.batch_execute("SET lock_timeout = '2s'; SELECT 1 FROM orders FOR NO KEY UPDATE").await.unwrap();
        assert!(!migrating.is_finished(), "it is tried again");
        holder.batch_execute("COMMIT").await.unwrap();
        let migrated = migrating.await.unwrap().unwrap();
        assert_eq!((migrated.from, migrated.to), (5, newest));
        let world = World::open(&database, 2).await;
        world.run(Notice::finished(1, legacy_ref(7)).command()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_one_process_commits_another_hears() {
        let database = fresh().await;
        let (one, two) = (World::open(&database, 1).await, World::open(&database, 2).await);
        let channel = one.channel().await;
        let mut hears = two.store.commits();
        let mut made = vec![one.order(channel, Some(7)).await.to_string()];
        loop {
            let heard = hears.recv().await.unwrap();
            assert!(heard.from_elsewhere);
            if heard.orders.iter().any(|id| made.contains(&id.to_string())) {
                break;
            }
            // It has only begun to listen, and is told that it may have missed something: that is why this cannot go on for ever.
            assert!(heard.everything);
            made.push(one.order(channel, Some(7)).await.to_string());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_claim_passes_over_what_another_process_works_on() {
        let database = fresh().await;
        let world = World::open(&database, 1).await;
        world.channel().await;
        for user in 1..=3 {
            world.run(Notice::finished(user, legacy_ref(user)).command()).await;
        }
        let other = connect(&database.url()).await;
        let lock = "BEGIN; SELECT 1 FROM jobs WHERE kind = 'deliver_access' ORDER BY id LIMIT 1 FOR UPDATE";
        other.batch_execute(lock).await.unwrap();
        let claim = Command::ClaimJobs { limit: 100, now: world.clock.now() };
        let delivers = |outcome: Outcome| match outcome {
            Outcome::Jobs(jobs) => jobs.iter().filter(|job| job.kind.name() == "deliver_access").count(),
            other => panic!("{other:?}"),
        };
        assert_eq!(delivers(world.run(claim.clone()).await), 2);
        other.batch_execute("COMMIT").await.unwrap();
        assert_eq!(delivers(world.run(claim).await), 1);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_named_without_the_password() {
        let error = migrate("postgres://toll:hunter2@127.0.0.1:1/shop").await.unwrap_err();
        assert!(matches!(error, OpenError::Unavailable { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1/shop") && !text.contains("hunter2"), "{text}");
    }
}
