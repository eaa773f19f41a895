//! Configuration: one TOML file and the environment, which wins. A wrong value stops the start and is named, with what to mend (I10, F07).

mod policies;
mod source;
mod value;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use jiff::SignedDuration;
use nowpayments::client::Timeouts;
use secrecy::{ExposeSecret, SecretString};
use tollhouse_core::money::Currency;
use tollhouse_core::policy::Policies;
use tollhouse_telegram::{API_URL_DEFAULT, ChatId, Limits};
use url::Url;

pub use policies::share;
use source::{Values, read_environment, read_file};
use value::{
    base_url, bot_token, chats, database_url, fixed, interval, log_filter, log_format, networks, secret,
    secrets, socket_address, telegram_mode, yes_or_no,
};

/// The file that is read if there is one and no other is named.
const FILE_DEFAULT: &str = "tollhouse.toml";
/// The database if none is named, in the working folder.
pub const DATABASE_FILE_DEFAULT: &str = "tollhouse.db";
/// Where NOWPayments is, its own sandbox, too.
const PROVIDER_DOMAIN: &str = "nowpayments.io";
/// How often the provider is asked for what is missing, in seconds, if nothing else is said. A buyer whose page is open is looked after
/// at once; for the others five minutes are bearable, and an account with a few hundred payments a week costs one question each time.
pub const RECONCILE_INTERVAL_SECONDS_DEFAULT: i64 = 300;

/// Every key but the policies', as it stands in the file. `…_file` reads the value from a path.
const KEYS: &[&str] = &[
    "database_url",
    "listen",
    "public_url",
    "nowpayments_ipn_secret",
    "nowpayments_api_key",
    "nowpayments_api_url",
    "nowpayments_email",
    "nowpayments_password",
    "nowpayments_payout_currency",
    "nowpayments_shared_account",
    "reconcile_interval",
    "telegram_bot_token",
    "telegram_api_url",
    "telegram_mode",
    "operator_chats",
    "trusted_proxies",
    "import_mode",
    "log",
    "log_format",
];

/// How updates come from Telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TelegramMode {
    /// We ask.
    Polling,
    /// Telegram posts them to us.
    Webhook,
    /// Neither; jobs for Telegram wait.
    Off,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub database_url: SecretString,
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Under which address the world reaches us; no trailing slash.
    pub public_url: Url,
    /// The provider's secrets for notifications; several during a rotation.
    pub ipn_secrets: Vec<SecretString>,
    /// The provider's API.
    pub nowpayments: Nowpayments,
    /// Telegram.
    pub telegram: Telegram,
    /// What a new channel's policies are, unless it is registered with others.
    pub policies: Policies,
    /// How often the provider is asked for what is missing.
    pub reconcile_interval: SignedDuration,
    /// Networks whose `X-Forwarded-For` and `Forwarded` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether the predecessor's guessable order references answer at `/api/payment-status`.
    pub import_mode: bool,
    /// Tracing filter.
    pub log: String,
    /// How log lines are written.
    pub log_format: LogFormat,
}

/// The provider's API.
#[derive(Debug, Clone)]
pub struct Nowpayments {
    /// Without it there are no invoices and no questions.
    pub api_key: Option<SecretString>,
    /// Its base.
    pub api_url: Url,
    /// Only for listing payments.
    pub email: Option<String>,
    /// Only for listing payments.
    pub password: Option<SecretString>,
    /// In which coin the account is paid out; smallest amounts are asked for with it.
    pub payout_currency: Option<Currency>,
    /// Whether other programs use the account too: their payments are then none of ours.
    pub shared_account: bool,
    /// How long a call may take. No key: the leases of jobs are made for these.
    pub timeouts: Timeouts,
}

