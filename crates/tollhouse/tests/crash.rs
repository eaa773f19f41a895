//! The real program, killed with SIGKILL while notifications come in: whatever got its 200 is there after the restart, and granted once
//! (I1, I2, I12).
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::net::SocketAddr;
use std::process::Stdio;

use nowpayments::verify::sign;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command as Process};
use tollhouse::clock::Clock;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_store::MembershipFilter;
use town::{Database, Engine, PUBLIC_CHAT, SECRET, body};

/// Orders that are paid while the process is killed.
const ORDERS: i64 = 400;
/// How often it is killed.
const KILLS: usize = 3;

struct Served {
    child: Child,
    url: String,
}

/// Starts the program and returns once it says that it listens.
async fn serve(database: &Database) -> Served {
    let mut child = Process::new(env!("CARGO_BIN_EXE_tollhouse"))
        .arg("serve")
        .env_clear()
        .env("TOLLHOUSE_DATABASE_URL", &database.url)
        .env("TOLLHOUSE_LISTEN", "127.0.0.1:0")
        .env("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET)
        .env("TOLLHOUSE_TELEGRAM_MODE", "off")
        .env("TOLLHOUSE_LOG", "tollhouse=info")
        .env("TOLLHOUSE_LOG_FORMAT", "json")
        .current_dir(std::env::temp_dir())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    let addr: SocketAddr = loop {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("it ended before it listened:\n{seen}"));
        let log: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if log["message"] == "listening" {
            break log["addr"].as_str().unwrap().parse().unwrap();
        }
        seen.push_str(&line);
    };
    // The rest of the log is read away, so that a full pipe never stops the program.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Served { child, url: format!("http://{addr}/webhooks/nowpayments") }
}

fn reference(order: i64) -> String {
    format!("PGP-{order}|{PUBLIC_CHAT}")
}

async fn killed_while_notifications_come_in(engine: Engine) {
    let database = Database::fresh(engine).await;
    {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = tollhouse::config::Config::load(
            Some(std::path::Path::new("/dev/null")),
            &[("TOLLHOUSE_DATABASE_URL".into(), database.url.clone())],
        );
        let app = tollhouse::app::App::open(config.unwrap(), Clock::default()).await.unwrap();
        town::add_channel(&app, town::PRIVATE_CHAT, Some(PUBLIC_CHAT)).await;
        app.store.close().await;
    }
    let http = reqwest::Client::new();
    let mut taken = std::collections::BTreeSet::new();
    for round in 0..KILLS {
        let mut served = serve(&database).await;
        // Every order that has not got its 200 is sent again, as the provider does; the process dies when a part of them is answered.
        let waiting: Vec<i64> = (1..=ORDERS).filter(|order| !taken.contains(order)).collect();
        let die_after = waiting.len() / (KILLS - round + 1);
        let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let mut sends = tokio::task::JoinSet::new();
        for chunk in waiting.chunks(waiting.len().div_ceil(16)) {
            let (chunk, http, url, answers) =
                (chunk.to_vec(), http.clone(), served.url.clone(), answers.clone());
            sends.spawn(async move {
                for order in chunk {
                    let body = body(order, "finished", Some(&reference(order)), "2.50");
                    let signature = sign(SECRET, body.as_bytes()).unwrap();
                    let request = http
                        .post(&url)
                        .header("content-type", "application/json")
                        .header("x-nowpayments-sig", signature);
                    let Ok(response) = request.body(body).send().await else { return };
                    if response.status().as_u16() == 200 && answers.send(order).is_err() {
                        return;
                    }
                }
            });
        }
        drop(answers);
        while let Some(order) = answered.recv().await {
            taken.insert(order);
            if taken.len() >= die_after && served.child.id().is_some() {
                served.child.start_kill().unwrap();
                served.child.wait().await.unwrap();
            }
        }
        while sends.join_next().await.is_some() {}
    }

    let store = town::reopen(&database).await;
    assert!(!taken.is_empty());
    for order in &taken {
        let payment = ProviderPaymentId::new(*order).unwrap();
        assert!(!store.events_of(payment, 10).await.unwrap().is_empty(), "{order} got its 200 and is gone");
    }
    // After the restart everything that is still missing is sent again, all of it twice: each is granted once.
    let served = serve(&database).await;
    let send = |order: i64| {
        let body = body(order, "finished", Some(&reference(order)), "2.50");
        let signature = sign(SECRET, body.as_bytes()).unwrap();
        http.post(&served.url)
            .header("content-type", "application/json")
            .header("x-nowpayments-sig", signature)
            .body(body)
            .send()
    };
    for order in (1..=ORDERS).chain(1..=ORDERS) {
        assert_eq!(send(order).await.unwrap().status().as_u16(), 200);
    }
    let mut days = Vec::new();
    for order in 1..=ORDERS {
        let filter = MembershipFilter { user: Some(town::user(order)), ..MembershipFilter::default() };
        let memberships = store.memberships(filter).await.unwrap();
        let [membership] = &memberships[..] else { panic!("{order}: {memberships:?}") };
        days.push(membership.ends_at.unwrap().duration_since(membership.starts_at).as_hours() / 24);
    }
    assert!(days.iter().all(|days| *days == 30), "each paid order gave its thirty days once: {days:?}");
    let broken = tollhouse_core::audit::verify(
        tollhouse_core::audit::GENESIS,
        1,
        &store.audit(tollhouse_store::AuditFilter { limit: 500, ..Default::default() }).await.unwrap(),
    );
    assert!(broken.is_ok(), "the audit chain broke at {broken:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_notifications_come_in_on_sqlite() {
    killed_while_notifications_come_in(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_notifications_come_in_on_postgres() {
    killed_while_notifications_come_in(Engine::Postgres).await;
}
