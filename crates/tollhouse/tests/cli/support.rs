//! A folder with a database, and the binary at work in it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nowpayments::Body;
use serde_json::{Value, json};
use tollhouse::app::App;
use tollhouse::clock::Clock;
use tollhouse::config::Config;
use tollhouse::intake::{self, Envelope};
use tollhouse_core::command::Command as Change;
use tollhouse_core::event::EventSource;

/// The chat that is sold.
pub const PRIVATE_CHAT: &str = "-1003016667267";
/// The chat in which it is offered.
pub const PUBLIC_CHAT: &str = "-1003016667268";

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A place of its own for one test; gone with it.
pub struct Place {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What the binary said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The one JSON document of a command that was carried out.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it ended with a code and a sentence that has all of these in it, and answered nothing.
    pub fn complains(&self, code: i32, about: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for part in about {
            assert!(self.stderr.contains(part), "{part:?} in {self:?}");
        }
    }
}

impl Place {
    pub fn new() -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tollhouse-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite://{}/t.db", folder.display());
        let place = Self { folder, environment: Vec::new() };
        place
            .with("TOLLHOUSE_DATABASE_URL", &url)
            .with("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org")
            .with("USER", "alice")
    }

    /// With one more setting, or another value of one.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.retain(|(name, _)| name != key);
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same place without a setting.
    pub fn without(mut self, key: &str) -> Self {
        self.environment.retain(|(name, _)| name != key);
        self
    }

    /// Writes a file; gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Whether a file is there.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Whether there is a file of this name.
    pub fn has_file(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// The binary, ready to run here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollhouse"));
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        command
    }

    /// Runs the binary.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Said {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs the binary for its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).json()
    }

    /// Registers the channel with a plan for a month; gives the ids of both.
    pub fn channel(&self) -> (String, String) {
        let channel = self.json(&[
            "channel",
            "add",
            "--private-chat",
            PRIVATE_CHAT,
            "--public-chat",
            PUBLIC_CHAT,
            "--title",
            "Signals",
            "--plan",
            "Monthly=5.00 USD/30d",
        ]);
        (text(&channel["id"]), text(&channel["plans"][0]["id"]))
    }

    /// The program's insides on the same database.
    pub async fn app(&self) -> Arc<App> {
        let config = Config::load(Some(std::path::Path::new("/dev/null")), &self.environment).unwrap();
        App::open(config, Clock::default()).await.unwrap()
    }

    /// Stores a notification, as the endpoint does with one that is signed.
    pub async fn notify(&self, body: &str) {
        let app = self.app().await;
        let Body::Payment(notification) = nowpayments::parse(body.as_bytes()).unwrap() else {
            panic!("{body}")
        };
        let envelope = Envelope {
            received_at: app.clock.now(),
            source: EventSource::Ipn,
            signature_form: Some("raw"),
            headers: "{}".to_owned(),
        };
        let received = intake::received(envelope, body.as_bytes().to_vec(), &notification).unwrap();
        app.submit(Change::Notification(Box::new(received))).await.unwrap();
        app.store.close().await;
    }
}

/// A paid-up notification.
pub fn finished(payment_id: i64, order_id: Option<&str>, price: &str) -> String {
    json!({
        "payment_id": payment_id, "payment_status": "finished", "order_id": order_id, "price_amount": price, "price_currency": "usd",
        "pay_amount": price, "pay_currency": "usdttrc20", "actually_paid": price, "outcome_amount": price, "outcome_currency": "usdttrc20",
    })
    .to_string()
}

/// A member that must be text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// That an object has just these members.
pub fn has_members(value: &Value, members: &[&str]) {
    let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = members.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{value}");
}

/// That a member is an instant in UTC.
pub fn is_instant(value: &Value) {
    let written = text(value);
    assert!(written.ends_with('Z') && written.parse::<jiff::Timestamp>().is_ok(), "{written}");
}
