//! The real program through a whole story, good and bad, told as talkatively as it can: nothing that it prints, answers, counts or keeps
//! has a secret in it (S10, S18), and its log has no invite link.
//! Takes longer than other tests: the program is started some forty times on each database.
#![expect(clippy::disallowed_methods, reason = "a test speaks HTTP from outside")]
#![expect(clippy::unwrap_used, reason = "an unexpected failure is a failed test")]

mod town;

use std::net::TcpListener;
use std::process::{Output, Stdio};

use nowpayments::sandbox::{ApiCall, ApiFault, FaultKind, Sandbox, SandboxConfig, SandboxHandle};
use nowpayments::verify::{SIGNATURE_HEADER, sign};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tollhouse::clock::Clock;
use tollhouse_telegram::fake::{FakeConfig, FakeHandle, FakeTelegram, Fault, NewChat, NewUser, World};
use tollhouse_telegram::{AdminRights, ChatId, UserId};
use town::{BUYER, Database, Engine, OWNER, PRIVATE_CHAT, body};

/// Stands in every secret of this test, so that half of one is found as well.
const MARK: &str = "ThatNobodySees";
const BOT_TOKEN: &str = "700000001:BotTokenThatNobodySees";
const WRONG_TOKEN: &str = "700000001:WrongTokenThatNobodySees";
const OLD_SECRET: &str = "OldIpnSecretThatNobodySees";
const NEW_SECRET: &str = "NewIpnSecretThatNobodySees";
const API_KEY: &str = "ApiKeyThatNobodySees";
const PASSWORD: &str = "LoginPasswordThatNobodySees";
const DATABASE_PASSWORD: &str = "DatabasePasswordThatNobodySees";
/// Who has the invite and has not paid.
const STRANGER: i64 = 666;
/// How the simulated provider's login begins; sixteen hexadecimal digits follow.
const LOGIN_BEGIN: &str = "sandbox.";

/// Everything that was said, with the name of who said it.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn hear(&mut self, who: impl Into<String>, what: impl Into<String>) {
        self.0.push((who.into(), what.into()));
    }

    fn hear_output(&mut self, who: &str, output: &Output) {
        self.hear(format!("{who} (standard output)"), String::from_utf8_lossy(&output.stdout));
        self.hear(format!("{who} (standard error)"), String::from_utf8_lossy(&output.stderr));
    }

    /// What stands around a text wherever it was said.
    fn around(&self, text: &str) -> Vec<String> {
        let found = |(who, what): &(String, String)| {
            let at = what.find(text)?;
            let begin =
                what.char_indices().rev().find(|(place, _)| place + 160 < at).map_or(0, |(place, _)| place);
            Some(format!("{who}: …{}", what[begin..].chars().take(400).collect::<String>()))
        };
        self.0.iter().filter_map(found).collect()
    }

    fn has_no_secret(&self) {
        assert_eq!(self.around(MARK), Vec::<String>::new());
        let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(self.around(&hex), Vec::<String>::new());
        for (who, what) in &self.0 {
            for (at, _) in what.match_indices(LOGIN_BEGIN) {
                let after: String = what[at + LOGIN_BEGIN.len()..].chars().take(16).collect();
                let is_login = after.len() == 16 && after.chars().all(|c| c.is_ascii_hexdigit());
                assert!(!is_login, "{who} shows the provider's login");
            }
        }
    }
}

struct Story {
    heard: Heard,
    engine: Engine,
    format: &'static str,
    database: Database,
    folder: std::path::PathBuf,
    provider: SandboxHandle,
    telegram: FakeHandle,
    url: String,
    http: reqwest::Client,
}

