//! Coming over from the predecessor: a database in its own schema, with its dirt, by the real binary into both engines.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to say what does not hold")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]

mod town;

use std::process::Command;
use std::sync::Arc;

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use serde_json::{Value, json};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::serve::{Roles, Running};
use town::{Database, Engine, SECRET};

const LEGACY: &str = include_str!("paygateprime/legacy.sql");
const SIGNALS: i64 = -1_003_202_734_748;
const SEED_REF: &str = "PGP-6271402111|-1003016667267";

/// A database on the test's server with these tables in it.
async fn legacy(sql: &str) -> String {
    let database = Database::fresh(Engine::Postgres).await;
    run_sql(&database.url, sql).await;
    database.url.clone()
}

async fn run_sql(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error:?}"));
    drop(client);
    driver.await.unwrap().unwrap();
}

/// The binary, on a database, in a folder without settings.
struct Binary<'d> {
    database: &'d Database,
}

impl Binary<'_> {
    fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("TOLLHOUSE_DATABASE_URL".into(), self.database.url.clone()),
            ("TOLLHOUSE_PUBLIC_URL".into(), "https://pay.example.org".into()),
            ("TOLLHOUSE_LISTEN".into(), "127.0.0.1:0".into()),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET".into(), SECRET.into()),
            ("TOLLHOUSE_TELEGRAM_MODE".into(), "off".into()),
            ("TOLLHOUSE_IMPORT_MODE".into(), "true".into()),
            ("USER".into(), "alice".into()),
        ]
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollhouse"));
        command.args(arguments).current_dir(std::env::temp_dir()).env_clear().envs(self.environment());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(code, 0, "{arguments:?}: {stderr}");
        serde_json::from_str(&stdout).unwrap()
    }

    fn import(&self, from: &str, more: &[&str]) -> Value {
        let arguments =
            [&["import", "paygateprime", "--from", from, "--zone", "America/New_York"], more].concat();
        self.json(&arguments)
    }

    /// Everybody's end, in a form that two databases can be compared by.
    fn members(&self) -> Vec<(i64, String, Value)> {
        let list = self.json(&["membership", "list", "--limit", "1000"]);
        let mut members: Vec<(i64, String, Value)> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|member| {
                let user: i64 = member["telegram_user"].as_str().unwrap().parse().unwrap();
                (user, member["status"].as_str().unwrap().to_owned(), member["ends_at"].clone())
            })
            .collect();
        members.sort_by_key(|(user, ..)| *user);
        members
    }

    /// Serves the database over real HTTP, for as long as `visit` takes.
    async fn served<F: Future>(&self, visit: impl FnOnce(String, reqwest::Client) -> F) -> F::Output {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Config::from_values(&self.environment()).unwrap();
        let app = App::open(config, Clock::default()).await.unwrap();
        let roles = Roles { http: true, ..nothing() };
        let running = Running::start(Arc::clone(&app), roles).await.unwrap();
        let url = format!("http://{}", running.addr.unwrap());
        let client = reqwest::Client::new();
        let output = visit(url, client).await;
        running.stop().await;
        output
    }

    async fn notify(&self, payment_id: i64, order_id: &str, price: &str) -> Value {
        let body = town::body(payment_id, "finished", Some(order_id), price);
        self.served(|url, client| async move {
            let answer = client
                .post(format!("{url}/webhooks/nowpayments"))
                .header("content-type", "application/json")
                .header(SIGNATURE_HEADER, sign(SECRET, body.as_bytes()).unwrap())
                .body(body)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status().as_u16(), 200);
            answer.json().await.unwrap()
        })
        .await
    }
}

fn nothing() -> Roles {
    let mut roles = Roles::all();
    (roles.http, roles.worker, roles.bot) = (false, false, false);
    roles
}

fn reasons(report: &Value, list: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = report[list].as_array().unwrap().iter();
    let mut found: Vec<(String, String)> =
        found.map(|finding| (text(&finding["reason"]), text(&finding["key"]))).collect();
    found.sort();
    found
}

