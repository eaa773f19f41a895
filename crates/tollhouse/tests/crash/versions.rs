//! Two versions of the schema side by side: a program at work goes on beside a newer one that has brought the schema further, and one
//! that starts anew is refused.

use std::time::Duration;

use crate::house::House;
use crate::load::send_all;
use crate::program::Program;
use crate::town::Engine;

/// A number of a schema that no program knows yet.
const NEXT: i64 = 9_000;
/// Jobs of a kind that only the newer program knows: more than a worker claims at once.
const STRANGE_JOBS: usize = 40;

/// The tables of a database, and something to run SQL with.
enum Admin {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Admin {
    async fn open(url: &str) -> Self {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.busy_timeout(Duration::from_secs(5)).unwrap();
            return Self::Sqlite(connection);
        }
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self::Postgres(client)
    }

    async fn tables(&self) -> Vec<String> {
        match self {
            Self::Sqlite(connection) => {
                let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
                let mut statement = connection.prepare(sql).unwrap();
                let names = statement.query_map([], |row| row.get(0)).unwrap();
                names.map(Result::unwrap).collect()
            }
            Self::Postgres(client) => {
                let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
                client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
        }
    }

    async fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).unwrap(),
            Self::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }
}

/// What a release may do to the schema while the one before is still at work: a column more in every table, a table more.
async fn widen(admin: &Admin) {
    let int = if matches!(admin, Admin::Sqlite(_)) { "INTEGER" } else { "BIGINT" };
    let mut sql = "BEGIN; CREATE TABLE things_to_come (id BIGINT PRIMARY KEY);".to_owned();
    for table in admin.tables().await {
        sql.push_str(&format!("ALTER TABLE {table} ADD COLUMN to_come TEXT; ALTER TABLE {table} ADD COLUMN count_to_come {int} NOT NULL DEFAULT 0;"));
    }
    sql.push_str(&format!(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES ({NEXT}, 'next', 'x'); COMMIT;"
    ));
    admin.run(&sql).await;
}

async fn an_older_program_goes_on_beside_a_newer_schema(engine: Engine) {
    let mut house = House::new(engine, 3).await;
    let program = Program::start(&house.setup).await;
    let url = program.url("/webhooks/nowpayments");
    // Every connection has its statements prepared.
    let notifications = house.notifications(2, 10);
    house.stored(&send_all(&house.http, &url, notifications).await.stored);
    house.all_inside(Duration::from_secs(30)).await;

    let admin = Admin::open(&house.database.url).await;
    widen(&admin).await;
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let (early, begun) = match engine {
        Engine::Sqlite => ("1", "1"),
        Engine::Postgres => ("'2020-01-01'", "'2020-01-01'"),
    };
    for number in 0..STRANGE_JOBS {
        admin
            .run(&format!(
                "INSERT INTO jobs (id, kind, subject, payload, state, run_at, attempt, created_at)
                 VALUES ({id}, 'to_come', 'x{number}', '{{\"to_come\":{{}}}}', 'ready', {early}, 0, {begun})"
            ))
            .await;
    }
    let notifications = house.notifications(3, 10);
    let tally = send_all(&house.http, &url, notifications).await;
    assert!(tally.left.is_empty(), "{:?}", tally.left);
    house.stored(&tally.stored);
    house.all_inside(Duration::from_secs(30)).await;
    let health = house.http.get(program.url("/readyz")).send().await.unwrap();
    assert_eq!(health.status().as_u16(), 200);

    // One that starts now would not know what it does not know.
    let said = Program::try_start(&house.setup).await.err().unwrap();
    assert!(said.contains(&format!("the database has schema {NEXT}")), "{said}");
    assert!(said.contains("use the newer program"), "{said}");
    program.terminate().await;
    admin
        .run(&format!(
            "DELETE FROM schema_migrations WHERE number = {NEXT}; DELETE FROM jobs WHERE kind = 'to_come'"
        ))
        .await;
    house.check_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_program_goes_on_beside_a_newer_schema_on_sqlite() {
    an_older_program_goes_on_beside_a_newer_schema(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_program_goes_on_beside_a_newer_schema_on_postgres() {
    an_older_program_goes_on_beside_a_newer_schema(Engine::Postgres).await;
}