impl Story {
    async fn new(engine: Engine, format: &'static str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Clock::default().as_fn();
        let mut config = SandboxConfig::new(API_KEY, NEW_SECRET, now.clone());
        config.password = PASSWORD.to_owned();
        let provider = Sandbox::start(config).await.unwrap();
        let config = FakeConfig { bot_token: BOT_TOKEN.to_owned(), ..FakeConfig::new(now) };
        let telegram = FakeTelegram::start(config).await.unwrap();
        let database = Database::fresh(engine).await;
        let folder = std::env::temp_dir().join(format!("tollhouse-secrets-{}-{format}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // One secret in a file of its own, one in the settings, the others in the environment: every way in.
        std::fs::write(folder.join("ipn"), format!("{OLD_SECRET},{NEW_SECRET}\n")).unwrap();
        std::fs::write(folder.join("tollhouse.toml"), format!("nowpayments_api_key = \"{API_KEY}\"\n"))
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let http = reqwest::Client::new();
        Self { heard: Heard::default(), engine, format, database, folder, provider, telegram, url, http }
    }

    fn database_url(&self) -> String {
        match self.engine {
            Engine::Sqlite => self.database.url.clone(),
            // The server asks for no password and takes any.
            Engine::Postgres => {
                let (user, host) = self.database.url.split_once('@').unwrap();
                format!("{user}:{DATABASE_PASSWORD}@{host}")
            }
        }
    }

    fn command(&self, arguments: &[&str], changes: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollhouse"));
        let gives = |key: &str| changes.iter().any(|(name, _)| *name == key);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("RUST_BACKTRACE", "full")
            .env("TOLLHOUSE_DATABASE_URL", self.database_url())
            .env("TOLLHOUSE_LISTEN", self.url.trim_start_matches("http://"))
            .env("TOLLHOUSE_PUBLIC_URL", &self.url)
            .env("TOLLHOUSE_NOWPAYMENTS_API_URL", self.provider.api_url())
            .env("TOLLHOUSE_NOWPAYMENTS_EMAIL", "merchant@sandbox.test")
            .env("TOLLHOUSE_NOWPAYMENTS_PASSWORD", PASSWORD)
            .env("TOLLHOUSE_TELEGRAM_BOT_TOKEN", BOT_TOKEN)
            .env("TOLLHOUSE_TELEGRAM_API_URL", self.telegram.api_url().as_str())
            .env("TOLLHOUSE_LOG", "trace")
            .env("TOLLHOUSE_LOG_FORMAT", self.format)
            .envs(changes.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // By value and by file would be one too many.
        if !gives("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET") {
            command.env("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_FILE", self.folder.join("ipn"));
        }
        command
    }

    /// Runs a command to its end; gives its answer.
    async fn run(&mut self, arguments: &[&str], changes: &[(&str, &str)]) -> Output {
        let output = self.command(arguments, changes).output().await.unwrap();
        self.heard.hear_output(&arguments.join(" "), &output);
        output
    }

    async fn json(&mut self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat(), &[]).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Starts `serve`, until it says a word.
    async fn serve(&self, changes: &[(&str, &str)], until: &str) -> Serving {
        let mut child = self.command(&["serve"], changes).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        while !log.contains(until) {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .unwrap_or_else(|| panic!("it ended before {until:?}:\n{log}"));
            log.push_str(&line);
            log.push('\n');
        }
        let log = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.push_str(&line);
                log.push('\n');
            }
            log
        });
        Serving { child, log }
    }

    /// Asks for something over HTTP; gives the answer's text.
    async fn ask(&mut self, request: reqwest::RequestBuilder) -> String {
        let response = request.send().await.unwrap();
        let what = format!("HTTP {} {}", response.status(), response.url().path());
        let headers = format!("{:?}", response.headers());
        let text = response.text().await.unwrap();
        self.heard.hear(what, format!("{headers}\n{text}"));
        text
    }

    async fn get(&mut self, path: &str) -> String {
        self.ask(self.http.get(format!("{}{path}", self.url))).await
    }

    async fn notify(&mut self, body: &str, secret: &str) -> String {
        let request = self
            .http
            .post(format!("{}/webhooks/nowpayments", self.url))
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, sign(secret, body.as_bytes()).unwrap())
            .body(body.to_owned());
        self.ask(request).await
    }

    /// What the database holds, as text.
    async fn kept(&self) -> String {
        match self.engine {
            Engine::Sqlite => {
                let file = self.database.url.strip_prefix("sqlite://").unwrap();
                let read = |end: &str| std::fs::read(format!("{file}{end}")).unwrap_or_default();
                let bytes = [read(""), read("-wal"), read("-shm")].concat();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Engine::Postgres => {
                let (client, connection) =
                    tokio_postgres::connect(&self.database.url, tokio_postgres::NoTls).await.unwrap();
                let driver = tokio::spawn(connection);
                let tables =
                    client.query("SELECT relname::text FROM pg_stat_user_tables", &[]).await.unwrap();
                let mut kept = String::new();
                for table in tables {
                    let table: String = table.get(0);
                    for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap() {
                        kept.push_str(row.get(0));
                        kept.push('\n');
                    }
                }
                drop(client);
                driver.await.unwrap().unwrap();
                kept
            }
        }
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Serving {
    child: Child,
    log: tokio::task::JoinHandle<String>,
}

impl Serving {
    async fn end(mut self, signal: &str) -> (String, String) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
        self.child.wait().await.unwrap();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).await.unwrap();
        (self.log.await.unwrap(), stdout)
    }
}

fn people(telegram: &FakeHandle) {
    telegram.add_user(NewUser::new(OWNER, "Olga")).unwrap();
    telegram.add_user(NewUser::new(BUYER, "Ben")).unwrap();
    telegram.add_user(NewUser::new(STRANGER, "Sam")).unwrap();
    telegram.add_chat(NewChat::channel(PRIVATE_CHAT, "Signals", UserId(OWNER))).unwrap();
    telegram.make_bot_admin(ChatId(PRIVATE_CHAT), UserId(OWNER), AdminRights::gatekeeper()).unwrap();
}