fn counts(report: &Value, of: &str) -> [u64; 5] {
    ["read", "new", "changed", "known", "not_carried"].map(|name| report[of][name].as_u64().unwrap())
}

/// The whole way on one engine; gives what must be the same on both.
async fn come_over(engine: Engine) -> Value {
    let from = legacy(LEGACY).await;
    let database = Database::fresh(engine).await;
    let binary = Binary { database: &database };

    let planned = binary.import(&from, &["--dry-run"]);
    assert_eq!(planned["dry_run"], true);
    assert_nothing_was_written(&database).await;

    let done = binary.import(&from, &[]);
    for part in ["channels", "memberships", "payments", "not_carried", "notes", "reasons"] {
        assert_eq!(planned[part], done[part], "a dry run says what then happens: {part}");
    }
    assert_eq!(counts(&done, "channels"), [4, 2, 0, 0, 2]);
    assert_eq!(counts(&done, "memberships"), [24, 15, 1, 1, 7]);
    let text = done.to_string();
    assert!(!text.contains("postgres@"), "{text}");
    let members = binary.members();
    assert_eq!(members, expected());

    let again = binary.import(&from, &[]);
    assert_eq!(counts(&again, "channels"), [4, 0, 0, 2, 2]);
    assert_eq!(counts(&again, "memberships"), [24, 0, 0, 17, 7]);
    assert_eq!(again["payments"]["new"], 0);
    assert_eq!(reasons(&again, "not_carried"), reasons(&done, "not_carried"));
    assert_eq!(binary.members(), members, "the second run changes nothing");

    let (told, never) = later_notifications(&binary).await;
    let after = binary.members();
    // What was bought here since stays, however often the old rows are read again.
    binary.import(&from, &[]);
    assert_eq!(binary.members(), after);
    let verify = binary.json(&["audit", "verify"]);
    json!({
        "not_carried": reasons(&done, "not_carried"),
        "notes": reasons(&done, "notes"),
        "payments": done["payments"],
        "members": after,
        "told": told,
        "never": never,
        "entries": verify["entries"],
        "channels": channels(&binary),
    })
}

fn channels(binary: &Binary<'_>) -> Vec<Value> {
    let list = binary.json(&["channel", "list"]);
    let mut channels: Vec<Value> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| {
            let plans = channel["plans"].as_array().unwrap().iter();
            let plans: Vec<Value> = plans.map(|plan| json!([plan["label"], plan["price"], plan["duration"]])).collect();
            json!({
                "private": channel["private_chat_id"], "public": channel["public_chat_id"], "title": channel["title"],
                "owner": channel["owner"], "payout": channel["payout"], "plans": plans,
            })
        })
        .collect();
    channels.sort_by_key(|channel| channel["private"].to_string());
    channels
}

/// Notifications that come after the import: of payments that were granted there, and of one that never was.
async fn later_notifications(binary: &Binary<'_>) -> (Value, Value) {
    let before = binary.members();
    let mut told = Vec::new();
    for (payment, reference, price) in [
        (4_479_119_533, SEED_REF, "2.5"),
        (900, SEED_REF, "2.5"),
        (1_014, "PGP-114|-1003016667267", "2.5"),
        (1_013, "PGP-113|-1003016667267", "2.5"),
    ] {
        told.push(binary.notify(payment, reference, price).await["verdict"].clone());
    }
    assert_eq!(binary.members(), before, "what the predecessor granted is not granted again");
    // The order of the old reference answers, in import mode, in each of its spellings.
    for spelling in [SEED_REF, "PGP-6271402111-1003016667267"] {
        let status = status(binary, spelling).await;
        assert_eq!(status["status"], "confirmed", "{status}");
    }
    let never = json!([
        binary.notify(1_012, "PGP-112|-1003016667267", "2.5").await["verdict"],
        binary.notify(5_000, SEED_REF, "2.5").await["verdict"],
    ]);
    let after = binary.members();
    assert_eq!(after.len(), before.len() + 1, "who never got in has paid now");
    let end = |members: &[(i64, String, Value)], user: i64| -> jiff::Timestamp {
        let (.., end) = members.iter().find(|(member, ..)| *member == user).unwrap();
        end.as_str().unwrap().parse().unwrap()
    };
    let month = jiff::SignedDuration::from_hours(30 * 24);
    assert_eq!(end(&after, 6_271_402_111), end(&before, 6_271_402_111) + month);
    // The new member's end depends on the hour of this test.
    let told = json!(told);
    (told, never)
}

