//! Updates that Telegram posts to us. Each is handled as one that was polled is, and answered 200 only when it was taken; Telegram posts
//! it again otherwise, and holds back the later ones of the same chat meanwhile, so that their order stays.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use tollhouse_telegram::{Error as TelegramError, Gateway, Topic, Update};

use super::{PART, Trouble, take};
use crate::app::App;
use crate::config::TelegramMode;
use crate::http::problem::Problem;
use crate::urls::Addresses;

/// Carries the secret: <https://core.telegram.org/bots/api#setwebhook>.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// Most bytes that one update may have. The longest messages with all their entities stay below 100 KiB.
pub(crate) const UPDATE_BYTES_MAX: usize = 1024 * 1024;
/// How long an update may take, in seconds: its commands wait two or three seconds for a busy database, an answer as long for Telegram.
/// Telegram itself waits about a minute.
const TAKE_SECONDS_MAX: u64 = 30;
/// How often we look whether Telegram still posts to us, in seconds. Below the time after which a silent part counts as stopped.
const LOOK_SECONDS: u64 = 60;

/// The secret of the webhook: a function of the token, so that every process has the same without keeping it, and a new token brings a new
/// one. Never shown or logged; the token cannot be worked out from it.
#[must_use]
pub fn secret(token: &SecretString) -> SecretString {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.expose_secret().as_bytes()) else {
        return SecretString::default();
    };
    mac.update(b"tollhouse telegram webhook");
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into()
}

/// `POST /webhooks/telegram`: there only where it is configured.
pub async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let (Some(gateway), Some(token), TelegramMode::Webhook) =
        (app.gateway.clone(), &app.config.telegram.bot_token, app.config.telegram.mode)
    else {
        return crate::http::problem::not_found().await.into_response();
    };
    let (parts, body) = request.into_parts();
    // Nothing of the body is read before: whoever does not know the secret costs us nothing (S41).
    if !is_telegram(&parts.headers, &secret(token)) {
        // Anybody can send a flood of them.
        if let Some(refused) = app.refused_updates.count(app.clock.now()) {
            tracing::info!(refused, "updates without Telegram's secret were refused");
        }
        return Problem::new(StatusCode::FORBIDDEN, "the secret token is missing or wrong").into_response();
    }
    let Ok(body) = axum::body::to_bytes(body, UPDATE_BYTES_MAX).await else {
        let limit = format!("an update has at most {UPDATE_BYTES_MAX} bytes");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, limit).into_response();
    };
    // On a task of its own: what was begun is ended even if the other side hangs up.
    let taken = tokio::spawn(async move {
        let time = Duration::from_secs(TAKE_SECONDS_MAX);
        tokio::time::timeout(time, decode_and_take(&app, &gateway, &body)).await
    });
    match taken.await {
        Ok(Ok(Ok(()))) => StatusCode::OK.into_response(),
        Ok(Ok(Err(Refused::NotAnUpdate(reason)))) => {
            Problem::new(StatusCode::BAD_REQUEST, reason).into_response()
        }
        Ok(Ok(Err(Refused::Trouble(error)))) => {
            tracing::warn!(%error, "an update was not taken; Telegram posts it again");
            Problem::unavailable().into_response()
        }
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("an update was not taken in time; Telegram posts it again");
            Problem::unavailable().into_response()
        }
    }
}

enum Refused {
    NotAnUpdate(String),
    Trouble(Trouble),
}

async fn decode_and_take(app: &App, gateway: &Gateway, body: &Bytes) -> Result<(), Refused> {
    let update = Update::decode(body).map_err(|error| Refused::NotAnUpdate(error.to_string()))?;
    gateway.note_unread(&update);
    take(app, gateway, &update).await.map_err(Refused::Trouble)
}

/// Whether the request carries the secret, once, compared in constant time.
fn is_telegram(headers: &HeaderMap, secret: &SecretString) -> bool {
    let mut said = headers.get_all(SECRET_HEADER).iter();
    let (Some(one), None) = (said.next(), said.next()) else { return false };
    let ours = secret.expose_secret().as_bytes();
    !ours.is_empty() && bool::from(one.as_bytes().ct_eq(ours))
}

/// Has Telegram post updates to us, and looks from time to time whether it still does. Any number of processes may do this: all of them
/// set the same.
pub(super) async fn watch(
    app: &App,
    gateway: &Gateway,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), TelegramError> {
    let Some(token) = &app.config.telegram.bot_token else { return Ok(()) };
    let url = Addresses::new(&app.config.public_url).telegram();
    gateway.set_webhook(&url, &secret(token), &Topic::WANTED).await?;
    tracing::info!(%url, "Telegram posts updates here");
    loop {
        app.pulse.beat(PART);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(LOOK_SECONDS)) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        let info = gateway.get_webhook_info().await?;
        if info.url != url.as_str() {
            tracing::warn!("Telegram's webhook was taken away or leads elsewhere; it is set again");
            return Ok(());
        }
        if let Some(error) = info.last_error {
            tracing::warn!(error, waiting = info.waiting, "Telegram had trouble to post updates here");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn s41_only_who_knows_the_secret_is_telegram() {
        let ours = secret(&"1:token".into());
        let text = ours.expose_secret();
        assert!(text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(text, secret(&"1:tokem".into()).expose_secret(), "another token has another");
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SECRET_HEADER, HeaderValue::from_str(value).unwrap());
            }
            is_telegram(&headers, &ours)
        };
        assert!(with(&[text]));
        let longer = format!("{text}0");
        for wrong in
            [&[][..], &[""], &["0"], &[&text[..63]], &[&longer], &[&text.to_uppercase()], &[text, text]]
        {
            assert!(!with(wrong), "{wrong:?}");
        }
    }
}