impl Nowpayments {
    /// Whether calls go to NOWPayments itself, rather than to a simulation.
    #[must_use]
    pub fn is_the_real_one(&self) -> bool {
        let host = self.api_url.host_str().unwrap_or_default();
        host == PROVIDER_DOMAIN || host.strip_suffix(PROVIDER_DOMAIN).is_some_and(|name| name.ends_with('.'))
    }

    /// Whether the provider can be asked for a list of payments.
    #[must_use]
    pub fn can_list(&self) -> bool {
        self.api_key.is_some() && self.email.is_some() && self.password.is_some()
    }
}

/// Telegram.
#[derive(Debug, Clone)]
pub struct Telegram {
    /// The bot.
    pub bot_token: Option<SecretString>,
    /// Its base.
    pub api_url: Url,
    /// How updates come.
    pub mode: TelegramMode,
    /// Who is told what owners are told, and of what belongs to no owner.
    pub operators: Vec<ChatId>,
    /// How many messages may be sent. No key: Telegram sets them; a simulation has none.
    pub limits: Limits,
    /// Whether one account may ask only so much of the bot. No key: a simulation, in which time stands still, has no such limit.
    pub limits_accounts: bool,
}

/// A key that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {key}: {problem}")]
pub struct ConfigError {
    /// Which key, as it was given: `TOLLHOUSE_LISTEN` or `listen in tollhouse.toml`.
    pub key: String,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl ConfigError {
    fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

impl Config {
    /// The file of the database, if it is one.
    #[must_use]
    pub fn database_file(&self) -> Option<&Path> {
        self.database_url.expose_secret().trim().strip_prefix("sqlite://").map(Path::new)
    }

    /// Reads the configuration from a file, if one is named or `tollhouse.toml` is there, and the environment.
    ///
    /// # Errors
    /// The first key that is unknown, empty or wrong.
    pub fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut values = Values::default();
        let default = PathBuf::from(FILE_DEFAULT);
        match file {
            Some(path) => read_file(path, &mut values)?,
            None if default.is_file() => read_file(&default, &mut values)?,
            None => {}
        }
        read_environment(environment, &mut values)?;
        let port =
            environment.iter().find(|(name, _)| name == "PORT").map(|(_, value)| value.trim().to_owned());
        Self::understand(values, port.as_deref())
    }

    /// The configuration of these values alone, named as in the environment: no file, no `PORT`.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn from_values(values: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut given = Values::default();
        read_environment(values, &mut given)?;
        Self::understand(given, None)
    }

