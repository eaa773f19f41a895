//! How each value is understood. An error says what is wrong with it and how it should look; it quotes nothing that may be a secret (S10).

use std::net::SocketAddr;

use ipnet::IpNet;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use tollhouse_telegram::ChatId;
use tracing_subscriber::filter::LevelFilter;
use url::Url;

use super::{LogFormat, TelegramMode};

/// The shortest interval, in seconds: the provider's limits are not documented, and nobody is helped by more.
const RECONCILE_INTERVAL_SECONDS_MIN: i64 = 10;
/// The longest interval, in seconds: a day. Whoever waits longer has no safety net.
const RECONCILE_INTERVAL_SECONDS_MAX: i64 = 24 * 3600;
/// Most operators that are told. Each is one more message for every sale; a group takes any number of people.
const OPERATORS_MAX: usize = 10;

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080"))
}

pub(super) fn base_url(text: &str) -> Result<Url, String> {
    // Before an @ stands who one is, perhaps with a password, which no message shows.
    if text.contains('@') {
        return Err("has an @ in it; give the address alone, such as https://pay.example.org, without a user or a password".to_owned());
    }
    let wrong = || format!("{text:?} is not a URL such as https://pay.example.org");
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        // Links below such a path would lead to another host.
        && !url.path().starts_with("//");
    if plain { Ok(url) } else { Err(wrong()) }
}

pub(super) fn fixed(text: &str) -> Url {
    #[expect(clippy::unwrap_used, reason = "called with constants only, each of which a test parses")]
    Url::parse(text).unwrap()
}

pub(super) fn database_url(text: &str) -> Result<SecretString, String> {
    let known = ["sqlite://", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    if known {
        Ok(text.into())
    } else {
        Err("must begin with sqlite://, postgres:// or postgresql://".to_owned())
    }
}

pub(super) fn secret(text: &str) -> Result<SecretString, String> {
    Ok(text.into())
}

pub(super) fn secrets(text: &str) -> Result<Vec<SecretString>, String> {
    let all: Vec<SecretString> = text.split(',').map(|part| part.trim().into()).collect();
    if all.iter().any(|secret: &SecretString| secret.expose_secret().is_empty()) {
        return Err("one of the secrets between the commas is empty".to_owned());
    }
    Ok(all)
}

pub(super) fn bot_token(text: &str) -> Result<SecretString, String> {
    let fine = text.split_once(':').is_some_and(|(id, key)| {
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
            && !key.is_empty()
            && !key.contains(['/', ' '])
    });
    if fine { Ok(text.into()) } else { Err("is not a bot token of the form 123456:ABC…".to_owned()) }
}

pub(super) fn telegram_mode(text: &str) -> Result<TelegramMode, String> {
    match text {
        "polling" => Ok(TelegramMode::Polling),
        "webhook" => Ok(TelegramMode::Webhook),
        "off" => Ok(TelegramMode::Off),
        _ => Err(format!("{text:?} is none of polling, webhook, off")),
    }
}

pub(super) fn interval(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is not a time from 10s to 24h such as 5m");
    let (digits, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds_of_unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<i64>().ok().and_then(|count| count.checked_mul(seconds_of_unit));
    match seconds {
        Some(seconds)
            if (RECONCILE_INTERVAL_SECONDS_MIN..=RECONCILE_INTERVAL_SECONDS_MAX).contains(&seconds) =>
        {
            Ok(SignedDuration::from_secs(seconds))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |text: &str| {
        text.parse().map_err(|_| format!("{text:?} is not a network such as 10.0.0.0/8 or 2001:db8::/32"))
    };
    text.split(',').map(str::trim).map(network).collect()
}

pub(super) fn chats(text: &str) -> Result<Vec<ChatId>, String> {
    let chat = |text: &str| match text.parse::<i64>() {
        Ok(number) if number != 0 => Ok(ChatId(number)),
        _ => Err(format!(
            "{text:?} is no Telegram chat; give the number of an account (1001) or of a group (-1001234567890), several separated by commas"
        )),
    };
    let chats: Vec<ChatId> = text.split(',').map(str::trim).map(chat).collect::<Result<_, _>>()?;
    if chats.len() > OPERATORS_MAX {
        return Err(format!("{} chats are named; at most {OPERATORS_MAX} operators are told", chats.len()));
    }
    Ok(chats)
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("{text:?} is not a log filter such as info or tollhouse=debug: {why}");
    // A word alone that is no level is taken for a module, of which everything is shown, and of the others nothing.
    let is_word = |part: &&str| !part.contains(['=', '[', ':']) && part.parse::<LevelFilter>().is_err();
    if let Some(word) = text.split(',').map(str::trim).find(is_word) {
        return Err(wrong(&format!("{word:?} is none of error, warn, info, debug, trace, off")));
    }
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| wrong(&error.to_string()))
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither text nor json")),
    }
}
