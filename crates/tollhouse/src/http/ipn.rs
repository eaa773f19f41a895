//! The notification endpoint: 200 if and only if the notification is stored (I1).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use nowpayments::verify::{Rejection, SIGNATURE_HEADER, SignatureError, single_signature};
use nowpayments::{BODY_BYTES_MAX, Body as Said};
use serde_json::json;
use tollhouse_core::command::{Command, Outcome};
use tollhouse_core::event::{EventSource, Verdict};
use tollhouse_store::StoreError;

use super::problem::Problem;
use crate::app::App;
use crate::intake::{self, Envelope};
use crate::metrics;

/// How long the provider may wait for our answer, in milliseconds. It gives up after 3,000.
pub const ANSWER_MS_MAX: u64 = 2_500;
/// How much of a body that is too large is read away before it is refused, in bytes. Who sends more finds the connection closed.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;
/// Why a notification was refused whose signature is well-formed and wrong.
const SIGNATURE_MISMATCH: &str = "signature_mismatch";
/// How every reason begins that is about the signature.
const SIGNATURE_REASONS: &str = "signature_";
/// For how long the log says nothing more of refused signatures after a line about them, in seconds: anybody can send a flood of them.
const REFUSED_QUIET_SECONDS: i64 = 60;
/// The headers that are kept with an event. Never a cookie or an authorisation.
const KEPT_HEADERS: [&str; 5] =
    [SIGNATURE_HEADER, "content-type", "user-agent", "x-forwarded-for", "x-request-id"];
/// Longest kept header value, in characters.
const HEADER_LENGTH_MAX: usize = 512;

/// Takes a notification.
pub async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = tokio::time::timeout(Duration::from_millis(ANSWER_MS_MAX), take(&app, request)).await;
    let answer = answer.unwrap_or_else(|_| Err(("timeout", Problem::unavailable())));
    match answer {
        Ok(json) => Json(json).into_response(),
        Err((reason, problem)) => {
            metrics::ipn_rejected(reason);
            if reason.starts_with(SIGNATURE_REASONS)
                && let Some(refused) = app.refused_signatures.count(app.clock.now())
            {
                tracing::warn!(
                    refused,
                    reason,
                    "ipn.refused: notifications were refused for their signature; if they are the provider's, see that \
                     TOLLHOUSE_NOWPAYMENTS_IPN_SECRET is the one of the dashboard and that no proxy rewrites bodies"
                );
            }
            problem.into_response()
        }
    }
}

/// What was refused because the sender did not know the secret, as far as the log has not told of it.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    count: u64,
    told_at: Option<Timestamp>,
}