    fn understand(mut values: Values, port: Option<&str>) -> Result<Self, ConfigError> {
        let listen = match (values.parse("listen", socket_address)?, port) {
            (Some(listen), _) => listen,
            (None, Some(port)) => {
                let port = port
                    .parse()
                    .map_err(|_| ConfigError::new("PORT", format!("{port:?} is not a port number")))?;
                SocketAddr::from(([0, 0, 0, 0], port))
            }
            (None, None) => SocketAddr::from(([127, 0, 0, 1], 8080)),
        };
        let public_url = match values.parse("public_url", base_url)? {
            Some(url) => url,
            None => base_url(&format!("http://{listen}"))
                .map_err(|problem| ConfigError::new("TOLLHOUSE_LISTEN", problem))?,
        };
        let ipn_secrets = values.parse("nowpayments_ipn_secret", secrets)?.unwrap_or_default();
        let nowpayments = Nowpayments {
            api_key: values.parse("nowpayments_api_key", secret)?,
            api_url: values
                .parse("nowpayments_api_url", base_url)?
                .unwrap_or_else(|| fixed("https://api.nowpayments.io/v1")),
            email: values.parse("nowpayments_email", |text| Ok(text.to_owned()))?,
            password: values.parse("nowpayments_password", secret)?,
            payout_currency: values.parse("nowpayments_payout_currency", |text| {
                Currency::new(text).map_err(|error| error.to_string())
            })?,
            shared_account: values.parse("nowpayments_shared_account", yes_or_no)?.unwrap_or(false),
            timeouts: Timeouts::default(),
        };
        nowpayments.check_login()?;
        let bot_token = values.parse("telegram_bot_token", bot_token)?;
        let said = values.take("telegram_mode");
        let mode = match &said {
            Some(given) => {
                telegram_mode(&given.text).map_err(|problem| ConfigError::new(given.from.clone(), problem))?
            }
            None => TelegramMode::Polling,
        };
        if said.is_some() && mode != TelegramMode::Off && bot_token.is_none() {
            return Err(ConfigError::new(
                "TOLLHOUSE_TELEGRAM_BOT_TOKEN",
                "missing; set the token that @BotFather gave you, or TOLLHOUSE_TELEGRAM_MODE=off",
            ));
        }
        let api_url = values.parse("telegram_api_url", base_url)?.unwrap_or_else(|| fixed(API_URL_DEFAULT));
        // A Bot API server of one's own takes http, too.
        let is_telegrams_own = api_url.host_str() == fixed(API_URL_DEFAULT).host_str();
        if mode == TelegramMode::Webhook && is_telegrams_own && public_url.scheme() != "https" {
            return Err(ConfigError::new(
                "TOLLHOUSE_PUBLIC_URL",
                format!(
                    "is {public_url}, and Telegram posts to https only: give the https address under which the world reaches this program, or set TOLLHOUSE_TELEGRAM_MODE=polling"
                ),
            ));
        }
        Ok(Self {
            database_url: values
                .parse("database_url", database_url)?
                .unwrap_or_else(|| format!("sqlite://{DATABASE_FILE_DEFAULT}").into()),
            listen,
            public_url,
            ipn_secrets,
            nowpayments,
            telegram: Telegram {
                bot_token,
                api_url,
                mode,
                operators: values.parse("operator_chats", chats)?.unwrap_or_default(),
                limits: Limits::TELEGRAM,
                limits_accounts: true,
            },
            policies: policies::read(&mut values)?,
            reconcile_interval: values
                .parse("reconcile_interval", interval)?
                .unwrap_or(SignedDuration::from_secs(RECONCILE_INTERVAL_SECONDS_DEFAULT)),
            trusted_proxies: values.parse("trusted_proxies", networks)?.unwrap_or_default(),
            import_mode: values.parse("import_mode", yes_or_no)?.unwrap_or(false),
            log: values.parse("log", log_filter)?.unwrap_or_else(|| "info".to_owned()),
            log_format: values.parse("log_format", log_format)?.unwrap_or(LogFormat::Text),
        })
    }

    /// Whether the provider can be asked.
    #[must_use]
    pub fn has_provider(&self) -> bool {
        self.nowpayments.api_key.is_some()
    }

    /// The IPN secret that `serve` cannot do without.
    ///
    /// # Errors
    /// It is missing.
    pub fn require_ipn_secret(&self) -> Result<(), ConfigError> {
        if self.ipn_secrets.is_empty() {
            return Err(ConfigError::new(
                "TOLLHOUSE_NOWPAYMENTS_IPN_SECRET",
                "missing; copy the IPN secret from the NOWPayments dashboard (Settings > Payments > Instant payment notifications)",
            ));
        }
        Ok(())
    }
}

impl Nowpayments {
    /// One half of a login is no login, and nobody would notice until payments are to be listed (F99).
    fn check_login(&self) -> Result<(), ConfigError> {
        let (missing, given) = match (&self.email, &self.password) {
            (Some(_), None) => ("PASSWORD", "EMAIL"),
            (None, Some(_)) => ("EMAIL", "PASSWORD"),
            _ => return Ok(()),
        };
        Err(ConfigError::new(
            format!("TOLLHOUSE_NOWPAYMENTS_{missing}"),
            format!("missing; it is needed together with TOLLHOUSE_NOWPAYMENTS_{given}, or leave both away"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::load(Some(Path::new("/dev/null")), &pairs)
    }

    #[test]
    fn f07_a_misnamed_key_stops_the_start_and_names_the_right_one() {
        let error = load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY", "x")]).unwrap_err();
        assert_eq!(error.key, "TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_KEY");
        assert!(error.problem.contains("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET?"), "{}", error.problem);
        assert!(
            load(&[])
                .unwrap()
                .require_ipn_secret()
                .unwrap_err()
                .to_string()
                .contains("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET")
        );
        assert!(load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "a,,b")]).is_err());
    }

