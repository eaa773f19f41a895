//! The real program in a process of its own, that can be killed and started again at the same address.
#![expect(clippy::unwrap_used, reason = "a program that does not start is a failed test")]
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside, as the provider does")]

use std::process::Stdio;

use nowpayments::verify::{SIGNATURE_HEADER, sign};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command as Process};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse_core::command::{Command, OrderFrom, Outcome};
use tollhouse_core::id::OrderId;
use tollhouse_core::order::OrderSource;
use tollhouse_core::snapshot::Needs;

use crate::town::{self, Database, Engine, SECRET, body};

pub struct Served {
    database: Database,
    order: OrderId,
    addr: String,
    child: Child,
}

impl Served {
    /// An order in a database, and the program on it.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let database = Database::fresh(Engine::Sqlite).await;
        let config = Config::from_values(&[("TOLLHOUSE_DATABASE_URL".into(), database.url.clone())]).unwrap();
        let app = App::open(config, Clock::default()).await.unwrap();
        let channel_id = town::add_channel(&app, town::PRIVATE_CHAT, None).await;
        let mut needs = Needs::default();
        needs.channels.insert(channel_id);
        let snapshot = app.store.snapshot(needs).await.unwrap();
        let plan_id = snapshot.channels.get(&channel_id).unwrap().plans[0].id;
        let command = Command::CreateOrder {
            from: OrderFrom::Plan { channel_id, plan_id },
            user: None,
            source: OrderSource::Api,
            wants_invoice: false,
        };
        let Outcome::Order(order) = app.submit(command).await.unwrap() else { panic!("an order") };
        app.store.close().await;
        let (child, addr) = run(&database, "127.0.0.1:0").await;
        Self { database, order, addr, child }
    }

    pub fn page(&self) -> String {
        format!("http://{}/o/{}", self.addr, self.order)
    }

    /// As a machine that loses its power.
    pub async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    pub async fn start_again(&mut self) {
        let (child, addr) = run(&self.database, &self.addr).await;
        assert_eq!(addr, self.addr);
        self.child = child;
    }

    pub async fn notify(&self, status: &str) {
        let body = body(71, status, Some(&self.order.to_string()), "2.50");
        let request = reqwest::Client::new()
            .post(format!("http://{}/webhooks/nowpayments", self.addr))
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, sign(SECRET, body.as_bytes()).unwrap());
        assert_eq!(request.body(body).send().await.unwrap().status().as_u16(), 200);
    }
}

async fn run(database: &Database, listen: &str) -> (Child, String) {
    let mut child = Process::new(env!("CARGO_BIN_EXE_tollhouse"))
        .arg("serve")
        .env_clear()
        .env("TOLLHOUSE_DATABASE_URL", &database.url)
        .env("TOLLHOUSE_LISTEN", listen)
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
    let addr = loop {
        let line = lines.next_line().await.unwrap().expect("it ended before it listened");
        let log: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if log["message"] == "listening" {
            break log["addr"].as_str().unwrap().to_owned();
        }
    };
    // The rest of the log is read away, so that a full pipe never stops the program.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, addr)
}
