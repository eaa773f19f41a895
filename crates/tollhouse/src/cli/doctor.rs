//! `tollhouse doctor`: everything that must be right before money comes, each with what to mend.

mod prices;
mod reconciler;
mod service;
mod telegram;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use nowpayments::client::ClientError;
use nowpayments::{Verifier, sign};
use rustix::fs::{Access, access};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tollhouse_core::id::ProviderPaymentId;
use tollhouse_store::{OpenError, OpenOptions, Ports, Store};

use super::error::CliError;
use super::output::Out;
use crate::clock::{Clock, Ids};
use crate::config::{Config, ConfigError};
use crate::provider::{Provider, ProviderError};
use crate::urls::is_local;
use tollhouse_telegram::can_be_opened;

/// What makes a database, and brings one up to date.
const MAKE_SCHEMA: &str = "run `tollhouse migrate`, or start `tollhouse serve`, which does it by itself";

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// As it should be.
    Ok,
    /// It works, but not as in earnest.
    Warn,
    /// It does not work.
    Fail,
}

/// One line of the doctor's.
#[derive(Debug, Clone, Serialize)]
struct Check {
    /// What was looked at.
    check: String,
    /// What was found.
    status: Status,
    /// The same in words.
    message: String,
    /// What to do about it; `null` if nothing is to be done.
    mend: Option<String>,
}

impl Check {
    fn ok(check: &str, message: impl Into<String>) -> Self {
        Self { check: check.to_owned(), status: Status::Ok, message: message.into(), mend: None }
    }

    fn warn(check: &str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            status: Status::Warn,
            message: message.into(),
            mend: Some(mend.into()),
        }
    }

    fn fail(check: &str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            status: Status::Fail,
            message: message.into(),
            mend: Some(mend.into()),
        }
    }
}

/// Shows that the configuration is wrong; nothing else can be checked then.
pub(super) fn show_wrong_configuration(out: &Out, error: &ConfigError) -> Result<(), CliError> {
    let check = Check::fail("configuration", format!("{} cannot be used", error.key), error.problem.clone());
    Ok(out.answer(&vec![check], |checks| text(checks))?)
}

/// Checks everything; fails if one check does.
pub(super) async fn run(out: &Out, config: &Config) -> Result<ExitCode, CliError> {
    let mut checks = vec![Check::ok("configuration", "every key is known and can be used")];
    let (database, store) = database(config).await;
    checks.push(database);
    checks.push(ipn_secret(config));
    checks.push(public_url(config));
    checks.push(service::check(config.listen).await);
    let provider = provider(config).await;
    let answers = provider.status == Status::Ok;
    checks.push(provider);
    if answers {
        checks.extend(prices::check(config, store.as_deref()).await);
    }
    checks.push(reconciler::check(config, store.as_deref()).await);
    checks.extend(telegram::check(config, store.as_deref()).await);
    if let Some(store) = store {
        store.close().await;
    }
    out.answer(&checks, |checks| text(checks))?;
    let is_failed = checks.iter().any(|check| check.status == Status::Fail);
    Ok(if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
    let lines: Vec<String> = checks
        .iter()
        .map(|check| {
            let word = match check.status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            let mend = check
                .mend
                .as_ref()
                .map_or_else(String::new, |mend| format!("\n      {:width$}  -> {mend}", ""));
            format!("{word:<4}  {:width$}  {}{mend}", check.check, check.message)
        })
        .collect();
    lines.join("\n")
}

/// Opens the database as it is: a check changes nothing.
async fn database(config: &Config) -> (Check, Option<Arc<dyn Store>>) {
    const NAME: &str = "database";
    let ports = Ports { now: Clock::default().as_fn(), ids: Box::new(Ids), on_batch: Arc::new(|_| ()) };
    let options = OpenOptions { migrate: false, ..OpenOptions::default() };
    let url = config.database_url.expose_secret();
    // The address is looked at first: one that cannot be used names no file that could be made.
    let opened = tollhouse_store::open_with(url, ports, options).await;
    let store = match opened {
        Ok(store) => store,
        Err(error @ OpenError::Older { .. }) => {
            let check = match file_to_be_made(url) {
                None => Check::warn(NAME, error.to_string(), MAKE_SCHEMA),
                Some(file) => to_be_made(NAME, &file),
            };
            return (check, None);
        }
        Err(error) => {
            let mend = match &error {
                OpenError::Url(_) => "set TOLLHOUSE_DATABASE_URL to such an address",
                OpenError::Newer { .. } => "use the version of tollhouse that was used last",
                OpenError::Migration { .. } => {
                    "use the version of tollhouse that made this database, or restore a backup"
                }
                _ => {
                    "see that TOLLHOUSE_DATABASE_URL names the right place, that it is there, and that this user may write to it"
                }
            };
            return (Check::fail(NAME, error.to_string(), mend), None);
        }
    };
    match store.check().await {
        Ok(()) => {
            (Check::ok(NAME, "it answers, and its schema is the one that this version needs"), Some(store))
        }
        Err(error) => (Check::fail(NAME, error.to_string(), "see the database's own log"), Some(store)),
    }
}

/// The SQLite file that is not there yet.
fn file_to_be_made(url: &str) -> Option<PathBuf> {
    let file = Path::new(url.trim().strip_prefix("sqlite://")?);
    (!file.exists()).then(|| file.to_owned())
}

/// Whether the file could be made; it is not, since a check leaves none behind.
fn to_be_made(name: &str, file: &Path) -> Check {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = folder.display();
    if !folder.is_dir() {
        let message = format!("cannot open the database {}: there is no folder {shown}", file.display());
        return Check::fail(name, message, "make the folder, or mend TOLLHOUSE_DATABASE_URL");
    }
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let message = format!(
            "there is none yet, and this user may not make {}: {shown} is not theirs",
            file.display()
        );
        let mend = "run this as the user of the service, or let this user write to the folder";
        return Check::fail(name, message, mend);
    }
    Check::warn(name, "there is none yet", MAKE_SCHEMA)
}

