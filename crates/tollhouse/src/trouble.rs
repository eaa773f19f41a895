//! What did not work lately, as this process saw it, for those who watch: an outage that each job waits out by itself moves its time on and
//! shows in no queue, and a full disk that still takes a small write looks well a moment later (F104).

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tollhouse_store::StoreError;

use crate::clock::Clock;

/// For how long no call to Telegram must have gone well until that is an outage, in seconds. Restarts and lost connections are shorter.
pub const TELEGRAM_OUTAGE_SECONDS: i64 = 120;
/// How long a failure counts after which Telegram was not called again, in seconds: the bot calls every few seconds, a worker alone when a
/// job is due.
const TELEGRAM_HEARD_SECONDS: i64 = 900;
/// For how long after a write failed the database is not called well, in seconds. On a full disk a small write goes well between large ones
/// that fail.
pub const WRITE_FAILED_SECONDS: i64 = 300;

/// What did not work lately.
#[derive(Debug)]
pub struct Trouble {
    clock: Clock,
    lately: Mutex<Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    /// The calls to Telegram since the last that went well.
    telegram: Option<Failing>,
    write_failed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Failing {
    since: Timestamp,
    last: Timestamp,
}

impl Trouble {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, lately: Mutex::default() }
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to Telegram ended, as [`tollhouse_telegram::Observe`] is told.
    pub(crate) fn telegram_called(&self, outcome: &str) {
        let now = self.clock.now();
        let mut lately = self.lately();
        lately.telegram = match (outcome, lately.telegram) {
            ("transient" | "invalid_token", failing) => {
                Some(Failing { since: failing.map_or(now, |failing| failing.since), last: now })
            }
            // A limit of ours may have held it back: that tells nothing of Telegram.
            ("retry_after", failing) => failing,
            // A refusal is an answer, too.
            _ => None,
        };
    }

    /// For how many seconds no call to Telegram has gone well; `None` if the last one did, or none was made lately.
    #[must_use]
    pub fn telegram_failing_seconds(&self) -> Option<i64> {
        let now = self.clock.now();
        let failing = self.lately().telegram?;
        let is_heard_of = now.duration_since(failing.last).as_secs() <= TELEGRAM_HEARD_SECONDS;
        is_heard_of.then(|| now.duration_since(failing.since).as_secs().max(0))
    }

    /// Whether Telegram is away for so long that somebody should look.
    #[must_use]
    pub fn is_telegram_out(&self) -> bool {
        self.telegram_failing_seconds().is_some_and(|seconds| seconds >= TELEGRAM_OUTAGE_SECONDS)
    }

    /// The store could not carry a command out.
    pub(crate) fn store_failed(&self, error: &StoreError) {
        if let StoreError::Unavailable { .. } = error {
            self.lately().write_failed_at = Some(self.clock.now());
        }
    }

    /// Whether a write failed a moment ago.
    #[must_use]
    pub fn did_write_fail(&self) -> bool {
        let at = self.lately().write_failed_at;
        let lasts = SignedDuration::from_secs(WRITE_FAILED_SECONDS);
        at.is_some_and(|at| self.clock.now().duration_since(at) < lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f104_an_outage_of_telegram_shows_after_a_while_and_ends_with_the_first_answer() {
        let clock = Clock::default();
        let trouble = Trouble::new(clock.clone());
        let pass = |seconds| clock.advance(SignedDuration::from_secs(seconds));
        assert_eq!((trouble.telegram_failing_seconds(), trouble.is_telegram_out()), (None, false));
        trouble.telegram_called("transient");
        assert_eq!(trouble.telegram_failing_seconds(), Some(0));
        assert!(!trouble.is_telegram_out(), "one lost connection is no outage");
        pass(TELEGRAM_OUTAGE_SECONDS);
        trouble.telegram_called("retry_after");
        assert!(trouble.is_telegram_out(), "what we held back ourselves ends no outage");
        pass(TELEGRAM_HEARD_SECONDS - TELEGRAM_OUTAGE_SECONDS);
        trouble.telegram_called("invalid_token");
        assert!(trouble.telegram_failing_seconds().is_some_and(|seconds| seconds >= TELEGRAM_HEARD_SECONDS));
        trouble.telegram_called("blocked");
        assert_eq!(trouble.telegram_failing_seconds(), None, "a refusal is an answer");
        trouble.telegram_called("transient");
        pass(TELEGRAM_HEARD_SECONDS + 1);
        assert_eq!(trouble.telegram_failing_seconds(), None, "nobody has asked since");
    }

    #[test]
    fn f104_a_write_that_failed_shows_for_a_while() {
        let clock = Clock::default();
        let trouble = Trouble::new(clock.clone());
        trouble.store_failed(&StoreError::Full);
        assert!(!trouble.did_write_fail(), "a full queue is load, and has a metric of its own");
        trouble.store_failed(&StoreError::Unavailable { what: "the disk is full".into() });
        clock.advance(SignedDuration::from_secs(WRITE_FAILED_SECONDS - 1));
        assert!(trouble.did_write_fail());
        clock.advance(SignedDuration::from_secs(2));
        assert!(!trouble.did_write_fail());
    }
}
