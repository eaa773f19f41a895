//! The only way out to Telegram: a dozen calls, sent from one function.
//!
//! Parameters are frankenstein's types, so that their names and shapes are checked by the compiler. Its clients are not used:
//! `client-reqwest` pulls in aws-lc (a C build) beside our ring, waits 500 s for every call alike, turns a gateway's HTML into a
//! decoding error that holds the body, and reads `retry_after` into 16 bits. Sending JSON to one address is less than mending that.

mod calls;
mod limit;
mod send;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::member::Right;

pub use calls::{Me, WebhookInfo};
pub use limit::{Limits, Rate};
pub use watch::{Observe, Unobserved};

/// How long a call may take from the first byte to the last. The slowest that Telegram's servers were seen to be is some seconds.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may take: past this the network is down, and the job is better tried later.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than the agreed wait a long poll may take, for the way there and back.
pub const POLL_MARGIN: Duration = Duration::from_secs(10);
/// Longest wait in one poll that the Bot API grants.
pub const POLL_WAIT_SECONDS_MAX: u64 = 50;
/// Most bytes that an answer may have: 100 updates with the longest texts stay far below.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Where Telegram's own Bot API is.
pub const API_URL_DEFAULT: &str = "https://api.telegram.org";

/// The calls to Telegram. Cheap to clone: all clones share one connection pool.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
    lane: limit::Lane,
    /// Past which no message waits for its chat's turn.
    deadline: Option<Instant>,
}

struct Inner {
    client: reqwest::Client,
    /// `{api}/bot{token}/`, secret because of the token in its path.
    base: SecretString,
    token: SecretString,
    call_timeout: Duration,
    limiter: limit::Limiter,
    observe: Arc<dyn Observe>,
}

/// What a [`Gateway`] is made from.
#[derive(Clone)]
pub struct GatewayConfig {
    /// `{bot id}:{secret}`, as @BotFather gives it.
    pub token: SecretString,
    /// Where the Bot API is; [`API_URL_DEFAULT`], a self-hosted server, or the fake.
    pub api_url: Url,
    /// [`CALL_TIMEOUT`], less in a test of time-outs.
    pub call_timeout: Duration,
    /// How many messages may be sent; [`Limits::TELEGRAM`], or none for a simulation.
    pub limits: Limits,
    /// Told about every call.
    pub observe: Arc<dyn Observe>,
}

impl GatewayConfig {
    /// With the usual time-out and Telegram's limits, and nobody watching.
    #[must_use]
    pub fn new(token: SecretString, api_url: Url) -> Self {
        let observe = Arc::new(Unobserved);
        Self { token, api_url, call_timeout: CALL_TIMEOUT, limits: Limits::TELEGRAM, observe }
    }
}

/// Why a [`Gateway`] could not be made. Never shows the token.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The token has not the form of one.
    #[error("the Telegram bot token has not the form 123456789:AbC-…, as @BotFather gives it")]
    Token,
    /// The address cannot carry a path.
    #[error("the Telegram API address {0} is not an http or https address")]
    ApiUrl(Url),
    /// No TLS on this machine.
    #[error("no HTTPS client can be made: {0}")]
    Client(String),
}

impl Gateway {
    /// Checks the token's form and makes the connection pool. Sends nothing.
    ///
    /// # Errors
    /// [`SetupError`], when the configuration cannot work.
    pub fn new(config: GatewayConfig) -> Result<Self, SetupError> {
        let GatewayConfig { token, api_url, call_timeout, limits, observe } = config;
        if !has_token_form(token.expose_secret()) {
            return Err(SetupError::Token);
        }
        if !matches!(api_url.scheme(), "http" | "https") || api_url.query().is_some() {
            return Err(SetupError::ApiUrl(api_url));
        }
        let base = format!("{}/bot{}/", api_url.as_str().trim_end_matches('/'), token.expose_secret());
        // A second installation only says that there is one already, which is what we want.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the token to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| SetupError::Client(error.without_url().to_string()))?;
        let limiter = limit::Limiter::new(limits);
        Ok(Self {
            inner: Arc::new(Inner { client, base: base.into(), token, call_timeout, limiter, observe }),
            lane: limit::Lane::Prompt,
            deadline: None,
        })
    }

    /// The same, for messages for which nobody waits: reminders, reports, posts. They leave a part of what may be sent to those of others.
    #[must_use]
    pub fn in_bulk(&self) -> Self {
        Self { lane: limit::Lane::Bulk, ..self.clone() }
    }

    /// The same, for messages that are not worth a long wait: all of them together wait for the limits of their chats no longer than this,
    /// from now on. What could go only later is refused at once, with [`crate::Error::RetryAfter`].
    #[must_use]
    pub fn patient_for(&self, wait: Duration) -> Self {
        Self { deadline: Some(Instant::now() + wait), ..self.clone() }
    }
}

