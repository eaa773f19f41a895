//! Sends notifications: takes what is due, one request at a time for each payment, and writes down the answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::agenda::Job;
use super::model::Attempt;
use super::{AGENDA_POLL, Shared};
use crate::SIGNATURE_HEADER;

/// The receiver must answer within this (nowpayments.md section 5).
const ANSWER_TIMEOUT: Duration = Duration::from_millis(3000);

/// How much of a receiver's answer is kept.
const ANSWER_BYTES_KEPT_MAX: usize = 4 * 1024;

pub(super) fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        // A notification goes where the merchant said, not where that address points to.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

pub(super) async fn run(shared: Arc<Shared>, http: reqwest::Client) {
    let permits = Arc::new(Semaphore::new(shared.look().config.deliveries_at_once.max(1)));
    loop {
        let now = shared.now();
        let (jobs, was_due) = {
            let mut state = shared.look();
            let was_due = state.is_due(now);
            (state.take_due(now), was_due)
        };
        if was_due {
            shared.changes.send_modify(|count| *count += 1);
        }
        for job in jobs {
            // The semaphore is never closed.
            let Ok(permit) = permits.clone().acquire_owned().await else {
                return;
            };
            tokio::spawn(deliver(shared.clone(), http.clone(), job, permit));
        }
        // A timeout is as good as a bell here: either way the agenda is looked at again.
        let _ = tokio::time::timeout(AGENDA_POLL, shared.work.notified()).await;
    }
}

/// Delivers one notification, and then those of the same payment that became due meanwhile.
async fn deliver(shared: Arc<Shared>, http: reqwest::Client, first: Job, _permit: OwnedSemaphorePermit) {
    let mut next = Some(first);
    while let Some(job) = next {
        let (outcome, answer) = match request(&http, &job).await {
            Ok((status, answer)) => (Ok(status), answer),
            Err(error) => (Err(error.without_url().to_string()), String::new()),
        };
        next =
            shared.change(|state, now| state.finish(job.number, Attempt { at: now, outcome, answer }, now));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulated provider sends its notifications here and only here"
)]
async fn request(http: &reqwest::Client, job: &Job) -> reqwest::Result<(u16, String)> {
    let mut request = http
        .post(&job.url)
        .header(reqwest::header::CONTENT_TYPE, "application/json")
        .header(reqwest::header::USER_AGENT, "NOWPayments v1.0 (simulation)")
        .body(job.body.clone());
    if let Some(signature) = &job.signature {
        request = request.header(SIGNATURE_HEADER, signature);
    }
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if answer.len() < ANSWER_BYTES_KEPT_MAX {
            answer.extend_from_slice(&chunk);
        }
    }
    answer.truncate(ANSWER_BYTES_KEPT_MAX);
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}