    #[test]
    fn f07_a_slip_of_the_finger_names_the_key_that_is_meant() {
        for (wrong, meant) in [
            ("TOLLHOUSE_LISEN", "did you mean TOLLHOUSE_LISTEN?"),
            ("TOLLHOUSE_LISTENN", "did you mean TOLLHOUSE_LISTEN?"),
            ("TOLLHOUSE_PUBLICURL", "did you mean TOLLHOUSE_PUBLIC_URL?"),
            ("TOLLHOUSE_TELEGRAM_TOKEN", "did you mean TOLLHOUSE_TELEGRAM_"),
        ] {
            let problem = load(&[(wrong, "x")]).unwrap_err().problem;
            assert!(problem.contains(meant), "{wrong}: {problem}");
        }
        for far in ["TOLLHOUSE_COLOUR", "TOLLHOUSE_X"] {
            let problem = load(&[(far, "x")]).unwrap_err().problem;
            assert!(!problem.contains("did you mean"), "{far}: {problem}");
        }
    }

    #[test]
    fn what_kubernetes_says_of_a_service_of_this_name_is_no_misspelt_key() {
        let told = [
            ("TOLLHOUSE_SERVICE_HOST", "10.0.0.11"),
            ("TOLLHOUSE_SERVICE_PORT", "8080"),
            ("TOLLHOUSE_SERVICE_PORT_HTTP", "8080"),
            ("TOLLHOUSE_PORT", "tcp://10.0.0.11:8080"),
            ("TOLLHOUSE_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
            ("TOLLHOUSE_PORT_8080_TCP_PROTO", "tcp"),
        ];
        assert_eq!(load(&told).unwrap().listen.port(), 8080);
        assert_eq!(load(&[("TOLLHOUSE_PORT", "9000")]).unwrap_err().key, "TOLLHOUSE_PORT");
    }

    #[test]
    fn f98_values_are_trimmed_and_empty_ones_refused() {
        let config = load(&[
            ("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", " one \n"),
            ("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org/\n"),
        ])
        .unwrap();
        assert_eq!(config.ipn_secrets[0].expose_secret(), "one");
        assert_eq!(config.public_url.as_str(), "https://pay.example.org/");
        assert!(load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "  ")]).is_err());
    }

    #[test]
    fn every_wrong_value_is_named() {
        for (key, value) in [
            ("TOLLHOUSE_LISTEN", "8080"),
            ("TOLLHOUSE_PUBLIC_URL", "pay.example.org"),
            ("TOLLHOUSE_PUBLIC_URL", "ftp://pay.example.org"),
            ("TOLLHOUSE_PUBLIC_URL", "https://example.org//pay.example.org"),
            ("TOLLHOUSE_DATABASE_URL", "mysql://x"),
            ("TOLLHOUSE_TELEGRAM_MODE", "sometimes"),
            ("TOLLHOUSE_OPERATOR_CHATS", "1001,,1002"),
            ("TOLLHOUSE_OPERATOR_CHATS", "@olga"),
            ("TOLLHOUSE_TELEGRAM_BOT_TOKEN", "not a token"),
            ("TOLLHOUSE_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("TOLLHOUSE_LOG_FORMAT", "xml"),
            ("TOLLHOUSE_LOG", "warning"),
            ("TOLLHOUSE_LOG", "info,verbose"),
            ("TOLLHOUSE_IMPORT_MODE", "maybe"),
            ("TOLLHOUSE_NOWPAYMENTS_PAYOUT_CURRENCY", "U$D"),
            ("TOLLHOUSE_RECONCILE_INTERVAL", "5"),
            ("TOLLHOUSE_RECONCILE_INTERVAL", "9s"),
            ("TOLLHOUSE_RECONCILE_INTERVAL", "25h"),
            ("TOLLHOUSE_RECONCILE_INTERVAL", "5µ"),
            ("TOLLHOUSE_NOWPAYMENTS_SHARED_ACCOUNT", "perhaps"),
        ] {
            assert_eq!(load(&[(key, value)]).unwrap_err().key, key);
        }
        assert_eq!(load(&[("PORT", "http")]).unwrap_err().key, "PORT");
    }

    #[test]
    fn f98_quotes_around_a_value_are_refused_and_not_taken_for_a_part_of_it() {
        for quoted in ["\"abc\"", "'abc'"] {
            let error = load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", quoted)]).unwrap_err();
            assert!(error.problem.contains("quotes") && !error.problem.contains("abc"), "{error}");
        }
        assert!(load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "ab\"c")]).is_ok());
    }

    #[test]
    fn a_webhook_needs_an_address_to_which_telegram_posts() {
        let base = [("TOLLHOUSE_TELEGRAM_MODE", "webhook"), ("TOLLHOUSE_TELEGRAM_BOT_TOKEN", "1:a")];
        assert_eq!(load(&base).unwrap_err().key, "TOLLHOUSE_PUBLIC_URL");
        let with = |key, value| load(&[base[0], base[1], (key, value)]).unwrap();
        let config = with("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org");
        assert_eq!(config.telegram.mode, TelegramMode::Webhook);
        with("TOLLHOUSE_TELEGRAM_API_URL", "http://127.0.0.1:8081");
        let named = with("TOLLHOUSE_PUBLIC_URL", "https://pay.example.org");
        assert_eq!(named.telegram.operators, []);
        let named = load(&[("TOLLHOUSE_OPERATOR_CHATS", "1001, -1001234567890")]).unwrap();
        assert_eq!(named.telegram.operators, [ChatId(1001), ChatId(-1_001_234_567_890)]);
    }

    #[test]
    fn f99_what_is_given_by_halves_is_refused_with_the_missing_half() {
        for (given, missing) in [
            ("TOLLHOUSE_NOWPAYMENTS_EMAIL", "TOLLHOUSE_NOWPAYMENTS_PASSWORD"),
            ("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "TOLLHOUSE_NOWPAYMENTS_EMAIL"),
        ] {
            assert_eq!(load(&[(given, "x")]).unwrap_err().key, missing);
        }
        let error = load(&[("TOLLHOUSE_TELEGRAM_MODE", "polling")]).unwrap_err();
        assert_eq!(error.key, "TOLLHOUSE_TELEGRAM_BOT_TOKEN");
        assert!(
            load(&[("TOLLHOUSE_NOWPAYMENTS_EMAIL", "x"), ("TOLLHOUSE_NOWPAYMENTS_PASSWORD", "y")]).is_ok()
        );
    }

    #[test]
    fn s18_a_secret_by_value_and_by_file_is_one_too_many() {
        let twice = [
            ("TOLLHOUSE_NOWPAYMENTS_API_KEY", "hunter2"),
            ("TOLLHOUSE_NOWPAYMENTS_API_KEY_FILE", "/proc/self/cmdline"),
        ];
        let error = load(&twice).unwrap_err();
        assert_eq!(error.key, "TOLLHOUSE_NOWPAYMENTS_API_KEY_FILE");
        assert!(error.problem.contains("TOLLHOUSE_NOWPAYMENTS_API_KEY is given as well"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_number_in_the_file_reads_as_it_is_written() {
        let path = std::env::temp_dir().join(format!("tollhouse-numbers-{}.toml", std::process::id()));
        std::fs::write(&path, "policy_underpayment_tolerance = 0.05\npolicy_grace_hours = 48\n").unwrap();
        let config = Config::load(Some(&path), &[]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(config.policies.underpayment_tolerance.to_string(), "0.05");
        assert_eq!(config.policies.grace_hours, 48);
    }

    #[test]
    fn s10_no_error_quotes_what_may_be_a_secret() {
        const SECRET: &str = "hunter2hunter2";
        let path = std::env::temp_dir().join(format!("tollhouse-slips-{}.toml", std::process::id()));
        for (text, line) in [
            (format!("log = \"info\"\nnowpayments_api_key = {SECRET}\n"), "line 2"),
            (format!("nowpayments_api_key = \"{SECRET}\n"), "line 1"),
            (format!("\n\n{SECRET}\n"), "line 3"),
            (format!("nowpayments_api_key = \"{SECRET}\" x\n"), "line 1"),
            (format!("nowpayments_api_key = \"a\"\nnowpayments_api_key = \"{SECRET}\"\n"), "line 2"),
            (format!("nowpayments_api_key = {{ key = \"{SECRET}\" }}\n"), "nowpayments_api_key"),
            (format!("nowpayments_api_key = [[\"{SECRET}\"]]\n"), "nowpayments_api_key"),
            (format!("telegram_bot_token = \"{SECRET}\"\n"), "telegram_bot_token"),
            (format!("database_url = \"{SECRET}\"\n"), "database_url"),
            (format!("public_url = \"https://me:{SECRET}@pay.example.org\"\n"), "public_url"),
            (format!("nowpayments_api_url = \"https://:{SECRET}@api.example.org\"\n"), "nowpayments_api_url"),
            (format!("telegram_api_url = \"me:{SECRET}@api.example.org\"\n"), "telegram_api_url"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let said = Config::load(Some(&path), &[]).unwrap_err().to_string();
            assert!(said.contains(line), "{text}: {said}");
            assert!(!said.contains(SECRET), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        // A path that holds a secret by mistake is the one thing that must be shown: nobody could mend it otherwise.
    }

    #[test]
    fn a_simulation_is_told_from_the_provider() {
        let is_real =
            |url| load(&[("TOLLHOUSE_NOWPAYMENTS_API_URL", url)]).unwrap().nowpayments.is_the_real_one();
        assert!(load(&[]).unwrap().nowpayments.is_the_real_one());
        assert!(is_real("https://api-sandbox.nowpayments.io/v1"));
        for other in
            ["http://127.0.0.1:9000/v1", "https://nowpayments.io.example.org", "https://mynowpayments.io"]
        {
            assert!(!is_real(other), "{other}");
        }
    }

    #[test]
    fn defaults_and_port() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080/");
        assert_eq!(config.reconcile_interval, SignedDuration::from_mins(5));
        let hourly = load(&[("TOLLHOUSE_RECONCILE_INTERVAL", "1h")]).unwrap();
        assert_eq!(hourly.reconcile_interval, SignedDuration::from_hours(1));
        assert_eq!(load(&[("PORT", "9000")]).unwrap().listen.to_string(), "0.0.0.0:9000");
        assert_eq!(load(&[("PORT", "9000"), ("TOLLHOUSE_LISTEN", "127.0.0.1:1")]).unwrap().listen.port(), 1);
    }

    #[test]
    fn s10_s18_secrets_come_from_files_and_never_show_in_debug() {
        let path = std::env::temp_dir().join(format!("tollhouse-secret-{}", std::process::id()));
        std::fs::write(&path, "s3cr3t-value\n").unwrap();
        let config = load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_FILE", path.to_str().unwrap())]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(config.ipn_secrets[0].expose_secret(), "s3cr3t-value");
        assert!(!format!("{config:?}").contains("s3cr3t"));
        assert!(load(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET_FILE", "/nowhere")]).is_err());
    }
}
