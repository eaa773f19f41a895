//! The real program in a process of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tollhouse_telegram::fake::FakeHandle;

use crate::town::SECRET;

/// Names another build of the program than the tests' own: the one that is shipped.
const PROGRAM_VARIABLE: &str = "TOLLHOUSE_TEST_PROGRAM";
/// How long a wait for a line of the log may take: far more than any does.
const LINE_SECONDS_MAX: u64 = 30;
/// Lines of the log that a failure shows.
const LINES_SHOWN: usize = 15;

/// How to start the program.
#[derive(Clone)]
pub struct Setup {
    environment: Vec<(String, String)>,
    /// What stands before the program: another program that becomes it.
    before: Vec<String>,
}

impl Setup {
    /// On a database, without Telegram.
    pub fn new(database: &str) -> Self {
        let environment = [
            ("TOLLHOUSE_DATABASE_URL", database),
            ("TOLLHOUSE_LISTEN", "127.0.0.1:0"),
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", SECRET),
            ("TOLLHOUSE_TELEGRAM_MODE", "off"),
            ("TOLLHOUSE_LOG", "tollhouse=info"),
            ("TOLLHOUSE_LOG_FORMAT", "json"),
        ];
        let environment = environment.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Self { environment, before: Vec::new() }
    }

    /// With another value of a setting.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.environment.retain(|(name, _)| name != key);
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// With a simulated Telegram.
    pub fn telegram(self, telegram: &FakeHandle) -> Self {
        self.with("TOLLHOUSE_TELEGRAM_MODE", "polling")
            .with("TOLLHOUSE_TELEGRAM_API_URL", telegram.api_url().as_ref())
            .with("TOLLHOUSE_TELEGRAM_BOT_TOKEN", telegram.bot_token())
    }

    /// Started by a shell that first runs this.
    pub fn after(mut self, shell: &str) -> Self {
        self.before = ["sh", "-c", &format!("{shell}\nexec \"$@\""), "sh"].map(str::to_owned).into();
        self
    }

    /// Started by a program that gets the rest as its arguments, in front of what is there already.
    pub fn inside(mut self, program: &[&str]) -> Self {
        self.before.splice(0..0, program.iter().map(|word| (*word).to_owned()));
        self
    }

    /// The program with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program =
            std::env::var_os(PROGRAM_VARIABLE).unwrap_or_else(|| env!("CARGO_BIN_EXE_tollhouse").into());
        let mut words: Vec<OsString> = self.before.iter().map(Into::into).collect();
        words.push(program);
        words.extend(arguments.iter().map(Into::into));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("USER", "alice").envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.current_dir(std::env::temp_dir()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    /// The JSON document of a command that works.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// `tollhouse serve`, at work.
pub struct Program {
    child: Child,
    pub addr: SocketAddr,
    pub started_in: Duration,
    log: watch::Receiver<Vec<String>>,
}

impl Program {
    /// Starts it and returns once it says that it listens; else what it said.
    pub async fn try_start(setup: &Setup) -> Result<Self, String> {
        let begun = Instant::now();
        let mut child = setup.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let addr = loop {
            let Some(line) = lines.next_line().await.unwrap() else {
                let status = child.wait().await.unwrap();
                return Err(format!("{status}\n{}", said.join("\n")));
            };
            let log: Value = serde_json::from_str(&line).unwrap_or_default();
            said.push(line);
            if log["message"] == "listening" {
                break log["addr"].as_str().unwrap().parse().unwrap();
            }
        };
        let (tell, log) = watch::channel(said);
        // The log is read to its end, so that a full pipe never stops the program.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                tell.send_modify(|said| said.push(line));
            }
        });
        Ok(Self { child, addr, started_in: begun.elapsed(), log })
    }

    pub async fn start(setup: &Setup) -> Self {
        Self::try_start(setup).await.unwrap_or_else(|said| panic!("it did not start: {said}"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Waits for a line of the log that holds this.
    pub async fn says(&self, what: &str) {
        let mut log = self.log.clone();
        let said = log.wait_for(|lines| lines.iter().any(|line| line.contains(what)));
        let said = tokio::time::timeout(Duration::from_secs(LINE_SECONDS_MAX), said).await;
        assert!(matches!(said, Ok(Ok(_))), "it never said {what:?}: {}", self.last_said());
    }

    pub fn last_said(&self) -> String {
        let lines = self.log.borrow();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
    }

    /// As a machine that loses its power.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.code(), None, "it ended by itself before it was killed: {}", self.last_said());
    }

    /// As an operator or a platform ends it; it must end well and in time.
    pub async fn terminate(mut self) {
        assert!(testbed::process::terminate(self.pid()), "it was gone already: {}", self.last_said());
        let ended = tokio::time::timeout(Duration::from_secs(LINE_SECONDS_MAX), self.child.wait()).await;
        let status = ended.expect("it did not end").unwrap();
        assert!(status.success(), "{status}: {}", self.last_said());
    }
}
