//! The numbers that Prometheus reads; their names are the contract's.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch;
use tollhouse_core::job::{JobKind, JobState};
use tollhouse_store::{BatchReport, Stats};
use tollhouse_telegram::{Method, Observe};

use crate::trouble::Trouble;

/// Buckets of the commit and answer times, in seconds: the provider waits three.
const SECONDS_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Buckets of the time from notification to access, in seconds: from at once to an hour of Telegram being away.
const ACCESS_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0];
/// Buckets of the batch size, in commands.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// How often what the histograms collected is worked into their buckets, in seconds. Reading the metrics does it as well, but nobody may
/// read them, and each notification leaves a number.
const UPKEEP_SECONDS: u64 = 10;

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder, once per process; `None` if another one was there first.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let handle = builder().ok()?.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("commit_seconds".to_owned()), SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("access_seconds".to_owned()), ACCESS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("batch_size".to_owned()), BATCH_BUCKETS)
}

/// Keeps the histograms small until told to stop.
pub async fn keep(mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(UPKEEP_SECONDS)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Some(recorder) = recorder() {
            recorder.run_upkeep();
        }
    }
}

/// What each metric is, for whoever reads them.
fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(*name, *help);
    }
    for (name, help) in GAUGES {
        describe_gauge!(*name, *help);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(*name, *help);
        // Empty, and there.
        let _ = histogram!(*name);
    }
    zero();
}

const COUNTERS: &[(&str, &str)] = &[
    ("tollhouse_ipn_total", "Notifications stored, by verdict."),
    ("tollhouse_ipn_rejected_total", "Notifications not stored, by reason."),
    ("tollhouse_payment_write_total", "Payments first heard of (inserted) and heard of again (updated)."),
    ("tollhouse_requests_limited_total", "Requests answered 429, since their address asks too often."),
    ("tollhouse_provider_requests_total", "Questions to NOWPayments, by call and outcome."),
    ("tollhouse_provider_looks_total", "Single questions to NOWPayments that something gave rise to."),
    ("tollhouse_reconcile_passes_total", "Passes of the reconciler, by outcome."),
    ("tollhouse_reconcile_taken_in_total", "Answers of NOWPayments that told something new, by verdict."),
    ("tollhouse_telegram_requests_total", "Calls to Telegram, by method and outcome."),
    ("tollhouse_telegram_updates_unread_total", "Updates of a kind that is not read."),
    (
        "tollhouse_telegram_updates_given_up_total",
        "Updates that could not be worked in by a fault of this program, and were left.",
    ),
];

const GAUGES: &[(&str, &str)] = &[
    ("tollhouse_jobs", "Jobs by kind and state."),
    (
        "tollhouse_jobs_retrying",
        "Waiting jobs that have failed at least once at what they are to do next, by kind.",
    ),
    (
        "tollhouse_outbox_oldest_seconds",
        "How long the longest due job has waited, in seconds; 0 if none is due.",
    ),
    ("tollhouse_stuck_payments", "Payments that ended in neither access nor the attention list; must be 0."),
    ("tollhouse_attention_open", "Open items of the attention list, by reason."),
    ("tollhouse_reconcile_age_seconds", "How long ago a pass of the reconciler came to its end, in seconds."),
    ("tollhouse_part_silent_seconds", "For how long a part of this process has been silent, in seconds."),
    (
        "tollhouse_telegram_failing_seconds",
        "For how long no call of this process to Telegram has gone well, in seconds; 0 if the last one did.",
    ),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    ("tollhouse_ipn_commit_seconds", "From a notification's request to its commit, in seconds."),
    ("tollhouse_commit_batch_size", "Commands in one commit."),
    ("tollhouse_ipn_to_access_seconds", "From a grant to the message that brings access, in seconds."),
];

/// Why a notification is not stored: what the HTTP side says, and what the verification does.
const REJECTIONS: &[&str] = &[
    "signature_missing",
    "signature_repeated",
    "signature_malformed",
    "signature_mismatch",
    "no_secret",
    "not_json",
    "not_an_object",
    "trailing_text",
    "duplicate_key",
    "too_deep",
    "not_utf8",
    "byte_order_mark",
    "lone_surrogate",
    "shape",
    "no_payment_id",
    "truncated",
    "too_large",
    "media_type",
    "queue_full",
    "unavailable",
    "timeout",
    "internal",
];

/// What NOWPayments is asked.
const PROVIDER_CALLS: &[&str] = &[
    "status",
    "auth",
    "get_payment",
    "list_payments",
    "create_invoice",
    "create_payment",
    "merchant_coins",
    "full_currencies",
    "min_amount",
    "estimate",
];