/// Signs a notification with each secret and verifies it, as the endpoint will. Whose secret it is that shows only what NOWPayments signs.
fn ipn_secret(config: &Config) -> Check {
    const NAME: &str = "ipn secret";
    const BODY: &[u8] = br#"{"payment_id":1,"payment_status":"finished"}"#;
    if config.ipn_secrets.is_empty() {
        return Check::fail(
            NAME,
            "missing: no notification can be trusted, and `tollhouse serve` does not start",
            "make one in the NOWPayments dashboard (Settings > Payments > Instant payment notifications) and set \
             TOLLHOUSE_NOWPAYMENTS_IPN_SECRET to it",
        );
    }
    let secrets = &config.ipn_secrets;
    let verifies = Verifier::new(secrets.clone()).is_ok_and(|verifier| {
        secrets.iter().all(|secret| {
            let signature = sign(secret.expose_secret(), BODY);
            signature.is_ok_and(|signature| verifier.verify(BODY, Some(signature.as_bytes())).is_ok())
        })
    });
    match (verifies, secrets.len()) {
        (false, _) => Check::fail(
            NAME,
            "a notification that is signed with it is not accepted",
            "copy TOLLHOUSE_NOWPAYMENTS_IPN_SECRET anew from the NOWPayments dashboard",
        ),
        (true, 1) => {
            Check::ok(NAME, "set; whether NOWPayments has the same one, its first notification shows")
        }
        (true, count) => Check::ok(
            NAME,
            format!("{count} are set; whether NOWPayments has one of them, its next notification shows"),
        ),
    }
}

fn public_url(config: &Config) -> Check {
    const NAME: &str = "public url";
    let url = &config.public_url;
    let mend = "set TOLLHOUSE_PUBLIC_URL to the https address under which the world reaches this program";
    if is_local(url) {
        Check::warn(
            NAME,
            format!("{url} can be reached from here only: the provider cannot notify, buyers cannot come"),
            mend,
        )
    } else if !can_be_opened(url) {
        Check::warn(
            NAME,
            format!(
                "{url} has a name without a dot, which Telegram takes in no button: messages carry it as text"
            ),
            mend,
        )
    } else if url.scheme() != "https" {
        Check::warn(NAME, format!("{url} is not encrypted: others can read what buyers do"), mend)
    } else {
        Check::ok(NAME, url.to_string())
    }
}

async fn provider(config: &Config) -> Check {
    const NAME: &str = "provider";
    let bad_key = |error: &dyn std::fmt::Display| {
        Check::fail(
            NAME,
            error.to_string(),
            "copy TOLLHOUSE_NOWPAYMENTS_API_KEY anew from the NOWPayments dashboard",
        )
    };
    let provider = match Provider::new(config) {
        Ok(Some(provider)) => provider,
        Ok(None) => {
            return Check::warn(
                NAME,
                "no API key: no invoices are made, and lost notifications cannot be asked for",
                "set TOLLHOUSE_NOWPAYMENTS_API_KEY",
            );
        }
        Err(error) => return bad_key(&error),
    };
    if let Err(error) = provider.status().await {
        let mend = "see that this machine reaches the address in TOLLHOUSE_NOWPAYMENTS_API_URL";
        return Check::fail(NAME, error.to_string(), mend);
    }
    // The status is told to anybody; only a question about a payment shows whether the key is known. Nobody has payment 1.
    let Ok(nobodys) = ProviderPaymentId::new(1) else { return Check::ok(NAME, "it answers") };
    match provider.payment(nobodys).await {
        Ok(_) | Err(ProviderError::NotFound) => Check::ok(NAME, "it answers and knows the API key"),
        Err(ProviderError::Client(
            error @ (ClientError::InvalidKey { .. } | ClientError::NotAuthorized { .. }),
        )) => bad_key(&error),
        Err(error) => Check::warn(
            NAME,
            format!("it answers, but whether it knows the API key could not be seen: {error}"),
            "run `tollhouse doctor` again in a minute",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load(Some(std::path::Path::new("/dev/null")), &pairs).unwrap()
    }

    #[test]
    fn an_address_that_the_provider_cannot_reach_is_warned_of() {
        let status = |url| public_url(&config(&[("TOLLHOUSE_PUBLIC_URL", url)])).status;
        assert_eq!(status("https://pay.example.org"), Status::Ok);
        for url in [
            "http://pay.example.org",
            "https://localhost",
            "http://127.0.0.1:8080",
            "https://192.168.1.4",
            "https://[::1]",
            "https://tollhouse",
        ] {
            assert_eq!(status(url), Status::Warn, "{url}");
        }
    }

    #[test]
    fn f07_a_missing_secret_fails_and_two_are_both_tried() {
        assert_eq!(ipn_secret(&config(&[])).status, Status::Fail);
        let two = ipn_secret(&config(&[("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET", "old,new")]));
        assert_eq!((two.status, two.message.contains('2')), (Status::Ok, true));
    }
}