impl Refusals {
    /// Counts one more. How many there are to tell of, where it is time to: of the first at once, of others after
    /// `REFUSED_QUIET_SECONDS`.
    pub fn count(&self, now: Timestamp) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.count += 1;
        let is_quiet = untold
            .told_at
            .is_some_and(|told| (0..REFUSED_QUIET_SECONDS).contains(&now.duration_since(told).as_secs()));
        if is_quiet {
            return None;
        }
        untold.told_at = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

type Refused = (&'static str, Problem);

async fn take(app: &App, request: Request) -> Result<serde_json::Value, Refused> {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let body = read(&parts.headers, body).await?;
    let signature_form = verify(app, &parts.headers, &body).inspect_err(|(reason, _)| {
        if *reason == SIGNATURE_MISMATCH {
            look(app, &body);
        }
    })?;
    let notification = match nowpayments::parse(&body) {
        Ok(Said::Payment(notification)) => notification,
        Ok(Said::NotAPayment(_)) => {
            return Err(refuse(
                "no_payment_id",
                StatusCode::BAD_REQUEST,
                "signed, but without a payment_id that can be used",
            ));
        }
        Err(error) => return Err(refuse("shape", StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let envelope = Envelope {
        received_at: app.clock.now(),
        source: EventSource::Ipn,
        signature_form: Some(signature_form),
        headers: kept(&parts.headers),
    };
    let received = intake::received(envelope, body, &notification)
        .map_err(|error| refuse("no_payment_id", StatusCode::BAD_REQUEST, &error.to_string()))?;
    let payment_id = received.facts.payment_id;
    let is_progress = received.facts.status.is_progress();
    let outcome = app.submit_as_is(Command::Notification(Box::new(received))).await;
    match outcome {
        Ok(Ok(Outcome::Notification { verdict, reason, inserted, order_id, granted, .. })) => {
            metrics::ipn(verdict.as_str(), inserted, begun.elapsed());
            // Everything is in the event log; what gave access or needs a person stands here too.
            if granted || verdict == Verdict::Parked {
                tracing::info!(
                    payment_id = %payment_id, verdict = verdict.as_str(), reason = reason.as_deref(), granted,
                    order_id = order_id.map(tracing::field::display), "notification stored"
                );
            } else {
                tracing::debug!(
                    payment_id = %payment_id, verdict = verdict.as_str(), reason = reason.as_deref(),
                    order_id = order_id.map(tracing::field::display), "notification stored"
                );
            }
            let status = if is_progress { "acknowledged" } else { "success" };
            Ok(json!({"status": status, "verdict": verdict.as_str(), "payment_id": payment_id.to_string()}))
        }
        Ok(Ok(other)) => {
            tracing::error!(?other, "a notification came to something else");
            Err(("internal", Problem::unavailable()))
        }
        Ok(Err(refusal)) => {
            tracing::error!(%refusal, "a notification was refused by the rules");
            Err(("internal", Problem::unavailable()))
        }
        Err(StoreError::Full) => Err(("queue_full", Problem::unavailable())),
        Err(error) => {
            tracing::error!(%error, "a notification was not stored");
            Err(("unavailable", Problem::unavailable()))
        }
    }
}

fn refuse(reason: &'static str, status: StatusCode, detail: &str) -> Refused {
    (reason, Problem::new(status, detail))
}

/// Reads the body, bounded whatever its length header says.
async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refused> {
    let too_large = || {
        let detail = format!("a notification has at most {BODY_BYTES_MAX} bytes");
        refuse("too_large", StatusCode::PAYLOAD_TOO_LARGE, &detail)
    };
    let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        drain(body).await;
        return Err(too_large());
    }
    if !is_json(headers) {
        return Err(refuse(
            "media_type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a notification is application/json",
        ));
    }
    match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error)
            if std::error::Error::source(&error)
                .is_some_and(|source| source.is::<http_body_util::LengthLimitError>()) =>
        {
            Err(too_large())
        }
        Err(_) => Err(refuse("truncated", StatusCode::BAD_REQUEST, "the body ended before its end")),
    }
}

/// Reads a body that is not wanted away, so that the caller gets our answer instead of a broken connection.
async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, axum::body::Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Whether the body says that it is JSON; one that says nothing is taken at its word.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

fn verify(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<&'static str, Refused> {
    let Some(verifier) = &app.verifier else {
        return Err(refuse(
            "no_secret",
            StatusCode::FORBIDDEN,
            "no IPN secret is configured: every notification is refused",
        ));
    };
    let values = headers.get_all(SIGNATURE_HEADER).into_iter().map(axum::http::HeaderValue::as_bytes);
    let verified = single_signature(values).and_then(|signature| {
        // Without a signature nothing of the body is looked at.
        let signature = signature.ok_or(Rejection::Signature(SignatureError::Missing))?;
        verifier.verify(body, Some(signature))
    });
    match verified {
        Ok(verified) => Ok(verified.form.as_str()),
        Err(rejection) => {
            let status = StatusCode::from_u16(rejection.http_status()).unwrap_or(StatusCode::FORBIDDEN);
            Err(refuse(rejection.as_str(), status, &rejection.to_string()))
        }
    }
}

/// A wrong signature is a stranger's, or a proxy has rewritten what the provider signed. If the body names a payment that we know the
/// provider is asked for it; nothing else of what it says is used.
fn look(app: &App, body: &[u8]) {
    let Ok(Said::Payment(notification)) = nowpayments::parse(body) else { return };
    if let Ok(id) = notification.payment_id.to_string().parse() {
        app.reconcile.looks.payment_named(app, id);
    }
}

fn kept(headers: &HeaderMap) -> String {
    let kept: serde_json::Map<String, serde_json::Value> = KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.chars().take(HEADER_LENGTH_MAX).collect::<String>().into()))
        })
        .collect();
    serde_json::Value::Object(kept).to_string()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn of_a_flood_of_wrong_signatures_the_log_tells_once_a_minute_with_their_number() {
        let refused = Refusals::default();
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        assert_eq!(refused.count(at(0)), Some(1));
        for second in 1..REFUSED_QUIET_SECONDS {
            assert_eq!(refused.count(at(second)), None, "{second}");
        }
        assert_eq!(refused.count(at(REFUSED_QUIET_SECONDS)), Some(60));
        assert_eq!(refused.count(at(REFUSED_QUIET_SECONDS + 1)), None);
    }
}