/// What Telegram is asked of which an alert may be made; the others show from their first call on.
const TELEGRAM_METHODS: &[Method] = &[
    Method::GetMe,
    Method::GetUpdates,
    Method::CreateChatInviteLink,
    Method::ApproveChatJoinRequest,
    Method::DeclineChatJoinRequest,
    Method::SendMessage,
    Method::EditMessageText,
    Method::BanChatMember,
    Method::UnbanChatMember,
];

/// Every counter stands at zero from the start, so that its first increment shows as one. Of what the outside answers these are success and
/// outage; each other outcome shows from its first time on.
fn zero() {
    for verdict in tollhouse_core::event::Verdict::ALL {
        counter!("tollhouse_ipn_total", "verdict" => verdict.as_str()).absolute(0);
        counter!("tollhouse_reconcile_taken_in_total", "verdict" => verdict.as_str()).absolute(0);
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
    for reason in REJECTIONS {
        counter!("tollhouse_ipn_rejected_total", "reason" => *reason).absolute(0);
    }
    for call in PROVIDER_CALLS {
        for outcome in ["ok", "unavailable"] {
            counter!("tollhouse_provider_requests_total", "call" => *call, "outcome" => outcome).absolute(0);
        }
    }
    for trigger in ["page", "wrong_signature"] {
        for outcome in ["taken_in", "nothing_new", "not_asked", "failed"] {
            counter!("tollhouse_provider_looks_total", "trigger" => trigger, "outcome" => outcome)
                .absolute(0);
        }
    }
    for method in TELEGRAM_METHODS {
        for outcome in ["ok", "transient"] {
            counter!("tollhouse_telegram_requests_total", "method" => method.name(), "outcome" => outcome)
                .absolute(0);
        }
    }
    counter!("tollhouse_telegram_updates_unread_total").absolute(0);
    telegram_failing(None);
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

/// Counts the calls to Telegram, and notices when none goes well.
#[derive(Debug)]
pub struct TelegramCalls {
    trouble: Arc<Trouble>,
}

impl TelegramCalls {
    /// Nothing was called yet.
    #[must_use]
    pub fn new(trouble: Arc<Trouble>) -> Self {
        Self { trouble }
    }
}

impl Observe for TelegramCalls {
    fn call(&self, method: tollhouse_telegram::Method, outcome: &'static str) {
        counter!("tollhouse_telegram_requests_total", "method" => method.name(), "outcome" => outcome)
            .increment(1);
        self.trouble.telegram_called(outcome);
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

/// For how long no call to Telegram has gone well, in seconds.
pub fn telegram_failing(seconds: Option<i64>) {
    #[expect(clippy::cast_precision_loss, reason = "seconds for a graph")]
    gauge!("tollhouse_telegram_failing_seconds").set(seconds.unwrap_or(0) as f64);
}

/// For how long each part of this process has been silent.
pub fn parts(silent_seconds: &BTreeMap<&'static str, i64>) {
    for (part, seconds) in silent_seconds {
        #[expect(clippy::cast_precision_loss, reason = "seconds for a graph")]
        gauge!("tollhouse_part_silent_seconds", "part" => *part).set(*seconds as f64);
    }
}

/// What of the metrics the database says. What it said once is not said again when it does not answer: whoever is woken by these numbers
/// must not be calmed by old ones.
const OF_THE_DATABASE: &[&str] = &[
    "tollhouse_jobs",
    "tollhouse_jobs_retrying",
    "tollhouse_outbox_oldest_seconds",
    "tollhouse_stuck_payments",
    "tollhouse_attention_open",
];

/// The text of the metrics without those that the database says.
#[must_use]
pub fn without_the_database(text: &str) -> String {
    let name = |line: &str| {
        let line = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        line.split(['{', ' ']).next().unwrap_or_default().to_owned()
    };
    text.split_inclusive('\n').filter(|line| !OF_THE_DATABASE.contains(&name(line).as_str())).collect()
}

/// What the database says, as of now.
pub fn stats(stats: &Stats, now: Timestamp) {
    #[expect(clippy::cast_precision_loss, reason = "a count for a graph")]
    let number = |count: u64| count as f64;
    let is_counted =
        |state: &JobState| stats.totals.is_some() || matches!(state, JobState::Leased | JobState::Dead);
    let states: Vec<JobState> = JobState::ALL.into_iter().filter(is_counted).collect();
    // A kind of which there is none any more is not listed, and has to go back to zero.
    let known =
        JobKind::NAMES.iter().flat_map(|kind| states.iter().map(|state| ((*kind, state.as_str()), 0)));
    let mut jobs: BTreeMap<(&str, &'static str), u64> = known.collect();
    jobs.extend(stats.all_jobs().map(|jobs| ((jobs.kind.as_str(), jobs.state.as_str()), jobs.count)));
    for ((kind, state), count) in jobs {
        gauge!("tollhouse_jobs", "kind" => kind.to_owned(), "state" => state).set(number(count));
    }
    if let Some(totals) = &stats.totals {
        for kind in JobKind::NAMES.iter().copied() {
            let count = totals.retrying.get(kind).copied().unwrap_or(0);
            gauge!("tollhouse_jobs_retrying", "kind" => kind).set(number(count));
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use metrics::with_local_recorder;
    use tollhouse_store::{JobCount, JobTotals};

    use super::*;

    #[test]
    fn numbers_of_the_database_go_when_it_does_not_answer() {
        let text = "# HELP tollhouse_jobs Jobs.\n# TYPE tollhouse_jobs gauge\ntollhouse_jobs{kind=\"a\",state=\"ready\"} 1\n\
                    tollhouse_stuck_payments 3\n# TYPE tollhouse_ipn_total counter\ntollhouse_ipn_total 2\n";
        let left = "# TYPE tollhouse_ipn_total counter\ntollhouse_ipn_total 2\n";
        assert_eq!(without_the_database(text), left);
    }

    const REFERENCE: &str = include_str!("../../../docs/src/reference/metrics.md");

    /// The contract's metrics, with their labels.
    const PROMISED: [(&str, &str, &[&str]); 12] = [
        ("tollhouse_ipn_total", "counter", &["verdict"]),
        ("tollhouse_ipn_rejected_total", "counter", &["reason"]),
        ("tollhouse_payment_write_total", "counter", &["operation"]),
        ("tollhouse_ipn_commit_seconds", "histogram", &["le"]),
        ("tollhouse_commit_batch_size", "histogram", &["le"]),
        ("tollhouse_ipn_to_access_seconds", "histogram", &["le"]),
        ("tollhouse_jobs", "gauge", &["kind", "state"]),
        ("tollhouse_outbox_oldest_seconds", "gauge", &[]),
        ("tollhouse_stuck_payments", "gauge", &[]),
        ("tollhouse_attention_open", "gauge", &["reason"]),
        ("tollhouse_provider_requests_total", "counter", &["call", "outcome"]),
        ("tollhouse_telegram_requests_total", "counter", &["method", "outcome"]),
    ];

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn counted(jobs: Vec<JobCount>) -> Stats {
        Stats { totals: Some(JobTotals { jobs, ..JobTotals::default() }), ..Stats::default() }
    }

    /// What a process shows that has done nothing yet.
    fn fresh() -> String {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        with_local_recorder(&recorder, || {
            describe();
            stats(&counted(Vec::new()), now());
        });
        handle.render()
    }

    #[test]
    fn every_promised_metric_is_there_from_the_start_and_says_what_it_is() {
        let text = fresh();
        for (name, kind, labels) in PROMISED {
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} is no {kind}:\n{text}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name} does not say what it is");
            let start = if kind == "histogram" { format!("{name}_bucket") } else { name.to_owned() };
            let samples: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix(&start))
                .filter(|rest| rest.starts_with(['{', ' ']))
                .collect();
            assert!(!samples.is_empty(), "{name} has no value");
            for sample in samples {
                assert!(sample.ends_with(" 0"), "{name}{sample}");
                for label in labels {
                    assert!(sample.contains(&format!("{label}=\"")), "{name}{sample} lacks {label}");
                }
            }
        }
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} does not say what it is");
        }
    }

    #[test]
    fn the_reference_names_every_metric_and_every_reason() {
        let cells = REFERENCE.lines().filter_map(|line| line.strip_prefix("| `tollhouse_"));
        let documented: BTreeSet<String> = cells
            .map(|rest| rest.split(['{', '`']).next().unwrap())
            .map(|rest| format!("tollhouse_{rest}"))
            .collect();
        let described: BTreeSet<String> =
            [COUNTERS, GAUGES, HISTOGRAMS].concat().iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(documented, described);
        let reasons = REFERENCE.split("## Why a notification was not stored").nth(1).unwrap();
        let rows = reasons.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
        // The first row is the table's head.
        let named: BTreeSet<&str> = rows
            .skip(1)
            .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
            .collect();
        assert_eq!(named, REJECTIONS.iter().copied().collect());
        for kind in JobKind::NAMES {
            assert!(REFERENCE.contains(&format!("`{kind}`")), "{kind} is not in the reference");
        }
    }

    #[test]
    fn a_kind_of_job_of_which_none_is_left_goes_back_to_zero() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        let line = "tollhouse_jobs{kind=\"deliver_access\",state=\"ready\"}";
        with_local_recorder(&recorder, || {
            let waiting = JobCount { kind: "deliver_access".into(), state: JobState::Ready, count: 5 };
            stats(&counted(vec![waiting]), now());
            assert!(handle.render().contains(&format!("{line} 5\n")));
            stats(&Stats::default(), now());
            assert!(handle.render().contains(&format!("{line} 5\n")), "they are being counted");
            stats(&counted(Vec::new()), now());
        });
        assert!(handle.render().contains(&format!("{line} 0\n")));
    }
}
