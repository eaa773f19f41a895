//! The one function that sends, and what it makes of the answer.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{ANSWER_BYTES_MAX, Gateway, Method};
use crate::error::{About, Cause, Error, Refusal};
use crate::ids::ChatId;

/// What every answer of the Bot API has around it.
#[derive(serde::Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

impl Gateway {
    /// Calls within the usual time-out.
    pub(super) async fn call<R: DeserializeOwned>(
        &self,
        method: Method,
        chat: Option<ChatId>,
        parameters: &impl Serialize,
    ) -> Result<R, Error> {
        self.call_within(self.inner.call_timeout, method, chat, parameters).await
    }

    /// Calls, and tells the observer how it went.
    pub(super) async fn call_within<R: DeserializeOwned>(
        &self,
        timeout: Duration,
        method: Method,
        chat: Option<ChatId>,
        parameters: &impl Serialize,
    ) -> Result<R, Error> {
        let body = serde_json::to_vec(parameters).map_err(|error| Error::Permanent {
            description: format!("the parameters do not encode: {error}"),
        });
        let outcome = match (body, self.turn(method, chat).await) {
            (Ok(body), Ok(())) => self.send(timeout, method, body).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let result = outcome.and_then(|(status, answer)| read(method, chat, status, &answer));
        let result = result.map_err(|error| self.without_token(error));
        self.inner.observe.call(method, result.as_ref().map_or_else(Error::label, |_| "ok"));
        result
    }

    /// The same error without the token, in case what answered repeats the address it was asked at: texts of errors are logged, kept
    /// with the job and shown.
    fn without_token(&self, error: Error) -> Error {
        let hide = |text: String| text.replace(self.inner.token.expose_secret(), "…");
        match error {
            Error::NoRights { lack, description } => Error::NoRights { lack, description: hide(description) },
            Error::Conflict { webhook, description } => {
                Error::Conflict { webhook, description: hide(description) }
            }
            Error::Permanent { description } => Error::Permanent { description: hide(description) },
            Error::Transient { cause: Cause::Unreadable(text), maybe_done } => {
                Error::Transient { cause: Cause::Unreadable(hide(text)), maybe_done }
            }
            other => other,
        }
    }

    /// Waits for its turn, if it is a message.
    async fn turn(&self, method: Method, chat: Option<ChatId>) -> Result<(), Error> {
        match chat {
            Some(chat) if method.is_message() => {
                self.inner.limiter.acquire(chat, self.lane, self.deadline).await
            }
            _ => Ok(()),
        }
    }

    async fn send(
        &self,
        timeout: Duration,
        method: Method,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let url = format!("{}{}", self.inner.base.expose_secret(), method.name());
        let request = self
            .inner
            .client
            .post(url)
            .timeout(timeout)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        #[expect(clippy::disallowed_methods, reason = "the one place that sends to Telegram")]
        let mut response = request.send().await.map_err(broken)?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                let cause = Cause::Unreadable(format!("more than {ANSWER_BYTES_MAX} bytes"));
                return Err(Error::Transient { cause, maybe_done: true });
            }
            answer.extend_from_slice(&chunk);
        }
        Ok((response.status(), answer))
    }
}

/// A failure of the transport. The URL in it holds the token, and is taken out first.
fn broken(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_connect() {
        return Error::Transient { cause: Cause::Connect(with_sources(&error)), maybe_done: false };
    }
    let cause = if error.is_timeout() { Cause::Timeout } else { Cause::Interrupted(with_sources(&error)) };
    Error::Transient { cause, maybe_done: true }
}

/// The reason is in the innermost source ("connection refused"), not in the outermost text.
fn with_sources(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn read<R: DeserializeOwned>(
    method: Method,
    chat: Option<ChatId>,
    status: StatusCode,
    answer: &[u8],
) -> Result<R, Error> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(answer) else {
        return Err(no_envelope(status));
    };
    if envelope.ok {
        let result = envelope.result.map_or("null", RawValue::get);
        return serde_json::from_str(result).map_err(|error| Error::Permanent {
            description: format!("the answer to {} cannot be read: {error}", method.name()),
        });
    }
    let mut refusal: Refusal = serde_json::from_slice(answer)
        .map_err(|error| Error::Permanent { description: error.to_string() })?;
    if refusal.error_code == 0 {
        refusal.error_code = status.as_u16();
    }
    Err(refusal.sort(About { right: method.right(), chat }))
}

/// Something between us and the Bot API answered.
fn no_envelope(status: StatusCode) -> Error {
    match status.as_u16() {
        429 => Error::RetryAfter { seconds: crate::error::RETRY_AFTER_SECONDS_DEFAULT },
        code @ 500.. => Error::Transient { cause: Cause::Server(code), maybe_done: true },
        401 | 404 => Error::InvalidToken,
        code => Error::Transient {
            cause: Cause::Unreadable(format!("status {code}, and no Bot API answer")),
            maybe_done: true,
        },
    }
}
