//! The numbers that Prometheus reads; their names are the contract's.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tollhouse_store::{BatchReport, Stats};
use tollhouse_telegram::Observe;

/// Buckets of the commit and answer times, in seconds: the provider waits three.
const SECONDS_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Buckets of the time from notification to access, in seconds: from at once to an hour of Telegram being away.
const ACCESS_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];
/// Buckets of the batch size, in commands.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once per process; `None` if another one was there first.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("commit_seconds".to_owned()), SECONDS_BUCKETS)
                .and_then(|b| {
                    b.set_buckets_for_metric(Matcher::Suffix("access_seconds".to_owned()), ACCESS_BUCKETS)
                })
                .and_then(|b| {
                    b.set_buckets_for_metric(Matcher::Suffix("batch_size".to_owned()), BATCH_BUCKETS)
                });
            let handle = builder.ok()?.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

/// Every counter stands at zero from the start, so that its first increment shows as one.
fn describe() {
    for verdict in tollhouse_core::event::Verdict::ALL {
        counter!("tollhouse_ipn_total", "verdict" => verdict.as_str()).absolute(0);
    }
    for operation in ["inserted", "updated"] {
        counter!("tollhouse_payment_write_total", "operation" => operation).absolute(0);
    }
    for kind in ["read", "order"] {
        counter!("tollhouse_requests_limited_total", "kind" => kind).absolute(0);
    }
    for outcome in ["done", "failed"] {
        counter!("tollhouse_reconcile_passes_total", "outcome" => outcome).absolute(0);
    }
    counter!("tollhouse_telegram_updates_given_up_total").absolute(0);
    for reason in
        ["signature_missing", "signature_mismatch", "signature_malformed", "too_large", "unavailable"]
    {
        counter!("tollhouse_ipn_rejected_total", "reason" => reason).absolute(0);
    }
}

/// A request was told to come back: its address asks too often.
pub fn limited(kind: &'static str) {
    counter!("tollhouse_requests_limited_total", "kind" => kind).increment(1);
}

/// A notification was taken.
pub fn ipn(verdict: &'static str, inserted: bool, took: Duration) {
    counter!("tollhouse_ipn_total", "verdict" => verdict).increment(1);
    let operation = if inserted { "inserted" } else { "updated" };
    counter!("tollhouse_payment_write_total", "operation" => operation).increment(1);
    histogram!("tollhouse_ipn_commit_seconds").record(took);
}

/// A notification was not taken.
pub fn ipn_rejected(reason: &'static str) {
    counter!("tollhouse_ipn_rejected_total", "reason" => reason).increment(1);
}

/// A batch was committed.
pub fn batch(report: BatchReport) {
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most 128 commands")]
    histogram!("tollhouse_commit_batch_size").record(report.commands as f64);
}

/// Access reached its member.
pub fn delivered(granted_at: Timestamp, now: Timestamp) {
    let took = now.duration_since(granted_at);
    histogram!("tollhouse_ipn_to_access_seconds").record(Duration::try_from(took).unwrap_or_default());
}

/// The provider was asked.
pub fn provider_call(call: &'static str, outcome: &'static str) {
    counter!("tollhouse_provider_requests_total", "call" => call, "outcome" => outcome).increment(1);
}

/// The provider knew more of a payment than we did, and it was taken in.
pub fn reconciled(verdict: &'static str) {
    counter!("tollhouse_reconcile_taken_in_total", "verdict" => verdict).increment(1);
}

/// A pass of the reconciler ended.
pub fn reconcile_pass(outcome: &'static str) {
    counter!("tollhouse_reconcile_passes_total", "outcome" => outcome).increment(1);
}

/// A single question was called for.
pub fn look(trigger: &'static str, outcome: &'static str) {
    counter!("tollhouse_provider_looks_total", "trigger" => trigger, "outcome" => outcome).increment(1);
}

/// How long ago a pass of the reconciler last came to its end.
pub fn reconcile_age(done_at: Option<Timestamp>, now: Timestamp) {
    if let Some(at) = done_at {
        gauge!("tollhouse_reconcile_age_seconds").set(now.duration_since(at).as_secs_f64().max(0.0));
    }
}

/// Counts the calls to Telegram.
#[derive(Debug)]
pub struct TelegramCalls;

impl Observe for TelegramCalls {
    fn call(&self, method: tollhouse_telegram::Method, outcome: &'static str) {
        counter!("tollhouse_telegram_requests_total", "method" => method.name(), "outcome" => outcome)
            .increment(1);
    }

    fn unread_update(&self, kind: &str) {
        counter!("tollhouse_telegram_updates_unread_total").increment(1);
        tracing::debug!(kind, "an update of a kind that is not read");
    }
}

/// An update of Telegram's could not be worked in by a fault of ours, and was left.
pub fn update_given_up() {
    counter!("tollhouse_telegram_updates_given_up_total").increment(1);
}

/// For how long each part of this process has been silent.
pub fn parts(silent_seconds: &BTreeMap<&'static str, i64>) {
    for (part, seconds) in silent_seconds {
        #[expect(clippy::cast_precision_loss, reason = "seconds for a graph")]
        gauge!("tollhouse_part_silent_seconds", "part" => *part).set(*seconds as f64);
    }
}

/// What the database says, as of now.
pub fn stats(stats: &Stats, now: Timestamp) {
    #[expect(clippy::cast_precision_loss, reason = "a count for a graph")]
    let number = |count: u64| count as f64;
    for jobs in &stats.jobs {
        gauge!("tollhouse_jobs", "kind" => jobs.kind.clone(), "state" => jobs.state.as_str())
            .set(number(jobs.count));
    }
    gauge!("tollhouse_outbox_oldest_seconds").set(oldest_seconds(stats, now));
    gauge!("tollhouse_stuck_payments").set(number(stats.stuck_payments));
    for reason in tollhouse_core::attention::Reason::ALL {
        let open = stats.attention_open.get(reason).copied().unwrap_or(0);
        gauge!("tollhouse_attention_open", "reason" => reason.as_str()).set(number(open));
    }
}

/// How long the longest due job has waited, in seconds; 0 where none is due.
#[must_use]
pub fn oldest_seconds(stats: &Stats, now: Timestamp) -> f64 {
    stats.outbox_oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0))
}
