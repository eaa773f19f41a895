//! `tollhouse sandbox`: the simulated NOWPayments and the simulated Telegram, for integrators.

use std::net::SocketAddr;

use clap::Args;
use nowpayments::sandbox::{self, Sandbox, SandboxConfig};
use serde::Serialize;
use tollhouse_telegram::fake::{self, FakeConfig, FakeTelegram};

use super::args::SpanArg;
use super::error::CliError;
use super::output::Out;
use crate::clock::Clock;
use crate::serve::signalled;

#[derive(Debug, Args)]
pub(super) struct SandboxArgs {
    /// Where the simulated NOWPayments listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The API key that it accepts
    #[arg(long, value_name = "KEY", default_value = "sandbox-api-key", value_parser = one_secret)]
    api_key: String,
    /// The secret with which it signs notifications
    #[arg(long, value_name = "SECRET", default_value = "sandbox-ipn-secret", value_parser = one_secret)]
    ipn_secret: String,
    /// Where notifications go when a payment names no address of its own
    #[arg(long, value_name = "URL")]
    ipn_url: Option<url::Url>,
    /// How long a payment stays in each status after it was paid: 1m, 1h; without it all statuses follow at once
    #[arg(long, value_name = "TIME")]
    step: Option<SpanArg>,
    /// Run a simulated Telegram as well, here; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    telegram_listen: Option<SocketAddr>,
    /// The token of its bot
    #[arg(long, value_name = "TOKEN", requires = "telegram_listen")]
    bot_token: Option<String>,
}

/// A secret that Tollhouse would read back from its settings as the same one: a comma would make two of it, and what surrounds it is trimmed.
fn one_secret(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("is empty: nothing could be told from what is signed with it");
    }
    if text.contains(',') {
        return Err("has a comma in it, at which Tollhouse would make two secrets of it");
    }
    if text.trim() != text {
        return Err("begins or ends with a space, which Tollhouse would leave away");
    }
    Ok(text.to_owned())
}

/// Where everything is.
#[derive(Debug, Serialize)]
struct Addresses {
    /// The simulated NOWPayments.
    nowpayments: NowpaymentsAddresses,
    /// The simulated Telegram; `null` if there is none.
    telegram: Option<TelegramAddresses>,
}

#[derive(Debug, Serialize)]
struct NowpaymentsAddresses {
    /// Its pages, for people and for control.
    url: String,
    /// The base of its API.
    api_url: String,
    api_key: String,
    ipn_secret: String,
    /// The account's email, for listing payments.
    email: String,
    /// The account's password, likewise.
    password: String,
}

#[derive(Debug, Serialize)]
struct TelegramAddresses {
    /// The base of its Bot API, and its pages for people.
    api_url: String,
    bot_token: String,
}

/// Runs until the process is told to end.
pub(super) async fn run(out: &Out, args: SandboxArgs) -> Result<(), CliError> {
    let clock = Clock::default();
    let mut config = SandboxConfig::new(&args.api_key, &args.ipn_secret, clock.as_fn());
    config.listen = args.listen;
    config.default_ipn_url = args.ipn_url.map(String::from);
    if let Some(step) = args.step {
        config.step = step.0;
    }
    let (email, password) = (config.email.clone(), config.password.clone());
    let cannot_listen = |addr: SocketAddr| {
        move |error: std::io::Error| {
            CliError::Failed(format!("cannot listen on {addr}: {error}; choose another address"))
        }
    };
    let nowpayments = Sandbox::start(config).await.map_err(cannot_listen(args.listen))?;
    let telegram = match args.telegram_listen {
        None => None,
        Some(listen) => {
            let mut config = FakeConfig::new(clock.as_fn());
            config.listen = listen;
            if let Some(token) = args.bot_token {
                config.bot_token = token;
            }
            let started = FakeTelegram::start(config).await;
            Some(started.map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidInput => CliError::Usage(format!("--bot-token: {error}")),
                _ => cannot_listen(listen)(error),
            })?)
        }
    };
    if let Some(telegram) = &telegram {
        let label = "NOWPayments".to_owned();
        telegram.set_page_links(vec![fake::PageLink { label, url: format!("{}/", nowpayments.url()) }]);
        let label = "Telegram".to_owned();
        nowpayments.set_page_links(vec![sandbox::PageLink { label, url: telegram.api_url().to_string() }]);
    }
    let addresses = Addresses {
        nowpayments: NowpaymentsAddresses {
            url: nowpayments.url(),
            api_url: nowpayments.api_url(),
            api_key: args.api_key,
            ipn_secret: args.ipn_secret,
            email,
            password,
        },
        telegram: telegram.as_ref().map(|telegram| TelegramAddresses {
            api_url: telegram.api_url().to_string(),
            bot_token: telegram.bot_token().to_owned(),
        }),
    };
    out.answer(&addresses, text)?;
    signalled().await;
    Ok(())
}

fn text(addresses: &Addresses) -> String {
    let nowpayments = &addresses.nowpayments;
    let mut lines = vec![
        format!("The simulated NOWPayments is at {} (open it to see and steer payments).", nowpayments.url),
        String::new(),
        format!("TOLLHOUSE_NOWPAYMENTS_API_URL={}", nowpayments.api_url),
        format!("TOLLHOUSE_NOWPAYMENTS_API_KEY={}", nowpayments.api_key),
        format!("TOLLHOUSE_NOWPAYMENTS_IPN_SECRET={}", nowpayments.ipn_secret),
        format!("TOLLHOUSE_NOWPAYMENTS_EMAIL={}", nowpayments.email),
        format!("TOLLHOUSE_NOWPAYMENTS_PASSWORD={}", nowpayments.password),
    ];
    if let Some(telegram) = &addresses.telegram {
        lines.insert(
            1,
            format!("The simulated Telegram is at {} (open it to act as its people).", telegram.api_url),
        );
        lines.push(format!("TOLLHOUSE_TELEGRAM_API_URL={}", telegram.api_url));
        lines.push(format!("TOLLHOUSE_TELEGRAM_BOT_TOKEN={}", telegram.bot_token));
    }
    lines.push("\nctrl-c ends it.\n".to_owned());
    lines.join("\n")
}