/// Digits, a colon, and the letters that the Bot API uses: what else could end up in the path is refused.
fn has_token_form(token: &str) -> bool {
    let Some((id, secret)) = token.split_once(':') else {
        return false;
    };
    let is_secret_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !id.is_empty()
        && id.chars().all(|c| c.is_ascii_digit())
        && !secret.is_empty()
        && secret.chars().all(is_secret_char)
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("call_timeout", &self.inner.call_timeout).finish_non_exhaustive()
    }
}

/// A method of the Bot API that we call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Who the bot is.
    GetMe,
    /// The queue.
    GetUpdates,
    /// Have updates posted.
    SetWebhook,
    /// Have them kept for polling again.
    DeleteWebhook,
    /// Where they are posted.
    GetWebhookInfo,
    /// Make an invite link.
    CreateChatInviteLink,
    /// Kill an invite link.
    RevokeChatInviteLink,
    /// Let somebody in.
    ApproveChatJoinRequest,
    /// Turn somebody away.
    DeclineChatJoinRequest,
    /// Write.
    SendMessage,
    /// Rewrite.
    EditMessageText,
    /// Take back.
    DeleteMessage,
    /// Tell the client that a button press arrived.
    AnswerCallbackQuery,
    /// Remove somebody.
    BanChatMember,
    /// Let somebody come back.
    UnbanChatMember,
    /// What a chat is.
    GetChat,
    /// How somebody stands to a chat.
    GetChatMember,
    /// Who runs a chat.
    GetChatAdministrators,
    /// How many are in a chat.
    GetChatMemberCount,
}

impl Method {
    /// Telegram's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetMe => "getMe",
            Self::GetUpdates => "getUpdates",
            Self::SetWebhook => "setWebhook",
            Self::DeleteWebhook => "deleteWebhook",
            Self::GetWebhookInfo => "getWebhookInfo",
            Self::CreateChatInviteLink => "createChatInviteLink",
            Self::RevokeChatInviteLink => "revokeChatInviteLink",
            Self::ApproveChatJoinRequest => "approveChatJoinRequest",
            Self::DeclineChatJoinRequest => "declineChatJoinRequest",
            Self::SendMessage => "sendMessage",
            Self::EditMessageText => "editMessageText",
            Self::DeleteMessage => "deleteMessage",
            Self::AnswerCallbackQuery => "answerCallbackQuery",
            Self::BanChatMember => "banChatMember",
            Self::UnbanChatMember => "unbanChatMember",
            Self::GetChat => "getChat",
            Self::GetChatMember => "getChatMember",
            Self::GetChatAdministrators => "getChatAdministrators",
            Self::GetChatMemberCount => "getChatMemberCount",
        }
    }

    /// Whether it counts as a message in Telegram's limits.
    const fn is_message(self) -> bool {
        matches!(self, Self::SendMessage | Self::EditMessageText)
    }

    /// The right whose lack a refusal of this method means.
    const fn right(self) -> Right {
        match self {
            Self::CreateChatInviteLink
            | Self::RevokeChatInviteLink
            | Self::ApproveChatJoinRequest
            | Self::DeclineChatJoinRequest => Right::InviteUsers,
            Self::BanChatMember | Self::UnbanChatMember => Right::RestrictMembers,
            Self::SendMessage | Self::EditMessageText => Right::PostMessages,
            Self::DeleteMessage => Right::DeleteMessages,
            Self::GetMe
            | Self::GetUpdates
            | Self::SetWebhook
            | Self::DeleteWebhook
            | Self::GetWebhookInfo
            | Self::AnswerCallbackQuery
            | Self::GetChat
            | Self::GetChatMember
            | Self::GetChatAdministrators
            | Self::GetChatMemberCount => Right::Administrator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(token: &str, api_url: &str) -> Result<Gateway, SetupError> {
        Gateway::new(GatewayConfig::new(token.into(), Url::parse(api_url).unwrap()))
    }

    #[test]
    fn a_token_that_could_change_the_path_is_refused() {
        for token in ["", "123", "123:", ":abc", "12a:abc", "123:ab/../c", "123:ab?c", "123:ab\n"] {
            assert!(
                matches!(gateway(token, "https://api.telegram.org"), Err(SetupError::Token)),
                "{token:?}"
            );
        }
        assert!(gateway("123456:AbC-d_9", "https://api.telegram.org").is_ok());
    }

    #[test]
    fn an_address_that_is_not_http_is_refused() {
        assert!(matches!(gateway("1:a", "ftp://example.org"), Err(SetupError::ApiUrl(_))));
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let gateway = gateway("123456:SECRET", "https://api.telegram.org").unwrap();
        assert!(!format!("{gateway:?}").contains("SECRET"));
    }
}