fn provider_fails(provider: &SandboxHandle, call: ApiCall, kind: FaultKind) {
    provider.fail(ApiFault { call: Some(call), kind, times: 1 });
}

/// A sale on a bad day: both sides fail in every way before it comes to its end.
async fn a_sale(story: &mut Story) -> String {
    let chat = PRIVATE_CHAT.to_string();
    let plan = "Month=2.50 USD/30d";
    let channel =
        story.json(&["channel", "add", "--private-chat", &chat, "--title", "Signals", "--plan", plan]).await;
    let (channel, plan) =
        (channel["id"].as_str().unwrap().to_owned(), channel["plans"][0]["id"].as_str().unwrap().to_owned());
    provider_fails(&story.provider, ApiCall::CreateInvoice, FaultKind::Html { status: 403 });
    provider_fails(&story.provider, ApiCall::ListPayments, FaultKind::HalfABody);
    provider_fails(&story.provider, ApiCall::Auth, FaultKind::ServerError);
    let echo = Fault::answer(400, &format!("Bad Request: no route /bot{BOT_TOKEN}/declineChatJoinRequest"));
    story.telegram.fault("declineChatJoinRequest", &echo, 1);
    story.telegram.fault("sendMessage", &Fault::server_error(), 1);

    let serving = story.serve(&[], "listening").await;
    let polls = |world: &World| (world.polls_begun() > 0).then_some(());
    story.telegram.wait_for("the bot listens", polls).await.unwrap();
    let user = BUYER.to_string();
    let order = story
        .json(&["order", "create", "--channel", &channel, "--plan", &plan, "--telegram-user", &user])
        .await;
    let order = order["order_id"].as_str().unwrap().to_owned();
    story.telegram.start(UserId(BUYER), &format!("o_{order}")).unwrap();
    let link = story.json(&["link", "create", "--channel", &channel, "--plan", &plan]).await;
    let slug = link["slug"].as_str().unwrap().to_owned();
    story.get(&format!("/c/{slug}")).await;
    story.ask(story.http.post(format!("{}/c/{slug}", story.url))).await;

    // What the provider says, what strangers say, and what nobody can read.
    story.notify(&body(7, "waiting", Some(&order), "2.50"), OLD_SECRET).await;
    story.notify(&body(7, "finished", Some(&order), "2.50"), NEW_SECRET).await;
    story.notify(&body(8, "finished", Some("PGP-7|-100777"), "2.50"), NEW_SECRET).await;
    story.notify(&body(7, "finished", Some(&order), "2.50"), "a-strangers-secret").await;
    story.notify("{\"payment_id\":", NEW_SECRET).await;
    story.notify(&"x".repeat(70_000), NEW_SECRET).await;
    let invite = |world: &World| {
        let posts = world.bot_posts(UserId(BUYER));
        let mut urls = posts
            .iter()
            .flat_map(|post| post.buttons.iter().flatten())
            .filter_map(|button| button.url.clone());
        urls.find(|url| url.contains("t.me/+"))
    };
    let invite = story.telegram.wait_for("an invite", invite).await.unwrap();
    // Somebody else has the link; what Telegram answers when they are to be declined is kept with the job.
    story.telegram.open_link(UserId(STRANGER), &invite).unwrap();
    let refused = |world: &World| (world.failed("declineChatJoinRequest") > 0).then_some(());
    story.telegram.wait_for("the answer that repeats the token", refused).await.unwrap();
    story.telegram.open_link(UserId(BUYER), &invite).unwrap();
    let inside = |world: &World| world.is_inside(ChatId(PRIVATE_CHAT), UserId(BUYER)).then_some(());
    story.telegram.wait_for("the buyer is inside", inside).await.unwrap();

    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/payment-processing",
        "/nothing/here",
        "/webhooks/nowpayments",
        "/api/payment-status",
        "/api/payment-status?order_id=%00",
        "/assets/none",
    ] {
        story.get(path).await;
    }
    story.get(&format!("/api/payment-status?order_id={order}")).await;
    story.get(&format!("/o/{order}")).await;
    // A second one on the same address, while the first holds it.
    let second = story.run(&["serve"], &[]).await;
    assert!(!second.status.success());
    commands(story, &order).await;
    let (log, stdout) = serving.end("-TERM").await;
    for word in ["notification stored", "a job did not work", "stopping"] {
        assert!(log.contains(word), "the story was told: {word}\n{log}");
    }
    // The invite is a key to the way in, though it lets in nobody but its buyer: it is for them, and not for who reads the log.
    assert!(!log.contains(&invite), "the log has the invite");
    story.heard.hear("serve (standard error)", log);
    story.heard.hear("serve (standard output)", stdout);
    invite
}

