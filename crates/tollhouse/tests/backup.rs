//! Backup and restore by the real binary, beside a Tollhouse that is at work.
#![expect(clippy::unwrap_used, reason = "a test panics to say what does not hold")]

mod town;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tollhouse::serve::Roles;
use town::{Database, Engine, Town, body};

fn http_only() -> Roles {
    let mut roles = Roles::all();
    (roles.worker, roles.bot) = (false, false);
    roles
}

fn binary(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollhouse"));
    command.args(arguments).current_dir(std::env::temp_dir()).env_clear();
    let output = command.env("TOLLHOUSE_DATABASE_URL", url).env("USER", "alice").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn json(url: &str, arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = binary(url, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn refuses(url: &str, arguments: &[&str], about: &str) {
    let (code, stdout, stderr) = binary(url, arguments);
    assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
    assert!(stderr.contains(about), "{arguments:?}: {stderr}");
}

fn place(database: &Database, name: &str) -> PathBuf {
    Path::new(database.url.strip_prefix("sqlite://").unwrap()).with_file_name(name)
}

fn payments(url: &str) -> Vec<i64> {
    let list = json(url, &["payment", "list", "--limit", "1000"]);
    let mut ids: Vec<i64> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|payment| payment["provider_payment_id"].as_str().unwrap().parse().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_a_backup_beside_a_busy_server_is_whole_and_can_be_restored() {
    let mut town = Town::with(Engine::Sqlite, http_only()).await;
    let file = place(&town.database, "copy.db");
    let name = file.to_str().unwrap().to_owned();
    let url = town.database.url.clone();
    // Notifications that do not stop while the copy is made.
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let town_ref = &town;
    let traffic = async {
        while !stop.load(Ordering::SeqCst) {
            let id = answered.load(Ordering::SeqCst) + 1;
            let (status, _) =
                town_ref.notify(&body(id, "finished", Some("PGP-7|-1003016667267"), "2.50")).await;
            assert_eq!(status, 200);
            answered.store(id, Ordering::SeqCst);
        }
    };
    let copying = async {
        // Something is there to be copied, and more comes.
        let waits = Arc::clone(&answered);
        let mut commits = town_ref.store().commits();
        while waits.load(Ordering::SeqCst) < 20 {
            commits.recv().await.unwrap();
        }
        let before = answered.load(Ordering::SeqCst);
        let (url, name) = (url.clone(), name.clone());
        let done = tokio::task::spawn_blocking(move || json(&url, &["backup", &name])).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        (before, done)
    };
    let ((), (before, done)) = tokio::join!(traffic, copying);
    assert_eq!(done["schema"], json(&url, &["migrate"])["to"]);

    let copy = format!("sqlite://{name}");
    let held = payments(&copy);
    let count = i64::try_from(held.len()).unwrap();
    assert!(count >= before, "what was answered before the copy began is in it: {count} of {before}");
    assert_eq!(held, (1..=count).collect::<Vec<i64>>(), "all of it is from one instant");
    assert_eq!(json(&copy, &["audit", "verify"])["head"], done["last_seal"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o077,
            0,
            "only its owner may read it"
        );
    }
    // Opened above, the copy now has a log of its own beside it.
    let kept = place(&town.database, "kept.db");
    let (code, _, stderr) = binary(&copy, &["backup", kept.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    let kept = kept.to_str().unwrap().to_owned();

    refuses(&url, &["restore", &kept], "--force");
    refuses(&url, &["restore", &kept, "--force"], "in use");
    let all = answered.load(Ordering::SeqCst);
    town.stop().await;
    assert_eq!(i64::try_from(payments(&url).len()).unwrap(), all, "a refused restore has changed nothing");
    refuses(&url, &["restore", &kept], "--force");
    let restored = json(&url, &["restore", &kept, "--force"]);
    assert_eq!(restored["audit_entries"], done["audit_entries"]);
    assert_eq!(payments(&url), held);
    let replaced = place(&town.database, "tollhouse.db.replaced");
    assert_eq!(restored["replaced"], replaced.to_str().unwrap());
    // It was the wrong one, and the next is not right either: each time what was there is kept.
    let again = json(&url, &["restore", &kept, "--force"]);
    let second = place(&town.database, "tollhouse.db.replaced-2");
    assert_eq!(again["replaced"], second.to_str().unwrap());
    for (replaced, count) in [(replaced, all), (second, i64::try_from(held.len()).unwrap())] {
        let url = format!("sqlite://{}", replaced.display());
        assert_eq!(i64::try_from(payments(&url).len()).unwrap(), count, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_backup_is_not_restored_and_nothing_is_overwritten_by_chance() {
    let mut town = Town::with(Engine::Sqlite, http_only()).await;
    town.notify(&body(1, "finished", Some("PGP-7|-1003016667267"), "2.50")).await;
    town.stop().await;
    let url = town.database.url.clone();
    let path = |name: &str| place(&town.database, name).to_str().unwrap().to_owned();
    let good = path("good.db");
    json(&url, &["backup", &good]);
    refuses(&url, &["backup", &good], "--force");
    json(&url, &["backup", &good, "--force"]);
    refuses(&url, &["backup", &path("tollhouse.db"), "--force"], "the database itself");
    refuses(&url, &["backup", &path("no/such/folder.db")], "No such file");
    refuses(&format!("sqlite://{}", path("none.db")), &["backup", &path("x.db")], "no such file");

    // An empty file is what a script that reserves a name leaves.
    std::fs::write(path("empty.db"), "").unwrap();
    json(&url, &["backup", &path("empty.db")]);

    let fresh = format!("sqlite://{}", path("fresh.db"));
    refuses(&fresh, &["restore", &path("nothing.db")], "no such file");
    std::fs::write(path("text.db"), "this is no database, and long enough to be looked at as one").unwrap();
    refuses(&fresh, &["restore", &path("text.db")], "not a database");
    let mut bytes = std::fs::read(&good).unwrap();
    let last = bytes.len() - 4_096;
    bytes[last..].fill(0xa5);
    std::fs::write(path("damaged.db"), &bytes).unwrap();
    refuses(&fresh, &["restore", &path("damaged.db")], "damaged");
    for (name, sql, about) in [
        ("other.db", "CREATE TABLE x (y)", "no database of Tollhouse"),
        ("forged.db", "UPDATE audit SET reason = 'because' WHERE sequence = 1", "entry 1"),
        (
            "cut.db",
            "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)",
            "missing at its end",
        ),
        (
            "newer.db",
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'x', 'x')",
            "newer program",
        ),
    ] {
        if name != "other.db" {
            std::fs::copy(&good, path(name)).unwrap();
        }
        let connection = rusqlite::Connection::open(path(name)).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        refuses(&fresh, &["restore", &path(name)], about);
    }
    assert!(!Path::new(&path("fresh.db")).exists(), "nothing was put in the place of the database");
    json(&fresh, &["restore", &good]);
    assert_eq!(payments(&fresh), [1]);
    // A database at work is no backup: what is in its log would be lost.
    let open = rusqlite::Connection::open(path("fresh.db")).unwrap();
    open.execute_batch("INSERT INTO state (key, text) VALUES ('a', 'b')").unwrap();
    refuses(&format!("sqlite://{}", path("third.db")), &["restore", &path("fresh.db")], "at work");
    drop(open);
    json(&format!("sqlite://{}", path("third.db")), &["restore", &path("fresh.db")]);
    // A database that cannot be read any more is what one restores for.
    std::fs::write(path("fresh.db"), "ruined, but not empty").unwrap();
    json(&fresh, &["restore", &good, "--force"]);
    assert_eq!(payments(&fresh), [1]);
    let left: Vec<String> = std::fs::read_dir(place(&town.database, "x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What a person would copy from the sentence that names the server's tools.
fn printed<'s>(stderr: &'s str, tool: &str) -> &'s str {
    let (_, command) = stderr.split_at(stderr.find(tool).unwrap());
    command.split(" (or continuous").next().unwrap()
}

/// Runs a text as it was printed, with the programs of the server's version; whether it went well, and what was said.
fn shell(command: &str) -> (bool, String) {
    let programs = testbed::postgres::find_programs().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn succeeds(command: &str) {
    let (is_done, said) = shell(command);
    assert!(is_done, "{command}\n{said}");
}

/// The migrations of PostgreSQL in their order: number, name and text.
fn migrations() -> Vec<(i64, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations/postgres");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |(number, file): (i64, PathBuf)| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (number, name, std::fs::read_to_string(&file).unwrap())
    };
    (1..).zip(files).map(read).collect()
}

/// Brings an empty database to an older schema, as the program of that time did.
async fn older(url: &str, migrations: &[(i64, String, String)]) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let table = "CREATE TABLE schema_migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)";
    client.batch_execute(table).await.unwrap();
    for (number, name, sql) in migrations {
        client.batch_execute(sql).await.unwrap();
        let checksum: String =
            Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let record = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)";
        client.execute(record, &[number, name, &checksum]).await.unwrap();
    }
    client
        .batch_execute("INSERT INTO state (key, text) VALUES ('kept', 'before the upgrade')")
        .await
        .unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}

async fn set_state(url: &str, key: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.execute("INSERT INTO state (key, text) VALUES ($1, 'x')", &[&key]).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
}

async fn state(url: &str, key: &str) -> Option<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let row = client.query_opt("SELECT text FROM state WHERE key = $1", &[&key]).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    row.map(|row| row.get(0))
}

#[tokio::test]
async fn the_printed_way_back_leads_from_a_newer_schema_to_every_older_one() {
    let migrations = migrations();
    let newest = i64::try_from(migrations.len()).unwrap();
    let folder = std::env::temp_dir().join(format!("it's a way back {}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (number, ..) in &migrations[..migrations.len() - 1] {
        let database = Database::fresh(Engine::Postgres).await;
        let url = &database.url;
        older(url, &migrations[..usize::try_from(*number).unwrap()]).await;
        let file = folder.join(format!("{number}.dump"));
        let file = file.to_str().unwrap();
        let (_, _, stderr) = binary(url, &["backup", file]);
        succeeds(printed(&stderr, "pg_dump"));
        assert_eq!(
            json(url, &["migrate"]),
            serde_json::json!({"from": number, "to": newest, "changed": true})
        );
        set_state(url, "since").await;

        let (_, _, stderr) = binary(url, &["restore", file]);
        succeeds(printed(&stderr, "createdb"));
        assert_eq!(state(url, "kept").await.as_deref(), Some("before the upgrade"));
        assert_eq!(state(url, "since").await, None);
        assert_eq!(
            state(&format!("{url}_replaced"), "since").await.as_deref(),
            Some("x"),
            "what was there is kept"
        );
        assert_eq!(
            json(url, &["migrate"]),
            serde_json::json!({"from": number, "to": newest, "changed": true})
        );
        json(url, &["audit", "verify"]);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_printed_way_back_changes_nothing_if_the_copy_is_not_whole() {
    let database = Database::fresh(Engine::Postgres).await;
    let url = &database.url;
    json(url, &["migrate"]);
    set_state(url, "since").await;
    let file = std::env::temp_dir().join(format!("half-{}.dump", std::process::id()));
    let (_, _, stderr) = binary(url, &["backup", file.to_str().unwrap()]);
    succeeds(printed(&stderr, "pg_dump"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 2_000]).unwrap();
    let (_, _, stderr) = binary(url, &["restore", file.to_str().unwrap()]);
    let (is_done, said) = shell(printed(&stderr, "createdb"));
    assert!(!is_done && said.starts_with("pg_restore: error"), "{said}");
    assert_eq!(state(url, "since").await.as_deref(), Some("x"));
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn for_postgres_the_servers_own_tools_are_named() {
    let database = Database::fresh(Engine::Postgres).await;
    refuses(&database.url, &["backup", "x.dump"], "pg_dump --format=custom --file=x.dump 'postgres://");
    refuses(&database.url, &["restore", "x.dump"], "pg_restore");
    refuses(&database.url, &["backup", "my file's.dump"], r#"--file="my file's.dump" 'postgres://"#);
}