async fn status(binary: &Binary<'_>, reference: &str) -> Value {
    let reference = reference.replace('|', "%7C");
    binary
        .served(|url, client| async move {
            let answer =
                client.get(format!("{url}/api/payment-status?order_id={reference}")).send().await.unwrap();
            answer.json().await.unwrap()
        })
        .await
}

async fn assert_nothing_was_written(database: &Database) {
    match database.url.strip_prefix("sqlite://") {
        Some(path) => assert!(!std::path::Path::new(path).exists(), "a dry run makes no database"),
        None => {
            let (client, connection) =
                tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let tables = client.query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[]);
            assert_eq!(tables.await.unwrap().get::<_, i64>(0), 0, "a dry run makes no tables");
            drop(client);
            driver.await.unwrap().unwrap();
        }
    }
}

/// Every member with the end to the second, worked out by hand from the rows and New York's time.
fn expected() -> Vec<(i64, String, Value)> {
    [
        (101, "active", "2099-02-10T15:00:01Z"),
        // Twice half past one: the second. Never half past two: half past three.
        (102, "expired", "2026-11-01T06:30:00Z"),
        (103, "expired", "2026-03-08T07:30:00Z"),
        (104, "expired", "2025-06-01T16:00:00Z"),
        (105, "grace", "2025-06-01T16:00:00Z"),
        (106, "active", "2099-06-01T16:00:00Z"),
        (107, "active", "2099-06-01T16:00:00Z"),
        (108, "active", "2099-06-01T16:00:00Z"),
        (109, "active", "2099-06-02T04:00:00Z"),
        (110, "active", "2099-06-01T16:00:00Z"),
        (111, "active", "2099-06-01T16:00:00Z"),
        (113, "active", "2099-06-01T16:00:00Z"),
        (114, "active", "2099-06-01T16:00:00Z"),
        (115, "active", "9999-12-30T22:00:00Z"),
        (6_271_402_111, "active", "2099-12-07T19:30:27.25Z"),
    ]
    .map(|(user, status, end)| (user, status.to_owned(), json!(end)))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_comes_to_the_same_on_both_engines_and_twice() {
    let mut sqlite = come_over(Engine::Sqlite).await;
    let mut postgres = come_over(Engine::Postgres).await;
    for done in [&mut sqlite, &mut postgres] {
        // Who bought only now: when this test ran.
        done["members"].as_array_mut().unwrap().retain(|member| member[0] != 112);
    }
    assert_eq!(sqlite, postgres);
    assert_eq!(
        sqlite["channels"],
        json!([
            {"private": "-1003000000003", "public": "-1003000000002", "title": "Charts", "owner": null, "payout": null,
             "plans": [["7 days", {"amount": "5.00", "currency": "usd"}, {"days": 7}]]},
            {"private": SIGNALS.to_string(), "public": "-1003016667267", "title": "Signals VIP", "owner": "42",
             "payout": {"address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "currency": "usdttrc20"},
             "plans": [["30 days", {"amount": "2.50", "currency": "usd"}, {"days": 30}], ["365 days", {"amount": "1234.50", "currency": "usd"}, {"days": 365}]]},
        ])
    );
    let not_carried: Vec<&str> = sqlite["not_carried"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding[0].as_str().unwrap())
        .collect();
    assert_eq!(
        not_carried,
        [
            "impossible_end",
            "never_sent",
            "no_end",
            "no_private_chat",
            "no_user",
            "no_user",
            "not_paid",
            "payment_of_nobody",
            "second_offer",
            "unknown_channel",
            "unknown_channel",
        ]
    );
}

/// The predecessor at work writes to its rows, which moves them within the table.
async fn touch(from: &str, open_channel: &str) {
    let sql = format!(
        "UPDATE main_clients_database SET sub_1_time = sub_1_time WHERE open_channel_id = '{open_channel}'"
    );
    run_sql(from, &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_offers_of_a_chat_the_same_one_comes_over_however_often_the_predecessor_writes() {
    let from = legacy(LEGACY).await;
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let second = || ("second_offer".to_owned(), "open_channel_id=-1003900000005".to_owned());
    let planned = binary.import(&from, &["--dry-run"]);
    assert!(reasons(&planned, "not_carried").contains(&second()));
    // Now the other row comes first in the table.
    touch(&from, "-1003016667267").await;
    let done = binary.import(&from, &[]);
    assert_eq!(reasons(&done, "not_carried"), reasons(&planned, "not_carried"));
    assert_eq!(channels(&binary)[1]["public"], "-1003016667267");
    touch(&from, "-1003900000005").await;
    let again = binary.import(&from, &[]);
    assert_eq!(counts(&again, "channels"), [4, 0, 0, 2, 2]);
    assert_eq!(reasons(&again, "not_carried"), reasons(&done, "not_carried"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pair_that_is_registered_here_is_the_one_that_counts() {
    let from = legacy(LEGACY).await;
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let signals = SIGNALS.to_string();
    register(&binary, &signals, "-1003900000005");
    let done = binary.import(&from, &[]);
    let refused = reasons(&done, "not_carried");
    assert!(refused.contains(&("second_offer".to_owned(), "open_channel_id=-1003016667267".to_owned())));
    assert!(!refused.iter().any(|(_, key)| key.contains("-1003900000005")), "{refused:?}");
    assert_eq!(binary.members(), expected());
}

fn register(binary: &Binary<'_>, private_chat: &str, public_chat: &str) {
    let chats = ["--private-chat", private_chat, "--public-chat", public_chat];
    let rest = ["--title", "Here", "--plan", "Month=2.50 USD/30d"];
    binary.json(&[&["channel", "add"], &chats[..], &rest[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn f50_a_channel_that_is_registered_here_gets_its_members_without_a_row_of_its_own_there() {
    let sql = format!(
        "{LEGACY} DELETE FROM main_clients_database WHERE closed_channel_id = '{SIGNALS}';
         INSERT INTO private_channel_users_database (id, private_channel_id, user_id, sub_time, sub_price, expire_time, expire_date, is_active, payment_status)
         VALUES (50, '-1003000000004', 130, 30, '5', '12:00:00', '2099-06-01', TRUE, 'confirmed');"
    );
    let from = legacy(&sql).await;
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let before = binary.import(&from, &[]);
    assert_eq!(binary.members().len(), 1, "{before}");
    assert!(
        reasons(&before, "not_carried")
            .contains(&("no_private_chat".to_owned(), "open_channel_id=-1003000000004".to_owned()))
    );

    // As the report advises.
    register(&binary, &SIGNALS.to_string(), "-1003016667267");
    register(&binary, "-1003000000009", "-1003000000004");
    let planned = binary.import(&from, &["--dry-run"]);
    let done = binary.import(&from, &[]);
    for part in ["channels", "memberships", "payments", "not_carried", "notes"] {
        assert_eq!(planned[part], done[part], "{part}");
    }
    assert_eq!(counts(&done, "channels"), [2, 0, 0, 2, 0]);
    let mut all = expected();
    all.push((130, "active".to_owned(), json!("2099-06-01T16:00:00Z")));
    all.sort_by_key(|(user, ..)| *user);
    assert_eq!(binary.members(), all);
    // An earlier payment, told of again.
    binary.notify(900, SEED_REF, "2.5").await;
    assert_eq!(binary.members(), all, "what the predecessor granted is not granted again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_interrupted_goes_on_where_it_was() {
    // The second table cannot be read: what the first had is carried over, and the next run carries the rest.
    let broken = LEGACY.replace("CREATE TABLE private_channel_users_database", "CREATE TABLE members_there");
    let broken = broken.replace("INSERT INTO private_channel_users_database", "INSERT INTO members_there");
    let broken = format!(
        "{broken} CREATE VIEW private_channel_users_database AS SELECT m.*, 1 / (m.id - m.id) AS ctid FROM members_there m;"
    );
    let from = legacy(&broken).await;
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let (code, stdout, stderr) = binary.run(&["import", "paygateprime", "--from", &from]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("division by zero") && stderr.contains("run the import again"), "{stderr}");
    assert_eq!(channels(&binary).len(), 2);
    let whole = legacy(LEGACY).await;
    let done = binary.import(&whole, &[]);
    assert_eq!(counts(&done, "channels"), [4, 0, 0, 2, 2]);
    assert_eq!(binary.members(), expected());
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_a_page_come_over_one_by_one() {
    let many = LEGACY.to_owned()
        + "INSERT INTO private_channel_users_database (id, private_channel_id, user_id, sub_time, sub_price, expire_time, expire_date, is_active, payment_status, nowpayments_payment_id)
           SELECT n, '-1003202734748', n, 30, '2.50', '12:00:00', '2099-06-01', TRUE, 'confirmed', n::text FROM generate_series(10001, 12500) n;";
    let from = legacy(&many).await;
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let done = binary.import(&from, &[]);
    assert_eq!(counts(&done, "memberships"), [2_524, 2_515, 1, 1, 7]);
    assert_eq!(counts(&binary.import(&from, &[]), "memberships"), [2_524, 0, 0, 2_517, 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_the_predecessor_is_refused_with_a_sentence() {
    let database = Database::fresh(Engine::Sqlite).await;
    let binary = Binary { database: &database };
    let other = legacy("CREATE TABLE main_clients_database (open_channel_id TEXT)").await;
    for (arguments, code, about) in [
        (vec!["--from", "sqlite://x.db"], 2, "postgres://"),
        (vec!["--from", "nonsense"], 2, "postgres://"),
        (vec!["--from", &other], 1, "closed_channel_id"),
        (vec!["--from", &other, "--zone", "Mars/Olympus"], 2, "America/New_York"),
        (vec![], 2, "--from"),
    ] {
        let (ended, stdout, stderr) =
            binary.run(&[vec!["import", "paygateprime"], arguments.clone()].concat());
        assert_eq!((ended, stdout.as_str()), (code, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(about), "{arguments:?}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f05_an_old_reference_leads_to_its_newest_order_and_no_price_is_made_up() {
    let sql = format!(
        "{LEGACY} INSERT INTO processed_payments (payment_id, user_id, channel_id, telegram_invite_sent, created_at) VALUES
         (904, 114, {SIGNALS}, TRUE, '2025-10-01 10:00:00'), (905, 6271402111, {SIGNALS}, TRUE, NULL), (906, 121, {SIGNALS}, TRUE, '2025-10-01 10:00:00')"
    );
    let from = legacy(&sql).await;
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let database = Database::fresh(engine).await;
        let binary = Binary { database: &database };
        binary.import(&from, &[]);
        for (reference, newest) in
            [("PGP-114|-1003016667267", "1014"), (SEED_REF, "4479119533"), ("PGP-121|-1003016667267", "906")]
        {
            let status = status(&binary, reference).await;
            assert_eq!(status["data"]["payment_id"], newest, "{status}");
        }
        for (user, price) in [(114, Some("$2.50")), (121, None)] {
            let page = page(&binary, user).await;
            assert!(page.contains("30 days"), "{page}");
            let shown = page.contains("class=\"price\"");
            assert_eq!(shown, price.is_some(), "{page}");
            assert!(price.is_none_or(|price| page.contains(price)), "{page}");
        }
    }
}

async fn page(binary: &Binary<'_>, user: i64) -> String {
    binary
        .served(|url, client| async move {
            let address = format!("{url}/payment-processing?order_id=PGP-{user}%7C-1003016667267");
            client.get(address).send().await.unwrap().text().await.unwrap()
        })
        .await
}
