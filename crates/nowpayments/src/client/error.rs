//! What can come of a call, sorted by what the caller can do about it.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::json;
use crate::notification::{member, read_text};

/// How much of an answer that is no JSON is kept for a person to look at.
const EXCERPT_CHARS_MAX: usize = 120;

/// Why a call gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The API key is not known. Mend the configuration.
    #[error("NOWPayments does not know the API key: {message}")]
    InvalidKey {
        /// The provider's sentence.
        message: String,
    },
    /// Email and password, or the token made from them, are missing or refused. Mend the configuration.
    #[error("NOWPayments refuses the account's login: {message}")]
    NotAuthorized {
        /// The provider's sentence.
        message: String,
    },
    /// The request is wrong. Repeating it changes nothing.
    #[error("NOWPayments refuses the request: {message}")]
    BadRequest {
        /// The provider's code: `INVALID_REQUEST_PARAMS`, `CURRENCY_UNAVAILABLE`.
        code: String,
        /// The provider's sentence.
        message: String,
    },
    /// The price is below what the provider takes in this coin. Offer another coin, or a higher price.
    #[error("the amount is below NOWPayments' minimum: {message}")]
    BelowMinimum {
        /// The provider's sentence.
        message: String,
    },
    /// There is no such thing, or it belongs to another key.
    #[error("NOWPayments does not have it: {message}")]
    NotFound {
        /// The provider's sentence.
        message: String,
    },
    /// Too many calls. Wait, then repeat.
    #[error("NOWPayments asks to wait before the next call")]
    RateLimited {
        /// How long, where it says so in seconds.
        retry_after: Option<Duration>,
    },
    /// Other calls of ours took so long that this one did not get its turn; nothing was sent. Repeat soon.
    #[error("NOWPayments was not asked: it is slow, and other calls are under way")]
    Busy,
    /// No connection, no answer in time, or an error at the provider. Repeat later.
    #[error("NOWPayments cannot be reached: {reason}")]
    Unavailable {
        /// What happened, without the address.
        reason: String,
        /// Whether the request may have arrived and been carried out.
        was_sent: bool,
    },
    /// The answer is no JSON: a page of a proxy in front, or half of an answer. Repeat later.
    #[error("the answer (HTTP {status}) is not JSON: {excerpt:?}")]
    NotJson {
        /// HTTP status of the answer.
        status: u16,
        /// Its beginning.
        excerpt: String,
    },
    /// JSON without what must be in it.
    #[error("the answer is not understood: {what}")]
    NotUnderstood {
        /// What is missing or wrong.
        what: String,
    },
    /// The answer is about something else than was asked for. Nothing of it may be used.
    #[error("asked for {asked}, the answer is about {got}")]
    AnotherSubject {
        /// What was asked for.
        asked: String,
        /// What came.
        got: String,
    },
}

impl ClientError {
    /// A stable word for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InvalidKey { .. } => "invalid_key",
            Self::NotAuthorized { .. } => "not_authorized",
            Self::BadRequest { .. } => "bad_request",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::NotFound { .. } => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Busy => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::NotJson { .. } => "not_json",
            Self::NotUnderstood { .. } => "not_understood",
            Self::AnotherSubject { .. } => "another_subject",
        }
    }

    /// Whether the same call may go well later. What is wrong with the request or the configuration stays wrong.
    pub fn is_worth_repeating(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Busy
            | Self::Unavailable { .. }
            | Self::NotJson { .. }
            | Self::NotUnderstood { .. }
            | Self::AnotherSubject { .. } => true,
            Self::InvalidKey { .. }
            | Self::NotAuthorized { .. }
            | Self::BadRequest { .. }
            | Self::BelowMinimum { .. }
            | Self::NotFound { .. } => false,
        }
    }

    /// How long the provider asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Whether the provider may have done what was asked, though no usable answer came: repeating "create" may make a second one.
    pub fn may_have_been_done(&self) -> bool {
        match self {
            Self::Unavailable { was_sent, .. } => *was_sent,
            Self::NotJson { .. } | Self::NotUnderstood { .. } | Self::AnotherSubject { .. } => true,
            Self::InvalidKey { .. }
            | Self::NotAuthorized { .. }
            | Self::BadRequest { .. }
            | Self::BelowMinimum { .. }
            | Self::NotFound { .. }
            | Self::RateLimited { .. }
            | Self::Busy => false,
        }
    }

    /// A request that was not answered at all.
    pub(super) fn no_answer(error: reqwest::Error) -> Self {
        let was_sent = !error.is_connect() && !error.is_builder();
        let mut reason = error.without_url().to_string();
        if was_sent {
            reason.push_str(" (it may have arrived)");
        }
        Self::Unavailable { reason, was_sent }
    }

    pub(super) fn not_json(status: StatusCode, body: &[u8]) -> Self {
        let excerpt = String::from_utf8_lossy(body).chars().take(EXCERPT_CHARS_MAX).collect();
        Self::NotJson { status: status.as_u16(), excerpt }
    }

    pub(super) fn not_understood(what: impl Into<String>) -> Self {
        Self::NotUnderstood { what: what.into() }
    }

    /// An answer that is no success, by its HTTP status and its code; the sentence is for people (nowpayments.md section 6).
    pub(super) fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        if status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            return Self::RateLimited { retry_after: seconds.map(Duration::from_secs) };
        }
        let Ok(members) = json::read_object(body) else { return Self::not_json(status, body) };
        let text = |name: &str| member(&members, name).and_then(read_text).unwrap_or_default();
        let (code, message) = (text("code"), text("message"));
        if code == "INVALID_API_KEY" {
            return Self::InvalidKey { message };
        }
        match status.as_u16() {
            401 | 403 => Self::NotAuthorized { message },
            404 => Self::NotFound { message },
            408 | 500..=599 => Self::Unavailable {
                reason: format!("HTTP {} {code}: {message}", status.as_u16()),
                was_sent: true,
            },
            _ if is_below_minimum(&code, &message) => Self::BelowMinimum { message },
            _ => Self::BadRequest { code, message },
        }
    }
}

/// One code is reported, others are "similar", and two sentences were seen without one. Mistaking another refusal for this one
/// costs a misleading sentence; missing it leaves a buyer without the hint to take another coin.
fn is_below_minimum(code: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    code.contains("MINIMAL") || message.contains("is too small") || message.contains("less than minimal")
}