/// Every way to look.
async fn commands(story: &mut Story, order: &str) {
    for arguments in [
        &["channel", "list"][..],
        &["link", "list"],
        &["order", "list"],
        &["order", "show", order],
        &["payment", "list"],
        &["payment", "show", "7"],
        &["payment", "replay", "7"],
        &["payment", "recover", "9"],
        &["membership", "list"],
        &["attention", "list"],
        &["audit", "list"],
        &["job", "list"],
        &["doctor"],
        &["reconcile"],
        &["migrate"],
    ] {
        story.run(arguments, &[]).await;
    }
    for arguments in
        [&["payment", "show", "7", "--json"][..], &["job", "list", "--json"], &["doctor", "--json"]]
    {
        story.run(arguments, &[]).await;
    }
}

/// Secrets that are wrong, or stand where they do not belong.
async fn slips(story: &mut Story) {
    let unreachable = format!("postgres://toll:{DATABASE_PASSWORD}@127.0.0.1:1/shop");
    let unreadable = format!("postgres://toll:{DATABASE_PASSWORD}@host:port/shop");
    let pasted = format!("https://me:{PASSWORD}@pay.example.org");
    for changes in [
        &[("TOLLHOUSE_TELEGRAM_BOT_TOKEN", WRONG_TOKEN)][..],
        &[("TOLLHOUSE_TELEGRAM_BOT_TOKEN", &WRONG_TOKEN[10..])],
        &[("TOLLHOUSE_TELEGRAM_BOT_TOKEN", "1:a/../ThatNobodySees")],
        &[("TOLLHOUSE_TELEGRAM_BOT_TOKEN", "1:ThatNobodySees?x")],
        &[("TOLLHOUSE_NOWPAYMENTS_API_KEY", "WrongKeyThatNobodySees")],
        &[("TOLLHOUSE_NOWPAYMENTS_API_KEY", "Wrong\u{7f}KeyThatNobodySees")],
        &[("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "WrongPasswordThatNobodySees")],
        &[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "OldThatNobodySees,,NewThatNobodySees")],
        &[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY", NEW_SECRET)],
        &[("TOLLHOUSE_DATABASE_URL", unreachable.as_str())],
        &[("TOLLHOUSE_DATABASE_URL", unreadable.as_str())],
        &[("TOLLHOUSE_DATABASE_URL", DATABASE_PASSWORD)],
        &[("TOLLHOUSE_PUBLIC_URL", pasted.as_str())],
        &[("TOLLHOUSE_NOWPAYMENTS_API_URL", pasted.as_str())],
        &[("TOLLHOUSE_TELEGRAM_API_URL", pasted.as_str())],
    ] {
        story.run(&["doctor"], changes).await;
    }
    for wrong in ["TOLLHOUSE_NOWPAYMENTS_PASSWORD", "TOLLHOUSE_NOWPAYMENTS_API_KEY"] {
        story.run(&["reconcile", "--dry-run"], &[(wrong, "WrongThatNobodySees")]).await;
    }
    for text in [format!("nowpayments_api_key = {API_KEY}\n"), format!("nowpayments_api_key = \"{API_KEY}\n")]
    {
        std::fs::write(story.folder.join("wrong.toml"), text).unwrap();
        let output = story.run(&["doctor", "--config", "wrong.toml"], &[]).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    // It goes on with a token that Telegram does not know, says so, and is shot.
    let serving =
        story.serve(&[("TOLLHOUSE_TELEGRAM_BOT_TOKEN", WRONG_TOKEN)], "the bot cannot listen").await;
    let (log, stdout) = serving.end("-ABRT").await;
    story.heard.hear("serve with a wrong token (standard error)", log);
    story.heard.hear("serve with a wrong token (standard output)", stdout);
}

async fn nothing_shows_a_secret(engine: Engine, format: &'static str) {
    let mut story = Story::new(engine, format).await;
    people(&story.telegram);
    let invite = a_sale(&mut story).await;
    slips(&mut story).await;
    let kept = story.kept().await;
    assert!(kept.contains(&invite), "what the database keeps is looked at");
    story.heard.hear("the database", kept);
    story.heard.has_no_secret();
    let of_log = |(who, _): &&(String, String)| who.contains("standard error") || who.contains("/metrics");
    for (who, what) in story.heard.0.iter().filter(of_log) {
        assert!(!what.contains(&invite), "{who} shows the invite");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_s18_a_whole_story_shows_no_secret_on_sqlite() {
    nothing_shows_a_secret(Engine::Sqlite, "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_s18_a_whole_story_shows_no_secret_on_postgres() {
    nothing_shows_a_secret(Engine::Postgres, "json").await;
}
